# SPDX-License-Identifier: Apache-2.0
"""MQTT clients that survive the death of the server as the standard wants it: what is not acknowledged is sent again with
its packet id, what is known is not taken twice. They count what was acknowledged and what came."""
from __future__ import annotations

import ssl
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path

from . import mqtt_wire as wire
from .ca import Identity
from .mqtt import Closed, Mqtt

GONE = (OSError, ssl.SSLError, Closed, TimeoutError)
LONG_S, QUIET_S, PACKET_ID_MAX = 3600, 0.05, 65535
NO_ROOM = 0x97


def come_again_if_full(answer: wire.Received) -> None:
    """A CONNACK of a server whose disk is full, in 5.0 and 3.1.1: raises Closed."""
    if answer.reason in (NO_ROOM, 3):
        raise Closed("no room")


class Steady(threading.Thread):
    """Connects again whenever its connection ends, until told to stop."""

    def __init__(self, port: int, root: Path, identity: Identity, client_id: str):
        super().__init__(daemon=True)
        self._port, self._root, self._identity, self._client_id = port, root, identity, client_id
        self._stopping = threading.Event()
        self._first = True
        self.lost_sessions = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with Mqtt(self._port, self._root, self._identity) as client:
                    self._connect(client)
                    self.serve(client)
            except GONE:
                time.sleep(0.02)
            except BaseException as error:  # noqa: B902  told to the test, which is another thread
                self.failure = error
                return

    def _connect(self, client: Mqtt) -> None:
        answer = client.connect(self._client_id, clean=False, props={"session_expiry": LONG_S})
        come_again_if_full(answer)
        assert answer.reason == 0, f"CONNACK {answer.reason:#x}"
        if not answer.session_present and not self._first:
            self.lost_sessions += 1
        if answer.session_present or self._first:
            self.begin(client, answer.session_present)
        self._first = False

    def begin(self, client: Mqtt, present: bool) -> None:
        raise NotImplementedError

    def serve(self, client: Mqtt) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._stopping.set()
        self.join(60)
        assert not self.is_alive(), f"{self._client_id} does not end"
        if self.failure is not None:
            raise self.failure


@dataclass(frozen=True)
class Message:
    topic: str
    qos: int
    payload: bytes
    retain: bool = False


class Sender(Steady):
    """Keeps `window` messages under way. What the server has no room for is sent anew, under another packet id."""

    def __init__(self, port: int, root: Path, identity: Identity, client_id: str, window: int):
        super().__init__(port, root, identity, client_id)
        self._window = window
        self._under_way: dict[int, Message] = {}  # by packet id, in sending order: PUBACK or PUBREC is awaited
        self._releasing: dict[int, None] = {}  # PUBCOMP is awaited
        self._last_id = 0
        self._refused: deque[Message] = deque()
        self.refused = 0
        self._no_more = threading.Event()
        self.repeated: Counter[bytes] = Counter()  # payloads that were sent once more

    def make(self) -> Message:
        """The next message. It is as good as sent."""
        raise NotImplementedError

    def on_acknowledged(self, message: Message) -> None:
        raise NotImplementedError

    def begin(self, client: Mqtt, present: bool) -> None:
        for number in self._releasing:
            client.send(wire.ack(wire.PUBREL, number))
        for number, message in self._under_way.items():
            self.repeated[message.payload] += 1
            self._send(client, number, message, dup=True)

    @staticmethod
    def _send(client: Mqtt, number: int, m: Message, dup: bool = False) -> None:
        client.send(wire.publish(5, m.topic, m.payload, m.qos, m.retain, number, dup))

    def _next(self, client: Mqtt) -> None:
        while True:
            self._last_id = self._last_id % PACKET_ID_MAX + 1
            if self._last_id not in self._under_way and self._last_id not in self._releasing:
                break
        message = self._under_way[self._last_id] = self._refused.popleft() if self._refused else self.make()
        self._send(client, self._last_id, message)

    def serve(self, client: Mqtt) -> None:
        while not self._stopping.is_set():
            while (self._refused or not self._no_more.is_set()) and len(self._under_way) + len(self._releasing) < self._window:
                self._next(client)
            if self._no_more.is_set() and not (self._under_way or self._releasing or self._refused):
                self._stopping.set()
                return
            self._take(client, client.packet())

    def _on_refused(self, message: Message) -> None:
        self.refused += 1
        self.repeated[message.payload] += 1
        self._refused.append(message)
        time.sleep(0.01)

    def _take(self, client: Mqtt, answer: wire.Received) -> None:
        if answer.reason == NO_ROOM and answer.kind in (wire.PUBACK, wire.PUBREC):
            self._on_refused(self._under_way.pop(answer.packet_id))
            return
        known = answer.kind != wire.PUBCOMP or answer.reason != 0x92  # else released before, and the answer was lost
        assert answer.reason < 0x80 or not known, f"packet of type {answer.kind}, reason {answer.reason:#x}"
        if answer.kind == wire.PUBACK:
            self.on_acknowledged(self._under_way.pop(answer.packet_id))
        elif answer.kind == wire.PUBREC:
            if answer.packet_id in self._under_way:
                self.on_acknowledged(self._under_way.pop(answer.packet_id))
                self._releasing[answer.packet_id] = None
            client.send(wire.ack(wire.PUBREL, answer.packet_id))
        elif answer.kind == wire.PUBCOMP:
            self._releasing.pop(answer.packet_id, None)
        else:
            raise AssertionError(f"packet of type {answer.kind}")

    def finish(self) -> None:
        """Waits until everything that was sent is acknowledged."""
        self._no_more.set()
        self.join(120)
        assert not self.is_alive(), f"{self._client_id}: {len(self._under_way)} without an answer"
        if self.failure is not None:
            raise self.failure


class Publisher(Sender):
    """Messages of QoS 1 and 2 in turn, each on its topic + "/1" or "/2"."""

    def __init__(self, port: int, root: Path, identity: Identity, topic: str, window: int = 20):
        super().__init__(port, root, identity, f"from-{topic.replace('/', '-')}", window)
        self._topic = topic
        self.sent = 0
        self.acknowledged: dict[int, list[bytes]] = {1: [], 2: []}

    def make(self) -> Message:
        self.sent += 1
        qos = self.sent % 2 + 1
        return Message(f"{self._topic}/{qos}", qos, f"{self._topic} {self.sent}".encode())

    def on_acknowledged(self, message: Message) -> None:
        self.acknowledged[message.qos].append(message.payload)


class Subscriber(Steady):
    """Counts what it takes. With pauses it is away now and then, and messages wait for it."""

    def __init__(self, port: int, root: Path, identity: Identity, client_id: str, filters: list[tuple[str, int]]):
        super().__init__(port, root, identity, client_id)
        self._filters = filters
        self._known: set[int] = set()  # packet ids of QoS 2 between PUBLISH and PUBREL
        self.away = threading.Event()
        self.subscribed = threading.Event()
        self.taken: dict[int, Counter[bytes]] = {1: Counter(), 2: Counter()}
        self.came: dict[bytes, float] = {}  # when a payload came first

    def begin(self, client: Mqtt, present: bool) -> None:
        if not self.subscribed.is_set():
            client.subscribe(*self._filters)
            self.subscribed.set()

    def serve(self, client: Mqtt) -> None:
        while not self._stopping.is_set() and not self.away.is_set():
            try:
                self._take(client, client.packet(QUIET_S))
            except TimeoutError:
                continue
        client.cut()
        while self.away.is_set() and not self._stopping.is_set():
            time.sleep(QUIET_S)

    def _take(self, client: Mqtt, packet: wire.Received) -> None:
        if packet.kind == wire.PUBLISH:
            self._take_message(client, packet)
        elif packet.kind == wire.PUBREL:
            self._known.discard(packet.packet_id)
            client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        else:
            raise AssertionError(f"packet of type {packet.kind}, reason {packet.reason:#x}")

    def _take_message(self, client: Mqtt, message: wire.Received) -> None:
        self.came.setdefault(message.payload, time.monotonic())
        if message.qos == 1:
            self.taken[1][message.payload] += 1
            client.send(wire.ack(wire.PUBACK, message.packet_id))
            return
        if message.packet_id not in self._known:
            self._known.add(message.packet_id)
            self.taken[2][message.payload] += 1
        client.send(wire.ack(wire.PUBREC, message.packet_id))


def wait_for_all(subscribers: list[Subscriber], wanted: dict[int, list[bytes]], quiet_s: float) -> None:
    """Until each has everything, or nothing more came to any of them for quiet_s."""
    def count() -> int:
        return sum(sum(s.taken[qos].values()) for s in subscribers for qos in (1, 2))

    def has_all() -> bool:
        return all(payload in s.taken[qos] for s in subscribers for qos in (1, 2) for payload in wanted[qos])

    seen, since = count(), time.monotonic()
    while not has_all() and time.monotonic() - since < quiet_s:
        time.sleep(0.2)
        if count() != seen:
            seen, since = count(), time.monotonic()


def joined(publishers: list[Publisher]) -> dict[int, list[bytes]]:
    return {qos: [p for publisher in publishers for p in publisher.acknowledged[qos]] for qos in (1, 2)}

