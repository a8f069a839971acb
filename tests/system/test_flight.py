"""
Identical requests in the air: one leads, the others follow it as it goes,
and all of them get the very same answer.
"""

import uuid

import pytest

from harness import FORMATS, Nginx, Pair, Site, mode_name
from harness.flights import assert_live, joining

CHAT = FORMATS[0]
STREAMING = [f for f in FORMATS if f.streams]
POOL = {"options": {"server.threads": 64}, "processes": 4}


@pytest.fixture(scope="module")
def pair(own_memcached, theatre, demo):
    with Pair(own_memcached, theatre, demo,
              {"cache.max_entry": "64K"}) as p:
        yield p


def assert_one_leads(members, body):
    """All have it whole, and one of them got it from upstream."""
    how = [m.header("X-Cache") for m in members]
    assert [m.clean for m in members] == [True] * len(members)
    assert {m.status for m in members} == {200}
    assert how.count("MISS") == 1
    assert how.count("HIT (live)") > 0
    for m in members:
        assert m.body == body
        if m.header("X-Cache") == "HIT (live)":
            assert_live(m)
        elif m.header("X-Cache") != "MISS":
            assert m.header("X-Cache") == "HIT (exact)"


@pytest.fixture(scope="module")
def big(own_memcached, demo):
    with Site(memcached=own_memcached, demo=demo, **POOL) as s:
        yield s


@pytest.fixture(scope="module")
def big_too(own_memcached, demo):
    with Site(memcached=own_memcached, demo=demo, **POOL) as s:
        yield s


def ask_in_a_row(crowd, sites, prompt, stream, count=200, over_s=3.5):
    """Each of count requests a little after the other, at all the sites."""
    words = {"words": 55}  # three seconds: some follow, whoever is held up
    body = sites[0].direct(prompt, stream, demo=words).body
    sites[0].demo.reset()
    for i in range(count):
        site = sites[i % len(sites)]
        crowd.start_at(over_s * i / count, lambda site=site: site.send_chat(
            prompt, stream, demo={"gap": 50, **words}))
    assert_one_leads(crowd.finish(), body)
    assert sites[0].demo.stats()["requests"] == 1


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_a_crowd_has_one_call(big, crowd, prompt, stream):
    """Started over the time in which the answer comes, and after it."""
    ask_in_a_row(crowd, [big], prompt, stream)


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_two_pools_have_one_call(big, big_too, crowd, prompt, stream):
    """They share nothing but memcached."""
    ask_in_a_row(crowd, [big, big_too], prompt, stream)


def test_who_comes_late_gets_what_is_there_and_follows(pair, stage, crowd,
                                                       question):
    """While the upstream holds the rest back: by order, not by time."""
    lead, call = pair.lead(crowd, CHAT, question)
    call.head().say(3)
    crowd.until(lambda: lead.body == call.sent, "the leader's events")
    late = pair.follow(crowd, CHAT, question, count=1)[0]
    crowd.until(lambda: late.body == call.sent, "what was there")
    while call.sent != call.full:
        call.say(1)
        crowd.until(lambda: lead.body == late.body == call.sent,
                    "the next event")
    assert not late.ended and not lead.ended
    call.end()
    crowd.finish()
    assert late.clean and lead.clean
    assert lead.header("X-Cache") == "MISS"
    assert lead.header("Cache-Status") == "reprise; fwd=miss"
    assert_live(late)
    assert stage.calls == [call]


def test_half_an_event_is_passed_on_too(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question)
    late = pair.follow(crowd, CHAT, question, count=2)
    call.head()
    for at in range(0, 600, 37):
        call.send(call.full[at:at + 37])
        crowd.until_have([lead, *late], call, "the piece")
    call.send(call.full[len(call.sent):]).end()
    crowd.finish()
    assert {m.body for m in crowd.members} == {call.full}
    assert stage.calls == [call]


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
def test_streams_of_every_format(pair, stage, crowd, question, fmt):
    lead, call = pair.lead(crowd, fmt, question)
    early = pair.follow(crowd, fmt, question, count=2)
    call.head().say(2)
    crowd.until_have([lead, *early], call, "the first events")
    late = pair.follow(crowd, fmt, question, count=2)
    crowd.until_have(late, call, "what was there")
    call.play()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body == call.full and fmt.ended in member.body
        assert member.header("Content-Type") == lead.header("Content-Type")
    assert_live(*early + late)
    assert stage.calls == [call]
    assert pair.near.record(lead)["not_stored"] is None
    hit = pair.far.ask(fmt, question, True)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", call.full)


@pytest.mark.parametrize("length", [True, False],
                         ids=["length", "chunked"])
@pytest.mark.parametrize("fmt", FORMATS, ids=repr)
def test_json_of_every_format(pair, stage, crowd, question, fmt, length):
    lead, call = pair.lead(crowd, fmt, question, False)
    followers = pair.waiting(crowd, fmt, question, False)
    call.head(length=len(call.full) if length else None).say(1)
    late = pair.follow(crowd, fmt, question, False, count=1)
    call.play()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.header("Content-Type") == "application/json"
        assert fmt.text(member.body, False) == fmt.text(call.full, False)
        assert not fmt.exact or member.body == call.full
    assert_live(*followers)
    assert late[0].header("X-Cache") in ("HIT (live)", "HIT (exact)")
    assert stage.calls == [call]


@pytest.mark.parametrize("inputs", ["one", ["one"], ["one", "two"] * 3],
                         ids=["text", "list", "repeats"])
def test_embeddings(pair, stage, crowd, question, inputs):
    fmt = next(f for f in FORMATS if f.name == "embeddings")
    asked = [question + i for i in inputs] if isinstance(inputs, list) \
        else question + inputs
    lead, call = pair.lead(crowd, fmt, question, False,
                           body=fmt.body(question, input=asked))
    pair.waiting(crowd, fmt, question, False,
                 body=fmt.body(question, input=asked))
    call.play_all()
    for member in crowd.finish():
        assert fmt.text(member.body, False) == fmt.text(lead.body, False)
        assert (member.status, member.clean) == (200, True)
    assert stage.calls == [call]


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_an_error_is_for_all_and_for_now(pair, stage, crowd, question,
                                         status, stream):
    lead, call = pair.lead(crowd, CHAT, question, stream)
    followers = pair.waiting(crowd, CHAT, question, stream)
    said = b'{"error":{"message":"No %d","type":"t"}}' % call.number
    call.fail(status, said, {"Retry-After": "7", "X-Odd": "1"})
    for member in crowd.finish():
        assert (member.status, member.body) == (status, said)
        assert member.clean and member.header("Retry-After") == "7"
    for follower in followers:
        assert_live(follower)
        assert pair.far.record(follower)["status"] == status
    assert stage.calls == [call]
    assert_asked_anew(pair, stage, crowd, question, stream)


def assert_asked_anew(pair, stage, crowd, question, stream=True):
    """The next one to come is a miss, and its answer is stored."""
    again = crowd.start(pair.far.send_chat(question, stream))
    stage.next("a call of the next request").play_all()
    crowd.finish()
    assert (again.status, again.header("X-Cache")) == (200, "MISS")
    assert again.body == stage.calls[-1].full
    assert pair.far.record(again)["not_stored"] is None


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_nonsense_upstream_is_for_all_and_for_now(pair, stage, crowd,
                                                  question, stream):
    lead, call = pair.lead(crowd, CHAT, question, stream)
    pair.waiting(crowd, CHAT, question, stream)
    call.garble()
    for member in crowd.finish():
        assert (member.status, member.clean) == (502, True)
        CHAT.assert_error(member.body, "upstream_broken")
    assert stage.calls == [call]
    assert_asked_anew(pair, stage, crowd, question, stream)


UNSTORABLE = {
    "error-event": {"fault": "error-event", "at": 4},
    "no-terminator": {"fault": "cut", "at": 5},
    "half-an-event": {"fault": "half", "at": 5},
    "content-filter": {"finish": "content_filter"},
    "after-the-end": {"fault": "after-done"},
    "too-large": {"bytes": 300000, "random": 1},
}


@pytest.mark.parametrize("knobs", UNSTORABLE.values(), ids=UNSTORABLE)
def test_what_may_not_be_stored_is_for_those_who_follow(
        pair, stage, crowd, question, knobs):
    lead, call = pair.lead(crowd, CHAT, question, demo=knobs)
    call.head().say(2)
    followers = pair.follow(crowd, CHAT, question, demo=knobs)
    crowd.until_have(followers, call, "the first events")
    call.play()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body == call.full
    assert_live(*followers)
    assert stage.calls == [call]
    assert pair.near.record(lead)["not_stored"] is not None
    assert_asked_anew(pair, stage, crowd, question)


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
def test_a_stream_that_breaks_off_does_so_for_all(pair, stage, crowd,
                                                  question, fmt):
    lead, call = pair.lead(crowd, fmt, question)
    call.head().say(2)
    followers = pair.follow(crowd, fmt, question)
    crowd.until_have(followers, call, "the first events")
    call.cut()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body.startswith(call.sent)
        assert fmt.ended not in member.body
        event = member.body.removeprefix(call.sent).strip(b"\n")
        fmt.assert_error_event(event, "upstream_broken")
    assert stage.calls == [call]


@pytest.mark.parametrize("length", [True, False],
                         ids=["length", "chunked"])
def test_json_that_breaks_off_does_so_for_all(pair, stage, crowd, question,
                                              length):
    """
    Visibly: by an error, or by a cut. (lighttpd does not show one of which
    it learns together with the head.)
    """
    lead, call = pair.lead(crowd, CHAT, question, False)
    pair.waiting(crowd, CHAT, question, False)
    call.head(length=len(call.full) if length else None).say(1)
    crowd.until(lambda: lead.body == call.sent, "the first half")
    call.cut()
    for member in crowd.finish():
        assert member.status >= 500 or not member.clean
    assert stage.calls == [call]
    assert_asked_anew(pair, stage, crowd, question, False)


def test_records_of_those_who_follow(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question, False)
    followers = pair.waiting(crowd, CHAT, question, False)
    call.play_all()
    crowd.finish()
    spent = pair.near.record(lead)
    assert (spent["cache"], spent["tokens_saved"]) == ("miss", 0)
    assert spent["tokens_spent"] > 0
    for follower in followers:
        record = pair.far.record(follower)
        assert record["cache"] == "live" and record["status"] == 200
        assert record["tokens_saved"] == spent["tokens_spent"]
        assert record["tokens_spent"] == 0
        assert record["bytes"] == len(call.full)
        assert record["key"] == spent["key"] and not record["aborted"]


def test_tokens_saved_by_following_a_stream(pair, stage, crowd, question):
    body = CHAT.body(question, True, **CHAT.asking_usage(True))
    lead, call = pair.lead(crowd, CHAT, question, body=body)
    call.head().say(2)
    follower = pair.follow(crowd, CHAT, question, count=1, body=body)[0]
    crowd.until(lambda: follower.body == call.sent, "the first events")
    call.play()
    crowd.finish()
    spent = pair.near.record(lead)["tokens_spent"]
    record = pair.far.record(follower)
    assert record["tokens_saved"] == spent > 0
    assert record["stream"] and record["cache"] == "live"


@pytest.mark.parametrize("when", ["before", "within"])
def test_a_follower_that_leaves_frees_its_worker(own_memcached, theatre,
                                                 stage, demo, crowd,
                                                 question, when):
    options = {"server.threads": 2, "server.queue_timeout": "1m",
               "upstream openai.url": stage.url}
    with Site(Nginx, memcached=own_memcached, demo=demo, options=options,
              processes=1) as site:
        lead = crowd.start(site.send_chat(question))
        call = stage.next()
        if when == "within":
            call.head().say(2)
        name = "left-" + uuid.uuid4().hex

        def follow():
            return crowd.start(site.send_chat(
                question, headers={"X-Request-Id": name}))
        if when == "within":
            follower = follow()
            crowd.until(lambda: follower.body == call.sent, "events")
        else:
            with joining(own_memcached, 1):
                follower = follow()
        other = crowd.start(site.send_chat(question + " other"))
        crowd.leave(follower)
        stage.next("a free worker").play_all()
        crowd.until(lambda: other.ended, "the other answer")
        assert (other.status, other.clean) == (200, True)
        if when == "before":
            call.head()
        call.play()
        crowd.finish()
        assert (lead.body, lead.clean) == (call.full, True)
        assert site.records.of(name)["aborted"]


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_asking_again_at_the_very_end(big, prompt, stream):
    """Who has read the last byte and asks again is never a miss."""
    rounds = 300
    big.demo.reset()
    for i in range(rounds):
        first = big.open_chat("%s %d" % (prompt, i), stream,
                              demo={"words": 3})
        if stream:
            first.read_until(b"[DONE]\n\n")
        else:
            first.finish()
        again = big.chat("%s %d" % (prompt, i), stream)
        first.finish()
        assert again.header("X-Cache") in ("HIT (exact)", "HIT (live)")
        assert (again.body, again.clean) == (first.body, True)
    assert big.demo.stats()["requests"] == rounds
