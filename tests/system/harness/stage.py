"""
An upstream that a test conducts call by call, so that what it waits for is
a condition and not the time.
"""

import glob
import http.server
import os
import queue
import re
import select
import socket
import struct
import threading

from .client import Client
from .process import tcp_sockets, wait_until

# In a prompt: what each call has in place of it when the model is asked,
# so that no two calls have the same answer.
MARK = "(call)"

# Asked for the model that a Stage plays where it stands beside() another.
STAGED = {"model": "staged"}

PASSED = ("content-type", "anthropic-version")


def pieces_of(body):
    """A body in its events; one without events, in halves."""
    if b"\n\n" in body:
        return re.findall(rb"(?s).+?\n\n|.+\Z", body)
    return [body[:len(body) // 2], body[len(body) // 2:]]


class Call:
    """One request as the upstream sees it, and the answer it gets."""

    def __init__(self, stage, number, handler, body):
        self.stage = stage
        self.number = number
        self.path = handler.path
        self.headers = {n.lower(): v for n, v in handler.headers.items()}
        self.body = body
        self.sock = handler.connection
        self.port = handler.client_address[1]
        self.handler = handler
        self.over = threading.Event()
        self.sent = b""         # of the answer's body
        self.said = 0           # pieces of the model's answer
        self.chunked = True
        self.broken = False     # the caller has left
        self.model = None

    def answer(self):
        """What the model says to it, as an Exchange; always the same."""
        if self.model is None:
            text = b"(call %d)" % self.number
            headers = {n: v for n, v in self.headers.items() if n in PASSED}
            if "x-demo" in self.headers:
                headers["X-Demo"] = self.headers["x-demo"]
            self.model = self.stage.model.request(
                "POST", self.path, headers,
                body=self.body.replace(MARK.encode(), text))
            self.model.pieces = pieces_of(self.model.body)
        return self.model

    @property
    def full(self):
        """The whole body of the answer it has, or is to have."""
        return self.answer().body

    @property
    def whole(self):
        """Whether all of it was sent."""
        return self.sent == self.full

    def put(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            self.broken = True

    def head(self, status=None, headers=(), length=None):
        """Send the head: of the model's answer, or with that status."""
        told = self.answer() if status is None else None
        fields = dict(headers)
        fields.setdefault("Content-Type", told.header("Content-Type")
                          if told else "application/json")
        self.chunked = length is None
        if self.chunked:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = str(length)
        lines = ["HTTP/1.1 %d Said" % (status or told.status)]
        lines += ["%s: %s" % pair for pair in fields.items()]
        self.put("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        return self

    def send(self, data):
        """Send a piece of the body."""
        self.sent += data
        self.put(b"%x\r\n%s\r\n" % (len(data), data)
                 if self.chunked else data)
        return self

    def say(self, pieces=None):
        """Send so many pieces of the model's answer; None: all the rest."""
        every = self.answer().pieces
        stop = len(every) if pieces is None else self.said + pieces
        for piece in every[self.said:stop]:
            self.send(piece)
        self.said = min(stop, len(every))
        return self

    def end(self):
        """The body's end, as HTTP says it."""
        if self.chunked:
            self.put(b"0\r\n\r\n")
        self.over.set()

    def play(self):
        """All that the model says, from where it was left."""
        self.say().end()

    def play_all(self):
        self.head().play()

    def fail(self, status, body, headers=()):
        """Answer with that status and body."""
        self.head(status, headers, len(body)).send(body).end()

    def garble(self):
        """
        Fail before a head. (Where nothing at all is said, libcurl asks
        again if the connection had been used before.)
        """
        self.put(b"\x16\x03\x01 this is no HTTP \r\n\r\n")
        self.cut()

    def cut(self):
        """Close the connection where it stands."""
        self.handler.close_connection = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.over.set()

    def reset(self):
        """Reset the connection where it stands."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.handler.close_connection = True
        self.handler.abort = True
        self.over.set()

    def gone(self):
        """Whether the caller has closed its connection."""
        if self.broken:
            return True
        try:
            if not select.select([self.sock], [], [], 0)[0]:
                return False
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return True

    def worker(self, pids):
        """Which of these processes asks."""
        inode = inode_of(self.port, self.stage.port)
        for pid in pids:
            for fd in glob.glob("/proc/%d/fd/*" % pid):
                try:
                    if os.readlink(fd) == "socket:[%s]" % inode:
                        return pid
                except OSError:
                    continue
        raise AssertionError("none of %s asks" % (pids,))


def inode_of(local, remote):
    """Of a TCP socket on the loopback, from its ports."""
    ends = ("0100007F:%04X" % local, "0100007F:%04X" % remote)
    for fields in tcp_sockets():
        if (fields[1], fields[2]) == ends:
            return fields[9]
    raise AssertionError("no such connection")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    abort = False

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.stage.take(self, self.rfile.read(length))

    def finish(self):
        if self.abort:
            self.connection.close()
        else:
            super().finish()

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request, client_address):
        pass  # callers that leave are what tests are about


class Stage:
    """
    model: a DemoUpstream, whose answers are given. next() is the next call
    that nobody has taken; with script set, a call is answered by
    script(call) on a thread of its own.
    """

    def __init__(self, model):
        self.model = model.client if model else None
        self.lock = threading.Lock()
        self.script = None
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.stage = self
        self.port = self.server.server_port
        self.url = "http://127.0.0.1:%d" % self.port
        self.client = Client(self.port)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})
        self.number = 0
        self.reset()

    def beside(self, other):
        """Options of a site that has an upstream of that name, for demo*."""
        return {"upstream %s.models" % other: "demo*",
                "upstream staged.url": self.url,
                "upstream staged.models": STAGED["model"]}

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.reset()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def reset(self):
        """Break off what is left, and forget it all."""
        for call in getattr(self, "calls", []):
            if not call.over.is_set():
                call.cut()
        with self.lock:
            self.calls = []
            self.waiting = queue.Queue()
            self.script = None

    def take(self, handler, body):
        with self.lock:
            self.number += 1
            call = Call(self, self.number, handler, body)
            self.calls.append(call)
            script = self.script
            if script is None:
                self.waiting.put(call)
        if script is not None:
            script(call)
        call.over.wait()

    def next(self, what="a call upstream"):
        """The next call that nobody has taken, once it is there."""
        def there():
            try:
                return self.waiting.get_nowait()
            except queue.Empty:
                return None
        return wait_until(there, what=what)

    def bodies(self):
        """Of every call, what it was to say."""
        return [call.full for call in self.calls]
