# SPDX-License-Identifier: Apache-2.0
"""QoS, retained messages, wills, kept sessions, properties and limits between a device and an application."""
import socket
import sqlite3
import struct
import time
from contextlib import closing

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until

UP, DOWN = "devices/pump-7/up", "devices/pump-7/down"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}


@pytest.fixture
def pair(merlon):
    """Opens connections of the device and of an application that reads and commands it."""
    device = merlon.device("pump-7")
    application = merlon.application("app", publish=("devices/#",), subscribe=("devices/#",))
    opened: list[Mqtt] = []

    def connect(who: str, version: int = 5, client_id: str = "", **options) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, {"device": device, "app": application}[who], version))
        assert opened[-1].connect(client_id, **options).reason == 0
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


# --- QoS

@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("sent", [0, 1, 2])
@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_a_message_arrives_with_the_lower_qos_both_ways(pair, version, sent, wanted):
    device, application = pair("device", version), pair("app", version)
    assert application.subscribe((UP, wanted)) == [wanted]
    assert device.subscribe((DOWN, wanted)) == [wanted]
    for source, target, topic in ((device, application, UP), (application, device, DOWN)):
        assert source.publish(topic, b"\0\xff payload", sent) == 0
        message = target.receive()
        assert (message.topic, message.payload, message.qos) == (topic, b"\0\xff payload", min(sent, wanted))
        assert not message.retain and not message.dup
        assert target.nothing_comes(0.05)


def test_a_qos_2_message_sent_twice_is_delivered_once(pair):
    device, application = pair("device"), pair("app")
    application.subscribe((UP, 2))
    for dup in (False, True):
        device.send(wire.publish(5, UP, b"once", 2, packet_id=7, dup=dup))
        assert device.expect(wire.PUBREC).packet_id == 7
    device.send(wire.ack(wire.PUBREL, 7))
    assert device.expect(wire.PUBCOMP).packet_id == 7
    assert application.receive().payload == b"once"
    assert application.nothing_comes()


def test_a_message_to_nobody_says_so_in_5_0(pair):
    device = pair("device")
    assert device.publish(UP, b"x", 1) == 0x10
    assert device.publish(UP, b"x", 2) == 0x10


@pytest.mark.parametrize("qos", [1, 2])
def test_the_order_of_a_topic_is_kept(pair, qos):
    device, application = pair("device"), pair("app")
    application.subscribe((UP, qos))
    for n in range(50):
        device.publish(UP, b"%d" % n, qos)
    assert [int(application.receive().payload) for _ in range(50)] == list(range(50))


def test_many_publishes_in_one_write_all_arrive_in_order(pair):
    device, application = pair("device"), pair("app")
    application.subscribe((UP, 0))
    count = 2000
    device.send(b"".join(wire.publish(5, UP, b"%d" % n) for n in range(count)))
    assert [int(application.message().payload) for _ in range(count)] == list(range(count))
    device.send(b"".join(wire.publish(5, UP, b"%d" % n, 1, packet_id=n + 1) for n in range(100)))
    assert [device.expect(wire.PUBACK).packet_id for _ in range(100)] == list(range(1, 101))
    assert [int(application.message().payload) for _ in range(100)] == list(range(100))


def test_a_packet_may_come_byte_by_byte(pair):
    device, application = pair("device"), pair("app")
    application.subscribe(UP)
    for byte in wire.publish(5, UP, b"slow", 1, packet_id=1):
        device.send(bytes([byte]))
    assert device.expect(wire.PUBACK).packet_id == 1
    assert application.receive().payload == b"slow"


# --- retained messages

@pytest.mark.quick
def test_a_retained_message_is_set_replaced_and_cleared(pair):
    device = pair("device")

    def retained() -> list[bytes]:
        reader = pair("app")
        reader.send(wire.subscribe(5, 1, [("devices/+/up", 1)]) + wire.packet(wire.PINGREQ))
        found = []
        while (packet := reader.packet()).kind != wire.PINGRESP:
            if packet.kind == wire.PUBLISH:
                assert packet.retain
                found.append(packet.payload)
        reader.close()
        return found

    assert retained() == []
    device.publish(UP, b"one", retain=True)
    assert retained() == [b"one"]
    device.publish(UP, b"two", retain=True)
    device.publish(UP, b"three")  # not retained: does not replace
    assert retained() == [b"two"]
    device.publish(UP, b"", retain=True)
    assert retained() == []


def test_a_live_subscriber_sees_the_retain_flag_only_when_it_asks(pair):
    plain, as_published, device = pair("app"), pair("app"), pair("device")
    plain.subscribe((UP, 1))
    as_published.subscribe((UP, 1 | 8))
    device.publish(UP, b"x", retain=True)
    assert plain.receive().retain is False
    assert as_published.receive().retain is True


@pytest.mark.parametrize("handling, first, again", [(0, True, True), (1, True, False), (2, False, False)])
def test_retain_handling(pair, handling, first, again):
    device, reader = pair("device"), pair("app")
    device.publish(UP, b"kept", retain=True)
    for expected in (first, again):
        assert reader.subscribe((UP, 1 | handling << 4)) == [1]
        if expected:
            assert reader.receive().payload == b"kept"
        assert reader.nothing_comes(0.05)


def test_a_retained_message_expires(pair):
    device = pair("device")
    device.publish(UP, b"short", retain=True, message_expiry=1)
    device.publish(DOWN, b"long", retain=True, message_expiry=100)
    early = pair("app")
    early.subscribe("devices/pump-7/+")
    assert {early.receive().payload for _ in range(2)} == {b"short", b"long"}

    def only_the_long_one_is_left() -> bool:
        reader = pair("app")
        reader.send(wire.subscribe(5, 1, [("devices/pump-7/+", 1)]) + wire.packet(wire.PINGREQ))
        packets = []
        while (packet := reader.packet()).kind != wire.PINGRESP:
            packets.append(packet)
        found = [p for p in packets if p.kind == wire.PUBLISH]
        assert all(p.payload != b"long" or p.props["message_expiry"] <= 100 for p in found)
        return [p.payload for p in found] == [b"long"]

    wait_until(only_the_long_one_is_left, "the retained message to expire")


def test_a_message_of_another_is_not_replaced_by_a_denied_one(merlon, pair):
    device = pair("device")
    device.publish(UP, b"mine", retain=True)
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("attacker")) as attacker:
        attacker.connect()
        assert attacker.publish(UP, b"", retain=True) == 0x87
        assert attacker.publish(UP, b"forged", 0, retain=True) == 0
    reader = pair("app")
    reader.subscribe(UP)
    assert reader.receive().payload == b"mine"


# --- wills

def will(**properties) -> wire.Will:
    return wire.Will(UP, b"gone", 1, properties=properties)


@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
def test_a_will_is_sent_when_the_connection_is_lost(pair, version):
    reader = pair("app")
    reader.subscribe(UP)
    pair("device", version, will=will()).cut()
    message = reader.receive()
    assert (message.payload, message.qos, message.retain) == (b"gone", 1, False)


@pytest.mark.parametrize("version", [4, 5])
def test_a_clean_disconnect_takes_the_will_away(pair, version):
    reader = pair("app")
    reader.subscribe(UP)
    pair("device", version, will=will()).close()
    assert reader.nothing_comes()


def test_a_disconnect_with_0x04_wants_the_will_sent(pair):
    reader, device = pair("app"), pair("device", will=will())
    reader.subscribe(UP)
    device.send(wire.disconnect(5, 0x04))
    assert reader.receive().payload == b"gone"


def test_a_protocol_error_sends_the_will(pair):
    reader, device = pair("app"), pair("device", will=will())
    reader.subscribe(UP)
    device.send(wire.packet(wire.PINGRESP))
    assert device.ends() in (0x81, 0x82)
    assert reader.receive().payload == b"gone"


def test_a_suback_larger_than_the_client_takes_ends_the_connection(pair):
    """[MQTT-3.1.2-24]"""
    device = pair("device", client_id="a", props={"maximum_packet_size": 40})
    device.send(wire.subscribe(5, 1, [(f"{DOWN}/{n}", 1) for n in range(40)]))
    assert device.ends() == 0x95


def test_a_will_waits_for_its_delay(pair):
    reader = pair("app")
    reader.subscribe(UP)
    device = pair("device", client_id="d", clean=False, will=will(will_delay=2), props={"session_expiry": 3600})
    start = time.monotonic()
    with Stopwatch() as watch:
        device.cut()
        assert reader.receive().payload == b"gone"
        assert watch.passed < 6
    assert time.monotonic() - start > 1.99  # never early; to the millisecond of the daemon's clock


def test_who_comes_back_in_time_sends_no_will(pair):
    reader = pair("app")
    reader.subscribe(UP)
    options = {"client_id": "d", "clean": False, "props": {"session_expiry": 3600}}
    pair("device", **options, will=will(will_delay=4)).cut()
    pair("device", **options)
    assert reader.nothing_comes(5)


def test_the_end_of_the_session_does_not_wait_for_the_delay(pair):
    reader = pair("app")
    reader.subscribe(UP)
    with Stopwatch() as watch:
        pair("device", will=will(will_delay=60)).cut()  # no session expiry: it ends with the connection. MQTT 5.0 3.1.3.2.2
        assert reader.receive().payload == b"gone"
        assert watch.passed < 10


def test_an_expired_retained_message_leaves_its_place_in_memory_and_in_the_store(start_merlon):
    merlon = start_merlon({"mqtt": {"retained_messages": 1}})
    identity = merlon.device("pump-7")

    def rows() -> int:
        with closing(sqlite3.connect(f"file:{merlon.database}?mode=ro", uri=True)) as database:
            return database.execute("SELECT COUNT(*) FROM mqtt_retained").fetchone()[0]

    with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
        device.connect()
        assert device.publish(UP, b"short", retain=True, message_expiry=2) == 0x10
        assert device.publish(UP + "/2", b"long", retain=True) == 0x97
        assert merlon.wait_for_entry("publish.denied", target=UP + "/2")["reason"] == "too many retained messages of all"
        assert rows() == 1
        wait_until(lambda: device.publish(UP + "/2", b"long", retain=True) == 0x10, "the place to be free")
    wait_until(lambda: rows() == 1, "its row to go")
    merlon.restart()
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
        device.connect()
        device.subscribe("devices/pump-7/#")
        assert device.receive().payload == b"long"
        assert device.nothing_comes()


def test_a_retained_will_stays(pair):
    reader = pair("app")
    reader.subscribe(UP)
    pair("device", will=wire.Will(UP, b"offline", 1, True)).cut()
    reader.receive()
    late = pair("app")
    late.subscribe(UP)
    assert late.receive().payload == b"offline"


# --- keep alive

@pytest.mark.parametrize("version, reason", [(4, None), (5, 0x8D)])
def test_silence_for_one_and_a_half_times_the_keep_alive_ends_the_connection(pair, version, reason):
    reader = pair("app")
    reader.subscribe(UP)
    start = time.monotonic()
    device = pair("device", version, keep_alive=1, will=will())
    with Stopwatch() as watch:
        assert device.ends() == reason
        assert watch.passed < 5
    assert time.monotonic() - start > 1.49
    assert reader.receive().payload == b"gone"


def test_pings_keep_the_connection(pair):
    device = pair("device", keep_alive=2)
    for _ in range(4):
        time.sleep(1)
        device.send(wire.packet(wire.PINGREQ))
        assert device.packet().kind == wire.PINGRESP


def test_the_server_says_what_keep_alive_it_wants(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        assert client.connect(keep_alive=0).props["server_keep_alive"] == 1200
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-8")) as client:
        assert "server_keep_alive" not in client.connect(keep_alive=60).props


# --- kept sessions

@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_kept_session_gets_what_came_while_it_was_away(pair, version, qos):
    keep = KEEP if version == 5 else {"clean": False}
    device, application = pair("device", version, "d", **keep), pair("app")
    device.subscribe((DOWN, 2))
    device.cut()
    for n in range(20):
        assert application.publish(DOWN, b"%d" % n, qos) == 0
    application.publish(DOWN, b"not kept", 0)
    back = pair("device", version, "d", **keep)
    messages = [back.receive() for _ in range(20)]
    assert [int(m.payload) for m in messages] == list(range(20))
    assert {m.qos for m in messages} == {qos}
    assert back.nothing_comes()


def test_unacknowledged_messages_come_again_with_dup(pair):
    device, application = pair("device", client_id="d", **KEEP), pair("app")
    device.subscribe((DOWN, 2))
    application.publish(DOWN, b"one", 1)
    application.publish(DOWN, b"two", 2)
    first = [device.message(), device.message()]
    device.cut()
    back = pair("device", client_id="d", **KEEP)
    second = [back.receive(), back.receive()]
    assert [(m.payload, m.packet_id, m.dup) for m in second] == [(m.payload, m.packet_id, True) for m in first]


def test_a_qos_2_exchange_goes_on_where_it_stopped(pair):
    device, application = pair("device", client_id="d", **KEEP), pair("app")
    device.subscribe((DOWN, 2))
    application.publish(DOWN, b"x", 2)
    message = device.message()
    device.send(wire.ack(wire.PUBREC, message.packet_id))
    assert device.expect(wire.PUBREL).packet_id == message.packet_id
    device.cut()
    back = pair("device", client_id="d", **KEEP)
    assert back.expect(wire.PUBREL).packet_id == message.packet_id  # and not the message again
    back.send(wire.ack(wire.PUBCOMP, message.packet_id))
    assert back.nothing_comes()


def test_a_clean_start_forgets(pair):
    device = pair("device", client_id="d", **KEEP)
    device.subscribe(DOWN)
    device.close()
    fresh = pair("device", client_id="d", clean=True, props={"session_expiry": 3600})
    pair("app").publish(DOWN, b"x")
    assert fresh.nothing_comes()


def test_a_session_ends_after_its_expiry(merlon, pair):
    device = pair("device", client_id="d", clean=False, props={"session_expiry": 1})
    device.subscribe(DOWN)
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 1, "the session to be counted")
    device.cut()
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 0, "the session to end")
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("other")) as other:
        assert other.connect().reason == 0
    back = pair("device", client_id="d", **KEEP)
    pair("app").publish(DOWN, b"x")
    assert back.nothing_comes()


def test_an_expiry_at_disconnect_replaces_that_of_connect(pair):
    device = pair("device", client_id="d", **KEEP)
    device.subscribe(DOWN)
    device.send(wire.disconnect(5, 0, {"session_expiry": 0}))
    assert device.ends() is None
    back = pair("device", client_id="d", **KEEP)
    pair("app").publish(DOWN, b"x")
    assert back.nothing_comes()


def test_a_message_expires_in_the_queue(merlon, pair):
    device, application = pair("device", client_id="d", **KEEP), pair("app")
    device.subscribe(DOWN)
    device.cut()
    merlon.wait_for_entry("connection.closed", actor_id="pump-7")  # what is sent already does not expire. 3.3.2.3.3
    application.publish(DOWN, b"short", message_expiry=1)
    application.publish(DOWN, b"long", message_expiry=100)
    time.sleep(2.1)  # an expiry is a time: there is no event to wait for
    back = pair("device", client_id="d", **KEEP)
    message = back.receive()
    assert message.payload == b"long"
    assert 90 <= message.props["message_expiry"] <= 98  # what is left of it. MQTT 5.0 3.3.2.3.3
    assert back.nothing_comes(0.05)


def test_a_session_of_one_version_goes_on_in_the_other(pair):
    application, kept = pair("app"), pair("device", 5, "kept", **KEEP)
    kept.subscribe((DOWN, 1), subscription_id=9)
    kept.close()
    assert application.publish(DOWN, b"1", content_type="text", user=[("a", "b")]) == 0
    older = pair("device", 4, "kept", clean=False)
    message = older.receive()
    assert (message.topic, message.payload) == (DOWN, b"1")
    older.close()
    assert application.publish(DOWN, b"2") == 0
    newer = pair("device", 5, "kept", clean=False)
    message = newer.receive()
    assert (message.payload, message.props) == (b"2", {"subscription_id": [9]})
    newer.close()  # which asked for no expiry
    wait_until(lambda: application.publish(DOWN, b"3") == 0x10, "the end of the session")


def test_a_clean_session_of_3_1_1_ends_one_that_5_0_kept(pair):
    application, kept = pair("app"), pair("device", 5, "kept", **KEEP)
    kept.subscribe((DOWN, 1))
    kept.close()
    older = pair("device", 4, "kept", clean=True)
    assert application.publish(DOWN, b"x") == 0x10
    older.close()
    kept = pair("device", 5, "kept", **KEEP)
    assert application.publish(DOWN, b"x") == 0x10
    assert kept.nothing_comes()


# --- subscriptions

def test_overlapping_subscriptions_deliver_once_with_the_highest_qos(pair):
    device, application = pair("device"), pair("app", 4)
    application.subscribe(("devices/#", 0), (UP, 2), ("devices/+/up", 1))
    device.publish(UP, b"x", 2)
    assert application.receive().qos == 2
    assert application.nothing_comes()


def test_subscription_identifiers_of_all_matching_filters_come_along(pair):
    device, application = pair("device"), pair("app")
    application.subscribe("devices/#", subscription_id=1)
    application.subscribe(UP, subscription_id=268435455)
    application.subscribe("devices/+/other", subscription_id=3)
    device.publish(UP, b"x")
    seen = []
    while sorted(seen) != [1, 268435455]:  # in one packet or in several. MQTT 5.0 3.3.4
        seen += application.receive().props["subscription_id"]
    assert application.nothing_comes()


def test_a_hundred_identifiers_come_along(pair):
    device, application = pair("device"), pair("app")
    topic = "devices/pump-7/" + "/".join("x" * 50)
    levels = topic.split("/")
    filters = ["/".join(levels[:n]) + "/#" for n in range(1, 51)]  # "devices/#", "devices/pump-7/#" and so on
    filters += ["/".join(["devices"] + ["+"] * (n - 1) + ["#"]) for n in range(2, 52)]
    for number, name in enumerate(filters, 1):
        assert application.subscribe(name, subscription_id=number * 1000) == [1]
    device.publish(topic, b"x")
    assert sorted(application.receive().props["subscription_id"]) == [n * 1000 for n in range(1, 101)]
    assert application.nothing_comes()


def test_no_local(pair):
    application = pair("app")
    application.subscribe((UP, 1 | 4))
    application.publish(UP, b"own")
    assert application.nothing_comes()
    pair("device").publish(UP, b"other")
    assert application.receive().payload == b"other"


def test_unsubscribe_ends_the_delivery(pair):
    device, application = pair("device"), pair("app")
    application.subscribe(UP)
    application.send(wire.unsubscribe(5, 9, [UP, "devices/never"]))
    assert application.expect(wire.UNSUBACK).codes == [0, 0x11]
    device.publish(UP, b"x")
    assert application.nothing_comes()


def test_a_session_holds_a_hundred_subscriptions_and_no_more(pair):
    device = pair("device")
    codes = device.subscribe(*[f"devices/pump-7/{n}" for n in range(101)])
    assert codes == [1] * 100 + [0x97]


# --- properties

def test_properties_are_forwarded_unchanged(pair):
    device, application = pair("device"), pair("app")
    application.subscribe(UP)
    properties = {"payload_format": 1, "content_type": "application/json", "response_topic": DOWN, "correlation_data": b"\0\1\2",
                  "user": [("a", "1"), ("b", "ä"), ("a", "2"), ("", "")], "message_expiry": 1000}
    device.publish(UP, b"{}", **properties)
    received = application.receive().props
    assert received.pop("message_expiry") in (999, 1000)
    properties.pop("message_expiry")
    assert received == properties


def test_properties_do_not_confuse_an_older_client(pair):
    device, application = pair("device"), pair("app", 4)
    application.subscribe(UP)
    device.publish(UP, b"{}", user=[("a", "b")], content_type="x")
    message = application.receive()
    assert (message.payload, message.props) == (b"{}", {})


def test_a_will_keeps_its_properties(pair):
    reader = pair("app")
    reader.subscribe(UP)
    pair("device", will=will(user=[("why", "lost")], content_type="text/plain")).cut()
    assert {k: v for k, v in reader.receive().props.items() if k != "subscription_id"} == \
        {"user": [("why", "lost")], "content_type": "text/plain"}


# --- limits

def publish_of_size(total: int) -> bytes:
    """A QoS 1 PUBLISH that has this many bytes on the wire."""
    empty = len(wire.publish(5, UP, b"", 1, packet_id=1)) + 2  # a remaining length of three bytes instead of one
    data = wire.publish(5, UP, b"x" * (total - empty), 1, packet_id=1)
    assert len(data) == total
    return data


def test_a_packet_of_256_kib_is_taken_and_one_byte_more_is_not(merlon, pair):
    limit = 256 * 1024
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("other")) as client:
        assert client.connect().props["maximum_packet_size"] == limit
    device, application = pair("device"), pair("app")
    application.subscribe(UP)
    device.send(publish_of_size(limit))
    assert device.expect(wire.PUBACK).reason == 0
    assert len(application.receive().payload) > limit - 64
    device.send(publish_of_size(limit + 1))
    assert device.ends() == 0x95
    assert application.nothing_comes()


def test_a_length_that_lies_costs_nothing(pair):
    device = pair("device")
    device.send(b"\x30\xff\xff\xff\x7f")
    assert device.ends() == 0x95
    five_bytes = pair("device")
    five_bytes.send(b"\x30\xff\xff\xff\xff\x7f")
    assert five_bytes.ends() == 0x81


def test_a_client_gets_nothing_larger_than_it_takes(pair):
    device = pair("device")
    application = pair("app", props={"maximum_packet_size": 100})
    application.subscribe((UP, 1))
    device.publish(UP, b"x" * 200)
    device.publish(UP, b"small")
    assert application.receive().payload == b"small"


def test_receive_maximum_of_the_client_is_kept(pair):
    application = pair("app", props={"receive_maximum": 2})
    application.subscribe((UP, 1))
    device = pair("device")
    for n in range(5):
        device.publish(UP, b"%d" % n)
    first, second = application.message(), application.message()
    assert application.nothing_comes()  # two are out, the rest waits
    application.acknowledge(first)
    third = application.message()
    application.acknowledge(second)
    application.acknowledge(third)
    assert [application.receive().payload for _ in range(2)] == [b"3", b"4"]


def test_receive_maximum_of_the_server_is_enforced(merlon, pair):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("other")) as client:
        maximum = client.connect().props["receive_maximum"]
    device = pair("device")
    for n in range(maximum):
        device.send(wire.publish(5, UP, b"x", 2, packet_id=n + 1))
    assert [device.expect(wire.PUBREC).packet_id for _ in range(maximum)] == list(range(1, maximum + 1))
    device.send(wire.publish(5, UP, b"x", 2, packet_id=maximum + 1))
    assert device.ends() == 0x93


def test_a_queue_has_a_limit_and_the_rest_still_works(start_merlon):
    merlon = start_merlon({"mqtt": {"queued_messages": 10}})
    identity, sender = merlon.device("pump-7"), merlon.application("app", publish=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
        device.connect("d", **KEEP)
        device.subscribe(DOWN)
    with Mqtt(merlon.mqtt_port, merlon.root, sender) as application:
        application.connect()
        for n in range(15):
            application.publish(DOWN, b"%d" % n)
    wait_until(lambda: merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 5, "five to be dropped")
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as device:
        assert device.connect("d", **KEEP).session_present
        received = [int(device.receive().payload) for _ in range(10)]
        assert received == list(range(10))  # the newest are dropped (docs/operate/limits.md)
        assert device.nothing_comes()
    assert merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 5


def test_a_reader_that_does_not_read_holds_nobody_up(merlon, pair):
    slow_identity = merlon.application("slow", subscribe=("devices/#",))
    slow = Mqtt(merlon.mqtt_port, merlon.root, slow_identity, receive_buffer=4096)
    slow.connect()
    slow.subscribe((UP, 0))
    device, fast = pair("device"), pair("app")
    fast.subscribe((UP, 0))
    payload = b"x" * 10000
    for _ in range(2000):  # 20 MB: more than any buffer between
        device.send(wire.publish(5, UP, payload))
        assert len(fast.message().payload) == len(payload)
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    slow.cut()


def test_one_message_reaches_a_hundred_subscribers(merlon, pair):
    identity = merlon.application("crowd", subscribe=("devices/#",))
    crowd = [Mqtt(merlon.mqtt_port, merlon.root, identity) for _ in range(100)]
    for n, member in enumerate(crowd):
        member.send(wire.connect(5, f"member-{n}"))
    for member in crowd:
        assert member.expect(wire.CONNACK).reason == 0
        member.send(wire.subscribe(5, 1, [(UP, 0)]))
    for member in crowd:
        assert member.expect(wire.SUBACK).codes == [0]
    device = pair("device")
    for n in range(10):
        device.publish(UP, b"%d" % n)
    for member in crowd:
        assert [int(member.message().payload) for _ in range(10)] == list(range(10))
        member.close()
    assert merlon.api.metric("merlon_mqtt_messages_sent_total") >= 1000


# --- what no good client sends

@pytest.mark.parametrize("data", [
    b"\x00\x00", b"\xf0\x00\x00", b"\x10\x00", b"\x33\x00", b"\x36\x00", b"\x80\x00", b"\x82\x02\x00\x01", b"\x60\x02\x00\x01",
    b"\xc1\x00", b"\xc0\x01\x00", b"\x30\x05\x00\x09abc", b"\xe0\x02\x00\xff", b"\x40\x01\x00", b"\x82\x08\x00\x00\x00\x00\x03a/b\x00",
], ids=lambda data: data.hex())
def test_a_malformed_packet_ends_the_connection_and_is_counted(merlon, pair, data):
    device = pair("device")
    before = merlon.api.metric("merlon_mqtt_packets_refused_total")
    device.send(data)
    assert device.ends() in (0x81, 0x82)
    assert merlon.api.metric("merlon_mqtt_packets_refused_total") == before + 1
    assert pair("device").publish(UP, b"still there") == 0x10


@pytest.mark.parametrize("change, reason", [
    (lambda p: p.replace(b"\x00\x04MQTT", b"\x00\x04MQTX"), None), (lambda p: p.replace(b"MQTT\x05", b"MQTT\x06"), 0x84),
    (lambda p: p.replace(b"MQTT\x05\x02", b"MQTT\x05\x03"), 0x81), (lambda p: p.replace(b"MQTT\x05\x02", b"MQTT\x05\x1a"), 0x81),
], ids=["protocol-name", "version", "reserved-flag", "will-qos-without-will"])
def test_a_wrong_connect_is_answered_or_cut_off(merlon, change, reason):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        client.send(change(wire.connect(5, "x")))
        if reason is not None:  # else nobody knows in which version to answer. MQTT 5.0 3.1.2-1
            answer = client.packet()
            assert (answer.kind, answer.reason) == (wire.CONNACK, reason)
        with pytest.raises(Closed):
            client.packet()


def test_the_time_to_connect_is_limited(start_merlon):
    merlon = start_merlon({"mqtt": {"connect_timeout": "1s"}, "tls": {"handshake_timeout": "1s"}})
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        with Stopwatch() as watch:
            assert client.ends() is None
            assert watch.passed < 10
    with socket.create_connection(("127.0.0.1", merlon.mqtt_port), timeout=10) as silent:
        assert silent.recv(1) == b""
