# SPDX-License-Identifier: Apache-2.0
"""apppoolctl, as an administrator types it."""

import json
import os
import re
import shutil
import subprocess
import threading

import pytest

from conftest import PROBE_CODE
from harness import Httpd, Stage, eventually
from test_status import Holder, status_site

VERSION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"version %d"]
"""


def run(h, *arguments, **options):
    done = subprocess.run([h.stage.ctl, *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60,
                          **options)
    return done.returncode, done.stdout, done.stderr


def ctl(h, *arguments, **options):
    return run(h, *arguments, "--pid-file", str(h.folder / "run/httpd.pid"),
               **options)


def said(h, *arguments):
    """What it printed; it must have ended well."""
    code, out, err = ctl(h, *arguments)
    assert (code, err) == (0, "")
    return out


@pytest.fixture(scope="module")
def scene(stage, mpm):
    with Httpd(mpm=mpm, conf=f"PoolMax 3\nPoolMaxIdleTime 200") as h:
        h.pool = status_site(h)
        h.good = h.vhost(h.wsgi_app("good", PROBE_CODE["wsgi"]),
                         extra="PoolMaxPerApp 1\nPoolSetEnv COLOUR blue")
        h.bad = h.vhost(h.wsgi_app("bad", "import no_such_module\n"))
        yield h.start()


# -- looking ---------------------------------------------------------------

def test_status_is_a_table_that_fits_80_columns(scene):
    h = scene
    pid = h.good.get("/pid").body.decode()
    h.bad.get("/")
    out = said(h, "status")
    assert str(h.good.app.root) in out and pid in out
    assert "No module named 'no_such_module'" in out
    for line in out.splitlines():
        if not re.match(r"/|    ", line):    # paths and others' words
            assert len(line) <= 80, line


def test_status_as_json_is_what_the_page_has(scene):
    h = scene
    h.good.get("/pid")
    status = json.loads(said(h, "status", "--json"))
    assert status["version"] == 1
    (app,) = [a for a in status["applications"]
              if a["root"] == str(h.good.app.root)]
    assert set(h.processes_of(h.good.app)) <= {p["pid"]
                                               for p in app["processes"]}


def test_requests_tells_who_is_in_which_process(scene):
    h = scene
    with Holder(h.good, "?from=here"):
        out = said(h, "requests")
    (line,) = [text for text in out.splitlines() if "from=here" in text]
    pid, age, client, request = line.split(None, 3)
    assert int(pid) in h.processes_of(h.good.app)
    assert client == "127.0.0.1"
    assert re.fullmatch(r"[\d.]+s", age)
    assert re.fullmatch(r"GET /hold/go\d+\?from=here HTTP/1.1", request)
    assert "0 requests" in said(h, "requests")


def test_a_request_cannot_write_to_the_terminal(scene):
    h = scene
    with Holder(h.good) as held:
        thread = threading.Thread(target=h.raw, args=(
            f"GET /hold/{held.name}?\x80\x9b31m HTTP/1.1\r\nHost: "
            "good.test\r\nConnection: close\r\n\r\n",))
        thread.start()
        out = said(h, "requests")
    thread.join(20)
    assert "\x1b" not in out and "\x9b" not in out


def test_memory_is_measured_when_asked_for(scene):
    h = scene
    pid = h.good.get("/pid").body.decode()
    lines = said(h, "memory").splitlines()
    (line,) = [text.split() for text in lines if text.split()[0] == pid]
    assert float(line[2].rstrip("M")) > 0.5
    assert all(len(text) <= 80 for text in lines)


def test_top_looks_as_often_as_it_is_told(scene):
    h = scene
    h.good.get("/pid")
    out = said(h, "top", "--count", "2", "--interval", "1")
    assert out.count("cpu%") == 2
    assert all(len(text) <= 80 for text in out.splitlines())


def test_config_names_file_and_line_of_each_directive(scene):
    h = scene
    out = said(h, "config")
    conf = (h.folder / "httpd.conf").read_text().splitlines()
    found = re.findall(r"^  (Pool\w+) (.*?) +(/\S+):(\d+)$", out, re.M)
    assert {"PoolMax", "PoolSetEnv", "PoolMaxPerApp"} <= {f[0] for f in found}
    for directive, args, file, line in found:
        assert file == str(h.folder / "httpd.conf")
        assert conf[int(line) - 1].split(None, 1) == [directive, args]
    assert re.search(r"^  PoolMaxQueueSize +default: 100$", out, re.M)


def test_config_of_one_application_does_not_have_anothers_settings(scene):
    h = scene
    config = json.loads(said(h, "config", "--json"))
    told = {a["root"]: {s["directive"]: s.get("args") for s in a["settings"]}
            for a in config["applications"]}
    assert told[str(h.good.app.root)]["PoolMaxPerApp"] == "1"
    assert "PoolMaxPerApp" not in told[str(h.bad.app.root)]
    assert "PoolMaxPerApp" in {d["directive"] for d in config["app_defaults"]}
    assert config["httpd"]["server_root"] == str(h.folder)


def test_every_directive_is_in_the_configuration_shown(scene):
    h = scene
    config = json.loads(said(h, "config", "--json"))
    shown = {d["directive"] for kind in ("defaults", "app_defaults")
             for d in config[kind] if d["default"]}
    listing = subprocess.run(
        [*h._command(), "-L"], stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, timeout=20, env=h._environment()).stdout
    known = set(re.findall(r"^(Pool\w+) \(", listing, re.M))
    assert known and shown == known


# -- doing -----------------------------------------------------------------

def test_restart_returns_when_new_code_serves(httpd):
    h = httpd()
    app = h.wsgi_app("news", VERSION % 1)
    site = h.vhost(app)
    assert site.get("/").body == b"version 1"
    app.write("passenger_wsgi.py", VERSION % 2)
    assert said(h, "restart", str(app.root)) == ""
    assert {site.get("/").body for _ in range(5)} == {b"version 2"}
    app.write("passenger_wsgi.py", VERSION % 3)
    assert said(h, "restart", "--all") == ""
    assert {site.get("/").body for _ in range(5)} == {b"version 3"}


def test_restart_of_code_that_does_not_start_fails_with_its_error(httpd):
    h = httpd()
    app = h.wsgi_app("news", VERSION % 1)
    site = h.vhost(app)
    assert site.get("/").body == b"version 1"
    app.write("passenger_wsgi.py", "import no_such_module\n")
    code, out, err = ctl(h, "restart", str(app.root))
    assert (code, out) == (1, "")
    assert "No module named 'no_such_module'" in err
    assert site.get("/").body == b"version 1"


def test_backtrace_shows_where_a_process_is_and_lets_it_go_on(scene):
    h = scene
    with Holder(h.good):
        (pid,) = h.processes_of(h.good.app)
        out = said(h, "backtrace", str(pid))
        assert "in hold" in out
        assert eventually(lambda: "in hold" in h.log.text())
    assert h.processes_of(h.good.app) == [pid]
    assert h.good.get("/pid").body == str(pid).encode()


def test_backtrace_of_a_stranger_is_refused(scene):
    code, _, err = ctl(scene, "backtrace", "1")
    assert code == 1 and "no process of the pool" in err


def test_detach_ends_a_process_when_it_is_free(scene):
    h = scene
    pid = h.good.get("/pid").body.decode()
    assert said(h, "detach", pid) == ""
    eventually(lambda: int(pid) not in h.processes_of(h.good.app))
    code, _, err = ctl(h, "detach", "1")
    assert code == 1 and "no process of the pool" in err


def test_drain_makes_health_say_no_while_requests_are_served(scene):
    h = scene
    assert said(h, "drain") == ""
    answer = h.pool.get(f"/health?root={h.good.app.root}")
    assert (answer.status, answer.body) == (503, b"draining\n")
    assert h.good.get("/pid").status == 200
    assert "draining" in said(h, "status").splitlines()[0]
    (engine,) = h.engines
    engine.kill()
    eventually(lambda: h.engines and h.engines[0].pid != engine.pid)
    eventually(lambda: h.good.get("/pid").status == 200)
    assert h.pool.get("/health").status == 503, "a new engine remembers"
    assert said(h, "undrain") == ""
    answer = h.pool.get(f"/health?root={h.good.app.root}")
    assert answer.status == 200


# -- finding the server ----------------------------------------------------

def test_ping_and_version(scene):
    assert said(scene, "ping") == ""
    assert re.fullmatch(r"apppoolctl [\d.]+\napppool-server [\d.]+\n",
                        said(scene, "version"))
    own = ctl(scene, "--version")[1]
    assert re.fullmatch(r"apppoolctl [\d.]+\n", own)


@pytest.mark.parametrize("write", [
    lambda root: f"{root}/", lambda root: f"{root.parent}//x/../{root.name}/.",
    lambda root: os.path.relpath(root), lambda root: root.parent / "link"])
def test_restart_knows_a_root_however_it_is_written(scene, write):
    root = scene.good.app.root
    (root.parent / "link").unlink(missing_ok=True)
    (root.parent / "link").symlink_to(root)
    before = scene.good.get("/pid").body
    assert said(scene, "restart", str(write(root))) == ""
    assert scene.good.get("/pid").body != before
    code, _, err = ctl(scene, "restart", str(root.parent))
    assert code == 1 and "no application has this root" in err


def test_the_configuration_file_is_the_one_httpd_was_given(httpd, tmp_path):
    h = httpd()
    h.start()
    included = tmp_path / "included.conf"
    included.write_text("# nothing\n")
    main = h.folder / "httpd.conf"
    included.write_text("Timeout 60\n")
    main.write_text(f"Include {included}\n{main.read_text()}")
    h.graceful()
    eventually(lambda: run(h, "ping", "--conf", str(main))[0] == 0)
    found = json.loads(run(h, "config", "--json", "--conf", str(main))[1])
    assert found["httpd"]["config_file"] == str(main)
    code, _, err = run(h, "ping", "--conf", str(included))
    assert code == 3 and "no httpd with a pool server reads" in err


@pytest.mark.parametrize("arguments", [
    (), ("stauts",), ("restart",), ("detach", "me"), ("backtrace",),
    ("status", "a", "b"), ("--pid", "none", "status"), ("--what", "status")])
def test_wrong_words_are_2(scene, arguments):
    code, out, err = run(scene, *arguments)
    assert (code, out) == (2, "") and err


def test_help_is_no_mistake(scene):
    code, out, err = run(scene, "--help")
    assert (code, err) == (0, "")
    for command in ("status", "requests", "top", "memory", "restart",
                    "backtrace", "detach", "drain", "undrain", "config",
                    "ping", "version"):
        assert re.search(rf"^  .*\b{command}\b", out, re.M), command


def test_without_a_server_it_is_3(scene, tmp_path):
    code, _, err = run(scene, "ping", "--pid", str(os.getpid()))
    assert code == 3 and "neither a pool server nor the httpd of one" in err
    empty = tmp_path / "httpd.pid"
    code, _, err = run(scene, "ping", "--pid-file", str(empty))
    assert code == 3 and "does this httpd run?" in err


def test_several_httpds_are_told_apart(scene, httpd):
    one, two = scene, httpd()
    two.start()
    code, _, err = run(one, "ping")
    assert code == 3 and "say which by" in err
    for h in (one, two):
        assert f"ServerRoot {h.folder}, PidFile {h.folder}/run/httpd.pid" \
            in err
        code, out, err2 = run(h, "config", "--conf",
                              str(h.folder / "httpd.conf"))
        assert code == 0 and f"ServerRoot {h.folder}," in out, err2
        assert run(h, "ping", "--pid", str(h.pid))[0] == 0
        assert run(h, "ping", "--pid", str(h.master.pid))[0] == 0
    code, _, err = run(one, "ping", "--conf", "/etc/hostname")
    assert code == 3 and "no httpd with a pool server reads" in err


@pytest.mark.needs_root
@pytest.mark.needs_root
def test_a_server_in_another_pid_namespace_is_said_to_be(scene):
    apart = ["unshare", "--pid", "--fork"]
    if subprocess.run([*apart, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no right to make a pid namespace")
    master = scene.master.pid
    done = subprocess.run(
        [*apart, scene.stage.ctl, "status", "--pid", str(master)],
        capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert f"nsenter -t {master} -a apppoolctl" in done.stderr


def test_who_is_not_root_is_told_what_to_do(scene):
    code, _, err = ctl(scene, "status", user=5, group=60, extra_groups=[])
    assert code == 3
    assert "try sudo" in err and "--url" in err


def test_a_url_without_a_status_page_is_said_so(scene):
    h = scene
    h.good.get("/pid")
    url = f"http://127.0.0.1:{h.address[1]}/elsewhere"
    code, out, err = run(h, "status", "--url", url)
    assert code == 1 and "no status at" in err
    code, _, err = run(h, "top", "--count", "1", "--url", "http://127.0.0.1:1/")
    assert code == 3 and "no status at" in err
    code, _, err = run(h, "drain", "--url", url)
    assert code == 2 and "leave --url out" in err


def test_url_reads_the_status_page(httpd):
    h = httpd()
    status_site(h, name="127.0.0.1")
    site = h.vhost(h.wsgi_app("good", PROBE_CODE["wsgi"]))
    site.get("/pid")
    url = f"http://127.0.0.1:{h.address[1]}/pool?refresh=9"
    for command in ("status", "requests", "memory"):
        code, out, err = run(h, command, "--url", url)
        assert code == 0, err
    assert str(site.app.root) in run(h, "status", "--url", url)[1]


# -- PoolControlSocket -----------------------------------------------------

def test_the_control_socket_is_a_way_in(httpd, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    path = folder / "control"
    h = httpd(conf=f"PoolControlSocket {path}")
    site = h.vhost(h.wsgi_app("good", PROBE_CODE["wsgi"]))
    site.get("/pid")
    assert path.stat().st_mode & 0o777 == 0o600
    code, out, err = run(h, "status", "--socket", str(path))
    assert code == 0 and str(site.app.root) in out, err
    assert run(h, "restart", "--all", "--socket", str(path))[0] == 0
    h.conf = ""
    h.graceful()
    eventually(lambda: not path.exists())
    assert run(h, "ping", "--socket", str(path))[0] == 3


def test_the_control_socket_goes_with_the_server(httpd, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    path = folder / "control"
    h = httpd(conf=f"PoolControlSocket {path}")
    h.start()
    eventually(path.exists)
    h.graceful()
    assert run(h, "ping", "--socket", str(path))[0] == 0
    h.stop()
    assert not path.exists()


def test_the_control_socket_outlives_an_upgrade(httpd, tmp_path_factory,
                                                stage):
    folder = tmp_path_factory.mktemp("upgrade")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    shutil.copytree(stage.folder, folder / "stage", symlinks=True)
    path = folder / "control"
    h = httpd(conf=f"PoolControlSocket {path}", stage=Stage(folder / "stage"))
    h.start()
    assert run(h, "drain", "--socket", str(path))[0] == 0
    fresh = h.stage.server.with_suffix(".new")
    fresh.write_bytes(h.stage.server.read_bytes() + b"\n")
    fresh.chmod(0o755)
    os.replace(fresh, h.stage.server)
    h.graceful()
    eventually(lambda: os.stat(f"/proc/{h.master.pid}/exe").st_ino ==
               h.stage.server.stat().st_ino, 10)
    code, out, err = eventually(
        lambda: run(h, "status", "--socket", str(path)), 10)
    assert code == 0 and "draining" in out, err
    assert f"ServerRoot {h.folder}" in run(h, "config", "--socket",
                                           str(path))[1]


@pytest.mark.needs_root
def test_the_control_socket_lets_no_other_user_in(httpd, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir(mode=0o755)
    for parent in [folder, *folder.parents][:4]:
        parent.chmod(parent.stat().st_mode | 0o055)
    path = folder / "control"
    h = httpd(conf=f"PoolControlSocket {path}", allow_log="control socket")
    h.start()
    eventually(path.exists)
    code, _, err = run(h, "ping", "--socket", str(path), user=5, group=60,
                       extra_groups=[])
    assert code == 3
    path.chmod(0o666)
    code, _, err = run(h, "ping", "--socket", str(path), user=5, group=60,
                       extra_groups=[])
    assert code == 3 and "mode 0600" in err


def test_a_control_socket_where_others_may_write_is_refused(httpd):
    h = httpd(conf="PoolControlSocket /tmp/apppool-control")
    ok, words = h.configtest()
    assert not ok
    assert "/tmp must belong to root" in words


# -- completion --------------------------------------------------------------

def completions(h, *words):
    script = h.stage.folder.rglob("apppoolctl.bash")
    done = subprocess.run(
        ["bash", "-c", "PATH=$1:$PATH; . $2; shift 2; COMP_WORDS=(apppoolctl "
         "\"$@\"); COMP_CWORD=$#; _apppoolctl; printf '%s\\n' "
         "\"${COMPREPLY[@]}\"", "bash", str(h.stage.ctl.parent),
         str(next(iter(script))), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_knows_commands_and_options(scene):
    assert completions(scene, "re") == ["requests", "restart"]
    assert "--pid-file" in completions(scene, "--p")
    out = run(scene, "--help")[1]
    known = set(re.findall(r"^  ([a-z]+)|, (undrain)", out, re.M))
    told = set(completions(scene, ""))
    assert {name for pair in known for name in pair if name} <= told
    assert set(re.findall(r"--[a-z-]+", out)) <= told
