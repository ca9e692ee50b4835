# SPDX-License-Identifier: Apache-2.0
"""apppool_preload.py - forks serving processes from a loaded application.

Whatever loading left behind that a fork does not have, or shares, is said in
the log: threads, connections, files open for writing.
"""

import fcntl
import gc
import os
import signal
import socket
import stat
import sys
import threading

from apppool_report import log


def warn_of_shared(own):
    """Say what loading left behind that no fork has, or that all share.

    own: descriptors that are ours.
    """
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            warn("started the thread %a, which no process forked from it will "
                 "have; start it" % thread.name)
    for fd in sorted(int(name) for name in os.listdir("/proc/self/fd")):
        what = None if fd <= 2 or fd in own else describe_descriptor(fd)
        if what:
            warn("opened %s, which all processes forked from it share; open it"
                 % what)


def warn(what):
    log("wsgi_loader: warning: loading the application %s in "
        "os.register_at_fork(after_in_child=...) or say PoolSpawnMethod "
        "direct\n" % what)


def describe_descriptor(fd):
    """A socket, or a file open for both reading and writing; else None."""
    try:
        name = os.readlink("/proc/self/fd/%d" % fd)
        if name.startswith("socket:"):
            return describe_socket(fd)
        mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
        if mode == os.O_RDWR and stat.S_ISREG(os.fstat(fd).st_mode):
            return "the file %s for writing" % name
    except OSError:
        pass        # closed meanwhile, as the folder's own
    return None


def describe_socket(fd):
    with socket.socket(fileno=os.dup(fd)) as copy:
        try:
            return "a connection to " + address(copy.getpeername())
        except OSError:
            return "a socket at " + address(copy.getsockname())


def address(name):
    if isinstance(name, tuple):
        return "%s port %s" % name[:2]
    return os.fsdecode(name) or "a socket without a name"


class Preloader:
    """Holds the loaded application and forks serving processes from it."""

    def __init__(self, listeners, report):
        self._listeners = listeners
        self._report = report
        self._waiting = False
        self._leaving = False

    def run(self):
        """Fork on demand. Returns the slot in each new serving process,
        None in the preloader itself once the pool is gone."""
        warn_of_shared({self._report.fileno(),
                        *(listener.fileno() for listener in self._listeners)})
        gc.collect()
        gc.freeze()     # what is shared now stays shared
        signal.signal(signal.SIGTERM, self._on_term)
        self._report.ready()
        while True:
            message = self._receive()
            if message is None:
                return None
            word, _, slot = message.partition(" ")
            if word != "FORK" or not self._is_slot(slot):
                log("wsgi_loader: unknown message %a\n" % message)
            elif self._fork(int(slot)):
                return int(slot)

    def _on_term(self, signum, frame):
        """Raise only where nobody swallows it, as hooks of os.fork() do."""
        self._leaving = True
        if self._waiting:
            sys.exit(0)

    def _receive(self):
        self._waiting = True
        try:
            return None if self._leaving else self._report.receive()
        finally:
            self._waiting = False

    def _is_slot(self, text):
        return text.isdigit() and int(text) < len(self._listeners)

    def _fork(self, slot):
        """True in the new process."""
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            middle = os.fork()
        except OSError as error:
            self._report.failed(slot, "fork: %s" % error)
            return False
        if not middle:
            return self._fork_again(slot)
        try:
            os.waitpid(middle, 0)
        except ChildProcessError:
            pass        # the application ignores SIGCHLD
        return False

    def _fork_again(self, slot):
        """In the middle process: it ends, its child is nobody's here."""
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
        except OSError as error:
            self._report.failed(slot, "fork: %s" % error)
            os._exit(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)   # until Server's own
        for number, listener in enumerate(self._listeners):
            if number != slot:
                listener.close()
        return True
