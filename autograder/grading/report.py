"""The table after a run: one row a submission, remarks in words, and what was not graded with its cause."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.grading import discover
from autograder.grading.judge import Outcome
from autograder.grading.lms import IN_ZIP, outer
from autograder.grading.states import NEEDS_REVIEW
from autograder.grading.strictjson import printable, quoted, said, some
from autograder.grading.verdict_file import VerdictFile

MAX_REMARKS = 6

# Status -> how it is shown. Words, not colours, carry the meaning.
STATUS = {
    "graded": ("graded", "green"),
    "unchanged": ("unchanged", "green"),
    "older": ("older: left out", "dim"),
    "duplicate": ("duplicate", "dim"),
    "refused": ("refused", "red"),
    "not_graded": ("not graded", "yellow"),
}
PASSED_OVER = ("older", "duplicate")
GATHERED = ("refused", *PASSED_OVER)
WIDE = 160  # columns from which on remarks have a column of their own
NARROW_NAME = 24  # characters of a name in a narrower table
GAP = "  "
SETTLES = (
    "If none of them is to count, a line of your own list settles all: {file} as the file, - as the student "
    "(grade --received)."
)
GRADE_AGAIN = "python3 course.py grade … "
LET_IN = re.compile(re.escape(GRADE_AGAIN) + r"(--unsigned [^`]+)`")
MAX_OPTIONS = 20  # of them below one table
MAX_ROWS = 10  # of one zip and one student, and of one kind: a platform's zip has a row or a few for each student


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        status: graded, unchanged (graded before), older, duplicate, refused or not_graded.
        score: points from checks; None when nothing could be judged.
        max_score: points of the whole lab; None when the lab is unknown.
        claimed: how many of the points rest on claimed evidence.
        on_student_machine: how many rest on evidence that was collected on the student's own machine.
        manual: ids that are graded by hand.
        failed: ids of checks that did not pass.
        remarks: sentences.
        sha256: of the zip, hex; empty where it was not read.
        doubt: why nobody knows whether it was late, so that a person has to look; empty otherwise.
        review: why else a person has to look although it was graded, as the gradebook knows after a run; open written
            answers are none of it.
    """

    source: str
    student: str
    lab: str
    status: str
    score: float | None = None
    max_score: float | None = None
    claimed: float = 0.0
    on_student_machine: float = 0.0
    manual: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    sha256: str = ""
    doubt: str = ""
    review: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether somebody has to do something: it was refused, could not be graded, or is in doubt."""
        return self.status in ("refused", "not_graded") or self.needs_review

    @property
    def needs_review(self) -> bool:
        """Whether a person has to look at it although it was graded."""
        return bool(self.doubt or self.review)

    @property
    def is_passed_over(self) -> bool:
        """Whether another zip of the same student counts."""
        return self.status in PASSED_OVER


def row_of(document: VerdictFile, status: str) -> Row:
    """The row of a verdict file."""
    remarks = [document.identity.message] if document.identity.message else []
    remarks += document.problems
    remarks += [f"{v.check}: {v.found}" for v in document.verdicts if v.status == "not_graded" and not v.review]
    remarks += [note for note in document.notes if not note.startswith("Traceback")]
    if document.retries:
        remarks.append(f"Something of the engine had to be tried again ({document.retries} times).")
    return Row(
        source=document.source,
        student=document.student,
        lab=document.lab,
        status=status,
        score=document.score,
        max_score=document.max_score,
        claimed=document.claimed,
        on_student_machine=document.on_student(),
        manual=document.manual,
        failed=tuple(verdict.check for verdict in document.verdicts if verdict.status == "failed"),
        remarks=tuple(remarks),
        sha256=document.submission_sha256,
    )


def row_of_refused(outcome: Outcome, status: str = "refused", *, student: str = "", lab: str = "") -> Row:
    """The row of a submission that has no verdict file; ``student`` and ``lab`` as far as they are known otherwise."""
    return Row(
        outcome.source,
        said(student or outcome.student, 40),
        said(lab or outcome.lab, 40),
        status,
        remarks=tuple(outcome.problems),
        sha256=outcome.sha256,
    )


def gathered(rows: Sequence[Row]) -> list[Row]:
    """Rows, where one zip holds many files of one kind that do not count and that are nobody's or one student's: one
    row for all of these, under the zip's own name. What different people handed in, by the platform's folders and
    names, stays apart: nobody's files hide another's."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        around = outer(row.source) if row.status in GATHERED else ""
        whose = discover.whose(row.source.removeprefix(f"{around}{IN_ZIP}")) if around else ""
        place = f"{around}{IN_ZIP}{whose}" if whose else around
        key = (place, row.student, row.status) if around else (row.source, row.student, f"{len(groups)}")
        groups.setdefault(key, []).append(row)
    made: list[Row] = []
    for (place, student, status_), group in groups.items():
        if len(group) <= MAX_ROWS:
            made += group
            continue
        labs = {row.lab for row in group}
        names = [row.source.removeprefix(f"{outer(row.source)}{IN_ZIP}") for row in group]
        remarks = [f"{len(group)} files in it: {some(names, 3)}. Of the first: {' '.join(group[0].remarks)}"]
        if not student and place == outer(group[0].source):
            remarks.append(SETTLES.format(file=place))
        made.append(Row(place, student, labs.pop() if len(labs) == 1 else "", status_, remarks=tuple(remarks)))
    return made


def unsigned(name: str) -> str:
    """The option of `grade` that lets in what is not signed, as it can be pasted."""
    return f"--unsigned {quoted(name)}"


def points(value: float | None) -> str:
    """Points without a needless ``.0``."""
    return "–" if value is None else f"{value:g}"


def in_order(rows: Sequence[Row]) -> list[Row]:
    """By student and lab; what has no student last."""
    return sorted(rows, key=lambda row: (not row.student, row.student, row.lab, row.is_open, row.source))


def table(rows: Sequence[Row], width: int = WIDE) -> Iterator[RenderableType]:
    """The rows as a table; where it is narrow, remarks stand below their row, over its whole width.

    Args:
        rows: in any order.
        width: of the terminal, in columns.
    """
    titles, made = ("student", "lab", "points", "status"), in_order(rows)
    most = 40 if width >= WIDE else NARROW_NAME
    cells = [(said(r.student or r.source, most), said(r.lab or "–", 40), score(r), status(r)[0]) for r in made]
    below = [printable("\n".join(remarks(row, most))) for row in made]
    if width >= WIDE:
        whole = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in (*titles, "remarks"):
            whole.add_column(
                title, style="bold" if title == "student" else "", justify="right" if title == "points" else "left",
                overflow="fold", no_wrap=title in ("points", "status"),
            )  # fmt: skip
        for row, own, text in zip(made, cells, below, strict=True):
            colours = ("", "", "", status(row)[1])
            whole.add_row(*(Text(part, style=colour) for part, colour in zip(own, colours, strict=True)), Text(text))
        yield whole
        return
    widths = [max(map(cell_len, column)) for column in zip(titles, *cells, strict=True)]
    yield _line(titles, widths, "bold")
    yield Text("─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for row, own, text in zip(made, cells, below, strict=True):
        yield _line(own, widths, status(row)[1])
        if text:
            yield Padding(Text(text, overflow="fold"), (0, 0, 0, 4))


def _line(cells: Sequence[str], widths: Sequence[int], colour: str) -> Text:
    """A row of the narrow table; the third cell, points, stands to the right, and the last has the colour."""
    shown = [" " * (n - cell_len(c)) + c if i == 2 else c + " " * (n - cell_len(c)) for i, (c, n) in
             enumerate(zip(cells, widths, strict=True))]  # fmt: skip
    return Text(GAP.join(shown[:-1]) + GAP, no_wrap=True).append(shown[-1].rstrip(), style=colour)


def status(row: Row) -> tuple[str, str]:
    """How a row's status is shown, and in which colour."""
    is_judged = row.status in ("graded", "unchanged")
    return (NEEDS_REVIEW, "yellow") if row.needs_review and is_judged else STATUS[row.status]


def score(row: Row) -> str:
    """``5 / 6``, with ``*`` where claimed points are in it and ``+`` where points by hand come on top."""
    if row.max_score is None or row.is_passed_over:
        return "–"
    marks = ("*" if row.claimed else "") + ("+" if row.manual else "")
    return f"{points(row.score)}{marks} / {points(row.max_score)}"


def remarks(row: Row, most: int = 40) -> list[str]:
    """What the table says beside the points, and the whole name where ``most`` characters do not hold it."""
    is_named = (row.is_open or row.is_passed_over) if row.student else len(row.source) > most
    said_ = [f"{row.source}:"] if is_named else []
    said_ += list(row.remarks[:MAX_REMARKS])
    if len(row.remarks) > MAX_REMARKS:
        more = len(row.remarks) - MAX_REMARKS
        said_.append(f"and {more} more remark{'' if more == 1 else 's'}")
    if row.failed:
        said_.append("not passed: " + ", ".join(row.failed))
    return said_


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the table, the meaning of its marks where they occur, and a summary, which counts every file."""
    for part in table(gathered(rows), console.width):
        console.print(part)
    if any(row.claimed for row in rows):
        console.print("* some of these points rest on claimed evidence: only the student's machine saw it.")
    if any(row.manual for row in rows):
        console.print(
            "+ a written task comes on top, graded by hand: python3 course.py formgrader; all points are in "
            "python3 course.py export"
        )
    counted = [row for row in rows if row.score and not row.is_passed_over]
    if seen := sum(row.on_student_machine for row in counted):
        console.print(
            f"{points(round(seen, 2))} of {points(round(sum(row.score or 0 for row in counted), 2))} points rest on "
            "evidence that was collected on the students' own machines. Whoever has one to themselves can write that "
            "by hand; the other points the grader ran or rebuilt itself."
        )
    counts = Counter(status(row)[0] for row in rows)
    order = (*(label for label, _ in STATUS.values()), NEEDS_REVIEW)
    console.print(", ".join(f"{counts[label]} {label}" for label in order if counts[label]) + ".")
    if any(row.status == "not_graded" for row in rows):
        console.print(
            "Not graded means that something outside the students' work failed. Remove the cause "
            "(python3 course.py doctor), then run the same command again: only what is missing is done."
        )
    if any(row.status == "refused" for row in rows):
        console.print(
            "Refused submissions cost and give no points; ask the student for a new one, or settle it by hand."
        )
    options = list(dict.fromkeys(o for row in rows for remark in row.remarks for o in LET_IN.findall(remark)))
    if options:  # a remark in the table is broken into lines, and nobody can paste half a command
        console.print("To let in what is not signed, if you know who wrote it, add to the same command:")
        for option in options[:MAX_OPTIONS]:
            console.print(Text(f"  {printable(option)}"), soft_wrap=True)
        if len(options) > MAX_OPTIONS:
            console.print(f"  and {len(options) - MAX_OPTIONS} more, in the remarks")
    if any(row.needs_review for row in rows):
        console.print("Needs review: no export for a platform holds these points until a person has looked.")
    if any(row.doubt for row in rows):
        console.print("Nothing is taken off where nobody knows whether it was late.")


def as_json(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows as JSON data."""
    return [asdict(row) for row in in_order(rows)]
