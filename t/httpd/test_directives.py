# SPDX-License-Identifier: Apache-2.0
"""What `apachectl configtest` takes and refuses, and with which words."""

import re

import pytest

from conftest import PROBE_CODE
from harness import Httpd, is_root


@pytest.fixture(scope="module")
def bench(stage):
    """An instance that is configured again and again, never started."""
    with Httpd() as h:
        h.site_app = h.wsgi_app("probe", PROBE_CODE["wsgi"])
        yield h


def check(h, main="", vhost=""):
    h.conf = main
    h.forget_vhosts()
    h.vhost(h.site_app, extra=vhost)
    return h.configtest()


GOOD_ONCE = [
    "PoolMax 1", "PoolMax 500", "PoolMaxIdleTime 0", "PoolMaxSpawning 1",
    "PoolMaxWaiting 0", "PoolUserSwitching on", "PoolLowestUser nobody",
    "PoolServerUser backup", "PoolAllowRoots /srv/*/app /home/*/www",
    "PoolBufferDir /tmp", "PoolControlSocket off",
]
GOOD_ANYWHERE = [
    "PoolEnabled off", "PoolAppEnvironment staging", "PoolSetEnv A 1", 'PoolSetEnv A ""',
    "PoolPython /usr/bin/python3", "PoolPython python3", "PoolRuby ruby",
    "PoolMinInstances 0", "PoolMaxPerApp 3", "PoolMaxRequests 1000",
    "PoolMaxRequestTime 60", "PoolResponseTimeout 60", "PoolMaxQueueSize 0",
    "PoolQueueTimeout 1", "PoolStartTimeout 90", "PoolThreads 4",
    "PoolConcurrency 2", "PoolSpawnMethod direct", "PoolSpawnMethod smart",
    "PoolPreStart off", "PoolRollingRestart on", "PoolRestartDir tmp",
    "PoolLogFile logs/app.log", "PoolFriendlyErrorPages on",
    "PoolBufferUpload on", "PoolBufferResponse on", "PoolBufferMemory 128",
    "PoolBufferMaxFile 0", "PoolForwardedHeaders off",
    "PoolErrorOverride on", "PoolServerTiming on",
    "PoolForwardedHeaders RFC7239", "PoolResponseHeaderLimit 128", "PoolAppType wsgi",
    "PoolStartupFile passenger_wsgi.py", "PoolAppType asgi", "PoolAppType node",
    "PoolAppType psgi", "PoolAppType php", 'PoolAppCommand "puma -C \'a b\'"',
    'PoolAppCommand "/bin/sh $PORT"\nPoolAppProtocol fastcgi', "PoolNode node",
    "PoolPerl /usr/bin/perl", "PoolPhp php-cgi", "PoolIsolation off",
    "PoolIsolation tmp ipc files signals", "PoolIsolation Off",
    "PoolIsolation files memory=512 cpu=150 pids=50 cgroup=/sys/fs/cgroup/x",
]
# (line, what the message must say)
BAD = [
    ("PoolMax", "PoolMax"), ("PoolMax 0", "PoolMax"),
    ("PoolMax -1", "PoolMax"), ("PoolMax many", "PoolMax takes a whole number.*many"),
    ("PoolMax 1 2", "PoolMax"), ("PoolMax 99999999999", "PoolMax"),
    ("PoolMaxIdleTime -1", "PoolMaxIdleTime"),
    ("PoolMaxIdleTime 5x", "PoolMaxIdleTime.*5x"),
    ("PoolUserSwitching maybe", "PoolUserSwitching.*On or Off"),
    ("PoolLowestUser no-such-user", "no-such-user"),
    ("PoolServerUser no-such-user", "no-such-user"),
    ("PoolServerExecutable /no/such/file", "/no/such/file"),
    ("PoolSpawnServer /no/such/file", "/no/such/file"),
    ("PoolEnabled perhaps", "PoolEnabled.*On or Off"),
    ("PoolAppType cobol", "cobol"),
    ("PoolForwardedHeaders maybe", "maybe.*on, off and rfc7239"),
    ("PoolSpawnMethod clever", "clever.*(smart|direct)"),
    ("PoolThreads 0", "PoolThreads"),
    ("PoolIsolation", "PoolIsolation takes off"),
    ("PoolIsolation tmp jail", "'jail' is none of tmp, ipc"),
    ("PoolIsolation memory=10", "memory, cpu and pids need cgroup="),
    ("PoolIsolation cgroup=/sys/fs/cgroup", "cgroup alone limits nothing"),
    ("PoolIsolation cgroup=apps pids=3", "absolute path of a folder.*apps"),
    ("PoolIsolation pids=0 cgroup=/x", "pids takes a whole number.*'0'"),
    ("PoolIsolation memory=1G cgroup=/x", "whole number of MiB.*'1G'"),
    ("PoolSetEnv", "PoolSetEnv"), ("PoolSetEnv A=B 1", "PoolSetEnv"),
    ("PoolSetEnv USER root", "USER"),
    ("PoolPython /no/such/python", "/no/such/python"),
    ("PoolPython /usr/lib", "/usr/lib is a folder; name the program"),
    ("PoolAppRoot /no/such/root", "/no/such/root"),
    ("PoolStartTimeout -5", "PoolStartTimeout"),
    ("PoolMaxQueueSize lots", "PoolMaxQueueSize"),
    ("PoolAllowRoots relative/*", "absolute.*relative/"),
    ("PoolAppEnvironment 'a b'", "PoolAppEnvironment.*a b"),
    ("PoolGroup no-such-group", "no-such-group"),
    ("PoolGroup root", "no application runs in root's group"),
    ('PoolLogFile "| "', "'[|] ' names none"),
    ("PoolSetEnv A", "takes a name and a value"),
    ("PoolSetEnv A 1 2", "takes a name and a value"),
    ("PoolUser no-such-user", "no-such-user"),
    ("PoolBaseURI shop", "/shop.*shop"), ("PoolBaseURI /", "PoolBaseURI"),
    ("PoolBaseURI /a /no/such/root", "/no/such/root"),
    ("PoolBufferDir /no/such/folder", "/no/such/folder"),
    ("PoolAppProtocol ajp", "ajp.*scgi, http and fastcgi"),
    ("PoolAppCommand a b", "PoolAppCommand"), ('PoolAppCommand ""', "program"),
    ('PoolAppCommand " "', "takes a program"),
    ("PoolAppCommand \"'' x\"", "takes a program"),
    ("PoolAppCommand " + 40000 * "x", "less than 32768 bytes"),
    ("PoolPython " + 5000 * "x", "PoolPython: this path is too long"),
    ("PoolNode /no/such/node", "/no/such/node"),
]
# Each line for itself is good.
CONTRADICTIONS = [
    ("PoolAppType command", "needs PoolAppCommand"),
    ("PoolAppType wsgi\nPoolAppCommand x", "PoolAppCommand is for PoolAppType "
                                           "command only"),
    ("PoolAppCommand x\nPoolStartupFile y", "PoolStartupFile is not for a "
                                            "command"),
    ("PoolAppType rack\nPoolAppProtocol http", "PoolAppProtocol is for "
                                               "PoolAppCommand"),
    ("PoolAppProtocol http", "PoolAppProtocol is for PoolAppCommand"),
    ("PoolAppType node\nPoolThreads 2", "PoolThreads is for"),
    ("PoolAppType php\nPoolThreads 2", "PoolThreads is for"),
    ("PoolAppType psgi\nPoolThreads 2", "PoolThreads is for"),
    ("PoolAppCommand x\nPoolThreads 2", "PoolThreads is for"),
    ("PoolAppType asgi\nPoolSpawnMethod smart", "PoolSpawnMethod smart is for"),
    ("PoolStartupFile server", "needs PoolAppType"),
    ("PoolAppType php\nPoolSetEnv PHP_FCGI_CHILDREN 4", "PoolMaxPerApp"),
    ("PoolAppType php\nPoolSetEnv PHP_FCGI_MAX_REQUESTS 500",
     "PoolMaxRequests"),
    ("PoolMinInstances 5\nPoolMaxPerApp 3", "PoolMinInstances 5 is more than "
                                            "PoolMaxPerApp 3"),
    ("PoolMinInstances 5000", "raise PoolMax"),
    ("PoolPreStart on\nPoolMinInstances 0", "say at least 1"),
    ("PoolStartupFile gone.py", "there is no /.*/probe/gone.py"),
    ("PoolAppCommand '/no/such/program x'", "no program /no/such/program"),
    ("PoolAppCommand 'bin/gone x'", "no program /.*/probe/bin/gone"),
    ('PoolLogFile "|/no/such/program x"', "no program /no/such/program"),
    ('PoolLogFile "||no/such x"', "no program /.*/no/such"),
    ("PoolLogFile no/such/folder/app.log", "no folder /.*/no/such/folder/; "
                                           "make it"),
]


def variables(size):
    """PoolSetEnv lines whose variables take so many bytes in all."""
    each = 1025
    lines = [f"PoolSetEnv V{n} {'x' * (each - 5)}"
             for n in range(10, 10 + size // each)]
    return "\n".join([*lines, f"PoolSetEnv V {'x' * (size % each - 3)}"])


CONTRADICTIONS.append(pytest.param(
    variables(65537), "PoolSetEnv makes variables of 65537 bytes in all, and "
    "65536 is the most; let", id="variables"))
ONCE_ONLY = ["PoolMax 3", "PoolMaxIdleTime 3", "PoolServerUser backup",
             "PoolUserSwitching off", "PoolLowestUser nobody",
             "PoolServerExecutable /bin/true", "PoolSpawnServer /bin/true"]


@pytest.mark.parametrize("line", GOOD_ONCE + GOOD_ANYWHERE)
def test_a_good_line_in_the_main_server(bench, line):
    ok, text = check(bench, main=line)
    assert ok, text


@pytest.mark.parametrize("line", GOOD_ANYWHERE)
def test_a_good_line_in_vhost_directory_and_location(bench, line):
    for place in ("%s", "<Directory /tmp>\n%s\n</Directory>",
                  "<Location /x>\n%s\n</Location>"):
        ok, text = check(bench, vhost=place % line)
        assert ok, text


@pytest.mark.parametrize("line, words", BAD)
def test_a_bad_line_is_refused_with_file_line_and_reason(bench, line, words):
    ok, text = check(bench, main=line)
    assert not ok, f"taken: {line}"
    assert re.search(r"on line \d+ of .*httpd.conf", text), text
    assert re.search(words, text), text


@pytest.mark.parametrize("lines, words", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_the_application_and_a_way_out(
        bench, lines, words):
    ok, text = check(bench, vhost=lines)
    assert not ok, f"taken: {lines}"
    assert re.search(f"application {bench.site_app.root} .*{words}", text), text
    directive = re.search(r"\): (Pool\w+) ", text)
    if directive:   # it is named with its place
        where = re.search(r"(/\S+):(\d+): application", text)
        line = open(where[1]).read().splitlines()[int(where[2]) - 1]
        assert line.strip().startswith(directive[1] + " ")


def test_as_many_variables_as_there_may_be_are_taken(bench):
    ok, text = check(bench, vhost=variables(65536))
    assert ok, text


def test_more_patterns_than_there_may_be_are_refused_with_their_place(bench):
    patterns = [f"PoolAllowRoots /srv/{n}/{'x' * 1000}" for n in range(70)]
    ok, text = check(bench, main="\n".join(patterns))
    assert not ok
    where = re.search(r"(/\S+):(\d+): PoolAllowRoots names patterns of \d+ "
                      "bytes in all, and 65536 is the most; let one", text)
    line = open(where[1]).read().splitlines()[int(where[2]) - 1]
    assert line in patterns
    assert check(bench, main="\n".join(patterns[:60]))[0]


@pytest.mark.parametrize("lines, words", [
    ("PoolConcurrency 4\nPoolAppType wsgi",
     "PoolConcurrency 4 hands a process more requests than its PoolThreads 1"),
    ("PoolConcurrency 0", "PoolConcurrency 0 hands a process more"),
    ("PoolConcurrency 0\nPoolAppType node", ""),
    ("PoolPreStart on\nPoolMinInstances 2\nPoolMaxPerApp 2", ""),
])
def test_what_is_hardly_meant_is_a_warning(bench, lines, words):
    ok, text = check(bench, vhost=lines)
    assert ok, text
    assert words in text and ("application" in text) == bool(words)


def test_what_is_on_disk_tells_how_many_requests_a_process_may_have(bench):
    bench.conf = ""
    bench.forget_vhosts()
    bench.vhost(bench.app("noded", "node", ""), extra="PoolConcurrency 9")
    ok, text = bench.configtest()
    assert ok and "PoolConcurrency" not in text


def test_an_outer_folder_of_the_system_is_refused_with_its_place(bench):
    ok, text = check(bench, main="\nChrootDir /tmp")
    assert not ok
    where = re.search(r"(/\S+):(\d+): ChrootDir and mod_apppool", text)
    assert open(where[1]).read().splitlines()[int(where[2]) - 1] == \
        "ChrootDir /tmp"


def test_different_limits_of_one_application_are_a_warning(bench):
    bench.conf = "PoolAllowRoots /srv/none/*"
    bench.forget_vhosts()
    for n in (1, 2):
        bench.vhost(bench.site_app, name=f"limit{n}.test",
                    extra=f"PoolMaxPerApp {n}")
    ok, text = bench.configtest()
    assert ok
    said = "two places give it different limits; those of"
    assert re.search(rf"application {bench.site_app.root}: {said} "
                     r"/\S+/httpd.conf:\d+ count", text), text
    assert (f"application * (any that PoolAllowRoots admits): {said} the main "
            "server count") in text


def test_different_limits_of_httpds_core_are_a_warning_too(bench):
    bench.conf = ""
    bench.forget_vhosts()
    for n in (1, 2):
        bench.vhost(bench.site_app, name=f"limit{n}.test",
                    extra=f"RLimitCPU {n}00")
    ok, text = bench.configtest()
    assert ok and "two places give it different limits" in text


def test_more_processes_to_start_with_httpd_than_there_may_be_is_a_warning(
        bench):
    bench.conf = "PoolMax 2"
    bench.forget_vhosts()
    for name in ("one", "two"):
        bench.vhost(bench.wsgi_app(name, PROBE_CODE["wsgi"]),
                    extra="PoolPreStart on\nPoolMinInstances 2")
    ok, text = bench.configtest()
    assert ok
    assert re.search(r"httpd.conf:\d+: PoolPreStart is to start 4 processes, "
                     "and PoolMax is 2", text), text


@pytest.mark.parametrize("line", ONCE_ONLY)
def test_what_holds_for_the_whole_server_is_refused_in_a_vhost(bench, line):
    ok, text = check(bench, vhost=line)
    assert not ok
    assert re.search(r"on line \d+ of .*httpd.conf", text), text
    assert line.split()[0] in text


@pytest.mark.skipif(not is_root(), reason="users count as root only")
@pytest.mark.parametrize("lines, words", [
    ("PoolServerUser www-data", "www-data"),
    ("PoolServerUser root", "root"),
    ("PoolLowestUser root", "root"),
    ("PoolUser root", "root"),
    ("PoolUserSwitching off\nPoolUser games", "PoolUser"),
    ("PoolServerUser games\nPoolUser games", "games"),
])
def test_a_user_that_must_not_be_is_refused(bench, lines, words):
    ok, text = check(bench, main=lines)
    assert not ok, f"taken: {lines}"
    assert words in text


def test_executables_that_others_may_write_are_refused(bench):
    path = bench.folder / "writable"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o777)
    for name in ("PoolServerExecutable", "PoolSpawnServer"):
        ok, text = check(bench, main=f"{name} {path}")
        assert not ok and str(path) in text, text
        ok, text = check(bench, main=f"{name} {bench.folder}")
        assert not ok and str(bench.folder) in text, text


def test_a_directive_is_known_only_in_its_place_in_htaccess(httpd):
    h = httpd()
    app = h.wsgi_app("probe", PROBE_CODE["wsgi"])
    site = h.vhost(app)
    app.write("public/.htaccess", "PoolEnabled off\n")
    assert site.get("/env").status == 404
    for line in ("PoolUser games", "PoolAppRoot /tmp", "PoolPython /bin/sh",
                 "PoolSetEnv A 1", "PoolMax 3"):
        app.write("public/.htaccess", line + "\n")
        assert site.get("/env").status == 500, line
    h.log.wait("PoolUser not allowed here")


def test_inner_sections_win_and_environment_adds_up(httpd):
    h = httpd(conf="PoolSetEnv A main\nPoolSetEnv B main\n"
                   "PoolAppEnvironment from_main")
    app = h.wsgi_app("probe", PROBE_CODE["wsgi"])
    site = h.vhost(app, extra="""
        PoolSetEnv B vhost
        PoolSetEnv C vhost
        PoolSetEnv D ""
        <Location /inside>
            PoolSetEnv C location
            PoolAppEnvironment inner
        </Location>""")
    env = site.get("/inside").json["environ"]
    assert [env[n] for n in "ABCD"] == ["main", "vhost", "location", ""]
    assert env["RACK_ENV"] == "inner"


def test_what_names_an_application_is_not_inherited_by_vhosts(httpd):
    h = httpd()
    app = h.wsgi_app("probe", PROBE_CODE["wsgi"])
    h.conf = f"PoolAppRoot {app.root}"
    site = h.vhost(name="plain.test", document_root=h.folder / "empty")
    assert site.get("/env").status in (403, 404)
