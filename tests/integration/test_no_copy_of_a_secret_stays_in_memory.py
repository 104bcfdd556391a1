# SPDX-License-Identifier: Apache-2.0
"""What was secret and is over is nowhere in the daemon any more: its memory is read as root reads it."""
import base64
import os
import re
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from harness.ca import openssl
from harness.csr import ASYMM_DECRYPT_KEY_ID, csr_body, octets
from harness.est import Est
from harness.memory import Secret, in_process
from harness.psk import Psk, PskMqtt, add_psk
from harness.merlon import new_key
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of another account's process")


def whole_and_half(name: str, secret: bytes) -> list[Secret]:
    """The second half too: malloc writes over the beginning of what was freed."""
    return [Secret(name, secret), Secret(f"half of {name}", secret[len(secret) // 2:])]


def secrets_of(token: str) -> list[Secret]:
    return whole_and_half("token text", token.encode()) + whole_and_half("token", base64.urlsafe_b64decode(token + "=="))


def assert_forgotten(merlon, secrets: list[Secret]) -> None:
    """A moment may pass: a connection is closed after its answer."""
    found: list[str] = []

    def is_gone() -> bool:
        found[:] = in_process(merlon.process.pid, secrets)
        return not found

    try:
        wait_until(is_gone, "no copy in memory")
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


# --- pre-shared keys


@pytest.fixture
def with_keys(start_merlon):
    return start_merlon({"mqtt": {"psk": True}})


def secret_of(psk: Psk) -> list[Secret]:
    return whole_and_half(f"key of {psk.identity}", bytes.fromhex(psk.key))


def secret_of_ticket(file: Path) -> Secret:
    """What a client holds to resume: both sides have it or have what it is made of."""
    text = subprocess.run(["openssl", "sess_id", "-in", str(file), "-noout", "-text"], capture_output=True, text=True, check=True).stdout
    [secret] = re.findall(r"(?:Resumption PSK|Master-Key): ([0-9A-F]{16,})", text)
    return Secret("secret of a ticket", bytes.fromhex(secret))


def revoke(merlon, psk: Psk) -> None:
    done = merlon.cli("psk", "revoke", psk.device, psk.identity)
    assert done.code == 0, done


def assert_nowhere(merlon, secrets: list[Secret]) -> None:
    """Neither in the daemon nor in the key process."""
    assert_forgotten(merlon, secrets)
    assert not in_process(merlon.key_process(), secrets)


@pytest.mark.parametrize("tls", ["tls1_3", "tls1_2"])
def test_a_key_is_open_nowhere_even_while_it_is_used_and_gone_when_revoked(with_keys, workdir, tls):
    merlon, ticket = with_keys, workdir / "ticket"
    psk = add_psk(merlon, "pump-7")
    for _ in range(3):
        with PskMqtt(merlon, psk, tls, "-sess_out", str(ticket)) as client:
            assert client.connect("x").reason == 0
            wait_until(ticket.exists, "the session to be written")
            assert_nowhere(merlon, secret_of(psk))  # sealed, and opened for a handshake only
    with PskMqtt(merlon, psk, tls, "-sess_in", str(ticket)) as client:
        assert client.connect("x").reason == 0
        revoke(merlon, psk)
        assert client.ends() == 0x98
    assert_nowhere(merlon, secret_of(psk))


@pytest.mark.parametrize("tls", ["tls1_3", "tls1_2"])
def test_the_tickets_of_a_key_go_with_it_and_others_stay(with_keys, workdir, tls):
    merlon = with_keys
    mine, others = add_psk(merlon, "pump-7"), add_psk(merlon, "pump-8")
    secrets = []
    for psk in (mine, others):
        ticket = workdir / psk.device
        with PskMqtt(merlon, psk, tls, "-sess_out", str(ticket)) as client:
            assert client.connect("x").reason == 0
            wait_until(ticket.exists, "the session to be written")
        secrets.append(secret_of_ticket(ticket))
    assert all(in_process(merlon.process.pid, [s]) for s in secrets)
    revoke(merlon, mine)
    assert_nowhere(merlon, [secrets[0]])
    assert in_process(merlon.process.pid, [secrets[1]])


def test_a_key_that_was_brought_along_is_forgotten(with_keys, workdir):
    merlon = with_keys
    over_tls = merlon.https(merlon.operator("alice", "admin"))
    merlon.add_device("pump-7")
    keys = [os.urandom(32).hex() for _ in range(3)]
    merlon.api.post("/v1/devices/pump-7/psks", {"identity": "one", "key": keys[0]})
    over_tls.post("/v1/devices/pump-7/psks", {"identity": "two", "key": keys[1].upper()})
    file = workdir / "key"
    file.write_text(keys[2], encoding="ascii")
    assert merlon.cli("psk", "add", "pump-7", "--identity", "three", "--key-file", file).code == 0
    assert_nowhere(merlon, [s for n, key in enumerate(keys) for s in whole_and_half(f"key {n}", bytes.fromhex(key))])


def test_a_refused_key_is_forgotten(with_keys):
    merlon = with_keys
    key = bytes(range(7, 71))
    merlon.add_device("pump-7")
    assert merlon.api.ask("POST", "/v1/devices/pump-7/psks", {"key": key.hex()}).status == 400
    assert_nowhere(merlon, whole_and_half("key", key))


def test_rotations_and_restarts_leave_no_key_behind(with_keys):
    merlon = with_keys
    psk = add_psk(merlon, "pump-7")
    merlon.restart()
    assert merlon.cli("keys", "rotate").code == 0
    wait_until(lambda: not merlon.api.get("/v1/keys")["rotation"]["running"], "the end of the rotation")
    assert_nowhere(merlon, secret_of(psk))
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
