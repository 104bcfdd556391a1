# SPDX-License-Identifier: Apache-2.0
"""Pre-shared keys: known to one device and the server, a credential like any other, and off unless an operator wants it."""
import os
import re
import sqlite3
import ssl
import subprocess

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt
from harness.psk import SUITE_1_2, Psk, PskMqtt, add_psk
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until

VERSIONS = ["tls1_3", "tls1_2"]


@pytest.fixture
def merlon(start_merlon):
    return start_merlon({"mqtt": {"psk": True}})


def can_connect(merlon, psk: Psk, tls: str, *options: str) -> bool:
    try:
        with PskMqtt(merlon, psk, tls, *options) as client:
            return client.connect("probe").reason == 0
    except (Closed, BrokenPipeError):
        return False


def mosquitto_pub(merlon, psk: Psk, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--psk-identity", psk.identity, "--psk",
                           psk.key, "-t", f"devices/{psk.device}/x", "-m", "hello", "-q", "1", *options],
                          capture_output=True, text=True, timeout=30, check=False)


# --- in


@pytest.mark.quick
@pytest.mark.parametrize("tls", VERSIONS)
def test_a_device_connects_with_its_key(merlon, tls):
    psk = add_psk(merlon, "pump-7")
    assert re.fullmatch(r"pump-7#[0-9a-f]{8}", psk.identity) and re.fullmatch(r"[0-9a-f]{64}", psk.key)
    with PskMqtt(merlon, psk, tls) as client:
        assert client.connect("x").reason == 0
        assert client.subscribe("devices/pump-7/#") == [1]
        assert client.publish("devices/pump-7/x", b"hello") == 0
        assert client.receive().payload == b"hello"
        assert client.publish("devices/other/x", b"not mine") == 0x87  # the same policy as with a certificate
    opened = merlon.wait_for_entry("connection.opened", actor_id="pump-7")
    assert opened["actor"]["auth"] == f"psk:{psk.identity}"
    assert opened["details"]["cipher"] == (SUITE_1_2 if tls == "tls1_2" else "TLS_AES_128_GCM_SHA256")
    closed = merlon.wait_for_entry("connection.closed", actor_id="pump-7")
    assert closed["actor"]["auth"] == f"psk:{psk.identity}"


def test_mosquitto_publishes_with_its_key(merlon):
    psk = add_psk(merlon, "pump-7")
    done = mosquitto_pub(merlon, psk)
    assert done.returncode == 0, done.stderr
    wrong = mosquitto_pub(merlon, Psk("pump-7", psk.identity, "00" * 32))
    assert wrong.returncode != 0
    merlon.wait_for_entry("connection.opened", actor_id="pump-7")
    merlon.wait_for_entry("connection.refused", target="pump-7", reason="wrong-psk")


def gnutls_cli(merlon, psk: Psk, priority: str) -> subprocess.Popen:
    return subprocess.Popen(["timeout", "30", "gnutls-cli", "--port", str(merlon.mqtt_port), "--pskusername", psk.identity, "--pskkey", psk.key,
                             "--priority", priority, "127.0.0.1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_gnutls_connects_with_its_key(merlon):
    psk = add_psk(merlon, "pump-7")
    said = b""
    with gnutls_cli(merlon, psk, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK") as client:
        while b"Simple Client Mode" not in said and (more := client.stdout.read1(65536)):
            said += more
        client.stdin.write(wire.connect(4, "pump-7"))
        client.stdin.flush()
        while b"\x20\x02\x00\x00" not in said and (more := client.stdout.read1(65536)):
            said += more
        client.kill()
    assert b"\x20\x02\x00\x00" in said, said
    merlon.wait_for_entry("connection.opened", actor_id="pump-7")


def test_gnutls_agrees_on_the_suite_of_tls_1_2(merlon):
    """Only the handshake: gnutls-cli 3.7 dies when it prints what it has agreed on with ECDHE-PSK."""
    psk = add_psk(merlon, "pump-7")
    with gnutls_cli(merlon, psk, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+CHACHA20-POLY1305") as client:
        wait_until(lambda: merlon.api.metric("merlon_tls_handshakes_total", 'kind="full"') == 1, "the handshake")
        client.kill()


def test_a_key_brought_along_is_taken(merlon):
    key = os.urandom(16).hex()
    psk = add_psk(merlon, "pump-7", identity="made-at-the-factory:7", key=key)
    assert psk == Psk("pump-7", "made-at-the-factory:7", key)
    assert can_connect(merlon, psk, "tls1_3")


def test_certificates_still_come_in_beside_keys(merlon):
    psk = add_psk(merlon, "pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-8")) as client:
        assert client.connect("x").reason == 0
    assert can_connect(merlon, psk, "tls1_3")


# --- not in


@pytest.mark.parametrize("tls", VERSIONS)
def test_an_unknown_identity_fails_as_a_wrong_key_does(merlon, tls):
    psk = add_psk(merlon, "pump-7")
    said = []
    for tried in (Psk("pump-7", psk.identity, os.urandom(32).hex()), Psk("pump-7", "pump-9#00000000", psk.key)):
        with PskMqtt(merlon, tried, tls) as client:
            with pytest.raises((Closed, BrokenPipeError)):
                client.connect("x")
            said.append(re.findall(r"alert [a-z ]+", client.said))
    assert said[0] == said[1] and said[0]
    wrong = merlon.wait_for_entry("connection.refused", reason="wrong-psk")
    assert wrong["actor"] == {"auth": f"psk:{psk.identity}", "kind": "unknown"} and wrong["target"] == "pump-7"
    unknown = merlon.wait_for_entry("connection.refused", reason="unknown-psk")
    assert unknown["actor"] == {"auth": "psk:pump-9#00000000", "kind": "unknown"}
    merlon.wait_for_refusals("wrong-psk", 1)
    merlon.wait_for_refusals("unknown-psk", 1)


def test_who_tries_keys_is_kept_out(start_merlon):
    merlon = start_merlon({"mqtt": {"psk": True}, "quota": {"source_failures": 5, "exempt": []}})
    psk = add_psk(merlon, "pump-7")
    for _ in range(3):
        assert not can_connect(merlon, Psk("pump-7", psk.identity, os.urandom(32).hex()), "tls1_3")
        assert not can_connect(merlon, Psk("pump-7", "pump-9#00000000", psk.key), "tls1_3")
    merlon.wait_for_entry("source.blocked")
    assert not can_connect(merlon, psk, "tls1_3")


def test_the_key_of_one_device_opens_nothing_as_another(merlon):
    one, other = add_psk(merlon, "pump-7"), add_psk(merlon, "pump-8")
    assert not can_connect(merlon, Psk("pump-8", other.identity, one.key), "tls1_3")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_neither_key_nor_certificate_opens_nothing(merlon, version):
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.mqtt_port, merlon.root, None, tls=version) as client:
            client.connect("x")
    merlon.wait_for_refusals("no-certificate", 1)


@pytest.mark.parametrize("tls", VERSIONS)
def test_keys_are_off_unless_configured(start_merlon, tls):
    merlon = start_merlon({"mqtt": {"psk": True}})
    psk = add_psk(merlon, "pump-7")
    merlon.stop()
    del merlon.settings["mqtt"]["psk"]
    merlon.write_config()
    merlon.start()
    assert not can_connect(merlon, psk, tls)
    answer = merlon.api.ask("POST", "/v1/devices/pump-7/psks", {})
    assert answer.status == 409 and "[mqtt] psk" in answer.json()["detail"]
    assert [p["identity"] for p in merlon.api.get("/v1/devices/pump-7/psks")["items"]] == [psk.identity]


@pytest.mark.parametrize("port", ["enrolment_port", "management_port"])
def test_no_other_port_takes_a_key(merlon, port):
    psk = add_psk(merlon, "pump-7")
    for options in (["-tls1_3"], ["-tls1_2", "-cipher", f"{SUITE_1_2}:ECDHE-ECDSA-AES128-GCM-SHA256"]):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{getattr(merlon, port)}", "-psk_identity", psk.identity, "-psk",
                               psk.key, *options], input=b"", capture_output=True, timeout=30, check=False)
        assert b"Server certificate" in done.stdout  # an ordinary handshake: the key counts for nothing
        assert b"Reused" not in done.stdout and b"PSK-CHACHA" not in done.stdout


def test_a_proof_by_key_is_not_for_who_has_no_certificate(merlon):
    with PskMqtt(merlon, add_psk(merlon, "pump-7")) as client:
        assert client.connect("x", props={"auth_method": "MERLON-KEY-PROOF-1"}).reason == 0x8C


# --- its end


@pytest.mark.parametrize("tls", VERSIONS)
def test_revoking_closes_the_session_within_a_second_and_nothing_resumes(merlon, workdir, tls):
    psk, ticket = add_psk(merlon, "pump-7"), workdir / "ticket"
    other = add_psk(merlon, "pump-8")
    with PskMqtt(merlon, psk, tls, "-sess_out", str(ticket)) as client:
        assert client.connect("x").reason == 0
        wait_until(ticket.exists, "the session to be written")
        with PskMqtt(merlon, psk, tls, "-sess_in", str(ticket)) as again:
            assert again.connect("y").reason == 0
        resumed = merlon.wait_for_entry("connection.opened", actor_id="pump-7")
        assert resumed["details"]["resumed"] == "yes" and resumed["actor"]["auth"] == f"psk:{psk.identity}"
        with Stopwatch() as watch:
            done = merlon.cli("psk", "revoke", "pump-7", psk.identity, "--reason", "lost")
            assert done.code == 0, done
            assert client.ends() == 0x98
            assert watch.passed < 1
    entry = merlon.wait_for_entry("device.revoked", target="pump-7")
    assert entry["reason"] == "lost" and entry["details"]["change"] == "pre-shared key revoked"
    assert not can_connect(merlon, psk, tls)
    assert not can_connect(merlon, psk, tls, "-sess_in", str(ticket))
    merlon.wait_for_entry("connection.refused", target="pump-7", reason="revoked")
    assert can_connect(merlon, other, tls)


def test_a_suspended_device_is_out_and_comes_back(merlon):
    psk = add_psk(merlon, "pump-7")
    merlon.cli("device", "suspend", "pump-7")
    assert not can_connect(merlon, psk, "tls1_3")
    merlon.cli("device", "resume", "pump-7")
    assert can_connect(merlon, psk, "tls1_3")


def test_revoking_the_device_ends_all_its_keys(merlon):
    psk = add_psk(merlon, "pump-7")
    assert merlon.cli("device", "revoke", "pump-7").code == 0
    assert not can_connect(merlon, psk, "tls1_3")
    [listed] = merlon.api.get("/v1/devices/pump-7/psks")["items"]
    assert listed["state"] == "revoked"


def test_a_key_ends_by_itself(merlon):
    psk = add_psk(merlon, "pump-7", life="6s")
    with PskMqtt(merlon, psk) as client:
        assert client.connect("x").reason == 0
        assert client.ends() == 0x87
    closed = merlon.wait_for_entry("connection.closed", actor_id="pump-7")
    assert closed["reason"] == "pre-shared key expired"
    assert not can_connect(merlon, psk, "tls1_3")
    merlon.wait_for_entry("connection.refused", target="pump-7", reason="expired")


def test_a_user_name_may_only_repeat_who_the_key_is_of(merlon):
    psk = add_psk(merlon, "pump-7")
    with PskMqtt(merlon, psk) as client:
        assert client.connect("x", user="pump-7").reason == 0
    with PskMqtt(merlon, psk) as client:
        assert client.connect("x", user="pump-8").reason == 0x86


def states(merlon, device: str) -> dict[str, str]:
    return {p["identity"]: p["state"] for p in merlon.api.get(f"/v1/devices/{device}/psks")["items"]}


def test_a_new_key_takes_over_when_it_is_used_and_not_before(merlon):
    old = add_psk(merlon, "pump-7")
    new = add_psk(merlon, "pump-7", known=True)
    assert can_connect(merlon, old, "tls1_3")
    assert can_connect(merlon, new, "tls1_3")
    wait_until(lambda: states(merlon, "pump-7")[old.identity] == "superseded", "the old key to be superseded")
    assert not can_connect(merlon, old, "tls1_3")
    assert can_connect(merlon, new, "tls1_3")


def test_a_certificate_in_use_ends_the_key_and_no_key_ends_a_certificate(merlon):
    psk = add_psk(merlon, "pump-7")
    device = merlon.enrol("pump-7", merlon.token("pump-7"))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        assert client.connect("x").reason == 0
    wait_until(lambda: states(merlon, "pump-7")[psk.identity] == "superseded", "the key to be superseded")
    later = add_psk(merlon, "pump-7", known=True)
    assert can_connect(merlon, later, "tls1_3")
    wait_until(lambda: any(p["seen"] for p in merlon.api.get("/v1/devices/pump-7/psks")["items"]), "the key to be seen")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        assert client.connect("x").reason == 0


# --- keeping and managing


@pytest.mark.parametrize("tls", VERSIONS)
def test_keys_outlive_a_restart_and_a_rotation_of_the_data_keys(merlon, tls):
    psk = add_psk(merlon, "pump-7")
    merlon.kill()
    merlon.start()
    assert can_connect(merlon, psk, tls)
    assert merlon.cli("keys", "rotate").code == 0
    wait_until(lambda: not merlon.api.get("/v1/keys")["rotation"]["running"], "the end of the rotation")
    assert [k["number"] for k in merlon.api.get("/v1/keys")["data_keys"]] == [2]
    assert can_connect(merlon, psk, tls)
    merlon.restart()
    assert can_connect(merlon, psk, tls)


def test_the_command_line_gives_lists_and_takes_keys(merlon, workdir):
    merlon.add_device("pump-7")
    shown = merlon.cli("psk", "add", "pump-7", "--identity", "seven", "--life", "30d")
    assert shown.code == 0 and "shown only now" in shown.out, shown
    file = workdir / "key"
    file.write_text(os.urandom(32).hex() + "\n", encoding="ascii")
    alone = merlon.cli("psk", "add", "pump-7", "--identity", "eight", "--key-file", file, "--key-only")
    assert alone.out.strip() == file.read_text(encoding="ascii").strip()
    assert can_connect(merlon, Psk("pump-7", "eight", alone.out.strip()), "tls1_3")
    listed = merlon.cli("psk", "list", "pump-7")
    assert "seven" in listed.out and "eight" in listed.out and alone.out.strip() not in listed.out
    assert "psk" in merlon.cli("device", "show", "pump-7").out
    added = merlon.audit(action="device.psk_added")
    assert [(e["details"]["identity"], e["details"]["key"]) for e in added] == [("seven", "made here"), ("eight", "given")]
    assert merlon.wait_for_entry("device.activated", target="pump-7")


@pytest.mark.parametrize(("wish", "detail"), [
    ({"key": "00" * 32}, "repeats"), ({"key": bytes(range(32)).hex()}, "sequence"), ({"key": b"correct horse battery".hex()}, "text"),
    ({"key": "0b" * 8 + "a7" * 8}, "too few"), ({"key": os.urandom(15).hex()}, "16 to 64"), ({"key": os.urandom(65).hex()}, "16 to 64"),
    ({"key": "xy" * 32}, "hexadecimal"), ({"key": "abc"}, "hexadecimal"), ({"identity": "a b"}, "identity"), ({"identity": "a/b"}, "identity"),
    ({"identity": "ä"}, "identity"), ({"identity": "x" * 129}, "identity"), ({"life": "soon"}, "life"), ({"life": "0s"}, "life"),
])
def test_what_is_no_good_key_is_refused_with_the_reason(merlon, wish, detail):
    merlon.add_device("pump-7")
    answer = merlon.api.ask("POST", "/v1/devices/pump-7/psks", wish)
    assert answer.status in (400, 422) and detail in answer.json()["detail"], answer.json()
    assert merlon.api.get("/v1/devices/pump-7/psks")["items"] == []
    assert merlon.audit(action="device.psk_added") == []


def test_no_two_devices_have_one_key_or_identity(merlon):
    key = os.urandom(32).hex()
    first = add_psk(merlon, "pump-7", identity="seven", key=key)
    merlon.add_device("pump-8")
    same_key = merlon.api.ask("POST", "/v1/devices/pump-8/psks", {"key": key})
    assert same_key.status == 409 and "pump-7" in same_key.json()["detail"]
    same_identity = merlon.api.ask("POST", "/v1/devices/pump-8/psks", {"identity": "seven"})
    assert same_identity.status == 409 and "known already" in same_identity.json()["detail"]
    assert merlon.cli("psk", "revoke", "pump-8", "seven").code != 0  # not its own
    assert can_connect(merlon, first, "tls1_3")


def test_only_who_may_issue_credentials_gives_keys(merlon):
    psk = add_psk(merlon, "pump-7")
    viewer, security = merlon.https(merlon.operator("v", "viewer")), merlon.https(merlon.operator("s", "security"))
    assert viewer.ask("POST", "/v1/devices/pump-7/psks", {}).status == 403
    assert viewer.ask("GET", "/v1/devices/pump-7/psks").status == 200
    path = f"/v1/devices/pump-7/psks/{psk.identity.replace('#', '%23')}/revoke"
    assert viewer.ask("POST", path, {}).status == 403
    assert security.ask("POST", path, {"reason": "lost"}).status == 204
    assert security.ask("POST", path, {}).status == 409  # it is already


def test_the_answer_with_a_key_is_stored_nowhere(merlon):
    merlon.add_device("pump-7")
    answer = merlon.api.ask("POST", "/v1/devices/pump-7/psks", {})
    assert answer.status == 201 and answer.headers["cache-control"] == "no-store"


def test_a_damaged_key_keeps_only_its_own_device_out(merlon):
    one, other = add_psk(merlon, "pump-7"), add_psk(merlon, "pump-8")
    merlon.stop()
    with sqlite3.connect(merlon.database) as connection:
        connection.execute("UPDATE psks SET secret = (SELECT secret FROM psks WHERE identity = ?) WHERE identity = ?", (other.identity, one.identity))
    connection.close()
    merlon.start()
    [damaged] = [line for line in merlon.log_lines() if line["event"] == "psk.damaged"]
    assert f"table psks, column secret, row {one.identity}" in damaged["why"]
    assert not can_connect(merlon, one, "tls1_3")
    assert can_connect(merlon, other, "tls1_3")


def test_an_identity_that_cannot_be_ours_is_left_to_the_certificate(merlon):
    add_psk(merlon, "pump-7")
    for identity in ("x" * 129, "ä"):
        assert not can_connect(merlon, Psk("pump-7", identity, "ab" * 32), "tls1_3")
    merlon.wait_for_refusals("no-certificate", 2)
