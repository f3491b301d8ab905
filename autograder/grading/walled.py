"""Judging inside the walls: what is tried again after a child was ended, and what that costs the submission.

The price is the smallest that is true. Over a limit in reading, the submission is refused; in its notebook's page, that
is shown as plain text; in a probe or a check, what rests on it fails. A process that ends by itself, or hangs while the
engine is asked, proves nothing about the student: that is *not graded*, and a person sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from autograder.grading import limits
from autograder.grading.judge import Outcome
from autograder.grading.people import Course
from autograder.grading.progress import Progress
from autograder.grading.walls import Calls, Over
from autograder.grading.workers import Candidate, Unit, judge_one

P = ParamSpec("P")
R = TypeVar("R")

SMALLER = "Hand in what the lab asks for, written by `python3 course.py submit`; if it is, ask the instructor."
ALONE = "Grade it alone, with nothing else running; if it happens again, look at the zip."
MAX_REFUSED = 20  # submissions of one student for one lab that are refused, one after the other
MAX_SECONDS = 120.0  # on the clock, for those that are refused
MAX_TRIES = 40  # a submission has fewer steps


def work(unit: Unit, course: Course, walls: Calls) -> list[Outcome]:
    """Judge a unit.

    Args:
        unit: what to judge.
        course: the class, or as much of it as this student needs.
        walls: where it is judged.

    Returns:
        refused outcomes, then the one that counts.
    """
    outcomes: list[Outcome] = []
    began = time.monotonic()
    for candidate in unit.candidates:
        outcomes.append(_judged(candidate, course, walls))
        if outcomes[-1].status != "refused":
            break
        left = len(unit.candidates) - len(outcomes)
        if left and (len(outcomes) >= MAX_REFUSED or time.monotonic() - began > MAX_SECONDS):
            outcomes[-1].problems.append(
                f"{left} older ones of this student were not read, after {len(outcomes)} that are refused, too. "
                "Take what is not to count out of the folder, then grade again."
            )
            break
    return outcomes


@dataclass
class Tries:
    """What the tries of one submission have come to.

    Attributes:
        over: step -> why it was ended.
        kept: part -> what an earlier try made of it, pickled.
        work: seconds of computing.
        ended: steps that the machine may have ended, each tried once more.
    """

    over: dict[str, str] = field(default_factory=dict)
    kept: Mapping[str, bytes] = field(default_factory=dict)
    work: float = 0.0
    ended: set[str] = field(default_factory=set)

    def goes_on(self, excess: Over) -> bool:
        """Whether it makes sense to try again, after the step that was ended."""
        self.work += excess.work
        self.kept = excess.kept
        kind, _, _ = excess.step.partition(" ")
        if excess.is_of_the_machine:
            again = excess.step not in self.ended  # once more, and no more
            self.ended.add(excess.step)
            return again
        if (
            excess.step in self.over
            or excess.cause == "total"
            or self.work > limits.TOTAL
            or len(self.over) > MAX_TRIES
        ):
            return False
        if kind not in ("page", "tasks", "probe", "check"):
            return False
        self.over[excess.step] = excess.words
        return True


def tried(walls: Calls, function: Callable[Concatenate[Progress, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function inside the walls, and go on after each step that had to be ended.

    Raises:
        Over: it makes no sense to go on; ``work`` is that of all tries.
    """
    tries = Tries()
    while True:
        try:
            return walls.call(function, tries.over, tries.kept, *args, **kwargs)
        except Over as excess:
            if not tries.goes_on(excess):
                excess.work = tries.work
                raise


def _judged(candidate: Candidate, course: Course, walls: Calls) -> Outcome:
    try:
        return tried(walls, judge_one, candidate, course)
    except Over as excess:
        return _ended(candidate, excess)


def _ended(candidate: Candidate, excess: Over) -> Outcome:
    outcome = Outcome(candidate.name, candidate.sha256, header=candidate.header)
    if excess.is_of_the_machine:
        outcome.status = "not_graded"
        outcome.problems.append(f"{excess.words} {ALONE}")
        return outcome
    outcome.status = "refused"
    words = excess.words
    if excess.work > limits.TOTAL and excess.cause != "total":
        words = f"{words} All of it together took more than {limits.TOTAL:.0f} seconds of computing."
    outcome.problems.append(f"{words} {SMALLER}")
    return outcome
