# SPDX-License-Identifier: Apache-2.0
"""AWS's own SDK for devices against merlond. Two things are changed: the prefix of its topics, in its own files, and the endpoint."""
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness.aws import AwsDevice, Refused, install_sdk
from harness.ca import Identity
from harness.fleet import csr_pem, make_claim, set_template
from harness.merlon import Merlon, new_key, write_identity
from harness.mqtt import Mqtt


@pytest.fixture(scope="module")
def sdk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="merlon-test-aws-") as folder:
        yield install_sdk(Path(folder))


@pytest.fixture(params=["v2", "mqtt5", "mqtt311"])
def device(request, sdk: Path, merlon: Merlon) -> AwsDevice:
    set_template(merlon)
    return AwsDevice(sdk, merlon, request.param, merlon.mqtt_port)


def provision(device: AwsDevice, serial: str) -> Identity:
    key = new_key()
    csr = device.merlon.folder / f"{serial}.csr"
    csr.write_text(csr_pem(key), encoding="ascii")
    answers = device.provision(make_claim(device.merlon), csr, {"SerialNumber": serial})
    made, thing = answers["made"], answers["thing"]
    leaf = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert made["certificateId"] == leaf.fingerprint(hashes.SHA256()).hex()
    assert thing["deviceConfiguration"] == {"interval": "60", "place": f"berlin/{serial}"}
    return write_identity(device.merlon.folder, thing["thingName"], key, made["certificatePem"].encode())


def assert_it_lives(device: AwsDevice, identity: Identity) -> None:
    """An application hears what it publishes with its own certificate."""
    merlon = device.merlon
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.application("app", subscribe=("devices/#",))) as app:
        assert app.connect("app").reason == 0
        app.subscribe("devices/#")
        device.publish(identity, f"devices/{identity.name}/state", "warm")
        message = app.receive()
    assert (message.topic, message.payload) == (f"devices/{identity.name}/state", b"warm")
    assert merlon.api.get(f"/v1/devices/{identity.name}")["state"] == "active"


def test_a_device_gets_its_certificate_registers_and_lives_on(device):
    identity = provision(device, "SN-001")
    assert identity.name == "meter-SN-001"
    assert_it_lives(device, identity)


def test_it_may_all_go_through_the_port_of_https(device):
    """The SDK's own way through firewalls: ALPN, with the name it offers on every port."""
    device.port = device.merlon.enrolment_port
    assert_it_lives(device, provision(device, "SN-002"))


def test_keys_made_by_the_server_are_refused_in_words_the_sdk_reads(device):
    with pytest.raises(Refused) as refused:
        device.provision(make_claim(device.merlon), None, {"SerialNumber": "SN-003"})
    assert refused.value.rejected == {"statusCode": 403, "errorCode": "AccessDenied",
                                      "errorMessage": "keys are made on the device: use create-from-csr"}


def test_parameters_against_the_template_are_refused_in_words_the_sdk_reads(device):
    csr = device.merlon.folder / "wrong.csr"
    csr.write_text(csr_pem(new_key()), encoding="ascii")
    with pytest.raises(Refused) as refused:
        device.provision(make_claim(device.merlon), csr, {"SerialNumber": "none"})
    assert (refused.value.rejected["statusCode"], refused.value.rejected["errorCode"]) == (400, "InvalidParameters")
