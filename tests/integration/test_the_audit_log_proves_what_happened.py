# SPDX-License-Identifier: Apache-2.0
"""A real history, listed and verified by the command line."""
import json

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
