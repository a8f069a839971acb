"""What a caller may ask of the cache, and what it is told."""

import json
import re
import time
import uuid

import pytest

from harness import Site, wait_until


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def state(site, prompt, headers=(), **more):
    return site.chat(prompt, headers=headers, **more).header("X-Cache")


def test_no_cache_is_not_read_but_stored(site, prompt):
    first = site.chat(prompt)
    asked_anew = site.chat(prompt, headers={"Cache-Control": "no-cache"})
    assert asked_anew.header("X-Cache") == "MISS"
    assert asked_anew.body == first.body
    other = prompt + " other"
    assert state(site, other, {"Cache-Control": "no-cache"}) == "MISS"
    assert state(site, other) == "HIT (exact)"


def test_no_store_is_neither_read_nor_stored(site, prompt):
    no_store = {"Cache-Control": "no-store"}
    response = site.chat(prompt, headers=no_store)
    assert response.header("X-Cache") == "BYPASS"
    assert re.fullmatch(r"reprise; *fwd=bypass; *detail=no-store",
                        response.header("Cache-Status"))
    assert site.record(response)["not_stored"] == "no-store"
    assert state(site, prompt) == "MISS"
    assert state(site, prompt) == "HIT (exact)"
    assert state(site, prompt, no_store) == "BYPASS"


def test_max_age(site, prompt):
    site.chat(prompt)
    assert state(site, prompt, {"Cache-Control": "max-age=3600"}) == \
        "HIT (exact)"
    wait_until(lambda: int(site.chat(prompt).header("Age")) >= 1,
               what="the entry to be a second old")
    assert state(site, prompt, {"Cache-Control": "max-age=0"}) == "MISS"
    assert state(site, prompt) == "HIT (exact)"


@pytest.mark.parametrize("stream", [True, False])
def test_only_if_cached(site, prompt, stream):
    only = {"Cache-Control": "only-if-cached"}
    before = site.demo.stats()["chat"]
    refused = site.chat(prompt, stream, headers=only)
    assert (refused.status, refused.clean) == (504, True)
    error = json.loads(refused.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "only_if_cached"
    assert site.demo.stats()["chat"] == before
    record = site.record(refused)
    assert (record["status"], record["not_stored"]) == (504, "only-if-cached")
    site.chat(prompt, stream)
    assert state(site, prompt, only, stream=stream) == "HIT (exact)"


def test_directives_in_any_case_and_company(site, prompt):
    header = {"Cache-Control": "foo=\"no-store\", NO-CACHE , max-age=\"9\""}
    assert state(site, prompt, header) == "MISS"
    assert state(site, prompt, header) == "MISS"
    assert state(site, prompt) == "HIT (exact)"


def test_x_cache_ttl(site, prompt):
    site.chat(prompt, headers={"X-Cache-TTL": "1m"})
    hit = site.chat(prompt)
    assert hit.header("X-Cache") == "HIT (exact)"
    ttl = re.search(r"ttl=(\d+)", hit.header("Cache-Status"))
    assert int(ttl.group(1)) <= 60
    short = prompt + " short"
    site.chat(short, headers={"X-Cache-TTL": "1s"})
    only = {"Cache-Control": "only-if-cached"}
    wait_until(lambda: site.chat(short, headers=only).status == 504,
               what="the entry to expire")


def test_x_cache_ttl_zero_stores_nothing(site, prompt):
    zero = {"X-Cache-TTL": "0"}
    response = site.chat(prompt, headers=zero)
    assert site.record(response)["not_stored"] == "zero-ttl"
    assert state(site, prompt) == "MISS"


@pytest.mark.parametrize("name, value", [
    ("X-Cache-TTL", "soon"), ("X-Cache-TTL", "-1"), ("X-Cache-TTL", "11y"),
    ("X-Cache-TTL", "99999999999999999999"),
    ("X-Cache-Namespace", "a b"), ("X-Cache-Namespace", "n" * 129),
])
def test_malformed_control_is_refused(site, prompt, name, value):
    response = site.chat(prompt, headers={name: value})
    assert response.status == 400
    assert name in json.loads(response.body)["error"]["message"]
    assert site.record(response)["status"] == 400


def test_namespaces_are_apart(site, memcached, prompt):
    ns = "team-" + uuid.uuid4().hex[:8]
    in_ns = {"X-Cache-Namespace": ns}
    site.chat(prompt)
    assert state(site, prompt, in_ns) == "MISS"
    assert state(site, prompt, in_ns) == "HIT (exact)"
    assert [k for k in memcached.manifests() if k.startswith(
        "r1:%s:" % ns)]
    odd = {"X-Cache-Namespace": "a/b:%20\"~" + "n" * 100}
    assert state(site, prompt, odd) == "MISS"
    assert state(site, prompt, odd) == "HIT (exact)"


def test_response_headers_of_a_miss_and_a_hit(site, prompt):
    miss, hit = site.chat(prompt), site.chat(prompt)
    assert re.fullmatch(r"reprise; *fwd=miss", miss.header("Cache-Status"))
    assert miss.header("Age") is None
    told = re.fullmatch(
        r'reprise; *hit; *ttl=(\d+); *key="([0-9a-f]+)"',
        hit.header("Cache-Status"))
    assert told and 3500 < int(told.group(1)) <= 3600
    assert int(hit.header("Age")) >= 0
    key = site.record(hit)["key"]
    assert told.group(2).startswith(key) or key.startswith(told.group(2))
    assert len(hit.header_all("X-Cache")) == 1
    assert int(hit.header("Content-Length")) == len(hit.body) \
        if hit.header("Content-Length") else True


def test_bypass_is_said_for_paths_that_are_never_cached(site):
    response = site.request("GET", "/v1/models")
    assert response.header("X-Cache") == "BYPASS"
    assert response.header("Cache-Status").startswith("reprise; fwd=bypass")


@pytest.mark.parametrize("asked, kept", [
    ("abc-123_.:x", True), ("x" * 128, True), (None, False),
    ("with blank", False), ("x" * 129, False), ("q\"uote", False),
    ("<b>", False),
])
def test_request_ids(site, prompt, asked, kept):
    for _ in range(2):  # on the miss and on the hit
        response = site.chat(prompt, headers={"X-Request-Id": asked})
        said = response.header("X-Request-Id")
        assert (said == asked) is kept
        assert re.fullmatch(r"[!-~]{1,128}", said)
        assert len(response.header_all("X-Request-Id")) == 1


def test_end_to_end_headers_are_replayed(site, prompt):
    knobs = {"header": ["Access-Control-Allow-Origin:*", "X-Model-Tier:9",
                        "Set-Cookie:a=b", "X-RateLimit-Remaining-Tokens:7",
                        "OpenAI-Processing-Ms:12", "CF-Ray:abc",
                        "Retry-After:3", "Link:<a>", "Link:<b>"]}
    miss, hit = site.chat(prompt, demo=knobs), site.chat(prompt)
    assert hit.header("X-Cache") == "HIT (exact)"
    for name in ("Access-Control-Allow-Origin", "X-Model-Tier"):
        assert hit.header(name) == miss.header(name) is not None
    assert hit.header_all("Link") == miss.header_all("Link")
    for name in ("Set-Cookie", "X-RateLimit-Remaining-Tokens",
                 "OpenAI-Processing-Ms", "CF-Ray", "Retry-After"):
        assert miss.header(name) is not None
        assert hit.header(name) is None


def test_vary(site, prompt):
    knobs = {"header": "Vary:X-Flavour, Accept-Encoding"}
    assert state(site, prompt, {"X-Flavour": "a"}, demo=knobs) == "MISS"
    assert state(site, prompt, {"X-Flavour": "a"}) == "HIT (exact)"
    assert state(site, prompt, {"X-Flavour": "b"}, demo=knobs) == "MISS"
    assert state(site, prompt, {"X-Flavour": "b",
                                "Accept-Encoding": "br"}) == "HIT (exact)"


@pytest.mark.parametrize("stream", [True, False])
def test_records_of_a_miss_and_a_hit(site, prompt, stream):
    more = {"stream_options": {"include_usage": True}} if stream else {}
    miss = site.chat(prompt, stream, **more)
    hit = site.chat(prompt, stream, **more)
    a, b = site.record(miss), site.record(hit)
    for r in (a, b):
        assert (r["method"], r["path"]) == ("POST", "/v1/chat/completions")
        assert (r["format"], r["model"]) == ("chat", "demo")
        assert (r["stream"], r["status"]) == (stream, 200)
        assert r["upstream"] == "openai" and not r["aborted"]
        assert r["not_stored"] is None
        assert r["bytes"] == len(miss.body)
        assert 0 < r["ttft_ms"] <= r["duration_ms"]
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", r["time"])
        assert re.fullmatch("[0-9a-f]{6,64}", r["key"])
    assert (a["cache"], b["cache"]) == ("miss", "hit")
    assert a["key"] == b["key"] and a["caller"] == b["caller"] is not None
    assert a["tokens_spent"] > 0 and a["tokens_saved"] == 0
    assert (b["tokens_spent"], b["tokens_saved"]) == (0, a["tokens_spent"])


def test_who_waited_for_a_worker_is_told_what_is_left_now(
        memcached, theatre, stage, demo, crowd, question):
    options = {"server.threads": "1", "server.queue_timeout": "1m",
               "upstream openai.url": theatre.url}
    with Site(memcached=memcached, demo=demo, options=options,
              processes=1) as site:
        leader = crowd.start(site.send_chat(question))
        call = stage.next()
        second = crowd.start(site.send_chat(question))
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() > begun + 2,
                   what="the second to have waited for two seconds")
        call.play_all()
        crowd.finish()
        assert leader.header("X-Cache") == "MISS"
        assert second.header("X-Cache") == "HIT (exact)"
        ttl = re.search(r"ttl=(\d+)", second.header("Cache-Status"))
        assert int(ttl.group(1)) <= 3600
        assert len(stage.calls) == 1
