# SPDX-License-Identifier: Apache-2.0
"""A small certificate authority made with the openssl command line: a second implementation to test against."""
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    name: str
    key: Path
    certificate: Path


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *map(str, arguments)], input=given, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def make_key(path: Path) -> Path:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    return path


def make_csr(key: Path, name: str) -> Path:
    csr = key.with_suffix(".csr")
    openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", csr)
    return csr


class CertificateAuthority:
    def __init__(self, folder: Path, name: str = "test CA"):
        self.folder = folder
        self.key = make_key(folder / "ca.key")
        self.certificate = folder / "ca.crt"
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "2", "-out", self.certificate,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def server(self, name: str = "localhost") -> Identity:
        return self._issue(name, f"extendedKeyUsage=serverAuth\nsubjectAltName=DNS:{name},IP:127.0.0.1\n")

    def client(self, name: str, days: int = 1) -> Identity:
        return self._issue(name, "extendedKeyUsage=clientAuth\n", days)

    def _issue(self, name: str, extensions: str, days: int = 1) -> Identity:
        key = make_key(self.folder / f"{name}.key")
        certificate = key.with_suffix(".crt")
        extension_file = key.with_suffix(".ext")
        extension_file.write_text("basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\n" + extensions,
                                  encoding="ascii")
        openssl("x509", "-req", "-in", make_csr(key, name), "-CA", self.certificate, "-CAkey", self.key, "-set_serial",
                "0x" + openssl("rand", "-hex", "16").decode().strip(), "-days", str(days),
                "-extfile", extension_file, "-out", certificate)
        return Identity(name, key, certificate)
