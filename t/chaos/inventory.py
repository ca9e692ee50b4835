# SPDX-License-Identifier: Apache-2.0
"""What there is of a quiet pool, to be compared with later."""

from pathlib import Path

from harness import Proc, procs

# Connections and channels are kept per child of httpd, and children come and
# go; a leak of one in a hundred disturbances shows beside that.
DESCRIPTORS_SLACK = 120
MEMORY_SLACK_KIB = 16 * 1024


class Inventory:
    def __init__(self, h):
        procs.reap_adopted(p.pid for p in h.everything())
        status = h.status()
        self.processes = status["counts"]["processes"]
        self.master = self._of(h.master)
        self.engine = self._of(Proc(status["server"]["engine"]))
        self.pool = len([p for p in h.everything() if p.alive])
        self.shared = sorted(p.name for p in Path("/dev/shm").glob("apppool*"))
        self.runtime = sorted(p.name for p in (h.folder / "run").iterdir())
        self.zombies = [p for p in h.everything() if p.entry.state == "Z"]

    @staticmethod
    def _of(process):
        return {"descriptors": len(process.descriptors),
                "KiB": process.private_kib}

    def growth_to(self, after):
        """Sentences about what is more than it should be."""
        told = []
        for name in ("master", "engine"):
            for what, slack in (("descriptors", DESCRIPTORS_SLACK),
                                ("KiB", MEMORY_SLACK_KIB)):
                old, new = getattr(self, name)[what], getattr(after, name)[what]
                if new > old + slack:
                    told.append(f"{name}: {old} {what}, then {new}")
        if after.pool > self.pool + 16:
            told.append(f"{self.pool} processes in all, then {after.pool}")
        for name in ("shared", "runtime"):
            more = set(getattr(after, name)) - set(getattr(self, name))
            if more:
                told.append(f"{name}: {sorted(more)}")
        if after.zombies:
            told.append(f"zombies: {after.zombies}")
        return told
