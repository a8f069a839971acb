"""
Requests that share calls, while workers are killed and stopped, memcached
comes and goes, keys are lost, clients leave and the model fails: at random,
from a seed. No two calls have the same answer, so that a byte in the wrong
place shows.

    FLIGHT_SEED=1 FLIGHT_ROUNDS=500 pytest -x tests/system/test_flight_chaos.py
"""

import contextlib
import os
import random
import re
import signal
import time

import pytest

from harness import MARK, MODES, Memcached, Pair, wait_until
from harness.crowd import Crowd
from harness.process import kill
from harness.workers import is_grown_up

FIRST = int(os.environ.get("FLIGHT_SEED", "1"))
ROUNDS = int(os.environ.get("FLIGHT_ROUNDS", "10"))
# The lease and the time-out are shorter than the longest stops below, and
# longer than a machine that is busy holds a process up.
OPTIONS = {"flight.lease": "3s", "cache.timeout": "2s",
           "cache.retry": "100ms", "cache.chunk": "4K"}
STOPS_S = [0.3, 1.2, 4.0]
STORE_STOPS_S = [0.05, 0.5, 3.0]
# Longer than all that one request may have to wait for.
PATIENCE_S = 90
# How a worker tells that it leaves memcached alone, and that it does no more.
AWAY = re.compile(r"(?m)^reprise\[(\d+)\]: memcached \S+ does not answer")
BACK = re.compile(r"(?m)^reprise\[(\d+)\]: memcached \S+ answers again")
# Embeddings are put together from entries of several calls.
KINDS = [(f, stream) for f, stream in MODES if f.exact]
UNSTORABLE = [{"fault": "error-event"}, {"fault": "cut"}, {"fault": "half"},
              {"fault": "error-body"}, {"header": "Cache-Control:no-store"}]


@pytest.fixture(scope="module")
def pair(theatre, demo):
    with Memcached() as memcached:
        with Pair(memcached, theatre, demo, OPTIONS, processes=2) as p:
            yield p


class Question:
    """What is asked in a round, again and again, and how it goes."""

    def __init__(self, rnd, name):
        self.fmt, self.stream = rnd.choice(KINDS)
        self.name = "<%s>" % name
        self.requests = []
        self.gap_s = rnd.choice([0, 0.001, 0.01, 0.03, 0.05])
        self.silence_s = rnd.choice([0, 0, 0.1, 0.5, 1.5])
        self.knobs = {"words": rnd.choice([1, 5, 20, 40, 60, 400])}
        if self.knobs["words"] > 100:
            self.gap_s = min(self.gap_s, 0.005)
        self.fails = None       # the status of an error
        self.breaks = False     # in the middle, as a rule
        self.storable = True
        kind = rnd.random()
        if kind < 0.1:
            self.fails = rnd.choice([400, 429, 500])
        elif kind < 0.2:
            self.breaks = True
        elif kind < 0.35:
            self.knobs.update(rnd.choice(UNSTORABLE))
        else:
            return
        self.storable = False

    def __repr__(self):
        return "%s %r %s gap=%s silence=%s %s fails=%s breaks=%s" % (
            self.name, self.fmt, "stream" if self.stream else "json",
            self.gap_s, self.silence_s, self.knobs, self.fails, self.breaks)

    def ask(self, site):
        return site.send_ask(self.fmt, self.name + MARK, self.stream,
                             demo=self.knobs)

    def play(self, call):
        """How the upstream answers it."""
        time.sleep(self.silence_s)
        if self.fails:
            body = b'{"error":{"message":"%s no %d"}}' % (
                self.name.encode(), call.number)
            call.fail(self.fails, body)
            return
        told = call.answer()
        length = None if self.stream else len(told.body)
        header = self.knobs.get("header")
        call.head(headers=[header.split(":")] if header else (),
                  length=length)
        stop = len(told.pieces)
        if self.breaks:
            stop = call.number % stop
        for _ in range(stop):
            if call.broken:
                break
            call.say(1)
            time.sleep(self.gap_s)
        if self.breaks:
            call.cut()
        else:
            call.end()


class Round:
    def __init__(self, pair, stage, seed):
        self.pair = pair
        self.stage = stage
        self.rnd = random.Random(seed)
        self.questions = [Question(self.rnd, "%d.%d" % (seed, i))
                          for i in range(self.rnd.randint(1, 4))]
        self.stopped = []
        self.killed = 0
        self.lead_lost = 0      # disturbances that may each cost one lead
        self.store_lost = False # then everybody goes upstream on his own
        self.told = []
        self.did = set()        # names of what was done to them

    def script(self, call):
        """How the upstream answers each of them."""
        for q in self.questions:
            if q.name.encode() in call.body:
                q.play(call)
                return
        call.cut()

    def note(self, what):
        self.told.append(what)

    # ---- what is done to them ------------------------------------------

    def pids(self):
        return self.pair.near.pids() + self.pair.far.pids()

    def victims(self):
        """Preferably workers that lead."""
        pids = self.pids()
        live = [c for c in self.stage.calls
                if not c.over.is_set() and not c.broken]
        if live and self.rnd.random() < 0.7:
            call = self.rnd.choice(live)
            try:
                return [call.worker(pids)]
            except (AssertionError, FileNotFoundError):
                pass  # it has just ended
        return pids

    def kill(self):
        old = [p for p in self.victims() if is_grown_up(p)]
        if old:
            self.lead_lost += 1
            self.killed += 1
            kill(self.rnd.choice(old))

    def stop(self):
        pids = [p for p in self.victims() if p not in self.stopped]
        if pids:
            pid = self.rnd.choice(pids)
            self.lead_lost += 1
            self.stopped.append(pid)
            os.kill(pid, signal.SIGSTOP)
            self.crowd.at(self.rnd.choice(STOPS_S),
                          lambda: self.go_on(pid))

    def go_on(self, pid):
        if pid in self.stopped:
            self.stopped.remove(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def store_restart(self):
        self.store_lost = True
        self.pair.memcached.restart()

    def store_stop(self):
        self.store_lost = True
        self.pair.memcached.stop()
        self.crowd.at(self.rnd.choice(STORE_STOPS_S),
                      self.pair.memcached.cont)

    def store_flush(self):
        self.store_lost = True
        self.pair.memcached.cont()
        self.pair.memcached.flush()

    def lose_keys(self):
        """Some of a flight; each may cost the lead."""
        self.pair.memcached.cont()
        with self.pair.memcached.connect() as m:
            keys = [k for k in m.keys()
                    if re.search(r":[ef][0-9a-z]+:", k)]
            for key in self.rnd.sample(keys, min(len(keys), 3)):
                self.lead_lost += 1
                m.delete(key)

    def leave(self):
        live = [x for q in self.questions for x in q.requests
                if not x.ended]
        if live:
            self.crowd.leave(self.rnd.choice(live))

    def disturb(self, action):
        self.note("%.3f %s" % (time.monotonic() - self.begun,
                               action.__name__))
        self.did.add(action.__name__)
        action()

    def settle(self):
        """Every worker uses memcached, whatever befell it before."""
        for n, site in enumerate((self.pair.near, self.pair.far)):
            wait_until(lambda: self.fill(site, "fill %d" % n) and
                       not self.cut_off(site),
                       what="every worker to use the cache")

    def fill(self, site, what):
        """Many at a time, for all workers; whether the last one was a hit."""
        asked = [site.send_chat(what) for _ in range(16)]
        return [x.head().finish() for x in asked][-1].header(
            "X-Cache") == "HIT (exact)"

    def cut_off(self, site):
        """The workers that leave memcached alone."""
        with open(site.workspace.path("var", "pool.log")) as f:
            said = f.read()
        away, back = AWAY.findall(said), BACK.findall(said)
        return [pid for pid in map(str, site.pids())
                if away.count(pid) > back.count(pid)]

    def run(self):
        rnd = self.rnd
        self.stage.script = lambda call: call.play_all()
        self.settle()
        self.stage.reset()
        self.stage.script = self.script
        self.begun = time.monotonic()
        store = rnd.random() < 0.5
        actions = [self.kill, self.stop, self.lose_keys, self.leave]
        if store:
            actions += [self.store_restart, self.store_stop,
                        self.store_flush]
        with Crowd() as self.crowd:
            for q in self.questions:
                for _ in range(rnd.randint(1, 30)):
                    self.crowd.at(rnd.random() * 2.0, lambda q=q:
                                  self.start(q))
            for _ in range(rnd.choice([0, 2, 4, 6, 8])):
                self.crowd.at(rnd.random() * 2.5, lambda: self.disturb(
                    self.rnd.choice(actions)))
            try:
                self.crowd.finish(PATIENCE_S)
            finally:
                self.calm()

    def start(self, q):
        site = self.rnd.choice([self.pair.near, self.pair.far])
        q.requests.append(self.crowd.start(q.ask(site)))

    def calm(self):
        """All is well again."""
        self.pair.memcached.cont()
        for pid in list(self.stopped):
            self.go_on(pid)
        for site in (self.pair.near, self.pair.far):
            wait_until(lambda s=site: len(s.pids()) == 2,
                       what="as many workers as before")

    # ---- what must hold ------------------------------------------------

    def calls_of(self, q):
        return [c for c in self.stage.calls if q.name.encode() in c.body]

    def check(self):
        for q in self.questions:
            calls = self.calls_of(q)
            for request in q.requests:
                self.check_one(q, calls, request)
            assert len(calls) <= len(q.requests), q
            if q.storable and not self.store_lost:
                assert len(calls) <= 1 + self.lead_lost, q

    def check_one(self, q, calls, x):
        say = "%r: %s %s clean=%s %r" % (q, x.status, x.headers, x.clean,
                                         x.body[-300:])
        if x.status is None:
            # Its client left, or its worker died.
            assert not x.clean, say
        elif x.status != 200:
            self.check_error(q, calls, x, say)
        elif x.clean and self.is_answer(calls, x.body):
            return
        else:
            self.check_broken(q, calls, x, say)

    def is_answer(self, calls, body):
        return any(c.sent == body and c.whole for c in calls)

    def check_error(self, q, calls, x, say):
        if x.clean and any((x.status, x.body) == (q.fails, c.sent)
                           for c in calls):
            return
        if x.status == q.fails and not x.clean and "leave" in self.did:
            # Its client left while that came.
            assert any(c.sent.startswith(x.body) for c in calls), say
            return
        assert x.status in (500, 502, 503, 504), say
        assert q.fails or q.breaks or self.told, say
        assert not any(other.name.encode() in x.body
                       for other in self.questions), say

    def check_broken(self, q, calls, x, say):
        """The beginning of one call's answer, and seen to be no more."""
        body = x.body
        if x.clean:
            assert q.stream, say
            event = body.removesuffix(b"\n\n").rsplit(b"\n\n", 1)[-1]
            assert q.fmt.ended not in event, say
            q.fmt.assert_error_event(event.lstrip(b"\n"), None)
            body = body[:body.rindex(event)]
        elif b"error" in body:
            # Its client left while that came.
            body = re.sub(rb'(event: error\n)?data: \{[^\n]*"error".*\Z',
                          b"", body)
        assert any(c.sent.startswith(body) or
                   c.sent.startswith(body.removesuffix(b"\n\n"))
                   for c in calls) or not body, say
        assert q.breaks or self.told, say

    def is_all_landed(self):
        """Nobody leads any more, not even somebody dead."""
        with self.pair.memcached.connect() as m:
            return not any(m.get(k) for k in m.keys()
                           if k.endswith(":lock"))

    def check_afterwards(self):
        """Nothing was stored that is no answer."""
        wait_until(self.is_all_landed, what="dead leaders' leases to end")
        for q in self.questions:
            if not q.storable:
                continue
            for site in (self.pair.near, self.pair.far):
                x = q.ask(site).head().finish()
                assert (x.status, x.clean) == (200, True), q
                assert self.is_answer(self.calls_of(q), x.body), q


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_chaos(pair, stage, seed):
    chaos = Round(pair, stage, seed)
    chaos.run()
    print("\n".join(["FLIGHT_SEED=%d" % seed, *map(repr, chaos.questions),
                     *chaos.told]))
    chaos.check()
    chaos.check_afterwards()
