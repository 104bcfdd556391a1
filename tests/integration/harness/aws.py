# SPDX-License-Identifier: Apache-2.0
"""Devices that run AWS's own SDK: tests/thirdparty/awsdevice, with aws-iot-device-sdk-v2 of the npm registry this machine is set to."""
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .ca import Identity
from .fleet import AWS_PREFIX, PREFIX
from .merlon import Merlon

PROGRAMS = Path(__file__).resolve().parents[2] / "thirdparty" / "awsdevice"
AS_OF = "2026-11-28"  # what the SDK depends on is as old as that, too
NOBODY_ANSWERS = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT",
                  "ERR_SOCKET_TIMEOUT")


def install_sdk(folder: Path) -> Path:
    """Skips the test on a machine without node or without a way to a registry. Nothing of the packages is run by npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node or no npm here: AWS's SDK cannot be tried")
    shutil.copytree(PROGRAMS, folder, dirs_exist_ok=True)
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", f"--before={AS_OF}",
                           "--fetch-retries=0", "--fetch-timeout=20000"],
                          cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0 and any(reason in done.stderr for reason in NOBODY_ANSWERS):
        pytest.skip("the npm registry does not answer: AWS's SDK cannot be tried")
    assert done.returncode == 0, done.stderr
    move_topics(folder / "node_modules" / "aws-iot-device-sdk-v2" / "dist" / "iotidentity")
    return folder


def move_topics(client: Path) -> None:
    """The one change in the SDK: the prefix of its topics."""
    moved = 0
    for file in client.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        moved += text.count(AWS_PREFIX)
        file.write_text(text.replace(AWS_PREFIX, PREFIX), encoding="utf-8")
    assert moved > 0, f"no topic of AWS's in {client}"


class Refused(Exception):
    def __init__(self, result: dict[str, Any]):
        super().__init__(result["error"])
        self.rejected: dict[str, Any] = result.get("rejected") or {}


@dataclass
class AwsDevice:
    """way: v2 and mqtt5 speak MQTT 5.0, mqtt311 speaks 3.1.1."""

    sdk: Path
    merlon: Merlon
    way: str
    port: int

    def run(self, program: str, client_id: str, identity: Identity, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = ["node", program, self.way, "127.0.0.1", str(self.port), client_id, self.merlon.root, identity.certificate,
                   identity.key, *arguments]
        return subprocess.run(command, cwd=self.sdk, capture_output=True, text=True, check=False, timeout=120)

    def provision(self, claim: Identity, csr: Path | None, parameters: dict[str, str]) -> dict[str, Any]:
        """What both answers were. Without csr, the server is asked to make the key."""
        done = self.run("provision.js", "factory", claim, csr or "-", "meters", json.dumps(parameters))
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        if done.returncode != 0:
            raise Refused(result)
        return result

    def publish(self, identity: Identity, topic: str, text: str) -> None:
        done = self.run("publish.js", identity.name, identity, topic, text)
        assert done.returncode == 0, done.stdout + done.stderr
