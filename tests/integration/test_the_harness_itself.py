# SPDX-License-Identifier: Apache-2.0
"""What the other tests rely on: a foreign broker and client meet over mutual TLS, and faults of a program are seen."""
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness.client import TLS_1_2, TLS_1_3, MqttClient
from harness.ports import free_port
from harness.process import Processes
from harness.stopwatch import Stopwatch
from harness.waiting import wait_until


@pytest.mark.quick
@pytest.mark.parametrize("version", [TLS_1_2, TLS_1_3])
def test_a_message_goes_through_mosquitto_with_a_pinned_tls_version(mosquitto, test_ca, version):
    broker = mosquitto()
    with MqttClient(broker.port, broker.ca_certificate, test_ca.client("dev1"), version) as client:
        assert client.connect() == 0
        assert client.subscribe("greeting") == 1
        client.publish("greeting", b"hello")
        assert client.receive().payload == b"hello"
        assert client.paho.socket().version() == {TLS_1_2: "TLSv1.2", TLS_1_3: "TLSv1.3"}[version]


def test_a_client_without_certificate_is_refused(mosquitto):
    broker = mosquitto()
    with MqttClient(broker.port, broker.ca_certificate, None, TLS_1_2) as client, pytest.raises((ssl.SSLError, OSError)):
        client.connect()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reaches_a_file_but_cannot_list_the_folder(workdir):
    (workdir / "file").write_text("seen", encoding="utf-8")
    (workdir / "file").chmod(0o644)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    read = subprocess.run([*as_nobody, "cat", workdir / "file"], capture_output=True, text=True, check=False)
    listed = subprocess.run([*as_nobody, "ls", workdir], capture_output=True, text=True, check=False)
    assert (read.stdout, listed.returncode) == ("seen", 2)


def test_a_sanitizer_report_fails_the_test_that_ran_the_program(workdir):
    processes = Processes(workdir)
    processes.start(["/bin/sh", "-c", "echo '==7==ERROR: LeakSanitizer: detected memory leaks'"]).popen.wait()
    with pytest.raises(AssertionError, match="sanitizer report"):
        processes.close()


def test_a_program_that_ends_early_is_told_with_its_log(processes):
    with pytest.raises(RuntimeError, match="(?s)ended with 3.*no such key"):
        processes.start(["/bin/sh", "-c", "echo -n no such key; exit 3"]).wait_for_port(free_port())


def test_closing_stops_what_was_started(workdir):
    processes = Processes(workdir)
    process = processes.start(["/bin/sleep", "600"])
    assert process.is_running()
    processes.close()
    assert process.popen.returncode == -15


def test_a_stopwatch_stands_still_while_the_machine_has_no_time_for_it(processes):
    """The machine is a signal here."""
    script = ("import time; from harness.stopwatch import Stopwatch\n"
              "with Stopwatch() as watch:\n    print('goes', flush=True); time.sleep(2); print(f'={watch.passed}', flush=True)")
    process = processes.start([sys.executable, "-c", script], {"PYTHONPATH": str(Path(__file__).parent)})
    process.wait_for_log("goes")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(process.pid, signal.SIGCONT)
    process.wait_for_log("=")
    assert float(process.log().partition("=")[2]) < 1.1  # of two seconds


def test_a_stopwatch_goes_as_far_as_one_likes():
    began = time.monotonic()
    with Stopwatch() as watch:
        wait_until(lambda: watch.passed > 0.5, "half a second")
        assert watch.passed <= time.monotonic() - began
