# SPDX-License-Identifier: Apache-2.0
"""Builds and runs tests/thirdparty/tlogcheck, which is written in Go and knows nothing of Merlon."""
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

Tlogcheck = Callable[..., "subprocess.CompletedProcess[str]"]


def build_tlogcheck(folder: Path) -> Tlogcheck:
    """Gives tlogcheck(log folder, vkey, *older checkpoint files). Debian's library lies where no module is looked for."""
    program = folder / "tlogcheck"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "", "CGO_ENABLED": "0",
                   "GOCACHE": str(ROOT / ".cache" / "go")}
    done = subprocess.run(["go", "build", "-trimpath", "-o", program, "./tests/thirdparty/tlogcheck"], cwd=ROOT,
                          env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr

    def run(log: Path, vkey: str, *older: Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([program, log, vkey, *older], capture_output=True, text=True, check=False, timeout=120)

    return run
