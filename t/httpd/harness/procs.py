# SPDX-License-Identifier: Apache-2.0
"""What /proc tells about processes.

Proc reads at the moment of asking and raises ProcessLookupError or
FileNotFoundError when the process has gone in between.
"""

import ctypes
import os
import signal
from collections import namedtuple
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)

Entry = namedtuple("Entry", "pid comm state ppid pgid sid")


def become_subreaper():
    """Whatever loses its parent below us becomes our child, so that nothing
    a test started can hide."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(signo=signal.SIGTERM):
    """To be called in a fresh child: `signo` comes when its parent dies."""
    _libc.prctl(PR_SET_PDEATHSIG, signo, 0, 0, 0)


def table():
    """{pid: Entry} of every process there is."""
    entries = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            entry = _entry(int(name))
            if entry is not None:
                entries[entry.pid] = entry
    return entries


def _entry(pid):
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    comm = text[text.index("(") + 1:text.rindex(")")]
    rest = text[text.rindex(")") + 2:].split()
    return Entry(pid, comm, rest[0], *(int(n) for n in rest[1:4]))


def below(pid, entries=None):
    """Pids of all descendants of `pid`, parents before their children."""
    entries = table() if entries is None else entries
    kids = {}
    for entry in entries.values():
        kids.setdefault(entry.ppid, []).append(entry.pid)
    found, todo = [], [pid]
    while todo:
        for kid in sorted(kids.get(todo.pop(0), ())):
            found.append(kid)
            todo.append(kid)
    return found


def reap_adopted(pids):
    """Reap those of `pids` that ended as our adopted children."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


class Proc:
    """One process, by pid."""

    def __init__(self, pid):
        self.pid = pid
        self._dir = Path("/proc") / str(pid)

    def __repr__(self):
        entry = _entry(self.pid)
        if entry is None:
            return f"<{self.pid} gone>"
        return f"<{self.pid} {entry.comm} {entry.state}>"

    def __eq__(self, other):
        return isinstance(other, Proc) and other.pid == self.pid

    def __hash__(self):
        return hash(self.pid)

    @property
    def alive(self):
        """Running in any way; a zombie is not alive."""
        entry = _entry(self.pid)
        return entry is not None and entry.state not in "ZX"

    @property
    def entry(self):
        entry = _entry(self.pid)
        if entry is None:
            raise ProcessLookupError(self.pid)
        return entry

    @property
    def exe(self):
        return os.readlink(self._dir / "exe")

    @property
    def argv(self):
        return self._zero_ended("cmdline")

    @property
    def environ(self):
        return dict(pair.split("=", 1) for pair in self._zero_ended("environ"))

    @property
    def cwd(self):
        return os.readlink(self._dir / "cwd")

    @property
    def umask(self):
        return int(self._status()["Umask"], 8)

    @property
    def uids(self):
        """Real, effective, saved, file system uid."""
        return [int(n) for n in self._status()["Uid"].split()]

    @property
    def gids(self):
        return [int(n) for n in self._status()["Gid"].split()]

    @property
    def groups(self):
        return sorted(int(n) for n in self._status()["Groups"].split())

    @property
    def capabilities(self):
        """Permitted, effective, inheritable and ambient, or-ed together."""
        status = self._status()
        value = 0
        for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            value |= int(status[name], 16)
        return value

    def signal_set(self, name):
        """Numbers in SigBlk, SigIgn or SigCgt."""
        bits = int(self._status()[name], 16)
        return {n for n in range(1, 65) if bits >> (n - 1) & 1}

    @property
    def descriptors(self):
        """{number: what it points to}"""
        found = {}
        for name in os.listdir(self._dir / "fd"):
            try:
                found[int(name)] = os.readlink(self._dir / "fd" / name)
            except FileNotFoundError:
                pass
        return found

    @property
    def may_be_looked_at(self):
        """The engine and the watcher are not dumpable: root alone sees in."""
        return os.access(self._dir / "fd", os.R_OK)

    @property
    def private_kib(self):
        """Memory that nobody else maps."""
        total = 0
        for line in (self._dir / "smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
        return total

    @property
    def peak_kib(self):
        """The most memory it ever had, mapped files included; or since
        forget_peak()."""
        return int(self._status()["VmHWM"].split()[0])

    def forget_peak(self):
        (self._dir / "clear_refs").write_text("5")

    def kill(self, signo=signal.SIGKILL):
        os.kill(self.pid, signo)

    def _zero_ended(self, name):
        raw = (self._dir / name).read_bytes()
        return [os.fsdecode(part) for part in raw.split(b"\0") if part]

    def _status(self):
        text = (self._dir / "status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines()
                    if ":\t" in line)


class Peaks:
    """By how much processes take more memory than they ever did.

    peaks = Peaks(processes)
    ...                         # warm up
    with peaks:
        ...
    peaks.check(8192, 98304)"""

    def __init__(self, processes):
        self._before, self.risen_kib = dict.fromkeys(processes), {}
        for process in self._before:
            process.forget_peak()

    def __enter__(self):
        for process in self._before:
            self._before[process] = process.peak_kib
        return self

    def __exit__(self, *_):
        for process, before in self._before.items():
            if process.alive:
                self.risen_kib[process] = process.peak_kib - before

    def check(self, ours_kib, application_kib):
        """None of httpd and the pool rose by more than the first, none of the
        applications (whose collectors take their time) by more than the
        second; and there were some."""
        assert self.risen_kib, "no process was left to be looked at"
        high = {process: kib for process, kib in self.risen_kib.items()
                if kib > (ours_kib if process.entry.comm.startswith(
                    ("apache2", "httpd", "apppool")) else application_kib)}
        assert not high, f"risen by KiB: {high}"
