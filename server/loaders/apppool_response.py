# SPDX-License-Identifier: Apache-2.0
"""apppool_response.py - what a WSGI application answers, on its way to httpd.

A Response is start_response() and write() of PEP 3333 and sends the iterable
that the application returned, framed as the README says.
"""

import io
import os
import re
import stat

from apppool_report import log
from apppool_scgi import CHUNK


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
        self._has_entity = False # of what GET would be answered
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
        self._has_entity = status[:3] not in ("204", "304")
        self._bodyless = self._is_head or not self._has_entity
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
            if self._is_head:
                self._say_length(result)
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

    def _say_length(self, pieces):
        """httpd counts what GET answers; what HEAD leaves out it cannot."""
        size = sum(map(len, pieces))
        if self._length is None and self._has_entity and size:
            self._head += b"Content-Length: %d\r\n" % size

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
