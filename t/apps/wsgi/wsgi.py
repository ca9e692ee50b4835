# SPDX-License-Identifier: Apache-2.0
"""wsgi.py - what a test needs an application to do, one path each.

t/apps/rack/config.ru answers the same paths, so that one test serves both
languages. Where a path takes an argument it is the whole query string.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time

closed = []         # paths of the responses whose close() was called


class Closing:
    """Iterable with a close() that is noted."""

    def __init__(self, path, pieces):
        self._path, self._pieces = path, pieces

    def __iter__(self):
        return iter(self._pieces)

    def close(self):
        closed.append(self._path)


def text(start_response, body, status="200 OK", headers=()):
    if isinstance(body, str):
        body = body.encode()
    start_response(status, [("Content-Type", "text/plain"),
                            ("Content-Length", str(len(body)))]
                   + list(headers))
    return [body]


def plain(start_response, status="200 OK", headers=()):
    """A header without Content-Length."""
    return start_response(status,
                          [("Content-Type", "text/plain")] + list(headers))


def hello(environ, start_response):
    return text(start_response, "Hello, world!\n")


def echo(environ, start_response):
    """The environment as JSON; what is no plain value as its type's name."""
    shown = {name: value if isinstance(value, (str, bool, list, tuple))
             else type(value).__name__ for name, value in environ.items()}
    return text(start_response, json.dumps(shown))


def digest(environ, start_response):
    sha, length = hashlib.sha256(), 0
    while True:
        data = environ["wsgi.input"].read(65536)
        if not data:
            break
        sha.update(data)
        length += len(data)
    return text(start_response, "%d %s" % (length, sha.hexdigest()))


def whole(environ, start_response):
    """The body read in one go, and what comes after its end."""
    body = environ["wsgi.input"].read()
    assert environ["wsgi.input"].read(1) == b""
    return text(start_response, body)


def lines(environ, start_response):
    """The same lines by each way there is to read them."""
    stream = environ["wsgi.input"]
    first = [stream.readline()]
    second = stream.readlines(1)
    rest = list(stream)
    return text(start_response, json.dumps(
        [line.decode("latin-1") for line in first + second + rest]))


def ignore(environ, start_response):
    return text(start_response, "ignored")


def half(environ, start_response):
    return text(start_response, environ["wsgi.input"].read(10))


def pieces(environ, start_response):
    """As many pieces of one byte as the query says; empty ones between."""
    plain(start_response)
    for number in range(int(environ["QUERY_STRING"])):
        yield b""
        yield b"%d" % (number % 10)


def listed(environ, start_response):
    plain(start_response)
    return [b"several ", b"", b"pieces"]


def nothing(environ, start_response):
    plain(start_response)
    return []


def step(environ, start_response):
    """A piece, then another once somebody opens the fifo for writing."""
    plain(start_response)
    yield b"first"
    with open(environ["QUERY_STRING"]) as fifo:
        yield fifo.read().encode()


def block(environ, start_response):
    """No answer before somebody writes to the fifo."""
    with open(environ["QUERY_STRING"]) as fifo:
        return text(start_response, fifo.read())


def raises(environ, start_response):
    raise ValueError("raised on purpose")


def raises_started(environ, start_response):
    plain(start_response)
    raise ValueError("raised after start_response")


def raises_late(environ, start_response):
    plain(start_response)
    yield b"before"
    raise ValueError("raised late")


def exits(environ, start_response):
    sys.exit(3)


def longer(environ, start_response):
    """Content-Length says more than there is."""
    start_response("200 OK", [("Content-Length", "10")])
    return [b"12345"]


def shorter(environ, start_response):
    """Content-Length says less than there is."""
    start_response("200 OK", [("Content-Length", "5")])
    yield b"123"
    yield b"4567"
    yield b"89"


def status(environ, start_response):
    plain(start_response, environ["QUERY_STRING"].replace("+", " "))
    return [b"the body"]


def headers(environ, start_response):
    return text(start_response, "", headers=[
        ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
        ("X-Odd", "caf\u00e9"), ("X-Empty", "")])


BAD_HEADERS = {
    "crlf": [("X-A", "b\r\nX-C: d")],
    "lf": [("X-A", "b\nX-C: d")],
    "nul": [("X-A", "b\0")],
    "name": [("X A", "b")],
    "name-crlf": [("X-A: b\r\nX-C", "d")],
}


def bad_header(environ, start_response):
    return text(start_response, "", headers=BAD_HEADERS[
        environ["QUERY_STRING"]])


def big(environ, start_response):
    """As many MiB as the query says, made as they are sent."""
    plain(start_response)
    piece = b"x" * (1 << 20)
    for _ in range(int(environ["QUERY_STRING"])):
        yield piece


def file(environ, start_response):
    plain(start_response)
    return environ["wsgi.file_wrapper"](open(environ["QUERY_STRING"], "rb"))


def closing(environ, start_response):
    plain(start_response)
    return Closing(environ["QUERY_STRING"], [b"a", b"b"])


def was_closed(environ, start_response):
    return text(start_response, " ".join(closed))


def pid(environ, start_response):
    return text(start_response, str(os.getpid()))


def number(environ, start_response):
    return text(start_response, repr(random.random()))


def orphan(environ, start_response):
    """A fork is ended by SIGTERM; tells how it ended."""
    child = os.fork()
    if not child:
        while True:
            time.sleep(60)
    os.kill(child, signal.SIGTERM)
    return text(start_response, str(os.WTERMSIG(os.waitpid(child, 0)[1])))


def fork_raises(environ, start_response):
    """A fork that raises through us must not answer in our place."""
    child = os.fork()
    if not child:
        raise ValueError("raised in the fork")
    return text(start_response, str(os.waitpid(child, 0)[1]))


def error(environ, start_response):
    print("to errors", file=environ["wsgi.errors"])
    print("to stdout")
    return text(start_response, "said")


PATHS = {
    "/": hello, "/echo": echo, "/digest": digest, "/whole": whole,
    "/lines": lines, "/ignore": ignore, "/half": half, "/pieces": pieces,
    "/listed": listed, "/nothing": nothing, "/step": step, "/block": block,
    "/raise": raises, "/raise-started": raises_started,
    "/raise-late": raises_late, "/exit": exits, "/longer": longer,
    "/shorter": shorter, "/status": status, "/headers": headers,
    "/bad-header": bad_header, "/big": big, "/file": file,
    "/closing": closing, "/closed": was_closed, "/pid": pid,
    "/number": number, "/orphan": orphan, "/error": error,
    "/fork-raises": fork_raises,
}


def application(environ, start_response):
    found = PATHS.get(environ["PATH_INFO"], echo)
    return found(environ, start_response)
