# SPDX-License-Identifier: Apache-2.0
"""What was secret and is over is nowhere in the daemon any more: its memory is read as root reads it. There are no
pre-shared keys yet; one-time tokens and data keys are what comes and goes."""
import base64
import os

import pytest
from harness.memory import Secret, in_process
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
