"""Verdicts into nbgrader's gradebook, autograded notebooks and feedback: what ``nbgrader autograde`` and ``nbgrader
generate_feedback`` do with ``nbgrader_config.py``, for a whole class in one process and one database session.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Assignment, Comment, Grade, Gradebook, Student, SubmittedAssignment, SubmittedNotebook
from nbgrader.utils import parse_utc

from autograder import paths
from autograder.grading import lateness, store
from autograder.grading.lateness import Timing
from autograder.grading.nbgrader_steps import (
    apply_verdicts,
    drop_others,
    feedback_page,
    of_version,
    rebuild,
    score_of,
)
from autograder.grading.people import Course
from autograder.grading.released import Released, create, database, enter, new_submission, released_of
from autograder.grading.sanitize import clean_notebook
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.answers import replace

CHUNK = 50  # submissions a transaction
NOT_SHOWN = {
    "judged_by",
    "evidence_schema",
    "probe_versions",
}  # of a verdict file: neither gradebook nor feedback holds them
NOTHING = (None, None)  # neither points nor extra credit by hand


def sync(course: Course, done: Callable[[], None] = lambda: None) -> int:
    """Bring the gradebook, ``autograded/`` and ``feedback/`` up to date with the verdict files.

    What is up to date is left alone, so a run that was killed goes on where it stopped. Scores and comments that a
    person gave are kept. Points that other rules gave than the present ones are shown as not graded, as exports say it
    (``store.shown``), and the feedback page of such a submission stays as it is until it was judged again.

    Args:
        course: the class.
        done: called after each submission.

    Returns:
        how many submissions were brought up to date.

    Raises:
        CourseError: a master notebook does not agree with its lab.toml.
    """
    known_labs = {lab.slug: lab for lab in course.labs.every()}
    when = lateness.timing(course)
    documents = [
        store.shown(document, known_labs[document.lab])
        for document in store.every()
        if document.evidence and document.lab in known_labs
    ]
    labs = {document.lab: known_labs[document.lab] for document in documents}
    if not documents and course.roster is None:
        return 0
    create(course)
    for lab in labs.values():
        enter(lab, course, when.deadlines)
    with Gradebook(database(), course.id) as gradebook:
        _students(gradebook, course, {document.student for document in documents})
        known = {slug: released_of(gradebook, lab) for slug, lab in labs.items()}
        present = _present(gradebook)
        stale = [d for d in documents if not _is_synced(d, known[d.lab], present, when)]
        for start in range(0, len(stale), CHUNK):
            chunk = stale[start : start + CHUNK]
            rows = [_submission(gradebook, document, known[document.lab], when) for document in chunk]
            gradebook.db.commit()
            for document, row in zip(chunk, rows, strict=True):
                _files(gradebook, document, known[document.lab], row, when)
                done()
    return len(stale)


def stale_count() -> int:
    """About how many submissions :func:`sync` has to bring up to date, for a progress bar."""
    return sum(1 for d in store.every() if d.evidence and not _marker(d).is_file())


# -- one submission --------------------------------------------------------------------------------------------------


def _students(gradebook: Any, course: Course, handed_in: set[str]) -> None:
    """Everybody on the roster, and whoever handed in; names as the roster has them."""
    rows = {student.id: student for student in gradebook.db.query(Student)}
    people = course.roster or {}
    for id in sorted(set(people) | handed_in):
        row = rows.get(id)
        if row is None:
            row = Student(id=id)
            gradebook.db.add(row)
        person = people.get(id)
        if person is not None and person.name:
            first, _, last = person.name.rpartition(" ")
            row.first_name, row.last_name = first or None, last
        if person is not None and person.email:
            row.email = person.email
    gradebook.db.commit()


def _submission(gradebook: Any, document: VerdictFile, entered: Released, when: Timing) -> Any:
    """The submission's rows, with the verdicts' scores; not committed. Returns the row of the notebook."""
    student, entered = document.student, entered.at(document.lab_version)
    submission = (
        gradebook.db.query(SubmittedAssignment)
        .filter_by(assignment_id=entered.assignment_id, student_id=student)
        .one_or_none()
    )
    if submission is None:
        submission = new_submission(gradebook, student, entered)
        gradebook.db.flush()
    submission.timestamp = parse_utc(when.receipt(document).received_at.isoformat())
    [notebook] = [n for n in submission.notebooks if n.notebook_id == entered.notebook_id]
    _fit(gradebook, notebook, entered)
    apply_verdicts(notebook.grades, {cell.name for cell in entered.cells if cell.by_hand}, document)
    notebook.late_submission_penalty = when.penalty(document)
    return notebook


def _fit(gradebook: Any, row: Any, entered: Released) -> None:
    """Give a submission the grades of its version of the lab: it may be another one than that handed in before."""
    drop_others(gradebook, row, set(entered.graded))
    has = {grade.cell.name for grade in row.grades}
    for name, id in entered.graded.items():
        if name not in has:
            row.grades.append(Grade(cell_id=id))
    gradebook.db.flush()


def _files(gradebook: Any, document: VerdictFile, entered: Released, row: Any, when: Timing) -> None:
    """The autograded notebook, the feedback page, and last the mark that all is done."""
    student, slug, entered = document.student, entered.slug, entered.at(document.lab_version)
    submitted = store.notebook_file(student, slug)
    read = nbformat.from_dict(clean_notebook(json.loads(submitted.read_bytes())))
    notebook = rebuild(read, of_version(entered.cells, entered.lab, read))
    target = paths.classroom() / "autograded" / student / slug
    _write_protected(target / f"{slug}.ipynb", (nbformat.writes(notebook) + "\n").encode("utf-8"))
    timestamp = store.timestamp(when.receipt(document).received_at)
    replace(submitted.with_name("timestamp.txt"), timestamp)
    _write_protected(target / "timestamp.txt", timestamp)
    score = annotate(notebook, row)
    penalty = row.late_submission_penalty or 0.0
    known = {
        "assignment": slug,
        "student": student,
        "score": score - penalty,
        "max_score": entered.lab.total,
        "late_penalty": penalty,
    }
    page = feedback_page(notebook, known, when)
    feedback = paths.classroom() / "feedback" / student / slug
    if not store.is_shown_open(document):
        replace(feedback / f"{slug}.html", page.encode("utf-8"))
        replace(feedback / "timestamp.txt", timestamp)
    replace(_marker(document), _print(document, entered, _by_people(row.grades, row.comments), when).encode())


def annotate(notebook: Any, row: Any) -> float:
    """Put scores and comments into the cells, as the step Scores does; returns the sum of the scores."""
    grades = {grade.cell.name: grade for grade in row.grades}
    comments = {comment.cell.name: comment.manual_comment or comment.auto_comment for comment in row.comments}
    total = 0.0
    for cell in notebook.cells:
        given = cell.metadata.get("nbgrader")
        if not given:
            continue
        if given["solution"] or given["task"]:
            given["comment"] = comments[given["grade_id"]]
        if given["grade"] or given["task"]:
            given["score"] = score_of(grades[given["grade_id"]])
            total += given["score"] or 0.0
    return total


def _write_protected(file: Path, content: bytes) -> None:
    """Write a file that nobody should edit by hand, as nbgrader's autograde leaves it."""
    if file.exists():
        file.chmod(stat.S_IRUSR | stat.S_IWUSR)  # Windows replaces no file that is read-only
    replace(file, content)
    file.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


# -- what is done already --------------------------------------------------------------------------------------------


def _marker(document: VerdictFile) -> Path:
    return store.verdict_file(document.student, document.lab).with_suffix(".synced")


def _by_people(grades: Iterable[Any], comments: Iterable[Any]) -> list[list[Any]]:
    """What people gave to a submission: points, extra credit and comments, by cell."""
    given = [[g.cell_id, g.manual_score, g.extra_credit] for g in grades if (g.manual_score, g.extra_credit) != NOTHING]
    return sorted(given + [[c.cell_id, c.manual_comment] for c in comments if c.manual_comment is not None], key=repr)


def _present(gradebook: Any) -> dict[tuple[str, str], list[list[Any]]]:
    """What people gave, by student and lab, for every submission that the gradebook has."""
    grades, comments = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    for grade in gradebook.db.query(Grade.notebook_id, Grade.cell_id, Grade.manual_score, Grade.extra_credit).filter(
        Grade.manual_score.isnot(None) | Grade.extra_credit.isnot(None)
    ):
        grades[grade.notebook_id].append(grade)
    for comment in gradebook.db.query(Comment.notebook_id, Comment.cell_id, Comment.manual_comment).filter(
        Comment.manual_comment.isnot(None)
    ):
        comments[comment.notebook_id].append(comment)
    found = (
        gradebook.db.query(SubmittedNotebook.id, SubmittedAssignment.student_id, Assignment.name)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
    )
    return {(student, slug): _by_people(grades[id], comments[id]) for id, student, slug in found}


def _print(document: VerdictFile, entered: Released, by_people: list[list[Any]], when: Timing) -> str:
    """Changes with whatever the gradebook, the autograded notebook and the feedback are made from."""
    seen = hashlib.sha256(entered.fingerprint.encode())
    shown = {name: value for name, value in document.as_json().items() if name not in NOT_SHOWN}
    seen.update(json.dumps([shown, by_people], sort_keys=True).encode())
    seen.update(repr((when.receipt(document), when.deadlines.of(document.lab, document.student))).encode())
    with contextlib.suppress(OSError):
        seen.update(store.notebook_file(document.student, document.lab).read_bytes())
    return seen.hexdigest()


def _is_synced(
    document: VerdictFile, entered: Released, present: dict[tuple[str, str], list[list[Any]]], when: Timing
) -> bool:
    student, slug = document.student, entered.slug
    files = [paths.classroom() / "autograded" / student / slug / f"{slug}.ipynb"]
    if not store.is_shown_open(document):
        files.append(paths.classroom() / "feedback" / student / slug / f"{slug}.html")
    try:
        return (
            (student, slug) in present
            and all(file.is_file() for file in files)
            and _marker(document).read_text("utf-8") == _print(document, entered, present[student, slug], when)
        )
    except OSError:
        return False


def rows(course: Course) -> Iterator[tuple[str, str, Any]]:
    """Student, lab and the gradebook's row of every submitted notebook."""
    with Gradebook(database(), course.id) as gradebook:
        for assignment in gradebook.assignments:
            for submission in assignment.submissions:
                for notebook in submission.notebooks:
                    yield submission.student_id, assignment.name, notebook
