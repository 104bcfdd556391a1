# SPDX-License-Identifier: Apache-2.0
"""Backups made while the server works, opened by a foreign program, restored elsewhere; and everything that is wrong with one is told."""
import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
from harness.merlon import Merlon, run_program
from harness.mqtt import Mqtt
from harness.process import program


@pytest.fixture
def recovery(merlon) -> tuple[Path, str]:
    """The recovery key's file, and its public half."""
    key = merlon.folder / "recovery.key"
    done = merlon.cli("backup", "keygen", key)
    assert done.code == 0, done
    assert key.stat().st_mode & 0o777 == 0o600
    return key, done.out.strip()


def create(merlon, recipient: str, name: str = "backup.age") -> Path:
    path = merlon.folder / name
    done = merlon.cli("backup", "create", "--recipient", recipient, path)
    assert done.code == 0, done
    return path


def restore(key: Path, backup: Path, state: Path):
    return run_program("merlon", "backup", "restore", "--identity", key, backup, "--to", state, "--owner", "merlon")


def start(merlon, *options: str) -> Merlon:
    merlon.process = merlon.processes.start([program("merlond"), "run", "--config", merlon.config, *options])
    merlon.runs.append(merlon.process)
    merlon.process.wait_for_log('"event":"server.ready"')
    return merlon


def opened_by_age(key: Path, backup: Path) -> dict[str, bytes]:
    plain = subprocess.run(["age", "-d", "-i", key, backup], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive.getmembers()}


@pytest.mark.quick
def test_age_and_tar_open_a_backup_and_the_log_has_it(merlon, recovery):
    key, recipient = recovery
    backup = create(merlon, recipient)
    assert backup.stat().st_mode & 0o777 == 0o600
    files = opened_by_age(key, backup)
    manifest = json.loads(files["manifest.json"])
    assert manifest["database"] == {"size": len(files["merlon.db"]), "sha256": hashlib.sha256(files["merlon.db"]).hexdigest()}
    entry = merlon.wait_for_entry("backup.created")
    assert entry["details"]["sha256"] == hashlib.sha256(backup.read_bytes()).hexdigest()
    assert entry["details"]["recipients"] == recipient
    assert not list((merlon.state / "store").glob("backup.*")), "the server keeps nothing of it"


def leave_messages(merlon, device) -> None:
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("kept", clean=False, props={"session_expiry": 3600})
        client.subscribe(("devices/before/#", 1))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("other")
        assert client.publish("devices/before/x", b"queued", 1) == 0
        assert client.publish("devices/before/y", b"kept", 1, retain=True) == 0


def test_the_old_state_comes_back_and_needs_a_reason(merlon, recovery):
    key, recipient = recovery
    before = merlon.device("before")
    leave_messages(merlon, before)
    backup = create(merlon, recipient)
    merlon.device("after")
    merlon.api.step("before", "revoke", "stolen after the backup")
    merlon.stop()
    (merlon.state / "store").rename(merlon.state / "store.lost")
    done = restore(key, backup, merlon.state)
    assert done.code == 0, done
    refused = run_program("merlond", "run", "--config", merlon.config)
    assert refused.code == 1 and "--accept-rollback" in refused.err and "backup" in refused.err, refused
    start(merlon, "--accept-rollback", "the disk died")
    restored = merlon.wait_for_entry("backup.restored")
    manifest = json.loads(opened_by_age(key, backup)["manifest.json"])
    assert restored["details"]["audit_size"] == manifest["audit_size"]
    assert restored["reason"] == "the disk died"
    assert manifest["audit_size"] < restored["seq"]
    with Mqtt(merlon.mqtt_port, merlon.root, before) as client:
        assert client.connect("kept", clean=False, props={"session_expiry": 3600}).session_present
        assert sorted(client.receive().payload for _ in range(2)) == [b"kept", b"queued"]
    assert merlon.cli("device", "show", "after").code != 0, "it was added in the lost window"
    merlon.restart()  # the reason is needed once


def test_a_backup_made_during_writes_is_of_one_moment(merlon, recovery):
    key, recipient = recovery
    stop = threading.Event()
    acknowledged: list[str] = []

    def work() -> None:
        while not stop.is_set():
            name = f"d{len(acknowledged)}"
            assert merlon.cli("device", "add", name).code == 0
            acknowledged.append(name)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for i in range(3):
            known = list(acknowledged)
            backup = create(merlon, recipient, f"{i}.age")
            database = merlon.folder / f"{i}.db"
            files = opened_by_age(key, backup)
            database.write_bytes(files["merlon.db"])
            with sqlite3.connect(database) as db:
                assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                names = {name for (name,) in db.execute("SELECT id FROM devices")}
            assert set(known) <= names
    finally:
        stop.set()
        writer.join()


def test_a_backup_that_is_wrong_is_refused_and_leaves_nothing(merlon, recovery, tmp_path):
    key, recipient = recovery
    backup = create(merlon, recipient)
    good = backup.read_bytes()
    other = tmp_path / "other.key"
    assert merlon.cli("backup", "keygen", other).code == 0
    changed = bytearray(good)
    changed[len(good) // 2] ^= 1
    cases = {"cut": (good[:-1], key), "chunk": (good[:-(len(good) % 65552) or -65552], key), "flipped": (bytes(changed), key),
             "longer": (good + b"x", key), "stranger": (good, other), "nothing": (b"", key), "text": (b"hello\n", key)}
    for name, (data, identity) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        state = tmp_path / f"{name}.state"
        state.mkdir()
        verified = run_program("merlon", "backup", "verify", "--identity", identity, path)
        assert verified.code != 0 and str(path) in verified.err, (name, verified)
        assert restore(identity, path, state).code != 0, name
        assert not list(state.iterdir()), name
    assert run_program("merlon", "backup", "verify", "--identity", key, backup).code == 0


def test_nothing_is_ever_replaced(merlon, recovery):
    key, recipient = recovery
    backup = create(merlon, recipient)
    again = merlon.cli("backup", "create", "--recipient", recipient, backup)
    assert again.code != 0 and "exists" in again.err.lower(), again
    done = restore(key, backup, merlon.state)
    assert done.code != 0 and "exists" in done.err, done
    assert merlon.cli("backup", "keygen", key).code != 0


def test_a_full_disk_at_create_is_told(merlon, recovery):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "backup", "create",
                               "--recipient", recovery[1], "-"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode != 0 and b"space" in done.stderr, done
    assert not list((merlon.state / "store").glob("backup.*"))


def test_a_full_disk_at_restore_leaves_nothing(merlon, recovery, tmp_path):
    key, recipient = recovery
    backup = create(merlon, recipient)
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True, check=False).returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        done = restore(key, backup, small)
        assert done.code != 0 and "space" in done.err.lower(), done
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", small], check=True)


def test_only_administrators_make_backups(merlon, recovery):
    body = {"recipients": [recovery[1]]}
    made = merlon.https(merlon.operator("ann", "admin")).post("/v1/backups", body)
    for role in ("viewer", "operator", "security", "auditor"):
        someone = merlon.https(merlon.operator(f"{role}-1", role))
        assert someone.ask("POST", "/v1/backups", body).status == 403
        assert someone.ask("GET", f"/v1/backups/{made['id']}").status == 403
        assert someone.ask("DELETE", f"/v1/backups/{made['id']}").status == 403
    assert merlon.api.raw("GET", f"/v1/backups/{made['id']}?offset={made['size']}").body == b""
    merlon.kill()
    merlon.start()
    assert not list((merlon.state / "store").glob("backup.*")), "a backup that nobody fetched is gone after a crash"


def test_recipients_are_checked(merlon, recovery):
    mistyped = recovery[1][:-1] + ("q" if recovery[1][-1] != "q" else "p")
    done = merlon.cli("backup", "create", "--recipient", mistyped, merlon.folder / "x.age")
    assert done.code != 0 and "age recipient" in done.err, done
    assert not (merlon.folder / "x.age").exists()


def test_it_is_restored_on_another_machine_with_its_keystore(merlon, recovery, processes, workdir):
    key, recipient = recovery
    device = merlon.device("pump-7")
    backup = create(merlon, recipient)
    merlon.stop()
    other = Merlon(processes, workdir / "other")
    other.state.mkdir()
    subprocess.run(["cp", "-a", f"{merlon.state}/.", other.state], check=True)
    shutil.rmtree(other.state / "store")
    assert restore(key, backup, other.state).code == 0
    start(other, "--accept-rollback", "moved")
    with Mqtt(other.mqtt_port, other.root, device) as client:
        client.connect("x")
    assert other.cli("audit", "verify").code == 0
    other.stop()
