"""A class that works on an artificial lab, and submissions of every kind made for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder import paths
from autograder.grading import people, released
from autograder.grading.people import Course, Person
from autograder.labs import manifest, sources
from autograder.labs.manifest import Lab

from .submissions import KIT, Student

ROOT = Path(__file__).resolve().parents[2]
STUDENTS = ("ada", "ben", "cleo")
KEY = bytes(range(32))  # the same in all tests, so that they draw the same cases


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kit whose only lab is the artificial one; a copy, so that a test may change it."""
    folder = tmp_path / "kit"
    shutil.copytree(KIT, folder)
    monkeypatch.setenv(sources.VARIABLE, str(folder))  # processes started by a test see it too
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield folder


@pytest.fixture
def lab(kit: Path) -> Lab:
    return manifest.find("90-tiny")


@pytest.fixture(scope="session")
def empty_gradebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty gradebook. Making one takes seconds (nbgrader starts a program for it), so the tests share a copy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(tmp_path_factory.mktemp("gradebook")))
        released.create(Course("test-course", b"", None))
        return paths.classroom() / "gradebook.db"


@pytest.fixture
def course(home: Path, kit: Path, empty_gradebook: Path) -> Course:
    """A class of three."""
    people.write_course(paths.classroom() / people.COURSE_FILE, "test-course", KEY)
    people.register([Person(id, id.title(), f"{id}@example.org") for id in STUDENTS])
    shutil.copyfile(empty_gradebook, paths.classroom() / "gradebook.db")
    return people.load()


@pytest.fixture
def ada(course: Course, lab: Lab) -> Student:
    return Student("ada", course, lab)


@pytest.fixture
def ben(course: Course, lab: Lab) -> Student:
    return Student("ben", course, lab)
