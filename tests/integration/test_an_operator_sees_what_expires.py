# SPDX-License-Identifier: Apache-2.0
"""The inventory of certificates: which end soon, whose they are, and whether another one has taken their place."""
import json
import subprocess
import time
from datetime import datetime

import pytest
from harness.moved_clock import MovedClock
from harness.waiting import wait_until

DAY_S = 86400


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


def test_devices_that_do_not_renew_are_told_of_before_the_end(make_merlon, workdir):
    """The log fills while the daemon runs; days pass between two runs."""
    clock = MovedClock(workdir)
    merlon = clock.rule(make_merlon({"issuing": {"device_life": "365d"}}))
    merlon.init()
    merlon.start()
    merlon.device("pump-7")
    merlon.device("scrapped")
    merlon.api.step("scrapped", "retire")
    assert merlon.audit(action="device.expiring") == []
    for days_left, told in ((31, 0), (29, 1), (6, 2), (0.5, 3)):
        clock.restart(merlon, int((365 - days_left) * DAY_S))
        wait_until(lambda told=told: len(merlon.audit(action="device.expiring")) == told, f"{told} entries")
    entries = merlon.audit(action="device.expiring")
    assert [(e["target"], e["details"]["days"]) for e in entries] == [("pump-7", 30), ("pump-7", 7), ("pump-7", 1)]


def test_a_ca_that_ends_before_its_certificates_would_is_told_once(start_merlon):
    merlon = start_merlon({"issuing": {"device_life": "4000d"}})  # an issuing CA lives for 3650, a root for 7300
    entry = merlon.wait_for_entry("ca.expiring", target="issuing-1")
    assert entry["details"]["days"] == 4000
    cas = json.loads(merlon.cli("-o", "json", "ca", "list").out)["items"]
    end = next(ca["not_after"] for ca in cas if ca["kind"] == "issuing")
    assert entry["details"]["not_after"] == int(datetime.fromisoformat(end.replace("Z", "+00:00")).timestamp())
    assert merlon.api.metric("merlon_ca_not_after_seconds", 'ca="issuing-1"') == entry["details"]["not_after"]
    merlon.restart()
    merlon.add_device("pump-7")
    time.sleep(2)  # it looks at its start, in the first second
    assert len(merlon.audit(action="ca.expiring")) == 1
