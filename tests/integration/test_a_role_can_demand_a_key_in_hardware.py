# SPDX-License-Identifier: Apache-2.0
"""What a role can demand: the word hardware-held in a rule, from the answer of the API to the door, on live and on kept sessions."""
import sqlite3
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from harness.merlon import run_program
from harness.mqtt import Mqtt
from harness.process import program
from harness.stopwatch import Stopwatch
from harness.tpm_device import TpmMaker
from harness.waiting import wait_until


FIRMWARE = {"publish": True, "subscribe": True, "filter": "firmware/#", "hardware_held": True}
DENIED = 0x87
KEEP = {"clean": False, "props": {"session_expiry": 600}}


def pretend_proven(merlon, identity) -> None:
    """As if the key of the certificate had been proven: the client of these tests has no TPM. Those that have one are below."""
    fingerprint = x509.load_pem_x509_certificate(identity.certificate.read_bytes()).fingerprint(hashes.SHA256())
    merlon.stop()
    with sqlite3.connect(merlon.database) as store:
        store.execute("INSERT INTO hardware_proofs VALUES (?, ?, ?, 'id:1', 'm', 'v', 0)", (fingerprint, bytes(32), bytes(34)))
    store.close()
    merlon.start()


def publishes(client) -> bool:
    return client.publish("firmware/a", b"x", qos=1) != DENIED


@pytest.fixture
def two(start_merlon):
    """A device whose key is proven, and one of the same group whose key is not."""
    merlon = start_merlon()
    proven, plain = merlon.device("press-1", group="press"), merlon.device("press-2", group="press")
    pretend_proven(merlon, proven)
    merlon.api.post("/v1/roles", {"name": "firmware", "rules": [FIRMWARE]})
    merlon.api.post("/v1/roles/firmware/assignments", {"to": "group:press"})
    return merlon, proven, plain


def test_a_rule_for_keys_in_hardware_is_for_no_other_session(two):
    merlon, proven, plain = two
    with Mqtt(merlon.mqtt_port, merlon.root, proven) as strong, Mqtt(merlon.mqtt_port, merlon.root, plain) as weak:
        strong.connect()
        weak.connect()
        assert publishes(strong) and not publishes(weak)
        assert strong.subscribe("firmware/#") == [1]
        assert weak.subscribe("firmware/#") == [DENIED]


def test_a_changed_rule_acts_on_live_sessions(two):
    merlon, proven, plain = two
    with Mqtt(merlon.mqtt_port, merlon.root, proven) as strong, Mqtt(merlon.mqtt_port, merlon.root, plain) as weak:
        strong.connect()
        weak.connect()
        for hardware_held in (False, True):
            merlon.api.do("PUT", "/v1/roles/firmware/rules", {"rules": [{**FIRMWARE, "hardware_held": hardware_held}]})
            with Stopwatch() as watch:
                wait_until(lambda wanted=not hardware_held: publishes(weak) == wanted, "the change to act")
                assert watch.passed < 1
        assert publishes(strong)


def test_a_kept_session_is_judged_by_the_key_that_comes_back(two):
    """The same device with a further certificate, whose key is in a file."""
    merlon, proven, _ = two
    with Mqtt(merlon.mqtt_port, merlon.root, proven) as strong:
        strong.connect("c", **KEEP)
        assert strong.subscribe("firmware/#") == [1]
    again = merlon.enrol("press-1", merlon.token("press-1"))
    with Mqtt(merlon.mqtt_port, merlon.root, again) as weak:
        assert weak.connect("c", **KEEP).session_present
        entry = merlon.wait_for_entry("subscribe.denied", target="firmware/#")
        assert entry["actor"]["id"] == "press-1"


def test_the_policy_explains_what_is_missing(two):
    merlon, _, plain = two
    ask = {"principal": "device:press-2", "action": "publish", "topic": "firmware/a"}
    told = merlon.api.get("/v1/policy/explain", **ask)
    assert (told["allowed"], told["difference"]) == (False, "the rule is for keys that are proven to be in hardware")
    assert merlon.api.get("/v1/policy/explain", hardware_held="true", **ask)["allowed"]


# --- with a TPM


def agent_folder(merlon, name: str) -> Path:
    return merlon.folder / f"agent-{name}"


def enrol_agent(merlon, name: str, *options: str) -> None:
    merlon.add_device(name, "press")
    token = merlon.folder / f"{name}.token"
    token.write_text(merlon.token(name), encoding="ascii")
    done = run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--root", merlon.root, "--device", name, "--token-file", token,
                       "--dir", agent_folder(merlon, name), *options)
    assert done.code == 0, done


@pytest.fixture
def tpm_and_file(start_merlon, processes, workdir):
    """Agents of one group: press-1 has its key in a TPM and has proven that, press-2 has it in a file. Also who hears them."""
    maker = TpmMaker(workdir)
    tpm = maker.make(processes, workdir, "tpm")
    merlon = start_merlon({"attestation": {"ek_roots": [str(maker.root), str(maker.folder / "issuer.pem")]}})
    merlon.api.post("/v1/roles", {"name": "firmware", "rules": [FIRMWARE]})
    merlon.api.post("/v1/roles/firmware/assignments", {"to": "group:press"})
    enrol_agent(merlon, "press-1", "--tpm", tpm.tcti)
    enrol_agent(merlon, "press-2")
    application = merlon.application("dashboard", subscribe=("firmware/#",))
    with Mqtt(merlon.mqtt_port, merlon.root, application) as reader:
        reader.connect()
        assert reader.subscribe("firmware/#") == [1]
        yield merlon, tpm, reader


def test_the_agent_with_a_tpm_publishes_where_the_one_without_is_denied(tpm_and_file, processes):
    merlon, _, reader = tpm_and_file
    strong, weak = (processes.start([program("merlon-agent"), "run", "--dir", agent_folder(merlon, name), "--topic",
                                     f"firmware/{name}"]) for name in ("press-1", "press-2"))
    denied = merlon.wait_for_entry("publish.denied", target="firmware/press-2", outcome="denied")
    assert denied["actor"]["id"] == "press-2"
    weak.wait_for_log(f'"event":"request.refused","reason":{DENIED}')
    assert {reader.receive().topic for _ in range(3)} == {"firmware/press-1"}
    assert not merlon.audit(action="publish.denied", actor="device:press-1") and "request.refused" not in strong.log()
    merlon.api.do("PUT", "/v1/roles/firmware/rules", {"rules": [{**FIRMWARE, "hardware_held": False}]})
    wait_until(lambda: reader.receive().topic == "firmware/press-2", "nothing but the word kept it out")
    assert strong.stop() == 0 and weak.stop() == 0
