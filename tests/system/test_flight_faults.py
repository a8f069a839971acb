"""
What goes wrong while requests share a call: the one that leads dies or
stands still, its client leaves, memcached goes away. Every request ends,
with the right answer or with one that is seen to be broken.
"""

import contextlib
import os
import signal

import pytest

from harness import (FORMATS, MODES, Memcached, Nginx, Pair, mode_name,
                     wait_until)
from harness.flights import assert_live, kill_leader
from harness.process import pause

CHAT = FORMATS[0]
STREAMING = [f for f in FORMATS if f.streams]
ANSWERED_WHOLE = [f for f in FORMATS if f.exact]
# Longer than a machine that is busy holds one up.
OPTIONS = {"flight.lease": "3s"}
FRAGILE = {**OPTIONS, "cache.timeout": "1s", "cache.retry": "100ms"}


@pytest.fixture(scope="module")
def pair(own_memcached, theatre, demo):
    with Pair(own_memcached, theatre, demo, OPTIONS) as p:
        yield p


@pytest.fixture(scope="module")
def cancelling(own_memcached, theatre, demo):
    """
    Behind nginx: lighttpd (1.4.69) may look after a client only once it
    has something to write to it.
    """
    with Pair(own_memcached, theatre, demo, {"cache.on_abort": "cancel",
              **OPTIONS}, server=Nginx) as p:
        yield p


@contextlib.contextmanager
def exposed(theatre, stage, demo, **options):
    """A pair whose memcached may be taken away."""
    with Memcached() as memcached:
        with Pair(memcached, theatre, demo, {**FRAGILE, **options}) as p:
            stage.script = lambda call: call.play_all()
            for site in (p.near, p.far):
                wait_until(lambda s=site: s.chat("warm").header("X-Cache")
                           == "HIT (exact)", what="memcached to be used")
            stage.reset()
            yield p
            stage.reset()


@pytest.fixture
def fragile(theatre, stage, demo):
    with exposed(theatre, stage, demo) as p:
        yield p


@pytest.fixture
def patient(theatre, stage, demo):
    """Whose followers wait longer than memcached takes to start."""
    with exposed(theatre, stage, demo, **{"flight.lease": "10s"}) as p:
        yield p


def assert_no_answer(member):
    """The web server's word for a worker that died, or a cut."""
    assert member.status is None or member.status >= 500 or \
        not member.clean


def assert_broken(fmt, member, sent):
    """So far and no further: an error where the rest should be."""
    assert (member.status, member.clean) == (200, True)
    assert member.body.startswith(sent)
    assert fmt.ended not in member.body
    fmt.assert_error_event(member.body.removeprefix(sent).strip(b"\n"),
                           "upstream_broken")


def assert_right_or_broken(fmt, member, bodies):
    """One of these answers, whole; or visibly not."""
    if member.status == 200 and member.clean and member.body in bodies:
        return
    assert_no_answer_or_error(fmt, member)
    assert any(body.startswith(before_error(member.body))
               for body in bodies), member.body


def before_error(body):
    """What a stream said before the error event it ends with, if any."""
    body = body.removesuffix(b"\n\n")
    last = body.rsplit(b"\n\n", 1)
    error = last[-1].startswith(b"event: error\n") or \
        last[-1].startswith(b'data: {"error"')
    if not error:
        return body
    return last[0] if len(last) > 1 else b""


def assert_no_answer_or_error(fmt, member):
    if not member.clean or member.status >= 500:
        return
    event = member.body.removesuffix(b"\n\n").rsplit(b"\n\n", 1)[-1]
    assert b'"error"' in event and fmt.ended not in member.body


@pytest.mark.parametrize("fmt, stream", [
    (f, s) for f, s in MODES if f.exact], ids=mode_name)
def test_killed_before_its_first_byte(pair, stage, crowd, question, fmt,
                                      stream):
    """One of those who wait takes its place: two calls, whoever waits."""
    lead, call = pair.lead(crowd, fmt, question, stream)
    others = pair.waiting(crowd, fmt, question, stream, 6)
    kill_leader(call, pair)
    heir = stage.next("a call of the one who takes over")
    heir.play_all()
    crowd.finish()
    assert_no_answer(lead)
    for member in others:
        assert (member.status, member.clean) == (200, True)
        assert member.body == heir.full
    how = sorted(m.header("X-Cache") for m in others)
    assert how.count("MISS") == 1
    assert set(how) <= {"MISS", "HIT (live)", "HIT (exact)"}
    assert stage.calls == [call, heir]
    hit = pair.far.ask(fmt, question, stream)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", heir.full)


def test_killed_again_and_again(pair, stage, crowd, question):
    """Whoever asks next takes the place of each."""
    lead, call = pair.lead(crowd, CHAT, question)
    calls = [call]
    for _ in range(3):
        kill_leader(calls[-1], pair)
        crowd.until(lambda: lead.ended, "the end of the one that led")
        assert_no_answer(lead)
        lead = crowd.start(pair.near.send_chat(question))
        calls.append(stage.next("a call of the next"))
    last = pair.waiting(crowd, CHAT, question)
    calls[-1].play_all()
    crowd.finish()
    for member in [lead, *last]:
        assert (member.body, member.clean) == (calls[-1].full, True)
    assert stage.calls == calls
    assert pair.far.chat(question).body == calls[-1].full


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
def test_killed_in_mid_stream(pair, stage, crowd, question, fmt):
    lead, call = pair.lead(crowd, fmt, question)
    call.head().say(3)
    others = pair.follow(crowd, fmt, question)
    crowd.until_have(others, call)
    kill_leader(call, pair)
    crowd.finish()
    assert_no_answer(lead)
    for member in others:
        assert_broken(fmt, member, call.sent)
        record = pair.far.record(member)
        assert record["cache"] == "live" and record["error"]
    assert stage.calls == [call]
    again = crowd.start(pair.far.send_ask(fmt, question, True))
    stage.next("a call of the next").play_all()
    crowd.finish()
    assert (again.header("X-Cache"), again.body) == (
        "MISS", stage.calls[-1].full)


@pytest.mark.parametrize("fmt", ANSWERED_WHOLE, ids=repr)
def test_killed_in_mid_json(pair, stage, crowd, question, fmt):
    """Who has had no byte yet may still get an answer, else a cut."""
    lead, call = pair.lead(crowd, fmt, question, False)
    others = pair.waiting(crowd, fmt, question, False)
    stage.script = lambda c: c.play_all()
    call.head().say(1)
    # lighttpd does not show a cut of which it learns together with the head.
    crowd.until(lambda: lead.body == call.sent, "the first half")
    kill_leader(call, pair)
    crowd.finish()
    assert_no_answer(lead)
    for member in others:
        if member.clean and member.status == 200:
            assert member.body in stage.bodies()[1:]
        else:
            assert call.full.startswith(member.body) or member.status >= 500
    assert len(stage.calls) <= 2


@pytest.mark.parametrize("pieces", [0, 3], ids=["before", "within"])
def test_stands_still_for_longer_than_the_lease(pair, stage, crowd,
                                                question, pieces):
    lead, call = pair.lead(crowd, CHAT, question)
    others = pair.join(crowd, CHAT, question, call, pieces)
    pid = kill_leader(call, pair, pause)
    try:
        if pieces > 0:
            crowd.until(lambda: all(m.ended for m in others), "their end")
        else:
            stage.next("a call of the one who takes over").play_all()
            crowd.until(lambda: all(m.ended for m in others), "their end")
    finally:
        os.kill(pid, signal.SIGCONT)
    if pieces == 0:
        call.head()
    call.play()
    crowd.finish()
    for member in others:
        if pieces > 0:
            assert_broken(CHAT, member, call.sent[:len(
                before_error(member.body)) + 2])
        else:
            assert (member.body, member.clean) == (
                stage.calls[1].full, True)
    assert_right_or_broken(CHAT, lead, stage.bodies())
    assert len(stage.calls) == (1 if pieces else 2)
    pair.near.record(lead)
    stage.script = lambda c: c.play_all()
    hit = pair.far.chat(question)
    assert hit.clean and hit.body in stage.bodies()


def test_its_client_leaves_and_it_goes_on(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question)
    call.head().say(3)
    others = pair.follow(crowd, CHAT, question, count=2)
    crowd.until_have([lead, *others], call)
    name = lead.header("X-Request-Id")
    crowd.leave(lead)
    call.say(3)
    crowd.until_have(others, call, "more")
    late = pair.follow(crowd, CHAT, question, count=1)
    crowd.until_have(late, call, "what was there")
    call.play()
    crowd.finish()
    for member in others + late:
        assert (member.body, member.clean) == (call.full, True)
        assert_live(member)
    record = pair.near.records.of(name)
    assert record["aborted"] and record["not_stored"] is None
    hit = pair.far.chat(question)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", call.full)
    assert stage.calls == [call]


@pytest.mark.parametrize("pieces", [0, 3], ids=["before", "within"])
def test_cancel_with_followers(cancelling, stage, crowd, question, pieces):
    """They get it all, by the one call."""
    pair = cancelling
    lead, call = pair.lead(crowd, CHAT, question)
    others = pair.join(crowd, CHAT, question, call, pieces)
    crowd.leave(lead)
    if not pieces:
        call.head()
    call.say(2)
    crowd.until_have(others, call, "more")
    call.play()
    crowd.finish()
    for member in others:
        assert (member.body, member.clean) == (call.full, True)
    assert stage.calls == [call]
    stage.script = lambda c: c.play_all()
    assert pair.far.chat(question).body in stage.bodies()


@pytest.mark.parametrize("pieces", [0, 3], ids=["before", "within"])
@pytest.mark.parametrize("followed", [False, True],
                         ids=["never followed", "followed"])
def test_cancel_without_followers(cancelling, stage, crowd, question,
                                  pieces, followed):
    """The upstream sees that nobody wants it any more."""
    pair = cancelling
    lead, call = pair.lead(crowd, CHAT, question)
    if pieces:
        call.head().say(pieces)
        crowd.until(lambda: lead.body == call.sent, "events")
    others = []
    if followed and pieces:
        others = pair.follow(crowd, CHAT, question)
        crowd.until_have(others, call)
    elif followed:
        others = pair.waiting(crowd, CHAT, question)
    for member in [lead, *others]:
        crowd.leave(member)
    crowd.until(call.gone, "the upstream to be left")
    assert stage.calls == [call]


@contextlib.contextmanager
def trouble(memcached, what):
    """What may befall memcached. Gives whether it is away within."""
    begin, end = {"killed": (memcached.kill, memcached.start),
                  "stopped": (memcached.stop, memcached.cont),
                  "restarted": (memcached.restart, None),
                  "flushed": (memcached.flush, None)}[what]
    begin()
    try:
        yield end is not None
    finally:
        if end:
            end()


TROUBLES = ["killed", "stopped", "restarted", "flushed"]


@pytest.mark.parametrize("fmt, stream", [
    (f, s) for f, s in MODES if f.name in ("chat", "messages", "rerank")],
    ids=mode_name)
@pytest.mark.parametrize("what", TROUBLES)
def test_memcached_before_the_first_byte(fragile, stage, crowd, question,
                                         fmt, stream, what):
    """Nobody has had a byte, so everybody gets an answer."""
    lead, call = fragile.lead(crowd, fmt, question, stream)
    others = fragile.waiting(crowd, fmt, question, stream)
    stage.script = lambda c: c.play_all()
    with trouble(fragile.memcached, what) as away:
        if away:
            crowd.until(lambda: all(m.ended for m in others), "their end")
        call.play_all()
        crowd.finish()
    for member in [lead, *others]:
        assert (member.status, member.clean) == (200, True)
        assert member.body in stage.bodies()
    assert lead.body == call.full
    assert len(stage.calls) <= 1 + len(others)


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
@pytest.mark.parametrize("what", TROUBLES)
def test_memcached_in_mid_stream(fragile, stage, crowd, question, fmt,
                                 what):
    lead, call = fragile.lead(crowd, fmt, question)
    call.head().say(3)
    others = fragile.follow(crowd, fmt, question)
    crowd.until_have([lead, *others], call)
    with trouble(fragile.memcached, what) as away:
        if away:
            crowd.until(lambda: all(m.ended for m in others), "their end")
        call.play()
        crowd.finish()
    assert (lead.body, lead.clean) == (call.full, True)
    for member in others:
        assert_right_or_broken(fmt, member, [call.full])
    stage.script = lambda c: c.play_all()
    again = fragile.far.ask(fmt, question, True)
    assert again.clean and again.body in stage.bodies()


@pytest.mark.parametrize("what", ["restarted", "flushed"])
def test_what_memcached_lost_is_written_again(patient, stage, crowd,
                                              question, what):
    """Events that come after the loss reach those who follow."""
    lead, call = patient.lead(crowd, CHAT, question)
    call.head().say(3)
    others = patient.follow(crowd, CHAT, question)
    crowd.until_have(others, call)
    with trouble(patient.memcached, what):
        call.say(3)
        crowd.until(lambda: all(m.body == call.sent or m.ended
                                for m in others), "more events")
        call.play()
        crowd.finish()
    for member in [lead, *others]:
        assert (member.body, member.clean) == (call.full, True)
    assert stage.calls == [call]


def test_flushed_all_the_time(fragile, stage, crowd, question):
    """Whatever is lost of a flight, its leader still has."""
    lead, call = fragile.lead(crowd, CHAT, question,
                              demo={"words": 300})
    others = fragile.waiting(crowd, CHAT, question, demo={"words": 300})
    stage.script = lambda c: c.play_all()
    call.head()
    for _ in range(50):
        call.say(6)
        fragile.memcached.flush()
    call.play()
    crowd.finish()
    assert (lead.body, lead.clean) == (call.full, True)
    for member in others:
        assert_right_or_broken(CHAT, member, stage.bodies())


def test_memcached_never_there(fragile, stage, crowd, question):
    fragile.memcached.kill()
    try:
        members = fragile.follow(crowd, CHAT, question, count=4)
        calls = [stage.next() for _ in members]
        for call in calls:
            call.play_all()
        crowd.finish()
    finally:
        fragile.memcached.start()
    assert sorted(m.body for m in members) == sorted(c.full for c in calls)
    assert {m.header("X-Cache") for m in members} == {"MISS"}


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_nobody_waits_for_ever(own_memcached, theatre, stage, demo, crowd,
                               question, stream):
    """flight.wait: then a follower asks the upstream itself."""
    with Pair(own_memcached, theatre, demo,
              {"flight.wait": "1s"}) as pair:
        lead, call = pair.lead(crowd, CHAT, question, stream)
        others = pair.follow(crowd, CHAT, question, stream, 3)
        calls = [stage.next("a call of its own") for _ in others]
        for own in calls:
            own.play_all()
        crowd.until(lambda: all(m.ended for m in others), "their end")
        assert not lead.ended
        call.play_all()
        crowd.finish()
        assert (lead.body, lead.clean) == (call.full, True)
        for member in others:
            assert member.clean and member.status == 200
        assert sorted(m.body for m in others) == \
            sorted(c.full for c in calls)
        assert len(stage.calls) == 4
