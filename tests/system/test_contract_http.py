"""Pass-through, own endpoints, errors of our own."""

import hashlib
import json
import re

import pytest

from harness import Memcached, Site
from harness.site import demo_header


@pytest.fixture(scope="module")
def site(memcached, demo):
    options = {"server.max_body": "1M",
               "upstream openai.models": "demo*"}
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_methods_and_bodies_pass(site, method):
    body = None if method == "GET" else bytes(range(256)) * 999
    seen, headers = site.echo(method, body=body, headers={
        "Content-Type": "application/x-odd; a=b", "X-Custom": "a, b; c"})
    assert seen["method"] == method
    assert seen["body_bytes"] == len(body or b"")
    assert seen["body_sha256"] == hashlib.sha256(body or b"").hexdigest()
    assert headers["x-custom"] == "a, b; c"
    if body:
        assert headers["content-type"] == "application/x-odd; a=b"


@pytest.mark.parametrize("target", [
    "/demo/echo", "/demo/echo?", "/demo/echo?x", "/demo/echo?a=b&a=c",
    "/demo/echo?q=%2F%20%C3%A9+&&=", "/demo/echo?u=http://h/p?x",
])
def test_targets_pass_untouched(site, target):
    seen, _ = site.echo(path=target)
    assert seen["target"].rstrip("?") == target.rstrip("?")


@pytest.mark.parametrize("size", [0, 1, 8192, 65535, 65536, 65537, 5000000])
def test_bytes_pass(site, size):
    direct = site.demo.client.request("GET", "/demo/bytes?n=%d" % size)
    response = site.request("GET", "/demo/bytes?n=%d" % size)
    assert response.clean and response.body == direct.body
    assert response.header("Content-Type") == "application/octet-stream"
    assert response.header("X-Cache") == "BYPASS"
    record = site.record(response)
    assert (record["bytes"], record["cache"]) == (size, "bypass")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [0, 65535, 65536, 70000, 20000000])
def test_uploads_pass_without_limit(site, size, chunked):
    body = (b"%08d" % size) * (size // 8)
    seen, _ = site.echo("POST", body=body, chunked=chunked)
    assert seen["body_bytes"] == len(body)
    assert seen["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_statuses_pass(site):
    for status in (201, 204, 301, 404, 418, 503):
        response = site.request("GET", "/v1/models", {
            "X-Demo": "status=%d, fault=empty" % status})
        assert response.status == status


def test_redirects_are_not_followed(site):
    response = site.request("GET", "/v1/models", {
        "X-Demo": "status=302, header=Location:http%3A//127.0.0.1%3A1/"})
    assert response.status == 302
    assert response.header("Location") == "http://127.0.0.1:1/"


def test_head_has_no_body(site):
    get = site.request("GET", "/v1/models")
    head = site.request("HEAD", "/v1/models")
    assert (head.status, head.body) == (200, b"")
    assert head.header("Content-Type") == get.header("Content-Type")
    assert site.record(head)["method"] == "HEAD"


def test_hop_by_hop_headers_stop_on_the_way_up(site):
    _, headers = site.echo(headers={
        "Connection": "close, X-Named", "X-Named": "1", "TE": "trailers",
        "Keep-Alive": "timeout=5", "Proxy-Authorization": "Basic x",
        "Proxy-Connection": "keep-alive", "Trailer": "X", "Proxy": "evil",
        "X-Kept": "1"})
    for name in ("x-named", "te", "keep-alive", "proxy-authorization",
                 "proxy-connection", "trailer", "proxy"):
        assert name not in headers, name
    assert headers["x-kept"] == "1"
    assert headers["host"] == site.demo.url.removeprefix("http://")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
def test_hop_by_hop_headers_stop_on_the_way_down(site, prompt, path):
    knobs = {"header": ["Keep-Alive:timeout=77", "Proxy-Authenticate:x",
                        "Upgrade:h9", "Trailer:X-T", "TE:x",
                        "Connection:X-Named", "X-Named:1", "X-Kept:1",
                        "X-Accel-Redirect:/etc/", "X-Sendfile:/etc/passwd",
                        "X-LIGHTTPD-Send-File:/etc/passwd", "Status:500"]}
    if path == "/v1/models":
        responses = [site.request("GET", path, {
            "X-Demo": demo_header(knobs)})]
    else:
        responses = [site.chat(prompt, demo=knobs), site.chat(prompt)]
    for r in responses:
        assert r.status == 200 and r.clean
        assert b"root:" not in r.body
        assert r.header("X-Kept") == "1"
        for name in ("Proxy-Authenticate", "Upgrade", "Trailer", "TE",
                     "X-Named", "X-Accel-Redirect", "X-Sendfile",
                     "X-LIGHTTPD-Send-File", "Status"):
            assert r.header(name) is None, name
        assert r.header("Keep-Alive") != "timeout=77"


def error_of(response, status, code):
    assert (response.status, response.clean) == (status, True)
    assert response.header("Content-Type") == "application/json"
    assert response.header("X-Request-Id")
    error = json.loads(response.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code and error["message"]
    return error


def test_wrong_method(site):
    response = site.request("GET", "/v1/chat/completions")
    error = error_of(response, 405, "method_not_allowed")
    assert error["type"] == "invalid_request_error"
    assert "POST" in response.header("Allow")
    assert site.record(response)["status"] == 405


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("size", [1024 * 1024 + 1, 9000000])
def test_too_large(site, size, chunked):
    response = site.chat(body=b" " * size, chunked=chunked)
    error_of(response, 413, "request_too_large")
    assert site.record(response)["status"] == 413


def test_as_large_as_allowed(site, prompt):
    text = site.chat(prompt + " ", stream=False)
    assert text.status == 200
    frame = b'{"model":"demo","messages":[],"x":"%s"}'
    body = frame % (b"y" * (1024 * 1024 - len(frame) + 2))
    assert len(body) == 1024 * 1024
    assert site.chat(body=body).status == 200


def test_no_upstream_for_the_model(site, prompt):
    response = site.chat(prompt, model="other-1")
    error = error_of(response, 404, "model_not_found")
    assert "other-1" in error["message"]
    assert site.record(response)["upstream"] is None


@pytest.mark.parametrize("path", ["/../etc/passwd", "/v1/../x",
                                  "/v1/%2e%2e/x", "/./v1/models"])
def test_dot_segments_are_never_passed(site, path):
    before = site.demo.stats()["requests"]
    response = site.request("GET", path)
    assert response.status in (400, 403, 404)
    assert site.demo.stats()["requests"] == before


def test_health(site):
    for method in ("GET", "HEAD"):
        response = site.request(method, "/-/health")
        assert (response.status, response.clean) == (200, True)
        record = site.record(response)
        assert (record["path"], record["status"]) == ("/-/health", 200)
    assert site.request("HEAD", "/-/health").body == b""
    assert "no-store" in response.header("Cache-Control")


def test_ready(site):
    response = site.request("GET", "/-/ready")
    assert response.status == 200
    assert json.loads(response.body)["status"] == "ready"


def test_ready_tells_of_a_lost_memcached(demo):
    with Memcached() as m, Site(memcached=m, demo=demo) as site:
        m.kill()
        response = site.request("GET", "/-/ready")
        assert response.status == 200
        assert json.loads(response.body)["status"] == "degraded"
        m.start()


def test_own_endpoints_are_read_only(site):
    response = site.request("POST", "/-/health", body=b"x")
    error_of(response, 405, "method_not_allowed")
    assert "GET" in response.header("Allow")
    error_of(site.request("GET", "/-/nothing"), 404, "not_found")
    error_of(site.request("GET", "/-/"), 404, "not_found")


def metrics(site):
    """{"name{labels}": value}; every line must parse."""
    response = site.request("GET", "/-/metrics")
    assert response.status == 200
    assert response.header("Content-Type").startswith("text/plain")
    found = {}
    for line in response.body.decode().splitlines():
        if line.startswith("#"):
            assert re.match(r"# (HELP|TYPE) [a-z_]+ .+", line), line
            continue
        match = re.fullmatch(
            r'([a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) '
            r"([0-9.e+-]+)", line)
        assert match, line
        found[match.group(1)] = float(match.group(2))
    return found


def test_metrics_count_over_all_workers(site, prompt):
    assert len(site.pids()) == 2
    before = metrics(site)
    site.chat(prompt)
    for _ in range(20):
        site.chat(prompt)
    site.chat(prompt, headers={"Cache-Control": "no-store"})
    after = metrics(site)

    def rise(name):
        return after[name] - before[name]

    requests = 'reprise_requests_total{format="chat",mode="stream",' \
        'cache="%s"}'
    assert rise(requests % "hit") == 20
    assert rise(requests % "miss") == 1
    assert rise(requests % "bypass") == 1
    assert rise("reprise_stored_total") == 1
    assert rise('reprise_not_stored_total{reason="no-store"}') == 1
    hits = 'reprise_duration_seconds_count{cache="hit"}'
    assert rise(hits) == 20
