# SPDX-License-Identifier: Apache-2.0
"""Limits of time for a run that has to end whatever a gateway does.

    --limit SECONDS     a test that takes longer has failed
    --budget SECONDS    so has a test that has not ended so long after the start

Both say "not finished", which t/peers counts. A signal interrupts the main
thread; a thread that a test has started ends by its client's own time-out.
"""

import signal
import time
from contextlib import contextmanager

import pytest

NOT_FINISHED = "not finished"
BEGAN = time.monotonic()


def add_options(parser):
    parser.addoption("--limit", type=float, help="seconds for each test")
    parser.addoption("--budget", type=float, help="seconds for all of them")


def _give_up(*_):
    pytest.fail(NOT_FINISHED, pytrace=False)


@contextmanager
def limit(config):
    """Fail what runs in here when its time is over."""
    limits = [config.getoption("limit")]
    if budget := config.getoption("budget"):
        limits.append(BEGAN + budget - time.monotonic())
    seconds = min((s for s in limits if s is not None), default=None)
    if seconds is None:
        yield
        return
    if seconds <= 0:
        _give_up()
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
