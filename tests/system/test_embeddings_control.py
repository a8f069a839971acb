"""
What callers and upstreams ask of the cache, where embeddings are merged.
"""

import json
import random
import threading

import pytest

from harness import Site, wait_until
from harness.embeddings import (
    EVERY, asked, assert_hit, assert_partial, direct, embed, requests, text)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def test_headers_and_record_of_a_mix(site):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:2])
    response = embed(site, inputs)
    assert_partial(response, 2, 3)
    assert int(response.header("Content-Length")) == len(response.body)
    assert response.header("Age") is None
    record = site.record(response)
    cost = json.loads(response.body)["usage"]["total_tokens"]
    spent = json.loads(direct(site, inputs[2:]).body)["usage"]
    assert (record["cache"], record["not_stored"]) == ("miss", None)
    assert (record["format"], record["model"]) == ("embeddings", "demo")
    assert record["usage"] == spent
    assert record["tokens_spent"] == spent["total_tokens"]
    assert record["tokens_saved"] == cost - spent["total_tokens"]


def test_a_hit_is_as_old_as_its_oldest(site):
    a, b = text(), text()
    embed(site, a, headers={"X-Cache-TTL": "100"})
    wait_until(lambda: int(embed(site, a).header("Age")) >= 1,
               what="the entry to be a second old")
    embed(site, b, headers={"X-Cache-TTL": "1000"})
    hit = embed(site, [b, a])
    assert_hit(hit)
    assert int(hit.header("Age")) >= 1
    ttl = hit.header("Cache-Status").split("ttl=")[1].split(";")[0]
    assert 0 < int(ttl) < 100
    # No older than asked for: the old one is asked anew.
    response = embed(site, [b, a], headers={"Cache-Control": "max-age=0"})
    assert response.header("X-Cache") == "MISS"
    assert a in asked(site)


def test_no_cache_asks_for_all_and_stores(site):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:2])
    response = embed(site, inputs, headers={"Cache-Control": "no-cache"})
    assert response.header("X-Cache") == "MISS"
    assert response.header("Cache-Status") == "reprise; fwd=request"
    assert asked(site) == inputs
    assert_hit(embed(site, inputs))


@pytest.mark.parametrize("way", ["header", "body"])
def test_no_store_stores_nothing(site, way):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:1])
    if way == "header":
        response = embed(site, inputs,
                         headers={"Cache-Control": "no-store"})
    else:
        response = embed(site, inputs, cache={"no-store": True})
        assert b"cache" not in site.last_forwarded()[0]
    assert response.header("X-Cache") == "BYPASS"
    assert asked(site) == inputs
    response = embed(site, inputs)
    assert_partial(response, 1, 3)


def test_no_time_to_live_stores_nothing(site):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:1])
    response = embed(site, inputs, headers={"X-Cache-TTL": "0"})
    assert_partial(response, 1, 3)
    assert site.record(response)["not_stored"] == "zero-ttl"
    assert_partial(embed(site, inputs), 1, 3)


def test_namespaces_are_apart(site):
    inputs = [text() for _ in range(3)]
    one = {"X-Cache-Namespace": "one-%d" % next(EVERY)}
    embed(site, inputs, headers=one)
    assert embed(site, inputs).header("X-Cache") == "MISS"
    assert_hit(embed(site, inputs, headers=one))
    assert_hit(embed(site, inputs, cache={
        "namespace": one["X-Cache-Namespace"]}))


def test_callers_are_apart(site):
    a = text()
    embed(site, a)
    other = {"Authorization": "Bearer sk-other"}
    assert embed(site, a, headers=other).header("X-Cache") == "MISS"


def test_only_if_cached(site):
    inputs = [text() for _ in range(3)]
    only = {"Cache-Control": "only-if-cached"}
    embed(site, inputs[:2])
    before = requests(site)
    refused = embed(site, inputs, headers=only)
    assert refused.status == 504
    assert json.loads(refused.body)["error"]["code"] == "only_if_cached"
    assert "detail=only-if-cached" in refused.header("Cache-Status")
    assert_hit(embed(site, inputs[1::-1], headers=only))
    assert requests(site) == before


@pytest.mark.parametrize("header, why", [
    ("Cache-Control:no-store", "upstream-no-store"),
    ("Vary:*", "vary-any")])
def test_what_the_upstream_forbids(site, header, why):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:1])
    response = embed(site, inputs, {"header": header.replace("*", "%2A")})
    assert_partial(response, 1, 3)
    assert site.record(response)["not_stored"] == why
    assert_partial(embed(site, inputs), 1, 3)


def test_vary(site):
    inputs = [text() for _ in range(3)]
    knobs = {"header": "Vary:Accept-Language"}
    de, fr = {"Accept-Language": "de"}, {"Accept-Language": "fr"}
    embed(site, inputs[:2], knobs, headers=de)
    assert_partial(embed(site, inputs, headers=de), 2, 3)
    response = embed(site, inputs, knobs, headers=fr)
    assert response.header("Vary") is not None
    assert asked(site) == inputs[:2]  # the third varies with nothing
    assert_hit(embed(site, inputs, headers=fr))


def test_headers_of_the_bytes_are_not_kept(site):
    """An entity tag of one answer says nothing of a merged one."""
    inputs = [text() for _ in range(2)]
    knobs = {"header": "ETag:x1"}
    assert embed(site, inputs, knobs).header("ETag") == "x1"
    assert embed(site, inputs).header("ETag") is None
    more = inputs + [text()]
    assert embed(site, more, knobs).header("ETag") is None


def test_many_at_once(site):
    """Any subsets from many clients: always the right vectors."""
    pool = [text() for _ in range(30)]
    vectors = {i: json.loads(direct(site, i).body)["data"][0]["embedding"]
               for i in pool}
    wrong, ended = [], []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(25):
            inputs = rng.choices(pool, k=rng.randint(1, 12))
            answer = json.loads(embed(site, inputs).body)
            got = [e["embedding"] for e in answer["data"]]
            if got != [vectors[i] for i in inputs]:
                wrong.append((seed, inputs))
        ended.append(seed)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and sorted(ended) == list(range(8))
    assert_hit(embed(site, pool))
