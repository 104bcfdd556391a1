# SPDX-License-Identifier: Apache-2.0
"""The two accounts that a daemon started by root becomes. Made once, by root, when they are missing."""
import fcntl
import os
import pwd
import subprocess
import tempfile
from pathlib import Path

NAMES = ("merlon", "merlon-keys")


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def ensure_accounts() -> None:
    """Nothing to do for anybody but root: daemon and key process then run as the caller."""
    if os.geteuid() != 0:
        return
    with (Path(tempfile.gettempdir()) / "merlon-test-accounts.lock").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several test processes one makes them
        for name in NAMES:
            if not _exists(name):
                subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name], check=True)
