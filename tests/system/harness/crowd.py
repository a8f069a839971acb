"""Many requests at a time, from one thread."""

import heapq
import itertools
import selectors
import time

# How long any one thing that a test awaits may take.
PATIENCE = 120.0


class Crowd:
    """
    Exchanges that are read as they come. start() sends one, until() and
    finish() read all of them meanwhile; an exchange's reads tell when each
    piece of its body came, and clean how it ended.
    """

    def __init__(self):
        self.members = []
        self.selector = selectors.DefaultSelector()
        self.later = []
        self.order = itertools.count()
        self.open = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for member in self.members:
            self.leave(member)
        self.selector.close()

    def start(self, exchange):
        """Take one in whose request has been sent; returns it."""
        self.members.append(exchange)
        self.selector.register(exchange.sock, selectors.EVENT_READ, exchange)
        self.open += 1
        return exchange

    def at(self, delay_s, action):
        """Call action() in so many seconds from now."""
        heapq.heappush(self.later, (time.monotonic() + delay_s,
                                    next(self.order), action))

    def start_at(self, delay_s, send):
        """Call send() for an exchange then."""
        self.at(delay_s, lambda: self.start(send()))

    def leave(self, exchange):
        """Its client hangs up."""
        if not exchange.ended:
            self.forget(exchange)
            exchange.close()

    def forget(self, exchange):
        self.selector.unregister(exchange.sock)
        self.open -= 1

    def take(self, exchange):
        sock = exchange.sock
        exchange.feed()
        if exchange.ended:
            self.selector.unregister(sock)
            self.open -= 1

    def due(self):
        """Do what is to be done by now; seconds until the next."""
        while self.later:
            wait = self.later[0][0] - time.monotonic()
            if wait > 0:
                return wait
            heapq.heappop(self.later)[2]()
        return PATIENCE

    def turn(self, wait_s):
        """Read what there is, waiting for so long at most."""
        wait_s = min(wait_s, self.due())
        for key, _ in self.selector.select(wait_s):
            self.take(key.data)

    def until(self, condition, what="condition", patience_s=PATIENCE):
        """Read until condition(); it may be about anything."""
        end = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("timed out waiting for %s; %d of %d "
                                     "still open" % (what, self.open,
                                                     len(self.members)))
            self.turn(0.01)

    def until_have(self, members, call, what="events"):
        """Read until these have all that their call has sent."""
        self.until(lambda: all(m.body == call.sent for m in members), what)

    def finish(self, patience_s=PATIENCE):
        """Read until every one has ended; returns them all."""
        end = time.monotonic() + patience_s
        while self.later or self.open:
            if time.monotonic() > end:
                raise AssertionError("%d of %d requests never ended"
                                     % (self.open, len(self.members)))
            self.turn(0.5)
        return self.members
