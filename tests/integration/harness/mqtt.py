# SPDX-License-Identifier: Apache-2.0
"""A plain MQTT client of one thread: what is sent and what comes back, packet by packet."""
from __future__ import annotations

import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

from . import mqtt_wire as wire
from .ca import Identity
from .client import TLS_1_3, tls_context
from .waiting import DEADLINE_S


class Closed(Exception):
    """The server ended the connection."""


class Mqtt:
    """Use with `with`. Nothing is acknowledged by itself: a test sends what it means to send."""

    def __init__(self, port: int, root: Path, identity: Identity | None, version: int = 5,
                 tls: ssl.TLSVersion = TLS_1_3, receive_buffer: int = 0, context: ssl.SSLContext | None = None,
                 session: ssl.SSLSession | None = None, source: str = ""):
        self.version = version
        self._next_id = 0
        self._early: list[wire.Received] = []
        self._buffer = b""
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(DEADLINE_S)
        if source:
            plain.bind((source, 0))
        plain.connect(("127.0.0.1", port))
        try:
            self.context = context or tls_context(root, identity, tls)
            self.socket = self.context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)
        except BaseException:
            plain.close()
            raise

    # --- bytes

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ssl.SSLError, ConnectionError) as error:
            raise Closed(str(error)) from None

    def _wait_for(self, count: int) -> None:
        """So many bytes are in the buffer."""
        while len(self._buffer) < count:
            try:
                more = self.socket.recv(65536)
            except (ssl.SSLError, ConnectionError) as error:
                if isinstance(error, TimeoutError):
                    raise
                raise Closed(str(error)) from None
            if not more:
                raise Closed("end of stream")
            self._buffer += more

    def frame(self) -> tuple[int, bytes, bytes]:
        """First byte, remaining length as it stands, and the rest of the next packet. What came of one before a TimeoutError
        stays."""
        start, length = 1, 0
        while start == 1 or self._buffer[start - 1] >= 0x80:
            self._wait_for(start + 1)
            length |= (self._buffer[start] & 0x7F) << 7 * (start - 1)
            start += 1
        self._wait_for(start + length)
        found, self._buffer = self._buffer[:start + length], self._buffer[start + length:]
        return found[0], found[1:start], found[start:]

    def _read(self) -> wire.Received:
        first, _, body = self.frame()
        return wire.read(first, body, self.version)

    # --- packets

    def packet(self, timeout_s: float = DEADLINE_S) -> wire.Received:
        """The next packet of any kind. TimeoutError, Closed."""
        if self._early:
            return self._early.pop(0)
        self.socket.settimeout(timeout_s)
        return self._read()

    def expect(self, kind: int, timeout_s: float = DEADLINE_S) -> wire.Received:
        """The next packet of this kind; PUBLISH packets before it wait for their turn."""
        passed = []
        while True:
            found = self.packet(timeout_s)
            if found.kind == kind:
                self._early = passed + self._early
                return found
            assert found.kind == wire.PUBLISH, f"packet of type {found.kind}, reason {found.reason:#x}, instead of {kind}"
            passed.append(found)

    def message(self, timeout_s: float = DEADLINE_S) -> wire.Received:
        return self.expect(wire.PUBLISH, timeout_s)

    def nothing_comes(self, timeout_s: float = 0.3) -> bool:
        """True when the server is silent up to its answer to a PINGREQ: what it had to say before would be there.
        Messages that take another thread's way get timeout_s more."""
        self.send(wire.packet(wire.PINGREQ))
        if self.packet().kind != wire.PINGRESP:
            return False
        try:
            return self.packet(timeout_s) is None
        except TimeoutError:
            return True

    def next_id(self) -> int:
        self._next_id += 1
        return self._next_id

    # --- exchanges

    def connect(self, client_id: str = "", **options: Any) -> wire.Received:
        self.send(wire.connect(self.version, client_id, **options))
        return self.expect(wire.CONNACK)

    def subscribe(self, *filters: tuple[str, int] | str, **props: Any) -> list[int]:
        listed = [(f, 1) if isinstance(f, str) else f for f in filters]
        number = self.next_id()
        self.send(wire.subscribe(self.version, number, listed, props))
        answer = self.expect(wire.SUBACK)
        assert answer.packet_id == number
        return answer.codes

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False, **props: Any) -> int:
        """Returns when it is acknowledged, with the reason code."""
        number = self.next_id() if qos else 0
        self.send(wire.publish(self.version, topic, payload, qos, retain, number, props=props))
        if qos == 0:
            return 0
        first = self.expect(wire.PUBACK if qos == 1 else wire.PUBREC)
        assert first.packet_id == number
        if qos == 1 or first.reason >= 0x80:
            return first.reason
        self.send(wire.ack(wire.PUBREL, number))
        done = self.expect(wire.PUBCOMP)
        assert (done.packet_id, done.reason) == (number, 0)
        return first.reason

    def acknowledge(self, message: wire.Received) -> None:
        """The whole exchange that the QoS of the message asks for."""
        if message.qos == 1:
            self.send(wire.ack(wire.PUBACK, message.packet_id))
        elif message.qos == 2:
            self.send(wire.ack(wire.PUBREC, message.packet_id))
            released = self.expect(wire.PUBREL)
            assert released.packet_id == message.packet_id
            self.send(wire.ack(wire.PUBCOMP, message.packet_id))

    def receive(self, timeout_s: float = DEADLINE_S) -> wire.Received:
        """The next message, acknowledged."""
        message = self.message(timeout_s)
        self.acknowledge(message)
        return message

    def ends(self, timeout_s: float = DEADLINE_S) -> int | None:
        """Waits for the end of the connection. Gives the reason of DISCONNECT, None when there was none."""
        reason = None
        try:
            while True:
                found = self.packet(timeout_s)
                if found.kind == wire.DISCONNECT:
                    reason = found.reason
        except Closed:
            return reason

    def cut(self) -> None:
        """As a device loses its network: no DISCONNECT, no close_notify."""
        self.socket.close()

    def close(self) -> None:
        try:
            self.socket.sendall(wire.disconnect(self.version))
        except (OSError, ValueError):
            pass  # it is over already
        self.socket.close()

    def __enter__(self) -> Mqtt:
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()
