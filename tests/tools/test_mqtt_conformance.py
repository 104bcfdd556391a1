# SPDX-License-Identifier: Apache-2.0
"""tools/mqtt-conformance finds what it is there to find, and the byte language of the cases means what its README says."""
import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "conformance"))

import cases  # noqa: E402
import strict  # noqa: E402


def load_tool():
    loader = importlib.machinery.SourceFileLoader("mqtt_conformance", str(ROOT / "tools" / "mqtt-conformance"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


tool = load_tool()


UNKNOWN = ["9.9-9", "9.9.9-9"]


def statement(**changes):
    given = {"version": "5.0", "id": "3.1.0-1", "who": "client", "demand": "x", "where": ["mqtt.c:check_header"], "tests": [],
             "reason": "", **changes}
    return tool.Statement(**given)


def test_everything_is_covered_and_the_page_is_up_to_date():
    done = subprocess.run([ROOT / "tools" / "mqtt-conformance"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    counts, reasons = done.stdout.splitlines()[:2], done.stdout.splitlines()[2:]
    assert sum(int(line.rpartition("tests, ")[2].split()[0]) for line in counts) == len(reasons)  # each is named


@pytest.mark.parametrize(("changes", "found"), [
    ({}, "neither a test nor a reason"),
    ({"reason": "because"}, ""),
    ({"strict": True}, ""),
    ({"cases": ["a.case: b"]}, ""),
    ({"reason": "because", "where": ["mqtt.c:no_such_function"]}, "has no no_such_function"),
    ({"reason": "because", "where": ["no_such_file.c:*"]}, "0 files end with no_such_file.c"),
    ({"reason": "because", "where": ["client.c:*"]}, "files end with client.c"),
    ({"tests": ["wire/mqtt:a_packet_type_has_its_direction"]}, ""),
    ({"tests": ["wire/mqtt:no_such_case"]}, "has no no_such_case"),
    ({"tests": ["wire/no_such:*"]}, "there is no tests/unit/wire/test_no_such.c"),
    ({"tests": ["integration/test_metrics_for_prometheus:*"]}, ""),
    ({"tests": ["integration/test_metrics_for_prometheus:test_nothing"]}, "has no test_nothing"),
    ({"reason": "because", "who": "nobody"}, "who, what or where"),
])
def test_what_is_wrong_is_named(monkeypatch, changes, found):
    monkeypatch.setattr(tool, "COUNT", {"5.0": 1})
    monkeypatch.setattr(tool, "wrong_citations", lambda *_: [])
    named = tool.problems({"5.0": {"3.1.0-1": statement(**changes)}}, tool.Sources())
    assert (found in "\n".join(named)) if found else named == []


def test_a_statement_that_does_not_exist_may_not_be_cited():
    class OneFile:
        files = ["lib/wire/x.c"]

        @staticmethod
        def text(_name):
            return f"/* [MQTT-3.1.0-1] MQTT 5.0 3.1.0-1, 3.1; [MQTT-{UNKNOWN[0]}] MQTT 3.1.1 {UNKNOWN[1]} */"

    assert tool.wrong_citations({"5.0": {"3.1.0-1": statement()}}, OneFile()) == \
        [f"lib/wire/x.c cites {cited}, which does not exist" for cited in UNKNOWN]


@pytest.mark.parametrize(("text", "version", "data"), [
    ('PINGREQ: ; PUBREL.f0: 0001', "5.0", "c000 60020001"),
    ('PUBLISH.q2.dup.retain: s"t" 0001 P[ TopicAlias 0003 ] "hi"', "5.0", "3d0b 000174 0001 03 230003 6869"),
    ('PUBLISH.q2.dup.retain: s"t" 0001 P[ TopicAlias 0003 ] "hi"', "3.1.1", "3d07 000174 0001 6869"),
    (r's"\xff\"{t}" (00*3) [ "x"*128 ]', "5.0", "0004 ff22 632f 0003 000000 8001" + "78" * 128),
    ("5:aa 3:bb", "3.1.1", "bb"),
])
def test_bytes_are_written(text, version, data):
    assert cases.Writer(version, {"t": "c/"}).bytes(text) == bytes.fromhex(data)


@pytest.mark.parametrize("text", ["0", "[ 00", '"x', "NoSuchProperty", "NOSUCH:", "]", "*"])
def test_what_is_no_byte_is_refused(text):
    with pytest.raises((cases.Wrong, KeyError)):
        cases.Writer("5.0", {}).bytes(text)


@pytest.mark.parametrize(("pattern", "first", "body", "fits"), [
    ("PUBACK: 0001 R00", 0x40, "0001", True), ("PUBACK: 0001 R10", 0x40, "0001", False), ("PUBACK: 0001 R10", 0x40, "000110", True),
    ("PUBACK: 0001 R00", 0x50, "0001", False), ("PINGRESP:", 0xD0, "00", False), ("SUBACK: * ", 0x90, "aabb", True),
    ('PUBLISH: s"t" P{ TopicAlias 0003, !ContentType } ..', 0x30, "000174 03 230003 78", True),
    ('PUBLISH: s"t" P{ !TopicAlias } ..', 0x30, "000174 03 230003 78", False),
    ('PUBLISH: s"t" P{ TopicAlias 0004 } ..', 0x30, "000174 03 230003 78", False),
    ('PUBLISH: s"t" P{ ContentType } *', 0x30, "000174 03 230003 78", False),
    ('PUBLISH: s"t" P[ TopicAlias 00 <x:1> ] ..', 0x30, "000174 03 230003 78", True),
    ('PUBLISH: s"t" P[] ..', 0x30, "000174 03 230003 78", False), ("PUBLISH: <x:4>", 0x30, "0001", False),
])
def test_patterns_fit_or_not(pattern, first, body, fits):
    matcher = cases.Matcher("5.0", {}, {})
    if fits:
        matcher.match(pattern, first, bytes.fromhex(body))
    else:
        with pytest.raises(cases.Differs):
            matcher.match(pattern, first, bytes.fromhex(body))


@pytest.mark.parametrize("text", ["A hello", "=== no version\nA hello", "=== no steps\nMQTT 5.0: -"])
def test_a_case_has_a_name_a_version_and_steps(text):
    with pytest.raises(cases.Wrong):
        cases.parse(text, "x.case")


@pytest.mark.parametrize(("version", "packets", "what"), [
    ("5.0", [("20", "000000")], ""), ("5.0", [("20", "0000 03 210000")], "ReceiveMaximum is 0"),
    ("5.0", [("20", "000000"), ("20", "000000")], "second CONNACK"), ("5.0", [("d0", "")], "before CONNACK"),
    ("5.0", [("20", "018700")], "session present"), ("5.0", [("20", "000100")], "CONNACK code"),
    ("5.0", [("20", "000000"), ("60", "0001")], "flags"), ("5.0", [("20", "000000"), ("82", "0001")], "packet type"),
    ("5.0", [("20", "000000"), ("e0", "8100"), ("d0", "")], "after the last"), ("3.1.1", [("20", "0000"), ("e0", "")], "3.1.1"),
    ("5.0", [("20", "000000"), ("30", "0001ff 00")], "UTF-8"), ("5.0", [("20", "000000"), ("30", "000123 00")], "no topic name"),
    ("5.0", [("20", "000000"), ("38", "000174 00")], "DUP"), ("5.0", [("20", "000000"), ("32", "000174 0000 00")], "identifier 0"),
    ("5.0", [("20", "000000"), ("30", "000174 03 230001")], "alias 1 of 0"),
    ("5.0", [("20", "000000"), ("30", "000174 05 1100000001")], "SessionExpiry in PUBLISH"),
    ("5.0", [("20", "000000"), ("30", "000174 04 01000101")], "PayloadFormat twice"),
    ("5.0", [("20", "000000"), ("40", "000192")], "PUBACK code"), ("3.1.1", [("20", "0000"), ("40", "000100")], "more than"),
    ("5.0", [("20", "000000"), ("f0", "18 00")], "named no method"), ("3.1.1", [("20", "0000"), ("90", "000187")], "SUBACK codes"),
])
def test_what_no_server_may_send_is_seen(version, packets, what):
    session = strict.Session(version)

    def read():
        for first, body in packets:
            data = bytes.fromhex(body)
            session.check(int(first, 16), cases.varint(len(data)), data)

    if not what:
        read()
        return
    with pytest.raises(cases.Differs, match=what):
        read()
