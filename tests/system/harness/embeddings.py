"""Asking for embeddings, of texts that nobody has asked for."""

import itertools
import json

PATH = "/v1/embeddings"
EVERY = itertools.count()


def body_of(inputs, **fields):
    return json.dumps({"model": "demo", "input": inputs, **fields}).encode()


def headers_of(demo, headers=()):
    out = {"Content-Type": "application/json"}
    if demo:
        out["X-Demo"] = ", ".join("%s=%s" % p for p in demo.items())
    out.update(dict(headers))
    return out


def send(site, inputs, demo=None, headers=(), **fields):
    return site.send("POST", PATH, headers_of(demo, headers),
                     body=body_of(inputs, **fields))


def embed(site, inputs, demo=None, headers=(), **fields):
    response = send(site, inputs, demo, headers, **fields).head().finish()
    assert response.clean
    return response


def direct(site, inputs, demo=None, **fields):
    """What the model itself says to that."""
    return site.demo.client.request("POST", PATH, headers_of(demo),
                                    body=body_of(inputs, **fields))


def requests(site):
    return site.demo.stats()["requests"]


def asked(site):
    """The inputs of the last request the model got."""
    return json.loads(site.last_forwarded()[0])["input"]


def text(words=None):
    """A text nobody has asked for, of so many words (of one letter)."""
    n = next(EVERY)
    letters = [chr(97 + n // 26 ** i % 26) for i in range(6)]
    for _ in range((words or 7) - 6):
        letters.append("z")
    return " ".join(letters) + " "


def unique(inputs):
    """Without repeats, by the first place of each."""
    out = []
    for one in inputs:
        if one not in out:
            out.append(one)
    return out


def assert_hit(response):
    assert response.status == 200
    assert response.header("X-Cache") == "HIT (exact)"


def assert_partial(response, hits, places):
    assert (response.status, response.header("X-Cache")) == (200, "MISS")
    assert response.header("Cache-Status") == \
        'reprise; fwd=partial; detail="%d of %d"' % (hits, places)
