"""JSON from a submission: bounded in size, depth and numbers, so that nothing later is surprised by it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from autograder.domain import limits
from autograder.grading.problems import Refused

MAX_DEPTH = 60  # levels of lists and objects; an OCI document or a notebook needs about ten
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # also one without an end, or each sign in it might begin one
HALF = re.compile(r"\\u[dD][89a-fA-F]")
ESCAPE = re.compile(  # each one whole, so that an escaped backslash before a "u" begins none
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
MAX_SAID = 120  # characters of a hostile text that a message repeats


def said(text: object, limit: int = MAX_SAID) -> str:
    """A text from a submission as it may stand in a message: printable, on one line, cut."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text)[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def printable(text: str) -> str:
    """A text of any length for a terminal: no control sequence acts, and nothing turns the words beside it."""
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def load(content: bytes, what: str, limit: int, parts: limits.Limit = limits.JSON_PARTS) -> Any:
    """Parse JSON of unknown provenance.

    Args:
        content: the bytes.
        what: the file's name, for messages.
        limit: the most bytes it may have.
        parts: the most lists, objects and values it may have.

    Returns:
        plain JSON data: no NaN, no infinity, at most ``MAX_DEPTH`` levels, no integer of thousands of digits.

    Raises:
        Refused: it is none of that; the message says what is wrong.
    """
    if len(content) > limit:
        raise Refused(f"{what} has {len(content)} bytes; at most {limit} are read.")
    if _parts(content) > parts.most:
        raise Refused(
            f"{what} has more than {parts.most:,} {parts.unit}; so many are not read. Make it "
            "smaller (in a notebook: clear the outputs of its cells), then submit again."
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{what} is not UTF-8 text.") from None
    try:
        value = json.loads(_whole(text), parse_constant=_no_constant)
    except RecursionError:
        raise Refused(f"{what} is nested too deeply.") from None
    except ValueError as error:  # JSONDecodeError, an integer of too many digits, a constant that JSON does not know
        raise Refused(f"{what} is not valid JSON: {said(error)}.") from None
    _bounded(value, what)
    return value


def _parts(content: bytes) -> int:
    """How many lists, objects and values JSON may hold at the most, from its signs alone."""

    def count(signs: bytes) -> int:
        return sum(signs.count(sign) for sign in (b"{", b"[", b","))

    found, texts = count(content), (content.count(b'"') - content.count(b'\\"')) // 2
    if found <= limits.JSON_PARTS.most or texts > limits.JSON_PARTS.most:
        return max(found, texts)
    return count(TEXT.sub(b"", content))  # a long text may hold as many of these signs, and is cheap


def _whole(text: str) -> str:
    """JSON without halves of surrogate pairs, which no UTF-8 file can hold; U+FFFD takes the place of each."""
    if HALF.search(text) is None:
        return text
    return ESCAPE.sub(lambda found: "\\ufffd" if found["half"] else found[0], text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _bounded(value: Any, what: str) -> None:
    """Refuse what is nested too deeply or holds a number that overflows; a loop, so depth cannot hurt it."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for part in level:
            if isinstance(part, float) and part - part != 0:  # 1e999 parses to infinity
                raise Refused(f"{what} holds a number that is too large.")
            if isinstance(part, (dict, list)):
                inner = part.values() if isinstance(part, dict) else part
                below += [one for one in inner if isinstance(one, (dict, list, float))]
        if not below:
            return
        level = below
    raise Refused(f"{what} is nested too deeply (more than {MAX_DEPTH} levels).")
