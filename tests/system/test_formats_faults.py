"""What goes wrong upstream, in every format: told, and never stored."""

import json

import pytest

from harness import FORMATS, MODES, Site, mode_name, sse_events
from harness.process import free_port

STREAMING = [f for f in FORMATS if f.streams]


@pytest.fixture(scope="module")
def site(memcached, demo):
    options = {
        "upstream openai.models": "demo*",
        "upstream dead.url": "http://127.0.0.1:%d" % free_port(),
        "upstream dead.models": "dead*",
    }
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


def assert_not_stored(site, fmt, prompt, stream):
    """The same question, with a model that is well again, is a miss."""
    before = site.demo.stats()["requests"]
    again = site.ask(fmt, prompt, stream)
    assert (again.status, again.header("X-Cache")) == (200, "MISS")
    assert site.demo.stats()["requests"] > before
    assert fmt.text(again.body, stream)


def fault_name(value):
    if isinstance(value, dict):
        return "-".join("%s=%s" % pair for pair in value.items())
    return mode_name(value)


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_a_stream_that_breaks_off(site, prompt, fmt, fault):
    knobs = {"fault": fault, "words": 40}
    response = site.ask(fmt, prompt, True, knobs)
    assert (response.status, response.clean) == (200, True)
    assert fmt.ended not in response.body
    events = response.body.removesuffix(b"\n\n").split(b"\n\n")
    fmt.assert_error_event(events[-1].lstrip(b"\n"), "upstream_broken")
    whole = sse_events(site.direct_ask(fmt, prompt, True,
                                       {"words": 40}).body)
    ours = sse_events(response.body)
    assert ours[:3] == whole[:3] and len(ours) <= 5
    record = site.record(response)
    assert record["not_stored"] == "broken" and not record["aborted"]
    assert record["error"] == "upstream_broken"
    assert_not_stored(site, fmt, prompt, True)


def test_the_error_event_of_responses_is_numbered(site, prompt):
    """It goes on where the stream was broken off."""
    fmt = next(f for f in FORMATS if f.name == "responses")
    response = site.ask(fmt, prompt, True, {"fault": "drop", "at": 4})
    numbers = [json.loads(e)["sequence_number"]
               for e in sse_events(response.body)
               if e.endswith(b"}")]
    assert numbers == list(range(len(numbers))) and len(numbers) >= 5


@pytest.mark.parametrize("fmt", FORMATS, ids=repr)
@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_json_that_breaks_off(site, prompt, fmt, fault):
    """JSON cannot carry an error halfway: the cut must be visible."""
    response = site.ask(fmt, prompt, False, {"fault": fault, "words": 400})
    assert response.status >= 500 or not response.clean
    assert site.record(response)["not_stored"] == "broken"
    assert_not_stored(site, fmt, prompt, False)


# Of streams: the word in the record. None: whatever it is.
STREAM_FAULTS = [
    ({"fault": "cut"}, "no-terminator"),
    ({"fault": "cut", "at": 1}, "no-terminator"),
    ({"fault": "half"}, "no-terminator"),
    ({"fault": "no-done"}, "no-terminator"),
    ({"fault": "no-finish"}, None),
    ({"fault": "error-event"}, "error-event"),
    ({"fault": "error-done"}, "error-event"),
    ({"fault": "error-event", "at": 0}, "error-event"),
    ({"fault": "garbage-event"}, "bad-json"),
    ({"fault": "after-done"}, "data-after-end"),
    ({"finish": "content_filter"}, "content-filter"),
    ({"finish": "failed"}, None),
]

# Of both modes.
FAULTS = [
    ({"fault": "error-body"}, "error-body"),
    ({"fault": "bad-json"}, "bad-json"),
    ({"fault": "empty"}, None),
    ({"status": 500}, "status"),
    ({"status": 429}, "status"),
    ({"status": 401}, "status"),
    ({"status": 529}, "status"),
    ({"header": "Cache-Control:no-store"}, "upstream-no-store"),
    ({"header": "Vary:*"}, "vary-any"),
]

# Of JSON.
JSON_FAULTS = [
    ({"fault": "cut"}, "bad-json"),
    ({"fault": "no-finish"}, None),
    ({"finish": "content_filter"}, "content-filter"),
    ({"finish": "failed"}, None),
]


def has_it(fmt, knobs):
    """Whether a fault is one of the format, and against storing."""
    name = fmt.name
    if knobs.get("fault") == "no-finish" or "finish" in knobs:
        if knobs.get("finish") == "failed":
            return name == "responses"
        return name in ("chat", "completions", "responses", "messages")
    return True


CASES = [(f, stream, knobs, why)
         for f, stream in MODES
         for knobs, why in (STREAM_FAULTS if stream else JSON_FAULTS) + FAULTS
         if has_it(f, knobs)]


@pytest.mark.parametrize("fmt, stream, knobs, why", CASES, ids=fault_name)
def test_passed_on_as_it_came_and_not_stored(site, prompt, fmt, stream,
                                             knobs, why):
    direct = site.direct_ask(fmt, prompt, stream, knobs)
    response = site.ask(fmt, prompt, stream, knobs)
    assert response.status == direct.status
    assert response.body == direct.body
    for name in ("Content-Type", "Retry-After"):
        assert response.header(name) == direct.header(name)
    assert response.header("X-Cache") == "MISS"
    record = site.record(response)
    assert record["cache"] == "miss" and record["not_stored"]
    if why and fmt.name not in ("embeddings", "rerank"):
        assert record["not_stored"] == why
    assert_not_stored(site, fmt, prompt, stream)


@pytest.mark.parametrize("fmt, stream", MODES, ids=mode_name)
def test_at_the_length_limit(site, prompt, fmt, stream):
    """The caller's own limit is no fault, but of responses it is one."""
    knobs = {"finish": "length"}
    miss = site.ask(fmt, prompt, stream, knobs)
    said = site.record(miss)["not_stored"]
    again = site.ask(fmt, prompt, stream)
    if fmt.name == "responses":
        assert said == "incomplete" and again.header("X-Cache") == "MISS"
    else:
        assert said is None and again.header("X-Cache") == "HIT (exact)"


@pytest.mark.parametrize("name", ["chat", "completions", "messages"])
@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_the_length_limit_by_setting(memcached, demo, prompt, name, stream):
    fmt = next(f for f in FORMATS if f.name == name)
    with Site(memcached=memcached, demo=demo,
              options={"cache.store_length": "off"}) as strict:
        miss = strict.ask(fmt, prompt, stream, {"finish": "length"})
        assert strict.record(miss)["not_stored"] == "length"
        assert strict.ask(fmt, prompt, stream).header("X-Cache") == "MISS"


@pytest.mark.parametrize("fmt", STREAMING, ids=repr)
def test_comments_after_the_end_do_no_harm(site, prompt, fmt):
    miss = site.ask(fmt, prompt, True, {"comments": 1})
    assert miss.body.rstrip().endswith(b": keep-alive")
    assert site.record(miss)["not_stored"] is None
    hit = site.ask(fmt, prompt, True)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", miss.body)


@pytest.mark.parametrize("fmt, stream", MODES, ids=mode_name)
def test_an_upstream_that_is_down(site, prompt, fmt, stream):
    response = site.ask(fmt, prompt, stream,
                        body=fmt.body(prompt, stream, model="dead-1"))
    assert (response.status, response.clean) == (502, True)
    assert response.header("Content-Type") == "application/json"
    fmt.assert_error(response.body, "upstream_unreachable")
    assert site.record(response)["upstream"] == "dead"


@pytest.mark.parametrize("fmt, stream", MODES, ids=mode_name)
def test_an_unknown_model(site, prompt, fmt, stream):
    response = site.ask(fmt, prompt, stream,
                        body=fmt.body(prompt, stream, model="nobody"))
    assert response.status == 404
    fmt.assert_error(response.body, "model_not_found")


@pytest.mark.parametrize("name, path", [
    ("messages", "/v1/messages/count_tokens"),
    ("messages", "/v1/messages/batches"),
    ("chat", "/v1/models")])
def test_errors_beside_the_formats(memcached, demo, name, path):
    """Below Anthropic's path errors have Anthropic's shape."""
    fmt = next(f for f in FORMATS if f.name == name)
    options = {"upstream openai.url": "http://127.0.0.1:%d" % free_port()}
    with Site(memcached=memcached, demo=demo, options=options) as dead:
        response = dead.request("POST", path, fmt.headers, body=b"{}")
        assert response.status == 502
        fmt.assert_error(response.body, "upstream_unreachable")
        assert dead.record(response)["format"] == "other"
