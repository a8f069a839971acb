"""An upstream behind TLS: whom it is taken for, and how often it is met."""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time

import pytest

from harness import DemoUpstream, Site, h2, sse_events, wait_until
from harness.process import clean_env
from harness.site import CHAT, chat_body
from harness.tls import Authority, RecordServer, TlsServer, openssl
from harness.workspace import BUILD

BRIEF = "keepalive_timeout 1s; lingering_close off;"
PROTOCOL = {True: "HTTP/2.0", False: "HTTP/1.1"}
both = pytest.mark.parametrize("http2", [True, False],
                               ids=["http2", "http1.1"])


@pytest.fixture(scope="module")
def ca():
    with Authority() as a:
        yield a


@pytest.fixture(scope="module")
def certificate(ca):
    return ca.issue("server")


@pytest.fixture(scope="module")
def own_demo():
    """Its counts are of these tests alone."""
    with DemoUpstream() as d:
        yield d


@pytest.fixture
def serve(certificate):
    """Start a TLS server; it is gone after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda behind, cert=certificate, **more: \
            stack.enter_context(TlsServer(behind.url, cert, **more))


@pytest.fixture
def install(memcached, own_demo, ca):
    """
    Start a Reprise, one process of 64 threads, that has a TLS server for
    its upstream. No connection of another test is open in it.
    """
    with contextlib.ExitStack() as stack:
        def start(tls, ca_file=ca.file):
            options = {"server.threads": 64, "upstream openai.url": tls.url,
                       # Handshakes of a crowd take their time.
                       "upstream openai.connect_timeout": "2m"}
            if ca_file:
                options["upstream openai.ca_file"] = ca_file
            return stack.enter_context(Site(
                memcached=memcached, demo=own_demo, processes=1,
                options=options))
        yield start


def ask(site, prompt, stream=True, **more):
    """A miss that went well, over when all of it is."""
    response = site.chat(prompt, stream, **more)
    assert (response.status, response.clean) == (200, True), response.body
    assert response.header("X-Cache") == "MISS"
    assert (b"[DONE]" in sse_events(response.body)) == stream
    site.record(response)
    return response


def ask_all(site, prompt, n):
    """So many streams and as many JSON answers, one after the other."""
    for i in range(n):
        ask(site, "%s: %d" % (prompt, i))
        ask(site, "%s: %d" % (prompt, i), stream=False)


def served(tls, n):
    """What it served, once it has said so of n requests."""
    wait_until(lambda: len(tls.served()) >= n,
               what="%d requests in nginx's log" % n)
    return tls.served()


# ---- connections ----------------------------------------------------------


@both
def test_one_after_another_over_one_connection(serve, install, own_demo,
                                               prompt, http2):
    tls = serve(own_demo, http2=http2)
    site = install(tls)
    ask_all(site, prompt, 25)
    time.sleep(1.2)  # that it was idle for a while changes nothing
    ask_all(site, prompt + " later", 5)
    requests = served(tls, 60)
    assert len(requests) == 60
    assert {(r.protocol, r.tls, r.status) for r in requests} == \
        {(PROTOCOL[http2], "TLSv1.3", "200")}
    assert len({r.connection for r in requests}) == 1
    assert [int(r.nth) for r in requests] == list(range(1, 61))
    assert tls.accepted() == 1


@both
def test_connections_of_a_crowd_stay_warm(serve, install, stage, prompt,
                                          http2):
    tls = serve(stage, http2=http2)
    site = install(tls)
    clients = [site.send_chat("%s: %d" % (prompt, i)) for i in range(64)]
    calls = [stage.next() for _ in clients]
    for call in calls:
        call.play_all()
    for client in clients:
        response = client.head().finish()
        assert (response.status, response.clean) == (200, True)
        site.record(response)
    assert tls.accepted() == 64
    stage.script = lambda call: call.play_all()
    ask_all(site, prompt + " later", 10)
    assert tls.accepted() == 64
    last = served(tls, 84)[-20:]
    assert len({r.connection for r in last}) == 1


@both
def test_closed_while_idle(serve, install, own_demo, prompt, http2):
    """The server closes what is idle: nobody's request fails."""
    tls = serve(own_demo, http2=http2, settings=BRIEF)
    site = install(tls)
    for i in range(3):
        ask_all(site, "%s, %d" % (prompt, i), 1)
        wait_until(lambda: tls.open() == 0, what="nginx to close it")
    assert tls.accepted() >= 3


@both
def test_closed_after_so_many_requests(serve, install, own_demo, prompt,
                                       http2):
    tls = serve(own_demo, http2=http2, settings="keepalive_requests 3;")
    site = install(tls)
    ask_all(site, prompt, 6)
    assert [int(r.nth) for r in served(tls, 12)] == [1, 2, 3] * 4
    assert tls.accepted() == 4


@both
def test_closed_just_as_it_is_used(serve, install, own_demo, prompt, http2):
    """
    A reload closes the idle connection while a request may be sent. (Not
    two of them: they could close a new one as well.)
    """
    tls = serve(own_demo, http2=http2)
    site = install(tls)
    questions = itertools.count()

    def ask_one():
        n = next(questions)
        ask(site, "%s, %d" % (prompt, n), stream=n % 2 == 0)

    for _ in range(8):
        ask_one()
        tls.reload()
        while not tls.reloaded():
            ask_one()


# What a server does when a request comes over a connection that has served
# one before: by the request's stream, what it sends, and whether it closes.
LEAVING = {
    "closes": lambda stream: (b"", True),
    "says goodbye": lambda stream: (h2.goaway(stream - 1), False),
    "says goodbye and closes": lambda stream: (h2.goaway(stream - 1), True),
    "has no time": lambda stream: (h2.reset(stream, h2.REFUSED), False),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
@pytest.mark.parametrize("for_good", [False, True])
def test_repeated_on_a_new_connection(install, certificate, prompt, own_demo,
                                      leave, for_good):
    """Once; more often only what was certainly not looked at (refused)."""
    body = own_demo.client.request(
        "POST", CHAT, body=chat_body(prompt, False)).body

    def script(connection, stream):
        if (connection, stream) == (1, 1) or \
                (connection > 1 and not for_good):
            return h2.answer(stream, body), False
        return leave(stream)

    with h2.H2Server(certificate, script) as server:
        site = install(server)
        ask(site, prompt, stream=False)
        response = site.chat(prompt + " again", stream=False)
        if for_good:
            assert response.status == 502
            assert json.loads(response.body)["error"]["code"] == \
                "upstream_broken"
        else:
            assert (response.status, response.body) == (200, body)
        assert server.requests[:3] == [(1, 1), (1, 3), (2, 1)]
        assert len(server.requests) == 3 or \
            (for_good and leave is LEAVING["has no time"])


@pytest.mark.parametrize("streams", [1, 2], ids=["new", "kept alive"])
def test_not_repeated(install, certificate, prompt, own_demo, streams):
    """What the server did look at, and failed at, is not asked twice."""
    body = own_demo.client.request(
        "POST", CHAT, body=chat_body(prompt, False)).body

    def script(connection, stream):
        if stream < 2 * streams - 1:
            return h2.answer(stream, body), False
        return h2.reset(stream, h2.INTERNAL_ERROR), False

    with h2.H2Server(certificate, script) as server:
        site = install(server)
        for i in range(1, streams):
            ask(site, "%s: %d" % (prompt, i), stream=False)
        response = site.chat(prompt, stream=False)
        assert response.status == 502
        assert len(server.requests) == streams


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "at once"])
def test_surplus_behind_an_answer_is_nobodys(install, certificate, prompt,
                                             apart):
    """In the record that ends the answer: no socket shows that it is there."""
    def said(word):
        return b'{"id":"%s","object":"chat.completion","choices":[{"index":' \
            b'0,"message":{"role":"assistant","content":"%s"},' \
            b'"finish_reason":"stop"}]}' % (word, word)

    def whole(body):
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

    right, foreign = whole(said(b"right")), whole(said(b"foreign"))
    cut = right.index(b"{") if apart else 0

    def answer(number):
        records = [right[:cut], right[cut:] + foreign]
        return [r for r in records if r] if number == 1 else [right]

    with RecordServer(certificate, answer) as server:
        site = install(server)
        for i in range(3):
            response = site.chat("%s: %d" % (prompt, i), stream=False)
            assert (response.status, response.body) == (200, said(b"right"))
        assert server.answered == 3


# ---- whom it is taken for -------------------------------------------------


@contextlib.contextmanager
def identity(ca, kind):
    """What the server shows, and the ca_file it is judged by."""
    if kind == "unknown CA":
        yield ca.issue("unknown"), None
    elif kind == "another CA":
        with Authority("Another CA") as other:
            yield other.issue("foreign"), ca.file
    elif kind == "another host":
        yield ca.issue("named", "DNS:localhost,IP:127.0.0.2"), ca.file
    elif kind == "expired":
        yield ca.issue("expired", days=-1), ca.file


@both
@pytest.mark.parametrize("kind, words", [
    ("unknown CA", "issuer"), ("another CA", "issuer"),
    ("another host", "host"), ("expired", "expired")])
def test_refused(serve, install, own_demo, prompt, ca, http2, kind, words):
    """Whoever it is, not one byte of the request gets there."""
    with identity(ca, kind) as (certificate, ca_file):
        tls = serve(own_demo, cert=certificate, http2=http2)
        site = install(tls, ca_file)
        before = own_demo.stats()["requests"]
        for stream in (True, False):
            response = site.chat(prompt, stream)
            assert (response.status, response.clean) == (502, True)
            error = json.loads(response.body)["error"]
            assert error["code"] == "upstream_unreachable"
            assert "certificate" in error["message"], error
            assert words in error["message"], error
            record = site.record(response)
            assert (record["status"], record["error"]) == \
                (502, "upstream_unreachable")
        assert tls.accepted() >= 2  # it was asked who it is, each time
        assert tls.served() == []
        assert own_demo.stats()["requests"] == before


def test_name_in_the_certificate_counts(serve, install, own_demo, prompt,
                                        ca):
    """127.0.0.1 is asked for, so a certificate for localhost will not do."""
    tls = serve(own_demo, cert=ca.issue("local", "DNS:localhost"))
    site = install(tls)
    assert site.chat(prompt).status == 502
    tls.url = tls.url.replace("127.0.0.1", "localhost")
    ask(install(tls), prompt)


def trusting(system, program):
    """
    A command that runs program with system, an Authority, in the place of
    the system's certificates; nobody else sees that.
    """
    store = system.path("store")
    os.mkdir(store)
    shutil.copy(system.file, os.path.join(store, "ca-certificates.crt"))
    shutil.copy(system.file, os.path.join(store, "ca.pem"))
    openssl("rehash", store)
    return ["unshare", "--mount", "sh", "-c",
            'mount --bind "$0" /etc/ssl/certs && exec "$@"', store, program]


def may_unshare():
    return subprocess.run(["unshare", "--mount", "true"],
                          capture_output=True).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="no mounts of its own")
def test_ca_file_is_instead_of_the_systems(serve, memcached, own_demo, ca,
                                           tmp_path):
    with Authority("Well-known CA") as system:
        tls = serve(own_demo, cert=system.issue("official"))
        command = trusting(system, os.path.join(BUILD, "reprise"))
        conf = tmp_path / "reprise.conf"
        text = "[cache]\nservers = %s\ntimeout = 5s\n" \
            "[upstream a]\nurl = %s\n" % (memcached.server, tls.url)
        env = {**clean_env(), "REPRISE_CONF": str(conf)}
        for more, status in (("", 0), ("ca_file = %s\n" % ca.file, 1)):
            conf.write_text(text + more)
            check = subprocess.run([*command, "check"], env=env,
                                   capture_output=True, text=True)
            assert check.returncode == status, check.stdout + check.stderr
        assert "issuer" in check.stdout


# ---- answers --------------------------------------------------------------


@both
def test_event_by_event(serve, install, stage, question, http2):
    """An event is at the client before the model has sent the next."""
    site = install(serve(stage, http2=http2))
    client = site.send_chat(question)
    call = stage.next().head()
    for _ in range(len(call.answer().pieces)):
        call.say(1)
        if client.status is None:
            client.head()
        client.read_until(call.sent)
        assert client.body == call.sent
    call.end()
    client.finish()
    assert client.clean and client.body == call.full
    site.record(client)
    again = site.chat(question)
    assert again.header("X-Cache") == "HIT (exact)"
    assert again.body == call.full


@both
@pytest.mark.parametrize("end", ["reset", "cut", "server gone"])
def test_broken_in_mid_stream(serve, install, stage, question, http2, end):
    tls = serve(stage, http2=http2)
    site = install(tls)
    client = site.send_chat(question)
    call = stage.next().head().say(3)
    client.head().read_until(call.sent)
    if end == "server gone":
        tls.stop()
    else:
        getattr(call, end)()
    client.finish()
    assert client.body.startswith(call.sent)
    events = sse_events(client.body.removeprefix(call.sent))
    assert [json.loads(e)["error"]["code"] for e in events] == \
        ["upstream_broken"]
    record = site.record(client)
    assert (record["error"], record["not_stored"]) == \
        ("upstream_broken", "broken")
    if end == "server gone":
        tls.start()
    stage.script = lambda call: call.play_all()
    again = ask(site, question)
    assert site.chat(question).body == again.body


@both
@pytest.mark.parametrize("knobs", [{}, {"nolength": 1}, {"words": 20000}],
                         ids=["plain", "without length", "long"])
def test_json_is_stored(serve, install, own_demo, prompt, http2, knobs):
    """Over HTTP/2 an answer needs no Content-Length to have an end."""
    site = install(serve(own_demo, http2=http2))
    miss = ask(site, prompt, stream=False, demo=knobs)
    hit = site.chat(prompt, stream=False)
    assert hit.header("X-Cache") == "HIT (exact)"
    assert hit.body == miss.body == site.direct(prompt, False, knobs).body


@both
def test_a_body_that_is_passed_through(serve, install, own_demo, http2):
    """Sent once, over a connection of its own, of any length."""
    tls = serve(own_demo, http2=http2)
    site = install(tls)
    for size in (0, 1, 300000, 3000000):
        for chunked in (False, True):
            seen, _ = site.echo("POST", body=b"x" * size, chunked=chunked)
            assert seen["body_bytes"] == size
    assert {r.protocol for r in served(tls, 8)} == {PROTOCOL[http2]}


@both
def test_fields_of_one_connection_stay_there(serve, install, own_demo,
                                             prompt, http2):
    """None that HTTP/2 forbids, and the credential as it came."""
    site = install(serve(own_demo, http2=http2))
    ask(site, prompt, headers={"X-Mine": "1", "TE": "trailers"})
    _, fields = site.last_forwarded()
    assert fields["authorization"] and fields["x-mine"] == "1"
    assert not {"te", "upgrade", "http2-settings"} & set(fields)
