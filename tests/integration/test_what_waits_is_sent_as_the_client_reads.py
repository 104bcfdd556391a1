# SPDX-License-Identifier: Apache-2.0
"""However much waits for a client: it gets all of it in order, as it reads, and is not ended for what it was sent."""
import threading
import time

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.ws import MqttOverWs

DOWN = "devices/pump-7/down"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}
MANY, LARGE = 60, 40 * 1024  # more than the 1 MiB that may wait in a connection


@pytest.fixture
def fleet(start_merlon):
    merlon = start_merlon({"mqtt": {"packet_bytes": "4MiB", "queued_bytes": "8MiB"}})
    merlon.who = {"device": merlon.device("pump-7"), "app": merlon.application("app", publish=("devices/#",))}
    return merlon


@pytest.fixture
def connect(fleet):
    opened: list[Mqtt] = []

    def opener(name: str = "device", door: str = "tls", **options) -> Mqtt:
        kind, port = (MqttOverWs, fleet.enrolment_port) if door == "websocket" else (Mqtt, fleet.mqtt_port)
        opened.append(kind(port, fleet.root, fleet.who[name]))
        opened[-1].welcome = opened[-1].connect("kept" if name == "device" else "", **options)
        assert opened[-1].welcome.reason == 0
        return opened[-1]

    yield opener
    for client in opened:
        client.close()


def message(number: int, size: int = LARGE) -> bytes:
    return b"%04d" % number + b"x" * (size - 4)


def numbers(client: Mqtt, count: int, acknowledge: bool = True) -> list[int]:
    found = []
    for _ in range(count):
        one = client.message(60)
        found.append(int(one.payload[:4]))
        if acknowledge:
            client.acknowledge(one)
    return found


@pytest.mark.parametrize("door", ["tls", "websocket"])
def test_a_session_with_more_in_flight_than_a_connection_holds_goes_on(fleet, connect, door):
    device, application = connect(door=door, **KEEP), connect("app")
    assert device.subscribe((DOWN, 1)) == [1]
    for number in range(MANY):
        assert application.publish(DOWN, message(number), 1) == 0
        assert int(device.message().payload[:4]) == number  # and no acknowledgement
    device.cut()
    for _ in range(2):
        device = connect(door=door, **KEEP)
        assert device.welcome.session_present
        again = [device.message(60) for _ in range(MANY)]
        assert [int(one.payload[:4]) for one in again] == list(range(MANY)) and all(one.dup for one in again)
        assert device.nothing_comes()
        device.cut()
    fleet.restart()
    assert numbers(connect(door=door, **KEEP), MANY) == list(range(MANY))


def test_all_that_a_queue_holds_comes_in_order(connect):
    device, application = connect(**KEEP), connect("app")
    assert device.subscribe((DOWN, 1)) == [1]
    device.close()
    for number in range(3 * MANY):
        assert application.publish(DOWN, message(number), 1) == 0
    device = connect(**KEEP)
    time.sleep(0.5)  # the socket is full
    assert numbers(device, 3 * MANY) == list(range(3 * MANY))
    assert device.nothing_comes()


def test_who_reads_is_not_ended_by_many_large_messages_at_a_time(fleet, connect):
    device = connect()
    assert device.subscribe((DOWN, 1)) == [1]
    applications = [connect("app") for _ in range(20)]
    threads = [threading.Thread(target=application.publish, args=(DOWN, message(number, 200 * 1024), 1))
               for number, application in enumerate(applications)]
    for thread in threads:
        thread.start()
    assert sorted(numbers(device, 20)) == list(range(20))
    for thread in threads:
        thread.join()
    assert fleet.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 0


@pytest.mark.parametrize("door", ["tls", "websocket"])
def test_a_message_may_be_as_large_as_a_packet(connect, door):
    device, application = connect(door=door, **KEEP), connect("app")
    assert device.subscribe((DOWN, 1)) == [1]
    large = b"0" * ((4 << 20) - 200)
    for qos in (0, 1):
        application.send(wire.publish(5, DOWN, large, qos, packet_id=1))
        got = device.message(60)
        assert got.payload == large
        if qos == 1:
            device.acknowledge(got)
            assert application.expect(wire.PUBACK).reason == 0
    device.close()
    assert application.publish(DOWN, large, 1) == 0
    device = connect(door=door, **KEEP)
    assert device.message(60).payload == large


def test_who_does_not_read_is_sent_no_more_than_it_takes(fleet, connect):
    """What waits is the queue's, with its limits, and comes when the client reads."""
    device, application = connect(**KEEP), connect("app")
    assert device.subscribe((DOWN, 1)) == [1]
    sent = 0
    while fleet.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 0:
        assert application.publish(DOWN, message(sent), 1) == 0
        sent += 1
        assert sent < 1000
    assert sent * LARGE > 8 << 20
    assert numbers(device, sent - 1) == list(range(sent - 1))
    assert device.nothing_comes()
    assert application.publish(DOWN, b"0000", 1) == 0
    assert numbers(device, 1) == [0]
