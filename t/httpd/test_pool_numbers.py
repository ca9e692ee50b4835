# SPDX-License-Identifier: Apache-2.0
"""The pool among many: hundreds that wait, more applications than processes,
processes that do not do as they are told."""

import os
import resource
import signal
import time

import pytest

from conftest import PROBE_CODE
from harness import RawConnection, eventually
from harness.calls import Calls, hold, probe_site

MANY_THREADS = """
StartServers 5
ServerLimit 5
ThreadLimit 220
ThreadsPerChild 220
MaxRequestWorkers 1100
MinSpareThreads 1
MaxSpareThreads 1100
"""
# Others beside it would change what is measured.
RUNS_ALONE = True

# Says when it was asked, then works for as long as the URL says: /name/1.5, or
# until there is a file of this name: /name/go.
DIARY = """
import os, time

def application(environ, start_response):
    name, seconds = environ["PATH_INFO"].split("/")[1:3]
    with open("diary", "a") as file:
        file.write(name + "\\n")
    if seconds[0].isdigit():
        time.sleep(float(seconds))
    while not seconds[0].isdigit() and not os.path.exists(seconds):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain"),
                              ("Content-Length", "2")])
    return [b"ok"]
"""


class Crowd:
    """Requests on connections of their own, without threads."""

    def __init__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._limits = soft, hard
        self._connections = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()
        resource.setrlimit(resource.RLIMIT_NOFILE, self._limits)

    def ask(self, site, target):
        connection = RawConnection(site.httpd.start().address)
        connection.send(f"GET {target} HTTP/1.1\r\nHost: {site.name}\r\n"
                        "Connection: close\r\n\r\n")
        self._connections.append(connection)

    def answers(self):
        return [c.read_response()[0].split()[1] for c in self._connections]

    def leave(self):
        for connection in self._connections:
            connection.close()
        self._connections.clear()


def waiting(h):
    return h.status()["counts"]["waiting"]


# -- many requests ---------------------------------------------------------

def test_200_requests_never_see_a_fourth_process_and_come_in_order(httpd):
    h = httpd(conf="PoolMax 3\nPoolMaxWaiting 0", mpm_conf=MANY_THREADS)
    site = h.vhost(h.wsgi_app("diary", DIARY), extra="PoolMaxQueueSize 0")
    most = 0
    with Crowd() as crowd:
        for _ in range(3):
            crowd.ask(site, "/first/go")
        eventually(lambda: h.status()["counts"]["active"] == 3, 10)
        for number in range(200):
            crowd.ask(site, f"/{number}/0.01")
            eventually(lambda: waiting(h) > number)
        site.app.write("go", "")
        while h.status_of(site.app)["waiting"]:
            most = max(most, h.status()["counts"]["processes"],
                       len(h.processes_of(site.app)))
        assert crowd.answers() == [b"200"] * 203
    assert most == 3
    came = [int(line) for line in site.app.read("diary").split()
            if line != "first"]
    assert sorted(came) == list(range(200))
    late = max(abs(place - number) for place, number in enumerate(came))
    assert late <= 10, came


def test_a_thousand_waiting_requests_do_not_keep_a_single_one_waiting(httpd):
    h = httpd(conf="PoolMax 2\nPoolMaxWaiting 0", mpm_conf=MANY_THREADS)
    big = h.vhost(h.wsgi_app("big", DIARY), extra="PoolMaxQueueSize 0")
    small = probe_site(h, "small")
    with Crowd() as crowd:
        for number in range(1000):
            crowd.ask(big, f"/{number}/0.1")
        eventually(lambda: waiting(h) > 900, 20)
        began = time.monotonic()
        assert small.get("/pid").status == 200
        assert time.monotonic() - began < 4     # 1,000 would take 50 s
        assert waiting(h) > 700
        assert h.status()["counts"]["processes"] <= 2
        crowd.leave()
        eventually(lambda: waiting(h) == 0, 10)
    assert len(big.app.read("diary").split()) < 300


def test_more_applications_than_processes_take_turns(httpd):
    h = httpd(conf="PoolMax 2")
    sites = [probe_site(h, f"app{number}") for number in range(5)]
    calls = Calls()
    for turn in range(3):
        for number, site in enumerate(sites):
            calls.start((number, turn), site, "/sleep/0.05")
    assert {a.status for a in calls.join().values()} == {200}
    assert h.status()["counts"]["processes"] <= 2


# -- what shapes an application's processes --------------------------------

def test_concurrency_bounds_the_requests_in_one_process(httpd):
    h = httpd(conf="PoolMax 4")
    site = probe_site(h, extra="PoolThreads 4\nPoolConcurrency 2\n"
                               "PoolMaxPerApp 2")
    calls = hold(site, 5, held=4)
    eventually(lambda: waiting(h) == 1)
    by_pid = {}
    for path in site.app.root.glob("go.waits.*"):
        pid = path.name.split(".")[2]
        by_pid[pid] = by_pid.get(pid, 0) + 1
    assert list(by_pid.values()) == [2, 2]
    calls.release(site)


def test_another_restart_folder_is_the_one_that_is_looked_at(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolRestartDir etc/pool")
    site.app.mkdir("etc")
    site.app.mkdir("tmp")
    pid = site.get("/pid").body
    site.app.write("tmp/restart.txt", "")
    site.app.write("etc/pool/restart.txt", "")
    eventually(lambda: site.get("/pid").body != pid, 5)
    new = site.get("/pid").body
    site.app.write("tmp/restart.txt", "again")
    other = probe_site(h, "other")      # its watcher has looked meanwhile
    other.app.mkdir("tmp")
    h.graceful()
    theirs = other.get("/pid").body
    other.app.write("tmp/restart.txt", "")
    eventually(lambda: other.get("/pid").body != theirs, 5)
    assert site.get("/pid").body == new


SEES_THE_LAST = """
import os
try:
    last = open("last").read()
    seen = os.path.exists("/proc/" + last)
except FileNotFoundError:
    seen = None
with open("seen", "a") as file:
    file.write(f"{seen}\\n")
""" + PROBE_CODE["wsgi"]


@pytest.mark.parametrize("rolling, seen", [("on", "True"), ("off", "False")])
def test_a_rolling_restart_starts_new_code_beside_the_old(httpd, rolling,
                                                         seen):
    h = httpd()
    site = h.vhost(h.wsgi_app("news", SEES_THE_LAST),
                   extra=f"PoolRollingRestart {rolling}\n"
                         "PoolSpawnMethod direct")
    pid = site.get("/pid").body
    site.app.write("last", pid)
    site.app.mkdir("tmp")
    site.app.write("tmp/restart.txt", "")
    eventually(lambda: site.get("/pid").body != pid, 8)
    assert site.app.read("seen").split() == ["None", seen]


STARTS_SLOWLY = """
import time
began = time.monotonic()
time.sleep(0.7)
with open("start", "w") as file:
    file.write(f"{began} {time.monotonic()}")
""" + PROBE_CODE["wsgi"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_no_more_than_max_spawning_start_at_once(httpd, at_once):
    h = httpd(conf=f"PoolMax 6\nPoolMaxSpawning {at_once}")
    sites = [h.vhost(h.wsgi_app(f"slow{number}", STARTS_SLOWLY),
                     extra="PoolSpawnMethod direct") for number in range(3)]
    calls = Calls()
    for number, site in enumerate(sites):
        calls.start(number, site, "/pid")
    calls.join()
    times = sorted(tuple(map(float, s.app.read("start").split()))
                   for s in sites)
    overlaps = [later[0] < earlier[1]
                for earlier, later in zip(times, times[1:])]
    assert overlaps == [at_once > 1] * 2


def test_a_preloader_without_work_ends_and_its_processes_stay(httpd):
    h = httpd(conf="PoolMax 3\nPoolMaxIdleTime 1")
    site = probe_site(h, extra="PoolSpawnMethod smart")
    pid = site.get("/pid").body
    assert h.status()["counts"]["preloaders"] == 1
    eventually(lambda: h.status()["counts"]["preloaders"] == 0, 8)
    assert site.get("/pid").body == pid
    assert h.serving(site.app)[0]["pid"] == int(pid)


# -- processes that do not do as they are told -----------------------------

def touch_restart(site):
    site.app.mkdir("tmp")
    site.app.write("tmp/restart.txt", str(time.monotonic()))


def test_a_process_that_ignores_sigterm_is_killed_and_nobody_waits(httpd):
    h = httpd(conf="PoolMax 2")
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" \
           "signal.signal = lambda *_: None\n" + PROBE_CODE["wsgi"]
    site = h.vhost(h.wsgi_app("stubborn", code),
                   extra="PoolSpawnMethod direct")
    pid = int(site.get("/pid").body)
    touch_restart(site)
    eventually(lambda: int(site.get("/pid").body) != pid, 5)
    assert os.path.exists(f"/proc/{pid}")
    assert site.get("/pid").status == 200
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 10)
    h.log.wait(f"pid {pid}.*did not end when asked to: SIGKILL")


def test_a_process_that_never_accepts_stops_its_own_request_only(httpd):
    h = httpd(conf="PoolMax 3")
    site = probe_site(h, extra="PoolMaxRequestTime 1")
    other = probe_site(h, "other")
    pid = int(site.get("/pid").body)
    os.kill(pid, signal.SIGSTOP)
    calls = Calls()
    calls.start("stuck", site, "/pid")
    began = time.monotonic()
    assert other.get("/pid").status == 200
    assert time.monotonic() - began < 1
    assert calls.join()["stuck"].status == 504
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 8)
    assert int(site.get("/pid").body) != pid


CLOSES = PROBE_CODE["wsgi"] + """
import fcntl

def shut(environ, start_response):
    \"\"\"All sockets that it listens on; it lives on.\"\"\"
    import socket
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as copy:
                if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    os.close(int(name))
        except OSError:
            pass
    return pid(environ, start_response)

NAMES["shut"] = shut
"""


def test_a_process_that_closes_its_socket_is_replaced(httpd):
    h = httpd(conf="PoolMax 3")
    site = h.vhost(h.wsgi_app("closes", CLOSES),
                   extra="PoolMaxRequestTime 1\nPoolSpawnMethod direct")
    pid = int(site.get("/pid").body)
    site.get("/shut")
    deadline = time.monotonic() + 15
    while site.get("/pid").body == b"%d" % pid:     # over what is kept open
        assert time.monotonic() < deadline
        if not os.path.exists(f"/proc/{pid}"):
            break
        h.graceful()        # new children have to connect
    eventually(lambda: site.get("/pid").status == 200, 10)
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 10)


def test_what_takes_too_long_shows_in_the_log_where_it_is(httpd):
    h = httpd()
    site = probe_site(h, extra="PoolMaxRequestTime 1")
    pid = int(site.get("/pid").body)
    assert site.get("/sleep/30").status == 504
    h.log.wait(r"passenger_wsgi\.py.* in sleep|in sleep")
    h.log.wait(f"pid {pid}, .*on one request for longer than "
               "PoolMaxRequestTime: SIGABRT for its backtraces")
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), 5)


# -- roots that the configuration does not name ----------------------------

def test_a_root_that_a_pattern_allows_is_served_and_no_other(httpd):
    h = httpd(modules=("vhost_alias",))
    h.conf = f"PoolMax 3\nPoolAllowRoots {h.folder}/apps/customer-*"
    for name in ("customer-1", "customer-2", "stranger"):
        h.wsgi_app(name, PROBE_CODE["wsgi"])
    site = h.vhost(name="mass.test", extra=f"""
        ServerAlias *.mass.test
        VirtualDocumentRoot {h.folder}/apps/%1/public""")
    told = {name: site.get("/inside", host=f"{name}.mass.test")
            for name in ("customer-1", "customer-2", "stranger")}
    for name in ("customer-1", "customer-2"):
        assert told[name].status == 200
        assert told[name].json["cwd"] == f"{h.folder}/apps/{name}"
    assert told["stranger"].status == 500
    assert not h.processes_of(f"{h.folder}/apps/stranger")
    h.log.wait("apps/stranger is not allowed .* none of PoolAllowRoots")
