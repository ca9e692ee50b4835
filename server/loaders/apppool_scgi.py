# SPDX-License-Identifier: Apache-2.0
"""apppool_scgi.py - requests from httpd over SCGI, on kept connections.

A Connection gives one request after another (README, "Requests"): its variables
with what WSGI calls wsgi.input, which is in memory where the whole body came
with the header, else a RequestBody that reads on.
"""

import io
import os
import socket

# What fits into one recv(); also up to where pieces are joined for one send().
CHUNK = 65536
# A header longer than this is a broken sender, not a large request.
MAX_HEADER = 16 * 1024 * 1024


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
