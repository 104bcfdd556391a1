# SPDX-License-Identifier: Apache-2.0
"""The command line `merlon` against a stub of the management API: what it asks, what it prints, how it ends."""
import hashlib
import json
import os
import pty
import re
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.api_stub import Answer, ApiStub, Request, page, problem
from harness.ca import CertificateAuthority, openssl
from harness.process import Processes, program
from harness.waiting import DEADLINE_S

OK, REFUSED, USAGE, UNREACHABLE, DENIED, UNVERIFIED = range(6)
NDJSON = "application/x-ndjson"
Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def merlon(stub_cli: Run) -> Run:
    return stub_cli


DEVICE = {"id": "pump-7", "state": "active", "group": "pumps", "created": "2026-11-23T22:14:38.123Z",
          "changed": "2026-11-23T22:15:00.000Z",
          "credentials": [{"fingerprint": "ab" * 32, "state": "active", "not_before": "2026-11-23T00:00:00.000Z",
                           "not_after": "2027-05-22T00:00:00.000Z"}]}
QUOTA = {"target": "device:pump-7", "given": {"messages": 10}, "holds": {"messages": 10, "in_flight": 100}}
ACCOUNT = {"id": "grafana", "state": "active", "roles": ["viewer"], "created": "2026-11-23T22:14:38.123Z",
           "credentials": []}
ROLE = {"name": "reader", "built_in": False, "rules": [{"filter": "a/#", "publish": False, "subscribe": True}],
        "assigned_to": ["device:pump-7"]}
ENTRY = {"seq": 7, "time": 1795472078123, "action": "device.added", "outcome": "ok", "v": 1,
         "actor": {"kind": "operator", "id": "alice"}, "target": "pump-7"}
CAS = {"bundle": "ab" * 32, "items": [{"kind": "root", "number": 1, "state": "active", "has_key": True, "name": "Merlon Root CA",
                                       "fingerprint": "cd" * 32, "not_after": "2046-11-23T00:00:00.000Z"}]}
RENEWAL = {"id": 3, "state": "telling", "group": "pumps", "per_hour": 360000, "started": "2026-11-23T22:14:38.000Z",
           "total": 10, "left": 4, "told": 3, "unreachable": 1, "renewed": 2}
TOKEN = {"id": "00112233aabbccdd", "token": "t0k-en_" + "x" * 36, "device": "pump-7", "uses": 1,
         "expires": "2026-11-23T23:14:38.000Z", "enrolment_address": "*:8443", "mqtt_address": "*:8883",
         "server_name": "broker.example", "root_sha256": "cd" * 32}
MAKER = {"name": "acme", "prefix": "acme-", "id_from": "serialNumber", "approve": "manual", "jitp": False, "rate": 60,
         "devices": 0, "introduced": 3, "crls": 0, "created": "2026-01-02T03:04:05.678Z",
         "cas": [{"name": "Acme Root", "fingerprint": "cd" * 32, "not_after": "2046-11-23T00:00:00.000Z"}]}
APPROVAL = {"id": "0011", "device": "acme-7", "introducer": "maker:acme", "door": "est", "state": "pending",
            "created": "2026-01-02T03:04:05.678Z", "expires": "2026-01-09T03:04:05.678Z"}
CLAIM = {"name": "line-3", "state": "active", "templates": ["meters"], "uses": 100, "used": 3,
         "expires": "2026-12-23T22:14:38.000Z"}
TEMPLATE = {"name": "meters", "version": 2, "template": {"device": "meter-${SerialNumber}"}, "has_secret": False}
PSK = {"device": "pump-7", "identity": "p#1", "key": "ef" * 32, "mqtt_address": "*:8883", "server_name": "broker.example"}

# What a command asks: arguments, method, path, query, body, answer.
SIMPLE = [
    ("status", "GET", "/v1/status", {}, None, {"version": "0.1.0"}),
    ("ca show --pem", "GET", "/v1/ca", {}, None, {"root": "PEM\n"}),
    ("metrics", "GET", "/metrics", {}, None, b"# HELP a b\n"),
    ("device add pump-7 --group pumps --note hall", "POST", "/v1/devices", {},
     {"id": "pump-7", "group": "pumps", "note": "hall"}, DEVICE),
    ("device add pump-7", "POST", "/v1/devices", {}, {"id": "pump-7"}, DEVICE),
    ("device list", "GET", "/v1/devices", {"limit": "500"}, None, {"items": [DEVICE]}),
    ("device list --state active --group pumps", "GET", "/v1/devices",
     {"limit": "500", "state": "active", "group": "pumps"}, None, {"items": []}),
    ("device show pump-7", "GET", "/v1/devices/pump-7", {}, None, DEVICE),
    ("device show a?b%2F", "GET", "/v1/devices/a?b%2F", {}, None, DEVICE),
    ("device edit pump-7 --note=", "PATCH", "/v1/devices/pump-7", {}, {"note": ""}, DEVICE),
    *[(f"device {step} pump-7 --reason why", "POST", f"/v1/devices/pump-7/{step}", {}, {"reason": "why"}, DEVICE)
      for step in ("suspend", "resume", "quarantine", "release", "revoke", "retire", "lift")],
    ("device set pump-7 attr.site=berlin attr.floor= group=pumps note=by=the=door", "PATCH", "/v1/devices/pump-7", {},
     {"group": "pumps", "note": "by=the=door", "attributes": {"site": "berlin", "floor": ""}}, DEVICE),
    ("device revoke pump-7", "POST", "/v1/devices/pump-7/revoke", {}, {}, DEVICE),
    ("ca renew-now --group pumps --rate 100/s --detach", "POST", "/v1/renewals", {}, {"group": "pumps", "rate": "100/s"}, RENEWAL),
    ("ca renew-now --all --rate 10/m --detach", "POST", "/v1/renewals", {}, {"rate": "10/m"}, RENEWAL),
    ("ca renewals", "GET", "/v1/renewals", {"limit": "500"}, None, {"items": [RENEWAL]}),
    ("ca renewal-show 3", "GET", "/v1/renewals/3", {}, None, RENEWAL),
    ("ca renewal-cancel 3", "POST", "/v1/renewals/3/cancel", {}, None, RENEWAL),
    ("ca renewal-resume 3", "POST", "/v1/renewals/3/resume", {}, None, RENEWAL),
    ("device revoke --group pumps --reason stolen", "POST", "/v1/revocations", {}, {"group": "pumps", "reason": "stolen"},
     {"devices": 7}),
    ("cert list", "GET", "/v1/certificates", {"limit": "500"}, None, {"items": []}),
    ("cert list --expires-within 30d --kind device --state active --group pumps", "GET", "/v1/certificates",
     {"limit": "500", "expires_within": "30d", "kind": "device", "state": "active", "group": "pumps"}, None, {"items": []}),
    ("token create --device pump-7", "POST", "/v1/tokens", {}, {"device": "pump-7", "uses": 1}, TOKEN),
    ("token create --group pumps --life 7d --uses 20", "POST", "/v1/tokens", {},
     {"group": "pumps", "life": "7d", "uses": 20}, TOKEN),
    ("token create --group pumps --uses 2 --approval", "POST", "/v1/tokens", {},
     {"group": "pumps", "uses": 2, "approval": True}, TOKEN),
    ("token list", "GET", "/v1/tokens", {"limit": "500"}, None, {"items": []}),
    ("token cancel 0011", "DELETE", "/v1/tokens/0011", {}, None, None),
    ("maker list", "GET", "/v1/makers", {"limit": "500"}, None, {"items": [MAKER]}),
    ("maker show acme", "GET", "/v1/makers/acme", {}, None, MAKER),
    ("maker crl acme --none", "PUT", "/v1/makers/acme/crl", {}, {}, MAKER),
    ("maker remove acme", "DELETE", "/v1/makers/acme", {}, None, None),
    ("approval list --state pending", "GET", "/v1/approvals", {"state": "pending", "limit": "500"}, None, {"items": [APPROVAL]}),
    ("approval approve 0011 --reason why", "POST", "/v1/approvals/0011/approve", {}, {"reason": "why"}, None),
    ("approval refuse 0011", "POST", "/v1/approvals/0011/refuse", {}, {}, None),
    (f"key deny --hash {'ab' * 32} --hash {'cd' * 10} --reason leaked", "POST", "/v1/denied-keys", {},
     {"reason": "leaked", "keys": ["ab" * 32, "cd" * 10]}, {"added": 2, "revoked": 1}),
    ("key denied", "GET", "/v1/denied-keys", {"limit": "500"}, None, {"items": []}),
    (f"key allow {'ab' * 32} --reason mistake", "POST", f"/v1/denied-keys/{'ab' * 32}/allow", {}, {"reason": "mistake"}, None),
    ("claim list", "GET", "/v1/claims", {"limit": "500"}, None, {"items": [CLAIM]}),
    ("claim show line-3", "GET", "/v1/claims/line-3", {}, None, CLAIM),
    ("claim revoke line-3 --reason stolen", "POST", "/v1/claims/line-3/revoke", {}, {"reason": "stolen"}, CLAIM),
    ("template list", "GET", "/v1/templates", {"limit": "500"}, None, {"items": [TEMPLATE]}),
    ("template show meters", "GET", "/v1/templates/meters", {}, None, TEMPLATE),
    ("template delete meters", "DELETE", "/v1/templates/meters", {}, None, None),
    ("psk add pump-7", "POST", "/v1/devices/pump-7/psks", {}, {}, PSK),
    ("psk add pump-7 --identity p#1 --life 30d", "POST", "/v1/devices/pump-7/psks", {}, {"identity": "p#1", "life": "30d"}, PSK),
    ("hardware list pump-7", "GET", "/v1/devices/pump-7/hardware", {"limit": "500"}, None, {"items": []}),
    ("hardware lift pump-7 --reason why", "POST", "/v1/devices/pump-7/hardware/lift", {}, {"reason": "why"}, None),
    ("psk list pump-7", "GET", "/v1/devices/pump-7/psks", {"limit": "500"}, None, {"items": []}),
    ("psk revoke pump-7 p#1 --reason why", "POST", "/v1/devices/pump-7/psks/p#1/revoke", {}, {"reason": "why"}, None),
    ("app list", "GET", "/v1/applications", {"limit": "500"}, None, {"items": [ACCOUNT]}),
    ("app show grafana", "GET", "/v1/applications/grafana", {}, None, ACCOUNT),
    ("app disable grafana --reason why", "POST", "/v1/applications/grafana/disable", {}, {"reason": "why"}, ACCOUNT),
    ("app enable grafana", "POST", "/v1/applications/grafana/enable", {}, {}, ACCOUNT),
    ("app revoke grafana", "POST", "/v1/applications/grafana/revoke", {}, {}, ACCOUNT),
    ("operator list", "GET", "/v1/operators", {"limit": "500"}, None, {"items": [ACCOUNT]}),
    ("operator show alice", "GET", "/v1/operators/alice", {}, None, ACCOUNT),
    ("operator roles alice --role viewer --role admin", "PUT", "/v1/operators/alice/roles", {},
     {"roles": ["viewer", "admin"]}, ACCOUNT),
    ("operator disable alice", "POST", "/v1/operators/alice/disable", {}, {}, ACCOUNT),
    ("operator enable alice", "POST", "/v1/operators/alice/enable", {}, {}, ACCOUNT),
    ("operator revoke alice", "POST", "/v1/operators/alice/revoke", {}, {}, ACCOUNT),
    ("role create reader --subscribe a/# --text words", "POST", "/v1/roles", {},
     {"name": "reader", "text": "words", "rules": ROLE["rules"]}, ROLE),
    ("role list", "GET", "/v1/roles", {"limit": "500"}, None, {"items": [ROLE]}),
    ("role show reader", "GET", "/v1/roles/reader", {}, None, ROLE),
    ("role set reader --subscribe a/#", "PUT", "/v1/roles/reader/rules", {}, {"rules": ROLE["rules"]}, ROLE),
    ("role delete reader", "DELETE", "/v1/roles/reader", {}, None, None),
    ("role assign reader --group pumps", "POST", "/v1/roles/reader/assignments", {}, {"to": "group:pumps"}, ROLE),
    ("role unassign reader --app grafana", "DELETE", "/v1/roles/reader/assignments/application:grafana", {}, None, None),
    ("quota list", "GET", "/v1/quotas", {"limit": "500"}, None, {"items": [QUOTA]}),
    ("quota show --group pumps", "GET", "/v1/quotas/group:pumps", {}, None, QUOTA),
    ("quota set --device pump-7 --messages 10/s --queue-bytes 64KiB", "PATCH", "/v1/quotas/device:pump-7", {},
     {"messages": "10/s", "queue_bytes": "64KiB"}, QUOTA),
    ("quota unset --app grafana --limit in-flight --limit queue", "PATCH", "/v1/quotas/application:grafana", {},
     {"in_flight": None, "queue": None}, QUOTA),
    ("quota unset --device pump-7", "DELETE", "/v1/quotas/device:pump-7", {}, None, None),
    ("quota blocked", "GET", "/v1/blocks", {"limit": "500"}, None,
     {"items": [{"who": "device:pump-7", "reason": "flapping", "seconds": 9, "strikes": 1}]}),
    ("quota lift source:192.0.2.7", "DELETE", "/v1/blocks/source:192.0.2.7", {}, None, None),
    ("policy explain --device pump-7 --publish a/b", "GET", "/v1/policy/explain",
     {"principal": "device:pump-7", "action": "publish", "topic": "a/b"}, None, {"allowed": True}),
    ("policy explain --app grafana --subscribe a/+/#", "GET", "/v1/policy/explain",
     {"principal": "application:grafana", "action": "subscribe", "topic": "a/+/#"}, None, {"allowed": False}),
    ("policy test pump-7 publish a/b --qos 1 --clear", "GET", "/v1/policy/explain",
     {"principal": "device:pump-7", "action": "publish", "topic": "a/b", "qos": "1", "retain": "clear"}, None,
     {"allowed": True, "may_connect": True}),
    ("policy lint --role reader", "GET", "/v1/policy/lint", {"role": "reader"}, None,
     {"findings": [], "errors": 0, "warnings": 0, "notes": 0}),
    ("policy test pump-7 subscribe a/#", "GET", "/v1/policy/explain",
     {"principal": "device:pump-7", "action": "subscribe", "topic": "a/#"}, None, {"allowed": True, "state": "expected"}),
    ("audit list --action device. --actor operator:alice --target pump-7 --outcome ok", "GET", "/v1/audit",
     {"action": "device.", "actor": "operator:alice", "target": "pump-7", "outcome": "ok", "order": "newest",
      "limit": "500"}, None, {"items": [ENTRY]}),
    ("audit show 7", "GET", "/v1/audit/entries/7", {}, None, {"seq": 7, "entry": json.dumps(ENTRY), "covered_by": 9}),
    ("audit key", "GET", "/v1/audit/key", {}, None, {"origin": "acme/merlon-audit", "vkey": "acme"}),
    ("audit witness", "GET", "/v1/audit/witnesses", {"limit": "500"}, None, {"items": []}),
    ("audit erase operator:alice --reason asked", "POST", "/v1/audit/erase", {},
     {"actor": "operator:alice", "reason": "asked"}, {"erased": 3, "seq": 9}),
    ("audit prune --before 257 --reason old", "POST", "/v1/audit/prune", {}, {"before": 257, "reason": "old"},
     {"pruned": 256, "first_entry": 257}),
    ("audit prune --before 257 --reason old --force", "POST", "/v1/audit/prune", {},
     {"before": 257, "reason": "old", "force": True}, {"first_entry": 257}),
    ("audit verify --server-side", "POST", "/v1/audit/verify", {}, None, {"verified": True, "entries": 9}),
    ("export list", "GET", "/v1/exports", {"limit": "500"}, None,
     {"items": [{"name": "siem", "type": "syslog", "state": "failing", "sent": 7, "lag": 2, "why": "connection refused"}]}),
    ("ca list", "GET", "/v1/ca/generations", {}, None, CAS),
    ("ca activate issuing 2", "POST", "/v1/ca/activate", {}, {"kind": "issuing", "number": 2}, CAS),
    ("device retire pump-7 --wipe --reason why", "POST", "/v1/devices/pump-7/retire", {},
     {"reason": "why", "wipe": True}, DEVICE),
    ("ca retire root 1 --force --reason why", "POST", "/v1/ca/retire", {},
     {"kind": "root", "number": 1, "force": True, "reason": "why"}, CAS),
    ("ca rollover --dry-run --kind root --number 1", "GET", "/v1/ca/rollover", {"kind": "root", "number": "1"}, None,
     {"devices": 1, "breaking": 0, "reasons": {"certificate": 0, "trust": 0, "silent": 0}, "items": []}),
    ("ca rollover", "POST", "/v1/ca/rollover", {}, {}, CAS),
    ("ca rollover --force --reason why", "POST", "/v1/ca/rollover", {}, {"force": True, "reason": "why"}, CAS),
    ("ca reload", "POST", "/v1/ca/reload", {}, None, CAS),
    ("keys status", "GET", "/v1/keys", {}, None, {"data_keys": [{"number": 1, "seals": True}], "rotation": {"running": False}}),
    ("keys rotate", "POST", "/v1/keys/rotate", {}, None,
     {"data_keys": [], "rotation": {"running": True, "data_key": 2, "table": "devices"}}),
    ("keys rewrap", "POST", "/v1/keys/rewrap", {}, None, {"data_keys": [], "rotation": {"running": False}}),
    ("audit export -", "GET", "/v1/audit/export", {"after": "0", "limit": "1000"}, None, b""),
]


def as_answer(body: object) -> Answer:
    if body is None:
        return Answer(status=204)
    return Answer(body, content_type="text/plain" if isinstance(body, bytes) else "application/json")


@pytest.mark.parametrize("line, method, path, query, body, answer", SIMPLE, ids=[case[0] for case in SIMPLE])
def test_a_command_asks_exactly_what_the_api_takes(stub, merlon, line, method, path, query, body, answer):
    stub.answers[method, path] = as_answer(answer)
    done = merlon(*line.split())
    assert (done.returncode, done.stderr) == (OK, "")
    [request] = stub.requests
    assert (request.method, request.path, request.query, request.body) == (method, path, query, body)
    assert request.content_type == ("application/json" if body is not None else None)
    if answer is DEVICE:
        assert "pump-7" in done.stdout


@pytest.mark.parametrize("line, path, answer, shown", [
    ("audit erase operator:alice --reason r", "/v1/audit/erase", {"erased": 3, "seq": 9}, "Entries erased: 3 Recorded as entry: 9"),
    ("audit prune --before 300 --reason r", "/v1/audit/prune", {"pruned": 256, "first_entry": 257}, "Entries pruned: 256 Oldest entry now: 257"),
])
def test_what_left_the_log_is_told(stub, merlon, line, path, answer, shown):
    stub.answers["POST", path] = Answer(answer)
    assert " ".join(merlon(*line.split()).stdout.split()) == shown


def test_an_id_that_looks_like_a_query_stays_one_segment(stub, merlon):
    merlon("device", "show", "tokens?x#y")
    assert stub.requests[0].raw_target == "/v1/devices/tokens%3Fx%23y"


def test_an_id_that_no_path_can_hold_is_named(stub, merlon):
    done = merlon("approval", "approve", "x/y")
    assert done.returncode == USAGE and stub.requests == []
    assert done.stderr == ("merlon: /v1/approvals/x%2Fy/approve cannot be asked for: a name is not empty, not . or .., "
                           "and has no /, \\ or control characters\n")


def test_a_line_of_text_is_told_with_its_status(stub, merlon):
    stub.answers["GET", "/v1/devices/x"] = Answer(b"busy: too many requests wait\n", 503, "text/plain; charset=utf-8")
    assert merlon("device", "show", "x").stderr == "merlon: the server answered with status 503: busy: too many requests wait\n"


ELSEWHERE = {"app add", "app renew", "operator add", "operator renew", "grant", "watch", "help", "device verify-log",
             "maker add",  # test_a_makers_certificate_introduces_a_device.py
             "device import",  # test_a_list_of_devices_is_imported.py
             "device receipt",  # test_the_receipt_of_a_wipe_is_checked_without_us.py
             "device history",  # test_the_life_of_a_device_is_one_page.py
             "claim create", "template set",  # test_devices_are_provisioned_over_mqtt_with_a_claim.py
             "audit tail", "audit prove",  # test_the_command_line_judges_the_log.py
             "backup keygen", "backup create", "backup verify", "backup restore"}  # test_a_backup_brings_everything_back.py


def test_every_command_of_the_program_is_tested_here(merlon):
    listed = merlon("help").stdout.split("Commands:\n")[1].split("\n\n")[0]
    commands = {" ".join(word for word in line[2:26].split() if word.islower()) for line in listed.splitlines()}
    tested = {" ".join(case[0].split()[:2]) for case in SIMPLE} | {case[0].split()[0] for case in SIMPLE} | ELSEWHERE
    assert len(commands) > 40
    assert commands - tested == set()


def test_a_key_is_read_from_a_file_and_shown_once_with_a_line_to_try_it(stub, merlon, workdir):
    stub.answers["POST", "/v1/devices/pump-7/psks"] = Answer(PSK, status=201)
    (workdir / "key").write_text("EF" * 32 + "\n", encoding="ascii")
    shown = merlon("psk", "add", "pump-7", "--key-file", "key").stdout
    assert stub.requests[-1].body == {"key": "EF" * 32}
    assert PSK["key"] in shown.splitlines()[1]
    assert shown.splitlines()[-1].strip() == "mosquitto_pub -h broker.example -p 8883 -t TOPIC -m TEXT --psk-identity 'p#1' --psk KEY"
    assert merlon("psk", "add", "pump-7", "--key-only").stdout == PSK["key"] + "\n"
    (workdir / "empty").write_text("\n", encoding="ascii")
    assert merlon("psk", "add", "pump-7", "--key-file", "empty").returncode == USAGE
    (workdir / "long").write_text("0" * 1025, encoding="ascii")
    assert merlon("psk", "add", "pump-7", "--key-file", "long").returncode == REFUSED


def test_the_json_of_the_api_is_printed_as_it_is(stub, merlon):
    stub.answers["GET", "/v1/devices/pump-7"] = Answer(DEVICE)
    assert merlon("device", "show", "pump-7", "-o", "json").stdout == json.dumps(DEVICE, separators=(",", ":")) + "\n"


def test_a_table_stands_in_columns_with_local_times(stub, merlon):
    stub.answers["GET", "/v1/devices"] = page([DEVICE, {"id": "x", "state": "quarantined"}])
    assert merlon("device", "list").stdout.splitlines() == [
        "ID      STATE        GROUP  CHANGED              NOTE",
        "pump-7  active       pumps  2026-11-23 22:15:00  ",
        "x       quarantined                              ",
    ]
    assert "2026-11-23 23:15:00" in merlon("device", "list", TZ="UTC-1").stdout


def test_a_list_is_read_page_by_page_and_printed_as_one(stub, merlon):
    def pages(request: Request) -> Answer:
        at = int(request.query.get("cursor", "0&=")[0])
        return page([{"id": f"d{at}"}], f"{at + 1}&=" if at < 3 else None)

    stub.answers["GET", "/v1/devices"] = pages
    assert json.loads(merlon("device", "list", "-ojson").stdout) == [{"id": f"d{i}"} for i in range(4)]
    assert [r.query.get("cursor") for r in stub.requests] == [None, "1&=", "2&=", "3&="]


def test_a_server_that_pages_for_ever_is_left(stub, merlon):
    stub.answers["GET", "/v1/devices"] = page([], "again")
    assert merlon("device", "list").returncode == OK
    assert len(stub.requests) == 1


@pytest.mark.parametrize("answer", [{"allowed": False, "may_connect": True, "state": "active"},
                                    {"allowed": True, "may_connect": False, "state": "suspended"}])
def test_a_denial_is_the_exit_code_of_a_policy_test(stub, merlon, answer):
    stub.answers["GET", "/v1/policy/explain"] = Answer(answer)
    assert merlon("policy", "test", "pump-7", "publish", "a").returncode == UNVERIFIED


FINDING = {"id": "crosses-devices", "severity": "error", "role": "reader", "rule": 2, "filter": "devices/\x1b#", "text": "why",
           "suggestion": "what to do"}


@pytest.mark.parametrize("errors, warnings, notes, code", [(1, 0, 0, UNVERIFIED), (0, 1, 0, UNVERIFIED), (0, 0, 1, OK)])
def test_errors_and_warnings_of_a_lint_are_its_exit_code(stub, merlon, errors, warnings, notes, code):
    answer = {"findings": [FINDING], "errors": errors, "warnings": warnings, "notes": notes}
    stub.answers["GET", "/v1/policy/lint"] = Answer(answer)
    done = merlon("policy", "lint")
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.splitlines()[:3] == ["error    crosses-devices  role reader, rule 2: devices/\\x1b#", "         why",
                                            "         -> what to do"]
    assert json.loads(merlon("policy", "lint", "-o", "json").stdout) == answer


GOOD_FILE = [{"name": "device-default", "built_in": True, "rules": [{"filter": "devices/${id}/#", "publish": True}]},
             {"name": "site", "text": "t", "built_in": False, "rules": [{"filter": "sites/${attr.site}/${id}/#", "publish": True}]}]


def test_a_file_of_roles_is_looked_at_without_a_server(merlon, tmp_path):
    file = tmp_path / "roles.json"

    def lint(content: object, *more: str):
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return merlon("--server", "unix:/nowhere", "policy", "lint", "--file", str(file), *more)

    assert lint(GOOD_FILE).returncode == OK
    assert lint(GOOD_FILE[1]).returncode == OK
    assert lint({"roles": GOOD_FILE}, "--role", "site").returncode == OK
    assert lint(GOOD_FILE, "--role", "other").returncode == REFUSED
    bad = {"name": "reader", "rules": [{"filter": "devices/+/state", "subscribe": True}, {"filter": "foo#", "publish": True}],
           "assigned_to": ["group:pumps"]}
    done = lint([bad], "-o", "json")
    assert done.returncode == UNVERIFIED
    found = json.loads(done.stdout)
    assert [(f["id"], f["severity"], f.get("rule")) for f in found["findings"]] == [
        ("crosses-devices", "error", 1), ("wildcard-inside-level", "error", 2)]
    assert (found["errors"], found["warnings"], found["notes"]) == (2, 0, 0)
    for wrong in ("", "[7]", "{", [{"name": "x"}], [{"name": "x", "rules": [], "deny": 1}], [{"name": "x", "rules": [{"filter": 1}]}],
                  [{"name": "x", "rules": [], "assigned_to": ["planet:mars"]}]):
        done = lint(wrong)
        assert (done.returncode, done.stdout) == (REFUSED, "") and done.stderr.startswith("merlon: "), wrong


PROBLEMS = [(400, REFUSED), (401, DENIED), (403, DENIED), (404, REFUSED), (409, REFUSED), (500, REFUSED), (503, REFUSED)]


@pytest.mark.parametrize("status, code", PROBLEMS)
def test_a_refusal_is_one_sentence_and_its_exit_code(stub, merlon, status, code):
    stub.answers["GET", "/v1/devices/x"] = problem(status, "slug", "no device x \x1b[31m")
    done = merlon("device", "show", "x")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "merlon: no device x \\x1b[31m\n")


@pytest.mark.parametrize("line", [
    "", "nothing", "device", "device show", "device list --state asleep", "token create", "--server x status",
    "token create --device a --group b", "token create --device a --uses 0", "operator add a", "device edit a",
    "policy test a", "policy test a publish", "policy test a read b", "policy test a subscribe b --retain",
    "policy test a publish b --qos 3", "device set a", "device set a site=b", "device set a attr.=b", "device set a attr.x", "device set a id=b",
    "role create r", "grant --publish a", "grant --device a", "policy explain --device a", "audit show x",
    "audit show 0", "audit prove 0 p", "audit verify --entry e", "audit verify --server-side --dir d", "audit verify --proof p",
    "audit verify --proof p --dir d", "audit verify --dir d", "audit verify --log-key none", "audit export", "audit export f --tiles d",
    "audit export f --log-key k", "audit prune --before 0 --reason r", "audit erase operator:alice", "audit key --pem --vkey",
    "audit tail --limit x", "audit list --since yesterday", "device show ../tokens", "role show ..", "watch --count x", "help nothing", "help device x",
    "help --completion fish", "--server https://127.0.0.1:1 status", "audit list --limit 0"])
def test_a_wrong_command_line_asks_nothing(stub, merlon, line):
    done = merlon(*line.split())
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert re.fullmatch(r"merlon: [^\n]+\n", done.stderr)
    assert stub.requests == []


def test_a_server_that_is_not_there_is_unreachable(merlon, workdir):
    done = merlon("--server", f"unix:{workdir}/none.sock", "status")
    assert done.returncode == UNREACHABLE
    assert "none.sock" in done.stderr


def test_an_answer_that_is_not_json_is_refused(stub, merlon):
    stub.answers["GET", "/v1/devices"] = Answer(b"{\"items\": [")
    assert merlon("device", "list").returncode == REFUSED
    stub.answers["GET", "/v1/devices"] = Answer({"items": 7})
    assert merlon("device", "list").returncode == REFUSED


def test_a_reader_that_has_enough_is_no_error(stub, workdir):
    stub.answers["GET", "/v1/devices"] = page([{"id": f"d{i}"} for i in range(20000)])
    line = f"'{program('merlon')}' device list | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=DEADLINE_S, check=True,
                          env={"PATH": os.environ["PATH"], "MERLON_SERVER": stub.address}, cwd=workdir)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


def test_a_full_disk_is_an_error(stub, workdir):
    stub.answers["GET", "/v1/devices"] = page([{"id": "d"}])
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([program("merlon"), "device", "list"], stdout=full, stderr=subprocess.PIPE, text=True,
                              env={"MERLON_SERVER": stub.address}, timeout=DEADLINE_S, check=False)
    assert done.returncode == REFUSED
    assert "cannot write the output" in done.stderr


def on_a_terminal(stub: ApiStub, *arguments: str) -> bytes:
    """What the program writes when its output is a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen([program("merlon"), *arguments], stdin=subprocess.DEVNULL, stdout=its, stderr=its,
                          env={"MERLON_SERVER": stub.address, "TERM": "xterm", "NO_COLOR": "1", "TZ": "UTC"}) as running:
        os.close(its)
        text = b""
        try:
            while piece := os.read(ours, 65536):
                text += piece
        except OSError:
            pass  # the other end is closed
        os.close(ours)
        assert running.wait(DEADLINE_S) in (OK, REFUSED)
    return text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u009b31m\u202etxt.exe"


@pytest.mark.parametrize("output", ["table", "json"])
def test_bytes_of_a_device_never_control_the_terminal(stub, output):
    hostile = {"id": HOSTILE, "note": HOSTILE, "reason": HOSTILE, "state": HOSTILE, "group": HOSTILE, "changed": HOSTILE,
               HOSTILE: HOSTILE, "credentials": [{"fingerprint": HOSTILE}], "target": HOSTILE, "rules": [{"filter": HOSTILE}],
               "actor": {"kind": HOSTILE, "id": HOSTILE}, "name": HOSTILE, "assigned_to": [HOSTILE]}
    event = b"data: " + json.dumps({"topic": HOSTILE, "payload": HOSTILE, "time": HOSTILE}).encode() + b"\n\n"
    stub.answers = {
        ("GET", "/v1/devices"): page([hostile]), ("GET", "/v1/devices/x"): Answer(hostile),
        ("GET", "/v1/audit"): page([hostile]), ("GET", "/v1/audit/witnesses"): page([hostile]),
        ("GET", "/v1/audit/entries/7"): Answer({"seq": 7, "entry": json.dumps({"target": HOSTILE, "actor": {"kind": HOSTILE}}, ensure_ascii=False),
                                                "opened": {"source": HOSTILE, "actor.id": HOSTILE}}),
        ("GET", "/v1/audit/key"): Answer({"vkey": HOSTILE}), ("GET", "/v1/roles"): page([hostile]),
        ("GET", "/v1/tokens"): problem(500, HOSTILE, HOSTILE),
        ("GET", "/metrics"): Answer(HOSTILE.encode(), content_type="text/plain"),
        ("GET", "/v1/ca"): Answer({"root": HOSTILE}), ("GET", "/v1/events"): Answer(chunks=[event]),
        ("POST", "/v1/tokens"): Answer({"token": HOSTILE, "enrolment_address": "*:1", "server_name": HOSTILE}),
        ("GET", "/v1/audit/export"): [Answer(json.dumps({"seq": 1, "json": HOSTILE}, ensure_ascii=False).encode(), content_type=NDJSON),
                                             Answer(b"", content_type=NDJSON)],
    }
    for line in ("device list", "device show x", "audit list", "role list", "token list", "metrics", "ca show --pem",
                 "watch --count 1", "token create --device x", "token create --device x --token-only", "audit export -",
                 "audit show 7", "audit show 7 --text", "audit witness", "audit key", "audit key --vkey"):
        text = on_a_terminal(stub, *line.split(), "-o", output).replace(b"\r\n", b"\n")
        assert b"txt.exe" in text, line
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text), (line, text)
        assert not re.search("[\u0080-\u009f\u202e]", text.decode("utf-8")), (line, text)


def test_a_token_is_shown_once_with_the_line_for_the_device(stub, merlon):
    stub.answers["POST", "/v1/tokens"] = Answer(TOKEN, 201)
    text = merlon("token", "create", "--device", "pump-7").stdout
    assert (f"  echo {TOKEN['token']} | merlon-agent enrol --token-file - --server broker.example:8443 --name broker.example "
            f"--root-sha256 {'cd' * 32} --mqtt broker.example:8883 --device pump-7 --dir /var/lib/merlon-agent\n") in text
    assert "2026-11-23 23:14:38" in text
    assert merlon("token", "create", "--device", "pump-7", "--token-only").stdout == TOKEN["token"] + "\n"


def sign_request(ca: CertificateAuthority, request: Request) -> bytes:
    """The certificate of a request, as the daemon would give it."""
    csr = ca.folder / "request.csr"
    csr.write_text(request.body["csr"], encoding="ascii")
    verified = subprocess.run(["openssl", "req", "-in", csr, "-noout", "-verify"], capture_output=True, check=True)
    assert b"verify OK" in verified.stdout + verified.stderr  # which of the two changed with OpenSSL 3.5
    return openssl("x509", "-req", "-in", csr, "-CA", ca.certificate, "-CAkey", ca.key, "-set_serial", "7", "-days", "1")


@pytest.fixture
def issuing(stub: ApiStub, test_ca: CertificateAuthority) -> ApiStub:
    def certify(request: Request) -> Answer:
        return Answer({"certificate": sign_request(test_ca, request).decode()}, 201)

    for base, name in (("applications", "grafana"), ("operators", "alice")):
        stub.answers["POST", f"/v1/{base}"] = Answer(ACCOUNT, 201)
        stub.answers["POST", f"/v1/{base}/{name}/certificates"] = certify
    stub.answers["GET", "/v1/ca"] = Answer({"root": test_ca.certificate.read_text(encoding="ascii")})
    stub.answers["GET", "/v1/status"] = Answer({"mqtt_address": "*:8883", "server_name": "broker.example"})
    stub.answers["POST", "/v1/roles/reader/assignments"] = Answer(ROLE, 201)
    return stub


def test_an_application_gets_a_key_made_here_and_its_certificate(issuing, merlon, workdir, test_ca):
    done = merlon("app", "add", "grafana", "--role", "reader", "--out", "my keys")
    assert (done.returncode, done.stderr) == (OK, "")
    folder = workdir / "my keys"
    assert stat.S_IMODE((folder / "grafana.key").stat().st_mode) == 0o600
    assert (folder / "root.pem").read_bytes() == test_ca.certificate.read_bytes()
    public = openssl("pkey", "-in", folder / "grafana.key", "-pubout")
    assert openssl("x509", "-in", folder / "grafana.pem", "-noout", "-pubkey") == public
    assert b"CN=grafana" in openssl("x509", "-in", folder / "grafana.pem", "-noout", "-subject", "-nameopt", "RFC2253")
    assert b"prime256v1" in openssl("pkey", "-in", folder / "grafana.key", "-noout", "-text")
    assert sorted(p.name for p in folder.iterdir()) == ["grafana.key", "grafana.pem", "root.pem"]
    asked = [(r.method, r.path, r.body) for r in issuing.requests]
    assert asked[1] == ("POST", "/v1/applications", {"id": "grafana"})
    assert asked[2] == ("POST", "/v1/roles/reader/assignments", {"to": "application:grafana"})
    assert ("  mosquitto_sub -h broker.example -p 8883 --cafile 'my keys/root.pem' --cert 'my keys/grafana.pem' "
            "--key 'my keys/grafana.key' -v -t TOPIC\n") in done.stdout
    assert not any("PRIVATE KEY" in json.dumps(r.body) for r in issuing.requests)


def test_an_operator_gets_roles_and_files(issuing, merlon, workdir):
    done = merlon("operator", "add", "alice", "--role", "viewer", "--role", "auditor", "-o", "json")
    assert done.returncode == OK
    assert "BEGIN CERTIFICATE" in json.loads(done.stdout)["certificate"]
    assert issuing.requests[1].body == {"id": "alice", "roles": ["viewer", "auditor"]}
    assert (workdir / "alice.key").exists()


def test_files_that_exist_are_not_touched_by_add(issuing, merlon, workdir):
    (workdir / "grafana.key").write_text("precious", encoding="ascii")
    assert merlon("app", "add", "grafana").returncode == REFUSED
    assert issuing.requests == []
    (workdir / "grafana.key").unlink()
    (workdir / "root.pem").write_text("another root", encoding="ascii")
    done = merlon("app", "add", "grafana")
    assert done.returncode == REFUSED and "another root" in done.stderr
    assert [r.path for r in issuing.requests] == ["/v1/ca"]
    assert (workdir / "root.pem").read_text(encoding="ascii") == "another root"


def test_a_refused_application_leaves_no_key_behind(issuing, merlon, workdir):
    issuing.answers["POST", "/v1/applications"] = problem(409, "exists", "grafana exists already")
    assert merlon("app", "add", "grafana").returncode == REFUSED
    assert not list(workdir.glob("grafana*"))


def test_a_certificate_for_another_key_is_refused(issuing, merlon, workdir, test_ca):
    other = test_ca.client("mallory").certificate.read_text(encoding="ascii")
    for wrong in (other, "nothing"):
        issuing.answers["POST", "/v1/applications/grafana/certificates"] = Answer({"certificate": wrong}, 201)
        assert merlon("app", "add", "grafana").returncode == REFUSED
        assert not list(workdir.glob("grafana*"))


@pytest.mark.parametrize("noun, name, base", [("app", "grafana", "applications"), ("operator", "alice", "operators")])
def test_renewing_replaces_key_and_certificate_together(issuing, merlon, workdir, noun, name, base):
    assert merlon(noun, "add", name, *(["--role", "viewer"] if noun == "operator" else [])).returncode == OK
    before = (workdir / f"{name}.key").read_bytes()
    issuing.requests.clear()
    assert merlon(noun, "renew", name).returncode == OK
    assert [r.path for r in issuing.requests] == ["/v1/ca", f"/v1/{base}/{name}/certificates"]
    assert (workdir / f"{name}.key").read_bytes() != before
    public = openssl("pkey", "-in", workdir / f"{name}.key", "-pubout")
    assert openssl("x509", "-in", workdir / f"{name}.pem", "-noout", "-pubkey") == public


@pytest.mark.parametrize("name", ["../evil", ".hidden", "a/b"])
def test_a_name_cannot_leave_its_folder(issuing, merlon, name):
    assert merlon("app", "add", name).returncode == USAGE
    assert issuing.requests == []


RULES = [{"filter": "plant/${id}/#", "publish": True, "subscribe": False},
         {"filter": "plant/all", "publish": False, "subscribe": True}]


def grant(merlon: Run) -> subprocess.CompletedProcess:
    return merlon("grant", "--device", "pump-7", "--subscribe", "plant/all", "--publish", "plant/${id}/#")


def grant_name() -> str:
    text = json.dumps(RULES, separators=(",", ":"), sort_keys=True)
    return "grant-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_grant_makes_a_role_named_by_its_rules_and_assigns_it(stub, merlon):
    name = grant_name()
    stub.answers["POST", "/v1/roles"] = Answer({"name": name, "rules": RULES, "assigned_to": []}, 201)
    stub.answers["POST", f"/v1/roles/{name}/assignments"] = Answer({"name": name}, 201)
    done = grant(merlon)
    assert (done.returncode, done.stdout) == (OK, f"device:pump-7 holds the role {name}.\n")
    assert [(r.method, r.path) for r in stub.requests] == [
        ("GET", f"/v1/roles/{name}"), ("POST", "/v1/roles"), ("POST", f"/v1/roles/{name}/assignments")]
    assert stub.requests[1].body["rules"] == RULES
    assert stub.requests[2].body == {"to": "device:pump-7"}


def test_a_grant_twice_changes_nothing(stub, merlon):
    stub.answers["GET", f"/v1/roles/{grant_name()}"] = Answer({"rules": RULES[::-1], "assigned_to": ["device:pump-7"]})
    assert grant(merlon).returncode == OK
    assert len(stub.requests) == 1


def test_a_grant_never_gives_away_a_role_that_says_something_else(stub, merlon):
    wide = [{"filter": "#", "publish": True, "subscribe": True}, RULES[1]]
    stub.answers["GET", f"/v1/roles/{grant_name()}"] = Answer({"rules": wide, "assigned_to": []})
    done = grant(merlon)
    assert done.returncode == REFUSED and "other rules" in done.stderr
    assert len(stub.requests) == 1


def event(topic: str, retain: bool = False, **payload: str) -> bytes:
    message = {"time": "2026-11-23T22:14:38.123Z", "topic": topic, "qos": 1, "retain": retain, **payload}
    return b"event: message\ndata: " + json.dumps(message).encode() + b"\n\n"


def test_watching_prints_a_line_a_message(stub, merlon):
    text = (b": open\n\n" + event("devices/001/t", payload='{ "temperature" : 25.4 }')
            + event("d", retain=True, payload="on\noff") + event("x", payload_base64="AP8b") + event("y", payload=""))
    stub.answers["GET", "/v1/events"] = Answer(chunks=[text[:40], text[40:41], text[41:]], hold=True)
    done = merlon("watch", "devices/#", "--count", "4")
    assert done.returncode == OK
    assert done.stdout.splitlines() == [
        '22:14:38.123  q1   devices/001/t             {"temperature":25.4}',
        "22:14:38.123  q1r  d                         on\\noff",
        "22:14:38.123  q1   x                         \\x00\\xff\\x1b",
        "22:14:38.123  q1   y                         ",
    ]
    assert stub.requests[0].query == {"topics": "devices/#"}


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_watching_ends_well_when_told(stub, processes: Processes, sig):
    stub.answers["GET", "/v1/events"] = Answer(chunks=[event("a", payload="1")], hold=True)
    running = processes.start([program("merlon"), "watch", "-ojson"], {"MERLON_SERVER": stub.address})
    running.wait_for_log('"topic":"a"')
    assert running.stop(sig) == OK
    assert len(running.log().splitlines()) == 1
    assert stub.requests[0].query == {"topics": "#"}


def test_watching_that_the_server_ends_is_no_success(stub, merlon):
    stub.answers["GET", "/v1/events"] = Answer(chunks=[event("a", payload="1")])
    assert merlon("watch").returncode == UNREACHABLE
    stub.answers["GET", "/v1/events"] = problem(403, "denied", "this needs the permission events:read")
    done = merlon("watch")
    assert (done.returncode, done.stderr) == (DENIED, "merlon: this needs the permission events:read\n")


def test_an_operator_comes_in_with_a_certificate(workdir, test_ca):
    server, alice = test_ca.server(), test_ca.client("alice")
    stub = ApiStub(workdir).listen_tls(server.certificate, server.key, test_ca.certificate)
    stub.answers["GET", "/v1/status"] = Answer({"version": "0.1.0"})
    files = {"MERLON_CERT": str(alice.certificate), "MERLON_KEY": str(alice.key), "MERLON_ROOT": str(test_ca.certificate)}

    def run(*more: str | Path) -> subprocess.CompletedProcess:
        return subprocess.run([program("merlon"), "status", *more], capture_output=True, text=True, check=False,
                              env={"MERLON_SERVER": stub.address, **files}, timeout=DEADLINE_S)

    done = run()
    assert (done.returncode, done.stdout) == (OK, "Version:              0.1.0\n")
    (workdir / "other").mkdir()
    other = CertificateAuthority(workdir / "other")
    assert run("--root", other.certificate).returncode == DENIED  # not our server
    stranger = other.client("alice")
    assert run("--cert", stranger.certificate, "--key", stranger.key).returncode in (DENIED, UNREACHABLE)
    assert run("--cert", workdir / "none.pem").returncode == REFUSED
    assert run("--key", alice.certificate).returncode == REFUSED
    assert run("--key", server.key).returncode == REFUSED  # of another certificate
    assert len(stub.requests) == 1
    stub.close()


@pytest.mark.quick
def test_a_maker_is_shown_in_words(stub, merlon):
    stub.answers["GET", "/v1/makers/acme"] = Answer(MAKER)
    shown = merlon("maker", "show", "acme").stdout
    assert "Acme Root until 2046-11-2" in shown and "{" not in shown
    assert re.search("Devices at most: +any number", shown)


def test_lists_of_a_maker_do_not_go_by_a_forgotten_option(stub, merlon):
    for wrong in ([], ["--none", "--file", "/dev/null"]):
        ended = merlon("maker", "crl", "acme", *wrong)
        assert ended.returncode == USAGE and "--none" in ended.stderr
    assert stub.requests == []


def test_a_list_that_is_not_there_is_said_and_nothing_is_counted(stub, merlon):
    ended = merlon("device", "import", "/nonexistent/list.csv")
    assert (ended.returncode, ended.stdout) == (REFUSED, "")
    assert "No such file" in ended.stderr and stub.requests == []


def test_help_and_version_need_no_server(merlon):
    assert re.fullmatch(r"merlon \d+\.\d+\.\d+\n", merlon("--version").stdout)
    assert "usage: merlon COMMAND" in merlon("help").stdout
    assert merlon("--help").stdout == merlon("help").stdout
    assert "--reason TEXT" in merlon("help", "device", "retire").stdout
    assert all(len(line) <= 80 for line in merlon("help", "maker").stdout.splitlines())
    assert merlon("device", "retire", "--help").stdout == merlon("help", "device", "retire").stdout
    assert "audit verify" in merlon("audit", "-h").stdout
