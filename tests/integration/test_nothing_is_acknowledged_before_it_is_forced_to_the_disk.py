# SPDX-License-Identifier: Apache-2.0
"""The daemon is killed before it forces a commit to the disk: until then nobody has got an acknowledgement. (Without the call, as
with a database that is told to be fast, it is never killed here, and the test fails.)"""
from collections.abc import Callable

import pytest
from harness import mqtt_wire as wire
from harness.cut import Cut, Moment
from harness.mqtt import Closed, Mqtt

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


ASKED = {"PUBACK": publish(1), "PUBREC": publish(2), "PUBACK of a retained message": retain, "SUBACK": subscribe}


@pytest.fixture
def pump(merlon):
    """A device with a kept session; what it publishes waits for an application that is away."""
    identity = merlon.device("pump")
    collector = merlon.application("collector", subscribe=("devices/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, collector) as client:
        client.connect("collector", clean=False, props=KEEP)
        client.subscribe((KEPT, 2))
    return identity


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_no_answer_comes_before(merlon, pump, ask):
    with Mqtt(merlon.mqtt_port, merlon.root, pump) as client:
        assert client.connect("kept", clean=False, props=KEEP).reason == 0
        with Cut(merlon.process.pid, SYNCED, merlon.folder) as cut:
            ask(client)
            with pytest.raises(Closed):
                client.packet()
        assert cut.happened
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(10)
    merlon.start()


def test_no_connack_of_a_kept_session_comes_before(merlon, pump):
    with Mqtt(merlon.mqtt_port, merlon.root, pump) as client:
        with Cut(merlon.process.pid, SYNCED, merlon.folder) as cut:
            with pytest.raises(Closed):
                client.connect("kept", clean=False, props=KEEP)
        assert cut.happened
    merlon.killed.add(merlon.process.pid)
    merlon.process.popen.wait(10)
    merlon.start()
