# SPDX-License-Identifier: Apache-2.0
"""Sources are limited before a handshake costs anything, devices once they are known; who goes on is kept out for a growing
time, and everybody else comes in all the while. Each limit at its limit and one above."""
import socket
import ssl
import time

import pytest
from harness import mqtt_wire as wire
from harness.ca import openssl
from harness.est import Est, make_csr_body
from harness.merlon import run_program
from harness.mqtt import Closed, Mqtt
from harness.waiting import DEADLINE_S, wait_until

HERE, NEIGHBOUR, ELSEWHERE = "127.0.0.1", "127.0.0.2", "127.9.0.1"
HANDSHAKE_S = 10  # it may take so long
LIMITED = {"exempt": [], "source_connects": 0, "network_connects": 0, "source_failures": 0, "network_failures": 0}


def limited(**quota) -> dict:
    return {"quota": {**LIMITED, **quota}}


def knock(port: int, source: str = HERE) -> socket.socket:
    plain = socket.socket()
    plain.settimeout(DEADLINE_S)
    plain.bind((source, 0))
    plain.connect(("127.0.0.1", port))
    return plain


def is_closed(port: int, source: str, within_s: float) -> bool:
    with knock(port, source) as plain:
        plain.settimeout(within_s)
        try:
            return plain.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False


def is_turned_away(port: int, source: str = HERE) -> bool:
    """Before a byte was asked for, and before the time for a handshake is over."""
    return is_closed(port, source, within_s=HANDSHAKE_S / 2)


def is_let_alone(port: int, source: str = HERE) -> bool:
    return not is_closed(port, source, within_s=0.5)


def closed_of(knocked: list[socket.socket]) -> int:
    """How many the server has closed by now."""
    closed = 0
    for plain in knocked:
        plain.setblocking(False)
        try:
            closed += plain.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            closed += 1
    return closed


def fail_handshake(merlon, source: str = HERE) -> None:
    """Without a certificate."""
    with pytest.raises((Closed, ssl.SSLError, ConnectionError)):
        with Mqtt(merlon.mqtt_port, merlon.root, None, source=source) as client:
            client.connect("x")
            client.packet()


def blocked(merlon) -> dict[str, str]:
    return {block["who"]: block["reason"] for block in merlon.api.all_of("/v1/blocks")}


# --- devices

@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("target", ["device:pump-7", "group:pumps"])
def test_a_device_that_flaps_is_refused_and_nobody_else(merlon, version, target):
    flapping, calm = merlon.device("pump-7", group="pumps"), merlon.device("pump-8", group="pumps")
    merlon.api.do("PATCH", f"/v1/quotas/{target}", {"connects": "3/min"})
    stays = Mqtt(merlon.mqtt_port, merlon.root, flapping, version)
    assert stays.connect("stays").reason == 0
    for _ in range(2):
        with Mqtt(merlon.mqtt_port, merlon.root, flapping, version) as device:
            assert device.connect("c").reason == 0
    with Mqtt(merlon.mqtt_port, merlon.root, flapping, version) as device:
        assert device.connect("c").reason == (0x9F if version == 5 else 3)
        assert device.ends() is None
    assert merlon.wait_for_entry("device.flapping", target="pump-7")["details"] == {"seconds": 10, "strikes": 1}
    merlon.wait_for_refusals("blocked", 1)
    with Mqtt(merlon.mqtt_port, merlon.root, calm, version) as device:
        assert device.connect("c").reason == 0
    stays.send(wire.packet(wire.PINGREQ))
    assert stays.packet().kind == wire.PINGRESP
    stays.close()


def test_an_application_that_flaps_keeps_no_device_of_its_name_out(merlon):
    application, device = merlon.application("pump-7"), merlon.device("pump-7")
    merlon.api.do("PATCH", "/v1/quotas/application:pump-7", {"connects": "1/min"})
    for reason in (0, 0x9F):
        with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
            assert client.connect("c").reason == reason
    assert blocked(merlon) == {"application:pump-7": "flapping"}
    assert merlon.wait_for_entry("device.flapping", target="pump-7")["actor"]["kind"] == "application"
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        assert client.connect("c").reason == 0


def test_blocks_grow_and_end(start_merlon):
    merlon = start_merlon({"quota": {"connects": 2, "block": "1s"}})
    identity = merlon.device("pump-7")

    def code() -> int:
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
            return device.connect("c").reason

    def lasts() -> float:
        began = 0.0

        def is_one_too_many() -> bool:
            nonlocal began
            began = time.monotonic()
            return code() == 0x9F

        wait_until(is_one_too_many, "the block")
        wait_until(lambda: blocked(merlon) == {}, "the end of the block")
        return time.monotonic() - began

    assert [code(), code()] == [0, 0]
    assert lasts() > 0.99  # to the millisecond of the daemon's clock
    assert lasts() > 1.99
    assert [e["details"]["seconds"] for e in merlon.audit(action="device.flapping")][:2] == [1, 2]


@pytest.mark.quick
def test_blocks_are_listed_and_lifted(start_merlon):
    merlon = start_merlon({"quota": {"connects": 1}})
    identity = merlon.device("pump-7")

    def code() -> int:
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
            return device.connect("c").reason

    assert [code(), code()] == [0, 0x9F]
    assert blocked(merlon) == {"device:pump-7": "flapping"}
    assert "device:pump-7" in merlon.cli("quota", "blocked").out
    assert merlon.api.metric("merlon_blocks_total", 'reason="flapping"') == 1
    done = merlon.cli("quota", "lift", "device:pump-7")
    assert done.code == 0, done.err
    assert blocked(merlon) == {}
    assert merlon.wait_for_entry("block.lifted", target="device:pump-7")["actor"]["kind"] == "operator"
    assert code() == 0
    assert merlon.cli("quota", "lift", "device:pump-8").code != 0
    assert merlon.cli("quota", "lift", "everybody").code != 0


# --- sources, before the handshake

@pytest.mark.quick
def test_a_source_may_connect_its_limit_and_is_closed_one_above(start_merlon):
    merlon = start_merlon(limited(source_connects=5))
    knocked = [knock(merlon.mqtt_port) for _ in range(6)]
    wait_until(lambda: closed_of(knocked) == 1, "one of six to be closed")
    assert is_turned_away(merlon.mqtt_port)
    assert is_turned_away(merlon.enrolment_port)  # it is one daemon
    merlon.wait_for_refusals("too-fast", 3)
    assert merlon.refusals("no-certificate") == merlon.refusals("protocol") == 0
    assert is_let_alone(merlon.mqtt_port, NEIGHBOUR)
    merlon.wait_for_entry("source.limited", target="source")
    assert blocked(merlon) == {}  # too many is no reason to be kept out
    assert closed_of(knocked) == 1  # those before are let alone
    for plain in knocked:
        plain.close()


def test_a_network_may_connect_its_limit_and_is_closed_one_above(start_merlon):
    merlon = start_merlon(limited(network_connects=4))
    knocked = [knock(merlon.mqtt_port, f"127.0.0.{host}") for host in range(10, 15)]
    wait_until(lambda: closed_of(knocked) == 1, "one of five to be closed")
    assert is_turned_away(merlon.mqtt_port, "127.0.0.20")
    assert is_let_alone(merlon.mqtt_port, ELSEWHERE)
    for plain in knocked:
        plain.close()


@pytest.mark.quick
def test_good_devices_behind_one_address_are_not_starved(start_merlon):
    merlon = start_merlon(limited(source_connects=8))
    devices = [merlon.device(f"d{n}") for n in range(5)]
    for _ in range(6):
        for identity in devices:
            with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
                assert device.connect("c").reason == 0
    assert merlon.refusals("too-fast") == 0


@pytest.mark.quick
def test_one_failure_too_many_keeps_the_source_out_and_nobody_else(start_merlon):
    merlon = start_merlon(limited(source_failures=3))
    identity = merlon.device("pump-7")
    stays = Mqtt(merlon.mqtt_port, merlon.root, identity)
    assert stays.connect("stays").reason == 0
    for _ in range(3):
        fail_handshake(merlon)
    merlon.wait_for_refusals("no-certificate", 3)
    assert is_let_alone(merlon.mqtt_port)
    fail_handshake(merlon)
    wait_until(lambda: blocked(merlon) == {f"source:{HERE}": "failures"}, "the block")
    assert is_turned_away(merlon.mqtt_port)
    assert is_turned_away(merlon.management_port)
    assert merlon.refusals("blocked") == 2
    stays.send(wire.packet(wire.PINGREQ))
    assert stays.packet().kind == wire.PINGRESP
    with Mqtt(merlon.mqtt_port, merlon.root, identity, source=NEIGHBOUR) as device:
        assert device.connect("c").reason == 0
    entry = merlon.wait_for_entry("source.blocked", target="source")
    assert entry["reason"] == "too many handshakes without a known certificate"
    assert HERE not in str({k: v for k, v in entry.items() if k != "source"})  # an address is a personal field
    assert merlon.cli("quota", "lift", f"source:{HERE}").code == 0
    assert is_let_alone(merlon.mqtt_port)
    stays.close()


def test_failures_all_over_a_network_keep_it_out(start_merlon):
    merlon = start_merlon(limited(network_failures=3))
    for host in range(10, 14):
        fail_handshake(merlon, f"127.0.0.{host}")
    wait_until(lambda: blocked(merlon) == {"network:127.0.0.0": "failures"}, "the block")
    assert is_turned_away(merlon.mqtt_port, "127.0.0.99")
    assert is_let_alone(merlon.mqtt_port, ELSEWHERE)


def test_a_device_that_was_revoked_does_not_keep_out_its_neighbours(start_merlon):
    merlon = start_merlon(limited(source_failures=2))
    revoked, good = merlon.device("revoked"), merlon.device("good")
    merlon.api.step("revoked", "revoke")
    for _ in range(5):
        with pytest.raises((Closed, ssl.SSLError, ConnectionError)):
            with Mqtt(merlon.mqtt_port, merlon.root, revoked) as device:
                device.connect("c")
                device.packet()
    merlon.wait_for_refusals("revoked", 5)
    assert blocked(merlon) == {}
    with Mqtt(merlon.mqtt_port, merlon.root, good) as device:
        assert device.connect("c").reason == 0


def test_what_is_exempt_is_never_limited(start_merlon):
    merlon = start_merlon({"quota": {"source_connects": 2, "source_failures": 2}})  # this machine, by default
    for _ in range(4):
        fail_handshake(merlon)
    assert is_let_alone(merlon.mqtt_port)
    assert blocked(merlon) == {}


def test_behind_a_load_balancer_the_client_is_limited_and_not_the_balancer(start_merlon):
    settings = limited(source_connects=2, exempt=["127.0.0.0/8"])
    merlon = start_merlon({**settings, "mqtt": {"proxies": ["127.0.0.1/32"]}})

    def through(client: str) -> socket.socket:
        plain = knock(merlon.mqtt_port)
        plain.sendall(f"PROXY TCP4 {client} 198.51.100.1 40000 8883\r\n".encode())
        return plain

    knocked = [through("203.0.113.7") for _ in range(3)]
    wait_until(lambda: closed_of(knocked) == 1, "one of three to be closed")
    others = [through(f"203.0.113.{host}") for host in range(8, 12)]
    merlon.wait_for_refusals("too-fast", 1)
    time.sleep(0.3)  # what is not closed by then is let alone
    assert closed_of(others) == 0
    for plain in knocked + others:
        plain.close()


def test_a_network_that_is_none_is_named_at_the_start(make_merlon):
    merlon = make_merlon({"quota": {"exempt": ["10.0.0.0/33"]}})
    merlon.init()
    ended = run_program("merlond", "run", "--config", merlon.config)
    assert ended.code != 0
    assert "[quota] exempt: 10.0.0.0/33" in ended.err


# --- wrong tokens

@pytest.mark.quick
def test_wrong_tokens_close_enrolment_for_the_source_only(start_merlon, workdir):
    merlon = start_merlon(limited(token_failures=3))
    known = merlon.device("pump-7")
    merlon.add_device("pump-8")
    token, key = merlon.token("pump-8"), workdir / "pump-8.key"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    body = make_csr_body(key, "/CN=pump-8")
    est = Est(merlon.enrolment_port, merlon.root)
    assert [est.enrol("pump-8", "wrong", body).status for _ in range(4)] == [401] * 4
    kept_out = est.enrol("pump-8", token, body)
    assert kept_out.status == 429
    assert 1 <= int(kept_out.headers["retry-after"]) <= 10
    assert blocked(merlon) == {f"enrolment:{HERE}": "tokens"}
    assert merlon.wait_for_entry("source.blocked", target="enrolment")["reason"] == "too many wrong enrolment tokens"
    assert est.get("cacerts").status == 200
    with Mqtt(merlon.mqtt_port, merlon.root, known) as device:
        assert device.connect("c").reason == 0
    assert est.enrol("pump-8", token, body, "--interface", NEIGHBOUR).status == 200
    assert merlon.cli("quota", "lift", f"enrolment:{HERE}").code == 0
    assert est.enrol("pump-8", "wrong", body).status == 401
