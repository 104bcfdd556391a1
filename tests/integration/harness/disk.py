# SPDX-License-Identifier: Apache-2.0
"""A file system of few MiB that a test fills and frees."""
import subprocess
from pathlib import Path


def mount_small(disk: Path, size: str = "3m") -> bool:
    """Only root can, and not in every container."""
    disk.mkdir()
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(disk)], capture_output=True,
                          check=False).returncode == 0


def unmount(disk: Path) -> None:
    subprocess.run(["umount", str(disk)], check=True)


def fill_to_the_brim(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                pass
