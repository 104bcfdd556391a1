# SPDX-License-Identifier: Apache-2.0
"""A group's token and a claim are in many hands: they make devices, and are good for none that is somebody's already."""
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.ca import make_key
from harness.est import Est, make_csr_body
from harness.fleet import METER, FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.merlon import new_key


@pytest.fixture
def est(merlon) -> Est:
    return Est(merlon.enrolment_port, merlon.root)


def body_for(workdir, device: str, key: str):
    return make_csr_body(make_key(workdir / f"{key}.key"), f"/CN={device}")


def group_token(merlon, **more) -> str:
    return merlon.api.post("/v1/tokens", {"group": "pumps", "uses": 2, "life": "1h", **more})["token"]


@pytest.mark.quick
@pytest.mark.parametrize("state", ["active", "quarantined"])
def test_a_group_token_is_good_for_no_device_that_works(merlon, est, workdir, state):
    token = group_token(merlon)
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7", "own")).status == 200
    if state == "quarantined":
        merlon.api.step("pump-7", "quarantine", "odd")
    answer = est.enrol("pump-7", token, body_for(workdir, "pump-7", "thief"))
    assert answer.status == 403 and "not expected" in answer.text, answer
    merlon.wait_for_entry("enrol.refused", target="pump-7", outcome="denied")
    assert len(merlon.api.get("/v1/devices/pump-7")["credentials"]) == 1
    assert merlon.api.all_of("/v1/tokens")[0]["used"] == 1
    assert est.enrol("pump-8", token, body_for(workdir, "pump-8", "other")).status == 200  # the use was not spent


def test_a_token_of_its_own_is_good_for_a_device_that_works(merlon, est, workdir):
    assert est.enrol("pump-7", group_token(merlon), body_for(workdir, "pump-7", "first")).status == 200
    assert est.enrol("pump-7", merlon.token("pump-7"), body_for(workdir, "pump-7", "second")).status == 200


def test_a_group_token_takes_a_device_that_is_expected_or_was_revoked(merlon, est, workdir):
    token = group_token(merlon)
    merlon.add_device("pump-7", "pumps")
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7", "first")).status == 200
    merlon.api.step("pump-7", "revoke", "factory reset")
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7", "second")).status == 200


def test_no_more_wait_for_approval_than_the_token_has_uses(merlon, est, workdir):
    token = group_token(merlon, approval=True)

    def ask(device: str):
        return est.enrol(device, token, body_for(workdir, device, device))

    assert [ask(name).status for name in ("pump-1", "pump-2", "pump-1")] == [202, 202, 202]
    answer = ask("pump-3")
    assert answer.status == 403 and "as this token has uses left" in answer.text, answer
    assert {d["id"] for d in merlon.api.all_of("/v1/devices")} == {"pump-1", "pump-2"}
    (first,) = [a for a in merlon.api.all_of("/v1/approvals") if a["device"] == "pump-1"]
    merlon.api.post(f"/v1/approvals/{first['id']}/refuse", {"reason": "not ours"})
    assert ask("pump-3").status == 202  # who was refused makes room


def test_a_device_that_asks_at_once_and_again_waits_once(merlon, workdir):
    """The last use of a token is not taken by the device's own other request."""
    token, body = group_token(merlon, uses=1, approval=True), body_for(workdir, "pump-1", "own")
    ests = [Est(merlon.enrolment_port, merlon.root) for _ in range(8)]
    with ThreadPoolExecutor(len(ests)) as pool:
        statuses = list(pool.map(lambda each: each.enrol("pump-1", token, body).status, ests))
    assert statuses == [202] * len(ests)
    assert len(merlon.api.all_of("/v1/approvals")) == 1


# --- claims

def without_group() -> dict:
    return {name: member for name, member in METER.items() if name != "group"}


def provision(merlon, claim, serial: str):
    with merlon.client(claim) as client:
        assert client.connect() == 0
        return FleetDevice(client, "json").provision("meters", {"SerialNumber": serial}, merlon.folder)


def assert_denied(merlon, claim, serial: str, word: str) -> None:
    with pytest.raises(Rejected) as refused:
        provision(merlon, claim, serial)
    assert refused.value.code == "AccessDenied" and word in refused.value.message, refused.value.message
    merlon.wait_for_entry("provisioning.refused", target=f"meter-{serial}", outcome="denied")
    assert merlon.api.get(f"/v1/devices/meter-{serial}")["state"] == "expected"


@pytest.mark.quick
@pytest.mark.parametrize("devices", ["new", "expected"])
def test_a_claim_without_a_group_takes_no_expected_device_of_any(merlon, devices):
    merlon.api.do("PUT", "/v1/templates/meters", {**without_group(), "devices": devices})
    claim = make_claim(merlon)
    merlon.add_device("meter-SN-001", "doors")
    assert_denied(merlon, claim, "SN-001", "group")
    merlon.add_device("meter-SN-002")
    assert provision(merlon, claim, "SN-002").name == "meter-SN-002"
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1


def test_a_claim_takes_no_device_that_has_a_token_of_its_own(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    merlon.add_device("meter-SN-001", "meters")
    made = merlon.api.post("/v1/tokens", {"device": "meter-SN-001", "life": "1h"})
    assert_denied(merlon, claim, "SN-001", "token of its own")
    merlon.api.do("DELETE", f"/v1/tokens/{made['id']}")
    assert provision(merlon, claim, "SN-001").name == "meter-SN-001"


def test_a_claim_takes_no_device_that_is_expected_with_another_key(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    merlon.api.post("/v1/devices", {"id": "meter-SN-001", "group": "meters", "key": "ab" * 32})
    assert_denied(merlon, claim, "SN-001", "another key")


def test_a_request_that_differs_behind_a_nul_is_another_request(merlon):
    set_template(merlon, parameters={**METER["parameters"], "Note": {"pattern": "*"}})
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        holder = FleetDevice(client, "cbor")
        holder.subscribe(holder.create_topic)
        holder.subscribe(holder.register_topic("meters"))
        token = holder.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"]
        asked = {"SerialNumber": "SN-001", "Note": "a\0b"}
        assert holder.register_thing("meters", token, asked)["thingName"] == "meter-SN-001"
        assert holder.register_thing("meters", token, asked)["thingName"] == "meter-SN-001"
        with pytest.raises(Rejected) as refused:
            holder.register_thing("meters", token, {**asked, "Note": "a\0c"})
        assert refused.value.code == "InvalidCertificateOwnershipToken"
