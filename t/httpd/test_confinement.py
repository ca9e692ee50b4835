# SPDX-License-Identifier: Apache-2.0
"""What the pool server's processes could do if somebody took them over."""

import os

import pytest

from harness import Proc, eventually, procs

pytestmark = pytest.mark.needs_root


def status_of(pid):
    text = open(f"/proc/{pid}/status").read()
    return dict(line.split(":\t", 1) for line in text.splitlines())


def names_in(folder):
    """What there is; nothing in a folder whose process has ended."""
    try:
        return os.listdir(folder)
    except (ProcessLookupError, FileNotFoundError):
        return []


def part_of(h, comm):
    """The engine or watcher of h."""
    entries = procs.table()
    found = [pid for pid in procs.below(h.master.pid, entries)
             if entries[pid].comm == comm]
    assert len(found) == 1, (comm, found)
    return Proc(found[0])


@pytest.fixture
def running(httpd):
    h = httpd(conf="PoolMax 2")
    h.vhost(h.wsgi_app("app", "def application(e, s):\n"
                              "    s('200 OK', [])\n    return [b'hello']\n"))
    assert h.start().get("/").body == b"hello"
    return h


def test_engine_has_no_capability_and_can_gain_none(running):
    status = status_of(part_of(running, "apppool-engine").pid)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, (name, status[name])
    assert status["NoNewPrivs"] == "1"
    assert status["Groups"].strip() == ""


def test_engine_is_left_with_a_list_of_system_calls(running):
    assert status_of(part_of(running, "apppool-engine").pid)["Seccomp"] == "2"


def test_engine_has_an_empty_folder_for_its_root(running):
    engine = part_of(running, "apppool-engine")
    assert engine.alive
    assert names_in(f"/proc/{engine.pid}/root") == []
    assert names_in(f"/proc/{engine.pid}/cwd") == []
    # The same for the engine that follows one that was killed.
    engine.kill()

    def next_engine():
        entries = procs.table()
        return [pid for pid in procs.below(running.master.pid, entries)
                if entries[pid].comm == "apppool-engine"
                and pid != engine.pid
                and names_in(f"/proc/{pid}/root") == []]
    eventually(next_engine, 5, "another engine, confined")
    assert running.get("/").body == b"hello"


def test_engine_leaves_no_core_dump_and_cannot_be_traced_by_its_user(running):
    engine = part_of(running, "apppool-engine")
    limits = open(f"/proc/{engine.pid}/limits").read()
    line = next(li for li in limits.splitlines()
                if li.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"], line
    # A process that is not dumpable belongs to root in /proc.
    assert os.stat(f"/proc/{engine.pid}/mem").st_uid == 0


def test_engine_shares_its_user_with_no_application_and_no_child(running):
    uid = status_of(part_of(running, "apppool-engine").pid)["Uid"].split()[0]
    others = [p.pid for p in running.children + running.applications]
    assert others
    for pid in others:
        assert uid not in status_of(pid)["Uid"].split()


def test_watcher_keeps_one_capability_and_gains_no_other(running):
    status = status_of(part_of(running, "apppool-watcher").pid)
    allowed = 1 << 2                # CAP_DAC_READ_SEARCH
    assert int(status["CapEff"], 16) == allowed
    assert int(status["CapPrm"], 16) == allowed
    for name in ("CapInh", "CapAmb"):
        assert int(status[name], 16) == 0, (name, status[name])
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_application_has_no_capability(running):
    for proc in running.applications:
        status = status_of(proc.pid)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[name], 16) == 0, (name, status[name])
