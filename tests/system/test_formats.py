"""Every wire format through the whole: a miss, then its hit."""

import json
import re

import pytest

from harness import FORMATS, MODES, Site, mode_name, sse_events

OVER_MODES = pytest.mark.parametrize("fmt, stream", MODES, ids=mode_name)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def pick(name):
    return next(f for f in FORMATS if repr(f) == name)


def stored(site, *args, **more):
    """A miss, when its answer is in the cache."""
    miss = site.ask(*args, **more)
    assert (miss.status, miss.header("X-Cache")) == (200, "MISS")
    site.record(miss)  # a stream is stored after its last byte has gone
    return miss


def assert_same(fmt, a, b):
    if fmt.exact:
        assert a.body == b.body
    else:
        assert json.loads(a.body) == json.loads(b.body)


@OVER_MODES
def test_miss_then_hit(site, prompt, fmt, stream):
    direct = site.direct_ask(fmt, prompt, stream)
    miss = stored(site, fmt, prompt, stream)
    before = site.demo.stats()["requests"]
    hit = site.ask(fmt, prompt, stream)
    assert site.demo.stats()["requests"] == before
    assert miss.clean and hit.clean
    assert_same(fmt, miss, direct)
    assert_same(fmt, hit, miss)
    assert fmt.text(hit.body, stream)
    assert (fmt.ended in hit.body) == stream
    for response in (miss, hit):
        assert response.header("Content-Type") == \
            direct.header("Content-Type")
    assert re.fullmatch(r"reprise; *fwd=miss", miss.header("Cache-Status"))
    assert hit.header("X-Cache") == "HIT (exact)"
    assert re.fullmatch(r'reprise; *hit; *ttl=\d+; *key="[0-9a-f]{64}"',
                        hit.header("Cache-Status"))
    assert int(hit.header("Age")) >= 0
    assert int(hit.header("Content-Length")) == len(hit.body)


@OVER_MODES
def test_records(site, prompt, fmt, stream):
    more = fmt.asking_usage(stream)
    miss = stored(site, fmt, prompt, stream, **more)
    hit = site.ask(fmt, prompt, stream, **more)
    a, b = site.record(miss), site.record(hit)
    for r in (a, b):
        assert (r["method"], r["path"]) == ("POST", fmt.path)
        assert (r["format"], r["model"]) == (fmt.name, "demo")
        assert (r["stream"], r["status"]) == (stream, 200)
        assert r["not_stored"] is None and not r["aborted"]
        assert r["bytes"] == len(miss.body)
    assert (a["cache"], b["cache"]) == ("miss", "hit")
    assert (a["tokens_saved"], b["tokens_spent"]) == (0, 0)
    assert a["tokens_spent"] == b["tokens_saved"]
    assert a["usage"] == b["usage"]
    usage = fmt.usage(miss.body, stream)
    if usage is not None:
        assert a["usage"] == usage
        assert a["tokens_spent"] == \
            sum(usage[name] for name in fmt.usage_fields) > 0


@OVER_MODES
def test_formats_are_apart(site, prompt, fmt, stream):
    """The same bytes to another path are another question."""
    body = fmt.body(prompt, stream)
    stored(site, fmt, prompt, body=body)
    for other in FORMATS:
        if other.path != fmt.path and \
                other.headers["Content-Type"] == fmt.headers["Content-Type"]:
            answer = site.ask(other, prompt, body=body)
            assert not answer.header("X-Cache").startswith("HIT")


@pytest.mark.parametrize("knobs", [
    {"reasoning": 1}, {"tools": 1}, {"choices": 3}, {"comments": 1},
    {"crlf": 1}, {"cr": 1}, {"bom": 1}, {"multiline": 1}, {"close": 1},
    {"split": 1, "words": 4}, {"fault": "half-utf8"}, {"usage": "off"},
    {"length": 1}], ids=lambda k: "-".join("%s=%s" % p for p in k.items()))
@pytest.mark.parametrize("name", ["completions", "responses", "messages",
                                  "transcriptions"])
def test_odd_but_whole_streams_are_stored(site, prompt, name, knobs):
    fmt = pick(name)
    direct = site.direct_ask(fmt, prompt, True, knobs)
    miss = stored(site, fmt, prompt, True, knobs)
    hit = site.ask(fmt, prompt, True)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert miss.body == direct.body == hit.body


@pytest.mark.parametrize("name", ["completions", "responses", "messages",
                                  "transcriptions", "translations"])
def test_what_comes_decides_what_it_is(site, prompt, name):
    """JSON to a request for a stream, and a stream to one for JSON."""
    fmt = pick(name)
    for stream, knobs in ((True, {"json": 1}), (False, {"sse": 1})):
        miss = stored(site, fmt, prompt, stream, knobs)
        hit = site.ask(fmt, prompt, stream)
        assert hit.header("X-Cache") == "HIT (exact)"
        assert hit.body == miss.body
        assert hit.header("Content-Type") == miss.header("Content-Type")
        assert hit.header("Content-Type").startswith(
            "application/json" if stream else "text/event-stream")


def test_responses_may_end_with_done_as_well(site, prompt):
    """Some servers add it; one without it is whole, too."""
    body = stored(site, pick("responses"), prompt, True).body
    assert b"[DONE]" not in body
    assert json.loads(sse_events(body)[-1])["type"] == "response.completed"


STATEFUL = [
    ({"previous_response_id": "resp_1"}, "previous-response-id"),
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"store": True}, "store"),
]


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
@pytest.mark.parametrize("fields, why", STATEFUL)
def test_stateful_requests_bypass(site, prompt, fields, why, stream):
    fmt = pick("responses")
    direct = site.direct_ask(fmt, prompt, stream, **fields)
    for _ in range(2):
        response = site.ask(fmt, prompt, stream, **fields)
        assert response.header("X-Cache") == "BYPASS"
        assert response.header("Cache-Status") == \
            "reprise; fwd=bypass; detail=" + why
        assert response.body == direct.body
        record = site.record(response)
        assert (record["cache"], record["not_stored"]) == ("bypass", why)
        assert record["tokens_spent"] > 0 or stream


@pytest.mark.parametrize("fields", [
    {"store": False}, {"background": False}, {"conversation": None},
    {"previous_response_id": None}])
def test_what_is_not_stateful_is_cached(site, prompt, fields):
    stored(site, pick("responses"), prompt, **fields)
    assert site.ask(pick("responses"), prompt, **fields).header(
        "X-Cache") == "HIT (exact)"


REQUIRED = [
    ("chat", "model"), ("chat", "messages"), ("completions", "model"),
    ("completions", "prompt"), ("responses", "model"),
    ("responses", "input"), ("messages", "model"), ("messages", "messages"),
    ("embeddings", "input"), ("rerank", "query"),
    ("cohere-rerank", "documents"),
]


@pytest.mark.parametrize("name, member", REQUIRED)
def test_what_a_format_requires(site, name, member):
    """Without it, it is the upstream's to refuse, and never cached."""
    fmt = pick(name)
    members = fmt.request("x")
    del members[member]
    body = json.dumps(members).encode()
    direct = site.direct_ask(fmt, "x", body=body)
    response = site.ask(fmt, "x", body=body)
    assert (response.status, response.body) == (direct.status, direct.body)
    assert response.header("X-Cache") == "BYPASS"
    assert "detail=not-an-object" in response.header("Cache-Status")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("fmt", FORMATS, ids=repr)
def test_other_methods_are_refused(site, fmt, method):
    response = site.request(method, fmt.path)
    assert response.status == 405
    assert "POST" in response.header("Allow")
    fmt.assert_error(response.body, "bad_request"
                     if fmt.name == "messages" else "method_not_allowed")


@pytest.mark.parametrize("fmt", FORMATS, ids=repr)
def test_malformed_requests_are_refused_in_their_shape(site, prompt, fmt):
    response = site.ask(fmt, prompt, headers={"X-" + "a" * 300: "1"})
    assert response.status == 400
    fmt.assert_error(response.body)


def test_anthropic_version_is_in_the_key(site, prompt):
    fmt = pick("messages")
    stored(site, fmt, prompt)
    other = {"anthropic-version": "2024-01-01"}
    assert site.ask(fmt, prompt, headers=other).header("X-Cache") == "MISS"
    beta = {"anthropic-beta": "tools-1"}
    assert site.ask(fmt, prompt, headers=beta).header("X-Cache") == "MISS"
    assert site.ask(fmt, prompt).header("X-Cache") == "HIT (exact)"


@pytest.mark.parametrize("name", ["text", "srt", "vtt"])
def test_transcripts_that_are_no_json_pass(site, prompt, name):
    fmt = pick("transcriptions")
    direct = site.direct_ask(fmt, prompt, response_format=name)
    for _ in range(2):
        response = site.ask(fmt, prompt, response_format=name)
        assert (response.status, response.body) == (200, direct.body)
        assert response.header("X-Cache") == "MISS"
        assert site.record(response)["not_stored"] == "content-type"


def test_metrics_count_every_format(site, prompt):
    for fmt, stream in MODES:
        # Its record is written when it has been counted.
        site.record(site.ask(fmt, prompt, stream))
    text = site.request("GET", "/-/metrics").body.decode()
    for fmt, stream in MODES:
        if repr(fmt) == fmt.name:
            assert re.search(
                r'requests_total\{format="%s",mode="%s",cache="miss"\} [1-9]'
                % (fmt.name, mode_name(stream)), text), (fmt, stream)
