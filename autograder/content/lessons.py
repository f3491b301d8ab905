"""A lesson: its front matter, and its sections with the minutes each takes.

Front matter of ``lessons/NN-slug.md``::

    title: First push            shown in the navigation
    description: …               one sentence, for search results and the lesson list
    minutes: 90                  reading minutes of the whole lesson
    core_minutes: 60             reading minutes of the core sections
    objectives: […]              what a reader can do afterwards
    prerequisites: […]           what is needed before, as sentences
    lab: 01-first-push           the folder of its lab below labs/
    needs: [clouds, skopeo]      only if its blocks need more than :data:`ALWAYS`: words of :data:`NEEDS`

Each section (a ``##`` heading) that takes time is followed by one line of its own, which says so on the page too::

    <p class="section-time">20 minutes · core</p>

The minutes of the sections add up to ``minutes``, those marked core to ``core_minutes``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from autograder import paths
from autograder.content import markdown
from autograder.content.markdown import at

T = TypeVar("T")
NAME = re.compile(r"^(?P<number>[0-9]{2})-[a-z0-9]+(-[a-z0-9]+)*$")
TIME = re.compile(r'^<p class="section-time">(?P<minutes>[0-9]+) minutes?(?P<core> · core)?</p>$')

# What every reader has, and what a lesson's blocks may need besides: the emulators, or commands on the path.
ALWAYS = ("bash", "curl", "docker", "python3", "sha256sum", "tar")
CLOUDS = "clouds"
NEEDS = (CLOUDS, "aws", "git", "jq", "openssl", "skopeo", "trivy")
RUN_PAGES = ("cheat-sheet",)


@dataclass(frozen=True)
class Section:
    """A part of a lesson. ``minutes`` is reading time."""

    title: str
    minutes: int
    core: bool


@dataclass(frozen=True)
class Lesson:
    """The front matter of a lesson and its timed sections; minutes are reading time, needs are words of NEEDS."""

    slug: str
    title: str
    description: str
    minutes: int
    core_minutes: int
    objectives: tuple[str, ...]
    prerequisites: tuple[str, ...]
    lab: str
    sections: tuple[Section, ...]
    needs: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The two digits the lesson's name begins with."""
        return self.slug[:2]


def lesson_files(folder: Path = paths.LESSONS) -> list[Path]:
    """The lessons' files, in the order of the course."""
    return sorted(path for path in folder.glob("[0-9][0-9]-*.md") if NAME.match(path.stem))


def run_pages(folder: Path = paths.LESSONS) -> list[Path]:
    """The reference pages whose blocks are run as a lesson's are; ``needs`` in their front matter says what for."""
    return [folder / f"{name}.md" for name in RUN_PAGES]


def load_page(path: Path) -> Lesson:
    """A reference page as a lesson that takes no minutes: what running its blocks needs, and nothing else.

    Raises:
        CourseError: a field is missing or of the wrong kind.
    """
    data, _ = markdown.split_front_matter(path, markdown.read(path))
    title, description = _field(path, data, "title", str), _field(path, data, "description", str)
    return Lesson(path.stem, title, description, 0, 0, (), (), "", (), _needs(path, data))


def load(path: Path) -> Lesson:
    """Read a lesson's front matter and sections.

    Raises:
        CourseError: a field is missing or of the wrong kind, or the minutes do not add up.
    """
    text = markdown.read(path)
    data, _ = markdown.split_front_matter(path, text)
    found = tuple(_sections(path, text))
    lesson = Lesson(
        slug=path.stem,
        title=_field(path, data, "title", str),
        description=_field(path, data, "description", str),
        minutes=_field(path, data, "minutes", int),
        core_minutes=_field(path, data, "core_minutes", int),
        objectives=_sentences(path, data, "objectives"),
        prerequisites=_sentences(path, data, "prerequisites"),
        lab=_field(path, data, "lab", str),
        sections=found,
        needs=_needs(path, data),
    )
    for name, stated, summed in (
        ("minutes", lesson.minutes, sum(part.minutes for part in found)),
        ("core_minutes", lesson.core_minutes, sum(part.minutes for part in found if part.core)),
    ):
        if stated != summed:
            raise at(
                path,
                1,
                expected=f"{name} equal to the sum of the sections, {summed}",
                found=f"{name}: {stated}",
                next_step="Correct the front matter or the section-time lines.",
            )
    return lesson


def _sections(path: Path, text: str) -> list[Section]:
    lines = text.split("\n")
    found = []
    for heading in markdown.headings(path, text):
        if heading.level != 2:
            continue
        following = [line for line in lines[heading.line : heading.line + 3] if line.strip()]
        match = TIME.match(following[0]) if following else None
        if match:
            found.append(Section(heading.text, int(match["minutes"]), match["core"] is not None))
    return found


def _needs(path: Path, data: dict[str, Any]) -> tuple[str, ...]:
    value = data.get("needs", [])
    if not isinstance(value, list) or not all(word in NEEDS for word in value):
        raise at(
            path,
            1,
            expected=f"needs as a list of {', '.join(NEEDS)}",
            found=repr(value),
            next_step="Name what the blocks need; a new tool goes into NEEDS.",
        )
    return tuple(value)


def _field(path: Path, data: dict[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise at(
            path,
            1,
            expected=f"front matter with {name} ({kind.__name__})",
            found=f"no {name}" if value is None else repr(value),
            next_step=f"Add {name} to the front matter.",
        )
    return value


def _sentences(path: Path, data: dict[str, Any], name: str) -> tuple[str, ...]:
    value = _field(path, data, name, list)
    if not value or not all(isinstance(item, str) for item in value):
        raise at(path, 1, expected=f"{name} as a list of sentences", found=repr(value), next_step="Write them.")
    return tuple(value)
