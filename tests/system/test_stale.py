"""cache.stale_if_error: an entry past its freshness for a failed upstream."""

import os
import subprocess
import time

import pytest

from harness import (ApacheCgi, FORMATS, LighttpdPool, MODES, Nginx, Site,
                     mode_name, wait_until)
from harness.process import clean_env
from harness.stale import Kept, ONLY, counted
from harness.workspace import BUILD

CHAT = FORMATS[0]
KEEP = {"cache.stale_if_error": "1h"}
# Embeddings are put together from the entries of their inputs.
WHOLE = [(f, stream) for f, stream in MODES if f.name != "embeddings"]
OVER_MODES = pytest.mark.parametrize("stream", [True, False], ids=mode_name)
DETAIL = "; detail=stale-if-error"


@pytest.fixture(scope="module", params=[LighttpdPool, Nginx, ApacheCgi],
                ids=lambda s: s.__name__)
def served(request, memcached):
    """With a model of its own, that may be taken away."""
    with Site(request.param, memcached=memcached, options=KEEP) as s:
        yield s


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo, options=KEEP) as s:
        yield s


def ask_again(site, kept, covered, demo=None, **more):
    """
    Ask for what is stale, of an upstream that fails: with the status
    covered, or None without any. Its response.
    """
    how = "fwd=stale; fwd-status=%d" % covered if covered else "fwd=stale"
    asked = time.monotonic()
    response = site.ask(kept.fmt, kept.prompt, kept.stream, demo, **more)
    key = kept.assert_served(response, asked, how, DETAIL)
    record = site.record(response)
    assert (record["cache"], record["status"]) == ("stale", 200)
    assert (record["tokens_spent"], record["tokens_saved"]) == \
        (0, kept.record["tokens_spent"])
    assert record["not_stored"] is None and not record["aborted"]
    assert record["bytes"] == len(response.body)
    assert record["key"] == kept.record["key"] == key[:len(record["key"])]
    assert record["upstream"] == kept.record["upstream"]
    if covered:
        assert record["error"] is None
    else:
        assert record["error"].startswith("upstream_")
    return response


# ---- what is covered -------------------------------------------------------

def keep_each(site, prompt, values, fmt=CHAT):
    """A pair of value and stale entry for each, in both modes."""
    out = [(v, Kept(site, fmt, "%s %s" % (prompt, v), stream, later=True))
           for v in values for stream in (True, False)]
    for _, kept in out:
        kept.await_stale()
    return out


def test_an_answer_that_is_a_failure(served, prompt):
    for status, kept in keep_each(served, prompt, (429, 500, 502, 503, 529)):
        ask_again(served, kept, status, {"status": status})


def test_a_stream_that_is_cut_after_its_head(site, prompt):
    kept = Kept(site, CHAT, prompt, True)
    ask_again(site, kept, None, {"fault": "reset", "at": 0})


def test_an_answer_that_breaks_off_before_it_begins(served, prompt):
    faults = ("close-early", "garbage", "huge-header")
    for fault, kept in keep_each(served, prompt, faults):
        ask_again(served, kept, None, {"fault": fault})


@OVER_MODES
def test_an_upstream_that_is_not_there(served, prompt, stream):
    kept = Kept(served, CHAT, prompt, stream)
    served.demo.process.stop()
    try:
        ask_again(served, kept, None)
    finally:
        served.demo.start()
    fresh = served.ask(CHAT, prompt, stream)
    assert fresh.header("X-Cache") == "MISS"
    assert fresh.header("Cache-Status") == "reprise; fwd=stale"
    served.record(fresh)
    again = served.ask(CHAT, prompt, stream)
    assert again.header("X-Cache") == "HIT (exact)"


@pytest.mark.parametrize("server", [LighttpdPool, ApacheCgi])
def test_an_upstream_that_is_silent(server, site, memcached, demo, prompt):
    options = {**KEEP, "upstream openai.first_byte_timeout": "300ms"}
    with Site(server, memcached=memcached, demo=demo,
              options=options) as slow:
        for stream in (True, False):
            # Stored by one that has more patience.
            kept = Kept(site, CHAT, prompt, stream)
            # Before its head, and after it.
            for knob in ("delay", "first"):
                response = ask_again(slow, kept, None, {knob: 3600000})
                assert slow.record(response)["error"] == "upstream_timeout"


def test_every_format(site, prompt):
    every = [Kept(site, fmt, prompt, stream, later=True)
             for fmt, stream in WHOLE]
    for kept in every:
        ask_again(site, kept.await_stale(), 503, {"status": 503})


def test_a_large_entry(site, prompt):
    large = {"bytes": 3000000, "random": 1}
    kept = Kept(site, CHAT, prompt, True, demo=large)
    ask_again(site, kept, 500, {"status": 500})


def test_it_is_counted_and_told(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo, options=KEEP) as site:
        kept = Kept(site, CHAT, prompt, False)
        spent = counted(site, 'reprise_tokens_spent_total{kind="prompt"}')
        ask_again(site, kept, 503, {"status": 503})
        assert counted(site, 'reprise_requests_total{format="chat",'
                       'mode="json",cache="stale"}') == 1
        assert counted(site, 'reprise_upstream_errors_total'
                       '{kind="status"}') == 1
        assert counted(site, 'reprise_tokens_spent_total'
                       '{kind="prompt"}') == spent
        assert counted(site, 'reprise_tokens_saved_total'
                       '{kind="prompt"}') > 0
        assert "it answered 503; a stale entry was served" in site.logs()


# ---- what is not -----------------------------------------------------------

def test_a_refusal_is_the_callers_to_see(served, prompt):
    for status, kept in keep_each(served, prompt, (400, 401, 403, 404, 422)):
        refused = served.ask(CHAT, kept.prompt, kept.stream,
                             {"status": status})
        assert (refused.status, refused.header("X-Cache")) == \
            (status, "MISS")
        assert refused.header("Cache-Status") == "reprise; fwd=stale"
        assert served.record(refused)["cache"] == "miss"


@pytest.mark.parametrize("fmt", [f for f, stream in WHOLE if stream],
                         ids=mode_name)
def test_a_stream_that_has_begun_is_not_replaced(site, prompt, fmt):
    kept = Kept(site, fmt, prompt, True)
    for fault in ("cut", "drop", "reset"):
        broken = site.ask(fmt, prompt, True, {"fault": fault, "at": 2})
        assert broken.header("X-Cache") == "MISS"
        assert broken.body != kept.response.body
        assert fmt.ended not in broken.body
    ask_again(site, kept, 503, {"status": 503})


def test_off_by_default(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo) as plain:
        Kept(plain, CHAT, prompt, True)
        failed = plain.ask(CHAT, prompt, True, {"status": 503})
        assert (failed.status, failed.header("X-Cache")) == (503, "MISS")
        assert failed.header("Cache-Status") == "reprise; fwd=miss"


@OVER_MODES
def test_not_for_ever(memcached, demo, prompt, stream):
    options = {"cache.stale_if_error": "3s"}
    with Site(memcached=memcached, demo=demo, options=options) as brief:
        Kept(brief, CHAT, prompt, stream)

        def status():
            return brief.ask(CHAT, prompt, stream, {"status": 503}).status
        wait_until(lambda: status() == 503,
                   what="the entry to be too stale")
        assert status() == 503


@OVER_MODES
def test_what_the_caller_says_counts(site, prompt, stream):
    kept = Kept(site, CHAT, prompt, stream)
    failing = {"status": 503}
    for word in ("no-cache", "no-store", "max-age=0"):
        failed = site.ask(CHAT, prompt, stream, failing,
                          headers={"Cache-Control": word})
        assert failed.status == 503, word
    failed = site.ask(CHAT, prompt, stream, failing, headers=ONLY)
    assert failed.status == 504
    ask_again(site, kept, 503, failing,
              headers={"Cache-Control": "max-age=3600"})


@OVER_MODES
def test_an_entry_older_than_asked_for(site, prompt, stream):
    kept = Kept(site, CHAT, prompt, stream)
    wait_until(lambda: time.monotonic() - kept.stored > 2,
               what="the entry to be two seconds old")
    failed = site.ask(CHAT, prompt, stream, {"status": 503},
                      headers={"Cache-Control": "max-age=2"})
    assert failed.status == 503


def test_the_body_may_say_it_too(site, prompt):
    kept = Kept(site, CHAT, prompt, True)
    for said in ({"no-cache": True}, {"s-maxage": 0}):
        failed = site.ask(CHAT, prompt, True, {"status": 503}, cache=said)
        assert failed.status == 503, said
    ask_again(site, kept, 503, {"status": 503},
              cache={"s-maxage": 3600})


def purge(site, *words):
    done = subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf, "purge",
         *words], env=clean_env(), capture_output=True)
    assert done.returncode == 0, done.stderr


@OVER_MODES
def test_a_purge_wins(site, prompt, stream):
    failing = {"status": 503}
    named = {"X-Cache-Namespace": "stale-purged"}
    first = Kept(site, CHAT, prompt, stream)
    second = Kept(site, CHAT, prompt, stream, headers=named)
    status = ask_again(site, first, 503, failing).header("Cache-Status")
    purge(site, "-k", status.split('"')[1])
    assert site.ask(CHAT, prompt, stream, failing).status == 503
    ask_again(site, second, 503, failing,
              headers=named)
    purge(site, "-n", "stale-purged")
    assert site.ask(CHAT, prompt, stream, failing,
                    headers=named).status == 503


@OVER_MODES
def test_other_variants_do_not_answer(site, prompt, stream):
    varies = {"header": "Vary:X-Flavour"}
    kept = Kept(site, CHAT, prompt, stream, demo=varies,
                headers={"X-Flavour": "a"})
    failed = site.ask(CHAT, prompt, stream, {"status": 503},
                      headers={"X-Flavour": "b"})
    assert failed.status == 503
    ask_again(site, kept, 503, {"status": 503},
              headers={"X-Flavour": "a"})


def says(said):
    return {"header": "Cache-Control:" + said}


def test_what_the_upstream_says_counts(site, prompt):
    """RFC 9111 section 4.2.4."""
    every = [Kept(site, CHAT, prompt + said, False, demo=says(said),
                  later=True)
             for said in ("must-revalidate", "max-age=9, proxy-revalidate",
                          "no-cache")]
    for kept in every:
        kept.await_stale()
        assert site.ask(CHAT, kept.prompt, False,
                        {"status": 503}).status == 503
    for said in ("max-age=9", "public", "x-no-cache"):
        kept = Kept(site, CHAT, prompt + said, False, demo=says(said))
        ask_again(site, kept, 503, {"status": 503})


def test_streams_say_it_to_proxies(site, prompt):
    """Every event stream says no-cache: to those that would hold it up."""
    kept = Kept(site, CHAT, prompt, True, demo=says("no-cache"))
    ask_again(site, kept, 503, {"status": 503})


def test_an_upstream_that_is_not_heeded(memcached, demo, prompt):
    options = {**KEEP, "cache.upstream_no_store": "ignore"}
    with Site(memcached=memcached, demo=demo, options=options) as site:
        kept = Kept(site, CHAT, prompt, False,
                    demo=says("no-store, must-revalidate"))
        ask_again(site, kept, 503, {"status": 503})


# ---- beside cross mode -----------------------------------------------------

@OVER_MODES
def test_a_fresh_twin_comes_first(memcached, demo, prompt, stream):
    options = {**KEEP, "cache.cross_mode": "on"}
    with Site(memcached=memcached, demo=demo, options=options) as site:
        kept = Kept(site, CHAT, prompt, stream)
        # No twin: the stale entry is still there for it.
        ask_again(site, kept, 503, {"status": 503})
        site.record(site.ask(CHAT, prompt, not stream))
        twin = site.ask(CHAT, prompt, stream, {"status": 503})
        assert twin.header("X-Cache") == "HIT (reshaped)"
