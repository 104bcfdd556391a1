# SPDX-License-Identifier: Apache-2.0
"""Free ports on loopback, never the same one twice in a process."""
import random
import socket

# Below the kernel's ephemeral range, so that no outgoing connection takes the port before its owner listens.
_LOWEST, _HIGHEST = 12000, 32000
_random = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    while True:
        port = _random.randint(_LOWEST, _HIGHEST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
