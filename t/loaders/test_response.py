# SPDX-License-Identifier: Apache-2.0
"""test_response.py - how answers are sent and framed, all languages."""

import os

import pool
import pytest


def test_frame_says_the_length(client):
    response = client.get("/")
    assert response.frame == b"14"
    assert response.all(b"content-length") == [b"14"]
    assert client.get("/nothing").frame == b"0"


def test_pieces_at_hand_are_one_frame(client):
    response = client.get("/listed")
    assert (response.body, response.frame) == (b"several pieces", b"14")


def test_pieces_to_come_are_chunked(client):
    for count in (1, 2, 1000):
        response = client.get("/pieces?%d" % count)
        assert response.frame == b"chunked"
        assert response.body == (b"0123456789" * 100)[:count]


def test_no_frame_without_keepalive(client):
    assert client.get("/pieces?5", keep=False).body == b"01234"


def test_a_piece_is_sent_at_once(client, fifo):
    client.send(pool.request_bytes("/step?" + fifo))
    client.head()
    assert client.chunk() == b"first"
    with open(fifo, "w") as writer:
        writer.write("second")
    assert list(client.chunks()) == [b"second"]
    assert client.get("/").code == 200


@pytest.mark.parametrize("method, path", [
    ("HEAD", "/"), ("HEAD", "/pieces?9"), ("HEAD", "/listed"),
    ("GET", "/status?204+No+Content"), ("GET", "/status?304+Not+Modified")])
def test_bodyless_responses_have_an_empty_frame(client, method, path):
    response = client.get(path, method)
    assert (response.body, response.frame) == (b"", b"0")
    if path == "/":
        assert response.all(b"content-length") == [b"14"]
    if path == "/listed":   # it does not say its length, but all is at hand
        listed = client.get(path)
        assert not listed.all(b"content-length")
        assert response.all(b"content-length") == [b"%d" % len(listed.body)]
    if path.startswith(("/status", "/pieces")):
        assert not response.all(b"content-length")
    assert client.get("/").body == b"Hello, world!\n"


@pytest.mark.parametrize("status", ["299", "418", "499", "599", "201"])
def test_any_status_passes_with_its_body(client, status):
    response = client.get("/status?" + status + "+Odd")
    assert response.code == int(status)
    assert response.body == b"the body"


def test_headers_stay_separate_and_in_order(client):
    response = client.get("/headers")
    assert response.all(b"set-cookie") == [b"a=1", b"b=2"]
    assert response.all(b"x-odd") == [b"caf\xe9"]
    assert response.all(b"x-empty") == [b""]


def test_a_body_is_cut_to_its_content_length(client):
    response = client.get("/shorter")
    assert (response.body, response.frame) == (b"12345", b"5")
    assert client.get("/").code == 200


def test_a_body_shorter_than_its_content_length_is_visible(app):
    client = app.connect()
    with pytest.raises(pool.Cut, match="^5 bytes missing"):
        client.get("/longer")
    assert app.log_has("5 bytes shorter than its Content-Length")


def test_an_exception_is_500_and_logged(app):
    client = app.connect()
    for path in ("/raise", "/raise-started", "/exit"):
        response = client.get(path)
        assert response.code == 500
        assert response.body == b"Internal Server Error\n"
        assert response.all(b"content-type") == [b"text/plain"]
        assert client.get("/").code == 200
    log = app.log()
    assert "raised on purpose" in log
    assert "GET" in log and "/raise" in log
    assert "SystemExit" in log
    assert client.get("/raise", "HEAD").body == b""


def test_an_exception_in_mid_body_is_visible(app):
    client = app.connect()
    with pytest.raises(pool.Cut):
        client.get("/raise-late")
    assert app.log_has("raised late")
    assert app.connect().get("/").code == 200


@pytest.mark.parametrize("kind", ["crlf", "lf", "nul", "name", "name-crlf"])
def test_a_bad_header_is_500(app, language, kind):
    if (language.name, kind) == ("rack", "lf"):
        pytest.skip("two values in Rack 2")
    client = app.connect()
    response = client.get("/bad-header?" + kind)
    assert response.code == 500
    assert not response.all(b"x-a") and not response.all(b"x-c")
    assert client.get("/").code == 200


def test_a_large_response_takes_no_memory(app):
    client = app.connect()
    client.get("/big?3")
    before = pool.rss_kib(app.process.pid)
    client.send(pool.request_bytes("/big?300"))
    client.head()
    assert sum(len(chunk) for chunk in client.chunks()) == 300 << 20
    assert pool.rss_kib(app.process.pid) - before < 8192


def test_a_file_is_sent(client, folder):
    path = os.path.join(folder, "file")
    for size in (0, 5, 3000000):
        with open(path, "wb") as file:
            file.write(os.urandom(size))
        response = client.get("/file?" + path)
        with open(path, "rb") as file:
            assert response.body == file.read()
        assert client.get("/file?" + path, "HEAD").body == b""
        assert client.get("/").code == 200


def test_close_is_always_called(app):
    client = app.connect()
    assert client.get("/closing?one").body == b"ab"
    assert client.get("/closing?two", "HEAD").body == b""
    assert client.get("/closed").body == b"one two"


def test_a_client_that_leaves_is_no_news(app):
    client = app.connect()
    client.send(pool.request_bytes("/big?50"))
    client.head()
    client.close()
    assert app.connect().get("/").code == 200
    assert app.log() == ""


def test_what_is_printed_reaches_the_log_at_once(app):
    assert app.connect().get("/error").body == b"said"
    assert app.log_has("to errors") and app.log_has("to stdout")
