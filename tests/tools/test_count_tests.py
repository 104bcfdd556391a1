# SPDX-License-Identifier: Apache-2.0
"""tools/count-tests counts what ran: a crash, a timeout and a failed case are never lost."""
import json
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "count-tests"


def count(path: Path) -> str:
    return subprocess.run([TOOL, path], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("result", "stdout", "counts"), [
    ("OK", "1..2\nok 1 - a\nok 2 - b\n", "2 0"),
    ("OK", "", "1 0"),
    ("OK", "1..2\nok 1 - a\nok 2 - b # SKIP no TPM\n", "1 0"),
    ("FAIL", "1..2\nok 1 - a\nnot ok 2 - b\n", "1 1"),
    ("ERROR", "1..2\nok 1 - a\n", "1 1"),
    ("TIMEOUT", "", "0 1"),
    ("SKIP", "1..0 # SKIP no TPM\n", "0 0"),
    ("SKIP", "", "0 1"),
    ("UNEXPECTEDPASS", "", "0 1"),
])
def test_a_meson_test(tmp_path, result, stdout, counts):
    log = tmp_path / "testlog.json"
    log.write_text(json.dumps({"name": "x", "result": result, "stdout": stdout}) + "\n", encoding="utf-8")
    assert count(log) == counts


def test_meson_tests_add_up(tmp_path):
    log = tmp_path / "testlog.json"
    lines = [{"result": "OK", "stdout": "ok 1 - a\n"}, {"result": "FAIL", "stdout": "not ok 1 - b\nnot ok 2 - c\n"}]
    log.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert count(log) == "1 2"


def test_junit(tmp_path):
    report = tmp_path / "pytest.xml"
    report.write_text('<testsuites><testsuite tests="9" failures="2" errors="1" skipped="3"/></testsuites>', encoding="utf-8")
    assert count(report) == "3 3"
