# SPDX-License-Identifier: Apache-2.0
"""The root key, exported as an operator does it. With it, tests make certificates that are signed by our root and wrong in
one way only."""
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .merlon import Ended, Merlon, run_program

PASSPHRASE = "a passphrase for the export"


@dataclass(frozen=True)
class Root:
    key: object
    certificate: x509.Certificate


def run_export(merlon: Merlon, out: Path) -> Ended:
    passphrase = merlon.folder / "export.passphrase"
    passphrase.write_text(PASSPHRASE + "\n", encoding="ascii")
    passphrase.chmod(0o600)
    user = ["--user", "merlon-keys"] if os.geteuid() == 0 else []
    return run_program("merlon-keys", "export-root", "--dir", merlon.state / "keys", *user, "--out", out,
                       "--export-passphrase-file", passphrase)


def export_root(merlon: Merlon) -> Root:
    """While the daemon does not run: only one process may have the keystore open."""
    out = merlon.folder / "root.export.pem"
    done = run_export(merlon, out)
    assert done.code == 0, done.err
    pem = out.read_bytes()
    return Root(serialization.load_pem_private_key(pem, PASSPHRASE.encode()),
                x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERTIFICATE"):]))
