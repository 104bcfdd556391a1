# SPDX-License-Identifier: Apache-2.0
"""Waiting for an event with a deadline, never for a time."""
import os
import socket
import time
from collections.abc import Callable

# Sanitizer builds on a busy machine are slow; a test that waits this long has failed.
DEADLINE_S = float(os.environ.get("MERLON_TEST_DEADLINE_S", "60"))


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {deadline_s:.0f} s")
        time.sleep(0.01)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
