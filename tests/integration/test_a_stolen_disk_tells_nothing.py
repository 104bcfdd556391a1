# SPDX-License-Identifier: Apache-2.0
"""Secrets and private texts go in by every door, the daemon is killed, and a thief has all its files: none of it stands
there. Moved or changed, a sealed value is an error that names its place."""
import os
import random
import sqlite3
import time
from pathlib import Path

import pytest
from harness import mqtt_wire as wire
from harness.fleet import set_template
from harness.memory import Secret, in_files
from harness.merlon import Ended, run_program
from harness.mqtt import Mqtt
from harness.waiting import wait_until


@pytest.fixture
def merlon(start_merlon):
    return start_merlon({"mqtt": {"psk": True}})


def text(name: str) -> Secret:
    return Secret(name, f"{name}-{os.urandom(12).hex()}".encode())


def fill(merlon) -> list[Secret]:
    """Everything private that the daemon takes, by all doors. Reasons of steps are not: they are for the audit log."""
    note, other_note, app_note, operator_note = text("note"), text("other-note"), text("app-note"), text("operator-note")
    retained, queued, will = text("retained"), text("queued"), text("will")
    given, hook = Secret("given key", os.urandom(32)), text("hook secret")
    set_template(merlon, hook={"url": "unix:/run/factory.sock", "secret": hook.value.decode()})
    merlon.api.post("/v1/devices", {"id": "pump-7", "note": note.value.decode()})
    merlon.api.post("/v1/devices", {"id": "pump-8", "note": "before"})
    merlon.api.do("PATCH", "/v1/devices/pump-8", {"note": other_note.value.decode()})
    merlon.api.post("/v1/applications", {"id": "noted", "note": app_note.value.decode()})
    merlon.api.post("/v1/operators", {"id": "alice", "roles": ["viewer"], "note": operator_note.value.decode()})
    used, cancelled, waiting = merlon.token("pump-7"), merlon.api.post("/v1/tokens", {"device": "pump-8"}), merlon.token("pump-8")
    merlon.api.do("DELETE", f"/v1/tokens/{cancelled['id']}")
    keys = [merlon.api.post("/v1/devices/pump-8/psks", {"identity": name}) for name in ("stays", "revoked")]
    merlon.api.post("/v1/devices/pump-8/psks", {"identity": "given", "key": given.value.hex()})
    merlon.api.post("/v1/devices/pump-8/psks/revoked/revoke", {})
    device = merlon.enrol("pump-7", used)
    merlon.allow("device:pump-7", publish=("x/#",), subscribe=("x/#",))
    merlon.reader = reader = merlon.application("reader", subscribe=("x/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, reader) as away:
        away.connect("away", clean=False, props={"session_expiry": 3600})
        away.subscribe(("x/#", 1))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("pump-7", will=wire.Will("x/will", will.value, 1, True))
        assert client.publish("x/retained", retained.value, 1, retain=True) == 0
        assert client.publish("x/queued", queued.value, 1) == 0
        client.cut()
    tokens = [Secret(f"token {n}", t.encode()) for n, t in enumerate((used, cancelled["token"], waiting))]
    psks = [given, *(Secret(f"key {k['identity']}", bytes.fromhex(k["key"])) for k in keys)]
    return [note, other_note, app_note, operator_note, hook, retained, queued, will, *tokens, *psks]


def rows(merlon, table: str) -> int:
    with sqlite3.connect(merlon.database) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def wait_for_messages(merlon, secrets: list[Secret]) -> None:
    """They are on the disk, or they would not come back."""
    wanted = {s.value for s in secrets if s.name in ("retained", "queued", "will")}
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.application("second", subscribe=("x/#",))) as fresh:
        fresh.connect("fresh")
        fresh.subscribe(("x/#", 1))
        retained = {fresh.receive().payload for _ in range(2)}
    assert len(wanted) == 3 and retained == {s.value for s in secrets if s.name in ("retained", "will")}


def test_messages_are_on_the_disk_and_stay_sealed_through_a_rotation(merlon, workdir):
    secrets = fill(merlon)
    reader = [s.value for s in secrets if s.name in ("retained", "queued", "will")]
    wait_until(lambda: rows(merlon, "mqtt_retained") == 2 and rows(merlon, "mqtt_queue") == 3, "the will, on the disk")
    merlon.kill()
    merlon.start()
    wait_for_messages(merlon, secrets)
    assert merlon.cli("keys", "rotate").code == 0
    assert [k["number"] for k in wait_for_rotation(merlon)["data_keys"]] == [2]  # nothing is left under the first
    ended = merlon.audit(action="keys.rotated")[-1]
    assert ended["details"]["sealed"] >= 5 and ended["details"]["failed"] == 0
    merlon.kill()
    assert not in_files(workdir, secrets)
    merlon.start()
    assert "messages.damaged" not in [line["event"] for line in merlon.log_lines()]
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.reader) as away:
        assert away.connect("away", clean=False, props={"session_expiry": 3600}).session_present
        assert sorted(away.receive().payload for _ in range(3)) == sorted(reader)


def assert_no_core_dumps(pid: int) -> None:
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    [core] = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"], core
    if os.geteuid() == 0:  # what is not dumpable belongs to root in /proc, whoever runs it
        assert Path(f"/proc/{pid}/mem").stat().st_uid == 0


def test_nothing_private_is_in_any_file(merlon, workdir):
    secrets = fill(merlon)
    assert_no_core_dumps(merlon.process.pid)
    assert_no_core_dumps(merlon.key_process())
    merlon.kill()
    found = in_files(merlon.state, secrets) + in_files(workdir, secrets)  # database, WAL, keystore; logs, configuration
    assert not found, "\n".join(found)
    merlon.start()
    merlon.stop()
    found = in_files(workdir, secrets)  # after recovery and a checkpoint of the WAL
    assert not found, "\n".join(found)


def test_nothing_private_is_in_the_log_of_the_audit(merlon, workdir):
    secrets = fill(merlon)
    merlon.restart()
    exported = workdir / "export"
    done = merlon.cli("audit", "export", exported)
    assert done.code == 0, done
    assert not in_files(workdir, secrets)
    assert merlon.api.get("/v1/devices/pump-7")["note"] == secrets[0].value.decode()


def test_the_search_finds_what_stands_in_the_clear(merlon):
    merlon.api.post("/v1/devices", {"id": "pump-in-the-clear"})
    merlon.kill()
    assert in_files(merlon.state, [Secret("id", b"pump-in-the-clear")])


@pytest.fixture
def database(merlon):
    """The database of a daemon that is down; it comes up again after each change."""

    def change(sql: str, *args: object) -> None:
        merlon.stop()
        with sqlite3.connect(merlon.database) as connection:
            connection.execute(sql, args)
        connection.close()
        merlon.start()

    return change


def test_an_envelope_moved_or_changed_is_told_by_table_and_row(merlon, database):
    for name in ("one", "two"):
        merlon.api.post("/v1/devices", {"id": name, "note": f"note of {name}"})
    database("UPDATE devices SET note = (SELECT note FROM devices WHERE id = 'one') WHERE id = 'two'")
    answer = merlon.api.ask("GET", "/v1/devices/two")
    assert answer.status == 500 and answer.json()["type"] == "urn:merlon:problem:corrupt"
    assert "table devices, column note, row two" in answer.json()["detail"]
    assert merlon.api.get("/v1/devices/one")["note"] == "note of one"
    database("UPDATE devices SET note = CAST(substr(note, 1, length(note) - 1) || x'00' AS BLOB) WHERE id = 'one'")
    answer = merlon.api.ask("GET", "/v1/devices/one")
    assert answer.status == 500 and "row one" in answer.json()["detail"]


def test_a_database_with_another_keystore_does_not_start(make_merlon):
    first, second = make_merlon(), make_merlon()
    for daemon in (first, second):
        daemon.init()
        daemon.start()
        daemon.stop()
    second.database.write_bytes(first.database.read_bytes())
    with pytest.raises(RuntimeError, match="belong together"):
        second.start()
    second.killed.add(second.runs[-1].pid)  # it ended by itself, with an error


# --- rotation


def notes_of(merlon) -> dict[str, str]:
    return {d["id"]: d.get("note", "") for d in merlon.api.all_of("/v1/devices")}


def wait_for_rotation(merlon) -> dict:
    wait_until(lambda: not merlon.api.get("/v1/keys")["rotation"]["running"], "the end of the rotation", deadline_s=60)
    return merlon.api.get("/v1/keys")


def test_a_rotation_survives_kill_9_at_any_moment(merlon):
    seed = random.SystemRandom().randint(0, 1 << 32)
    dice = random.Random(seed)
    print(f"seed {seed}")
    wanted = {f"device-{n:04}": f"note {n}" for n in range(600)}
    for name, note in wanted.items():
        merlon.api.post("/v1/devices", {"id": name, "note": note})
    for round_number in range(12):
        if not merlon.api.get("/v1/keys")["rotation"]["running"]:
            merlon.api.post("/v1/keys/rotate")
        time.sleep(dice.uniform(0.0, 0.05))  # the moment of death is what is tried out
        merlon.kill()
        merlon.start()
        assert notes_of(merlon) == wanted, f"round {round_number}"
    keys = wait_for_rotation(merlon)
    assert len(keys["data_keys"]) == 1
    assert notes_of(merlon) == wanted
    ended = merlon.audit(action="keys.rotated")
    started = merlon.audit(action="keys.rotation_started")
    assert len(ended) == len(started) > 0
    assert all(e["outcome"] == "ok" and e["details"]["failed"] == 0 for e in ended)


def test_rotation_and_rewrapping_by_the_command_line(merlon):
    merlon.api.post("/v1/devices", {"id": "one", "note": "kept"})
    assert merlon.cli("keys", "rotate").code == 0
    assert [k["number"] for k in wait_for_rotation(merlon)["data_keys"]] == [2]
    done = merlon.cli("keys", "rewrap")
    assert done.code == 0, done
    merlon.restart()
    assert merlon.api.get("/v1/devices/one")["note"] == "kept"
    status = merlon.cli("keys", "status")
    assert status.code == 0 and status.out.splitlines()[1].split()[0] == "2", status


def test_a_dropped_data_key_is_not_left_in_the_file(merlon):
    def wrapped() -> bytes:
        merlon.stop()
        with sqlite3.connect(merlon.database) as connection:
            [(found,)] = connection.execute("SELECT wrapped FROM seal_keys").fetchall()
        connection.close()
        return found

    old = Secret("wrapped data key", wrapped())
    assert in_files(merlon.state, [old])
    merlon.start()
    merlon.api.post("/v1/keys/rotate")
    wait_for_rotation(merlon)
    assert wrapped() != old.value
    assert not in_files(merlon.state, [old])


def test_the_envelope_of_a_revoked_key_is_not_left_in_the_file(merlon):
    def sealed() -> list[bytes | None]:
        merlon.stop()
        with sqlite3.connect(merlon.database) as connection:
            found = [row[0] for row in connection.execute("SELECT secret FROM psks ORDER BY identity").fetchall()]
        connection.close()
        return found

    merlon.api.post("/v1/devices", {"id": "pump-7"})
    for identity in ("one", "two"):
        merlon.api.post("/v1/devices/pump-7/psks", {"identity": identity})
    first, second = (Secret("envelope", envelope) for envelope in sealed())
    assert in_files(merlon.state, [first]) and in_files(merlon.state, [second])
    merlon.start()
    merlon.api.post("/v1/devices/pump-7/psks/one/revoke", {"reason": "lost"})
    assert sealed() == [None, second.value]
    assert not in_files(merlon.state, [first])
    assert in_files(merlon.state, [second])


# --- the sealing key itself


def merlon_keys(merlon, *arguments: str) -> Ended:
    return run_program("merlon-keys", arguments[0], "--dir", merlon.state / "keys", "--user", "merlon-keys", *arguments[1:])


def sealing_keys(merlon) -> list[int]:
    return [key["sealing_key"] for key in merlon.api.get("/v1/keys")["data_keys"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the account of the keys")
def test_another_sealing_key_takes_over_and_the_old_one_goes(merlon):
    merlon.api.post("/v1/devices", {"id": "one", "note": "kept"})
    assert sealing_keys(merlon) == [1]
    assert "another key process" in merlon_keys(merlon, "new-sealing-key").err  # while the daemon runs
    merlon.stop()
    assert merlon_keys(merlon, "new-sealing-key").code == 0
    merlon.start()
    assert sealing_keys(merlon) == [1]
    assert merlon.cli("keys", "rewrap").code == 0
    assert sealing_keys(merlon) == [2]
    merlon.stop()
    assert "newest" in merlon_keys(merlon, "drop-sealing-key", "--number", "2").err
    done = merlon_keys(merlon, "drop-sealing-key", "--number", "1")
    assert done.code == 0, done
    assert not (merlon.state / "keys" / "sealing.key").exists()
    merlon.start()
    assert merlon.api.get("/v1/devices/one")["note"] == "kept"
    merlon.restart()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become the account of the keys")
def test_a_sealing_key_dropped_too_early_is_told_and_can_be_put_back(merlon):
    merlon.api.post("/v1/devices", {"id": "one", "note": "kept"})
    merlon.stop()
    old = merlon.state / "keys" / "sealing.key"
    backup, owner = old.read_bytes(), old.stat()
    assert merlon_keys(merlon, "new-sealing-key").code == 0
    assert merlon_keys(merlon, "drop-sealing-key", "--number", "1").code == 0
    with pytest.raises(RuntimeError, match="seal_keys, row 1"):
        merlon.start()
    merlon.killed.add(merlon.runs[-1].pid)  # it ended by itself, with an error
    merlon.process = None
    old.write_bytes(backup)
    old.chmod(0o600)
    os.chown(old, owner.st_uid, owner.st_gid)
    merlon.start()
    assert merlon.api.get("/v1/devices/one")["note"] == "kept"
