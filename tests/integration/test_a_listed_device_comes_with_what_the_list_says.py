# SPDX-License-Identifier: Apache-2.0
"""A list says with which key, which maker's serial number or which TPM a device comes; whoever comes with another one gets no
certificate, by any way in. curl, paho and tpm2-tools are the devices."""
import csv
import io
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from harness.ca import Identity, make_key, openssl
from harness.est import Est, certificates_of, make_csr_body
from harness.fleet import FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.maker import Maker, load
from harness.merlon import new_key
from harness.mqtt import Mqtt
from harness.process import program
from harness.tpm_device import ProofConnection, TpmDevice, TpmMaker
from harness.waiting import wait_until

COLUMNS = ("id", "group", "key", "serial", "ek")


def import_list(merlon, text: str, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run([program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "device", "import", *options, "-"],
                          input=text, capture_output=True, text=True, timeout=60, check=False)


def listed(merlon, *rows: dict[str, str]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    done = import_list(merlon, text.getvalue())
    assert done.returncode == 0, done


def public_pem(key: Path) -> str:
    return openssl("pkey", "-in", key, "-pubout").decode()


def spki_hash(public_key) -> str:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def hash_of(key: Path) -> str:
    return spki_hash(serialization.load_pem_private_key(key.read_bytes(), None).public_key())


def assert_refused(merlon, answer, device: str, words: str) -> None:
    assert (answer.status, words in answer.text) == (403, True), answer
    assert words in merlon.wait_for_entry("enrol.refused", target=device)["reason"]


# --- a key

@pytest.mark.quick
@pytest.mark.parametrize("form", [hash_of, public_pem], ids=["hash", "pem"])
def test_a_device_enrols_with_the_key_of_the_list_only(merlon, workdir, form):
    key, stolen = make_key(workdir / "key"), make_key(workdir / "stolen")
    listed(merlon, {"id": "pump-7", "group": "pumps", "key": form(key)})
    assert merlon.api.get("/v1/devices/pump-7")["key"] == hash_of(key)
    assert merlon.audit(action="device.added", target="pump-7")[0]["details"]["key"] == hash_of(key)
    est, token = Est(merlon.enrolment_port, merlon.root), merlon.token("pump-7")
    assert_refused(merlon, est.enrol("pump-7", token, make_csr_body(stolen, "/CN=pump-7")), "pump-7", "expected with another key")
    assert merlon.api.get("/v1/devices/pump-7")["state"] == "expected"
    answer = est.enrol("pump-7", token, make_csr_body(key, "/CN=pump-7"))  # the token was not spent on the other
    assert answer.status == 200, answer


def test_it_may_have_another_key_from_its_first_renewal_on(merlon, workdir):
    key, second = make_key(workdir / "key"), make_key(workdir / "second")
    listed(merlon, {"id": "pump-7", "key": hash_of(key)})
    est = Est(merlon.enrolment_port, merlon.root)
    answer = est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7"))
    identity = Identity("pump-7", key, workdir / "pump-7.crt")
    identity.certificate.write_bytes(certificates_of(answer.body, workdir)[0])
    renewed = est.renew(identity, make_csr_body(second, "/CN=pump-7", "subjectAltName=URI:urn:merlon:default:device:pump-7"))
    assert renewed.status == 200, renewed
    assert_refused(merlon, est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(second, "/CN=pump-7")), "pump-7", "another key")


def test_a_key_that_stands_twice_is_of_the_device_that_enrols_first(merlon, workdir):
    key = make_key(workdir / "key")
    listed(merlon, {"id": "pump-7", "key": hash_of(key)}, {"id": "pump-8", "key": hash_of(key)})
    est = Est(merlon.enrolment_port, merlon.root)
    assert est.enrol("pump-8", merlon.token("pump-8"), make_csr_body(key, "/CN=pump-8")).status == 200
    refused = est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7"))
    assert_refused(merlon, refused, "pump-7", "this key is that of device pump-8")


def test_it_holds_for_provisioning_over_mqtt_too(merlon):
    key, template = new_key(), {"devices": "expected"}
    set_template(merlon, **template)
    listed(merlon, {"id": "meter-SN-001", "group": "meters", "key": spki_hash(key.public_key())})
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        device.subscribe(device.register_topic("meters"))
        stranger = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
        with pytest.raises(Rejected) as refused:
            device.register_thing("meters", stranger, {"SerialNumber": "SN-001"})
        assert (refused.value.status, refused.value.code) == (403, "AccessDenied")
        assert "expected with another key" in merlon.wait_for_entry("provisioning.refused", target="meter-SN-001")["reason"]
        own = device.create_certificate_from_csr(csr_pem(key))["certificateOwnershipToken"]
        assert device.register_thing("meters", own, {"SerialNumber": "SN-001"})["thingName"] == "meter-SN-001"


# --- the hardware of its maker

@pytest.fixture
def maker(workdir: Path) -> Maker:
    return Maker(workdir)


def register(merlon, maker: Maker, **members) -> None:
    merlon.api.post("/v1/makers", {"name": "acme", "ca": maker.roots.decode(), "approve": "listed", **members})


def with_idevid(merlon, idevid: Identity, body: bytes):
    return Est(merlon.enrolment_port, merlon.root).post("simpleenroll", body, "--cert", idevid.certificate, "--key", idevid.key)


def test_a_device_comes_with_the_serial_number_of_the_list(merlon, maker, workdir):
    register(merlon, maker)
    listed(merlon, {"id": "acme-SN-7", "serial": "SN-7"}, {"id": "acme-SN-8", "serial": "SN-9"})
    body = {n: make_csr_body(make_key(workdir / n), f"/CN=acme-{n}") for n in ("SN-7", "SN-8")}
    token = merlon.token("acme-SN-7")
    assert_refused(merlon, Est(merlon.enrolment_port, merlon.root).enrol("acme-SN-7", token, body["SN-7"]), "acme-SN-7",
                   "expected with the certificate of its maker")
    assert_refused(merlon, with_idevid(merlon, maker.device("SN-8"), body["SN-8"]), "acme-SN-8", "another serial number")
    assert with_idevid(merlon, maker.device("SN-7"), body["SN-7"]).status == 200


def test_the_key_of_the_list_may_be_that_of_its_makers_certificate(merlon, maker, workdir):
    register(merlon, maker)
    own, copied = maker.device("SN-7"), maker.device("SN-7", file="copied")
    listed(merlon, {"id": "acme-SN-7", "key": spki_hash(load(own).public_key())})
    body = make_csr_body(make_key(workdir / "ldevid"), "/CN=acme-SN-7")
    assert_refused(merlon, with_idevid(merlon, copied, body), "acme-SN-7", "expected with another key")
    assert with_idevid(merlon, own, body).status == 200


def test_the_first_connection_of_a_makers_device_is_judged_too(merlon, maker):
    register(merlon, maker, jitp=True)
    own, copied = maker.device("SN-7"), maker.device("SN-7", file="copied")
    listed(merlon, {"id": "acme-SN-7", "key": spki_hash(load(own).public_key()), "serial": "SN-7"})
    with Mqtt(merlon.mqtt_port, merlon.root, copied) as client:
        answer = client.connect("x")
    assert answer.reason == 0x87 and "expected with another key" in answer.props["reason_string"]
    assert "another key" in merlon.wait_for_entry("enrol.refused", target="acme-SN-7")["reason"]
    with Mqtt(merlon.mqtt_port, merlon.root, own) as client:
        assert client.connect("x").reason == 0


# --- a TPM

def test_a_device_comes_with_the_tpm_of_the_list(start_merlon, processes, workdir):
    maker = TpmMaker(workdir)
    own = TpmDevice(maker.make(processes, workdir, "tpm"), maker, workdir / "device").make_keys()
    other = TpmDevice(maker.make(processes, workdir, "tpm2"), maker, workdir / "other").make_keys()
    merlon = start_merlon({"attestation": {"ek_roots": [str(maker.root)]}})
    (workdir / "ek.crt").write_bytes(own.ek_certificate())
    ek = openssl("x509", "-inform", "DER", "-in", workdir / "ek.crt", "-noout", "-pubkey").decode()
    listed(merlon, {"id": "pump-7", "ek": ek})
    token = merlon.token("pump-7")

    plain = Est(merlon.enrolment_port, merlon.root).enrol("pump-7", token, make_csr_body(make_key(workdir / "key"), "/CN=pump-7"))
    assert_refused(merlon, plain, "pump-7", "proven to be in its TPM")
    for device, status in ((other, 403), (own, 200)):
        connection = ProofConnection(merlon, ("pump-7", token))
        answer = connection.finish(device.answer(connection.begin(device.claim()).json, "pump-7"))
        assert answer.status == status, answer
    wait_until(lambda: any("another TPM" in entry["reason"] for entry in merlon.audit(action="enrol.refused", target="pump-7")), "the refusal")


# --- an operator

def test_what_is_expected_can_be_changed_and_taken_away(merlon, workdir):
    key = make_key(workdir / "key")
    assert merlon.cli("device", "add", "pump-7", "--device-key", "00" * 32, "--serial", "SN-7").code == 0
    assert "SN-7" in merlon.cli("device", "show", "pump-7").out
    est, token = Est(merlon.enrolment_port, merlon.root), merlon.token("pump-7")
    assert est.enrol("pump-7", token, make_csr_body(key, "/CN=pump-7")).status == 403
    assert merlon.cli("device", "set", "pump-7", f"key={hash_of(key)}", "serial=").code == 0
    assert merlon.audit(action="device.changed", target="pump-7")[0]["details"] == {"field": "expectation", "key": hash_of(key)}
    assert est.enrol("pump-7", token, make_csr_body(key, "/CN=pump-7")).status == 200


def test_what_is_wrong_in_a_list_is_told_by_line(merlon):
    text = f"id,key,ek,serial\na,{'00' * 32},,\nb,,,{'7' * 65}\nc,xyz,,\nd,,{'11' * 31},\ne,,{'11' * 32},\n"
    done = import_list(merlon, text, "--batch", "1")
    told = [line for line in done.stdout.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in told] == ["line 3", "line 4", "line 5"], done
    assert "serial: longer than 64 bytes" in told[0]
    assert "key: neither 64 hex digits" in told[1] and "ek: neither" in told[2]
    again = import_list(merlon, f"id,key\na,{'22' * 32}\n")
    assert "known with another key, serial number or TPM" in again.stdout
