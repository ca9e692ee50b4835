# SPDX-License-Identifier: Apache-2.0
"""The WSGI application that most tests ask: its first path segment says what
to do, see ../README. With PROBE_LINT=1 everything goes through
wsgiref.validate."""

import hashlib
import json
import os
import signal
import sys
import threading
import time

from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

PIECE = 65536
PLAIN = ("Content-Type", "text/plain")
BINARY = ("Content-Type", "application/octet-stream")


# -- what came -------------------------------------------------------------

def actions(environ, start_response):
    return as_json(start_response, sorted(NAMES))


def env(environ, start_response):
    return as_json(start_response, {
        key: value if isinstance(value, (str, bool, int)) else repr(value)
        for key, value in environ.items()})


def echo(environ, start_response):
    return plain(start_response, environ["wsgi.input"].read(
        int(environ.get("CONTENT_LENGTH") or 0)))


def digest(environ, start_response):
    length, hashed, stream = 0, hashlib.sha256(), environ["wsgi.input"]
    for piece in pieces_of(stream):
        length += len(piece)
        hashed.update(piece)
    return as_json(start_response, {
        "length": length, "sha256": hashed.hexdigest(),
        "content_length": environ.get("CONTENT_LENGTH"),
        "past_the_end": stream.read(1).decode()})


def pieces_of(stream):
    return iter(lambda: stream.read(PIECE), b"")


def relay(environ, start_response):
    start_response("200 OK", [BINARY])
    return pieces_of(environ["wsgi.input"])


def early(environ, start_response, count):
    start_response("200 OK", [PLAIN])

    def body():
        yield from xs(int(count))
        length = sum(map(len, pieces_of(environ["wsgi.input"])))
        yield b"\nread %d" % length
    return body()


def part(environ, start_response, count):
    environ["wsgi.input"].read(int(count))
    return plain(start_response, b"part " + count.encode())


def mark(environ, start_response, name):
    length = sum(map(len, pieces_of(environ["wsgi.input"])))
    with open(name, "w") as file:
        file.write(str(length))
    return plain(start_response, b"marked")


def line(environ, start_response, text):
    with open("lines", "a") as file:
        file.write(text + "\n")
    return plain(start_response, b"noted")


def ignore(environ, start_response):
    return plain(start_response, b"ignored")


# -- headers ---------------------------------------------------------------

def status(environ, start_response, line):
    bodyless = line[:3] in ("204", "304")
    start_response(line, [] if bodyless else [PLAIN])
    return [] if bodyless else [b"own body\n"]


def bodyful(environ, start_response, line):
    start_response(line, [PLAIN, ("Content-Length", "9"), ("ETag", '"x"')])
    return [b"forbidden"]


def reply(environ, start_response, code, headers, body):
    fields = of_hex(headers).decode("latin-1").split("\x1e")
    start_response(f"{code} Reply", [tuple(field.split("\x1f"))
                                     for field in fields if field])
    return [of_hex(body)]


def of_hex(text):
    return b"" if text == "-" else bytes.fromhex(text)


def headers(environ, start_response):
    start_response("200 OK", [
        PLAIN, ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2, still b"),
        ("Link", "</a>; rel=preload"), ("Link", "</b>; rel=preload"),
        ("X-Bytes", "caf\xe9"), ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
    return [b"ok"]


def location(environ, start_response, line):
    start_response(line, [("Location", "/env/elsewhere"), PLAIN])
    return [b"look there"]


def many(environ, start_response, count, size):
    start_response("200 OK", [PLAIN] + [(f"X-Many-{n}", "m" * int(size))
                                        for n in range(int(count))])
    return [b"many"]


def sendfile(environ, start_response, name):
    start_response("200 OK", [PLAIN, ("X-Sendfile", os.path.abspath(name))])
    return [b"not this"]


# -- bodies ----------------------------------------------------------------

def size(environ, start_response, count):
    start_response("200 OK", [BINARY])
    return xs(int(count))


def xs(left):
    while left > 0:
        yield b"x" * min(left, PIECE)
        left -= PIECE


def length(environ, start_response, count):
    start_response("200 OK", [BINARY, ("Content-Length", count)])

    def body(block=bytes(range(251)) * 256):
        for start in range(0, int(count), len(block)):
            yield block[:int(count) - start]
    return body()


def sized(environ, start_response, claimed, real):
    start_response("200 OK", [PLAIN, ("Content-Length", claimed)])
    return [b"x" * int(real)]


def trickle(environ, start_response, count, pause):
    start_response("200 OK", [PLAIN])
    return slowly(b"piece %d\n", int(count), float(pause))


def sse(environ, start_response, count, pause):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return slowly(b"data: %d\n\n", int(count), float(pause))


def slowly(text, count, pause):
    for number in range(count):
        yield text % number
        time.sleep(pause)


def quiet(environ, start_response, seconds):
    start_response("200 OK", [PLAIN])

    def body():
        yield b"begin\n"
        time.sleep(float(seconds))
        yield b"end\n"
    return body()


# -- time and failure ------------------------------------------------------

def pid(environ, start_response):
    return plain(start_response, str(os.getpid()).encode())


def sleep(environ, start_response, seconds):
    time.sleep(float(seconds))
    return pid(environ, start_response)


def hold(environ, start_response, name):
    open(f"{name}.waits.{os.getpid()}.{threading.get_ident()}", "w").close()
    while not os.path.exists(name):
        time.sleep(0.01)
    return pid(environ, start_response)


EATEN = []


def eat(environ, start_response, mib):
    """So much memory is its own from now on."""
    EATEN.append(bytearray(b"x" * (int(mib) << 20)))
    return pid(environ, start_response)


def boom(environ, start_response):
    raise RuntimeError("boom before the header")


def late_boom(environ, start_response):
    start_response("200 OK", [PLAIN])

    def body():
        yield from xs(100000)
        raise RuntimeError("boom in mid-body")
    return body()


def gone(environ, start_response):
    os._exit(7)


def late_gone(environ, start_response):
    start_response("200 OK", [PLAIN])

    def body():
        yield from xs(100000)
        time.sleep(0.1)
        os._exit(7)
    return body()


def killed(environ, start_response):
    os.kill(os.getpid(), signal.SIGKILL)


def gone_once(environ, start_response, name):
    with open(name, "a+") as file:
        file.write("asked\n")
        file.seek(0)
        lines = len(file.readlines())
    if lines == 1:
        os._exit(7)
    return plain(start_response, str(lines).encode())


def fork(environ, start_response):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(600)
        os._exit(0)
    return plain(start_response, str(child).encode())


# -- the process -----------------------------------------------------------

def say(environ, start_response):
    print("said on stdout", flush=True)
    print("said on stderr", file=sys.stderr, flush=True)
    print("said on wsgi.errors", file=environ["wsgi.errors"], flush=True)
    return plain(start_response, b"said")


def inside(environ, start_response):
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


# -- choosing --------------------------------------------------------------

def plain(start_response, body):
    start_response("200 OK", [PLAIN, ("Content-Length", str(len(body)))])
    return [body]


def as_json(start_response, value):
    return plain(start_response, json.dumps(value).encode())


NAMES = {action.__name__.replace("_", "-"): action for action in (
    actions, env, echo, digest, relay, early, part, mark, line, ignore,
    status, bodyful, reply, headers, location, many, sendfile,
    size, length, sized, trickle, sse, quiet,
    pid, sleep, hold, eat, boom, late_boom, gone, late_gone, killed,
    gone_once, fork, say, inside)}


def path_of(environ):
    path = environ["PATH_INFO"]
    if environ.get("PROBE_PATH_IS_RAW"):        # a gateway that leaves it so
        path = unquote_to_bytes(path).decode("latin-1")
    return path


def application(environ, start_response):
    parts = path_of(environ).split("/")[1:]
    action = NAMES.get(parts[0])
    if action is None:
        return env(environ, start_response)
    wanted = action.__code__.co_argcount - 2
    return action(environ, start_response, *parts[1:1 + wanted])


if os.environ.get("PROBE_LINT"):
    application = validator(application)
