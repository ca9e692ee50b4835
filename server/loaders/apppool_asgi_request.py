# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi_request.py - one HTTP request, as an application sees it."""

import asyncio
import http

from apppool_http import content_length
from apppool_report import log

REASONS = {status.value: status.phrase for status in http.HTTPStatus}
ERROR_BODY = b"Internal Server Error\n"


def check_header(name, value):
    if (not name or b"\r" in value or b"\n" in value or b"\0" in value
            or b":" in name or b" " in name or b"\r" in name or b"\n" in name
            or b"\0" in name):
        raise ValueError("illegal byte in the header %a: %a" % (name, value))


class Request:
    def __init__(self, connection, method, version, keep):
        self._connection = connection
        self._is_head = method == "HEAD"
        self._version = version
        self.keep = keep            # the connection stays open after it
        self.body = bytearray()     # come, not yet given to the application
        self.body_ended = False     # all of it has come
        self.wants_continue = False
        self._given_all = False     # the application has had the end
        self._head = None           # [status, headers] until it is sent
        self._left = None           # bytes that Content-Length still promises
        self._is_chunked = False
        self._is_bodyless = False
        self.begun = False          # the header has been sent
        self.ended = False          # the response has been sent
        self._wake = asyncio.Event()

    @property
    def is_abandoned(self):
        return self._connection.is_gone

    def wake(self):
        self._wake.set()

    async def receive(self):
        if self.wants_continue and not self.begun:
            self.wants_continue = False
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.ended or self._connection.is_gone or
                   (not self._given_all and (self.body or self.body_ended))):
            self._wake.clear()
            await self._wake.wait()
        # What has come goes first, even if nobody is left to be answered: but
        # never the end of a body that was cut off.
        if self._given_all or self.ended or not (self.body or self.body_ended):
            return {"type": "http.disconnect"}
        body = bytes(self.body)
        self.body.clear()
        self._given_all = self.body_ended
        self._connection.resume_reading()
        return {"type": "http.request", "body": body,
                "more_body": not self.body_ended}

    async def send(self, message):
        kind = message["type"]
        if kind == "http.response.body":
            self._send_body(message.get("body", b""),
                            message.get("more_body", False))
            await self._connection.drain()
        elif kind == "http.response.start":
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.early_hint":
            self._send_hints(message["links"])
        else:
            raise RuntimeError("an HTTP response has no message %r" % kind)

    def _start(self, status, headers):
        if self._head is not None or self.begun:
            raise RuntimeError("http.response.start was sent twice")
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ValueError("%r is no status of a response" % (status,))
        kept = []
        for name, value in headers:
            check_header(name, value)
            lower = name.lower()
            if lower == b"content-length":
                self._left = content_length(value)
            if lower not in (b"transfer-encoding", b"connection"):
                kept.append((name, value))
        self._head = (status, kept)

    def _send_hints(self, links):
        for link in links:
            check_header(b"link", link)
        if not self.begun:
            lines = b"".join(b"link: %s\r\n" % link for link in links)
            self._connection.write(
                b"HTTP/1.1 103 Early Hints\r\n%s\r\n" % lines)

    def _send_body(self, body, more):
        if self._head is None and not self.begun:
            raise RuntimeError("http.response.body before http.response.start")
        if self.ended:
            raise RuntimeError("http.response.body after the response's end")
        parts = []
        if not self.begun:
            parts.append(self._begin(len(body), more))
        self._add_body(parts, body, more)
        self._connection.write(b"".join(parts))
        if not more:
            self._end()

    def _begin(self, size, more):
        """Decide how the body ends; the complete header."""
        status, headers = self._head
        lines = [b"HTTP/1.1 %d %s\r\n" % (
            status, REASONS.get(status, "").encode("ascii"))]
        self.begun = True
        self._is_bodyless = self._is_head or status in (204, 304)
        if self._left is None and not more and status not in (204, 304):
            self._left = size
            lines.append(b"content-length: %d\r\n" % size)
        elif self._left is None and not self._is_bodyless:
            self._is_chunked = self._version != "1.0"
            self.keep = self.keep and self._is_chunked
            if self._is_chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep or self._connection.server.is_stopping:
            self.keep = False
            lines.append(b"connection: close\r\n")
        lines += [b"%s: %s\r\n" % header for header in headers]
        lines.append(b"\r\n")
        return b"".join(lines)

    def _add_body(self, parts, body, more):
        if self._is_bodyless:
            self._left = 0
        elif self._is_chunked:
            if body:
                parts += (b"%x\r\n" % len(body), body, b"\r\n")
            if not more:
                parts.append(b"0\r\n\r\n")
        elif self._left is not None:
            parts.append(body[:self._left])
            self._left -= len(parts[-1])
        else:
            parts.append(body)

    def _end(self):
        self.ended = True
        self.wake()
        if self._left:
            log("asgi_loader: the response is %d bytes shorter than its "
                "Content-Length\n" % self._left)
            self.keep = False
        self._connection.response_ended(self)

    def fail(self):
        """The application raised, or has left without a whole response."""
        if self.begun:
            self.keep = False       # everybody can see that it is cut
            self.ended = True
            self._connection.response_ended(self)
        else:
            self._head = self._left = None
            self._start(500, [(b"content-type", b"text/plain")])
            self._send_body(ERROR_BODY, False)
