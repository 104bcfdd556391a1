# SPDX-License-Identifier: Apache-2.0
"""`merlon audit`: a log that a second implementation made (harness/tlog_proven.py) is listed, exported, proven and verified; and
each change of it is named. The server is a stub that says what the test wants."""
import json
import signal
import stat
import subprocess
from collections.abc import Callable

import pytest

from harness.api_stub import Answer, ApiStub, Request, page, problem
from harness.process import ROOT, Processes, program
from harness.tlog import COSIGNATURE, add_checkpoint, leaf_hash
from harness.tlog_proven import (Log, Signer, bundle, commitment, extra_of, read_bundle, tile_path, verify_folder,
                                 verify_proof)

OK, REFUSED, USAGE, UNREACHABLE, DENIED, UNVERIFIED = range(6)
NDJSON = "application/x-ndjson"
PAGE = (ROOT / "docs" / "operate" / "audit.md").read_text(encoding="utf-8")
ENTRY = {"seq": 7, "time": 1795472078123, "action": "device.added", "outcome": "ok", "v": 2,
         "actor": {"kind": "operator", "id": "alice"}, "target": "pump-7"}
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def merlon(stub_cli: Run) -> Run:
    return stub_cli


def serve(stub: ApiStub, log: Log, **other: bytes | None) -> None:
    """The published files, each at its place; other: what a path has instead (None: pruned)."""
    files = {**log.files(), **{path: data for path, data in other.items()}}
    for path in [p for m, p in stub.answers if p.startswith("/audit/")]:
        del stub.answers["GET", path]
    for path, data in files.items():
        stub.answers["GET", f"/audit/{path}"] = (problem(410, "gone", f"{path} was pruned") if data is None
                                                 else Answer(data, content_type="application/octet-stream"))
    stub.answers["GET", "/v1/audit/key"] = Answer({"origin": log.signer.name, "vkey": log.signer.vkey,
                                                   "algorithm": "Ed25519"})


def change(log: Log, seq: int) -> None:
    log.entries[seq - 1] = log.entries[seq - 1].replace(b"device.added", b"device.shown")


# --- lists

def test_the_newest_entries_stand_last(stub, merlon):
    entries = [{**ENTRY, "seq": seq} for seq in (9, 8, 7)]
    stub.answers["GET", "/v1/audit"] = page(entries)
    numbers = [line.split()[2] for line in merlon("audit", "list", "--limit", "2").stdout.splitlines()[1:]]
    assert numbers == ["8", "9"]
    assert [e["seq"] for e in json.loads(merlon("audit", "list", "-ojson").stdout)] == [9, 8, 7]


def test_since_is_a_time_or_how_long_ago(stub, merlon):
    stub.answers["GET", "/v1/audit"] = page([])
    merlon("audit", "list", "--since", "2026-11-23T22:14:38Z")
    merlon("audit", "list", "--since", "1h")
    assert stub.requests[0].query["since_ms"] == "1795472078000"
    assert int(stub.requests[1].query["since_ms"]) > 1600000000000


def test_following_prints_each_new_entry_once_and_ends_well(stub, processes: Processes):
    def entries(request: Request) -> Answer:
        if request.query["order"] == "newest":
            return page([{**ENTRY, "seq": 7}])
        assert int(request.query["since_ms"]) < ENTRY["time"]
        return page([{**ENTRY, "seq": seq} for seq in range(7, 7 + min(len(stub.requests), 4))])

    stub.answers["GET", "/v1/audit"] = entries
    running = processes.start([program("merlon"), "audit", "tail", "-ojson"], {"MERLON_SERVER": stub.address})
    running.wait_for_log('"seq":10')
    assert running.stop(signal.SIGINT) == OK
    assert [json.loads(line)["seq"] for line in running.log().splitlines()] == [7, 8, 9, 10]


# --- one entry

SALT = bytes(range(16))


def private_entry() -> tuple[str, dict]:
    """An entry with commitments, and what opens them."""
    opened = {"actor.id": "alice", "source": "192.0.2.7:50112"}
    entry = {**ENTRY, "actor": {"kind": "operator", "id": commitment(SALT, "actor.id", opened["actor.id"]),
                                "auth": "certificate:ab"},
             "source": commitment(SALT, "source", opened["source"]), "before": "11" * 32, "after": "22" * 32, "node": "iot1",
             "request": "r-1"}
    text = json.dumps(entry, separators=(",", ":"), sort_keys=True)
    return text, {name: {"salt": SALT.hex(), "value": value} for name, value in opened.items()}


@pytest.mark.parametrize("salted", [True, False])
def test_an_entry_is_shown_as_a_page_with_what_was_opened(stub, merlon, salted):
    text, opened = private_entry()
    if not salted:
        opened = {name: opening["value"] for name, opening in opened.items()}
    stub.answers["GET", "/v1/audit/entries/7"] = Answer({"seq": 7, "entry": text, "opened": opened, "covered_by": 9})
    done = merlon("audit", "show", "7")
    assert (done.returncode, done.stderr) == (OK, "")
    shown = dict(line.split(":", 1) for line in done.stdout.splitlines())
    shown = {name: value.strip() for name, value in shown.items()}
    assert shown == {"Number": "7", "Time": "2026-11-23 22:14:38", "Action": "device.added", "Outcome": "ok",
                     "Actor": "operator:alice", "Authenticated by": "certificate:ab", "Source": "192.0.2.7:50112",
                     "Target": "pump-7", "Node": "iot1", "Request": "r-1", "Record before": "11" * 32,
                     "Record after": "22" * 32, "Leaf hash": leaf_hash(text.encode()).hex(),
                     "Covered by": "the checkpoint of size 9"}
    assert merlon("audit", "show", "7", "--text").stdout == text + "\n"
    assert json.loads(merlon("audit", "show", "7", "-ojson").stdout)["entry"] == text


def test_an_erased_entry_shows_its_commitments(stub, merlon):
    text, _ = private_entry()
    stub.answers["GET", "/v1/audit/entries/7"] = Answer({"seq": 7, "entry": text, "opened": {}, "covered_by": 0})
    done = merlon("audit", "show", "7")
    assert "operator:sha256:" in done.stdout and "no checkpoint yet" in done.stdout


# The lines of docs/operate/audit.md, after `merlon audit key --pem > log.pem`.
WITH_NOTHING_OF_OURS = r"""
sed '/^$/,$d' checkpoint > text
sed -n 's/^— acme\/merlon-audit //p' checkpoint | base64 -d | tail -c +5 > signature
openssl pkeyutl -verify -rawin -pubin -inkey log.pem -in text -sigfile signature
"""


@pytest.mark.parametrize("good", [True, False])
def test_openssl_verifies_a_checkpoint(stub, merlon, workdir, good):
    log = Log.of(3)
    serve(stub, log)
    assert merlon("audit", "key", "--vkey").stdout == log.signer.vkey + "\n"
    (workdir / "log.pem").write_text(merlon("audit", "key", "--pem").stdout, encoding="ascii")
    note = log.checkpoint() if good else log.checkpoint().replace("\n3\n", "\n2\n")
    (workdir / "checkpoint").write_text(note, encoding="utf-8")
    assert WITH_NOTHING_OF_OURS.strip() in PAGE.replace("\n    ", "\n")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", WITH_NOTHING_OF_OURS], cwd=workdir, capture_output=True, text=True,
                          check=False)
    assert (done.returncode == 0) == good
    assert ("Signature Verified Successfully" in done.stdout) == good


# --- verifying the whole log

SIZES = [1, 2, 255, 256, 257, 300, 512, 700]


@pytest.mark.parametrize("size", SIZES)
def test_a_good_log_is_verified_here(stub, merlon, size):
    log = Log.of(size)
    serve(stub, log)
    done = merlon("audit", "verify", "-o", "json")
    assert (done.returncode, done.stderr) == (OK, "")
    result = json.loads(done.stdout)
    assert (result["verified"], result["entries"], result["first_entry"]) == (True, size, 1)
    assert (result["key"], result["key_from"], result["origin"]) == (log.signer.vkey, "server", log.signer.name)
    assert not any(r.method == "POST" for r in stub.requests)


def test_a_log_of_three_levels_is_verified_here(stub, merlon):
    log = Log.of(2)
    log.entries = [b"{}"] * (256 * 256 + 256 + 3)
    serve(stub, log)
    assert merlon("audit", "verify").returncode == OK
    serve(stub, log, **{tile_path(1, 0): bytes(32) + log.files()[tile_path(1, 0)][32:]})
    done = merlon("audit", "verify")
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: entries 1 to 256: not what the tiles stand for\n")
    assert tile_path(2, 0, 1) in log.files()
    serve(stub, log, **{tile_path(2, 0, 1): bytes(32)})
    assert merlon("audit", "verify").stderr == "merlon: entries 1 to 65536: not what the tiles stand for\n"


def test_an_empty_log_is_whole_and_one_without_checkpoint_is_not(stub, merlon):
    serve(stub, Log())
    assert merlon("audit", "verify").returncode == OK
    del stub.answers["GET", "/audit/checkpoint"]
    done = merlon("audit", "verify")
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: the log has no checkpoint\n")


def test_a_full_tile_stands_for_a_partial_one(stub, merlon):
    """The log grew since its checkpoint was fetched, and partial tiles are gone."""
    log = Log.of(300)
    old = {path: data for path, data in log.files().items() if path in ("checkpoint", tile_path(1, 0, 1))}
    log.entries += Log.of(600).entries[300:]
    serve(stub, log, **old)
    result = json.loads(merlon("audit", "verify", "-ojson").stdout)
    assert result["entries"] == 300


def test_the_pinned_key_decides(stub, merlon, workdir):
    log, other = Log.of(5), Signer("acme/merlon-audit")
    serve(stub, log)
    (workdir / "log.key").write_text(log.signer.vkey + "\n", encoding="ascii")
    for key in (log.signer.vkey, "log.key"):
        assert json.loads(merlon("audit", "verify", "--log-key", key, "-ojson").stdout)["key_from"] == "you"
    done = merlon("audit", "verify", "--log-key", other.vkey)
    assert (done.returncode, done.stdout) == (UNVERIFIED, "")
    assert done.stderr == "merlon: the checkpoint: the note is not signed by acme/merlon-audit with the key you know\n"


def test_what_the_server_cannot_read_any_more_is_named(stub, merlon):
    log = Log.of(600)
    for path, named in ((tile_path("entries", 1), "257 to 512"), (tile_path("entries", 2, 88), "513 to 600"),
                        (tile_path(0, 1), "257 to 512")):
        serve(stub, log)
        stub.answers["GET", f"/audit/{path}"] = problem(500, "corrupt", "")
        done = merlon("audit", "verify")
        assert (done.returncode, done.stderr) == (
            UNVERIFIED, f"merlon: entries {named}: damaged on the server, verify --server-side says where\n")
        stub.answers["GET", f"/audit/{path}"] = problem(500, "internal", "broken")  # says nothing about the log
        assert merlon("audit", "verify").returncode == 1


def test_a_pruned_log_verifies_and_says_where_it_begins(stub, merlon):
    log = Log.of(600)
    serve(stub, log, **{tile_path("entries", 0): None})
    assert json.loads(merlon("audit", "verify", "-ojson").stdout)["first_entry"] == 257
    serve(stub, log, **{tile_path("entries", 0): None, tile_path("entries", 1): None, tile_path("entries", 2, 88): None})
    assert json.loads(merlon("audit", "verify", "-ojson").stdout)["first_entry"] == 601
    serve(stub, log, **{tile_path("entries", 1): None})
    done = merlon("audit", "verify")
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: entries 257 to 512: missing\n")
    serve(stub, log, **{tile_path(0, 1): None})
    done = merlon("audit", "verify")
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: entries 257 to 512: no tile with their hashes\n")


def changed_entry(log: Log) -> dict[str, bytes]:
    good = log.files()
    change(log, 260)
    return {**good, tile_path("entries", 1): log.files()[tile_path("entries", 1)]}


def changed_entry_and_tile(log: Log) -> dict[str, bytes]:
    good = log.files()
    change(log, 260)
    bad = log.files()
    return {**good, **{path: bad[path] for path in (tile_path("entries", 1), tile_path(0, 1))}}


def rewritten(log: Log) -> dict[str, bytes]:
    """Everything but the signed checkpoint."""
    good = log.files()
    change(log, 260)
    return {**log.files(), "checkpoint": good["checkpoint"]}


def swapped(log: Log) -> dict[str, bytes]:
    good = log.files()
    log.entries[259], log.entries[260] = log.entries[260], log.entries[259]
    return {**good, tile_path("entries", 1): log.files()[tile_path("entries", 1)]}


def removed(log: Log) -> dict[str, bytes]:
    """An entry is taken out of its bundle, the following ones move up."""
    good = log.files()
    del log.entries[259]
    return {**good, tile_path("entries", 1): bundle(log.entries[256:512])}


def cut_bundle(log: Log) -> dict[str, bytes]:
    return {**log.files(), tile_path("entries", 1): log.files()[tile_path("entries", 1)][:-1]}


def cut_tile(log: Log) -> dict[str, bytes]:
    return {**log.files(), tile_path(0, 1): log.files()[tile_path(0, 1)][:-1]}


def signed_by_another(log: Log) -> dict[str, bytes]:
    change(log, 260)
    other = Log(log.entries, Signer(log.signer.name))
    return other.files()


def another_root(log: Log) -> dict[str, bytes]:
    text = log.checkpoint().replace("\n600\n", "\n599\n")
    return {**log.files(), "checkpoint": text.encode()}


TAMPERING = {
    "changed entry": (changed_entry, "entry 260: not what its tile was made of"),
    "changed entry and tile": (changed_entry_and_tile, "entries 257 to 512: not what the tiles stand for"),
    "rewritten": (rewritten, "entries 1 to 600: not what the log's key signed"),
    "swapped": (swapped, "entry 260: not what its tile was made of"),
    "removed": (removed, "entry 260: not what its tile was made of"),
    "cut bundle": (cut_bundle, "tile/entries/001 is cut short: it must hold 256 entries"),
    "cut tile": (cut_tile, "tile/0/001 is cut short: it must hold 256 hashes"),
    "signed by another": (signed_by_another, "the note is not signed by acme/merlon-audit"),
    "another root": (another_root, "the signature of acme/merlon-audit does not hold"),
}


@pytest.mark.parametrize("where", ["server", "folder"])
@pytest.mark.parametrize("how", TAMPERING)
def test_a_changed_log_is_found_out_and_its_place_named(stub, merlon, workdir, how, where):
    log = Log.of(600)
    tamper, sentence = TAMPERING[how]
    files = tamper(log)
    serve(stub, log)  # the key
    if where == "server":
        for path, data in files.items():
            stub.answers["GET", f"/audit/{path}"] = Answer(data, content_type="application/octet-stream")
        done = merlon("audit", "verify")
    else:
        for path, data in files.items():
            (workdir / "log" / path).parent.mkdir(parents=True, exist_ok=True)
            (workdir / "log" / path).write_bytes(data)
        done = merlon("audit", "verify", "--dir", "log", "--log-key", log.signer.vkey)
        assert stub.requests == []
    assert (done.returncode, done.stdout) == (UNVERIFIED, "")
    assert sentence in done.stderr


# --- what was kept elsewhere

def test_a_kept_checkpoint_finds_a_rollback_a_rewritten_log_and_a_split_view(stub, merlon, workdir):
    log = Log.of(300)
    (workdir / "kept").write_text(log.checkpoint(), encoding="utf-8")
    (workdir / "older").write_text(log.checkpoint(100), encoding="utf-8")
    log.entries += Log.of(400).entries[300:]
    serve(stub, log)
    done = merlon("audit", "verify", "--checkpoint", "kept", "--checkpoint", "older", "-ojson")
    assert json.loads(done.stdout)["kept"] == [100, 300]
    rolled_back = Log(log.entries[:299], log.signer)
    serve(stub, rolled_back)
    done = merlon("audit", "verify", "--checkpoint", "kept")
    assert (done.returncode, done.stderr) == (
        UNVERIFIED, "merlon: the log ends at entry 299, but the checkpoint in kept covers 300: it was cut or rolled back\n")
    other = Log(list(log.entries), log.signer)  # by its own key: only who kept something sees it
    change(other, 200)
    serve(stub, other)
    assert merlon("audit", "verify").returncode == OK
    done = merlon("audit", "verify", "--checkpoint", "kept", "--checkpoint", "older")
    assert done.returncode == UNVERIFIED
    assert "entries 101 to 300: not what the checkpoint in kept covers" in done.stderr


def test_a_kept_checkpoint_of_another_key_is_named(stub, merlon, workdir):
    log = Log.of(10)
    (workdir / "kept").write_text(log.checkpoint(), encoding="utf-8")
    replaced = Log(log.entries, Signer(log.signer.name))
    serve(stub, replaced)
    done = merlon("audit", "verify", "--checkpoint", "kept")
    assert (done.returncode, done.stderr) == (
        UNVERIFIED, "merlon: kept: the note is not signed by acme/merlon-audit with the key the server says\n")


def test_a_saved_checkpoint_is_demanded_the_next_time(stub, merlon, workdir):
    log = Log.of(300)
    serve(stub, log)
    assert merlon("audit", "verify", "--save-checkpoint", "kept").returncode == OK
    assert (workdir / "kept").read_text(encoding="utf-8") == log.checkpoint()
    log.entries += Log.of(310).entries[300:]
    serve(stub, log)
    done = merlon("audit", "verify", "--save-checkpoint", "kept", "-ojson")
    assert json.loads(done.stdout)["kept"] == [300]
    assert (workdir / "kept").read_text(encoding="utf-8") == log.checkpoint()
    change(log, 1)
    serve(stub, log)
    kept = (workdir / "kept").read_bytes()
    assert merlon("audit", "verify", "--save-checkpoint", "kept").returncode == UNVERIFIED
    assert (workdir / "kept").read_bytes() == kept
    assert sorted(p.name for p in workdir.iterdir()) == ["api.sock", "kept"]


def test_witnesses_must_have_cosigned(stub, merlon, workdir):
    first, second = Signer("w1.example", COSIGNATURE), Signer("w2.example", COSIGNATURE)
    log = Log.of(20)
    log.witnesses = [first]
    log.write(workdir / "log")
    base = ("audit", "verify", "--dir", "log", "--log-key", log.signer.vkey, "-ojson")
    assert json.loads(merlon(*base, "--witness", first.vkey).stdout)["witnesses"] == ["w1.example"]
    done = merlon(*base, "--witness", first.vkey, "--witness", second.vkey)
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: the checkpoint: not cosigned by w2.example\n")
    log.witnesses = [Signer("w1.example", COSIGNATURE, second.key)]  # another key under its name
    log.write(workdir / "log")
    assert "not cosigned by w1.example" in merlon(*base, "--witness", first.vkey).stderr
    note = (workdir / "log" / "checkpoint").read_text(encoding="utf-8")
    forged = note.rpartition("\n\n")[0] + "\n\n" + log.signer.line(note.rpartition("\n\n")[0] + "\n") + first.line("other\n", 1)
    (workdir / "log" / "checkpoint").write_text(forged, encoding="utf-8")
    assert "the cosignature of w1.example does not hold" in merlon(*base, "--witness", first.vkey).stderr
    for wrong in (log.signer.vkey, "none"):
        assert merlon(*base, "--witness", wrong).returncode == USAGE
    assert merlon("audit", "verify", "--dir", "log", "--log-key", first.vkey).returncode == USAGE


def test_a_real_witness_stands_for_one_history(stub, merlon, make_witness):
    """Two logs by one key: only the one that merlon-witness saw first has its cosignature."""
    log = Log.of(300)
    other = Log(list(log.entries), log.signer)
    change(other, 200)
    witness = make_witness([log.signer.vkey]).start()
    line = witness.ask(add_checkpoint(0, [], log.checkpoint()))
    assert line.status == 200
    serve(stub, log, checkpoint=(log.checkpoint() + line.body).encode())
    result = json.loads(merlon("audit", "verify", "--witness", witness.vkey, "-ojson").stdout)
    assert result["witnesses"] == [witness.name]
    assert witness.ask(add_checkpoint(300, [], other.checkpoint())).status == 409
    serve(stub, other, checkpoint=(other.checkpoint() + line.body).encode())
    done = merlon("audit", "verify", "--witness", witness.vkey)
    assert (done.returncode, done.stderr) == (
        UNVERIFIED, f"merlon: the checkpoint: the cosignature of {witness.name} does not hold\n")


def test_a_cosignature_that_comes_a_moment_later_is_awaited(stub, merlon):
    witness, log = Signer("w1.example", COSIGNATURE), Log.of(20)
    serve(stub, log)
    bare = Answer(log.checkpoint().encode(), content_type="text/plain")
    log.witnesses = [witness]
    stub.answers["GET", "/audit/checkpoint"] = [bare, bare, Answer(log.checkpoint().encode(), content_type="text/plain")]
    assert merlon("audit", "verify", "--witness", witness.vkey).returncode == OK


def test_the_server_may_say_itself_that_the_log_is_bad(stub, merlon):
    stub.answers["POST", "/v1/audit/verify"] = Answer({"verified": False, "first_bad_entry": 5, "why": "entry 5 is missing"})
    done = merlon("audit", "verify", "--server-side")
    assert done.returncode == UNVERIFIED
    assert "entry 5 is missing" in done.stdout


# --- export

def serve_export(stub: ApiStub, log: Log, rows_of_a_page: int = 4) -> list[dict]:
    rows = [{"seq": seq, "json": entry.decode()} for seq, entry in enumerate(log.entries, 1)]

    def export(request: Request) -> Answer:
        wanted = [row for row in rows if row["seq"] > int(request.query["after"])][:rows_of_a_page]
        return Answer("".join(json.dumps(row) + "\n" for row in wanted).encode(), content_type=NDJSON)

    stub.answers["GET", "/v1/audit/export"] = export
    return rows


def test_an_export_is_every_line_and_never_replaces_a_file(stub, merlon, workdir):
    rows = serve_export(stub, Log.of(10))
    assert merlon("audit", "export", "log.ndjson").returncode == OK
    lines = (workdir / "log.ndjson").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert merlon("audit", "export", "log.ndjson").returncode == REFUSED


@pytest.mark.parametrize("numbers", [(1, 2, 1, 2), (1, 3), (2, 1)])
def test_a_server_that_repeats_or_skips_entries_is_left(stub, merlon, numbers):
    body = "".join(json.dumps({"seq": n, "json": "{}"}) + "\n" for n in numbers).encode()
    stub.answers["GET", "/v1/audit/export"] = Answer(body, content_type=NDJSON)
    assert merlon("audit", "export", "-").returncode == UNVERIFIED
    assert len(stub.requests) == 1


def test_the_published_log_is_mirrored_and_only_what_is_new_is_fetched(stub, merlon, workdir):
    log = Log.of(300)
    serve(stub, log)
    done = merlon("audit", "export", "--tiles", "a/b", "-ojson")
    assert json.loads(done.stdout) == {"entries": 300, "first_entry": 1, "files": 5}
    mirror = workdir / "a" / "b"
    assert {str(p.relative_to(mirror)): p.read_bytes() for p in mirror.rglob("*") if p.is_file()} == log.files()
    assert verify_folder(mirror, log.signer.vkey).size == 300
    log.entries += Log.of(600).entries[300:]
    serve(stub, log)
    stub.requests.clear()
    assert json.loads(merlon("audit", "export", "--tiles", "a/b", "-ojson").stdout)["files"] == 5
    fetched = [r.path for r in stub.requests if r.path.startswith("/audit/tile/entries")]
    assert fetched == ["/audit/tile/entries/001", "/audit/tile/entries/002.p/88"]
    # full tiles took the place of partial ones; of the upper level the old partial one may stay
    assert {p for p in (str(f.relative_to(mirror)) for f in mirror.rglob("*") if f.is_file())
            if not p.startswith("tile/1/")} == {p for p in log.files() if not p.startswith("tile/1/")}
    assert merlon("audit", "verify", "--dir", "a/b", "--log-key", log.signer.vkey).returncode == OK
    (mirror / tile_path("entries", 0)).unlink()
    assert json.loads(merlon("audit", "export", "--tiles", "a/b", "-ojson").stdout)["files"] == 1
    assert verify_folder(mirror, log.signer.vkey).size == 600


def test_go_accepts_what_was_exported_and_refuses_a_changed_one(stub, merlon, workdir, tlogcheck):
    log = Log.of(600)
    serve(stub, log)
    (workdir / "older").write_text(log.checkpoint(300), encoding="utf-8")
    assert merlon("audit", "export", "--tiles", "m").returncode == OK
    assert tlogcheck(workdir / "m", log.signer.vkey, workdir / "older").stdout.startswith("600 entries")
    change(log, 260)
    (workdir / "m" / tile_path("entries", 1)).write_bytes(log.files()[tile_path("entries", 1)])
    assert "entry 259 is not the one in the tree" in tlogcheck(workdir / "m", log.signer.vkey).stderr  # counts from 0


def test_a_pruned_log_is_mirrored_from_where_it_begins(stub, merlon, workdir):
    log = Log.of(600)
    serve(stub, log, **{tile_path("entries", 0): None})
    assert json.loads(merlon("audit", "export", "--tiles", "m", "-ojson").stdout)["first_entry"] == 257
    done = merlon("audit", "verify", "--dir", "m", "--log-key", log.signer.vkey, "-ojson")
    assert json.loads(done.stdout)["first_entry"] == 257
    serve(stub, log, **{tile_path("entries", 1): None})
    done = merlon("audit", "export", "--tiles", "n")
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: tile/entries/001 is missing\n")
    assert not (workdir / "n" / "checkpoint").exists()


def test_a_mirror_is_never_overwritten_by_a_log_that_does_not_continue_it(stub, merlon, workdir):
    log = Log.of(300)
    serve(stub, log)
    assert merlon("audit", "export", "--tiles", "m").returncode == OK
    before = {p: p.read_bytes() for p in (workdir / "m").rglob("*") if p.is_file()}
    cut, changed, grown = Log(log.entries[:290], log.signer), Log(list(log.entries), log.signer), Log.of(400)
    change(changed, 3)
    grown.signer = log.signer
    change(grown, 3)
    replaced = Log(log.entries, Signer(log.signer.name))
    sentences = []
    for other in (cut, changed, grown, replaced):
        serve(stub, other)
        done = merlon("audit", "export", "--tiles", "m")
        assert done.returncode == UNVERIFIED
        sentences.append(done.stderr)
        assert {p: p.read_bytes() for p in (workdir / "m").rglob("*") if p.is_file()} == before
    assert "ends at entry 290, but m/checkpoint covers 300" in sentences[0]
    assert "entries 1 to 300 are not those of the exported checkpoint" in sentences[1]
    assert "entries 1 to 300 are not those of the exported checkpoint" in sentences[2]
    assert "m/checkpoint: the note is not signed by" in sentences[3]


# --- proofs of one entry

def serve_entry(stub: ApiStub, log: Log, seq: int, revealed: bytes = b"") -> None:
    text = log.entries[seq - 1].decode()
    serve(stub, log)
    stub.answers["GET", f"/v1/audit/entries/{seq}"] = Answer({"seq": seq, "entry": text, "opened": {}, "covered_by": len(log.entries)})
    stub.answers["GET", f"/v1/audit/entries/{seq}/proof"] = lambda r: Answer(
        log.proof(seq, revealed if r.query.get("reveal") == "1" else b"").encode(), content_type="text/plain")


@pytest.mark.parametrize("size, seq", [(1, 1), (2, 1), (2, 2), (7, 7), (300, 1), (300, 256), (300, 257), (300, 300)])
def test_a_proof_is_a_file_that_anybody_verifies_offline(stub, merlon, workdir, size, seq):
    log = Log.of(size)
    serve_entry(stub, log, seq)
    assert merlon("audit", "prove", str(seq), "p").returncode == OK
    (workdir / "entry").write_bytes(log.entries[seq - 1] + b"\n")
    assert verify_proof((workdir / "p").read_text(encoding="utf-8"), log.signer.vkey, log.entries[seq - 1])[0] == seq - 1
    stub.requests.clear()
    base = ("audit", "verify", "--proof", "p", "--log-key", log.signer.vkey, "-ojson")
    result = json.loads(merlon(*base, "--entry", "entry").stdout)
    assert (result["verified"], result["number"], result["entries"], result["entry"]["seq"]) == (True, seq, size, seq)
    assert merlon(*base).returncode == USAGE
    (workdir / "entry").write_bytes(log.entries[seq - 1].replace(b"added", b"shown"))
    done = merlon(*base, "--entry", "entry")
    assert (done.returncode, done.stdout) == (UNVERIFIED, "")
    assert f"entry {seq} of the log of size {size} is another" in done.stderr
    assert stub.requests == []
    assert merlon("audit", "prove", str(seq), "p").returncode == REFUSED  # never over a file


def test_a_revealing_proof_carries_the_entry_and_what_opens_it(stub, merlon, workdir):
    text, opened = private_entry()
    log = Log.of(10)
    log.entries[6] = text.encode()
    serve_entry(stub, log, 7, json.dumps({"entry": text, "opened": opened}).encode())
    assert merlon("audit", "prove", "7", "p", "--reveal").returncode == OK
    assert stat.S_IMODE((workdir / "p").stat().st_mode) == 0o600
    assert json.loads(extra_of((workdir / "p").read_text(encoding="utf-8")))["entry"] == text
    done = merlon("audit", "verify", "--proof", "p", "--log-key", log.signer.vkey, "-ojson")
    entry = json.loads(done.stdout)["entry"]
    assert (entry["actor"]["id"], entry["source"]) == ("alice", "192.0.2.7:50112")
    page_of_proof = merlon("audit", "verify", "--proof", "p", "--log-key", log.signer.vkey).stdout
    assert '"id":"alice"' in page_of_proof and "Entry number:" in page_of_proof
    opened["source"]["value"] = "192.0.2.8:1"
    (workdir / "q").write_text(log.proof(7, json.dumps({"entry": text, "opened": opened}).encode()), encoding="utf-8")
    done = merlon("audit", "verify", "--proof", "q", "--log-key", log.signer.vkey)
    assert (done.returncode, done.stderr) == (UNVERIFIED, "merlon: the value of source is not the one committed to\n")
    assert merlon("audit", "prove", "7", "-").stdout == log.proof(7)


def test_a_proof_that_does_not_hold_is_never_handed_out(stub, merlon, workdir):
    log = Log.of(10)
    wrong = {"of another entry": log.proof(6), "no proof": "c2sp.org/tlog-proof@v2\n", "short": "\n".join(
        line for n, line in enumerate(log.proof(7).split("\n")) if n != 2),
        "of another log": Log(log.entries, Signer("other")).proof(7), "not signed": log.proof(7).replace(
            "\N{EM DASH} acme/merlon-audit", "\N{EM DASH} acme/merlon-other")}
    for name, text in wrong.items():
        serve_entry(stub, log, 7)
        stub.answers["GET", "/v1/audit/entries/7/proof"] = Answer(text.encode(), content_type="text/plain")
        done = merlon("audit", "prove", "7", "p")
        assert (done.returncode, done.stdout) == (UNVERIFIED, ""), (name, done)
        assert not (workdir / "p").exists()


def test_the_second_implementation_speaks_the_published_formats():
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 112) == "tile/entries/005.p/112"
    assert read_bundle(bundle([b"", b"ab"])) == [b"", b"ab"]
    assert "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n" in Log().checkpoint()
