"""A server of HTTP/2 over TLS whose every frame a test decides on."""

import socket
import ssl
import struct
import threading

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 1
END_HEADERS = 4
INTERNAL_ERROR, REFUSED = 2, 7
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    """RFC 9113 section 4.1."""
    return struct.pack("!I", len(payload))[1:] + \
        struct.pack("!BBI", kind, flags, stream) + payload


def answer(stream, body):
    """Status 200 and a JSON body; header fields as RFC 7541 has them."""
    kind = b"application/json"
    fields = b"\x88" + b"\x5f" + bytes([len(kind)]) + kind
    return frame(HEADERS, END_HEADERS, stream, fields) + \
        frame(DATA, END_STREAM, stream, body)


def goaway(last):
    """No stream above last was or will be looked at."""
    return frame(GOAWAY, 0, 0, struct.pack("!II", last, 0))


def reset(stream, code):
    """The end of that stream alone."""
    return frame(RST_STREAM, 0, stream, struct.pack("!I", code))


class H2Server:
    """
    script(connection, stream) is called for each whole request, with their
    numbers (connections count from 1): the bytes to send and whether to
    close then. requests: what it was called for.
    """

    def __init__(self, certificate, script):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)
        self.context.set_alpn_protocols(["h2"])
        self.script = script
        self.requests = []
        self.connections = 0
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.url = "https://127.0.0.1:%d" % self.sock.getsockname()[1]

    def __enter__(self):
        self.thread = threading.Thread(target=self.accept)
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.thread.join()

    def accept(self):
        while True:
            try:
                plain, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, daemon=True,
                             args=(plain, self.connections)).start()

    def serve(self, plain, number):
        try:
            with self.context.wrap_socket(plain, server_side=True) as sock:
                self.converse(sock, number)
        except (OSError, EOFError):
            pass  # a client may leave as it likes

    def converse(self, sock, number):
        stream = sock.makefile("rb")
        if stream.read(len(PREFACE)) != PREFACE:
            return
        sock.sendall(frame(SETTINGS, 0, 0))
        while len(head := stream.read(9)) == 9:
            size = int.from_bytes(head[:3], "big")
            kind, flags, at = struct.unpack("!BBI", head[3:])
            payload = stream.read(size)
            if kind == SETTINGS and not flags & ACK:
                sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                sock.sendall(frame(PING, ACK, 0, payload))
            elif kind in (DATA, HEADERS) and flags & END_STREAM:
                self.requests.append((number, at))
                data, last = self.script(number, at)
                sock.sendall(data)
                if last:
                    return
