# SPDX-License-Identifier: Apache-2.0
"""Just-in-time provisioning: the first connection with the certificate of a registered maker makes the device. paho,
mosquitto_pub and packets by hand, over TLS 1.2 and 1.3."""
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.ca import Identity
from harness.client import TLS_1_2, TLS_1_3
from harness.est import Est, certificates_of
from harness.maker import Maker, csr_body, load_key, name, new_key
from harness import mqtt_wire as wire
from harness.mqtt import Closed, Mqtt
from harness.ws import MqttOverWs

VERSIONS = {"1.2": TLS_1_2, "1.3": TLS_1_3}
ADMINISTRATIVE_ACTION, NOT_AUTHORIZED, UNAVAILABLE, TOO_FAST = 0x98, 0x87, 0x88, 0x9F


@pytest.fixture
def maker(workdir) -> Maker:
    return Maker(workdir)


def register(merlon, maker: Maker, title: str = "acme", **members) -> None:
    merlon.api.post("/v1/makers", {"name": title, "ca": maker.roots.decode(), "approve": "all", "jitp": True, **members})


def connect(merlon, who: Identity, version: ssl.TLSVersion = TLS_1_3, protocol: int = 5) -> tuple[int, str]:
    """Reason and reason string of CONNACK."""
    with Mqtt(merlon.mqtt_port, merlon.root, who, version=protocol, tls=version) as client:
        answer = client.connect("x")
        return answer.reason, str(answer.props.get("reason_string", "")) if protocol == 5 else ""


def comes_in(merlon, who: Identity) -> bool:
    try:
        return connect(merlon, who)[0] == 0
    except (ssl.SSLError, ConnectionError, Closed):
        return False


@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS.values(), ids=[f"tls{v}" for v in VERSIONS])
def test_the_first_connection_makes_the_device(merlon, maker, version):
    register(merlon, maker, group="pumps")
    idevid = maker.device("SN-7")
    with merlon.client(idevid, version=version) as client:  # paho
        assert client.connect() == 0
        device = merlon.api.get("/v1/devices/acme-SN-7")
        assert (device["state"], device["group"]) == ("active", "pumps")
        client.publish("devices/acme-SN-7/x", b"here")
    steps = [e["action"] for e in merlon.audit() if e.get("target") == "acme-SN-7" or e["actor"].get("id") == "acme-SN-7"]
    assert steps[:5] == ["device.added", "device.introduced", "device.activated", "device.enrolled", "connection.opened"]
    merlon.restart()
    assert connect(merlon, idevid, version) == (0, "")  # a credential like any other
    assert len(merlon.audit(action="device.introduced")) == 1


def test_mosquitto_comes_in_too(merlon, maker):
    register(merlon, maker)
    idevid = maker.device("SN-7")
    done = subprocess.run(["mosquitto_pub", "-h", "localhost", "-p", str(merlon.mqtt_port), "--cafile", str(merlon.root),
                           "--cert", str(idevid.certificate), "--key", str(idevid.key), "-t", "devices/acme-SN-7/x", "-m", "1",
                           "-q", "1", "-V", "mqttv5"], capture_output=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    assert merlon.api.get("/v1/devices/acme-SN-7")["state"] == "active"


def test_a_maker_without_jitp_stays_outside(merlon, maker):
    register(merlon, maker, jitp=False)
    assert not comes_in(merlon, maker.device("SN-7"))
    merlon.wait_for_entry("connection.refused", reason="unknown-ca")
    assert merlon.api.all_of("/v1/devices") == []


def test_strangers_stay_outside(merlon, maker, workdir):
    register(merlon, maker)
    assert not comes_in(merlon, Maker(workdir, "Other").device("SN-7"))
    assert not comes_in(merlon, Maker(workdir).device("SN-7", file="forged"))  # the same names, other keys
    assert merlon.api.all_of("/v1/devices") == []


@pytest.mark.quick
def test_a_device_waits_until_it_is_approved(merlon, maker):
    register(merlon, maker, approve="manual")
    idevid = maker.device("SN-7")
    for _ in range(2):
        reason, why = connect(merlon, idevid)
        assert reason == UNAVAILABLE and "waits for approval" in why
    assert connect(merlon, idevid, protocol=4)[0] == 3
    assert merlon.api.get("/v1/devices/acme-SN-7")["state"] == "expected"
    (waiting,) = merlon.api.all_of("/v1/approvals")
    assert (waiting["door"], waiting["state"]) == ("mqtt", "pending")
    merlon.api.post(f"/v1/approvals/{waiting['id']}/refuse")
    reason, why = connect(merlon, idevid)
    assert reason == NOT_AUTHORIZED and "refused" in why
    assert connect(merlon, idevid, protocol=4)[0] == 5
    merlon.api.post(f"/v1/approvals/{waiting['id']}/approve")
    assert connect(merlon, idevid)[0] == 0
    assert connect(merlon, idevid)[0] == 0
    assert merlon.api.get("/v1/devices/acme-SN-7")["state"] == "active"


def test_only_listed_devices(merlon, maker):
    register(merlon, maker, approve="listed")
    reason, why = connect(merlon, maker.device("SN-1"))
    assert reason == NOT_AUTHORIZED and "not listed" in why
    merlon.add_device("acme-SN-2")
    assert connect(merlon, maker.device("SN-2"))[0] == 0


def test_revoked_is_revoked_and_the_others_stay(merlon, maker):
    register(merlon, maker)
    idevid, other = maker.device("SN-7"), maker.device("SN-8")
    with Mqtt(merlon.mqtt_port, merlon.root, idevid) as client, Mqtt(merlon.mqtt_port, merlon.root, other) as stays:
        assert client.connect("a").reason == 0
        assert stays.connect("b").reason == 0
        merlon.api.step("acme-SN-7", "revoke", "stolen")
        assert client.ends() == ADMINISTRATIVE_ACTION
        assert stays.nothing_comes()
    assert not comes_in(merlon, idevid)
    merlon.wait_for_entry("connection.refused", reason="revoked", actor_id="acme-SN-7")
    est = Est(merlon.enrolment_port, merlon.root)
    answer = est.post("simpleenroll", csr_body(new_key(), name(cn="acme-SN-7")), "--cert", idevid.certificate, "--key", idevid.key)
    assert answer.status == 0  # nor by another door


def test_retired_is_for_ever(merlon, maker):
    register(merlon, maker)
    idevid = maker.device("SN-7")
    assert connect(merlon, idevid)[0] == 0
    merlon.api.step("acme-SN-7", "retire")
    assert not comes_in(merlon, idevid)
    reason, why = connect(merlon, maker.device("SN-7", file="another"))
    assert reason == NOT_AUTHORIZED and "another key" in why


def test_a_device_gets_a_certificate_of_ours_and_the_makers_is_superseded(merlon, maker, workdir):
    register(merlon, maker)
    idevid = maker.device("SN-7")
    assert connect(merlon, idevid)[0] == 0
    est, key = Est(merlon.enrolment_port, merlon.root), new_key()
    wrong = est.post("simpleenroll", csr_body(key, name(cn="acme-SN-8")), "--cert", idevid.certificate, "--key", idevid.key)
    assert wrong.status == 400
    for operation in ("simpleenroll", "simplereenroll"):
        answer = est.post(operation, csr_body(key, name(cn="acme-SN-7")), "--cert", idevid.certificate, "--key", idevid.key)
        assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, workdir)
    ours = maker.device("SN-7", key=key, file="ours")
    ours.certificate.write_bytes(leaf)
    assert connect(merlon, idevid)[0] == 0  # until the new one was seen
    assert connect(merlon, ours)[0] == 0
    merlon.wait_for_entry("device.changed", target="acme-SN-7")
    assert not comes_in(merlon, idevid)


def test_a_device_with_a_certificate_of_ours_is_not_introduced_again(merlon, maker, workdir):
    register(merlon, maker)
    idevid, est = maker.device("SN-7"), Est(merlon.enrolment_port, merlon.root)
    answer = est.post("simpleenroll", csr_body(new_key(), name(cn="acme-SN-7")), "--cert", idevid.certificate, "--key", idevid.key)
    assert answer.status == 200
    reason, why = connect(merlon, idevid)
    assert reason == NOT_AUTHORIZED and "has a certificate of this server" in why


def test_one_key_is_one_device(merlon, maker):
    register(merlon, maker)
    first = maker.device("SN-0")
    key = load_key(first)
    idevids = [first] + [maker.device(f"SN-{n}", key=key) for n in range(1, 6)]
    with ThreadPoolExecutor(6) as pool:
        reasons = list(pool.map(lambda i: connect(merlon, i)[0], idevids))
    assert sorted(reasons) == [0] + [NOT_AUTHORIZED] * 5
    assert len(merlon.api.all_of("/v1/devices")) == 1


def test_one_device_that_comes_many_times_at_once_is_one(merlon, maker):
    register(merlon, maker)
    idevid = maker.device("SN-0")
    with ThreadPoolExecutor(8) as pool:
        reasons = list(pool.map(lambda _: connect(merlon, idevid)[0], range(8)))
    assert 0 in reasons
    assert connect(merlon, idevid)[0] == 0
    assert len(merlon.api.get("/v1/devices/acme-SN-0")["credentials"]) == 1


def test_a_device_made_otherwise_is_out_of_reach(merlon, maker):
    register(merlon, maker)
    victim = merlon.device("acme-SN-7")
    reason, why = connect(merlon, maker.device("SN-7"))
    assert reason == NOT_AUTHORIZED and "made otherwise" in why
    assert connect(merlon, victim)[0] == 0


def test_a_group_that_demands_a_key_in_hardware_demands_it_here_too(start_merlon, maker):
    merlon = start_merlon({"attestation": {"required_groups": ["vault"]}})
    register(merlon, maker, group="vault")
    for _ in range(2):
        reason, why = connect(merlon, maker.device("SN-7"))
        assert reason == NOT_AUTHORIZED and "proven to be in a TPM" in why
    merlon.wait_for_entry("enrol.refused", target="acme-SN-7")
    assert merlon.api.all_of("/v1/devices") == []  # nothing of it stays


def test_a_certificate_that_names_no_device_is_told_so(merlon, maker):
    register(merlon, maker)
    reason, why = connect(merlon, maker.device("x", subject=name(o="Acme")))
    assert reason == NOT_AUTHORIZED and "names no device" in why
    assert merlon.api.all_of("/v1/devices") == []


def test_a_flood_of_new_devices_is_bounded(merlon, maker):
    register(merlon, maker, rate=3)
    reasons = [connect(merlon, maker.device(f"SN-{n}"))[0] for n in range(8)]
    assert 3 <= reasons.count(0) <= 6  # a new minute may begin in between, once
    assert reasons.count(TOO_FAST) == 8 - reasons.count(0)
    assert len(merlon.api.all_of("/v1/devices")) == reasons.count(0)
    assert connect(merlon, maker.device("SN-0", file="x", key=None))[0] == NOT_AUTHORIZED  # another key: no room is taken


def test_who_leaves_while_it_is_decided_is_harmless(merlon, maker):
    register(merlon, maker)
    for number in range(10):
        client = Mqtt(merlon.mqtt_port, merlon.root, maker.device(f"SN-{number}"))
        client.send(wire.connect(5, "x"))
        client.cut()
    assert connect(merlon, maker.device("SN-last"))[0] == 0
    merlon.stop()
    merlon.start()


def test_it_works_over_websocket_and_by_alpn(merlon, maker):
    register(merlon, maker)
    with MqttOverWs(merlon.enrolment_port, merlon.root, maker.device("SN-1")) as client:
        assert client.connect("x").reason == 0
    context = ssl.create_default_context(cafile=str(merlon.root))
    context.set_alpn_protocols(["mqtt"])
    idevid = maker.device("SN-2")
    context.load_cert_chain(idevid.certificate, idevid.key)
    with Mqtt(merlon.enrolment_port, merlon.root, None, context=context) as client:
        assert client.connect("x").reason == 0
    assert {d["state"] for d in merlon.api.all_of("/v1/devices")} == {"active"}


def test_a_maker_without_jitp_does_not_come_in_by_websocket(merlon, maker):
    register(merlon, maker, jitp=False)
    with pytest.raises((ssl.SSLError, ConnectionError, Closed, AssertionError)):
        with MqttOverWs(merlon.enrolment_port, merlon.root, maker.device("SN-1")) as client:
            client.connect("x")
    assert merlon.api.all_of("/v1/devices") == []
