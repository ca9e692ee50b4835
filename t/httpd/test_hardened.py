# SPDX-License-Identifier: Apache-2.0
"""What the compiler and the linker were asked for is in the built files."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("readelf"),
                                reason="needs readelf")

PROGRAMS = ["apppool-server", "apppool-spawn", "apppoolctl"]
LIBRARIES = ["mod_apppool.so", "libapppool.so", "php_fork.so"]


def built(stage, name):
    found = [path for path in stage.folder.rglob(name) if path.is_file()]
    if not found and name == "php_fork.so":
        pytest.skip("is not built here")
    return found[0].resolve()


def look(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], check=True,
                          text=True, stdout=subprocess.PIPE).stdout


def says_fortify():
    """Not where the sanitizers, or a build without optimization, forbid it."""
    build = os.environ.get("APPPOOL_BUILD")
    makefile = Path(build or ".") / "Makefile"
    return bool(build) and makefile.exists() and re.search(
        r"^HARDEN_CFLAGS = .*_FORTIFY_SOURCE", makefile.read_text(), re.M)


@pytest.mark.parametrize("name", PROGRAMS + LIBRARIES)
def test_nothing_in_it_can_be_written_and_run(stage, name):
    path = built(stage, name)
    segments = look(path, "-l")
    dynamic = look(path, "-d")
    assert "GNU_RELRO" in segments
    assert re.search(r"\bNOW\b", dynamic), "its relocations stay writable"
    assert re.search(r"GNU_STACK .* RW +0x", segments)
    assert not re.search(r"LOAD .* RWE ", segments)
    assert "TEXTREL" not in dynamic
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_somewhere_else_each_time(stage, name):
    path = built(stage, name)
    assert re.search(r"FLAGS_1.*\bPIE\b", look(path, "-d"))
    assert "INTERP" in look(path, "-l")


@pytest.mark.parametrize("name", PROGRAMS + LIBRARIES)
def test_overruns_are_noticed(stage, name):
    symbols = look(built(stage, name), "--dyn-syms")
    assert "__stack_chk_fail" in symbols
    if says_fortify():
        assert re.search(r"__(?!stack)\w+_chk\b", symbols)


@pytest.mark.parametrize("name", PROGRAMS + LIBRARIES)
def test_it_gives_nobody_a_right(stage, name):
    mode = built(stage, name).stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | 0o022)
