# SPDX-License-Identifier: Apache-2.0
"""web.py - HTTP and WebSocket over the socket of a loader (node, asgi)."""

import base64
import http.client
import os
import socket
import struct

import pool


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket; one connection for all its requests."""

    def __init__(self, path):
        super().__init__("localhost", timeout=pool.PATIENCE_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(pool.PATIENCE_S)
        self.sock.connect(self.path)

    def get(self, target="/", method="GET", body=None, **headers):
        self.request(method, target, body, headers)
        answer = self.getresponse()
        answer.body = answer.read()
        return answer

    def is_closed(self):
        """Waits for the other side to close; false if data comes."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def raw(self, data):
        if self.sock is None:
            self.connect()
        self.sock.sendall(data)

    def to_end(self):
        pieces = []
        while True:
            try:
                piece = self.sock.recv(65536)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)


class WebSocket:
    """The client's side of RFC 6455, frame by frame."""

    TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

    def __init__(self, path, target="/", **headers):
        connection = Connection(path)
        connection.connect()
        self.sock = connection.sock
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {target} HTTP/1.1", "Host: localhost",
                 "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        lines += [f"{n.replace('_', '-')}: {v}" for n, v in headers.items()]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.data = b""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.status = int(head[0].split()[1])
        self.headers = dict(line.lower().split(": ", 1)
                            for line in head[1:] if line)

    def send(self, opcode, payload, fin=True):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([opcode | (0x80 if fin else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += struct.pack("!BH", 0x80 | 126, size)
        else:
            head += struct.pack("!BQ", 0x80 | 127, size)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(payload))
        self.sock.sendall(head + mask + masked)

    def receive(self):
        """(opcode, payload) of the next frame; (None, b"") at the end."""
        head = self._exactly(2)
        if len(head) < 2:
            return None, b""
        size = head[1] & 0x7f
        if size == 126:
            size, = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            size, = struct.unpack("!Q", self._exactly(8))
        return head[0] & 0x0f, self._exactly(size)

    def close(self):
        self.sock.close()

    def _until(self, end):
        while end not in self.data:
            piece = self.sock.recv(65536)
            assert piece, self.data
            self.data += piece
        head, self.data = self.data.split(end, 1)
        return head

    def _exactly(self, size):
        while len(self.data) < size:
            piece = self.sock.recv(65536)
            if not piece:
                break
            self.data += piece
        part, self.data = self.data[:size], self.data[size:]
        return part
