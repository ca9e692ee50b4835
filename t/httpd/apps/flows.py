# SPDX-License-Identifier: Apache-2.0
"""A WSGI application whose responses take their time, or a lot of room.

  /stamps?n=&gap=&type=   n lines, each the monotonic clock in ns, gap s apart
  /large?mib=             that much, as fast as it is taken
  /text?mib=              the same, easy to compress
  /bursts?mib=            that much, with a pause of 20 ms every 256 KiB
  /quiet                  one line, then silence for a minute
  /eager?mib=             writes that much, then reads the body, then its size
  /sink                   reads the body: its size and SHA-256
  /pid
"""
import hashlib
import os
import time
from urllib.parse import parse_qsl

PIECE = bytes(range(256)) * 256         # 64 KiB that hardly compress
LINE = b"The same sentence again and again, as templates write it.\n" * 1200


def stamps(n="10", gap="0.05", **_):
    for _ in range(int(n)):
        yield b"%d\n" % time.monotonic_ns()
        time.sleep(float(gap))


def large(mib="1", **_):
    for _ in range(int(mib) * 16):
        yield PIECE


def text(mib="1", **_):
    for _ in range(int(mib) * 16):
        yield LINE[:65536]


def bursts(mib="1", **_):
    for _ in range(int(mib) * 4):
        yield PIECE * 4
        time.sleep(0.02)


def quiet(**_):
    yield b"begun\n"
    time.sleep(60)


def read_all(stream):
    digest, size = hashlib.sha256(), 0
    while True:
        data = stream.read(65536)
        if not data:
            return b"%d %s" % (size, digest.hexdigest().encode())
        digest.update(data)
        size += len(data)


def eager(stream, mib="1", **_):
    yield from large(mib)
    yield read_all(stream)


def application(environ, start_response):
    query = dict(parse_qsl(environ["QUERY_STRING"]))
    action = environ["PATH_INFO"].strip("/")
    kind = query.pop("type", "application/octet-stream")
    start_response("200 OK", [("Content-Type", kind)])
    if action == "sink":
        return [read_all(environ["wsgi.input"])]
    if action == "eager":
        return eager(environ["wsgi.input"], **query)
    if action == "pid":
        return [b"%d" % os.getpid()]
    return {"stamps": stamps, "large": large, "text": text,
            "bursts": bursts, "quiet": quiet}[action](**query)
