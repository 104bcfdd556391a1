# SPDX-License-Identifier: Apache-2.0
"""What is on its way to a client may be far more than waits in its connection: it goes on when the client has read, in order,
whoever reads is not cut off, and who does not is held."""
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.waiting import wait_until
from harness.ws import MqttOverWs

TOPIC = "devices/pump-7/up"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}
SIZE, COUNT = 40 << 10, 60  # 2.3 MiB, where 256 KiB may wait; fewer than `in_flight`
SENT, DROPPED = "merlon_mqtt_messages_sent_total", ("merlon_mqtt_messages_dropped_total", 'reason="queue-full"')


class Plant:
    """An application that publishes, another one that reads."""

    def __init__(self, merlon):
        self.merlon = merlon
        self.sender = merlon.application("sender", publish=("devices/#",))
        self.reader = merlon.application("reader", subscribe=("devices/#",))

    def read(self, client_id: str = "reader", door: type = Mqtt, version: int = 5, receive_buffer: int = 0, **options):
        port = self.merlon.enrolment_port if door is MqttOverWs else self.merlon.mqtt_port
        more = {"receive_buffer": receive_buffer} if receive_buffer else {}
        client = door(port, self.merlon.root, self.reader, version=version, **more)
        assert client.connect(client_id, **options).reason == 0
        return client

    def publish(self, count: int, size: int, qos: int = 1) -> None:
        with Mqtt(self.merlon.mqtt_port, self.merlon.root, self.sender) as sender:
            sender.connect("sender")
            for n in range(count):
                assert sender.publish(TOPIC, numbered(n, size), qos) == 0

    def nobody_was_cut_off(self) -> bool:
        return "backlog" not in {e["reason"] for e in self.merlon.audit(action="connection.closed")}


def numbered(n: int, size: int) -> bytes:
    return b"%6d" % n + b"x" * (size - 6)


def numbers(messages) -> list[int]:
    return [int(m.payload[:6]) for m in messages]


@pytest.fixture
def plant(merlon):
    return Plant(merlon)


@pytest.mark.parametrize("door", [Mqtt, MqttOverWs], ids=["mqtt", "ws"])
@pytest.mark.parametrize("qos", [1, 2])
def test_a_session_with_mebibytes_in_flight_is_resumed(plant, door, qos):
    """And once more, when the first return saw nothing of it acknowledged."""
    reader = plant.read(door=door, **KEEP)
    assert reader.subscribe((TOPIC, qos)) == [qos]
    plant.publish(COUNT, SIZE, qos)
    first = [reader.message() for _ in range(COUNT)]
    assert numbers(first) == list(range(COUNT))
    reader.cut()
    for acknowledges in (False, True):
        reader = plant.read(door=door, **KEEP)
        again = []
        for _ in range(COUNT):
            again.append(reader.receive() if acknowledges else reader.message())
        assert [(m.packet_id, m.dup, m.qos) for m in again] == [(m.packet_id, True, qos) for m in first]
        assert numbers(again) == list(range(COUNT))
        if not acknowledges:
            reader.cut()
    assert reader.nothing_comes()
    reader.close()
    assert plant.nobody_was_cut_off()


def test_a_quick_reader_gets_what_many_send_at_the_same_moment(start_merlon):
    plant = Plant(start_merlon({"server": {"workers": 1}}))
    many, size = 20, 200 << 10
    senders = []
    with plant.read() as reader:
        reader.subscribe((TOPIC, 1))
        for n in range(many):
            sender = Mqtt(plant.merlon.mqtt_port, plant.merlon.root, plant.sender)
            sender.connect(f"sender-{n}")
            sender.send(wire.publish(5, TOPIC, numbered(n, size), 1, packet_id=1)[:-1])
            senders.append(sender)
        with ThreadPoolExecutor(1) as reading:
            found = reading.submit(lambda: [reader.receive() for _ in range(many)])
            for sender in senders:
                sender.send(b"x")
            assert sorted(numbers(found.result())) == list(range(many))
        for sender in senders:
            assert sender.expect(wire.PUBACK).reason == 0
            sender.close()
    assert plant.nobody_was_cut_off()


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("door", [Mqtt, MqttOverWs], ids=["mqtt", "ws"])
def test_one_message_larger_than_all_that_may_wait_arrives(start_merlon, door, version):
    """Also what comes behind it, of each QoS, and for who was away."""
    plant = Plant(start_merlon({"mqtt": {"packet_bytes": "4MiB", "queued_bytes": "16MiB"}}))
    size = 3 << 20
    keep = KEEP if version == 5 else {"clean": False}
    for there in (True, False):
        reader = plant.read(door=door, version=version, **keep)
        reader.subscribe((TOPIC, 2))
        if not there:
            reader.close()
        for qos in (1, 2):
            plant.publish(2, size, qos)
        if not there:
            reader = plant.read(door=door, version=version, **keep)
        found = [reader.receive() for _ in range(4)]
        assert numbers(found) == [0, 1, 0, 1]
        assert [m.qos for m in found] == [1, 1, 2, 2]
        assert {len(m.payload) for m in found} == {size}
        reader.close()
    assert plant.nobody_was_cut_off()


@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("door", [Mqtt, MqttOverWs], ids=["mqtt", "ws"])
def test_who_gets_a_large_message_slowly_is_answered_behind_it(start_merlon, door, qos):
    """What it asks for meanwhile is not held against it, however much waits already."""
    plant = Plant(start_merlon({"mqtt": {"packet_bytes": "16MiB", "queued_bytes": "16MiB"}}))
    size, asked = 7 << 20, 50  # more than the kernel takes
    with plant.read(door=door, receive_buffer=64 << 10) as slow:
        slow.subscribe((TOPIC, qos))
        plant.publish(1, size, qos)
        wait_until(lambda: plant.merlon.api.metric(SENT) == 1, "it is on its way")
        for _ in range(asked):
            slow.send(wire.packet(wire.PINGREQ))
        first = slow.message()
        assert (len(first.payload), first.qos) == (size, qos)
        for _ in range(asked):
            slow.expect(wire.PINGRESP)
        slow.acknowledge(first)
    assert plant.nobody_was_cut_off()


def test_who_does_not_read_is_held_and_misses_nothing_in_its_window(start_merlon):
    merlon = start_merlon({"mqtt": {"in_flight": 100, "queued_messages": 10, "queued_bytes": "16MiB"}})
    plant = Plant(merlon)
    size, window, queue, more = 100 << 10, 100, 10, 5
    with plant.read(receive_buffer=4096) as slow:
        slow.subscribe((TOPIC, 1))
        with Mqtt(merlon.mqtt_port, merlon.root, plant.sender) as sender:
            sender.connect("sender")
            for n in range(window + queue + more):
                sender.publish(TOPIC, numbered(n, size))
        wait_until(lambda: merlon.api.metric(*DROPPED) == more, "the newest are dropped")
        assert merlon.api.metric(SENT) < window  # they are in flight and have not left
        found = [slow.receive() for _ in range(window + queue)]
        assert numbers(found) == list(range(window + queue))
        assert not any(m.dup for m in found)
        assert slow.nothing_comes()
    assert plant.nobody_was_cut_off()
