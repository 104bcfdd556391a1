# SPDX-License-Identifier: Apache-2.0
"""A retired device may come once more, for its wipe order, with mosquitto and openssl alone; it can do nothing else."""
import base64
import dataclasses
import json
import shutil
import subprocess
import time

import pytest
from harness.ca import make_key
from harness.client import TLS_1_2, TLS_1_3
from harness.est import Est, make_csr_body
from harness.merlon import Merlon
from harness.mqtt import Closed, Mqtt
from harness.ws import MqttOverWs

NOT_AUTHORIZED, WRONG_SIGNATURE, NOT_A_RECEIPT = 0x87, 0x83, 0x99


def mosquitto(program: str, merlon: Merlon, identity, *arguments: str, payload: bytes = b"") -> subprocess.CompletedProcess:
    return subprocess.run([program, "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", str(merlon.root), "--cert",
                           str(identity.certificate), "--key", str(identity.key), *arguments],
                          input=payload, capture_output=True, check=False, timeout=30)


def order_of(merlon: Merlon, identity, name: str) -> dict:
    done = mosquitto("mosquitto_sub", merlon, identity, "-t", f"$merlon/devices/{name}/wipe", "-C", "1", "-W", "25")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def receipt_of(asked: dict, signer, **other: str) -> bytes:
    """What the device signs, with openssl."""
    said = {"device": asked["device"], "order": asked["order"], "key": asked["key"], "time": str(int(time.time())), **other}
    message = ("merlon wipe receipt v1\n" + "".join(f"{name} {said[name]}\n" for name in ("device", "order", "key", "time"))).encode()
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", str(signer)], input=message, capture_output=True, check=True).stdout
    return message + b"signature " + base64.b64encode(signature) + b"\n"


def retire(merlon: Merlon, name: str) -> str:
    done = merlon.cli("device", "retire", name, "--wipe", "--reason", "scrapped")
    assert done.code == 0, done.err
    return done.out


def answer(merlon: Merlon, identity, receipt: bytes) -> int:
    name = receipt.split(b"\n")[1].split(b" ")[1].decode()
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
        client.connect("last")
        return client.publish(f"$merlon/devices/{name}/wiped", receipt)


def is_refused(merlon: Merlon, identity) -> bool:
    try:
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
            client.connect("again")
            return False
    except (Closed, OSError):
        return True


@pytest.mark.quick
@pytest.mark.parametrize("version", ["mqttv5", "mqttv311"])
def test_the_order_is_taken_and_answered_with_mosquitto_and_openssl(merlon, tmp_path, version):
    device = merlon.device("pump-7")
    assert "No wipe order" not in retire(merlon, "pump-7")
    order = order_of(merlon, device, "pump-7")
    entry = merlon.wait_for_entry("device.wipe_ordered", target="pump-7", outcome="ok")
    assert order["device"] == "pump-7" and entry["details"]["order"] == order["order"]
    assert "ordered, until " in merlon.cli("device", "show", "pump-7").out
    receipt = receipt_of(order, device.key)
    done = mosquitto("mosquitto_pub", merlon, device, "-V", version, "-q", "1", "-t", "$merlon/devices/pump-7/wiped", "-s",
                     payload=receipt)
    assert done.returncode == 0, done.stderr
    wiped = merlon.wait_for_entry("device.wiped", target="pump-7", outcome="ok")["details"]
    (tmp_path / "message").write_bytes(base64.b64decode(wiped["signed"]))
    (tmp_path / "signature").write_bytes(base64.b64decode(wiped["signature"]))
    public = subprocess.run(["openssl", "x509", "-in", str(device.certificate), "-noout", "-pubkey"], capture_output=True, check=True)
    (tmp_path / "key.pem").write_bytes(public.stdout)
    subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(tmp_path / "key.pem"), "-signature", str(tmp_path / "signature"),
                    str(tmp_path / "message")], capture_output=True, check=True)
    shown = merlon.api.get("/v1/devices/pump-7")["wipe"]
    assert (shown["state"], shown["message"], shown["signature"]) == (
        "answered", (tmp_path / "message").read_text(), wiped["signature"])
    assert "answered, on " in merlon.cli("device", "show", "pump-7").out
    assert "device.wiped" in merlon.cli("device", "history", "pump-7").out
    assert is_refused(merlon, device)


def test_a_device_that_is_connected_is_closed_and_comes_for_the_order(merlon):
    device = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("kept", clean=False, props={"session_expiry": 3600})
        retire(merlon, "pump-7")
        client.ends()
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        assert not client.connect("kept", clean=False, props={"session_expiry": 3600}).session_present
    assert order_of(merlon, device, "pump-7")["device"] == "pump-7"


def test_it_can_do_nothing_else(merlon):
    device = merlon.device("pump-7")
    merlon.allow("device:pump-7", publish=("devices/pump-7/#",), subscribe=("devices/pump-7/#",))
    retire(merlon, "pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("last")
        assert client.subscribe(("devices/pump-7/#", 1), ("$merlon/devices/pump-8/wipe", 0), ("$merlon/devices/+/wipe", 0),
                                ("#", 0)) == [NOT_AUTHORIZED] * 4
        assert client.publish("devices/pump-7/status", b"well") == NOT_AUTHORIZED
        assert client.publish("$merlon/devices/pump-8/wiped", b"x") == NOT_AUTHORIZED
        assert client.publish("$merlon/devices/pump-7/wiped", b"x", retain=True) == NOT_AUTHORIZED
    merlon.wait_for_entry("publish.denied", target="devices/pump-7/status")
    merlon.wait_for_entry("subscribe.denied", target="#")


def test_a_receipt_that_does_not_hold_is_refused_and_the_order_stays_open(merlon):
    device, other = merlon.device("pump-7"), merlon.device("pump-8")
    retire(merlon, "pump-7")
    retire(merlon, "pump-8")
    order, foreign = order_of(merlon, device, "pump-7"), order_of(merlon, other, "pump-8")
    good = receipt_of(order, device.key)
    assert answer(merlon, device, receipt_of(order, other.key)) == WRONG_SIGNATURE
    assert answer(merlon, device, good.replace(b"\ntime 1", b"\ntime 2")) == WRONG_SIGNATURE
    assert answer(merlon, device, receipt_of(order, device.key, order=foreign["order"])) == NOT_AUTHORIZED
    assert answer(merlon, device, receipt_of(order, device.key, key=foreign["key"])) == NOT_AUTHORIZED
    assert answer(merlon, device, good[:-30]) in (NOT_A_RECEIPT, WRONG_SIGNATURE)
    assert answer(merlon, device, good.replace(b"receipt v1", b"receipt v2")) == NOT_A_RECEIPT
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("last")
        assert client.publish("$merlon/devices/pump-7/wiped", receipt_of(foreign, other.key)) == NOT_AUTHORIZED
        assert client.ends() == NOT_AUTHORIZED  # one signature to check for each connection
    assert answer(merlon, device, good.split(b"time")[0]) == NOT_A_RECEIPT
    assert merlon.wait_for_entry("device.wipe_refused", target="pump-7")["outcome"] == "denied"
    assert answer(merlon, device, good) == 0
    assert is_refused(merlon, device)
    assert not is_refused(merlon, other)


def test_the_order_outlives_a_kill_and_so_does_the_receipt(merlon):
    device = merlon.device("pump-7")
    retire(merlon, "pump-7")
    order = order_of(merlon, device, "pump-7")
    merlon.kill()
    merlon.start()
    assert order_of(merlon, device, "pump-7") == order
    assert answer(merlon, device, receipt_of(order, device.key)) == 0
    merlon.kill()
    merlon.start()
    assert is_refused(merlon, device)
    assert len(merlon.audit(action="device.wiped")) == 1


def test_a_lift_withdraws_the_order(merlon, tmp_path):
    device = merlon.device("pump-7")
    retire(merlon, "pump-7")
    order = order_of(merlon, device, "pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("last")
        assert merlon.cli("device", "lift", "pump-7", "--reason", "sold").code == 0
        assert client.ends() == NOT_AUTHORIZED  # at once, not with its next packet
    assert is_refused(merlon, device)
    old = dataclasses.replace(device, key=tmp_path / "old.key", certificate=tmp_path / "old.crt")
    shutil.copy(device.key, old.key)
    shutil.copy(device.certificate, old.certificate)
    again = merlon.enrol("pump-7", merlon.token("pump-7"))
    retire(merlon, "pump-7")
    assert is_refused(merlon, old)
    assert order_of(merlon, again, "pump-7")["order"] != order["order"]
    assert answer(merlon, again, receipt_of(order, again.key)) == NOT_AUTHORIZED


@pytest.mark.parametrize("tls", [TLS_1_2, TLS_1_3], ids=["1.2", "1.3"])
def test_its_tickets_are_of_no_use_and_it_gets_no_other(merlon, tls):
    device = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device, tls=tls) as client:
        client.connect("before")
        context, ticket = client.context, client.socket.session
    with Mqtt(merlon.mqtt_port, merlon.root, device, context=context, session=ticket) as client:
        client.connect("resumed")
        assert client.socket.session_reused
        ticket = client.socket.session or ticket
    retire(merlon, "pump-7")
    for _ in range(2):
        with Mqtt(merlon.mqtt_port, merlon.root, device, context=context, session=ticket) as client:
            client.connect("last")
            assert not client.socket.session_reused
            ticket = client.socket.session or ticket
    merlon.cli("device", "lift", "pump-7", "--reason", "sold")
    with pytest.raises((Closed, OSError)), Mqtt(merlon.mqtt_port, merlon.root, device, context=context, session=ticket) as client:
        client.connect("never")


def test_est_gives_it_nothing(merlon, workdir):
    device = merlon.device("pump-7")
    retire(merlon, "pump-7")
    body = make_csr_body(make_key(workdir / "next.key"), "/CN=pump-7")
    assert Est(merlon.enrolment_port, merlon.root).renew(device, body).status in (401, 403)
    assert merlon.audit(action="device.reenrolled") == []
    assert order_of(merlon, device, "pump-7")["device"] == "pump-7"  # and this is open still


def test_in_websocket_it_may_do_the_same_and_nothing_else(merlon):
    device = merlon.device("pump-7")
    merlon.allow("device:pump-7", publish=("devices/pump-7/#",), subscribe=("devices/pump-7/#",))
    retire(merlon, "pump-7")
    with MqttOverWs(merlon.enrolment_port, merlon.root, device) as client:
        client.connect("last")
        assert client.subscribe(("devices/pump-7/#", 1), ("$merlon/devices/pump-7/wipe", 1)) == [NOT_AUTHORIZED, 0]
        order = json.loads(client.receive().payload)
        assert client.publish("devices/pump-7/status", b"well") == NOT_AUTHORIZED
        assert client.publish("$merlon/devices/pump-7/wiped", receipt_of(order, device.key)) == 0
    with pytest.raises((Closed, OSError, AssertionError)), MqttOverWs(merlon.enrolment_port, merlon.root, device) as client:
        client.connect("never")


def test_without_wipe_it_is_not_let_in(merlon):
    device = merlon.device("pump-7")
    assert merlon.cli("device", "retire", "pump-7").code == 0
    assert is_refused(merlon, device)


def test_when_the_time_is_over_it_is_refused(merlon):
    """A connection that is open then ends."""
    merlon.settings["devices"] = {"wipe_within": "3s"}
    merlon.write_config()
    merlon.restart()
    device = merlon.device("pump-7")
    retire(merlon, "pump-7")
    assert not is_refused(merlon, device)
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("last")
        assert client.ends() == NOT_AUTHORIZED
    assert is_refused(merlon, device)


def test_with_no_time_given_no_order_is_made(merlon):
    merlon.settings["devices"] = {"wipe_within": "0s"}
    merlon.write_config()
    merlon.restart()
    device = merlon.device("pump-7")
    assert "No wipe order was made" in retire(merlon, "pump-7")
    assert is_refused(merlon, device)
    assert merlon.audit(action="device.wipe_ordered") == []


def test_who_has_nothing_to_sign_with_gets_no_order_and_the_operator_is_told(merlon):
    merlon.device("pump-7")
    merlon.add_device("pump-8")
    merlon.api.step("pump-7", "revoke", "lost")
    assert all("No wipe order was made" in retire(merlon, name) for name in ("pump-7", "pump-8"))
    assert merlon.audit(action="device.wipe_ordered") == []
