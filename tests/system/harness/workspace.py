"""A temporary folder, and the deploy/ samples rendered into it."""

import contextlib
import glob
import os
import pwd
import re
import shlex
import shutil
import signal
import stat
import tempfile

from .process import wait_until

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__),
                                     "..", "..", ".."))
BUILD = os.path.realpath(os.path.join(
    ROOT, os.environ.get("REPRISE_BUILD", "build")))
SANITIZERS = ("ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
              "UBSAN_OPTIONS")
# How servers and the C library tell that a worker crashed (signals 4, 6, 7,
# 8, 11). Not of workers: that one of Apache's own children did (AH00052),
# which happens at its end.
CRASH = re.compile(r"child signalled: (4|6|7|8|11)\b|"
                   r"mod_fcgid: .* signal (4|6|7|8|11)\b|"
                   r"^(?!.*\bAH00052: ).*Segmentation fault|"
                   r"stack smashing|double free|corrupted|Sanitizer", re.M)
SERVER_USER = "www-data" if os.getuid() == 0 else \
    pwd.getpwuid(os.getuid()).pw_name


def sample(name):
    """The text of a file of deploy/."""
    with open(os.path.join(ROOT, "deploy", name)) as f:
        return f.read()


def set_option(text, option, value):
    """Set "section.key" in the text of a configuration file."""
    section, key = option.rsplit(".", 1)
    head = "[%s]\n" % section
    line = "%s = %s\n" % (key, value)
    found = re.search("(?m)^" + re.escape(head), text)
    if not found:
        return text + "\n" + head + line
    before, rest = text[:found.start()], text[found.end():]
    inside = re.match(r"(?:(?!\[).*\n?)*", rest).group(0)
    after = rest[len(inside):]
    inside = re.sub(r"(?m)^%s *=.*\n" % re.escape(key), "", inside)
    return before + head + line + inside + after


class Workspace:
    """
    Folders for one deployment: bin (the handler), conf (rendered samples),
    run (sockets), var (logs and what workers write), www (documents).
    """

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="reprise-test-")
        os.chmod(self.dir, 0o755)
        for name in ("bin", "conf", "run", "var", "www"):
            os.mkdir(self.path(name))
        for name in ("run", "var"):
            shutil.chown(self.path(name), SERVER_USER)
        self.worker = self.path("bin", "reprise-worker")
        self.handler = self.path("bin", "reprise.fcgi")
        self.socket = self.path("run", "reprise.sock")
        self.conf = self.path("conf", "reprise.conf")
        self.access_log = self.path("var", "access.jsonl")
        self.may_crash = False  # a test that provokes libfcgi says so

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, executable=False):
        """Write a file below the folder; returns its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        if executable:
            os.chmod(path, 0o755)
        return path

    def install_handler(self):
        """
        The handler, where the server's user can read it, behind a script
        that hands sanitizers their options: mod_fcgid and lighttpd clear
        the environment.
        """
        shutil.copy(os.path.join(BUILD, "reprise.fcgi"), self.worker)
        exports = ""
        for name in SANITIZERS:
            value = os.environ.get(name, "")
            value += (":" if value else "") + "log_path=" + \
                self.path("var", "sanitizer")
            exports += "export %s=%s\n" % (name, shlex.quote(value))
        self.write("bin/reprise.fcgi", "#!/bin/sh\n%sexec %s \"$@\"\n"
                   % (exports, self.worker), executable=True)

    def render(self, name, mount="/llm", edits=()):
        """A sample with this folder's paths in place of the real ones."""
        text = sample(name)
        swaps = [
            ("/usr/local/lib/reprise/reprise.fcgi", self.handler),
            ("/home/me/reprise/reprise.fcgi", self.handler),
            ("/etc/reprise/reprise.conf", self.conf),
            ("/home/me/reprise/reprise.conf", self.conf),
            ("/run/reprise/", self.path("run") + "/"),
            ("/run/lighttpd/", self.path("run") + "/"),
        ]
        if SERVER_USER != "www-data":
            swaps.append(("www-data", SERVER_USER))
        if mount == "/":
            swaps.append(("/llm/", "/"))
        for old, new in swaps:
            text = text.replace(old, new)
        for old, new in edits:
            assert old in text, "%s has no %r" % (name, old)
            text = text.replace(old, new)
        return text

    def render_conf(self, mount, servers, upstream, options):
        """Write reprise.conf from the sample; options are {"s.k": value}."""
        text = self.render("reprise.conf")
        settings = {
            "server.base_path": mount,
            "server.log": self.access_log,
            "server.state_file": self.path("var", "state"),
            "cache.servers": servers,
            # On a machine that is busy with other tests, too.
            "cache.timeout": "5s",
            "upstream openai.url": upstream,
        }
        settings.update(options)
        for option, value in settings.items():
            text = set_option(text, option, value)
        self.write("conf/reprise.conf", text)

    def pids(self):
        """Worker processes of this folder, by their executable."""
        found = []
        for link in glob.glob("/proc/[0-9]*/exe"):
            try:
                if os.readlink(link) == self.worker:
                    found.append(int(link.split("/")[2]))
            except OSError:
                continue
        return sorted(found)

    def end_workers(self):
        """Tell those there are to end."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def logs(self):
        """Every log of this folder, for a failure's report."""
        out = []
        for path in sorted(glob.glob(self.path("var", "*"))):
            if stat.S_ISREG(os.stat(path).st_mode) and \
                    not re.search(r"/state(\.upstreams)?$", path):
                with open(path, errors="replace") as f:
                    out.append("---- %s\n%s" % (path, f.read()[-8000:]))
        return "\n".join(out)

    def close(self):
        """
        Wait for the workers to end, then remove the folder. Fails when one
        stayed or a sanitizer had something to say.
        """
        try:
            # One that its supervisor was just starting was told nothing.
            self.end_workers()
            wait_until(lambda: not self.pids(), what="workers to end")
        finally:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            text = self.logs()
            reports = glob.glob(self.path("var", "sanitizer*"))
            crash = None if self.may_crash else CRASH.search(text)
            shutil.rmtree(self.dir, ignore_errors=True)
        assert not reports and not crash, "a worker crashed: %s\n%s" % (
            reports or crash.group(0), text)
