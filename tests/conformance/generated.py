# SPDX-License-Identifier: Apache-2.0
"""Cases that a rule makes: every property in every packet, every text field, every header flag, every place to cut a packet.
A rule is a table here; what it makes is written in the language of *.case (`tools/mqtt-conformance --generated` prints it)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cases import PROPERTIES, Case, parse

# What a client may send where (MQTT 5.0 2.2.2.2), with a good value.
GOOD = {
    "PayloadFormat": "01", "MessageExpiry": "00000e10", "ContentType": 's"x"', "ResponseTopic": 's"x"',
    "CorrelationData": 's"x"', "SubscriptionIdentifier": "01", "SessionExpiry": "00000001", "AssignedClientIdentifier": 's"x"',
    "ServerKeepAlive": "000a", "AuthenticationMethod": 's"x"', "AuthenticationData": 's"x"', "RequestProblemInformation": "01",
    "WillDelay": "00000001", "RequestResponseInformation": "01", "ResponseInformation": 's"x"', "ServerReference": 's"x"',
    "ReasonString": 's"x"', "ReceiveMaximum": "0001", "TopicAliasMaximum": "0001", "TopicAlias": "0001", "MaximumQoS": "01",
    "RetainAvailable": "01", "UserProperty": 's"a" s"b"', "MaximumPacketSize": "00001000", "WildcardSubscriptionAvailable": "01",
    "SubscriptionIdentifierAvailable": "01", "SharedSubscriptionAvailable": "01",
}
MESSAGE = {"PayloadFormat", "MessageExpiry", "ContentType", "ResponseTopic", "CorrelationData", "UserProperty"}
REASON = {"ReasonString", "UserProperty"}
# Values that the type allows and the property does not, with the reason code.
BAD = {
    "PayloadFormat": [("02", "82")], "RequestProblemInformation": [("02", "82"), ("ff", "82")],
    "RequestResponseInformation": [("02", "82")], "ReceiveMaximum": [("0000", "82")], "MaximumPacketSize": [("00000000", "82")],
    "TopicAlias": [("0000", "94")], "SubscriptionIdentifier": [("00", "82"), ("8000", "81"), ("ffffffff01", "81")],
    "ResponseTopic": [('s"a/#"', "82"), ('s"+"', "82"), ('s""', "82")],
}
REPEATED = {"UserProperty"}  # MQTT 5.0 3.1.2.11.8; a client may repeat no other


@dataclass
class Place:
    """A packet of a client with a place for properties."""

    name: str
    allowed: set[str]
    send: str  # {props} is the block, brackets included
    accepted: list[str]  # what comes then
    connects: bool = False  # it is the CONNECT itself
    one_sided: tuple[str, ...] = ()  # allowed in this packet, from a server only: a protocol error

    def steps(self, props: str, code: str) -> Iterator[str]:
        """One try on a connection of its own. code: of the refusal, empty when the packet is fine."""
        yield "A tls" if self.connects else "A hello"
        yield f"A > {self.send.replace('{props}', props)}"
        if not code:
            yield from self.accepted
        elif self.connects:
            yield f"A refused {code}"
        else:
            yield f"A ends {code}"


PLACES = [
    Place("CONNECT", {"SessionExpiry", "AuthenticationMethod", "AuthenticationData", "RequestProblemInformation",
                      "RequestResponseInformation", "ReceiveMaximum", "TopicAliasMaximum", "MaximumPacketSize", "UserProperty"},
          'CONNECT: s"MQTT" 05 02 003c {props} s"{A}"', ["A < CONNACK: 00 00 P{}", "A bye"], connects=True),
    Place("will of CONNECT", MESSAGE | {"WillDelay"}, 'CONNECT: s"MQTT" 05 06 003c [] s"{A}" {props} s"{t}" s"x"',
          ["A < CONNACK: 00 00 P{}", "A bye"], connects=True),
    Place("PUBLISH", MESSAGE | {"TopicAlias"}, 'PUBLISH: s"{t}" {props} "x"', ["A quiet"], one_sided=("SubscriptionIdentifier",)),
    Place("PUBACK", REASON, "PUBACK: 0007 00 {props}", ["A quiet"]),
    Place("PUBREC", REASON, "PUBREC: 0007 00 {props}", ["A < PUBREL: 0007 92 P{}"]),
    Place("PUBREL", REASON, "PUBREL: 0007 00 {props}", ["A < PUBCOMP: 0007 92 P{}"]),
    Place("PUBCOMP", REASON, "PUBCOMP: 0007 00 {props}", ["A quiet"]),
    Place("SUBSCRIBE", {"SubscriptionIdentifier", "UserProperty"}, 'SUBSCRIBE: 0001 {props} s"{t}" 00', ["A < SUBACK: 0001 P{} 00"]),
    Place("UNSUBSCRIBE", {"UserProperty"}, 'UNSUBSCRIBE: 0001 {props} s"{t}"', ["A < UNSUBACK: 0001 P{} 11"]),
    Place("DISCONNECT", REASON | {"SessionExpiry"}, "DISCONNECT: 00 {props}", ["A closed"], one_sided=("ServerReference",)),
    # Without a method in CONNECT the best AUTH is refused, but with another code than one that cannot be read.
    Place("AUTH", REASON | {"AuthenticationMethod", "AuthenticationData"}, "AUTH: 18 {props}", ["A ends 82"]),
]


def tries(place: Place, name: str) -> Iterator[str]:
    value = f"{name} {GOOD[name]}"
    with_it = {"AuthenticationData": 'AuthenticationMethod s"x" '}.get(name, "")
    if place.name == "AUTH" and name != "AuthenticationMethod":
        with_it = 'AuthenticationMethod s"x" '
    if name not in place.allowed:
        yield from place.steps(f"[ {with_it}{value} ]", "82" if name in place.one_sided else "81")
        return
    fine = {"AuthenticationMethod": "8c", "AuthenticationData": "8c"}.get(name, "") if place.connects else ""
    if name == "SessionExpiry" and place.name == "DISCONNECT":
        value = f"{name} 00000000"  # what CONNECT did not keep cannot be kept now
    yield from place.steps(f"[ {with_it}{value} ]", fine)
    yield from place.steps(f"[ {with_it}{value} {value} ]", fine if name in REPEATED else "82")
    for bad, code in BAD.get(name, []):
        yield from place.steps(f"[ {with_it}{name} {bad} ]", code)
    if PROPERTIES[name][1] in ("text", "pair"):
        for text in NO_TEXT:
            yield from place.steps(f'[ {with_it}{name} s"{text}"{SECOND[PROPERTIES[name][1]]} ]', "81")
    if PROPERTIES[name][1] == "pair":
        yield from place.steps(f'[ {with_it}{name} s"a" s"{NO_TEXT[0]}" ]', "81")
    yield from place.steps(f"[ {with_it}{CUT[PROPERTIES[name][1]].replace('NAME', name)} ]", "81")


SECOND = {"text": "", "pair": ' s"b"'}
CUT = {"u8": "NAME", "u16": "NAME 00", "u32": "NAME 000000", "varint": "NAME 80", "text": 'NAME 0002 "x"',
       "bytes": 'NAME 0002 "x"', "pair": 'NAME s"a" 0002 "b"'}

# MQTT 5.0 1.5.4, RFC 3629: surrogates, U+0000, encodings longer than needed, beyond U+10FFFF, bytes that are none
NO_TEXT = [r"\xed\xa0\x80", r"a\xed\xbf\xbfb", r"\x00", r"a\x00b", r"\xc0\x80", r"\xc1\xbf", r"\xe0\x80\xaf", r"\xe0\x9f\xbf",
           r"\xf0\x80\x80\xaf", r"\xf0\x8f\xbf\xbf", r"\xf4\x90\x80\x80", r"\xf8\x88\x80\x80\x80", r"\xff", r"\xfe", r"\x80",
           r"a\xe2\x82", r"\xc3"]


def property_cases() -> Iterator[str]:
    for place in PLACES:
        for name in PROPERTIES:
            yield f"=== {name} in {place.name}"
            ids = {"UserProperty": "1.5.7-1 ", "ResponseTopic": "3.3.2-13 3.3.2-14 ", "TopicAlias": "3.3.2-8 ",
                   "ContentType": "3.3.2-19 ", "SubscriptionIdentifier": "3.3.4-6 "}.get(name, "")
            yield f"MQTT 5.0: {ids if name in place.allowed or name in place.one_sided else ''}4.13.1-1 1.5.4-1 1.5.4-2"
            yield from tries(place, name)
        yield f"=== unknown properties and broken lengths in {place.name}"
        yield "MQTT 5.0: 2.2.2-1 4.13.1-1 1.5.5-1"
        for unknown in ("00", "04", "2b", "7f", "8001 00", "ff7f 00"):
            yield from place.steps(f"[ {unknown} ]", "81")
        yield from place.steps("7f", "81")  # longer than the packet
        yield from place.steps("8000", "81")  # a length of 0 in two bytes
        yield from place.steps("ffffffff01", "81")
        yield from place.steps("[ 8126 0001 00 ]", "81")  # the identifier in two bytes


TEXT_FIELDS = [
    # name, packet, is it CONNECT, statements of 5.0 and 3.1.1
    ("client identifier", 's"MQTT" 5:05 3:04 02 003c P[] TEXT', True, "3.1.3-4", "3.1.3-4"),
    ("will topic", 's"MQTT" 5:05 3:04 06 003c P[] s"{A}" P[] TEXT s"x"', True, "3.1.3-11", "3.1.3-10"),
    ("user name", 's"MQTT" 5:05 3:04 82 003c P[] s"{A}" TEXT', True, "3.1.3-12", "3.1.3-11"),
    ("topic name", 'PUBLISH: TEXT P[] "x"', False, "3.3.2-1 4.7.3-2", "3.3.2-1 4.7.3-2"),
    ("filter of SUBSCRIBE", "SUBSCRIBE: 0001 P[] TEXT 00", False, "3.8.3-1 4.7.3-2", "3.8.3-1 4.7.3-2"),
    ("filter of UNSUBSCRIBE", "UNSUBSCRIBE: 0001 P[] TEXT", False, "3.10.3-1 4.7.3-2", "3.10.3-1 4.7.3-2"),
]


def text_cases() -> Iterator[str]:
    for name, packet, connects, v5, v311 in TEXT_FIELDS:
        yield f"=== text that is none in the {name}"
        yield f"MQTT 5.0: {v5} 1.5.4-1 1.5.4-2"
        yield f"MQTT 3.1.1: {v311} 1.5.3-1 1.5.3-2"
        for text in NO_TEXT:
            field = f's"{text}"'
            if connects:
                yield "A tls"
                yield f"A > CONNECT: {packet.replace('TEXT', field)}"
                yield "A refused 81"
            else:
                yield "A hello"
                yield f"A > {packet.replace('TEXT', field)}"
                yield "A ends 81"


# A good packet of each type, without its first byte.
SAMPLES = {
    "CONNECT": 's"MQTT" 5:05 3:04 02 003c P[] s"{A}"', "PUBACK": "0007", "PUBREC": "0007", "PUBREL": "0007", "PUBCOMP": "0007",
    "SUBSCRIBE": '0001 P[] s"{t}" 00', "UNSUBSCRIBE": '0001 P[] s"{t}"', "PINGREQ": "", "DISCONNECT": "",
}
FLAG_STATEMENTS = {"PUBREL": ("3.6.1-1", "3.6.1-1"), "SUBSCRIBE": ("3.8.1-1", "3.8.1-1"), "UNSUBSCRIBE": ("3.10.1-1", "3.10.1-1"),
                   "DISCONNECT": ("3.14.1-1", "3.14.1-1"), "AUTH": ("3.15.1-1", "")}


def flag_cases() -> Iterator[str]:
    samples = {**SAMPLES, "AUTH": '18 [ AuthenticationMethod s"x" ]'}
    for name, body in samples.items():
        v5, v311 = FLAG_STATEMENTS.get(name, ("", ""))
        good = {"PUBREL": 2, "SUBSCRIBE": 2, "UNSUBSCRIBE": 2}.get(name, 0)
        yield f"=== reserved flags of {name}"
        yield f"MQTT 5.0: {v5} 2.1.3-1"
        if name != "AUTH":
            yield f"MQTT 3.1.1: {v311} 2.2.2-1 2.2.2-2"
        for flags in range(16):
            if flags == good:
                continue
            yield "A tls" if name == "CONNECT" else "A hello"
            yield f"A > {name}.f{flags:x}: {body}"
            yield "A closed" if name == "CONNECT" else "A ends 81"


CUTS = {
    "CONNECT": ['s"MQTT" 5:05 3:04 c6 003c', 'P[ SessionExpiry 00000001 ]', 's"{A}"', "P[ WillDelay 00000001 ]", 's"{t}"',
                's"will"', 's"{app}"', 's"secret"'],
    "SUBSCRIBE": ["0001", "P[ SubscriptionIdentifier 01 ]", 's"{t}"', "01"],
    "UNSUBSCRIBE": ["0001", 'P[ UserProperty s"a" s"b" ]', 's"{t}"'],
    "PUBACK": ["0007"], "PUBREC": ["0007"], "PUBREL": ["0007"], "PUBCOMP": ["0007"],
    "PUBLISH.q1": ['s"{t}"', "0007", "P[ TopicAlias 0001 ]"],
}


def cut_cases() -> Iterator[str]:
    """`cut` ends a packet after so many bytes of its body; the engine counts them."""
    for name, parts in CUTS.items():
        yield f"=== {name} cut short anywhere"
        yield "MQTT 5.0: 4.13.1-1" + (" 3.1.4-1" if name == "CONNECT" else "")
        yield "MQTT 3.1.1: 4.8.0-1" + (" 3.1.4-1" if name == "CONNECT" else "")
        yield f"A cuts {name}: {' '.join(parts)}"
    for name, body in SAMPLES.items():
        if name in ("CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"):
            yield f"=== a byte behind the end of {name}"
            yield "MQTT 5.0: 4.13.1-1"
            yield "MQTT 3.1.1: 4.8.0-1"
            yield "A tls" if name == "CONNECT" else "A hello"
            yield f"A > {name}: {body} 00"
            yield "A refused 81" if name == "CONNECT" else "A ends 81"


def text() -> str:
    return "\n".join([*property_cases(), *text_cases(), *flag_cases(), *cut_cases()])


def generated() -> list[Case]:
    return parse(text(), "generated.py")
