# SPDX-License-Identifier: Apache-2.0
"""Applications that raise, end or fall silent, clients that go away: in every
language what follows for the client, the log and the next request."""

import http.client
import os
import signal
import threading

import pytest

from harness import eventually

VHOSTS = {
    "patient": "PoolMaxPerApp 2",
    "limited": "PoolResponseTimeout 1",
    "errors": "ErrorDocument 500 /sorry.txt\nErrorDocument 502 /sorry.txt",
}


def setup_shared(h):
    for site in h.probes.values():
        site.app.write("public/sorry.txt", "sorry, said httpd")


def lines_of(probe, name):
    return len(probe.app.read(name).splitlines())


@pytest.fixture
def fresh(probe, request):
    """A file's name that no other test uses."""
    name = f"asked-{abs(hash(request.node.nodeid))}"
    yield name
    (probe.app.root / name).unlink(missing_ok=True)


# -- the application ends --------------------------------------------------

@pytest.mark.everywhere
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS",
                                    "PROPFIND"])
def test_what_may_happen_twice_is_tried_again_once(probe, fresh, method):
    """BEHAVIOUR 16"""
    answer = probe.request(method, f"/gone-once/{fresh}",
                           b"x" * 1000 if method == "PUT" else None)
    assert answer.status == 200
    assert answer.body == (b"" if method == "HEAD" else b"2")
    assert lines_of(probe, fresh) == 2


@pytest.mark.everywhere
@pytest.mark.parametrize("method", ["POST", "PATCH", "MOVE", "LOCK"])
def test_what_may_not_happen_twice_never_is(probe, fresh, method):
    """BEHAVIOUR 16"""
    if method == "BREW" and not probe.language.has("any-method"):
        pytest.skip("its server knows a list of methods")
    answer = probe.request(method, f"/gone-once/{fresh}", b"x")
    assert answer.status == 502
    assert lines_of(probe, fresh) == 1
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.parametrize("action", ["gone", "killed"])
def test_a_process_that_ends_without_an_answer_is_502(probe, action):
    """BEHAVIOUR 16"""
    for method in ("GET", "POST"):
        assert probe.request(method, f"/{action}").status == 502, method
    answer = probe.at("errors").get(f"/{action}")
    assert (answer.status, answer.body) == (502, b"sorry, said httpd")
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.everywhere
@pytest.mark.needs("late-gone")
@pytest.mark.versions("1.1", "2")
@pytest.mark.needs("late-gone")
def test_a_process_that_ends_in_mid_answer_is_a_visible_cut(shared, probe):
    """BEHAVIOUR 16"""
    since = shared.access_log.position()
    with pytest.raises(http.client.IncompleteRead):
        probe.get("/late-gone?logged", timeout=10)
    shared.access_log.wait(r"/late-gone\?logged HTTP/[0-9.]+\" 200 ",
                           since=since)
    assert probe.get("/ignore").body == b"ignored"


@pytest.mark.everywhere
@pytest.mark.every_version
@pytest.mark.needs("boom")
def test_an_exception_is_500_and_the_process_serves_on(shared, probe):
    """BEHAVIOUR 16"""
    site = probe.alone
    pid = site.get("/pid").body
    since = shared.log.position()
    for method in ("GET", "POST"):
        answer = site.request(method, "/boom", b"x" if method == "POST"
                              else None)
        assert answer.status == 500
        assert b"boom before" not in answer.body
    shared.log.wait("boom before the header", since=since)
    assert site.get("/pid").body == pid


@pytest.mark.everywhere
@pytest.mark.needs("late-boom")
@pytest.mark.versions("1.1", "2")
def test_an_exception_in_mid_body_is_a_visible_cut(probe):
    """BEHAVIOUR 16"""
    site = probe.alone
    pid = site.get("/pid").body
    with pytest.raises(http.client.IncompleteRead):
        site.get("/late-boom", timeout=10)
    assert site.get("/pid").body == pid


# -- the application is silent ---------------------------------------------

@pytest.mark.ours
def test_silence_before_an_answer_is_504(probe):
    """BEHAVIOUR 16"""
    site = probe.at("limited")
    assert site.get("/sleep/3").status == 504
    assert site.get("/ignore").body == b"ignored"


@pytest.mark.ours
@pytest.mark.versions("1.1", "2")
def test_silence_in_mid_answer_is_a_visible_cut(probe):
    """BEHAVIOUR 16"""
    site = probe.at("limited")
    with pytest.raises(http.client.IncompleteRead):
        site.get("/quiet/3", timeout=10)
    assert site.get("/ignore").body == b"ignored"


@pytest.mark.needs("processes")
def test_a_stopped_process_delays_only_its_own_request(probe, fresh):
    """BEHAVIOUR 34"""
    answers = []
    first = threading.Thread(
        target=lambda: answers.append(probe.get(f"/hold/{fresh}")))
    first.start()
    root = probe.app.root
    waiting = eventually(lambda: list(root.glob(f"{fresh}.waits.*")))
    pid = int(waiting[0].name.split(".")[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(8):
            assert probe.get("/pid", timeout=10).body != b"%d" % pid
        probe.app.write(fresh, "")
        assert not answers
    finally:
        os.kill(pid, signal.SIGCONT)
        probe.app.write(fresh, "")
    first.join(10)
    assert answers[0].body == b"%d" % pid
    waiting[0].unlink()


# -- the client goes away --------------------------------------------------
# An application learns it when it writes; one that sleeps is not disturbed.

def leave(shared, site, version, target, seen, body=None):
    """Ask, wait for `seen`, go away."""
    if version == "2":
        with site.http2() as connection:
            number = connection.send("GET", target, host=site.name)
            connection.wait(number, lambda s: seen in s.body)
        return
    with shared.connect() as raw:
        raw.send(site.raw_request("GET", target))
        raw.read_until(seen)


@pytest.mark.versions("1.1", "2")
@pytest.mark.parametrize("target, seen", [
    ("/quiet/1", b"begin"), ("/trickle/400/0.05", b"piece 0"),
    (f"/size/{1 << 31}", b"x" * 1000)],
    ids=["silent", "trickling", "large"])
def test_a_client_that_goes_away_frees_the_process(shared, probe, target,
                                                   seen):
    """BEHAVIOUR 13, 15, 34"""
    site = probe.alone
    site.get("/pid")
    since = shared.log.position()
    leave(shared, site, probe.version, target, seen)
    assert site.get("/ignore", timeout=15).body == b"ignored"
    text = shared.log.text(since)
    for level in (":error]", ":warn]", ":crit]"):
        assert level not in text, text


@pytest.mark.versions("1.1")
def test_a_client_that_goes_away_before_the_answer_frees_the_process(
        shared, probe, fresh):
    """BEHAVIOUR 15, 34"""
    site = probe.alone
    site.get("/pid")
    since = shared.log.position()
    with shared.connect() as raw:
        raw.send(site.raw_request("GET", f"/hold/{fresh}"))
        eventually(lambda: list(site.app.root.glob(f"{fresh}.waits.*")))
    site.app.write(fresh, "")
    assert site.get("/ignore", timeout=15).body == b"ignored"
    assert ":error]" not in shared.log.text(since)


@pytest.mark.versions("2")
def test_a_stream_that_is_reset_frees_the_process(probe):
    """BEHAVIOUR 19"""
    site = probe.alone
    site.get("/pid")
    with site.http2() as connection:
        for target, seen in (("/quiet/1", b"begin"),
                             (f"/size/{1 << 31}", b"x" * 1000)):
            number = connection.send("GET", target, host=site.name)
            connection.wait(number, lambda s: seen in s.body)
            connection.reset(number)
            number = connection.send("GET", "/ignore", host=site.name)
            stream = connection.wait(number)
            assert bytes(stream.body) == b"ignored"
