"""
Embeddings, merged from what is stored of their inputs: whatever is in the
cache, the answer is the one the model alone gives, to the byte.
"""

import itertools
import json
import random
import threading

import pytest

from harness import Memcached, Nginx, Site, wait_until

PATH = "/v1/embeddings"
EVERY = itertools.count()


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def body_of(inputs, **fields):
    return json.dumps({"model": "demo", "input": inputs, **fields}).encode()


def headers_of(demo, headers=()):
    out = {"Content-Type": "application/json"}
    if demo:
        out["X-Demo"] = ", ".join("%s=%s" % p for p in demo.items())
    out.update(dict(headers))
    return out


def send(site, inputs, demo=None, headers=(), **fields):
    return site.send("POST", PATH, headers_of(demo, headers),
                     body=body_of(inputs, **fields))


def embed(site, inputs, demo=None, headers=(), **fields):
    response = send(site, inputs, demo, headers, **fields).head().finish()
    assert response.clean
    return response


def direct(site, inputs, demo=None, **fields):
    """What the model itself says to that."""
    return site.demo.client.request("POST", PATH, headers_of(demo),
                                    body=body_of(inputs, **fields))


def requests(site):
    return site.demo.stats()["requests"]


def asked(site):
    """The inputs of the last request the model got."""
    return json.loads(site.last_forwarded()[0])["input"]


def text(words=None):
    """A text nobody has asked for, of so many words (of one letter)."""
    n = next(EVERY)
    letters = [chr(97 + n // 26 ** i % 26) for i in range(6)]
    for _ in range((words or 7) - 6):
        letters.append("z")
    return " ".join(letters) + " "


def unique(inputs):
    """Without repeats, by the first place of each."""
    out = []
    for one in inputs:
        if one not in out:
            out.append(one)
    return out


def assert_hit(response):
    assert response.status == 200
    assert response.header("X-Cache") == "HIT (exact)"


def assert_partial(response, hits, places):
    assert (response.status, response.header("X-Cache")) == (200, "MISS")
    assert response.header("Cache-Status") == \
        'reprise; fwd=partial; detail="%d of %d"' % (hits, places)


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


def assert_same_answer(response, whole, usage):
    """usage: also what it costs is known exactly."""
    if usage:
        assert response.body == whole.body
        return
    ours, theirs = json.loads(response.body), json.loads(whole.body)
    for answer in (ours, theirs):
        assert set(answer.pop("usage")) == {"prompt_tokens", "total_tokens"}
    assert ours == theirs


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
        # What one of several texts costs is only shared out.
        exact = kind != "mixed"
        before = requests(site)
        response = embed(site, inputs, **fields)
        assert requests(site) - before == (1 if missing else 0)
        if missing:
            assert asked(site) == missing
            if hits:
                assert_partial(response, hits, len(inputs))
        else:
            assert_hit(response)
        assert_same_answer(response, direct(site, inputs, **fields), exact)
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


def test_2048_inputs(demo):
    rng = random.Random(2048)
    inputs = [text(rng.randint(6, 9)) for _ in range(2048)]
    warm = rng.sample(inputs, 700)
    with Memcached(megabytes=256) as m, \
            Site(memcached=m, demo=demo) as site:
        fields = {"dimensions": 256}
        embed(site, warm, **fields)
        before = gets(m)
        response = embed(site, inputs, **fields)
        # Each entry once, and the epoch.
        assert gets(m) - before == 2049
        assert_partial(response, 700, 2048)
        assert asked(site) == [i for i in inputs if i not in set(warm)]
        whole = direct(site, inputs, **fields)
        assert response.body == whole.body
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
        assert len(own_memcached.keys()) > len(own_memcached.manifests()) + 1
        response = embed(site, inputs, **fields)
        assert_partial(response, 3, 6)
        whole = direct(site, inputs, **fields)
        assert response.body == whole.body
        hit = embed(site, inputs, **fields)
        assert_hit(hit)
        assert hit.body == whole.body
        chunk = next(k for k in own_memcached.keys() if k.endswith(":1"))
        with own_memcached.connect() as m:
            m.delete(chunk)
        response = embed(site, inputs, **fields)
        assert_partial(response, 5, 6)
        assert response.body == whole.body


def test_one_of_three_memcacheds_dies(demo):
    inputs = [text() for _ in range(60)]
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
            assert_partial(response, 60 - lost, 60)
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


# ---- what goes wrong upstream ----------------------------------------------

@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("fault", ["short", "shuffle"])
def test_answers_that_do_not_match(site, fault, warm):
    inputs = [text() for _ in range(5)]
    if warm:
        embed(site, inputs[:warm])
    for _ in range(2):
        before = requests(site)
        response = embed(site, inputs, {"fault": fault})
        assert requests(site) - before == 1
        assert response.status == 502
        error = json.loads(response.body)["error"]
        assert error["code"] == "upstream_broken"
        record = site.record(response)
        assert record["not_stored"] == "mismatch"
        assert record["error"] == "upstream_broken"
    response = embed(site, inputs)
    assert asked(site) == inputs[warm:]
    assert response.body == direct(site, inputs).body


def test_one_input_and_no_vector(site):
    a = text()
    assert embed(site, a, {"fault": "short"}).status == 502
    assert embed(site, a).header("X-Cache") == "MISS"


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("demo_knobs, status", [
    ({"status": 400}, 400), ({"status": 429}, 429), ({"status": 500}, 500),
    ({"fault": "error-body"}, 200)])
def test_errors_pass_as_they_came(site, demo_knobs, status, warm):
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    response = embed(site, inputs, demo_knobs)
    wanted = direct(site, inputs[warm:], demo_knobs)
    assert (response.status, response.body) == (status, wanted.body)
    assert response.header("X-Cache") == "MISS"
    assert site.record(response)["not_stored"] == \
        ("error-body" if status == 200 else "status")
    embed(site, inputs)
    assert asked(site) == inputs[warm:]


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("fault", ["bad-json", "empty", "drop", "reset",
                                   "close-early", "garbage"])
def test_broken_answers(site, fault, warm):
    """An error, or the very bytes; never stored, never a wrong vector."""
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    response = embed(site, inputs, {"fault": fault})
    if response.status == 200:
        assert warm == 0 and fault in ("bad-json", "empty")
        assert response.body == direct(site, inputs, {"fault": fault}).body
    else:
        assert response.status == 502
        assert json.loads(response.body)["error"]["code"].startswith(
            "upstream_")
    assert site.record(response)["not_stored"] in ("bad-json", "broken")
    embed(site, inputs)
    assert asked(site) == inputs[warm:]


@pytest.mark.parametrize("warm", [0, 2])
def test_an_answer_that_is_no_json_passes(site, warm):
    """Of an altered request it would be the wrong one: asked as it was."""
    knobs = {"header": "Content-Encoding:x-none"}
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    for _ in range(2):
        response = embed(site, inputs, knobs)
        assert asked(site) == inputs
        assert response.status == 200
        assert response.body == direct(site, inputs).body
        assert response.header("Content-Encoding") == "x-none"
        assert site.record(response)["not_stored"] == "encoded"


def test_another_model_is_never_mixed(site):
    inputs = [text() for _ in range(5)]
    embed(site, inputs[:2], {"model": "old"})
    assert_hit(embed(site, inputs[:2]))
    before = requests(site)
    response = embed(site, inputs, {"model": "new"})
    assert requests(site) - before == 2
    assert asked(site) == inputs
    assert response.body == direct(site, inputs, {"model": "new"}).body
    assert response.header("Cache-Status") == "reprise; fwd=miss"
    record = site.record(response)
    cost = json.loads(response.body)["usage"]["total_tokens"]
    first = json.loads(direct(site, inputs[2:]).body)["usage"]
    assert record["tokens_spent"] == cost + first["total_tokens"]
    assert record["tokens_saved"] == 0
    hit = embed(site, inputs)
    assert_hit(hit)
    assert hit.body == response.body


def test_entries_of_two_models_are_not_mixed(site):
    a, b = text(), text()
    embed(site, a, {"model": "old"})
    embed(site, b, {"model": "new"})
    before = requests(site)
    response = embed(site, [a, b], {"model": "newest"})
    assert requests(site) - before == 1
    assert asked(site) == [a, b]
    assert json.loads(response.body)["model"] == "newest"
    assert_hit(embed(site, [b, a]))


def test_no_usage_is_fine(site):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:1], {"usage": "off"})
    response = embed(site, inputs, {"usage": "off"})
    assert response.body == direct(site, inputs, {"usage": "off"}).body
    assert embed(site, inputs).body == response.body


def leave(site, inputs, demo):
    """Ask, and leave when the model has been asked."""
    before = requests(site)
    left = send(site, inputs, demo)
    wait_until(lambda: requests(site) > before, what="the model be asked")
    left.close()


def test_a_client_that_leaves(memcached, demo):
    """on_abort = finish: what was asked for is stored all the same."""
    inputs = [text() for _ in range(3)]
    # Of the servers, nginx tells of it before there is an answer.
    with Site(Nginx, memcached=memcached, demo=demo) as site:
        before = requests(site)
        leave(site, inputs, {"delay": 300})
        record = site.records.wait(1)[0]
        assert record["aborted"] and record["not_stored"] is None
        assert_hit(embed(site, inputs))
        assert requests(site) - before == 1


def test_a_client_that_leaves_where_that_cancels(memcached, demo):
    inputs = [text() for _ in range(3)]
    options = {"cache.on_abort": "cancel"}
    with Site(Nginx, memcached=memcached, demo=demo,
              options=options) as site:
        aborted = site.demo.stats()["aborted"]
        leave(site, inputs, {"fault": "stall"})
        wait_until(lambda: site.demo.stats()["aborted"] > aborted,
                   what="the transfer be stopped")
        record = site.records.wait(1)[0]
        assert record["aborted"] and record["not_stored"] == "cancelled"
        assert embed(site, inputs).header("X-Cache") == "MISS"


# ---- what callers ask of the cache -----------------------------------------

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
    wrong = []

    def work(seed):
        rng = random.Random(seed)
        for _ in range(25):
            inputs = rng.choices(pool, k=rng.randint(1, 12))
            answer = json.loads(embed(site, inputs).body)
            got = [e["embedding"] for e in answer["data"]]
            if got != [vectors[i] for i in inputs]:
                wrong.append((seed, inputs))

    threads = [threading.Thread(target=work, args=(s,)) for s in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
    assert_hit(embed(site, pool))
