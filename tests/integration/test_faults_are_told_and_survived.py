# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on a real machine: each fault has a sentence that says what to do, and nothing is lost."""
import json
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from harness import mqtt_wire as wire
from harness.est import Est, make_csr_body
from harness.ca import make_key
from harness.disk import fill_to_the_brim
from harness.merlon import run_program
from harness.mqtt import Closed, Mqtt
from harness.process import program
from harness.waiting import DEADLINE_S, wait_until


def run_daemon(merlon):
    """Runs it to its end, which is expected to come at once."""
    return run_program("merlond", "run", "--config", merlon.config)


@pytest.mark.quick
def test_run_without_init_says_what_to_do(make_merlon):
    merlon = make_merlon()
    done = run_daemon(merlon)
    assert done.code == 1
    assert "merlond init" in done.err, done.err


def test_init_twice_replaces_nothing(merlon):
    merlon.device("pump-7")
    before = merlon.root.read_bytes()
    merlon.stop()
    again = run_program("merlond", "init", "--config", merlon.config)
    assert again.code == 1 and again.err.strip(), again
    merlon.start()
    assert merlon.root.read_bytes() == before
    assert merlon.api.get("/v1/devices/pump-7")["state"] == "active"


@pytest.mark.parametrize("change, words", [
    (lambda text: text + "\n[mqtt\n", ["line"]),
    (lambda text: text.replace("workers", "wrokers"), ["line", "workers"]),
    (lambda text: text.replace("workers = 2", "workers = -1"), ["line", "workers"]),
    (lambda text: text.replace("workers = 2", 'workers = "two"'), ["line", "workers"]),
    (lambda text: text.replace("[mqtt]", "[mqtt]\nplaintext = true"), ["line", "plaintext"]),
    (lambda text: text.replace("[mqtt]", "[mqtt]\nlisten = \"127.0.0.1:99999\""), ["listen"]),
    (lambda text: re.sub(r"state = .*", 'state = "relative"', text), ["state", "absolute"]),
    (lambda text: text + "\0", ["line"]),
    (lambda text: "", ["state"]),
], ids=["syntax", "unknown-key", "out-of-range", "wrong-type", "no-plaintext", "twice", "relative", "nul", "empty"])
def test_a_wrong_configuration_is_refused_with_its_line(make_merlon, change, words):
    merlon = make_merlon()
    merlon.config.write_text(change(merlon.config.read_text(encoding="utf-8")), encoding="utf-8")
    for command in ("init", "run"):
        done = run_program("merlond", command, "--config", merlon.config)
        assert done.code == 1, (command, done)
        assert all(word in done.err for word in words), (command, done.err)


def test_a_missing_configuration_is_named(make_merlon):
    merlon = make_merlon()
    done = run_program("merlond", "run", "--config", merlon.folder / "nothing")
    assert done.code == 1 and "nothing" in done.err


@pytest.mark.parametrize("arguments", [(), ("run",), ("fly",), ("run", "--config"), ("run", "--config", "a", "b")])
def test_wrong_use_prints_the_usage(arguments):
    done = run_program("merlond", *arguments)
    assert (done.code, done.err[:6]) == (2, "usage:")


def test_the_example_configuration_is_complete_and_accepted(make_merlon):
    merlon = make_merlon()
    example = run_program("merlond", "example-config")
    assert example.code == 0
    for key in ("state", "listen", "device_life", "packet_bytes", "ticket_life"):
        assert re.search(rf"^#{key} =", example.out, re.M), key
    # all its lines in force, but for the tables that may be there many times
    plain, _, _ = example.out.partition("[[")
    every = re.sub(r"^#([a-z_]+ =)", r"\1", plain[:plain.rindex("\n\n")], flags=re.M)
    merlon.config.write_text(re.sub(r"^state =$", f'state = "{merlon.state}"', every, flags=re.M), encoding="utf-8")
    merlon.init()


@pytest.mark.quick
def test_a_second_daemon_on_the_same_state_is_refused(merlon, make_merlon):
    second = make_merlon({"server": {"state": str(merlon.state)}})
    done = run_daemon(second)
    assert done.code == 1
    assert "in use" in done.err or "already" in done.err, done.err
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:  # the first did not notice
        assert client.connect().reason == 0
    assert merlon.api.get("/v1/status")["version"]


def test_a_port_in_use_is_named(merlon, make_merlon):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        second = make_merlon({"mqtt": {"listen": f"127.0.0.1:{port}"}})
        second.init()
        done = run_daemon(second)
    assert done.code == 1 and str(port) in done.err, done.err


def test_a_store_of_a_newer_program_is_refused(merlon):
    merlon.stop()
    with sqlite3.connect(merlon.database) as database:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        migrations = next(t for t in tables if "migration" in t or "schema" in t)
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({migrations})")]
        row = database.execute(f"SELECT * FROM {migrations} ORDER BY rowid DESC LIMIT 1").fetchone()
        newer = [value + 1000 if isinstance(value, int) else value for value in row]
        database.execute(f"INSERT OR REPLACE INTO {migrations} ({', '.join(columns)}) VALUES"
                         f" ({', '.join('?' * len(columns))})", newer)
    database.close()
    done = run_daemon(merlon)
    assert done.code == 1 and "newer" in done.err, done


@pytest.mark.parametrize("name", ["issuing.key", "manifest", "audit.key"])
def test_a_damaged_key_file_is_named(merlon, name):
    merlon.stop()
    file = merlon.state / "keys" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    done = run_daemon(merlon)
    assert done.code == 1 and name in done.err, done


def test_a_garbage_database_is_refused(merlon):
    merlon.stop()
    merlon.database.write_bytes(b"this is no database" * 1000)
    done = run_daemon(merlon)
    assert done.code == 1 and "merlon.db" in done.err, done


# --- a full disk

def enrol_by_curl(merlon, name: str):
    body = make_csr_body(make_key(merlon.folder / f"{name}.key"), f"/CN={name}")
    return Est(merlon.enrolment_port, merlon.root).enrol(name, merlon.full_tokens[name], body)


def assert_full_disk_is_survived(merlon, fill, free) -> None:
    names = ["before", "during", "after"]
    for name in names:
        merlon.add_device(name)
    merlon.full_tokens = {name: merlon.token(name) for name in names}
    assert enrol_by_curl(merlon, "before").status == 200
    fill()
    answer = enrol_by_curl(merlon, "during")
    assert answer.status == 503, answer
    assert answer.headers["retry-after"]
    assert "MII" not in answer.text
    free()
    wait_until(lambda: enrol_by_curl(merlon, "during").status == 200, "room again")  # the token was not used up
    assert enrol_by_curl(merlon, "after").status == 200
    assert len(merlon.api.get("/v1/devices/during")["credentials"]) == 1
    assert merlon.cli("audit", "verify").code == 0
    merlon.restart()
    assert merlon.api.get("/v1/devices/before")["state"] == "active"


def test_a_full_disk_refuses_enrolments_and_recovers(merlon_on_small_disk, small_disk):
    filler = small_disk / "filler"

    assert_full_disk_is_survived(merlon_on_small_disk, lambda: fill_to_the_brim(filler), filler.unlink)


def test_a_full_disk_cuts_an_import_between_batches_and_it_goes_on(merlon_on_small_disk, small_disk):
    merlon, filler = merlon_on_small_disk, small_disk / "filler"
    rows = small_disk.parent / "list.csv"
    rows.write_text("id\n" + "".join(f"pump-{i}\n" for i in range(1000)), encoding="ascii")
    fill_to_the_brim(filler)
    done = merlon.cli("-o", "json", "device", "import", rows)
    assert done.code == 1 and done.err
    found = json.loads(done.out)
    assert found["refused"] == 0 and found["held_back"] > 0
    filler.unlink()

    def goes_on() -> bool:
        done = merlon.cli("-o", "json", "device", "import", rows)
        return done.code == 0 and json.loads(done.out)["added"] == 1000 - found["added"]

    wait_until(goes_on, "room again")
    assert merlon.cli("audit", "verify").code == 0


def collect(merlon, identity, sender) -> list[tuple[bytes, int]]:
    """All that came before what its sender sends now."""
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client, Mqtt(merlon.mqtt_port, merlon.root, sender) as last:
        assert client.connect("kept", clean=False, props={"session_expiry": 3600}).session_present
        last.connect("last")
        assert last.publish("devices/pump-7/up", b"end") == 0
        found = []
        while (message := client.receive()).payload != b"end":
            found.append((message.payload, message.qos))
        return found


def assert_messages_are_refused_and_none_is_lost(merlon, fill, free) -> None:
    """To a session that outlives its connection. What nobody keeps goes on as if nothing were."""
    device, other, old = (merlon.device(name) for name in ("pump-7", "pump-8", "pump-9"))
    application = merlon.application("collector", subscribe=("devices/+/up",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("kept", clean=False, props={"session_expiry": 3600})
        assert client.subscribe(("devices/+/up", 2)) == [2]
    with Mqtt(merlon.mqtt_port, merlon.root, device) as five, Mqtt(merlon.mqtt_port, merlon.root, old, 4) as three, \
            Mqtt(merlon.mqtt_port, merlon.root, other) as alone:
        five.connect("a", clean=False, props={"session_expiry": 3600})
        three.connect("a")
        alone.connect("a")
        assert alone.subscribe(("devices/pump-8/own", 1)) == [1]
        assert five.publish("devices/pump-7/up", b"before", 1) == 0
        fill()
        assert five.publish("devices/pump-7/up", b"refused", 1) == 0x97
        assert five.publish("devices/pump-7/up", b"refused", 2) == 0x97
        assert five.publish("devices/pump-7/x", b"refused", 1, retain=True) == 0x97
        assert five.subscribe("devices/pump-7/y") == [0x97]
        assert alone.publish("devices/pump-8/own", b"live", 1) == 0
        assert alone.receive().payload == b"live"
        three.send(wire.publish(4, "devices/pump-9/up", b"refused", 1, packet_id=1))
        assert three.ends() is None  # and no acknowledgement before
        assert merlon.api.metric("merlon_messages_store_failing") == 1
        assert merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="not-stored"') > 0
        free()
        wait_until(lambda: five.publish("devices/pump-7/up", b"after", 2) == 0, "room again")
        assert five.publish("devices/pump-7/x", b"kept", 1, retain=True) in (0, 0x10)
        wait_until(lambda: merlon.api.metric("merlon_messages_store_failing") == 0, "the end of the alarm")
    events = [line["event"] for line in merlon.log_lines()]
    assert events.count("messages.not_stored") == events.count("messages.stored_again") == 1
    merlon.wait_for_entry("messages.stored_again")
    merlon.kill()
    merlon.start()
    assert collect(merlon, application, device) == [(b"before", 1), (b"after", 2)]
    with Mqtt(merlon.mqtt_port, merlon.root, device) as five:
        five.connect("b")
        assert five.subscribe("devices/pump-7/+") == [1]
        assert five.receive().payload == b"kept"


def test_a_full_disk_refuses_messages_and_recovers(merlon_on_small_disk, small_disk):
    filler = small_disk / "filler"
    assert_messages_are_refused_and_none_is_lost(merlon_on_small_disk, lambda: fill_to_the_brim(filler), filler.unlink)


@pytest.mark.parametrize("dies", [False, True], ids=["goes-on", "dies-while-full"])
def test_what_was_begun_before_the_disk_was_full_is_finished_afterwards(merlon_on_small_disk, small_disk, dies):
    """PUBREL, UNSUBSCRIBE and an empty retained message take something away: they are not refused, their answer waits."""
    merlon, filler = merlon_on_small_disk, small_disk / "filler"
    device, application = merlon.device("pump-7"), merlon.application("collector", subscribe=("devices/+/up",))
    keep = {"clean": False, "props": {"session_expiry": 3600}}
    up, kept, down = "devices/pump-7/up", "devices/pump-7/kept", "devices/pump-7/down"
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("kept", **keep)
        assert client.subscribe((up, 2)) == [2]
    client = Mqtt(merlon.mqtt_port, merlon.root, device)
    client.connect("a", **keep)
    assert client.subscribe((down, 1)) == [1] and client.publish(kept, b"old", 1, retain=True) in (0, 0x10)
    client.send(wire.publish(5, up, b"once", 2, packet_id=9))
    assert client.expect(wire.PUBREC).reason == 0
    fill_to_the_brim(filler)
    client.send(wire.ack(wire.PUBREL, 9))
    client.send(wire.unsubscribe(5, 10, [down]))
    client.send(wire.publish(5, kept, b"", 1, packet_id=11, retain=True))
    with pytest.raises(TimeoutError):
        client.packet(1)
    if dies:
        merlon.kill()
    filler.unlink()
    if dies:
        merlon.start()
        client = Mqtt(merlon.mqtt_port, merlon.root, device)
        assert client.connect("a", **keep).session_present
        client.send(wire.ack(wire.PUBREL, 9))
        client.send(wire.unsubscribe(5, 10, [down]))
        client.send(wire.publish(5, kept, b"", 1, packet_id=11, retain=True))
    answers = {(answer.kind, answer.packet_id): answer for answer in (client.packet() for _ in range(3))}
    assert set(answers) == {(wire.PUBCOMP, 9), (wire.UNSUBACK, 10), (wire.PUBACK, 11)}
    assert answers[wire.PUBCOMP, 9].reason == 0 and answers[wire.PUBACK, 11].reason in (0, 0x10)
    merlon.kill()
    merlon.start()
    assert collect(merlon, application, device) == [(b"once", 2)]
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        assert client.connect("a", **keep).session_present
        assert client.publish(down, b"for nobody", 1) in (0x10, 0x87)
        client.subscribe(kept)
        assert client.nothing_comes()


def test_a_subscription_that_cannot_be_stored_leaves_the_one_that_is(merlon_on_small_disk, small_disk):
    """Most clients subscribe again whenever they connect. [MQTT-3.8.4-3]"""
    merlon, filler = merlon_on_small_disk, small_disk / "filler"
    device, application = merlon.device("pump-7"), merlon.application("app", publish=("devices/#",))
    down = "devices/pump-7/down"
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client, Mqtt(merlon.mqtt_port, merlon.root, application) as app:
        client.connect("a", clean=False, props={"session_expiry": 3600})
        app.connect()
        assert client.subscribe((down, 1)) == [1]
        fill_to_the_brim(filler)
        assert client.subscribe((down, 0), down + "/new") == [0x97, 0x97]
        filler.unlink()
        wait_until(lambda: client.subscribe(down + "/other") == [1], "room again")
        assert app.publish(down, b"for it", qos=1) == 0
        message = client.receive()
        assert (message.payload, message.qos) == (b"for it", 1)
        assert app.publish(down + "/new", b"for nobody", qos=1) == 0x10


def test_a_session_that_cannot_be_stored_is_not_opened(merlon_on_small_disk, small_disk):
    """Its CONNECT cannot even be recorded; a session that ends with its connection goes the same way."""
    merlon, filler = merlon_on_small_disk, small_disk / "filler"
    device = merlon.device("pump-7")
    fill_to_the_brim(filler)
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client, pytest.raises(Closed):
        client.connect("a", clean=False, props={"session_expiry": 3600})
    filler.unlink()

    def opened() -> bool:
        with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
            try:
                return client.connect("a", clean=False, props={"session_expiry": 3600}).reason == 0
            except Closed:
                return False
    wait_until(opened, "room again")


def in_database(merlon, statement: str) -> None:
    with closing(sqlite3.connect(merlon.database, isolation_level=None, timeout=10)) as database:
        database.execute(statement)


FULL = "CREATE TRIGGER full BEFORE INSERT ON {} BEGIN SELECT RAISE(ABORT, 'full'); END"
NOT_STORED = ("merlon_mqtt_messages_dropped_total", 'reason="not-stored"')


def until_it_failed(merlon) -> None:
    wait_until(lambda: merlon.api.metric("merlon_messages_store_failing") == 1, "the store to refuse")


def kept(merlon, identity, client_id: str, topic: str, qos: int = 1, expiry: int = 3600) -> None:
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
        client.connect(client_id, clean=False, props={"session_expiry": expiry})
        assert client.subscribe((topic, qos)) == [qos]


def what_waits(merlon, identity, client_id: str, count: int) -> list[bytes]:
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
        assert client.connect(client_id, clean=False, props={"session_expiry": 3600}).session_present
        return sorted(client.receive().payload for _ in range(count))


@dataclass
class Taken:
    found: list[int] = field(default_factory=list)
    finished: int = 0


def take(client: Mqtt, taken: Taken, count: int, silence_s: float = DEADLINE_S) -> None:
    """Until so many are acknowledged to the end, or nothing comes for so long."""
    while taken.finished < count:
        try:
            packet = client.packet(silence_s)
        except TimeoutError:
            return
        if packet.kind == wire.PUBLISH:
            taken.found.append(int(packet.payload))
            client.send(wire.ack(wire.PUBACK if packet.qos == 1 else wire.PUBREC, packet.packet_id))
            taken.finished += packet.qos == 1
        else:
            assert packet.kind == wire.PUBREL
            client.send(wire.ack(wire.PUBCOMP, packet.packet_id))
            taken.finished += 1


@pytest.mark.parametrize("table", ["mqtt_queue", "mqtt_retained"])
@pytest.mark.parametrize("dies", [False, True], ids=["goes-on", "dies"])
def test_a_will_that_is_due_while_the_disk_is_full_comes_afterwards(merlon, table, dies):
    """Nobody is there who could be told that it was refused."""
    device, application = merlon.device("pump-7"), merlon.application("app", subscribe=("devices/#",))
    topic = "devices/pump-7/will"
    kept(merlon, application, "w", topic)
    client = Mqtt(merlon.mqtt_port, merlon.root, device)
    client.connect("d", clean=False, props={"session_expiry": 3600}, will=wire.Will(topic, b"gone", 1, table == "mqtt_retained"))
    in_database(merlon, FULL.format(table))
    client.cut()
    until_it_failed(merlon)
    if dies:
        merlon.kill()
    in_database(merlon, "DROP TRIGGER full")
    if dies:
        merlon.start()
    assert what_waits(merlon, application, "w", 1) == [b"gone"]
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("later")
        client.subscribe(topic)
        if table == "mqtt_retained":
            assert client.receive().payload == b"gone"
        assert client.nothing_comes()


@pytest.mark.parametrize("qos", [1, 2])
@pytest.mark.parametrize("dies", [False, True], ids=["goes-on", "dies"])
def test_a_member_that_ends_while_the_disk_is_full_leaves_its_messages_to_others(merlon, qos, dies):
    device, application = merlon.device("pump-7"), merlon.application("app", subscribe=("devices/#",))
    kept(merlon, application, "stays", "$share/g/devices/#", qos)
    kept(merlon, application, "ends", "$share/g/devices/#", qos)
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("d")
        assert [client.publish("devices/pump-7/up", b"%d" % n, qos) for n in range(6)] == [0] * 6
    in_database(merlon, FULL.format("mqtt_queue"))
    ending = Mqtt(merlon.mqtt_port, merlon.root, application)
    ending.send(wire.connect(5, "ends", clean=True))
    until_it_failed(merlon)
    if dies:
        merlon.kill()
    in_database(merlon, "DROP TRIGGER full")
    ending.cut()
    if dies:
        merlon.start()
        ending = Mqtt(merlon.mqtt_port, merlon.root, application)
        ending.connect("ends", clean=True)
        ending.cut()
    assert what_waits(merlon, application, "stays", 6) == [b"%d" % n for n in range(6)]
    if not dies:
        assert merlon.api.metric(*NOT_STORED) == 0


@pytest.mark.parametrize("qos", [1, 2])
def test_retained_messages_that_are_due_while_the_disk_is_full_come_once_afterwards(merlon, qos):
    application = merlon.application("app", publish=("x/#",), subscribe=("x/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("a")
        assert {client.publish(f"x/{n}", b"%d" % n, qos, retain=True) for n in range(700)} <= {0, 0x10}
    keep = {"clean": False, "props": {"session_expiry": 3600, "receive_maximum": 20}}
    client = Mqtt(merlon.mqtt_port, merlon.root, application)
    client.connect("k", **keep)
    assert client.subscribe(("x/#", qos)) == [qos]
    taken = Taken()
    take(client, taken, 100)
    in_database(merlon, FULL.format("mqtt_queue"))
    take(client, taken, 700, silence_s=2)  # what is in the store still comes, and QoS 1 does not wait for it
    until_it_failed(merlon)
    assert qos == 1 or taken.finished < 700
    in_database(merlon, "DROP TRIGGER full")
    take(client, taken, 700)
    assert sorted(taken.found) == list(range(700)) and client.nothing_comes()
    assert merlon.api.metric(*NOT_STORED) == 0
    client.close()
    merlon.restart()
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        assert client.connect("k", **keep).session_present
        assert client.nothing_comes()


@pytest.mark.parametrize("version", [4, 5])
def test_a_session_that_the_store_refuses_is_not_there_afterwards(merlon, version):
    """Its CONNECT is on record, and there is room for no more."""
    device = merlon.device("pump-7")
    keep = {"clean": False, "props": {"session_expiry": 3600} if version == 5 else None}
    in_database(merlon, "CREATE TRIGGER full BEFORE INSERT ON mqtt_sessions BEGIN SELECT RAISE(ABORT, 'full'); END")
    with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
        assert client.connect("a", **keep).reason == (0x97 if version == 5 else 3)
    assert merlon.api.metric("merlon_sessions") == 0
    in_database(merlon, "DROP TRIGGER full")
    with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client:
        answer = client.connect("a", **keep)
        assert (answer.reason, answer.session_present) == (0, False)


@pytest.fixture
def merlon_of_bounded_files(make_merlon, processes):
    """A full disk without root: the process's own limit on the size of files, moved while it runs."""
    merlon = make_merlon()
    merlon.init()
    merlon.process = processes.start(["/usr/bin/env", "--ignore-signal=XFSZ", program("merlond"), "run", "--config", merlon.config])
    merlon.runs.append(merlon.process)
    merlon.process.wait_for_log('"event":"server.ready"')
    return merlon


def limit_files(merlon, size: str) -> None:
    """By the daemon's own account: a process may move the limits of its like."""
    become = ["setpriv", "--reuid=merlon", "--regid=merlon", "--clear-groups"] if os.geteuid() == 0 else []
    subprocess.run([*become, "prlimit", "--pid", str(merlon.process.pid), f"--fsize={size}:unlimited"], check=True)


def fill_files(merlon) -> None:
    limit_files(merlon, str(Path(f"{merlon.database}-wal").stat().st_size))


def test_a_file_that_may_not_grow_refuses_enrolments_and_recovers(merlon_of_bounded_files):
    merlon = merlon_of_bounded_files
    assert_full_disk_is_survived(merlon, lambda: fill_files(merlon), lambda: limit_files(merlon, "unlimited"))


def test_a_file_that_may_not_grow_refuses_messages_and_recovers(merlon_of_bounded_files):
    merlon = merlon_of_bounded_files
    assert_messages_are_refused_and_none_is_lost(merlon, lambda: fill_files(merlon), lambda: limit_files(merlon, "unlimited"))


def test_a_connection_that_cannot_be_recorded_is_not_opened(merlon_of_bounded_files):
    merlon = merlon_of_bounded_files
    device = merlon.device("pump-7")
    fill_files(merlon)
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.send(wire.connect(5, "x"))
        with pytest.raises(Closed):
            client.packet()
    before = merlon.refusals("no-certificate")
    with pytest.raises((ssl.SSLError, OSError, Closed)):  # and a denial that finds no room either ...
        with Mqtt(merlon.mqtt_port, merlon.root, None) as stranger:
            stranger.connect()
    merlon.wait_for_refusals("no-certificate", before + 1)
    limit_files(merlon, "unlimited")

    def connects() -> bool:
        with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
            client.send(wire.connect(5, "x"))
            try:
                return client.packet().kind == wire.CONNACK
            except Closed:
                return False

    wait_until(connects, "room again")
    assert merlon.wait_for_entry("audit.lost")["repeated"] >= 1  # ... is at least counted
    assert merlon.cli("audit", "verify").code == 0


# --- privileges

@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_started_by_root_nothing_runs_as_root(merlon):
    import pwd

    def identity(pid: int) -> dict[str, str]:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    daemon, keys, keeper = (identity(pid) for pid in (merlon.process.pid, merlon.key_process(), merlon.keeper()))
    for found, name in ((daemon, "merlon"), (keys, "merlon-keys"), (keeper, "merlon-keys")):
        uid = str(pwd.getpwnam(name).pw_uid)
        assert found["Uid"].split() == [uid] * 4
        assert found["Groups"].strip() in ("", found["Gid"].split()[0])
        assert int(found["CapEff"], 16) == 0
        assert found["NoNewPrivs"].strip() == "1"
    assert keys["Seccomp"].strip() == "2"


def test_nobody_else_reads_keys_and_store(merlon):
    for name in ("keys", "store"):
        assert (merlon.state / name).stat().st_mode & 0o077 == 0
    for file in (merlon.state / "keys").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file


def test_the_api_socket_obeys_root_and_the_daemon_only(merlon):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-s", "-o", "/dev/null", "-w",
                           "%{http_code}", "--unix-socket", str(merlon.state / "api.sock"), "http://x/v1/status"],
                          capture_output=True, text=True, check=False)
    assert done.stdout in ("403", "401", "000"), done


# --- the server's own certificate

def test_the_servers_certificate_is_renewed_while_a_client_stays_connected(start_merlon):
    merlon = start_merlon({"issuing": {"server_life": "9s"}})

    def serial(port: int) -> int:
        from cryptography import x509
        context = ssl.create_default_context(cafile=str(merlon.root))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            return x509.load_der_x509_certificate(tls.getpeercert(True)).serial_number

    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        client.connect("x")
        first = serial(merlon.enrolment_port)
        wait_until(lambda: serial(merlon.enrolment_port) != first, "a new certificate")
        second = serial(merlon.enrolment_port)
        for _ in range(20):  # on every worker, and good: the first one has ended by then
            assert serial(merlon.enrolment_port) not in (first,)
            time.sleep(0.2)
        assert second != first
        assert client.publish("devices/pump-7/x", b"x") == 0x10
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-8")) as client:
        assert client.connect().reason == 0
    assert len(merlon.audit(action="server.certificate_issued")) >= 2


# --- a start

@pytest.mark.parametrize("room", [0, 32768])  # what SQLite shares between processes does not fit, or fits and nothing else does
def test_a_start_on_a_full_disk_names_what_is_full_and_what_to_do(merlon_on_small_disk, small_disk, room):
    merlon, filler = merlon_on_small_disk, small_disk / "filler"
    merlon.stop()
    fill_to_the_brim(filler)
    os.truncate(filler, filler.stat().st_size - room)
    done = run_daemon(merlon)
    assert done.code == 1
    assert str(small_disk / "state") in done.err and "make room and start again" in done.err, done.err
    filler.unlink()
    merlon.start()
    assert merlon.cli("audit", "verify").code == 0
