# SPDX-License-Identifier: Apache-2.0
"""SCGI responses one byte at a time, in one packet, cut at every offset, and
such as are none. (HTTP's are in test_http_protocol.)"""

import http.client
from pathlib import Path

import pytest

RAW = (Path(__file__).parent / "apps/raw_scgi.py").read_text()
HEAD = "Status: 200 OK\r\nContent-Type: text/plain\r\n"
VERSIONS = ("1.0", "1.1", "2")


def setup_shared(h):
    app = h.app("raw", "scgi")
    app.write("server.py", RAW)
    h.raw = h.vhost(app, extra='PoolAppCommand "python3 server.py"\n'
                               "PoolAppProtocol scgi\nPoolMaxPerApp 1")


@pytest.fixture
def raw(shared):
    return shared.raw


def say(site, data, step=0, method="GET", **options):
    """Have the application answer with exactly this."""
    data = data.encode("latin-1").hex()
    return site.request(method, f"/?{data}&{step}", **options)


WHOLE = {
    "length": HEAD + "Content-Length: 11\r\n\r\nhello world",
    "end": HEAD + "\r\nhello world",
    "chunks": HEAD + "Transfer-Encoding: chunked\r\n\r\n"
                     "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: t\r\n\r\n",
    "bare-lf": HEAD.replace("\r", "") + "\nhello world",
    "mixed-line-ends": HEAD + "X-A: 1\n\r\nhello world",
    "no-status": "Content-Type: text/plain\r\n\r\nhello world",
    "status-last": "X-A: b\r\nStatus: 200 OK\r\n\r\nhello world",
    "blanks": "Status:  200 OK \r\nX-A:\t b \r\n\r\nhello world",
}


@pytest.mark.parametrize("step", [0, 1, 3, 7])
@pytest.mark.parametrize("name", WHOLE)
def test_a_response_is_whole_however_it_comes(raw, name, step):
    """BEHAVIOUR 11, 12"""
    for version in VERSIONS:
        answer = say(raw, WHOLE[name], step, version=version)
        assert (answer.status, answer.body) == (200, b"hello world"), version


@pytest.mark.parametrize("name", ["length", "chunks"])
def test_a_response_cut_at_any_offset_is_never_taken_for_whole(raw, name):
    """BEHAVIOUR 11, 16"""
    data = WHOLE[name]
    header = data.index("\r\n\r\n") + 4
    # The very last line end may be missing: all has been said before it.
    for cut in range(1, len(data) if name == "length" else len(data) - 6):
        for version in ("1.1", "2"):
            try:
                answer = say(raw, data[:cut], version=version)
            except http.client.IncompleteRead:
                assert cut >= header
            else:
                assert answer.status == 502, (cut, answer)
                assert cut < header, cut


@pytest.mark.parametrize("data", [
    "", "\r\n\r\n", "\n", "Status: 200 OK", "Status: abc\r\n\r\n",
    "Status: 99\r\n\r\n", "Status: 1000\r\n\r\n", "Status: 100\r\n\r\n",
    "Status: 20\r\n\r\n", "Status:\r\n\r\n", "Status: 200OK\r\n\r\n",
    HEAD + "no colon\r\n\r\nhidden", HEAD + ": no name\r\n\r\nhidden",
    HEAD + "X A: b\r\n\r\nhidden", HEAD + "X-A : b\r\n\r\nhidden",
    HEAD + "X-A: b\r\n c\r\n\r\nhidden", HEAD + "X-A: b\0c\r\n\r\nhidden",
    HEAD + "X-A: b\rSet-Cookie: c=d\r\n\r\nhidden",
    HEAD + "X-A\0B: c\r\n\r\nhidden", HEAD + "X-A: \x01\r\n\r\nhidden",
    HEAD + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    HEAD + "Content-Length: -1\r\n\r\nab", HEAD + "Content-Length: 1x\r\n\r\na",
    HEAD + "Content-Length: 99999999999999999999\r\n\r\na",
    HEAD + "Content-Length: \r\n\r\na",
    HEAD + "Transfer-Encoding: gzip\r\n\r\nhidden",
    HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\nhidden\r\n0\r\n\r\n",
    HEAD + "Transfer-Encoding: chunked\r\n\r\n"
           "fffffffffffffffff\r\nhidden\r\n0\r\n\r\n",
    HEAD + "X-Apppool-Frame: 5\r\nX-Apppool-Frame: abc\r\n\r\nhidden",
], ids=range(29))
def test_what_is_no_response_is_502_and_nothing_of_it_gets_out(raw, data):
    """BEHAVIOUR 10, 11"""
    for step in (0, 1):
        try:
            answer = say(raw, data, step, method="POST")
        except http.client.IncompleteRead:
            assert "Transfer-Encoding: chunked" in data
            continue
        assert answer.status == 502, answer
        assert b"hidden" not in answer.body
        assert answer.header("Set-Cookie") is None
    assert raw.get("/").body == b"plain"


def test_what_is_longer_than_its_length_is_nobodys(raw):
    """BEHAVIOUR 12"""
    for version in VERSIONS:
        for step in (0, 1):
            answer = say(raw, HEAD + "Content-Length: 5\r\n\r\nhello"
                         + HEAD + "\r\nevil", step, version=version)
            assert answer.body == b"hello"
    assert raw.get("/").body == b"plain"


def test_a_header_of_any_size_up_to_the_limit_passes_in_any_pieces(raw):
    """BEHAVIOUR 11"""
    for size in (1, 1000, 2040):
        for step in (0, 1, 1000):
            answer = say(raw, HEAD + f"X-Long: {'y' * size}\r\n\r\nok", step)
            assert answer.header("X-Long") == "y" * size
