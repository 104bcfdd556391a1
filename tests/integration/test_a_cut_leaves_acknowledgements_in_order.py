# SPDX-License-Identifier: Apache-2.0
"""The daemon dies between two acknowledgements: what came is in the order of the messages, and all of it is kept. The publisher goes
on where it was, and then every message has arrived: at QoS 2 once."""
from dataclasses import dataclass, field

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt

MESSAGES, ROUNDS_MOST, ROUNDS_ENOUGH = 64, 12, 3
END = b"end"
NOT_FOUND = 0x92  # MQTT 5.0 3.7.2.1: released before, and the answer was lost


def topic_of(number: int) -> str:
    """Every second message is for nobody: its acknowledgement waits for no disk, and still for its turn."""
    return f"devices/pump/{'kept' if number % 2 else 'nobody'}"


@dataclass
class Exchange:
    """MESSAGES messages of one publisher, their packet ids from 1, and the answers to them in their order."""

    version: int
    qos: int
    name: bytes
    accepted: list[int] = field(default_factory=list)  # by PUBACK or PUBREC
    completed: list[int] = field(default_factory=list)  # by PUBCOMP

    def payload(self, number: int) -> bytes:
        return b"%s %d" % (self.name, number)

    def for_the_collector(self) -> list[bytes]:
        return [self.payload(n) for n in range(1, MESSAGES + 1, 2)]

    def send(self, client: Mqtt, dup: bool) -> None:
        """What has no answer yet; releases before messages, as they were first sent in that order. [MQTT-4.4.0-1]"""
        for number in self.accepted if self.qos == 2 else []:
            if number not in self.completed:
                client.send(wire.ack(wire.PUBREL, number))
        for number in range(1, MESSAGES + 1):
            if number not in self.accepted:
                client.send(wire.publish(self.version, topic_of(number), self.payload(number), self.qos, False, number, dup))

    def take(self, client: Mqtt) -> None:
        answer = client.packet()
        if answer.kind == wire.PUBCOMP:
            assert answer.reason in (0, NOT_FOUND) and answer.packet_id in self.accepted
            self.completed.append(answer.packet_id)
            return
        assert answer.kind == (wire.PUBACK if self.qos == 1 else wire.PUBREC) and answer.reason < 0x80, answer
        self.accepted.append(answer.packet_id)
        if self.qos == 2:
            client.send(wire.ack(wire.PUBREL, answer.packet_id))

    def is_over(self) -> bool:
        return len(self.completed if self.qos == 2 else self.accepted) == MESSAGES


def opened(merlon, identity, client_id: str, version: int) -> Mqtt:
    client = Mqtt(merlon.mqtt_port, merlon.root, identity, version)
    props = {"session_expiry": 3600} if version == 5 else {}
    assert client.connect(client_id, clean=False, props=props).reason == 0
    return client


def cut_off(merlon, pump, exchange: Exchange, first: int) -> None:
    """The daemon dies when the first packet of this type is here."""
    client, living = opened(merlon, pump, "pump", exchange.version), True
    try:
        exchange.send(client, dup=False)
        while not exchange.is_over():
            exchange.take(client)
            if living and (exchange.completed if first == wire.PUBCOMP else exchange.accepted):
                merlon.kill()
                living = False
    except Closed:
        pass
    client.cut()
    if living:
        merlon.kill()


def complete(merlon, pump, exchange: Exchange) -> None:
    with opened(merlon, pump, "pump", exchange.version) as client:
        exchange.send(client, dup=True)
        while not exchange.is_over():
            exchange.take(client)


def what_is_kept(merlon, collector, pump, version: int, qos: int) -> list[bytes]:
    """What waits, up to a message that is sent now."""
    with opened(merlon, pump, "last", version) as client:
        client.publish("devices/pump/kept", END, qos)
    found: list[bytes] = []
    with opened(merlon, collector, "collector", version) as client:
        while not found or found[-1] != END:
            found.append(client.receive().payload)
        assert client.nothing_comes()
    return found[:-1]


@pytest.mark.parametrize(("qos", "first"), [(1, wire.PUBACK), (2, wire.PUBREC), (2, wire.PUBCOMP)], ids=["PUBACK", "PUBREC", "PUBCOMP"])
@pytest.mark.parametrize("version", [5, 4], ids=["v5", "v3.1.1"])
def test_a_daemon_that_dies_between_two_acknowledgements_keeps_order_and_promise(start_merlon, version, qos, first):
    """[MQTT-4.6.0-2], [MQTT-4.6.0-3], [MQTT-4.3.2-4], [MQTT-4.3.3-8]"""
    merlon = start_merlon({"mqtt": {"in_flight": MESSAGES}})
    pump, collector = merlon.device("pump"), merlon.application("collector", subscribe=("devices/#",))
    with opened(merlon, collector, "collector", version) as client:
        client.subscribe(("devices/pump/kept", qos))
    between = 0
    for round_ in range(ROUNDS_MOST):
        exchange = Exchange(version, qos, b"%d" % round_)
        cut_off(merlon, pump, exchange, first)
        acknowledged, completed = len(exchange.accepted), len(exchange.completed)
        assert exchange.accepted == list(range(1, acknowledged + 1))
        between += 0 < (completed if first == wire.PUBCOMP else acknowledged) < MESSAGES
        merlon.start()
        kept = what_is_kept(merlon, collector, pump, version, qos)
        written = exchange.for_the_collector()
        assert kept == written[:len(kept)]  # in order, without a gap, and each once
        assert len(kept) >= (acknowledged + 1) // 2
        complete(merlon, pump, exchange)
        again = what_is_kept(merlon, collector, pump, version, qos)
        if qos == 2:
            assert kept + again == written
        else:
            assert again == written[(acknowledged + 1) // 2:]  # what was sent again; at QoS 1 it may have been kept before
        if between >= ROUNDS_ENOUGH:
            break
    assert between >= 1, "the daemon never died between two acknowledgements"
