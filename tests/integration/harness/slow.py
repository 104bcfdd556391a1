# SPDX-License-Identifier: Apache-2.0
"""A disk that is slow for a moment: strace holds a call of some threads back, and the program knows nothing of it."""
import platform
import signal
import subprocess
from pathlib import Path

from .cut import Moment, threads_of
from .waiting import DEADLINE_S, wait_until


# As /proc names them.
_NUMBERS = {"fdatasync": {"x86_64": "75", "aarch64": "83"}}


class Slow:
    """Use with `with`: from its begin on, the call of this moment takes so much longer, once."""

    def __init__(self, pid: int, moment: Moment, seconds: float, folder: Path):
        self.pid, self.moment, self.seconds = pid, moment, seconds
        self._messages = folder / "strace.err"

    def __enter__(self) -> "Slow":
        threads = threads_of(self.pid, self.moment.threads)
        options = [option for thread in threads for option in ("-p", thread)]
        self._calls = [Path(f"/proc/{self.pid}/task/{thread}/syscall") for thread in threads]
        inject = f"inject={self.moment.call}:delay_enter={int(self.seconds * 1e6)}:when={self.moment.count}"
        with self._messages.open("wb") as messages:
            self._strace = subprocess.Popen(["strace", "-o", "/dev/null", "-e", f"trace={self.moment.call}", "-e", inject, *options],
                                            stdin=subprocess.DEVNULL, stdout=messages, stderr=messages)
        wait_until(lambda: self._messages.read_text(encoding="utf-8").count(" attached") == len(threads), "strace to attach")
        return self

    def is_slow(self) -> bool:
        """Somebody is in the call now."""
        number = _NUMBERS[self.moment.call][platform.machine()]
        return any(call.read_text(encoding="ascii").split()[0] == number for call in self._calls)

    def __exit__(self, *_: object) -> None:
        if self._strace.poll() is None:
            self._strace.send_signal(signal.SIGTERM)
        self._strace.wait(DEADLINE_S)
