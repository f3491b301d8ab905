"""Judge stored evidence again, after a check, its points, its expected results or a probe were corrected.

No submission is needed and nothing of a student is run. The judging is done inside the walls
(:mod:`autograder.grading.walls`), so a check that takes its process down costs only its own row; files are written by
this process alone: first the journal, then the verdict (:mod:`autograder.grading.journal`).
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from autograder import __version__, paths
from autograder.checks.api import Verdict
from autograder.errors import CourseError
from autograder.evidence.model import Evidence
from autograder.formats import Newer, Unreadable
from autograder.grading import judge, pool, rules, store, walled, workers
from autograder.grading.journal import Change, Journal
from autograder.grading.judge import OldResult, Outcome, Rejudged
from autograder.grading.people import Course
from autograder.grading.progress import Progress
from autograder.grading.report import Row, as_json, row_of
from autograder.grading.verdict_file import VerdictFile
from autograder.grading.walls import Crew, Over
from autograder.labs.manifest import Lab

FOREIGN = (
    "The stored evidence is of another submission than the verdict: a run ended while it kept them. Grade the "
    "submission again with --force."
)
DIGITS = 6  # of points that are a difference of others
EACH = 60  # verdicts for which one more process is worth its start, which takes about a second


def default_jobs() -> int:
    """How many at once when nobody says: as many as there are processors, which they keep busy."""
    import joblib

    return int(joblib.cpu_count())


def candidates(labs: Sequence[str], students: Sequence[str], course: Course) -> list[VerdictFile]:
    """The verdicts to make anew: those of the given labs and students (all, when none is given) with evidence.

    A lab that the class leaves out is passed over.
    """
    known = set(course.labs.slugs())
    return [
        document
        for document in store.every()
        if document.evidence
        and document.lab in known
        and (not labs or document.lab in labs)
        and (not students or document.student in students)
    ]


def run(
    found: Sequence[VerdictFile],
    course: Course,
    done: Callable[[Row], None],
    jobs: int = 1,
    changed: Callable[[Sequence[Change]], None] = lambda changes: None,
) -> list[Row]:
    """Judge each again and keep the verdict.

    Args:
        found: what to judge again.
        course: the class.
        done: called with each row as soon as its verdict is on disk.
        jobs: how many at once.
        changed: called with the points of a submission that changed, as the journal has them.

    Returns:
        a row each, whose first remark says what changed.
    """
    rows: list[Row] = []
    keeper = Keeper()
    for one in judged(found, course, jobs):
        if one.fresh is None:
            row = one.open_row()
        else:
            changed(keeper.keep(one))
            row = row_of(one.fresh, one.fresh.status)
            row = replace(row, remarks=(_change(one.document, one.fresh) or "No change.", *row.remarks))
        rows.append(row)
        done(row)
    return rows


def again(
    found: Sequence[VerdictFile],
    course: Course,
    jobs: int = 1,
    keeper: Keeper | None = None,
    crew: Crew | None = None,
) -> Iterator[tuple[VerdictFile, Row | None]]:
    """Judge verdicts of submissions that are at hand again, and keep what could be judged.

    Yields:
        the verdict as it was, and its row: ``unchanged``, or with a first remark that says what changed; None where
        the submission itself has to be graded, since stored evidence does not do. Nothing is kept then.
    """
    keeper = keeper or Keeper()
    for one in judged(found, course, jobs, crew):
        if one.fresh is None:
            row: Row | None = one.open_row()
        elif one.on_old or one.fresh.status == "not_graded":
            row = None
        else:
            keeper.keep(one)
            row = row_of(one.fresh, one.fresh.status)
            change = _change(one.document, one.fresh)
            if change:
                said = f"Judged again, since its checks changed: {change}"
                row = replace(row, remarks=(said, *row.remarks))
            else:
                row = replace(row, status="unchanged")
        yield one.document, None if row is not None and row.is_open else row


@dataclass(frozen=True)
class Judged:
    """A verdict that was judged again; plain data, and nothing is written yet.

    Attributes:
        document: the verdict file as it is.
        lab: the lab.
        fresh: as it is to be; None where it could not be judged.
        evidence: packed, where it changed.
        reasons: check id -> why its points changed.
        on_old: results of probes that are not of the present version and that checks rest on.
        remarks: why it could not be judged.
        by: fingerprint of the rules that the judging process had; "" where it had none.
        place: which process judged it.
    """

    document: VerdictFile
    lab: Lab
    fresh: VerdictFile | None = None
    evidence: bytes | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    on_old: Sequence[OldResult] = ()
    remarks: tuple[str, ...] = ()
    by: str = ""
    place: str = ""

    def open_row(self) -> Row:
        """The row of what could not be judged."""
        document = self.document
        return Row(
            document.source, document.student, document.lab, "not_graded", max_score=self.lab.total,
            remarks=self.remarks, sha256=document.submission_sha256,
        )  # fmt: skip

    def changes(self, by_hand: Mapping[tuple[str, str, str], float]) -> list[Change]:
        """The points that changed, as lines of the journal.

        Args:
            by_hand: student, lab and check -> points that a person gave for it.
        """
        if self.fresh is None:
            return []
        return _changes(self.document, self.fresh, self.reasons, by_hand)


def judged(found: Sequence[VerdictFile], course: Course, jobs: int = 1, crew: Crew | None = None) -> Iterator[Judged]:
    """Judge each again, in any order. Nothing is written.

    Args:
        found: what to judge again.
        course: the class.
        jobs: how many at once.
        crew: the walls in which it is done; new ones where nothing is given.
    """
    items = [(document, course.lab(document.lab, document.lab_version)) for document in found]
    present = [rules.fingerprint(lab) for _, lab in items]
    files = [store.evidence_file(document.student, document.lab) for document in found]
    wanted = {number: (*item, file) for number, (item, file) in enumerate(zip(items, files, strict=True))}
    own = crew is None
    crew = crew or Crew()
    try:
        work = partial(_judged_in, crew, course)
        for number, one in pool.each(work, wanted, max(1, min(jobs, len(items) // EACH))):
            ours = present[number]
            if one.fresh is not None and one.by != ours:
                said = workers.OTHER_RULES.format(where=one.place, theirs=one.by, ours=ours)
                one = replace(one, fresh=None, remarks=(said,))
            yield one
    finally:
        if own:
            crew.close()


def _judged_in(crew: Crew, course: Course, item: tuple[VerdictFile, Lab, Path]) -> Judged:
    """Judge one inside the walls, and go on after each step that had to be ended."""
    document, lab, file = item
    try:
        with crew.one() as walls:
            return walled.tried(walls, _judged, document, lab, course.only(document.student), file)
    except Over as excess:
        alone = f"python3 course.py regrade {document.lab} --student {document.student}"
        return Judged(document, lab, remarks=(f"{excess} Its verdict is as it was. Try it alone: {alone}",))


def _judged(progress: Progress, document: VerdictFile, lab: Lab, course: Course, file: Path) -> Judged:
    """Judge one, in this process, by the rules as it has loaded them."""
    by = workers.rules_of(lab)
    place = f"process {os.getpid()} on {platform.node()}"
    progress.step("read")
    try:
        stored = judge.unpacked(file.read_bytes())
    except (OSError, Unreadable) as error:
        said = error.detail if isinstance(error, Unreadable) else str(error)
        then = error.next_step if isinstance(error, Newer) else "Grade the submission again with --force."
        return Judged(document, lab, remarks=(f"The stored evidence cannot be read ({said}). {then}",), place=place)
    if stored.submission_sha256 not in (None, document.submission_sha256):  # earlier kits did not write it
        return Judged(document, lab, remarks=(FOREIGN,), place=place)
    try:
        found = judge.rejudge(lab, stored, course, progress)
        fresh = store.judged_again(document, lab, found.evidence, found.verdicts, found.notes, by)
        progress.step("reasons")
        reasons = _reasons(document, fresh, lab, stored, found, course)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # of the lab's code; it must not cost the rest their verdicts
        return Judged(document, lab, remarks=judge.failure(error), place=place)
    packed = judge.packed(found.evidence) if found.steps else None
    return Judged(document, lab, fresh, packed, reasons, found.on_old, by=by, place=place)


# -- what changed, and why -------------------------------------------------------------------------------------------


NO_SUCH = (None, None)


def _points(document: VerdictFile) -> dict[str, tuple[float | None, float | None]]:
    """Id of a check -> its points, and how many can be had; what a person grades has none of the program.

    A verdict file has of what people grade only how many points there are together, so several are one entry.
    """
    found: dict[str, tuple[float | None, float | None]]
    found = {verdict.check: (verdict.points, verdict.max_points) for verdict in document.verdicts}
    if document.manual:
        rest = document.max_score - sum(verdict.max_points for verdict in document.verdicts)
        found[", ".join(document.manual)] = None, round(rest, DIGITS)
    return found


def _differing(before: VerdictFile, after: VerdictFile) -> list[str]:
    """Ids of the checks whose points differ, those that can be had among them; in the lab's order, gone ones last."""
    old, new = _points(before), _points(after)
    return [id for id in dict.fromkeys([*new, *old]) if old.get(id, NO_SUCH) != new.get(id, NO_SUCH)]


def _changes(
    before: VerdictFile,
    after: VerdictFile,
    reasons: Mapping[str, str],
    by_hand: Mapping[tuple[str, str, str], float],
) -> list[Change]:
    old, new = _points(before), _points(after)
    given = _given(by_hand, after)
    made = []
    for id in _differing(before, after):
        (points, of), (now, now_of) = old.get(id, NO_SUCH), new.get(id, NO_SUCH)
        made.append(
            Change(
                at=judge.now(), kit_version=__version__, student=after.student, lab=after.lab, check=id,
                before=points, before_of=of, after=now, after_of=now_of, reason=reasons[id],
                by_hand=given(id), submission_sha256=after.submission_sha256,
                judged_before=before.judged_by, judged_by=after.judged_by, replaced=before.graded_at,
            )
        )  # fmt: skip
    return made


def _given(by_hand: Mapping[tuple[str, str, str], float], document: VerdictFile) -> Callable[[str], float | None]:
    """For an entry of :func:`_points`: the points that a person gave, or None."""

    def of(id: str) -> float | None:
        keys = [(document.student, document.lab, check) for check in id.split(", ")]
        return sum(by_hand[key] for key in keys if key in by_hand) if by_hand.keys() & set(keys) else None

    return of


def _reasons(
    before: VerdictFile, after: VerdictFile, lab: Lab, stored: Evidence, found: Rejudged, course: Course
) -> dict[str, str]:
    """Why the points of each check changed, found out by judging again with one change after the other."""
    differing = _differing(before, after)
    if not differing:
        return {}
    steps = [("the check's rules changed", stored), *found.steps]
    judgements = [(words, judge.verdicts(lab, evidence)) for words, evidence in steps[:-1]]
    judgements.append((steps[-1][0], found.verdicts))
    old, new = _points(before), _points(after)
    was = {verdict.check: verdict for verdict in before.verdicts}
    is_ = {verdict.check: verdict for verdict in found.verdicts}
    versions = _versions(before, after)
    told = {}
    for id in differing:
        parts = []
        if id not in old:
            parts.append("the check is new")
        elif id not in new:
            parts.append("the check is gone")
        else:
            status = was[id].status if id in was else ""
            for words, verdicts in judgements if id in was and id in is_ else ():
                [seen] = [verdict.status for verdict in verdicts if verdict.check == id]
                if seen != status:
                    parts.append(words)
                status = seen
            if old[id][1] != new[id][1]:
                change = course.labs.changes.get(lab.slug)
                owner = "class/course.toml" if change and set(id.split(", ")) & set(change.points) else "lab.toml"
                parts.append(f"points changed, now those of {owner}")
        parts += _circumstances(was.get(id), is_.get(id))
        told[id] = f"{'; '.join(parts or ['judged again'])} ({versions})"
    return told


def _circumstances(old: Verdict | None, new: Verdict | None) -> list[str]:
    """What a person should know beside the rule: the check before it, or why it cannot be judged."""
    if new is None:
        return []
    if new.status == "not_graded":
        return [f"it cannot be judged: {new.found.rstrip('.')}"]
    if new.blocked_by and (old is None or old.blocked_by != new.blocked_by):
        return [f"{new.blocked_by}, on which it rests, does not pass"]
    if old is not None and old.blocked_by and not new.blocked_by:
        return [f"{old.blocked_by}, on which it rests, does not stand in its way any more"]
    return []


def _versions(before: VerdictFile, after: VerdictFile) -> str:
    pairs = {
        "lab version": (before.lab_version, after.lab_version),
        "kit": (before.kit_version, __version__),
        "rules": (before.judged_by or "not noted", after.judged_by or "not noted"),
    }
    return ", ".join(f"{name} {a}" + (f" → {b}" if a != b else "") for name, (a, b) in pairs.items())


def _change(before: VerdictFile, after: VerdictFile) -> str:
    old = {verdict.check: verdict.status for verdict in before.verdicts}
    changed = [
        f"{verdict.check}: {old.get(verdict.check, 'new')} → {verdict.status}"
        for verdict in after.verdicts
        if old.get(verdict.check) != verdict.status
    ]
    if not changed and (before.score, before.max_score) == (after.score, after.max_score):
        return ""
    points = f"{before.score or 0:g} → {after.score or 0:g} points."
    if before.max_score != after.max_score:
        points = f"{before.score or 0:g} of {before.max_score:g} → {after.score or 0:g} of {after.max_score:g} points."
    return f"{points} {'; '.join(changed)}".replace("_", " ").strip()


# -- keeping it ------------------------------------------------------------------------------------------------------


class Keeper:
    """Keeps changed verdicts, and before each the journal's lines about it. Whoever uses it holds the lock "grade"."""

    @cached_property
    def journal(self) -> Journal:
        """The class's journal, read at the first need."""
        return Journal.opened()

    @cached_property
    def by_hand(self) -> Mapping[tuple[str, str, str], float]:
        """Points that people gave, read at the first need."""
        return given_by_hand()

    def keep(self, one: Judged) -> list[Change]:
        """Write the lines, then the verdict.

        Returns:
            the points that changed, whether or not their lines were there already.
        """
        assert one.fresh is not None
        changes = self._told(one.document, one.fresh, one.reasons)
        store.update(one.document, one.fresh, one.evidence)
        return changes

    def graded_again(self, outcome: Outcome, lab: Lab) -> list[Change]:
        """Write the lines about a submission that was graded from its zip again and got other points.

        To be called before the verdict is kept. Another submission than before is no change of this kind.
        """
        before = store.read(outcome.student, lab.slug)
        same = before is not None and before.evidence is not None and before.submission_sha256 == outcome.sha256
        if before is None or not same or outcome.evidence is None:
            return []
        new = {
            "verdicts": tuple(outcome.verdicts), "judged_by": outcome.judged_by, "lab_version": lab.version,
            "manual": lab.by_hand, "max_score": lab.total,
        }  # fmt: skip
        after = before.model_copy(update=new)
        by_id = {verdict.check: verdict for verdict in outcome.verdicts}
        raised = [
            f"version {outcome.probe_versions.get(name, 1)} of the probe {name}"
            for name in lab.probes
            if outcome.probe_versions.get(name, 1) != before.probe_versions.get(name, 1)
        ]
        said = "; ".join(["the same submission was graded again", *raised])
        reasons = {
            id: f"{'; '.join([said, *_circumstances(None, by_id.get(id))])} ({_versions(before, after)})"
            for id in _differing(before, after)
        }
        return self._told(before, after, reasons)

    def _told(self, before: VerdictFile, after: VerdictFile, reasons: Mapping[str, str]) -> list[Change]:
        if not reasons:
            return []
        changes = _changes(before, after, reasons, self.by_hand)
        self.journal.add(changes)
        return changes


def given_by_hand() -> dict[tuple[str, str, str], float]:
    """Student, lab and check -> points that a person gave in the formgrader. Reads the gradebook and changes nothing.

    Raises:
        CourseError: the gradebook cannot be read.
    """
    file = paths.classroom() / "gradebook.db"
    if not file.is_file():
        return {}
    # The tables of nbgrader 0.9: https://nbgrader.readthedocs.io/en/stable/api/models.html
    question = (
        "select s.student_id, a.name, b.name, g.manual_score from grade g "
        "join base_cell b on g.cell_id = b.id join submitted_notebook n on g.notebook_id = n.id "
        "join submitted_assignment s on n.assignment_id = s.id join assignment a on s.assignment_id = a.id "
        "where g.manual_score is not null"
    )
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            rows = connection.execute(question).fetchall()
    except sqlite3.Error as error:
        raise CourseError(
            expected=f"nbgrader's gradebook in {file}", found=str(error), next_step="Put back a copy of that file."
        ) from None
    return {(student, lab, check): float(points) for student, lab, check, points in rows}


# -- without writing -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preview:
    """What judging again would change.

    Attributes:
        judged: how many verdicts were looked at.
        changes: the lines that the journal would get, by lab, student and check.
        on_old: results of probes that are not of the present version: student, lab, result.
        open: what cannot be judged: student, lab, reason.
    """

    judged: int
    changes: list[Change]
    on_old: list[tuple[str, str, OldResult]]
    open: list[tuple[str, str, str]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change and everything can be judged."""
        return not (self.changes or self.on_old or self.open)

    def lines(self) -> list[str]:
        """For people: a line a change and a line for what cannot be judged, then a total a lab."""
        said = told(self.changes)
        said += [f"{student} {lab} {', '.join(old.checks)}: {_lowered(old.said)}" for student, lab, old in self.on_old]
        said += [f"{student} {lab}: cannot be judged: {reason}" for student, lab, reason in self.open]
        return said + totals(self.changes)

    def as_json(self) -> dict[str, object]:
        """The same as JSON data."""
        return {
            "judged": self.judged,
            "changes": [change.model_dump(mode="json", by_alias=True) for change in self.changes],
            "old_probes": [
                {"student": student, "lab": lab, "probe": old.probe, "checks": list(old.checks), "said": old.said}
                for student, lab, old in self.on_old
            ],
            "open": [{"student": student, "lab": lab, "reason": reason} for student, lab, reason in self.open],
            "labs": {slug: _sum(of_lab) for slug, of_lab in _by_lab(self.changes).items()},
        }


def preview(
    found: Sequence[VerdictFile], course: Course, jobs: int = 1, done: Callable[[], None] = lambda: None
) -> Preview:
    """Judge each again and write nothing at all."""
    by_hand: Mapping[tuple[str, str, str], float] | None = None
    made = Preview(len(found), [], [], [])
    for one in judged(found, course, jobs):
        student, slug = one.document.student, one.lab.slug
        if one.reasons and by_hand is None:
            by_hand = given_by_hand()
        made.changes.extend(one.changes(by_hand or {}))
        made.on_old.extend((student, slug, old) for old in one.on_old)
        if one.fresh is None:
            made.open.append((student, slug, one.remarks[0]))
        done()
    made.changes.sort(key=lambda change: (change.lab, change.student))
    made.on_old.sort(key=lambda row: (row[1], row[0]))
    made.open.sort(key=lambda row: (row[1], row[0]))
    return made


def told(changes: Sequence[Change]) -> list[str]:
    """A line for each change, by lab and student."""
    return [change.said() for change in sorted(changes, key=lambda change: (change.lab, change.student))]


def totals(changes: Sequence[Change]) -> list[str]:
    """A line for each lab: how many points of how many students change, and by how much together."""
    lines = []
    for slug, of_lab in _by_lab(changes).items():
        summed = _sum(of_lab)
        checks, students = _count(summed["checks"], "check"), _count(summed["students"], "student")
        lines.append(f"{slug}: {checks} changed ({students}), {summed['points']:+g} points in all")
    return lines


def rows_as_json(rows: Sequence[Row], changes: Sequence[Change]) -> list[dict[str, object]]:
    """The rows as JSON data, each with its ``changes``."""
    by_row: dict[tuple[object, object], list[object]] = {}
    for change in changes:
        by_row.setdefault((change.student, change.lab), []).append(change.model_dump(mode="json", by_alias=True))
    return [row | {"changes": by_row.get((row["student"], row["lab"]), [])} for row in as_json(rows)]


def _by_lab(changes: Sequence[Change]) -> dict[str, list[Change]]:
    slugs = sorted({change.lab for change in changes})
    return {slug: [change for change in changes if change.lab == slug] for slug in slugs}


def _sum(changes: Sequence[Change]) -> dict[str, float]:
    """Where a person gave points, those count, and nothing changes for the student."""
    moved = sum((c.after or 0.0) - (c.before or 0.0) for c in changes if c.by_hand is None)
    return {"checks": len(changes), "students": len({change.student for change in changes}), "points": moved}


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}" + ("" if number == 1 else "s")


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
