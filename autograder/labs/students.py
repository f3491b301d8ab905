"""Who is working here: work/student.toml with the student's id, the course and the handed-out seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autograder import paths
from autograder.checks.shared import seeded_random
from autograder.errors import CourseError
from autograder.formats import Format, JsonObject, Newer, Unreadable
from autograder.labs import manifest
from autograder.labs.overlay import LabChange, Overlay

# The key of the public course, for people who learn on their own. It is no secret and protects nothing; a class has
# a key of its own, which stays with the instructor.
PUBLIC_KEY = b"registry-course public key for self-learners"
PUBLIC_COURSE = "self-study"
PUBLIC_STUDENT = "learner"

ID = re.compile(r"[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?\Z")


class Student(BaseModel):
    """student.toml: a student of a course.

    Version 0.1.0 reads no file with a further field, so none is written that says nothing.

    Attributes:
        student: the id, also part of the submission's file name: lower-case letters, digits, ``.``, ``_``, ``-``.
        course: the course's id.
        seeds: lab slug -> handed-out seed, 64 hex digits.
        labs: what the class changes of the labs.
        parameters: reserved: lab slug -> the values of its personal parameters, in place of drawing them.
        signature: reserved: over this document, by the instructor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: str = Field(pattern="^" + ID.pattern.replace(r"\Z", "$"))
    course: str = Field(min_length=1, max_length=80)
    seeds: dict[str, str]
    labs: dict[str, LabChange] = Field(default_factory=dict)
    parameters: dict[str, JsonObject] | None = None
    signature: JsonObject | None = None

    @property
    def overlay(self) -> Overlay:
        """The labs as the student's class has them."""
        return Overlay(self.labs)

    def seed(self, lab: str) -> str:
        """The handed-out seed of a lab.

        Raises:
            CourseError: the file has none for that lab.
        """
        if lab not in self.seeds:
            raise CourseError(
                expected=f"a seed for {lab} in work/student.toml",
                found="none",
                next_step="Ask your instructor for a new student.toml; a self-learner deletes the file and runs "
                "`python3 course.py start`.",
            )
        return self.seeds[lab]


STUDENT: Format[Student] = Format("the student file", "work/student.toml, class/handout-parameters/ID/", Student)


def issue(
    key: bytes, course: str, student: str, labs: list[str] | None = None, overlay: Overlay | None = None
) -> Student:
    """What a student is handed out: the id and one seed a lab.

    Args:
        key: the course's secret.
        course: the course's id.
        student: the student's id.
        labs: slugs; all labs when not given.
        overlay: what the class changes of the labs.

    Raises:
        CourseError: the id holds characters that do not fit file and image names.
    """
    try:
        return Student(
            student=student,
            course=course,
            seeds={lab: seeded_random.seed(key, "student", student, lab) for lab in labs or manifest.slugs()},
            labs=dict(overlay.changes) if overlay else {},
        )
    except ValidationError:
        raise CourseError(
            expected="a student id of at most 40 lower-case letters, digits, '.', '_' and '-', "
            "that begins and ends with a letter or digit",
            found=repr(student),
            next_step="Choose another id.",
        ) from None


def write(student: Student, file: Path) -> None:
    """Write a student.toml."""
    lines = [
        "# Who you are in this course, and the seeds of your personal parameters. Do not edit.",
        f'student = "{student.student}"',
        f'course = "{student.course}"',
        "",
        "[seeds]",
        *(f'"{lab}" = "{seed}"' for lab, seed in student.seeds.items()),
        *_changes(student.labs),
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.part")  # half a file would lock the student out
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    partial.replace(file)


def _changes(labs: Mapping[str, LabChange]) -> Iterator[str]:
    """The lines that say what a class changes of the labs; ids and slugs need no escapes, quoted."""
    for slug, change in labs.items():
        if change.omit:
            yield from ("", f'[labs."{slug}"]', "omit = true")
        if change.points:
            yield from ("", f'[labs."{slug}".points]', *(f'"{id}" = {p!r}' for id, p in change.points.items()))


def read(file: Path) -> Student:
    """Read a student.toml.

    Raises:
        CourseError: not there, unreadable or not valid, or a newer kit wrote it.
    """
    try:
        return STUDENT.from_toml(file.read_bytes())
    except FileNotFoundError:
        found = "no such file"
    except OSError as error:
        found = str(error)
    except Newer:
        raise
    except Unreadable as problem:
        found = problem.detail
    raise CourseError(
        expected=f"your student file {file.name} in work/",
        found=found,
        next_step="Put the file your instructor gave you there; a self-learner deletes it and runs "
        "`python3 course.py start`.",
    )


def current() -> Student:
    """The student of this installation.

    Raises:
        CourseError: no valid work/student.toml.
    """
    return read(paths.work() / "student.toml")


def class_labs() -> Overlay:
    """The labs as this student's class has them; unchanged where there is no valid student.toml."""
    try:
        return current().overlay
    except CourseError:
        return Overlay()


def ensure() -> Student:
    """The student of this installation; without a student.toml, a self-learner of the public course is made.

    A self-learner's file gains seeds for labs that came with a newer kit; a class's file is never changed.
    """
    file = paths.work() / "student.toml"
    if not file.exists():
        write(issue(PUBLIC_KEY, PUBLIC_COURSE, PUBLIC_STUDENT), file)
    student = read(file)
    if student.course == PUBLIC_COURSE and any(lab not in student.seeds for lab in manifest.slugs()):
        student = issue(PUBLIC_KEY, PUBLIC_COURSE, student.student)
        write(student, file)
    return student
