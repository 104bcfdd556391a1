# SPDX-License-Identifier: Apache-2.0
"""What a client of either version gets for a PUBLISH that no rule allows, and what the log says when it does not stop."""
import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt

DENIED, OWN = "devices/fan-1/up", "devices/pump-7/up"


def send_denied(client: Mqtt, qos: int, topic: str = DENIED) -> None:
    client.send(wire.publish(client.version, topic, b"x", qos, packet_id=9 if qos else 0))


@pytest.mark.quick
@pytest.mark.parametrize("qos", [0, 1, 2])
@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("way", ["disconnect", "acknowledge"])
def test_a_denied_message_arrives_nowhere(start_merlon, way, version, qos):
    merlon = start_merlon({"mqtt": {"denied_publish_311": way}})
    device, reader = merlon.device("pump-7"), merlon.application("app", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, device, version) as client, Mqtt(merlon.mqtt_port, merlon.root, reader) as watcher:
        client.connect("c")
        watcher.connect()
        watcher.subscribe(("devices/#", 2))
        send_denied(client, qos)
        if version == 5 and qos:
            assert client.expect(wire.PUBACK if qos == 1 else wire.PUBREC).reason == 0x87
        elif version == 4 and qos and way == "disconnect":
            assert client.ends() is None  # [MQTT-3.3.5-2] of 3.1.1: end it, or
        elif version == 4 and qos:
            assert client.expect(wire.PUBACK if qos == 1 else wire.PUBREC).packet_id == 9  # acknowledge it
            if qos == 2:
                client.send(wire.ack(wire.PUBREL, 9))
                assert client.expect(wire.PUBCOMP).packet_id == 9
        assert watcher.nothing_comes()
        denied = merlon.wait_for_entry("publish.denied", target=DENIED, actor_id="pump-7")
        assert denied["reason"] == "no rule allows it"
        if version == 5 or not qos or way == "acknowledge":
            client.publish(OWN, b"allowed")
            assert watcher.receive().payload == b"allowed"


def test_acknowledge_is_for_the_policy_only(start_merlon):
    """What was allowed and finds no room is not acknowledged: nothing acknowledged is lost."""
    merlon = start_merlon({"mqtt": {"denied_publish_311": "acknowledge", "retained_messages": 0}})
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7"), 4) as client:
        client.connect("c")
        client.send(wire.publish(4, OWN, b"x", 1, retain=True, packet_id=9))
        assert client.ends() is None


def test_a_device_that_does_not_stop_fills_no_log(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client, \
            Mqtt(merlon.mqtt_port, merlon.root, merlon.device("fan-1")) as other:
        client.connect()
        other.connect()
        for _ in range(300):
            send_denied(client, 0)
        for n in range(300):
            send_denied(client, 0, f"devices/fan-1/{n}")
        assert client.nothing_comes(0.05)
        send_denied(other, 0, "devices/pump-7/x")  # is seen beside it
        merlon.wait_for_entry("publish.denied", actor_id="fan-1", target="devices/pump-7/x")
    assert merlon.api.metric("merlon_access_denied_total", 'action="publish"') == 601
    merlon.stop()  # what is being counted goes into the log
    merlon.start()
    entries = [e for e in merlon.audit(action="publish.denied") if e["actor"]["id"] == "pump-7"]
    assert sum(e.get("repeated", 1) for e in entries) == 600
    assert len(entries) <= 20
    assert sum(e.get("repeated", 1) for e in entries if e.get("target") == DENIED) == 300


def test_a_device_that_does_not_stop_to_subscribe_fills_no_log(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")) as client:
        client.connect()
        for n in range(300):
            assert client.subscribe(DENIED, f"devices/fan-1/{n}") == [0x87, 0x87]
    assert merlon.api.metric("merlon_access_denied_total", 'action="subscribe"') == 600
    merlon.stop()  # what is being counted goes into the log
    merlon.start()
    entries = merlon.audit(action="subscribe.denied")
    assert {e["actor"]["id"] for e in entries} == {"pump-7"}
    assert sum(e.get("repeated", 1) for e in entries) == 600
    assert len(entries) <= 20
    assert sum(e.get("repeated", 1) for e in entries if e.get("target") == DENIED) == 300


def test_a_wrong_way_stops_the_start(make_merlon):
    merlon = make_merlon({"mqtt": {"denied_publish_311": "ignore"}})
    with pytest.raises(AssertionError, match="denied_publish_311"):
        merlon.init()
