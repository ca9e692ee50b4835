# SPDX-License-Identifier: Apache-2.0
"""What all black-box tests share; see harness/ for the private httpd, matrix.py
for languages, MPMs and versions of HTTP.

    --mpm event,worker,prefork   every test under each of these, in place of:
                                 event alone, all three where a test asks
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
sys.dont_write_bytecode = True

import limits  # noqa: E402
import matrix  # noqa: E402
from harness import Httpd, StageError, is_root  # noqa: E402
from harness.gateways import GATEWAYS  # noqa: E402
from harness.languages import LANGUAGES  # noqa: E402
from harness.stage import stage_of_environment  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--mpm", help="MPMs for every test, comma-separated")
    parser.addoption("--times", type=int, default=3,
                     help="how often the tests under load do it")
    limits.add_options(parser)
    matrix.add_options(parser)


def pytest_configure(config):
    config.addinivalue_line("markers", "all_mpms: runs under every MPM")
    config.addinivalue_line("markers", "both_privileges: runs with an httpd "
                                       "started as root and as a user")
    config.addinivalue_line("markers", "needs_root: httpd must be started as "
                                       "root")
    for name, meaning in matrix.MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


def pytest_generate_tests(metafunc):
    matrix.generate(metafunc)
    if "as_user" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_privileges")
        metafunc.parametrize(
            "as_user", [None, "games"] if both and is_root() else [None],
            ids=lambda user: "unprivileged" if user else "started",
            indirect=True, scope="module")


def pytest_collection_modifyitems(config, items):
    matrix.deselect(config, items)
    matrix.note_cases(items)


def pytest_runtest_setup(item):
    Httpd.instances[:] = [h for h in Httpd.instances if not h.closed]
    if item.get_closest_marker("needs_root") and not is_root():
        pytest.skip("httpd cannot be started as root by a user")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with limits.limit(item.config):
        yield


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

    A module may have PROBE_CONF, lines for these vhosts; VHOSTS, further ones
    for each language (see matrix.add_probes); SHARED_CONF and SHARED_MODULES
    for the main server; and setup_shared(h), called before start."""
    module = request.module
    gateway = GATEWAYS[request.config.getoption("peer")]()
    modules = [*gateway.modules, *getattr(module, "SHARED_MODULES", ())]
    lines = [getattr(module, "SHARED_CONF", "")]
    if mpm != "prefork":
        modules.append("http2")
        lines.append("Protocols h2c http/1.1")
    h = Httpd(mpm=mpm, as_user=as_user, module=gateway.module, modules=modules)
    try:
        h.timeout = gateway.timeout
        h.understands = gateway.lines
        h.conf = "\n".join([gateway.main(h), *lines])
        matrix.add_probes(h, gateway, module)
        if hasattr(module, "setup_shared"):
            module.setup_shared(h)
        gateway.before_start(h)
        yield h.start()
    finally:
        gateway.after_stop()
        h.close(check=gateway.module)


@pytest.fixture
def probe(request, shared):
    """The probe of each language in turn, as a site; see matrix.py."""
    language, version = request.param
    site = shared.probes[language]
    return matrix.Probe(shared, site.name, site.app, LANGUAGES[language],
                        version)


@pytest.fixture(scope="module")
def wsgi(shared):
    return shared.probes["wsgi"]


@pytest.fixture(scope="module")
def rack(shared):
    return shared.probes["rack"]


@pytest.fixture
def times(request):
    """How often to do it; --times."""
    return request.config.getoption("--times")


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
