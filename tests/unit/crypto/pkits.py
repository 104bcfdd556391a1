#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""NIST PKITS (in Debian's python3-cryptography-vectors) through our path validation: whatever is called Invalid is refused;
what else is refused stands, with the reason, in a file.
usage: pkits.py PROGRAM FILE-OF-DIFFERING-CASES"""
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path("/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data")
CASES = 223  # end certificates in the set of 2011
ABOUT_REVOCATION = {"revoked", "no-crl"}
BROKEN_CRLS = {"InvalidBadCRLSignatureTest4", "InvalidSeparateCertificateandCRLKeysTest21",
               "InvalidkeyUsageCriticalcRLSignFalseTest4", "InvalidkeyUsageNotCriticalcRLSignFalseTest5"}


def run(program: str, crls: Path) -> dict[str, tuple[bool, str]]:
    """Name of the case: accepted, reason."""
    done = subprocess.run([program, str(DATA / "certs"), str(crls), "TrustAnchorRootCertificate.crt"], capture_output=True,
                          text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name.removesuffix("EE.crt"): (verdict == "valid", reason) for name, verdict, reason in lines}


def differing(path: str) -> dict[str, str]:
    lines = [line.split(maxsplit=2) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return {name: reason for name, reason, *_ in (line for line in lines if line and line[0] != "#")}


def check(found: dict[str, tuple[bool, str]], expected: dict[str, str]) -> list[str]:
    refused = {name: reason for name, (accepted, reason) in found.items() if not accepted}
    wrong = [f"{name}: accepted" for name, (accepted, _) in found.items() if accepted and name.startswith("Invalid")]
    wrong += [f"{name}: refused ({reason}), but not in the file" for name, reason in refused.items()
              if not name.startswith("Invalid") and expected.get(name) != reason]
    wrong += [f"{name}: in the file, but not refused" for name in expected if name not in refused]
    if len(found) != CASES:
        wrong.append(f"{len(found)} cases instead of {CASES}")
    return wrong


def check_without_crls(found: dict[str, tuple[bool, str]], with_crls: dict[str, tuple[bool, str]]) -> list[str]:
    """As the daemon asks about a maker that gave no CRLs: only what a CRL says, or is wrong with one, goes unseen."""
    return [f"{name}: accepted without CRLs ({with_crls[name][1]})" for name, (accepted, _) in found.items()
            if accepted and name.startswith("Invalid") and with_crls[name][1] not in ABOUT_REVOCATION
            and name not in BROKEN_CRLS]


def main(program: str, file: str) -> int:
    with_crls = run(program, DATA / "crls")
    wrong = check(with_crls, differing(file))
    with tempfile.TemporaryDirectory(prefix="merlon-pkits-") as nothing:
        wrong += check_without_crls(run(program, Path(nothing)), with_crls)
    refused = sum(not accepted for accepted, _ in with_crls.values())
    print("\n".join(wrong) if wrong else f"{len(with_crls)} cases: {refused} refused, {len(with_crls) - refused} accepted")
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
