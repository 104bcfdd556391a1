# SPDX-License-Identifier: Apache-2.0
"""The lines of docs/operate/ca.md, "The root key on another machine": the keystore of the daemon never saw the key of its root,
whether merlon-keys signed there or openssl did, and everything else is as it always is."""
import os
from pathlib import Path

import pytest
from cryptography import x509
from harness.ca import openssl
from harness.client import MqttClient
from harness.merlon import Ended, Merlon, run_program

OWNER = ("--user", "merlon-keys") if os.geteuid() == 0 else ()
# RFC 5280 4.2.1.9, 4.2.1.3 and 4.2.1.2, as any CA software writes them
EXTENSIONS = ("basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")


def keys(command: str, *options: str | Path) -> Ended:
    done = run_program("merlon-keys", command, *options)
    assert done.code == 0, done.err
    return done


class There:
    """The machine with the root key, with our own program."""

    def __init__(self, folder: Path):
        self.folder = folder / "there"
        keys("init", "--dir", self.folder, "--ca-algorithm", "p384")

    def sign(self, request: Path, answer: Path) -> None:
        keys("sign-request", "--dir", self.folder, "--in", request, "--out", answer)


class OpensslThere:
    """The same with openssl alone."""

    def __init__(self, folder: Path):
        self.key, self.root, self.extensions = folder / "root.key", folder / "offline-root.pem", folder / "issuing.ext"
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/O=Pumps/CN=Pumps Root", "-days", "7300", "-out", self.root,
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.extensions.write_text(EXTENSIONS, encoding="ascii")

    def link(self, other: "OpensslThere") -> bytes:
        """The other root signed by this one."""
        request, made = other.root.with_suffix(".csr"), other.root.with_suffix(".link")
        openssl("x509", "-x509toreq", "-in", other.root, "-signkey", other.key, "-out", request)
        self.extensions.write_text(EXTENSIONS.replace(",pathlen:0", ""), encoding="ascii")
        openssl("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.key, "-set_serial", "0x" + os.urandom(16).hex(),
                "-days", "3650", "-extfile", self.extensions, "-out", made)
        return made.read_bytes()

    def sign(self, request: Path, answer: Path, extensions: str = EXTENSIONS) -> None:
        self.extensions.write_text(extensions, encoding="ascii")
        openssl("x509", "-req", "-in", request, "-CA", self.root, "-CAkey", self.key, "-set_serial", "0x" + os.urandom(16).hex(),
                "-days", "3650", "-extfile", self.extensions, "-out", answer)
        answer.write_bytes(answer.read_bytes() + self.root.read_bytes())


class Here:
    """The machine of the daemon."""

    def __init__(self, merlon: Merlon):
        self.merlon, self.folder = merlon, merlon.state / "keys"
        merlon.init()
        self.folder.rename(merlon.folder / "moved-away")
        keys("init", "--dir", self.folder, *OWNER, "--root", "offline", "--tenant", "default")

    def request(self, name: str) -> Path:
        out = self.merlon.folder / f"{name}.csr"
        keys("request-issuing", "--dir", self.folder, *OWNER, "--out", out)
        return out

    def install(self, answer: Path) -> Ended:
        return run_program("merlon-keys", "install", "--dir", self.folder, *OWNER, "--in", answer)


@pytest.fixture(params=[There, OpensslThere])
def there(request: pytest.FixtureRequest, workdir: Path) -> There | OpensslThere:
    return request.param(workdir)


@pytest.fixture
def here(make_merlon) -> Here:
    return Here(make_merlon())


def install_one(here: Here, there: There | OpensslThere, name: str) -> None:
    answer = here.merlon.folder / f"{name}.pem"
    there.sign(here.request(name), answer)
    done = here.install(answer)
    assert done.code == 0, done.err


def assert_works(merlon: Merlon, name: str, issuer: str) -> None:
    """Who enrols gets a certificate that openssl verifies with the root alone, and comes in with it."""
    identity, issuing = merlon.device(name), merlon.folder / "issuing.pem"
    issuing.write_text(merlon.api.get("/v1/ca")["issuing"], encoding="ascii")
    verdict = openssl("verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-purpose", "sslclient", "-CAfile", merlon.root,
                      "-untrusted", issuing, identity.certificate)
    assert verdict.decode().strip().endswith(": OK")
    leaf = x509.load_pem_x509_certificate(identity.certificate.read_bytes())
    assert leaf.issuer.rfc4514_string() == f"CN={issuer}"
    with MqttClient(merlon.mqtt_port, merlon.root, identity) as client:  # which verifies the server with that root, too
        assert client.connect() == 0
    assert merlon.cli("audit", "verify").code == 0


def has_key(merlon: Merlon) -> dict[str, bool]:
    return {f"{ca['kind']}-{ca['number']}": ca["has_key"] for ca in merlon.api.get("/v1/ca/generations")["items"]}


def test_it_starts_and_issues_below_a_root_it_has_no_key_of(here, there):
    merlon = here.merlon
    install_one(here, there, "issuing")
    merlon.start()
    assert has_key(merlon) == {"root-1": False, "issuing-1": True}
    assert_works(merlon, "pump-1", "Merlon Issuing CA")
    merlon.restart()
    assert_works(merlon, "pump-2", "Merlon Issuing CA")


def test_the_next_issuing_ca_takes_the_same_way(here, there):
    merlon = here.merlon
    install_one(here, there, "issuing")
    merlon.start()
    merlon.stop()
    install_one(here, there, "issuing-2")
    merlon.start()
    assert merlon.cli("ca", "activate", "issuing", "2").code == 0
    assert has_key(merlon) == {"root-1": False, "issuing-1": True, "issuing-2": True}
    assert_works(merlon, "pump-1", "Merlon Issuing CA 2")
    done = merlon.cli("ca", "rollover")
    assert done.code == 0, done.err


@pytest.mark.parametrize("extensions, why", [
    (EXTENSIONS.replace(",pathlen:0", ""), "pathLenConstraint 0"),
    (EXTENSIONS.replace("pathlen:0", "pathlen:1"), "pathLenConstraint 0"),
    (EXTENSIONS.replace("CA:true,pathlen:0", "CA:false"), "not that of a CA"),
    (EXTENSIONS.replace("authorityKeyIdentifier=keyid\n", "authorityKeyIdentifier=none\n"), "key identifiers"),
    (EXTENSIONS.replace("subjectKeyIdentifier=hash\n", "subjectKeyIdentifier=none\n"), "key identifiers"),
])
def test_an_answer_that_would_not_hold_is_refused_and_a_good_one_is_taken_after_it(here, workdir, extensions, why):
    there, request, answer = OpensslThere(workdir), here.request("issuing"), workdir / "answer.pem"
    there.sign(request, answer, extensions)
    refused = here.install(answer)
    assert refused.code == 1 and "nothing was taken" in refused.err and why in refused.err, refused.err
    there.sign(request, answer)
    done = here.install(answer)
    assert done.code == 0 and "issuing CA 1 taken" in done.out, done.err


@pytest.fixture
def other_root(workdir: Path) -> OpensslThere:
    """Of the same name, as RFC 4210 4.4 has it."""
    folder = workdir / "elsewhere"
    folder.mkdir()
    return OpensslThere(folder)


def test_what_is_read_has_48_kib_and_not_one_byte_more(here, workdir):
    there, answer = OpensslThere(workdir), workdir / "answer.pem"
    there.sign(here.request("issuing"), answer)
    answer.write_bytes(answer.read_bytes().ljust((48 << 10) + 1, b"\n"))
    refused = here.install(answer)
    assert refused.code == 1 and "is longer than 49152 bytes" in refused.err, refused.err
    answer.write_bytes(answer.read_bytes()[:-1])
    done = here.install(answer)
    assert done.code == 0 and "issuing CA 1 taken" in done.out, done.err


def test_another_root_is_taken_with_a_link_from_the_first_one_only(here, workdir, other_root):
    merlon, first, answer = here.merlon, OpensslThere(workdir), workdir / "answer.pem"
    install_one(here, first, "issuing")
    other_root.sign(here.request("issuing-2"), answer)
    refused = here.install(answer)
    assert refused.code == 1 and "no link to it" in refused.err, refused.err
    answer.write_bytes(answer.read_bytes() + first.link(other_root))
    done = here.install(answer)
    assert done.code == 0 and "root CA 2 taken" in done.out and "issuing CA 2 taken" in done.out, done.err
    merlon.start()
    for kind in ("root", "issuing"):
        assert merlon.cli("ca", "activate", kind, "2").code == 0
    assert has_key(merlon) == {"root-1": False, "root-2": False, "issuing-1": True, "issuing-2": True}
    assert_works(merlon, "pump-1", "Merlon Issuing CA 2")
    with MqttClient(merlon.mqtt_port, first.root, merlon.device("pump-2")) as client:  # over the link
        assert client.connect() == 0
