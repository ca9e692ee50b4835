# SPDX-License-Identifier: Apache-2.0
"""PHP with PoolSpawnMethod smart: processes forked from one php-cgi."""

import os
import shutil
import threading

import pytest

from harness import Proc, eventually
from test_php_process import check_restart_and_stop, pid_site

pytestmark = pytest.mark.skipif(not shutil.which("php-cgi"),
                                reason="php-cgi is not installed")

SHARED_CONF = "PoolMax 6"
SCRIPTS = {
    "pid": "echo getmypid();",
    "other": "echo 'other ', getmypid();",
    "cached": """echo json_encode([getmypid(), ini_get('opcache.enable') &&
        opcache_is_script_cached(__DIR__ . '/other.php')]);""",
    "hold": """touch(__DIR__ . '/../waits.' . getmypid());
        while (!file_exists(__DIR__ . '/../go')) { usleep(10000);
            clearstatcache(); }
        echo getmypid();""",
    "shell": "echo shell_exec('env; ls -l /proc/self/fd');",
    "random": "echo mt_rand(), ' ', lcg_value();",
}


def setup_shared(h):
    app = h.app("smart", "php")
    for name, code in SCRIPTS.items():
        path = app.write(f"public/{name}.php", f"<?php {code}")
        os.utime(path, (1, 1))      # opcache does not trust fresh files
    h.smart = h.vhost(app, extra="""
        PoolAppType php
        PoolSpawnMethod smart
        PoolMaxPerApp 3""")


@pytest.fixture
def site(shared):
    return shared.smart


def held(site, n):
    """n processes, each with a request; returns a function that ends them
    and gives the answers."""
    go = site.app.root / "go"
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(
        site.get("/hold.php"))) for _ in range(n)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(list(site.app.root.glob("waits.*"))) >= n, 10)

    def release():
        go.touch()
        for thread in threads:
            thread.join(20)
        for path in (go, *site.app.root.glob("waits.*")):
            path.unlink()
        return answers
    return release


def test_each_process_is_forked_and_serves(site):
    answers = held(site, 3)()
    assert [answer.status for answer in answers] == [200] * 3
    pids = {int(answer.body) for answer in answers}
    assert len(pids) == 3
    assert pids == set(site.httpd.processes_of(site.app))
    preloaders = [p["pid"] for p in site.httpd.status_of(site.app)["processes"]
                  if p.get("preloader")]
    assert len(preloaders) == 1


def test_what_one_has_compiled_no_other_has_to(site):
    if not site.get("/cached.php").json and \
            site.get("/other.php").status != 200:
        pytest.skip("this PHP has no opcache")
    compiled_by = int(site.get("/other.php").body.split()[1])
    release = held(site, 2)
    pid, is_cached = site.get("/cached.php").json
    release()
    assert is_cached
    assert pid != compiled_by or len(site.httpd.processes_of(site.app)) == 3


def test_a_dead_process_is_replaced_by_another_fork(site):
    pid = int(site.get("/pid.php").body)
    Proc(pid).kill()
    eventually(lambda: pid not in site.httpd.processes_of(site.app), 10)
    answer = site.get("/pid.php")
    assert answer.status == 200 and int(answer.body) != pid


def test_what_a_script_executes_is_not_preloaded_with_us(site):
    text = site.get("/shell.php").text
    assert "LD_PRELOAD" not in text and "APPPOOL_PHP_FORK" not in text
    descriptors = [line for line in text.splitlines() if "socket:" in line]
    assert len(descriptors) <= 1, text      # 0, as php-cgi leaves it


def test_forks_do_not_share_their_random_numbers(site):
    release = held(site, 2)
    first = site.get("/random.php").body
    release()
    release = held(site, 2)
    second = site.get("/random.php").body
    release()
    assert first != second


def test_all_of_them_end_with_httpd(httpd):
    h = httpd(conf="PoolMax 4")
    site = pid_site(h, "PoolSpawnMethod smart\nPoolMinInstances 2")
    site.get("/pid.php")
    check_restart_and_stop(site)


def test_they_end_with_the_pool_servers_master(httpd):
    h = httpd(conf="PoolMax 4", allow_log="pool server")
    site = pid_site(h, "PoolSpawnMethod smart")
    pid = int(site.get("/pid.php").body)
    h.master.kill()
    eventually(lambda: not Proc(pid).alive, 10)
    eventually(lambda: site.get("/pid.php").status == 200, 10)
