"""The worker pool of deploy/pool, run from a workspace."""

import os
import signal

from .process import Process, wait_until


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
        self.process.stop(signal.SIGTERM, timeout=60)

    def pids(self):
        return self.workspace.pids()

    def kill_one(self):
        """SIGKILL a worker; returns its pid."""
        pid = self.pids()[0]
        os.kill(pid, signal.SIGKILL)
        return pid
