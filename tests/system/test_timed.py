"""What the histograms tell: hits apart from all that may take its time."""

import pytest

from harness import FORMATS, Site
from harness.stale import Kept, counted

CHAT = FORMATS[0]
WORDS = ["hit", "live", "stale", "reshaped", "paced", "miss"]
OPTIONS = {"cache.cross_mode": "on", "cache.stale_if_error": "1h"}


@pytest.fixture(scope="module")
def site(theatre, memcached, demo):
    with Site(memcached=memcached, demo=demo, options={
            **OPTIONS, "upstream openai.url": theatre.url}) as s:
        yield s


def counts(site, histogram):
    return {word: counted(site, 'reprise_%s_seconds_count{cache="%s"}'
                          % (histogram, word)) for word in WORDS}


class Watch:
    """Of a block, the answers that were timed in it, by what they were."""

    def __init__(self, site, **expected):
        self.site = site
        self.expected = {**dict.fromkeys(WORDS, 0), **expected}

    def look(self):
        return [counts(self.site, name)
                for name in ("time_to_first_byte", "duration")]

    def __enter__(self):
        self.before = self.look()

    def __exit__(self, failed, *exc):
        if failed:
            return
        for before, after in zip(self.before, self.look()):
            assert {w: after[w] - before[w] for w in WORDS} == self.expected


def play(call):
    call.play_all()


def ask(site, prompt, stream=True, **headers):
    response = site.ask(CHAT, prompt, stream, headers={
        name.replace("_", "-"): value for name, value in headers.items()})
    site.record(response)  # by then it is counted
    return response


def test_each_apart(site, stage, crowd, question):
    with Watch(site, miss=1, live=1):
        leader = crowd.start(site.send_ask(CHAT, question, True))
        call = stage.next().head().say(1)
        follower = crowd.start(site.send_ask(CHAT, question, True))
        crowd.until(lambda: follower.body == call.sent, what="a follower")
        call.play()
        crowd.finish()
        assert site.record(leader)["cache"] == "miss"
        assert site.record(follower)["cache"] == "live"
    with Watch(site, hit=2):
        for _ in range(2):
            assert ask(site, question).header("X-Cache") == "HIT (exact)"
    with Watch(site, reshaped=1):
        assert ask(site, question, False).header("X-Cache") == \
            "HIT (reshaped)"
    assert len(stage.calls) == 1


def test_a_stale_answer(site, stage, question):
    stage.script = play
    kept = Kept(site, CHAT, question, True)
    stage.script = lambda call: call.fail(503, b"{}")
    with Watch(site, stale=1):
        assert ask(site, kept.prompt).header("X-Cache") == "HIT (stale)"


@pytest.mark.parametrize("pace", ["500/s", "recorded", "recorded*4"])
def test_a_replay_at_a_pace(site, stage, question, pace):
    """Its first byte, too, comes when the pace wants it."""
    stage.script = play
    first = ask(site, question)
    with Watch(site, paced=2):
        for _ in range(2):
            paced = ask(site, question, X_Cache_Replay=pace)
            assert paced.header("X-Cache") == "HIT (exact)"
            assert paced.body == first.body
    with Watch(site, hit=1):
        ask(site, question, X_Cache_Replay="instant")


def test_json_knows_no_pace(site, stage, question):
    stage.script = play
    ask(site, question, False)
    with Watch(site, hit=1):
        ask(site, question, False, X_Cache_Replay="1/s")
