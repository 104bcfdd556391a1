# SPDX-License-Identifier: Apache-2.0
"""An operator takes the root key out while the daemon is stopped; its next start enters that, once."""
import getpass
import http.client
import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from harness.ports import free_port
from harness.process import Process, Processes, program

SENTENCE = "the root key was exported before; this is possible only once"


class OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class Installation:
    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.keys_user = "nobody" if os.geteuid() == 0 else getpass.getuser()
        user = "daemon" if os.geteuid() == 0 else getpass.getuser()
        self.config = folder / "merlond.toml"
        self.config.write_text(
            f'[server]\nstate = "{folder}/state"\nuser = "{user}"\nworkers = 1\n'
            f'[keys]\nuser = "{self.keys_user}"\n'
            + "".join(f'[{door}]\nlisten = "127.0.0.1:{free_port()}"\n' for door in ("mqtt", "enrolment", "management")))
        subprocess.run([program("merlond"), "init", "--config", self.config], check=True)
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text("correct horse battery\n")
        self.passphrase.chmod(0o600)

    def start(self) -> Process:
        daemon = self.processes.start([program("merlond"), "run", "--config", self.config])
        daemon.wait_for_log('"event":"server.ready"')
        return daemon

    def entries(self) -> list[dict]:
        connection = OverSocket(self.folder / "state" / "api.sock")
        connection.request("GET", "/v1/audit?action=ca.root_exported")
        answer = connection.getresponse()
        assert answer.status == 200
        return json.loads(answer.read())["items"]

    def export(self, out: Path) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program("merlon-keys"), "export-root", "--dir", self.folder / "state" / "keys", "--user", self.keys_user,
             "--out", out, "--export-passphrase-file", self.passphrase],
            capture_output=True, text=True, check=False)


@pytest.fixture
def merlon(workdir: Path, processes: Processes) -> Installation:
    return Installation(workdir, processes)


def public_key(*command: str | Path) -> str:
    return subprocess.run(["openssl", *command], check=True, capture_output=True, text=True).stdout


def test_while_the_daemon_runs_it_is_refused_and_costs_nothing(merlon: Installation) -> None:
    daemon = merlon.start()
    refused = merlon.export(merlon.folder / "root.pem")
    assert refused.returncode == 1
    assert "stop merlond, then try again" in refused.stderr
    assert not (merlon.folder / "root.pem").exists()
    assert merlon.entries() == []
    assert daemon.stop() == 0
    assert merlon.export(merlon.folder / "root.pem").returncode == 0


def test_it_works_once_and_is_entered_once(merlon: Installation) -> None:
    out = merlon.folder / "root.pem"
    assert merlon.start().stop() == 0
    assert merlon.export(out).returncode == 0
    assert (out.stat().st_mode & 0o777, out.stat().st_uid) == (0o600, os.geteuid())
    assert public_key("pkey", "-in", out, "-passin", f"file:{merlon.passphrase}", "-pubout") == \
        public_key("x509", "-in", merlon.folder / "state" / "root.pem", "-pubkey", "-noout")
    again = merlon.export(merlon.folder / "again.pem")
    assert (again.returncode, SENTENCE in again.stderr) == (1, True)
    assert not (merlon.folder / "again.pem").exists()
    for _ in range(2):
        daemon = merlon.start()
        assert [entry["actor"]["id"] for entry in merlon.entries()] == ["merlond"]
        assert daemon.stop() == 0
