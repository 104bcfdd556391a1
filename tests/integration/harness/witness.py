# SPDX-License-Identifier: Apache-2.0
"""merlon-witness under test: initialised, started, killed, asked."""
import http.client
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .ca import CertificateAuthority
from .merlon import config_text, run_program
from .ports import free_port
from .process import Process, Processes, program
from .waiting import DEADLINE_S, wait_until


@dataclass(frozen=True)
class Answer:
    status: int
    content_type: str
    body: str
    headers: http.client.HTTPMessage


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path):
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE_S)
        self.sock.connect(str(self.path))


def answer_of(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> Answer:
    connection.request(method, path, body)
    response = connection.getresponse()
    return Answer(response.status, response.headers.get("Content-Type", ""), response.read().decode(), response.headers)


@dataclass
class Witness:
    """On a UNIX socket, or, with a certificate authority, with HTTPS on a port of loopback."""
    processes: Processes
    folder: Path
    vkeys: list[str]
    name: str = "witness.example/w1"
    ca: CertificateAuthority | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    state: Path = Path()
    port: int = 0
    vkey: str = ""
    process: Process | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        if self.state == Path():
            self.state = self.folder / "state"
        self.settings = {"name": self.name, "state": str(self.state), "rate": 100000} | self.settings
        if self.ca is None:
            self.settings.setdefault("listen", f"unix:{self.socket}")
        else:
            self.port, identity = free_port(), self.ca.server()
            self.settings |= {"listen": f"127.0.0.1:{self.port}", "certificate": str(identity.certificate),
                              "key": str(identity.key)}
        self.write_config()

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def config(self) -> Path:
        return self.folder / "witness.conf"

    def write_config(self) -> None:
        tables = [("log", {"vkey": vkey}) for vkey in self.vkeys]
        self.config.write_text(config_text({"witness": self.settings}, tables), encoding="utf-8")

    def init(self) -> "Witness":
        done = run_program("merlon-witness", "init", "--config", self.config)
        assert done.code == 0, done.err
        self.vkey = done.out.strip()
        return self

    def start(self) -> "Witness":
        self.process = self.processes.start([program("merlon-witness"), "run", "--config", self.config])
        self.process.wait_for_log("witness.ready")
        return self

    def stop(self) -> None:
        assert self.process is not None
        assert self.process.stop() == 0, self.process.log()

    def kill(self) -> None:
        """As a power cut: no time to finish anything."""
        assert self.process is not None
        self.process.popen.kill()
        self.process.popen.wait()

    def connection(self) -> http.client.HTTPConnection:
        if self.ca is None:
            return UnixConnection(self.socket)
        context = ssl.create_default_context(cafile=str(self.ca.certificate))
        return http.client.HTTPSConnection("localhost", self.port, timeout=DEADLINE_S, context=context)

    def ask(self, body: str | bytes, method: str = "POST", path: str = "/add-checkpoint") -> Answer:
        connection = self.connection()
        try:
            return answer_of(connection, method, path, body.encode() if isinstance(body, str) else body)
        finally:
            connection.close()

    def wait_until_it_answers(self) -> None:
        def answers() -> bool:
            try:
                return self.ask(b"", "GET").status == 405
            except OSError:
                return False

        wait_until(answers, "the witness answers")
