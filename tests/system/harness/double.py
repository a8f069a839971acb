"""An upstream that says just what a test tells it to."""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        double = self.server.owner
        length = int(self.headers.get("Content-Length", 0))
        double.requests.append((self.path, self.rfile.read(length)))
        self.send_response(200)
        self.send_header("Content-Type", double.content_type)
        self.send_header("Content-Length",
                         str(len(double.body) + double.missing))
        for name, value in double.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(double.body)
        self.close_connection = double.missing > 0

    def log_message(self, *args):
        pass


class HttpServer:
    """A server on a port of its own; handlers find this as server.owner."""

    def __init__(self, handler, context=None):
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.server.owner = self
        if context:
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
        self.url = "%s://127.0.0.1:%d" % (
            "https" if context else "http", self.server.server_port)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Double(HttpServer):
    """
    answer(body) sets what every request gets; requests: (path, body).
    missing: bytes that are announced beyond the body, and never come.
    """

    def __init__(self):
        self.requests = []
        self.missing = 0
        self.answer(b"{}")
        super().__init__(Handler)

    def answer(self, body, content_type="application/json", **headers):
        self.body, self.content_type = body, content_type
        self.headers = headers
