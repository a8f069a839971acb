"""Every sample of deploy/, at a sub-path and at the root."""

import re
import select

import pytest

from harness import (ApacheCgi, ApacheFcgid, ApacheHtaccess, ApacheProxyFcgi,
                     LighttpdPool, LighttpdSpawned, Nginx, Site, sse_events,
                     wait_until)
from harness.process import kill
from harness.stage import STAGED

SERVERS = [LighttpdPool, LighttpdSpawned, ApacheProxyFcgi, ApacheFcgid,
           ApacheCgi, Nginx, ApacheHtaccess]
MEGABYTES_4 = 4 * 1024 * 1024

# Where each sample says how long a model may be silent, in seconds.
SILENCE = {
    LighttpdPool: [r"server\.max-write-idle = (\d+)",
                   r'"read-timeout" => (\d+)'],
    LighttpdSpawned: [r"server\.max-write-idle = (\d+)",
                      r'"read-timeout" => (\d+)'],
    ApacheProxyFcgi: [r"\btimeout=(\d+)"],
    ApacheFcgid: [r"FcgidIOTimeout (\d+)", r"FcgidBusyTimeout (\d+)"],
    ApacheCgi: [r"CGIDScriptTimeout (\d+)"],
    Nginx: [r"fastcgi_read_timeout (\d+)s", r"fastcgi_send_timeout (\d+)s"],
    ApacheHtaccess: [],  # the host's to set
}


@pytest.fixture(scope="module", params=[
    pytest.param((server, mount), id=server.__name__ + ":" + mount)
    for server in SERVERS for mount in ("/llm", "/")])
def site(request, memcached, demo, theatre):
    server, mount = request.param
    with Site(server, mount, memcached=memcached, demo=demo,
              options=theatre.beside("openai")) as s:
        yield s


@pytest.mark.parametrize("stream", [True, False])
def test_a_miss_and_then_the_same_bytes_from_the_cache(site, prompt, stream):
    miss = site.chat(prompt, stream=stream)
    hit = site.chat(prompt, stream=stream)
    assert (miss.status, miss.clean, miss.header("X-Cache")) == \
        (200, True, "MISS")
    assert (hit.status, hit.clean, hit.header("X-Cache")) == \
        (200, True, "HIT (exact)")
    assert hit.body == miss.body
    assert hit.header("Content-Type") == miss.header("Content-Type")
    assert site.record(miss)["cache"] == "miss"
    assert site.record(hit)["cache"] == "hit"
    assert site.record(hit)["path"] == "/v1/chat/completions"


def test_events_arrive_one_by_one(site, stage, prompt):
    stream = site.send_chat(prompt, **STAGED)
    call = stage.next().head().say(1)
    if site.server_class.streams:
        stream.head().read_until(call.sent)
        for _ in range(3):  # while the model is still to speak
            call.say(1)
            stream.read_until(call.sent)
    else:
        site.chat(prompt)  # the host gathers the answer first
        assert not select.select([stream.sock], [], [], 0)[0]
    call.play()
    if stream.status is None:
        stream.head()
    stream.finish()
    assert stream.clean and stream.body == call.full
    assert sse_events(stream.body)[-1] == b"[DONE]"


def test_authorization_reaches_the_handler(site):
    _, headers = site.echo()
    assert headers["authorization"] == "Bearer sk-test-0123456789"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request_passes(site, chunked):
    size = MEGABYTES_4
    if site.server_class.max_body is not None:
        size = site.server_class.max_body // 2
    seen, _ = site.echo("POST", body=b"x" * size, chunked=chunked)
    assert (seen["method"], seen["body_bytes"]) == ("POST", size)


def test_a_large_prompt_is_looked_up(site, prompt):
    size = MEGABYTES_4
    if site.server_class.max_body is not None:
        size = site.server_class.max_body // 2
    text = prompt + "x" * size
    assert site.chat(text).header("X-Cache") == "MISS"
    assert site.chat(text).header("X-Cache") == "HIT (exact)"


def test_the_host_refuses_what_only_it_could_allow(site):
    limit = site.server_class.max_body
    if limit is None:
        return  # the sample allows it: test_a_large_request_passes
    response = site.request("POST", "/demo/echo", body=b"x" * 2 * limit)
    assert response.status in (413, 500)


def test_time_outs_outlast_a_silent_model(site):
    text = site.server.rendered()
    for pattern in SILENCE[site.server_class]:
        found = re.findall(pattern, text)
        assert found, pattern
        assert all(int(seconds) > 90 for seconds in found)


def test_pass_through(site):
    listed = site.request("GET", "/v1/models")
    assert listed.status == 200 and b'"demo-model"' in listed.body
    head = site.request("HEAD", "/v1/models")
    assert (head.status, head.body) == (200, b"")
    seen, _ = site.echo(path="/demo/echo?a=1&b=%20c&c=d+e&a=%26&q=/x//y")
    assert seen["target"] == "/demo/echo?a=1&b=%20c&c=d+e&a=%26&q=/x//y"


def test_encoded_slashes_stay_encoded(site):
    response = site.request("GET", "/v1/models/org%2Fname")
    assert response.status == 404
    if site.server_class is ApacheHtaccess:
        return  # the host's Apache answered: AllowEncodedSlashes is its own
    assert site.record(response)["path"] == "/v1/models/org%2Fname"


def test_a_killed_worker_comes_back(site, prompt):
    site.chat(prompt)
    before = site.pids()
    if site.server_class is ApacheCgi:
        wait_until(lambda: not site.pids(), what="the CGI process to end")
    else:
        # mod_fcgid learns of a dead one when it gives it a request.
        for pid in before if site.server_class.one_at_a_time else before[:1]:
            kill(pid)
    # A request may meet the very socket of the dead: one 5xx is allowed.
    wait_until(lambda: site.chat(prompt).status == 200,
               what="a worker to answer")
    if not site.server_class.one_at_a_time:
        wait_until(lambda: len(site.pids()) == len(before),
                   what="as many workers as before")
    assert site.chat(prompt).header("X-Cache") == "HIT (exact)"
