"""Quizzes: written once, in the lesson, as Markdown that reads well as it is; a script makes them interactive.

One question::

    <div class="quiz" id="quiz-moved-tag" data-kind="single" markdown="1">

    **Someone pushes another image as `v1`. What happens to the image that had the tag?**

    - It is deleted
    - It stays and loses the name

    <details markdown="1"><summary>Answer</summary>

    - **No.** A push deletes nothing.
    - **Right.** Its manifest can still be had by digest.

    </details>
    </div>

Blank lines as above; the lists lie flat, one line or paragraph an item. The kinds:

``single``    one option is right. The answers are the feedback for the options, in the same order, each beginning with
              **Right.** or **No.**
``multiple``  as ``single``, with any number of right options, at least one
``order``     the options stand in a wrong order. The answers are the same items in the right order, each in bold as
              the option is written, followed by the reason: ``1. **Put the manifest** The registry checks …``
``name``      the options are the parts of a name that the question shows. Each answer repeats its part, a colon, the
              role in bold, and why: ``- `localhost:5001`: **registry host**. It has a colon …``.
              Roles come from :data:`ROLES`.

Ids begin with ``quiz-`` and are unique in the course, since a reader's progress is kept under them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from autograder.content import markdown
from autograder.content.markdown import at

Kind = Literal["single", "multiple", "order", "name"]
ROLES = (
    *("registry host", "account", "region", "project", "namespace", "repository", "image", "tag", "digest"),
    "nothing: it is not valid",
)

OPEN = re.compile(r'^<div class="quiz" id="(?P<id>quiz-[a-z0-9-]+)" data-kind="(?P<kind>[a-z]+)" markdown="1">$')
DETAILS = '<details markdown="1"><summary>Answer</summary>'
ITEM = re.compile(r"^(?:- |[0-9]+\. )(?P<text>.*)$")
VERDICT = re.compile(r"^\*\*(?P<word>Right|No)\.\*\* (?P<why>.+)$", re.DOTALL)
ROLE = re.compile(r"^(?P<part>`[^`]+`): \*\*(?P<role>[^*]+)\*\*[.:,]? (?P<why>.+)$", re.DOTALL)
BOLD = re.compile(r"^\*\*(?P<item>.+?)\*\* (?P<why>.+)$", re.DOTALL)


@dataclass(frozen=True)
class Option:
    """One option with its feedback. ``answer`` is True/False, the 1-based place in the right order, or the role."""

    text: str
    answer: bool | int | str
    feedback: str


@dataclass(frozen=True)
class Quiz:
    """One question. ``source`` is its Markdown, to be shown on other pages too; ``line`` is 1-based."""

    id: str
    kind: Kind
    question: str
    options: tuple[Option, ...]
    source: str
    line: int


def parse(path: Path) -> list[Quiz]:
    """The quizzes of a page, in order, each validated.

    Raises:
        CourseError: a question does not have the form that this module describes; names file, line and repair.
    """
    lines = markdown.read(path).split("\n")
    quizzes: list[Quiz] = []
    for number, line in enumerate(lines):
        if '<div class="quiz"' not in line:
            continue
        match = OPEN.match(line)
        if match is None or match["kind"] not in get_args(Kind):
            raise at(
                path,
                number + 1,
                expected='<div class="quiz" id="quiz-…" data-kind="single|multiple|order|name" markdown="1">',
                found=line,
                next_step="Write the line in that form.",
            )
        try:
            end = lines.index("</div>", number)
        except ValueError:
            raise at(path, number + 1, expected="</div>", found="the page ends", next_step="Close the div.") from None
        if any(quiz.id == match["id"] for quiz in quizzes):
            raise at(path, number + 1, expected="ids used once", found=match["id"], next_step="Choose another id.")
        quizzes.append(_quiz(path, number + 1, match["id"], match["kind"], lines[number : end + 1]))
    return quizzes


def _quiz(path: Path, line: int, identity: str, kind: str, lines: list[str]) -> Quiz:
    def wrong(expected: str, found: str) -> Exception:
        return at(
            path,
            line,
            expected=expected,
            found=f"{identity}: {found}",
            next_step="Correct the question; the form is described in autograder/content/quizzes.py.",
        )

    if DETAILS not in lines or "</details>" not in lines:
        raise wrong(f"the answers between {DETAILS} and </details>", "no such lines")
    opened, closed = lines.index(DETAILS), lines.index("</details>")
    head, options = _split(lines[1:opened])
    _, answers = _split(lines[opened + 1 : closed])
    question = head.strip()
    if not question.startswith("**"):
        raise wrong("a question in bold before the options", repr(question[:40]))
    if len(options) < 2 or len(set(options)) != len(options):
        raise wrong("two or more different options", repr(options))
    if len(answers) != len(options):
        raise wrong(f"{len(options)} answers, one an option", str(len(answers)))
    try:
        paired = _PAIR[kind](options, answers, question)
    except ValueError as error:
        raise wrong(*error.args) from None
    return Quiz(identity, kind, question, tuple(paired), "\n".join(lines) + "\n", line)  # type: ignore[arg-type]


def _split(lines: list[str]) -> tuple[str, list[str]]:
    """What stands before the first list item, and the items; a continuation line belongs to its item."""
    head, items = list[str](), list[str]()
    for line in lines:
        match = ITEM.match(line)
        if match:
            items.append(match["text"].strip())
        elif items and line.strip():
            items[-1] += " " + line.strip()
        elif not items:
            head.append(line)
    return "\n".join(head), items


def _choices(options: list[str], answers: list[str], question: str) -> list[Option]:
    paired = []
    for option, answer in zip(options, answers, strict=True):
        match = VERDICT.match(answer)
        if match is None:
            raise ValueError("feedback that begins with **Right.** or **No.** and goes on", answer)
        paired.append(Option(option, match["word"] == "Right", match["why"]))
    if not any(option.answer for option in paired):
        raise ValueError("a right option", "none")
    return paired


def _single(options: list[str], answers: list[str], question: str) -> list[Option]:
    paired = _choices(options, answers, question)
    if sum(bool(option.answer) for option in paired) != 1:
        raise ValueError("one right option", str(sum(bool(option.answer) for option in paired)))
    return paired


def _order(options: list[str], answers: list[str], question: str) -> list[Option]:
    places: dict[str, tuple[int, str]] = {}
    for place, answer in enumerate(answers, start=1):
        match = BOLD.match(answer)
        if match is None:
            raise ValueError("an answer with its item in bold and a reason", answer)
        places[match["item"]] = (place, match["why"])
    if set(places) != set(options):
        raise ValueError("the same items in the options and the answers", repr(sorted(set(places) ^ set(options))))
    if [places[option][0] for option in options] == sorted(place for place, _ in places.values()):
        raise ValueError("options in another order than the answers", "the right order")
    return [Option(option, *places[option]) for option in options]


def _name(options: list[str], answers: list[str], question: str) -> list[Option]:
    paired = []
    for option, answer in zip(options, answers, strict=True):
        match = ROLE.match(answer)
        if match is None or match["part"] != option:
            raise ValueError(f"an answer that begins with {option}: and a role in bold, and goes on", answer)
        if match["role"] not in ROLES:
            raise ValueError(f"a role out of {', '.join(ROLES)}", match["role"])
        if option.strip("`") not in question:
            raise ValueError("parts of the name in the question", option)
        paired.append(Option(option, match["role"], match["why"]))
    return paired


_PAIR = {"single": _single, "multiple": _choices, "order": _order, "name": _name}
