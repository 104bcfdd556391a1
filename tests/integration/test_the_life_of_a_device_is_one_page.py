# SPDX-License-Identifier: Apache-2.0
"""`merlon device history`: what happened to a device from its first day to its last, out of the audit log."""
import json

from harness.mqtt import Mqtt


def history(merlon, name: str, *options: str):
    done = merlon.cli("-o", "json", "device", "history", name, *options)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_from_the_first_day_to_the_last(merlon):
    device = merlon.device("pump-7", group="pumps")
    merlon.device("pump-8")
    for _ in range(20):
        with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
            client.connect("x")
    merlon.enrol("pump-7", merlon.token("pump-7"))
    merlon.api.step("pump-7", "quarantine", "odd readings")
    merlon.api.step("pump-7", "release")
    merlon.api.step("pump-7", "retire", "scrapped")
    merlon.api.step("pump-7", "lift", "sold, not scrapped")
    life = history(merlon, "pump-7")
    assert [entry["action"] for entry in life["entries"]] == [
        "device.added", "token.created", "device.activated", "device.enrolled", "token.created", "device.enrolled",
        "device.quarantined", "device.released", "device.retired", "device.lifted"]
    assert [entry["seq"] for entry in life["entries"]] == sorted(entry["seq"] for entry in life["entries"])
    assert all(entry["target"] == "pump-7" for entry in life["entries"])
    assert life["device"]["state"] == "expected" and len(life["device"]["credentials"]) == 2
    opened = [entry for entry in merlon.audit(action="connection.opened", target="pump-7")]
    assert (life["first_connection"]["seq"], life["last_connection"]["seq"]) == (opened[0]["seq"], opened[-1]["seq"])
    assert len(opened) == 20
    everything = history(merlon, "pump-7", "--all")["entries"]
    assert [entry["action"] for entry in everything].count("connection.opened") == 20


def test_what_an_application_of_its_name_does_is_none_of_its_life(merlon):
    device, application = merlon.device("pump-7"), merlon.application("pump-7")
    merlon.api.do("PATCH", "/v1/quotas/application:pump-7", {"connects": "2/min"})
    for identity, reason in ((application, 0), (device, 0), (application, 0), (application, 0x9F)):
        with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
            assert client.connect("x").reason == reason
    assert merlon.wait_for_entry("device.flapping", target="pump-7")["actor"]["kind"] == "application"
    opened = merlon.audit(action="connection.opened", target="pump-7")
    assert [entry["actor"]["kind"] for entry in opened] == ["application", "device", "application"]
    life = history(merlon, "pump-7")
    assert life["first_connection"] == life["last_connection"] == opened[1]
    assert [entry["action"] for entry in life["entries"]] == ["device.added", "token.created", "device.activated", "device.enrolled"]
    everything = history(merlon, "pump-7", "--all")["entries"]
    assert [e["action"] for e in everything if e["actor"]["kind"] == "application" or e["action"].startswith("application.")] == []
    assert [e["action"] for e in everything].count("connection.opened") == 1


def test_people_read_it_on_a_page(merlon):
    device = merlon.device("pump-7")
    with Mqtt(merlon.mqtt_port, merlon.root, device) as client:
        client.connect("x")
    merlon.api.step("pump-7", "retire", "scrapped")
    page = merlon.cli("device", "history", "pump-7").out.splitlines()
    assert len(page) < 24
    assert any(line.startswith("State:") and line.endswith("retired") for line in page)
    assert any(line.startswith("Last connection:") for line in page)
    enrolled = next(line for line in page if "device.enrolled" in line)
    assert "fingerprint=" in enrolled and "not_after=20" in enrolled and "device:pump-7" in enrolled
    assert "scrapped" in next(line for line in page if "device.retired" in line)


def test_who_is_not_known_has_none(merlon):
    done = merlon.cli("device", "history", "nobody")
    assert (done.code, done.out) == (1, "")


def test_a_device_that_only_waits_has_no_connection(merlon):
    merlon.add_device("pump-7")
    life = history(merlon, "pump-7")
    assert [entry["action"] for entry in life["entries"]] == ["device.added"]
    assert "first_connection" not in life


def test_who_may_not_read_the_log_is_refused(merlon):
    merlon.add_device("pump-7")
    viewer = merlon.operator("eve", "viewer")
    assert merlon.https(viewer).ask("GET", "/v1/audit?target=pump-7").status == 403
