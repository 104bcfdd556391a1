# SPDX-License-Identifier: Apache-2.0
"""The keystore is opened by a TPM 2.0 or a PKCS#11 token: the daemon starts with it and says what is wrong without it, nothing
of the hardware's software remains in the key process, and a rekey goes from any source to any other."""
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.hardware import SOFTHSM_MODULE, Token, Tpm
from harness.merlon import Ended, Merlon, run_program
from harness.process import Processes, program

OWNER = "merlon-keys" if os.geteuid() == 0 else None
AS_OWNER = ("--user", OWNER) if OWNER else ()


@pytest.fixture
def tpm(processes: Processes, workdir: Path) -> Tpm:
    return Tpm(processes, workdir).start()


@pytest.fixture
def make_with_tpm(make_merlon: Callable[..., Merlon], tpm: Tpm) -> Callable[..., Merlon]:
    def make(**keys: object) -> Merlon:
        merlon = make_merlon({"keys": {"unlock": "tpm", "tpm_tcti": tpm.tcti, **keys}})
        merlon.init()
        return merlon

    return make


def pkcs11_keys(token: Token) -> dict[str, object]:
    return {"unlock": "pkcs11", "pkcs11_module": str(SOFTHSM_MODULE), "pkcs11_token": token.label,
            "pkcs11_env": [token.environment], "pin_file": str(token.pin_file)}


@pytest.fixture
def with_token(make_merlon: Callable[..., Merlon], workdir: Path) -> tuple[Merlon, Token]:
    merlon = make_merlon()  # makes the accounts
    token = Token(workdir, OWNER)
    merlon.settings["keys"] = pkcs11_keys(token)
    merlon.write_config()
    merlon.init()
    return merlon, token


def refused_start(merlon: Merlon) -> str:
    """What the key process says when it does not start."""
    run = merlon.processes.start([program("merlond"), "run", "--config", merlon.config])
    run.popen.wait(60)
    assert run.popen.returncode != 0
    return run.log()


def write_pin(folder: Path, pin: str) -> Path:
    path = folder / "tpm.pin"
    path.write_text(pin, encoding="ascii")
    path.chmod(0o600)
    return path


def assert_starts_twice(merlon: Merlon) -> None:
    merlon.start().device("pump-7")
    merlon.restart()
    assert merlon.api.get("/v1/devices/pump-7")["id"] == "pump-7"


def assert_nothing_of_it_remains(merlon: Merlon) -> None:
    """In the key process: one thread, its four descriptors, no foreign code, no child, both sandboxes closed."""
    pid = merlon.key_process()
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":\t") for line in (proc / "status").read_text().splitlines() if ":\t" in line)
    assert (status["Threads"].strip(), status["Seccomp"].strip(), status["NoNewPrivs"].strip()) == ("1", "2", "1")
    assert status["Groups"].strip() == "" or OWNER is None
    assert sorted(os.listdir(proc / "fd"))[:4] == ["0", "1", "2", "3"]
    assert len(os.listdir(proc / "fd")) <= 5  # the fifth: the locked folder
    maps = (proc / "maps").read_text()
    assert "tss2" not in maps and "softhsm" not in maps
    assert (proc / "task" / str(pid) / "children").read_text() == ""
    assert b"merlon-unlock" not in b"".join(p.read_bytes() for p in Path("/proc").glob("[0-9]*/comm") if str(merlon.folder) in
                                            (p.parent / "cmdline").read_text(errors="replace"))


def test_a_tpm_opens_it_at_every_start_and_leaves_nothing_behind(make_with_tpm: Callable[..., Merlon]) -> None:
    merlon = make_with_tpm(tpm_pcrs="sha256:7")
    assert_starts_twice(merlon)
    assert_nothing_of_it_remains(merlon)
    assert any(line.get("unlock") == "tpm" for line in merlon.log_lines())


def test_a_token_opens_it_at_every_start_and_leaves_nothing_behind(with_token: tuple[Merlon, Token]) -> None:
    merlon, token = with_token
    assert_starts_twice(merlon)
    assert_nothing_of_it_remains(merlon)
    command_line = Path(f"/proc/{merlon.key_process()}/cmdline").read_text()
    assert str(token.pin_file) in command_line and Token.PIN not in command_line


def test_without_the_tpm_with_another_and_after_a_clear_the_daemon_says_which(
        make_with_tpm: Callable[..., Merlon], tpm: Tpm, processes: Processes, workdir: Path) -> None:
    merlon = make_with_tpm()
    tpm.stop()
    assert "there is no TPM 2.0 at" in refused_start(merlon)
    other = Tpm(processes, workdir, "other").start()
    merlon.settings["keys"]["tpm_tcti"] = other.tcti
    merlon.write_config()
    assert "another TPM" in refused_start(merlon)
    merlon.settings["keys"]["tpm_tcti"] = tpm.start().tcti
    merlon.write_config()
    merlon.start().stop()
    tpm.tool("clear")
    assert "the TPM was cleared" in refused_start(merlon)


def test_changed_pcrs_refuse_until_they_are_as_before(make_with_tpm: Callable[..., Merlon], tpm: Tpm) -> None:
    merlon = make_with_tpm(tpm_pcrs="sha256:7,11")
    merlon.start().stop()
    tpm.tool("pcrextend", "11:sha256=" + "42" * 32)
    assert "PCRs are not as they were" in refused_start(merlon)
    tpm.stop()  # power off and on: the same boot as at init
    tpm.start()
    merlon.start().stop()


def test_a_bank_that_the_tpm_lacks_binds_to_nothing_and_is_refused(make_merlon: Callable[..., Merlon], tpm: Tpm) -> None:
    tpm.tool("pcrallocate", "sha256:all+sha384:none")
    tpm.stop()
    tpm.start()
    merlon = make_merlon({"keys": {"unlock": "tpm", "tpm_tcti": tpm.tcti, "tpm_pcrs": "sha384:7"}})
    refused = run_program("merlond", "init", "--config", merlon.config)
    assert refused.code != 0 and "does not have these PCRs" in refused.err


def test_wrong_pins_lock_the_tpm_and_its_own_reset_frees_it(make_with_tpm: Callable[..., Merlon], tpm: Tpm,
                                                           workdir: Path) -> None:
    pin = write_pin(workdir, "right")
    merlon = make_with_tpm(pin_file=str(pin))
    merlon.start().stop()
    tpm.tool("dictionarylockout", "--setup-parameters", "--max-tries=2", "--recovery-time=1000",
             "--lockout-recovery-time=1000")
    write_pin(workdir, "wrong")
    assert "the PIN is wrong" in refused_start(merlon)
    assert "the PIN is wrong" in refused_start(merlon)
    write_pin(workdir, "right")
    assert "the TPM is locked after wrong PINs" in refused_start(merlon)
    tpm.tool("dictionarylockout", "--clear-lockout")
    merlon.start().stop()
    del merlon.settings["keys"]["pin_file"]
    merlon.write_config()
    assert "the TPM wants a PIN" in refused_start(merlon)


def test_a_changed_blob_is_damaged_and_never_opens(make_with_tpm: Callable[..., Merlon]) -> None:
    merlon = make_with_tpm()
    blob = merlon.state / "keys" / "unlock.tpm"
    whole = blob.read_bytes()
    hint = range(54, 88)  # a name that only tells a cleared TPM from another one
    for at in (at for at in range(0, len(whole), 23) if at not in hint):
        blob.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        refused = run_program("merlon-keys", "rekey", "--dir", merlon.state / "keys", *AS_OWNER, "--from", "tpm", "--tpm-tcti",
                              merlon.settings["keys"]["tpm_tcti"], "--to", "file")
        assert refused.code == 1 and "merlon-unlock" not in refused.err, f"byte {at}: {refused.err}"
    blob.write_bytes(whole)
    merlon.start()


def test_wrong_pin_missing_token_and_missing_key_are_told_apart(with_token: tuple[Merlon, Token]) -> None:
    merlon, token = with_token
    token.write_pin("wrong-pin")
    assert "PIN of the token is wrong" in refused_start(merlon)
    token.write_pin(Token.PIN)
    token.take_out()
    assert "no token is labelled merlon" in refused_start(merlon)
    token.create()  # another token of that name
    assert "the token holds no AES key labelled merlon-unlock" in refused_start(merlon)
    token.put_back()
    merlon.settings["keys"]["pkcs11_module"] = "/nonexistent.so"
    merlon.write_config()
    assert "is no PKCS#11 module" in refused_start(merlon)
    merlon.settings["keys"]["pkcs11_module"] = str(SOFTHSM_MODULE)
    merlon.write_config()
    merlon.start()


def test_another_key_of_that_name_does_not_open_it(with_token: tuple[Merlon, Token], workdir: Path) -> None:
    merlon, token = with_token
    token.take_out()
    token.create()
    scratch = workdir / "scratch"  # makes the key of that name in the other token
    made = run_program("merlon-keys", "init", "--dir", scratch, *AS_OWNER, "--pkcs11-module", SOFTHSM_MODULE, "--pkcs11-token",
                       token.label, "--pkcs11-key", "merlon-unlock", "--pin-file", token.pin_file, "--pkcs11-env",
                       token.environment)
    assert made.code == 0, made.err
    assert "the key in the token is another one" in refused_start(merlon)


class Sources:
    """Every kind of source for one keystore, as options of merlon-keys."""

    def __init__(self, workdir: Path, tpm: Tpm, token: Token) -> None:
        self.credentials = workdir / "credentials"
        self.credentials.mkdir(mode=0o755)
        credential = self.credentials / "unlock"
        credential.write_bytes(os.urandom(32))
        credential.chmod(0o600)
        passphrase = workdir / "passphrase"
        passphrase.write_text("correct horse battery\n", encoding="ascii")
        passphrase.chmod(0o600)
        self.options: dict[str, list[str]] = {
            "file": [],
            "passphrase": ["passphrase-file", str(passphrase)],
            "credential": ["credential", "unlock"],
            "tpm": ["tpm-tcti", tpm.tcti],
            "pkcs11": ["pkcs11-module", str(SOFTHSM_MODULE), "pkcs11-token", token.label, "pkcs11-key", "key",
                       "pkcs11-env", token.environment, "pin-file", str(token.pin_file)],
        }

    def of(self, kind: str, prefix: str = "--") -> list[str]:
        words = self.options[kind]
        return [prefix + word if at % 2 == 0 else word for at, word in enumerate(words)]

    def rekey(self, folder: Path, old: str, new: str) -> Ended:
        return run_program("merlon-keys", "rekey", "--dir", folder, *AS_OWNER, "--from", old, *self.of(old), "--to", new,
                           *self.of(new, "--new-"), env={"CREDENTIALS_DIRECTORY": str(self.credentials)})


def every_pair(kinds: list[str]) -> list[tuple[str, str]]:
    """All ordered pairs, also of a kind with itself, each beginning where the last one ended."""
    order: list[str] = []
    for i, kind in enumerate(kinds):
        order += [kind, kind]
        for later in kinds[i + 1:]:
            order += [later, kind]
    order.append(kinds[0])
    return list(zip(order, order[1:]))


def test_a_rekey_goes_from_each_kind_to_each(tpm: Tpm, make_merlon: Callable[..., Merlon], workdir: Path) -> None:
    merlon = make_merlon()
    merlon.init()
    sources = Sources(workdir, tpm, Token(workdir, OWNER))
    keys = merlon.state / "keys"
    steps = every_pair(list(sources.options))
    assert len(set(steps)) == len(sources.options) ** 2
    for old, new in steps:
        done = sources.rekey(keys, old, new)
        assert done.code == 0, f"{old} to {new}: {done.err}"
        assert not [p.name for p in keys.iterdir() if p.name.startswith("rekey")]
        if old != new:
            refused = sources.rekey(keys, old, new)
            assert refused.code == 1 and "is unlocked by" in refused.err, f"{old} still opens: {refused.err}"
    merlon.start()  # steps end at file, as they began: the same CA


def test_a_copy_made_before_still_opens_with_its_source(tpm: Tpm, make_merlon: Callable[..., Merlon], workdir: Path) -> None:
    """The way to a backup of a keystore that is bound to hardware."""
    merlon = make_merlon({"keys": {"passphrase_file": str(workdir / "passphrase"), "unlock": "passphrase"}})
    sources = Sources(workdir, tpm, Token(workdir, OWNER))
    merlon.init()
    keys, backup = merlon.state / "keys", workdir / "backup"
    shutil.copytree(keys, backup)
    assert sources.rekey(keys, "passphrase", "tpm").code == 0
    tpm.tool("clear")  # the machine is lost
    shutil.rmtree(keys)
    shutil.copytree(backup, keys)
    if OWNER:
        for path in (keys, *keys.iterdir()):
            shutil.chown(path, OWNER, OWNER)
    merlon.start()


def test_a_rekey_is_refused_while_the_daemon_runs(tpm: Tpm, make_merlon: Callable[..., Merlon], workdir: Path) -> None:
    merlon = make_merlon()
    merlon.init()
    merlon.start()
    sources = Sources(workdir, tpm, Token(workdir, OWNER))
    refused = sources.rekey(merlon.state / "keys", "file", "tpm")
    assert refused.code == 1 and "stop merlond, then try again" in refused.err
    merlon.restart()
