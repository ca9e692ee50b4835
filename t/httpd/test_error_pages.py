# SPDX-License-Identifier: Apache-2.0
"""What a person sees of an application that does not start, and what the
administrator finds in the log."""

import os
import re
import signal

import pytest

from conftest import PROBE_CODE
from harness import eventually

FRIENDLY = "PoolFriendlyErrorPages on"


def broken(h, name, code, extra="", **options):
    return h.vhost(h.wsgi_app(name, code, **options),
                   extra=f"{FRIENDLY}\n{extra}")


def page_of(site, **options):
    answer = site.get("/", **options)
    assert answer.status == 500, answer
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"
    return answer.text


def id_of(page):
    return re.search(r"<dt>Error</dt><dd>([0-9a-f]{8})</dd>", page).group(1)


@pytest.fixture(scope="module")
def h(stage, mpm):
    from harness import Httpd
    with Httpd(mpm=mpm, conf="PoolMax 4", allow_log=r"error:") as httpd:
        h = httpd
        h.missing = broken(h, "missing", "import no_such_module\n",
                           "PoolSetEnv API_TOKEN hidden\n"
                           "PoolSetEnv COLOUR blue")
        h.syntax = broken(h, "syntax", "def application(:\n")
        h.interpreter = broken(h, "interpreter", PROBE_CODE["wsgi"],
                               "PoolPython no-such-python")
        h.zero = broken(h, "zero", "import os\nos._exit(0)\n",
                        "PoolSpawnMethod direct")
        h.prints = broken(h, "prints", "import os\nprint('<b>hello</b>', "
                          "flush=True)\nos._exit(3)\n")
        h.hang = broken(h, "hang", "import time\ntime.sleep(600)\n",
                        "PoolStartTimeout 1")
        h.server = broken(h, "server", "import time\nprint(' * Running on "
                          "http://127.0.0.1:5000', flush=True)\n"
                          "time.sleep(600)\n", "PoolStartTimeout 1")
        h.killed = broken(h, "killed", "import os, signal\n"
                          "os.kill(os.getpid(), signal.SIGKILL)\n")
        h.port = h.vhost(h.app("port", "wsgi"), extra=f"{FRIENDLY}\n"
                         "PoolAppType command\nPoolStartTimeout 1\n"
                         "PoolAppCommand \"sleep 600\"\n"
                         f"PoolAppRoot {h.folder}/apps/port")
        h.plain = h.vhost(h.wsgi_app("plain", "import no_such_module\n"))
        h.custom = h.vhost(h.wsgi_app("custom", "import no_such_module\n"),
                           extra="ErrorDocument 500 \"sorry\"")
        yield h.start()


def test_a_missing_module(h):
    page = page_of(h.missing)
    assert "No module named 'no_such_module'" in page
    assert "Install the module" in page and "PoolPython" in page


def test_the_page_tells_steps_user_variables_and_limits(h):
    page = page_of(h.missing)
    app = h.missing.app
    assert f"<dt>Application</dt><dd>{app.root}</dd>" in page
    assert f"<dt>User</dt><dd>{app.user}</dd>" in page
    steps = re.findall(r"<dt>([\d.]+) s</dt><dd> (.*?)</dd>", page)
    times = [float(time) for time, _ in steps]
    assert times == sorted(times) and times[-1] < 30
    told = "\n".join(text for _, text in steps)
    for step in (f"opened its root {app.root}", "found its type: wsgi",
                 f"became user {app.user}", "executes python3",
                 "exited with 1"):
        assert step in told, told
    assert "COLOUR=blue" in page and "RAILS_ENV=production" in page
    assert "API_TOKEN=********" in page and "hidden" not in page
    assert "<dt>PoolStartTimeout</dt><dd>90 s</dd>" in page


def test_the_id_finds_the_details_in_the_log(h):
    page = page_of(h.missing)
    lines = [line for line in h.log.text().splitlines()
             if f"error {id_of(page)}" in line]
    assert any("No module named" in line for line in lines)
    assert any("step at " in line and "executes python3" in line
               for line in lines)
    assert any("no new try for 1 s" in line for line in lines)
    assert h.status_of(h.missing.app)["last_error_facts"]["id"] == id_of(page)


def test_a_syntax_error(h):
    page = page_of(h.syntax)
    assert "SyntaxError" in page and "passenger_wsgi.py&quot;, line 1" in page
    assert "Mend the line" in page


def test_a_wrong_interpreter(h):
    page = page_of(h.interpreter)
    assert "no-such-python cannot be run" in page and "PoolPython" in page


@pytest.mark.needs_root
def test_no_permission_on_a_parent_folder(h):
    closed = h.folder / "apps/closed"
    closed.mkdir()
    app = h.wsgi_app("closed/app", PROBE_CODE["wsgi"], user="mail")
    site = h.vhost(app, extra=FRIENDLY + f"\nPoolAppRoot {app.root}\n"
                   "PoolAppType wsgi")
    closed.chmod(0o710)
    os.chown(closed, 0, 33)     # httpd may enter, the application may not
    h.graceful()
    page = page_of(site)
    assert str(closed) in page
    assert "Let this user into each folder on the way" in page
    assert "mail" in page


@pytest.mark.needs_root
def test_a_user_who_has_no_process_left(h):
    """httpd's own threads are more than the limit."""
    site = h.vhost(h.wsgi_app("crowded", PROBE_CODE["wsgi"], user="www-data"),
                   extra=FRIENDLY + "\nRLimitNPROC 2 2")
    h.graceful()
    page = page_of(site)
    assert "has as many processes and threads as RLimitNPROC" in page


def test_an_exit_with_0(h):
    page = page_of(h.zero)
    assert "exited with 0 before it was ready" in page
    assert "leave serving to the pool" in page


def test_what_it_printed_is_shown_and_escaped(h):
    page = page_of(h.prints)
    assert "exited with 3" in page
    assert "&lt;b&gt;hello&lt;/b&gt;" in page and "<b>hello" not in page


def test_a_start_that_hangs(h):
    page = page_of(h.hang, timeout=20)
    assert "PoolStartTimeout" in page and "it was not ready" in \
        h.log.text() + page
    assert eventually(lambda: "time.sleep(600)" in h.log.text(), 10)


def test_one_that_runs_a_server_of_its_own(h):
    page = page_of(h.server, timeout=20)
    assert "Running on http://127.0.0.1:5000" in page
    assert "runs a server of its own" in page


def test_where_it_hangs_is_on_the_next_page(h):
    page_of(h.hang, timeout=20)
    eventually(lambda: "time.sleep(600)" in page_of(h.hang, timeout=20), 15)


def test_one_that_is_killed(h):
    page = page_of(h.killed)
    assert "signal 9" in page and "out of memory" in page


def test_a_command_that_never_accepts(h):
    page = page_of(h.port, timeout=20)
    assert "PoolStartTimeout" in page


def test_in_production_the_page_has_nothing_but_an_id(h):
    answer = h.plain.get("/")
    assert answer.status == 500
    assert "no_such_module" not in answer.text
    assert str(h.plain.app.root) not in answer.text
    number = re.search(r"<code>([0-9a-f]{8})</code>", answer.text).group(1)
    assert f"error {number}" in h.log.text()


def test_an_error_document_wins_in_production(h):
    answer = h.custom.get("/")
    assert (answer.status, answer.text) == (500, "sorry")


def test_head_has_no_page(h):
    answer = h.missing.request("HEAD", "/")
    assert answer.status == 500 and answer.body == b""
