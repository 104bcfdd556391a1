# SPDX-License-Identifier: Apache-2.0
"""Plays the cases of tests/conformance against a running daemon, byte by byte over mutual TLS."""
from __future__ import annotations

import re
import socket
import ssl
import struct
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .client import TLS_1_2, TLS_1_3, tls_context
from .merlon import Merlon
from .mqtt import Closed, Mqtt
from .process import ROOT
from .stopwatch import Stopwatch
from .waiting import DEADLINE_S
from .ws import MqttOverWs

sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from cases import Case, Differs, Matcher, Writer, Wrong, take_varint, varint  # noqa: E402
from strict import Session  # noqa: E402


@dataclass
class Link:
    """One connection of a case."""

    mqtt: Mqtt
    session: Session
    passed: list[tuple[int, bytes]] = field(default_factory=list)  # read while another was looked for

    def read(self) -> tuple[int, bytes]:
        """The next packet, which must be one that a server may send."""
        return self.passed.pop(0) if self.passed else self.receive()

    def receive(self) -> tuple[int, bytes]:
        self.mqtt.socket.settimeout(DEADLINE_S)
        first, length, body = self.mqtt.frame()
        self.session.check(first, length, body)
        return first, body


@dataclass
class Door:
    """The daemon, and who may connect: A is an application that may do all, D the device "sensor"."""

    merlon: Merlon
    suffix: str  # of their names

    def __post_init__(self) -> None:
        who = {"A": self.merlon.application(f"conform{self.suffix}", publish=("#",), subscribe=("#",)),
               "D": self.merlon.device(f"sensor{self.suffix}")}
        self.who = who
        self._contexts = {(letter, tls): tls_context(self.merlon.root, identity, tls)
                          for letter, identity in who.items() for tls in (TLS_1_2, TLS_1_3)}

    def connect(self, letter: str, version: int, tls: ssl.TLSVersion) -> Mqtt:
        return self._open(Mqtt, self.merlon.mqtt_port, letter, version, tls)

    def _open(self, how: type[Mqtt], port: int, letter: str, version: int, tls: ssl.TLSVersion, **options) -> Mqtt:
        return how(port, self.merlon.root, self.who[letter], version=version, context=self._contexts[letter, tls], **options)

    def restart(self, down_s: float) -> None:
        self.merlon.kill()
        time.sleep(down_s)
        self.merlon.start()


def transport(mqtt: Mqtt) -> ssl.SSLSocket:
    """The TLS connection below, with or without a WebSocket on it."""
    return mqtt.ws.socket if isinstance(mqtt, MqttOverWs) else mqtt.socket


class WebSocketDoor(Door):
    """The same over WebSocket on the HTTPS port, every packet in frames of a few bytes."""

    def connect(self, letter: str, version: int, tls: ssl.TLSVersion) -> Mqtt:
        return self._open(MqttOverWs, self.merlon.enrolment_port, letter, version, tls, pieces=5)


def letter_of(name: str) -> str:
    return "D" if name.startswith("D") else "A"


@dataclass
class Player:
    """One case in one version."""

    case: Case
    version: str
    tag: str
    door: Door
    links: dict[str, Link] = field(default_factory=dict)
    captured: dict[str, bytes] = field(default_factory=dict)
    marked: float = 0.0
    watch: Stopwatch | None = None
    at_the_end: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.names = {"t": f"c/{self.tag}", "n": self.tag}
        self.names.update(app=self.door.who["A"].name, device=self.door.who["D"].name)
        for letter in "ABCDE":
            self.names[letter] = f"{self.tag}{letter}"

    def play(self) -> None:
        try:
            for line, step in self.case.steps_of(self.version):
                try:
                    self._step(step)
                except (Differs, Wrong, Closed, TimeoutError, ValueError, KeyError) as error:
                    raise AssertionError(f"{self.case.file}:{line}: {step}\n  MQTT {self.version}: {error!r}") from None
        finally:
            self.at_the_end.close()
            for link in self.links.values():
                link.mqtt.socket.close()

    def _step(self, step: str) -> None:
        word, _, rest = step.partition(" ")
        if word == "mark":
            self.marked, self.watch = time.monotonic(), self.at_the_end.enter_context(Stopwatch())
        elif word == "passed":
            self._passed(rest)
        elif word == "pause":
            time.sleep(float(rest))
        elif word == "restart":
            self.door.restart(down_s=float(rest or 0))
        else:
            verb, _, rest = rest.strip().partition(" ")
            getattr(self, VERBS[verb])(word, rest.strip())

    def _passed(self, rest: str) -> None:
        least, most = (float(limit) for limit in rest.split(".."))
        gone = time.monotonic() - self.marked
        if gone < least or self.watch.passed > most:
            raise Differs(f"{gone:.2f} s went by, {self.watch.passed:.2f} s of them ours")

    def _writer(self) -> Writer:
        return Writer(self.version, self.names, self.captured)

    def _read(self, name: str) -> tuple[int, bytes]:
        return self.links[name].read()

    def _expect(self, name: str, pattern: str) -> None:
        first, body = self._read(name)
        try:
            Matcher(self.version, self.names, self.captured).match(pattern, first, body)
        except Differs as error:
            raise Differs(f"{error}\n  got {first:02x} | {body.hex(' ')} {body!r}") from None

    def _find(self, name: str, pattern: str) -> None:
        """The packet, whatever comes before it: that waits for its turn."""
        link, passed = self.links[name], []
        while True:
            first, body = link.read()
            try:
                Matcher(self.version, self.names, self.captured).match(pattern, first, body)
            except Differs:
                passed.append((first, body))
                continue
            link.passed = passed + link.passed
            return

    # --- verbs

    def _tls(self, name: str, tls: str) -> None:
        old = self.links.pop(name, None)
        if old is not None:
            old.mqtt.socket.close()
        mqtt = self.door.connect(letter_of(name), 5 if self.version == "5.0" else 4, TLS_1_2 if tls == "1.2" else TLS_1_3)
        self.links[name] = Link(mqtt, Session(self.version))

    def _send(self, name: str, rest: str) -> None:
        data = self._writer().bytes(rest)
        self._note_connect(name, data)
        self.links[name].mqtt.send(data)

    def _note_connect(self, name: str, data: bytes) -> None:
        """What a well-formed CONNECT of 5.0 says binds the server from then on."""
        if data[:1] != b"\x10" or b"MQTT\x05" not in data[:11]:
            return
        after = data[data.index(b"MQTT") + 8:]
        try:
            size, rest = take_varint(after)
            self.links[name].session.told(rest[:size])
        except (ValueError, IndexError, struct.error):
            pass  # what a case made wrong on purpose binds nobody

    def _hello(self, name: str, rest: str) -> None:
        self._enter(name, rest, "00")

    def _back(self, name: str, rest: str) -> None:
        self._enter(name, rest, "01")

    def _enter(self, name: str, rest: str, present: str) -> None:
        flags, keep = "02", "003c"
        if found := re.match(r"([0-9a-f]{2})(\s+|$)", rest):
            flags, rest = found[1], rest[found.end():]
        elif present == "01":
            flags = "00"
        if found := re.match(r"keep=([0-9a-f]{4})(\s+|$)", rest):
            keep, rest = found[1], rest[found.end():]
        props, rest = self._cut_properties(rest)
        self._tls(name, "")
        level = "05" if self.version == "5.0" else "04"
        client = f's"{{{name[0]}}}"' if name[0] in self.names else 's""'
        self._send(name, f'CONNECT: s"MQTT" {level} {flags} {keep} {props} {client} {rest}')
        self._expect(name, f"CONNACK: {present} 00 P{{}}")

    @staticmethod
    def _cut_properties(rest: str) -> tuple[str, str]:
        if not rest.startswith("P["):
            return "P[]", rest
        end = rest.index("]") + 1
        return rest[:end], rest[end:]

    def _closed(self, name: str, _rest: str) -> None:
        try:
            first, body = self._read(name)
        except Closed:
            return
        raise Differs(f"got {first:02x} | {body.hex(' ')} instead of the end")

    def _ends(self, name: str, reason: str) -> None:
        if self.version == "5.0":
            self._expect(name, f"DISCONNECT: {reason} P{{}}")
        self._closed(name, "")

    def _refused(self, name: str, codes: str) -> None:
        """CONNACK of 5.0, then of 3.1.1 where it has one."""
        code, *old = codes.split()
        if self.version == "5.0":
            self._expect(name, f"CONNACK: 00 {code} P{{}}")
        elif old:
            self._expect(name, f"CONNACK: 00 {old[0]}")
        self._closed(name, "")

    def _proves(self, name: str, behind: str) -> None:
        """AUTH with the proof that docs/operate/mqtt.md describes, for the captured nonce. It needs TLS 1.2, as Python's ssl
        has no exporter."""
        identity = self.door.who[letter_of(name)]
        key = serialization.load_pem_private_key(identity.key.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
        binding = transport(self.links[name].mqtt).get_channel_binding("tls-unique")
        signature = key.sign(b"MERLON-KEY-PROOF-1\0" + binding + self.captured["nonce"], ec.ECDSA(hashes.SHA256()))
        self.captured["proof"] = struct.pack("!H", len(certificate)) + certificate + signature
        self._send(name, 'AUTH: 18 [ AuthenticationMethod s"MERLON-KEY-PROOF-1" AuthenticationData (<proof>) ]' + behind)

    def _quiet(self, name: str, _rest: str) -> None:
        """Nothing that this connection's worker had to say is on its way."""
        self._send(name, "PINGREQ:")
        self._expect(name, "PINGRESP:")

    def _cut(self, name: str, _rest: str) -> None:
        """As a device loses its network."""
        plain = transport(self.links.pop(name).mqtt)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()

    def _cuts(self, name: str, rest: str) -> None:
        """The packet ended after each of its bytes but the last, each on a connection of its own."""
        kind, _, body = rest.partition(":")
        first, whole = self._writer().bytes(kind), self._writer().bytes(body)
        for end in range(len(whole)):
            connects = first == b"\x10"
            self._tls(name, "") if connects else self._hello(name, "")
            self.links[name].mqtt.send(first + varint(end) + whole[:end])
            self._broken(name, connects)

    def _broken(self, name: str, connects: bool) -> None:
        """Refused as what cannot be read, with whatever code it seemed to be; as long as nothing says which version it is, without one."""
        try:
            first, body = self._read(name)
        except Closed:
            return
        code = body[1] if connects else body[0]
        if first != (0x20 if connects else 0xE0) or self.version != "5.0" or code not in (0x81, 0x82, 0x8F):
            raise Differs(f"got {first:02x} | {body.hex(' ')}")
        self._closed(name, "")

    def _bye(self, name: str, rest: str) -> None:
        self._send(name, f"DISCONNECT: {rest}")
        self._closed(name, "")


VERBS = {"tls": "_tls", ">": "_send", "<": "_expect", "<~": "_find", "hello": "_hello", "back": "_back", "closed": "_closed", "ends": "_ends",
         "refused": "_refused", "quiet": "_quiet", "cut": "_cut", "cuts": "_cuts", "proves": "_proves",
         "bye": "_bye"}
