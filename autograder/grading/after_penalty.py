"""nbgrader's lists of submissions with what is taken off for being late: nbgrader keeps it, and shows it nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbgrader.api import Assignment, Gradebook, Student, SubmittedAssignment
from nbgrader.apps.api import NbGraderAPI


class AfterPenalty(NbGraderAPI):  # type: ignore[misc]
    """nbgrader's own interface, whose scores of submissions are those of the exports."""

    def get_submissions(self, assignment_id: str) -> list[dict[str, Any]]:
        """All submissions of a lab."""
        return self._less(super().get_submissions(assignment_id))

    def get_submission(self, *about: Any, **options: Any) -> dict[str, Any] | None:
        """One submission; nbgrader lists those of a student one by one with it."""
        row = super().get_submission(*about, **options)
        return row and self._less([row])[0]

    def _less(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            found = (
                gradebook.db.query(Assignment.name, Student.id, SubmittedAssignment)
                .join(SubmittedAssignment, SubmittedAssignment.assignment_id == Assignment.id)
                .join(Student, Student.id == SubmittedAssignment.student_id)
            )
            off = {(lab, student): float(row.late_submission_penalty or 0.0) for lab, student, row in found}
        return [
            {**row, "score": max(0.0, row["score"] - off.get((row["name"], row["student"]), 0.0))}
            if row.get("score")
            else row
            for row in rows
        ]
