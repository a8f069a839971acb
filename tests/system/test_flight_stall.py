"""
memcached falls silent for a moment while requests share a call: who waits for
it to come back loses nothing, and what was known before is not forgotten.
"""

import pytest

from harness import FORMATS, Memcached, Pair, wait_until
from harness.flights import assert_live
from harness.stale import Kept

CHAT = FORMATS[0]
STREAMING = [f for f in FORMATS if f.streams]
SHORT = {"cache.timeout": "1s", "cache.retry": "100ms"}


def warm(pair, stage):
    stage.script = lambda call: call.play_all()
    for site in (pair.near, pair.far):
        wait_until(lambda s=site: s.chat("warm").header("X-Cache") ==
                   "HIT (exact)", what="memcached to be used")
    stage.reset()


@pytest.fixture(scope="module")
def memcached():
    with Memcached() as m:
        yield m


@pytest.fixture(scope="module")
def pools(memcached, theatre, demo):
    """Followers are patient with a leader that is silent."""
    with Pair(memcached, theatre, demo, {
            "flight.lease": "25s", "cache.stale_if_error": "1h",
            **SHORT}) as p:
        yield p


@pytest.fixture
def patient(pools, stage):
    warm(pools, stage)
    return pools


@pytest.fixture
def brisk(memcached, theatre, stage, demo):
    with Pair(memcached, theatre, demo, {
            "flight.lease": "3s", "cache.stale_if_error": "1h",
            **SHORT}) as p:
        warm(p, stage)
        yield p


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
def test_an_answer_ends_meanwhile(patient, stage, crowd, question, fmt):
    """Its followers have its end when memcached is back."""
    lead, call = patient.lead(crowd, fmt, question)
    call.head().say(3)
    others = patient.follow(crowd, fmt, question)
    crowd.until_have(others, call)
    patient.memcached.stop()
    try:
        call.play()
        crowd.until(lambda: lead.ended, "the end of the one that leads")
    finally:
        patient.memcached.cont()
    crowd.finish()
    for member in [lead, *others]:
        assert (member.body, member.clean) == (call.full, True)
    assert_live(*others)
    assert stage.calls == [call]


def test_an_answer_breaks_off_meanwhile(patient, stage, crowd, question):
    lead, call = patient.lead(crowd, CHAT, question)
    call.head().say(3)
    others = patient.follow(crowd, CHAT, question)
    crowd.until_have(others, call)
    patient.memcached.stop()
    try:
        call.say(2).cut()
        crowd.until(lambda: lead.ended, "the end of the one that leads")
    finally:
        patient.memcached.cont()
    crowd.finish()
    for member in others:
        assert (member.body, member.clean) == (lead.body, True)
    assert call.sent in lead.body and CHAT.ended not in lead.body
    assert stage.calls == [call]


def test_an_upstream_fails_meanwhile(patient, stage, crowd, question):
    """Those who have nothing yet are told as much."""
    lead, call = patient.lead(crowd, CHAT, question)
    others = patient.waiting(crowd, CHAT, question)
    patient.memcached.stop()
    try:
        call.garble()
        crowd.until(lambda: lead.ended, "the end of the one that leads")
    finally:
        patient.memcached.cont()
    crowd.finish()
    for member in [lead, *others]:
        assert (member.status, member.clean) == (502, True)
    assert stage.calls == [call]


@pytest.mark.parametrize("stream", [True, False])
def test_what_is_stale_is_not_forgotten(brisk, stage, crowd, question,
                                        stream):
    """Who found it follows; then memcached is away, and the model fails."""
    stage.script = lambda call: call.play_all()
    kept = Kept(brisk.far, CHAT, question, stream)
    stage.reset()
    lead, call = brisk.lead(crowd, CHAT, question, stream)
    others = brisk.waiting(crowd, CHAT, question, stream)
    stage.script = lambda c: c.fail(500, b'{"error":{"message":"no"}}')
    brisk.memcached.kill()
    try:
        crowd.until(lambda: all(m.ended for m in others), "their end")
        call.fail(500, b'{"error":{"message":"no"}}')
        crowd.finish()
    finally:
        brisk.memcached.start()
    for member in [lead, *others]:
        assert (member.status, member.body) == (200, kept.response.body)
        assert member.header("X-Cache") == "HIT (stale)"
