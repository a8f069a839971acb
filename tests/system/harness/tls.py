"""A TLS server in front of a model, and a private CA for its certificate."""

import collections
import contextlib
import glob
import http.server
import os
import shutil
import signal
import ssl
import subprocess
import tempfile

from .client import Client
from .double import HttpServer
from .process import Process, free_port, wait_until
from .workspace import SERVER_USER


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL)


class Authority:
    """
    A CA made for a test; file is its certificate, for ca_file. Where two
    have the same name, the first that is found is taken for the issuer.
    """

    def __init__(self, name="Test CA"):
        self.dir = tempfile.mkdtemp(prefix="reprise-ca-")
        os.chmod(self.dir, 0o755)
        self.file = self.path("ca.pem")
        openssl("req", "-x509", "-days", "2", "-subj", "/CN=" + name,
                *self.key("ca"), "-out", self.file)
        os.chmod(self.file, 0o644)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def key(self, name):
        """Arguments that make a key without a password."""
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", self.path(name + ".key"))

    def issue(self, name, names="IP:127.0.0.1", days=2):
        """
        A certificate for names, as in subjectAltName. days below 0: it has
        expired. Returns the paths of certificate and key.
        """
        request, out = self.path(name + ".csr"), self.path(name + ".pem")
        openssl("req", "-new", "-subj", "/CN=" + name, *self.key(name),
                "-addext", "subjectAltName=" + names, "-out", request)
        openssl("x509", "-req", "-in", request, "-out", out,
                "-CA", self.file, "-CAkey", self.path("ca.key"),
                "-days", str(days), "-copy_extensions", "copy")
        return out, self.path(name + ".key")


def children(pid):
    """The processes it has started that have not ended."""
    found = set()
    for path in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError), open(path) as f:
            state, parent = f.read().rsplit(")", 1)[1].split()[:2]
            if int(parent) == pid and state not in "ZX":
                found.add(path)
    return found


Served = collections.namedtuple(
    "Served", "connection nth protocol tls status target")


class TlsServer:
    """
    nginx with a certificate of issue() in front of the server at a url.
    http2: whether it offers that. settings: lines for its server block.
    """

    MAIN = """
daemon off;
pid %(dir)s/pid;
error_log %(dir)s/error.log;
worker_processes 1;
%(as_user)s
events { worker_connections 1024; }
http {
	log_format served "$connection $connection_requests "
	    "$server_protocol $ssl_protocol $status $request_uri";
	client_body_temp_path %(dir)s/run/body;
	fastcgi_temp_path %(dir)s/run/fastcgi;
	proxy_temp_path %(dir)s/run/proxy;
	scgi_temp_path %(dir)s/run/scgi;
	uwsgi_temp_path %(dir)s/run/uwsgi;
	server {
		listen 127.0.0.1:%(port)d ssl %(http2)s;
		ssl_certificate %(certificate)s;
		ssl_certificate_key %(key)s;
		ssl_protocols TLSv1.3;
		access_log %(dir)s/served.log served;
		client_max_body_size 0;
		%(settings)s
		location / {
			proxy_pass %(behind)s;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
			proxy_request_buffering off;
			proxy_read_timeout 10m;
		}
	}
	server {
		listen 127.0.0.1:%(status_port)d;
		access_log off;
		location / { stub_status; }
	}
}
"""

    def __init__(self, behind, certificate, http2=True, settings=""):
        self.behind = behind
        self.certificate, self.key = certificate
        self.http2 = http2
        self.settings = settings
        self.port, self.status_port = free_port(), free_port()
        self.url = "https://127.0.0.1:%d" % self.port
        self.asked = 0

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="reprise-tls-")
        os.chmod(self.dir, 0o755)
        os.mkdir(os.path.join(self.dir, "run"))
        shutil.chown(os.path.join(self.dir, "run"), SERVER_USER)
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(self.MAIN % dict(
                vars(self), http2="http2" if self.http2 else "",
                as_user="user %s;" % SERVER_USER if os.getuid() == 0 else ""))
        self.argv = ["nginx", "-c", conf, "-p", self.dir]
        self.start()
        # What accepted() counts from: the last probe may lag behind.
        wait_until(lambda: self.open() == 0, what="probes to be over")
        self.before = self.status()[1]
        self.asked = 0
        return self

    def __exit__(self, *exc):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.process = Process(self.argv, os.path.join(self.dir, "log"))
        self.process.wait_for(("127.0.0.1", self.port))
        self.process.wait_for(("127.0.0.1", self.status_port))

    def stop(self):
        """Leave at once, whatever is in the air."""
        self.process.stop(signal.SIGTERM)

    def reload(self):
        """
        Let a new process serve; the old one closes what is idle, at some
        moment before reloaded() is true.
        """
        self.before_reload = children(self.process.pid)
        self.process.kill(signal.SIGHUP)

    def reloaded(self):
        """Whether only the new process is left."""
        now = children(self.process.pid)
        return len(now) == 1 and now != self.before_reload

    def served(self):
        """The requests it has answered, in the order of their ends."""
        with open(os.path.join(self.dir, "served.log")) as f:
            return [Served(*line.rstrip("\n").split(" ", 5)) for line in f]

    def status(self):
        """Connections: (open now, ever accepted), this one among them."""
        self.asked += 1
        words = Client(self.status_port).request(
            "GET", "/").body.decode().split()
        return int(words[2]), int(words[7])

    def open(self):
        """Connections that are open now."""
        return self.status()[0] - 1

    def accepted(self):
        """Connections that came since the start, whatever became of them."""
        return self.status()[1] - self.before - self.asked


class RecordHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server.owner
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.answered += 1
        for record in server.answer(server.answered):
            self.connection.sendall(record)

    def log_message(self, *args):
        pass


class RecordServer(HttpServer):
    """
    HTTP/1.1 over TLS: answer(n) tells what the n-th request gets, as the
    contents of TLS records.
    """

    def __init__(self, certificate, answer):
        self.answer = answer
        self.answered = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        super().__init__(RecordHandler, context)
