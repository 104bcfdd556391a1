# SPDX-License-Identifier: Apache-2.0
"""The management API and the enrolment door under hostile requests, and the separation of duties between operators."""
import json
import re
import socket
import ssl
import threading

import pytest
from harness.client import TLS_1_3, tls_context
from harness.est import Est, make_csr_body
from harness.ca import make_key
from harness.mqtt import Mqtt

# What each role may do, written from the documentation and not from the table in the program.
MATRIX = [
    # method, path, body, roles that may
    ("GET", "/v1/devices", None, {"viewer", "operator", "security", "admin"}),
    ("POST", "/v1/devices", {"id": "new"}, {"operator", "admin"}),
    ("POST", "/v1/devices/pump-7/suspend", {}, {"operator", "security", "admin"}),
    ("POST", "/v1/devices/pump-7/revoke", {}, {"security", "admin"}),
    ("POST", "/v1/tokens", {"device": "pump-7"}, {"operator", "admin"}),
    ("GET", "/v1/audit", None, {"security", "auditor", "admin"}),
    ("POST", "/v1/audit/verify", {}, {"security", "auditor", "admin"}),
    ("POST", "/v1/operators", {"id": "eve", "roles": ["admin"]}, {"admin"}),
    ("PUT", "/v1/operators/alice/roles", {"roles": ["admin"]}, {"admin"}),
    ("POST", "/v1/roles", {"name": "all", "rules": [{"subscribe": True, "filter": "#"}]}, {"admin"}),
    ("POST", "/v1/roles/telemetry-reader/assignments", {"to": "device:pump-7"}, {"admin"}),
    ("POST", "/v1/applications", {"id": "app"}, {"admin"}),
]


@pytest.mark.quick
@pytest.mark.parametrize("role", ["viewer", "operator", "security", "auditor", "admin"])
def test_an_operator_can_do_what_the_role_says_and_nothing_else(merlon, role):
    merlon.add_device("pump-7")
    api = merlon.https(merlon.operator("alice", role))
    for method, path, body, allowed in MATRIX:
        status = api.ask(method, path, body).status
        if role in allowed:
            assert status in (200, 201, 409), (method, path, status)
        else:
            assert status == 403, (method, path, status)
            assert [e for e in merlon.audit(action="api.denied") if e["actor"].get("id") == "alice"], (method, path)


def test_nobody_gives_himself_a_role(merlon):
    api = merlon.https(merlon.operator("sam", "security", "operator"))
    assert api.ask("PUT", "/v1/operators/sam/roles", {"roles": ["admin"]}).status == 403
    assert api.ask("POST", "/v1/operators/sam/certificates", {"csr": "x"}).status == 403
    assert merlon.api.get("/v1/operators/sam")["roles"] == ["operator", "security"]


BAD_IDS = ["", "a/b", "+", "#", "a+", "a#b", "$SYS", "a b", "ä", "\0", "a\nb", "-a", ".", "..", "a" * 129, "${id}", "a'--", "urn:x/y"]


@pytest.mark.parametrize("name", BAD_IDS)
def test_an_id_that_could_be_mistaken_for_something_else_is_refused(merlon, name):
    """An id becomes a level of topics and a part of a URI."""
    for path, body in (("/v1/devices", {"id": name}), ("/v1/applications", {"id": name}),
                       ("/v1/operators", {"id": name, "roles": ["viewer"]}), ("/v1/tokens", {"group": name})):
        answer = merlon.api.ask("POST", path, body)
        assert answer.status in (400, 404, 422), (path, answer)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["a/b", "+", "#", "$SYS", "..", "-a", "a" * 65, "a" * 129, "victim/x"])
def test_a_group_token_makes_no_device_with_such_an_id(merlon, workdir, name):
    token = merlon.api.post("/v1/tokens", {"group": "pumps", "uses": 5})["token"]
    body = make_csr_body(make_key(workdir / "k.key"), "/CN=x") if "/" in name or len(name) > 64 else \
        make_csr_body(make_key(workdir / "k.key"), f"/CN={name}")
    answer = Est(merlon.enrolment_port, merlon.root).enrol(name, token, body)
    assert answer.status in (400, 401), answer
    assert merlon.api.all_of("/v1/devices") == []


def test_a_group_token_does_not_take_over_a_device_of_another_group(merlon, workdir):
    merlon.device("victim", group="safes")
    token = merlon.api.post("/v1/tokens", {"group": "pumps", "uses": 5})["token"]
    body = make_csr_body(make_key(workdir / "k.key"), "/CN=victim")
    assert Est(merlon.enrolment_port, merlon.root).enrol("victim", token, body).status in (401, 403)
    assert len(merlon.api.get("/v1/devices/victim")["credentials"]) == 1


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'"x"', b'{"id":1}', b'{"id":"a","id":"b"}', b'{"id":"a","more":1}', b'{"id":"a"} x',
    b'{"id":"\\ud800"}', b'{"id":"a\\u0000"}', b"[" * 100000, b'{"id":' + b"[" * 5000, b'{"id":"' + b"a" * 70000 + b'"}', b"\xff\xfe",
], ids=lambda body: body[:20].hex())
def test_a_body_that_is_not_what_is_asked_for(merlon, body):
    answer = merlon.api.raw("POST", "/v1/devices", body, {"Content-Type": "application/json"})
    assert answer.status in (400, 413), answer
    assert answer.headers["content-type"] == "application/problem+json" or answer.status == 413
    assert merlon.api.all_of("/v1/devices") == []


@pytest.mark.parametrize("path, status", [
    ("/v1/devices/nobody", 404), ("/v1/devices/", 404), ("/v1/devices/../status", 404), ("/v1/devices/%2e%2e/status", 404),
    ("/v1//devices", 404), ("/v2/devices", 404), ("/", 404), ("/v1/devices?limit=0", 400), ("/v1/devices?limit=501", 400),
    ("/v1/devices?limit=x", 400), ("/v1/devices?cursor=%00", 400), ("/v1/audit?outcome=maybe", 400), ("/v1/devices/%zz", 400),
])
def test_paths_and_queries_that_lead_nowhere(merlon, path, status):
    answer = merlon.api.ask("GET", path)
    assert answer.status in (status, 400, 404), answer
    if answer.headers["content-type"] == "application/problem+json":
        assert answer.json()["status"] == answer.status
    else:  # the HTTP reader refused it, before any API was asked
        assert answer.headers["content-type"].startswith("text/plain") and answer.status == 400


def test_a_method_that_is_not_there_is_told_with_those_that_are(merlon):
    answer = merlon.api.ask("DELETE", "/v1/devices")
    assert answer.status == 405 and set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


def test_a_rule_cannot_reach_the_servers_own_topics(merlon):
    for name in ("$SYS/#", "$share/g/x", "$merlon/x", "a/#/b", "a/${who}", "x${id}", ""):
        answer = merlon.api.ask("POST", "/v1/roles", {"name": "r", "rules": [{"subscribe": True, "filter": name}]})
        assert answer.status == 400, (name, answer)
    assert merlon.api.ask("POST", "/v1/roles", {"name": "r", "rules": [{"filter": "a"}]}).status == 400
    assert merlon.api.ask("PUT", "/v1/roles/device-default/rules", {"rules": []}).status in (400, 403)


# --- HTTP itself

def raw_https(port: int, root, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain, \
            tls_context(root, None, TLS_1_3).wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        try:
            tls.sendall(data)
            answer = b""
            while more := tls.recv(65536):
                answer += more
                if b"\r\n\r\n" in answer and b"onnection: close" not in answer:
                    break
        except (ssl.SSLError, ConnectionError):
            pass
        return answer


HEAD = b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("data", [
    HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: 0x10\r\n\r\n", HEAD + b"X : y\r\n\r\n", HEAD + b" folded\r\n\r\n",
    HEAD + b"X: a\0b\r\n\r\n", HEAD + b"X: " + b"a" * 100000 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    HEAD + b"".join(b"X%d: y\r\n" % n for n in range(1000)) + b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x00\xa5" * 20,
    HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n", HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
], ids=lambda data: data[40:70].hex() or data[:10].hex())
@pytest.mark.parametrize("door", ["enrolment_port", "management_port"])
def test_http_that_two_readers_could_read_differently_is_refused(merlon, door, data):
    answer = raw_https(getattr(merlon, door), merlon.root, data)
    assert answer == b"" or answer.split(b" ")[1] in (b"400", b"413", b"414", b"431", b"501", b"505"), answer[:200]
    assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) <= 1, answer  # one request was sent, whatever it looked like
    assert merlon.api.get("/v1/status")["version"]


def test_requests_in_one_write_are_answered_in_order(merlon):
    data = HEAD + b"\r\n" + b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD + b"Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", merlon.enrolment_port), timeout=20) as plain, \
            tls_context(merlon.root, None, TLS_1_3).wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(data)
        answer = b""
        while more := tls.recv(65536):
            answer += more
    statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200"]


def test_a_client_that_says_nothing_does_not_stay_for_ever(start_merlon):
    merlon = start_merlon({"tls": {"handshake_timeout": "1s"}})
    for port in (merlon.mqtt_port, merlon.enrolment_port, merlon.management_port):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
            silent.sendall(b"\x16\x03\x01")
            assert silent.recv(100) is not None  # the end, or an alert and then the end


def test_many_strangers_at_the_door_do_not_lock_the_devices_out(merlon):
    """Two hundred connections that never get to speak TLS, while a device comes in."""
    device = merlon.device("pump-7")
    crowd = [socket.create_connection(("127.0.0.1", merlon.mqtt_port), timeout=20) for _ in range(200)]
    try:
        for member in crowd[::2]:
            member.sendall(b"\x16\x03\x01\x02\x00\x01")
        with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
            assert client.connect().reason == 0
    finally:
        for member in crowd:
            member.close()


def test_many_operators_at_the_same_time_do_not_mix_their_answers(merlon):
    problems: list[str] = []

    def work(number: int) -> None:
        try:
            for n in range(10):
                name = f"d{number}-{n}"
                if merlon.api.post("/v1/devices", {"id": name})["id"] != name:
                    problems.append(name)
                if merlon.api.get(f"/v1/devices/{name}")["id"] != name:
                    problems.append(name)
        except Exception as error:  # noqa: BLE001  a thread must not die silently
            problems.append(repr(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(merlon.api.all_of("/v1/devices")) == 80
    assert len(merlon.audit(action="device.added")) == 80


def test_the_command_line_works_with_an_operator_certificate(merlon, workdir):
    made = merlon.cli("operator", "add", "alice", "--role", "operator", "--out", str(workdir))
    assert made.code == 0, made
    certificate = next(workdir.glob("alice*.crt"), None) or next(p for p in workdir.iterdir() if "alice" in p.name
                                                                 and b"CERTIFICATE" in p.read_bytes())
    key = next(p for p in workdir.iterdir() if "alice" in p.name and b"PRIVATE KEY" in p.read_bytes())
    assert key.stat().st_mode & 0o077 == 0
    from harness.merlon import run_program
    remote = ["--server", f"https://127.0.0.1:{merlon.management_port}", "--cert", certificate, "--key", key, "--root", merlon.root]
    assert run_program("merlon", *remote, "device", "add", "pump-7").code == 0
    shown = run_program("merlon", *remote, "-o", "json", "device", "show", "pump-7")
    assert json.loads(shown.out)["state"] == "expected"
    assert run_program("merlon", *remote, "device", "revoke", "pump-7").code == 4
    assert run_program("merlon", "--server", f"https://127.0.0.1:{merlon.management_port}", "--root", merlon.root, "status").code == 2
    assert run_program("merlon", "--server", "https://127.0.0.1:1", *remote[2:], "status").code == 3
