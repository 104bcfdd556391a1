# SPDX-License-Identifier: Apache-2.0
"""MQTT over WebSocket (RFC 6455; MQTT 5.0 section 6) on the HTTPS port of devices: let in by the same certificates, judged and
recorded as on the MQTT port, and correct down to the frame."""
import asyncio
import json
import ssl

import pytest
import websockets
from harness import mqtt_wire as wire
from harness import ws
from harness.client import TLS_1_2, TLS_1_3, MqttClient, tls_context
from harness.mqtt import Closed, Mqtt
from harness.waiting import DEADLINE_S, wait_until
from harness.ws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, MqttOverWs, frame

VERSIONS = [pytest.param(TLS_1_2, id="tls1.2"), pytest.param(TLS_1_3, id="tls1.3")]
PINGREQ, PINGRESP = wire.packet(wire.PINGREQ), wire.packet(wire.PINGRESP)


def over_ws(merlon, identity, **options) -> MqttOverWs:
    return MqttOverWs(merlon.enrolment_port, merlon.root, identity, **options)


def dial(merlon, identity) -> ws.WebSocket:
    return ws.dial(merlon.enrolment_port, merlon.root, identity)


def connected(merlon, identity, client_id: str = "by-bytes") -> ws.WebSocket:
    """After CONNACK."""
    client = dial(merlon, identity).upgrade()
    client.send(frame(BINARY, wire.connect(5, client_id)))
    assert client.frame().payload[0] >> 4 == wire.CONNACK
    return client


# --- foreign clients

@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS)
def test_paho_talks_to_a_client_of_the_mqtt_port(merlon, version):
    pump, app = merlon.device("pump"), merlon.application("app", subscribe=("devices/#",), publish=("devices/#",))
    paho = MqttClient(merlon.enrolment_port, merlon.root, pump, version, transport="websockets")
    paho.paho.ws_set_options(path="/mqtt")
    with Mqtt(merlon.mqtt_port, merlon.root, app) as other, paho as client:
        other.connect("other")
        other.subscribe("devices/pump/#")
        assert client.connect() == 0
        assert client.subscribe("devices/pump/in", qos=2) == 2
        client.publish("devices/pump/out", b"up", qos=2)
        assert other.receive().payload == b"up"
        large = bytes(range(256)) * 800  # leaves in several frames
        other.publish("devices/pump/in", large)
        assert client.receive().payload == large
        other.receive()  # its own
    entry = merlon.wait_for_entry("connection.opened", actor_id="pump")
    assert entry["details"]["door"] == "mqtt-ws"
    assert entry["details"]["tls"] == ("TLSv1.2" if version == TLS_1_2 else "TLSv1.3")
    assert entry["source"].startswith("127.0.0.1:")
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["outcome"] == "ok"
    assert merlon.wait_for_entry("connection.opened", actor_id="app")["details"]["door"] == "mqtt"


def test_the_websockets_library_pings_sends_fragments_and_closes(merlon):
    """[MQTT-6.0.0-4]"""
    pump = merlon.device("pump")

    async def visit() -> None:
        context = tls_context(merlon.root, pump, TLS_1_3)
        url = f"wss://127.0.0.1:{merlon.enrolment_port}/mqtt"
        async with websockets.connect(url, ssl=context, subprotocols=["other", "mqtt"], ping_interval=None) as client:
            assert client.subprotocol == "mqtt"
            await client.send([bytes([b]) for b in wire.connect(5, "library")])  # one message, a frame for each byte
            assert (await client.recv())[0] >> 4 == wire.CONNACK
            await asyncio.wait_for(await client.ping(b"are you there"), DEADLINE_S)
            await client.send(PINGREQ)
            assert await client.recv() == PINGRESP
            await client.close(1000, "done")
            assert client.close_code == 1000

    asyncio.run(asyncio.wait_for(visit(), DEADLINE_S))
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["reason"] == "peer"


# --- packets and frames

@pytest.mark.parametrize("pieces", [1, 2, 7, 125, 126, 4096])
def test_a_packet_may_lie_in_many_frames(merlon, pieces):
    """[MQTT-6.0.0-2]"""
    pump = merlon.device("pump")
    with over_ws(merlon, pump, pieces=pieces) as client:
        client.connect("pieces")
        client.subscribe("devices/pump/echo")
        payload = bytes(range(256)) * 3
        assert client.publish("devices/pump/echo", payload) == 0
        assert client.receive().payload == payload


def test_many_packets_may_lie_in_a_frame_and_one_across_two(merlon):
    """[MQTT-6.0.0-2]"""
    pump = merlon.device("pump")
    stream = wire.connect(5, "many") + wire.subscribe(5, 1, [("devices/pump/echo", 0)]) + PINGREQ
    messages = b"".join(wire.publish(5, "devices/pump/echo", str(n).encode()) for n in range(50))
    with over_ws(merlon, pump) as client:
        client.send(stream + messages[:101])
        client.send(messages[101:])
        assert client.packet().kind == wire.CONNACK
        assert client.packet().kind == wire.SUBACK
        kinds, payloads = [], []
        while len(payloads) < 50:
            found = client.packet()
            kinds.append(found.kind)
            if found.kind == wire.PUBLISH:
                payloads.append(int(found.payload))
        assert payloads == list(range(50))
        assert kinds.count(wire.PINGRESP) == 1


def test_connect_may_come_with_the_request_for_the_upgrade(merlon):
    pump = merlon.device("pump")
    with dial(merlon, pump) as client:
        client.socket.sendall(
            b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
            + frame(BINARY, wire.connect(5, "early")) + frame(BINARY, PINGREQ))
        assert client.answer().status == 101
        said = client.frame().payload
        assert said[0] >> 4 == wire.CONNACK
        assert said.endswith(PINGRESP) or client.frame().payload == PINGRESP


def test_both_versions_of_mqtt_a_slow_reader_and_the_longest_packet(merlon):
    pump = merlon.device("pump")
    with over_ws(merlon, pump, version=4) as client:
        client.connect("old")
        client.subscribe("devices/pump/echo")
        head = len(wire.publish(4, "devices/pump/echo", bytes(200000), 1, packet_id=9)) - 200000
        longest = bytes(256 * 1024 - head)
        for _ in range(3):
            client.publish("devices/pump/echo", longest)
        for _ in range(3):
            assert client.receive().payload == longest
        client.send(wire.publish(4, "devices/pump/echo", longest + b"x", 1, packet_id=9))
        assert client.ends() is None
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["reason"] == "packet too large"


def test_ping_is_answered_before_connect_and_pong_is_taken(merlon):
    """RFC 6455 5.5.2, 5.5.3"""
    pump = merlon.device("pump")
    with dial(merlon, pump).upgrade() as client:
        client.send(frame(PONG, b"nobody asked"), frame(PING, b"a" * 125), frame(PING))
        assert client.frame() == ws.Frame(PONG, True, b"a" * 125)
        assert client.frame() == ws.Frame(PONG, True, b"")
        whole = wire.connect(5, "between")
        client.send(frame(BINARY, whole[:3], fin=False), frame(PING, b"between"), frame(CONTINUATION, whole[3:]))
        assert client.frame() == ws.Frame(PONG, True, b"between")
        assert client.frame().payload[0] >> 4 == wire.CONNACK


def test_pings_do_not_keep_an_mqtt_client_alive(start_merlon):
    """MQTT 5.0 3.1.2-22 counts control packets of MQTT."""
    merlon = start_merlon()
    pump = merlon.device("pump")
    with dial(merlon, pump).upgrade() as client:
        client.send(frame(BINARY, wire.connect(5, "silent", keep_alive=1)))
        assert client.frame().payload[0] >> 4 == wire.CONNACK
        client.socket.settimeout(0.3)
        found = None
        while found is None or found.opcode == PONG:
            client.send(frame(PING))
            try:
                found = client.frame(DEADLINE_S)
            except TimeoutError:
                continue
        assert found.payload[:1] == bytes([wire.DISCONNECT << 4])
        assert client.close_code() == 1008
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["reason"] == "keep alive timeout"


def test_every_device_finds_its_home_worker(start_merlon):
    """A connection moves to it after CONNECT, frames and all."""
    merlon = start_merlon({"server": {"workers": 4}})
    app = merlon.application("app", subscribe=("devices/#",), publish=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, app) as other:
        other.connect("other")
        other.subscribe(("devices/+/out", 0))
        for n in range(12):
            name = f"pump-{n}"
            with over_ws(merlon, merlon.device(name), pieces=5) as client:
                client.send(wire.connect(5, "mover") + wire.subscribe(5, 1, [(f"devices/{name}/in", 0)])
                            + wire.publish(5, f"devices/{name}/out", name.encode()))
                assert client.packet().kind == wire.CONNACK
                assert client.expect(wire.SUBACK).codes == [0]
                assert other.receive().payload == name.encode()
                other.publish(f"devices/{name}/in", b"back")
                assert client.receive().payload == b"back"


def test_a_client_that_does_not_read_loses_messages_of_qos_0_and_no_frame(merlon):
    pump, app = merlon.device("pump"), merlon.application("app", publish=("devices/#",))
    dropped = 'reason="queue-full"'
    with over_ws(merlon, pump, receive_buffer=4096) as slow, Mqtt(merlon.mqtt_port, merlon.root, app) as other:
        slow.connect("slow")
        slow.subscribe(("devices/pump/in", 1))
        other.connect("other")
        sent = 0
        while merlon.api.metric("merlon_mqtt_messages_dropped_total", dropped) < 100:
            for _ in range(100):
                other.publish("devices/pump/in", sent.to_bytes(4, "big") * 2500, qos=0)
                sent += 1
        assert other.publish("devices/pump/in", b"last") == 0
        got = [slow.message().payload]
        while got[-1] != b"last":
            got.append(slow.message().payload)
        numbers = [int.from_bytes(p[:4], "big") for p in got[:-1]]
        assert all(p == p[:4] * 2500 for p in got[:-1])  # each whole
        assert numbers == sorted(set(numbers)) and 0 < len(numbers) < sent


# --- faults, each by its bytes

HUGE = b"\x82\xff" + (268435461).to_bytes(8, "big") + b"mask"
FAULTS = {
    "not-masked": (frame(BINARY, PINGREQ, masked=False), 1002),
    "reserved-bit-1": (b"\xc2\x80mask", 1002),
    "reserved-bit-2": (b"\xa2\x80mask", 1002),
    "reserved-bit-3": (b"\x92\x80mask", 1002),
    "reserved-data-opcode": (frame(3), 1002),
    "reserved-control-opcode": (frame(0xB), 1002),
    "fragmented-ping": (frame(PING, fin=False), 1002),
    "fragmented-close": (frame(CLOSE, fin=False), 1002),
    "ping-of-126-bytes": (frame(PING, b"x" * 126), 1002),
    "close-of-126-bytes": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), 1002),
    "16-bit-length-for-125": (b"\x82\xfe\x00\x7dmask", 1002),
    "64-bit-length-for-65535": (b"\x82\xff" + (65535).to_bytes(8, "big") + b"mask", 1002),
    "highest-bit-of-length": (b"\x82\xff\x80" + bytes(7) + b"mask", 1002),
    "frame-too-large": (HUGE, 1009),
    "continuation-of-nothing": (frame(CONTINUATION, PINGREQ), 1002),
    "message-inside-a-message": (frame(BINARY, fin=False) + frame(BINARY), 1002),
    "text": (frame(TEXT, b"text"), 1003),  # [MQTT-6.0.0-1]
    "text-in-fragments": (frame(TEXT, b"te", fin=False), 1003),
    "close-with-half-a-code": (frame(CLOSE, b"\x03"), 1002),
    "close-with-1005": (frame(CLOSE, b"\x03\xed"), 1002),
    "close-with-999": (frame(CLOSE, b"\x03\xe7"), 1002),
    "close-with-broken-utf-8": (frame(CLOSE, b"\x03\xe8\xff"), 1007),
}


def test_each_fault_of_a_frame_ends_with_its_code_and_is_on_record(merlon):
    pump = merlon.device("pump")
    for name, (fault, code) in FAULTS.items():
        for before in (b"", frame(PING, b"first")):
            with connected(merlon, pump, name) as client:
                client.send(before + fault)
                assert client.close_code() == code, name
    wait_until(lambda: len(merlon.audit(action="connection.closed")) == 2 * len(FAULTS), "all closed")
    reasons = {entry["reason"] for entry in merlon.audit(action="connection.closed")}
    assert "frame of a client is not masked" in reasons and reasons.isdisjoint({"lost", "local"})


@pytest.mark.parametrize("code", [None, 1000, 1001, 1008, 3000, 4999])
def test_close_is_answered_with_its_code_and_what_follows_is_ignored(merlon, code):
    """RFC 6455 5.5.1"""
    pump = merlon.device("pump")
    with connected(merlon, pump) as client:
        payload = b"" if code is None else code.to_bytes(2, "big") + "gr\u00fc\u00dfe".encode()
        client.send(frame(BINARY, PINGREQ) + frame(CLOSE, payload) + frame(BINARY, PINGREQ) + b"\xff\xff")
        assert client.frame().payload == PINGRESP  # what came before it counts
        assert client.close_code() == code
    assert merlon.wait_for_entry("connection.closed", actor_id="pump")["reason"] == "peer"


def test_disconnect_and_close_together_are_a_clean_end(merlon):
    """The usual end of a client: no will is sent."""
    pump, app = merlon.device("pump"), merlon.application("app", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, app) as other, dial(merlon, pump).upgrade() as client:
        other.connect("other")
        other.subscribe("devices/#")
        client.send(frame(BINARY, wire.connect(5, "gone", will=wire.Will("devices/pump/will", b"lost"))))
        assert client.frame().payload[0] >> 4 == wire.CONNACK
        client.send(frame(BINARY, wire.disconnect(5)) + frame(CLOSE, b"\x03\xe8"))
        assert client.close_code() == 1000
        merlon.wait_for_entry("connection.closed", actor_id="pump")
        assert other.nothing_comes()


def test_a_fault_of_mqtt_is_told_by_mqtt_and_then_closed(merlon):
    pump = merlon.device("pump")
    with connected(merlon, pump) as client:
        client.send(frame(BINARY, wire.packet(wire.PINGREQ, flags=1)))
        told = client.frame()
        assert (told.opcode, told.payload[0] >> 4, told.payload[2]) == (BINARY, wire.DISCONNECT, 0x81)
        assert client.close_code() == 1002


@pytest.mark.parametrize("version, code, sent", [
    (4, 1002, wire.packet(wire.PINGREQ, flags=1)),  # has no DISCONNECT of the server: the code is all that is said
    (4, 1009, b"\x30\xff\xff\xff\x7f"), (5, 1009, b"\x30\xff\xff\xff\x7f"),
    (5, 1002, wire.publish(5, "devices/pump/x", b"", 0, False, 0, props={"topic_alias": 65535})),
    (4, 1000, wire.disconnect(4)), (5, 1000, wire.disconnect(5)),
])
def test_close_says_in_the_words_of_websocket_why(merlon, version, code, sent):
    """RFC 6455 7.4.1"""
    with dial(merlon, merlon.device("pump")).upgrade() as client:
        client.send(frame(BINARY, wire.connect(version, "ends")))
        assert client.frame().payload[0] >> 4 == wire.CONNACK
        client.send(frame(BINARY, sent))
        assert client.close_code() == code


def test_close_says_that_the_session_was_taken_over_or_the_device_thrown_out(merlon):
    pump = merlon.device("pump")
    with connected(merlon, pump, "same") as first, connected(merlon, pump, "same") as second:
        assert first.close_code() == 1008
        merlon.api.step("pump", "suspend")
        assert second.close_code() == 1008


# --- the request

WRONG_REQUESTS = {
    "no-upgrade": ({"Upgrade": None}, 426), "other-upgrade": ({"Upgrade": "h2c"}, 426), "no-connection": ({"Connection": None}, 426),
    "keep-alive-only": ({"Connection": "keep-alive"}, 426), "no-version": ({"Sec_WebSocket_Version": None}, 426),
    "old-version": ({"Sec_WebSocket_Version": "8"}, 426), "no-key": ({"Sec_WebSocket_Key": None}, 400),
    "short-key": ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400), "no-protocol": ({"Sec_WebSocket_Protocol": None}, 400),
    "other-protocol": ({"Sec_WebSocket_Protocol": "mqttv3.1, amqp"}, 400),
}


def test_a_wrong_request_is_answered_in_http_and_may_be_mended(merlon):
    """RFC 6455 4.2.2, 4.4; [MQTT-6.0.0-3]"""
    pump = merlon.device("pump")
    with dial(merlon, pump) as client:
        for name, (changed, status) in WRONG_REQUESTS.items():
            answer = client.ask(**changed)
            assert answer.status == status, name
            assert answer.headers["content-type"] == "application/problem+json"
            problem = json.loads(answer.body)
            assert (problem["status"], problem["request"]) == (status, answer.headers["x-request-id"])
            if "version" in name:
                assert answer.headers["sec-websocket-version"] == "13"
            if status == 426:
                assert answer.headers["upgrade"] == "websocket"
        assert client.ask(method="POST").status == 405
        assert client.ask(path="/mqtt2").status == 404
        client.upgrade()


def test_web_pages_speak_only_from_origins_that_are_listed(start_merlon):
    """RFC 6455 10.2: a browser shows its user's certificate whatever page made it connect."""
    merlon = start_merlon({"mqtt": {"origins": ["https://app.example.org"]}})
    pump = merlon.device("pump")
    foreign = ["https://evil.example.org", "null", "https://app.example.org.evil.org", "https://app.example.org:8443",
               "http://app.example.org", "http://localhost", "https://localhost:1", ""]
    with dial(merlon, pump) as client:
        for origin in foreign:
            answer = client.ask(Origin=origin)
            assert (answer.status, json.loads(answer.body)["type"]) == (403, "urn:merlon:problem:cross-site"), origin
    entry = merlon.wait_for_entry("connection.refused", reason="origin not allowed")
    assert entry["details"]["door"] == "mqtt-ws"
    assert entry["actor"]["auth"].startswith("certificate:")
    for origin in ("https://app.example.org", "https://localhost"):  # the second is the server itself
        with dial(merlon, pump) as client:
            assert client.ask(Origin=origin).status == 101


# --- who may come in

def test_without_a_certificate_there_is_a_sentence_and_an_entry(merlon):
    before = merlon.refusals("no-certificate")
    with dial(merlon, None) as client:
        answer = client.ask()
        assert (answer.status, json.loads(answer.body)["type"]) == (401, "urn:merlon:problem:unauthenticated")
        assert answer.headers["www-authenticate"].startswith("ClientCertificate")
    assert merlon.wait_for_entry("connection.refused", reason="no-certificate")["outcome"] == "denied"
    merlon.wait_for_refusals("no-certificate", before + 1)


def test_an_operator_is_told_no_in_the_handshake(merlon):
    operator = merlon.operator("alice", "admin")
    with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
        over_ws(merlon, operator)
    merlon.wait_for_entry("connection.refused", reason="wrong-eku")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_revoked_device_is_thrown_out_and_comes_in_no_more(merlon, version):
    pump, other = merlon.device("pump"), merlon.device("other")
    with over_ws(merlon, pump, tls=version) as client, over_ws(merlon, other, tls=version) as bystander:
        client.connect("live")
        bystander.connect("bystander")
        resumed = client.context
        merlon.api.step("pump", "suspend")
        assert client.ends() == 0x98
        with pytest.raises((ssl.SSLError, ConnectionError, Closed)):
            over_ws(merlon, pump, context=resumed, session=client.ws.socket.session)
        bystander.publish("devices/other/alive", b"yes")
    merlon.wait_for_entry("connection.refused", reason="suspended")


def test_a_device_revoked_between_handshake_and_request_is_refused(merlon):
    pump = merlon.device("pump")
    with dial(merlon, pump) as client:
        assert client.ask(path="/.well-known/est/cacerts").status == 200
        merlon.api.step("pump", "suspend")
        answer = client.ask()
        assert answer.status == 403
        assert json.loads(answer.body)["detail"] == "suspended"
    entry = merlon.wait_for_entry("connection.refused", actor_id="pump", reason="suspended")
    assert entry["target"] == "pump"


def test_a_device_revoked_between_request_and_connect_is_refused(merlon):
    pump = merlon.device("pump")
    with dial(merlon, pump).upgrade() as client:
        merlon.api.step("pump", "suspend")
        client.send(frame(BINARY, wire.connect(5, "late")))
        told = client.frame().payload
        assert (told[0] >> 4, told[3]) == (wire.CONNACK, 0x87)
        assert client.close_code() == 1008


def test_the_policy_and_the_limits_are_those_of_the_mqtt_port(start_merlon):
    merlon = start_merlon({"mqtt": {"device_sessions": 1, "connect_timeout": "3s"}})
    pump = merlon.device("pump")
    with over_ws(merlon, pump) as client:
        client.connect("first")
        assert client.subscribe("devices/other/#") == [0x87]
        assert client.publish("devices/other/x", b"no") == 0x87
        with Mqtt(merlon.mqtt_port, merlon.root, pump) as second:
            assert second.connect("second").reason == 0x97
        with Mqtt(merlon.mqtt_port, merlon.root, pump) as again:
            assert again.connect("first").reason == 0  # the same session, whatever the transport
            assert client.ends() == 0x8E
    with dial(merlon, pump).upgrade() as client:  # no CONNECT
        assert client.close_code() == 1008


def test_quotas_of_devices_and_of_sources_hold_over_websocket(start_merlon):
    merlon = start_merlon({"quota": {"exempt": [], "source_failures": 3}})
    pump, bystander = merlon.device("pump"), merlon.device("bystander")
    merlon.api.do("PATCH", "/v1/quotas/device:pump", {"connects": "2/min"})
    with over_ws(merlon, bystander) as stays:
        stays.connect("stays")
        answers = []
        for _ in range(3):
            with over_ws(merlon, pump) as client:
                answers.append(client.connect("flapping").reason)
        assert answers == [0, 0, 0x9F]
        with dial(merlon, None) as stranger:
            for _ in range(4):
                assert stranger.ask().status == 401
        with pytest.raises((ssl.SSLError, ConnectionError)):
            dial(merlon, bystander)
        stays.publish("devices/bystander/x", b"goes on")
    assert {block["who"]: block["reason"] for block in merlon.api.all_of("/v1/blocks")} == {
        "device:pump": "flapping", "source:127.0.0.1": "failures"}


def test_stopping_says_so_and_closes(merlon):
    pump = merlon.device("pump")
    with connected(merlon, pump) as client:
        merlon.stop()
        told = client.frame()
        assert (told.payload[0] >> 4, told.payload[2]) == (wire.DISCONNECT, 0x8B)
        assert client.close_code() == 1001


def test_a_session_of_one_transport_goes_on_over_the_other(merlon):
    pump, app = merlon.device("pump"), merlon.application("app", publish=("devices/#",))
    with over_ws(merlon, pump) as client:
        client.connect("kept", clean=False, props={"session_expiry": 600})
        client.subscribe(("devices/pump/in", 1))
    with Mqtt(merlon.mqtt_port, merlon.root, app) as other:
        other.connect("other")
        other.publish("devices/pump/in", b"while away")
    with Mqtt(merlon.mqtt_port, merlon.root, pump) as client:
        assert client.connect("kept", clean=False).session_present
        assert client.receive().payload == b"while away"
