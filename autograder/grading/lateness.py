"""Deadlines, and what is taken off for handing in late: one rule, for grading, nbgrader, formgrader and exports.

``class/deadlines.csv`` has the columns lab, student, due, penalty, cap, until::

    lab,student,due,penalty,cap,until
    04-tagging,*,2026-11-20T23:59+01:00,10%,50%,2026-11-27T23:59+01:00
    04-tagging,ada,2026-11-24T23:59+01:00,,,

``*`` in student is everybody; a line with a student's id is an extension, and takes over from the line for everybody
what it leaves empty. ``*`` in lab is every lab that has no line of its own, whoever that one is for. Times are ISO 8601
with their zone.
``penalty`` is taken off for each day that has begun after ``due``, ``cap`` is the most that is taken off; both are
points, or a share of the lab's points with ``%``. After ``until`` a submission gets no points; empty: whenever.

Nothing here reads a clock: the same receipt and deadline give the same points on any day.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from autograder import paths
from autograder.domain import instants
from autograder.errors import CourseError
from autograder.grading import receipts, tables
from autograder.grading.people import Course
from autograder.grading.receipts import Ledger, Receipt
from autograder.grading.verdict_file import VerdictFile
from autograder.labs import students
from autograder.labs.overlay import Overlay

FILE = "deadlines.csv"
COLUMNS = ("lab", "student", "due", "penalty", "cap", "until")
ANY = "*"
DAY = timedelta(days=1)
DIGITS = 4  # of points, so that a tenth of 7 three times is 2.1


@dataclass(frozen=True)
class Amount:
    """Points, or a share of the lab's points in percent."""

    value: float
    percent: bool = False

    def of(self, max_score: float) -> float:
        """The amount in points, for a lab with that many."""
        return self.value * max_score / 100 if self.percent else self.value

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g} points"


@dataclass(frozen=True)
class Deadline:
    """When a student's work for a lab is due, and what is taken off after that.

    Attributes:
        due: with its zone.
        penalty: for each day that has begun.
        cap: the most that is taken off.
        until: after it a submission gets no points; None: whenever.
        extended: whether it is this student's own.
    """

    due: datetime
    penalty: Amount = Amount(0.0)
    cap: Amount = Amount(100.0, percent=True)
    until: datetime | None = None
    extended: bool = False


@dataclass(frozen=True)
class Lateness:
    """How late a submission is, and what that costs.

    Attributes:
        deadline: None where the class has none for it.
        days: days that have begun since it was due; 0: in time.
        penalty: points that are taken off.
        closed: it came after ``until``, so all points are taken off.
        doubt: why nobody knows whether it was late, so nothing is taken off and a person has to look; empty otherwise.
    """

    deadline: Deadline | None = None
    days: int = 0
    penalty: float = 0.0
    closed: bool = False
    doubt: str = ""

    @property
    def is_late(self) -> bool:
        """Whether it came after it was due."""
        return self.days > 0

    @property
    def remark(self) -> str:
        """A sentence for a person; empty where there is nothing to say."""
        if self.deadline is None or not self.is_late:
            return self.doubt
        days = f"{self.days} day{'s' if self.days > 1 else ''} late (due {said(self.deadline)})"
        if self.closed:
            assert self.deadline.until is not None
            return f"{days}, and after {instants.said(self.deadline.until)}: it gets no points."
        off = f"{self.penalty:g} points are taken off" if self.penalty else "nothing is taken off"
        return f"{days}: {off}."


def said(deadline: Deadline) -> str:
    """When it is due, for people."""
    return instants.said(deadline.due) + (", an extension" if deadline.extended else "")


def judged(receipt: Receipt | None, deadline: Deadline | None, score: float, max_score: float) -> Lateness:
    """How late a submission is, by what is known of its receipt.

    A time of receipt decides. A zip that was only *first seen* may have been received long before: after the deadline
    that is a doubt, on which a person decides.

    Args:
        receipt: what is known (:meth:`autograder.grading.receipts.Ledger.in_hand`); None: nothing.
        deadline: the student's for the lab; None: whenever.
        score: points before anything is taken off.
        max_score: of the lab.
    """
    if deadline is None:
        return Lateness()
    if receipt is not None and (receipt.is_certain or receipt.received_at <= deadline.due):
        return late(receipt.received_at, deadline, score, max_score)
    then = (
        "Give `python3 course.py grade` the platform's list of submissions (--received), or the time (--received-at)."
    )
    if receipt is None:
        return Lateness(deadline, doubt=f"Due {said(deadline)}, and nobody knows when it was received. {then}")
    seen = instants.said(receipt.received_at)
    if receipt.late:
        found = f"Late, by the name that the platform gave the file, and nobody knows how late (due {said(deadline)})."
    else:
        found = f"First seen {seen}, after it was due ({said(deadline)}); it may have been received before."
    return Lateness(deadline, doubt=f"{found} {then}")


def late(received: datetime, deadline: Deadline | None, score: float, max_score: float) -> Lateness:
    """How late a submission is, and what is taken off.

    Args:
        received: when it was received, with its zone.
        deadline: the student's for the lab; None: whenever.
        score: points before anything is taken off; no more than that is.
        max_score: of the lab.
    """
    if deadline is None:
        return Lateness()
    days = max(0, math.ceil((received - deadline.due) / DAY))
    if deadline.until is not None and received > deadline.until:
        return Lateness(deadline, days, max(score, 0.0), closed=True)
    off = min(days * deadline.penalty.of(max_score), deadline.cap.of(max_score), max(score, 0.0))
    return Lateness(deadline, days, round(off, DIGITS))


@dataclass(frozen=True)
class Deadlines:
    """The deadlines of a class: (lab, student) -> deadline, either of them perhaps :data:`ANY`."""

    lines: Mapping[tuple[str, str], Deadline] = field(default_factory=dict)

    def of(self, lab: str, student: str) -> Deadline | None:
        """A student's deadline for a lab; None where there is none."""
        asked = ((lab, student), (lab, ANY), (ANY, student), (ANY, ANY))
        return next((self.lines[key] for key in asked if key in self.lines), None)

    def for_everybody(self, lab: str) -> Deadline | None:
        """The deadline of a lab for those who have no extension."""
        return self.lines.get((lab, ANY)) or self.lines.get((ANY, ANY))


def seen_when_graded(document: VerdictFile) -> Receipt:
    """The receipt of what was judged before the class had a ledger."""
    return Receipt(
        sha256=document.submission_sha256,
        student=document.student,
        lab=document.lab,
        name=document.source,
        received_at=datetime.fromisoformat(document.graded_at),
        known="first seen",
    )


@dataclass(frozen=True)
class Timing:
    """What is known of receipt and deadlines in a class, to be asked for a verdict."""

    ledger: Ledger
    deadlines: Deadlines

    def receipt(self, document: VerdictFile) -> Receipt:
        """When what was judged was received; where the ledger is younger than it, it was seen when it was graded."""
        return self.ledger.in_hand(document.submission_sha256, document.student) or seen_when_graded(document)

    @cached_property
    def refused(self) -> Mapping[tuple[str, str], Receipt]:
        """Student and lab -> the last submission that was refused and is so still."""
        found: dict[tuple[str, str], Receipt] = {}
        for receipt in self.ledger.refused():
            before = found.get((receipt.student, receipt.lab))
            if before is None or before.order < receipt.order:
                found[receipt.student, receipt.lab] = receipt
        return found

    def later_refused(self, document: VerdictFile) -> Receipt | None:
        """What the same student handed in for the lab after what was judged, and that was refused; None for nothing."""
        refused = self.refused.get((document.student, document.lab))
        return refused if refused is not None and refused.order > self.receipt(document).order else None

    def of(self, document: VerdictFile, score: float) -> Lateness:
        """How late it is, and what is taken off.

        Args:
            document: the verdict.
            score: points of checks and by hand, before anything is taken off.
        """
        deadline = self.deadlines.of(document.lab, document.student)
        return judged(self.receipt(document), deadline, score, float(document.max_score))

    def penalty(self, document: VerdictFile, score: float) -> float | None:
        """What nbgrader takes off, whatever points come later: it stops at 0 by itself. None for nothing.

        Args:
            document: the verdict.
            score: points there are now; a person may give more than the lab has (extra credit).
        """
        found = self.of(document, math.inf)
        return max(float(document.max_score), score) if found.closed else found.penalty or None

    def remarks(self, document: VerdictFile, score: float) -> list[str]:
        """Sentences for the student: when it was received, and what follows from that."""
        receipt, late = self.receipt(document), self.of(document, score)
        known = "Received" if receipt.is_certain else "Received at the latest"
        said_ = [f"{known} {instants.said(receipt.received_at)}."]
        if late.deadline is not None and not late.remark:
            said_.append(f"In time (due {said(late.deadline)}).")
        elif late.doubt:
            said_.append("Whether that was in time is not known yet; nothing is taken off so far.")
        elif late.remark:
            said_.append(late.remark)
        return said_


def timing(course: Course) -> Timing:
    """What the class's files say now.

    Raises:
        CourseError: one of them is damaged.
    """
    return Timing(receipts.load(), load(course))


def load(course: Course) -> Deadlines:
    """The deadlines in ``class/deadlines.csv``; none where there is no such file.

    Raises:
        CourseError: the file is damaged; names the line.
    """
    try:
        content = (paths.classroom() / FILE).read_bytes()
    except FileNotFoundError:
        return Deadlines()
    except OSError as error:
        raise _wrong(str(error), "Make it readable, or remove it.") from None
    former = {folder.name for folder in (paths.classroom() / "verdicts").glob("*")}
    return parse(content, course.labs, None if course.roster is None else former | set(course.roster))


def parse(content: bytes, labs: Overlay, people: Collection[str] | None = None) -> Deadlines:
    """Read the bytes of a deadlines.csv.

    Args:
        content: CSV in UTF-8, separated by commas, semicolons or tabs.
        labs: the labs that the class does.
        people: ids of those who may have an extension; None: anybody.

    Raises:
        CourseError: it is no such file; names the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("it is not UTF-8 text", "Save it as CSV in UTF-8.") from None
    given: dict[tuple[str, str], dict[str, str]] = {}
    numbers: dict[tuple[str, str], int] = {}
    for number, row in _rows(text):
        lab = row["lab"] if row["lab"] == ANY else _lab(row["lab"], number, labs)
        student = row["student"] or ANY
        if student != ANY and not students.ID.match(student):
            raise _wrong(f"line {number}: the student {student!r}", "Give an id of the roster, or * for everybody.")
        if student != ANY and people is not None and student not in people:
            raise _wrong(
                f"line {number}: {student} is not on the roster", "Correct the id, or add the student to the roster."
            )
        if (lab, student) in given:
            raise _wrong(
                f"line {number}: {lab} and {student} a second time (first in line {numbers[lab, student]})",
                "Remove one of the two lines.",
            )
        given[lab, student], numbers[lab, student] = row, number
    lines: dict[tuple[str, str], Deadline] = {}
    for (lab, student), row in given.items():
        base = given.get((lab, ANY)) or given.get((ANY, ANY)) or {}
        whole = {name: row[name] or ("" if name == "due" else base.get(name, "")) for name in COLUMNS}
        lines[lab, student] = _deadline(whole, numbers[lab, student], extended=student != ANY, own_until=row["until"])
    for (lab, student), own in lines.items():
        everybodys = lines.get((lab, ANY)) if student != ANY else None
        if everybodys is not None and own.due < everybodys.due:
            raise _wrong(
                f"line {numbers[lab, student]}: {student} is due {instants.said(own.due)}, before everybody else",
                "Give an extension a later time, or remove the line.",
            )
    return Deadlines(lines)


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines after the header, by column, with their numbers."""
    columns: list[str] | None = None
    try:
        for number, cells in tables.rows(text):
            if cells[0].startswith("#"):
                continue
            if columns is None:
                columns = [cell.casefold() for cell in cells]
                unknown = [name for name in columns if name not in COLUMNS]
                if unknown or "lab" not in columns or "due" not in columns or len(set(columns)) != len(columns):
                    found = f"line {number}: the columns {', '.join(columns)}"
                    raise _wrong(found, "Begin the file with a line that names its columns.")
                continue
            if len(cells) > len(columns):
                raise _wrong(f"line {number}: {len(cells)} cells", f"Give {len(columns)}: {', '.join(columns)}.")
            yield number, dict.fromkeys(COLUMNS, "") | dict(zip(columns, cells, strict=False))
    except tables.BadTable as problem:
        raise _wrong(str(problem), "Save it as CSV.") from None


def _lab(name: str, number: int, labs: Overlay) -> str:
    try:
        return labs.find(name).slug if name else name
    except CourseError:
        raise _wrong(f"line {number}: the lab {name!r}", f"Give one of {', '.join(labs.slugs())}, or *.") from None


def _deadline(row: Mapping[str, str], number: int, *, extended: bool, own_until: str) -> Deadline:
    due = _time(row["due"], "due", number)
    until = _time(row["until"], "until", number) if row["until"] else None
    if until is not None and until < due:
        if own_until:
            raise _wrong(f"line {number}: until {instants.said(until)} is before due", "Give a later time, or none.")
        until = None  # everybody's, which ends before this extension does
    return Deadline(
        due,
        _amount(row["penalty"], "penalty", number) if row["penalty"] else Amount(0.0),
        _amount(row["cap"], "cap", number) if row["cap"] else Amount(100.0, percent=True),
        until,
        extended,
    )


def _time(text: str, column: str, number: int) -> datetime:
    found = instants.read(text)
    if found is None or found.tzinfo is None:
        raise _wrong(
            f"line {number}: {column} {text!r}", "Give a time with its zone, for example 2026-11-20T23:59+01:00."
        )
    return found


def _amount(text: str, column: str, number: int) -> Amount:
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%").strip())
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf or (percent and value > 100):
        raise _wrong(f"line {number}: {column} {text!r}", "Give points, for example 0.5, or a share, for example 10%.")
    return Amount(value, percent)


def _wrong(found: str, next_step: str) -> CourseError:
    return CourseError(
        expected=f"deadlines in class/{FILE}: CSV with the columns {', '.join(COLUMNS)}",
        found=found,
        next_step=next_step,
    )
