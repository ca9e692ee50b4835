# SPDX-License-Identifier: Apache-2.0
"""wsgi_loader.py - runs a WSGI application (PEP 3333) for the pool.

What the pool expects of a loader (command line, report socket, requests,
signals) is in the README beside this file. Python 3.9 or later, standard
library only; the interpreter may be that of any virtual environment.

The application is the callable `application` in the startup file. The file is
imported as a module named like itself (wsgi.py is `wsgi`), with the working
folder, the application's root, first in sys.path.

Fork hook (smart spawning): Python's own. What os.register_at_fork() was given
as after_in_child runs in each new serving process, before its first request:

    os.register_at_fork(after_in_child=database.reconnect)

The `random` module seeds itself anew that way without being asked. Threads,
connections and files that loading left open are warned of in the log.

How a request runs: Server waits (epoll) for a Connection to become readable,
read_request() takes one request from it, Response sends what the application
answers. With --threads 1 all of it happens in the main thread, three system
calls a request, and a second thread sleeps until a signal comes or the pool
goes. With more, each worker thread waits on the same epoll descriptor, where
every descriptor is armed for one event at a time, and the main thread does
what the second one does otherwise.
"""

import errno
import io
import os
import re
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback

# Not there of itself where PYTHONSAFEPATH is set; gone again before the
# application is loaded.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from apppool_preload import Preloader
from apppool_start import (LoadError, Options, Report, explain, ignore_signals,
                           import_file, log, log_threads, prepare_interpreter,
                           set_title)

# What fits into one recv(); also up to where pieces are joined for one send().
CHUNK = 65536
# A header longer than this is a broken sender, not a large request.
MAX_HEADER = 16 * 1024 * 1024
# For a request that runs when the pool is gone; the pool itself gives as much.
LAST_REQUEST_S = 5


# --- One request ------------------------------------------------------------

class BadRequest(Exception):
    """What came over the connection is not an SCGI request."""


class RequestBody(io.RawIOBase):
    """The part of wsgi.input that still has to come from the socket.

    Never reads past CONTENT_LENGTH. A body that breaks off is an error for
    the application, it must not look complete.
    """

    def __init__(self, connection, first, length):
        self._connection = connection
        self._first = first
        self._left = length

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), self._left)
        if not size:
            return 0
        if self._first:
            size = min(size, len(self._first))
            buffer[:size] = self._first[:size]
            self._first = self._first[size:]
        else:
            size = self._connection.receive_into(memoryview(buffer)[:size])
        self._left -= size
        return size

    def end(self):
        """Give nothing more; return how much the socket still holds."""
        left = self._left - len(self._first)
        self._left = 0
        return left


class Connection:
    """One connection of one client; it carries one request after another."""

    def __init__(self, sock):
        # An application may have called socket.setdefaulttimeout().
        sock.settimeout(None)
        self._socket = sock
        self.fd = sock.fileno()
        self.keep = True        # stays open after the request at hand
        self.broken = False     # the other side has gone away
        self.skip = 0           # bytes of the last body still to be dropped
        self.rest = b""         # taken from the socket, not yet looked at

    def read_request(self):
        """Take one request: (environ, body or None); None at end of file."""
        header, first = self._read_header()
        if header is None:
            return None
        environ = parse_header(header)
        length = environ.get("CONTENT_LENGTH", "")
        if not (length.isascii() and length.isdigit()):
            raise BadRequest("bad CONTENT_LENGTH %a" % length)
        length = int(length)
        if len(first) >= length:
            self.rest = first[length:]
            environ["wsgi.input"] = io.BytesIO(first[:length])
            return environ, None
        body = RequestBody(self, first, length)
        environ["wsgi.input"] = io.BufferedReader(body, CHUNK)
        return environ, body

    def _read_header(self):
        """The netstring's content, and what came after it."""
        data = self.rest or self._receive(CHUNK)
        self.rest = b""
        if not data:
            return None, b""
        while b":" not in data[:10]:
            if len(data) >= 10:
                raise BadRequest("no netstring")
            data += self._receive_more(CHUNK)
        digits, _, _ = data[:10].partition(b":")
        if not digits.isdigit() or int(digits) > MAX_HEADER:
            raise BadRequest("bad length of netstring %a" % digits)
        start = len(digits) + 1
        end = start + int(digits)
        if len(data) <= end:
            data = self._receive_up_to(data, end + 1)
        if data[end] != 0x2c:
            raise BadRequest("netstring without comma")
        return data[start:end], data[end + 1:]

    def _receive_up_to(self, data, size):
        pieces = bytearray(data)
        while len(pieces) < size:
            pieces += self._receive_more(CHUNK)
        return bytes(pieces)

    def _receive_more(self, size):
        data = self._receive(size)
        if not data:
            self.broken = True
            raise ConnectionAbortedError("connection closed inside a request")
        return data

    def _receive(self, size):
        try:
            return self._socket.recv(size)
        except OSError:
            self.broken = True
            raise

    def receive_into(self, buffer):
        """Body bytes; end of file here is a body that was cut off."""
        try:
            size = self._socket.recv_into(buffer)
        except OSError:
            self.broken = True
            raise
        if not size:
            self.broken = True
            raise ConnectionAbortedError("the request's body was cut off")
        return size

    def drop_some(self):
        """Drop unread body; False when the other side has closed."""
        try:
            size = len(self._socket.recv(min(self.skip, CHUNK)))
        except OSError:
            return False
        self.skip -= size
        return size > 0

    def send(self, parts, size):
        """Send bytes objects that are `size` long together."""
        try:
            if size <= CHUNK:
                self._socket.sendall(b"".join(parts), socket.MSG_NOSIGNAL)
            else:
                for part in parts:
                    self._socket.sendall(part, socket.MSG_NOSIGNAL)
        except OSError:
            self.broken = True
            raise

    def send_file(self, fd, offset, size):
        """sendfile(2) until done or the file turns out shorter."""
        while size:
            try:
                sent = os.sendfile(self.fd, fd, offset, min(size, 1 << 30))
            except OSError as error:
                self.broken = isinstance(error, ConnectionError)
                raise
            if not sent:
                break
            offset += sent
            size -= sent
        return size

    def finish_sending(self):
        """Nothing more will come; also said while forks hold copies."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()


def parse_header(header):
    """The request's variables as WSGI wants them: latin-1 native strings."""
    if not header.startswith(b"CONTENT_LENGTH\0") or header[-1]:
        raise BadRequest("header does not start with CONTENT_LENGTH")
    fields = header.decode("latin-1").split("\0")
    if not len(fields) & 1:
        raise BadRequest("a name without a value")
    pairs = iter(fields)
    return dict(zip(pairs, pairs))


def url_scheme(environ):
    if environ.get("HTTPS", "").lower() in ("on", "1"):
        return "https"
    return "https" if environ.get("REQUEST_SCHEME") == "https" else "http"


# --- One response -----------------------------------------------------------

class FileWrapper:
    """wsgi.file_wrapper: iterable, and sent by sendfile(2) where possible."""

    def __init__(self, file, block_size=CHUNK):
        self._file = file
        self._block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        data = self._file.read(self._block_size)
        if data:
            return data
        raise StopIteration

    def regular_file(self):
        """(descriptor, position, size left), or None if it must be read.

        Only Python's own file objects: others (GzipFile) have a fileno() but
        give out something else than the file's bytes.
        """
        file = self._file
        if type(file) not in (io.FileIO, io.BufferedReader, io.BufferedRandom):
            return None
        raw = getattr(file, "raw", file)
        if type(raw) is not io.FileIO:
            return None
        status = os.fstat(raw.fileno())
        position = file.tell()
        if not stat.S_ISREG(status.st_mode) or status.st_size <= position:
            return None
        return raw.fileno(), position, status.st_size - position


HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
MAX_NAMES = 500
good_names = set()      # of headers, looked at once


def check_name(name):
    if not isinstance(name, str):
        raise TypeError("a header's name must be str, not %r" % (name,))
    if not HEADER_NAME.fullmatch(name):
        raise ValueError("illegal byte in a header's name: %r" % name)
    if len(good_names) >= MAX_NAMES:
        good_names.clear()
    good_names.add(name)


def header_text(status, headers):
    """(header lines, content length or None); raises what is wrong."""
    if not isinstance(status, str):
        raise TypeError("status must be str, not %r" % (status,))
    if not status[:3].isdecimal() or status[3:4].strip():
        raise ValueError("status must be like '200 OK', not %r" % status)
    lines = ["Status: " + status + "\r\n"]
    length = None
    for name, value in headers:
        if name not in good_names:
            check_name(name)
        if not isinstance(value, str):
            raise TypeError("a header's value must be str, not %r" % (value,))
        lines.append(name + ": " + value + "\r\n")
        if len(name) == 14 and name.lower() == "content-length":
            length = content_length(value, length)
    text = "".join(lines).encode("latin-1")
    n_ends = len(lines)
    if (text.count(b"\n") != n_ends or text.count(b"\r") != n_ends
            or b"\0" in text):
        raise ValueError("illegal byte in status or header: %r" % lines)
    return text, length


def content_length(value, before):
    value = value.strip()
    if not (value.isascii() and value.isdigit()):
        raise ValueError("Content-Length is %r" % value)
    if before is not None and before != int(value):
        raise ValueError("two different values of Content-Length")
    return int(value)


class Response:
    """Sends what the application answers, framed as the README says."""

    def __init__(self, connection, environ):
        self._connection = connection
        self._framed = connection.keep
        self._is_head = environ.get("REQUEST_METHOD") == "HEAD"
        self._head = None       # header lines; None before start_response
        self._length = None     # the application's Content-Length
        self._bodyless = False  # HEAD, 204, 304
        self._chunked = False
        self._left = None       # body bytes still to come, where known
        self.begun = False      # the header has been sent
        self.ended = False

    def start(self, status, headers, exc_info=None):
        """start_response of PEP 3333."""
        if exc_info:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise RuntimeError("start_response was called a second time "
                               "without exc_info")
        self._head, self._length = header_text(status, headers)
        self._bodyless = self._is_head or status[:3] in ("204", "304")
        return self.write

    def write(self, data):
        """Send one piece of body; also the write() of PEP 3333."""
        if not isinstance(data, bytes):
            raise TypeError("the body must consist of bytes, not %s"
                            % type(data).__name__)
        if self.ended:
            raise RuntimeError("write() after the end of the response")
        if not data:
            return
        parts = []
        if not self.begun:
            parts.append(self._begin(None))
        self._add_body(parts, data)
        if parts:
            self._connection.send(parts, sum(map(len, parts)))

    def send_result(self, result):
        """Send the iterable that the application returned."""
        if type(result) is FileWrapper and self._send_file(result):
            return
        if type(result) in (list, tuple):
            if len(result) == 1 and self._send_whole(result[0]):
                return
            result = self._foresee(result)
        for piece in result:
            self.write(piece)
            if self._bodyless and self.begun:
                break
        self._end()

    def send_error(self):
        """Answer 500 in place of what the application could not say."""
        self._head = None
        text = b"Internal Server Error\n"
        self.start("500 Internal Server Error",
                   [("Content-Type", "text/plain"),
                    ("Content-Length", str(len(text)))])
        self.write(text)
        self._end()

    def _send_whole(self, body):
        """The usual answer, a single piece: one send; False if it is not."""
        if self.begun or self._bodyless or type(body) is not bytes:
            return False
        size = len(body)
        if self._head is None or self._length not in (None, size):
            return False
        self._length = size
        self._connection.send((self._begin(size), body), size)
        self.ended = True
        return True

    def _foresee(self, pieces):
        """All pieces are at hand: the frame needs no chunks."""
        size = sum(map(len, pieces))
        if self._head is not None and not self.begun:
            if self._length is None:
                self._length = size
            if size <= CHUNK:
                return (b"".join(pieces),)
        return pieces

    def _begin(self, size):
        """Decide on the frame; return the complete header.

        size: of the body, if known by other means than Content-Length.
        """
        if self._head is None:
            raise RuntimeError("no start_response before the body")
        self.begun = True
        self._left = 0 if self._bodyless else self._length
        if self._left is None:
            self._left = size
        if not self._framed:
            return self._head + b"\r\n"
        if self._left is None:
            self._chunked = True
            return self._head + b"X-Apppool-Frame: chunked\r\n\r\n"
        return self._head + b"X-Apppool-Frame: %d\r\n\r\n" % self._left

    def _add_body(self, parts, data):
        if self._chunked:
            parts += (b"%x\r\n" % len(data), data, b"\r\n")
        elif self._left is None:
            parts.append(data)
        elif self._left:
            parts.append(data[:self._left])
            self._left -= len(parts[-1])

    def _send_file(self, wrapper):
        """Send by sendfile(2); False where the file must be read instead."""
        if self.begun or self._head is None:
            return False
        found = wrapper.regular_file()
        if not found:
            return False
        fd, offset, size = found
        head = self._begin(size)
        self._connection.send((head,), len(head))
        size = min(size, self._left if self._left is not None else size)
        rest = self._connection.send_file(fd, offset, size)
        if self._left is not None:
            self._left -= size - rest
        self._end()
        return True

    def _end(self):
        parts = []
        if not self.begun:
            parts.append(self._begin(0))
        if self._chunked:
            parts.append(b"0\r\n\r\n")
        elif self._left:
            log("wsgi_loader: the response is %d bytes shorter than its "
                "Content-Length\n" % self._left)
            self._connection.keep = False
        if parts:
            self._connection.send(parts, sum(map(len, parts)))
        self.ended = True


# --- Serving ----------------------------------------------------------------

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
        except BaseException:
            self._on_exception(connection, environ, response)
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

    def _on_exception(self, connection, environ, response):
        if os.getpid() != self._pid:
            os._exit(1)         # a fork of the application's: not its answer
        if connection.broken:
            return              # a client that left is no news
        log("wsgi_loader: %s %a: the application raised\n%s"
            % (environ.get("REQUEST_METHOD"), environ.get("REQUEST_URI"),
               traceback.format_exc()))
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


# --- Loading and forking ----------------------------------------------------

def load_application(path):
    """Import the startup file and return its callable."""
    module = import_file(path)
    application = getattr(module, "application", None)
    if not callable(application):
        raise LoadError(
            "%s has no callable named `application`%s.\n"
            "Define application(environ, start_response) there, or name the "
            "file that does with PoolStartupFile.\n"
            % (path, "" if application is None else
               " (it is of type %s)" % type(application).__name__))
    return application


# --- Start ------------------------------------------------------------------

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


def serve(application, listener, report, n_threads, slot):
    set_title("wsgi")
    if n_threads > 1:
        server = ThreadedServer(application, listener, report, n_threads)
    else:
        server = Server(application, listener, report)
    server.run(lambda: report.ready(slot))


def main():
    options = Options(sys.argv[1:])
    report = Report(options.report)
    listeners = options.take_listeners()
    prepare_interpreter(options.startup_file)
    signal.signal(signal.SIGABRT, lambda *_: log_threads("wsgi_loader"))
    try:
        application = load_application(options.startup_file)
    except BaseException as error:
        report.error(explain(error, options.startup_file))
        sys.exit(1)
    ignore_signals()
    slot = None
    if options.preload:
        set_title("wsgi preload")
        slot = Preloader(listeners, report).run()
        if slot is None:
            return
    serve(application, listeners[slot or 0], report, options.n_threads, slot)


if __name__ == "__main__":
    main()
