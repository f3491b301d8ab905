"""Judge stored evidence again, after a check, its points or its expected results were corrected. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from autograder.formats import Newer, Unreadable
from autograder.grading import judge, store
from autograder.grading.people import Course
from autograder.grading.report import Row, row_of
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.manifest import Lab


def candidates(labs: Sequence[str], students: Sequence[str], course: Course) -> list[VerdictFile]:
    """The verdicts to make anew: those of the given labs and students (all, when none is given) with evidence.

    A lab that the class leaves out is passed over.
    """
    known = set(course.labs.slugs())
    return [
        document
        for document in store.every()
        if document.evidence
        and document.lab in known
        and (not labs or document.lab in labs)
        and (not students or document.student in students)
    ]


def run(found: Sequence[VerdictFile], course: Course, done: Callable[[Row], None]) -> list[Row]:
    """Judge each again and keep the verdict.

    Returns:
        a row each, whose first remark says what changed.
    """
    rows: list[Row] = []
    for document in found:
        row, change = _judged(document, course.labs.find(document.lab), course)
        if change is not None:
            row = replace(row, remarks=(change or "No change.", *row.remarks))
        rows.append(row)
        done(row)
    return rows


def one(document: VerdictFile, lab: Lab, course: Course) -> Row:
    """Judge one verdict's evidence again and keep the verdict.

    Returns:
        its row: ``unchanged``, or with a first remark that says what changed, or open where the evidence does not do.
    """
    row, change = _judged(document, lab, course)
    if row.is_open:
        return row
    if not change:
        return replace(row, status="unchanged")
    return replace(row, remarks=(f"Judged again, since its checks changed: {change}", *row.remarks))


def _judged(document: VerdictFile, lab: Lab, course: Course) -> tuple[Row, str | None]:
    """The row, and what changed ("" for nothing); None where it could not be judged again and nothing is kept."""
    try:
        evidence = store.evidence_of(document)
    except (OSError, Unreadable) as error:
        said = error.detail if isinstance(error, Unreadable) else str(error)
        then = error.next_step if isinstance(error, Newer) else "Grade the submission again with --force."
        remark = f"The stored evidence cannot be read ({said}). {then}"
        return _open(document, lab, remark), None
    try:
        evidence, verdicts, notes = judge.rejudge(lab, evidence, course)
    except Exception as error:  # of the lab's code; it must not cost the rest of the class their verdicts
        return _open(document, lab, *judge.failure(error)), None
    fresh = store.update(document, lab, evidence, verdicts, notes)
    return row_of(fresh, fresh.status), _change(document, fresh)


def _open(document: VerdictFile, lab: Lab, *remarks: str) -> Row:
    return Row(document.source, document.student, document.lab, "not_graded", max_score=lab.total, remarks=remarks)


def _change(before: VerdictFile, after: VerdictFile) -> str:
    old = {verdict.check: verdict.status for verdict in before.verdicts}
    changed = [
        f"{verdict.check}: {old.get(verdict.check, 'new')} → {verdict.status}"
        for verdict in after.verdicts
        if old.get(verdict.check) != verdict.status
    ]
    if not changed and before.score == after.score:
        return ""
    points = f"{before.score or 0:g} → {after.score or 0:g} points."
    return f"{points} {'; '.join(changed)}".replace("_", " ").strip()
