# SPDX-License-Identifier: Apache-2.0
"""apppool_websocket.py - WebSocket (RFC 6455) for apppool_asgi.py.

No extensions are offered, so frames are as the RFC has them. Pings are answered
here; none are sent: who leaves is noticed by its connection.
"""

import asyncio
import base64
import hashlib
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MAX_MESSAGE = 16 * 1024 * 1024
# So many messages wait here for the application before reading pauses.
MAX_WAITING = 16

# What a connection is closed with (RFC 6455, 7.4.1).
NORMAL, PROTOCOL_ERROR, NO_STATUS, ABNORMAL = 1000, 1002, 1005, 1006
BAD_DATA, TOO_BIG, INTERNAL_ERROR, RESTART = 1007, 1009, 1011, 1012


class Violation(Exception):
    """The client broke the protocol: (code, words)."""


def is_handshake(method, named):
    return (method == "GET" and b"sec-websocket-key" in named
            and named.get(b"upgrade", b"").lower() == b"websocket")


def unmask(data, mask):
    size = len(data)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")
            ).to_bytes(size, "big")


def make_frame(opcode, payload):
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def parse_frame(data):
    """(is last, opcode, payload, size of all) of the first frame of a
    bytearray; None: it is not all there."""
    if len(data) < 2:
        return None
    opcode, size, at = data[0] & 0x0f, data[1] & 0x7f, 2
    if data[0] & 0x70 or not data[1] & 0x80:
        raise Violation(PROTOCOL_ERROR, "reserved bits or no mask")
    if opcode >= CLOSE and (size > 125 or not data[0] & 0x80):
        raise Violation(PROTOCOL_ERROR, "a long or fragmented control frame")
    if size >= 126:
        form = "!H" if size == 126 else "!Q"
        at += struct.calcsize(form)
        if len(data) < at:
            return None
        size, = struct.unpack_from(form, data, 2)
    if size > MAX_MESSAGE:
        raise Violation(TOO_BIG, "the message is too long")
    if len(data) < at + 4 + size:
        return None
    payload = unmask(data[at + 4:at + 4 + size], bytes(data[at:at + 4]))
    return bool(data[0] & 0x80), opcode, payload, at + 4 + size


class WebSocket:
    """One WebSocket, as the application sees it."""

    def __init__(self, connection, named):
        self._connection = connection
        self._key = named[b"sec-websocket-key"]
        self._version = named.get(b"sec-websocket-version")
        self._data = bytearray()    # not yet parsed
        self._fragments = []        # of the message that is coming
        self._opcode = None         # of that message
        self._waiting = asyncio.Queue()
        self._accepted = False
        self._close_sent = False
        self._disconnect = None     # the event that ends it, once known
        self._waiting.put_nowait({"type": "websocket.connect"})

    # for the connection

    @property
    def is_abandoned(self):
        return self._connection.is_gone

    @property
    def ended(self):
        return self._close_sent

    def data_received(self, data):
        self._data += data
        if self._accepted and not self._disconnect:
            self._parse()

    def connection_lost(self):
        self._end(ABNORMAL, "")

    def shut_down(self):
        """The process is to end."""
        self._send_close(RESTART, "")
        self._end(RESTART, "")

    def fail(self):
        """The application has left: by an exception, or just so."""
        if self._accepted:
            self._send_close(NORMAL if self._disconnect else INTERNAL_ERROR, "")
            self._connection.close()
        else:
            self._refuse(500, b"Internal Server Error")

    # for the application

    async def receive(self):
        message = await self._waiting.get()
        self._connection.resume_reading()
        return message

    async def send(self, message):
        kind = message["type"]
        if kind == "websocket.send" and self._accepted:
            self._send_message(message)
            await self._connection.drain()
        elif kind == "websocket.accept" and not self._accepted:
            self._accept(message)
        elif kind == "websocket.close" and self._accepted:
            self._send_close(message.get("code", NORMAL),
                             message.get("reason") or "")
        elif kind == "websocket.close":
            self._refuse(403, b"Forbidden")
        else:
            raise RuntimeError("a WebSocket has no message %r now" % kind)

    def _accept(self, message):
        digest = hashlib.sha1(self._key + GUID).digest()
        lines = [b"HTTP/1.1 101 Switching Protocols",
                 b"Upgrade: websocket", b"Connection: Upgrade",
                 b"Sec-WebSocket-Accept: " + base64.b64encode(digest)]
        if self._version != b"13":
            self._refuse(426, b"Upgrade Required",
                         b"Sec-WebSocket-Version: 13\r\n")
            return
        if message.get("subprotocol"):
            lines.append(b"Sec-WebSocket-Protocol: "
                         + message["subprotocol"].encode("latin-1"))
        for name, value in message.get("headers", ()):
            if b"\r" in name + value or b"\n" in name + value:
                raise ValueError("illegal byte in the header %a" % name)
            lines.append(name + b": " + value)
        self._connection.write(b"\r\n".join(lines) + b"\r\n\r\n")
        self._accepted = True
        self._parse()

    def _refuse(self, status, reason, headers=b""):
        self._connection.write(
            b"HTTP/1.1 %d %s\r\n%sContent-Length: 0\r\nConnection: close\r\n"
            b"\r\n" % (status, reason, headers))
        self._close_sent = True
        self._end(ABNORMAL, "")
        self._connection.close()

    def _send_message(self, message):
        text = message.get("text")
        if self._close_sent or self._disconnect:
            return
        if text is not None:
            self._connection.write(make_frame(TEXT, text.encode()))
        else:
            self._connection.write(make_frame(BINARY, message["bytes"]))

    def _send_close(self, code, reason):
        if self._close_sent or not self._accepted:
            return
        self._close_sent = True
        payload = b"" if code in (NO_STATUS, ABNORMAL) else (
            struct.pack("!H", code) + reason.encode()[:123])
        self._connection.write(make_frame(CLOSE, payload))
        if self._disconnect:
            self._connection.close()

    # frames

    def _parse(self):
        try:
            frame = parse_frame(self._data)
            while frame and not self._disconnect:
                last, opcode, payload, size = frame
                del self._data[:size]
                self._on_frame(last, opcode, payload)
                frame = parse_frame(self._data)
        except Violation as violation:
            code, reason = violation.args
            self._send_close(code, reason)
            self._end(code, reason)
            self._connection.close()

    def _on_frame(self, last, opcode, payload):
        if opcode == PING:
            self._connection.write(make_frame(PONG, payload))
        elif opcode == CLOSE:
            self._on_close(payload)
        elif opcode in (CONTINUATION, TEXT, BINARY):
            self._on_data(last, opcode, payload)
        elif opcode != PONG:
            raise Violation(PROTOCOL_ERROR, "an unknown opcode")

    def _on_data(self, last, opcode, payload):
        if (opcode == CONTINUATION) != bool(self._fragments):
            raise Violation(PROTOCOL_ERROR, "fragments out of order")
        if opcode != CONTINUATION:
            self._opcode = opcode
        self._fragments.append(payload)
        if sum(map(len, self._fragments)) > MAX_MESSAGE:
            raise Violation(TOO_BIG, "the message is too long")
        if last:
            payload = b"".join(self._fragments)
            self._fragments.clear()
            self._on_message(payload)

    def _on_message(self, payload):
        message = {"type": "websocket.receive", "bytes": None, "text": None}
        if self._opcode == TEXT:
            try:
                message["text"] = payload.decode()
            except UnicodeDecodeError:
                raise Violation(BAD_DATA, "the text is not UTF-8")
        else:
            message["bytes"] = payload
        self._waiting.put_nowait(message)
        if self._waiting.qsize() >= MAX_WAITING:
            self._connection.pause_reading()

    def _on_close(self, payload):
        code = NO_STATUS
        reason = ""
        if len(payload) >= 2:
            code, = struct.unpack_from("!H", payload)
            reason = payload[2:].decode("utf-8", "replace")
        self._end(code, reason)
        self._send_close(code, "")
        self._connection.close()

    def _end(self, code, reason):
        """The application hears of it once."""
        if not self._disconnect:
            self._disconnect = {"type": "websocket.disconnect", "code": code,
                                "reason": reason}
            self._waiting.put_nowait(self._disconnect)
