# SPDX-License-Identifier: Apache-2.0
"""PROXY protocol, versions 1 and 2: behind a load balancer that is configured, the client is who is recorded and limited; from
everybody else no such header is read."""
import json
import select
import socket
import ssl
import struct
from contextlib import suppress

import pytest
from harness import mqtt_wire as wire
from harness import ws
from harness.client import TLS_1_3, tls_context
from harness.haproxy import ADDRESS, Haproxy
from harness.merlon import run_program
from harness.mqtt import Closed, Mqtt
from harness.waiting import DEADLINE_S, wait_until

CLIENT = "127.0.0.5"
PROXIES = {"mqtt": {"proxies": [f"{ADDRESS}/32", "2001:db8::/32"]}, "enrolment": {"proxies": ["127.0.0.8/31"]}}
MARK = b"\r\n\r\n\0\r\nQUIT\n"
FAMILY_4 = socket.inet_aton("203.0.113.7") + socket.inet_aton("198.51.100.1") + struct.pack(">HH", 40000, 8883)


def v2(command: int, family: int, body: bytes = b"") -> bytes:
    return MARK + bytes([0x20 | command, family]) + struct.pack(">H", len(body)) + body


@pytest.fixture
def merlon(start_merlon):
    return start_merlon(PROXIES)


def dial(port: int, source: str) -> socket.socket:
    plain = socket.socket()
    plain.settimeout(DEADLINE_S)
    plain.bind((source, 0))
    plain.connect(("127.0.0.1", port))
    return plain


class MqttFrom(Mqtt):
    """From an address of its own, with bytes before TLS."""

    def __init__(self, merlon, port, identity, source=CLIENT, before=b"", pieces=0):
        plain = dial(port, source)
        self.plain_name = plain.getsockname()
        for at in range(0, len(before), pieces or len(before) or 1):
            plain.sendall(before[at:at + (pieces or len(before))])
        self.version, self._next_id, self._early, self._buffer = 5, 0, [], b""
        try:
            self.socket = tls_context(merlon.root, identity, TLS_1_3).wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise


OPTIONS = {"v1": "send-proxy", "v2": "send-proxy-v2", "v2-crc": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
           "v2-checked": "send-proxy-v2 check check-send-proxy inter 50ms"}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_haproxy_tells_who_the_client_is(merlon, processes, workdir, options):
    pump = merlon.device("pump")
    balancer = Haproxy(processes, workdir, merlon.mqtt_port, options)
    with MqttFrom(merlon, balancer.port, pump) as client:
        assert client.connect("behind").reason == 0
        client.subscribe("devices/pump/echo")
        client.publish("devices/pump/echo", b"x" * 50000)
        assert client.receive().payload == b"x" * 50000
        entry = merlon.wait_for_entry("connection.opened", actor_id="pump")
        assert entry["source"] == "{}:{}".format(*client.plain_name)
        assert entry["details"]["proxy"] == ADDRESS
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["source"] == "{}:{}".format(*client.plain_name)
    assert merlon.audit(action="connection.refused") == []  # nor for what haproxy checks with


@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2"])
def test_the_https_port_stands_behind_one_too(merlon, processes, workdir, options):
    pump = merlon.device("pump")
    balancer = Haproxy(processes, workdir, merlon.enrolment_port, options)
    for identity, status in ((pump, 101), (None, 401)):
        plain = dial(balancer.port, CLIENT)
        name = "{}:{}".format(*plain.getsockname())
        with ws.WebSocket(tls_context(merlon.root, identity, TLS_1_3).wrap_socket(plain, server_hostname="127.0.0.1")) as client:
            assert client.ask().status == status
            if identity is not None:
                client.send(ws.frame(ws.BINARY, wire.connect(5, "behind")))
                assert client.frame().payload[0] >> 4 == wire.CONNACK
        entry = merlon.wait_for_entry("connection.opened" if identity else "connection.refused")
        assert entry["source"] == name
    merlon.wait_for_entry("connection.closed")


def test_a_device_enrols_through_haproxy(merlon, processes, workdir):
    merlon.add_device("pump")
    token = merlon.token("pump")
    balancer = Haproxy(processes, workdir, merlon.enrolment_port, "send-proxy-v2")
    direct, merlon.enrolment_port = merlon.enrolment_port, balancer.port
    merlon.enrol("pump", token)
    merlon.enrolment_port = direct
    assert merlon.wait_for_entry("device.enrolled", target="pump")["source"].startswith("127.0.0.1:")


HEADERS = {
    "v1": (b"PROXY TCP4 203.0.113.7 198.51.100.1 40000 8883\r\n", "203.0.113.7:40000"),
    "v1-ipv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 8883\r\n", "[2001:db8::7]:40000"),
    "v1-mapped": (b"PROXY TCP6 ::ffff:203.0.113.7 ::1 40000 8883\r\n", "203.0.113.7:40000"),
    "v2": (v2(1, 0x11, FAMILY_4), "203.0.113.7:40000"),
    "v2-values": (v2(1, 0x11, FAMILY_4 + b"\xe0\0\4more"), "203.0.113.7:40000"),
    "v2-largest": (v2(1, 0x11, FAMILY_4 + b"\4" + struct.pack(">H", 4065) + bytes(4065)), "203.0.113.7:40000"),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", ADDRESS), "v2-local": (v2(0, 0), ADDRESS), "v2-unspec": (v2(1, 0, b"any"), ADDRESS),
}


@pytest.mark.parametrize("pieces", [0, 1, 16])
def test_each_header_is_read_up_to_its_end_however_it_is_cut(merlon, pieces):
    pump = merlon.device("pump")
    for name, (header, source) in HEADERS.items():
        if pieces == 1 and len(header) > 1000:
            continue
        with MqttFrom(merlon, merlon.mqtt_port, pump, ADDRESS, header, pieces) as client:
            assert client.connect(name).reason == 0
        entry = merlon.wait_for_entry("connection.opened", actor_id="pump")
        wait_until(lambda: entry["details"]["client_id"] == name or entry.update(
            merlon.wait_for_entry("connection.opened", actor_id="pump")), "the entry of this one")
        assert entry["source"].startswith(source), name
        assert entry["details"].get("proxy") == (None if source == ADDRESS else ADDRESS), name


BROKEN = {
    "no-header": (b"\x16\x03\x01", "no PROXY header"), "http": (b"GET / HTTP/1.1\r\n\r\n", "no PROXY header"),
    "v1-udp": (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROXY line names no family"),
    "v1-long": (b"PROXY UNKNOWN " + b"x" * 94, "PROXY line is over 107 bytes"),
    "v2-version-3": (MARK + b"\x31", "PROXY header has version 3"), "v2-command": (v2(2, 0x11, FAMILY_4), "PROXY header has command 2"),
    "v2-datagram": (v2(1, 0x12, FAMILY_4), "PROXY header names no stream: 0x12"),
    "v2-short": (v2(1, 0x11, FAMILY_4[:-1]), "PROXY header is too short for its addresses"),
    "v2-crc": (v2(1, 0x11, FAMILY_4 + b"\3\0\4xxxx"), "checksum of the PROXY header is wrong"),
    "v2-cut": (v2(1, 0x11, FAMILY_4 + b"\4\0\4xxx"), "a value in the PROXY header is cut off"),
    "v2-large": (MARK + b"\x21\x11" + struct.pack(">H", 4081), "PROXY header is over 4096 bytes"),
}


def test_from_a_balancer_the_header_is_demanded_and_must_be_right(merlon):
    for name, (sent, why) in BROKEN.items():
        before = merlon.refusals("protocol")
        for port in (merlon.mqtt_port, merlon.enrolment_port):
            with dial(port, ADDRESS) as plain:
                plain.sendall(sent)
                try:
                    assert plain.recv(1) == b"", name
                except ConnectionError:
                    pass
        entry = merlon.wait_for_entry("connection.refused", reason=why)
        assert entry["source"].startswith(f"{ADDRESS}:")
        merlon.wait_for_refusals("protocol", before + 2)


def test_from_others_no_header_is_read(merlon):
    """A client that claims to be somebody else gets no further than its first byte."""
    pump = merlon.device("pump")
    neighbours = ["127.0.0.8", "127.0.0.10", CLIENT]  # of the one address that is listed
    for source in neighbours:
        for name in ("v1", "v2"):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                MqttFrom(merlon, merlon.mqtt_port, pump, source, HEADERS[name][0])
            entry = merlon.wait_for_entry("connection.refused", reason="plaintext")
            assert entry["source"].startswith("127.0.0."), entry
        with MqttFrom(merlon, merlon.mqtt_port, pump, source) as client:
            assert client.connect("direct").reason == 0
        assert "proxy" not in merlon.wait_for_entry("connection.opened", actor_id="pump")["details"]
    assert "203.0.113.7" not in json.dumps(merlon.audit())


def test_networks_end_where_they_say(merlon):
    """127.0.0.8/31 of the HTTPS port is two addresses."""
    for source, answered in (("127.0.0.7", False), ("127.0.0.8", True), ("127.0.0.9", True), ("127.0.0.10", False)):
        plain = dial(merlon.enrolment_port, source)
        plain.sendall(HEADERS["v2"][0])
        context = tls_context(merlon.root, None, TLS_1_3)
        if answered:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
                client.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(15) == b"HTTP/1.1 200 OK"
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain, server_hostname="127.0.0.1")
            plain.close()


def test_limits_per_source_are_those_of_the_clients(start_merlon):
    """The balancer comes as often as all of them together."""
    merlon = start_merlon({**PROXIES, "tls": {"handshake_timeout": "120s"},
                           "quota": {"exempt": [], "source_connects": 3, "network_connects": 0}})
    pump = merlon.device("pump")

    def knock(client: str) -> socket.socket:
        plain = dial(merlon.mqtt_port, ADDRESS)
        plain.sendall(f"PROXY TCP4 {client} 198.51.100.1 40000 8883\r\n".encode())
        return plain

    # Several workers read the headers: which of the four is the one too many is theirs to say.
    knocks = {client: [knock(client) for _ in range(4)] for client in ("203.0.113.7", "203.0.113.8", "203.0.113.9")}

    def turned_away(waiting: list[socket.socket]) -> list[socket.socket]:
        return select.select(waiting, [], [], 0)[0]

    wait_until(lambda: all(turned_away(waiting) for waiting in knocks.values()), "one of each four is turned away")
    entry = merlon.wait_for_entry("source.limited")
    assert "203.0.113." in json.dumps(entry)
    with MqttFrom(merlon, merlon.mqtt_port, pump, ADDRESS, HEADERS["v1-ipv6"][0]) as client:
        assert client.connect("elsewhere").reason == 0
    for waiting in knocks.values():
        refused = turned_away(waiting)  # the others wait for TLS
        assert len(refused) == 1 and refused[0].recv(1) == b""
        for plain in waiting:
            plain.close()


def test_a_header_that_does_not_come_is_not_waited_for(start_merlon):
    merlon = start_merlon({**PROXIES, "tls": {"handshake_timeout": "1s"}})
    with dial(merlon.mqtt_port, ADDRESS) as silent, dial(merlon.mqtt_port, ADDRESS) as half:
        half.sendall(b"PROXY TCP4 ")
        for plain in (silent, half):
            assert plain.recv(1) == b""
    merlon.wait_for_entry("connection.refused", reason="no PROXY header in time")


def test_the_management_port_knows_no_balancer(merlon):
    """Who is near is asked there: metrics are for loopback."""
    with dial(merlon.management_port, ADDRESS) as plain:
        plain.sendall(HEADERS["v1"][0])
        with pytest.raises((ssl.SSLError, ConnectionError)):
            tls_context(merlon.root, None, TLS_1_3).wrap_socket(plain, server_hostname="127.0.0.1")


def test_waiting_for_a_header_does_not_hold_up_the_end(merlon):
    with dial(merlon.mqtt_port, ADDRESS) as plain:
        plain.sendall(b"PROXY ")
        merlon.stop()
        with suppress(ConnectionResetError):  # closed with bytes unread, the kernel may say so
            assert plain.recv(1) == b""


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "balancer.example.org", "0.0.0.0/0"])
def test_a_wrong_network_stops_the_start_and_is_named(make_merlon, wrong):
    merlon = make_merlon({"mqtt": {"proxies": [wrong]}})
    merlon.init()
    done = run_program("merlond", "run", "--config", merlon.config)
    assert done.code != 0
    assert f"[mqtt] proxies: {wrong}: " in done.err


def test_without_balancers_a_header_is_a_failure_of_tls(start_merlon):
    merlon = start_merlon()
    pump = merlon.device("pump")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        MqttFrom(merlon, merlon.mqtt_port, pump, ADDRESS, HEADERS["v1"][0])
    merlon.wait_for_entry("connection.refused", reason="plaintext")
