# SPDX-License-Identifier: Apache-2.0
"""strongSwan's EST client (pki --est), which brings its own TLS, HTTP and CMS."""
import subprocess
from pathlib import Path

import pytest
from harness.ca import Identity, make_key, openssl

URI = "urn:merlon:default:device:pump-7"


def pki(*arguments: str | Path, given: bytes = b"") -> bytes:
    done = subprocess.run(["pki", *map(str, arguments)], input=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


@pytest.fixture
def url(merlon) -> str:
    return f"https://localhost:{merlon.enrolment_port}"


def request(folder: Path, key: Path, *extensions: str) -> Path:
    """By openssl: pki writes no URI into a request."""
    file = folder / "request.der"
    added = [word for e in extensions for word in ("-addext", e)]
    openssl("req", "-new", "-key", key, "-subj", "/CN=pump-7", *added, "-outform", "DER", "-out", file)
    return file


def subject(pem: bytes) -> str:
    return openssl("x509", "-noout", "-subject", given=pem).decode().replace(" = ", "=").strip()


def test_strongswan_enrols_with_a_token_and_renews_with_the_certificate(merlon, url, workdir):
    merlon.add_device("pump-7")
    key = make_key(workdir / "pump-7.key")
    first = pki("--est", "--url", url, "--cacert", merlon.root, "--in", request(workdir, key),
                "--userpass", f"pump-7:{merlon.token('pump-7')}", "--outform", "pem")
    assert subject(first) == "subject=CN=pump-7"
    (workdir / "first.crt").write_bytes(first)
    second_key = make_key(workdir / "second.key")
    second = pki("--est", "--url", url, "--cacert", merlon.root, "--in", request(workdir, second_key, f"subjectAltName=URI:{URI}"),
                 "--cert", workdir / "first.crt", "--key", key, "--outform", "pem")
    (workdir / "second.crt").write_bytes(second)
    assert second != first
    merlon.wait_for_entry("device.reenrolled", target="pump-7")
    with merlon.client(Identity("pump-7", second_key, workdir / "second.crt")) as client:
        assert client.connect() == 0


def test_strongswan_is_told_that_a_token_is_no_good(merlon, url, workdir):
    merlon.add_device("pump-7")
    file = request(workdir, make_key(workdir / "pump-7.key"))
    done = subprocess.run(["pki", "--est", "--url", url, "--cacert", merlon.root, "--in", file, "--userpass", "pump-7:" + "A" * 43],
                          capture_output=True, check=False, timeout=60)
    assert done.returncode != 0 and b"401" in done.stderr


def test_strongswan_gets_the_ca_certificates_in_one_line(start_merlon, workdir):
    merlon = start_merlon(tables=[("profile", {"name": "default", "one_line": True})])
    pki("--estca", "--url", f"https://localhost:{merlon.enrolment_port}", "--cacert", merlon.root, "--caout", workdir / "ca.pem",
        "--outform", "pem")
    found = b"".join(file.read_bytes() for file in sorted(workdir.glob("ca*.pem")))
    assert found.count(b"BEGIN CERTIFICATE") == 2
