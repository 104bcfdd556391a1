# SPDX-License-Identifier: Apache-2.0
"""Transparency logs in Python, straight from RFC 6962 and the C2SP texts, and slow: what our own code is compared with."""
import base64
import hashlib
import struct
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 1, 4
DASH = "\N{EM DASH}"


def b64(data: bytes) -> str:
    return base64.standard_b64encode(data).decode()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0" + entry)


def split_point(count: int) -> int:
    """The largest power of two below count (RFC 6962 2.1)."""
    return 1 << (count - 1).bit_length() - 1


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    k = split_point(len(leaves))
    return sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:]))


def consistency(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 2.1.2: PROOF, and SUBPROOF when not whole."""
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    k = split_point(len(leaves))
    if old <= k:
        return consistency(old, leaves[:k], whole) + [root_of(leaves[k:])]
    return consistency(old - k, leaves[k:], False) + [root_of(leaves[:k])]


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def vkey(name: str, kind: int, public: bytes) -> str:
    return f"{name}+{key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def signature_line(name: str, identity: bytes, signature: bytes) -> str:
    return f"{DASH} {name} {b64(identity + signature)}\n"


@dataclass
class Log:
    """A log with its key; entries are appended to it at will."""
    origin: str
    entries: list[bytes] = field(default_factory=list)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @property
    def vkey(self) -> str:
        return vkey(self.origin, ED25519, self.public)

    def grow(self, size: int, what: str = "entry") -> "Log":
        self.entries += [f"{what} {i}".encode() for i in range(len(self.entries), size)]
        return self

    def leaves(self, size: int | None = None) -> list[bytes]:
        return [leaf_hash(e) for e in self.entries[:size]]

    def text(self, size: int | None = None) -> str:
        leaves = self.leaves(size)
        return f"{self.origin}\n{len(leaves)}\n{b64(root_of(leaves))}\n"

    def sign(self, text: str) -> str:
        """A note of any text."""
        return text + "\n" + signature_line(self.origin, key_id(self.origin, ED25519, self.public),
                                            self.key.sign(text.encode()))

    def checkpoint(self, size: int | None = None) -> str:
        return self.sign(self.text(size))

    def proof(self, old: int, size: int | None = None) -> list[bytes]:
        return consistency(old, self.leaves(size)) if old > 0 else []

    def add_checkpoint(self, old: int, size: int | None = None) -> str:
        """The body of a request to a witness."""
        return add_checkpoint(old, self.proof(old, size), self.checkpoint(size))

    def write(self, folder: Path) -> None:
        """The log in files, as c2sp.org/tlog-tiles lays them out."""
        hashes, level = self.leaves(), 0
        while hashes:
            write_tiles(folder / f"tile/{level}", hashes)
            hashes = [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
            level += 1
        write_tiles(folder / "tile/entries", [struct.pack(">H", len(e)) + e for e in self.entries])
        (folder / "checkpoint").write_text(self.checkpoint(), encoding="utf-8")


def write_tiles(folder: Path, parts: list[bytes]) -> None:
    for index in range(0, (len(parts) + 255) // 256):
        tile = parts[index * 256:index * 256 + 256]
        path = folder / tile_name(index, len(tile))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(tile))


def tile_name(index: int, width: int) -> str:
    name = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        name = f"x{index % 1000:03d}/{name}"
    return name if width == 256 else f"{name}.p/{width}"


def add_checkpoint(old: int, proof: list[bytes], note: str) -> str:
    return f"old {old}\n" + "".join(b64(h) + "\n" for h in proof) + "\n" + note


def cosignature_time(line: str, witness_vkey: str, text: str) -> int | None:
    """When the witness says that it saw the checkpoint with this text; None when the line is not its valid cosignature."""
    name, identity, encoded = witness_vkey.split("+", 2)
    key = base64.standard_b64decode(encoded)
    dash, signer, signature = line.removesuffix("\n").split(" ")
    data = base64.standard_b64decode(signature)
    if (dash, signer, data[:4].hex(), key[0], len(data)) != (DASH, name, identity, COSIGNATURE, 4 + 8 + 64):
        return None
    time = struct.unpack(">Q", data[4:12])[0]
    try:
        Ed25519PublicKey.from_public_bytes(key[1:]).verify(data[12:], f"cosignature/v1\ntime {time}\n{text}".encode())
    except InvalidSignature:
        return None
    return time
