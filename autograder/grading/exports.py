"""The gradebook as a file: for people (CSV, JSON) and for the learning platforms Canvas and Moodle.

Scores come from nbgrader's gradebook, so points that a person gave in the formgrader are in them; what is taken off for
handing in late is worked out anew each time (:mod:`autograder.grading.lateness`). States are those of
:mod:`autograder.grading.states`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

from nbgrader.api import Gradebook

from autograder.errors import CourseError
from autograder.grading import doubts, gradebook, lateness, states, store
from autograder.grading.gradebook import ByHand
from autograder.grading.lateness import Timing
from autograder.grading.lms import NOBODY
from autograder.grading.nbgrader_steps import score_of
from autograder.grading.people import Course, Person
from autograder.grading.receipts import Receipt, said, unsigned_remark
from autograder.grading.released import database
from autograder.grading.report import Row, gathered
from autograder.grading.spreadsheet import cell
from autograder.grading.states import State
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.manifest import Lab

TOTAL = "total"
SETTLED = "A person gave points for what could not be judged."
BEHIND = "It is not in the gradebook yet. Run the same `python3 course.py grade` again."
UNKNOWN = "?"  # instead of a lab, where nobody knows which one a refused submission is for
COLUMNS = {
    "student": "the student's id; empty where nobody knows whose a refused submission is (these rows come first)",
    "name": "as on the roster",
    "email": "as on the roster",
    "lab": "the lab's slug; total for the sum over all labs of the class",
    "score": "points now: from checks, by hand, extra credit, less what is taken off for being late",
    "max_score": "points that can be had",
    "status": "; ".join(f"{state}: {meaning}" for state, meaning in states.MEANING.items()),
    "ungraded": "ids of what a person has to look at (what is in doubt keeps its points until then), or what could "
    "not be judged, separated by blanks",
    "claimed": "how many of the points rest on claimed evidence, which only the student's machine saw",
    "received_at": "when the submission was received (RFC 3339)",
    "known": "how that is known: lms list, lms name, instructor, first seen",
    "days_late": "days that have begun since it was due; 0: in time",
    "penalty": "points that are taken off for that; they are not in score",
    "remark": "why, in words",
    "written_at": "when the student's machine says that it wrote the submission (RFC 3339); it decides nothing",
    "graded_at": "when it was graded (RFC 3339, UTC)",
    "on_student_machine": "how many of the points that checks gave rest on evidence that was collected on the "
    "student's own machine (witness student); the others the grader ran or rebuilt itself, or a person gave",
}


@dataclass(frozen=True)
class Entry:
    """One student and lab (or the total); the fields are :data:`COLUMNS`."""

    student: str
    name: str
    email: str
    lab: str
    score: float
    max_score: float
    status: State
    ungraded: tuple[str, ...] = ()
    claimed: float = 0.0
    received_at: str = ""
    known: str = ""
    days_late: int = 0
    penalty: float = 0.0
    remark: str = ""
    written_at: str = ""
    graded_at: str = ""
    on_student_machine: float = 0.0


@dataclass(frozen=True)
class Given:
    """What the gradebook has for one submission: points before anything is taken off, what is open, what is by hand."""

    score: float = 0.0
    ungraded: tuple[str, ...] = ()
    by_hand: ByHand = field(default_factory=ByHand)


def to_review(document: VerdictFile, by_hand: ByHand) -> list[str]:
    """Why a person has to look at graded work besides open written answers, in sentences; none where nobody has to."""
    said_ = [sentence for doubt in doubts.found(document, by_hand.settled) for sentence in doubt.said]
    if by_hand.to_look_at:
        cells = ", ".join(sorted(by_hand.to_look_at))
        said_.append(f"Points by hand were given for an earlier submission and are to be looked at again: {cells}.")
    return said_


def not_judged(document: VerdictFile, by_hand: ByHand) -> list[str]:
    """What the grader could not judge and no person has settled by points of their own, with the reasons."""
    return [
        f"{verdict.check}: {verdict.found}"
        for verdict in document.verdicts
        if verdict.status == "not_graded" and not verdict.review and verdict.check not in by_hand.settled
    ]


def is_settled(document: VerdictFile, by_hand: ByHand) -> bool:
    """Whether a person has given points for everything that the grader could not judge."""
    open_ = [verdict for verdict in document.verdicts if verdict.status == "not_graded"]
    return document.evidence is not None and bool(open_) and not not_judged(document, by_hand)


def reviewed(rows: Sequence[Row], course: Course) -> list[Row]:
    """The rows of a run as they are once the gradebook is up to date: with what a person has to look at, or settled."""
    by_people = gradebook.by_people(course) if any(row.max_score is not None for row in rows) else {}
    made = []
    for row in rows:
        document = store.read(row.student, row.lab) if row.max_score is not None and not row.is_passed_over else None
        if document is None or document.evidence is None or document.submission_sha256 != row.sha256:
            made.append(row)
            continue
        by_hand = by_people.get((row.student, row.lab), ByHand())
        if row.status == "not_graded" and document.status == "not_graded" and is_settled(document, by_hand):
            row = replace(row, status="graded", remarks=(SETTLED, *row.remarks))
        why = tuple(to_review(document, by_hand))
        fresh = tuple(sentence for sentence in why if sentence not in row.remarks)
        made.append(replace(row, review=why, remarks=(*fresh, *row.remarks)))
    return made


@dataclass
class _Class:
    """All that an export is made of, read once."""

    course: Course
    when: Timing
    documents: dict[tuple[str, str], VerdictFile]
    graded: dict[tuple[str, str], Given]
    stale: set[tuple[str, str]]
    behind: set[tuple[str, str]]
    refused: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    unknown: list[Receipt] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Sort what was refused: the last of each student and lab, and what nobody knows the owner of."""
        labs = set(self.course.labs.slugs())
        former = {student for student, _ in self.documents}  # who has left the roster and was graded before
        for receipt in self.when.ledger.refused():
            if receipt.student == NOBODY:
                continue
            roster = self.course.roster
            known = roster is None or receipt.student in roster or receipt.student in former
            if receipt.student and known and receipt.lab in labs:
                before = self.refused.get((receipt.student, receipt.lab))
                if before is None or before.order < receipt.order:
                    self.refused[receipt.student, receipt.lab] = receipt
            else:
                self.unknown.append(receipt)

    def entry(self, person: Person, lab: Lab) -> Entry:
        """What became of a student's work for a lab."""
        key = (person.id, lab.slug)
        document, refused = self.documents.get(key), self.refused.get(key)
        lab = lab.at(document.lab_version) if document else lab
        if document is None or document.status == "refused":
            if document is None and refused is None:
                return Entry(person.id, person.name, person.email, lab.slug, 0.0, lab.total, states.MISSING)
            why = refused.refused if refused else " ".join(document.problems) if document else ""
            return self._entry(person, lab, states.REFUSED, refused, document, why)
        receipt = self.when.receipt(document)
        remarks = []
        if refused is not None and refused.order > receipt.order:
            remarks.append(f"A later submission was refused ({refused.name}, {said(refused)}): {refused.refused}")
        if document.evidence is None or key not in self.graded:
            remarks[:0] = document.problems or [BEHIND]
            return self._entry(person, lab, states.NOT_GRADED, receipt, document, *remarks)
        if key in self.stale:  # its points are out of other ones
            remarks.insert(0, "Graded before the lab's checks or points changed. Run `python3 course.py regrade`.")
            return self._entry(person, lab, states.NEEDS_REVIEW, receipt, document, *remarks)
        if key in self.behind:  # its points are those of an earlier submission or verdict
            remarks.insert(0, BEHIND)
            return self._entry(person, lab, states.NOT_GRADED, receipt, document, *remarks)
        given = self.graded[key]
        late = self.when.of(document, given.score)
        review, open_ = to_review(document, given.by_hand), not_judged(document, given.by_hand)
        in_doubt = {id for doubt in doubts.found(document, given.by_hand.settled) for id in doubt.open}
        status = states.GRADED
        if document.status == "not_graded" and not is_settled(document, given.by_hand):
            status = states.NOT_GRADED
        elif given.ungraded or late.doubt or review:
            status = states.NEEDS_REVIEW
        unsigned = unsigned_remark(self.when.ledger.decided(document.submission_sha256, person.id))
        said_ = [*open_, *review, late.remark, document.identity.message, unsigned, *document.problems]
        remarks[:0] = [sentence for sentence in dict.fromkeys(said_) if sentence]
        return Entry(
            person.id, person.name, person.email, lab.slug,
            score=max(given.score - late.penalty, 0.0),
            max_score=lab.total,
            status=status,
            ungraded=tuple(sorted({*given.ungraded, *in_doubt})),
            claimed=document.claimed,
            received_at=receipt.received_at.isoformat(),
            known=receipt.known,
            days_late=late.days,
            penalty=late.penalty,
            remark=" ".join(remarks),
            written_at=document.written_at,
            graded_at=document.graded_at,
            on_student_machine=document.on_student(lab.at(document.lab_version)),
        )  # fmt: skip

    def _entry(
        self, person: Person, lab: Lab, status: State, receipt: Receipt | None, document: VerdictFile | None, *why: str
    ) -> Entry:
        """An entry without points: everything is open."""
        return Entry(
            person.id, person.name, person.email, lab.slug, 0.0, lab.total, status, tuple(lab.points),
            received_at=receipt.received_at.isoformat() if receipt else "",
            known=receipt.known if receipt else "",
            remark=" ".join(why),
            written_at=document.written_at if document else "",
            graded_at=document.graded_at if document else "",
        )  # fmt: skip

    def heads(self) -> list[Entry]:
        """The entries of what nobody knows the owner of: one for all in a zip that holds many."""
        receipts = {(receipt.name, receipt.sha256): receipt for receipt in self.unknown}
        rows = [
            Row(receipt.name, receipt.student, receipt.lab, "refused", remarks=(receipt.refused,), sha256=sha256)
            for (_, sha256), receipt in receipts.items()
        ]
        made = []
        for row in gathered(rows):
            receipt = receipts.get((row.source, row.sha256))
            made.append(
                Entry(
                    row.student, (receipt.submitter if receipt else "") or row.source, "", row.lab or UNKNOWN,
                    0.0, 0.0, states.REFUSED, received_at=receipt.received_at.isoformat() if receipt else "",
                    known=receipt.known if receipt else "", remark=f"{row.source}: {' '.join(row.remarks)}",
                )
            )  # fmt: skip
        return made


@dataclass(frozen=True)
class Export:
    """A class's gradebook at one moment.

    Attributes:
        entries: what was refused and belongs to nobody, then an entry for everybody on the roster (or who handed in)
            and each lab of the class, and each student's total.
        outdated: the verdicts that other rules or points gave than the present ones.
    """

    entries: list[Entry]
    outdated: list[VerdictFile]


def entries(course: Course) -> list[Entry]:
    """The entries of :func:`read`."""
    return read(course).entries


def read(course: Course) -> Export:
    """What the class's files say now.

    Raises:
        CourseError: nothing was received yet.
    """
    documents = {(document.student, document.lab): document for document in store.every()}
    when = lateness.timing(course)
    if not documents and not when.ledger.lines:
        raise CourseError(
            expected="a class with graded submissions",
            found="no verdict in class/verdicts",
            next_step="Run: python3 course.py grade FOLDER",
        )
    old = outdated(course, documents.values())
    stale = {(document.student, document.lab) for document in old}
    behind = gradebook.behind(course) if documents else set()
    whole = _Class(course, when, documents, _graded(course) if documents else {}, stale, behind)
    students = set(course.roster or ()) | {id for id, _ in documents} | {id for id, _ in whole.refused}
    labs = course.labs.every()
    made = whole.heads()
    for id in sorted(students):
        person = (course.roster or {}).get(id, Person(id))
        own = [whole.entry(person, lab) for lab in labs]
        made += [*own, _total(own)]
    return Export(made, old)


def outdated(course: Course, documents: Iterable[VerdictFile] | None = None) -> list[VerdictFile]:
    """The verdicts that other rules or points gave than the present ones, so that no export holds their points.

    Args:
        course: the class.
        documents: its verdicts, where they were read already.
    """
    labs = set(course.labs.slugs())
    return [
        document
        for document in (store.every() if documents is None else documents)
        if document.evidence
        and document.lab in labs
        and store.is_outdated(document, course.lab(document.lab, document.lab_version))
    ]


def _total(own: Sequence[Entry]) -> Entry:
    first = own[0]
    return Entry(
        first.student,
        first.name,
        first.email,
        TOTAL,
        sum(entry.score for entry in own),
        sum(entry.max_score for entry in own),
        states.total({entry.status for entry in own}),
        tuple(f"{entry.lab}/{id}" for entry in own for id in entry.ungraded),
        sum(entry.claimed for entry in own),
        penalty=sum(entry.penalty for entry in own),
        on_student_machine=sum(entry.on_student_machine for entry in own),
    )


def _graded(course: Course) -> dict[tuple[str, str], Given]:
    """(student, lab) -> what the gradebook has; what a person has to look at again keeps its points and is open."""
    found: dict[tuple[str, str], Given] = {}
    with Gradebook(database(), course.id) as book:
        for assignment in book.assignments:
            for submission in assignment.submissions:
                score, ungraded = 0.0, []
                grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
                for grade in grades:
                    value = score_of(grade)
                    score += value or 0.0
                    if value is None or grade.needs_manual_grade:  # else it was given for what is there no more
                        ungraded.append(grade.cell.name)
                given = Given(score, tuple(sorted(ungraded)), ByHand.of(grades))
                found[submission.student_id, assignment.name] = given
    return found


def as_csv(made: Sequence[Entry]) -> str:
    """One row a student and lab, then the student's total; columns as in :data:`COLUMNS`."""
    rows = [[cell(value) for value in asdict(entry).values()] for entry in made]
    return as_text([list(COLUMNS), *rows])


def as_json(made: Sequence[Entry]) -> str:
    """A list of objects with the fields of :data:`COLUMNS`."""
    return json.dumps([asdict(entry) for entry in made], indent=1, ensure_ascii=False) + "\n"


def as_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV. Python quotes no cell for a carriage return, at which a spreadsheet would begin a new row."""
    buffer = io.StringIO()
    lines = ([value.replace("\r\n", "\n").replace("\r", "\n") for value in row] for row in rows)
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
