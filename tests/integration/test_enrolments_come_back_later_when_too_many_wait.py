# SPDX-License-Identifier: Apache-2.0
"""Admission control: the queue of enrolments has an end, and whoever is beyond it is told when to come again."""
import base64
import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
import pytest
from harness import mqtt_wire as wire
from harness.client import TLS_1_3, tls_context
from harness.fleet import FleetDevice, Rejected, csr_pem, make_claim, set_template
from harness.maker import Maker
from harness.merlon import Merlon, csr_der, new_key
from harness.mqtt import Mqtt
from harness.waiting import wait_until


def started(make_merlon, **enrolment) -> Merlon:
    merlon = make_merlon({"enrolment": enrolment})
    merlon.init()
    return merlon.start()


class Request:
    """One enrolment, on its own connection and thread."""

    def __init__(self, merlon: Merlon, name: str, token: str, source: str = "127.0.0.1"):
        self.connection = http.client.HTTPSConnection("127.0.0.1", merlon.enrolment_port, timeout=30, source_address=(source, 0),
                                                      context=tls_context(merlon.root, None, TLS_1_3))
        basic = base64.b64encode(f"{name}:{token}".encode()).decode()
        self.connection.request("POST", "/.well-known/est/simpleenroll", base64.encodebytes(csr_der(new_key(), name)),
                                {"Content-Type": "application/pkcs10", "Authorization": f"Basic {basic}"})
        self.status, self.retry_after, self.text = 0, 0, ""

    def answer(self) -> "Request":
        response = self.connection.getresponse()
        self.status, self.text = response.status, response.read().decode(errors="replace")
        self.retry_after = int(response.headers.get("Retry-After", "0"))
        self.connection.close()
        return self


def devices(merlon: Merlon, count: int) -> list[tuple[str, str]]:
    names = [f"pump-{n}" for n in range(count)]
    for name in names:
        merlon.add_device(name)
    return [(name, merlon.token(name)) for name in names]


@contextmanager
def key_process_asleep(merlon: Merlon) -> Iterator[None]:
    """Enrolments begin and do not end."""
    os.kill(merlon.key_process(), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(merlon.key_process(), signal.SIGCONT)


def waiting(merlon: Merlon) -> float:
    return merlon.api.metric("merlon_enrolments_waiting", "")


def test_as_many_wait_as_are_allowed_and_the_next_is_told_when_to_come_again(make_merlon):
    merlon = started(make_merlon, waiting=2)
    (first, second, third) = devices(merlon, 3)
    with key_process_asleep(merlon):
        slow = [Request(merlon, *first), Request(merlon, *second)]
        wait_until(lambda: waiting(merlon) == 2, "two enrolments wait")
        refused = Request(merlon, *third).answer()
        assert refused.status == 503 and 1 <= refused.retry_after <= 5, (refused.status, refused.retry_after)
        assert f"come again in {refused.retry_after} s" in refused.text
    assert [r.answer().status for r in slow] == [200, 200]
    assert merlon.api.metric("merlon_enrolments_deferred_total", "") == 1
    assert Request(merlon, *third).answer().status == 200  # its token is as good as before


def test_one_address_does_not_take_the_places_of_the_others(make_merlon):
    merlon = started(make_merlon, waiting=3, waiting_of_source=1)
    (first, second, third) = devices(merlon, 3)
    with key_process_asleep(merlon):
        slow = Request(merlon, *first, source="127.0.0.2")
        wait_until(lambda: waiting(merlon) == 1, "one enrolment waits")
        refused = Request(merlon, *second, source="127.0.0.2").answer()
        assert refused.status == 429 and refused.retry_after >= 1
        other = Request(merlon, *third, source="127.0.0.3")
        wait_until(lambda: waiting(merlon) == 2, "another address has its place")
    assert slow.answer().status == 200 and other.answer().status == 200


PKCS10, JSON = "application/pkcs10", "application/json"
WAYS = {"/.well-known/est/simpleenroll": PKCS10, "/.well-known/est/simplereenroll": PKCS10, "/.well-known/est/made/serverkeygen": PKCS10,
        "/.well-known/merlon/attest/begin": JSON, "/.well-known/merlon/attest/finish": JSON}


def test_every_way_over_https_has_the_same_places(make_merlon):
    """Nothing is looked at before there is a place: neither token nor body."""
    merlon = make_merlon({"enrolment": {"waiting": 1}}, [("profile", {"name": "made", "serverkeygen": True})])
    merlon.init()
    merlon.start()
    (first,) = devices(merlon, 1)
    with key_process_asleep(merlon):
        slow = Request(merlon, *first)
        wait_until(lambda: waiting(merlon) == 1, "an enrolment waits")
        for path, content_type in WAYS.items():
            connection = http.client.HTTPSConnection("127.0.0.1", merlon.enrolment_port, timeout=30,
                                                     context=tls_context(merlon.root, None, TLS_1_3))
            connection.request("POST", path, b"{}", {"Content-Type": content_type})
            answer = connection.getresponse()
            assert (path, answer.status) == (path, 503) and int(answer.headers["Retry-After"]) >= 1
            connection.close()
    assert slow.answer().status == 200
    assert merlon.api.metric("merlon_enrolments_deferred_total", "") == len(WAYS)


def test_a_client_that_leaves_gives_its_place_back(make_merlon):
    merlon = started(make_merlon, waiting=1)
    (first, second) = devices(merlon, 2)
    with key_process_asleep(merlon):
        request = Request(merlon, *first)
        wait_until(lambda: waiting(merlon) == 1, "one enrolment waits")
        request.connection.close()
    wait_until(lambda: waiting(merlon) == 0, "its place is free")
    assert Request(merlon, *second).answer().status == 200


# --- the same places for those that come over MQTT

SERVER_BUSY = 0x89


@contextmanager
def provisioning(merlon: Merlon, claim, form: str = "json", protocol: int = paho.MQTTv5) -> Iterator[FleetDevice]:
    with merlon.client(claim, protocol=protocol) as client:
        assert client.connect() == 0
        device = FleetDevice(client, form)
        device.subscribe(device.create_topic)
        yield device


@pytest.mark.parametrize("form", ["json", "cbor"])
def test_a_provisioning_that_finds_no_place_is_told_when_to_come_again(make_merlon, form):
    merlon = started(make_merlon, waiting=1)
    set_template(merlon)
    claim, (first,) = make_claim(merlon), devices(merlon, 1)
    with provisioning(merlon, claim, form, paho.MQTTv311) as device:
        with key_process_asleep(merlon):
            slow = Request(merlon, *first)
            wait_until(lambda: waiting(merlon) == 1, "an enrolment waits")
            with pytest.raises(Rejected) as refused:
                device.create_certificate_from_csr(csr_pem(new_key()))
        assert slow.answer().status == 200
        assert (refused.value.status, refused.value.code) == (503, "ServiceUnavailable")
        assert 1 <= refused.value.retry_after <= 5
        assert f"come again in {refused.value.retry_after} s" in refused.value.message
        assert merlon.api.metric("merlon_enrolments_deferred_total", "") == 1
        assert "certificatePem" in device.create_certificate_from_csr(csr_pem(new_key()))  # the claim is as good as before


def test_mqtt_5_says_it_in_a_user_property_too(make_merlon):
    merlon = started(make_merlon, waiting=3, waiting_of_source=1)
    set_template(merlon)
    claim, (first,) = make_claim(merlon), devices(merlon, 1)
    with provisioning(merlon, claim) as device, key_process_asleep(merlon):
        slow = Request(merlon, *first)
        wait_until(lambda: waiting(merlon) == 1, "an enrolment waits")
        device.client.publish("$merlon/provisioning/certificates/create-from-csr/json",
                              device.write({"certificateSigningRequest": csr_pem(new_key())}))
        message = device.client.receive()
    error = device.read(message.payload)
    assert (error["statusCode"], error["errorCode"]) == (429, "Throttling")
    assert "from this address" in error["errorMessage"]
    assert message.properties.UserProperty == [("Retry-After", str(error["retryAfter"]))]
    assert slow.answer().status == 200


def test_a_provisioning_under_way_has_one_of_the_places_until_it_ends(make_merlon):
    merlon = started(make_merlon, waiting=1)
    set_template(merlon)
    claim, (first,) = make_claim(merlon), devices(merlon, 1)
    with key_process_asleep(merlon):
        with provisioning(merlon, claim) as device:
            device.client.publish("$merlon/provisioning/certificates/create-from-csr/json",
                                  device.write({"certificateSigningRequest": csr_pem(new_key())}))
            wait_until(lambda: waiting(merlon) == 1, "a provisioning waits")
            assert Request(merlon, *first).answer().status == 503
        assert waiting(merlon) == 1  # its device is gone, its work is not
    wait_until(lambda: waiting(merlon) == 0, "its place is free")
    assert Request(merlon, *first).answer().status == 200


def test_1024_provisionings_wait_for_a_thread_and_not_one_more(make_merlon):
    threads, queue, of_each = 4, 1024, 4
    merlon = started(make_merlon, waiting=4096, waiting_of_source=0)
    set_template(merlon)
    claim = make_claim(merlon)
    clients = [Mqtt(merlon.mqtt_port, merlon.root, claim) for _ in range((threads + queue) // of_each + 1)]
    topic = "$merlon/provisioning/certificates/create-from-csr/json"
    payload = json.dumps({"certificateSigningRequest": csr_pem(new_key())}).encode()

    def ask(client: Mqtt, count: int) -> None:
        client.send(b"".join(wire.publish(5, topic, payload) for _ in range(count)))

    for n, client in enumerate(clients):
        assert client.connect(f"c{n}").reason == 0
    clients[-1].subscribe(topic + "/rejected")
    with key_process_asleep(merlon):
        ask(clients[0], of_each)
        wait_until(lambda: waiting(merlon) == of_each, "each thread to have one")
        for client in clients[1:-1]:
            ask(client, of_each)
        wait_until(lambda: waiting(merlon) == threads + queue, "as many to wait as may")
        ask(clients[-1], 1)
        error = json.loads(clients[-1].message().payload)
        assert (error["statusCode"], error["errorCode"]) == (429, "Throttling")
        assert error["errorMessage"] == "too many requests wait, try again later"
        assert waiting(merlon) == threads + queue
    for client in clients:
        client.close()
    wait_until(lambda: waiting(merlon) == 0, "all of them to be seen to")


def test_a_device_of_a_maker_that_finds_no_place_is_told_so_by_connack(make_merlon, workdir):
    merlon = started(make_merlon, waiting=1)
    maker, (first,) = Maker(workdir), devices(merlon, 1)
    merlon.api.post("/v1/makers", {"name": "acme", "ca": maker.roots.decode(), "approve": "all", "jitp": True})
    idevid = maker.device("SN-7")
    with key_process_asleep(merlon):
        slow = Request(merlon, *first)
        wait_until(lambda: waiting(merlon) == 1, "an enrolment waits")
        with Mqtt(merlon.mqtt_port, merlon.root, idevid) as client:
            refused = client.connect("x")
        with Mqtt(merlon.mqtt_port, merlon.root, idevid, version=4) as client:
            assert client.connect("x").reason == 3
    ((name, wait_s),) = refused.props["user"]
    assert (refused.reason, name) == (SERVER_BUSY, "Retry-After")
    assert f"come again in {wait_s} s" in refused.props["reason_string"]
    assert slow.answer().status == 200
    with Mqtt(merlon.mqtt_port, merlon.root, idevid) as client:
        assert client.connect("x").reason == 0
    wait_until(lambda: waiting(merlon) == 0, "nobody waits")


def test_a_herd_that_follows_retry_after_is_served_to_the_last_device(make_merlon):
    merlon = started(make_merlon, waiting=4)
    enrolled: list[str] = []
    sent_away: list[int] = []

    def enrol(name: str, token: str) -> None:
        for _ in range(20):
            request = Request(merlon, name, token).answer()
            if request.status == 200:
                enrolled.append(name)
                return
            assert request.status == 503, request.text
            sent_away.append(request.retry_after)
            time.sleep(request.retry_after)

    herd = [threading.Thread(target=enrol, args=device) for device in devices(merlon, 60)]
    began = time.monotonic()
    for thread in herd:
        thread.start()
    for thread in herd:
        thread.join()
    assert len(enrolled) == 60
    assert max(sent_away, default=0) <= max(10, time.monotonic() - began)  # nobody waits for longer than all of it takes
