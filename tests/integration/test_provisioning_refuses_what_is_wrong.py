# SPDX-License-Identifier: Apache-2.0
"""What a broken or a hostile holder of a claim sends: each is answered with a code that says what to do, on a connection that
goes on, and leaves an entry that says why."""
import base64
import datetime
import json

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from harness.ca import openssl
from harness.fleet import CODECS, FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.merlon import csr_der, new_key, write_identity

FORMATS = list(CODECS)


@pytest.fixture
def device(merlon):
    """The holder of a claim, subscribed to all that answers it."""
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        yield subscribed(client)


def subscribed(client, form="json"):
    holder = FleetDevice(client, form)
    holder.subscribe(holder.create_topic)
    holder.subscribe(holder.register_topic("meters"))
    return holder


def refused(call, *arguments) -> Rejected:
    with pytest.raises(Rejected) as caught:
        call(*arguments)
    return caught.value


def goes_on(device) -> None:
    assert device.create_certificate_from_csr(csr_pem(new_key()))["certificatePem"]


# --- the message

@pytest.mark.quick
@pytest.mark.parametrize("payload", [
    b"", b"{", b"[]", b"null", b"{}", b'{"certificateSigningRequest":7}', b'{"certificateSigningRequest":""}',
    b'{"certificateSigningRequest":"x"} y', b'{"certificateSigningRequest":"\xff"}', b'{"a":"\\u0000"}',
    b'{"certificateSigningRequest":"a","certificateSigningRequest":"b"}', b"[" * 30 + b"]" * 30, b"{" + b" " * 60000,
], ids=range(13))
def test_what_is_no_request_in_json(merlon, device, payload):
    answer = refused(device.ask, device.create_topic, payload)
    assert (answer.status, answer.code) == (400, "InvalidParameters") and answer.message
    assert merlon.wait_for_entry("provisioning.refused", actor_id="line-3")["reason"] == answer.message
    goes_on(device)


@pytest.mark.parametrize("payload", [
    b"", b"{}", b"\xff", b"\x80", cbor2.dumps("x"), cbor2.dumps({}), cbor2.dumps({"certificateSigningRequest": b"bytes"}),
    cbor2.dumps({"certificateSigningRequest": "x"}) + b"\0", b"\xbf\x78\x19certificateSigningRequest\x61x\xff",
    cbor2.dumps(cbor2.CBORTag(55799, {})), b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81" * 10000, b"\xa1\x61\xff\x00",
], ids=range(13))
def test_what_is_no_request_in_cbor(merlon, payload):
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        holder = subscribed(client, "cbor")
        answer = refused(holder.ask, holder.create_topic, payload)
        assert (answer.status, answer.code) == (400, "InvalidParameters") and answer.message
        goes_on(holder)


# --- the request for a certificate

def pem_of(key) -> str:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def request_with(key) -> str:
    return openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/CN=x", given=pem_of(key)).decode()


@pytest.mark.parametrize("make", [
    lambda: request_with(rsa.generate_private_key(65537, 1024)),
    lambda: request_with(ec.generate_private_key(ec.SECP224R1())),
    lambda: request_with(ec.generate_private_key(ec.SECP256K1())),
    lambda: csr_pem(new_key()).replace("A", "B", 3),
    lambda: base64.b64encode(csr_der(new_key(), "x")[:-1] + b"\0").decode(),
    lambda: base64.b64encode(csr_der(new_key(), "x") + b"\0").decode(),
    lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    lambda: "A" * 40000,
], ids=["rsa-1024", "p-224", "secp256k1", "torn", "signature", "trailing", "another thing", "large"])
def test_a_request_that_no_enrolment_takes(merlon, device, make):
    answer = refused(device.create_certificate_from_csr, make())
    assert (answer.status, answer.code) == (400, "InvalidParameters") and answer.message
    goes_on(device)


@pytest.mark.parametrize("make", [
    lambda: request_with(ed25519.Ed25519PrivateKey.generate()), lambda: request_with(rsa.generate_private_key(65537, 2048)),
    lambda: request_with(ec.generate_private_key(ec.SECP384R1())), lambda: base64.b64encode(csr_der(new_key(), "x")).decode(),
], ids=["ed25519", "rsa-2048", "p-384", "base64"])
def test_other_keys_and_forms_are_as_good(device, make):
    assert device.create_certificate_from_csr(make())["certificatePem"]


def test_the_key_of_the_claim_which_everybody_has(merlon, device):
    claim = serialization.load_pem_private_key((merlon.folder / "line-3.key").read_bytes(), None)
    answer = refused(device.create_certificate_from_csr, csr_pem(claim))
    assert (answer.status, answer.code) == (409, "ResourceConflict") and "claim line-3" in answer.message


def test_a_key_that_is_or_was_another_devices(merlon, device):
    key = new_key()
    made = device.create_certificate_from_csr(csr_pem(key))
    device.register_thing("meters", made["certificateOwnershipToken"], {"SerialNumber": "SN-001"})
    answer = refused(device.create_certificate_from_csr, csr_pem(key))
    assert (answer.status, answer.code) == (409, "ResourceConflict") and "meter-SN-001" in answer.message
    merlon.api.step("meter-SN-001", "revoke")
    assert refused(device.create_certificate_from_csr, csr_pem(key)).code == "ResourceConflict"


def test_two_devices_whose_random_source_is_dead(merlon, device):
    """Both ask before either is registered: the second to register has somebody else's key."""
    key = new_key()
    tokens = [device.create_certificate_from_csr(csr_pem(key))["certificateOwnershipToken"] for _ in range(2)]
    device.register_thing("meters", tokens[0], {"SerialNumber": "SN-001"})
    answer = refused(device.register_thing, "meters", tokens[1], {"SerialNumber": "SN-002"})
    assert (answer.status, answer.code) == (409, "ResourceConflict")
    assert merlon.api.ask("GET", "/v1/devices/meter-SN-002").status == 404
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1  # all or nothing


# --- the registration

def test_a_token_that_is_none(merlon, device):
    token = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
    torn = ("B" if token[0] == "A" else "A") + token[1:]
    for wrong in ("", "x", torn, token[:-1], token + "A", token * 1000, "\u00fc" * 43):
        answer = refused(device.register_thing, "meters", wrong, {"SerialNumber": "SN-001"})
        assert (answer.status, answer.code) == (400, "InvalidCertificateOwnershipToken")
    entries = [e for e in merlon.audit(action="provisioning.refused") if e["target"] == "meters"]
    assert entries and token not in json.dumps(merlon.audit())
    assert device.register_thing("meters", token, {"SerialNumber": "SN-001"})["thingName"] == "meter-SN-001"


def test_the_token_of_another_claim(merlon, device):
    token = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
    with merlon.client(make_claim(merlon, "line-4")) as client:
        assert client.connect() == 0
        other = subscribed(client)
        answer = refused(other.register_thing, "meters", token, {"SerialNumber": "SN-001"})
    assert answer.code == "InvalidCertificateOwnershipToken"


@pytest.mark.parametrize("parameters", [
    {}, {"Site": "oslo"}, {"SerialNumber": "SN-1"}, {"SerialNumber": "sn-001"}, {"SerialNumber": "SN-001/x"},
    {"SerialNumber": "SN-001", "Other": "x"}, {"SerialNumber": "SN-001", "Site": "Oslo!"}, {"SerialNumber": "SN-001" + "9" * 130},
    {"SerialNumber": "SN-001#"}, {"SerialNumber": ""}, {"SerialNumber": "SN-001", "x" * 63 + "\u00fc": "x"},
], ids=range(11))
def test_parameters_that_break_the_template(merlon, device, parameters):
    token = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
    answer = refused(device.register_thing, "meters", token, parameters)
    assert (answer.status, answer.code) == (400, "InvalidParameters") and answer.message
    assert device.register_thing("meters", token, {"SerialNumber": "SN-001"})["thingName"] == "meter-SN-001"  # still good


@pytest.mark.parametrize("state", ["suspend", "retire"])
def test_a_device_that_may_not_come_back(merlon, device, state):
    merlon.add_device("meter-SN-001", "meters")
    merlon.api.step("meter-SN-001", state)
    token = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
    answer = refused(device.register_thing, "meters", token, {"SerialNumber": "SN-001"})
    assert (answer.status, answer.code) == (409, "ResourceConflict")


def test_the_daemon_dies_between_the_two_steps_and_in_the_second(merlon, device):
    """Killed without warning: what a device was told holds, and it may ask again for what it was not told."""
    key = new_key()
    made = device.create_certificate_from_csr(csr_pem(key))
    device.client.paho.loop_stop()
    merlon.kill()
    merlon.start()
    claim = write_identity(merlon.folder, "again", serialization.load_pem_private_key(
        (merlon.folder / "line-3.key").read_bytes(), None), (merlon.folder / "line-3.crt").read_bytes())
    for _ in range(2):
        with merlon.client(claim) as client:
            assert client.connect() == 0
            holder = subscribed(client)
            thing = holder.register_thing("meters", made["certificateOwnershipToken"], {"SerialNumber": "SN-001"})
            assert thing["thingName"] == "meter-SN-001"
            client.paho.loop_stop()
            merlon.kill()
            merlon.start()
    identity = write_identity(merlon.folder, "meter-SN-001", key, made["certificatePem"].encode())
    with merlon.client(identity) as client:
        assert client.connect() == 0
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1


# --- the profile "default", whose terms bind whoever comes without a label

def test_a_key_that_the_profile_does_not_certify(start_merlon):
    merlon = start_merlon(tables=[("profile", {"name": "default", "keys": ["P-384"]})])
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        holder = subscribed(client)
        answer = refused(holder.create_certificate_from_csr, csr_pem(new_key()))
        assert (answer.status, answer.message) == (400, "profile default certifies no P-256 keys")
        assert holder.create_certificate_from_csr(request_with(ec.generate_private_key(ec.SECP384R1())))["certificatePem"]


def test_a_group_that_the_profile_is_not_for(start_merlon):
    merlon = start_merlon(tables=[("profile", {"name": "default", "groups": ["pumps"]})])
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        answer = refused(FleetDevice(client).provision, "meters", {"SerialNumber": "SN-042"}, merlon.folder)
        assert answer.status == 403 and answer.message == "profile default is not for devices of this group"
    assert merlon.api.all_of("/v1/devices") == []


def test_the_life_that_the_profile_gives(start_merlon):
    merlon = start_merlon(tables=[("profile", {"name": "default", "life": "7d"})])
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        identity = FleetDevice(client).provision("meters", {"SerialNumber": "SN-042"}, merlon.folder)
    certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    assert certificate.not_valid_after - certificate.not_valid_before <= datetime.timedelta(days=7, hours=2)
    assert merlon.wait_for_entry("device.enrolled", target="meter-SN-042")["details"]["profile"] == "default"
