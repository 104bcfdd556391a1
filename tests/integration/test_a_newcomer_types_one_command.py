# SPDX-License-Identifier: Apache-2.0
"""./quickstart from the first run to the second, and what it says when it cannot go on. It uses what the tests use, already
built; a machine with nothing installed is tried with tools/fresh-machine."""
import fcntl
import os
import re
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness.process import ROOT, build_folder
from harness.waiting import wait_until

LAST = re.compile(r"main job ok: ([A-Za-z0-9.-]+) published devices/\1/readings over TLSv1\.3, audit entry [1-9][0-9]*")


@pytest.fixture(autouse=True)
def only_one():
    """It takes ports on which nobody listens yet: two that start at once would take the same."""
    with open(Path(tempfile.gettempdir()) / f"merlon-test-quickstart-{os.getuid()}", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def quickstart(folder, *options) -> subprocess.CompletedProcess:
    return subprocess.run([ROOT / "quickstart", "--dir", folder, *options], env={**os.environ, "MERLON_BUILD": str(build_folder())},
                          capture_output=True, text=True, check=False, timeout=120)


def last_line(done: subprocess.CompletedProcess) -> str:
    return done.stdout.rstrip("\n").split("\n")[-1]


def port_of(folder, section: str) -> int:
    text = (folder / "merlond.conf").read_text(encoding="utf-8")
    return int(re.search(rf'\[{section}\]\nlisten = "127\.0\.0\.1:(\d+)"', text)[1])


def test_once_shows_the_main_job_and_again_with_the_same_identities(workdir):
    folder = workdir / "q"
    first = quickstart(folder, "--once")
    assert first.returncode == 0 and LAST.fullmatch(last_line(first)), first
    identity = (folder / "agent" / "identity.pem").read_bytes()
    root = (folder / "state" / "root.pem").read_bytes()
    second = quickstart(folder, "--once")
    assert second.returncode == 0 and LAST.fullmatch(last_line(second)), second
    assert (folder / "agent" / "identity.pem").read_bytes() == identity
    assert (folder / "state" / "root.pem").read_bytes() == root

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = port_of(folder, "mqtt")
        other.bind(("127.0.0.1", port))
        other.listen()
        third = quickstart(folder, "--once")
    assert third.returncode == 1
    assert third.stderr == (f"quickstart: merlond: 127.0.0.1:{port}: Address already in use; stop what listens there, or change "
                            f"the port in {folder}/merlond.conf, and run this again\n")


def test_it_shows_readings_and_how_to_watch_until_ctrl_c(workdir, processes):
    command = processes.start([ROOT / "quickstart", "--dir", workdir / "q"], {"MERLON_BUILD": str(build_folder())})
    command.wait_for_log("Ctrl-C stops both programs")
    wait_until(lambda: command.log().count("/readings") > 5, "readings")
    for part in ("merlon watch", "merlon device revoke", "mosquitto_sub --cafile", "/metrics", f"it lies in   {workdir}/q"):
        assert part in command.log()
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text(encoding="ascii").split()
    assert len(children) == 3, "daemon, agent, watcher"
    assert command.stop(signal.SIGINT) == 130
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in children), "all it started to end")


def test_a_wrong_argument():
    done = quickstart("/nonexistent", "--frob")
    assert (done.returncode, done.stderr) == (1, "quickstart: unknown argument --frob: see ./quickstart --help\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk(workdir):
    disk = workdir / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k,mode=0755", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("no right to mount a tmpfs")
    try:
        done = quickstart(disk / "q", "--once")
    finally:
        subprocess.run(["umount", disk], check=True)
    assert done.returncode == 1
    assert done.stderr.endswith(f"the disk of {disk}/q is full: make room there or choose another folder with --dir\n"), done
