# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: clients are told, with where to go when there is somewhere, and not all at the same moment."""
import selectors
import signal
import time

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import is_listening, wait_until

UP = "devices/pump-7/up"


@pytest.fixture
def opened():
    clients: list[Mqtt] = []
    yield clients
    for client in clients:
        client.close()


def connected(opened, merlon, identity, version: int = 5, client_id: str = "") -> Mqtt:
    opened.append(Mqtt(merlon.mqtt_port, merlon.root, identity, version))
    assert opened[-1].connect(client_id or f"c{len(opened)}").reason == 0
    return opened[-1]


def ask_to_stop(merlon) -> None:
    merlon.process.popen.send_signal(signal.SIGTERM)


def stopped(merlon) -> int:
    return merlon.process.popen.wait(30)


@pytest.mark.quick
@pytest.mark.parametrize("settings, reason, reference", [
    ({}, 0x8B, None), ({"server_reference": "other.example:8883"}, 0x9C, "other.example:8883"),
    ({"server_reference": "other.example:8883", "server_moved": True}, 0x9D, "other.example:8883"),
], ids=["shutting-down", "use-another", "moved"])
def test_a_client_of_5_0_is_told_and_one_of_3_1_1_is_closed(start_merlon, opened, settings, reason, reference):
    merlon = start_merlon({"mqtt": settings})
    device = merlon.device("pump-7")
    new, old = connected(opened, merlon, device), connected(opened, merlon, device, 4)
    ask_to_stop(merlon)
    told = new.packet()
    assert (told.kind, told.reason, told.props.get("server_reference")) == (wire.DISCONNECT, reason, reference)
    assert told.props["reason_string"] == "server shutting down"
    assert new.ends() is None and old.ends() is None
    assert stopped(merlon) == 0
    assert {e["reason"] for e in merlon.start().audit(action="connection.closed")} == {"server shutting down"}


def test_a_hangup_ends_nothing_and_is_answered_in_the_log(merlon, opened):
    client = connected(opened, merlon, merlon.device("pump-7"))
    merlon.process.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: "server.not_reloaded" in merlon.process.log(), "the log says what SIGHUP does")
    assert client.publish(UP, b"goes on", 1) in (0, 0x10)
    ask_to_stop(merlon)
    assert stopped(merlon) == 0


@pytest.mark.parametrize("settings, reason", [
    ({}, 0x88), ({"server_reference": "other.example"}, 0x9C), ({"server_reference": "other.example", "server_moved": True}, 0x9D),
], ids=["unavailable", "use-another", "moved"])
def test_who_comes_while_the_server_stops_is_sent_on(start_merlon, opened, settings, reason):
    merlon = start_merlon({"mqtt": {"drain": "20s", **settings}})
    device = merlon.device("pump-7")
    late = [Mqtt(merlon.mqtt_port, merlon.root, device, version) for version in (5, 5, 5, 4, 4, 4)]
    opened += late
    stays = [connected(opened, merlon, device) for _ in range(4)]
    ask_to_stop(merlon)
    wait_until(lambda: not is_listening(merlon.mqtt_port), "every worker to hear of it")
    answers = []
    for client in late:
        try:
            answers.append((client.version, client.connect("late")))
        except Closed:
            pass  # its moment had come already
    assert answers
    for version, answer in answers:
        assert answer.reason == (reason if version == 5 else 3)  # 3.1.1: server unavailable
        assert answer.props.get("server_reference") == (settings.get("server_reference") if version == 5 else None)
    for client in opened:
        client.close()  # nobody is left: the server need not wait for the rest of its time
    assert stays and stopped(merlon) == 0


def test_clients_leave_spread_over_the_drain_time_and_are_served_until_then(start_merlon, opened):
    merlon = start_merlon({"mqtt": {"drain": "3s"}})
    application = merlon.application("app", publish=("devices/#",), subscribe=("devices/#",))
    clients = [connected(opened, merlon, application) for _ in range(60)]
    start = time.monotonic()
    ask_to_stop(merlon)
    left: list[float] = []
    asked, answered = False, 0
    with selectors.DefaultSelector() as waiting:
        for client in clients:
            waiting.register(client.socket, selectors.EVENT_READ, client)
        while waiting.get_map():
            for key, _ in waiting.select(0.1):
                told = key.data.packet()
                if told.kind == wire.PUBACK:
                    answered += 1
                    continue
                assert (told.kind, told.reason) == (wire.DISCONNECT, 0x8B) and key.data.ends() is None
                left.append(time.monotonic() - start)
                waiting.unregister(key.fileobj)
            if not asked and left:  # the stop has begun
                asked = True
                for client in [key.data for key in waiting.get_map().values()]:
                    client.send(wire.publish(5, UP, b"still here", 1, packet_id=1))
    assert answered >= len([t for t in left if t > 2])
    assert stopped(merlon) == 0
    assert len([t for t in left if t < 1]) < 50 and len([t for t in left if t > 2]) < 50  # evenly, more or less
    assert left[-1] - left[0] > 1
    assert time.monotonic() - start < 3 + 5 + 2  # its drain, its grace, and some room


def test_without_drain_all_leave_at_once(start_merlon, opened):
    merlon = start_merlon({"mqtt": {"drain": "0s"}})
    application = merlon.application("app", publish=("devices/#",))
    clients = [connected(opened, merlon, application) for _ in range(20)]
    ask_to_stop(merlon)
    assert {client.ends() for client in clients} == {0x8B}
    assert stopped(merlon) == 0


def test_a_client_that_does_not_go_does_not_hold_the_server_up(start_merlon, opened):
    merlon = start_merlon({"mqtt": {"drain": "1s"}})
    client = connected(opened, merlon, merlon.device("pump-7"))
    client.subscribe(UP)
    with Stopwatch() as watch:
        ask_to_stop(merlon)
        assert stopped(merlon) == 0  # the client has not read a byte and not closed
        assert watch.passed < 1 + 5 + 3
