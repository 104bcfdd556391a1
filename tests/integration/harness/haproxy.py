# SPDX-License-Identifier: Apache-2.0
"""haproxy as a TCP load balancer in front of one port; it speaks to us from an address of its own."""
from pathlib import Path

from .ports import free_port
from .process import Process, Processes

ADDRESS = "127.0.0.9"


class Haproxy:
    def __init__(self, processes: Processes, folder: Path, target: int, options: str):
        """options of its server line, such as "send-proxy-v2"."""
        self.port = free_port()
        config = folder / f"haproxy-{self.port}.cfg"
        config.write_text(
            "global\n  maxconn 100\n"
            "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n  unique-id-format %{+X}o%ci%cp\n"
            f"listen merlon\n  bind 127.0.0.1:{self.port}\n"
            f"  server merlon 127.0.0.1:{target} source {ADDRESS} {options}\n", encoding="ascii")
        self.process: Process = processes.start(["/usr/sbin/haproxy", "-db", "-f", config])
        self.process.wait_for_port(self.port)
