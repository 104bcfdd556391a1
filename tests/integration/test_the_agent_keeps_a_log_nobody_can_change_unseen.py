# SPDX-License-Identifier: Apache-2.0
"""The event log of the agent: written by the real agent, followed by its own command, and every change named."""
import itertools
import json
import time

import pytest
from harness.merlon import run_program
from harness.mqtt import Mqtt
from harness.waiting import wait_until
from test_the_agent_looks_after_itself import enrolled, run


@pytest.fixture
def log(merlon, processes):
    """The log of an agent that was connected and stopped."""
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    merlon.wait_for_entry("connection.opened", actor_id="press-7")
    path = merlon.folder / "agent-press-7" / "events.log"
    wait_until(lambda: "connection.up" in path.read_text(), "the connection in the log")
    assert agent.stop() == 0
    return path


def verify(log):
    return run_program("merlon-agent", "log", "verify", "--dir", log.parent)


def test_what_happened_is_in_the_log_and_holds(log):
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["event"] for line in lines] == ["log.begun", "agent.started", "connection.up", "agent.stopped"]
    done = verify(log)
    assert done.code == 0 and lines[-1]["hash"] in done.out, done
    assert run_program("merlon-agent", "log", "show", "--dir", log.parent).out == log.read_text()


@pytest.mark.parametrize(("change", "named"), [
    (lambda lines: [lines[0], lines[1].replace("press-7", "press-8"), *lines[2:]], "line 2 "),
    (lambda lines: [lines[0], *lines[2:]], "line 2 "),
    (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "line 2 "),
    (lambda lines: [*lines, lines[-1]], "line 5 "),
    (lambda lines: lines[1:], "line 1 "),
    (lambda lines: [*lines[:3], lines[3][:-20]], "half a line"),
])
def test_a_change_is_named(log, change, named):
    log.write_text("".join(change(log.read_text().splitlines(keepends=True))))
    done = verify(log)
    assert done.code == 1 and named in done.err, done


def test_a_start_on_a_broken_chain_keeps_it_and_says_so(merlon, processes, log):
    broken = log.read_text().replace("connection.up", "connection.xx")
    log.write_text(broken)
    agent = run(merlon, processes, "press-7")
    wait_until(lambda: log.exists() and "connection.up" in log.read_text(), "the connection in the new log")
    assert agent.stop() == 0
    assert log.with_name("events.broken.log").read_text() == broken
    second = json.loads(log.read_text().splitlines()[1])
    assert second["event"] == "log.broken" and "line 3 " in second["why"] and second["seq"] > 4
    assert verify(log).code == 0


def test_kill_9_leaves_a_log_that_goes_on(merlon, processes, log):
    for _ in range(3):
        agent = run(merlon, processes, "press-7")
        before = log.read_text().count("connection.up")
        wait_until(lambda b=before: log.read_text().count("connection.up") > b, "the connection in the log")
        agent.popen.kill()
        agent.popen.wait()
    assert verify(log).code == 0


def run_once(merlon, processes, log, anchored: str) -> dict:
    """The agent connects, and the new entry about its log is given."""
    before = len(merlon.audit(action=anchored))
    agent = run(merlon, processes, "press-7")
    agent.wait_for_log('"event":"connection.up"')
    wait_until(lambda: len(merlon.audit(action=anchored)) > before, anchored)
    assert agent.stop() == 0
    return merlon.audit(action=anchored)[-1]


def test_heads_are_anchored_in_the_audit_log(merlon, processes, log):
    entry = run_once(merlon, processes, log, "device.log_anchored")
    assert entry["target"] == "press-7" and entry["actor"]["id"] == "press-7"
    hashes = {line["seq"]: line["hash"] for line in map(json.loads, log.read_text().splitlines())}
    for anchor in merlon.audit(action="device.log_anchored"):
        assert hashes[anchor["details"]["device_seq"]] == anchor["details"]["device_hash"]
    assert merlon.audit(action="device.log_rolled_back") == []


def test_a_cut_tail_and_a_log_made_anew_are_told_by_the_audit_log(merlon, processes, log):
    run_once(merlon, processes, log, "device.log_anchored")
    run_once(merlon, processes, log, "device.log_anchored")
    anchored = merlon.audit(action="device.log_anchored")[-1]["details"]
    whole = log.read_text().splitlines(keepends=True)
    for cut in (whole[:2], []):
        log.write_text("".join(cut))
        assert not cut or verify(log).code == 0  # by itself it looks good
        entry = run_once(merlon, processes, log, "device.log_rolled_back")
        assert entry["outcome"] == "failed" and entry["target"] == "press-7"
        assert entry["details"]["anchored_seq"] == anchored["device_seq"]
        assert entry["details"]["anchored_hash"] == anchored["device_hash"]
        assert entry["details"]["device_seq"] < anchored["device_seq"]


def test_no_subscriber_sees_a_head_and_nothing_else_may_be_said_there(merlon):
    application = merlon.application("app", subscribe=("#", "+/log/head"), publish=("#",))
    head = json.dumps({"hash": "a" * 64, "seq": 1}).encode()
    with Mqtt(merlon.mqtt_port, merlon.root, application) as reader, \
            Mqtt(merlon.mqtt_port, merlon.root, merlon.device("d")) as device:
        reader.connect("r")
        reader.subscribe("#")
        device.connect("d")
        assert device.publish("$merlon/log/head", head) == 0
        assert device.publish("$merlon/log/head", b'{"seq":1}') == 0x99
        assert device.publish("$merlon/log/head", head, qos=2) == 0x87
        assert device.publish("$merlon/other", head) == 0x87
        assert reader.publish("$merlon/log/head", head) == 0x87
        reader.publish("end", b"x")
        assert reader.receive().topic == "end"
    merlon.wait_for_entry("device.log_anchored", target="d")
    merlon.wait_for_entry("publish.denied", target="$merlon/log/head", actor_id="app")
    assert len(merlon.audit(action="device.log_anchored")) == 1


def test_heads_are_anchored_once_in_ten_seconds(merlon):
    """Those between are taken, and the next one covers them."""
    def head(seq: int) -> bytes:
        return json.dumps({"hash": f"{seq:064x}", "seq": seq}).encode()

    def anchored() -> list[int]:
        return [entry["details"]["device_seq"] for entry in merlon.audit(action="device.log_anchored")]

    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("d")) as device:
        device.connect("d")
        begin, taken = time.monotonic(), [0.0]  # when it was acknowledged, by seq
        for seq in itertools.count(1):
            assert device.publish("$merlon/log/head", head(seq)) == 0
            taken.append(time.monotonic() - begin)
            if seq == 1:
                wait_until(lambda: anchored() == [1], "the first to be anchored")
            elif anchored() != [1]:
                break
            assert taken[-1] < 30
        first, second = anchored()  # it shows after its commit: more were taken meanwhile
        assert first == 1 and 3 < second <= seq
        assert 9.9 < taken[second] < 15


def test_a_fetched_log_is_compared_with_what_the_device_told(merlon, processes, log):
    for _ in range(2):
        run_once(merlon, processes, log, "device.log_anchored")
    whole = log.read_text().splitlines(keepends=True)
    told = merlon.audit(action="device.log_anchored")[-1]["details"]["device_seq"]
    fetched = merlon.folder / "fetched.log"

    def compare(lines):
        fetched.write_text("".join(lines))
        return merlon.cli("device", "verify-log", "press-7", fetched)

    assert compare(whole).code == 0
    changed = compare([whole[0], whole[1].replace("press-7", "press-8"), *whole[2:]])
    assert changed.code == 5 and "line 2 " in changed.err, changed
    short = compare(whole[:told - 1])
    assert short.code == 5 and f"told of number {told}" in short.err, short
    merlon.add_device("silent")
    assert merlon.cli("device", "verify-log", "silent", fetched).code == 1
