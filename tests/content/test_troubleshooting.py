"""Troubleshooting: every message that the page quotes is shown by a lesson or printed by the kit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from autograder import paths
from autograder.content import lessons, markdown
from autograder.domain import limits
from autograder.grading import intake
from autograder.grading import limits as steps
from autograder.labs import submission
from autograder.pipelines import shell

PAGE = paths.LESSONS / "troubleshooting.md"
CELL = re.compile(r"^\| (?P<ticks>`{1,2})(?P<message>.+?) ?(?P=ticks) \| ", re.MULTILINE)


def quoted() -> list[str]:
    """The messages; the rows of limits begin with words."""
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
    rows = sum(line.startswith("| `") for line in text.split("\n"))
    assert len(quoted()) == rows >= 40


@pytest.mark.parametrize("message", quoted())
def test_the_message_is_one_that_people_meet(message):
    assert occurs(message)


def test_a_message_that_nobody_prints_is_noticed():
    assert not occurs("the registry is tired") and not occurs("manifest … tired")
    assert occurs("repository name (…) must be lowercase")


def test_no_message_is_explained_twice():
    assert len(set(quoted())) == len(quoted())


def test_the_limits_are_those_of_the_code():
    """Every limit of what several readers share, and what the walls take, where a student can meet it."""

    def of(*known: limits.Limit) -> str:
        return ", ".join(f"{limit.most:,} {limit.unit}" for limit in known)

    def computing(limit: steps.StepLimit) -> str:
        return f"{limit.work:.0f} seconds of computing"

    assert steps.READ.work == steps.FIND.work and steps.PROBE.work == steps.TASKS.work
    expected = {
        "the zip that `submit` writes": f"{submission.MAX_SUBMISSION // 1_000_000} MB",
        "the notebook": f"{intake.MAX_NOTEBOOK >> 20} MiB",
        "cells of a notebook that are shown to a person": f"{limits.CELLS.most:,}",
        "a text cell that is shown formatted": of(limits.MARKDOWN_CELL, limits.MARKDOWN_LINES),
        "all text cells that are shown formatted": of(limits.MARKDOWN),
        "a code cell that is shown": of(limits.CODE_CELL),
        "all cells that are shown": of(limits.NOTEBOOK_TEXT),
        "all cells of a code task and its copies": of(limits.TASK_SOURCES),
        "all code tasks, in every try": of(limits.SANDBOX_SECONDS),
        "a workflow or pipeline, written out": of(limits.WRITTEN_OUT),
        "commands that one script in it runs": f"{shell.MAX_COMMANDS:,}",
        "names of images of one of its jobs": f"{limits.NAMES.most:,}",
        "SBOMs that refer to one image": f"{limits.ROWS.most:,}",
        "packages in all SBOMs of an image": f"{limits.PACKAGES.most:,}",
        "lists, objects and values of a JSON file": f"{limits.JSON_PARTS.most:,}",
        "lists, objects and values of `submission.json`, besides its files": f"{limits.HEADER_PARTS.most:,}",
        "lists, objects and values of the notebook": f"{limits.NOTEBOOK_PARTS.most:,}",
        "reading the submission": computing(steps.READ),
        "one check": computing(steps.CHECK),
        "one probe": computing(steps.PROBE),
        "all of it together": f"{steps.TOTAL:.0f} seconds of computing",
        "memory, in each step": f"{steps.MEMORY >> 30} GiB",
    }
    section = markdown.read(PAGE).partition("## Limits of a submission")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.split("\n") if line.startswith("| ")][2:]
    assert {what: most for what, most, _ in rows} == expected
    named = {name for name, value in vars(limits).items() if isinstance(value, limits.Limit)}
    assert len(named) == 15, "a new limit of the table there gets a row here"
