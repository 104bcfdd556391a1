# SPDX-License-Identifier: Apache-2.0
"""The daemon dies between two acknowledgements: what came is in the order of the messages, and all of it is kept."""
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt

KEEP = {"session_expiry": 3600}
MESSAGES, ROUNDS_MOST = 64, 12
END = b"end"


def opened(merlon, identity, client_id: str, **props) -> Mqtt:
    client = Mqtt(merlon.mqtt_port, merlon.root, identity)
    assert client.connect(client_id, clean=False, props=props).reason == 0
    return client


def topic_of(number: int) -> str:
    """Every second message is for nobody: its acknowledgement waits for no disk, and still for its turn."""
    return f"devices/pump/{'kept' if number % 2 else 'nobody'}"


def cut_off(merlon, pump, round_: int) -> list[int]:
    """The packet ids that were acknowledged before the daemon died, as they came."""
    client, got = opened(merlon, pump, f"publisher-{round_}"), []
    for number in range(1, MESSAGES + 1):
        client.send(wire.publish(5, topic_of(number), b"%d %d" % (round_, number), 1, False, number))
    try:
        while True:
            got.append(client.expect(wire.PUBACK).packet_id)
            if len(got) == 1:
                merlon.kill()
    except Closed:
        client.cut()
    return got


def what_is_kept(merlon, collector, pump) -> list[bytes]:
    with opened(merlon, pump, "last") as client:
        client.publish("devices/pump/kept", END, 1)
    found: list[bytes] = []
    with opened(merlon, collector, "collector", **KEEP) as client:
        while not found or found[-1] != END:
            message = client.receive()
            client.send(wire.ack(wire.PUBACK, message.packet_id))
            found.append(message.payload)
    return found[:-1]


def test_a_daemon_that_dies_between_two_acknowledgements_keeps_order_and_promise(start_merlon):
    """[MQTT-4.6.0-2], [MQTT-4.3.2-4]"""
    merlon = start_merlon({"mqtt": {"in_flight": MESSAGES}})
    pump, collector = merlon.device("pump"), merlon.application("collector", subscribe=("devices/#",))
    with opened(merlon, collector, "collector", **KEEP) as client:
        client.subscribe(("devices/pump/kept", 1))
    between = 0
    for round_ in range(ROUNDS_MOST):
        acknowledged = cut_off(merlon, pump, round_)
        assert acknowledged == list(range(1, len(acknowledged) + 1))
        between += 0 < len(acknowledged) < MESSAGES
        merlon.start()
        kept = what_is_kept(merlon, collector, pump)
        written = [b"%d %d" % (round_, n) for n in range(1, MESSAGES + 1, 2)]
        assert kept == written[:len(kept)]  # in order, without a gap, and each once
        assert len(kept) >= (len(acknowledged) + 1) // 2
        if between >= 3:
            break
    assert between >= 1, "the daemon never died between two acknowledgements"
