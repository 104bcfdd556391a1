# SPDX-License-Identifier: Apache-2.0
"""Hardware proof with a TPM 2.0: swtpm and tpm2-tools are the device, its EK certificate is of a maker of its own."""
import base64
import time
from pathlib import Path

import pytest
from cryptography import x509
from harness.tpm_device import EK_ECC, EK_RSA, ProofConnection, TpmDevice, TpmMaker, b64

LIFE_S = 2


@pytest.fixture
def maker(workdir: Path) -> TpmMaker:
    return TpmMaker(workdir)


@pytest.fixture
def device(processes, workdir: Path, maker: TpmMaker) -> TpmDevice:
    return TpmDevice(maker.make(processes, workdir, "tpm"), maker, workdir / "device").make_keys()


@pytest.fixture
def merlon(start_merlon, device: TpmDevice):
    """After the device: the maker's root exists since its first TPM."""
    return start_merlon({"attestation": {"ek_roots": [str(device.maker.root)], "challenge_life": f"{LIFE_S}s"}})


def connect(merlon, name: str = "pump-7", group: str = "") -> ProofConnection:
    merlon.add_device(name, group)
    return ProofConnection(merlon, (name, merlon.token(name)))


def prove(connection: ProofConnection, device: TpmDevice, name: str = "pump-7", key: str = "key"):
    begun = connection.begin(device.claim())
    assert begun.status == 200, begun
    return connection.finish(device.answer(begun.json, name, key))


@pytest.mark.parametrize("ek", [EK_RSA, EK_ECC], ids=["rsa-ek", "p384-ek"])
@pytest.mark.parametrize("ak", ["ecc", "rsa"])
def test_the_certificate_is_for_the_key_in_the_tpm(merlon, device, ek, ak):
    device.ek = ek
    device.make_keys(ak)
    answer = prove(connect(merlon), device)
    assert answer.status == 200, answer
    leaf = x509.load_der_x509_certificate(base64.b64decode(answer.json["certificate"]))
    assert leaf.subject.rfc4514_string() == "CN=pump-7"
    entry = merlon.wait_for_entry("device.hardware_proven", target="pump-7")
    assert entry["details"]["model"] == "swtpm"
