# SPDX-License-Identifier: Apache-2.0
"""A server (a command, at descriptor 3) that writes what it was not asked for.
Its argument is what it speaks: http, scgi or fastcgi. GET /ACTION/NAME:

  plain     one response; its body is NAME
  twice     the same, with another response right behind it (body STALE-NAME)
  stale     the same a little later, then a line in the file `stale`
  late      one, a little after PoolResponseTimeout 1; a line in the file `late`
  endless   a header without end; how many bytes were taken: in `endless`
  open      one whose end never comes; when its connection ends: in `open`
"""
import socket
import struct
import sys
import threading
import time

FILLER = b"".join(b"X-Filler-%06d: %s\r\n" % (n, b"x" * 1000)
                  for n in range(64))


def exactly(file, size):
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


class Http:
    start = b"HTTP/1.1 200 OK\r\n"

    def target(self, file):
        line = file.readline()
        while file.readline() not in (b"\r\n", b""):
            pass
        if not line:
            raise EOFError
        return line.split()[1].decode()

    def wrap(self, data, last=True):
        return data


class Scgi(Http):
    start = b"Status: 200 OK\r\n"

    def target(self, file):
        size = b""
        while not size.endswith(b":"):
            size += exactly(file, 1)
        words = exactly(file, int(size[:-1]) + 1).split(b"\0")
        return words[words.index(b"REQUEST_URI") + 1].decode()


class FastCgi(Scgi):
    def target(self, file):
        params, kind = b"", 0
        while kind != 5 or size:        # the end of the body
            _, kind, _, size, padding = struct.unpack(
                ">BBHHBx", exactly(file, 8))
            data = exactly(file, size + padding)[:size]
            params += data if kind == 4 else b""
        return self.variable(params, b"REQUEST_URI").decode()

    def variable(self, params, wanted):
        """Both lengths of such a pair fit a byte."""
        at = params.index(wanted)
        return params[at + len(wanted):][:params[at - 1]]

    def wrap(self, data, last=True):
        records = b"".join(
            struct.pack(">BBHHBx", 1, 6, 1, len(data[at:at + 65535]), 0)
            + data[at:at + 65535] for at in range(0, len(data), 65535))
        return records + (struct.pack(">BBHHBxIBxxx", 1, 3, 1, 8, 0, 0, 0)
                          if last else b"")


def response(protocol, name):
    return protocol.wrap(
        protocol.start + b"Content-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(name), name.encode()))


def note(name, text="line"):
    with open(name, "a") as file:
        file.write(text + "\n")


def endless(sock, protocol):
    sent = 0
    try:
        sock.sendall(protocol.wrap(protocol.start, last=False))
        while True:
            sock.sendall(protocol.wrap(FILLER, last=False))
            sent += len(FILLER)
    finally:
        note("endless", str(sent))


def open_ended(sock, protocol):
    try:
        sock.sendall(protocol.wrap(
            protocol.start + b"Content-Type: text/plain\r\n\r\nnever",
            last=False))
        sock.recv(1)
    finally:
        note("open")


def answer(sock, protocol, target):
    _, action, name = target.split("/")[:3]
    if action == "open":
        open_ended(sock, protocol)
        raise EOFError
    if action == "endless":
        endless(sock, protocol)
    if action == "late":
        time.sleep(1.2)
        note("late")
    data = response(protocol, name)
    stale = response(protocol, "STALE-" + name)
    sock.sendall(data + stale if action == "twice" else data)
    if action == "stale":
        time.sleep(0.01)
        try:
            sock.sendall(stale)
        finally:
            note("stale")


def serve(sock, protocol):
    with sock, sock.makefile("rb") as file:
        try:
            while True:
                answer(sock, protocol, protocol.target(file))
        except (EOFError, OSError):
            pass


PROTOCOL = {"http": Http, "scgi": Scgi, "fastcgi": FastCgi}[sys.argv[1]]()
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    threading.Thread(target=serve, args=(connection, PROTOCOL),
                     daemon=True).start()
