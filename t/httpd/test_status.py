# SPDX-License-Identifier: Apache-2.0
"""What the pool shows of itself: the status page and its other forms, health,
and the page's actions."""

import http.client
import itertools
import re
import shutil
import signal
import subprocess
import threading
import urllib.parse
from pathlib import Path

import pytest

from conftest import PROBE_CODE
from harness import eventually

ACTIONS = "PoolStatusActions on"


def status_site(h, extra="", name="pool.test"):
    """A vhost with the status at /pool and health at /health."""
    return h.vhost(name=name, document_root=h.folder / "empty", extra=f"""
        <Location /pool>
            SetHandler apppool-status
            Require all granted
            {extra}
        </Location>
        <Location /health>
            SetHandler apppool-health
            Require all granted
        </Location>
        <Location /server-status>
            SetHandler server-status
            Require all granted
        </Location>""")


def forms_of(page):
    """[{field: value}] of the page's forms."""
    forms = []
    for body in re.findall(r"<form.*?</form>", page, re.S):
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"',
                                 body))
        fields["action"] = re.search(r'value="(\w+)">\w+</button>',
                                     body).group(1)
        forms.append(fields)
    return forms


def send_form(site, fields):
    return site.post("/pool", urllib.parse.urlencode(fields).encode(),
                     [("Content-Type", "application/x-www-form-urlencoded")])


class Holder:
    """A request that keeps a process until released."""

    numbers = itertools.count()

    def __init__(self, site, query=""):
        self.site = site
        self.name = f"go{next(self.numbers)}"
        target = f"/hold/{self.name}{query}"
        site.httpd.start()
        self.thread = threading.Thread(target=lambda: site.get(target))
        self.thread.start()

    def __enter__(self):
        root = self.site.app.root
        eventually(lambda: list(root.glob(f"{self.name}.waits.*")))
        return self

    def __exit__(self, *_):
        self.site.app.write(self.name, "")
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def scene(stage, mpm):
    """One httpd with a good application, a broken one, and the status."""
    from harness import Httpd
    with Httpd(mpm=mpm, conf="PoolMax 2") as h:
        h.pool = status_site(h, ACTIONS)
        h.plain = status_site(h, name="plain.test")
        h.good = h.vhost(h.wsgi_app("good", PROBE_CODE["wsgi"]),
                         extra="PoolMaxPerApp 1")
        h.bad = h.vhost(h.wsgi_app("bad", "import no_such_module\n"))
        yield h.start()


# -- the page --------------------------------------------------------------

def test_the_page_shows_applications_processes_and_the_last_error(scene):
    h = scene
    pid = h.good.get("/pid").body.decode()
    assert h.bad.get("/").status == 500
    assert h.status_of(h.bad.app)["state"] == "failed"
    answer = h.pool.get("/pool")
    page = answer.body.decode()
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/html; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"
    assert str(h.good.app.root) in page
    assert f'<td data-label="PID">{pid}</td>' in page
    assert "No module named 'no_such_module'" in page
    assert h.status_of(h.bad.app)["last_error_facts"]["id"] in page


def test_the_page_needs_nothing_that_a_strict_policy_forbids(scene):
    page = scene.pool.get("/pool").body.decode()
    assert "<style" not in page
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.S) == [""]
    assert not re.search(r"\son\w+=|style=|javascript:", page)
    policy = scene.pool.get("/pool").header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for part, media in (("style", "text/css"), ("script", "text/javascript")):
        answer = scene.pool.get(f"/pool?part={part}")
        assert answer.status == 200
        assert answer.header("Content-Type").startswith(media)
    assert scene.pool.get("/pool?part=secrets").status == 404


def test_what_a_client_sent_is_escaped(scene):
    with Holder(scene.good, "?<script>alert(1)</script>&\"'"):
        page = scene.pool.get("/pool").body.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page


def test_refresh_is_for_those_without_scripts(scene):
    assert scene.pool.get("/pool?refresh=5").header("Refresh") == "5"
    assert scene.pool.get("/pool").header("Refresh") is None


def test_a_get_changes_nothing_and_other_methods_are_refused(scene):
    h = scene
    pid = h.good.get("/pid").body
    for target in ("/pool?action=restart&root=" + str(h.good.app.root),
                   "/pool?action=detach&pid=" + pid.decode()):
        assert h.pool.get(target).status == 200
    for method in ("PUT", "DELETE", "PATCH"):
        assert h.pool.request(method, "/pool").status == 405
    assert h.good.get("/pid").body == pid
    assert h.pool.get("/pool?format=xml").status == 404


def test_head_has_no_body(scene):
    for target in ("/pool", "/pool?format=json", "/pool?part=style"):
        answer = scene.pool.request("HEAD", target)
        assert answer.status == 200 and answer.body == b""


# -- json ------------------------------------------------------------------

def test_json_tells_waiting_times_and_the_requests_of_a_process(scene):
    h = scene
    waiter = threading.Thread(target=lambda: h.good.get("/pid"))
    with Holder(h.good, "?number=1") as held:
        waiter.start()
        eventually(lambda: h.status_of(h.good.app)["waiting"] == 1)
        app = h.status_of(h.good.app)
    waiter.join(20)
    (process,) = [p for p in app["processes"] if p["state"] == "busy"]
    (request,) = process["working_on"]
    assert request["line"] == f"GET /hold/{held.name}?number=1 HTTP/1.1"
    assert request["client"] == "127.0.0.1"
    assert request["httpd_pid"] in [c.pid for c in h.children]
    assert 0 <= request["age_s"] < 60
    assert len(app["waits_s"]) == 1
    assert 0 <= app["waits_s"][0] <= app["oldest_wait_s"] + 1
    eventually(lambda: not any(p["working_on"] for p in
                               h.status_of(h.good.app)["processes"]))


def test_memory_and_processor_time_are_measured(scene):
    h = scene
    h.good.get("/pid")

    def measured():
        found = [p for p in h.serving(h.good.app) if p["usage"]]
        return found and found[0]["usage"]
    usage = eventually(measured)
    assert usage["pss_kib"] > 500
    assert usage["private_kib"] is None or \
        usage["private_kib"] <= usage["pss_kib"]
    assert usage["cpu_s"] >= 0 and usage["measured_s"] < 30


def test_requests_on_a_lease_are_counted_with_their_times(scene):
    h = scene

    def counted():
        times = h.status_of(h.good.app)["times"]
        return times["application"]["n"], times["queue"]["n"]
    before = counted()
    for _ in range(20):
        h.good.get("/pid")
    assert eventually(lambda: counted()[0] - before[0] >= 20 and counted())
    times = h.status_of(h.good.app)["times"]
    for kind in ("application", "queue", "spawn"):
        assert sum(times[kind]["counts"]) == times[kind]["n"]
    assert times["spawn"]["n"] >= 1


def test_a_process_is_idle_as_soon_as_its_request_is_over(scene):
    h = scene

    def look():
        (process,) = [p for p in h.status_of(h.good.app)["processes"]
                      if not p["preloader"]]
        return process["state"], h.status()["counts"]["active"]
    for _ in range(3):
        h.good.get("/pid")
        assert look() == ("idle", 0)
    with Holder(h.good):
        assert look() == ("busy", 1)
    assert eventually(lambda: look() == ("idle", 0), 1)


# -- prometheus ------------------------------------------------------------

def samples(text):
    """{(name, labels): value}; fails on a line that is none."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{(.*)\})? (\S+)', line)
        assert match, line
        key = match.group(1), match.group(2) or ""
        assert key not in found, f"twice: {key}"
        found[key] = float(match.group(3))
    return found


def metrics_of(scene):
    answer = scene.pool.get("/pool?format=prometheus")
    assert answer.status == 200
    assert answer.header("Content-Type") == \
        "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def test_metrics_pass_promtool(scene):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed; the rules are tested below")
    scene.good.get("/pid")
    done = subprocess.run([promtool, "check", "metrics"], text=True,
                          input=metrics_of(scene), timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_metrics_keep_the_formats_rules(scene):
    text = metrics_of(scene)
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    assert set(kinds) == set(helps)
    assert len(re.findall("^# TYPE", text, re.M)) == len(kinds)
    for name, _ in samples(text):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in kinds or kinds.get(base) == "histogram", name
    for name, kind in kinds.items():
        assert name.startswith("apppool_")
        assert (kind == "counter") == name.endswith("_total"), name


def test_a_histograms_buckets_add_up(scene):
    scene.good.get("/pid")
    eventually(lambda: scene.status_of(scene.good.app)["times"]
               ["application"]["n"] > 0)
    found = samples(metrics_of(scene))
    root = str(scene.good.app.root)
    name = "apppool_app_request_seconds"
    buckets = [v for (n, labels), v in found.items()
               if n == name + "_bucket" and root in labels]
    (count,) = [v for (n, labels), v in found.items()
                if n == name + "_count" and root in labels]
    assert buckets == sorted(buckets) and len(buckets) == 14
    assert buckets[-1] == count > 0


def test_metrics_tell_a_failing_application(scene):
    assert scene.bad.get("/").status == 500
    found = samples(metrics_of(scene))
    failing = {labels: v for (n, labels), v in found.items()
               if n == "apppool_app_failing"}
    (bad,) = [v for k, v in failing.items() if str(scene.bad.app.root) in k]
    (good,) = [v for k, v in failing.items() if str(scene.good.app.root) in k]
    assert (bad, good) == (1, 0)


# -- text and mod_status ---------------------------------------------------

def test_auto_has_a_line_for_each_number_and_application(scene):
    text = scene.pool.get("/pool?auto").body.decode()
    lines = [line.split(": ", 1) for line in text.splitlines()]
    assert all(len(line) == 2 for line in lines)
    assert dict(lines)["PoolMax"] == "2"
    assert any(key == "PoolApp" and value.endswith(str(scene.good.app.root))
               for key, value in lines)


def test_mod_status_shows_a_section_of_the_pool(scene):
    page = scene.pool.get("/server-status").body.decode()
    assert "<h2>Application pool</h2>" in page
    assert str(scene.good.app.root) in page
    assert "PoolMax: 2" in scene.pool.get("/server-status?auto").body.decode()


# -- health ----------------------------------------------------------------

def test_health_is_bad_while_an_application_cannot_start(scene):
    h = scene
    assert h.bad.get("/").status == 500
    answer = h.plain.get("/health")
    assert answer.status == 503
    assert answer.body.decode() == \
        f"application {h.bad.app.root} cannot start\n"
    one = h.plain.get(f"/health?root={h.good.app.root}")
    assert (one.status, one.body) == (200, b"ok\n")
    assert h.plain.get("/health?root=/nowhere").status == 503


def test_health_is_good_again_when_the_application_is_mended(httpd):
    h = httpd(conf="PoolMax 2")
    pool = status_site(h)
    site = h.vhost(h.wsgi_app("app", "import no_such_module\n"))
    h.start()
    assert (pool.get("/health").status, pool.get("/health").body) == \
        (200, b"ok\n")
    assert site.get("/").status == 500
    assert pool.get("/health").status == 503
    site.app.write("passenger_wsgi.py", PROBE_CODE["wsgi"])
    eventually(lambda: pool.get("/health").status == 200, 20)


def test_health_is_bad_while_the_pool_server_does_not_answer(httpd):
    h = httpd()
    pool = status_site(h)
    h.start()
    stopped = [h.master, *h.engines]
    assert pool.get("/health").status == 200
    for proc in stopped:
        proc.kill(signal.SIGSTOP)
    try:
        assert pool.get("/health", timeout=20).status == 503
    finally:
        for proc in stopped:
            proc.kill(signal.SIGCONT)
    eventually(lambda: pool.get("/health").status == 200, 20)


# -- actions ---------------------------------------------------------------

def test_without_the_directive_a_post_is_refused_and_no_button_is_shown(scene):
    page = scene.plain.get("/pool").body.decode()
    assert "<form" not in page and "<button" not in page
    token = forms_of(scene.pool.get("/pool").body.decode())[0]["token"]
    answer = scene.plain.post("/pool", f"token={token}".encode())
    assert answer.status == 405


def test_restart_from_the_page_brings_new_processes(scene):
    h = scene
    pid = h.good.get("/pid").body
    forms = forms_of(h.pool.get("/pool").body.decode())
    (form,) = [f for f in forms if f.get("root") == str(h.good.app.root)]
    answer = send_form(h.pool, form)
    assert answer.status == 303
    assert answer.header("Location").endswith("/pool")
    assert h.good.get("/pid").body != pid


def test_detach_from_the_page_ends_a_process(scene):
    h = scene
    pid = h.good.get("/pid").body.decode()
    forms = forms_of(h.pool.get("/pool").body.decode())
    (form,) = [f for f in forms if f.get("pid") == pid]
    assert send_form(h.pool, form).status == 303
    eventually(lambda: h.good.get("/pid").body.decode() != pid)


def test_a_restart_that_fails_says_why(scene):
    h = scene
    assert h.bad.get("/").status == 500
    forms = forms_of(h.pool.get("/pool").body.decode())
    (form,) = [f for f in forms if f.get("root") == str(h.bad.app.root)]
    answer = send_form(h.pool, form)
    assert answer.status == 500
    assert b"no_such_module" in answer.body


@pytest.mark.parametrize("token", ["", "0123456789abcdef"])
def test_a_wrong_token_does_nothing(scene, token):
    h = scene
    pid = h.good.get("/pid").body
    answer = send_form(h.pool, {"token": token, "action": "restart",
                                "root": str(h.good.app.root)})
    assert answer.status == 403
    assert h.good.get("/pid").body == pid


def test_a_token_of_another_client_is_not_valid(scene):
    h = scene
    form = forms_of(h.pool.get("/pool").body.decode())[0]
    elsewhere = http.client.HTTPConnection(
        *h.address, timeout=20, source_address=("127.0.0.2", 0))
    elsewhere.request("POST", "/pool", urllib.parse.urlencode(form), {
        "Host": "pool.test",
        "Content-Type": "application/x-www-form-urlencoded"})
    answer = elsewhere.getresponse()
    assert answer.status == 403
    answer.read()
    elsewhere.close()


def test_actions_are_the_engines_to_refuse_where_nobody_allowed_them(httpd):
    h = httpd(conf="PoolMax 2")
    pool = status_site(h)
    site = h.vhost(h.wsgi_app("app", PROBE_CODE["wsgi"]))
    h.start()
    pid = site.get("/pid").body
    answer = send_form(pool, {"token": "x", "action": "restart",
                              "root": str(site.app.root)})
    assert answer.status == 405
    assert site.get("/pid").body == pid


# -- the document ----------------------------------------------------------

DOCUMENT = Path(__file__).parents[2] / "doc/status-json"


def names_in(value):
    if isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from names_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from names_in(member)


def test_every_member_and_metric_is_in_the_document(scene):
    h = scene
    assert h.bad.get("/").status == 500
    with Holder(h.good):
        told = set(names_in(h.status()))
        told |= set(re.findall("^# TYPE (\\S+)", metrics_of(h), re.M))
    known = set(re.findall(r"[a-z_]+", DOCUMENT.read_text()))
    assert told - known == set()
    documented = set(re.findall(r"apppool_[a-z_]+", DOCUMENT.read_text()))
    assert documented - told == set()
