"""check, hint and answer outside a kernel: a result or a card that says what is wrong, never an exception."""

from __future__ import annotations

import shutil

import pytest

from autograder.labs import manifest, progress, students
from autograder.notebook import session

LAB = "01-first-push"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    made = tmp_path / "work" / LAB
    made.mkdir(parents=True)
    shutil.copy(manifest.find(LAB).folder / f"{LAB}.ipynb", made)
    monkeypatch.chdir(made)
    session._kept.clear()
    yield made
    session._kept.clear()


def become(folder, student):
    students.write(students.issue(b"key", "c", student, [LAB]), folder.parent / "student.toml")


def test_a_replaced_student_file_counts_at_once(folder):
    become(folder, "ada")
    first = session.me.repository
    become(folder, "bob")
    assert session.me.student == "bob" and session.me.repository != first


@pytest.mark.parametrize(
    "call",
    [
        lambda: session.check("bytes-to-push"),
        lambda: session.answer("x", 1),
        lambda: session.hint("digest"),
        lambda: session.me.repository,
    ],
)
def test_who_works_here_is_read_once_a_call(folder, monkeypatch, call):
    become(folder, "ada")
    read, times = students.read, []
    monkeypatch.setattr(students, "read", lambda file: times.append(file) or read(file))
    call()
    assert len(times) == 1


@pytest.mark.parametrize("call", [lambda: session.check("digest"), lambda: session.answer("v1_digest", "x")])
def test_without_a_student_file(folder, call):
    assert "student.toml" in repr(call())


def test_an_unknown_name(folder):
    become(folder, "ada")
    assert "one of first-push" in repr(session.check("x"))
    assert "one of first-push" in repr(session.hint("x"))
    assert "check('x')" in repr(session.check("x")) and "hint('x')" in repr(session.hint("x"))


def test_without_a_name(folder):
    become(folder, "ada")
    assert "check() without a name" in repr(session.check()) and 'check("all")' in repr(session.check())
    assert "hint() without a name" in repr(session.hint()) and 'hint("first-push")' in repr(session.hint())


def test_a_full_disk_is_told(folder, monkeypatch):
    become(folder, "ada")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(progress.answers, "replace", full)
    assert "No space left" in repr(session.hint("digest"))


def test_elsewhere(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert "work/NN-slug" in repr(session.check("digest"))


def test_what_a_person_grades_is_said_to_be(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    folder = tmp_path / "work" / "04-tagging"
    folder.mkdir(parents=True)
    shutil.copy(manifest.find(folder.name).folder / f"{folder.name}.ipynb", folder)
    monkeypatch.chdir(folder)
    session._kept.clear()
    students.write(students.issue(b"key", "c", "ada", [folder.name]), folder.parent / "student.toml")
    assert "policy, which a person reads and grades" in repr(session.check("policy"))
    assert "policy" not in repr(session.check("x")) and "policy" in repr(session.hint("x"))
    assert "1 of 3" in repr(session.hint("policy"))
    session._kept.clear()
