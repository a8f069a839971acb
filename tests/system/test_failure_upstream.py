"""The upstream refuses, resets, stalls, dies, or talks nonsense."""

import json

import pytest

from harness import Site, sse_events
from harness.process import free_port

MID_STREAM = {"at": 3, "words": 12}


OPTIONS = {"upstream openai.models": "demo*"}


@pytest.fixture(scope="module")
def site(memcached, demo):
    options = {
        **OPTIONS,
        "upstream dead.url": "http://127.0.0.1:%d" % free_port(),
        "upstream dead.models": "dead*",
    }
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


@pytest.fixture(scope="module")
def hasty(memcached, demo):
    """The same, for models that say nothing: it does not wait for long."""
    options = {
        **OPTIONS,
        "upstream openai.first_byte_timeout": "3s",
        "upstream openai.idle_timeout": "3s",
    }
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


def assert_openai_error(body, code):
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code and error["message"] and error["type"]


def assert_not_stored(site, prompt, stream=True):
    """The same question, with a model that is well again, is a miss."""
    again = site.chat(prompt, stream=stream)
    assert (again.status, again.header("X-Cache")) == (200, "MISS")
    assert site.chat(prompt, stream=stream).body == again.body


@pytest.mark.parametrize("stream", [True, False])
def test_refused(site, prompt, stream):
    response = site.chat(prompt, model="dead-1", stream=stream)
    assert (response.status, response.clean) == (502, True)
    assert_openai_error(response.body, "upstream_unreachable")
    record = site.record(response)
    assert (record["status"], record["upstream"]) == (502, "dead")
    assert (record["cache"], record["stream"]) == ("miss", stream)
    assert record["not_stored"] and not record["aborted"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("knobs, status, code", [
    ({"fault": "close-early"}, 502, "upstream_broken"),
    ({"fault": "garbage"}, 502, "upstream_broken"),
    ({"fault": "huge-header"}, 502, "upstream_broken"),
    ({"delay": 20000}, 504, "upstream_timeout"),
], ids=["close-early", "garbage", "huge-header", "silent"])
def test_nothing_came(site, hasty, prompt, stream, knobs, status, code):
    asked = hasty if code == "upstream_timeout" else site
    response = asked.chat(prompt, stream=stream, demo=knobs)
    assert (response.status, response.clean) == (status, True)
    assert response.header("Content-Type") == "application/json"
    assert_openai_error(response.body, code)
    assert asked.record(response)["status"] == status
    assert_not_stored(site, prompt, stream)


@pytest.mark.parametrize("fault", ["drop", "reset", "stall"])
def test_died_in_mid_stream(site, hasty, prompt, fault):
    asked = hasty if fault == "stall" else site
    response = asked.chat(prompt, demo=dict(MID_STREAM, fault=fault))
    assert response.status == 200
    events = sse_events(response.body)
    assert b"[DONE]" not in events
    assert_openai_error(events[-1], "upstream_timeout" if fault == "stall"
                        else "upstream_broken")
    whole = sse_events(site.direct(prompt, demo={"words": 12}).body)
    assert 1 <= len(events) - 1 <= 4
    for ours, theirs in zip(events[:3], whole):
        assert ours == theirs
    record = asked.record(response)
    assert record["not_stored"] == "broken" and not record["aborted"]
    assert_not_stored(site, prompt)


@pytest.mark.parametrize("fault", ["drop", "reset", "stall"])
def test_died_in_mid_json(site, hasty, prompt, fault):
    """JSON cannot carry an error halfway: the cut must be visible."""
    asked = hasty if fault == "stall" else site
    response = asked.chat(prompt, stream=False,
                          demo={"fault": fault, "words": 400})
    assert response.status >= 500 or not response.clean
    assert asked.record(response)["not_stored"] == "broken"
    assert_not_stored(site, prompt, stream=False)


# What no cache may keep (peers nearly all keep some of these).
CUT_CLEAN = [
    ({"fault": "cut"}, "no-terminator"),
    ({"fault": "half"}, "no-terminator"),
    ({"fault": "no-done"}, "no-terminator"),
    ({"fault": "no-finish"}, "no-finish-reason"),
    ({"fault": "error-event"}, "error-event"),
    ({"fault": "error-done"}, "error-event"),
    ({"fault": "garbage-event"}, "bad-json"),
    ({"fault": "after-done"}, "data-after-end"),
    ({"fault": "error-body"}, None),
    ({"fault": "bad-json"}, None),
    ({"fault": "empty"}, None),
    ({"status": 500}, "status"),
    ({"status": 429}, "status"),
    ({"status": 401}, "status"),
    ({"finish": "content_filter"}, "content-filter"),
    ({"header": "Cache-Control:no-store"}, "upstream-no-store"),
    ({"header": "Vary:*"}, "vary-any"),
    ({"header": "Content-Encoding:br"}, "encoded"),
]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("knobs, why", CUT_CLEAN, ids=[
    "-".join(map(str, k.values())) for k, _ in CUT_CLEAN])
def test_passed_on_as_it_came_and_not_stored(site, prompt, knobs, why,
                                             stream):
    if not stream and knobs.get("fault") in (
            "no-done", "error-event", "error-done", "garbage-event",
            "after-done"):
        return  # faults of streams only
    direct = site.direct(prompt, stream, demo=knobs)
    response = site.chat(prompt, stream, demo=knobs)
    assert response.status == direct.status
    assert response.body == direct.body
    assert response.header("Content-Type") == direct.header("Content-Type")
    assert response.header("X-Cache") == "MISS"
    record = site.record(response)
    assert record["cache"] == "miss" and record["not_stored"]
    if why and stream:
        assert record["not_stored"] == why
    assert_not_stored(site, prompt, stream)


def test_retry_after_passes(site, prompt):
    response = site.chat(prompt, demo={"status": 429})
    assert (response.status, response.header("Retry-After")) == (429, "1")


# Legal, if odd: stored, and replayed byte for byte.
ODD = [{"crlf": 1}, {"cr": 1}, {"comments": 1}, {"bom": 1},
       {"multiline": 1}, {"split": 1, "words": 4}, {"fault": "half-utf8"},
       {"reasoning": 1}, {"tools": 1}, {"choices": 3}, {"usage": "off"},
       {"json": 1}, {"close": 1}, {"length": 1}, {"finish": "length"}]


@pytest.mark.parametrize("knobs", ODD, ids=[
    "-".join("%s=%s" % p for p in k.items()) for k in ODD])
def test_odd_but_whole_answers_are_stored(site, prompt, knobs):
    direct = site.direct(prompt, demo=knobs)
    miss = site.chat(prompt, demo=knobs)
    site.record(miss)  # a stream is stored after its last byte has gone
    hit = site.chat(prompt)
    assert miss.body == direct.body and miss.clean
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.body == direct.body
    assert hit.header("Content-Type") == direct.header("Content-Type")


def test_a_stream_to_a_plain_request_is_what_it_says(site, prompt):
    miss = site.chat(prompt, stream=False, demo={"sse": 1})
    hit = site.chat(prompt, stream=False)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.header("Content-Type") == miss.header("Content-Type")
    assert hit.header("Content-Type").startswith("text/event-stream")
    assert hit.body == miss.body
