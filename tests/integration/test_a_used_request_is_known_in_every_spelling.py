# SPDX-License-Identifier: Apache-2.0
"""Whoever overheard a request may write it in another way: it stays the one that was used, whatever token comes with it."""
import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from harness.bound_est import basic
from harness.csr import oid, respelled
from harness.est import Est
from harness.merlon import csr_der, new_key

USED = "this request was used before; make a new one"


def bearer(_: str, token: str) -> str:
    return f"Authorization: Bearer {token}"


def ask(merlon, request: bytes, authorization=basic, approval: bool = False) -> tuple[int, str]:
    """With a token of pump-1 that nobody used before."""
    token = merlon.api.post("/v1/tokens", {"device": "pump-1", "life": "1h", "approval": approval})["token"]
    est = Est(merlon.enrolment_port, merlon.root, "-H", authorization("pump-1", token))
    answer = est.post("simpleenroll", base64.encodebytes(request))
    if answer.status == 202:
        (waiting,) = (a for a in merlon.api.all_of("/v1/approvals") if a["state"] == "pending")
        merlon.api.post(f"/v1/approvals/{waiting['id']}/approve")
        answer = est.post("simpleenroll", base64.encodebytes(request))
    return answer.status, answer.text.strip()


@pytest.mark.quick
@pytest.mark.parametrize("how", [{}, {"authorization": bearer}, {"approval": True}], ids=["basic", "bearer", "approved"])
def test_the_second_spelling_of_an_ecdsa_signature_is_a_used_request(merlon, how):
    merlon.add_device("pump-1")
    request = csr_der(new_key(), "pump-1")
    assert ask(merlon, request, **how)[0] == 200
    assert ask(merlon, respelled(request), **how) == (403, USED)
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason=USED)
    assert ask(merlon, request, **how) == (403, USED)
    assert len(merlon.api.get("/v1/devices/pump-1")["credentials"]) == 1


def test_it_is_so_the_other_way_round_after_a_restart_and_on_another_curve(merlon):
    merlon.add_device("pump-1")
    request = csr_der(ec.generate_private_key(ec.SECP384R1()), "pump-1")
    assert ask(merlon, respelled(request))[0] == 200
    merlon.kill()
    merlon.start()
    assert ask(merlon, request) == (403, USED)


def test_the_same_key_and_names_signed_anew_are_another_request(merlon):
    merlon.add_device("pump-1")
    key = new_key()
    assert [ask(merlon, csr_der(key, "pump-1"))[0] for _ in range(2)] == [200, 200]


def test_an_rsa_request_is_the_same_with_and_without_null(merlon):
    """RFC 4055 5: the parameters of the algorithm are NULL, and absent is accepted."""
    merlon.add_device("pump-1")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pump-1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(
        rsa.generate_private_key(65537, 2048), hashes.SHA256()).public_bytes(Encoding.DER)
    assert ask(merlon, respelled(request, oid("1.2.840.113549.1.1.11")))[0] == 200
    assert ask(merlon, request) == (403, USED)


def test_a_signature_in_ber_is_refused(merlon):
    """X.690 8.3.2: an INTEGER has no needless zero in front."""
    merlon.add_device("pump-1")
    status, text = ask(merlon, respelled(csr_der(new_key(), "pump-1"), zeros=2))
    assert status == 400 and text.startswith("bad-signature:"), text
