# SPDX-License-Identifier: Apache-2.0
"""Speaks to merlon-keys as the daemon does (keys/message.h), to get the root key out: what somebody can do who took the
state folder. With it, tests make certificates that are signed by our root and wrong in one way only."""
import os
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .merlon import Merlon
from .process import program

_VERSION, _EXPORT_ROOT, _REPLY = 1, 7, 0x80
_PASSPHRASE = b"a passphrase for the export"


@dataclass(frozen=True)
class Root:
    key: object
    certificate: x509.Certificate


def _blob(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def _take_blob(data: bytes) -> tuple[bytes, bytes]:
    (size,) = struct.unpack("!H", data[:2])
    return data[2:2 + size], data[2 + size:]


def export_root(merlon: Merlon) -> Root:
    """While the daemon does not run: only one process may have the keystore open."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    user = ["--user", "merlon-keys"] if os.geteuid() == 0 else []
    keys = subprocess.Popen([str(program("merlon-keys")), "serve", "--dir", str(merlon.state / "keys"), "--fd",
                             str(theirs.fileno()), *user], pass_fds=[theirs.fileno()], stderr=subprocess.PIPE)
    theirs.close()
    ours.settimeout(30)
    ours.send(struct.pack("!BBQ", _VERSION, _EXPORT_ROOT, 1) + _blob(_PASSPHRASE))
    reply = ours.recv(65536)
    ours.close()  # at which it ends
    _, errors = keys.communicate(timeout=30)
    assert keys.returncode == 0, errors.decode()
    assert reply[:10] == struct.pack("!BBQ", _VERSION, _EXPORT_ROOT | _REPLY, 1)
    assert reply[10] == 0, f"export refused: {reply[11:]!r}"
    key_pem, rest = _take_blob(reply[11:])
    certificate_pem, rest = _take_blob(rest)
    assert rest == b""
    return Root(serialization.load_pem_private_key(key_pem, _PASSPHRASE), x509.load_pem_x509_certificate(certificate_pem))


def keys_folder(merlon: Merlon) -> Path:
    return merlon.state / "keys"
