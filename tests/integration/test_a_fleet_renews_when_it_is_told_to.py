# SPDX-License-Identifier: Apache-2.0
"""The renewal message on $merlon/devices/ID/renew: in the window of a certificate, and by order of an operator at a rate.
The devices are plain MQTT clients that renew with curl."""
import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from harness.ca import Identity
from harness.est import Est, certificates_of, make_csr_body
from harness.merlon import Merlon
from harness.moved_clock import MovedClock
from harness.mqtt import Mqtt
from harness.process import program
from harness.waiting import wait_until


class Device:
    """A client that listens on its channel, and renews when a test says so."""

    def __init__(self, merlon: Merlon, name: str, group: str = "", clean: bool = True):
        self.merlon, self.name, self.clean = merlon, name, clean
        self.identity = merlon.device(name, group)
        self.client: Mqtt | None = None

    def listen(self, subscribe: bool = True) -> "Device":
        self.client = Mqtt(self.merlon.mqtt_port, self.merlon.root, self.identity)
        self.client.connect("c", clean=self.clean, props={} if self.clean else {"session_expiry": 30 * 86400})
        if subscribe:
            assert self.client.subscribe(f"$merlon/devices/{self.name}/#") == [1]
        return self

    def told(self, timeout_s: float = 30, retained: bool = False) -> dict:
        assert self.client is not None
        message = self.client.receive(timeout_s)
        assert message.topic == f"$merlon/devices/{self.name}/renew"
        assert message.props["content_type"] == "application/json" and message.retain == retained
        return json.loads(message.payload)

    def leave(self) -> None:
        assert self.client is not None
        self.client.close()

    def renew(self) -> None:
        body = make_csr_body(self.identity.key, f"/CN={self.name}", f"subjectAltName=URI:urn:merlon:default:device:{self.name}")
        answer = Est(self.merlon.enrolment_port, self.merlon.root).renew(self.identity, body)
        assert answer.status == 200, answer
        certificate = self.merlon.folder / f"{self.name}-{time.monotonic_ns()}.crt"
        certificate.write_bytes(certificates_of(answer.body, self.merlon.folder)[0])
        self.identity = Identity(self.name, self.identity.key, certificate)


def order(merlon: Merlon, rate: str, group: str = "") -> int:
    return merlon.api.post("/v1/renewals", {"rate": rate, **({"group": group} if group else {})})["id"]


def progress(merlon: Merlon, number: int) -> dict:
    return merlon.api.get(f"/v1/renewals/{number}")


# --- the window


def test_a_connected_device_is_told_when_its_window_begins(make_merlon):
    merlon = make_merlon({"issuing": {"device_life": "30s"}})
    merlon.init()
    merlon.start()
    before = time.time()
    device = Device(merlon, "pump-7").listen()
    told = device.told()
    assert told["reason"] == "window" and told["start"] <= told["end"]
    assert before + 19 <= told["start"] <= time.time() + 1
    device.renew()


def test_whoever_comes_inside_its_window_finds_the_message_when_it_subscribes(make_merlon: Callable[..., Merlon], workdir: Path):
    clock = MovedClock(workdir, -29 * 86400)
    merlon = clock.rule(make_merlon({"issuing": {"device_life": "30d", "server_life": "90d"}}))
    merlon.init()
    merlon.start()
    device, kept = Device(merlon, "pump-7"), Device(merlon, "pump-8", clean=False)
    for each in (device, kept):
        each.listen()
        assert each.client.nothing_comes()
        each.leave()
    clock.restart(merlon, 0)
    assert device.listen().told(retained=True)["reason"] == "window"
    device.leave()
    assert kept.listen(subscribe=False).told()["reason"] == "window"  # its subscription was kept
    kept.renew()
    kept.leave()
    with Mqtt(merlon.mqtt_port, merlon.root, device.identity) as other:  # who asks for something else gets nothing else
        other.connect("d")
        other.subscribe("devices/pump-7/#")
        assert other.nothing_comes()


def test_nobody_else_can_hear_or_say_it(merlon):
    device, other = Device(merlon, "pump-7").listen(), Device(merlon, "pump-8").listen()
    assert other.client.subscribe("$merlon/devices/pump-7/renew", "$merlon/devices/+/renew", "$merlon/devices/#", "$merlon/#",
                                  "$share/g/$merlon/devices/pump-8/#") == [0x87] * 5
    assert other.client.publish("$merlon/devices/pump-7/renew", b"{}") == 0x87
    assert device.client.publish("$merlon/devices/pump-7/renew", b"{}") == 0x87
    assert device.client.nothing_comes()


# --- orders


def test_no_wildcard_at_the_front_hears_an_order(merlon):
    """MQTT-4.7.2-1, with topics of the server: it lets nobody else publish on one that begins with a dollar sign."""
    device, ear = Device(merlon, "pump-7", "pumps").listen(), merlon.application("ear", ("+/devices/pump-7/renew",), ("#",))
    with Mqtt(merlon.mqtt_port, merlon.root, ear) as client:
        client.connect("ear")
        assert client.subscribe("#", "+/#", "+/devices/+/renew", "+/devices/pump-7/renew", "$share/g/#") == [1] * 5
        order(merlon, "100/s", "pumps")
        assert device.told()["reason"] == "order"
        assert client.nothing_comes()
        client.publish("plant/devices/pump-7/renew", b"x")
        assert client.receive().topic == "plant/devices/pump-7/renew"  # where all of them match


def test_an_order_reaches_a_group_and_counts_who_renewed(merlon):
    pumps = [Device(merlon, f"pump-{n}", "pumps").listen() for n in range(3)]
    fan = Device(merlon, "fan-1", "fans").listen()
    number = order(merlon, "100/s", "pumps")
    for pump in pumps:
        told = pump.told()
        assert told["reason"] == "order" and told["order"] == number and abs(told["start"] - time.time()) < 10
    wait_until(lambda: progress(merlon, number)["state"] == "waiting", "all were told")
    wait_until(lambda: progress(merlon, number)["told"] == 3, "all were reached")
    pumps[0].renew()
    after_one = progress(merlon, number)
    assert (after_one["total"], after_one["told"], after_one["renewed"], after_one["left"]) == (3, 2, 1, 0)
    pumps[1].renew()
    pumps[2].renew()
    wait_until(lambda: progress(merlon, number)["state"] == "done", "the order is done")
    assert fan.client.nothing_comes()
    begun = merlon.wait_for_entry("renewal.ordered")
    assert begun["details"] == {"devices": 3, "group": "pumps", "order": number, "per_hour": 360000}
    assert merlon.wait_for_entry("renewal.ended")["details"]["order"] == number


def test_devices_are_told_at_the_rate(merlon):
    pumps = [Device(merlon, f"pump-{n}").listen() for n in range(6)]
    began = time.monotonic()
    number = order(merlon, "2/s")
    times = []
    for pump in pumps:  # in the order of their ids
        pump.told()
        times.append(time.monotonic() - began)
    assert times[-1] >= 1.5, times  # the first at once, then two a second
    assert progress(merlon, number)["total"] == 6


def test_who_was_not_there_is_told_when_it_comes_also_after_a_restart(merlon):
    away, queued = Device(merlon, "pump-1"), Device(merlon, "pump-2", clean=False)
    queued.listen().leave()
    number = order(merlon, "100/s")
    wait_until(lambda: progress(merlon, number)["state"] == "waiting", "all had their turn")
    wait_until(lambda: progress(merlon, number)["told"] == 1, "the queue of the kept session has it")
    assert progress(merlon, number)["unreachable"] == 1
    merlon.kill()
    merlon.start()
    assert queued.listen(subscribe=False).told()["order"] == number
    assert away.listen().told(retained=True)["order"] == number
    away.renew()
    assert progress(merlon, number)["renewed"] == 1
    away.leave()
    away.listen()
    assert away.client.nothing_comes()  # its certificate is younger than the order


def test_an_order_survives_kill_9_stops_and_goes_on_where_it_was(merlon):
    pumps = [Device(merlon, f"pump-{n}") for n in range(5)]
    number = order(merlon, "1/m")
    wait_until(lambda: progress(merlon, number)["unreachable"] == 1, "the first had its turn")
    merlon.kill()
    merlon.start()
    assert progress(merlon, number)["state"] == "telling"
    wait_until(lambda: progress(merlon, number)["unreachable"] == 2, "another one after the restart")
    cancelled = merlon.api.post(f"/v1/renewals/{number}/cancel")
    assert cancelled["state"] == "cancelled" and cancelled["left"] == 3
    pumps[0].listen()
    assert pumps[0].client.nothing_comes()
    assert merlon.api.post(f"/v1/renewals/{number}/resume")["state"] == "telling"
    pumps[0].leave()
    assert pumps[0].listen().told(retained=True)["order"] == number
    for action in ("renewal.cancelled", "renewal.resumed"):
        assert merlon.wait_for_entry(action)["details"]["order"] == number


def test_the_command_line_waits_until_all_that_can_be_reached_have_renewed(merlon):
    pump = Device(merlon, "pump-1", "pumps").listen()
    Device(merlon, "pump-2", "pumps")
    begun = merlon.cli("ca", "renew-now", "--group", "pumps", "--rate", "100/s", "--detach")
    assert begun.code == 0 and "telling" in begun.out, begun
    pump.told()
    pump.renew()
    ended = merlon.cli("ca", "renewal-show", "1", "--follow")
    assert ended.code == 0, ended
    lines = dict(re.split(r":\s+", line, maxsplit=1) for line in ended.out.splitlines() if line)
    assert (lines["Devices"], lines["Renewed"], lines["Not reachable yet"]) == ("2", "1", "1"), ended.out
    assert "pumps" in merlon.cli("ca", "renewals").out


def test_a_terminal_sees_how_far_they_are(merlon):
    pumps = [Device(merlon, f"pump-{n}", "pumps").listen() for n in range(3)]
    terminal, other_end = pty.openpty()
    command = [program("merlon"), "--server", f"unix:{merlon.state}/api.sock", "ca", "renew-now", "--group", "pumps", "--rate", "100/s"]
    drawn = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=other_end, text=True) as client:
        os.close(other_end)

        def shows(text: str) -> bool:
            nonlocal drawn
            assert client.poll() is None, (drawn, client.stdout.read())
            if select.select([terminal], [], [], 0.1)[0]:
                drawn += os.read(terminal, 65536).decode()
            return text in drawn

        for renewed, pump in enumerate(pumps):
            wait_until(lambda: shows(f"{renewed} of 3 devices have renewed"), f"{renewed} of 3")  # noqa: B023
            pump.told()
            pump.renew()
        assert "3" in client.stdout.read()
    os.close(terminal)
    assert client.returncode == 0


def test_an_order_for_nobody_or_at_no_rate_is_refused(merlon):
    for body, status in (({"rate": "100/s"}, 404), ({"rate": "100/s", "group": "a/b"}, 400), ({"rate": "0/s"}, 400),
                         ({"rate": "1001/s"}, 400), ({"rate": "fast"}, 400), ({}, 400)):
        assert merlon.api.ask("POST", "/v1/renewals", body).status == status, body
    Device(merlon, "pump-1")
    numbers = [order(merlon, "1/h") for _ in range(16)]
    assert merlon.api.ask("POST", "/v1/renewals", {"rate": "1/h"}).status == 409  # 16 are open
    merlon.api.post(f"/v1/renewals/{numbers[0]}/cancel")
    assert merlon.api.ask("POST", f"/v1/renewals/{numbers[0]}/cancel").status == 409
    assert merlon.api.ask("GET", "/v1/renewals/99").status == 404
    order(merlon, "1000/s")
    assert [r["id"] for r in merlon.api.all_of("/v1/renewals")] == list(range(17, 0, -1))
