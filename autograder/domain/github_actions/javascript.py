"""Where the action leans on JavaScript: trimming, numbers, text of values, regular expressions, the order of labels."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.regex.captures import Matcher, Pattern, compile_pattern
from autograder.domain.regex.javascript_syntax import WHITE_SPACE, parse
from autograder.domain.regex.syntax import NotEvaluated


def trim(text: str) -> str:
    """``String.prototype.trim``."""
    return text.strip(WHITE_SPACE)


def number(text: str) -> float:
    """``Number(text)``; not-a-number where it is none. Source: https://tc39.es/ecma262/#sec-tonumber"""
    text = trim(text)
    if not text:
        return 0.0
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return to_float(int(text, 0))
    if re.fullmatch(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)", text):
        return float(text)
    return float("nan")


def to_float(value: float) -> float:
    """A number as JavaScript and GitHub hold it; one that is too large for that is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_text(value: float) -> str:
    """``String(value)`` of a number. Source: https://tc39.es/ecma262/#sec-numeric-types-number-tostring"""
    value = to_float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{Decimal(repr(abs(value))).normalize():e}".partition("e")
    digits, point = mantissa.replace(".", ""), int(exponent) + 1
    if not -6 < point <= 21:
        fraction = f".{digits[1:]}" if digits[1:] else ""
        return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def text_of(value: object) -> str:
    """A value as JavaScript writes it into a text; nothing for null and undefined, as Handlebars does."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, list | tuple):
        return ",".join(text_of(item) for item in value)
    return value if isinstance(value, str) else "[object Object]"


def match(pattern: str, flags: str, text: str) -> Sequence[str | None] | None:
    """``text.match(new RegExp(pattern, flags))``: the whole match and the groups, or with ``g`` all matches.

    Raises:
        WorkflowError: where the pattern is no regular expression.
        NotKnownHere: where it is one that is not evaluated, or takes too many steps.
    """
    if set(flags) - set("dgimsuvy") or len(set(flags)) != len(flags):
        raise WorkflowError(f"Invalid flags supplied to RegExp constructor '{flags}'")
    if set(flags) & set("uv"):
        raise NotKnownHere(f"JavaScript's Unicode mode for the pattern {pattern}")
    try:
        matcher = Matcher(_compiled(pattern, flags), text)
        if "g" in flags:
            return _all(matcher, text, sticky="y" in flags) or None
        found = matcher.match(0) if "y" in flags else matcher.search(0)
    except NotEvaluated as problem:
        raise NotKnownHere(f"JavaScript's reading of the pattern {pattern} ({problem})") from None
    except ValueError as problem:
        raise WorkflowError(f"Invalid regular expression: /{pattern}/: {problem}") from None
    return None if found is None else [None if span is None else text[slice(*span)] for span in found]


@lru_cache(maxsize=64)
def _compiled(pattern: str, flags: str) -> Pattern:
    return compile_pattern(*parse(pattern, flags))


def _all(matcher: Matcher, text: str, *, sticky: bool) -> list[str | None]:
    """Every match from left to right; after an empty one JavaScript goes on one character further."""
    found: list[str | None] = []
    position = 0
    while position <= len(text):
        spans = matcher.match(position) if sticky else matcher.search(position)
        if spans is None or spans[0] is None:
            break
        begin, end = spans[0]
        found.append(text[begin:end])
        position = end + (begin == end)
    return found


# ASCII in the order of JavaScript's localeCompare (Unicode collation, root locale): signs, digits, letters; accents
# count only between equal letters, case after them. Source: https://www.unicode.org/Public/UCA/latest/allkeys.txt
_SIGNS: Final = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"


def _weight(char: str) -> tuple[int, int]:
    if char in _SIGNS:
        return 0, _SIGNS.index(char)
    if char.isascii() and char.isdigit():
        return 1, int(char)
    return (2 if char.isascii() else 3), ord(char.lower()[0])


_WEIGHTS: Final = {char: _weight(char) for char in map(chr, range(128))}


@lru_cache(maxsize=512)
def locale_key(text: str) -> tuple[object, ...]:
    """Sort key that orders keys as ``a.localeCompare(b)`` does; other alphabets come last, by code point."""
    split = unicodedata.normalize("NFD", text)
    letters = [char for char in split if not unicodedata.combining(char)]
    accents = tuple(char for char in split if unicodedata.combining(char))
    weights = tuple(_WEIGHTS.get(char) or _weight(char) for char in letters)
    return weights, accents, tuple(char.isupper() for char in letters)
