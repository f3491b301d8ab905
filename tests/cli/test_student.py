"""Commands for students: the names that they show and take."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autograder.checks.api import Verdict
from autograder.cli import machine, student
from autograder.errors import CourseError
from autograder.grading import people
from autograder.labs import manifest, progress, students, submission
from autograder.notebook import cards
from autograder.services.doctor import Problem


@pytest.mark.parametrize(
    ("given", "next_step"),
    [
        ("digest", "Run: python3 course.py hint 01.digest"),
        ("nothing", "Run `python3 course.py check`"),
        ("01", "Run"),
    ],
)
def test_a_hint_without_the_lab_says_what_to_type(given, next_step):
    with pytest.raises(CourseError) as refused:
        student.hint.main([given], standalone_mode=False)
    assert refused.value.next_step.startswith(next_step) and refused.value.expected.startswith("LAB.CHECK")


def test_the_terminal_shows_the_name_that_a_hint_is_asked_by(monkeypatch, capsys):
    lab = manifest.find("01")
    verdict = Verdict(check="digest", title="T", status="failed", points=0, max_points=1, trust="proved", found="f")
    live = SimpleNamespace(lab=lab, student=None, collect=lambda: SimpleNamespace(tasks={}))
    monkeypatch.setattr(student, "_live", lambda _: live)
    monkeypatch.setattr(student.api, "run", lambda *_: [verdict])
    monkeypatch.setattr(student.progress, "note", lambda *_: None)
    with pytest.raises(SystemExit):
        student.check.main(["01"], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✗ Not yet: T (0 of 1 point) [01.digest]"
    assert lines[-2:] == ["Total: 0 of 6 points", "Not yet: digest."]


def test_points_that_a_person_gives_are_named():
    lab = manifest.find("04")
    verdict = Verdict(check="labels", title="T", status="passed", points=1, max_points=1, trust="proved")
    assert cards.earned(lab, [verdict]) == "1 of 10 points; 2 of these are given by a person (policy)"
    assert cards.earned(manifest.find("01"), [verdict]) == "1 of 6 points"


@pytest.mark.parametrize(
    ("source", "written"),
    [("*Your answer*", False), (["*Your ", "answer*\n"], False), ("", False), (None, False), ("Exact tags.", True)],
)
def test_a_written_answer_that_is_empty_is_missing(source, written):
    cell = {"cell_type": "markdown", "source": source, "metadata": {"nbgrader": {"grade_id": "policy"}}}
    assert submission._is_written({"cells": ["?", {"metadata": 1}, cell]}, "policy") is written
    assert not submission._is_written({"cells": []}, "policy")


def test_verdicts_of_another_student_are_not_mine(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    lab, verdict = (
        manifest.find("1"),
        Verdict(check="digest", title="T", status="passed", points=1, max_points=1, trust="proved"),
    )
    students.ensure()
    progress.note(lab, students.current(), [verdict])
    assert progress.points(lab) == 1
    students.write(students.issue(b"k" * 32, "class", "ada"), tmp_path / "work" / "student.toml")
    assert progress.points(lab) == 0
    progress.note(lab, students.current(), [])
    students.ensure()
    (tmp_path / "work" / "student.toml").write_text("damaged", encoding="utf-8")
    assert set(progress.read()) == {lab.slug, progress.OWNER}  # nothing is lost over a damaged file


@pytest.fixture
def class_only(tmp_path, monkeypatch):
    """An instructor's folder: a class, and nobody who works on the labs."""
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    people.register([people.Person("ada", "Ada", "")], "a-class")
    return tmp_path


def test_status_in_an_instructors_folder_names_what_shows_the_class(class_only, capsys):
    student.status.main([], standalone_mode=False)
    said = capsys.readouterr().out
    assert "This folder holds a class" in said and "export" in said and "01-first-push" not in said
    students.ensure()
    student.status.main([], standalone_mode=False)
    assert "01-first-push" in capsys.readouterr().out, "who tries the labs there has points of their own"


@pytest.mark.parametrize("works", [False, True])
def test_doctor_in_an_instructors_folder_asks_for_nothing_that_runs(class_only, works, monkeypatch, capsys):
    facts_now = SimpleNamespace(engine=SimpleNamespace(version="28", endpoint=SimpleNamespace(url="x")))
    monkeypatch.setattr("autograder.services.facts.gather", lambda: facts_now)
    monkeypatch.setattr("autograder.scanning.health.look", lambda: ("scanner", []))
    monkeypatch.setattr("autograder.services.doctor.diagnose", lambda _: [Problem("stopped", "nothing runs", "start")])
    if works:
        students.ensure()
        with pytest.raises(SystemExit):
            machine.doctor.main([], standalone_mode=False)
    else:
        machine.doctor.main([], standalone_mode=False)
    assert ("All is well" in capsys.readouterr().out) is not works
