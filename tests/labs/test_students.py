"""Student files: written and read, and told when they are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import CourseError
from autograder.labs import students


def test_round_trip(tmp_path):
    made = students.issue(b"key", "ml-2026", "ada", ["01-first-push", "02-names"])
    students.write(made, tmp_path / "student.toml")
    assert students.read(tmp_path / "student.toml") == made


def test_seeds_depend_on_key_student_and_lab():
    seeds = [
        students.issue(key, "c", who, ["l", "m"]).seeds[lab]
        for key in (b"1", b"2")
        for who in ("a", "b")
        for lab in ("l", "m")
    ]
    assert len(set(seeds)) == 8


@pytest.mark.parametrize("id", ["", "Ada", "a b", "-a", "a/", "../x", "ä", "a" * 41, "a\n"])
def test_ids_that_do_not_fit_file_and_image_names(id):
    with pytest.raises(CourseError, match="student id"):
        students.issue(b"k", "c", id, ["l"])


@given(st.from_regex(students.ID.pattern.replace(r"\Z", ""), fullmatch=True))
def test_every_other_id_is_taken(id):
    assert students.issue(b"k", "c", id, ["l"]).student == id


@pytest.mark.parametrize("text", ["", "student = 1", 'student = "a"', "=", 'student="A"\ncourse="c"\n[seeds]\n'])
def test_a_wrong_file_is_told(tmp_path, text):
    (tmp_path / "student.toml").write_text(text, encoding="utf-8")
    with pytest.raises(CourseError, match=r"student\.toml"):
        students.read(tmp_path / "student.toml")


def test_no_file_and_no_seed(tmp_path):
    with pytest.raises(CourseError, match="no such file"):
        students.read(tmp_path / "student.toml")
    with pytest.raises(CourseError, match="a seed for 09"):
        students.issue(b"k", "c", "ada", ["01-x"]).seed("09-y")


def test_a_self_learner_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    first = students.ensure()
    assert first.student == "learner" and students.ensure() == first


def test_a_mark_that_windows_editors_add_does_no_harm(tmp_path):
    made = students.issue(b"key", "c", "ada", ["01-x"])
    file = tmp_path / "student.toml"
    students.write(made, file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert students.read(file) == made


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "student.toml"
    made = students.issue(b"key", "c", "ada", ["01-x"])
    students.write(made, file)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(students.Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        students.write(students.issue(b"key", "c", "bob", ["01-x"]), file)
    assert students.read(file) == made
