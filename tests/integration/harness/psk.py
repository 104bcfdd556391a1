# SPDX-License-Identifier: Apache-2.0
"""MQTT through `openssl s_client` with a pre-shared key, which Python's own TLS does not offer."""
from __future__ import annotations

import os
import select
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .merlon import Merlon
from .mqtt import Mqtt
from .waiting import DEADLINE_S

SUITE_1_2 = "ECDHE-PSK-CHACHA20-POLY1305"


@dataclass(frozen=True)
class Psk:
    device: str
    identity: str
    key: str  # hexadecimal


def add_psk(merlon: Merlon, device: str, known: bool = False, **wish: str) -> Psk:
    """A key for a device; the device is made when it is not known."""
    if not known:
        merlon.add_device(device)
    made = merlon.api.post(f"/v1/devices/{device}/psks", wish)
    return Psk(device, made["identity"], made["key"])


class _Pipe:
    """As much of a socket as Mqtt needs."""

    def __init__(self, command: list[str], errors: Path):
        self._timeout_s = DEADLINE_S
        with errors.open("ab") as file:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file)

    def settimeout(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def sendall(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def recv(self, most: int) -> bytes:
        if not select.select([self.process.stdout], [], [], self._timeout_s)[0]:
            raise TimeoutError
        return os.read(self.process.stdout.fileno(), most)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class PskMqtt(Mqtt):
    """Use with `with`. What openssl says of the handshake is in `said`."""

    def __init__(self, merlon: Merlon, psk: Psk, tls: str = "tls1_3", *options: str, mqtt: int = 5):
        self.version, self._next_id, self._early, self._buffer = mqtt, 0, [], b""
        self._errors = merlon.folder / "s_client.err"
        self._begin = self._errors.stat().st_size if self._errors.exists() else 0
        suite = ["-cipher", SUITE_1_2] if tls == "tls1_2" else []
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-psk_identity", psk.identity, "-psk", psk.key,
                   f"-{tls}", *suite, "-quiet", *options]
        self.socket: Any = _Pipe(command, self._errors)

    @property
    def said(self) -> str:
        return self._errors.read_bytes()[self._begin:].decode(errors="replace")
