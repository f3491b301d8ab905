"""A class that works on an artificial lab, and submissions of every kind made for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograder.checks
from autograder import paths
from autograder.grading import people
from autograder.grading.people import Course, Person
from autograder.labs import manifest
from autograder.labs.manifest import Lab

from .submissions import KIT, Student

ROOT = Path(__file__).resolve().parents[2]
STUDENTS = ("ada", "ben", "cleo")


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kit whose only lab is the artificial one; a copy, so that a test may change it."""
    folder = tmp_path / "kit"
    shutil.copytree(KIT, folder)
    monkeypatch.setattr(paths, "LABS", folder / "labs")
    monkeypatch.setattr(paths, "SOLUTIONS", folder / "solutions")
    monkeypatch.setattr(autograder.checks, "__path__", [*autograder.checks.__path__, str(folder / "checks")])
    # Processes started by a test (workers, nbgrader, the command line) see the same kit.
    monkeypatch.setenv("COURSE_TEST_KIT", str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT)]))
    yield folder


@pytest.fixture
def lab(kit: Path) -> Lab:
    return manifest.find("90-tiny")


@pytest.fixture
def course(home: Path, kit: Path) -> Course:
    """A class of three."""
    people.register([Person(id, id.title(), f"{id}@example.org") for id in STUDENTS], "test-course")
    return people.load()


@pytest.fixture
def ada(course: Course, lab: Lab) -> Student:
    return Student("ada", course, lab)


@pytest.fixture
def ben(course: Course, lab: Lab) -> Student:
    return Student("ben", course, lab)
