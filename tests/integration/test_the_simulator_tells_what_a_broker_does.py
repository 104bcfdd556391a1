# SPDX-License-Identifier: Apache-2.0
"""merlon-sim against a broker we did not write: each scenario counts what it should."""
import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.merlon import descendants
from harness.process import program
from harness.waiting import wait_until


@pytest.fixture
def broker(mosquitto):
    return mosquitto("max_queued_messages 0")


def command(broker, test_ca, scenario, *options):
    words = [program("merlon-sim"), scenario, "--broker", f"127.0.0.1:{broker.port}", "--ca", test_ca.certificate,
             "--mint", test_ca.key, "--json", *options]
    return [str(word) for word in words]


def run(broker, test_ca, scenario, *options):
    return subprocess.run(command(broker, test_ca, scenario, *options), capture_output=True, text=True, check=False)


def found(broker, test_ca, scenario, *options):
    done = run(broker, test_ca, scenario, "--server", broker.process.pid, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("qos", "mqtt"), [(0, 4), (1, 5)])
def test_every_message_between_pairs_is_seen(broker, test_ca, qos, mqtt):
    result = found(broker, test_ca, "point-to-point", "--publishers", 4, "--subscribers", 4, "--rate", 200, "--qos", qos,
                   "--mqtt", mqtt, "--warm", 0.2, "--seconds", 1, "--processes", 2)
    assert result["missing"] == 0
    assert 150 <= result["received_per_second"] <= 250
    assert 0 < result["latency_p50_us"] <= result["latency_p99_us"] <= result["latency_max_us"]
    assert ("ack_p50_us" in result) == (qos == 1)


def test_fan_out_counts_every_receiver(broker, test_ca):
    result = found(broker, test_ca, "fan-out", "--publishers", 1, "--subscribers", 10, "--rate", 20, "--warm", 0.2,
                   "--seconds", 1)
    assert result["missing"] == 0
    assert 150 <= result["received_per_second"] <= 250


def test_fan_in_reaches_few_subscribers(broker, test_ca):
    result = found(broker, test_ca, "fan-in", "--publishers", 9, "--subscribers", 2, "--rate", 200, "--warm", 0.2,
                   "--seconds", 1)
    assert result["missing"] == 0
    assert 150 <= result["received_per_second"] <= 250


def addresses_seen(broker):
    """How many clients came from each address, as the broker wrote it down."""
    return Counter(re.findall(r"New client connected from ([\d.]+):\d+ as sim-", broker.process.log()))


@pytest.mark.parametrize("members", [1, 2])
def test_clients_come_from_as_many_addresses_as_asked_for(broker, test_ca, members):
    found(broker, test_ca, "connect-full", "--publishers", 20, "--subscribers", 0, "--sources", 3, "--processes", members)
    assert addresses_seen(broker) == {"127.0.0.2": 7, "127.0.0.3": 7, "127.0.0.4": 6}


def test_without_sources_the_kernel_chooses_the_address(broker, test_ca):
    found(broker, test_ca, "connect-full", "--publishers", 20, "--subscribers", 0)
    assert addresses_seen(broker) == {"127.0.0.1": 20}


def connections(pid, port):
    """Open ones of this process to the port, from its descriptors and the table of the kernel."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"}  # ESTABLISHED
    return sum(os.readlink(fd) in inodes for fd in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.parametrize("members", [1, 3])
def test_clients_are_spread_over_as_many_processes_as_asked_for(broker, test_ca, members):
    words = command(broker, test_ca, "idle", "--publishers", 0, "--subscribers", 12, "--processes", members, "--seconds", 120)
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as running:
        try:
            wait_until(lambda: addresses_seen(broker).total() == 12, "all clients are connected")
            assert [connections(pid, broker.port) for pid in descendants(running.pid)] == [12 // members] * members
            assert connections(running.pid, broker.port) == 0
        finally:
            running.terminate()


def test_who_comes_back_with_a_ticket_resumes(broker, test_ca):
    full = found(broker, test_ca, "connect-full", "--publishers", 20, "--subscribers", 0)
    resumed = found(broker, test_ca, "connect-resumed", "--publishers", 20, "--subscribers", 0, "--rounds", 2)
    assert full["connects_per_second"] > 0 and resumed["connects_per_second"] > 0
    assert full["connect_p99_us"] > 0
    assert (full["connected"], full["resumed"]) == (20, 0)
    assert (resumed["connected"], resumed["resumed"]) == (40, 40)


def test_the_server_counts_the_same_resumptions(merlon, workdir):
    def handshakes():
        return [merlon.api.metric("merlon_tls_handshakes_total", f'kind="{kind}"') for kind in ("full", "resumed")]

    token = merlon.api.post("/v1/tokens", {"group": "fleet", "uses": 20, "life": "1h"})["token"]
    who = ["--ca", merlon.root, "--identities", workdir / "identities.pem", "--publishers", 20, "--subscribers", 0]
    for words in (["enrol", "--est", f"127.0.0.1:{merlon.enrolment_port}", "--token", token],
                  ["connect-resumed", "--broker", f"127.0.0.1:{merlon.mqtt_port}", "--rounds", 3, "--json"]):
        before = handshakes()
        done = subprocess.run([str(word) for word in (program("merlon-sim"), *words, *who)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    full, resumed = (now - then for now, then in zip(handshakes(), before))
    assert (full, resumed) == (20, 60)
    assert json.loads(done.stdout)["resumed"] == 60


def test_after_a_storm_everyone_is_back(broker, test_ca):
    for rate in (0, 100):
        result = found(broker, test_ca, "storm", "--publishers", 20, "--subscribers", 0, "--rate", rate)
        assert result["resumed"] == 20


def test_what_was_kept_for_offline_sessions_arrives_later(broker, test_ca):
    result = found(broker, test_ca, "durable", "--publishers", 2, "--subscribers", 2, "--qos", 1, "--window", 2,
                   "--warm", 0, "--seconds", 0.02)
    assert result["acked"] > 0
    assert result["missing"] == 0


def test_idle_clients_cost_memory(broker, test_ca):
    result = found(broker, test_ca, "idle", "--publishers", 0, "--subscribers", 50, "--seconds", 0.5)
    assert result["private_bytes_each"] > 1000


def test_who_was_there_before_does_not_count_as_idle(broker, test_ca):
    result = found(broker, test_ca, "idle", "--publishers", 200, "--subscribers", 50, "--seconds", 0.5)
    assert result["clients"] == 50
    assert 1000 < result["private_bytes_each"] < 80000  # those before would be four times as much again
    done = run(broker, test_ca, "idle", "--publishers", 1, "--subscribers", 0)
    assert done.returncode == 2 and "--subscribers" in done.stderr


def test_more_clients_than_open_files_is_told(broker, test_ca):
    limited = subprocess.run(["sh", "-c", 'ulimit -n 64; exec "$0" "$@"', str(program("merlon-sim")), "idle", "--broker",
                              f"127.0.0.1:{broker.port}", "--ca", str(test_ca.certificate), "--mint", str(test_ca.key),
                              "--subscribers", "1000", "--publishers", "0"], capture_output=True, text=True, check=False)
    assert limited.returncode == 1
    assert "--processes" in limited.stderr


def test_a_broker_that_is_not_there_ends_the_run(broker, test_ca):
    broker.process.stop()
    done = run(broker, test_ca, "idle", "--subscribers", 1, "--publishers", 0)
    assert done.returncode == 1
    assert "client sim-000000" in done.stderr


# --- an open loop: what is offered does not wait for the broker

@contextmanager
def stalled(broker) -> Iterator[None]:
    os.kill(broker.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.process.pid, signal.SIGCONT)


@contextmanager
def running(broker, test_ca, scenario, *options) -> Iterator[subprocess.Popen]:
    """With its eight clients in the middle of what counts."""
    words = command(broker, test_ca, scenario, "--publishers", 4, "--subscribers", 4, *options)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: addresses_seen(broker).total() == 8, "all clients are connected")
            time.sleep(1)
            yield process
        finally:
            process.kill()


def test_the_time_in_which_a_broker_stands_still_shows_in_the_latency(broker, test_ca):
    with running(broker, test_ca, "point-to-point", "--rate", 200, "--warm", 0.2, "--seconds", 4) as process:
        with stalled(broker):
            time.sleep(0.6)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    result = json.loads(out)
    assert result["missing"] == 0
    assert 150 <= result["received_per_second"] <= 250  # as many as were meant: nobody waited
    assert result["latency_p99_us"] >= 400_000  # one of seven fell into that time, at its beginning or later
    assert result["latency_p50_us"] < 100_000


def test_a_rate_that_is_not_taken_ends_the_run_and_is_told(broker, test_ca):
    with running(broker, test_ca, "point-to-point", "--rate", 10000, "--payload", 4000, "--warm", 0.2, "--seconds", 5) as process:
        with stalled(broker):
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "the server does not take what is offered" in err
