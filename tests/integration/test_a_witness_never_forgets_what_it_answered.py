# SPDX-License-Identifier: Apache-2.0
"""What merlon-witness answered with 200 is on the disk: after kill -9, under many requests at once, with a full disk."""
import concurrent.futures
import http.client
import itertools
import random
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.process import Processes
from harness.tlog import Log
from harness.witness import Witness

KILLS = 12


@pytest.fixture
def log() -> Log:
    return Log("acme/merlon-audit").grow(1000)


@pytest.fixture
def witness(processes: Processes, workdir: Path, log: Log) -> Witness:
    return Witness(processes, workdir / "witness", [log.vkey]).init()


def size_known(witness: Witness, log: Log) -> int:
    """What the witness says with a 409 to an old size that is none of its own."""
    answer = witness.ask(log.add_checkpoint(999, 1000))
    assert answer.status == 409
    return int(answer.body)


def drive(witness: Witness, log: Log, size: int, answered: list[int]) -> None:
    """One step after the other until the witness is gone."""
    try:
        while witness.ask(log.add_checkpoint(size, size + 1)).status == 200:
            size += 1
            answered.append(size)
    except (OSError, http.client.HTTPException):
        pass


def test_kill_9_at_any_moment_loses_no_answer(witness: Witness, log: Log) -> None:
    answered = [0]
    chance = random.Random(5)
    for _ in range(KILLS):
        witness.start()
        known = size_known(witness, log)
        assert answered[-1] <= known <= answered[-1] + 1  # the last one may have been stored and not answered
        answered.append(known)
        driver = threading.Thread(target=drive, args=(witness, log, known, answered))
        driver.start()
        driver.join(chance.uniform(0, 0.1))
        witness.kill()
        driver.join()
    witness.start()
    assert answered[-1] <= size_known(witness, log) <= answered[-1] + 1
    assert answered[-1] > KILLS  # it did get on between the kills


def test_of_many_at_once_one_goes_on_from_a_size(witness: Witness, log: Log) -> None:
    """Forty ways on from the same size at once: only one of them may be cosigned, else the witness cosigned a fork."""
    witness.start()
    assert witness.ask(log.add_checkpoint(0, 100)).status == 200
    forks = [Log(log.origin, log.entries[:100], log.key).grow(101 + i, f"fork {i}") for i in range(40)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda fork: witness.ask(fork.add_checkpoint(100)), forks))
    good = [fork for fork, answer in zip(forks, answers) if answer.status == 200]
    assert len(good) == 1
    assert {a.status for a in answers} == {200, 409}
    assert size_known(witness, log) == len(good[0].entries)


@pytest.fixture
def small_disk(workdir: Path) -> Iterator[Path]:
    disk = workdir / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0711", "tmpfs", str(disk)], capture_output=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a tmpfs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            for _ in itertools.count():
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk_is_a_500_and_nothing_is_cosigned(small_disk: Path, processes: Processes, workdir: Path, log: Log) -> None:
    witness = Witness(processes, workdir / "witness", [log.vkey], state=small_disk / "state").init().start()
    assert witness.ask(log.add_checkpoint(0, 7)).status == 200
    filler = fill(small_disk)
    answer = witness.ask(log.add_checkpoint(7, 9))
    assert answer.status == 500
    assert "\N{EM DASH}" not in answer.body and str(small_disk) not in answer.body
    assert size_known(witness, log) == 7
    witness.process.wait_for_log("No space left on device")
    filler.unlink()
    assert witness.ask(log.add_checkpoint(7, 9)).status == 200
    witness.kill()
    witness.start()
    assert size_known(witness, log) == 9
    witness.stop()
