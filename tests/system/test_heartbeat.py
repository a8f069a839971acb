"""server.heartbeat: comments while a stream is silent, never recorded."""

import pytest

from harness import Site
from harness.stage import STAGED

BEAT = b": heartbeat\n\n"


@pytest.fixture(scope="module")
def site(memcached, demo, theatre):
    options = {"server.heartbeat": "50ms", **theatre.beside("openai")}
    with Site(memcached=memcached, demo=demo, options=options) as s:
        yield s


def test_a_silent_stream_beats_between_events(site, stage, prompt):
    first = site.send_chat(prompt, **STAGED)
    call = stage.next().head()
    first.head().read_until(BEAT * 2)
    for piece in call.answer().pieces[:2]:
        call.say(1)
        first.read_until(piece + BEAT * 2)
    call.play()
    assert first.finish().clean
    # Taken out, the upstream's bytes remain: no event was split.
    assert first.body.replace(BEAT, b"") == call.full
    hit = site.chat(prompt, **STAGED)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.body == call.full


def test_no_beat_inside_an_event(site, prompt):
    # Each event comes in pieces, with silence between them.
    knobs = {"split": 100, "gap": 120, "words": 2}
    first = site.chat(prompt, demo=knobs)
    upstream = site.direct(prompt, demo={"words": 2}).body
    assert first.body.replace(BEAT, b"") == upstream


def test_json_never_beats(site, prompt):
    slow = {"gap": 200, "nolength": 1, "words": 20}
    first = site.chat(prompt, stream=False, demo=slow)
    assert first.body == site.direct(
        prompt, stream=False, demo={"words": 20}).body


def test_a_stream_of_known_length_arrives_whole(site, stage, prompt):
    # The comments make it longer than the upstream said.
    first = site.send_chat(prompt, **STAGED)
    call = stage.next()
    call.head(length=len(call.full)).say(1)
    first.head().read_until(BEAT)
    call.play()
    assert first.finish().clean
    assert first.body.replace(BEAT, b"") == call.full
    assert site.chat(prompt, **STAGED).body == call.full


def test_a_head_waits_no_longer_than_a_beat(memcached, demo, stage, question):
    """
    Of a group, while another could yet be asked: then no other will be, and
    the silent stream beats like any.
    """
    options = {"server.heartbeat": "50ms", "upstream openai.models": "demo*"}
    for name in ("one", "two"):
        options["upstream %s.url" % name] = stage.url
        options["upstream %s.models" % name] = "pair"
    with Site(memcached=memcached, demo=demo, options=options) as pair:
        client = pair.send_chat(question, model="pair")
        call = stage.next().head()
        client.head().read_until(BEAT * 3)
        assert (client.status, client.body.replace(BEAT, b"")) == (200, b"")
        call.say(1).cut()
        client.finish()
        assert b"upstream_broken" in client.body
        assert len(stage.calls) == 1
