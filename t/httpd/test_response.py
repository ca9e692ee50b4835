# SPDX-License-Identifier: Apache-2.0
"""From the application to the client."""

import http.client
import time

import pytest

from harness import eventually
from harness.client import exchange


def setup_shared(h):
    app = h.wsgi_app("alone", (h.probes["wsgi"].app.root
                               / "passenger_wsgi.py").read_text())
    h.alone = h.vhost(app, extra="PoolMaxPerApp 1")
    app.write("public/sorry.txt", "sorry, said httpd")
    h.sorry = h.vhost(app, name="sorry.test", extra="""
        PoolMaxPerApp 1
        ErrorDocument 502 /sorry.txt
        ErrorDocument 500 /sorry.txt""")


@pytest.mark.parametrize("line", [
    "200 OK", "201 Made", "299 Odd", "404 Not Here", "418 Teapot",
    "451 No", "499 Strange", "500 Own", "503 Later", "599 Far"])
def test_status_and_body_are_the_applications(wsgi, line):
    answer = wsgi.get("/status/" + line.replace(" ", "%20"))
    assert (answer.status, answer.reason) == (int(line[:3]), line[4:])
    assert answer.body == b"own body\n"


def test_an_error_document_is_for_our_errors_alone(shared):
    assert shared.sorry.get("/status/500%20Own").body == b"own body\n"
    answer = shared.sorry.get("/gone")
    assert (answer.status, answer.body) == (502, b"sorry, said httpd")


@pytest.mark.parametrize("line", ["204 No", "304 Same"])
def test_a_status_without_body_has_none_whatever_was_written(shared, line):
    first = shared.alone.get("/pid").body
    with shared.connect() as raw:
        for _ in range(2):
            raw.send(f"GET /bodyful/{line.replace(' ', '%20')} HTTP/1.1\r\n"
                     "Host: alone.test\r\n\r\n")
            head = raw.read_until("\r\n\r\n").lower()
            assert head.startswith(b"http/1.1 " + line[:3].encode())
            assert b"content-length" not in head
            assert line[:3] != "304" or b"etag" in head
        raw.send("GET /pid HTTP/1.1\r\nHost: alone.test\r\n\r\n")
        assert raw.read_response()[1] == first


def test_headers_of_one_name_stay_apart_and_in_order(probe):
    answer = probe.get("/headers")
    assert answer.all("Set-Cookie") == ["a=1; Path=/", "b=2, still b"]


def test_headers_pass_byte_by_byte_and_none_is_doubled(wsgi):
    answer = wsgi.get("/headers")
    assert answer.all("Link") == ["</a>; rel=preload", "</b>; rel=preload"]
    assert answer.header("X-Bytes") == "caf\xe9"
    for name in ("Date", "Server", "Content-Type"):
        assert len(answer.all(name)) == 1, name


def test_no_header_of_the_pool_gets_out(probe):
    names = [n.lower() for n, _ in probe.get("/headers").headers]
    assert not [n for n in names if "apppool" in n or n == "status"]


def test_location_passes_as_written(wsgi):
    for line in ("302%20Found", "201%20Made"):
        answer = wsgi.get(f"/location/{line}")
        assert answer.status == int(line[:3])
        assert answer.header("Location") == "/env/elsewhere"
        assert answer.body == b"look there"


@pytest.mark.every_version
def test_without_a_length_1_1_gets_chunks_and_1_0_an_end(probe):
    """BEHAVIOUR 12"""
    answer = probe.get("/size/100000")
    assert len(answer.body) == 100000
    assert answer.header("Transfer-Encoding") == \
        ("chunked" if probe.version == "1.1" else None)
    assert answer.header("Content-Length") is None


def test_a_body_longer_than_its_length_is_cut(shared):
    with shared.connect() as raw:
        for target, body in (("/sized/5/10", b"xxxxx"),
                             ("/ignore", b"ignored")):
            raw.send(f"GET {target} HTTP/1.1\r\nHost: wsgi.test\r\n\r\n")
            assert raw.read_response()[1] == body


def test_a_body_shorter_than_its_length_is_visibly_cut(wsgi):
    with pytest.raises(http.client.IncompleteRead):
        wsgi.get("/sized/10/5", timeout=5)


def test_a_thousand_mixed_requests_on_one_connection(shared, probe):
    connection = http.client.HTTPConnection(*shared.address, timeout=10)
    try:
        for number in range(250):
            for method, target, body, length in (
                    ("GET", "/ignore", None, 7),
                    ("POST", "/echo", b"x" * number, number),
                    ("HEAD", "/size/99", None, 0),
                    ("GET", f"/size/{number * 100}", None, number * 100)):
                answer = exchange(shared.address, method, target, body,
                                  host=probe.name, connection=connection)
                assert answer.status == 200, (number, target, answer)
                assert len(answer.body) == length, (number, target)
    finally:
        connection.close()


def test_pipelined_requests_are_answered_in_order(shared, probe):
    with shared.connect() as raw:
        raw.send("".join(
            f"GET /size/{n} HTTP/1.1\r\nHost: {probe.name}\r\n\r\n"
            for n in range(1, 21)))
        for number in range(1, 21):
            assert len(raw.read_response()[1]) == number


def test_what_is_written_arrives_while_the_application_goes_on(shared, probe):
    probe.get("/pid")
    with shared.connect() as raw:
        began = time.monotonic()
        raw.send(f"GET /trickle/4/0.4 HTTP/1.1\r\nHost: {probe.name}\r\n\r\n")
        raw.read_until("piece 0")
        assert time.monotonic() - began < 0.35
        raw.read_until("piece 3")
        assert time.monotonic() - began >= 1.2
        raw.read_until("0\r\n\r\n")


def test_a_large_response_needs_no_memory(shared, probe):
    probe.get("/size/1000000")
    before = {p: p.private_kib for p in shared.children}
    with shared.connect() as raw:
        raw.send(f"GET /size/{200 << 20} HTTP/1.0\r\n"
                 f"Host: {probe.name}\r\n\r\n")
        raw.read_until("\r\n\r\n")
        size = len(raw.received)
        raw.received = b""
        while True:
            data = raw.sock.recv(1 << 20)
            if not data:
                break
            size += len(data)
    assert size == 200 << 20
    for child, kib in before.items():
        assert child.private_kib < kib + 8192, child


def test_a_slow_reader_holds_no_process(shared):
    shared.alone.get("/pid")
    with shared.connect() as raw:
        raw.send(f"GET /size/{10 << 20} HTTP/1.1\r\nHost: alone.test\r\n\r\n")
        raw.read_until("\r\n\r\n")
        began = time.monotonic()
        assert shared.alone.get("/pid").status == 200
        assert time.monotonic() - began < 2


def test_a_client_that_leaves_costs_nothing_but_its_response(shared):
    shared.alone.get("/pid")
    since = shared.log.position()
    with shared.connect() as raw:
        raw.send("GET /trickle/20/0.05 HTTP/1.1\r\nHost: alone.test\r\n\r\n")
        raw.read_until("piece 0")
    eventually(lambda: shared.status()["counts"]["active"] == 0, 10)
    assert shared.alone.get("/pid").status == 200
    text = shared.log.text(since)
    assert ":error]" not in text and ":warn]" not in text, text


@pytest.mark.needs("boom")
def test_an_exception_is_500_and_the_process_goes_on(shared, probe):
    probe.get("/pid")
    before = set(shared.processes_of(probe.app))
    since = shared.log.position()
    answer = probe.get("/boom")
    assert answer.status == 500
    assert "boom before" not in answer.text
    shared.log.wait("boom before the header", since=since)
    assert before <= set(shared.processes_of(probe.app))


@pytest.mark.needs("late-boom")
@pytest.mark.needs("late-boom")
@pytest.mark.versions("1.1", "2")       # in 1.0 nothing could show it
def test_an_exception_in_mid_body_is_a_visible_cut(probe):
    with pytest.raises(http.client.IncompleteRead):
        probe.get("/late-boom", timeout=5)
    assert probe.get("/pid").status == 200


def test_a_process_that_ends_before_its_answer_is_502(shared, probe):
    assert probe.get("/gone").status == 502
    assert probe.post("/gone").status == 502
    assert probe.get("/pid").status == 200


def test_a_process_that_ends_in_mid_answer_is_a_visible_cut(wsgi):
    with pytest.raises(http.client.IncompleteRead):
        wsgi.get("/late-gone", timeout=5)
    assert wsgi.get("/pid").status == 200


def test_what_an_application_says_goes_to_the_log(shared, probe):
    since = shared.log.position()
    probe.get("/say")
    streams = ["stdout", "stderr"]
    if probe.language.has("error-stream"):
        streams.append(".*errors")
    for what in streams:
        shared.log.wait(f"said on {what}", since=since)


def test_the_access_log_has_status_and_bytes(shared, probe):
    since = shared.access_log.position()
    probe.get("/size/12345?logged")
    shared.access_log.wait(r"/size/12345\?logged HTTP/[012.]+\" 200 12345",
                           since=since)
