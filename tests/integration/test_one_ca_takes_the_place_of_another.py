# SPDX-License-Identifier: Apache-2.0
"""A rollover, step by step, as docs/operate/ca.md rehearses it: devices of the old CA go on, new ones get the new one, foreign
programs verify what is sent, and nothing is finished while a device would break."""
import base64
import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from harness.ca import Identity, openssl
from harness.client import MqttClient
from harness.est import Est, certificates_of, make_csr_body
from harness.merlon import Ended, Merlon, run_program
from harness.waiting import wait_until

OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()


def keys(merlon: Merlon, command: str, *options: str | Path) -> Ended:
    done = run_program("merlon-keys", command, "--dir", merlon.state / "keys", *OWNER, *options)
    assert done.code == 0, done.err
    return done


def states(merlon: Merlon) -> dict[str, str]:
    items = merlon.api.get("/v1/ca/generations")["items"]
    return {f"{ca['kind']}-{ca['number']}": ca["state"] for ca in items}


def ca(merlon: Merlon, *words: str) -> Ended:
    done = merlon.cli("ca", *words)
    assert done.code == 0, done.err
    return done


def make(merlon: Merlon, *commands: str) -> None:
    """While the daemon is stopped."""
    merlon.stop()
    for command in commands:
        keys(merlon, command)
    merlon.start()


def issuer_of(identity: Identity) -> str:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes()).issuer.rfc4514_string()


def bundle(merlon: Merlon) -> list[x509.Certificate]:
    answer = Est(merlon.enrolment_port, merlon.root).get("cacerts")
    assert answer.status == 200, answer.error
    return [x509.load_pem_x509_certificate(pem) for pem in certificates_of(answer.body, merlon.folder)]


def roots_of(merlon: Merlon) -> list[bytes]:
    end = b"-----END CERTIFICATE-----\n"
    return [part + end for part in merlon.root.read_bytes().split(end) if part.strip()]


def chain_sent(merlon: Merlon, trust: Path) -> str:
    """What openssl says of the MQTT port, with only these roots; ends with its verdict."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-CAfile", trust, "-showcerts",
                           "-verify_return_error", "-no-CApath", "-no-CAstore"],
                          input=b"", capture_output=True, check=False, timeout=20)
    return (done.stdout + done.stderr).decode(errors="replace")


def assert_connects(merlon: Merlon, identity: Identity, trust: Path | None = None) -> None:
    with MqttClient(merlon.mqtt_port, trust or merlon.root, identity) as client:
        assert client.connect() == 0


@pytest.mark.quick
def test_a_new_issuing_ca_signs_and_the_old_one_still_counts(merlon):
    old = merlon.device("pump-1")
    assert states(merlon) == {"root-1": "active", "issuing-1": "active"}
    make(merlon, "new-issuing")
    assert states(merlon) == {"root-1": "active", "issuing-1": "active", "issuing-2": "prepared"}
    assert issuer_of(merlon.device("pump-2")) == "CN=Merlon Issuing CA"
    ca(merlon, "activate", "issuing", "2")
    assert states(merlon) == {"root-1": "active", "issuing-1": "superseded", "issuing-2": "active"}
    new = merlon.device("pump-3")
    assert issuer_of(new) == "CN=Merlon Issuing CA 2"
    for identity in (old, new):
        assert_connects(merlon, identity)
    names = sorted(c.subject.rfc4514_string() for c in bundle(merlon))
    assert names == ["CN=Merlon Issuing CA", "CN=Merlon Issuing CA 2", "CN=Merlon Root CA"]
    assert [e["target"] for e in merlon.audit(action="ca.activated")] == ["issuing-2"]


def test_openssl_verifies_what_each_of_them_issued(merlon):
    make(merlon, "new-issuing")
    old = merlon.device("pump-1")
    ca(merlon, "activate", "issuing", "2")
    new = merlon.device("pump-2")
    all_cas = merlon.folder / "cacerts.pem"
    all_cas.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in bundle(merlon)))
    for identity in (old, new):
        text = openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", merlon.root, "-untrusted", all_cas,
                       identity.certificate)
        assert text.decode().strip().endswith(": OK")


def test_the_servers_own_certificate_follows_within_a_second_or_two(merlon):
    make(merlon, "new-issuing")
    assert "issuer=CN = Merlon Issuing CA\n" in chain_sent(merlon, merlon.root)
    ca(merlon, "activate", "issuing", "2")
    entries = len(merlon.audit(action="server.certificate_issued"))
    merlon.wait_for_entry("ca.activated", target="issuing-2")
    wait_until(lambda: "Merlon Issuing CA 2" in chain_sent(merlon, merlon.root), "the new chain")
    assert "Verify return code: 0 (ok)" in chain_sent(merlon, merlon.root)
    assert len(merlon.audit(action="server.certificate_issued")) >= entries
