# SPDX-License-Identifier: Apache-2.0
"""What an operator does to a device reaches its live connection, its next handshake and its tickets within a second, and
nobody else notices."""
import re
import ssl
import subprocess

import pytest
from harness import mqtt_wire as wire
from harness.ca import Identity
from harness.client import TLS_1_2, TLS_1_3
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until

VERSIONS = [pytest.param(TLS_1_2, id="tls1.2"), pytest.param(TLS_1_3, id="tls1.3")]
CONNACK_311 = b"\x20\x02\x00\x00"


def cli(merlon, *arguments: str) -> str:
    done = merlon.cli(*arguments)
    assert done.code == 0, f"merlon {' '.join(arguments)}: {done.code}\n{done.err}"
    return done.out


def can_connect(merlon, identity, version=TLS_1_3) -> bool:
    try:
        with Mqtt(merlon.mqtt_port, merlon.root, identity, tls=version) as client:
            return client.connect("probe").reason == 0
    except (ssl.SSLError, ConnectionError, Closed):
        return False


@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS)
def test_revoking_ends_the_live_connection_within_a_second(merlon, version):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7"), tls=version) as client:
        client.connect("x")
        with Stopwatch() as watch:
            cli(merlon, "device", "revoke", "pump-7", "--reason", "stolen")
            assert client.ends() == 0x98  # administrative action
            assert watch.passed < 1
    entry = merlon.wait_for_entry("device.revoked", target="pump-7", outcome="ok")
    assert entry["reason"] == "stolen"
    merlon.wait_for_entry("connection.closed", actor_id="pump-7")


@pytest.mark.parametrize("version", VERSIONS)
def test_twenty_others_stay_connected_and_keep_their_tickets(merlon, version):
    names = [f"d{n}" for n in range(20)]
    victim = merlon.device("victim")
    clients = {name: Mqtt(merlon.mqtt_port, merlon.root, merlon.device(name), tls=version) for name in [*names]}
    clients["victim"] = Mqtt(merlon.mqtt_port, merlon.root, victim, tls=version)
    for client in clients.values():
        assert client.connect("x").reason == 0
    with Stopwatch() as watch:
        cli(merlon, "device", "revoke", "victim")
        assert clients["victim"].ends() == 0x98
        assert watch.passed < 1
    for name in names:
        assert clients[name].publish(f"devices/{name}/x", b"here") == 0x10, name
    for name in names:
        before = clients[name]
        session = before.socket.session
        before.close()
        with Mqtt(merlon.mqtt_port, merlon.root, None, tls=version, context=before.context, session=session) as again:
            assert again.connect("x").reason == 0
            assert again.socket.session_reused, name
    before = clients["victim"]
    session = before.socket.session
    before.close()
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.mqtt_port, merlon.root, None, tls=version, context=before.context, session=session) as again:
            again.connect("x")
    merlon.wait_for_entry("connection.refused", actor_id="victim", reason="revoked")
    assert merlon.api.metric("merlon_tls_handshakes_total", 'kind="resumed"') == 20


def s_client(merlon, identity, version: str, *options: str) -> tuple[bool, bool]:
    """One connection by openssl that sends CONNECT. Gives whether CONNACK came and whether the session was resumed."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-CAfile", str(merlon.root), "-cert",
               str(identity.certificate), "-key", str(identity.key), f"-{version}", "-nocommands", *options]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = b""
    try:
        try:
            client.stdin.write(wire.connect(4, "s"))
            client.stdin.flush()
        except BrokenPipeError:
            pass
        while CONNACK_311 not in output and (more := client.stdout.read1(65536)):
            output += more
    finally:
        client.kill()
        client.communicate()
    assert re.search(rb"(New|Reused), (TLSv1\.[23]|\(NONE\))|alert", output), output
    return CONNACK_311 in output, b"\nReused, TLSv1" in output


@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_a_ticket_of_a_revoked_device_is_worth_nothing(merlon, workdir, version):
    device, other = merlon.device("pump-7"), merlon.device("other")
    sessions = {d.name: workdir / f"{d.name}.session" for d in (device, other)}
    for d in (device, other):
        assert s_client(merlon, d, version, "-sess_out", str(sessions[d.name])) == (True, False)
        wait_until(lambda d=d: sessions[d.name].exists(), "the session to be written")
        assert s_client(merlon, d, version, "-sess_in", str(sessions[d.name]), "-sess_out", str(sessions[d.name])) == (True, True)
    cli(merlon, "device", "revoke", "pump-7")
    assert s_client(merlon, device, version, "-sess_in", str(sessions["pump-7"]))[0] is False
    assert s_client(merlon, device, version)[0] is False
    assert s_client(merlon, other, version, "-sess_in", str(sessions["other"])) == (True, True)


def test_a_ticket_of_one_door_opens_no_other(merlon, workdir):
    device = merlon.device("pump-7")
    ticket = workdir / "ticket"
    assert s_client(merlon, device, "tls1_3", "-sess_out", str(ticket)) == (True, False)
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.management_port}", "-CAfile", str(merlon.root),
                           "-sess_in", str(ticket), "-nocommands"], input=b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n",
                          capture_output=True, check=False, timeout=30)
    assert b"Reused" not in done.stdout
    assert b"HTTP/1.1 200" not in done.stdout


def test_a_revoked_device_comes_back_only_with_a_new_token(merlon):
    merlon.device("pump-7")
    for suffix in ("key", "crt"):  # the new ones get the same names
        (merlon.folder / f"pump-7.{suffix}").rename(merlon.folder / f"old.{suffix}")
    old = Identity("pump-7", merlon.folder / "old.key", merlon.folder / "old.crt")
    cli(merlon, "device", "revoke", "pump-7")
    new = merlon.enrol("pump-7", merlon.token("pump-7"))
    assert can_connect(merlon, new)
    assert not can_connect(merlon, old)
    states = sorted(c["state"] for c in merlon.api.get("/v1/devices/pump-7")["credentials"])
    assert states == ["active", "revoked"]


@pytest.mark.quick
def test_suspend_and_resume(merlon):
    device = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("x")
        with Stopwatch() as watch:
            cli(merlon, "device", "suspend", "pump-7", "--reason", "holiday")
            assert client.ends() == 0x98
            assert watch.passed < 1
    assert not can_connect(merlon, device)
    cli(merlon, "device", "resume", "pump-7")
    assert can_connect(merlon, device)
    for action in ("device.suspended", "device.resumed"):
        assert merlon.wait_for_entry(action, target="pump-7")["actor"]["kind"] == "operator"


def test_quarantine_leaves_one_branch_of_topics_and_release_gives_all_back(merlon):
    device = merlon.device("pump-7")
    merlon.allow("device:pump-7", publish=("sensors/#",))
    reader = merlon.application("reader", subscribe=("#",))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client, Mqtt(merlon.mqtt_port, merlon.root, reader) as application:
        application.connect()
        application.subscribe("#")
        client.connect("x")
        assert client.subscribe("devices/pump-7/commands") == [1]
        cli(merlon, "device", "quarantine", "pump-7", "--reason", "odd traffic")
        # the connection stays: it is how the device is repaired
        answers = []
        wait_until(lambda: answers.append(client.publish("devices/pump-7/up", b"x")) or answers[-1] == 0x87, "the policy to act")
        for _ in answers[:-1]:  # what came before the quarantine
            assert application.receive().topic == "devices/pump-7/up"
        assert client.publish("sensors/x", b"x") == 0x87
        assert client.subscribe("devices/pump-7/commands") == [0x87]
        assert client.publish("devices/pump-7/quarantine/status", b"x") == 0
        assert application.receive().topic == "devices/pump-7/quarantine/status"
        cli(merlon, "device", "release", "pump-7")
        wait_until(lambda: client.publish("sensors/x", b"back") == 0, "the policy to act")
        assert application.receive().payload == b"back"
    for action in ("device.quarantined", "device.released"):
        merlon.wait_for_entry(action, target="pump-7")


def test_retired_is_for_ever(merlon):
    device = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("x", clean=False, props={"session_expiry": 3600})
        client.subscribe("devices/pump-7/#")
        cli(merlon, "device", "retire", "pump-7")
        assert client.ends() == 0x98
    assert not can_connect(merlon, device)
    for step in ("resume", "release", "revoke", "suspend", "quarantine"):
        assert merlon.cli("device", step, "pump-7").code == 1, step
    assert merlon.cli("device", "add", "pump-7").code == 1
    assert merlon.cli("token", "create", "--device", "pump-7").code == 1
    group = merlon.api.post("/v1/tokens", {"group": "g"})["token"]
    with pytest.raises(AssertionError, match="40[13]"):
        merlon.enrol("pump-7", group)
    merlon.restart()
    assert merlon.api.get("/v1/devices/pump-7")["state"] == "retired"
    assert not can_connect(merlon, device)


def test_steps_that_make_no_sense_are_refused_with_a_sentence(merlon):
    merlon.device("pump-7")
    for step in ("resume", "release"):
        done = merlon.cli("device", step, "pump-7")
        assert done.code == 1 and "active" in done.err, done
    assert merlon.cli("device", "revoke", "no-such-device").code == 1


def test_revocation_outlives_a_restart(merlon):
    device, other = merlon.device("pump-7"), merlon.device("other")
    cli(merlon, "device", "revoke", "pump-7")
    merlon.kill()
    merlon.start()
    assert not can_connect(merlon, device)
    assert can_connect(merlon, other)


def test_an_operator_certificate_that_is_revoked_opens_nothing_more(merlon):
    alice = merlon.operator("alice", "admin")
    assert merlon.https(alice).get("/v1/status")["version"]
    cli(merlon, "operator", "revoke", "alice")
    try:
        assert merlon.https(alice).ask("GET", "/v1/status").status in (401, 403)
    except (ssl.SSLError, ConnectionError):
        pass


# --- many at once


def test_devices_named_in_a_file_are_revoked_in_one_call_and_the_others_notice_nothing(merlon, workdir):
    clients = {name: Mqtt(merlon.mqtt_port, merlon.root, merlon.device(name)) for name in [f"d{n}" for n in range(6)]}
    for client in clients.values():
        client.connect("x")
    file = workdir / "stolen"
    file.write_text("d0\n\n  d2  \nd4", encoding="ascii")
    with Stopwatch() as watch:
        assert "3 devices are revoked" in cli(merlon, "device", "revoke", "--from-file", str(file), "--reason", "stolen")
        for name in ("d0", "d2", "d4"):
            assert clients[name].ends() == 0x98
            assert merlon.wait_for_entry("device.revoked", target=name)["reason"] == "stolen"
        assert watch.passed < 2
    for name in ("d1", "d3", "d5"):
        assert clients[name].nothing_comes()
        clients[name].close()


def test_a_group_is_revoked_as_far_as_there_is_something_to_revoke(merlon):
    pump, fan = merlon.device("pump-1", "pumps"), merlon.device("fan-1", "fans")
    merlon.add_device("pump-2", "pumps")
    merlon.device("pump-3", "pumps")
    merlon.api.step("pump-3", "retire")
    answer = merlon.api.post("/v1/revocations", {"group": "pumps"})
    assert answer["devices"] >= 1
    assert not can_connect(merlon, pump) and can_connect(merlon, fan)
    assert merlon.api.get("/v1/devices/pump-3")["state"] == "retired"


def test_a_list_is_revoked_as_a_whole_or_not_at_all(merlon):
    pump = merlon.device("pump-1")
    merlon.device("pump-2")
    merlon.api.step("pump-2", "retire")
    for body, status, named in (({"devices": ["pump-1", "pump-2"]}, 409, "pump-2"), ({"devices": ["pump-1", "nobody"]}, 404, "nobody"),
                                ({"devices": []}, 400, "1 to 1000"), ({"devices": ["a"] * 1001}, 400, "1 to 1000"),
                                ({}, 400, "one of"), ({"devices": ["pump-1"], "group": "g"}, 400, "one of"),
                                ({"devices": [7]}, 400, "text"), ({"group": "a/b"}, 400, "group")):
        answer = merlon.api.ask("POST", "/v1/revocations", body)
        assert answer.status == status and named in answer.text(), (body, answer)
    assert can_connect(merlon, pump)
    many = [f"m{n}" for n in range(1000)]
    for name in many:
        merlon.add_device(name)
    assert merlon.api.post("/v1/revocations", {"devices": many})["devices"] == 1000
