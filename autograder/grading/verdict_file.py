"""class/verdicts/STUDENT/NN-slug.json: what became of one student's submission for one lab, as a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from autograder.checks.api import Check, Verdict
from autograder.evidence.model import Text
from autograder.formats import Format, JsonObject, Witness, is_absent
from autograder.grading.identity import Identity
from autograder.labs.manifest import Lab

Points = int | float
Status = Literal["graded", "refused", "not_graded"]
BY_HAND = "Graded by hand."


class Mark(BaseModel):
    """Points for one check and why; no points while it is not graded, or where a person grades it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: Points | None
    message: Text


class VerdictFile(BaseModel):
    """A verdict file.

    Attributes:
        lab_version: of the lab that it was judged with.
        kit_version: of the kit that judged it; for people, nothing is decided by it.
        course_key: a fingerprint of the class's key.
        source: the zip, as the report called it.
        submission_sha256: of the zip, hex.
        written_at: when the student's machine says the submission was written.
        graded_at: RFC 3339, UTC.
        identity: whose work it is.
        problems: what is wrong with the submission, one sentence each.
        notes: what costs nothing.
        verdicts: of every check that a program judges.
        checks: id -> points, of every check of the lab.
        manual: ids that a person grades.
        score: points from checks; None where nothing could be judged.
        claimed: how many of the points rest on what only the student's machine saw.
        evidence: the stored evidence, as a path below ``class/``; None where nothing could be judged.
        retries: how often something of the engine had to be tried again.
        seconds: part of the grading -> wall time in seconds.
        judged_by: fingerprint of the rules it was judged by (:mod:`autograder.grading.rules`); 0.1.0 wrote none.
        evidence_schema: the number of the evidence it was judged on.
        probe_versions: as in the evidence: name of a probe -> its version that gave the result, where that is not 1.
        leads: signs that evidence was written by hand (:mod:`autograder.evidence.leads`), a sentence each. They cost no
            point; a person looks.
        signature: reserved: over this document, by the grader.
        receipt: reserved: what the student was given for the submission.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    lab: str
    lab_version: int
    kit_version: str
    student: str
    course: str
    course_key: str
    source: Text
    submission_sha256: str
    written_at: Text
    graded_at: str
    identity: Identity
    status: Status
    problems: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    checks: dict[str, Mark]
    manual: tuple[str, ...] = ()
    score: Points | None
    max_score: Points
    claimed: Points
    evidence: str | None
    retries: int = 0
    seconds: dict[str, float] = Field(default_factory=dict)
    judged_by: str | None = Field(default=None, exclude_if=is_absent)
    evidence_schema: int = Field(default=1, exclude_if=lambda number: number == 1)
    probe_versions: dict[str, int] = Field(default_factory=dict, exclude_if=lambda versions: not versions)
    leads: tuple[Text, ...] = Field(default=(), exclude_if=lambda leads: not leads)
    signature: JsonObject | None = Field(default=None, exclude_if=is_absent)
    receipt: JsonObject | None = Field(default=None, exclude_if=is_absent)

    def on_student(self, lab: Lab | None = None) -> float:
        """How many of the points rest on what was collected on the student's own machine (witness ``student``).

        Args:
            lab: for the verdicts of earlier kits, which did not say it; without one, all of theirs count.
        """
        checks = lab.declared_checks() if lab is not None and any(v.witness is None for v in self.verdicts) else {}
        return sum(
            verdict.points or 0.0
            for verdict in self.verdicts
            if verdict.status == "passed" and _witness(verdict, checks) == "student"
        )

    def as_json(self) -> JsonObject:
        """The document as plain JSON data."""
        return self.model_dump(mode="json", by_alias=True)

    def content(self) -> bytes:
        """The bytes of the file."""
        return (json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n").encode()


def _witness(verdict: Verdict, checks: Mapping[str, Check]) -> Witness:
    """The witness of a verdict; where an earlier kit wrote none, that of the check."""
    if verdict.witness is not None:
        return verdict.witness
    return checks[verdict.check].witness if verdict.check in checks else "student"


VERDICTS: Format[VerdictFile] = Format(
    "the verdict file",
    "class/verdicts/STUDENT/NN-slug.json",
    VerdictFile,
    next_step="Remove it and grade the submission again.",
)
