# SPDX-License-Identifier: Apache-2.0
"""Clients that send bombs, and an application out of step: others are served,
and nobody gets what was for somebody else."""

import gzip
import http.client
import itertools
import random
import threading
import time
from pathlib import Path

import pytest

from harness import eventually

OUT_OF_STEP = (Path(__file__).parent / "apps/out_of_step.py").read_text()
PROTOCOLS = ("http", "scgi", "fastcgi")
SHARED_MODULES = ("deflate", "filter")
# httpd's own limits, which stop most of this, are off.
SHARED_CONF = "PoolMax 40\nLimitRequestFields 0\nLimitRequestFieldSize 65536"
VHOSTS = {"inflate": "SetInputFilter DEFLATE\nLimitRequestBody 1000000"}
MIB = 1 << 20


def setup_shared(h):
    h.out_of_step = {}
    for protocol in PROTOCOLS:
        app = h.app(f"step-{protocol}", "command")
        app.write("server.py", OUT_OF_STEP)
        h.out_of_step[protocol] = h.vhost(app, f"""
            PoolAppCommand "python3 server.py {protocol}"
            PoolAppProtocol {protocol}
            PoolResponseTimeout 1
            PoolMaxPerApp 2""")


@pytest.fixture(params=PROTOCOLS)
def site(request, shared):
    return shared.out_of_step[request.param]


# -- bombs -----------------------------------------------------------------

def quickly(work, seconds=10):
    began = time.monotonic()
    answer = work()
    assert time.monotonic() - began < seconds
    return answer


@pytest.mark.parametrize("count, size", [(8000, 1), (200, 8000), (15, 65000)])
@pytest.mark.parametrize("name", ["X-Bomb-%d", "X-Bomb"])
def test_a_bomb_of_headers_holds_nobody_up(shared, name, count, size):
    headers = [(name % n if "%" in name else name, "x" * size)
               for n in range(count)]
    for language, site in shared.probes.items():
        pid = site.get("/pid").body
        answer = quickly(lambda: site.get("/ignore", headers))
        assert answer.status in (200, 400, 413, 431), (language, answer)
        assert site.get("/pid").body == pid, language


def test_a_flood_of_names_with_one_hash_holds_nobody_up(shared):
    """To h * 33 + c, PHP's and many another, each of these is the same."""
    names = ["X-" + "".join(pairs)
             for pairs in itertools.product(("AZ", "B9"), repeat=12)]
    for language, site in shared.probes.items():
        pid = site.get("/pid").body
        answer = quickly(lambda: site.get("/ignore",
                                          [(name, "x") for name in names]))
        assert answer.status in (200, 400, 413, 431), (language, answer)
        assert site.get("/pid").body == pid, language


def test_a_bomb_of_ranges_gets_no_more_than_the_response(probe):
    for ranges in (",".join(["0-"] * 1300), ",".join(["-1"] * 1300),
                   ",".join(f"{n}-{n + 9}" for n in range(0, 6000, 10))):
        answer = quickly(lambda: probe.get(
            "/length/1000000", {"Range": f"bytes={ranges}"}))
        assert answer.status in (200, 206, 416)
        assert len(answer.body) <= 1000000


@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "unsized"])
def test_a_bomb_that_a_filter_inflates_reaches_no_application(shared, probe,
                                                              chunked):
    site = probe.at("inflate")
    bomb = gzip.compress(bytes(200 * MIB), 1)
    assert len(bomb) < 1000000
    peaks = shared.peaks()
    with peaks:
        answer = quickly(lambda: site.post(
            "/mark/bomb", iter([bomb]) if chunked else bomb,
            {"Content-Encoding": "gzip"}))
    assert answer.status in (400, 413), answer
    assert not (site.app.root / "bomb").exists()
    peaks.check(8192, 98304)


def test_half_a_request_has_no_place_in_the_pool(shared, probe):
    site = probe.alone
    pid = site.get("/pid").body
    connections = [shared.connect() for _ in range(30)]
    try:
        for number, connection in enumerate(connections):
            connection.send(site.raw_request("POST", "/echo",
                                             "Content-Length: 9\r\n")
                            [:None if number % 2 else -9])
        assert site.get("/pid").body == pid
        assert shared.status()["counts"]["waiting"] == 0
    finally:
        for connection in connections:
            connection.close()


# -- an application out of step ----------------------------------------------

def test_nobody_gets_the_response_of_another(site):
    """Each of eight clients has names of its own."""
    strange = []

    def ask(number):
        chosen = random.Random(number)
        for n in range(25):
            name = f"{number}-{n}"
            answer = site.get(f"/{chosen.choice(('plain', 'twice'))}/{name}")
            if answer.status != 502 and answer.text != name:
                strange.append((name, answer))

    threads = [threading.Thread(target=ask, args=(number,))
               for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert strange == []


def lines(site, name):
    path = site.app.root / name
    return path.read_text().split() if path.exists() else []


def test_what_comes_when_nobody_asked_is_nobodys(site):
    for n in range(1, 11):
        assert site.get(f"/stale/{n}").text == str(n)
        eventually(lambda: len(lines(site, "stale")) == n)
        for k in range(4):      # whatever child and connection it meets
            assert site.get(f"/plain/{n}-{k}").text == f"{n}-{k}"


def late_and_others(site, failures):
    if site.get("/late/mine").status != 504:
        failures.append(f"{site.name}: no 504")
    for n in range(1000):
        if site.get(f"/plain/{n}").text != str(n):
            failures.append(f"{site.name}: the response of another")
        if lines(site, "late") and n > 20:
            break
    if not lines(site, "late"):
        failures.append(f"{site.name}: was never late")


def test_what_comes_after_its_client_was_told_504_is_nobodys(shared):
    failures = []
    threads = [threading.Thread(target=late_and_others, args=(site, failures))
               for site in shared.out_of_step.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_header_without_end_is_502_and_is_not_read_on(shared, site):
    site.get("/plain/warm")
    before = len(lines(site, "endless"))
    peaks = shared.peaks()
    with peaks:
        assert quickly(lambda: site.get("/endless/x")).status == 502
    # What is not read stops the writer; then its connection is closed.
    eventually(lambda: len(lines(site, "endless")) > before, 10)
    assert int(lines(site, "endless")[-1]) < 4 * MIB
    peaks.check(4096, 16384)
    assert site.get("/plain/after").text == "after"


def test_a_response_that_never_ends_is_cut_and_its_process_asked_again(site):
    site.get("/plain/warm")
    before = len(lines(site, "open"))
    for _ in range(2 * 2):      # PoolMaxPerApp, and as often again
        with pytest.raises(http.client.IncompleteRead):
            quickly(lambda: site.get("/open/x"), 5)
    eventually(lambda: len(lines(site, "open")) == before + 4, 10)
    assert site.get("/plain/after").text == "after"
