# SPDX-License-Identifier: Apache-2.0
"""PHP: what scripts answer, how its processes live, and how they end."""

import hashlib
import shutil
import threading

import pytest

from harness import Proc, eventually

pytestmark = pytest.mark.skipif(not shutil.which("php-cgi"),
                                reason="php-cgi is not installed")

SHARED_CONF = "PoolMax 6"

SCRIPTS = {
    "pid": "echo getmypid();",
    "status": "header('HTTP/1.1 418 I am a teapot'); echo 'tea';",
    "cookies": """setcookie('a', '1'); setcookie('b', '2', 0, '/');
        header('Location: /pid.php', true, 303);""",
    "session": """session_save_path(__DIR__ . '/../sessions');
        session_start(); echo $_SESSION['n'] = 1 + ($_SESSION['n'] ?? 0);""",
    "upload": """$f = $_FILES['file'];
        echo $f['name'], ' ', $f['size'], ' ',
             hash_file('sha256', $f['tmp_name']), ' ', $_POST['note'];""",
    "exit": "echo 'before'; exit(3);",
    "fatal": "nothing_is_called_so();",
    "slow": "set_time_limit(1); while (true);",
    "log": """error_log("first line\\nsecond line");
        error_log(str_repeat('x', 20000)); echo 'ok';""",
    "unread": "echo 'not read';",
    "stream": """while (ob_get_level()) ob_end_clean();
        echo "begin\\n"; flush();
        while (!file_exists(__DIR__ . '/../go')) { usleep(10000);
            clearstatcache(); }
        echo "end\\n";""",
    "killed": "echo 'some'; posix_kill(getmypid(), 9);",
    "cached": """echo json_encode([ini_get('opcache.enable'),
        function_exists('opcache_get_status') ? opcache_get_status()
            ['opcache_statistics']['hits'] : -1]);""",
    "large": "echo str_repeat('0123456789', 1000000);",
    "env": "echo json_encode(getenv());",
    "cwd": "echo getcwd();",
}
INI = ".user.ini"


def setup_shared(h):
    app = h.app("scripts", "php")
    for name, code in SCRIPTS.items():
        app.write(f"public/{name}.php", f"<?php {code}")
    app.write(f"public/{INI}", "default_charset = x-user-ini")
    app.mkdir("sessions")
    h.scripts = h.vhost(app, extra="PoolAppType php")
    one = h.app("one", "php")
    for name, code in SCRIPTS.items():
        one.write(f"public/{name}.php", f"<?php {code}")
    h.one = h.vhost(one, extra="PoolAppType php\nPoolMaxPerApp 1")


def pid_site(h, lines=""):
    """An application whose pid.php tells its process."""
    app = h.app("pid", "php")
    app.write("public/pid.php", "<?php echo getmypid();")
    return h.vhost(app, extra="PoolAppType php\n" + lines)


def check_restart_and_stop(site):
    """A restart file ends the process, and httpd's stop is not held up."""
    site.app.mkdir("tmp")
    pid = int(site.get("/pid.php").body)
    site.app.write("tmp/restart.txt", "")
    eventually(lambda: int(site.get("/pid.php").body) != pid, 10)
    eventually(lambda: not Proc(pid).alive, 10)
    assert site.httpd.stop() < 3


@pytest.fixture
def site(shared):
    return shared.scripts


@pytest.fixture
def one(shared):
    """The same with one process only."""
    return shared.one


# -- answers ---------------------------------------------------------------

def test_a_script_chooses_its_status(site):
    answer = site.get("/status.php")
    assert (answer.status, answer.reason) == (418, "I am a teapot")
    assert answer.body == b"tea"
    assert answer.header("Status") is None


def test_several_cookies_stay_several(site):
    answer = site.get("/cookies.php")
    assert answer.status == 303 and answer.header("Location") == "/pid.php"
    assert answer.all("Set-Cookie") == ["a=1", "b=2; path=/"]


def test_a_session_lives_on(site):
    answer = site.get("/session.php")
    assert answer.body == b"1"
    cookie = answer.header("Set-Cookie").partition(";")[0]
    for n in (b"2", b"3"):
        assert site.get("/session.php", {"Cookie": cookie}).body == n


def test_an_upload_arrives_byte_for_byte(site):
    data = bytes(range(256)) * 6000
    body = (b"--B\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"
            b"a note\r\n--B\r\nContent-Disposition: form-data; name=\"file\";"
            b" filename=\"x.bin\"\r\n\r\n" + data + b"\r\n--B--\r\n")
    answer = site.post("/upload.php", body, {
        "Content-Type": "multipart/form-data; boundary=B"})
    assert answer.text == (f"x.bin {len(data)} "
                           f"{hashlib.sha256(data).hexdigest()} a note")


def test_a_folder_may_have_an_ini_of_its_own(site):
    answer = site.get("/pid.php")
    assert answer.header("Content-Type").endswith("charset=x-user-ini")


def test_php_finds_the_environment_that_is_promised(site):
    env = site.get("/env.php").json
    assert env["APP_ENV"] == "production" and env["HOME"]
    assert env["PHP_FCGI_CHILDREN"] == "0"
    assert "HTTPD" not in env
    assert site.get("/cwd.php").text == str(site.app.public)


def test_a_large_answer_arrives(site):
    assert site.get("/large.php").body == b"0123456789" * 1000000


def test_what_is_flushed_arrives_while_the_script_works(site):
    go = site.app.root / "go"
    with site.httpd.connect() as connection:
        connection.send(b"GET /stream.php HTTP/1.1\r\n"
                        b"Host: scripts.test\r\n\r\n")
        connection.read_until(b"begin")
        go.touch()
        connection.read_until(b"end")
    go.unlink()


# -- the same process goes on ----------------------------------------------

def test_exit_and_errors_leave_the_process_as_it_was(one):
    pid = one.get("/pid.php").body
    assert one.get("/exit.php").body == b"before"
    assert one.get("/fatal.php").status == 500
    assert one.get("/slow.php").status == 500
    assert one.post("/unread.php", b"x" * 500000).body == b"not read"
    assert one.get("/pid.php").body == pid


def test_errors_are_in_the_log_of_the_request(one):
    log = one.httpd.log
    since = log.position()
    assert one.get("/fatal.php").status == 500
    line = log.wait(".*nothing_is_called_so", 5, since).group()
    assert "[client 127.0.0.1" in line and str(one.app.root) in line
    since = log.position()
    assert one.get("/log.php").body == b"ok"
    log.wait("second line", 5, since)
    assert "first line\n" in log.text(since)
    assert log.text(since).count("x" * 5000) >= 2


def test_a_log_of_its_own_has_them_too(httpd):
    h = httpd(conf="PoolMax 2")
    app = h.app("own", "php")
    app.write("public/index.php", "<?php error_log('one of its own');")
    log = h.folder / "logs/own.log"
    site = h.vhost(app, extra=f"PoolAppType php\nPoolLogFile {log}")
    assert site.get("/index.php").status == 200
    eventually(lambda: "[client 127.0.0.1] one of its own\n"
               in log.read_text(), 5)
    assert "one of its own" not in h.log.text()


def test_opcache_works(one):
    enabled, before = one.get("/cached.php").json
    if enabled != "1":
        pytest.skip("this PHP has no opcache")
    # Files younger than two seconds are not cached (file_update_protection).
    eventually(lambda: one.get("/cached.php").json[1] > before, 10)


def test_a_process_that_dies_is_replaced(one):
    pid = one.get("/pid.php").body
    if one.get("/killed.php").status == 500:
        pytest.skip("this PHP has no posix_kill")
    answer = one.get("/pid.php")
    assert answer.status == 200 and answer.body != pid


# -- one connection at a time ----------------------------------------------

def _load(site, count, threads, path="/pid.php"):
    """Answers of so many requests; any failure fails the test."""
    answers, errors = [], []

    def work():
        try:
            for _ in range(count):
                answers.append(site.get(path))
        except Exception as error:      # reported below
            errors.append(error)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors, errors[:3]
    bad = [a for a in answers if a.status != 200]
    assert not bad, bad[:3]
    return answers


@pytest.mark.all_mpms
def test_a_process_goes_from_child_to_child(one):
    pids = {answer.body for answer in _load(one, 25, 8)}
    assert len(pids) == 1


def test_no_process_serves_more_than_its_share_and_none_is_lost(httpd):
    h = httpd(conf="PoolMax 3")
    site = pid_site(h, "PoolMaxRequests 5")
    h.start()
    pids = [answer.body for answer in _load(site, 15, 4)]
    assert max(map(pids.count, set(pids))) <= 5


@pytest.mark.all_mpms
def test_kept_connections_do_not_hold_up_a_stop_or_a_restart(httpd):
    h = httpd(conf="PoolMax 3")
    site = pid_site(h)
    pid = int(site.get("/pid.php").body)
    h.graceful()
    assert int(site.get("/pid.php").body) == pid
    check_restart_and_stop(site)


def test_a_missing_php_cgi_is_named_with_its_package(httpd):
    h = httpd(conf="PoolFriendlyErrorPages on", allow_log="could not be")
    site = pid_site(h, "PoolSetEnv PATH /nowhere")
    answer = site.get("/pid.php")
    assert answer.status == 500
    assert "php-cgi" in answer.text and "PoolPhp" in answer.text
