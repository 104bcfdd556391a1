# SPDX-License-Identifier: Apache-2.0
"""Free ports on loopback, never the same one twice: a port belongs to this process until it ends, also towards other
test processes of this user. (A daemon listens with SO_REUSEPORT: two of them on one port would not even notice. The kernel
keeps those of other users apart.)"""
import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path

# Below the kernel's ephemeral range, so that no outgoing connection takes the port before its owner listens.
_LOWEST, _HIGHEST = 12000, 32000
_random = random.SystemRandom()
_mine: set[int] = set()  # a process does not see its own locks


@cache
def _locks() -> int:
    """One file, a byte for each port: a descriptor for each would be more than select() takes after some hundred daemons."""
    path = Path(tempfile.gettempdir()) / f"merlon-test-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _reserve(port: int) -> bool:
    if port in _mine:
        return False
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    _mine.add(port)
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


def free_neighbours() -> int:
    """The first of two ports side by side, both of them this process's."""
    while True:
        port = free_port()
        if _is_free(port + 1) and _reserve(port + 1):
            return port
