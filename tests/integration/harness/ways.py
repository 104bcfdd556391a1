# SPDX-License-Identifier: Apache-2.0
"""Every way in which a certificate comes to be, cut into the same four pieces: what is there before, the connection, the one
request that faults are tried on, and what a device or an operator does with what is left to it."""
import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AttributeOID, NameOID

from .ca import Identity
from .client import TLS_1_2, tls_context
from .fleet import csr_pem, make_claim, set_template
from .maker import Maker
from .merlon import Merlon, csr_der, new_key, write_identity
from .mqtt import Closed, Mqtt
from .process import Processes
from .tpm_device import ProofConnection, TpmDevice, TpmMaker, b64
from .waiting import DEADLINE_S

GONE = (OSError, ssl.SSLError, http.client.HTTPException, Closed)
GIVES_CERTIFICATES = ("device.enrolled", "device.reenrolled")


@dataclass(frozen=True)
class Outcome:
    """status: as HTTP has them, also where the protocol has its own."""

    status: int
    text: str = ""
    certificate: bytes = b""  # DER
    key: bytes = b""  # PKCS#8, when the server made it
    headers: dict[str, str] | None = None


def pem_of(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


def fingerprint_of(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()


class EstLine:
    """One connection of TLS 1.2, whose binding Python can tell: each request proves that its sender holds the key now."""

    def __init__(self, merlon: Merlon, identity: Identity | None = None):
        context = tls_context(merlon.root, identity, TLS_1_2)
        self.http = http.client.HTTPSConnection("127.0.0.1", merlon.enrolment_port, timeout=DEADLINE_S, context=context)
        self.http.connect()

    def request(self, key: Any, name: str, renewal: bool = False) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        if renewal:  # RFC 7030 4.2.2
            uri = x509.UniformResourceIdentifier(f"urn:merlon:default:device:{name}")
            builder = builder.add_extension(x509.SubjectAlternativeName([uri]), False)
        binding = base64.b64encode(self.http.sock.get_channel_binding("tls-unique"))
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, binding)
        return base64.encodebytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))

    def post(self, operation: str, body: bytes, authorization: str = "") -> Outcome:
        headers = {"Content-Type": "application/pkcs10", **({"Authorization": authorization} if authorization else {})}
        self.http.request("POST", f"/.well-known/est/{operation}", body, headers)
        answer = self.http.getresponse()
        text = answer.read()
        self.http.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        if answer.status != 200:
            return Outcome(answer.status, text.decode(), headers=found)
        parts = [text] if found["content-type"].startswith("application/pkcs7") else \
            [part.split(b"--")[0] for part in text.split(b"\r\n\r\n")[1:]]
        leaf = pkcs7.load_der_pkcs7_certificates(base64.b64decode(parts[-1]))[0]
        return Outcome(200, certificate=leaf.public_bytes(serialization.Encoding.DER),
                       key=base64.b64decode(parts[0]) if len(parts) > 1 else b"")


class Way:
    """begin, connect, ask; after a fault connect, again: the device has its certificate. A way is used for many devices."""

    keys = True  # the key process signs in it
    judges = True  # before anything else the store is asked whether it may be
    settings: dict[str, dict[str, Any]] = {}
    tables: list[tuple[str, dict[str, Any]]] = []

    def __init__(self, merlon: Merlon, processes: Processes):
        self.merlon, self.name, self.key, self.before = merlon, "", new_key(), 0
        self.serial = 0

    @classmethod
    def prepare(cls, processes: Processes, folder: Path) -> dict[str, dict[str, Any]]:
        """What must be there before the daemon; gives settings of its own."""
        return cls.settings

    # --- the pieces

    def begin(self) -> None:
        self.serial += 1
        self.key = new_key()
        self.before = 0
        self.arrange(self.serial)
        self.before = self.progress()

    def arrange(self, number: int) -> None:
        raise NotImplementedError

    def connect(self) -> None:
        raise NotImplementedError

    def ask(self) -> Outcome:
        raise NotImplementedError

    def again(self, done: bool) -> Outcome:
        """After a fault, with what the device holds. done: its request was carried out, and the answer got lost."""
        self.connect()
        return self.ask()

    # --- what the server knows

    def credentials(self) -> list[dict[str, Any]]:
        return self.merlon.api.get(f"/v1/devices/{self.name}")["credentials"]

    def progress(self) -> int:
        """Grows by one with the request."""
        return len(self.credentials())

    def is_done(self) -> bool:
        now = self.progress()
        assert now in (self.before, self.before + 1), f"{self.before} before, {now} now"
        return now > self.before

    def assert_whole(self) -> None:
        """No certificate without its entry, and no entry without its certificate."""
        entries = [e["details"]["fingerprint"] for e in self.merlon.audit(target=self.name) if e["action"] in GIVES_CERTIFICATES]
        assert sorted(entries) == sorted(c["fingerprint"] for c in self.credentials()), self.name

    # --- the device afterwards

    def identity(self, outcome: Outcome) -> Identity:
        return write_identity(self.merlon.folder, self.name, self.key, pem_of(outcome.certificate))


class ByToken(Way):
    """EST simpleenroll with HTTP Basic."""

    operation, approval = "simpleenroll", False

    def arrange(self, number: int) -> None:
        self.name = f"pump-{number}"
        self.merlon.add_device(self.name)
        self.renew_token()

    def renew_token(self) -> None:
        made = self.merlon.api.post("/v1/tokens", {"device": self.name, "life": "1h", "approval": self.approval})
        self.token, self.token_id = made["token"], made["id"]

    def authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.token}".encode()).decode()

    def connect(self) -> None:
        self.line = EstLine(self.merlon)

    def ask(self) -> Outcome:
        return self.line.post(self.operation, self.line.request(self.key, self.name), self.authorization())

    def assert_whole(self) -> None:
        super().assert_whole()
        (token,) = (t for t in self.merlon.api.all_of("/v1/tokens") if t["id"] == self.token_id)
        assert (token["used"] == 1) == self.is_done(), f"{token} and {self.credentials()}"


class ByBearer(ByToken):
    """The same as RFC 6750 has it."""

    def authorization(self) -> str:
        return f"Bearer {self.token}"


class ByApprovedToken(ByToken):
    """A token whose device an operator has approved: this is the request that uses the approval."""

    approval = True

    def arrange(self, number: int) -> None:
        super().arrange(number)
        self.connect()
        assert self.ask().status == 202
        self.merlon.api.post(f"/v1/approvals/{self.approval_of()['id']}/approve")

    def approval_of(self) -> dict[str, Any]:
        (found,) = (a for a in self.merlon.api.all_of("/v1/approvals") if a["device"] == self.name)
        return found

    def assert_whole(self) -> None:
        super().assert_whole()
        assert self.approval_of()["state"] == ("used" if self.is_done() else "approved")


class ByServerMadeKey(ByToken):
    """EST serverkeygen. The key was in the answer and nowhere else: who lost it needs another token."""

    operation = "made/serverkeygen"
    tables = [("profile", {"name": "made", "serverkeygen": True})]

    def identity(self, outcome: Outcome) -> Identity:
        made = serialization.load_der_private_key(outcome.key, None)
        assert isinstance(made, ec.EllipticCurvePrivateKey)
        return write_identity(self.merlon.folder, self.name, made, pem_of(outcome.certificate))

    def again(self, done: bool) -> Outcome:
        self.connect()
        if done:
            refused = self.ask()
            assert refused.status == 401 and "token refused" in refused.text, refused
            self.before += 1
            self.renew_token()
            self.connect()
        return self.ask()


class WaitingForApproval(ByToken):
    """The request that makes an operator's list longer."""

    keys, approval = False, True

    def progress(self) -> int:
        return len([a for a in self.merlon.api.all_of("/v1/approvals") if a["device"] == self.name])

    def assert_whole(self) -> None:
        asked = [e for e in self.merlon.audit(action="approval.requested") if e["target"] == self.name]
        assert len(asked) == self.progress() - self.before

    def again(self, done: bool) -> Outcome:
        self.connect()
        assert self.ask().status == 202
        (waiting,) = (a for a in self.merlon.api.all_of("/v1/approvals") if a["device"] == self.name)
        self.merlon.api.post(f"/v1/approvals/{waiting['id']}/approve")
        self.connect()
        return self.ask()


class Renewal(Way):
    """EST simplereenroll: until the new certificate was seen the old one is good, so who lost the answer asks again."""

    def arrange(self, number: int) -> None:
        self.name = f"pump-{number}"
        self.present = self.merlon.device(self.name)

    def connect(self) -> None:
        self.line = EstLine(self.merlon, self.present)

    def ask(self) -> Outcome:
        return self.line.post("simplereenroll", self.line.request(self.key, self.name, renewal=True))

    def again(self, done: bool) -> Outcome:
        self.before += done
        return super().again(done)


class ByMaker(Way):
    """EST simpleenroll with an IDevID that an operator has approved."""

    def __init__(self, merlon: Merlon, processes: Processes):
        super().__init__(merlon, processes)
        self.maker = Maker(merlon.folder)
        merlon.api.post("/v1/makers", {"name": "acme", "ca": self.maker.roots.decode(), "approve": "manual", "jitp": True})

    def arrange(self, number: int) -> None:
        self.name, self.idevid = f"acme-SN-{number}", self.maker.device(f"SN-{number}")
        self.connect()
        assert self.ask().status == 202
        (waiting,) = self.merlon.api.all_of("/v1/approvals", state="pending")
        self.merlon.api.post(f"/v1/approvals/{waiting['id']}/approve")

    def connect(self) -> None:
        self.line = EstLine(self.merlon, self.idevid)

    def ask(self) -> Outcome:
        return self.line.post("simpleenroll", self.line.request(self.key, self.name))

    def assert_whole(self) -> None:
        super().assert_whole()
        (approval,) = (a for a in self.merlon.api.all_of("/v1/approvals") if a["device"] == self.name)
        assert approval["state"] == ("used" if self.is_done() else "approved")


class ByFirstConnection(Way):
    """Just-in-time provisioning: CONNECT with the certificate of a maker makes the device. Nothing is signed."""

    keys = False

    def __init__(self, merlon: Merlon, processes: Processes):
        super().__init__(merlon, processes)
        self.maker = Maker(merlon.folder)
        merlon.api.post("/v1/makers", {"name": "acme", "ca": self.maker.roots.decode(), "approve": "all", "jitp": True})

    def arrange(self, number: int) -> None:
        self.name, self.idevid = f"acme-SN-{number}", self.maker.device(f"SN-{number}")

    def progress(self) -> int:
        answer = self.merlon.api.ask("GET", f"/v1/devices/{self.name}")
        return len(answer.json()["credentials"]) if answer.status == 200 else 0

    def connect(self) -> None:
        self.client = Mqtt(self.merlon.mqtt_port, self.merlon.root, self.idevid)

    def ask(self) -> Outcome:
        try:
            answer = self.client.connect("x")
        finally:
            self.client.cut()
        leaf = x509.load_pem_x509_certificate(self.idevid.certificate.read_bytes())
        return Outcome({0: 200, 0x88: 503}.get(answer.reason, answer.reason), str(answer.props.get("reason_string", "")),
                       leaf.public_bytes(serialization.Encoding.DER))

    def credentials(self) -> list[dict[str, Any]]:
        return super().credentials() if self.progress() else []

    def identity(self, outcome: Outcome) -> Identity:
        return self.idevid


class _ByClaim(Way):
    def __init__(self, merlon: Merlon, processes: Processes):
        super().__init__(merlon, processes)
        set_template(merlon)
        self.claim = make_claim(merlon)

    def connect(self) -> None:
        self.client = Mqtt(self.merlon.mqtt_port, self.merlon.root, self.claim)
        self.client.connect("factory")
        topics = [f"{topic}/{answer}" for topic in (self.create_topic, self.register_topic) for answer in ("accepted", "rejected")]
        assert self.client.subscribe(*topics) == [1] * len(topics)

    create_topic = "$merlon/provisioning/certificates/create-from-csr/json"
    register_topic = "$merlon/provisioning/provisioning-templates/meters/provision/json"

    def exchange(self, topic: str, message: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """QoS 0: the answer is the first thing that comes back."""
        self.client.publish(topic, json.dumps(message).encode(), 0)
        answer = self.client.message()
        found = json.loads(answer.payload)
        return (200 if answer.topic.endswith("/accepted") else found["statusCode"]), found

    def create(self) -> Outcome:
        status, found = self.exchange(self.create_topic, {"certificateSigningRequest": csr_pem(self.key)})
        if status != 200:
            return Outcome(status, found["errorMessage"])
        leaf = x509.load_pem_x509_certificate(found["certificatePem"].encode())
        self.token = found["certificateOwnershipToken"]
        return Outcome(200, certificate=leaf.public_bytes(serialization.Encoding.DER))

    def register(self) -> Outcome:
        status, found = self.exchange(self.register_topic, {"certificateOwnershipToken": self.token,
                                                            "parameters": {"SerialNumber": f"SN-{self.serial:03}"}})
        if status != 200:
            return Outcome(status, found["errorMessage"])
        assert found["thingName"] == self.name
        return Outcome(200)

    def arrange(self, number: int) -> None:
        self.name = f"meter-SN-{number:03}"

    def credentials(self) -> list[dict[str, Any]]:
        answer = self.merlon.api.ask("GET", f"/v1/devices/{self.name}")
        return answer.json()["credentials"] if answer.status == 200 else []

    def ask_and_leave(self, ask: Any) -> Any:
        try:
            return ask()
        finally:
            self.client.cut()


class CreateFromCsr(_ByClaim):
    """Over MQTT with a claim: a certificate that opens nothing yet."""

    def progress(self) -> int:
        return len(self.merlon.audit(action="provisioning.certified"))

    def ask(self) -> Outcome:
        return self.ask_and_leave(self.create)

    def again(self, done: bool) -> Outcome:
        self.connect()
        made = self.create()
        assert made.status == 200 and self.register().status == 200, made
        self.client.cut()
        return made


class RegisterThing(_ByClaim):
    """What makes it the certificate of a device."""

    keys = False

    def arrange(self, number: int) -> None:
        super().arrange(number)
        self.connect()
        self.made = self.ask_and_leave(self.create)

    def ask(self) -> Outcome:
        told = self.ask_and_leave(self.register)
        return Outcome(told.status, told.text, self.made.certificate)

    def assert_whole(self) -> None:
        super().assert_whole()
        used = self.merlon.api.get("/v1/claims/line-3")["used"]
        made = [d for d in self.merlon.api.all_of("/v1/devices") if d["id"].startswith("meter-")]
        assert used == len(self.merlon.audit(action="provisioning.registered")) == len(made)


class ByTpm(Way):
    """A hardware proof for the next certificate: the last step, in which it is issued. One device, again and again."""

    @classmethod
    def prepare(cls, processes: Processes, folder: Path) -> dict[str, dict[str, Any]]:
        cls.maker = TpmMaker(folder)
        cls.tpm = TpmDevice(cls.maker.make(processes, folder, "tpm"), cls.maker, folder / "device").make_keys()
        return {"attestation": {"ek_roots": [str(cls.maker.root)], "challenge_life": "30s"}}

    def __init__(self, merlon: Merlon, processes: Processes):
        super().__init__(merlon, processes)
        self.name = "pump-7"
        self.present = merlon.device(self.name)

    def arrange(self, number: int) -> None:
        pass

    def connect(self) -> None:
        self.line = ProofConnection(self.merlon, None, self.present)
        begun = self.line.begin(self.tpm.claim())
        assert begun.status == 200, begun
        self.answer = self.tpm.answer(begun.json, self.name)
        self.answer["request"] = b64(self.tpm.request(self.name, uri=f"urn:merlon:default:device:{self.name}"))

    def ask(self) -> Outcome:
        answer = self.line.finish(self.answer)
        self.line.http.close()
        if answer.status != 200:
            return Outcome(answer.status, answer.text)
        return Outcome(200, certificate=base64.b64decode(answer.json["certificate"]))

    def again(self, done: bool) -> Outcome:
        self.before += done
        return super().again(done)

    def identity(self, outcome: Outcome) -> Identity:
        """Its key is in the TPM: the one it has had keeps working until then."""
        return self.present


class ForAnApplication(Way):
    """An operator has a certificate made over the API."""

    def arrange(self, number: int) -> None:
        self.name = f"app-{number}"
        self.merlon.api.post("/v1/applications", {"id": self.name})

    def connect(self) -> None:
        pass

    def ask(self) -> Outcome:
        csr = base64.b64encode(csr_der(self.key, self.name)).decode()
        answer = self.merlon.api.ask("POST", f"/v1/applications/{self.name}/certificates", {"csr": csr})
        if answer.status >= 300:
            return Outcome(answer.status, answer.text(), headers=answer.headers)
        leaf = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
        return Outcome(200, certificate=leaf.public_bytes(serialization.Encoding.DER))

    def again(self, done: bool) -> Outcome:
        self.before += done
        return super().again(done)

    def credentials(self) -> list[dict[str, Any]]:
        return self.merlon.api.get(f"/v1/applications/{self.name}")["credentials"]

    def assert_whole(self) -> None:
        entries = [e["details"]["fingerprint"] for e in self.merlon.audit(action="application.changed")
                   if e["target"] == self.name and "fingerprint" in e.get("details", {})]
        assert sorted(entries) == sorted(c["fingerprint"] for c in self.credentials())


class ForAClaim(Way):
    """An operator makes the certificate that a whole line of devices shares. Name and key are used up with it."""

    judges = False

    def __init__(self, merlon: Merlon, processes: Processes):
        super().__init__(merlon, processes)
        set_template(merlon)

    def arrange(self, number: int) -> None:
        self.name = f"line-{number}"

    def connect(self) -> None:
        pass

    def ask(self) -> Outcome:
        answer = self.merlon.api.ask("POST", "/v1/claims", {"name": self.name, "templates": ["meters"], "uses": 5, "life": "1d",
                                                             "csr": csr_pem(self.key, self.name)})
        if answer.status >= 300:
            return Outcome(answer.status, answer.text(), headers=answer.headers)
        leaf = x509.load_pem_x509_certificate(answer.json()["certificate"].encode())
        return Outcome(200, certificate=leaf.public_bytes(serialization.Encoding.DER))

    def again(self, done: bool) -> Outcome:
        if done:
            assert self.ask().status == 409
            self.merlon.api.post(f"/v1/claims/{self.name}/revoke", {"reason": "its answer was lost"})
            self.name, self.key, self.before = f"{self.name}-again", new_key(), 0
        return self.ask()

    def credentials(self) -> list[dict[str, Any]]:
        return [c for c in self.merlon.api.all_of("/v1/claims") if c["name"] == self.name]

    def assert_whole(self) -> None:
        entries = [e for e in self.merlon.audit(action="claim.created") if e["target"] == self.name]
        assert len(entries) == len(self.credentials())


WAYS: list[type[Way]] = [ByToken, ByBearer, ByApprovedToken, WaitingForApproval, ByServerMadeKey, Renewal, ByMaker, ByFirstConnection,
                         CreateFromCsr, RegisterThing, ByTpm, ForAnApplication, ForAClaim]
