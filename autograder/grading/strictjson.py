"""What a submission holds, in messages and as JSON: bounded, so that nothing later is surprised by it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from autograder.domain import limits
from autograder.evidence import bounded_json
from autograder.evidence.bounded_json import Unfit
from autograder.grading.problems import Refused

PLAIN_NAME = re.compile(r"[\w .,:/()\[\]+-]+")
MAX_SAID = 120  # characters of a hostile text that a message repeats
MAX_LISTED = 8  # names in one message


def said(text: object, limit: int = MAX_SAID) -> str:
    """A text from a submission as it may stand in a message: printable, on one line, cut."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def some(names: Sequence[str], most: int = MAX_LISTED) -> str:
    """The first of many names from a submission, and how many more there are."""
    more = len(names) - most
    return ", ".join(said(name) for name in names[:most]) + (f" and {more} more" if more > 0 else "")


def quoted(name: str) -> str:
    """A printable name as an argument of a command: in double quotes, which every shell takes, where that is safe."""
    return f'"{name}"' if " " in name and PLAIN_NAME.fullmatch(name) else shlex.quote(name)


def printable(text: str) -> str:
    """A text of any length for a terminal: no control sequence acts, and nothing turns the words beside it."""
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


SMALLER = " Make it smaller (in a notebook: clear the outputs of its cells), then submit again."


def load(content: bytes, what: str, limit: int, parts: limits.Limit = limits.JSON_PARTS) -> Any:
    """JSON from a submission, as :func:`autograder.evidence.bounded_json.load` reads it.

    Args:
        content: the bytes.
        what: the file's name, for messages.
        limit: the most bytes it may have.
        parts: the most lists, objects and values it may have.

    Raises:
        Refused: it is not read; the message says what is wrong.
    """
    try:
        return bounded_json.load(content, limit, parts)
    except Unfit as problem:
        raise Refused(f"{what} {problem}.{SMALLER if problem.is_large else ''}") from None
