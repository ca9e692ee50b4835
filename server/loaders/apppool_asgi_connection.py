# SPDX-License-Identifier: Apache-2.0
"""apppool_asgi_connection.py - one connection of one client of apppool_asgi.py;
it carries one request after another.
"""

import asyncio

from apppool_asgi_request import Request
from apppool_asgi_scope import make_scope
from apppool_http import BadRequest, content_length, parse_head, skip_trailers
from apppool_report import log
from apppool_websocket import WebSocket, is_handshake

# httpd has checked the size of a header; this only bounds what is broken.
MAX_HEADER = 16 * 1024 * 1024
# So much of a body waits here for the application before reading pauses.
MAX_WAITING = 65536


class Connection(asyncio.Protocol):
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
