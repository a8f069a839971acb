"""usage.ask: the usage of a stream is learnt, unseen by its client."""

import json

import pytest

from harness import FORMATS, Site, sse_events

CHOICES = [f for f in FORMATS if f.name in ("chat", "completions")]
OVER_FORMATS = pytest.mark.parametrize("fmt", CHOICES, ids=repr)


ASK = {"usage.ask": "on"}


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo, options=ASK) as s:
        yield s


@pytest.fixture(scope="module")
def conducted(memcached, theatre, demo):
    """Its upstream is the stage."""
    with Site(memcached=memcached, demo=demo,
              options={**ASK, "upstream openai.url": theatre.url}) as s:
        yield s


def payloads(body):
    return [json.loads(e) for e in sse_events(body) if e != b"[DONE]"]


def without_usage(body):
    """What is said, but for ids and members that tell of no usage."""
    out = []
    for chunk in payloads(body):
        assert chunk["choices"], "a usage chunk came: %r" % chunk
        assert chunk.pop("usage", None) is None
        chunk.pop("id")
        chunk.pop("created")
        out.append(chunk)
    return out


def asked_upstream(site):
    """The options of the last request the model got."""
    return json.loads(site.last_forwarded()[0]).get("stream_options")


# How the stream's bytes may come.
WAYS = [{}, {"split": 1, "words": 4}, {"crlf": 1}, {"cr": 1},
        {"comments": 1}, {"bom": 1}, {"multiline": 1}, {"choices": 3},
        {"tools": 1}, {"reasoning": 1}, {"close": 1}, {"length": 1},
        {"crlf": 1, "split": 7}, {"cr": 1, "split": 1, "words": 3},
        {"usage": "off"}]


@OVER_FORMATS
@pytest.mark.parametrize("knobs", WAYS, ids=lambda k: "-".join(
    "%s=%s" % p for p in k.items()) or "plain")
def test_unasked(site, prompt, fmt, knobs):
    before = site.demo.stats()["requests"]
    miss = site.ask(fmt, prompt, True, knobs)
    assert site.demo.stats()["requests"] == before + 1
    asking = site.last_forwarded()[0]
    assert json.loads(asking)["stream_options"] == {"include_usage": True}
    record = site.record(miss)
    hit = site.ask(fmt, prompt, True)
    asked = site.direct_ask(fmt, prompt, True, knobs, body=asking)
    unasked = site.direct_ask(fmt, prompt, True, knobs)
    assert (miss.header("X-Cache"), hit.header("X-Cache")) == \
        ("MISS", "HIT (exact)")
    assert hit.body == miss.body and hit.clean and miss.clean
    assert sse_events(miss.body)[-1] == b"[DONE]"
    assert [c["choices"][0].keys() for c in without_usage(miss.body)] == \
        [c["choices"][0].keys() for c in without_usage(unasked.body)]
    assert record["stream"] and record["not_stored"] is None
    if knobs.get("usage") == "off":
        assert record["tokens_spent"] == 0
        return
    usage = payloads(asked.body)[-1]["usage"]
    assert record["usage"] == usage
    assert record["tokens_spent"] == usage["total_tokens"] > 0
    saved = site.record(hit)
    assert saved["usage"] == usage
    assert (saved["tokens_spent"], saved["tokens_saved"]) == \
        (0, usage["total_tokens"])


@OVER_FORMATS
def test_who_follows_saves_what_the_leader_spends(conducted, stage, crowd,
                                                  prompt, fmt):
    lead = crowd.start(conducted.send_ask(fmt, prompt, True))
    call = stage.next().head().say(1)
    followers = [crowd.start(conducted.send_ask(fmt, prompt, True))
                 for _ in range(3)]
    crowd.until(lambda: all(f.body for f in followers),
                what="all to follow")
    call.play()
    crowd.finish()
    assert lead.header("X-Cache") == "MISS"
    spent = conducted.record(lead)["tokens_spent"]
    assert spent > 0
    for follower in followers:
        assert follower.body == lead.body
        record = conducted.record(follower)
        assert (record["cache"], record["tokens_spent"]) == ("live", 0)
        assert record["tokens_saved"] == spent


@OVER_FORMATS
def test_bytes_are_those_of_the_upstream(site, prompt, fmt):
    """The very events, without the one that was asked for."""
    miss = site.ask(fmt, prompt, True, {"comments": 1, "crlf": 1})
    sent = site.last_forwarded()[0]
    direct = site.direct_ask(fmt, prompt, True, {"comments": 1, "crlf": 1},
                             body=sent)
    blocks = direct.body.split(b"\r\n\r\n")
    kept = [b for b in blocks if b'"choices":[]' not in b]
    assert len(kept) == len(blocks) - 1
    assert miss.body == b"\r\n\r\n".join(kept)


@OVER_FORMATS
def test_asked(site, prompt, fmt):
    """A client that asks gets it: its own question, as it was put."""
    more = {"stream_options": {"include_usage": True}}
    body = fmt.body(prompt, True, **more)
    quiet = site.ask(fmt, prompt, True)
    site.record(quiet)
    miss = site.ask(fmt, prompt, True, **more)
    assert miss.header("X-Cache") == "MISS"
    assert site.last_forwarded()[0] == body
    assert miss.body == site.direct_ask(fmt, prompt, True, body=body).body
    assert payloads(miss.body)[-1]["choices"] == []
    site.record(miss)
    hit = site.ask(fmt, prompt, True, **more)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", miss.body)
    assert site.ask(fmt, prompt, True).body == quiet.body


@OVER_FORMATS
def test_nothing_is_asked_of_json(site, prompt, fmt):
    body = fmt.body(prompt)
    miss = site.ask(fmt, prompt)
    assert site.last_forwarded()[0] == body
    assert site.record(miss)["tokens_spent"] > 0


@pytest.mark.parametrize("name", ["responses", "messages"])
def test_nor_of_formats_that_always_tell(site, prompt, name):
    fmt = next(f for f in FORMATS if f.name == name)
    miss = site.ask(fmt, prompt, True)
    assert site.last_forwarded()[0] == fmt.body(prompt, True)
    assert site.record(miss)["tokens_spent"] > 0


def test_the_rest_of_the_body_is_untouched(site, prompt):
    fmt = CHOICES[0]
    body = fmt.body(prompt, True, x=1)[:-1].replace(b'"x": 1', b'"x" : 1.50')
    site.ask(fmt, prompt, body=body + b"}")
    seen = site.last_forwarded()[0]
    assert seen.startswith(body) and json.loads(seen)["stream_options"] == {
        "include_usage": True}


@pytest.mark.parametrize("options, sent", [
    ({"include_usage": False}, {"include_usage": True}),
    ({}, {"include_usage": True}), (None, {"include_usage": True}),
    ({"include_obfuscation": False},
     {"include_obfuscation": False, "include_usage": True}),
])
def test_options_are_merged(site, prompt, options, sent):
    fmt = CHOICES[0]
    miss = site.ask(fmt, prompt, True, stream_options=options)
    assert asked_upstream(site) == sent
    assert without_usage(miss.body)
    record = site.record(miss)
    assert record["tokens_spent"] > 0
    hit = site.ask(fmt, prompt, True, stream_options=options)
    assert (hit.header("X-Cache"), hit.body) == ("HIT (exact)", miss.body)


@pytest.mark.parametrize("options", ["x", [], 1, True])
def test_odd_options_are_the_upstreams_to_refuse(site, prompt, options):
    fmt = CHOICES[0]
    site.ask(fmt, prompt, True, stream_options=options)
    assert asked_upstream(site) == options


@OVER_FORMATS
def test_uncached_requests_are_told_their_usage_too(site, prompt, fmt):
    response = site.ask(fmt, prompt, True,
                        headers={"Cache-Control": "no-store"})
    assert response.header("X-Cache") == "BYPASS"
    assert without_usage(response.body)
    record = site.record(response)
    assert record["not_stored"] == "no-store"
    assert record["tokens_spent"] > 0


@OVER_FORMATS
@pytest.mark.parametrize("knobs, why", [
    ({"fault": "cut"}, "no-terminator"), ({"fault": "half"}, "no-terminator"),
    ({"fault": "no-done"}, "no-terminator"),
    ({"fault": "no-finish"}, "no-finish-reason"),
    ({"fault": "after-done"}, "data-after-end"),
    ({"fault": "error-event"}, "error-event"),
    ({"fault": "garbage-event"}, "bad-json"), ({"status": 500}, "status"),
    ({"fault": "error-body"}, "error-body"),
])
def test_faults_stay_visible(site, prompt, fmt, knobs, why):
    response = site.ask(fmt, prompt, True, knobs)
    sent = site.last_forwarded()[0]
    direct = site.direct_ask(fmt, prompt, True, knobs, body=sent)
    blocks = direct.body.split(b"\n\n")
    assert response.status == direct.status
    assert response.body == b"\n\n".join(
        b for b in blocks if b'"choices":[]' not in b)
    assert site.record(response)["not_stored"] == why
    assert site.ask(fmt, prompt, True).header("X-Cache") == "MISS"


@OVER_FORMATS
@pytest.mark.parametrize("fault", ["drop", "reset"])
def test_a_stream_that_breaks_off(site, prompt, fmt, fault):
    for at in (1, 3, 6):
        knobs = {"fault": fault, "at": at, "words": 4}
        response = site.ask(fmt, prompt, True, knobs)
        event = response.body.removesuffix(b"\n\n").split(b"\n\n")[-1]
        fmt.assert_error_event(event.lstrip(b"\n"), "upstream_broken")
        assert fmt.ended not in response.body
        assert site.record(response)["not_stored"] == "broken"


def test_off_by_default(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo) as plain:
        miss = plain.ask(CHOICES[0], prompt, True)
        assert plain.last_forwarded()[0] == CHOICES[0].body(prompt, True)
        assert plain.record(miss)["tokens_spent"] == 0
