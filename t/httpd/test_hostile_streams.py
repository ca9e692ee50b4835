# SPDX-License-Identifier: Apache-2.0
"""Clients that flood by HTTP/2, where one connection can ask for much: others
are served meanwhile, and nothing is left afterwards."""

import collections
import contextlib
import threading
import time

import pytest

from harness import eventually
from harness.http2 import (
    CONTINUATION, DATA, HAVE_H2, HEADERS, INITIAL_WINDOW_SIZE, PING,
    RST_STREAM, Http2, RawHttp2, frame, settings)
from harness.languages import LANGUAGES

pytestmark = pytest.mark.skipif(not HAVE_H2, reason="no python3-h2")

ATTACKERS = 3
CONNECTIONS = 4     # that each of them keeps, of the 60 that httpd bears
SECONDS = 1.5
THREADS = 50        # of a child, mod_http2's own included
CANCEL = b"\0\0\0\x08"


@pytest.fixture
def flooded(httpd):
    """One application for the attackers, one process each, and another."""
    h = httpd(modules=["http2"], conf="""
        Protocols h2c http/1.1
        PoolMax 4
        PoolMaxPerApp 1""")
    code = LANGUAGES["wsgi"].code
    app = h.app("aim", "wsgi", code)
    h.aim = h.vhost(app)
    h.streaming = h.vhost(app, name="streaming.test", extra="""
        PoolBufferUpload off
        PoolBufferResponse off""")
    h.other = h.vhost(h.app("other", "wsgi", code))
    for site in (h.aim, h.other):
        assert site.get("/ignore").body == b"ignored"
    return h


def descriptors_of(h):
    return {p.pid: len(p.descriptors) for p in h.everything()
            if p.may_be_looked_at}


def counts(h):
    return h.status()["counts"]


def is_idle(h):
    return counts(h)["active"] == 0 and counts(h)["waiting"] == 0


@contextlib.contextmanager
def nothing_is_left(h):
    """The same processes, with the descriptors they had; each of httpd's
    threads may keep a channel, which master and engine have an end of."""
    pids = [site.get("/pid").body for site in (h.aim, h.other)]
    before = descriptors_of(h)
    peaks = h.peaks()
    with peaks:
        yield
    eventually(lambda: is_idle(h), 20)
    assert [site.get("/pid").body for site in (h.aim, h.other)] == pids
    after = descriptors_of(h)
    assert before.keys() <= after.keys()    # httpd may have a child more
    more = {pid: after[pid] - before.get(pid, 0) for pid in after}
    assert max(more.values()) <= 2 * THREADS, more
    peaks.check(98304, 32768)


@contextlib.contextmanager
def others_are_served(h):
    """Clients of the other application, by both versions of HTTP."""
    stop, answers = threading.Event(), collections.Counter()

    def ask(version):
        while not stop.is_set():
            answer = h.other.get("/ignore", version=version)
            answers[version, answer.status] += 1
    threads = [threading.Thread(target=ask, args=(version,))
               for version in ("1.1", "2")]
    for thread in threads:
        thread.start()
    try:
        yield
        served = dict(answers)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert served.keys() == {("1.1", 200), ("2", 200)}, answers
    assert min(served.values()) >= 3, served


# -- floods ------------------------------------------------------------------

WAVE = range(1, 201, 2)     # as many streams as httpd lets a connection have


def rapid_reset(connection, host):
    for first in range(0, 2000, 200):
        yield b"".join(connection.request(first + stream, host, "/ignore")
                       for stream in WAVE)
        time.sleep(0.002)   # some of them are on their way by now
        yield b"".join(frame(RST_STREAM, 0, first + stream, CANCEL)
                       for stream in WAVE)


def half_open(connection, host):
    for stream in WAVE:
        yield connection.upload(stream, host)


def never_read(connection, host):
    yield settings((INITIAL_WINDOW_SIZE, 0))
    for stream in WAVE:
        yield connection.request(stream, host, f"/length/{1 << 20}")


def empty_data(connection, host):
    yield connection.upload(1, host)
    for _ in range(100):
        yield frame(DATA, 0, 1) * 1000


def header_without_end(connection, host):
    yield frame(HEADERS, 0, 1, b"\x82")
    for _ in range(100):
        yield frame(CONTINUATION, 0, 1, b"\x00\x01x\x01y" * 3000)


def header_of_nothing(connection, host):
    yield frame(HEADERS, 0, 1, b"\x82")
    for _ in range(100):
        yield frame(CONTINUATION, 0, 1) * 1000


def only_settings(connection, host):
    for _ in range(100):
        yield settings((INITIAL_WINDOW_SIZE, 1)) * 1000


def only_pings(connection, host):
    for _ in range(100):
        yield frame(PING, 0, 0, b"12345678") * 1000


def attack(h, flood, site, until):
    """One connection after another, the last few of them left open."""
    with contextlib.ExitStack() as kept:
        connections = collections.deque()
        while time.monotonic() < until:
            connection = kept.enter_context(RawHttp2(h.address))
            connections.append(connection)
            for frames in flood(connection, site.name):
                if not connection.send(frames) or time.monotonic() > until:
                    break
            if len(connections) == CONNECTIONS:
                connections.popleft().close()


def asked(site):
    return sum(p["requests"] for p in site.httpd.serving(site.app))


@pytest.mark.parametrize("flood, vhost, asks", [
    (rapid_reset, "aim", 20), (rapid_reset, "streaming", 20),
    (half_open, "aim", 0), (half_open, "streaming", 20),
    (never_read, "aim", 20), (never_read, "streaming", 20),
    (empty_data, "aim", 0), (empty_data, "streaming", 2),
    (header_without_end, "aim", 0), (header_of_nothing, "aim", 0),
    (only_settings, "aim", 0), (only_pings, "aim", 0)],
    ids=lambda value: getattr(value, "__name__", str(value)))
def test_a_flood_holds_up_nobody_and_leaves_nothing(flooded, flood, vhost,
                                                    asks):
    """asks: at least so many requests come to the application."""
    site = getattr(flooded, vhost)
    before = asked(site)
    with nothing_is_left(flooded), others_are_served(flooded):
        until = time.monotonic() + SECONDS
        attackers = [threading.Thread(target=attack,
                                      args=(flooded, flood, site, until))
                     for _ in range(ATTACKERS)]
        for thread in attackers:
            thread.start()
        for thread in attackers:
            thread.join()
    assert asked(site) - before >= asks
    assert site.get("/ignore", timeout=10).body == b"ignored"


# -- one request, and when it goes --------------------------------------------

def leave(connection, streams, how):
    if how == "reset":
        for stream in streams:
            connection.reset(stream)
    else:
        connection.close()


ways_to_leave = pytest.mark.parametrize("how", ["reset", "close"])
both_vhosts = pytest.mark.parametrize("vhost", ["aim", "streaming"])


@ways_to_leave
def test_who_leaves_while_it_waits_is_in_no_queue_any_more(flooded, how):
    with nothing_is_left(flooded):
        before = asked(flooded.aim)
        held = threading.Thread(target=flooded.aim.get, args=("/hold/go",))
        held.start()
        eventually(lambda: counts(flooded)["active"] >= 1)
        with Http2(flooded.address) as connection:
            streams = [connection.send("GET", "/ignore",
                                       host=flooded.aim.name)
                       for _ in range(4)]
            eventually(lambda: counts(flooded)["waiting"] == len(streams))
            leave(connection, streams, how)
            eventually(lambda: counts(flooded)["waiting"] == 0)
        flooded.aim.app.write("go", "")
        held.join()
    assert asked(flooded.aim) <= before + 3     # /hold, and /pid twice


@both_vhosts
@ways_to_leave
def test_who_leaves_while_the_application_works_holds_no_session(flooded, how,
                                                                 vhost):
    site = getattr(flooded, vhost)
    with nothing_is_left(flooded):
        with Http2(flooded.address) as connection:
            stream = connection.send("GET", "/hold/go", host=site.name)
            eventually(lambda: list(site.app.root.glob("go.waits.*")))
            leave(connection, [stream], how)
            site.app.write("go", "")
            eventually(lambda: is_idle(flooded))


@both_vhosts
@ways_to_leave
def test_who_leaves_while_the_body_comes_holds_no_session(flooded, how,
                                                          vhost):
    site = getattr(flooded, vhost)
    with nothing_is_left(flooded):
        with Http2(flooded.address) as connection:
            stream = connection.send("GET", "/trickle/10000/0.01",
                                     host=site.name)
            connection.wait(stream, lambda stream: stream.body)
            leave(connection, [stream], how)
            eventually(lambda: is_idle(flooded), 10)


@ways_to_leave
def test_who_leaves_while_it_uploads_holds_no_session(flooded, how):
    site = flooded.streaming
    with nothing_is_left(flooded):
        eventually(lambda: is_idle(flooded))
        with Http2(flooded.address) as connection:
            stream = connection.send("POST", "/relay", host=site.name,
                                     headers=[("content-length", "200000")],
                                     end=False)
            connection.send_data(stream, b"x" * 100000)
            eventually(lambda: counts(flooded)["active"] == 1)
            leave(connection, [stream], how)
            eventually(lambda: is_idle(flooded), 10)
