# SPDX-License-Identifier: Apache-2.0
"""Logs of JSON entries as the daemon publishes them, with several signers, proofs of single entries and personal fields; and
a verifier of all that, on top of tlog.py. Nothing of it comes from lib/tlog."""
import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .tlog import COSIGNATURE, DASH, ED25519, key_id, leaf_hash, root_of, sha256, signature_line, split_point, tile_name, vkey

WIDTH = 256


class Refused(Exception):
    """What was verified does not hold."""


def inclusion_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962 2.1.1."""
    if len(leaves) <= 1:
        return []
    k = split_point(len(leaves))
    if index < k:
        return inclusion_path(index, leaves[:k]) + [root_of(leaves[k:])]
    return inclusion_path(index - k, leaves[k:]) + [root_of(leaves[:k])]


def root_of_path(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """What the path leads to (RFC 6962 2.1.1 backwards)."""
    if size == 1:
        if path:
            raise Refused("the path is too long")
        return leaf
    if not path:
        raise Refused("the path is too short")
    k = split_point(size)
    if index < k:
        return sha256(b"\1" + root_of_path(index, k, leaf, path[:-1]) + path[-1])
    return sha256(b"\1" + path[-1] + root_of_path(index - k, size - k, leaf, path[:-1]))


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


@dataclass
class Signer:
    """A log's key or that of a witness."""

    name: str
    kind: int = ED25519
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def vkey(self) -> str:
        return vkey(self.name, self.kind, public_bytes(self.key))

    def line(self, text: str, time: int = 0) -> str:
        if self.kind == COSIGNATURE:
            signature = time.to_bytes(8, "big") + self.key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        else:
            signature = self.key.sign(text.encode())
        return signature_line(self.name, key_id(self.name, self.kind, public_bytes(self.key)), signature)


def open_note(note: str, vkey: str) -> str:
    """The text of a note, once the key has signed it."""
    name, ident, packed = vkey.split("+", 2)
    kind, public = base64.b64decode(packed)[0], base64.b64decode(packed)[1:]
    text, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        dash, who, signature = line.split(" ")
        decoded = base64.b64decode(signature)
        if dash != DASH or who != name or decoded[:4].hex() != ident:
            continue
        signed, decoded = text + "\n", decoded[4:]
        if kind == COSIGNATURE:
            signed, decoded = f"cosignature/v1\ntime {int.from_bytes(decoded[:8], 'big')}\n{signed}", decoded[8:]
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(decoded, signed.encode())
        except InvalidSignature:
            raise Refused(f"the signature of {name} does not hold") from None
        return text + "\n"
    raise Refused(f"not signed by {name}")


@dataclass
class Checkpoint:
    origin: str
    size: int
    root: bytes

    @staticmethod
    def read(text: str) -> "Checkpoint":
        origin, size, root = text.splitlines()[:3]
        return Checkpoint(origin, int(size), base64.b64decode(root))

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    return f"tile/{level}/{tile_name(index, width)}"


def bundle(entries: list[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(data: bytes) -> list[bytes]:
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        if len(data) < 2 + length:
            raise Refused("a bundle is cut short")
        entries.append(data[2:2 + length])
        data = data[2 + length:]
    return entries


def verify_proof(text: str, vkey: str, entry: bytes) -> tuple[int, Checkpoint]:
    """c2sp.org/tlog-proof. Gives the index and the checkpoint."""
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    if lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise Refused("not a proof")
    if lines[0].startswith("extra "):
        lines.pop(0)
    index = int(lines.pop(0).removeprefix("index "))
    checkpoint = Checkpoint.read(open_note(note, vkey))
    if checkpoint.origin != vkey.split("+")[0]:
        raise Refused("a checkpoint of another log")
    path = [base64.b64decode(line) for line in lines]
    if root_of_path(index, checkpoint.size, leaf_hash(entry), path) != checkpoint.root:
        raise Refused("the proof does not lead to the root")
    return index, checkpoint


def extra_of(proof: str) -> bytes:
    for line in proof.partition("\n\n")[0].splitlines():
        if line.startswith("extra "):
            return base64.b64decode(line.removeprefix("extra "))
    return b""


def verify_folder(folder: Path, vkey: str) -> Checkpoint:
    """All of a log in its published layout."""
    checkpoint = Checkpoint.read(open_note((folder / "checkpoint").read_text(encoding="utf-8"), vkey))
    leaves: list[bytes] = []
    while len(leaves) < checkpoint.size:
        index, width = len(leaves) // WIDTH, min(WIDTH, checkpoint.size - len(leaves))
        entries = read_bundle((folder / tile_path("entries", index, width)).read_bytes())
        hashes = [leaf_hash(entry) for entry in entries]
        if b"".join(hashes) != (folder / tile_path(0, index, width)).read_bytes():
            raise Refused(f"tile {index} is not of its entries")
        leaves += hashes
    if root_of(leaves) != checkpoint.root:
        raise Refused("the entries do not give the root")
    return checkpoint


def commitment(salt: bytes, name: str, value: str) -> str:
    return "sha256:" + sha256(salt + name.encode() + b"\0" + value.encode()).hex()


@dataclass
class Log:
    """A log of its own, for a stub to serve."""

    entries: list[bytes] = field(default_factory=list)
    signer: Signer = field(default_factory=lambda: Signer("acme/merlon-audit"))
    witnesses: list[Signer] = field(default_factory=list)

    @staticmethod
    def of(size: int) -> "Log":
        return Log([json.dumps({"action": "device.added", "seq": seq, "target": f"gr\u00fcn-{seq}\x1b", "v": 2},
                               separators=(",", ":"), sort_keys=True).encode() for seq in range(1, size + 1)])

    def leaves(self) -> list[bytes]:
        return [leaf_hash(entry) for entry in self.entries]

    def checkpoint(self, size: int | None = None, time: int = 1795472078) -> str:
        leaves = self.leaves()[:size]
        text = Checkpoint(self.signer.name, len(leaves), root_of(leaves)).text()
        return text + "\n" + self.signer.line(text) + "".join(w.line(text, time) for w in self.witnesses)

    def files(self) -> dict[str, bytes]:
        """The published layout at the present size, with full tiles and the partial ones at the edge."""
        made = {"checkpoint": self.checkpoint().encode()}
        hashes, level = self.leaves(), 0
        for at in range(0, len(self.entries), WIDTH):
            part = self.entries[at:at + WIDTH]
            made[tile_path("entries", at // WIDTH, len(part))] = bundle(part)
        while hashes:
            above = []
            for at in range(0, len(hashes), WIDTH):
                part = hashes[at:at + WIDTH]
                made[tile_path(level, at // WIDTH, len(part))] = b"".join(part)
                if len(part) == WIDTH:
                    above.append(root_of(part))
            hashes, level = above, level + 1
        return made

    def proof(self, seq: int, extra: bytes = b"", size: int | None = None) -> str:
        lines = ["c2sp.org/tlog-proof@v1"] + ([f"extra {base64.b64encode(extra).decode()}"] if extra else [])
        lines.append(f"index {seq - 1}")
        lines += [base64.b64encode(h).decode() for h in inclusion_path(seq - 1, self.leaves()[:size])]
        return "\n".join(lines) + "\n\n" + self.checkpoint(size)

    def write(self, folder: Path) -> Path:
        for path, data in self.files().items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder


def fetch_folder(fetch: Callable[[str], bytes], size: int, folder: Path) -> None:
    """Bundles and leaf tiles of a log of this size, from wherever fetch gets a path."""
    for index in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - index * WIDTH)
        for level in ("entries", 0):
            path = folder / tile_path(level, index, width)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(fetch(tile_path(level, index, width)))
