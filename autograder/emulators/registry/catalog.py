"""Which repositories, manifests and tags a backend has: the source of truth for names, while the store keeps the bytes.

Removing a manifest is one transaction that also puts its digest into ``trash``; the store forgets it afterwards. A
process killed in between leaves the trash behind, which :meth:`Catalog.empty_trash` works off at the next start.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from autograder.emulators.clock import moment, stamp
from autograder.emulators.database import Database
from autograder.emulators.interface import Clock, Manifest, RegistryError
from autograder.oci import manifests


@dataclass(frozen=True)
class Tag:
    """A tag: what it points at, when it came to be and last moved, and the cloud's attributes."""

    name: str
    digest: str
    created: datetime
    changed: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A manifest of a repository.

    Attributes:
        size: bytes of config and layers as stored; of an index, the bytes of the manifests it lists.
        children: the digests an index lists.
        subject: the digest this artifact is about, or "".
        pushed: when it first came. changed: when it or its tags last changed. pulled: the last pull, or None.
        attributes: the cloud's own (ACR's locks).
    """

    repository: str
    digest: str
    media_type: str
    size: int
    children: tuple[str, ...]
    subject: str
    pushed: datetime
    changed: datetime
    pulled: datetime | None
    attributes: dict[str, Any]
    tags: tuple[Tag, ...]


class Catalog:
    """One service's names. Every change is durable when the call returns."""

    def __init__(self, database: Database, service: str, clock: Clock) -> None:
        self._database = database
        self._service = service
        self._clock = clock

    # reading

    def tags(self, repository: str) -> list[str] | None:
        """All tags in lexical order, or None if there is no such repository."""
        rows = self._query("SELECT tag FROM tags WHERE service = ? AND repository = ? ORDER BY tag", repository)
        if not rows and not self.exists(repository):
            return None
        return [row["tag"] for row in rows]

    def resolve(self, repository: str, tag: str) -> str | None:
        """The digest a tag points at, or None."""
        rows = self._query("SELECT digest FROM tags WHERE service = ? AND repository = ? AND tag = ?", repository, tag)
        return str(rows[0]["digest"]) if rows else None

    def has(self, repository: str, digest: str) -> bool:
        """Whether the manifest exists, tagged or not."""
        sql = "SELECT 1 FROM manifests WHERE service = ? AND repository = ? AND digest = ?"
        return bool(self._query(sql, repository, digest))

    def exists(self, repository: str) -> bool:
        """Whether the repository exists."""
        return bool(self._query("SELECT 1 FROM repositories WHERE service = ? AND repository = ?", repository))

    def repositories(self) -> list[str]:
        """All names, in lexical order."""
        rows = self._query("SELECT repository FROM repositories WHERE service = ? ORDER BY repository")
        return [row["repository"] for row in rows]

    def records(self, repository: str) -> list[Record]:
        """Every manifest of a repository with its tags, oldest push first."""
        with self._database.transaction():  # one view of both tables
            tags: dict[str, list[Tag]] = {}
            for row in self._query("SELECT * FROM tags WHERE service = ? AND repository = ? ORDER BY tag", repository):
                tags.setdefault(row["digest"], []).append(_tag(row))
            sql = "SELECT * FROM manifests WHERE service = ? AND repository = ? ORDER BY pushed, digest"
            return [_record(row, tuple(tags.get(row["digest"], ()))) for row in self._query(sql, repository)]

    def record(self, repository: str, digest: str) -> Record | None:
        """One manifest, or None."""
        key = "service = ? AND repository = ? AND digest = ?"
        with self._database.transaction():
            rows = self._query(f"SELECT * FROM manifests WHERE {key}", repository, digest)
            tags = self._query(f"SELECT * FROM tags WHERE {key} ORDER BY tag", repository, digest)
        return _record(rows[0], tuple(_tag(row) for row in tags)) if rows else None

    def tag(self, repository: str, name: str) -> Tag | None:
        """One tag, or None."""
        rows = self._query("SELECT * FROM tags WHERE service = ? AND repository = ? AND tag = ?", repository, name)
        return _tag(rows[0]) if rows else None

    def attributes(self, repository: str) -> dict[str, Any]:
        """The repository's attributes; empty if there are none."""
        rows = self._query("SELECT attributes FROM repositories WHERE service = ? AND repository = ?", repository)
        return dict(json.loads(rows[0]["attributes"])) if rows else {}

    # changing

    def create(self, repository: str, attributes: dict[str, Any] | None = None) -> bool:
        """Make an empty repository; False if it exists (its attributes then stay)."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT OR IGNORE INTO repositories (service, repository, created, attributes) VALUES (?, ?, ?, ?)",
                (self._service, repository, self._now(), json.dumps(attributes or {})),
            )
            return cursor.rowcount == 1

    def push(self, manifest: Manifest) -> None:
        """A manifest, and its tag if it has one, exist from now on; the tag leaves its former manifest.

        Raises RegistryError MANIFEST_INVALID if the bytes are no manifest that the kit understands.
        """
        size, children, subject = measure(manifest)
        key = (self._service, manifest.repository)
        now = self._now()
        with self._database.transaction() as connection:
            self.create(manifest.repository)
            connection.execute(
                "INSERT OR IGNORE INTO manifests"
                " (service, repository, digest, media_type, size, children, subject, pushed, changed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, manifest.digest, manifest.media_type, size, json.dumps(children), subject, now, now),
            )
            connection.execute(
                "DELETE FROM trash WHERE service = ? AND repository = ? AND digest = ?", (*key, manifest.digest)
            )
            if manifest.tag is None:
                return
            before = self.resolve(manifest.repository, manifest.tag)
            if before == manifest.digest:
                return
            connection.execute(
                "INSERT INTO tags (service, repository, tag, digest, created, changed) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (service, repository, tag) DO UPDATE SET digest = excluded.digest,"
                " changed = excluded.changed",
                (*key, manifest.tag, manifest.digest, now, now),
            )
            for digest in {before or manifest.digest, manifest.digest}:
                self._note_change(manifest.repository, digest, now)

    def pulled(self, repository: str, digest: str) -> None:
        """Record the time of a pull."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE manifests SET pulled = ? WHERE service = ? AND repository = ? AND digest = ?",
                (self._now(), self._service, repository, digest),
            )

    def untag(self, repository: str, tag: str) -> None:
        """Remove a tag; its manifest stays."""
        digest = self.resolve(repository, tag)
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM tags WHERE service = ? AND repository = ? AND tag = ?", (self._service, repository, tag)
            )
            if digest is not None:
                self._note_change(repository, digest, self._now())

    def remove(self, repository: str, digest: str) -> None:
        """Remove a manifest and all its tags; its bytes are due to go from the store."""
        key = (self._service, repository, digest)
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM tags WHERE service = ? AND repository = ? AND digest = ?", key)
            connection.execute("DELETE FROM manifests WHERE service = ? AND repository = ? AND digest = ?", key)
            connection.execute("INSERT OR IGNORE INTO trash (service, repository, digest) VALUES (?, ?, ?)", key)

    def remove_repository(self, repository: str) -> None:
        """Remove a repository with everything in it."""
        with self._database.transaction() as connection:
            for record in self.records(repository):
                self.remove(repository, record.digest)
            connection.execute(
                "DELETE FROM repositories WHERE service = ? AND repository = ?", (self._service, repository)
            )

    def change_attributes(
        self, repository: str, changed: dict[str, Any], *, digest: str | None = None, tag: str | None = None
    ) -> None:
        """Set some attributes of a tag, a manifest or the repository; the others stay. LookupError if it is missing."""
        table, last = ("tags", tag) if tag else ("manifests", digest) if digest else ("repositories", None)
        column = {"tags": " AND tag = ?", "manifests": " AND digest = ?", "repositories": ""}[table]
        where = f"WHERE service = ? AND repository = ?{column}"
        key = [repository] + ([last] if last else [])
        with self._database.transaction() as connection:
            rows = self._query(f"SELECT attributes FROM {table} {where}", *key)
            if not rows:
                raise LookupError(last or repository)
            attributes = json.dumps({**json.loads(rows[0]["attributes"]), **changed})
            connection.execute(f"UPDATE {table} SET attributes = ? {where}", (attributes, self._service, *key))

    def empty_trash(
        self, delete: Callable[[str, str], object], lock: Callable[[str], AbstractContextManager[object]]
    ) -> list[tuple[str, str]]:
        """Have the store forget what was removed: calls ``delete(repository, digest)``; returns what was due.

        Under the repository's lock, and only what is still in the trash: a push may have brought it back meanwhile.
        """
        sql = "SELECT repository, digest FROM trash WHERE service = ?"
        due = [(row["repository"], row["digest"]) for row in self._query(sql)]
        key = " AND repository = ? AND digest = ?"
        for repository, digest in due:
            with lock(repository):
                if not self._query(sql + key, repository, digest):
                    continue
                delete(repository, digest)
                with self._database.transaction() as connection:
                    connection.execute("DELETE FROM trash WHERE service = ?" + key, (self._service, repository, digest))
        return due

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several changes as one."""
        with self._database.transaction():
            yield

    def _query(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        return self._database.query(sql, self._service, *parameters)

    def _note_change(self, repository: str, digest: str, now: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE manifests SET changed = ? WHERE service = ? AND repository = ? AND digest = ?",
                (now, self._service, repository, digest),
            )

    def _now(self) -> str:
        return stamp(self._clock.now())


def measure(manifest: Manifest) -> tuple[int, list[str], str]:
    """Size in bytes, children and subject of a pushed manifest. Raises RegistryError MANIFEST_INVALID."""
    try:
        parsed = manifests.parse(manifest.body, manifest.media_type)
    except manifests.ManifestError as error:
        raise RegistryError(400, "MANIFEST_INVALID", "manifest invalid", str(error)) from None
    subject = parsed.subject.digest if parsed.subject else ""
    if isinstance(parsed, manifests.ImageIndex):
        children = list(dict.fromkeys(child.digest for child in parsed.manifests))
        return sum(child.size for child in parsed.manifests), children, subject
    return sum(part.size for part in parsed.references), [], subject


def _tag(row: sqlite3.Row) -> Tag:
    return Tag(row["tag"], row["digest"], moment(row["created"]), moment(row["changed"]), json.loads(row["attributes"]))


def _record(row: sqlite3.Row, tags: tuple[Tag, ...]) -> Record:
    return Record(
        repository=row["repository"],
        digest=row["digest"],
        media_type=row["media_type"],
        size=row["size"],
        children=tuple(json.loads(row["children"])),
        subject=row["subject"],
        pushed=moment(row["pushed"]),
        changed=moment(row["changed"]),
        pulled=moment(row["pulled"]) if row["pulled"] else None,
        attributes=json.loads(row["attributes"]),
        tags=tags,
    )
