# SPDX-License-Identifier: Apache-2.0
"""A client id is chosen by the client and gives it nothing; topics of others are out of reach whatever the wildcards."""
import pytest
from harness import mqtt_wire as wire
from harness.ca import Identity
from harness.mqtt import Closed, Mqtt
from harness.waiting import wait_until

SHARED_ID = "gateway"


def open_mqtt(merlon, identity, version: int = 5) -> Mqtt:
    return Mqtt(merlon.mqtt_port, merlon.root, identity, version)


def keep(version: int) -> dict:
    return {"clean": False, "props": {"session_expiry": 3600}} if version == 5 else {"clean": False}


@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
def test_a_kept_session_stays_with_its_owner(merlon, version):
    owner, thief = merlon.device("owner"), merlon.device("thief")
    sender = merlon.application("sender", publish=("devices/#",))
    with open_mqtt(merlon, owner, version) as client:
        assert client.connect(SHARED_ID, **keep(version)).session_present is False
        assert client.subscribe("devices/owner/commands") == [1]
    with open_mqtt(merlon, sender) as application:
        application.connect()
        for n in range(3):
            assert application.publish("devices/owner/commands", b"secret %d" % n) == 0
    with open_mqtt(merlon, thief, version) as client:
        answer = client.connect(SHARED_ID, **keep(version))
        assert (answer.reason, answer.session_present) == (0, False)
        assert client.nothing_comes()
    with open_mqtt(merlon, owner, version) as client:
        assert client.connect(SHARED_ID, **keep(version)).session_present is True
        assert [client.receive().payload for _ in range(3)] == [b"secret 0", b"secret 1", b"secret 2"]
        assert client.nothing_comes()


def test_another_device_with_the_same_client_id_takes_nothing_over(merlon):
    names = [f"d{n}" for n in range(6)]
    clients = {name: open_mqtt(merlon, merlon.device(name)) for name in names}
    for client in clients.values():
        assert client.connect(SHARED_ID).reason == 0
    for name, client in clients.items():  # all are still there
        assert client.subscribe(f"devices/{name}/#") == [1]
        assert client.publish(f"devices/{name}/x", name.encode()) == 0
        assert client.receive().payload == name.encode()
    for client in clients.values():
        assert client.nothing_comes(0.05)
        client.close()


@pytest.mark.quick
@pytest.mark.parametrize("version", [4, 5])
def test_an_application_of_the_name_of_a_device_takes_nothing_over(start_merlon, version):
    merlon = start_merlon({"server": {"workers": 1}})  # both are on the same one
    first = merlon.device("twin")  # the files of the second would have the same names
    device = Identity("twin", first.key.rename(merlon.folder / "device.key"), first.certificate.rename(merlon.folder / "device.crt"))
    application = merlon.application("twin")
    merlon.api.do("PATCH", "/v1/quotas/device:twin", {"sessions": 1})
    with open_mqtt(merlon, application, version) as foreign, open_mqtt(merlon, device, version) as own:
        assert foreign.connect(SHARED_ID, **keep(version)).reason == 0
        answer = own.connect(SHARED_ID, **keep(version))
        assert (answer.reason, answer.session_present) == (0, False)
        assert foreign.nothing_comes()
    with open_mqtt(merlon, device, version) as own:
        assert own.connect(SHARED_ID, **keep(version)).session_present is True


@pytest.mark.quick
def test_the_same_device_again_takes_its_session_over(merlon):
    identity = merlon.device("pump-7")
    with open_mqtt(merlon, identity) as first, open_mqtt(merlon, identity) as second:
        first.connect(SHARED_ID)
        assert second.connect(SHARED_ID).reason == 0
        assert first.ends() == 0x8E
        assert second.publish("devices/pump-7/x", b"here") in (0, 0x10)
    with open_mqtt(merlon, identity, 4) as first, open_mqtt(merlon, identity, 4) as second:
        first.connect(SHARED_ID)
        assert second.connect(SHARED_ID).reason == 0
        assert first.ends() is None  # 3.1.1 has no DISCONNECT from the server


def test_take_over_keeps_what_was_queued(merlon):
    identity = merlon.device("pump-7")
    sender = merlon.application("sender", publish=("devices/#",))
    with open_mqtt(merlon, identity) as first, open_mqtt(merlon, sender) as application:
        first.connect(SHARED_ID, **keep(5))
        first.subscribe("devices/pump-7/#")
        application.connect()
        application.publish("devices/pump-7/x", b"not acknowledged")
        assert first.message().payload == b"not acknowledged"
        with open_mqtt(merlon, identity) as second:
            assert second.connect(SHARED_ID, **keep(5)).session_present is True
            again = second.receive()
            assert (again.payload, again.dup) == (b"not acknowledged", True)  # MQTT 5.0 4.4
            assert first.ends() == 0x8E


@pytest.fixture
def twins(merlon):
    """A device and an application of one name; both are connected with one client id and keep their sessions."""
    identities = merlon.device("twin"), merlon.application("twin", publish=("devices/#",), subscribe=("devices/twin/#",))
    clients = [open_mqtt(merlon, identity) for identity in identities]
    for client in clients:
        answer = client.connect(SHARED_ID, **keep(5))
        assert (answer.reason, answer.session_present) == (0, False)
    yield clients
    for client in clients:
        client.close()


@pytest.mark.quick
def test_an_application_with_the_name_of_a_device_is_somebody_else(twins):
    device, application = twins
    assert device.subscribe("devices/twin/commands", "$merlon/devices/twin/#") == [1, 1]
    assert application.subscribe("devices/twin/up", "$merlon/devices/twin/#", "$merlon/devices/twin/renew") == [1, 0x87, 0x87]
    assert application.publish("devices/twin/commands", b"for the device") == 0
    assert device.publish("devices/twin/up", b"for the application") == 0
    assert device.receive().payload == b"for the device"
    assert application.receive().payload == b"for the application"
    assert device.nothing_comes()
    assert application.nothing_comes()


def test_a_step_of_a_device_leaves_the_application_of_its_name_alone(merlon, twins):
    device, application = twins
    assert application.subscribe("devices/twin/#") == [1]
    merlon.api.step("twin", "suspend")
    assert device.ends() == 0x98
    assert application.publish("devices/twin/x", b"still here") == 0
    assert application.receive().payload == b"still here"


def test_roles_of_an_application_are_not_those_of_the_device_of_its_name(merlon, twins):
    device, application = twins
    role = merlon.allow("application:twin", publish=("x/#",), subscribe=("x/#",))
    wait_until(lambda: application.subscribe("x/#") == [1], "granted")
    assert device.subscribe("x/#") == [0x87]
    assert device.publish("x/a", b"x") == 0x87
    merlon.api.post(f"/v1/roles/{role}/assignments", {"to": "device:twin"})
    wait_until(lambda: device.subscribe("x/#") == [1], "granted")
    merlon.api.do("DELETE", f"/v1/roles/{role}/assignments/application:twin")
    wait_until(lambda: application.publish("x/a", b"x") == 0x87, "taken away")
    assert device.publish("x/a", b"mine") == 0
    assert device.receive().payload == b"mine"


def test_a_device_may_hold_four_sessions_and_no_more(merlon):
    identity = merlon.device("pump-7")
    clients = [open_mqtt(merlon, identity) for _ in range(5)]
    assert [c.connect(f"s{n}").reason for n, c in enumerate(clients)] == [0, 0, 0, 0, 0x97]
    merlon.wait_for_entry("connection.refused", actor_id="pump-7", reason="too many sessions of this principal")
    clients[0].close()
    with open_mqtt(merlon, identity) as again:
        assert again.connect("s5").reason == 0
    for client in clients[1:]:
        client.close()


SUBSCRIBE_TRICKS = [
    "#", "+/#", "+/+/#", "devices/#", "devices/+", "devices/+/#", "devices/+/x", "devices/victim/#", "devices/victim/x",
    "/#", "devices//x", "devices/pump-7x/#", "devices/pump-/#", "Devices/pump-7/#", "devices/../victim/x",
    "devices/%70ump-7/#", "devices/${id}/#", "$SYS/#", "$SYS/+", "$merlon/#", "$share/g/devices/victim/#", "$share/g/#",
    "$share/pump-7/devices/victim/x", "$share/g/devices/+/x", "$queue/#", "devices/pump-7", "$share/g/+/pump-7/#",
    "$share/devices/pump-7/#", "$SHARE/g/devices/pump-7/x", "$share/g/$SYS/#", "$share/g/$merlon/devices/pump-7/x",
]


@pytest.mark.quick
def test_no_filter_reaches_the_topics_of_another(merlon):
    attacker, victim = merlon.device("pump-7"), merlon.device("victim")
    with open_mqtt(merlon, attacker) as spy, open_mqtt(merlon, victim) as speaker:
        spy.connect()
        speaker.connect()
        codes = {name: spy.subscribe(name)[0] for name in SUBSCRIBE_TRICKS if name != "devices/pump-7"}
        assert {name: code for name, code in codes.items() if code < 0x80} == {}
        assert spy.subscribe("devices/pump-7") == [1]  # MQTT 4.7.1.2: "devices/pump-7/#" includes its parent
        for topic in ("devices/victim/x", "devices/victim/#".replace("#", "deep/er"), "devices/victim"):
            speaker.publish(topic, b"private", retain=True)
        assert spy.nothing_comes()
    merlon.wait_for_entry("subscribe.denied", target="devices/+/#", actor_id="pump-7")


def test_several_filters_in_one_packet_are_judged_one_by_one(merlon):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        client.connect()
        assert client.subscribe("devices/pump-7/a", "devices/victim/a", ("devices/pump-7/b", 2), "#") == [1, 0x87, 2, 0x87]


def test_in_3_1_1_a_refused_filter_is_0x80(merlon):
    with open_mqtt(merlon, merlon.device("pump-7"), 4) as client:
        client.connect("x")
        assert client.subscribe("devices/pump-7/a", "devices/victim/a") == [1, 0x80]


PUBLISH_TRICKS = [
    "devices/victim/x", "devices/victim", "devices/pump-7x/x", "devices/../victim/x", "/devices/pump-7/x",
    "devices//pump-7/x", "DEVICES/pump-7/x", "$SYS/broker/load", "$merlon/x", "$share/g/devices/pump-7/x", "devices", "x",
    "devices/${id}/x", "/",
]


@pytest.mark.quick
def test_no_topic_reaches_another(merlon):
    attacker, victim = merlon.device("pump-7"), merlon.device("victim")
    reader = merlon.application("reader", subscribe=("#",))
    with open_mqtt(merlon, attacker) as forger, open_mqtt(merlon, victim) as listener, open_mqtt(merlon, reader) as all_seeing:
        forger.connect()
        listener.connect()
        listener.subscribe("devices/victim/#")
        all_seeing.connect()
        assert all_seeing.subscribe("#") == [1]
        assert {topic: code for topic in PUBLISH_TRICKS if (code := forger.publish(topic, b"forged")) != 0x87} == {}
        assert listener.nothing_comes()
        assert all_seeing.nothing_comes()
    merlon.wait_for_entry("publish.denied", target="devices/victim/x", actor_id="pump-7")


@pytest.mark.parametrize("topic", ["devices/+/x", "devices/pump-7/#", "", "devices/pump-7/\0x"])
def test_a_topic_that_is_none_ends_the_connection(merlon, topic):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        client.connect()
        client.send(wire.publish(5, topic, b"x", 1, packet_id=1))
        assert client.ends() in (0x81, 0x82, 0x90)


@pytest.mark.parametrize("name", ["devices/pump-7/#/x", "devices/pump-7+/x", "devices/pump-7/a#", "", "$share/g", "$share//x", "$share/a+b/x"])
def test_a_filter_that_is_none_ends_the_connection(merlon, name):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        client.connect()
        client.send(wire.subscribe(5, 1, [(name, 1)]))
        assert client.ends() in (0x81, 0x82, 0x8F)


def test_a_will_outside_the_own_topics_is_refused(merlon):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        assert client.connect("x", will=wire.Will("devices/victim/status", b"dead")).reason == 0x87
    with open_mqtt(merlon, merlon.device("pump-8"), 4) as client:
        assert client.connect("x", will=wire.Will("devices/victim/status", b"dead")).reason == 5
    merlon.wait_for_entry("connection.refused", actor_id="pump-7", reason="will not allowed by policy")


def test_a_response_topic_does_not_lend_permissions(merlon):
    """An application that answers where a device asks it to must itself be allowed to write there."""
    device, application = merlon.device("pump-7"), merlon.application("app", subscribe=("devices/#",))
    with open_mqtt(merlon, application) as reader, open_mqtt(merlon, device) as client:
        reader.connect()
        reader.subscribe("devices/#")
        client.connect()
        client.publish("devices/pump-7/ask", b"?", response_topic="devices/victim/x")
        asked = reader.receive()
        assert asked.props["response_topic"] == "devices/victim/x"
        assert reader.publish(asked.props["response_topic"], b"!") == 0x87


def test_a_connection_cannot_be_opened_twice(merlon):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        client.connect("a")
        client.send(wire.connect(5, "b"))
        assert client.ends() == 0x82


def test_nothing_is_taken_before_connect(merlon):
    with open_mqtt(merlon, merlon.device("pump-7")) as client:
        client.send(wire.publish(5, "devices/pump-7/x", b"x", 1, packet_id=1))
        with pytest.raises(Closed):
            client.packet()
