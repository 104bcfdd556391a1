# SPDX-License-Identifier: Apache-2.0
"""Revocation as outsiders see it: lists and OCSP answers fetched over plain HTTP and judged by openssl and
python3-cryptography, which know nothing of Merlon."""
import base64
import http.client
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtensionOID

from .ca import Identity
from .merlon import Merlon
from .ports import free_port
from .process import Processes
from .waiting import wait_until

FAST = {"list_life": "10m", "list_every": "1m", "delta_every": "1s", "answer_life": "10m"}


def with_revocation(processes: Processes, folder: Path, **keys: Any) -> Merlon:
    """A daemon that tells outsiders, not started."""
    port = free_port()
    settings = {"revocation": {"listen": f"127.0.0.1:{port}", "url": f"http://127.0.0.1:{port}", **FAST, **keys}}
    merlon = Merlon(processes, folder, settings)
    merlon.init()
    return merlon


def load(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


class Outside:
    """What somebody with a network and no credential can get."""

    def __init__(self, merlon: Merlon):
        self.merlon = merlon
        self.port = int(merlon.settings["revocation"]["listen"].rpartition(":")[2])
        self.url = f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, content

    # --- lists

    @property
    def ca(self) -> x509.Certificate:
        """The issuing CA, as the daemon's own handshake shows it."""
        text = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.merlon.enrolment_port}", "-showcerts"],
                              input=b"", capture_output=True, check=False).stdout
        return x509.load_pem_x509_certificate(text[text.rindex(b"-----BEGIN", 0, text.rindex(b"-----BEGIN")):])

    def name(self, ending: str = "") -> str:
        key = self.ca.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
        return f"{key[:8].hex()}{ending}.crl"

    def list(self, ending: str = "") -> x509.CertificateRevocationList:
        path = f"/crl/{self.name(ending)}"
        wait_until(lambda: self.request("GET", path)[0] == 200, f"a list at {path}")
        status, headers, body = self.request("GET", path)
        assert status == 200 and headers["content-type"] == "application/pkix-crl"
        return x509.load_der_x509_crl(body)

    def wait_for_number(self, ending: str, above: int) -> x509.CertificateRevocationList:
        wait_until(lambda: number(self.list(ending)) > above, f"a list{ending} above {above}")
        return self.list(ending)

    def file(self, what: x509.CertificateRevocationList | x509.Certificate, name: str) -> Path:
        path = self.merlon.folder / name
        path.write_bytes(what.public_bytes(Encoding.PEM))
        return path

    # --- OCSP

    def ask(self, certificate: x509.Certificate, algorithm: hashes.HashAlgorithm = hashes.SHA1()) -> ocsp.OCSPResponse:
        der = request_for(certificate, self.ca, algorithm)
        status, headers, body = self.request("POST", "/ocsp", der, Content_Type="application/ocsp-request")
        assert status == 200 and headers["content-type"] == "application/ocsp-response"
        return ocsp.load_der_ocsp_response(body)

    def answer(self, certificate: x509.Certificate, algorithm: hashes.HashAlgorithm = hashes.SHA1()) -> ocsp.OCSPResponse:
        """Once it is known there: a certificate takes a second or two from its issuing."""
        wait_until(lambda: self.ask(certificate).response_status == ocsp.OCSPResponseStatus.SUCCESSFUL, "an answer")
        return self.ask(certificate, algorithm)


def request_for(certificate: x509.Certificate, ca: x509.Certificate, algorithm: hashes.HashAlgorithm = hashes.SHA1()) -> bytes:
    return ocsp.OCSPRequestBuilder().add_certificate(certificate, ca, algorithm).build().public_bytes(Encoding.DER)


def get_path(der: bytes) -> str:
    return "/ocsp/" + urllib.parse.quote(base64.b64encode(der).decode(), safe="")


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_oid(ExtensionOID.CRL_NUMBER).value.crl_number


def serials(crl: x509.CertificateRevocationList) -> set[int]:
    return {entry.serial_number for entry in crl}


def verify_answer(answer: ocsp.OCSPResponse, ca: x509.Certificate) -> None:
    """By hand: the delegate is the CA's, may sign answers, and did."""
    (delegate,) = answer.certificates
    ca.public_key().verify(delegate.signature, delegate.tbs_certificate_bytes, ec.ECDSA(delegate.signature_hash_algorithm))
    delegate.public_key().verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(answer.signature_hash_algorithm))
    assert delegate.issuer == ca.subject


def openssl_text(*arguments: str | Path) -> str:
    """Both outputs, whatever it says."""
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")
