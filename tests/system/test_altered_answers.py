"""Answers that are not the very bytes the upstream sent."""

import json

import pytest

from harness import Double, FORMATS, Site, sse_events
from harness.stage import STAGED

CHAT = FORMATS[0]
ABOUT_BYTES = ["ETag", "Content-MD5", "Digest", "Content-Digest",
               "Repr-Digest"]
HEADERS = {"X-Model-Tier": "9", **dict.fromkeys(ABOUT_BYTES, '"a=b"')}

OPTIONS = {"cache.cross_mode": "on", "usage.ask": "on"}
BEAT = b": heartbeat\n\n"


@pytest.fixture
def double():
    with Double() as d:
        yield d


@pytest.fixture
def site(memcached, double):
    with Site(memcached=memcached, demo=double, options=OPTIONS) as s:
        yield s


@pytest.fixture(scope="module")
def asking(memcached, demo, theatre):
    options = {"usage.ask": "on", "server.heartbeat": "50ms",
               **theatre.beside("openai")}
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


def chunk(choices, **more):
    return b"data: " + json.dumps({
        "id": "c", "object": "chat.completion.chunk", "created": 1,
        "model": "m", "choices": choices, **more}).encode() + b"\n\n"


def words(*texts, **more):
    said = [chunk([{"index": 0, "delta": {"content": t},
                    "finish_reason": None}], **more) for t in texts]
    return b"".join(said) + chunk(
        [{"index": 0, "delta": {}, "finish_reason": "stop"}], **more)


def usage(n):
    return {"usage": {"prompt_tokens": 1, "completion_tokens": n,
                      "total_tokens": n + 1}}


DONE = b"data: [DONE]\n\n"


def test_headers_about_bytes_go_with_them(site, double, prompt):
    """Whoever checks a digest would find a reshaped answer damaged."""
    double.answer(words("a ", "b") + DONE, "text/event-stream", **HEADERS)
    stream = {"stream_options": {"include_usage": True}}
    first = site.ask(CHAT, prompt, True, **stream)
    site.record(first)
    exact = site.ask(CHAT, prompt, True, **stream)
    reshaped = site.ask(CHAT, prompt)
    assert (exact.header("X-Cache"), reshaped.header("X-Cache")) == \
        ("HIT (exact)", "HIT (reshaped)")
    for name in HEADERS:
        assert exact.header(name) == first.header(name) == HEADERS[name]
    assert reshaped.header("X-Model-Tier") == "9"
    for name in ABOUT_BYTES:
        assert reshaped.header(name) is None


def test_so_they_do_where_the_usage_is_taken_out(site, double, prompt):
    double.answer(words("a ", "b") + chunk([], **usage(2)) + DONE,
                  "text/event-stream", **HEADERS)
    miss = site.ask(CHAT, prompt, True)
    site.record(miss)
    hit = site.ask(CHAT, prompt, True)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.body == miss.body == words("a ", "b") + DONE
    for response in (miss, hit):
        assert response.header("X-Model-Tier") == "9"
        for name in ABOUT_BYTES:
            assert response.header(name) is None


def test_the_sum_counts_where_every_chunk_tells_usage(site, double, prompt):
    double.answer(words("a ", "b", **usage(1)) + chunk([], **usage(7)) +
                  DONE, "text/event-stream")
    miss = site.ask(CHAT, prompt, True)
    assert miss.body == words("a ", "b", **usage(1)) + DONE
    assert site.record(miss)["usage"] == usage(7)["usage"]


@pytest.mark.parametrize("options", [
    {"include_usage": "no"}, {"continuous_usage_stats": True}])
def test_odd_options_go_as_they_are(site, double, prompt, options):
    """They may be wrong, or put usage into every chunk once asked."""
    double.answer(words("a") + DONE, "text/event-stream")
    body = CHAT.body(prompt, True, stream_options=options)
    site.ask(CHAT, prompt, body=body)
    assert double.requests[-1][1] == body


@pytest.mark.parametrize("cut", [1, 9, 60, -3, -1])
def test_no_half_of_the_usage_when_the_upstream_breaks_off(
        site, double, prompt, cut):
    """The client gets whole events, and the error is one of its own."""
    whole = words("a ", "b")
    double.answer(whole + chunk([], **usage(2))[:cut], "text/event-stream")
    double.missing = 1
    response = site.ask(CHAT, prompt, True)
    assert response.body.startswith(whole)
    events = sse_events(response.body[len(whole):])
    assert [set(json.loads(e)) for e in events] == [{"error"}]
    assert site.record(response)["not_stored"] == "broken"


@pytest.mark.parametrize("split, has_length", [
    (None, False), (100, False), (None, True)])
def test_usage_is_taken_out_for_clients_that_leave(asking, stage, prompt,
                                                   split, has_length):
    # More than a server would take without noticing that nobody reads it.
    stream = asking.send_ask(CHAT, prompt, True, {
        "bytes": 3000000, "random": 1}, **STAGED)
    call = stage.next()
    call.head(length=len(call.full) if has_length else None).say(1)
    stream.head().read_until(b"\n\n")
    stream.close()
    rest = call.full[len(call.sent):]
    call.send(rest[:-20000])
    for i in range(len(rest) - 20000, len(rest), split or 20000):
        call.send(rest[i:i + (split or 20000)])
    call.end()
    record = asking.record(stream)
    assert record["aborted"] and record["not_stored"] is None
    assert record["tokens_spent"] > 0
    hit = asking.ask(CHAT, prompt, True, **STAGED)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert all(json.loads(e)["choices"]
               for e in sse_events(hit.body)[:-1])
    assert sse_events(hit.body)[-1] == b"[DONE]"


def test_heartbeats_stand_between_events(asking, stage, prompt):
    miss = asking.send_ask(CHAT, prompt, True, **STAGED)
    call = stage.next().head().say(1)
    miss.head().read_until(BEAT)
    call.play()
    miss.finish()
    hit = asking.ask(CHAT, prompt, True, **STAGED)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert BEAT not in hit.body
    assert miss.body.replace(BEAT, b"") == hit.body


def test_no_heartbeat_stands_in_an_event(asking, prompt):
    # Each event comes in pieces, with silence between them.
    knobs = {"split": 100, "gap": 120, "words": 2}
    miss = asking.ask(CHAT, prompt, True, knobs)
    hit = asking.ask(CHAT, prompt, True)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert miss.body.replace(BEAT, b"") == hit.body


def test_a_reshaped_answer_is_bounded(site, double, prompt):
    """A long id in every chunk of many would take all the memory."""
    double.answer(json.dumps({
        "id": "x" * 1000000, "object": "chat.completion", "created": 1,
        "model": "m", "choices": [{
            "index": 0, "finish_reason": "stop", "message": {
                "role": "assistant", "content": "a " * 1000}}]}).encode())
    miss = site.ask(CHAT, prompt)
    assert site.record(miss)["not_stored"] is None
    stream = site.ask(CHAT, prompt, True)
    assert stream.status == 200 and stream.header("X-Cache") == "MISS"
