# SPDX-License-Identifier: Apache-2.0
"""The daemon under test: configured, initialised, started, stopped, killed, restarted; and quick ways to get devices and
applications into it. How enrolment looks to foreign tools is in est.py."""
import base64
import http.client
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from .accounts import ensure_accounts
from .api import Api, HttpsApi
from .ca import Identity
from .client import TLS_1_3, MqttClient, tls_context
from .ports import free_port
from .process import Process, Processes, program
from .waiting import DEADLINE_S, wait_until

Settings = dict[str, dict[str, Any]]


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return json.dumps(value)


def config_text(settings: Settings, tables: list[tuple[str, dict[str, Any]]]) -> str:
    lines = []
    for name, keys in settings.items():
        lines += [f"[{name}]", *(f"{key} = {toml(value)}" for key, value in keys.items()), ""]
    for name, keys in tables:
        lines += [f"[[{name}]]", *(f"{key} = {toml(value)}" for key, value in keys.items()), ""]
    return "\n".join(lines)


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except OSError:  # it ended meanwhile
        return ""


def descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [found for child in children for found in (int(child), *descendants(int(child)))]


@dataclass
class Ended:
    """How a program run to its end went."""

    code: int
    out: str
    err: str


def run_program(name: str, *arguments: str | Path, env: dict[str, str] | None = None, timeout_s: float = DEADLINE_S) -> Ended:
    done = subprocess.run([str(program(name)), *map(str, arguments)], capture_output=True, check=False, timeout=timeout_s,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr_der(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def write_identity(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate_pem: bytes) -> Identity:
    identity = Identity(name, folder / f"{name}.key", folder / f"{name}.crt")
    identity.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
    identity.certificate.write_bytes(certificate_pem)
    return identity


@dataclass
class Merlon:
    processes: Processes
    folder: Path  # config, state and identities lie below it
    settings: Settings = field(default_factory=dict)
    tables: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    process: Process | None = None
    runs: list[Process] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)  # of the daemon
    killed: set[int] = field(default_factory=set)  # pids that a test ended on purpose: their exit code is its business

    def __post_init__(self) -> None:
        ensure_accounts()
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o711)
        self.mqtt_port, self.enrolment_port, self.management_port = free_port(), free_port(), free_port()
        defaults: Settings = {
            "server": {"state": str(self.state), "workers": 2},
            "mqtt": {"listen": f"127.0.0.1:{self.mqtt_port}"},
            "enrolment": {"listen": f"127.0.0.1:{self.enrolment_port}"},
            "management": {"listen": f"127.0.0.1:{self.management_port}"},
            "quota": {"connects": 0, "messages": 0, "bytes": "0"},  # tests are faster than devices
        }
        for name, keys in self.settings.items():
            defaults.setdefault(name, {}).update(keys)
        self.settings = defaults
        self.write_config()

    # --- files

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def config(self) -> Path:
        return self.folder / "merlon.conf"

    @property
    def root(self) -> Path:
        return self.state / "root.pem"

    @property
    def database(self) -> Path:
        return self.state / "store" / "merlon.db"

    def write_config(self) -> None:
        self.config.write_text(config_text(self.settings, self.tables), encoding="utf-8")

    # --- life

    def init(self) -> None:
        done = run_program("merlond", "init", "--config", self.config, env=self.env)
        assert done.code == 0, done.err

    def start(self, *options: str) -> "Merlon":
        self.process = self.processes.start([program("merlond"), "run", "--config", self.config, *options], self.env)
        self.runs.append(self.process)
        self.process.wait_for_log('"event":"server.ready"')
        return self

    def stop(self) -> None:
        """The daemon ends by itself, in good order."""
        assert self.process is not None
        code = self.process.stop(signal.SIGTERM)
        assert code == 0, f"merlond ended with {code} on SIGTERM:\n{self.process.log()}"
        self.process = None

    def kill(self) -> None:
        assert self.process is not None
        self.killed.add(self.process.pid)
        self.process.stop(signal.SIGKILL)
        self.process = None

    def restart(self) -> "Merlon":
        self.stop()
        return self.start()

    def log_lines(self) -> list[dict[str, Any]]:
        """The log of the present or last run."""
        return [json.loads(line) for line in self.runs[-1].log().splitlines() if line.startswith("{")]

    def key_process(self) -> int:
        """Its pid."""
        assert self.process is not None
        found = [pid for pid in descendants(self.process.pid) if name_of(pid) == "merlon-keys"]
        assert len(found) == 1, f"key processes of merlond: {found}"
        return found[0]

    def keeper(self) -> int:
        """The pid of what starts the key process again."""
        assert self.process is not None
        found = [pid for pid in descendants(self.process.pid) if name_of(pid) == "merlon-keeper"]
        assert len(found) == 1, f"keepers of merlond: {found}"
        return found[0]

    # --- ways in

    @property
    def api(self) -> Api:
        return Api(self.state / "api.sock")

    def https(self, identity: Identity | None) -> HttpsApi:
        return HttpsApi(self.management_port, self.root, identity)

    def cli(self, *arguments: str | Path) -> Ended:
        return run_program("merlon", "--server", f"unix:{self.state}/api.sock", *arguments)

    def client(self, identity: Identity | None, **options: Any) -> MqttClient:
        return MqttClient(self.mqtt_port, self.root, identity, **options)

    # --- who is known

    def add_device(self, name: str, group: str = "") -> None:
        self.api.post("/v1/devices", {"id": name, **({"group": group} if group else {})})

    def token(self, device: str, life: str = "1h") -> str:
        return self.api.post("/v1/tokens", {"device": device, "life": life})["token"]

    def enrol(self, name: str, token: str) -> Identity:
        """The leaf alone, as EST gives it: a device needs no more to connect."""
        key = new_key()
        context = tls_context(self.root, None, TLS_1_3)
        connection = http.client.HTTPSConnection("127.0.0.1", self.enrolment_port, timeout=DEADLINE_S, context=context)
        basic = base64.b64encode(f"{name}:{token}".encode()).decode()
        connection.request("POST", "/.well-known/est/simpleenroll", base64.encodebytes(csr_der(key, name)),
                           {"Content-Type": "application/pkcs10", "Authorization": f"Basic {basic}"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 200, f"{response.status}: {body!r}"
        leaf = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))[0]
        return write_identity(self.folder, name, key, leaf.public_bytes(serialization.Encoding.PEM))

    def device(self, name: str, group: str = "") -> Identity:
        """A device that is known and enrolled."""
        self.add_device(name, group)
        return self.enrol(name, self.token(name))

    def _account(self, kind: str, name: str, members: dict[str, Any]) -> Identity:
        self.api.post(f"/v1/{kind}", {"id": name, **members})
        key = new_key()
        csr = base64.b64encode(csr_der(key, name)).decode()
        made = self.api.post(f"/v1/{kind}/{name}/certificates", {"csr": csr})
        folder = self.folder / kind  # one name may be that of a device as well
        folder.mkdir(exist_ok=True)
        return write_identity(folder, name, key, made["certificate"].encode())

    def operator(self, name: str, *roles: str) -> Identity:
        return self._account("operators", name, {"roles": list(roles)})

    def application(self, name: str, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = ()) -> Identity:
        identity = self._account("applications", name, {})
        self.allow(f"application:{name}", publish, subscribe)
        return identity

    def allow(self, who: str, publish: tuple[str, ...] = (), subscribe: tuple[str, ...] = ()) -> str:
        """A role of its own for who, such as "device:pump-7" or "group:pumps". Gives its name."""
        role = "may-" + who.replace(":", "-") + f"-{len(self.api.all_of('/v1/roles'))}"
        rules = [{"publish": True, "filter": f} for f in publish] + [{"subscribe": True, "filter": f} for f in subscribe]
        if rules:
            self.api.post("/v1/roles", {"name": role, "rules": rules})
            self.api.post(f"/v1/roles/{role}/assignments", {"to": who})
        return role

    # --- what is on record

    def audit(self, **query: Any) -> list[dict[str, Any]]:
        """Entries, oldest first."""
        return self.api.all_of("/v1/audit", order="oldest", **query)

    def wait_for_entry(self, action: str, **wanted: Any) -> dict[str, Any]:
        """The newest entry of this action with these members ("actor_id" is that of its actor)."""
        found: list[dict[str, Any]] = []

        def member(entry: dict[str, Any], name: str) -> Any:
            return entry.get("actor", {}).get("id") if name == "actor_id" else entry.get(name)

        def is_there() -> bool:
            found[:] = [e for e in self.audit(action=action) if all(member(e, n) == v for n, v in wanted.items())]
            return bool(found)

        try:
            wait_until(is_there, f"audit entry {action} {wanted}")
        except TimeoutError as error:
            raise AssertionError(f"{error}; there are: {self.audit(action=action)}") from None
        return found[-1]

    def refusals(self, reason: str) -> float:
        return self.api.metric("merlon_connections_refused_total", f'reason="{reason}"')

    def wait_for_refusals(self, reason: str, count: float) -> None:
        """Exactly so many, and it stays so while the entry of the last one is written."""
        wait_until(lambda: self.refusals(reason) >= count, f"{count:.0f} refusals for {reason}")
        assert self.refusals(reason) == count

    def close(self) -> None:
        """At the end of a test: whatever runs must stop in good order."""
        if self.process is not None and self.process.is_running():
            self.stop()
        for run in self.runs:
            code = run.popen.poll()
            assert run.pid in self.killed or code == 0, f"merlond ended with {code}:\n{run.log()}"
