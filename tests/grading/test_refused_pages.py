"""What was refused, or is under review, is on the student's own page: that it is, why, and what to do."""

from __future__ import annotations

import re

import pytest

from autograder import paths
from autograder.grading import feedback, gradebook, store
from autograder.grading.batch import Batch
from autograder.grading.identity import Identity

from .doubles import grade_without_engine

LAB = "90-tiny"


@pytest.fixture(autouse=True)
def no_engine(monkeypatch):
    grade_without_engine(monkeypatch)


@pytest.fixture
def grade(course, tmp_path):
    def run(**more):
        rows = Batch(course, jobs=1, **more).run([tmp_path / "box"], lambda plan: None, lambda row: None)
        gradebook.sync(course)
        return rows

    return run


def page(student="ada"):
    html = (paths.classroom() / "feedback" / student / LAB / f"{LAB}.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL).split()).replace("&#39;", "'")


def test_who_has_nothing_but_a_refused_submission_sees_why_and_what_to_do(grade, ada, tmp_path):
    ada.signs = False
    file = ada.zip(tmp_path / "box")
    grade()
    said = page()
    assert "Ada (ada)" in said and "0 of 7 points." in said
    assert "Your submission was refused" in said and file.name in said and "It is not signed. Expected:" in said
    assert "Run python3 course.py submit 90 with the newest course" in said, "a command, and no back-ticks"
    assert "Update the kit ( git pull ) and run python3 course.py submit 90-tiny again." in said, "it speaks to ada"
    assert "--unsigned" not in said and "instructor:" not in said
    assert store.read("ada", LAB) is None and not (paths.classroom() / "feedback" / "ben").exists()
    ada.signs = True
    ada.zip(tmp_path / "box", name="again.zip")
    grade()
    assert "5.5 of 7 points" in page() and "refused" not in page(), "what counts takes its place"


def test_a_later_submission_that_is_refused_is_told_beside_the_points(grade, ada, tmp_path):
    ada.zip(tmp_path / "box")
    grade()
    assert "refused" not in page()
    (tmp_path / "box" / "z90-tiny-ada.zip").write_bytes(b"no zip")
    rows = grade()
    assert "refused" in {row.status for row in rows}
    said = page()
    assert "5.5 of 7 points" in said and "A later submission was refused" in said and "It is not a zip file" in said


def test_the_page_of_a_refused_submission_is_written_once(grade, ada, tmp_path):
    ada.signs = False
    ada.zip(tmp_path / "box")
    grade()
    file = paths.classroom() / "feedback" / "ada" / LAB / f"{LAB}.html"
    before = file.stat().st_mtime_ns
    grade()
    assert file.stat().st_mtime_ns == before


@pytest.mark.parametrize("why", ["leads", "identity"])
def test_work_under_review_says_so_and_not_why(grade, course, ada, tmp_path, why):
    ada.zip(tmp_path / "box")
    grade()
    assert "Under review" not in page()
    document = store.read("ada", LAB)
    doubt = {"leads": ("An image without a history.",)} if why == "leads" else {
        "identity": Identity(owner="ben", message="This is the work of ben, not of ada.")}  # fmt: skip
    store.write(document.model_copy(update=doubt))
    gradebook.sync(course)
    said = page()
    assert "Under review A person looks at this submission before its points count." in said
    assert "without a history" not in said and "work of ben" not in said


def test_who_has_to_do_something_is_not_told_to_do_nothing(grade, course, ada, tmp_path):
    ada.zip(tmp_path / "box")
    grade()
    document = store.read("ada", LAB)
    store.write(document.model_copy(update={"leads": ("An image without a history.",)}))
    gradebook.sync(course)
    assert "You need not do anything now" in page()
    (tmp_path / "box" / "z90-tiny-ada.zip").write_bytes(b"no zip")
    grade()
    said = page()
    assert "You need not do anything" not in said and "read below what else is to be done" in said


def test_what_looks_like_markup_in_back_ticks_is_text():
    assert feedback.as_code("a `<b>` & `x`") == "a <code>&lt;b&gt;</code> &amp; <code>x</code>"
    assert feedback.as_code("`one\ntwo` <i>") == "`one\ntwo` &lt;i&gt;"
