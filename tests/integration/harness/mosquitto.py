# SPDX-License-Identifier: Apache-2.0
"""A mosquitto broker with mutual TLS: the yardstick that clients and comparisons run against."""
from dataclasses import dataclass
from pathlib import Path

from .ca import CertificateAuthority
from .ports import free_port
from .process import Process, Processes


@dataclass(frozen=True)
class Broker:
    port: int
    ca_certificate: Path
    process: Process


def start_mosquitto(processes: Processes, folder: Path, ca: CertificateAuthority, extra: str = "") -> Broker:
    server = ca.server()
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\ncafile {ca.certificate}\ncertfile {server.certificate}\nkeyfile {server.key}\n"
        f"require_certificate true\nuse_identity_as_username true\nuser root\n{extra}\n", encoding="utf-8")
    process = processes.start(["/usr/sbin/mosquitto", "-c", config])
    process.wait_for_port(port)
    return Broker(port, ca.certificate, process)
