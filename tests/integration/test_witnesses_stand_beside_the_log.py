# SPDX-License-Identifier: Apache-2.0
"""The daemon with real witnesses: cosignatures arrive, their absence is told, and a log that was put back does not start."""
import os
import shutil
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.ca import CertificateAuthority
from harness.merlon import Ended, Merlon, run_program
from harness.waiting import wait_until
from harness.witness import Witness

LAG_S = 2


@dataclass
class Watched:
    """A daemon and its witnesses."""
    merlon: Merlon
    witnesses: list[Witness]

    def states(self) -> list[dict[str, Any]]:
        return self.merlon.api.get("/v1/audit/witnesses")["items"]

    def wait_until_cosigned(self, index: int = 0) -> dict[str, Any]:
        """Everything that is in the log now."""
        entries = self.merlon.audit()[-1]["seq"]
        wait_until(lambda: self.states()[index]["size"] >= entries, "the witness has cosigned the log")
        return self.states()[index]


@pytest.fixture
def watch(make_merlon: Callable[..., Merlon], make_witness: Callable[..., Witness]) -> Callable[..., Watched]:
    """The witness needs the log's key and the log the witness's: the daemon starts once without."""
    def make(count: int = 1, ca: CertificateAuthority | None = None, require: bool = False) -> Watched:
        merlon = make_merlon({"audit": {"witness_lag": f"{LAG_S}s", "require_witness": False}})
        merlon.init()
        vkey = merlon.start().api.get("/v1/audit/key")["vkey"]
        merlon.stop()
        witnesses = [make_witness([vkey], name=f"w{i}.example", ca=ca).start() for i in range(count)]
        for witness in witnesses:
            if ca is None:
                witness.socket.chmod(0o666)
        merlon.tables = [("witness", table_of(witness)) for witness in witnesses]
        merlon.settings["audit"]["require_witness"] = require
        merlon.write_config()
        merlon.start()
        return Watched(merlon, witnesses)

    return make


def table_of(witness: Witness) -> dict[str, Any]:
    if witness.ca is None:
        return {"vkey": witness.vkey, "url": f"unix:{witness.socket}"}
    return {"vkey": witness.vkey, "url": f"https://localhost:{witness.port}", "root": str(witness.ca.certificate)}


def come_back(witness: Witness) -> None:
    witness.start()
    witness.socket.chmod(0o666)


def verified_with(merlon: Merlon, *witnesses: Witness) -> Ended:
    options = [option for witness in witnesses for option in ("--witness", witness.vkey)]
    return merlon.cli("audit", "verify", *options)


@pytest.mark.quick
def test_every_checkpoint_gets_the_cosignatures_of_all(watch: Callable[..., Watched], make_witness: Callable[..., Witness]) -> None:
    watched = watch(2)
    for name in ("pump-1", "pump-2"):
        watched.merlon.add_device(name)
        for index in (0, 1):
            state = watched.wait_until_cosigned(index)
            assert (state["name"], state["state"], state["late"], state["lag_entries"]) == (f"w{index}.example", "ok", False, 0)
    beside = watched.merlon.database.parent / "audit.checkpoint"
    wait_until(lambda: beside.read_text(encoding="utf-8").count("— w") == 2, "the file beside the database has both")
    done = verified_with(watched.merlon, *watched.witnesses)
    assert done.code == 0, done
    assert verified_with(watched.merlon, make_witness([])).code == 5
    assert watched.merlon.cli("audit", "verify", "--server-side").code == 0
    shown = watched.merlon.cli("audit", "witness")
    assert shown.code == 0 and "w0.example" in shown.out and "w1.example" in shown.out, shown


def test_a_witness_is_reached_with_https_and_only_the_right_one(watch: Callable[..., Watched], test_ca: CertificateAuthority) -> None:
    watched = watch(ca=test_ca)
    watched.merlon.add_device("pump-1")
    watched.wait_until_cosigned()
    watched.merlon.stop()
    watched.merlon.tables[0][1]["root"] = str(watched.merlon.root)  # a CA that did not sign the witness's certificate
    watched.merlon.write_config()
    watched.merlon.start().add_device("pump-2")
    wait_until(lambda: watched.states()[0]["state"] == "unreachable", "its certificate is refused")


class NoWitness(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """In the place of a real one: so many bytes after so many seconds, whatever is asked."""
    daemon_threads = True

    def __init__(self, place: Path, size: int, delay_s: float):
        self.body, self.delay_s, self.asked = b"x" * size, delay_s, 0
        place.unlink(missing_ok=True)
        super().__init__(str(place), NoCosignature)
        place.chmod(0o666)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class NoCosignature(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, NoWitness)
        self.server.asked += 1
        self.request.recv(65536)
        time.sleep(self.server.delay_s)
        try:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.server.body) + self.server.body)
        except OSError:
            pass  # nobody waits for it any more


@pytest.mark.parametrize(("size", "delay_s", "state"), [
    (16384, 0, "refuses"), (16385, 0, "unreachable"), (10, 1.5, "refuses"), (10, 3.5, "unreachable"),
])
def test_an_answer_of_16_kib_in_two_and_a_half_seconds_and_no_more(watch: Callable[..., Watched], size: int, delay_s: float, state: str) -> None:
    """What is taken is no cosignature, and is refused for that."""
    watched = watch()
    watched.wait_until_cosigned()
    watched.witnesses[0].stop()
    with NoWitness(watched.witnesses[0].socket, size, delay_s) as place:
        watched.merlon.add_device("pump-1")
        wait_until(lambda: place.asked >= 2, "it to be asked and asked again")
        assert watched.states()[0]["state"] == state
        watched.merlon.stop()
        place.shutdown()


def test_a_witness_that_is_away_is_an_alarm_until_it_is_back(watch: Callable[..., Watched]) -> None:
    watched = watch()
    merlon = watched.merlon
    watched.wait_until_cosigned()
    watched.witnesses[0].stop()
    merlon.add_device("pump-1")  # not required: it goes on
    late = merlon.wait_for_entry("audit.witness_late", target="w0.example")
    assert late["outcome"] == "failed" and late["details"]["waiting"] > LAG_S
    state = watched.states()[0]
    assert (state["state"], state["late"]) == ("unreachable", True) and state["lag_entries"] > 0 and state["lag_s"] > LAG_S
    assert merlon.api.metric("merlon_audit_witness_lag_entries", 'witness="1"') > 0
    assert merlon.api.metric("merlon_audit_witness_lag_seconds", 'witness="1"') > LAG_S
    come_back(watched.witnesses[0])
    merlon.wait_for_entry("audit.witness_back", target="w0.example")
    watched.wait_until_cosigned()
    assert len(merlon.audit(action="audit.witness_late")) == 1
    assert verified_with(merlon, *watched.witnesses).code == 0


def test_changes_wait_for_a_witness_where_one_is_required(watch: Callable[..., Watched]) -> None:
    watched = watch(require=True)
    merlon = watched.merlon
    device = merlon.device("pump-1")
    watched.wait_until_cosigned()
    watched.witnesses[0].stop()
    merlon.add_device("pump-2")
    merlon.wait_for_entry("audit.witness_late")
    refused = merlon.api.ask("POST", "/v1/devices", {"id": "pump-3"})
    assert refused.status == 503 and refused.json()["type"] == "urn:merlon:problem:unwitnessed", refused
    assert "no witness has cosigned the log for" in refused.json()["detail"]
    merlon.wait_for_entry("api.denied", reason="unwitnessed")
    assert merlon.api.ask("GET", "/v1/devices/pump-2").status == 200
    assert merlon.api.ask("POST", "/v1/audit/verify", {}).status == 200
    with merlon.client(device):  # devices are not affected
        pass
    come_back(watched.witnesses[0])
    wait_until(lambda: merlon.api.ask("POST", "/v1/devices", {"id": "pump-3"}).status == 201, "changes are taken again")


def test_the_last_entry_of_a_run_is_cosigned_too(watch: Callable[..., Watched]) -> None:
    watched = watch()
    watched.merlon.add_device("pump-1")
    watched.wait_until_cosigned()
    watched.merlon.stop()
    watched.witnesses[0].stop()
    watched.merlon.start()
    stopped = watched.merlon.audit(action="server.stopped")[-1]
    assert watched.states()[0]["size"] >= stopped["seq"]


def test_a_policy_without_a_witness_does_not_start(make_merlon: Callable[..., Merlon]) -> None:
    merlon = make_merlon({"audit": {"require_witness": True}})
    merlon.init()
    refused = run_program("merlond", "run", "--config", merlon.config)
    assert refused.code == 1 and "require_witness in [audit] needs a [[witness]]" in refused.err


# --- rolled back

def stop_and_copy(merlon: Merlon, name: str) -> Path:
    merlon.stop()
    kept = merlon.folder / name
    shutil.copytree(merlon.database.parent, kept)
    return kept


def put_back(merlon: Merlon, kept: Path) -> None:
    """Who owns the disk changes both: the database and the checkpoint beside it."""
    owner = merlon.database.stat()
    store = merlon.database.parent
    for path in store.iterdir():
        path.unlink()
    for path in kept.iterdir():
        if path.name != "audit.checkpoint":
            shutil.copy(path, store)
            os.chown(store / path.name, owner.st_uid, owner.st_gid)


def try_start(merlon: Merlon) -> Ended:
    return run_program("merlond", "run", "--config", merlon.config)


@pytest.fixture
def rolled_back(watch: Callable[..., Watched]) -> Watched:
    watched = watch()
    kept = stop_and_copy(watched.merlon, "kept")
    watched.merlon.start().add_device("pump-1")
    watched.wait_until_cosigned()
    watched.merlon.stop()
    put_back(watched.merlon, kept)
    return watched


def test_a_database_that_was_put_back_with_its_checkpoint_does_not_start(rolled_back: Watched) -> None:
    refused = try_start(rolled_back.merlon)
    assert refused.code == 1, refused
    assert "the witness w0.example has seen another log (it cosigned" in refused.err
    assert "merlond run --config FILE --accept-rollback REASON" in refused.err
    assert try_start(rolled_back.merlon).code == 1  # and nothing made it forget


def test_what_went_on_while_the_witness_was_away_is_found_when_it_is_back(rolled_back: Watched) -> None:
    merlon, witness = rolled_back.merlon, rolled_back.witnesses[0]
    witness.stop()
    merlon.start()
    for i in range(20):  # another history, longer than the one that was cosigned
        merlon.add_device(f"other-{i}")
    entries = merlon.audit()[-1]["seq"]
    wait_until(lambda: merlon.api.metric("merlon_audit_checkpoint_size") >= entries, "a checkpoint is over them")
    come_back(witness)
    suspected = merlon.wait_for_entry("audit.rollback_suspected", target="w0.example")
    assert suspected["outcome"] == "failed" and "cosigned" in suspected["reason"]
    assert rolled_back.states()[0]["state"] == "forked"
    assert verified_with(merlon, witness).code == 5  # the witness signs no second history
    merlon.stop()
    assert "it cosigned other entries" in try_start(merlon).err


def test_an_operator_may_accept_it_with_a_reason(rolled_back: Watched) -> None:
    merlon = rolled_back.merlon
    merlon.start("--accept-rollback", "restored after a fire")
    entry = merlon.wait_for_entry("audit.rollback_accepted")
    assert entry["reason"] == "restored after a fire" and "w0.example" in entry["details"]["found"]
    assert rolled_back.states()[0]["state"] in ("ahead", "forked")


def test_an_empty_database_does_not_start_either(watch: Callable[..., Watched]) -> None:
    watched = watch()
    watched.wait_until_cosigned()
    watched.merlon.stop()
    for path in watched.merlon.database.parent.iterdir():
        path.unlink()
    refused = try_start(watched.merlon)
    assert refused.code == 1 and "the witness w0.example has seen another log" in refused.err, refused
