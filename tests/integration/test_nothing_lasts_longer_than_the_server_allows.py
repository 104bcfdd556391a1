# SPDX-License-Identifier: Apache-2.0
"""Server Keep Alive and the longest session expiry are not only told in CONNACK: silence and absence end with them."""
import time

import pytest
from harness import mqtt_wire as wire
from harness.mqtt import Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until

KEEP_ALIVE_S, SESSION_S = 1, 2
TOPIC = "devices/pump-7/x"
NEVER = 0xFFFFFFFF  # the session does not expire. MQTT 5.0 3.1.2.11.2


@pytest.fixture
def merlon(start_merlon):
    return start_merlon({"mqtt": {"keep_alive_max": f"{KEEP_ALIVE_S}s", "session_expiry_max": f"{SESSION_S}s"}})


@pytest.fixture
def pump(merlon):
    return merlon.device("pump-7")


@pytest.fixture
def reader(merlon):
    """Of 3.1.1, which cannot be told of a Server Keep Alive: its own holds."""
    with opened(merlon, merlon.application("app", subscribe=("devices/#",)), 4) as client:
        client.connect(keep_alive=60)
        client.subscribe(TOPIC)
        yield client


def opened(merlon, identity, version: int = 5) -> Mqtt:
    return Mqtt(merlon.mqtt_port, merlon.root, identity, version)


def told(client: Mqtt, name: str, **options) -> int | None:
    answer = client.connect(**options)
    assert answer.reason == 0
    return answer.props.get(name)


# --- keep alive

@pytest.mark.parametrize("asked", [0, KEEP_ALIVE_S + 1, 60])
def test_silence_ends_a_connection_that_asked_for_a_longer_keep_alive_or_none(merlon, pump, reader, asked):
    """MQTT 5.0 3.1.2-21, 3.1.2-22"""
    with opened(merlon, pump) as device:
        begin = time.monotonic()
        with Stopwatch() as watch:
            assert told(device, "server_keep_alive", keep_alive=asked, will=wire.Will(TOPIC, b"gone")) == KEEP_ALIVE_S
            assert device.ends() == 0x8D
            assert watch.passed < 10
        assert time.monotonic() - begin > 1.5 * KEEP_ALIVE_S - 0.1
        assert reader.receive().payload == b"gone"


def test_pings_at_the_servers_pace_keep_the_connection(merlon, pump):
    with opened(merlon, pump) as device:
        assert told(device, "server_keep_alive", keep_alive=60) == KEEP_ALIVE_S
        for _ in range(5):
            time.sleep(KEEP_ALIVE_S / 2)
            device.send(wire.packet(wire.PINGREQ))
            assert device.packet().kind == wire.PINGRESP


def test_a_keep_alive_at_the_limit_is_left_alone(merlon, pump):
    with opened(merlon, pump) as device:
        assert told(device, "server_keep_alive", keep_alive=KEEP_ALIVE_S) is None


# --- kept sessions

LATE = wire.Will(TOPIC, b"over", properties={"will_delay": 600})  # comes when the session ends. MQTT 5.0 3.1.3.2.2


def kept(merlon, pump) -> bool:
    with opened(merlon, pump) as back:
        return back.connect("d", clean=False).session_present


def disconnect(client: Mqtt, expiry: int) -> None:
    client.send(wire.disconnect(5, 0x04, {"session_expiry": expiry}))
    assert client.ends() is None


def test_a_kept_session_of_3_1_1_ends_with_the_limit(merlon, pump):
    with opened(merlon, pump, 4) as client:
        client.connect("d", clean=False)
        wait_until(lambda: merlon.api.metric("merlon_sessions") == 1, "the session to be counted")
        begin = time.monotonic()
        client.cut()
    wait_until(lambda: merlon.api.metric("merlon_sessions") == 0, "the session to end", SESSION_S + 8)
    assert time.monotonic() - begin > SESSION_S - 0.1
    assert not kept(merlon, pump)


@pytest.mark.parametrize("asked, wanted", [(SESSION_S, None), (SESSION_S + 1, SESSION_S), (3600, SESSION_S), (NEVER, SESSION_S)])
def test_a_longer_wish_ends_with_the_limit(merlon, pump, reader, asked, wanted):
    """CONNACK says it when it is not what was asked for. MQTT 5.0 3.2.2.3.2"""
    with opened(merlon, pump) as client:
        assert told(client, "session_expiry", client_id="d", clean=False, will=LATE, props={"session_expiry": asked}) == wanted
        begin = time.monotonic()
        client.cut()
    assert reader.receive(SESSION_S + 8).payload == b"over"
    assert time.monotonic() - begin > SESSION_S - 0.1
    assert not kept(merlon, pump)


@pytest.mark.parametrize("raised", [SESSION_S, 3600, NEVER])
def test_a_disconnect_raises_the_expiry_to_the_limit_at_most(merlon, pump, reader, raised):
    """MQTT 5.0 3.14.2.2.2"""
    with opened(merlon, pump) as client:
        first = {"session_expiry": SESSION_S - 1}
        assert told(client, "session_expiry", client_id="d", clean=False, will=LATE, props=first) is None
        begin = time.monotonic()
        disconnect(client, raised)
    assert reader.receive(SESSION_S + 8).payload == b"over"
    assert time.monotonic() - begin > SESSION_S - 0.1
    assert not kept(merlon, pump)


def test_a_kept_session_ends_with_a_limit_that_is_lowered_later(start_merlon):
    """Counted from its disconnect, and its will comes with it."""
    merlon = start_merlon()
    pump, application = merlon.device("pump-7"), merlon.application("app", subscribe=("devices/#",))
    will = wire.Will(TOPIC, b"over", retain=True, properties={"will_delay": 600})
    with opened(merlon, pump) as client:
        assert told(client, "session_expiry", client_id="d", clean=False, will=will, props={"session_expiry": 3600}) is None
        begin = time.monotonic()
        client.cut()
    merlon.stop()
    merlon.settings["mqtt"]["session_expiry_max"] = f"{SESSION_S}s"
    merlon.write_config()
    merlon.start()
    with opened(merlon, application) as later:
        later.connect()
        later.subscribe(TOPIC)
        assert later.receive(SESSION_S + 8).payload == b"over"
    assert time.monotonic() - begin > SESSION_S - 0.1
    assert not kept(merlon, pump)
