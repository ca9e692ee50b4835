# SPDX-License-Identifier: Apache-2.0
"""Directives that bound or shape what one application may do."""

import http.client
import os
import signal
import subprocess
import threading
import time

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.calls import Calls, hold, probe_site

# Others beside it would change what is measured.
RUNS_ALONE = True

LOADS = """
with open("loads", "a") as file:
    file.write("loaded\\n")
""" + PROBE_CODE["wsgi"]


# -- time ------------------------------------------------------------------

def test_a_silent_application_is_504(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolResponseTimeout 1")
    site.get("/pid")
    began = time.monotonic()
    answer = site.get("/sleep/3")
    assert answer.status == 504
    assert 0.9 < time.monotonic() - began < 2.5
    h.log.wait(f"{site.app.root}")
    assert site.get("/pid").status == 200


def test_silence_in_mid_response_is_a_visible_cut(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolResponseTimeout 1")
    site.get("/pid")
    with pytest.raises(http.client.IncompleteRead):
        site.get("/trickle/2/3", timeout=5)


def test_a_request_that_takes_too_long_ends_its_process(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolMaxRequestTime 1")
    pid = int(site.get("/pid").body)
    began = time.monotonic()
    assert site.get("/sleep/30").status == 504
    assert time.monotonic() - began < 5
    eventually(lambda: pid not in h.processes_of(site.app))
    assert site.get("/pid").status == 200


# -- numbers ---------------------------------------------------------------

def test_a_process_serves_no_more_than_its_requests(httpd):
    h = httpd(conf="PoolMax 3")
    site = probe_site(h, extra="PoolMaxRequests 5")
    served = {}
    for _ in range(30):
        answer = site.get("/pid")
        assert answer.status == 200
        served[answer.body] = served.get(answer.body, 0) + 1
    assert max(served.values()) <= 5
    assert len(served) >= 6


@pytest.mark.parametrize("rolling", ["on", "off"])
def test_a_process_over_the_memory_limit_is_replaced(httpd, rolling):
    h = httpd(conf="PoolMax 3")
    site = probe_site(h, extra="PoolMemoryLimit 80\n"
                               f"PoolRollingRestart {rolling}")
    frugal = probe_site(h, "frugal", extra="PoolMemoryLimit 80")
    stays = frugal.get("/eat/30").body
    big = site.get("/eat/120").body
    seen = []

    def replaced():
        answer = site.get("/pid")
        seen.append(answer.status)
        return answer.body != big
    eventually(replaced, 10)
    assert set(seen) == {200}
    h.log.wait(rf"{site.app.root} .*PoolMemoryLimit is 80")
    eventually(lambda: int(big) not in h.processes_of(site.app))
    assert frugal.get("/pid").body == stays


def test_threads_serve_at_once_in_one_process(httpd):
    h = httpd(conf="PoolMax 4")
    site = probe_site(h, extra="PoolThreads 4\nPoolMaxPerApp 1")
    assert site.get("/env").json["wsgi.multithread"] is True
    answers = hold(site, 4).release(site).values()
    assert len({a.body for a in answers}) == 1


def test_min_instances_stay_when_idle(httpd):
    h = httpd(conf="PoolMax 4\nPoolMaxIdleTime 1")
    site = probe_site(h, extra="PoolMinInstances 2")
    hold(site, 4).release(site)
    eventually(lambda: len(h.processes_of(site.app)) == 2, 6)


def test_one_of_min_instances_that_is_killed_comes_back_unasked(httpd):
    h = httpd(conf="PoolMax 4")
    site = probe_site(h, extra="PoolMinInstances 2")
    assert site.get("/pid").status == 200
    eventually(lambda: len(h.processes_of(site.app)) == 2, 8)
    killed = h.processes_of(site.app)[0]
    os.kill(killed, signal.SIGKILL)

    def is_replaced():
        pids = h.processes_of(site.app)
        return killed not in pids and len(pids) == 2
    eventually(is_replaced, 4)


def test_pre_start_starts_without_a_request(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolPreStart on\nPoolMinInstances 2")
    h.start()
    eventually(lambda: len(h.processes_of(site.app)) == 2, 8)


def test_no_more_requests_wait_than_pool_max_waiting(httpd):
    h = httpd(conf="PoolMax 1\nPoolMaxWaiting 2")
    site = probe_site(h)
    site.get("/pid")
    calls = hold(site)
    for number in range(2):
        calls.start(number, site, "/pid")
    eventually(lambda: h.status()["counts"]["waiting"] == 2)
    assert site.get("/pid").status == 503
    calls.release(site)


def test_a_header_over_the_limit_is_502_with_its_own_sentence(httpd):
    h = httpd()
    app = h.wsgi_app("big", """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("X-Big", "x" * int(environ["QUERY_STRING"]))])
    return [b"ok"]
""")
    site = h.vhost(app, extra="PoolResponseHeaderLimit 16")
    assert site.get("/?15000").header("X-Big") == "x" * 15000
    assert site.get("/?20000").status == 502
    h.log.wait("PoolResponseHeaderLimit")
    assert site.get("/?1").status == 200


# -- starting --------------------------------------------------------------

@pytest.mark.parametrize("language", ["wsgi", "rack"])
@pytest.mark.parametrize("method, loads", [("smart", 1), ("direct", 2)])
def test_smart_spawning_loads_the_code_once(httpd, language, method, loads):
    h = httpd(conf="PoolMax 2")
    code = LOADS if language == "wsgi" else \
        'File.write("loads", "loaded\\n", mode: "a")\n' \
        + PROBE_CODE["rack"]
    site = h.vhost(h.app("loads", language, code),
                   extra=f"PoolSpawnMethod {method}\nPoolMinInstances 2")
    site.get("/pid")
    threads = [threading.Thread(target=site.get, args=("/sleep/0.5",))
               for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(h.processes_of(site.app)) == 2)
    assert site.app.read("loads").count("loaded") == loads


def test_a_virtual_environment_is_the_applications_python(httpd):
    h = httpd()
    site = probe_site(h)
    folder = site.app.mkdir("venv")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder],
                   check=True)
    other = h.vhost(site.app, name="venv.test",
                    extra=f"PoolPython {folder}/bin/python")
    assert site.get("/inside").json["prefix"] == "/usr"
    assert other.get("/inside").json["prefix"] == str(folder)


@pytest.mark.needs_root
def test_without_user_switching_everything_runs_as_the_lowest_user(httpd):
    h = httpd(conf="PoolUserSwitching off\nPoolLowestUser mail")
    site = probe_site(h)
    site.get("/pid")
    (process,) = h.serving(site.app)
    assert process["user"] == "mail"


# -- output and bodies -----------------------------------------------------

def test_a_log_file_of_its_own_takes_what_the_application_says(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolLogFile logs/own.log")
    site.get("/say")
    own = h.folder / "logs/own.log"
    eventually(lambda: own.read_text().count("said on") == 3)
    assert "said on" not in h.log.text()


def test_a_flood_on_stderr_stalls_nobody(httpd):
    h = httpd(conf="PoolMax 2")
    site = h.vhost(h.wsgi_app("noisy", """
import sys
def application(environ, start_response):
    for number in range(20000):
        print("noise", number, "x" * 80, file=sys.stderr)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
"""))
    quiet = probe_site(h)
    calls = Calls()
    calls.start("noisy", site, "/")
    assert quiet.get("/pid").status == 200
    assert calls.join()["noisy"].body == b"done"


def test_unbuffered_uploads_and_responses_arrive(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolBufferUpload off\nPoolBufferResponse off")
    body = bytes(range(256)) * 4000
    assert site.post("/echo", body).body == body
    assert site.post("/digest", iter([body, b"x"])).json["length"] == \
        len(body) + 1
    assert len(site.get("/size/3000000").body) == 3000000
