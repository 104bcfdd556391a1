# SPDX-License-Identifier: Apache-2.0
"""The attack drill of docs/operate/audit.md against a real daemon: whoever owns the disk changes, cuts, rolls back, forks or
replaces the log, and a command names it. The attacker here has the database and can stop the daemon; in the last cases also
the keys."""
import base64
import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.est import curl
from harness.merlon import Ended, Merlon, run_program
from harness.process import program
from harness.tlog import Log, leaf_hash, root_of
from harness.tlog_proven import Checkpoint, extra_of, open_note, verify_folder, verify_proof
from harness.tlogcheck import Tlogcheck
from harness.waiting import wait_until

UNVERIFIED = 5
ENTRIES = 300  # more than a bundle: the first one is in full tiles


@dataclass
class Outsider:
    """Who verifies: has the log's key and a checkpoint, kept where the attacker cannot write."""

    merlon: Merlon
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "log.vkey"

    @property
    def kept(self) -> Path:
        return self.folder / "kept"

    def size(self) -> int:
        return Checkpoint.read(self.kept.read_text(encoding="utf-8")).size

    def keep(self) -> None:
        done = self.merlon.cli("audit", "verify", "--log-key", self.key, "--save-checkpoint", self.kept)
        assert done.code == 0, done

    def verify(self, *options: str | Path, of: Merlon | None = None) -> Ended:
        return (of or self.merlon).cli("audit", "verify", "--log-key", self.key, *options)


def covered(merlon: Merlon) -> bool:
    """Everything that is in the log has a checkpoint."""
    note = merlon.api.raw("GET", "/audit/checkpoint")
    return note.status == 200 and int(note.text().splitlines()[1]) >= merlon.audit()[-1]["seq"]


@pytest.fixture
def outsider(merlon, workdir: Path) -> Outsider:
    for i in range(ENTRIES):
        merlon.add_device(f"pump-{i}")
    wait_until(lambda: covered(merlon), "a checkpoint over all entries")
    (workdir / "outside").mkdir()
    made = Outsider(merlon, workdir / "outside")
    made.key.write_text(merlon.cli("audit", "key", "--vkey").out, encoding="utf-8")
    made.keep()
    return made


def changed(merlon: Merlon, change: Callable[[sqlite3.Connection], object]) -> None:
    """The attacker stops the daemon and writes to its database."""
    merlon.stop()
    with sqlite3.connect(merlon.database) as database:
        change(database)
    database.close()


def execute(*statements: str) -> Callable[[sqlite3.Connection], object]:
    return lambda database: [database.execute(statement) for statement in statements]


def refused_start(merlon: Merlon) -> str:
    done = run_program("merlond", "run", "--config", merlon.config)
    assert done.code == 1, done
    return done.err


def start_accepting(merlon: Merlon, reason: str) -> None:
    merlon.process = merlon.processes.start([program("merlond"), "run", "--config", merlon.config, "--accept-rollback", reason])
    merlon.runs.append(merlon.process)
    merlon.process.wait_for_log('"event":"server.ready"')


def assert_named(done: Ended, *says: str) -> None:
    assert done.code == UNVERIFIED, done
    for part in says:
        assert part in done.out + done.err, (part, done)


CHANGE = "UPDATE audit_entries SET json = replace(json, 'pump-{0}\"', 'pump-X\"') WHERE json LIKE '%device.added%pump-{0}\"%'"


def number_of(merlon: Merlon, device: str) -> int:
    return merlon.audit(action="device.added", target=device)[0]["seq"]


def test_a_good_log_is_good(outsider):
    here = outsider.verify("--checkpoint", outsider.kept, "-o", "json")
    there = outsider.merlon.cli("audit", "verify", "--server-side", "-o", "json")
    assert (here.code, there.code) == (0, 0), (here, there)
    assert json.loads(here.out)["root"] == json.loads(there.out)["root"]


@pytest.mark.quick
def test_a_changed_entry_is_named(outsider):
    merlon = outsider.merlon
    seq = number_of(merlon, "pump-100")
    changed(merlon, execute(CHANGE.format(100)))
    merlon.start()
    assert_named(outsider.verify(), f"entry {seq}:")
    assert_named(merlon.cli("audit", "verify", "--server-side"), str(seq))
    failed = merlon.wait_for_entry("audit.verified", outcome="failed")
    assert failed["details"]["bad"] == seq


def test_entries_that_change_places_are_named(outsider):
    merlon = outsider.merlon
    seq = number_of(merlon, "pump-100")
    changed(merlon, execute(f"UPDATE audit_entries SET seq = -1 WHERE seq = {seq}",
                            f"UPDATE audit_entries SET seq = {seq} WHERE seq = {seq + 1}",
                            f"UPDATE audit_entries SET seq = {seq + 1} WHERE seq = -1"))
    merlon.start()
    assert_named(outsider.verify(), f"entry {seq}:")
    assert_named(merlon.cli("audit", "verify", "--server-side"), str(seq))


def test_an_entry_that_is_taken_out_is_named(outsider):
    merlon = outsider.merlon
    seq = number_of(merlon, "pump-100")
    changed(merlon, execute(f"DELETE FROM audit_entries WHERE seq = {seq}"))
    merlon.start()
    assert_named(outsider.verify(), "entries 1 to 256: damaged on the server")
    assert_named(merlon.cli("audit", "verify", "--server-side"), f"entry {seq} is missing")


def test_an_entry_changed_together_with_its_tile_is_named(outsider):
    merlon = outsider.merlon
    seq = number_of(merlon, "pump-100")

    def forge(database: sqlite3.Connection) -> None:
        database.execute(CHANGE.format(100))
        text = database.execute("SELECT json FROM audit_entries WHERE seq = ?", (seq,)).fetchone()[0]
        tile = bytearray(database.execute("SELECT hashes FROM audit_tiles WHERE id = 0").fetchone()[0])
        tile[(seq - 1) * 32:seq * 32] = leaf_hash(text.encode())
        database.execute("UPDATE audit_tiles SET hashes = ? WHERE id = 0", (bytes(tile),))

    changed(merlon, forge)
    merlon.start()
    assert_named(outsider.verify(), "entries 1 to 256:")
    assert merlon.cli("audit", "verify", "--server-side").code == UNVERIFIED


def test_a_cut_tail_keeps_the_daemon_from_starting(outsider):
    merlon = outsider.merlon
    size = merlon.audit()[-1]["seq"]
    changed(merlon, execute(f"DELETE FROM audit_entries WHERE seq > {size - 20}"))
    said = refused_start(merlon)
    assert f"the log has {size - 20} entries, but " in said and "--accept-rollback" in said
    start_accepting(merlon, "drill")
    accepted = merlon.wait_for_entry("audit.rollback_accepted")
    assert accepted["reason"] == "drill" and accepted["details"]["has"] == size - 20
    assert_named(outsider.verify("--checkpoint", outsider.kept), str(outsider.size()))


def test_an_old_database_put_back_keeps_the_daemon_from_starting(outsider, workdir):
    merlon = outsider.merlon
    merlon.stop()
    old = workdir / "old.db"
    shutil.copy(merlon.database, old)
    merlon.start()
    merlon.add_device("after-the-copy")
    wait_until(lambda: covered(merlon), "a checkpoint")
    outsider.keep()
    merlon.stop()
    shutil.copy(old, merlon.database)
    assert "were signed: it was cut or an old database was put in its place" in refused_start(merlon)
    # Who takes the file beside it away, too, is found by whoever kept a checkpoint.
    (merlon.database.parent / "audit.checkpoint").unlink()
    merlon.start()
    assert_named(outsider.verify("--checkpoint", outsider.kept), str(outsider.size()))


def test_a_change_behind_removed_checkpoints_keeps_the_daemon_from_starting(outsider):
    """Without one the key process would take whatever is there as the beginning."""
    merlon = outsider.merlon
    changed(merlon, execute(CHANGE.format(100), "DELETE FROM audit_tiles", "DELETE FROM audit_checkpoints"))
    assert "signed: checkpoints were taken out" in refused_start(merlon)


def test_two_readers_who_are_shown_two_logs_find_out(outsider, make_merlon, workdir):
    merlon = outsider.merlon
    merlon.stop()
    other = make_merlon()
    shutil.copytree(merlon.state, other.state, symlinks=True, dirs_exist_ok=True)
    for path in (merlon.state, *merlon.state.rglob("*")):
        shutil.chown(other.state / path.relative_to(merlon.state), path.lstat().st_uid, path.lstat().st_gid)
    merlon.start()
    other.start()
    for one, name in ((merlon, "here"), (other, "there")):
        for i in range(30):
            one.add_device(f"{name}-{i}")
        wait_until(lambda one=one: covered(one), "a checkpoint")
    theirs = workdir / "outside" / "theirs"
    assert outsider.verify("--save-checkpoint", theirs, of=other).code == 0  # each by itself is whole
    assert outsider.verify().code == 0
    assert_named(outsider.verify("--checkpoint", theirs), "the log was rewritten, or others are shown another one")


def test_another_signing_key_is_noticed(outsider, make_merlon, workdir):
    merlon = outsider.merlon
    other = make_merlon()
    other.init()
    other.start()
    assert_named(outsider.verify(of=other), "not signed by")
    merlon.stop()
    for name in ("audit.key", "manifest", "unlock.key", "issuing.key", "root.key", "sealing.key", "root.export"):
        shutil.copy(other.state / "keys" / name, merlon.state / "keys" / name)
    said = refused_start(merlon)
    assert said  # the data keys of the store are not wrapped by that keystore
    merlon.process = None


def test_a_log_computed_anew_without_the_key_is_noticed(outsider):
    """The attacker knows how everything is made, and drops the checkpoints that say otherwise."""
    merlon = outsider.merlon

    def forge(database: sqlite3.Connection) -> None:
        database.execute(CHANGE.format(100))
        leaves = [leaf_hash(text.encode()) for (text,) in database.execute("SELECT json FROM audit_entries ORDER BY seq LIMIT 256")]
        database.execute("UPDATE audit_tiles SET hashes = ? WHERE id = 0", (b"".join(leaves),))
        database.execute("UPDATE audit_tiles SET hashes = ? WHERE id = ?", (root_of(leaves), 1 << 56))

    changed(merlon, forge)
    said = refused_start(merlon)
    assert "other entries than when checkpoint" in said
    (merlon.database.parent / "audit.checkpoint").unlink()
    merlon.start()
    done = outsider.verify("--checkpoint", outsider.kept)
    assert_named(done)
    assert merlon.cli("audit", "verify", "--server-side").code == UNVERIFIED


def forged_log(merlon: Merlon) -> Log:
    """The same log with one entry changed, every hash made anew, signed with a key of the attacker's own under the log's name."""
    key = merlon.api.get("/v1/audit/key")
    merlon.stop()
    database = sqlite3.connect(merlon.database)
    texts = [text for (text,) in database.execute("SELECT json FROM audit_entries ORDER BY seq")]
    database.close()
    forged = [text.replace('"pump-100"', '"pump-X"') for text in texts]
    assert forged != texts
    return Log(key["origin"], [text.encode() for text in forged])


def test_a_log_computed_anew_with_another_key_is_noticed(outsider, workdir):
    merlon, mirror = outsider.merlon, workdir / "mirror"
    log = forged_log(merlon)
    log.write(mirror)
    offline = ("audit", "verify", "--dir", mirror, "--log-key")
    assert run_program("merlon", *offline, log.vkey).code == 0  # by itself it is whole
    assert_named(run_program("merlon", *offline, outsider.key), "not signed by")
    merlon.start()


def test_a_database_and_its_file_made_anew_with_another_key_are_noticed(outsider):
    merlon = outsider.merlon
    log = forged_log(merlon)
    leaves = log.leaves()[:256]

    def forge(database: sqlite3.Connection) -> None:
        database.executemany("UPDATE audit_entries SET json = ? WHERE seq = ?",
                             [(text.decode(), seq) for seq, text in enumerate(log.entries, 1)])
        database.execute("UPDATE audit_tiles SET hashes = ? WHERE id = 0", (b"".join(leaves),))
        database.execute("UPDATE audit_tiles SET hashes = ? WHERE id = ?", (root_of(leaves), 1 << 56))
        database.execute("DELETE FROM audit_checkpoints")
        database.execute("INSERT INTO audit_checkpoints VALUES (?, ?, 1, 0)", (len(log.entries), log.checkpoint()))

    with sqlite3.connect(merlon.database) as database:
        forge(database)
    database.close()
    assert "other entries than when checkpoint" in refused_start(merlon)
    beside = merlon.database.parent / "audit.checkpoint"
    beside.write_text(log.checkpoint(), encoding="utf-8")
    assert "is no checkpoint of this log: the note is not signed by" in refused_start(merlon)
    beside.unlink()
    merlon.start()
    merlon.process.wait_for_log("the stored checkpoint is not one of this log")  # the key process continues nothing of another key
    assert_named(outsider.verify(), "not signed by")
    assert merlon.cli("audit", "verify", "--server-side").code == UNVERIFIED


def test_a_search_index_that_hides_an_entry_is_named(outsider):
    """An index is made of 4096 entries at a time."""
    merlon = outsider.merlon
    for i in range(4096 - ENTRIES):
        merlon.add_device(f"valve-{i}")
    wait_until(lambda: covered(merlon), "a checkpoint over all entries")
    assert number_of(merlon, "pump-100")
    changed(merlon, execute("UPDATE audit_index SET entries = zeroblob(length(entries))"))
    merlon.start()
    assert outsider.verify().code == 0  # the entries are what they were
    assert_named(merlon.cli("audit", "verify", "--server-side"), "1", "4096", "the search index of them is another one")


def test_curl_reads_the_published_files(outsider):
    """With what any reader has: root, certificate, key."""
    merlon = outsider.merlon
    auditor = merlon.operator("anna", "auditor")
    identity = ("--cert", auditor.certificate, "--key", auditor.key)
    url = f"https://127.0.0.1:{merlon.management_port}/audit"
    checkpoint = curl(f"{url}/checkpoint", *identity, root=merlon.root)
    assert (checkpoint.status, checkpoint.headers["cache-control"]) == (200, "no-cache"), checkpoint
    assert Checkpoint.read(open_note(checkpoint.body.decode(), outsider.key.read_text().strip())).size >= ENTRIES
    for path in ("tile/0/000", "tile/1/000.p/1", "tile/entries/000"):
        tile = curl(f"{url}/{path}", *identity, root=merlon.root)
        assert tile.status == 200 and tile.body == merlon.api.raw("GET", f"/audit/{path}").body, path
        assert tile.headers["cache-control"] == "private, max-age=31536000, immutable", path
    assert curl(f"{url}/tile/0/001", *identity, root=merlon.root).status == 404  # not full yet
    assert curl(f"{url}/checkpoint", root=merlon.root).status != 200  # and nobody without a certificate


def test_foreign_programs_judge_the_real_log(outsider, tlogcheck: Tlogcheck, workdir):
    merlon, mirror, key = outsider.merlon, workdir / "mirror", outsider.key.read_text().strip()
    done = merlon.cli("audit", "export", "--tiles", mirror, "--log-key", outsider.key)
    assert done.code == 0, done
    assert tlogcheck(mirror, key).returncode == 0
    assert verify_folder(mirror, key).size >= ENTRIES
    note = (mirror / "checkpoint").read_text(encoding="utf-8")
    text, signature, pem = workdir / "text", workdir / "signature", workdir / "log.pem"
    text.write_text(open_note(note, key), encoding="utf-8")
    signature.write_bytes(base64.b64decode(note.rpartition("\n\n")[2].split(" ")[2])[4:])
    pem.write_text(merlon.cli("audit", "key", "--pem").out, encoding="utf-8")
    openssl = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", pem, "-sigfile", signature, "-in", text]
    assert subprocess.run(openssl, check=False, capture_output=True).returncode == 0
    bundle = mirror / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b"pump-100", b"pump-1OO"))
    refused = tlogcheck(mirror, key)
    assert refused.returncode == 1 and f"entry {number_of(merlon, 'pump-100') - 1}" in refused.stderr
    text.write_text(text.read_text().replace("merlon", "merl0n"), encoding="utf-8")
    assert subprocess.run(openssl, check=False, capture_output=True).returncode == 1


def test_a_proof_of_the_real_log_holds_without_a_server(outsider, workdir):
    merlon, proof = outsider.merlon, workdir / "proof"
    seq = number_of(merlon, "pump-7")
    assert merlon.cli("audit", "prove", str(seq), proof, "--reveal").code == 0
    entry = merlon.cli("audit", "show", str(seq), "--text").out.rstrip("\n").encode()
    index, checkpoint = verify_proof(proof.read_text(encoding="utf-8"), outsider.key.read_text().strip(), entry)
    assert index == seq - 1 and checkpoint.size >= ENTRIES
    revealed = json.loads(extra_of(proof.read_text(encoding="utf-8")))
    assert revealed["entry"].encode() == entry and revealed["opened"]["source"]["value"].startswith("local:uid=")
    merlon.stop()
    done = run_program("merlon", "audit", "verify", "--proof", proof, "--log-key", outsider.key)
    assert done.code == 0, done


def test_the_published_files_may_be_kept_for_ever(outsider):
    merlon = outsider.merlon
    tile, checkpoint = merlon.api.raw("GET", "/audit/tile/entries/000"), merlon.api.raw("GET", "/audit/checkpoint")
    assert tile.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert checkpoint.headers["content-type"] == "text/plain; charset=utf-8"
    for path in ("tile/0/999", "tile/entries/000/x", "tile/8/000", "nothing", "tile/0/000.p/0", "tile/0/1"):
        assert merlon.api.raw("GET", f"/audit/{path}").status == 404, path


def envelope_of(merlon: Merlon, seq: int) -> bytes:
    """The sealed values and salts of an entry."""
    database = sqlite3.connect(merlon.database)
    row = database.execute("SELECT private FROM audit_entries WHERE seq = ?", (seq,)).fetchone()
    database.close()
    return row[0]


def files_with(merlon: Merlon, data: bytes) -> list[Path]:
    """Only the end of data is looked for: a page of the database may hold the rest elsewhere."""
    return [p for p in merlon.database.parent.rglob("*") if p.is_file() and data[-64:] in p.read_bytes()]


def test_what_was_erased_is_gone_and_proofs_stay(outsider, workdir):
    merlon, proof = outsider.merlon, workdir / "proof"
    merlon.operator("mallory-the-person", "viewer")
    seq = merlon.wait_for_entry("operator.added")["seq"]
    envelope = envelope_of(merlon, seq)
    assert files_with(merlon, envelope)
    wait_until(lambda: covered(merlon), "a checkpoint")
    assert merlon.cli("audit", "prove", str(seq), proof).code == 0
    done = merlon.cli("audit", "erase", "operator:mallory-the-person", "--reason", "asked for", "-o", "json")
    assert done.code == 0 and json.loads(done.out)["erased"] >= 1, done
    shown = merlon.api.get(f"/v1/audit/entries/{seq}")
    assert "mallory" not in json.dumps(shown)
    entry = workdir / "entry"
    entry.write_text(merlon.cli("audit", "show", str(seq), "--text").out.rstrip("\n"), encoding="utf-8")
    assert outsider.verify("--proof", proof, "--entry", entry).code == 0
    wait_until(lambda: covered(merlon), "a checkpoint")
    assert outsider.verify("--checkpoint", outsider.kept).code == 0
    assert merlon.cli("audit", "verify", "--server-side").code == 0
    merlon.stop()  # which empties the write-ahead log
    assert not files_with(merlon, envelope)


def test_what_was_pruned_is_gone_and_the_rest_verifies(outsider, workdir):
    merlon, proof, entry = outsider.merlon, workdir / "proof", workdir / "entry"
    seq = str(number_of(merlon, "pump-7"))
    assert merlon.cli("audit", "prove", seq, proof).code == 0
    entry.write_text(merlon.cli("audit", "show", seq, "--text").out, encoding="utf-8")
    done = merlon.cli("audit", "prune", "--before", "257", "--reason", "retention", "-o", "json")
    assert done.code == 0 and json.loads(done.out) == {"pruned": 256, "first_entry": 257}, done
    assert merlon.audit()[0]["seq"] == 257
    assert merlon.api.raw("GET", "/audit/tile/entries/000").status == 410
    wait_until(lambda: covered(merlon), "a checkpoint")
    assert outsider.verify("--checkpoint", outsider.kept).code == 0
    assert merlon.cli("audit", "verify", "--server-side").code == 0
    merlon.restart()
    assert outsider.verify("--checkpoint", outsider.kept).code == 0
    assert outsider.verify("--proof", proof, "--entry", entry).code == 0
