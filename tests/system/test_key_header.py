"""Which header carries a configured key to the upstream."""

import os
import tempfile

import pytest

from harness import FORMATS, MODES, Site, mode_name

CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
CALLERS = {"Authorization": "Bearer caller", "x-api-key": "caller",
           "api-key": "caller", "x-goog-api-key": "caller"}


def pick(name):
    return next(f for f in FORMATS if repr(f) == name)


def carried(site, fmt, prompt, stream=False, headers=CALLERS):
    """The credentials that came to the upstream."""
    response = site.ask(fmt, prompt, stream, headers=headers)
    assert response.status == 200, response.body
    fields = site.last_forwarded()[1]
    return {n: fields[n] for n in CREDENTIALS if n in fields}


def expected(fmt):
    return {"x-api-key": "sk-configured"} if fmt.name == "messages" else \
        {"authorization": "Bearer sk-configured"}


@pytest.fixture(scope="module")
def key():
    with tempfile.NamedTemporaryFile("w", prefix="reprise-key-") as f:
        f.write("sk-configured\n")
        f.flush()
        os.chmod(f.name, 0o644)
        yield {"upstream openai.key": "file:" + f.name}


@pytest.fixture(scope="module")
def site(memcached, demo, key):
    with Site(memcached=memcached, demo=demo, options=key) as s:
        yield s


@pytest.mark.parametrize("fmt, stream", MODES, ids=mode_name)
def test_the_formats_own_header(site, prompt, fmt, stream):
    assert carried(site, fmt, prompt, stream) == expected(fmt)


@pytest.mark.parametrize("option, found", [
    ("authorization", {"authorization": "Bearer sk-configured"}),
    ("x-api-key", {"x-api-key": "sk-configured"}),
    ("api-key", {"api-key": "sk-configured"}),
])
def test_the_operator_may_name_it(memcached, demo, prompt, key, option,
                                  found):
    options = {**key, "upstream openai.key_header": option}
    with Site(memcached=memcached, demo=demo, options=options) as named:
        for fmt in FORMATS:
            assert carried(named, fmt, prompt) == found


@pytest.mark.parametrize("name", ["messages", "chat"])
def test_without_a_key_the_callers_own_goes_on(memcached, demo, prompt,
                                               name):
    with Site(memcached=memcached, demo=demo) as plain:
        for headers in ({"Authorization": None, "x-api-key": "caller"},
                        {"Authorization": "Bearer caller"}):
            assert carried(plain, pick(name), prompt + str(len(headers)),
                           headers=headers) == {
                n.lower(): v for n, v in headers.items() if v}


@pytest.mark.parametrize("headers, name", [
    ({"anthropic-version": "2023-06-01"}, "x-api-key"),
    ({}, "authorization")])
def test_beside_the_formats_anthropics_callers_are_known(
        site, headers, name):
    """/v1/models is a path of both APIs; a header tells them apart."""
    fields = site.echo(headers={**CALLERS, **headers})[1]
    assert [n for n in CREDENTIALS if n in fields] == [name]


@pytest.mark.parametrize("name, path", [
    ("x-api-key", "/v1/messages/count_tokens"),
    ("authorization", "/v1/chat/completions/x")])
def test_paths_below(site, name, path):
    """Anthropic's other endpoints take its key as well."""
    site.request("POST", path, CALLERS, body=b"{}")
    fields = site.last_forwarded()[1]
    assert [n for n in CREDENTIALS if n in fields] == [name]


def test_x_api_key_tells_callers_apart(memcached, demo, prompt):
    fmt = pick("messages")
    with Site(memcached=memcached, demo=demo) as plain:
        alice, bob = ({"Authorization": None, "x-api-key": k}
                      for k in ("alice", "bob"))
        states = [plain.ask(fmt, prompt, headers=h).header("X-Cache")
                  for h in (alice, bob, alice, bob)]
        assert states == ["MISS", "MISS", "HIT (exact)", "HIT (exact)"]
