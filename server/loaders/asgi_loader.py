# SPDX-License-Identifier: Apache-2.0
"""asgi_loader.py - runs an ASGI application for the pool.

What the pool expects of a loader (command line, report socket, signals) is in
the README beside this file. Python 3.9 or later; the interpreter may be that of
any virtual environment.

The application is the callable `application`, or `app`, in the startup file. It
is served by uvicorn or hypercorn where its environment has one of them, on the
inherited socket, else by our own small server (apppool_asgi.py), which needs
the standard library only. The variable APPPOOL_ASGI_SERVER names one of
uvicorn, hypercorn and own. Whoever serves, the application finds the same: who
the client is, its scheme and host as httpd says them, raw_path and path as they
were sent, root_path the base URI.
"""

import asyncio
import importlib.util
import inspect
import os
import signal
import sys

# Not there of itself where PYTHONSAFEPATH is set. This, and that no bytecode is
# written beside our files, is undone before the application is loaded.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import apppool_asgi
from apppool_import import LoadError, import_callable
from apppool_report import log, log_threads
from apppool_start import begin, set_title

SERVERS = ("uvicorn", "hypercorn", "own")
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
# httpd has checked the size of a request's header already.
MAX_HEADER = 1024 * 1024
# Connections are httpd's to close.
KEEP_ALIVE_S = 10 * 365 * 86400


# --- The application as each server gets it ----------------------------------

class Application:
    """Adds what httpd knows to each scope, and tells the pool of the start."""

    def __init__(self, application, root_path, report):
        self._application = application
        self._root_path = root_path
        self._report = report
        self._is_ready = False
        self.report_fd = report.fileno()
        self.has_failed = False     # to start up

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            add_origin(scope, self._root_path)
            await self._application(scope, receive, send)

    async def _lifespan(self, scope, receive, send):
        async def heard(message):
            if message["type"] == "lifespan.startup.failed":
                self._fail(message.get("message") or "it gave no reason")
            if message["type"] == "lifespan.startup.complete":
                self._ready()
            await send(message)
        try:
            await self._application(scope, receive, heard)
        except Exception as error:
            # The specification lets an application without lifespan raise.
            if not self._is_ready:
                log("asgi_loader: the application takes no lifespan events "
                    "(%s: %s)\n" % (type(error).__name__, error))
            raise
        finally:
            self._ready()

    def _ready(self):
        if not self._is_ready:
            self._is_ready = True
            # Once the server listens again, too: it waits for this.
            asyncio.get_running_loop().call_soon(self._report.ready)

    def _fail(self, text):
        self._is_ready = self.has_failed = True
        self._report.error("The application does not start up (lifespan.startup"
                           ".failed): %s\n" % text)


def add_origin(scope, root_path):
    """What httpd says of the client: its own words are the last."""
    named = {name: value for name, value in scope["headers"]
             if name in (b"host", b"x-forwarded-for", b"x-forwarded-proto",
                         b"x-forwarded-port")}
    clients = named.get(b"x-forwarded-for")
    scheme = named.get(b"x-forwarded-proto")
    if clients:
        address = clients.rpartition(b",")[2].strip().decode("latin-1")
        scope["client"] = (address, 0)
    if scheme in (b"http", b"https"):
        scope["scheme"] = (scheme.decode() if scope["type"] == "http" else
                           "wss" if scheme == b"https" else "ws")
    scope["server"] = find_server(named, scope["scheme"])
    scope["root_path"] = root_path


def find_server(named, scheme):
    host = named.get(b"host", b"localhost").decode("latin-1")
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        name, port = host, named.get(b"x-forwarded-port", b"").decode("latin-1")
    return (name.strip("[]"),
            int(port) if port.isdigit() else DEFAULT_PORTS[scheme])


# --- Servers -----------------------------------------------------------------

def run_own(application, listener, options):
    asyncio.run(serve_own(application, listener))


async def serve_own(application, listener):
    server = apppool_asgi.Server(application, listener, "")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    watch(application.report_fd)
    await server.serve()


def run_uvicorn(application, listener, options):
    import uvicorn
    limits = {}
    if "h11_max_incomplete_event_size" in inspect.signature(
            uvicorn.Config).parameters:
        limits["h11_max_incomplete_event_size"] = MAX_HEADER
    config = uvicorn.Config(
        application, fd=options.listen, lifespan="auto", access_log=False,
        log_config=None, proxy_headers=False, server_header=False,
        date_header=False, timeout_keep_alive=KEEP_ALIVE_S, **limits)
    server = uvicorn.Server(config)
    startup = server.startup

    async def watched_startup(*args, **named):
        watch(application.report_fd)
        await startup(*args, **named)

    server.startup = watched_startup
    server.run(sockets=[listener])


def receiving_first(application):
    """Hypercorn closes a connection whose response is complete before it has
    read the end of the request: so that is waited for."""
    async def wrapped(scope, receive, send):
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        come = [await receive()]

        async def receive_next():
            return come.pop() if come else await receive()

        await application(scope, receive_next, send)
    return wrapped


def run_hypercorn(application, listener, options):
    from hypercorn.asyncio import serve as serve_hypercorn
    from hypercorn.config import Config
    config = Config()
    config.bind = ["fd://%d" % options.listen]
    config.accesslog = None
    config.loglevel = "WARNING"
    config.errorlog = "-"
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.include_server_header = False
    config.include_date_header = False
    config.graceful_timeout = apppool_asgi.LAST_REQUESTS_S
    config.h11_max_incomplete_size = MAX_HEADER

    async def serve():
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        watch(application.report_fd)
        await serve_hypercorn(receiving_first(application), config,
                              shutdown_trigger=stop.wait)

    asyncio.run(serve())


def watch(report_fd):
    """In the running loop: end when the pool is gone, show all on SIGABRT."""
    loop = asyncio.get_running_loop()

    def hang_up():
        loop.remove_reader(report_fd)
        os.kill(os.getpid(), signal.SIGTERM)

    def show(signum, frame):
        log_threads("asgi_loader")
        log("".join(map(describe_task, asyncio.all_tasks(loop))))

    loop.add_reader(report_fd, hang_up)
    # Not the loop's own way: a loop that is stuck in Python shows, too.
    signal.signal(signal.SIGABRT, show)


def describe_task(task):
    """What it waits in, from the outside in; Task.print_stack() tells the
    outermost only."""
    lines = ["%s:\n" % task.get_name()]
    coroutine = task.get_coro()
    while coroutine is not None:
        frame = (getattr(coroutine, "cr_frame", None)
                 or getattr(coroutine, "gi_frame", None))
        if frame is not None:
            lines.append('  File "%s", line %d, in %s\n' % (
                frame.f_code.co_filename, frame.f_lineno,
                frame.f_code.co_name))
        coroutine = (getattr(coroutine, "cr_await", None)
                     or getattr(coroutine, "gi_yieldfrom", None))
    return "".join(lines)


def is_installed(name):
    return importlib.util.find_spec(name) is not None


def choose_server():
    """What runs the application: its name."""
    asked = os.environ.get("APPPOOL_ASGI_SERVER")
    if asked is None:
        return next(name for name in SERVERS
                    if name == "own" or is_installed(name))
    if asked not in SERVERS:
        raise LoadError("APPPOOL_ASGI_SERVER is %a, which is none of uvicorn, "
                        "hypercorn and own.\n" % asked)
    if asked != "own" and not is_installed(asked):
        raise LoadError("APPPOOL_ASGI_SERVER asks for %s, which is not "
                        "installed for %s.\n" % (asked, sys.executable))
    return asked


# --- Start -------------------------------------------------------------------

def load_application(path):
    application = import_callable(path, ["application", "app"],
                                  "async application(scope, receive, send)")
    return application, choose_server()


def main():
    options, report, (listener,), (loaded, server) = begin("asgi_loader",
                                                           load_application)
    application = Application(loaded, options.base_uri, report)
    signal.signal(signal.SIGTERM, lambda *_: None)      # until the server's own
    set_title("asgi")
    try:
        {"uvicorn": run_uvicorn, "hypercorn": run_hypercorn,
         "own": run_own}[server](application, listener, options)
    finally:
        if application.has_failed:
            sys.exit(1)     # whatever the server would have ended with


if __name__ == "__main__":
    main()
