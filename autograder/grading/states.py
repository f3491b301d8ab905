"""The states of a student's work for a lab, said once: for the report, exports, feedback and the guide."""

from __future__ import annotations

from typing import Literal

State = Literal["graded", "needs review", "refused", "missing", "not graded"]

GRADED: State = "graded"
NEEDS_REVIEW: State = "needs review"
REFUSED: State = "refused"
MISSING: State = "missing"
NOT_GRADED: State = "not graded"

MEANING: dict[State, str] = {
    GRADED: "every point is given and final",
    NEEDS_REVIEW: "a person has to look: a written answer, a tool or action that the kit does not know, points given "
    "by hand for an earlier answer or verdict, somebody else's work, evidence that looks written by hand, files that "
    "were changed after `submit`, rules that changed, or a time of receipt that nobody knows",
    REFUSED: "something was handed in that cannot be graded; the reason says what to do",
    MISSING: "nothing was handed in",
    NOT_GRADED: "a fault of the grader; the next run tries again, or a person gives points for what is open",
}


def total(states: set[State]) -> State:
    """The state of a student's total: missing when every lab is, graded when all that was handed in is."""
    if states <= {MISSING}:
        return MISSING
    if NOT_GRADED in states:
        return NOT_GRADED
    return NEEDS_REVIEW if states & {NEEDS_REVIEW, REFUSED} else GRADED
