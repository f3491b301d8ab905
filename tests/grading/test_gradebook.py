"""The bridge to nbgrader: one call gives what nbgrader's own commands give, and nothing ever executes a notebook."""

from __future__ import annotations

import html
import importlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook
from rich.console import Console

from autograder import paths
from autograder.cli import instructor
from autograder.errors import EnvironmentProblem
from autograder.grading import (
    exports,
    feedback,
    formgrader,
    gradebook,
    intake,
    judge,
    lateness,
    people,
    platforms,
    receipts,
    regrade,
    released,
    report,
    store,
)
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.grading.people import Person
from autograder.grading.receipts import Receipt
from autograder.labs import manifest, release
from autograder.services import installation

from ..evidence.images import Layout
from .doubles import LocalRunner, kind_probe
from .submissions import Student, js

pytestmark = pytest.mark.slow  # nbgrader's gradebook takes seconds to create

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "import pathlib\npathlib.Path(__file__ if False else r'{flag}').write_text('executed')\n"


@pytest.fixture
def grade(course, lab, tmp_path):
    """Judge a student's submission and keep the verdict, without the gradebook."""
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)

    def one(student, files=None):
        outcome = judge.judge(f"{student.id}.zip", student.zip(tmp_path / "zips", files), tools)
        return store.record(outcome, Identity(), course, lab)

    return one


def rows():
    """What the gradebook holds, without its random ids."""
    with sqlite3.connect(paths.classroom() / "gradebook.db") as db:
        return db.execute(
            "select s.student_id, s.timestamp, b.name, g.auto_score, g.manual_score, g.needs_manual_grade, "
            "n.late_submission_penalty from grade g join submitted_notebook n on g.notebook_id = n.id "
            "join submitted_assignment s on n.assignment_id = s.id join base_cell b on g.cell_id = b.id order by 1, 3"
        ).fetchall()


def files(*steps):
    root = paths.classroom()
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for step in steps
        for file in sorted((root / step).rglob("*"))
        if file.is_file()
    }


def nbgrader(*arguments):
    """An nbgrader command, started by hand in the checkout."""
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def score(row):
    return {name: auto for student, _, name, auto, *_ in rows() if student == row}


def test_scores_feedback_and_notebooks_are_written(course, ada, grade):
    grade(ada)
    assert gradebook.sync(course) == 1
    assert score("ada") == {"pushed": 2, "round-trip": 1, "double": 2, "engine": 0.5, "why": None}
    assert {row[2] for row in rows() if row[5]} == {"why"}
    assert set(files("autograded", "feedback")) == {
        "autograded/ada/90-tiny/90-tiny.ipynb",
        "autograded/ada/90-tiny/timestamp.txt",
        "feedback/ada/90-tiny/90-tiny.html",
        "feedback/ada/90-tiny/timestamp.txt",
    }
    with Gradebook(released.database()) as book:
        assert {s.id for s in book.students} == {"ada", "ben", "cleo"}
        assert book.find_student("ada").last_name == "Ada" and book.find_student("ada").email == "ada@example.org"
        assert book.find_assignment("90-tiny").max_score == 7
    assert gradebook.sync(course) == 0  # nothing is left to do


@pytest.mark.slow
def test_nbgraders_own_commands_change_nothing_and_execute_nothing(course, ada, ben, grade, tmp_path):
    flag = tmp_path / "flag"
    grade(ada, ada.files(HOSTILE.format(flag=flag) + "def double(n):\n    return 2 * n\n"))
    grade(ben, ben.files("def double(n):\n    return n\n"))
    flag.unlink(missing_ok=True)  # the runner ran the task's cell, as it must
    gradebook.sync(course)
    before, kept = rows(), files("autograded", "feedback", "submitted", "source", "release")
    nbgrader("autograde", "90-tiny", "--force")
    nbgrader("generate_feedback", "90-tiny", "--force")
    nbgrader("generate_assignment", "90-tiny", "--force")
    assert rows() == before
    assert files("autograded", "feedback", "submitted", "source", "release") == kept
    assert not flag.exists()
    said = nbgrader("export", "--to", str(tmp_path / "grades.csv"))
    assert "Exporting" in said and "90-tiny" in (tmp_path / "grades.csv").read_text()


@pytest.mark.slow
def test_nbgrader_refuses_to_start_where_it_has_no_settings(course, ada, grade, tmp_path):
    flag = tmp_path / "flag"
    grade(ada, ada.files(HOSTILE.format(flag=flag) + "def double(n):\n    return 2 * n\n"))
    flag.unlink(missing_ok=True)
    gradebook.sync(course)
    before = files("autograded")
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", "90-tiny", "--force"],
        cwd=paths.classroom(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0 and "the course's folder" in done.stderr
    assert not flag.exists() and files("autograded") == before


@pytest.mark.slow
def test_nbgrader_by_hand_gives_the_same_from_nothing(course, ada, grade):
    grade(ada)
    gradebook.sync(course)
    before, kept = rows(), files("autograded", "feedback")
    for step in ("autograded", "feedback"):
        shutil.rmtree(paths.classroom() / step)
    (paths.classroom() / "gradebook.db").unlink()
    nbgrader("generate_assignment", "90-tiny", "--force")
    nbgrader("autograde", "90-tiny")
    nbgrader("generate_feedback", "90-tiny")
    assert rows() == before and files("autograded", "feedback") == kept


def spoiled(ada, change):
    """The files of a submission whose notebook was changed."""
    found = ada.files()
    notebook = json.loads(found["notebook.ipynb"])
    change(notebook)
    return found | {"notebook.ipynb": json.dumps(notebook).encode()}


def deleted(notebook):
    notebook["cells"] = [cell for cell in notebook["cells"] if "task:double" in cell["metadata"].get("tags", [])]


def duplicated(notebook):
    notebook["cells"] += json.loads(json.dumps(notebook["cells"]))


def stripped(notebook):
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        cell["metadata"] = {"tags": tags}


def retyped(notebook):
    for cell in notebook["cells"]:
        if "task:double" not in cell["metadata"].get("tags", []):
            cell["cell_type"] = "raw"


def patched(notebook):
    for cell in notebook["cells"]:
        if cell["source"] and "check(" in "".join(cell["source"]):
            cell["source"] = "check = lambda *a: 'full points'"
            cell["metadata"]["nbgrader"] |= {"points": 1000, "grade": False, "locked": False}
            cell["outputs"] = [{"output_type": "stream", "name": "stderr", "text": "error"}]


@pytest.mark.parametrize("change", [deleted, duplicated, stripped, retyped, patched])
def test_what_is_done_to_the_notebook_neither_gives_nor_costs_points(course, ada, grade, change):
    grade(ada, spoiled(ada, change))
    gradebook.sync(course)
    assert score("ada") == {"pushed": 2, "round-trip": 1, "double": 2, "engine": 0.5, "why": None}
    notebook = nbformat.read(paths.classroom() / "autograded/ada/90-tiny/90-tiny.ipynb", 4)
    graded = [c.metadata.nbgrader.grade_id for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]
    assert sorted(graded) == ["double", "engine", "pushed", "round-trip", "why"]
    assert all(
        c.source == f'check("{c.metadata.nbgrader.grade_id}")'
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") in ("pushed", "double")
    )
    assert "full points" not in str([c.metadata for c in notebook.cells])


def give(student, cell, **values):
    """Points or a comment by a person, as the formgrader stores them."""
    with Gradebook(released.database()) as book:
        row = book.find_submission_notebook("90-tiny", "90-tiny", student)
        for target in row.comments if "manual_comment" in values else row.grades:
            if target.cell.name == cell:
                for name, value in values.items():
                    setattr(target, name, value)
        book.db.commit()


def page(student):
    return (paths.classroom() / "feedback" / student / "90-tiny" / "90-tiny.html").read_text("utf-8")


def test_what_a_person_gave_survives_another_grading(course, ada, grade):
    grade(ada)
    gradebook.sync(course)
    assert "To be graded by hand" in page("ada") and "5.5 of 7 points" in page("ada")
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    give("ada", "why", manual_comment="Good & <short>.")
    give("ada", "double", manual_score=1.5, needs_manual_grade=False)
    grade(ada, ada.files("def double(n):\n    return n\n"))
    assert gradebook.sync(course) == 1
    by_name = {row[2]: row for row in rows()}
    assert by_name["why"][4] == 1.0 and by_name["double"][3:5] == (0, 1.5)
    assert {name for name, row in by_name.items() if row[5]} == {"double"}  # the check says something else now
    assert "Good &amp; &lt;short&gt;." in page("ada") and "6 of 7 points" in page("ada")
    assert "Graded by hand" in page("ada")


def test_a_new_version_of_the_lab_keeps_what_people_gave(course, ada, ben, grade, kit, lab):
    grade(ada)
    grade(ben)
    gradebook.sync(course)
    give("ada", "why", manual_score=1.25, needs_manual_grade=False)
    give("ada", "why", manual_comment="Well said.")
    toml = kit / "labs/90-tiny/lab.toml"
    extra = '\n[[checks]]\nid = "extra"\npoints = 1\nhints = ["a", "b", "c"]\n'
    toml.write_text(toml.read_text().replace("version = 1", "version = 2") + extra)
    master = kit / "solutions/90-tiny/90-tiny.py"
    head = next(line for line in master.read_text().splitlines() if '"pushed"' in line and line.startswith("# %%"))
    master.write_text(
        f'{master.read_text()}\n{head.replace("pushed", "extra").replace(": 2,", ": 1,")}\ncheck("extra")\n'
    )
    module = kit / "checks/tiny/checks.py"
    text = '\n\n@check("extra", trust="proved")\ndef extra(e):\n    """Something new"""\n'
    manifest._load.cache_clear()
    module.write_text(module.read_text() + text)
    importlib.reload(lab.code())  # as in a process that was started after the change
    assert manifest.find("90").version == 2
    [*_] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    gradebook.sync(course)
    by_name = {row[2]: row for row in rows() if row[0] == "ada"}
    assert by_name["extra"][3] == 1 and by_name["why"][4] == 1.25 and by_name["pushed"][3] == 2
    assert "Well said." in page("ada") and len([row for row in rows() if row[0] == "ben"]) == 6
    manifest._load.cache_clear()


def test_feedback_shows_no_hidden_case_and_asks_nobody_for_anything(course, ada, grade):
    grade(ada, ada.files("def double(n):\n    return 0\n", why="<script>alert(1)</script> my answer"))
    gradebook.sync(course)
    text = page("ada")
    assert "a large number" in text and "7000000" not in text.replace(" ", "") and ">70" not in text
    assert "<script" not in text and "://" not in text and "src=" not in text and "my answer" in text
    assert "<td><code>2</code></td>" in text  # the visible case that failed


def test_a_verdict_without_evidence_is_not_entered(course, ada, lab, tmp_path):
    content = bytearray(ada.zip(tmp_path).read_bytes())
    content[content.index(b"blobs/sha256/") + 80] ^= 0xFF
    outcome = judge.judge("x", bytes(content), Tools(course, LocalRunner, kind_probe))
    document = store.record(outcome, Identity(), course, lab)
    assert (document.status, document.score) == ("refused", None)
    gradebook.sync(course)
    assert rows() == []


def rescored(document, **scores):
    """Write a verdict file with other points."""
    checks = {id: mark.model_copy(update={"score": scores.get(id, mark.score)}) for id, mark in document.checks.items()}
    store.write(document.model_copy(update={"checks": checks}))


def test_a_check_that_could_not_be_graded_waits_for_a_person(course, ada, grade):
    rescored(grade(ada), double=None)
    gradebook.sync(course)
    assert {row[2] for row in rows() if row[5]} == {"double", "why"} and score("ada")["double"] is None


def test_points_never_exceed_the_cells(course, ada, grade):
    rescored(grade(ada), double=1000, pushed=-5)
    gradebook.sync(course)
    assert (score("ada")["double"], score("ada")["pushed"]) == (2, 0)


@pytest.mark.parametrize("gone", ["feedback", "autograded"])
def test_what_was_lost_is_made_again(course, ada, grade, gone):
    grade(ada)
    gradebook.sync(course)
    before, kept = rows(), files("autograded", "feedback")
    shutil.rmtree(paths.classroom() / gone)
    assert gradebook.sync(course) == 1
    assert rows() == before and files("autograded", "feedback") == kept


@pytest.mark.slow
def test_a_lost_gradebook_is_made_again_whole_or_not_at_all(course, ada, grade):
    grade(ada)
    gradebook.sync(course)
    before = rows()
    file = paths.classroom() / "gradebook.db"
    file.unlink()
    file.with_name("gradebook.db.new").write_bytes(b"half")
    assert gradebook.sync(course) == 1 and rows() == before
    with sqlite3.connect(file) as db:
        assert db.execute("select count(*) from alembic_version").fetchone() == (1,)
    assert not file.with_name("gradebook.db.new").exists()


DEADLINES = """lab,student,due,penalty,cap,until
90-tiny,*,2026-01-01T00:00+01:00,10%,50%,2026-01-20T00:00+01:00
90-tiny,cleo,2026-01-03T00:00+01:00,,,
"""


def received(document, at):
    """Say when a submission was received, as the platform's list does."""
    ledger = receipts.load()
    ledger.note(
        Receipt(
            sha256=document.submission_sha256,
            student=document.student,
            lab=document.lab,
            received_at=at,
            known="lms list",
        )
    )
    ledger.write()


def test_lateness_is_the_same_everywhere_and_follows_the_files(course, ada, ben, lab, grade):
    """In the gradebook, by nbgrader's own command, in the export and on the feedback page; again and again."""
    (paths.classroom() / lateness.FILE).write_text(DEADLINES, encoding="utf-8")
    cleo = Student("cleo", course, lab)
    for student, at in (
        (ada, "2026-01-02T12:00+01:00"),
        (ben, "2026-01-21T00:00+01:00"),
        (cleo, "2026-01-03T00:00+01:00"),
    ):
        received(grade(student), at)
    for command in ("", "autograde", "", "autograde"):
        if command:
            nbgrader(command, "90-tiny", "--force")
            nbgrader("generate_feedback", "90-tiny", "--force")
        else:
            gradebook.sync(course)
        assert {row[0]: row[6] for row in rows()} == {"ada": 1.4, "ben": 7.0, "cleo": None}
        found = {e.student: (e.score, e.days_late, e.penalty) for e in exports.entries(course) if e.lab == "90-tiny"}
        assert found == {"ada": (4.1, 2, 1.4), "ben": (0.0, 20, 5.5), "cleo": (5.5, 0, 0.0)}
        page = (paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text("utf-8")
        assert "4.1 of 7 points" in page and "2 days late" in page and "1.4 points are taken off" in page
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    (paths.classroom() / lateness.FILE).write_text(DEADLINES.replace("10%", "0.5"), encoding="utf-8")
    [entry] = [e for e in exports.entries(course) if (e.student, e.lab) == ("ada", "90-tiny")]
    assert (entry.score, entry.penalty, entry.status) == (5.5, 1.0, "graded")  # before the gradebook knows
    gradebook.sync(course)
    assert {row[0]: row[6] for row in rows()} == {"ada": 1.0, "ben": 7.0, "cleo": None}
    with Gradebook(released.database()) as book:
        assert book.find_assignment("90-tiny").duedate == datetime(2025, 12, 31, 23)
        assert book.find_submission("90-tiny", "ada").timestamp == datetime(2026, 1, 2, 11)
        found = book.find_submission("90-tiny", "ada")
        assert (found.score, found.late_submission_penalty) == (6.5, 1.0)


def test_what_may_have_been_in_time_costs_nothing_and_is_in_no_final_score(course, ada, grade):
    grade(ada)
    (paths.classroom() / lateness.FILE).write_text(DEADLINES, encoding="utf-8")
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    [entry] = [e for e in exports.entries(course) if (e.student, e.lab) == ("ada", "90-tiny")]
    assert (entry.score, entry.penalty, entry.status) == (6.5, 0.0, "needs review")
    assert "may have been received before" in entry.remark and "--received" in entry.remark
    assert platforms.final([entry], course.labs.find("90-tiny")) == []


def test_a_date_that_was_entered_with_nbgraders_commands_stays_and_takes_nothing_off(course, ada, grade):
    grade(ada)
    gradebook.sync(course)
    with Gradebook(released.database()) as book:
        book.update_or_create_assignment("90-tiny", duedate="2025-02-01 00:00:00 UTC")
    shutil.rmtree(paths.classroom() / "feedback")
    gradebook.sync(course)
    assert {row[6] for row in rows()} == {None}
    with Gradebook(released.database()) as book:
        assert book.find_assignment("90-tiny").duedate == datetime(2025, 2, 1)


def test_exports_hold_manual_points_and_say_what_is_open(course, ada, ben, grade):
    grade(ada)
    grade(ben, ben.files("def double(n):\n    return n\n"))
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    made = {(entry.student, entry.lab): entry for entry in exports.entries(people.load())}
    assert (made["ada", "90-tiny"].score, made["ada", "90-tiny"].status) == (6.5, "graded")
    assert (made["ben", "90-tiny"].score, made["ben", "90-tiny"].status) == (3.5, "needs review")
    assert made["ben", "90-tiny"].ungraded == ("why",) and made["ben", "total"].ungraded == ("90-tiny/why",)
    assert made["cleo", "90-tiny"].status == "missing" and made["ada", "total"].score == 6.5
    totals = {student: entry.status for (student, lab), entry in made.items() if lab == "total"}
    assert totals == {"ada": "graded", "ben": "needs review", "cleo": "missing"}
    listed = list(made.values())
    lines = exports.as_csv(listed).splitlines()
    assert lines[0] == ",".join(exports.COLUMNS) and lines[1].startswith(
        "ada,Ada,ada@example.org,90-tiny,6.5,7,graded,,0.5,"
    )
    assert len(lines) == 1 + 3 * 2
    assert json.loads(exports.as_json(listed))[0]["score"] == 6.5
    moodle = platforms.moodle(listed, course.labs.find("90-tiny"))
    assert moodle.text.splitlines() == ["ID number,Email address,Full name,90-tiny", "ada,ada@example.org,Ada,6.5"]


def test_what_a_killed_run_left_out_of_the_gradebook_is_in_no_final_score(course, ada, grade):
    grade(ada)
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    assert (exported()["ada", "90-tiny"].score, exported()["ada", "90-tiny"].status) == (6.5, "graded")
    half = "def double(n):\n    return n\n"
    for files_ in (ada.files(half), ada.files(why="Another answer.")):  # other points, and the same for another answer
        grade(ada, files_)
        entry = exported()["ada", "90-tiny"]
        assert (entry.score, entry.status) == (0, "not graded") and "not in the gradebook" in entry.remark
    with installation.locked("grade"):  # another command is at it
        done = CliRunner().invoke(instructor.export, ["--format", "json"])
    assert done.exit_code == 0 and "was not brought up to date" in done.stderr
    assert json.loads(done.stdout)[0]["status"] == "not graded"
    done = CliRunner().invoke(instructor.export, ["--format", "json"])
    [told] = [e for e in json.loads(done.stdout) if (e["student"], e["lab"]) == ("ada", "90-tiny")]
    assert (told["score"], told["status"], told["ungraded"]) == (6.5, "needs review", ["why"])
    assert exported()["ada", "90-tiny"].status == "needs review"


def test_the_formgrader_waits_for_a_run_that_fills_the_gradebook(course, ada, grade, monkeypatch):
    grade(ada)
    monkeypatch.setattr(formgrader, "serve", lambda port, ready: 0)
    with installation.locked("grade"):
        done = CliRunner().invoke(instructor.formgrader, [])
    assert isinstance(done.exception, EnvironmentProblem) and rows() == []
    assert CliRunner().invoke(instructor.formgrader, []).exit_code == 0 and rows() != []


def settle_all(student):
    """A person gives points for every part."""
    for cell in ("pushed", "round-trip", "double", "engine", "why"):
        give(student, cell, manual_score=0.5, needs_manual_grade=False)


def row_after_the_run(course, document):
    [row] = exports.reviewed([report.row_of(document, document.status)], course)
    return row


def test_somebody_elses_work_is_final_only_when_a_person_has_settled_each_part(course, ada, grade):
    message = "This is the work of ben, not of ada: red-fox."
    identity = Identity(ok=False, message=message, owner="ben")
    document = grade(ada).model_copy(update={"identity": identity, "problems": ("The file x is missing.",)})
    store.write(document)
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    entry = exported()["ada", "90-tiny"]
    assert (entry.score, entry.status) == (6.5, "needs review")
    assert entry.remark == f"{message} The file x is missing."
    row = row_after_the_run(course, document)
    assert row.is_open and report.status(row)[0] == "needs review" and row.remarks.count(message) == 1
    settle_all("ada")
    entry, row = exported()["ada", "90-tiny"], row_after_the_run(course, document)
    assert (entry.score, entry.status) == (2.5, "graded") and message in entry.remark
    assert not row.is_open and message in row.remarks
    other = identity.model_copy(update={"ok": True, "message": "Also holds what belongs to ben."})
    store.write(document.model_copy(update={"identity": other}))
    gradebook.sync(course)
    assert exported()["ada", "90-tiny"].remark.startswith("Also holds what belongs to ben.")
    assert exported()["ada", "90-tiny"].status == "graded", "a person has settled every part"
    [row] = exports.reviewed([report.row_of(store.read("ada", "90-tiny"), "graded")], course)
    assert not row.needs_review


def test_evidence_that_looks_written_by_hand_costs_nothing_and_a_person_looks(course, ada, ben, grade):
    """An honest neighbour of the same class is not touched by it."""
    made = Layout()
    made.tag(ada.parameters["tag"], made.image([b"base", b"code"], labels={"course.owner": ada.parameters["team"]}))
    document = grade(ada, ada.files(layout=made))
    neighbour = grade(ben)
    gradebook.sync(course)
    for student in ("ada", "ben"):
        give(student, "why", manual_score=1.0, needs_manual_grade=False)
    entry = exported()["ada", "90-tiny"]
    assert (document.score, entry.score, entry.status, entry.on_student_machine) == (5.5, 6.5, "needs review", 2.5)
    assert entry.ungraded == ("engine", "pushed")  # what a person gives points for, to settle it
    assert "Evidence looks written by hand: registry/" in entry.remark and "has labels and no history" in entry.remark
    row = row_after_the_run(course, document)
    assert row.is_open and report.status(row)[0] == "needs review" and "written by hand" in row.remarks[0]
    page = (paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text("utf-8")
    assert "written by hand" not in page  # whether it is one, a person says
    assert "Seen by your machine." in page and "Seen by the grader." in page
    assert page.count("says whose machine saw what a check rests on") == 1
    other = exported()["ben", "90-tiny"]
    assert (neighbour.leads, other.status, other.score) == ((), "graded", 6.5)
    for check in ("pushed", "engine"):  # what passed by what the machine reported; the rest the grader ran
        give("ada", check, manual_score=0.0, needs_manual_grade=False)
    gradebook.sync(course)
    entry, row = exported()["ada", "90-tiny"], row_after_the_run(course, document)
    assert (entry.score, entry.status, entry.ungraded) == (4.0, "graded", ()) and not row.is_open


def test_work_whose_files_were_changed_needs_review_until_a_person_has_looked(course, ada, grade):
    files = ada.files()
    name, header = "evidence/registry.json", js(ada.document(files))
    document = grade(ada, files | {name: files[name] + b" ", "submission.json": header})
    assert document.status == "graded" and document.score < 5.5
    failed = {verdict.check for verdict in document.verdicts if verdict.status == "failed"}
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    entry, row = exported()["ada", "90-tiny"], row_after_the_run(course, document)
    assert (entry.status, set(entry.ungraded)) == ("needs review", failed)
    assert intake.CHANGED in entry.remark and entry.remark.count(intake.CHANGED) == 1
    assert row.is_open and report.status(row)[0] == "needs review"
    assert sum(intake.CHANGED in remark for remark in row.remarks) == 1
    page = html.unescape((paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text("utf-8"))
    assert "Hand in the zip as <code>python3 course.py submit</code> writes it" in page
    for check in failed:
        give("ada", check, manual_score=0.0, needs_manual_grade=False)
    gradebook.sync(course)
    entry, row = exported()["ada", "90-tiny"], row_after_the_run(course, document)
    assert (entry.status, entry.ungraded) == ("graded", ()) and not row.is_open and intake.CHANGED in entry.remark


def test_a_changed_file_that_nothing_rests_on_is_a_remark(course, ada, grade):
    files = ada.files()
    header = js(ada.document(files))
    document = grade(ada, files | {"answers.json": files["answers.json"] + b" ", "submission.json": header})
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    entry = exported()["ada", "90-tiny"]
    assert (document.score, entry.score, entry.status) == (5.5, 6.5, "graded") and intake.CHANGED in entry.remark


def test_a_students_page_has_no_words_for_the_instructor(course, ada, grade):
    """The sentences that intake writes for both; what only the instructor can do is not on the page."""
    files = ada.files()
    header = js(ada.document(files) | {"parameters": ada.parameters | {"tag": "another"}})
    grade(ada, files | {"submission.json": header, "more.txt": b"x"})
    gradebook.sync(course)
    said = " ".join(store.read("ada", "90-tiny").problems)
    assert "For the instructor: " in said and "more.txt" in said
    page = html.unescape((paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text("utf-8"))
    assert "Put the student.toml that you were given into work/" in page and "Put what belongs to the work" in page
    for words in ("the student ", "The student ", "instructor", "handout-parameters"):
        assert words not in page.partition("About your submission")[2].partition("</section>")[0], words


def test_a_verdict_of_an_earlier_kit_learns_its_witness_and_nothing_else(course, ada, grade):
    document = grade(ada)
    bare = tuple(verdict.model_copy(update={"witness": None}) for verdict in document.verdicts)
    old = document.model_copy(update={"verdicts": bare, "graded_at": "2026-01-01T00:00:00+00:00", "judged_by": None})
    store.write(old)
    assert b"witness" not in store.verdict_file("ada", "90-tiny").read_bytes()
    assert store.read("ada", "90-tiny").on_student(course.lab("90-tiny")) == 2.5  # as the checks say now
    [row] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    fresh = store.read("ada", "90-tiny")
    assert row.remarks[0] == "No change." and fresh.graded_at == old.graded_at and fresh.score == old.score
    assert {v.check: v.witness for v in fresh.verdicts} == {
        "pushed": "student", "round-trip": "grader", "double": "grader", "engine": "student"}  # fmt: skip


def test_the_table_says_how_many_points_rest_on_the_students_machines(course, ada, ben, grade):
    console = Console(width=400, record=True, file=io.StringIO())
    report.show(console, [report.row_of(grade(student), "graded") for student in (ada, ben)])
    said = " ".join(console.export_text().split())
    assert "5 of 11 points rest on evidence that was collected on the students' own machines." in said


def test_a_person_settles_what_the_grader_could_not_judge(course, ada, grade):
    document = grade(ada)
    why = {"status": "not_graded", "points": None, "found": "The probe did not answer."}
    verdicts = tuple(v.model_copy(update=why) if v.check == "round-trip" else v for v in document.verdicts)
    document = document.model_copy(update={"status": "not_graded", "verdicts": verdicts})
    rescored(document, **{"round-trip": None})
    document = store.read("ada", "90-tiny")
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    entry = exported()["ada", "90-tiny"]
    assert (entry.score, entry.status) == (5.5, "not graded")
    assert entry.remark == "round-trip: The probe did not answer."
    assert report.status(row_after_the_run(course, document))[0] == "not graded"
    give("ada", "round-trip", manual_score=1.0, needs_manual_grade=False)
    gradebook.sync(course)
    entry = exported()["ada", "90-tiny"]
    assert (entry.score, entry.status, entry.ungraded) == (6.5, "graded", ())
    row = row_after_the_run(course, document)
    assert report.status(row)[0] == "graded" and row.remarks[0] == exports.SETTLED and not row.is_open


def test_the_row_says_that_points_by_hand_are_to_be_looked_at_again(course, ada, grade):
    assert not row_after_the_run(course, grade(ada)).is_open
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    document = grade(ada, ada.files(why="Another answer."))
    gradebook.sync(course)
    row, entry = row_after_the_run(course, document), exported()["ada", "90-tiny"]
    assert row.is_open and report.status(row)[0] == "needs review"
    assert "looked at again: why." in row.remarks[0] and row.remarks[0] == entry.remark


def test_the_refused_zip_of_a_former_student_stays_theirs(course, ada, grade):
    received(grade(ada), "2026-01-02T12:00+01:00")
    ledger = receipts.load()
    later = {"received_at": "2026-01-03T12:00+01:00", "known": "lms list", "refused": "It is no zip."}
    ledger.note(Receipt(sha256="0" * 64, student="ada", lab="90-tiny", name="ada.pdf", **later))
    ledger.note(Receipt(sha256="1" * 64, student="zoe", lab="90-tiny", name="zoe.pdf", **later))
    ledger.write()
    gradebook.sync(course)
    people.register([Person("ben")])
    made = exports.entries(people.load())
    assert [entry.remark for entry in made if not entry.max_score] == ["zoe.pdf: It is no zip."]
    [entry] = [e for e in made if (e.student, e.lab) == ("ada", "90-tiny")]
    assert entry.score == 5.5 and "A later submission was refused (ada.pdf" in entry.remark


def test_moodle_is_told_of_other_maxima_too(course, ada, grade, monkeypatch):
    grade(ada)
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    final = platforms.final
    monkeypatch.setattr(platforms, "final", lambda *given: [replace(e, max_score=6) for e in final(*given)])
    done = CliRunner().invoke(instructor.export, ["--format", "moodle", "--lab", "90"])
    assert "ada: by an earlier version of 90-tiny, of 6 points and not 7." in done.stderr
    assert done.stdout.splitlines()[1:] == ["ada,ada@example.org,Ada,6.5"]


def other_points(points):
    """The class, after an instructor gave checks other points in its course.toml."""
    file = paths.classroom() / people.COURSE_FILE
    file.write_text(file.read_text("utf-8") + f"\n[labs.90-tiny]\npoints = {points}\n", encoding="utf-8")
    return people.load()


def exported():
    return {(entry.student, entry.lab): entry for entry in exports.entries(people.load())}


@pytest.mark.parametrize("points", ["{ pushed = 0.5 }", "{ pushed = 1, double = 2.5 }"])  # another sum; the same
def test_points_out_of_other_ones_are_open_until_they_are_judged_again(course, ada, grade, points):
    grade(ada)
    gradebook.sync(course)
    give("ada", "why", manual_score=1.0, needs_manual_grade=False)
    assert exported()["ada", "90-tiny"].status == "graded"
    changed = other_points(points)
    total = changed.labs.find("90-tiny").total
    entry = exported()["ada", "90-tiny"]
    assert (entry.status, entry.score, entry.max_score, entry.claimed) == ("needs review", 0, total, 0)
    assert set(entry.ungraded) == {"pushed", "round-trip", "double", "engine", "why"}
    listed = list(exported().values())
    assert platforms.final(listed, changed.labs.find("90-tiny")) == []
    done = CliRunner().invoke(instructor.export, [])
    assert done.exit_code == 0 and "ada 90-tiny" in done.stderr and "python3 course.py regrade" in done.stderr
    regrade.run(regrade.candidates([], [], changed), changed, lambda row: None)
    gradebook.sync(changed)
    entry = exported()["ada", "90-tiny"]
    assert (entry.status, entry.score, entry.max_score) == ("graded", total - 0.5, total)
    assert "regrade" not in CliRunner().invoke(instructor.export, []).stderr


def test_a_verdict_that_does_not_say_its_rules_stands_while_the_sum_is_the_same(course, ada, grade):
    """As version 0.1.0 wrote them."""
    store.write(grade(ada).model_copy(update={"judged_by": None}))
    gradebook.sync(course)
    assert exports.outdated(course) == [] and exported()["ada", "90-tiny"].score == 5.5
    other_points("{ pushed = 0.5 }")
    assert exported()["ada", "90-tiny"].score == 0


def test_regrading_changes_points_and_says_so(course, ada, grade, kit):
    grade(ada, ada.files("def double(n):\n    return 3 * n\n"))
    hidden = kit / "solutions/90-tiny/hidden.py"
    hidden.write_text(hidden.read_text().replace("expected=2 * n", "expected=3 * n"))
    cases = kit / "labs/90-tiny/cases.json"
    cases.write_text(cases.read_text().replace('"expected": 4', '"expected": 6'))
    done = []
    [row] = regrade.run(regrade.candidates(["90-tiny"], ["ada"], course), course, done.append)
    assert row.score == 5.5 and "3.5 → 5.5 points. double: failed → passed" in row.remarks[0] and done == [row]
    [again] = regrade.run(regrade.candidates([], [], course), course, done.append)
    assert again.remarks[0] == "No change." and regrade.candidates(["90-tiny"], ["ben"], course) == []


def test_regrading_without_readable_evidence_changes_nothing(course, ada, grade):
    before = grade(ada)
    store.evidence_file("ada", "90-tiny").write_bytes(b"broken")
    [row] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    assert row.is_open and "--force" in row.remarks[0] and store.read("ada", "90-tiny") == before


def test_points_are_written_without_needless_zeros():
    assert [feedback.number(value) for value in (2.0, 0.5, None, 0.0)] == ["2", "0.5", "–", "0"]


def test_graders_see_the_mark_scheme_and_students_do_not(course, ada, grade, lab):
    scheme = "half a point for an example"
    submitted = ada.files()
    assert scheme.encode() not in b"".join(submitted.values()) and scheme.encode() not in release.derived(lab)
    grade(ada, submitted)
    gradebook.sync(course)
    assert scheme in (paths.classroom() / "autograded/ada/90-tiny/90-tiny.ipynb").read_text("utf-8")
    assert scheme in (paths.classroom() / "source/90-tiny/90-tiny.ipynb").read_text("utf-8")
    assert scheme not in (paths.classroom() / "release/90-tiny/90-tiny.ipynb").read_text("utf-8")
    assert scheme not in page("ada") and "Because it moves" not in page("ada")
