# SPDX-License-Identifier: Apache-2.0
"""merlond is killed in the steps of a renewal of the project's own agent, and in those of what an operator says about enrolments
and CAs: the agent always has one identity that works, and renews by itself when the daemon is back."""
import os
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
from harness.waiting import DEADLINE_S, wait_until
from harness.ways import GIVES_CERTIFICATES, GONE

ASKED = Moment("the key process is asked", ("service",), "sendto")
SIGNED = Moment("the signed certificate is taken", ("service",), "recvfrom")
WRITTEN = Moment("its first page is written", ("writer",), "pwrite64")
SYNCED = Moment("it is forced to the disk", ("writer",), "fdatasync")
SENT = Moment("the answer is sent", ("worker",), "sendto")
OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()


def start_again(merlon: Merlon) -> None:
    assert merlon.process is not None
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(DEADLINE_S)
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
    """By registry and log alike; what is still under way when the agent stands still may come between the two looks."""
    found: list[str] = []

    def agree() -> bool:
        found[:] = [c["fingerprint"] for c in merlon.api.get("/v1/devices/pump-1")["credentials"]]
        entries = [e["details"]["fingerprint"] for e in merlon.audit(target="pump-1") if e["action"] in GIVES_CERTIFICATES]
        return sorted(entries) == sorted(found)

    wait_until(agree, "an entry for each certificate")
    return found


def is_connected(merlon: Merlon) -> bool:
    return merlon.api.get("/v1/status")["connected"] == 1


@contextmanager
def holding_still(agent: Process) -> Iterator[None]:
    """It renews by itself as soon as it can, also while somebody looks, and once more for a second signal."""
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
            assert {before, held(folder)} <= set(registered(merlon))
        wait_until(lambda: is_connected(merlon), "the agent again")
        renew(agent, folder)
        with holding_still(agent):
            assert held(folder) in registered(merlon)
    assert agent.stop() == 0
    assert merlon.cli("audit", "verify").code == 0


# --- what an operator says

class Approval:
    """A device waits; its approval is one transaction."""

    action, transactions = "approval.approved", 1

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

    action, transactions = "renewal.ordered", 1

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


class _CaStep:
    """Each round takes it on CAs that nothing else is done with."""

    action, transactions = "ca.retired", 1
    made: tuple[str, ...] = ("new-issuing",)  # in each round, by merlon-keys
    path = "/v1/ca/retire"

    def __init__(self, merlon: Merlon, folder: Path):
        self.merlon, self.round = merlon, 1

    def begin(self) -> None:
        self.round += 1
        self.merlon.stop()
        for command in self.made:
            done = run_program("merlon-keys", command, "--dir", self.merlon.state / "keys", *OWNER)
            assert done.code == 0, done.err
        self.merlon.start()
        self.prepare()

    def activate(self, kind: str) -> None:
        self.merlon.api.post("/v1/ca/activate", {"kind": kind, "number": self.round})

    def prepare(self) -> None:
        raise NotImplementedError

    def body(self) -> dict[str, Any]:
        raise NotImplementedError

    def connect(self) -> None:
        self.merlon.api.get("/v1/tokens")  # SQLite's first look after a transaction has calls of its own

    def ask(self) -> int:
        return self.merlon.api.ask("POST", self.path, self.body()).status

    def states(self) -> dict[str, str]:
        found = {f"{ca['kind']}-{ca['number']}": ca["state"] for ca in self.merlon.api.get("/v1/ca/generations")["items"]}
        for kind in ("root", "issuing"):
            assert [name.partition("-")[0] for name, state in found.items() if state == "active"].count(kind) == 1, found
        return found

    def count(self) -> int:
        return len(self.retired())

    def retired(self) -> list[str]:
        """As the store has it, and as the log tells it: no state without its entry."""
        found = [name for name, state in self.states().items() if state == "retired"]
        assert sorted(found) == sorted(e["target"] for e in self.merlon.audit(action="ca.retired"))
        return found

    def finish(self, done: bool) -> None:
        """By the same command; who enrols then gets a certificate of the CA that is active."""
        if not done:
            assert self.ask() < 300
        (active,) = (name for name, state in self.states().items() if state == "active" and name.startswith("issuing"))
        leaf = x509.load_pem_x509_certificate(self.merlon.device(f"pump-{self.round}").certificate.read_bytes())
        number = active.rpartition("-")[2]
        assert leaf.issuer.rfc4514_string() == "CN=Merlon Issuing CA" + ("" if number == "1" else f" {number}")


class Activation(_CaStep):
    """An issuing CA takes the place of the one before."""

    action, path = "ca.activated", "/v1/ca/activate"
    kind = "issuing"

    def prepare(self) -> None:
        pass

    def body(self) -> dict[str, Any]:
        return {"kind": self.kind, "number": self.round}

    def count(self) -> int:
        """Each was active once, so all but one are superseded."""
        return len([name for name, state in self.states().items() if name.startswith(self.kind) and state == "superseded"])


class ActivationOfARoot(Activation):
    kind, made = "root", ("new-root",)


class Retirement(_CaStep):
    """One issuing CA that is superseded goes."""

    def prepare(self) -> None:
        self.activate("issuing")

    def body(self) -> dict[str, Any]:
        return {"kind": "issuing", "number": self.round - 1, "force": True, "reason": "a rehearsal"}


class Rollover(_CaStep):
    """A root and the issuing CA under it go: a transaction each, the issuing CA first."""

    transactions = 2
    made = ("new-root", "new-issuing")
    path = "/v1/ca/rollover"

    def prepare(self) -> None:
        self.activate("root")
        self.activate("issuing")

    def body(self) -> dict[str, Any]:
        return {"force": True, "reason": "a rehearsal"}

    def retired(self) -> list[str]:
        """A root never goes before the CA under it."""
        found = super().retired()
        gone = [[name for name in found if name.startswith(kind)] for kind in ("issuing", "root")]
        for names, kind in zip(gone, ("issuing", "root")):
            assert sorted(names) == [f"{kind}-{n + 1}" for n in range(len(names))]
        assert len(gone[0]) - len(gone[1]) in (0, 1)
        return found


def lose(ask: Callable[[], int]) -> int | None:
    try:
        return ask()
    except GONE:
        return None


def cut_and_finish(step: Any, moment: Moment) -> int:
    """How many of its transactions were on the disk when the daemon was killed."""
    merlon = step.merlon
    step.begin()
    step.connect()
    before = step.count()
    with Cut(merlon.process.pid, moment, merlon.folder) as cut:
        assert lose(step.ask) is None
    assert cut.happened
    start_again(merlon)
    now = step.count()
    assert now - before in range(step.transactions + 1) and len(merlon.audit(action=step.action)) == now
    step.finish(done=now - before == step.transactions)
    assert step.count() == before + step.transactions
    return now - before


@pytest.mark.parametrize("kind", [Approval, Order, Activation, ActivationOfARoot, Retirement, Rollover])
def test_what_an_operator_says_is_said_or_not(kind, merlon, workdir):
    step = kind(merlon, workdir)
    assert cut_and_finish(step, WRITTEN) == 0
    cut_and_finish(step, SYNCED)
    assert cut_and_finish(step, SENT) == step.transactions
    assert merlon.cli("audit", "verify").code == 0


def test_a_rollover_cut_off_between_two_cas_is_finished_by_the_same_command(merlon, workdir):
    """The first of its transactions is in the write-ahead log when it is forced to the disk, and the second has not begun. (Now
    and then that moment is one of another transaction: the writer has a checkpoint of the log to write each second.)"""
    step = Rollover(merlon, workdir)
    assert any(cut_and_finish(step, SYNCED) == 1 for _ in range(5))
    assert {state for name, state in step.states().items() if name.endswith("-1")} == {"retired"}
    assert merlon.cli("audit", "verify").code == 0
