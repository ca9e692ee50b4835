# SPDX-License-Identifier: Apache-2.0
"""Start, graceful, restart, stop, and who may be killed when. That nothing is
left afterwards is checked at the end of every Httpd."""

import threading
import time

import pytest

from conftest import PROBE_CODE
from harness import Proc, eventually
from harness.calls import hold

pytestmark = [pytest.mark.all_mpms]


@pytest.fixture
def site(httpd):
    h = httpd(conf="PoolMax 4")
    site = h.vhost(h.wsgi_app("probe", PROBE_CODE["wsgi"]))
    site.app.write("public/x.txt", "static")
    return site


class Load:
    """Requests without a pause from some threads, until it is left."""

    def __init__(self, site, target="/pid", threads=4):
        self.site, self.target = site, target
        self.good, self.bad = 0, []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run)
                         for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self):
        while not self._stop.is_set():
            try:
                answer = self.site.get(self.target)
                if answer.status == 200:
                    self.good += 1
                else:
                    self.bad.append(answer)
            except Exception as error:      # counted, shown by the test
                self.bad.append(error)

    def more(self, count=50):
        """Wait for so many further good answers."""
        goal = self.good + count
        eventually(lambda: self.good >= goal, 15)


@pytest.mark.both_privileges
def test_start_and_stop_leave_nothing(site):
    h = site.httpd
    assert site.get("/pid").status == 200
    started = h.everything()
    assert len(started) >= 5
    assert h.stop() < 5
    assert not [p for p in started if p.alive]


@pytest.mark.both_privileges
def test_a_start_without_a_request_stops_as_well(site):
    site.httpd.start()
    eventually(lambda: site.httpd.master)
    assert site.httpd.stop() < 5


def test_graceful_stop_leaves_nothing(site):
    site.get("/pid")
    site.httpd.stop(graceful=True)


def test_stop_waits_for_no_request(site):
    h = site.httpd
    site.get("/pid")
    failures = []

    def long_request():
        try:
            failures.append(site.get("/sleep/60"))
        except Exception as error:          # the connection is cut: expected
            failures.append(error)
    thread = threading.Thread(target=long_request)
    thread.start()
    eventually(lambda: h.status()["counts"]["active"] == 1)
    assert h.stop() < 8
    thread.join(10)
    assert failures


def test_stop_ends_what_applications_forked(site):
    grandchild = Proc(int(site.get("/fork").body))
    site.httpd.stop()
    assert not grandchild.alive


def test_requests_are_answered_after_a_graceful(site):
    h = site.httpd
    site.get("/pid")
    for _ in range(3):
        h.graceful()
        assert site.get("/pid").status == 200
    eventually(lambda: len([m for m in servers(h)]) == 1, 12)


def servers(h):
    """Masters below the httpd parent: one, but for moments."""
    return [p for p in h.everything()
            if p.alive and p.entry.comm == "apppool-server"
            and p.entry.ppid == h.pid]


def test_graceful_under_load_fails_no_request(site):
    site.get("/pid")
    with Load(site) as load:
        for _ in range(3):
            load.more()
            site.httpd.graceful()
        load.more()
    assert not load.bad, load.bad[:3]


def test_requests_are_answered_after_a_restart(site):
    site.get("/pid")
    for _ in range(2):
        site.httpd.restart()
        assert site.get("/pid").status == 200


def test_a_request_in_flight_survives_a_graceful(site):
    h = site.httpd
    site.get("/pid")
    calls = hold(site)
    h.graceful()
    assert calls.release(site)["held 0"].status == 200


def test_a_new_vhost_takes_effect_at_a_graceful(site):
    h = site.httpd
    site.get("/pid")
    other = h.vhost(h.wsgi_app("other", PROBE_CODE["wsgi"]))
    h.graceful()
    eventually(lambda: other.get("/inside").json["cwd"]
               == str(other.app.root))


CHANGING = """
import os, time
mode = os.environ["MODE"]
if mode == "slow":
    time.sleep(2)
if mode == "broken":
    raise RuntimeError("broken by its definition")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [mode.encode()]
"""


def test_a_changed_definition_is_replaced_rolling(httpd):
    """DESIGN 2 and 4; the pool is full, so each successor exceeds it by one."""
    h = httpd(conf="PoolMax 2")
    apps = [h.wsgi_app(name, CHANGING) for name in ("one", "two")]

    def configure(mode):
        h.forget_vhosts()
        return [h.vhost(app, name=f"{app.root.name}.test",
                        extra=f"PoolSetEnv MODE {mode}") for app in apps]

    def asked(site, modes):
        began = time.monotonic()
        answer = site.get("/")
        assert answer.status == 200 and answer.text in modes
        assert time.monotonic() - began < 1, "it did not wait for the new one"
        return answer.text
    for site in configure("first"):
        assert site.get("/").text == "first"
    for before, mode in (("first", "slow"), ("slow", "last")):
        sites = configure(mode)
        h.graceful()
        for site in sites:
            eventually(lambda: asked(site, (before, mode)) == mode, 12)
    sites = configure("broken")
    place = h.log.position()
    h.graceful()
    for app in apps:
        h.log.wait(f"app {app.root} .*broken by its definition", since=place)
    for site in sites * 5:
        assert asked(site, ("last",))
    configure("first")
    h.graceful()
    for site in sites:
        eventually(lambda: asked(site, ("last", "first")) == "first", 12)


@pytest.mark.parametrize("engine_dies", [False, True],
                         ids=["", "engine_dies"])
def test_a_removed_application_ends_with_its_last_old_child(httpd,
                                                            engine_dies):
    h = httpd(conf="PoolMax 4")
    stays = h.vhost(h.wsgi_app("stays", PROBE_CODE["wsgi"]))
    goes = h.vhost(h.wsgi_app("goes", PROBE_CODE["wsgi"]))
    pids = [int(site.get("/pid").body) for site in (stays, goes)]
    calls = hold(goes)
    h.forget_vhosts()
    stays = h.vhost(stays.app)
    h.graceful()
    if engine_dies:
        Proc(h.status()["server"]["engine"]).kill()
    assert stays.get("/pid").body == b"%d" % pids[0]
    assert Proc(pids[1]).alive
    assert calls.release(goes)["held 0"].status == 200
    eventually(lambda: not Proc(pids[1]).alive, 12)
    assert stays.get("/pid").body == b"%d" % pids[0]
    eventually(lambda: str(goes.app.root) not in
               [a["root"] for a in h.status()["applications"]])


def test_the_module_loaded_by_a_graceful_works_at_once(httpd):
    h = httpd()
    stage, h.stage = h.stage, None
    site = h.vhost(h.wsgi_app("probe", PROBE_CODE["wsgi"]))
    h.start()
    h.stage = stage
    h.graceful()
    eventually(lambda: answers(site))
    for _ in range(10):
        assert site.get("/pid").status == 200


def test_the_module_removed_by_a_graceful_ends_everything(site):
    h = site.httpd
    site.get("/pid")
    pool = [h.master, *h.applications]
    h.conf, h.stage = "", None
    h.graceful()
    assert site.get("/x.txt").body == b"static"
    eventually(lambda: not [p for p in pool if p.alive], 20)
    h.graceful()
    assert site.get("/x.txt").body == b"static"


def test_when_the_httpd_parent_is_killed_the_pool_ends(site):
    h = site.httpd
    site.get("/pid")
    pool = [h.master, *h.applications]
    httpds = h.children
    h.kill_parent()
    eventually(lambda: not [p for p in pool if p.alive], 6)
    for child in httpds:
        if child.alive:
            child.kill()
    h.wait_gone(5)
    h.folder.joinpath("run/httpd.pid").unlink()


def test_when_a_child_of_httpd_is_killed_the_pool_goes_on(site):
    h = site.httpd
    site.get("/pid")
    master, pids = h.master, set(h.processes_of(site.app))
    for child in h.children:
        child.kill()
    eventually(lambda: answers(site), 15)
    assert h.master == master
    assert pids <= set(h.processes_of(site.app))
    h.allow_log = "exit signal Killed"


def answers(site):
    try:
        return site.get("/pid").status == 200
    except OSError:
        return False


def test_when_the_engine_is_killed_no_request_fails(site):
    h = site.httpd
    site.get("/pid")
    with Load(site) as load:
        for _ in range(2):
            load.more()
            engine = Proc(h.status()["server"]["engine"])
            engine.kill()
            eventually(lambda: not engine.alive)
            load.more()
    assert not load.bad, load.bad[:3]
    h.allow_log = "engine"


def test_when_the_master_is_killed_another_one_comes(site):
    h = site.httpd
    site.get("/pid")
    first = h.master
    first.kill()
    eventually(lambda: h.master and h.master != first, 6)
    eventually(lambda: answers(site), 6)
    assert site.get("/x.txt").body == b"static"


def test_masters_killed_again_and_again_leave_httpd_alone(site):
    """The parent may see a master's end in either of two places."""
    h = site.httpd
    site.get("/pid")
    parent = h.pid
    for _ in range(4):      # five starts a minute are what it allows
        first = h.master
        first.kill()
        eventually(lambda: (h.master or first) != first, 12)
        eventually(lambda: answers(site), 6)
    assert h.pid == parent and Proc(parent).alive
    assert site.get("/x.txt").body == b"static"


def test_killed_applications_under_load_fail_no_repeatable_request(site):
    h = site.httpd
    site.get("/pid")
    killed = set()
    with Load(site) as load:
        for _ in range(3):
            load.more()
            pid = eventually(
                lambda: set(h.processes_of(site.app)) - killed).pop()
            Proc(pid).kill()
            killed.add(pid)
        load.more()
    assert not load.bad, load.bad[:3]


def test_a_server_that_does_not_start_leaves_the_rest_working(httpd):
    h = httpd(conf="")
    broken = h.folder / "server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    h.conf = f"PoolServerExecutable {broken}"
    site = h.vhost(h.wsgi_app("probe", PROBE_CODE["wsgi"]))
    site.app.write("public/x.txt", "static")
    assert site.get("/x.txt").body == b"static"
    answer = site.get("/pid")
    assert answer.status == 503 and answer.header("Retry-After")
    assert site.get("/passenger_wsgi.py").status == 503


def test_a_start_takes_no_time(site):
    began = time.monotonic()
    site.httpd.start()
    assert time.monotonic() - began < 3
