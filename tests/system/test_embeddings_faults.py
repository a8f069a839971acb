"""
Embeddings that are merged where something goes wrong: upstream, on the way,
or a client that leaves.
"""

import json

import pytest

from harness import Double, Nginx, Site, wait_until
from harness.embeddings import (
    asked, assert_hit, direct, embed, requests, send, text)


@pytest.fixture(scope="module")
def site(memcached, demo):
    with Site(memcached=memcached, demo=demo) as s:
        yield s


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("fault", ["short", "shuffle"])
def test_answers_that_do_not_match(site, fault, warm):
    inputs = [text() for _ in range(5)]
    if warm:
        embed(site, inputs[:warm])
    for _ in range(2):
        before = requests(site)
        response = embed(site, inputs, {"fault": fault})
        assert requests(site) - before == 1
        assert response.status == 502
        error = json.loads(response.body)["error"]
        assert error["code"] == "upstream_broken"
        record = site.record(response)
        assert record["not_stored"] == "mismatch"
        assert record["error"] == "upstream_broken"
    response = embed(site, inputs)
    assert asked(site) == inputs[warm:]
    assert response.body == direct(site, inputs).body


def test_one_input_and_no_vector(site):
    a = text()
    assert embed(site, a, {"fault": "short"}).status == 502
    assert embed(site, a).header("X-Cache") == "MISS"


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("demo_knobs, status", [
    ({"status": 400}, 400), ({"status": 429}, 429), ({"status": 500}, 500),
    ({"fault": "error-body"}, 200)])
def test_errors_pass_as_they_came(site, demo_knobs, status, warm):
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    response = embed(site, inputs, demo_knobs)
    wanted = direct(site, inputs[warm:], demo_knobs)
    assert (response.status, response.body) == (status, wanted.body)
    assert response.header("X-Cache") == "MISS"
    assert site.record(response)["not_stored"] == \
        ("error-body" if status == 200 else "status")
    embed(site, inputs)
    assert asked(site) == inputs[warm:]


@pytest.mark.parametrize("warm", [0, 2])
@pytest.mark.parametrize("fault", ["bad-json", "empty", "drop", "reset",
                                   "close-early", "garbage"])
def test_broken_answers(site, fault, warm):
    """An error, or the very bytes; never stored, never a wrong vector."""
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    response = embed(site, inputs, {"fault": fault})
    if response.status == 200:
        assert fault in ("bad-json", "empty")
        assert response.body == direct(site, inputs, {"fault": fault}).body
    else:
        assert response.status == 502
        assert json.loads(response.body)["error"]["code"].startswith(
            "upstream_")
    assert site.record(response)["not_stored"] in ("bad-json", "broken")
    embed(site, inputs)
    assert asked(site) == inputs[warm:]


@pytest.mark.parametrize("warm", [0, 2])
def test_an_answer_that_is_no_json_passes(site, warm):
    """Of an altered request it would be the wrong one: asked as it was."""
    knobs = {"header": "Content-Encoding:x-none"}
    inputs = [text() for _ in range(4)]
    if warm:
        embed(site, inputs[:warm])
    for _ in range(2):
        response = embed(site, inputs, knobs)
        assert asked(site) == inputs
        assert response.status == 200
        assert response.body == direct(site, inputs).body
        assert response.header("Content-Encoding") == "x-none"
        assert site.record(response)["not_stored"] == "encoded"


def answer_of(member, vectors, **usage):
    """What a model says, with each vector under this name."""
    return json.dumps({"object": "list", "model": "m", "data": [
        {"object": "embedding", "index": i, member: v}
        for i, v in enumerate(vectors)], "usage": usage}).encode()


@pytest.fixture
def double():
    with Double() as d:
        yield d


@pytest.fixture
def told(memcached, double):
    with Site(memcached=memcached, demo=double) as s:
        yield s


@pytest.mark.parametrize("answer", [
    answer_of("embeddings", [[[1, 2], [3]], [[4]]], total_tokens=3),
    answer_of("embedding", [[[1, 2], [3]], [[4]]], total_tokens=3),
    answer_of("embedding", [{"7": 0.5}, {"8": 0.5}], total_tokens=3),
    answer_of("embedding", [[1], [2]], said="x" * 5000)])
def test_other_kinds_of_vectors_pass(told, double, answer):
    """Several an input, or sparse: not to be merged, but no fault."""
    a, b = text(), text()
    double.answer(answer)
    response = embed(told, [a, b])
    assert (response.status, response.body) == (200, answer)
    assert told.record(response)["not_stored"] == "bad-json"
    # Asked once, and then as it was.
    response = embed(told, [a, b, a])
    assert (response.status, response.body) == (200, answer)
    assert [json.loads(body)["input"] for _, body in double.requests] == \
        [[a, b], [a, b], [a, b, a]]


@pytest.mark.parametrize("other", [[1, 2, 3], "AACAPw=="])
def test_other_vectors_of_the_same_model_name(told, double, other):
    a, b = text(), text()
    double.answer(answer_of("embedding", [[1, 2]], total_tokens=3))
    assert embed(told, a).status == 200
    double.answer(answer_of("embedding", [other], total_tokens=3))
    # All is asked anew; to that, one vector is no answer.
    response = embed(told, [a, b])
    assert response.status == 502
    assert [json.loads(body)["input"] for _, body in double.requests] == \
        [a, [b], [a, b]]


def test_another_model_is_never_mixed(site):
    inputs = [text() for _ in range(5)]
    embed(site, inputs[:2], {"model": "old"})
    assert_hit(embed(site, inputs[:2]))
    before = requests(site)
    response = embed(site, inputs, {"model": "new"})
    assert requests(site) - before == 2
    assert asked(site) == inputs
    assert response.body == direct(site, inputs, {"model": "new"}).body
    assert response.header("Cache-Status") == "reprise; fwd=miss"
    record = site.record(response)
    cost = json.loads(response.body)["usage"]["total_tokens"]
    first = json.loads(direct(site, inputs[2:]).body)["usage"]
    assert record["tokens_spent"] == cost + first["total_tokens"]
    assert record["tokens_saved"] == 0
    hit = embed(site, inputs)
    assert_hit(hit)
    assert hit.body == response.body


def test_entries_of_two_models_are_not_mixed(site):
    a, b = text(), text()
    embed(site, a, {"model": "old"})
    embed(site, b, {"model": "new"})
    before = requests(site)
    response = embed(site, [a, b], {"model": "newest"})
    assert requests(site) - before == 1
    assert asked(site) == [a, b]
    assert json.loads(response.body)["model"] == "newest"
    assert_hit(embed(site, [b, a]))


def test_no_usage_is_fine(site):
    inputs = [text() for _ in range(3)]
    embed(site, inputs[:1], {"usage": "off"})
    response = embed(site, inputs, {"usage": "off"})
    assert response.body == direct(site, inputs, {"usage": "off"}).body
    assert embed(site, inputs).body == response.body


def test_a_client_that_leaves(memcached, demo, stage):
    """on_abort = finish: what was asked for is stored all the same."""
    inputs = [text() for _ in range(3)]
    # Of the servers, nginx tells of it before there is an answer.
    with Site(Nginx, memcached=memcached, demo=demo,
              options={"upstream openai.url": stage.url}) as site:
        left = send(site, inputs)
        call = stage.next()
        before = site.server.unix_sockets()
        left.close()
        wait_until(lambda: site.server.unix_sockets() < before,
                   what="nginx to tell the worker")
        call.play_all()
        record = site.records.wait(1)[0]
        assert record["aborted"] and record["not_stored"] is None
        assert_hit(embed(site, inputs))
        assert len(stage.calls) == 1


def test_a_client_that_leaves_where_that_cancels(memcached, demo):
    inputs = [text() for _ in range(3)]
    options = {"cache.on_abort": "cancel"}
    with Site(Nginx, memcached=memcached, demo=demo,
              options=options) as site:
        stats = site.demo.stats()
        asked_before, aborted = stats["requests"], stats["aborted"]
        left = send(site, inputs, {"fault": "stall"})
        wait_until(lambda: requests(site) > asked_before,
                   what="the model to be asked")
        left.close()
        wait_until(lambda: site.demo.stats()["aborted"] > aborted,
                   what="the transfer be stopped")
        record = site.records.wait(1)[0]
        assert record["aborted"] and record["not_stored"] == "cancelled"
        assert embed(site, inputs).header("X-Cache") == "MISS"
