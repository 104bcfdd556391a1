# SPDX-License-Identifier: Apache-2.0
"""PKCS#10 requests with attributes that neither openssl req nor python3-cryptography writes."""
import base64

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

CHALLENGE_PASSWORD = "1.2.840.113549.1.9.7"
SMIME_CAPABILITIES = "1.2.840.113549.1.9.15"
DECRYPT_KEY_ID = "1.2.840.113549.1.9.16.2.37"  # RFC 4108 2.2.5
ASYMM_DECRYPT_KEY_ID = "1.2.840.113549.1.9.16.2.54"  # RFC 7030 4.4.1.2
AES_256_CBC = "2.16.840.1.101.3.4.1.42"
AES_128_CBC = "2.16.840.1.101.3.4.1.2"
RSA_OAEP = "1.2.840.113549.1.1.7"
DES_EDE3_CBC = "1.2.840.113549.3.7"
ORDERS = {  # FIPS 186-4 D.1.2: n
    "secp256r1": 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
    "secp384r1": int("ffffffffffffffffffffffffffffffffffffffffffffffff" "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
}


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    out = bytes([40 * first + second])
    for arc in rest:
        groups = [arc & 0x7f]
        while arc := arc >> 7:
            groups.append(arc & 0x7f | 0x80)
        out += bytes(reversed(groups))
    return der(0x06, out)


def octets(value: bytes) -> bytes:
    return der(0x04, value)


def capabilities(*dotted: str) -> bytes:
    return der(0x30, *(der(0x30, oid(one)) for one in dotted))


def spki(key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def csr_body(key, name: str, attributes: list[tuple[str, bytes]], good_signature: bool = True) -> bytes:
    """In base64. attributes: OID and the DER of its one value."""
    subject = der(0x30, der(0x31, der(0x30, oid("2.5.4.3"), der(0x0c, name.encode()))))
    encoded = sorted(der(0x30, oid(dotted), der(0x31, value)) for dotted, value in attributes)
    info = der(0x30, b"\x02\x01\x00", subject, spki(key), der(0xa0, *encoded))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, signature = oid("1.2.840.10045.4.3.2"), key.sign(info, ec.ECDSA(hashes.SHA256()))
    else:
        algorithm, signature = oid("1.2.840.113549.1.1.11") + b"\x05\x00", key.sign(info, padding.PKCS1v15(), hashes.SHA256())
    if not good_signature:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return base64.encodebytes(der(0x30, info, der(0x30, algorithm), der(0x03, b"\0" + signature)))


def _integer(number: int, zeros: int = 0) -> bytes:
    return der(0x02, bytes(zeros) + number.to_bytes(number.bit_length() // 8 + 1, "big"))


def respelled(request: bytes, algorithm: bytes = b"", zeros: int = 0) -> bytes:
    """The same request in other bytes (DER in, DER out), as anybody can write it: of ECDSA with (r, n - s) for (r, s) and so many
    needless zeros in front of r, of RSA with this content of the AlgorithmIdentifier."""
    csr = x509.load_der_x509_csr(request)
    key, signature = csr.public_key(), csr.signature
    if isinstance(key, ec.EllipticCurvePublicKey):
        r, s = decode_dss_signature(signature)
        signature = der(0x30, _integer(r, zeros), _integer(ORDERS[key.curve.name] - s))
    algorithm = algorithm or oid(csr.signature_algorithm_oid.dotted_string)
    again = der(0x30, csr.tbs_certrequest_bytes, der(0x30, algorithm), der(0x03, b"\0" + signature))
    assert again != request and (zeros or x509.load_der_x509_csr(again).is_signature_valid)
    return again
