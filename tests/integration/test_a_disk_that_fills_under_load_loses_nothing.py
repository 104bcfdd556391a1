# SPDX-License-Identifier: Apache-2.0
"""The load of test_no_acknowledged_message_is_lost.py on a small disk that is filled and emptied again and again, the daemon killed
while it is full or not: what was acknowledged comes, and what nobody asked for any more (wills, what a share gives on) as well."""
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.disk import fill_to_the_brim, mount_small, unmount
from harness.merlon import Merlon
from harness.steady import joined
from test_no_acknowledged_message_is_lost import Fate, Load, judge, lost

FILLS = 6
SETTINGS = {"server": {"workers": 2},
            "mqtt": {"queued_messages": 100000, "queued_bytes": "64MiB", "application_sessions": 100000}}


@pytest.fixture
def small_disk(workdir: Path) -> Iterator[Path]:
    """Larger than that of other tests: the log grows, too."""
    disk = workdir / "disk"
    if not mount_small(disk, "64m"):
        pytest.skip("no right to mount a tmpfs")
    yield disk
    unmount(disk)


@pytest.mark.parametrize("dies", [False, True], ids=["goes-on", "dies-while-full"])
def test_filled_under_load_nothing_is_lost(start_merlon_on_small_disk: Callable[..., Merlon], small_disk: Path, dies: bool) -> None:
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice, merlon = random.Random(seed), start_merlon_on_small_disk(SETTINGS)
    load, retained = Load(merlon), []
    load.start()
    for n in range(FILLS):
        time.sleep(dice.uniform(0.3, 1.0))
        filler = small_disk / f"filler-{n}"
        fill_to_the_brim(filler)
        time.sleep(dice.uniform(0.2, 1.5))
        if dies:
            merlon.kill()
            load.share.deaths += 1
        filler.unlink()
        if dies:
            merlon.start()
    wanted = load.finish()
    published = joined(load.publishers)
    retained += load.look()
    due = load.wills(Fate.DUE)
    verdicts = [judge(s, wanted, load.wills(*Fate)) for s in load.subscribers]
    shared, refused = load.judge_share(published), sum(p.refused for p in load.publishers)
    print(f"seed {seed}: {FILLS} fills, {refused} messages refused, {len(wanted[1])} QoS 1 and {len(wanted[2])} QoS 2 acknowledged or due, "
          f"{len(due)} wills due, {verdicts}; of the share {shared}")
    assert refused > FILLS and all(len(wanted[qos]) > 100 * FILLS for qos in (1, 2)) and len(due) > FILLS
    assert not retained, retained
    if dies:  # that a session ended while the disk was full, and who got what it left, nobody knows any more
        del shared["needlessly double QoS 1"]
    assert not any(shared.values()), shared
    assert not any(c.lost_sessions for c in (*load.publishers, *load.retainers, *load.leavers))
    assert all(not any(verdict.values()) for verdict in verdicts), [verdicts, [lost(s, wanted)[:5] for s in load.subscribers]]
