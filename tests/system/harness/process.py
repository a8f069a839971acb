"""Starting programs, waiting for conditions, stopping by pid."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import time


def wait_until(condition, timeout=20.0, what="condition"):
    """The first true value of condition(), or an AssertionError."""
    end = time.monotonic() + timeout
    while True:
        late = time.monotonic() > end  # before the look: that is the last
        value = condition()
        if value:
            return value
        if late:
            raise AssertionError("timed out waiting for " + what)
        time.sleep(0.01)


def clean_env():
    """This process's environment without options meant for Reprise."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith("REPRISE_")}


# A hundred ports at a time, which are this process's own while it lives:
# several test processes run at once, and a port must stay free for who is
# to have it, or for good. Below those given to outgoing connections.
BLOCK = 100
OWN_BLOCKS = {}


def own_block(start):
    """Whether no other process has taken it: by a name that one can have."""
    if start in OWN_BLOCKS:
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind("\0reprise-test-ports-%d" % start)
    except OSError:
        claim.close()
        return False
    OWN_BLOCKS[start] = claim
    return True


def own_ports():
    blocks = list(range(10000, 32000, BLOCK))
    random.SystemRandom().shuffle(blocks)
    for start in itertools.cycle(blocks):
        if own_block(start):
            yield from range(start, start + BLOCK)


PORTS = own_ports()


def free_port():
    """
    One that nothing is bound to, and that was not given out before: nothing
    listens there unless who asked for it does.
    """
    for port in PORTS:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def connects(address):
    """Whether something listens: a path, or (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as s:
        try:
            s.connect(address)
            return True
        except OSError:
            return False


def tcp_sockets():
    """The system's (IPv4), as the fields of /proc/net/tcp (proc(5))."""
    with open("/proc/net/tcp") as f:
        return [line.split() for line in f.readlines()[1:]]


# What /proc says when a process, or a thread, ends while one looks.
GONE = (FileNotFoundError, ProcessLookupError)


def states(pid):
    """What the threads of a process do, a letter each (proc(5))."""
    found = ""
    with contextlib.suppress(*GONE):
        for task in os.listdir("/proc/%d/task" % pid):
            with contextlib.suppress(*GONE):
                with open("/proc/%d/task/%s/stat" % (pid, task)) as f:
                    found += f.read().rsplit(")", 1)[1].split()[0]
    return found


# A signal takes effect some time after kill() has returned: threads that
# run on other processors go on for a while.

def pause(pid):
    """SIGSTOP; returns when no thread runs any more."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: set(states(pid)) <= set("TXZ"),
               what="process %d to stand still" % pid)


def kill(pid):
    """SIGKILL; returns when no thread runs any more."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: set(states(pid)) <= set("XZ"),
               what="process %d to be gone" % pid)


class Process:
    """One program; its output goes to a file unless stdout is given."""

    def __init__(self, argv, log, stdout=None, env=None):
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL,
                stdout=out if stdout is None else stdout, stderr=out,
                env=clean_env() if env is None else env, cwd="/")
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def wait_for(self, address):
        def ready():
            if not self.running():
                with open(self.log, errors="replace") as f:
                    raise AssertionError(
                        "%s ended with %s:\n%s" % (self.popen.args[0],
                        self.popen.returncode, f.read()))
            return connects(address)
        wait_until(ready, what="%s to listen" % (self.popen.args[0],))

    def kill(self, number):
        self.popen.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout=20.0):
        """End it; returns its exit status."""
        if self.running():
            self.kill(number)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError("%s did not end on signal %d"
                                 % (self.popen.args[0], number)) from None
        finally:
            if self.popen.stdout:
                self.popen.stdout.close()
