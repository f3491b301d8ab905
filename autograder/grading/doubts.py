"""Why a person has to look at graded work, besides open written answers; none of it costs a point by itself."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from autograder.grading import intake
from autograder.grading.verdict_file import VerdictFile

BY_HAND = "Evidence looks written by hand"


@dataclass(frozen=True)
class Doubt:
    """One reason to look.

    Attributes:
        said: what was found, in sentences.
        open: ids of the checks whose points rest on it and that no person has given points yet; never empty.
    """

    said: tuple[str, ...]
    open: frozenset[str]


def found(document: VerdictFile, settled: Set[str]) -> list[Doubt]:
    """The doubts about a submission that no person has settled.

    Somebody else's work is in doubt as a whole; so is work in which names of another stand beside the student's own, as
    in evidence whose names were swapped. Evidence that looks written by hand leaves in doubt what passed by what the
    student's machine reported. Files that were changed or taken out after `submit` wrote the zip count as missing, and
    leave in doubt what did not pass. What a check leaves to a person is open until that person has given its points.

    Args:
        document: the verdict file.
        settled: ids of the checks that a person gave points, for what is there now.
    """
    passed = {verdict.check for verdict in document.verdicts if verdict.status == "passed"}
    failed = {verdict.check for verdict in document.verdicts if verdict.status == "failed"}
    by_machine = {v.check for v in document.verdicts if v.check in passed and v.witness in ("student", None)}
    reasons = [
        ((document.identity.message,) if document.identity.owner is not None else (), document.checks.keys()),
        (tuple(f"{BY_HAND}: {lead}" for lead in document.leads), by_machine),
        (tuple(problem for problem in document.problems if intake.tells_of_change(problem)), failed),
    ]
    reasons += [((f"{v.check}: {v.found}",), {v.check}) for v in document.verdicts if v.review]
    return [Doubt(said, frozenset(rest)) for said, about in reasons if said and (rest := about - settled)]
