# SPDX-License-Identifier: Apache-2.0
"""Each way to fail has its own status and its own number in the log, and what
an admin may have httpd do about it."""

import re
import threading
from pathlib import Path

import pytest

from harness import eventually
from test_http_protocol import OK, raw_site, say
from test_streams import begin, flows_site

ROOT = Path(__file__).parent.parent.parent
SHARED_CONF = "PoolMax 20"


def setup_shared(h):
    h.raw = raw_site(h, "raw", """
        PoolResponseHeaderLimit 1
        PoolResponseTimeout 1
        ErrorDocument 404 "httpd's own page"
        ErrorDocument 401 "who are you"
        <Location />
            PoolServerTiming on
        </Location>
        <LocationMatch "^/say">
            PoolErrorOverride on
        </LocationMatch>""")
    h.mine = raw_site(h, "mine")
    h.limited = raw_site(h, "limited", "PoolMaxRequestTime 1")
    h.flows = flows_site(h, "flows", "PoolQueueTimeout 1\nPoolMaxQueueSize 1")
    h.broken = h.vhost(h.wsgi_app("broken", "1/0"))
    h.full = flows_site(h, "full", "")
    h.slow = h.vhost(document_root=h.folder / "www", name="slow.test", extra="""
        <Location /server-status>
            SetHandler server-status
            Require local
        </Location>""")
    (h.folder / "www").mkdir(exist_ok=True)


def numbered(h, number, since):
    """The one line with this number; it names the application."""
    found = h.log.wait(rf"AP{number}: application (\S+)[^\n]*", since=since)
    assert found.group(1).rstrip(":,").startswith(str(h.folder))
    return found.group(0)


CASES = {
    1001: "", 1002: OK, 1003: OK + "A: " + "b" * 2000 + "\r\n\r\n",
    1004: OK + "no colon\r\n\r\n",
    1008: None, 1009: OK + "Content-Length: 5\r\n\r\nhel",
}


@pytest.mark.parametrize("number", CASES)
def test_each_failure_of_an_application_has_its_number(shared, number):
    place = shared.log.position()
    if number == 1008:
        answer = shared.raw.request("GET", "/hang")
        assert answer.status == 504
    elif number == 1009:
        with shared.connect() as c:
            c.send("GET /say?bytes=%s HTTP/1.0\r\nHost: raw.test\r\n\r\n"
                   % CASES[number].encode().hex())
            assert c.read_all().endswith(b"\r\n\r\nhel")
    else:
        assert say(shared.raw, CASES[number], method="POST").status == 502
    numbered(shared, number, place)


@pytest.mark.parametrize("number, data", [
    (1005, OK + "Content-Length: 5\r\n\r\nhel"),
    (1006, OK + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")])
def test_a_broken_body_is_cut_and_numbered(shared, number, data):
    place = shared.log.position()
    with shared.connect() as c:
        c.send("GET /say?bytes=%s&close=1 HTTP/1.1\r\nHost: mine.test\r\n"
               "Connection: close\r\n\r\n" % data.encode().hex())
        answer = c.read_all()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
    numbered(shared, number, place)


def test_a_request_over_its_time_costs_itself_alone(shared):
    """PoolMaxRequestTime, in a process that serves others at the same time."""
    place = shared.log.position()
    pid = shared.limited.get("/echo").json["pid"]
    assert shared.limited.get("/hang").status == 504
    numbered(shared, 1010, place)
    assert shared.limited.get("/echo").json["pid"] == pid


def test_a_full_queue_and_a_long_wait_are_told_apart(shared):
    site = shared.flows
    site.get("/pid")
    with begin(shared, site, "/stamps?n=1&gap=2") as c:
        c.read_until("\n")
        place = shared.log.position()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(
            site.get("/pid")))
        waiting.start()
        eventually(lambda: shared.status()["counts"]["waiting"] == 1)
        full = site.get("/pid")
        assert (full.status, full.header("Retry-After") is not None) == (
            503, True)
        numbered(shared, 1013, place)
        waiting.join()
        assert answers[0].status == 503
        numbered(shared, 1014, place)


def test_an_application_that_does_not_start_has_its_number(shared):
    place = shared.log.position()
    assert shared.broken.get().status == 500
    numbered(shared, 1015, place)


def test_the_list_of_numbers_is_complete():
    header = (ROOT / "mod_apppool/log_numbers.h").read_text()
    listed = (ROOT / "doc/log-numbers").read_text()
    mine = re.findall(r"= (1\d\d\d),?", header)
    assert mine == re.findall(r"^    AP(\d+)", listed, re.M)
    assert len(set(mine)) == len(mine) > 20


# -- PoolErrorOverride --------------------------------------------------------

def error(status, extra=""):
    return (f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 3\r\n"
            "Content-Type: text/x-own\r\n\r\nown")


def test_httpds_error_page_replaces_the_applications(shared):
    answer = say(shared.raw, error(404, "X-Own: 1\r\n"), close=False)
    assert (answer.status, answer.text) == (404, "httpd's own page")
    assert answer.header("X-Own") is None
    answer = say(shared.raw, error(503, "Retry-After: 7\r\n"), close=False)
    assert answer.status == 503 and answer.text != "own"
    assert answer.header("Retry-After") == "7"
    answer = say(shared.raw, error(401, 'WWW-Authenticate: X r="a"\r\n'
                                        "Set-Cookie: a=1\r\n"), close=False)
    assert (answer.status, answer.text) == (401, "who are you")
    assert answer.header("WWW-Authenticate") == 'X r="a"'
    assert answer.header("Set-Cookie") == "a=1"


def test_what_is_no_error_or_unknown_to_httpd_stays_the_applications(shared):
    for status in (200, 302, 499, 599):
        answer = say(shared.raw, error(status), close=False)
        assert (answer.status, answer.text) == (status, "own")


def test_without_the_override_every_body_is_the_applications(shared):
    for status in (401, 404, 418, 500, 503):
        answer = say(shared.mine, error(status), close=False)
        assert (answer.status, answer.text) == (status, "own")


# -- what takes the time ------------------------------------------------------

def test_server_timing_tells_queue_start_and_application(shared):
    answer = shared.raw.get("/echo")
    found = re.fullmatch(r"queue;dur=([\d.]+), spawn;dur=([\d.]+), "
                         r"app;dur=([\d.]+)", answer.header("Server-Timing"))
    assert all(0 <= float(ms) < 30000 for ms in found.groups())
    assert shared.mine.get("/echo").header("Server-Timing") is None


def test_the_applications_own_server_timing_stays(shared):
    answer = say(shared.raw, OK + "Server-Timing: db;dur=3\r\n"
                 "Content-Length: 0\r\n\r\n", close=False)
    assert answer.all("Server-Timing")[0] == "db;dur=3"
    assert len(answer.all("Server-Timing")) == 2


def test_mod_status_shows_what_a_request_waits_for(shared):
    def shows(text):
        return lambda: text in shared.slow.get("/server-status").text
    site = shared.full
    site.get("/pid")
    with begin(shared, site, "/stamps?n=1&gap=1.5") as c:
        c.read_until("\n")
        eventually(shows("[app] GET /stamps"))
        with begin(shared, site, "/pid?waits"):
            eventually(shows("[queue] GET /pid?waits"))
    with shared.connect() as c:
        c.send("POST /sink?up HTTP/1.1\r\nHost: full.test\r\n"
               "Content-Length: 100\r\n\r\nx")
        eventually(shows("[upload] POST /sink?up"))
