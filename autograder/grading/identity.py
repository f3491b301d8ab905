"""Whose work is it? Personal names found in a submission, compared with those of everybody on the roster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from autograder.checks.shared import seeded_random
from autograder.grading.people import Course
from autograder.labs.manifest import Lab

MIN_LENGTH = 6  # characters; shorter texts turn up by chance
DECOYS = 100  # invented students; a text that one of them has too is drawn from too few to tell anybody apart


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


def personal_texts(lab: Lab, parameters: Mapping[str, Any]) -> set[str]:
    """The texts among personal parameters that can tell students apart, and the lab's repository names."""
    found = {part.name.format_map(parameters) for part in lab.repositories if "{" in part.name}
    waiting: list[Any] = list(parameters.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return {text for text in found if len(text) >= MIN_LENGTH}


class Owners:
    """For one lab and course: which text belongs to which student, and to nobody else."""

    def __init__(self, lab: Lab, course: Course) -> None:
        self.lab, self.course = lab, course
        owners: dict[str, set[str]] = {}
        common: set[str] = set()
        for number in range(DECOYS if course.roster else 0):
            common |= personal_texts(
                lab, lab.parameters(seeded_random.seed(b"decoy", "student", str(number), lab.slug))
            )
        for student in course.roster or ():
            parameters = lab.parameters(course.seed(student, lab.slug))
            for text in personal_texts(lab, parameters):
                owners.setdefault(text, set()).add(student)
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
