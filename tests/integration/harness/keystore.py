# SPDX-License-Identifier: Apache-2.0
"""Takes the root key out as an operator does, and as anybody could who took the state folder. With it, tests make
certificates that are signed by our root and wrong in one way only."""
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .merlon import Merlon
from .process import program

_PASSPHRASE = b"a passphrase for the export"


@dataclass(frozen=True)
class Root:
    key: object
    certificate: x509.Certificate


def export_root(merlon: Merlon) -> Root:
    """While the daemon does not run: only one process may have the keystore open."""
    user = ["--user", "merlon-keys"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as desk:
        passphrase, out = Path(desk) / "passphrase", Path(desk) / "root.pem"
        passphrase.touch(mode=0o600)
        passphrase.write_bytes(_PASSPHRASE)
        done = subprocess.run([str(program("merlon-keys")), "export-root", "--dir", str(merlon.state / "keys"), *user,
                               "--out", str(out), "--export-passphrase-file", str(passphrase)],
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False, timeout=30)
        assert done.returncode == 0, f"export refused: {done.stderr.decode()}"
        pem = out.read_bytes()
    key_pem, begin, certificate_pem = pem.partition(b"-----BEGIN CERTIFICATE-----")
    return Root(serialization.load_pem_private_key(key_pem, _PASSPHRASE),
                x509.load_pem_x509_certificate(begin + certificate_pem))


def keys_folder(merlon: Merlon) -> Path:
    return merlon.state / "keys"
