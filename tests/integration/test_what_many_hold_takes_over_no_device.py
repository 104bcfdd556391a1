# SPDX-License-Identifier: Apache-2.0
"""A group's token and a claim are in many hands: they make devices, and are good for none that is somebody's already."""
import pytest
from harness.ca import make_key
from harness.est import Est, make_csr_body


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
