# SPDX-License-Identifier: Apache-2.0
"""The processes of the pool: who they are, what they hold, what they see."""

import os
import re
import signal
import socket
import stat
from pathlib import Path

import pytest

from conftest import PROBE_CODE
from harness import Proc, eventually
from harness.users import group_name, groups, ids

pytestmark = pytest.mark.both_privileges

SHARED_CONF = "PoolMax 8\nPoolSetEnv FROM_MAIN main"
# Names in an application's environment besides those of PoolSetEnv.
APP_ENV = {"RAILS_ENV", "RACK_ENV", "WSGI_ENV", "NODE_ENV", "PLACK_ENV",
           "APP_ENV"}
USER_ENV = {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG"}
# httpd hands these on as it has them.
PASSED_ON = {"TZ", "TMPDIR"}
# Of the interpreters' own making.
BY_THE_LANGUAGE = {"APPPOOL_ASGI_SERVER", "LC_CTYPE", "BUNDLE_GEMFILE",
                   "RUBYLIB", "RUBYOPT", "PHP_FCGI_CHILDREN",
                   "PHP_FCGI_MAX_REQUESTS", "LISTEN_FDS", "LISTEN_PID"}


def setup_shared(h):
    code = PROBE_CODE["wsgi"]
    h.vhost(h.wsgi_app("mails", code, user="mail"), name="mail.test", extra="""
        PoolSetEnv COLOUR blue
        PoolSetEnv HOME /elsewhere
        PoolAppEnvironment staging""")
    if h.runs_as_root:
        h.vhost(h.wsgi_app("named", code, user="news"), name="named.test",
                extra="PoolUser games\nPoolGroup mail")
        h.vhost(h.wsgi_app("roots", code, user="root"), name="root.test")


def site(shared, name):
    return next(s for s in shared.sites if s.name == name)


def process_of(shared, probe):
    probe.get("/pid")
    return Proc(shared.processes_of(probe.app)[0])


# -- the server ------------------------------------------------------------

def test_the_server_is_a_direct_child_in_a_session_of_its_own(shared):
    master = shared.master
    assert master.entry.ppid == shared.pid
    assert master.entry.sid == master.pid == master.entry.pgid
    assert shared.status()["server"]["master"] == master.pid


@pytest.mark.needs_root
def test_the_engine_has_a_user_of_its_own_and_no_capability(shared):
    engine = Proc(shared.status()["server"]["engine"])
    assert engine.entry.ppid == shared.master.pid
    if not shared.runs_as_root:
        assert len(set(engine.uids)) == 1
    else:
        (uid,) = set(engine.uids)
        assert uid not in (0, ids("www-data")[0])
        assert 0 not in engine.gids and engine.groups in ([], engine.gids[:1])
        users = {p.uids[0] for p in shared.everything() if p.alive
                 and p.entry.ppid != shared.master.pid}
        assert uid not in users
    assert engine.capabilities == 0


def test_nobody_of_the_server_holds_httpds_sockets(shared):
    server = shared.status()["server"]
    listening = listeners_of(shared.address[1])
    looked_at = [p for p in (Proc(server["master"]), Proc(server["engine"]))
                 if p.may_be_looked_at]
    assert looked_at
    for process in looked_at:
        assert not set(process.descriptors.values()) & listening, process


def listeners_of(port):
    """{"socket:[inode]"} of the TCP listeners on a port."""
    found = set()
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port and fields[3] == "0A":
                found.add(f"socket:[{fields[9]}]")
    return found


def test_children_detach_from_the_rendezvous(shared, probe):
    """What a child has open must not include the parent's admin end: nobody
    but the parent holds that."""
    probe.get("/pid")
    parent = {n for n in Proc(shared.pid).descriptors.values()
              if n.startswith("socket:")}
    shared_sockets = [set(child.descriptors.values()) & parent
                      for child in shared.children]
    # The listener of httpd and, at most, the mailbox.
    for held in shared_sockets:
        assert len(held - listeners_of(shared.address[1])) <= 1, held


# -- an application --------------------------------------------------------

def test_an_application_runs_as_the_owner_of_its_startup_file(shared, probe):
    inside = probe.get("/inside").json
    uid, gid = ids(probe.app.user)
    assert set(inside["uids"]) == {uid}
    assert set(inside["gids"]) == {gid}
    assert sorted(set(inside["groups"]) | {gid}) == groups(probe.app.user)
    assert process_of(shared, probe).capabilities == 0


@pytest.mark.needs_root
def test_pool_user_and_pool_group_name_another(shared):
    if not shared.runs_as_root:
        pytest.skip("only root can become another")
    inside = site(shared, "named.test").get("/inside").json
    assert set(inside["uids"]) == {ids("games")[0]}
    assert group_name(inside["gids"][0]) == "mail"


@pytest.mark.needs_root
def test_an_application_of_roots_runs_as_the_lowest_user(shared):
    if not shared.runs_as_root:
        pytest.skip("httpd's user owns all")
    inside = site(shared, "root.test").get("/inside").json
    assert set(inside["uids"]) == {ids("nobody")[0]}


def test_the_environment_is_what_the_manual_says_and_no_more(shared, probe):
    inside = probe.get("/inside").json
    env = inside["environ"]
    expected = USER_ENV | APP_ENV | {"FROM_MAIN"}
    assert expected <= env.keys()
    assert not env.keys() - expected - PASSED_ON - BY_THE_LANGUAGE
    assert {env[name] for name in APP_ENV} == {"production"}
    assert env["USER"] == env["LOGNAME"] == probe.app.user
    assert env["FROM_MAIN"] == "main"
    assert env["LANG"] == "C.UTF-8"
    assert env["PATH"].split(":")[0] == "/usr/local/sbin"
    assert env["PATH"].split(":")[-1] == "/bin"


def test_pool_set_env_adds_and_overrides(shared):
    env = site(shared, "mail.test").get("/inside").json["environ"]
    assert (env["COLOUR"], env["FROM_MAIN"]) == ("blue", "main")
    assert env["HOME"] == "/elsewhere"
    assert {env[name] for name in APP_ENV} == {"staging"}


def test_folder_umask_session_and_arguments(shared, probe):
    inside = probe.get("/inside").json
    assert inside["cwd"] == str(probe.app.root)
    assert inside["umask"] == 0o022
    # Its own or, forked from a preloader, one whose leader has gone.
    assert inside["sid"] not in (shared.master.pid, shared.pid)
    leaders = {p.pid for p in shared.everything()} - {inside["pid"]}
    assert inside["sid"] not in leaders
    if probe.language.has("null-stdin"):
        assert inside["stdin"] == "/dev/null"
    assert len(inside["argv"]) <= 1


def test_limits_of_httpds_core_apply_wherever_they_are_said(httpd):
    """DIRECTIVES: as to CGI, so in a vhost and its sections, too"""
    h = httpd(conf="RLimitCPU 100 200\nRLimitNPROC 900 900")
    app = h.wsgi_app("limited", PROBE_CODE["wsgi"])
    site = h.vhost(app, extra=f"""
        RLimitNPROC 700 800
        <Directory {app.root}/public>
            RLimitMEM 3000000000 4000000000
        </Directory>
        <Directory /elsewhere>
            RLimitCPU 1
        </Directory>""")
    other = h.vhost(h.wsgi_app("other", PROBE_CODE["wsgi"]))

    def limits(where):
        pid = int(where.get("/pid").body)
        text = Path(f"/proc/{pid}/limits").read_text()
        return [tuple(re.search(rf"^Max {name} +(\S+) +(\S+)", text,
                                re.M).groups())
                for name in ("cpu time", "processes", "address space")]
    assert limits(site) == [("100", "200"), ("700", "800"),
                            ("3000000000", "4000000000")]
    assert limits(other) == [("100", "200"), ("900", "900"),
                             ("unlimited", "unlimited")]


def test_signals_are_as_a_fresh_program_has_them(shared, probe):
    process = process_of(shared, probe)
    assert not process.signal_set("SigBlk") & set(range(1, 32))
    own = {signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGXFSZ,
           signal.SIGFPE}   # perl's
    assert process.signal_set("SigIgn") & set(range(1, 32)) <= own


def test_an_application_holds_its_own_descriptors_only(shared, probe):
    process = process_of(shared, probe)
    found = process.descriptors
    if probe.language.has("null-stdin"):
        assert found[0] == "/dev/null"
    assert found[1] == found[2] and found[1].startswith("pipe:")
    strangers = {n: t for n, t in found.items() if n > 2 and not
                 t.startswith(("socket:", "anon_inode:"))
                 and not t.startswith("/tmp/.ZendSem.")}     # opcache's lock
    # What the interpreters open for themselves and for nobody else.
    own = {"/dev/null"} | {t for t in strangers.values()
                           if list(found.values()).count(t) == 2
                           and t != found[1]}
    assert set(strangers.values()) <= own, strangers
    sockets = {t for t in found.values() if t.startswith("socket:")}
    assert not sockets & listeners_of(shared.address[1])
    # A listener, the report socket, a connection for each of httpd's
    # children and threads that used it.
    assert len(sockets) <= 2 + 64


def test_no_other_process_can_reach_an_applications_socket(shared, probe):
    """Nothing with a name: not in the file system, not abstract."""
    process = process_of(shared, probe)
    inodes = {t[8:-1] for t in process.descriptors.values()
              if t.startswith("socket:[")}
    for line in list(open("/proc/net/unix"))[1:]:
        fields = line.split()
        if fields[6] not in inodes or len(fields) < 8:
            continue
        name = fields[7]
        assert not name.startswith("@"), line
        assert not os.path.exists(name), line
        with socket.socket(socket.AF_UNIX) as client:
            with pytest.raises(OSError):
                client.connect(name)


def test_the_runtime_folder_stays_empty(shared, probe):
    probe.get("/pid")
    left = [p for p in (shared.folder / "run").iterdir()
            if p.name != "httpd.pid"]
    for path in left:
        assert path.is_dir() and not list(path.iterdir()), left
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


# -- deaths ----------------------------------------------------------------

def test_an_idle_process_that_is_killed_is_replaced_unnoticed(shared, probe):
    for _ in range(3):
        process = process_of(shared, probe)
        process.kill()
        assert probe.get("/pid").status == 200
        eventually(lambda: not process.alive)


def test_the_children_of_an_application_end_with_it(shared, wsgi):
    grandchild = Proc(int(wsgi.get("/fork").body))
    assert grandchild.alive
    eventually(lambda: pid_of_fork(shared, wsgi, grandchild))
    Proc(grandchild.entry.ppid).kill()
    eventually(lambda: not grandchild.alive, 8)


def pid_of_fork(shared, wsgi, grandchild):
    return grandchild.entry.ppid in shared.processes_of(wsgi.app)
