"""The worker pool itself: sockets, reuse of connections, systemd."""

import os
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import threading

import pytest

from harness import (ApacheProxyFcgi, LighttpdPool, Nginx, Pool, Site,
                     sample, wait_until)
from harness.process import Process, clean_env, pause
from harness.workspace import BUILD


def test_the_socket_is_for_the_server_alone(memcached, demo):
    with Site(memcached=memcached, demo=demo) as site:
        mode = os.stat(site.workspace.socket).st_mode
        assert stat.S_IMODE(mode) == 0o660


@pytest.mark.parametrize("name, setting", [
    ("pool", "-b 1024"),
    ("pool", "-M 0660"),
    ("lighttpd/spawned.conf", '"listen-backlog" => 1024'),
    ("systemd/reprise.socket", "Backlog=1024"),
    ("systemd/reprise.socket", "SocketMode=0660"),
])
def test_backlog_and_mode(name, setting):
    assert setting in sample(name)


@pytest.mark.parametrize("server", [Nginx, ApacheProxyFcgi])
def test_kept_connections_starve_nobody(server, memcached, demo):
    """More of the server's connections than there are worker threads."""
    clients, rounds = 24, 4
    options = {"server.threads": 2, "server.queue_timeout": "1m"}
    with Site(server, memcached=memcached, demo=demo, options=options,
              processes=1, keep=True) as site:
        seen = []

        def ask(n):
            for i in range(rounds):
                r = site.chat("starve %d" % ((n + i) % 5))
                seen.append((r.status, r.clean))

        threads = [threading.Thread(target=ask, args=(n,))
                   for n in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert seen == [(200, True)] * (clients * rounds)


def test_every_worker_serves(memcached, demo, prompt):
    """Each alone, while the others are held."""
    with Site(memcached=memcached, demo=demo, processes=3) as site:
        assert site.chat(prompt).status == 200
        pids = site.pids()
        for alone in pids:
            others = [p for p in pids if p != alone]
            for p in others:
                pause(p)
            try:
                response = site.chat(prompt)
            finally:
                for p in others:
                    os.kill(p, signal.SIGCONT)
            assert response.header("X-Cache") == "HIT (exact)"


def test_the_sample_configuration_tells_the_defaults(tmp_path):
    """What is commented out there is what holds without it."""
    # (A section that is commented out is an example, not a default; nor
    # has a credential one to show.)
    text = re.sub(r"(?m)^;\[.*\n(;.*\n)*", "", sample("reprise.conf"))
    shown = re.sub(r"(?m)^;(?!key = )([a-z_]+ = )", r"\1", text)
    assert shown != text
    printed = []
    for name, content in (("sample", text), ("shown", shown)):
        (tmp_path / name).write_text(content)
        printed.append(subprocess.run(
            [os.path.join(BUILD, "reprise"), "-c", str(tmp_path / name),
             "config"], env=clean_env(), capture_output=True, check=True,
            text=True).stdout)
    assert printed[0] == printed[1] != ""


class SystemdPool(Pool):
    """The units' way: the socket is made first and is descriptor 0."""

    def __enter__(self):
        unit = self.workspace.render("systemd/reprise.service")
        line = next(x for x in unit.splitlines()
                    if x.startswith("ExecStart="))
        assert "StandardInput=socket" in unit
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.workspace.socket)
            os.chmod(self.workspace.socket, 0o666)
            listener.listen(1024)
            with open(self.log, "ab") as log:
                self.popen = subprocess.Popen(
                    shlex.split(line.removeprefix("ExecStart=")),
                    stdin=listener, stdout=log, stderr=log,
                    env=clean_env())
        wait_until(lambda: len(self.pids()) == 2, what="the workers")
        return self

    def __exit__(self, *exc):
        self.popen.send_signal(signal.SIGTERM)
        assert self.popen.wait(20) == 0


class LighttpdSystemd(LighttpdPool):
    pool_class = SystemdPool


def test_the_systemd_unit_serves_from_the_socket(memcached, demo, prompt):
    with Site(LighttpdSystemd, memcached=memcached, demo=demo) as site:
        assert site.chat(prompt).header("X-Cache") == "MISS"
        assert site.chat(prompt).header("X-Cache") == "HIT (exact)"


def test_the_units_are_well_formed(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd here")
    units = ["reprise.socket", "reprise.service",
             "reprise-memcached.service"]
    for name in units:
        (tmp_path / name).write_text(sample("systemd/" + name))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no",
         *[str(tmp_path / name) for name in units]],
        capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pool_that_cannot_start_ends(memcached, demo):
    """A wrong option is told on standard error, and not for ever."""
    with Site(memcached=memcached, demo=demo) as site:
        site.workspace.write("conf/broken.conf", "[cache]\nttl = soon\n")
        script = site.workspace.write(
            "conf/broken-pool", site.workspace.render("pool", edits=[
                ("reprise.conf", "broken.conf"),
                ("reprise.sock", "broken.sock")]), executable=True)
        log = site.workspace.path("var", "broken.log")
        pool = Process([script, "1"], log)
        pool.popen.wait(30)
        with open(log) as f:
            said = f.read()
        assert "broken.conf" in said and "ttl" in said
