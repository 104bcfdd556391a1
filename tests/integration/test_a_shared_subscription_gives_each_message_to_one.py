# SPDX-License-Identifier: Apache-2.0
"""Members of $share/name/filter on several workers: one of them gets each message. MQTT 5.0 4.8.2"""
import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.waiting import wait_until

UP = "devices/pump-7/up"
KEEP = {"clean": False, "props": {"session_expiry": 3600}}


@pytest.fixture
def fleet(start_merlon):
    merlon = start_merlon({"server": {"workers": 3}})
    identities = {"device": merlon.device("pump-7"),
                  "app": merlon.application("app", subscribe=("devices/#",), publish=("devices/#",))}
    opened: list[Mqtt] = []

    def connect(who: str, client_id: str = "", **options) -> Mqtt:
        opened.append(Mqtt(merlon.mqtt_port, merlon.root, identities[who]))
        connack = opened[-1].connect(client_id, **options)
        assert connack.reason == 0 and "shared_available" not in connack.props  # absent: available. 3.2.2.3.13
        return opened[-1]

    connect.merlon, connect.identities = merlon, identities
    yield connect
    for client in opened:
        client.close()


def all_of(member: Mqtt, count: int) -> list[bytes]:
    """So many come for it, and no more."""
    found = [member.receive().payload for _ in range(count)]
    assert member.nothing_comes()
    return found


@pytest.mark.quick
def test_the_members_take_turns_wherever_their_workers_are(fleet):
    members = [fleet("app", f"member-{n}") for n in range(8)]  # applications are placed by client id
    for member in members:
        assert member.subscribe("$share/readers/devices/+/up") == [1]
    device = fleet("device")
    for n in range(80):
        assert device.publish(UP, b"%d" % n) == 0
    taken = [all_of(member, 10) for member in members]
    assert sorted(int(p) for part in taken for p in part) == list(range(80))


def test_names_are_independent_and_ordinary_subscriptions_get_theirs(fleet):
    one, two, plain = fleet("app", "one"), fleet("app", "two"), fleet("app", "plain")
    assert one.subscribe("$share/a/devices/#") == [1]
    assert two.subscribe("$share/b/devices/#") == [1]
    assert plain.subscribe("devices/#", "$share/c/devices/+/up") == [1, 1]
    fleet("device").publish(UP, b"x")
    assert all_of(one, 1) == [b"x"]
    assert all_of(two, 1) == [b"x"]
    assert all_of(plain, 2) == [b"x", b"x"]


def test_the_options_are_those_of_the_member(fleet):
    member = fleet("app")
    assert member.subscribe(("$share/a/devices/#", 0), subscription_id=77) == [0]
    fleet("device").publish(UP, b"x", 2, retain=True)
    message = member.message()
    assert (message.qos, message.retain, message.props["subscription_id"]) == (0, False, [77])
    assert member.subscribe(("$share/a/devices/#", 2 | 8), subscription_id=78) == [2]  # retain as published
    fleet("device").publish(UP, b"x", 2, retain=True)
    message = member.receive()
    assert (message.qos, message.retain, message.props["subscription_id"]) == (2, True, [78])


def test_no_retained_messages_come_and_no_local_is_an_error(fleet):
    fleet("device").publish(UP, b"old", 1, retain=True)
    member = fleet("app")
    assert member.subscribe("$share/a/devices/#") == [1]
    assert member.nothing_comes()
    member.send(wire.subscribe(5, 9, [("$share/a/devices/#", 1 | 4)]))  # [MQTT-3.8.3-4]
    assert member.ends() == 0x82


def test_the_policy_looks_at_the_filter_behind_the_name(fleet):
    assert fleet("device").subscribe("$share/a/devices/#", "$share/a/devices/pump-7/#") == [0x87, 1]


def test_unsubscribe_takes_the_whole_text(fleet):
    device, member = fleet("device"), fleet("app")
    member.subscribe("$share/a/devices/#")
    assert device.publish(UP, b"x") == 0
    member.receive()
    member.send(wire.unsubscribe(5, 5, ["devices/#", "$share/b/devices/#", "$share/a/devices/#"]))
    assert member.expect(wire.UNSUBACK).codes == [0x11, 0x11, 0]
    assert device.publish(UP, b"x") == 0x10


def test_members_without_a_connection_get_messages_only_while_nobody_has_one(fleet):
    away, here = fleet("app", "away", **KEEP), fleet("app", "here", **KEEP)
    for member in (away, here):
        member.subscribe("$share/a/devices/#")
    away.close()
    fleet.merlon.wait_for_entry("connection.closed", actor_id="app")
    device = fleet("device")
    for n in range(6):
        device.publish(UP, b"%d" % n)
    assert all_of(here, 6) == [b"%d" % n for n in range(6)]
    here.close()
    wait_until(lambda: len(fleet.merlon.audit(action="connection.closed", actor_id="app")) == 2, "both to be away")
    for n in range(6):
        assert device.publish(UP, b"later %d" % n) == 0
    waited = [all_of(fleet("app", name, **KEEP), 3) for name in ("away", "here")]
    assert sorted(waited[0] + waited[1]) == [b"later %d" % n for n in range(6)]


def test_what_a_member_did_not_acknowledge_goes_to_another_when_its_session_ends(fleet):
    first, device = fleet("app", "first"), fleet("device")
    first.subscribe(("$share/a/devices/#", 2))
    device.publish(UP, b"qos 1", 1)
    device.publish(UP, b"qos 2", 2)
    assert {first.message().payload, first.message().payload} == {b"qos 1", b"qos 2"}
    second = fleet("app", "second")
    second.subscribe(("$share/a/devices/#", 2))
    first.cut()
    assert all_of(second, 1) == [b"qos 1"]  # of qos 2 nobody knows whether it arrived. [MQTT-4.8.2-5]


def test_what_waits_for_a_member_goes_to_another_also_after_the_daemon_was_killed(fleet):
    """What the first one got before may be with it, so of that only QoS 1 goes on."""
    first, device = fleet("app", "first", **KEEP), fleet("device")
    first.subscribe(("$share/a/devices/#", 2))
    device.publish(UP, b"seen, qos 1", 1)
    device.publish(UP, b"seen, qos 2", 2)
    assert {first.message().payload, first.message().payload} == {b"seen, qos 1", b"seen, qos 2"}
    first.cut()
    wait_until(lambda: fleet.merlon.audit(action="connection.closed", actor_id="app"), "the first to be away")
    for n in range(3):
        device.publish(UP, b"waits, qos 1", 1)
        device.publish(UP, b"waits, qos 2", 2)
    fleet.merlon.kill()
    fleet.merlon.start()
    second = fleet("app", "second", **KEEP)
    second.subscribe(("$share/a/devices/#", 2))
    assert second.nothing_comes()
    fleet("app", "first", clean=True)  # its session is gone
    assert sorted(all_of(second, 7)) == [b"seen, qos 1"] + [b"waits, qos 1"] * 3 + [b"waits, qos 2"] * 3


def test_a_refused_message_goes_to_nobody_else(fleet):
    first, second, device = fleet("app", "first"), fleet("app", "second"), fleet("device")
    first.subscribe("$share/a/devices/#")
    device.publish(UP, b"x")
    message = first.message()
    second.subscribe("$share/a/devices/#")
    first.send(wire.packet(wire.PUBACK, message.packet_id.to_bytes(2, "big") + b"\x97"))  # [MQTT-4.8.2-6]
    first.close()
    assert second.nothing_comes()


def start_mosquitto_sub(fleet, processes, messages: int):
    identity, merlon = fleet.identities["app"], fleet.merlon
    reader = processes.start([
        "/usr/bin/stdbuf", "-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", str(merlon.mqtt_port), "--cafile", merlon.root,
        "--cert", identity.certificate, "--key", identity.key, "-V", "mqttv5", "-q", "1", "-C", str(messages), "-W", "60",
        "-t", "$share/m/devices/#", "-F", "got %p", "-d"])
    reader.wait_for_log("Subscribed")
    return reader


def test_members_that_take_no_more_are_passed_over_on_every_worker(fleet, processes):
    """More of them than are asked where all are full."""
    fleet.merlon.api.do("PATCH", "/v1/quotas/application:app", {"queue": 1})
    stuck = [fleet("app", f"stuck-{n}", props={"receive_maximum": 1}) for n in range(20)]
    for member in stuck:
        assert member.subscribe("$share/m/devices/#") == [1]
    device = fleet("device")
    for _ in range(2 * len(stuck)):  # one in flight, one that waits
        assert device.publish(UP, b"stuck") == 0
    reader = start_mosquitto_sub(fleet, processes, 20)
    for _ in range(20):
        assert device.publish(UP, b"x") == 0
    assert reader.popen.wait(30) == 0
    assert reader.log().count("got x") == 20
    assert fleet.merlon.api.metric("merlon_mqtt_messages_dropped_total", 'reason="queue-full"') == 0
    for member in stuck:
        assert all_of(member, 2) == [b"stuck"] * 2


def test_mosquitto_sub_shares(fleet, processes):
    readers = [start_mosquitto_sub(fleet, processes, 4) for _ in range(2)]
    device = fleet("device")
    for _ in range(8):
        assert device.publish(UP, b"x") == 0
    for reader in readers:
        assert reader.popen.wait(60) == 0
        assert reader.log().count("got x") == 4
