# SPDX-License-Identifier: Apache-2.0
"""All cases: those of *.case and those that a rule makes."""
from cases import Case, written
from generated import generated


def every_case() -> list[Case]:
    return written() + generated()
