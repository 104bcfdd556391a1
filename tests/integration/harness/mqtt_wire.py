# SPDX-License-Identifier: Apache-2.0
"""MQTT 3.1.1 and 5.0 packets, written from the specifications and apart from our C code. For what stock clients hide:
reason codes, properties, sizes, packets that no good client sends."""
from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, \
    DISCONNECT, AUTH = range(1, 16)

# MQTT 5.0 2.2.2.2: identifier, name, type
_PROPERTIES = {
    0x01: ("payload_format", "u8"), 0x02: ("message_expiry", "u32"), 0x03: ("content_type", "text"),
    0x08: ("response_topic", "text"), 0x09: ("correlation_data", "bytes"), 0x0B: ("subscription_id", "varint"),
    0x11: ("session_expiry", "u32"), 0x12: ("assigned_client_id", "text"), 0x13: ("server_keep_alive", "u16"),
    0x15: ("auth_method", "text"), 0x16: ("auth_data", "bytes"), 0x17: ("request_problem_info", "u8"),
    0x18: ("will_delay", "u32"), 0x19: ("request_response_info", "u8"), 0x1A: ("response_info", "text"),
    0x1C: ("server_reference", "text"), 0x1F: ("reason_string", "text"), 0x21: ("receive_maximum", "u16"),
    0x22: ("topic_alias_maximum", "u16"), 0x23: ("topic_alias", "u16"), 0x24: ("maximum_qos", "u8"),
    0x25: ("retain_available", "u8"), 0x26: ("user", "pair"), 0x27: ("maximum_packet_size", "u32"),
    0x28: ("wildcard_available", "u8"), 0x29: ("subscription_id_available", "u8"), 0x2A: ("shared_available", "u8"),
}
_NUMBERS = {"u8": "!B", "u16": "!H", "u32": "!I"}
_REPEATED = {"user", "subscription_id"}


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def blob(data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("!H", len(data)) + data


class Reader:
    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise ValueError("packet ends early")
        self._at += count
        return self._data[self._at - count:self._at]

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.number("!B")
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def blob(self) -> bytes:
        return self.take(self.number("!H"))

    def rest(self) -> bytes:
        return self.take(len(self._data) - self._at)

    def __bool__(self) -> bool:
        return self._at < len(self._data)


def _property(identifier: int, kind: str, value: Any) -> bytes:
    if kind in _NUMBERS:
        data = struct.pack(_NUMBERS[kind], value)
    elif kind == "varint":
        data = varint(value)
    elif kind == "pair":
        data = blob(value[0]) + blob(value[1])
    else:
        data = blob(value)
    return bytes([identifier]) + data


def properties(values: dict[str, Any]) -> bytes:
    """With their length in front. "user" is a list of pairs."""
    out = b""
    for identifier, (name, kind) in _PROPERTIES.items():
        if name in values:
            each = values[name] if name == "user" else [values[name]]
            out += b"".join(_property(identifier, kind, value) for value in each)
    return varint(len(out)) + out


def read_properties(r: Reader) -> dict[str, Any]:
    inner, found = Reader(r.take(r.varint())), {}
    while inner:
        name, kind = _PROPERTIES[inner.number("!B")]
        value: Any
        if kind in _NUMBERS:
            value = inner.number(_NUMBERS[kind])
        elif kind == "varint":
            value = inner.varint()
        elif kind == "pair":
            value = (inner.blob().decode(), inner.blob().decode())
        else:
            value = inner.blob()
            value = value.decode() if kind == "text" else value
        if name in _REPEATED:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ValueError(f"property {name} twice")
        else:
            found[name] = value
    return found


def packet(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


@dataclass
class Will:
    topic: str
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    properties: dict[str, Any] = field(default_factory=dict)


def connect(version: int, client_id: str, clean: bool = True, keep_alive: int = 60, will: Will | None = None,
            user: str | None = None, password: bytes | None = None, props: dict[str, Any] | None = None) -> bytes:
    flags = clean << 1 | (user is not None) << 7 | (password is not None) << 6
    body = blob(client_id)
    if will is not None:
        flags |= 0x04 | will.qos << 3 | will.retain << 5
        body += (properties(will.properties) if version == 5 else b"") + blob(will.topic) + blob(will.payload)
    body += (blob(user) if user is not None else b"") + (blob(password) if password is not None else b"")
    head = blob("MQTT") + bytes([version, flags]) + struct.pack("!H", keep_alive)
    return packet(CONNECT, head + (properties(props or {}) if version == 5 else b"") + body)


def publish(version: int, topic: str, payload: bytes, qos: int = 0, retain: bool = False, packet_id: int = 0,
            dup: bool = False, props: dict[str, Any] | None = None) -> bytes:
    body = blob(topic) + (struct.pack("!H", packet_id) if qos else b"")
    body += (properties(props or {}) if version == 5 else b"") + payload
    return packet(PUBLISH, body, dup << 3 | qos << 1 | retain)


def ack(kind: int, packet_id: int) -> bytes:
    return packet(kind, struct.pack("!H", packet_id), 2 if kind == PUBREL else 0)


def subscribe(version: int, packet_id: int, filters: list[tuple[str, int]], props: dict[str, Any] | None = None) -> bytes:
    """Each with its options byte: the QoS, and in 5.0 also no-local (4), retain as published (8), retain handling (16)."""
    body = struct.pack("!H", packet_id) + (properties(props or {}) if version == 5 else b"")
    return packet(SUBSCRIBE, body + b"".join(blob(name) + bytes([options]) for name, options in filters), 2)


def unsubscribe(version: int, packet_id: int, filters: list[str]) -> bytes:
    body = struct.pack("!H", packet_id) + (properties({}) if version == 5 else b"")
    return packet(UNSUBSCRIBE, body + b"".join(blob(name) for name in filters), 2)


def disconnect(version: int, reason: int = 0, props: dict[str, Any] | None = None) -> bytes:
    if version != 5 or (reason == 0 and not props):
        return packet(DISCONNECT)
    return packet(DISCONNECT, bytes([reason]) + properties(props or {}))


def auth(reason: int, props: dict[str, Any] | None = None) -> bytes:
    return packet(AUTH, bytes([reason]) + properties(props or {}))


@dataclass
class Received:
    """A packet from the server. Members that the packet does not have keep their defaults."""

    kind: int
    flags: int
    size: int  # in bytes on the wire
    reason: int = 0
    codes: list[int] = field(default_factory=list)
    props: dict[str, Any] = field(default_factory=dict)
    session_present: bool = False
    packet_id: int = 0
    topic: str = ""
    payload: bytes = b""

    @property
    def qos(self) -> int:
        return self.flags >> 1 & 3

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    @property
    def dup(self) -> bool:
        return bool(self.flags & 8)


def _read_connack(p: Received, r: Reader, version: int) -> None:
    p.session_present = bool(r.number("!B") & 1)
    p.reason = r.number("!B")
    if version == 5:
        p.props = read_properties(r)


def _read_publish(p: Received, r: Reader, version: int) -> None:
    p.topic = r.blob().decode()
    p.packet_id = r.number("!H") if p.qos else 0
    if version == 5:
        p.props = read_properties(r)
    p.payload = r.rest()


def _read_ack(p: Received, r: Reader, _version: int) -> None:
    p.packet_id = r.number("!H")
    if r:
        p.reason = r.number("!B")
    if r:
        p.props = read_properties(r)


def _read_suback(p: Received, r: Reader, version: int) -> None:
    p.packet_id = r.number("!H")
    if version == 5:
        p.props = read_properties(r)
    p.codes = list(r.rest())


def _read_disconnect(p: Received, r: Reader, _version: int) -> None:
    if r:
        p.reason = r.number("!B")
    if r:
        p.props = read_properties(r)


_READERS = {CONNACK: _read_connack, PUBLISH: _read_publish, PUBACK: _read_ack, PUBREC: _read_ack, PUBREL: _read_ack,
            PUBCOMP: _read_ack, SUBACK: _read_suback, UNSUBACK: _read_suback, DISCONNECT: _read_disconnect,
            AUTH: _read_disconnect}


def read(first: int, body: bytes, version: int) -> Received:
    found = Received(first >> 4, first & 15, 1 + len(varint(len(body))) + len(body))
    r = Reader(body)
    if found.kind in _READERS:
        _READERS[found.kind](found, r, version)
    if r:
        raise ValueError(f"packet of type {found.kind} has bytes behind its end")
    return found
