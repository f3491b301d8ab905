"""What grading keeps in ``class/``: a verdict file and the evidence it rests on, for each student and lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder import __version__, paths
from autograder.checks.api import Verdict
from autograder.evidence.model import Evidence
from autograder.grading.identity import Identity
from autograder.grading.judge import Outcome, now, packed, status_of, unpacked
from autograder.grading.people import Course
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab

SCHEMA = 1
BY_HAND = "Graded by hand."

Document = dict[str, Any]
"""A verdict file: schema, lab, lab_version, kit_version, student, course, course_key (a fingerprint), source,
submission_sha256, written_at, graded_at, identity {ok, message, owner}, status, problems, notes, verdicts, checks
{id: {score, message}}, manual [ids], score, max_score, claimed (points), evidence (path below class/), seconds."""


def verdict_file(student: str, lab: str) -> Path:
    """``class/verdicts/STUDENT/LAB.json``."""
    return paths.classroom() / "verdicts" / student / f"{lab}.json"


def evidence_file(student: str, lab: str) -> Path:
    """``class/evidence/STUDENT/LAB.json.gz``."""
    return paths.classroom() / "evidence" / student / f"{lab}.json.gz"


def notebook_file(student: str, lab: str) -> Path:
    """``class/submitted/STUDENT/LAB/LAB.ipynb``, where nbgrader looks for submissions."""
    return paths.classroom() / "submitted" / student / lab / f"{lab}.ipynb"


def read(student: str, lab: str) -> Document | None:
    """A verdict file; None when there is none, or it cannot be understood (then it is made anew)."""
    try:
        document = json.loads(verdict_file(student, lab).read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and document.get("schema") == SCHEMA else None


def every() -> Iterator[Document]:
    """All verdict files, by student and lab."""
    for file in sorted((paths.classroom() / "verdicts").glob("*/*.json")):
        document = read(file.parent.name, file.stem)
        if document is not None:
            yield document


def is_current(document: Document, sha256: str, lab: Lab, course: Course) -> bool:
    """Whether a verdict is about this very zip, lab, kit and course, and complete."""
    return (
        document["status"] == "graded"
        and document["submission_sha256"] == sha256
        and document["kit_version"] == __version__
        and document["lab_version"] == lab.version
        and document["course_key"] == course.fingerprint
        and evidence_file(document["student"], document["lab"]).is_file()
        and notebook_file(document["student"], document["lab"]).is_file()
    )


def message_of(verdict: Verdict) -> str:
    """A verdict as one plain text."""
    if verdict.status == "passed":
        return f"Passed. {verdict.why}".strip()
    said = [verdict.found]
    if verdict.expected:
        said.append(f"Expected: {verdict.expected}")
    if verdict.next_step:
        said.append(f"Next: {verdict.next_step}")
    return ("Not graded. " if verdict.status == "not_graded" else "") + " ".join(said)


def marks(lab: Lab, verdicts: list[Verdict]) -> Document:
    """The part of a verdict file that says how many points there are, and for what."""
    by_id = {verdict.check: verdict for verdict in verdicts}
    checks: dict[str, Document] = {}
    for id in lab.points:
        verdict = by_id.get(id)
        checks[id] = (
            {"score": None, "message": BY_HAND}
            if verdict is None
            else {"score": verdict.points, "message": message_of(verdict)}
        )
    return {
        "verdicts": [verdict.model_dump() for verdict in verdicts],
        "checks": checks,
        "manual": [id for id in lab.points if id not in by_id],
        "score": sum(verdict.points or 0.0 for verdict in verdicts),
        "max_score": lab.total,
        "claimed": sum(v.points or 0.0 for v in verdicts if v.trust == "claimed" and v.status == "passed"),
    }


def record(outcome: Outcome, identity: Identity, course: Course, lab: Lab) -> Document:
    """Keep what became of a submission whose student and lab are known: notebook and evidence first, verdict last.

    A submission that gave no evidence (refused, or the grader failed) never replaces one that was judged.
    """
    header = outcome.header
    assert header is not None
    document: Document = {
        "schema": SCHEMA,
        "lab": lab.slug,
        "lab_version": lab.version,
        "kit_version": __version__,
        "student": header.student,
        "course": course.id,
        "course_key": course.fingerprint,
        "source": outcome.source,
        "submission_sha256": outcome.sha256,
        "written_at": header.written_at,
        "graded_at": now(),
        "identity": identity.model_dump(),
        "status": outcome.status,
        "problems": outcome.problems,
        "notes": outcome.notes,
        **marks(lab, outcome.verdicts),
        "evidence": None,
        "retries": outcome.retries,
        "seconds": {part: round(value, 4) for part, value in outcome.seconds.items()},
    }
    if outcome.evidence is None:  # refused, or the grader failed before there was anything to judge
        document |= {"verdicts": [], "score": None, "checks": {id: {"score": None, "message": ""} for id in lab.points}}
    before = read(header.student, lab.slug)
    if outcome.evidence is None and before is not None and before["evidence"] is not None:
        return document
    if outcome.evidence is not None:
        replace(notebook_file(header.student, lab.slug), notebook_bytes(outcome.notebook or {}))
        replace(notebook_file(header.student, lab.slug).with_name("timestamp.txt"), _timestamp(header.moment))
        target = evidence_file(header.student, lab.slug)
        replace(target, outcome.evidence)
        document["evidence"] = target.relative_to(paths.classroom()).as_posix()
    _write(document)
    return document


def _write(document: Document) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    replace(verdict_file(document["student"], document["lab"]), text.encode())


def notebook_bytes(notebook: Document) -> bytes:
    """A notebook file, as nbformat writes it."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")


def _timestamp(moment: Any) -> bytes:
    """A timestamp.txt as nbgrader reads it (an ISO time with its zone)."""
    return (moment.isoformat(timespec="seconds") + "\n").encode() if moment.year > 1 else b""


def evidence_of(document: Document) -> Evidence:
    """The evidence that a verdict rests on.

    Raises:
        OSError: it is gone.
        ValueError: it is damaged.
    """
    return unpacked(evidence_file(document["student"], document["lab"]).read_bytes())


def update(document: Document, lab: Lab, evidence: Evidence, verdicts: list[Verdict], notes: list[str]) -> Document:
    """Keep the verdicts of a regrade. Evidence is rewritten only when its expected results changed."""
    fresh = document | {
        "lab_version": lab.version,
        "kit_version": __version__,
        "graded_at": now(),
        "status": status_of(verdicts),
        "notes": [note for note in document["notes"] if note not in notes] + notes,
        **marks(lab, verdicts),
    }
    content = packed(evidence)
    target = evidence_file(document["student"], document["lab"])
    if target.read_bytes() != content:
        replace(target, content)
    _write(fresh)
    return fresh
