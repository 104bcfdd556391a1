# SPDX-License-Identifier: Apache-2.0
"""Seconds in which the machine was there for us. What must happen within a second is not to fail because other programs had
the cores or the disk for three, and not to pass because somebody wrote a longer time into the test."""
import os
import tempfile
import threading
import time
from types import TracebackType

_TICK_S, _LONGEST_S = 0.01, 0.02


class Stopwatch:
    """Use with `with`: `passed` are the seconds since then. It goes as the clock does while a thread that asks for the core and
    the disk every 10 ms gets them, and stands still while it does not. For upper bounds only: it is never ahead."""

    def __init__(self) -> None:
        self.passed = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go, daemon=True)

    def __enter__(self) -> "Stopwatch":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _go(self) -> None:
        with tempfile.TemporaryFile() as disk:
            before = time.monotonic()
            while not self._over.wait(_TICK_S):
                os.pwrite(disk.fileno(), b"x", 0)
                os.fdatasync(disk.fileno())
                now = time.monotonic()
                self.passed += min(now - before, _LONGEST_S)
                before = now
