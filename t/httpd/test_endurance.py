# SPDX-License-Identifier: Apache-2.0
"""Between request 2,000 (Ruby: 6,000) and 20,000 nothing grows: the descriptors
of every process stay equal, its private memory within 1 MiB."""

import http.client
import threading

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.client import exchange

pytestmark = pytest.mark.all_mpms

# Ruby sizes its heap in the first thousands.
FIRST, LAST = {"wsgi": 2000, "rack": 6000}, 20000
# Enough that each child of httpd gets to know each process in the warm-up.
CONNECTIONS = 16
SLACK_KIB = 1024
# A thread that has to ask while all channels of its child are in use opens one
# more, which is kept: a new peak of waiting threads may still come late, and so
# may a child's first connection to one of the two processes. A leak would show
# as one in a thousand requests, eighteen.
SLACK_DESCRIPTORS = 12

# All that are needed from the start: each child costs the pool descriptors.
CHILDREN = {"prefork": f"""
StartServers {CONNECTIONS + 4}
MaxSpareServers {CONNECTIONS + 5}
"""}


class Visitors:
    """Keep-alive connections that stay, so that the same children serve."""

    def __init__(self, address, host):
        self.address, self.host = address, host
        self.connections = [http.client.HTTPConnection(*address, timeout=30)
                            for _ in range(CONNECTIONS)]

    def send(self, count):
        """`count` mixed requests, shared out among the connections."""
        failures = []

        def run(connection):
            try:
                for number in range(count // CONNECTIONS):
                    method, target, body = MIX[number % len(MIX)]
                    answer = exchange(self.address, method, target, body,
                                      host=self.host, connection=connection)
                    if answer.status != 200:
                        failures.append(answer)
            except Exception as error:          # shown by the test
                failures.append(error)
        threads = [threading.Thread(target=run, args=(connection,))
                   for connection in self.connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[:3]

    def leave(self):
        for connection in self.connections:
            connection.close()


MIX = [("GET", "/ignore", None), ("GET", "/size/3000", None),
       ("POST", "/echo", b"x" * 500), ("HEAD", "/ignore", None)]


def quiet(h):
    """Wait until nothing is lent and all descriptors hold still."""
    eventually(lambda: h.status()["counts"]["active"] == 0)
    return {p: (len(p.descriptors), p.private_kib, p.entry.comm)
            for p in h.everything() if p.alive and p.may_be_looked_at}


@pytest.mark.parametrize("language", ["wsgi", "rack"])
def test_nothing_grows(httpd, mpm, language):
    h = httpd(conf="PoolMax 2\nMaxKeepAliveRequests 0" + CHILDREN.get(mpm, ""))
    site = h.vhost(h.app("probe", language, PROBE_CODE[language]))
    site.get("/ignore")
    visitors = Visitors(h.address, site.name)
    try:
        visitors.send(FIRST[language])
        before = quiet(h)
        visitors.send(LAST - FIRST[language])
        after = quiet(h)
    finally:
        visitors.leave()
    pool = [p for p in before if p.entry.comm != "apache2"]
    assert set(pool) <= set(after), (before, after)
    for process, (descriptors, kib, comm) in after.items():
        if process not in before:
            continue  # a further child of httpd under prefork
        assert abs(descriptors - before[process][0]) <= SLACK_DESCRIPTORS, \
            (process, comm, descriptors, before[process][0])
        assert kib <= before[process][1] + SLACK_KIB, \
            (process, comm, before[process][1], kib)
