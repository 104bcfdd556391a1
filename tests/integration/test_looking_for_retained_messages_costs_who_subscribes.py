# SPDX-License-Identifier: Apache-2.0
"""What a SUBSCRIBE makes the server look at among its retained messages goes by the rate of its device: who looks too much
waits for its own retained messages, and for nothing else; who has no rate does not wait."""
import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.waiting import wait_until

MANY = 5000  # below one topic: more than are searched, so that the walk along all of them begins
UP = "devices/pump-7/up"
NOTHING = "x/+/nothing"


@pytest.fixture
def full(merlon):
    """MANY retained messages, an application and a device that may look at half a thousand a second, ten times that at once."""
    merlon.who = {"device": merlon.device("pump-7"), "app": merlon.application("app", publish=("#",), subscribe=("#",))}
    merlon.allow("device:pump-7", subscribe=("x/#",))
    merlon.api.do("PATCH", "/v1/quotas/device:pump-7", {"messages": "1/s"})
    with client(merlon, "app") as a:
        a.send(b"".join(wire.publish(5, f"x/{n}", b"v", 0, True) for n in range(MANY)))
        assert a.publish("y", b"last") in (0, 0x10)
    return merlon


def client(merlon, who: str) -> Mqtt:
    made = Mqtt(merlon.mqtt_port, merlon.root, merlon.who[who])
    assert made.connect().reason == 0
    return made


def owed(merlon) -> float:
    return merlon.api.metric("merlon_retained_owed_subscriptions", "")


def is_served(device: Mqtt) -> None:
    device.send(wire.packet(wire.PINGREQ))
    device.expect(wire.PINGRESP)
    assert device.publish(UP, b"reading") in (0, 0x10)


def test_all_come_to_who_has_looked_too_much_and_other_work_goes_on(full):
    with client(full, "device") as device:
        assert device.subscribe(("x/+", 0)) == [0]
        is_served(device)
        assert owed(full) == 1
        came = [device.message() for _ in range(MANY)]
        assert sorted(p.topic for p in came) == sorted(f"x/{n}" for n in range(MANY))
        assert all(p.retain for p in came)
        is_served(device)
        wait_until(lambda: owed(full) == 0, "all to be sent")
        assert full.api.metric("merlon_retained_owed_messages", "") == 0
        assert full.api.metric("merlon_mqtt_throttled_total", "") == 0


def test_a_filter_that_finds_nothing_makes_its_device_wait_and_nobody_else(full):
    with client(full, "device") as device, client(full, "app") as app:
        for _ in range(5):
            assert device.subscribe((NOTHING, 0)) == [0]
        assert device.subscribe(("x/7", 0)) == [0]
        is_served(device)
        assert owed(full) == 2
        for _ in range(5):
            assert app.subscribe((NOTHING, 0)) == [0]
        assert app.subscribe(("x/7", 0)) == [0]
        assert app.message().topic == "x/7"
        assert owed(full) >= 2  # those of the device wait
        assert device.message().topic == "x/7"
