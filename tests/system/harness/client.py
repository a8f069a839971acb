"""An HTTP client that shows what came when, and how it ended."""

import socket
import time


def sse_events(body):
    """The data of each complete event, in order, as bytes."""
    out = []
    body = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for block in body.split(b"\n\n")[:-1]:
        data = [line[5:].removeprefix(b" ") for line in block.split(b"\n")
                if line.startswith(b"data:")]
        if data:
            out.append(b"\n".join(data))
    return out


class Exchange:
    """
    One request and its response as it comes. reads is a list of
    (monotonic time, decoded body bytes); clean tells whether the end came
    as HTTP's framing says it should.
    """

    def __init__(self, sock, method):
        self.sock = sock
        self.method = method
        self.raw = b""
        self.status = None
        self.reason = ""
        self.headers = []
        self.reads = []
        self.ended = False
        self.clean = False
        self.left = None       # bytes to come of this body or chunk
        self.chunked = False

    @property
    def body(self):
        return b"".join(data for _, data in self.reads)

    def header(self, name):
        """The first field of that name, or None."""
        every = self.header_all(name)
        return every[0] if every else None

    def header_all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def receive(self):
        """More raw bytes; False at the end of the connection."""
        try:
            data = self.sock.recv(262144)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self.raw += data
        return bool(data)

    def head(self):
        """Read status and headers."""
        while b"\r\n\r\n" not in self.raw:
            if not self.receive():
                raise ConnectionError("no response head: %r" % self.raw)
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        _, status, *reason = lines[0].split(" ", 2)
        self.status, self.reason = int(status), "".join(reason)
        if self.status == 100:
            return self.head()
        self.headers = [(n, v.strip()) for n, v in
                        (line.split(":", 1) for line in lines[1:])]
        self.chunked = "chunked" in (
            self.header("Transfer-Encoding") or "").lower()
        length = self.header("Content-Length")
        if self.method == "HEAD" or self.status in (204, 304):
            self.left = 0
        elif self.chunked:
            self.left = 0
        elif length is not None:
            self.left = int(length)
        if not self.chunked and self.left == 0:
            self.end(clean=True)
        return self

    def end(self, clean):
        self.ended, self.clean = True, clean
        self.sock.close()

    def decode(self):
        """What can be had of the body from the raw bytes, or b""."""
        out = b""
        while self.raw and not self.ended:
            if self.chunked and self.left == 0:
                if not self.chunk_head():
                    break
                continue
            take = len(self.raw) if self.left is None else \
                min(self.left, len(self.raw))
            out += self.raw[:take]
            self.raw = self.raw[take:]
            if self.left is not None:
                self.left -= take
                if self.left == 0 and not self.chunked:
                    self.end(clean=True)
        return out

    def chunk_head(self):
        """Take a chunk-size line; False when it is not there yet."""
        raw = self.raw[2:] if self.raw.startswith(b"\r\n") else self.raw
        if b"\r\n" not in raw:
            return False
        size, rest = raw.split(b"\r\n", 1)
        self.left = int(size.split(b";")[0], 16)
        if self.left == 0:
            self.end(clean=True)
        self.raw = rest
        return True

    def feed(self):
        """
        Take what has arrived, without waiting: for a socket that is ready
        to be read. An end before the head leaves status None.
        """
        more = self.receive()
        if self.status is None and b"\r\n\r\n" in self.raw:
            self.head()
        if self.status is not None:
            data = self.decode()
            if data:
                self.reads.append((time.monotonic(), data))
        if not more and not self.ended:
            self.end(clean=False)

    def read(self):
        """The body's next bytes; b"" at its end."""
        while not self.ended:
            data = self.decode()
            if data:
                self.reads.append((time.monotonic(), data))
                return data
            if not self.ended and not self.receive():
                self.end(clean=False)
        return b""

    def read_until(self, marker):
        """Read until marker is in the body."""
        while marker not in self.body:
            if not self.read():
                raise AssertionError("ended before %r: %r"
                                     % (marker, self.body[-500:]))
        return self

    def finish(self):
        while self.read():
            pass
        return self

    def close(self):
        """Leave at once."""
        self.sock.close()
        self.ended = True


class Client:
    """Requests to one server, a connection each."""

    def __init__(self, port, timeout=60.0):
        self.port = port
        self.timeout = timeout

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port),
                                        self.timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def send(self, method, target, headers=(), body=None, chunked=False):
        """Send a request; its response is still to be read."""
        lines = ["%s %s HTTP/1.1" % (method, target),
                 "Host: 127.0.0.1", "Connection: close"]
        lines += ["%s: %s" % pair for pair in dict(headers).items()]
        if body is not None and chunked:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif body is not None:
            lines.append("Content-Length: %d" % len(body))
        sock = self.connect()
        try:
            sock.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
                         + (body or b""))
        except (BrokenPipeError, ConnectionResetError):
            pass  # an early refusal may still be read
        return Exchange(sock, method)

    def open(self, *args, **kwargs):
        """Send a request and read the response's head."""
        return self.send(*args, **kwargs).head()

    def request(self, *args, **kwargs):
        """A whole exchange."""
        return self.open(*args, **kwargs).finish()
