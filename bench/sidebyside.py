# SPDX-License-Identifier: Apache-2.0
"""What the comparisons with mosquitto share: both brokers of this machine, started with mutual TLS, and the load of
merlon-sim on each by turns. Rounds alternate, so that what else the machine does meets both; a figure is the median."""
import argparse
import http.client
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from harness.ca import CertificateAuthority  # noqa: E402
from harness.mosquitto import start_mosquitto  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.process import Process, Processes  # noqa: E402

GROUP = "fleet"
# Everything a client does in a comparison is allowed in both: mosquitto has no list of rules, merlond one role.
RULES = [{"publish": True, "subscribe": True, "filter": "sim/#"}]


def arguments(description: str, rounds: int = 5) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=Path, default=ROOT / "build", help="build folder (default: build)")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"of each broker, by turns (default: {rounds})")
    parser.add_argument("--workers", type=int, default=2, help="threads of merlond (default: 2)")
    return parser


@dataclass
class Broker:
    name: str
    port: int
    pids: list[int]
    identity: list[str]  # options of merlon-sim: whom to trust, who the clients are
    sim: Path
    process: Process

    def load(self, scenario: str, *options: object) -> dict[str, float]:
        """One run of merlon-sim; what it found."""
        command = [self.sim, scenario, "--broker", f"127.0.0.1:{self.port}", *self.identity, "--json", *options]
        for pid in self.pids:
            command += ["--server", pid]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LoadFailed(f"{self.name}, {scenario}: {done.stderr.strip()}")
        return json.loads(done.stdout)


class LoadFailed(Exception):
    pass


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@dataclass
class Merlond:
    """One daemon of the comparison's own; settings are lines for sections of its configuration."""
    processes: Processes
    folder: Path
    build: Path
    workers: int
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port, self.enrolment_port = free_port(), free_port()
        self.config, self.root = self.folder / "merlond.conf", self.folder / "state" / "root.pem"
        # Accounts every Debian has, so that none need to be made.
        daemon, keys = ('user = "nobody"\n', 'user = "daemon"\n') if os.geteuid() == 0 else ("", "")
        sections = {"server": f'state = "{self.folder}/state"\nworkers = {self.workers}\n{daemon}',
                    "keys": f'program = "{self.build}/keys/merlon-keys"\nissue_rate = 10000\n{keys}',
                    "mqtt": f'listen = "127.0.0.1:{self.port}"\n',
                    # Counted as ever, but never reached.
                    "quota": 'connects = 1000000\nmessages = 10000000\nbytes = "1024GiB"\nretained = 4294967296\n'
                             'retained_bytes = "1024GiB"\n',
                    "enrolment": f'listen = "127.0.0.1:{self.enrolment_port}"\n',
                    "management": f'listen = "127.0.0.1:{free_port()}"\n'}
        for name, lines in self.settings.items():
            sections[name] = sections.get(name, "") + lines
        self.config.write_text("".join(f"[{name}]\n{lines}\n" for name, lines in sections.items()), encoding="utf-8")
        subprocess.run([self.build / "server" / "main" / "merlond", "init", "--config", self.config], check=True,
                       stdout=subprocess.DEVNULL)

    def start(self) -> Process:
        process = self.processes.start([self.build / "server" / "main" / "merlond", "run", "--config", self.config])
        process.wait_for_log('"event":"server.ready"')
        return process

    def call(self, method: str, path: str, body: dict) -> dict:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.folder / "state" / "api.sock"))
        connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text else {}

    def allow_topics(self) -> None:
        self.call("POST", "/v1/roles", {"name": "sim", "rules": RULES})
        self.call("POST", "/v1/roles/sim/assignments", {"to": f"group:{GROUP}"})

    def register(self, first: int, count: int) -> None:
        """Devices that are known and have never been seen."""
        rows = "".join(json.dumps({"id": f"known-{i}", "group": GROUP}) + "\n" for i in range(first, first + count))
        subprocess.run([self.build / "cli" / "merlon", "--server", f"unix:{self.folder}/state/api.sock", "device", "import", "-"],
                       input=rows, text=True, stdout=subprocess.DEVNULL, check=True)

    def enrol(self, clients: int, identities: Path) -> None:
        token = self.call("POST", "/v1/tokens", {"group": GROUP, "uses": clients, "life": "1h"})["token"]
        subprocess.run([self.build / "sim" / "merlon-sim", "enrol", "--est", f"127.0.0.1:{self.enrolment_port}", "--token", token,
                        "--ca", self.root, "--identities", identities, "--publishers", str(clients), "--subscribers", "0"],
                       check=True)

    def broker(self, process: Process, identities: Path) -> Broker:
        return Broker("merlond", self.port, [process.pid, *children(process.pid)],
                      ["--ca", str(self.root), "--identities", str(identities)], self.build / "sim" / "merlon-sim", process)


def merlond(processes: Processes, folder: Path, options: argparse.Namespace, clients: int,
            settings: dict[str, str] | None = None) -> Broker:
    """Started afresh after its clients were enrolled, so that enrolment is not in what is measured."""
    server = prepared(processes, folder, options, clients, settings)
    return server.broker(server.start(), folder / "identities.pem")


def prepared(processes: Processes, folder: Path, options: argparse.Namespace, clients: int,
             settings: dict[str, str] | None = None) -> Merlond:
    """Its clients are enrolled; it is stopped."""
    server = Merlond(processes, folder, options.build, options.workers, settings or {})
    process = server.start()
    server.allow_topics()
    server.enrol(clients, folder / "identities.pem")
    process.stop()
    return server


def mosquitto(processes: Processes, folder: Path, options: argparse.Namespace, extra: str = "") -> Broker:
    """As Debian ships it, with the certificate's name as user name, and no log to slow it down."""
    ca = CertificateAuthority(folder)
    started = start_mosquitto(processes, folder, ca, f"log_type error\n{extra}")
    return Broker("mosquitto", started.port, [started.process.pid], ["--ca", str(ca.certificate), "--mint", str(ca.key)],
                  options.build / "sim" / "merlon-sim", started.process)


def allow_open_files() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextmanager
def workplace(options: argparse.Namespace) -> Iterator[tuple[Processes, Path]]:
    """Everything is built; a folder that other accounts can reach; what was started there ends."""
    options.build = options.build.resolve()
    allow_open_files()
    subprocess.run(["ninja", "-C", options.build, "sim/merlon-sim", "server/main/merlond", "keys/merlon-keys", "cli/merlon"], check=True,
                   stdout=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        processes = Processes(folder)
        try:
            yield processes, folder
        finally:
            processes.close()


@contextmanager
def both(options: argparse.Namespace, clients: int, settings: dict[str, str] | None = None,
         extra: str = "") -> Iterator[tuple[Broker, Broker]]:
    """(merlond, mosquitto), running, with so many clients known."""
    with workplace(options) as (processes, folder):
        ours, theirs = folder / "ours", folder / "theirs"
        ours.mkdir(mode=0o711)
        theirs.mkdir(mode=0o711)
        yield merlond(processes, ours, options, clients, settings), mosquitto(processes, theirs, options, extra)


def by_turns(brokers: tuple[Broker, ...], rounds: int, scenario: str, *options: object) -> list[dict[str, float]]:
    """For each broker the medians of what its rounds found."""
    found: list[list[dict[str, float]]] = [[] for _ in brokers]
    for _ in range(rounds):
        for broker, results in zip(brokers, found):
            results.append(broker.load(scenario, *options))
    return [{name: statistics.median(r[name] for r in results if name in r) for name in results[0] if name != "scenario"}
            for results in found]


@dataclass
class Verdict:
    """Rows and whether they hold; the last line says it, the exit code too."""
    held: bool = True
    ratios: list[str] = field(default_factory=list)

    def row(self, name: str, text: str, ratio: float, holds: bool, budget: str) -> None:
        self.held &= holds
        self.ratios.append(f"{name} {ratio:.2f}")
        print(f"{name:<24} {text}; ratio {ratio:.2f} (budget {budget}){'' if holds else ': NOT HELD'}", flush=True)

    def end(self, what: str) -> int:
        print(f"ratio {what}: {', '.join(self.ratios)}; {'held' if self.held else 'NOT HELD'}")
        return 0 if self.held else 1
