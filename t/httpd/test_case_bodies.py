# SPDX-License-Identifier: Apache-2.0
"""Methods and request bodies. (More of it in test_request.)"""

import gzip
import hashlib
import os

import pytest

from harness import eventually

SHARED_MODULES = ("deflate", "reqtimeout", "filter")
VHOSTS = {
    "inflate": "SetInputFilter DEFLATE",
    "limit": "LimitRequestBody 1000",
    "streamlimit": "LimitRequestBody 1000\nPoolBufferUpload off",
    "patient": "RequestReadTimeout header=0 body=0",
    "unbuffered": "PoolBufferUpload off",
    "unlimited": "LimitRequestBody 0",
}


def digest_of(data):
    return hashlib.sha256(data).hexdigest()


# -- methods ---------------------------------------------------------------

@pytest.mark.parametrize("method", [
    "OPTIONS", "PUT", "PATCH", "DELETE", "PROPFIND", "PROPPATCH", "REPORT",
    "MKCALENDAR", "MKCOL", "MOVE", "COPY", "LOCK", "UNLOCK", "SEARCH", "PURGE",
    "BREW", "M-SEARCH"])
@pytest.mark.parametrize("body", [None, b"<xml/>"], ids=["bare", "body"])
def test_a_method_passes_with_and_without_a_body(probe, method, body):
    """BEHAVIOUR 6, 27"""
    if method == "BREW" and not probe.language.has("any-method"):
        pytest.skip("its server knows a list of methods")
    got = probe.request(method, "/env", body)
    assert got.status == 200
    assert got.json["REQUEST_METHOD"] == method
    assert probe.request(method, "/echo", body).body == (body or b"")


@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.parametrize("target", ["/size/1000", "/length/1000", "/headers",
                                    "/status/404%20No", "/trickle/2/0"])
def test_head_has_the_headers_of_get_and_no_body(probe, target):
    """BEHAVIOUR 6"""
    get, head = probe.get(target), probe.request("HEAD", target)
    assert (head.status, head.body) == (get.status, b"")
    volatile = ("date", "keep-alive", "connection", "transfer-encoding",
                "push-policy")

    def kept(answer):
        return [(name.lower(), value) for name, value in answer.headers
                if name.lower() not in volatile]
    assert [h for h in kept(head) if h[0] != "content-length"] == \
        [h for h in kept(get) if h[0] != "content-length"]
    assert head.header("Content-Length") in (None,
                                             get.header("Content-Length"))


@pytest.mark.versions("1.1")
def test_head_leaves_a_connection_that_can_be_used(shared, probe):
    """BEHAVIOUR 6, 12"""
    with shared.connect() as raw:
        for target in ("/length/100000", "/size/200000", "/ignore"):
            raw.send(probe.raw_request("HEAD", target))
            assert raw.read_until("\r\n\r\n").startswith(b"HTTP/1.1 200")
        raw.send(probe.raw_request("GET", "/ignore"))
        head, body = raw.read_response()
        assert head.startswith(b"HTTP/1.1 200") and body == b"ignored"


def test_trace_never_reaches_the_application(probe):
    """BEHAVIOUR 6"""
    answer = probe.request("TRACE", "/env", headers={"X-A": "1"})
    assert b"REQUEST_METHOD" not in answer.body
    assert answer.status in (200, 403, 405)


# -- bodies ----------------------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.parametrize("size", [0, 1, 65535, 65537, 1 << 20])
def test_a_body_of_known_length_arrives_exactly(probe, size):
    """BEHAVIOUR 7"""
    body = os.urandom(size)
    got = probe.post("/digest", body).json
    assert got == {"length": size, "sha256": digest_of(body),
                   "content_length": str(size), "past_the_end": ""}


@pytest.mark.versions("1.1", "2")
@pytest.mark.parametrize("sizes", [(), (1,), (1, 8191, 70000), (1,) * 500],
                         ids=["none", "one", "several", "many"])
def test_a_body_of_unknown_length_arrives_whole(probe, sizes):
    """BEHAVIOUR 7"""
    pieces = [os.urandom(size) for size in sizes]
    whole = b"".join(pieces)
    got = probe.post("/digest", iter(pieces)).json
    assert (got["length"], got["sha256"]) == (len(whole), digest_of(whole))
    assert got["content_length"] in (str(len(whole)),) + \
        ((None, "") if not whole else ())


@pytest.mark.versions("1.1")
def test_chunk_extensions_and_trailers_are_no_part_of_the_body(shared, probe):
    """BEHAVIOUR 7"""
    answer = shared.raw(probe.raw_request(
        "POST", "/echo", "Transfer-Encoding: chunked\r\nConnection: close\r\n"
        "Trailer: X-Sum\r\n",
        "3;a=b;c=\"d\"\r\nabc\r\n04 \r\ndefg\r\n0\r\nX-Sum: 1\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"abcdefg")


@pytest.mark.versions("1.1")
@pytest.mark.parametrize("chunks", [
    "zz\r\nabc\r\n0\r\n\r\n", "-1\r\na\r\n0\r\n\r\n", "3\r\nabcdef\r\n0\r\n\r\n",
    "ffffffffffffffffff\r\na\r\n0\r\n\r\n", "\r\n", "0x3\r\nabc\r\n0\r\n\r\n"])
def test_a_malformed_chunk_is_400_and_the_application_is_not_asked(
        shared, probe, chunks):
    """BEHAVIOUR 7"""
    answer = shared.raw(probe.raw_request(
        "POST", "/mark/malformed", "Transfer-Encoding: chunked\r\n", chunks),
        half_close=True)
    assert answer.split()[1] in (b"400", b"413"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not (probe.app.root / "malformed").exists()


@pytest.mark.versions("1.1")
@pytest.mark.parametrize("vhost", ["patient", "unbuffered"])
@pytest.mark.parametrize("framing, start", [
    ("Content-Length: 100000", "x" * 50000),
    ("Transfer-Encoding: chunked", "C350\r\n" + "x" * 40000),
    ("Transfer-Encoding: chunked", "3\r\nabc\r\n")],
    ids=["length", "in-a-chunk", "between-chunks"])
def test_a_body_that_the_client_cuts_off_never_looks_complete(
        shared, probe, vhost, framing, start):
    """BEHAVIOUR 7, 34"""
    site = probe.at(vhost)
    shared.raw(site.raw_request("POST", "/mark/cut", framing + "\r\n", start),
               half_close=True)
    site.post("/mark/whole", start)
    assert site.app.read("whole") == str(len(start))
    assert not (site.app.root / "cut").exists()


@pytest.mark.everywhere
@pytest.mark.versions("1.1")
def test_expect_100_continue_is_answered_before_the_body(shared, probe):
    """BEHAVIOUR 7"""
    with shared.connect() as raw:
        raw.send(probe.raw_request("POST", "/echo", "Content-Length: 4\r\n"
                                   "Expect: 100-continue\r\n"))
        assert raw.read_until("\r\n\r\n").startswith(b"HTTP/1.1 100")
        raw.send("body")
        head, body = raw.read_response()
        assert head.startswith(b"HTTP/1.1 200") and body == b"body"


@pytest.mark.versions("1.1")
@pytest.mark.parametrize("vhost", ["limit", "streamlimit"])
def test_expect_100_continue_is_refused_at_once_where_the_body_would_be(
        shared, probe, vhost):
    """BEHAVIOUR 7, 33"""
    with shared.connect() as raw:
        raw.send(probe.at(vhost).raw_request(
            "POST", "/echo",
            "Content-Length: 5000\r\nExpect: 100-continue\r\n"))
        assert raw.read_until("\r\n\r\n").startswith(b"HTTP/1.1 413")


@pytest.mark.everywhere
@pytest.mark.parametrize("vhost", ["patient", "unbuffered"])
@pytest.mark.parametrize("action", ["ignore", "part/1000"])
@pytest.mark.parametrize("size", [5000, 100000, 3 << 20])
def test_an_answer_without_reading_the_body_gets_through(probe, vhost, action,
                                                         size):
    """BEHAVIOUR 7, 34"""
    site = probe.at(vhost)
    for _ in range(2):
        answer = site.post(f"/{action}", b"x" * size)
        assert answer.status == 200
        assert answer.body in (b"ignored", b"part 1000")
        assert site.post("/echo", b"next").body == b"next"


@pytest.mark.everywhere
@pytest.mark.needs("unread")
@pytest.mark.versions("1.1")
@pytest.mark.parametrize("target", ["/ignore", "/size/70000", "/length/500"])
def test_an_early_answer_reaches_a_client_that_goes_on_sending(
        shared, probe, target):
    """BEHAVIOUR 7"""
    site = probe.at("unbuffered")
    expected = site.get(target).body
    with shared.connect() as raw:
        raw.sock.settimeout(10)     # mod_reqtimeout would end it after 20 s
        raw.send(site.raw_request("POST", target,
                                  "Content-Length: 1000000\r\n", "x" * 1000))
        assert raw.read_response()[1] == expected


@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.parametrize("vhost", ["patient", "unbuffered"])
def test_ten_mib_written_before_ten_mib_are_read_do_not_deadlock(probe, vhost):
    """BEHAVIOUR 7"""
    size = 10 << 20
    answer = probe.at(vhost).post(f"/early/{size}", b"y" * size)
    assert answer.status == 200
    assert len(answer.body) == size + len(f"\nread {size}")
    assert answer.body.endswith(b"x\nread %d" % size)


@pytest.mark.every_version
@pytest.mark.parametrize("vhost", ["patient", "unbuffered"])
def test_a_body_relayed_piece_by_piece_comes_back_whole(probe, vhost):
    """BEHAVIOUR 7"""
    body = os.urandom(3 << 20)
    assert probe.at(vhost).post("/relay", body).body == body


@pytest.mark.needs("rewind")
def test_a_rewindable_body_rewinds(probe):
    """BEHAVIOUR 29"""
    for size in (0, 100, 300000):
        assert probe.post("/rewind", os.urandom(size)).body == b"true"


@pytest.mark.needs("unread")
def test_a_multipart_upload_arrives_byte_by_byte(probe):
    """BEHAVIOUR 9"""
    body = (b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n"
            + bytes(range(256)) * 900 + b"\r\n--\r\n\r\n--B--\r\n")
    got = probe.post("/digest", body, {
        "Content-Type": "multipart/form-data; boundary=B"}).json
    assert (got["length"], got["sha256"]) == (len(body), digest_of(body))


@pytest.mark.every_version
def test_a_compressed_body_passes_as_it_is(probe):
    """BEHAVIOUR 27"""
    body = gzip.compress(b"git says hello" * 1000)
    answer = probe.post("/echo", body, {"Content-Encoding": "gzip"})
    assert answer.body == body
    got = probe.request("POST", "/env", body, {"Content-Encoding": "gzip"})
    assert got.json["HTTP_CONTENT_ENCODING"] == "gzip"


@pytest.mark.every_version
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "unsized"])
def test_a_body_that_a_filter_inflates_has_its_real_length(probe, chunked):
    """BEHAVIOUR 7, 27"""
    body = os.urandom(1000) * 300
    packed = gzip.compress(body)
    got = probe.at("inflate").post(
        "/digest", iter([packed]) if chunked else packed,
        {"Content-Encoding": "gzip"}).json
    assert got == {"length": len(body), "content_length": str(len(body)),
                   "sha256": digest_of(body), "past_the_end": ""}


@pytest.mark.every_version
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "unsized"])
def test_a_body_over_the_limit_is_413_and_the_application_is_not_asked(
        probe, chunked):
    """BEHAVIOUR 33"""
    site = probe.at("limit")
    body = b"x" * 1001
    answer = site.post("/mark/over", iter([body]) if chunked else body)
    assert answer.status == 413
    assert not (site.app.root / "over").exists()
    assert site.post("/mark/under", body[:1000]).status == 200
    assert site.app.read("under") == "1000"


@pytest.mark.everywhere
@pytest.mark.versions("1.1")
def test_a_slow_upload_occupies_no_process(shared, probe):
    """BEHAVIOUR 9"""
    site = probe.alone
    site.get("/pid")
    with shared.connect() as raw:
        raw.send(site.raw_request("POST", "/echo", "Content-Length: 4\r\n",
                                  "b"))
        for letter in "od":
            assert site.get("/pid").status == 200
            raw.send(letter)
        assert site.get("/pid").status == 200
        raw.send("y")
        assert raw.read_response()[1] == b"body"


@pytest.mark.ours
@pytest.mark.versions("1.1")
def test_an_upload_without_buffering_that_is_cut_off_frees_its_process(
        shared, probe):
    """BEHAVIOUR 34"""
    site = probe.at("unbuffered")
    with shared.connect() as raw:
        raw.send(site.raw_request("POST", "/mark/half",
                                  "Content-Length: 400000\r\n", "x" * 1000))
        eventually(lambda: shared.status_of(site.app)["processes"])
    eventually(lambda: shared.status()["counts"]["active"] == 0, 10)
    assert site.post("/echo", b"next").body == b"next"
    assert not (site.app.root / "half").exists()


# -- size ------------------------------------------------------------------

class Noise:
    """Bytes without end that can be made again: pieces and their hash."""

    def __init__(self, size):
        self.size = size
        self.hash = hashlib.sha256()
        self._piece = os.urandom(1 << 20)

    def __iter__(self):
        left = self.size
        while left > 0:
            piece = self._piece[:left]
            self.hash.update(piece)
            left -= len(piece)
            yield piece


def check_upload(shared, probe, size):
    """A body of that size takes no more memory than one of 40 MiB."""
    probe.get("/pid")
    peaks = shared.peaks()
    probe.post("/digest", iter([b"x" * (1 << 20)] * 40))
    noise = Noise(size)
    with peaks:
        got = probe.at("unlimited").post("/digest", iter(noise),
                                         timeout=600).json
    assert (got["length"], got["sha256"]) == (size, noise.hash.hexdigest())
    peaks.check(8192, 98304)


@pytest.mark.versions("1.1", "2")
def test_a_body_of_100_mib_needs_no_more_memory_than_others(shared, probe):
    """BEHAVIOUR 7"""
    check_upload(shared, probe, 100 << 20)


@pytest.mark.full
@pytest.mark.mpms("event")
@pytest.mark.versions("1.1")
def test_a_body_over_4_gib_needs_no_more_memory_than_others(shared, probe):
    """BEHAVIOUR 7"""
    check_upload(shared, probe, (4 << 30) + 12345)
