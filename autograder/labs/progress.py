"""What the student has seen pass: the last verdict of each check, kept in work/ for `course status`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from autograder import paths
from autograder.checks.api import Verdict
from autograder.errors import CourseError
from autograder.formats import Format, Unreadable
from autograder.labs import answers, students
from autograder.labs.manifest import Lab
from autograder.labs.students import Student


def _file() -> Path:
    return paths.work() / ".progress.json"


OWNER = "/student"  # the entry that says whose verdicts these are; no lab's slug has a slash


Seen = dict[str, dict[str, str]]
"""Lab slug -> check id -> last status; ``SLUG/hints`` -> check id -> how many were shown; and :data:`OWNER`."""

PROGRESS: Format[Seen] = Format("what was seen to pass", "work/.progress.json", Seen)


def _owner() -> str:
    """Course and student of this installation; empty when student.toml cannot be read."""
    try:
        return _id(students.current())
    except CourseError:
        return ""


def _id(student: Student) -> str:
    return f"{student.course}/{student.student}"


def _write(seen: Seen, owner: str) -> None:
    kept = seen | ({OWNER: {"id": owner}} if owner else {})
    answers.replace(_file(), json.dumps(kept, indent=0, sort_keys=True).encode())


def _read(owner: str) -> Seen:
    try:
        seen = PROGRESS.from_json(_file().read_bytes())
    except (OSError, Unreadable):
        return {}
    theirs = seen.get(OWNER, {}).get("id", "")
    return {} if owner and theirs and owner != theirs else seen


def read() -> Seen:
    """Lab slug -> check id -> last status; empty when nothing was checked yet or the file cannot be understood.

    Empty, too, when the verdicts are another student's: somebody who puts a student.toml into work/ after a first look
    has other values from then on.
    """
    return _read(_owner())


def note(lab: Lab, student: Student, verdicts: Iterable[Verdict]) -> None:
    """Remember a student's verdicts. A not-graded one replaces nothing."""
    owner = _id(student)
    seen = _read(owner)
    mine = seen.setdefault(lab.slug, {})
    for verdict in verdicts:
        if verdict.status != "not_graded":
            mine[verdict.check] = verdict.status
    _write(seen, owner)


def forget(lab: Lab) -> None:
    """Forget a lab's verdicts and hints shown, after a reset."""
    owner = _owner()
    seen = _read(owner)
    seen.pop(lab.slug, None)
    seen.pop(f"{lab.slug}/hints", None)
    _write(seen, owner)


def points(lab: Lab) -> float:
    """Points of the checks that last passed."""
    mine = read().get(lab.slug, {})
    return sum(points for check, points in lab.points.items() if mine.get(check) == "passed")


def next_hint(lab: Lab, check: str, student: Student | None = None) -> tuple[int, str]:
    """The number (from 1) and text of the next hint; after the third, the third again.

    Args:
        lab: the lab.
        check: the check's id.
        student: who works here, where the caller has read it.
    """
    part = next(part for part in lab.checks if part.id == check)
    owner = _id(student) if student else _owner()
    seen = _read(owner)
    shown = seen.setdefault(f"{lab.slug}/hints", {})
    number = min(int(shown.get(check, "0")) + 1, len(part.hints))
    shown[check] = str(number)
    _write(seen, owner)
    return number, part.hints[number - 1]
