# SPDX-License-Identifier: Apache-2.0
"""Status, headers and framing of responses. (More of it in test_response.)"""

import http.client
import os

import pytest

from harness.client import exchange

SHARED_CONF = "MaxKeepAliveRequests 0"
VHOSTS = {
    "errors": "ErrorDocument 404 /sorry.txt\nErrorDocument 500 /sorry.txt\n"
              "ErrorDocument 502 /sorry.txt",
    "small": "PoolResponseHeaderLimit 16",
}


def setup_shared(h):
    for site in h.probes.values():
        site.app.write("public/sorry.txt", "sorry, said httpd")


# -- status ----------------------------------------------------------------

STATUSES = [200, 201, 202, 203, 205, 206, 207, 226, 299, 300, 301, 302, 303,
            307, 308, 399, 400, 401, 402, 403, 404, 405, 406, 409, 410, 412,
            413, 416, 418, 422, 423, 429, 451, 499, 500, 501, 502, 503, 504,
            507, 508, 511, 599]


@pytest.mark.parametrize("code", STATUSES)
def test_a_status_passes_with_the_applications_own_body(probe, code):
    """BEHAVIOUR 10, 28"""
    answer = probe.at("errors").get(f"/status/{code}%20Odd%20One")
    assert answer.status == code
    assert answer.body == b"own body\n"
    assert answer.header("Content-Type").startswith("text/plain")


@pytest.mark.needs("reason")
@pytest.mark.versions("1.0", "1.1")
@pytest.mark.parametrize("line", ["200 OK", "200 Fine", "404 Not Here",
                                  "299 Odd", "599 caf\xe9"])
def test_the_reason_phrase_is_kept(probe, line):
    """BEHAVIOUR 10"""
    target = line.replace(" ", "%20").replace("\xe9", "%e9")
    answer = probe.get(f"/status/{target}")
    assert (answer.status, answer.reason) == (int(line[:3]), line[4:])


@pytest.mark.everywhere
@pytest.mark.parametrize("code", ["abc", "99", "1000", "100", "101", "199",
                                  "0", "-200"])
def test_a_status_that_is_none_is_an_error_and_no_more(probe, code):
    """BEHAVIOUR 10"""
    answer = probe.get(f"/reply/{code}/-/{b'hidden'.hex()}")
    assert answer.status in (500, 502)
    assert b"hidden" not in answer.body
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.parametrize("code", [204, 304])
def test_204_and_304_have_neither_body_nor_entity_headers(probe, code):
    """BEHAVIOUR 10"""
    answer = probe.get(f"/bodyful/{code}%20Odd")
    assert (answer.status, answer.body) == (code, b"")
    for name in ("Content-Length", "Content-Type", "Transfer-Encoding"):
        assert answer.header(name) is None, name
    if code == 304:
        assert answer.header("ETag") == '"x"'


@pytest.mark.versions("1.1")
@pytest.mark.parametrize("code", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_written_after_a_204_or_304_harms_nobody(shared, probe, code,
                                                         method):
    """BEHAVIOUR 10"""
    site = probe.alone
    pid = site.get("/pid").body
    with shared.connect() as raw:
        for size in (9, 60000, 9):
            body = b"x" * 1000 if size > 9 else b"forbidden"
            target = site.reply(code, [("ETag", '"x"')], body)
            raw.send(site.raw_request(method, target))
            head = raw.read_until("\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d" % code), head
        raw.send(site.raw_request("GET", "/pid"))
        assert raw.read_response()[1] == pid


def test_head_of_a_large_response_leaves_the_process_usable(probe):
    """BEHAVIOUR 6, 10"""
    site = probe.alone
    for size in (1000, 60000, 3 << 20):
        assert site.request("HEAD", f"/size/{size}").status == 200
        assert site.request("HEAD", f"/length/{size}").status == 200
        assert site.get("/ignore").body == b"ignored"


def test_error_documents_are_for_our_own_errors(probe):
    """BEHAVIOUR 16, 28"""
    site = probe.at("errors")
    assert site.get("/status/404%20No").body == b"own body\n"
    assert site.get("/status/500%20No").body == b"own body\n"
    answer = site.get("/gone")
    assert (answer.status, answer.body) == (502, b"sorry, said httpd")


# -- headers ---------------------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.every_version
def test_headers_of_one_name_stay_separate_and_in_order(probe):
    """BEHAVIOUR 11"""
    answer = probe.get("/headers")
    assert answer.all("Set-Cookie") == ["a=1; Path=/", "b=2, still b"]
    assert answer.all("Link") == ["</a>; rel=preload", "</b>; rel=preload"]
    assert answer.header("X-Bytes") == "caf\xe9"


@pytest.mark.parametrize("name", ["WWW-Authenticate", "X-Twice", "Vary",
                                  "Set-Cookie", "Link", "Cache-Control"])
def test_duplicates_of_any_header_are_kept(probe, name):
    """BEHAVIOUR 11"""
    answer = probe.get(probe.reply(200, [(name, "one"), ("X-Between", "1"),
                                         (name, "two")]))
    assert ",".join(answer.all(name)).replace(" ", "") == "one,two"
    if name in ("WWW-Authenticate", "Set-Cookie", "Link"):
        assert answer.all(name) == ["one", "two"]


@pytest.mark.everywhere
@pytest.mark.needs("raw-header")
@pytest.mark.parametrize("name, value", [
    ("X-Cr", "a\rSet-Cookie: evil=1"), ("X-Nul", "a\0b"),
    ("X-Del", "a\x7fb"), ("X-Ctl", "a\x01b"),
    ("X Blank", "1"), ("X-Na\rme", "1"), ("X-Na:me", "1"),
    ("", "1"), ("X-Na\0me", "1"), ("X(Par)", "1"), ("X-Caf\xe9", "1")])
def test_a_bad_byte_in_a_header_is_an_error_and_nothing_gets_out(
        probe, name, value):
    """BEHAVIOUR 11"""
    answer = probe.get(probe.reply(200, [(name, value)], b"hidden"))
    evil = [h for h in answer.headers if "evil" in h[1]]
    assert not evil
    assert answer.status in (500, 502), answer
    assert b"hidden" not in answer.body
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.everywhere
@pytest.mark.needs("lf-in-value")
@pytest.mark.parametrize("name, value", [
    ("X-Lf", "a\nSet-Cookie: evil=1"), ("X-Crlf", "a\r\nSet-Cookie: evil=1"),
    ("X-Na\nme", "1"), ("X-A: 1\r\nSet-Cookie", "evil=1")])
def test_a_line_feed_never_makes_a_header(probe, name, value):
    """BEHAVIOUR 11"""
    answer = probe.get(probe.reply(200, [(name, value)]))
    assert answer.status in (500, 502)
    assert answer.header("Set-Cookie") is None


@pytest.mark.every_version
@pytest.mark.parametrize("count, size", [(1, 60000), (100, 500), (200, 10)])
def test_large_headers_pass(probe, count, size):
    """BEHAVIOUR 11"""
    answer = probe.get(f"/many/{count}/{size}")
    if size == 60000 and probe.version == "2":
        assert answer.status in (200, 500, 502)
        return      # mod_http2 may have limits of its own
    assert answer.status == 200 and answer.body == b"many"
    assert answer.header(f"X-Many-{count - 1}") == "m" * size


@pytest.mark.ours
@pytest.mark.parametrize("count, size", [(1, 17000), (40, 500)])
def test_headers_over_the_limit_are_502_with_a_sentence_of_their_own(
        shared, probe, count, size):
    """BEHAVIOUR 11"""
    site = probe.at("small")
    since = shared.log.position()
    answer = site.get(f"/many/{count}/{size}")
    assert answer.status == 502
    assert answer.header("X-Many-0") is None
    shared.log.wait("PoolResponseHeaderLimit", since=since)
    assert site.get("/many/1/1000").status == 200


def test_what_httpd_says_itself_is_not_doubled(probe):
    """BEHAVIOUR 12"""
    answer = probe.get(probe.reply(200, [
        ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine"),
        ("Content-Type", "text/plain")], b"body"))
    assert answer.status == 200
    for name in ("Date", "Server", "Content-Type", "Content-Length"):
        assert len(answer.all(name)) <= 1, (name, answer)


@pytest.mark.versions("1.0", "1.1")
@pytest.mark.parametrize("name, value", [
    ("Connection", "close"), ("Connection", "keep-alive"),
    ("Keep-Alive", "timeout=99"), ("Upgrade", "x"), ("TE", "x"),
    ("Proxy-Connection", "close"), ("Trailer", "X-A")])
def test_headers_for_one_hop_do_not_get_out(shared, probe, name, value):
    """BEHAVIOUR 12"""
    answer = probe.get(probe.reply(200, [(name, value)], b"body"))
    if answer.status == 500:
        return      # the language's standard forbids it (PEP 3333)
    assert answer.status == 200
    own = probe.get("/ignore")
    assert answer.all(name) == own.all(name)


@pytest.mark.parametrize("value", ["/env/x", "http://other.test/x",
                                   "//other.test/x", "relative?x",
                                   "/caf%C3%A9?a=b#c"])
@pytest.mark.parametrize("code", [201, 301, 302, 303, 307])
def test_location_passes_as_written_and_redirects_nothing_inside(
        probe, code, value):
    """BEHAVIOUR 33"""
    answer = probe.get(probe.reply(code, [("Location", value)], b"there"))
    assert (answer.status, answer.body) == (code, b"there")
    assert answer.header("Location") == value


def test_location_with_200_does_not_redirect_inside(probe):
    """BEHAVIOUR 33"""
    answer = probe.get(probe.reply(200, [("Location", "/env")], b"mine"))
    assert (answer.status, answer.body) == (200, b"mine")


# -- framing ---------------------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 300000])
def test_a_body_is_framed_as_the_client_understands_it(probe, size):
    """BEHAVIOUR 12"""
    answer = probe.get(f"/size/{size}")
    assert answer.body == b"x" * size
    if probe.version == "1.0":
        assert answer.header("Transfer-Encoding") is None
    answer = probe.get(f"/length/{size}")
    assert answer.header("Content-Length") == str(size)
    assert answer.body == (bytes(range(251)) * (size // 251 + 1))[:size]
    assert answer.header("Transfer-Encoding") is None


@pytest.mark.everywhere
@pytest.mark.versions("1.1", "2")
@pytest.mark.parametrize("claimed, real", [(10, 5), (100000, 70000), (5, 0)])
def test_a_body_shorter_than_its_length_is_visibly_cut(probe, claimed, real):
    """BEHAVIOUR 12"""
    try:
        answer = probe.get(f"/sized/{claimed}/{real}", timeout=10)
        # A language's own library or loader may find out in time.
        assert answer.status in (500, 502)
    except http.client.IncompleteRead:
        pass
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.everywhere
@pytest.mark.versions("1.1")
@pytest.mark.parametrize("claimed, real", [(5, 10), (0, 7), (70000, 100000)])
def test_a_body_longer_than_its_length_is_cut(shared, probe, claimed, real):
    """BEHAVIOUR 12"""
    with shared.connect() as raw:
        raw.send(probe.raw_request("GET", f"/sized/{claimed}/{real}"))
        head, body = raw.read_response()
        if head.startswith(b"HTTP/1.1 200"):
            assert body == b"x" * claimed
        raw.send(probe.raw_request("GET", "/ignore"))
        assert raw.read_response()[1] == b"ignored"


@pytest.mark.needs("chunked")
def test_a_transfer_encoding_of_the_application_is_undone(probe):
    """BEHAVIOUR 12"""
    answer = probe.get("/chunked")
    assert (answer.status, answer.body) == (200, b"body")


@pytest.mark.everywhere
@pytest.mark.versions("1.1")
def test_a_thousand_mixed_requests_pipelined_on_one_connection(shared, probe):
    """BEHAVIOUR 12"""
    mix = [("GET", "/ignore", "", b"ignored"),
           ("POST", "/echo", "z" * 50, b"z" * 50),
           ("GET", "/size/1234", "", b"x" * 1234),
           ("HEAD", "/length/99", "", None),
           ("GET", "/length/300", "", None),
           ("GET", "/status/204%20No", "", None),
           ("POST", "/ignore", "y" * 3000, b"ignored"),
           ("GET", "/status/404%20No", "", b"own body\n")]
    if shared.mpm != "event":
        rounds = 5
    else:
        rounds = 125
    with shared.connect() as raw:
        raw.sock.settimeout(60)
        for _ in range(rounds):
            raw.send(b"".join(
                probe.raw_request(method, target,
                                  f"Content-Length: {len(body)}\r\n"
                                  if method == "POST" else "", body)
                for method, target, body, _ in mix))
            for method, target, _, expected in mix:
                if method == "HEAD" or "204" in target:
                    head, body = raw.read_until("\r\n\r\n"), None
                else:
                    head, body = raw.read_response()
                assert head.startswith(b"HTTP/1.1 "), (target, head)
                assert expected is None or body == expected, (target, head)


def test_requests_on_a_kept_connection_do_not_mix(shared, probe):
    """BEHAVIOUR 12, 34"""
    connection = http.client.HTTPConnection(*shared.address, timeout=30)
    try:
        for number in range(60):
            body = b"%d " % number * 100
            for target in ("/echo", "/ignore", "/relay"):
                answer = exchange(shared.address, "POST", target, body,
                                  host=probe.name, connection=connection)
                assert answer.body == (b"ignored" if target == "/ignore"
                                       else body)
    finally:
        connection.close()


# -- size ------------------------------------------------------------------

def check_download(shared, probe, size):
    """A response of that size takes no more memory than one of 40 MiB."""
    probe.get("/pid")
    peaks = shared.peaks()
    probe.swallow(f"/length/{40 << 20}")
    with peaks:
        assert probe.swallow(f"/length/{size}") == size
    peaks.check(8192, 98304)


@pytest.mark.versions("1.1", "2")
def test_a_response_of_200_mib_needs_no_more_memory_than_others(shared, probe):
    """BEHAVIOUR 14"""
    check_download(shared, probe, 200 << 20)


@pytest.mark.full
@pytest.mark.mpms("event")
@pytest.mark.versions("1.1")
def test_a_response_over_4_gib_needs_no_more_memory_than_others(shared, probe):
    """BEHAVIOUR 14"""
    check_download(shared, probe, (4 << 30) + 12345)


@pytest.mark.full
@pytest.mark.mpms("event")
@pytest.mark.versions("2")
def test_a_response_over_4_gib_needs_as_much_memory_as_a_file(shared, probe):
    """BEHAVIOUR 14. mod_http2 keeps some 2 MiB for each GiB of a stream until
    that ends, whoever wrote it."""
    size = (4 << 30) + 12345
    file = probe.app.write("public/large.bin", "")
    os.truncate(file, size)     # a hole: no room is taken
    try:
        probe.swallow(f"/length/{40 << 20}")
        peaks = shared.peaks()
        with peaks:
            assert probe.swallow("/large.bin") == size
    finally:
        file.unlink()
    most = max(peaks.risen_kib.values())
    peaks = shared.peaks()
    with peaks:
        assert probe.swallow(f"/length/{size}") == size
    peaks.check(most + 4096, 98304)


# -- upgrades --------------------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.versions("1.1")
def test_an_upgrade_that_nobody_takes_is_a_plain_request(probe):
    """BEHAVIOUR 20. A WebSocket's handshake is ASGI's own business."""
    answer = probe.get("/ignore", [("Connection", "Upgrade"),
                                   ("Upgrade", "example/1")])
    assert (answer.status, answer.body) == (200, b"ignored")
    assert probe.get("/ignore").body == b"ignored"
