# SPDX-License-Identifier: Apache-2.0
"""The loader of Node.js applications, driven as the pool drives it."""

import http.client
import json
import os
import shutil
import signal
import time

import pytest

import pool
import web
from conftest import LOADERS

NODE = os.environ.get("NODE", "node")
COMMAND = [NODE, os.path.join(LOADERS, "node_loader.cjs")]
DEBIAN_MODULES = {"NODE_PATH": "/usr/share/nodejs"}
HELLO = """
const http = require('http');
http.createServer((request, response) => response.end('hello'))
    .listen(3000);
"""

pytestmark = pytest.mark.skipif(not shutil.which(NODE), reason="no node")


@pytest.fixture
def start(launch, folder):
    """start(code, name, files, ...) -> loader"""
    def start_loader(code=None, name="app.js", ready=True, files=(), **more):
        root = os.path.join(folder, "root")
        os.makedirs(root, exist_ok=True)
        for path, text in [(name, code), *dict(files).items()]:
            path = os.path.join(root, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if text is not None:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
        loader = launch(COMMAND, root, os.path.join(root, name), **more)
        if ready:
            loader.expect("READY")
        return loader
    return start_loader


def connect(loader):
    return web.Connection(loader.paths[0])


@pytest.mark.parametrize("place", [
    "3000", "'3000'", "0", "", "80, '0.0.0.0', 511", "'/run/app.sock'",
    "{port: 8080, host: 'localhost'}", "{path: '/tmp/x'}", "undefined"])
def test_whatever_an_application_listens_at_is_the_inherited_socket(
        start, place):
    call = ", ".join(part for part in (place, "() => console.log('up')")
                     if part)
    loader = start(HELLO.replace("listen(3000)", f"listen({call})"))
    assert connect(loader).get().body == b"hello"
    assert loader.log_has("up")


def test_address_tells_what_was_asked_for(start):
    loader = start("""
const server = require('http').createServer((request, response) =>
    response.end(JSON.stringify([server.address(), server.listening,
                                 require.main === module, process.argv[1]])));
server.listen(3456, '127.0.0.1');
""")
    answer = json.loads(connect(loader).get().body)
    assert answer[0] == {"address": "127.0.0.1", "family": "IPv4",
                         "port": 3456}
    assert answer[1:3] == [True, True]
    assert answer[3].endswith("/app.js")


def test_the_application_sees_no_loader(start):
    loader = start(HELLO.replace(
        "'hello'", "JSON.stringify([Object.keys(require.cache), module.parent, "
                   "Object.keys(globalThis)])"))
    loaded, parent, names = json.loads(connect(loader).get().body)
    assert [os.path.basename(file) for file in loaded] == ["app.js"]
    assert parent is None and not any("pool" in name for name in names)


def test_a_second_server_believes_to_listen_and_follows_the_first(start):
    loader = start("""
const http = require('http');
const servers = ['first', 'second'].map((name) =>
    http.createServer((request, response) => response.end(name)));
servers[0].listen(3000, '127.0.0.1');
servers[1].listen(3000, '::1', () => console.log('both'));
process.on('SIGUSR2', () => servers[0].close(() => console.log('closed')));
""")
    assert loader.log_has("both")
    assert connect(loader).get().body == b"first"
    loader.process.send_signal(signal.SIGUSR2)
    assert loader.log_has("closed")
    assert connect(loader).get().body == b"second"


@pytest.mark.parametrize("name, files", [
    ("app.mjs", {}), ("app.js", {"package.json": '{"type": "module"}'})])
def test_es_modules_start_like_others(start, name, files):
    loader = start("import {createServer} from 'node:http';\n"
                   "await null;\n"
                   "createServer((q, r) => r.end('esm')).listen(3000);\n",
                   name, files=files)
    assert connect(loader).get().body == b"esm"


@pytest.mark.parametrize("package, argv", [
    ('{"main": "lib/server"}', []),
    ('{"scripts": {"start": "X=1 node -r ./early.js lib/server.js --fast"}}',
     ["--fast"]),
    ('{"scripts": {"start": "tool start"}}', ["start"]),
    ('{"scripts": {"start": "babel x && node y"}, "main": "lib/server.js"}',
     []),
])
def test_package_json_tells_what_to_start(start, package, argv, folder):
    code = """#!/usr/bin/env node
require('http').createServer((request, response) =>
    response.end(JSON.stringify(process.argv.slice(2)))).listen(3000);
"""
    tools = os.path.join(folder, "root", "node_modules", ".bin")
    os.makedirs(tools)
    os.symlink("../../lib/server.js", os.path.join(tools, "tool"))
    loader = start(package, "package.json", files={
        "lib/server.js": code, "early.js": "console.log('early')"})
    assert json.loads(connect(loader).get().body) == argv
    assert ("early" in loader.log()) == ("-r" in package)


def test_a_connection_is_kept_whatever_the_application_says(start):
    loader = start("""
const server = require('http').createServer((request, response) =>
    response.end(request.socket.remoteAddress));
server.keepAliveTimeout = 10;
server.listen(3000);
server.keepAliveTimeout = 10;
""")
    connection = connect(loader)
    assert connection.get().body == b"127.0.0.1"
    pool.wait_for(lambda: False, 0.3)       # longer than what it says
    assert connection.get().body == b"127.0.0.1"


@pytest.mark.parametrize("code, is_cut", [
    ("response.setHeader('Content-Length', 9); response.end('abc')", True),
    ("response.writeHead(200, {'Content-Length': 9}); response.write('abc');"
     "response.end('abc')", True),
    ("response.setHeader('Content-Length', 9); response.end()", True),
    ("response.writeHead(200, {'Content-Length': 6}); response.write('abc');"
     "response.end('äc')", False),
    ("response.setHeader('Content-Length', '4'); response.end('äö')", False),
    ("response.end('abc')", False),
    ("response.writeHead(304, {'Content-Length': 9}); response.end()", False),
])
def test_a_response_shorter_than_its_content_length_is_cut_off(start, code,
                                                               is_cut):
    loader = start("require('http').createServer((request, response) => {\n"
                   "%s\n}).listen(3000);" % code)
    connection = connect(loader)
    connection.request("GET", "/")
    answer = connection.getresponse()
    if is_cut:
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
        assert loader.log_has("shorter than its Content-Length")
    else:
        answer.read()
        assert connection.get().status in (200, 304)


def test_a_response_with_an_interim_status_keeps_nobody_waiting(start):
    loader = start("""
require('http').createServer((request, response) => {
    response.writeHead(199);
    response.end('hidden');
}).listen(3000);
""")
    connection = connect(loader)
    connection.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"hidden" not in connection.to_end()
    assert loader.log_has("the response has status 199")


def test_sigterm_lets_requests_finish_and_closes_idle_connections(start):
    loader = start("""
require('http').createServer((request, response) => {
    if (request.url === '/idle') return response.end('idle');
    response.write('begun ');
    process.once('SIGTERM', () => setTimeout(() => response.end('ended'), 200));
}).listen(3000);
""")
    idle, fresh, busy = connect(loader), connect(loader), connect(loader)
    fresh.connect()
    assert idle.get("/idle").body == b"idle"
    busy.request("GET", "/busy")
    answer = busy.getresponse()
    assert answer.read1() == b"begun "
    loader.process.send_signal(signal.SIGTERM)
    assert idle.is_closed() and fresh.is_closed()
    assert answer.read() == b"ended"
    assert loader.process.wait(pool.PATIENCE_S) == 0


def test_handlers_of_sigterm_are_run_to_their_end(start):
    loader = start(HELLO + """
process.on('SIGTERM', () => setTimeout(() => {
    console.log('saved');
    process.exit(3);
}, 200));
""")
    assert connect(loader).get().body == b"hello"
    assert loader.terminate() == 3
    assert "saved" in loader.log()


@pytest.mark.parametrize("handler", [
    "server.close()", "server.close(() => process.exit(0))",
    "{ process.removeAllListeners('SIGTERM'); process.on('SIGTERM', OWN);"
    " process.kill(process.pid, 'SIGTERM'); }"])
def test_handlers_that_are_through_keep_nobody_waiting(start, handler):
    loader = start("""
const OWN = process.listeners('SIGTERM')[0];
const server = require('http').createServer((request, response) =>
    response.end('hello')).listen(3000);
process.on('SIGTERM', () => %s);
""" % handler)
    connection = connect(loader)
    assert connection.get().body == b"hello"
    began = time.monotonic()
    assert loader.terminate() == 0
    assert time.monotonic() - began < 3


def test_the_process_ends_when_its_pool_is_gone(start):
    loader = start(HELLO)
    loader.hang_up()
    assert loader.process.wait(pool.PATIENCE_S) == 0


def test_sigabrt_shows_what_is_worked_on_and_goes_on(start):
    loader = start(HELLO.replace(
        "response.end('hello')",
        "request.url === '/stuck' || response.end('hello')"))
    stuck = connect(loader)
    stuck.request("GET", "/stuck")
    assert connect(loader).get().body == b"hello"
    loader.process.send_signal(signal.SIGABRT)
    assert loader.log_has("working on GET /stuck")
    assert connect(loader).get().body == b"hello"


@pytest.mark.parametrize("code, words", [
    ("require('nonsuch/part');", ["app.js could not be loaded", "app.js:1",
                                  "npm install nonsuch"]),
    ("require('@some/where/part');", ["npm install @some/where"]),
    ("(async () => { throw new Error('rejected'); })();", ["rejected"]),
    ("throw {odd: 1};", ["odd: 1"]),
    ("let x = ;", ["SyntaxError", "app.js:1"]),
    ("console.log('done');", ["without letting an HTTP server listen"]),
    ("process.exit(0);", ["without letting an HTTP server listen"]),
])
def test_a_failed_start_is_reported_with_its_reason(start, code, words):
    loader = start(code, ready=False)
    text = "".join(loader.error())
    for word in words:
        assert word in text, text
    assert "node_loader" not in text and LOADERS not in text


def test_package_json_without_a_start_is_explained(start):
    loader = start('{"scripts": {"start": "make run"}}', "package.json",
                   ready=False)
    text = "".join(loader.error())
    assert "PoolStartupFile" in text and "PoolAppCommand" in text


def test_an_exception_after_the_start_ends_the_process_and_is_in_the_log(
        start):
    loader = start("""
require('http').createServer((request, response) => {
    setImmediate(() => Promise.reject(new Error('nobody cared')));
}).listen(3000);
""")
    connection = connect(loader)
    connection.request("GET", "/")
    assert connection.is_closed()
    assert loader.process.wait(pool.PATIENCE_S) == 1
    assert "nobody cared" in loader.log()


def test_a_worker_of_a_cluster_is_what_runs(start):
    loader = start("""
const cluster = require('cluster');
if (cluster.isPrimary) cluster.fork(); else {
""" + HELLO + "}")
    assert connect(loader).get().body == b"hello"


def test_forking_a_cluster_all_the_same_is_an_error_with_a_way_out(start):
    loader = start("import cluster from 'cluster'; cluster.fork();",
                   "app.mjs", ready=False)
    assert "PoolMinInstances" in "".join(loader.error())


def test_a_websocket_of_ws_works(start):
    if not os.path.isdir("/usr/share/nodejs/ws"):
        pytest.skip("no node-ws")
    loader = start("""
const {WebSocketServer} = require('ws');
new WebSocketServer({port: 8080}).on('connection', (socket) =>
    socket.on('message', (data, isBinary) => socket.send(data, {binary:
        isBinary})));
""", environ=DEBIAN_MODULES)
    socket = web.WebSocket(loader.paths[0])
    assert socket.status == 101
    socket.send(socket.TEXT, "grüße".encode())
    assert socket.receive() == (socket.TEXT, "grüße".encode())
    socket.send(socket.BINARY, bytes(70000))
    assert socket.receive() == (socket.BINARY, bytes(70000))
    socket.close()


def test_express_works_and_finds_its_client_behind_httpd(start):
    if not os.path.isdir("/usr/share/nodejs/express"):
        pytest.skip("no node-express")
    loader = start("""
const app = require('express')();
app.set('trust proxy', 'loopback');
app.get('/who', (request, response) =>
    response.json([request.ip, request.protocol, request.hostname]));
const server = app.listen(3000, () => console.log(server.address().port));
""", environ=DEBIAN_MODULES)
    answer = connect(loader).get("/who", **{
        "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
    assert json.loads(answer.body) == ["192.0.2.7", "https", "localhost"]
    assert loader.log_has("3000")
