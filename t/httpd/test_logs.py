# SPDX-License-Identifier: Apache-2.0
"""What is written where: the pool's lines, applications' output, and what
LogFormat can tell of a request."""

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from conftest import PROBE_CODE
from harness import eventually, is_root
from test_http_protocol import RAW

SPEAKER = """
import os, sys
def application(environ, start_response):
    text = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    os.write(2, text)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
LOG_FORMAT = ('LogFormat "%{apppool-queue}n %{apppool-spawn}n %{apppool-app}n '
              '%{apppool-pid}n %{apppool-retry}n %U" pool\n'
              'CustomLog logs/pool.log pool')


def speaker(h, name="speaker", extra="", **options):
    return h.vhost(h.wsgi_app(name, SPEAKER, **options), extra=extra)


# -- the pool's own lines --------------------------------------------------

def test_lines_name_application_pid_phase_and_time(httpd):
    h = httpd()
    site = speaker(h)
    site.get("/")
    (pid,) = h.processes_of(site.app)
    pattern = (rf"engine: app {re.escape(str(site.app.root))} "
               rf"\(pid {pid}, serving, [\d.]+ s\): ready")
    assert re.search(pattern, h.log.text())


def test_the_log_level_of_the_module_is_the_pools_too(httpd):
    h = httpd(conf="LogLevel apppool:warn")
    site = speaker(h)
    site.get("/")
    h.stop()
    assert not re.search(r"engine: .*: (started|ready)", h.log.text())
    assert "[apppool:info]" not in h.log.text()


def test_graceful_changes_the_log_level(httpd):
    h = httpd(conf="LogLevel apppool:warn")
    site = speaker(h)
    site.get("/")
    assert ": ready" not in h.log.text()
    h.conf = "LogLevel apppool:info"
    h.graceful()
    site.app.write("tmp/restart.txt", "")
    eventually(lambda: site.get("/") and ": ready" in h.log.text(), 10)


# -- what applications print -----------------------------------------------

def test_output_goes_to_the_log_of_the_virtual_host(httpd):
    h = httpd()
    one = speaker(h, "one", "ErrorLog logs/one.log")
    two = speaker(h, "two")
    one.post("/", b"from one\n")
    two.post("/", b"from two\n")
    own = h.folder / "logs/one.log"
    eventually(lambda: "says: from one" in own.read_text())
    eventually(lambda: "says: from two" in h.log.text())
    assert "from two" not in own.read_text()
    assert "from one" not in h.log.text()


class Syslog:
    """A syslogd that keeps what it is sent."""
    PATH = "/dev/log"

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.PATH)
        os.chmod(self.PATH, 0o666)
        self.socket.setblocking(False)
        self.lines = []

    def has(self, pattern):
        with contextlib.suppress(BlockingIOError):
            while True:
                self.lines.append(self.socket.recv(65536).decode())
        return any(re.search(pattern, line) for line in self.lines)

    def close(self):
        self.socket.close()
        os.unlink(self.PATH)


@pytest.fixture
def syslog():
    if not is_root() or os.path.lexists(Syslog.PATH):
        pytest.skip("needs a /dev/log of its own")
    server = Syslog()
    yield server
    server.close()


def test_output_goes_to_syslog_where_the_error_log_does(httpd, syslog):
    """HTTPD 12"""
    h = httpd(conf="LogLevel warn")
    site = speaker(h, extra="ErrorLog syslog:local2:shop")
    for text in (b"before", b"after"):
        site.post("/", text + b"\n")
        eventually(lambda: syslog.has(
            r"^<149>.* shop\[\d+\]: \[apppool:notice\] .* says: "
            + text.decode()))
        h.graceful()
    long = "x" * 7900
    site.post("/", long.encode() + b"\n")
    eventually(lambda: syslog.has(f"says: {long}$"))
    (pid,) = h.processes_of(site.app)
    assert "says:" not in h.log.text()
    os.kill(pid, signal.SIGKILL)        # of the pool itself: the main server's
    h.log.wait(f"pid {pid}.*was ended by signal 9")


@pytest.mark.parametrize("target, line, sent", [
    ("syslog", "[now] [apppool:error] [pid 1] engine: it",
     r"<187>.* httpd\[\d+\]: \[apppool:error\] \[pid 1\] engine: it$"),
    ("syslog:daemon", "[now] [apppool:warn] it", "<28>.* httpd.*it$"),
    ("syslog::shop", "[now] [apppool:trace1] it", "<191>.* shop.*it$"),
    ("syslog:LOCAL0:", "no line of ours", "<133>.* httpd.*: no line of ours$"),
])
def test_each_line_has_facility_level_and_tag_in_syslog(stage, syslog, target,
                                                        line, sent):
    subprocess.run([stage.server, "--syslog", target], check=True, timeout=20,
                   input=line + "\n", text=True)
    assert syslog.has("^" + sent), syslog.lines


def test_a_log_file_gets_the_lines_as_they_are(httpd):
    h = httpd()
    site = speaker(h, extra="PoolLogFile logs/app.log")
    site.post("/", b"one\n\x1b[31mtwo\xff\n" + b"x" * 8000 + b"\nno end")
    log = h.folder / "logs/app.log"
    lines = [b"one", b"\x1b[31mtwo\xff", b"x" * 8000]
    assert eventually(lambda: log.read_bytes().splitlines() == lines)
    site.post("/", b" of line\n")
    assert eventually(lambda: log.read_bytes().endswith(b"no end of line\n"))
    assert stat.S_IMODE(log.stat().st_mode) & 0o007 == 0


def test_long_lines_stay_whole_and_binary_is_escaped_in_httpds_log(httpd):
    h = httpd()
    site = speaker(h)
    site.post("/", b"begin" + b"x" * 7990 + b"end\n\x1b]0;title\x07\0\n")
    assert eventually(lambda: "begin" + "x" * 7990 + "end\n" in h.log.text())
    assert eventually(lambda: r"says: \x1b]0;title\x07" in h.log.text())
    assert "\x1b" not in h.log.text()


def test_a_program_gets_the_output(httpd):
    h = httpd()
    h.folder.joinpath("logs/piped").touch()
    site = speaker(h, extra='PoolLogFile "|/usr/bin/tee -a '
                   f'{h.folder}/logs/piped"')
    site.post("/", b"into the pipe\n")
    piped = h.folder / "logs/piped"
    assert eventually(lambda: piped.read_text() == "into the pipe\n")


def test_no_line_is_lost_when_logs_are_rotated(httpd):
    h = httpd()
    site = speaker(h, extra="PoolLogFile logs/app.log")
    log, old = h.folder / "logs/app.log", h.folder / "logs/app.log.1"
    pid = site.post("/", b"line 0\n").body
    eventually(lambda: log.read_text() == "line 0\n")
    log.rename(old)
    for number in range(1, 21):
        site.post("/", b"line %d\n" % number)
    h.graceful()
    for number in range(21, 31):
        assert site.post("/", b"line %d\n" % number).body == pid
    wanted = [f"line {n}" for n in range(31)]

    def all_lines():
        new = log.read_text() if log.exists() else ""
        return (old.read_text() + new).splitlines()
    eventually(lambda: all_lines() == wanted)
    assert "line 30" in log.read_text()


def test_no_line_is_lost_when_a_piped_logger_is_replaced(httpd):
    h = httpd(allow_log="piped log|AH00106")
    piped = h.folder / "logs/piped"
    piped.touch()
    site = speaker(h, extra=f'PoolLogFile "|/usr/bin/tee -a {piped}"')
    for number in range(10):
        site.post("/", b"line %d\n" % number)
    eventually(lambda: "line 9\n" in piped.read_text())
    h.graceful()
    for number in range(10, 20):
        site.post("/", b"line %d\n" % number)
    eventually(lambda: piped.read_text().splitlines() ==
               [f"line {n}" for n in range(20)])


def test_forks_are_heard_after_their_preloader_has_gone(httpd):
    h = httpd()
    site = speaker(h)
    pid = site.post("/", b"before\n").body
    (preloader,) = [p["pid"] for p in h.status_of(site.app)["processes"]
                    if p["preloader"]]
    eventually(lambda: "says: before" in h.log.text())
    h_proc = [p for p in h.applications if p.pid == preloader][0]
    h_proc.kill(signal.SIGTERM)
    eventually(lambda: not h_proc.alive)
    assert site.post("/", b"after\n").body == pid
    eventually(lambda: "says: after" in h.log.text())
    (engine,) = h.engines
    engine.kill()
    eventually(lambda: h.engines and h.engines[0].pid != engine.pid)
    eventually(lambda: site.get("/").body == pid, 10)
    assert site.post("/", b"with a new engine\n").body == pid
    eventually(lambda: "says: with a new engine" in h.log.text())


def test_a_log_that_takes_nothing_keeps_only_its_own_application(httpd):
    h = httpd(conf="PoolMax 4", allow_log="took nothing")
    fifo = h.folder / "logs/stuck"
    stuck = speaker(h, "stuck", f'PoolLogFile "|/bin/sleep 600"')
    other = speaker(h, "other")
    stuck.post("/", b"warm\n")
    with h.connect() as connection:
        connection.send(b"POST / HTTP/1.1\r\nHost: stuck.test\r\n"
                        b"Content-Length: 400000\r\n\r\n"
                        + (b"y" * 99 + b"\n") * 4000)
        eventually(lambda: any(
            p["working_on"] for p in h.status_of(stuck.app)["processes"]))
        for _ in range(20):
            assert other.post("/", b"fine\n").status == 200
    h.kill_loggers = [p for p in h.everything() if p.argv[-1:] == ["600"]]
    for proc in h.kill_loggers:
        proc.kill()


# -- LogFormat -------------------------------------------------------------

def pool_lines(h, count):
    log = h.folder / "logs/pool.log"
    return eventually(lambda: len(log.read_text().splitlines()) >= count and
                      [line.split() for line in
                       log.read_text().splitlines()])


def test_notes_tell_queue_spawn_app_pid_and_retry(httpd):
    h = httpd(conf=LOG_FORMAT)
    site = h.vhost(h.wsgi_app("probe", PROBE_CODE["wsgi"]))
    pid = site.get("/pid").body.decode()
    site.get("/sleep/0.3")
    first, second = pool_lines(h, 2)
    assert first[3:] == [pid, "0", "/pid"]
    assert float(first[0]) >= float(first[1]) > 1
    assert second[3:] == [pid, "0", "/sleep/0.3"]
    assert float(second[0]) < 200 and float(second[1]) == 0
    assert 300 <= float(second[2]) < 5000


def test_a_request_that_was_tried_again_says_so(httpd):
    h = httpd(conf=LOG_FORMAT, allow_log="signal 9")
    site = h.vhost(h.wsgi_app("probe", PROBE_CODE["wsgi"]),
                   extra="PoolMaxPerApp 2")
    pid = site.get("/pid").body.decode()
    site.get("/gone-once/marker")
    _, second = pool_lines(h, 2)
    assert second[4] == "1" and second[3] != pid


def test_a_request_without_a_process_has_its_wait(httpd):
    h = httpd(conf=LOG_FORMAT)
    site = h.vhost(h.wsgi_app("bad", "import no_such_module\n"))
    assert site.get("/").status == 500
    ((queue, spawn, app, pid, retry, _),) = pool_lines(h, 1)
    assert float(queue) > 0
    assert (app, pid, retry) == ("-", "-", "-")


SLOW_START = """
import time
open("begun", "w").close()
time.sleep(30)
"""


def test_an_end_that_was_asked_for_is_no_warning(httpd):
    """SIGTERM ends a command that knows nothing of it, and one that starts."""
    h = httpd(conf="PoolMax 2\nPoolMaxIdleTime 1")
    app = h.app("plain", "command")
    app.write("server.py", RAW)
    site = h.vhost(app, extra='PoolAppCommand "python3 server.py"\n'
                   "PoolMinInstances 0")
    slow = h.vhost(h.wsgi_app("slow", SLOW_START))
    site.get("/echo")
    h.log.wait(r"apps/plain .* was ended by signal 15", 10)
    with h.connect() as c:
        c.send(f"GET / HTTP/1.1\r\nHost: {slow.name}\r\n\r\n")
        eventually(slow.app.root.joinpath("begun").exists)
        h.stop()
    assert re.findall(r"apppool:(?:warn|error)\].* engine: .*",
                      h.log.text()) == []
