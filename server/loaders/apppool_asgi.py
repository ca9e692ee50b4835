# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi.py - a small ASGI server: HTTP/1.1 from httpd, over asyncio.

For applications whose environment has neither uvicorn nor hypercorn. Clients
are httpd's children: they keep their connections, send one request at a time
and have checked what came from the outside, so there are no time-outs and no
guesses here, and what is odd ends the connection.

A Connection takes requests from its socket; each is a Request, whose receive()
and send() the application's coroutine gets. When the response has been sent the
connection is ready for the next one, whatever the coroutine still does (tasks
in the background). WebSockets are apppool_websocket.py's.
"""

import asyncio
import http
from urllib.parse import unquote

from apppool_report import format_error, log
from apppool_websocket import WebSocket, is_handshake

# httpd has checked the size of a header; this only bounds what is broken.
MAX_HEADER = 16 * 1024 * 1024
# So much of a body waits here for the application before reading pauses.
MAX_WAITING = 65536
# How long requests may take once the process is to end; the pool waits 5 s.
LAST_REQUESTS_S = 4.5

REASONS = {status.value: status.phrase for status in http.HTTPStatus}
ERROR_BODY = b"Internal Server Error\n"


class BadRequest(Exception):
    """What came over the connection is not an HTTP request."""


def parse_head(head):
    """(method, target, version, headers, named): the last has the headers
    that count here, by name."""
    lines = head.split(b"\r\n")
    try:
        method, target, version = lines[0].split(b" ")
    except ValueError:
        raise BadRequest("a request line of %d bytes" % len(lines[0]))
    if not version.startswith(b"HTTP/1."):
        raise BadRequest("version %a" % version)
    headers = []
    named = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadRequest("a header line without colon")
        name = name.lower()
        value = value.strip(b" \t")
        headers.append((name, value))
        named[name] = value
    return method.decode("ascii"), target, version[5:].decode(), headers, named


def make_scope(kind, request_line, headers, root_path, state):
    method, target, version = request_line
    raw_path, _, query = target.partition(b"?")
    path = raw_path.decode("ascii", "replace")
    scope = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": version,
        "scheme": "http" if kind == "http" else "ws",
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": root_path,
        "headers": headers,
        "client": None,
        "server": None,
        "state": state.copy(),
    }
    if kind == "http":
        scope["method"] = method
        scope["extensions"] = {"http.response.early_hint": {}}
    else:
        scope["subprotocols"] = [
            part.strip().decode("latin-1")
            for name, value in headers if name == b"sec-websocket-protocol"
            for part in value.split(b",")]
    return scope


def check_header(name, value):
    if (not name or b"\r" in value or b"\n" in value or b"\0" in value
            or b":" in name or b" " in name or b"\r" in name or b"\n" in name
            or b"\0" in name):
        raise ValueError("illegal byte in the header %a: %a" % (name, value))


class Request:
    """One request, as the application sees it."""

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


def content_length(value):
    if not value.isdigit():
        raise ValueError("Content-Length is %a" % value)
    return int(value)


class Connection(asyncio.Protocol):
    """One connection of one client; it carries one request after another."""

    def __init__(self, server):
        self.server = server
        self.is_gone = False
        self._transport = None
        self._data = b""            # taken from the socket, not looked at
        self._request = None        # whose response or body is not complete
        self._websocket = None
        self._left = 0              # bytes of the body, or of a chunk, to come
        self._is_chunked = False
        self._in_chunks = False     # one has come, its CR LF has not
        self._is_paused = False     # reading is
        self._drained = None        # future while the client does not read

    # asyncio's

    def connection_made(self, transport):
        self._transport = transport
        self.server.connections.add(self)

    def connection_lost(self, error):
        self.is_gone = True
        self.server.connections.discard(self)
        self.resume_writing()
        if self._request:
            self._request.wake()
        if self._websocket:
            self._websocket.connection_lost()

    def eof_received(self):
        return False                # a client that closes has gone

    def pause_writing(self):
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self):
        if self._drained and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def data_received(self, data):
        if self._websocket:
            self._websocket.data_received(data)
            return
        self._data = self._data + data if self._data else data
        try:
            self._take()
        except (BadRequest, ValueError) as error:
            log("asgi_loader: connection closed: %s\n" % error)
            self._transport.abort()

    # for Request and WebSocket

    def write(self, data):
        if not self.is_gone and data:
            self._transport.write(data)

    async def drain(self):
        if self._drained:
            await asyncio.shield(self._drained)

    def pause_reading(self):
        if not self._is_paused and not self.is_gone:
            self._is_paused = True
            self._transport.pause_reading()

    def resume_reading(self):
        if self._is_paused and not self.is_gone:
            self._is_paused = False
            self._transport.resume_reading()

    def response_ended(self, request):
        if not request.keep:
            self.close()
        elif request.body_ended:
            self._request = None
            self.resume_reading()   # paused by a body that nobody asked for
            if self._data:
                asyncio.get_running_loop().call_soon(self.data_received, b"")
        else:
            request.body.clear()    # the rest is dropped as it comes
            self.resume_reading()
        if self.server.is_stopping:
            self.close_if_idle()

    def close(self):
        self._transport.close()

    def close_if_idle(self):
        if not self._request and not self._websocket:
            self.close()

    def shut_down(self):
        """The process is to end."""
        if self._websocket:
            self._websocket.shut_down()
        self.close_if_idle()

    # its own

    def _take(self):
        """Whatever the data at hand allows."""
        while self._data and not self.is_gone:
            if self._request is None:
                if not self._take_head():
                    return
            elif self._request.body_ended:
                return              # the next request waits for its turn
            elif not self._take_body():
                return

    def _take_head(self):
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if len(self._data) > MAX_HEADER:
                raise BadRequest("a header without end")
            return False
        head, self._data = self._data[:end], self._data[end + 4:]
        method, target, version, headers, named = parse_head(head)
        if is_handshake(method, named):
            self._begin_websocket((method, target, version), headers, named)
        else:
            self._begin_request((method, target, version), headers, named)
        return True

    def _begin_request(self, request_line, headers, named):
        method, _, version = request_line
        tokens = named.get(b"connection", b"").lower()
        keep = b"close" not in tokens and version != "1.0"
        request = Request(self, method, version, keep)
        request.wants_continue = (
            named.get(b"expect", b"").lower() == b"100-continue")
        self._is_chunked = (
            named.get(b"transfer-encoding", b"").lower() == b"chunked")
        if b"transfer-encoding" in named and not self._is_chunked:
            raise BadRequest("an unknown Transfer-Encoding")
        self._left = 0 if self._is_chunked else content_length(
            named.get(b"content-length", b"0"))
        self._in_chunks = False
        request.body_ended = not self._is_chunked and not self._left
        self._request = request
        self.server.run(request, make_scope(
            "http", request_line, headers, self.server.root_path,
            self.server.state))

    def _begin_websocket(self, request_line, headers, named):
        self._websocket = WebSocket(self, named)
        scope = make_scope("websocket", request_line, headers,
                           self.server.root_path, self.server.state)
        rest, self._data = self._data, b""
        self.server.run(self._websocket, scope)
        if rest:
            self._websocket.data_received(rest)

    def _take_body(self):
        """Some of the body; False: more data is needed."""
        if self._is_chunked and not self._left:
            return self._take_chunk_size()
        data, self._data = self._data[:self._left], self._data[self._left:]
        self._left -= len(data)
        self._add_to_body(data)
        if not self._left and not self._is_chunked:
            self._end_body()
        return True

    def _take_chunk_size(self):
        """The line between two chunks, with the end of the one before."""
        start = 2 if self._in_chunks else 0
        end = self._data.find(b"\r\n", start)
        if end < 0:
            return False
        size = int(self._data[start:end].split(b";")[0], 16)
        rest = self._data[end + 2:]
        if size:
            self._left = size
            self._in_chunks = True
        else:
            rest = skip_trailers(rest)
            if rest is None:
                return False
            self._end_body()
        self._data = rest
        return True

    def _add_to_body(self, data):
        request = self._request
        if request.ended:
            return
        request.body += data
        if len(request.body) > MAX_WAITING:
            self.pause_reading()
        request.wake()

    def _end_body(self):
        request = self._request
        request.body_ended = True
        request.wake()
        if request.ended:
            self._request = None


def skip_trailers(rest):
    """What comes after the last chunk's line; None: it is not all there."""
    if rest.startswith(b"\r\n"):
        return rest[2:]
    end = rest.find(b"\r\n\r\n")
    return None if end < 0 else rest[end + 4:]


class Server:
    """Serves an application on one listening socket until it is stopped."""

    def __init__(self, application, listener, root_path):
        self._application = application
        self._listener = listener
        self.root_path = root_path
        self.state = {}             # what lifespan left for requests
        self.connections = set()
        self.is_stopping = False
        self._stop = asyncio.Event()
        self._tasks = set()

    def stop(self):
        self._stop.set()

    async def serve(self):
        lifespan = Lifespan(self._application, self.state)
        if not await lifespan.start():
            return
        loop = asyncio.get_running_loop()
        acceptor = await loop.create_server(
            lambda: Connection(self), sock=self._listener, backlog=511)
        await self._stop.wait()
        self.is_stopping = True
        acceptor.close()
        for connection in list(self.connections):
            connection.shut_down()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_REQUESTS_S)
        for connection in list(self.connections):
            connection.close()
        await lifespan.end()

    def run(self, request, scope):
        task = asyncio.get_running_loop().create_task(
            self._run(request, scope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, request, scope):
        try:
            await self._application(scope, request.receive, request.send)
            if not request.ended and not request.is_abandoned:
                log_failure(scope, "the application has left it unfinished\n")
                request.fail()
        except asyncio.CancelledError:
            request.fail()
            raise
        except Exception as error:
            if not request.is_abandoned:
                log_failure(scope, "the application raised\n"
                            + format_error(error))
            if not request.ended:
                request.fail()


def log_failure(scope, text):
    log("asgi_loader: %s %a: %s" % (scope.get("method", "WEBSOCKET"),
                                    scope["raw_path"].decode("latin-1"), text))


class Lifespan:
    """The application's own start and end, where it has them."""

    def __init__(self, application, state):
        self._application = application
        self._state = state
        self._task = None
        self._to_app = asyncio.Queue()
        self._told = asyncio.Queue()
        self._is_used = True

    async def start(self):
        """False: it does not want to start."""
        scope = {"type": "lifespan", "state": self._state,
                 "asgi": {"version": "3.0", "spec_version": "2.0"}}
        self._task = asyncio.get_running_loop().create_task(self._run(scope))
        return await self._tell("lifespan.startup")

    async def end(self):
        if self._is_used:
            await self._tell("lifespan.shutdown")

    async def _tell(self, kind):
        self._to_app.put_nowait({"type": kind})
        answer = await self._told.get()
        return answer != kind + ".failed"

    async def _run(self, scope):
        try:
            await self._application(scope, self._to_app.get, self._send)
        except Exception:
            pass        # an application without lifespan may raise: the spec
        finally:
            self._is_used = False
            self._told.put_nowait(None)

    async def _send(self, message):
        self._told.put_nowait(message["type"])
