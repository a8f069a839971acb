"""
Embeddings, merged from what is stored of their inputs: whatever is in the
cache, the answer is the one the model alone gives, to the byte.
"""

import json
import random
import re

import pytest

from harness import Memcached, Site, wait_until
from harness.embeddings import (
    EVERY, PATH, asked, assert_hit, assert_partial, direct, embed,
    headers_of, requests, text, unique)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


# ---- any mix ---------------------------------------------------------------

def random_text(rng):
    """Any text; its cost is not in proportion to its length."""
    kinds = ["a word or two", "caf\u00e9 \u20ac \U0001f600", "\n\t\\\"",
             "[DONE]", "\u0001", "}],{", "\u2028"]
    return "%s %d %d" % (rng.choice(kinds), next(EVERY), rng.random() < .5)


def random_tokens(rng):
    return [next(EVERY) for _ in range(rng.randint(1, 5))]


KINDS = {
    "texts": lambda rng: text(rng.randint(6, 30)),
    "tokens": random_tokens,
    "mixed": lambda rng: rng.choice([random_text, random_tokens])(rng),
}
FIELDS = [{}, {"encoding_format": "base64"},
          {"encoding_format": "float", "dimensions": 3},
          {"dimensions": 700, "encoding_format": "base64"},
          {"user": "u", "unheard_of": [1, {"a": 1.0}]}]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", KINDS)
def test_any_mix_of_hits_and_misses(site, kind, seed):
    rng = random.Random("%s %d" % (kind, seed))
    fields = FIELDS[seed % len(FIELDS)]
    pool = [KINDS[kind](rng) for _ in range(rng.choice([1, 2, 5, 40]))]
    known = []
    for _ in range(6):
        inputs = [rng.choice(pool)
                  for _ in range(rng.randint(1, 2 * len(pool)))]
        missing = [i for i in unique(inputs) if i not in known]
        hits = sum(i in known for i in inputs)
        before = requests(site)
        response = embed(site, inputs, **fields)
        assert requests(site) - before == (1 if missing else 0)
        if missing:
            assert asked(site) == missing
            if hits:
                assert_partial(response, hits, len(inputs))
        else:
            assert_hit(response)
        # Also what it costs: the upstream counts words.
        assert response.body == direct(site, inputs, **fields).body
        known += missing
        again = embed(site, inputs, **fields)
        assert_hit(again)
        assert again.body == response.body


@pytest.mark.parametrize("seed", range(4))
def test_usage_of_any_inputs_asked_one_by_one(site, seed):
    rng = random.Random(seed)
    pool = [KINDS["mixed"](rng) for _ in range(8)]
    for one in pool:
        embed(site, [one])
    inputs = [rng.choice(pool) for _ in range(20)]
    hit = embed(site, inputs)
    assert_hit(hit)
    assert hit.body == direct(site, inputs).body


def test_what_a_batch_costs_adds_up(site):
    """Shared out by length, whatever the words: the sum is the model's."""
    inputs = ["a %d bb cc" % next(EVERY), "x" * 40 + str(next(EVERY)), "e",
              "\u20ac \u20ac %d" % next(EVERY)]
    whole = direct(site, inputs).body
    embed(site, inputs)
    assert embed(site, inputs).body == whole
    parts = [json.loads(embed(site, i).body)["usage"] for i in inputs]
    assert sum(p["total_tokens"] for p in parts) == \
        json.loads(whole)["usage"]["total_tokens"]


def test_one_input_in_every_form(site):
    """Alone or in an array, it is the same question."""
    a, tokens = text(), random_tokens(random)
    miss = embed(site, a)
    assert miss.header("X-Cache") == "MISS"
    assert asked(site) == a
    assert miss.body == direct(site, a).body
    for form in (a, [a]):
        assert_hit(embed(site, form))
    miss = embed(site, [tokens])
    assert miss.header("X-Cache") == "MISS"
    for form in (tokens, [tokens]):
        hit = embed(site, form)
        assert_hit(hit)
        assert hit.body == miss.body == direct(site, form).body


def test_spelling_does_not_matter(site):
    a = text()
    embed(site, a)
    spelled = "".join("\\u%04x" % ord(c) for c in a)
    body = b'{ "input" : [ "%s" ],\n"model":"d\\u0065mo"}' % spelled.encode()
    hit = site.request("POST", PATH, headers_of(None), body=body)
    assert_hit(hit)


def test_repeats_are_asked_once_and_cost_every_time(site):
    a, b = text(), text(20)
    inputs = [a, b, a, a, b]
    response = embed(site, inputs)
    assert asked(site) == [a, b]
    assert response.body == direct(site, inputs).body
    record = site.record(response)
    total = json.loads(response.body)["usage"]["total_tokens"]
    assert record["usage"] == json.loads(direct(site, [a, b]).body)["usage"]
    assert record["tokens_spent"] + record["tokens_saved"] == total
    hit = embed(site, inputs)
    assert_hit(hit)
    assert hit.body == response.body


def test_what_changes_a_vector_is_in_the_key(site):
    a = text()
    answers = set()
    for fields in FIELDS:
        miss = embed(site, [a], **fields)
        assert miss.header("X-Cache") == "MISS"
        hit = embed(site, [a], **fields)
        assert_hit(hit)
        assert hit.body == miss.body == direct(site, [a], **fields).body
        answers.add(miss.body)
    assert len(answers) >= 4


def test_the_request_goes_up_as_it_came(site):
    """When nothing is to be left out, not a blank of it changes."""
    a, b = text(), text()
    body = ('{"model": "demo",  "input" : [ "%s" ,"%s"],"x":1.50 }'
            % (a, b)).encode()
    site.request("POST", PATH, headers_of(None), body=body)
    assert site.last_forwarded()[0] == body
    c = text()
    body = body.replace(b.encode(), c.encode())
    site.request("POST", PATH, headers_of(None), body=body)
    assert site.last_forwarded()[0] == \
        ('{"model": "demo",  "input" : ["%s"],"x":1.50 }' % c).encode()


# ---- large ones, and how memcached is asked --------------------------------

def gets(memcached):
    with memcached.connect() as m:
        return int(m.stat("cmd_get"))


def segments(memcached):
    """What flights keep there; removed as the last thing of a request."""
    return [k for k in memcached.keys()
            if re.search(r":f[0-9a-f]{32}:[0-9]+$", k)]


def test_2048_inputs(demo):
    # So that the leader looks after its flight only when it begins and ends.
    options = {"flight.lease": "10m"}
    rng = random.Random(2048)
    inputs = [text(rng.randint(6, 9)) for _ in range(2048)]
    warm = rng.sample(inputs, 700)
    with Memcached(megabytes=256) as m, \
            Site(memcached=m, demo=demo, options=options) as site:
        fields = {"dimensions": 256}
        embed(site, warm, **fields)
        before = gets(m)
        response = embed(site, inputs, **fields)
        # Each entry once, the epoch, and what the flight of identical
        # requests asks: not each entry again.
        assert 2049 <= gets(m) - before < 2049 + 20
        assert_partial(response, 700, 2048)
        assert asked(site) == [i for i in inputs if i not in set(warm)]
        whole = direct(site, inputs, **fields)
        assert response.body == whole.body
        wait_until(lambda: not segments(m), what="the flight to be over")
        asked_before, before = requests(site), gets(m)
        hit = embed(site, inputs, **fields)
        assert_hit(hit)
        assert hit.body == whole.body
        assert gets(m) - before == 2049
        assert requests(site) == asked_before
        record = site.record(hit)
        assert record["tokens_saved"] == \
            json.loads(whole.body)["usage"]["total_tokens"]


def test_entries_in_chunks(demo, own_memcached):
    options = {"cache.chunk": "4K", "cache.compress": "off"}
    fields = {"dimensions": 1000}
    with Site(memcached=own_memcached, demo=demo, options=options) as site:
        inputs = [text() for _ in range(6)]
        embed(site, inputs[:3], **fields)
        assert own_memcached.chunks()
        response = embed(site, inputs, **fields)
        assert_partial(response, 3, 6)
        whole = direct(site, inputs, **fields)
        assert response.body == whole.body
        hit = embed(site, inputs, **fields)
        assert_hit(hit)
        assert hit.body == whole.body
        chunk = next(k for k in own_memcached.chunks() if k.endswith(":1"))
        with own_memcached.connect() as m:
            m.delete(chunk)
        response = embed(site, inputs, **fields)
        assert_partial(response, 5, 6)
        assert response.body == whole.body


def test_one_of_three_memcacheds_dies(demo):
    # So many that none of the three, by chance, has nothing.
    inputs = [text() for _ in range(99)]
    options = {"cache.retry": "10m"}
    with Memcached() as a, Memcached() as b, Memcached() as c, \
            Site(memcached=[a, b, c], demo=demo, options=options) as site:
        whole = embed(site, inputs)
        assert whole.body == direct(site, inputs).body
        assert all(m.manifests() for m in (a, b, c))
        lost = len(b.manifests())
        b.kill()
        for _ in range(2):
            response = embed(site, inputs)
            assert_partial(response, 99 - lost, 99)
            assert len(asked(site)) == lost
            assert response.body == whole.body


def test_memcached_dies_and_comes_back(demo):
    inputs = [text() for _ in range(5)]
    with Memcached() as m, Site(memcached=m, demo=demo,
                                options={"cache.retry": "50ms"}) as site:
        whole = embed(site, inputs).body
        assert_hit(embed(site, inputs))
        m.kill()
        for _ in range(3):
            response = embed(site, inputs)
            assert (response.status, response.body) == (200, whole)
            assert response.header("X-Cache") == "MISS"
        assert site.record(response)["not_stored"] == "store-down"
        m.start()
        wait_until(lambda: embed(site, inputs).header("X-Cache") ==
                   "HIT (exact)", what="hits again")
        assert embed(site, inputs).body == whole
