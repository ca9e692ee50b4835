# SPDX-License-Identifier: Apache-2.0
"""An HTTP client for tests: nothing hidden, everything with a deadline."""

import http.client
import json
import socket
import ssl

from .http2 import Http2, StreamReset

TIMEOUT_S = 30
VERSIONS = ("1.0", "1.1", "2")
http.client._MAXHEADERS = 1000      # 100 is less than a response may have


class Response:
    def __init__(self, status, reason, headers, body, version=11):
        self.status = status
        self.reason = reason            # "" in HTTP/2
        self.headers = headers          # [(name, value)] in order
        self.body = body
        self.version = version          # 10, 11 or 20

    def __repr__(self):
        return (f"<{self.status} {self.reason} {self.headers} "
                f"{self.body[:400]!r}>")

    def header(self, name, default=None):
        """The value of the first header of that name."""
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.body)


def exchange(address, method, target, body=None, headers=(), host=None,
             timeout=TIMEOUT_S, connection=None, version="1.1", tls=False):
    """One request on a connection of its own, or on `connection`.

    The target goes out as it is. A body that is an iterator goes out in
    chunks (HTTP/1.0, which has none: at once). A cut-off response raises
    http.client.IncompleteRead.
    """
    host = host or "%s:%d" % address
    if version == "2":
        return _exchange_2(address, method, target, body, headers, host,
                           timeout)
    own = connection is None
    if own:
        connection = _connection(address, timeout, tls)
    if version == "1.0":
        connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"
        if body is not None and not isinstance(body, (bytes, str)):
            body = b"".join(body)
    try:
        names = {name.lower() for name, _ in headers}
        connection.putrequest(method, target, skip_host=True,
                              skip_accept_encoding=True)
        if "host" not in names:
            connection.putheader("Host", host)
        for name, value in headers:
            connection.putheader(name, value)
        chunked = body is not None and not isinstance(body, (bytes, str))
        if isinstance(body, str):
            body = body.encode()
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif body is not None and "content-length" not in names:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body, encode_chunked=chunked)
        answer = connection.getresponse()
        return Response(answer.status, answer.reason, answer.getheaders(),
                        answer.read(), answer.version)
    finally:
        if own:
            connection.close()


def _connection(address, timeout, tls):
    if tls:
        return http.client.HTTPSConnection(
            *address, timeout=timeout, context=ssl._create_unverified_context())
    return http.client.HTTPConnection(*address, timeout=timeout)


def _exchange_2(address, method, target, body, headers, host, timeout):
    with Http2(address, timeout) as connection:
        stream = connection.wait(connection.send(
            method, target, headers, body, host))
    if stream.reset is not None:
        raise StreamReset(stream.reset, bytes(stream.body))
    return Response(stream.status, "", stream.headers, bytes(stream.body), 20)


class RawConnection:
    """A socket that speaks exactly what it is told."""

    def __init__(self, address, timeout=TIMEOUT_S):
        self.sock = socket.create_connection(address, timeout)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def receive(self):
        """What comes next, also kept; empty at the end."""
        data = self.sock.recv(65536)
        self.received += data
        return data

    def read_until(self, mark):
        """All that was received up to and with `mark`; the rest stays."""
        mark = mark.encode() if isinstance(mark, str) else mark
        while mark not in self.received:
            data = self.sock.recv(65536)
            if not data:
                raise AssertionError(
                    f"connection ended before {mark!r}: {self.received!r}")
            self.received += data
        end = self.received.index(mark) + len(mark)
        found, self.received = self.received[:end], self.received[end:]
        return found

    def read_all(self):
        """Everything up to the end of the connection."""
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    break
                self.received += data
        except ConnectionResetError:
            pass
        found, self.received = self.received, b""
        return found

    def read_response(self):
        """One response, by its own framing; (head, body)."""
        head = self.read_until(b"\r\n\r\n")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return head, self._read_chunks()
        if b"content-length:" in lower:
            after = lower.split(b"content-length:", 1)[1]
            return head, self._read_exactly(int(after.split(b"\r\n")[0]))
        return head, self.read_all()

    def _read_chunks(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            body += self._read_exactly(size)
            self.read_until(b"\r\n")
            if size == 0:
                return body

    def _read_exactly(self, size):
        while len(self.received) < size:
            data = self.sock.recv(65536)
            if not data:
                raise AssertionError("connection ended in a body: "
                                     f"{self.received[-200:]!r}")
            self.received += data
        found, self.received = self.received[:size], self.received[size:]
        return found

    def close(self):
        self.sock.close()
