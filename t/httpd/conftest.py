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
from harness.languages import LANGUAGES  # noqa: E402
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


PROBE_CODE = {name: language.code for name, language in LANGUAGES.items()
              if language.is_there}


@pytest.fixture(scope="module")
def shared(request, stage, mpm, as_user):
    """One httpd for a whole test module, with an application a language in
    vhosts wsgi.test, rack.test ...; `shared.probes` has them by name.

    A module may have PROBE_CONF, lines for these vhosts, and SHARED_CONF,
    lines for the main server, and setup_shared(h), called before start."""
    module = request.module
    with Httpd(mpm=mpm, as_user=as_user,
               conf=getattr(module, "SHARED_CONF", "PoolMax 6"),
               modules=getattr(module, "SHARED_MODULES", ())) as h:
        h.probes = {}
        for language, code in PROBE_CODE.items():
            app = h.app(language, language, code)
            h.probes[language] = h.vhost(
                app, extra=LANGUAGES[language].conf + "\n"
                + getattr(module, "PROBE_CONF", ""))
        if hasattr(module, "setup_shared"):
            module.setup_shared(h)
        yield h.start()


@pytest.fixture(params=["wsgi", "rack"], scope="module")
def probe(request, shared):
    """The probe of each language in turn, as a site."""
    return shared.probes[request.param]


@pytest.fixture(scope="module")
def wsgi(shared):
    return shared.probes["wsgi"]


@pytest.fixture(scope="module")
def rack(shared):
    return shared.probes["rack"]


@pytest.fixture
def httpd(stage, mpm, as_user):
    """Httpd(...) of the test's MPM and privilege, closed after the test:
    h = httpd(conf=...)"""
    opened = []

    def make(**options):
        opened.append(Httpd(mpm=mpm, as_user=as_user, **options))
        return opened[-1]
    yield make
    for instance in reversed(opened):
        instance.close()
