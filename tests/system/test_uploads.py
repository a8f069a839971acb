"""
Uploads whose answer comes before their end, over FastCGI spoken by hand:
web servers that read a request whole before they pass it on hide these.
"""

import contextlib
import socket
import struct
import threading

import pytest

from harness import Site

PIECE = b"x" * 100000


def record(kind, content=b""):
    return struct.pack("!BBHHBB", 1, kind, 1, len(content), 0, 0) + content


def pair(name, value):
    return struct.pack("!II", len(name) | 1 << 31, len(value) | 1 << 31) + \
        name.encode() + value.encode()


class Request:
    """
    A FastCGI request to a worker, its body sent piece by piece. more:
    further variables.
    """

    def __init__(self, path, uri, length=None, **more):
        env = {"REQUEST_METHOD": "POST", "REQUEST_URI": uri, **more}
        if length is not None:
            env["CONTENT_LENGTH"] = str(length)
        self.raw = b""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.sock.sendall(
            record(1, struct.pack("!HB5x", 1, 0)) +
            record(4, b"".join(pair(*p) for p in env.items())) + record(4))

    def send(self, body):
        for i in range(0, len(body), 32768):
            self.sock.sendall(record(5, body[i:i + 32768]))

    def send_all(self, body):
        self.send(body)
        self.sock.sendall(record(5))

    def await_head(self):
        while b"\r\n\r\n" not in self.raw:
            data = self.sock.recv(65536)
            assert data, "ended before its head: %r" % self.raw
            self.raw += data

    def answer(self):
        """End the body: (what came on standard output, whether it ended)."""
        self.sock.sendall(record(5))
        return self.rest()

    def rest(self):
        """As answer, when the body has ended."""
        raw = self.raw
        with self.sock:
            while data := self.sock.recv(65536):
                raw += data
        out, kind = b"", None
        while raw:
            _, kind, _, size, pad, _ = struct.unpack("!BBHHBB", raw[:8])
            if kind == 6:
                out += raw[8:8 + size]
            raw = raw[8 + size + pad:]
        return out, kind == 3


class Upstream(threading.Thread):
    """
    A server that says early as soon as it has a request's head, and late
    (if any), with the number of bytes that followed the head, after end.
    connections: what came on each. resets: an event after which it is
    gone, with most of the request unread.
    """

    def __init__(self, early, end=None, resets=None):
        super().__init__(daemon=True)
        self.early, self.end, self.resets = early, end, resets
        self.answered = threading.Event()
        self.connections = []
        self.sock = None       # the connection that is served
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        sock = self.sock
        # It may end by itself at this very moment.
        with contextlib.suppress(OSError):
            if sock:
                sock.shutdown(socket.SHUT_RDWR)
        self.join(20)

    def run(self):
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            with sock:
                self.sock = sock
                self.serve(sock)
            self.sock = None

    def serve(self, sock):
        at = len(self.connections)
        self.connections.append(b"")
        answered = False
        while data := sock.recv(65536):
            self.connections[at] += data
            seen = self.connections[at]
            if not answered and b"\r\n\r\n" in seen:
                answered = True
                sock.sendall(self.early)
                self.answered.set()
            if answered and self.resets:
                self.resets.wait(60)
                return
            if self.end and self.end(seen):
                size = b"%d" % len(seen.split(b"\r\n\r\n", 1)[1])
                sock.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(size), size))
                return


@pytest.fixture
def started(memcached):
    """started(upstream): a site in front of it."""
    sites = []

    def start(upstream):
        sites.append(Site(memcached=memcached, demo=upstream, mount="/",
                          processes=1).__enter__())
        return sites[-1]
    yield start
    for site in sites:
        site.close()


@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_goes_on_after_an_early_answer(started, announced):
    if announced:
        def end(seen):
            return len(seen.split(b"\r\n\r\n", 1)[1]) >= 4 * len(PIECE)
    else:
        def end(seen):
            return seen.endswith(b"\r\n0\r\n\r\n")
    early = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Upstream(early, end) as upstream:
        site = started(upstream)
        r = Request(site.workspace.socket, "/v1/files",
                    4 * len(PIECE) if announced else None)
        r.send(PIECE)
        assert upstream.answered.wait(20)
        r.send(PIECE * 3)
        out, ended = r.answer()
        assert ended and out.startswith(b"Status: 200 ")
        assert int(out.split(b"\r\n\r\n", 1)[1]) >= 4 * len(PIECE)
        assert upstream.connections[0].count(b"x") >= 4 * len(PIECE)


def test_nothing_follows_an_upload_on_its_connection(started):
    """Another caller's request must not pass for the rest of a body."""
    early = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with Upstream(early) as upstream:
        site = started(upstream)
        r = Request(site.workspace.socket, "/v1/files", 4 * len(PIECE))
        r.send(PIECE)
        assert upstream.answered.wait(20)
        r.send(PIECE * 3)
        out, ended = r.answer()
        assert ended and out.endswith(b"\r\n\r\nok")
        assert site.request("POST", "/v1/other", body=b"hello").body == b"ok"
        assert [c.split(b" ", 2)[1] for c in upstream.connections] == \
            [b"/v1/files", b"/v1/other"]
        assert b"/v1/other" not in upstream.connections[0]


def test_a_refused_upload_is_refused_to_the_client(started):
    early = b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"
    with Upstream(early) as upstream:
        site = started(upstream)
        r = Request(site.workspace.socket, "/v1/files", 4 * len(PIECE))
        r.send(PIECE)
        assert upstream.answered.wait(20)
        r.send(PIECE * 3)
        out, ended = r.answer()
        assert ended and out.startswith(b"Status: 413 ")
        assert out.endswith(b"\r\n\r\nno")
        assert site.records.wait(1)[0]["status"] == 413


JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
    b"Content-Length: 13\r\n\r\n" + b'{"text":"ok"}'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
    b"Content-Length: 39\r\n\r\n" + \
    b'data: {"type":"transcript.text.done"}\n\n'


@pytest.mark.parametrize("answer", [JSON, STREAM], ids=["json", "stream"])
@pytest.mark.parametrize("path, begin, times, end", [
    ("/v1/files", b"", 150, b""),
    ("/v1/audio/transcriptions", b"", 300, b""),
    ("/v1/chat/completions", b'{"model":"m","messages":[],"x":"', 150,
     b'"}')], ids=["other", "form", "json"])
def test_a_whole_answer_to_a_request_that_broke_off(
        started, path, begin, times, end, answer):
    """It is the client's, but nothing to be stored."""
    body = begin + PIECE * times + end
    resets = threading.Event()
    with Upstream(answer, resets=resets) as upstream:
        site = started(upstream)
        r = Request(site.workspace.socket, path, len(body),
                    CONTENT_TYPE="multipart/form-data; boundary=b")
        sender = threading.Thread(target=r.send_all, args=(body,))
        sender.start()
        r.await_head()
        resets.set()
        sender.join()
        out, ended = r.rest()
        assert ended and out.startswith(b"Status: 200 ")
        assert out.split(b"\r\n\r\n", 1)[1] == \
            answer.split(b"\r\n\r\n", 1)[1]
        record = site.records.wait(1)[0]
        assert record["status"] == 200 and record["error"] is None
        assert record["not_stored"]
