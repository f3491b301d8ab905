"""Patterns that are no regular expressions, a shell's and the like, as programs of the same kind."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from autograder.domain.regex.nodes import Character, Concatenation, Node, Repeat
from autograder.domain.regex.program import Compiler, Positions, Regex
from autograder.domain.regex.syntax import Test, between, literal, one_of


def fits(regex: Regex, text: str) -> bool:
    """Whether a pattern takes the whole of a text."""
    return bool(Positions(text).ends(regex, 1) >> len(text))


@lru_cache(maxsize=256)
def shell_pattern(pattern: str) -> Regex:
    """A shell's pattern: ``*`` any characters, ``?`` one, ``[a-z]`` and ``[!a-z]`` one of or not of a set.

    Raises:
        ValueError: it is far larger than any that people write.

    Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_14
    """
    nodes: list[Node] = []
    at = 0
    while at < len(pattern):
        character, at = pattern[at], at + 1
        if character == "*":
            nodes.append(ANYTHING)
        elif character == "?":
            nodes.append(ANY)
        elif character == "[" and (end := _set_end(pattern, at)) is not None:
            inside, at = pattern[at:end], end + 1
            negated = inside.startswith("!")
            nodes.append(Character(one_of(set_tests(inside[negated:]), negated)))
        else:
            nodes.append(Character(literal(character)))
    return Compiler().compile(Concatenation(tuple(nodes)))


def _set_end(pattern: str, at: int) -> int | None:
    """Where a set ends, whose first character may be a ``]``; None where it does not."""
    first = at + pattern.startswith("!", at)
    end = pattern.find("]", first + 1)
    return None if end < 0 else end


def set_tests(inside: str) -> list[Test]:
    """The characters and ranges of ``[...]``; a range that runs backwards holds no character."""
    tests: list[Test] = []
    at = 0
    while at < len(inside):
        first, last = inside[at], inside[at + 2 : at + 3]
        if inside[at + 1 : at + 2] == "-" and last:
            tests.append(between(first, last))
            at += 3
        else:
            tests.append(literal(first))
            at += 1
    return tests


def _any(_: str) -> bool:
    return True


ANY: Final = Character(_any)
ANYTHING: Final = Repeat(ANY, 0, None)
