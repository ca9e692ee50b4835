# SPDX-License-Identifier: Apache-2.0
"""One private httpd: configured, started, asked, stopped, checked."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from . import client, config, procs, users
from .apps import App
from .languages import LANGUAGES
from .log import LogFile
from .procs import Proc
from .stage import stage_of_environment
from .wait import eventually

START_S = 15
STOP_S = 8              # DESIGN: everything is gone within this
# Not that a process was killed while leaks were looked for.
SANITIZER_FOUND = re.compile("ERROR: |WARNING: ThreadSanitizer|runtime error:")
STATUS_HOST = "status.test"
STATUS_PATH = "/apppool-status?format=json"


class StartError(Exception):
    """httpd did not come up; the message has its words."""


class Site:
    """A vhost to send requests to, at httpd's own address or another."""

    def __init__(self, httpd, name, app, address=None, tls=False):
        self.httpd = httpd
        self.name = name
        self.app = app
        self.address = address or httpd.address
        self.tls = tls

    def request(self, method, target, body=None, headers=(), **options):
        headers = list(headers.items() if isinstance(headers, dict)
                       else headers)
        self.httpd.start()
        options.setdefault("host", self.name)
        if self.tls:
            options.setdefault("tls", True)
        return client.exchange(self.address, method, target, body, headers,
                               **options)

    def get(self, target="/", headers=(), **options):
        return self.request("GET", target, None, headers, **options)

    def post(self, target="/", body=b"", headers=(), **options):
        return self.request("POST", target, body, headers, **options)


class Httpd:
    """See the package's head for how it is used.

    mpm      event, worker or prefork
    as_user  start httpd as this user instead of as root (needs root)
    module   False: without mod_apppool
    conf     lines for the main server
    modules  further modules of httpd, without mod_ and .so
    mpm_conf the MPM's directives, in place of the usual ones
    arguments  of httpd's command line, in place of -DFOREGROUND
    wrapper    a program and its arguments that httpd is started through:
             "ip netns exec NAME"
    allow_log  regular expression: alarming log lines that are expected
    address  (host, port) to listen at, instead of a free port of this host
    """

    instances = []      # open ones, and those the running test closed

    def __init__(self, mpm="event", as_user=None, module=True, conf="",
                 modules=(), mpm_conf=None, allow_log=None, stage=None,
                 arguments=("-DFOREGROUND",), address=None, wrapper=()):
        self.mpm = mpm
        self.timeout = client.TIMEOUT_S     # of a client's patience
        self.understands = str              # what of its configuration it gets
        self.as_user = as_user if users.is_root() else None
        self.conf = conf
        self._arguments = list(arguments)
        self._wrapper = list(wrapper)
        self.allow_log = allow_log
        self._started_at = 0
        self._stopped_at = None
        self.sites = []
        self.pid = None
        self.closed = False
        self.final_log = ""
        self._modules = modules
        self._mpm_conf = mpm_conf
        self.stage = (stage or stage_of_environment()) if module else None
        self._process = None
        self._vhosts = []
        self._descriptors = _own_descriptors()
        self._foreign = set(procs.below(os.getpid()))
        self._make_folder()
        self.address = address or ("127.0.0.1", _free_port())
        self.log = LogFile(self.folder / "logs/error.log")
        self.access_log = LogFile(self.folder / "logs/access.log")
        self.console = LogFile(self.folder / "logs/console")
        Httpd.instances.append(self)

    # -- what is served ---------------------------------------------------

    @property
    def runs_as_root(self):
        return users.is_root() and self.as_user is None

    @property
    def default_user(self):
        """The owner of applications that name none."""
        if self.runs_as_root:
            return users.SPARE_USERS[0]
        return self.as_user or users.current_user()

    def app(self, name, type_name, code=None, user=None):
        """A fresh application folder, with a startup file if there is code.

        Where httpd does not run as root all applications belong to its user,
        whatever `user` says."""
        user = user if user and self.runs_as_root else self.default_user
        app = App(self.folder / "apps" / name, user, type_name)
        if code is not None:
            language = LANGUAGES[type_name]
            app.write(language.startup, code, language.mode)
        return app

    def wsgi_app(self, name, code=None, user=None):
        return self.app(name, "wsgi", code, user)

    def rack_app(self, name, code=None, user=None):
        return self.app(name, "rack", code, user)

    def listen(self, host="127.0.0.1"):
        """A further address for vhosts, (host, port)."""
        address = (host, _free_port(host))
        self.conf += f"\nListen {_shown(address)}"
        return address

    def vhost(self, app=None, extra="", name=None, document_root=None,
              address=None, tls=False):
        """A vhost whose DocumentRoot is the application's public folder.
        Takes effect at the next start, restart or graceful."""
        if name is None:
            stem = app.root.name if app else f"site{len(self.sites)}"
            name = f"{stem}.test"
        if document_root is None and app is not None:
            document_root = app.public
        self._vhosts.append(config.vhost_conf(
            _shown(address or self.address), name, document_root, extra))
        self.sites.append(Site(self, name, app, address, tls))
        return self.sites[-1]

    def forget_vhosts(self):
        """For another set of them at the next start or configtest."""
        self._vhosts.clear()
        self.sites.clear()

    # -- requests to the first vhost --------------------------------------

    def request(self, *args, **options):
        return self.sites[0].request(*args, **options)

    def get(self, *args, **options):
        return self.sites[0].get(*args, **options)

    def post(self, *args, **options):
        return self.sites[0].post(*args, **options)

    def connect(self, timeout=None):
        """A raw connection, as a context manager."""
        self.start()
        return client.RawConnection(self.address, timeout or self.timeout)

    def raw(self, data, half_close=False):
        """Send bytes, and return all that comes until the end."""
        with self.connect() as connection:
            connection.send(data)
            if half_close:
                connection.half_close()
            return connection.read_all()

    # -- start, restart, stop ---------------------------------------------

    def write_conf(self):
        text = config.main_conf(
            self.folder, _shown(self.address), self.mpm,
            ("www-data", "www-data") if self.runs_as_root else None,
            self._modules, self.stage, self.conf, self._mpm_conf)
        vhosts = "".join(self._vhosts)
        if self.stage:
            vhosts += config.status_vhost(_shown(self.address), self.folder,
                                          STATUS_HOST)
        path = self.folder / "httpd.conf"
        path.write_text(self.understands(text + vhosts))
        return path

    def configtest(self):
        """(ended well, what it printed)"""
        done = subprocess.run(
            [*self._command(), "-t"], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=START_S,
            env=self._environment(), **self._identity())
        return done.returncode == 0, done.stdout

    def start(self):
        """Start unless it runs; returns when the port answers."""
        if self._process is not None:
            return self
        procs.become_subreaper()
        self._started_at = self.log.position()
        with open(self.console.path, "ab") as console:
            self._process = subprocess.Popen(
                [*self._command(), *self._arguments], stdin=subprocess.DEVNULL,
                stdout=console, stderr=console, start_new_session=True,
                cwd="/", env=self._environment(),
                preexec_fn=_in_child, **self._identity())
        self.pid = self._process.pid
        try:
            eventually(self._answers, START_S, "httpd listens")
        except BaseException:
            self.kill()
            raise
        return self

    def graceful(self):
        self._signal_and_wait_ready(signal.SIGUSR1)

    def restart(self):
        self._signal_and_wait_ready(signal.SIGHUP)

    def stop(self, graceful=False, seconds=STOP_S):
        """Stop; returns the seconds until nothing was left of it."""
        if self._process is None:
            return 0.0
        began = time.monotonic()
        self._stopped_at = self.log.position()
        self._process.send_signal(
            signal.SIGWINCH if graceful else signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        left = self._wait_gone(began + seconds)
        self._process = None
        if left:
            raise AssertionError(f"{seconds} s after stop there still are "
                                 f"{left}")
        return time.monotonic() - began

    def kill_parent(self):
        """kill -9 of the httpd parent alone; wait_gone() is the caller's."""
        self._process.kill()
        self._process.wait()

    def wait_gone(self, seconds):
        """Fail unless nothing of this instance is left within `seconds`."""
        left = self._wait_gone(time.monotonic() + seconds)
        if left:
            raise AssertionError(f"still there after {seconds} s: {left}")
        self._process = None

    def kill(self):
        """End everything of this instance at once, without checks."""
        for proc in self.everything():
            try:
                proc.kill()
            except ProcessLookupError:
                pass
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        procs.reap_adopted(p.pid for p in self.everything())

    def close(self, check=True):
        """Stop, check that nothing is left, remove the folder."""
        try:
            if check:
                self.stop()
                self.check_clean()
        finally:
            try:
                self.kill()
            finally:
                self.final_log = self.log.tail()
                self.closed = True
                shutil.rmtree(self.folder, ignore_errors=True)

    def check_clean(self):
        """After a stop: no descriptor, no file, no alarm is left."""
        extra = _own_descriptors().items() - self._descriptors.items()
        assert not extra, f"descriptors left in the test: {extra}"
        left = sorted(p.name for p in (self.folder / "run").iterdir())
        assert not left, f"left in the runtime folder: {left}"
        alarms = self.log.alarms(self.allow_log, self._stopped_at)
        assert not alarms, "in the error log: " + "\n".join(alarms)
        for report in self._reports.iterdir():
            text = report.read_text(errors="replace")
            assert not SANITIZER_FOUND.search(text), text

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    # -- what runs --------------------------------------------------------

    def everything(self):
        """All processes of this instance: what is below the httpd parent,
        and what was orphaned and came to us."""
        entries = procs.table()
        others = set(self._foreign)
        for other in Httpd.instances:
            if other is not self and other.pid is not None:
                others |= {other.pid, *procs.below(other.pid, entries)}
        mine = [pid for pid in procs.below(os.getpid(), entries)
                if pid not in others and pid in entries]
        return [Proc(pid) for pid in mine]

    @property
    def children(self):
        """httpd's own child processes."""
        server = entries_named("apppool-server")
        return [Proc(e.pid) for e in procs.table().values()
                if e.ppid == self.pid and e.pid not in server
                and e.state != "Z"]

    @property
    def master(self):
        """The pool server's master; None without one."""
        server = entries_named("apppool-server")
        found = [pid for pid, e in server.items()
                 if e.ppid == self.pid and e.state != "Z"]
        return Proc(found[0]) if found else None

    @property
    def engines(self):
        """The pool server's engine; none or one."""
        return [Proc(pid) for pid, e in entries_named("apppool-engine").items()
                if self.master and e.ppid == self.master.pid
                and e.state != "Z"]

    @property
    def applications(self):
        """Everything below the master that is not the server itself."""
        master = self.master
        if master is None:
            return []
        entries = procs.table()
        return [Proc(pid) for pid in procs.below(master.pid, entries)
                if not entries[pid].comm.startswith("apppool-")]

    def peaks(self):
        """By how much the memory of all processes rises; see procs.Peaks."""
        return procs.Peaks([p for p in self.everything() if p.alive])

    def status(self):
        """The status page, parsed."""
        answer = Site(self, STATUS_HOST, None).get(STATUS_PATH)
        assert answer.status == 200, answer
        return answer.json

    def status_of(self, app):
        """The application's part of the status page."""
        root = str(getattr(app, "root", app))
        found = [a for a in self.status()["applications"]
                 if a["root"] == root]
        assert found, f"no {root} in the status page"
        return found[0]

    def serving(self, app):
        """The status page's entries of the processes that serve it, without
        its preloader."""
        return [p for p in self.status_of(app)["processes"]
                if not p.get("preloader")]

    def processes_of(self, app):
        """Pids of the processes that serve the application. One that is to be
        started has none yet, and kill(0) would end us."""
        return [p["pid"] for p in self.serving(app) if p["pid"]]

    # -- inside -----------------------------------------------------------

    def _make_folder(self):
        self.folder = Path(tempfile.mkdtemp(prefix="apppool-test-"))
        self.folder.chmod(0o755)
        for name, mode in (("apps", 0o755), ("run", 0o755), ("logs", 0o755),
                           ("empty", 0o755)):
            (self.folder / name).mkdir()
            (self.folder / name).chmod(mode)
        self._reports = Path(tempfile.mkdtemp(
            dir=os.environ.get("APPPOOL_REPORTS", self.folder)))
        self._reports.chmod(0o1777)
        if self.as_user:
            for path in (self.folder, *self.folder.iterdir()):
                users.give(path, self.as_user)

    def _command(self):
        return [*self._wrapper, str(config.httpd_program()),
                "-d", str(self.folder), "-f", str(self.write_conf())]

    def _identity(self):
        if not self.as_user:
            return {}
        uid, gid = users.ids(self.as_user)
        return {"user": uid, "group": gid,
                "extra_groups": users.groups(self.as_user)}

    def _environment(self):
        # Reports of sanitizers in the server's programs; the log has no
        # room for them and the test must see them.
        own = shlex.split(os.environ.get("APPPOOL_HTTPD_ENVIRONMENT", ""))
        report = f"log_path={self._reports}/report"
        return {"PATH": os.environ["PATH"], "LANG": "C",
                "ASAN_OPTIONS": f"detect_leaks=1:{report}",
                "UBSAN_OPTIONS": f"print_stacktrace=1:{report}",
                "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") +
                                f":{report}",
                **dict(word.split("=", 1) for word in own)}

    def _answers(self):
        if self._process.poll() is not None:
            raise StartError(f"httpd ended with {self._process.returncode}:\n"
                             f"{self.console.text()}\n{self.log.tail()}")
        if "-X" not in self._arguments and \
                "resuming normal operations" not in self.log.text(
                    self._started_at):
            return False
        try:
            with socket.create_connection(self.address, 1):
                return True
        except ConnectionRefusedError:      # -X tells nobody when it is ready
            return False

    def _signal_and_wait_ready(self, signo):
        self.write_conf()
        since = self.log.position()
        self._process.send_signal(signo)
        self.log.wait("resuming normal operations", START_S, since)

    def _wait_gone(self, deadline):
        """Wait until nothing is left; what is left at the deadline."""
        while True:
            everything = self.everything()
            procs.reap_adopted(p.pid for p in everything)
            left = [p for p in everything if p.alive]
            if not left or time.monotonic() >= deadline:
                return left
            time.sleep(0.01)


def _in_child():
    """Between fork and exec of httpd: it ends with us, and takes signals that
    the caller may have blocked."""
    procs.die_with_parent()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def entries_named(comm):
    """{pid: Entry} of all processes with that name."""
    return {e.pid: e for e in procs.table().values() if e.comm == comm}


def _free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((host, 0))
        return sock.getsockname()[1]


def _shown(address):
    """host:port as httpd.conf has it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _own_descriptors():
    """{number: target}; the one that reads the folder has no target, and the
    first three are pytest's to redirect."""
    found = Proc(os.getpid()).descriptors
    return {n: target for n, target in found.items() if n > 2}
