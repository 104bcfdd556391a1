# SPDX-License-Identifier: Apache-2.0
"""Enhanced authentication (MQTT 5.0 4.12) with MERLON-KEY-PROOF-1, written from docs/operate/mqtt.md alone: TLS 1.3 with
the exporter of pyOpenSSL, TLS 1.2 with tls-unique of Python's own ssl."""
import select
import ssl
import struct

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from harness import mqtt_wire as wire
from harness.client import TLS_1_2
from harness.mqtt import Mqtt
from OpenSSL import SSL

METHOD = "MERLON-KEY-PROOF-1"
UP = "devices/pump-7/up"


class ForeignSocket:
    """pyOpenSSL's connection, with the few calls of a socket that a test makes."""

    def __init__(self, connection: SSL.Connection):
        self.connection, self.timeout = connection, 10.0

    def settimeout(self, timeout: float) -> None:
        self.timeout = timeout

    def sendall(self, data: bytes) -> None:
        try:
            self.connection.sendall(data)
        except SSL.Error as error:
            raise ConnectionError(str(error)) from None

    def recv(self, count: int) -> bytes:
        while True:
            try:
                return self.connection.recv(count)
            except SSL.WantReadError:
                if not select.select([self.connection], [], [], self.timeout)[0]:
                    raise TimeoutError from None
            except SSL.ZeroReturnError:
                return b""
            except SSL.Error as error:
                raise ConnectionError(str(error)) from None

    def close(self) -> None:
        self.connection.close()

    def get_channel_binding(self) -> bytes:
        return self.connection.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")  # RFC 9266


class ForeignTls:
    """Stands for an ssl.SSLContext."""

    def __init__(self, root, identity):
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_min_proto_version(SSL.TLS1_3_VERSION)
        self.context.load_verify_locations(str(root))
        self.context.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
        self.context.use_certificate_chain_file(str(identity.certificate))
        self.context.use_privatekey_file(str(identity.key))

    def wrap_socket(self, plain, server_hostname: str, session=None) -> ForeignSocket:  # pylint: disable=unused-argument
        plain.settimeout(None)
        connection = SSL.Connection(self.context, plain)
        connection.set_connect_state()
        connection.do_handshake()
        plain.setblocking(False)
        return ForeignSocket(connection)


class Prover:
    """A client that knows how to prove."""

    def __init__(self, merlon, identity, old: bool = False):
        context = None if old else ForeignTls(merlon.root, identity)
        self.mqtt = Mqtt(merlon.mqtt_port, merlon.root, identity, context=context, **({"tls": TLS_1_2} if old else {}))
        self.key = serialization.load_pem_private_key(identity.key.read_bytes(), None)
        self.certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)

    def binding(self) -> bytes:
        return self.mqtt.socket.get_channel_binding()

    def proof(self, nonce: bytes, key=None, binding: bytes | None = None) -> bytes:
        text = METHOD.encode() + b"\0" + (self.binding() if binding is None else binding) + nonce
        signature = (key or self.key).sign(text, ec.ECDSA(hashes.SHA256()))
        return struct.pack("!H", len(self.certificate)) + self.certificate + signature

    def ask(self, clean: bool = True, **props: int) -> bytes:
        """CONNECT; gives the nonce."""
        self.mqtt.send(wire.connect(5, "prover", clean, props={"auth_method": METHOD, **props}))
        challenge = self.mqtt.expect(wire.AUTH)
        assert (challenge.reason, challenge.props["auth_method"], len(challenge.props["auth_data"])) == (0x18, METHOD, 32)
        return challenge.props["auth_data"]

    def send(self, reason: int, data: bytes = b"", method: str = METHOD) -> None:
        self.mqtt.send(wire.auth(reason, {"auth_method": method, **({"auth_data": data} if data else {})}))

    def connect(self) -> wire.Received:
        self.send(0x18, self.proof(self.ask()))
        return self.mqtt.expect(wire.CONNACK)

    def prove_again(self) -> wire.Received:
        self.send(0x19)
        self.send(0x18, self.proof(self.mqtt.expect(wire.AUTH).props["auth_data"]))
        return self.mqtt.expect(wire.AUTH)


@pytest.fixture
def prover(merlon):
    identity = merlon.device("pump-7")
    made: list[Prover] = []

    def make(old: bool = False) -> Prover:
        made.append(Prover(merlon, identity, old))
        return made[-1]

    yield make
    for each in made:
        each.mqtt.close()


@pytest.mark.quick
@pytest.mark.parametrize("old", [False, True], ids=["tls1.3", "tls1.2"])
def test_the_proof_opens_the_connection_and_is_recorded(merlon, prover, old):
    client = prover(old)
    connack = client.connect()
    assert (connack.reason, connack.props["auth_method"]) == (0, METHOD)
    assert client.mqtt.subscribe(UP) == [1]
    assert client.mqtt.publish(UP, b"x") == 0
    assert client.mqtt.receive().payload == b"x"
    assert merlon.wait_for_entry("connection.opened", actor_id="pump-7")["details"]["proof"] == "yes"


def test_a_kept_session_is_there_after_the_proof_and_not_before(prover):
    first = prover()
    first.send(0x18, first.proof(first.ask(clean=False, session_expiry=3600)))
    assert not first.mqtt.expect(wire.CONNACK).session_present
    assert first.mqtt.subscribe(UP) == [1]
    second = prover()
    nonce = second.ask(clean=False, session_expiry=3600)
    assert first.mqtt.publish(UP, b"waits") == 0  # who has not proved takes nothing over
    second.send(0x18, second.proof(nonce))
    assert second.mqtt.expect(wire.CONNACK).session_present
    assert second.mqtt.receive().payload == b"waits"
    assert first.mqtt.ends() == 0x8E


def test_without_a_method_nothing_changes(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        assert "auth_method" not in client.connect().props
        assert merlon.wait_for_entry("connection.opened", actor_id="pump-7")["details"]["proof"] == "no"
        client.send(wire.auth(0x19, {"auth_method": METHOD}))  # [MQTT-4.12.0-7]
        assert client.ends() == 0x82


def test_another_method_is_refused(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        client.send(wire.connect(5, "c", props={"auth_method": "SCRAM-SHA-256", "auth_data": b"n,,n=x,r=y"}))
        assert client.expect(wire.CONNACK).reason == 0x8C
        assert client.ends() is None


@pytest.mark.parametrize("fault", ["other-key", "other-connection", "other-nonce", "other-certificate", "empty", "short"])
def test_a_proof_that_does_not_hold_opens_nothing(merlon, prover, fault):
    client = prover()
    nonce = client.ask()
    if fault == "other-key":
        data = client.proof(nonce, key=ec.generate_private_key(ec.SECP256R1()))
    elif fault == "other-connection":
        data = client.proof(nonce, binding=prover().binding())
    elif fault == "other-nonce":
        data = client.proof(bytes(32))
    elif fault == "other-certificate":
        other = Prover(merlon, merlon.device("other"))
        data = other.proof(nonce, binding=client.binding())
        other.mqtt.close()
    else:
        data = b"" if fault == "empty" else client.proof(nonce)[:40]
    client.send(0x18, data)
    assert client.mqtt.expect(wire.CONNACK).reason == 0x87
    assert client.mqtt.ends() is None
    assert merlon.wait_for_entry("connection.refused", actor_id="pump-7")["reason"] == "proof does not hold"
    assert merlon.api.metric("merlon_sessions") == 0


@pytest.mark.parametrize("data, reason", [
    (wire.publish(5, UP, b"x"), 0x82), (wire.packet(wire.PINGREQ), 0x82), (wire.connect(5, "again"), 0x82), (b"\x00\x00", 0x81),
    (wire.auth(0x19, {"auth_method": METHOD}), 0x82), (wire.auth(0x18, {"auth_method": "other"}), 0x8C),
    (wire.auth(0x18), 0x82), (wire.auth(0x00, {"auth_method": METHOD}), 0x82),
], ids=["publish", "ping", "connect", "garbage", "again", "other-method", "no-method", "success"])
def test_only_the_rest_of_the_exchange_may_follow_connect(prover, data, reason):
    client = prover()
    client.ask()
    client.mqtt.send(data)  # [MQTT-3.1.2-30]
    answer = client.mqtt.expect(wire.CONNACK)
    assert answer.reason in (reason, 0x81)
    assert client.mqtt.ends() is None


def test_who_does_not_answer_is_cut_off(start_merlon):
    merlon = start_merlon({"mqtt": {"connect_timeout": "1s"}})
    client = Prover(merlon, merlon.device("pump-7"))
    client.ask()
    assert client.mqtt.ends() is None


def test_a_client_may_leave_instead_of_answering(prover):
    client = prover()
    client.ask()
    client.mqtt.send(wire.disconnect(5))
    assert client.mqtt.ends() is None


# --- again, on an open connection

def test_a_client_proves_again_while_messages_go_on(merlon, prover):
    client = prover()
    client.connect()
    client.mqtt.subscribe(UP)
    for _ in range(2):
        client.send(0x19)
        nonce = client.mqtt.expect(wire.AUTH).props["auth_data"]
        assert client.mqtt.publish(UP, b"meanwhile") == 0
        client.send(0x18, client.proof(nonce))
        done = client.mqtt.expect(wire.AUTH)
        assert (done.reason, done.props) == (0, {"auth_method": METHOD})
    assert [client.mqtt.receive().payload for _ in range(2)] == [b"meanwhile"] * 2
    entry = merlon.wait_for_entry("connection.proved", actor_id="pump-7")
    assert entry["outcome"] == "ok"


@pytest.mark.parametrize("fault, reason", [
    ("wrong-proof", 0x87), ("old-nonce", 0x87), ("other-method", 0x8C), ("no-exchange", 0x82), ("two-at-once", 0x82),
    ("unexpected-data", 0x87),
])
def test_a_fault_ends_the_connection(merlon, prover, fault, reason):
    client = prover()
    first = client.ask()
    client.send(0x18, client.proof(first))
    client.mqtt.expect(wire.CONNACK)
    if fault == "no-exchange":
        client.send(0x18, client.proof(first))
    elif fault == "other-method":
        client.send(0x19, method="SCRAM-SHA-256")
    elif fault == "unexpected-data":
        client.send(0x19, b"data")
    else:
        client.send(0x19)
        nonce = client.mqtt.expect(wire.AUTH).props["auth_data"]
        assert nonce != first
        if fault == "two-at-once":
            client.send(0x19)
        else:
            client.send(0x18, client.proof(first if fault == "old-nonce" else nonce, binding=None if fault == "old-nonce" else bytes(32)))
    assert client.mqtt.ends() == reason
    if reason == 0x87:
        assert merlon.wait_for_entry("connection.proved", actor_id="pump-7")["outcome"] == "denied"


def test_a_resumed_connection_proves_as_well(merlon):
    """The server has no certificate of it to look into: the client shows it."""
    identity = merlon.device("pump-7")
    context = ssl.create_default_context(cafile=str(merlon.root))
    context.maximum_version = TLS_1_2
    context.load_cert_chain(identity.certificate, identity.key)
    with Mqtt(merlon.mqtt_port, merlon.root, identity, context=context) as first:
        first.connect("c")
        session = first.socket.session
    key = serialization.load_pem_private_key(identity.key.read_bytes(), None)
    with Mqtt(merlon.mqtt_port, merlon.root, identity, context=context, session=session) as resumed:
        assert resumed.socket.session_reused
        resumed.send(wire.connect(5, "c", props={"auth_method": METHOD}))
        nonce = resumed.expect(wire.AUTH).props["auth_data"]
        certificate = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
        text = METHOD.encode() + b"\0" + (resumed.socket.get_channel_binding() or b"") + nonce
        signature = key.sign(text, ec.ECDSA(hashes.SHA256()))
        resumed.send(wire.auth(0x18, {"auth_method": METHOD, "auth_data": struct.pack("!H", len(certificate)) + certificate + signature}))
        assert resumed.expect(wire.CONNACK).reason == 0
