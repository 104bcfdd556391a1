# SPDX-License-Identifier: Apache-2.0
"""Device code in the shape of the AWS fleet provisioning flow: the topics are AWS's, and one function moves them here. Message
order and members are those of aws-iot-device-sdk-python-v2/samples/fleetprovisioning.py; the transport is paho."""
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .ca import Identity
from .client import MqttClient
from .merlon import Merlon, new_key, write_identity

CODECS: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "json": (lambda value: json.dumps(value).encode(), json.loads),
    "cbor": (cbor2.dumps, cbor2.loads),
}


AWS_PREFIX = "$aws/"
PREFIX = "$merlon/provisioning/"


def here(topic: str) -> str:
    """All that changes in the code of a device, besides the endpoint."""
    return topic.replace(AWS_PREFIX, PREFIX, 1)


def csr_pem(key: ec.EllipticCurvePrivateKey, name: str = "AWS IoT Certificate") -> str:
    """Its subject is what such devices write: nothing that says who they are."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


class Rejected(Exception):
    def __init__(self, answer: dict[str, Any]):
        assert set(answer) - {"retryAfter"} == {"statusCode", "errorCode", "errorMessage"}, answer
        super().__init__(f"{answer['statusCode']} {answer['errorCode']}: {answer['errorMessage']}")
        self.status: int = answer["statusCode"]
        self.code: str = answer["errorCode"]
        self.message: str = answer["errorMessage"]
        self.retry_after: int = answer.get("retryAfter", 0)


@dataclass
class FleetDevice:
    """One that holds the claim and is connected with it."""

    client: MqttClient
    format: str = "json"

    def __post_init__(self) -> None:
        self.write, self.read = CODECS[self.format]

    def subscribe(self, topic: str) -> None:
        for answer in ("accepted", "rejected"):
            granted = self.client.subscribe(f"{here(topic)}/{answer}", 1)
            assert granted == 1, f"{topic}/{answer}: {granted:#x}"

    def ask(self, topic: str, payload: bytes) -> Any:
        self.client.publish(here(topic), payload, 1)
        return self.answer(topic)

    def answer(self, topic: str) -> Any:
        message = self.client.receive()
        if message.topic == f"{here(topic)}/rejected":
            raise Rejected(self.read(message.payload))
        assert message.topic == f"{here(topic)}/accepted", message.topic
        return self.read(message.payload)

    @property
    def create_topic(self) -> str:
        return f"$aws/certificates/create-from-csr/{self.format}"

    def register_topic(self, template: str) -> str:
        return f"$aws/provisioning-templates/{template}/provision/{self.format}"

    def create_certificate_from_csr(self, csr: str) -> dict[str, str]:
        return self.ask(self.create_topic, self.write({"certificateSigningRequest": csr}))

    def register_thing(self, template: str, token: str, parameters: dict[str, str]) -> dict[str, Any]:
        request = {"certificateOwnershipToken": token, "parameters": parameters}
        return self.ask(self.register_topic(template), self.write(request))

    def provision(self, template: str, parameters: dict[str, str], folder: Path) -> Identity:
        """The whole flow, in the order of the sample. Gives what the device keeps."""
        key = new_key()
        self.subscribe(self.create_topic)
        self.subscribe(self.register_topic(template))
        made = self.create_certificate_from_csr(csr_pem(key))
        thing = self.register_thing(template, made["certificateOwnershipToken"], parameters)
        return write_identity(folder, thing["thingName"], key, made["certificatePem"].encode())


METER = {
    "parameters": {"SerialNumber": {"pattern": "SN-[0-9][0-9][0-9]*"}, "Site": {"pattern": "[a-z]*", "default": "berlin"}},
    "device": "meter-${SerialNumber}",
    "group": "meters",
    "attributes": {"site": "${Site}"},
    "configuration": {"interval": "60", "place": "${Site}/${SerialNumber}"},
}


def set_template(merlon: Merlon, name: str = "meters", **changes: Any) -> dict[str, Any]:
    return merlon.api.do("PUT", f"/v1/templates/{name}", {**METER, **changes})


def make_claim(merlon: Merlon, name: str = "line-3", templates: tuple[str, ...] = ("meters",), uses: int = 100,
               life: str = "30d") -> Identity:
    """By the API, with a key of the test's own."""
    key = new_key()
    csr = csr_pem(key, name)
    made = merlon.api.post("/v1/claims", {"name": name, "templates": list(templates), "uses": uses, "life": life, "csr": csr})
    return write_identity(merlon.folder, name, key, made["certificate"].encode())
