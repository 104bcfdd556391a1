# SPDX-License-Identifier: Apache-2.0
"""Tokens and requests that an attacker or a broken device sends: each is refused with a status that says what to do, and
leaves an audit entry that says why. What the peer is told about a token is always the same."""
import base64
import sqlite3
import ssl
import subprocess
from contextlib import closing

import pytest
from cryptography import x509
from harness.ca import make_key, openssl
from harness.client import TLS_1_2, tls_context
from harness.est import Est, make_csr_body
from harness.waiting import wait_until

KIB = 1024


@pytest.fixture
def est(merlon) -> Est:
    return Est(merlon.enrolment_port, merlon.root)


def body_for(workdir, name: str) -> bytes:
    return make_csr_body(make_key(workdir / f"{name}.key"), f"/CN={name}")


def der_for(workdir, name: str) -> bytes:
    return base64.b64decode(body_for(workdir, name))


def assert_token_refused(merlon, answer, device: str, reason: str) -> None:
    assert (answer.status, answer.text.strip()) == (401, "token refused")
    assert answer.headers["www-authenticate"].startswith("Basic ")
    entry = merlon.wait_for_entry("token.refused", target=device, reason=reason)
    assert entry["outcome"] == "denied"
    assert entry["source"].startswith("127.0.0.1:")


# --- keys

@pytest.mark.quick
def test_a_key_that_is_another_devices(merlon, est, workdir):
    """A copied image, or a random source that gives every device the same."""
    key = make_key(workdir / "same.key")
    for name in ("pump-7", "pump-8"):
        merlon.add_device(name)
    assert est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7")).status == 200
    token = merlon.token("pump-8")
    answer = est.enrol("pump-8", token, make_csr_body(key, "/CN=pump-8"))
    assert (answer.status, answer.text.strip()) == (403, "this key is that of device pump-7; make a new one")
    merlon.wait_for_entry("enrol.refused", target="pump-8", outcome="denied")
    assert est.enrol("pump-8", token, body_for(workdir, "pump-8")).status == 200  # the token was not spent


def test_a_key_that_was_stored_before_keys_were(merlon, est, workdir):
    key = make_key(workdir / "same.key")
    for name in ("pump-7", "pump-8"):
        merlon.add_device(name)
    assert est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7")).status == 200
    merlon.stop()
    with closing(sqlite3.connect(merlon.database)) as database, database:
        assert database.execute("UPDATE credentials SET key = NULL").rowcount >= 1
    merlon.start()
    again = Est(merlon.enrolment_port, merlon.root)
    assert again.enrol("pump-8", merlon.token("pump-8"), make_csr_body(key, "/CN=pump-8")).status == 403


# --- tokens

@pytest.mark.quick
def test_a_token_used_twice(merlon, est, workdir):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7")).status == 200
    assert_token_refused(merlon, est.enrol("pump-7", token, body_for(workdir, "pump-7")), "pump-7", "used")


def test_a_token_that_expired(merlon, est, workdir):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7", life="1s")
    wait_until(lambda: merlon.api.all_of("/v1/tokens")[0]["state"] == "expired", "the token to expire")
    assert_token_refused(merlon, est.enrol("pump-7", token, body_for(workdir, "pump-7")), "pump-7", "expired")


@pytest.mark.quick
def test_a_token_for_another_device(merlon, est, workdir):
    merlon.add_device("pump-7")
    merlon.add_device("pump-8")
    token = merlon.token("pump-8")
    assert_token_refused(merlon, est.enrol("pump-7", token, body_for(workdir, "pump-7")), "pump-7", "other-device")
    assert est.enrol("pump-8", token, body_for(workdir, "pump-8")).status == 200  # it was not spoilt


@pytest.mark.parametrize("token", ["garbage", "A" * 43, "A" * 42, "A" * 44, "%00", "", "' OR 1=1 --", "ä" * 20])
def test_a_token_that_never_was(merlon, est, workdir, token):
    merlon.add_device("pump-7")
    assert_token_refused(merlon, est.enrol("pump-7", token, body_for(workdir, "pump-7")), "pump-7", "unknown")


def test_a_token_that_was_cancelled(merlon, est, workdir):
    merlon.add_device("pump-7")
    made = merlon.api.post("/v1/tokens", {"device": "pump-7"})
    merlon.api.do("DELETE", f"/v1/tokens/{made['id']}")
    assert_token_refused(merlon, est.enrol("pump-7", made["token"], body_for(workdir, "pump-7")), "pump-7", "cancelled")


def test_revoking_a_device_cancels_its_tokens(merlon, est, workdir):
    merlon.device("pump-7")
    token = merlon.token("pump-7")
    merlon.api.step("pump-7", "revoke")
    assert_token_refused(merlon, est.enrol("pump-7", token, body_for(workdir, "pump-7")), "pump-7", "cancelled")


def test_a_token_is_used_by_one_of_many_at_the_same_time(merlon, workdir):
    merlon.add_device("pump-7")
    token, count = merlon.token("pump-7"), 8
    (workdir / "request").write_bytes(body_for(workdir, "pump-7"))
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(merlon.root), "-u", f"pump-7:{token}",
               "-H", "Content-Type: application/pkcs10", "--data-binary", f"@{workdir / 'request'}",
               f"https://127.0.0.1:{merlon.enrolment_port}/.well-known/est/simpleenroll"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
    statuses = sorted(p.communicate(timeout=30)[0].decode() for p in running)
    assert statuses == ["200"] + ["401"] * (count - 1)
    assert len(merlon.api.get("/v1/devices/pump-7")["credentials"]) == 1
    assert len(merlon.audit(action="device.enrolled")) == 1


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic cHVtcC03", "Bearer abc", "Basic " + "A" * 5000, "Digest x=y"])
def test_credentials_that_are_not_basic(merlon, est, workdir, header):
    merlon.add_device("pump-7")
    answer = est.post("simpleenroll", body_for(workdir, "pump-7"), "-H", f"Authorization: {header}")
    assert answer.status in (400, 401), answer


def test_no_token_text_is_ever_written_down(merlon, est, workdir):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7")).status == 200
    assert est.enrol("pump-7", token, body_for(workdir, "pump-7")).status == 401
    merlon.wait_for_entry("token.refused", reason="used")
    merlon.stop()
    raw = base64.urlsafe_b64decode(token + "=")
    for file in [*merlon.state.rglob("*"), merlon.runs[-1].log_path]:
        if file.is_file():
            data = file.read_bytes()
            assert token.encode() not in data and raw not in data, file


# --- requests

def refused(merlon, est, device: str, body: bytes, status: int, reason: str) -> str:
    """The request is refused with the reason as text and in the log, and the token stays good."""
    answer = est.enrol(device, merlon.token(device), body)
    assert (answer.status, answer.headers["content-type"].split(";")[0]) == (status, "text/plain"), answer
    assert reason in answer.text
    entry = merlon.wait_for_entry("enrol.refused", target=device, reason=answer.text.strip())
    assert entry["outcome"] == "denied"
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]
    return answer.text


@pytest.mark.parametrize("options", [
    ("RSA", "rsa_keygen_bits:1024"), ("EC", "ec_paramgen_curve:P-192"), ("EC", "ec_paramgen_curve:secp256k1"),
], ids=["rsa-1024", "p-192", "secp256k1"])
def test_a_weak_or_unusual_key(merlon, est, workdir, options):
    merlon.add_device("pump-7")
    key = workdir / "weak.key"
    openssl("genpkey", "-algorithm", options[0], "-pkeyopt", options[1], "-out", key)
    refused(merlon, est, "pump-7", make_csr_body(key, "/CN=pump-7"), 400, "weak-key")


@pytest.mark.quick
def test_a_wrong_signature(merlon, est, workdir):
    merlon.add_device("pump-7")
    der = bytearray(der_for(workdir, "pump-7"))
    der[-3] ^= 0x01
    refused(merlon, est, "pump-7", base64.encodebytes(bytes(der)), 400, "bad-signature")


def test_a_key_that_the_sender_does_not_hold(merlon, est, workdir):
    """The public key of somebody else in a request signed by an own key."""
    merlon.add_device("pump-7")
    def point(der: bytes) -> bytes:
        numbers = x509.load_der_x509_csr(der).public_key().public_numbers()
        return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    der = der_for(workdir, "pump-7")
    swapped = der.replace(point(der), point(der_for(workdir, "other")))
    assert swapped != der
    refused(merlon, est, "pump-7", base64.encodebytes(swapped), 400, "bad-signature")


@pytest.mark.parametrize("subject", ["/CN=pump-8", "/O=Acme", "/CN=pump-7/CN=pump-7", "/CN=PUMP-7", "/CN=pump-7 "],
                         ids=["other", "none", "twice", "upper-case", "blank-behind"])
def test_a_subject_that_is_not_the_device(merlon, est, workdir, subject):
    merlon.add_device("pump-7")
    body = make_csr_body(make_key(workdir / "k.key"), subject)
    refused(merlon, est, "pump-7", body, 400, "subject of the request is not CN=pump-7")


def test_names_that_a_device_may_not_have(merlon, est, workdir):
    merlon.add_device("pump-7")
    body = make_csr_body(make_key(workdir / "k.key"), "/CN=pump-7", "subjectAltName=DNS:merlon.example")
    refused(merlon, est, "pump-7", body, 400, "subjectAltName")


def test_extensions_of_the_request_never_reach_the_certificate(merlon, est, workdir):
    merlon.add_device("pump-7")
    body = make_csr_body(make_key(workdir / "k.key"), "/CN=pump-7", "basicConstraints=critical,CA:true",
                         "keyUsage=keyCertSign", "extendedKeyUsage=serverAuth")
    answer = est.enrol("pump-7", merlon.token("pump-7"), body)
    if answer.status == 200:  # ignoring them is as good as refusing
        text = openssl("pkcs7", "-inform", "DER", "-print_certs", "-text", given=base64.b64decode(answer.body)).decode()
        assert "CA:FALSE" in text and "TLS Web Server" not in text and "Certificate Sign" not in text
    else:
        assert answer.status == 400


def test_bytes_behind_the_request(merlon, est, workdir):
    merlon.add_device("pump-7")
    refused(merlon, est, "pump-7", base64.encodebytes(der_for(workdir, "pump-7") + b"\0"), 400, "trailing")


@pytest.mark.parametrize("body", [b"%%% this is not base64 %%%", b"\x30\x82", b"AAAA", b"MII", b"-----BEGIN CERTIFICATE REQUEST-----\n"])
def test_what_is_no_request_at_all(merlon, est, body):
    merlon.add_device("pump-7")
    refused(merlon, est, "pump-7", body, 400, "malformed")


def test_every_truncation_of_a_request_is_refused(merlon, workdir):
    """One connection, as many requests as the server lets it have."""
    import http.client
    merlon.add_device("pump-7")
    basic = base64.b64encode(f"pump-7:{merlon.token('pump-7')}".encode()).decode()
    der = der_for(workdir, "pump-7")
    connection = http.client.HTTPSConnection("127.0.0.1", merlon.enrolment_port, timeout=30,
                                             context=tls_context(merlon.root, None, TLS_1_2))
    for length in range(1, len(der), 7):
        connection.request("POST", "/.well-known/est/simpleenroll", base64.b64encode(der[:length]),
                           {"Content-Type": "application/pkcs10", "Authorization": f"Basic {basic}"})
        response = connection.getresponse()
        assert (response.status, length) == (400, length), response.read()
        response.read()
    connection.close()


def test_an_empty_body(merlon, est):
    merlon.add_device("pump-7")
    refused(merlon, est, "pump-7", b"", 400, "malformed")


def test_the_body_limit_is_64_kib(merlon, est):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    at_limit = est.enrol("pump-7", token, b"A" * (64 * KIB), "-H", "Expect:")
    assert at_limit.status in (400, 413) and at_limit.headers["content-type"].startswith("text/plain")
    above = est.enrol("pump-7", token, b"A" * (64 * KIB + 1), "-H", "Expect:")
    assert (above.status, above.headers["content-type"].split(";")[0]) == (413, "text/plain"), above
    much = est.enrol("pump-7", token, b"A" * (65 * KIB), "-H", "Expect:")
    assert much.status == 413
    chunked = est.enrol("pump-7", token, b"A" * (65 * KIB), "-H", "Expect:", "-H", "Transfer-Encoding: chunked")
    assert chunked.status in (400, 411, 413, 501)
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]


@pytest.mark.parametrize("state, status", [("suspend", 403), ("retire", 401)])
def test_a_device_that_may_not_enrol(merlon, est, workdir, state, status):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    merlon.api.step("pump-7", state)
    answer = est.enrol("pump-7", token, body_for(workdir, "pump-7"))
    assert answer.status in (status, 403), answer
    assert merlon.api.get("/v1/devices/pump-7")["credentials"] == []


# --- channel binding, RFC 7030 3.5

def send_with_binding(merlon, workdir, version: str, wrong: bool = False) -> bytes:
    """One connection: its binding first, then the request that carries it. Gives the status line."""
    merlon.add_device("pump-7")
    basic = base64.b64encode(f"pump-7:{merlon.token('pump-7')}".encode()).decode()
    key = make_key(workdir / "pump-7.key")

    def request(binding: bytes) -> bytes:
        binding = bytes([binding[0] ^ 1]) + binding[1:] if wrong else binding
        body = make_csr_body(key, "/CN=pump-7", challenge=base64.b64encode(binding).decode())
        return (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                b"Content-Type: application/pkcs10\r\nAuthorization: Basic " + basic.encode() +
                b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)

    if version == "1.2":
        return _over_python(merlon, request)
    return _over_s_client(merlon, request)


def _over_python(merlon, request) -> bytes:
    import socket
    with socket.create_connection(("127.0.0.1", merlon.enrolment_port), timeout=30) as plain, \
            tls_context(merlon.root, None, ssl.TLSVersion.TLSv1_2).wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(request(tls.get_channel_binding("tls-unique")))
        return tls.recv(4096).split(b"\r\n")[0]


def _over_s_client(merlon, request) -> bytes:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.enrolment_port}", "-tls1_3", "-CAfile", str(merlon.root),
               "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32", "-nocommands"]
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        binding = b""
        for line in client.stdout:
            if b"Keying material: " in line:
                binding = bytes.fromhex(line.split(b": ")[1].decode())
                break
        assert len(binding) == 32
        client.stdin.write(request(binding))
        client.stdin.flush()
        return next((line.strip() for line in client.stdout if line.startswith(b"HTTP/1.1 ")), b"no answer")
    finally:
        client.kill()
        client.communicate()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_the_right_channel_binding_is_accepted(merlon, workdir, version):
    assert send_with_binding(merlon, workdir, version).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_wrong_channel_binding_is_refused(merlon, workdir, version):
    """Somebody sits between device and server."""
    assert send_with_binding(merlon, workdir, version, wrong=True).startswith(b"HTTP/1.1 400")
    entry = merlon.wait_for_entry("enrol.refused", target="pump-7")
    assert "channel binding" in entry["reason"]
    assert [t["state"] for t in merlon.api.all_of("/v1/tokens")] == ["open"]


def test_an_empty_challenge_password_is_not_a_binding(merlon, est, workdir):
    merlon.add_device("pump-7")
    body = make_csr_body(make_key(workdir / "pump-7.key"), "/CN=pump-7", challenge="AAAA")
    refused(merlon, est, "pump-7", body, 400, "challengePassword")
