# SPDX-License-Identifier: Apache-2.0
"""The audit log goes to files and to a foreign syslog receiver over TLS: everything arrives as it was written, and neither
a receiver that is gone, slow or false nor a crash of either side makes a gap or slows the log."""
import json
import os
import pwd
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from harness.ca import CertificateAuthority
from harness.merlon import Merlon, run_program
from harness.ports import free_port
from harness.rsyslog import Rsyslog
from harness.stopwatch import Stopwatch
from harness.waiting import DEADLINE_S, wait_until

SEVERITY = {"ok": "6", "denied": "4", "failed": "3"}


def syslog_table(port: int, ca: CertificateAuthority, **more: Any) -> tuple[str, dict[str, Any]]:
    return "export", {"name": "siem", "type": "syslog", "server": f"localhost:{port}", "ca_file": str(ca.certificate),
                      "confirm": "1s", "timeout": "2s", **more}


def writable_folder(workdir: Path, name: str = "out") -> Path:
    """One in which the daemon's account may make files."""
    folder = workdir / name
    folder.mkdir()
    account = pwd.getpwnam("merlon")
    if os.geteuid() == 0:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


@pytest.fixture
def rsyslog(processes, workdir, test_ca) -> Rsyslog:
    return Rsyslog(processes, workdir / "rsyslog", test_ca)


def export_state(merlon: Merlon) -> dict[str, Any]:
    return merlon.api.get("/v1/exports")["items"][0]


def entries(merlon: Merlon) -> dict[int, dict[str, Any]]:
    """As they stand in the log, commitments not opened."""
    texts = [json.loads(line)["json"] for line in merlon.api.raw("GET", "/v1/audit/export?limit=1000").text().splitlines()]
    return {e["seq"]: e for e in map(json.loads, texts)}


def checkpoint_size(merlon: Merlon) -> int:
    answer = merlon.api.raw("GET", "/audit/checkpoint")
    return int(answer.text().splitlines()[1]) if answer.status == 200 else 0


def add_devices(merlon: Merlon, prefix: str, count: int) -> None:
    for n in range(count):
        merlon.add_device(f"{prefix}{n}")


def wait_for_all(merlon: Merlon, rsyslog: Rsyslog) -> None:
    """The receiver has every entry, exactly, and the daemon knows."""
    newest = merlon.audit()[-1]["seq"]
    wait_until(lambda: export_state(merlon)["confirmed"] >= newest, f"entry {newest} to be confirmed")
    there = entries(merlon)
    received = rsyslog.entries()
    assert sorted(received)[:newest] == list(range(1, newest + 1))
    assert all(received[seq] == there[seq] for seq in received if seq in there)


@pytest.mark.quick
@pytest.mark.parametrize(("driver", "more"), [("ossl", {}), ("gtls", {"bare_close": True})])
def test_rsyslog_gets_every_entry_and_can_take_it_apart(start_merlon, rsyslog, test_ca, driver, more):
    rsyslog.driver = driver
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca, hostname="gate.example", **more)])
    merlon.device("pump-7")
    merlon.api.ask("POST", "/v1/tokens", {"device": "nobody"})
    merlon.https(None).ask("GET", "/v1/status")
    merlon.wait_for_entry("api.denied")
    wait_for_all(merlon, rsyslog)
    for message in rsyslog.received():
        entry = json.loads(message["msg"])
        assert message["facility"] == "13" and message["severity"] == SEVERITY[entry["outcome"]]
        assert (message["host"], message["app"], message["msgid"]) == ("gate.example", "merlon", entry["action"])
        data = json.loads(message["sd"])["merlon@32473"]
        assert data["seq"] == str(entry["seq"]) and data["outcome"] == entry["outcome"]
        assert data.get("target", "") == entry.get("target", "")
    assert {"4", "6"} <= {m["severity"] for m in rsyslog.received()}


def test_hostile_names_arrive_as_data(start_merlon, rsyslog, test_ca):
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca)])
    hostile = 'x"] [evil@1 a="b"] <13>1 - - - - - - \\ %24 %s'
    merlon.api.ask("DELETE", "/v1/roles/" + "%22%5D%20%5Bevil@1%20a=%22b%22%5D")
    merlon.api.post("/v1/devices", {"id": "d", "note": hostile})
    application = merlon.application("app")
    from harness.mqtt import Mqtt
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect("c")
        client.publish(hostile.replace("#", "").replace("+", ""), b"x")
    merlon.wait_for_entry("publish.denied")
    wait_for_all(merlon, rsyslog)
    denied = [m for m in rsyslog.received() if m["msgid"] == "publish.denied"]
    assert denied and json.loads(denied[0]["msg"])["target"] == hostile
    assert "evil@1" not in json.loads(denied[0]["sd"])


def test_our_certificate_is_shown_to_a_receiver_that_asks(start_merlon, rsyslog, test_ca, workdir):
    identity = test_ca.client("gate")
    if os.geteuid() == 0:
        os.chown(identity.key, pwd.getpwnam("merlon").pw_uid, -1)
    rsyslog.auth = "x509/certvalid"
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca, certificate_file=str(identity.certificate),
                                               key_file=str(identity.key))])
    wait_for_all(merlon, rsyslog)


def test_a_receiver_of_a_foreign_ca_gets_nothing_and_it_is_said(start_merlon, rsyslog, workdir, test_ca):
    foreign = workdir / "foreign"
    foreign.mkdir()
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, CertificateAuthority(foreign, "foreign CA"))])
    wait_until(lambda: export_state(merlon)["state"] == "failing", "the failure to show")
    assert "not from a CA we trust" in export_state(merlon)["why"]
    assert "not from a CA we trust" in merlon.wait_for_entry("export.failed", target="siem")["reason"]
    assert merlon.api.metric("merlon_export_up", 'sink="siem"') == 0
    assert any(line["event"] == "export.failed" for line in merlon.log_lines())
    assert "not from a CA we trust" in merlon.cli("export", "list").out
    assert rsyslog.received() == []


def test_a_receiver_with_another_name_gets_nothing(start_merlon, rsyslog, test_ca):
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca, server=f"127.0.0.2:{rsyslog.port}")])
    wait_until(lambda: export_state(merlon)["state"] == "failing", "the failure to show")
    assert rsyslog.received() == []


def test_a_receiver_that_does_not_say_goodbye_confirms_only_where_that_was_allowed(start_merlon, rsyslog, test_ca):
    rsyslog.driver = "gtls"
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca)])
    wait_until(lambda: export_state(merlon)["state"] == "failing", "the failure to show")
    assert "bare_close" in export_state(merlon)["why"]
    assert export_state(merlon)["confirmed"] == 0


def test_a_stalled_receiver_slows_nobody(start_merlon, test_ca):
    """It takes connections and never reads."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listener:
        held: list[socket.socket] = []
        threading.Thread(target=lambda: held.extend(iter_accept(listener)), daemon=True).start()
        merlon = start_merlon(tables=[syslog_table(port, test_ca, timeout="60s", lag_alarm=150)])
        wait_until(lambda: held, "the daemon to connect")
        add_devices(merlon, "d", 200)
        assert len(merlon.audit(action="device.added")) == 200
        state = export_state(merlon)
        assert state["sent"] == 0 and state["lag"] >= 200
        assert merlon.api.metric("merlon_export_lag_entries", 'sink="siem"') >= 200
        alarm = merlon.wait_for_entry("export.lagging", target="siem")
        assert alarm["details"]["lag"] > 150 and alarm["details"]["limit"] == 150
        merlon.stop()  # and it holds up no stop
        for connection in held:
            connection.close()


def test_a_receiver_that_takes_nothing_is_given_up_after_its_time(start_merlon, test_ca):
    port, timeout_s = free_port(), 2
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE_S)
        merlon = start_merlon(tables=[syslog_table(port, test_ca, timeout=f"{timeout_s}s")])
        with listener.accept()[0] as first:
            began = time.monotonic()  # a moment after the daemon's own time begins
            first.settimeout(DEADLINE_S)
            with Stopwatch() as watch:
                while first.recv(4096):
                    pass
                assert watch.passed < timeout_s + 5
            assert time.monotonic() - began > timeout_s / 2
        assert merlon.wait_for_entry("export.failed", target="siem")["outcome"] == "failed"
        listener.accept()[0].close()  # tried again
        merlon.stop()


def test_a_receiver_is_asked_to_confirm_after_the_time(start_merlon, test_ca):
    """With the end of the connection, on which it says goodbye."""
    port, confirm_s = free_port(), 2
    server = test_ca.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(DEADLINE_S)
        merlon = start_merlon(tables=[syslog_table(port, test_ca, confirm=f"{confirm_s}s")])
        plain = listener.accept()[0]
        plain.settimeout(DEADLINE_S)
        with context.wrap_socket(plain, server_side=True) as receiver:
            assert receiver.recv(4096)
            began = time.monotonic()
            with Stopwatch() as watch:
                while receiver.recv(4096):
                    pass
                assert watch.passed < confirm_s + 5
            assert time.monotonic() - began > confirm_s / 2
            assert export_state(merlon)["confirmed"] == 0
            receiver.unwrap().close()
        wait_until(lambda: export_state(merlon)["confirmed"] > 0, "what it said goodbye to is confirmed")
        merlon.stop()


def iter_accept(listener: socket.socket):
    while True:
        try:
            yield listener.accept()[0]
        except OSError:
            return


def test_kill_9_of_the_daemon_leaves_no_gap(start_merlon, rsyslog, test_ca):
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca)])
    for round_ in range(3):
        add_devices(merlon, f"r{round_}-", 60)
        merlon.kill()
        merlon.start()
    wait_for_all(merlon, rsyslog)


def test_a_receiver_that_was_away_misses_nothing(start_merlon, rsyslog, test_ca):
    rsyslog.start()
    merlon = start_merlon(tables=[syslog_table(rsyslog.port, test_ca)])
    for round_ in range(3):
        add_devices(merlon, f"r{round_}-", 40)
        rsyslog.stop()
        add_devices(merlon, f"s{round_}-", 40)
        rsyslog.start()
    wait_for_all(merlon, rsyslog)
    wait_until(lambda: merlon.audit(action="export.resumed"), "the recovery on record")


def test_a_file_gets_every_entry_through_rotations_and_crashes(start_merlon, workdir):
    folder = writable_folder(workdir)
    path = folder / "audit.ndjson"
    merlon = start_merlon(tables=[("export", {"name": "archive", "type": "file", "path": str(path)})])
    add_devices(merlon, "a", 30)
    wait_until(lambda: export_state(merlon)["lag"] == 0, "the file to have everything")
    path.rename(folder / "audit.ndjson.1")
    add_devices(merlon, "b", 30)
    wait_until(path.exists, "a new file")
    merlon.kill()
    with path.open("ab") as out:
        out.write(b'{"action":"half')
    merlon.start()
    add_devices(merlon, "c", 30)
    newest = merlon.audit()[-1]["seq"]
    wait_until(lambda: export_state(merlon)["confirmed"] >= newest, "the file to have everything")
    lines = [json.loads(line) for name in ("audit.ndjson.1", "audit.ndjson") for line in (folder / name).read_text().splitlines()]
    there = entries(merlon)
    assert {e["seq"] for e in lines} >= set(range(1, newest + 1))
    assert all(e == there[e["seq"]] for e in lines if e["seq"] in there)


def test_a_sink_that_begins_with_the_newest_gets_nothing_older(start_merlon, workdir):
    path = writable_folder(workdir) / "audit.ndjson"
    merlon = start_merlon()
    add_devices(merlon, "old", 5)
    merlon.stop()
    merlon.tables = [("export", {"name": "late", "type": "file", "path": str(path), "from": "newest"})]
    merlon.write_config()
    merlon.start()
    add_devices(merlon, "new", 5)
    newest = merlon.audit()[-1]["seq"]
    wait_until(lambda: export_state(merlon)["confirmed"] >= newest, "the file to have everything")
    text = path.read_text()
    assert '"target":"new4"' in text and '"target":"old' not in text


def test_a_sink_gets_personal_values_only_where_that_was_asked_for(start_merlon, workdir):
    folder = writable_folder(workdir)
    merlon = start_merlon(tables=[("export", {"name": name, "type": "file", "path": str(folder / name), "reveal": name == "open"})
                                  for name in ("open", "closed")])
    alice = merlon.operator("alice", "admin")
    merlon.https(alice).post("/v1/devices", {"id": "d1"})
    newest = merlon.audit()[-1]["seq"]
    wait_until(lambda: all(s["confirmed"] >= newest for s in merlon.api.get("/v1/exports")["items"]), "both files to have everything")
    there = entries(merlon)
    texts = {name: [json.loads(line) for line in (folder / name).read_text().splitlines()] for name in ("open", "closed")}
    [added] = [e for e in texts["open"] if e["action"] == "device.added"]
    assert added["actor"]["id"].startswith("sha256:") and added["opened"]["actor.id"] == "alice"
    assert all("opened" not in e and e == there[e["seq"]] for e in texts["closed"] if e["seq"] in there)
    for e in texts["open"]:
        e.pop("opened", None)
        assert e == there.get(e["seq"], e)


def test_pruning_keeps_what_a_sink_has_not_got_unless_it_is_forced(start_merlon, workdir):
    folder = workdir / "later"
    merlon = start_merlon(tables=[("export", {"name": "archive", "type": "file", "path": str(folder / "audit.ndjson")})])
    add_devices(merlon, "d", 260)
    wait_until(lambda: checkpoint_size(merlon) >= 256, "a checkpoint over the first bundle")
    prune = ("audit", "prune", "--before", "257", "--reason", "retention")
    refused = merlon.cli(*prune)
    assert refused.code != 0 and "up to 0 only" in refused.err
    assert merlon.audit()[0]["seq"] == 1
    forced = merlon.cli(*prune, "--force")
    assert forced.code == 0 and "257" in forced.out, forced.err
    writable_folder(workdir, "later")
    merlon.restart()
    gap = merlon.wait_for_entry("export.gap", target="archive")
    assert gap["details"] == {"first": 1, "last": 256}
    wait_until(lambda: export_state(merlon)["lag"] == 0, "the file to have what is left")
    assert json.loads((folder / "audit.ndjson").read_text().splitlines()[0])["seq"] == 257


@pytest.mark.parametrize("force", [1, "true", None])
def test_force_is_true_or_false(merlon, force):
    answer = merlon.api.ask("POST", "/v1/audit/prune", {"before": 257, "reason": "r", "force": force})
    assert answer.status == 400


@pytest.mark.parametrize(("table", "word"), [
    ({"name": "A", "type": "file", "path": "/x"}, "name"), ({"name": "a", "type": "file"}, "path"),
    ({"name": "a", "type": "file", "path": "relative"}, "path"), ({"name": "a", "type": "syslog"}, "ca_file"),
    ({"name": "a", "type": "syslog", "server": "h:1", "ca_file": "/nonexistent"}, "/nonexistent"),
    ({"name": "a", "type": "syslog", "server": "h:1", "ca_file": "/x", "sd_id": "merlon"}, "sd_id"),
    ({"name": "a", "type": "syslog", "server": "h:1", "ca_file": "/x", "certificate_file": "/x"}, "key_file"),
    ({"name": "a", "type": "mail"}, "type"), ({"type": "file"}, "name"),
])
def test_an_export_that_cannot_work_stops_the_start(make_merlon, table, word):
    merlon = make_merlon()
    merlon.init()
    merlon.tables = [("export", table)]
    merlon.write_config()
    done = run_program("merlond", "run", "--config", merlon.config)
    assert done.code == 1 and word in done.err, done
