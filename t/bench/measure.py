# SPDX-License-Identifier: Apache-2.0
"""What is measured of a started contender: rates, latencies, CPU, memory."""

import json
import os
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
TICK_US = 1_000_000 / os.sysconf("SC_CLK_TCK")
LIBRARIES = {"hello_fcgi": ["-lfcgi"]}
MIB = 1 << 20


class Tools:
    """Compiles what the benchmarks need, once, into a folder of its own."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="apppool-bench-")
        self.folder = Path(self._folder.name)
        self.folder.chmod(0o755)
        self.load = self._compile(HERE / "load.c")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def _compile(self, source, libraries=()):
        target = self.folder / source.stem
        subprocess.run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-o",
                        target, source, *libraries], check=True)
        return target

    @lru_cache(maxsize=None)
    def compiled(self, name):
        """A program of apps/, or the module among them."""
        source = HERE / "apps" / f"{name}.c"
        if not name.startswith("mod_"):
            return self._compile(source, LIBRARIES.get(name, ()))
        copy = self.folder / source.name
        copy.write_bytes(source.read_bytes())
        subprocess.run([os.environ.get("APXS") or "apxs", "-c", copy.name],
                       cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.folder / ".libs" / f"{name}.so"

    def run(self, served, seconds, connections, requests=("100:/",), **more):
        """One run of load.c; its JSON."""
        command = [self.load, "--address", "%s:%d" % served.httpd.address,
                   "--host", served.host, "--seconds", seconds,
                   "--connections", connections]
        for request in requests:
            command += ["--request", request]
        for name, value in more.items():
            command += ["--" + name.replace("_", "-"), value]
        done = subprocess.run([str(word) for word in command], check=True,
                              text=True, stdout=subprocess.PIPE,
                              timeout=seconds + 30)
        return json.loads(done.stdout)


def cpu_us(pids):
    """CPU time of these processes so far."""
    ticks = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(map(int, text[text.rindex(")") + 2:].split()[11:13]))
    return ticks * TICK_US


def pss_mib(pids):
    """Memory of these processes, what they share counted once."""
    kib = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        kib += sum(int(line.split()[1]) for line in text.splitlines()
                   if line.startswith("Pss:"))
    return kib / 1024


def rate(tools, served, seconds, connections):
    """Hello, world."""
    before = cpu_us(served.pids())
    got = tools.run(served, seconds, connections)
    cpu = cpu_us(served.pids()) - before
    kind = got["kinds"][0]
    return {"rate": kind["answered"] / seconds, "failed": kind["failed"],
            "cpu_us": cpu / max(1, kind["answered"]), "p50": kind["p50"],
            "p99": kind["p99"], "p999": kind["p999"],
            "fairness": got["fairness"]}


def one(tools, served, seconds):
    return rate(tools, served, seconds, 1)


def many(tools, served, seconds):
    return rate(tools, served, seconds, 32)


def out(tools, served, seconds):
    """1 MiB to the client, 8 connections: MiB/s."""
    kind = tools.run(served, seconds, 8, ["100:/big"])["kinds"][0]
    return {"rate": kind["bytes"] / MIB / seconds, "failed": kind["failed"]}


def upload(tools, served, seconds):
    """1 MiB from the client, 8 connections: MiB/s."""
    kind = tools.run(served, seconds, 8, [f"100+{MIB}:/upload"])["kinds"][0]
    return {"rate": kind["answered"] / seconds, "failed": kind["failed"]}


def _beside(tools, served, seconds, **slow):
    alone = tools.run(served, seconds, 4)["kinds"][0]["answered"]
    beside = tools.run(served, seconds, 4, warmup=1.5,
                       **slow)["kinds"][0]["answered"]
    return {"rate": beside / max(1, alone), "failed": 0}


def slow_readers(tools, served, seconds):
    """Share of hello's rate that is left beside 8 readers of 1 MiB at
    50 kB/s."""
    return _beside(tools, served, seconds, slow_readers=8,
                   slow_request="/big", rate=50000)


def slow_senders(tools, served, seconds):
    """The same beside 8 that send 1 MiB at 5 kB/s."""
    return _beside(tools, served, seconds, slow_senders=8,
                   slow_request="/upload", rate=5000)


def mixed(tools, served, seconds):
    """90 % hello, 5 % 1 MiB, 5 % that sleep 50 ms: the hellos' p99 in ms."""
    got = tools.run(served, seconds, 16, ["90:/", "5:/big", "5:/sleep"])
    kind = got["kinds"][0]
    return {"rate": kind["p99"] / 1000, "p50": kind["p50"],
            "failed": sum(k["failed"] for k in got["kinds"]),
            "fairness": got["fairness"]}


def memory(_tools, served, _seconds):
    """PSS of httpd, helpers and application processes, MiB."""
    return {"rate": pss_mib(served.pids()), "failed": 0}
