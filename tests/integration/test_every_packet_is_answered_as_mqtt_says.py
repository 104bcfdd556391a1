# SPDX-License-Identifier: Apache-2.0
"""The cases of tests/conformance, each in the versions of MQTT that it names, all against one daemon."""
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.conformance import Door, Player
from harness.merlon import Merlon
from harness.process import ROOT, Processes

sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from cases import Case  # noqa: E402
from every import every_case  # noqa: E402

SETTINGS = {"mqtt": {"in_flight": 20, "packet_bytes": "4KiB", "keep_alive_max": "2m", "application_sessions": 100000,
                     "session_expiry_max": "1h"}}
CASES = [(case, version) for case in every_case() for version in case.statements]


@pytest.fixture(scope="module")
def door() -> Iterator[Door]:
    """One daemon for all cases."""
    folder = Path(tempfile.mkdtemp(prefix="merlon-test-", dir="/tmp"))
    folder.chmod(0o711)
    processes = Processes(folder)
    merlon = Merlon(processes, folder / "merlon", SETTINGS)
    merlon.init()
    merlon.start()
    yield Door(merlon)
    merlon.close()
    processes.close()
    shutil.rmtree(folder)


def name_of(value: object) -> str:
    return value.name.replace(" ", "-").replace("::", ":") if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("case", "version"), CASES, ids=name_of)
def test_case(door: Door, request: pytest.FixtureRequest, case: Case, version: str) -> None:
    if case.missing:
        request.applymarker(pytest.mark.xfail(reason=case.missing, strict=True))
    Player(case, version, f"{CASES.index((case, version)):04x}", door).play()
