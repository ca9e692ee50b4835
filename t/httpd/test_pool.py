# SPDX-License-Identifier: Apache-2.0
"""How many processes there are, who waits, and what fails how."""

import time

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.calls import Calls, hold, probe_site


# -- numbers ---------------------------------------------------------------

@pytest.mark.all_mpms
def test_nothing_starts_before_the_first_request(httpd):
    h = httpd()
    site = probe_site(h)
    h.start()
    assert not h.applications
    assert h.status()["counts"]["processes"] == 0
    assert site.get("/pid").status == 200
    assert h.status_of(site.app)["type"] == "wsgi"
    (process,) = h.serving(site.app)
    assert process["pid"] == int(site.get("/pid").body)
    assert process["user"] == site.app.user


def test_n_first_requests_start_one_process(httpd):
    h = httpd(conf="PoolMax 6")
    site = h.vhost(h.wsgi_app("slow", "import time\ntime.sleep(1)\n"
                              + PROBE_CODE["wsgi"]))
    calls = Calls()
    for number in range(6):
        calls.start(number, site, "/pid")
    eventually(lambda: h.status()["counts"]["waiting"] == 6 and h.applications)
    assert len(h.applications) == 1
    assert {a.status for a in calls.join().values()} == {200}


@pytest.mark.all_mpms
def test_concurrent_requests_never_start_more_than_pool_max(httpd):
    h = httpd(conf="PoolMax 3")
    site = probe_site(h)
    calls = hold(site, 10, held=3)
    eventually(lambda: h.status()["counts"]["waiting"] == 7)
    assert h.status()["counts"]["processes"] == 3
    assert h.status()["counts"]["active"] == 3
    pids = [a.body for a in calls.release(site).values()]
    assert len(set(pids)) == 3


def test_pool_max_per_app_is_the_applications_own_limit(httpd):
    h = httpd(conf="PoolMax 6")
    site = probe_site(h, extra="PoolMaxPerApp 1")
    calls = Calls()
    for number in range(4):
        calls.start(number, site, "/pid")
    assert len({a.body for a in calls.join().values()}) == 1


def test_who_waits_is_served_in_order(httpd):
    h = httpd(conf="PoolMax 1")
    site = probe_site(h)
    site.get("/pid")
    calls = hold(site)
    for number in range(5):
        calls.start(number, site, f"/line/{number}")
        eventually(lambda: h.status()["counts"]["waiting"] == number + 1)
    calls.release(site)
    assert site.app.read("lines").split() == list("01234")


def test_idle_processes_end(httpd):
    h = httpd(conf="PoolMax 3\nPoolMaxIdleTime 1")
    site = probe_site(h)
    hold(site, 3).release(site)
    eventually(lambda: len(h.processes_of(site.app)) == 1, 6)
    eventually(lambda: len(h.applications) <= 2, 6)


def test_an_application_that_fills_the_pool_gives_one_up(httpd):
    h = httpd(conf="PoolMax 2")
    big, small = probe_site(h, "big"), probe_site(h, "small")
    calls = hold(big, 2)
    calls.start("small", small, "/pid")
    eventually(lambda: h.status()["counts"]["waiting"] == 1)
    assert calls.release(big)["small"].status == 200
    assert h.status()["counts"]["processes"] <= 2


# -- too much --------------------------------------------------------------

def test_a_full_queue_refuses_at_once(httpd):
    h = httpd(conf="PoolMax 1")
    site = probe_site(h, extra="PoolMaxQueueSize 2")
    site.get("/pid")
    calls = hold(site)
    for number in range(2):
        calls.start(number, site, "/pid")
    eventually(lambda: h.status()["counts"]["waiting"] == 2)
    began = time.monotonic()
    answer = site.get("/pid")
    assert time.monotonic() - began < 1
    assert answer.status == 503 and answer.header("Retry-After")
    h.log.wait(f"{site.app.root}.*2")
    assert {a.status for a in calls.release(site).values()} == {200}


def test_who_waits_too_long_gets_503(httpd):
    h = httpd(conf="PoolMax 1")
    site = probe_site(h, extra="PoolQueueTimeout 1")
    site.get("/pid")
    calls = hold(site)
    began = time.monotonic()
    answer = site.get("/pid")
    assert answer.status == 503 and answer.header("Retry-After")
    assert 0.8 < time.monotonic() - began < 3
    assert calls.release(site)["held 0"].status == 200


def test_a_client_that_leaves_the_queue_never_reaches_the_application(httpd):
    h = httpd(conf="PoolMax 1")
    site = probe_site(h)
    site.get("/pid")
    calls = hold(site)
    with h.connect() as raw:
        raw.send(f"GET /mark/left HTTP/1.1\r\nHost: {site.name}\r\n\r\n")
        eventually(lambda: h.status()["counts"]["waiting"] == 1)
    eventually(lambda: h.status()["counts"]["waiting"] == 0)
    calls.release(site)
    site.get("/pid")
    assert not (site.app.root / "left").exists()


def test_static_files_go_on_while_everybody_waits(httpd):
    h = httpd(conf="PoolMax 1")
    site = probe_site(h)
    site.app.write("public/x.txt", "static")
    site.get("/pid")
    calls = hold(site, 6, held=1)
    eventually(lambda: h.status()["counts"]["waiting"] == 5)
    assert site.get("/x.txt").body == b"static"
    calls.release(site)


# -- what does not start ---------------------------------------------------

BROKEN = {
    "wsgi": "import sys\nprint('a word before', file=sys.stderr)\n"
            "raise ValueError('broken on purpose')\n",
    "rack": "warn 'a word before'\nraise 'broken on purpose'\n",
}


@pytest.mark.parametrize("language", ["wsgi", "rack"])
def test_an_application_that_does_not_start_is_500_and_explained(
        httpd, language):
    h = httpd()
    app = h.app("broken", language, BROKEN[language])
    site = h.vhost(app)
    answer = site.get("/")
    assert answer.status == 500
    assert "broken on purpose" not in answer.text
    h.log.wait("broken on purpose")
    h.log.wait("a word before")
    assert "broken on purpose" in h.status_of(app)["last_error"]
    assert site.get("/").status in (500, 503)


def test_friendly_error_pages_tell_the_cause(httpd):
    h = httpd()
    app = h.wsgi_app("broken", BROKEN["wsgi"])
    site = h.vhost(app, extra="PoolFriendlyErrorPages on")
    answer = site.get("/")
    assert answer.status == 500
    assert "ValueError" in answer.text and "broken on purpose" in answer.text


def test_a_repaired_application_starts_without_a_restart(httpd):
    h = httpd()
    app = h.wsgi_app("broken", BROKEN["wsgi"])
    site = h.vhost(app)
    assert site.get("/pid").status == 500
    app.write("passenger_wsgi.py", PROBE_CODE["wsgi"])
    eventually(lambda: site.get("/pid").status == 200, 6)


@pytest.mark.parametrize("extra", ["", "PoolAppType wsgi"])
def test_a_repaired_startup_file_ends_a_long_back_off(httpd, extra):
    h = httpd()
    app = h.wsgi_app("broken", BROKEN["wsgi"])
    site = h.vhost(app, extra=extra)

    def backs_off():
        assert site.get("/pid").status == 500
        return h.status_of(app)["retry_in_s"] > 3.5
    eventually(backs_off, 10)
    app.write("passenger_wsgi.py", PROBE_CODE["wsgi"])
    eventually(lambda: site.get("/pid").status == 200, 3)


def test_a_startup_file_without_an_application_is_explained(httpd):
    h = httpd()
    site = h.vhost(h.wsgi_app("empty", "x = 1\n"))
    assert site.get("/").status == 500
    h.log.wait("application")


def test_an_application_that_takes_too_long_to_start_is_ended(httpd):
    h = httpd()
    app = h.wsgi_app("slow", "import time\ntime.sleep(60)\n")
    site = h.vhost(app, extra="PoolStartTimeout 1")
    began = time.monotonic()
    assert site.get("/").status == 500
    assert 0.8 < time.monotonic() - began < 5
    eventually(lambda: not h.applications, 8)


def test_one_that_does_not_start_disturbs_no_other(httpd):
    h = httpd(conf="PoolMax 3")
    slow = h.vhost(h.wsgi_app("slow", "import time\ntime.sleep(60)\n"),
                   extra="PoolStartTimeout 2")
    good = probe_site(h)
    calls = Calls()
    calls.start("slow", slow, "/")
    eventually(lambda: h.status()["counts"]["waiting"] == 1)
    began = time.monotonic()
    assert good.get("/pid").status == 200
    assert time.monotonic() - began < 2
    assert calls.join()["slow"].status == 500


VERSION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"version %d"]
"""
