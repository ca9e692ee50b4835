# SPDX-License-Identifier: Apache-2.0
"""One host with an application of every kind, more of them than PoolMax."""

import shutil
import threading
import time
from typing import NamedTuple

import pytest

from harness import eventually

POOL_MAX = 6
LOAD_S = 8
CLIENTS = 2     # of each application


class Kind(NamedTuple):
    """An application that says its name."""
    name: str
    program: str
    startup: str
    code: str
    conf: str = ""


WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi"]
"""
ASGI = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"asgi"})
"""
RACK = "run(->(env) { [200, { 'content-type' => 'text/plain' }, ['rack']] })\n"
NODE = """
require('http').createServer((request, response) => {
  response.end('node');
}).listen(3000);
"""
PSGI = "sub { [200, ['Content-Type' => 'text/plain'], ['psgi']] };\n"
PHP = "<?php header('Content-Type: text/plain'); echo 'php';\n"
# A program that knows nothing of us but sd_listen_fds(3).
COMMAND = """
import http.server, socket, socketserver

class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"command")
    def log_message(self, *args):
        pass

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    def get_request(self):
        return self.socket.accept()[0], ("unix", 0)

server = Server("", Answer, bind_and_activate=False)
server.socket.close()
server.socket = socket.socket(fileno=3)
server.serve_forever()
"""

KINDS = (
    Kind("wsgi", "python3", "passenger_wsgi.py", WSGI),
    Kind("asgi", "python3", "asgi.py", ASGI),
    Kind("rack", "ruby", "config.ru", RACK),
    Kind("node", "node", "app.js", NODE),
    Kind("psgi", "perl", "app.psgi", PSGI),
    Kind("php", "php-cgi", "public/index.php", PHP,
         "PoolAppType php\nPoolAppRoot {root}\nDirectoryIndex index.php"),
    Kind("command", "python3", "serve.py", COMMAND,
         'PoolAppType command\nPoolAppRoot {root}\n'
         'PoolAppCommand "/usr/bin/python3 serve.py"'),
)


def site_of(h, kind):
    app = h.app(kind.name, kind.name)
    app.write(kind.startup, kind.code)
    return h.vhost(app, extra=kind.conf.format(root=app.root))


class Visitor(threading.Thread):
    """Asks one application again and again until the time is over."""

    def __init__(self, site, name, until):
        super().__init__()
        self.site, self.expected, self.until = site, name.encode(), until
        self.served, self.odd = 0, []
        self.start()

    def run(self):
        while time.monotonic() < self.until and len(self.odd) < 3:
            try:
                answer = self.site.get("/", timeout=30)
            except Exception as error:      # shown by the test
                self.odd.append(error)
                continue
            if (answer.status, answer.body) == (200, self.expected):
                self.served += 1
            else:
                self.odd.append((answer.status, answer.body[:200]))


@pytest.fixture
def mixed(httpd):
    h = httpd(conf=f"PoolMax {POOL_MAX}")
    h.kinds = [kind for kind in KINDS if shutil.which(kind.program)]
    h.mixed_sites = {kind.name: site_of(h, kind) for kind in h.kinds}
    return h.start()


def test_more_applications_than_pool_max_all_serve_under_load(mixed):
    assert len(mixed.kinds) > POOL_MAX, "not every language is installed"
    until = time.monotonic() + LOAD_S
    visitors = {name: [Visitor(site, name, until) for _ in range(CLIENTS)]
                for name, site in mixed.mixed_sites.items()}
    most = 0
    while time.monotonic() < until:
        most = max(most, mixed.status()["counts"]["processes"])
        time.sleep(0.1)     # how often it is looked at, nothing is waited for
    for group in visitors.values():
        for visitor in group:
            visitor.join(60)
    odd = {name: v.odd for name, group in visitors.items() for v in group
           if v.odd}
    served = {name: [v.served for v in group]
              for name, group in visitors.items()}
    assert not odd, odd
    assert most <= POOL_MAX, most
    assert min(min(counts) for counts in served.values()) >= 2, served


def test_each_kind_is_told_by_its_type_in_the_status(mixed):
    for kind in mixed.kinds:
        site = mixed.mixed_sites[kind.name]
        assert site.get("/").body == kind.name.encode()
        assert mixed.status_of(site.app)["type"] == kind.name
    eventually(lambda: mixed.status()["counts"]["processes"] <= POOL_MAX)
