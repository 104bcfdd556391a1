# SPDX-License-Identifier: Apache-2.0
"""Topic aliases from the client and to the client, within what each allows. MQTT 5.0 3.3.2.3.4"""
import subprocess

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt

UP, OTHER, DENIED = "devices/pump-7/up", "devices/pump-7/other", "devices/fan-1/up"


@pytest.fixture
def opened():
    clients: list[Mqtt] = []
    yield clients
    for client in clients:
        client.close()


@pytest.fixture
def pair(merlon, opened):
    identities = {"device": merlon.device("pump-7"),
                  "app": merlon.application("app", subscribe=("devices/#",), publish=("devices/#",))}

    def connect(who: str, version: int = 5, aliases: int = 0) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, identities[who], version))
        assert opened[-1].connect(props={"topic_alias_maximum": aliases} if aliases else {}).reason == 0
        return opened[-1]

    connect.identities = identities
    return connect


# --- from the client

@pytest.mark.quick
def test_an_alias_stands_for_the_topic_it_came_with_last(pair):
    reader, device = pair("app"), pair("device")
    reader.subscribe("devices/#")
    assert device.publish(UP, b"both", topic_alias=3) == 0
    assert device.publish("", b"alias", topic_alias=3) == 0
    assert device.publish(OTHER, b"moved", topic_alias=3) == 0
    assert device.publish("", b"alias", 2, topic_alias=3) == 0
    assert device.publish(UP, b"plain") == 0
    got = [reader.receive() for _ in range(5)]
    assert [(m.topic, m.payload) for m in got] == [(UP, b"both"), (UP, b"alias"), (OTHER, b"moved"), (OTHER, b"alias"), (UP, b"plain")]
    assert all("topic_alias" not in m.props for m in got)  # it is not forwarded


def test_connack_names_the_maximum_and_it_holds(merlon, pair, opened):
    device = Mqtt(merlon.mqtt_port, merlon.root, pair.identities["device"])
    opened.append(device)
    assert device.connect().props["topic_alias_maximum"] == 16
    assert device.publish(UP, b"x", topic_alias=16) == 0x10
    device.send(wire.publish(5, UP, b"x", props={"topic_alias": 17}))
    assert device.ends() == 0x94


def test_alias_0_and_an_unknown_alias_end_the_connection(pair):
    for props, reason in (({"topic_alias": 0}, 0x94), ({"topic_alias": 5}, 0x82), ({}, 0x82)):
        device = pair("device")
        device.send(wire.publish(5, "", b"x", 1, packet_id=1, props=props))
        assert device.ends() == reason


def test_aliases_end_with_the_connection(pair):
    device = pair("device")
    device.publish(UP, b"x", topic_alias=1)
    device.close()
    again = pair("device")
    again.send(wire.publish(5, "", b"x", props={"topic_alias": 1}))
    assert again.ends() == 0x82


def test_a_denied_message_sets_its_alias_and_the_alias_gives_no_right(pair):
    device = pair("device")
    assert device.publish(DENIED, b"x", topic_alias=1) == 0x87
    assert device.publish("", b"x", topic_alias=1) == 0x87
    assert device.publish(UP, b"x", topic_alias=1) == 0x10
    assert device.publish("", b"x", topic_alias=1) == 0x10


def test_none_are_taken_when_configured_so(start_merlon, opened):
    merlon = start_merlon({"mqtt": {"topic_aliases": 0}})
    opened.append(Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")))
    assert "topic_alias_maximum" not in opened[-1].connect(props={"topic_alias_maximum": 10}).props
    opened[-1].send(wire.publish(5, UP, b"x", props={"topic_alias": 1}))
    assert opened[-1].ends() == 0x94


def test_mosquitto_pub_uses_an_alias(merlon, pair):
    identity, reader = pair.identities["device"], pair("app")
    reader.subscribe("devices/#")
    subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", merlon.root, "--cert", identity.certificate,
                    "--key", identity.key, "-V", "mqttv5", "-t", UP, "-D", "PUBLISH", "topic-alias", "2", "-m", "hello", "-q", "1",
                    "--repeat", "3"], check=True, timeout=30)
    assert [(m.topic, m.payload) for m in (reader.receive() for _ in range(3))] == [(UP, b"hello")] * 3


# --- to the client

def test_what_comes_again_comes_with_an_alias_alone(pair):
    reader, device = pair("app", aliases=5), pair("device")
    reader.subscribe(("devices/#", 0))
    sizes, known = [], {}
    for _ in range(4):
        device.publish(UP, b"x")
        message = reader.receive()
        alias = message.props.get("topic_alias")
        if message.topic:
            known[alias] = message.topic
        assert known[alias] == UP
        sizes.append((message.topic == "", message.size))
    assert [empty for empty, _ in sizes] == [False, False, True, True]
    assert sizes[0][1] - sizes[3][1] == len(UP) - 3  # three bytes of alias for all of the topic


def test_no_alias_is_above_what_the_client_takes(pair):
    reader, device = pair("app", aliases=2), pair("device")
    reader.subscribe(("devices/#", 1))
    known: dict[int, str] = {}
    for n in list(range(4)) * 6:
        topic = f"devices/pump-7/number-{n}"
        device.publish(topic, b"x")
        message = reader.receive()
        alias = message.props.get("topic_alias", 0)
        assert alias <= 2
        if message.topic and alias:
            known[alias] = message.topic
        assert (message.topic or known[alias]) == topic
    assert len(known) == 2


def test_a_client_that_takes_none_gets_none(pair):
    readers, device = [pair("app"), pair("app", 4)], pair("device")
    for reader in readers:
        reader.subscribe(("devices/#", 0))
    for _ in range(4):
        device.publish(UP, b"x")
        for reader in readers:
            message = reader.receive()
            assert (message.topic, message.props) == (UP, {})


def test_an_alias_never_makes_a_packet_too_large(merlon, pair, opened):
    device = pair("device")
    size = len(wire.publish(5, UP, b"x" * 40))
    opened.append(Mqtt(merlon.mqtt_port, merlon.root, pair.identities["app"]))
    reader = opened[-1]
    reader.connect(props={"topic_alias_maximum": 10, "maximum_packet_size": max(size, 60)})
    reader.subscribe(("devices/#", 0))
    for _ in range(4):
        device.publish(UP, b"x" * (40 + max(size, 60) - size))
        assert reader.receive().topic == UP
    device.publish(UP, b"short")
    device.publish(UP, b"short")
    device.publish(UP, b"x" * (40 + max(size, 60) - size))  # at the limit it goes without
    assert [reader.receive().topic for _ in range(3)] == [UP, UP, UP]
