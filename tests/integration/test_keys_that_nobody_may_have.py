# SPDX-License-Identifier: Apache-2.0
"""Keys on the deny-list, weak keys and published ones: refused on every way in, with the reason, by peers that know nothing of
Merlon. Who has such a key when it is denied loses it at once."""
import base64
import hashlib
import math
import secrets
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from harness.ca import Identity, openssl
from harness.csr import csr_body as csr_with, der, oid
from harness.est import Est
from harness.fleet import FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.maker import Maker, csr_body, load_key, name
from harness.merlon import csr_der, new_key
from harness.mqtt import Closed, Mqtt
from harness.stopwatch import Stopwatch

E = 65537


def spki(key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def hash_of(key) -> str:
    return hashlib.sha256(spki(key)).hexdigest()


def deny(merlon, *keys, reason: str = "leaked") -> dict:
    return merlon.api.post("/v1/denied-keys", {"keys": [hash_of(key) for key in keys], "reason": reason})


def request_of(key, subject: str) -> bytes:
    return base64.encodebytes(csr_der(key, subject))


def refused_keys(merlon, reason: str) -> float:
    return merlon.api.metric("merlon_keys_refused_total", f'reason="{reason}"')


@pytest.fixture
def est(merlon) -> Est:
    return Est(merlon.enrolment_port, merlon.root)


def can_connect(merlon, identity: Identity) -> bool:
    try:
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
            return client.connect("probe").reason == 0
    except (ssl.SSLError, ConnectionError, Closed):
        return False


# --- the deny-list, way by way

DENIED = "denied-key: this key is on the deny-list: leaked"


@pytest.mark.quick
def test_a_first_enrolment(merlon, est):
    merlon.add_device("pump-7")
    key, token = new_key(), merlon.token("pump-7")
    before = refused_keys(merlon, "denied-key")
    assert deny(merlon, key) == {"added": 1, "revoked": 0}
    answer = est.enrol("pump-7", token, request_of(key, "pump-7"))
    assert (answer.status, answer.text.strip()) == (400, DENIED)
    assert answer.headers["content-type"].startswith("text/plain")
    merlon.wait_for_entry("enrol.refused", target="pump-7", outcome="denied", reason=DENIED)
    assert refused_keys(merlon, "denied-key") == before + 1
    assert est.enrol("pump-7", token, request_of(new_key(), "pump-7")).status == 200  # the token was not spent


def test_a_renewal_with_a_new_key(merlon, est):
    identity, key = merlon.device("pump-7"), new_key()
    deny(merlon, key)
    body = csr_der(key, "pump-7")
    san = openssl("x509", "-in", identity.certificate, "-noout", "-ext", "subjectAltName").decode().split("URI:")[1].strip()
    config = merlon.folder / "renew.cnf"
    config.write_text(f"[req]\nprompt=no\ndistinguished_name=n\nreq_extensions=e\n[n]\nCN=pump-7\n[e]\nsubjectAltName=URI:{san}\n")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    body = openssl("req", "-new", "-key", "/dev/stdin", "-config", config, "-outform", "DER", given=pem)
    answer = est.renew(identity, base64.encodebytes(body))
    assert (answer.status, answer.text.strip()) == (400, DENIED)
    assert can_connect(merlon, identity)  # with the key it has


def test_an_application_and_an_operator(merlon):
    for kind, members in (("applications", {}), ("operators", {"roles": ["viewer"]})):
        key = new_key()
        deny(merlon, key)
        merlon.api.post(f"/v1/{kind}", {"id": "x", **members})
        answer = merlon.api.ask("POST", f"/v1/{kind}/x/certificates", {"csr": base64.b64encode(csr_der(key, "x")).decode()})
        assert answer.status == 400 and DENIED in answer.text()


@pytest.mark.parametrize("form", ["json", "cbor"])
def test_provisioning_over_mqtt(merlon, form):
    set_template(merlon)
    key, late = new_key(), new_key()
    deny(merlon, key)
    with merlon.client(make_claim(merlon)) as client:
        assert client.connect() == 0
        holder = FleetDevice(client, form)
        holder.subscribe(holder.create_topic)
        holder.subscribe(holder.register_topic("meters"))
        with pytest.raises(Rejected) as caught:
            holder.create_certificate_from_csr(csr_pem(key))
        assert (caught.value.status, caught.value.code, caught.value.message) == (400, "InvalidParameters", DENIED)
        merlon.wait_for_entry("provisioning.refused", actor_id="line-3", reason=DENIED)
        made = holder.create_certificate_from_csr(csr_pem(late))
        deny(merlon, late)  # between the two messages
        with pytest.raises(Rejected) as caught:
            holder.register_thing("meters", made["certificateOwnershipToken"], {"SerialNumber": "1"})
        assert caught.value.status == 400


@pytest.mark.quick
def test_a_key_that_a_maker_gave(merlon, workdir, est):
    maker = Maker(workdir)
    merlon.api.post("/v1/makers", {"name": "acme", "ca": maker.roots.decode(), "approve": "all", "jitp": True})
    idevid = maker.device("SN-7")
    deny(merlon, load_key(idevid))
    assert not can_connect(merlon, idevid)
    merlon.wait_for_entry("enrol.refused", reason=DENIED)
    answer = est.post("simpleenroll", csr_body(new_key(), name(cn="acme-SN-7")), "--cert", idevid.certificate, "--key", idevid.key)
    assert (answer.status, answer.text.strip()) == (400, DENIED)
    assert merlon.api.all_of("/v1/devices") == []
    other = maker.device("SN-8")
    key = new_key()
    deny(merlon, key)
    answer = est.post("simpleenroll", csr_body(key, name(cn="acme-SN-8")), "--cert", other.certificate, "--key", other.key)
    assert (answer.status, answer.text.strip()) == (400, DENIED)


def test_a_maker_whose_own_key_is_denied(merlon, workdir):
    maker = Maker(workdir)
    (merlon.folder / "maker.pem").write_bytes(maker.roots)
    done = merlon.cli("key", "deny", "--from", merlon.folder / "maker.pem", "--reason", "leaked")
    assert done.code == 0, done.err
    answer = merlon.api.ask("POST", "/v1/makers", {"name": "acme", "ca": maker.roots.decode(), "approve": "all"})
    assert answer.status == 400 and DENIED in answer.text()


def test_a_device_that_is_expected_with_it(merlon):
    key = new_key()
    deny(merlon, key)
    answer = merlon.api.ask("POST", "/v1/devices", {"id": "pump-7", "key": hash_of(key)})
    assert answer.status == 400 and DENIED in answer.text()
    (merlon.folder / "list.csv").write_text(f"id,key\npump-7,{hash_of(key)}\n", encoding="ascii")
    done = merlon.cli("device", "import", merlon.folder / "list.csv")
    assert done.code == 1 and "denied-key" in done.err + done.out
    assert merlon.api.all_of("/v1/devices") == []
    published = ec.derive_private_key(1, ec.SECP256R1())
    answer = merlon.api.ask("POST", "/v1/devices", {"id": "pump-7", "key": hash_of(published)})
    assert answer.status == 400 and "published-key" in answer.text()


# --- keys in use

@pytest.mark.quick
def test_a_live_connection_ends_within_a_second_and_nobody_elses(merlon, est):
    victim, other = merlon.device("pump-7"), merlon.device("pump-8")
    with Mqtt(merlon.mqtt_port, merlon.root, victim) as client, Mqtt(merlon.mqtt_port, merlon.root, other) as witness:
        assert client.connect("x").reason == 0 and witness.connect("y").reason == 0
        with Stopwatch() as watch:
            done = merlon.cli("key", "deny", "--from", victim.certificate, "--reason", "found on a web site")
            assert client.ends() == 0x98  # administrative action
            assert watch.passed < 1
        assert done.code == 0 and done.out.split()[-1] == "1", done
        witness.publish("devices/pump-8/x", b"still here")
    assert not can_connect(merlon, victim)
    assert can_connect(merlon, other)
    entry = merlon.wait_for_entry("device.revoked", target="pump-7")
    assert entry["reason"] == "found on a web site"
    denied = merlon.wait_for_entry("key.denied")
    assert denied["reason"] == "found on a web site" and denied["details"]["revoked"] == 1
    merlon.restart()
    assert not can_connect(merlon, victim)
    assert est.enrol("pump-7", merlon.token("pump-7"), request_of(load_key(victim), "pump-7")).status == 400


def test_a_claim_whose_key_is_denied_is_revoked(merlon):
    set_template(merlon)
    claim = make_claim(merlon)
    with Mqtt(merlon.mqtt_port, merlon.root, claim) as client:
        assert client.connect("x").reason == 0
        assert deny(merlon, load_key(claim)) == {"added": 1, "revoked": 1}
        assert client.ends() == 0x98
    assert merlon.api.get("/v1/claims/line-3")["state"] == "revoked"


# --- the list itself

def test_a_long_list_goes_in_from_a_file_and_one_comes_out_again(merlon, est):
    keys = [secrets.token_hex(32) for _ in range(5000)]
    mine = new_key()
    path = merlon.folder / "list"
    path.write_text("# leaked in May\n" + "\n".join([*keys, hash_of(mine) + "  # ours"]) + "\n", encoding="ascii")
    done = merlon.cli("-o", "json", "key", "deny", "--file", path, "--reason", "May")
    assert done.code == 0, done.err
    assert len(merlon.api.all_of("/v1/denied-keys")) == 5001
    assert len(merlon.cli("key", "denied").out.splitlines()) == 5002  # and the titles
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    assert est.enrol("pump-7", token, request_of(mine, "pump-7")).status == 400
    assert merlon.cli("key", "allow", hash_of(mine), "--reason", "a mistake").code == 0
    assert merlon.cli("key", "allow", hash_of(mine)).code == 1
    merlon.wait_for_entry("key.allowed", target=hash_of(mine), reason="a mistake")
    assert est.enrol("pump-7", token, request_of(mine, "pump-7")).status == 200


def test_a_bad_line_is_named_and_nothing_is_sent(merlon):
    path = merlon.folder / "list"
    path.write_text("ab" * 32 + "\nhello\n", encoding="ascii")
    done = merlon.cli("key", "deny", "--file", path, "--reason", "x")
    assert done.code == 1 and "line 2" in done.err
    assert merlon.api.all_of("/v1/denied-keys") == []


def test_a_list_has_64_mib_and_not_one_byte_more(merlon):
    path, size, key = merlon.folder / "list", 64 << 20, "\n" + "ab" * 32 + "\n"
    for more, code in ((1, 1), (0, 0)):
        path.write_text("#".ljust(size + more - len(key)) + key, encoding="ascii")
        done = merlon.cli("key", "deny", "--file", path, "--reason", "x")
        assert done.code == code, done.err
        assert len(merlon.api.all_of("/v1/denied-keys")) == 1 - more


@pytest.mark.parametrize("body", [
    {}, {"keys": []}, {"keys": ["ab" * 32]}, {"keys": ["ab" * 32], "reason": ""}, {"keys": "ab", "reason": "x"},
    {"keys": [7], "reason": "x"}, {"keys": ["zz" * 32], "reason": "x"}, {"keys": ["ab" * 31], "reason": "x"},
    {"keys": ["ab" * 32] * 501, "reason": "x"}, {"keys": ["ab" * 32], "reason": "x" * 257},
], ids=range(10))
def test_what_is_no_list(merlon, body):
    assert merlon.api.ask("POST", "/v1/denied-keys", body).status == 400


def test_who_may(merlon):
    body = {"keys": ["ab" * 32], "reason": "x"}
    viewer, security = merlon.https(merlon.operator("vera", "viewer")), merlon.https(merlon.operator("sam", "security"))
    assert viewer.ask("GET", "/v1/denied-keys").status == 200
    assert viewer.ask("POST", "/v1/denied-keys", body).status == 403
    assert security.ask("POST", "/v1/denied-keys", body).status == 200
    assert security.ask("POST", f"/v1/denied-keys/{'ab' * 32}/allow", {}).status == 403
    assert [k["by"] for k in merlon.api.all_of("/v1/denied-keys")] == ["sam"]


def test_rsa_keys_by_the_lists_of_openssl_blacklist(merlon, est):
    key = rsa.generate_private_key(E, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    line = hashlib.sha1(openssl("rsa", "-noout", "-modulus", given=pem)).hexdigest()[20:]
    (merlon.folder / "blacklist.RSA-2048").write_text(f"# openssl-blacklist\n{line}\n", encoding="ascii")
    done = merlon.cli("key", "deny", "--file", merlon.folder / "blacklist.RSA-2048", "--reason", "leaked")
    assert done.code == 0, done.err
    merlon.add_device("pump-7")
    answer = est.enrol("pump-7", merlon.token("pump-7"), csr_with(key, "pump-7", []))
    assert (answer.status, answer.text.strip()) == (400, DENIED)


# --- weak keys

def is_prime(n: int) -> bool:
    return n % 2 == 1 and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7))


def prime(bits: int) -> int:
    while True:
        p = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if is_prime(p) and math.gcd(p - 1, E) == 1:
            return p


def prime_above(p: int) -> int:
    p += 2
    while not is_prime(p) or math.gcd(p - 1, E) != 1:
        p += 2
    return p


def roca_prime() -> int:
    """CVE-2017-15361: k * M + (65537^a mod M), M the product of the first 126 primes."""
    m = math.prod(p for p in range(2, 702) if all(p % d for d in range(2, p)))
    while True:
        p = (secrets.randbits(53) | 3 << 51) * m + pow(E, secrets.randbits(60), m)
        if p.bit_length() >= 1024 and is_prime(p) and math.gcd(p - 1, E) == 1:
            return p


def unsigned(n: int) -> bytes:
    return der(0x02, n.to_bytes(n.bit_length() // 8 + 1, "big"))


def rsa_request(n: int, e: int, d: int) -> bytes:
    """As a device would sign that has this key. RFC 8017 9.2"""
    subject = der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(0x0c, b"pump-7"))))
    public = der(0x30, der(0x30, oid("1.2.840.113549.1.1.1"), b"\x05\x00"), der(0x03, b"\0" + der(0x30, unsigned(n), unsigned(e))))
    info = der(0x30, b"\x02\x01\x00", subject, public, der(0xa0))
    size = (n.bit_length() + 7) // 8
    digest = der(0x30, der(0x30, oid("2.16.840.1.101.3.4.2.1"), b"\x05\x00"), der(0x04, hashlib.sha256(info).digest()))
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    signature = pow(int.from_bytes(padded, "big"), d, n).to_bytes(size, "big")
    return base64.encodebytes(der(0x30, info, der(0x30, oid("1.2.840.113549.1.1.11"), b"\x05\x00"), der(0x03, b"\0" + signature)))


def of_primes(*primes: int, e: int = E) -> bytes:
    phi = math.prod(p - 1 for p in primes)
    return rsa_request(math.prod(primes), e, pow(e, -1, phi) if math.gcd(e, phi) == 1 else 1)


def for_exponent(e: int) -> bytes:
    while True:
        p, q = prime(1024), prime(1024)
        if e % 2 == 0 or math.gcd(e, (p - 1) * (q - 1)) == 1:
            return of_primes(p, q, e=e)


def close_primes() -> bytes:
    p = prime(1024)
    return of_primes(p, prime_above(p))


def ed25519_neutral() -> bytes:
    """Nobody holds a key here: under the neutral element this signature verifies for every message."""
    subject = der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(0x0c, b"pump-7"))))
    public = der(0x30, der(0x30, oid("1.3.101.112")), der(0x03, b"\0\x01" + bytes(31)))
    info = der(0x30, b"\x02\x01\x00", subject, public, der(0xa0))
    return base64.encodebytes(der(0x30, info, der(0x30, oid("1.3.101.112")), der(0x03, b"\0\x01" + bytes(63))))


def explicit_curve() -> bytes:
    key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit")
    return base64.encodebytes(openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/CN=pump-7", "-outform", "DER", given=key))


def rfc9500() -> bytes:
    """RFC 9500 2.3, testECCP256."""
    return request_of(ec.derive_private_key(0xE6CB5BDD80AA45AE9C95E8C15476679FFEC953C16851E711E743939589C64FC1, ec.SECP256R1()),
                      "pump-7")


def ed25519_seed(seed: bytes) -> bytes:
    pem = ed25519.Ed25519PrivateKey.from_private_bytes(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return base64.encodebytes(openssl("req", "-new", "-key", "/dev/stdin", "-subj", "/CN=pump-7", "-outform", "DER", given=pem))


def private_number(octets: bytes, curve: ec.EllipticCurve) -> bytes:
    return request_of(ec.derive_private_key(int.from_bytes(octets, "big"), curve), "pump-7")


def rfc8032() -> bytes:
    """RFC 8032 7.1, test 1; the key of RFC 8037 A."""
    return ed25519_seed(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))


WEAK = [
    ("rsa-2047", lambda: of_primes(prime(1024), prime(1023)), "weak-key"),
    ("rsa-4097", lambda: of_primes(prime(2049), prime(2049)), "weak-key"),
    ("exponent-1", lambda: for_exponent(1), "weak-key"),
    ("exponent-3", lambda: for_exponent(3), "weak-key"),
    ("exponent-even", lambda: for_exponent(65536), "weak-key"),
    ("exponent-2^32+15", lambda: for_exponent((1 << 32) + 15), "weak-key"),
    ("factor-3", lambda: of_primes(3, prime(1023), prime(1025)), "small-factor"),
    ("factor-701", lambda: of_primes(701, prime(1023), prime(1023)), "small-factor"),
    ("prime-modulus", lambda: of_primes(prime(2048)), "prime-modulus"),
    ("close-primes", close_primes, "close-primes"),
    ("roca", lambda: of_primes(roca_prime(), roca_prime()), "roca"),
    ("explicit-curve", explicit_curve, "weak-key"),
    ("private-key-1", lambda: request_of(ec.derive_private_key(1, ec.SECP256R1()), "pump-7"), "published-key"),
    ("ed25519-neutral", ed25519_neutral, "small-order"),
    ("rfc-9500", rfc9500, "published-key"),
    ("rfc-8032", rfc8032, "published-key"),
    ("random-00", lambda: ed25519_seed(bytes(32)), "dead-random-source"),
    ("random-ff", lambda: ed25519_seed(b"\xff" * 32), "dead-random-source"),
    ("random-01-p256", lambda: private_number(b"\x01" * 32, ec.SECP256R1()), "dead-random-source"),
    ("random-5a-p384", lambda: private_number(b"\x5a" * 48, ec.SECP384R1()), "dead-random-source"),
    ("random-counts", lambda: private_number(bytes(range(32)), ec.SECP256R1()), "dead-random-source"),
]


@pytest.mark.parametrize("make, reason", [(make, reason) for _, make, reason in WEAK], ids=[title for title, _, _ in WEAK])
def test_a_weak_key(merlon, est, make, reason):
    merlon.add_device("pump-7")
    before = refused_keys(merlon, reason)
    token = merlon.token("pump-7")
    answer = est.enrol("pump-7", token, make())
    assert answer.status == 400 and answer.text.startswith(f"{reason}: "), answer
    assert merlon.wait_for_entry("enrol.refused", target="pump-7")["reason"] == answer.text.strip()
    assert refused_keys(merlon, reason) == before + 1
    assert est.enrol("pump-7", token, request_of(new_key(), "pump-7")).status == 200


def test_keys_of_every_type_that_are_sound(merlon, est):
    merlon.add_device("pump-7")
    sound = [lambda: of_primes(prime(1024), prime(1024)), lambda: csr_with(rsa.generate_private_key(E, 4096), "pump-7", []),
             lambda: request_of(ec.generate_private_key(ec.SECP384R1()), "pump-7"), lambda: request_of(new_key(), "pump-7")]
    for make in sound:
        answer = est.enrol("pump-7", merlon.token("pump-7"), make())
        assert answer.status == 200, answer
