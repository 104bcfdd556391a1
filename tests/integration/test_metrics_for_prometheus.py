# SPDX-License-Identifier: Apache-2.0
"""/metrics as Prometheus reads it, and readings of devices where the configuration asks for them."""
import json
import re
import ssl
import subprocess

import pytest
from harness.mqtt import Mqtt
from harness.waiting import wait_until

TEMPERATURE = ("telemetry", {"topic": "sensors/temperature", "metric": "iot_device_temperature",
                             "help": "Temperature in degrees Celsius.", "series": 3})
FIELD = ("telemetry", {"topic": "devices/${id}/readings", "field": "cpu.load", "metric": "iot_device_load", "series": 3})


def scrape(merlon) -> str:
    answer = merlon.https(None).raw("GET", "/metrics")
    assert answer.status == 200
    return answer.text()


def check(text: str) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr


@pytest.mark.quick
def test_promtool_has_nothing_to_say_about_our_metrics(start_merlon):
    merlon = start_merlon(tables=[TEMPERATURE, FIELD])
    device = merlon.device("001")
    merlon.allow("device:001", publish=("sensors/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("x")
        client.publish("sensors/temperature", b"25.4")
        client.publish("devices/001/readings", b'{"cpu":{"load":0.5}}')
        client.publish("elsewhere", b"x")
        text = scrape(merlon)
    check(text)
    assert 'iot_device_temperature{device_id="001"} 25.4\n' in re.sub(r"25\.39999\d*|25\.40000\d*", "25.4", text)
    assert 'iot_device_temperature{device_id="001"} 25.4\n' in text
    assert 'iot_device_load{device_id="001"} 0.5\n' in text


@pytest.mark.quick
def test_loopback_may_scrape_without_a_certificate_and_see_nothing_else(merlon):
    answer = merlon.https(None).raw("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    for path in ("/v1/status", "/v1/devices", "/v1/audit", "/v1/tokens", "/v1/ca"):
        assert merlon.https(None).ask("GET", path).status in (401, 403), path
    merlon.wait_for_entry("api.denied")


def test_an_operator_may_scrape_where_the_role_allows_it(merlon):
    assert merlon.https(merlon.operator("victor", "viewer")).raw("GET", "/metrics").status == 200
    assert merlon.https(merlon.operator("audrey", "auditor")).raw("GET", "/metrics").status == 403


def test_no_device_is_named_in_a_metric_of_the_server(merlon):
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("very-special-name")) as client:
        client.connect("special-client-id")
        client.publish("forbidden-topic-name", b"x")
        text = scrape(merlon)
    for word in ("very-special-name", "special-client-id", "forbidden-topic-name", "device_id"):
        assert word not in text
    assert {m.split("{")[0].split(" ")[0][:7] for m in text.splitlines() if not m.startswith("#")} == {"merlon_", "process"}


def test_the_number_of_devices_shown_is_bounded(start_merlon):
    merlon = start_merlon(tables=[TEMPERATURE])
    merlon.allow("group:sensors", publish=("sensors/#",))
    for n in range(5):
        with Mqtt(merlon.mqtt_port, merlon.root, merlon.device(f"s{n}", group="sensors")) as client:
            client.connect()
            client.publish("sensors/temperature", b"%d" % n)
    text = scrape(merlon)
    assert len(re.findall(r"^iot_device_temperature\{", text, re.M)) == 3
    assert merlon.api.metric("merlon_telemetry_refused_total") == 2


@pytest.mark.parametrize("payload", [b"NaN", b"inf", b"-Infinity", b"hot", b"", b"1e999", b"{}", b"0x10", b"25.4 ", b"\xff\xfe", b"9" * 5000])
def test_what_is_no_finite_number_is_counted_and_not_shown(start_merlon, payload):
    merlon = start_merlon(tables=[TEMPERATURE])
    merlon.allow("group:sensors", publish=("sensors/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("s", group="sensors")) as client:
        client.connect()
        client.publish("sensors/temperature", payload)
    text = scrape(merlon)
    check(text)
    shown = re.findall(r"^iot_device_temperature\{.*\} (.*)$", text, re.M)
    if payload == b"25.4 ":  # blanks around a number may be taken
        assert shown in ([], ["25.4"])
    else:
        assert shown == []
        assert merlon.api.metric("merlon_telemetry_refused_total") == 1


def test_what_is_denied_or_from_an_application_is_no_reading(start_merlon):
    merlon = start_merlon(tables=[TEMPERATURE])
    application = merlon.application("app", publish=("sensors/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as client:
        client.connect()
        client.publish("sensors/temperature", b"99")
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("s")) as client:
        client.connect()
        assert client.publish("sensors/temperature", b"99") == 0x87
    assert "iot_device_temperature{" not in scrape(merlon)


def test_a_reading_is_that_of_the_certificate_not_of_the_payload(start_merlon):
    merlon = start_merlon(tables=[FIELD])
    with Mqtt(merlon.mqtt_port, merlon.root, merlon.device("liar")) as client:
        client.connect()
        client.publish("devices/liar/readings", json.dumps({"device_id": "victim", "cpu": {"load": 1}}).encode())
    assert re.findall(r"^iot_device_load\{(.*)\}", scrape(merlon), re.M) == ['device_id="liar"']


def test_what_happens_is_counted(merlon):
    device = merlon.device("pump-7")
    reader = merlon.application("app", subscribe=("devices/#",))
    before = merlon.api.metric("merlon_connections_opened_total", 'door="mqtt"')
    with Mqtt(merlon.mqtt_port, merlon.root, reader) as application, Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        application.connect("a")
        application.subscribe("devices/#")
        client.connect("d")
        for qos in (0, 1, 2):
            client.publish("devices/pump-7/x", b"x", qos)
        for _ in range(3):
            application.receive()
        assert merlon.api.metric("merlon_connections_opened_total", 'door="mqtt"') == before + 2
        for qos in (0, 1, 2):
            assert merlon.api.metric("merlon_mqtt_messages_received_total", f'qos="{qos}"') == 1
        wait_until(lambda: merlon.api.metric("merlon_connections") == 2, "the gauge")
    assert merlon.api.metric("merlon_enrolments_total", 'kind="enrol"') == 1
    assert merlon.api.metric("merlon_devices", 'state="active"') == 1
    wait_until(lambda: merlon.api.metric("merlon_connections_closed_total", 'door="mqtt"') == 2, "the end to be counted")


def test_a_foreign_certificate_opens_no_management(merlon, test_ca):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        merlon.https(test_ca.client("alice")).ask("GET", "/metrics")
    merlon.wait_for_entry("connection.refused", reason="unknown-ca")


@pytest.mark.parametrize("table, word", [
    ({"topic": "sensors/#/x", "metric": "a"}, "topic"), ({"topic": "a", "metric": "merlon_devices"}, "merlon_"),
    ({"topic": "a", "metric": "9a"}, "metric"), ({"topic": "a", "metric": "a-b"}, "metric"),
])
def test_a_mapping_that_cannot_work_stops_the_start(make_merlon, table, word):
    from harness.merlon import run_program
    merlon = make_merlon(tables=[("telemetry", table)])
    merlon.init()
    done = run_program("merlond", "run", "--config", merlon.config)
    assert done.code == 1 and word in done.err, done
