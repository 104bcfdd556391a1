# SPDX-License-Identifier: Apache-2.0
"""Revocation lists and OCSP for those who have no part in Merlon: judged by openssl and python3-cryptography."""
import base64
import datetime
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID
from harness.fleet import FleetDevice, csr_pem, make_claim, set_template
from harness.merlon import Merlon, new_key, run_program
from harness.revocation import (Outside, get_path, load, number, openssl_text, request_for, serials, verify_answer,
                                with_revocation)
from harness.stopwatch import Stopwatch
from harness.waiting import DEADLINE_S, wait_until


@pytest.fixture
def merlon(processes, workdir):
    daemon = with_revocation(processes, workdir / "merlon")
    yield daemon.start()
    daemon.close()


@pytest.fixture
def outside(merlon):
    return Outside(merlon)


def revoke(merlon, name: str, reason: str = "") -> None:
    done = merlon.cli("device", "revoke", name, *(["--reason", reason] if reason else []))
    assert done.code == 0, done.err


def shard_of(certificate: x509.Certificate) -> str:
    return f"-{certificate.serial_number.to_bytes(16, 'big')[0]:02x}"


def revoke_and_wait(merlon, outside, identity, reason: str = "") -> x509.CertificateRevocationList:
    before = number(outside.list("-delta"))
    revoke(merlon, identity.name, reason)
    return outside.wait_for_number("-delta", before)


def crl_check(merlon, outside, identity, *lists) -> str:
    """What `openssl verify -crl_check` says with these lists."""
    ca = outside.file(outside.ca, "issuing.pem")
    files = [outside.file(crl, f"list{n}.pem") for n, crl in enumerate(lists)]
    options = [option for file in files for option in ("-CRLfile", file)]
    return openssl_text("verify", "-CAfile", merlon.root, "-untrusted", ca, "-crl_check", "-extended_crl", "-use_deltas",
                        *options, identity.certificate)


# --- lists

@pytest.mark.quick
def test_openssl_refuses_who_is_on_the_full_list_and_takes_the_others(merlon, outside):
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, bad)
    merlon.restart()  # makes a full list
    wait_until(lambda: load(bad).serial_number in serials(outside.list()), "a full list that has it")
    assert crl_check(merlon, outside, good, outside.list()).endswith("pump-1.crt: OK\n")
    assert "certificate revoked" in crl_check(merlon, outside, bad, outside.list())
    assert outside.list().is_signature_valid(outside.ca.public_key())


def test_a_list_says_all_that_rfc_5280_asks_of_it(merlon, outside):
    full, delta = outside.list(), outside.list("-delta")
    key = outside.ca.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
    for crl in (full, delta, outside.list("-00"), outside.list("-ff")):
        assert crl.issuer == outside.ca.subject
        assert crl.next_update > crl.last_update
        assert crl.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value.key_identifier == key
        assert not crl.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).critical
    freshest = full.extensions.get_extension_for_oid(ExtensionOID.FRESHEST_CRL)
    assert not freshest.critical
    assert freshest.value[0].full_name[0].value == f"{outside.url}/crl/{outside.name('-delta')}"
    base = delta.extensions.get_extension_for_oid(ExtensionOID.DELTA_CRL_INDICATOR)
    assert base.critical and base.value.crl_number == number(full)
    scope = outside.list("-a7").extensions.get_extension_for_oid(ExtensionOID.ISSUING_DISTRIBUTION_POINT)
    assert scope.critical
    assert scope.value.full_name[0].value == f"{outside.url}/crl/{outside.name('-a7')}"


def test_a_certificate_says_where_to_ask(merlon, outside):
    certificate = load(merlon.device("pump-1"))
    point = certificate.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS)
    assert point.value[0].full_name[0].value == f"{outside.url}/crl/{outside.name(shard_of(certificate))}"
    (access,) = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    assert access.access_method == AuthorityInformationAccessOID.OCSP
    assert access.access_location.value == f"{outside.url}/ocsp"


def test_the_shard_that_a_certificate_names_is_enough_for_openssl(merlon, outside):
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, bad)
    for identity, wanted in ((good, ": OK"), (bad, "certificate revoked")):
        assert wanted in crl_check(merlon, outside, identity, outside.list(shard_of(load(identity))))


def test_another_shard_is_not_enough(merlon, outside):
    good = merlon.device("pump-1")
    other = f"-{(load(good).serial_number.to_bytes(16, 'big')[0] + 1) % 256:02x}"
    assert "different CRL scope" in crl_check(merlon, outside, good, outside.list(other))


def test_the_delta_adds_what_its_base_has_not(merlon, outside):
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    base = outside.list()
    delta = revoke_and_wait(merlon, outside, bad)
    assert serials(delta) == {load(bad).serial_number} and not serials(base)
    assert number(outside.list()) == number(base)
    assert ": OK" in crl_check(merlon, outside, bad, base)
    assert "certificate revoked" in crl_check(merlon, outside, bad, base, delta)
    assert ": OK" in crl_check(merlon, outside, good, base, delta)


def test_the_next_delta_comes_after_its_time(processes, workdir):
    daemon = with_revocation(processes, workdir / "slow", delta_every="4s")
    daemon.start()
    outside = Outside(daemon)
    first, second = daemon.device("pump-1"), daemon.device("pump-2")
    before = revoke_and_wait(daemon, outside, first)
    with Stopwatch() as watch:
        delta = revoke_and_wait(daemon, outside, second)
        assert watch.passed < 15
    assert serials(delta) == {load(first).serial_number, load(second).serial_number}
    assert (delta.last_update - before.last_update).total_seconds() >= 3  # whole seconds of 4
    daemon.close()


def test_an_operator_s_words_become_a_reason_where_they_are_one(merlon, outside):
    lost, words = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, lost, "keyCompromise: flash was read out")
    delta = revoke_and_wait(merlon, outside, words, "fell into the sea")
    entry = delta.get_revoked_certificate_by_serial_number(load(lost).serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    assert len(delta.get_revoked_certificate_by_serial_number(load(words).serial_number).extensions) == 0


def test_numbers_only_grow_also_with_an_older_store(merlon, outside):
    seen = number(outside.list("-delta"))
    merlon.stop()
    older = merlon.database.read_bytes()
    merlon.start()
    later = number(outside.wait_for_number("-delta", seen))
    for n in range(3):
        later = number(revoke_and_wait(merlon, outside, merlon.device(f"pump-{n}")))
    merlon.stop()
    for ending in ("-wal", "-shm"):
        merlon.database.with_name(merlon.database.name + ending).unlink(missing_ok=True)
    merlon.database.write_bytes(older)
    merlon.start("--accept-rollback", "a test")
    assert number(outside.wait_for_number("", later)) > later


def test_a_reader_of_the_file_never_sees_half_of_it(merlon, outside):
    """Read without a pause while it is replaced again and again: each time it is a whole, valid list."""
    path = merlon.state / "crl" / outside.name("-delta")
    victims = [merlon.device(f"pump-{n}") for n in range(5)]
    wait_until(path.exists, "the first delta list")
    found = set()
    for victim in victims:
        revoke(merlon, victim.name)
        crl, end = None, time.monotonic() + DEADLINE_S
        while crl is None or load(victim).serial_number not in serials(crl):
            assert time.monotonic() < end, victim.name
            crl = x509.load_der_x509_crl(path.read_bytes())
            found.add(number(crl))
    assert crl.is_signature_valid(outside.ca.public_key())
    assert len(found) > 2


# --- OCSP

@pytest.mark.quick
def test_openssl_ocsp_takes_the_answers(merlon, outside):
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, bad)
    ca = outside.file(outside.ca, "issuing.pem")
    for identity, wanted in ((good, "good"), (bad, "revoked")):
        for options in ([], ["-sha256"]):
            for nonce in ("-no_nonce", "-nonce"):
                said = openssl_text("ocsp", "-issuer", ca, *options, nonce, "-cert", identity.certificate, "-url",
                                    f"{outside.url}/ocsp", "-CAfile", merlon.root)
                assert "Response verify OK" in said and f"{identity.certificate}: {wanted}" in said, said


def test_gnutls_takes_answers_and_lists_too(merlon, outside):
    """A second library: it asks by SHA-1, checks who signed, and reads the list."""
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, bad)
    outside.answer(load(good))
    ca = outside.file(outside.ca, "issuing.pem")
    for identity, wanted in ((good, "Certificate Status: good"), (bad, "Certificate Status: revoked")):
        done = subprocess.run(["ocsptool", f"--ask={outside.url}/ocsp", "--load-issuer", ca, "--load-cert", identity.certificate,
                               "--load-trust", ca], capture_output=True, text=True, check=False)
        assert wanted in done.stdout and "Verifying OCSP Response: Success" in done.stdout, done.stdout + done.stderr
    shard = outside.file(outside.list(shard_of(load(bad))), "shard.pem")
    done = subprocess.run(["certtool", "--verify-crl", "--load-ca-certificate", ca, "--infile", shard], capture_output=True, text=True,
                          check=False)
    assert "Verification output: Verified." in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()], ids=["sha1", "sha256"])
def test_an_answer_is_what_rfc_5019_asks_for(merlon, outside, algorithm):
    good, bad = merlon.device("pump-1"), merlon.device("pump-2")
    revoke_and_wait(merlon, outside, bad, "keyCompromise")
    answer = outside.answer(load(good), algorithm)
    verify_answer(answer, outside.ca)
    assert answer.certificate_status == ocsp.OCSPCertStatus.GOOD
    assert answer.serial_number == load(good).serial_number
    assert answer.responder_name is None and len(answer.responder_key_hash) == 20
    assert answer.next_update - answer.this_update == datetime.timedelta(minutes=10)
    revoked = outside.ask(load(bad), algorithm)
    verify_answer(revoked, outside.ca)
    assert revoked.certificate_status == ocsp.OCSPCertStatus.REVOKED
    assert revoked.revocation_reason == x509.ReasonFlags.key_compromise


def test_the_delegate_may_sign_answers_and_nothing_else(merlon, outside):
    (delegate,) = outside.answer(load(merlon.device("pump-1"))).certificates
    usage = delegate.extensions.get_extension_for_oid(ExtensionOID.EXTENDED_KEY_USAGE).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    assert delegate.extensions.get_extension_for_class(x509.OCSPNoCheck)
    assert not delegate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert delegate.not_valid_after - delegate.not_valid_before < datetime.timedelta(days=8)
    fingerprint = delegate.fingerprint(hashes.SHA256()).hex()
    entry = merlon.wait_for_entry("server.ocsp_certificate_issued")
    assert fingerprint in str(entry)


def test_get_is_answered_like_post_and_may_be_cached(merlon, outside):
    identity = merlon.device("pump-1")
    der = request_for(load(identity), outside.ca)
    outside.answer(load(identity))
    status, headers, body = outside.request("GET", get_path(der))
    assert (status, body) == (200, outside.request("POST", "/ocsp", der, Content_Type="application/ocsp-request")[2])
    assert headers["content-type"] == "application/ocsp-response"
    age = int(headers["cache-control"].split("max-age=")[1].split(",")[0])
    assert 0 < age <= 600 and "no-store" not in headers["cache-control"]
    assert headers["etag"] == '"' + subprocess.run(["sha1sum"], input=body, capture_output=True, check=True).stdout[:40].decode() + '"'
    assert {"last-modified", "expires", "date"} <= set(headers)
    assert outside.request("GET", get_path(der), If_None_Match=headers["etag"])[0::2] == (304, b"")


def test_base64_in_a_path_is_read_as_clients_write_it(merlon, outside):
    """RFC 6960 A.1: percent-encoded or not, also with slashes one after another."""
    identity = merlon.device("pump-1")
    der = request_for(load(identity), outside.ca, hashes.SHA256())
    outside.answer(load(identity))
    plain = outside.request("GET", "/ocsp/" + base64.b64encode(der).decode())
    assert plain[2] == outside.request("GET", get_path(der))[2]
    assert ocsp.load_der_ocsp_response(plain[2]).response_status == ocsp.OCSPResponseStatus.SUCCESSFUL


def test_what_we_never_issued_is_unauthorized(merlon, outside, workdir):
    merlon.device("pump-1")
    key = ec.generate_private_key(ec.SECP256R1())
    foreign = x509.CertificateBuilder(outside.ca.subject, outside.ca.subject, key.public_key(), x509.random_serial_number(),
                                      datetime.datetime(2026, 1, 1), datetime.datetime(2036, 1, 1)).sign(key, hashes.SHA256())
    wait_until(lambda: outside.ask(foreign).response_status == ocsp.OCSPResponseStatus.UNAUTHORIZED, "unauthorized")
    of_the_root = ocsp.OCSPRequestBuilder().add_certificate(
        outside.ca, x509.load_pem_x509_certificate(merlon.root.read_bytes()), hashes.SHA1()).build()
    body = outside.request("POST", "/ocsp", of_the_root.public_bytes(Encoding.DER), Content_Type="application/ocsp-request")[2]
    assert body == bytes([0x30, 3, 0x0A, 1, 6])


@pytest.mark.parametrize("body", [b"", b"\x30\x00", b"x" * 4096, b"\x30\x03\x0a\x01\x06"])
def test_what_is_no_request_is_malformed(outside, body):
    status, _, answer = outside.request("POST", "/ocsp", body, Content_Type="application/ocsp-request")
    assert (status, answer) == (200, bytes([0x30, 3, 0x0A, 1, 1]))


def test_other_requests_are_refused_in_http_s_own_terms(outside):
    assert outside.request("POST", "/ocsp", b"x" * 4097, Content_Type="application/ocsp-request")[0] == 413
    assert outside.request("POST", "/ocsp", b"x", Content_Type="text/plain")[0] == 415
    assert outside.request("PUT", "/ocsp", b"x")[0] == 405
    assert outside.request("GET", "/ocsp")[0] == 405
    assert outside.request("POST", f"/crl/{outside.name()}", b"x")[0] == 405
    for path in ("/", "/crl/", "/crl/../../etc/passwd", "/crl/%2e%2e/keys/root.key", "/v1/devices", "/.well-known/est/cacerts",
                 "/crl/0011223344556677.crl", f"/crl/{outside.name('-0')}", f"/crl/{outside.name('-zz')}"):
        assert outside.request("GET", path)[0] == 404, path


# --- stapling

@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("port", ["enrolment_port", "mqtt_port", "management_port"])
def test_a_handshake_carries_the_answer_about_the_server_s_own_certificate(merlon, outside, port, version):
    def said() -> str:
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{getattr(merlon, port)}", version, "-status",
                               "-CAfile", merlon.root, "-verify_return_error"], input=b"", capture_output=True, check=False)
        return done.stdout.decode(errors="replace")

    wait_until(lambda: "OCSP Response Status: successful" in said(), "a stapled answer")
    text = said()
    assert "Cert Status: good" in text and "Verify return code: 0 (ok)" in text
    shown = x509.load_pem_x509_certificate(text.partition("Server certificate\n")[2].encode())
    assert f"Serial Number: {shown.serial_number:032X}" in text


def test_curl_insists_on_a_good_staple_and_gets_it(merlon, outside):
    """--cert-status fails without a stapled answer, with one that is not signed as it must be, or not about this server."""
    def asks() -> subprocess.CompletedProcess:
        return subprocess.run(["curl", "--silent", "--show-error", "--cert-status", "--cacert", merlon.root, "--output", "/dev/null",
                               f"https://localhost:{merlon.enrolment_port}/.well-known/est/cacerts"], capture_output=True,
                              text=True, check=False)

    wait_until(lambda: asks().returncode == 0, "an answer with a staple")
    assert asks().stderr == ""


def test_who_does_not_ask_gets_no_staple(merlon, outside):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.enrolment_port}", "-CAfile", merlon.root],
                          input=b"", capture_output=True, check=False)
    assert b"OCSP" not in done.stdout


@pytest.mark.parametrize(("keys", "sentence"), [
    ({"url": "https://pki.example.org"}, "[revocation] url is http://HOST"),
    ({"url": "http://pki.example.org/"}, "[revocation] url is http://HOST"),
    ({"list_life": "10m", "list_every": "151s"}, "[revocation] list_every is more than a quarter of list_life"),
])
def test_a_configuration_that_cannot_be_is_told_at_the_start(processes, workdir, keys, sentence):
    daemon = with_revocation(processes, workdir / "wrong", **keys)
    done = run_program("merlond", "run", "--config", daemon.config)
    assert done.code != 0 and sentence in done.err


def test_lists_may_be_made_four_times_in_their_life(processes, workdir):
    daemon = with_revocation(processes, workdir / "right", list_life="10m", list_every="150s")
    daemon.start()
    outside = Outside(daemon)
    crl = outside.list()
    assert crl.next_update - crl.last_update >= datetime.timedelta(minutes=10)
    daemon.close()


def test_nothing_of_this_is_there_unless_it_is_wanted(processes, workdir):
    daemon = Merlon(processes, workdir / "plain")
    daemon.init()
    daemon.start()
    certificate = load(daemon.device("pump-1"))
    assert not (daemon.state / "crl").exists()
    assert ExtensionOID.CRL_DISTRIBUTION_POINTS not in [e.oid for e in certificate.extensions]
    daemon.close()


def test_claims_and_what_nobody_registered_are_on_the_lists_too(merlon, outside):
    set_template(merlon)
    claim = make_claim(merlon)
    with merlon.client(claim) as client:
        assert client.connect() == 0
        device = FleetDevice(client)
        device.subscribe(device.create_topic)
        lost = x509.load_pem_x509_certificate(device.create_certificate_from_csr(csr_pem(new_key()))["certificatePem"].encode())
    before = number(outside.list("-delta"))
    assert merlon.cli("claim", "revoke", "line-3", "--reason", "leaked").code == 0
    outside.wait_for_number("-delta", before)
    merlon.stop()
    with closing(sqlite3.connect(merlon.database)) as database, database:
        database.execute("UPDATE provisioning_pending SET expires = 1")
    merlon.start()
    merlon.wait_for_entry("provisioning.expired")
    merlon.restart()  # makes a full list
    wait_until(lambda: {load(claim).serial_number, lost.serial_number} <= serials(outside.list()), "both on the full list")
