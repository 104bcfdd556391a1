# SPDX-License-Identifier: Apache-2.0
"""A subscription gets every retained message that matches [MQTT-3.3.1-9], however many there are and however slow the reader is:
in portions, while other messages pass."""
import subprocess

import paho.mqtt.client as paho
import pytest
from harness import mqtt_wire as wire
from harness.client import MqttClient
from harness.mqtt import Mqtt
from harness.waiting import DEADLINE_S

MANY = 5001
PAYLOAD = b"v" * 200
QOS = pytest.mark.parametrize("qos", [0, 1, 2])


@pytest.fixture
def full(merlon):
    """MANY retained messages below x."""
    merlon.identity = merlon.application("app", publish=("#",), subscribe=("#",))
    with client(merlon) as a:
        fill(a)
    return merlon


def client(merlon, version: int = 5, client_id: str = "", clean: bool = True, **options) -> Mqtt:
    made = Mqtt(merlon.mqtt_port, merlon.root, merlon.identity, version, **options)
    made.welcome = made.connect(client_id, clean=clean, **({"props": {"session_expiry": 3600}} if not clean and version == 5 else {}))
    assert made.welcome.reason == 0
    return made


def topic(n: int) -> str:
    return f"x/{n}/state"


def fill(a: Mqtt, count: int = MANY) -> None:
    """A message of QoS 2 can be had at each QoS; many are on their way at once, as the store takes many together."""
    sent = done = 0
    while done < count:
        while sent < min(count, done + 100):
            a.send(wire.publish(a.version, topic(sent), PAYLOAD, 2, True, sent + 1))
            sent += 1
        answer = a.packet()
        assert answer.reason in (0, 0x10), answer
        if answer.kind == wire.PUBREC:
            a.send(wire.ack(wire.PUBREL, answer.packet_id))
        else:
            done += 1


def take(c: Mqtt, count: int = MANY) -> list[wire.Received]:
    return [c.receive() for _ in range(count)]


def lost(merlon) -> float:
    return merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"')


@pytest.mark.quick
@QOS
@pytest.mark.parametrize("version", [4, 5], ids=["3.1.1", "5.0"])
def test_all_come_once(full, version, qos):
    with client(full, version) as c:
        c.subscribe(("x/#", qos))
        found = take(c)
        assert sorted(m.topic for m in found) == sorted(topic(n) for n in range(MANY))
        assert {(m.qos, m.retain, m.payload) for m in found} == {(qos, True, PAYLOAD)}
        assert c.nothing_comes()
    assert lost(full) == 0


@QOS
@pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5], ids=["3.1.1", "5.0"])
def test_paho_gets_all(full, protocol, qos):
    made = MqttClient(full.mqtt_port, full.root, full.identity, protocol=protocol)
    with made as c:
        assert c.connect() == 0
        assert c.subscribe("x/#", qos) == qos
        assert len({c.receive().topic for _ in range(MANY)}) == MANY


@QOS
@pytest.mark.parametrize("protocol", ["mqttv311", "mqttv5"])
def test_mosquitto_sub_gets_all(full, protocol, qos):
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(full.mqtt_port), "--cafile", full.root, "--cert", full.identity.certificate,
               "--key", full.identity.key, "-V", protocol, "-q", str(qos), "-t", "x/#", "-F", "%t", "-C", str(MANY), "-W", str(DEADLINE_S)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * DEADLINE_S)
    assert done.returncode == 0, done.stderr
    assert len(set(done.stdout.split())) == MANY
