"""Where the action leans on JavaScript: trimming, numbers, text of values, regular expressions, the order of labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError

# What String.prototype.trim removes. Source: https://tc39.es/ecma262/#sec-trimstring
_WHITE_SPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" + (
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)


def trim(text: str) -> str:
    """``String.prototype.trim``."""
    return text.strip(_WHITE_SPACE)


def number(text: str) -> float:
    """``Number(text)``; not-a-number where it is none. Source: https://tc39.es/ecma262/#sec-tonumber"""
    text = trim(text)
    if not text:
        return 0.0
    if re.fullmatch(r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+", text):
        return float(int(text, 0))
    if re.fullmatch(r"[+-]?(?:Infinity|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)", text):
        return float(text)
    return float("nan")


def text_of(value: object) -> str:
    """A value as JavaScript writes it into a text; nothing for null and undefined, as Handlebars does."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return ",".join(text_of(item) for item in value)
    return str(value) if isinstance(value, str | int | float) else "[object Object]"


def match(pattern: str, flags: str, text: str) -> Sequence[str | None] | None:
    """``text.match(new RegExp(pattern, flags))``: the whole match and the groups, or with ``g`` all matches.

    Raises:
        WorkflowError: where the pattern is no regular expression.
        NotKnownHere: where it uses something that Python's expressions lack or read differently.
    """
    compiled = _compile(pattern, flags)
    if "g" in flags:
        return _all(compiled, text) or None
    hit = compiled.match(text) if "y" in flags else compiled.search(text)
    return None if hit is None else [hit.group(), *hit.groups()]


def _all(compiled: re.Pattern[str], text: str) -> list[str | None]:
    """Every match from left to right; after an empty one JavaScript goes on one character further."""
    found: list[str | None] = []
    position = 0
    while position <= len(text) and (hit := compiled.search(text, position)):
        found.append(hit.group())
        position = hit.end() + (not hit.group())
    return found


# Written alike and read alike once ASCII is asked for; the rest is translated or refused.
_TOKEN: Final = re.compile(
    r"\\(?:k<(?P<reference>[A-Za-z_]\w*)>|(?P<escape>[\s\S])|$)"
    r"|\[(?P<set>\^?(?:\\[\s\S]|[^\]\\])*)\]"
    r"|\(\?<(?P<name>[A-Za-z_]\w*)>"
    r"|(?P<python>\(\?(?![:=!]|<[=!]))"
    r"|(?P<possessive>(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\+)"
    r"|(?P<brace>\{(?![0-9]+(?:,[0-9]*)?\}))"
    r"|(?P<end>\$)"
)
_SAME_ESCAPES: Final = frozenset("dDwWbBnrtfv0123456789xu") | frozenset(r"^$\.*+?()[]{}|/-,:;=!<>@#%&~`'\" _")


def _compile(pattern: str, flags: str) -> re.Pattern[str]:
    if set(flags) - set("dgimsuvy") or len(set(flags)) != len(flags):
        raise WorkflowError(f"Invalid flags supplied to RegExp constructor '{flags}'")
    if set(flags) & set("uv"):
        raise NotKnownHere(f"JavaScript's Unicode mode for the pattern {pattern}")
    python_flags = re.ASCII
    python_flags |= re.IGNORECASE if "i" in flags else 0
    python_flags |= re.MULTILINE if "m" in flags else 0
    python_flags |= re.DOTALL if "s" in flags else 0

    def translate(token: re.Match[str]) -> str:
        if token["reference"]:
            return f"(?P={token['reference']})"
        if token["name"]:
            return f"(?P<{token['name']}>"
        if token["end"]:
            return "$" if "m" in flags else r"\Z"
        if token["brace"]:
            return r"\{"
        if token["set"] is not None:
            return _character_set(token["set"], pattern)
        if token["escape"] and token["escape"] in _SAME_ESCAPES:
            return token.group()
        if token["escape"] == "s":
            return f"[{_WHITE_SPACE}]"
        if token["escape"] == "S":
            return f"[^{_WHITE_SPACE}]"
        if token["escape"] and token["escape"].isalpha():
            raise NotKnownHere(f"JavaScript's reading of '{token.group()}' in the pattern {pattern}")
        raise WorkflowError(f"Invalid regular expression: /{pattern}/")

    try:
        return re.compile(_TOKEN.sub(translate, pattern), python_flags)
    except (re.error, OverflowError, RecursionError) as wrong:
        if re.search(r"\\[1-9k]|\(\?<", pattern):  # references and look-behinds that only JavaScript takes
            raise NotKnownHere(f"JavaScript's reading of the pattern {pattern} ({wrong})") from None
        raise WorkflowError(f"Invalid regular expression: /{pattern}/") from None


def _character_set(inside: str, pattern: str) -> str:
    if inside == "":
        return r"(?!)"  # JavaScript's [] matches nothing, [^] anything
    if inside == "^":
        return r"[\s\S]"
    for escape in re.findall(r"\\([A-Za-z])", inside):
        if escape not in "dDwWnrtfvxusb":
            raise NotKnownHere(f"JavaScript's reading of '\\{escape}' in the pattern {pattern}")
    inside = re.sub(r"(?<!\\)((?:\\\\)*)\\s", lambda found: found[1] + _WHITE_SPACE, inside)
    inside = re.sub(r"(?<!\\)((?:\\\\)*)([\[&|~])", r"\1\\\2", inside)  # signs that Python may read as set operations
    return f"[{inside}]"


# ASCII in the order of JavaScript's localeCompare (Unicode collation, root locale): signs, digits, letters; accents
# count only between equal letters, case after them. Source: https://www.unicode.org/Public/UCA/latest/allkeys.txt
_SIGNS: Final = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"


def locale_key(text: str) -> tuple[object, ...]:
    """Sort key that orders keys as ``a.localeCompare(b)`` does; other alphabets come last, by code point."""

    def weight(char: str) -> tuple[int, int]:
        if char in _SIGNS:
            return 0, _SIGNS.index(char)
        if char.isascii() and char.isdigit():
            return 1, int(char)
        return (2 if char.isascii() else 3), ord(char.lower()[0])

    split = unicodedata.normalize("NFD", text)
    letters = [char for char in split if not unicodedata.combining(char)]
    accents = [char for char in split if unicodedata.combining(char)]
    return tuple(weight(char) for char in letters), tuple(accents), tuple(char.isupper() for char in letters)
