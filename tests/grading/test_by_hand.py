"""Lab 04's written answer on its way: open after grading, seen with its mark scheme, graded by a person, kept."""

from __future__ import annotations

import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import paths
from autograder.grading import exports, gradebook, judge, people, regrade, released, store
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.grading.people import Person
from autograder.labs import manifest, release
from autograder.quality import samples

from .doubles import LocalRunner, kind_probe

pytestmark = pytest.mark.slow
LAB = manifest.find("04-tagging")
SCHEME = "Half a point each, none for a point that is only named"


@pytest.fixture
def course(home, empty_gradebook):
    """The sample class, with the labs of the kit."""
    people.write_course(paths.classroom() / people.COURSE_FILE, samples.COURSE, samples.KEY)
    people.register([Person("ada"), Person("ben"), Person("fay")], given=samples.handed_out())
    shutil.copyfile(empty_gradebook, paths.classroom() / "gradebook.db")
    return people.load()


@pytest.fixture
def graded(course):
    """Three sample submissions, judged and entered."""
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)
    for student in ("ada", "ben", "fay"):
        outcome = judge.judge(student, samples.folder(LAB) / f"{LAB.slug}-{student}.zip", tools)
        assert outcome.status == "graded", outcome.problems
        store.record(outcome, Identity(), course, LAB)
    gradebook.sync(course)


def give(student, **values):
    """Points or a comment for the policy, as the formgrader stores them."""
    with Gradebook(released.database()) as book:
        row = book.find_submission_notebook(LAB.slug, LAB.slug, student)
        [target] = [
            one for one in (row.comments if "manual_comment" in values else row.grades) if one.cell.name == "policy"
        ]
        for name, value in values.items():
            setattr(target, name, value)
        book.db.commit()


def exported(course):
    return {entry.student: entry for entry in exports.entries(course) if entry.lab == LAB.slug}


def page(student):
    return (paths.classroom() / "feedback" / student / LAB.slug / f"{LAB.slug}.html").read_text("utf-8")


def test_it_is_open_until_a_person_has_graded_it_and_stays_as_graded(course, graded):
    found = exported(course)
    assert [(found[s].score, found[s].status, found[s].ungraded) for s in ("ada", "ben", "fay")] == [
        (8, "needs review", ("policy",)), (5.5, "needs review", ("policy",)), (0, "needs review", ("policy",))
    ]  # fmt: skip
    assert (
        "To be graded by hand" in page("ada")
        and "8 of 10 points" in page("ada")
        and "2 are not graded yet" in page("ada")
    )
    for student in ("ada", "ben", "fay"):  # what the formgrader shows
        assert SCHEME in cells_of(student)["policy-task"] and SCHEME not in page(student)
    assert "We deploy by digest" in cells_of("ben")["policy"] and cells_of("fay")["policy"] == release.TEXT_STUB
    give("ada", manual_score=1.5, needs_manual_grade=False)
    give("ada", manual_comment="Say who may push.")
    give("fay", manual_score=0.0, needs_manual_grade=False)
    assert gradebook.sync(course) == 2  # what a person gave is news by itself: pages are made anew for these two
    assert "9.5 of 10 points" in page("ada")
    [*_] = regrade.run(regrade.candidates([LAB.slug], [], course), course, lambda row: None)
    gradebook.sync(course)
    found = exported(course)
    assert [(found[s].score, found[s].status) for s in ("ada", "ben", "fay")] == [
        (9.5, "graded"), (5.5, "needs review"), (0, "graded")
    ]  # fmt: skip
    assert (
        "9.5 of 10 points" in page("ada") and "Say who may push." in page("ada") and "not graded yet" not in page("ada")
    )
    assert "Graded by hand" in page("ada") and "To be graded by hand" in page("ben")


def cells_of(student):
    notebook = nbformat.read(paths.classroom() / "autograded" / student / LAB.slug / f"{LAB.slug}.ipynb", 4)
    return {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in notebook.cells}


def test_no_mark_scheme_and_no_model_answer_is_in_what_students_get():
    text = (LAB.folder / f"{LAB.slug}.ipynb").read_text("utf-8")
    assert SCHEME not in text and "A model answer" not in text and release.TEXT_STUB in text
    assert "Half a point each for:" in text  # what counts, they do see
