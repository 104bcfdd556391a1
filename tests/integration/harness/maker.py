# SPDX-License-Identifier: Apache-2.0
"""A manufacturer as IEEE 802.1AR sees one, made with python3-cryptography: a root, an issuing CA, devices whose serial number
is in the subject."""
import base64
import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .ca import Identity

NEVER = datetime.datetime(9999, 12, 31, 23, 59, 59)  # 802.1AR: an IDevID has no end
HARDWARE_MODULE_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.4")


def now() -> datetime.datetime:
    return datetime.datetime.utcnow().replace(microsecond=0)


def name(**parts: str) -> x509.Name:
    oids = {"cn": NameOID.COMMON_NAME, "o": NameOID.ORGANIZATION_NAME, "serial": NameOID.SERIAL_NUMBER}
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in parts.items()])


def new_key(kind: str = "ec") -> Any:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def usage(**on: bool) -> x509.KeyUsage:
    every = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{bit: on.get(bit, False) for bit in every})


def hardware_module(serial: bytes) -> x509.SubjectAlternativeName:
    value = b"\x06\x02\x2a\x03\x04" + bytes([len(serial)]) + serial
    return x509.SubjectAlternativeName([x509.OtherName(HARDWARE_MODULE_NAME, b"\x30" + bytes([len(value)]) + value)])


@dataclass
class Authority:
    """A CA with its key."""

    certificate: x509.Certificate
    key: Any

    def sign(self, subject: x509.Name, public_key: Any, *extensions: tuple[x509.ExtensionType, bool],
             start: datetime.datetime | None = None, end: datetime.datetime = NEVER) -> x509.Certificate:
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self.certificate.subject).public_key(public_key)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(start or now() - datetime.timedelta(hours=1)).not_valid_after(end)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256())

    def subordinate(self, subject: x509.Name, key: Any, length: int | None = 0) -> "Authority":
        certificate = self.sign(subject, key.public_key(), (x509.BasicConstraints(True, length), True),
                                (usage(key_cert_sign=True, crl_sign=True), True),
                                (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
        return Authority(certificate, key)

    def crl(self, *revoked: x509.Certificate) -> bytes:
        builder = (x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject).last_update(now())
                   .next_update(now() + datetime.timedelta(days=1)).add_extension(x509.CRLNumber(1), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False))
        for certificate in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder()
                                                      .serial_number(certificate.serial_number)
                                                      .revocation_date(now()).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def new_root(subject: x509.Name, kind: str = "ec") -> Authority:
    key = new_key(kind)
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now() - datetime.timedelta(days=1))
                   .not_valid_after(NEVER).add_extension(x509.BasicConstraints(True, None), True)
                   .add_extension(usage(key_cert_sign=True, crl_sign=True), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
                   .sign(key, hashes.SHA256()))
    return Authority(certificate, key)


@dataclass
class Maker:
    folder: Path
    title: str = "Acme"
    kind: str = "ec"
    root: Authority = field(init=False)
    issuing: Authority = field(init=False)

    def __post_init__(self) -> None:
        self.root = new_root(name(o=self.title, cn=f"{self.title} Root"), self.kind)
        self.issuing = self.root.subordinate(name(o=self.title, cn=f"{self.title} Device CA"), new_key(self.kind))

    @property
    def roots(self) -> bytes:
        return pem(self.root.certificate)

    @property
    def bundle(self) -> bytes:
        return pem(self.root.certificate) + pem(self.issuing.certificate)

    def device(self, serial: str, *, subject: x509.Name | None = None, san: x509.SubjectAlternativeName | None = None,
               chain: bool = True, key: Any = None, by: Authority | None = None, file: str = "",
               end: datetime.datetime = NEVER, eku: bool = False) -> Identity:
        """An IDevID in files, as a device brings it; chain: with the issuing CA behind the leaf."""
        key, by = key or new_key(self.kind), by or self.issuing
        extensions = [(x509.BasicConstraints(False, None), True), (usage(digital_signature=True), True)]
        extensions += [(san, subject == name())] if san is not None else []  # RFC 5280 4.2.1.6: critical beside an empty subject
        extensions += [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)] if eku else []
        leaf = by.sign(subject if subject is not None else name(o=self.title, serial=serial), key.public_key(), *extensions,
                       start=min(now() - datetime.timedelta(hours=1), end - datetime.timedelta(hours=1)), end=end)
        stem = self.folder / (file or f"{self.title}-{serial}".replace("/", "_"))
        identity = Identity(serial, stem.with_suffix(".idevid.key"), stem.with_suffix(".idevid.crt"))
        identity.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                   serialization.NoEncryption()))
        identity.certificate.write_bytes(pem(leaf) + (pem(by.certificate) if chain else b""))
        return identity


def load(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate.read_bytes())


def load_key(identity: Identity) -> Any:
    return serialization.load_pem_private_key(identity.key.read_bytes(), None)


def csr_body(key: Any, subject: x509.Name) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.encodebytes(request.public_bytes(serialization.Encoding.DER))
