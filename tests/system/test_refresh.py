"""
cache.stale_while_revalidate: an entry past its freshness is served at once,
while one request renews it behind those that it answers.
"""

import json
import os
import signal
import subprocess
import time

import pytest

from harness import (ApacheCgi, ApacheFcgid, FORMATS, LighttpdPool, MODES,
                     Nginx, Site, mode_name, wait_until)
from harness.process import clean_env, kill
from harness.stale import Kept, ONLY, counted, records_of
from harness.workspace import BUILD

CHAT = FORMATS[0]
KEEP = {"cache.stale_while_revalidate": "1h",
        # Of an upstream that a renewal failed at: tests wait for its end.
        "upstream openai.rest": "100ms"}
LONG = {"upstream openai.rest": "10m"}
OUT = 'reprise_upstream_out{upstream="openai"}'
WHOLE = [(f, stream) for f, stream in MODES if f.name != "embeddings"]
OVER_MODES = pytest.mark.parametrize("stream", [True, False], ids=mode_name)


def play(call):
    call.play_all()


def open_site(theatre, memcached, demo, server=LighttpdPool, options=None,
              **more):
    return Site(server, memcached=memcached, demo=demo, options={
        **KEEP, "upstream openai.url": theatre.url, **(options or {})},
        **more)


@pytest.fixture(scope="module",
                params=[(LighttpdPool, {}), (Nginx, {"keep": True}),
                        (ApacheFcgid, {}), (ApacheCgi, {})],
                ids=lambda p: p[0].__name__)
def served(request, theatre, memcached, demo):
    server, more = request.param
    with open_site(theatre, memcached, demo, server, **more) as s:
        yield s


@pytest.fixture(scope="module")
def site(theatre, memcached, demo):
    with open_site(theatre, memcached, demo) as s:
        yield s


def keep(site, stage, fmt, question, stream=True, **more):
    """An entry that is stale, and whose renewal the test conducts."""
    stage.script = play
    kept = Kept(site, fmt, question, stream, **more)
    stage.script = None
    assert kept.response.body == stage.calls[-1].full
    stage.calls.clear()
    return kept


def serve_stale(site, kept, **more):
    """Ask; the answer is the stale one, whole, whatever goes on behind."""
    asked = time.monotonic()
    response = site.ask(kept.fmt, kept.prompt, kept.stream, **more)
    kept.assert_served(response, asked, "hit")
    return response


def renew(site, stage, kept, **more):
    """Ask until a renewal has begun: it waits for the upstream's rest."""
    def begun():
        serve_stale(site, kept, **more)
        return not stage.waiting.empty()
    wait_until(begun, what="a renewal")
    return stage.next()


def assert_spared(site, stage, kept, **more):
    """However often it is served, no renewal begins."""
    before = len(stage.calls)
    for _ in range(20):
        serve_stale(site, kept, **more)
    assert len(stage.calls) == before


def await_fresh(site, kept, call, **more):
    """What call was answered is served as a fresh hit."""
    wait_until(lambda: kept.look().header("X-Cache") == "HIT (exact)",
               what="the entry to be renewed")
    hit = site.ask(kept.fmt, kept.prompt, kept.stream, **more)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.body == call.full != kept.response.body


def refresh_record(site, served):
    """The record of the renewal behind one of these answers."""
    def found():
        return [r for s in served for r in records_of(site, s)
                if r["cache"] == "refresh"]
    records = wait_until(found, what="the record of a renewal")
    assert len(records) == 1
    return records[0]


# ---- the ordinary way ------------------------------------------------------

@OVER_MODES
def test_a_crowd_is_served_at_once_and_one_renews(served, stage, crowd,
                                                  question, stream):
    kept = keep(served, stage, CHAT, question, stream)
    asked = time.monotonic()
    answers = [crowd.start(served.send_ask(CHAT, question, stream))
               for _ in range(20)]
    # All of them end while the call upstream has no answer.
    crowd.finish()
    call = stage.next()
    for response in answers:
        kept.assert_served(response, asked, "hit")
    # And so do those that come while it is in the air.
    answers += [serve_stale(served, kept) for _ in range(5)]
    call.head().say(1)
    answers += [serve_stale(served, kept) for _ in range(5)]
    call.play()
    await_fresh(served, kept, call)
    record = refresh_record(served, answers)
    assert len(stage.calls) == 1
    assert (record["status"], record["not_stored"]) == (200, None)
    assert (record["bytes"], record["ttft_ms"]) == (0, None)
    assert record["key"] == kept.record["key"]
    assert record["tokens_saved"] == 0
    assert record["tokens_spent"] == kept.record["tokens_spent"]
    assert not record["aborted"] and record["error"] is None
    for response in answers:
        own = [r for r in records_of(served, response)
               if r["cache"] == "stale"]
        assert len(own) == 1
        assert (own[0]["tokens_spent"], own[0]["tokens_saved"]) == \
            (0, kept.record["tokens_spent"])


def test_every_format(site, stage, question):
    stage.script = play
    every = [Kept(site, fmt, question, stream, later=True)
             for fmt, stream in WHOLE]
    for kept in every:
        kept.await_stale()
    stage.script = None
    stage.calls.clear()
    for kept in every:
        serve_stale(site, kept)
        call = stage.next()
        call.play_all()
        await_fresh(site, kept, call)
    assert len(stage.calls) == len(every)


def test_what_goes_up_is_what_was_asked(site, stage, question):
    own = {"X-Custom": "a, b", "X-Cache-Namespace": "renewed"}
    kept = keep(site, stage, CHAT, question, True, headers=own,
                cache={"no-cache": False}, temperature=0.25)
    serve_stale(site, kept, headers=own, cache={"no-cache": False},
                temperature=0.25)
    call = stage.next()
    assert json.loads(call.body) == json.loads(
        CHAT.body(question, True, temperature=0.25))
    assert call.path == CHAT.path
    assert call.headers["x-custom"] == "a, b"
    assert call.headers["authorization"].startswith("Bearer ")
    assert "x-cache-namespace" not in call.headers
    call.play_all()
    wait_until(lambda: kept.look().header("X-Cache") == "HIT (exact)",
               what="the entry to be renewed in its namespace")


def test_a_namespace_from_the_body(site, stage, question):
    kept = keep(site, stage, CHAT, question, True,
                cache={"namespace": "renewed-too"})
    asked = time.monotonic()
    response = site.ask(CHAT, question, True,
                        cache={"namespace": "renewed-too"})
    kept.assert_served(response, asked, "hit")
    call = stage.next()
    call.play_all()
    wait_until(lambda: kept.look().header("X-Cache") == "HIT (exact)",
               what="the entry to be renewed in its namespace")


def test_a_client_that_leaves_changes_nothing(memcached, theatre, stage,
                                              demo, question):
    options = {"cache.on_abort": "cancel"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        site.open_chat(body=CHAT.body(question, True)).close()
        call = stage.next()
        call.head().say(1)
        serve_stale(site, kept)
        call.play()
        await_fresh(site, kept, call)


def test_without_single_flight_too(memcached, theatre, stage, demo, crowd,
                                   question):
    """It shares no answers in the air, but one renewal will do."""
    options = {"cache.single_flight": "off"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        for _ in range(20):
            crowd.start(site.send_ask(CHAT, question, True))
        crowd.finish()
        call = stage.next()
        serve_stale(site, kept)
        call.play_all()
        await_fresh(site, kept, call)
        assert len(stage.calls) == 1


@pytest.mark.parametrize("server, more", [
    (ApacheFcgid, {}), (LighttpdPool, {"processes": 1})],
    ids=["ApacheFcgid", "LighttpdPool"])
def test_one_that_serves_goes_on_serving(theatre, memcached, stage, demo,
                                         question, server, more):
    """However long the upstream takes, and though there is but one."""
    options = {"server.threads": "1", "server.queue_timeout": "10s"}
    with open_site(theatre, memcached, demo, server, options,
                   **more) as site:
        kept = keep(site, stage, CHAT, question, True)
        serve_stale(site, kept)
        call = stage.next()
        for _ in range(10):
            serve_stale(site, kept)
        call.head().say(1)
        for _ in range(10):
            serve_stale(site, kept)
        call.play()
        await_fresh(site, kept, call)
        assert len(stage.calls) == 1


def test_it_is_counted(memcached, theatre, stage, demo, question):
    def requests(site, cache):
        return counted(site, 'reprise_requests_total{format="chat",'
                       'mode="stream",cache="%s"}' % cache)

    def in_air(site):
        text = site.request("GET", "/-/metrics").body.decode()
        begun = ended = 0
        for line in text.splitlines():
            if line.startswith("reprise_requests_started_total "):
                begun += int(line.split()[1])
            if line.startswith("reprise_requests_total{"):
                ended += int(line.split()[1])
        return begun - ended - 1  # less this one

    with open_site(theatre, memcached, demo) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        stage.next().play_all()
        refresh_record(site, [response])
        assert counted(site,
                       'reprise_refreshes_total{result="stored"}') == 1
        assert requests(site, "miss") == 1
        assert requests(site, "refresh") == 0
        # One that was answered may not have been counted yet.
        wait_until(lambda: in_air(site) == 0, what="all to be counted")
        assert counted(site, "reprise_stored_total") == 2


# ---- who renews nothing ----------------------------------------------------

@pytest.mark.parametrize("headers", [ONLY, {"X-Cache-TTL": "0"}],
                         ids=["only-if-cached", "ttl-0"])
def test_who_may_not_renew(site, stage, question, headers):
    kept = keep(site, stage, CHAT, question, True)
    first = serve_stale(site, kept, headers=headers)
    second = serve_stale(site, kept)
    stage.next().play_all()
    refresh_record(site, [second])
    assert [r["cache"] for r in records_of(site, first)] == ["stale"]
    assert len(stage.calls) == 1


@OVER_MODES
def test_no_cache_and_max_age_ask_anew(site, stage, question, stream):
    kept = keep(site, stage, CHAT, question, stream)
    stage.script = play
    for word in ("max-age=0", "no-cache"):
        fresh = site.ask(CHAT, question, stream, headers={
            "Cache-Control": word, "X-Cache-TTL": "1s"})
        assert fresh.header("X-Cache") == "MISS"
        assert fresh.body == stage.calls[-1].full != kept.response.body
        kept.await_stale()


def test_off_by_default(memcached, theatre, stage, demo, question):
    options = {"cache.stale_while_revalidate": "0"}
    with open_site(theatre, memcached, demo, options=options) as site:
        keep(site, stage, CHAT, question, True)
        stage.script = play
        fresh = site.ask(CHAT, question, True)
        assert fresh.header("X-Cache") == "MISS"
        assert fresh.header("Cache-Status") == "reprise; fwd=miss"


def test_too_stale_for_that_but_not_for_an_error(memcached, theatre, stage,
                                                 demo, question):
    options = {"cache.stale_while_revalidate": "1s",
               "cache.stale_if_error": "1h"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        wait_until(lambda: kept.look().status == 504,
                   what="the entry to be too stale")
        stage.script = lambda call: call.fail(503, b"{}")
        asked = time.monotonic()
        response = site.ask(CHAT, question, True)
        kept.assert_served(response, asked, "fwd=stale; fwd-status=503",
                           "; detail=stale-if-error")
        assert len(stage.calls) == 1


# ---- a renewal that fails --------------------------------------------------

def fail_503(call):
    call.fail(503, b'{"error": {"message": "busy"}}')


def fail_401(call):
    call.fail(401, b'{"error": {"message": "no"}}')


def break_off(call):
    call.head().say(2).cut()


def say_nothing(call):
    # On a connection that was used before, it is asked once more.
    call.stage.script = lambda again: again.cut()
    call.cut()


def say_no_store(call):
    call.head(headers={"Cache-Control": "no-store"}).play()


@pytest.mark.parametrize("how, result, stored", [
    (fail_503, "failed", "status"), (fail_401, "not_stored", "status"),
    (break_off, "failed", "transport"), (say_nothing, "failed", "transport"),
    (say_no_store, "not_stored", "no-store-answered")],
    ids=lambda p: p.__name__ if callable(p) else None)
@OVER_MODES
def test_a_renewal_that_fails_leaves_the_entry(site, stage, question, stream,
                                               how, result, stored):
    metric = 'reprise_refreshes_total{result="%s"}' % result
    kept = keep(site, stage, CHAT, question, stream)
    before = counted(site, metric)
    response = serve_stale(site, kept)
    how(stage.next())
    record = refresh_record(site, [response])
    assert record["not_stored"]
    assert counted(site, metric) == before + 1
    stage.script = None
    # A later one asks again, and nothing has been lost meanwhile.
    call = renew(site, stage, kept)
    call.play_all()
    await_fresh(site, kept, call)


def test_a_renewal_under_cgi_that_fails(theatre, memcached, stage, demo,
                                        question):
    with open_site(theatre, memcached, demo, ApacheCgi) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        fail_503(stage.next())
        refresh_record(site, [response])
        call = renew(site, stage, kept)
        call.play_all()
        await_fresh(site, kept, call)


def test_cgi_processes_spare_a_failing_upstream(theatre, memcached, stage,
                                                demo, question):
    with open_site(theatre, memcached, demo, ApacheCgi, LONG) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        fail_503(stage.next())
        refresh_record(site, [response])
        assert_spared(site, stage, kept)


def own_request(site, stage, prompt, how, **more):
    """A miss: it goes up whatever is known of the upstream."""
    stage.script = how
    response = site.ask(CHAT, prompt, False, **more)
    stage.script = None
    assert prompt.encode() in stage.calls[-1].body
    return response


def failed(site, stage, kept, how, **more):
    """A renewal that ends so."""
    response = serve_stale(site, kept, **more)
    how(stage.next())
    return refresh_record(site, [response])


def refuse_429(call):
    call.fail(429, b"{}", {"Retry-After": "3600"})


def ask_for_an_hour(call):
    call.fail(503, b"{}", {"Retry-After": "3600"})


@pytest.mark.parametrize("how, rest", [
    (fail_503, "10m"), (say_nothing, "10m"), (ask_for_an_hour, "100ms")],
    ids=lambda p: p.__name__ if callable(p) else None)
def test_a_failing_upstream_is_spared(theatre, memcached, stage, demo,
                                      question, how, rest):
    options = {"upstream openai.rest": rest}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        other = keep(site, stage, CHAT, question + " other", False)
        failed(site, stage, kept, how)
        stage.script = None
        assert_spared(site, stage, kept)
        assert_spared(site, stage, other)
        # Clients' own requests go up all the same; that one of them fails
        # changes nothing, and that one succeeds ends it.
        assert own_request(site, stage, question + " 1",
                           fail_503).status == 503
        assert_spared(site, stage, kept)
        assert own_request(site, stage, question + " 2", play).status == 200
        call = renew(site, stage, kept)
        call.play_all()
        await_fresh(site, kept, call)


def test_once_a_rest(theatre, memcached, stage, demo, question):
    """And the rests grow."""
    options = {"upstream openai.rest": "250ms"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        ended = []
        for _ in range(4):
            call = renew(site, stage, kept)
            if ended:
                rest = 0.25 * 2 ** (len(ended) - 1)
                # (It is counted in whole milliseconds.)
                assert time.monotonic() - ended[-1] > rest - 0.001
            ended.append(time.monotonic())
            fail_503(call)
        call = renew(site, stage, kept)
        call.play_all()
        await_fresh(site, kept, call)
        assert len(stage.calls) == 5


def test_one_renewal_tries_it(theatre, memcached, stage, demo, question):
    with open_site(theatre, memcached, demo) as site:
        first = keep(site, stage, CHAT, question + " first", True)
        second = keep(site, stage, CHAT, question + " second", True)
        failed(site, stage, first, fail_503)
        call = renew(site, stage, first)
        call.head()
        # Whatever the entry, the others wait for how that goes.
        assert_spared(site, stage, second)
        call.play()
        await_fresh(site, first, call)
        call = renew(site, stage, second)
        call.play_all()
        await_fresh(site, second, call)


def test_one_of_many_at_once_tries_it(theatre, memcached, stage, demo, crowd,
                                      question):
    options = {"server.threads": "32"}
    with open_site(theatre, memcached, demo, options=options) as site:
        stage.script = play
        every = [Kept(site, CHAT, question + str(n), False, later=True)
                 for n in range(16)]
        for kept in every:
            kept.await_stale()
        stage.script = None
        stage.calls.clear()
        failed(site, stage, every[0], fail_503)
        for n in range(2, 5):
            # As soon as it is due, all of them see it.
            def begun():
                for kept in every:
                    crowd.start(site.send_ask(CHAT, kept.prompt, False))
                crowd.finish()
                return not stage.waiting.empty()
            wait_until(begun, what="a renewal")
            begun()
            assert len(stage.calls) == n
            fail_503(stage.next())
        # No record tells of those that had to leave it to that one.
        wait_until(lambda: refreshes(site) >= 4, what="the records")
        assert refreshes(site) == 4


def refreshes(site):
    return len([r for r in site.records.all() if r["cache"] == "refresh"])


def test_a_callers_own_limit_is_no_matter_of_others(theatre, memcached,
                                                    stage, demo, question):
    poor, rich = ({"Authorization": "Bearer " + who}
                  for who in ("poor", "rich"))
    with open_site(theatre, memcached, demo) as site:
        his = keep(site, stage, CHAT, question, True, headers=poor)
        hers = keep(site, stage, CHAT, question, True, headers=rich)
        failed(site, stage, his, refuse_429, headers=poor)
        assert_spared(site, stage, his, headers=poor)
        call = renew(site, stage, hers, headers=rich)
        assert call.headers["authorization"] == "Bearer rich"
        call.play_all()
        await_fresh(site, hers, call, headers=rich)
        assert_spared(site, stage, his, headers=poor)
        # It is still he who decides when to ask.
        response = own_request(site, stage, question + " own", play,
                               headers=poor)
        assert response.status == 200


def test_an_equal_renews_meanwhile(theatre, memcached, stage, demo,
                                   question):
    options = {**LONG, "upstream second.url": demo.url}
    with open_site(theatre, memcached, demo, options=options) as site:
        stage.script = fail_503
        wait_until(lambda: site.ask(CHAT, os.urandom(8).hex()).status == 200
                   and counted(site, OUT), what="the first to be left out")
        for n in range(3):
            kept = Kept(site, CHAT, question + str(n), True)
            record = refresh_record(site, [serve_stale(site, kept)])
            assert (record["upstream"], record["not_stored"]) == \
                ("second", None)
        assert len(stage.calls) == 1


@OVER_MODES
def test_a_purge_meanwhile_wins(site, stage, question, stream):
    named = {"X-Cache-Namespace": "purged-meanwhile"}
    kept = keep(site, stage, CHAT, question, stream, headers=named)
    response = serve_stale(site, kept, headers=named)
    call = stage.next()
    call.head().say(1)
    done = subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf, "purge",
         "-n", "purged-meanwhile"], env=clean_env(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert kept.look().status == 504
    call.play()
    refresh_record(site, [response])
    assert kept.look().status == 504


def test_a_fallback_renews_nothing(theatre, memcached, stage, demo, crowd,
                                   question):
    """Its answer would not be stored: it is not to be paid for."""
    options = {"upstream second.url": demo.url,
               "upstream second.priority": "1"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        call = stage.next()
        # It follows the renewal, and is answered by the fallback.
        wait_until(lambda: time.monotonic() - kept.stored > 2,
                   what="the entry to be too old for the next")
        follower = crowd.start(site.send_ask(
            CHAT, question, True, headers={"Cache-Control": "max-age=1"}))
        stage.script = fail_503
        fail_503(call)
        record = refresh_record(site, [response])
        assert (record["upstream"], record["status"]) == ("openai", 503)
        crowd.finish()
        assert (follower.status, follower.clean) == (200, True)
        assert site.record(follower)["upstream"] == "second"
        tries = 'reprise_upstream_tries_total{upstream="second"}'
        before = counted(site, tries)
        stage.script = None
        for _ in range(3):
            fail_503(renew(site, stage, kept))
        assert counted(site, tries) == before


# ---- the end of a process --------------------------------------------------

def pid_that_asks(site, call):
    return call.worker(site.pids())


@pytest.mark.parametrize("server", [LighttpdPool, ApacheCgi])
def test_a_killed_renewal_is_made_up_for(theatre, memcached, stage, demo,
                                         question, server):
    options = {"flight.lease": "500ms"}
    with open_site(theatre, memcached, demo, server, options) as site:
        kept = keep(site, stage, CHAT, question, True)
        serve_stale(site, kept)
        call = stage.next()
        call.head().say(1)
        kill(pid_that_asks(site, call))
        wait_until(call.gone, what="its connection to be gone")

        def another():
            serve_stale(site, kept)
            return [c for c in stage.calls if c is not call]
        second = wait_until(another, what="another renewal")[0]
        second.play_all()
        await_fresh(site, kept, second)


def test_sigterm_lets_a_renewal_finish(theatre, memcached, stage, demo,
                                       question):
    with open_site(theatre, memcached, demo) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        call = stage.next()
        pid = pid_that_asks(site, call)
        os.kill(pid, signal.SIGTERM)
        serve_stale(site, kept)
        call.play_all()
        await_fresh(site, kept, call)
        refresh_record(site, [response])
        wait_until(lambda: pid not in site.pids(), what="the process to end")
        assert len(stage.calls) == 1


def test_sigterm_waits_no_longer_than_the_drain(theatre, memcached, stage,
                                                demo, question):
    options = {"server.drain_timeout": "100ms"}
    with open_site(theatre, memcached, demo, options=options) as site:
        kept = keep(site, stage, CHAT, question, True)
        response = serve_stale(site, kept)
        call = stage.next()
        call.head().say(1)
        pid = pid_that_asks(site, call)
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: pid not in site.pids(), what="the process to end")
        wait_until(call.gone, what="the transfer to be stopped")
        record = refresh_record(site, [response])
        assert record["not_stored"] and not record["aborted"]
        second = renew(site, stage, kept)
        second.play_all()
        await_fresh(site, kept, second)


def test_a_cgi_process_is_gone_before_its_renewal(theatre, memcached, stage,
                                                  demo, question):
    """What goes on behind is nobody's child that a web server knows."""
    with open_site(theatre, memcached, demo, ApacheCgi) as site:
        kept = keep(site, stage, CHAT, question, True)
        serve_stale(site, kept)
        call = stage.next()
        pid = pid_that_asks(site, call)
        assert os.getsid(pid) == pid
        ends = [os.path.realpath("/proc/%d/fd/%d" % (pid, fd))
                for fd in (0, 1)]
        assert ends == ["/dev/null"] * 2
        call.play_all()
        await_fresh(site, kept, call)
        wait_until(lambda: not site.pids(), what="the process to end")
