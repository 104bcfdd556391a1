# SPDX-License-Identifier: Apache-2.0
"""After a TLS 1.3 handshake the daemon protects records by itself. OpenSSL's and GnuTLS' command lines, wolfSSL, curl,
mosquitto's clients, paho and Python speak with it, change keys, close, and send a lot."""
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from harness import mqtt_wire as wire
from harness.client import TLS_1_3, tls_context
from harness.mqtt import Closed, Mqtt
from harness.psk import add_psk
from harness.waiting import DEADLINE_S

ROOT = Path(__file__).resolve().parents[2]
CONNACK, PINGREQ, PINGRESP = b"\x20\x02\x00\x00", b"\xc0\x00", b"\xd0\x00"
SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


class Tool:
    """A TLS command line: what is typed goes to the server, what it says comes out."""

    def __init__(self, *command: object):
        self._popen = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, bufsize=0)
        self.said = b""

    def type(self, data: bytes) -> None:
        self._popen.stdin.write(data)

    def wait_for(self, wanted: bytes, count: int = 1) -> None:
        while self.said.count(wanted) < count:
            more = self._popen.stdout.read(65536)
            assert more, f"ended without {count} of {wanted!r}: {self.said!r}"
            self.said += more

    def end(self) -> bytes:
        self._popen.stdin.close()
        while more := self._popen.stdout.read(65536):
            self.said += more
        self._popen.stdout.close()
        self._popen.wait(DEADLINE_S)
        return self.said

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait(DEADLINE_S)


@pytest.fixture
def tool():
    """Starts command lines, and stops those that a failed test left."""
    started: list[Tool] = []

    def start(*command: object) -> Tool:
        started.append(Tool("timeout", "60", *command))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def s_client(merlon, identity, *options: str) -> list[object]:
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-CAfile", merlon.root, "-cert",
            identity.certificate, "-key", identity.key, "-alpn", "mqtt", "-tls1_3", *options]


@pytest.mark.quick
@pytest.mark.parametrize("suite", SUITES)
def test_openssl_changes_keys_in_both_directions(merlon, tool, suite):
    client = tool(*s_client(merlon, merlon.device("pump-7"), "-ciphersuites", suite))
    client.wait_for(b"Verify return code: 0")
    client.type(wire.connect(4, "pump-7"))
    client.wait_for(CONNACK)
    for count, command in enumerate((b"K\n", b"k\n") * 4, 1):
        client.type(command)  # K asks for our key to change as well, k does not
        client.wait_for(b"KEYUPDATE\n", count)
        client.type(PINGREQ)
        client.wait_for(PINGRESP, count)
    client.type(b"Q\n")
    client.end()
    assert merlon.wait_for_entry("connection.closed", actor_id="pump-7")["reason"] == "peer"


def test_gnutls_changes_keys_in_both_directions(merlon, tool):
    """Over HTTP: gnutls-cli looks for its commands at the beginning of a line."""
    client = tool("gnutls-cli", "--port", merlon.enrolment_port, "--x509cafile", merlon.root, "--priority",
                  "NORMAL:-VERS-ALL:+VERS-TLS1.3", "--inline-commands", "127.0.0.1")
    client.wait_for(b"Simple Client Mode")
    for count in range(1, 6):
        client.type(b"^rekey^\n")
        client.wait_for(b"Rekey was completed", count)
        client.type(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        client.wait_for(b"HTTP/1.1 200", count)
    client.end()


@pytest.fixture(scope="session")
def wolfclient(tmp_path_factory) -> Path:
    program = tmp_path_factory.mktemp("wolfclient") / "wolfclient"
    subprocess.run(["cc", "-o", program, ROOT / "tests" / "thirdparty" / "wolfclient" / "main.c", "-lwolfssl"], check=True)
    return program


def test_wolfssl_changes_keys_in_both_directions(merlon, wolfclient):
    identity = merlon.device("pump-7")
    done = subprocess.run([wolfclient, str(merlon.mqtt_port), merlon.root, identity.certificate, identity.key,
                           wire.connect(4, "pump-7").hex(), "100"], capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (0, "ok 100\n"), done.stderr
    assert merlon.wait_for_entry("connection.closed", actor_id="pump-7")["reason"] == "peer"


def test_wolfssl_changes_keys_after_a_pre_shared_key(start_merlon, wolfclient):
    merlon = start_merlon({"mqtt": {"psk": True}})
    psk = add_psk(merlon, "pump-7")
    done = subprocess.run([wolfclient, str(merlon.mqtt_port), "psk", psk.identity, psk.key, wire.connect(4, "pump-7").hex(), "100"],
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (0, "ok 100\n"), done.stderr
    assert merlon.wait_for_entry("connection.closed", actor_id="pump-7")["reason"] == "peer"


def test_openssl_changes_keys_after_a_pre_shared_key(start_merlon, tool):
    merlon = start_merlon({"mqtt": {"psk": True}})
    psk = add_psk(merlon, "pump-7")
    client = tool("openssl", "s_client", "-connect", f"127.0.0.1:{merlon.mqtt_port}", "-psk_identity", psk.identity, "-psk", psk.key, "-tls1_3")
    client.wait_for(b"Verify return code")
    client.type(wire.connect(4, "pump-7"))
    client.wait_for(CONNACK)
    for count in range(1, 9):
        client.type(b"K\n")
        client.wait_for(b"KEYUPDATE\n", count)
        client.type(PINGREQ)
        client.wait_for(PINGRESP, count)
    client.type(b"Q\n")
    client.end()


@pytest.mark.parametrize("suite", SUITES)
def test_curl_asks_many_times_on_one_connection(merlon, suite):
    url = f"https://127.0.0.1:{merlon.enrolment_port}/.well-known/est/cacerts"
    done = subprocess.run(["curl", "-sS", "--cacert", merlon.root, "--tlsv1.3", "--tls13-ciphers", suite, "-w",
                           "%{http_code} %{num_connects}\n", *["-o", "/dev/null", url] * 20],
                          capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["200", "1"] + ["200", "0"] * 19


def test_mosquitto_and_paho_exchange_messages(merlon):
    device = merlon.device("pump-7")
    application = merlon.application("app", subscribe=("devices/#",))
    topic, payload = "devices/pump-7/up", b"\0\xff" * 60000
    with merlon.client(application, version=TLS_1_3) as client:
        assert client.connect() == 0
        assert client.subscribe(topic, 1) == 1
        for _ in range(5):
            subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", merlon.root, "--cert",
                            device.certificate, "--key", device.key, "--tls-version", "tlsv1.3", "-i", "pump-7", "-q", "1",
                            "-t", topic, "-s"], input=payload, check=True, timeout=DEADLINE_S)
            assert client.messages.get(timeout=DEADLINE_S).payload == payload


def test_more_than_64_mib_pass_each_way(merlon):
    """Seven messages in flight at a time; what one end sends the other gets, byte by byte."""
    sender = merlon.application("sender", publish=("bulk/#",))
    receiver = merlon.application("receiver", subscribe=("bulk/#",))
    payloads = [bytes([n]) * 240000 for n in range(7)]
    rounds = 42  # 70.6 MB
    with Mqtt(merlon.mqtt_port, merlon.root, sender) as up, Mqtt(merlon.mqtt_port, merlon.root, receiver) as down:
        assert up.connect("up").reason == 0 and down.connect("down").reason == 0
        assert down.subscribe(("bulk/#", 0)) == [0]
        for _ in range(rounds):
            for n, payload in enumerate(payloads):
                up.send(wire.publish(5, f"bulk/{n}", payload, 1, packet_id=n + 1))
                assert down.receive().payload == payload
            for _ in payloads:
                up.expect(wire.PUBACK)


def test_a_ticket_still_resumes_and_a_revoked_device_still_leaves(merlon):
    identity = merlon.device("pump-7")
    context = tls_context(merlon.root, identity, TLS_1_3)
    with Mqtt(merlon.mqtt_port, merlon.root, identity, context=context) as first:
        assert first.connect("a").reason == 0
        session = first.socket.session
    with Mqtt(merlon.mqtt_port, merlon.root, identity, context=context, session=session) as second:
        assert second.socket.session_reused
        assert second.connect("b").reason == 0
        merlon.api.post("/v1/devices/pump-7/revoke", {"reason": "stolen"})
        assert second.ends() == 0x98
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.mqtt_port, merlon.root, identity, context=context) as third:
            third.connect("c")


def test_bytes_nobody_sealed_are_answered_with_an_alert(merlon):
    """A record of the right form after the handshake; the alert comes as a record that only the real peer can read."""
    identity = merlon.device("pump-7")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tls_context(merlon.root, identity, TLS_1_3).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with socket.create_connection(("127.0.0.1", merlon.mqtt_port), timeout=DEADLINE_S) as plain:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        plain.sendall(outgoing.read() + b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(ssl.SSLError, match="(?i)bad record mac"):
            while True:
                try:
                    tls.read(100)
                except ssl.SSLWantReadError:
                    incoming.write(plain.recv(65536))


def test_a_socket_cut_without_close_notify_is_lost(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        assert client.connect("x").reason == 0
        raw = socket.socket(fileno=client.socket.detach())
        raw.close()
        assert merlon.wait_for_entry("connection.closed", actor_id="pump-7")["reason"] == "lost"
