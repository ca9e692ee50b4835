# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost under load from all cores, on connections that are kept and
on fresh ones: how many requests failed is counted, and processes are compared
with before. --times 20 makes it as long as it is meant; make check does less.
"""

import signal
import threading

import pytest

from conftest import PROBE_CODE
from harness import Proc, eventually
from harness.load import Load, ask, still

CONF = "PoolMax 6\nPoolMaxPerApp 2"


@pytest.fixture
def sites(httpd):
    h = httpd(conf=CONF)
    for language in ("wsgi", "rack", "psgi"):
        site = h.vhost(h.app(language, language, PROBE_CODE[language]))
        site.app.write("public/x.txt", "static")
    for site in h.sites:
        assert site.get("/pid").status == 200
    return h.sites


def requests(sites):
    """What may be asked twice, and a file beside each second of them."""
    plan = []
    for site in sites:
        for request in (ask(site, "/pid"),
                        ask(site, "/size/30000", expect_size=30000),
                        ask(site, "/echo", method="PUT", body="z" * 500,
                            expect="z" * 500)):
            plan += [request, still(site, "/x.txt", expect="static")]
    return plan


def processes(h):
    """{what: pids} of the pool: master, engine, applications."""
    status = h.status()
    return {"master": h.master.pid, "engine": status["server"]["engine"],
            "applications": {p["pid"] for app in status["applications"]
                             for p in app["processes"]}}


def warm(h, load):
    """All processes that load starts are there."""
    load.more(100)
    eventually(lambda: h.status()["counts"]["processes"] == 2 * len(h.sites) and
               0 not in processes(h)["applications"], 10)
    load.more(100)
    return processes(h)


def kill_engine(h, signo):
    engine = Proc(h.status()["server"]["engine"])
    engine.kill(signo)
    eventually(lambda: not engine.alive, 8)


@pytest.mark.all_mpms
def test_gracefuls_lose_neither_a_request_nor_a_process(sites, times):
    h = sites[0].httpd
    with Load(h.address, requests(sites)) as load:
        before = warm(h, load)
        for _ in range(times):
            h.graceful()
            load.more(100)
        after = processes(h)
    assert not load.lost, load.report()
    assert after == before


@pytest.mark.all_mpms
@pytest.mark.parametrize("signo", [signal.SIGKILL, signal.SIGABRT],
                         ids=["killed", "aborted"])
def test_engines_ended_lose_neither_a_request_nor_a_process(sites, times,
                                                            signo):
    h = sites[0].httpd
    with Load(h.address, requests(sites)) as load:
        before = warm(h, load)
        for _ in range(times):
            kill_engine(h, signo)
            load.more(100)
        after = processes(h)
    assert not load.lost, load.report()
    assert load.slowest["app"] < 3, load.report()
    assert (after["master"], after["applications"]) == \
        (before["master"], before["applications"])


def test_engine_anew_starts_nothing_that_pre_start_has_started(httpd):
    h = httpd()
    site = h.vhost(h.app("early", "wsgi", PROBE_CODE["wsgi"]),
                   extra="PoolPreStart on\nPoolMinInstances 2")
    h.start()
    eventually(lambda: h.status()["counts"]["processes"] == 2 and
               0 not in processes(h)["applications"], 10)
    before = processes(h)
    for _ in range(3):
        kill_engine(h, signal.SIGKILL)
        assert site.get("/pid").status == 200
    assert processes(h)["applications"] == before["applications"]
    assert h.status()["counts"]["processes"] == 2


def test_engine_that_does_not_answer_is_replaced(sites):
    h = sites[0].httpd
    with Load(h.address, requests(sites)) as load:
        before = warm(h, load)
        kill_engine(h, signal.SIGSTOP)
        load.more(100)
        after = processes(h)
    assert not load.lost, load.report()
    assert after["applications"] == before["applications"]
    h.allow_log = "has not answered for"


@pytest.mark.all_mpms
def test_applications_killed_lose_only_answers_that_had_begun(sites, times):
    h = sites[0].httpd
    with Load(h.address, requests(sites)) as load:
        warm(h, load)
        for number in range(times):
            serving = h.processes_of(sites[number % len(sites)].app)
            if serving:
                Proc(serving[number % len(serving)]).kill()
            load.more(100)
    begun = load.failed["app: cut in mid-response"]
    assert load.lost == begun, load.report()


@pytest.mark.all_mpms
def test_master_killed_loses_only_answers_that_had_begun(sites):
    h = sites[0].httpd
    with Load(h.address, requests(sites)) as load:
        warm(h, load)
        for _ in range(2):
            first, httpd_pids = h.master, {p.pid for p in h.children}
            first.kill()
            eventually(lambda: (h.master or first) != first, 4)
            load.more(100)
            assert {p.pid for p in h.children} >= httpd_pids
    begun = load.failed["app: cut in mid-response"]
    assert load.lost == begun, load.report()


@pytest.mark.parametrize("language", ["wsgi", "rack", "psgi"])
def test_requests_in_flight_outlive_their_master_by_five_seconds(sites,
                                                                 language):
    site = next(s for s in sites if s.app.type == language)
    h = site.httpd
    threads = keep_asking(site, "/sleep/30", 1)
    eventually(lambda: h.status()["counts"]["active"] >= 1)
    busy = [p for p in h.applications
            if p.pid in h.processes_of(site.app)]
    h.master.kill()
    eventually(lambda: not [p for p in busy if p.alive], 8)
    for process in h.applications:      # the request was asked again
        if process.alive:
            process.kill()
    for thread in threads:
        thread.join(40)


def keep_asking(site, target, count):
    """So many requests at once; they may end as they like."""
    def run():
        try:
            site.get(target)
        except Exception:       # the child that had it is killed
            pass
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def answers(site, target="/pid"):
    try:
        return site.get(target, timeout=3).status == 200
    except OSError:
        return False


def test_children_killed_amid_twenty_requests_leave_nothing_lent(sites):
    site, h = sites[0], sites[0].httpd
    before = h.master, len(h.master.descriptors)
    threads = keep_asking(site, "/sleep/0.5", 20)
    eventually(lambda: h.status()["counts"]["waiting"] >= 2)
    for child in h.children:
        child.kill()
    for thread in threads:
        thread.join(20)
    eventually(lambda: answers(site), 15)
    eventually(lambda: h.status()["counts"]["active"] == 0, 15)
    assert h.status()["counts"]["waiting"] == 0
    assert h.master == before[0]
    assert len(h.master.descriptors) <= before[1] + 40
    h.allow_log = "exit signal Killed"


def test_everything_killed_at_once_starts_again(sites):
    site, h = sites[0], sites[0].httpd
    threads = keep_asking(site, "/sleep/20", 4)
    eventually(lambda: h.status()["counts"]["active"] >= 2)
    for process in h.everything():
        try:
            process.kill()
        except ProcessLookupError:      # with the one before it
            pass
    h.wait_gone(5)
    for thread in threads:
        thread.join(20)
    assert not list((h.folder / "run").glob("apppool*"))
    h.folder.joinpath("run/httpd.pid").unlink()
    assert site.get("/pid").status == 200


STREAMS_MPM = """
StartServers 1
ServerLimit 6
ThreadsPerChild 10
MaxRequestWorkers 60
MinSpareThreads 1
MaxSpareThreads 60
"""


def test_gracefuls_with_a_stream_each_never_fill_the_scoreboard(httpd, mpm,
                                                                times):
    h = httpd(conf="PoolMax 14", mpm_conf=STREAMS_MPM)
    site = h.vhost(h.wsgi_app("wsgi", PROBE_CODE["wsgi"]))
    site.app.write("public/x.txt", "static")
    streams = []
    try:
        for number in range(max(6, times)):
            stream = h.connect().__enter__()
            streams.append(stream)
            stream.send("GET /sse/100000/0.1 HTTP/1.1\r\nHost: wsgi.test\r\n"
                        "\r\n").read_until("data: 1")
            h.graceful()
            eventually(lambda: answers(site, "/x.txt"), 12)
            eventually(lambda: answers(site), 12)
        assert b"data:" in streams[-1].read_until("data:")
    finally:
        for stream in streams:
            stream.close()
