"""Upstreams that serve the same model: which is asked, and which next."""

import itertools
import json
import os
import re
import socket
import subprocess
import tempfile

import pytest

from harness import Crowd, Site, Stage, sse_events, wait_until
from harness.embeddings import embed, text
from harness.process import clean_env, kill
from harness.site import KEY, chat_body
from harness.workspace import BUILD

# Each test has a group of its own, as what is known of a member stays:
# sections MODEL-a, MODEL-b and MODEL-c, which lead to the stages of these
# letters, or to nowhere.
OPTIONS = {"upstream openai.models": "demo*"}
NOWHERE = "nowhere"
OUR_KEY = "our-key"  # its file's place


def group(model, a, b, c=None, **common):
    """
    Declare one. a, b, c: options of these sections, url among them when it
    is not the stage's; common: those of all.
    """
    for letter, options in (("a", a), ("b", b), ("c", c)):
        if options is None:
            continue
        every = {"url": letter, "models": model, "rest": "5m",
                 **common, **options}
        for name, value in every.items():
            OPTIONS["upstream %s-%s.%s" % (model, letter, name)] = value
    return model


@pytest.fixture(scope="module")
def stages(demo):
    with Stage(demo) as a, Stage(demo) as b, Stage(demo) as c:
        yield {"a": a, "b": b, "c": c}


@pytest.fixture
def a(stages):
    yield stages["a"]
    stages["a"].reset()


@pytest.fixture
def b(stages):
    stages["b"].script = play
    yield stages["b"]
    stages["b"].reset()


@pytest.fixture
def c(stages):
    stages["c"].script = play
    yield stages["c"]
    stages["c"].reset()


@pytest.fixture(scope="module")
def key_file():
    with tempfile.NamedTemporaryFile("w", suffix=".key") as f:
        f.write("sk-ours")
        f.flush()
        os.chmod(f.name, 0o644)  # the workers are another user
        yield f.name


@pytest.fixture(scope="module")
def site(memcached, demo, stages, key_file):
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # and never listens
        urls = {k: v.url for k, v in stages.items()}
        urls[NOWHERE] = "http://127.0.0.1:%d" % dead.getsockname()[1]
        urls[OUR_KEY] = "file:" + key_file
        options = {k: urls.get(v, v) if k.endswith((".url", ".key")) else v
                   for k, v in OPTIONS.items()}
        with Site(memcached=memcached, demo=demo, options=options,
                  processes=4) as s:
            yield s


def play(call):
    call.play_all()


def busy(status, body=b'{"error":"busy"}', **headers):
    """A script that answers so."""
    return lambda call: call.fail(status, body, {
        name.replace("_", "-"): value for name, value in headers.items()})


def metric(site, name, upstream, **labels):
    """The value of a metric of one upstream."""
    every = "".join(',%s="%s"' % pair for pair in labels.items())
    wanted = '%s{upstream="%s"%s} ' % (name, upstream, every)
    text_of = site.request("GET", "/-/metrics").body.decode()
    lines = [line for line in text_of.splitlines()
             if line.startswith(wanted)]
    assert len(lines) == 1, (wanted, lines)
    return int(lines[0].split()[-1])


def tries(site, upstream):
    return metric(site, "reprise_upstream_tries_total", upstream)


def failures(site, upstream, kind):
    return metric(site, "reprise_upstream_failures_total", upstream,
                  kind=kind)


def is_out(site, upstream):
    return metric(site, "reprise_upstream_out", upstream)


def assert_stored(site, response, model, stream):
    """The same question again is a hit, of that answer."""
    again = site.chat(response.question, stream=stream, model=model)
    assert again.header("X-Cache") == "HIT (exact)"
    assert again.body == response.body


def ask(site, prompt, model, stream=False):
    response = site.chat(prompt, stream=stream, model=model)
    response.question = prompt
    assert response.clean
    return response


EARLY = {
    "refused": (None, "connect"),
    "silent": (lambda call: None, "timeout"),
    "only-a-head": (lambda call: call.head(), "timeout"),
    "closed": (lambda call: call.cut(), "broken"),
    "reset": (lambda call: call.reset(), "broken"),
    "429": (busy(429), "status"),
    "500": (busy(500), "status"),
    "503": (busy(503), "status"),
}

for mode, failure in itertools.product(("stream", "json"), EARLY):
    first = {}
    if failure == "refused":
        first["url"] = NOWHERE
    elif EARLY[failure][1] == "timeout":
        first["first_byte_timeout"] = "300ms"
    group("early-%s-%s" % (failure, mode), first, {})


@pytest.mark.parametrize("mode", ["stream", "json"])
@pytest.mark.parametrize("failure", EARLY)
def test_an_early_failure_is_made_up_for(site, a, b, prompt, failure, mode):
    script, kind = EARLY[failure]
    a.script = script
    model = "early-%s-%s" % (failure, mode)
    stream = mode == "stream"
    response = ask(site, prompt, model, stream)
    assert response.status == 200
    assert response.body == b.calls[0].sent
    assert response.header("X-Cache") == "MISS"
    assert [len(a.calls), len(b.calls)] == [0 if script is None else 1, 1]
    record = site.record(response)
    assert record["upstream"] == model + "-b"
    assert not record["not_stored"]
    # an equal's answer is stored like any, under the same key
    assert_stored(site, response, model, stream)
    assert [tries(site, model + "-a"), tries(site, model + "-b")] == [1, 1]
    assert failures(site, model + "-a", kind) == 1
    assert metric(site, "reprise_upstream_retries_total", model + "-b") == 1
    assert metric(site, "reprise_upstream_fallbacks_total", model + "-b") == 0
    # 500 may have been the prompt's fault, and 429 is this caller's limit
    assert is_out(site, model + "-a") == (failure not in ("500", "429"))


group("mid", {}, {})


def test_after_the_first_byte_it_is_too_late(site, a, b, prompt):
    with Crowd() as crowd:
        asked = crowd.start(site.send_chat(prompt, model="mid"))
        call = a.next().head().say(2)
        crowd.until(lambda: call.sent in asked.body, what="two events")
        call.cut()
        crowd.finish()
    assert (asked.status, asked.clean) == (200, True)
    error = json.loads(sse_events(asked.body)[-1])["error"]
    assert error["code"] == "upstream_broken"
    assert not b.calls
    record = site.record(asked)
    assert (record["upstream"], record["not_stored"]) == ("mid-a", "broken")
    # it said something, and so is not left out
    assert is_out(site, "mid-a") == 0


group("three-500", {}, {})


def test_the_third_500_in_a_row_counts(site, a, b, prompt):
    a.script = busy(500)
    for i in range(12):
        assert ask(site, prompt + str(i), "three-500").status == 200
    assert len(a.calls) == 3
    assert is_out(site, "three-500-a") == 1


group("asked", {"rest": "100ms", "key": OUR_KEY}, {})


def test_retry_after_is_honoured(site, a, b, prompt):
    a.script = busy(429, Retry_After="3600")
    for i in range(8):
        assert ask(site, prompt + str(i), "asked").status == 200
    assert len(a.calls) == 1
    assert is_out(site, "asked-a") == 1
    # even when there is nobody else: it is not asked as a second one
    b.script = busy(503, b"b is busy")
    response = ask(site, prompt + " again", "asked")
    assert (response.status, response.body) == (503, b"b is busy")
    assert len(a.calls) == 1


group("own-limit", {"priority": "1"}, {"priority": "2"})


def test_a_callers_own_limit_is_no_matter_of_others(site, a, b, prompt):
    """It is known by the credential, which was the caller's own."""
    def script(call):
        if "poor" in call.headers["authorization"]:
            call.fail(429, b"", {"Retry-After": "3600"})
        else:
            call.play_all()

    a.script = script
    for n in (1, 2):
        poor = site.chat("%s %d" % (prompt, n), stream=False,
                         model="own-limit", headers={
                             "Authorization": "Bearer poor"})
        assert (poor.status, poor.body) == (200, b.calls[-1].sent)
        assert len(b.calls) == n
        rich = site.chat("%s %d" % (prompt, n), stream=False,
                         model="own-limit", headers={
                             "Authorization": "Bearer rich"})
        assert (rich.status, rich.body) == (200, a.calls[-1].sent)
        assert len(b.calls) == n
    # It was left alone after the first time, by that caller alone.
    assert failures(site, "own-limit-a", "status") == 1
    assert len(a.calls) == 3
    assert is_out(site, "own-limit-a") == 0


group("heavy", {"weight": "3"}, {}, {"weight": "2"})


def test_weights_are_exact_over_all_processes(site, a, b, c, prompt):
    a.script = play
    with Crowd() as crowd:
        for i in range(60):
            crowd.start(site.send_chat("%s %d" % (prompt, i),
                                       stream=False, model="heavy"))
        assert all(r.status == 200 for r in crowd.finish())
    assert [len(s.calls) for s in (a, b, c)] == [30, 10, 20]


group("same-key", {}, {})


def test_equals_have_one_key(site, a, b, prompt):
    """Whichever answered, the entry is the same question's."""
    a.script = play
    answers = [ask(site, prompt + str(i), "same-key") for i in range(4)]
    assert [len(a.calls), len(b.calls)] == [2, 2]
    assert {site.record(r)["upstream"] for r in answers} == {
        "same-key-a", "same-key-b"}
    for response in answers:
        assert_stored(site, response, "same-key", False)
    assert len(a.calls) + len(b.calls) == 4


group("spare", {"url": NOWHERE}, {"priority": "5"})


@pytest.mark.parametrize("stream", [True, False])
def test_a_fallbacks_answer_is_not_stored(site, b, prompt, stream):
    before = metric(site, "reprise_upstream_fallbacks_total", "spare-b")
    for n in (1, 2):
        response = ask(site, prompt, "spare", stream)
        assert response.body == b.calls[-1].sent
        assert (response.status, response.header("X-Cache")) == (200, "MISS")
        assert "stored" not in response.header("Cache-Status")
        record = site.record(response)
        assert record["upstream"] == "spare-b"
        assert record["not_stored"] == "fallback"
        assert len(b.calls) == n
    assert metric(site, "reprise_upstream_fallbacks_total",
                  "spare-b") == before + 2


group("spare-vectors", {}, {"priority": "5"})


def test_a_fallbacks_embeddings_are_not_stored(site, a, b):
    a.script = busy(503)
    inputs = [text() for _ in range(3)]
    for n in (1, 2):
        response = embed(site, inputs, model="spare-vectors")
        assert response.status == 200
        assert len(json.loads(response.body)["data"]) == 3
        assert site.record(response)["not_stored"] == "fallback"
        assert len(b.calls) == n


group("equal-vectors", {}, {})


def test_an_equals_embeddings_are_stored(site, a, b):
    a.script = busy(503)
    inputs = [text() for _ in range(3)]
    embed(site, inputs, model="equal-vectors")
    again = embed(site, inputs[::-1], model="equal-vectors")
    assert again.header("X-Cache") == "HIT (exact)"
    assert [len(a.calls), len(b.calls)] == [1, 1]


group("rank", {"priority": "2"}, {"priority": "1"}, {"priority": "0"})


def test_priorities(site, a, b, c, prompt):
    order = []

    def fail(letter):
        def script(call):
            order.append(letter)
            call.fail(500, letter.encode())
        return script

    a.script, b.script, c.script = fail("a"), fail("b"), fail("c")
    response = ask(site, prompt, "rank")
    assert order == ["c", "b", "a"]
    # the last one's answer passes as it came
    assert (response.status, response.body) == (500, b"a")
    assert site.record(response)["upstream"] == "rank-a"


group("few", {"retries": "1"}, {}, {})


def test_retries_are_bounded(site, a, b, c, prompt):
    a.script = busy(503, b"a")
    b.script = busy(429, b"b", Retry_After="7", X_Told="yes")
    response = ask(site, prompt, "few")
    assert (response.status, response.body) == (429, b"b")
    assert response.header("Retry-After") == "7"
    assert response.header("X-Told") == "yes"
    assert not c.calls
    assert ask(site, prompt + " again", "few").status == 200


# A section that is alone in its group, though another would match.
group("alone", {}, {"models": "alon?"})


def test_one_alone_is_asked_once(site, a, b, prompt):
    a.script = busy(503, b"a")
    for n in (1, 2, 3):
        response = ask(site, prompt + str(n), "alone")
        assert (response.status, response.body) == (503, b"a")
        assert len(a.calls) == n
    assert not b.calls


group("probe", {"rest": "100ms"}, {})


def ask_until_tried(site, crowd, stage, model, prompt):
    """Ask until one request has got through to that stage: its call."""
    for i in itertools.count():
        asked = crowd.start(site.send_chat(
            "%s try %d" % (prompt, i), stream=False, model=model))
        crowd.until(lambda: asked.ended or not stage.waiting.empty(),
                    what="an answer or a try")
        if not stage.waiting.empty():
            return asked, stage.next()


def ask_many(site, crowd, model, prompt, count=24):
    """Many at once; they all end."""
    every = [crowd.start(site.send_chat("%s many %d" % (prompt, i),
                                        stream=False, model=model))
             for i in range(count)]
    crowd.until(lambda: all(r.ended for r in every), what="all answers")
    assert all(r.status == 200 for r in every)


def test_one_request_of_all_processes_tries_it(site, a, b, prompt):
    with Crowd() as crowd:
        first = crowd.start(site.send_chat(prompt, model="probe"))
        a.next().fail(503, b"")
        crowd.until(lambda: first.ended, what="the first answer")
        asked, call = ask_until_tried(site, crowd, a, "probe", prompt)
        # while it does, all others avoid it
        ask_many(site, crowd, "probe", prompt + " during")
        assert a.waiting.empty() and not asked.ended
        # found no better: again one, later
        call.fail(503, b"")
        asked, call = ask_until_tried(site, crowd, a, "probe", prompt + " 2")
        ask_many(site, crowd, "probe", prompt + " during 2")
        assert a.waiting.empty()
        # found well: it has its share again
        a.script = play
        assert is_out(site, "probe-a") == 1
        call.play_all()
        crowd.until(lambda: asked.ended, what="the try's answer")
        assert (asked.status, asked.body) == (200, call.sent)
        assert is_out(site, "probe-a") == 0
        before = len(a.calls)
        ask_many(site, crowd, "probe", prompt + " after", 20)
        assert len(a.calls) == before + 10


group("killed", {"rest": "100ms"}, {})


def test_who_tried_it_is_killed(site, a, b, prompt):
    with Crowd() as crowd:
        crowd.start(site.send_chat(prompt, model="killed"))
        a.next().fail(503, b"")
        _, call = ask_until_tried(site, crowd, a, "killed", prompt)
        kill(call.worker(site.pids()))
        crowd.until(call.gone, what="the worker to be gone")
        wait_until(lambda: len(site.pids()) == 4, what="another worker")
        # its claim runs out, and another tries
        asked, call = ask_until_tried(site, crowd, a, "killed", prompt + " 2")
        call.play_all()
        crowd.until(lambda: asked.ended, what="the try's answer")
        assert asked.body == call.sent
    assert is_out(site, "killed-a") == 0


group("shown", {"url": NOWHERE}, {"weight": "3"}, {"priority": "9"})


def reprise(site, *words, body=b""):
    return subprocess.run(
        [os.path.join(BUILD, "reprise"), "-c", site.workspace.conf, *words],
        input=body, capture_output=True, env=clean_env(),
        timeout=60).stdout.decode()


def test_the_command_line_tells(site, b, prompt):
    # until it is the turn of the one that is not there
    wait_until(lambda: ask(site, prompt + str(len(b.calls)), "shown") and
               is_out(site, "shown-a"), what="a failure")
    stats = reprise(site, "stats")
    assert re.search(r"(?m)^upstream shown-a: 1 tries, 1 failed, "
                     r".*; left out, to be tried in \d+ s$", stats)
    assert re.search(r"(?m)^upstream shown-b: .* 1 as a retry", stats)
    assert 'reprise_upstream_out{upstream="shown-a"} 1\n' in reprise(
        site, "stats", "-m")
    key = reprise(site, "key", body=chat_body(prompt, model="shown"))
    assert re.search(
        r"(?m)^group +shown-a \(priority 0, weight 1\), shown-b \(priority 0,"
        r" weight 3\), shown-c \(priority 9, weight 1: a fallback\)$", key)
    assert "group " not in reprise(site, "key", body=chat_body(prompt))
    check = reprise(site, "check")
    assert "ok     group of shown: shown-a, shown-b, shown-c (a fallback)\n" \
        in check
    assert "group of demo*" not in check


group("cgi", {}, {})


def test_cgi_processes_know_it_too(site, a, b, prompt, tmp_path):
    a.script = busy(503)
    for i in range(4):
        body = chat_body(prompt + str(i), stream=False, model="cgi")
        done = subprocess.run(
            [os.path.join(BUILD, "reprise.fcgi")], input=body,
            env={**clean_env(), "REPRISE_CONF": site.workspace.conf,
                 # the pool's belongs to another user
                 "REPRISE_SERVER_STATE_FILE": str(tmp_path / "state"),
                 "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "POST",
                 "REQUEST_URI": "/llm/v1/chat/completions",
                 "CONTENT_TYPE": "application/json",
                 "CONTENT_LENGTH": str(len(body)),
                 "HTTP_AUTHORIZATION": KEY},
            capture_output=True, timeout=60)
        assert done.stdout.endswith(b.calls[i].sent)
    assert [len(a.calls), len(b.calls)] == [1, 4]
