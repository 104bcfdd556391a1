# SPDX-License-Identifier: Apache-2.0
"""merlon-agent takes the order to wipe itself, signs a receipt that openssl believes, and destroys its key when the server has it
and not before; killed before any of its system calls it does the same."""
import base64
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from harness.ca import CertificateAuthority, Identity, openssl
from harness.merlon import Ended, Merlon, run_program
from harness.mosquitto import start_mosquitto
from harness.process import program
from harness.tpm_device import TpmMaker
from harness.waiting import wait_until

WIPED, KILLED = 7, -9
LAST = "wiped.json"


def folder_of(merlon: Merlon, name: str) -> Path:
    return merlon.folder / f"agent-{name}"


def enrol(merlon: Merlon, name: str, *more: str) -> Ended:
    token = merlon.folder / f"{name}.token"
    token.write_text(merlon.token(name), encoding="ascii")
    return run_program("merlon-agent", "enrol", "--server", f"127.0.0.1:{merlon.enrolment_port}", "--mqtt",
                       f"127.0.0.1:{merlon.mqtt_port}", "--root", merlon.root, "--device", name, "--token-file", token, "--dir",
                       folder_of(merlon, name), *more)


def enrolled(merlon: Merlon, name: str, *more: str) -> Path:
    merlon.add_device(name)
    done = enrol(merlon, name, *more)
    assert done.code == 0, done
    return folder_of(merlon, name)


def public_key(folder: Path) -> bytes:
    pem = (folder / "identity.pem").read_bytes()
    certificate = x509.load_pem_x509_certificate(pem[pem.index(b"-----BEGIN CERT"):])
    return certificate.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def retire(merlon: Merlon, name: str) -> None:
    done = merlon.cli("device", "retire", name, "--wipe", "--reason", "scrapped")
    assert done.code == 0 and "No wipe order" not in done.out, done


def run(processes, folder: Path):
    return processes.start([program("merlon-agent"), "run", "--dir", folder, "--interval", "1s"])


def run_to_its_end(folder: Path) -> Ended:
    return run_program("merlon-agent", "run", "--dir", folder)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def openssl_believes(tmp_path: Path, key: bytes, message: bytes, signature: bytes) -> None:
    for name, content in (("key.pem", key), ("message", message), ("signature", signature)):
        (tmp_path / name).write_bytes(content)
    if b"MCowBQYDK2VwAyEA" in key:  # Ed25519
        openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", tmp_path / "key.pem", "-sigfile", tmp_path / "signature", "-in",
                tmp_path / "message")
    else:
        digest = "-sha384" if "secp384r1" in openssl("pkey", "-pubin", "-in", tmp_path / "key.pem", "-noout", "-text").decode() \
            else "-sha256"
        openssl("dgst", digest, "-verify", tmp_path / "key.pem", "-signature", tmp_path / "signature", tmp_path / "message")


def receipt_holds(merlon: Merlon, name: str, key: bytes, tmp_path: Path) -> None:
    entry = merlon.wait_for_entry("device.wiped", target=name, outcome="ok")["details"]
    openssl_believes(tmp_path, key, base64.b64decode(entry["signed"]), base64.b64decode(entry["signature"]))
    assert len(merlon.audit(action="device.wiped", target=name)) == 1


@pytest.mark.quick
def test_at_work_it_is_put_out_comes_again_answers_and_is_no_more(merlon, processes, tmp_path):
    folder = enrolled(merlon, "press-7")
    key = public_key(folder)
    agent = run(processes, folder)
    merlon.wait_for_entry("connection.opened", actor_id="press-7")
    agent.wait_for_log('"event":"connection.up"')
    retire(merlon, "press-7")
    assert agent.popen.wait(60) == WIPED, agent.log()
    receipt_holds(merlon, "press-7", key, tmp_path)
    assert files(folder) == [LAST]
    assert '"event":"wipe.answered"' in agent.log() and agent.log().splitlines()[-1].count("agent.wiped") == 1
    assert {e["action"] for e in merlon.audit(actor="device:press-7")}.isdisjoint({"publish.denied", "subscribe.denied"})


def test_it_was_off_when_the_order_was_given(merlon, tmp_path):
    folder = enrolled(merlon, "press-7")
    key = public_key(folder)
    retire(merlon, "press-7")
    assert run_to_its_end(folder).code == WIPED
    receipt_holds(merlon, "press-7", key, tmp_path)
    assert files(folder) == [LAST]
    for command in ("run", "show"):  # and so it stays
        done = run_program("merlon-agent", command, "--dir", folder)
        assert done.code == WIPED and "press-7" in done.err, done


def test_the_folder_takes_another_identity_when_the_server_gives_one(merlon, processes):
    folder = enrolled(merlon, "press-7")
    retire(merlon, "press-7")
    assert run_to_its_end(folder).code == WIPED
    assert merlon.cli("device", "lift", "press-7", "--reason", "repaired").code == 0
    assert enrol(merlon, "press-7").code == 0
    assert LAST not in files(folder)
    agent = run(processes, folder)
    agent.wait_for_log('"event":"connection.up"')
    assert agent.stop() == 0


def test_without_the_order_a_retired_agent_keeps_what_it_has(merlon, processes):
    folder = enrolled(merlon, "press-7")
    assert merlon.cli("device", "retire", "press-7").code == 0
    agent = run(processes, folder)
    agent.wait_for_log('"class":"auth"')
    time.sleep(2)
    assert agent.stop() == 0 and "identity.pem" in files(folder)


@pytest.mark.parametrize("kind", ["P-384", "Ed25519"])
def test_with_every_kind_of_key(start_merlon, tmp_path, kind):
    merlon = start_merlon(tables=[("profile", {"name": "default", "keys": [kind]})])
    folder = enrolled(merlon, "press-7")
    key = public_key(folder)
    retire(merlon, "press-7")
    assert run_to_its_end(folder).code == WIPED
    receipt_holds(merlon, "press-7", key, tmp_path)


def test_the_key_in_a_tpm_signs_too(start_merlon, processes, workdir, tmp_path):
    maker = TpmMaker(workdir)
    tpm = maker.make(processes, workdir, "tpm")
    merlon = start_merlon({"attestation": {"ek_roots": [str(maker.root), str(maker.folder / "issuer.pem")]}})
    folder = enrolled(merlon, "press-7", "--tpm", tpm.tcti)
    assert b"TSS2 PRIVATE KEY" in (folder / "identity.pem").read_bytes()
    key = public_key(folder)
    retire(merlon, "press-7")
    assert run_to_its_end(folder).code == WIPED
    receipt_holds(merlon, "press-7", key, tmp_path)
    assert files(folder) == [LAST]


# --- killed at every step

# What reaches the disk or the network: between two of these nothing changes for anybody.
CALLS = ("openat", "write", "fsync", "rename", "unlink", "connect", "read", "sendto", "recvfrom")
NO_LEAKS = ":detect_leaks=0"  # that search traces the process, which strace does already


def run_killed_at(folder: Path, call: str, count: int) -> int:
    """The agent dies before it makes this call for the count-th time. Gives its end as subprocess does."""
    done = subprocess.run(["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={count}",
                           program("merlon-agent"), "run", "--dir", folder], capture_output=True, check=False, timeout=120,
                          env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + NO_LEAKS})
    return done.returncode


def has_answered(merlon: Merlon, name: str) -> bool:
    return len(merlon.audit(action="device.wiped", target=name)) == 1


@pytest.mark.parametrize("call", CALLS)
def test_killed_before_any_call_it_never_loses_its_key_before_the_receipt_is_there(merlon, call):
    """Those whose acknowledgement was lost are refused a few times, and end as well."""
    folders, end = [], KILLED
    while end == KILLED:
        name = f"cut-{len(folders)}"
        folder = enrolled(merlon, name)
        key = (folder / "identity.pem").read_bytes()
        retire(merlon, name)
        end = run_killed_at(folder, call, len(folders) + 1)
        if not has_answered(merlon, name):
            assert (folder / "identity.pem").read_bytes() == key, f"{call} {len(folders) + 1}"
        folders.append(folder)
    assert end == WIPED and len(folders) > 1
    with ThreadPoolExecutor(8) as pool:
        assert {done.code for done in pool.map(run_to_its_end, folders)} == {WIPED}
    for count, folder in enumerate(folders):
        assert files(folder) == [LAST] and has_answered(merlon, f"cut-{count}"), f"{call} {count + 1}"


# --- a broker of others gives the order

TAKES_ALL = "pattern readwrite #\nuser operator\ntopic readwrite $merlon/#\n"
REFUSES_THE_RECEIPT = "topic read $merlon/#\n"


class Foreign:
    """mosquitto, and an agent whose folder was made by hand."""

    def __init__(self, processes, workdir: Path, ca: CertificateAuthority, rules: str = "topic readwrite $merlon/#\n"):
        self.processes, self.ca, self.folder = processes, ca, workdir / "agent"
        acl = workdir / "acl"
        acl.write_text(f"{TAKES_ALL}user press-7\n{rules}", encoding="ascii")
        self.broker = start_mosquitto(processes, workdir, ca, f"acl_file {acl}")
        self.identity, self.operator = ca.client("press-7"), ca.client("operator")
        self.folder.mkdir(mode=0o700)
        settings = {"device": "press-7", "server": "127.0.0.1:1", "mqtt": f"127.0.0.1:{self.broker.port}", "name": "localhost"}
        (self.folder / "settings.json").write_text(json.dumps(settings), encoding="ascii")
        for name in ("root.pem", "ca.pem"):
            (self.folder / name).write_bytes(ca.certificate.read_bytes())
        (self.folder / "identity.pem").write_bytes(self.identity.key.read_bytes() + self.identity.certificate.read_bytes())

    def mosquitto(self, name: str, *arguments: str) -> list[str]:
        who: Identity = self.operator
        return [name, "-h", "localhost", "-p", str(self.broker.port), "--cafile", str(self.ca.certificate), "--cert",
                str(who.certificate), "--key", str(who.key), *arguments]

    def order(self, **other: object) -> dict:
        certificate = x509.load_pem_x509_certificate(self.identity.certificate.read_bytes())
        spki = hashes.Hash(hashes.SHA256())
        spki.update(certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                          serialization.PublicFormat.SubjectPublicKeyInfo))
        return {"certificate": certificate.fingerprint(hashes.SHA256()).hex(), "device": "press-7",
                "expires": int(time.time()) + 3600, "key": spki.finalize().hex(), "order": "0123456789abcdef" * 2, **other}

    def give(self, order: str) -> None:
        """Kept by the broker, so that it comes with every subscription."""
        subprocess.run(self.mosquitto("mosquitto_pub", "-q", "1", "-r", "-t", "$merlon/devices/press-7/wipe", "-s"),
                       input=order.encode(), check=True, timeout=30, capture_output=True)

    def run(self):
        return run(self.processes, self.folder)


def test_mosquitto_gives_the_order_and_openssl_believes_the_receipt(processes, workdir, test_ca, tmp_path):
    foreign = Foreign(processes, workdir, test_ca)
    key, order = public_key(foreign.folder), foreign.order()
    listener = subprocess.Popen(foreign.mosquitto("mosquitto_sub", "-t", "$merlon/devices/press-7/wiped", "-C", "1", "-W", "60"),
                                stdout=subprocess.PIPE)
    agent = foreign.run()
    agent.wait_for_log('"event":"connection.up"')
    foreign.give(json.dumps(order))
    receipt = listener.communicate(timeout=90)[0]
    assert agent.popen.wait(60) == WIPED and files(foreign.folder) == [LAST]
    lines = receipt.decode().splitlines()
    assert lines[:4] == ["merlon wipe receipt v1", "device press-7", f"order {order['order']}", f"key {order['key']}"]
    assert abs(int(lines[4].removeprefix("time ")) - time.time()) < 60
    message = "".join(f"{line}\n" for line in lines[:5]).encode()
    openssl_believes(tmp_path, key, message, base64.b64decode(lines[5].removeprefix("signature "), validate=True))


@pytest.mark.parametrize("other", [{"device": "press-8"}, {"certificate": "ab" * 32}, {"key": "ab" * 32}, {"order": "ab"}, {"expires": 0},
                                   {"order": "x" * 32}, {"device": "../press-7"}, {"more": "x" * 1024}])
def test_an_order_that_is_not_for_it_is_passed_over(processes, workdir, test_ca, other):
    foreign = Foreign(processes, workdir, test_ca)
    foreign.give(json.dumps(foreign.order(**other)))
    agent = foreign.run()
    agent.wait_for_log('"event":"wipe.not_taken"')
    reader = subprocess.run(foreign.mosquitto("mosquitto_sub", "-t", "devices/press-7/readings", "-C", "1", "-W", "60"),
                            capture_output=True, check=False, timeout=90)
    assert reader.returncode == 0 and json.loads(reader.stdout)  # it works on
    assert agent.stop() == 0
    assert "identity.pem" in files(foreign.folder) and "wipe.json" not in files(foreign.folder)


def test_while_the_receipt_is_refused_it_keeps_its_key_and_is_silent(processes, workdir, test_ca):
    foreign = Foreign(processes, workdir, test_ca, REFUSES_THE_RECEIPT)
    foreign.give(json.dumps(foreign.order()))
    agent = foreign.run()
    wait_until(lambda: agent.log().count('"event":"wipe.ordered"') >= 3, "three tries", 30)
    assert agent.is_running() and {"identity.pem", "wipe.json"} <= set(files(foreign.folder))
    reader = subprocess.run(foreign.mosquitto("mosquitto_sub", "-t", "devices/#", "-C", "1", "-W", "3"), capture_output=True,
                            check=False, timeout=40)
    assert reader.stdout == b""
    assert agent.stop() == 0
    foreign.broker.process.stop()
    agent = foreign.run()
    wait_until(lambda: agent.log().count('"event":"connection.down"') > 5, "more tries without a network than refusals allowed", 60)
    assert agent.is_running() and "identity.pem" in files(foreign.folder)
    assert run_program("merlon-agent", "show", "--dir", foreign.folder).code == 0
    assert agent.stop() == 0


def test_when_nobody_waits_for_the_receipt_any_more_it_wipes_itself_without(processes, workdir, test_ca):
    foreign = Foreign(processes, workdir, test_ca, REFUSES_THE_RECEIPT)
    foreign.give(json.dumps(foreign.order(expires=int(time.time()) + 4)))
    agent = foreign.run()
    assert agent.popen.wait(90) == WIPED, agent.log()
    assert '"event":"wipe.unanswered"' in agent.log() and files(foreign.folder) == [LAST]


def test_with_an_order_to_answer_it_takes_no_other_identity(processes, workdir, test_ca):
    foreign = Foreign(processes, workdir, test_ca, REFUSES_THE_RECEIPT)
    foreign.give(json.dumps(foreign.order()))
    agent = foreign.run()
    agent.wait_for_log('"event":"wipe.ordered"')
    assert agent.stop() == 0
    token = workdir / "token"
    token.write_text("A" * 43, encoding="ascii")
    done = run_program("merlon-agent", "enrol", "--server", "127.0.0.1:1", "--device", "press-7", "--token-file", token, "--root",
                       test_ca.certificate, "--dir", foreign.folder)
    assert done.code == 4 and "wipe order to answer" in done.err, done
