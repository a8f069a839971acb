"""cache.cross_mode: a stream from a stored JSON answer, and the reverse."""

import json
import re

import pytest

from harness import Double, FORMATS, Site, mode_name, sse_events, wait_until
from harness.formats import Transcriptions

RESHAPED = [f for f in FORMATS
            if f.name in ("chat", "completions", "responses", "messages")]
CHAT, RESPONSES = RESHAPED[0], RESHAPED[2]
OVER_FORMATS = pytest.mark.parametrize("fmt", RESHAPED, ids=repr)
OVER_MODES = pytest.mark.parametrize("stream", [True, False], ids=mode_name)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo,
              options={"cache.cross_mode": "on"}) as s:
        yield s


@pytest.fixture
def double():
    with Double() as d:
        yield d


@pytest.fixture
def bridge(memcached, double):
    """In front of an upstream that says what the test tells it to."""
    with Site(memcached=memcached, demo=double,
              options={"cache.cross_mode": "on"}) as s:
        yield s


def stored(site, *args, **more):
    miss = site.ask(*args, **more)
    assert (miss.status, miss.header("X-Cache")) == (200, "MISS"), miss.body
    record = site.record(miss)  # a stream is stored after its last byte
    assert record["not_stored"] is None
    return miss


def state(site, *args, **more):
    response = site.ask(*args, **more)
    assert response.status == 200, response.body
    return response.header("X-Cache")


def payloads(body):
    return [json.loads(e) for e in sse_events(body) if e != b"[DONE]"]


def assert_valid_stream(fmt, body):
    """What a client of the format looks at."""
    events = payloads(body)
    if fmt.name in ("chat", "completions"):
        assert sse_events(body)[-1] == b"[DONE]"
        assert len({(e["id"], e["created"], e["model"])
                    for e in events}) == 1
        ends = [c for e in events for c in e["choices"]
                if c["finish_reason"]]
        assert sorted(c["index"] for c in ends) == \
            list(range(len(ends))) and ends
        return
    names = re.findall(rb"(?m)^event: (.*)$", body)
    assert names == [e["type"].encode() for e in events]
    if fmt.name == "responses":
        assert [e["sequence_number"] for e in events] == \
            list(range(events[0]["sequence_number"],
                       events[0]["sequence_number"] + len(events)))
        assert names[:2] == [b"response.created", b"response.in_progress"]
        assert names[-1] == b"response.completed"
    else:
        assert (names[0], names[-1]) == (b"message_start", b"message_stop")
        assert names.count(b"content_block_start") == \
            names.count(b"content_block_stop") >= 1


def assert_reshaped(site, fmt, first, second, stream):
    """second, in the mode stream, was made of the stored first."""
    assert second.header("X-Cache") == "HIT (reshaped)"
    assert second.status == 200 and second.clean
    assert second.header("Content-Type").split(";")[0] == (
        "text/event-stream" if stream else "application/json")
    assert len(second.header_all("Content-Type")) == 1
    assert int(second.header("Content-Length")) == len(second.body)
    assert int(second.header("Age")) >= 0
    told = re.fullmatch(r'reprise; *hit; *ttl=(\d+); *key="([0-9a-f]{64})"'
                        r"; *detail=reshaped", second.header("Cache-Status"))
    assert told and 3000 < int(told.group(1)) <= 3600
    assert fmt.text(second.body, stream) == fmt.text(first.body, not stream)
    if stream:
        assert_valid_stream(fmt, second.body)
    a, b = site.record(first), site.record(second)
    assert b["cache"] == "reshaped" and b["stream"] is stream
    assert a["key"] == b["key"] == told.group(2)[:len(b["key"])]
    assert b["bytes"] == len(second.body) and b["not_stored"] is None
    assert (b["tokens_spent"], b["tokens_saved"]) == (0, a["tokens_spent"])


@OVER_MODES
@OVER_FORMATS
def test_served_from_the_other_mode(site, prompt, fmt, stream):
    first = stored(site, fmt, prompt, not stream)
    before = site.demo.stats()["requests"]
    second = site.ask(fmt, prompt, stream)
    assert_reshaped(site, fmt, first, second, stream)
    again = site.ask(fmt, prompt, stream)
    assert again.body == second.body
    assert site.demo.stats()["requests"] == before
    assert state(site, fmt, prompt, not stream) == "HIT (exact)"


@OVER_FORMATS
def test_an_upstream_that_answers_in_the_other_mode(site, prompt, fmt):
    """What it stored for a stream is the JSON that is asked for next."""
    first = site.ask(fmt, prompt, True, demo={"json": 1})
    assert first.header("X-Cache") == "MISS"
    second = site.ask(fmt, prompt, False)
    assert second.header("X-Cache") == "HIT (reshaped)"
    assert second.body == first.body
    assert second.header("Content-Type") == "application/json"


@OVER_MODES
@OVER_FORMATS
def test_off_by_default(memcached, demo, prompt, fmt, stream):
    with Site(memcached=memcached, demo=demo) as plain:
        stored(plain, fmt, prompt, not stream)
        assert state(plain, fmt, prompt, stream) == "MISS"
        assert state(plain, fmt, prompt, stream) == "HIT (exact)"


# All that an answer may be made of.
KNOBS = [{"tools": 1}, {"reasoning": 1}, {"choices": 3},
         {"reasoning": 1, "tools": 1, "choices": 2}, {"finish": "length"},
         {"words": 1}, {"bytes": 30000}]
ODD_STREAMS = [{"crlf": 1}, {"cr": 1}, {"comments": 1}, {"bom": 1},
               {"multiline": 1}, {"split": 1, "words": 5}]


def knob_name(knobs):
    return "-".join("%s=%s" % p for p in knobs.items())


@OVER_FORMATS
@pytest.mark.parametrize("knobs", KNOBS, ids=knob_name)
def test_there_and_back(memcached, demo, site, prompt, fmt, knobs):
    """
    A stored JSON answer becomes a stream; that stream, said by another
    upstream and stored, becomes the same JSON answer again.
    """
    if (fmt.name, knobs) == ("responses", {"finish": "length"}):
        return  # not stored at all
    asking = {"stream_options": {"include_usage": True}} \
        if fmt.name in ("chat", "completions") else {}
    first = stored(site, fmt, prompt, False, knobs)
    second = site.ask(fmt, prompt, True, **asking)
    assert_reshaped(site, fmt, first, second, True)
    with Double() as double, Site(
            memcached=memcached, demo=double,
            options={"cache.cross_mode": "on"}) as bridge:
        double.answer(second.body, "text/event-stream")
        assert stored(bridge, fmt, prompt, True, **asking).body == \
            second.body
        back = bridge.ask(fmt, prompt, False)
        assert back.header("X-Cache") == "HIT (reshaped)"
        assert json.loads(back.body) == json.loads(first.body)


@OVER_FORMATS
@pytest.mark.parametrize("knobs", ODD_STREAMS, ids=knob_name)
def test_from_streams_however_written(site, prompt, fmt, knobs):
    first = stored(site, fmt, prompt, True, knobs)
    second = site.ask(fmt, prompt, False)
    assert_reshaped(site, fmt, first, second, False)


@pytest.mark.parametrize("fmt", RESHAPED[:2], ids=repr)
def test_usage_only_where_asked(site, prompt, fmt):
    first = stored(site, fmt, prompt)
    usage = json.loads(first.body)["usage"]
    plain = payloads(site.ask(fmt, prompt, True).body)
    assert all(e["choices"] and not e.get("usage") for e in plain)
    for fields in ({"stream_options": None}, {"stream_options": {}},
                   {"stream_options": {"include_usage": False}}):
        again = site.ask(fmt, prompt, True, **fields)
        assert again.header("X-Cache") == "HIT (reshaped)"
        assert payloads(again.body) == plain
    asked = site.ask(fmt, prompt, True,
                     stream_options={"include_usage": True})
    assert asked.header("X-Cache") == "HIT (reshaped)"
    last = payloads(asked.body)[-1]
    assert (last["choices"], last["usage"]) == ([], usage)


@pytest.mark.parametrize("fmt", RESHAPED[:2], ids=repr)
def test_usage_that_nobody_told(site, prompt, fmt):
    """It is not made up: who asks for it gets a miss."""
    first = stored(site, fmt, prompt, False, {"usage": "off"})
    assert_reshaped(site, fmt, first, site.ask(fmt, prompt, True), True)
    assert state(site, fmt, prompt, True,
                 stream_options={"include_usage": True}) == "MISS"


@pytest.mark.parametrize("fmt", RESHAPED[:2], ids=repr)
def test_usage_of_a_stream_that_told_it(site, prompt, fmt):
    first = stored(site, fmt, prompt, True,
                   stream_options={"include_usage": True})
    second = site.ask(fmt, prompt)
    assert_reshaped(site, fmt, first, second, False)
    assert json.loads(second.body)["usage"] == \
        payloads(first.body)[-1]["usage"]


@pytest.mark.parametrize("fmt", RESHAPED[:2], ids=repr)
def test_usage_that_was_asked_for_unseen(memcached, demo, prompt, fmt):
    options = {"cache.cross_mode": "on", "usage.ask": "on"}
    with Site(memcached=memcached, demo=demo, options=options) as asking:
        first = stored(asking, fmt, prompt, True)
        second = asking.ask(fmt, prompt)
        assert_reshaped(asking, fmt, first, second, False)
        assert json.loads(second.body)["usage"] == \
            asking.record(first)["usage"]


def test_options_with_more_in_them(site, prompt):
    """What else they ask for cannot be made up."""
    stored(site, CHAT, prompt)
    for options in ({"continuous_usage_stats": True}, "x", 1):
        assert state(site, CHAT, prompt, True,
                     stream_options=options) == "MISS"


@OVER_MODES
def test_what_the_mode_itself_has_comes_first(site, prompt, stream):
    stored(site, CHAT, prompt, not stream)
    own = stored(site, CHAT, prompt, stream,
                 headers={"Cache-Control": "no-cache"})
    hit = site.ask(CHAT, prompt, stream)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", own.body)


@pytest.mark.parametrize("fmt, stream", [
    (CHAT, True), (CHAT, False), (RESPONSES, True), (RESHAPED[3], False)],
    ids=mode_name)
def test_control_counts(site, prompt, fmt, stream):
    stored(site, fmt, prompt, not stream)
    wait_until(lambda: int(site.ask(fmt, prompt, stream).header("Age")) >= 1,
               what="the entry to be a second old")
    only = {"Cache-Control": "only-if-cached"}
    assert state(site, fmt, prompt, stream, headers=only) == \
        "HIT (reshaped)"
    old = {"Cache-Control": "max-age=3600"}
    assert state(site, fmt, prompt, stream, headers=old) == "HIT (reshaped)"
    young = {"Cache-Control": "only-if-cached, max-age=0"}
    refused = site.ask(fmt, prompt, stream, headers=young)
    assert refused.status == 504
    no_store = {"Cache-Control": "no-store"}
    assert state(site, fmt, prompt, stream, headers=no_store) == "BYPASS"
    ns = {"X-Cache-Namespace": "elsewhere", **only}
    assert site.ask(fmt, prompt, stream, headers=ns).status == 504
    assert state(site, fmt, prompt, stream, cache={"s-maxage": 0}) == "MISS"
    assert state(site, fmt, prompt, stream) == "HIT (exact)"


@OVER_MODES
def test_no_cache(site, prompt, stream):
    stored(site, CHAT, prompt, not stream)
    no_cache = {"Cache-Control": "no-cache"}
    assert state(site, CHAT, prompt, stream, headers=no_cache) == "MISS"


@OVER_MODES
def test_other_callers_and_questions_are_apart(site, prompt, stream):
    stored(site, CHAT, prompt, not stream)
    other = {"Authorization": "Bearer other"}
    assert state(site, CHAT, prompt, stream, headers=other) == "MISS"
    assert state(site, CHAT, prompt + "x", stream) == "MISS"
    assert state(site, CHAT, prompt, stream, temperature=0) == "MISS"


@OVER_MODES
def test_vary(site, prompt, stream):
    knobs = {"header": "Vary:X-Flavour"}
    a, b = {"X-Flavour": "a"}, {"X-Flavour": "b"}
    stored(site, CHAT, prompt, not stream, knobs, headers=a)
    assert state(site, CHAT, prompt, stream, headers=a) == "HIT (reshaped)"
    miss = site.ask(CHAT, prompt, stream, headers=b)
    assert miss.header("X-Cache") == "MISS"


@OVER_MODES
def test_headers_of_the_answer(site, prompt, stream):
    knobs = {"header": ["X-Model-Tier:9", "Cache-Control:public",
                        "Set-Cookie:a=b", "Access-Control-Allow-Origin:*"]}
    stored(site, CHAT, prompt, not stream, knobs)
    second = site.ask(CHAT, prompt, stream)
    assert second.header("X-Cache") == "HIT (reshaped)"
    assert second.header("X-Model-Tier") == "9"
    assert second.header("Access-Control-Allow-Origin") == "*"
    assert second.header("Set-Cookie") is None
    assert len(second.header_all("Content-Length")) == 1


@OVER_MODES
def test_what_is_not_stored_is_not_reshaped(site, prompt, stream):
    for knobs in ({"fault": "cut"}, {"finish": "content_filter"},
                  {"fault": "error-body"}, {"fault": "no-finish"}):
        site.record(site.ask(CHAT, prompt, not stream, knobs))
        only = {"Cache-Control": "only-if-cached"}
        assert site.ask(CHAT, prompt, stream, headers=only).status == 504


def test_purged_entries_are_gone(site, prompt):
    ns = {"X-Cache-Namespace": "short-lived"}
    only = dict(ns, **{"Cache-Control": "only-if-cached"})
    stored(site, CHAT, prompt, headers=ns)
    assert state(site, CHAT, prompt, True, headers=only) == "HIT (reshaped)"
    short = prompt + " for a second"
    stored(site, CHAT, short, headers=dict(ns, **{"X-Cache-TTL": "1s"}))
    wait_until(lambda: site.ask(CHAT, short, True, headers=only).status ==
               504, what="the entry to expire")


@pytest.mark.parametrize("fmt", [f for f in FORMATS if isinstance(
    f, Transcriptions)], ids=repr)
@OVER_MODES
def test_transcripts_are_never_reshaped(site, prompt, fmt, stream):
    stored(site, fmt, prompt, not stream)
    assert state(site, fmt, prompt, stream) == "MISS"


def chat_answer(message, **more):
    return {"id": "chatcmpl-1", "object": "chat.completion",
            "created": 1700000000, "model": "demo", "choices": [{
                "index": 0, "message": {"role": "assistant", **message},
                "finish_reason": "stop", **more}]}


INEXPRESSIBLE = [
    chat_answer({"content": [{"type": "text", "text": "in parts"}]}),
    chat_answer({"content": None, "tool_calls": [{
        "id": "c", "type": "function",
        "function": {"name": "f", "arguments": {"no": "string"}}}]}),
    {**chat_answer({"content": "x"}),
     "choices": chat_answer({"content": "x"})["choices"] * 2},
    {**chat_answer({"content": "x"}), "usage": "much"},
]


@pytest.mark.parametrize("answer", INEXPRESSIBLE, ids=[
    "parts", "arguments", "index-twice", "usage"])
def test_what_cannot_be_said_is_a_miss(bridge, double, prompt, answer):
    double.answer(json.dumps(answer).encode())
    site = bridge
    first = site.ask(CHAT, prompt)
    assert (first.status, first.body) == (200, double.body)
    kept = site.record(first)["not_stored"] is None
    second = site.ask(CHAT, prompt, True)
    assert second.header("X-Cache") == "MISS"
    assert second.body == double.body
    assert len(double.requests) == 2
    if kept:
        assert state(site, CHAT, prompt) == "HIT (exact)"


def test_a_bridges_answer_is_told_in_its_own_shape(bridge, double, prompt):
    """A chat completion to a Responses request becomes chat chunks."""
    answer = chat_answer({"content": "Hello  w\u00f6rld,\n you\u00a0all "})
    double.answer(json.dumps(answer).encode())
    first = stored(bridge, RESPONSES, prompt)
    second = bridge.ask(RESPONSES, prompt, True)
    assert second.header("X-Cache") == "HIT (reshaped)"
    assert_valid_stream(CHAT, second.body)
    assert {e["object"] for e in payloads(second.body)} == {
        "chat.completion.chunk"}
    assert CHAT.text(second.body, True) == CHAT.text(first.body, False) == \
        "Hello  w\u00f6rld,\n you\u00a0all "
    assert payloads(second.body)[0]["choices"][0]["delta"]["role"] == \
        "assistant"


def test_a_bridges_stream_as_well(bridge, double, site, prompt):
    chunks = site.direct_ask(CHAT, prompt, True).body
    double.answer(chunks, "text/event-stream")
    stored(bridge, RESPONSES, prompt, True)
    second = bridge.ask(RESPONSES, prompt)
    assert second.header("X-Cache") == "HIT (reshaped)"
    answer = json.loads(second.body)
    assert answer["object"] == "chat.completion"
    assert CHAT.text(second.body, False) == CHAT.text(chunks, True)


def test_every_character_survives(bridge, double, prompt):
    text = "  a\tb\r\n\n c\u0000\u2028\u00e9\U0001f600 \\\"/ \u00a0end\n "
    double.answer(json.dumps(chat_answer({"content": text})).encode())
    stored(bridge, CHAT, prompt)
    second = bridge.ask(CHAT, prompt, True)
    assert second.header("X-Cache") == "HIT (reshaped)"
    assert CHAT.text(second.body, True) == text
    second.body.decode()  # no piece splits a character


def test_metrics_count_what_was_reshaped(site, prompt):
    stored(site, CHAT, prompt)
    second = site.ask(CHAT, prompt, True)
    assert second.header("X-Cache") == "HIT (reshaped)"
    site.record(second)  # which is written when it has been counted
    text = site.request("GET", "/-/metrics").body.decode()
    assert re.search(r'requests_total\{format="chat",mode="stream",'
                     r'cache="reshaped"\} [1-9]', text)
