# SPDX-License-Identifier: Apache-2.0
"""Clients that leave wills behind, one after the other: most are gone for good, some come back before the delay is over. Each will
is known to be due, to be void, or neither; the last when CONNACK never came, or who came back came too late."""
from __future__ import annotations

import enum
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import mqtt_wire as wire
from .ca import Identity
from .mqtt import Mqtt
from .steady import GONE, come_again_if_full


class Fate(enum.Enum):
    OPEN = "at most once"
    DUE = "must come"
    VOID = "must not come"


@dataclass(frozen=True)
class Plan:
    delay_s: int
    expiry_s: int
    comes_back: bool = False
    version: int = 5

    @property
    def wait_s(self) -> int:
        """MQTT 5.0 3.1.3.2.2"""
        return min(self.delay_s, self.expiry_s)


PLANS = [Plan(delay_s=1, expiry_s=60), Plan(delay_s=5, expiry_s=60, comes_back=True), Plan(delay_s=60, expiry_s=1),
         Plan(delay_s=0, expiry_s=60), Plan(delay_s=60, expiry_s=0), Plan(delay_s=0, expiry_s=0, version=4)]


@dataclass
class LastWill:
    payload: bytes
    qos: int
    plan: Plan
    accepted: float = 0.0  # when CONNACK came, so no later than the connection ended
    fate: Fate = Fate.OPEN

    @property
    def not_before(self) -> float:
        return self.accepted + self.plan.wait_s


class Leaver(threading.Thread):
    """Wills of QoS 1 and 2 in turn, on topic + "/1" or "/2"."""

    def __init__(self, port: int, root: Path, identity: Identity, topic: str, name: str):
        super().__init__(daemon=True)
        self._port, self._root, self._identity = port, root, identity
        self._topic, self._name = topic, name
        self._dice = random.Random(name)
        self._stopping = threading.Event()
        self.wills: list[LastWill] = []
        self.lost_sessions = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._live(len(self.wills))
        except BaseException as error:  # noqa: B902  told to the test, which is another thread
            self.failure = error

    def _live(self, number: int) -> None:
        will = LastWill(f"{self._name} {number}".encode(), number // len(PLANS) % 2 + 1, PLANS[number % len(PLANS)])
        self.wills.append(will)
        client_id = f"{self._name}-{number}"
        try:
            with Mqtt(self._port, self._root, self._identity, will.plan.version) as client:
                self._announce(client, client_id, will)
                time.sleep(self._dice.uniform(0, 0.1))
                client.cut()
        except GONE:
            time.sleep(0.02)
        if will.accepted and will.plan.comes_back:
            self._come_back(client_id, will)
        elif will.accepted:
            will.fate = Fate.DUE

    def _announce(self, client: Mqtt, client_id: str, will: LastWill) -> None:
        plan, five = will.plan, will.plan.version == 5
        announced = wire.Will(f"{self._topic}/{will.qos}", will.payload, will.qos, properties={"will_delay": plan.delay_s} if five else {})
        answer = client.connect(client_id, clean=not five, will=announced, props={"session_expiry": plan.expiry_s} if five else {})
        come_again_if_full(answer)
        assert (answer.reason, answer.session_present) == (0, False), answer
        will.accepted = time.monotonic()

    def _come_back(self, client_id: str, will: LastWill) -> None:
        """[MQTT-3.1.3-9]: in time only if CONNACK is here before the delay can be over."""
        time.sleep(self._dice.uniform(0, 1))  # the daemon dies meanwhile, or not
        while time.monotonic() < will.not_before:
            try:
                with Mqtt(self._port, self._root, self._identity) as client:
                    self._return(client, client_id, will)
                    return
            except GONE:
                time.sleep(0.02)

    def _return(self, client: Mqtt, client_id: str, will: LastWill) -> None:
        answer = client.connect(client_id, clean=False, props={"session_expiry": will.plan.expiry_s})
        come_again_if_full(answer)
        assert answer.reason == 0, answer
        if time.monotonic() < will.not_before:
            will.fate = Fate.VOID
            self.lost_sessions += not answer.session_present
        time.sleep(self._dice.uniform(0, 1))

    def finish(self) -> None:
        self._stopping.set()
        self.join(60)
        assert not self.is_alive(), f"{self._name} does not end"
        if self.failure is not None:
            raise self.failure
