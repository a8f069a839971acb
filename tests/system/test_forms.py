"""Forms: audio that is sent to be heard, and what makes two the same."""

import gzip
import hashlib
import json
import os
import re
import subprocess

import pytest

from harness import FORMATS, Site
from harness.formats import AUDIO, BOUNDARY, form, form_type, join_parts
from harness.process import clean_env
from harness.site import KEY
from harness.workspace import BUILD

FORMS = [f for f in FORMATS if f.name in ("transcriptions", "translations")]
SPEECH = FORMS[0]
OVER_FORMATS = pytest.mark.parametrize("fmt", FORMS, ids=repr)
SMALL = 100000


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo,
              options={"server.max_body": "100K"}) as s:
        yield s


def send(site, body, boundary=BOUNDARY, fmt=SPEECH, **more):
    headers = {"Content-Type": form_type(boundary), **more.pop("headers", {})}
    return site.ask(fmt, None, body=body, headers=headers, **more)


def state(*args, **more):
    response = send(*args, **more)
    assert response.status == 200, response.body
    return response.header("X-Cache")


def simple(prompt, content=AUDIO, filename="a.wav", boundary=BOUNDARY,
           stream=None, kind="audio/wav", **fields):
    members = {"model": "demo", "prompt": prompt, **fields}
    if stream:
        members["stream"] = stream
    return form(members.items(), [("file", filename, content, kind)],
                boundary)


@OVER_FORMATS
def test_what_does_not_matter(site, prompt, fmt):
    assert state(site, simple(prompt), fmt=fmt) == "MISS"
    file = [("file", "b.mp3", AUDIO, "audio/mpeg")]
    fields = [("prompt", prompt), ("model", "demo")]
    quoted = '"' + "x y" * 10 + '"'
    same = [
        (form(fields, file), BOUNDARY),
        (simple(prompt, filename="../../etc/passwd"), BOUNDARY),
        (simple(prompt, filename=""), BOUNDARY),
        (simple(prompt, filename="\u00fc.wav"), BOUNDARY),
        (simple(prompt, boundary="other"), "other"),
        (simple(prompt, boundary=quoted.strip('"')), quoted),
        (form([], file) [:-len("--" + BOUNDARY + "--\r\n")] + form(fields),
         BOUNDARY),
        (b"preamble\r\n" + simple(prompt) + b"epilogue", BOUNDARY),
        (simple(prompt, stream="false"), BOUNDARY),
    ]
    for body, boundary in same:
        assert state(site, body, boundary, fmt) == "HIT (exact)", body


@OVER_FORMATS
def test_what_does(site, prompt, fmt):
    bodies = [
        simple(prompt),
        simple(prompt, content=AUDIO + b"\0"),
        simple(prompt, content=AUDIO[:-1]),
        simple(prompt, content=b"\r\n" + AUDIO),
        simple(prompt, language="de"),
        simple(prompt, language="en"),
        simple(prompt, language=""),
        simple(prompt, temperature="0"),
        simple(prompt, temperature="0.0"),
        simple(prompt, never_heard_of="1"),
        simple(prompt, response_format="verbose_json"),
        simple(prompt, kind="audio/L16;rate=8000"),
        simple(prompt, kind="audio/L16;rate=16000"),
        form([("model", "demo"), ("prompt", prompt), ("file2", "x")],
             [("file", "a", AUDIO)]),
        form([("model", "demo"), ("prompt", prompt)],
             [("file", "a", AUDIO), ("file2", "a", AUDIO)]),
        form([("model", "demo"), ("prompt", prompt),
              ("timestamp_granularities[]", "word")], [("file", "a", AUDIO)]),
        form([("model", "demo"), ("prompt", prompt),
              ("timestamp_granularities[]", "word"),
              ("timestamp_granularities[]", "segment")],
             [("file", "a", AUDIO)]),
        simple(prompt, stream="true"),
    ]
    for body in bodies:
        assert state(site, body, fmt=fmt) == "MISS", body
    for body in bodies:
        assert state(site, body, fmt=fmt) == "HIT (exact)", body


def test_the_upstream_gets_the_form_as_it_came(site, prompt):
    body = b"preamble\r\n" + simple(prompt, boundary="b ") + b"epilogue"
    send(site, body, '"b "')
    seen, fields = site.last_forwarded()
    assert seen == body
    assert fields["content-type"] == form_type('"b "')
    assert fields["content-length"] == str(len(body))
    chunked = simple(prompt + " in chunks")
    send_chunked = site.send("POST", SPEECH.path, {
        "Content-Type": form_type()}, body=chunked, chunked=True)
    assert send_chunked.head().finish().status == 200
    assert site.last_forwarded()[0] == chunked


@OVER_FORMATS
@pytest.mark.parametrize("stream", ["true", "false", None, "True", "1"])
def test_streams(site, prompt, fmt, stream):
    body = simple(prompt, stream=stream)
    direct = site.direct_ask(fmt, None, body=body)
    miss = send(site, body, fmt=fmt)
    record = site.record(miss)
    assert record["stream"] is (stream == "true")
    hit = send(site, body, fmt=fmt)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert miss.body == hit.body == direct.body
    if stream == "true":
        assert hit.header("Content-Type").startswith("text/event-stream")
        assert fmt.text(hit.body, True) == \
            fmt.text(send(site, simple(prompt), fmt=fmt).body, False)


def test_events_come_one_by_one(memcached, demo, stage, question):
    with Site(memcached=memcached, demo=demo,
              options={"upstream openai.url": stage.url}) as site:
        body = simple(question, stream="true")
        response = site.send_ask(SPEECH, None, body=body)
        call = stage.next().head().say(1)
        response.head().read_until(b"transcript.text.delta")
        assert response.body == call.sent
        call.play()
        assert response.finish().body == call.full
        assert SPEECH.ended in response.body


@OVER_FORMATS
@pytest.mark.parametrize("stream", [None, "true"])
def test_key_is_the_key_that_is_used(site, prompt, fmt, stream):
    body = simple(prompt, stream=stream)
    site.record(send(site, body, fmt=fmt))
    hit = send(site, body, fmt=fmt)
    used = re.search(r'key="([0-9a-f]{64})"', hit.header("Cache-Status"))
    done = explain(site, body, fmt)
    assert done.returncode == 0, done
    told = dict(line.split(None, 1) for line in
                done.stdout.decode().splitlines())
    assert told["key"] == used.group(1)
    assert told["format"] == fmt.name
    assert told["stream"] == ("yes" if stream else "no")
    assert told["cacheable"].startswith("yes")
    assert hashlib.sha256(AUDIO).hexdigest() in told["canonical"]
    other = explain(site, simple(prompt, AUDIO + b"x", stream=stream), fmt)
    assert told["key"] not in other.stdout.decode()


def explain(site, body, fmt, content_type=None):
    return subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf, "key",
         "-p", fmt.path, "-H", "Authorization: " + KEY,
         "-H", "Content-Type: " + (content_type or form_type())],
        input=body, capture_output=True, env=clean_env(), timeout=60)


def test_key_tells_why_a_form_is_not_cached(site, prompt):
    done = explain(site, simple(prompt)[:-10], SPEECH)
    assert done.returncode == 0
    assert b"cacheable" in done.stdout and b"no:" in done.stdout
    assert b"\nkey " not in done.stdout
    done = explain(site, simple(prompt), SPEECH, "application/json")
    assert b"\nkey " not in done.stdout


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("stream", [None, "true"])
def test_one_longer_than_max_body_goes_through(site, prompt, stream,
                                               chunked):
    content = os.urandom(3 * SMALL)
    body = simple(prompt, content=content, stream=stream)
    direct = site.direct_ask(SPEECH, None, body=body)
    for _ in range(2):
        response = site.send(
            "POST", SPEECH.path, {"Content-Type": form_type()}, body=body,
            chunked=chunked).head().finish()
        assert (response.status, response.body) == (200, direct.body)
        assert response.header("X-Cache") == "BYPASS"
        assert response.header("Cache-Status") == \
            "reprise; fwd=bypass; detail=form-too-large"
        assert site.last_forwarded()[0] == body
        record = site.record(response)
        assert record["not_stored"] == "form-too-large"
        assert record["format"] == "transcriptions"
        assert record["tokens_spent"] > 0 or stream


def test_one_of_just_the_size_is_held(site, prompt):
    limit = 100 * 1024
    empty = len(simple(prompt, content=b""))
    for size, wanted in ((limit, "MISS"), (limit, "HIT (exact)"),
                         (limit + 1, "BYPASS")):
        body = simple(prompt, content=b"x" * (size - empty))
        assert len(body) == size
        assert state(site, body) == wanted


def test_an_early_refusal_of_a_long_form(site, prompt):
    body = simple(prompt, content=os.urandom(3 * SMALL))
    response = send(site, body, demo={"status": 401})
    assert response.status == 401
    SPEECH.assert_error(response.body)


BROKEN = {
    "cut": lambda p: simple(p)[:-8],
    "empty": lambda p: b"\r\n",
    "json": lambda p: json.dumps({"model": "demo"}).encode(),
    "no end": lambda p: simple(p)[:-len(BOUNDARY) - 6],
    "a part without a name": lambda p: join_parts(
        [b"Content-Type: text/plain\r\n\r\nx"]),
    "a part without a head": lambda p: join_parts([b"x"]),
    "another boundary": lambda p: simple(p, boundary="other"),
}


@OVER_FORMATS
@pytest.mark.parametrize("name", BROKEN)
def test_broken_forms_are_forwarded_uncached(site, prompt, fmt, name):
    body = BROKEN[name](prompt)
    direct = site.direct_ask(fmt, None, body=body)
    for _ in range(2):
        response = send(site, body, fmt=fmt)
        assert (response.status, response.body) == \
            (direct.status, direct.body)
        assert response.header("X-Cache") == "BYPASS"
        assert response.header("Cache-Status") == \
            "reprise; fwd=bypass; detail=not-a-form"
        assert site.last_forwarded()[0] == body
        assert site.record(response)["not_stored"] == "not-a-form"


@pytest.mark.parametrize("content_type", [
    "multipart/form-data", "multipart/form-data; boundary=",
    "multipart/mixed; boundary=" + BOUNDARY, "application/json",
    "application/x-www-form-urlencoded"])
def test_types_that_are_no_form(site, prompt, content_type):
    body = simple(prompt)
    response = site.ask(SPEECH, None, body=body,
                        headers={"Content-Type": content_type})
    assert response.header("X-Cache") == "BYPASS"
    assert "detail=not-a-form" in response.header("Cache-Status")
    assert site.last_forwarded()[0] == body


@pytest.mark.parametrize("body", [
    form([("model", "demo")]), form([("model", "demo"), ("file", "text")]),
    form([], [("file", "a", AUDIO)]),
    form([], [("file", "a", AUDIO), ("model", "m", b"demo")])])
def test_forms_that_lack_something_are_the_upstreams_to_refuse(site, body):
    response = send(site, body)
    assert response.header("X-Cache") == "BYPASS"
    assert "detail=not-an-object" in response.header("Cache-Status")


def test_a_compressed_form_is_the_upstreams_to_read(site, prompt):
    body = gzip.compress(simple(prompt))
    response = send(site, body, headers={"Content-Encoding": "gzip"})
    assert response.header("X-Cache") == "BYPASS"
    assert "detail=request-coding" in response.header("Cache-Status")
    assert site.last_forwarded()[0] == body


def test_an_empty_form_body_is_passed_on(site):
    response = site.send("POST", SPEECH.path, {"Content-Type": form_type()},
                         body=b"").head().finish()
    assert response.header("X-Cache") == "BYPASS"


def test_control_is_in_headers(site, prompt):
    """A part called cache is a part like others."""
    body = simple(prompt, cache='{"no-store":true}')
    assert state(site, body) == "MISS"
    assert state(site, body) == "HIT (exact)"
    assert site.last_forwarded()[0] == body
    no_store = {"Cache-Control": "no-store"}
    assert state(site, body, headers=no_store) == "BYPASS"
    ns = {"X-Cache-Namespace": "forms"}
    assert state(site, body, headers=ns) == "MISS"


def test_opting_in_is_not_for_forms(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo,
              options={"cache.mode": "opt_in"}) as site:
        response = send(site, simple(prompt))
        assert "detail=not-opted-in" in response.header("Cache-Status")
