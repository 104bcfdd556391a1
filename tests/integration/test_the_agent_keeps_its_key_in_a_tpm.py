# SPDX-License-Identifier: Apache-2.0
"""merlon-agent with a TPM 2.0 (swtpm): its key is made there, that is proven, and every connection is made with it."""
import json
import time
from datetime import timezone
from pathlib import Path

import pytest
from cryptography import x509
from harness.merlon import run_program
from harness.moved_clock import MovedClock
from harness.process import program
from harness.tpm_device import TpmMaker
from harness.waiting import wait_until


@pytest.fixture
def maker(workdir: Path) -> TpmMaker:
    return TpmMaker(workdir)


@pytest.fixture
def tpm(processes, workdir: Path, maker: TpmMaker):
    return maker.make(processes, workdir, "tpm")


@pytest.fixture
def start(start_merlon, tpm, maker: TpmMaker):
    def with_settings(**more):
        attestation = {"ek_roots": [str(maker.root), str(maker.folder / "issuer.pem")], **more.pop("attestation", {})}
        return start_merlon({"attestation": attestation, **more})
    return with_settings


def folder(merlon, name: str) -> Path:
    return merlon.folder / f"agent-{name}"


def enrol(merlon, name: str, tcti: str | None, *options: str, env=None):
    token = merlon.folder / f"{name}.token"
    token.write_text(merlon.token(name), encoding="ascii")
    chip = ("--tpm", tcti) if tcti else ()
    return run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--root", merlon.root, "--device", name, "--token-file", token,
                       "--dir", folder(merlon, name), *chip, *options, env=env)


def run(merlon, processes, name: str):
    return processes.start([program("merlon-agent"), "run", "--dir", folder(merlon, name), "--interval", "1s"])


def proofs(merlon, name: str) -> int:
    return len([c for c in merlon.api.get(f"/v1/devices/{name}")["credentials"] if c["hardware_held"]])


def test_the_key_never_is_in_a_file_and_the_connection_stands(start, processes, tpm):
    merlon = start()
    merlon.add_device("press-7")
    done = enrol(merlon, "press-7", tpm.tcti)
    assert done.code == 0, done.err
    identity = (folder(merlon, "press-7") / "identity.pem").read_text()
    assert identity.startswith("-----BEGIN TSS2 PRIVATE KEY-----") and "BEGIN PRIVATE" not in identity
    assert merlon.wait_for_entry("device.hardware_proven", target="press-7")["details"]["maker"] == "id:00001014"
    assert proofs(merlon, "press-7") == 1
    run(merlon, processes, "press-7")
    wait_until(lambda: "connection.opened" in {e["action"] for e in merlon.audit(actor="device:press-7")}, "a connection")


def test_it_renews_when_the_server_said(start, tpm):
    merlon = start()
    merlon.add_device("press-7")
    assert enrol(merlon, "press-7", tpm.tcti).code == 0
    identity = x509.load_pem_x509_certificate((folder(merlon, "press-7") / "identity.pem").read_bytes())
    offer = json.loads((folder(merlon, "press-7") / "renewal.json").read_text())
    since, end = (int(t.replace(tzinfo=timezone.utc).timestamp()) for t in (identity.not_valid_before, identity.not_valid_after))
    assert end - (end - since) / 3 <= offer["start"] < offer["end"] < end, offer


def test_in_1970_it_learns_the_time_from_the_answer(start, tpm, workdir):
    merlon = start()
    merlon.add_device("press-7")
    forgetful = MovedClock(workdir, ahead_s=3600 - int(time.time()))
    done = enrol(merlon, "press-7", tpm.tcti, env=forgetful.env)
    assert done.code == 0 and "the server told the time" in done.out, done
    merlon.wait_for_entry("device.hardware_proven", target="press-7")


def test_the_renewed_certificate_is_for_the_same_key_and_hardware_held_too(start, processes, tpm):
    merlon = start(issuing={"device_life": "20s"})
    merlon.add_device("press-7")
    assert enrol(merlon, "press-7", tpm.tcti).code == 0
    path = folder(merlon, "press-7") / "identity.pem"
    first = x509.load_pem_x509_certificate(path.read_bytes())
    run(merlon, processes, "press-7")
    wait_until(lambda: x509.load_pem_x509_certificate(path.read_bytes()).serial_number != first.serial_number,
               "a further certificate")
    second = x509.load_pem_x509_certificate(path.read_bytes())
    assert second.public_key().public_numbers() == first.public_key().public_numbers()
    assert proofs(merlon, "press-7") == 2


def test_the_key_of_another_tpm_is_of_no_use(start, processes, tpm, maker, workdir):
    """The folder is copied to another machine."""
    merlon = start()
    merlon.add_device("press-7")
    assert enrol(merlon, "press-7", tpm.tcti).code == 0
    tpm.stop()
    other = maker.make(processes, workdir, "tpm2")
    settings = folder(merlon, "press-7") / "settings.json"
    settings.write_text(settings.read_text().replace(tpm.tcti, other.tcti))
    thief = run(merlon, processes, "press-7")
    wait_until(lambda: "connection.down" in thief.log(), "a connection that failed")
    assert "connection.opened" not in {e["action"] for e in merlon.audit(actor="device:press-7")}


def test_a_group_can_demand_the_proof(start, tpm):
    merlon = start(attestation={"required_groups": ["vault"]})
    merlon.add_device("press-7", "vault")
    done = enrol(merlon, "press-7", None)
    assert (done.code, "proven to be in a TPM" in done.err) == (5, True), done
    merlon.wait_for_entry("enrol.refused", target="press-7")
    done = enrol(merlon, "press-7", tpm.tcti)
    assert done.code == 0, done.err


def test_a_missing_tpm_is_told(start):
    merlon = start()
    merlon.add_device("press-7")
    done = enrol(merlon, "press-7", "swtpm:host=127.0.0.1,port=1")
    assert done.code == 6
    assert "there is no TPM 2.0 at swtpm:host=127.0.0.1,port=1" in done.err
