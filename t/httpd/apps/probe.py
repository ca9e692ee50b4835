# SPDX-License-Identifier: Apache-2.0
"""The WSGI application that most tests ask: its first path segment says what
to do. With PROBE_LINT=1 everything goes through wsgiref.validate."""

import hashlib
import json
import os
import signal
import sys
import threading
import time

from wsgiref.validate import validator


def env(environ, start_response):
    """All variables as the application sees them."""
    return as_json(start_response, {
        key: value if isinstance(value, (str, bool, int)) else repr(value)
        for key, value in environ.items()})


def echo(environ, start_response):
    """The body, back again."""
    return plain(start_response, environ["wsgi.input"].read(
        int(environ.get("CONTENT_LENGTH") or 0)))


def digest(environ, start_response):
    """What the body was, read piece by piece up to its end."""
    length, hashed, stream = 0, hashlib.sha256(), environ["wsgi.input"]
    while True:
        piece = stream.read(65536)
        if not piece:
            break
        length += len(piece)
        hashed.update(piece)
    return as_json(start_response, {
        "length": length, "sha256": hashed.hexdigest(),
        "content_length": environ.get("CONTENT_LENGTH"),
        "past_the_end": stream.read(1).decode()})


def mark(environ, start_response, name):
    """A file in the root tells how long the body was."""
    length = len(environ["wsgi.input"].read(1 << 20))
    with open(name, "w") as file:
        file.write(str(length))
    return plain(start_response, b"marked")


def line(environ, start_response, text):
    """One more line in the file `lines`."""
    with open("lines", "a") as file:
        file.write(text + "\n")
    return plain(start_response, b"noted")


def ignore(environ, start_response):
    """Answers without a look at the body."""
    return plain(start_response, b"ignored")


def status(environ, start_response, line):
    """status/418%20Teapot"""
    start_response(line, [] if line[:3] in ("204", "304") else
                   [("Content-Type", "text/plain")])
    return [] if line[:3] in ("204", "304") else [b"own body\n"]


def bodyful(environ, start_response, line):
    """A body with a status that has none."""
    start_response(line, [("Content-Type", "text/plain"),
                          ("Content-Length", "9"), ("ETag", '"x"')])
    return [b"forbidden"]


def headers(environ, start_response):
    start_response("200 OK", [
        ("Content-Type", "text/plain"), ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2, still b"), ("Link", "</a>; rel=preload"),
        ("Link", "</b>; rel=preload"), ("X-Bytes", "caf\xe9"),
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
    return [b"ok"]


def location(environ, start_response, line):
    start_response(line, [("Location", "/env/elsewhere"),
                          ("Content-Type", "text/plain")])
    return [b"look there"]


def size(environ, start_response, count):
    """So many bytes, without a length."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return pieces(int(count))


def pieces(left):
    while left > 0:
        yield b"x" * min(left, 65536)
        left -= 65536


def sized(environ, start_response, claimed, real):
    """Content-Length says one thing, the body another."""
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", claimed)])
    return [b"x" * int(real)]


def trickle(environ, start_response, count, pause):
    """Pieces with pauses between."""
    start_response("200 OK", [("Content-Type", "text/plain")])

    def body():
        for number in range(int(count)):
            yield b"piece %d\n" % number
            time.sleep(float(pause))
    return body()


def sleep(environ, start_response, seconds):
    time.sleep(float(seconds))
    return plain(start_response, str(os.getpid()).encode())


def hold(environ, start_response, name):
    """Waits until the file `name` is in the root; says that it waits."""
    open(f"{name}.waits.{os.getpid()}.{threading.get_ident()}", "w").close()
    while not os.path.exists(name):
        time.sleep(0.01)
    return plain(start_response, str(os.getpid()).encode())


def pid(environ, start_response):
    return plain(start_response, str(os.getpid()).encode())


def boom(environ, start_response):
    raise RuntimeError("boom before the header")


def late_boom(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def body():
        yield b"x" * 100000
        raise RuntimeError("boom in mid-body")
    return body()


def gone(environ, start_response):
    """The process ends, without a word."""
    os._exit(3)


def late_gone(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])

    def body():
        yield b"x" * 100000
        time.sleep(0.1)
        os._exit(3)
    return body()


def fork(environ, start_response):
    """A child that outlives its parent and ignores hints."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(600)
        os._exit(0)
    return plain(start_response, str(child).encode())


def say(environ, start_response):
    """On all the ways to the log."""
    print("said on stdout", flush=True)
    print("said on stderr", file=sys.stderr, flush=True)
    print("said on wsgi.errors", file=environ["wsgi.errors"], flush=True)
    return plain(start_response, b"said")


def inside(environ, start_response):
    """What the process itself can tell about itself."""
    umask = os.umask(0)
    os.umask(umask)
    return as_json(start_response, {
        "pid": os.getpid(), "ppid": os.getppid(), "sid": os.getsid(0),
        "pgid": os.getpgid(0), "uids": os.getresuid(), "gids": os.getresgid(),
        "groups": sorted(os.getgroups()), "cwd": os.getcwd(), "umask": umask,
        "argv": sys.argv, "environ": dict(os.environ),
        "stdin": os.readlink("/proc/self/fd/0"),
        "main": __name__, "path0": sys.path[0],
        "version": sys.version_info[:2], "prefix": sys.prefix})


def plain(start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(body)))])
    return [body]


def as_json(start_response, value):
    return plain(start_response, json.dumps(value).encode())


ACTIONS = (env, echo, digest, mark, line, ignore, status, bodyful,
           headers, location, size, sized, trickle, sleep, hold, pid, boom, late_boom, gone,
           late_gone, fork, say, inside)
NAMES = {action.__name__.replace("_", "-"): action for action in ACTIONS}


def application(environ, start_response):
    parts = environ["PATH_INFO"].split("/")[1:]
    action = NAMES.get(parts[0])
    if action is None:
        return env(environ, start_response)
    wanted = action.__code__.co_argcount - 2
    return action(environ, start_response, *parts[1:1 + wanted])


if os.environ.get("PROBE_LINT"):
    application = validator(application)
