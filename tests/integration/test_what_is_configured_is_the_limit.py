# SPDX-License-Identifier: Apache-2.0
"""Numbers of the configuration reach the place where they hold: a client goes to each limit, and one above."""
import signal
import socket
import time

import pytest
from harness import mqtt_wire as wire
from harness.client import TLS_1_2, TLS_1_3, tls_context
from harness.moved_clock import MovedClock
from harness.mqtt import Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import DEADLINE_S, wait_until

UP, DOWN = "devices/pump-7/up", "devices/pump-7/down"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}
SMALL = {"device_sessions": 2, "application_sessions": 3, "subscriptions": 4, "in_flight": 5, "queued_messages": 6,
         "packet_bytes": 700, "topic_aliases": 7, "retained_messages": 8}
DRAIN_S = 1
GRACE_S = 5  # after the drain, for who does not leave
QUEUE_FULL = ("merlon_mqtt_messages_dropped_total", 'reason="queue-full"')


@pytest.fixture
def merlon(start_merlon):
    settings = {**SMALL, "packet_bytes": str(SMALL["packet_bytes"])}
    return start_merlon({"server": {"workers": 1}, "mqtt": settings})  # sessions of an application count on one worker


@pytest.fixture
def connect(merlon):
    """Opens connections of a device, or of an application that reads and commands it."""
    who = {"device": merlon.device("pump-7"), "app": merlon.application("app", publish=("devices/#",), subscribe=("devices/#",))}
    opened: list[Mqtt] = []

    def opener(name: str = "device", client_id: str = "", **options) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, who[name]))
        opened[-1].welcome = opened[-1].connect(client_id, **options)
        return opened[-1]

    yield opener
    for client in opened:
        client.close()


@pytest.mark.parametrize("name, limit", [("device", SMALL["device_sessions"]), ("app", SMALL["application_sessions"])])
def test_sessions_up_to_the_limit_and_not_one_more(connect, name, limit):
    codes = [connect(name, f"c{n}").welcome.reason for n in range(limit + 1)]
    assert codes == [0] * limit + [0x97]


def test_subscriptions_up_to_the_limit_and_not_one_more(connect):
    limit = SMALL["subscriptions"]
    codes = connect().subscribe(*(f"{DOWN}/{n}" for n in range(limit + 1)))
    assert codes == [1] * limit + [0x97]


def test_in_flight_from_the_client_is_told_and_one_more_ends_it(connect):
    limit, device = SMALL["in_flight"], connect()
    assert device.welcome.props["receive_maximum"] == limit
    for packet_id in range(1, limit + 1):
        device.send(wire.publish(5, UP, b"x", 2, packet_id=packet_id))
        assert device.expect(wire.PUBREC).packet_id == packet_id
    device.send(wire.publish(5, UP, b"x", 2, packet_id=limit + 1))
    assert device.ends() == 0x93


def test_in_flight_to_the_client_the_rest_waits(connect):
    limit, device, application = SMALL["in_flight"], connect(), connect("app")
    device.subscribe(DOWN)
    for n in range(limit + 1):
        application.publish(DOWN, b"%d" % n)
    sent = [device.message() for _ in range(limit)]
    assert device.nothing_comes()
    device.acknowledge(sent[0])
    assert device.message().payload == b"%d" % limit


def test_a_queue_takes_its_messages_and_drops_the_newest(merlon, connect):
    limit, device = SMALL["queued_messages"], connect(client_id="kept", **KEEP)
    device.subscribe(DOWN)
    device.close()
    application = connect("app")
    for n in range(limit + 1):
        assert merlon.api.metric(*QUEUE_FULL) == 0
        application.publish(DOWN, b"%d" % n)
    wait_until(lambda: merlon.api.metric(*QUEUE_FULL) == 1, "the newest is dropped")
    device = connect(client_id="kept", **KEEP)
    assert [int(device.receive().payload) for _ in range(limit)] == list(range(limit))
    assert device.nothing_comes()


def test_a_packet_of_the_largest_size_and_one_byte_more(connect):
    limit, device = SMALL["packet_bytes"], connect()
    assert device.welcome.props["maximum_packet_size"] == limit
    room = limit - len(wire.publish(5, UP, b"x" * 500, 1, packet_id=1)) + 500
    assert device.publish(UP, b"x" * room) == 0x10
    device.send(wire.publish(5, UP, b"x" * (room + 1), 1, packet_id=2))
    assert device.ends() == 0x95


def test_aliases_of_the_client_up_to_the_limit_and_not_one_more(connect):
    limit, device = SMALL["topic_aliases"], connect()
    assert device.welcome.props["topic_alias_maximum"] == limit
    assert device.publish(UP, b"x", topic_alias=limit) == 0x10
    device.send(wire.publish(5, UP, b"x", props={"topic_alias": limit + 1}))
    assert device.ends() == 0x94


def test_aliases_to_the_client_up_to_the_limit_and_not_one_more(connect):
    limit = SMALL["topic_aliases"]
    device, application = connect(props={"topic_alias_maximum": 100}), connect("app")
    device.subscribe(DOWN + "/#")
    given = []
    for n in range(limit + 1):
        for _ in range(2):  # one that came once may not come again
            application.publish(f"{DOWN}/{n}", b"x")
            message = device.receive()
        given.append(message.props["topic_alias"])
    assert sorted(given[:limit]) == list(range(1, limit + 1))
    assert given[limit] == given[0]  # the one not used for longest


def test_retained_messages_of_all_up_to_the_limit_and_not_one_more(connect):
    limit, application = SMALL["retained_messages"], connect("app")
    codes = [application.publish(f"{UP}/{n}", b"x", retain=True) for n in range(limit + 1)]
    assert codes == [0x10] * limit + [0x97]
    assert application.publish(f"{UP}/0", b"y", retain=True) == 0x10


@pytest.mark.parametrize("death", ["device", "daemon"])
def test_a_will_that_has_no_place_among_the_retained_goes_out(merlon, connect, death):
    application = connect("app", "kept", **KEEP)
    for n in range(SMALL["retained_messages"]):
        assert application.publish(f"{UP}/{n}", b"x", retain=True) == 0x10
    assert application.subscribe(UP) == [1]
    device = connect(will=wire.Will(UP, b"gone", qos=1, retain=True))
    if death == "device":
        device.cut()
    else:
        merlon.kill()
        merlon.start()
        application = connect("app", "kept", **KEEP)
    assert application.receive().payload == b"gone"
    merlon.restart()
    application = connect("app", "kept", **KEEP)
    assert application.subscribe(UP) == [1]  # retained messages come again
    assert application.nothing_comes()


def test_bytes_of_a_queue_hold(start_merlon):
    merlon = start_merlon({"mqtt": {"queued_bytes": "4KiB"}})
    device_identity = merlon.device("pump-7")
    application_identity = merlon.application("app", publish=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, device_identity) as device:
        device.connect("kept", **KEEP)
        device.subscribe(DOWN)
    with Mqtt(merlon.mqtt_port, merlon.root, application_identity) as application:
        application.connect()
        for n in range(3):
            application.publish(DOWN, b"%d" % n + b"x" * 1800)
    wait_until(lambda: merlon.api.metric(*QUEUE_FULL) == 1, "the third does not fit")
    with Mqtt(merlon.mqtt_port, merlon.root, device_identity) as device:
        device.connect("kept", **KEEP)
        assert [device.receive().payload[:1] for _ in range(2)] == [b"0", b"1"]
        assert device.nothing_comes()


# --- time and place before CONNECT

def test_who_connects_in_time_is_served_and_who_does_not_is_cut_off(start_merlon):
    merlon = start_merlon({"mqtt": {"connect_timeout": "3s"}})
    identity = merlon.device("pump-7")
    began = time.monotonic()
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as silent, Mqtt(merlon.mqtt_port, merlon.root, identity) as late, \
            Stopwatch() as watch:
        time.sleep(1)
        assert late.connect("late").reason == 0
        assert silent.ends() is None
        assert watch.passed < 9 and time.monotonic() - began > 2.9
        assert late.publish(UP, b"still here") == 0x10  # the time ended with CONNECT


def test_handshakes_in_progress_up_to_the_limit_and_not_one_more(start_merlon):
    merlon = start_merlon({"server": {"workers": 1}, "tls": {"handshakes": 3}})

    def knock() -> socket.socket:
        return socket.create_connection(("127.0.0.1", merlon.mqtt_port), timeout=5)

    waiting = [knock() for _ in range(3)]
    with knock() as one_more:
        assert one_more.recv(1) == b""
    merlon.wait_for_refusals("limit", 1)
    for plain in waiting:
        plain.settimeout(0.2)
        with pytest.raises(TimeoutError):
            plain.recv(1)
    waiting.pop().close()
    identity = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
        assert device.connect().reason == 0
    for plain in waiting:
        plain.close()


@pytest.mark.parametrize("tls", [TLS_1_2, TLS_1_3], ids=["tls1.2", "tls1.3"])
def test_tickets_that_are_taken_for_others_live_no_longer_than_one(make_merlon, workdir, tls):
    """Of TLS 1.3 each connection brings another one."""
    clock = MovedClock(workdir)
    merlon = clock.rule(make_merlon({"tls": {"ticket_life": "20m"}}))
    merlon.init()
    merlon.start()
    context, session = tls_context(merlon.root, merlon.device("pump-7"), tls), None
    for minutes, resumed in ((0, False), (10, True), (19, True), (21, False)):
        clock.set(minutes * 60)
        with Mqtt(merlon.mqtt_port, merlon.root, None, context=context, session=session) as device:
            assert device.connect().reason == 0
            assert device.socket.session_reused is resumed
            session = device.socket.session


# --- a reader that does not read

SIZE, COUNT = 10000, 2000  # 20 MB: more than any buffer between


def fill(merlon) -> Mqtt:
    """A client for which as much waits as may, at QoS 0."""
    slow = Mqtt(merlon.mqtt_port, merlon.root, merlon.application("slow", subscribe=("devices/#",)), receive_buffer=4096)
    slow.connect()
    slow.subscribe((UP, 0))
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as device:
        device.connect()
        for n in range(COUNT):
            device.send(wire.publish(5, UP, b"%6d" % n + b"x" * (SIZE - 6)))
        device.send(wire.packet(wire.PINGREQ))
        assert device.packet().kind == wire.PINGRESP  # all were taken
    return slow


def test_a_slow_reader_misses_messages_of_qos_0_and_stays(start_merlon):
    merlon = start_merlon()
    with fill(merlon) as slow:
        wait_until(lambda: merlon.api.metric(*QUEUE_FULL) > 0, "messages are dropped")
        wait_until(lambda: merlon.api.metric(*QUEUE_FULL) + merlon.api.metric("merlon_mqtt_messages_sent_total") >= COUNT, "each was seen to")
        arriving = COUNT - int(merlon.api.metric(*QUEUE_FULL))
        numbers = [int(slow.message().payload[:6]) for _ in range(arriving)]
        assert numbers == sorted(set(numbers))
        assert slow.nothing_comes()
    assert {e["reason"] for e in merlon.audit(action="connection.closed")} <= {"client disconnected"}


def test_who_reads_its_rest_within_the_grace_is_told(start_merlon):
    merlon = start_merlon({"mqtt": {"drain": f"{DRAIN_S}s"}})
    with fill(merlon) as slow:
        merlon.process.popen.send_signal(signal.SIGTERM)
        time.sleep(DRAIN_S + 1)
        with Stopwatch() as watch:
            assert slow.ends() == 0x8B
            assert merlon.process.popen.wait(DEADLINE_S) == 0
            assert watch.passed < GRACE_S - 1


def test_who_does_not_is_cut_off_after_it(start_merlon):
    merlon = start_merlon({"mqtt": {"drain": f"{DRAIN_S}s"}})
    with fill(merlon), Stopwatch() as watch:
        began = time.monotonic()
        merlon.process.popen.send_signal(signal.SIGTERM)
        assert merlon.process.popen.wait(DEADLINE_S) == 0
        assert watch.passed < DRAIN_S + GRACE_S + 4
        assert time.monotonic() - began > DRAIN_S + GRACE_S - 0.3
