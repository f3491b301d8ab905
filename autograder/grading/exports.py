"""The gradebook as a file: for people (CSV, JSON) and for the learning platforms Canvas and Moodle.

Scores come from nbgrader's gradebook, so points that a person gave in the formgrader are in them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from nbgrader.api import Gradebook

from autograder.errors import CourseError
from autograder.grading import store
from autograder.grading.nbgrader_steps import score_of
from autograder.grading.people import Course, Person
from autograder.grading.released import database
from autograder.grading.verdict_file import VerdictFile

TOTAL = "total"
COLUMNS = {
    "student": "the student's id",
    "name": "as on the roster",
    "email": "as on the roster",
    "lab": "the lab's slug; total for the sum over all labs of the class",
    "score": "points now: from checks, by hand, extra credit, less a penalty for being late",
    "max_score": "points that can be had",
    "status": "graded; open: something is not graded yet (see ungraded), or was by other rules than now; refused; "
    "missing: nothing was handed in. A "
    "total is missing when every lab is, and open when one is open or refused",
    "ungraded": "ids of what is not graded yet, separated by blanks",
    "claimed": "how many of the points rest on claimed evidence, which only the student's machine saw",
    "written_at": "when the student's machine wrote the submission (RFC 3339)",
    "graded_at": "when it was graded (RFC 3339, UTC)",
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
    status: str
    ungraded: tuple[str, ...] = ()
    claimed: float = 0.0
    written_at: str = ""
    graded_at: str = ""


def entries(course: Course) -> list[Entry]:
    """An entry for everybody on the roster (or who handed in) and each lab of the kit, then the total.

    Raises:
        CourseError: nothing was graded yet.
    """
    documents = {(document.student, document.lab): document for document in store.every()}
    students = sorted(set(course.roster or ()) | {student for student, _ in documents})
    if not documents:
        raise CourseError(
            expected="a class with graded submissions",
            found="no verdict in class/verdicts",
            next_step="Run: python3 course.py grade FOLDER",
        )
    graded = _graded(course)
    stale = {(document.student, document.lab) for document in outdated(course)}
    labs = course.labs.every()
    made: list[Entry] = []
    for id in students:
        person = (course.roster or {}).get(id, Person(id))
        own: list[Entry] = []
        for lab in labs:
            slug = lab.slug
            document = documents.get((id, slug))
            score, ungraded = graded.get((id, slug), (0.0, ()))
            claimed = document.claimed if document else 0.0
            if document is None:
                status = "missing"
            elif (id, slug) in stale:  # its points are out of other ones
                status, score, ungraded, claimed = "open", 0.0, tuple(lab.points), 0.0
            elif (id, slug) not in graded:
                status = "refused" if document.status == "refused" else "open"
                ungraded = tuple(lab.points)
            else:
                status = "open" if ungraded else "graded"
            own.append(
                Entry(
                    id, person.name, person.email, slug, score, lab.total, status, ungraded,
                    claimed,
                    document.written_at if document else "", document.graded_at if document else "",
                )
            )  # fmt: skip
        made += own
        made.append(_total(own))
    return made


def outdated(course: Course) -> list[VerdictFile]:
    """The verdicts that other rules or points gave than the present ones, so that no export holds their points."""
    labs = {lab.slug: lab for lab in course.labs.every()}
    return [
        document
        for document in store.every()
        if document.evidence and document.lab in labs and store.is_outdated(document, labs[document.lab])
    ]


def _total(own: Sequence[Entry]) -> Entry:
    first, found = own[0], {entry.status for entry in own}
    status = "open" if found & {"open", "refused"} else "missing" if found == {"missing"} else "graded"
    return Entry(
        first.student,
        first.name,
        first.email,
        TOTAL,
        sum(entry.score for entry in own),
        sum(entry.max_score for entry in own),
        status,
        tuple(f"{entry.lab}/{id}" for entry in own for id in entry.ungraded),
        sum(entry.claimed for entry in own),
    )


def _graded(course: Course) -> dict[tuple[str, str], tuple[float, tuple[str, ...]]]:
    """(student, lab) -> points and ids of what is not graded yet, from the gradebook."""
    found: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}
    with Gradebook(database(), course.id) as gradebook:
        for assignment in gradebook.assignments:
            for submission in assignment.submissions:
                score, ungraded = 0.0, []
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        value = score_of(grade)
                        score += value or 0.0
                        if value is None:
                            ungraded.append(grade.cell.name)
                    score -= notebook.late_submission_penalty or 0.0
                found[submission.student_id, assignment.name] = (max(score, 0.0), tuple(sorted(ungraded)))
    return found


def as_csv(made: Sequence[Entry]) -> str:
    """One row a student and lab, then the student's total; columns as in :data:`COLUMNS`."""
    rows = [[_cell(value) for value in asdict(entry).values()] for entry in made]
    return _csv([list(COLUMNS), *rows])


def as_json(made: Sequence[Entry]) -> str:
    """A list of objects with the fields of :data:`COLUMNS`."""
    return json.dumps([asdict(entry) for entry in made], indent=1, ensure_ascii=False) + "\n"


def as_canvas(made: Sequence[Entry]) -> str:
    """A file for Canvas's gradebook import: one row a student, one column a lab.

    Students are found by SIS Login ID, so ids must be the login names. What is missing or still open is left empty,
    which Canvas takes for "no change".
    Source: https://teaching.resources.osu.edu/toolsets/carmencanvas/guides/calculating-final-grades/import-csv-file-carmen-grades
    """
    labs = _labs(made)
    head = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *labs]
    most = {entry.lab: entry.max_score for entry in made}
    possible = ["    Points Possible", "", "", "", "", *(_cell(most[lab]) for lab in labs)]
    rows = [
        [_last_first(p.name) or p.student, "", "", p.student, "", *_scores(made, p.student, labs)]
        for p in _people(made)
    ]
    return _csv([head, possible, *rows])


def as_moodle(made: Sequence[Entry]) -> str:
    """A file for Moodle's grade import (CSV): one row a student, one column a lab.

    In Moodle, map from "Email address" to the e-mail address, or from "ID number" to the id number, and each lab's
    column to its grade item. What is missing or still open is left empty.
    Source: https://docs.moodle.org/405/en/Grade_import
    """
    labs = _labs(made)
    rows = [[p.student, p.email, p.name, *_scores(made, p.student, labs)] for p in _people(made)]
    return _csv([["ID number", "Email address", "Full name", *labs], *rows])


def _labs(made: Sequence[Entry]) -> list[str]:
    return sorted({entry.lab for entry in made if entry.lab != TOTAL})


def _people(made: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in made if entry.lab == TOTAL]


def _scores(made: Sequence[Entry], student: str, labs: Sequence[str]) -> list[str]:
    by_lab = {entry.lab: entry for entry in made if entry.student == student}
    return [_cell(by_lab[lab].score) if by_lab[lab].status == "graded" else "" for lab in labs]


def _last_first(name: str) -> str:
    if "," in name:  # "Last, First" already
        return name
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first else last


def _cell(value: object) -> str:
    """A CSV cell. A text that a spreadsheet would take for a formula gets an apostrophe in front.

    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    if isinstance(value, (int, float)):
        return f"{value:g}"
    text = " ".join(value) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _csv(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[Sequence[Entry]], str]] = {
    "csv": as_csv,
    "json": as_json,
    "canvas": as_canvas,
    "moodle": as_moodle,
}
