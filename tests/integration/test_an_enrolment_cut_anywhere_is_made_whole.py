# SPDX-License-Identifier: Apache-2.0
"""The agent is killed before each of its system calls in turn while it enrols; and the answer of the server gets lost. The
device is never left with half an identity, and the token it has is enough to go on while that lives."""
import base64
import http.client
import os
import signal
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import AttributeOID, NameOID
from harness.client import TLS_1_2, tls_context
from harness.merlon import Ended, new_key, run_program
from harness.process import program
from harness.waiting import DEADLINE_S

# What reaches the disk or the network: between two of these nothing changes for anybody.
CALLS = ("mkdir", "openat", "write", "fsync", "rename", "unlink", "connect", "read", "sendto", "recvfrom")
NO_LEAKS = ":detect_leaks=0"  # that search traces the process, which strace does already
WHOLE, NOT_ENROLLED, ENROLLED_ALREADY, REFUSED, KILLED = 0, 3, 4, 5, -9


def enrol_arguments(merlon, name: str, token: str) -> list[str]:
    file = merlon.folder / f"{name}.token"
    file.write_text(token, encoding="ascii")
    root = x509.load_pem_x509_certificate(merlon.root.read_bytes()).fingerprint(hashes.SHA256()).hex()
    return ["enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt", f"127.0.0.1:{merlon.mqtt_port}", "--device", name,
            "--token-file", str(file), "--root-sha256", root, "--dir", str(folder_of(merlon, name))]


def folder_of(merlon, name: str):
    return merlon.folder / f"agent-{name}"


def enrol(merlon, name: str, token: str) -> Ended:
    return run_program("merlon-agent", *enrol_arguments(merlon, name, token))


def enrol_killed_at(merlon, name: str, token: str, call: str, count: int) -> int:
    """Enrols; the agent dies before it makes this call for the count-th time. Gives its end as subprocess does."""
    done = subprocess.run(["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={count}",
                           program("merlon-agent"), *enrol_arguments(merlon, name, token)], capture_output=True, check=False,
                          timeout=60, env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + NO_LEAKS})
    return done.returncode


def show(merlon, name: str) -> int:
    done = run_program("merlon-agent", "show", "--dir", folder_of(merlon, name))
    assert done.code in (WHOLE, NOT_ENROLLED), done
    return done.code


def fingerprints(merlon, name: str) -> list[str]:
    return [c["fingerprint"] for c in merlon.api.get(f"/v1/devices/{name}")["credentials"]]


def own_fingerprint(merlon, name: str) -> str:
    pem = (folder_of(merlon, name) / "identity.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT"):])
    key = serialization.load_pem_private_key(pem, None)
    assert key.public_key().public_numbers() == certificate.public_key().public_numbers()
    return certificate.fingerprint(hashes.SHA256()).hex()


@pytest.mark.parametrize("call", CALLS)
def test_killed_before_any_call_it_enrols_with_the_same_token(merlon, call):
    count, lost, end = 0, 0, KILLED
    while end == KILLED:
        count += 1
        name = f"cut-{count}"
        merlon.add_device(name)
        token = merlon.token(name)
        end = enrol_killed_at(merlon, name, token, call, count)
        is_whole = show(merlon, name) == WHOLE
        issued = fingerprints(merlon, name)
        lost += issued != [] and not is_whole
        again = enrol(merlon, name, token)
        assert again.code == (ENROLLED_ALREADY if is_whole else WHOLE), (count, again)
        assert show(merlon, name) == WHOLE
        assert fingerprints(merlon, name) == [own_fingerprint(merlon, name)]
        assert issued in ([], fingerprints(merlon, name)), f"{call} {count}: another certificate than the first"
    print(f"killed before {count - 1} calls of {call}, {lost} times between certificate and disk")
    assert end == WHOLE and count > 1
    assert len(merlon.audit(action="enrol.repeated")) >= lost
    assert merlon.cli("audit", "verify").code == 0


def lose_the_answer(merlon, name: str, token: str) -> None:
    """The server gives a certificate that never reaches the device's disk: the agent dies before its last rename."""
    for count in range(1, 20):
        assert enrol_killed_at(merlon, name, token, "rename", count) == KILLED
        if fingerprints(merlon, name):
            assert show(merlon, name) == NOT_ENROLLED
            return
    raise AssertionError("no certificate was given")


def end_the_life_of_all_tokens(merlon) -> None:
    merlon.stop()
    with sqlite3.connect(merlon.database) as store:
        store.execute("UPDATE tokens SET expires = 1")
    merlon.start()


@pytest.mark.quick
def test_a_lost_answer_comes_again(merlon):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    lose_the_answer(merlon, "pump-7", token)
    assert enrol(merlon, "pump-7", token).code == WHOLE
    assert fingerprints(merlon, "pump-7") == [own_fingerprint(merlon, "pump-7")]
    entry = merlon.wait_for_entry("enrol.repeated", target="pump-7", outcome="ok", actor_id="pump-7")
    assert entry["details"]["fingerprint"] == own_fingerprint(merlon, "pump-7")
    assert entry["details"]["token"] == merlon.api.all_of("/v1/tokens")[0]["id"]


def test_when_the_life_of_the_token_is_over_the_agent_says_what_to_do(merlon):
    merlon.add_device("pump-7")
    token = merlon.token("pump-7")
    lose_the_answer(merlon, "pump-7", token)
    key = (folder_of(merlon, "pump-7") / "next.key").read_bytes()
    end_the_life_of_all_tokens(merlon)
    done = enrol(merlon, "pump-7", token)
    assert done.code == REFUSED
    assert "token refused; make a new one on the server (merlon token create --device pump-7) and enrol again" in done.err
    assert enrol(merlon, "pump-7", merlon.token("pump-7")).code == WHOLE
    assert key in (folder_of(merlon, "pump-7") / "identity.pem").read_bytes()  # the key was good all the time
    assert own_fingerprint(merlon, "pump-7") in fingerprints(merlon, "pump-7")


def test_killed_between_its_identity_and_the_last_removal_it_renews_with_another_key(merlon, processes):
    merlon.add_device("pump-7")
    token, folder = merlon.token("pump-7"), folder_of(merlon, "pump-7")
    for count in range(1, 20):
        enrol_killed_at(merlon, "pump-7", token, "unlink", count)
        if (folder / "identity.pem").exists() and (folder / "next.key").exists():
            break
    old = (folder / "identity.pem").read_bytes()
    assert (folder / "next.key").read_bytes() in old
    agent = processes.start([program("merlon-agent"), "run", "--dir", folder])
    merlon.wait_for_entry("connection.opened", actor_id="pump-7")
    agent.popen.send_signal(signal.SIGUSR1)
    agent.wait_for_log('"event":"renewal.done"')
    assert agent.stop() == 0
    fresh = (folder / "identity.pem").read_bytes()
    assert serialization.load_pem_private_key(fresh, None).private_numbers() != \
        serialization.load_pem_private_key(old, None).private_numbers()


# --- the same by a foreign client, to see what is not given again

class Asking:
    """One connection; its channel binding (tls-unique, which Python knows) is in the request unless another is given."""

    def __init__(self, merlon):
        self.connection = http.client.HTTPSConnection("127.0.0.1", merlon.enrolment_port, timeout=DEADLINE_S,
                                                      context=tls_context(merlon.root, None, TLS_1_2))
        self.connection.connect()
        self.binding = base64.b64encode(self.connection.sock.get_channel_binding("tls-unique"))

    def enrol(self, name: str, token: str, key, binding: bytes | None) -> tuple[int, bytes]:
        request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        if binding is not None:
            request = request.add_attribute(AttributeOID.CHALLENGE_PASSWORD, binding)
        der = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        basic = base64.b64encode(f"{name}:{token}".encode()).decode()
        self.connection.request("POST", "/.well-known/est/simpleenroll", base64.encodebytes(der),
                                {"Content-Type": "application/pkcs10", "Authorization": f"Basic {basic}"})
        answer = self.connection.getresponse()
        body = answer.read()
        self.connection.close()
        return answer.status, body


def ask(merlon, name: str, token: str, key) -> tuple[int, bytes]:
    asking = Asking(merlon)
    return asking.enrol(name, token, key, asking.binding)


@pytest.fixture
def once(merlon):
    """A device that got its certificate: its token, its key, the answer."""
    merlon.add_device("pump-7")
    token, key = merlon.token("pump-7"), new_key()
    status, body = ask(merlon, "pump-7", token, key)
    assert status == 200
    return token, key, body


def test_the_same_certificate_comes_as_often_as_it_is_asked_for(merlon, once):
    token, key, body = once
    for _ in range(3):
        assert ask(merlon, "pump-7", token, key) == (200, body)
    assert len(fingerprints(merlon, "pump-7")) == 1
    assert len(merlon.audit(action="device.enrolled")) == 1
    assert [t["used"] for t in merlon.api.all_of("/v1/tokens")] == [1]


def test_requests_at_the_same_time_get_the_same_certificate(merlon):
    merlon.add_device("pump-7")
    token, key = merlon.token("pump-7"), new_key()
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: ask(merlon, "pump-7", token, key), range(8)))
    assert len(answers) == 1 and answers.pop()[0] == 200
    assert len(fingerprints(merlon, "pump-7")) == 1


def assert_used(merlon, answer: tuple[int, bytes]) -> None:
    assert (answer[0], answer[1].strip()) == (401, b"token refused")
    merlon.wait_for_entry("token.refused", target="pump-7", reason="used")
    assert len(fingerprints(merlon, "pump-7")) == 1
    assert merlon.audit(action="enrol.repeated") == []


@pytest.mark.quick
def test_another_key_gets_nothing(merlon, once):
    assert_used(merlon, ask(merlon, "pump-7", once[0], new_key()))


def test_a_request_without_binding_gets_nothing(merlon, once):
    assert_used(merlon, Asking(merlon).enrol("pump-7", once[0], once[1], None))


def test_a_request_of_another_connection_gets_nothing(merlon, once):
    kept = Asking(merlon).binding
    assert_used(merlon, Asking(merlon).enrol("pump-7", once[0], once[1], kept))


@pytest.mark.parametrize("step", ["suspend", "retire"])
def test_a_device_that_is_out_of_order_gets_nothing(merlon, once, step):
    merlon.api.step("pump-7", step)
    assert_used(merlon, ask(merlon, "pump-7", *once[:2]))


def test_a_revoked_certificate_is_not_given_again(merlon, once):
    merlon.api.step("pump-7", "revoke")
    assert_used(merlon, ask(merlon, "pump-7", *once[:2]))


def test_after_the_life_of_the_token_nothing_is_given(merlon, once):
    end_the_life_of_all_tokens(merlon)
    assert_used(merlon, ask(merlon, "pump-7", *once[:2]))


def test_another_device_gets_nothing_for_the_token(merlon, once):
    merlon.add_device("pump-8")
    assert ask(merlon, "pump-8", *once[:2])[0] == 401
    merlon.wait_for_entry("token.refused", target="pump-8", reason="other-device")
    assert fingerprints(merlon, "pump-8") == []


def test_a_repetition_takes_no_use_of_a_group_token(merlon):
    token = merlon.api.post("/v1/tokens", {"group": "north", "life": "1h", "uses": 2})["token"]
    first, second = new_key(), new_key()
    answer = ask(merlon, "pump-7", token, first)
    assert answer[0] == 200
    assert ask(merlon, "pump-7", token, first) == answer
    assert [t["used"] for t in merlon.api.all_of("/v1/tokens")] == [1]
    assert ask(merlon, "pump-8", token, second)[0] == 200
    assert ask(merlon, "pump-7", token, first) == answer
    assert ask(merlon, "pump-9", token, new_key())[0] == 401
