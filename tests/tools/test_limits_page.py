# SPDX-License-Identifier: Apache-2.0
"""docs/operate/limits.md says what the code says: every number of the configuration is there with its default, and the tests
it names exist."""
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operate" / "limits.md").read_text(encoding="utf-8")
CONFIG = (ROOT / "server" / "main" / "config.c").read_text(encoding="utf-8")
KEY = re.compile(r'\{"(\w+)", MRL_CONFIG_(INTEGER|SIZE|DURATION), (?:KEY\((\w+), \w+\)|TELEMETRY\(\w+\)|(EXPORT)\(\w+\)),\s*"([^,]*)",')
NO_LIMIT = {"[server] workers", *(f"[quota] {what}_{ip}_bits" for what in ("source", "network") for ip in ("ipv4", "ipv6"))}  # choices

configured = {f"[{m[3] or (m[4] or 'telemetry').lower()}] {m[1]}": m[5].replace('\\"', "") for m in KEY.finditer(CONFIG)}
stated = re.findall(r"^\| \*\*`(\[\w+\] \w+)`\*\*[^|]*\| ([^|]+) \|", PAGE, re.MULTILINE)
named = sorted(set(re.findall(r"(\w+/\w+): (\w+) \|$", PAGE, re.MULTILINE)))


def test_there_is_something_to_compare():
    assert len(configured) > 20
    assert len(named) > 40


def test_every_configured_limit_is_on_the_page():
    assert set(configured) - {key for key, _ in stated} == NO_LIMIT


@pytest.mark.parametrize(("key", "default"), stated)
def test_a_default_is_that_of_the_configuration(key, default):
    assert default == configured[key]


@pytest.mark.parametrize(("source", "case"), named)
def test_a_test_that_is_named_exists(source, case):
    folder, name = source.split("/")
    text = (ROOT / "tests" / "unit" / folder / f"test_{name}.c").read_text(encoding="utf-8")
    assert f"static void {case}(void **state)" in text
