# SPDX-License-Identifier: Apache-2.0
"""The disk is full when somebody asks for a certificate, by every door: it is told so in the terms of its protocol, nothing is
used up, who is connected is served, and with room again everything goes on by itself."""
import itertools
import os
from pathlib import Path

import pytest
from harness.disk import fill_to_the_brim
from harness.merlon import Ended, Merlon, run_program
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


def fill_until_nothing_fits(merlon: Merlon, filler: Path) -> None:
    """For a while a small transaction still fits where a large one failed."""
    fill_to_the_brim(filler)
    numbers = itertools.count()

    def nothing_fits() -> bool:
        answers = [merlon.api.ask("POST", "/v1/devices", {"id": f"filler-{next(numbers)}"}).status for _ in range(5)]
        return set(answers) == {503} and merlon.api.metric("merlon_store_failing") == 1

    wait_until(nothing_fits, "a full disk")


def test_operators_learn_that_the_store_fails_and_that_it_is_over(start_merlon_on_small_disk, small_disk):
    """Nobody asks for anything: the daemon itself finds out that there is room again."""
    merlon, filler = start_merlon_on_small_disk(), small_disk / "filler"
    fill_until_nothing_fits(merlon, filler)
    merlon.process.wait_for_log('"event":"store.failing"')
    filler.unlink()
    wait_until(lambda: merlon.api.metric("merlon_store_failing") == 0, "the end of the alarm")
    assert merlon.wait_for_entry("store.recovered")["actor"]["kind"] == "system"
    told = [line["event"] for line in merlon.log_lines() if line["event"].startswith("store.")]
    assert told == ["store.failing", "store.recovered"] * (len(told) // 2)
    merlon.add_device("fan-7")


# --- the CAs themselves

OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()
STEPS = [("activate", "root", "2"), ("activate", "issuing", "2"), ("activate", "issuing", "3"), ("retire", "issuing", "1"), ("rollover",)]
PAGE, PAGES = 4096, 4


def keys(merlon: Merlon, command: str) -> Ended:
    return run_program("merlon-keys", command, "--dir", merlon.state / "keys", *OWNER)


def ca_states(merlon: Merlon) -> dict[str, str]:
    return {f"{ca['kind']}-{ca['number']}": ca["state"] for ca in merlon.api.get("/v1/ca/generations")["items"]}


def ca_entries(merlon: Merlon) -> list[tuple[str, str]]:
    return [(e["action"], e["target"]) for e in merlon.audit() if e["action"] in ("ca.activated", "ca.retired")]


def test_a_step_of_a_rollover_waits_for_room_and_is_then_taken_as_it_was_said(start_merlon_on_small_disk, small_disk):
    merlon, filler = start_merlon_on_small_disk(), small_disk / "filler"
    merlon.stop()
    for command in ("new-issuing", "new-root", "new-issuing"):
        assert keys(merlon, command).code == 0
    merlon.start()
    for step in STEPS:
        states, entries = ca_states(merlon), ca_entries(merlon)
        fill_until_nothing_fits(merlon, filler)
        told = merlon.api.ask("POST", f"/v1/ca/{step[0]}", {"kind": step[1], "number": int(step[2])} if len(step) > 1 else {})
        assert told.status == 503 and "The storage takes nothing more" in told.text(), told
        refused = merlon.cli("ca", *step)
        assert refused.code == 1 and "database or disk is full" in refused.err, refused
        assert (ca_states(merlon), ca_entries(merlon)) == (states, entries)
        filler.unlink()
        wait_until(lambda: merlon.cli("ca", *step).code == 0, f"room again for {step}")
        assert ca_states(merlon) != states
    assert ca_states(merlon) == {"root-1": "retired", "root-2": "active", "issuing-1": "retired", "issuing-2": "retired",
                                 "issuing-3": "active"}
    assert ca_entries(merlon) == [("ca.activated", "root-2"), ("ca.activated", "issuing-2"), ("ca.activated", "issuing-3"),
                                  ("ca.retired", "issuing-1"), ("ca.retired", "issuing-2"), ("ca.retired", "root-1")]
    merlon.restart()
    merlon.device("pump-7")
    assert merlon.cli("audit", "verify").code == 0


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("command", ["new-issuing", "new-root"])
def test_a_ca_is_made_whole_or_not_at_all(start_merlon_on_small_disk, small_disk, command):
    """With no page free, then one, and so on until it fits: the keystore stays as it was until then."""
    merlon, filler = start_merlon_on_small_disk(), small_disk / "filler"
    merlon.stop()
    before = contents(merlon.state / "keys")
    fill_to_the_brim(filler)
    for free in range(PAGES):
        done = keys(merlon, command)
        if done.code == 0:
            break
        assert "No space left on device" in done.err, done.err
        assert contents(merlon.state / "keys") == before
        os.truncate(filler, filler.stat().st_size - PAGE)
    assert free > 0 and done.code == 0, (free, done.err)
    made = contents(merlon.state / "keys")
    assert {name: made[name] for name in before} == before and len(made) == len(before) + 1
    filler.unlink()
    merlon.start()
    assert ca_states(merlon) == {"root-1": "active", "issuing-1": "active", f"{command.removeprefix('new-')}-2": "prepared"}
    merlon.device("pump-7")
    assert merlon.cli("audit", "verify").code == 0
