"""Secrets stay secret, and nobody smuggles a header."""

import json
import re

import pytest

from harness import Memcached, Nginx, Site
from harness.site import demo_header

SECRET = "sk-LEAKCANARY4711"
OWN_SECRET = "sk-OPERATORCANARY4712"


@pytest.fixture(scope="module")
def site(own_memcached, demo):
    options = {"cache.compress": "off", "server.log_level": "debug"}
    with Site(memcached=own_memcached, demo=demo, options=options) as s:
        yield s


@pytest.fixture(scope="module")
def nginx(own_memcached, demo):
    with Site(Nginx, memcached=own_memcached, demo=demo) as s:
        yield s


def assert_nowhere(secret, site, memcached):
    metrics = site.request("GET", "/-/metrics").body
    places = {"logs": site.logs().encode(), "metrics": metrics}
    for name, value in memcached.values().items():
        places["name " + name] = name.encode()
        places[name] = value
    for name, text in places.items():
        assert secret.encode() not in text, name


@pytest.mark.parametrize("header, value", [
    ("Authorization", "Bearer " + SECRET), ("x-api-key", SECRET),
    ("api-key", SECRET), ("Cookie", "session=" + SECRET),
])
def test_credentials_leave_no_trace(site, own_memcached, prompt, header,
                                    value):
    mine = {"Authorization": None, header: value}
    knobs = [{}, {}, {"status": 401}, {"status": 500},
             {"fault": "reset"}, {"fault": "close-early"}]
    for i, k in enumerate(knobs):
        response = site.chat(prompt + str(max(i, 1)), demo=k, headers=mine)
        assert SECRET.encode() not in response.body
        assert SECRET not in str(response.headers)
    varying = {"header": "Vary:" + header}
    site.chat(prompt + " varying", demo=varying, headers=mine)
    assert site.chat(prompt + " varying", demo=varying, headers=mine) \
        .header("X-Cache") == "HIT (exact)"
    site.chat(body=b"{", headers=mine)
    site.request("GET", "/-/nothing?key=" + SECRET, mine)
    site.request("GET", "/v1/models?key=" + SECRET, mine)
    record = site.record(site.chat(prompt, headers=mine))
    assert record["caller"] or header == "Cookie"
    assert_nowhere(SECRET, site, own_memcached)


def test_the_operators_credential_replaces_the_callers(demo, prompt):
    with Memcached() as m:
        site = Site(memcached=m, demo=demo)
        start = site.start

        def start_with_key():
            path = site.workspace.write("conf/key", OWN_SECRET + "\n")
            site.options = {"upstream openai.key": "file:" + path,
                            "cache.compress": "off"}
            start()

        site.start = start_with_key
        with site:
            mine = {"Authorization": "Bearer " + SECRET,
                    "x-api-key": SECRET}
            _, seen = site.echo(headers=mine)
            assert seen["authorization"] == "Bearer " + OWN_SECRET
            assert SECRET not in str(seen)
            site.chat(prompt, headers=mine)
            hit = site.chat(prompt, headers=mine)
            assert hit.header("X-Cache") == "HIT (exact)"
            site.chat(prompt, demo={"status": 401}, headers={
                "Cache-Control": "no-cache", **mine})
            assert_nowhere(OWN_SECRET, site, m)
            assert_nowhere(SECRET, site, m)


def test_the_proxy_header_is_dropped(site, prompt):
    """CGI would turn it into HTTP_PROXY, which libcurl might believe."""
    proxy = {"Proxy": "http://127.0.0.1:1/"}
    _, seen = site.echo(headers=proxy)
    assert "proxy" not in seen
    assert site.chat(prompt, headers=proxy).status == 200


@pytest.mark.parametrize("value", [
    "a\rX-Injected: 1", "a\x0bb", "a\x01b", "a\x7fb", "a\x1bb",
])
@pytest.mark.parametrize("cached", [True, False])
def test_control_bytes_from_an_upstream_go_no_further(site, prompt, value,
                                                      cached):
    knobs = {"header": ["X-Odd:" + value, "X-Kept:1"]}
    if cached:
        responses = [site.chat(prompt, demo=knobs), site.chat(prompt)]
    else:
        responses = [site.request("GET", "/v1/models", {
            "X-Demo": demo_header(knobs)})]
    for r in responses:
        assert r.header("X-Injected") is None
        for name, text in r.headers:
            assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", name + text)


@pytest.mark.parametrize("query", [
    "a%0d%0aX-Injected:%201", "a%0aSet-Cookie:%20b", "%00%ff"])
def test_encoded_line_ends_in_a_target_stay_encoded(nginx, query):
    """(lighttpd answers such a target with 400 by itself.)"""
    seen, headers = nginx.echo(path="/demo/echo?" + query)
    assert seen["target"] == "/demo/echo?" + query
    assert "x-injected" not in headers and "set-cookie" not in headers


def test_records_cannot_be_forged(own_memcached, demo, prompt):
    """What a caller writes is quoted: one request, one line of JSON."""
    with Site(memcached=own_memcached, demo=demo) as site:
        response = site.chat(prompt, model='demo"\n{"x":1}\u2028')
        record = site.record(response)
        assert record["model"] == 'demo"\n{"x":1}\u2028'
        path = '/v1/models/"x"'
        other = site.record(site.request("GET", path))
        assert other["path"] in (path, path.replace('"', "%22"))
        assert len(site.records.all()) == 2
        with open(site.workspace.access_log) as f:
            for line in f:
                json.loads(line)


def test_the_environment_is_not_the_callers(site):
    """A header is never taken for an option or a credential of ours."""
    _, seen = site.echo(headers={"Reprise-Conf": "/etc/passwd",
                                 "Authorization": None})
    assert "authorization" not in seen
