# SPDX-License-Identifier: Apache-2.0
"""The matrix: the same tests for each language, MPM and version of HTTP.

A test that takes `probe` is run for several of these, fewer in `make check`
than in `make check-full` (--matrix=full). Its marks say which:

    everywhere          every language and MPM in make check too
    every_version       every version of HTTP in make check too
    versions("1.1")     only with these
    mpms("event")       only under these
    languages("wsgi")   only in these
    needs("rewind")     only where the language's probe can do these
    full                only in make check-full
    ours                about the pool itself: no peer is asked
"""

import http.client
import re

import pytest

from harness.client import VERSIONS
from harness.config import MPMS
from harness.gateways import GATEWAYS
from harness.http2 import HAVE_H2, Http2
from harness.httpd import Site
from harness.languages import LANGUAGES

# What make check asks of where nothing else is said.
USUAL_LANGUAGES = ("wsgi", "rack")
USUAL_VERSION = "1.1"
USUAL_MPM = "event"

MARKS = {
    "everywhere": "runs in every language, under every MPM",
    "every_version": "runs with every version of HTTP",
    "versions(*names)": "runs only with these versions of HTTP",
    "mpms(*names)": "runs only under these MPMs",
    "languages(*names)": "runs only in these languages",
    "needs(*names)": "runs where the probe has these actions and traits",
    "full": "runs in make check-full only",
    "ours": "is about the pool itself, not to be asked of a peer",
}


def add_options(parser):
    parser.addoption("--matrix", choices=("quick", "full"), default="quick",
                     help="full: every language, MPM and version of HTTP")
    parser.addoption("--languages", help="these only, comma-separated")
    parser.addoption("--versions", help="these versions of HTTP only")
    parser.addoption("--peer", choices=sorted(GATEWAYS), default="apppool",
                     help="ask another gateway the same")


def _arguments(metafunc, mark):
    found = metafunc.definition.get_closest_marker(mark)
    return found.args if found else None


def _chosen(metafunc, option, usual, known):
    value = metafunc.config.getoption(option)
    if not value:
        return usual
    unknown = set(value.split(",")) - set(known)
    if unknown:
        raise pytest.UsageError(f"--{option}: unknown {sorted(unknown)}")
    return tuple(value.split(","))


def is_full(metafunc):
    return metafunc.config.getoption("matrix") == "full"


def mpms_of(metafunc):
    """The MPMs that the test is to run under."""
    everywhere = ("all_mpms", "everywhere")
    usual = MPMS if any(map(metafunc.definition.get_closest_marker,
                            everywhere)) else (USUAL_MPM,)
    if is_full(metafunc) and "probe" in metafunc.fixturenames:
        usual = MPMS
    named = _arguments(metafunc, "mpms") or MPMS
    return [mpm for mpm in _chosen(metafunc, "mpm", usual, MPMS)
            if mpm in named]


def languages_of(metafunc):
    gateway = GATEWAYS[metafunc.config.getoption("peer")]
    all_there = [name for name, language in LANGUAGES.items()
                 if language.is_there
                 and name in (gateway.languages or LANGUAGES)]
    named = _arguments(metafunc, "languages") or all_there
    needs = _arguments(metafunc, "needs") or ()
    able = [name for name in all_there
            if name in named and LANGUAGES[name].has(*needs)]
    everything = is_full(metafunc) or \
        metafunc.definition.get_closest_marker("everywhere") or \
        not set(able) & set(USUAL_LANGUAGES)
    usual = able if everything else [name for name in able
                                     if name in USUAL_LANGUAGES]
    chosen = _chosen(metafunc, "languages", usual, LANGUAGES)
    return [name for name in chosen if name in able]


def versions_of(metafunc):
    able = [version for version in VERSIONS if version != "2" or HAVE_H2]
    named = _arguments(metafunc, "versions")
    able = [version for version in able if version in (named or able)]
    everything = is_full(metafunc) or \
        metafunc.definition.get_closest_marker("every_version")
    usual = able if everything or USUAL_VERSION not in able \
        else [USUAL_VERSION]
    chosen = _chosen(metafunc, "versions", usual, VERSIONS)
    return [version for version in chosen if version in able]


def generate(metafunc):
    """Parametrise `mpm` and `probe` of a test."""
    if "probe" in metafunc.fixturenames:
        metafunc.parametrize("probe", [
            pytest.param((language, version), id=f"{language}-{version}")
            for language in languages_of(metafunc)
            for version in versions_of(metafunc)], indirect=True)
    if "mpm" in metafunc.fixturenames:
        metafunc.parametrize("mpm", mpms_of(metafunc), indirect=True,
                             scope="module")


def note_cases(items):
    """Write into the report which case a test is about."""
    for item in items:
        found = re.match(r"BEHAVIOUR ([\d, ]+)",
                         item.function.__doc__ or "")
        if found:
            item.user_properties.append(("behaviour", found[1]))


def deselect(config, items):
    """Leave out what does not belong to this run."""
    peer = config.getoption("peer") != "apppool"
    full = config.getoption("matrix") == "full"
    keep, drop = [], []
    for item in items:
        out = item.get_closest_marker("full") and not full
        out = out or peer and (item.get_closest_marker("ours")
                               or "probe" not in item.fixturenames)
        out = out or _is_impossible(item)
        (drop if out else keep).append(item)
    if drop:
        config.hook.pytest_deselected(items=drop)
        items[:] = keep


def _is_impossible(item):
    """No language can; or HTTP/2 under prefork, where mod_http2 refuses."""
    parameters = getattr(item, "callspec", None)
    if parameters is None or "probe" not in parameters.params:
        return False
    probe = parameters.params["probe"]
    return not isinstance(probe, tuple) or \
        probe[1] == "2" and parameters.params.get("mpm") == "prefork"


class Probe(Site):
    """A language's probe behind one vhost, asked in one version of HTTP.

    probe.at("slashes")  the same application behind another vhost
    probe.alone          a copy of it that has only one process"""

    def __init__(self, httpd, name, app, language, version, **place):
        super().__init__(httpd, name, app, **place)
        self.language = language
        self.version = version

    def request(self, method, target, body=None, headers=(), **options):
        options.setdefault("version", self.version)
        options.setdefault("timeout", self.httpd.timeout)
        return super().request(method, target, body, headers, **options)

    def at(self, vhost):
        return self._like(self.httpd.vhosts[self.language.name, vhost])

    @property
    def alone(self):
        return self._like(self.httpd.alone[self.language.name])

    def _like(self, site):
        return Probe(self.httpd, site.name, site.app, self.language,
                     self.version, address=site.address, tls=site.tls)

    def http2(self, **options):
        """A connection for many streams."""
        self.httpd.start()
        return Http2(self.address, **options)

    def env(self, target="/env", headers=(), **options):
        """The variables of a request to the action env."""
        answer = self.get(target, headers, **options)
        assert answer.status == 200, answer
        return answer.json

    def swallow(self, target, timeout=600):
        """GET, without keeping what comes: the length of the body."""
        if self.version == "2":
            with Http2(self.address, timeout, keep_bodies=False) as connection:
                stream = connection.wait(connection.send("GET", target,
                                                         host=self.name))
            assert stream.status == 200 and stream.ended, stream.reset
            return stream.size
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            connection.request("GET", target, headers={"Host": self.name})
            answer, size = connection.getresponse(), 0
            assert answer.status == 200
            while piece := answer.read(1 << 20):
                size += len(piece)
            return size
        finally:
            connection.close()

    def reply(self, code=200, headers=(), body=b""):
        """A target that answers with exactly this."""
        packed = "\x1e".join(f"{name}\x1f{value}" for name, value in headers)
        parts = [packed.encode("latin-1"), body]
        return f"/reply/{code}/" + "/".join(p.hex() or "-" for p in parts)

    def raw_request(self, method, target, headers="", body=""):
        """The bytes of an HTTP/1.1 request to this vhost."""
        text = f"{method} {target} HTTP/1.1\r\nHost: {self.name}\r\n"
        return (text + headers + "\r\n" + body).encode("latin-1")


class Probes:
    """What add_probes() adds to an Httpd, a language at a time."""

    def __init__(self, h, gateway, module):
        self._h, self._gateway = h, gateway
        self._conf = getattr(module, "PROBE_CONF", "")

    def app(self, language, name, processes=None):
        """(application, the lines that its vhosts need)"""
        app = self._h.app(name, language.name, language.code)
        lines = self._gateway.vhost(app, language, processes)
        return app, f"{lines}\n{self._conf}\n"


def add_probes(h, gateway, module):
    """An application a language, and the vhosts that the test's module wants
    for each: VHOSTS = {"slashes": "AllowEncodedSlashes On"}, in which @NAME@,
    @ROOT@ and @FOLDER@ are the language, the application's root and the
    instance's folder; and vhosts(h, app, language, lines), which adds more with h.vhost() and returns
    {name: site}."""
    probes = Probes(h, gateway, module)
    h.probes, h.alone, h.vhosts = {}, {}, {}
    for name, language in LANGUAGES.items():
        if not language.is_there or \
                gateway.languages and name not in gateway.languages:
            continue
        app, lines = probes.app(language, name)
        h.probes[name] = h.vhost(app, extra=lines)
        for vhost, extra in getattr(module, "VHOSTS", {}).items():
            extra = extra.replace("@NAME@", name) \
                .replace("@ROOT@", str(app.root)) \
                .replace("@FOLDER@", str(h.folder))
            h.vhosts[name, vhost] = h.vhost(
                app, name=f"{vhost}.{name}.test", extra=lines + extra)
        if hasattr(module, "vhosts"):
            more = module.vhosts(h, app, language, lines)
            h.vhosts.update({(name, key): site for key, site in more.items()})
        one, lines = probes.app(language, f"{name}-alone", 1)
        h.alone[name] = h.vhost(one, name=f"alone.{name}.test", extra=lines)
