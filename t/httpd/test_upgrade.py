# SPDX-License-Identifier: Apache-2.0
"""Upgrade and WebSocket: bytes both ways, until one side is done."""

import socket
import time
from pathlib import Path

import pytest

from harness import eventually
from test_http_protocol import raw_site

SHARED_CONF = "PoolMax 8\nTimeout 2\nRequestReadTimeout header=1 body=1"
SHARED_MODULES = ("reqtimeout",)

HANDSHAKE = ("GET /{} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade"
             "\r\nUpgrade: {}\r\n\r\n")


def setup_shared(h):
    h.raw = raw_site(h, "raw", "PoolResponseTimeout 1\nProtocols http/1.1")
    h.plain = h.probes["wsgi"]


def switch(h, action="upgrade", protocol="echo", host="raw.test"):
    """A connection that speaks the other protocol."""
    connection = h.connect()
    connection.send(HANDSHAKE.format(action, host, protocol))
    head = connection.read_until("\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"), head
    assert f"Upgrade: {protocol}\r\n".encode() in head
    assert b"Connection: Upgrade\r\n" in head
    return connection


def cpu_ticks(h):
    """Hundredths of a second that httpd's children have worked."""
    fields = [Path(f"/proc/{p.pid}/stat").read_text().rsplit(")", 1)[1].split()
              for p in h.children]
    return sum(int(f[11]) + int(f[12]) for f in fields)


def test_bytes_go_both_ways_as_soon_as_they_come(shared):
    with switch(shared) as c:
        for size in (1, 70, 5000):
            c.send(b"a" * size + b";")
            assert len(c.read_until(";")) == size + 1


def test_what_came_with_the_request_is_not_lost(shared):
    with shared.connect() as c:
        c.send(HANDSHAKE.format("upgrade", "raw.test", "echo") + "early;")
        c.read_until("\r\n\r\n")
        assert c.read_until(";") == b"early;"


def test_the_applications_end_is_the_clients(shared):
    with switch(shared) as c:
        c.send("good bye")
        assert c.read_all() == b"good bye"


def test_the_clients_end_reaches_the_application_which_may_still_answer(
        shared):
    with switch(shared) as c:
        c.send("a;").read_until(";")
        c.half_close()
        assert c.read_all() == b"<end of input>"


def test_silence_ends_neither_tunnel_nor_process(shared):
    """Longer than Timeout, RequestReadTimeout and PoolResponseTimeout."""
    with switch(shared) as c:
        c.sock.settimeout(2.6)
        with pytest.raises(TimeoutError):
            c.sock.recv(1)
        c.sock.settimeout(30)
        assert c.send("still;").read_until(";") == b"still;"


def test_an_idle_tunnel_costs_no_cpu(shared):
    with switch(shared) as c:
        c.send("a;").read_until(";")
        before = cpu_ticks(shared)
        c.sock.settimeout(1)
        with pytest.raises(TimeoutError):
            c.sock.recv(1)
        assert cpu_ticks(shared) - before < 10      # of 100


def test_ten_mebibytes_pass_each_way_at_the_same_time(shared):
    """The client sends all of it before it reads a byte of the echo."""
    import threading
    data = bytes(range(256)) * 4096 * 10
    with switch(shared) as c:
        sender = threading.Thread(target=c.sock.sendall, args=(data + b"bye",))
        sender.start()
        assert c.read_all() == data + b"bye"
        sender.join()


def test_a_client_that_does_not_read_stops_the_application(shared):
    """32 MiB wait in the application, not in httpd, until they are read."""
    with shared.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.send(HANDSHAKE.format("flood?mib=32", "raw.test", "x"))
        c.read_until("\r\n\r\n")
        before = max(p.private_kib for p in shared.children)
        time.sleep(0.5)
        assert max(p.private_kib for p in shared.children) - before < 8192
        size = len(c.received)
        c.received = b""
        while True:
            data = c.sock.recv(1 << 20)
            if not data:
                break
            size += len(data)
        assert size == 32 << 20


def test_an_application_that_does_not_read_stops_the_client(shared):
    with switch(shared, "deaf") as c:
        c.sock.setblocking(False)
        sent, piece = 0, b"x" * 65536
        until = time.monotonic() + 0.5
        while time.monotonic() < until and sent < 64 << 20:
            try:
                sent += c.sock.send(piece)
            except BlockingIOError:
                time.sleep(0.01)
        assert sent < 64 << 20
        c.sock.setblocking(True)
        c.half_close()
        assert c.read_all() == str(sent).encode()


def test_an_application_may_refuse_to_switch(shared):
    answer = shared.raw.get("/echo", headers=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert answer.status == 200
    assert dict(answer.json["headers"])["Upgrade"] == "websocket"


def test_a_plain_application_answers_an_upgrade_like_any_request(shared):
    answer = shared.plain.get("/pid", headers=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert answer.status == 200


def test_http_2_of_httpd_itself_is_never_offered_to_the_application(shared):
    answer = shared.raw.get("/echo", headers=[
        ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAAP__")])
    assert "Upgrade" not in dict(answer.json["headers"])


def test_a_tunnel_frees_its_place_when_the_client_goes(shared):
    for _ in range(3):
        with switch(shared) as c:
            c.send("a;").read_until(";")

    def nobody_is_in():
        found = shared.status_of(shared.raw.app)
        return all(p.get("sessions", 0) == 0 for p in found["processes"])
    eventually(nobody_is_in, 10)


def test_a_tunnel_is_in_the_access_log_with_101(shared):
    with switch(shared) as c:
        c.send("bye").read_all()
    shared.access_log.wait(r'"GET /upgrade HTTP/1.1" 101 ')
