"""
Requests that share a call upstream, where that is harder than it looks:
what an answer says in its head, slow readers, answers for nobody else.
"""

import os
import signal
import threading
import time
import uuid

import pytest

from harness import FORMATS, Nginx, Pair, mode_name
from harness.flights import ALICE, BOB, assert_live

CHAT = FORMATS[0]
EMBEDDINGS = next(f for f in FORMATS if f.name == "embeddings")
BEAT = b": heartbeat\n\n"


@pytest.fixture(scope="module")
def small(own_memcached, theatre, demo):
    """Little is kept of an answer; a reader that waits holds it up."""
    with Pair(own_memcached, theatre, demo, {
            "cache.max_entry": "64K", "server.heartbeat": "1s",
            "flight.lease": "3s", "cache.namespace": "small"},
            server=Nginx) as p:
        yield p


@pytest.fixture(scope="module")
def roomy(own_memcached, theatre, demo):
    """Much is kept for a client that reads slowly."""
    with Pair(own_memcached, theatre, demo, {
            "server.heartbeat": "1s", "cache.namespace": "roomy"},
            server=Nginx) as p:
        yield p


# ---- what an answer's head says --------------------------------------------

HEADER_BOUND = {
    "304": (304, {"If-None-Match": '"v1"'}),
    "206": (206, {"Range": "bytes=0-9"}),
    "406": (406, {"Accept": "text/html"}),
    "412": (412, {"If-Match": '"v1"'}),
    "415": (415, {"Content-Language": "tlh"}),
    "416": (416, {"Range": "bytes=9-0"}),
    "417": (417, {"X-Expects": "much"}),
    "428": (428, {"X-Sent": "unconditionally"}),
    "431": (431, {"X-Long": "x" * 2000}),
}


@pytest.mark.parametrize("status, headers", HEADER_BOUND.values(),
                         ids=HEADER_BOUND)
def test_an_answer_about_the_leaders_headers(pair, stage, crowd, question,
                                             status, headers):
    """Is none to those who sent no such thing."""
    lead, call = pair.lead(crowd, CHAT, question, False, headers=headers)
    others = pair.waiting(crowd, CHAT, question, False, 2)
    call.fail(status, b"" if status == 304 else b'{"error":{}}')
    call_too = stage.next("a call of the others")
    call_too.play_all()
    crowd.finish()
    assert (lead.status, lead.header("X-Cache")) == (status, "MISS")
    for member in others:
        assert (member.status, member.body) == (200, call_too.full)
    assert len(stage.calls) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirection_leads_all_to_the_same_place(pair, stage, crowd,
                                                   question, status):
    lead, call = pair.lead(crowd, CHAT, question)
    others = pair.waiting(crowd, CHAT, question)
    call.fail(status, b"{}", {"Location": "https://other.example/v2"})
    for member in crowd.finish():
        assert member.status == status
        assert member.header("Location") == "https://other.example/v2"
    assert_live(*others)
    assert stage.calls == [call]


def test_no_content_has_no_length(pair, stage, crowd, question):
    """RFC 9110 section 8.6."""
    lead, call = pair.lead(crowd, CHAT, question)
    others = pair.waiting(crowd, CHAT, question)
    call.put(b"HTTP/1.1 204 Nothing\r\nX-Odd: 1\r\n\r\n")
    call.over.set()
    for member in crowd.finish():
        assert (member.status, member.body) == (204, b"")
        assert member.header("Content-Length") is None
        assert member.header("X-Odd") == "1"
    assert_live(*others)


def test_headers_about_bytes_that_were_taken_out(own_memcached, theatre,
                                                 stage, demo, crowd,
                                                 question):
    """usage.ask: what the upstream says of its bytes is true of no other."""
    about = {"ETag": '"abc"', "Content-Digest": "sha-256=:AAAA:",
             "X-Odd": "1"}
    with Pair(own_memcached, theatre, demo, {
            "usage.ask": "on", "cache.namespace": "asking"}) as pair:
        lead, call = pair.lead(crowd, CHAT, question)
        call.head(headers=about).say(2)
        follower = pair.follow(crowd, CHAT, question, count=1)[0]
        crowd.until(lambda: follower.body == call.sent, "the first events")
        call.play()
        crowd.finish()
        assert_live(follower)
        assert lead.body == follower.body != call.full
        for member in (lead, follower):
            assert member.header("X-Odd") == "1"
            assert member.header("ETag") is None
            assert member.header("Content-Digest") is None


# ---- answers that are for nobody else --------------------------------------

UNSHARED = {"vary": {"Vary": "*"}, "private": {"Cache-Control": "private"}}


@pytest.mark.parametrize("headers", UNSHARED.values(), ids=UNSHARED)
@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_who_waits_in_vain_twice_waits_no_more(shared, stage, crowd,
                                               question, headers, stream):
    """A crowd does not ask one after the other."""
    lead, call = shared.lead(crowd, CHAT, question, stream)
    others = shared.waiting(crowd, CHAT, question, stream, 12)
    calls, rounds = [call], 0
    while len(calls) <= len(others):
        for each in calls:
            if not each.said:
                each.head(headers=headers).say(1)
        calls.append(stage.next("a call of one of the others"))
        time.sleep(0.5)  # for those who ask at the same time
        calls += [stage.next() for _ in stage.calls[len(calls):]]
        rounds += 1
    assert rounds <= len(others) / 2
    for each in calls:
        if not each.said:
            each.head(headers=headers)
    for each in calls:
        each.play()
    crowd.finish()
    assert sorted(m.body for m in crowd.members) == \
        sorted(c.full for c in calls)
    assert {m.header("X-Cache") for m in crowd.members} == {"MISS"}
    assert {m.clean for m in crowd.members} == {True}


@pytest.mark.parametrize("headers", UNSHARED.values(), ids=UNSHARED)
@pytest.mark.parametrize("status", [200, 400])
def test_embeddings_that_are_for_nobody_else(shared, stage, crowd, question,
                                             headers, status):
    """Also where they are passed on as they come, not taken apart."""
    body = EMBEDDINGS.body(question, input=[question, question + "2"])
    lead, call = shared.lead(crowd, EMBEDDINGS, question, False, body=body,
                             headers=ALICE)
    other = shared.waiting(crowd, EMBEDDINGS, question, False, 1, body=body,
                           headers=BOB)[0]
    call.head(status, {"Content-Type": "text/plain", **headers})
    call.send(b"this is Alice's").end()
    call_too = stage.next("a call of the other")
    call_too.play_all()
    crowd.finish()
    assert (lead.status, lead.body) == (status, b"this is Alice's")
    assert other.status == 200 and b"Alice" not in other.body
    assert len(stage.calls) == 2


def test_an_error_that_claims_to_be_an_answer(shared, stage, crowd,
                                              question):
    """It may be the fault of the leader's credential as any other."""
    lead, call = shared.lead(crowd, CHAT, question, False, headers=ALICE)
    bob = shared.waiting(crowd, CHAT, question, False, 1, headers=BOB)[0]
    said = b'{"error":{"message":"Alice owes us 7 dollars","code":402}}'
    call.fail(200, said)
    call_too = stage.next("a call with the other credential")
    call_too.play_all()
    crowd.finish()
    assert (lead.status, lead.body) == (200, said)
    assert (bob.status, bob.body) == (200, call_too.full)
    assert len(stage.calls) == 2


def test_to_the_same_caller_it_is_one(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question, False)
    others = pair.waiting(crowd, CHAT, question, False)
    call.fail(200, b'{"error":{"message":"no"}}')
    for member in crowd.finish():
        assert (member.status, member.body) == (200, call.sent)
    assert_live(*others)
    assert stage.calls == [call]


# ---- a leader whose client reads slowly ------------------------------------

# More than every buffer between the handler and its client.
LONG = [b": %04d" % i + b"x" * 64000 + b"\n\n" for i in range(400)]


def test_a_leader_whose_client_pauses(small, stage, crowd, question):
    """
    For longer than the lease, with more in between than is kept for it: it
    gets all of it later, and so do those who follow.
    """
    go = threading.Event()

    def script(call):
        call.head()
        go.wait()
        for piece in LONG:
            call.send(piece)
        call.play()

    stage.script = script
    lead = small.near.send_ask(CHAT, question, True)
    crowd.until(lambda: stage.calls, "the call")
    others = small.waiting(crowd, CHAT, question, count=2)
    crowd.at(4.0, lambda: crowd.start(lead))
    go.set()
    crowd.finish()
    call = stage.calls[0]
    assert_live(*others)
    for member in [lead, *others]:
        assert member.clean and member.body.replace(BEAT, b"") == call.sent
    assert stage.calls == [call]


def test_its_client_leaves_while_much_is_kept_for_it(small, stage, crowd,
                                                     question):
    go, left = threading.Event(), threading.Event()

    def script(call):
        call.head()
        go.wait()
        for piece in LONG:
            if left.is_set():
                break
            call.send(piece)
        call.play()

    def leave():
        lead.close()
        left.set()

    stage.script = script
    name = "left-" + uuid.uuid4().hex
    lead = small.near.send_ask(CHAT, question, True,
                               headers={"X-Request-Id": name})
    crowd.until(lambda: stage.calls, "the call")
    others = small.waiting(crowd, CHAT, question, count=2)
    crowd.at(2.0, leave)
    go.set()
    crowd.finish()
    call = stage.calls[0]
    for member in others:
        assert_live(member)
        assert member.clean and member.body.replace(BEAT, b"") == call.sent
    assert small.near.records.of(name)["aborted"]
    assert stage.calls == [call]


def test_a_client_that_does_not_read_is_not_told_so_often(roomy, stage,
                                                          crowd, question):
    """Heartbeats are for silence, not for those who are behind."""
    rest = threading.Event()

    def script(call):
        call.head()
        for piece in LONG[:200]:
            call.send(piece)
        rest.wait()
        call.play()

    stage.script = script
    begun = time.monotonic()
    lead = roomy.near.send_ask(CHAT, question, True)
    crowd.at(3.0, rest.set)
    crowd.finish()
    lead.head().finish()
    assert lead.body.count(BEAT) <= time.monotonic() - begun + 1
    assert lead.clean
    assert lead.body.replace(BEAT, b"") == stage.calls[0].sent


# ---- odd answers -----------------------------------------------------------

def test_json_longer_than_may_be_stored(small, stage, crowd, question):
    """Those who wait for it get it as it comes, once it is that long."""
    lead, call = small.lead(crowd, CHAT, question, False)
    others = small.waiting(crowd, CHAT, question, False)
    call.head()
    for _ in range(40):
        call.send(b'{"x":"' + b"y" * 5000 + b'"}')
    crowd.until(lambda: all(m.body for m in others), "the first bytes")
    call.end()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body == call.sent
    assert_live(*others)


def test_long_json_that_breaks_off(small, stage, crowd, question):
    """What has begun as an answer ends as none."""
    lead, call = small.lead(crowd, CHAT, question, False)
    others = small.waiting(crowd, CHAT, question, False)
    call.head(length=300000)
    for _ in range(40):
        call.send(b'{"x":"' + b"y" * 5000 + b'"}')
    crowd.until(lambda: all(m.body for m in others), "the first bytes")
    call.cut()
    crowd.finish()
    for member in [lead, *others]:
        assert (member.status, member.clean) == (200, False)
        assert call.sent.startswith(member.body)


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_an_empty_answer(pair, stage, crowd, question, stream):
    lead, call = pair.lead(crowd, CHAT, question, stream)
    others = pair.waiting(crowd, CHAT, question, stream)
    call.head().end()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body == b""
    assert_live(*others)
    assert stage.calls == [call]


def test_an_answer_without_a_type(pair, stage, crowd, question):
    lead, call = pair.lead(crowd, CHAT, question)
    others = pair.waiting(crowd, CHAT, question)
    call.put(b"HTTP/1.1 200 Odd\r\nContent-Length: 9\r\n\r\nanything\n")
    call.over.set()
    for member in crowd.finish():
        assert (member.status, member.clean) == (200, True)
        assert member.body == b"anything\n"
    for member in others:
        assert_live(member)
        assert member.header("Content-Length") == "9"


def test_no_beat_inside_an_event_that_is_followed(small, stage, crowd,
                                                  question):
    lead, call = small.lead(crowd, CHAT, question)
    others = small.waiting(crowd, CHAT, question)
    pieces = call.answer().pieces
    call.head().send(pieces[0] + pieces[1][:9])
    # There may have been one before it.
    crowd.until(lambda: all(m.body.replace(BEAT, b"") == call.sent
                            for m in crowd.members), "half an event")
    crowd.at(2.0, lambda: call.send(pieces[1][9:]))
    crowd.until(lambda: call.sent.endswith(pieces[1]), "the other half")
    crowd.until(lambda: all(m.body.endswith(BEAT) for m in crowd.members),
                "beats")
    call.send(b"".join(pieces[2:])).end()
    for member in crowd.finish():
        assert pieces[0] + pieces[1] in member.body
        assert member.body.replace(BEAT, b"") == call.full


# ---- ends ------------------------------------------------------------------

@pytest.mark.parametrize("pieces", [0, 3], ids=["before", "within"])
def test_a_leader_that_is_stopped(own_memcached, theatre, stage, demo, crowd,
                                  question, pieces):
    """Its place is taken at once, not when it counts as dead."""
    with Pair(own_memcached, theatre, demo, {
            "flight.lease": "10m", "server.drain_timeout": "0",
            "cache.namespace": "stopped"}) as pair:
        lead, call = pair.lead(crowd, CHAT, question)
        others = pair.join(crowd, CHAT, question, call, pieces)
        os.kill(call.worker(pair.near.pids()), signal.SIGTERM)
        if not pieces:
            heir = stage.next("a call of the one who takes over")
            heir.play_all()
        crowd.finish()
        assert lead.status == (200 if pieces else 503)
        for member in others:
            if pieces:
                assert member.body.startswith(call.sent)
                assert CHAT.ended not in member.body
                CHAT.assert_error_event(
                    member.body.removeprefix(call.sent).strip(b"\n"),
                    "upstream_broken")
            else:
                assert (member.body, member.clean) == (heir.full, True)


@pytest.mark.parametrize("stream", [True, False], ids=mode_name)
def test_followers_that_are_stopped(own_memcached, theatre, stage, demo,
                                    crowd, question, stream):
    with Pair(own_memcached, theatre, demo, {
            "server.drain_timeout": "0",
            "cache.namespace": "stopped"}) as pair:
        lead, call = pair.lead(crowd, CHAT, question, stream)
        others = pair.waiting(crowd, CHAT, question, stream)
        for pid in pair.far.pids():
            os.kill(pid, signal.SIGTERM)
        crowd.until(lambda: all(m.ended for m in others), "their end")
        for member in others:
            assert member.status == 503
        call.play_all()
        crowd.finish()
        assert (lead.body, lead.clean) == (call.full, True)
        assert stage.calls == [call]
