"""Answers that only the connection's end ends: death looks like an end."""

import json

import pytest

from harness import Site, sse_events


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


@pytest.mark.parametrize("stream", [True, False])
def test_a_whole_one_is_stored(site, prompt, stream):
    first = site.chat(prompt, stream, demo={"close": 1})
    assert first.clean
    again = site.chat(prompt, stream)
    assert again.header("X-Cache") == "HIT (exact)"
    assert again.body == first.body


@pytest.mark.parametrize("fault", ["cut", "half", "no-done"])
def test_a_stream_that_ends_too_early_has_an_error(site, prompt, fault):
    knobs = {"close": 1, "fault": fault, "words": 12}
    first = site.chat(prompt, demo=knobs)
    events = sse_events(first.body)
    assert json.loads(events[-1])["error"]["code"] == "upstream_broken"
    assert b"[DONE]" not in first.body
    record = site.record(first)
    assert (record["error"], record["not_stored"]) == \
        ("upstream_broken", "broken")
    assert site.chat(prompt).header("X-Cache") == "MISS"


def test_json_that_ends_too_early_is_visibly_cut(site, prompt):
    first = site.chat(prompt, stream=False,
                      demo={"close": 1, "fault": "cut", "words": 200})
    assert not first.clean
    assert site.record(first)["error"] == "upstream_broken"
    assert site.chat(prompt, stream=False).header("X-Cache") == "MISS"
