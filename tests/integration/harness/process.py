# SPDX-License-Identifier: Apache-2.0
"""Programs under test: started with their output in a log, stopped by pid, checked for sanitizer reports."""
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .waiting import DEADLINE_S, is_listening, wait_until

ROOT = Path(__file__).resolve().parents[3]
SANITIZER_REPORT = re.compile(r"(?:Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|: runtime error: ")


def build_folder() -> Path:
    """The build whose programs are tested."""
    return ROOT / os.environ.get("MERLON_BUILD", "build")


def program(name: str) -> Path:
    """A program of ours, wherever in the build folder Meson puts it."""
    found = [p for p in build_folder().glob(f"*/**/{name}") if p.is_file() and os.access(p, os.X_OK)]
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} programs called {name} in {build_folder()}")
    return found[0]


@dataclass
class Process:
    name: str
    log_path: Path
    popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.popen.pid

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def wait_for_log(self, text: str) -> None:
        self._wait(lambda: text in self.log(), f"'{text}' in the log")

    def wait_for_port(self, port: int) -> None:
        self._wait(lambda: is_listening(port), f"port {port}")

    def _wait(self, condition, what: str) -> None:
        wait_until(lambda: condition() or not self.is_running(), f"{self.name}: {what}")
        if not condition():
            raise RuntimeError(f"{self.name} ended with {self.popen.returncode} before {what}:\n{self.log()}")

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """Gives the exit code, negative for a signal. A process that ignores the signal is killed and that is an error."""
        if self.is_running():
            self.popen.send_signal(sig)
        try:
            return self.popen.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise RuntimeError(f"{self.name} did not stop on {sig.name}:\n{self.log()}") from None


@dataclass
class Processes:
    """All that a test started. close() stops the rest, newest first, and fails on a sanitizer report in any log."""

    folder: Path
    started: list[Process] = field(default_factory=list)

    def start(self, command: Sequence[str | Path], env: dict[str, str] | None = None) -> Process:
        name = Path(command[0]).name
        log_path = self.folder / f"{name}-{len(self.started)}.log"
        with log_path.open("wb") as log:
            popen = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     env={**os.environ, **(env or {})}, cwd=self.folder)
        self.started.append(Process(name, log_path, popen))
        return self.started[-1]

    def close(self) -> None:
        problems = []
        for process in reversed(self.started):
            try:
                process.stop()
            except RuntimeError as error:
                problems.append(str(error))
            problems += leak_check(process)
        self.started.clear()
        if problems:
            raise AssertionError("\n".join(problems))


def leak_check(process: Process) -> list[str]:
    """Sanitizers print leaks and races when the process ends: each is a failure of the test that ran it."""
    if SANITIZER_REPORT.search(process.log()):
        return [f"{process.name}: sanitizer report:\n{process.log()}"]
    return []
