# SPDX-License-Identifier: Apache-2.0
"""Of what the members of a share took while the daemon died again and again. MQTT 5.0 4.8.2"""
from collections import Counter

import pytest
from harness import mqtt_wire as wire
from harness.share import Member, Way, judge

FINE = {"lost QoS 1": 0, "lost QoS 2": 0, "double QoS 2": 0, "needlessly double QoS 1": 0, "without DUP": 0, "sessions": 0}


@pytest.fixture
def members(workdir):
    return [Member(0, workdir, None, name, "", (), lambda: 3) for name in ("a", "b")]


def take(member: Member, qos: int, packet_id: int, payload: bytes, dup: bool = False) -> None:
    member._note(wire.Received(wire.PUBLISH, dup << 3 | qos << 1, 0, packet_id=packet_id, payload=payload))


def end(member: Member, way: Way | None) -> None:
    member._way = way
    member._begin_life()


def test_what_one_of_them_took_is_not_lost(members):
    take(members[0], 1, 1, b"one")
    take(members[1], 2, 1, b"two")
    assert judge(members, {1: [b"one"], 2: [b"two"]}, Counter()) == FINE
    assert judge(members, {1: [b"one", b"x"], 2: [b"two", b"y"]}, Counter()) == FINE | {"lost QoS 1": 1, "lost QoS 2": 1}


def test_qos_2_comes_to_nobody_else(members):
    take(members[0], 2, 1, b"two")
    take(members[0], 2, 1, b"two", dup=True)
    assert judge(members, {1: [], 2: [b"two"]}, Counter()) == FINE
    end(members[0], Way.EXPIRY)
    take(members[1], 2, 1, b"two")
    assert judge(members, {1: [], 2: [b"two"]}, Counter()) == FINE | {"double QoS 2": 1}


@pytest.mark.parametrize(("acknowledged_to", "ends", "repeated", "needless"), [
    (None, Way.EXPIRY, 0, 0),  # it was not acknowledged
    (2, Way.EXPIRY, 0, 0),  # it was, to a daemon that died since
    (3, Way.EXPIRY, 0, 1),
    (None, None, 0, 1),  # its session goes on
    (3, None, 1, 0)])  # the publisher sent it again
def test_qos_1_comes_to_somebody_else_with_a_reason(members, acknowledged_to, ends, repeated, needless):
    take(members[0], 1, 1, b"one")
    members[0].lives[-1].acknowledged[1, b"one"] = acknowledged_to
    if ends:
        end(members[0], ends)
    take(members[1], 1, 1, b"one")
    assert judge(members, {1: [b"one"], 2: []}, Counter({b"one": repeated})) == FINE | {"needlessly double QoS 1": needless}


@pytest.mark.parametrize("qos", [1, 2])
def test_what_comes_again_says_so(members, qos):
    take(members[0], qos, 1, b"x")
    take(members[0], qos, 1, b"x")
    assert judge(members, {1: [], 2: []}, Counter()) == FINE | {"without DUP": 1}
    assert judge(members, {1: [], 2: []}, Counter([b"x"])) == FINE | {"without DUP": qos - 1}  # QoS 1: perhaps a message of its own


def test_a_session_may_be_gone_when_it_was_to_end(members):
    end(members[0], Way.CLEAN_START)
    end(members[0], None)
    assert judge(members, {1: [], 2: []}, Counter()) == FINE | {"sessions": 1}
    assert members[0].ended == {Way.CLEAN_START: 1}
