"""The class's own copy of what its students were handed out: ``class/parameters/STUDENT.json``.

A student's copy of the personal parameters is not to be trusted, and the folder of handouts may be deleted once they
are sent; so the values that grading goes by stand here. They are JSON, and not in ``student.toml``'s form, because a
whole class of them is read in one go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from autograder import __version__, paths
from autograder.checks.shared import seeded_random
from autograder.errors import CourseError
from autograder.formats import Format, JsonObject, Newer, Unreadable
from autograder.labs import students
from autograder.labs.answers import replace
from autograder.labs.manifest import Lab

FOLDER = "parameters"
MIN_LENGTH = 6  # characters; shorter texts turn up by chance
DECOYS = 100  # invented students; a text that one of them has too is drawn from too few to tell anybody apart


class HandedLab(BaseModel):
    """What a student was handed out for one lab.

    Attributes:
        version: of the lab, when it was handed out; no submission is judged by an older one.
        values: the personal parameters.
        common: those of their texts that tell nobody apart, as the lists had it that they were drawn from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(ge=1)
    values: JsonObject
    common: tuple[str, ...] = ()


class HandedOut(BaseModel):
    """What a student was handed out.

    Attributes:
        student: the id.
        course_key: fingerprint of the key that the class had then.
        labs: slug -> what was handed out for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    student: str
    course_key: str
    labs: dict[str, HandedLab] = Field(default_factory=dict)


HANDED_OUT: Format[HandedOut] = Format(
    "what a student was handed out",
    f"class/{FOLDER}/STUDENT.json",
    HandedOut,
    next_step="Put back a copy of it. Where there is none, delete it and run `python3 course.py roster ROSTER.csv`: it "
    "takes the values from the student's file in class/handout-parameters/.",
)


class HandsOut(BaseModel):
    """That a class hands out values, so that whoever is on its roster has a file of them.

    Version 0.1.0 wrote neither this file nor those; without it nobody could tell a student of that version from one
    whose file is lost.

    Attributes:
        course_key: fingerprint of the key that the class had then; of another key's class it says nothing.
        since: RFC 3339, UTC.
        kit_version: of the kit that began with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: int = Field(default=1, alias="schema")
    course_key: str
    since: str
    kit_version: str


HANDS_OUT: Format[HandsOut] = Format(
    "since when a class hands out values",
    "class/handed-out.json",
    HandsOut,
    next_step="Delete it, and run `python3 course.py roster ROSTER.csv`.",
)


def hands_out(course_key: str) -> bool:
    """Whether the class hands out values.

    Args:
        course_key: fingerprint of its key.

    Raises:
        Unreadable: the file that says it is damaged.
        Newer: a newer kit wrote it.
    """
    try:
        found = HANDS_OUT.from_json((paths.classroom() / HANDS_OUT.files.partition("/")[2]).read_bytes())
    except FileNotFoundError:
        return False
    return found.course_key == course_key


def begin(course_key: str) -> None:
    """Note that the class hands out values from now on; what is noted already stays."""
    if not hands_out(course_key):
        since = datetime.now(UTC).isoformat(timespec="seconds")
        document = HandsOut(course_key=course_key, since=since, kit_version=__version__)
        replace(paths.classroom() / HANDS_OUT.files.partition("/")[2], HANDS_OUT.to_json(document) + b"\n")


def lost(student: str) -> CourseError:
    """What to say where a class hands out values and a student's are not there: other ones would be wrong."""
    return CourseError(
        expected=f"the values that {student} was handed out, in class/{FOLDER}/{student}.json",
        found="no such file, or one of another course key",
        next_step="Put back a copy of it, or run `python3 course.py roster ROSTER.csv`: it takes the values from the "
        f"student's file in class/handout-parameters/. Where both are lost, ask {student} for student.toml and put it "
        "there; only who is taken off the roster and added again gets new values.",
    )


@dataclass(frozen=True)
class HandedOutFiles(Mapping[str, HandedOut]):
    """The files of a class, each read when it is asked for.

    Attributes:
        folder: ``class/parameters``.
        course_key: fingerprint of the class's key; what another key's class was handed out counts for nothing.
    """

    folder: Path
    course_key: str
    _read: dict[str, HandedOut | None] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Without what was read: a process that judges is given few students and reads them itself."""
        return HandedOutFiles, (self.folder, self.course_key)

    def __getitem__(self, student: str) -> HandedOut:
        """What a student was handed out.

        Raises:
            KeyError: nothing was.
            CourseError: the file is damaged, or a newer kit wrote it.
        """
        if student not in self._read:
            self._read[student] = self._load(student)
        found = self._read[student]
        if found is None:
            raise KeyError(student)
        return found

    def __iter__(self) -> Iterator[str]:
        return (file.stem for file in sorted(self.folder.glob("*.json")) if self.get(file.stem) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _load(self, student: str) -> HandedOut | None:
        file = self.folder / f"{student}.json"
        try:
            found = HANDED_OUT.from_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, Unreadable) as error:
            where = file.relative_to(paths.home()).as_posix() if file.is_relative_to(paths.home()) else str(file)
            raise CourseError(
                expected=f"the values that {student} was handed out, in {where}",
                found=error.detail if isinstance(error, Unreadable) else str(error),
                next_step=error.next_step if isinstance(error, Newer) else HANDED_OUT.next_step,
            ) from None
        return found if found.course_key == self.course_key and found.student == student else None

    def write(self, document: HandedOut) -> None:
        """Keep what a student is handed out, whole or not at all."""
        content = HANDED_OUT.to_json(document) + b"\n"
        file = self.folder / f"{document.student}.json"
        if not file.is_file() or file.read_bytes() != content:
            replace(file, content)
        self._read[document.student] = document


def personal_texts(lab: Lab, parameters: Mapping[str, Any]) -> set[str]:
    """The texts among personal parameters that can tell students apart, and the lab's repository names.

    A parameter whose name begins with ``_`` is for checks alone: fleets of images are drawn from few words.
    """
    found = set[str]()
    for part in lab.repositories:
        if "{" in part.name:
            try:
                found.add(part.name.format_map(parameters))
            except KeyError:  # of a version of the lab that came after these values
                continue
    waiting: list[Any] = [value for name, value in parameters.items() if not name.startswith("_")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, (list, tuple)):
            waiting += value
    return {text for text in found if len(text) >= MIN_LENGTH}


def decoys(lab: Lab, first: bool) -> frozenset[str]:
    """The personal texts of invented students.

    Args:
        lab: the lab.
        first: drawn as version 0.1.0 did; else from this kit's lists.
    """
    kind = (lab.slug, first, lab.code().parameters, tuple(part.name for part in lab.repositories))
    if kind not in _DECOYS:
        texts = set[str]()
        for number in range(DECOYS):
            seed = seeded_random.seed(b"decoy", "student", str(number), lab.slug)
            values = students.first_drawn(lab, seed, fleets=False) if first else lab.drawn(seed)
            texts |= personal_texts(lab, values)
        _DECOYS[kind] = frozenset(texts)
    return _DECOYS[kind]


_DECOYS: dict[tuple[object, ...], frozenset[str]] = {}  # they follow from a lab's lists alone
