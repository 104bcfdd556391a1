# SPDX-License-Identifier: Apache-2.0
from cases import Case


def generated() -> list[Case]:
    return []
