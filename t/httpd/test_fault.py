# SPDX-License-Identifier: Apache-2.0
"""Calls that fail in the server's programs; a part of all there are, another
one each day. t/fault/run tries them all."""

import os
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "fault" / "run"


def test_every_call_may_fail(stage):
    done = subprocess.run(
        [sys.executable, str(RUN), "--stage", str(stage.folder), "--build",
         os.environ["APPPOOL_BUILD"], "--seconds", "12"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=120)
    assert done.returncode == 0, done.stdout
