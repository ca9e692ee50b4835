# SPDX-License-Identifier: Apache-2.0
"""test_request.py - what an application finds in a request, all languages."""

import hashlib
import json

import pool
import pytest


def test_answers_and_keeps_the_connection(client):
    for _ in range(3):
        response = client.get("/")
        assert response.code == 200
        assert response.body == b"Hello, world!\n"
        assert response.all(b"content-type") == [b"text/plain"]


def test_closes_a_connection_without_keepalive(client):
    assert client.get("/", keep=False).body == b"Hello, world!\n"
    assert client.is_closed()


def test_environment_is_what_was_sent(client):
    environ = json.loads(client.get(
        "/echo?a=%20b", extra={"HTTP_X_ODD": b"caf\xe9", "HTTPS": "on",
                               "REMOTE_USER": ""}).body)
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["PATH_INFO"] == "/echo"
    assert environ["QUERY_STRING"] == "a=%20b"
    assert environ["REQUEST_URI"] == "/echo?a=%20b"
    assert environ["HTTP_X_ODD"] == "caf\u00e9"
    assert environ["HTTPS"] == "on"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "SCGI" not in environ
    assert "APPPOOL_KEEPALIVE" not in environ


def test_a_thousand_variables_arrive(client):
    extra = {"HTTP_X_%d" % i: "v%d" % i * 100 for i in range(1000)}
    environ = json.loads(client.get("/echo", extra=extra).body)
    assert all(environ[name] == value for name, value in extra.items())


@pytest.mark.parametrize("scheme, extra", [
    ("http", {}), ("https", {"HTTPS": "on"}), ("http", {"HTTPS": "off"}),
    ("https", {"REQUEST_SCHEME": "https"})])
def test_scheme_follows_https(client, language, scheme, extra):
    environ = json.loads(client.get("/echo", extra=extra).body)
    assert environ[language.name + ".url_scheme"] == scheme


@pytest.mark.parametrize("length", [0, 1, 65535, 65536, 70000, 3000000])
def test_body_arrives_whole(client, length):
    body = bytes(range(256)) * (length // 256 + 1)
    body = body[:length]
    expected = "%d %s" % (length, hashlib.sha256(body).hexdigest())
    assert client.get("/digest", "POST", body).body.decode() == expected
    assert client.get("/whole", "POST", body).body == body
    assert client.get("/").code == 200


def test_body_arrives_in_small_parts(client):
    data = pool.request_bytes("/whole", "POST", b"abcdefghij" * 3)
    for i in range(0, len(data), 7):
        client.send(data[i:i + 7])
    assert client.response().body == b"abcdefghij" * 3


def test_lines_of_the_body(client):
    body = b"one\ntwo\n" + b"x" * 100000 + b"\n\nlast"
    lines = json.loads(client.get("/lines", "POST", body).body)
    assert [line.encode() for line in lines] == body.splitlines(True)


@pytest.mark.parametrize("path, answer", [
    ("/ignore", b"ignored"), ("/half", b"y" * 10)])
def test_unread_body_is_dropped(client, path, answer):
    for size in (20, 200000, 3000000):
        client.send(pool.request_bytes(path, "POST", length=size))
        client.send(b"y" * 20)
        assert client.response().body == answer     # before all has come
        client.send(b"y" * (size - 20))
        assert client.get("/").code == 200


def test_unread_body_is_dropped_before_a_close(client):
    client.send(pool.request_bytes("/ignore", "POST", length=300000,
                                   keep=False))
    client.send(b"y" * 300000)
    assert client.response(keep=False).body == b"ignored"


def test_two_requests_in_one_go(client):
    client.send(pool.request_bytes("/whole", "POST", b"a")
                + pool.request_bytes("/whole", "POST", b"bc"))
    assert client.response().body == b"a"
    assert client.response().body == b"bc"


def test_a_body_that_breaks_off_costs_that_request_only(app):
    client = app.connect()
    client.send(pool.request_bytes("/digest", "POST", b"abc", length=100))
    client.close()
    other = app.connect()
    assert other.get("/").code == 200
    assert "Traceback" not in app.log()


def test_a_body_cut_off_never_looks_complete(app):
    client = app.connect()
    client.send(pool.request_bytes("/whole", "POST", b"abc", length=100))
    client.sock.shutdown(1)
    assert client.is_closed() or client.response().code == 500


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.0\r\n\r\n", b"abc:", b"99999999999:", b"-5:", b":,",
    b"5:abcde;", b"7:A\0b\0c\0d,", b"17:CONTENT_LENGTH\0x\0,",
    b"18:CONTENT_LENGTH\0-1\0,", b"19:CONTENT_LENGTH\x001\0A\0,"])
def test_what_is_no_request_is_closed_and_logged(app, data):
    client = app.connect()
    client.send(data)
    assert client.is_closed()
    assert app.log_has("connection closed: ")
    assert app.connect().get("/").code == 200


def test_a_connection_that_breaks_in_its_header_is_just_closed(app):
    data = pool.request_bytes("/")
    for size in (1, 4, 100, len(data) - 1):
        client = app.connect()
        client.send(data[:size])
        client.close()
    assert app.connect().get("/").code == 200
    assert app.log() == ""


def test_a_thousand_mixed_requests(client):
    for i in range(250):
        assert client.get("/").body == b"Hello, world!\n"
        assert client.get("/pieces?%d" % (i % 20)).frame == (
            b"chunked" if i % 20 else b"0")
        assert client.get("/whole", "POST", b"z" * i).body == b"z" * i
        assert client.get("/ignore", "HEAD", b"q" * i).body == b""


def test_large_bodies_take_no_memory(app):
    size, sent = 300 << 20, 0
    client = app.connect()
    client.get("/digest", "POST", b"a" * 100000)
    before = pool.rss_kib(app.process.pid)
    client.send(pool.request_bytes("/digest", "POST", length=size))
    piece = b"a" * (1 << 20)
    sha = hashlib.sha256()
    while sent < size:
        client.send(piece)
        sha.update(piece)
        sent += len(piece)
    assert client.response().body.decode() == "%d %s" % (
        size, sha.hexdigest())
    assert pool.rss_kib(app.process.pid) - before < 4096


def test_lint_finds_nothing(start, language):
    app = start(startup_file=language.lint_file)
    app.expect("READY")
    client = app.connect()
    for path in ("/", "/echo", "/pieces?3", "/closing?x", "/headers",
                 "/listed"):
        for method in ("GET", "POST", "PUT"):
            response = client.get(path, method, b"a=b")
            assert response.code == 200, app.log()
    assert client.get("/digest", "POST", b"abc").body[:2] == b"3 ", app.log()
    assert client.get("/", "HEAD").code == 200, app.log()
    assert "Traceback" not in app.log()
