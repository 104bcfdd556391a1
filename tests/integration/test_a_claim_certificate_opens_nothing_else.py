# SPDX-License-Identifier: Apache-2.0
"""A claim certificate is in the firmware of every device, so it will leak: what it opens, for how many, until when, and that
its holders never meet each other."""
import json

import pytest
from harness import mqtt_wire as wire
from harness.api import ApiError
from harness.est import Est, make_csr_body
from harness.fleet import FleetDevice, Rejected, csr_pem, here, make_claim, set_template
from harness.merlon import new_key
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch

NOT_AUTHORIZED, ADMINISTRATIVE_ACTION = 0x87, 0x98
CREATE = here("$aws/certificates/create-from-csr/json")
REGISTER = here("$aws/provisioning-templates/meters/provision/json")


@pytest.fixture
def claim(merlon):
    set_template(merlon)
    set_template(merlon, "valves")
    return make_claim(merlon)


def raw(merlon, identity, version=5):
    return Mqtt(merlon.mqtt_port, merlon.root, identity, version)


@pytest.mark.parametrize("topic", [
    "devices/line-3/a", "a", "$SYS/x", "$merlon/log/head", "$merlon/x", CREATE + "/accepted", CREATE + "/x", CREATE + "/",
    here("$aws/certificates/create-from-csr/xml"), here("$aws/provisioning-templates/valves/provision/json"),
    here("$aws/provisioning-templates//provision/json"), "$aws/certificates/create-from-csr/json",
])
def test_other_topics_are_denied_and_the_log_says_so(merlon, claim, topic):
    with raw(merlon, claim) as client:
        client.connect("x")
        assert client.publish(topic, b"{}") == NOT_AUTHORIZED
        assert client.publish(REGISTER, b"{}") == 0  # and the connection goes on
    assert merlon.wait_for_entry("publish.denied", target=topic)["actor"] == {
        "kind": "claim", "id": "line-3", "auth": merlon.wait_for_entry("publish.denied", target=topic)["actor"]["auth"]}


@pytest.mark.parametrize("topic", [
    "#", "+/#", "$merlon/#", "$merlon/provisioning/#", "devices/#", "$SYS/#", CREATE, CREATE + "/+", CREATE + "/accepted/#",
    "$share/all/" + CREATE + "/accepted", here("$aws/provisioning-templates/valves/provision/json/accepted"),
    here("$aws/provisioning-templates/+/provision/json/accepted"),
])
def test_other_subscriptions_are_denied_and_the_log_says_so(merlon, claim, topic):
    with raw(merlon, claim) as client:
        client.connect("x")
        assert client.subscribe((topic, 1)) == [NOT_AUTHORIZED]
    assert merlon.wait_for_entry("subscribe.denied", target=topic)["actor"]["kind"] == "claim"


def test_neither_qos_2_nor_retain_is_for_these_topics(merlon, claim):
    with raw(merlon, claim) as client:
        client.connect("x")
        assert client.subscribe((CREATE + "/accepted", 2)) == [1]
        assert client.publish(CREATE, b"{}", qos=2) == NOT_AUTHORIZED
        assert client.publish(CREATE, b"{}", retain=True) == NOT_AUTHORIZED
    with raw(merlon, claim) as client:
        refused = client.connect("x", will=wire.Will("devices/line-3/gone", b"x"))
        assert refused.reason == NOT_AUTHORIZED


def test_devices_do_not_come_in_by_these_topics(merlon, claim):
    pump = merlon.device("pump-7")
    with raw(merlon, pump) as client:
        client.connect("x")
        assert client.subscribe((CREATE + "/accepted", 1)) == [NOT_AUTHORIZED]
        assert client.publish(CREATE, b"{}") == NOT_AUTHORIZED


def test_other_doors_stay_shut(merlon, claim):
    est = Est(merlon.enrolment_port, merlon.root)
    answer = est.renew(claim, make_csr_body(claim.key, "/CN=line-3"))
    assert answer.status == 401 and "wrong-kind" in answer.text
    with pytest.raises(OSError):
        merlon.https(claim).get("/v1/status")


def test_keys_are_not_made_on_the_server(merlon, claim):
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe("$aws/certificates/create/json")
        with pytest.raises(Rejected) as refused:
            device.ask("$aws/certificates/create/json", b"")
    assert (refused.value.status, refused.value.code) == (403, "AccessDenied")
    assert "create-from-csr" in refused.value.message


def test_holders_of_one_claim_never_meet(merlon, claim):
    """All with the same client id, and each gets its own answers."""
    clients = []
    for number in range(8):
        client = raw(merlon, claim, version=5 if number % 2 else 4)
        assert client.connect("same", clean=False).reason == 0
        assert client.subscribe(CREATE + "/accepted", CREATE + "/rejected") == [1, 1]
        clients.append((client, new_key()))
    for client, key in clients:
        client.publish(CREATE, json.dumps({"certificateSigningRequest": csr_pem(key)}).encode())
    seen = set()
    for client, key in clients:
        answer = json.loads(client.receive().payload)
        seen.add(answer["certificateOwnershipToken"])
        assert client.nothing_comes(0.2)
        client.close()
    assert len(seen) == len(clients)
    with raw(merlon, claim) as client:
        assert not client.connect("same", clean=False).session_present


def test_an_answer_comes_only_where_it_was_subscribed_to(merlon, claim):
    with raw(merlon, claim) as client:
        client.connect("x")
        assert client.publish(CREATE, b"{}") == 0
        merlon.wait_for_entry("provisioning.refused", actor_id="line-3")
        assert client.nothing_comes()
        assert client.subscribe((CREATE + "/rejected", 0)) == [0]
        assert client.publish(CREATE, b"{}") == 0
        answer = client.message()
        assert (answer.topic, answer.qos) == (CREATE + "/rejected", 0)
        assert client.nothing_comes(0.2)


def test_it_is_good_for_so_many_devices_and_not_one_more(merlon):
    set_template(merlon)
    claim = make_claim(merlon, uses=2)
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        device.subscribe(device.register_topic("meters"))
        tokens = [device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"] for _ in range(3)]
        for number, token in enumerate(tokens[:2]):
            device.register_thing("meters", token, {"SerialNumber": f"SN-10{number}"})
        with pytest.raises(Rejected) as refused:
            device.register_thing("meters", tokens[2], {"SerialNumber": "SN-102"})
        assert (refused.value.code, refused.value.message) == ("AccessDenied", "the claim is used up")
        with pytest.raises(Rejected) as refused:
            device.create_certificate_from_csr(csr_pem(new_key()))
        assert refused.value.message == "the claim is used up"
    shown = merlon.api.get("/v1/claims/line-3")
    assert (shown["state"], shown["used"]) == ("used", 2)
    assert merlon.api.ask("GET", "/v1/devices/meter-SN-102").status == 404
    assert merlon.wait_for_entry("provisioning.refused", reason="the claim is used up")["outcome"] == "denied"


def test_it_ends_when_it_ends(merlon):
    set_template(merlon)
    claim = make_claim(merlon, life="6s")
    with raw(merlon, claim) as client:
        assert client.connect("x").reason == 0
        assert client.ends() == NOT_AUTHORIZED
    with pytest.raises(Closed), raw(merlon, claim) as client:
        client.connect("x")
    assert merlon.api.get("/v1/claims/line-3")["state"] == "expired"


def test_revoking_it_closes_its_connections_and_ends_what_waits(merlon, claim):
    other = make_claim(merlon, "line-4")
    pump = merlon.device("pump-7")
    clients = [raw(merlon, claim) for _ in range(4)]
    for client in clients:
        client.connect("x")
    with raw(merlon, other) as stays, raw(merlon, pump) as device:
        stays.connect("x")
        device.connect("y")
        clients[0].subscribe(CREATE + "/accepted")
        clients[0].publish(CREATE, json.dumps({"certificateSigningRequest": csr_pem(new_key())}).encode())
        token = json.loads(clients[0].receive().payload)["certificateOwnershipToken"]
        with Stopwatch() as watch:
            merlon.api.post("/v1/claims/line-3/revoke", {"reason": "leaked"})
            assert [client.ends() for client in clients] == [ADMINISTRATIVE_ACTION] * 4
            assert watch.passed < 1
        with pytest.raises(Closed), raw(merlon, claim) as client:
            client.connect("x")
        stays.subscribe(REGISTER + "/rejected")
        stays.publish(REGISTER, json.dumps({"certificateOwnershipToken": token,
                                            "parameters": {"SerialNumber": "SN-000"}}).encode())
        assert json.loads(stays.receive().payload)["errorCode"] == "InvalidCertificateOwnershipToken"
        assert device.nothing_comes(0.1)
    entry = merlon.wait_for_entry("claim.revoked", target="line-3")
    assert entry["reason"] == "leaked"
    with pytest.raises(ApiError):
        merlon.api.post("/v1/claims/line-3/revoke")
    with pytest.raises(ApiError):  # its name does not come back
        make_claim(merlon)


def test_too_many_requests_of_one_connection_at_once_are_told_to_wait(merlon, claim):
    """4 are taken; more than that only while those are under way."""
    with raw(merlon, claim) as client:
        client.connect("x")
        client.subscribe(CREATE + "/accepted", CREATE + "/rejected")
        payload = json.dumps({"certificateSigningRequest": csr_pem(new_key())}).encode()
        client.send(b"".join(wire.publish(5, CREATE, payload, 0, False, 0) for _ in range(12)))
        answers = [json.loads(client.receive().payload) for _ in range(12)]
    made = [a for a in answers if "certificatePem" in a]
    assert {a["errorCode"] for a in answers if a not in made} == {"Throttling"}
    assert 4 <= len(made) < 12
