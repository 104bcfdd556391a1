# SPDX-License-Identifier: Apache-2.0
"""Every program of a build carries the hardening that meson.build asks for, and those near keys link what they need and no more."""
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MERLON_BUILD", "build")
PROGRAMS = ["server/main/merlond", "keys/merlon-keys", "witness/merlon-witness", "cli/merlon", "device/merlon-agent"]


def readelf(option: str, program: str) -> str:
    path = BUILD / program
    if not path.exists():
        pytest.skip(f"{path} is not built")
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_address_is_chosen_at_random(program):
    assert "DYN (Position-Independent Executable file)" in readelf("-h", program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_its_tables_are_read_only_from_the_start(program):
    assert "GNU_RELRO" in readelf("-l", program)
    assert "NOW" in readelf("-d", program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_memory_is_writable_and_executable(program):
    for line in readelf("-l", program).splitlines():
        flags = line.split()[6:-1] if line.strip().startswith(("LOAD", "GNU_STACK")) else []
        assert not ("RWE" in flags or {"W", "E"} <= set("".join(flags))), line


@pytest.mark.parametrize("library", ["lib/base/libbase.a", "lib/net/libnet.a", "keys/libkeys_core.a"])
def test_our_code_is_made_for_control_flow_enforcement(library):
    """Looked for in our objects: Debian's start-up files lack the mark, and the linker drops it from the programs."""
    objects = readelf("-n", library).split("File: ")[1:]
    assert objects and all("IBT" in notes and "SHSTK" in notes for notes in objects)


@pytest.mark.parametrize("program", PROGRAMS)
def test_overruns_are_caught(program):
    symbols = readelf("-s", program)
    assert "__stack_chk_fail" in symbols
    assert "_chk@" in symbols, "no fortified call: is _FORTIFY_SOURCE on?"


NO_TPM_LIBRARY = ["server/main/merlond", "keys/merlon-keys", "cli/merlon"]


@pytest.mark.parametrize("program", NO_TPM_LIBRARY)
def test_no_tpm_library_is_linked_where_keys_are_proven_and_kept(program):
    """The challenge to a device's TPM (MakeCredential) is our own code; merlon-unlock alone talks to the TPM of the server."""
    needed = readelf("-d", program)
    assert "(NEEDED)" in needed and "tss2" not in needed
