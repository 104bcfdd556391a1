# SPDX-License-Identifier: Apache-2.0
"""rsyslog as a receiver of syslog over TLS: a foreign reader of what the daemon exports."""
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .ca import CertificateAuthority, Identity
from .ports import free_port
from .process import Process, Processes

# Each received message becomes one JSON line: header fields, structured data and message as rsyslog took them apart.
CONFIG = """
global(workDirectory="{folder}" maxMessageSize="64k" net.enableDNS="off"
       defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="{auth}")
module(load="mmpstrucdata")
template(name="line" type="list" option.jsonf="on") {{
  property(outname="facility" name="syslogfacility" format="jsonf")
  property(outname="severity" name="syslogseverity" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="raw_sd" name="structured-data" format="jsonf")
  property(outname="sd" name="$!rfc5424-sd" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="take" parser="rsyslog.rfc5424") {{
  action(type="mmpstrucdata" jsonRoot="$!")
  action(type="omfile" file="{out}" template="line" flushOnTXEnd="on" asyncWriting="off")
}}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="take")
"""


@dataclass
class Rsyslog:
    processes: Processes
    folder: Path
    ca: CertificateAuthority
    driver: str = "ossl"
    auth: str = "anon"
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def out(self) -> Path:
        return self.folder / "received.ndjson"

    def start(self) -> "Rsyslog":
        self.folder.mkdir(exist_ok=True)
        server: Identity = self.ca.server()
        config = self.folder / "rsyslog.conf"
        config.write_text(CONFIG.format(folder=self.folder, ca=self.ca.certificate, certificate=server.certificate,
                                        key=server.key, driver=self.driver, auth=self.auth, out=self.out, port=self.port),
                          encoding="ascii")
        self.process = self.processes.start(["/usr/sbin/rsyslogd", "-n", "-i", self.folder / "pid", "-f", config])
        self.process.wait_for_port(self.port)
        return self

    def stop(self) -> None:
        assert self.process is not None
        self.process.stop()

    def received(self) -> list[dict[str, Any]]:
        if not self.out.exists():
            return []
        return [json.loads(line) for line in self.out.read_text(encoding="utf-8").splitlines()]

    def entries(self) -> dict[int, dict[str, Any]]:
        """What was received, by number of the entry; an entry that came twice came the same."""
        found: dict[int, dict[str, Any]] = {}
        for message in self.received():
            entry = json.loads(message["msg"])
            assert found.setdefault(entry["seq"], entry) == entry
        return found
