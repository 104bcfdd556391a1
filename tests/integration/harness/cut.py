# SPDX-License-Identifier: Apache-2.0
"""A process dies before one of its threads makes a certain system call: strace sends the signal, so the moment is exact and
the program knows nothing of it."""
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .waiting import DEADLINE_S, wait_until


@dataclass(frozen=True)
class Moment:
    """Before the count-th call after the cut is prepared, on a thread of this name."""

    name: str
    threads: tuple[str, ...]
    call: str
    count: int = 1


def threads_of(pid: int, names: tuple[str, ...]) -> list[str]:
    tasks = sorted(Path(f"/proc/{pid}/task").iterdir())
    found = [task.name for task in tasks if (task / "comm").read_text(encoding="ascii").strip() in names]
    assert found, f"{pid} has no thread called {names}"
    return found


class Cut:
    """Use with `with`: from its begin on, whoever comes to the moment is killed. Afterwards `happened` says whether anybody did."""

    def __init__(self, pid: int, moment: Moment, folder: Path):
        self.pid, self.moment, self.happened = pid, moment, False
        self._messages = folder / "strace.err"

    def __enter__(self) -> "Cut":
        threads = threads_of(self.pid, self.moment.threads)
        options = [option for thread in threads for option in ("-p", thread)]
        inject = f"inject={self.moment.call}:signal=KILL:when={self.moment.count}"
        with self._messages.open("wb") as messages:
            self._strace = subprocess.Popen(["strace", "-o", "/dev/null", "-e", f"trace={self.moment.call}", "-e", inject, *options],
                                            stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        wait_until(lambda: self._attached() == len(threads) or self._strace.poll() is not None, "strace to attach")
        assert self._attached() == len(threads), self._messages.read_text()
        return self

    def _attached(self) -> int:
        return self._messages.read_text(encoding="utf-8").count(" attached")

    def _is_dying(self) -> bool:
        """As a zombie, or gone: who started it takes the rest away."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state in "ZX"

    def __exit__(self, *_: object) -> None:
        """strace ends by itself with the last thread."""
        end = time.monotonic() + (1 if self._strace.poll() is None else DEADLINE_S)
        while not self._is_dying() and time.monotonic() < end:
            time.sleep(0.01)
        self.happened = self._is_dying()
        if self._strace.poll() is None:
            self._strace.send_signal(signal.SIGTERM)
        self._strace.wait(DEADLINE_S)
