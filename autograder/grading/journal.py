"""class/changes.jsonl: every point that changed although the submission did not, with its reason. Lines are only added.

A line is written before the verdict that it tells of, so a kill in between can leave a line without its change, and
never a change without its line. The next run finds the verdict as it was, judges it again and comes to the same
change; it knows the line that is there by what it tells (:attr:`Change.key`) and writes none. Should the rules have
changed once more before that run, another line follows: of lines that replace the same verdict (``replaced``, its
``graded_at``), the last holds, and none of them while that verdict is still there.

A kill while a line is written leaves a part of it without an end. A reader passes it over, and the next line begins
behind it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from autograder import paths
from autograder.evidence.model import Text
from autograder.formats import Format, Newer, Unreadable, is_absent
from autograder.grading import jsonl
from autograder.grading.verdict_file import Points

FILE = "changes.jsonl"


class Change(BaseModel):
    """A line: one check of one student whose points changed.

    Attributes:
        at: when, RFC 3339, UTC.
        kit_version: of the kit that changed it.
        before: points before; None where the check was not graded, or was not there.
        before_of: how many could be had; None where the check was not there.
        after: points now; None where the check cannot be graded, or is gone.
        after_of: how many can be had now; None where the check is gone.
        reason: why, in words.
        by_hand: points that a person gave for the check: they count, and neither ``before`` nor ``after`` does.
        submission_sha256: of the submission that was judged, hex.
        judged_before: fingerprint of the rules that gave ``before``; None where they are not known.
        judged_by: of those that gave ``after``.
        replaced: ``graded_at`` of the verdict that was replaced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    at: str
    kit_version: str
    student: str
    lab: str
    check: str
    before: Points | None
    before_of: Points | None
    after: Points | None
    after_of: Points | None
    reason: Text
    by_hand: Points | None = Field(default=None, exclude_if=is_absent)
    submission_sha256: str
    judged_before: str | None
    judged_by: str | None
    replaced: str

    @property
    def key(self) -> tuple[object, ...]:
        """What the line tells, without when it was written and in which words."""
        given = self.model_dump(exclude={"schema_", "at", "kit_version", "reason", "by_hand"})
        return tuple(given.values())

    @property
    def place(self) -> tuple[str, str, str]:
        """Student, lab and check."""
        return self.student, self.lab, self.check

    def content(self) -> bytes:
        """The line."""
        document = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(document, ensure_ascii=False) + "\n").encode()

    def said(self) -> str:
        """The line for people: student, lab, check, points before and now, reason."""
        what = f"{self.student} {self.lab} {self.check}: {_points(self.before, self.before_of)} → "
        what += f"{_points(self.after, self.after_of)} points: {self.reason}."
        if self.by_hand is not None:
            what += f" The {self.by_hand:g} points given by hand stay and count."
            if self.after_of is not None and self.by_hand > self.after_of:
                what += " They are more than can be had now: a person should look at them."
        return what


def _points(given: Points | None, of: Points | None) -> str:
    if of is None:
        return "no such check"
    return f"{'–' if given is None else format(given, 'g')} of {of:g}"


CHANGES: Format[Change] = Format(
    "a line of the journal of changed points",
    f"class/{FILE}",
    Change,
    next_step="Put back a copy of that file, or move it away; nothing is graded by it.",
)


def file() -> Path:
    """``class/changes.jsonl``."""
    return paths.classroom() / FILE


def read(content: bytes) -> list[Change]:
    """The changes in the bytes of a journal, in order. A line that is no line, as a kill leaves one, is passed over.

    Raises:
        Newer: a newer kit wrote a line.
    """
    found = []
    for line in content.split(b"\n"):
        if line.strip():
            try:
                found.append(CHANGES.from_json(line))
            except Newer:
                raise
            except Unreadable:
                continue
    return found


@dataclass
class Journal:
    """The class's journal, open for more. Whoever writes holds the lock "grade"."""

    _last: dict[tuple[str, str, str], tuple[object, ...]] = field(default_factory=dict)

    @classmethod
    def opened(cls) -> Journal:
        """The journal as it is on disk.

        Raises:
            Newer: a newer kit wrote a line, so this one must not go on with it.
            OSError: it cannot be read.
        """
        content = file().read_bytes() if file().exists() else b""
        return cls({change.place: change.key for change in read(content)})

    def add(self, changes: Iterable[Change]) -> Sequence[Change]:
        """Write what is not there yet; it is on disk when this returns.

        Returns:
            what was written.
        """
        new = [change for change in changes if self._last.get(change.place) != change.key]
        if new:
            jsonl.append(file(), b"".join(change.content() for change in new))
            self._last |= {change.place: change.key for change in new}
        return new
