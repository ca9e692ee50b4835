# SPDX-License-Identifier: Apache-2.0
"""The benchmarks' application as WSGI: /, /big, /upload, /sleep."""

import time

HELLO = b"Hello, world!\n"
BIG = b"x" * (1 << 20)


def answer(environ):
    path = environ["PATH_INFO"]
    if path == "/big":
        return BIG
    if path == "/upload":
        length = 0
        while True:
            piece = environ["wsgi.input"].read(65536)
            if not piece:
                break
            length += len(piece)
        return b"%d\n" % length
    if path == "/sleep":
        time.sleep(0.05)
    return HELLO


def application(environ, start_response):
    body = answer(environ)
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", str(len(body)))])
    return [body]
