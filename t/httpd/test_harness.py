# SPDX-License-Identifier: Apache-2.0
"""The harness itself, with a plain httpd: what it promises the other tests."""

import http.client
import os
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

from harness import Httpd, StartError, eventually, is_root
from harness.client import exchange

pytestmark = pytest.mark.all_mpms


@pytest.fixture
def plain(mpm):
    with Httpd(mpm=mpm, module=False) as h:
        app = h.wsgi_app("files")
        app.write("public/hello.txt", "hello\n")
        h.vhost(app)
        yield h


def test_a_plain_httpd_serves_files_and_stops_without_a_trace(plain):
    answer = plain.get("/hello.txt")
    assert (answer.status, answer.body) == (200, b"hello\n")
    assert plain.stop() < 8
    assert not plain.everything()


def test_graceful_and_restart_return_when_httpd_answers_again(plain):
    plain.start()
    app = plain.wsgi_app("more")
    app.write("public/x.txt", "x")
    site = plain.vhost(app)
    plain.graceful()
    eventually(lambda: site.get("/x.txt").status == 200)
    plain.restart()
    assert plain.get("/hello.txt").status == 200


@pytest.mark.skipif(not is_root(), reason="needs to change the user")
def test_an_httpd_of_another_user_runs_wholly_as_that_user(mpm):
    with Httpd(mpm=mpm, module=False, as_user="games") as h:
        h.vhost(h.wsgi_app("files"))
        assert h.get("/").status == 200
        assert {tuple(set(p.uids)) for p in h.everything()} == {(5,)}


def test_children_are_found(plain):
    plain.start()
    assert eventually(lambda: len(plain.children) >= 2)
    assert plain.master is None


def test_a_broken_configuration_is_an_error_with_httpds_words(mpm):
    h = Httpd(mpm=mpm, module=False, conf="NoSuchDirective on")
    try:
        ok, text = h.configtest()
        assert not ok and "NoSuchDirective" in text
        with pytest.raises(StartError, match="NoSuchDirective"):
            h.start()
    finally:
        h.close(check=False)


def test_a_process_that_escapes_is_found():
    h = Httpd(module=False)
    try:
        h.start()
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent("""
                import os, time
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(60)
                """)], stdout=subprocess.DEVNULL, check=True)
        with pytest.raises(AssertionError, match="still are"):
            h.stop(seconds=1)
    finally:
        h.close(check=False)
    assert not [p for p in h.everything() if p.alive]


def test_a_raw_connection_sees_every_byte(plain):
    with plain.connect() as raw:
        raw.send("GET /hello.txt HTTP/1.1\r\nHost: files.test\r\n\r\n" * 2)
        for _ in range(2):
            head, body = raw.read_response()
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert body == b"hello\n"


def test_a_truncated_response_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer():
            peer, _ = server.accept()
            with peer:
                peer.recv(9999)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(http.client.IncompleteRead):
            exchange(server.getsockname(), "GET", "/")
        thread.join()


def test_a_descriptor_left_open_is_found(mpm):
    h = Httpd(mpm=mpm, module=False)
    left = os.open("/dev/null", os.O_RDONLY)
    try:
        with pytest.raises(AssertionError, match="/dev/null"):
            h.check_clean()
    finally:
        os.close(left)
        h.close()
