# SPDX-License-Identifier: Apache-2.0
"""Between request 2,000 and 20,000 nothing grows: the descriptors of every
process stay equal, its private memory within 1 MiB."""

import http.client
import threading

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.client import exchange

pytestmark = pytest.mark.all_mpms

FIRST, LAST = 2000, 20000
# Enough that each child of httpd gets to know each process in the warm-up.
CONNECTIONS = 16
SLACK_KIB = 1024


def send(address, host, count):
    """`count` mixed requests over keep-alive connections in threads."""
    failures = []

    def run():
        connection = http.client.HTTPConnection(*address, timeout=30)
        try:
            for number in range(count // CONNECTIONS):
                method, target, body = MIX[number % len(MIX)]
                answer = exchange(address, method, target, body, host=host,
                                  connection=connection)
                if answer.status != 200:
                    failures.append(answer)
        except Exception as error:          # shown by the test
            failures.append(error)
        finally:
            connection.close()
    threads = [threading.Thread(target=run) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


MIX = [("GET", "/ignore", None), ("GET", "/size/3000", None),
       ("POST", "/echo", b"x" * 500), ("HEAD", "/ignore", None)]


def quiet(h):
    """Wait until nothing is lent and all descriptors hold still."""
    eventually(lambda: h.status()["counts"]["active"] == 0)
    return {p: (len(p.descriptors), p.private_kib, p.entry.comm)
            for p in h.everything() if p.alive}


@pytest.mark.parametrize("language", ["wsgi", "rack"])
def test_nothing_grows(httpd, language):
    h = httpd(conf="PoolMax 2\nMaxKeepAliveRequests 0")
    site = h.vhost(h.app("probe", language, PROBE_CODE[language]))
    site.get("/ignore")
    send(h.address, site.name, FIRST)
    before = quiet(h)
    send(h.address, site.name, LAST - FIRST)
    after = quiet(h)
    assert before.keys() == after.keys()
    for process, (descriptors, kib, comm) in after.items():
        assert descriptors == before[process][0], (process, comm, descriptors,
                                                   before[process][0])
        assert kib <= before[process][1] + SLACK_KIB, \
            (process, comm, before[process][1], kib)
