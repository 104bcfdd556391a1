# SPDX-License-Identifier: Apache-2.0
"""`merlon device import`: lists that other programs wrote come in batch by batch, every error is told with its line, and a list
that was cut off goes on where it ended."""
import csv
import json
import os
import pty
import random
import sqlite3
import subprocess
import time

import pytest
from harness.process import program
from harness.waiting import wait_until

OK, REFUSED = 0, 1
MANY = 100000


@pytest.fixture
def merlon(start_merlon):
    return start_merlon()


def run(merlon, *arguments, text: str | None = None, timeout_s: float = 120) -> subprocess.CompletedProcess:
    return subprocess.run([program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "device", "import", *map(str, arguments)],
                          input=text, capture_output=True, text=True, timeout=timeout_s, check=False)


def counts(done: subprocess.CompletedProcess) -> tuple[int, int, int, int]:
    found = json.loads(done.stdout)
    return found["added"], found["unchanged"], found["refused"], found["held_back"]


def stored(merlon) -> int:
    with sqlite3.connect(f"file:{merlon.database}?mode=ro", uri=True) as store:
        return store.execute("SELECT COUNT(*) FROM devices").fetchone()[0]


def write_csv(path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, ["id", "group", "note", "attr.site"])
        writer.writeheader()
        writer.writerows(rows)


def simple(count: int, first: int = 0) -> list[dict[str, str]]:
    return [{"id": f"pump-{i}", "group": "pumps", "attr.site": f"site-{i % 7}"} for i in range(first, first + count)]


def test_what_pythons_csv_module_writes_is_read(merlon, workdir):
    note = 'by the "door", left; für alle'
    write_csv(workdir / "list.csv", [*simple(700), {"id": "press-1", "note": note}])
    done = run(merlon, "-o", "json", workdir / "list.csv")
    assert (done.returncode, done.stderr) == (OK, "")
    assert counts(done) == (701, 0, 0, 0)
    assert merlon.api.get("/v1/devices/press-1")["note"] == note
    shown = merlon.api.get("/v1/devices/pump-699")
    assert (shown["state"], shown["group"], shown["attributes"]) == ("expected", "pumps", {"site": "site-6"})
    assert [entry["target"] for entry in merlon.audit(action="device.added", target="pump-699")] == ["pump-699"]
    assert merlon.cli("audit", "verify").code == OK


@pytest.mark.parametrize("lines", [False, True], ids=["array", "ndjson"])
def test_what_pythons_json_module_writes_is_read(merlon, lines):
    rows = [{"id": f"pump-{i}", "note": "{[\"}\\", "attributes": {"site": "ä"}} for i in range(600)]
    text = "".join(json.dumps(row) + "\n" for row in rows) if lines else json.dumps(rows, indent=1)
    assert counts(run(merlon, "-o", "json", "-", text=text)) == (600, 0, 0, 0)
    shown = merlon.api.get("/v1/devices/pump-599")
    assert (shown["note"], shown["attributes"]) == ("{[\"}\\", {"site": "ä"})


def test_an_imported_device_enrols(merlon):
    assert run(merlon, "-", text="id,group\npump-1,pumps\n").returncode == OK
    merlon.enrol("pump-1", merlon.token("pump-1"))
    assert merlon.api.get("/v1/devices/pump-1")["state"] == "active"
    assert counts(run(merlon, "-o", "json", "-", text="id,group\npump-1,pumps\n")) == (0, 1, 0, 0)


def test_errors_are_told_by_line_and_hold_back_their_batch_only(merlon):
    merlon.add_device("known", "other")
    text = "id,group,attr.site\n" + "a1,g,\na2,g,\na3,g,\n" + 'b1,g,\n"b/2",g,\nb3,g\n' + "known,g,\nc2,g,x/y\n\"c\n3\",g,\n" + "d1,g,\nd1,h,\nd3,g,\n" + "e1,g,\n"
    done = run(merlon, "--batch", 3, "-", text=text)
    assert done.returncode == REFUSED
    assert "6 rows are refused" in done.stderr
    told = {line.split(":")[0]: line for line in done.stdout.splitlines() if line.startswith("line ")}
    assert set(told) == {"line 6", "line 7", "line 8", "line 9", "line 10", "line 13"}
    assert "number of fields" in told["line 7"] and "another group" in told["line 8"] and "another group" in told["line 13"]
    assert [item["id"] for item in merlon.api.get("/v1/devices")["items"]] == ["a1", "a2", "a3", "e1", "known"]
    done = run(merlon, "-o", "json", "--batch", 3, "-", text=text)
    assert counts(done) == (0, 4, 6, 3)
    assert [error["line"] for error in json.loads(done.stdout)["errors"]] == [7, 6, 8, 9, 10, 13]


@pytest.mark.parametrize("text, sentence", [
    ("id\na\n\"b\nc\n", "line 3: a quote is never closed"),
    ("id\na\nb\"\n", "line 3: a quote inside a field that is not quoted"),
    ("", "there is no column \"id\""),
    ("name\na\n", "column \"name\""),
    ("id,id\na,a\n", "column \"id\" stands twice"),
    ("[{\"id\":\"a\"}{\"id\":\"b\"}]", "line 1: a comma or \"]\" is missing here"),
], ids=["unclosed", "quote", "empty", "column", "twice", "comma"])
def test_what_cannot_be_read_is_told(merlon, text, sentence):
    done = run(merlon, "-", text=text)
    assert done.returncode == REFUSED
    assert sentence in done.stderr
    assert stored(merlon) == 0


def test_batches_before_what_cannot_be_read_stay(merlon):
    done = run(merlon, "-o", "json", "--batch", 2, "-", text='id\na\nb\nc\n"d')
    assert done.returncode == REFUSED
    assert counts(done) == (2, 0, 0, 1)


def test_long_rows_are_sent_in_smaller_batches(merlon, workdir):
    """A request has at most 64 KiB."""
    write_csv(workdir / "list.csv", [{**row, "note": 'ä"' * 85} for row in simple(1000)])
    assert counts(run(merlon, "-o", "json", "--batch", 1000, workdir / "list.csv")) == (1000, 0, 0, 0)


def test_a_thousand_rows_are_a_batch_and_not_one_more(merlon):
    text = "id\n" + "".join(f"d{i}\n" for i in range(1000))
    assert counts(run(merlon, "-o", "json", "--batch", 1000, "-", text=text)) == (1000, 0, 0, 0)
    assert merlon.audit(action="device.added", target="d999")[0]["details"] == {"batch": 1000}
    assert run(merlon, "--batch", 1001, "-", text=text).returncode == 2


def test_a_thousand_errors_are_enough(merlon):
    done = run(merlon, "-", text="id\n" + "a/b\n" * 2000)
    assert done.returncode == REFUSED
    assert done.stdout.count("line ") == 1000 and "1000 errors are enough" in done.stderr


def test_a_dry_run_adds_nothing(merlon):
    assert counts(run(merlon, "-o", "json", "--dry-run", "-", text="id\na\nb\n")) == (2, 0, 0, 0)
    assert stored(merlon) == 0


def test_a_hundred_thousand_come_in_and_progress_is_shown(merlon, workdir):
    write_csv(workdir / "list.csv", simple(MANY))
    terminal, other_end = pty.openpty()
    command = [program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "-o", "json", "device", "import", workdir / "list.csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other_end) as client:
        os.close(other_end)
        out = client.stdout.read()
    drawn = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert client.returncode == OK
    assert json.loads(out)["added"] == MANY == stored(merlon)
    assert "bytes read" in drawn
    assert merlon.cli("audit", "verify").code == OK
    merlon.restart()
    assert merlon.api.get("/v1/status")["devices"]["expected"] == MANY


def test_an_import_cut_by_kill_9_goes_on(merlon, workdir):
    """A list of thousands, the daemon killed at some moment, again and again."""
    seed = random.SystemRandom().randint(0, 1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    write_csv(workdir / "list.csv", simple(20000))
    command = [program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "-o", "json", "device", "import", workdir / "list.csv"]
    for _ in range(5):
        before = stored(merlon)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            wait_until(lambda before=before: stored(merlon) > before or client.poll() is not None, "the first batches")
            time.sleep(chance.random() * 0.05)
            merlon.kill()
            told = json.loads(client.stdout.read())
        merlon.start()
        assert stored(merlon) % 500 == 0
        assert stored(merlon) >= told["added"] + told["unchanged"]
    assert sum(counts(run(merlon, "-o", "json", workdir / "list.csv"))[:2]) == 20000
    assert stored(merlon) == 20000
    with sqlite3.connect(f"file:{merlon.database}?mode=ro", uri=True) as store:
        entries = [json.loads(text) for text, in store.execute("SELECT json FROM audit_entries WHERE json LIKE '%device.added%'")]
    targets = [entry["target"] for entry in entries if entry["action"] == "device.added"]
    assert len(targets) == len(set(targets)) == 20000
    assert merlon.cli("audit", "verify").code == OK
