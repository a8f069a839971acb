"""A whole installation: memcached, a model, Reprise, a web server."""

import base64
import contextlib
import json
import urllib.parse
import uuid

from .backends import DemoUpstream, Memcached
from .client import Client
from .records import Records
from .servers import LighttpdPool
from .workspace import Workspace

KEY = "Bearer sk-test-0123456789"
CHAT = "/v1/chat/completions"


def demo_header(knobs):
    """
    {"words": 5, "header": ["A:b", "C:d"]} as demo-upstream's X-Demo header;
    what a header holds is percent-encoded here.
    """
    items = []
    for key, values in knobs.items():
        for value in values if isinstance(values, list) else [values]:
            if key == "header":
                value = urllib.parse.quote(value, safe=":")
            items.append("%s=%s" % (key, value))
    return ", ".join(items)


def chat_body(content, stream=True, **fields):
    """A chat completion request as bytes."""
    request = {"model": "demo", "messages": [
        {"role": "user", "content": content}]}
    if stream:
        request["stream"] = True
    request.update(fields)
    return json.dumps(request).encode()


def chat_headers(demo=None, headers=()):
    every = {"Content-Type": "application/json"}
    if demo:
        every["X-Demo"] = demo_header(demo)
    every.update(dict(headers))
    return every


class Site(contextlib.ExitStack):
    """
    memcached, demo: share those of other sites (else own ones).
    options: {"section.key": value} of reprise.conf. The rest goes to the
    server's class.
    """

    def __init__(self, server=LighttpdPool, mount="/llm", options=None,
                 memcached=None, demo=None, **server_options):
        super().__init__()
        self.server_class = server
        self.mount = mount
        self.options = options or {}
        self.memcached = memcached
        self.demo = demo
        self.server_options = server_options
        self.base = "" if mount == "/" else mount

    def __enter__(self):
        super().__enter__()
        self.workspace = Workspace()
        self.callback(self.workspace.close)
        try:
            self.start()
        except BaseException as e:
            e.args = ("%s\n%s" % (e, self.workspace.logs()),)
            self.close()
            raise
        return self

    def start(self):
        if self.memcached is None:
            self.memcached = self.enter_context(Memcached())
        if self.demo is None:
            self.demo = self.enter_context(DemoUpstream())
        servers = self.memcached if isinstance(self.memcached, list) \
            else [self.memcached]
        self.workspace.install_handler()
        self.workspace.render_conf(
            self.mount, " ".join(m.server for m in servers), self.demo.url,
            self.options)
        self.records = Records(self.workspace.access_log)
        self.server = self.enter_context(self.server_class(
            self.workspace, self.mount, **self.server_options))
        self.client = Client(self.server.port)

    def logs(self):
        return self.workspace.logs()

    def pids(self):
        return self.workspace.pids()

    def send(self, method, path, headers=(), **more):
        """Send a request below the mount, with a request id of its own."""
        fields = {"X-Request-Id": uuid.uuid4().hex,
                  "Authorization": KEY}
        fields.update(dict(headers))
        fields = {k: v for k, v in fields.items() if v is not None}
        return self.client.send(method, self.base + path, fields, **more)

    def request(self, *args, **more):
        return self.send(*args, **more).head().finish()

    def send_chat(self, content="hello", stream=True, demo=None,
                  headers=(), chunked=False, body=None, **fields):
        """
        Send a chat completion, the response still to be read. demo: knobs
        of the model; fields: further members of the request; body: raw
        bytes in place of all that.
        """
        return self.send(
            "POST", CHAT, chat_headers(demo, headers), chunked=chunked,
            body=body or chat_body(content, stream, **fields))

    def open_chat(self, *args, **more):
        """As send_chat, with the head read."""
        return self.send_chat(*args, **more).head()

    def chat(self, *args, **more):
        """A whole exchange."""
        return self.open_chat(*args, **more).finish()

    def send_ask(self, fmt, prompt, stream=False, demo=None, headers=(),
                 body=None, **fields):
        """As send_chat, in any format of harness.formats."""
        every = chat_headers(demo, {**fmt.headers, **dict(headers)})
        return self.send("POST", fmt.path, every,
                         body=body or fmt.body(prompt, stream, **fields))

    def ask(self, *args, **more):
        """A whole exchange in any format."""
        return self.send_ask(*args, **more).head().finish()

    def direct_ask(self, fmt, prompt, stream=False, demo=None, body=None,
                   **fields):
        """What the model itself says to the same request."""
        headers = chat_headers(demo, fmt.headers)
        return self.demo.client.request(
            "POST", fmt.path, headers,
            body=body or fmt.body(prompt, stream, **fields))

    def last_forwarded(self):
        """The last request the model got: (its body, {name: value})."""
        seen = json.loads(self.demo.client.request("GET", "/demo/last").body)
        body = base64.b64decode(seen["body_base64"]) \
            if "body_base64" in seen else seen["body"].encode()
        return body, {n.lower(): v for n, v in seen["headers"]}

    def direct(self, content="hello", stream=True, demo=None):
        """What the model itself says to the same request."""
        return self.demo.client.request(
            "POST", CHAT, chat_headers(demo), body=chat_body(content, stream))

    def echo(self, method="GET", path="/demo/echo", **more):
        """How a request arrived at the upstream: (echo, {name: value})."""
        response = self.request(method, path, **more)
        assert response.status == 200, (response.status, response.body)
        seen = json.loads(response.body)
        return seen, {n.lower(): v for n, v in seen["headers"]}

    def record(self, response):
        """The access record of a response."""
        return self.records.of(response.header("X-Request-Id"))
