# SPDX-License-Identifier: Apache-2.0
"""A device with a TPM 2.0 that knows nothing of Merlon: swtpm with EK certificates of a maker of its own, tpm2-tools, and
HTTPS of Python."""
import base64
import json
import os
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from .hardware import Tpm
from .process import Processes

EK_RSA, EK_ECC = "0x81010001", "0x81010016"
KEY_HANDLE, AK_HANDLE = "0x81000101", "0x81000102"


class TpmMaker:
    """A maker of TPMs: a root and an issuing CA made by swtpm_localca, which signs EK certificates."""

    def __init__(self, folder: Path, name: str = "maker") -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self._write("localca.conf", f"statedir = {self.folder}\nsigningkey = {self.folder}/sign.pem\n"
                    f"issuercert = {self.folder}/issuer.pem\ncertserial = {self.folder}/serial\n")
        self._write("localca.options", "--platform-manufacturer Merlon\n--platform-version 1\n--platform-model test\n")
        self._write("setup.conf", f"create_certs_tool = /usr/bin/swtpm_localca\n"
                    f"create_certs_tool_config = {self.folder}/localca.conf\n"
                    f"create_certs_tool_options = {self.folder}/localca.options\nactive_pcr_banks = sha256\n")

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="ascii")

    @property
    def root(self) -> Path:
        return self.folder / "swtpm-localca-rootca-cert.pem"

    @property
    def issuer(self) -> bytes:
        return x509.load_pem_x509_certificate((self.folder / "issuer.pem").read_bytes()).public_bytes(Encoding.DER)

    def make(self, processes: Processes, folder: Path, name: str) -> Tpm:
        """A new TPM with its EKs and their certificates in it, powered on."""
        tpm = Tpm(processes, folder, name)
        subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", tpm.state, "--createek", "--ecc", "--create-ek-cert",
                        "--lock-nvram", "--overwrite", "--config", self.folder / "setup.conf", "--runas", "root",
                        "--write-ek-cert-files", tpm.state, "--logfile", self.folder / "setup.log"],
                       check=True, capture_output=True, stdin=subprocess.DEVNULL)
        return tpm.start()


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.text)


@dataclass
class TpmDevice:
    """Its files are those of tpm2-tools: context, public area, Name."""
    tpm: Tpm
    maker: TpmMaker
    folder: Path
    ek: str = EK_RSA

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)

    def tool(self, name: str, *arguments: str | Path) -> None:
        """One of tpm2-tools; without a resource manager what it leaves in the TPM has to be taken away."""
        subprocess.run([f"tpm2_{name}", *map(str, arguments)], check=True, capture_output=True,
                       env={**os.environ, "TPM2TOOLS_TCTI": self.tpm.tcti})
        if name != "flushcontext":
            self.tool("flushcontext", "-t")

    def path(self, name: str) -> Path:
        return self.folder / name

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def ek_certificate(self) -> bytes:
        return (self.tpm.state / ("ek-rsa2048.crt" if self.ek == EK_RSA else "ek-secp384r1.crt")).read_bytes()

    def make_keys(self, ak_algorithm: str = "ecc") -> "TpmDevice":
        self.tool("readpublic", "-c", self.ek, "-o", self.path("ek.pub"))
        scheme = "ecdsa" if ak_algorithm == "ecc" else "rsassa"
        self.tool("createak", "-C", self.ek, "-c", self.path("ak.ctx"), "-G", ak_algorithm, "-g", "sha256", "-s", scheme,
                  "-u", self.path("ak.pub"), "-n", self.path("ak.name"))
        self.make_key("key")
        return self

    def make_key(self, name: str, attributes: str = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign") -> None:
        if not self.path("srk.ctx").exists():
            self.tool("createprimary", "-C", "o", "-G", "ecc", "-c", self.path("srk.ctx"))
        self.tool("create", "-C", self.path("srk.ctx"), "-G", "ecc256:ecdsa-sha256", "-a", attributes,
                  "-u", self.path(f"{name}.pub"), "-r", self.path(f"{name}.priv"))
        self.tool("load", "-C", self.path("srk.ctx"), "-u", self.path(f"{name}.pub"), "-r", self.path(f"{name}.priv"),
                  "-c", self.path(f"{name}.ctx"))
        self.tool("readpublic", "-c", self.path(f"{name}.ctx"), "-f", "pem", "-o", self.path(f"{name}.pem"))

    def sign(self, name: str, data: bytes) -> bytes:
        self.path("digest").write_bytes(_sha256(data))
        self.tool("sign", "-c", self.path(f"{name}.ctx"), "-g", "sha256", "-s", "ecdsa", "-d", "-f", "plain",
                  "-o", self.path("signature"), self.path("digest"))
        return self.read("signature")

    def request(self, device: str, name: str = "key", uri: str = "", challenge: str = "") -> bytes:
        """PKCS#10 signed in the TPM."""
        attributes = (_wish_for(uri) if uri else b"") + (_challenge_password(challenge) if challenge else b"")
        return tpm_csr(device, self.read(f"{name}.pem"), lambda data: self.sign(name, data), attributes)

    def claim(self) -> dict[str, Any]:
        return {"ek_certificate": b64(self.ek_certificate()), "ek_chain": [b64(self.maker.issuer)],
                "ek_public": b64(self.read("ek.pub")), "ak_public": b64(self.read("ak.pub"))}

    def activate(self, challenge: dict[str, Any]) -> bytes:
        blob = b"\xba\xdc\xc0\xde\x00\x00\x00\x01" + base64.b64decode(challenge["credential_blob"]) + base64.b64decode(
            challenge["encrypted_secret"])
        self.path("credential").write_bytes(blob)
        session = ["-P", f"session:{self.path('session.ctx')}"] if self.ek == EK_RSA else []
        if session:  # the EK is used by whoever may use the endorsement hierarchy; swtpm's ECC one has an empty password
            self.tool("startauthsession", "--policy-session", "-S", self.path("session.ctx"))
            self.tool("policysecret", "-S", self.path("session.ctx"), "-c", "e")
        try:
            self.tool("activatecredential", "-c", self.path("ak.ctx"), "-C", self.ek, "-i", self.path("credential"),
                      "-o", self.path("secret"), *session)
        finally:
            if session:
                self.tool("flushcontext", self.path("session.ctx"))
        return self.read("secret")

    def keep(self, name: str, handle: str) -> None:
        """Persistent, so that a raw command can name it."""
        self.tool("evictcontrol", "-C", "o", "-c", self.path(f"{name}.ctx"), handle)

    def certify(self, nonce: bytes, name: str = "key", signer: str = "ak") -> None:
        """tpm2_certify always sends the same qualifyingData, so this is TPM2_Certify by hand. Part 3, 18.2"""
        self.keep(name, KEY_HANDLE)
        self.keep(signer, AK_HANDLE)
        try:
            answer = self.send(0x148, (KEY_HANDLE, AK_HANDLE), _tpm2b(nonce) + b"\x00\x10")
        finally:
            self.tool("evictcontrol", "-C", "o", "-c", KEY_HANDLE)
            self.tool("evictcontrol", "-C", "o", "-c", AK_HANDLE)
        size = int.from_bytes(answer[:2], "big")
        self.path("attest").write_bytes(answer[2:2 + size])
        self.path("attest.sig").write_bytes(answer[2 + size:])

    def send(self, command: int, handles: tuple[str, ...], parameters: bytes) -> bytes:
        """With empty passwords; gives the parameters of the answer."""
        sessions = (0x40000009).to_bytes(4, "big") + b"\x00\x00\x01\x00\x00"
        body = b"".join(int(handle, 16).to_bytes(4, "big") for handle in handles)
        body += (len(sessions) * len(handles)).to_bytes(4, "big") + sessions * len(handles) + parameters
        self.path("command").write_bytes(b"\x80\x02" + (10 + len(body)).to_bytes(4, "big") + command.to_bytes(4, "big") + body)
        self.tool("send", "-o", self.path("response"), self.path("command"))
        response = self.read("response")
        assert response[6:10] == bytes(4), response.hex()
        return response[14:14 + int.from_bytes(response[10:14], "big")]

    def answer(self, challenge: dict[str, Any], device: str, name: str = "key") -> dict[str, Any]:
        return self.answer_with(self.activate(challenge), challenge, device, name)

    def answer_with(self, secret: bytes, challenge: dict[str, Any], device: str, name: str = "key") -> dict[str, Any]:
        self.certify(base64.b64decode(challenge["nonce"]), name)
        return {"challenge": challenge["challenge"], "secret": b64(secret),
                "key_public": b64(self.read(f"{name}.pub")), "attest": b64(self.read("attest")),
                "signature": b64(self.read("attest.sig")), "request": b64(self.request(device, name))}


def _tpm2b(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _sha256(data: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def _length(n: int) -> bytes:
    if n < 0x80:
        return bytes([n])
    return bytes([0x81, n]) if n < 0x100 else b"\x82" + n.to_bytes(2, "big")


def _tlv(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _length(len(content)) + content


def _wish_for(uri: str) -> bytes:
    """extensionRequest with subjectAltName. RFC 2985 5.4.2"""
    san = _tlv(0x30, bytes.fromhex("0603551d11") + _tlv(0x04, _tlv(0x30, _tlv(0x86, uri.encode()))))
    return _tlv(0x30, bytes.fromhex("06092a864886f70d01090e") + _tlv(0x31, _tlv(0x30, san)))


def _challenge_password(text: str) -> bytes:
    """RFC 2985 5.4.1"""
    return _tlv(0x30, bytes.fromhex("06092a864886f70d010907") + _tlv(0x31, _tlv(0x0c, text.encode())))


def tpm_csr(device: str, public_pem: bytes, sign: Callable[[bytes], bytes], attributes: bytes = b"") -> bytes:
    """RFC 2986: the request of an EC key that only signs."""
    key = load_pem_public_key(public_pem)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, device)]).public_bytes()
    info = _tlv(0x30, b"\x02\x01\x00" + name + spki + _tlv(0xa0, attributes))
    signature = sign(info)
    utils.decode_dss_signature(signature)  # it is DER
    algorithm = bytes.fromhex("300a06082a8648ce3d040302")
    return _tlv(0x30, info + algorithm + _tlv(0x03, b"\x00" + signature))


class ProofConnection:
    """One TLS connection to the port of enrolment: a challenge is answered where it was given."""

    def __init__(self, merlon: Any, token: tuple[str, str] | str | None, certificate: Any = None,
                 version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        """token: with its device by HTTP Basic, alone as a bearer token."""
        context = ssl.create_default_context(cafile=str(merlon.root))
        context.minimum_version = context.maximum_version = version
        if certificate is not None:
            context.load_cert_chain(certificate.certificate, certificate.key)
        self.http = HTTPSConnection("127.0.0.1", merlon.enrolment_port, context=context, timeout=20)
        self.headers = {"Content-Type": "application/json"}
        if isinstance(token, str):
            self.headers["Authorization"] = f"Bearer {token}"
        elif token is not None:
            self.headers["Authorization"] = "Basic " + b64(":".join(token).encode())

    def post(self, step: str, body: dict[str, Any]) -> Answer:
        self.http.request("POST", f"/.well-known/merlon/attest/{step}", json.dumps(body), self.headers)
        response = self.http.getresponse()
        return Answer(response.status, response.read().decode(), {n.lower(): v for n, v in response.headers.items()})

    def binding(self) -> str:
        """For challengePassword; TLS 1.2 only. RFC 7030 3.5"""
        if self.http.sock is None:
            self.http.connect()
        return b64(self.http.sock.get_channel_binding("tls-unique"))

    def enrol(self, request: bytes) -> int:
        """EST, without any proof. Gives the status."""
        self.http.request("POST", "/.well-known/est/simpleenroll", b64(request),
                          {**self.headers, "Content-Type": "application/pkcs10"})
        response = self.http.getresponse()
        response.read()
        return response.status

    def begin(self, body: dict[str, Any]) -> Answer:
        return self.post("begin", body)

    def finish(self, body: dict[str, Any]) -> Answer:
        return self.post("finish", body)
