"""Which requests are the same question, and which are not."""

import gzip
import json

import pytest

from harness import Nginx, Site


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def ask(site, prompt, text, headers=()):
    """Send a body with a mark of this test's own; X-Cache."""
    body = text.replace("@", prompt).encode()
    response = site.chat(body=body, headers=headers)
    assert response.status == 200, response.body
    return response.header("X-Cache")


BASE = '{"model":"demo","messages":[{"role":"user","content":"@ a/b\u00e9"}]}'

SAME = [
    '{"messages":[{"role":"user","content":"@ a/b\u00e9"}],"model":"demo"}',
    '{"model":"demo","messages":[{"content":"@ a/b\u00e9","role":"user"}]}',
    '  {\n"model" : "demo",\t"messages":\r\n[ {"role":"user",'
    '"content":"@ a/b\u00e9"} ] } \n',
    '{"\\u006dodel":"d\\u0065mo","messages":[{"role":"user",'
    '"content":"@ a\\/b\\u00E9"}]}',
    BASE[:-1] + ',"stream":false}',
    BASE[:-1] + ',"stream":null}',
]

OTHER = [
    BASE.replace('"demo"', '"demo-large"'),
    BASE.replace("a/b", "a/B"),
    BASE.replace('"user"', '"system"'),
    BASE[:-1] + ',"stream":true}',
    BASE[:-1] + ',"temperature":0}',
    BASE[:-1] + ',"temperature":1}',
    BASE[:-1] + ',"temperature":1.0}',
    BASE[:-1] + ',"never_heard_of":null}',
    BASE[:-1] + ',"user":"someone"}',
    BASE[:-1] + ',"stop":["a","b"]}',
    BASE[:-1] + ',"stop":["b","a"]}',
    BASE[:-1] + ',"stream":true,"stream_options":{"include_usage":true}}',
]


def test_the_way_it_is_written_does_not_matter(site, prompt):
    assert ask(site, prompt, BASE) == "MISS"
    for text in SAME:
        assert ask(site, prompt, text) == "HIT (exact)", text


def test_whatever_it_says_does(site, prompt):
    for text in [BASE] + OTHER:
        assert ask(site, prompt, text) == "MISS", text
    for text in [BASE] + OTHER:
        assert ask(site, prompt, text) == "HIT (exact)", text


def test_stream_options_count_only_in_streams(site, prompt):
    assert ask(site, prompt, BASE) == "MISS"
    plain = BASE[:-1] + ',"stream_options":{"include_usage":true}}'
    assert ask(site, prompt, plain) == "HIT (exact)"


def test_a_word_is_no_flag(site, prompt):
    """"stream":"true" does not stream: it is another question, in JSON."""
    body = (BASE[:-1] + ',"stream":"true"}').replace("@", prompt).encode()
    response = site.chat(body=body)
    assert response.header("Content-Type").startswith("application/json")
    assert site.record(response)["stream"] is False


@pytest.mark.parametrize("name", [
    "anthropic-version", "anthropic-beta", "openai-beta",
    "openai-organization", "openai-project"])
def test_headers_that_change_the_answer(site, prompt, name):
    assert ask(site, prompt, BASE) == "MISS"
    assert ask(site, prompt, BASE, {name: "x"}) == "MISS"
    assert ask(site, prompt, BASE, {name: "y"}) == "MISS"
    assert ask(site, prompt, BASE, {name: "x"}) == "HIT (exact)"
    assert ask(site, prompt, BASE, {"X-Other": "1",
                                    "User-Agent": "z"}) == "HIT (exact)"


def test_a_header_sent_twice_counts_whole(memcached, demo, prompt):
    # nginx hands each field over on its own.
    with Site(Nginx, memcached=memcached, demo=demo,
              options={"cache.scope": "shared"}) as site:
        once, twice = {"OpenAI-Beta": "a"}, {"OpenAI-Beta": "a",
                                             "openai-beta": "b"}
        assert ask(site, prompt, BASE, twice) == "MISS"
        assert ask(site, prompt, BASE, once) == "MISS"
        assert ask(site, prompt, BASE, twice) == "HIT (exact)"
        seen, fields = site.echo(headers=twice)
        assert fields["openai-beta"] == "a, b"


CREDENTIALS = [
    {"Authorization": "Bearer alice", "x-litellm-api-key": "alice"},
    {"Authorization": "Bearer alice", "x-litellm-api-key": "bob"},
    {"Authorization": "Bearer alice"},
    {"Authorization": "Bearer bob"},
    {"Authorization": "bearer alice"},
    {"Authorization": None},
    {"Authorization": None, "x-api-key": "Bearer alice"},
    {"Authorization": None, "api-key": "Bearer alice"},
    {"Authorization": "Bearer alice", "x-api-key": "alice"},
]


def test_callers_are_apart(site, prompt):
    callers = set()
    for c in CREDENTIALS:
        assert ask(site, prompt, BASE, c) == "MISS", c
    for c in CREDENTIALS:
        response = site.chat(body=BASE.replace("@", prompt).encode(),
                             headers=c)
        assert response.header("X-Cache") == "HIT (exact)"
        callers.add(site.record(response)["caller"])
    assert len(callers) == len(CREDENTIALS)


def test_callers_share_where_the_operator_says_so(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo,
              options={"cache.scope": "shared"}) as site:
        assert ask(site, prompt, BASE, CREDENTIALS[0]) == "MISS"
        for c in CREDENTIALS[1:]:
            assert ask(site, prompt, BASE, c) == "HIT (exact)"


def test_upstreams_are_apart(memcached, demo, prompt):
    """The same question to another upstream may have another answer."""
    with Site(memcached=memcached, demo=demo) as one:
        assert ask(one, prompt, BASE) == "MISS"
        assert ask(one, prompt, BASE) == "HIT (exact)"
    options = {"upstream openai.models": "other*",
               "upstream second.url": demo.url}
    with Site(memcached=memcached, demo=demo, options=options) as two:
        assert ask(two, prompt, BASE) == "MISS"
        assert ask(two, prompt, BASE) == "HIT (exact)"


def test_installations_share_a_memcached(memcached, demo, prompt):
    """The same key from another process, host or mount is a hit."""
    with Site(memcached=memcached, demo=demo) as one:
        assert ask(one, prompt, BASE) == "MISS"
    with Site(memcached=memcached, demo=demo, mount="/") as two:
        assert ask(two, prompt, BASE) == "HIT (exact)"


UNCACHED = {
    "duplicate-key": b'{"model":"demo","model":"demo","messages":[]}',
    "number-range": b'{"model":"demo","messages":[],"seed":'
                    b'12345678901234567890123}',
    "number-range, real": b'{"model":"demo","messages":[],"x":1e999}',
    "invalid-utf8": b'{"model":"demo","messages":[],"x":"\xff\xfe"}',
    "too-deep": b'{"model":"demo","messages":[],"x":' +
                b"[" * 3000 + b"]" * 3000 + b"}",
    "not-an-object": b'{"model":"demo"}',
    "not-an-object, array": b'["model"]',
}


@pytest.mark.parametrize("why", UNCACHED)
def test_odd_bodies_are_forwarded_uncached(site, why):
    body = UNCACHED[why]
    direct = site.demo.client.request("POST", "/v1/chat/completions",
                                      body=body)
    for _ in range(2):
        response = site.chat(body=body)
        assert (response.status, response.body) == \
            (direct.status, direct.body)
        assert response.header("X-Cache") == "BYPASS"
        word = why.split(",")[0]
        assert response.header("Cache-Status").endswith("detail=" + word)
        assert site.record(response)["not_stored"] == word


@pytest.mark.parametrize("body", [b"", b"{", b"hello", b'{"a":1}}',
                                  b"\x00\x01", b'{"a":1,}'])
def test_what_is_no_json_is_refused(site, body):
    response = site.send("POST", "/v1/chat/completions", {
        "Content-Type": "application/json"}, body=body).head().finish()
    assert response.status == 400
    error = json.loads(response.body)["error"]
    assert error["type"] == "invalid_request_error"
    assert site.record(response)["status"] == 400


def test_a_compressed_body_is_the_upstreams_to_read(site, prompt):
    body = gzip.compress(BASE.replace("@", prompt).encode())
    response = site.request(
        "POST", "/v1/chat/completions", {"Content-Encoding": "gzip"},
        body=body)
    assert response.header("X-Cache") == "BYPASS"
    assert "detail=request-coding" in response.header("Cache-Status")
    assert site.record(response)["upstream"] == "openai"
