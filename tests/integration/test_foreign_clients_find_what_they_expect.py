# SPDX-License-Identifier: Apache-2.0
"""paho and mosquitto's tools, written by others: retained messages, wills, kept sessions, shared subscriptions, aliases, request
and response, in MQTT 3.1.1 and 5.0."""
import os
import signal
import socket
import struct
import subprocess

import paho.mqtt.client as paho
import pytest
from harness.client import MqttClient
from harness.waiting import DEADLINE_S, wait_until
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

VERSIONS = pytest.mark.parametrize("protocol", [paho.MQTTv311, paho.MQTTv5], ids=["3.1.1", "5.0"])
MOSQUITTO = pytest.mark.parametrize("protocol", ["mqttv311", "mqttv5"])


def properties(packet: int, **values) -> Properties:
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.fixture
def door(merlon):
    merlon.identity = merlon.application("app", publish=("#",), subscribe=("#",))
    return merlon


def connected(door, protocol: int, client_id: str = "", clean: bool = True, will: tuple | None = None, expiry: int = 0) -> MqttClient:
    client = MqttClient(door.mqtt_port, door.root, door.identity, client_id=client_id, clean=clean, protocol=protocol)
    client.session_present = None
    told = client.paho.on_connect

    def on_connect(paho_client, userdata, flags, *rest):
        client.session_present = bool(flags["session present"])
        told(paho_client, userdata, flags, *rest)

    client.paho.on_connect = on_connect
    if will is not None:
        client.paho.will_set(*will[:4], **({"properties": will[4]} if len(will) > 4 else {}))
    options = {}
    if protocol == paho.MQTTv5:
        options = {"clean_start": clean, "properties": properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry)}
    client.paho.connect("127.0.0.1", door.mqtt_port, keepalive=30, **options)
    client.paho.loop_start()
    assert client._connected.get(timeout=DEADLINE_S) == 0
    return client


def lose(client: MqttClient) -> None:
    """As a device loses its network."""
    client.paho.loop_stop()
    plain = client.paho.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    plain.close()


# --- paho

@pytest.mark.quick
@VERSIONS
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_paho_hears_its_messages_at_each_qos(door, protocol, qos):
    with connected(door, protocol, "a") as a, connected(door, protocol, "b") as b:
        assert b.subscribe("t/+", 2) == 2
        for n in range(20):
            a.publish("t/x", b"%d" % n, qos)
        heard = [b.receive() for _ in range(20)]
        assert [int(m.payload) for m in heard] == list(range(20))
        assert {m.qos for m in heard} == {qos}


@VERSIONS
def test_paho_gets_what_is_retained(door, protocol):
    with connected(door, protocol, "a") as a, connected(door, protocol, "b") as b:
        a.publish("t/kept", b"one", retain=True)
        a.publish("t/kept", b"two", retain=True)
        b.subscribe("t/#")
        message = b.receive()
        assert (message.payload, message.retain) == (b"two", 1)
        a.publish("t/kept", b"", retain=True)
        message = b.receive()
        assert (message.payload, message.retain) == (b"", 0)
        b.subscribe("t/#")
        a.publish("t/end", b"end")
        assert b.receive().topic == "t/end"


@VERSIONS
def test_the_will_of_a_lost_paho_is_sent(door, protocol):
    with connected(door, protocol, "b") as b:
        b.subscribe("wills/#", 2)
        lose(connected(door, protocol, "a", will=("wills/a", b"gone", 1, True)))
        message = b.receive()
        assert (message.topic, message.payload, message.qos) == ("wills/a", b"gone", 1)
        with connected(door, protocol, "c", will=("wills/c", b"no", 1, False)):
            pass
        with connected(door, protocol, "d") as d:
            d.publish("wills/end", b"end")
            assert b.receive().topic == "wills/end"
            d.publish("wills/a", b"", retain=True)


def test_the_will_of_a_lost_paho_waits_and_keeps_its_properties(door):
    told = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=1, ContentType="text/plain", UserProperty=("why", "lost"))
    with connected(door, paho.MQTTv5, "b") as b:
        b.subscribe("wills/#")
        lose(connected(door, paho.MQTTv5, "a", will=("wills/a", b"gone", 1, False, told), expiry=60))
        message = b.receive()
        assert (message.properties.ContentType, message.properties.UserProperty) == ("text/plain", [("why", "lost")])


@VERSIONS
def test_a_kept_session_of_paho_goes_on(door, protocol):
    with connected(door, protocol, "a", clean=False, expiry=3600) as a:
        assert a.session_present is False
        a.subscribe("t/#", 2)
    with connected(door, protocol, "b") as b:
        for qos in (1, 2):
            b.publish("t/x", b"%d" % qos, qos)
    with connected(door, protocol, "a", clean=False, expiry=3600) as a:
        assert a.session_present is True
        assert [a.receive().payload for _ in range(2)] == [b"1", b"2"]
    with connected(door, protocol, "a") as a:
        assert a.session_present is False


def test_paho_shares_a_subscription(door):
    with connected(door, paho.MQTTv5, "a") as a, connected(door, paho.MQTTv5, "b") as b, connected(door, paho.MQTTv5, "c") as c:
        for member in (a, b):
            assert member.subscribe("$share/group/jobs/#") == 1
        for n in range(40):
            c.publish("jobs/x", b"%d" % n)
        wait_until(lambda: a.messages.qsize() + b.messages.qsize() >= 40, "40 messages")
        assert not a.messages.empty() and not b.messages.empty()
        heard = [int(member.receive().payload) for member in (a, b) for _ in range(member.messages.qsize())]
        assert sorted(heard) == list(range(40))


def test_paho_uses_topic_aliases(door):
    with connected(door, paho.MQTTv5, "a") as a, connected(door, paho.MQTTv5, "b") as b:
        b.subscribe("a/long/topic/#")
        alias = properties(PacketTypes.PUBLISH, TopicAlias=1)
        a.paho.publish("a/long/topic/1", b"first", 1, properties=alias)
        a.paho.publish("", b"second", 1, properties=alias)
        a.paho.publish("a/long/topic/2", b"third", 1, properties=alias)
        a.paho.publish("", b"fourth", 1, properties=alias)
        heard = [b.receive() for _ in range(4)]
        assert [(m.topic[-1], m.payload) for m in heard] == [("1", b"first"), ("1", b"second"), ("2", b"third"), ("2", b"fourth")]


def test_paho_sets_the_options_of_its_subscription(door):
    with connected(door, paho.MQTTv5, "a") as a, connected(door, paho.MQTTv5, "b") as b:
        b.publish("t/kept", b"kept", retain=True)
        a.paho.subscribe("t/#", options=SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True, retainHandling=2),
                         properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7))
        assert a._granted.get(timeout=DEADLINE_S) == [1]
        a.publish("t/own", b"own")
        b.publish("t/kept", b"", retain=True)
        message = a.receive()
        assert (message.topic, message.payload, message.retain) == ("t/kept", b"", 1)
        assert message.properties.SubscriptionIdentifier == [7]


def test_paho_carries_properties(door):
    with connected(door, paho.MQTTv5, "a") as a, connected(door, paho.MQTTv5, "b") as b:
        b.subscribe("t/#")
        a.paho.publish("t/x", b"{}", 1, properties=properties(
            PacketTypes.PUBLISH, PayloadFormatIndicator=1, ContentType="application/json", ResponseTopic="t/answer",
            CorrelationData=b"\0\1", MessageExpiryInterval=100, UserProperty=[("b", "2"), ("a", "1")]))
        got = b.receive().properties
        assert (got.PayloadFormatIndicator, got.ContentType, got.ResponseTopic, got.CorrelationData) == \
            (1, "application/json", "t/answer", b"\0\1")
        assert got.UserProperty == [("b", "2"), ("a", "1")] and got.MessageExpiryInterval in (99, 100)


# --- mosquitto's tools

def arguments(door, protocol: str, *options: str) -> list[str]:
    return ["-h", "127.0.0.1", "-p", str(door.mqtt_port), "--cafile", str(door.root), "--cert", str(door.identity.certificate),
            "--key", str(door.identity.key), "-V", protocol, *options]


def run(tool: str, door, protocol: str, *options: str) -> subprocess.CompletedProcess:
    done = subprocess.run([tool, *arguments(door, protocol, *options)], capture_output=True, text=True, check=False,
                          timeout=DEADLINE_S, env={**os.environ, "HOME": str(door.folder)})
    assert done.returncode == 0, done
    return done


def started(processes, tool: str, door, protocol: str, *options: str):
    process = processes.start(["/usr/bin/stdbuf", "-oL", tool, *arguments(door, protocol, *options, "-d")])
    process.wait_for_log("Subscribed")
    return process


@pytest.mark.quick
@MOSQUITTO
def test_mosquitto_sub_prints_what_mosquitto_pub_retained(door, protocol):
    run("mosquitto_pub", door, protocol, "-t", "t/kept", "-m", "one", "-r", "-q", "1")
    seen = run("mosquitto_sub", door, protocol, "-t", "t/#", "-C", "1", "-W", "60", "-F", "%t %p %r")
    assert seen.stdout == "t/kept one 1\n"
    run("mosquitto_pub", door, protocol, "-t", "t/kept", "-n", "-r", "-q", "1")


@MOSQUITTO
def test_the_will_of_a_killed_mosquitto_sub_is_sent(door, processes, protocol):
    reader = started(processes, "mosquitto_sub", door, protocol, "-t", "wills/#", "-C", "1", "-F", "%t=%p", "-q", "2")
    victim = started(processes, "mosquitto_sub", door, protocol, "-t", "other", "--will-topic", "wills/x", "--will-payload", "gone",
                     "--will-qos", "1")
    victim.stop(signal.SIGKILL)
    assert reader.popen.wait(DEADLINE_S) == 0
    assert "wills/x=gone" in reader.log()


@MOSQUITTO
def test_a_kept_session_of_mosquitto_sub_gets_what_it_missed(door, protocol):
    kept = ["-i", "keeper", "-c", "-q", "1", "-t", "t/#", *(["-x", "3600"] if protocol == "mqttv5" else [])]
    run("mosquitto_sub", door, protocol, *kept, "-E")
    run("mosquitto_pub", door, protocol, "-t", "t/x", "-m", "missed", "-q", "1")
    assert run("mosquitto_sub", door, protocol, *kept, "-C", "1", "-W", "60").stdout == "missed\n"


@MOSQUITTO
def test_mosquitto_subs_share_a_subscription(door, processes, protocol):
    members = [started(processes, "mosquitto_sub", door, protocol, "-t", "$share/group/jobs/#", "-q", "1", "-F", "got %p")
               for _ in range(2)]
    run("mosquitto_pub", door, protocol, "-t", "jobs/x", "-m", "job", "-q", "1", "--repeat", "10")
    wait_until(lambda: sum(member.log().count("got job") for member in members) >= 10, "ten jobs")
    assert all("got job" in member.log() for member in members)


def test_mosquitto_pub_repeats_with_an_alias(door, processes):
    reader = started(processes, "mosquitto_sub", door, "mqttv5", "-t", "a/#", "-C", "3", "-F", "%t=%p", "-q", "1")
    run("mosquitto_pub", door, "mqttv5", "-t", "a/long/topic", "-m", "x", "-q", "1", "--repeat", "3", "-D", "PUBLISH", "topic-alias", "1")
    assert reader.popen.wait(DEADLINE_S) == 0
    assert reader.log().count("a/long/topic=x") == 3


def test_mosquitto_rr_gets_its_answer(door):
    with connected(door, paho.MQTTv5, "answers") as service:
        service.subscribe("ask/#")

        def answer(_client, _userdata, message):
            told = properties(PacketTypes.PUBLISH, CorrelationData=message.properties.CorrelationData) \
                if hasattr(message.properties, "CorrelationData") else None
            service.paho.publish(message.properties.ResponseTopic, b"answer to " + message.payload, 1, properties=told)

        service.paho.on_message = answer
        asked = run("mosquitto_rr", door, "mqttv5", "-t", "ask/x", "-e", "answers/me", "-m", "question", "-q", "1", "-W", "60")
        assert asked.stdout.strip() == "answer to question"
