# SPDX-License-Identifier: Apache-2.0
"""The pre-provisioning hook: a server of the operator says yes, and nothing else counts as yes."""
import hashlib
import hmac
import json
import os
import time

import pytest
from cryptography import x509
from harness.api import ApiError
from harness.fleet import METER, FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.hook import Hook
from harness.merlon import new_key
from harness.process import build_folder
from harness.stopwatch import Stopwatch

SECRET = "a secret of the factory"


@pytest.fixture
def hook(test_ca):
    running = Hook(lambda _question: {"allowProvisioning": True})
    running.url = running.listen_tls(test_ca.server("hook.example"))
    yield running
    running.close()


def hooked(merlon, test_ca, hook, **changes):
    settings = {"url": hook.url, "ca": test_ca.certificate.read_text(encoding="ascii"), **changes}
    return set_template(merlon, hook={k: v for k, v in settings.items() if v is not None})


def provision(merlon, claim, serial="SN-001"):
    with merlon.client(claim, client_id="factory-7") as client:
        assert client.connect() == 0
        return FleetDevice(client).provision("meters", {"SerialNumber": serial}, merlon.folder)


def refused(merlon, claim, serial="SN-001") -> Rejected:
    with pytest.raises(Rejected) as caught:
        provision(merlon, claim, serial)
    assert (caught.value.status, caught.value.code) == (403, "AccessDenied")
    assert merlon.api.ask("GET", f"/v1/devices/meter-{serial}").status == 404
    return caught.value


@pytest.mark.quick
def test_it_is_asked_over_tls_with_a_signature_and_may_say_yes(merlon, test_ca, hook):
    hooked(merlon, test_ca, hook, secret=SECRET)
    claim = make_claim(merlon)
    identity = provision(merlon, claim)
    (path, headers, body), = hook.requests
    assert path == "/allow?from=merlon" and headers["Content-Type"] == "application/json"
    question = json.loads(body)
    leaf = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    assert x509.load_pem_x509_certificate(question.pop("certificatePem").encode()) == leaf
    assert question.pop("certificateId") != question.pop("claimCertificateId")
    assert question.pop("clientId")
    assert question == {"claimName": "line-3", "templateName": "meters", "parameters": {"SerialNumber": "SN-001"}}
    fields = dict(field.split("=") for field in headers["Merlon-Signature"].split(","))
    expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert fields["sha256"] == expected and abs(int(fields["t"]) - time.time()) < 60


def test_what_it_says_overrides_what_the_device_said(merlon, test_ca, hook):
    hook.answer = lambda _q: {"allowProvisioning": True, "parameterOverrides": {"Site": "oslo"}}
    hooked(merlon, test_ca, hook)
    provision(merlon, make_claim(merlon))
    assert merlon.api.get("/v1/devices/meter-SN-001")["attributes"] == {"site": "oslo"}


def test_what_it_overrides_must_match_the_template_too(merlon, test_ca, hook):
    hook.answer = lambda _q: {"allowProvisioning": True, "parameterOverrides": {"SerialNumber": "../etc"}}
    hooked(merlon, test_ca, hook)
    with pytest.raises(Rejected) as caught:
        provision(merlon, make_claim(merlon))
    assert caught.value.code == "InvalidParameters"


def test_it_may_refuse_and_the_reason_is_for_the_log(merlon, test_ca, hook):
    hook.answer = lambda q: {"allowProvisioning": q["parameters"]["SerialNumber"] == "SN-002", "reason": "not made by us"}
    hooked(merlon, test_ca, hook)
    claim = make_claim(merlon)
    assert "not made by us" not in refused(merlon, claim).message
    assert merlon.wait_for_entry("provisioning.refused", target="meter-SN-001")["reason"] == "hook refused: not made by us"
    assert provision(merlon, claim, "SN-002").name == "meter-SN-002"
    assert merlon.api.get("/v1/claims/line-3")["used"] == 1


@pytest.mark.parametrize("answer", [
    b"", b"yes", b"[]", b"{}", b'{"allowProvisioning":"true"}', b'{"allowProvisioning":1}', b'{"allowProvisioning":null}',
    b'{"allowProvisioning":true,"allowProvisioning":false}', b'{"allowProvisioning":true,"parameterOverrides":[]}',
    b'{"allowProvisioning":true,"parameterOverrides":{"Site":7}}', b'{"allowProvisioning":true}x', b"{" * 2000,
    b'{"allowProvisioning":true,"x":"' + b"y" * 70000 + b'"}',
], ids=range(13))
def test_what_is_not_a_clear_yes_is_a_no(merlon, test_ca, hook, answer):
    hook.answer = lambda _q: answer
    hooked(merlon, test_ca, hook)
    refused(merlon, make_claim(merlon))
    entry = merlon.wait_for_entry("provisioning.refused", target="meter-SN-001")
    assert entry["reason"].startswith("hook not asked: ")


@pytest.mark.parametrize("status", [201, 204, 301, 400, 403, 500])
def test_another_status_than_200_is_a_no(merlon, test_ca, hook, status):
    hook.status = status
    hooked(merlon, test_ca, hook)
    refused(merlon, make_claim(merlon))


def test_one_that_does_not_answer_in_time_is_a_no(merlon, test_ca, hook):
    hook.delay_s = 8
    hooked(merlon, test_ca, hook, timeout_s=1)
    with Stopwatch() as watch:
        refused(merlon, make_claim(merlon))
        assert watch.passed < 7


@pytest.mark.quick
def test_one_whose_name_nobody_resolves_is_a_no_in_time_and_holds_up_nobody(make_merlon, test_ca):
    """The name server does not answer, for an hour."""
    merlon = make_merlon()
    merlon.env.update(LD_PRELOAD=str(build_folder() / "tests" / "resolver" / "silent_resolver.so"),
                      ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
    merlon.init()
    merlon.start()
    set_template(merlon, hook={"url": "https://hook.silent.example/allow", "ca": test_ca.certificate.read_text(encoding="ascii"),
                               "timeout_s": 1})
    claim = make_claim(merlon)
    for serial in ("SN-001", "SN-002", "SN-003"):
        began = time.monotonic()
        with Stopwatch() as watch:
            refused(merlon, claim, serial)
            assert watch.passed < 7
        assert time.monotonic() - began >= 1
    entry = merlon.wait_for_entry("provisioning.refused", target="meter-SN-003")
    assert entry["reason"] == "hook not asked: hook.silent.example: the name was not resolved in time"
    merlon.device("pump-7")  # another enrolment


def test_one_that_is_not_there_is_a_no(merlon, test_ca, hook):
    hooked(merlon, test_ca, hook)
    hook.close()
    refused(merlon, make_claim(merlon))


def test_one_with_a_certificate_of_somebody_else_is_a_no(merlon, test_ca, hook):
    hooked(merlon, test_ca, hook, ca=merlon.root.read_text(encoding="ascii"))
    refused(merlon, make_claim(merlon))
    assert hook.requests == []


def test_a_slow_hook_holds_up_no_enrolment_and_no_request_of_the_api(merlon, test_ca, hook):
    hook.delay_s = 3
    hooked(merlon, test_ca, hook)
    claim = make_claim(merlon)
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        device.subscribe(device.register_topic("meters"))
        tokens = [device.create_certificate_from_csr(csr_pem(new_key()))["certificateOwnershipToken"] for _ in range(4)]
        for number, token in enumerate(tokens):
            payload = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": f"SN-10{number}"}}
            client.publish("$merlon/provisioning/provisioning-templates/meters/provision/json", device.write(payload))
        with Stopwatch() as watch:
            merlon.device("pump-7")
            assert watch.passed < 2
        names = {device.answer(device.register_topic("meters"))["thingName"] for _ in tokens}
    assert names == {f"meter-SN-10{number}" for number in range(4)}


def test_a_unix_socket_needs_no_certificate(merlon, workdir):
    hook = Hook(lambda _q: {"allowProvisioning": True, "parameterOverrides": {"Site": "lyon"}})
    set_template(merlon, hook={"url": hook.listen_unix(workdir / "hook.sock")})
    try:
        provision(merlon, make_claim(merlon))
    finally:
        hook.close()
    assert merlon.api.get("/v1/devices/meter-SN-001")["attributes"] == {"site": "lyon"}


@pytest.mark.parametrize("hook_settings", [
    {"url": "http://factory.example/allow"}, {"url": "https://factory.example/allow"}, {"url": "https:///x", "ca": "CA"},
    {"url": "https://u:p@factory.example/", "ca": "CA"}, {"url": "https://factory.example:70000/", "ca": "CA"},
    {"url": "https://factory.example/", "ca": "no PEM"}, {"url": "ftp://x/", "ca": "CA"}, {"url": ""}, {},
    {"url": "https://factory.example/", "ca": "CA", "timeout_s": 6}, {"url": "https://factory.example/", "ca": "CA", "timeout_s": 0},
    {"url": "https://factory.example/", "ca": "CA", "secret": "x" * 15}, {"url": "https://factory.example/", "ca": "CA", "other": 1},
    {"url": "https://factory.example/", "ca": "CA", "secret": "x" * 129},
], ids=range(14))
def test_a_hook_that_could_not_work_is_not_taken(merlon, test_ca, hook_settings):
    settings = {k: test_ca.certificate.read_text() if v == "CA" else v for k, v in hook_settings.items()}
    with pytest.raises(ApiError) as caught:
        set_template(merlon, hook=settings)
    assert caught.value.answer.status == 400


def test_its_secret_is_never_shown_and_never_goes_to_another_address(merlon, test_ca, hook):
    ca = test_ca.certificate.read_text()
    shown = hooked(merlon, test_ca, hook, secret=SECRET)
    assert shown["has_secret"] and SECRET not in json.dumps(shown)
    assert "secret" not in shown["template"]["hook"]
    assert hooked(merlon, test_ca, hook)["has_secret"]  # the address stayed, so it stays
    assert hooked(merlon, test_ca, hook)["version"] == 3
    moved = set_template(merlon, hook={"url": "https://elsewhere.example/", "ca": ca})
    assert not moved["has_secret"]
    assert SECRET not in json.dumps(merlon.audit())
    merlon.stop()
    for file in merlon.database.parent.iterdir():
        assert SECRET.encode() not in file.read_bytes()
    assert METER["device"].encode() in merlon.database.read_bytes()
