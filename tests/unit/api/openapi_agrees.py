#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""openapi_agrees.py PRINT_ROUTES OPENAPI: every route is described, every description is a route, with its permission."""
import re
import subprocess
import sys


def served(program):
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return {tuple(line.split(" ")) for line in lines}


def described(text):
    """Reads the file by its indentation, so that no YAML library is needed."""
    found, path, method = set(), None, None
    paths = text.split("\npaths:\n")[1].split("\ncomponents:\n")[0]
    for line in paths.splitlines():
        if match := re.fullmatch(r"  (/\S*):", line):
            path = match[1]
        elif match := re.fullmatch(r"    (get|put|post|patch|delete|head|options|trace):", line):
            method = match[1].upper()
        elif match := re.fullmatch(r"      x-permission: (\S+)", line):
            found.add((method, path, match[1]))
        elif re.fullmatch(r" {2,4}\S.*", line):
            sys.exit(f"not understood: {line}")
    return found



def dangling(text):
    """References to components that are not there."""
    there = set()
    section = None
    for line in text.split("\ncomponents:\n")[1].splitlines():
        if match := re.fullmatch(r"  (\w+):", line):
            section = match[1]
        elif match := re.match(r"    (\w+):", line):
            there.add(f"{section}/{match[1]}")
    used = set(re.findall(r"#/components/(\w+/\w+)", text))
    security = {name for name in there if name.startswith("securitySchemes/")}
    return sorted(used ^ (there - security))


def main():
    program, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    routes, descriptions = served(program), described(text)
    failures = [f"not described: {' '.join(r)}" for r in sorted(routes - descriptions)]
    failures += [f"not served: {' '.join(d)}" for d in sorted(descriptions - routes)]
    failures += [f"unknown or unused component: {name}" for name in dangling(text)]
    if len(routes) < 10:
        failures.append("the table of routes was not printed")
    print("\n".join(failures) or f"{len(routes)} routes agree")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
