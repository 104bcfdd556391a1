# SPDX-License-Identifier: Apache-2.0
"""merlon-sim against a broker we did not write: each scenario counts what it should."""
import json
import subprocess

import pytest

from harness.process import program


@pytest.fixture
def broker(mosquitto):
    return mosquitto("max_queued_messages 0")


def run(broker, test_ca, scenario, *options):
    command = [program("merlon-sim"), scenario, "--broker", f"127.0.0.1:{broker.port}", "--ca", test_ca.certificate,
               "--mint", test_ca.key, "--json", *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


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


def test_who_comes_back_with_a_ticket_resumes(broker, test_ca):
    full = found(broker, test_ca, "connect-full", "--publishers", 20, "--subscribers", 0, "--sources", 3)
    resumed = found(broker, test_ca, "connect-resumed", "--publishers", 20, "--subscribers", 0, "--rounds", 2)
    assert full["connects_per_second"] > 0 and resumed["connects_per_second"] > 0
    assert full["connect_p99_us"] > 0


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
