"""Whose work is it? Personal names found in a submission, compared with those of everybody on the roster."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

from autograder.errors import CourseError
from autograder.grading import handed_out
from autograder.grading.people import Course
from autograder.labs.manifest import Lab


class Identity(BaseModel):
    """The outcome.

    Attributes:
        ok: False when the work carries another student's names and none of its own.
        message: what was found, for the report; empty when there is nothing to say.
        owner: id of the other student whose names were found.
    """

    model_config = ConfigDict(frozen=True)

    ok: bool = True
    message: str = ""
    owner: str | None = None


class Owners:
    """For one lab and course: which text belongs to which student, and to nobody else.

    Which texts tell nobody apart was decided when they were drawn, and stands beside the values. So lists that change
    later accuse nobody of a word that was common once. For students of version 0.1.0 its own lists say it.
    """

    def __init__(self, lab: Lab, course: Course) -> None:
        self.course = course
        owners: dict[str, set[str]] = {}
        common: set[str] = set()
        first = False
        for student in course.roster or ():
            try:
                document, values = course.handed_out.get(student), course.parameters(student, lab)
            except CourseError:  # damaged or lost: it costs the student's own row, and nobody else's
                continue
            given = document.labs.get(lab.slug) if document else None
            first, common = first or given is None, common | set(given.common if given else ())
            for text in handed_out.personal_texts(lab, values):
                owners.setdefault(text, set()).add(student)
        if first:
            common |= handed_out.decoys(lab, first=True)
        self._owner = {text: next(iter(ids)) for text, ids in owners.items() if len(ids) == 1 and text not in common}

    def identify(self, student: str, claims: Iterable[str]) -> Identity:
        """Judge the texts of a submission that was handed in under the name of ``student``."""
        if self.course.roster is None:
            return Identity()
        hits = {text: self._owner[text] for text in claims if text in self._owner}
        others = sorted({owner for owner in hits.values() if owner != student})
        if not others:
            return Identity()
        foreign = sorted(text for text, owner in hits.items() if owner != student)
        shown = ", ".join(foreign[:3])
        if student in hits.values():
            return Identity(message=f"Also holds what belongs to {' and '.join(others)}: {shown}.", owner=others[0])
        return Identity(
            ok=False, message=f"This is the work of {' or '.join(others)}, not of {student}: {shown}.", owner=others[0]
        )
