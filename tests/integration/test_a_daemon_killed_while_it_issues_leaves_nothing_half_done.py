# SPDX-License-Identifier: Apache-2.0
"""merlond, and then its key process, is killed in each step of each way in which a certificate comes to be. What is on the disk
is all of it or nothing; the log holds; and whoever asked gets there with what it has, or is told what to do."""
import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from harness.ca import Identity
from harness.cut import Cut, Moment
from harness.merlon import Merlon
from harness.mqtt import Mqtt
from harness.waiting import DEADLINE_S, wait_until
from harness.ways import GONE, WAYS, ByToken, CreateFromCsr, Outcome, Way

ROUNDS = int(os.environ.get("MERLON_KILLS", "3"))  # beside the named moments
NAMES = [way.__name__ for way in WAYS]
SERVICES = ("service", "provisioning")
# Before each of these calls. In the order of an enrolment; with the first one of STORED the transaction is in the write-ahead log.
REQUEST = Moment("the request is read", ("worker",), "recvfrom")
JUDGED = Moment("token, claim or certificate is looked at", SERVICES, "fcntl")
ASKED = Moment("the key process is asked", SERVICES, "sendto")
SIGNED = Moment("the signed certificate is taken", SERVICES, "recvfrom")
BEGUN = Moment("the transaction begins", ("writer",), "fcntl")
WRITTEN = Moment("its first page is written", ("writer",), "pwrite64")
HALF = Moment("half of its pages are written", ("writer",), "pwrite64", 10)
SYNCED = Moment("it is forced to the disk", ("writer",), "fdatasync")
DURABLE = Moment("it is on the disk and nobody knows", ("writer",), "fcntl", 3)
SENT = Moment("the answer is sent", ("worker",), "sendto")
MOMENTS = (REQUEST, JUDGED, ASKED, SIGNED, BEGUN, WRITTEN, HALF, SYNCED, DURABLE, SENT)
OF_THE_KEY_PROCESS = (ASKED, SIGNED)
STORED = (SYNCED, DURABLE, SENT)


@pytest.fixture
def make_way(start_merlon, processes, workdir) -> Callable[[type[Way]], Way]:
    def make(kind: type[Way]) -> Way:
        return kind(start_merlon(kind.prepare(processes, workdir), kind.tables), processes)

    return make


def ask_and_lose(way: Way) -> Outcome | None:
    try:
        return way.ask()
    except GONE:
        return None


def start_again(merlon: Merlon) -> None:
    assert merlon.process is not None
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(DEADLINE_S)
    merlon.start()


def assert_comes_in(way: Way, outcome: Outcome) -> None:
    """By MQTT, with what it got."""
    assert outcome.status == 200, outcome
    with Mqtt(way.merlon.mqtt_port, way.merlon.root, way.identity(outcome)) as client:
        assert client.connect("x").reason == 0


def warm_up(merlon: Merlon) -> None:
    """SQLite's first transaction after a start, and its first look after a transaction, have calls of their own."""
    merlon.api.post("/v1/tokens", {"group": "nobody", "life": "1h"})
    merlon.api.get("/v1/tokens")


def cut_and_mend(way: Way, moment: Moment) -> bool:
    """False: the moment was one of another transaction (the writer has a checkpoint of the log to write each second). All or
    nothing held then as well."""
    way.begin()
    way.connect()
    warm_up(way.merlon)
    with Cut(way.merlon.process.pid, moment, way.merlon.folder) as cut:
        outcome = ask_and_lose(way)
    assert cut.happened, f"{outcome}: nobody comes to where {moment.name}"
    assert outcome is None
    start_again(way.merlon)
    done = way.is_done()
    assert not done or moment in STORED, moment.name
    way.assert_whole()
    outcome = way.again(done)
    way.assert_whole()
    assert_comes_in(way, outcome)
    return done == (moment in STORED)


def kill_after_the_answer(way: Way) -> None:
    """What it gave it knows."""
    way.begin()
    way.connect()
    outcome = way.ask()
    way.merlon.kill()
    way.merlon.start()
    assert outcome.status in (200, 202) and way.is_done()
    way.assert_whole()
    if outcome.status == 200 and not isinstance(way, CreateFromCsr):
        assert_comes_in(way, outcome)


def kill_anywhere(way: Way, dice: random.Random) -> None:
    """Before a call that chance names, or, when nobody came there, after the answer: what was given is known."""
    threads = ("worker", *SERVICES, "writer")
    moment = Moment("chance", threads, dice.choice(("recvfrom", "sendto", "fcntl", "pwrite64", "futex", "mprotect")), dice.randint(1, 30))
    way.begin()
    way.connect()
    with Cut(way.merlon.process.pid, moment, way.merlon.folder) as cut:
        outcome = ask_and_lose(way)
    if cut.happened:
        start_again(way.merlon)
    else:
        way.merlon.kill()
        way.merlon.start()
    done = way.is_done()
    assert outcome is None or (outcome.status in (200, 202) and done), (moment, outcome)
    way.assert_whole()
    if outcome is None:
        assert_comes_in(way, way.again(done))
        way.assert_whole()


def assert_no_serial_twice(merlon: Merlon) -> None:
    """Also of what was signed and given to nobody: each certificate with an entry of its own."""
    made = [e["details"]["serial"] for e in merlon.audit() if e["action"] != "enrol.repeated" and "serial" in e.get("details", {})]
    provisioned = [e["details"]["serial"] for e in merlon.audit(action="provisioning.certified")]
    registered = {e["target"] for e in merlon.audit(action="provisioning.registered")}
    enrolled = [e["details"]["serial"] for e in merlon.audit(action="device.enrolled") if e["target"] in registered]
    assert set(enrolled) <= set(provisioned)  # one certificate, told of twice
    assert len(set(made)) == len(made) - len(enrolled)


@pytest.mark.parametrize("kind", WAYS, ids=NAMES)
def test_killed_in_any_step_all_or_nothing_is_there(kind, make_way):
    began, way = time.monotonic(), make_way(kind)
    moments = [m for m in MOMENTS if (way.keys or m not in OF_THE_KEY_PROCESS) and (way.judges or m != JUDGED)]
    for moment in moments:
        assert any(cut_and_mend(way, moment) for _ in range(5)), moment.name
    kill_after_the_answer(way)
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        kill_anywhere(way, dice)
    print(f"seed {seed}, {len(moments) + 1 + ROUNDS} cuts in {time.monotonic() - began:.1f} s")
    assert way.merlon.cli("audit", "verify").code == 0
    assert_no_serial_twice(way.merlon)


# --- the key process

BEFORE_SIGNING = Moment("a serial number is drawn", ("merlon-keys",), "getrandom")
BEFORE_ANSWERING = Moment("the certificate is handed over", ("merlon-keys",), "sendmsg")
EVERY_MOMENT = (ByToken,)  # to the others it looks the same, and each takes seconds


def settle(merlon: Merlon) -> None:
    """Nothing is left for the key process to sign: its next request is the one that comes now."""
    def is_covered() -> bool:
        size = int(merlon.api.raw("GET", "/audit/checkpoint").text().splitlines()[1])
        return size == len(merlon.audit())

    wait_until(is_covered, "a checkpoint over all entries")


def assert_told_to_come_again(outcome: Outcome | None) -> None:
    assert outcome is not None and outcome.status == 503, outcome
    assert "key process" in outcome.text, outcome
    assert outcome.headers is None or "retry-after" in outcome.headers, outcome


def kill_keys_and_mend(way: Way, moment: Moment, known: Identity) -> None:
    merlon = way.merlon
    way.begin()
    way.connect()
    settle(merlon)
    keeper, keys, back = merlon.keeper(), merlon.key_process(), len(merlon.audit(action="keys.back"))
    os.kill(keeper, signal.SIGSTOP)
    try:
        with Cut(keys, moment, merlon.folder) as cut:
            outcome = ask_and_lose(way)
        assert cut.happened, f"{outcome}: the key process is not asked when {moment.name}"
        assert_told_to_come_again(outcome)
        assert not way.is_done()
        way.assert_whole()
        with Mqtt(merlon.mqtt_port, merlon.root, known) as client:  # who is known is served
            assert client.connect("known").reason == 0
            assert client.subscribe("devices/known/x") == [1]
            client.publish("devices/known/x", b"here", 0)
            assert client.receive().payload == b"here"
    finally:
        os.kill(keeper, signal.SIGCONT)
    wait_until(lambda: len(merlon.audit(action="keys.back")) > back, "another key process")
    assert_comes_in(way, way.again(done=False))
    way.assert_whole()


@pytest.mark.parametrize("kind", [way for way in WAYS if way.keys], ids=[way.__name__ for way in WAYS if way.keys])
def test_without_the_key_process_nothing_is_used_up_and_it_goes_on_alone(kind, make_way):
    way = make_way(kind)
    known = way.merlon.device("known")
    for moment in (BEFORE_SIGNING, BEFORE_ANSWERING) if kind in EVERY_MOMENT else (BEFORE_ANSWERING,):
        kill_keys_and_mend(way, moment, known)
    assert way.merlon.cli("audit", "verify").code == 0
    assert_no_serial_twice(way.merlon)
