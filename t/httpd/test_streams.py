# SPDX-License-Identifier: Apache-2.0
"""Streams stay streams though buffering is on, and nobody waits for ever."""

import hashlib
import statistics
import threading
import time
import zlib
from pathlib import Path

import pytest

from harness import eventually
from harness.http2 import Http2
from test_http_protocol import raw_site

FLOWS = (Path(__file__).parent / "apps/flows.py").read_text()
SHARED_CONF = "PoolMax 16\nPoolBufferDir /proc/self/fd\nLogLevel apppool:trace1"
SHARED_MODULES = ("filter", "deflate", "ratelimit", "http2")


def flows_site(h, name, extra=""):
    return h.vhost(h.wsgi_app(name, FLOWS), extra="PoolMaxPerApp 1\n" + extra)


def setup_shared(h):
    h.flows = flows_site(h, "flows")
    h.raw = raw_site(h, "raw")
    h.deflating = flows_site(h, "deflating", "SetOutputFilter DEFLATE")
    h.streaming = flows_site(h, "streaming", "PoolBufferUpload off")


@pytest.fixture
def one(httpd):
    """A started httpd with one application of one process."""
    h = httpd(modules=("http2",), conf="PoolMax 1\nProtocols h2c http/1.1")
    h.site = flows_site(h, "flows")
    return h


def begin(h, site, target, extra=""):
    c = h.connect()
    c.send(f"GET {target} HTTP/1.1\r\nHost: {site.name}\r\n"
           f"Connection: close\r\n{extra}\r\n")
    return c


def delays_ms(c, n):
    """How long each stamp was on its way."""
    delays = []
    for _ in range(n):
        line = c.read_until("\n")
        while not line.strip().isdigit() or len(line) < 8:  # chunk sizes
            line = c.read_until("\n")
        delays.append((time.monotonic_ns() - int(line)) / 1e6)
    return delays


@pytest.mark.parametrize("kind", ["application/octet-stream",
                                  "text/event-stream"])
def test_what_is_written_arrives_within_ten_milliseconds(shared, kind):
    with begin(shared, shared.flows, f"/stamps?n=21&type={kind}") as c:
        c.read_until("\r\n\r\n")
        found = delays_ms(c, 21)
    assert statistics.median(found) < 10, found


def test_a_stream_through_mod_deflate_arrives_as_it_is_written(shared):
    with begin(shared, shared.deflating,
               "/stamps?n=11&type=text/event-stream",
               "Accept-Encoding: gzip\r\n") as c:
        assert b"gzip" in c.read_until("\r\n\r\n").lower()
        unzip, lines, delays = zlib.decompressobj(31), b"", []
        while len(delays) < 11:
            size = int(c.read_until("\r\n"), 16)
            lines += unzip.decompress(c._read_exactly(size))
            c.read_until("\r\n")
            now = time.monotonic_ns()
            while b"\n" in lines:
                line, lines = lines.split(b"\n", 1)
                delays.append((now - int(line)) / 1e6)
    assert statistics.median(delays) < 15, delays


def test_mod_deflate_is_not_defeated_by_flushes(shared):
    """Pieces that come at once are compressed as one."""
    answer = shared.deflating.get("/text?mib=4&type=text/html",
                                  headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") == "gzip"
    assert len(answer.body) < (4 << 20) / 150
    assert len(zlib.decompress(answer.body, 31)) == 4 << 20
    assert "may wait" not in shared.log.text()


def test_a_fast_client_gets_a_large_response_without_any_file(shared):
    """PoolBufferDir is a folder in which no file can be made."""
    with shared.connect() as c:
        c.send("GET /large?mib=1 HTTP/1.1\r\nHost: flows.test\r\n"
               "Connection: close\r\n\r\n")
        head, body = c.read_response()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(body) == 1 << 20


def test_mod_ratelimit_slows_the_client_and_not_the_process(httpd):
    h = httpd(modules=("ratelimit",), conf="LogLevel apppool:trace1")
    site = flows_site(h, "flows", """
        <LocationMatch "^/large">
            SetOutputFilter RATE_LIMIT
            SetEnv rate-limit 512
        </LocationMatch>""")
    site.get("/pid")
    with begin(h, site, "/large?mib=1") as c:
        c.read_until("\r\n\r\n")
        began = time.monotonic()
        site.get("/pid")
        assert time.monotonic() - began < 0.9
        c.read_all()
        assert time.monotonic() - began > 1
    h.log.wait("filter RATE_LIMIT may wait|filter rate_limit may wait")


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_client_that_leaves_is_noticed_while_the_application_is_silent(
        shared, version):
    """The application learns it by the end of its connection."""
    if version == "2" and shared.mpm == "prefork":
        pytest.skip("mod_http2 does not support prefork")
    site = shared.raw
    before = int(site.get("/gone").text)
    if version == "2":
        with Http2(shared.address) as c:
            c.wait(c.send("GET", "/watch", host=site.name),
                   lambda stream: stream.body)
    else:
        with begin(shared, site, "/watch") as c:
            c.read_until("begun\n")
    eventually(lambda: int(site.get("/gone").text) == before + 1)


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_a_large_response_is_byte_exact(one, version):
    """Memory, file and what flows past both, put together."""
    answer = one.site.get("/large?mib=24", version=version)
    assert len(answer.body) == 24 << 20
    assert answer.body == bytes(range(256)) * 4096 * 24


@pytest.mark.parametrize("name", ["deflating", "streaming"])
def test_writing_all_before_reading_all_is_no_deadlock(httpd, name):
    """10 MiB each way; the application reads none before it has written all,
    the client likewise."""
    h = httpd()
    site = flows_site(h, name, "PoolBufferUpload off"
                      if name == "streaming" else "")
    body = bytes(range(256)) * 4096 * 10
    h.start()
    with h.connect() as c:
        def send():
            c.send("POST /eager?mib=10 HTTP/1.1\r\nHost: %s\r\nConnection: "
                   "close\r\nContent-Length: %d\r\n\r\n"
                   % (site.name, len(body)))
            c.send(body)
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(20)
        assert not sender.is_alive()
        answer = c.read_response()[1]
    assert answer[10 << 20:] == b"%d %s" % (
        len(body), hashlib.sha256(body).hexdigest().encode())


@pytest.mark.all_mpms
def test_a_client_that_half_closes_gets_its_answer(httpd):
    """Each of these requests has to ask the pool server: none is a lease's."""
    h = httpd(conf="PoolMax 1")
    site = flows_site(h, "flows", "PoolMaxRequests 1000")
    site.get("/pid")
    for _ in range(5):
        answer = h.raw(f"GET /pid HTTP/1.1\r\nHost: {site.name}\r\n"
                       "Connection: close\r\n\r\n", half_close=True)
        assert answer.startswith(b"HTTP/1.1 200 ")
