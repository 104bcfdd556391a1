# SPDX-License-Identifier: Apache-2.0
"""The cases of tests/conformance, each in the versions of MQTT that it names, all against one daemon; and those that somebody
wrote and that need no time once more over WebSocket."""
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.conformance import Door, Player, WebSocketDoor
from harness.merlon import Merlon
from harness.process import ROOT, Processes

sys.path.insert(0, str(ROOT / "tests" / "conformance"))

from cases import Case  # noqa: E402
from every import every_case  # noqa: E402

SETTINGS = {"mqtt": {"in_flight": 20, "packet_bytes": "4KiB", "keep_alive_max": "2m", "application_sessions": 100000,
                     "session_expiry_max": "1h"}}
CASES = [(case, version) for case in every_case() for version in case.statements]
OVER_WEBSOCKET = [(case, version) for case, version in CASES if case.file != "generated.py" and not case.takes_time]


@pytest.fixture(scope="module")
def merlon_of_all() -> Iterator[Merlon]:
    """One daemon for all cases."""
    folder = Path(tempfile.mkdtemp(prefix="merlon-test-", dir="/tmp"))
    folder.chmod(0o711)
    processes = Processes(folder)
    merlon = Merlon(processes, folder / "merlon", SETTINGS)
    merlon.init()
    yield merlon.start()
    merlon.close()
    processes.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def door(merlon_of_all: Merlon) -> Door:
    return Door(merlon_of_all, "")


@pytest.fixture(scope="module")
def websocket_door(merlon_of_all: Merlon) -> Door:
    return WebSocketDoor(merlon_of_all, "-ws")


def name_of(value: object) -> str:
    return value.name.replace(" ", "-").replace("::", ":") if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("case", "version"), CASES, ids=name_of)
def test_case(door: Door, request: pytest.FixtureRequest, case: Case, version: str) -> None:
    if case.missing:
        request.applymarker(pytest.mark.xfail(reason=case.missing, strict=True))
    Player(case, version, f"{CASES.index((case, version)):04x}", door).play()


@pytest.mark.parametrize(("case", "version"), OVER_WEBSOCKET, ids=name_of)
def test_case_over_websocket(websocket_door: Door, request: pytest.FixtureRequest, case: Case, version: str) -> None:
    if case.missing:
        request.applymarker(pytest.mark.xfail(reason=case.missing, strict=True))
    Player(case, version, f"{0x8000 + CASES.index((case, version)):04x}", websocket_door).play()
