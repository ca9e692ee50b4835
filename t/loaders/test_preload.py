# SPDX-License-Identifier: Apache-2.0
"""test_preload.py - what smart spawning makes of what loading left behind."""

import os
import socket

import pytest

# Opens a connection to PORT, a listener, a file for reading and writing, a log
# and a file to read.
OPENS = {
    "wsgi": """
import socket
kept = [socket.create_connection(("127.0.0.1", PORT)), open("data", "w+"),
        open("log.txt", "a"), open("data"), socket.socketpair()]
def application(environ, start_response):
    start_response("200 OK", [])
    return []
""",
    "rack": """
require 'socket'
KEPT = [TCPSocket.new('127.0.0.1', PORT), File.open('data', 'w+'),
        File.open('log.txt', 'a'), File.open('data'), UNIXSocket.pair].freeze
run ->(env) { [200, {}, []] }
""",
    "psgi": """
use Socket;
socket our $s, AF_INET, SOCK_STREAM, 0;
connect $s, pack_sockaddr_in(PORT, inet_aton('127.0.0.1')) or die;
open our $db, '+>', 'data' or die;
open our $log, '>>', 'log.txt';
open our $in, '<', 'data';
socketpair our $one, our $other, AF_UNIX, SOCK_STREAM, 0;
sub { [200, [], []] }
""",
}
NOTHING = {
    "wsgi": "def application(environ, start_response):\n"
            "    start_response('200 OK', [])\n    return []\n",
    "rack": "Thread.new { sleep }.thread_variable_set(:fork_safe, true)\n"
            "run ->(env) { [200, {}, []] }\n",
    "psgi": "sub { [200, [], []] }\n",
}
THREAD = {
    "wsgi": "import threading\nthreading.Thread(target=threading.Event().wait,"
            " name='poller', daemon=True).start()\n" + NOTHING["wsgi"],
    "rack": "Thread.new { sleep }.name = 'poller'\n" + NOTHING["rack"],
}


@pytest.fixture
def preload(start, language, folder):
    """Starts a preloader for an application of this text; returns its log."""
    def run(text, mode="preload"):
        with open(os.path.join(folder, language.startup_file), "w") as file:
            file.write(text)
        loader = start(root=folder, mode=mode)
        loader.expect("READY")
        return loader.log()
    return run


def test_what_loading_left_open_is_warned_of(preload, language, folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = OPENS[language.name].replace("PORT", str(port))
        log = preload(text)
        assert "a connection to 127.0.0.1 port %d, which all" % port in log
        assert "the file %s/data for writing, which all" % folder in log
        assert log.count("a connection to a socket without a name") == 2
        assert log.count("PoolSpawnMethod direct") == log.count("\n") == 4
        assert preload(text, "direct") == ""


def test_threads_that_loading_started_are_warned_of(preload, language):
    if language.name not in THREAD:
        pytest.skip("no threads")
    log = preload(THREAD[language.name])
    assert "started the thread" in log and "poller" in log
    assert log.count("\n") == 1


def test_where_loading_left_nothing_nothing_is_said(preload, language):
    assert preload(NOTHING[language.name]) == ""


def test_forks_share_most_of_their_memory(start):
    loader = start(mode="preload", listeners=3)
    loader.expect("READY")
    pids = [loader.process.pid, loader.fork(0), loader.fork(1)]
    for slot in (0, 1):
        loader.connect(slot).get("/echo")
    before = sum(map(pss_kib, pids))
    pids.append(loader.fork(2))
    loader.connect(2).get("/echo")
    further = sum(map(pss_kib, pids)) - before
    assert further < 0.5 * rss_kib(pids[-1])


def pss_kib(pid):
    return rollup(pid, "Pss:")


def rss_kib(pid):
    return rollup(pid, "Rss:")


def rollup(pid, name):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            found = [line for line in file if line.startswith(name)]
    except (PermissionError, FileNotFoundError) as refused:
        pytest.skip("no memory figures: %s" % refused)
    return int(found[0].split()[1])
