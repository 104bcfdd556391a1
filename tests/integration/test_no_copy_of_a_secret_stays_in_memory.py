# SPDX-License-Identifier: Apache-2.0
"""What was secret and is over is nowhere in the daemon any more: its memory is read as root reads it. There are no
pre-shared keys yet; one-time tokens and data keys are what comes and goes."""
import base64
import os

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from harness.ca import openssl
from harness.csr import ASYMM_DECRYPT_KEY_ID, csr_body, octets
from harness.est import Est
from harness.memory import Secret, in_process
from harness.merlon import new_key
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of another account's process")


def secrets_of(token: str) -> list[Secret]:
    return [Secret("token text", token.encode()), Secret("token", base64.urlsafe_b64decode(token + "=="))]


def assert_forgotten(merlon, secrets: list[Secret]) -> None:
    """A moment may pass: a connection is closed after its answer."""
    found: list[str] = []

    def is_gone() -> bool:
        found[:] = in_process(merlon.process.pid, secrets)
        return not found

    try:
        wait_until(is_gone, "no copy in memory", deadline_s=5)
    except TimeoutError:
        pytest.fail("\n".join(found))


def test_the_search_finds_what_is_there(merlon):
    payload = os.urandom(32)
    identity = merlon.application("app", publish=("x",))
    with merlon.client(identity) as client:
        client.connect()
        client.publish("x", payload, retain=True)
    assert in_process(merlon.process.pid, [Secret("payload that is retained", payload)])


def test_a_used_token_is_forgotten(merlon):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    merlon.enrol("pump-7", token)
    assert_forgotten(merlon, secrets_of(token))


def test_a_cancelled_token_is_forgotten(merlon):
    merlon.add_device("pump-7")
    made = merlon.api.post("/v1/tokens", {"device": "pump-7", "life": "1h"})
    merlon.api.do("DELETE", f"/v1/tokens/{made['id']}")
    assert_forgotten(merlon, secrets_of(made["token"]))


def test_a_refused_token_is_forgotten(merlon):
    merlon.add_device("pump-7")
    token = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    with pytest.raises(AssertionError):
        merlon.enrol("pump-7", token)
    assert_forgotten(merlon, secrets_of(token))


def test_a_token_made_over_tls_is_forgotten(merlon):
    merlon.add_device("pump-7")
    api = merlon.https(merlon.operator("alice", "admin"))
    made = api.post("/v1/tokens", {"device": "pump-7"})
    merlon.api.do("DELETE", f"/v1/tokens/{made['id']}")
    assert_forgotten(merlon, secrets_of(made["token"]))


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_key_that_was_made_for_a_device_is_forgotten(start_merlon, encrypted):
    merlon = start_merlon(tables=[("profile", {"name": "made", "serverkeygen": True})])
    merlon.add_device("pump-7")
    own = new_key()
    attributes = [(ASYMM_DECRYPT_KEY_ID, octets(x509.SubjectKeyIdentifier.from_public_key(own.public_key()).digest))]
    est = Est(merlon.enrolment_port, merlon.root)
    est.url += "/made"
    body = csr_body(own, "pump-7", attributes if encrypted else [])
    answer = est.post("serverkeygen", body, "--user", f"pump-7:{merlon.token('pump-7')}")
    assert answer.status == 200
    part = answer.body.split(b"\r\n\r\n")[1].split(b"\r\n--")[0]
    key_der = base64.b64decode(part)
    if encrypted:
        (merlon.folder / "own.key").write_bytes(own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        signed = openssl("cms", "-decrypt", "-inform", "DER", "-inkey", merlon.folder / "own.key", given=key_der)
        at = signed.index(bytes.fromhex("020100301306072a8648ce3d0201"))  # version and algorithm of the one key in it
        key_der = signed[at - 3:at + signed[at - 1]]
    scalar = load_der_private_key(key_der, None).private_numbers().private_value.to_bytes(32, "big")
    secrets = [Secret("private scalar", scalar), Secret("the same, as OpenSSL keeps it", scalar[::-1])]
    if not encrypted:
        secrets.append(Secret("base64 of the key", part[:60]))
    assert_forgotten(merlon, secrets)
