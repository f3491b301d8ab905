"""Markdown lines as the lesson tools see them: front matter, fences, headings. Nothing is rendered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from autograder.errors import CourseError

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
HEADING = re.compile(r"^(?P<marks>#{1,6}) +(?P<text>.+?)(?: +#+)?$")
COMMENT = re.compile(r"^ *<!-- *(?P<text>.*?) *-->$")


def read(path: Path) -> str:
    """A text file of the lessons, with its line endings normalised."""
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


def at(path: Path, line: int, *, expected: str, found: str, next_step: str) -> CourseError:
    """An error that names the place it is about."""
    return CourseError(expected=expected, found=f"{path.name}, line {line}: {found}", next_step=next_step)


def split_front_matter(path: Path, text: str) -> tuple[dict[str, Any], int]:
    """The YAML front matter of a page and the number of lines it takes (0 when there is none).

    Raises:
        CourseError: the front matter is not closed, not YAML or not a mapping.
    """
    if not text.startswith("---\n"):
        return {}, 0
    end = text.find("\n---\n", 3)
    if end < 0:
        raise at(path, 1, expected="front matter between two --- lines", found="no closing ---", next_step="Close it.")
    try:
        data = yaml.safe_load(text[4 : end + 1])
    except yaml.YAMLError as error:
        raise at(path, 1, expected="front matter in YAML", found=str(error), next_step="Correct the YAML.") from error
    if not isinstance(data, dict):
        raise at(path, 1, expected="a mapping", found=type(data).__name__, next_step="Write `key: value` lines.")
    return data, text[: end + 5].count("\n")


@dataclass(frozen=True)
class Fence:
    """A fenced block: its info string, its body without the indent, and the comment directly above it.

    ``line`` is the 1-based line of the opening fence.
    """

    info: str
    body: str
    line: int
    comment: str | None

    @property
    def language(self) -> str:
        """The first word of the info string, lower-case; empty when there is none."""
        return self.info.split()[0].lower() if self.info.split() else ""

    @property
    def title(self) -> str | None:
        """The value of ``title="…"`` in the info string."""
        match = re.search(r'\btitle="([^"]*)"', self.info)
        return match[1] if match else None


@dataclass(frozen=True)
class Heading:
    """A heading outside fences. ``line`` is 1-based."""

    level: int
    text: str
    line: int


def fences(path: Path, text: str) -> Iterator[Fence]:
    """The fenced blocks of a page, in order.

    Raises:
        CourseError: a fence is never closed.
    """
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        if opening is None:
            number += 1
            continue
        start, ticks, indent = number, opening["ticks"], len(opening["indent"])
        closing = re.compile(rf"^ *{re.escape(ticks[0])}{{{len(ticks)},}} *$")
        number += 1
        while number < len(lines) and not closing.match(lines[number]):
            number += 1
        if number == len(lines):
            raise at(path, start + 1, expected="a closing fence", found="the file ends", next_step="Close the block.")
        body = "".join(f"{line[min(indent, _leading(line)) :]}\n" for line in lines[start + 1 : number])
        comment = COMMENT.match(lines[start - 1]) if start else None
        yield Fence(opening["info"].strip(), body, start + 1, comment["text"] if comment else None)
        number += 1


def headings(path: Path, text: str) -> list[Heading]:
    """The headings of a page; lines inside fences and front matter are none."""
    inside = set[int]()
    for fence in fences(path, text):
        inside.update(range(fence.line, fence.line + fence.body.count("\n") + 2))
    _, front = split_front_matter(path, text)
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        match = HEADING.match(line)
        if match and number > front and number not in inside:
            found.append(Heading(len(match["marks"]), match["text"], number))
    return found


def _leading(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
