# SPDX-License-Identifier: Apache-2.0
"""The renewal window: in the answer to an enrolment, for any client of EST; read by curl here."""
import re
import time
from datetime import timezone

from cryptography import x509
from harness.ca import Identity, make_key
from harness.est import CurlAnswer, Est, certificates_of, make_csr_body

BACKDATE_S = 3600
SAN = "subjectAltName=URI:urn:merlon:default:device:{}"


def offer(answer: CurlAnswer) -> dict[str, int]:
    """A dictionary of integers. RFC 9651 3.2"""
    text = answer.headers["merlon-renewal"]
    assert re.fullmatch(r"[a-z]+=-?[0-9]+(, [a-z]+=-?[0-9]+)*", text), text
    return {name: int(number) for name, number in (part.split("=") for part in text.split(", "))}


def check(answer: CurlAnswer, merlon) -> dict[str, int]:
    assert answer.status == 200, answer
    leaf = x509.load_pem_x509_certificate(certificates_of(answer.body, merlon.folder)[0])
    end = int(leaf.not_valid_after.replace(tzinfo=timezone.utc).timestamp())
    since = int(leaf.not_valid_before.replace(tzinfo=timezone.utc).timestamp()) + BACKDATE_S
    given = offer(answer)
    third = (end - since) // 3
    assert end - third <= given["start"] < given["end"] <= end - third // 4
    assert abs(int(answer.headers["merlon-time"]) - time.time()) < 30
    return given


def enrol(merlon, name: str) -> tuple[CurlAnswer, Identity]:
    merlon.add_device(name)
    key = make_key(merlon.folder / f"{name}.key")
    est = Est(merlon.enrolment_port, merlon.root)
    answer = est.enrol(name, merlon.token(name), make_csr_body(key, f"/CN={name}"))
    identity = Identity(name, key, merlon.folder / f"{name}.crt")
    identity.certificate.write_bytes(certificates_of(answer.body, merlon.folder)[0])
    return answer, identity


def test_every_enrolment_and_every_renewal_names_a_window_in_the_last_third(merlon):
    answer, pump = enrol(merlon, "pump-7")
    first = check(answer, merlon)
    assert first["grace"] == 0
    renewed = Est(merlon.enrolment_port, merlon.root).renew(pump, make_csr_body(pump.key, "/CN=pump-7", SAN.format("pump-7")))
    second = check(renewed, merlon)
    assert second != first  # of another certificate


def test_devices_that_enrol_together_are_sent_back_at_different_times(merlon):
    starts = [check(enrol(merlon, f"pump-{n}")[0], merlon)["start"] for n in range(12)]
    assert len(set(starts)) == len(starts)
    assert max(starts) - min(starts) > 10 * 86400  # of the 37 days there are to begin in


def test_what_is_no_certificate_has_the_time_and_no_window(merlon):
    answer = Est(merlon.enrolment_port, merlon.root).get("cacerts")
    assert "merlon-renewal" not in answer.headers
    assert abs(int(answer.headers["merlon-time"]) - time.time()) < 30


def test_the_window_says_how_long_the_grace_is(make_merlon):
    merlon = make_merlon({"enrolment": {"grace": "7d"}})
    merlon.init()
    merlon.start()
    assert check(enrol(merlon, "pump-7")[0], merlon)["grace"] == 7 * 86400


def test_a_key_that_is_made_here_has_a_window_as_well(start_merlon):
    merlon = start_merlon(tables=[("profile", {"name": "made", "serverkeygen": True})])
    merlon.add_device("pump-7")
    est = Est(merlon.enrolment_port, merlon.root)
    body = make_csr_body(make_key(merlon.folder / "ignored.key"), "/CN=pump-7")
    answer = est.post("made/serverkeygen", body, "-u", f"pump-7:{merlon.token('pump-7')}")
    assert answer.status == 200, answer
    given = offer(answer)
    assert time.time() < given["start"] < given["end"]
    assert abs(int(answer.headers["merlon-time"]) - time.time()) < 30
