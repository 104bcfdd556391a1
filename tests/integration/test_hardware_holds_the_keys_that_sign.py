# SPDX-License-Identifier: Apache-2.0
"""CA keys and the audit key in a PKCS#11 token or a TPM: what they sign, foreign programs verify; they are nowhere on the disk,
and nobody but merlon-unlock talks to the hardware."""
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.ca import Identity, openssl
from harness.client import MqttClient
from harness.est import Est, certificates_of
from harness.hardware import SOFTHSM_MODULE, Token, Tpm
from harness.merlon import Ended, Merlon, descendants, name_of, run_program
from harness.process import Processes
from harness.waiting import wait_until

OWNER = "merlon-keys" if os.geteuid() == 0 else None
AS_OWNER = ("--user", OWNER) if OWNER else ()


@pytest.fixture
def token(make_merlon: Callable[..., Merlon], workdir: Path) -> tuple[Merlon, Token, list[str]]:
    merlon = make_merlon()  # makes the accounts
    hsm = Token(workdir, OWNER)
    if OWNER:  # so that the key process can be started again without root
        os.chown(hsm.pin_file, *_ids(OWNER))
    merlon.settings["keys"] = {"unlock": "pkcs11", "pkcs11_module": str(SOFTHSM_MODULE), "pkcs11_token": hsm.label,
                               "pkcs11_env": [hsm.environment], "pin_file": str(hsm.pin_file), "issue_rate": 100000}
    merlon.write_config()
    options = ["--pkcs11-module", str(SOFTHSM_MODULE), "--pkcs11-token", hsm.label, "--pkcs11-key", "merlon-unlock",
               "--pkcs11-env", hsm.environment, "--pin-file", str(hsm.pin_file)]
    return merlon, hsm, options


def _ids(account: str) -> tuple[int, int]:
    import pwd
    entry = pwd.getpwnam(account)
    return entry.pw_uid, entry.pw_gid


def keys(merlon: Merlon, command: str, *options: str | Path) -> Ended:
    return run_program("merlon-keys", command, "--dir", merlon.state / "keys", *AS_OWNER, *options)


def signs_in_hardware(merlon: Merlon) -> None:
    """The new issuing CA is put to use, and what it signs holds."""
    assert merlon.cli("ca", "activate", "issuing", "2").code == 0
    identity = merlon.device("pump-7")
    all_cas = merlon.folder / "cas.pem"
    all_cas.write_text(merlon.api.get("/v1/ca")["issuing"], encoding="ascii")
    verdict = openssl("verify", "-x509_strict", "-CAfile", merlon.root, "-untrusted", all_cas, identity.certificate)
    assert verdict.decode().strip().endswith(": OK")
    assert b"Merlon Issuing CA 2" in openssl("x509", "-in", identity.certificate, "-noout", "-issuer")
    with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
        assert client.connect() == 0
    assert merlon.cli("audit", "verify").code == 0


def private_keys(hsm: Token) -> dict[str, str]:
    """What pkcs11-tool says of each, by label."""
    listed = subprocess.run(["pkcs11-tool", "--module", SOFTHSM_MODULE, "--login", "--pin", hsm.PIN, "--token-label", hsm.label,
                             "--list-objects", "--type", "privkey"], capture_output=True, text=True, check=True,
                            env={**os.environ, "SOFTHSM2_CONF": str(hsm.config)}).stdout
    objects = listed.split("Private Key Object")[1:]
    return {re.search(r"label: +(\S+)", text).group(1): text for text in objects}


@pytest.mark.quick
@pytest.mark.parametrize("algorithm", ["p256", "p384"])
def test_a_token_holds_the_issuing_ca(token, algorithm):
    merlon, hsm, options = token
    merlon.init()
    done = keys(merlon, "new-issuing", *options, "--hold", "hardware", "--ca-algorithm", algorithm)
    assert done.code == 0, done.err
    merlon.start()
    signs_in_hardware(merlon)
    assert "never extractable" in private_keys(hsm)["merlon-issuing-2"]


def below(merlon: Merlon, root: bytes, identity: Identity) -> str:
    """What openssl says of it with this root alone, and what EST's cacerts has for the way there: issuing CAs and links."""
    alone, others = merlon.folder / "alone.pem", merlon.folder / "others.pem"
    alone.write_bytes(root)
    certificates = certificates_of(Est(merlon.enrolment_port, merlon.root).get("cacerts").body, merlon.folder)
    others.write_bytes(b"".join(c for c in certificates if c not in merlon.root.read_bytes()))
    return openssl("verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", alone, "-untrusted", others,
                   identity.certificate).decode().strip()


def root_signs_in_hardware(merlon: Merlon, options: list[str]) -> None:
    """A root and an issuing CA under it are put to use, and devices of either root verify with the other one alone."""
    merlon.init()
    merlon.start()
    old_root, old = merlon.root.read_bytes(), merlon.device("pump-1")
    merlon.stop()
    for command in ("new-root", "new-issuing"):
        done = keys(merlon, command, *options, "--hold", "hardware", "--ca-algorithm", "p384")
        assert done.code == 0, done.err
    merlon.start()
    assert merlon.cli("ca", "activate", "root", "2").code == 0
    signs_in_hardware(merlon)
    end = b"-----END CERTIFICATE-----\n"
    new_root = merlon.root.read_bytes().split(end)[0] + end  # the active one is the first
    assert new_root != old_root and b"secp384r1" in openssl("x509", "-noout", "-text", given=new_root)
    new = Identity("pump-7", merlon.folder / "pump-7.key", merlon.folder / "pump-7.crt")
    for root in (old_root, new_root):  # over the links: OldWithNew was signed in hardware, too
        for identity in (old, new):
            assert below(merlon, root, identity).endswith(": OK")


def test_a_token_holds_the_root_and_the_issuing_ca_under_it(token):
    merlon, hsm, options = token
    root_signs_in_hardware(merlon, options)
    held = private_keys(hsm)
    assert all("never extractable" in held[name] for name in ("merlon-root-2", "merlon-issuing-2"))


def test_the_module_is_not_in_the_key_process(token):
    merlon, _, options = token
    merlon.init()
    assert keys(merlon, "new-issuing", *options, "--hold", "hardware").code == 0
    merlon.start()
    pid = merlon.key_process()
    helper = [p for p in descendants(pid) if name_of(p) == "merlon-unlock"]
    assert len(helper) == 1
    assert "softhsm" not in Path(f"/proc/{pid}/maps").read_text(encoding="ascii")
    assert "softhsm" in Path(f"/proc/{helper[0]}/maps").read_text(encoding="ascii")
    for process in (pid, helper[0]):
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    os.kill(helper[0], 9)
    merlon.add_device("pump-9")
    assert merlon.cli("ca", "activate", "issuing", "2").code == 0
    with pytest.raises(AssertionError, match="503"):
        merlon.enrol("pump-9", merlon.token("pump-9"))
    assert merlon.cli("ca", "reload").code == 0
    merlon.enrol("pump-9", merlon.token("pump-9"))


def test_the_audit_key_is_in_the_token_and_the_log_verifies(token):
    merlon, hsm, _ = token
    merlon.settings["keys"]["hold_audit"] = True
    merlon.write_config()
    merlon.init()
    merlon.start()
    merlon.device("pump-7")
    assert merlon.cli("audit", "verify").code == 0
    assert "merlon-audit" in private_keys(hsm)
    merlon.restart()
    assert merlon.cli("audit", "verify").code == 0


def test_without_its_token_nothing_starts_and_a_rekey_away_is_refused(token):
    merlon, hsm, options = token
    merlon.init()
    assert keys(merlon, "new-issuing", *options, "--hold", "hardware").code == 0
    moved = keys(merlon, "rekey", "--from", "pkcs11", *options, "--to", "file")
    assert moved.code == 1 and "must also open the keystore" in moved.err
    hsm.take_out()
    assert "no token is labelled" in keys(merlon, "new-issuing", *options).err
    hsm.put_back()
    merlon.start()


def test_nothing_goes_into_hardware_that_does_not_open_the_keystore(merlon):
    merlon.stop()
    refused = keys(merlon, "new-issuing", "--hold", "hardware")
    assert refused.code == 1 and "rekey it to tpm or pkcs11 first" in refused.err
    merlon.start()


@pytest.fixture
def with_tpm(make_merlon: Callable[..., Merlon], processes: Processes, workdir: Path) -> tuple[Merlon, list[str]]:
    tpm = Tpm(processes, workdir).start()
    merlon = make_merlon({"keys": {"unlock": "tpm", "tpm_tcti": tpm.tcti}})
    return merlon, ["--unlock", "tpm", "--tpm-tcti", tpm.tcti]


@pytest.mark.parametrize("algorithm", ["p256", "p384"])
def test_a_tpm_holds_the_issuing_ca(with_tpm, algorithm):
    merlon, options = with_tpm
    merlon.init()
    done = keys(merlon, "new-issuing", *options, "--hold", "hardware", "--ca-algorithm", algorithm)
    assert done.code == 0, done.err
    merlon.start()
    signs_in_hardware(merlon)


def test_a_tpm_holds_the_root_and_the_issuing_ca_under_it(with_tpm):
    root_signs_in_hardware(*with_tpm)


def test_a_tpm_has_no_key_for_the_audit_log_and_says_so(with_tpm):
    merlon, _ = with_tpm
    merlon.settings["keys"]["hold_audit"] = True
    merlon.write_config()
    done = run_program("merlond", "init", "--config", merlon.config)
    assert done.code == 1 and "no Ed25519" in done.err, done.err


# --- CAs of P-384, with no hardware

def test_root_and_issuing_ca_of_p384_hold_for_openssl_and_gnutls(make_merlon):
    merlon = make_merlon({"keys": {"root_curve": "P-384", "issuing_curve": "P-384"}})
    merlon.init()
    merlon.start()
    identity = merlon.device("pump-7")
    issuing = merlon.folder / "issuing.pem"
    issuing.write_text(merlon.api.get("/v1/ca")["issuing"], encoding="ascii")
    for path in (merlon.root, issuing):
        assert re.search(rb"secp384r1|P-384", openssl("x509", "-in", path, "-noout", "-text"))
    assert openssl("verify", "-x509_strict", "-CAfile", merlon.root, "-untrusted", issuing, identity.certificate)
    chain = merlon.folder / "chain.pem"
    chain.write_bytes(identity.certificate.read_bytes() + issuing.read_bytes())
    done = subprocess.run(["certtool", "--verify", "--load-ca-certificate", merlon.root, "--infile", chain], capture_output=True,
                          text=True, check=False)
    assert "Verified. The certificate is trusted" in done.stdout, done.stdout + done.stderr
    with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:
        assert client.connect() == 0
    wait_until(lambda: merlon.cli("audit", "verify").code == 0, "the log verifies")
