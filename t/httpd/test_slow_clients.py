# SPDX-License-Identifier: Apache-2.0
"""A slow client never holds a process, and no body costs memory."""

import contextlib
import hashlib
import socket
import threading
import time
from pathlib import Path

import pytest

from harness import eventually
from harness.http2 import Http2
from test_streams import FLOWS

# Others beside it would change what is measured.
RUNS_ALONE = True

MIB = 1 << 20


@pytest.fixture
def one(httpd, mpm):
    """A started httpd with one application of one process."""
    h = httpd(conf="PoolMax 1")
    h.site = h.vhost(h.wsgi_app("flows", FLOWS))
    h.site.get("/pid")
    return h


@contextlib.contextmanager
def in_background(work):
    """Runs `work(stop)` until the block is left."""
    stop = threading.Event()
    failures = []

    def run():
        try:
            work(stop)
        except Exception as error:      # noqa: BLE001 - told to the test
            failures.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
    assert not failures, failures


def read_slowly(h, bytes_per_s, begun, target="/large?mib=10"):
    """Takes 10 MiB at this speed, through a small window."""
    def work(stop):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            s.settimeout(30)
            s.connect(h.address)
            s.sendall(b"GET %s HTTP/1.1\r\nHost: flows.test\r\n"
                      b"Connection: close\r\n\r\n" % target.encode())
            while not stop.is_set():
                assert s.recv(bytes_per_s // 20)
                begun.set()
                stop.wait(0.05)
    return work


def upload_slowly(h, bytes_per_s, begun):
    def work(stop):
        with h.connect() as c:
            c.send("POST /sink HTTP/1.1\r\nHost: flows.test\r\n"
                   "Content-Length: 100000\r\n\r\n")
            while not stop.is_set():
                c.send(b"x" * (bytes_per_s // 20))
                begun.set()
                stop.wait(0.05)
    return work


@pytest.mark.all_mpms
def test_slow_readers_and_uploaders_do_not_delay_others(one):
    """One process; 10 MiB read at 50 kB/s, an upload at 600 B/s."""
    read, sent = threading.Event(), threading.Event()
    with in_background(read_slowly(one, 50000, read)), \
            in_background(upload_slowly(one, 600, sent)):
        assert read.wait(10) and sent.wait(10)
        eventually(lambda: one.site.get("/pid").status == 200)
        times = []
        for _ in range(40):
            began = time.monotonic()
            assert one.site.get("/pid").status == 200
            times.append(time.monotonic() - began)
            time.sleep(0.02)
    # A held process would cost minutes, a wait for a pause 6 ms.
    assert sorted(times)[20] < 0.02, times
    assert max(times) < 1, times


def test_a_slow_reader_holds_nobody_while_the_application_pauses(one):
    """Each pause passes on what has come, and none waits for the client."""
    begun = threading.Event()
    with in_background(read_slowly(one, 50000, begun, "/bursts?mib=10")):
        assert begun.wait(10)
        began = time.monotonic()
        assert one.site.get("/pid").status == 200
        took = time.monotonic() - began
    assert took < 5, took       # 40 pauses of 20 ms; at its speed 200 s


def test_beyond_the_files_bound_the_application_goes_at_the_clients_speed(
        httpd):
    """PoolBufferMaxFile 1: no more of 10 MiB is kept, and all of it arrives;
    PoolResponseTimeout is for the application, not for the client."""
    h = httpd(conf="PoolMax 2")
    h.site = h.vhost(h.wsgi_app("flows", FLOWS), extra="PoolBufferMaxFile 1\n"
                     "PoolResponseTimeout 1")
    h.start()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.settimeout(30)
        s.connect(h.address)
        s.sendall(b"GET /large?mib=24 HTTP/1.0\r\nHost: flows.test\r\n\r\n")
        time.sleep(2)       # longer than PoolResponseTimeout
        kept = spooled(h)
        assert kept and max(kept) < 3 * MIB, kept
        data = bytearray()
        while True:
            piece = s.recv(MIB)
            if not piece:
                break
            data += piece
    body = data[data.index(b"\r\n\r\n") + 4:]
    assert body == bytes(range(256)) * 4096 * 24


def test_a_slow_upload_is_not_the_applications_silence(httpd):
    """PoolResponseTimeout 1, a streamed body that pauses for longer."""
    h = httpd()
    site = h.vhost(h.wsgi_app("flows", FLOWS), extra="PoolBufferUpload off\n"
                   "PoolResponseTimeout 1")
    h.start()
    with h.connect() as c:
        c.send("POST /sink HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\na"
               % site.name)
        time.sleep(1.5)     # longer than PoolResponseTimeout
        c.send("b")
        head, body = c.read_response()
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b"2 " + hashlib.sha256(b"ab").hexdigest().encode()


@pytest.fixture
def impatient(httpd):
    """One process; nothing is kept of a body, 1 MiB of a response."""
    def make(conf="Timeout 1", **options):
        h = httpd(conf="PoolMax 1\n" + conf, **options)
        h.site = h.vhost(h.wsgi_app("flows", FLOWS), extra="PoolBufferUpload "
                         "off\nPoolBufferMaxFile 1")
        h.site.get("/pid")
        return h
    return make


def test_a_reader_that_stops_is_given_up(impatient):
    """Beyond the file's bound the process waits for it: not for ever."""
    h = impatient()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.connect(h.address)
        s.sendall(b"GET /large?mib=24 HTTP/1.0\r\nHost: flows.test\r\n\r\n")
        eventually(lambda: spooled(h))
        assert h.site.get("/pid", timeout=10).status == 200


@pytest.mark.parametrize("framing, start", [
    ("Content-Length: 2", "a"), ("Transfer-Encoding: chunked", "1\r\na\r\n")],
    ids=["length", "chunked"])
def test_a_streamed_upload_that_stops_is_given_up(impatient, framing, start):
    h = impatient()
    with h.connect() as c:
        c.send(f"POST /sink HTTP/1.1\r\nHost: flows.test\r\n{framing}\r\n\r\n"
               + start)
        head, _ = c.read_response()
        assert head.startswith(b"HTTP/1.1 408 ")
    assert h.site.get("/pid", timeout=10).status == 200


def test_mod_reqtimeout_sees_a_streamed_upload_that_stops(impatient):
    """HTTPD 22"""
    h = impatient("RequestReadTimeout body=1", modules=("reqtimeout",))
    with h.connect() as c:
        c.send("POST /sink HTTP/1.1\r\nHost: flows.test\r\n"
               "Content-Length: 2\r\n\r\na")
        head, _ = c.read_response()
    assert head.startswith(b"HTTP/1.1 408 ")


def test_a_client_may_listen_for_longer_than_it_may_be_silent(impatient):
    """A request whose response has begun is no upload that stops."""
    h = impatient()
    with h.connect() as c:
        c.send("POST /stamps?n=4&gap=0.8 HTTP/1.1\r\nHost: flows.test\r\n"
               "Content-Length: 2\r\nConnection: close\r\n\r\na")
        data = b""
        while piece := c.sock.recv(MIB):
            data += piece
    assert data.endswith(b"0\r\n\r\n")


def spooled(h):
    """The sizes of httpd's temporary files."""
    sizes = []
    for child in h.children:
        for fd in Path(f"/proc/{child.pid}/fd").iterdir():
            try:
                if "/apppool." in str(fd.readlink()):
                    sizes.append(fd.stat().st_size)
            except OSError:
                pass
    return sizes


def read_late(h, target):
    """Reads nothing before the only process has done its part."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        s.settimeout(30)
        s.connect(h.address)
        s.sendall(b"GET %s HTTP/1.0\r\nHost: flows.test\r\n\r\n"
                  % target.encode())
        eventually(lambda: spooled(h))
        assert h.site.get("/pid").status == 200
        size = 0
        while data := s.recv(MIB):
            size += len(data)
    return size


@pytest.mark.all_mpms
def test_what_was_kept_for_a_slow_reader_goes_with_its_response(one):
    """httpd's core takes the file over and closes it when all is sent."""
    for _ in range(3):
        assert read_late(one, "/large?mib=8") > 8 * MIB
    eventually(lambda: not spooled(one))


def peak_mib(proc):
    status = Path(f"/proc/{proc.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def all_peaks(h):
    return {f"{p.pid} {p.argv[:3]}": peak_mib(p) for p in h.everything()
            if p.alive}


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_three_hundred_mebibytes_each_way_leave_memory_where_it_was(
        httpd, version):
    """No process ever holds more than 64 MiB."""
    h = httpd(modules=("http2",), conf="PoolMax 2\nProtocols h2c http/1.1\n"
              "LimitRequestBody 0")
    site = h.vhost(h.wsgi_app("flows", FLOWS))
    site.get("/pid")
    if version == "1.1":
        piece = bytes(range(256)) * 256
        digest = hashlib.sha256()
        for _ in range(300 * 16):
            digest.update(piece)
        answer = site.post("/sink", (piece for _ in range(300 * 16)))
        assert answer.body == b"%d %s" % (300 * MIB,
                                          digest.hexdigest().encode())
        with h.connect() as c:
            c.send("GET /large?mib=300 HTTP/1.0\r\nHost: flows.test\r\n\r\n")
            size = 0
            c.read_until("\r\n\r\n")
            size += len(c.received)
            while True:
                data = c.sock.recv(MIB)
                size += len(data)
                if not data:
                    break
        assert size == 300 * MIB
    else:
        with Http2(h.address, keep_bodies=False) as c:
            stream = c.wait(c.send("GET", "/large?mib=300", host=site.name))
        assert stream.size == 300 * MIB
    peaks = all_peaks(h)
    assert max(peaks.values()) < 64, peaks


def test_an_upload_that_is_given_up_reaches_no_process(one):
    before = one.status_of(one.site.app)["processes"][0]["requests"]
    with one.connect() as c:
        c.send("POST /sink HTTP/1.1\r\nHost: flows.test\r\n"
               "Content-Length: 100000\r\n\r\nxxx")
    one.access_log.wait('"POST /sink')
    assert one.site.get("/pid").status == 200
    after = one.status_of(one.site.app)["processes"][0]["requests"]
    assert after <= before + 1
