# SPDX-License-Identifier: Apache-2.0
"""Topics, filters and will topics of either version at the limit of levels and one above."""
import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt

MOST = 128


def levels(count: int) -> str:
    return "/".join(["devices"] + ["x"] * (count - 1))


@pytest.fixture
def connect(merlon):
    app = merlon.application("app", publish=("devices/#",), subscribe=("devices/#",))
    opened: list[Mqtt] = []

    def opener(version: int) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, app, version))
        return opened[-1]

    yield opener
    for client in opened:
        client.close()


def test_a_message_and_a_filter(merlon, connect):
    client = connect(5)
    client.connect()
    assert client.subscribe(levels(MOST), levels(MOST + 1)) == [1, 0x8F]  # MQTT 5.0 3.9.3
    assert client.publish(levels(MOST), b"deep") == 0
    assert client.receive().payload == b"deep"
    assert client.publish(levels(MOST + 1), b"deeper") == 0x90  # MQTT 5.0 3.4.2.1
    assert client.publish(levels(MOST + 1), b"deeper", 2) == 0x90  # MQTT 5.0 3.5.2.1
    assert client.subscribe(f"{levels(MOST - 1)}/#", f"{levels(MOST)}/#") == [1, 0x8F]
    assert client.subscribe(f"$share/g/{levels(MOST - 2)}", f"$share/g/{levels(MOST - 1)}") == [1, 0x8F]
    for action in ("publish.denied", "subscribe.denied"):
        assert merlon.wait_for_entry(action, target=levels(MOST + 1))["reason"] == "too many levels"
    assert not merlon.audit(action="publish.denied", target=levels(MOST))


def test_a_message_and_a_filter_of_3_1_1(connect):
    client = connect(4)
    client.connect("c")
    assert client.subscribe(levels(MOST), levels(MOST + 1)) == [1, 0x80]
    client.publish(levels(MOST), b"deep")
    assert client.receive().payload == b"deep"
    client.send(wire.publish(4, levels(MOST + 1), b"deeper", 1, packet_id=9))
    assert client.ends() is None


@pytest.mark.parametrize("version", [4, 5])
def test_a_will(connect, version):
    reader, above = connect(5), connect(version)
    reader.connect("reader")
    assert reader.subscribe("devices/#") == [1]
    above.send(wire.connect(version, "deeper", will=wire.Will(levels(MOST + 1), b"deeper")))
    if version == 5:
        assert above.expect(wire.CONNACK).reason == 0x90  # MQTT 5.0 3.2.2.2
    assert above.ends() is None  # CONNACK of 3.1.1 has no such code
    client = connect(version)
    assert client.connect("deep", will=wire.Will(levels(MOST), b"deep")).reason == 0
    client.cut()
    found = reader.receive()
    assert (found.topic, found.payload) == (levels(MOST), b"deep")
