"""JSON from a student's folder or a submission: bounded in size, depth, count and numbers.

The student's machine reads with it what the grader reads with it later, so neither takes what the other refuses.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from autograder.domain import limits

MAX_DEPTH = 60  # levels of lists and objects; an OCI document or a notebook needs about ten
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # also one without an end, or each sign in it might begin one
HALF = re.compile(r"\\u[dD][89a-fA-F]")


class Unfit(ValueError):
    """It is not read; the text says of the file what is wrong, to follow its name.

    Attributes:
        is_damaged: it is no JSON at all, so that nothing in it can be taken out to make it fit.
        is_large: it has to become smaller.
    """

    def __init__(self, text: str, *, is_damaged: bool = False, is_large: bool = False) -> None:
        super().__init__(text)
        self.is_damaged, self.is_large = is_damaged, is_large


def load(content: bytes, limit: int, parts: limits.Limit = limits.JSON_PARTS) -> Any:
    """Parse JSON of unknown provenance.

    Args:
        content: the bytes.
        limit: the most bytes it may have.
        parts: the most lists, objects and values it may have.

    Returns:
        plain JSON data: no NaN, no infinity, at most ``MAX_DEPTH`` levels, no integer of thousands of digits.

    Raises:
        Unfit: it is none of that.
    """
    if len(content) > limit:
        raise Unfit(f"has {len(content)} bytes; at most {limit} are read", is_large=True)
    if parts_in(content) > parts.most:
        raise Unfit(f"has more than {parts.most:,} {parts.unit}; so many are not read", is_large=True)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise Unfit("is not UTF-8 text", is_damaged=True) from None
    try:
        value = json.loads(text, parse_constant=_no_constant)
        if HALF.search(text):
            value = _whole(value)
    except RecursionError:
        raise Unfit("is nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, an integer of too many digits, a constant that JSON does not know
        raise Unfit(
            f"is not valid JSON: {str(error)[:120]}", is_damaged=isinstance(error, json.JSONDecodeError)
        ) from None
    _bounded(value)
    return value


def parts_in(content: bytes) -> int:
    """How many lists, objects and values JSON may hold at the most, from its signs alone."""

    def count(signs: bytes) -> int:
        return sum(signs.count(sign) for sign in (b"{", b"[", b","))

    found, texts = count(content), (content.count(b'"') - content.count(b'\\"')) // 2
    if found <= limits.JSON_PARTS.most or texts > limits.JSON_PARTS.most:
        return max(found, texts)
    return count(TEXT.sub(b"", content))  # a long text may hold as many of these signs, and is cheap


def _whole(value: Any) -> Any:
    """JSON data without halves of surrogate pairs, which no UTF-8 file can hold; U+FFFD takes the place of each.

    All of it by what is written in C: a file may hold a million escapes.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _bounded(value: Any) -> None:
    """Refuse what is nested too deeply or holds a number that overflows; a loop, so depth cannot hurt it."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for part in level:
            if isinstance(part, float) and part - part != 0:  # 1e999 parses to infinity
                raise Unfit("holds a number that is too large")
            if isinstance(part, (dict, list)):
                inner = part.values() if isinstance(part, dict) else part
                below += [one for one in inner if isinstance(one, (dict, list, float))]
        if not below:
            return
        level = below
    raise Unfit(f"is nested too deeply (more than {MAX_DEPTH} levels)")
