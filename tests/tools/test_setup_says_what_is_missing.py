# SPDX-License-Identifier: Apache-2.0
"""tools/setup on machines that are not as they should be: it touches nothing without need, and says in one sentence what to do."""
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
NEEDED = ("bash", "env", "dirname", "awk", "cat")
LIST = "gcc build # a compiler\nopenssl run\nclang check\n"


class Machine:
    """A folder as the whole PATH: what is not put there does not exist. Programs note how they were called."""

    def __init__(self, folder: Path):
        self.folder, self.bin = folder, folder / "bin"
        for name in ("bin", "tools", "packaging"):
            (folder / name).mkdir()
        shutil.copy(ROOT / "tools" / "setup", folder / "tools" / "setup")
        (folder / "packaging" / "debian-packages").write_text(LIST, encoding="utf-8")
        for name in NEEDED:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        (folder / "calls").touch()
        (folder / "calls").chmod(0o666)
        self.has()

    def put(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/bash\necho {name} $* >>{self.folder}/calls\n{body}\n", encoding="utf-8")
        (self.bin / name).chmod(0o755)

    def has(self, *packages: str) -> None:
        self.put("dpkg-query", "case ${@: -1} in " + "|".join(packages or ["none"]) + ") printf installed ;; *) exit 1 ;; esac")

    def setup(self, what: str, user: int | None = None) -> subprocess.CompletedProcess:
        return subprocess.run([self.folder / "tools" / "setup", what], env={"PATH": str(self.bin)}, capture_output=True, text=True,
                              check=False, user=user if os.geteuid() == 0 else None)

    def calls(self, name: str) -> list[str]:
        return [line for line in (self.folder / "calls").read_text(encoding="utf-8").splitlines() if line.split()[0] == name]


@pytest.fixture
def machine() -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="merlon-setup-", dir="/tmp"))
    folder.chmod(0o755)
    yield Machine(folder)
    shutil.rmtree(folder)


def assert_says(done: subprocess.CompletedProcess, sentence: str) -> None:
    assert (done.returncode, done.stderr) == (1, f"setup: {sentence}\n"), done


def test_apt_is_left_alone_when_nothing_is_missing(machine):
    machine.has("gcc", "openssl")
    machine.put("apt-get", "")
    done = machine.setup("build", NOBODY)
    assert (done.returncode, done.stdout) == (0, "setup: all 2 packages are there\n"), done
    assert machine.calls("apt-get") == []


def test_sudo_installs_what_is_missing_and_only_that(machine):
    machine.has("gcc", "clang")
    machine.put("apt-cache", "")
    machine.put("apt-get", "")
    machine.put("sudo", 'exec "$@"')
    done = machine.setup("check", NOBODY if os.geteuid() == 0 else None)
    assert done.returncode == 0, done
    assert machine.calls("apt-get") == ["apt-get install -y -q --no-install-recommends openssl"]
    assert len(machine.calls("sudo")) == 1


def test_unknown_packages_make_it_fetch_the_lists_first(machine):
    machine.put("apt-cache", "exit 100")
    machine.put("apt-get", "")
    machine.put("sudo", 'exec "$@"')
    assert machine.setup("build", NOBODY).returncode == 0
    assert [line.split()[1] for line in machine.calls("apt-get")] == ["update", "install"]


def test_not_debian(machine):
    (machine.bin / "dpkg-query").unlink()
    assert_says(machine.setup("build"), "this is not Debian (no apt-get): install what packaging/debian-packages lists by hand")


def test_neither_root_nor_sudo(machine):
    machine.put("apt-get", "")
    if os.geteuid() != 0:
        pytest.skip("without root there is no other user to try")
    assert_says(machine.setup("build", NOBODY), "not root and no sudo: as root, run: apt-get install gcc openssl")
    assert machine.calls("apt-get") == []


def test_no_network(machine):
    machine.put("apt-cache", "exit 100")
    machine.put("apt-get", "exit 100")
    machine.put("sudo", 'exec "$@"')
    assert_says(machine.setup("build"), "apt-get update failed: is there a network, and does /etc/apt name a Debian mirror?")


def test_a_package_that_cannot_be_installed(machine):
    machine.put("apt-cache", "")
    machine.put("apt-get", "[[ $1 == update ]]")
    machine.put("sudo", 'exec "$@"')
    assert_says(machine.setup("build"), "apt-get could not install: gcc openssl (its message is above: no network, or a wrong "
                "mirror in /etc/apt?); mend that and run this again")
    assert [line.split()[1] for line in machine.calls("apt-get")] == ["install", "update", "install"]


def test_wrong_use(machine):
    assert_says(machine.setup("everything"), "usage: tools/setup build|check")
