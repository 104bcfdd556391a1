# SPDX-License-Identifier: Apache-2.0
"""The key process is killed: known devices are served as before, nobody gets a certificate and is told why, and it comes back
without anybody's help. And an operator can have it read its keystore anew, while everything goes on."""
import os
import signal
import subprocess
from pathlib import Path

import pytest
from harness.est import Est, make_csr_body
from harness.ca import make_key
from harness.client import MqttClient
from harness.merlon import Merlon, name_of
from harness.process import program
from harness.waiting import DEADLINE_S, wait_until

OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()


def is_back(merlon: Merlon, old: int) -> bool:
    try:
        return merlon.key_process() != old
    except AssertionError:
        return False


def kill_keys(merlon: Merlon) -> int:
    pid = merlon.key_process()
    os.kill(pid, signal.SIGKILL)
    return pid


def try_to_enrol(merlon: Merlon, name: str, token: str):
    key = merlon.folder / f"{name}.key"
    make_key(key)
    return Est(merlon.enrolment_port, merlon.root).enrol(name, token, make_csr_body(key, f"/CN={name}"))


@pytest.mark.quick
def test_killed_it_comes_back_alone_and_devices_notice_nothing(merlon):
    identity = merlon.device("pump-7")
    with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
        client.connect()
        old = kill_keys(merlon)
        wait_until(lambda: is_back(merlon, old), "another key process")
        merlon.wait_for_entry("keys.back")
        assert client.paho.is_connected()
    assert merlon.device("pump-8") is not None
    assert len(merlon.audit(action="keys.lost")) == len(merlon.audit(action="keys.back")) == 1
    assert merlon.cli("audit", "verify").code == 0


def test_meanwhile_who_wants_a_certificate_is_told_to_come_again(merlon):
    """Nothing is started while the program is not there."""
    merlon.add_device("pump-9")
    token, identity = merlon.token("pump-9"), merlon.device("pump-7")
    keeper = merlon.keeper()
    os.kill(keeper, signal.SIGSTOP)
    try:
        kill_keys(merlon)
        merlon.process.wait_for_log('"event":"keys.died"')
        answer = try_to_enrol(merlon, "pump-9", token)
        assert answer.status == 503 and "the key process has ended" in answer.text and "retry-after" in answer.headers
        with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
            assert client.connect() == 0
        assert merlon.api.get("/v1/devices/pump-7")["state"] == "active"
    finally:
        os.kill(keeper, signal.SIGCONT)
    merlon.wait_for_entry("keys.back")
    assert try_to_enrol(merlon, "pump-9", token).status == 200  # the token was not spent


def test_a_keeper_that_takes_its_time_is_waited_for(merlon):
    """It answers later than the daemon waits for it: that is a try that failed, and not the end."""
    identity = merlon.device("pump-7")
    keeper = merlon.keeper()
    os.kill(keeper, signal.SIGSTOP)
    try:
        old = kill_keys(merlon)
        merlon.process.wait_for_log("does not answer")
        with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
            assert client.connect() == 0
    finally:
        os.kill(keeper, signal.SIGCONT)
    wait_until(lambda: is_back(merlon, old), "another key process")
    merlon.wait_for_entry("keys.back")
    assert merlon.device("pump-8") is not None
    assert len(merlon.audit(action="keys.lost")) == len(merlon.audit(action="keys.back")) == 1


def test_killed_again_and_again_it_comes_back_each_time(merlon):
    for _ in range(3):
        old = kill_keys(merlon)
        wait_until(lambda: is_back(merlon, old), "another key process")
        wait_until(lambda: '"event":"keys.back"' in merlon.process.log().split(str(old))[-1], "the daemon has it")
        merlon.device(f"pump-{old}")
    assert merlon.cli("audit", "verify").code == 0


def test_without_a_keeper_the_daemon_stops_with_a_clear_error(merlon):
    process = merlon.process
    merlon.killed.add(process.pid)
    os.kill(merlon.keeper(), signal.SIGKILL)
    kill_keys(merlon)
    assert process.popen.wait(DEADLINE_S) == 1
    assert '"event":"keys.died"' in process.log()
    merlon.process = None
    merlon.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can hide something from the keys account")
def test_what_root_alone_can_read_takes_the_daemon_with_it(make_merlon, workdir: Path):
    passphrase = workdir / "passphrase"
    passphrase.write_text("correct horse battery\n", encoding="ascii")
    passphrase.chmod(0o600)
    merlon = make_merlon({"keys": {"unlock": "passphrase", "passphrase_file": str(passphrase)}})
    merlon.init()
    merlon.start()
    assert '"event":"keys.no_keeper"' in merlon.process.log()
    assert "restart merlond" in merlon.cli("ca", "reload").err
    process = merlon.process
    merlon.killed.add(process.pid)
    kill_keys(merlon)
    assert process.popen.wait(DEADLINE_S) == 1
    merlon.process = None
    merlon.start()


def test_a_new_ca_comes_in_while_everything_goes_on(merlon):
    identity = merlon.device("pump-7")
    with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
        client.connect()
        making = subprocess.Popen([program("merlon-keys"), "new-issuing", "--dir", merlon.state / "keys", *OWNER],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "waiting a minute" in making.stderr.readline()
        done = merlon.cli("ca", "reload")
        assert done.code == 0, done.err
        assert making.wait(20) == 0, making.stderr.read()
        making.stdout.close(), making.stderr.close()
        numbers = [c["number"] for c in merlon.api.get("/v1/ca/generations")["items"] if c["kind"] == "issuing"]
        assert numbers == [1, 2]
        assert client.paho.is_connected()
    assert merlon.audit(action="keys.lost") == []


def test_all_processes_end_with_the_daemon_however_it_ends(merlon):
    for end in (merlon.kill, merlon.stop):
        pids = merlon.keeper(), merlon.key_process()
        end()
        wait_until(lambda: not any(name_of(pid).startswith("merlon-ke") for pid in pids), "the end of both")
        merlon.start()
