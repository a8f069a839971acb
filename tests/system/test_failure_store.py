"""memcached slow, away, restarted, lost in part: never an error."""

import contextlib
import select

import pytest

from harness import DemoUpstream, Memcached, Site, wait_until

OPTIONS = {"cache.timeout": "200ms", "cache.retry": "200ms"}


@pytest.fixture(scope="module")
def site(own_memcached, demo):
    with Site(memcached=own_memcached, demo=demo, options=OPTIONS) as s:
        yield s


def cache_of(site, prompt, demo=None):
    return site.chat(prompt, demo=demo).header("X-Cache")


def fill(site, prompt):
    """
    Store an answer; what the model said. Each worker comes back to a
    memcached that had failed in its own time.
    """
    first = site.chat(prompt)
    assert first.header("X-Cache") == "MISS"
    in_a_row = []
    wait_until(lambda: in_a_row.append(cache_of(site, prompt)) or
               in_a_row[-6:] == ["HIT (exact)"] * 6,
               what="every worker to use the cache")
    return first.body


def served_without_cache(site, prompt, body):
    response = site.chat(prompt)
    assert (response.status, response.clean) == (200, True)
    assert response.header("X-Cache") == "MISS"
    assert response.body == body
    record = site.record(response)
    assert (record["cache"], record["status"]) == ("miss", 200)
    assert record["not_stored"] == "store-down"


def test_killed(site, own_memcached, prompt):
    body = fill(site, prompt)
    own_memcached.kill()
    try:
        for _ in range(5):
            served_without_cache(site, prompt, body)
        ready = site.request("GET", "/-/ready")
        assert ready.status == 200  # requests are answered all the same
    finally:
        own_memcached.start()
    wait_until(lambda: cache_of(site, prompt) == "HIT (exact)",
               what="the cache to be used again")


def test_stopped_and_continued(site, own_memcached, prompt):
    body = fill(site, prompt)
    own_memcached.stop()
    try:
        for _ in range(5):
            served_without_cache(site, prompt, body)
    finally:
        own_memcached.cont()
    wait_until(lambda: cache_of(site, prompt) == "HIT (exact)",
               what="the cache to be used again")
    assert site.chat(prompt).body == body


def test_stopped_between_look_up_and_store(own_memcached, stage, demo,
                                           prompt):
    options = {**OPTIONS, "upstream openai.url": stage.url}
    with Site(memcached=own_memcached, demo=demo, options=options) as site:
        stream = site.send_chat(prompt)
        call = stage.next().head().say(1)
        stream.head().read_until(b"\n\n")
        own_memcached.stop()
        try:
            call.play()
            stream.finish()
            assert stream.clean and stream.body == call.full
            assert site.record(stream)["not_stored"] == "store-down"
        finally:
            own_memcached.cont()
        stage.script = lambda call: call.play_all()
        wait_until(lambda: cache_of(site, prompt) == "HIT (exact)",
                   what="the cache to be used again")
        assert site.chat(prompt).body == stream.body


def test_an_empty_answer_ends_when_its_flight_has(stage, demo, question):
    """As others do: who asks again then is not told that it follows."""
    options = {"cache.timeout": "10s", "upstream openai.url": stage.url}
    with Memcached(tcp=True) as m, Site(memcached=m, demo=demo,
                                        options=options) as site:
        first = site.send_chat(question, stream=False)
        call = stage.next()
        m.stop()
        try:
            call.fail(200, b"")
            wait_until(m.is_asked, what="the flight to end")
            # What the server was told before that, it has passed on.
            assert site.request("GET", "/-/health").status == 200
            assert not select.select([first.sock], [], [], 0)[0]
        finally:
            m.cont()
        first.head().finish()
        assert (first.status, first.body) == (200, b"")
        assert site.record(first)["not_stored"]
        stage.script = lambda call: call.play_all()
        assert site.chat(question, stream=False).header("X-Cache") == "MISS"


def test_never_another_answer_while_it_comes_and_goes(site, own_memcached,
                                                      prompt):
    """Late answers of a stopped memcached are not given to others."""
    prompts = ["%s, part %d" % (prompt, i) for i in range(6)]
    bodies = {p: site.chat(p).body for p in prompts}
    assert len(set(bodies.values())) == len(prompts)
    for _ in range(6):
        own_memcached.stop()
        assert site.chat(prompts[0]).body == bodies[prompts[0]]
        own_memcached.cont()
        for p in prompts:
            assert site.chat(p).body == bodies[p]


def test_restarted_empty(site, own_memcached, prompt):
    body = fill(site, prompt)
    own_memcached.restart()
    wait_until(lambda: cache_of(site, prompt) == "HIT (exact)",
               what="the cache to be used again")
    assert site.chat(prompt).body == body


def test_one_of_three_lost(demo):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Memcached(tcp=tcp))
                   for tcp in (False, True, True)]
        # One that is lost refuses at once: those that are there need not
        # be quick.
        site = stack.enter_context(Site(memcached=servers, demo=demo))
        prompts = ["spread %d" % i for i in range(60)]
        bodies = {p: site.chat(p).body for p in prompts}
        lost = {k.split(":")[2][:12] for k in servers[0].manifests()}
        kept = {k.split(":")[2][:12] for m in servers[1:]
                for k in m.manifests()}
        assert lost and kept and len(lost | kept) == len(prompts)
        servers[0].kill()
        for p in prompts:
            response = site.chat(p)
            assert (response.status, response.body) == (200, bodies[p])
            record = site.record(response)
            hit = record["key"] in kept
            assert record["cache"] == ("hit" if hit else "miss")


def test_never_there_at_all():
    """Configured, but nobody listens: as if there were no cache."""
    with Memcached() as gone, DemoUpstream() as demo:
        gone.kill()
        with Site(memcached=gone, demo=demo, options=OPTIONS) as site:
            body = site.chat("hello").body
            served_without_cache(site, "hello", body)
            gone.start()
