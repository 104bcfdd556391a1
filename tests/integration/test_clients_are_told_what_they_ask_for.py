# SPDX-License-Identifier: Apache-2.0
"""Response Information and Reason Strings: given to who asks, kept from who does not."""
import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt

DENIED = "devices/fan-1/up"


@pytest.fixture
def opened():
    clients: list[Mqtt] = []
    yield clients
    for client in clients:
        client.close()


def connected(opened, merlon, identity, version: int = 5, **props) -> tuple[Mqtt, dict]:
    opened.append(Mqtt(merlon.mqtt_port, merlon.root, identity, version))
    connack = opened[-1].connect(props=props)
    assert connack.reason == 0
    return opened[-1], connack.props


@pytest.mark.quick
def test_a_device_that_asks_learns_where_its_answers_may_go(merlon, opened):
    device, props = connected(opened, merlon, merlon.device("pump-7"), request_response_info=1)
    assert props["response_info"] == "devices/pump-7/responses"
    assert device.subscribe(props["response_info"] + "/#") == [1]
    application, _ = connected(opened, merlon, merlon.application("app", publish=("devices/#",), subscribe=("devices/#",)))
    application.subscribe("devices/+/questions")
    device.publish("devices/pump-7/questions", b"?", response_topic=props["response_info"] + "/1", correlation_data=b"\1\2")
    question = application.receive()
    application.publish(question.props["response_topic"], b"!", correlation_data=question.props["correlation_data"])
    answer = device.receive()
    assert (answer.topic, answer.payload, answer.props["correlation_data"]) == ("devices/pump-7/responses/1", b"!", b"\1\2")


def test_who_does_not_ask_or_may_not_subscribe_there_is_not_told(merlon, opened):
    device = merlon.device("pump-7")
    assert "response_info" not in connected(opened, merlon, device)[1]  # [MQTT-3.1.2-28]
    assert "response_info" not in connected(opened, merlon, device, request_response_info=0)[1]
    reader = merlon.application("app", subscribe=("sensors/#",))
    assert "response_info" not in connected(opened, merlon, reader, request_response_info=1)[1]


def test_the_topic_is_configured_or_off(start_merlon, opened):
    off = start_merlon({"mqtt": {"response_topic": ""}})
    assert "response_info" not in connected(opened, off, off.device("pump-7"), request_response_info=1)[1]


def test_a_wrong_response_topic_stops_the_start(make_merlon):
    merlon = make_merlon({"mqtt": {"response_topic": "devices/+/x"}})
    merlon.init()
    with pytest.raises(RuntimeError, match="response_topic"):
        merlon.start()
    merlon.killed.add(merlon.runs[-1].pid)  # it ended by itself, with an error


# --- reason strings

def refused_publish(client: Mqtt) -> dict:
    client.send(wire.publish(5, DENIED, b"x", 1, packet_id=9))
    answer = client.expect(wire.PUBACK)
    assert answer.reason == 0x87
    return answer.props


def test_a_refusal_says_why_unless_the_client_does_not_want_it(merlon, opened):
    device = merlon.device("pump-7")
    assert refused_publish(connected(opened, merlon, device)[0]) == {"reason_string": "publish not allowed by policy"}
    assert refused_publish(connected(opened, merlon, device, request_problem_info=1)[0]) != {}
    assert refused_publish(connected(opened, merlon, device, request_problem_info=0)[0]) == {}  # [MQTT-3.1.2-29]


def test_a_reason_that_does_not_fit_stays_away(merlon, opened):
    opened.append(Mqtt(merlon.mqtt_port, merlon.root, merlon.device("pump-7")))
    client = opened[-1]
    assert client.connect("c", props={"maximum_packet_size": 30}).size <= 30
    assert refused_publish(client) == {}  # [MQTT-3.4.2-2]
    client.send(b"\x00\x00")
    assert client.ends() in (0x81, 0x82)  # and DISCONNECT comes without it [MQTT-3.14.2-3]


def test_a_refused_connect_says_why_and_fits(merlon):
    identity = merlon.device("pump-7")
    for props, reasons in (({}, True), ({"maximum_packet_size": 10}, False), ({"request_problem_info": 0}, False)):
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
            answer = client.connect(user="somebody", props=props)
            assert answer.reason == 0x86
            assert ("reason_string" in answer.props) == reasons
