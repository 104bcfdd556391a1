# SPDX-License-Identifier: Apache-2.0
"""Fleet provisioning as AWS devices do it, by paho: a claim, create-from-csr, register, and a device that lives on."""
import json
import time
from datetime import timezone

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from harness.ca import Identity
from harness.est import Est, certificates_of, make_csr_body
from harness.fleet import METER, FleetDevice, Rejected, csr_pem, here, make_claim, set_template
from harness.merlon import new_key, write_identity
from harness.mqtt import Closed, Mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


BACKDATE_S = 3600


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


def provision(merlon, claim, serial, form="json", template="meters"):
    with merlon.client(claim) as client:
        assert client.connect() == 0
        return FleetDevice(client, form).provision(template, {"SerialNumber": serial}, merlon.folder)


def test_the_whole_life_of_a_provisioning_is_in_the_log(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    identity = provision(merlon, claim, "SN-002")
    leaf = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
    certified = merlon.wait_for_entry("provisioning.certified", actor_id="line-3")
    assert certified["actor"]["kind"] == "claim" and certified["details"]["fingerprint"] == fingerprint
    registered = merlon.wait_for_entry("provisioning.registered", target=identity.name)
    assert registered["details"] == {"template": "meters", "version": 1}
    for action in ("device.added", "device.activated", "device.enrolled"):
        assert merlon.wait_for_entry(action, target=identity.name)["actor"]["id"] == "line-3"
    assert merlon.wait_for_entry("claim.created", target="line-3")["details"]["templates"] == "meters=1"
    assert merlon.api.metric("merlon_provisionings_total") == 1
    assert merlon.wait_for_entry("template.set", target="meters")["details"]["version"] == 1
    assert merlon.cli("audit", "verify").code == 0


def test_the_answer_holds_the_configuration_of_the_template(merlon, form):
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        device = FleetDevice(client, form)
        device.subscribe(device.create_topic)
        device.subscribe(device.register_topic("meters"))
        made = device.create_certificate_from_csr(csr_pem(new_key()))
        assert set(made) == {"certificateId", "certificatePem", "certificateOwnershipToken", "serverTime"}
        leaf = x509.load_pem_x509_certificate(made["certificatePem"].encode())
        assert made["certificateId"] == leaf.fingerprint(hashes.SHA256()).hex()
        thing = device.register_thing("meters", made["certificateOwnershipToken"],
                                      {"SerialNumber": "SN-003", "Site": "oslo"})
    assert (thing["thingName"], thing["deviceConfiguration"]) == ("meter-SN-003", {"interval": "60", "place": "oslo/SN-003"})
    assert set(thing) == {"thingName", "deviceConfiguration", "serverTime", "renewalStart", "renewalEnd", "renewalGrace"}


def test_the_answer_says_when_to_renew_and_what_time_it_is(merlon, form):
    set_template(merlon)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        device = FleetDevice(client, form)
        device.subscribe(device.create_topic)
        device.subscribe(device.register_topic("meters"))
        made = device.create_certificate_from_csr(csr_pem(new_key()))
        request = ("meters", made["certificateOwnershipToken"], {"SerialNumber": "SN-003"})
        thing = device.register_thing(*request)
        again = device.register_thing(*request)  # the answer was lost
    leaf = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    since, end = (int(t.replace(tzinfo=timezone.utc).timestamp()) for t in (leaf.not_valid_before, leaf.not_valid_after))
    third = (end - since - BACKDATE_S) // 3
    assert end - third <= thing["renewalStart"] < thing["renewalEnd"] <= end - third // 4
    assert thing["renewalGrace"] == 0
    assert again == {**thing, "serverTime": again["serverTime"]}
    for answer in (made, thing):
        assert abs(answer["serverTime"] - time.time()) < 30 and answer["serverTime"] >= since


def test_what_was_given_along_for_the_answer_comes_back_with_it(merlon):
    """MQTT 5.0 4.10: correlation data."""
    set_template(merlon)
    with merlon.client(make_claim(merlon), protocol=paho.MQTTv5) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = b"\x00mine"
        client.paho.publish(here(device.create_topic), b"{}", 1, properties=properties)
        message = client.receive()
    assert message.topic.endswith("/rejected") and message.properties.CorrelationData == b"\x00mine"


def test_a_certificate_opens_nothing_before_it_is_registered(merlon):
    set_template(merlon)
    key = new_key()
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        made = device.create_certificate_from_csr(csr_pem(key))
    waiting = write_identity(merlon.folder, "waiting", key, made["certificatePem"].encode())
    with pytest.raises(Closed), Mqtt(merlon.mqtt_port, merlon.root, waiting) as client:
        client.connect("waiting")
    merlon.wait_for_refusals("unknown-ca", 1)  # the leaf alone leads to no root, and nobody knows it
    assert Est(merlon.enrolment_port, merlon.root).renew(waiting, b"").status in (0, 401)


def test_a_device_that_lost_the_answer_asks_again_and_is_told_the_same(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        token = device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
        device.subscribe(device.register_topic("meters"))
        first = device.register_thing("meters", token, {"SerialNumber": "SN-004"})
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.register_topic("meters"))
        assert device.register_thing("meters", token, {"SerialNumber": "SN-004"}) == first
        with pytest.raises(Rejected) as refused:  # another request is none of the same
            device.register_thing("meters", token, {"SerialNumber": "SN-005"})
    assert refused.value.code == "InvalidCertificateOwnershipToken"
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1


def test_the_first_renewal_gives_the_certificate_the_name_of_the_device(merlon):
    set_template(merlon)
    identity = provision(merlon, make_claim(merlon), "SN-006")
    before = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    name = before.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    assert name != identity.name and len(name) == 32  # made before anybody knew whose it becomes
    est = Est(merlon.enrolment_port, merlon.root)
    assert est.renew(identity, make_csr_body(identity.key, "/CN=meter-SN-999")).status == 400
    answer = est.renew(identity, make_csr_body(identity.key, f"/CN={identity.name}"))
    assert answer.status == 200, answer
    (pem,) = certificates_of(answer.body, merlon.folder)
    after = x509.load_pem_x509_certificate(pem)
    assert after.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == identity.name
    same = make_csr_body(identity.key, f"/CN={name}", f"subjectAltName=URI:urn:merlon:default:device:{name}")
    assert est.renew(identity, same).status == 200  # RFC 7030 4.2.2: the names of the present certificate


def test_a_template_may_take_expected_devices_only(merlon):
    set_template(merlon, devices="expected")
    claim = make_claim(merlon)
    merlon.add_device("meter-SN-010", "meters")
    assert provision(merlon, claim, "SN-010").name == "meter-SN-010"
    with pytest.raises(Rejected) as refused:
        provision(merlon, claim, "SN-011")
    assert (refused.value.status, refused.value.code) == (403, "AccessDenied")
    merlon.add_device("meter-SN-012", "pumps")
    with pytest.raises(Rejected) as refused:
        provision(merlon, claim, "SN-012")
    assert refused.value.code == "AccessDenied" and "group" in refused.value.message
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1


def test_a_device_that_works_is_not_taken_over_by_who_holds_the_claim(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    first = provision(merlon, claim, "SN-020")
    with pytest.raises(Rejected) as refused:
        provision(merlon, claim, "SN-020")
    assert (refused.value.status, refused.value.code) == (409, "ResourceConflict")
    with merlon.client(first) as client:
        assert client.connect() == 0
    merlon.api.step("meter-SN-020", "revoke", "factory reset")
    again = provision(merlon, claim, "SN-020")
    with merlon.client(again) as client:
        assert client.connect() == 0


def test_operators_work_from_the_command_line(merlon, workdir):
    template = workdir / "meters.json"
    template.write_text(json.dumps(METER), encoding="utf-8")
    assert "Version" in merlon.cli("template", "set", "meters", template).out
    made = merlon.cli("claim", "create", "line-4", "--template", "meters", "--uses", "2", "--expires", "12h", "--out", workdir)
    assert made.code == 0, made.err
    assert (workdir / "line-4.key").stat().st_mode & 0o777 == 0o600
    claim = Identity("line-4", workdir / "line-4.key", workdir / "line-4.pem")
    leaf = x509.load_pem_x509_certificate(claim.certificate.read_bytes())
    uri = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier)
    assert uri == ["urn:merlon:default:claim:line-4"]
    provision(merlon, claim, "SN-030", "cbor")
    shown = json.loads(merlon.cli("claim", "show", "line-4", "-o", "json").out)
    assert (shown["state"], shown["used"], shown["uses"]) == ("active", 1, 2)
    csr = workdir / "elsewhere.csr"
    csr.write_text(csr_pem(new_key(), "line-5"), encoding="ascii")
    made = merlon.cli("claim", "create", "line-5", "--template", "meters", "--uses", "1", "--csr", csr)
    assert made.code == 0 and made.out.startswith("-----BEGIN CERTIFICATE-----"), made
    refused = merlon.cli("template", "delete", "meters")
    assert refused.code != 0 and "claim line-4" in refused.err
    assert merlon.cli("claim", "revoke", "line-4", "--reason", "leaked").code == 0
    assert merlon.cli("claim", "revoke", "line-5").code == 0
    assert merlon.cli("template", "delete", "meters").code == 0
    assert [c["name"] for c in merlon.api.all_of("/v1/claims")] == ["line-4", "line-5"]


def test_claims_and_what_waits_survive_a_restart(merlon):
    set_template(merlon)
    claim, key = make_claim(merlon), new_key()
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        made = device.create_certificate_from_csr(csr_pem(key))
    merlon.restart()
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.register_topic("meters"))
        device.register_thing("meters", made["certificateOwnershipToken"], {"SerialNumber": "SN-040"})
    identity = write_identity(merlon.folder, "meter-SN-040", key, made["certificatePem"].encode())
    with merlon.client(identity) as client:
        assert client.connect() == 0
