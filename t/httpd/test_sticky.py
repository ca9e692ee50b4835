# SPDX-License-Identifier: Apache-2.0
"""PoolStickySessions: a cookie leads a client back to the process it had."""

import os
import re
import signal
import socket

import pytest

from harness import eventually
from harness.calls import Calls, hold, probe_site, waiters

COOKIE = re.compile(r"apppool_route=([0-9a-f]{16})\.([^;]+); Path=([^;]+);"
                    r" HttpOnly; SameSite=Lax(; Secure)?")


@pytest.fixture
def site(httpd):
    h = httpd(conf="PoolMax 3")
    return probe_site(h, extra="PoolStickySessions on\nPoolMinInstances 3")


def cookie_of(answer):
    """(value as the client sends it back, the match of the whole line)"""
    (line,) = [c for c in answer.all("Set-Cookie")
               if c.startswith("apppool_route")]
    found = COOKIE.fullmatch(line)
    assert found, line
    return f"{found[1]}.{found[2]}", found


def sent(value, name="apppool_route"):
    return {"Cookie": f"first=1; {name}={value}; last=2"}


def three_processes(site):
    """{pid: cookie} of three warm processes."""
    answers = hold(site, 3).release(site).values()
    (site.app.root / "go").unlink()
    return {int(a.body): cookie_of(a)[0] for a in answers}


def test_each_client_comes_back_to_its_own_process(site):
    processes = three_processes(site)
    assert len(processes) == 3 and len(set(processes.values())) == 3
    for _ in range(5):
        for pid, cookie in processes.items():
            answer = site.get("/pid", headers=sent(cookie))
            assert int(answer.body) == pid
            assert not answer.all("Set-Cookie")


def test_the_cookie_tells_neither_pid_nor_place(site):
    value, found = cookie_of(site.get("/pid"))
    assert found[2] == socket.gethostname()
    assert found[3] == "/" and not found[4]
    pid = site.get("/pid", headers=sent(value)).body.decode()
    assert int(found[1], 16) != int(pid) and pid not in value


def test_a_request_waits_for_its_process_beside_idle_ones(site):
    processes = three_processes(site)
    pid, cookie = next(iter(processes.items()))
    calls = Calls()
    calls.start("holder", site, "/hold/go2", headers=sent(cookie))
    eventually(lambda: waiters(site, "go2") == 1)
    calls.start("waiter", site, "/pid", headers=sent(cookie))
    eventually(lambda: site.httpd.status()["counts"]["waiting"] == 1)
    for _ in range(4):
        assert int(site.get("/pid").body) != pid
    assert "waiter" not in calls.answers
    site.app.write("go2", "")
    answers = calls.join()
    assert int(answers["holder"].body) == int(answers["waiter"].body) == pid


def test_when_its_process_is_gone_any_other_answers_and_is_kept(site):
    processes = three_processes(site)
    pid, cookie = next(iter(processes.items()))
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: pid not in site.httpd.processes_of(site.app))
    answer = site.get("/pid", headers=sent(cookie))
    other, _ = cookie_of(answer)
    assert answer.status == 200 and int(answer.body) != pid
    again = site.get("/pid", headers=sent(other))
    assert again.body == answer.body and not again.all("Set-Cookie")


@pytest.mark.parametrize("value", [
    "0000000000000000.HOST", "ffffffffffffffff.HOST", "123.HOST", "", ".",
    "-1.HOST", "0x00000000000001.HOST", "ID.elsewhere", "ID", "ID.", "IDx.HOST"])
def test_a_cookie_that_names_nobody_here_is_replaced(site, value):
    own, _ = cookie_of(site.get("/pid"))
    value = value.replace("ID", own[:16]).replace("HOST",
                                                  socket.gethostname())
    answer = site.get("/pid", headers=sent(value))
    assert answer.status == 200
    cookie_of(answer)


def test_the_engines_death_forgets_no_process(site):
    processes = three_processes(site)
    h = site.httpd
    engine = h.status()["server"]["engine"]
    os.kill(engine, signal.SIGKILL)
    eventually(lambda: h.status()["server"]["engine"] != engine)
    for pid, cookie in processes.items():
        answer = site.get("/pid", headers=sent(cookie))
        assert int(answer.body) == pid and not answer.all("Set-Cookie")


def test_name_route_path_and_secure_are_as_configured(httpd):
    h = httpd()
    app = probe_site(h).app
    site = h.vhost(app, name="secure.test", extra=f"""
        ServerName https://secure.test
        PoolStickySessions on
        PoolStickyCookie JSESSIONID
        PoolStickyRoute node-7
        PoolBaseURI /shop {app.root}""")
    (line,) = site.get("/shop/pid").all("Set-Cookie")
    found = re.fullmatch(r"JSESSIONID=([0-9a-f]{16}\.node-7); Path=/shop; "
                         "HttpOnly; SameSite=Lax; Secure", line)
    assert found, line
    again = site.get("/shop/pid", headers=sent(found[1], "JSESSIONID"))
    assert not again.all("Set-Cookie")


def test_off_by_default_and_the_applications_own_cookies_stay(httpd):
    h = httpd()
    plain = probe_site(h)
    sticky = h.vhost(plain.app, name="sticky.test",
                     extra="PoolStickySessions on")
    assert not plain.get("/pid").all("Set-Cookie")
    own = plain.get("/headers").all("Set-Cookie")
    assert len(own) == 2
    assert sticky.get("/headers").all("Set-Cookie")[-2:] == own
    assert len(sticky.get("/headers").all("Set-Cookie")) == 3
