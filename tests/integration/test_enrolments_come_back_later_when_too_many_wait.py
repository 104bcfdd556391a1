# SPDX-License-Identifier: Apache-2.0
"""Admission control: the queue of enrolments has an end, and whoever is beyond it is told when to come again."""
import base64
import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.client import TLS_1_3, tls_context
from harness.merlon import Merlon, csr_der, new_key
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


def test_a_client_that_leaves_gives_its_place_back(make_merlon):
    merlon = started(make_merlon, waiting=1)
    (first, second) = devices(merlon, 2)
    with key_process_asleep(merlon):
        request = Request(merlon, *first)
        wait_until(lambda: waiting(merlon) == 1, "one enrolment waits")
        request.connection.close()
    wait_until(lambda: waiting(merlon) == 0, "its place is free")
    assert Request(merlon, *second).answer().status == 200


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
    for thread in herd:
        thread.start()
    for thread in herd:
        thread.join()
    assert len(enrolled) == 60
    assert max(sent_away, default=0) <= 10
