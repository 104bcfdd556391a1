# SPDX-License-Identifier: Apache-2.0
"""A real history, listed and verified by the command line; and whoever changes the file is found out."""
import json
import sqlite3
from collections.abc import Callable

import pytest
from harness.client import TLS_1_3
from harness.est import Est, make_csr_body
from harness.ca import make_key
from harness.mqtt import Mqtt


@pytest.fixture
def history(merlon):
    """A server with a day's work in its log."""
    device = merlon.device("pump-7", group="pumps")
    merlon.allow("device:pump-7", publish=("sensors/#",))
    merlon.application("dashboard", subscribe=("sensors/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("x")
        client.publish("forbidden", b"x")
        client.subscribe("#")
    merlon.wait_for_entry("connection.closed", actor_id="pump-7")
    merlon.api.step("pump-7", "suspend", "test")
    merlon.api.step("pump-7", "resume")
    merlon.api.step("pump-7", "revoke", "gone")
    return merlon


def verify(merlon, *options: str):
    return merlon.cli("-o", "json", "audit", "verify", *options)


@pytest.mark.quick
def test_a_real_history_verifies_here_and_on_the_server(history):
    for options in ((), ("--server-side",)):
        done = verify(history, *options)
        assert done.code == 0, done
        assert json.loads(done.out), done
    assert [e for e in history.audit(action="audit.verified") if e["outcome"] == "ok"]


def test_every_step_has_its_entry_in_order(history):
    entries = history.audit()
    assert [e["seq"] for e in entries] == list(range(1, len(entries) + 1))
    assert [e["time"] for e in entries] == sorted(e["time"] for e in entries)
    actions = [e["action"] for e in entries]
    wanted = ["server.certificate_issued", "server.started", "device.added", "token.created", "device.enrolled", "role.added",
              "role.granted", "application.added", "connection.opened", "connection.closed", "device.suspended",
              "device.resumed", "device.revoked"]
    positions = [actions.index(action) for action in wanted]
    assert positions == sorted(positions), actions


def test_an_entry_says_who_did_what_to_whom_from_where(history):
    created = history.wait_for_entry("token.created")
    assert created["actor"]["kind"] == "operator" and created["actor"]["auth"].startswith("unix:uid=")
    enrolled = history.wait_for_entry("device.enrolled", target="pump-7")
    assert enrolled["actor"]["auth"].startswith("token:") and enrolled["source"].startswith("127.0.0.1:")
    opened = history.wait_for_entry("connection.opened", actor_id="pump-7")
    assert opened["details"]["tls"] == "TLSv1.3" and opened["details"]["client_id"] == "x"
    assert opened["actor"]["auth"] == "certificate:" + enrolled["details"]["fingerprint"]
    revoked = history.wait_for_entry("device.revoked", target="pump-7")
    assert (revoked["reason"], revoked["outcome"]) == ("gone", "ok")


@pytest.mark.quick
def test_the_list_can_be_narrowed(history):
    def listed(*options: str) -> list[dict]:
        done = history.cli("-o", "json", "audit", "list", "--limit", "500", *options)
        assert done.code == 0, done
        return [json.loads(line) for line in done.out.splitlines()] if done.out.lstrip().startswith('{"') \
            and "\n{" in done.out.strip() else _items(json.loads(done.out))

    def _items(value) -> list[dict]:
        return value["items"] if isinstance(value, dict) and "items" in value else value if isinstance(value, list) else [value]

    assert {e["action"] for e in listed("--action", "publish.denied")} == {"publish.denied"}
    assert {e["outcome"] for e in listed("--outcome", "denied")} == {"denied"}
    assert {e["target"] for e in listed("--target", "pump-7")} == {"pump-7"}
    assert {e["actor"]["id"] for e in listed("--actor", "device:pump-7")} == {"pump-7"}
    assert len(listed()) >= 15


def test_every_denial_names_actor_target_and_reason(history):
    """Of a device that is known, of one that only claims to be, of an operator, and of nobody."""
    est = Est(history.enrolment_port, history.root)
    est.enrol("pump-7", "no-token", make_csr_body(make_key(history.folder / "k.key"), "/CN=pump-7"))
    viewer = history.operator("victor", "viewer")
    assert history.https(viewer).ask("POST", "/v1/devices", {"id": "x"}).status == 403
    assert history.https(None).ask("GET", "/v1/status").status in (401, 403)
    history.wait_for_entry("token.refused", target="pump-7")
    denied = history.wait_for_entry("api.denied", actor_id="victor")
    assert denied["target"] and denied["reason"]
    history.wait_for_entry("publish.denied", actor_id="pump-7", target="forbidden")
    history.wait_for_entry("subscribe.denied", actor_id="pump-7", target="#")
    for entry in history.audit(outcome="denied"):
        assert entry["actor"]["kind"] in ("device", "application", "operator", "unknown"), entry
        assert entry["reason"], entry
        assert entry["source"], entry
        assert entry.get("target") or entry["action"] == "connection.refused", entry


# --- tampering

def tampered(merlon, change: Callable[[sqlite3.Connection], None]) -> None:
    merlon.stop()
    with sqlite3.connect(merlon.database) as database:
        change(database)
    database.close()
    merlon.start()


def entry_about(merlon, action: str) -> int:
    return merlon.wait_for_entry(action)["seq"]


def assert_found(merlon, seq: int) -> None:
    for options in ((), ("--server-side",)):
        done = merlon.cli("audit", "verify", *options)
        assert done.code == 5, (options, done)
        assert str(seq) in done.out + done.err, (options, done)


def change_text(seq: int) -> Callable[[sqlite3.Connection], None]:
    return lambda db: db.execute("UPDATE audit_entries SET json = replace(json, 'gone', 'lost') WHERE seq = ?", (seq,))


@pytest.mark.quick
def test_a_changed_entry_is_found_with_its_number(history):
    seq = entry_about(history, "device.revoked")
    tampered(history, change_text(seq))
    assert_found(history, seq)


def test_a_removed_entry_is_found(history):
    seq = entry_about(history, "publish.denied")
    tampered(history, lambda db: db.execute("DELETE FROM audit_entries WHERE seq = ?", (seq,)))
    assert_found(history, seq)


def test_a_column_that_hides_an_entry_from_a_search_is_found_by_the_server(history):
    seq = entry_about(history, "device.revoked")
    tampered(history, lambda db: db.execute("UPDATE audit_entries SET target = 'other' WHERE seq = ?", (seq,)))
    done = history.cli("audit", "verify", "--server-side")
    assert done.code == 5 and str(seq) in done.out + done.err, done


def test_entries_that_changed_places_are_found(history):
    seq = entry_about(history, "device.suspended")

    def swap(database: sqlite3.Connection) -> None:
        rows = database.execute("SELECT json, hash, action, actor, target, outcome, time FROM audit_entries WHERE seq IN (?, ?)"
                                " ORDER BY seq DESC", (seq, seq + 1)).fetchall()
        for number, row in zip((seq, seq + 1), rows):
            database.execute("UPDATE audit_entries SET json=?, hash=?, action=?, actor=?, target=?, outcome=?, time=?"
                             " WHERE seq=?", (*row, number))

    tampered(history, swap)
    assert_found(history, seq)


def test_a_removed_tail_is_found(history):
    seq = entry_about(history, "device.revoked")
    tampered(history, lambda db: db.execute("DELETE FROM audit_entries WHERE seq >= ?", (seq,)))
    done = history.cli("audit", "verify")
    assert done.code == 5, done


def test_a_chain_that_was_computed_anew_is_found_by_its_signature(history):
    """The attacker knows how the hashes are made, but has no audit key."""
    import hashlib
    seq = entry_about(history, "device.revoked")

    def forge(database: sqlite3.Connection) -> None:
        change_text(seq)(database)
        before = bytes(32)
        for number, text in database.execute("SELECT seq, json FROM audit_entries ORDER BY seq").fetchall():
            before = hashlib.sha256(b"\0" + before + text.encode()).digest()
            database.execute("UPDATE audit_entries SET hash = ? WHERE seq = ?", (before, number))
            database.execute("UPDATE audit_heads SET hash = ? WHERE size = ?", (before, number))

    tampered(history, forge)
    for options in ((), ("--server-side",)):
        done = history.cli("audit", "verify", *options)
        assert done.code == 5, (options, done)


def test_the_exported_log_can_be_verified_by_anybody(history):
    """With what the documentation says and nothing of ours: SHA-256 chain, Ed25519 heads."""
    import hashlib
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    history.stop()  # signs its last head
    history.start()
    lines = history.api.raw("GET", "/v1/audit/export").text().splitlines()
    hashes, before = {}, bytes(32)
    for number, line in enumerate(lines, 1):
        row = json.loads(line)
        before = hashlib.sha256(b"\0" + before + row["json"].encode()).digest()
        assert (row["seq"], bytes.fromhex(row["hash"])) == (number, before)
        hashes[number] = before
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(history.api.get("/v1/audit/key")["public_key"]))
    heads = [h for h in history.api.all_of("/v1/audit/heads") if h["size"] in hashes]
    assert heads
    for head in heads:
        assert bytes.fromhex(head["hash"]) == hashes[head["size"]]
        key.verify(bytes.fromhex(head["signature"]), f"merlon audit head v1\n{head['size']}\n{head['hash']}\n".encode())


def test_what_a_stranger_writes_cannot_break_the_log(merlon):
    """Control characters, quotes, other encodings: in names, tokens, topics and client ids."""
    est = Est(merlon.enrolment_port, merlon.root)
    body = make_csr_body(make_key(merlon.folder / "k.key"), "/CN=x")
    for name in ('"},"action":"forged', "a\nb", "\x1b[31mred", "ü€", "x" * 300):
        est.enrol(name, "t", body)
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7"), tls=TLS_1_3) as client:
        client.connect('id"\\\x7f€')
        client.publish('sensors/"},{"\u202e', b"x")
    merlon.wait_for_entry("publish.denied", actor_id="pump-7")
    assert not merlon.audit(action="forged")
    assert merlon.cli("audit", "verify").code == 0
    assert "\x1b" not in merlon.cli("audit", "list").out
