# SPDX-License-Identifier: Apache-2.0
"""What every packet of a server must be, whatever a case expects: each check names the statements that it stands for.
Written from the specifications and apart from our C code."""
from __future__ import annotations

import struct
from dataclasses import dataclass, field

from cases import PROPERTY_NAMES, PROPERTY_TYPES, Differs, property_size, split_properties, take_varint

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH = 2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15
NAMES = {2: "CONNACK", 3: "PUBLISH", 4: "PUBACK", 5: "PUBREC", 6: "PUBREL", 7: "PUBCOMP", 9: "SUBACK", 11: "UNSUBACK",
         13: "PINGRESP", 14: "DISCONNECT", 15: "AUTH"}
FLAGS = {PUBREL: 2}
REASON = {"ReasonString", "UserProperty"}
# MQTT 5.0 2.2.2.2: what a server may send where
MAY_HOLD = {
    CONNACK: REASON | {"SessionExpiry", "AssignedClientIdentifier", "ServerKeepAlive", "AuthenticationMethod", "AuthenticationData",
                       "ResponseInformation", "ServerReference", "ReceiveMaximum", "TopicAliasMaximum", "MaximumQoS",
                       "RetainAvailable", "MaximumPacketSize", "WildcardSubscriptionAvailable",
                       "SubscriptionIdentifierAvailable", "SharedSubscriptionAvailable"},
    PUBLISH: {"PayloadFormat", "MessageExpiry", "ContentType", "ResponseTopic", "CorrelationData", "SubscriptionIdentifier",
              "TopicAlias", "UserProperty"},
    PUBACK: REASON, PUBREC: REASON, PUBREL: REASON, PUBCOMP: REASON, SUBACK: REASON, UNSUBACK: REASON,
    DISCONNECT: REASON | {"ServerReference"},
    AUTH: REASON | {"AuthenticationMethod", "AuthenticationData"},
}
# MQTT 5.0 2.4: the codes a server may send
ACK_CODES = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
CODES = {
    CONNACK: {0, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    PUBACK: ACK_CODES, PUBREC: ACK_CODES, PUBREL: {0, 0x92}, PUBCOMP: {0, 0x92},
    SUBACK: {0, 1, 2, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    UNSUBACK: {0, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    # 0x8C stands in the table of 2.4 and not in that of 3.14.2.1
    DISCONNECT: {0, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
                 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
    AUTH: {0, 0x18},
}
CONNACK_CODES_311 = range(6)
SUBACK_CODES_311 = {0, 1, 2, 0x80}

# Statements that this file holds for every packet of every case.
STATEMENTS = {
    "5.0": ["1.5.4-1", "1.5.4-2", "1.5.5-1", "1.5.7-1", "2.1.3-1", "2.2.1-2", "2.2.1-4", "2.2.2-1", "3.1.2-24", "3.1.2-26",
            "3.1.2-27", "3.1.2-28", "3.1.2-29", "3.2.0-1", "3.2.0-2", "3.2.2-1", "3.2.2-6", "3.2.2-8", "3.3.1-2", "3.3.1-4",
            "3.3.2-1", "3.3.2-2", "3.3.2-8", "3.3.2-11", "3.3.2-13", "3.3.2-14", "3.3.2-19", "3.4.2-1", "3.5.2-1", "3.6.1-1",
            "3.6.2-1", "3.7.2-1", "3.9.3-2", "3.11.3-2", "3.14.0-1", "3.14.2-1", "3.14.2-2", "3.14.4-1", "3.15.1-1", "3.15.2-1",
            "4.3.1-1", "4.7.0-1", "4.7.3-1", "4.7.3-2", "4.12.0-6"],
    "3.1.1": ["1.5.3-1", "1.5.3-2", "2.2.2-1", "2.3.1-4", "2.3.1-5", "3.2.0-1", "3.2.2-4", "3.3.1-2", "3.3.1-4", "3.3.2-1",
              "3.3.2-2", "3.6.1-1", "3.9.3-2", "4.3.1-1", "4.7.1-1", "4.7.3-1", "4.7.3-2"],
}


def ensure(condition: object, what: str) -> None:
    if not condition:
        raise Differs(what)


def check_text(data: bytes, what: str) -> None:
    """[MQTT-1.5.4-1], [MQTT-1.5.4-2]"""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Differs(f"{what} is not UTF-8: {data!r}") from None
    ensure("\0" not in text, f"{what} holds U+0000")


def check_topic(data: bytes, what: str) -> None:
    """[MQTT-3.3.2-2], [MQTT-4.7.3-1]"""
    check_text(data, what)
    ensure(data and b"+" not in data and b"#" not in data, f"{what} is no topic name: {data!r}")


@dataclass
class Session:
    """What the client of a connection said that binds the server, and where the connection stands."""

    version: str
    largest: int = 0  # Maximum Packet Size; 0: any
    alias_maximum: int = 0
    problem_info: bool = True
    response_info: bool = False
    auth_method: bytes = b""
    accepted: bool = False
    answered: bool = False  # CONNACK came
    over: bool = False
    aliases: dict[int, bytes] = field(default_factory=dict)

    def told(self, properties: bytes) -> None:
        """The properties of CONNECT, without their length."""
        for number, value in split_properties(properties):
            name = PROPERTY_NAMES[number]
            if name == "MaximumPacketSize":
                self.largest = struct.unpack("!I", value)[0]
            elif name == "TopicAliasMaximum":
                self.alias_maximum = struct.unpack("!H", value)[0]
            elif name == "RequestProblemInformation":
                self.problem_info = value != b"\0"
            elif name == "RequestResponseInformation":
                self.response_info = value == b"\1"
            elif name == "AuthenticationMethod":
                self.auth_method = value

    def check(self, first: int, length: bytes, body: bytes) -> None:
        kind = first >> 4
        ensure(kind in NAMES, f"packet type {kind} from a server")
        ensure(kind == PUBLISH or first & 15 == FLAGS.get(kind, 0), f"{NAMES[kind]} with flags {first & 15:x}")
        ensure(len(length) == 1 or length[-1] != 0, "remaining length longer than needed")
        ensure(not self.over, f"{NAMES[kind]} after the last packet")
        ensure(not self.largest or 1 + len(length) + len(body) <= self.largest, "packet larger than the client takes")
        ensure(self.version == "5.0" or kind not in (AUTH, DISCONNECT), f"{NAMES[kind]} to a client of 3.1.1")
        self._check_order(kind)
        getattr(self, f"_check_{NAMES[kind].lower()}")(first, body)

    def _check_order(self, kind: int) -> None:
        ensure(kind != CONNACK or not self.answered, "a second CONNACK")
        ensure(self.accepted or kind in (CONNACK, AUTH), f"{NAMES[kind]} before CONNACK")
        ensure(kind != AUTH or self.auth_method, "AUTH to a client that named no method")

    def _properties(self, kind: int, data: bytes) -> tuple[dict[str, bytes], bytes]:
        if self.version != "5.0":
            return {}, data
        size, data = take_varint(data)
        ensure(size <= len(data), "properties run past the end")
        found: dict[str, bytes] = {}
        for number, value in split_properties(data[:size]):
            name = PROPERTY_NAMES[number]
            ensure(name in MAY_HOLD[kind], f"{name} in {NAMES[kind]}")
            ensure(name not in found or name in ("UserProperty", "SubscriptionIdentifier"), f"{name} twice")
            check_value(name, number, value)
            found[name] = value
        ensure(self.problem_info or kind in (PUBLISH, CONNACK, DISCONNECT) or not REASON & set(found),
               f"{NAMES[kind]} explains what nobody asked for")
        return found, data[size:]

    def _check_connack(self, _first: int, body: bytes) -> None:
        ensure(len(body) >= 2 and body[0] <= 1, "CONNACK flags")
        ensure(body[0] == 0 or body[1] == 0, "session present with a refusal")
        ensure(body[1] in (CODES[CONNACK] if self.version == "5.0" else CONNACK_CODES_311), f"CONNACK code {body[1]:#x}")
        found, rest = self._properties(CONNACK, body[2:])
        ensure(not rest, "CONNACK has bytes behind its end")
        ensure(self.response_info or "ResponseInformation" not in found, "response information without a request")
        ensure(self.auth_method or "AuthenticationMethod" not in found, "a method that nobody named")
        ensure(body[1] != 0 or not self.auth_method or found.get("AuthenticationMethod") == self.auth_method, "another method")
        self.answered = True
        self.accepted = body[1] == 0
        self.over = not self.accepted

    def _check_publish(self, first: int, body: bytes) -> None:
        qos = first >> 1 & 3
        ensure(qos <= 2, "QoS 3")
        ensure(qos > 0 or not first & 8, "DUP with QoS 0")
        size = struct.unpack("!H", body[:2])[0]
        topic, body = body[2:2 + size], body[2 + size:]
        if qos:
            ensure(body[:2] != b"\0\0", "packet identifier 0")
            body = body[2:]
        found, _ = self._properties(PUBLISH, body)
        self._check_alias(topic, found)

    def _check_alias(self, topic: bytes, found: dict[str, bytes]) -> None:
        alias = struct.unpack("!H", found.get("TopicAlias", b"\0\0"))[0]
        ensure("TopicAlias" not in found or 0 < alias <= self.alias_maximum, f"topic alias {alias} of {self.alias_maximum}")
        if topic:
            check_topic(topic, "topic")
            if alias:
                self.aliases[alias] = topic
        else:
            ensure(alias in self.aliases, "an alias that was not given before, or no topic at all")

    def topic_of(self, body: bytes) -> bytes:
        """The topic of a PUBLISH that was checked, whether it is there or its alias."""
        size = struct.unpack("!H", body[:2])[0]
        return body[2:2 + size]

    def _check_ack(self, kind: int, body: bytes) -> None:
        ensure(len(body) >= 2 and body[:2] != b"\0\0", "packet identifier")
        if self.version != "5.0":
            ensure(len(body) == 2, "acknowledgement of 3.1.1 with more than an identifier")
            return
        if len(body) > 2:
            ensure(body[2] in CODES[kind], f"{NAMES[kind]} code {body[2]:#x}")
        if len(body) > 3:
            ensure(not self._properties(kind, body[3:])[1], f"{NAMES[kind]} has bytes behind its end")

    def _check_puback(self, _first: int, body: bytes) -> None:
        self._check_ack(PUBACK, body)

    def _check_pubrec(self, _first: int, body: bytes) -> None:
        self._check_ack(PUBREC, body)

    def _check_pubrel(self, _first: int, body: bytes) -> None:
        self._check_ack(PUBREL, body)

    def _check_pubcomp(self, _first: int, body: bytes) -> None:
        self._check_ack(PUBCOMP, body)

    def _codes(self, kind: int, body: bytes) -> bytes:
        ensure(body[:2] != b"\0\0", "packet identifier 0")
        return self._properties(kind, body[2:])[1]

    def _check_suback(self, _first: int, body: bytes) -> None:
        codes = self._codes(SUBACK, body)
        allowed = CODES[SUBACK] if self.version == "5.0" else SUBACK_CODES_311
        ensure(codes and set(codes) <= allowed, f"SUBACK codes {codes.hex()}")

    def _check_unsuback(self, _first: int, body: bytes) -> None:
        codes = self._codes(UNSUBACK, body)
        ensure(bool(codes) == (self.version == "5.0") and set(codes) <= CODES[UNSUBACK], f"UNSUBACK codes {codes.hex()}")

    def _check_pingresp(self, _first: int, body: bytes) -> None:
        ensure(not body, "PINGRESP with a body")

    def _check_disconnect(self, _first: int, body: bytes) -> None:
        ensure(not body or body[0] in CODES[DISCONNECT], f"DISCONNECT code {body[:1].hex()}")
        if len(body) > 1:
            ensure(not self._properties(DISCONNECT, body[1:])[1], "DISCONNECT has bytes behind its end")
        self.over = True

    def _check_auth(self, _first: int, body: bytes) -> None:
        ensure(not body or body[0] in CODES[AUTH], f"AUTH code {body[:1].hex()}")
        found, _ = self._properties(AUTH, body[1:] or b"\0")
        ensure(found.get("AuthenticationMethod") == self.auth_method, "another method than that of CONNECT")


def check_value(name: str, number: int, value: bytes) -> None:
    kind = PROPERTY_TYPES[number]
    if kind == "pair":
        first = property_size("text", value)
        check_text(value[2:first], f"name of {name}")
        check_text(value[first + 2:], f"value of {name}")
    elif name == "ResponseTopic":
        check_topic(value[2:], name)
    elif kind == "text":
        check_text(value[2:], name)
    elif name in ("TopicAlias", "ReceiveMaximum", "MaximumPacketSize", "SubscriptionIdentifier"):
        ensure(any(value), f"{name} is 0")
