# SPDX-License-Identifier: Apache-2.0
"""ALPN (RFC 7301): `mqtt` on the MQTT port, `http/1.1` on the HTTPS ports, and MQTT as a guest on the HTTPS port of devices,
for those behind firewalls that let only HTTPS out. Whoever offers only other names is refused; who offers none is let in."""
import re
import socket
import ssl
import subprocess

import pytest
from harness import mqtt_wire as wire
from harness.client import TLS_1_2, TLS_1_3, tls_context
from harness.mqtt import Closed, Mqtt
from harness.waiting import DEADLINE_S

VERSIONS = [pytest.param(TLS_1_2, id="tls1.2"), pytest.param(TLS_1_3, id="tls1.3")]
NO_APPLICATION_PROTOCOL = "alert number 120"
PRIVATE = ["x-amzn-http-ca", "mqttv5", "MQTT", "h2"]
AWS = "x-amzn-mqtt-ca"  # all that SDKs of AWS for devices offer


def s_client(merlon, port: int, offered: str | None, identity=None, version=TLS_1_3, *options: str) -> str:
    """What openssl says of a handshake; nothing is sent after it."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(merlon.root), "-servername", "localhost",
               "-tls1_2" if version == TLS_1_2 else "-tls1_3", *options]
    if offered is not None:
        command += ["-alpn", offered]
    if identity is not None:
        command += ["-cert", str(identity.certificate), "-key", str(identity.key)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=DEADLINE_S, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def agreed(text: str) -> str | None:
    found = re.search(r"ALPN protocol: (\S+)", text)
    return found.group(1) if found else None


def context_with(merlon, identity, version, *names: str) -> ssl.SSLContext:
    context = tls_context(merlon.root, identity, version)
    context.set_alpn_protocols(list(names))
    return context


def by_alpn(merlon, identity, version=TLS_1_3, name="mqtt", **options) -> Mqtt:
    """MQTT on the HTTPS port."""
    context = context_with(merlon, identity, version, name)
    client = Mqtt(merlon.enrolment_port, merlon.root, identity, context=context, **options)
    assert client.socket.selected_alpn_protocol() == name
    return client


@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS)
def test_each_port_agrees_on_its_own_name(merlon, version):
    pump = merlon.device("pump")
    assert agreed(s_client(merlon, merlon.mqtt_port, "mqtt", pump, version)) == "mqtt"
    assert agreed(s_client(merlon, merlon.mqtt_port, "h2,http/1.1,mqtt", pump, version)) == "mqtt"
    for port in (merlon.enrolment_port, merlon.management_port):
        assert agreed(s_client(merlon, port, "h2,http/1.1", None, version)) == "http/1.1"
    assert agreed(s_client(merlon, merlon.enrolment_port, "mqtt,http/1.1", pump, version)) == "http/1.1"
    assert agreed(s_client(merlon, merlon.enrolment_port, "mqtt", pump, version)) == "mqtt"
    for port in (merlon.mqtt_port, merlon.enrolment_port):
        assert agreed(s_client(merlon, port, AWS, pump, version)) == AWS


@pytest.mark.parametrize("version", VERSIONS)
def test_other_names_are_refused_by_their_own_alert(merlon, version):
    """RFC 7301 3.2: no_application_protocol."""
    pump = merlon.device("pump")
    before = merlon.refusals("protocol")
    refused = [(merlon.mqtt_port, name) for name in [*PRIVATE, "http/1.1"]]
    refused += [(merlon.enrolment_port, name) for name in PRIVATE]
    refused += [(merlon.management_port, name) for name in [*PRIVATE, AWS, "mqtt"]]
    for port, name in refused:
        said = s_client(merlon, port, name, pump, version)
        assert NO_APPLICATION_PROTOCOL in said, f"{name} on {port}: {said}"
    merlon.wait_for_refusals("protocol", before + len(refused))
    assert merlon.wait_for_entry("connection.refused", reason="protocol")["outcome"] == "denied"


@pytest.mark.parametrize("version", VERSIONS)
def test_without_alpn_each_port_speaks_its_own(merlon, version):
    pump = merlon.device("pump")
    assert "No ALPN negotiated" in s_client(merlon, merlon.mqtt_port, None, pump, version)
    with Mqtt(merlon.mqtt_port, merlon.root, pump, tls=version) as client:
        assert client.connect("plain").reason == 0
    context = tls_context(merlon.root, pump, version)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", merlon.enrolment_port), DEADLINE_S),
                             server_hostname="127.0.0.1") as https:
        https.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert https.recv(15) == b"HTTP/1.1 200 OK"
    with context.wrap_socket(socket.create_connection(("127.0.0.1", merlon.enrolment_port), DEADLINE_S),
                             server_hostname="127.0.0.1") as https:
        https.sendall(wire.connect(5, "no-alpn"))  # it is taken for HTTP
        assert https.recv(12) == b"HTTP/1.1 400"


@pytest.mark.parametrize("name", ["mqtt", AWS])
@pytest.mark.parametrize("version", VERSIONS)
def test_mqtt_on_the_https_port_is_mqtt_like_on_its_own(merlon, version, name):
    pump, app = merlon.device("pump"), merlon.application("app", subscribe=("devices/#",))
    with by_alpn(merlon, app, version, name) as other, by_alpn(merlon, pump, version, name) as client:
        other.connect("other")
        other.subscribe("devices/#")
        client.connect("guest")
        assert client.subscribe("devices/other/#") == [0x87]
        assert client.publish("devices/pump/x", b"y") == 0
        assert other.receive().payload == b"y"
        entry = merlon.wait_for_entry("connection.opened", actor_id="pump")
        assert entry["details"]["door"] == "mqtt"
        merlon.api.step("pump", "suspend")
        assert client.ends() == 0x98
    merlon.wait_for_entry("connection.closed", actor_id="pump")


@pytest.mark.parametrize("name", ["mqtt", AWS])
@pytest.mark.parametrize("version", VERSIONS)
def test_mqtt_on_the_https_port_is_refused_in_the_handshake_like_on_its_own(merlon, version, name):
    """The HTTPS port wants no certificate, but MQTT does there, too."""
    pump, operator = merlon.device("pump"), merlon.operator("alice", "admin")
    merlon.api.step("pump", "suspend")
    for port in (merlon.mqtt_port, merlon.enrolment_port):
        said = s_client(merlon, port, name, pump, version, "-ign_eof") if version == TLS_1_2 else read_after(merlon, port, pump, name)
        assert re.search("(?i)alert number 42|bad certificate", said), said
        for identity, alert in ((None, "(?i)certificate required|handshake failure"), (operator, "(?i)unsupported certificate")):
            with pytest.raises((ssl.SSLError, ConnectionError, Closed), match=alert):
                context = context_with(merlon, identity, version, name)
                with Mqtt(port, merlon.root, identity, context=context) as client:
                    client.connect("no")
    for reason in ("suspended", "no-certificate", "wrong-eku"):
        merlon.wait_for_refusals(reason, 2)


def read_after(merlon, port: int, identity, name: str) -> str:
    """A TLS 1.3 client learns of the refusal when it reads."""
    try:
        with Mqtt(port, merlon.root, identity, context=context_with(merlon, identity, TLS_1_3, name)) as client:
            client.connect("no")
    except (ssl.SSLError, ConnectionError, Closed) as error:
        return str(error)
    return "let in"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_ticket_of_https_does_not_open_mqtt(merlon, version):
    """The ticket of a connection without a certificate is resumed, and then nobody is there to be let in."""
    http = context_with(merlon, None, version, "http/1.1")
    plain = socket.create_connection(("127.0.0.1", merlon.enrolment_port), DEADLINE_S)
    with http.wrap_socket(plain, server_hostname="127.0.0.1") as https:
        https.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n")
        https.recv(65536)
        ticket = https.session
    assert ticket is not None
    http.set_alpn_protocols(["mqtt"])
    before = merlon.refusals("no-certificate")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.enrolment_port, merlon.root, None, context=http, session=ticket) as client:
            assert client.socket.session_reused
            client.connect("no")
    merlon.wait_for_refusals("no-certificate", before + 1)


def test_a_suspended_device_does_not_come_back_with_its_ticket(merlon):
    pump = merlon.device("pump")
    context = context_with(merlon, pump, TLS_1_3, "mqtt")
    with Mqtt(merlon.enrolment_port, merlon.root, pump, context=context) as client:
        client.connect("first")
        ticket = client.socket.session
    with Mqtt(merlon.enrolment_port, merlon.root, pump, context=context, session=ticket) as client:
        assert client.socket.session_reused
        assert client.connect("first").reason == 0
        assert merlon.wait_for_entry("connection.opened", actor_id="pump")["outcome"] == "ok"
        ticket = client.socket.session
    merlon.api.step("pump", "suspend")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        with Mqtt(merlon.enrolment_port, merlon.root, pump, context=context, session=ticket) as client:
            client.connect("first")
