# SPDX-License-Identifier: Apache-2.0
"""The daemon dies under load, again and again (MERLON_KILLS times): no acknowledged message is lost, no QoS 2 message
comes twice, no session is forgotten; retained messages are what was acknowledged last; wills that are due come, others do not;
a share gets each message, also when members of it end their sessions meanwhile."""
import os
import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from harness import share
from harness.merlon import Merlon
from harness.mqtt import Mqtt
from harness.retainer import Retainer, Topic, look, wrong
from harness.steady import Publisher, Subscriber, joined, wait_for_all
from harness.leaver import Fate, LastWill, Plan, Leaver

KILLS = int(os.environ.get("MERLON_KILLS", "12"))
PUBLISHERS, SUBSCRIBERS, RETAINERS, LEAVERS, MEMBERS, QUIET_S = 4, 5, 4, 3, 5, 15
TOPICS, WINDOW = 64, 5  # of the retainers, each
VOID_S = 1.0
CLOCK_S = 0.05  # what a wait may seem too short: the clock of a daemon that starts is set by the wall clock


@dataclass
class Load:
    """Two clients of the same application live on different workers or not, as their client ids fall; several surely do."""

    merlon: Merlon
    topics: list[Topic] = field(default_factory=lambda: [Topic(f"kept/{n}") for n in range(TOPICS)])

    def __post_init__(self) -> None:
        merlon, place = self.merlon, (self.merlon.mqtt_port, self.merlon.root)
        sensors = [f"sensor-{n}" for n in range(PUBLISHERS)]
        collector = merlon.application("collector", subscribe=("devices/+/up/#", "wills/#"))
        keeper = merlon.application("keeper", publish=("kept/#",), subscribe=("kept/#",))
        leaver = merlon.application("leaver", publish=("wills/#",))
        crew = merlon.application("crew", subscribe=("devices/+/up/#",))
        filters = [(f"{topic}/{qos}", qos) for topic in ("devices/+/up", "wills") for qos in (1, 2)]
        free = deque(self.topics)
        self.keeper = keeper
        self.share = share.Share(*place, crew, "$share/crew/devices/+/up/#", MEMBERS)
        self.subscribers = [Subscriber(*place, collector, f"to-{n}", filters) for n in range(SUBSCRIBERS)]
        self.publishers = [Publisher(*place, merlon.device(name), f"devices/{name}/up") for name in sensors]
        self.retainers = [Retainer(*place, keeper, f"keeper-{n}", free, WINDOW) for n in range(RETAINERS)]
        self.leavers = [Leaver(*place, leaver, "wills", f"leaver-{n}") for n in range(LEAVERS)]

    def start(self) -> None:
        for client in self.subscribers:
            client.start()
        assert all(s.subscribed.wait(20) for s in self.subscribers)
        self.share.start()
        for client in (*self.publishers, *self.retainers, *self.leavers):
            client.start()

    def kill(self, dice: random.Random) -> list[str]:
        """Gives what is wrong with the retained messages then."""
        for subscriber in self.subscribers[1:]:  # the first is never away by its own will
            (subscriber.away.set if dice.random() < 0.4 else subscriber.away.clear)()
        self.merlon.kill()
        self.share.deaths += 1
        for retainer in self.retainers:
            retainer.hold()
        self.merlon.start()
        for retainer in self.retainers:
            retainer.wait_until_held()
        found = self.look()
        for retainer in self.retainers:
            retainer.go_on()
        return found

    def look(self) -> list[str]:
        with Mqtt(self.merlon.mqtt_port, self.merlon.root, self.keeper) as client:
            assert client.connect("looks").reason == 0
            return wrong(self.topics, look(client, "kept/#"))

    def finish(self) -> dict[int, list[bytes]]:
        """Gives what every subscriber must have got, by QoS."""
        for client in (*self.leavers, *self.publishers, *self.retainers):
            client.finish()
        for subscriber in self.subscribers:
            subscriber.away.clear()
        wanted = joined(self.publishers)
        self.share.finish(wanted, QUIET_S)
        for will in self.wills(Fate.DUE):
            wanted[will.qos].append(will.payload)
        wait_for_all(self.subscribers, wanted, QUIET_S)
        last = max((will.not_before for will in self.wills(Fate.VOID)), default=0)
        time.sleep(max(0, last + VOID_S - time.monotonic()))  # what must not come has its time to come
        for subscriber in self.subscribers:
            subscriber.stop()
        return wanted

    def judge_share(self, wanted: dict[int, list[bytes]]) -> dict[str, int]:
        repeated: Counter[bytes] = sum((p.repeated for p in self.publishers), Counter())
        return share.judge(self.share.members, wanted, repeated)

    def wills(self, *fates: Fate) -> list[LastWill]:
        return [will for leaver in self.leavers for will in leaver.wills if will.fate in fates]


def lost(subscriber: Subscriber, wanted: dict[int, list[bytes]]) -> list[bytes]:
    return [payload for qos in (1, 2) for payload in wanted[qos] if payload not in subscriber.taken[qos]]


def judge(subscriber: Subscriber, wanted: dict[int, list[bytes]], wills: list[LastWill]) -> dict[str, int]:
    came = subscriber.came
    return {
        "lost QoS 1": sum(payload not in subscriber.taken[1] for payload in wanted[1]),
        "lost QoS 2": sum(payload not in subscriber.taken[2] for payload in wanted[2]),
        "double QoS 2": sum(count > 1 for count in subscriber.taken[2].values()),
        "sessions": subscriber.lost_sessions,
        "void wills": sum(will.payload in came for will in wills if will.fate is Fate.VOID),
        "early wills": sum(came[w.payload] < w.not_before - CLOCK_S for w in wills if w.payload in came),
    }


@pytest.mark.parametrize("workers", [2])
def test_killed_under_load_nothing_acknowledged_is_lost(make_merlon, workers):
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice = random.Random(seed)
    merlon = make_merlon({"server": {"workers": workers}, "mqtt": {"queued_messages": 100000, "queued_bytes": "64MiB",
                                                                   "application_sessions": 100000}})
    merlon.init()
    merlon.start()
    load, retained = Load(merlon), []
    load.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.02, 0.6))  # the moment of death is what is tried out
        retained += load.kill(dice)
    wanted = load.finish()
    published = joined(load.publishers)
    retained += load.look()
    due, void = load.wills(Fate.DUE), load.wills(Fate.VOID)
    verdicts = [judge(s, wanted, load.wills(*Fate)) for s in load.subscribers]
    shared, ended = load.judge_share(published), load.share.ended()
    print(f"seed {seed}: {KILLS} kills, {len(wanted[1])} QoS 1 and {len(wanted[2])} QoS 2 acknowledged or due, {len(due)} wills due, "
          f"{len(void)} void, {sum(t.acknowledged for t in load.topics)} retained messages acknowledged, {verdicts}; "
          f"of the share {sum(ended.values())} sessions ended, {shared}")
    assert all(len(wanted[qos]) - len(due) > KILLS for qos in (1, 2))
    assert len(due) > KILLS and len(void) > KILLS // 4 and all(t.acknowledged > 4 for t in load.topics)
    assert not retained, retained
    assert all(ended[way] > KILLS // 10 for way in share.Way), ended
    assert not any(shared.values()), shared
    assert [c.lost_sessions for c in (*load.publishers, *load.retainers, *load.leavers)] == [0] * (PUBLISHERS + RETAINERS + LEAVERS)
    assert all(not any(verdict.values()) for verdict in verdicts), [verdicts, [lost(s, wanted)[:5] for s in load.subscribers]]


@pytest.mark.parametrize(("found", "is_wrong"), [
    ({"t": b"5"}, False), ({"t": b"6"}, False), ({"t": b"7"}, False), ({}, True), ({"t": b"3"}, True), ({"t": b""}, True)])
def test_the_judge_of_retained_messages_sees_what_is_old_or_gone(found, is_wrong):
    assert bool(wrong([Topic("t", sent=7, acknowledged=5)], found)) is is_wrong


@pytest.mark.parametrize(("found", "is_wrong"), [({}, False), ({"t": b"9"}, False), ({"t": b"7"}, True)])
def test_the_judge_of_retained_messages_sees_what_was_cleared_and_is_back(found, is_wrong):
    assert bool(wrong([Topic("t", sent=9, acknowledged=8)], found)) is is_wrong


def test_the_judge_of_wills_sees_what_is_lost_double_void_or_early(workdir):
    subscriber = Subscriber(0, workdir, None, "s", [])
    plan = Plan(delay_s=5, expiry_s=60)
    wills = [LastWill(b"lost", 2, plan, 10.0, Fate.DUE), LastWill(b"void", 1, plan, 10.0, Fate.VOID),
             LastWill(b"early", 2, plan, 10.0, Fate.OPEN), LastWill(b"fine", 2, plan, 10.0, Fate.DUE)]
    subscriber.came = {b"void": 20.0, b"early": 14.0, b"fine": 15.0}
    subscriber.taken[1].update([b"void"])
    subscriber.taken[2].update([b"early", b"fine", b"fine"])
    assert judge(subscriber, {1: [], 2: [b"lost", b"fine"]}, wills) == {
        "lost QoS 1": 0, "lost QoS 2": 1, "double QoS 2": 1, "sessions": 0, "void wills": 1, "early wills": 1}
