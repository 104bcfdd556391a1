# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0 (swtpm) and a PKCS#11 token (SoftHSM2) in software, each with its own state below the folder of a test."""
import os
import shutil
import subprocess
from pathlib import Path

from .ports import free_neighbours
from .process import Process, Processes

SOFTHSM_MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")


class Tpm:
    def __init__(self, processes: Processes, folder: Path, name: str = "tpm") -> None:
        self.processes, self.state = processes, folder / name
        self.state.mkdir()
        self.port = free_neighbours()  # commands and control, as its clients expect them
        self.process: Process | None = None

    @property
    def tcti(self) -> str:
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def start(self) -> "Tpm":
        """As after power-on: PCRs are new."""
        self.process = self.processes.start(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--flags", "not-need-init,startup-clear",
             "--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1",
             "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1"])
        self.process.wait_for_port(self.port)
        return self

    def stop(self) -> None:
        assert self.process is not None
        self.process.stop()

    def tool(self, name: str, *arguments: str) -> None:
        """One of tpm2-tools."""
        subprocess.run([f"tpm2_{name}", *arguments], check=True, capture_output=True,
                       env={**os.environ, "TPM2TOOLS_TCTI": self.tcti})


class Token:
    PIN, SO_PIN = "4711-0815", "security-officer"

    def __init__(self, folder: Path, owner: str | None, label: str = "merlon") -> None:
        self.folder, self.owner, self.label = folder / "softhsm", owner, label
        self.tokens, self.config = self.folder / "tokens", self.folder / "softhsm2.conf"
        self.tokens.mkdir(parents=True)
        self.config.write_text(f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n",
                               encoding="ascii")
        self.pin_file = folder / "pin"
        self.write_pin(self.PIN)
        self.create()

    @property
    def environment(self) -> str:
        return f"SOFTHSM2_CONF={self.config}"

    def create(self) -> None:
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", self.label, "--pin", self.PIN,
                        "--so-pin", self.SO_PIN], check=True, capture_output=True,
                       env={**os.environ, "SOFTHSM2_CONF": str(self.config)})
        if self.owner is not None:
            for path in (self.tokens, *self.tokens.rglob("*")):
                shutil.chown(path, self.owner, self.owner)

    def take_out(self) -> None:
        self.tokens.rename(self.folder / "drawer")
        self.tokens.mkdir()
        if self.owner is not None:
            shutil.chown(self.tokens, self.owner, self.owner)

    def put_back(self) -> None:
        shutil.rmtree(self.tokens)
        (self.folder / "drawer").rename(self.tokens)

    def write_pin(self, pin: str) -> None:
        self.pin_file.write_text(pin + "\n", encoding="ascii")
        self.pin_file.chmod(0o600)
