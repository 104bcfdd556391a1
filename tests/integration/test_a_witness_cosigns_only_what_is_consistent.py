# SPDX-License-Identifier: Apache-2.0
"""merlon-witness against a log of our own in Python: each answer of c2sp.org/tlog-witness, for its reason."""
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.ca import CertificateAuthority
from harness.merlon import run_program
from harness.tlog import Log, add_checkpoint, b64, cosignature_time, sha256, signature_line
from harness.witness import Answer, Witness, answer_of


@pytest.fixture
def log() -> Log:
    return Log("acme/merlon-audit").grow(40)


@pytest.fixture
def witness(make_witness: Callable[..., Witness], log: Log) -> Witness:
    return make_witness([log.vkey]).start()


def assert_cosigned(answer: Answer, witness: Witness, text: str) -> None:
    assert answer.status == 200, answer.body
    seen = cosignature_time(answer.body, witness.vkey, text)
    assert seen is not None and abs(seen - time.time()) < 60


def assert_conflict(answer: Answer, size: int) -> None:
    assert (answer.status, answer.content_type, answer.body) == (409, "text/x.tlog.size", f"{size}\n")


# --- 200

@pytest.mark.quick
def test_a_growing_log_is_cosigned_at_every_step(witness: Witness, log: Log) -> None:
    old = 0
    for size in [0, 1, 2, 7, 8, 31, 40]:
        assert_cosigned(witness.ask(log.add_checkpoint(old, size)), witness, log.text(size))
        old = size


def test_the_same_checkpoint_is_cosigned_again(witness: Witness, log: Log) -> None:
    witness.ask(log.add_checkpoint(0, 7))
    assert_cosigned(witness.ask(log.add_checkpoint(7, 7)), witness, log.text(7))


def test_extension_lines_and_foreign_signatures_are_covered_and_passed_over(witness: Witness, log: Log) -> None:
    text = log.text(7) + "an extension\n"
    note = log.sign(text) + signature_line("other.example", b"\1\2\3\4", bytes(2428))
    assert_cosigned(witness.ask(add_checkpoint(0, [], note)), witness, text)


def test_many_requests_use_one_connection(witness: Witness, log: Log) -> None:
    connection = witness.connection()
    for size in range(1, 30):
        body = log.add_checkpoint(size - 1, size).encode()
        assert answer_of(connection, "POST", "/add-checkpoint", body).status == 200
    connection.close()


def test_it_speaks_https(make_witness: Callable[..., Witness], test_ca: CertificateAuthority, log: Log) -> None:
    witness = make_witness([log.vkey], ca=test_ca).start()
    assert_cosigned(witness.ask(log.add_checkpoint(0)), witness, log.text())


def test_a_log_may_have_two_keys_while_it_changes_them(make_witness: Callable[..., Witness], log: Log) -> None:
    successor = Log(log.origin, log.entries)
    witness = make_witness([log.vkey, successor.vkey]).start()
    assert_cosigned(witness.ask(log.add_checkpoint(0, 7)), witness, log.text(7))
    assert_cosigned(witness.ask(successor.add_checkpoint(7, 20)), witness, log.text(20))


def test_logs_do_not_touch_each_other(make_witness: Callable[..., Witness], log: Log) -> None:
    other = Log("other/merlon-audit").grow(9)
    witness = make_witness([log.vkey, other.vkey]).start()
    assert_cosigned(witness.ask(log.add_checkpoint(0, 7)), witness, log.text(7))
    assert_cosigned(witness.ask(other.add_checkpoint(0, 3)), witness, other.text(3))
    assert_conflict(witness.ask(log.add_checkpoint(3, 9)), 7)
    assert_conflict(witness.ask(other.add_checkpoint(7, 9)), 3)


# --- 400

def test_what_is_no_request_is_a_400(witness: Witness, log: Log) -> None:
    good = log.add_checkpoint(0, 7)
    assert witness.ask(good).status == 200
    note, hashes = log.checkpoint(9), [b64(h) for h in log.proof(7, 9)]
    lines = "".join(h + "\n" for h in hashes)
    bad = [
        "", "\n", "old", "old 7", "old 7\n", f"old 7\n{lines}", f"old 7\n{lines}\n", f"{lines}\n{note}",
        f"old 07\n{lines}\n{note}", f"old -7\n{lines}\n{note}", f"old 7 \n{lines}\n{note}", f"old\t7\n{lines}\n{note}",
        f"OLD 7\n{lines}\n{note}", f"old 9223372036854775808\n{lines}\n{note}", f"old 7\r\n{lines}\n{note}",
        f"old 7\n{lines}{note}", f"old 7\n{hashes[0][:-2]}\n\n{note}", f"old 7\n{hashes[0]} \n\n{note}",
        add_checkpoint(7, [bytes(32)] * 64, note),
        f"old 7\n{lines}\n{note[:-1]}", f"old 7\n{lines}\n{note}\n", f"old 7\n{lines}\n{log.text(9)}",
        f"old 7\n{lines}\n{log.text(9)}\n", f"old 7\n{lines}\n" + note.replace("\N{EM DASH}", "-"),
        f"old 7\n{lines}\n" + log.sign("acme/merlon-audit\n09\n" + b64(bytes(32)) + "\n"),
        f"old 7\n{lines}\n" + log.sign("acme/merlon-audit\nnine\n" + b64(bytes(32)) + "\n"),
        f"old 7\n{lines}\n" + log.sign("acme/merlon-audit\n9\n" + b64(bytes(31)) + "\n"),
        f"old 7\n{lines}\n" + log.sign("acme/merlon-audit\n9\n"),
    ]
    for body in bad:
        answer = witness.ask(body)
        assert answer.status == 400, body
        assert answer.body.strip()
    assert witness.ask(f"old 7\n{lines}\n".encode() + b"\xff" + note.encode()).status == 400
    assert witness.ask(log.add_checkpoint(7, 9)).status == 200


def test_an_old_size_above_the_checkpoint_is_a_400(witness: Witness, log: Log) -> None:
    witness.ask(log.add_checkpoint(0, 9))
    assert witness.ask(add_checkpoint(9, [], log.checkpoint(7))).status == 400
    assert witness.ask(add_checkpoint(10, [], log.checkpoint(7))).status == 400


# --- 403, 404

def test_a_log_that_is_not_configured_is_a_404(witness: Witness) -> None:
    stranger = Log("stranger/merlon-audit").grow(3)
    assert witness.ask(stranger.add_checkpoint(0)).status == 404


def test_another_signature_is_a_403(witness: Witness, log: Log) -> None:
    impostor = Log(log.origin, log.entries)
    assert witness.ask(impostor.add_checkpoint(0, 7)).status == 403
    other = Log("other/merlon-audit", log.entries, log.key)
    note = log.text(7) + "\n" + other.checkpoint(7).split("\n\n")[1]
    assert witness.ask(add_checkpoint(0, [], note)).status == 403
    assert witness.ask(log.add_checkpoint(0, 7)).status == 200


def test_a_text_that_was_changed_under_the_signature_is_a_403(witness: Witness, log: Log) -> None:
    note = log.checkpoint(7).replace("\n7\n", "\n8\n")
    assert witness.ask(add_checkpoint(0, [], note)).status == 403


# --- 409

def test_another_old_size_is_a_409_with_the_right_one(witness: Witness, log: Log) -> None:
    assert_conflict(witness.ask(log.add_checkpoint(7, 9)), 0)
    assert witness.ask(log.add_checkpoint(0, 9)).status == 200
    for old in [0, 1, 8, 10]:
        assert_conflict(witness.ask(log.add_checkpoint(old, 20)), 9)
    assert_conflict(witness.ask(log.add_checkpoint(7, 9)), 9)
    assert_conflict(witness.ask(log.add_checkpoint(0, 7)), 9)


def test_another_root_of_the_same_size_is_a_409(witness: Witness, log: Log) -> None:
    assert witness.ask(log.add_checkpoint(0, 9)).status == 200
    fork = Log(log.origin, log.entries[:5], log.key).grow(9, "another")
    assert_conflict(witness.ask(fork.add_checkpoint(9, 9)), 9)
    witness.process.wait_for_log("witness.fork")
    assert_cosigned(witness.ask(log.add_checkpoint(9, 9)), witness, log.text(9))


def test_an_empty_log_has_one_root(witness: Witness, log: Log) -> None:
    note = log.sign(f"{log.origin}\n0\n{b64(sha256(b'something'))}\n")
    assert_conflict(witness.ask(add_checkpoint(0, [], note)), 0)


# --- 422

def test_a_proof_that_does_not_hold_is_a_422(witness: Witness, log: Log) -> None:
    assert witness.ask(log.add_checkpoint(0, 9)).status == 200
    proof = log.proof(9, 31)
    changed = [bytes([proof[0][0] ^ 1]) + proof[0][1:]] + proof[1:]
    for bad in [[], proof[:-1], proof[1:], proof + [bytes(32)], [bytes(32)] + proof, changed, proof[::-1]]:
        assert witness.ask(add_checkpoint(9, bad, log.checkpoint(31))).status == 422
    fork = Log(log.origin, log.entries[:5], log.key).grow(31, "another")
    assert witness.ask(fork.add_checkpoint(9)).status == 422
    assert witness.ask(log.add_checkpoint(9, 31)).status == 200


def test_a_proof_where_none_belongs_is_a_422(witness: Witness, log: Log) -> None:
    assert witness.ask(add_checkpoint(0, [bytes(32)], log.checkpoint(9))).status == 422
    assert witness.ask(log.add_checkpoint(0, 9)).status == 200
    assert witness.ask(add_checkpoint(9, [bytes(32)], log.checkpoint(9))).status == 422


# --- the door

def test_the_door_has_one_path_and_one_method(witness: Witness, log: Log) -> None:
    body = log.add_checkpoint(0, 7)
    assert witness.ask(body, path="/").status == 404
    assert witness.ask(body, path="/add-checkpoint/").status == 404
    answer = witness.ask(body, method="PUT")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_a_body_has_32_kib_at_most(witness: Witness, log: Log) -> None:
    body = log.add_checkpoint(0, 7)
    assert witness.ask(body + "x" * (32 * 1024 - len(body.encode()))).status == 400
    assert witness.ask(body + "x" * (32 * 1024 - len(body.encode()) + 1)).status == 413


def test_who_asks_too_often_waits(make_witness: Callable[..., Witness], log: Log) -> None:
    witness = make_witness([log.vkey], settings={"rate": 1}).start()
    connection = witness.connection()
    answers = [answer_of(connection, "GET", "/", None) for _ in range(60)]
    connection.close()
    assert [a.status for a in answers[:10]] == [404] * 10
    assert 429 in [a.status for a in answers]
    assert next(a for a in answers if a.status == 429).headers["Retry-After"] == "1"


# --- key and folder

def test_the_key_is_made_once_and_closed_to_others(make_witness: Callable[..., Witness], log: Log) -> None:
    witness = make_witness([log.vkey])
    key = witness.state / "witness.key"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(witness.state.stat().st_mode) == 0o700
    again = run_program("merlon-witness", "init", "--config", witness.config)
    assert again.code == 1 and "never replaced" in again.err
    assert key.read_bytes() == before
    assert run_program("merlon-witness", "vkey", "--config", witness.config).out.strip() == witness.vkey
    key.chmod(0o640)
    opened = run_program("merlon-witness", "run", "--config", witness.config)
    assert opened.code == 1 and "open to group or others" in opened.err


def test_two_witnesses_never_share_a_state(witness: Witness) -> None:
    second = run_program("merlon-witness", "run", "--config", witness.config)
    assert second.code == 1 and "in use by another merlon-witness" in second.err


def test_plain_http_on_a_port_is_refused(make_witness: Callable[..., Witness], log: Log) -> None:
    witness = make_witness([log.vkey], settings={"listen": "127.0.0.1:7380"})
    done = run_program("merlon-witness", "run", "--config", witness.config)
    assert done.code == 1 and "HTTPS needs certificate and key" in done.err


def test_a_state_that_does_not_read_stops_the_start(witness: Witness, log: Log) -> None:
    witness.ask(log.add_checkpoint(0, 7))
    witness.stop()
    state = next(witness.state.glob("*.checkpoint"))
    for bad in ["", log.text(7)[:-3], log.text(7).replace("acme", "evil")]:
        state.write_text(bad, encoding="utf-8")
        done = run_program("merlon-witness", "run", "--config", witness.config)
        assert done.code == 1 and "is not a checkpoint of acme/merlon-audit" in done.err
    state.write_text(log.text(7), encoding="utf-8")
    witness.start()
    assert_cosigned(witness.ask(log.add_checkpoint(7, 9)), witness, log.text(9))


def test_no_debugger_and_no_core_dump_gets_at_the_key(witness: Witness) -> None:
    status = Path(f"/proc/{witness.process.pid}/status").read_text(encoding="ascii")
    assert "NoNewPrivs:\t1" in status
    assert os.stat(f"/proc/{witness.process.pid}/mem").st_uid == 0  # a process that is not dumpable belongs to root
    limits = Path(f"/proc/{witness.process.pid}/limits").read_text(encoding="ascii")
    assert "Max core file size        0                    0 " in limits
