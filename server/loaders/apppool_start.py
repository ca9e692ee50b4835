# SPDX-License-Identifier: Apache-2.0
"""apppool_start.py - what every loader in Python does before it serves.

begin() is all of it: it reads the command line, makes the interpreter look as
if it had been started for the application, imports the startup file, and tells
the pool of a failure.
"""

import faulthandler
import importlib.machinery
import importlib.util
import os
import signal
import socket
import sys
import threading
import traceback

# One packet on the report socket (README).
MAX_PACKET = 8000


def log(text):
    """Write to the log in one piece, whatever became of sys.stderr."""
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def log_threads(who):
    """Where each thread is just now."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    text = ["%s: backtraces of process %d\n" % (who, os.getpid())]
    for ident, frame in sys._current_frames().items():
        text.append("Thread %s:\n" % names.get(ident, ident))
        text += traceback.format_stack(frame)
    log("".join(text))


class Report:
    """The socket over which the pool hears how the start went."""

    def __init__(self, fd):
        os.set_inheritable(fd, False)
        self._socket = socket.socket(fileno=fd)

    def fileno(self):
        return self._socket.fileno()

    def ready(self, slot=None):
        self._send("READY" if slot is None else "READY %d" % slot)

    def failed(self, slot, reason):
        self._send("FAILED %d %s" % (slot, reason))

    def error(self, text):
        data = text.encode("utf-8", "backslashreplace") or b"unknown"
        step = MAX_PACKET - len(b"ERROR ")
        for start in range(0, len(data), step):
            self._send_bytes(b"ERROR " + data[start:start + step])

    def receive(self):
        """The next message, None when the pool is gone."""
        try:
            data = self._socket.recv(MAX_PACKET)
        except ConnectionError:
            return None
        return data.decode("ascii", "replace") if data else None

    def _send(self, text):
        self._send_bytes(text.encode("utf-8", "backslashreplace")[:MAX_PACKET])

    def _send_bytes(self, packet):
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL)
        except OSError as error:
            log("loader: no pool to report to (%s): %s\n"
                % (error, packet.decode("utf-8", "replace")))


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


class LoadError(Exception):
    """The application cannot be loaded; the text is for the admin."""


class FreshFileLoader(importlib.machinery.SourceFileLoader):
    """Compiles the startup file each time: the cache in __pycache__ tells
    files of one size and second apart no better than a restart that follows a
    deployment at once, and one file is quickly compiled."""

    def get_code(self, fullname):
        return self.source_to_code(self.get_data(self.path), self.path)


def import_callable(path, names, signature):
    """The first of `names` in the startup file that can be called."""
    module = import_file(path)
    found = [getattr(module, name, None) for name in names]
    for application in found:
        if callable(application):
            return application
    types = [type(other).__name__ for other in found if other is not None]
    raise LoadError(
        "%s has no callable named %s%s.\nDefine %s there, or name the file "
        "that does with PoolStartupFile.\n"
        % (path, " or ".join("`%s`" % name for name in names),
           " (it is of type %s)" % types[0] if types else "", signature))


def import_file(path):
    """The startup file as a module that is called like it."""
    name = os.path.splitext(os.path.basename(path))[0]
    if not name.isidentifier() or name in sys.modules:
        name = "_apppool_application"
    path = os.path.abspath(path)
    loader = FreshFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def explain(error, path):
    """The text of an ERROR report: what the admin needs, then all we know."""
    if isinstance(error, LoadError):
        return str(error)
    trace = error.__traceback__
    while trace and is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    if isinstance(error, SystemExit):
        return "%s called sys.exit() while it was loaded.\n%s" % (path, text)
    return "%s could not be loaded.\n%s%s" % (path, missing_module(error), text)


def missing_module(error):
    """What to install, as far as names can tell; "" where it is not that."""
    while error and not isinstance(error, ModuleNotFoundError):
        error = error.__cause__
    name = (error and error.name or "").partition(".")[0]
    if not name or importlib.util.find_spec(name):
        return ""       # a part of a package that is there: not for us to say
    return ("The Python module %s is not installed. %s\n\n"
            % (name, how_to_install(name)))


def how_to_install(name):
    if sys.prefix != sys.base_prefix:
        return ("In the application's virtual environment: %s/bin/pip install "
                "%s" % (sys.prefix, name))
    package = "python3-" + name.lower().replace("_", "-")
    return (("On this system it may be in the package %s (apt install %s). "
             % (package, package)
             if os.path.exists("/etc/debian_version") else "")
            + "From PyPI: make a virtual environment, pip install %s there, "
              "and name its bin/python3 with PoolPython." % name)


def is_ours(filename):
    return (os.path.dirname(filename) == os.path.dirname(__file__)
            or filename.startswith("<frozen importlib"))


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
        sys.exit(1)
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
