# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that answers with exactly the bytes it is told (a command,
at descriptor 3). Threads, connections kept; each that has carried a request and
is closed adds a byte to the file `closed`.

  /echo       what arrived, as JSON
  /say        ?bytes=HEX&step=N&close=1: these bytes, N at a time (0: at once),
              then the end of the connection
  /upgrade    101, then echoes whatever comes until "bye", with which it ends
  /flood      101, then N MiB, then its end (?mib=N)
  /deaf       101, reads nothing for a second, then counts what came until the
              end of input, and says how much
  /watch      begins a response and says no more until the other side has gone;
              /gone tells how many have
  /hang       never answers
  /die        adds a byte to the file `died` and ends the process
  /late       answers after the whole body has come: its length
"""
import hashlib
import json
import os
import socket
import threading
import time
from urllib.parse import parse_qsl, urlsplit


gone = []


class Gone(Exception):
    """The other side has closed the connection."""


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb", 65536)
        self.requests = 0

    def line(self):
        line = self.file.readline()
        if not line:
            raise Gone
        return line.rstrip(b"\r\n").decode("latin-1")

    def body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.line(), 16)
                data = self.file.read(size)
                if len(data) < size:
                    raise Gone
                self.line()
                if size == 0:
                    return
                yield data
        left = int(headers.get("content-length", 0))
        while left > 0:
            data = self.file.read1(min(left, 65536))
            if not data:
                raise Gone
            left -= len(data)
            yield data

    def answer(self, text, extra=""):
        data = text.encode()
        self.sock.sendall(b"HTTP/1.1 200 OK\r\n" + extra.encode()
                          + b"Content-Length: %d\r\n\r\n" % len(data) + data)

    def serve(self):
        try:
            while self.one():
                pass
        except (Gone, OSError):
            pass
        finally:
            self.file.close()
            self.sock.close()
            if self.requests > 0:
                with open("closed", "ab") as file:
                    file.write(b".")

    def one(self):
        """True: the connection can take another request."""
        request_line = self.line()
        pairs = []
        while True:
            line = self.line()
            if not line:
                break
            name, value = line.split(":", 1)
            pairs.append((name, value.strip()))
        self.requests += 1
        target = urlsplit(request_line.split(" ")[1])
        query = dict(parse_qsl(target.query))
        action = target.path.rsplit("/", 1)[-1]
        headers = {name.lower(): value for name, value in pairs}
        return getattr(self, "on_" + action, self.on_echo)(
            request_line, pairs, headers, query)

    def on_echo(self, request_line, pairs, headers, query):
        digest, size = hashlib.sha256(), 0
        for data in self.body(headers):
            digest.update(data)
            size += len(data)
        self.answer(json.dumps({
            "line": request_line, "headers": pairs, "size": size,
            "sha256": digest.hexdigest(), "pid": os.getpid(),
            "requests": self.requests}))
        return True

    def on_late(self, request_line, pairs, headers, query):
        self.answer(str(sum(len(data) for data in self.body(headers))))
        return True

    def on_watch(self, request_line, pairs, headers, query):
        self.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked"
                          b"\r\n\r\n6\r\nbegun\n\r\n")
        if not self.file.read(1):
            gone.append(self)
        return False

    def on_die(self, request_line, pairs, headers, query):
        with open("died", "ab") as file:
            file.write(b".")
        os._exit(1)

    def on_hang(self, request_line, pairs, headers, query):
        self.file.read(1)
        return False

    def on_gone(self, request_line, pairs, headers, query):
        self.answer(str(len(gone)))
        return True

    def on_say(self, request_line, pairs, headers, query):
        data = bytes.fromhex(query["bytes"])
        step = int(query.get("step", 0)) or len(data) or 1
        for at in range(0, len(data), step):
            self.sock.sendall(data[at:at + step])
        return "close" not in query

    def switch(self, headers):
        self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: "
                          + headers["upgrade"].encode()
                          + b"\r\nConnection: upgrade\r\n\r\n")

    def on_upgrade(self, request_line, pairs, headers, query):
        if "upgrade" not in headers:
            self.answer("plain")
            return True
        self.switch(headers)
        while True:
            data = self.file.read1(65536)
            if not data:
                gone.append(self)
                self.sock.sendall(b"<end of input>")
                return False
            self.sock.sendall(data)
            if data.endswith(b"bye"):
                return False

    def on_flood(self, request_line, pairs, headers, query):
        self.switch(headers)
        for _ in range(int(query["mib"]) * 16):
            self.sock.sendall(b"x" * 65536)
        return False

    def on_deaf(self, request_line, pairs, headers, query):
        self.switch(headers)
        time.sleep(1)
        size = 0
        while True:
            data = self.file.read1(65536)
            size += len(data)
            if not data:
                self.sock.sendall(str(size).encode())
                return False


def main():
    listener = socket.socket(fileno=3)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Connection(sock).serve, daemon=True).start()


main()
