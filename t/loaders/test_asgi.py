# SPDX-License-Identifier: Apache-2.0
"""The loader of ASGI applications, driven as the pool drives it: with our own
server, and what has to be the same with uvicorn and hypercorn."""

import ast
import json
import os
import signal
import subprocess

import pytest

import pool
import web
from conftest import LOADERS

PYTHON = os.environ.get("PYTHON3", "/usr/bin/python3")
COMMAND = [PYTHON, os.path.join(LOADERS, "asgi_loader.py")]
ROOT = os.path.join(pool.APPS, "asgi")
SERVERS = ("own", "uvicorn", "hypercorn")


def is_there(server):
    return server == "own" or subprocess.run(
        [PYTHON, "-c", f"import {server}"], stderr=subprocess.DEVNULL,
        check=False).returncode == 0


@pytest.fixture
def start(launch):
    """start(startup_file, root, server, ...) -> loader"""
    def start_loader(startup_file="asgi.py", root=ROOT, server="own",
                     ready=True, environ=None, **more):
        variables = {"APPPOOL_ASGI_SERVER": server, **(environ or {})}
        loader = launch(COMMAND, root, startup_file, environ=variables, **more)
        if ready:
            loader.expect("READY")
        return loader
    return start_loader


@pytest.fixture(params=SERVERS)
def each(request, start):
    """The test application under each server in turn."""
    if not is_there(request.param):
        pytest.skip("no " + request.param)
    return start(server=request.param, more=["--base-uri", "/shop"])


@pytest.fixture
def own(start):
    return start()


def connect(loader):
    return web.Connection(loader.paths[0])


def seen(loader):
    return json.loads(connect(loader).get("/seen").body)


# --- With every server -------------------------------------------------------

def test_scope_has_the_target_as_sent_and_the_client_as_httpd_says(each):
    scope = json.loads(connect(each).get("/shop/a%2Fb/%C3%BC?x=%20", **{
        "X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "https",
        "Host": "example.org", "X-Forwarded-Port": "8443"}).body)
    assert scope["raw_path"] == "b'/shop/a%2Fb/%C3%BC'"
    assert scope["path"] == "/shop/a/b/ü"
    assert scope["root_path"] == "/shop"
    assert scope["query_string"] == "b'x=%20'"
    assert scope["scheme"] == "https" and scope["method"] == "GET"
    assert ast.literal_eval(scope["client"]) == ("192.0.2.7", 0)
    assert ast.literal_eval(scope["server"]) == ("example.org", 8443)


def test_a_large_header_arrives(each):
    scope = json.loads(connect(each).get("/scope?" + "q" * 7000, **{
        f"X-Large-{n}": "x" * 7000 for n in range(8)}).body)
    assert scope["query_string"] == "b'%s'" % ("q" * 7000)
    assert "x" * 7000 in scope["headers"]


def test_bodies_come_whole_and_go_whole(each):
    for body in (b"", b"x", bytes(300000)):
        assert connect(each).get("/echo", "POST", body).body == body
    assert connect(each).get("/echo", "POST", iter([b"ab", b"c" * 70000])
                             ).body == b"ab" + b"c" * 70000
    assert connect(each).get("/stream").body == b"one,two"


def test_a_connection_is_kept(each):
    connection = connect(each)
    for path in ("/ignore", "/stream", "/ignore", "/scope", "/echo", "/ignore"):
        assert connection.get(path).status == 200
    assert connection.get("/ignore", "POST", b"unread").body == b"ignored"
    assert connection.get("/ignore").body == b"ignored"


def test_an_exception_is_500_and_in_the_log(each):
    assert connect(each).get("/boom").status == 500
    assert each.log_has("boom before the header")
    assert f"{LOADERS}/apppool_" not in each.log()
    assert connect(each).get("/ignore").body == b"ignored"


def test_sigterm_lets_requests_finish_and_runs_lifespan(each):
    connection = connect(each)
    connection.request("GET", "/slow")
    answer = connection.getresponse()
    assert answer.read1() == b"begun,"
    each.process.send_signal(signal.SIGTERM)
    assert answer.read() == b"ended"
    assert each.process.wait(pool.PATIENCE_S) == 0
    assert "shut down" in each.log()


def test_the_process_ends_when_its_pool_is_gone(each):
    each.hang_up()
    assert each.process.wait(pool.PATIENCE_S) == 0


def test_sigabrt_shows_threads_and_tasks_and_goes_on(each):
    connection = connect(each)
    connection.request("GET", "/wait")
    assert connection.getresponse().read1() == b"begun,"
    each.process.send_signal(signal.SIGABRT)
    assert each.log_has("Thread MainThread")
    assert each.log_has("in wait\n")
    assert connect(each).get("/ignore").body == b"ignored"


@pytest.mark.parametrize("server", SERVERS)
def test_a_start_that_lifespan_fails_is_reported(start, server):
    if not is_there(server):
        pytest.skip("no " + server)
    loader = start(server=server, ready=False, environ={"FAIL": "1"})
    assert "no database" in "".join(loader.error())


@pytest.mark.parametrize("server", SERVERS)
def test_an_application_without_lifespan_starts_all_the_same(start, server):
    if not is_there(server):
        pytest.skip("no " + server)
    loader = start(server=server, environ={"NO_LIFESPAN": "1"})
    assert connect(loader).get("/ignore").body == b"ignored"
    assert loader.log_has("no lifespan events (ValueError: no lifespan here)")


# --- Our own server: HTTP ----------------------------------------------------

def test_one_connection_carries_many_requests(own):
    connection = connect(own)
    for i in range(50):
        assert connection.get("/echo", "POST", b"%d" % i).body == b"%d" % i
        assert connection.get("/stream").body == b"one,two"
    assert connection.get("/ignore", "HEAD").headers["content-length"] == "7"
    assert connection.get("/ignore").body == b"ignored"


def test_an_unread_body_is_dropped_before_the_next_request(own):
    connection = connect(own)
    assert connection.get("/ignore", "POST", bytes(3 << 20)).body == b"ignored"
    assert connection.get("/echo", "POST", b"next").body == b"next"


def test_an_answer_comes_before_the_body_has_been_sent(own):
    connection = connect(own)
    connection.raw(b"POST /ignore HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 8\r\n\r\nabcd")
    assert connection.sock.recv(65536).endswith(b"ignored")
    connection.raw(b"efghGET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
    assert connection.sock.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_chunked_body_may_come_byte_by_byte_with_trailers(own):
    connection = connect(own)
    for byte in (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
                 b"GET /ignore HTTP/1.1\r\nConnection: close\r\n\r\n"):
        connection.raw(bytes([byte]))
    data = connection.to_end()
    assert b"\r\n\r\nabcdeHTTP/1.1 200 OK" in data
    assert data.endswith(b"ignored")


def test_requests_that_come_at_once_are_answered_in_their_order(own):
    connection = connect(own)
    connection.raw(b"GET /stream HTTP/1.1\r\n\r\n"
                   b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
                   b"GET /ignore HTTP/1.0\r\n\r\n")
    data = connection.to_end()
    assert data.index(b"two") < data.index(b"hi") < data.index(b"ignored")


def test_a_body_that_is_cut_off_never_looks_complete(own):
    for head in (b"Content-Length: 10", b"Transfer-Encoding: chunked"):
        connection = connect(own)
        connection.raw(b"POST /count HTTP/1.1\r\n" + head + b"\r\n\r\n2\r\nab")
        connection.close()
    assert pool.wait_for(lambda: seen(own) == ["cut", "cut"])


def test_a_client_that_leaves_is_told_and_no_news_in_the_log(own):
    connection = connect(own)
    connection.request("GET", "/wait")
    assert connection.getresponse().read1() == b"begun,"
    connection.close()
    assert pool.wait_for(lambda: "http.disconnect" in seen(own))
    assert own.log() == ""


def test_work_in_the_background_keeps_nobody_waiting(own):
    connection = connect(own)
    assert connection.get("/background").body == b"answered"
    assert connection.get("/seen").body == b"[]"
    assert pool.wait_for(lambda: seen(own) == ["background"])


def test_what_breaks_off_is_seen_to_be_cut(own):
    for path in ("/late-boom", "/short"):
        connection = connect(own)
        connection.raw(b"GET %s HTTP/1.1\r\n\r\n" % path.encode())
        data = connection.to_end()
        assert data.startswith(b"HTTP/1.1 200") and b"\r\n0\r\n" not in data
    assert own.log_has("boom in mid-body")
    assert own.log_has("5 bytes shorter")


@pytest.mark.parametrize("path", ["/boom", "/nothing", "/bad-header"])
def test_what_has_not_begun_is_500_on_a_connection_that_stays(own, path):
    connection = connect(own)
    answer = connection.get(path)
    assert answer.status == 500 and answer.getheader("set-cookie") is None
    assert connection.get("/ignore").body == b"ignored"


def test_a_body_longer_than_its_content_length_is_cut(own):
    connection = connect(own)
    assert connection.get("/long").body == b"long"
    assert connection.get("/ignore").body == b"ignored"


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_body_have_none(own, status):
    connection = connect(own)
    answer = connection.get(f"/bodyful?{status}")
    assert (answer.status, answer.body) == (status, b"")
    assert connection.get("/ignore").body == b"ignored"


def test_early_hints_come_first(own):
    connection = connect(own)
    connection.raw(b"GET /hints HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert connection.to_end().startswith(
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
        b"HTTP/1.1 200 OK\r\n")


def test_a_slow_reader_costs_no_memory(own):
    connection = connect(own)
    connection.request("GET", "/big")
    answer = connection.getresponse()
    assert len(answer.read(1000)) == 1000
    pool.wait_for(lambda: False, 0.3)
    assert pool.rss_kib(own.process.pid) < 70000
    assert len(answer.read()) == (64 << 20) - 1000


@pytest.mark.parametrize("request_", [
    b"GET\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\nx\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"],
    ids=["line", "version", "colon", "length", "coding"])
def test_what_is_no_request_ends_its_connection_only(own, request_):
    connection = connect(own)
    connection.raw(request_)
    assert connection.to_end() == b""
    assert own.log_has("connection closed: ")
    assert connect(own).get("/ignore").body == b"ignored"


def test_lifespan_leaves_state_for_requests(own):
    scope = json.loads(connect(own).get("/scope").body)
    assert scope["state"] == "{'from': 'lifespan'}"


# --- Our own server: WebSocket -----------------------------------------------

def test_messages_of_any_size_come_back(own):
    socket = web.WebSocket(own.paths[0], Sec_WebSocket_Protocol="chat, x")
    assert socket.status == 101
    assert socket.headers["sec-websocket-protocol"] == "chat"
    assert socket.headers["x-own"] == "yes"
    for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
        socket.send(socket.TEXT, b"x" * size)
        assert socket.receive() == (socket.TEXT, b"x" * size)
        socket.send(socket.BINARY, bytes(size))
        assert socket.receive() == (socket.BINARY, bytes(size))
    socket.close()
    assert pool.wait_for(lambda: seen(own) == [1006])


def test_fragments_are_one_message_and_pings_are_answered_between(own):
    socket = web.WebSocket(own.paths[0])
    socket.send(socket.TEXT, b"gr\xc3", fin=False)
    socket.send(socket.PING, b"are you there")
    assert socket.receive() == (socket.PONG, b"are you there")
    socket.send(0, b"\xbc", fin=False)
    socket.send(0, b"n")
    assert socket.receive() == (socket.TEXT, "grün".encode())
    socket.close()


def test_either_side_closes_with_its_code(own):
    socket = web.WebSocket(own.paths[0])
    socket.send(socket.CLOSE, b"\x0f\xa0bye")
    assert socket.receive() == (socket.CLOSE, b"\x0f\xa0")
    assert socket.receive() == (None, b"")
    assert pool.wait_for(lambda: seen(own) == [4000])
    socket = web.WebSocket(own.paths[0])
    socket.send(socket.TEXT, b"close")
    assert socket.receive() == (socket.CLOSE, b"\x10\xe1asked")
    socket.send(socket.CLOSE, b"\x10\xe1")
    assert socket.receive() == (None, b"")


def test_a_refused_handshake_is_403(own):
    assert web.WebSocket(own.paths[0], "/refuse").status == 403


@pytest.mark.parametrize("frame, code", [
    (b"\x81\x82\0\0\0\0\xff\xfe", 1007),              # no UTF-8
    (b"\x80\x81\0\0\0\0x", 1002),                     # goes on with what?
    (b"\x83\x81\0\0\0\0x", 1002),                     # an unknown opcode
    (b"\x81\x01x", 1002),                              # without mask
    (b"\x89\xfe\0\x7e\0\0\0\0", 1002),               # a ping too long
    (b"\x82\xff\0\0\0\0\1\0\0\1\0\0\0\0", 1009),   # 16 MiB and a byte
], ids=["utf-8", "continuation", "opcode", "mask", "ping", "size"])
def test_what_breaks_the_protocol_is_closed_with_a_code(own, frame, code):
    socket = web.WebSocket(own.paths[0])
    socket.sock.sendall(frame)
    found, text = socket.receive()
    assert (found, int.from_bytes(text[:2], "big")) == (socket.CLOSE, code)
    assert pool.wait_for(lambda: seen(own) == [code])


def test_an_exception_in_a_websocket_closes_it_with_1011(own):
    socket = web.WebSocket(own.paths[0])
    socket.send(socket.TEXT, b"boom")
    assert socket.receive() == (socket.CLOSE, b"\x03\xf3")
    assert own.log_has("boom in a websocket")


def test_websockets_are_told_when_the_process_ends(own):
    socket = web.WebSocket(own.paths[0])
    own.process.send_signal(signal.SIGTERM)
    assert socket.receive() == (socket.CLOSE, b"\x03\xf4")
    assert own.process.wait(pool.PATIENCE_S) == 0


# --- Starting ----------------------------------------------------------------

@pytest.mark.parametrize("code, words", [
    ("import nonsuch_module", ["could not be loaded", "nonsuch_module",
                               "pip install", "PoolPython"]),
    ("x = ", ["SyntaxError"]),
    ("import sys; sys.exit(0)", ["sys.exit()"]),
    ("application = None", ["no callable named `application` or `app`"])])
def test_a_failed_start_is_reported_with_its_reason(start, folder, code,
                                                    words):
    path = os.path.join(folder, "asgi.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(code)
    text = "".join(start(root=folder, ready=False).error())
    for word in words:
        assert word in text, text


def test_a_server_that_is_not_known_is_refused(start):
    text = "".join(start(server="apache", ready=False).error())
    assert "none of uvicorn, hypercorn and own" in text


def test_our_modules_are_out_of_the_applications_way(start, folder):
    with open(os.path.join(folder, "main.py"), "w", encoding="utf-8") as file:
        file.write("""
import sys
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body":
                repr((sys.path[0], sys.argv, __name__)).encode()})
""")
    loader = start("main.py", root=folder,
                   environ={"PYTHONSAFEPATH": "1"})
    assert ast.literal_eval(connect(loader).get("/").body.decode()) == (
        folder, ["main.py"], "main")
