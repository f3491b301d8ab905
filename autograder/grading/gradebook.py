"""Verdicts into nbgrader's gradebook, autograded notebooks and feedback: what ``nbgrader autograde`` and ``nbgrader
generate_feedback`` do with ``nbgrader_config.py``, for a whole class in one process and one database session.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import parse_utc

from autograder import paths
from autograder.grading import by_hand, doubts, feedback, lateness, store
from autograder.grading.by_hand import NOTHING, Cells, Record, Seen
from autograder.grading.doubts import Doubt
from autograder.grading.feedback import ShownAs
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
from autograder.grading.released import Released, create, database, enter, guard, new_submission, released_of
from autograder.grading.sanitize import clean_notebook
from autograder.grading.verdict_file import VerdictFile
from autograder.labs import students
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab

CHUNK = 50  # submissions a transaction
NOT_SHOWN = {
    "judged_by",
    "evidence_schema",
    "probe_versions",
}  # of a verdict file: neither gradebook nor feedback holds them


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
    _refused_pages(course, when, known_labs, {(document.student, document.lab) for document in documents})
    if not documents and course.roster is None:
        return 0
    create(course)
    guard()
    for lab in labs.values():
        enter(lab, course, when.deadlines)
    with Gradebook(database(), course.id) as gradebook:
        _students(gradebook, course, {document.student for document in documents})
        known = {slug: released_of(gradebook, lab) for slug, lab in labs.items()}
        versions = {(d.lab, d.lab_version) for d in documents}
        about = {(slug, version): Cells.of(labs[slug].at(version)) for slug, version in versions}
        present = _present(gradebook)
        page = {(d.student, d.lab): _Page(when, ShownAs.of(course, d.student, labs[d.lab])) for d in documents}
        stale = [d for d in documents if not _is_synced(d, known[d.lab], present, page[d.student, d.lab])]
        for start in range(0, len(stale), CHUNK):
            chunk = stale[start : start + CHUNK]
            entered = [_submission(gradebook, d, known[d.lab], about[d.lab, d.lab_version], when) for d in chunk]
            gradebook.db.commit()
            for document, one in zip(chunk, entered, strict=True):
                _files(document, known[document.lab], one, page[document.student, document.lab])
                done()
    return len(stale)


def _refused_pages(course: Course, when: Timing, labs: Mapping[str, Lab], judged: Set[tuple[str, str]]) -> None:
    """The feedback pages of those of whom nothing but refused submissions came; what is as it was is not written."""
    for (student, slug), receipt in when.refused.items():
        if (student, slug) in judged or slug not in labs or not students.ID.match(student):
            continue
        lab = labs[slug]
        page = feedback.render_refused(ShownAs.of(course, student, lab), receipt, lab.total).encode()
        file = paths.classroom() / "feedback" / student / slug / f"{slug}.html"
        if not file.is_file() or file.read_bytes() != page:
            replace(file, page)


def behind(course: Course) -> set[tuple[str, str]]:
    """Student and lab of submissions that the gradebook has no points for yet: it shows another answer or verdict.

    A run that was killed, or that another one kept from the gradebook, leaves some. What people gave since the last
    sync and what deadlines say now takes no part in it.
    """
    known_labs = {lab.slug: lab for lab in course.labs.every()}
    when = lateness.timing(course)
    found: set[tuple[str, str]] = set()
    with Gradebook(database(), course.id) as gradebook:
        entered = {assignment.name for assignment in gradebook.assignments}
        known = {slug: released_of(gradebook, lab) for slug, lab in known_labs.items() if slug in entered}
        present = _present(gradebook)
    about: dict[tuple[str, int], Cells] = {}
    for document in store.every():
        key, slug = (document.student, document.lab), document.lab
        if not document.evidence or slug not in known_labs:
            continue
        if slug not in known or key not in present:
            found.add(key)
            continue
        document = store.shown(document, known_labs[slug])
        page = _Page(when, ShownAs.of(course, document.student, known_labs[slug]))
        if _is_synced(document, known[slug], present, page):
            continue
        version = (slug, document.lab_version)
        if version not in about:
            about[version] = Cells.of(known_labs[slug].at(document.lab_version))
        if not _shows(document, known[slug], about[version]):
            found.add(key)
    return found


def _shows(document: VerdictFile, entered: Released, about: Cells) -> bool:
    """Whether the last sync was about the present answers and verdicts, and came to its end."""
    mark = by_hand.mark(document.student, entered.slug)
    if mark is None or mark.next is not None:
        return False
    try:
        content = json.loads(store.notebook_file(document.student, entered.slug).read_bytes())
    except (OSError, ValueError):
        return False
    return about.state(_rebuilt(content, entered.at(document.lab_version)), document) == mark.cells


def forget(course: Course, student: str, lab: str) -> None:
    """Take a submission out of the gradebook; what people gave for it stays recorded below ``class/by-hand/``."""
    if not (paths.classroom() / "gradebook.db").is_file():
        return
    with Gradebook(database(), course.id) as gradebook, contextlib.suppress(MissingEntry):
        gradebook.remove_submission(lab, student)


def stale_count() -> int:
    """About how many submissions :func:`sync` has to bring up to date, for a progress bar."""
    return sum(1 for d in store.every() if d.evidence and not by_hand.mark_file(d.student, d.lab).is_file())


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


@dataclass(frozen=True)
class _Page:
    """What a feedback page says beside points and verdicts: receipt and deadline, whose it is and of which lab."""

    when: Timing
    shown_as: ShownAs


@dataclass(frozen=True)
class _Entered:
    """A submission whose scores are in the gradebook, and whose files are to be written.

    Attributes:
        row: of the notebook.
        notebook: as it is shown to a person.
        state: the same, for what is recorded of grades by hand.
        record: what people gave until now.
    """

    row: Any
    notebook: Any
    state: dict[str, Seen]
    record: Record


def _submission(gradebook: Any, document: VerdictFile, entered: Released, about: Cells, when: Timing) -> _Entered:
    """The submission's rows, with the verdicts' scores; not committed."""
    student, of_its_version = document.student, entered.at(document.lab_version)
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
    shown = _rebuilt(json.loads(store.notebook_file(student, entered.slug).read_bytes()), of_its_version)
    state = about.state(shown, document)
    until_now = by_hand.before(student, entered.slug, about, notebook, document)
    record = by_hand.settle(gradebook, student, entered.slug, notebook, until_now)
    by_hand.announce(student, entered.slug, until_now, state)
    _fit(gradebook, notebook, of_its_version, record)
    written = {cell.name for cell in entered.cells if cell.by_hand}
    apply_verdicts(notebook.grades, written, document, by_hand.to_look_at(record, state))
    notebook.late_submission_penalty = when.penalty(document, sum(score_of(grade) or 0.0 for grade in notebook.grades))
    return _Entered(notebook, shown, state, record)


def _rebuilt(submitted: Any, entered: Released) -> Any:
    """A submitted notebook as a person sees it."""
    read = nbformat.from_dict(clean_notebook(submitted))
    return rebuild(read, of_version(entered.cells, entered.lab, read))


def _fit(gradebook: Any, row: Any, entered: Released, record: Record) -> None:
    """Give a submission the grades of its version of the lab: it may be another one than that handed in before.

    What people gave for a cell that goes is in the record, and comes back from there with the cell.
    """
    drop_others(gradebook, row, set(entered.graded))
    has = {grade.cell.name for grade in row.grades}
    for name, id in entered.graded.items():
        if name not in has:
            points, extra_credit = record.cells[name].points if name in record.cells else NOTHING
            row.grades.append(Grade(cell_id=id, manual_score=points, extra_credit=extra_credit))
    gradebook.db.flush()


def _files(document: VerdictFile, entered: Released, one: _Entered, page: _Page) -> None:
    """The autograded notebook, the feedback page, and last the mark that all is done."""
    student, slug, when = document.student, entered.slug, page.when
    entered = entered.at(document.lab_version)
    submitted = store.notebook_file(student, slug)
    notebook, row = one.notebook, one.row
    target = paths.classroom() / "autograded" / student / slug
    _write_protected(target / f"{slug}.ipynb", (nbformat.writes(notebook) + "\n").encode("utf-8"))
    timestamp = store.timestamp(when.receipt(document).received_at)
    replace(submitted.with_name("timestamp.txt"), timestamp)
    _write_protected(target / "timestamp.txt", timestamp)
    score = annotate(notebook, row, one.record, one.state)
    penalty = row.late_submission_penalty or 0.0
    known = {
        "assignment": slug,
        "student": student,
        "score": score - penalty,
        "max_score": entered.lab.total,
        "late_penalty": penalty,
    }
    made = feedback_page(notebook, known, when, page.shown_as)
    pages = paths.classroom() / "feedback" / student / slug
    if not store.is_shown_open(document):
        replace(pages / f"{slug}.html", made.encode("utf-8"))
        replace(pages / "timestamp.txt", timestamp)
    by_hand.done(student, slug, one.state, _print(document, entered, _by_people(row.grades, row.comments), page))


def annotate(notebook: Any, row: Any, record: Record, state: Mapping[str, Seen]) -> float:
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
    flagged = {name for name, grade in grades.items() if grade.needs_manual_grade}
    by_hand.annotate(notebook.cells, record, state, flagged)
    return total


def _write_protected(file: Path, content: bytes) -> None:
    """Write a file that nobody should edit by hand, as nbgrader's autograde leaves it."""
    if file.exists():
        file.chmod(stat.S_IRUSR | stat.S_IWUSR)  # Windows replaces no file that is read-only
    replace(file, content)
    file.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)


# -- what is done already --------------------------------------------------------------------------------------------


def _by_people(grades: Iterable[Any], comments: Iterable[Any]) -> list[list[Any]]:
    """What people gave to a submission, by cell: points, extra credit, whether to look at them again; comments."""
    given = [
        [g.cell_id, g.manual_score, g.extra_credit, g.needs_manual_grade]
        for g in grades
        if (g.manual_score, g.extra_credit) != NOTHING
    ]
    return sorted(given + [[c.cell_id, c.manual_comment] for c in comments if c.manual_comment is not None], key=repr)


def _present(gradebook: Any) -> dict[tuple[str, str], list[list[Any]]]:
    """What people gave, by student and lab, for every submission that the gradebook has."""
    grades, comments = defaultdict[str, list[Any]](list), defaultdict[str, list[Any]](list)
    columns = (Grade.notebook_id, Grade.cell_id, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
    for grade in gradebook.db.query(*columns).filter(Grade.manual_score.isnot(None) | Grade.extra_credit.isnot(None)):
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


def _print(document: VerdictFile, entered: Released, by_people: list[list[Any]], page: _Page) -> str:
    """Changes with whatever the gradebook, the autograded notebook and the feedback are made from."""
    seen, when = hashlib.sha256(entered.fingerprint.encode()), page.when
    shown = {name: value for name, value in document.as_json().items() if name not in NOT_SHOWN}
    seen.update(json.dumps([shown, by_people, asdict(page.shown_as)], sort_keys=True).encode())
    seen.update(repr((when.receipt(document), when.deadlines.of(document.lab, document.student))).encode())
    if (refused := when.later_refused(document)) is not None:
        seen.update(repr(refused).encode())
    with contextlib.suppress(OSError):
        seen.update(store.notebook_file(document.student, document.lab).read_bytes())
    return seen.hexdigest()


def _is_synced(
    document: VerdictFile, entered: Released, present: dict[tuple[str, str], list[list[Any]]], page: _Page
) -> bool:
    student, slug = document.student, entered.slug
    files = [paths.classroom() / "autograded" / student / slug / f"{slug}.ipynb"]
    if not store.is_shown_open(document):
        files.append(paths.classroom() / "feedback" / student / slug / f"{slug}.html")
    mark = by_hand.mark(student, slug)
    return (
        mark is not None
        and mark.next is None
        and (student, slug) in present
        and all(file.is_file() for file in files)
        and mark.print == _print(document, entered, present[student, slug], page)
    )


@dataclass(frozen=True)
class ByHand:
    """What people gave to one submission.

    Attributes:
        settled: the cells whose points hold for what is there now.
        to_look_at: the cells whose points or extra credit were given for something else.
    """

    settled: frozenset[str] = frozenset()
    to_look_at: frozenset[str] = frozenset()

    @staticmethod
    def of(grades: Iterable[Any]) -> ByHand:
        """That of the gradebook's rows of one submission."""
        given = [grade for grade in grades if (grade.manual_score, grade.extra_credit) != NOTHING]
        return ByHand(
            frozenset(g.cell.name for g in given if g.manual_score is not None and not g.needs_manual_grade),
            frozenset(g.cell.name for g in given if g.needs_manual_grade),
        )


def by_people(course: Course) -> dict[tuple[str, str], ByHand]:
    """What people gave, by student and lab, for every submission that somebody gave points."""
    grades = defaultdict[tuple[str, str], list[Any]](list)
    with Gradebook(database(), course.id) as gradebook:
        given = Grade.manual_score.isnot(None) | Grade.extra_credit.isnot(None)
        for grade in gradebook.db.query(Grade).filter(given):
            submission = grade.notebook.assignment
            grades[submission.student_id, submission.assignment.name].append(grade)
        return {key: ByHand.of(own) for key, own in grades.items()}


def in_doubt(course_id: str, student: str, lab: str) -> list[Doubt]:
    """The doubts about one submission that no person has settled, as the gradebook stands now."""
    document = store.read(student, lab)
    if document is None or not doubts.found(document, frozenset()):
        return []
    with Gradebook(database(), course_id) as book:
        try:
            notebooks = book.find_submission(lab, student).notebooks
        except MissingEntry:
            return []
        given = ByHand.of(grade for notebook in notebooks for grade in notebook.grades)
    return doubts.found(document, given.settled)
