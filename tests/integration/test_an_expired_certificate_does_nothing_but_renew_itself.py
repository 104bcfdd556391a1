# SPDX-License-Identifier: Apache-2.0
"""Grace: by policy a certificate that has ended still gets the next one, for so long, and nothing else; with curl."""
import calendar
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from harness.ca import Identity
from harness.est import CurlAnswer, Est, certificates_of, make_csr_body
from harness.merlon import Merlon
from harness.moved_clock import MovedClock
from harness.mqtt import Closed, Mqtt
from harness.ws import WebSocket

DAY_S, GRACE_S = 86400, 7 * 86400


@pytest.fixture
def clock(workdir: Path) -> MovedClock:
    return MovedClock(workdir)


@pytest.fixture
def graceful(make_merlon: Callable[..., Merlon], clock: MovedClock) -> Merlon:
    merlon = clock.rule(make_merlon({"enrolment": {"grace": "7d"}, "issuing": {"device_life": "30d", "server_life": "10d"}}))
    merlon.init()
    return merlon.start()


def move_past_end(merlon: Merlon, clock: MovedClock, identity: Identity, past_s: int) -> None:
    """The clock of the daemon goes on from so many seconds past the end of the certificate."""
    end = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).not_valid_after
    clock.restart(merlon, calendar.timegm(end.timetuple()) + past_s - int(time.time()))


def renew(merlon: Merlon, identity: Identity, operation: str = "simplereenroll") -> CurlAnswer:
    """Curl lives by the machine's clock, which does not move: it must not judge the server's certificate by that."""
    body = make_csr_body(identity.key, f"/CN={identity.name}", f"subjectAltName=URI:urn:merlon:default:device:{identity.name}")
    est = Est(merlon.enrolment_port, merlon.root, "--insecure")
    return est.post(operation, body, "--cert", identity.certificate, "--key", identity.key)


def trusting(identity: Identity) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(identity.certificate, identity.key)
    return context


def upgrade(merlon: Merlon, identity: Identity) -> int:
    """What HTTP says to MQTT in WebSocket."""
    with socket.create_connection(("127.0.0.1", merlon.enrolment_port), 30) as plain, \
            trusting(identity).wrap_socket(plain, server_hostname="localhost") as secure:
        return WebSocket(secure).ask().status


def connect(port: int, merlon: Merlon, identity: Identity, alpn: str = "") -> int:
    """Reason code of CONNACK."""
    context = trusting(identity)
    if alpn:
        context.set_alpn_protocols([alpn])
    with Mqtt(port, merlon.root, identity, context=context) as client:
        return client.connect("c").reason


def test_within_the_grace_curl_renews_and_every_door_of_mqtt_stays_closed(graceful, clock, workdir):
    pump = graceful.device("pump-7")
    assert connect(graceful.mqtt_port, graceful, pump) == 0
    move_past_end(graceful, clock, pump, 3 * DAY_S)
    for port, alpn in ((graceful.mqtt_port, ""), (graceful.enrolment_port, "mqtt")):
        with pytest.raises((Closed, OSError)):
            connect(port, graceful, pump, alpn)
    assert upgrade(graceful, pump) == 403  # in WebSocket: the handshake is that of EST
    graceful.wait_for_entry("connection.refused", actor_id="pump-7", reason="expired")
    answer = renew(graceful, pump)
    assert answer.status == 200, answer
    (leaf,) = certificates_of(answer.body, workdir)
    (workdir / "new.crt").write_bytes(leaf)
    assert connect(graceful.mqtt_port, graceful, Identity("pump-7", pump.key, workdir / "new.crt")) == 0
    entry = graceful.wait_for_entry("device.reenrolled", actor_id="pump-7")
    assert abs(entry["details"]["late"] - 3 * DAY_S) < 60, entry


def test_simpleenroll_with_the_expired_certificate_renews_it_as_well(graceful, clock):
    pump = graceful.device("pump-7")
    move_past_end(graceful, clock, pump, 3 * DAY_S)
    assert renew(graceful, pump, "simpleenroll").status == 200


def test_where_the_server_makes_keys_it_makes_the_next_one_as_well(make_merlon, clock):
    merlon = clock.rule(make_merlon({"enrolment": {"grace": "7d"}, "issuing": {"device_life": "30d", "server_life": "10d"}},
                                    [("profile", {"name": "default", "serverkeygen": True})]))
    merlon.init()
    merlon.start()
    pump = merlon.device("pump-7")
    move_past_end(merlon, clock, pump, 3 * DAY_S)
    answer = renew(merlon, pump, "serverkeygen")
    assert answer.status == 200 and answer.headers["content-type"].startswith("multipart/mixed"), answer
    assert abs(merlon.wait_for_entry("device.reenrolled", actor_id="pump-7")["details"]["late"] - 3 * DAY_S) < 60
    assert upgrade(merlon, pump) == 403


def test_the_grace_ends_and_then_only_a_new_token_helps(graceful, clock):
    pump = graceful.device("pump-7")
    move_past_end(graceful, clock, pump, GRACE_S - 10)
    assert renew(graceful, pump).status == 200
    move_past_end(graceful, clock, pump, GRACE_S + 1)
    answer = renew(graceful, pump)
    assert answer.status == 0 and "expired" in answer.error, answer
    graceful.wait_for_entry("connection.refused", reason="expired")
    est = Est(graceful.enrolment_port, graceful.root, "--insecure")
    assert est.enrol("pump-7", graceful.token("pump-7"), make_csr_body(pump.key, "/CN=pump-7")).status == 200


def test_a_revoked_certificate_has_no_grace(graceful, clock):
    pump = graceful.device("pump-7")
    graceful.api.post("/v1/devices/pump-7/revoke", {})
    move_past_end(graceful, clock, pump, DAY_S)
    assert renew(graceful, pump).status == 0


def test_without_a_policy_there_is_no_grace(make_merlon, clock):
    merlon = clock.rule(make_merlon({"issuing": {"device_life": "30d"}}))
    merlon.init()
    merlon.start()
    pump = merlon.device("pump-7")
    move_past_end(merlon, clock, pump, 1)
    assert renew(merlon, pump).status == 0
    merlon.wait_for_entry("connection.refused", reason="expired")
