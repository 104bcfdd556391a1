# SPDX-License-Identifier: Apache-2.0
"""Each limit of a device at its limit and one above, with what a client sees of it; and who is given which limits."""
import time
from bisect import bisect

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until
from harness.ws import BINARY, PING, PONG, MqttOverWs, dial, frame

UP, DOWN = "devices/pump-7/up", "devices/pump-7/down"
RATE = 1  # a second, ten of them at once
BURST = 10 * RATE
to_each = pytest.mark.parametrize("target", ["device:pump-7", "group:pumps"])


@pytest.fixture
def connect(merlon):
    """Opens connections of the device pump-7, of another one of its group, or of the application that reads and commands
    them."""
    who = {"device": merlon.device("pump-7", group="pumps"), "other": merlon.device("pump-8", group="pumps"),
           "app": merlon.application("app", publish=("devices/#",), subscribe=("devices/#",))}
    opened: list[Mqtt] = []

    def opener(name: str = "device", version: int = 5, client_id: str = "", reason: int = 0, **options) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, who[name], version))
        opened[-1].welcome = opened[-1].connect(client_id, **options)
        assert opened[-1].welcome.reason == reason
        return opened[-1]

    opener.who = who
    yield opener
    for client in opened:
        client.close()


def give(merlon, target: str = "device:pump-7", **limits) -> dict:
    return merlon.api.do("PATCH", f"/v1/quotas/{target}", limits)


def throttled(merlon) -> float:
    return merlon.api.metric("merlon_mqtt_throttled_total", "")


def numbered(count: int, qos: int = 1, topic: str = UP) -> bytes:
    return b"".join(wire.publish(5, topic, b"%d" % n, qos, packet_id=n + 1) for n in range(count))


# --- rates

@pytest.mark.quick
def test_messages_up_to_the_rate_are_not_slowed_down_and_one_more_is(merlon, connect):
    give(merlon, "group:pumps", messages=f"{RATE}/s")
    device, other = connect(), connect("other")
    device.send(numbered(BURST))
    assert [device.expect(wire.PUBACK).packet_id for _ in range(BURST)] == list(range(1, BURST + 1))
    assert throttled(merlon) == 0
    began = time.monotonic()
    other.send(numbered(BURST + 1, topic="devices/pump-8/up"))
    assert [other.expect(wire.PUBACK).packet_id for _ in range(BURST + 1)] == list(range(1, BURST + 2))
    assert throttled(merlon) == 1
    other.send(wire.packet(wire.PINGREQ))
    assert other.packet().kind == wire.PINGRESP
    assert time.monotonic() - began > 0.5  # it waited for its turn


@pytest.mark.parametrize("way", ["tls", "websocket"])
def test_nothing_that_is_slowed_down_is_lost(merlon, connect, way):
    give(merlon, messages="20/s")
    application, count = connect("app"), 240
    application.subscribe((UP, 1))
    if way == "tls":
        device = connect()
    else:
        device = MqttOverWs(merlon.enrolment_port, merlon.root, connect.who["device"])
        assert device.connect("ws").reason == 0
    device.send(numbered(count, qos=0))
    assert [int(application.receive().payload) for _ in range(count)] == list(range(count))
    assert throttled(merlon) > 0
    device.close()


def test_bytes_up_to_the_rate_are_not_slowed_down_and_one_more_is(merlon, connect):
    give(merlon, "group:pumps", bytes="1KiB/s")
    for name, topic, more in (("device", UP, 0), ("other", "devices/pump-8/up", 1)):
        overhead = len(wire.publish(5, topic, b"x" * 10000, 1, packet_id=1)) - 10000
        connect(name).publish(topic, b"x" * (10 * 1024 - overhead + more))
        assert throttled(merlon) == more


@pytest.mark.parametrize("stray, answer", [(wire.ack(wire.PUBACK, 9), None), (wire.ack(wire.PUBREC, 9), wire.PUBREL),
                                           (wire.packet(wire.PUBREC, b"\0\x09\x80"), None),
                                           (wire.ack(wire.PUBREL, 9), wire.PUBCOMP), (wire.ack(wire.PUBCOMP, 9), None)],
                         ids=["puback", "pubrec", "pubrec-0x80", "pubrel", "pubcomp"])
def test_acknowledgements_of_nothing_count_as_messages(merlon, connect, stray, answer):
    """Of a message under way they do not."""
    give(merlon, messages=f"{RATE}/s")
    client = connect()
    client.send(numbered(5, qos=2))
    for n in range(1, 6):
        assert client.expect(wire.PUBREC).packet_id == n
    client.send(b"".join(wire.ack(wire.PUBREL, n) for n in range(1, 6)))
    for n in range(1, 6):
        assert client.expect(wire.PUBCOMP).reason == 0
    client.send(stray * (BURST - 5 + 1))
    if answer is not None:
        for _ in range(BURST - 5 + 1):
            assert client.expect(answer).packet_id == 9
    wait_until(lambda: throttled(merlon) == 1, "slowed down")


def to_subscribe(filters: list[str]) -> bytes:
    return wire.subscribe(5, 7, [(one, 1) for one in filters])


def to_unsubscribe(filters: list[str]) -> bytes:
    return wire.unsubscribe(5, 7, filters)


@pytest.mark.parametrize("packet", [to_subscribe, to_unsubscribe])
def test_each_filter_of_a_packet_counts_as_a_message(merlon, connect, packet):
    give(merlon, "group:pumps", messages=f"{RATE}/s")
    for name, device, count, slowed in (("device", "pump-7", BURST, 0), ("other", "pump-8", BURST + 1, 1)):
        client = connect(name)
        client.send(packet([f"devices/{device}/down/{n}" for n in range(count)]))
        assert len(client.packet().codes) == count
        assert throttled(merlon) == slowed


def over_websocket(merlon, connect):
    socket = dial(merlon.enrolment_port, merlon.root, connect.who["device"]).upgrade()
    socket.send(frame(BINARY, wire.connect(5, "ws")))
    assert socket.frame().payload[0] >> 4 == wire.CONNACK
    return socket


@pytest.mark.parametrize("opcode, payload", [(PING, b"x" * 125), (PONG, b""), (BINARY, b"")])
def test_frames_without_data_count_as_messages(merlon, connect, opcode, payload):
    give(merlon, messages=f"{RATE}/s")
    with over_websocket(merlon, connect) as socket:
        socket.send(frame(opcode, payload) * BURST)
        socket.send(frame(BINARY, wire.packet(wire.PINGREQ)))
        while (came := socket.frame()).opcode == PONG:
            pass
        assert came.payload[0] >> 4 == wire.PINGRESP
        assert throttled(merlon) == 1  # by the PINGREQ
        began = time.monotonic()
        socket.send(frame(opcode, payload))
        socket.send(frame(PING, b"last"))
        while socket.frame().payload != b"last":
            pass
        assert time.monotonic() - began > 0.5  # it waited for its turn


def test_frames_without_data_have_their_bytes_counted(merlon, connect):
    give(merlon, bytes="1KiB/s")
    with over_websocket(merlon, connect) as socket:
        socket.send(*[frame(PING, b"x" * 125)] * 70)  # 131 bytes each: less than ten seconds' worth
        for _ in range(70):
            assert socket.frame().opcode == PONG
        assert throttled(merlon) == 0
        socket.send(*[frame(PING, b"x" * 125)] * 20)
        wait_until(lambda: throttled(merlon) >= 1, "slowed down")


def test_before_connect_there_are_16_frames_without_data_and_not_17(merlon, connect):
    with dial(merlon.enrolment_port, merlon.root, connect.who["device"]).upgrade() as socket:
        socket.send(frame(PING, b"x") * 16, frame(BINARY, wire.connect(5, "ws")))
        for _ in range(16):
            assert socket.frame().opcode == PONG
        assert socket.frame().payload[0] >> 4 == wire.CONNACK
    with dial(merlon.enrolment_port, merlon.root, connect.who["device"]).upgrade() as socket:
        socket.send(frame(PING, b"x") * 17)
        for _ in range(17):
            assert socket.frame().opcode == PONG
        assert socket.close_code() == 1008


def test_a_silent_wait_for_its_turn_is_not_held_against_the_keep_alive(merlon, connect):
    give(merlon, bytes="1KiB/s")
    device = connect(keep_alive=1)
    device.publish(UP, b"x" * (13 * 1024))  # three seconds too much
    assert throttled(merlon) == 1
    device.send(wire.packet(wire.PINGREQ))
    assert device.expect(wire.PINGRESP).kind == wire.PINGRESP


def test_connections_of_a_device_share_its_rate_and_others_do_not(merlon, connect):
    give(merlon, messages=f"{RATE}/s")
    first, second, application = connect(client_id="a"), connect(client_id="b"), connect("app")
    first.send(numbered(BURST, qos=0))
    assert first.publish(UP, b"x") == 0x10  # one too many: it waits now
    slowed = throttled(merlon)
    second.publish(UP, b"x")
    assert throttled(merlon) == slowed + 1
    for _ in range(3 * BURST):
        application.publish(DOWN, b"x")
    assert throttled(merlon) == slowed + 1


@pytest.fixture
def twins(start_merlon):
    """A device and an application of one name, on one worker, with the same limits."""
    merlon = start_merlon({"server": {"workers": 1}})
    limits = {"messages": f"{RATE}/s", "retained": 1, "subscriptions": 1, "sessions": 1}
    clients = [Mqtt(merlon.mqtt_port, merlon.root, identity) for identity in
               (merlon.device("pump-7"), merlon.application("pump-7", publish=("devices/#",), subscribe=("devices/#",)))]
    for client, kind in zip(clients, ("device", "application")):
        give(merlon, f"{kind}:pump-7", **limits)
        assert client.connect("c", clean=False, props={"session_expiry": 60}).reason == 0
    yield merlon, *clients
    for client in clients:
        client.close()


def test_an_application_with_the_name_of_a_device_uses_up_what_is_its_own(twins):
    merlon, *clients = twins
    for client in clients:
        assert client.subscribe(DOWN, DOWN + "/2") == [1, 0x97]
    for client, topic in zip(clients, (UP, UP + "/2")):
        assert client.publish(topic, b"x", retain=True) == 0x10
        assert client.publish(UP + "/3", b"x", retain=True) == 0x97
    assert throttled(merlon) == 0
    for client in clients:  # 4 of 10 are gone: two filters, two messages
        client.send(numbered(BURST - 4))
        for n in range(1, BURST - 3):
            assert client.expect(wire.PUBACK).packet_id == n
    assert throttled(merlon) == 0


def test_a_new_connection_does_not_bring_a_new_burst(merlon, connect):
    give(merlon, messages=f"{RATE}/s", connects=0)
    for _ in range(4 * BURST):  # a slow machine needs some of them to get ahead of the rate
        device = connect()
        device.publish(UP, b"x")
        device.close()
        if throttled(merlon) > 0:
            return
    pytest.fail("the rate does not hold over connections")


@pytest.mark.parametrize("version", [4, 5])
def test_a_flood_that_does_not_stop_is_ended_and_kept_out(start_merlon, version):
    merlon = start_merlon({"quota": {"flood": "1s"}})
    identity = merlon.device("pump-7")
    give(merlon, messages=f"{RATE}/s")
    with Mqtt(merlon.mqtt_port, merlon.root, identity, version) as device:
        assert device.connect("c").reason == 0
        device.send(b"".join(wire.publish(version, UP, b"x") for _ in range(10 * BURST)))
        assert device.ends(30) == (0x96 if version == 5 else None)
    entry = merlon.wait_for_entry("device.flooding", target="pump-7")
    assert entry["outcome"] == "denied"
    assert merlon.wait_for_entry("connection.closed", target="pump-7")["reason"] == "sends too fast for too long"
    with Mqtt(merlon.mqtt_port, merlon.root, identity, version) as device:
        assert device.connect("c").reason == (0x9F if version == 5 else 3)


# --- sizes and counts

@pytest.mark.quick
@to_each
def test_the_largest_packet_is_told_and_one_byte_more_ends_the_connection(merlon, connect, target):
    give(merlon, target, packet=256)
    device = connect()
    assert device.welcome.props["maximum_packet_size"] == 256
    overhead = len(wire.publish(5, UP, b"x" * 200, 1, packet_id=1)) - 200
    assert device.publish(UP, b"x" * (256 - overhead)) == 0x10
    device.send(wire.publish(5, UP, b"x" * (257 - overhead), 1, packet_id=2))
    assert device.ends() == 0x95


@pytest.mark.quick
@to_each
def test_in_flight_is_told_and_one_more_ends_the_connection(merlon, connect, target):
    give(merlon, target, in_flight=2)
    device = connect()
    assert device.welcome.props["receive_maximum"] == 2
    for packet_id in (1, 2):
        device.send(wire.publish(5, UP, b"x", 2, packet_id=packet_id))
        assert device.expect(wire.PUBREC).packet_id == packet_id
    device.send(wire.publish(5, UP, b"x", 2, packet_id=3))
    assert device.ends() == 0x93
    device = connect(version=4)
    for packet_id in (1, 2):
        device.send(wire.publish(4, UP, b"x", 2, packet_id=packet_id))
        assert device.expect(wire.PUBREC).packet_id == packet_id
    device.send(wire.publish(4, UP, b"x", 2, packet_id=3))
    assert device.ends() is None


def test_in_flight_to_the_device_holds_as_well(merlon, connect):
    give(merlon, in_flight=2)
    device, application = connect(), connect("app")
    device.subscribe((DOWN, 1))
    for n in range(3):
        application.publish(DOWN, b"%d" % n)
    sent = [device.message(), device.message()]
    assert device.nothing_comes()
    device.acknowledge(sent[0])
    assert device.message().payload == b"2"


@pytest.mark.quick
@to_each
def test_subscriptions_up_to_the_limit_and_not_one_more(merlon, connect, target):
    give(merlon, target, subscriptions=2)
    device = connect()
    assert device.subscribe((DOWN, 1), (DOWN + "/a", 1), (DOWN + "/b", 1)) == [1, 1, 0x97]
    assert device.subscribe((DOWN, 0)) == [0]
    assert merlon.wait_for_entry("subscribe.denied", target=DOWN + "/b")["reason"] == "too many subscriptions"


@pytest.mark.parametrize("version, too_many", [(5, 0x97), (4, 0x80)])
def test_a_packet_makes_as_many_subscriptions_as_a_session_may_have_and_not_one_more(merlon, connect, version, too_many):
    """Also of one filter again and again; what policy denies makes none."""
    give(merlon, subscriptions=3)
    device = connect(version=version)
    denied = 0x87 if version == 5 else 0x80
    assert device.subscribe((DOWN, 1), ("others/#", 1), (DOWN, 0), (DOWN, 1)) == [1, denied, 0, 1]
    assert device.subscribe((DOWN, 1), (DOWN, 0), (DOWN, 1), (DOWN, 1)) == [1, 0, 1, too_many]
    assert device.subscribe((DOWN + "/a", 1), (DOWN + "/b", 1)) == [1, 1]


@pytest.mark.quick
@to_each
def test_a_queue_takes_its_limit_and_drops_the_newest(merlon, connect, target):
    give(merlon, target, queue=3)
    keep = {"clean": False, "props": {"session_expiry": 3600}}
    device = connect(client_id="kept", **keep)
    device.subscribe((DOWN, 1))
    device.close()
    application = connect("app")
    dropped = ("merlon_mqtt_messages_dropped_total", 'reason="queue-full"')
    for n in range(3):
        assert application.publish(DOWN, b"%d" % n) == 0
    assert merlon.api.metric(*dropped) == 0
    assert application.publish(DOWN, b"3") == 0
    wait_until(lambda: merlon.api.metric(*dropped) == 1, "one message is dropped")
    assert merlon.wait_for_entry("queue.full", target="kept", actor_id="pump-7")["outcome"] == "failed"
    device = connect(client_id="kept", **keep)
    assert [device.receive().payload for _ in range(3)] == [b"0", b"1", b"2"]
    assert device.nothing_comes()


@to_each
def test_the_bytes_of_a_queue_hold_as_well(merlon, connect, target):
    give(merlon, target, queue_bytes="4KiB")
    keep = {"clean": False, "props": {"session_expiry": 3600}}
    device = connect(client_id="kept", **keep)
    device.subscribe((DOWN, 1))
    device.close()
    application = connect("app")
    for n in range(3):
        application.publish(DOWN, b"%d" % n + b"x" * 1800)
    wait_until(lambda: merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 1, "the third does not fit")
    device = connect(client_id="kept", **keep)
    assert [device.receive().payload[:1] for _ in range(2)] == [b"0", b"1"]
    assert device.nothing_comes()


@pytest.mark.quick
@to_each
def test_retained_messages_up_to_the_limit_and_not_one_more(merlon, connect, target):
    give(merlon, target, retained=2)
    device, application = connect(), connect("app")
    assert [device.publish(f"{UP}/{n}", b"x", retain=True) for n in range(3)] == [0x10, 0x10, 0x97]
    assert merlon.wait_for_entry("publish.denied", target=f"{UP}/2")["reason"] == "too many retained messages"
    assert device.publish(f"{UP}/1", b"other", retain=True) == 0x10  # replaced
    assert device.publish(f"{UP}/2", b"not kept", 2) == 0x10
    assert application.publish(f"{UP}/3", b"of another", retain=True) == 0x10
    assert device.publish(f"{UP}/0", b"", retain=True) == 0x10
    assert device.publish(f"{UP}/2", b"x", retain=True) == 0x10


@to_each
def test_retained_bytes_hold_as_well(merlon, connect, target):
    give(merlon, target, retained_bytes="4KiB")
    device = connect()
    answers = [device.publish(f"{UP}/{n}", b"x" * 1500, retain=True) for n in range(3)]
    assert answers == [0x10, 0x10, 0x97]


@to_each
def test_one_byte_more_to_retain_needs_one_byte_more_of_the_limit(merlon, connect, target):
    give(merlon, target, retained_bytes="4KiB")
    device = connect()

    def fits(size: int) -> bool:
        answer = device.publish(UP, b"x" * size, retain=True)
        assert answer in (0x10, 0x97)
        return answer == 0x10

    most = bisect(range(1, 4097), 0, key=lambda size: not fits(size))  # what the server adds is its own matter
    assert 3500 < most < 4096
    give(merlon, target, retained_bytes=4097)
    wait_until(lambda: fits(most + 1), "the new limit")
    assert not fits(most + 2)


def test_retained_bytes_of_all_hold_to_the_byte(start_merlon):
    room = 4096
    merlon = start_merlon({"mqtt": {"retained_bytes": str(room)}})
    app = merlon.application("app", publish=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, app) as client:
        assert client.connect().reason == 0

        def answer(size: int, topic: str = UP) -> int:
            return client.publish(topic, b"x" * size, retain=True)

        fits, above = 1, room  # what is stored beside the payload is the daemon's affair
        while above - fits > 1:
            size = (fits + above) // 2
            fits, above = (size, above) if answer(size) == 0x10 else (fits, size)
        assert room - 512 < fits < room
        assert [answer(fits), answer(fits + 1), answer(fits)] == [0x10, 0x97, 0x10]
        assert answer(1, DOWN) == 0x97
        assert [answer(0), answer(1, DOWN)] == [0x10, 0x10]


def test_what_is_retained_counts_after_a_restart_as_well(merlon, connect):
    give(merlon, retained=2)
    device = connect()
    assert [device.publish(f"{UP}/{n}", b"x", retain=True) for n in range(2)] == [0x10, 0x10]
    device.close()
    merlon.restart()
    device = connect()
    assert device.publish(f"{UP}/2", b"x", retain=True) == 0x97
    assert device.publish(f"{UP}/0", b"", retain=True) == 0x10
    assert device.publish(f"{UP}/2", b"x", retain=True) == 0x10


def test_a_kept_session_has_its_limits_after_a_restart(merlon, connect):
    give(merlon, queue=2)
    keep = {"clean": False, "props": {"session_expiry": 3600}}
    device = connect(client_id="kept", **keep)
    device.subscribe((DOWN, 1))
    device.close()
    merlon.restart()
    application = connect("app")
    for n in range(3):
        application.publish(DOWN, b"%d" % n)
    device = connect(client_id="kept", **keep)
    assert [device.receive().payload for _ in range(2)] == [b"0", b"1"]
    assert device.nothing_comes()


def test_a_will_above_the_limit_goes_out_and_is_not_kept(merlon, connect):
    give(merlon, retained=0)
    application = connect("app")
    application.subscribe((UP, 1))
    device = connect(will=wire.Will(UP, b"gone", 1, True))
    device.cut()
    assert application.receive().payload == b"gone"
    assert merlon.api.metric("merlon_retained_messages", "") == 0


def test_a_will_that_is_kept_counts_for_its_device(merlon, connect):
    give(merlon, retained=1)
    application = connect("app")
    application.subscribe((UP, 1))
    connect(will=wire.Will(UP, b"gone", 1, True)).cut()
    assert application.receive().payload == b"gone"
    assert connect().publish(f"{UP}/other", b"x", retain=True) == 0x97


def test_a_packet_id_is_free_when_there_was_no_room_for_its_message(merlon, connect):
    """[MQTT-4.3.3-9]"""
    give(merlon, retained=0)
    device, application = connect(), connect("app")
    application.subscribe((UP, 1))
    device.send(wire.publish(5, UP, b"to keep", 2, True, 7))
    assert device.expect(wire.PUBREC).reason == 0x97
    device.send(wire.publish(5, UP, b"in passing", 2, packet_id=7))
    assert device.expect(wire.PUBREC).reason == 0
    assert application.receive().payload == b"in passing"


@pytest.mark.quick
@to_each
def test_sessions_up_to_the_limit_and_not_one_more(merlon, connect, target):
    give(merlon, target, sessions=2)
    connect(client_id="a")
    connect(client_id="b")
    connect(client_id="c", reason=0x97)
    connect(version=4, client_id="c", reason=3)
    merlon.wait_for_refusals("limit", 2)


@pytest.mark.quick
def test_what_a_group_was_given_each_of_its_devices_has_for_itself(merlon, connect):
    give(merlon, "group:pumps", sessions=1, retained=1, connects="2/min")
    for name, topic in (("device", UP), ("other", "devices/pump-8/up")):
        client = connect(name, client_id="a")
        assert [client.publish(f"{topic}/{n}", b"x", retain=True) for n in range(2)] == [0x10, 0x97]
        connect(name, client_id="b", reason=0x97)
        connect(name, client_id="a", reason=0x9F)


# --- who is given what

@pytest.mark.quick
def test_a_device_goes_before_its_group_and_that_before_the_default(merlon, connect):
    def told() -> int:
        device = connect()
        device.close()
        return device.welcome.props["receive_maximum"]

    assert told() == 100
    give(merlon, "group:pumps", in_flight=7)
    assert told() == 7
    give(merlon, in_flight=9)
    assert told() == 9
    give(merlon, in_flight=None)
    assert told() == 7
    merlon.api.do("PATCH", "/v1/devices/pump-7", {"group": "valves"})
    assert told() == 100


@pytest.mark.quick
@to_each
def test_a_change_acts_on_a_live_session_within_a_second(merlon, connect, target):
    device = connect()
    give(merlon, target, subscriptions=1, messages=f"{RATE}/s")
    with Stopwatch() as watch:
        wait_until(lambda: device.subscribe((f"{DOWN}/{time.monotonic()}", 1)) == [0x97], "the new limit")
        assert watch.passed < 1
    device.send(numbered(2 * BURST, qos=0))
    wait_until(lambda: throttled(merlon) > 0, "the new rate")
    give(merlon, target, subscriptions=100, messages="unlimited")
    other = connect(client_id="other")
    assert other.subscribe((DOWN, 1), (DOWN + "/a", 1)) == [1, 1]


def test_limits_survive_a_restart_and_are_in_the_log(merlon, connect):
    give(merlon, in_flight=7)
    entry = merlon.wait_for_entry("quota.changed", target="device:pump-7")
    assert entry["details"] == {"in_flight": 7}
    merlon.restart()
    assert connect().welcome.props["receive_maximum"] == 7


@pytest.mark.quick
def test_the_command_line_gives_shows_and_takes_back(merlon):
    merlon.add_device("pump-7", "pumps")
    done = merlon.cli("quota", "set", "--group", "pumps", "--messages", "10/s", "--queue-bytes", "64KiB")
    assert done.code == 0, done.err
    assert "10" in done.out and "65536" in done.out
    assert merlon.cli("quota", "show", "--device", "pump-7", "-o", "json").out.count('"messages":10') == 1
    assert "group:pumps" in merlon.cli("quota", "list").out
    done = merlon.cli("quota", "set", "--device", "pump-7", "--in-flight", "0")
    assert done.code != 0 and "from 1 to 65535" in done.err
    assert merlon.cli("quota", "unset", "--group", "pumps", "--limit", "queue-bytes").code == 0
    assert merlon.cli("quota", "unset", "--group", "pumps").code == 0
    assert merlon.cli("quota", "unset", "--group", "pumps").code != 0


def test_a_real_device_never_notices_the_defaults(start_merlon):
    """A burst of telemetry, commands and a few connects a minute pass unslowed."""
    merlon = start_merlon({"quota": {"connects": 60, "messages": 100, "bytes": "1MiB"}})
    identity = merlon.device("pump-7")
    for _ in range(10):
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
            assert device.connect("c").reason == 0
            assert device.subscribe((DOWN, 1)) == [1]
            for n in range(20):
                assert device.publish(UP, b"%d" % n) == 0x10
    assert throttled(merlon) == 0
    assert merlon.api.all_of("/v1/blocks") == []
