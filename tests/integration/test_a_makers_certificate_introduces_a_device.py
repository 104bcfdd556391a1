# SPDX-License-Identifier: Apache-2.0
"""EST with the certificate a device was made with (IDevID, IEEE 802.1AR): curl, with certificates of python3-cryptography."""
import datetime
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness.ca import Identity, make_key, openssl
from harness.est import CurlAnswer, Est, certificates_of, make_csr_body
from harness.maker import Authority, Maker, csr_body, hardware_module, load, load_key, name, new_key, pem
from harness.mqtt import Mqtt

TLS = {"1.2": ["--tlsv1.2", "--tls-max", "1.2"], "1.3": ["--tlsv1.3", "--tls-max", "1.3"]}


def est_of(merlon, *options: str) -> Est:
    return Est(merlon.enrolment_port, merlon.root, *options)


def register(merlon, maker: Maker, ca: bytes | None = None, title: str = "acme", **members) -> None:
    merlon.api.post("/v1/makers", {"name": title, "ca": (ca or maker.roots).decode(), "approve": "all", **members})


def enrol(est: Est, idevid: Identity, body: bytes, *options: str) -> CurlAnswer:
    return est.post("simpleenroll", body, "--cert", idevid.certificate, "--key", idevid.key, *options)


def enrol_at(est: Est, operation: str, idevid: Identity, body: bytes) -> CurlAnswer:
    return est.post(operation, body, "--cert", idevid.certificate, "--key", idevid.key)


def body_for(folder: Path, subject: str) -> bytes:
    return make_csr_body(make_key(folder / "ldevid.key"), subject)


def assert_refused(merlon, answer: CurlAnswer, status: int, words: str) -> None:
    assert answer.status == status, answer
    assert words in answer.text
    assert words in merlon.wait_for_entry("enrol.refused", reason=answer.text.strip())["reason"]


def assert_no_handshake(merlon, answer: CurlAnswer, reason: str) -> None:
    assert answer.status == 0, answer
    merlon.wait_for_entry("connection.refused", reason=reason)


@pytest.fixture
def maker(workdir) -> Maker:
    return Maker(workdir)


# --- the way in

@pytest.mark.quick
@pytest.mark.parametrize("version", TLS.values(), ids=[f"tls{v}" for v in TLS])
def test_the_serial_number_of_the_subject_is_the_device(merlon, maker, workdir, version):
    register(merlon, maker, group="pumps")
    idevid = maker.device("SN-7")
    answer = enrol(est_of(merlon, *version), idevid, body_for(workdir, "/CN=acme-SN-7"))
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, workdir)
    (workdir / "ldevid.crt").write_bytes(leaf)
    ldevid = x509.load_pem_x509_certificate(leaf)
    assert [a.value for a in ldevid.subject] == ["acme-SN-7"]
    device = merlon.api.get("/v1/devices/acme-SN-7")
    assert (device["state"], device["group"]) == ("active", "pumps")
    steps = [e["action"] for e in merlon.audit() if e.get("target") == "acme-SN-7"]
    assert steps == ["device.added", "device.introduced", "device.activated", "device.enrolled"]
    entry = merlon.wait_for_entry("device.enrolled", target="acme-SN-7")
    fingerprint = openssl("x509", "-in", idevid.certificate, "-outform", "DER")
    assert entry["actor"]["auth"] == "certificate:" + sha256(fingerprint)
    with Mqtt(merlon.mqtt_port, merlon.root, Identity("acme-SN-7", workdir / "ldevid.key", workdir / "ldevid.crt")) as client:
        assert client.connect("x").reason == 0


def sha256(data: bytes) -> str:
    import hashlib
    return hashlib.sha256(data).hexdigest()


def subject_of(idevid: Identity) -> x509.Name:
    return load(idevid).subject


@pytest.mark.parametrize("subject", [
    name(cn="acme-SN-7"),
    name(),
    name(o="Acme", serial="SN-7"),  # that of the certificate
    name(serial="SN-7"),
], ids=["id", "empty", "as in the certificate", "serialNumber"])
def test_a_request_may_name_the_device_in_the_words_of_its_maker(merlon, maker, workdir, subject):
    register(merlon, maker)
    answer = enrol(est_of(merlon), maker.device("SN-7"), csr_body(new_key(), subject))
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, workdir)
    assert x509.load_pem_x509_certificate(leaf).subject == name(cn="acme-SN-7")


@pytest.mark.parametrize("subject", [name(cn="acme-SN-8"), name(cn="SN-7"), name(serial="SN-8"), name(o="Acme")],
                         ids=["other id", "without prefix", "other serial", "nothing"])
def test_a_request_names_no_other_device(merlon, maker, subject):
    register(merlon, maker)
    assert_refused(merlon, enrol(est_of(merlon), maker.device("SN-7"), csr_body(new_key(), subject)), 400, "subject")
    assert merlon.api.ask("GET", "/v1/devices/acme-SN-7").status == 404  # nothing came of it


@pytest.mark.parametrize("members, subject, san, device", [
    ({"prefix": ""}, name(serial="SN-7"), None, "SN-7"),
    ({"prefix": "pump:"}, name(serial="SN-7"), None, "pump:SN-7"),
    ({"id_from": "cn"}, name(cn="p-1", serial="SN-7"), None, "acme-p-1"),
    ({"id_from": "hardware"}, name(), hardware_module(b"\x00\xffAb"), "acme-00ff4162"),
])
def test_what_the_device_is_called_is_the_makers_rule(merlon, maker, workdir, members, subject, san, device):
    register(merlon, maker, **members)
    idevid = maker.device("x", subject=subject, san=san)
    assert enrol(est_of(merlon), idevid, body_for(workdir, f"/CN={device}")).status == 200
    assert merlon.api.get(f"/v1/devices/{device}")["state"] == "active"


def test_rsa_makers_and_devices_are_as_good(merlon, workdir):
    maker = Maker(workdir, kind="rsa")
    register(merlon, maker)
    assert enrol(est_of(merlon), maker.device("SN-7", eku=True), body_for(workdir, "/CN=acme-SN-7")).status == 200


def test_the_bundle_helps_devices_that_send_no_chain(merlon, maker, workdir):
    register(merlon, maker)
    alone = maker.device("SN-7", chain=False)
    assert_no_handshake(merlon, enrol(est_of(merlon), alone, body_for(workdir, "/CN=acme-SN-7")), "unknown-ca")
    merlon.api.do("DELETE", "/v1/makers/acme")
    register(merlon, maker, maker.bundle)
    assert enrol(est_of(merlon), alone, body_for(workdir, "/CN=acme-SN-7")).status == 200


def test_a_device_ca_alone_is_anchor_enough(merlon, maker, workdir):
    register(merlon, maker, pem(maker.issuing.certificate))
    assert enrol(est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")).status == 200
    by_root = maker.device("SN-8", by=maker.root, chain=False)
    assert_no_handshake(merlon, enrol(est_of(merlon), by_root, body_for(workdir, "/CN=acme-SN-8")), "unknown-ca")


def test_a_device_comes_back_with_its_own_key_after_a_reset(merlon, maker, workdir):
    register(merlon, maker)
    idevid = maker.device("SN-7")
    for number in range(2):
        assert enrol(est_of(merlon), idevid, csr_body(new_key(), name(cn="acme-SN-7"))).status == 200, number
    assert len(merlon.api.get("/v1/devices/acme-SN-7")["credentials"]) == 2
    assert merlon.api.get("/v1/makers/acme")["introduced"] == 1


# --- who is kept out

def test_who_is_of_no_registered_maker_is_a_stranger(merlon, maker, workdir):
    idevid = maker.device("SN-7")
    body = body_for(workdir, "/CN=acme-SN-7")
    assert_no_handshake(merlon, enrol(est_of(merlon), idevid, body), "unknown-ca")  # not yet
    register(merlon, Maker(workdir, "Other"), title="other")
    assert enrol(est_of(merlon), idevid, body).status == 0
    register(merlon, maker)
    merlon.api.do("DELETE", "/v1/makers/acme")
    assert enrol(est_of(merlon), idevid, body).status == 0  # not any more
    assert merlon.api.ask("GET", "/v1/devices/acme-SN-7").status == 404


def test_a_store_of_the_system_counts_for_nothing(make_merlon, maker, workdir, monkeypatch):
    trusted = workdir / "system.pem"
    trusted.write_bytes(maker.bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    merlon = make_merlon()
    merlon.init()
    merlon.start()
    monkeypatch.delenv("SSL_CERT_FILE")
    assert_no_handshake(merlon, enrol(est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")), "unknown-ca")


def imitation(maker: Maker, folder: Path) -> Maker:
    """All the names of the maker, other keys."""
    return Maker(folder, maker.title)


def test_a_ca_of_the_same_name_is_another(merlon, maker, workdir):
    register(merlon, maker, maker.bundle)
    forged = imitation(maker, workdir).device("SN-7", file="forged")
    assert_no_handshake(merlon, enrol(est_of(merlon), forged, body_for(workdir, "/CN=acme-SN-7")), "unknown-ca")


def test_the_path_is_judged_strictly(merlon, maker, workdir):
    register(merlon, maker, maker.roots)
    est, body = est_of(merlon), body_for(workdir, "/CN=acme-SN-7")
    below = maker.issuing.subordinate(name(cn="Below"), new_key())  # the issuing CA has a path length of 0
    leaf = maker.device("SN-7", by=below, file="deep")
    leaf.certificate.write_bytes(leaf.certificate.read_bytes() + pem(maker.issuing.certificate))
    assert enrol(est, leaf, body).status == 0
    device_as_ca = maker.device("SN-8", file="as-ca")
    by_device = Authority(load(device_as_ca), load_key(device_as_ca))
    fake = maker.device("SN-7", by=by_device, file="by-device")
    fake.certificate.write_bytes(fake.certificate.read_bytes() + pem(maker.issuing.certificate))
    assert enrol(est, fake, body).status == 0
    expired = maker.device("SN-7", end=datetime.datetime(2020, 1, 1), file="expired")
    assert_no_handshake(merlon, enrol(est, expired, body), "expired")
    assert merlon.api.ask("GET", "/v1/devices/acme-SN-7").status == 404


def test_a_stolen_certificate_without_its_key_is_nothing(merlon, maker, workdir):
    register(merlon, maker)
    idevid = maker.device("SN-7")
    thief = Identity("x", make_key(workdir / "thief.key"), idevid.certificate)
    answer = enrol(est_of(merlon), thief, body_for(workdir, "/CN=acme-SN-7"))
    assert answer.status == 0  # curl itself does not use a key that is of another certificate
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.enrolment_port}", "-CAfile", str(merlon.root),
                           "-cert", str(idevid.certificate), "-key", str(thief.key)], input=b"", capture_output=True,
                          check=False, timeout=20)
    assert done.returncode != 0


def test_a_certificate_that_names_no_possible_device_is_told_so(merlon, maker, workdir):
    register(merlon, maker)
    est, body = est_of(merlon), body_for(workdir, "/CN=acme-x")
    for number, subject in enumerate([name(o="Acme"), name(serial="a/b"), name(serial="a b"), name(serial="+"),
                                      name(serial="x" * 60), name(serial="é")]):
        answer = enrol(est, maker.device("x", subject=subject, file=f"odd{number}"), body)
        assert answer.status == 403, (subject, answer)
        assert "certificate names" in answer.text
    assert merlon.api.all_of("/v1/devices") == []


def test_crls_of_a_maker_keep_out_what_they_name(merlon, maker, workdir):
    est = est_of(merlon)
    good, bad = maker.device("SN-1"), maker.device("SN-2")
    lists = maker.root.crl() + maker.issuing.crl(load(bad))
    register(merlon, maker, crl=lists.decode())
    assert merlon.api.get("/v1/makers/acme")["crls"] == 2
    assert enrol(est, good, csr_body(new_key(), name(cn="acme-SN-1"))).status == 200
    assert_no_handshake(merlon, enrol(est, bad, csr_body(new_key(), name(cn="acme-SN-2"))), "revoked")
    merlon.api.do("PUT", "/v1/makers/acme/crl", {"crl": maker.issuing.crl().decode()})  # none of the root: the path has a gap
    assert enrol(est, good, csr_body(new_key(), name(cn="acme-SN-1"))).status == 0
    merlon.api.do("PUT", "/v1/makers/acme/crl", {})
    assert enrol(est, bad, csr_body(new_key(), name(cn="acme-SN-2"))).status == 200


def test_a_maker_has_16_crls_and_not_one_more(merlon, maker):
    register(merlon, maker)
    for count, status in ((17, 409), (16, 200)):
        assert merlon.api.ask("PUT", "/v1/makers/acme/crl", {"crl": maker.root.crl().decode() * count}).status == status
    assert merlon.api.get("/v1/makers/acme")["crls"] == 16


def test_crls_of_a_maker_have_40_kib_and_not_one_entry_more(merlon, maker):
    """In DER, whose signature may be a byte or two longer or shorter."""
    limit, entry = 40 << 10, 39

    def crl(count: int) -> bytes:
        return maker.root.crl(*(SimpleNamespace(serial_number=(1 << 158) + n) for n in range(count)))

    def size(text: bytes) -> int:
        return len(x509.load_pem_x509_crl(text).public_bytes(serialization.Encoding.DER))

    most = (limit - size(crl(1000))) // entry + 1000
    register(merlon, maker)
    for count, status in ((most + 1, 409), (most - 1, 200)):
        text = crl(count)
        assert (size(text) > limit) == (status == 409) and abs(size(text) - limit) < 2 * entry
        assert merlon.api.ask("PUT", "/v1/makers/acme/crl", {"crl": text.decode()}).status == status


# --- one key, one device, for ever

def test_a_maker_never_gets_at_a_device_that_was_made_otherwise(merlon, maker, workdir):
    register(merlon, maker)
    merlon.device("acme-SN-1")
    merlon.add_device("acme-SN-2")
    est = est_of(merlon)
    for serial in ("SN-1", "SN-2"):
        answer = enrol(est, maker.device(serial), csr_body(new_key(), name(cn=f"acme-{serial}")))
        assert_refused(merlon, answer, 403, "made otherwise")
    assert merlon.api.get("/v1/devices/acme-SN-2")["state"] == "expected"


def test_a_tombstone_holds(merlon, maker, workdir):
    register(merlon, maker)
    est, idevid = est_of(merlon), maker.device("SN-7")
    assert enrol(est, idevid, body_for(workdir, "/CN=acme-SN-7")).status == 200
    merlon.api.step("acme-SN-7", "retire", "scrapped")
    assert_refused(merlon, enrol(est, idevid, body_for(workdir, "/CN=acme-SN-7")), 403, "retired")
    another = maker.device("SN-7", file="another")
    assert_refused(merlon, enrol(est, another, body_for(workdir, "/CN=acme-SN-7")), 403, "another key")


def test_a_second_certificate_for_the_same_device_is_refused(merlon, maker, workdir):
    register(merlon, maker)
    est = est_of(merlon)
    first = maker.device("SN-7")
    assert enrol(est, first, body_for(workdir, "/CN=acme-SN-7")).status == 200
    assert_refused(merlon, enrol(est, maker.device("SN-7", file="twin"), body_for(workdir, "/CN=acme-SN-7")), 403, "another key")
    renamed = maker.device("SN-8", key=load_key(first), file="renamed")
    assert_refused(merlon, enrol(est, renamed, csr_body(new_key(), name(cn="acme-SN-8"))), 403, "that of device acme-SN-7")
    stolen = maker.device("SN-9")
    assert_refused(merlon, enrol(est, stolen, csr_body(load_key(first), name(cn="acme-SN-9"))), 403, "acme-SN-7")


def test_the_name_of_a_removed_maker_does_not_open_its_devices(merlon, maker, workdir):
    register(merlon, maker)
    est, idevid = est_of(merlon), maker.device("SN-7")
    assert enrol(est, idevid, body_for(workdir, "/CN=acme-SN-7")).status == 200
    merlon.api.do("DELETE", "/v1/makers/acme")
    other = Maker(workdir, "Evil")
    register(merlon, other)
    assert_refused(merlon, enrol(est, other.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")), 403, "another key")
    register(merlon, maker, title="again", prefix="again-")
    assert_refused(merlon, enrol(est, idevid, body_for(workdir, "/CN=again-SN-7")), 403, "that of device acme-SN-7")


def test_two_makers_cannot_name_the_same_device(merlon, maker, workdir):
    register(merlon, maker)
    other = Maker(workdir, "Other")

    def refused(**members) -> str:
        answer = merlon.api.ask("POST", "/v1/makers", {"name": "other", "ca": other.roots.decode(), **members})
        assert answer.status == 409, answer
        return answer.text()

    for prefix in ("acme-", "acme-x", "a", ""):
        assert "overlaps" in refused(prefix=prefix)
    assert "another maker" in refused(ca=(other.roots + maker.roots).decode())
    register(merlon, other, title="other")
    assert [m["prefix"] for m in merlon.api.all_of("/v1/makers")] == ["acme-", "other-"]


def test_a_certificate_that_leads_to_two_makers_introduces_nobody(merlon, maker, workdir):
    register(merlon, maker)
    register(merlon, maker, pem(maker.issuing.certificate), title="brand")
    assert enrol(est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")).status == 0


# --- what an operator decides

def test_only_listed_devices(merlon, maker, workdir):
    register(merlon, maker, approve="listed", group="others")
    est = est_of(merlon)
    assert_refused(merlon, enrol(est, maker.device("SN-1"), csr_body(new_key(), name(cn="acme-SN-1"))), 403, "not listed")
    assert merlon.api.ask("GET", "/v1/devices/acme-SN-1").status == 404
    merlon.add_device("acme-SN-2", "pumps")
    assert enrol(est, maker.device("SN-2"), csr_body(new_key(), name(cn="acme-SN-2"))).status == 200
    assert merlon.api.get("/v1/devices/acme-SN-2")["group"] == "pumps"
    merlon.device("acme-SN-3")
    answer = enrol(est, maker.device("SN-3"), csr_body(new_key(), name(cn="acme-SN-3")))
    assert_refused(merlon, answer, 403, "made otherwise")
    merlon.device("acme-SN-4")
    merlon.api.step("acme-SN-4", "revoke")  # expected again, and all the same not made for this
    answer = enrol(est, maker.device("SN-4"), csr_body(new_key(), name(cn="acme-SN-4")))
    assert_refused(merlon, answer, 403, "made otherwise")


@pytest.mark.quick
def test_a_device_waits_until_an_operator_approves_it(merlon, maker, workdir):
    register(merlon, maker, approve="manual")
    est, idevid, body = est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")
    for _ in range(3):
        answer = enrol(est, idevid, body)
        assert (answer.status, answer.headers["retry-after"]) == (202, "60"), answer
        assert "waits for approval" in answer.text
    assert merlon.api.get("/v1/devices/acme-SN-7")["state"] == "expected"
    (waiting,) = merlon.api.all_of("/v1/approvals")
    assert (waiting["device"], waiting["introducer"], waiting["state"]) == ("acme-SN-7", "maker:acme", "pending")
    assert len(merlon.audit(action="approval.requested")) == 1
    done = merlon.cli("approval", "approve", waiting["id"], "--reason", "seen on site")
    assert done.code == 0, done
    assert merlon.wait_for_entry("approval.approved", target="acme-SN-7")["reason"] == "seen on site"
    assert enrol(est, idevid, body).status == 200
    assert merlon.api.get("/v1/devices/acme-SN-7")["state"] == "active"
    assert merlon.api.all_of("/v1/approvals")[0]["state"] == "used"
    (first,) = certificates_of(enrol(est, idevid, body).body, workdir)  # the answer was lost: the same again
    (again,) = certificates_of(enrol(est, idevid, body).body, workdir)
    assert first == again
    merlon.wait_for_entry("enrol.repeated", target="acme-SN-7")
    assert enrol(est, idevid, csr_body(new_key(), name(cn="acme-SN-7"))).status == 202  # one approval, one enrolment


def test_an_operator_refuses_and_thinks_again(merlon, maker, workdir):
    register(merlon, maker, approve="manual")
    est, idevid, body = est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")
    assert enrol(est, idevid, body).status == 202
    ident = merlon.api.all_of("/v1/approvals")[0]["id"]
    assert merlon.cli("approval", "refuse", ident).code == 0
    for _ in range(2):
        assert_refused(merlon, enrol(est, idevid, body), 403, "refused")
    assert merlon.api.all_of("/v1/approvals", state="pending") == []
    assert merlon.api.ask("POST", f"/v1/approvals/{ident}/refuse", {}).status == 409
    assert merlon.cli("approval", "approve", ident).code == 0
    assert merlon.cli("approval", "refuse", ident).code == 0  # not used yet: taken back
    assert enrol(est, idevid, body).status == 403
    assert merlon.cli("approval", "approve", ident).code == 0
    assert enrol(est, idevid, body).status == 200
    assert merlon.api.ask("POST", f"/v1/approvals/{ident}/refuse", {}).status == 409  # used up
    assert merlon.api.ask("POST", "/v1/approvals/0000000000000000/approve", {}).status == 404


def test_who_was_revoked_needs_an_approval_whatever_the_rule_says(merlon, maker, workdir):
    register(merlon, maker)
    est, idevid = est_of(merlon), maker.device("SN-7")
    assert enrol(est, idevid, csr_body(new_key(), name(cn="acme-SN-7"))).status == 200
    merlon.api.step("acme-SN-7", "revoke", "stolen")
    body = csr_body(new_key(), name(cn="acme-SN-7"))
    assert enrol(est, idevid, body).status == 202
    merlon.api.post(f"/v1/approvals/{merlon.api.all_of('/v1/approvals')[0]['id']}/approve")
    assert enrol(est, idevid, body).status == 200
    assert enrol(est, idevid, csr_body(new_key(), name(cn="acme-SN-7"))).status == 200  # and the rule is back


def test_who_may_approve_is_a_right_of_its_own(merlon, maker, workdir):
    register(merlon, maker, approve="manual")
    assert enrol(est_of(merlon), maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")).status == 202
    ident = merlon.api.all_of("/v1/approvals")[0]["id"]
    makes = {"name": "x", "ca": maker.roots.decode()}
    rights = {"viewer": (403, 403, 403, 403), "operator": (200, 403, 200, 403), "auditor": (403, 403, 403, 403),
              "security": (200, 403, 200, 204), "admin": (200, 409, 200, 204)}
    for role, (read, manage, look, decide) in rights.items():
        api = merlon.https(merlon.operator(f"o-{role}", role))
        assert api.ask("GET", "/v1/makers").status == read, role
        assert api.ask("POST", "/v1/makers", makes).status == manage, role
        assert api.ask("GET", "/v1/approvals").status == look, role
        step = "approve" if role == "admin" else "refuse"
        assert api.ask("POST", f"/v1/approvals/{ident}/{step}", {}).status == decide, role


def test_a_token_may_ask_for_approval_too(merlon, workdir):
    est = est_of(merlon)
    made = merlon.cli("token", "create", "--group", "pumps", "--uses", "2", "--approval", "--token-only")
    assert made.code == 0, made
    token = made.out.strip()
    assert merlon.api.all_of("/v1/tokens")[0]["approval"] is True
    bodies = {device: csr_body(new_key(), name(cn=device)) for device in ("p1", "p2")}
    for device, body in bodies.items():
        answer = est.enrol(device, token, body)
        assert (answer.status, answer.headers["retry-after"]) == (202, "60"), answer
    assert est.enrol("p1", token, bodies["p1"]).status == 202
    waiting = {a["device"]: a for a in merlon.api.all_of("/v1/approvals")}
    assert set(waiting) == {"p1", "p2"}
    assert waiting["p1"]["introducer"] == "token:" + merlon.api.all_of("/v1/tokens")[0]["id"]
    assert merlon.api.get("/v1/devices/p1")["state"] == "expected"
    merlon.api.post(f"/v1/approvals/{waiting['p1']['id']}/approve")
    merlon.api.post(f"/v1/approvals/{waiting['p2']['id']}/refuse")
    assert est.enrol("p1", token, bodies["p1"]).status == 200
    assert_refused(merlon, est.enrol("p2", token, bodies["p2"]), 403, "refused")
    assert merlon.api.all_of("/v1/tokens")[0]["used"] == 1
    assert est.enrol("p1", token, csr_body(new_key(), name(cn="p1"))).status == 202  # one approval, one enrolment


def test_an_approval_for_the_maker_is_none_for_a_token(merlon, maker, workdir):
    register(merlon, maker, approve="manual")
    est, idevid = est_of(merlon), maker.device("SN-7")
    body = csr_body(new_key(), name(cn="acme-SN-7"))
    assert enrol(est, idevid, body).status == 202
    merlon.api.post(f"/v1/approvals/{merlon.api.all_of('/v1/approvals')[0]['id']}/approve")
    token = merlon.api.post("/v1/tokens", {"device": "acme-SN-7", "approval": True})["token"]
    assert est.enrol("acme-SN-7", token, body).status == 202
    assert enrol(est, idevid, body).status == 200


def test_labels_hold_for_makers_too(start_merlon, maker, workdir):
    merlon = start_merlon(tables=[("profile", {"name": "short", "life": "1d", "groups": ["pumps"]}),
                                  ("profile", {"name": "made", "serverkeygen": True})])
    register(merlon, maker, group="pumps")
    est, idevid = est_of(merlon), maker.device("SN-7")
    answer = enrol_at(est, "short/simpleenroll", idevid, csr_body(new_key(), name(cn="acme-SN-7")))
    assert answer.status == 200, answer
    leaf = x509.load_pem_x509_certificate(certificates_of(answer.body, workdir)[0])
    assert leaf.not_valid_after - leaf.not_valid_before <= datetime.timedelta(days=1, hours=2)
    made = enrol_at(est, "made/serverkeygen", idevid, csr_body(new_key(), name()))
    assert made.status == 200 and made.headers["content-type"].startswith("multipart/mixed"), made


def test_a_profile_of_another_group_is_refused_and_uses_no_approval(start_merlon, maker):
    merlon = start_merlon(tables=[("profile", {"name": "short", "groups": ["others"]})])
    register(merlon, maker, approve="manual")
    est, idevid, body = est_of(merlon), maker.device("SN-7"), csr_body(new_key(), name(cn="acme-SN-7"))
    assert enrol_at(est, "short/simpleenroll", idevid, body).status == 202
    merlon.api.post(f"/v1/approvals/{merlon.api.all_of('/v1/approvals')[0]['id']}/approve")
    assert enrol_at(est, "short/simpleenroll", idevid, body).status == 403
    assert enrol(est, idevid, body).status == 200


# --- how many

def test_new_devices_of_a_maker_come_no_faster_than_they_may(merlon, maker, workdir):
    register(merlon, maker, rate=3)
    est = est_of(merlon)
    statuses = [enrol(est, maker.device(f"SN-{n}"), csr_body(new_key(), name(cn=f"acme-SN-{n}"))).status for n in range(4)]
    if statuses.count(429) == 0:  # a minute began in between: the next one holds
        statuses = [enrol(est, maker.device(f"T-{n}"), csr_body(new_key(), name(cn=f"acme-T-{n}"))).status for n in range(4)]
    assert statuses.count(429) >= 1 and statuses.count(200) <= 3, statuses
    known = maker.device("SN-0", key=None, file="Acme-SN-0-again")
    assert enrol(est, known, csr_body(new_key(), name(cn="acme-SN-0"))).status == 403  # no device, no room needed
    answer = enrol(est, maker.device("late"), csr_body(new_key(), name(cn="acme-late")))
    assert answer.status in (200, 429)
    if answer.status == 429:
        assert answer.headers["retry-after"] == "60"


def test_a_maker_has_no_more_devices_than_it_may(merlon, maker, workdir):
    register(merlon, maker, devices=2)
    est = est_of(merlon)

    def come(serial: str) -> CurlAnswer:
        return enrol(est, maker.device(serial), csr_body(new_key(), name(cn=f"acme-{serial}")))

    assert [come(f"SN-{n}").status for n in range(2)] == [200, 200]
    assert_refused(merlon, come("SN-2"), 403, "as many as it may")
    assert len(merlon.api.all_of("/v1/devices")) == 2


def test_of_many_at_once_with_one_key_one_device_comes(merlon, maker, workdir):
    register(merlon, maker)
    est, first = est_of(merlon), maker.device("SN-0")
    key = load_key(first)
    idevids = [first] + [maker.device(f"SN-{n}", key=key) for n in range(1, 6)]
    bodies = [csr_body(new_key(), name(cn=f"acme-SN-{n}")) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda pair: enrol(est, *pair), zip(idevids, bodies)))
    assert sorted(a.status for a in answers) == [200] + [403] * 5
    assert len(merlon.api.all_of("/v1/devices")) == 1


def test_makers_and_what_waits_outlive_the_daemon(merlon, maker, workdir):
    register(merlon, maker, approve="manual")
    idevid, body = maker.device("SN-7"), body_for(workdir, "/CN=acme-SN-7")
    assert enrol(est_of(merlon), idevid, body).status == 202
    merlon.kill()
    merlon.start()
    assert enrol(est_of(merlon), idevid, body).status == 202
    merlon.api.post(f"/v1/approvals/{merlon.api.all_of('/v1/approvals')[0]['id']}/approve")
    merlon.restart()
    assert enrol(est_of(merlon), idevid, body).status == 200


def test_the_command_line_keeps_makers(merlon, maker, workdir):
    bundle = workdir / "acme.pem"
    bundle.write_bytes(maker.bundle)
    done = merlon.cli("maker", "add", "acme", "--ca", bundle, "--group", "pumps", "--approve", "all", "--jitp", "--rate", "5")
    assert done.code == 0, done
    assert merlon.api.get("/v1/makers/acme")["jitp"] is True
    shown = merlon.cli("maker", "show", "acme")
    assert shown.code == 0 and "Acme Device CA" in shown.out and "pumps" in shown.out
    assert "acme-" in merlon.cli("maker", "list").out
    lists = workdir / "crl.pem"
    lists.write_bytes(maker.root.crl() + maker.issuing.crl())
    assert merlon.cli("maker", "crl", "acme", "--file", lists).code == 0
    assert merlon.api.get("/v1/makers/acme")["crls"] == 2
    assert merlon.cli("maker", "remove", "acme").code == 0
    assert merlon.api.all_of("/v1/makers") == []
    assert [e["action"] for e in merlon.audit() if e["action"].startswith("maker.")] == ["maker.added", "maker.changed",
                                                                                        "maker.removed"]


@pytest.mark.parametrize("members, words", [
    ({"ca": "nothing"}, "no certificate"),
    ({"prefix": "-x"}, "prefix"),
    ({"prefix": "a/b"}, "prefix"),
    ({"prefix": "x" * 33}, "prefix"),
    ({"group": "a b"}, "group"),
    ({"rate": 0}, "rate"),
    ({"approve": "nobody"}, "approve"),
    ({"id_from": "face"}, "id_from"),
    ({"crl": "nothing"}, "crl"),
    ({"colour": "red"}, "colour"),
])
def test_a_maker_that_is_described_wrongly_is_not_registered(merlon, maker, members, words):
    answer = merlon.api.ask("POST", "/v1/makers", {"name": "acme", "ca": maker.roots.decode(), **members})
    assert answer.status in (400, 422), answer
    assert words in answer.text()
    assert merlon.api.all_of("/v1/makers") == []


def test_a_maker_has_up_to_16_cas_and_none_that_is_a_device(merlon, maker, workdir):
    def add(ca: bytes):
        return merlon.api.ask("POST", "/v1/makers", {"name": "acme", "ca": ca.decode()})

    many = [pem(maker.root.subordinate(name(cn=f"CA {n}"), new_key()).certificate) for n in range(17)]
    assert "16" in add(b"".join(many)).text()
    assert "not that of a CA" in add(maker.device("SN-7").certificate.read_bytes()).text()
    assert add(b"".join(many[:16])).status == 201
