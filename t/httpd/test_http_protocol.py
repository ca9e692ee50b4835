# SPDX-License-Identifier: Apache-2.0
"""HTTP to the application: what it is sent, and what of its answers counts."""

import hashlib
import http.client
from pathlib import Path

import pytest

from harness import eventually
from harness.http2 import Http2

RAW = (Path(__file__).parent / "apps/raw_http.py").read_text()
SHARED_MODULES = ("headers", "rewrite", "remoteip", "http2")
SHARED_CONF = "PoolMax 12\nProtocols h2c http/1.1\nH2EarlyHints on"


def raw_site(h, name, extra=""):
    app = h.app(name, "command")
    app.write("server.py", RAW)
    return h.vhost(app, extra='PoolAppCommand "python3 server.py"\n' + extra)


def setup_shared(h):
    h.raw = raw_site(h, "raw")
    h.streaming = raw_site(h, "streaming", "PoolBufferUpload off")
    h.mortal = raw_site(h, "mortal")
    h.plain = raw_site(h, "plain", "PoolForwardedHeaders off")
    h.forwarded = raw_site(h, "forwarded", "PoolForwardedHeaders rfc7239")
    h.small = raw_site(h, "small", "PoolResponseHeaderLimit 1")
    h.rewriting = raw_site(h, "rewriting", """
        RewriteEngine on
        RewriteRule ^/old/(.*) /new/$1 [PT]
        RewriteRule ^/asked/(.*) /new?$1 [PT]
        RequestHeader set X-Noted expr=%{REQUEST_URI}
        ErrorDocument 403 /why
        <Location /secret>
            Require all denied
        </Location>""")
    h.below = raw_site(h, "below")
    h.below = h.vhost(document_root=h.folder / "www", name="base.test",
                      extra=f"PoolBaseURI /blog {h.below.app.root}\n"
                            'PoolAppCommand "python3 server.py"')
    (h.folder / "www").mkdir(exist_ok=True)


@pytest.fixture
def raw(shared):
    return shared.raw


def echoed(answer):
    """What the application was sent: the body's JSON, headers by name."""
    assert answer.status == 200, answer
    found = answer.json
    found["of"] = {name.lower(): value for name, value in found["headers"]}
    return found


def say(site, data, step=0, close=True, method="GET", **options):
    """Have the application answer with these bytes."""
    data = data.encode("latin-1") if isinstance(data, str) else data
    target = f"/say?bytes={data.hex()}&step={step}"
    return site.request(method, target + ("&close=1" if close else ""),
                        **options)


# -- requests ---------------------------------------------------------------

def test_target_host_and_method_arrive_as_they_were_sent(raw):
    found = echoed(raw.request("PURGE", "/a%2cb/%7e//c?x=%20&y",
                               headers=[("Host", "Raw.TEST:81")]))
    assert found["line"] == "PURGE /a%2cb/%7e//c?x=%20&y HTTP/1.1"
    assert found["of"]["host"] == "Raw.TEST:81"


def test_a_base_uri_is_part_of_the_target(shared):
    assert echoed(shared.below.get("/blog/x%20y"))["line"] == (
        "GET /blog/x%20y HTTP/1.1")


def test_a_rewritten_request_has_its_new_target(shared):
    site = shared.rewriting
    assert echoed(site.get("/old/a%20b?c=d"))["line"] == (
        "GET /new/a%20b?c=d HTTP/1.1")
    assert echoed(site.get("/new/a%2cb"))["line"] == "GET /new/a%2cb HTTP/1.1"


@pytest.mark.parametrize("place", ["old", "asked", "noted"])
def test_a_line_end_of_the_path_is_none_of_the_request(shared, place):
    answer = shared.rewriting.get(f"/{place}/a%0d%0aX-Evil:%20b%0d%0a%0d%0aGET")
    if place == "asked" and answer.status == 403:
        return      # httpd since 2.4.59
    got = echoed(answer)
    assert "x-evil" not in got["of"]
    assert got["line"].count(" ") == 2
    if place == "noted":
        assert got["of"]["x-noted"] == "/noted/a  X-Evil: b    GET"


def test_an_error_document_in_the_application_is_asked_by_its_own_name(shared):
    assert echoed(shared.rewriting.get("/secret"))["line"] == (
        "GET /why HTTP/1.1")


def test_forwarded_headers_say_what_httpd_saw(raw):
    found = echoed(raw.get(headers=[
        ("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.test"), ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Ssl", "on"), ("Forwarded", "for=1.2.3.4;proto=https")]))
    assert found["of"]["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert found["of"]["x-forwarded-proto"] == "http"
    assert found["of"]["x-forwarded-host"] == "raw.test"
    assert found["of"]["x-forwarded-port"] == str(raw.httpd.address[1])
    assert "x-forwarded-ssl" not in found["of"]
    assert "forwarded" not in found["of"]


def test_forwarded_headers_can_be_left_alone(shared):
    sent = [("X-Forwarded-Proto", "https"), ("Forwarded", "for=a")]
    found = echoed(shared.plain.get(headers=sent))
    assert found["of"]["x-forwarded-proto"] == "https"
    assert found["of"]["forwarded"] == "for=a"
    assert "x-forwarded-for" not in found["of"]


def test_forwarded_has_the_form_of_rfc_7239_on_request(shared):
    found = echoed(shared.forwarded.get(headers=[("Forwarded", "for=a")]))
    assert found["of"]["forwarded"] == (
        'for="127.0.0.1";host="forwarded.test";proto=http')
    assert found["of"]["x-forwarded-for"] == "127.0.0.1"


def test_hop_by_hop_headers_stop_at_httpd(raw):
    found = echoed(raw.get(headers=[
        ("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "5"),
        ("TE", "trailers"), ("Proxy-Authorization", "a"), ("Proxy", "b"),
        ("Upgrade", "websocket"), ("X_Odd", "c"), ("Expect", "100-continue"),
        ("Traceparent", "00-1-2-01"), ("Cookie", "a=1"), ("Cookie", "b=2")]))
    assert not {"connection", "x-hop", "keep-alive", "te", "upgrade", "proxy",
                "proxy-authorization", "x_odd", "expect",
                "content-length"} & set(found["of"])
    assert found["of"]["traceparent"] == "00-1-2-01"
    assert found["of"]["cookie"] == "a=1; b=2"
    names = [name.lower() for name, _ in found["headers"]]
    assert len(names) == len(set(names))


def test_headers_of_the_admins_reach_the_application(httpd):
    h = httpd(modules=("headers", "unique_id"))
    site = raw_site(h, "raw", 'RequestHeader set X-Id "%{UNIQUE_ID}e"')
    assert len(echoed(site.get())["of"]["x-id"]) > 20


@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
@pytest.mark.parametrize("size", [0, 1, 70000, 3000000])
def test_a_body_arrives_with_its_length(raw, version, size):
    body = bytes(i % 251 for i in range(min(size, 70000))) * (
        max(1, size // 70000))
    body = body[:size]
    found = echoed(raw.post("/echo", body, version=version))
    assert found["sha256"] == hashlib.sha256(body).hexdigest()
    assert found["of"]["content-length"] == str(len(body))


def test_a_chunked_body_is_measured_or_passed_on_in_chunks(shared):
    pieces = [b"a" * 100, b"b" * 40000, b"c"]
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    found = echoed(shared.raw.post("/echo", iter(pieces)))
    assert (found["sha256"], found["size"]) == (digest, 40101)
    assert found["of"]["content-length"] == "40101"
    shared.streaming.get("/echo")    # from now on its protocol is known
    found = echoed(shared.streaming.post("/echo", iter(pieces)))
    assert (found["sha256"], found["size"]) == (digest, 40101)
    assert found["of"]["transfer-encoding"] == "chunked"
    assert "content-length" not in found["of"]
    assert echoed(shared.streaming.post("/echo", b""))["size"] == 0


def test_a_streamed_body_is_invited_by_100_continue(shared):
    with shared.connect() as c:
        c.send("POST /late HTTP/1.1\r\nHost: streaming.test\r\n"
               "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert c.read_until("\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        c.send("hello")
        assert c.read_response()[1] == b"5"


@pytest.mark.parametrize("site", ["raw", "streaming"])
def test_a_body_that_is_cut_or_malformed_never_looks_complete(shared, site):
    getattr(shared, site).get("/echo")
    for body in ("5\r\nhel", "5\r\nhelloX", "zz\r\n"):
        with shared.connect() as c:
            c.send("POST /late HTTP/1.1\r\nHost: %s.test\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n%s" % (site, body))
            c.half_close()
            answer = c.read_all()
        assert b" 200 " not in answer.split(b"\r\n")[0], answer


def test_connections_are_kept_and_http_1_0_is_upgraded(raw):
    found = [echoed(raw.get(version="1.0")) for _ in range(20)]
    assert all(one["line"].endswith("HTTP/1.1") for one in found)
    assert max(one["requests"] for one in found) > 1


# -- responses --------------------------------------------------------------

OK = "HTTP/1.1 200 OK\r\n"
WHOLE = {
    "length": OK + "Content-Length: 11\r\n\r\nhello world",
    "chunks": OK + "Transfer-Encoding: chunked\r\n\r\n"
                   "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: t\r\n\r\n",
    "end": OK + "\r\nhello world",
    "http10": "HTTP/1.0 200 OK\r\n\r\nhello world",
    "interim": "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + OK
               + "Content-Length: 11\r\n\r\nhello world",
    "bare-lf": OK.replace("\r", "") + "Content-Length: 11\n\nhello world",
}


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize("name", WHOLE)
def test_a_response_is_whole_however_it_comes(raw, name, step):
    for version in ("1.0", "1.1", "2"):
        answer = say(raw, WHOLE[name], step, version=version)
        assert (answer.status, answer.body) == (200, b"hello world")


@pytest.mark.parametrize("name", ["length", "chunks"])
def test_a_response_cut_at_any_offset_is_never_taken_for_whole(raw, name):
    data = WHOLE[name]
    header = data.index("\r\n\r\n") + 4
    for cut in range(len(data)):
        try:
            answer = say(raw, data[:cut])
        except http.client.IncompleteRead:
            assert cut >= header
        else:
            assert (answer.status, cut < header) == (502, True), cut


@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_cut_response_is_cut_for_the_client_too(raw, version):
    for data in (OK + "Content-Length: 12\r\n\r\nhello world",
                 OK + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"):
        with pytest.raises(http.client.IncompleteRead):
            say(raw, data, version=version)


BAD = {
    "status": ("nonsense\r\n\r\n", "no status line"),
    "version": ("HTTP/3.0 200 OK\r\n\r\n", "no status line"),
    "fold": (OK + "A: b\r\n c: d\r\n\r\n", "no proper name"),
    "space": (OK + "A : b\r\n\r\n", "no proper name"),
    "colon": (OK + "no colon\r\n\r\n", "no colon"),
    "cr": (OK + "A: b\rSet-Cookie: c\r\n\r\n", "control character"),
    "nul": (OK + "A: b\0c\r\n\r\n", "NUL"),
    "lengths": (OK + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "Content-Length makes no sense"),
    "list": (OK + "Content-Length: 1, 1\r\n\r\na",
             "Content-Length makes no sense"),
    "both": (OK + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n\r\n", "a Transfer-Encoding and a Content-Length"),
    "coding": (OK + "Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"),
    "switch": ("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
               "asked for no other protocol"),
    "large": (OK + "A: " + "b" * 2000 + "\r\n\r\n",
              r"PoolResponseHeaderLimit \(1 KiB\)"),
    "nothing": ("", "without a response"),
    "header": (OK, "within the response's header"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_response_is_502_with_a_sentence_of_its_own(shared, name):
    data, words = BAD[name]
    place = shared.log.position()
    answer = say(shared.small, data, method="POST")
    assert answer.status == 502
    assert b"cookie" not in str(answer.headers).lower().encode()
    shared.log.wait(words, since=place)


def test_what_follows_a_response_is_nobodys(raw):
    """A broken server's second response must not answer the next request."""
    planted = OK + "Content-Length: 4\r\n\r\nevil"
    for data in (OK + "Content-Length: 2\r\n\r\nok" + planted,
                 "HTTP/1.1 204 No\r\n\r\n" + planted):
        for step in (0, 9):
            say(raw, data, step, close=False)
            for _ in range(4):
                assert echoed(raw.get())["size"] == 0


def test_head_has_the_headers_of_get_and_no_body(raw):
    head = OK + "Content-Length: 11\r\nETag: x\r\n\r\n"
    answer = say(raw, head, close=False, method="HEAD")
    assert answer.header("Content-Length") == "11"
    assert answer.header("ETag") == "x"
    assert say(raw, head + "hello world", method="HEAD").body == b""
    assert echoed(raw.get())["size"] == 0


@pytest.mark.parametrize("line", ["204 No Content", "304 Not Modified"])
def test_a_status_without_body_has_none(raw, line):
    answer = say(raw, f"HTTP/1.1 {line}\r\nETag: x\r\n\r\n", close=False)
    assert (answer.status, answer.body) == (int(line[:3]), b"")
    assert answer.header("Content-Length") is None


def test_headers_keep_order_and_bytes_and_hops_stop(raw):
    answer = say(raw, OK + "Set-Cookie: a=1\r\nX-Hop: 1\r\nSet-Cookie: b=2\r\n"
                           "Connection: x-hop\r\nKeep-Alive: timeout=5\r\n"
                           "X-Bytes: caf\xe9\r\nServer: mine\r\n"
                           "Content-Length: 0\r\n\r\n", close=False)
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.header("X-Bytes") == "caf\xe9"
    assert answer.header("X-Hop") is None
    assert answer.header("Keep-Alive") is None
    assert len(answer.all("Server")) == 1


def test_a_reason_of_the_application_is_kept(raw):
    answer = say(raw, "HTTP/1.1 299 Odd One\r\nContent-Length: 0\r\n\r\n")
    assert (answer.status, answer.reason) == (299, "Odd One")


HINTS = ("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
         + OK + "Content-Length: 2\r\n\r\nok")


def test_early_hints_pass_before_the_response(shared):
    target = f"/say?bytes={HINTS.encode().hex()}"
    with shared.connect() as c:
        c.send(f"GET {target} HTTP/1.1\r\nHost: raw.test\r\n\r\n")
        first = c.read_until("\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 103 ")
        assert b"Link: </a.css>; rel=preload\r\n" in first
        head, body = c.read_response()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"Link" not in head
        assert body == b"ok"


def test_early_hints_pass_over_http_2(shared):
    with Http2(shared.address) as c:
        stream = c.wait(c.send("GET", f"/say?bytes={HINTS.encode().hex()}",
                               host="raw.test"))
    assert [(status, fields["link"]) for status, fields in stream.interim] == [
        (103, "</a.css>; rel=preload")]
    assert (stream.status, bytes(stream.body)) == (200, b"ok")


def test_early_hints_are_kept_from_http_1_0(raw):
    answer = say(raw, HINTS, version="1.0")
    assert (answer.status, answer.body) == (200, b"ok")


# -- connections that turn out closed -----------------------------------------

def test_a_kept_connection_that_was_closed_is_replaced_for_any_method(shared):
    """Its server closes it after the response without having said so."""
    site = shared.raw
    site.app.write("closed", "")
    closed = site.app.root / "closed"
    for method in ("POST", "PATCH", "GET"):
        for _ in range(5):
            before = closed.stat().st_size
            say(site, OK + "Content-Length: 2\r\n\r\nok", close=True)
            eventually(lambda: closed.stat().st_size > before)
            assert site.request(method, "/late", b"12345").body == b"5"


@pytest.mark.parametrize("method, times", [
    ("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1),
    ("LOCK", 1)])
def test_only_what_may_happen_twice_is_tried_again(shared, method, times):
    """The process dies before it has answered: once more where HTTP calls the
    method idempotent, then 502."""
    died = shared.mortal.app.root / "died"
    shared.mortal.app.write("died", "")
    assert shared.mortal.request(method, "/die", b"x").status == 502
    assert died.stat().st_size == times
