"""A class of thirty through a whole course: every point and its reason, by each way that points can be read.

What goes wrong in real classes is in it: clocks that are off, ties, extensions, work that came late or nobody knows
when, hand grades before a resubmission, files of every wrong kind. The table below is what must come out; it is
compared with the report of `grade`, the exports, nbgrader's own commands and formgrader.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook
from traitlets.config import Config

from autograder import paths
from autograder.cli import instructor
from autograder.grading import lateness, people, released, store
from autograder.grading.formgrader_lists import Lists
from autograder.grading.people import Person

from .doubles import grade_without_engine
from .submissions import Student, packed

pytestmark = pytest.mark.slow  # nbgrader takes seconds
ROOT = Path(__file__).resolve().parents[2]
SLUG = "90-tiny"
HALF = "def double(n):\n    return n\n"  # 3.5 points; solved it is 5.5, and 1.5 by hand
DEADLINES = f"""lab,student,due,penalty,cap,until
{SLUG},*,2026-03-10T12:00+01:00,10%,40%,2026-03-20T12:00+01:00
{SLUG},extended,2026-03-13T12:00+01:00,,,
{SLUG},extended-late,2026-03-13T12:00+01:00,,,
"""
IN_TIME, NEXT_DAY = "2026-03-10T11:00+01:00", "2026-03-11T11:00+01:00"


@dataclass(frozen=True)
class Person30:
    """What a student hands in, and what must come of it.

    Attributes:
        id: also says what is special.
        sources: the code of each submission, in the order of receipt; None: solved.
        received: when the platform's list says that each came; empty: it says nothing.
        clocks: what the student's clock says each time.
        names: of the files; by default one that no platform wrote.
        by_hand: points for the written answer; None: nobody gave any.
        row: status in the report of `grade`.
        score: in the exports.
        status: in the exports.
        reason: a part of the row's remarks and of the export's remark.
        where: which of both says it. What a run saw side by side stands in its rows alone; that a later file was
            refused stands in the export, and in the row of that file why.
    """

    id: str
    score: float
    status: str
    reason: str = ""
    sources: tuple[str | None, ...] = (None,)
    received: tuple[str, ...] = (IN_TIME,)
    clocks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    by_hand: float | None = 1.5
    row: str = "graded"
    penalty: float = 0.0
    where: str = "row and export"
    wrong: dict[str, bytes] = field(default_factory=dict)


CLASS = [
    Person30("solved", 7.0, "graded"),
    Person30("half", 5.0, "graded", sources=(HALF,)),
    Person30("waiting", 5.5, "needs review", by_hand=None),
    Person30(
        "clock", 7.0, "graded", "clock is off", clocks=("2030-01-01T00:00:00+00:00",), where="row"
    ),
    Person30(
        "clock-first", 7.0, "graded", sources=(HALF, None), received=(IN_TIME, "2026-03-10T11:30+01:00"),
        clocks=("2030-01-01T00:00:00+00:00", "2026-03-10T10:00:00+00:00"),
    ),
    Person30(
        "tie-attempt", 7.0, "graded", "a later attempt: 2", sources=(HALF, None), received=(IN_TIME, IN_TIME),
        names=("z-tie-attempt.zip", "a-tie-attempt-1.zip"), where="row",
    ),
    Person30(
        "tie-name", 7.0, "graded", "its name sorts last", sources=(HALF, None), received=(IN_TIME, IN_TIME),
        names=("a-tie-name.zip", "b-tie-name.zip"), where="row",
    ),
    Person30("extended", 7.0, "graded", received=("2026-03-12T12:00+01:00",)),
    Person30(
        "extended-late", 6.3, "graded", "1 day late (due 2026-03-13T12:00+01:00, an extension): 0.7 points",
        received=("2026-03-13T12:00:01+01:00",), penalty=0.7,
    ),
    Person30(
        "two-days", 5.6, "graded", "2 days late", received=("2026-03-11T12:00:01+01:00",), penalty=1.4
    ),
    Person30("capped", 4.2, "graded", "9 days late", received=("2026-03-19T12:00+01:00",), penalty=2.8),
    Person30("closed", 0.0, "graded", "it gets no points", received=("2026-03-20T12:00:01+01:00",), penalty=7.0),
    Person30(
        "resubmitted-late", 5.8, "graded", "1 day late", sources=(HALF, None), received=(IN_TIME, NEXT_DAY),
        penalty=0.7, by_hand=1.0,
    ),
    Person30("unknown", 7.0, "needs review", "may have been received before", received=("",)),
    Person30(
        "by-name", 7.0, "needs review", "may have been received before", received=("",),
        names=("byname_12_345_90-tiny-x.zip",),
    ),
    Person30(
        "by-name-late", 7.0, "needs review", "nobody knows how late", received=("",),
        names=("bynamelate_LATE_13_346_90-tiny-x.zip",),
    ),
    Person30(
        "moodle", 7.0, "graded", names=("moodle_77_assignsubmission_file_/90-tiny-x.zip",),
    ),
    Person30("late-zero", 3.5, "graded", sources=(HALF,), by_hand=0.0),
    Person30("notebook", 0.0, "refused", "a notebook alone", row="refused", wrong={"90-tiny.ipynb": b"{}"}),
    Person30("pdf", 0.0, "refused", "of another kind (.pdf)", row="refused", wrong={"90-tiny.pdf": b"%PDF-1.7"}),
    Person30("rar", 0.0, "refused", "an archive of another kind", row="refused", wrong={"90-tiny.rar": b"Rar!"}),
    Person30(
        "unpacked", 0.0, "refused", "an unpacked submission", row="refused",
        wrong={"90-tiny/submission.json": b"{}", "90-tiny/notebook.ipynb": b"{}"},
    ),
    Person30(
        "nested", 0.0, "refused", "a zip in a zip in a zip", row="refused",
        wrong={"90-tiny.zip": packed({"a.zip": packed({"b.zip": packed({"submission.json": b"{}"})})})},
    ),
    Person30("half-a-zip", 0.0, "refused", "not a zip", row="refused", wrong={"90-tiny.zip": b"PK\x03\x04 half"}),
    Person30(
        "photos", 0.0, "refused", "no submission.json", row="refused", wrong={"90-tiny.zip": packed({"a.jpg": b"x"})}
    ),
    Person30(
        "good-then-pdf", 7.0, "graded", "A later submission was refused", wrong={"90-tiny.pdf": b"%PDF"},
        where="export",
    ),
    Person30("missing", 0.0, "missing", received=(), sources=(), row=""),
    Person30("copied", 4.0, "needs review", "This is the work of solved"),
    Person30("broken", 5.0, "graded", sources=("def double(n):\n    raise ValueError\n",)),
    Person30("untouched", 5.0, "graded", sources=("def double(n):\n    ...\n",)),
]  # fmt: skip
BY_ID = {one.id: one for one in CLASS}


@pytest.fixture
def thirty(course, lab, monkeypatch):
    """The class, registered, with its deadlines; nothing is handed in yet."""
    assert len(CLASS) == 30
    people.register([Person(one.id, one.id.replace("-", " ").title()) for one in CLASS])
    (paths.classroom() / lateness.FILE).write_text(DEADLINES, encoding="utf-8")
    grade_without_engine(monkeypatch)
    return people.load()


def hand_in(course, lab, inbox):
    """Put down what each hands in, and the platform's list of when it came."""
    listed = [["file", "received_at"]]
    for one in CLASS:
        student = Student(one.id, course, lab)
        for number, source in enumerate(one.sources if not one.wrong or one.row == "graded" else ()):
            student.written_at = one.clocks[number] if one.clocks else "2026-03-10T09:00:00+00:00"
            name = one.names[number] if one.names else f"{SLUG}-{one.id}-{number}.zip".replace("-0.zip", ".zip")
            files = student.files() if source is None else student.files(source)
            if one.id == "copied":
                files = Student("solved", course, lab).files()
            (inbox / name).parent.mkdir(parents=True, exist_ok=True)
            student.zip(inbox / Path(name).parent, files, Path(name).name)
            if one.received[number]:
                listed.append([name, one.received[number]])
        for name, content in one.wrong.items():
            folder = inbox / f"{one.id.replace('-', ' ').title()}_9{CLASS.index(one)}_assignsubmission_file_"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    (inbox / "nobody knows.pdf").write_bytes(b"%PDF")
    with (inbox / "list.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows(listed)
    return inbox / "list.csv"


def run(command, *arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), catch_exceptions=False)


def give_by_hand():
    """Points for the written answers, as formgrader stores them."""
    with Gradebook(released.database()) as book:
        for submission in book.find_assignment(SLUG).submissions:
            points = BY_ID[submission.student_id].by_hand
            for grade in submission.notebooks[0].grades:
                if grade.cell.name == "why" and points is not None:
                    grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def exported():
    """The rows of the CSV export about the lab, by student; what belongs to nobody as a list."""
    done = run(instructor.export, "--format", "csv")
    assert done.exit_code == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    told = json.loads(run(instructor.export, "--format", "json").stdout)
    shared = ("student", "lab", "status", "remark", "received_at", "known")
    assert [[row[key] for key in shared] for row in rows] == [[row[key] for key in shared] for row in told]
    assert [float(row["score"]) for row in rows] == pytest.approx([row["score"] for row in told])
    return {row["student"]: row for row in rows if row["lab"] == SLUG and row["student"]}, [
        row for row in rows if not row["student"]
    ]


def differences(found):
    """Where an export is not what must come out."""
    assert found.keys() == BY_ID.keys()
    wrong = []
    for id, one in BY_ID.items():
        row = found[id]
        is_ = (float(row["score"]), row["status"], float(row["penalty"]))
        if is_ != (one.score, one.status, one.penalty):
            wrong.append(f"{id}: {is_} instead of {(one.score, one.status, one.penalty)} ({row['remark']})")
    return wrong


def nbgrader(*arguments):
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def in_gradebook():
    """Student -> points less what is taken off, and whether a person has to look; as formgrader shows them."""
    with Gradebook(released.database()) as book:
        return {
            submission.student_id: (
                round(max(0.0, submission.score - submission.late_submission_penalty), 4),
                submission.needs_manual_grade,
            )
            for submission in book.find_assignment(SLUG).submissions
        }


def test_every_point_and_its_reason(thirty, lab, tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    the_list = hand_in(thirty, lab, inbox)
    grading = (instructor.grade, inbox, "--received", the_list, "--jobs", 1, "--json")

    done = run(*grading)
    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    for one in CLASS:
        counting = [r for r in rows if r["student"] == one.id and r["status"] not in ("older", "duplicate")]
        statuses = {"graded", "refused"} if one.id == "good-then-pdf" else {one.row} - {""}
        assert {row["status"] for row in counting} == statuses, one.id
        told = [" ".join([*row["remarks"], row["doubt"]]) for row in counting]
        if "row" in one.where:
            assert not one.reason or one.reason in told[0], (one.id, told)
        reviewed = one.id == "copied"
        assert [bool(row["review"]) for row in counting] == [reviewed] * len(counting), one.id
    [nobody] = [row for row in rows if row["student"] not in BY_ID]
    assert nobody["source"] == "nobody knows.pdf" and "of another kind (.pdf)" in nobody["remarks"][0]

    give_by_hand()
    found, unknown = exported()
    assert differences(found) == []
    for id, one in BY_ID.items():
        if "export" in one.where:
            assert one.reason in found[id]["remark"], (id, found[id]["remark"])
            assert one.reason or not found[id]["remark"], (id, found[id]["remark"])
    assert [(row["name"], row["status"]) for row in unknown] == [("nobody knows.pdf", "refused")]

    again = json.loads(run(*grading).stdout)
    assert {row["status"] for row in again} <= {"unchanged", "older", "duplicate", "refused"}
    assert differences(exported()[0]) == []
    by_us = in_gradebook()
    assert {id: points for id, (points, _) in by_us.items()} == {id: BY_ID[id].score for id in by_us}
    nbgrader("autograde", SLUG, "--force")
    assert in_gradebook() == by_us
    assert differences(exported()[0]) == []

    assert as_formgrader_lists_them() == with_doubts(by_us)

    moodle = run(instructor.export, "--format", "moodle", "--lab", "90")
    assert moodle.exit_code == 0
    for line in ("90-tiny (1): missing", "waiting 90-tiny: needs review: why", "nobody knows.pdf: It is a file of"):
        assert f"  {line}" in moodle.stderr
    final = {row["ID number"]: float(row[SLUG]) for row in csv.DictReader(io.StringIO(moodle.stdout))}
    assert final == {one.id: one.score for one in CLASS if one.status == "graded"}
    for one in CLASS:
        if one.penalty:
            page = (paths.classroom() / "feedback" / one.id / SLUG / f"{SLUG}.html").read_text("utf-8")
            assert f"{one.score:g} of 7 points" in page and one.reason[:10] in page


def as_formgrader_lists_them():
    """The same out of the interface that formgrader's pages are made from."""
    config = Config()
    config.CourseDirectory.root = str(paths.classroom())
    config.CourseDirectory.db_url = released.database()
    lists = Lists(config=config)
    listed = {
        row["student"]: (round(row["score"], 4), row["needs_manual_grade"])
        for row in lists.get_submissions(SLUG)
        if row["autograded"]
    }
    for student in ("two-days", "closed", "solved"):  # a student's own page
        [row] = lists.get_student_submissions(student)
        assert round(row["score"], 4) == listed[student][0]
    return listed


def with_doubts(known):
    """The same, and whose work is in doubt is to be looked at, too."""
    return known | {"copied": (known["copied"][0], True)}


def again(course, lab, inbox, id, **work):
    """Somebody hands in once more, in time; the other files stay as they are."""
    student = Student(id, course, lab)
    student.zip(inbox, student.files(**work), f"{SLUG}-{id}-again.zip")
    with (inbox / "list.csv").open("a", encoding="utf-8", newline="") as out:
        csv.writer(out).writerow([f"{SLUG}-{id}-again.zip", "2026-03-10T11:45+01:00"])


def override(id, check, points):
    with Gradebook(released.database()) as book:
        for grade in book.find_submission_notebook(SLUG, SLUG, id).grades:
            if grade.cell.name == check:
                grade.manual_score, grade.needs_manual_grade = points, False
        book.db.commit()


def test_after_hand_grading_comes_more_work_and_then_an_upgrade(thirty, lab, tmp_path, monkeypatch):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    the_list = hand_in(thirty, lab, inbox)
    grading = (instructor.grade, inbox, "--received", the_list, "--jobs", 1, "--json")
    run(*grading)
    give_by_hand()
    override("broken", "double", 1.5)
    override("half", "double", 1.0)
    before = exported()[0]
    assert (before["broken"]["score"], before["half"]["score"]) == ("6.5", "6")

    again(thirty, lab, inbox, "solved")  # the same answer: what was given for it stands
    again(thirty, lab, inbox, "two-days", why="Something else.")  # received before the late one: it is passed over
    again(thirty, lab, inbox, "clock", why="Something else.")
    again(thirty, lab, inbox, "broken")  # now the check passes, and 1.5 of 2 points by hand stand over it
    again(thirty, lab, inbox, "half", source=HALF)  # as before
    done = run(*grading)
    rows = {(row["student"], row["status"]): row for row in json.loads(done.stdout)}
    assert ("two-days", "older") in rows and ("clock", "graded") in rows
    assert {student for (student, _), row in rows.items() if row["review"]} == {"clock", "broken", "copied"}
    assert "looked at again: why" in rows["clock", "graded"]["remarks"][0] and done.exit_code == 1
    found = exported()[0]
    is_ = {id: (row["score"], row["status"], row["ungraded"]) for id, row in found.items()}
    assert is_["solved"] == ("7", "graded", "")
    assert is_["clock"] == ("7", "needs review", "why")  # the points stay until a person has looked
    assert is_["broken"] == ("6.5", "needs review", "double")
    assert is_["half"] == ("6", "graded", "")
    assert is_["two-days"] == ("5.6", "graded", "")
    unchanged = {id for id in BY_ID if id not in ("solved", "clock", "broken", "half")}
    assert {id: found[id] for id in unchanged} == {id: before[id] for id in unchanged}
    assert in_gradebook()["clock"] == (7.0, True) and as_formgrader_lists_them() == with_doubts(in_gradebook())
    nbgrader("autograde", SLUG, "--force")
    assert exported()[0] == found

    override("clock", "why", 1.5)  # looked at, and given again
    override("broken", "double", 2.0)
    run(*grading)
    found = exported()[0]
    assert (found["clock"]["status"], found["broken"]["status"], found["broken"]["score"]) == ("graded", "graded", "7")

    monkeypatch.setattr(store, "__version__", "9.9.9")  # another kit that judges the same
    done = run(instructor.regrade, "--dry-run")
    assert done.exit_code == 0
    class_file = paths.classroom() / people.COURSE_FILE
    class_file.write_text(f"{class_file.read_text('utf-8')}\n[labs.{SLUG}.points]\nround-trip = 2\n", encoding="utf-8")
    done = run(instructor.regrade, "--dry-run", "--json")
    assert done.exit_code == 1
    changes = json.loads(done.stdout)["changes"]
    assert {change["check"] for change in changes} == {"round-trip"}
    assert len(changes) == sum(1 for row in found.values() if row["status"] not in ("refused", "missing"))
    assert all("class/course.toml" in change["reason"] for change in changes)
    assert exported()[0]["solved"]["status"] == "needs review", "judged by other points than the class has now"
    run(instructor.regrade, "--json")
    found = exported()[0]
    assert (found["solved"]["score"], found["solved"]["max_score"]) == ("8", "8")
    assert (found["extended-late"]["penalty"], found["extended-late"]["score"]) == ("0.8", "7.2")
    assert len((paths.classroom() / "changes.jsonl").read_text("utf-8").splitlines()) == len(changes)
