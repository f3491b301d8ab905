"""What grading keeps in ``class/``: a verdict file and the evidence it rests on, for each student and lab."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from autograder import __version__, paths
from autograder.checks.api import Verdict
from autograder.evidence import leads
from autograder.evidence.model import SCHEMA_VERSION, Evidence
from autograder.formats import JsonObject, Newer, Unreadable
from autograder.grading import probes, rules
from autograder.grading.identity import Identity
from autograder.grading.judge import Outcome, is_of_judging, now, status_of, unpacked
from autograder.grading.people import Course
from autograder.grading.verdict_file import BY_HAND, VERDICTS, Mark, VerdictFile
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab

OUTDATED = "The check or its points changed since this was judged. Run: python3 course.py regrade"


def verdict_file(student: str, lab: str) -> Path:
    """``class/verdicts/STUDENT/LAB.json``."""
    return paths.classroom() / "verdicts" / student / f"{lab}.json"


def evidence_file(student: str, lab: str) -> Path:
    """``class/evidence/STUDENT/LAB.json.gz``."""
    return paths.classroom() / "evidence" / student / f"{lab}.json.gz"


def notebook_file(student: str, lab: str) -> Path:
    """``class/submitted/STUDENT/LAB/LAB.ipynb``, where nbgrader looks for submissions."""
    return paths.classroom() / "submitted" / student / lab / f"{lab}.ipynb"


def read(student: str, lab: str) -> VerdictFile | None:
    """A verdict file; None when there is none, or it cannot be understood (then it is made anew).

    Raises:
        Newer: a newer kit wrote it, so it must not be made anew by this one.
    """
    file = verdict_file(student, lab)
    try:
        return VERDICTS.from_json(file.read_bytes())
    except Newer as problem:
        raise Newer(
            expected=problem.expected,
            detail=f"{file.relative_to(paths.home()).as_posix()}: {problem.detail}",
            next_step=problem.next_step,
        ) from None
    except (OSError, Unreadable):
        return None


def set_aside(document: VerdictFile) -> Path:
    """Take a verdict out of the class, with all that rests on it; it is kept in the folder that is returned."""
    student, lab = document.student, document.lab
    kept = paths.classroom() / "taken-back" / student / f"{lab}-{document.submission_sha256[:8]}"
    number = 2
    while kept.exists():
        kept, number = kept.with_name(f"{lab}-{document.submission_sha256[:8]}-{number}"), number + 1
    kept.mkdir(parents=True)
    made = ("submitted", "autograded", "feedback")
    folders = {name: paths.classroom() / name / student / lab for name in made}
    files = {"verdict.json": verdict_file(student, lab), "evidence.json.gz": evidence_file(student, lab)}
    for name, place in (folders | files).items():  # the verdict last but its evidence: a kill leaves it ungraded
        if place.exists():
            place.rename(kept / name)
    return kept


def version_of(student: str, lab: str) -> int | None:
    """The version of a lab that a student's work was judged by; None where none was."""
    document = read(student, lab)
    return document.lab_version if document else None


def every() -> Iterator[VerdictFile]:
    """All verdict files, by student and lab.

    Raises:
        Newer: a newer kit wrote one.
    """
    for file in sorted((paths.classroom() / "verdicts").glob("*/*.json")):
        document = read(file.parent.name, file.stem)
        if document is not None:
            yield document


def holds(document: VerdictFile, sha256: str, lab: Lab, course: Course) -> bool:
    """Whether the evidence of a verdict is what this very zip would give again, with this lab and course.

    A probe whose version changed does no harm where it can be run again on stored evidence.
    """
    return (
        document.status == "graded"
        and document.submission_sha256 == sha256
        and document.lab_version == lab.version
        and document.course_key == course.fingerprint
        and document.evidence_schema == SCHEMA_VERSION
        and evidence_file(document.student, document.lab).is_file()
        and notebook_file(document.student, document.lab).is_file()
        and not any(probes.PROBES[name].again is None for name in old_probes(document, lab))
    )


def old_probes(document: VerdictFile, lab: Lab) -> list[str]:
    """The lab's probes of which a verdict rests on a result that is not of their present version."""
    return [name for name in lab.probes if document.probe_versions.get(name, 1) != probes.version(name, lab)]


def is_current(document: VerdictFile, sha256: str, lab: Lab, course: Course) -> bool:
    """Whether a verdict is what grading this very zip would give again: its evidence holds, and the rules are the same.

    The kit's version does not matter: what decides a verdict is the lab, its checks and the form of evidence.
    """
    return (
        holds(document, sha256, lab, course)
        and document.judged_by == rules.fingerprint(lab)
        and not old_probes(document, lab)
    )


def is_outdated(document: VerdictFile, lab: Lab) -> bool:
    """Whether other rules than the present ones gave a verdict, or points out of another sum.

    Version 0.1.0 did not say by which rules it judged; its verdicts stand while the sum is the same.
    """
    lab = lab.at(document.lab_version)  # each version is held against its own points
    if document.max_score != lab.total:
        return True
    return document.judged_by is not None and document.judged_by != rules.fingerprint(lab)


def message_of(verdict: Verdict) -> str:
    """A verdict as one plain text."""
    if verdict.status == "passed":
        return f"Passed. {verdict.why}".strip()
    said = [verdict.found]
    if verdict.expected:
        said.append(f"Expected: {verdict.expected}")
    if verdict.next_step:
        said.append(f"Next: {verdict.next_step}")
    open_ = "Needs review. " if verdict.review else "Not graded. " if verdict.status == "not_graded" else ""
    return open_ + " ".join(said)


def record(
    outcome: Outcome, identity: Identity, course: Course, lab: Lab, received_at: datetime | None = None
) -> VerdictFile:
    """Keep what became of a submission whose student and lab are known: notebook and evidence first, verdict last.

    A submission that gave no evidence (refused, or the grader failed) never replaces one that was judged.

    Args:
        outcome: what became of it.
        identity: whose work it is.
        course: the class.
        lab: the lab.
        received_at: when it was received, for nbgrader; now where nothing is said.
    """
    header = outcome.header
    assert header is not None
    target = evidence_file(header.student, lab.slug)
    judged = outcome.evidence is not None  # else refused, or the grader failed before there was anything to judge
    document = VerdictFile(
        lab=lab.slug,
        lab_version=lab.version,
        kit_version=__version__,
        student=header.student,
        course=course.id,
        course_key=course.fingerprint,
        source=outcome.source,
        submission_sha256=outcome.sha256,
        written_at=header.written_at,
        graded_at=now(),
        identity=identity,
        status=outcome.status,
        problems=tuple(outcome.problems),
        notes=tuple(outcome.notes),
        verdicts=tuple(outcome.verdicts) if judged else (),
        checks=_marks(lab, outcome.verdicts) if judged else {id: Mark(score=None, message="") for id in lab.points},
        manual=_by_hand(lab, outcome.verdicts),
        score=_sum(outcome.verdicts) if judged else None,
        max_score=lab.total,
        claimed=_claimed(outcome.verdicts),
        evidence=target.relative_to(paths.classroom()).as_posix() if judged else None,
        retries=outcome.retries,
        seconds={part: round(value, 4) for part, value in outcome.seconds.items()},
        judged_by=outcome.judged_by if judged else None,
        evidence_schema=SCHEMA_VERSION,
        probe_versions=outcome.probe_versions,
        leads=outcome.leads if judged else (),
    )
    if outcome.evidence is None:
        before = read(header.student, lab.slug)
        if before is not None and before.evidence is not None:
            return document
    else:
        replace(notebook_file(header.student, lab.slug), notebook_bytes(outcome.notebook or {}))
        file = notebook_file(header.student, lab.slug).with_name("timestamp.txt")
        replace(file, timestamp(received_at or datetime.fromisoformat(document.graded_at)))
        replace(target, outcome.evidence)
    write(document)
    return document


def _marks(lab: Lab, verdicts: Sequence[Verdict]) -> dict[str, Mark]:
    """Points and reason for each check of the lab."""
    by_id = {verdict.check: verdict for verdict in verdicts}
    return {
        id: Mark(score=verdict.points, message=message_of(verdict))
        if (verdict := by_id.get(id)) is not None
        else Mark(score=None, message=BY_HAND)
        for id in lab.points
    }


def _by_hand(lab: Lab, verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    judged = {verdict.check for verdict in verdicts}
    return tuple(id for id in lab.points if id not in judged)


def _sum(verdicts: Sequence[Verdict]) -> float:
    return sum(verdict.points or 0.0 for verdict in verdicts)


def _claimed(verdicts: Sequence[Verdict]) -> float:
    return sum(v.points or 0.0 for v in verdicts if v.trust == "claimed" and v.status == "passed")


def write(document: VerdictFile) -> None:
    """Write a verdict file, whole or not at all."""
    replace(verdict_file(document.student, document.lab), document.content())


def notebook_bytes(notebook: JsonObject) -> bytes:
    """A notebook file, as nbformat writes it."""
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")


def timestamp(moment: datetime) -> bytes:
    """A timestamp.txt as nbgrader reads it: an ISO time with its zone."""
    return (moment.isoformat(timespec="seconds") + "\n").encode()


def evidence_of(document: VerdictFile) -> Evidence:
    """The evidence that a verdict rests on.

    Raises:
        OSError: it is gone.
        Unreadable: it is damaged.
        Newer: a newer kit wrote it.
    """
    return unpacked(evidence_file(document.student, document.lab).read_bytes())


def judged_again(
    document: VerdictFile, lab: Lab, evidence: Evidence, verdicts: Sequence[Verdict], notes: Sequence[str], by: str
) -> VerdictFile:
    """A verdict file as it is after its evidence was judged again; nothing is written.

    Where the verdicts are as before, the file only learns by which rules they were judged.

    Args:
        document: the file as it is.
        lab: the lab.
        evidence: what was judged.
        verdicts: what came of it.
        notes: of this judging; those of an earlier one go.
        by: fingerprint of the rules.
    """
    said = (*(note for note in document.notes if note not in notes and not is_of_judging(note)), *notes)
    judged = {
        "lab_version": lab.version,
        "status": status_of(verdicts),
        "notes": said,
        "verdicts": tuple(verdicts),
        "checks": _marks(lab, verdicts),
        "manual": _by_hand(lab, verdicts),
        "score": _sum(verdicts),
        "max_score": lab.total,
        "claimed": _claimed(verdicts),
        "probe_versions": evidence.probe_versions,
        "leads": leads.found(evidence),
    }
    fresh = document.model_copy(update=judged)
    if _judgement(fresh) != _judgement(document):
        fresh = fresh.model_copy(update={"kit_version": __version__, "graded_at": now()})
    return fresh.model_copy(update={"judged_by": by})


def _judgement(document: VerdictFile) -> VerdictFile:
    """A verdict file without what decides no point and what earlier kits did not write."""
    bare = tuple(verdict.model_copy(update={"witness": None}) for verdict in document.verdicts)
    return document.model_copy(update={"verdicts": bare, "leads": ()})


def update(document: VerdictFile, fresh: VerdictFile, evidence: bytes | None) -> None:
    """Keep what judging again gave; what is as it was is not written.

    Args:
        document: the verdict file as it is.
        fresh: as it is to be.
        evidence: packed, where it changed.
    """
    if evidence is not None:
        replace(evidence_file(document.student, document.lab), evidence)
    if fresh != document:
        write(fresh)


def shown(document: VerdictFile, lab: Lab) -> VerdictFile:
    """A verdict file as the gradebook shows it: points that other rules gave than the present ones are none.

    Exports say the same of them (:func:`is_outdated`). What the checks found stays in ``verdicts``.
    """
    if not is_outdated(document, lab):
        return document
    marks = {id: Mark(score=None, message=OUTDATED) for id in document.checks}
    return document.model_copy(update={"checks": marks})


def is_shown_open(document: VerdictFile) -> bool:
    """Whether a verdict file is what :func:`shown` makes of one that other rules judged."""
    return any(mark.message == OUTDATED for mark in document.checks.values())
