# SPDX-License-Identifier: Apache-2.0
"""Fleet provisioning as AWS devices do it, by paho: a claim, create-from-csr, register, and a device that lives on."""
import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from harness.fleet import FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.merlon import new_key


@pytest.fixture(params=["json", "cbor"])
def form(request) -> str:
    return request.param


@pytest.fixture(params=[paho.MQTTv311, paho.MQTTv5], ids=["3.1.1", "5.0"])
def version(request) -> int:
    return request.param


@pytest.mark.quick
def test_code_written_for_aws_moves_by_topic_prefix_and_endpoint(merlon, form, version):
    set_template(merlon)
    claim = make_claim(merlon)
    with merlon.client(claim, client_id="factory", clean=False, protocol=paho.MQTTv311) as client:
        assert client.connect() == 0
        identity = FleetDevice(client, form).provision("meters", {"SerialNumber": "SN-001"}, merlon.folder)
    assert identity.name == "meter-SN-001"
    with merlon.client(identity, client_id=identity.name, protocol=version) as client:
        assert client.connect() == 0
        assert client.subscribe(f"devices/{identity.name}/orders") == 1
        client.publish(f"devices/{identity.name}/orders", b"hello")
        assert client.receive().payload == b"hello"
    device = merlon.api.get(f"/v1/devices/{identity.name}")
    assert (device["state"], device["group"], device["attributes"]) == ("active", "meters", {"site": "berlin"})
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1
