"""What people gave by hand, and the state of the work that they saw when they gave it.

The points themselves are nbgrader's: they stand in ``gradebook.db``, and nothing here changes them. Beside them a
record (``class/by-hand/STUDENT/NN-slug.json``) says for which answer and which verdict they were given. Where the
present ones are others, nbgrader's own flag ``needs_manual_grade`` says that a person must look again; a person who
saves the points again takes the flag away, and that is their word that the points hold for what is there now.

What a person saw is what was shown last: the mark of the last sync (``class/verdicts/STUDENT/NN-slug.synced``) keeps
it. While something new is being entered the mark holds both states, and what differs between them counts as not seen;
so a run that is killed may cost a second look and never lets points stand for work that nobody saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from autograder import paths
from autograder.formats import Format, Newer, Unreadable, is_absent
from autograder.grading import store
from autograder.grading.verdict_file import VerdictFile
from autograder.labs import release
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab


class Seen(BaseModel):
    """One cell as it is shown to a person.

    Attributes:
        answer: SHA-256 (hex) of the cell's own source, or for a check of the sources of its task cells.
        verdict: status and points of the check, such as ``failed 0``; empty for what only a person judges.
        most: how many points the cell gives; None where it gives none, or where an earlier kit did not note it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str = ""
    verdict: str = ""
    most: float | None = Field(default=None, exclude_if=is_absent)

    def is_same_work(self, other: Seen) -> bool:
        """Whether answer and verdict are those of another look at the cell, whatever points it gives."""
        return (self.answer, self.verdict) == (other.answer, other.verdict)

    def holds_for(self, other: Seen) -> bool:
        """Whether points that were given for this hold for the other: the same work, of as many points as is known."""
        return self.is_same_work(other) and (None in (self.most, other.most) or self.most == other.most)


T = TypeVar("T")
UNKNOWN = Seen()  # nobody can say what was shown: no answer has this hash


class Given(BaseModel):
    """What a person gave for one cell, and what they saw; ``points_for`` and ``comment_for`` are None without one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    manual_score: float | None = None
    extra_credit: float | None = None
    points_for: Seen | None = None
    comment: str | None = None
    comment_for: Seen | None = None

    @property
    def points(self) -> tuple[float | None, float | None]:
        """Points and extra credit."""
        return self.manual_score, self.extra_credit

    @property
    def is_empty(self) -> bool:
        """Whether nothing was given."""
        return self.points == NOTHING and self.comment is None


class Record(BaseModel):
    """Everything that people gave for one student's lab.

    Attributes:
        row: id of the gradebook's row that it was read from. Another row is a new one, into which it is put back.
        cells: the cell's name -> what was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    row: str = ""
    cells: dict[str, Given] = Field(default_factory=dict)


class Shown(BaseModel):
    """The mark of a sync.

    Attributes:
        print: changes with whatever was entered; empty while nothing was entered completely.
        cells: the cell's name -> what the gradebook and the autograded notebook show.
        next: the same, of what is being entered; absent when all is done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    print: str = ""
    cells: dict[str, Seen] = Field(default_factory=dict)
    next: dict[str, Seen] | None = Field(default=None, exclude_if=is_absent)

    def seen(self, name: str) -> Seen:
        """What a person certainly saw of a cell."""
        shown = self.cells.get(name, UNKNOWN)
        return shown if self.next is None or self.next.get(name) == shown else UNKNOWN


RECORDS: Format[Record] = Format(
    "the record of what was given by hand",
    "class/by-hand/STUDENT/NN-slug.json",
    Record,
    next_step="Remove it: the points stay in the gradebook, and each is to be looked at once more.",
)
SHOWN: Format[Shown] = Format(
    "the mark of what the gradebook shows",
    "class/verdicts/STUDENT/NN-slug.synced",
    Shown,
    next_step="Remove it and run: python3 course.py regrade",
)
OTHERS = ""  # no cell's id
NOTHING = (None, None)  # neither points nor extra credit by hand


# -- files -----------------------------------------------------------------------------------------------------------


def record_file(student: str, lab: str) -> Path:
    """``class/by-hand/STUDENT/LAB.json``."""
    return paths.classroom() / "by-hand" / student / f"{lab}.json"


def mark_file(student: str, lab: str) -> Path:
    """``class/verdicts/STUDENT/LAB.synced``."""
    return store.verdict_file(student, lab).with_suffix(".synced")


def read(student: str, lab: str) -> Record | None:
    """The record; None when there is none or it is damaged.

    Raises:
        Newer: a newer kit wrote it.
    """
    return _read(RECORDS, record_file(student, lab))


def mark(student: str, lab: str) -> Shown | None:
    """The mark of the last sync; None when there is none, or it is that of version 0.1.0, which was a bare digest.

    Raises:
        Newer: a newer kit wrote it.
    """
    return _read(SHOWN, mark_file(student, lab))


def _read(form: Format[T], file: Path) -> T | None:
    try:
        return form.from_json(file.read_bytes())
    except Newer as problem:
        where = file.relative_to(paths.home()).as_posix()
        raise Newer(
            expected=problem.expected, detail=f"{where}: {problem.detail}", next_step=problem.next_step
        ) from None
    except (OSError, Unreadable):
        return None


def students(lab: str) -> list[str]:
    """The students for whom there is a record of a lab."""
    return sorted(file.parent.name for file in (paths.classroom() / "by-hand").glob(f"*/{lab}.json"))


def _write(file: Path, document: BaseModel) -> None:
    text = json.dumps(document.model_dump(mode="json", by_alias=True), indent=1, ensure_ascii=False)
    replace(file, f"{text}\n".encode())


# -- what is shown ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """Which answers the checks of a version of a lab are about: check id -> ids of the notebook's cells.

    :data:`OTHERS` among the ids stands for the code that is in no cell of the newest notebook.
    """

    of_check: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(lab: Lab | None) -> Cells:
        """Those of a lab, from the notebook that was handed out; none when the lab is unknown.

        The notebook that is kept is the newest one. Where it has no cell for a task any more, nobody can say which cell
        of an older notebook was for it: so any change of code that is not in the newest one counts as another answer.

        Args:
            lab: in the version of the submission: others may have other checks.
        """
        if lab is None:
            return Cells({})
        file = paths.classroom() / "release" / lab.slug / f"{lab.slug}.ipynb"
        content = file.read_bytes() if file.is_file() else release.derived(lab)
        by_task: dict[str, list[str]] = {}
        for cell in json.loads(content)["cells"]:
            name = str((cell["metadata"].get("nbgrader") or {}).get("grade_id") or "")
            for tag in cell["metadata"].get("tags", []) if name else ():
                by_task.setdefault(tag.removeprefix("task:"), []).append(name)
        return Cells({part.id: tuple(n for t in part.tasks for n in by_task.get(t, (OTHERS,))) for part in lab.checks})

    def state(self, notebook: Any, document: VerdictFile | None) -> dict[str, Seen]:
        """What an autograded notebook and a verdict file show of each cell that is graded or can be commented on.

        Args:
            notebook: with nbgrader's metadata.
            document: the verdict file; None when there is none.
        """
        sources: dict[str, str] = {}
        found: dict[str, Seen] = {}
        for cell, given in _graders(notebook):
            sources[given["grade_id"]] = cell["source"]
        others = [cell for cell in notebook["cells"] if not cell["metadata"].get("nbgrader")]
        sources[OTHERS] = _hash([cell["source"] for cell in others if cell["cell_type"] == "code"])
        for _, given in _graders(notebook):
            name = given["grade_id"]
            if given["solution"] or given.get("task"):
                found[name] = Seen(answer=_hash([sources[name]]), most=given.get("points"))
            elif given["grade"]:
                about = [sources.get(other, "") for other in self.of_check.get(name, ())]
                found[name] = Seen(answer=_hash(about), verdict=verdict_of(document, name), most=given.get("points"))
        return found


def _graders(notebook: Any) -> Iterator[tuple[Any, Any]]:
    for cell in notebook["cells"]:
        given = cell["metadata"].get("nbgrader")
        if given:
            yield cell, given


def _hash(texts: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(texts).encode("utf-8", "surrogatepass")).hexdigest()


def verdict_of(document: VerdictFile | None, check: str) -> str:
    """Status and points that a check gave; its words do not matter, nor whether the gradebook shows the points now."""
    if document is None or check not in document.checks:
        return ""
    given = next((verdict for verdict in document.verdicts if verdict.check == check), None)
    if given is None:
        return "by_hand"
    return given.status if given.points is None else f"{given.status} {given.points:g}"


def before(
    student: str, lab: str, cells: Cells, row: Any, document: VerdictFile | None, submitted: Any = None
) -> Shown:
    """What was shown until now.

    Where version 0.1.0 made the last sync, it is the autograded notebook on disk and the scores in the gradebook.

    Args:
        student: the student's id.
        lab: the lab's slug.
        cells: of the lab.
        row: the gradebook's row of the submitted notebook, before anything new is entered.
        document: the present verdict file. Its status stands where its points are those in the gradebook.
        submitted: the present notebook, for nbgrader's command, which removes the autograded one before it asks. It is
            what was shown if nothing was handed in since.
    """
    known = mark(student, lab)
    if known is not None:
        return known
    try:
        file = paths.classroom() / "autograded" / student / lab / f"{lab}.ipynb"
        if submitted is None or file.is_file():
            submitted = _joined(json.loads(file.read_text(encoding="utf-8")))
        elif store.notebook_file(student, lab).stat().st_mtime > mark_file(student, lab).stat().st_mtime:
            return Shown()
        on_disk = cells.state(submitted, document)
    except (OSError, ValueError, KeyError, TypeError):
        return Shown()
    scores = {grade.cell.name: (grade.auto_score, grade.cell.max_score) for grade in row.grades}
    return Shown(cells={name: _by_score(seen, name, scores.get(name), document) for name, seen in on_disk.items()})


def _joined(notebook: Any) -> Any:
    """A notebook file whose sources may be lists of lines."""
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


def _by_score(seen: Seen, name: str, score: tuple[float | None, float] | None, document: VerdictFile | None) -> Seen:
    if score is None or not seen.verdict:
        return seen
    entered, most = score
    given = document.checks.get(name) if document else None
    return (
        seen if given and entered == clamped(given.score, most) else seen.model_copy(update={"verdict": f"{entered}"})
    )


def clamped(score: float | None, most: float) -> float | None:
    """A check's points as the gradebook takes them: neither below 0 nor above what the cell has."""
    return None if score is None else max(0.0, min(float(score), float(most)))


# -- records ---------------------------------------------------------------------------------------------------------


def settle(gradebook: Any, student: str, lab: str, row: Any, shown: Shown) -> Record:
    """Record what people gave since the last time; the record is on disk when this returns.

    What is new or changed was given for what was shown. Points without the flag that were given for something else
    have been confirmed. A row that is new, since nbgrader removed the old one or its database is lost, gets back what
    the record holds.

    Args:
        gradebook: the gradebook; it is committed where something was put back.
        student: the student's id.
        lab: the lab's slug.
        row: the submitted notebook's row.
        shown: see :func:`before`.
    """
    file = record_file(student, lab)
    kept = read(student, lab)
    if kept is None and file.exists():  # damaged: each is to be looked at
        kept, shown = Record(row=row.id), Shown()
    grades = {grade.cell.name: grade for grade in row.grades}
    comments = {comment.cell.name: comment for comment in row.comments}
    if kept is not None and kept.row != row.id:
        _put_back(kept, grades, comments)
        gradebook.db.commit()  # first: with the row's id in it, the record takes an empty cell for a cleared one
    old = kept.cells if kept else {}
    cells = {name: given for name, given in old.items() if name not in grades and name not in comments}
    for name in {**grades, **comments}:
        given = _given(grades.get(name), comments.get(name), old.get(name, Given()), shown.seen(name))
        if not given.is_empty:
            cells[name] = given
    record = Record(row=row.id, cells=cells)
    if kept != record and (kept or cells):
        _write(file, record)
    return record


def _put_back(kept: Record, grades: Mapping[str, Any], comments: Mapping[str, Any]) -> None:
    for name, given in kept.cells.items():
        grade, comment = grades.get(name), comments.get(name)
        if grade is not None and (grade.manual_score, grade.extra_credit) == NOTHING and given.points != NOTHING:
            grade.manual_score, grade.extra_credit = given.points
            grade.needs_manual_grade = True  # until it is known what is there
        if comment is not None and comment.manual_comment is None:
            comment.manual_comment = given.comment


def _given(grade: Any, comment: Any, old: Given, seen: Seen) -> Given:
    points = (grade.manual_score, grade.extra_credit) if grade is not None else NOTHING
    text = comment.manual_comment or None if comment is not None else None  # formgrader saves "" for a removed one
    points_for, comment_for = old.points_for, old.comment_for
    if points != old.points:
        points_for = seen
    elif points != NOTHING and not grade.needs_manual_grade and seen not in (points_for, UNKNOWN):
        if points_for is None or not points_for.holds_for(seen):  # confirmed, and with the points the comment beside
            comment_for = seen if text is not None and text == old.comment else comment_for
        if seen.most is not None or points_for is None or not points_for.holds_for(seen):
            points_for = seen  # or an earlier kit did not note the most that there was
    if text != old.comment:
        comment_for = seen
    return Given(
        manual_score=points[0],
        extra_credit=points[1],
        points_for=None if points == NOTHING else points_for,
        comment=text,
        comment_for=None if text is None else comment_for,
    )


def announce(student: str, lab: str, shown: Shown, state: Mapping[str, Seen]) -> None:
    """Write, before anything new is entered, what it is: until :func:`done`, nobody can say which of both was seen."""
    if shown.cells != state or shown.next is not None or mark(student, lab) is None:
        _write(mark_file(student, lab), shown.model_copy(update={"next": dict(state)}))


def done(student: str, lab: str, state: Mapping[str, Seen], print_: str) -> None:
    """Write that all is entered, and with what."""
    _write(mark_file(student, lab), Shown(print=print_, cells=dict(state)))


def to_look_at(record: Record, state: Mapping[str, Seen]) -> set[str]:
    """The cells whose points were given for another answer or verdict than the present ones, or out of others."""
    return {
        name
        for name, given in record.cells.items()
        if given.points_for is not None and name in state and not given.points_for.holds_for(state[name])
    }


def annotate(cells: Iterable[Any], record: Record | None, state: Mapping[str, Seen], flagged: set[str]) -> None:
    """Put into nbgrader's metadata of a notebook's cells what the feedback says about points and comments by hand.

    Args:
        cells: of the autograded notebook.
        record: of the student and lab.
        state: what is there now.
        flagged: the names of cells that a person must look at.
    """
    for cell in cells:
        graded = cell["metadata"].get("nbgrader")
        given = record.cells.get(graded["grade_id"]) if record and graded else None
        if graded is None or given is None:
            continue
        name = graded["grade_id"]
        graded["by_hand"] = given.manual_score is not None
        graded["to_look_at"] = given.points != NOTHING and name in flagged
        graded["earlier_comment"] = given.comment is not None and not _is_about(given.comment_for, state.get(name))


def _is_about(seen: Seen | None, state: Seen | None) -> bool:
    """Whether a comment was given for what is there: how many points that gives does not matter."""
    return seen is not None and state is not None and seen.is_same_work(state)


# -- words for the formgrader ----------------------------------------------------------------------------------------


def reasons(given: Given | None, state: Seen | None) -> list[str]:
    """Why a person must look at a cell again, in sentences; none when nothing changed."""
    if given is None or state is None:
        return []
    said = []
    seen = given.points_for
    if seen is not None and not seen.is_same_work(state):
        said += [f"The points were given for an earlier submission: {change}." for change in _changes(seen, state)]
    if seen is not None and seen.most is not None and state.most is not None and seen.most != state.most:
        said.append(f"The points were given of {seen.most:g}, and there are {state.most:g} now.")
    if given.comment_for is not None and not _is_about(given.comment_for, state) and given.points_for is None:
        said.append("The comment was given for an earlier submission. Change or remove it.")
    return said


def _changes(old: Seen, new: Seen) -> Iterator[str]:
    if not old.answer:
        yield "what was there then is not known"
        return
    if old.answer != new.answer:
        yield "the answer is another one now"
    if old.verdict != new.verdict:
        was, now = (text.replace("_", " ") or "no verdict" for text in (old.verdict, new.verdict))
        yield f"the check said “{was}” then and says “{now}” now"
