"""Why a submission (or a part of it) cannot be used, in words that a student understands, and who does what then."""

from __future__ import annotations


class Refused(Exception):
    """A submission, or one file of it, cannot be used; the message is one plain sentence that says why."""


# A problem is read by both. What one of them does comes after these words; the instructor's part stands last.
FOR_STUDENT = "For the student:"
FOR_INSTRUCTOR = "For the instructor:"


def to_student(problem: str) -> str:
    """A problem as it stands on the student's own page: without what the instructor does."""
    found, _, then = problem.partition(FOR_INSTRUCTOR)[0].rstrip().partition(f"{FOR_STUDENT} ")
    return f"{found}{then[:1].upper()}{then[1:]}"
