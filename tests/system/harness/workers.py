"""The worker pool of deploy/pool, run from a workspace."""

import os
import signal
import time

from .process import GONE, Process, wait_until


# How long a worker has to live for its death not to count towards the end
# of a pool whose workers cannot start (multiwatch -t in deploy/pool).
CHILDHOOD_S = 1.0


def age_s(pid):
    """How long ago a process was started."""
    with open("/proc/%d/stat" % pid) as f:
        begun = int(f.read().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - \
        begun / os.sysconf("SC_CLK_TCK")


def is_grown_up(pid):
    """Whether it may be killed and will be replaced; False: or is gone."""
    try:
        return age_s(pid) > CHILDHOOD_S + 0.1
    except GONE:
        return False


class Pool:
    """spawn-fcgi and multiwatch around the installed handler."""

    def __init__(self, workspace, processes=2):
        self.workspace = workspace
        self.processes = processes
        self.log = workspace.path("var", "pool.log")
        self.process = None

    def __enter__(self):
        script = self.workspace.write(
            "conf/pool", self.workspace.render("pool"), executable=True)
        self.process = Process([script, str(self.processes)], self.log)
        self.process.wait_for(self.workspace.socket)
        wait_until(lambda: len(self.pids()) == self.processes,
                   what="the workers to start")
        return self

    def __exit__(self, *exc):
        if self.process.running():
            self.process.kill(signal.SIGTERM)
        told = time.monotonic()

        def has_ended():
            # A worker that multiwatch is just starting does not hear of it,
            # and multiwatch waits for it.
            if time.monotonic() - told > 5:
                self.workspace.end_workers()
            return not self.process.running()
        try:
            wait_until(has_ended, timeout=60, what="the pool to end")
        finally:
            self.process.stop(signal.SIGKILL)

    def pids(self):
        return self.workspace.pids()
