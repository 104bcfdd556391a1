# SPDX-License-Identifier: Apache-2.0
"""The root key is on another machine: request, signature, installation. merlon-keys is killed before each of its calls that reach
a disk, in each of the three; the same command, given again, ends well, and so do the others after it."""
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.merlon import run_program
from harness.process import program

CALLS = ("write", "fsync", "renameat2", "linkat", "unlinkat")
NO_LEAKS = ":detect_leaks=0"  # that search traces the process, which strace does already


class Ceremony:
    """Both machines in one folder: here is what issues, there is what has the root key."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.steps: dict[str, tuple[list[str | Path], Path]] = {
            "request-issuing": (["--dir", folder / "here", "--out", folder / "request"], folder / "request"),
            "sign-request": (["--dir", folder / "there", "--in", folder / "request", "--out", folder / "answer"], folder / "answer"),
            "install": (["--dir", folder / "here", "--in", folder / "answer"], folder / "nothing"),
        }

    def begin(self) -> None:
        for name, options in (("here", ("--root", "offline")), ("there", ())):
            done = run_program("merlon-keys", "init", "--dir", self.folder / name, *options)
            assert done.code == 0, done.err

    def run(self, step: str) -> None:
        options, made = self.steps[step]
        made.unlink(missing_ok=True)  # it may be there, whole or not: the command says so and touches nothing
        done = run_program("merlon-keys", step, *options)
        is_over = step == "install" and "issuing CA 1 is here already" in done.err  # only the last words were lost
        assert done.code == 0 or is_over, (step, done.err)

    def run_killed_at(self, step: str, call: str, count: int) -> int:
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:signal=KILL:when={count}", program("merlon-keys"), step, *self.steps[step][0]],
                              capture_output=True, check=False, timeout=60,
                              env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + NO_LEAKS})
        return done.returncode

    def copy(self, to: Path) -> "Ceremony":
        subprocess.run(["cp", "-a", self.folder, to], check=True)
        return Ceremony(to)

    def assert_done(self) -> None:
        """One issuing CA, and nothing that was asked for waits."""
        files = {file.name for file in (self.folder / "here").iterdir()}
        assert files == {"audit.key", "issuing-1.ca", "manifest", "root-1.ca", "root.export", "sealing.key", "unlock.key"}


STEPS = ("request-issuing", "sign-request", "install")


@pytest.fixture
def ready(workdir: Path) -> Callable[[str], Ceremony]:
    """Up to a step, which is not taken yet."""
    def up_to(step: str) -> Ceremony:
        folder = workdir / "first"
        folder.mkdir()
        ceremony = Ceremony(folder)
        ceremony.begin()
        for before in STEPS[:STEPS.index(step)]:
            ceremony.run(before)
        return ceremony

    return up_to


@pytest.mark.parametrize("step", STEPS)
def test_killed_before_any_call_the_same_command_ends_well(ready, workdir, step):
    first, cuts = ready(step), 0
    for call in CALLS:
        for count in range(1, 40):
            ceremony = first.copy(workdir / f"{call}-{count}")
            end = ceremony.run_killed_at(step, call, count)
            assert end in (0, -9), end
            if end == 0:
                break
            for again in STEPS[STEPS.index(step):]:
                ceremony.run(again)
            ceremony.assert_done()
            cuts += 1
    print(f"{step}: cut {cuts} times")
    assert cuts >= 3
