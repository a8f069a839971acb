"""Two pools that share memcached and have different leases."""

import pytest

from harness import FORMATS, Pair, wait_until
from harness.flights import kill_leader, polls

CHAT = FORMATS[0]


def pools(memcached, theatre, demo, near, far):
    return Pair(memcached, theatre, demo, {"flight.lease": near},
                far_options={"flight.lease": far})


@pytest.fixture(scope="module")
def patient(own_memcached, theatre, demo):
    """Who leads from near gives a sign of life every two minutes."""
    with pools(own_memcached, theatre, demo, "10m", "500ms") as p:
        yield p


@pytest.fixture(scope="module")
def brisk(own_memcached, theatre, demo):
    with pools(own_memcached, theatre, demo, "1s", "10m") as p:
        yield p


@pytest.mark.parametrize("pieces", [0, 2])
def test_a_longer_lease_than_the_followers(patient, stage, crowd, question,
                                           pieces):
    """Silence that would be death in their own pool is none."""
    lead, call = patient.lead(crowd, CHAT, question)
    others = patient.join(crowd, CHAT, question, call, pieces)
    # They back off to ten a second, between them.
    asked = polls(patient.memcached) + 30
    wait_until(lambda: polls(patient.memcached) > asked,
               what="followers to ask for news for seconds")
    call.play_all() if not pieces else call.play()
    crowd.finish()
    for member in [lead, *others]:
        assert (member.body, member.clean) == (call.full, True)
    assert stage.calls == [call]


def test_a_shorter_lease_than_the_followers(brisk, stage, crowd, question):
    """The dead are not waited for by their own pool's lease."""
    lead, call = brisk.lead(crowd, CHAT, question)
    others = brisk.waiting(crowd, CHAT, question)
    kill_leader(call, brisk)
    heir = stage.next("a call of the one who takes over")
    heir.play_all()
    crowd.finish()
    for member in others:
        assert (member.status, member.clean) == (200, True)
        assert member.body == heir.full
    assert stage.calls == [call, heir]
