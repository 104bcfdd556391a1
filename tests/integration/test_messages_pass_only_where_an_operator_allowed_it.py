# SPDX-License-Identifier: Apache-2.0
"""A stock device publishes its temperature on a topic of its own choice: not before an operator granted it, at once
after, and an application that may read it gets it."""
import json
import os
import subprocess
import tempfile

import paho.mqtt.client as paho
import pytest
from harness import mqtt_wire as wire
from harness.client import TLS_1_2, TLS_1_3, MqttClient
from harness.mqtt import Mqtt

TOPIC, READING = "sensors/temperature", b"25.4"
VERSIONS = [pytest.param(TLS_1_2, id="tls1.2"), pytest.param(TLS_1_3, id="tls1.3")]


def paho_client(merlon, identity, version, protocol) -> MqttClient:
    """As in paho's own documentation: tls_set with three files."""
    client = MqttClient(merlon.mqtt_port, merlon.root, identity, version, client_id=f"stock-{identity.name}", protocol=protocol)
    fresh = paho.Client(client_id=f"stock-{identity.name}", protocol=protocol)
    fresh.tls_set(ca_certs=str(merlon.root), certfile=str(identity.certificate), keyfile=str(identity.key))
    fresh._ssl_context.minimum_version = fresh._ssl_context.maximum_version = version
    for event in ("on_connect", "on_disconnect", "on_subscribe", "on_message"):
        setattr(fresh, event, getattr(client.paho, event))
    client.paho = fresh
    return client


@pytest.mark.quick
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("protocol", [pytest.param(paho.MQTTv311, id="mqtt3.1.1"), pytest.param(paho.MQTTv5, id="mqtt5.0")])
def test_paho_publishes_a_temperature_when_it_is_granted(merlon, version, protocol):
    device, application = merlon.device("001"), merlon.application("dashboard", subscribe=("sensors/#",))
    with paho_client(merlon, application, version, protocol) as reader, \
            paho_client(merlon, device, version, protocol) as sensor:
        assert reader.connect() == 0
        assert reader.subscribe("sensors/#") == 1
        assert sensor.connect() == 0
        sensor.paho.publish(TOPIC, READING, 1)
        if protocol == paho.MQTTv311:  # 3.1.1 has no word for a refusal: the connection ends
            assert sensor.wait_closed() != 0
        denied = merlon.wait_for_entry("publish.denied", target=TOPIC)
        assert (denied["actor"]["id"], denied["actor"]["kind"], denied["outcome"]) == ("001", "device", "denied")
        assert reader.messages.empty()

    merlon.allow("device:001", publish=(TOPIC,))
    with paho_client(merlon, application, version, protocol) as reader, \
            paho_client(merlon, device, version, protocol) as sensor:
        assert reader.connect() == 0
        assert reader.subscribe("sensors/#") == 1
        assert sensor.connect() == 0
        sensor.publish(TOPIC, READING)
        message = reader.receive()
        assert (message.topic, message.payload) == (TOPIC, READING)
        assert reader.messages.empty()  # the one that was refused was not kept either


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refusal_is_reason_0x87_in_mqtt_5(merlon, version):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("001"), 5, version) as sensor:
        assert sensor.connect().reason == 0
        assert sensor.publish(TOPIC, READING, qos=1) == 0x87
        assert sensor.publish(TOPIC, READING, qos=2) == 0x87
        assert sensor.publish(TOPIC, READING, qos=0) == 0  # nothing was promised, nothing is said
        assert sensor.publish("devices/001/reading", READING) in (0, 0x10)  # and the connection stays


@pytest.mark.parametrize("qos", [1, 2])
def test_a_refusal_ends_the_connection_in_mqtt_3_1_1(merlon, qos):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("001"), 4) as sensor:
        assert sensor.connect("a").reason == 0
        sensor.send(wire.publish(4, TOPIC, READING, qos, packet_id=1))
        with pytest.raises(Exception, match="end of stream|closed"):
            sensor.packet()


def test_a_grant_acts_on_the_live_connection_and_so_does_its_end(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("001")) as sensor:
        assert sensor.connect().reason == 0
        assert sensor.publish(TOPIC, READING) == 0x87
        role = merlon.allow("device:001", publish=(TOPIC,))
        assert sensor.publish(TOPIC, READING) in (0, 0x10)
        merlon.api.do("DELETE", f"/v1/roles/{role}/assignments/device:001")
        assert sensor.publish(TOPIC, READING) == 0x87


def test_a_lost_permission_to_read_ends_the_delivery(merlon):
    device = merlon.device("001")
    merlon.allow("device:001", publish=(TOPIC,))
    application = merlon.application("dashboard")
    role = merlon.allow("application:dashboard", subscribe=("sensors/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as reader, Mqtt(merlon.mqtt_port, merlon.root, device) as sensor:
        reader.connect()
        sensor.connect()
        assert reader.subscribe("sensors/#") == [1]
        sensor.publish(TOPIC, b"first")
        assert reader.receive().payload == b"first"
        merlon.api.do("DELETE", f"/v1/roles/{role}/assignments/application:dashboard")
        sensor.publish(TOPIC, b"second")
        assert reader.nothing_comes()


def test_a_role_of_a_group_reaches_all_its_devices(merlon):
    merlon.allow("group:pumps", publish=("pumps/${group}/${id}/state",))
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7", group="pumps")) as pump, \
            Mqtt(merlon.mqtt_port, merlon.root, merlon.device("fan-1", group="fans")) as fan:
        pump.connect()
        fan.connect()
        assert pump.publish("pumps/pumps/pump-7/state", b"on") in (0, 0x10)
        assert pump.publish("pumps/pumps/fan-1/state", b"on") == 0x87
        assert fan.publish("pumps/fans/fan-1/state", b"on") == 0x87
        merlon.api.do("PATCH", "/v1/devices/fan-1", {"group": "pumps"})
        assert fan.publish("pumps/pumps/fan-1/state", b"on") in (0, 0x10)


# --- mosquitto's clients

def mosquitto_options(merlon, identity, tls: str, protocol: str) -> list[str]:
    return ["-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", str(merlon.root), "--cert", str(identity.certificate),
            "--key", str(identity.key), "--tls-version", tls, "-V", protocol]


def mosquitto_pub(merlon, identity, tls: str, protocol: str, *options: str) -> subprocess.CompletedProcess:
    with tempfile.TemporaryDirectory() as home:
        return subprocess.run(["mosquitto_pub", *mosquitto_options(merlon, identity, tls, protocol), "-d", *options],
                              capture_output=True, text=True, check=False, timeout=30, env={**os.environ, "HOME": home})


@pytest.mark.quick
@pytest.mark.parametrize("tls", ["tlsv1.2", "tlsv1.3"])
@pytest.mark.parametrize("protocol", ["mqttv311", "mqttv5"])
def test_mosquitto_pub_and_sub_meet_when_it_is_granted(merlon, processes, tls, protocol):
    device, application = merlon.device("001"), merlon.application("dashboard", subscribe=("sensors/#",))
    reading = ["-t", TOPIC, "-m", "25.4", "-q", "1"]
    refused = mosquitto_pub(merlon, device, tls, protocol, *reading)
    if protocol == "mqttv5":
        assert "RC:135" in refused.stdout, refused  # 0x87
    else:
        assert refused.returncode != 0 or "received PUBACK" not in refused.stdout, refused
    merlon.wait_for_entry("publish.denied", target=TOPIC, actor_id="001")

    merlon.allow("device:001", publish=(TOPIC,))
    reader = processes.start(["/usr/bin/stdbuf", "-oL", "mosquitto_sub", *mosquitto_options(merlon, application, tls, protocol),
                              "-t", "sensors/#", "-q", "1", "-C", "1", "-F", "%t=%p", "-d"])
    reader.wait_for_log("Subscribed")
    accepted = mosquitto_pub(merlon, device, tls, protocol, *reading)
    assert accepted.returncode == 0 and "received PUBACK" in accepted.stdout, accepted
    assert "RC:135" not in accepted.stdout
    assert reader.popen.wait(30) == 0
    assert f"{TOPIC}=25.4" in reader.log()


def test_mosquitto_sub_is_told_that_a_subscription_is_refused(merlon):
    device = merlon.device("001")
    done = subprocess.run(["mosquitto_sub", *mosquitto_options(merlon, device, "tlsv1.3", "mqttv5"), "-t", "sensors/#", "-C", "1",
                           "-W", "60", "-d"], capture_output=True, text=True, check=False, timeout=90)
    assert "All subscription requests were denied" in done.stdout + done.stderr
    merlon.wait_for_entry("subscribe.denied", target="sensors/#", actor_id="001")


def test_policy_explain_says_the_same_as_the_door(merlon):
    merlon.device("001")

    def explained() -> dict:
        return merlon.api.get("/v1/policy/explain", principal="device:001", action="publish", topic=TOPIC)

    assert explained()["allowed"] is False
    role = merlon.allow("device:001", publish=(TOPIC,))
    assert (explained()["allowed"], explained()["role"], explained()["filter"]) == (True, role, TOPIC)
    assert json.dumps(explained())  # and it is JSON without surprises
