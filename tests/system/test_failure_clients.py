"""Clients that leave, workers that are killed, an orderly end."""

import glob
import json
import os
import re
import signal
import socket
import struct
import time

import pytest

from harness import (ApacheProxyFcgi, DemoUpstream, LighttpdPool, Nginx, Site,
                     sse_events, wait_until)
from harness.process import kill
from harness.workers import is_grown_up

SERVERS = [LighttpdPool, Nginx, ApacheProxyFcgi]
SLOW = {"gap": 40, "words": 40}


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


def play_all(call):
    call.play_all()


@pytest.mark.parametrize("server", SERVERS)
def test_finish_stores_what_the_client_left(server, memcached, demo, stage,
                                            prompt):
    options = {"upstream openai.url": stage.url}
    # What comes when the client has left is more than a server would take
    # without noticing that.
    knobs = {"bytes": 3000000, "random": 1}
    with Site(server, memcached=memcached, demo=demo,
              options=options) as site:
        left = site.send_chat(prompt, demo=knobs)
        call = stage.next().head().say(1)
        left.head().read_until(b"\n\n").close()
        call.play()
        record = site.record(left)
        assert record["aborted"] and record["not_stored"] is None
        assert call.whole and not call.broken
        hit = site.chat(prompt, demo=knobs)
        assert hit.header("X-Cache") == "HIT (exact)"
        assert hit.body == call.full
        assert sse_events(hit.body)[-1] == b"[DONE]"
        assert len(stage.calls) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_cancel_stops_the_upstream(server, memcached, demo, prompt):
    demo.reset()
    options = {"cache.on_abort": "cancel"}
    with Site(server, memcached=memcached, demo=demo,
              options=options) as site:
        left = site.open_chat(prompt, demo={"gap": 40, "words": 4000})
        left.read_until(b"\n\n").close()
        wait_until(lambda: demo.stats()["aborted"] == 1,
                   what="the upstream to see the transfer stopped")
        record = site.record(left)
        assert record["aborted"] and record["not_stored"] == "cancelled"
        assert site.chat(prompt).header("X-Cache") == "MISS"


def test_a_client_that_reads_slowly_gets_it_all(site, prompt):
    knobs = {"bytes": 3000000, "random": 1}
    stream = site.open_chat(prompt, demo=knobs)
    while stream.read():
        time.sleep(0.001)
    assert stream.clean
    assert stream.body == site.direct(prompt, demo=knobs).body
    assert site.chat(prompt).body == stream.body


def test_a_killed_worker_takes_only_its_own_down(memcached, demo, stage,
                                                 prompt):
    options = {"upstream openai.url": stage.url}
    with Site(memcached=memcached, demo=demo, options=options) as site:
        streams = []
        for i in range(8):
            s = site.send_chat("%s %d" % (prompt, i))
            call = stage.next().head().say(1)
            s.head().read_until(b"\n\n")
            streams.append((s, call, call.worker(site.pids())))
        dead = streams[0][2]
        kill(dead)
        stage.script = play_all
        for i in range(8):  # the others serve meanwhile
            assert site.chat("%s new %d" % (prompt, i)).status == 200
        again = []
        for i, (s, call, worker) in enumerate(streams):
            call.play()
            s.finish()
            if worker == dead:  # visibly failed
                assert not s.clean and b"[DONE]" not in s.body
                again.append(("%s %d" % (prompt, i),
                              site.send_chat("%s %d" % (prompt, i))))
            else:
                assert s.clean and s.body == call.full
                assert site.record(s)["cache"] == "miss"
        for text, s in again:  # and nothing of it was stored
            s.head().finish()
            if s.header("X-Cache") == "HIT (live)":
                # It came when that death was not to be seen yet.
                assert sse_events(s.body)[-1:] != [b"[DONE]"]
                s = site.chat(text)
            assert s.header("X-Cache") == "MISS"
            assert sse_events(s.body)[-1] == b"[DONE]"
        wait_until(lambda: len(site.pids()) == 2 and dead not in site.pids(),
                   what="the killed worker's successor")


def test_sigterm_lets_streams_finish(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo) as site:
        streams = [site.open_chat("%s %d" % (prompt, i), demo=SLOW)
                   for i in range(6)]
        for s in streams:
            s.read_until(b"\n\n")
        site.server.pool.process.kill(signal.SIGTERM)
        for s in streams:
            s.finish()
            assert s.clean and sse_events(s.body)[-1] == b"[DONE]"
            record = site.record(s)
            assert record["not_stored"] is None and not record["aborted"]
        assert site.server.pool.process.popen.wait(20) == 0
        assert site.pids() == []


def test_sigterm_to_one_worker_disturbs_nobody(memcached, demo, prompt):
    with Site(memcached=memcached, demo=demo) as site:
        for _ in range(3):
            old = site.pids()[0]
            os.kill(old, signal.SIGTERM)
            for i in range(10):
                assert site.chat("%s %d" % (prompt, i)).status == 200
            wait_until(lambda: old not in site.pids() and
                       len(site.pids()) == 2, what="its successor")


def test_what_outlives_the_drain_is_visibly_cut(memcached, prompt):
    options = {"server.drain_timeout": "500ms"}
    with DemoUpstream() as own, \
            Site(memcached=memcached, demo=own, options=options) as site:
        stream = site.open_chat(prompt, demo={"gap": 100, "words": 600})
        stream.read_until(b"\n\n")
        silent = site.send_chat(prompt + " silent", demo={"delay": 60000})
        wait_until(lambda: site.demo.stats()["active"] == 2,
                   what="both to be in the air")
        site.server.pool.process.kill(signal.SIGTERM)
        stream.finish()
        error = json.loads(sse_events(stream.body)[-1])["error"]
        assert error["code"] == "shutting_down"
        record = site.record(stream)
        assert record["error"] == "shutting_down"
        assert record["not_stored"] == "broken"
        silent.head().finish()
        assert silent.status == 503
        assert site.record(silent)["error"] == "shutting_down"
        assert site.server.pool.process.popen.wait(20) == 0


def test_too_many_at_once_are_told_so(memcached, demo, stage, prompt):
    options = {"server.threads": 2, "server.queue_timeout": "2s",
               "upstream openai.url": stage.url}
    with Site(memcached=memcached, demo=demo, options=options,
              processes=1) as site:
        busy = [site.send_chat("%s %d" % (prompt, i)) for i in range(2)]
        calls = [stage.next() for _ in busy]
        turned_away = site.chat(prompt + " late")
        assert turned_away.status == 503
        assert b'"overloaded"' in turned_away.body
        assert turned_away.header("Retry-After")
        assert site.record(turned_away)["status"] == 503
        stage.script = play_all
        for call in calls:
            call.play_all()
        for s in busy:
            assert sse_events(s.head().finish().body)[-1] == b"[DONE]"
        assert site.chat(prompt + " late").status == 200


def fcgi(kind, content, length=None, version=1, padding=0):
    """A FastCGI record whose header may lie about its content."""
    size = len(content) if length is None else length
    return struct.pack("!BBHHBB", version, kind, 1, size, padding, 0) + \
        content


BEGIN = fcgi(1, struct.pack("!HB5x", 1, 0))
HUGE = struct.pack("!I", 0xffffffff)
CRAFTED = {
    "name-of-2-gb": BEGIN + fcgi(4, HUGE + HUGE + b"x" * 64),
    "name-of-2-gb-less-one": BEGIN + fcgi(
        4, struct.pack("!I", 0xfffffffe) + b"\x01" + b"x" * 64),
    "sum-overflows": BEGIN + fcgi(
        4, struct.pack("!II", 0xffffffff, 0x80000001) + b"x" * 64),
    "name-past-the-record": BEGIN + fcgi(4, b"\x40\x40short") + fcgi(4, b""),
    "value-cut": BEGIN + fcgi(4, b"\x01\x7fA") + fcgi(4, b""),
    "record-cut": BEGIN + fcgi(4, b"\x01\x01AB", length=65535),
    "wrong-version": fcgi(1, struct.pack("!HB5x", 1, 0), version=9),
    "unknown-role": fcgi(1, struct.pack("!HB5x", 77, 0)),
    "stdin-first": fcgi(5, b"hello"),
    "noise": bytes(range(256)) * 40,
    "nothing": b"",
    "params-without-end": BEGIN + fcgi(4, b"\x01\x01AB") * 2000,
}


def drop_reports_of_libfcgi(site):
    """Its parameter reader believes lengths: known, and not ours."""
    for path in glob.glob(site.workspace.path("var", "sanitizer*")):
        with open(path) as f:
            frames = re.findall(r"(?m)^ +#\d+ .*", f.read())
        first = [x for x in frames if "libsanitizer" not in x][:1]
        if first and "libfcgi.so" in first[0]:
            os.unlink(path)


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_records_cost_one_worker_at_most(site, prompt, name):
    site.workspace.may_crash = True
    # Some cost their worker its life; four that die young end the pool.
    wait_until(lambda: all(map(is_grown_up, site.pids())),
               what="the workers to be of age")
    before = site.pids()
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(site.workspace.socket)
            try:
                s.sendall(CRAFTED[name])
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:
                pass
    wait_until(lambda: len(site.pids()) == len(before),
               what="as many workers as before")
    wait_until(lambda: site.chat(prompt).status == 200,
               what="an answer")
    assert site.chat(prompt).header("X-Cache") == "HIT (exact)"
    assert len(set(before) - set(site.pids())) <= 2  # one for each try
    drop_reports_of_libfcgi(site)
