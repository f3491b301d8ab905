"""A class that leaves a lab out and gives other points: grading, regrade, gradebook, export, hand-out and status."""

from __future__ import annotations

import contextlib
import json
import shutil

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from autograder import paths
from autograder.cli.student import status
from autograder.errors import CourseError
from autograder.grading import exports, gradebook, judge, people, platforms, regrade, released, store, walled
from autograder.grading.batch import Batch
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.grading.people import Person
from autograder.labs import manifest, progress, release, students
from autograder.labs.overlay import Overlay

from .doubles import LocalRunner, kind_probe
from .submissions import Student

OTHER_POINTS = '\n[labs."90-tiny".points]\ndouble = 4\nwhy = 0.5\nengine = 0\n'
LEFT_OUT = '\n[labs."91-small"]\nomit = true\n'


@pytest.fixture
def kit(kit):
    """Two labs of one kind."""
    for part in ("labs", "solutions"):
        shutil.copytree(kit / part / "90-tiny", kit / part / "91-small")
    (kit / "solutions/91-small/90-tiny.py").rename(kit / "solutions/91-small/91-small.py")
    toml = kit / "labs/91-small/lab.toml"
    toml.write_text(toml.read_text().replace('slug = "90-tiny"', 'slug = "91-small"'))
    return kit


@pytest.fixture
def change(course):
    """Write into the class's course.toml, and load the class again."""
    file = paths.classroom() / "course.toml"
    own = file.read_text()

    def to(text):
        file.write_text(own + text)
        return people.load()

    return to


def judged(student, course, tmp_path):
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    outcome = judge.judge(student.id, student.zip(tmp_path / "zips"), tools)
    assert outcome.status == "graded", outcome.problems
    return store.record(outcome, Identity(), course, course.labs.find(student.lab.slug))


def test_without_an_entry_the_labs_are_as_they_come(course):
    assert course.labs == Overlay({}) and course.labs.slugs() == ["90-tiny", "91-small"]
    assert course.labs.find("90") == manifest.find("90")


def test_points_of_the_class_count_in_grading_and_are_claimed_and_summed_by_them(change, ada, tmp_path):
    document = judged(ada, change(OTHER_POINTS), tmp_path)
    assert {id: mark.score for id, mark in document.checks.items()} == {
        "pushed": 2, "round-trip": 1, "double": 4, "engine": 0, "why": None
    }  # fmt: skip
    assert (document.score, document.max_score, document.claimed) == (7, 7.5, 0)


def test_a_change_of_points_judges_stored_evidence_again(course, change, ada, tmp_path, monkeypatch):
    judged(ada, course, tmp_path)
    changed = change(OTHER_POINTS)
    [row] = regrade.run(regrade.candidates([], [], changed), changed, lambda row: None)
    assert (row.score, row.max_score) == (7, 7.5) and row.remarks[0].startswith("5.5 of 7 → 7 of 7.5 points.")
    assert store.is_current(store.read("ada", "90-tiny"), store.read("ada", "90-tiny").submission_sha256,
                            changed.labs.find("90"), changed)  # fmt: skip

    @contextlib.contextmanager
    def ready(self, plan):
        yield set()

    monkeypatch.setattr(Batch, "ready", ready)
    monkeypatch.setattr(walled, "work", lambda *a: pytest.fail("judged from the zip"))
    [row] = Batch(change(""), jobs=1).run([tmp_path / "zips"], lambda plan: None, lambda row: None)
    assert row.status == "graded" and (row.score, row.max_score) == (5.5, 7)  # `grade` notices the change as well


@pytest.mark.slow
def test_gradebook_feedback_and_export_have_the_classs_points(course, change, ada, tmp_path):
    judged(ada, course, tmp_path)
    gradebook.sync(course)
    with Gradebook(released.database()) as book:
        book.find_grade("why", "90-tiny", "90-tiny", "ada").manual_score = 0.5
        book.db.commit()
    changed = change(OTHER_POINTS + LEFT_OUT)
    regrade.run(regrade.candidates([], [], changed), changed, lambda row: None)
    gradebook.sync(changed)
    with Gradebook(released.database()) as book:
        assert book.find_assignment("90-tiny").max_score == 7.5
        grade = book.find_grade("why", "90-tiny", "90-tiny", "ada")
        assert (grade.manual_score, grade.max_score) == (0.5, 0.5)
    entries = {(entry.student, entry.lab): entry for entry in exports.entries(changed)}
    assert {lab for _, lab in entries} == {"90-tiny", "total"}
    assert (entries["ada", "90-tiny"].score, entries["ada", "total"].max_score) == (7.5, 7.5)
    # 0.5 points were given out of 1.5, and are out of 0.5 now: a person looks once more.
    assert entries["ada", "90-tiny"].status == "needs review" and entries["ada", "90-tiny"].ungraded == ("why",)
    with Gradebook(released.database()) as book:
        book.find_grade("why", "90-tiny", "90-tiny", "ada").needs_manual_grade = False
        book.db.commit()
    moodle = platforms.moodle(exports.entries(changed), changed.labs.find("90")).text.splitlines()
    assert moodle[0].endswith(",90-tiny") and moodle[1].endswith(",7.5")
    page = (paths.classroom() / "feedback/ada/90-tiny/90-tiny.html").read_text("utf-8")
    assert "7.5 of 7.5 points" in page


def test_a_lab_that_is_left_out_is_refused_with_the_reason(course, change, tmp_path):
    small = Student("ada", course, manifest.find("91"))
    judged(small, course, tmp_path)
    left_out = change(LEFT_OUT)
    assert left_out.labs.slugs() == ["90-tiny"]
    outcome = judge.judge("x", tmp_path / "zips" / "91-small-ada.zip", Tools(left_out, LocalRunner, kind_probe))
    assert outcome.status == "refused" and "91-small, which this class leaves out" in outcome.problems[0]
    assert regrade.candidates([], [], left_out) == []
    with pytest.raises(CourseError) as caught:
        left_out.labs.find("91")
    assert "leaves out" in caught.value.found and caught.value.expected == "one of 90-tiny"


@pytest.mark.parametrize(("text", "found"), [
    ('[labs."99-none"]\nomit = true\n', '[labs."99-none"]'),
    ('[labs."90-tiny".points]\nnone = 1\n', 'none in [labs."90-tiny".points]'),
    ('[labs."90-tiny".points]\ndouble = -1\n', "labs.90-tiny.points.double"),
    ('[labs."90-tiny".points]\ndouble = true\n', "labs.90-tiny.points.double"),
    ('[labs."90-tiny".points]\ndouble = nan\n', "labs.90-tiny.points.double"),
    ('[labs."90-tiny"]\nomitt = true\n', "labs.90-tiny.omitt"),
    ('[labs."90-tiny"]\nomit = "yes"\n', "labs.90-tiny.omit"),
    ('[lab."90-tiny"]\nomit = true\n', "lab: "),
    ('[labs."90-tiny"]\nomit = true\n[labs."91-small"]\nomit = true\n', "each of them"),
])  # fmt: skip
def test_a_slip_is_named(change, text, found):
    with pytest.raises(CourseError) as caught:
        change("\n" + text)
    assert found in caught.value.found and "course.toml" in caught.value.expected and caught.value.next_step


def test_students_are_handed_out_what_the_class_changed(change, home):
    before = (paths.classroom() / "handout-parameters/ada/student.toml").read_bytes()
    assert b"labs" not in before, "version 0.1.0 reads no further field"
    change(OTHER_POINTS + LEFT_OUT)
    people.register([Person("ada"), Person("ben")])
    given = students.read(paths.classroom() / "handout-parameters/ada/student.toml")
    assert given.overlay.slugs() == ["90-tiny"] and given.overlay.find("90").points["double"] == 4
    assert set(given.seeds) == {"90-tiny", "91-small"}
    change("")
    people.register([Person("ada"), Person("ben")])
    assert (paths.classroom() / "handout-parameters/ada/student.toml").read_bytes() == before


@pytest.mark.parametrize("of", ["the student's file", "the class's file"])
def test_status_shows_the_classs_labs_and_points(change, home, of):
    change(OTHER_POINTS + LEFT_OUT)
    people.register([Person("ada")])
    (home / "work").mkdir()
    shutil.copyfile(paths.classroom() / "handout-parameters/ada/student.toml", home / "work/student.toml")
    if of == "the student's file":
        (home / "class").rename(home / "elsewhere")
    else:
        students.write(students.current().model_copy(update={"labs": {}}), home / "work/student.toml")
    progress._write({"90-tiny": {"double": "passed", "pushed": "failed"}}, "")
    done = CliRunner().invoke(status, ["--json"])
    assert done.exit_code == 0, done.output
    assert [(row["lab"], row["points"], row["of"]) for row in json.loads(done.output)] == [("90-tiny", 4, 7.5)]


def test_a_student_whose_kit_lacks_a_lab_of_the_class_can_work(change, home):
    """Their instructor's kit has one more; nobody but the instructor could do anything about it."""
    student = students.issue(b"k" * 16, "c", "ada").model_copy(update={"labs": {"99-more": {"omit": True}}})
    assert student.overlay.slugs() == ["90-tiny", "91-small"]


def test_the_students_notebook_of_the_kit_stays_as_it_is(change, lab):
    changed = change(OTHER_POINTS)
    assert release.derived(manifest.find("90")) == release.derived(lab) != release.derived(changed.labs.find("90"))
