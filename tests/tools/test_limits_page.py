# SPDX-License-Identifier: Apache-2.0
"""docs/operate/limits.md says what the code says: every number of the configuration is there with its default, every limit
names tests, and these exist."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operate" / "limits.md").read_text(encoding="utf-8")
CONFIG = (ROOT / "server" / "main" / "config.c").read_text(encoding="utf-8")
KEY = re.compile(r'\{"(\w+)", MRL_CONFIG_(INTEGER|SIZE|DURATION), (?:KEY\((\w+), \w+\)|TELEMETRY\(\w+\)|(EXPORT)\(\w+\)),\s*"([^,]*)",')
NO_LIMIT = {"[server] workers", *(f"[quota] {what}_{ip}_bits" for what in ("source", "network") for ip in ("ipv4", "ipv6"))}  # choices

UNIT = re.compile(r"(\w+/\w+): (\w+)")
SCENARIO = re.compile(r"`(test_\w+)`")
FILE = re.compile(r"`(test_\w+\.py)`")
NOT_OURS = re.compile(r"no limit\b|the system's\b")  # there is nothing of ours to be shown
INTEGRATION = ROOT / "tests" / "integration"
SCENARIOS = {name for file in INTEGRATION.glob("test_*.py")
             for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)}

configured = {f"[{m[3] or (m[4] or 'telemetry').lower()}] {m[1]}": m[5].replace('\\"', "") for m in KEY.finditer(CONFIG)}
stated = re.findall(r"^\| \*\*`(\[\w+\] \w+)`\*\*[^|]*\| ([^|]+) \|", PAGE, re.MULTILINE)


def rows_of(page: str) -> list[tuple[str, str]]:
    """What is limited and what shows it, of all tables that have such a column."""
    rows, columns = [], 0
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if columns == 0 and cells and cells[-1] == "shown by":
            columns = len(cells)
        elif columns and not cells:
            columns = 0
        elif columns and set(cells[-1]) != {"-"}:
            rows.append((cells[0], cells[-1] if len(cells) == columns else "not as many cells as the table has columns"))
    return rows


def unit_exists(source: str, case: str) -> bool:
    folder, name = source.split("/")
    file = ROOT / "tests" / "unit" / folder / f"test_{name}.c"
    return file.exists() and f"static void {case}(void **state)" in file.read_text(encoding="utf-8")


def exists(test: str) -> bool:
    if unit := UNIT.fullmatch(test):
        return unit_exists(unit[1], unit[2])
    if file := FILE.fullmatch(test):
        return (INTEGRATION / file[1]).exists()
    scenario = SCENARIO.fullmatch(test)
    return scenario is not None and scenario[1] in SCENARIOS


def wrong_in(cell: str) -> list[str]:
    """The tests of a cell that do not exist, and whatever is none."""
    return [] if NOT_OURS.match(cell) else [test for test in cell.split(", ") if not exists(test)]


limits = rows_of(PAGE)


def test_there_is_something_to_compare():
    assert len(configured) > 20
    assert len(limits) > 200
    assert len(SCENARIOS) > 500


def test_every_configured_limit_is_on_the_page():
    assert set(configured) - {key for key, _ in stated} == NO_LIMIT


@pytest.mark.parametrize(("key", "default"), stated)
def test_a_default_is_that_of_the_configuration(key, default):
    assert default == configured[key]


@pytest.mark.parametrize(("limit", "cell"), limits)
def test_a_limit_is_shown_by_tests_that_exist(limit, cell):
    assert wrong_in(cell) == []


@pytest.mark.parametrize("good", [
    "net/conn: handshakes_in_progress_are_limited", "`test_the_harness_itself.py`", "no limit", "the system's, which it keeps",
    "net/conn: handshakes_in_progress_are_limited, `test_the_harness_itself.py`",
])
def test_what_exists_is_found(good):
    assert wrong_in(good) == []


@pytest.mark.parametrize("wrong", [
    "–", "", "net/conn: handshakes_are_not_limited", "net/con: handshakes_in_progress_are_limited", "net/conn", "`test_of_nobody`",
    "`test_of_nobody.py`", "test_the_harness_itself.py", "integration: of_nobody", "none", "nothing",
])
def test_what_does_not_exist_is_named_wherever_it_stands(wrong):
    assert wrong_in(wrong) == [wrong]
    good = "net/conn: handshakes_in_progress_are_limited"
    assert wrong_in(f"{good}, {wrong}") == wrong_in(f"{wrong}, {good}") == [wrong]


def test_a_row_counts_only_where_tests_are_named():
    page = "| a | shown by |\n| --- | --- |\n| x | – |\n| y |  |\n| z |\n\n| b | c |\n| --- | --- |\n| u | v |\n"
    assert rows_of(page) == [("x", "–"), ("y", ""), ("z", "not as many cells as the table has columns")]
