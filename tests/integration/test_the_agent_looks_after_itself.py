# SPDX-License-Identifier: Apache-2.0
"""merlon-agent against the real daemon: enrolment with a pinned root, readings, reconnection, renewal."""
import json
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness.merlon import run_program
from harness.mqtt import Mqtt
from harness.process import program
from harness.waiting import wait_until


def root_sha256(merlon) -> str:
    return x509.load_pem_x509_certificate(merlon.root.read_bytes()).fingerprint(hashes.SHA256()).hex()


def enrol(merlon, name: str, pin: str, token: str):
    file = merlon.folder / f"{name}.token"
    file.write_text(token + "\n", encoding="ascii")
    return run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--device", name, "--token-file", file, "--root-sha256", pin,
                       "--dir", merlon.folder / f"agent-{name}")


def enrolled(merlon, name: str) -> None:
    merlon.add_device(name)
    done = enrol(merlon, name, root_sha256(merlon), merlon.token(name))
    assert done.code == 0, done


def run(merlon, processes, name: str, interval: str = "1s"):
    return processes.start([program("merlon-agent"), "run", "--dir", merlon.folder / f"agent-{name}", "--interval", interval])


@pytest.fixture
def reader(merlon):
    identity = merlon.application("dashboard", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
        client.connect()
        client.subscribe("devices/#")
        yield client


@pytest.mark.quick
def test_readings_arrive_at_a_mosquitto_sub(merlon, processes):
    application = merlon.application("dashboard", subscribe=("devices/#",))
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    done = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", str(merlon.root), "--cert",
                           str(application.certificate), "--key", str(application.key), "-t", "devices/+/readings", "-C", "2",
                           "-W", "60", "-F", "%t %p"], capture_output=True, text=True, check=False, timeout=90)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, (done, agent.log())
    for line in lines:
        topic, _, payload = line.partition(" ")
        assert topic == "devices/press-7/readings"
        assert isinstance(json.loads(payload), dict)
    assert agent.stop() == 0


@pytest.mark.quick
def test_a_wrong_root_pin_is_refused_before_the_token_leaves(merlon):
    merlon.add_device("press-7")
    done = enrol(merlon, "press-7", "00" * 32, merlon.token("press-7"))
    assert done.code not in (0, 2), done
    assert merlon.api.all_of("/v1/tokens")[0]["state"] == "open"
    assert merlon.api.get("/v1/devices/press-7")["credentials"] == []


def test_a_wrong_token_is_told(merlon):
    merlon.add_device("press-7")
    done = enrol(merlon, "press-7", root_sha256(merlon), "A" * 43)
    assert done.code not in (0, 2) and "token" in done.err.lower(), done


def test_the_exit_code_says_what_is_wrong(merlon):
    """docs/operate/agent.md has the table."""
    folder = merlon.folder / "agent-press-7"
    assert run_program("merlon-agent", "enrol", "--device", "press-7", "--dir", folder).code == 2
    assert run_program("merlon-agent", "show", "--dir", folder).code == 3
    assert run_program("merlon-agent", "run", "--dir", folder).code == 3
    merlon.add_device("press-7")
    assert enrol(merlon, "press-7", root_sha256(merlon), "A" * 43).code == 5
    token = merlon.token("press-7")
    merlon.stop()
    unreached = enrol(merlon, "press-7", root_sha256(merlon), token)
    assert unreached.code == 6 and "refused" in unreached.err, unreached
    merlon.start()
    assert enrol(merlon, "press-7", root_sha256(merlon), token).code == 0
    assert enrol(merlon, "press-7", root_sha256(merlon), token).code == 4
    (folder / "settings.json").write_text("{", encoding="ascii")
    assert run_program("merlon-agent", "show", "--dir", folder).code == 1


def test_no_secret_is_left_for_others_to_read(merlon):
    enrolled(merlon, "press-7")
    folder = merlon.folder / "agent-press-7"
    for file in folder.rglob("*"):
        if file.is_file() and b"PRIVATE KEY" in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0, file
    assert any(b"PRIVATE KEY" in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_it_reconnects_by_itself_when_the_daemon_comes_back(merlon, processes):
    application = merlon.application("dashboard", subscribe=("devices/#",))
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    merlon.wait_for_entry("connection.opened", actor_id="press-7")
    merlon.restart()
    with Mqtt(merlon.mqtt_port, merlon.root, application) as reader:
        reader.connect()
        reader.subscribe("devices/press-7/readings")
        assert reader.receive().topic == "devices/press-7/readings"
    merlon.kill()
    merlon.start()
    with Mqtt(merlon.mqtt_port, merlon.root, application) as reader:
        reader.connect()
        reader.subscribe("devices/press-7/readings")
        assert reader.receive().topic == "devices/press-7/readings"
    assert agent.is_running() and agent.stop() == 0


def test_a_short_lived_certificate_is_renewed_in_time(start_merlon, processes):
    merlon = start_merlon({"issuing": {"device_life": "20s"}})
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    merlon.wait_for_entry("device.reenrolled", target="press-7", outcome="ok")
    # three lives on: it is still there, with a certificate that is good
    wait_until(lambda: len(merlon.audit(action="device.reenrolled")) >= 2, "the second renewal", 60)
    assert merlon.audit(action="connection.refused") == []
    assert agent.is_running(), agent.log()
    connected = {e["action"] for e in merlon.audit(actor="device:press-7")}
    assert "connection.opened" in connected
    assert agent.stop() == 0


def test_a_revoked_agent_is_cut_off_and_does_not_storm(merlon, processes):
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    merlon.wait_for_entry("connection.opened", actor_id="press-7")
    merlon.api.step("press-7", "revoke", "stolen")
    merlon.wait_for_entry("connection.refused", actor_id="press-7", reason="revoked")
    before = merlon.refusals("revoked")
    with pytest.raises(TimeoutError):
        wait_until(lambda: merlon.refusals("revoked") > before + 10, "a storm", 3)
    agent.stop()


def test_commands_reach_the_agent(merlon, processes):
    operator = merlon.application("control", publish=("devices/+/commands/#",))
    enrolled(merlon, "press-7")
    agent = run(merlon, processes, "press-7")
    merlon.wait_for_entry("connection.opened", actor_id="press-7")
    with Mqtt(merlon.mqtt_port, merlon.root, operator) as client:
        client.connect()
        wait_until(lambda: client.publish("devices/press-7/commands/blink", b"twice") == 0 and "blink" in agent.log(),
                   "the command in the log of the agent")
    assert agent.stop() == 0


def test_a_topic_has_127_bytes_and_not_one_more(merlon, processes, reader):
    enrolled(merlon, "press-7")
    folder, longest = merlon.folder / "agent-press-7", "devices/press-7/" + "t" * 111
    agent = processes.start([program("merlon-agent"), "run", "--dir", folder, "--topic", longest])
    assert reader.receive().topic == longest
    assert agent.stop() == 0
    for wrong in (longest + "t", "", "devices/+/t", "devices/#", "$SYS/t"):
        done = run_program("merlon-agent", "run", "--dir", folder, "--topic", wrong)
        assert (done.code, "--topic takes" in done.err) == (2, True), done
