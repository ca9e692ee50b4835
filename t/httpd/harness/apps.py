# SPDX-License-Identifier: Apache-2.0
"""Applications of a test: a folder owned by an unprivileged user."""

import os
import shutil
from pathlib import Path

from . import users


class App:
    """`root` with a `public` folder, all of it owned by `user`."""

    def __init__(self, root, user, type_name):
        self.root = Path(root)
        self.user = user
        self.type = type_name
        self.public = self.root / "public"
        self.mkdir("")
        self.mkdir("public")

    def __repr__(self):
        return f"<{self.type} application {self.root} of {self.user}>"

    def mkdir(self, name, mode=0o755):
        path = self.root / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
        users.give(path, self.user)
        return path

    def write(self, name, data, mode=0o644):
        """Write a file below the root, making its folders as needed."""
        path = self.root / name
        for folder in reversed(path.relative_to(self.root).parents):
            if folder.parts and not (self.root / folder).exists():
                self.mkdir(folder)
        # A new file each time, as editors and deployments do it.
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(data.encode() if isinstance(data, str) else data)
        fresh.chmod(mode)
        users.give(fresh, self.user)
        os.replace(fresh, path)
        return path

    def read(self, name):
        return (self.root / name).read_text()

    def copy_from(self, folder):
        """Copy a whole tree into the root."""
        shutil.copytree(folder, self.root, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for where, folders, files in os.walk(self.root):
            for name in folders + files:
                users.give(os.path.join(where, name), self.user)
                if not os.path.islink(os.path.join(where, name)):
                    mode = 0o755 if name in folders else 0o644
                    os.chmod(os.path.join(where, name), mode)
        return self
