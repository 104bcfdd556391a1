#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares a file of the tree with what the program writes now.
usage: same_as_written.py PROGRAM FILE ARGUMENT..."""
import difflib
import subprocess
import sys
from pathlib import Path


def main() -> int:
    program, path, arguments = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    written = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
    present = path.read_text(encoding="utf-8")
    sys.stdout.writelines(difflib.unified_diff(present.splitlines(True), written.splitlines(True), str(path), "written now"))
    return 0 if written == present and len(written) > 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
