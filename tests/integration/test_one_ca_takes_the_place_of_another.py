# SPDX-License-Identifier: Apache-2.0
"""A rollover, step by step, as docs/operate/ca.md rehearses it: devices of the old CA go on, new ones get the new one, foreign
programs verify what is sent, and nothing is finished while a device would break."""
import base64
import datetime
import hashlib
import os
import signal
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness.ca import Identity, openssl
from harness.client import MqttClient
from harness.est import Est, certificates_of, make_csr_body
from harness.keystore import export_root
from harness.maker import Authority
from harness.merlon import Ended, Merlon, new_key, run_program, write_identity
from harness.mqtt import Closed, Mqtt
from harness.ports import free_port
from harness.process import Process, program
from harness.waiting import wait_until

OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()


def keys(merlon: Merlon, command: str, *options: str | Path) -> Ended:
    done = run_program("merlon-keys", command, "--dir", merlon.state / "keys", *OWNER, *options)
    assert done.code == 0, done.err
    return done


def states(merlon: Merlon) -> dict[str, str]:
    items = merlon.api.get("/v1/ca/generations")["items"]
    return {f"{ca['kind']}-{ca['number']}": ca["state"] for ca in items}


def ca(merlon: Merlon, *words: str) -> Ended:
    done = merlon.cli("ca", *words)
    assert done.code == 0, done.err
    return done


def make(merlon: Merlon, *commands: str) -> None:
    """While the daemon is stopped."""
    merlon.stop()
    for command in commands:
        keys(merlon, command)
    merlon.start()


def issuer_of(identity: Identity) -> str:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes()).issuer.rfc4514_string()


def bundle(merlon: Merlon) -> list[x509.Certificate]:
    answer = Est(merlon.enrolment_port, merlon.root).get("cacerts")
    assert answer.status == 200, answer.error
    return [x509.load_pem_x509_certificate(pem) for pem in certificates_of(answer.body, merlon.folder)]


def roots_of(merlon: Merlon) -> list[bytes]:
    end = b"-----END CERTIFICATE-----\n"
    return [part + end for part in merlon.root.read_bytes().split(end) if part.strip()]


def chain_sent(merlon: Merlon, trust: Path) -> str:
    """What openssl says of the MQTT port, with only these roots; ends with its verdict."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-CAfile", trust, "-showcerts",
                           "-verify_return_error", "-no-CApath", "-no-CAstore"],
                          input=b"", capture_output=True, check=False, timeout=20)
    return (done.stdout + done.stderr).decode(errors="replace")


def assert_connects(merlon: Merlon, identity: Identity, trust: Path | None = None) -> None:
    with MqttClient(merlon.mqtt_port, trust or merlon.root, identity) as client:
        assert client.connect() == 0


@pytest.mark.quick
def test_a_new_issuing_ca_signs_and_the_old_one_still_counts(merlon):
    old = merlon.device("pump-1")
    assert states(merlon) == {"root-1": "active", "issuing-1": "active"}
    make(merlon, "new-issuing")
    assert states(merlon) == {"root-1": "active", "issuing-1": "active", "issuing-2": "prepared"}
    assert issuer_of(merlon.device("pump-2")) == "CN=Merlon Issuing CA"
    ca(merlon, "activate", "issuing", "2")
    assert states(merlon) == {"root-1": "active", "issuing-1": "superseded", "issuing-2": "active"}
    new = merlon.device("pump-3")
    assert issuer_of(new) == "CN=Merlon Issuing CA 2"
    for identity in (old, new):
        assert_connects(merlon, identity)
    names = sorted(c.subject.rfc4514_string() for c in bundle(merlon))
    assert names == ["CN=Merlon Issuing CA", "CN=Merlon Issuing CA 2", "CN=Merlon Root CA"]
    assert [e["target"] for e in merlon.audit(action="ca.activated")] == ["issuing-2"]


def test_openssl_verifies_what_each_of_them_issued(merlon):
    make(merlon, "new-issuing")
    old = merlon.device("pump-1")
    ca(merlon, "activate", "issuing", "2")
    new = merlon.device("pump-2")
    all_cas = merlon.folder / "cacerts.pem"
    all_cas.write_bytes(b"".join(c.public_bytes(serialization.Encoding.PEM) for c in bundle(merlon)))
    for identity in (old, new):
        text = openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", merlon.root, "-untrusted", all_cas,
                       identity.certificate)
        assert text.decode().strip().endswith(": OK")


def test_the_servers_own_certificate_follows_within_a_second_or_two(merlon):
    make(merlon, "new-issuing")
    assert "issuer=CN = Merlon Issuing CA\n" in chain_sent(merlon, merlon.root)
    ca(merlon, "activate", "issuing", "2")
    entries = len(merlon.audit(action="server.certificate_issued"))
    merlon.wait_for_entry("ca.activated", target="issuing-2")
    wait_until(lambda: "Merlon Issuing CA 2" in chain_sent(merlon, merlon.root), "the new chain")
    assert "Verify return code: 0 (ok)" in chain_sent(merlon, merlon.root)
    assert len(merlon.audit(action="server.certificate_issued")) >= entries


# --- another root

def write_roots(merlon: Merlon) -> tuple[Path, Path]:
    """The first root and the second, each alone in a file."""
    by_age = sorted((x509.load_pem_x509_certificate(pem) for pem in roots_of(merlon)), key=lambda c: c.not_valid_after)
    paths = merlon.folder / "old-root.pem", merlon.folder / "new-root.pem"
    for path, certificate in zip(paths, by_age):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return paths


def new_root(merlon: Merlon) -> tuple[Path, Path]:
    make(merlon, "new-root", "new-issuing")
    return write_roots(merlon)


def switch(merlon: Merlon) -> None:
    ca(merlon, "activate", "root", "2")
    ca(merlon, "activate", "issuing", "2")
    wait_until(lambda: "Merlon Issuing CA 2" in chain_sent(merlon, merlon.root), "the new chain")


GOOD = "Verify return code: 0 (ok)"


def test_clients_of_either_root_verify_the_server_at_every_step(merlon):
    old, new = new_root(merlon)
    for _ in ("prepared", "active"):  # the issuing CA is still that of the old root: OldWithNew is sent
        assert GOOD in chain_sent(merlon, old) and GOOD in chain_sent(merlon, new)
        ca(merlon, "activate", "root", "2")
    ca(merlon, "activate", "issuing", "2")  # and now NewWithOld
    wait_until(lambda: "Merlon Issuing CA 2" in chain_sent(merlon, new), "the new chain")
    assert GOOD in chain_sent(merlon, old) and GOOD in chain_sent(merlon, new)


@pytest.mark.parametrize("which", ["old", "new"])
def test_gnutls_verifies_over_the_links_too(merlon, which):
    trust = dict(zip(("old", "new"), new_root(merlon)))[which]
    switch(merlon)
    done = subprocess.run(["gnutls-cli", "--x509cafile", trust, "-p", str(merlon.mqtt_port), "127.0.0.1", "--alpn", "mqtt"],
                          input=b"", capture_output=True, check=False, timeout=20)
    assert b"The certificate is trusted" in done.stdout, done.stdout + done.stderr


def key_id_of(certificate: x509.Certificate) -> bytes:
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def is_signed_by(certificate: x509.Certificate, signer: x509.Certificate) -> bool:
    try:
        signer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                                   ec.ECDSA(certificate.signature_hash_algorithm))
    except InvalidSignature:
        return False
    return True


def signed_pairs(certificates: list[x509.Certificate], roots: dict[str, x509.Certificate]) -> list[tuple[str, str]]:
    """Whose key each certificate is about, and whose key signed it."""
    names = {key_id_of(root): name for name, root in roots.items()}
    assert len(names) == len(roots)
    return [(names[key_id_of(c)], name) for c in certificates for name, root in roots.items() if is_signed_by(c, root)]


def test_cacerts_has_both_roots_and_both_links(merlon):
    """RFC 7030 4.1.3: OldWithOld, NewWithNew, OldWithNew and NewWithOld; beside them the two issuing CAs, each under its root."""
    roots = dict(zip(("old", "new"), (x509.load_pem_x509_certificate(path.read_bytes()) for path in new_root(merlon))))
    certificates = bundle(merlon)
    self_issued = [c for c in certificates if c.subject == c.issuer]
    assert sorted(signed_pairs(self_issued, roots)) == [("new", "new"), ("new", "old"), ("old", "new"), ("old", "old")]
    assert len(self_issued) == 4
    below = {c.subject.rfc4514_string(): [name for name, root in roots.items() if is_signed_by(c, root)]
             for c in certificates if c not in self_issued}
    assert below == {"CN=Merlon Issuing CA": ["old"], "CN=Merlon Issuing CA 2": ["new"]} and len(certificates) == 6
    answer = Est(merlon.enrolment_port, merlon.root).get("cacerts")
    version = hashlib.sha256(base64.b64decode(answer.body)).hexdigest()
    assert merlon.api.get("/v1/ca/generations")["bundle"] == version


def test_a_device_with_the_old_root_alone_goes_on_and_one_that_comes_now_gets_the_new_one(merlon):
    identity = merlon.device("pump-1")
    old, new = new_root(merlon)
    switch(merlon)
    assert_connects(merlon, identity, trust=old)
    made = merlon.api.post("/v1/tokens", {"device": "pump-1", "life": "1h"})
    assert made["root_sha256"] == x509.load_pem_x509_certificate(new.read_bytes()).fingerprint(hashes.SHA256()).hex()
    assert_connects(merlon, merlon.device("pump-2"), trust=new)


# --- who would break

def reasons(merlon: Merlon) -> dict[str, str]:
    return {item["device"]: item["why"] for item in merlon.api.all_of("/v1/ca/rollover")}


def renew(merlon: Merlon, identity: Identity, *options: str) -> None:
    """With curl and openssl; the same key is good enough here."""
    body = make_csr_body(identity.key, f"/CN={identity.name}", f"subjectAltName=URI:urn:merlon:default:device:{identity.name}")
    answer = Est(merlon.enrolment_port, merlon.root).renew(identity, body, *options)
    assert answer.status == 200, answer.text
    identity.certificate.write_bytes(certificates_of(answer.body, merlon.folder)[0])


@pytest.mark.quick
def test_nothing_is_finished_while_a_device_would_break(merlon):
    devices = [merlon.device(f"pump-{n}") for n in range(3)]
    new_root(merlon)
    switch(merlon)
    assert reasons(merlon) == {d.name: "certificate" for d in devices}
    refused = merlon.cli("ca", "rollover")
    assert refused.code != 0 and "3 of 3 devices would break: see  merlon ca rollover --dry-run\n" in refused.err
    refused = merlon.cli("ca", "retire", "issuing", "1")
    advice = "--dry-run --kind issuing --number 1"
    assert refused.code != 0 and f"would break: see  merlon ca rollover {advice}\n" in refused.err
    assert "pump-0" in ca(merlon, "rollover", *advice.split()).out
    version = merlon.api.get("/v1/ca/generations")["bundle"]
    renew(merlon, devices[0], "-H", f"Merlon-Trust-Bundle: {version}")
    renew(merlon, devices[1], "-H", "Merlon-Trust-Bundle: " + "0" * 64)
    renew(merlon, devices[2])
    for d in devices:
        assert_connects(merlon, d)  # seen in use: the old certificates are superseded
    wait_until(lambda: reasons(merlon) == {"pump-1": "trust", "pump-2": "silent"}, "only those who lack the new bundle")
    text = ca(merlon, "rollover", "--dry-run").out
    assert "pump-1" in text and "pump-0" not in text
    told = [merlon.api.get(f"/v1/devices/{d.name}").get("trust_bundle") for d in devices]
    assert [t and (t["version"], t["state"]) for t in told] == [(version, "present"), ("0" * 64, "unknown"), None]
    renew(merlon, devices[1], "-H", f"Merlon-Trust-Bundle: {version}")
    renew(merlon, devices[2], "-H", f"Merlon-Trust-Bundle: {version}")
    wait_until(lambda: reasons(merlon) == {}, "all have it")
    ca(merlon, "rollover")
    assert states(merlon) == {"root-1": "retired", "root-2": "active", "issuing-1": "retired", "issuing-2": "active"}
    assert [c.subject.rfc4514_string() for c in bundle(merlon)] == ["CN=Merlon Root CA", "CN=Merlon Issuing CA 2"]


def test_a_device_says_in_its_connect_which_bundle_it_has(merlon):
    identity = merlon.device("pump-1")
    new_root(merlon)
    switch(merlon)
    renew(merlon, identity)
    assert_connects(merlon, identity)
    wait_until(lambda: reasons(merlon) == {"pump-1": "silent"}, "no report yet")
    version = merlon.api.get("/v1/ca/generations")["bundle"]
    done = subprocess.run(["mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", merlon.root,
                           "--cert", identity.certificate, "--key", identity.key, "-i", "pump-1", "-t", "x", "-m", "x",
                           "-D", "CONNECT", "user-property", "merlon-trust-bundle", version], check=False, capture_output=True)
    assert b"rror" not in done.stderr.replace(b"Not authorized", b""), done.stderr
    wait_until(lambda: reasons(merlon) == {}, "the report")
    assert "present, since 20" in merlon.cli("device", "show", "pump-1").out
    ca(merlon, "rollover")  # the old CAs go, and with them the bundle it told of is an earlier one
    assert merlon.api.get("/v1/devices/pump-1")["trust_bundle"]["state"] == "earlier"


def test_pages_of_those_who_would_break(merlon):
    for n in range(7):
        merlon.device(f"pump-{n}")
    make(merlon, "new-issuing")
    ca(merlon, "activate", "issuing", "2")
    found, cursor = [], {}
    for _ in range(3):
        page = merlon.api.get("/v1/ca/rollover", limit=3, **cursor)
        assert page["breaking"] == page["devices"] == 7
        found += [item["device"] for item in page["items"]]
        cursor = {"cursor": page.get("next")}
    assert found == [f"pump-{n}" for n in range(7)] and "next" not in page


def test_by_force_and_with_a_reason_devices_are_left_behind(merlon):
    merlon.device("pump-1")
    make(merlon, "new-issuing")
    ca(merlon, "activate", "issuing", "2")
    without = merlon.cli("ca", "rollover", "--force")
    assert without.code != 0 and "reason" in without.err
    ca(merlon, "rollover", "--force", "--reason", "the old key was stolen")
    entry = merlon.wait_for_entry("ca.retired", target="issuing-1")
    assert entry["reason"] == "the old key was stolen" and entry["details"]["breaking"] == 1


def forged(merlon: Merlon, root, name: str) -> Identity:
    """By somebody who has the key of that root."""
    key, now = new_key(), datetime.datetime.utcnow()
    certificate = Authority(root.certificate, root.key).sign(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key.public_key(), (x509.BasicConstraints(False, None), True),
        (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), False), end=now + datetime.timedelta(days=1))
    return write_identity(merlon.folder, f"forged-{name}", key, certificate.public_bytes(serialization.Encoding.PEM))


def test_who_is_left_behind_comes_over_by_itself_and_who_stole_the_key_stays_outside(make_merlon):
    """A CA that is retired by force takes nothing from its devices: what counts is in the registry, and no stolen key writes there."""
    merlon = make_merlon()
    merlon.init()
    stolen = export_root(merlon)
    merlon.start()
    left, revoked = merlon.device("pump-1"), merlon.device("pump-2")
    _, new = new_root(merlon)
    switch(merlon)
    done = ca(merlon, "rollover", "--force", "--reason", "the old key was stolen")
    assert "still counts" in done.out
    assert states(merlon) == {"root-1": "retired", "root-2": "active", "issuing-1": "retired", "issuing-2": "active"}
    with pytest.raises((ssl.SSLError, OSError, Closed)), Mqtt(merlon.mqtt_port, new, forged(merlon, stolen, "pump-1")) as client:
        client.connect("x")
    assert_connects(merlon, left, trust=new)
    renew(merlon, left)
    assert issuer_of(left) == "CN=Merlon Issuing CA 2"
    assert_connects(merlon, left, trust=new)
    merlon.api.step("pump-2", "revoke")  # whose own key is not trusted any more
    with pytest.raises((ssl.SSLError, OSError, Closed)), Mqtt(merlon.mqtt_port, new, revoked) as client:
        client.connect("x")


def test_steps_that_make_no_sense_are_refused(merlon):
    make(merlon, "new-root", "new-issuing")
    for words, sentence in ((("retire", "issuing", "1"), "is active"), (("activate", "issuing", "3"), "no issuing CA 3"),
                            (("retire", "root", "2"), "retire it first"), (("activate", "leaf", "1"), "root or issuing"),
                            (("activate", "root", "100"), "1 to 99"), (("activate", "root", "0"), "number")):
        done = merlon.cli("ca", *words)
        assert done.code != 0 and sentence in done.err, (words, done.err)
    done = merlon.cli("ca", "rollover")
    assert done.code != 0 and "no CA is superseded" in done.err
    assert states(merlon)["root-1"] == "active"


def test_a_rehearsal_can_be_taken_back(merlon):
    make(merlon, "new-issuing")
    ca(merlon, "activate", "issuing", "2")
    ca(merlon, "activate", "issuing", "1")
    assert states(merlon) == {"root-1": "active", "issuing-1": "active", "issuing-2": "superseded"}
    assert issuer_of(merlon.device("pump-1")) == "CN=Merlon Issuing CA"


# --- kill -9

STEPS = [("activate", "root", "2"), ("activate", "issuing", "2"), ("rollover",)]


@pytest.mark.parametrize("cut", range(len(STEPS) + 1))
def test_killed_after_any_step_it_goes_on_where_it_was(merlon, cut):
    """The answer is there, so the step is on the disk; what follows from it (chain, bundle, own certificate) is made again."""
    identity = merlon.device("pump-1")
    new_root(merlon)
    for number, step in enumerate(STEPS):
        if number == cut:
            merlon.kill()
            merlon.start()
        if step == ("rollover",):
            version = merlon.api.get("/v1/ca/generations")["bundle"]
            renew(merlon, identity, "-H", f"Merlon-Trust-Bundle: {version}")
            assert_connects(merlon, identity)
            wait_until(lambda: reasons(merlon) == {}, "nobody breaks")
        ca(merlon, *step)
    if cut == len(STEPS):
        merlon.kill()
        merlon.start()
    assert states(merlon) == {"root-1": "retired", "root-2": "active", "issuing-1": "retired", "issuing-2": "active"}
    assert_connects(merlon, identity)
    assert issuer_of(merlon.device("pump-2")) == "CN=Merlon Issuing CA 2"
    assert merlon.cli("audit", "verify").code == 0


CALLS = ("openat", "write", "fsync", "renameat2", "linkat", "unlinkat")


@pytest.mark.parametrize("command", ["new-issuing", "new-root", "drop-ca"])
def test_killed_before_any_call_the_keystore_has_all_of_a_ca_or_nothing(make_merlon, command):
    """merlon-keys dies before each of its calls that reach the disk; the keystore opens after each, and the command works."""
    merlon = make_merlon()
    merlon.init()
    folder = merlon.state / "keys"
    if command == "drop-ca":
        keys(merlon, "new-issuing")
    options = ("--kind", "issuing", "--number", "1") if command == "drop-ca" else ()
    cuts = 0
    for call in CALLS:
        for count in range(1, 40):
            backup = merlon.folder / f"copy-{call}-{count}"
            subprocess.run(["cp", "-a", folder, backup], check=True)
            done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                   f"inject={call}:signal=KILL:when={count}", program("merlon-keys"), command, "--dir", backup,
                                   *OWNER, *options], capture_output=True, check=False, timeout=60,
                                  env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})
            again = run_program("merlon-keys", command, "--dir", backup, *OWNER, *options)
            assert again.code == 0, (call, count, again.err)
            cuts += 1
            if done.returncode == 0:
                break
    print(f"{command}: cut {cuts} times")
    assert cuts > 2 * len(CALLS)


# --- the agent, and what outsiders are told

def start_agent(merlon: Merlon, name: str) -> tuple[Process, Path]:
    merlon.add_device(name)
    token, folder = merlon.folder / f"{name}.token", merlon.folder / f"agent-{name}"
    token.write_text(merlon.token(name), encoding="ascii")
    done = run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--device", name, "--token-file", token, "--root", merlon.root, "--dir", folder)
    assert done.code == 0, done.err
    agent = merlon.processes.start([program("merlon-agent"), "run", "--dir", folder])
    agent.wait_for_log('"event":"connection.up"')
    return agent, folder


def test_the_agent_goes_over_by_itself_and_says_so(merlon):
    """SIGUSR1 is the day on which it asks and renews."""
    agent, folder = start_agent(merlon, "pump-1")
    assert (folder / "root.pem").read_text().count("BEGIN CERT") == 1
    new_root(merlon)
    switch(merlon)
    assert reasons(merlon) == {"pump-1": "certificate"}
    agent.popen.send_signal(signal.SIGUSR1)
    agent.wait_for_log('"event":"renewal.done"')
    assert (folder / "root.pem").read_text().count("BEGIN CERT") == 2
    assert (folder / "bundle").read_text() == merlon.api.get("/v1/ca/generations")["bundle"]
    wait_until(lambda: reasons(merlon) == {}, "the agent's report")
    ca(merlon, "rollover")
    agent.popen.send_signal(signal.SIGUSR1)
    wait_until(lambda: (folder / "root.pem").read_text().count("BEGIN CERT") == 1, "the old root to go")
    agent.wait_for_log('"event":"trust.changed"')
    merlon.restart()
    wait_until(lambda: merlon.api.get("/v1/status")["connected"] == 1, "the agent with the new root alone")
    assert agent.stop() == 0


@pytest.fixture
def with_lists(start_merlon) -> tuple[Merlon, str]:
    port = free_port()
    merlon = start_merlon({"revocation": {"url": f"http://127.0.0.1:{port}", "listen": f"127.0.0.1:{port}"}})
    return merlon, f"http://127.0.0.1:{port}"


def status_of(merlon: Merlon, url: str, identity: Identity, number: int) -> str:
    names = {ca["name"]: ca for ca in merlon.api.get("/v1/ca/generations")["items"]}
    assert names
    name = "CN=Merlon Issuing CA" + ("" if number == 1 else f" {number}")
    issuer = merlon.folder / f"issuing-{number}.pem"
    if not issuer.exists():  # who is retired is not in the bundle any more
        certificates = {c.subject.rfc4514_string(): c for c in bundle(merlon)}
        issuer.write_bytes(certificates[name].public_bytes(serialization.Encoding.PEM))
    done = subprocess.run(["openssl", "ocsp", "-issuer", issuer, "-cert", identity.certificate, "-url", f"{url}/ocsp", "-CAfile",
                           merlon.root], capture_output=True, text=True, check=False, timeout=20)
    text = done.stdout + done.stderr
    return "good" if ": good" in text else "revoked" if ": revoked" in text else text


def test_outsiders_are_told_about_certificates_of_both_issuing_cas(with_lists):
    merlon, url = with_lists
    first = merlon.device("pump-1")
    make(merlon, "new-issuing")
    ca(merlon, "activate", "issuing", "2")
    second = merlon.device("pump-2")
    wait_until(lambda: (status_of(merlon, url, first, 1), status_of(merlon, url, second, 2)) == ("good", "good"), "both answers")
    merlon.api.step("pump-2", "revoke")
    wait_until(lambda: status_of(merlon, url, second, 2) == "revoked", "the revocation")
    assert status_of(merlon, url, first, 1) == "good"
    ca(merlon, "retire", "issuing", "1", "--force", "--reason", "a rehearsal")  # what it issued is still answered for
    merlon.api.step("pump-1", "revoke")
    wait_until(lambda: status_of(merlon, url, first, 1) == "revoked", "the revocation under the retired CA")
