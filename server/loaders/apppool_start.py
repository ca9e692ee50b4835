# SPDX-License-Identifier: Apache-2.0
"""apppool_start.py - what every loader in Python does before it serves.

begin() is all of it: it reads the command line, makes the interpreter look as
if it had been started for the application, imports the startup file, and tells
the pool of a failure.
"""

import atexit
import faulthandler
import os
import signal
import socket
import sys

from apppool_import import explain
from apppool_report import Report, log_threads


class Options:
    """The command line; whoever calls us is the pool, nobody else."""

    def __init__(self, words):
        given = dict(zip(words[::2], words[1::2]))
        self.preload = given["--mode"] == "preload"
        self.startup_file = given["--startup-file"]
        self.listen = int(given["--listen"])
        self.n_listeners = int(given["--listeners"])
        self.report = int(given["--report"])
        self.n_threads = int(given.get("--threads", "1"))
        self.base_uri = given.get("--base-uri", "")

    def take_listeners(self):
        """The inherited sockets, out of the way of what is started."""
        fds = range(self.listen, self.listen + self.n_listeners)
        for fd in fds:
            os.set_inheritable(fd, False)
        return [socket.socket(fileno=fd) for fd in fds]


def prepare_interpreter(startup_file):
    """Make the interpreter look as if it had been started for the file."""
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != own]
    sys.path.insert(0, os.getcwd())
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)
    sys.argv[:] = [startup_file]
    sys.stdout.reconfigure(line_buffering=True)
    faulthandler.enable()       # a crash in C code leaves a backtrace


def ignore_signals():
    """By handlers, not SIG_IGN: the application's programs would inherit
    that. Called after loading, which may have changed them."""
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGHUP, lambda *_: None)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def exit_failed():
    """As sys.exit(1), but no thread that loading started is waited for."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
    finally:
        os._exit(1)


def begin(name, load):
    """All that comes before serving: (options, report, listeners, application).

    load(path) gives the application; what it raises is told to the pool, and is
    the end of the process.
    """
    options = Options(sys.argv[1:])
    report = Report(options.report)
    listeners = options.take_listeners()
    prepare_interpreter(options.startup_file)
    signal.signal(signal.SIGABRT, lambda *_: log_threads(name))
    try:
        application = load(options.startup_file)
    except BaseException as error:
        report.error(explain(error, options.startup_file))
        exit_failed()
    ignore_signals()
    return options, report, listeners, application


def set_title(kind):
    """What ps and top show beside the command line."""
    title = "%s: %s" % (kind, os.path.basename(os.getcwd()))
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write(title[:15])
    except OSError:
        pass
