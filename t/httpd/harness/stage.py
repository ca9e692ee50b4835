# SPDX-License-Identifier: Apache-2.0
"""Where the things under test are: a DESTDIR of `make install`.

A stage that unprivileged users cannot enter, or that belongs to somebody else
than root and us, is copied to a fresh folder first: application processes
read the loaders there, and the module refuses foreign executables.
"""

import atexit
import os
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from .users import is_root

MODULE = "mod_apppool.so"
PROGRAMS = ("apppool-server", "apppool-spawn", "apppoolctl")


class StageError(Exception):
    """There is nothing to test, and why."""


class Stage:
    def __init__(self, folder):
        self.folder = _usable(Path(folder).resolve())
        self.module = self._find(MODULE)
        self.server, self.spawn, self.ctl = map(self._find, PROGRAMS)

    def _find(self, name):
        hits = [p for p in sorted(self.folder.rglob(name))
                if p.is_file() and not p.is_symlink()]
        if len(hits) != 1:
            raise StageError(f"{self.folder} has {len(hits)} files named "
                             f"{name}; it must be a DESTDIR of make install")
        return hits[0]


def _usable(folder):
    if not folder.is_dir():
        raise StageError(f"{folder} is no folder")
    if not is_root() or (_everybody_may_enter(folder)
                         and folder.stat().st_uid == 0):
        return folder
    copy = Path(tempfile.mkdtemp(prefix="apppool-stage-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    shutil.copytree(folder, copy / "stage", symlinks=True)
    return copy / "stage"


def _everybody_may_enter(folder):
    return all(p.stat().st_mode & 0o001 for p in [folder, *folder.parents])


@lru_cache(maxsize=None)
def stage_of_environment():
    """The stage that $APPPOOL_STAGE names."""
    folder = os.environ.get("APPPOOL_STAGE")
    if not folder:
        raise StageError("APPPOOL_STAGE does not name a DESTDIR of "
                         "`make install DESTDIR=...`")
    return Stage(folder)
