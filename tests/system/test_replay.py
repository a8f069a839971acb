"""cache.replay and X-Cache-Replay: stored streams at a pace."""

import re
import select
import signal
import time

import pytest

from harness import (ApacheCgi, ApacheProxyFcgi, FORMATS, LighttpdPool,
                     Memcached, Nginx, Site, sse_events, wait_until)
from harness.stale import Kept

STREAMING = [f for f in FORMATS if f.streams]
OVER_FORMATS = pytest.mark.parametrize("fmt", STREAMING, ids=repr)
CHAT = STREAMING[0]
PACES = ["instant", "recorded", "recorded*4", "recordedx0.5",
         "recorded\xc3\x97100", "400/s", "1000000/s"]
# So slow that in no test a second step is ever due.
STANDING = "0.001/s"
# At this pace nor is what came after such a pause, while what came at first
# is soon there even if it was a little late.
SLOW = "recorded*0.02"
PAUSE_S = 1.0
STORE_CONNECTIONS = 16  # of one worker process, at most


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def conduct(theatre, memcached, demo, **options):
    """A site whose upstream is the stage."""
    return Site(memcached=memcached, demo=demo, options={
        "upstream openai.url": theatre.url, **options})


@pytest.fixture(scope="module")
def conducted(theatre, memcached, demo):
    with conduct(theatre, memcached, demo) as s:
        yield s


@pytest.fixture(scope="module")
def slow_site(memcached, demo):
    with Site(memcached=memcached, demo=demo, options={
            "cache.replay": STANDING, "cache.cross_mode": "on"}) as s:
        yield s


def at(pace):
    return {"X-Cache-Replay": pace}


def stored(site, fmt, prompt, stream=True, **more):
    miss = site.ask(fmt, prompt, stream, **more)
    assert (miss.status, miss.header("X-Cache")) == (200, "MISS"), miss.body
    assert site.record(miss)["not_stored"] is None
    return miss


def stored_with_pause(site, stage, prompt, knobs, first):
    """
    A stream that is stored, and that fell silent after so many bytes of its
    body; -1: after the first event and a part of the second.
    """
    miss = site.send_ask(CHAT, prompt, True, demo=knobs)
    call = stage.next().head()
    if first == -1:
        first = len(first_event(call.full)) + 7
    if first:
        call.send(call.full[:first])
    miss.head()
    while len(miss.body) < first:
        assert miss.read()
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > PAUSE_S, what="the pause")
    call.send(call.full[first:]).end()
    assert miss.finish().clean and miss.body == call.full
    assert site.record(miss)["not_stored"] is None
    return miss


def replay(site, fmt, prompt, pace, **more):
    """A whole replay."""
    return begin(site, fmt, prompt, pace, **more).finish()


def begin(site, fmt, prompt, pace, **more):
    """A replay of which only the head has been read."""
    hit = site.send_ask(fmt, prompt, True, headers=at(pace), **more).head()
    assert (hit.status, hit.header("X-Cache")) == (200, "HIT (exact)")
    # SLOW makes much of a moment that the recording was kept waiting.
    hit.sock.settimeout(600)
    return hit


def events(body):
    """A body of LF lines in its events."""
    parts = body.split(b"\n\n")
    assert parts.pop() == b""
    return [p + b"\n\n" for p in parts]


def assert_silent(stream):
    """Nothing more of it has come."""
    assert not stream.ended and not stream.raw
    assert not select.select([stream.sock], [], [], 0)[0]


def first_event(body):
    """With the empty line behind it."""
    return re.match(rb"(?s).*?(\r\n\r\n|\n\n|\r\r)", body).group()


def assert_stands_after_first(stream, whole):
    """Its first event has come, and no byte more."""
    first = first_event(whole)
    while len(stream.body) < len(first):
        assert stream.read()
    assert stream.body == first
    assert_silent(stream)


def steady(response):
    """Headers that no two answers differ in."""
    moment = ("age", "date", "x-request-id", "cache-status")
    return sorted((n.lower(), v) for n, v in response.headers
                  if n.lower() not in moment)


@OVER_FORMATS
def test_the_bytes_are_the_same_in_every_pace(site, prompt, fmt):
    miss = stored(site, fmt, prompt, demo={"gap": 5, "words": 9})
    plain = site.ask(fmt, prompt, True)
    assert plain.body == miss.body
    for pace in PACES:
        hit = replay(site, fmt, prompt, pace)
        assert hit.clean and hit.body == miss.body
        assert steady(hit) == steady(plain)
        assert int(hit.header("Content-Length")) == len(miss.body)
        record = site.record(hit)
        assert record["cache"] == "hit" and not record["aborted"]
        assert record["bytes"] == len(miss.body)


@pytest.mark.parametrize("pace", ["recorded", "200/s"])
@pytest.mark.parametrize("end, knobs", [
    (b"\n\n", {}), (b"\n\n", {"comments": 1}), (b"\n\n", {"split": 7}),
    (b"\r\n\r\n", {"crlf": 1}), (b"\r\r", {"cr": 1})],
    ids=["lf", "comments", "split", "crlf", "cr"])
def test_only_whole_events_are_written(site, prompt, end, knobs, pace):
    miss = stored(site, CHAT, prompt, demo={"gap": 8, "words": 6, **knobs})
    hit = begin(site, CHAT, prompt, pace)
    while hit.read():
        assert hit.body.endswith(end)
    assert hit.clean and hit.body == miss.body
    hit = begin(site, CHAT, prompt, STANDING)
    assert_stands_after_first(hit, miss.body)
    hit.close()


@pytest.mark.parametrize("knobs", [{}, {"comments": 1}, {"crlf": 1},
                                   {"cr": 1}],
                         ids=["lf", "comments", "crlf", "cr"])
def test_what_came_in_part_is_due_with_its_rest(conducted, stage, prompt,
                                                knobs):
    miss = stored_with_pause(conducted, stage, prompt, knobs, -1)
    hit = begin(conducted, CHAT, prompt, SLOW)
    assert_stands_after_first(hit, miss.body)
    assert replay(conducted, CHAT, prompt, "recorded").body == miss.body
    assert_silent(hit)
    hit.close()


def test_a_rate_is_never_ahead_of_itself(site, prompt):
    """Event number i comes i/N seconds after the start, or later."""
    miss = stored(site, CHAT, prompt, demo={"words": 10})
    rate = 40
    start = time.monotonic()
    hit = replay(site, CHAT, prompt, "%d/s" % rate)
    assert hit.body == miss.body
    seen = 0
    for when, data in hit.reads:
        seen += len(events(data))
        assert when - start >= (seen - 1) / rate
    assert seen == len(sse_events(miss.body))


def assert_pauses(site, prompt, whole, speed):
    start = time.monotonic()
    hit = replay(site, CHAT, prompt, "recorded*%d" % speed)
    assert hit.clean and hit.body == whole
    assert time.monotonic() - start >= PAUSE_S / speed


def test_recorded_has_the_rhythm_of_the_recording(conducted, stage, prompt):
    """Slowed down, only what came first is there at first."""
    miss = stored_with_pause(conducted, stage, prompt, {}, -1)
    hit = begin(conducted, CHAT, prompt, SLOW)
    assert_stands_after_first(hit, miss.body)
    for speed in (1, 4):
        assert_pauses(conducted, prompt, miss.body, speed)
    assert_silent(hit)
    hit.close()


def test_the_first_event_is_as_far_from_the_head(conducted, stage, prompt):
    """A model that has answered, and thinks before its first word."""
    miss = stored_with_pause(conducted, stage, prompt, {}, 0)
    hit = begin(conducted, CHAT, prompt, SLOW)
    assert_pauses(conducted, prompt, miss.body, 1)
    assert_silent(hit)
    hit.close()


def test_what_came_at_once_is_replayed_at_once(site, prompt):
    """All of it in one read: one step, however slow."""
    miss = stored(site, CHAT, prompt, demo={"length": 1, "words": 3})
    hit = replay(site, CHAT, prompt, "recorded*10")
    assert hit.clean and hit.body == miss.body


@pytest.mark.parametrize("options", [
    {}, {"cache.compress": "off"},
    {"cache.compress": "off", "cache.chunk": "4K"}],
    ids=["packed", "plain", "chunks"])
def test_times_are_kept_however_it_is_stored(theatre, memcached, stage, demo,
                                             prompt, options):
    with conduct(theatre, memcached, demo, **options) as site:
        miss = stored_with_pause(site, stage, prompt,
                                 {"words": 60, "random": 1}, -1)
        assert len(miss.body) > 8192
        assert replay(site, CHAT, prompt, "recorded*20").body == miss.body
        hit = begin(site, CHAT, prompt, SLOW)
        assert_stands_after_first(hit, miss.body)
        hit.close()


def test_the_header_counts_more_than_the_option(slow_site, prompt):
    miss = stored(slow_site, CHAT, prompt, demo={"words": 5})
    hit = slow_site.send_ask(CHAT, prompt, True).head()
    assert hit.header("X-Cache") == "HIT (exact)"
    assert_stands_after_first(hit, miss.body)
    for pace in ("instant", "1000000/s"):
        assert replay(slow_site, CHAT, prompt, pace).body == miss.body
    assert_silent(hit)
    hit.close()


@OVER_FORMATS
def test_json_is_instant(slow_site, prompt, fmt):
    miss = stored(slow_site, fmt, prompt, stream=False)
    hit = slow_site.ask(fmt, prompt)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.clean and hit.body == miss.body


def test_a_reshaped_stream_has_a_pace_but_no_recording(slow_site, prompt):
    stored(slow_site, CHAT, prompt, stream=False)
    whole = slow_site.ask(CHAT, prompt, True, headers=at("recorded"))
    assert whole.header("X-Cache") == "HIT (reshaped)"
    assert whole.clean and whole.body.endswith(b"data: [DONE]\n\n")
    hit = slow_site.send_ask(CHAT, prompt, True).head()
    assert hit.header("X-Cache") == "HIT (reshaped)"
    assert_stands_after_first(hit, whole.body)
    hit.close()


def test_a_stream_reshaped_to_json_is_instant(slow_site, prompt):
    stored(slow_site, CHAT, prompt, demo={"words": 5})
    hit = slow_site.ask(CHAT, prompt)
    assert hit.header("X-Cache") == "HIT (reshaped)"
    assert hit.clean and CHAT.text(hit.body, False)


def test_a_stale_stream_has_its_pace_too(theatre, memcached, stage, demo,
                                         prompt):
    options = {"cache.stale_while_revalidate": "1h"}
    with conduct(theatre, memcached, demo, **options) as site:
        stage.script = lambda call: call.play_all()
        miss = Kept(site, CHAT, prompt, True).response
        # It stays so: whoever renews it fails.
        stage.script = lambda call: call.fail(503, b"{}")
        hit = site.send_ask(CHAT, prompt, True, headers=at(STANDING)).head()
        assert hit.header("X-Cache") == "HIT (stale)"
        assert_stands_after_first(hit, miss.body)
        hit.close()
        hit = site.ask(CHAT, prompt, True, headers=at("1000/s"))
        assert hit.header("X-Cache") == "HIT (stale)"
        assert hit.clean and hit.body == miss.body


@OVER_FORMATS
@pytest.mark.parametrize("pace", ["slow", "recorded*0", "5", "-1/s",
                                  "2000000/s", "0.0001/s"])
def test_what_is_no_pace_is_refused(site, prompt, fmt, pace):
    before = site.demo.stats()["requests"]
    answer = site.ask(fmt, prompt, True, headers=at(pace))
    assert answer.status == 400
    fmt.assert_error(answer.body, "bad_request")
    assert b"X-Cache-Replay" in answer.body
    assert site.demo.stats()["requests"] == before


def test_callers_may_be_denied_a_pace(memcached, demo, prompt):
    options = {"cache.allow_control": "no-cache ttl"}
    with Site(memcached=memcached, demo=demo, options=options) as site:
        answer = site.ask(CHAT, prompt, True, headers=at("recorded"))
        assert answer.status == 403
        CHAT.assert_error(answer.body, "control_not_allowed")
        assert site.ask(CHAT, prompt, True).status == 200


def test_the_upstream_does_not_hear_of_it(site, prompt):
    site.ask(CHAT, prompt, True, headers=at("recorded"))
    _, headers = site.last_forwarded()
    assert not [n for n in headers if n.startswith("x-cache")]


# Apache tells of a client that left only when something is written to it.
@pytest.mark.parametrize("server, pace", [
    (LighttpdPool, STANDING), (Nginx, STANDING), (ApacheProxyFcgi, "10/s")])
def test_a_replay_ends_when_its_client_leaves(server, memcached, demo,
                                              prompt, pace):
    options = {"server.threads": 1, "server.queue_timeout": "50s"}
    with Site(server, memcached=memcached, demo=demo, options=options,
              processes=1) as site:
        miss = stored(site, CHAT, prompt, demo={"words": 2000})
        hit = begin(site, CHAT, prompt, pace)
        hit.read_until(b"\n\n")
        hit.close()
        record = site.record(hit)
        assert record["aborted"] and record["cache"] == "hit"
        assert record["bytes"] < len(miss.body)
        # The only worker is there for others.
        assert site.ask(CHAT, prompt, True).body == miss.body


# Of nginx, which takes no more than its client does. More than all the
# sockets on the way hold, and most of it due before it can be sent.
LONG = {"bytes": 12000000, "random": 1}


@pytest.mark.parametrize("pace", ["1000000/s", "recorded"])
def test_who_reads_late_gets_it_all(demo, prompt, pace):
    with Memcached(megabytes=128) as m, Site(
            Nginx, memcached=m, demo=demo,
            options={"cache.max_entry": "64M"}) as site:
        miss = stored(site, CHAT, prompt, demo=LONG)
        hits = [begin(site, CHAT, prompt, pace) for _ in range(3)]
        for hit in hits:
            hit.finish()
            assert hit.clean and hit.body == miss.body
            assert not site.record(hit)["aborted"]


def test_who_does_not_read_is_not_waited_for(demo, prompt):
    options = {"server.threads": 1, "server.io_timeout": "1s",
               "server.queue_timeout": "50s", "cache.max_entry": "64M"}
    with Memcached(megabytes=128) as m, Site(
            Nginx, memcached=m, demo=demo, options=options,
            processes=1) as site:
        stored(site, CHAT, prompt, demo=LONG)
        hit = begin(site, CHAT, prompt, "1000000/s")
        record = site.record(hit)
        assert record["aborted"] and record["cache"] == "hit"
        assert site.chat(prompt + " other").status == 200
        assert not hit.finish().clean


def test_the_drains_end_sends_the_rest_at_once(theatre, memcached, stage,
                                               demo, prompt):
    options = {"server.drain_timeout": "300ms"}
    with conduct(theatre, memcached, demo, **options) as site:
        miss = stored_with_pause(site, stage, prompt, {}, -1)
        hits = [begin(site, CHAT, prompt, pace) for pace in (STANDING, SLOW)]
        for hit in hits:
            assert_stands_after_first(hit, miss.body)
        site.server.pool.process.kill(signal.SIGTERM)
        for hit in hits:
            assert hit.finish().clean and hit.body == miss.body
            record = site.record(hit)
            assert not record["aborted"] and record["error"] is None
        assert site.server.pool.process.popen.wait(20) == 0


def test_replays_hold_no_connection_to_memcached(own_memcached, demo,
                                                 prompt):
    replays = 40
    options = {"server.threads": replays + 8}
    with Site(memcached=own_memcached, demo=demo, options=options,
              processes=1) as site:
        miss = stored(site, CHAT, prompt, demo={"words": 5})
        hits = [begin(site, CHAT, prompt, STANDING) for _ in range(replays)]
        for hit in hits:
            assert_stands_after_first(hit, miss.body)
        with own_memcached.connect() as m:
            own = 2  # this one, and what it listens on
            assert int(m.stat("curr_connections")) <= STORE_CONNECTIONS + own
        for _ in range(STORE_CONNECTIONS):
            assert site.ask(CHAT, prompt, True).body == miss.body
        for hit in hits:
            assert_silent(hit)
            hit.close()
        for hit in hits:
            assert site.record(hit)["aborted"]


def test_a_replay_outlives_memcached(own_memcached, demo, prompt):
    with Site(memcached=own_memcached, demo=demo) as site:
        miss = stored(site, CHAT, prompt, demo={"words": 30})
        hit = begin(site, CHAT, prompt, "50/s")
        hit.read_until(b"\n\n")
        own_memcached.kill()
        try:
            assert hit.finish().clean and hit.body == miss.body
        finally:
            own_memcached.start()


def test_a_replay_has_a_pace_as_cgi_too(memcached, demo, prompt):
    with Site(ApacheCgi, memcached=memcached, demo=demo) as site:
        miss = stored(site, CHAT, prompt, demo={"gap": 10, "words": 5})
        for pace in ("recorded", "100/s"):
            assert replay(site, CHAT, prompt, pace).body == miss.body
