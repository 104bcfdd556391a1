# SPDX-License-Identifier: Apache-2.0
"""The MQTT door lets in whom the registry knows, with a certificate that is good now. Everybody else is refused, and the
log and the counters say why."""
import datetime
import re
import socket
import ssl
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from harness.ca import CertificateAuthority, Identity
from harness.client import TLS_1_2, TLS_1_3
from harness.keystore import export_root, run_export
from harness.merlon import new_key, write_identity
from harness.mqtt import Closed, Mqtt
from harness.waiting import wait_until

VERSIONS = [pytest.param(TLS_1_2, id="tls1.2"), pytest.param(TLS_1_3, id="tls1.3")]
# RFC 8446 6.2: what OpenSSL calls the alerts
ALERTS = {"no-certificate": "(?i)certificate required|handshake failure", "unknown-ca": "(?i)unknown ca",
          "expired": "(?i)certificate expired", "not-yet-valid": "(?i)bad certificate", "wrong-eku": "(?i)unsupported certificate",
          "unregistered": "(?i)certificate unknown", "revoked": "(?i)certificate revoked", "retired": "(?i)certificate revoked",
          "suspended": "(?i)bad certificate"}


def attempt(merlon, identity: Identity | None, version: ssl.TLSVersion) -> str:
    """Tries to connect; gives the error that the client sees. (In TLS 1.3 it comes after the handshake.)"""
    try:
        with Mqtt(merlon.mqtt_port, merlon.root, identity, tls=version) as client:
            answer = client.connect("attempt")
            return f"CONNACK {answer.reason:#x}"
    except (ssl.SSLError, ConnectionError, Closed) as error:
        return str(error)


def assert_refused(merlon, identity: Identity | None, version: ssl.TLSVersion, reason: str, device: str = "") -> None:
    before = merlon.refusals(reason)
    seen = attempt(merlon, identity, version)
    assert not seen.startswith("CONNACK"), seen
    assert re.search(ALERTS[reason], seen), f"the client was told: {seen}"
    entry = merlon.wait_for_entry("connection.refused", reason=reason)
    assert entry["outcome"] == "denied"
    assert entry["source"].startswith("127.0.0.1:")
    if device:
        assert (entry["actor"]["id"], entry["target"]) == (device, device)
    if identity is not None:
        pem = identity.certificate.read_bytes()
        fingerprint = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()
        assert entry["actor"]["auth"] == f"certificate:{fingerprint}"
    merlon.wait_for_refusals(reason, before + 1)


@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_certificate(merlon, version):
    assert_refused(merlon, None, version, "no-certificate")


@pytest.mark.parametrize("version", VERSIONS)
def test_with_a_certificate_of_another_ca(merlon, test_ca, version):
    merlon.device("pump-7")
    assert_refused(merlon, test_ca.client("pump-7"), version, "unknown-ca")


def test_with_a_certificate_of_a_ca_that_has_our_names(merlon, workdir):
    """Same subject as our root, another key: only the signature tells them apart."""
    merlon.device("pump-7")
    root = x509.load_pem_x509_certificate(merlon.root.read_bytes())
    name = root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    (workdir / "fake").mkdir()
    fake = CertificateAuthority(workdir / "fake", name)
    before = merlon.refusals("unknown-ca")
    assert not attempt(merlon, fake.client("pump-7"), TLS_1_3).startswith("CONNACK")
    entry = merlon.wait_for_entry("connection.refused")
    assert entry["reason"] in ("unknown-ca", "bad-signature")
    merlon.wait_for_refusals("unknown-ca", before + 1)


# --- certificates that chain to our root

@pytest.fixture
def forged(make_merlon):
    """A server, and a way to make any certificate signed by its root."""
    merlon = make_merlon()
    merlon.init()
    root = export_root(merlon)
    merlon.start()

    def make(name: str, not_before_s: int, not_after_s: int, usage=ExtendedKeyUsageOID.CLIENT_AUTH) -> Identity:
        key, now = new_key(), datetime.datetime.utcnow()
        certificate = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
                       .issuer_name(root.certificate.subject).public_key(key.public_key())
                       .serial_number(x509.random_serial_number())
                       .not_valid_before(now + datetime.timedelta(seconds=not_before_s))
                       .not_valid_after(now + datetime.timedelta(seconds=not_after_s))
                       .add_extension(x509.BasicConstraints(False, None), True)
                       .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
                       .add_extension(x509.ExtendedKeyUsage([usage]), False)
                       .add_extension(x509.SubjectAlternativeName(
                           [x509.UniformResourceIdentifier(f"urn:merlon:default:device:{name}")]), False)
                       .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                       .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), False)
                       .sign(root.key, hashes.SHA256()))
        return write_identity(merlon.folder, f"forged-{name}", key, certificate.public_bytes(serialization.Encoding.PEM))

    return merlon, make


@pytest.mark.parametrize("version", VERSIONS)
def test_with_a_certificate_of_our_root_that_is_not_registered(forged, version):
    """Whoever stole the CA key still has no device: the registry decides."""
    merlon, make = forged
    merlon.device("pump-7")
    assert_refused(merlon, make("pump-7", -3600, 3600), version, "unregistered")


@pytest.mark.parametrize("version", VERSIONS)
def test_with_an_expired_certificate_of_our_root(forged, version):
    merlon, make = forged
    assert_refused(merlon, make("pump-7", -7200, -3600), version, "expired")


def test_with_a_certificate_of_our_root_that_is_not_yet_valid(forged):
    merlon, make = forged
    assert_refused(merlon, make("pump-7", 3600, 7200), TLS_1_3, "not-yet-valid")


def test_with_a_server_certificate_of_our_root(forged):
    merlon, make = forged
    assert_refused(merlon, make("pump-7", -3600, 3600, ExtendedKeyUsageOID.SERVER_AUTH), TLS_1_3, "wrong-eku")


def test_the_root_key_leaves_only_once(forged):
    merlon, _ = forged
    merlon.wait_for_entry("ca.root_exported", outcome="ok")
    busy = run_export(merlon, merlon.folder / "again.pem")
    assert busy.code != 0 and "in use" in busy.err, busy  # the daemon runs
    merlon.stop()
    again = run_export(merlon, merlon.folder / "again.pem")
    assert again.code != 0 and "once" in again.err, again
    assert not (merlon.folder / "again.pem").exists() or (merlon.folder / "again.pem").stat().st_size == 0


# --- certificates that the registry knows

def test_with_a_registered_certificate_that_expired(start_merlon):
    merlon = start_merlon({"issuing": {"device_life": "2s"}})
    device = merlon.device("pump-7")
    ends = x509.load_pem_x509_certificate(device.certificate.read_bytes()).not_valid_after
    wait_until(lambda: datetime.datetime.utcnow() > ends + datetime.timedelta(seconds=1), "the certificate to expire")
    assert_refused(merlon, device, TLS_1_3, "expired", "pump-7")
    assert_refused(merlon, device, TLS_1_2, "expired", "pump-7")


@pytest.mark.quick
@pytest.mark.parametrize("step, reason", [("revoke", "revoked"), ("suspend", "suspended"), ("retire", "retired")])
@pytest.mark.parametrize("version", VERSIONS)
def test_after_an_operator_took_the_device_out(merlon, version, step, reason):
    device = merlon.device("pump-7")
    assert attempt(merlon, device, version) == "CONNACK 0x0"
    merlon.api.step("pump-7", step, "lost")
    assert_refused(merlon, device, version, reason, "pump-7")


def test_an_operator_has_no_business_at_the_mqtt_door(merlon):
    assert_refused(merlon, merlon.operator("alice", "admin"), TLS_1_3, "wrong-eku")


def test_a_device_has_no_business_at_the_management_door(merlon):
    device = merlon.device("pump-7")
    for path in ("/v1/status", "/v1/devices", "/metrics"):
        try:
            assert merlon.https(device).ask("GET", path).status in (401, 403)
        except (ssl.SSLError, ConnectionError):
            pass  # turned away in the handshake already


def test_a_disabled_application(merlon):
    application = merlon.application("dashboard")
    assert attempt(merlon, application, TLS_1_3) == "CONNACK 0x0"
    merlon.api.post("/v1/applications/dashboard/disable")
    assert_refused(merlon, application, TLS_1_3, "suspended", "dashboard")
    merlon.api.post("/v1/applications/dashboard/enable")
    assert attempt(merlon, application, TLS_1_3) == "CONNACK 0x0"


def test_a_disabled_application_keeps_no_session(merlon):
    application = merlon.application("dashboard", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        assert client.connect("kept", clean=False, props={"session_expiry": 3600}).reason == 0
        assert client.subscribe("devices/#") == [1]
    merlon.wait_for_entry("connection.closed", actor_id="dashboard")
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 1, "one that is kept")
    merlon.api.post("/v1/applications/dashboard/disable")
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 0, "its session to end")


def test_the_certificate_says_who_it_is_and_a_user_name_cannot_claim_more(merlon):
    device = merlon.device("pump-7")
    merlon.device("pump-8")
    for version, reason in ((5, 0x86), (4, 4)):
        with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
            assert client.connect("x", user="pump-8").reason == reason
        with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
            assert client.connect("x", user="pump-8?SDK=Python").reason == reason
        for same in ("?SDK=Python&Version=1", "pump-7?SDK=Python"):  # AWS's SDKs add what they are
            with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
                assert client.connect("x", user=same).reason == 0
        with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
            assert client.connect("x", user="pump-7", password=b"ignored").reason == 0
    merlon.wait_for_entry("connection.refused", actor_id="pump-7", reason="user name is not the name in the certificate")


# --- clients that do not speak TLS

@pytest.mark.quick
def test_a_plaintext_mqtt_client_is_told_and_recorded(merlon):
    before = merlon.refusals("plaintext")
    done = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "-t", "a", "-m", "b", "-i", "x"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 5, done  # "not authorised", from our CONNACK
    assert "not authorised" in done.stderr.lower()
    five = subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "-t", "a", "-m", "b", "-V", "5"],
                          capture_output=True, text=True, check=False, timeout=30)
    assert five.returncode != 0 and "not authori" in (five.stderr + five.stdout).lower(), five
    merlon.wait_for_entry("connection.refused", reason="plaintext")
    merlon.wait_for_refusals("plaintext", before + 2)


def test_http_on_the_mqtt_port_is_told_and_recorded(merlon):
    done = subprocess.run(["curl", "-s", "-i", "--http0.9", "--max-time", "20", f"http://127.0.0.1:{merlon.mqtt_port}/"],
                          capture_output=True, text=True, check=False)
    assert done.stdout.startswith("HTTP/1.1 400"), done
    merlon.wait_for_entry("connection.refused", reason="plaintext")


def test_http_without_tls_on_the_enrolment_port_is_told(merlon):
    done = subprocess.run(["curl", "-s", "-i", "--http0.9", "--max-time", "20",
                           f"http://127.0.0.1:{merlon.enrolment_port}/.well-known/est/cacerts"],
                          capture_output=True, text=True, check=False)
    assert done.stdout.startswith("HTTP/1.1 400"), done
    assert "BEGIN" not in done.stdout and "MII" not in done.stdout


@pytest.mark.parametrize("data", [b"\0" * 64, b"\xff" * 64, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 100, b"\x80\x2e\x01\x00\x02"])
def test_noise_ends_quickly_and_harms_nobody(merlon, data):
    with socket.create_connection(("127.0.0.1", merlon.mqtt_port), timeout=20) as noise:
        noise.sendall(data)
        try:
            while noise.recv(4096):
                pass
        except ConnectionError:
            pass
    merlon.wait_for_entry("connection.refused")
    assert attempt(merlon, merlon.device("pump-7"), TLS_1_3) == "CONNACK 0x0"


def test_a_flood_of_refusals_makes_few_entries_and_counts_all(merlon):
    for _ in range(60):
        attempt(merlon, None, TLS_1_2)
    merlon.wait_for_refusals("no-certificate", 60)
    assert 1 <= len(merlon.audit(action="connection.refused")) <= 10
