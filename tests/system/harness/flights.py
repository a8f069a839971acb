"""Identical requests in the air, from two pools that share memcached."""

import contextlib
import re

from .process import wait_until
from .servers import LighttpdPool
from .site import Site

COLLAPSED = "reprise; fwd=miss; collapsed"
ALICE, BOB = ({"Authorization": "Bearer sk-" + name}
              for name in ("alice-0123456789", "bob-0123456789"))


def assert_live(*responses):
    for response in responses:
        assert response.header("X-Cache") == "HIT (live)"
        assert response.header("Cache-Status") == COLLAPSED


def in_air(site):
    """How many requests its workers have begun and not ended."""
    text = site.request("GET", "/-/metrics").body.decode()
    begun = re.findall(r"(?m)^reprise_requests_started_total (\d+)", text)
    ended = re.findall(r"(?m)^reprise_requests_total\{.*\} (\d+)", text)
    return int(begun[0]) - sum(map(int, ended)) - 1  # less this one


def polls(memcached):
    with memcached.connect() as m:
        return int(m.stat("cmd_get"))


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
        """
        As follow; returned when they all follow. Nothing tells so before
        there is a body: that workers have them, and that memcached has
        been asked for news many times since, is as near as one can get.
        """
        before = in_air(self.far)
        out = self.follow(crowd, fmt, question, stream, count, **more)
        wait_until(lambda: in_air(self.far) == before + count,
                   what="%d requests in the air" % count)
        asked = polls(self.memcached) + 20 * count
        wait_until(lambda: polls(self.memcached) > asked,
                   what="followers to ask for news")
        return out

    def join(self, crowd, fmt, question, call, pieces):
        """Others in a stream before its head, or after so many pieces."""
        if not pieces:
            return self.waiting(crowd, fmt, question)
        call.head().say(pieces)
        others = self.follow(crowd, fmt, question)
        crowd.until_have(others, call)
        return others
