# SPDX-License-Identifier: Apache-2.0
"""A pool server that is killed leaves nothing behind: what does not end by
itself is ended by the next one, and nobody else is."""

import subprocess

import pytest

from conftest import PROBE_CODE
from harness import Proc, eventually
from harness.languages import LANGUAGES

# Neither SIGTERM nor the end of anything moves it or what it forks.
DEAF = """
import os, signal, socket
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    while True:
        signal.pause()
listener = socket.socket(fileno=3)
kept = []
while True:
    connection, _ = listener.accept()
    if connection.recv(65536):
        connection.sendall(b"Status: 200 OK\\r\\nContent-Type: text/plain"
                           b"\\r\\n\\r\\n%d" % os.getpid())
        connection.shutdown(socket.SHUT_WR)
    kept.append(connection)
"""

# The process sees the master's end; what it has forked does not.
FORKS = """
import os, signal
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""


def command_site(h):
    app = h.app("deaf", "command")
    app.write("serve.py", DEAF)
    return h.vhost(app, extra='PoolAppCommand "python3 serve.py"\n'
                              'PoolAppProtocol scgi')


def kill_master(h):
    """Kill it; everything of the pool that was there before."""
    first, before = h.master, h.applications
    assert before
    first.kill()
    eventually(lambda: (h.master or first) != first, 6)
    return before


def check_gone(processes):
    eventually(lambda: not [p for p in processes if p.alive], 8)


@pytest.mark.parametrize("place", [
    command_site,
    lambda h: h.vhost(h.wsgi_app("forks", FORKS),
                      extra="PoolSpawnMethod direct")],
    ids=["deaf command", "forked by an application"])
def test_what_is_deaf_goes_with_its_master(httpd, place):
    h = httpd()
    site = place(h)
    pid = site.get("/").body
    before = kill_master(h)
    assert len(before) >= 2
    check_gone(before)
    h.log.wait("killed [0-9]+ processes that a pool server before has left")
    assert site.get("/").body != pid


def test_two_masters_killed_in_a_row_leave_nothing_either(httpd):
    h = httpd()
    site = command_site(h)
    site.get("/")
    before = kill_master(h)
    site.get("/")
    before += kill_master(h)
    check_gone(before)


@pytest.mark.parametrize("language", ["asgi", "node", "psgi", "php"])
def test_processes_of_every_kind_go_with_their_master(httpd, language):
    h = httpd()
    site = h.vhost(h.app(language, language, PROBE_CODE[language]),
                   extra=LANGUAGES[language].conf)
    site.get("/pid")
    check_gone(kill_master(h))


def test_nobody_else_is_touched(httpd):
    h = httpd()
    site = command_site(h)
    site.get("/")
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        check_gone(kill_master(h))
        assert site.get("/").status == 200
        assert Proc(other.pid).alive
    finally:
        other.kill()
        other.wait()
