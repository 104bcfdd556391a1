# SPDX-License-Identifier: Apache-2.0
"""merlond is killed in the steps of a renewal of the project's own agent, and in those of what an operator says about enrolments:
the agent always has one identity that works, and renews by itself when the daemon is back."""
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness.cut import Cut, Moment
from harness.est import Est
from harness.maker import Maker, csr_body, name, new_key
from harness.merlon import Merlon, run_program
from harness.process import Process, program
from harness.waiting import wait_until
from harness.ways import GIVES_CERTIFICATES, GONE

ASKED = Moment("the key process is asked", ("service",), "sendto")
SIGNED = Moment("the signed certificate is taken", ("service",), "recvfrom")
WRITTEN = Moment("its first page is written", ("writer",), "pwrite64")
SYNCED = Moment("it is forced to the disk", ("writer",), "fdatasync")
SENT = Moment("the answer is sent", ("worker",), "sendto")


def start_again(merlon: Merlon) -> None:
    assert merlon.process is not None
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(10)
    merlon.start()


def start_agent(merlon: Merlon) -> tuple[Process, Path]:
    merlon.add_device("pump-1")
    token, folder = merlon.folder / "pump-1.token", merlon.folder / "agent"
    token.write_text(merlon.token("pump-1"), encoding="ascii")
    done = run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--device", "pump-1", "--token-file", token, "--root", merlon.root, "--dir", folder)
    assert done.code == 0, done.err
    agent = merlon.processes.start([program("merlon-agent"), "run", "--dir", folder])
    agent.wait_for_log('"event":"connection.up"')
    return agent, folder


def held(folder: Path) -> str:
    pem = (folder / "identity.pem").read_bytes()
    return x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT"):]).fingerprint(hashes.SHA256()).hex()


def registered(merlon: Merlon) -> list[str]:
    found = [c["fingerprint"] for c in merlon.api.get("/v1/devices/pump-1")["credentials"]]
    entries = [e["details"]["fingerprint"] for e in merlon.audit(target="pump-1") if e["action"] in GIVES_CERTIFICATES]
    assert sorted(entries) == sorted(found)
    return found


def is_connected(merlon: Merlon) -> bool:
    return merlon.api.get("/v1/status")["connected"] == 1


@contextmanager
def holding_still(agent: Process) -> Iterator[None]:
    """It renews by itself as soon as it can, also while somebody looks."""
    agent.popen.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        agent.popen.send_signal(signal.SIGCONT)


def renew(agent: Process, folder: Path) -> None:
    before = held(folder)

    def is_renewed() -> bool:
        if held(folder) == before:
            agent.popen.send_signal(signal.SIGUSR1)  # the day on which it renews
        return held(folder) != before

    wait_until(is_renewed, "a renewal")


def test_the_agent_is_never_without_an_identity_and_renews_when_the_daemon_is_back(merlon):
    agent, folder = start_agent(merlon)
    for moment in (ASKED, SIGNED, WRITTEN, SYNCED):
        before = held(folder)
        with Cut(merlon.process.pid, moment, merlon.folder) as cut:
            agent.popen.send_signal(signal.SIGUSR1)
            wait_until(lambda: merlon.process.popen.poll() is not None, f"the end of the daemon before {moment.name}")
        assert cut.happened
        with holding_still(agent):
            start_again(merlon)
            assert held(folder) == before and before in registered(merlon)
        wait_until(lambda: is_connected(merlon), "the agent again")
        renew(agent, folder)
        with holding_still(agent):
            assert held(folder) in registered(merlon)
    assert agent.stop() == 0
    assert merlon.cli("audit", "verify").code == 0


# --- what an operator says

class Approval:
    """A device waits; its approval is one transaction."""

    action = "approval.approved"

    def __init__(self, merlon: Merlon, folder: Path):
        self.merlon, self.maker, self.key, self.number = merlon, Maker(folder), new_key(), 0
        merlon.api.post("/v1/makers", {"name": "acme", "ca": self.maker.roots.decode(), "approve": "manual"})

    def begin(self) -> None:
        self.number += 1
        self.idevid, self.key = self.maker.device(f"SN-{self.number}"), new_key()
        assert self.enrol() == 202

    def enrol(self) -> int:
        body = csr_body(self.key, name(cn=f"acme-SN-{self.number}"))
        return Est(self.merlon.enrolment_port, self.merlon.root).post("simpleenroll", body, "--cert", self.idevid.certificate, "--key",
                                                                      self.idevid.key).status

    def one(self) -> dict[str, Any]:
        return next(a for a in self.merlon.api.all_of("/v1/approvals") if a["device"] == f"acme-SN-{self.number}")

    def ask(self) -> int:
        return self.merlon.api.ask("POST", f"/v1/approvals/{self.path}/approve", {}).status

    def connect(self) -> None:
        self.path = self.one()["id"]

    def count(self) -> int:
        return len([a for a in self.merlon.api.all_of("/v1/approvals") if a["state"] in ("approved", "used")])

    def finish(self, done: bool) -> None:
        if not done:
            assert self.ask() < 300
        assert self.enrol() == 200


class Order:
    """All devices are to renew."""

    action = "renewal.ordered"

    def __init__(self, merlon: Merlon, folder: Path):
        self.merlon = merlon
        merlon.device("pump-1")

    def begin(self) -> None:
        pass

    def connect(self) -> None:
        pass

    def ask(self) -> int:
        return self.merlon.api.ask("POST", "/v1/renewals", {"rate": "1/h"}).status

    def count(self) -> int:
        return len(self.merlon.api.all_of("/v1/renewals"))

    def finish(self, done: bool) -> None:
        """It is in the list, where an operator who heard nothing sees it."""
        assert done or self.ask() < 300


def lose(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except GONE:
        return None


@pytest.mark.parametrize("kind", [Approval, Order])
def test_what_an_operator_says_is_said_or_not(kind, merlon, workdir):
    step = kind(merlon, workdir)
    for moment in (WRITTEN, SYNCED, SENT):
        step.begin()
        step.connect()
        before = step.count()
        with Cut(merlon.process.pid, moment, merlon.folder) as cut:
            assert lose(step.ask) is None
        assert cut.happened
        start_again(merlon)
        now = step.count()
        assert now - before in (0, 1) and len(merlon.audit(action=step.action)) == now
        assert now == before or moment != WRITTEN
        assert now > before or moment != SENT
        step.finish(done=now > before)
    assert merlon.cli("audit", "verify").code == 0
