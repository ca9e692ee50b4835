# SPDX-License-Identifier: Apache-2.0
"""Several requests at once on one connection of HTTP/2: each has a session of
its own."""

import os

import pytest

from harness import eventually

pytestmark = [pytest.mark.versions("2"), pytest.mark.mpms("event", "worker")]

VHOSTS = {"unbuffered": "PoolBufferUpload off\nPoolBufferResponse off"}


@pytest.mark.everywhere
def test_a_hundred_streams_on_one_connection_are_all_answered(probe):
    """BEHAVIOUR 19"""
    with probe.http2(timeout=60) as connection:
        bodies = {}
        for number in range(100):
            body = b"%d" % number * 500
            stream = connection.send("POST", "/echo", body=body,
                                     host=probe.name)
            bodies[stream] = body
        for stream, body in bodies.items():
            answer = connection.wait(stream)
            assert answer.status == 200 and answer.ended
            assert bytes(answer.body) == body


@pytest.mark.everywhere
def test_streams_of_one_connection_go_on_beside_each_other(probe):
    """BEHAVIOUR 19"""
    with probe.http2() as connection:
        slow = connection.send("GET", "/quiet/1", host=probe.name)
        connection.wait(slow, lambda stream: stream.body)
        quick = [connection.send("GET", "/ignore", host=probe.name)
                 for _ in range(10)]
        for stream in quick:
            assert bytes(connection.wait(stream).body) == b"ignored"
        assert not connection.streams[slow].ended
        assert bytes(connection.wait(slow).body) == b"begin\nend\n"


def test_head_and_post_with_and_without_a_length(probe):
    """BEHAVIOUR 19"""
    body = os.urandom(300000)
    with probe.http2() as connection:
        head = connection.wait(connection.send("HEAD", "/length/5000",
                                               host=probe.name))
        assert (head.status, head.size) == (200, 0)
        sized = connection.send("POST", "/echo", body=body, host=probe.name)
        unsized = connection.send("POST", "/echo", host=probe.name,
                                  body=iter([body[:9], body[9:]]))
        for stream in (sized, unsized):
            assert bytes(connection.wait(stream).body) == body


@pytest.mark.parametrize("vhost", [None, "unbuffered"],
                         ids=["buffered", "unbuffered"])
def test_an_upload_that_is_reset_never_looks_complete(probe, vhost):
    """BEHAVIOUR 7, 19"""
    site = probe.at(vhost) if vhost else probe
    with site.http2() as connection:
        stream = connection.send("POST", "/mark/reset", host=site.name,
                                 headers=[("content-length", "100000")],
                                 end=False)
        connection.send_data(stream, b"x" * 50000)
        connection.reset(stream)
        after = connection.send("POST", "/mark/after", body=b"abc",
                                host=site.name)
        assert connection.wait(after).status == 200
    assert site.app.read("after") == "3"
    assert not (site.app.root / "reset").exists()


def test_an_upload_shorter_than_its_length_never_looks_complete(probe):
    """BEHAVIOUR 7, 8"""
    with probe.http2() as connection:
        stream = connection.send("POST", "/mark/short", host=probe.name,
                                 headers=[("content-length", "100")],
                                 end=False)
        connection.send_raw_data(stream, b"x" * 50)
        answer = connection.wait(stream)
        assert answer.status != 200
    assert not (probe.app.root / "short").exists()


def test_a_stream_that_is_not_read_holds_neither_process_nor_connection(
        probe):
    """BEHAVIOUR 14, 19"""
    site = probe.alone
    site.get("/pid")
    with site.http2(window=1000) as connection:
        held = connection.send("GET", f"/length/{1 << 20}", host=site.name)
        connection.wait(held, lambda stream: stream.size >= 1000)
        connection.keep_window_shut(held)
        for _ in range(5):
            other = connection.send("GET", "/ignore", host=site.name)
            stream = connection.wait(other)
            assert bytes(stream.body) == b"ignored"


@pytest.mark.ours
def test_streams_that_went_away_leave_nothing_lent(shared, probe):
    """BEHAVIOUR 19, 34"""
    with probe.http2() as connection:
        streams = [connection.send("GET", "/trickle/100/0.05",
                                   host=probe.name) for _ in range(6)]
        connection.wait(streams[0], lambda stream: stream.body)
        for stream in streams:
            connection.reset(stream)
    eventually(lambda: shared.status()["counts"]["active"] == 0, 15)
    assert probe.get("/ignore").body == b"ignored"
