"""A lab's released notebook in nbgrader's gradebook: entered once, and anew when its cells change."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, SubmittedAssignment, SubmittedNotebook
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import compute_checksum

from autograder import paths
from autograder.grading import by_hand, store
from autograder.grading.by_hand import Cells
from autograder.grading.lateness import Deadlines
from autograder.grading.nbgrader_steps import NO_ANSWER, SourceCell, source_cells
from autograder.grading.people import Course
from autograder.labs import answers, release
from autograder.labs.manifest import Lab


def database() -> str:
    """The gradebook's URL."""
    return f"sqlite:///{(paths.classroom() / 'gradebook.db').as_posix()}"


def create(course: Course) -> None:
    """Make the gradebook when there is none: all of it or nothing, however this ends.

    nbgrader asks the program ``alembic`` for the version of its tables and expects to find it on PATH, where an
    environment that nobody activated does not put it.
    """
    file = paths.classroom() / "gradebook.db"
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name("gradebook.db.new")
    new.unlink(missing_ok=True)
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        with Gradebook(f"sqlite:///{new.as_posix()}", course.id):
            pass
    finally:
        os.environ["PATH"] = path
    new.replace(file)


GUARD = """\
# Without the settings of the course's folder nbgrader would run the students' notebooks on this machine. With them it
# reads this file too, and goes on.
from pathlib import Path

if Path.cwd().resolve() == Path(__file__).resolve().parent:
    raise SystemExit("Expected: nbgrader started in the course's folder, where course.py is.\\n"
                     "Found:    it was started in class/.\\n"
                     "Next:     change to the course's folder and run the same command.")
"""


def guard() -> None:
    """Have nbgrader refuse to start in ``class/``, where it would find no settings and fall back on its own.

    nbgrader reads ``nbgrader_config.py`` of the folder that it is started in.
    """
    file = paths.classroom() / "nbgrader_config.py"
    if not file.is_file() or file.read_text(encoding="utf-8", errors="replace") != GUARD:
        answers.replace(file, GUARD.encode())


@dataclass(frozen=True)
class Released:
    """A lab as the gradebook has it: ids of rows, and its cells."""

    slug: str
    assignment_id: str
    notebook_id: str
    cells: list[SourceCell]
    graded: dict[str, str]  # cell name -> id of its grade cell or task cell
    commented: dict[str, str]  # cell name -> id of its solution cell or task cell
    fingerprint: str
    lab: Lab

    def at(self, version: int) -> Released:
        """What of it a submission of a version of the lab has."""
        lab = self.lab.at(version)
        return replace(self, graded={name: id for name, id in self.graded.items() if name in lab.points}, lab=lab)


def enter(lab: Lab, course: Course, deadlines: Deadlines) -> None:
    """Have the lab's notebook in ``source/`` and ``release/``, and its cells and deadline in the gradebook."""
    source, derived = release.content(release.source(lab)), release.derived(lab)
    for step, content in (("source", source), ("release", derived)):
        file = paths.classroom() / step / lab.slug / f"{lab.slug}.ipynb"
        if not file.is_file() or file.read_bytes() != content:
            answers.replace(file, content)
    notebook = _of_all_versions(nbformat.from_dict(release.for_graders(release.source(lab))), lab)
    with Gradebook(database(), course.id) as gradebook:
        due = deadlines.for_everybody(lab.slug)
        # Without a line in deadlines.csv, a date that somebody entered with nbgrader's own commands stays.
        dates = {} if due is None else {"duedate": due.due.isoformat()}
        gradebook.update_or_create_assignment(lab.slug, **dates)
        known = [n for n in gradebook.find_assignment(lab.slug).notebooks if n.name == lab.slug]
        have = {cell.name: cell for cell in source_cells(known[0])} if known else {}
        want = _cells(notebook)
        if have == want:
            return
        anew = have.keys() != want.keys()  # nbgrader cannot add or remove cells while there are submissions
        if anew:
            _settle(gradebook, lab)
            for submission in list(gradebook.find_assignment(lab.slug).submissions):
                gradebook.remove_submission(lab.slug, submission.student_id)
    resources = {"nbgrader": {"notebook": lab.slug, "assignment": lab.slug, "db_url": database()}}
    SaveCells().preprocess(notebook, resources)
    if anew:
        _restore(course, lab)


def _of_all_versions(notebook: Any, lab: Lab) -> Any:
    """The newest notebook for graders, and behind it the check cells that only earlier versions of the lab have.

    nbgrader has one notebook for an assignment, and a class may work on several versions. Each submission has the
    grades of its own version alone; a cell's maximum is the most that a version gives, so that no points are cut.
    """
    if lab.newest == 1:
        return notebook
    most = lab.most_points()
    for cell in notebook.cells:
        given = cell.metadata.get("nbgrader")
        if given and given["grade_id"] in most and "points" in given:
            given["points"] = most[given["grade_id"]]
            cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
    for part in lab.ended():
        make = new_markdown_cell if part.by_hand else new_code_cell
        cell = make(NO_ANSWER if part.by_hand else f'check("{part.id}")', id=part.id)
        cell.metadata["nbgrader"] = nbformat.from_dict(
            {
                "schema_version": 3,
                "grade": True,
                "solution": part.by_hand,
                "task": False,
                "locked": not part.by_hand,
                "grade_id": part.id,
                "points": most[part.id],
                "cell_type": "markdown" if part.by_hand else "code",
            }
        )
        cell.metadata.nbgrader["checksum"] = compute_checksum(cell)
        notebook.cells.append(cell)
    return notebook


def _cells(notebook: Any) -> dict[str, SourceCell]:
    """The cells of a notebook that the gradebook keeps, by name."""
    found: dict[str, SourceCell] = {}
    for cell in notebook.cells:
        given = cell.metadata.get("nbgrader")
        if given and (given["grade"] or given["solution"] or given["locked"] or given.get("task")):
            found[given["grade_id"]] = SourceCell(
                name=given["grade_id"],
                cell_type=cell.cell_type,
                locked=given["locked"],
                source=cell.source,
                checksum=given.get("checksum"),
                points=float(given["points"]) if given["grade"] or given.get("task") else None,
                solution=given["solution"],
                task=bool(given.get("task")),
            )
    return found


def _settle(gradebook: Any, lab: Lab) -> None:
    """Record what people gave for a lab, before its submissions are entered anew because its cells changed."""
    about = {version.version: Cells.of(version) for version in lab.every_version()}
    for submission in gradebook.find_assignment(lab.slug).submissions:
        student, document = submission.student_id, store.read(submission.student_id, lab.slug)
        cells = about[document.lab_version if document else lab.version]
        for row in submission.notebooks:
            shown = by_hand.before(student, lab.slug, cells, row, document)
            by_hand.settle(gradebook, student, lab.slug, row, shown)


def _restore(course: Course, lab: Lab) -> None:
    """Give back what :func:`_settle` recorded, as far as its cells are still there."""
    slug = lab.slug
    with Gradebook(database(), course.id) as gradebook:
        released = released_of(gradebook, lab)
        known = {student.id for student in gradebook.students}
        for student in by_hand.students(slug):
            if student not in known:
                continue
            try:
                row = gradebook.find_submission_notebook(slug, slug, student)
            except MissingEntry:
                version = store.version_of(student, slug) or released.lab.version
                [row] = new_submission(gradebook, student, released.at(version)).notebooks
                gradebook.db.commit()
            by_hand.settle(gradebook, student, slug, row, by_hand.mark(student, slug) or by_hand.Shown())


def released_of(gradebook: Any, lab: Lab) -> Released:
    assignment = gradebook.find_assignment(lab.slug)
    [notebook] = [n for n in assignment.notebooks if n.name == lab.slug]
    graded = {c.name: c.id for c in (*notebook.grade_cells, *notebook.task_cells)}
    commented = {c.name: c.id for c in (*notebook.solution_cells, *notebook.task_cells)}
    cells = source_cells(notebook)
    fingerprint = hashlib.sha256(repr((cells, lab.version)).encode()).hexdigest()
    return Released(lab.slug, assignment.id, notebook.id, cells, graded, commented, fingerprint, lab)


def new_submission(gradebook: Any, student: str, released: Released) -> Any:
    """Rows as ``Gradebook.add_submission`` makes them, without its queries."""
    submission = SubmittedAssignment(assignment_id=released.assignment_id, student_id=student)
    notebook = SubmittedNotebook(notebook_id=released.notebook_id, assignment=submission)
    for id in released.graded.values():
        Grade(cell_id=id, notebook=notebook)
    for id in released.commented.values():
        Comment(cell_id=id, notebook=notebook)
    gradebook.db.add(submission)
    return submission
