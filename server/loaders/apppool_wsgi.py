# SPDX-License-Identifier: Apache-2.0
"""apppool_wsgi.py - serves a WSGI application, in one thread or in several.

Server waits (epoll) for a Connection to become readable and takes one request
from it (apppool_scgi.py); a Response sends what the application answers
(apppool_response.py). With one thread all of it happens in the main thread,
three system calls a request, and a second thread sleeps until a signal comes or
the pool goes. With more, each worker thread waits on the same epoll descriptor,
where every descriptor is armed for one event at a time, and the main thread
does what the second one does otherwise.
"""

import errno
import os
import select
import signal
import sys
import threading
import time

from apppool_report import format_error, log, log_threads
from apppool_response import FileWrapper, Response
from apppool_scgi import BadRequest, Connection

# For a request that runs when the pool is gone; the pool itself gives as much.
LAST_REQUEST_S = 5


def url_scheme(environ):
    if environ.get("HTTPS", "").lower() in ("on", "1"):
        return "https"
    return "https" if environ.get("REQUEST_SCHEME") == "https" else "http"


class Server:
    """Serves one request at a time, all in the main thread.

    A second thread sleeps until a signal comes or the pool goes: Python runs
    signal handlers in the main thread only, which may be deep in some library
    while the admin wants to see where (SIGABRT).
    """

    CONNECTION_EVENTS = select.EPOLLIN
    MULTITHREAD = False

    def __init__(self, application, listener, report):
        self._application = application
        self._listener = listener
        self._report = report
        self._connections = {}
        self._stopping = False
        self._pid = os.getpid()
        self._spare_fd = os.open("/dev/null", os.O_RDONLY)
        self._stop_r, self._stop_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._stop_r, select.EPOLLIN)
        self._epoll.register(listener.fileno(), self.CONNECTION_EVENTS)
        self._environ = {
            "wsgi.version": (1, 0),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": self.MULTITHREAD,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.file_wrapper": FileWrapper,
        }

    def run(self, ready):
        """Serve until SIGTERM or until the pool is gone."""
        self._listener.setblocking(False)
        signals = self._take_signals()
        ready()
        self._serve(signals)
        for connection in list(self._connections.values()):
            self._close(connection)

    def _serve(self, signals):
        threading.Thread(target=self._watch, args=(signals,), daemon=True,
                         name="signals").start()
        self._work()

    def _take_signals(self):
        """A pipe that gets each signal's number, whatever main is doing."""
        read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        signal.signal(signal.SIGABRT, lambda *_: None)      # see _watch
        keep_signals_from_forks()
        return read_end

    def _stop(self):
        """Every thread ends after the request at hand."""
        self._stopping = True
        try:
            os.write(self._stop_w, b"!")    # stays there: it wakes them all
        except BlockingIOError:
            pass

    def _watch(self, signals):
        poll = select.poll()
        poll.register(self._report.fileno(), 0)     # hang-up only
        poll.register(signals, select.POLLIN)
        while not self._stopping:
            for fd, _ in poll.poll():
                numbers = os.read(fd, 512) if fd == signals else b""
                if signal.SIGABRT in numbers:
                    log_threads("wsgi_loader")
                if fd != signals or signal.SIGTERM in numbers:
                    self._stop()
        threading.Thread(target=self._leave_in_time, daemon=True,
                         name="last request").start()

    def _leave_in_time(self):
        """What does not end the pool ends; when that is gone, nobody would."""
        poll = select.poll()
        poll.register(self._report.fileno(), 0)
        poll.poll()
        time.sleep(LAST_REQUEST_S)
        os._exit(1)

    def _work(self):
        while not self._stopping:
            for fd, _ in self._epoll.poll(-1, 1):
                if fd != self._stop_r:
                    self._on_event(fd)

    def _on_event(self, fd):
        """A connection has something to read, or a new one has come."""
        connection = self._connections.get(fd)
        if connection is None:
            self._accept()
        elif connection.skip:
            self._drop_body(connection)
        else:
            self._serve_connection(connection)

    def _rearm(self, fd):
        """Nothing to do: events are level-triggered here."""

    def _accept(self):
        try:
            sock, _ = self._listener.accept()
        except OSError as error:
            sock = None
            if error.errno == errno.EMFILE:
                self._refuse()
        self._rearm(self._listener.fileno())
        if sock:
            connection = Connection(sock)
            self._connections[connection.fd] = connection
            self._epoll.register(connection.fd, self.CONNECTION_EVENTS)

    def _refuse(self):
        """The application has used up all descriptors: let the client know,
        it would wait and this loop would spin."""
        log("wsgi_loader: connection closed: no descriptor left\n")
        os.close(self._spare_fd)
        try:
            self._listener.accept()[0].close()
        except OSError:
            pass
        self._spare_fd = os.open("/dev/null", os.O_RDONLY)

    def _drop_body(self, connection):
        if connection.drop_some():
            self._leave(connection)
        else:
            self._close(connection)

    def _serve_connection(self, connection):
        while not self._stopping:
            try:
                request = connection.read_request()
            except OSError:
                request = None
            except BadRequest as error:
                log("wsgi_loader: connection closed: %s\n" % error)
                request = None
            if not request:
                self._close(connection)
                return
            self._serve_request(connection, *request)
            if not (connection.rest and connection.keep):
                break
        self._leave(connection)

    def _serve_request(self, connection, environ, body):
        connection.keep = environ.pop("APPPOOL_KEEPALIVE", "") == "1"
        environ.pop("SCGI", None)
        environ["wsgi.url_scheme"] = url_scheme(environ)
        environ.update(self._environ)
        response = Response(connection, environ)
        try:
            self._run_application(environ, response)
        except BaseException as error:
            self._on_exception(error, connection, environ, response)
        if body:
            connection.skip = body.end()
        if connection.broken:
            connection.keep = False

    def _run_application(self, environ, response):
        result = self._application(environ, response.start)
        try:
            response.send_result(result)
        finally:
            if hasattr(result, "close"):
                result.close()

    def _on_exception(self, error, connection, environ, response):
        if os.getpid() != self._pid:
            os._exit(1)         # a fork of the application's: not its answer
        if connection.broken:
            return              # a client that left is no news
        log("wsgi_loader: %s %a: the application raised\n%s"
            % (environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI"),
               format_error(error)))
        if response.ended:
            return              # raised by close(), all has been sent
        if response.begun:
            connection.keep = False
            return
        try:
            response.send_error()
        except OSError:
            pass

    def _leave(self, connection):
        """Done with it for now: back to waiting, or away with it."""
        if self._stopping or connection.broken:
            connection.keep = False
        if not connection.keep:
            if not connection.skip or connection.broken:
                self._close(connection)
                return
            # Unread data at close would be a reset for the other side.
            connection.finish_sending()
        self._rearm(connection.fd)

    def _close(self, connection):
        # A fork of the application's may hold a copy: epoll would go on.
        self._epoll.unregister(connection.fd)
        del self._connections[connection.fd]
        connection.close()


class ThreadedServer(Server):
    """Serves one request in each of N threads.

    All wait on one epoll descriptor; a descriptor is armed for a single event
    (EPOLLONESHOT) and armed again by the thread that dealt with it.
    """

    CONNECTION_EVENTS = select.EPOLLIN | select.EPOLLONESHOT
    MULTITHREAD = True

    def __init__(self, application, listener, report, n_threads):
        super().__init__(application, listener, report)
        self._threads = [
            threading.Thread(target=self._work, name="request-%d" % i,
                             daemon=True) for i in range(n_threads)]

    def _work(self):
        try:
            super()._work()
        finally:
            self._stop()    # a thread too few: better a new process

    def _serve(self, signals):
        for thread in self._threads:
            thread.start()
        self._watch(signals)
        for thread in self._threads:
            thread.join()

    def _rearm(self, fd):
        self._epoll.modify(fd, self.CONNECTION_EVENTS)


OWN_SIGNALS = (signal.SIGTERM, signal.SIGABRT, signal.SIGINT)


def keep_signals_from_forks():
    """What stops or examines a process that the application forked must not
    reach this server through the pipe they share, not even at once."""
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, OWN_SIGNALS),
        after_in_parent=release_signals,
        after_in_child=give_signals_back)


def release_signals():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OWN_SIGNALS)


def give_signals_back():
    signal.set_wakeup_fd(-1)
    for number in OWN_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    release_signals()
