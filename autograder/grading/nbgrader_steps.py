"""What nbgrader runs instead of its own steps: nothing executes a notebook, and scores come from verdict files.

``nbgrader_config.py`` puts these classes in place. The functions below them are the steps themselves; the batch in
``gradebook.py`` calls the same functions, so ``course grade`` and ``nbgrader autograde`` give the same result.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bleach
from nbconvert.exporters import Exporter
from nbconvert.filters.markdown_mistune import InvalidNotebook, markdown2html_mistune
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor

from autograder.domain import limits
from autograder.errors import CourseError
from autograder.grading import by_hand, feedback, lateness, people, sanitize, store
from autograder.grading.by_hand import Cells
from autograder.grading.lateness import Timing
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.manifest import Lab

NO_ANSWER = "(no answer in this submission)"
TAGS = {
    *("p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del"),
    *("table", "thead", "tbody", "tr", "td", "th", "br", "hr", "span", "div", "a"),
}
ATTRIBUTES = {"a": ["href", "title"], "span": ["class"], "div": ["class"], "code": ["class"]}


@dataclass(frozen=True)
class SourceCell:
    """A cell of the released notebook as the gradebook knows it. ``points`` is None for a cell that is not graded."""

    name: str
    cell_type: str
    locked: bool
    source: str
    checksum: str | None
    points: float | None
    solution: bool
    task: bool

    @property
    def by_hand(self) -> bool:
        """Whether a person grades it."""
        return self.points is not None and (self.solution or self.task)

    def metadata(self) -> dict[str, Any]:
        """The cell's metadata for nbgrader."""
        given: dict[str, Any] = {
            "schema_version": 3,
            "grade": self.points is not None and not self.task,
            "solution": self.solution,
            "task": self.task,
            "locked": self.locked,
            "grade_id": self.name,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
        }
        return given | ({} if self.points is None else {"points": self.points})


def source_cells(notebook: Any) -> list[SourceCell]:
    """The cells of a notebook in the gradebook (``nbgrader.api.Notebook``), in the order of the notebook."""
    points = {c.name: float(c.max_score) for c in (*notebook.grade_cells, *notebook.task_cells)}
    solutions, tasks = {c.name for c in notebook.solution_cells}, {c.name for c in notebook.task_cells}
    return [
        SourceCell(
            name=c.name,
            cell_type=c.cell_type,
            locked=c.locked,
            source=c.source,
            checksum=c.checksum,
            points=points.get(c.name),
            solution=c.name in solutions,
            task=c.name in tasks,
        )
        for c in notebook.source_cells
    ]


def of_version(cells: Sequence[SourceCell], lab: Lab, notebook: Any) -> list[SourceCell]:
    """The released cells that a submission of a version of the lab has, with that version's points.

    The gradebook has one notebook for all versions: its newest cells, and the check cells that have gone.

    Args:
        cells: the released cells.
        lab: the lab in the version of the submission.
        notebook: the submitted notebook.
    """
    here = {(cell.metadata.get("nbgrader") or {}).get("grade_id") for cell in notebook.cells}
    newest = lab.version == lab.newest
    return [
        cell if cell.points is None else replace(cell, points=lab.points[cell.name])
        for cell in cells
        if (cell.name in lab.points if cell.points is not None else newest or cell.name in here)
    ]


def rebuild(notebook: Any, known: Sequence[SourceCell]) -> Any:
    """Make a submitted notebook whole again; never fails.

    Of each known cell the last copy that is not empty stays graded, locked text is restored, and what was deleted or
    turned into another kind of cell is put back behind its predecessor. Outputs and foreign metadata go.

    Args:
        notebook: a NotebookNode; it is changed.
        known: the released notebook's cells in order.
    """
    by_name = {cell.name: cell for cell in known}
    places: dict[str, int] = {}
    for number, cell in enumerate(notebook.cells):
        name = (cell.metadata.get("nbgrader") or {}).get("grade_id")
        if (
            name in by_name
            and cell.cell_type == by_name[name].cell_type
            and (cell.source.strip() or name not in places)
        ):
            places[name] = number
    chosen = {number: by_name[name] for name, number in places.items()}
    for number, cell in enumerate(notebook.cells):
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if number in chosen:
            cell.metadata["nbgrader"] = chosen[number].metadata()
            if chosen[number].locked:
                cell.source = chosen[number].source
    behind = 0
    for source in known:
        names = [(cell.metadata.get("nbgrader") or {}).get("grade_id") for cell in notebook.cells]
        if source.name in names:
            behind = names.index(source.name) + 1
            continue
        make = new_code_cell if source.cell_type == "code" else new_markdown_cell
        text = source.source if source.locked else NO_ANSWER if source.cell_type == "markdown" else f"# {NO_ANSWER}"
        cell = make(text, id="restored-" + "".join(c if c.isalnum() else "-" for c in source.name)[:50])
        cell.metadata["nbgrader"] = source.metadata()
        notebook.cells.insert(behind, cell)
        behind += 1
    notebook.metadata.clear()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return notebook


def apply_verdicts(
    grades: Iterable[Any], written: Collection[str], document: VerdictFile | None, to_look_at: Collection[str] = ()
) -> None:
    """Set the automatic score of every graded cell from a verdict file. What a person gave is left alone.

    Args:
        grades: ``nbgrader.api.Grade`` rows of one submitted notebook, with ``cell`` loaded.
        written: names of cells that a person grades.
        document: the verdict file; None when there is none, so everything waits for a person.
        to_look_at: names of cells whose points a person gave for something else than what is there now.
    """
    for grade in grades:
        name = grade.cell.name
        given = document.checks.get(name) if document else None
        value = None if given is None or name in written else given.score
        grade.auto_score = by_hand.clamped(value, grade.cell.max_score)
        grade.needs_manual_grade = name in to_look_at or (grade.auto_score is None and grade.manual_score is None)


def drop_others(gradebook: Any, row: Any, checks: set[str]) -> None:
    """Remove the grades of what the submission's version of the lab does not have; nobody can be given them.

    Args:
        gradebook: the gradebook; not committed.
        row: the submitted notebook.
        checks: ids of what its version has.
    """
    for grade in [grade for grade in row.grades if grade.cell.name not in checks]:
        row.grades.remove(grade)
        gradebook.db.delete(grade)


class Rebuild(NbGraderPreprocessor):  # type: ignore[misc]
    """Instead of nbgrader's sanitising steps: clean the notebook as intake does and make it whole."""

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        """See :func:`rebuild`. What comes with it is announced before nbgrader writes the notebook."""
        from nbformat import from_dict

        known = resources["nbgrader"]
        student, slug = known["student"], known["assignment"]
        with Gradebook(known["db_url"]) as gradebook:
            cells = source_cells(gradebook.find_notebook(known["notebook"], slug))
            read, document = from_dict(sanitize.clean_notebook(notebook)), store.read(student, slug)
            lab = people.load().lab(slug, document.lab_version if document else None)
            notebook = rebuild(read, of_version(cells, lab, read))
            _, shown, state = _settled(gradebook, notebook, known)
        by_hand.announce(student, slug, shown, state)
        return notebook, resources


class VerdictGrades(NbGraderPreprocessor):  # type: ignore[misc]
    """Instead of Execute and SaveAutoGrades: scores from the verdict file."""

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        """See :func:`apply_verdicts`."""
        known = resources["nbgrader"]
        student, slug = known["student"], known["assignment"]
        document = store.read(student, slug)
        labs = people.load().labs
        if document is not None and slug in labs.slugs():
            document = store.shown(document, labs.find(slug))
        with Gradebook(known["db_url"]) as gradebook:
            found = gradebook.find_submission_notebook(known["notebook"], slug, student)
            record, shown, state = _settled(gradebook, notebook, known)
            written = {cell.name for cell in source_cells(found.notebook) if cell.by_hand}
            if document is not None:
                drop_others(gradebook, found, set(document.checks))
            apply_verdicts(found.grades, written, document, by_hand.to_look_at(record, state))
            gradebook.db.commit()
        by_hand.done(student, slug, state, shown.print)
        return notebook, resources


def _settled(
    gradebook: Any, notebook: Any, known: Mapping[str, Any]
) -> tuple[by_hand.Record, by_hand.Shown, dict[str, by_hand.Seen]]:
    """What people gave for a submission until now, what they saw, and what they will see (``notebook``)."""
    student, slug = known["student"], known["assignment"]
    document = store.read(student, slug)
    lab = _lab(slug)
    cells = Cells.of(lab.at(document.lab_version) if lab and document else lab)
    row = gradebook.find_submission_notebook(known["notebook"], slug, student)
    shown = by_hand.before(student, slug, cells, row, document, notebook)
    return by_hand.settle(gradebook, student, slug, row, shown), shown, cells.state(notebook, document)


def _lab(slug: str) -> Lab | None:
    try:
        return people.load().labs.find(slug)
    except CourseError:  # an assignment of nbgrader's that is no lab
        return None


def score_of(grade: Any) -> float | None:
    """A grade's score by nbgrader's rule: a person's score before the automatic one, plus extra credit.

    None when there is neither, where nbgrader says 0.
    """
    base = grade.manual_score if grade.manual_score is not None else grade.auto_score
    return None if base is None else float(base) + float(grade.extra_credit or 0.0)


class LatePenalty(NbGraderPreprocessor):  # type: ignore[misc]
    """Instead of nbgrader's AssignLatePenalties: the rule of :mod:`autograder.grading.lateness`."""

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        """Set what is taken off from the class's ledger and deadlines."""
        known = resources["nbgrader"]
        document = store.read(known["student"], known["assignment"])
        if document is None:
            return notebook, resources
        when = lateness.timing(people.load())
        with Gradebook(known["db_url"]) as gradebook:
            found = gradebook.find_submission_notebook(known["notebook"], known["assignment"], known["student"])
            points = sum(score_of(grade) or 0.0 for grade in found.grades)
            found.late_submission_penalty = when.penalty(document, points)
            gradebook.db.commit()
        return notebook, resources


class Scores(GetGrades):  # type: ignore[misc]
    """nbgrader's GetGrades, but what nobody has graded yet has no score instead of 0, and it says what is by hand."""

    def preprocess(self, notebook: Any, resources: Any) -> tuple[Any, Any]:
        """See :func:`autograder.grading.by_hand.annotate`.

        The maximum is that of the submission's version of the lab; nbgrader takes that of the gradebook's cells.
        """
        notebook, resources = super().preprocess(notebook, resources)
        known = resources["nbgrader"]
        graded = [given for cell in notebook.cells if (given := cell.metadata.get("nbgrader")) and "points" in given]
        known["max_score"] = sum(given["points"] for given in graded)
        student, slug = known["student"], known["assignment"]
        with Gradebook(known["db_url"]) as gradebook:
            grades = gradebook.find_submission_notebook(known["notebook"], slug, student).grades
            flagged = {grade.cell.name for grade in grades if grade.needs_manual_grade}
        shown = by_hand.mark(student, slug) or by_hand.Shown()
        by_hand.annotate(notebook.cells, by_hand.read(student, slug), shown.cells, flagged)
        return notebook, resources

    def _get_score(self, cell: Any, resources: Any) -> None:
        points = cell.metadata["nbgrader"].get("points")
        super()._get_score(cell, resources)
        if points is not None:
            cell.metadata["nbgrader"]["points"] = points
        name = cell.metadata["nbgrader"]["grade_id"]
        grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
        cell.metadata["nbgrader"]["score"] = score_of(grade)


class FeedbackExporter(Exporter):  # type: ignore[misc]
    """Instead of nbgrader's feedback page, which shows tests and loads scripts: the page of ``feedback.py``."""

    file_extension = ".html"

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, Any]:
        """The page, after :class:`Scores` has put scores and comments into the cells."""
        notebook, resources = super().from_notebook_node(nb, resources, **kw)
        return feedback_page(notebook, resources["nbgrader"]), resources


def feedback_page(
    notebook: Any, known: Mapping[str, Any], when: Timing | None = None, shown_as: feedback.ShownAs | None = None
) -> str:
    """The feedback page for an annotated notebook.

    Args:
        notebook: with scores and comments in its cells.
        known: assignment, student, score (less the penalty), max_score, late_penalty.
        when: receipt and deadlines; read now where nothing is given.
        shown_as: whose page it is and of which lab; looked up when it is not given.
    """
    if shown_as is None:
        shown_as = feedback.ShownAs.of(
            people.load(), known["student"], _lab(known["assignment"]) or known["assignment"]
        )
    document = store.read(known["student"], known["assignment"])
    when = when or lateness.timing(people.load())
    score = known["score"] + known["late_penalty"]
    return feedback.render(
        shown_as,
        document,
        notebook.cells,
        score=score - (when.of(document, score).penalty if document else 0.0),
        max_score=known["max_score"],
        timing=when.remarks(document, score) if document else (),
        refused=when.later_refused(document) if document else None,
    )


def safe_markdown(source: str) -> str:
    """Markdown to HTML that cannot act in the formgrader's page: no script, no style, no image, no odd address.

    What is longer than is shown formatted (:mod:`autograder.grading.sanitize`), or cannot be formatted, is shown as it
    is.
    """
    shown = sanitize.plain_text(source)
    if shown is None and not sanitize.is_long(source):
        try:
            return str(bleach.clean(markdown2html_mistune(source), tags=TAGS, attributes=ATTRIBUTES))
        except (InvalidNotebook, RecursionError):  # of a picture that is not attached; nested too deeply
            pass
    text = source if shown is None else shown
    said = f"<p>{html.escape(sanitize.PLAIN)}</p>\n" if shown is not None or sanitize.is_long(source) else ""
    return f"{said}<pre>{html.escape(text[: limits.MARKDOWN_CELL.most])}</pre>"
