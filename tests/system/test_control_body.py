"""What a caller may say about the cache in the body of its request."""

import json
import re
import uuid

import pytest

from harness import FORMATS, Site, mode_name, wait_until

JSON_FORMATS = [f for f in FORMATS
                if f.headers["Content-Type"] == "application/json"]
CHAT = FORMATS[0]
OVER_FORMATS = pytest.mark.parametrize("fmt", JSON_FORMATS, ids=repr)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


@pytest.fixture(scope="module")
def opt_in(memcached, demo):
    options = {"cache.mode": "opt_in", "cache.namespace": "opted"}
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


def state(site, prompt, asked=None, fmt=CHAT, stream=False, headers=()):
    more = {} if asked is None else {"cache": asked}
    response = site.ask(fmt, prompt, stream, headers=headers, **more)
    assert response.status == 200, response.body
    return response.header("X-Cache")


# Bodies with a cache object, and what must be left of them.
CUTS = [
    ('{"cache":{"ttl":60},"model":"demo",@}', '{"model":"demo",@}'),
    ('{"model":"demo","cache":{"ttl":60},@}', '{"model":"demo",@}'),
    ('{"model":"demo",@,"cache":{"ttl":60}}', '{"model":"demo",@}'),
    ('{"model":"demo",@,"c\\u0061che":{"ttl":60}}', '{"model":"demo",@}'),
    ('{ "model" : "demo" , @ ,\n "x": 1.50, "cache" : { "ttl" : 60 } }\n',
     None),
    ('{"model":"demo",@,"x":{"cache":{"a":1}},"cache":{}}',
     '{"model":"demo",@,"x":{"cache":{"a":1}}}'),
    ('{"model":"demo",@,"x":"\\"cache\\":{\\"ttl\\":1}","cache":{"ttl":60}}',
     '{"model":"demo",@,"x":"\\"cache\\":{\\"ttl\\":1}"}'),
]


@OVER_FORMATS
@pytest.mark.parametrize("text, left", CUTS)
def test_it_is_taken_out(site, prompt, fmt, text, left):
    members = fmt.request(prompt)
    del members["model"]
    inner = json.dumps(members)[1:-1]
    body = text.replace("@", inner).encode()
    miss = site.ask(fmt, prompt, body=body)
    assert (miss.status, miss.header("X-Cache")) == (200, "MISS")
    seen, headers = site.last_forwarded()
    assert int(headers["content-length"]) == len(seen)
    if left is not None and fmt.name != "embeddings":
        assert seen == left.replace("@", inner).encode()
    whole = json.loads(body)
    del whole["cache"]
    assert json.loads(seen) == whole
    if "1.50" in text:
        assert b'"x": 1.50' in seen
    again = site.ask(fmt, prompt, body=json.dumps(whole).encode()
                     if left is None else left.replace("@", inner).encode())
    if "1.50" not in text:
        assert again.header("X-Cache") == "HIT (exact)"


@OVER_FORMATS
def test_it_is_no_part_of_the_key(site, prompt, fmt):
    assert state(site, prompt, {"ttl": 60}, fmt) == "MISS"
    for asked in ({"ttl": 61}, {}, None, {"no-cache": False}, {"ttl": None},
                  {"use-cache": True}, {"s-maxage": 3600},
                  {"s-max-age": 3600}):
        assert state(site, prompt, asked, fmt) == "HIT (exact)", asked


def test_what_is_no_object_is_a_member_like_others(site, prompt):
    """Nothing is taken out that was not meant for this program."""
    assert state(site, prompt) == "MISS"
    for value in ("on", True, None, 1, ["no-store"]):
        body = CHAT.body(prompt, cache=value)
        response = site.ask(CHAT, prompt, body=body)
        assert response.header("X-Cache") == "MISS", value
        assert site.last_forwarded()[0] == body


def test_no_cache(site, prompt):
    assert state(site, prompt) == "MISS"
    assert state(site, prompt, {"no-cache": True}) == "MISS"
    other = prompt + " other"
    assert state(site, other, {"no-cache": True}) == "MISS"
    assert state(site, other) == "HIT (exact)"


@OVER_FORMATS
def test_no_store(site, prompt, fmt):
    response = site.ask(fmt, prompt, cache={"no-store": True})
    assert response.header("X-Cache") == "BYPASS"
    assert response.header("Cache-Status") == \
        "reprise; fwd=bypass; detail=no-store"
    assert "cache" not in json.loads(site.last_forwarded()[0])
    assert state(site, prompt, fmt=fmt) == "MISS"
    assert state(site, prompt, {"no-store": True}, fmt) == "BYPASS"


def test_use_cache_false(site, prompt):
    assert state(site, prompt) == "MISS"
    assert state(site, prompt, {"use-cache": False}) == "BYPASS"
    assert state(site, prompt) == "HIT (exact)"
    other = prompt + " other"
    assert state(site, other, {"use-cache": False}) == "BYPASS"
    assert state(site, other) == "MISS"


def test_ttl(site, prompt):
    site.ask(CHAT, prompt, cache={"ttl": 900})
    hit = site.ask(CHAT, prompt)
    ttl = re.search(r"ttl=(\d+)", hit.header("Cache-Status"))
    assert 800 < int(ttl.group(1)) <= 900
    short = prompt + " for a second"
    miss = site.ask(CHAT, short, cache={"ttl": 1})
    assert site.record(miss)["not_stored"] is None
    only = {"Cache-Control": "only-if-cached"}
    wait_until(lambda: site.ask(CHAT, short, headers=only).status == 504,
               what="the entry to expire")


def test_ttl_zero_stores_nothing(site, prompt):
    response = site.ask(CHAT, prompt, cache={"ttl": 0})
    assert site.record(response)["not_stored"] == "zero-ttl"
    assert state(site, prompt) == "MISS"


def test_the_bodys_ttl_counts_before_the_headers(site, prompt):
    site.ask(CHAT, prompt, headers={"X-Cache-TTL": "1s"}, cache={"ttl": 900})
    hit = site.ask(CHAT, prompt)
    ttl = int(re.search(r"ttl=(\d+)", hit.header("Cache-Status")).group(1))
    assert 800 < ttl <= 900


@pytest.mark.parametrize("name", ["s-maxage", "s-max-age"])
def test_s_maxage(site, prompt, name):
    site.ask(CHAT, prompt)
    assert state(site, prompt, {name: 3600}) == "HIT (exact)"
    wait_until(lambda: int(site.ask(CHAT, prompt).header("Age")) >= 1,
               what="the entry to be a second old")
    assert state(site, prompt, {name: 0},
                 headers={"Cache-Control": "max-age=3600"}) == "MISS"


@OVER_FORMATS
def test_namespace(site, memcached, prompt, fmt):
    ns = "body-" + uuid.uuid4().hex[:8]
    assert state(site, prompt, fmt=fmt) == "MISS"
    assert state(site, prompt, {"namespace": ns}, fmt) == "MISS"
    assert state(site, prompt, {"namespace": ns}, fmt) == "HIT (exact)"
    assert state(site, prompt, fmt=fmt,
                 headers={"X-Cache-Namespace": ns}) == "HIT (exact)"
    assert [k for k in memcached.manifests() if k.startswith(
        "r1:%s:" % ns)]


WRONG = [
    {"ttl": "60"}, {"ttl": -1}, {"ttl": 1.5}, {"ttl": 10 ** 12},
    {"s-maxage": True}, {"no-cache": 1}, {"no-store": "true"},
    {"use-cache": "yes"}, {"namespace": 5}, {"namespace": ""},
    {"namespace": "a b"}, {"namespace": "n" * 129}, {"namespace": "a\0b"},
    {"nocache": True}, {"ttl": 1, "x": 1},
]


@pytest.mark.parametrize("asked", WRONG, ids=json.dumps)
def test_what_is_wrong_is_refused(site, prompt, asked):
    before = site.demo.stats()["requests"]
    for fmt in JSON_FORMATS:
        response = site.ask(fmt, prompt, cache=asked)
        assert response.status == 400
        fmt.assert_error(response.body, "bad_request")
        assert b"cache object" in response.body
        assert site.record(response)["error"] == "bad_request"
    assert site.demo.stats()["requests"] == before


def test_odd_bodies_lose_it_as_well(site, prompt):
    """What this program understood is not for the upstream to see."""
    start = CHAT.body(prompt)[:-1]
    for more in (b',"n":1,"n":1', b',"seed":12345678901234567890123'):
        response = site.ask(CHAT, prompt,
                            body=start + more + b',"cache":{"ttl":1}}')
        assert response.header("X-Cache") == "BYPASS"
        assert site.last_forwarded()[0] == start + more + b"}"
        response = site.ask(CHAT, prompt,
                            body=start + more + b',"cache":{"ttl":"x"}}')
        assert response.status == 400


def test_a_member_twice_is_refused(site, prompt):
    body = CHAT.body(prompt)[:-1] + b',"cache":{"ttl":1,"ttl":2}}'
    assert site.ask(CHAT, prompt, body=body).status == 400


CONTROLS = {
    "no-cache": ({"no-cache": True}, {"Cache-Control": "no-cache"}),
    "no-store": ({"no-store": True}, {"Cache-Control": "no-store"}),
    "max-age": ({"s-maxage": 5}, {"Cache-Control": "max-age=5"}),
    "only-if-cached": (None, {"Cache-Control": "only-if-cached"}),
    "ttl": ({"ttl": 5}, {"X-Cache-TTL": "5s"}),
    "namespace": ({"namespace": "x"}, {"X-Cache-Namespace": "x"}),
    "use-cache": ({"use-cache": True}, None),
}


@pytest.mark.parametrize("word", CONTROLS)
def test_callers_may_say_what_the_operator_lets_them(memcached, demo, prompt,
                                                     word):
    allowed = " ".join(w for w in CONTROLS if w != word)
    options = {"cache.allow_control": allowed}
    with Site(memcached=memcached, demo=demo, options=options) as strict:
        for other, (asked, headers) in CONTROLS.items():
            more = [{"cache": asked}] if asked else []
            for fmt in JSON_FORMATS:
                answers = [strict.ask(fmt, prompt, **m) for m in more]
                if headers:
                    answers.append(strict.ask(fmt, prompt, headers=headers))
                for response in answers:
                    assert (response.status == 403) is (other == word)
                    if other == word:
                        fmt.assert_error(response.body,
                                         "control_not_allowed")
                        assert word.encode() in response.body


def test_none_may_be_allowed(memcached, demo, prompt):
    options = {"cache.allow_control": ""}
    with Site(memcached=memcached, demo=demo, options=options) as strict:
        for asked in ({"ttl": 5}, {"use-cache": False}):
            assert strict.ask(CHAT, prompt, cache=asked).status == 403
        assert state(strict, prompt) == "MISS"
        assert state(strict, prompt, {}) == "HIT (exact)"


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
@OVER_FORMATS
def test_opt_in(opt_in, prompt, fmt, stream):
    if stream and not fmt.streams:
        return
    yes = {"use-cache": True}
    for asked in (None, {}, {"use-cache": False}, {"ttl": 60}):
        more = {} if asked is None else {"cache": asked}
        response = opt_in.ask(fmt, prompt, stream, **more)
        assert response.header("X-Cache") == "BYPASS"
        assert response.header("Cache-Status") == \
            "reprise; fwd=bypass; detail=not-opted-in"
        assert opt_in.record(response)["not_stored"] == "not-opted-in"
    miss = opt_in.ask(fmt, prompt, stream, cache=yes)
    assert miss.header("X-Cache") == "MISS"
    opt_in.record(miss)
    assert state(opt_in, prompt, yes, fmt, stream) == "HIT (exact)"
    assert state(opt_in, prompt, None, fmt, stream) == "BYPASS"


def test_opting_in_beside_other_controls(opt_in, prompt):
    both = {"use-cache": True, "no-store": True}
    assert state(opt_in, prompt, both) == "BYPASS"
    assert state(opt_in, prompt, {"use-cache": True}) == "MISS"
    both = {"use-cache": True, "no-cache": True}
    assert state(opt_in, prompt, both) == "MISS"
    assert state(opt_in, prompt, {"use-cache": True}) == "HIT (exact)"


def test_stateful_requests_cannot_opt_in(opt_in, prompt):
    fmt = next(f for f in FORMATS if f.name == "responses")
    response = opt_in.ask(fmt, prompt, cache={"use-cache": True},
                          store=True)
    assert response.header("Cache-Status").endswith("detail=store")
    assert "cache" not in json.loads(opt_in.last_forwarded()[0])
