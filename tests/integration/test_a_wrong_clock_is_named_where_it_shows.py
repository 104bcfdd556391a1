# SPDX-License-Identifier: Apache-2.0
"""Clock skew: a refusal that is a matter of time says by how much, in the answer and in the audit entry."""
import os
import ssl
import time
from email.utils import formatdate

import pytest
from harness.ca import make_key
from harness.est import Est, curl, make_csr_body
from harness.merlon import Merlon, run_program
from harness.moved_clock import YEAR_S, MovedClock
from harness.mqtt import Closed, Mqtt
from harness.waiting import wait_until

DAY_S = 86400


def dated(ahead_s: int) -> list[str]:
    return ["-H", f"Date: {formatdate(time.time() + ahead_s, usegmt=True)}"]


def est(merlon: Merlon) -> Est:
    return Est(merlon.enrolment_port, merlon.root)


@pytest.mark.parametrize("ahead_s, named", [(-3 * DAY_S - 60, "3 days behind"), (5 * 3600 + 60, "5 hours ahead"), (90 + 2, "ahead")])
def test_an_enrolment_that_is_refused_says_how_wrong_the_clock_of_the_client_is(merlon, workdir, ahead_s, named):
    merlon.add_device("pump-7")
    key = make_key(workdir / "pump-7.key")
    answer = est(merlon).enrol("pump-7", "A" * 43, make_csr_body(key, "/CN=pump-7"), *dated(ahead_s))
    assert answer.status == 401 and "by its Date your clock is" in answer.text and named in answer.text, answer
    skew = merlon.wait_for_entry("token.refused")["details"]["clock_skew"]
    assert abs(skew - ahead_s) <= 61


def test_an_enrolment_that_is_good_notes_it_and_a_right_clock_is_not_spoken_of(merlon, workdir):
    for name, ahead_s in (("pump-7", -10 * YEAR_S), ("pump-8", 20)):
        merlon.add_device(name)
        key = make_key(workdir / f"{name}.key")
        assert est(merlon).enrol(name, merlon.token(name), make_csr_body(key, f"/CN={name}"), *dated(ahead_s)).status == 200
    assert abs(merlon.wait_for_entry("device.enrolled", target="pump-7")["details"]["clock_skew"] + 10 * YEAR_S) < 30
    assert "clock_skew" not in merlon.wait_for_entry("device.enrolled", target="pump-8")["details"]
    answer = est(merlon).enrol("pump-8", "A" * 43, make_csr_body(workdir / "pump-8.key", "/CN=pump-8"), "-H", "Date: yesterday")
    assert answer.status == 401 and "Date" not in answer.text


def test_a_certificate_that_is_out_of_its_time_is_refused_with_by_how_much(make_merlon, workdir):
    clock = MovedClock(workdir)
    merlon = clock.rule(make_merlon({"issuing": {"device_life": "30d", "server_life": "90d"}}))
    merlon.init()
    merlon.start()
    pump = merlon.device("pump-7")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(pump.certificate, pump.key)
    for ahead_s, reason, detail, least in ((35 * DAY_S, "expired", "expired_for", 4 * DAY_S),
                                           (-3 * DAY_S, "not-yet-valid", "valid_in", 2 * DAY_S)):
        clock.restart(merlon, ahead_s)
        with pytest.raises((Closed, OSError)):
            with Mqtt(merlon.mqtt_port, merlon.root, pump, context=context) as client:
                client.connect()
        details = merlon.wait_for_entry("connection.refused", reason=reason)["details"]  # this door says nothing of itself
        assert least <= details[detail] <= least + DAY_S and details[detail] % DAY_S == 0, details
        assert Est(merlon.enrolment_port, merlon.root, "--insecure").get("cacerts", "--cert", pump.certificate, "--key",
                                                                        pump.key).status == 0
        wait_until(lambda: {"door": "enrolment", detail: details[detail]} in
                   [e["details"] for e in merlon.audit(action="connection.refused")], "the other door says the same")


def test_a_client_that_finds_our_certificate_expired_leaves_its_alert_in_the_log(merlon, workdir):
    """curl under a clock of its own: openssl says 45, certificate_expired."""
    clock = MovedClock(workdir, 10 * YEAR_S)
    old = {name: os.environ.get(name) for name in clock.env}
    os.environ.update(clock.env)
    try:
        answer = curl(f"https://127.0.0.1:{merlon.enrolment_port}/.well-known/est/cacerts", root=merlon.root)
    finally:
        for name, value in old.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    assert answer.status == 0 and "expired" in answer.error
    entry = merlon.wait_for_entry("connection.refused")
    assert entry["details"]["alert"] == 45, entry


def test_the_agent_says_how_far_its_clock_is_from_the_servers_certificate(merlon, workdir):
    clock = MovedClock(workdir, 10 * YEAR_S)
    merlon.add_device("pump-7")
    (workdir / "token").write_text(merlon.token("pump-7"), encoding="ascii")
    done = run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--device", "pump-7",
                       "--token-file", workdir / "token", "--root", merlon.root, "--dir", workdir / "agent", env=clock.env)
    assert done.code == 5 and "by our clock" in done.err, done
