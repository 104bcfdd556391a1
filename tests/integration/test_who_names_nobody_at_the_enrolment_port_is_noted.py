# SPDX-License-Identifier: Apache-2.0
"""A header that names nobody and a body that is no message are denials as others are: in the log, and the first counts as a guess."""
import json

import pytest
from harness.ca import make_key
from harness.est import Est, curl, make_csr_body

BROKEN = "Authorization: Basic !!!"


def enrol_with(merlon, workdir, *options: str):
    return Est(merlon.enrolment_port, merlon.root).post("simpleenroll", make_csr_body(make_key(workdir / "k"), "/CN=pump-1"), *options)


def attest(merlon, step: str, body: bytes, *options: str):
    return curl(f"https://127.0.0.1:{merlon.enrolment_port}/.well-known/merlon/attest/{step}", *options,
                "-H", "Content-Type: application/json", root=merlon.root, data=body)


@pytest.mark.quick
def test_a_malformed_header_is_noted_and_counted(start_merlon, workdir):
    merlon = start_merlon({"quota": {"token_failures": 3, "exempt": []}})
    statuses = [enrol_with(merlon, workdir, "-H", BROKEN).status for _ in range(6)]
    assert statuses[0] == 401 and statuses[-1] == 429, statuses
    entry = merlon.wait_for_entry("enrol.refused", outcome="denied")
    assert entry["source"].startswith("127.0.0.1:") and entry["reason"]


@pytest.mark.parametrize("step", ["begin", "finish"])
def test_a_malformed_header_for_an_attestation_is_noted_and_counted(start_merlon, step):
    merlon = start_merlon({"quota": {"token_failures": 3, "exempt": []}})
    statuses = [attest(merlon, step, b"{}", "-H", BROKEN).status for _ in range(6)]
    assert statuses[0] == 401 and statuses[-1] == 429, statuses
    merlon.wait_for_entry("enrol.refused", outcome="denied")


@pytest.mark.parametrize("step", ["begin", "finish"])
@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", json.dumps({"device": 7}).encode()], ids=range(4))
def test_a_body_that_is_no_attestation_is_noted(merlon, step, body):
    answer = attest(merlon, step, body, "--user", "pump-7:wrong")
    assert answer.status == 400, answer
    entry = merlon.wait_for_entry("enrol.refused", target="pump-7", outcome="denied")
    assert entry["reason"] == answer.text.strip()
