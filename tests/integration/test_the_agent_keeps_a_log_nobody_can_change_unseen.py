# SPDX-License-Identifier: Apache-2.0
"""The event log of the agent: written by the real agent, followed by its own command, and every change named."""
import json

import pytest
from harness.merlon import run_program
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
    wait_until(lambda: "connection.up" in log.read_text(), "the connection in the new log")
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
