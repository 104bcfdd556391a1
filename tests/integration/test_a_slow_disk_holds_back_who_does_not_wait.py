# SPDX-License-Identifier: Apache-2.0
"""While the store is at work a client that sends on is not read, and that is not held against it; and what changes in that time
counts for who waits to be let in."""
import signal
import time

import pytest
from harness import mqtt_wire as wire
from harness.cut import Moment
from harness.moved_clock import MovedClock
from harness.mqtt import Mqtt
from harness.slow import Slow
from harness.waiting import wait_until

KEPT = "devices/pump/kept"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}
IN_FLIGHT, RATE, BURST = 3, 1, 10
KEEP_ALIVE_S = 2
SLOW_S = 1.5 * KEEP_ALIVE_S + 0.5


def slow(merlon, count: int = 1) -> Slow:
    return Slow(merlon.process.pid, Moment("it is forced to the disk", ("writer",), "fdatasync", count), SLOW_S, merlon.folder)


@pytest.fixture
def merlon(start_merlon):
    return start_merlon({"mqtt": {"in_flight": IN_FLIGHT}})


@pytest.fixture
def pump(merlon):
    """A client of 3.1.1 whose messages are kept for an application that is away."""
    identity = merlon.device("pump")
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.application("collector", subscribe=("devices/#",))) as client:
        client.connect("collector", **KEEP)
        client.subscribe((KEPT, 1))
    with Mqtt(merlon.mqtt_port, merlon.root, identity, 4) as client:
        assert client.connect("pump", keep_alive=KEEP_ALIVE_S).reason == 0
        yield client


def numbered(count: int) -> bytes:
    return b"".join(wire.publish(4, KEPT, b"x", 1, packet_id=n + 1) for n in range(count))


def send(client: Mqtt, count: int, before: bytes = b"") -> None:
    client.send(before + numbered(count) + wire.packet(wire.PINGREQ))


def is_read_after_an_answer(client: Mqtt) -> bool:
    """The PINGREQ behind the messages."""
    kinds = [client.packet().kind for _ in range(IN_FLIGHT + 1)]
    assert sorted(kinds) == [wire.PUBACK] * IN_FLIGHT + [wire.PINGRESP]
    return kinds[0] == wire.PUBACK


def test_with_one_answer_less_than_may_wait_a_client_is_read(merlon, pump):
    with slow(merlon):
        send(pump, IN_FLIGHT - 1)
        assert pump.packet().kind == wire.PINGRESP
        pump.send(wire.packet(wire.PINGREQ))
        assert pump.packet().kind == wire.PINGRESP


def test_with_as_many_as_may_wait_it_is_not_and_its_silence_is_not_held_against_it(merlon, pump):
    began = time.monotonic()
    with slow(merlon):
        send(pump, IN_FLIGHT)
        assert is_read_after_an_answer(pump)
    assert time.monotonic() - began > SLOW_S


def test_when_it_is_read_again_its_time_to_say_something_begins(merlon, pump):
    with slow(merlon):
        pump.send(numbered(IN_FLIGHT))
        assert [pump.packet().kind for _ in range(IN_FLIGHT)] == [wire.PUBACK] * IN_FLIGHT
    time.sleep(0.5)  # of the KEEP_ALIVE_S that it has again
    pump.send(wire.packet(wire.PINGREQ))
    assert pump.packet().kind == wire.PINGRESP


def test_who_was_too_fast_and_had_its_turn_again_still_waits_for_the_disk(merlon, pump):
    merlon.api.do("PATCH", "/v1/quotas/device:pump", {"messages": f"{RATE}/s"})
    before = b"".join(wire.publish(4, "devices/pump/other", b"x") for _ in range(BURST - IN_FLIGHT + 1))
    with slow(merlon):
        send(pump, IN_FLIGHT, before)
        assert is_read_after_an_answer(pump)
    assert merlon.api.metric("merlon_mqtt_throttled_total") >= 1


def test_a_certificate_that_ends_while_its_connection_is_recorded_opens_none(make_merlon, workdir):
    clock = MovedClock(workdir)
    merlon = clock.rule(make_merlon({"issuing": {"device_life": "20m"}}))
    merlon.init()
    merlon.start()
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump")) as client:
        with slow(merlon) as disk:
            client.send(wire.connect(5, "c"))
            wait_until(disk.is_slow, "the entry to be on its way")  # the client was found good
            clock.set(30 * 60)
            assert client.packet().reason == 0x87
    merlon.wait_for_entry("connection.refused", actor_id="pump", reason="expired")


def test_who_was_let_in_when_the_server_begins_to_stop_is_told_at_once(start_merlon):
    merlon = start_merlon({"mqtt": {"drain": "60s"}})
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump")) as client:
        with slow(merlon, count=2):  # the entry is durable, its session is not
            client.send(wire.connect(5, "kept", **KEEP))
            merlon.wait_for_entry("connection.opened", actor_id="pump")
            merlon.process.popen.send_signal(signal.SIGTERM)
            assert client.expect(wire.CONNACK).reason == 0
            assert client.ends() == 0x8B
    assert merlon.process.popen.wait(30) == 0
