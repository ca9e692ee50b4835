# SPDX-License-Identifier: Apache-2.0
"""A wall clock that is set, as by an administrator or after a suspend, harms
nothing: no request, no process, no time limit is measured with it."""

import subprocess
import threading
import time

import pytest

from conftest import PROBE_CODE
from harness import eventually
from harness.load import Load, ask, still

# httpd, the pool and its applications get their wall clock from here: the real
# one and as many seconds more as a file says.
LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);

    offset = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (offset == MAP_FAILED) {
        abort();
    }
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    int rc;

    if (real == NULL) {
        real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    rc = real(id, now);
    if (id == CLOCK_REALTIME && offset != NULL) {
        now->tv_sec += *offset;
    }
    return rc;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (now != NULL) {
        *now = exact.tv_sec;
    }
    return exact.tv_sec;
}
"""
DAY_S = 86400


@pytest.fixture
def clock(tmp_path_factory):
    """(a program to start httpd through, a function that sets the clock)"""
    folder = tmp_path_factory.mktemp("clock")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    library, offset = folder / "clock.so", folder / "offset"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, "-x", "c",
                    "-", "-ldl"], input=LIBRARY, text=True, check=True)

    def set_by(seconds):
        with open(offset, "r+b" if offset.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))
    set_by(0)
    return ("env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}"), set_by


def shown_hour(h):
    """The pool server's own idea of the time, in hours."""
    return h.status()["time"] / 3600


def test_a_clock_that_is_set_harms_nothing(httpd, clock):
    wrapper, set_by = clock
    h = httpd(wrapper=wrapper, conf="PoolMax 6\nPoolMaxPerApp 2\n"
              "PoolMaxIdleTime 600\nPoolQueueTimeout 30\nPoolResponseTimeout 30\n"
              "PoolMaxRequestTime 30")
    for language in ("wsgi", "rack"):
        site = h.vhost(h.app(language, language, PROBE_CODE[language]))
        site.app.write("public/x.txt", "static")
    for site in h.sites:
        assert site.get("/pid").status == 200
    plan = [ask(site, target) for site in h.sites
            for target in ("/pid", "/sleep/0.2")]
    with Load(h.address, plan + [still(h.sites[0], "/x.txt")]) as load:
        load.more(100)
        pids = {site: h.processes_of(site.app) for site in h.sites}
        hour = shown_hour(h)
        for step in (DAY_S, -2 * DAY_S, 400 * DAY_S, 0):
            set_by(step)
            eventually(lambda: abs(shown_hour(h) - hour - step / 3600) < 1)
            load.more(100)
        for site in h.sites:
            assert set(pids[site]) <= set(h.processes_of(site.app))
    assert not load.lost, load.report()


def test_a_request_in_the_queue_waits_as_long_as_it_may(httpd, clock):
    wrapper, set_by = clock
    h = httpd(wrapper=wrapper, conf="PoolMax 1\nPoolQueueTimeout 2")
    site = h.vhost(h.wsgi_app("slow", PROBE_CODE["wsgi"]))
    site.get("/pid")
    first = threading.Thread(target=site.get, args=("/hold/go",))
    first.start()
    eventually(lambda: list(site.app.root.glob("go.waits.*")))
    set_by(-DAY_S)
    began = time.monotonic()
    assert site.get("/pid").status == 503
    assert 1.5 < time.monotonic() - began < 6
    site.app.write("go", "")
    first.join(10)
    assert not first.is_alive()
