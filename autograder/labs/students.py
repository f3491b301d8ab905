"""Who is working here: work/student.toml with the student's id, the course, and what was handed out.

From schema 2 on the personal parameters are in it as values, and nobody draws them again: a kit with other lists gives
the same. A file of version 0.1.0 (schema 1) has the seeds alone; its values are those that version drew
(:mod:`autograder.checks.frozen`), since its student has begun under them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autograder import paths
from autograder.checks import frozen
from autograder.checks.shared import seeded_random
from autograder.errors import CourseError
from autograder.formats import Format, JsonObject, Newer, Unreadable
from autograder.labs import manifest, sources, tomltext
from autograder.labs.manifest import Lab, Parameters
from autograder.labs.overlay import LabChange, Overlay

# The key of the public course, for people who learn on their own. It is no secret and protects nothing; a class has
# a key of its own, which stays with the instructor.
PUBLIC_KEY = b"registry-course public key for self-learners"
PUBLIC_COURSE = "self-study"
PUBLIC_STUDENT = "learner"
FILE = "student.toml"
COPIES = "copies"  # in work/: what was replaced

ID = re.compile(r"[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?\Z")


class Student(BaseModel):
    """student.toml: a student of a course.

    Attributes:
        student: the id, also part of the submission's file name: lower-case letters, digits, ``.``, ``_``, ``-``.
        course: the course's id.
        seeds: lab slug -> handed-out seed, 64 hex digits.
        labs: what the class changes of the labs.
        parameters: lab slug -> the values of its personal parameters; in a file of schema 1, none.
        versions: lab slug -> the version of the lab that was handed out; 1 where nothing is said.
        signature: reserved: over this document, by the instructor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: str = Field(pattern="^" + ID.pattern.replace(r"\Z", "$"))
    course: str = Field(min_length=1, max_length=80)
    seeds: dict[str, str]
    labs: dict[str, LabChange] = Field(default_factory=dict)
    parameters: dict[str, JsonObject] = Field(default_factory=dict)
    versions: dict[str, int] = Field(default_factory=dict)
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
                found=f"work/student.toml has none for {lab}",
                next_step="Ask your instructor for a new student.toml; a self-learner deletes the file and runs "
                "`python3 course.py start`.",
            )
        return self.seeds[lab]

    def parameters_of(self, lab: Lab) -> Parameters:
        """The personal parameters of a lab: the values that were handed out, or those that the seed meant then.

        Raises:
            CourseError: the file has neither for that lab.
        """
        if lab.slug in self.parameters:
            return dict(self.parameters[lab.slug])
        return first_drawn(lab, self.seed(lab.slug))


def _unchanged(document: JsonObject) -> JsonObject:
    """Schema 1 has seeds and no values; what they mean says :meth:`Student.parameters_of`."""
    return document


STUDENT: Format[Student] = Format(
    "the student file", "work/student.toml, class/handout-parameters/ID/", Student, number=2, older={1: _unchanged}
)


def first_drawn(lab: Lab, seed: str, fleets: bool = True) -> Parameters:
    """The parameters of somebody who was handed out a seed and no values.

    That was version 0.1.0, so its lists count. Of a lab that it did not have, those of this kit do.

    Args:
        lab: the lab.
        seed: the handed-out seed.
        fleets: with the fleets of images that version 0.1.0 drew, which are for checks alone.
    """
    if lab.slug in frozen.DRAWN and lab.source.checks == sources.kit_checks():
        return frozen.parameters(lab.slug, seed, fleets)
    return lab.drawn(seed)


def seed(key: bytes, student: str, lab: str) -> str:
    """The seed that a student is handed out for a lab."""
    return seeded_random.seed(key, "student", student, lab)


def issue(
    key: bytes,
    course: str,
    student: str,
    labs: list[str] | None = None,
    overlay: Overlay | None = None,
    parameters: Mapping[str, JsonObject] | None = None,
    versions: Mapping[str, int] | None = None,
) -> Student:
    """What a student is handed out: the id, and for each lab a seed and the values of the personal parameters.

    Args:
        key: the course's secret.
        course: the course's id.
        student: the student's id.
        labs: slugs; all labs when not given.
        overlay: what the class changes of the labs.
        parameters: lab slug -> values that the student has already; those of the other labs are drawn now.
        versions: lab slug -> the version that the student was handed out first; the newest of the other labs.

    Raises:
        CourseError: the id holds characters that do not fit file and image names.
    """
    given, first = dict(parameters or {}), dict(versions or {})
    seeds = {lab: seed(key, student, lab) for lab in labs or manifest.slugs()}
    for slug in seeds.keys() & set(manifest.slugs()):
        lab = manifest.find(slug)
        if slug not in given:
            given[slug], first[slug] = lab.drawn(seeds[slug]), lab.newest
    try:
        return Student(
            student=student,
            course=course,
            seeds=seeds,
            labs=dict(overlay.changes) if overlay else {},
            parameters={slug: given[slug] for slug in seeds if slug in given},
            versions={slug: first[slug] for slug in seeds if first.get(slug, 1) > 1},
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
        "# Who you are in this course, and your personal parameters. Do not edit.",
        f"{STUDENT.key} = {STUDENT.number}",
        f'student = "{student.student}"',
        f'course = "{student.course}"',
        "",
        "[seeds]",
        *(f'"{lab}" = "{seed}"' for lab, seed in student.seeds.items()),
        *_changes(student.labs),
        *(
            ("", "[versions]", *(f'"{lab}" = {number}' for lab, number in student.versions.items()))
            if student.versions
            else ()
        ),
        *_values(student.parameters),
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    # Half a file would lock the student out; of two that write at the same time each has a part of its own.
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    partial.replace(file)


def _changes(labs: Mapping[str, LabChange]) -> Iterator[str]:
    """The lines that say what a class changes of the labs; ids and slugs need no escapes, quoted."""
    for slug, change in labs.items():
        if change.omit:
            yield from ("", f'[labs."{slug}"]', "omit = true")
        if change.points:
            yield from ("", f'[labs."{slug}".points]', *(f'"{id}" = {p!r}' for id, p in change.points.items()))


def _values(parameters: Mapping[str, JsonObject]) -> Iterator[str]:
    """The lines with the values of the personal parameters."""
    for slug, values in parameters.items():
        yield from ("", f'[parameters."{slug}"]')
        yield from (f"{tomltext.text(name)} = {tomltext.value(value)}" for name, value in values.items())


def read(file: Path) -> Student:
    """Read a student.toml.

    Raises:
        CourseError: not there, unreadable or not valid, or a newer kit wrote it.
    """
    try:
        student = STUDENT.from_toml(file.read_bytes())
        values = {
            slug: {name: tomltext.restored(value) for name, value in given.items()}
            for slug, given in student.parameters.items()
        }
        return student.model_copy(update={"parameters": values})
    except FileNotFoundError:
        raise CourseError(
            expected=f"your student file {file.name} in work/",
            found="no such file",
            next_step="In a class, put the file your instructor gave you there; if it is lost, ask for it again, since "
            "another one would not count. A self-learner runs `python3 course.py start`, which makes one.",
        ) from None
    except ValueError as error:
        found = str(error)
    except OSError as error:
        found = str(error)
    except Newer:
        raise
    except Unreadable as problem:
        found = problem.detail
    raise CourseError(
        expected=f"your student file {file.name} in work/",
        found=found,
        next_step="In a class, put the file your instructor gave you there again; a self-learner deletes it and runs "
        "`python3 course.py start`.",
    )


def current() -> Student:
    """The student of this installation.

    Raises:
        CourseError: no valid work/student.toml.
    """
    return read(paths.work() / "student.toml")


def is_class_only() -> bool:
    """Whether this installation is an instructor's: it holds a class, and nobody works on the labs here."""
    return (paths.classroom() / "course.toml").is_file() and not (paths.work() / FILE).exists()


def class_labs() -> Overlay:
    """The labs as this student's class has them; unchanged where there is no valid student.toml."""
    try:
        return current().overlay
    except CourseError:
        return Overlay()


def ensure() -> Student:
    """The student of this installation; without a student.toml, a self-learner of the public course is made.

    A self-learner's file gains values for labs that came with a newer kit, and of a file of version 0.1.0 those that
    the work was begun with; what it held before is kept in work/copies/. A class's file is never changed.
    """
    file = paths.work() / FILE
    if not file.exists():
        write(issue(PUBLIC_KEY, PUBLIC_COURSE, PUBLIC_STUDENT), file)
    student = read(file)
    if student.course != PUBLIC_COURSE:
        return student
    begun = {slug for slug in student.seeds if slug in manifest.slugs()}
    known = {slug: completed(manifest.find(slug), student) for slug in sorted(begun)}
    fuller = issue(
        PUBLIC_KEY,
        PUBLIC_COURSE,
        student.student,
        overlay=student.overlay,
        parameters=student.parameters | known,
        versions={slug: student.versions.get(slug, 1) for slug in begun},
    )
    # What a kit with other labs gave stays in the file.
    fuller = fuller.model_copy(
        update={
            "seeds": student.seeds | fuller.seeds,
            "parameters": student.parameters | fuller.parameters,
            "versions": student.versions | fuller.versions,
        }
    )
    if fuller != student:
        _keep(file)
        write(fuller, file)
    return fuller


def completed(lab: Lab, student: Student) -> JsonObject:
    """The values that a student has for a lab, and of parameters that the lab gained since, newly drawn ones."""
    has = student.parameters_of(lab)
    if lab.newest == student.versions.get(lab.slug, 1):  # a new parameter is a new version
        return has
    return lab.drawn(student.seed(lab.slug)) | has


def _keep(file: Path) -> None:
    """Copy a student.toml into work/copies/, under a name that no earlier copy has."""
    folder = file.parent / COPIES
    folder.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    names = (folder / f"student-{stamp}{more}.toml" for more in ("", *(f"-{n}" for n in range(2, 1000))))
    target = next(name for name in names if not name.exists())
    partial = target.with_name(f".{target.name}.part")
    partial.write_bytes(file.read_bytes())
    partial.replace(target)
