# SPDX-License-Identifier: Apache-2.0
"""What is kept: entries and a list of files in SQLite, the files beside it."""

import os
import secrets
import sqlite3
from contextlib import contextmanager

SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, message TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT (datetime('now')));
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL,
    size INTEGER NOT NULL, stored_as TEXT NOT NULL,
    written TEXT NOT NULL DEFAULT (datetime('now')));
"""


class Store:
    """One folder. Any number of processes may have it open at once."""

    def __init__(self, folder):
        self._folder = folder
        self._files = os.path.join(folder, "files")
        os.makedirs(self._files, exist_ok=True)
        with self._database() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(SCHEMA)

    def secret(self):
        """The key that signs form tokens; made by whoever comes first."""
        path = os.path.join(self._folder, "secret")
        draft = f"{path}.{secrets.token_hex(8)}"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600),
                  "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            os.unlink(draft)
        with open(path, "rb") as file:
            return file.read()

    def entries(self, limit=50):
        with self._database() as db:
            return db.execute("SELECT * FROM entry ORDER BY id DESC LIMIT ?",
                              (limit,)).fetchall()

    def add_entry(self, name, message):
        with self._database() as db:
            db.execute("INSERT INTO entry (name, message) VALUES (?, ?)",
                       (name, message))

    def files(self):
        with self._database() as db:
            return db.execute("SELECT * FROM file ORDER BY id DESC").fetchall()

    def file(self, number):
        """(row, open file), or None when there is no such file."""
        with self._database() as db:
            row = db.execute("SELECT * FROM file WHERE id = ?",
                             (number,)).fetchone()
        if row is None:
            return None
        return row, open(os.path.join(self._files, row["stored_as"]), "rb")

    def add_file(self, name, content_type, data):
        stored_as = secrets.token_hex(16)
        with open(os.path.join(self._files, stored_as), "xb") as file:
            file.write(data)
        with self._database() as db:
            db.execute("INSERT INTO file (name, type, size, stored_as) "
                       "VALUES (?, ?, ?, ?)",
                       (name, content_type, len(data), stored_as))

    def remove_file(self, number):
        with self._database() as db:
            row = db.execute("SELECT stored_as FROM file WHERE id = ?",
                             (number,)).fetchone()
            db.execute("DELETE FROM file WHERE id = ?", (number,))
        if row is not None:
            os.unlink(os.path.join(self._files, row["stored_as"]))

    @contextmanager
    def _database(self):
        """A connection for one piece of work, committed at its end."""
        db = sqlite3.connect(os.path.join(self._folder, "shelf.sqlite3"),
                             timeout=10)
        db.row_factory = sqlite3.Row
        try:
            with db:
                yield db
        finally:
            db.close()
