# SPDX-License-Identifier: Apache-2.0
"""Retained messages on many topics, set, replaced and cleared without pause. Of each topic one message at most is under way,
whoever sends it, so a new subscriber may find the last acknowledged one or the one that is under way, and nothing else."""
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import mqtt_wire as wire
from .ca import Identity
from .mqtt import Mqtt
from .steady import Message, Sender
from .waiting import DEADLINE_S

CLEARS_EVERY = 4


@dataclass
class Topic:
    name: str
    sent: int = 0  # the number of the last message
    acknowledged: int = 0

    def possible(self) -> set[bytes]:
        return {payload_of(number) for number in range(self.acknowledged, self.sent + 1)}


def payload_of(number: int) -> bytes:
    """Empty clears the topic."""
    return b"%d" % number if number % CLEARS_EVERY else b""


def wrong(topics: Iterable[Topic], found: dict[str, bytes]) -> list[str]:
    """What a subscriber that came just now found, and must not find; an absent message counts as an empty one."""
    return [f"{t.name}: {found.get(t.name, b'')!r} with {t.acknowledged} acknowledged and {t.sent} sent"
            for t in topics if found.get(t.name, b"") not in t.possible()]


class Retainer(Sender):
    """Takes turns with others on the topics of `free`, the next at the left. While it is held it sends nothing, so that what it
    had sent before the server died can be looked at."""

    def __init__(self, port: int, root: Path, identity: Identity, client_id: str, free: deque[Topic], window: int):
        super().__init__(port, root, identity, client_id, window)
        self._free = free
        self._mine: dict[str, Topic] = {}
        self._go_on = threading.Event()
        self._go_on.set()
        self._waits = threading.Event()

    def make(self) -> Message:
        topic = self._free.popleft()
        self._mine[topic.name] = topic
        topic.sent += 1
        qos = (topic.sent + topic.sent // CLEARS_EVERY) % 2 + 1  # either sets, either clears
        return Message(topic.name, qos, payload_of(topic.sent), retain=True)

    def on_acknowledged(self, message: Message) -> None:
        topic = self._mine.pop(message.topic)
        topic.acknowledged = topic.sent
        self._free.append(topic)

    def begin(self, client: Mqtt, present: bool) -> None:
        self._waits.set()
        self._go_on.wait()
        super().begin(client, present)

    def hold(self) -> None:
        """To be called while the server is dead."""
        self._waits.clear()
        self._go_on.clear()

    def wait_until_held(self) -> None:
        assert self._waits.wait(DEADLINE_S), f"{self._client_id} did not come back: {self.failure}"

    def go_on(self) -> None:
        self._go_on.set()


def look(client: Mqtt, topic_filter: str) -> dict[str, bytes]:
    """What is retained under the filter, as a new subscriber is sent it."""
    assert client.subscribe((topic_filter, 0)) == [0]
    client.send(wire.packet(wire.PINGREQ))
    found: dict[str, bytes] = {}
    while (packet := client.packet()).kind != wire.PINGRESP:
        assert packet.kind == wire.PUBLISH and packet.retain and packet.topic not in found, packet
        found[packet.topic] = packet.payload
    return found
