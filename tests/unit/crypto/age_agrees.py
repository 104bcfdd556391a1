#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files of ours opened by Debian's age, files of age opened by us.
usage: age_agrees.py AGE_TOOL"""
import os
import shutil
import subprocess
import sys
import tempfile

CHUNK = 65536


def run(words, data=b""):
    done = subprocess.run(words, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{words}: {done.stderr.decode()}")
    return done.stdout


def same(left, right, what):
    if left != right:
        sys.exit(f"{what}: {len(left)} bytes, should be the same as {len(right)}")


def keygen(folder, name):
    path = os.path.join(folder, name)
    run(["age-keygen", "-o", path])
    with open(path, encoding="ascii") as file:
        text = file.read()
    return path, text, text.split("public key: ")[1].split()[0]


def main():
    tool = sys.argv[1]
    if shutil.which("age") is None:
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        first, text, recipient = keygen(folder, "first")
        _, _, other = keygen(folder, "other")
        same(run([tool, "recipient", text]).decode().strip(), recipient, "recipient")
        for size in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5):
            plain = os.urandom(size)
            ours = run([tool, "encrypt", other, recipient], plain)
            same(run(["age", "-d", "-i", first], ours), plain, f"ours, {size}")
            theirs = run(["age", "-r", other, "-r", recipient], plain)
            same(run([tool, "decrypt", text], theirs), plain, f"theirs, {size}")


main()
