# SPDX-License-Identifier: Apache-2.0
"""Hardware proof with a TPM 2.0: swtpm and tpm2-tools are the device, its EK certificate is of a maker of its own."""
import base64
import hashlib
import re
import ssl
import time
from datetime import timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from harness.csr import respelled
from harness.maker import Maker
from harness.merlon import csr_der, new_key
from harness.tpm_device import EK_ECC, EK_RSA, ProofConnection, TpmDevice, TpmMaker, b64
from harness.waiting import wait_until

LIFE_S = 2


@pytest.fixture
def maker(workdir: Path) -> TpmMaker:
    return TpmMaker(workdir)


@pytest.fixture
def device(processes, workdir: Path, maker: TpmMaker) -> TpmDevice:
    return TpmDevice(maker.make(processes, workdir, "tpm"), maker, workdir / "device").make_keys()


@pytest.fixture
def merlon(start_merlon, device: TpmDevice):
    """After the device: the maker's root exists since its first TPM."""
    return start_merlon({"attestation": {"ek_roots": [str(device.maker.root)]}})


def connect(merlon, name: str = "pump-7", group: str = "") -> ProofConnection:
    merlon.add_device(name, group)
    return ProofConnection(merlon, (name, merlon.token(name)))


def prove(connection: ProofConnection, device: TpmDevice, name: str = "pump-7", key: str = "key"):
    begun = connection.begin(device.claim())
    assert begun.status == 200, begun
    return connection.finish(device.answer(begun.json, name, key))


@pytest.mark.parametrize("ek", [EK_RSA, EK_ECC], ids=["rsa-ek", "p384-ek"])
@pytest.mark.parametrize("ak", ["ecc", "rsa"])
def test_the_certificate_is_for_the_key_in_the_tpm(merlon, device, ek, ak):
    device.ek = ek
    device.make_keys(ak)
    answer = prove(connect(merlon), device)
    assert answer.status == 200, answer
    leaf = x509.load_der_x509_certificate(base64.b64decode(answer.json["certificate"]))
    assert leaf.subject.rfc4514_string() == "CN=pump-7"
    entry = merlon.wait_for_entry("device.hardware_proven", target="pump-7")
    assert entry["details"]["model"] == "swtpm"


def test_the_answer_says_when_to_renew_and_what_time_it_is(merlon, device):
    answer = prove(connect(merlon), device)
    leaf = x509.load_der_x509_certificate(base64.b64decode(answer.json["certificate"]))
    end = int(leaf.not_valid_after.replace(tzinfo=timezone.utc).timestamp())
    third = (end - int(leaf.not_valid_before.replace(tzinfo=timezone.utc).timestamp()) - 3600) // 3
    offer = re.fullmatch(r"start=(\d+), end=(\d+), grace=0", answer.headers["merlon-renewal"])
    assert offer is not None, answer
    assert end - third <= int(offer[1]) < int(offer[2]) <= end - third // 4
    assert abs(int(answer.headers["merlon-time"]) - time.time()) < 30


# --- who may prove

def test_a_bearer_token_admits_the_device_that_is_named_beside_it(merlon, device):
    merlon.add_device("pump-7")
    connection = ProofConnection(merlon, merlon.token("pump-7"))
    named = {"device": "pump-7"}
    begun = connection.begin(device.claim() | named)
    assert begun.status == 200, begun
    done = connection.finish(device.answer(begun.json, "pump-7") | named)
    assert done.status == 200, done
    merlon.wait_for_entry("device.hardware_proven", target="pump-7")


def test_a_bearer_token_of_another_device_admits_nobody(merlon, device):
    merlon.add_device("pump-7")
    merlon.add_device("pump-8")
    answer = ProofConnection(merlon, merlon.token("pump-8")).begin(device.claim() | {"device": "pump-7"})
    assert (answer.status, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer"), answer


def test_a_request_that_was_used_admits_nobody_in_its_second_spelling(merlon, device):
    connection = connect(merlon)
    begun = connection.begin(device.claim())
    answer = device.answer(begun.json, "pump-7")
    assert connection.finish(answer).status == 200
    again = ProofConnection(merlon, ("pump-7", merlon.token("pump-7")))
    begun = again.begin(device.claim())
    other = b64(respelled(base64.b64decode(answer["request"])))
    refused(merlon, again.finish(device.answer(begun.json, "pump-7") | {"request": other}), 403, "this request was used before; make a new one")


def register(merlon, maker: Maker, **members) -> None:
    merlon.api.post("/v1/makers", {"name": "acme", "ca": maker.roots.decode(), **members})


def approve(merlon) -> None:
    (waiting,) = [a for a in merlon.api.all_of("/v1/approvals") if a["state"] == "pending"]
    assert merlon.cli("approval", "approve", waiting["id"]).code == 0


def test_the_certificate_of_its_maker_admits_a_device(merlon, device, workdir):
    """IDevID of the board, and a TPM on it: the certificate of ours is for a key in that TPM."""
    boards = Maker(workdir)
    register(merlon, boards, approve="all", group="pumps")
    connection = ProofConnection(merlon, None, boards.device("SN-7"))
    answer = prove(connection, device, "acme-SN-7")
    assert answer.status == 200, answer
    assert "merlon-renewal" in answer.headers
    assert merlon.wait_for_entry("device.hardware_proven", target="acme-SN-7")["actor"]["auth"].startswith("certificate:")
    assert [c["hardware_held"] for c in merlon.api.get("/v1/devices/acme-SN-7")["credentials"]] == [True]


def test_a_proof_does_not_replace_the_approval_that_its_maker_needs(merlon, device, workdir):
    boards = Maker(workdir)
    register(merlon, boards, approve="manual")
    connection = ProofConnection(merlon, None, boards.device("SN-7"))
    waiting = prove(connection, device, "acme-SN-7")
    assert (waiting.status, waiting.headers["retry-after"]) == (202, "60"), waiting
    approve(merlon)
    assert prove(connection, device, "acme-SN-7").status == 200


def test_a_lost_answer_to_a_proof_is_given_again_and_one_without_proof_is_not(merlon, device, workdir):
    """By the maker's certificate; its approval was for one enrolment."""
    boards = Maker(workdir)
    register(merlon, boards, approve="manual")
    connection = ProofConnection(merlon, None, boards.device("SN-7"))
    assert connection.enrol(device.request("acme-SN-7")) == 202
    approve(merlon)
    assert connection.enrol(device.request("acme-SN-7")) == 200
    assert prove(connection, device, "acme-SN-7").status == 202  # what it got is not for a proven key
    approve(merlon)
    first, again = prove(connection, device, "acme-SN-7"), prove(connection, device, "acme-SN-7")
    assert (first.status, again.json) == (200, first.json)


# --- what is refused

def refused(merlon, answer, status: int, reason: str) -> None:
    """Told to the device and written down."""
    assert (answer.status, reason in answer.text) == (status, True), answer
    wait_until(lambda: any(reason in entry.get("reason", "") for entry in merlon.audit(action="enrol.refused")),
               f"an audit entry with {reason}")


def test_a_tpm_of_another_maker_is_refused(merlon, device, processes, workdir):
    stranger = TpmMaker(workdir, "stranger")
    other = TpmDevice(stranger.make(processes, workdir, "tpm2"), stranger, workdir / "other").make_keys()
    refused(merlon, connect(merlon).begin(other.claim()), 403, "of no maker we trust: foreign-ca")


def test_the_ek_certificate_of_another_tpm_is_refused(merlon, device, processes, workdir):
    """Both are of the same maker, and each certificate is good."""
    other = TpmDevice(device.maker.make(processes, workdir, "tpm2"), device.maker, workdir / "other").make_keys()
    claim = {**device.claim(), "ek_certificate": b64(other.ek_certificate())}
    refused(merlon, connect(merlon).begin(claim), 403, "for another key than the EK that is used")


def test_a_certificate_that_is_not_for_an_ek_is_refused(merlon, device):
    claim = {**device.claim(), "ek_certificate": b64(device.maker.issuer), "ek_chain": []}
    refused(merlon, connect(merlon).begin(claim), 403, "ca-as-leaf")


def deny(merlon, spki: bytes) -> None:
    merlon.api.post("/v1/denied-keys", {"keys": [hashlib.sha256(spki).hexdigest()], "reason": "leaked"})


def spki_of(public_key) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_key_or_a_tpm_on_the_deny_list_is_refused(merlon, device):
    connection = connect(merlon)
    deny(merlon, spki_of(load_pem_public_key(device.read("key.pem"))))
    refused(merlon, prove(connection, device), 400, "denied-key: this key is on the deny-list: leaked")
    device.make_key("next")
    deny(merlon, spki_of(x509.load_der_x509_certificate(device.ek_certificate()).public_key()))
    refused(merlon, prove(connection, device, key="next"), 400, "denied-key: this key is on the deny-list: leaked")


@pytest.mark.parametrize("attributes", ["fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign",
                                        "userwithauth|sign|sensitivedataorigin"], ids=["not-restricted", "not-fixed"])
def test_a_key_that_signs_anything_is_no_attestation_key(merlon, device, attributes):
    device.make_key("loose", attributes)
    claim = {**device.claim(), "ak_public": b64(device.read("loose.pub"))}
    refused(merlon, connect(merlon).begin(claim), 403, "the AK is not fixedTPM")


def test_the_ak_of_another_tpm_never_learns_the_secret(merlon, device, processes, workdir):
    """The challenge is for this EK with that AK, which no TPM has together."""
    other = TpmDevice(device.maker.make(processes, workdir, "tpm2"), device.maker, workdir / "other").make_keys()
    connection = connect(merlon)
    begun = connection.begin({**device.claim(), "ak_public": b64(other.read("ak.pub"))}).json
    with pytest.raises(Exception, match="activatecredential"):
        device.activate(begun)
    answer = other.answer_with(bytes(32), begun, "pump-7")
    refused(merlon, connection.finish(answer), 403, "EK and AK are not in one TPM")


def test_the_attestation_of_another_key_is_refused(merlon, device):
    connection = connect(merlon)
    device.make_key("second")
    begun = connection.begin(device.claim()).json
    answer = device.answer(begun, "pump-7")
    device.certify(base64.b64decode(begun["nonce"]), "second")
    answer |= {"attest": b64(device.read("attest")), "signature": b64(device.read("attest.sig"))}
    refused(merlon, connection.finish(answer), 403, "the attestation is about another key")


def test_a_request_for_a_key_outside_of_the_tpm_is_refused(merlon, device):
    connection = connect(merlon)
    answer = device.answer(connection.begin(device.claim()).json, "pump-7")
    answer["request"] = b64(csr_der(new_key(), "pump-7"))
    refused(merlon, connection.finish(answer), 403, "the request is for another key")


def test_a_key_that_may_leave_its_tpm_is_refused(merlon, device):
    device.make_key("loose", "userwithauth|sign|sensitivedataorigin")
    answer = prove(connect(merlon), device, key="loose")
    refused(merlon, answer, 403, "the key is not fixedTPM")


def test_an_attestation_for_another_nonce_is_refused(merlon, device):
    connection = connect(merlon)
    begun = connection.begin(device.claim()).json
    answer = device.answer({**begun, "nonce": b64(bytes(32))}, "pump-7")
    refused(merlon, connection.finish(answer), 403, "qualifyingData")


def test_a_challenge_is_answered_once(merlon, device):
    connection = connect(merlon)
    answer = device.answer(connection.begin(device.claim()).json, "pump-7")
    wrong = {**answer, "secret": b64(bytes(32))}
    refused(merlon, connection.finish(wrong), 403, "the secret is wrong")
    refused(merlon, connection.finish(answer), 403, "the challenge is not open")


def test_a_challenge_is_answered_where_it_was_given(merlon, device):
    merlon.add_device("pump-7")
    token = ("pump-7", merlon.token("pump-7"))
    answer = device.answer(ProofConnection(merlon, token).begin(device.claim()).json, "pump-7")
    refused(merlon, ProofConnection(merlon, token).finish(answer), 403, "the challenge is not open")


def test_a_challenge_is_answered_in_time(start_merlon, device):
    merlon = start_merlon({"attestation": {"ek_roots": [str(device.maker.root)], "challenge_life": f"{LIFE_S}s"}})
    connection = connect(merlon)
    answer = device.answer(connection.begin(device.claim()).json, "pump-7")
    time.sleep(LIFE_S + 0.1)
    refused(merlon, connection.finish(answer), 403, "the challenge is not open")


def test_a_renewal_with_another_key_is_proven_by_the_present_certificate(merlon, device):
    """The present key is in a file, the next one is not."""
    present = merlon.device("pump-7")
    connection = ProofConnection(merlon, None, present)
    begun = connection.begin(device.claim())
    assert begun.status == 200, begun
    uri = "urn:merlon:default:device:pump-7"
    done = connection.finish(device.answer(begun.json, "pump-7") | {"request": b64(device.request("pump-7", uri=uri))})
    assert done.status == 200, done
    assert merlon.wait_for_entry("device.hardware_proven", target="pump-7")["actor"]["auth"].startswith("certificate:")


def bound_answer(connection, device, begun) -> dict:
    request = device.request("pump-7", challenge=connection.binding())
    return device.answer(begun.json, "pump-7") | {"request": b64(request)}


def test_a_lost_answer_is_given_again(merlon, device):
    """Over TLS 1.2, whose binding Python can tell."""
    merlon.add_device("pump-7")
    token, given = ("pump-7", merlon.token("pump-7")), []
    for _ in range(2):
        connection = ProofConnection(merlon, token, version=ssl.TLSVersion.TLSv1_2)
        answer = connection.finish(bound_answer(connection, device, connection.begin(device.claim())))
        assert answer.status == 200, answer
        given.append(answer.json["certificate"])
    assert given[0] == given[1]


def test_a_certificate_that_was_got_without_proof_is_not_given_for_one(merlon, device):
    merlon.add_device("pump-7")
    token = ("pump-7", merlon.token("pump-7"))
    plain = ProofConnection(merlon, token, version=ssl.TLSVersion.TLSv1_2)
    assert plain.enrol(device.request("pump-7", challenge=plain.binding())) == 200
    connection = ProofConnection(merlon, token, version=ssl.TLSVersion.TLSv1_2)
    answer = connection.finish(bound_answer(connection, device, connection.begin(device.claim())))
    assert (answer.status, answer.text.strip()) == (401, "token refused")


def test_a_wrong_token_learns_nothing_about_hardware(merlon, device):
    merlon.add_device("pump-7")
    answer = ProofConnection(merlon, ("pump-7", "A" * 43)).begin(device.claim())
    assert (answer.status, answer.text.strip()) == (401, "token refused")


def test_a_tpm_belongs_to_one_device_until_an_operator_lifts_it(merlon, device):
    assert prove(connect(merlon, "pump-7"), device).status == 200
    device.make_key("second")
    second = connect(merlon, "pump-8")
    refused(merlon, prove(second, device, "pump-8", "second"), 403, "this TPM is that of another device")
    merlon.api.step("pump-7", "retire")
    refused(merlon, prove(second, device, "pump-8", "second"), 403, "this TPM is that of another device")
    done = merlon.cli("hardware", "lift", "pump-7", "--reason", "the board moved")
    assert done.code == 0, done
    assert prove(second, device, "pump-8", "second").status == 200
    assert merlon.audit(action="device.hardware_lifted")[0]["reason"] == "the board moved"
    assert "swtpm" in merlon.cli("hardware", "list", "pump-8").out


@pytest.mark.parametrize("body", [{}, {"ek_certificate": "!"}, {"ek_public": 7}, {"unknown": "x"}])
def test_what_cannot_be_read_is_a_bad_request(merlon, device, body):
    answer = connect(merlon).begin({**device.claim(), **body} if body else {})
    assert answer.status == 400, answer
