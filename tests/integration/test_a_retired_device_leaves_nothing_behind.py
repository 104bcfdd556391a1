# SPDX-License-Identifier: Apache-2.0
"""The end of a device: what it had is gone from memory and disk, and it does not come back until an operator says why."""
import sqlite3
import subprocess
from contextlib import closing

import pytest
from harness.ca import make_key
from harness.est import Est, make_csr_body
from harness.merlon import Merlon
from harness.mqtt import Mqtt
from harness.waiting import wait_until

LATER = {"session_expiry": 3600}


def rows(merlon: Merlon, table: str) -> int:
    with closing(sqlite3.connect(f"file:{merlon.database}?mode=ro", uri=True)) as store:
        return store.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def retained(merlon: Merlon, identity) -> list[str]:
    """Topics, as the foreign client mosquitto_sub gets them."""
    done = subprocess.run(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", str(merlon.root),
                           "--cert", str(identity.certificate), "--key", str(identity.key), "-t", "devices/#", "-v",
                           "--retained-only", "-W", "4"], capture_output=True, text=True, check=False, timeout=30)
    return sorted(line.split(" ", 1)[0] for line in done.stdout.splitlines())


def fill(merlon: Merlon, application, name: str):
    """A device with a session that is kept, a message that waits in it, a will and retained messages."""
    device = merlon.device(name)
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("kept", clean=False, props=LATER)
        client.subscribe((f"devices/{name}/orders", 1))
        client.publish(f"devices/{name}/status", b"well", retain=True)
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("sender")
        assert client.publish(f"devices/{name}/orders", b"open", retain=True) == 0
    return device


@pytest.fixture(name="application")
def fixture_application(merlon):
    return merlon.application("erp", publish=("devices/#",), subscribe=("devices/#",))


@pytest.mark.quick
def test_session_queue_and_retained_messages_go(merlon, application):
    fill(merlon, application, "pump-7")
    fill(merlon, application, "pump-8")
    assert len(retained(merlon, application)) == 4
    wait_until(lambda: rows(merlon, "mqtt_queue") == 2, "the queues to be on the disk")
    assert merlon.cli("device", "retire", "pump-7", "--reason", "scrapped").code == 0
    wait_until(lambda: [rows(merlon, table) for table in ("mqtt_sessions", "mqtt_queue", "mqtt_retained")] == [1, 1, 2],
               "everything of it to be gone from the disk")
    assert retained(merlon, application) == ["devices/pump-8/orders", "devices/pump-8/status"]
    entry = merlon.wait_for_entry("device.retired", target="pump-7", outcome="ok")
    assert entry["reason"] == "scrapped"
    assert entry["details"]["certificates"] == 1


def test_what_is_retained_for_others_later_stays(merlon, application):
    """The purge is of the moment of retirement: a later start takes nothing that an application was told is kept."""
    fill(merlon, application, "pump-7")
    merlon.api.step("pump-7", "retire")
    wait_until(lambda: rows(merlon, "mqtt_retained") == 0, "the purge")
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("sender")
        assert client.publish("devices/pump-7/epitaph", b"x", retain=True) in (0, 0x10)
    merlon.restart()
    assert retained(merlon, application) == ["devices/pump-7/epitaph"]


def test_an_application_of_its_name_keeps_what_it_has(merlon, application):
    fill(merlon, application, "pump-7")
    namesake = merlon.application("pump-7", publish=("x/#",), subscribe=("devices/#", "x/#"))
    with Mqtt(merlon.mqtt_port, merlon.root, namesake) as client:
        client.connect("kept", clean=False, props=LATER)
        assert client.subscribe("x/#") == [1]
        assert client.publish("x/1", b"x", retain=True) == 0
        merlon.api.step("pump-7", "retire")
        wait_until(lambda: rows(merlon, "mqtt_retained") == 1, "the purge")
        assert client.receive().payload == b"x"
    with Mqtt(merlon.mqtt_port, merlon.root, namesake) as client:
        assert client.connect("kept", clean=False, props=LATER).session_present
        assert client.publish("x/2", b"y") == 0
    assert rows(merlon, "mqtt_sessions") == 1


def test_killed_right_after_the_answer_it_is_gone_as_well(merlon, application):
    for round_ in range(5):
        name = f"pump-{round_}"
        fill(merlon, application, name)
        merlon.api.step(name, "retire")
        merlon.kill()
        merlon.start()
        assert retained(merlon, application) == []
        wait_until(lambda: rows(merlon, "mqtt_sessions") == 0, "the session to be gone")


def copied(merlon: Merlon, table: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{merlon.database}?mode=ro", uri=True)) as store:
        return store.execute(f"SELECT * FROM {table}").fetchall()


def put_back(merlon: Merlon, table: str, saved: list[tuple]) -> None:
    """While the daemon is down."""
    with closing(sqlite3.connect(merlon.database)) as store, store:
        store.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(saved[0]))})", saved)


def test_a_purge_that_was_cut_off_is_done_by_the_next_start(merlon, application):
    """The store as a daemon leaves it that ends between the retirement and the purge."""
    fill(merlon, application, "pump-7")
    fill(merlon, application, "pump-8")
    wait_until(lambda: rows(merlon, "mqtt_retained") == 4, "all of it to be on the disk")
    before = copied(merlon, "mqtt_retained")
    merlon.api.step("pump-7", "retire")
    wait_until(lambda: (rows(merlon, "mqtt_retained"), rows(merlon, "device_purges")) == (2, 0), "the purge to be done")
    kept = copied(merlon, "mqtt_retained")
    merlon.stop()
    put_back(merlon, "mqtt_retained", [row for row in before if row not in kept])
    put_back(merlon, "device_purges", [("pump-7",)])
    merlon.start()
    wait_until(lambda: (rows(merlon, "mqtt_retained"), rows(merlon, "device_purges")) == (2, 0), "the purge to be done")
    assert retained(merlon, application) == ["devices/pump-8/orders", "devices/pump-8/status"]


def test_its_key_stays_with_it(merlon, workdir):
    """The same key pair, out of the flash of a scrapped board, for another id; and for its own after the lift."""
    est = Est(merlon.enrolment_port, merlon.root)
    key = make_key(workdir / "flash.key")
    for name in ("pump-7", "pump-8"):
        merlon.add_device(name)
    assert est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7")).status == 200
    merlon.api.step("pump-7", "retire")
    refused = est.enrol("pump-8", merlon.token("pump-8"), make_csr_body(key, "/CN=pump-8"))
    assert (refused.status, refused.text.strip()) == (403, "this key is that of device pump-7; make a new one")
    merlon.api.step("pump-7", "lift", "sold")
    assert est.enrol("pump-8", merlon.token("pump-8"), make_csr_body(key, "/CN=pump-8")).status == 403
    assert est.enrol("pump-7", merlon.token("pump-7"), make_csr_body(key, "/CN=pump-7")).status == 200


def test_only_a_lift_with_a_reason_brings_it_back(merlon):
    merlon.device("pump-7")
    merlon.api.step("pump-7", "retire", "scrapped")
    assert merlon.cli("device", "add", "pump-7").code == 1
    assert merlon.cli("token", "create", "--device", "pump-7").code == 1
    assert merlon.cli("device", "lift", "pump-7").code == 2
    refused = merlon.api.ask("POST", "/v1/devices/pump-7/lift", {})
    assert refused.status == 400 and "reason" in refused.text()
    done = merlon.cli("device", "lift", "pump-7", "--reason", "sold, not scrapped")
    assert done.code == 0, done.err
    entry = merlon.wait_for_entry("device.lifted", target="pump-7", outcome="ok")
    assert entry["reason"] == "sold, not scrapped"
    assert merlon.api.get("/v1/devices/pump-7")["state"] == "expected"
    assert {c["state"] for c in merlon.api.get("/v1/devices/pump-7")["credentials"]} == {"revoked"}
    merlon.restart()
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.enrol("pump-7", merlon.token("pump-7"))) as client:
        assert client.connect("x").reason == 0
