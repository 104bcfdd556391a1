# SPDX-License-Identifier: Apache-2.0
"""The daemon dies in the middle of enrolments, again and again: a certificate that a client holds is in the registry and
in the log, and no token worked twice."""
import http.client
import random
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.stopwatch import Stopwatch

ROUNDS, CLIENTS, DEVICES_PER_CLIENT, SECONDS_AT_MOST = 20, 4, 10, 60


def enrol_all(merlon, tokens: list[tuple[str, str]], got: dict[str, str]) -> None:
    for name, token in tokens:
        try:
            identity = merlon.enrol(name, token)
        except (OSError, ssl.SSLError, http.client.HTTPException):
            return  # the daemon is dead
        certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
        got[name] = certificate.fingerprint(hashes.SHA256()).hex()


def make_tokens(merlon, round_number: int) -> list[list[tuple[str, str]]]:
    lists = []
    for c in range(CLIENTS):
        names = [f"r{round_number}-c{c}-{n}" for n in range(DEVICES_PER_CLIENT)]
        for name in names:
            merlon.add_device(name)
        lists.append([(name, merlon.token(name)) for name in names])
    return lists


def test_no_certificate_is_lost_and_no_token_works_twice(merlon):
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice, end, got, rounds = random.Random(seed), time.monotonic() + SECONDS_AT_MOST, {}, 0
    print(f"seed {seed}")
    while rounds < ROUNDS and time.monotonic() < end:
        clients = [threading.Thread(target=enrol_all, args=(merlon, tokens, got)) for tokens in make_tokens(merlon, rounds)]
        for client in clients:
            client.start()
        time.sleep(dice.uniform(0.0, 0.25))  # the moment of death is what is tried out
        merlon.kill()
        for client in clients:
            client.join()
        merlon.start()
        rounds += 1
    print(f"{rounds} rounds, {len(got)} certificates")
    assert rounds >= 5, f"{rounds} rounds in {SECONDS_AT_MOST} s"
    assert got, "no round got as far as a certificate"

    done = merlon.cli("audit", "verify")
    assert done.code == 0, done
    logged: dict[str, list[str]] = {}
    for entry in merlon.audit(action="device.enrolled"):
        logged.setdefault(entry["target"], []).append(entry["details"]["fingerprint"])
    for name, fingerprint in got.items():
        registered = [c["fingerprint"] for c in merlon.api.get(f"/v1/devices/{name}")["credentials"]]
        assert registered == [fingerprint], name
        assert logged[name] == [fingerprint], name
    assert all(len(fingerprints) == 1 for fingerprints in logged.values())
    used = [t for t in merlon.api.all_of("/v1/tokens") if t["state"] == "used"]
    assert sorted(t["device"] for t in used) == sorted(logged)
    assert all(t["used"] == 1 for t in used)


def test_a_device_that_lost_the_answer_is_not_stuck(merlon):
    """Its token was used, its certificate never came: an operator gives it another token."""
    merlon.add_device("pump-7")
    merlon.enrol("pump-7", merlon.token("pump-7"))
    merlon.kill()
    merlon.start()
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.enrol("pump-7", merlon.token("pump-7"))) as client:
        assert client.connect().reason == 0


@pytest.mark.parametrize("signal_name", ["kill", "stop"])
def test_everything_an_operator_was_told_is_still_there(merlon, signal_name):
    merlon.device("pump-7", group="pumps")
    role = merlon.allow("group:pumps", publish=("a/b",))
    application = merlon.application("app", subscribe=("a/#",))
    merlon.api.step("pump-7", "quarantine", "odd")
    before = merlon.audit()
    getattr(merlon, signal_name)()
    merlon.start()
    device = merlon.api.get("/v1/devices/pump-7")
    assert (device["state"], device["group"], device["reason"]) == ("quarantined", "pumps", "odd")
    assert merlon.api.get(f"/v1/roles/{role}")["assigned_to"] == ["group:pumps"]
    assert merlon.audit()[:len(before)] == before
    merlon.api.step("pump-7", "release")
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        assert client.connect().reason == 0
        assert client.subscribe("a/#") == [1]
        client.send(wire.packet(wire.PINGREQ))
        assert client.packet().kind == wire.PINGRESP


def test_a_client_is_told_when_the_daemon_stops(merlon):
    five = Mqtt(merlon.mqtt_port, merlon.root, merlon.device("five"), 5)
    three = Mqtt(merlon.mqtt_port, merlon.root, merlon.device("three"), 4)
    five.connect("a")
    three.connect("a")
    with Stopwatch() as watch:
        merlon.stop()
        assert five.ends() == 0x8B
        assert three.ends() is None
        assert watch.passed < 5
