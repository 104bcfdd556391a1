# SPDX-License-Identifier: Apache-2.0
"""A subscription gets every retained message that matches [MQTT-3.3.1-9], however many there are and however slow the reader is:
in portions, while other messages pass."""
import socket
import subprocess

import paho.mqtt.client as paho
import pytest
from harness import mqtt_wire as wire
from harness.client import MqttClient
from harness.mqtt import Mqtt
from harness.waiting import DEADLINE_S

MANY = 5001
PAYLOAD, HEAVY = b"v" * 200, b"v" * 2000
QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@pytest.fixture
def full(merlon):
    """MANY retained messages below x."""
    merlon.identity = merlon.application("app", publish=("#",), subscribe=("#",))
    with client(merlon) as a:
        fill(a, PAYLOAD)
    return merlon


@pytest.fixture
def heavy(merlon):
    """The same, and more bytes than the kernel takes for a reader that is slow."""
    merlon.identity = merlon.application("app", publish=("#",), subscribe=("#",))
    with client(merlon) as a:
        fill(a, HEAVY)
    return merlon


def client(merlon, version: int = 5, client_id: str = "", clean: bool = True, **options) -> Mqtt:
    made = Mqtt(merlon.mqtt_port, merlon.root, merlon.identity, version, **options)
    made.welcome = made.connect(client_id, clean=clean, **({"props": {"session_expiry": 3600}} if not clean and version == 5 else {}))
    assert made.welcome.reason == 0
    return made


def topic(n: int) -> str:
    return f"x/{n}/state"


def fill(a: Mqtt, payload: bytes) -> None:
    """A message of QoS 2 can be had at each QoS; many are on their way at once, as the store takes many together."""
    sent = done = 0
    while done < MANY:
        while sent < min(MANY, done + 100):
            a.send(wire.publish(a.version, topic(sent), payload, 2, True, sent + 1))
            sent += 1
        answer = a.packet()
        assert answer.reason in (0, 0x10), answer
        if answer.kind == wire.PUBREC:
            a.send(wire.ack(wire.PUBREL, answer.packet_id))
        else:
            done += 1


def take(c: Mqtt, count: int = MANY) -> list[wire.Received]:
    """So many messages, acknowledged; the exchanges of QoS 2 go on beside each other, and end before this does."""
    taken, open_ids, later = [], set(), []
    while len(taken) < count or open_ids:
        p = c.packet()
        if p.kind == wire.PUBREL:
            c.send(wire.ack(wire.PUBCOMP, p.packet_id))
            open_ids.discard(p.packet_id)
        elif len(taken) == count:
            later.append(p)
        else:
            assert p.kind == wire.PUBLISH, p
            taken.append(p)
            if p.qos == 1:
                c.send(wire.ack(wire.PUBACK, p.packet_id))
            elif p.qos == 2:
                c.send(wire.ack(wire.PUBREC, p.packet_id))
                open_ids.add(p.packet_id)
    c._early = later + c._early  # pylint: disable=protected-access
    return taken


def lost(merlon) -> float:
    return merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"')


@pytest.mark.quick
@QOS
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])
def test_all_come_once(full, version, qos):
    with client(full, version) as c:
        c.subscribe(("x/#", qos))
        found = take(c)
        assert sorted(m.topic for m in found) == sorted(topic(n) for n in range(MANY))
        assert {(m.qos, m.retain, m.payload) for m in found} == {(qos, True, PAYLOAD)}
        assert c.nothing_comes()
    assert lost(full) == 0


@QOS
@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5], ids=["3.1.1", "5.0"])
def test_paho_gets_all(full, protocol, qos):
    made = MqttClient(full.mqtt_port, full.root, full.identity, protocol=protocol)
    with made as c:
        assert c.connect() == 0
        assert c.subscribe("x/#", qos) == qos
        assert len({c.receive().topic for _ in range(MANY)}) == MANY


@QOS
@pytest.mark.parametrize("protocol", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_gets_all(full, protocol, qos):
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(full.mqtt_port), "--cafile", full.root, "--cert", full.identity.certificate,
               "--key", full.identity.key, "-V", protocol, "-q", str(qos), "-t", "x/#", "-F", "%t", "-C", str(MANY), "-W", str(DEADLINE_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == MANY


# --- while it goes on

def slow(merlon, **options) -> Mqtt:
    """A client with a small receive buffer: what it does not read waits in the daemon."""
    return client(merlon, receive_buffer=4096, **options)


@QOS
def test_a_slow_reader_gets_all_and_live_messages_between(heavy, qos):
    """What is published meanwhile does not wait for the last of them, and drops none."""
    with slow(heavy) as c, client(heavy) as a:
        c.subscribe(("x/#", qos), ("live", 1))
        early = take(c, 10)
        assert a.publish("live", b"now", 1) == 0
        between = 0
        while c.receive().topic != "live":
            between += 1
        assert between < MANY - 1000, "the live message came after the retained ones"
        found = early + take(c, MANY - len(early) - between)
        assert len({m.topic for m in found}) == len(found)
        assert c.nothing_comes()
    assert lost(heavy) == 0


@QOS
def test_what_changes_meanwhile_comes_as_it_is_then(heavy, qos):
    """Replaced: the newer one alone; removed: nothing but the removal. The order in which they were set is that in which they
    come, so the last ones have not left yet."""
    replaced, removed, spoken = topic(MANY - 1), topic(MANY - 2), topic(MANY - 3)
    with slow(heavy) as c, client(heavy) as a:
        c.subscribe(("x/#", qos))
        found = take(c, 10)
        assert a.publish(replaced, b"newer", 2, retain=True) == 0
        assert a.publish(removed, b"", 2, retain=True) == 0
        assert a.publish(spoken, b"spoken", 2) == 0
        found += take(c, MANY - 10 + 1)
        of = {name: [(m.payload, m.retain) for m in found if m.topic == name] for name in (replaced, removed, spoken)}
        assert of == {replaced: [(b"newer", False)], removed: [(b"", False)], spoken: [(HEAVY, True), (b"spoken", False)]}
        assert c.nothing_comes()
    assert lost(heavy) == 0


def test_unsubscribing_ends_it(heavy):
    with slow(heavy) as c:
        c.subscribe(("x/#", 1))
        take(c, 10)
        c.send(wire.unsubscribe(5, c.next_id(), ["x/#"]))
        c.expect(wire.UNSUBACK)
        came = 10
        while not c.nothing_comes():
            came += 1
        assert came < MANY


# --- kept sessions

def missing(parts: list[list[wire.Received]]) -> int:
    return MANY - len({m.topic for part in parts for m in part})


def take_rest(c: Mqtt, parts: list[list[wire.Received]]) -> int:
    """Until none is missing; gives how many came more than once without DUP."""
    parts.append([])
    while missing(parts) > 0:
        parts[-1] += take(c, missing(parts))
    assert c.nothing_comes()
    return sum(len(part) for part in parts) - MANY - sum(m.dup for part in parts for m in part)


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])
def test_a_client_that_comes_back_gets_the_rest(full, version, qos):
    parts = []
    with client(full, version, "k", clean=False) as c:
        c.subscribe(("x/#", qos))
        parts.append(take(c, 100))
    for count in (200, 1000):
        with client(full, version, "k", clean=False) as c:
            assert c.welcome.session_present
            parts.append(take(c, count))
    with client(full, version, "k", clean=False) as c:
        assert take_rest(c, parts) <= 0
    assert lost(full) == 0


@pytest.mark.parametrize("restart", [False, True], ids=["", "restart"])
def test_a_client_that_was_away_gets_what_replaced_one_meanwhile(full, restart):
    """At QoS 0 it waits for nobody."""
    with client(full, 5, "k", clean=False) as c:
        c.subscribe(("x/#", 1))
        parts = [take(c, 10)]
        c.send(wire.packet(wire.PINGREQ))
        c.expect(wire.PINGRESP)  # the acknowledgements arrived: what is not read yet takes them along when the socket is closed
    with client(full) as a:
        assert a.publish(topic(MANY - 1), b"newer", 0, retain=True) == 0
        assert a.nothing_comes()
    if restart:
        full.restart()
    with client(full, 5, "k", clean=False) as c:
        assert take_rest(c, parts) <= 0
        assert [(m.payload, m.qos, m.retain) for m in parts[-1] if m.topic == topic(MANY - 1)] == [(b"newer", 0, True)]


@pytest.mark.parametrize("end", ["stop", "kill"])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_daemon_that_comes_back_sends_the_rest(full, end, qos):
    """After a crash messages of QoS 1 may come twice."""
    parts = []
    c = client(full, 5, "k", clean=False)
    c.subscribe(("x/#", qos))
    parts.append(take(c, 1000))
    getattr(full, end)()
    c.cut()
    full.start()
    with client(full, 5, "k", clean=False) as c:
        assert c.welcome.session_present
        assert take_rest(c, parts) <= 0 or (qos, end) == (1, "kill")


def leave_with(c: Mqtt, data: bytes) -> None:
    """The data and the end of the connection arrive in one segment."""
    c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    c.send(data)
    c.cut()


@pytest.mark.parametrize("last", [b"", wire.packet(wire.DISCONNECT)], ids=["fin", "disconnect"])
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])
def test_a_client_that_left_before_its_suback_gets_all_when_it_is_back(full, version, last):
    """SUBACK leaves when the subscription is on the disk: nobody is there any more."""
    leave_with(client(full, version, "k", clean=False), wire.subscribe(version, 1, [("x/#", 1)]) + last)
    with client(full, version, "k", clean=False) as c:
        assert c.welcome.session_present
        assert {m.topic for m in take(c)} == {topic(n) for n in range(MANY)}
        assert c.nothing_comes()
    assert lost(full) == 0


def test_nothing_is_owed_after_all_came(full):
    with client(full, 5, "k", clean=False) as c:
        c.subscribe(("x/#", 1))
        take(c)
    full.restart()
    with client(full, 5, "k", clean=False) as c:
        assert c.welcome.session_present
        assert c.nothing_comes()
