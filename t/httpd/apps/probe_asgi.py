# SPDX-License-Identifier: Apache-2.0
"""The ASGI application that most tests ask: the first segment of its path that
is an action's name says what to do, see ../README."""

import asyncio
import hashlib
import json
import os
import signal
import sys
import uuid

PIECE = 65536
PLAIN = (b"Content-Type", b"text/plain")
BINARY = (b"Content-Type", b"application/octet-stream")


class CutOff(Exception):
    """The client went before its body was complete."""


class Exchange:
    """A request and its response."""

    def __init__(self, scope, receive, send):
        self.scope = scope
        self._receive = receive
        self._send = send
        self._ended = False         # its body

    async def pieces(self):
        while not self._ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CutOff
            self._ended = not message.get("more_body")
            if message.get("body"):
                yield message["body"]

    async def length(self):
        return sum([len(piece) async for piece in self.pieces()])

    async def start(self, status, *headers):
        await self._send({"type": "http.response.start", "status": status,
                          "headers": list(headers)})

    async def hint(self, link):
        await self._send({"type": "http.response.early_hint", "links": [link]})

    async def write(self, body):
        await self._send({"type": "http.response.body", "body": body,
                          "more_body": True})

    async def end(self, body=b""):
        await self._send({"type": "http.response.body", "body": body})

    async def plain(self, body):
        await self.start(200, PLAIN, (b"Content-Length", b"%d" % len(body)))
        await self.end(body)

    async def json(self, value):
        await self.plain(json.dumps(value).encode())

    async def write_xs(self, left):
        while left > 0:
            await self.write(b"x" * min(left, PIECE))
            left -= PIECE


# -- what came -------------------------------------------------------------

async def actions(x):
    await x.json(sorted(NAMES))


async def env(x):
    scope = x.scope
    raw = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    found = {"REQUEST_METHOD": scope["method"], "PATH_INFO": scope["path"],
             "REQUEST_URI": raw + ("?" + query if query else ""),
             "QUERY_STRING": query, "REQUEST_SCHEME": scope["scheme"],
             "HTTPS": "on" if scope["scheme"] == "https" else "off",
             "SERVER_PROTOCOL": "HTTP/" + scope["http_version"],
             "REMOTE_ADDR": scope["client"][0], "ROOT_PATH":
             scope["root_path"], "SERVER_NAME": scope["server"][0],
             "SERVER_PORT": str(scope["server"][1])}
    for name, value in scope["headers"]:
        upper = name.decode("latin-1").upper().replace("-", "_")
        if upper not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            upper = "HTTP_" + upper
        found[upper] = value.decode("latin-1")
    await x.json(found)


async def echo(x):
    await x.plain(b"".join([piece async for piece in x.pieces()]))


async def digest(x):
    length, hashed = 0, hashlib.sha256()
    async for piece in x.pieces():
        length += len(piece)
        hashed.update(piece)
    claimed = dict(x.scope["headers"]).get(b"content-length")
    await x.json({"length": length, "sha256": hashed.hexdigest(),
                  "content_length": claimed.decode() if claimed else None,
                  "past_the_end": ""})


async def relay(x):
    await x.start(200, BINARY)
    async for piece in x.pieces():
        await x.write(piece)
    await x.end()


async def early(x, count):
    await x.start(200, PLAIN)
    await x.write_xs(int(count))
    await x.end(b"\nread %d" % await x.length())


async def part(x, count):
    left = int(count)
    async for piece in x.pieces():
        left -= len(piece)
        if left <= 0:
            break
    await x.plain(b"part " + count.encode())


async def mark(x, name):
    length = await x.length()
    with open(name, "w") as file:
        file.write(str(length))
    await x.plain(b"marked")


async def line(x, text):
    with open("lines", "a") as file:
        file.write(text + "\n")
    await x.plain(b"noted")


async def ignore(x):
    await x.plain(b"ignored")


# -- headers ---------------------------------------------------------------

async def status(x, text):
    bodyless = text[:3] in ("204", "304")
    await x.start(int(text.split()[0]), *([] if bodyless else [PLAIN]))
    await x.end(b"" if bodyless else b"own body\n")


async def bodyful(x, text):
    await x.start(int(text.split()[0]), PLAIN, (b"Content-Length", b"9"),
                  (b"ETag", b'"x"'))
    await x.end(b"forbidden")


async def reply(x, code, fields, body):
    pairs = [tuple(field.split(b"\x1f"))
             for field in of_hex(fields).split(b"\x1e") if field]
    await x.start(int(code), *pairs)
    await x.end(of_hex(body))


def of_hex(text):
    return b"" if text == "-" else bytes.fromhex(text)


async def headers(x):
    await x.start(200, PLAIN, (b"Set-Cookie", b"a=1; Path=/"),
                  (b"Set-Cookie", b"b=2, still b"),
                  (b"Link", b"</a>; rel=preload"),
                  (b"Link", b"</b>; rel=preload"), (b"X-Bytes", b"caf\xe9"),
                  (b"Date", b"Thu, 01 Jan 1970 00:00:00 GMT"))
    await x.end(b"ok")


async def location(x, text):
    await x.start(int(text.split()[0]), (b"Location", b"/env/elsewhere"), PLAIN)
    await x.end(b"look there")


async def many(x, count, size):
    await x.start(200, PLAIN, *((b"X-Many-%d" % n, b"m" * int(size))
                                for n in range(int(count))))
    await x.end(b"many")


async def sendfile(x, name):
    await x.start(200, PLAIN, (b"X-Sendfile", os.path.abspath(name).encode()))
    await x.end(b"not this")


async def hints(x):
    await x.hint(b"</style.css>; rel=preload")
    await x.plain(b"after the hints")


# -- bodies ----------------------------------------------------------------

async def size(x, count):
    await x.start(200, BINARY)
    await x.write_xs(int(count))
    await x.end()


async def length(x, count):
    block = bytes(range(251)) * 256
    await x.start(200, BINARY, (b"Content-Length", count.encode()))
    for start in range(0, int(count), len(block)):
        await x.write(block[:int(count) - start])
    await x.end()


async def sized(x, claimed, real):
    await x.start(200, PLAIN, (b"Content-Length", claimed.encode()))
    await x.end(b"x" * int(real))


async def slowly(x, text, count, pause):
    for number in range(count):
        await x.write(text % number)
        await asyncio.sleep(pause)
    await x.end()


async def trickle(x, count, pause):
    await x.start(200, PLAIN)
    await slowly(x, b"piece %d\n", int(count), float(pause))


async def sse(x, count, pause):
    await x.start(200, (b"Content-Type", b"text/event-stream"))
    await slowly(x, b"data: %d\n\n", int(count), float(pause))


async def quiet(x, seconds):
    await x.start(200, PLAIN)
    await x.write(b"begin\n")
    await asyncio.sleep(float(seconds))
    await x.end(b"end\n")


# -- time and failure ------------------------------------------------------

async def pid(x):
    await x.plain(str(os.getpid()).encode())


async def sleep(x, seconds):
    await asyncio.sleep(float(seconds))
    await pid(x)


async def hold(x, name):
    open(f"{name}.waits.{os.getpid()}.{uuid.uuid4().hex}", "w").close()
    while not os.path.exists(name):
        await asyncio.sleep(0.01)
    await pid(x)


EATEN = []


async def eat(x, mib):
    EATEN.append(bytearray(b"x" * (int(mib) << 20)))
    await pid(x)


async def boom(x):
    raise RuntimeError("boom before the header")


async def late_boom(x):
    await x.start(200, PLAIN)
    await x.write_xs(100000)
    raise RuntimeError("boom in mid-body")


async def gone(x):
    os._exit(7)


async def late_gone(x):
    await x.start(200, PLAIN)
    await x.write_xs(100000)
    await asyncio.sleep(0.1)
    os._exit(7)


async def killed(x):
    os.kill(os.getpid(), signal.SIGKILL)


async def gone_once(x, name):
    with open(name, "a+") as file:
        file.write("asked\n")
        file.seek(0)
        lines = len(file.readlines())
    if lines == 1:
        os._exit(7)
    await x.plain(str(lines).encode())


async def fork(x):
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "trap '' HUP; exec sleep 600")
    await x.plain(str(child.pid).encode())


# -- the process -----------------------------------------------------------

async def say(x):
    print("said on stdout", flush=True)
    print("said on stderr", file=sys.stderr, flush=True)
    await x.plain(b"said")


async def inside(x):
    umask = os.umask(0)
    os.umask(umask)
    await x.json({
        "pid": os.getpid(), "ppid": os.getppid(), "sid": os.getsid(0),
        "pgid": os.getpgid(0), "uids": os.getresuid(), "gids": os.getresgid(),
        "groups": sorted(os.getgroups()), "cwd": os.getcwd(), "umask": umask,
        "argv": sys.argv, "environ": dict(os.environ),
        "stdin": os.readlink("/proc/self/fd/0"),
        "main": __name__, "path0": sys.path[0],
        "version": sys.version_info[:2], "prefix": sys.prefix})


# -- choosing --------------------------------------------------------------

NAMES = {action.__name__.replace("_", "-"): action for action in (
    actions, env, echo, digest, relay, early, part, mark, line, ignore,
    status, bodyful, reply, headers, location, many, sendfile, hints,
    size, length, sized, trickle, sse, quiet,
    pid, sleep, hold, eat, boom, late_boom, gone, late_gone, killed,
    gone_once, fork, say, inside)}


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError("HTTP only")
    parts = scope["path"].split("/")[1:]
    at = next((i for i, name in enumerate(parts) if name in NAMES), None)
    action = env if at is None else NAMES[parts[at]]
    wanted = action.__code__.co_argcount - 1
    try:
        await action(Exchange(scope, receive, send),
                     *parts[at + 1:at + 1 + wanted] if wanted else ())
    except CutOff:
        pass        # nobody is left to be answered
