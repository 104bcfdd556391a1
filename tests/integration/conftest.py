# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the integration tests. The helpers behind them are in harness/."""
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.api_stub import ApiStub  # noqa: E402
from harness.ca import CertificateAuthority  # noqa: E402
from harness.disk import mount_small, unmount  # noqa: E402
from harness.merlon import Merlon, Settings  # noqa: E402
from harness.mosquitto import Broker, start_mosquitto  # noqa: E402
from harness.process import Processes, program  # noqa: E402
from harness.tlogcheck import Tlogcheck, build_tlogcheck  # noqa: E402
from harness.waiting import DEADLINE_S  # noqa: E402
from harness.witness import Witness  # noqa: E402


def pytest_configure() -> None:
    """Hundreds of clients live in this process; a login shell of Debian gives it 1024 open files. And when it was started in
    the background of a shell, what it starts must hear Ctrl-C all the same."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Lets the fixtures see whether the test failed."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.stash[FAILED] = True


FAILED = pytest.StashKey[bool]()


@pytest.fixture
def workdir(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of this test alone. Other users may pass through, as the daemon and its key process are other users;
    they cannot list it. (pytest's tmp_path has mode 0700 above it.) It stays when the test fails."""
    folder = Path(tempfile.mkdtemp(prefix="merlon-test-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    if request.node.stash.get(FAILED, False):
        print(f"kept for a look: {folder}")
    else:
        shutil.rmtree(folder)


@pytest.fixture
def processes(workdir: Path) -> Iterator[Processes]:
    """Starts programs; at the end all are stopped by pid, and a sanitizer report in a log fails the test."""
    running = Processes(workdir)
    yield running
    running.close()


@pytest.fixture
def test_ca(workdir: Path) -> CertificateAuthority:
    return CertificateAuthority(workdir)


@pytest.fixture
def make_merlon(processes: Processes, workdir: Path) -> Iterator[Callable[..., Merlon]]:
    """A daemon that is configured and not yet initialised. At the end each stops in good order, or the test fails."""
    made: list[Merlon] = []

    def make(settings: Settings | None = None, tables: list | None = None) -> Merlon:
        made.append(Merlon(processes, workdir / f"merlon{len(made)}", settings or {}, tables or []))
        return made[-1]

    yield make
    for merlon in made:
        merlon.close()


@pytest.fixture
def start_merlon(make_merlon: Callable[..., Merlon]) -> Callable[..., Merlon]:
    """A daemon that runs, with settings of the test's own."""
    def start(settings: Settings | None = None, tables: list | None = None) -> Merlon:
        merlon = make_merlon(settings, tables)
        merlon.init()
        return merlon.start()

    return start


@pytest.fixture
def merlon(start_merlon: Callable[..., Merlon]) -> Merlon:
    return start_merlon()


@pytest.fixture
def small_disk(workdir: Path) -> Iterator[Path]:
    disk = workdir / "disk"
    if not mount_small(disk):
        pytest.skip("no right to mount a tmpfs")
    yield disk
    unmount(disk)


@pytest.fixture
def start_merlon_on_small_disk(small_disk: Path, start_merlon: Callable[..., Merlon]) -> Iterator[Callable[..., Merlon]]:
    """A daemon whose state is on the small disk, and nothing else of it."""
    started: list[Merlon] = []

    def start(settings: Settings | None = None, tables: list | None = None) -> Merlon:
        own = settings or {}
        merlon = start_merlon({**own, "server": {**own.get("server", {}), "state": str(small_disk / "state")}}, tables)
        merlon.__class__ = type("MerlonOnSmallDisk", (type(merlon),), {"state": small_disk / "state"})
        started.append(merlon)
        return merlon

    yield start
    for merlon in started:
        merlon.close()
        merlon.runs.clear()


@pytest.fixture
def merlon_on_small_disk(start_merlon_on_small_disk: Callable[..., Merlon]) -> Merlon:
    return start_merlon_on_small_disk()


@pytest.fixture
def mosquitto(processes: Processes, workdir: Path, test_ca: CertificateAuthority) -> Callable[..., Broker]:
    def start(extra: str = "") -> Broker:
        return start_mosquitto(processes, workdir, test_ca, extra)

    return start


@pytest.fixture
def stub(workdir: Path) -> Iterator[ApiStub]:
    """A management API that answers what the test says."""
    running = ApiStub(workdir).listen_unix()
    yield running
    running.close()


@pytest.fixture
def stub_cli(stub: ApiStub, workdir: Path) -> Callable[..., subprocess.CompletedProcess]:
    """The command line against that stub, in workdir."""
    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
        env = {"PATH": os.environ["PATH"], "TZ": "UTC", "MERLON_SERVER": stub.address, **environment}
        done = subprocess.run([program("merlon"), *arguments], capture_output=True, text=True, env=env, cwd=workdir,
                              timeout=DEADLINE_S, check=False)
        assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def tlogcheck(tmp_path_factory: pytest.TempPathFactory) -> Tlogcheck:
    """Go's own libraries judge a log that lies in files: tlogcheck(folder, vkey, *older_checkpoints)."""
    return build_tlogcheck(tmp_path_factory.mktemp("tlogcheck"))


@pytest.fixture
def make_witness(processes: Processes, workdir: Path) -> Iterator[Callable[..., Witness]]:
    """A witness of the logs with these keys, initialised and not yet started. At the end each stops in good order."""
    made: list[Witness] = []

    def make(vkeys: list[str], **arguments) -> Witness:
        made.append(Witness(processes, workdir / f"witness{len(made)}", vkeys, **arguments))
        return made[-1].init()

    yield make
    for witness in made:
        if witness.process is not None and witness.process.is_running():
            witness.stop()
