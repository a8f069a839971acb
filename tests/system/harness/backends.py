"""What stands behind Reprise: memcached and a simulated model."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

from .client import Client
from .memc import Memc
from .process import Process, free_port, pause, tcp_sockets, wait_until
from .workspace import BUILD, SERVER_USER


class Memcached:
    """One server, on a unix socket or (tcp=True) on a port."""

    def __init__(self, tcp=False, megabytes=256, extra=()):
        self.dir = tempfile.mkdtemp(prefix="reprise-memc-")
        os.chmod(self.dir, 0o755)
        shutil.chown(self.dir, SERVER_USER)
        self.argv = ["memcached", "-m", str(megabytes), *extra]
        if tcp:
            self.address = ("127.0.0.1", free_port())
            self.argv += ["-l", self.address[0], "-p", str(self.address[1])]
            self.server = "%s:%d" % self.address
        else:
            self.address = os.path.join(self.dir, "memcached.sock")
            self.argv += ["-s", self.address, "-a", "0660"]
            self.server = self.address
        if os.getuid() == 0:
            self.argv += ["-u", SERVER_USER]
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        if self.process and self.process.running():
            self.cont()
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def start(self):
        self.process = Process(self.argv, os.path.join(self.dir, "log"))
        self.process.wait_for(self.address)

    def kill(self):
        self.process.stop(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        """Let it fall silent without closing anything."""
        pause(self.process.pid)

    def cont(self):
        self.process.kill(signal.SIGCONT)

    def is_asked(self):
        """Whether something was sent to it that it has not read (tcp)."""
        here = "0100007F:%04X" % self.address[1]
        return any(fields[1] == here and fields[3] == "01" and
                   int(fields[4].split(":")[1], 16) > 0
                   for fields in tcp_sockets())

    def connect(self):
        return Memc(self.address)

    def keys(self):
        with self.connect() as m:
            return m.keys()

    def manifests(self):
        """Names of entries, without chunks and epochs."""
        return [k for k in self.keys()
                if re.fullmatch(r"r1:.*:[0-9a-f]{64}", k)]

    def chunks(self, manifest="r1:.*"):
        """Names of its chunks, or of all; not those of a flight."""
        return [k for k in self.keys() if re.fullmatch(
            manifest + r":[0-9a-f]{16}:[0-9]+", k)]

    def values(self):
        """Every value there is, by name."""
        with self.connect() as m:
            got = {k: m.get(k) for k in m.keys()}
        return {k: v[1] for k, v in got.items() if v}

    def flush(self):
        with self.connect() as m:
            m.flush()


class DemoUpstream:
    """The simulated model; its behaviour is asked for in X-Demo headers."""

    def __init__(self, port=0):
        self.port = port
        self.process = None
        fd, self.log = tempfile.mkstemp(prefix="reprise-demo-")
        os.close(fd)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.process.stop(signal.SIGTERM)
        os.unlink(self.log)

    def start(self):
        self.process = Process(
            [os.path.join(BUILD, "demo-upstream"), *self.arguments()],
            self.log, stdout=subprocess.PIPE)
        line = self.process.popen.stdout.readline().decode()
        found = re.fullmatch(
            r"demo-upstream listening on http://127\.0\.0\.1:(\d+)\n", line)
        assert found, "demo-upstream said %r" % line
        self.port = int(found.group(1))
        self.url = "http://127.0.0.1:%d" % self.port
        self.client = Client(self.port)

    def arguments(self):
        return ["-p", str(self.port)] if self.port else []

    def stats(self):
        """requests, chat, active, aborted, connections: as numbers."""
        return json.loads(self.client.request("GET", "/demo/stats").body)

    def reset(self):
        """Forget what was counted, once nothing is in the air."""
        wait_until(lambda: self.stats()["active"] == 0,
                   what="the upstream to be idle")
        self.client.request("DELETE", "/demo/stats")
