# SPDX-License-Identifier: Apache-2.0
"""What a session has outlives the daemon: subscriptions, what waits, what is in flight, retained messages and wills, and
the time they have left."""
import sqlite3
import time
from contextlib import closing

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until

KEEP = {"session_expiry": 3600}


@pytest.fixture(params=["kill", "stop"])
def end(request):
    return lambda merlon: getattr(merlon, request.param)()


@pytest.fixture
def pump(merlon):
    return merlon.device("pump-7")


@pytest.fixture
def collector(merlon):
    return merlon.application("collector", subscribe=("devices/#", "wills/#"))


def opened(merlon, identity, version: int = 5) -> Mqtt:
    return Mqtt(merlon.mqtt_port, merlon.root, identity, version)


def kept(merlon, identity, client_id: str, present: bool, **props) -> Mqtt:
    client = opened(merlon, identity)
    answer = client.connect(client_id, clean=False, props={**KEEP, **props})
    assert (answer.reason, answer.session_present) == (0, present)
    return client


def subscribed_and_gone(merlon, identity, client_id: str, *filters, cut: bool = False, **props) -> None:
    client = kept(merlon, identity, client_id, False, **props)
    assert all(code < 0x80 for code in client.subscribe(*filters))
    (client.cut if cut else client.close)()


def publish(merlon, identity, *messages, **props) -> None:
    with opened(merlon, identity) as client:
        client.connect("publisher")
        for topic, payload, qos in messages:
            assert client.publish(topic, payload, qos, **props) in (0, 0x10)


def test_a_will_that_was_sent_does_not_come_again(merlon, pump, collector, end):
    subscribed_and_gone(merlon, collector, "watcher", ("devices/pump-7/will", 2))
    with opened(merlon, pump) as client:
        client.connect("gone", clean=False, props=KEEP, will=wire.Will("devices/pump-7/will", b"gone", 2, properties={"will_delay": 1}))
        client.cut()
    with kept(merlon, collector, "watcher", True) as watcher:
        assert watcher.message().payload == b"gone"  # at QoS 2 it leaves when it is durable
    end(merlon)
    merlon.start()
    with kept(merlon, collector, "watcher", True) as watcher:
        again = watcher.receive()
        assert (again.payload, again.dup) == (b"gone", True)
        assert watcher.nothing_comes(1.5)


def test_subscriptions_and_what_waits_are_there_in_order(merlon, pump, collector, end):
    subscribed_and_gone(merlon, collector, "a", ("devices/+/1", 1), ("devices/+/2", 2))
    messages = [(f"devices/pump-7/{n % 2 + 1}", b"%d" % n, n % 2 + 1) for n in range(20)]
    publish(merlon, pump, *messages)
    end(merlon)
    merlon.start()
    publish(merlon, pump, ("devices/pump-7/1", b"later", 1))
    with kept(merlon, collector, "a", True) as client:
        found = [client.receive() for _ in range(21)]
        assert [(m.topic, m.payload, m.qos) for m in found] == [*messages, ("devices/pump-7/1", b"later", 1)]
        assert not any(m.dup for m in found)  # it was never connected while they waited
        assert client.nothing_comes()
    end(merlon)
    merlon.start()
    with kept(merlon, collector, "a", True) as client:
        assert client.nothing_comes(), "acknowledged messages came again"


def test_properties_options_and_identifiers_stay(merlon, pump, collector):
    client = kept(merlon, collector, "a", False)
    client.subscribe(("devices/+/x", 1 | 8), subscription_id=77)  # retain as published
    client.close()
    with opened(merlon, pump) as publisher:
        publisher.connect("p")
        publisher.publish("devices/pump-7/x", b"one", 1, retain=True, content_type="text/plain", response_topic="r/t",
                          correlation_data=b"\0\1", user=[("a", "1"), ("a", "2")], payload_format=1)
    merlon.kill()
    merlon.start()
    publish(merlon, pump, ("devices/pump-7/x", b"two", 1))
    with kept(merlon, collector, "a", True) as client:
        one, two = client.receive(), client.receive()
    assert one.props == {"content_type": "text/plain", "response_topic": "r/t", "correlation_data": b"\0\1",
                         "user": [("a", "1"), ("a", "2")], "payload_format": 1, "subscription_id": [77]}
    assert (one.retain, two.retain) == (True, False)
    assert two.props == {"subscription_id": [77]}  # the options of the subscription are as they were


def test_what_was_in_flight_comes_again_with_its_packet_id(merlon, pump, collector):
    """[MQTT-4.4.0-1]"""
    first = kept(merlon, collector, "a", False, receive_maximum=2)
    first.subscribe(("devices/#", 2))
    publish(merlon, pump, *[("devices/pump-7/x", b"%d" % n, n % 2 + 1) for n in range(4)])
    one, two = first.message(), first.message()
    merlon.kill()
    merlon.start()
    with kept(merlon, collector, "a", True, receive_maximum=2) as again:
        for old in (one, two):
            new = again.message()
            assert (new.packet_id, new.payload, new.qos, new.dup) == (old.packet_id, old.payload, old.qos, True)
        assert again.nothing_comes(), "more than the client takes at once"
        again.acknowledge(one)
        assert again.receive().payload == b"2"
    first.cut()


def test_a_released_message_is_not_sent_again(merlon, pump, collector):
    """Between PUBREC and PUBCOMP only PUBREL is repeated. MQTT 5.0 4.3.3"""
    first = kept(merlon, collector, "a", False)
    first.subscribe(("devices/#", 2))
    publish(merlon, pump, ("devices/pump-7/x", b"once", 2))
    message = first.message()
    first.send(wire.ack(wire.PUBREC, message.packet_id))
    assert first.expect(wire.PUBREL).packet_id == message.packet_id
    merlon.kill()
    merlon.start()
    with kept(merlon, collector, "a", True) as again:
        assert again.packet().kind == wire.PUBREL
        again.send(wire.ack(wire.PUBCOMP, message.packet_id))
        assert again.nothing_comes()
    merlon.kill()
    merlon.start()
    with kept(merlon, collector, "a", True) as again:
        assert again.nothing_comes()
    first.cut()


def test_a_publisher_repeats_and_it_counts_once(merlon, pump, collector):
    subscribed_and_gone(merlon, collector, "a", ("devices/#", 2))
    packet = wire.publish(5, "devices/pump-7/x", b"once", 2, packet_id=9)
    first = kept(merlon, pump, "p", False)
    first.send(packet)
    assert first.expect(wire.PUBREC).reason == 0
    merlon.kill()
    merlon.start()
    with kept(merlon, pump, "p", True) as again:
        again.send(wire.publish(5, "devices/pump-7/x", b"once", 2, packet_id=9, dup=True))
        assert again.expect(wire.PUBREC).reason == 0
        again.send(wire.ack(wire.PUBREL, 9))
        assert again.expect(wire.PUBCOMP).reason == 0
        again.send(packet)  # the packet id is free: this is another message
        assert again.expect(wire.PUBREC).reason == 0
    with kept(merlon, collector, "a", True) as client:
        assert [client.receive().payload for _ in range(2)] == [b"once", b"once"]
        assert client.nothing_comes()
    first.cut()


def test_a_client_need_not_wait_for_its_session(merlon, pump):
    """Everything in one TLS record, while the session is on its way to the disk. MQTT 5.0 3.1.4, [MQTT-3.2.0-1]"""
    with opened(merlon, pump) as client:
        client.send(wire.connect(5, "a", clean=False, props=KEEP) + wire.subscribe(5, 1, [("devices/pump-7/x", 1)])
                    + wire.publish(5, "devices/pump-7/x", b"own", 1, packet_id=2) + wire.packet(wire.PINGREQ))
        first, *others = [client.packet().kind for _ in range(5)]
        assert first == wire.CONNACK
        assert set(others) == {wire.SUBACK, wire.PUBLISH, wire.PUBACK, wire.PINGRESP}
        client.cut()
    merlon.kill()
    merlon.start()
    with kept(merlon, pump, "a", True) as client:
        assert client.receive().dup


def still_open(client: Mqtt, kinds: list[int]) -> bool:
    try:
        while True:
            kinds.append(client.packet(0.05).kind)
    except TimeoutError:
        return True
    except Closed:
        return False


def test_one_of_many_connections_has_the_session(merlon, pump):
    """They come while the session is on its way to the disk: each but one is taken over, none is left half open."""
    for _ in range(3):
        clients = {opened(merlon, pump): [] for _ in range(12)}
        for client in clients:
            client.send(wire.connect(5, "a", clean=False, props=KEEP))
        left = set(clients)

        def one_is_left() -> bool:
            left.difference_update({client for client in left if not still_open(client, clients[client])})
            return len(left) == 1
        wait_until(one_is_left, "the others are taken over")
        [winner] = left
        wait_until(lambda: still_open(winner, clients[winner]) and clients[winner] == [wire.CONNACK], "its CONNACK")
        for client, kinds in clients.items():
            assert client is winner or kinds in ([], [wire.CONNACK, wire.DISCONNECT])
            client.cut()
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 1, "one session")


def packets(version: int, count: int, qos2: int = 0) -> bytes:
    """The last of them at QoS 2."""
    return b"".join(wire.publish(version, "devices/pump-7/x", b"%d" % n, 1 if n < count - qos2 else 2, packet_id=n + 1)
                    for n in range(count))


def test_unanswered_messages_are_limited(merlon, pump, collector):
    """100 may wait for the disk (`in_flight`). MQTT 5.0 3.3.4-9; 3.1.1 has no such limit, and is not read meanwhile."""
    subscribed_and_gone(merlon, collector, "a", ("devices/#", 1))
    with opened(merlon, pump) as five:
        five.connect("five")
        five.send(packets(5, 100))  # one TLS record: all are there before the first is on the disk
        assert [five.expect(wire.PUBACK).packet_id for _ in range(100)] == list(range(1, 101))
        five.send(packets(5, 101))
        assert five.ends() == 0x93
    for count in (100, 101):
        with opened(merlon, pump) as both:
            both.connect("both")
            both.send(packets(5, count, qos2=40))
            if count == 101:
                assert both.ends() == 0x93
            else:
                assert sorted(both.packet().packet_id for _ in range(100)) == list(range(1, 101))
    with opened(merlon, pump, 4) as three:
        three.connect("three")
        three.send(packets(4, 500))
        assert [three.expect(wire.PUBACK).packet_id for _ in range(500)] == list(range(1, 501))


def test_a_client_of_3_1_1_is_read_up_to_the_limit_and_no_further(merlon, pump, collector):
    """While the store is held, 100 of its messages wait; the others are not even looked at."""
    subscribed_and_gone(merlon, collector, "a", ("devices/#", 1))

    def read() -> float:
        return merlon.api.metric("merlon_mqtt_messages_received_total", 'qos="1"')

    with opened(merlon, pump, 4) as three, closing(sqlite3.connect(merlon.database, isolation_level=None)) as database:
        three.connect("three")
        database.execute("BEGIN IMMEDIATE")
        three.send(packets(4, 300))
        wait_until(lambda: read() >= 100, "as many to be read as may wait")
        time.sleep(0.3)
        assert read() == 100
        database.execute("ROLLBACK")
        assert [three.expect(wire.PUBACK).packet_id for _ in range(300)] == list(range(1, 301))
        assert read() == 300


def test_unsubscribed_and_clean_start_are_for_good(merlon, pump, collector, end):
    subscribed_and_gone(merlon, collector, "a", ("devices/+/1", 1), ("devices/+/2", 1))
    subscribed_and_gone(merlon, collector, "b", ("devices/#", 1))
    with kept(merlon, collector, "a", True) as client:
        client.send(wire.unsubscribe(5, 1, ["devices/+/1"]))
        assert client.expect(wire.UNSUBACK).codes == [0]
    with opened(merlon, collector) as client:
        assert not client.connect("b", clean=True, props=KEEP).session_present
    end(merlon)
    merlon.start()
    publish(merlon, pump, ("devices/pump-7/1", b"1", 1), ("devices/pump-7/2", b"2", 1))
    with kept(merlon, collector, "a", True) as client:
        assert client.receive().payload == b"2"
        assert client.nothing_comes()
    with kept(merlon, collector, "b", True) as client:
        assert client.nothing_comes()


def test_a_session_without_expiry_ends_with_the_daemon(merlon, pump, collector):
    client = opened(merlon, collector)
    client.connect("a", clean=False)
    client.subscribe(("devices/#", 1))
    merlon.kill()
    merlon.start()
    publish(merlon, pump, ("devices/pump-7/1", b"1", 1))
    kept(merlon, collector, "a", False).close()
    client.cut()


def test_retained_messages_stay_are_replaced_and_cleared(merlon, pump, collector, end):
    with opened(merlon, pump) as client:
        client.connect("p")
        for topic, payload in (("a", b"old"), ("a", b"new"), ("b", b"gone"), ("b", b""), ("c", b"stays"), ("d", b"0")):
            client.publish(f"devices/pump-7/{topic}", payload, qos=0 if topic == "d" else 1, retain=True)
        client.publish("devices/pump-7/last", b"", 1)
    end(merlon)
    merlon.start()
    with opened(merlon, pump) as client:
        client.connect("p")
        client.publish("devices/pump-7/c", b"", 1, retain=True)
    end(merlon)
    merlon.start()
    with opened(merlon, collector) as client:
        client.connect("s")
        client.subscribe(("devices/#", 1))
        found = sorted((client.receive() for _ in range(2)), key=lambda m: m.topic)
        assert [(m.topic, m.payload, m.retain) for m in found] == [
            ("devices/pump-7/a", b"new", True), ("devices/pump-7/d", b"0", True)]
        assert client.nothing_comes()


def test_messages_expire_while_the_daemon_is_down(merlon, pump, collector):
    subscribed_and_gone(merlon, collector, "a", ("devices/#", 1))
    with opened(merlon, pump) as client:
        client.connect("p")
        client.publish("devices/pump-7/short", b"1", 1, retain=True, message_expiry=2)
        sent = time.monotonic()
        client.publish("devices/pump-7/long", b"2", 1, retain=True, message_expiry=100)
    merlon.kill()
    time.sleep(2.1)  # the expiry is what is measured
    merlon.start()
    with kept(merlon, collector, "a", True) as client:
        message = client.receive()
        assert message.payload == b"2" and 99 - (time.monotonic() - sent) <= message.props["message_expiry"] <= 98
        assert client.nothing_comes()
    with opened(merlon, collector) as client:
        client.connect("fresh")
        client.subscribe(("devices/#", 1))
        assert client.receive().payload == b"2"
        assert client.nothing_comes()


def test_a_session_expires_while_the_daemon_is_down_and_sends_its_will(merlon, pump, collector):
    subscribed_and_gone(merlon, collector, "watcher", ("devices/#", 1))
    will = wire.Will("devices/pump-7/will", b"over", 1, properties={"will_delay": 600})
    client = opened(merlon, pump)
    client.connect("a", clean=False, will=will, props={"session_expiry": 2})
    client.subscribe(("devices/pump-7/x", 1))
    client.cut()
    wait_until(lambda: merlon.api.metric("merlon_connections") == 0, "the connection is gone")
    merlon.kill()
    time.sleep(2.1)
    merlon.start()
    with kept(merlon, collector, "watcher", True) as watcher:
        assert watcher.receive().payload == b"over"  # at the end of the session, long before its delay
    kept(merlon, pump, "a", False).close()


@pytest.mark.parametrize("delay, expiry, wanted", [(1, 60, 1), (60, 1, 1), (0, 60, 0), (2, 2, 2)])
def test_a_will_comes_at_min_of_delay_and_session_end(merlon, pump, collector, delay, expiry, wanted):
    """MQTT 5.0 3.1.3.2.2. Once with the daemon alive, once with the daemon killed under the connection."""
    will = wire.Will("devices/pump-7/will", b"gone", 1, properties={"will_delay": delay})
    subscribed_and_gone(merlon, collector, "watcher", ("devices/#", 1))
    for killed in (False, True):
        client = opened(merlon, pump)
        client.connect("a", clean=False, will=will, props={"session_expiry": expiry})
        if killed:
            merlon.kill()
        not_before = time.monotonic()
        if killed:
            merlon.start()
        client.cut()
        with Stopwatch() as watch, kept(merlon, collector, "watcher", True) as watcher:
            assert watcher.receive().payload == b"gone"
            assert watch.passed <= wanted + 0.7, killed
            assert time.monotonic() - not_before >= wanted - 0.1, killed
            assert watcher.nothing_comes()


@pytest.mark.parametrize("version", [5, 4], ids=["v5", "v3.1.1"])
def test_a_will_of_a_session_without_expiry_is_sent_once(merlon, pump, collector, version, end):
    """MQTT 5.0 3.1.2.5: that the server fails ends the connection, too."""
    subscribed_and_gone(merlon, collector, "watcher", ("devices/#", 1))
    clients = [opened(merlon, pump, version) for _ in range(3)]
    for client, name in zip(clients, ("here", "gone", "over")):
        client.connect(name, will=wire.Will(f"devices/pump-7/{name}", name.encode(), 1, retain=name == "here"))
    clients[1].close()  # with DISCONNECT
    clients[2].cut()
    wait_until(lambda: merlon.api.metric("merlon_connections") == 1, "two connections are gone")
    end(merlon)
    clients[0].cut()
    for wanted in ([b"here", b"over"], []):
        merlon.start()
        with kept(merlon, collector, "watcher", True) as watcher:
            assert sorted(watcher.receive().payload for _ in wanted) == wanted
            assert watcher.nothing_comes()
        merlon.kill()
    merlon.start()
    with opened(merlon, collector) as client:
        client.connect("later")
        client.subscribe(("devices/#", 1))
        found = client.receive()
        assert (found.payload, found.retain) == (b"here", True)
        assert client.nothing_comes()


def test_a_delayed_will_is_not_sent_when_its_client_comes_back(merlon, pump, collector, end):
    delay_s = 4  # long enough for a restart
    will = wire.Will("devices/pump-7/will", b"gone", 1, properties={"will_delay": delay_s})
    subscribed_and_gone(merlon, collector, "watcher", ("devices/#", 1))
    client = opened(merlon, pump)
    client.connect("a", clean=False, will=will, props=KEEP)
    client.cut()
    end(merlon)
    merlon.start()
    back = kept(merlon, pump, "a", True)
    with kept(merlon, collector, "watcher", True) as watcher:
        assert watcher.nothing_comes(delay_s + 0.5)
    back.close()


def test_a_session_of_a_device_that_may_not_come_back_is_gone(merlon, pump, collector):
    subscribed_and_gone(merlon, pump, "a", ("devices/pump-7/x", 1))
    merlon.api.step("pump-7", "suspend", "odd")
    merlon.kill()
    merlon.start()
    assert merlon.api.metric("merlon_sessions") == 0
    merlon.api.step("pump-7", "resume")
    kept(merlon, pump, "a", False).close()


def test_sessions_find_their_workers_when_their_number_changes(merlon, pump, collector):
    names = [f"c{n}" for n in range(8)]
    for name in names:
        subscribed_and_gone(merlon, collector, name, ("devices/#", 1))
    publish(merlon, pump, ("devices/pump-7/x", b"1", 1))
    for workers in (3, 1, 2):
        merlon.stop()
        merlon.settings["server"]["workers"] = workers
        merlon.write_config()
        merlon.start()
        publish(merlon, pump, ("devices/pump-7/x", b"%d" % workers, 1))
    for name in names:
        with kept(merlon, collector, name, True) as client:
            assert [client.receive().payload for _ in range(4)] == [b"1", b"3", b"1", b"2"]
    merlon.restart()
    for name in names:
        with kept(merlon, collector, name, True) as client:
            assert client.nothing_comes(0.05)
    assert "messages.damaged" not in [line["event"] for line in merlon.log_lines()]
