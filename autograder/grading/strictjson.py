"""JSON from a submission: bounded in size, depth and numbers, so that nothing later is surprised by it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from autograder.grading.problems import Refused

MAX_DEPTH = 60  # levels of lists and objects; an OCI document or a notebook needs about ten
MAX_SAID = 120  # characters of a hostile text that a message repeats


def said(text: object, limit: int = MAX_SAID) -> str:
    """A text from a submission as it may stand in a message: printable, on one line, cut."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def printable(text: str) -> str:
    """A text of any length for a terminal: no control sequence acts, and nothing turns the words beside it."""
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def load(content: bytes, what: str, limit: int) -> Any:
    """Parse JSON of unknown provenance.

    Args:
        content: the bytes.
        what: the file's name, for messages.
        limit: the most bytes it may have.

    Returns:
        plain JSON data: no NaN, no infinity, at most ``MAX_DEPTH`` levels, no integer of thousands of digits.

    Raises:
        Refused: it is none of that; the message says what is wrong.
    """
    if len(content) > limit:
        raise Refused(f"{what} has {len(content)} bytes; at most {limit} are read.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{what} is not UTF-8 text.") from None
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Refused(f"{what} is nested too deeply.") from None
    except ValueError as error:  # JSONDecodeError, an integer of too many digits, a constant that JSON does not know
        raise Refused(f"{what} is not valid JSON: {said(error)}.") from None
    _bounded(value, what)
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _bounded(value: Any, what: str) -> None:
    """Refuse what is nested too deeply or holds a number that overflows; a loop, so depth cannot hurt it."""
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise Refused(f"{what} is nested too deeply (more than {MAX_DEPTH} levels).")
        if isinstance(part, float) and part - part != 0:  # 1e999 parses to infinity
            raise Refused(f"{what} holds a number that is too large.")
        if isinstance(part, dict):
            waiting += [(inner, depth + 1) for inner in part.values() if isinstance(inner, (dict, list, float))]
        elif isinstance(part, list):
            waiting += [(inner, depth + 1) for inner in part if isinstance(inner, (dict, list, float))]
