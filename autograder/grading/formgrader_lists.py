"""nbgrader's lists of submissions as the exports have them: what is taken off for being late, and what is in doubt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbgrader.api import Assignment, Gradebook, Student, SubmittedAssignment
from nbgrader.apps.api import NbGraderAPI

from autograder.grading import gradebook


class Lists(NbGraderAPI):  # type: ignore[misc]
    """nbgrader's own interface, with the scores of the exports; what a person has to look at needs a manual grade."""

    def get_submissions(self, assignment_id: str) -> list[dict[str, Any]]:
        """All submissions of a lab."""
        return self._flagged(assignment_id, self._less(super().get_submissions(assignment_id)))

    def get_submission(self, *about: Any, **options: Any) -> dict[str, Any] | None:
        """One submission; nbgrader lists those of a student one by one with it."""
        row = super().get_submission(*about, **options)
        return row and self._flagged(row["name"], self._less([row]))[0]

    def get_notebook_submissions(self, assignment_id: str, notebook_id: str) -> list[dict[str, Any]]:
        """All submissions of a lab's notebook: where people choose what to grade."""
        return self._flagged(assignment_id, super().get_notebook_submissions(assignment_id, notebook_id))

    def get_student_notebook_submissions(self, student_id: str, assignment_id: str) -> list[dict[str, Any]]:
        """A student's notebooks of a lab, which are one."""
        return self._flagged(assignment_id, super().get_student_notebook_submissions(student_id, assignment_id))

    def _flagged(self, lab: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        course = self.coursedir.course_id
        return [
            {**row, "needs_manual_grade": True}
            if row["id"] is not None and gradebook.in_doubt(course, row["student"], lab)
            else row
            for row in rows
        ]

    def _less(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as book:
            found = (
                book.db.query(Assignment.name, Student.id, SubmittedAssignment)
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
