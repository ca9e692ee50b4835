# SPDX-License-Identifier: Apache-2.0
"""What all black-box tests share; see harness/ for the private httpd.

    --mpm event,worker,prefork   every test under each of these, in place of:
                                 event alone, all three where a test asks
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.dont_write_bytecode = True

from harness import Httpd, StageError, is_root  # noqa: E402
from harness.config import MPMS  # noqa: E402
from harness.stage import stage_of_environment  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--mpm", help="MPMs for every test, comma-separated")


def pytest_configure(config):
    config.addinivalue_line("markers", "all_mpms: runs under every MPM")
    config.addinivalue_line("markers", "both_privileges: runs with an httpd "
                                       "started as root and as a user")
    config.addinivalue_line("markers", "needs_root: httpd must be started as "
                                       "root")


def pytest_generate_tests(metafunc):
    if "mpm" in metafunc.fixturenames:
        metafunc.parametrize("mpm", _mpms_of(metafunc), indirect=True,
                             scope="module")
    if "as_user" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_privileges")
        metafunc.parametrize(
            "as_user", [None, "games"] if both and is_root() else [None],
            ids=lambda user: "unprivileged" if user else "started",
            indirect=True, scope="module")


def _mpms_of(metafunc):
    chosen = metafunc.config.getoption("--mpm")
    if chosen:
        unknown = set(chosen.split(",")) - set(MPMS)
        if unknown:
            raise pytest.UsageError(f"--mpm: unknown {sorted(unknown)}")
        return chosen.split(",")
    if metafunc.definition.get_closest_marker("all_mpms"):
        return list(MPMS)
    return ["event"]


def pytest_runtest_setup(item):
    Httpd.instances[:] = [h for h in Httpd.instances if not h.closed]
    if item.get_closest_marker("needs_root") and not is_root():
        pytest.skip("httpd cannot be started as root by a user")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for instance in Httpd.instances:
            text = instance.final_log or instance.log.tail()
            report.sections.append((f"error log, {instance.mpm}", text))


@pytest.fixture(scope="session")
def stage():
    """The module under test; the run ends here when there is none."""
    try:
        return stage_of_environment()
    except StageError as error:
        pytest.exit(f"nothing to test: {error}", 2)


@pytest.fixture(scope="module")
def mpm(request):
    return request.param


@pytest.fixture(scope="module")
def as_user(request):
    """None: httpd is started by whoever runs the tests."""
    return request.param
