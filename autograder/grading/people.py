"""The class: its secret key, its roster, and what each student is handed out.

``class/course.toml`` holds the course's id and key, and what the class changes of the labs
(:mod:`autograder.labs.overlay`); it stays with the instructor. ``class/roster.csv`` holds the
students; ``class/handout-parameters/STUDENT/student.toml`` is what a student gets. Without a course.toml grading
uses the public course of self-learners, whose key is no secret.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from autograder import paths
from autograder.checks.shared import seeded_random
from autograder.errors import CourseError
from autograder.formats import Format, Newer, Unreadable
from autograder.grading.archive import RESERVED
from autograder.labs import students
from autograder.labs.answers import replace
from autograder.labs.overlay import MAX_POINTS, LabChange, Overlay

COURSE_FILE = "course.toml"
ROSTER_FILE = "roster.csv"
HANDOUT = "handout-parameters"
COURSE_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9])?\Z")
COLUMNS = {
    "id": ("id", "student", "student id", "student_id", "username", "user name", "login"),
    "name": ("name", "full name", "student name"),
    "email": ("email", "e-mail", "mail", "email address"),
}


@dataclass(frozen=True)
class Person:
    """A student on the roster."""

    id: str
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Course:
    """A course as the grader knows it.

    Attributes:
        id: the course's id, also in every student.toml.
        key: the secret that personal parameters and hidden inputs are drawn from.
        roster: student id -> student; None when anyone may hand in (self-learners).
        labs: the labs that the class does, with its points.
    """

    id: str
    key: bytes
    roster: dict[str, Person] | None
    labs: Overlay = field(default_factory=Overlay)

    @property
    def is_public(self) -> bool:
        """Whether this is the public course of self-learners."""
        return self.id == students.PUBLIC_COURSE

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the key and do not reveal it."""
        return hashlib.sha256(b"course key " + self.key).hexdigest()[:16]

    def seed(self, student: str, lab: str) -> str:
        """The handed-out seed of a student for a lab."""
        return seeded_random.seed(self.key, "student", student, lab)

    def grading_seed(self, student: str, lab: str) -> str:
        """The seed that hidden inputs are drawn with; it never leaves the grader."""
        return seeded_random.seed(self.key, "grading", student, lab)


class CourseSection(BaseModel):
    """The course's id, and its secret key as hex digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=f"^{COURSE_ID.pattern.replace(chr(92) + 'Z', '$')}")
    key: str = Field(min_length=32, pattern="^([0-9A-Fa-f]{2})+$")

    @property
    def secret(self) -> bytes:
        """The key itself."""
        return bytes.fromhex(self.key)


class CourseFile(BaseModel):
    """course.toml: what only the instructor has, and what the class changes of the labs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: int = Field(default=1, alias="schema")
    course: CourseSection
    labs: dict[str, LabChange] = Field(default_factory=dict)


COURSE: Format[CourseFile] = Format(
    "the class's file",
    f"class/{COURSE_FILE}",
    CourseFile,
    by_hand=True,
    next_step="Put back a copy of that file, or correct the entry. With another key, no submission fits its student "
    "any more.",
)


def load() -> Course:
    """The course of ``class/``; the public one when there is no course.toml.

    Raises:
        CourseError: course.toml or the roster is damaged, or names labs or checks that are not there.
    """
    file = paths.classroom() / COURSE_FILE
    try:
        document = COURSE.from_toml(file.read_bytes())
    except FileNotFoundError:
        return Course(students.PUBLIC_COURSE, students.PUBLIC_KEY, None)
    except Newer:
        raise
    except (OSError, Unreadable) as error:
        changes = f"for a lab omit = true, or points for its checks (0 to {MAX_POINTS})"
        raise CourseError(
            expected=f"the course's id and key in {file}, and if anything else, {changes}",
            found=error.detail if isinstance(error, Unreadable) else str(error),
            next_step=COURSE.next_step,
        ) from None
    overlay = Overlay(document.labs).checked(file.as_posix())
    roster = file.with_name(ROSTER_FILE)
    listed = parse_roster(roster.read_bytes(), roster.name) if roster.is_file() else []
    return Course(document.course.id, document.course.secret, {person.id: person for person in listed}, overlay)


def parse_roster(content: bytes, name: str) -> list[Person]:
    """Read a roster: CSV with a header line, columns id (also: student, username, login), name, email.

    A file without a header is read as id, name, email in this order. Commas, semicolons and tabs separate.

    Raises:
        CourseError: not readable, an id that does not fit file names, or one twice; names the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _bad_roster(name, "it is not UTF-8 text", "Save it as CSV in UTF-8.") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(",;\t", key=first.count)
    columns: dict[str, int] | None = None
    found: dict[str, Person] = {}
    for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = {"id": 0, "name": 1, "email": 2}
        value = {key: cells[at] if at < len(cells) else "" for key, at in columns.items()}
        person = Person(value["id"], value.get("name", ""), value.get("email", ""))
        if not students.ID.match(person.id) or RESERVED.match(person.id):
            fits = "at most 40 lower-case letters, digits, '.', '_' and '-', beginning and ending with one of the first"
            raise _bad_roster(name, f"line {number}: the id {person.id!r}", f"An id has {fits}.")
        if person.id in found:
            raise _bad_roster(name, f"line {number}: the id {person.id} a second time", "Remove one of the two lines.")
        found[person.id] = person
    if not found:
        raise _bad_roster(name, "no student", "List one student a line: id, name, email.")
    return list(found.values())


def _columns(cells: list[str]) -> dict[str, int] | None:
    """Where the columns are, if this row is a header."""
    lowered = [cell.casefold() for cell in cells]
    found = {
        key: next(n for n, cell in enumerate(lowered) if cell in names)
        for key, names in COLUMNS.items()
        if any(cell in names for cell in lowered)
    }
    return found if "id" in found else None


def _bad_roster(name: str, found: str, next_step: str) -> CourseError:
    return CourseError(
        expected=f"a roster in {name}: CSV with the columns id, name, email", found=found, next_step=next_step
    )


@dataclass(frozen=True)
class Registered:
    """What ``course roster`` did."""

    course: Course
    created: bool
    added: tuple[str, ...]
    removed: tuple[str, ...]
    handout: Path


def register(people: list[Person], course_id: str | None = None) -> Registered:
    """Write the roster and each student's student.toml; make the course with a random key if there is none.

    Students that were taken off the roster keep their verdicts and grades; their parameter file is removed.

    Raises:
        CourseError: the course exists with another id, or the id has odd characters.
    """
    folder = paths.classroom()
    before = load()
    created = before.is_public
    if created:
        chosen = course_id or f"course-{secrets.token_hex(3)}"
        if not COURSE_ID.match(chosen) or chosen == students.PUBLIC_COURSE:
            raise CourseError(
                expected="a course id of letters, digits, '.', '_' and '-'",
                found=repr(chosen),
                next_step="Choose another one, for example registries-2025.",
            )
        write_course(folder / COURSE_FILE, chosen, secrets.token_bytes(32))
    elif course_id not in (None, before.id):
        raise CourseError(
            expected=f"the course {before.id} of {folder}",
            found=f"--course {course_id}",
            next_step="Leave out --course; for another course set COURSE_HOME to another folder.",
        )
    old = set(before.roster or ())
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "name", "email"])
    writer.writerows([person.id, person.name, person.email] for person in people)
    replace(folder / ROSTER_FILE, buffer.getvalue().encode())
    course = load()
    for person in people:
        issued = students.issue(course.key, course.id, person.id, overlay=course.labs)
        students.write(issued, folder / HANDOUT / person.id / "student.toml")
    new = {person.id for person in people}
    for gone in old - new:
        (folder / HANDOUT / gone / "student.toml").unlink(missing_ok=True)
    return Registered(course, created, tuple(sorted(new - old)), tuple(sorted(old - new)), folder / HANDOUT)


def write_course(file: Path, identifier: str, key: bytes) -> None:
    """Write a course.toml, readable by its owner alone."""
    text = (
        "# The course's id and its secret key. Keep a copy in a safe place and give it to nobody: personal parameters\n"
        "# and hidden inputs are drawn from it.\n"
        "[course]\n"
        f'id = "{identifier}"\n'
        f'key = "{key.hex()}"\n'
    )
    replace(file, text.encode())  # made by mkstemp: readable by its owner alone
    if os.name == "posix":
        file.chmod(0o600)
