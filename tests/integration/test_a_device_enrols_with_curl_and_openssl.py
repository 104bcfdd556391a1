# SPDX-License-Identifier: Apache-2.0
"""EST (RFC 7030, RFC 8951) with tools that know nothing of Merlon."""
import base64
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID
from harness.ca import Identity, make_key, openssl
from harness.est import Est, certificates_of, curl, make_csr_body
from harness.mqtt import Closed, Mqtt

TLS = {"1.2": ["--tlsv1.2", "--tls-max", "1.2"], "1.3": ["--tlsv1.3", "--tls-max", "1.3"]}
DAY_S = 86400
SAN = "subjectAltName=URI:urn:merlon:default:device:pump-7"


@pytest.fixture(params=TLS.values(), ids=[f"tls{version}" for version in TLS])
def est(merlon, request) -> Est:
    return Est(merlon.enrolment_port, merlon.root, *request.param)


def enrol(merlon, est: Est, name: str) -> Identity:
    """By curl and openssl alone."""
    merlon.add_device(name)
    key = make_key(merlon.folder / f"{name}.key")
    answer = est.enrol(name, merlon.token(name), make_csr_body(key, f"/CN={name}"))
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, merlon.folder)
    certificate = merlon.folder / f"{name}.crt"
    certificate.write_bytes(leaf)
    return Identity(name, key, certificate)


def load(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


def ca_certificates(est: Est, folder: Path) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(pem) for pem in certificates_of(est.get("cacerts").body, folder)]


def is_lf_wrapped_base64(body: bytes) -> bool:
    lines = body.split(b"\n")
    return body.endswith(b"\n") and b"\r" not in body and all(1 <= len(line) <= 76 for line in lines[:-1])


def test_cacerts_gives_the_root_and_the_issuing_ca(merlon, est, workdir):
    answer = est.get("cacerts")
    assert answer.status == 200
    assert answer.headers["content-type"].replace(" ", "") == "application/pkcs7-mime;smime-type=certs-only"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert is_lf_wrapped_base64(answer.body)
    found = {pem for pem in certificates_of(answer.body, workdir)}
    assert len(found) == 2
    assert x509.load_pem_x509_certificate(merlon.root.read_bytes()) in [x509.load_pem_x509_certificate(pem) for pem in found]
    intermediate = workdir / "issuing.pem"
    intermediate.write_bytes(next(pem for pem in found if x509.load_pem_x509_certificate(pem)
                                  != x509.load_pem_x509_certificate(merlon.root.read_bytes())))
    openssl("verify", "-x509_strict", "-purpose", "any", "-CAfile", merlon.root, intermediate)


def test_csrattrs_are_der_that_openssl_parses(est):
    answer = est.get("csrattrs")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/csrattrs"
    text = openssl("asn1parse", "-inform", "DER", given=base64.b64decode(answer.body)).decode()
    assert "id-ecPublicKey" in text and "prime256v1" in text


@pytest.mark.quick
def test_simpleenroll_gives_the_leaf_only_in_the_form_that_strict_clients_read(merlon, est, workdir):
    merlon.add_device("pump-7")
    key = make_key(workdir / "pump-7.key")
    answer = est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7"))
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    assert answer.headers["content-transfer-encoding"] == "base64"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "transfer-encoding" not in answer.headers
    assert is_lf_wrapped_base64(answer.body)
    assert len(certificates_of(answer.body, workdir)) == 1


@pytest.mark.quick
def test_the_certificate_says_what_it_must_and_no_more(merlon, est, workdir):
    identity = enrol(merlon, est, "pump-7")
    certificate, now = load(identity), time.time()
    key = serialization.load_pem_private_key(identity.key.read_bytes(), None)

    assert certificate.public_key().public_numbers() == key.public_key().public_numbers()
    assert isinstance(certificate.public_key().curve, ec.SECP256R1)
    assert [(a.oid, a.value) for a in certificate.subject] == [(NameOID.COMMON_NAME, "pump-7")]
    assert abs(certificate.not_valid_before.timestamp() - (now - 3600)) < 120
    assert abs(certificate.not_valid_after.timestamp() - certificate.not_valid_before.timestamp() - 180 * DAY_S) <= 3600 + 120

    extensions = certificate.extensions
    assert list(extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    names = extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    assert [(type(n), n.value) for n in names] == [(x509.UniformResourceIdentifier, "urn:merlon:default:device:pump-7")]
    constraints = extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS)
    assert constraints.critical and not constraints.value.ca
    usage = extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE)
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign and not usage.value.crl_sign
    own = extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
    assert own == x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest

    issuer = next(ca for ca in ca_certificates(est, workdir) if ca.subject == certificate.issuer)
    issuer_key_id = issuer.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
    authority = extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value
    assert authority.key_identifier == issuer_key_id


def test_the_chain_verifies_strictly_and_serves_for_clients_only(merlon, est, workdir):
    identity = enrol(merlon, est, "pump-7")
    pems = certificates_of(est.get("cacerts").body, workdir)
    (workdir / "all-cas.pem").write_bytes(b"".join(pems))
    chain = ["-x509_strict", "-CAfile", merlon.root, "-untrusted", workdir / "all-cas.pem"]
    openssl("verify", *chain, "-purpose", "sslclient", identity.certificate)
    with pytest.raises(RuntimeError, match="(?i)purpose|unsuitable"):
        openssl("verify", *chain, "-purpose", "sslserver", identity.certificate)


def test_serial_numbers_are_random_128_bits(merlon, workdir):
    est = Est(merlon.enrolment_port, merlon.root)
    serials = [load(enrol(merlon, est, f"d{n}")).serial_number for n in range(8)]
    assert len(set(serials)) == 8
    assert all(0 < serial < 1 << 159 for serial in serials)
    # Of 128 random bits the upper ones are not all small: 8 in a row below 2^119 would be a chance of 2^-64.
    assert max(serial.bit_length() for serial in serials) >= 119
    # and the difference of two neighbours is as random: not a counter
    assert min(abs(a - b) for a, b in zip(serials, serials[1:])) > 1 << 64


def test_a_request_in_pem_armour_or_bare_der_is_taken(merlon, workdir):
    est = Est(merlon.enrolment_port, merlon.root)
    for name, form in (("armoured", "PEM"), ("bare", "DER")):
        merlon.add_device(name)
        key = make_key(workdir / f"{name}.key")
        body = openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-outform", form)
        assert est.enrol(name, merlon.token(name), body).status == 200


def test_a_request_may_ask_for_the_uri_it_will_get(merlon, est, workdir):
    merlon.add_device("pump-7")
    key = make_key(workdir / "pump-7.key")
    body = make_csr_body(key, "/CN=pump-7", "subjectAltName=URI:urn:merlon:default:device:pump-7")
    assert est.enrol("pump-7", merlon.token("pump-7"), body).status == 200


@pytest.mark.quick
@pytest.mark.parametrize("new_key", [True, False], ids=["new-key", "same-key"])
def test_simplereenroll_renews_with_the_present_certificate(merlon, est, workdir, new_key):
    identity = enrol(merlon, est, "pump-7")
    before = load(identity)
    key = make_key(workdir / "second.key") if new_key else identity.key
    body = make_csr_body(key, "/CN=pump-7", "subjectAltName=URI:urn:merlon:default:device:pump-7")
    answer = est.renew(identity, body)
    assert answer.status == 200, answer
    (pem,) = certificates_of(answer.body, workdir)
    after = x509.load_pem_x509_certificate(pem)
    assert after.serial_number != before.serial_number
    assert after.subject == before.subject
    assert (after.public_key().public_numbers() == before.public_key().public_numbers()) is not new_key
    merlon.wait_for_entry("device.reenrolled", target="pump-7", actor_id="pump-7", outcome="ok")

    # both certificates are good for the next renewal, so a device that lost the answer can ask again
    (workdir / "second.crt").write_bytes(pem)
    second = Identity("pump-7", key, workdir / "second.crt")
    assert est.renew(second, body).status == 200


@pytest.mark.quick
def test_the_old_certificate_is_good_until_the_new_one_was_used(merlon, est, workdir):
    old = enrol(merlon, est, "pump-7")
    key = make_key(workdir / "second.key")
    (pem,) = certificates_of(est.renew(old, make_csr_body(key, "/CN=pump-7", SAN)).body, workdir)
    (workdir / "second.crt").write_bytes(pem)
    new = Identity("pump-7", key, workdir / "second.crt")
    with Mqtt(merlon.mqtt_port, merlon.root, old) as before:
        assert before.connect("before").reason == 0  # a device that has not stored the new one yet
        with Mqtt(merlon.mqtt_port, merlon.root, new) as after:
            assert after.connect("after").reason == 0
            assert before.ends() == 0x98  # administrative action
            assert after.publish("devices/pump-7/x", b"here") == 0x10
    merlon.wait_for_entry("device.changed", target="pump-7", outcome="ok")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.mqtt_port, merlon.root, old) as again:
            again.connect("before")
    merlon.wait_for_entry("connection.refused", actor_id="pump-7", reason="revoked")


@pytest.mark.parametrize("subject, san", [
    ("/CN=pump-8", "URI:urn:merlon:default:device:pump-7"),
    ("/CN=pump-7/O=Acme", "URI:urn:merlon:default:device:pump-7"),
    ("/CN=pump-7", "URI:urn:merlon:default:device:pump-8"),
    ("/CN=pump-7", "URI:urn:merlon:default:device:pump-7,DNS:pump-7.example"),
    ("/CN=pump-7", "URI:urn:merlon:other:device:pump-7"),
    ("/CN=pump-7", "URI:urn:merlon:default:operator:pump-7"),
])
def test_simplereenroll_changes_no_name(merlon, workdir, subject, san):
    est = Est(merlon.enrolment_port, merlon.root)
    identity = enrol(merlon, est, "pump-7")
    merlon.add_device("pump-8")
    answer = est.renew(identity, make_csr_body(make_key(workdir / "new.key"), subject, f"subjectAltName={san}"))
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (400, "text/plain")
    assert answer.text.strip()
    assert merlon.wait_for_entry("enrol.refused", target="pump-7")["reason"] == answer.text.strip()


def test_simplereenroll_without_a_certificate_is_not_authentic(merlon, est, workdir):
    merlon.add_device("pump-7")
    answer = est.post("simplereenroll", make_csr_body(make_key(workdir / "k.key"), "/CN=pump-7"))
    assert answer.status == 401
    assert "www-authenticate" in answer.headers  # RFC 7230 demands it of every 401


def test_paths_and_methods_that_do_not_exist_are_told_so(merlon, est):
    assert est.get("nothing-here").status == 404
    assert est.get("simpleenroll").status == 405
    assert est.get("simpleenroll").headers["allow"] == "POST"
    assert est.post("cacerts", b"x").status == 405
    assert curl(f"https://127.0.0.1:{merlon.enrolment_port}/v1/status", root=merlon.root).status == 404
    assert curl(f"https://127.0.0.1:{merlon.enrolment_port}/metrics", root=merlon.root).status == 404


def test_the_body_must_be_pkcs10_by_its_type(merlon, est):
    merlon.add_device("pump-7")
    answer = curl(f"{est.url}/simpleenroll", "-H", "Content-Type: text/plain", "--user", f"pump-7:{merlon.token('pump-7')}",
                  root=merlon.root, data=b"x")
    assert answer.status == 415


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_older_tls_is_not_spoken(merlon, version):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.enrolment_port}", f"-{version}",
                           "-cipher", "ALL:@SECLEVEL=0", "-CAfile", str(merlon.root)],
                          input=b"", capture_output=True, check=False, timeout=20)
    assert done.returncode != 0
    assert b"BEGIN CERTIFICATE" not in done.stdout


def test_a_group_token_makes_devices_as_they_come_and_no_more_than_it_says(merlon, workdir):
    est = Est(merlon.enrolment_port, merlon.root)
    token = merlon.api.post("/v1/tokens", {"group": "pumps", "uses": 2, "life": "1h"})["token"]
    statuses = []
    for n in range(3):
        key = make_key(workdir / f"g{n}.key")
        statuses.append(est.enrol(f"g{n}", token, make_csr_body(key, f"/CN=g{n}")).status)
    assert statuses == [200, 200, 401]
    assert merlon.api.get("/v1/devices/g0")["group"] == "pumps"
    assert merlon.api.ask("GET", "/v1/devices/g2").status == 404
