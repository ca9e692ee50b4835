# SPDX-License-Identifier: Apache-2.0
"""An application that is out to harm: what it tries on its neighbours, the pool
server and httpd is refused by the kernel, and everybody else is served."""

import json
import os
import threading
import time

import pytest

from harness import eventually, users
from harness.users import is_root

# Each attack on a process returns what it was answered; "done" is a breach.
ATTACKER = '''
import ctypes, errno, json, os, signal, socket
from urllib.parse import parse_qs

libc = ctypes.CDLL(None, use_errno=True)

def call(*args):
    if libc.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def signal_it(pid): os.kill(pid, signal.SIGCONT)
def trace_it(pid):
    ptrace = {"x86_64": 101}.get(os.uname().machine, 117)
    call(ptrace, 16, pid, 0, 0)     # PTRACE_ATTACH
def read_its_memory(pid): open("/proc/%d/mem" % pid, "rb").close()
def write_its_memory(pid): open("/proc/%d/mem" % pid, "r+b").close()
def read_its_variables(pid): open("/proc/%d/environ" % pid, "rb").read()
def list_its_descriptors(pid): os.listdir("/proc/%d/fd" % pid)
def enter_its_root(pid): os.listdir("/proc/%d/root" % pid)
def join_its_namespace(pid): os.readlink("/proc/%d/ns/mnt" % pid)
def take_its_descriptor(pid): call(438, os.pidfd_open(pid), 3, 0) # pidfd_getfd
def slow_it_down(pid): os.setpriority(os.PRIO_PROCESS, pid, 19)
def limit_it(pid):
    import resource
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, 3))
def offer_it_to_the_oom_killer(pid):
    open("/proc/%d/oom_score_adj" % pid, "w").write("1000")

ATTACKS = [signal_it, trace_it, read_its_memory, write_its_memory,
           read_its_variables, list_its_descriptors, enter_its_root,
           join_its_namespace, take_its_descriptor, slow_it_down, limit_it,
           offer_it_to_the_oom_killer]

def attempt(attack, *args):
    try:
        attack(*args)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]

def on(pid):
    return {attack.__name__: attempt(attack, int(pid)) for attack in ATTACKS}

def connect(_):
    """To every socket in the system that has a name and may be the pool's."""
    found = {}
    for line in open("/proc/net/unix").readlines()[1:]:
        name = line.split()[7:]
        if name and "apppool" in name[0] and "PoolControl" not in name[0]:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            found[name[0]] = attempt(s.connect, name[0].replace("@", "\\0"))
    return found

def bomb(most):
    """As many processes as it is allowed."""
    made = []
    try:
        while len(made) < int(most):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            made.append(pid)
        answer = "done"
    except OSError as error:
        answer = errno.errorcode[error.errno]
    for pid in made:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return {"bomb": answer}

def application(environ, start_response):
    act = globals()[environ["PATH_INFO"][1:]]
    (what,) = parse_qs(environ["QUERY_STRING"])["at"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(act(what)).encode()]
'''
NEIGHBOUR = '''
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
'''

pytestmark = pytest.mark.skipif(
    not is_root(), reason="everything runs as one user without root")


@pytest.fixture
def sites(httpd):
    """(the attacker, its neighbour), each with a user of its own."""
    h = httpd(conf="PoolMax 4\nRLimitNPROC 400 400")
    attacker = h.vhost(h.wsgi_app("attacker", ATTACKER,
                                  user=users.SPARE_USERS[0]))
    neighbour = h.vhost(h.wsgi_app("neighbour", NEIGHBOUR,
                                   user=users.SPARE_USERS[1]))
    assert neighbour.get("/").status == 200
    return attacker, neighbour


def ask(site, act, at):
    answer = site.get(f"/{act}?at={at}", timeout=30)
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_no_other_process_can_be_touched(sites):
    attacker, neighbour = sites
    h = neighbour.httpd
    victims = {"neighbour": int(neighbour.get("/").body),
               "master": h.master.pid, "engine": h.status()["server"]["engine"],
               "httpd's parent": h.pid, "httpd's child": h.children[0].pid}
    ask(attacker, "connect", "all")
    own = ask(attacker, "on", h.processes_of(attacker.app)[0])
    # The attacks are real: on itself most of them succeed.
    assert list(own.values()).count("done") >= 7, own
    for who, pid in victims.items():
        answers = ask(attacker, "on", pid)
        breaches = [attack for attack, how in answers.items() if how == "done"]
        assert not breaches, (who, breaches)
    assert neighbour.get("/").status == 200


def test_no_socket_of_the_pool_can_be_found(sites):
    attacker, _ = sites
    assert "done" not in ask(attacker, "connect", "all").values()


def test_a_fork_bomb_is_bounded_by_its_limit(sites):
    attacker, neighbour = sites
    began = time.monotonic()
    assert ask(attacker, "bomb", 1000) == {"bomb": "EAGAIN"}
    assert neighbour.get("/").status == 200
    assert time.monotonic() - began < 20
    h = neighbour.httpd
    eventually(lambda: len([p for p in h.applications if p.alive]) < 10)


# -- paths -----------------------------------------------------------------

def own_folder(h, app):
    return app.mkdir("log")


def below_an_own_folder(h, app):
    inner = app.root / "inner"
    inner.mkdir()       # root's, but in a folder where it can be replaced
    return inner


def led_to_by_a_link(h, app):
    link = h.folder / "link"
    link.symlink_to(os.path.relpath(below_an_own_folder(h, app), h.folder))
    return link


def open_to_a_group(h, app):
    folder = h.folder / "group"
    folder.mkdir()
    os.chown(folder, 0, users.ids(app.user)[1])
    folder.chmod(0o775)
    return folder


@pytest.mark.parametrize("place", [own_folder, below_an_own_folder,
                                   led_to_by_a_link, open_to_a_group])
def test_root_opens_no_log_where_another_may_put_a_link(httpd, place):
    h = httpd()
    app = h.wsgi_app("linker", "import sys\n" + NEIGHBOUR.replace(
        "    start", "    print('into it', file=sys.stderr)\n    start"))
    log = place(h, app) / "app.log"
    victim = h.folder / "victim"
    victim.write_text("root's")
    log.symlink_to(victim)
    site = h.vhost(app, f"PoolLogFile {log}")
    ok, words = h.configtest()
    assert not ok and "nobody else may write it" in words
    # A start goes on, since a reload must not end httpd; with another log.
    assert site.get("/").status == 200
    h.log.wait("a link there could lead to any file; what applications print")
    h.log.wait("says: into it")
    assert victim.read_text() == "root's"


def test_a_log_may_be_where_only_root_puts_links(httpd):
    h = httpd()
    real = h.folder / "elsewhere"
    real.mkdir()
    (h.folder / "logs/linked").symlink_to("../elsewhere")
    h.vhost(h.wsgi_app("app", NEIGHBOUR), "PoolLogFile logs/linked/app.log")
    ok, words = h.configtest()
    assert ok, words
    assert h.get("/").status == 200
    assert (real / "app.log").exists()


WHOSE = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getuid()]
"""


def test_no_race_at_the_startup_file_gives_another_user(httpd):
    """It is the owner's own, a link to another's or to root's, all in turn."""
    owner, other = users.SPARE_USERS[0], users.SPARE_USERS[1]
    h = httpd(allow_log="could not be started|no startup file|exited")
    app = h.wsgi_app("racer", WHOSE, user=owner)
    app.write("tmp/always_restart.txt", "")
    victim = h.wsgi_app("victim", WHOSE, user=other)
    site = h.vhost(app, "PoolSpawnMethod direct")
    first = site.get("/").body
    startup, done = app.root / "passenger_wsgi.py", threading.Event()

    def swap():
        while not done.is_set():
            for make in (lambda path: path.write_text(WHOSE),
                         lambda path: path.symlink_to(
                             victim.root / "passenger_wsgi.py"),
                         lambda path: path.symlink_to("/proc/1/environ")):
                fresh = app.root / ".fresh"
                make(fresh)
                users.give(fresh, owner)
                os.replace(fresh, startup)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        end = time.monotonic() + 1.5
        answers = {first, *(site.get("/").body for _ in iter(
            lambda: time.monotonic() < end, False))}
    finally:
        done.set()
        thread.join()
    told = {int(body) for body in answers if body.isdigit()}
    assert told == {users.ids(owner)[0]}


# -- what is used up -------------------------------------------------------

EATER = """
def application(environ, start_response):
    try:
        kept = bytearray(int(environ["QUERY_STRING"]) << 20)
        answer = b"had %d" % len(kept)
    except MemoryError:
        answer = b"no memory"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]
"""


def test_memory_is_bounded_by_its_limit(httpd):
    h = httpd(conf=f"PoolMax 4\nRLimitMEM {300 << 20} {300 << 20}")
    eater = h.vhost(h.wsgi_app("eater", EATER))
    assert eater.get("/?50").body == b"had %d" % (50 << 20)
    assert eater.get("/?2000").body == b"no memory"


# -- what anybody may read -------------------------------------------------

def test_what_everybody_may_read_of_a_process_has_no_secret(httpd):
    h = httpd(conf="PoolMax 2")
    site = h.vhost(h.wsgi_app("keeper", NEIGHBOUR),
                   "PoolSetEnv DATABASE_URL the-secret")
    pid = int(site.get("/").body)
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert b"DATABASE_URL=the-secret" in file.read()
    for process in h.everything():
        for name in ("cmdline", "comm", "stat", "status", "cgroup"):
            with open(f"/proc/{process.pid}/{name}", "rb") as file:
                assert b"the-secret" not in file.read(), (process, name)


# -- logs ------------------------------------------------------------------

FLOOD = '''
import sys
def application(environ, start_response):
    for number in range(30000):
        sys.stderr.write("noise %05d %s\\n" % (number, "x" * 200))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]
'''


def test_a_flood_into_a_full_disk_holds_nobody_up(httpd):
    h = httpd(conf="PoolMax 4", allow_log="took nothing")
    flood = h.vhost(h.wsgi_app("flood", FLOOD), "PoolLogFile /dev/full")
    other = h.vhost(h.wsgi_app("other", NEIGHBOUR))
    assert other.get("/").status == 200
    peaks = h.peaks()
    with peaks:
        for _ in range(3):
            assert flood.get("/", timeout=10).body == b"done"
            assert other.get("/").status == 200
    peaks.check(4096, 16384)


BABBLER = '''
import os, socket
for name in os.listdir("/proc/self/fd"):
    try:
        with socket.socket(fileno=os.dup(int(name))) as s:
            if s.type == socket.SOCK_SEQPACKET:
                for word in (b"NONSENSE", b"SPAWN uid=0 user=root", b"READYx"):
                    for _ in range(2000):
                        s.send(word)
    except OSError:
        pass
''' + NEIGHBOUR


def test_reports_without_sense_are_told_of_a_few_times(httpd):
    h = httpd(conf="PoolMax 4")
    babbler = h.vhost(h.wsgi_app("babbler", BABBLER),
                      "PoolSpawnMethod direct")
    assert babbler.get("/").status == 200
    h.log.wait("no more is told of such reports")
    assert h.log.text().count(": ignored") == 20
    assert h.status_of(babbler.app)["processes"]
