# SPDX-License-Identifier: Apache-2.0
"""The wall clock of the daemon and its key process jumps by ten years, either way, while they run and between two runs."""
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.ca import Identity, make_key
from harness.est import Est, make_csr_body
from harness.merlon import Merlon, run_program
from harness.moved_clock import YEAR_S, MovedClock
from harness.mqtt import Mqtt
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until


JUMPS = pytest.mark.parametrize("years", [10, -10])


@pytest.fixture
def clock(workdir: Path) -> MovedClock:
    return MovedClock(workdir)


@pytest.fixture
def server(make_merlon: Callable[..., Merlon], clock: MovedClock) -> Merlon:
    merlon = clock.rule(make_merlon({"audit": {"keep": "30d"}}))
    merlon.init()
    return merlon.start()


def can_connect(merlon: Merlon, identity: Identity) -> bool:
    with Mqtt(merlon.mqtt_port, merlon.root, identity) as client:
        return client.connect("again").reason == 0


def server_certificate(merlon: Merlon) -> str:
    return merlon.audit(action="server.certificate_issued")[-1]["details"]["fingerprint"]


@JUMPS
def test_nobody_is_cut_off_nothing_is_pruned_and_nothing_is_issued_until_it_is_right(server, clock, workdir, years):
    pump = server.device("pump-7")
    server.add_device("pump-8")
    token = server.token("pump-8", "1h")
    identity = server_certificate(server)
    before = server.audit()
    with Mqtt(server.mqtt_port, server.root, pump) as client:
        client.connect("x")
        clock.set(years * YEAR_S)
        doubted = server.wait_for_entry("server.clock_doubted")
        assert abs(doubted["details"]["off"] - years * YEAR_S) < 10
        assert client.nothing_comes(2.5)  # ticks of the daemon have passed
        assert can_connect(server, pump)  # its certificate is as good as before, and the server's too
        key = make_key(workdir / "pump-8.key")
        est = Est(server.enrolment_port, server.root)
        refused = est.enrol("pump-8", token, make_csr_body(key, "/CN=pump-8"))
        assert refused.status == 503 and int(refused.headers["retry-after"]) >= 1 and "clock" in refused.text, refused
        assert abs(int(refused.headers["merlon-time"]) - time.time()) < 60  # the time it knows
        assert abs(server.audit()[-1]["time"] / 1000 - time.time()) < 60
        entries = server.audit()
        assert entries[:len(before)] == before and server_certificate(server) == identity
        clock.set(0)
        server.wait_for_entry("server.clock_good")
        assert est.enrol("pump-8", token, make_csr_body(key, "/CN=pump-8")).status == 200  # with the same token
        assert client.nothing_comes()


@JUMPS
def test_a_start_with_such_a_clock_is_refused_and_an_operator_can_insist(server, clock, years):
    pump = server.device("pump-7")
    before = server.audit()
    server.stop()
    clock.set(years * YEAR_S)
    done = run_program("merlond", "run", "--config", server.config, env=server.env)
    assert done.code == 1 and "the clock says" in done.err and "--accept-clock" in done.err, done
    clock.set(0)
    server.start()
    assert can_connect(server, pump)
    assert server.audit()[:len(before)] == before
    server.stop()
    server.start("--accept-clock", "the store was in a drawer", "--accept-rollback", "and nothing else is wrong")
    assert server.wait_for_entry("server.clock_accepted")["reason"] == "the store was in a drawer"


def test_a_step_of_minutes_is_followed(server, clock):
    def follows(numbers=itertools.count()) -> bool:
        server.add_device(name := f"pump-{next(numbers)}")
        return abs(server.wait_for_entry("device.added", target=name)["time"] / 1000 - time.time() - 1800) < 60

    clock.set(1800)
    with Stopwatch() as watch:
        wait_until(follows, "the clock of the daemon to follow")
        assert watch.passed < 3
    assert server.audit(action="server.clock_doubted") == []


def test_an_order_to_renew_is_not_followed_by_the_whole_fleet_because_of_a_jump(server, clock):
    """The windows of all certificates would have begun."""
    pump = server.device("pump-7")
    with Mqtt(server.mqtt_port, server.root, pump) as client:
        client.connect("x")
        clock.set(170 * 86400)
        server.wait_for_entry("server.clock_doubted")
        assert client.subscribe("$merlon/devices/pump-7/#") == [1]
        assert client.nothing_comes(2.5)
