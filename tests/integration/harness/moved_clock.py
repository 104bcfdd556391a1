# SPDX-License-Identifier: Apache-2.0
"""The wall clock of programs under test, moved while they run (tests/clock)."""
import os
import struct
import time
from pathlib import Path

from .merlon import Merlon
from .process import build_folder, program

YEAR_S = 366 * 86400


class MovedClock:
    """Of the daemon and its key process, or of a device."""

    def __init__(self, folder: Path, ahead_s: int = 0):
        self.file = folder / "clock"
        self.set(ahead_s)
        self.file.chmod(0o644)
        self.env = {"LD_PRELOAD": str(build_folder() / "tests" / "clock" / "moved_clock.so"), "MERLON_TEST_CLOCK": str(self.file),
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}

    def set(self, ahead_s: int) -> None:
        """From now on, in place: the programs see the file itself."""
        mode = "r+b" if self.file.exists() else "wb"
        with self.file.open(mode) as file:
            file.write(struct.pack("=q", ahead_s))
        self.ahead_s = ahead_s

    def restart(self, merlon: Merlon, ahead_s: int) -> None:
        """A daemon that runs does not follow a jump: it is started anew."""
        merlon.stop()
        self.set(ahead_s)
        merlon.start("--accept-clock", "a test")

    def now(self) -> float:
        return time.time() + self.ahead_s

    def rule(self, merlon: Merlon) -> Merlon:
        """The daemon, which does not run yet, and its key process live by this clock."""
        merlon.env.update(self.env)
        merlon.settings.setdefault("keys", {})["program"] = str(self.keys_program(merlon.folder))
        merlon.write_config()
        return merlon

    def keys_program(self, folder: Path) -> Path:
        """For [keys] program: the key process is given no environment, so a script brings it this one."""
        script = folder / "merlon-keys-moved"
        lines = [f"export {name}={value!r}" for name, value in self.env.items()]
        script.write_text("#!/bin/sh\n" + "\n".join(lines) + f'\nexec {program("merlon-keys")} "$@"\n', encoding="ascii")
        script.chmod(0o755)
        return script
