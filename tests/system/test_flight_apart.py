"""Requests that are alike and yet do not share a call upstream."""

import os
import subprocess

import pytest

from harness import FORMATS, Pair, mode_name
from harness.flights import ALICE, BOB, assert_live
from harness.process import clean_env
from harness.workspace import BUILD

CHAT = FORMATS[0]


def assert_apart(pair, stage, crowd, question, one, other, stream=True):
    """Each of two requests has a call and an answer of its own."""
    lead, call = pair.lead(crowd, CHAT, question, stream, **one)
    call.head().say(1)
    second = pair.follow(crowd, CHAT, question, stream, count=1, **other)[0]
    call_too = stage.next("a call of its own")
    call_too.play_all()
    crowd.until(lambda: second.ended, "the second answer")
    assert not lead.ended
    call.play()
    crowd.finish()
    assert (lead.body, second.body) == (call.full, call_too.full)
    assert call.full != call_too.full and lead.clean and second.clean
    assert second.header("X-Cache") == "MISS"
    assert len(stage.calls) == 2
    return lead, second


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_callers(pair, stage, crowd, question, stream):
    assert_apart(pair, stage, crowd, question, {"headers": ALICE},
                 {"headers": BOB}, stream)


def test_namespaces(pair, stage, crowd, question):
    assert_apart(pair, stage, crowd, question, {},
                 {"headers": {"X-Cache-Namespace": "another"}})


def test_a_namespace_in_the_body(pair, stage, crowd, question):
    body = CHAT.body(question, True, cache={"namespace": "another"})
    assert_apart(pair, stage, crowd, question, {}, {"body": body})


def test_bodies(pair, stage, crowd, question):
    body = CHAT.body(question, True, temperature=0.5)
    assert_apart(pair, stage, crowd, question, {}, {"body": body})


def test_a_stream_and_json(pair, stage, crowd, question):
    assert_apart(pair, stage, crowd, question, {},
                 {"body": CHAT.body(question, False)})


@pytest.mark.parametrize("control", ["no-cache", "no-store", "max-age=0"])
def test_who_wants_no_cached_answer_does_not_join(pair, stage, crowd,
                                                  question, control):
    lead, call = pair.lead(crowd, CHAT, question)
    call.head().say(1)
    alone = pair.follow(crowd, CHAT, question, count=1,
                        headers={"Cache-Control": control})[0]
    call_too = stage.next("a call of its own")
    call_too.play_all()
    crowd.until(lambda: alone.ended, "its answer")
    assert (alone.body, alone.clean) == (call_too.full, True)
    assert alone.header("X-Cache") in ("MISS", "BYPASS")
    call.play()
    crowd.finish()
    assert (lead.body, lead.clean) == (call.full, True)
    assert len(stage.calls) == 2


def test_only_if_cached_asks_nobody(pair, stage, crowd, question):
    """To follow is no call upstream, so either answer is right."""
    lead, call = pair.lead(crowd, CHAT, question)
    call.head().say(1)
    only = pair.follow(crowd, CHAT, question, count=1,
                       headers={"Cache-Control": "only-if-cached"})[0]
    crowd.until(lambda: only.status is not None, "its head")
    call.play()
    crowd.finish()
    assert only.status == 504 or only.body == call.full
    assert stage.calls == [call]


def test_single_flight_off(own_memcached, theatre, stage, demo, crowd,
                           question):
    with Pair(own_memcached, theatre, demo,
              {"cache.single_flight": "off"}) as pair:
        members = pair.follow(crowd, CHAT, question, count=5)
        calls = [stage.next() for _ in members]
        for call in calls:
            call.play_all()
        crowd.finish()
        assert sorted(m.body for m in members) == \
            sorted(c.full for c in calls)
        assert {m.header("X-Cache") for m in members} == {"MISS"}
        assert len(stage.calls) == 5


def test_who_comes_after_a_purge(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question)
    call.head().say(2)
    before = pair.follow(crowd, CHAT, question, count=1)[0]
    crowd.until(lambda: before.body == call.sent, "events")
    done = subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", pair.far.workspace.conf,
         "purge", "-n", "default"], env=clean_env(), timeout=60)
    assert done.returncode == 0
    after = pair.follow(crowd, CHAT, question, count=1)[0]
    call_too = stage.next("a call after the purge")
    call_too.play_all()
    crowd.until(lambda: after.ended, "the answer after the purge")
    call.play()
    crowd.finish()
    assert lead.body == before.body == call.full
    assert after.body == call_too.full and after.clean
    # What began before the purge is not what there is after it.
    pair.near.record(lead)
    hit = pair.near.chat(question)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)",
                                                 call_too.full)
    assert len(stage.calls) == 2


def test_callers_may_share(shared, stage, crowd, question):
    lead, call = shared.lead(crowd, CHAT, question, headers=ALICE)
    call.head().say(2)
    follower = shared.follow(crowd, CHAT, question, count=1, headers=BOB)[0]
    crowd.until(lambda: follower.body == call.sent, "events")
    call.play()
    crowd.finish()
    assert (follower.body, follower.clean) == (call.full, True)
    assert_live(follower)
    assert stage.calls == [call]


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
@pytest.mark.parametrize("status", [401, 403])
def test_an_error_about_the_leaders_credential(shared, stage, crowd,
                                               question, status, stream):
    """Is no answer to others; to the same caller it is."""
    lead, call = shared.lead(crowd, CHAT, question, stream, headers=ALICE)
    alice = shared.waiting(crowd, CHAT, question, stream, 2, headers=ALICE)
    bob = shared.waiting(crowd, CHAT, question, stream, 2, headers=BOB)
    call.fail(status, b'{"error":{"message":"not you"}}')
    call_too = stage.next("a call with the other credential")
    assert call_too.headers["authorization"] == BOB["Authorization"]
    call_too.play_all()
    crowd.finish()
    for member in [lead, *alice]:
        assert (member.status, member.body) == (status, call.sent)
    for member in bob:
        assert (member.status, member.body) == (200, call_too.full)
    assert len(stage.calls) == 2


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_vary(pair, stage, crowd, question, stream):
    """A header that the answer varies by, learned from its head."""
    german, french = ({"Accept-Language": x} for x in ("de", "fr"))
    lead, call = pair.lead(crowd, CHAT, question, stream, headers=german)
    same = pair.waiting(crowd, CHAT, question, stream, 1, headers=german)[0]
    other = pair.waiting(crowd, CHAT, question, stream, 1,
                         headers=french)[0]
    call.head(headers={"Vary": "Accept-Language"}).say(1)
    call_too = stage.next("a call with the other header")
    assert call_too.headers["accept-language"] == "fr"
    call_too.head(headers={"Vary": "Accept-Language"}).play()
    crowd.until(lambda: other.ended, "the other answer")
    assert (other.body, other.clean) == (call_too.full, True)
    call.play()
    crowd.finish()
    assert lead.body == same.body == call.full
    assert_live(same)
    assert len(stage.calls) == 2


def test_an_upstream_key_is_the_same_for_all(own_memcached, theatre, stage,
                                             demo, crowd, question):
    """Where the credential is ours, an error about it is for everybody."""
    key = os.path.join(own_memcached.dir, "key")
    with open(key, "w") as f:
        f.write("sk-ours\n")
    os.chmod(key, 0o644)
    with Pair(own_memcached, theatre, demo,
              {"cache.scope": "shared", "cache.namespace": "ours",
               "upstream openai.key": "file:" + key}) as pair:
        lead, call = pair.lead(crowd, CHAT, question, headers=ALICE)
        assert call.headers["authorization"] == "Bearer sk-ours"
        bob = pair.waiting(crowd, CHAT, question, headers=BOB)
        call.fail(401, b'{"error":{"message":"not you"}}')
        crowd.finish()
        assert {m.status for m in [lead, *bob]} == {401}
        assert stage.calls == [call]
