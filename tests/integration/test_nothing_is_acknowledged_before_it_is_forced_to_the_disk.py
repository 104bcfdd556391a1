# SPDX-License-Identifier: Apache-2.0
"""The daemon is killed before it forces a commit to the disk: until then nobody has got an acknowledgement. (Without the call, as
with a database that is told to be fast, it is never killed here, and the test fails.)"""
from collections.abc import Callable
from dataclasses import replace

import pytest
from harness import mqtt_wire as wire
from harness.cut import Cut, Moment
from harness.mqtt import Closed, Mqtt
from harness.waiting import DEADLINE_S

SYNCED = Moment("it is forced to the disk", ("writer",), "fdatasync")
KEEP = {"session_expiry": 3600}
KEPT = "devices/pump/kept"


def publish(qos: int) -> Callable[[Mqtt], None]:
    def send(client: Mqtt) -> None:
        client.send(wire.publish(5, KEPT, b"x", qos, False, 7))
    return send


def retain(client: Mqtt) -> None:
    client.send(wire.publish(5, "devices/pump/last", b"x", 1, True, 7))


def subscribe(client: Mqtt) -> None:
    client.send(wire.subscribe(5, 7, [("devices/pump/more", 1)]))


def unsubscribe(client: Mqtt) -> None:
    client.send(wire.unsubscribe(5, 8, ["devices/pump/more"]))


def release(client: Mqtt) -> None:
    client.send(wire.ack(wire.PUBREL, 7))


def subscribed(client: Mqtt) -> None:
    assert client.subscribe("devices/pump/more") == [1]


def received(client: Mqtt) -> None:
    publish(2)(client)
    assert client.expect(wire.PUBREC).reason == 0


def nothing(client: Mqtt) -> None:
    assert client.nothing_comes()


# What was done before, and what is asked then.
ASKED = {"PUBACK": (nothing, publish(1)), "PUBREC": (nothing, publish(2)), "PUBACK of a retained message": (nothing, retain),
         "SUBACK": (nothing, subscribe), "UNSUBACK": (subscribed, unsubscribe), "PUBCOMP": (received, release)}


@pytest.fixture
def pump(merlon):
    """A device with a kept session; what it publishes waits for an application that is away."""
    identity = merlon.device("pump")
    collector = merlon.application("collector", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, collector) as client:
        client.connect("collector", clean=False, props=KEEP)
        client.subscribe((KEPT, 2))
    return identity


@pytest.mark.parametrize("before, ask", ASKED.values(), ids=ASKED)
def test_no_answer_comes_before(merlon, pump, before, ask):
    with Mqtt(merlon.mqtt_port, merlon.root, pump) as client:
        assert client.connect("kept", clean=False, props=KEEP).reason == 0
        before(client)
        with Cut(merlon.process.pid, SYNCED, merlon.folder) as cut:
            ask(client)
            with pytest.raises(Closed):
                client.packet()
        assert cut.happened
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(DEADLINE_S)
    merlon.start()


@pytest.mark.parametrize("moment", [SYNCED, replace(SYNCED, count=2)], ids=["audit entry", "session"])
def test_no_connack_of_a_kept_session_comes_before(merlon, pump, moment):
    """What is in the log is forced there first."""
    with Mqtt(merlon.mqtt_port, merlon.root, pump) as client:
        with Cut(merlon.process.pid, moment, merlon.folder) as cut:
            with pytest.raises(Closed):
                client.connect("kept", clean=False, props=KEEP)
        assert cut.happened
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(DEADLINE_S)
    merlon.start()
