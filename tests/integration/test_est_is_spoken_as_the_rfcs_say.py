# SPDX-License-Identifier: Apache-2.0
"""EST (RFC 7030, 8951, 9908) beyond a plain enrolment, with curl, openssl and python3-cryptography: labels, csrattrs,
bearer tokens, proof of possession, keys made by the server, tolerance for the forms that clients send."""
import base64
import email
import os
import re
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat, PublicFormat,
                                                          load_pem_private_key, pkcs7)
from harness.bound_est import BoundEst, basic
from harness.ca import Identity, make_key, openssl
from harness.csr import (AES_128_CBC, AES_256_CBC, ASYMM_DECRYPT_KEY_ID, DECRYPT_KEY_ID, DES_EDE3_CBC, RSA_OAEP,
                         SMIME_CAPABILITIES, capabilities, csr_body, der, octets, oid)
from harness.est import Est, certificates_of, curl, make_csr_body
from harness.merlon import run_program
from harness.process import program

DAY_S = 86400
PROFILES = [
    ("profile", {"name": "gates", "life": "7d", "groups": ["gates", "doors"], "keys": ["P-384", "Ed25519"]}),
    ("profile", {"name": "bound", "proof": "first"}),
    ("profile", {"name": "always-bound", "proof": "always"}),
    ("profile", {"name": "made", "serverkeygen": True}),
]


@pytest.fixture
def merlon(start_merlon):
    return start_merlon(tables=PROFILES)


def est_of(merlon, label: str = "", *options: str) -> Est:
    est = Est(merlon.enrolment_port, merlon.root, *options)
    if label:
        est.url += "/" + label
    return est


def make_384(path: Path) -> Path:
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", path)
    return path


def enrol(merlon, est: Est, name: str, key: Path, group: str = "") -> Identity:
    merlon.add_device(name, group)
    answer = est.enrol(name, merlon.token(name), make_csr_body(key, f"/CN={name}"))
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, merlon.folder)
    (merlon.folder / f"{name}.crt").write_bytes(leaf)
    return Identity(name, key, merlon.folder / f"{name}.crt")


def load(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


def life_s(certificate: x509.Certificate) -> float:
    """Without the hour that notBefore lies back."""
    return (certificate.not_valid_after - certificate.not_valid_before).total_seconds() - 3600


# --- labels, RFC 7030 3.2.2

@pytest.mark.quick
def test_a_label_is_a_profile(merlon, workdir):
    identity = enrol(merlon, est_of(merlon, "gates"), "gate-1", make_384(workdir / "k"), group="gates")
    assert abs(life_s(load(identity)) - 7 * DAY_S) <= 2
    entry = merlon.wait_for_entry("device.enrolled", target="gate-1")
    assert entry["details"]["profile"] == "gates"
    plain = enrol(merlon, est_of(merlon), "pump-1", make_key(workdir / "k2"))
    assert abs(life_s(load(plain)) - 180 * DAY_S) <= 2
    assert merlon.wait_for_entry("device.enrolled", target="pump-1")["details"]["profile"] == "default"


@pytest.mark.parametrize("label", ["", "gates", "default"])
def test_every_operation_is_there_with_and_without_label(merlon, label):
    est = est_of(merlon, label)
    assert est.get("cacerts").status == 200
    assert est.get("csrattrs").status == 200
    assert est.get("simpleenroll").status == 405
    assert est.post("simplereenroll", b"").status == 401


@pytest.mark.parametrize("path", ["nobody/cacerts", "gates/gates/cacerts", "gates/", "gates/nothing", "GATES/cacerts",
                                  "cacerts/cacerts"])
def test_a_label_that_is_no_profile_is_not_there(merlon, path):
    answer = curl(f"{est_of(merlon).url}/{path}", "--path-as-is", root=merlon.root)
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (404, "text/plain")


def test_a_label_that_is_an_operation_stops_the_start(make_merlon):
    merlon = make_merlon(tables=[("profile", {"name": "csrattrs"})])
    merlon.init()
    ended = run_program("merlond", "run", "--config", merlon.config)
    assert ended.code != 0
    assert "csrattrs" in ended.err and "operation of EST" in ended.err


@pytest.mark.quick
def test_a_profile_is_for_devices_of_its_groups_only(merlon, workdir):
    key = make_384(workdir / "k")
    merlon.add_device("pump-1", "pumps")
    token = merlon.token("pump-1")
    answer = est_of(merlon, "gates").enrol("pump-1", token, make_csr_body(key, "/CN=pump-1"))
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (403, "text/plain")
    assert answer.text.strip() == "profile gates is not for devices of this group"
    entry = merlon.wait_for_entry("enrol.refused", target="pump-1", outcome="denied")
    assert entry["reason"] == answer.text.strip()
    assert merlon.api.get("/v1/devices/pump-1")["credentials"] == []
    assert est_of(merlon).enrol("pump-1", token, make_csr_body(key, "/CN=pump-1")).status == 200  # the token was not spoilt


def test_a_group_token_reaches_the_profile_of_its_group_only(merlon, workdir):
    token = merlon.api.post("/v1/tokens", {"group": "pumps", "uses": 1, "life": "1h"})["token"]
    body = make_csr_body(make_384(workdir / "k"), "/CN=pump-9")
    assert est_of(merlon, "gates").enrol("pump-9", token, body).status == 403
    assert merlon.api.ask("GET", "/v1/devices/pump-9").status == 404  # nothing was made on the way
    token = merlon.api.post("/v1/tokens", {"group": "doors", "uses": 1, "life": "1h"})["token"]
    assert est_of(merlon, "gates").enrol("door-9", token, make_csr_body(make_384(workdir / "k2"), "/CN=door-9")).status == 200


def test_a_renewal_is_judged_by_the_profile_too(merlon, workdir):
    identity = enrol(merlon, est_of(merlon), "pump-1", make_384(workdir / "k"), group="pumps")
    body = make_csr_body(identity.key, "/CN=pump-1", "subjectAltName=URI:urn:merlon:default:device:pump-1")
    assert est_of(merlon, "gates").renew(identity, body).status == 403
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason="profile gates is not for devices of this group")
    assert est_of(merlon).renew(identity, body).status == 200


@pytest.mark.parametrize("options, name", [
    (("EC", "ec_paramgen_curve:P-256"), "P-256"), (("RSA", "rsa_keygen_bits:2048"), "RSA"),
], ids=["p-256", "rsa"])
def test_a_profile_certifies_its_kinds_of_keys_only(merlon, workdir, options, name):
    key = workdir / "k"
    openssl("genpkey", "-algorithm", options[0], "-pkeyopt", options[1], "-out", key)
    merlon.add_device("gate-1", "gates")
    token = merlon.token("gate-1")
    answer = est_of(merlon, "gates").enrol("gate-1", token, make_csr_body(key, "/CN=gate-1"))
    assert (answer.status, answer.text.strip()) == (400, f"profile gates certifies no {name} keys")
    merlon.wait_for_entry("enrol.refused", target="gate-1", reason=answer.text.strip())
    assert est_of(merlon).enrol("gate-1", token, make_csr_body(key, "/CN=gate-1")).status == 200


@pytest.mark.parametrize("algorithm", ["P-384", "Ed25519", "RSA"])
def test_all_kinds_of_keys_are_certified_by_default(merlon, workdir, algorithm):
    key = workdir / "k"
    options = {"P-384": ("EC", "-pkeyopt", "ec_paramgen_curve:P-384"), "Ed25519": ("ED25519",),
               "RSA": ("RSA", "-pkeyopt", "rsa_keygen_bits:3072")}[algorithm]
    openssl("genpkey", "-algorithm", *options, "-out", key)
    public = openssl("pkey", "-in", key, "-pubout")
    certificate = enrol(merlon, est_of(merlon), "pump-1", key).certificate
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == public


# --- bearer token, RFC 6750

def bearer(token: str) -> tuple[str, str]:
    return "-H", f"Authorization: Bearer {token}"


@pytest.mark.quick
def test_the_token_is_good_as_bearer_too_and_the_request_names_the_device(merlon, workdir):
    merlon.add_device("pump-1")
    token, body = merlon.token("pump-1"), make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    answer = est_of(merlon).post("simpleenroll", body, *bearer(token))
    assert answer.status == 200, answer
    assert merlon.wait_for_entry("device.enrolled", target="pump-1")["actor"]["auth"].startswith("token:")
    assert est_of(merlon).post("simpleenroll", body, *bearer(token)).status == 401  # once


def test_a_bearer_token_of_another_device_or_of_nobody_is_refused(merlon, workdir):
    merlon.add_device("pump-1")
    merlon.add_device("pump-2")
    body = make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    for token, reason in ((merlon.token("pump-2"), "other-device"), ("A" * 43, "unknown"), ("x", "unknown")):
        answer = est_of(merlon).post("simpleenroll", body, *bearer(token))
        assert (answer.status, answer.text.strip()) == (401, "token refused")
        assert answer.headers["www-authenticate"] == 'Bearer realm="merlon enrolment", error="invalid_token"'
        merlon.wait_for_entry("token.refused", target="pump-1", reason=reason)


@pytest.mark.parametrize("body", [b"", b"MIIB", b"%%%"])
def test_a_bearer_token_with_a_request_that_names_nobody_is_refused(merlon, body):
    merlon.add_device("pump-1")
    token = merlon.token("pump-1")
    assert est_of(merlon).post("simpleenroll", body, *bearer(token)).status == 401
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]


def test_guessing_bearer_tokens_is_slowed_down_as_guessing_others(start_merlon, workdir):
    merlon = start_merlon({"quota": {"token_failures": 3, "exempt": []}})
    body = make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    statuses = [est_of(merlon).post("simpleenroll", body, *bearer("A" * 43)).status for _ in range(6)]
    assert statuses[0] == 401 and statuses[-1] == 429


def test_who_shows_nothing_is_told_what_is_taken(merlon, workdir):
    answer = est_of(merlon).post("simpleenroll", make_csr_body(make_key(workdir / "k"), "/CN=pump-1"))
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="merlon enrolment", Bearer realm="merlon enrolment"'


# --- forms that clients send, RFC 8951

@pytest.mark.parametrize("form", ["unwrapped", "crlf", "blanks", "wrong-encoding-header", "chunked"])
def test_a_request_is_read_in_every_form_that_clients_send(merlon, workdir, form):
    merlon.add_device("pump-1")
    key = make_key(workdir / "k")
    der = base64.b64decode(make_csr_body(key, "/CN=pump-1"))
    text = base64.b64encode(der)
    body, options = {
        "unwrapped": (text, ()),
        "crlf": (b"\r\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + b"\r\n", ()),
        "blanks": (b" \t\n" + b" ".join(text[i:i + 5] for i in range(0, len(text), 5)) + b"\n\n", ()),
        "wrong-encoding-header": (text, ("-H", "Content-Transfer-Encoding: binary")),  # RFC 8951 3: ignored
        "chunked": (base64.encodebytes(der), ("-H", "Transfer-Encoding: chunked")),
    }[form]
    answer = est_of(merlon).enrol("pump-1", merlon.token("pump-1"), body, *options)
    assert answer.status == 200, answer


# --- proof of possession, RFC 7030 3.5, RFC 9266

def connect(merlon, version: str, **options) -> BoundEst:
    return BoundEst(merlon.enrolment_port, merlon.root, version, **options)


def enrol_bound(merlon, est: BoundEst, label: str, key: Path, challenge: str) -> tuple[int, str]:
    body = make_csr_body(key, "/CN=pump-1", challenge=challenge)
    return est.post(f"{label}/simpleenroll", body, basic("pump-1", merlon.token("pump-1")))


@pytest.mark.quick
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("label", ["default", "bound", "always-bound"])
def test_a_request_bound_to_its_connection_is_taken_by_every_profile(merlon, workdir, version, label):
    merlon.add_device("pump-1")
    with connect(merlon, version) as est:
        status, text = enrol_bound(merlon, est, label, make_key(workdir / "k"), est.challenge)
    assert status == 200, text


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("label", ["default", "bound"])
def test_the_binding_of_another_connection_is_refused(merlon, workdir, version, label):
    """A request that somebody between device and server passes on; and one that is sent a second time."""
    merlon.add_device("pump-1")
    with connect(merlon, version) as other, connect(merlon, version) as est:
        status, text = enrol_bound(merlon, est, label, make_key(workdir / "k"), other.challenge)
    assert (status, text.strip()) == (400, "challengePassword is not the channel binding of this connection")
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason=text.strip())


def test_what_a_profile_demands_is_missed(merlon, workdir):
    merlon.add_device("pump-1")
    token, body = merlon.token("pump-1"), make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    for label in ("bound", "always-bound"):
        answer = est_of(merlon, label).enrol("pump-1", token, body)
        assert (answer.status, answer.text.strip()) == (400, "challengePassword with the channel binding is required")
    assert est_of(merlon).enrol("pump-1", token, body).status == 200


def test_tls_1_2_without_extended_master_secret_binds_nothing(merlon, workdir):
    merlon.add_device("pump-1")
    with connect(merlon, "1.2", extended=False) as est:
        status, text = enrol_bound(merlon, est, "default", make_key(workdir / "k"), est.challenge)
    assert (status, text.strip()) == (400, "challengePassword cannot be checked: TLS 1.2 without extended master secret")
    with connect(merlon, "1.2", extended=False) as est:  # and without challengePassword there is nothing to check
        body = make_csr_body(make_key(workdir / "k2"), "/CN=pump-1")
        assert est.post("simpleenroll", body, basic("pump-1", merlon.token("pump-1")))[0] == 200


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("label, status", [("default", 200), ("bound", 200), ("always-bound", 400)])
def test_a_renewal_without_binding_is_taken_unless_the_profile_always_wants_one(merlon, workdir, version, label, status):
    identity = enrol(merlon, est_of(merlon), "pump-1", make_key(workdir / "k"))
    san = "subjectAltName=URI:urn:merlon:default:device:pump-1"
    with connect(merlon, version, identity=identity) as est:
        assert est.post(f"{label}/simplereenroll", make_csr_body(identity.key, "/CN=pump-1", san))[0] == status
    with connect(merlon, version, identity=identity) as est:  # libest sends none here; who sends one is checked
        bound = make_csr_body(identity.key, "/CN=pump-1", san, challenge=est.challenge)
        assert est.post(f"{label}/simplereenroll", bound)[0] == 200
    with connect(merlon, version, identity=identity) as est:
        wrong = make_csr_body(identity.key, "/CN=pump-1", san, challenge="AAAA")
        assert est.post(f"{label}/simplereenroll", wrong)[0] == 400


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_resumed_connection_has_a_binding_of_its_own(merlon, workdir, version):
    identity = enrol(merlon, est_of(merlon), "pump-1", make_key(workdir / "k"))
    san = "subjectAltName=URI:urn:merlon:default:device:pump-1"
    with connect(merlon, version, identity=identity) as first:
        body = make_csr_body(identity.key, "/CN=pump-1", san, challenge=first.challenge)
        assert first.post("always-bound/simplereenroll", body)[0] == 200
    with connect(merlon, version, identity=identity, session=first.session) as again:
        assert again.resumed and again.binding != first.binding
        body = make_csr_body(identity.key, "/CN=pump-1", san, challenge=again.challenge)
        assert again.post("always-bound/simplereenroll", body)[0] == 200
    with connect(merlon, version, identity=identity, session=first.session) as again:
        body = make_csr_body(identity.key, "/CN=pump-1", san, challenge=first.challenge)
        assert again.post("always-bound/simplereenroll", body)[0] == 400


# --- a request that was used before

def test_a_request_used_again_for_another_device_is_refused_with_the_reason(merlon, workdir):
    key = make_key(workdir / "k")
    enrol(merlon, est_of(merlon), "pump-1", key)
    merlon.add_device("pump-2")
    token = merlon.token("pump-2")
    same = est_of(merlon).enrol("pump-2", token, make_csr_body(key, "/CN=pump-1"))
    assert (same.status, same.text.strip()) == (400, "subject of the request is not CN=pump-2")
    renamed = est_of(merlon).enrol("pump-2", token, make_csr_body(key, "/CN=pump-2"))
    assert renamed.status == 403 and "key" in renamed.text
    merlon.wait_for_entry("enrol.refused", target="pump-2", reason=renamed.text.strip())


@pytest.mark.parametrize("algorithm", ["EC", "ED25519"])
def test_a_request_is_good_for_one_token(merlon, workdir, algorithm):
    """Of a device whose signatures always are the same, another request is wanted; a renewal is no enrolment."""
    key = workdir / "k"
    openssl("genpkey", "-algorithm", algorithm, *(("-pkeyopt", "ec_paramgen_curve:P-256") if algorithm == "EC" else ()), "-out", key)
    merlon.add_device("pump-1")
    body = make_csr_body(key, "/CN=pump-1")
    answer = est_of(merlon).enrol("pump-1", merlon.token("pump-1"), body)
    assert answer.status == 200
    (leaf,) = certificates_of(answer.body, merlon.folder)
    (merlon.folder / "pump-1.crt").write_bytes(leaf)
    token = merlon.token("pump-1")
    again = est_of(merlon).enrol("pump-1", token, body)
    assert (again.status, again.text.strip()) == (403, "this request was used before; make a new one")
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason=again.text.strip())
    merlon.kill()
    merlon.start()
    assert est_of(merlon).enrol("pump-1", token, body).status == 403
    with connect(merlon, "1.3") as est:  # bound to its connection it is another request of the same key
        bound = make_csr_body(key, "/CN=pump-1", challenge=est.challenge)
        assert est.post("simpleenroll", bound, basic("pump-1", token))[0] == 200  # the token was not spent
    renewal = make_csr_body(key, "/CN=pump-1", "subjectAltName=URI:urn:merlon:default:device:pump-1")
    identity = Identity("pump-1", key, merlon.folder / "pump-1.crt")
    assert [est_of(merlon).renew(identity, renewal).status for _ in range(2)] == [200, 200]


def test_a_bound_request_is_good_for_one_connection(merlon, workdir):
    """Whoever got hold of token and request cannot send them again: neither is good any more."""
    merlon.api.post("/v1/devices", {"id": "pump-1"})
    key = make_key(workdir / "k")
    with connect(merlon, "1.3") as est:
        body = make_csr_body(key, "/CN=pump-1", challenge=est.challenge)
        assert est.post("bound/simpleenroll", body, basic("pump-1", merlon.token("pump-1")))[0] == 200
    with connect(merlon, "1.3") as est:
        status, text = est.post("bound/simpleenroll", body, basic("pump-1", merlon.token("pump-1")))
    assert (status, text.strip()) == (400, "challengePassword is not the channel binding of this connection")


# --- csrattrs, RFC 7030 4.5, RFC 8951 4, RFC 9908

TEMPLATE = bytes.fromhex("060b2a864886f70d010910023d")  # 1.2.840.113549.1.9.16.2.61, id-aa-certificationRequestInfoTemplate


def csrattrs(merlon, label: str = "", *options: str) -> tuple[bytes, str]:
    """The DER, and what openssl reads in it: one line an element."""
    answer = est_of(merlon, label).get("csrattrs", *options)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/csrattrs")
    der = base64.b64decode(answer.body)
    return der, openssl("asn1parse", "-inform", "DER", given=der).decode()


def elements(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element of a DER content: a third reader, so that openssl's is not alone."""
    found = []
    while der:
        length, at = der[1], 2
        if length & 0x80:
            at = 2 + (length & 0x7f)
            length = int.from_bytes(der[2:at], "big")
        found.append((der[0], der[at:at + length]))
        assert len(found[-1][1]) == length
        der = der[at + length:]
    return found


def template_of(der: bytes) -> list[tuple[int, bytes]]:
    ((outer, content),) = elements(der)
    assert outer == 0x30
    (values,) = [inside[1][1] for tag, body in elements(content) if tag == 0x30 and (inside := elements(body))
                 and b"\x06\x0b" + inside[0][1] == TEMPLATE]
    ((tag, template),) = elements(values)  # exactly one value
    assert tag == 0x30
    return elements(template)


@pytest.mark.parametrize("label, named, curve", [("", "prime256v1", "2a8648ce3d030107"), ("gates", "secp384r1", "2b81040022")])
def test_csrattrs_name_the_kind_of_key_that_the_profile_prefers(merlon, label, named, curve):
    der, text = csrattrs(merlon, label)
    assert text.count("id-ecPublicKey") == 2 and text.count(named) == 2  # in the list, and in the template
    version, subject, key, attributes = template_of(der)
    assert version == (0x02, b"\0")
    assert subject == (0x30, bytes.fromhex("310730050603550403"))  # a common name, for the device to fill in
    assert key[0] == 0xa0 and key[1].endswith(bytes.fromhex(curve))
    assert attributes == (0xa1, b"")


@pytest.mark.parametrize("label, count", [("", 0), ("bound", 2), ("always-bound", 2)])
def test_csrattrs_ask_for_a_proof_where_it_is_required(merlon, label, count):
    assert csrattrs(merlon, label)[1].count("challengePassword") == count


def test_csrattrs_of_a_device_that_shows_its_certificate_have_its_names(merlon, workdir):
    identity = enrol(merlon, est_of(merlon), "pump-1", make_key(workdir / "k"))
    der, text = csrattrs(merlon, "", "--cert", str(identity.certificate), "--key", str(identity.key))
    assert text.count("X509v3 Subject Alternative Name") == 2
    _, subject, _, (tag, attributes) = template_of(der)
    assert b"pump-1" in subject[1] and tag == 0xa1
    san = load(identity).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert san.value.public_bytes() in attributes


def test_csrattrs_may_be_empty(start_merlon):
    merlon = start_merlon(tables=[("profile", {"name": "default", "csrattrs": False})])
    assert csrattrs(merlon)[0] == b"\x30\x00"


# --- the project's own agent

def run_agent(merlon, name: str, label: str):
    pin = x509.load_pem_x509_certificate(merlon.root.read_bytes()).fingerprint(hashes.SHA256()).hex()
    token = merlon.folder / f"{name}.token"
    token.write_text(merlon.token(name), encoding="ascii")
    return run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--device", name, "--token-file", token, "--root-sha256", pin,
                       "--dir", merlon.folder / name, "--profile", label)


def test_the_agent_makes_the_key_that_csrattrs_ask_for(merlon):
    merlon.add_device("gate-1", "gates")
    done = run_agent(merlon, "gate-1", "gates")
    assert done.code == 0, done.err
    text = openssl("x509", "-in", merlon.folder / "gate-1" / "identity.pem", "-noout", "-text").decode()
    assert "secp384r1" in text
    assert merlon.wait_for_entry("device.enrolled", target="gate-1")["details"]["profile"] == "gates"


@pytest.mark.parametrize("label, code", [("nobody", 1), ("gates", 5), ("a/b", 2)])
def test_the_agent_says_why_a_profile_is_not_its(merlon, label, code):
    merlon.add_device("pump-1", "pumps")
    done = run_agent(merlon, "pump-1", label)
    assert done.code == code, done.err
    assert "profile" in done.err


def test_the_agent_binds_its_renewals(merlon):
    merlon.add_device("pump-1")
    assert run_agent(merlon, "pump-1", "always-bound").code == 0
    agent = merlon.processes.start([program("merlon-agent"), "run", "--dir", merlon.folder / "pump-1"])
    agent.wait_for_log("connection.up")
    agent.popen.send_signal(signal.SIGUSR1)
    entry = merlon.wait_for_entry("device.reenrolled", target="pump-1")
    assert entry["details"]["profile"] == "always-bound"


# --- serverkeygen, RFC 7030 4.4

def parts_of(answer) -> list[tuple[str, bytes]]:
    """Type and decoded content of each part of a multipart/mixed answer, read by Python's e-mail package."""
    assert answer.status == 200, answer
    head = b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n"
    message = email.message_from_bytes(head + answer.body)
    assert message.get_content_type() == "multipart/mixed" and message.is_multipart() and not message.defects
    parts = message.get_payload()
    assert all(part["Content-Transfer-Encoding"] == "base64" and not part.defects for part in parts)
    return [(part["Content-Type"], part.get_payload(decode=True)) for part in parts]


def keygen(merlon, body: bytes, *options: str, name: str = "pump-1", label: str = "made"):
    if not options:
        options = ("--user", f"{name}:{merlon.token(name)}")
    return est_of(merlon, label).post("serverkeygen", body, *options)


def certificate_in(der: bytes) -> x509.Certificate:
    (certificate,) = pkcs7.load_der_pkcs7_certificates(der)
    return certificate


@pytest.mark.quick
def test_a_key_made_by_the_server_comes_with_its_certificate(merlon, workdir):
    merlon.add_device("pump-1")
    own = make_key(workdir / "own")
    (key_type, key_der), (certificate_type, certs) = parts_of(keygen(merlon, make_csr_body(own, "/CN=pump-1")))
    assert key_type == "application/pkcs8"
    assert certificate_type.replace(" ", "") == "application/pkcs7-mime;smime-type=certs-only"
    key = openssl("pkcs8", "-inform", "DER", "-nocrypt", given=key_der)  # openssl reads it
    (workdir / "made.key").write_bytes(key)
    public = openssl("pkey", "-in", workdir / "made.key", "-pubout")
    certificate = certificate_in(certs)
    pem = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    assert certificate.public_key().public_bytes(*pem) == public
    assert public != openssl("pkey", "-in", own, "-pubout")  # the key of the request counts for nothing
    (workdir / "made.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    identity = Identity("pump-1", workdir / "made.key", workdir / "made.crt")
    with merlon.client(identity) as client:
        assert client.connect() == 0
    again = keygen(merlon, make_csr_body(own, "/CN=pump-1", "subjectAltName=URI:urn:merlon:default:device:pump-1"),
                   "--cert", str(identity.certificate), "--key", str(identity.key))
    assert parts_of(again)[0][1] != key_der  # by the present certificate, and another key
    merlon.wait_for_entry("device.reenrolled", target="pump-1")


def test_signature_and_kind_of_the_requests_key_count_for_nothing(merlon, workdir):
    merlon.add_device("pump-1")
    weak = rsa.generate_private_key(65537, 1024)
    assert len(parts_of(keygen(merlon, csr_body(weak, "pump-1", [], good_signature=False)))) == 2


@pytest.mark.parametrize("label", ["", "gates"])
def test_no_key_is_made_where_the_profile_does_not_offer_it(merlon, workdir, label):
    merlon.add_device("pump-1")
    body = make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    answer = keygen(merlon, body, label=label)
    assert (answer.status, answer.text.strip()) == (404, "this profile makes no keys")
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]


def test_a_made_key_is_of_the_kind_that_the_profile_prefers(start_merlon, workdir):
    merlon = start_merlon(tables=[("profile", {"name": "made", "serverkeygen": True, "keys": ["RSA", "P-384"]})])
    merlon.add_device("pump-1")
    (_, key_der), _ = parts_of(keygen(merlon, make_csr_body(make_key(workdir / "k"), "/CN=pump-1")))
    assert b"secp384r1" in openssl("pkey", "-inform", "DER", "-noout", "-text", given=key_der)


def test_who_may_not_enrol_gets_no_key_either(merlon, workdir):
    merlon.add_device("pump-1")
    body = make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    wrong = keygen(merlon, body, "--user", "pump-1:" + "A" * 43)
    assert (wrong.status, wrong.text.strip()) == (401, "token refused")
    other = keygen(merlon, make_csr_body(make_key(workdir / "k2"), "/CN=pump-2"))
    assert (other.status, other.text.strip()) == (400, "subject of the request is not CN=pump-1")
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason=other.text.strip())
    assert keygen(merlon, b"garbage").status == 400
    assert merlon.api.get("/v1/devices/pump-1")["credentials"] == []


def key_id(key) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest


def open_enveloped(merlon, workdir: Path, enveloped: bytes, key: Path) -> bytes:
    """What openssl finds: decrypted with the device's key, the signature of the server checked, the PKCS#8 in it."""
    signed = openssl("cms", "-decrypt", "-inform", "DER", "-inkey", key, given=enveloped)
    info = der(0x30, oid("1.2.840.113549.1.7.2"), der(0xa0, signed))  # openssl wants a ContentInfo around SignedData
    (workdir / "issuing.pem").write_bytes(b"".join(certificates_of(est_of(merlon).get("cacerts").body, workdir)))
    package = openssl("cms", "-verify", "-inform", "DER", "-CAfile", merlon.root, "-certfile", workdir / "issuing.pem",
                      "-purpose", "any", "-binary", given=info)
    ((tag, content),) = elements(package)  # AsymmetricKeyPackage, RFC 5958 2: of one key
    assert tag == 0x30 and len(elements(content)) == 1
    text = openssl("cms", "-cmsout", "-print", "-inform", "DER", given=info).decode()
    assert "2.16.840.1.101.2.1.2.78.5" in text  # id-ct-KP-aKeyPackage
    return content


def write_key(key, path: Path) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["p-256", "p-384", "rsa"])
@pytest.mark.parametrize("wanted", [(), (AES_256_CBC,), (DES_EDE3_CBC, AES_128_CBC), (AES_256_CBC, RSA_OAEP)],
                         ids=["no-capabilities", "aes-256", "aes-128", "oaep"])
def test_a_made_key_is_encrypted_to_the_key_that_the_request_names(merlon, workdir, kind, wanted):
    merlon.add_device("pump-1")
    own = {"p-256": lambda: ec.generate_private_key(ec.SECP256R1()), "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
           "rsa": lambda: rsa.generate_private_key(65537, 2048)}[kind]()
    attributes = [(ASYMM_DECRYPT_KEY_ID, octets(key_id(own)))]
    if wanted:
        attributes.append((SMIME_CAPABILITIES, capabilities(*wanted)))
    (key_type, enveloped), (_, certs) = parts_of(keygen(merlon, csr_body(own, "pump-1", attributes)))
    assert key_type.replace(" ", "") == "application/pkcs7-mime;smime-type=server-generated-key"
    pkcs8 = open_enveloped(merlon, workdir, enveloped, write_key(own, workdir / "own.key"))
    public = openssl("pkey", "-inform", "DER", "-pubout", given=pkcs8)
    assert certificate_in(certs).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo) == public
    text = openssl("cms", "-cmsout", "-print", "-inform", "DER", given=enveloped).decode()
    assert ("aes-128-cbc" if AES_128_CBC in wanted else "aes-256-cbc") in text
    assert ("rsaesOaep" in text) == (kind == "rsa" and RSA_OAEP in wanted)


def test_a_made_key_is_encrypted_to_the_present_certificate(merlon, workdir):
    """The key of the request is another one: what counts is the certificate of the connection."""
    identity = enrol(merlon, est_of(merlon), "pump-1", make_key(workdir / "present.key"))
    present = load_pem_private_key(identity.key.read_bytes(), None)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:merlon:default:device:pump-1")]).public_bytes()
    extensions = der(0x30, der(0x30, oid("2.5.29.17"), octets(names)))
    body = csr_body(ec.generate_private_key(ec.SECP256R1()), "pump-1",
                    [(ASYMM_DECRYPT_KEY_ID, octets(key_id(present))), ("1.2.840.113549.1.9.14", extensions)])
    (_, enveloped), _ = parts_of(keygen(merlon, body, "--cert", str(identity.certificate), "--key", str(identity.key)))
    assert open_enveloped(merlon, workdir, enveloped, identity.key)


@pytest.mark.parametrize("attributes, good, reason", [
    (lambda own: [(DECRYPT_KEY_ID, octets(b"shared"))], True, "DecryptKeyIdentifier"),
    (lambda own: [(ASYMM_DECRYPT_KEY_ID, octets(b"nobody"))], True, "AsymmetricDecryptKeyIdentifier"),
    (lambda own: [(ASYMM_DECRYPT_KEY_ID, octets(key_id(own)))], False, "AsymmetricDecryptKeyIdentifier"),  # whose is that key?
    (lambda own: [(ASYMM_DECRYPT_KEY_ID, octets(key_id(own))), (SMIME_CAPABILITIES, capabilities(DES_EDE3_CBC))], True,
     "SMIMECapabilities"),
    (lambda own: [(ASYMM_DECRYPT_KEY_ID, octets(b""))], True, "malformed"),
], ids=["shared-secret", "unknown-key", "key-not-held", "no-cipher-of-ours", "empty"])
def test_encryption_that_cannot_be_done_is_refused_and_no_key_leaves(merlon, attributes, good, reason):
    merlon.add_device("pump-1")
    own = ec.generate_private_key(ec.SECP256R1())
    answer = keygen(merlon, csr_body(own, "pump-1", attributes(own), good_signature=good))
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (400, "text/plain")
    assert reason in answer.text
    merlon.wait_for_entry("enrol.refused", target="pump-1", reason=answer.text.strip())
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]
    assert merlon.api.get("/v1/devices/pump-1")["credentials"] == []


def test_a_made_key_is_bound_to_the_connection_as_any_other(start_merlon, workdir):
    merlon = start_merlon(tables=[("profile", {"name": "made", "serverkeygen": True, "proof": "first"})])
    merlon.add_device("pump-1")
    own = make_key(workdir / "k")
    assert keygen(merlon, make_csr_body(own, "/CN=pump-1")).status == 400
    with connect(merlon, "1.3") as est:
        body = make_csr_body(own, "/CN=pump-1", challenge=est.challenge)
        assert est.post("made/serverkeygen", body, basic("pump-1", merlon.token("pump-1")))[0] == 200


def test_a_profile_may_live_longer_than_others_do(start_merlon, workdir):
    """The key process has limits of its own; it is told the longest life of all profiles."""
    merlon = start_merlon({"issuing": {"device_life": "30d"}}, [("profile", {"name": "long", "life": "900d"})])
    identity = enrol(merlon, est_of(merlon, "long"), "pump-1", make_key(workdir / "k"))
    assert abs(life_s(load(identity)) - 900 * DAY_S) <= 2


# --- the page

def test_the_lines_of_the_page_work(merlon, workdir):
    page = Path(__file__).resolve().parents[2] / "docs" / "operate" / "enrolment.md"
    blocks = re.findall(r"(?:^    .*\n)+(?:\n(?:^    .*\n)+)*", page.read_text(encoding="utf-8"), re.MULTILINE)
    lines = [textwrap.dedent(block) for block in blocks if "curl" in block or "openssl" in block]
    assert len(lines) == 3  # enrol, csrattrs, a made key
    merlon.add_device("pump-7")
    (workdir / "root.pem").write_bytes(merlon.root.read_bytes())
    for block in lines:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=workdir, capture_output=True, check=False, timeout=60,
                              env={**os.environ, "GATE": f"127.0.0.1:{merlon.enrolment_port}", "TOKEN": merlon.token("pump-7")})
        assert done.returncode == 0, (block, done.stderr)
    openssl("verify", "-partial_chain", "-CAfile", workdir / "pump-7.crt", workdir / "pump-7.crt")
    assert b"BEGIN PRIVATE KEY" in (workdir / "made.key").read_bytes()


@pytest.mark.parametrize("one_line", [False, True])
def test_base64_is_answered_in_the_form_of_the_request(merlon, workdir, one_line):
    merlon.add_device("pump-1")
    wrapped = make_csr_body(make_key(workdir / "k"), "/CN=pump-1")
    body = wrapped.replace(b"\n", b"") if one_line else wrapped
    answer = est_of(merlon).enrol("pump-1", merlon.token("pump-1"), body)
    lines = answer.body.split(b"\n")
    assert len(certificates_of(answer.body, workdir)) == 1
    assert (len(lines) == 1) if one_line else (len(lines) > 2 and lines[-1] == b"" and max(map(len, lines)) == 76)
