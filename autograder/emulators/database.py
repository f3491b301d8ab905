"""The one SQLite file of the emulators: journal, catalog and pull counts, each change durable before it returns."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    moment TEXT NOT NULL, service TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS journal_no_update BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS journal_no_delete BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE IF NOT EXISTS repositories (
    service TEXT NOT NULL, repository TEXT NOT NULL, created TEXT NOT NULL,
    attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (service, repository)
);
CREATE TABLE IF NOT EXISTS manifests (
    service TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    media_type TEXT NOT NULL, size INTEGER NOT NULL, children TEXT NOT NULL, subject TEXT NOT NULL,
    pushed TEXT NOT NULL, changed TEXT NOT NULL, pulled TEXT NOT NULL DEFAULT '',
    attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (service, repository, digest)
);
CREATE TABLE IF NOT EXISTS tags (
    service TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    created TEXT NOT NULL, changed TEXT NOT NULL,
    attributes TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (service, repository, tag)
);
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (service, repository, digest);
CREATE TABLE IF NOT EXISTS trash (
    service TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (service, repository, digest)
);
CREATE TABLE IF NOT EXISTS pulls (source TEXT NOT NULL, moment TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pulls_by_source ON pulls (source, moment);
"""


class Database:
    """One connection, used by one thread at a time. A transaction within a transaction joins it."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        # FULL: a commit in the write-ahead log is synced before it returns (https://sqlite.org/pragma.html#pragma_synchronous)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable at the end."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                try:
                    self._connection.execute("COMMIT")
                except sqlite3.Error:  # a full disk, say: leave no transaction open behind
                    self._connection.execute("ROLLBACK")
                    raise

    def query(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        """The rows of one SELECT."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with self._lock:
            self._connection.close()
