# SPDX-License-Identifier: Apache-2.0
"""The daemon dies under load, again and again (MERLON_KILLS times): no acknowledged message is lost, no QoS 2 message
comes twice, no session is forgotten."""
import os
import random
import time

import pytest
from harness.steady import Publisher, Subscriber, joined, wait_for_all

KILLS = int(os.environ.get("MERLON_KILLS", "12"))
PUBLISHERS, QUIET_S = 4, 15


def make_publishers(merlon) -> list[Publisher]:
    names = [f"sensor-{n}" for n in range(PUBLISHERS)]
    return [Publisher(merlon.mqtt_port, merlon.root, merlon.device(name), f"devices/{name}/up") for name in names]


def make_subscribers(merlon) -> list[Subscriber]:
    """Two of the same application live on different workers or not, as their client ids fall; five surely do."""
    application = merlon.application("collector", subscribe=("devices/+/up/#",))
    filters = [("devices/+/up/1", 1), ("devices/+/up/2", 2)]
    return [Subscriber(merlon.mqtt_port, merlon.root, application, f"to-{n}", filters) for n in range(5)]


def judge(subscriber: Subscriber, acknowledged: dict[int, list[bytes]]) -> dict[str, int]:
    return {
        "lost QoS 1": sum(payload not in subscriber.taken[1] for payload in acknowledged[1]),
        "lost QoS 2": sum(payload not in subscriber.taken[2] for payload in acknowledged[2]),
        "double QoS 2": sum(count > 1 for count in subscriber.taken[2].values()),
        "sessions": subscriber.lost_sessions,
    }


@pytest.mark.parametrize("workers", [2])
def test_killed_under_load_nothing_acknowledged_is_lost(make_merlon, workers):
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice = random.Random(seed)
    merlon = make_merlon({"server": {"workers": workers}, "mqtt": {"queued_messages": 100000, "queued_bytes": "64MiB"}})
    merlon.init()
    merlon.start()
    subscribers, publishers = make_subscribers(merlon), make_publishers(merlon)
    for client in subscribers:
        client.start()
    assert all(s.subscribed.wait(20) for s in subscribers)
    for client in publishers:
        client.start()
    for _ in range(KILLS):
        time.sleep(dice.uniform(0.02, 0.6))  # the moment of death is what is tried out
        for subscriber in subscribers[1:]:  # the first is never away by its own will
            (subscriber.away.set if dice.random() < 0.4 else subscriber.away.clear)()
        merlon.kill()
        merlon.start()
    for publisher in publishers:
        publisher.finish()
    for subscriber in subscribers:
        subscriber.away.clear()
    acknowledged = joined(publishers)
    wait_for_all(subscribers, acknowledged, QUIET_S)
    for subscriber in subscribers:
        subscriber.stop()
    verdicts = [judge(s, acknowledged) for s in subscribers]
    print(f"seed {seed}: {KILLS} kills, {len(acknowledged[1])} QoS 1 and {len(acknowledged[2])} QoS 2 acknowledged, {verdicts}")
    assert len(acknowledged[1]) > KILLS and len(acknowledged[2]) > KILLS
    assert [p.lost_sessions for p in publishers] == [0] * PUBLISHERS
    assert all(not any(verdict.values()) for verdict in verdicts), verdicts
