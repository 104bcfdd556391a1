# SPDX-License-Identifier: Apache-2.0
"""docs/operate/limits.md says what the code says: every number of the configuration is there with its default, every other
one is that of its constants (limits.constants), every limit names tests, and these exist."""
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


def rows_of(page: str) -> list[tuple[str, str, str]]:
    """What is limited, all that is said of it, and what shows it: of all tables that have such a column."""
    rows, columns = [], 0
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if columns == 0 and cells and cells[-1] == "shown by":
            columns = len(cells)
        elif columns and not cells:
            columns = 0
        elif columns and set(cells[-1]) != {"-"}:
            shown = cells[-1] if len(cells) == columns else "not as many cells as the table has columns"
            rows.append((cells[0], " | ".join(cells[:-1]), shown))
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


def constants_of(text: str) -> dict[str, list[tuple[str, str]]]:
    """By how the row begins: file and name of each."""
    lines = [line.split(" | ") for line in text.splitlines() if not line.startswith("#")]
    return {begin: [tuple(one.split(" ")) for one in names.split(", ") if names != "-"] for begin, names in lines}


def value_of(file: str, name: str) -> int:
    found = re.findall(rf"\b{name} =\s*([\d(][^,}}/\n]*)", (ROOT / file).read_text(encoding="utf-8"))
    assert len(found) == 1, f"{name} in {file}"
    return eval(found[0].replace("U", ""), {"__builtins__": {}})  # digits, shifts and products of our own source


def spellings(name: str, value: int) -> set[str]:
    """How a page says it; the name of a time ends with its unit."""
    scales = [(1, "")]
    if name.endswith(("_S", "_MS")):
        second = 1000 if name.endswith("_MS") else 1
        scales = [(second * factor, f" {unit}") for factor, unit in ((1, "s"), (60, "min"), (3600, "h"), (86400, "days"))]
        scales.append((second * 86400, "d"))
    said = {f"{value / scale:g}{unit}" for scale, unit in scales}
    if scales == [(1, "")]:
        said = {str(value), f"{value:,}".replace(",", " "), *(f"{value / (1 << shift):g} {unit}" for shift, unit in ((10, "KiB"), (20, "MiB")))}
    return said


def says(row: str, name: str, value: int) -> bool:
    return any(re.search(rf"(?<![\w.]){re.escape(said)}(?!\w)", row) for said in spellings(name, value))


limits = rows_of(PAGE)
constants = constants_of((ROOT / "tests" / "tools" / "limits.constants").read_text(encoding="utf-8"))
fixed = [(limit, row) for limit, row, _ in limits if re.search(r"\d", row.split(" | ")[1]) and limit not in {key for key, _ in stated}
         and not re.match(r"\*\*`\[", limit)]


def line_of(limit: str) -> str:
    """The line of limits.constants that is about a row: the one that says most of how it begins."""
    return max((begin for begin in constants if limit.startswith(begin)), key=len, default="")


def test_there_is_something_to_compare():
    assert len(configured) > 20
    assert len(limits) > 200
    assert len(fixed) > 150
    assert len(SCENARIOS) > 500


def test_every_configured_limit_is_on_the_page():
    assert set(configured) - {key for key, _ in stated} == NO_LIMIT


@pytest.mark.parametrize(("key", "default"), stated)
def test_a_default_is_that_of_the_configuration(key, default):
    assert default == configured[key]


@pytest.mark.parametrize(("limit", "row"), fixed)
def test_a_fixed_number_is_that_of_its_constants(limit, row):
    assert line_of(limit) in constants, "it has no line in limits.constants"
    wrong = [(name, value_of(file, name)) for file, name in constants[line_of(limit)] if not says(row, name, value_of(file, name))]
    assert wrong == []


def test_every_line_of_constants_is_about_a_row():
    assert set(constants) == {line_of(limit) for limit, _ in fixed}


@pytest.mark.parametrize(("name", "value", "row", "agrees"), [
    ("A_MAX", 16384, "x | 16 KiB", True), ("A_MAX", 16385, "x | 16 KiB", False), ("A_MAX", 8, "x | 8, 16", True), ("A_MAX", 8, "x | 18", False),
    ("A_MAX", 1 << 24, "x | 16 777 216", True), ("A_MS", 2500, "x | 2.5 s", True), ("A_MS", 2500, "x | 2500", False), ("A_S", 3600, "x | 1 h", True),
    ("A_S", 5, "x | 2.5 s", False), ("A_S", 7 * 86400, "x | 7 days", True), ("A_S", 30 * 86400, "x | at most 30d", True),
])
def test_a_number_is_found_as_a_page_says_it(name, value, row, agrees):
    assert says(row, name, value) == agrees


@pytest.mark.parametrize(("limit", "cell"), [(limit, cell) for limit, _, cell in limits])
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


@pytest.mark.parametrize("test", sorted(set(re.findall(r"`test_\w+(?:\.py)?`", PAGE))))
def test_what_the_page_names_in_passing_exists_too(test):
    assert exists(test)


def test_a_row_counts_only_where_tests_are_named():
    page = "| a | shown by |\n| --- | --- |\n| x | – |\n| y |  |\n| z |\n\n| b | c |\n| --- | --- |\n| u | v |\n"
    assert [(limit, shown) for limit, _, shown in rows_of(page)] == [
        ("x", "–"), ("y", ""), ("z", "not as many cells as the table has columns")]
