# SPDX-License-Identifier: Apache-2.0
"""Through mod_ssl: large responses, streams, tunnels. Its filters hold bytes
that no poll() sees, in both directions."""

import ssl
import statistics

import pytest

from harness import eventually
from harness.client import RawConnection
from harness.tls import self_signed
from test_http_protocol import RAW
from test_streams import FLOWS, delays_ms

SHARED_MODULES = ("ssl", "socache_shmcb")
SHARED_CONF = "PoolMax 8\nLogLevel apppool:trace1"


def setup_shared(h):
    h.tls_address = h.listen()
    lines = self_signed(h.folder) + "\n"
    h.flows = h.vhost(h.wsgi_app("flows", FLOWS), lines,
                      address=h.tls_address, tls=True)
    app = h.app("raw", "command")
    app.write("server.py", RAW)
    h.raw = h.vhost(app, lines + 'PoolAppCommand "python3 server.py"',
                    address=h.tls_address, tls=True)


def connect(h):
    h.start()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    c = RawConnection(h.tls_address)
    c.sock = context.wrap_socket(c.sock)
    return c


def get(h, site, target, extra=""):
    c = connect(h)
    c.send(f"GET {target} HTTP/1.1\r\nHost: {site.name}\r\n"
           f"Connection: close\r\n{extra}\r\n")
    return c


def test_a_large_response_is_byte_exact(shared):
    """And not kept whole: mod_ssl's filters never wait."""
    assert shared.flows.get("/large?mib=24").body == (
        bytes(range(256)) * 4096 * 24)
    assert "may wait" not in shared.log.text()


@pytest.mark.parametrize("kind", ["application/octet-stream",
                                  "text/event-stream"])
def test_what_is_written_arrives_within_ten_milliseconds(shared, kind):
    with get(shared, shared.flows, f"/stamps?n=21&type={kind}") as c:
        c.read_until("\r\n\r\n")
        found = delays_ms(c, 21)
    assert statistics.median(found) < 10, found


def test_a_tunnel_carries_ten_mebibytes_each_way(shared):
    """In records of 16 KiB, of which httpd reads parts."""
    data = bytes(range(256)) * 4096 * 10
    with connect(shared) as c:
        c.send("GET /upgrade HTTP/1.1\r\nHost: raw.test\r\n"
               "Connection: Upgrade\r\nUpgrade: echo\r\n\r\nearly;")
        assert c.read_until("\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert c.read_until(";") == b"early;"
        received = bytearray(c.received)
        sent = 0
        c.sock.settimeout(0.02)
        while len(received) < len(data):
            if sent < len(data):
                try:
                    sent += c.sock.send(data[sent:sent + 60000])
                except (ssl.SSLWantWriteError, TimeoutError):
                    pass
            try:
                received += c.sock.recv(1 << 20)
            except (ssl.SSLWantReadError, TimeoutError):
                pass
        assert received == data


def test_the_end_of_tls_is_the_end_of_the_tunnel(shared):
    before = int(shared.raw.get("/gone").text)
    with connect(shared) as c:
        c.send("GET /upgrade HTTP/1.1\r\nHost: raw.test\r\n"
               "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        c.read_until("\r\n\r\n")
        c.send("a;").read_until(";")
    eventually(lambda: int(shared.raw.get("/gone").text) == before + 1)
