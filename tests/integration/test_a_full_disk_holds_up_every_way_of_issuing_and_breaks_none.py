# SPDX-License-Identifier: Apache-2.0
"""The disk is full when somebody asks for a certificate, by every door: it is told so in the terms of its protocol, nothing is
used up, who is connected is served, and with room again everything goes on by itself."""
import itertools

import pytest
from harness.disk import fill_to_the_brim
from harness.mqtt import Mqtt
from harness.waiting import wait_until
from harness.ways import WAYS, ForAClaim, ForAnApplication, Outcome, Way


@pytest.fixture
def make_way(start_merlon_on_small_disk, processes, workdir):
    def make(kind: type[Way]) -> Way:
        return kind(start_merlon_on_small_disk(kind.prepare(processes, workdir), kind.tables), processes)

    return make


def assert_told_to_come_again(outcome: Outcome, way: Way) -> None:
    """And nothing about our files; operators learn which one it is."""
    assert outcome.status == 503, outcome
    assert outcome.headers is None or "retry-after" in outcome.headers, outcome
    if isinstance(way, (ForAClaim, ForAnApplication)):
        assert "The storage takes nothing more" in outcome.text
    else:
        assert outcome.text.strip() == "the storage of the server is full, try again later"


def assert_served(client: Mqtt) -> None:
    client.publish("devices/known/x", b"here", 0)
    assert client.message().payload == b"here"


@pytest.mark.parametrize("kind", WAYS, ids=[way.__name__ for way in WAYS])
def test_a_full_disk_uses_nothing_up_and_it_goes_on_alone(kind, make_way, small_disk):
    way, filler = make_way(kind), small_disk / "filler"
    merlon = way.merlon
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("known")) as known:
        known.connect("known")
        assert known.subscribe("devices/known/x") == [1]
        way.begin()
        way.connect()
        fill_to_the_brim(filler)
        outcome = way.ask()
        assert_told_to_come_again(outcome, way)
        assert not way.is_done()
        way.assert_whole()
        assert_served(known)
        filler.unlink()
        found: list[Outcome] = []

        def is_given() -> bool:
            found.append(way.again(done=False))
            return found[-1].status == 200

        wait_until(is_given, "room again")
    way.assert_whole()
    with Mqtt(merlon.mqtt_port, merlon.root, way.identity(found[-1])) as client:
        assert client.connect("x").reason == 0
    assert merlon.api.metric("merlon_store_failing") == 0
    assert merlon.cli("audit", "verify").code == 0


def test_operators_learn_that_the_store_fails_and_that_it_is_over(start_merlon_on_small_disk, small_disk):
    """Nobody asks for anything: the daemon itself finds out that there is room again. (For a while a small transaction still
    fits where a large one failed.)"""
    merlon, filler = start_merlon_on_small_disk(), small_disk / "filler"
    fill_to_the_brim(filler)
    numbers = itertools.count()

    def nothing_fits() -> bool:
        answers = [merlon.api.ask("POST", "/v1/devices", {"id": f"pump-{next(numbers)}"}).status for _ in range(5)]
        return set(answers) == {503} and merlon.api.metric("merlon_store_failing") == 1

    wait_until(nothing_fits, "a full disk")
    merlon.process.wait_for_log('"event":"store.failing"')
    filler.unlink()
    wait_until(lambda: merlon.api.metric("merlon_store_failing") == 0, "the end of the alarm")
    assert merlon.wait_for_entry("store.recovered")["actor"]["kind"] == "system"
    told = [line["event"] for line in merlon.log_lines() if line["event"].startswith("store.")]
    assert told == ["store.failing", "store.recovered"] * (len(told) // 2)
    merlon.add_device("fan-7")
