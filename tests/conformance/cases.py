# SPDX-License-Identifier: Apache-2.0
"""The cases of *.case and their byte language: README.md. Nothing here talks to a server."""
from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
VERSIONS = {"5.0": 5, "3.1.1": 4}

# MQTT 5.0 2.1.2 with the flags of 2.1.3
PACKETS = {"CONNECT": 0x10, "CONNACK": 0x20, "PUBLISH": 0x30, "PUBACK": 0x40, "PUBREC": 0x50, "PUBREL": 0x62, "PUBCOMP": 0x70,
           "SUBSCRIBE": 0x82, "SUBACK": 0x90, "UNSUBSCRIBE": 0xA2, "UNSUBACK": 0xB0, "PINGREQ": 0xC0, "PINGRESP": 0xD0,
           "DISCONNECT": 0xE0, "AUTH": 0xF0}
PACKET_FLAGS = {"q0": 0, "q1": 2, "q2": 4, "q3": 6, "dup": 8, "retain": 1}

# MQTT 5.0 2.2.2.2: identifier and type
PROPERTIES = {
    "PayloadFormat": (0x01, "u8"), "MessageExpiry": (0x02, "u32"), "ContentType": (0x03, "text"), "ResponseTopic": (0x08, "text"),
    "CorrelationData": (0x09, "bytes"), "SubscriptionIdentifier": (0x0B, "varint"), "SessionExpiry": (0x11, "u32"),
    "AssignedClientIdentifier": (0x12, "text"), "ServerKeepAlive": (0x13, "u16"), "AuthenticationMethod": (0x15, "text"),
    "AuthenticationData": (0x16, "bytes"), "RequestProblemInformation": (0x17, "u8"), "WillDelay": (0x18, "u32"),
    "RequestResponseInformation": (0x19, "u8"), "ResponseInformation": (0x1A, "text"), "ServerReference": (0x1C, "text"),
    "ReasonString": (0x1F, "text"), "ReceiveMaximum": (0x21, "u16"), "TopicAliasMaximum": (0x22, "u16"),
    "TopicAlias": (0x23, "u16"), "MaximumQoS": (0x24, "u8"), "RetainAvailable": (0x25, "u8"), "UserProperty": (0x26, "pair"),
    "MaximumPacketSize": (0x27, "u32"), "WildcardSubscriptionAvailable": (0x28, "u8"),
    "SubscriptionIdentifierAvailable": (0x29, "u8"), "SharedSubscriptionAvailable": (0x2A, "u8"),
}
PROPERTY_TYPES = {number: kind for number, kind in PROPERTIES.values()}
PROPERTY_NAMES = {number: name for name, (number, _) in PROPERTIES.items()}


class Wrong(Exception):
    """A case is not written as README.md says."""


@dataclass
class Case:
    name: str
    file: str
    line: int
    statements: dict[str, list[str]] = field(default_factory=dict)  # by version; a case runs in the versions that are here
    steps: list[tuple[int, str]] = field(default_factory=list)
    missing: str = ""  # why it cannot hold yet

    @property
    def takes_time(self) -> bool:
        return any(re.match(r"([53]\|\s*)?(pause|passed|restart)\b", step) for _, step in self.steps)

    def steps_of(self, version: str) -> Iterator[tuple[int, str]]:
        for line, step in self.steps:
            only = re.match(r"([53])\|\s*", step)
            if only is None:
                yield line, step
            elif version.startswith(only[1]):
                yield line, step[only.end():]


HEADER = re.compile(r"MQTT (5\.0|3\.1\.1):\s*(.*)")


def parse(text: str, file: str) -> list[Case]:
    found: list[Case] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line.startswith("=== "):
            found.append(Case(line[4:], file, number))
        elif not line or line.startswith("#"):
            continue
        elif not found:
            raise Wrong(f"{file}:{number}: a step before the first case")
        elif header := HEADER.fullmatch(line):
            found[-1].statements[header[1]] = [s for s in header[2].split() if s != "-"]
        elif line.startswith("missing: "):
            found[-1].missing = line[9:]
        else:
            found[-1].steps.append((number, line))
    for case in found:
        if not case.statements or not case.steps:
            raise Wrong(f"{file}:{case.line}: no versions or no steps")
    return found


def written() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.case")) for case in parse(path.read_text(encoding="utf-8"), path.name)]


# --- the byte language

TOKEN = re.compile(r"""\s*(?:
    (?P<comment>\#.*)
  | (?P<text>[sb]?"(?:\\.|[^"\\])*")
  | (?P<only>[53]:[0-9a-fA-F]+)
  | (?P<reason>R[0-9a-f]{2}\b)
  | (?P<packet>[A-Z]{4,}(?:\.\w+)*)(?P<colon>:)?
  | (?P<name>[A-Z][A-Za-z]+)
  | (?P<capture><\w+(?::\d+)?>)
  | (?P<open>P\[|P\{|\[|\()
  | (?P<close>[\])}])
  | (?P<times>\*\d+)
  | (?P<any>\.\.)
  | (?P<rest>\*)
  | (?P<mark>[;,!])
  | (?P<hex>(?:[0-9a-fA-F]{2})+\b)
)""", re.VERBOSE)


def tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise Wrong(f"not understood: {text[at:]!r}")
        at = match.end()
        kind = match.lastgroup or ""
        if kind == "comment":
            continue
        if kind == "times":  # of the token before, for its place is among the simple ones
            found[-1] = ("again", f"{match[kind][1:]} {found[-1][0]} {found[-1][1]}")
            continue
        if kind == "colon":
            found.append(("packet", match["packet"]))
            found.append(("colon", ":"))
        else:
            found.append((kind, match[kind]))
    return found


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def packet_byte(token: str) -> int:
    name, *flags = token.split(".")
    if name not in PACKETS:
        raise Wrong(f"no packet called {name}")
    first = PACKETS[name]
    for flag in flags:
        if re.fullmatch(r"f[0-9a-f]", flag):
            first = first & 0xF0 | int(flag[1], 16)
        else:
            first |= PACKET_FLAGS[flag]
    return first


def text_bytes(token: str, names: dict[str, str]) -> bytes:
    quoted = token[token.index('"') + 1:-1]
    filled = re.sub(r"\{(\w+)\}", lambda m: names[m[1]], quoted)
    data = re.sub(rb"\\(x[0-9a-fA-F]{2}|.)", lambda m: bytes([int(m[1][1:], 16)]) if len(m[1]) == 3 else m[1], filled.encode())
    return struct.pack("!H", len(data)) + data if token[0] == "s" else data


@dataclass
class Writer:
    """Bytes to send. names fill {name} in texts, captured fills <name>."""

    version: str
    names: dict[str, str]
    captured: dict[str, bytes] = field(default_factory=dict)

    def bytes(self, text: str) -> bytes:
        out, rest = self._run(tokens(text), "")
        assert not rest
        return out

    def _run(self, todo: list, end: str) -> tuple[bytes, list]:
        out = b""
        while todo:
            kind, token = todo[0]
            todo = todo[1:]
            if kind == "close" or kind == "mark" and token == ";":
                if end and token in end:
                    return out, todo
                raise Wrong(f"unexpected {token}")
            if kind == "open":
                data, todo = self._block(token, todo)
            elif kind == "colon":
                body, todo = self._run(todo, ";")
                data = varint(len(body)) + body
            else:
                data = self._one(kind, token)
            out += data
        if end and ";" not in end:
            raise Wrong(f"{end} is missing")
        return out, todo

    def _block(self, token: str, todo: list) -> tuple[bytes, list]:
        body, todo = self._run(todo, {"(": ")", "P{": "}"}.get(token, "]"))
        if token == "(":
            return struct.pack("!H", len(body)) + body, todo
        if token == "P[" and self.version != "5.0":
            return b"", todo
        return varint(len(body)) + body, todo

    def _one(self, kind: str, token: str) -> bytes:
        if kind == "hex":
            return bytes.fromhex(token)
        if kind == "text":
            return text_bytes(token, self.names)
        if kind == "only":
            return bytes.fromhex(token[2:]) if self.version.startswith(token[0]) else b""
        if kind == "packet":
            return bytes([packet_byte(token)])
        if kind == "name":
            if token not in PROPERTIES:
                raise Wrong(f"no property called {token}")
            return bytes([PROPERTIES[token][0]])
        if kind == "capture":
            return self.captured[token.strip("<>")]
        if kind == "again":
            count, kind, token = token.split(" ", 2)
            return self._one(kind, token) * int(count)
        raise Wrong(f"{token} cannot be sent")


# --- what is expected


def take_varint(data: bytes) -> tuple[int, bytes]:
    value = shift = 0
    for at, byte in enumerate(data[:4]):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[at + 1:]
    raise ValueError("variable byte integer has no end")


def property_size(kind: str, data: bytes) -> int:
    if kind in ("u8", "u16", "u32"):
        return int(kind[1:]) // 8
    if kind == "varint":
        return len(data) - len(take_varint(data)[1])
    first = 2 + struct.unpack("!H", data[:2])[0]
    if kind == "pair":
        return first + 2 + struct.unpack("!H", data[first:first + 2])[0]
    return first


def split_properties(block: bytes) -> list[tuple[int, bytes]]:
    found = []
    while block:
        number, block = block[0], block[1:]
        if number not in PROPERTY_TYPES:
            raise ValueError(f"property {number:#x}")
        size = property_size(PROPERTY_TYPES[number], block)
        if size > len(block):
            raise ValueError(f"property {number:#x} runs past the end")
        found.append((number, block[:size]))
        block = block[size:]
    return found


class Differs(AssertionError):
    """What came is not what the case expects."""


@dataclass
class Matcher:
    """Compares one packet with a pattern."""

    version: str
    names: dict[str, str]
    captured: dict[str, bytes]

    def match(self, pattern: str, first: int, body: bytes) -> None:
        todo = tokens(pattern)
        if len(todo) < 1 or todo[0][0] != "packet":
            raise Wrong("an expectation begins with a packet")
        if packet_byte(todo[0][1]) != first:
            raise Differs(f"first byte {first:02x}")
        todo = todo[2:] if todo[1:2] == [("colon", ":")] else todo[1:]
        rest = self._run(todo, padded(first, body, self.version))
        if rest:
            raise Differs(f"more bytes than expected: {rest.hex(' ')}")

    def _run(self, todo: list, data: bytes) -> bytes:
        while todo:
            kind, token = todo[0]
            todo = todo[1:]
            if kind == "rest":
                return b""
            if kind == "open":
                todo, data = self._block(token, todo, data)
            elif kind == "reason":
                if self.version == "5.0":
                    data = self._properties([], self._literal(bytes.fromhex(token[1:]), data))
            else:
                data = self._one(kind, token, data)
        return data

    def _one(self, kind: str, token: str, data: bytes) -> bytes:
        if kind == "any":
            if not data:
                raise Differs("packet ends early")
            return data[1:]
        if kind == "capture" and ":" in token:
            name, size = token.strip("<>").split(":")
            if len(data) < int(size):
                raise Differs("packet ends early")
            self.captured[name] = data[:int(size)]
            return data[int(size):]
        return self._literal(Writer(self.version, self.names, self.captured)._one(kind, token), data)

    @staticmethod
    def _literal(wanted: bytes, data: bytes) -> bytes:
        if not data.startswith(wanted):
            raise Differs(f"{data[:max(16, len(wanted))].hex(' ')} instead of {wanted.hex(' ')}")
        return data[len(wanted):]

    def _block(self, token: str, todo: list, data: bytes) -> tuple[list, bytes]:
        depth, at = 1, 0
        while depth:
            if at == len(todo):
                raise Wrong(f"{token} has no end")
            depth += {"open": 1, "close": -1}.get(todo[at][0], 0)
            at += 1
        inside, todo = todo[:at - 1], todo[at:]
        if token.startswith("P") and self.version != "5.0":
            return todo, data
        if token == "P{":
            return todo, self._properties(inside, data)
        size, data = (struct.unpack("!H", data[:2])[0], data[2:]) if token == "(" else take_varint(data)
        if self._run(inside, data[:size]):
            raise Differs(f"more than expected in {data[:size].hex(' ')}")
        return todo, data[size:]

    def _properties(self, inside: list, data: bytes) -> bytes:
        size, data = take_varint(data)
        there = split_properties(data[:size])
        for item in split_at_commas(inside):
            absent = item[0] == ("mark", "!")
            kind, name = item[1 if absent else 0]
            if kind != "name":
                raise Wrong(f"{name} is no property")
            values = [value for number, value in there if number == PROPERTIES[name][0]]
            if absent:
                if values:
                    raise Differs(f"has {name} {values[0].hex()}")
            elif not values:
                raise Differs(f"lacks {name}")
            elif len(item) > 1 and not any(self._fits(item[1:], value) for value in values):
                raise Differs(f"{name} is {values}")
        return data[size:]

    def _fits(self, wanted: list, value: bytes) -> bool:
        try:
            return self._run(wanted, value) == b""
        except Differs:
            return False


def split_at_commas(todo: list) -> list[list]:
    found: list[list] = [[]]
    for token in todo:
        if token == ("mark", ","):
            found.append([])
        else:
            found[-1].append(token)
    return [item for item in found if item]


def padded(first: int, body: bytes, version: str) -> bytes:
    """Acknowledgements and DISCONNECT with the reason code and the property length that may be left out."""
    kind = first >> 4
    if version != "5.0" or kind not in (4, 5, 6, 7, 14, 15):
        return body
    head = 0 if kind in (14, 15) else 2
    if len(body) <= head:
        body += b"\0"
    return body + b"\0" if len(body) <= head + 1 else body
