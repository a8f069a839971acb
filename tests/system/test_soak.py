"""
A minute of everything at once, from a seed: then nothing has leaked, and
every answer was whole or visibly failed.
"""

import collections
import os
import random
import threading
import time

import pytest

from harness import Site, sse_events, wait_until

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
CLIENTS = 12
WARM = 1500  # requests after which what is kept for reuse has its size
BROKEN = ["cut", "half", "drop", "reset", "no-finish", "close-early",
          "garbage", "error-body", "bad-json", "empty"]
BROKEN_STREAMS = BROKEN + ["no-done", "error-event", "error-done",
                           "garbage-event", "after-done"]


def footprint(pids):
    """(open descriptors, resident KB) of all workers."""
    fds = sum(len(os.listdir("/proc/%d/fd" % p)) for p in pids)
    kb = 0
    for p in pids:
        with open("/proc/%d/status" % p) as f:
            kb += next(int(line.split()[1]) for line in f
                       if line.startswith("VmRSS"))
    return fds, kb


class Clients:
    """Threads that ask at random and note what went wrong."""

    def __init__(self, site, seed):
        self.site = site
        self.seed = seed
        self.faults = []
        self.outcomes = collections.Counter()
        self.ids = []

    def run(self, seconds, at_least=0):
        """For so long, and until so many requests were made."""
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=self.client,
                                    args=(n, end, at_least))
                   for n in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def client(self, n, end, at_least):
        rnd = random.Random("%d/%d" % (self.seed, n))
        while not self.faults and (time.monotonic() < end or
                                   len(self.ids) < at_least):
            try:
                self.one(rnd)
            except Exception as e:  # shown by the test
                self.faults.append(repr(e))

    def one(self, rnd):
        kind = rnd.choices(["good", "abort", "fault", "other"],
                           [12, 2, 4, 2])[0]
        if kind == "other":
            size = rnd.randrange(200000)
            r = self.site.request("GET", "/demo/bytes?n=%d" % size)
            self.check(len(r.body) == size and r.clean, r, kind)
            return
        stream = rnd.random() < 0.7
        question = "soak %d" % rnd.randrange(400)
        knobs = {"words": rnd.randrange(1, 60)}
        if kind == "fault":
            knobs = {"fault": rnd.choice(BROKEN_STREAMS if stream
                                         else BROKEN)}
            question += " broken %s" % knobs["fault"]
        if rnd.random() < 0.1:
            knobs["gap"] = 3
        r = self.site.open_chat(question, stream, demo=knobs)
        if kind == "abort":
            r.read()
            r.close()
            self.note(r, kind)
            return
        r.finish()
        if kind == "fault":
            # It may have come by way of another request, but is not kept.
            self.check(r.header("X-Cache") in ("MISS", "HIT (live)"), r, kind)
        else:
            self.check(self.is_whole(r, question, stream), r, kind)

    def is_whole(self, r, question, stream):
        """Byte for byte what the model says, whatever words= it was."""
        if r.status != 200 or not r.clean:
            return False
        if stream:
            return sse_events(r.body)[-1] == b"[DONE]" and \
                self.same_id(r.body, question, stream)
        return r.body.endswith(b"}") and \
            self.same_id(r.body, question, stream)

    def same_id(self, body, question, stream):
        # The model derives the id from the question: no mix-ups.
        direct = self.site.direct(question, stream, demo={"words": 1})
        start = direct.body.index(b"chatcmpl-")
        return direct.body[start:start + 33] in body

    def check(self, good, r, kind):
        if not good:
            self.faults.append("%s: %d %r clean=%s %r" % (
                kind, r.status, r.headers, r.clean, r.body[-300:]))
        self.note(r, kind)

    def note(self, r, kind):
        self.ids.append(r.header("X-Request-Id"))
        self.outcomes[kind, r.status, r.header("X-Cache")] += 1


@pytest.fixture
def site(memcached, demo, monkeypatch):
    # What a sanitizer keeps of freed memory, to see who still uses it, is
    # no leak.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") +
                       ":quarantine_size_mb=8")
    with Site(memcached=memcached, demo=demo,
              options={"cache.ttl": "5s", "flight.lease": "30s"}) as s:
        yield s


def settled(site):
    """The footprint once nothing is in the air."""
    wait_until(lambda: site.demo.stats()["active"] == 0,
               what="the upstream to be idle")
    return footprint(site.pids())


def test_soak(site):
    warm = Clients(site, SEED)
    warm.run(SECONDS / 4, WARM)
    assert warm.faults == []
    pids = site.pids()
    fds_before, kb_before = settled(site)
    soak = Clients(site, SEED + 1)
    soak.run(SECONDS * 3 / 4)
    assert soak.faults == []
    assert site.pids() == pids  # nobody died
    # Pools may have grown by a connection or two a thread, not a request.
    ceiling = fds_before + 4 * CLIENTS
    wait_until(lambda: settled(site)[0] <= ceiling,
               what="descriptors to be closed")
    assert footprint(pids)[1] < kb_before * 1.5 + 32768
    ids = warm.ids + soak.ids
    records = site.records.wait(len(ids))
    counted = collections.Counter(r["request_id"] for r in records)
    assert set(counted) == set(ids)
    assert set(counted.values()) == {1}
    print(len(ids), "requests:", dict(warm.outcomes + soak.outcomes))
