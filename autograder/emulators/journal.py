"""The append-only audit journal: who did what to which image, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from autograder.emulators.clock import stamp
from autograder.emulators.database import Database
from autograder.emulators.interface import Clock


class SqliteJournal:
    """Lines in the emulators' database; triggers refuse to change or delete one."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def record(
        self,
        service: str,
        who: str,
        what: str,
        *,
        repository: str = "",
        tag: str = "",
        digest: str = "",
        detail: Mapping[str, object] | None = None,
    ) -> None:
        """Append one durable line, stamped with the emulators' clock."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO journal (moment, service, who, what, repository, tag, digest, detail)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    stamp(self._clock.now()),
                    service,
                    who,
                    what,
                    repository,
                    tag,
                    digest,
                    json.dumps(dict(detail or {}), sort_keys=True),
                ),
            )

    def lines(self, service: str | None = None, last: int | None = None) -> list[dict[str, Any]]:
        """Lines, oldest first, with the keys number, when, service, who, what, repository, tag, digest, detail.

        All of them, or the ``last`` so many.
        """
        newest = self._database.query(
            "SELECT * FROM journal WHERE ? IS NULL OR service = ? ORDER BY number DESC LIMIT ?",
            service,
            service,
            -1 if last is None else max(0, int(last)),
        )
        return [
            {
                "number": row["number"],
                "when": row["moment"],
                "service": row["service"],
                "who": row["who"],
                "what": row["what"],
                "repository": row["repository"],
                "tag": row["tag"],
                "digest": row["digest"],
                "detail": json.loads(row["detail"]),
            }
            for row in reversed(newest)
        ]
