"""Judge stored evidence again, after a check, its points or its expected results were corrected. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograder.grading import judge, store
from autograder.grading.people import Course
from autograder.grading.report import Row, row_of
from autograder.labs import manifest


def candidates(labs: Sequence[str], students: Sequence[str]) -> list[store.Document]:
    """The verdicts to make anew: those of the given labs and students (all, when none is given) with evidence."""
    return [
        document
        for document in store.every()
        if document["evidence"]
        and document["lab"] in manifest.slugs()
        and (not labs or document["lab"] in labs)
        and (not students or document["student"] in students)
    ]


def run(found: Sequence[store.Document], course: Course, done: Callable[[Row], None]) -> list[Row]:
    """Judge each again and keep the verdict.

    Returns:
        a row each, whose first remark says what changed.
    """
    rows: list[Row] = []
    for document in found:
        lab = manifest.find(document["lab"])
        try:
            evidence = store.evidence_of(document)
        except (OSError, ValueError) as error:
            row = Row(
                document["source"], document["student"], document["lab"], "not_graded", max_score=lab.total,
                remarks=(f"The stored evidence cannot be read ({error}). Grade the submission again with --force.",),
            )  # fmt: skip
        else:
            evidence, verdicts, notes = judge.rejudge(lab, evidence, course)
            fresh = store.update(document, lab, evidence, verdicts, notes)
            row = row_of(fresh, fresh["status"])
            row = Row(**{**row.__dict__, "remarks": (_change(document, fresh), *row.remarks)})
        rows.append(row)
        done(row)
    return rows


def _change(before: store.Document, after: store.Document) -> str:
    old = {v["check"]: v["status"] for v in before["verdicts"]}
    new = {v["check"]: v["status"] for v in after["verdicts"]}
    changed = [f"{id}: {old.get(id, 'new')} → {status}" for id, status in new.items() if old.get(id) != status]
    if not changed and before["score"] == after["score"]:
        return "No change."
    return f"{before['score']:g} → {after['score']:g} points. {'; '.join(changed)}".replace("_", " ").strip()
