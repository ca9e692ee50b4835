# SPDX-License-Identifier: Apache-2.0
"""Load from all cores, and an exact count of what was lost.

    with Load(h.address, [ask(site, "/pid"), still(site, "/x.txt")]) as load:
        load.more(500)
        h.graceful()
        load.more(500)
    assert not load.lost, load.report()

Half of the threads keep their connections, half make one a request. A client
may repeat a request on a reused connection that ended before any byte, as
browsers do; everything else that is not the expected answer is a failure. What
a static file of the same httpd, asked beside it, suffers as well is httpd's:
`lost` is what remains.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from .wait import eventually

WORKER = Path(__file__).with_name("load_worker.py")


def ask(site, target, kind="app", method="GET", body="", **expected):
    """A request for a plan. expect: the body; expect_size: its length."""
    return {"host": site.name, "target": target, "kind": kind,
            "method": method, "body": body, **expected}


def still(site, target, **expected):
    """The same for a file that httpd itself serves."""
    return ask(site, target, "static", **expected)


class Load:
    """Runs while its block does.

    requests  asked in turn by every thread, each beginning elsewhere
    kept, fresh  threads a process that keep their connections, or not
    processes  None: one a core
    pause     seconds between the requests of a thread
    timeout   seconds after which a silent answer has failed
    """

    def __init__(self, address, requests, kept=3, fresh=3, processes=None,
                 pause=0, timeout=20):
        self.plan = {"address": address, "requests": requests, "kept": kept,
                     "fresh": fresh, "pause": pause, "timeout": timeout}
        self.n_processes = processes or os.cpu_count() or 1
        self.good, self.failed = Counter(), Counter()
        self.slowest, self.samples = Counter(), {}
        self.repeats = 0
        self.events = []        # failures: (ended, seconds, kind, cause)
        self._workers = []
        self._told = {}

    def __enter__(self):
        for number in range(self.n_processes):
            plan = dict(self.plan, first=number * 7)
            worker = subprocess.Popen(
                [sys.executable, str(WORKER)], text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            print(json.dumps(plan), file=worker.stdin, flush=True)
            reader = threading.Thread(target=self._read, args=(worker,),
                                      daemon=True)
            reader.start()
            self._workers.append((worker, reader))
        return self

    def __exit__(self, *_):
        for worker, _ in self._workers:
            worker.stdin.close()
        for worker, reader in self._workers:
            reader.join(self.plan["timeout"] + 10)
            worker.kill()
            worker.wait()
            worker.stdout.close()

    def _read(self, worker):
        for line in worker.stdout:
            told = json.loads(line)
            if isinstance(told, int):
                self._told[worker.pid] = told
            else:
                self._add(told)

    def _add(self, told):
        self.good.update(told["good"])
        self.failed.update(told["failed"])
        self.repeats += told["repeats"]
        self.events += told["events"]
        for kind, seconds in told["slowest"].items():
            self.slowest[kind] = max(self.slowest[kind], seconds)
        for cause, texts in told["samples"].items():
            self.samples.setdefault(cause, []).extend(texts)

    @property
    def so_far(self):
        return sum(self._told.values())

    def more(self, count=200, seconds=20):
        """Wait for so many further good answers of applications."""
        goal = self.so_far + count
        eventually(lambda: self.so_far >= goal, seconds,
                   f"{count} more good answers")

    def failures_of(self, kind):
        return {cause: n for cause, n in self.failed.items()
                if cause.startswith(kind + ":")}

    @property
    def lost(self):
        """How many requests for applications failed beyond what the same
        number of static ones did."""
        app = sum(n for cause, n in self.failed.items()
                  if not cause.startswith("static:"))
        asked = sum(n for kind, n in self.good.items() if kind != "static")
        static = sum(self.failures_of("static").values())
        beside = self.good["static"] + static
        return app if not static else max(
            0, app - round(static * (asked + app) / max(1, beside)))

    def report(self):
        return json.dumps({"good": self.good, "failed": self.failed,
                           "repeats": self.repeats, "lost": self.lost,
                           "slowest": self.slowest,
                           "samples": self.samples}, indent=1)
