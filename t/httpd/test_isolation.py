# SPDX-License-Identifier: Apache-2.0
"""PoolIsolation: each attack succeeds without its word and fails with it."""

import ctypes
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import Proc, Stage, eventually, users
from harness.apps import App
from harness.users import is_root

# What an application of the same user may try; "done" where it could.
ATTACKER = '''
import ctypes, os, signal, socket
from urllib.parse import parse_qs

def write(to):
    with open(to, "w") as f:
        f.write("mine")

def read(of):
    with open(of) as f:
        return f.read()

def truncate(what):
    os.truncate(what, 0)

def rename(what):
    os.rename(what, what + ".gone")

def stop(pid):
    os.kill(int(pid), 0)

def connect(name):
    socket.socket(socket.AF_UNIX).connect("\\0" + name)

def attach(key):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(int(key), 4096, 0o600) < 0:
        raise OSError(ctypes.get_errno(), "shmget")

def application(environ, start_response):
    act = globals()[environ["PATH_INFO"][1:]]
    (what,) = parse_qs(environ["QUERY_STRING"])["on"]
    try:
        body = act(what) or "done"
    except OSError as error:
        body = "refused: %s" % error
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
'''
HAVE_LANDLOCK = ctypes.CDLL(None).syscall(444, None, 0, 1)

# Root has it, but for a container's, and in a chroot whose folder is no mount.
mounts = pytest.mark.skipif(
    subprocess.run(["unshare", "--mount", "--propagation", "slave", "true"],
                   check=False, capture_output=True).returncode != 0,
    reason="no mounts of its own are to be had for a process here")
root_only = pytest.mark.skipif(not is_root(), reason="httpd is not root's")


def landlock(version):
    return pytest.mark.skipif(HAVE_LANDLOCK < version,
                              reason=f"no Landlock {version} in this kernel")


@pytest.fixture
def outside():
    """A folder that the application's user owns, not below /tmp."""
    folder = Path(tempfile.mkdtemp(prefix="apppool-test-", dir="/var"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start(httpd, outside, stage):
    """start(words): a site whose application is kept apart so."""
    def make(words, code=ATTACKER):
        # What an application is started with must not be hidden either.
        programs = outside / "stage"
        shutil.copytree(stage.folder, programs, symlinks=True)
        h = httpd(conf=f"PoolMax 4\n<Directory {outside}>\n"
                       "Require all granted\n</Directory>",
                  stage=Stage(programs))
        app = App(outside / "app", h.default_user, "wsgi")
        app.write("wsgi.py", code)
        users.give(outside, app.user)
        return h.vhost(app, extra=f"PoolIsolation {words}")
    return make


def attempt(site, act, what):
    answer = site.get(f"/{act}?on={what}")
    assert answer.status == 200, answer
    return answer.body.decode()


@mounts
@pytest.mark.parametrize("words", ["off", "tmp"])
@pytest.mark.parametrize("place", ["/tmp", "/var/tmp"])
def test_a_temporary_file_is_its_own(start, words, place):
    site = start(words)
    with tempfile.NamedTemporaryFile("w", dir=place) as planted:
        planted.write("secret")
        planted.flush()
        os.chmod(planted.name, 0o644)
        found = attempt(site, "read", planted.name)
        assert (found == "secret") == (words == "off"), found
    path = Path(place) / f"apppool-test-{os.getpid()}"
    try:
        assert attempt(site, "write", path) == "done"
        assert attempt(site, "read", path) == "mine"
        assert path.exists() == (words == "off")
    finally:
        path.unlink(missing_ok=True)


@mounts
@pytest.mark.parametrize("words", ["off", "ipc"])
def test_shared_memory_is_its_own(start, words):
    site = start(words)
    libc = ctypes.CDLL(None)
    key = 0x61707000 + os.getpid() % 4096
    memory = libc.shmget(key, 4096, 0o1666)
    assert memory >= 0
    posix = Path("/dev/shm") / f"apppool-test-{os.getpid()}"
    try:
        posix.write_text("secret")
        posix.chmod(0o644)
        reached = {attempt(site, "attach", key).split(":")[0],
                   attempt(site, "read", posix).split(":")[0]}
        assert reached == ({"done", "secret"} if words == "off"
                           else {"refused"})
    finally:
        posix.unlink()
        libc.shmctl(memory, 0, None)


@landlock(3)
@pytest.mark.parametrize("words", ["off", "files"])
def test_files_outside_of_its_root_are_left_alone(start, outside, words):
    site = start(words)
    for act in ("write", "truncate", "rename"):
        target = outside / f"{act}.txt"
        target.write_text("precious")
        users.give(target, site.app.user)
        ended = attempt(site, act, target)
        assert (ended == "done") == (words == "off"), (act, ended)
        assert (target.exists() and target.read_text() == "precious") == \
            (words == "files")
    assert attempt(site, "write", site.app.root / "own.txt") == "done"
    assert attempt(site, "write", "/dev/null") == "done"
    assert attempt(site, "read", "/etc/passwd").startswith("root:")


@landlock(6)
@pytest.mark.parametrize("words", ["off", "signals"])
def test_others_of_its_user_are_out_of_reach(start, words):
    site = start(words)
    other = subprocess.Popen(["sleep", "60"], user=site.app.user)
    name = f"apppool-test-{os.getpid()}"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("\0" + name)
            listener.listen()
            reached = {attempt(site, "stop", other.pid).split(":")[0],
                       attempt(site, "connect", name).split(":")[0]}
            assert reached == ({"done"} if words == "off" else {"refused"})
    finally:
        other.kill()
        other.wait()


@landlock(6)
@mounts
def test_what_is_kept_apart_serves_restarts_and_ends_as_ever(start):
    site = start("tmp ipc files signals")
    h = site.httpd
    path = site.app.root / "x"
    assert attempt(site, "write", path) == "done"
    before = h.processes_of(site.app)
    site.app.write("tmp/restart.txt", "")
    eventually(lambda: attempt(site, "read", path) == "mine" and
               not set(before) & set(h.processes_of(site.app)), 10)
    h.graceful()
    assert attempt(site, "read", path) == "mine"
    pids = h.processes_of(site.app)
    h.stop()
    assert not [pid for pid in pids if Proc(pid).alive]


# -- a control group: a folder stands in for the kernel's ------------------

FILES = ("memory.max", "cpu.max", "pids.max", "cgroup.procs")


@pytest.fixture
def group(outside):
    """A delegated folder, with the group of the first application in it."""
    group = outside / "cgroup" / "app-1"
    group.mkdir(parents=True)
    for name in FILES:
        (group / name).touch()
    return group


@root_only
def test_limits_are_written_and_the_process_is_in_the_group(start, group):
    site = start(f"memory=64 cpu=150 pids=20 cgroup={group.parent}\n"
                 "PoolSpawnMethod direct")
    assert attempt(site, "read", "/etc/hostname")
    (pid,) = site.httpd.processes_of(site.app)
    assert [(group / name).read_text() for name in FILES] == \
        [str(64 << 20), "150000 100000", "20", str(pid)]


@root_only
def test_without_its_group_no_application_starts(start, outside):
    site = start(f"pids=20 cgroup={outside}/none")
    h = site.httpd
    since = h.log.position()
    assert site.get("/").status == 500
    h.log.wait(r"PoolIsolation cgroup=.*/none: .*app-1: No such file.*"
               r"version 2", since=since)


@root_only
def test_a_controller_that_is_not_switched_on_is_named(start, group):
    (group / "pids.max").unlink()
    site = start(f"memory=64 pids=20 cgroup={group.parent}")
    h = site.httpd
    since = h.log.position()
    assert site.get("/").status == 500
    h.log.wait(r"pids.max: No such file.*cgroup.subtree_control", since=since)


@root_only
def test_a_root_that_would_be_hidden_is_refused(httpd):
    h = httpd()
    site = h.vhost(h.wsgi_app("hidden", ATTACKER), extra="PoolIsolation tmp")
    since = h.log.position()
    assert site.get("/").status == 500
    h.log.wait("PoolIsolation tmp would hide the application's root",
               since=since)


CGROUP = Path("/sys/fs/cgroup")
CONTROLS = CGROUP / "cgroup.subtree_control"


@root_only
@pytest.mark.skipif(not CONTROLS.exists() or
                    "pids" not in CONTROLS.read_text().split(),
                    reason="no control groups of version 2 with pids here")
def test_a_fork_bomb_ends_at_the_limit(start):
    bomb = ATTACKER + '''
def bomb(n):
    made = []
    try:
        while len(made) < int(n):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            made.append(pid)
    finally:
        for pid in made:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
'''
    group = CGROUP / f"apppool-test-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cgroup.subtree_control").write_text("+pids")
        site = start(f"pids=30 cgroup={group}", bomb)
        assert attempt(site, "bomb", 20) == "done"
        assert attempt(site, "bomb", 40).startswith("refused")
        site.httpd.stop()
    finally:
        for below in group.glob("app-*"):
            below.rmdir()
        group.rmdir()
