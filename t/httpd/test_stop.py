# SPDX-License-Identifier: Apache-2.0
"""restart and stop wait for nobody: whatever applications do, httpd, the pool
server and every application with what it forked are gone within 8 s, in order,
and nothing is left of them."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import Proc, eventually
from harness.config import httpd_program
from harness.users import is_root

STUBBORN = '''
import os, signal, time

def deaf(seconds):
    """Neither SIGTERM nor a closed connection ends this."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/deaf":
        child = os.fork()
        if child == 0:
            os.setsid() if environ["QUERY_STRING"] == "own-session" else None
            deaf(60)
            os._exit(0)
        open("deaf.%d" % child, "w").close()
        deaf(60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
'''


# Folders of other tests, which run beside these.
OF_TESTS = ("apppool-t", "apppool-stage", "apppool-hostile", "apppool-files",
            "apppool-library", "apppool-launcher", "apppool-bench")


def left_in_shared_places():
    """What the pool may have put where everybody sees it."""
    return {path for place in ("/dev/shm", "/tmp", "/run")
            for path in Path(place).glob("apppool*")
            if not path.name.startswith(OF_TESTS)}


@pytest.fixture
def site(httpd):
    h = httpd(conf="PoolMax 4")
    site = h.vhost(h.wsgi_app("stubborn", STUBBORN))
    site.app.write("public/x.txt", "static")
    assert site.get("/").status == 200
    return site


def make_busy(site, count=2):
    """So many requests that would run a minute, each with a deaf child."""
    def run(target):
        try:
            site.get(target, timeout=70)
        except Exception:       # it is cut: expected
            pass
    for number in range(count):
        target = "/deaf?own-session" if number % 2 else "/deaf"
        threading.Thread(target=run, args=(target,), daemon=True).start()
    marks = eventually(lambda: (lambda found: found if len(found) == count
                                else None)(
        list(site.app.root.glob("deaf.*"))), 10)
    return [Proc(int(mark.suffix[1:])) for mark in marks]


def test_stop_ends_what_will_not_listen(site):
    before = left_in_shared_places()
    make_busy(site)
    assert site.httpd.stop() < 8
    assert left_in_shared_places() <= before


def test_restart_ends_what_will_not_listen(site):
    h = site.httpd
    deaf = make_busy(site)
    old = [h.master, *h.applications, *deaf]
    began = time.monotonic()
    h.restart()
    eventually(lambda: not [p for p in old if p.alive], 8)
    assert time.monotonic() - began < 8
    assert site.get("/").status == 200


@pytest.mark.all_mpms
@pytest.mark.parametrize("busy", [0, 2], ids=["idle", "busy"])
def test_all_has_ended_before_the_parent_ends(site, busy):
    """As systemd does it (KillMode=mixed): SIGTERM to the parent, and SIGKILL
    to whatever is left as soon as that has ended."""
    h = site.httpd
    if busy:
        make_busy(site, busy)
    everything = h.everything()
    began = time.monotonic()
    os.kill(h.pid, signal.SIGTERM)
    eventually(lambda: not Proc(h.pid).alive, 9)
    left = [p for p in everything if p.alive]
    assert not left, left
    assert time.monotonic() - began < 8
    assert h.stop() < 2


@pytest.mark.all_mpms
def test_one_process_without_children_stops_as_well(httpd):
    h = httpd(conf="PoolMax 2", arguments=["-X"])
    site = h.vhost(h.wsgi_app("stubborn", STUBBORN))
    assert site.get("/").status == 200
    everything = h.everything()
    os.kill(h.pid, signal.SIGTERM)
    eventually(lambda: not [p for p in everything if p.alive], 8)
    assert h.stop() < 2
    h.folder.joinpath("run/httpd.pid").unlink(missing_ok=True)  # httpd's own


@pytest.mark.needs_root
def test_without_a_containers_missing_rights_it_works_and_says_so(httpd):
    rights = "-sys_resource,-sys_ptrace"
    h = httpd(conf="PoolMax 2", wrapper=[
        "setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"])
    site = h.vhost(h.wsgi_app("stubborn", STUBBORN))
    assert site.get("/").status == 200
    process = eventually(lambda: h.serving(site.app))[0]
    assert process["pid"] == int(site.get("/").body)
    h.graceful()
    assert site.get("/").status == 200
    told = h.status()["server"]["not_allowed"]
    assert "CAP_SYS_RESOURCE" in told and "CAP_SYS_PTRACE" in told
    assert h.log.text().count("without CAP_SYS_RESOURCE") == 1
    assert h.stop() < 5


def may_unshare():
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc",
                           "true"], stderr=subprocess.DEVNULL)
    return is_root() and done.returncode == 0


@pytest.mark.parametrize("first", ["sh", "httpd"])
def test_in_a_container_it_starts_and_stops(httpd, first):
    """With pid 1 a shell that waits for it, and as pid 1 itself."""
    if not may_unshare():
        pytest.skip("no right to make a pid namespace")
    h = httpd(conf="PoolMax 2")
    site = h.vhost(h.wsgi_app("stubborn", STUBBORN))
    command = [str(httpd_program()), "-d", str(h.folder), "-f",
               str(h.write_conf()), "-DFOREGROUND"]
    if first == "sh":
        command = ["sh", "-c", '"$@" & wait $!; wait $!', "sh", *command]
    with open(h.console.path, "ab") as console:
        outside = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc",
             "--kill-child=KILL", *command],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            start_new_session=True)     # prefork signals its whole group
    try:
        h._process = outside    # it runs; only not as a child of ours
        eventually(lambda: answers(site), 15)
        inside = h.everything()
        assert len(inside) > 5
        parent = [p for p in inside if p.entry.comm == "apache2"][0]
        os.kill(parent.pid, signal.SIGTERM)
        eventually(lambda: not [p for p in inside if p.alive], 8)
        outside.wait(5)
    finally:
        outside.kill()
        outside.wait()
        h._process = None


def answers(site):
    try:
        return site.get("/", timeout=5).status == 200
    except OSError:
        return False
