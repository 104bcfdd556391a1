# SPDX-License-Identifier: Apache-2.0
"""merlon-agent on a machine whose clock forgot the time, against the real daemon."""
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness.merlon import Ended, Merlon, run_program
from harness.moved_clock import YEAR_S, MovedClock
from harness.process import Process, Processes, program
from harness.waiting import wait_until


@pytest.fixture
def clock(workdir: Path) -> MovedClock:
    """Of the device: an hour after it was switched on, in 1970."""
    return MovedClock(workdir, ahead_s=3600 - int(time.time()))


def folder(merlon: Merlon, name: str) -> Path:
    return merlon.folder / f"agent-{name}"


def enrol(merlon: Merlon, name: str, clock: MovedClock, pin: bool = True) -> Ended:
    merlon.add_device(name)
    token = merlon.folder / f"{name}.token"
    token.write_text(merlon.token(name), encoding="ascii")
    root = x509.load_pem_x509_certificate(merlon.root.read_bytes()).fingerprint(hashes.SHA256()).hex()
    return run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--device", name, "--token-file", token,
                       *(["--root-sha256", root] if pin else ["--root", merlon.root]), "--dir", folder(merlon, name), env=clock.env)


def run(merlon: Merlon, processes: Processes, name: str, clock: MovedClock) -> Process:
    return processes.start([program("merlon-agent"), "run", "--dir", folder(merlon, name)], clock.env)


@pytest.mark.parametrize("pin", [True, False], ids=["known by its fingerprint", "known by its root"])
def test_it_enrols_connects_and_renews_in_1970(merlon, processes, clock, pin):
    done = enrol(merlon, "pump-7", clock, pin)
    assert done.code == 0 and "the server told the time" in done.out, done
    assert run_program("merlon-agent", "show", "--dir", folder(merlon, "pump-7"), env=clock.env).code == 0
    agent = run(merlon, processes, "pump-7", clock)
    agent.wait_for_log("clock.learnt")
    agent.wait_for_log("connection.up")
    wait_until(lambda: merlon.api.metric("merlon_connections") == 1, "it is connected")
    time.sleep(1)  # older than the order by more than a second
    merlon.api.post("/v1/renewals", {"rate": "100/s"})
    agent.wait_for_log("renewal.done")
    wait_until(lambda: merlon.api.get("/v1/renewals/1")["state"] == "done", "the order is done")
    assert agent.stop() == 0


def test_after_a_power_cut_it_asks_again(merlon, processes, clock):
    right = MovedClock(clock.file.parent / "merlon0")
    assert enrol(merlon, "pump-7", right).code == 0
    for _ in range(2):
        agent = run(merlon, processes, "pump-7", clock)
        agent.wait_for_log("clock.learnt")
        agent.wait_for_log("connection.up")
        assert agent.stop() == 0


def test_a_clock_that_is_set_right_while_it_runs_is_believed_again(merlon, processes, clock):
    assert enrol(merlon, "pump-7", clock).code == 0
    agent = run(merlon, processes, "pump-7", clock)
    agent.wait_for_log("connection.up")
    clock.set(0)
    agent.wait_for_log("clock.jumped")
    merlon.stop()
    agent.wait_for_log("connection.down")
    merlon.start()
    wait_until(lambda: agent.log().count("connection.up") == 2, "it is connected again")
    assert agent.log().count("clock.learnt") == 1
    assert agent.stop() == 0


def test_a_time_before_the_program_was_built_is_not_believed(make_merlon: Callable[..., Merlon], workdir: Path, clock):
    """A server whose keys were stolen years ago, or that is wrong itself."""
    merlon = make_merlon({})
    past = MovedClock(merlon.folder, ahead_s=-10 * YEAR_S)
    past.rule(merlon)
    merlon.init()
    merlon.start()
    done = enrol(merlon, "pump-7", clock)
    assert done.code == 5 and "before what has surely passed" in done.err, done
    assert not (folder(merlon, "pump-7") / "identity.pem").exists()


def test_a_time_before_the_server_s_own_certificates_is_not_believed(make_merlon: Callable[..., Merlon], clock):
    """It is later than the program, but its CAs were made a day after it: the clock of that server was set back."""
    merlon = make_merlon({})
    ahead = MovedClock(merlon.folder, ahead_s=10 * 86400)
    ahead.rule(merlon)
    merlon.init()
    merlon.start()
    ahead.restart(merlon, 9 * 86400)
    done = enrol(merlon, "pump-7", clock)
    assert done.code == 5 and "at the time the server tells, its own certificate is not valid" in done.err, done
    assert not (folder(merlon, "pump-7") / "identity.pem").exists()


def test_a_clock_that_is_right_is_not_asked_for(merlon, processes, clock):
    clock.set(0)
    done = enrol(merlon, "pump-7", clock)
    assert done.code == 0 and "told the time" not in done.out
    agent = run(merlon, processes, "pump-7", clock)
    agent.wait_for_log("connection.up")
    assert "clock." not in agent.log()
    assert agent.stop() == 0


def test_the_window_of_the_server_is_kept_and_followed(make_merlon: Callable[..., Merlon], processes, clock):
    clock.set(0)
    merlon = make_merlon({"issuing": {"device_life": "60s"}})
    merlon.init()
    merlon.start()
    assert enrol(merlon, "pump-7", clock).code == 0
    offer = json.loads((folder(merlon, "pump-7") / "renewal.json").read_text(encoding="ascii"))
    shown = merlon.api.get("/v1/devices/pump-7")["credentials"][0]
    assert offer["certificate"] == shown["fingerprint"] and offer["start"] <= offer["end"]
    agent = run(merlon, processes, "pump-7", clock)
    wait_until(lambda: "renewal.done" in agent.log(), "it renews", 60)
    assert offer["start"] - 1 <= time.time() <= offer["end"] + 10
    assert json.loads((folder(merlon, "pump-7") / "renewal.json").read_text(encoding="ascii")) != offer
    assert agent.stop() == 0
