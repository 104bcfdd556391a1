# SPDX-License-Identifier: Apache-2.0
"""Free ports on loopback, never the same one twice: a port belongs to this process until it ends, also towards other
test processes on the machine. (A daemon listens with SO_REUSEPORT: two of them on one port would not even notice.)"""
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# Below the kernel's ephemeral range, so that no outgoing connection takes the port before its owner listens.
_LOWEST, _HIGHEST = 12000, 32000
_random = random.SystemRandom()
_folder = Path(tempfile.gettempdir()) / "merlon-test-ports"
_held: list[int] = []  # locks: held until the process ends


def _reserve(port: int) -> bool:
    try:
        if not _folder.exists():
            _folder.mkdir(exist_ok=True)
            _folder.chmod(0o1777)
        lock = os.open(_folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:  # another user's
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _held.append(lock)
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    while True:
        port = _random.randint(_LOWEST, _HIGHEST)
        if _is_free(port) and _reserve(port):
            return port
