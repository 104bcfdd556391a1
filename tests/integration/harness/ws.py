# SPDX-License-Identifier: Apache-2.0
"""WebSocket by bytes: every frame is the test's, also those that break RFC 6455; and MQTT over it."""
from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .ca import Identity
from .client import TLS_1_3, tls_context
from .mqtt import Mqtt
from .waiting import DEADLINE_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    opcode: int
    fin: bool
    payload: bytes

    @property
    def code(self) -> int | None:
        """Of a Close."""
        return struct.unpack(">H", self.payload[:2])[0] if self.payload else None


def frame(opcode: int, payload: bytes = b"", fin: bool = True, masked: bool = True) -> bytes:
    mask = os.urandom(4)
    size = len(payload)
    flag = 0x80 if masked else 0
    if size < 126:
        length = bytes([flag | size])
    elif size < 65536:
        length = bytes([flag | 126]) + struct.pack(">H", size)
    else:
        length = bytes([flag | 127]) + struct.pack(">Q", size)
    body = mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if masked else payload
    return bytes([(0x80 if fin else 0) | opcode]) + length + body


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class WebSocket:
    """A connected TLS socket, before and after the upgrade."""

    socket: ssl.SSLSocket
    buffer: bytes = b""

    # --- HTTP

    def ask(self, path: str = "/mqtt", method: str = "GET", **changed: str | None) -> Answer:
        """A request that is right but for the headers that changed; None leaves one out. (Names with _ for -.)"""
        self.key = base64.b64encode(os.urandom(16)).decode()
        headers: dict[str, str | None] = {
            "Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": self.key, "Sec-WebSocket-Protocol": "mqtt"}
        headers.update({name.replace("_", "-"): value for name, value in changed.items()})
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value is not None)]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return self.answer()

    def answer(self) -> Answer:
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Answer(int(lines[0].split(" ")[1]), headers, self.take(int(headers.get("content-length", "0"))))

    def upgrade(self) -> WebSocket:
        answer = self.ask()
        assert answer.status == 101, answer
        accept = base64.b64encode(hashlib.sha1((self.key + GUID).encode()).digest()).decode()
        assert answer.headers["sec-websocket-accept"] == accept
        assert answer.headers["sec-websocket-protocol"] == "mqtt"
        return self

    # --- frames

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def frame(self, timeout_s: float = DEADLINE_S) -> Frame:
        """The next one. ConnectionError: there is none any more."""
        self.socket.settimeout(timeout_s)
        first, second = self.take(2)
        assert second & 0x80 == 0, "a server does not mask"
        assert first & 0x70 == 0
        size = second
        if size == 126:
            size = struct.unpack(">H", self.take(2))[0]
            assert size > 125
        elif size == 127:
            size = struct.unpack(">Q", self.take(8))[0]
            assert size > 65535
        return Frame(first & 0xF, first & 0x80 != 0, self.take(size))

    def close_code(self) -> int | None:
        """Waits for Close, passing over what comes before it, and for the end behind it."""
        found = self.frame()
        while found.opcode != CLOSE:
            found = self.frame()
        assert self.is_over(), "something stands behind Close"
        return found.code

    def is_over(self) -> bool:
        try:
            return self.buffer == b"" and self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self._more()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _more(self) -> None:
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("end of stream")
        self.buffer += more

    def __enter__(self) -> WebSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def dial(port: int, root: Path, identity: Identity | None, context: ssl.SSLContext | None = None) -> WebSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    context = context or tls_context(root, identity, TLS_1_3)
    return WebSocket(context.wrap_socket(plain, server_hostname="127.0.0.1"))


@dataclass
class _Stream:
    """What harness.mqtt wants of a socket. pieces: how many bytes go into a frame; 0: all of a call."""

    ws: WebSocket
    pieces: int = 0
    left: bytes = field(default=b"")

    def _frames(self, data: bytes) -> Iterable[bytes]:
        if not self.pieces:
            yield frame(BINARY, data)
            return
        for at in range(0, len(data), self.pieces):
            last = at + self.pieces >= len(data)
            yield frame(CONTINUATION if at else BINARY, data[at:at + self.pieces], fin=last)

    def sendall(self, data: bytes) -> None:
        self.ws.send(*self._frames(data))

    def recv(self, _size: int) -> bytes:
        while not self.left:
            found = self.ws.frame(self.ws.socket.gettimeout() or DEADLINE_S)
            if found.opcode == CLOSE:
                return b""
            if found.opcode == PING:
                self.ws.send(frame(PONG, found.payload))
            elif found.opcode == BINARY:
                self.left = found.payload
        taken, self.left = self.left, b""
        return taken

    def settimeout(self, timeout_s: float) -> None:
        self.ws.socket.settimeout(timeout_s)

    def close(self) -> None:
        self.ws.socket.close()


class MqttOverWs(Mqtt):
    """harness.mqtt over a WebSocket."""

    def __init__(self, port: int, root: Path, identity: Identity | None, pieces: int = 0, **options):
        super().__init__(port, root, identity, **options)
        self.ws = WebSocket(self.socket).upgrade()
        self.socket = _Stream(self.ws, pieces)
