"""Troubleshooting: every message that the page quotes is shown by a lesson or printed by the kit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from autograder import paths
from autograder.content import lessons, markdown

PAGE = paths.LESSONS / "troubleshooting.md"
CELL = re.compile(r"^\| (?P<ticks>`{1,2})(?P<message>.+?) ?(?P=ticks) \| ", re.MULTILINE)


def quoted() -> list[str]:
    return [match["message"] for match in CELL.finditer(markdown.read(PAGE))]


@cache
def shown() -> tuple[str, ...]:
    """Every line of an output in a lesson, and every text in the kit's code, with … where a value stands."""
    return (*_outputs(), *_texts())


def _outputs() -> Iterator[str]:
    for path in lessons.lesson_files():
        for fence in markdown.fences(path, markdown.read(path)):
            if (fence.title or "").startswith("Output") or fence.info == "text":
                yield from fence.body.split("\n")


def _texts() -> Iterator[str]:
    for file in sorted([*(paths.ROOT / "autograder").rglob("*.py"), *paths.LABS.rglob("*.py")]):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def occurs(message: str) -> bool:
    """Whether the message's parts between … stand in one shown text, in this order."""
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in message.split("…")))
    return any(pattern.search(text) for text in shown())


def test_there_are_messages_of_every_kind():
    text = markdown.read(PAGE)
    rows = sum(line.startswith("| ") and not line.startswith(("| ---", "| message")) for line in text.split("\n"))
    assert len(quoted()) == rows >= 40


@pytest.mark.parametrize("message", quoted())
def test_the_message_is_one_that_people_meet(message):
    assert occurs(message)


def test_a_message_that_nobody_prints_is_noticed():
    assert not occurs("the registry is tired") and not occurs("manifest … tired")
    assert occurs("repository name (…) must be lowercase")


def test_no_message_is_explained_twice():
    assert len(set(quoted())) == len(quoted())
