# SPDX-License-Identifier: Apache-2.0
"""Where bytes lie: in the memory of a process, and in the files below a folder."""
import base64
import re
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20
LARGEST = 1 << 30  # a larger region is the shadow of a sanitizer


@dataclass(frozen=True)
class Secret:
    """What is looked for, under a name for messages."""

    name: str
    value: bytes

    def spellings(self) -> list[bytes]:
        """As it is, in hexadecimal, and in base64 wherever it begins in the three bytes of a group."""
        inner = []
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + self.value)
            inner.append(text[4 if shift else 0:-4])  # without the characters that hang on what stands beside it
        spelled = [self.value, self.value.hex().encode(), self.value.hex().upper().encode(), *inner]
        return [s for s in spelled + [s.translate(bytes.maketrans(b"+/", b"-_")) for s in inner] if len(s) >= 8]


def _pattern(secrets: list[Secret]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(sorted({re.escape(s) for secret in secrets for s in secret.spellings()})))


def _names(secrets: list[Secret], found: bytes) -> str:
    return ", ".join(secret.name for secret in secrets if found in secret.spellings())


def in_files(folder: Path, secrets: list[Secret]) -> list[str]:
    """Where below folder something stands."""
    pattern, hits = _pattern(secrets), []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        hits += [f"{path}: {_names(secrets, m.group())}" for m in pattern.finditer(path.read_bytes())]
    return hits


def _regions(pid: int) -> list[tuple[int, int, str]]:
    regions = []
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii").splitlines():
        fields = line.split(maxsplit=5)
        name = fields[5] if len(fields) == 6 else "anonymous"
        if "w" in fields[1] and not name.startswith(("[vvar", "[vdso", "[vsyscall")):
            start, end = (int(part, 16) for part in fields[0].split("-"))
            if end - start <= LARGEST:
                regions.append((start, end, name))
    return regions


def in_process(pid: int, secrets: list[Secret]) -> list[str]:
    """Where in the memory that the process can write something stands. For root."""
    pattern, hits, overlap = _pattern(secrets), [], max(len(s) for secret in secrets for s in secret.spellings())
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end, name in _regions(pid):
            at = start
            while at < end:
                memory.seek(at)
                try:
                    piece = memory.read(min(CHUNK + overlap, end - at))
                except OSError:
                    break  # a guard page
                hits += [f"{name} at {at + m.start():#x}: {_names(secrets, m.group())} in"
                         f" {piece[max(0, m.start() - 60):m.end() + 20]!r}"
                         for m in pattern.finditer(piece) if m.start() < CHUNK]
                at += CHUNK
    return hits
