# SPDX-License-Identifier: Apache-2.0
"""Members of a share that come and go: they are cut off, stay away, and end their sessions in every way there is.

Before one ends its session it fills its window: it acknowledges nothing until as much is in flight to it as its Receive Maximum
allows. Then it has seen all that the server can have begun to send, also when the server dies meanwhile, and MQTT 5.0 4.8.2 leaves
no choice: of QoS 2 nobody else gets any of that [MQTT-4.8.2-5], and whatever waits behind it goes to another member."""
from __future__ import annotations

import enum
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from . import mqtt_wire as wire
from .ca import Identity
from .mqtt import Closed, Mqtt
from .steady import LONG_S, NO_ROOM, QUIET_S, Steady, come_again_if_full

WINDOW, STAYING_WINDOW, FILL_S = 10, 20, 1.0


class Way(enum.Enum):
    """How a session ends."""

    DISCONNECT = "with its connection"
    EXPIRY = "a second after it"
    CLEAN_START = "with the next one"


@dataclass(eq=False)
class Life:
    """One session of a member."""

    acknowledged: dict[tuple[int, bytes], int | None] = field(default_factory=dict)  # QoS 1, by packet id: to which daemon; None: not yet
    known: dict[int, bytes] = field(default_factory=dict)  # QoS 2, by packet id, between PUBLISH and PUBREL
    over: int | None = None  # in which daemon's time

    def given_on(self) -> list[bytes]:
        """What others may get as well, at QoS 1: what is not acknowledged, or was, to a daemon that died before the session ended."""
        over = self.over
        return [] if over is None else [payload for (_, payload), by in self.acknowledged.items() if by is None or by < over]


class Member(Steady):
    """Without ways it never ends its session. daemon tells how many have died."""

    def __init__(self, port: int, root: Path, identity: Identity, client_id: str, topic_filter: str, ways: tuple[Way, ...],
                 daemon: Callable[[], int]):
        super().__init__(port, root, identity, client_id)
        self._filter, self._ways, self._daemon = topic_filter, ways, daemon
        self._dice = random.Random(client_id)
        self._way: Way | None = None  # its session may have ended
        self._held: list[wire.Received] | None = None  # not acknowledged on purpose; None: it acknowledges
        self._connected_to = 0
        self._all_is_here = False
        self._subscribed_in: Life | None = None
        self.subscribed, self.stays = threading.Event(), threading.Event()
        self.lives = [Life()]
        self.ended: Counter[Way] = Counter()
        self.taken: dict[int, Counter[bytes]] = {1: Counter(), 2: Counter()}
        self.without_dup: dict[int, Counter[bytes]] = {1: Counter(), 2: Counter()}

    # --- sessions

    def _connect(self, client: Mqtt) -> None:
        self._connected_to, self._all_is_here, self._held = self._daemon(), False, None
        way = self._way
        self._way = way and Way.CLEAN_START  # should the answer be lost, nobody could tell whose session is there
        answer = client.connect(self._client_id, clean=way is Way.CLEAN_START,
                                props={"session_expiry": LONG_S, "receive_maximum": WINDOW if self._ways else STAYING_WINDOW})
        come_again_if_full(answer)
        assert answer.reason == 0, f"CONNACK {answer.reason:#x}"
        if not answer.session_present and not self._first:
            self._begin_life(way)
        self._way, self._first = None, False

    def _begin_life(self, way: Way | None) -> None:
        if way is None:
            self.lost_sessions += 1
        else:
            self.ended[way] += 1
        self.lives[-1].over = self._daemon()
        self.lives.append(Life())

    def serve(self, client: Mqtt) -> None:
        if self._subscribed_in is not self.lives[-1]:
            client.send(wire.subscribe(5, 1, [(self._filter, 2)]))
        while not self._stopping.is_set():
            self._serve_until(client, time.monotonic() + self._dice.uniform(0, 0.15))
            if self.stays.is_set():
                continue
            if not self._ways or self._dice.random() < 0.3:
                client.cut()
                time.sleep(self._dice.uniform(0, 0.3))
                return
            if self._may_end() and self._fill(client):
                self._end(client)
                return

    def _may_end(self) -> bool:
        return self._all_is_here and self._subscribed_in is self.lives[-1]

    def _fill(self, client: Mqtt) -> bool:
        self._held = []
        self._serve_until(client, time.monotonic() + FILL_S, WINDOW)
        if len(self._held) == WINDOW:
            return True
        held, self._held = self._held, None
        for message in held:
            self._acknowledge(client, message)
        return False

    def _end(self, client: Mqtt) -> None:
        """It still is its turn now and then, until the end."""
        self._way = self._dice.choice(self._ways)
        self._serve_until(client, time.monotonic() + self._dice.uniform(0, 0.2), WINDOW + 1)
        assert len(self._held or ()) == WINDOW, "[MQTT-3.3.4-9]"
        if self._way is Way.CLEAN_START:
            client.cut()
        else:
            client.send(wire.disconnect(5, props={"session_expiry": 1 if self._way is Way.EXPIRY else 0}))
            client.ends()
        time.sleep(self._dice.uniform(1, 1.5) if self._way is Way.EXPIRY else self._dice.uniform(0, 0.3))

    # --- packets

    def _serve_until(self, client: Mqtt, end: float, held: int = 0) -> None:
        while time.monotonic() < end and not self._stopping.is_set() and (not held or len(self._held or ()) < held):
            try:
                self._take(client, client.packet(QUIET_S))
            except TimeoutError:
                continue

    def _take(self, client: Mqtt, packet: wire.Received) -> None:
        if packet.kind == wire.PUBLISH:
            self._note(packet)
            if self._held is None:
                self._acknowledge(client, packet)
            else:
                self._held.append(packet)
        elif packet.kind == wire.PUBREL:
            self.lives[-1].known.pop(packet.packet_id, None)
            client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
        elif packet.kind == wire.SUBACK:
            if packet.codes == [NO_ROOM]:
                raise Closed("no room")
            assert packet.codes == [2], packet
            self._subscribed_in = self.lives[-1]
            self.subscribed.set()
        else:
            raise AssertionError(f"packet of type {packet.kind}, reason {packet.reason:#x}")

    def _note(self, message: wire.Received) -> None:
        """What was under way comes before all else, with DUP [MQTT-4.4.0-1]: one without says that all of that is here."""
        life, number, payload = self.lives[-1], message.packet_id, message.payload
        self._all_is_here |= not message.dup
        again = life.known.get(number) == payload if message.qos == 2 else (number, payload) in life.acknowledged
        self.taken[message.qos][payload] += not again
        self.without_dup[message.qos][payload] += again and not message.dup
        if message.qos == 1:
            life.acknowledged[number, payload] = None
        else:
            assert life.known.setdefault(number, payload) == payload, f"packet id {number} is in use still"

    def _acknowledge(self, client: Mqtt, message: wire.Received) -> None:
        if message.qos == 1:
            self.lives[-1].acknowledged[message.packet_id, message.payload] = self._connected_to
        client.send(wire.ack(wire.PUBACK if message.qos == 1 else wire.PUBREC, message.packet_id))


class Share:
    """The first member's session is always there, or messages would be nobody's now and then."""

    def __init__(self, port: int, root: Path, identity: Identity, topic_filter: str, count: int):
        self.deaths = 0  # of daemons: to be counted when one is dead, before the next starts
        self.members = [Member(port, root, identity, f"member-{n}", topic_filter, tuple(Way) if n else (), lambda: self.deaths)
                        for n in range(count)]

    def start(self) -> None:
        for member in self.members:
            member.start()
        assert all(m.subscribed.wait(20) for m in self.members), [m.failure for m in self.members]

    def finish(self, wanted: dict[int, list[bytes]], quiet_s: float) -> None:
        """Waits until everything has come, or nothing more for quiet_s."""
        for member in self.members:
            member.stays.set()
        seen, since = taken_by(self.members), time.monotonic()
        while not all(payload in seen[qos] for qos in (1, 2) for payload in wanted[qos]) and time.monotonic() - since < quiet_s:
            time.sleep(0.2)
            now = taken_by(self.members)
            if now != seen:
                seen, since = now, time.monotonic()
        for member in self.members:
            member.stop()

    def ended(self) -> Counter[Way]:
        return sum((m.ended for m in self.members), Counter())


def taken_by(members: Iterable[Member]) -> dict[int, Counter[bytes]]:
    """copy(): a member's thread may be adding to it."""
    return {qos: sum((m.taken[qos].copy() for m in members), Counter()) for qos in (1, 2)}


def judge(members: Iterable[Member], wanted: dict[int, list[bytes]], repeated: Counter[bytes]) -> dict[str, int]:
    """repeated: how often the publisher sent a message again, which at QoS 1 is a message of its own to the server; when it forgot
    the first, not acknowledged, the second may get the packet id of that. All else that comes again has DUP [MQTT-3.3.1-1]."""
    members = list(members)
    taken = taken_by(members)
    given_on = Counter(payload for m in members for life in m.lives for payload in life.given_on())
    return {
        "lost QoS 1": sum(payload not in taken[1] for payload in wanted[1]),
        "lost QoS 2": sum(payload not in taken[2] for payload in wanted[2]),
        "double QoS 2": sum(count > 1 for count in taken[2].values()),
        "needlessly double QoS 1": sum(count > 1 + repeated[payload] + given_on[payload] for payload, count in taken[1].items()),
        "without DUP": sum(count > repeated[payload] for m in members for payload, count in m.without_dup[1].items())
        + sum(m.without_dup[2].total() for m in members),
        "sessions": sum(m.lost_sessions for m in members),
    }
