# SPDX-License-Identifier: Apache-2.0
"""The inventory of certificates: which end soon, whose they are, and whether another one has taken their place."""
import json
import subprocess
from datetime import datetime

import pytest


def listed(merlon, *options: str) -> list[dict]:
    done = merlon.cli("-o", "json", "cert", "list", *options)
    assert done.code == 0, done.err
    return json.loads(done.out)


def openssl_end(identity) -> datetime:
    done = subprocess.run(["openssl", "x509", "-in", str(identity.certificate), "-noout", "-enddate"], capture_output=True,
                          text=True, check=True)
    return datetime.strptime(done.stdout.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y %Z")


@pytest.mark.quick
def test_what_ends_soon_is_listed_with_its_end_as_openssl_reads_it(merlon):
    device = merlon.device("pump-7", group="pumps")
    merlon.device("fan-1", group="fans")
    assert listed(merlon, "--expires-within", "30d") == []
    soon = listed(merlon, "--expires-within", "365d", "--group", "pumps")
    assert [(c["principal"], c["state"], c["renewed"], c["expired"]) for c in soon] == [("pump-7", "active", False, False)]
    assert datetime.strptime(soon[0]["not_after"][:19], "%Y-%m-%dT%H:%M:%S") == openssl_end(device)
    assert len(listed(merlon)) == 2
    table = merlon.cli("cert", "list", "--expires-within", "365d").out.splitlines()
    assert table[0].split()[:2] == ["WHOSE", "UNTIL"] and len(table) == 3


def test_one_that_was_renewed_is_not_missed_and_a_retired_device_has_none(merlon):
    merlon.device("pump-7")
    merlon.enrol("pump-7", merlon.token("pump-7"))
    mine = listed(merlon)
    assert len(mine) == 2 and not mine[-1]["renewed"]
    assert mine[0]["renewed"] or mine[0]["not_after"] == mine[1]["not_after"]
    merlon.api.step("pump-7", "retire")
    assert listed(merlon) == []
    assert len(listed(merlon, "--state", "revoked")) == 2


def test_more_than_a_page_is_listed_whole(merlon):
    for n in range(12):
        merlon.device(f"d{n}")
    pages = [merlon.api.get("/v1/certificates", limit=5)]
    while "next" in pages[-1]:
        pages.append(merlon.api.get("/v1/certificates", limit=5, cursor=pages[-1]["next"]))
    assert [len(page["items"]) for page in pages] == [5, 5, 2]
    assert sorted(c["principal"] for page in pages for c in page["items"]) == sorted(f"d{n}" for n in range(12))


@pytest.mark.parametrize("query", ["expires_within=soon", "expires_within=36501d", "kind=claim", "state=good", "cursor=x",
                                   "kind=operator&group=g"])
def test_a_question_that_makes_no_sense_is_refused(merlon, query):
    assert merlon.api.ask("GET", f"/v1/certificates?{query}").status == 400
