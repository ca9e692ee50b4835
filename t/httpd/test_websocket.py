# SPDX-License-Identifier: Apache-2.0
"""WebSockets: the essence of the Autobahn cases with a real client and a real
server (ws under Node.js), and a thousand of them doing nothing."""

import asyncio
import contextlib
import shutil
import struct
from pathlib import Path

import pytest

from harness import eventually

websockets = pytest.importorskip("websockets")
exceptions = pytest.importorskip("websockets.exceptions")
CODE = (Path(__file__).parent / "apps/sockets.js").read_text()
NODE_WS = Path("/usr/share/nodejs/ws")
pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and NODE_WS.exists()),
    reason="node and its ws library are not there")
CONF = 'PoolSetEnv NODE_PATH /usr/share/nodejs\n'
SHARED_CONF = "PoolMax 8"
PATIENCE_S = 20


def socket_app(h, name="sockets", extra=""):
    app = h.app(name, "node")
    app.write("app.js", CODE)
    return h.vhost(app, extra=CONF + extra)


def setup_shared(h):
    h.sockets = socket_app(h)
    h.sockets_command = h.vhost(
        h.app("program", "command"), extra=CONF
        + 'PoolAppCommand "node server.js"')
    h.sockets_command.app.write("server.js", CODE)


@pytest.fixture(params=["sockets", "sockets_command"])
def site(request, shared):
    return getattr(shared, request.param)


def connect(site, path="/", **options):
    host, port = site.httpd.address
    options.setdefault("max_size", 64 << 20)
    options.setdefault("ping_interval", None)
    return websockets.connect(
        f"ws://{site.name}:{port}{path}", host=host, port=port,
        open_timeout=PATIENCE_S, close_timeout=PATIENCE_S, **options)


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 3 * PATIENCE_S))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 1 << 20,
                                  16 << 20])
def test_messages_of_every_frame_size_come_back(site, size):
    async def talk():
        async with connect(site) as ws:
            for message in ("\u00e4" * (size // 2), b"\xff" * size):
                await ws.send(message)
                assert await ws.recv() == message
    run(talk())


def test_fragments_and_pings_between_them_are_put_together(site):
    async def talk():
        async with connect(site) as ws:
            async def parts():
                for part in ("one ", "two ", "thr\u00e9e"):
                    yield part
                    pong = await ws.ping(b"between")
                    await pong
            await ws.send(parts())
            assert await ws.recv() == "one two thr\u00e9e"
    run(talk())


def test_pings_and_pongs_carry_their_data_untouched(site):
    async def talk():
        async with connect(site) as ws:
            for data in (b"", b"\x00\xff" * 60):
                await (await ws.ping(data))
            await ws.pong(b"unasked")
            await ws.send("still there")
            assert await ws.recv() == "still there"
    run(talk())


@pytest.mark.parametrize("code, reason", [
    (1000, ""), (1001, "going"), (1011, "\u00fc" * 60), (3000, "x"),
    (4999, "own")], ids=["1000", "1001", "1011", "3000", "4999"])
def test_close_codes_and_reasons_pass_either_way(site, code, reason):
    async def talk():
        async with connect(site, f"/close?code={code}&reason={reason}") as ws:
            await ws.send("please")
            with pytest.raises(exceptions.ConnectionClosed):
                await ws.recv()
            assert (ws.close_code, ws.close_reason) == (code, reason)
        async with connect(site) as ws:
            await ws.close(code, reason)
            assert ws.close_code == code
    run(talk())


def frame(opcode, payload, final=True):
    """A client's frame; the mask is zero."""
    assert len(payload) < 126
    return struct.pack("BB4x", (0x80 if final else 0) | opcode,
                       0x80 | len(payload)) + payload


@contextlib.contextmanager
def raw_socket(h, name):
    with h.connect() as c:
        c.send("GET / HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % name)
        head = c.read_until("\r\n\r\n")
        assert b" 101 " in head
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        yield c


@pytest.mark.parametrize("bad, code", [
    (frame(0x3, b"reserved opcode"), 1002),
    (frame(0x0, b"nothing to continue"), 1002),
    (frame(0x9, b"fragmented ping", final=False), 1002),
    (frame(0x1, b"\xce\xba\xff"), 1007),
    (frame(0x8, b"\x03"), 1002)])
def test_what_breaks_the_protocol_is_the_servers_to_refuse(shared, bad, code):
    """Every byte of it gets there, and the answer back."""
    with raw_socket(shared, "sockets.test") as c:
        for byte in bad:
            c.send(bytes([byte]))
        assert c.read_all()[:4] == struct.pack(">BBH", 0x88, 2, code)


def test_utf_8_cut_within_a_character_comes_out_whole(shared):
    text = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
    with raw_socket(shared, "sockets.test") as c:
        for i, byte in enumerate(text):
            c.send(frame(0x1 if i == 0 else 0x0, bytes([byte]),
                         final=i == len(text) - 1))
        expected = struct.pack("BB", 0x81, len(text)) + text
        assert c.read_until(expected) == expected


def test_both_sides_may_talk_at_once(site):
    async def talk():
        async with connect(site) as ws:
            async def say():
                for i in range(200):
                    await ws.send(b"%d" % i * 2000)
            saying = asyncio.ensure_future(say())
            for i in range(200):
                assert await ws.recv() == b"%d" % i * 2000
            await saying
    run(talk())


def test_a_socket_survives_a_graceful_restart(httpd):
    h = httpd()
    site = socket_app(h)
    h.start()

    async def talk():
        async with connect(site) as ws:
            await ws.send("before")
            assert await ws.recv() == "before"
            await asyncio.get_running_loop().run_in_executor(None, h.graceful)
            await ws.send("after")
            assert await ws.recv() == "after"
    run(talk())


def test_a_time_limit_for_requests_is_none_for_sockets(httpd):
    """PoolMaxRequestTime 1 and PoolResponseTimeout 1, silent for longer, in a
    process that is the socket's alone."""
    h = httpd(conf="PoolMax 2")
    site = socket_app(h, extra="PoolMaxRequestTime 1\nPoolResponseTimeout 1\n"
                      "PoolConcurrency 1")

    async def talk():
        async with connect(site) as ws:
            await asyncio.sleep(3.2)
            await ws.send("still there")
            assert await ws.recv() == "still there"
    h.start()
    run(talk())


def test_a_restart_ends_sockets_so_that_they_come_back_to_new_code(httpd):
    h = httpd(conf="PoolMax 4")
    site = socket_app(h)
    old = site.get("/pid").text

    async def talk():
        async with connect(site) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"
            site.app.write("tmp/restart.txt", "")
            with pytest.raises(exceptions.ConnectionClosed):
                await ws.recv()
            async with connect(site) as again:
                await again.send("y")
                assert await again.recv() == "y"
    run(talk())
    assert site.get("/pid").text != old
    eventually(lambda: len(h.status_of(site.app)["processes"]) == 1, 10)


def test_a_stop_ends_sockets_at_once(httpd):
    h = httpd()
    site = socket_app(h)
    h.start()

    async def talk():
        ws = await connect(site)
        await asyncio.get_running_loop().run_in_executor(None, h.stop)
        with pytest.raises(exceptions.ConnectionClosed):
            await ws.recv()
    run(talk())


MANY = {
    "event": (1000, "ServerLimit 2\nStartServers 2\nThreadLimit 550\n"
                    "ThreadsPerChild 550\nMaxRequestWorkers 1100\n"
                    "MinSpareThreads 1\nMaxSpareThreads 1100\n"),
    "prefork": (50, "StartServers 4\nServerLimit 60\nMaxRequestWorkers 60\n"),
}
MANY["worker"] = MANY["event"]


@pytest.mark.all_mpms
def test_many_idle_sockets_leave_room_for_requests(httpd, mpm):
    """1,000 under event and worker, 50 under prefork; each still answers."""
    n, conf = MANY[mpm]
    h = httpd(mpm_conf=conf)
    site = socket_app(h)
    h.start()

    async def talk():
        async with contextlib.AsyncExitStack() as stack:
            all_of_them = []
            for _ in range(n):
                all_of_them.append(
                    await stack.enter_async_context(connect(site)))
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(None, site.get, "/count")
            assert answer.text == str(n)
            await asyncio.gather(*(ws.send("x") for ws in all_of_them))
            for ws in all_of_them:
                assert await ws.recv() == "x"
            await asyncio.gather(*(ws.close() for ws in all_of_them))
    run(talk())
    eventually(lambda: site.get("/count").text == "0", 10)


def test_old_generations_sockets_make_room_before_the_scoreboard_is_full(
        httpd):
    """Every graceful restart leaves a child with one socket behind; when they
    hold more than half of the places, the oldest ones close."""
    h = httpd(mpm_conf="ServerLimit 6\nStartServers 1\nThreadsPerChild 5\n"
                       "MaxRequestWorkers 30\nMinSpareThreads 1\n"
                       "MaxSpareThreads 30\n")
    site = socket_app(h)
    h.start()

    async def talk():
        loop = asyncio.get_running_loop()
        open_ones = []
        for _ in range(7):
            ws = await connect(site)
            open_ones.append(ws)
            await ws.send("x")
            assert await ws.recv() == "x"
            await loop.run_in_executor(None, h.graceful)
        await asyncio.wait_for(open_ones[0].wait_closed(), 2 * PATIENCE_S)
        answer = await loop.run_in_executor(None, site.get, "/pid")
        assert answer.status == 200
        newest = open_ones[-1]
        await newest.send("y")
        assert await newest.recv() == "y"
        for ws in open_ones:
            await ws.close()
    run(talk())
    h.log.wait("a tunnel is closed: children of earlier configurations")
