# SPDX-License-Identifier: Apache-2.0
"""The judge itself: it must accept what is right and refuse each change, before it may judge our log."""
from pathlib import Path

import pytest

from harness.tlog import Log
from harness.tlogcheck import Tlogcheck


@pytest.fixture
def log(workdir: Path) -> Log:
    made = Log("acme/merlon-audit").grow(600)
    made.write(workdir)
    return made


def test_a_good_log_is_accepted(tlogcheck: Tlogcheck, log: Log, workdir: Path) -> None:
    older = workdir / "older"
    older.write_text(log.checkpoint(257), encoding="utf-8")
    done = tlogcheck(workdir, log.vkey, older)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("600 entries, root ")


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512])
def test_sizes_at_the_edge_of_a_tile_are_accepted(tlogcheck: Tlogcheck, workdir: Path, size: int) -> None:
    log = Log("acme/merlon-audit").grow(size)
    log.write(workdir)
    done = tlogcheck(workdir, log.vkey)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", ["tile/entries/001", "tile/entries/002.p/88", "tile/0/000", "tile/0/002.p/88",
                                  "tile/1/000.p/2", "checkpoint"])
def test_a_changed_byte_is_found(tlogcheck: Tlogcheck, log: Log, workdir: Path, path: str) -> None:
    content = bytearray((workdir / path).read_bytes())
    content[len(content) // 2] ^= 1
    (workdir / path).write_bytes(content)
    done = tlogcheck(workdir, log.vkey)
    assert done.returncode == 1
    assert done.stderr.startswith("tlogcheck: ")


def test_a_changed_entry_is_named(tlogcheck: Tlogcheck, log: Log, workdir: Path) -> None:
    bundle = workdir / "tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"entry 300", b"entry 3oo"))
    assert "entry 300 is not the one in the tree" in tlogcheck(workdir, log.vkey).stderr


def test_a_missing_tail_is_found(tlogcheck: Tlogcheck, log: Log, workdir: Path) -> None:
    older = workdir / "older"
    older.write_text(log.checkpoint(), encoding="utf-8")
    del log.entries[590:]
    log.write(workdir)
    assert tlogcheck(workdir, log.vkey).returncode == 0
    assert "the log has 590 entries; it had 600" in tlogcheck(workdir, log.vkey, older).stderr


def test_another_history_is_found(tlogcheck: Tlogcheck, log: Log, workdir: Path) -> None:
    older = workdir / "older"
    older.write_text(log.checkpoint(), encoding="utf-8")
    del log.entries[300:]
    log.grow(700, "another").write(workdir)
    assert tlogcheck(workdir, log.vkey).returncode == 0
    assert tlogcheck(workdir, log.vkey, older).returncode == 1


def test_another_key_is_refused(tlogcheck: Tlogcheck, log: Log, workdir: Path) -> None:
    assert tlogcheck(workdir, Log(log.origin).vkey).returncode == 1
