"""Identical requests in the air, from two pools that share memcached."""

import contextlib
import re
import time
import urllib.parse

from .crowd import PATIENCE
from .process import kill, wait_until
from .servers import LighttpdPool
from .site import Site
from .workers import is_grown_up

COLLAPSED = "reprise; fwd=miss; collapsed"
ALICE, BOB = ({"Authorization": "Bearer sk-" + name}
              for name in ("alice-0123456789", "bob-0123456789"))


def assert_live(*responses):
    for response in responses:
        assert response.header("X-Cache") == "HIT (live)"
        assert response.header("Cache-Status") == COLLAPSED


def polls(memcached):
    with memcached.connect() as m:
        return int(m.stat("cmd_get"))


ASKED = re.compile(r" type=item_(get|store) key=(\S+) .*\bcfd=(\d+)")


class Asked:
    """What memcached says that it is asked (its doc/protocol.txt, watch)."""

    def __init__(self, log):
        self.log = log
        self.rows = {}     # by connection: (what, name), in order
        self.lock = None   # the one that was found to be somebody's

    def read(self):
        """The next thing: (what, name), or None."""
        line = urllib.parse.unquote(self.log.file.readline().decode())
        found = ASKED.search(line)
        if not found:
            return None
        what = found.group(1, 2)
        self.rows.setdefault(found.group(3), []).append(what)
        if what[1].endswith(":lock") and "status=not_stored" in line:
            self.lock = what[1]
        return what

    def looks(self):
        """
        How often somebody who does not lead has learned who does. Reading
        the lock is also part of setting it, and of what leaders ask now
        and then, together with what somebody needs.
        """
        return sum(one == ("get", self.lock) and
                   two != ("store", self.lock) and
                   not two[1].endswith(":need")
                   for row in self.rows.values()
                   for one, two in zip(row, row[1:] + [("", "")]))


@contextlib.contextmanager
def joining(memcached, count):
    """
    Within, so many requests are sent that are to follow one that leads;
    left when each of them knows who that is, and they have asked for news
    of it since. Whatever becomes of it now, they do not miss it.
    """
    end = time.monotonic() + PATIENCE
    news = 0
    with memcached.connect() as log:
        assert log.line("watch fetchers mutations") == "OK"
        yield
        asked = Asked(log)
        while news < 3 * count:
            assert time.monotonic() < end, "%d of %d requests follow" % (
                asked.looks(), count)
            what = asked.read()
            if asked.looks() < count:
                news = 0
            elif what and what[0] == "get" and what[1].endswith(":state"):
                news += 1


def kill_leader(call, pair, by=kill):
    """Take down the process that leads, in near; its pid."""
    pid = call.worker(pair.near.pids())
    wait_until(lambda: is_grown_up(pid), what="a worker to be replaced")
    by(pid)
    return pid


class Pair(contextlib.ExitStack):
    """
    near and far: pools of their own that share memcached and the upstream,
    a Stage. What is asked of near leads when it is asked first, and near
    can be killed without harm to who follows from far. far_options: of
    far, where they differ.
    """

    def __init__(self, memcached, stage, demo, options=None, processes=1,
                 server=LighttpdPool, far_options=None):
        super().__init__()
        self.memcached = memcached
        self.stage = stage
        self.demo = demo
        self.options = {"upstream openai.url": stage.url,
                        **(options or {})}
        self.far_options = {**self.options, **(far_options or {})}
        self.processes = processes
        self.server = server

    def __enter__(self):
        super().__enter__()
        try:
            self.near, self.far = (self.enter_context(Site(
                self.server, memcached=self.memcached, demo=self.demo,
                options=options, processes=self.processes))
                for options in (self.options, self.far_options))
        except BaseException:
            self.close()
            raise
        return self

    def logs(self):
        return self.near.logs() + self.far.logs()

    def lead(self, crowd, fmt, question, stream=True, **more):
        """A request that leads: (its exchange, its call upstream)."""
        lead = crowd.start(self.near.send_ask(fmt, question, stream, **more))
        return lead, self.stage.next()

    def follow(self, crowd, fmt, question, stream=True, count=3, **more):
        """More of the same, sent to far."""
        return [crowd.start(self.far.send_ask(fmt, question, stream, **more))
                for _ in range(count)]

    def waiting(self, crowd, fmt, question, stream=True, count=3, **more):
        """As follow; returned when they all follow."""
        with joining(self.memcached, count):
            return self.follow(crowd, fmt, question, stream, count, **more)

    def join(self, crowd, fmt, question, call, pieces):
        """Others in a stream before its head, or after so many pieces."""
        if not pieces:
            return self.waiting(crowd, fmt, question)
        call.head().say(pieces)
        others = self.follow(crowd, fmt, question)
        crowd.until_have(others, call)
        return others
