# SPDX-License-Identifier: Apache-2.0
"""What a device signed before it destroyed its key is written to files, and openssl checks them with the line that is printed."""
import base64
import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest
from harness.api_stub import Answer
from harness.ca import Identity, openssl
from harness.est import Est, certificates_of, make_csr_body
from harness.merlon import Merlon
from harness.mqtt import Mqtt

REFUSED, UNVERIFIED = 1, 5
KINDS = {"P-256": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"), "P-384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
         "Ed25519": ("ED25519",), "RSA": ("RSA", "-pkeyopt", "rsa_keygen_bits:3072")}


def make_key(folder: Path, kind: str) -> Path:
    key = folder / f"{kind}.key"
    openssl("genpkey", "-algorithm", *KINDS[kind], "-out", key)
    return key


def enrol(merlon: Merlon, name: str, key: Path) -> Identity:
    merlon.add_device(name)
    answer = Est(merlon.enrolment_port, merlon.root).enrol(name, merlon.token(name), make_csr_body(key, f"/CN={name}"))
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, merlon.folder)
    certificate = merlon.folder / f"{name}.crt"
    certificate.write_bytes(leaf)
    return Identity(name, key, certificate)


def sign(key: Path, kind: str, message: bytes, folder: Path) -> bytes:
    text = folder / "to-sign"
    text.write_bytes(message)
    if kind == "Ed25519":
        return openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text)
    return openssl("dgst", "-sha384" if kind == "P-384" else "-sha256", "-sign", key, text)


def message_of(order: str, key: Path, device: str = "pump-7") -> bytes:
    spki = hashlib.sha256(openssl("pkey", "-in", key, "-pubout", "-outform", "DER")).hexdigest()
    return f"merlon wipe receipt v1\ndevice {device}\norder {order}\nkey {spki}\ntime {int(time.time())}\n".encode()


def answer_the_order(merlon: Merlon, device: Identity, kind: str, folder: Path) -> None:
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("last")
        client.subscribe(("$merlon/devices/pump-7/wipe", 0))
        order = json.loads(client.receive().payload)
        message = message_of(order["order"], device.key)
        receipt = message + b"signature " + base64.b64encode(sign(device.key, kind, message, folder)) + b"\n"
        assert client.publish("$merlon/devices/pump-7/wiped", receipt) == 0


def line_to_check_with(out: str) -> list[str]:
    [line] = [line for line in out.splitlines() if line.startswith("To check:")]
    return line.removeprefix("To check:").split()


@pytest.mark.parametrize("kind", KINDS)
def test_openssl_checks_it_with_the_line_that_is_printed(merlon, tmp_path, kind):
    device = enrol(merlon, "pump-7", make_key(tmp_path, kind))
    public = openssl("pkey", "-in", device.key, "-pubout")
    assert merlon.cli("device", "receipt", "pump-7").code == REFUSED
    assert merlon.cli("device", "retire", "pump-7", "--wipe", "--reason", "scrapped").code == 0
    waiting = merlon.cli("device", "receipt", "pump-7")
    assert waiting.code == REFUSED and "ordered" in waiting.err, waiting
    answer_the_order(merlon, device, kind, tmp_path)
    out = tmp_path / "for" / "others"
    done = merlon.cli("device", "receipt", "pump-7", "--out", out)
    assert done.code == 0, done
    assert (out / "key.pem").read_bytes() == public
    subprocess.run(line_to_check_with(done.out), cwd=out, capture_output=True, check=True)
    (out / "message").write_bytes((out / "message").read_bytes().replace(b"pump-7", b"pump-8"))
    assert subprocess.run(line_to_check_with(done.out), cwd=out, capture_output=True, check=False).returncode != 0
    again = merlon.cli("device", "receipt", "pump-7", "--out", out)
    assert again.code == REFUSED and "message" in again.err, again  # files that are there are never touched


def test_it_is_there_after_a_restart_and_after_a_lift(merlon, tmp_path):
    device = enrol(merlon, "pump-7", make_key(tmp_path, "P-256"))
    merlon.cli("device", "retire", "pump-7", "--wipe", "--reason", "scrapped")
    answer_the_order(merlon, device, "P-256", tmp_path)
    merlon.kill()
    merlon.start()
    assert merlon.cli("device", "receipt", "pump-7", "--out", tmp_path / "1").code == 0
    assert merlon.cli("device", "lift", "pump-7", "--reason", "sold").code == 0
    assert merlon.cli("device", "receipt", "pump-7", "--out", tmp_path / "2").code == 0
    assert (tmp_path / "1" / "signature").read_bytes() == (tmp_path / "2" / "signature").read_bytes()


ORDER = "0123456789abcdef" * 2


@pytest.fixture
def receipt(tmp_path):
    """A good one, as the API tells it; with what to change in it."""
    key, other = make_key(tmp_path, "P-256"), make_key(tmp_path, "P-384")

    def told(message: bytes = b"", **changed: str) -> dict:
        text = message or message_of(ORDER, key)
        public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
        wipe = {"state": "answered", "order": ORDER, "message": text.decode(),
                "public_key": base64.b64encode(public).decode(),
                "signature": base64.b64encode(sign(key, "P-256", text, tmp_path)).decode()}
        return {"id": "pump-7", "state": "retired", "wipe": {**wipe, **changed}}

    return told, key, other


def test_what_does_not_hold_is_said_and_not_written(stub, stub_cli, receipt, tmp_path):
    told, key, other = receipt
    foreign = base64.b64encode(openssl("pkey", "-in", other, "-pubout", "-outform", "DER")).decode()
    out = tmp_path / "out"
    for answer in (told(message_of(ORDER, key, "pump-8")), told(message_of("ff" * 16, key)), told(message_of(ORDER, other)),
                   told(message=b"something else\n"), told(public_key=foreign), told(signature="AAAA"), told(public_key="AAAA"),
                   told(message_of(ORDER, key).replace(b"merlon", b"Merlon"))):
        stub.answers["GET", "/v1/devices/pump-7"] = Answer(answer)
        done = stub_cli("device", "receipt", "pump-7", "--out", str(out))
        assert done.returncode == UNVERIFIED and not out.exists(), (answer, done)
    stub.answers["GET", "/v1/devices/pump-7"] = Answer(told(signature="?"))
    assert stub_cli("device", "receipt", "pump-7", "--out", str(out)).returncode == REFUSED
    stub.answers["GET", "/v1/devices/pump-7"] = Answer(told())
    assert stub_cli("device", "receipt", "pump-7", "--out", str(out)).returncode == 0
    assert sorted(path.name for path in out.iterdir()) == ["key.pem", "message", "signature"]
