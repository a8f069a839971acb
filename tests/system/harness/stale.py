"""Entries that have become stale, and what is told of them."""

import re
import time

from .process import wait_until

ONLY = {"Cache-Control": "only-if-cached"}
TOLD = re.compile(r'reprise; *(.+?); *ttl=(-?\d+); *key="([0-9a-f]{64})"(.*)')


class Kept:
    """
    An answer that was stored to be fresh for a second, and is stale (later:
    not before await_stale).
    """

    def __init__(self, site, fmt, prompt, stream, headers=(), later=False,
                 **more):
        self.begun = time.monotonic()
        self.response = site.ask(fmt, prompt, stream, headers={
            "X-Cache-TTL": "1s", **dict(headers)}, **more)
        assert self.response.status == 200, self.response.body
        assert self.response.header("X-Cache") == "MISS"
        self.record = site.record(self.response)
        assert self.record["not_stored"] is None
        self.stored = time.monotonic()
        self.fmt, self.prompt, self.stream = fmt, prompt, stream
        self.look = lambda: site.ask(
            fmt, prompt, stream, headers={**dict(headers), **ONLY}, **more)
        if not later:
            self.await_stale()

    def await_stale(self):
        wait_until(lambda: self.look().header("X-Cache") != "HIT (exact)",
                   what="the entry to be stale")
        return self

    def assert_served(self, response, asked, how, detail=""):
        """
        response is this answer, stale; asked: when it was asked for (a
        monotonic time). how, detail: of its Cache-Status, whose key is
        returned.
        """
        now = time.monotonic()
        assert response.header("X-Cache") == "HIT (stale)"
        assert (response.status, response.clean) == (200, True)
        assert response.body == self.response.body
        # (Apache takes it from what a CGI program says.)
        assert response.header("Content-Length") in \
            (None, str(len(response.body)))
        assert response.header("Content-Type") == \
            self.response.header("Content-Type")
        assert int(asked - self.stored) <= int(response.header("Age")) <= \
            int(now - self.begun) + 1
        told = TOLD.fullmatch(response.header("Cache-Status"))
        assert told and (told.group(1), told.group(4)) == (how, detail)
        assert max(1, int(asked - self.stored) - 1) <= \
            -int(told.group(2)) <= int(now - self.begun) + 1
        return told.group(3)


def records_of(site, response):
    """All records of its request id, once there is one."""
    name = response.header("X-Request-Id")
    return wait_until(lambda: [r for r in site.records.all()
                               if r["request_id"] == name],
                      what="a record of " + name)


def counted(site, metric):
    """The value of a metric, labels included in its name."""
    text = site.request("GET", "/-/metrics").body.decode()
    found = re.findall(r"(?m)^%s (\d+)$" % re.escape(metric), text)
    assert len(found) == 1, (metric, found)
    return int(found[0])
