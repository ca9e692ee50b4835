# SPDX-License-Identifier: Apache-2.0
"""A new version of the pool server takes over at a graceful, under load, with
every connection and process; one that cannot is left alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import PROBE_CODE
from harness import Stage, eventually
from harness.config import apxs
from harness.load import Load, ask, still
from test_leftovers import check_gone, command_site, kill_master
from test_lost import processes, requests, warm


@pytest.fixture
def h(httpd, tmp_path_factory, stage):
    """With programs of its own, which a test may change."""
    folder = tmp_path_factory.mktemp("stage")
    for part in (folder, *folder.parents[:2]):
        part.chmod(0o755)
    shutil.copytree(stage.folder, folder / "stage", symlinks=True)
    h = httpd(conf="PoolMax 4\nPoolMaxPerApp 2", stage=Stage(folder / "stage"))
    for language in ("wsgi", "rack"):
        site = h.vhost(h.app(language, language, PROBE_CODE[language]))
        site.app.write("public/x.txt", "static")
    for site in h.sites:
        assert site.get("/pid").status == 200
    return h


def replace(path, data):
    """As package managers do it: a new file in the old one's place."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.chmod(0o755)
    os.replace(fresh, path)


def is_new(h):
    return os.stat(f"/proc/{h.master.pid}/exe").st_ino == \
        h.stage.server.stat().st_ino


@pytest.mark.all_mpms
def test_a_changed_server_takes_over_at_a_graceful(h, times):
    with Load(h.address, requests(h.sites)) as load:
        before = warm(h, load)
        for _ in range(times):
            replace(h.stage.server, h.stage.server.read_bytes() + b"\n")
            engine = processes(h)["engine"]
            h.graceful()
            load.more(100)
            after = processes(h)
            assert is_new(h)
            assert after["engine"] != engine
            assert (after["master"], after["applications"]) == \
                (before["master"], before["applications"])
        load.more(100)
    assert not load.lost, load.report()


def test_a_server_that_fails_its_test_is_left_alone(h):
    replace(h.stage.server, b"#!/bin/sh\nexit 3\n")
    with Load(h.address, [ask(h.sites[0], "/pid"),
                          still(h.sites[0], "/x.txt")]) as load:
        load.more(50)
        before = processes(h)
        h.graceful()
        load.more(50)
        assert processes(h)["engine"] == before["engine"]
    assert not load.lost, load.report()
    assert processes(h)["master"] == before["master"] and not is_new(h)
    assert "goes on as it is" in h.log.text()


def test_what_an_upgraded_server_has_started_goes_with_it(h):
    site = command_site(h)
    h.graceful()
    site.get("/")
    replace(h.stage.server, h.stage.server.read_bytes() + b"\n")
    h.graceful()
    eventually(lambda: is_new(h))
    check_gone(kill_master(h))


def test_an_upgraded_server_goes_on_as_any_other(h):
    site = h.sites[0]
    replace(h.stage.server, h.stage.server.read_bytes() + b"\n")
    h.graceful()
    eventually(lambda: is_new(h))
    old = set(h.processes_of(site.app))
    site.app.write("tmp/restart.txt", "")
    eventually(lambda: int(site.get("/pid").body) not in old, 10)
    other = h.vhost(h.wsgi_app("other", PROBE_CODE["wsgi"]))
    h.graceful()
    assert other.get("/pid").status == 200
    done = subprocess.run(
        [h.stage.ctl, "--pid", str(h.master.pid), "restart", "--all"],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done


@pytest.mark.parametrize("file", ["wsgi_loader.py", "rack/log.rb"])
def test_a_changed_loader_restarts_applications_rolling(h, file):
    loader = next(h.stage.folder.rglob(f"loaders/{file}"))
    with Load(h.address, requests(h.sites)) as load:
        before = warm(h, load)
        h.graceful()
        assert processes(h) == before
        replace(loader, loader.read_bytes() + b"# new\n")
        h.graceful()
        eventually(lambda: not before["applications"] &
                   processes(h)["applications"], 20)
        load.more(100)
    assert not load.lost, load.report()
    assert processes(h)["master"] == before["master"]


SOURCE = Path(__file__).resolve().parents[2]


def module_of_another_version(folder, *flags):
    """Built against the sources under test; see apps/other_version.c."""
    built = folder / "other_version.so"
    include = [f"-I{apxs(name)}" for name in ("INCLUDEDIR", "APR_INCLUDEDIR")]
    include += [f"-I{SOURCE / name}" for name in (
        "include", "mod_apppool", "mod_apppool/client", "server/wire")]
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", *flags,
                    *include, "-o", built,
                    SOURCE / "t/httpd/apps/other_version.c"], check=True)
    return built


@pytest.mark.parametrize("flags, told", [
    (["-DOTHER_LAYOUT"], "mod_apppool is of another version than before"),
    ([], "was started by other settings or another version of this module")],
    ids=["layout", "wire"])
def test_a_module_of_another_version_starts_a_server_of_its_own(
        httpd, tmp_path, flags, told):
    built = module_of_another_version(tmp_path, *flags)
    h = httpd(conf=f"LoadModule other_version_module {built}")
    site = h.vhost(h.wsgi_app("app", PROBE_CODE["wsgi"]))
    pid = site.get("/pid").body
    before = [h.master, *h.engines, *h.applications]
    h.graceful()
    h.log.wait(told)
    assert site.get("/pid").body != pid
    eventually(lambda: not [p for p in before if p.alive], 8)
    assert h.master not in (None, before[0])
