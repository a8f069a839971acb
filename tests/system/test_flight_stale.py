"""
The one that leads has a stale entry to serve when the upstream fails; those
who follow will not have it that old, and are told what the upstream said.
"""

import pytest

from harness import FORMATS, Pair, mode_name
from harness.stale import Kept

CHAT = FORMATS[0]
FRESH = {"Cache-Control": "max-age=1"}
ERROR = b'{"error":{"message":"come back later"}}'


@pytest.fixture(scope="module")
def pair(own_memcached, theatre, demo):
    with Pair(own_memcached, theatre, demo,
              {"cache.stale_if_error": "1h"}) as p:
        yield p


@pytest.fixture(params=[True, False], ids=mode_name)
def kept(request, pair, stage, question):
    stage.script = lambda call: call.play_all()
    out = Kept(pair.near, CHAT, question, request.param)
    stage.reset()
    return out


def begin(pair, crowd, kept):
    """One that leads, and those who follow it; its call."""
    lead, call = pair.lead(crowd, CHAT, kept.prompt, kept.stream)
    # A second old at least: Kept has waited for that.
    others = pair.waiting(crowd, CHAT, kept.prompt, kept.stream,
                          headers=FRESH)
    return lead, others, call


def assert_rescued(kept, *members):
    for member in members:
        assert (member.status, member.clean) == (200, True)
        assert member.body == kept.response.body
        assert member.header("X-Cache") == "HIT (stale)"


@pytest.mark.parametrize("status", [429, 503])
def test_they_get_the_failure_itself(pair, stage, crowd, kept, status):
    lead, others, call = begin(pair, crowd, kept)
    also = pair.waiting(crowd, CHAT, kept.prompt, kept.stream, 1)
    # Head and body at once, as upstreams do.
    call.put(b"HTTP/1.1 %d No\r\nContent-Type: application/json\r\n"
             b"Retry-After: 7\r\nContent-Length: %d\r\n\r\n%s" % (
                 status, len(ERROR), ERROR))
    call.over.set()
    crowd.finish()
    assert_rescued(kept, lead, *also)
    for member in others:
        assert (member.status, member.body) == (status, ERROR)
        assert member.header("Retry-After") == "7"
        assert member.header("X-Cache") == "HIT (live)"
    assert stage.calls == [call]


def test_they_do_not_hold_it_up(pair, stage, crowd, kept):
    """A failure whose body does not end is not waited for."""
    lead, others, call = begin(pair, crowd, kept)
    call.head(503).send(ERROR[:10])
    crowd.finish()
    assert_rescued(kept, lead)
    for member in others:
        assert not member.clean or member.status == 502
    assert stage.calls == [call]
    call.over.set()
