# SPDX-License-Identifier: Apache-2.0
"""What is done to the pool, and which failures each of it permits."""

import os
import resource
import signal
import subprocess
import time
from collections import Counter

from harness import Proc, eventually

# Seconds after the end of a disturbance in which it still may show: an
# application that could not be started is tried again after 30 s at most.
ECHO_S = 4
BACKOFF_S = 34

# A request that ends its process is asked again so often.
REPEATS = 1

CUT = "cut in mid-response"
# "once": a request that must not be asked twice.
PERMITS = {
    # Also while it starts: then whoever waits for it is told.
    "an application killed": lambda kind, cause:
        kind != "static" and (cause in (CUT, "status 500")
                              or "once" in kind and cause == "status 502"),
    "the master killed": lambda kind, cause:
        kind != "static" and (cause in (CUT, "status 503")
                              or "once" in kind and cause == "status 502"),
    "a child of httpd killed": lambda kind, cause:
        cause in (CUT, "no answer", "no connection"),
    "the temporary folder full": lambda kind, cause:
        kind != "static" and cause in (CUT, "status 503"),
    "no descriptors": lambda kind, cause:
        kind != "static" and cause in (CUT, "status 500", "status 502",
                                       "status 503"),
}


class Disturber:
    """Does one thing after another, chosen by a seeded generator."""

    def __init__(self, h, sites, choose, buffers):
        self.h, self.sites, self.choose = h, sites, choose
        self.buffers = buffers
        self.counts = Counter()
        self.past = []          # (what, began, ended)
        self.mounted = os.geteuid() == 0 and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m,mode=1777", "tmpfs",
             str(buffers)]).returncode == 0
        self.kinds = [
            (6, "graceful", self.graceful),
            (6, "the engine killed", lambda: self.kill_engine(signal.SIGKILL)),
            (3, "the engine aborted", lambda: self.kill_engine(signal.SIGABRT)),
            (1, "the engine stopped", lambda: self.kill_engine(signal.SIGSTOP)),
            (8, "an application killed", self.kill_application),
            (2, "an application stopped for a while", self.pause_application),
            (5, "restart.txt touched", self.touch_restart),
            (1, "the master killed", self.kill_master),
            (2, "a child of httpd killed", self.kill_child),
            (2, "the pool server replaced", self.replace_server),
            (2, "no descriptors", self.take_descriptors),
            (2, "apppoolctl restart", self.ctl_restart),
            (3, "nothing for a while", lambda: time.sleep(1)),
        ]
        if self.mounted:
            self.kinds.append((2, "the temporary folder full",
                               self.fill_folder))

    def stop(self):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.buffers)], check=True)
            self.mounted = False

    def do_something(self):
        weights = [weight for weight, _, _ in self.kinds]
        _, what, do = self.choose.choices(self.kinds, weights)[0]
        began = time.monotonic()
        try:
            do()
        except ProcessLookupError:      # it had just gone by itself
            pass
        self.past.append((what, began, time.monotonic()))
        self.counts[what] += 1
        time.sleep(self.choose.uniform(0.05, 1.0))

    def permits(self, asked, ended, kind, cause):
        """What explains this failure; None: nothing does."""
        for what, began, over in self.past:
            echo = BACKOFF_S if cause == "status 500" else ECHO_S
            if what in PERMITS and PERMITS[what](kind, cause) and \
                    asked <= over + echo and ended >= began:
                return what
        if cause == "status 502" and self.kills(asked, ended) > REPEATS:
            return "an application killed, and the one that was asked again"
        return None

    def kills(self, since, until):
        """How many applications were killed while a request was under way."""
        return sum(what == "an application killed" and over >= since and
                   began <= until for what, began, over in self.past)

    def last_before(self, moment):
        """What had been done last: for a failure that nothing explains."""
        return ", ".join(f"{what} {moment - over:.1f} s before"
                         for what, began, over in self.past[::-1]
                         if began <= moment)[:200] or "nothing"

    # -- what is done -------------------------------------------------------

    def status(self):
        """There may be no server just now to say it: of five that ended within
        a minute the next comes when that is over."""
        return eventually(self.h.status, 70, "the status page")

    def engine(self):
        return Proc(self.status()["server"]["engine"])

    def serving(self):
        return [p["pid"] for app in self.status()["applications"]
                for p in app["processes"] if p["pid"]]

    def graceful(self):
        self.h.graceful()

    def kill_engine(self, signo):
        engine = self.engine()
        engine.kill(signo)
        eventually(lambda: not engine.alive, 10, "the engine has ended")

    def kill_application(self):
        serving = self.serving()
        if serving:
            Proc(self.choose.choice(serving)).kill()

    def pause_application(self):
        serving = self.serving()
        if serving:
            process = Proc(self.choose.choice(serving))
            process.kill(signal.SIGSTOP)
            time.sleep(self.choose.uniform(0.2, 2))
            process.kill(signal.SIGCONT)

    def touch_restart(self):
        self.choose.choice(self.sites).app.write("tmp/restart.txt", "")

    def kill_master(self):
        master = self.h.master
        if master is None:
            return
        master.kill()
        eventually(lambda: self.h.master and self.h.master != master, 70,
                   "there is another master")

    def kill_child(self):
        children = self.h.children
        if children:
            self.choose.choice(children).kill()

    def replace_server(self):
        path = self.h.stage.server
        fresh = path.with_suffix(".new")
        fresh.write_bytes(path.read_bytes() + b"\n")
        fresh.chmod(0o755)
        os.replace(fresh, path)
        self.h.graceful()

    def take_descriptors(self):
        """The master may open none for a second."""
        process = self.h.master
        used = max(process.descriptors) + 1
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        serving = self.serving()
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (used, hard))
        try:
            if serving:
                Proc(self.choose.choice(serving)).kill()
            time.sleep(1)
        finally:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))

    def ctl_restart(self):
        subprocess.run([self.h.stage.ctl, "--pid", str(self.h.master.pid),
                        "restart", str(self.choose.choice(self.sites)
                                       .app.root)],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       timeout=150)   # who will not end has a minute

    def fill_folder(self):
        hog = self.buffers / "hog"
        try:
            with open(hog, "wb", buffering=0) as file:
                while file.write(b"x" * 65536) == 65536:
                    pass
        except OSError:
            pass
        time.sleep(self.choose.uniform(0.3, 1.5))
        hog.unlink(missing_ok=True)
