"""The class: its secret key, its roster, and what each student is handed out.

``class/course.toml`` holds the course's id and key, and what the class changes of the labs
(:mod:`autograder.labs.overlay`); it stays with the instructor. ``class/roster.csv`` holds the
students; ``class/handout-parameters/STUDENT/student.toml`` is what a student gets, and ``class/parameters/`` the
class's own copy of its values (:mod:`autograder.grading.handed_out`). Without a course.toml grading uses the public
course of self-learners, whose key is no secret.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from autograder import paths
from autograder.checks.shared import seeded_random
from autograder.errors import CourseError
from autograder.formats import Format, Newer, Unreadable
from autograder.grading import handed_out, tables
from autograder.grading.archive import RESERVED
from autograder.grading.handed_out import HandedLab, HandedOut, HandedOutFiles
from autograder.grading.spreadsheet import cell, original
from autograder.labs import manifest, students
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab, Parameters
from autograder.labs.overlay import MAX_POINTS, LabChange, Overlay

COURSE_FILE = "course.toml"
ROSTER_FILE = "roster.csv"
HANDOUT = "handout-parameters"
COURSE_ID = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9])?\Z")
UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")  # controls, and what ends a line in HTML or JavaScript
TURNS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides, isolates; single marks of direction stay
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
        handed_out: student id -> what was handed out as values; nothing in a class of version 0.1.0.
        hands_out_values: whether everybody on the roster was handed out values.
    """

    id: str
    key: bytes
    roster: dict[str, Person] | None
    labs: Overlay = field(default_factory=Overlay)
    handed_out: Mapping[str, HandedOut] = field(default_factory=dict, compare=False)
    hands_out_values: bool = False

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

    def parameters(self, student: str, lab: Lab) -> Parameters:
        """A student's personal parameters for a lab, as the class has them: the only way that the grader gets them.

        They are the values that were handed out. Whoever was handed out a seed alone, by version 0.1.0, has what that
        version drew from it.

        Raises:
            CourseError: the class's copy of them is damaged or lost.
        """
        given = self._handed(student, lab.slug)
        return dict(given.values) if given else students.first_drawn(lab, self.seed(student, lab.slug))

    def _handed(self, student: str, slug: str) -> HandedLab | None:
        document = self.handed_out.get(student)
        if document is None and self.hands_out_values and student in (self.roster or ()):
            raise handed_out.lost(student)
        return document.labs.get(slug) if document else None

    def first_version(self, student: str, slug: str) -> int:
        """The version of a lab that a student was handed out; version 0.1.0 had the first of each.

        Raises:
            CourseError: the class's copy of what was handed out is damaged or lost.
        """
        given = self._handed(student, slug)
        return given.version if given else 1

    def lab(self, slug: str, version: int | None = None) -> Lab:
        """A lab of the class, with the checks and the points that a version of it has.

        Args:
            slug: the lab's slug.
            version: the version; the newest where none is given.

        Raises:
            CourseError: no such lab or version, or the class leaves the lab out.
        """
        lab = self.labs.find(slug)
        return lab if version is None else lab.at(version)

    def only(self, student: str) -> Course:
        """The course with what one student was handed out: a worker elsewhere has no class, and needs no more."""
        document = self.handed_out.get(student)
        return dataclasses.replace(self, handed_out={student: document} if document else {})

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
    course = Course(document.course.id, document.course.secret, {person.id: person for person in listed}, overlay)
    marked = handed_out.hands_out(course.fingerprint)
    return dataclasses.replace(course, handed_out=_files(course), hands_out_values=marked)


def _files(course: Course) -> HandedOutFiles:
    return HandedOutFiles(paths.classroom() / handed_out.FOLDER, course.fingerprint)


def parse_roster(content: bytes, name: str) -> list[Person]:
    """Read a roster: CSV with a header line, columns id (also: student, username, login), name, email.

    A file without a header is read as id, name, email in this order. Commas, semicolons and tabs separate. Names and
    addresses are people's own choice: characters that nobody sees, or that turn the text beside them, are dropped.

    Raises:
        CourseError: not readable, an id that does not fit file names or begins as a spreadsheet's formula does, or one
            twice; names the line.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _bad_roster(name, "it is not UTF-8 text", "Save it as CSV in UTF-8.") from None
    try:
        rows = list(tables.rows(text))
    except tables.BadTable as problem:
        raise _bad_roster(name, str(problem), "Save it as CSV.") from None
    columns: dict[str, int] | None = None
    found: dict[str, Person] = {}
    for number, cells in rows:
        if cells[0].startswith("#"):
            continue
        if columns is None:
            columns = _columns(cells)
            if columns is not None:
                continue
            columns = {"id": 0, "name": 1, "email": 2}
        value = {key: cells[at] if at < len(cells) else "" for key, at in columns.items()}
        person = Person(value["id"], _shown(value.get("name", "")), _shown(value.get("email", "")))
        if not students.ID.match(person.id) or RESERVED.match(person.id):
            fits = "at most 40 lower-case letters, digits, '.', '_' and '-', beginning and ending with one of the first"
            raise _bad_roster(name, f"line {number}: the id {person.id!r}", f"An id has {fits}.")
        if person.id in found:
            raise _bad_roster(name, f"line {number}: the id {person.id} a second time", "Remove one of the two lines.")
        found[person.id] = person
    if not found:
        raise _bad_roster(name, "no student", "List one student a line: id, name, email.")
    return list(found.values())


def _shown(text: str) -> str:
    """A name or an address as it is shown: on one line, and no mark in it changes what stands beside it."""
    return " ".join(TURNS.sub("", UNSEEN.sub(" ", original(text))).split())


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


def register(
    people: list[Person],
    course_id: str | None = None,
    given: Mapping[str, Mapping[str, Parameters]] | None = None,
    versions: Mapping[str, Mapping[str, int]] | None = None,
) -> Registered:
    """Write the roster and each student's student.toml; make the course with a random key if there is none.

    Whoever has personal parameters keeps their values, whatever the lists of this kit are. A student that version 0.1.0
    has put on the roster has those that it drew. Labs and parameters that came since are drawn now.

    Students that were taken off the roster keep their verdicts, grades and values; their student.toml is removed.

    Args:
        people: the students.
        course_id: the course's id; for a course that exists, its own or none.
        given: student -> lab -> values that somebody who has none is to get instead of new ones.
        versions: student -> lab -> the version of the lab that somebody who has none is to get instead of the newest.

    Raises:
        CourseError: the course exists with another id, or the id has odd characters; or what somebody was handed out
            is lost.
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
    course = before if not created else load()
    handing = _Handing(course, _files(course))
    given, versions = given or NOTHING, versions or NOTHING
    documents = {p.id: handing.out(p.id, p.id in old, given.get(p.id, {}), versions.get(p.id, {})) for p in people}
    new = {person.id for person in people}
    # Whoever leaves may come back, and has their values then: those of version 0.1.0 stand nowhere yet.
    gone = [handing.out(id, known=True) for id in sorted(old - new) if handing.keeps(id)]
    # Before the roster: whoever is on it and has no values counts as a student of version 0.1.0.
    for document in (*documents.values(), *gone):
        handing.files.write(document)
    handed_out.begin(course.fingerprint)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "name", "email"])
    writer.writerows([person.id, cell(person.name), cell(person.email)] for person in people)  # parse_roster undoes it
    replace(folder / ROSTER_FILE, buffer.getvalue().encode())
    course = load()
    for person in people:
        labs = documents[person.id].labs
        issued = students.issue(
            course.key,
            course.id,
            person.id,
            overlay=course.labs,
            parameters={slug: lab.values for slug, lab in labs.items()},
            versions={slug: lab.version for slug, lab in labs.items()},
        )
        students.write(issued, folder / HANDOUT / person.id / "student.toml")
    for id in old - new:
        (folder / HANDOUT / id / "student.toml").unlink(missing_ok=True)
    return Registered(course, created, tuple(sorted(new - old)), tuple(sorted(old - new)), folder / HANDOUT)


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass
class _Handing:
    """Says what students are handed out, and draws what nobody has yet."""

    course: Course
    files: HandedOutFiles

    def keeps(self, student: str) -> bool:
        """Whether what a student who leaves was handed out is to be written: it is known, and stands in no file yet."""
        try:
            there = student in self.files
        except CourseError:  # a damaged file is not written over
            there = True
        return not there and (not self.course.hands_out_values or bool(self._handout(student)))

    def out(
        self,
        student: str,
        known: bool,
        given: Mapping[str, Parameters] = NOTHING,
        versions: Mapping[str, int] = NOTHING,
    ) -> HandedOut:
        """What a student is handed out now.

        Args:
            student: the id.
            known: they were on the roster before.
            given: lab -> values, see :func:`register`.
            versions: lab -> version, see there.

        Raises:
            CourseError: it is damaged, or lost.
        """
        before = self.files.get(student)
        labs = dict(before.labs) if before else self._handout(student)
        first = known and not labs  # by version 0.1.0
        if first and self.course.hands_out_values:
            raise handed_out.lost(student)
        for slug in manifest.slugs():
            lab = manifest.find(slug)
            if slug in labs:
                labs[slug] = self._completed(student, lab, labs[slug])
            elif first:
                values = students.first_drawn(lab, self.course.seed(student, slug))
                labs[slug] = self._completed(student, lab, self._handed(lab, 1, values, first=True))
            else:
                values = given[slug] if slug in given else lab.drawn(self.course.seed(student, slug))
                labs[slug] = self._handed(lab, versions.get(slug, lab.newest), values, first=slug in given)
        return HandedOut(student=student, course_key=self.course.fingerprint, labs=labs)

    def _handout(self, student: str) -> dict[str, HandedLab]:
        """What the student's own file holds, should the class's copy be lost; nothing in one of version 0.1.0."""
        try:
            found = students.read(paths.classroom() / HANDOUT / student / students.FILE)
        except CourseError:
            return {}
        if (found.student, found.course) != (student, self.course.id) or found.seeds != {
            slug: self.course.seed(student, slug) for slug in found.seeds
        }:
            return {}
        return {
            slug: self._handed(manifest.find(slug), found.versions.get(slug, 1), found.parameters[slug], first=False)
            for slug in manifest.slugs()
            if slug in found.parameters
        }

    def _completed(self, student: str, lab: Lab, has: HandedLab) -> HandedLab:
        """With values for the parameters that newer versions of the lab brought."""
        if lab.newest == has.version:
            return has
        drawn = lab.drawn(self.course.seed(student, lab.slug))
        fuller = self._handed(lab, has.version, drawn | dict(has.values), first=False)
        return fuller.model_copy(update={"common": tuple(sorted({*fuller.common, *has.common}))})

    def _handed(self, lab: Lab, version: int, values: Parameters, first: bool) -> HandedLab:
        common = handed_out.personal_texts(lab, values) & handed_out.decoys(lab, first)
        return HandedLab(version=version, values=values, common=tuple(sorted(common)))


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
