"""Texts on which expressions can differ: what one takes, a round of a repeat or a character more or less."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from autograder.domain.regex import go_syntax
from autograder.domain.regex.nodes import (
    Alternatives,
    Assertion,
    Character,
    Concatenation,
    Group,
    Look,
    Node,
    Reference,
    Repeat,
    walk,
)

MOST: Final = 40  # examples of one part of an expression
LONGEST: Final = 256  # characters of an example
ROUNDS: Final = 3  # of a repeat without an end, above its least


def representatives(patterns: Iterable[str], alphabet: str) -> tuple[str, str]:
    """Of all characters that the parts of the expressions cannot tell apart, the first of the alphabet.

    Returns:
        those of all parts, and those of the parts that take more than one character.

    Raises:
        ValueError: an expression is malformed.
    """
    tests = {part.accepts for text in patterns for part in walk(go_syntax.parse(text)) if isinstance(part, Character)}
    taken = {frozenset(character for character in alphabet if test(character)) for test in tests}
    return tuple(  # type: ignore[return-value]
        "".join({tuple(c in one for one in taken if len(one) >= least): c for c in reversed(alphabet)}.values())[::-1]
        for least in (1, 2)
    )


def examples(pattern: str, characters: str) -> list[str]:
    """Texts that an expression takes or nearly takes, made of the given characters; none where it needs others.

    Raises:
        ValueError: the expression is malformed.
    """
    node = go_syntax.parse(pattern)
    looked_for = [part.inner for part in walk(node) if isinstance(part, Look)]
    found = [text for part in (node, *looked_for) for text in _of(part, characters)]
    return [text for text in dict.fromkeys(found) if len(text) <= LONGEST]


def near(text: str, characters: str) -> Iterator[str]:
    """The text with one character more, less or other than there is, at each place."""
    for place in range(len(text) + 1):
        for character in characters:
            yield f"{text[:place]}{character}{text[place:]}"
        if place < len(text):
            yield text[:place] + text[place + 1 :]
            yield from (f"{text[:place]}{character}{text[place + 1 :]}" for character in characters)
    yield text.swapcase()


def _of(node: Node, characters: str) -> list[str]:
    match node:
        case Character(accepts):
            return [character for character in characters if accepts(character)][:3]
        case Concatenation(parts):
            return _joined([_of(part, characters) for part in parts])
        case Alternatives(branches):
            return list(islice((text for branch in branches for text in _of(branch, characters)[:8]), MOST))
        case Group(_, inner):
            return _of(inner, characters)
        case Repeat(inner, least, most):
            last = least + ROUNDS if most is None else most + 1
            rounds = dict.fromkeys((max(least, 1), least, least + 1, max(least - 1, 0), last - 1, last))
            texts = _of(inner, characters)
            made = [text * n for n in rounds for text in texts[:3] if len(text) * n <= LONGEST]
            return list(dict.fromkeys([*made[:MOST], *([""] if not least else [])]))
        case Assertion() | Look():
            return [""]
        case Reference():
            return []


def _joined(parts: Sequence[list[str]]) -> list[str]:
    """One text of each part behind the other: the first of each, then with one part changed at a time."""
    if not all(parts):
        return []
    firsts = [texts[0] for texts in parts]
    found = ["".join(firsts)]
    if len(found[0]) > LONGEST:
        return []
    for n, texts in enumerate(parts):
        before, after = "".join(firsts[:n]), "".join(firsts[n + 1 :])
        found += [f"{before}{text}{after}" for text in texts[1:] if len(before) + len(text) + len(after) <= LONGEST]
        if len(found) > MOST:
            break
    return found[:MOST]
