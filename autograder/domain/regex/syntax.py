"""What the syntaxes of regular expressions have in common: branches, repeats, classes; each language adds its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from functools import cache, lru_cache
from typing import Final

from autograder.domain.regex.nodes import Alternatives, Assertion, Character, Concatenation, Node, Repeat

MAX_LENGTH: Final = 1000  # characters of an expression
MAX_DEPTH: Final = 50  # groups in groups

WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
DIGIT: Final = frozenset("0123456789")
LOOKS: Final = {"=": (True, False), "!": (False, False), "<=": (True, True), "<!": (False, True)}  # positive, behind

Test = Callable[[str], bool]


class NotEvaluated(ValueError):
    """An expression that its language may well take, and that is not evaluated here: the text says why."""


class TooLarge(NotEvaluated):
    """An expression, or a text, that is longer, deeper or larger than any that this kit evaluates."""


def is_boundary(text: str, position: int) -> bool:
    """Whether ``\\b`` holds at a position: on one side of it stands a letter, digit or ``_``, on the other none."""
    before = position > 0 and text[position - 1] in WORD
    behind = position < len(text) and text[position] in WORD
    return before != behind


def is_inside(text: str, position: int) -> bool:
    """Whether ``\\B`` holds."""
    return not is_boundary(text, position)


def is_start(text: str, position: int) -> bool:
    """Whether a position is the beginning of the text."""
    return position == 0


def is_end(text: str, position: int) -> bool:
    """Whether a position is the end of the text."""
    return position == len(text)


@cache
def line_start(ends: str) -> Callable[[str, int], bool]:
    """The test for the beginning of a line; ``ends`` are the characters that end one."""
    return lambda text, position: position == 0 or text[position - 1] in ends


@cache
def line_end(ends: str) -> Callable[[str, int], bool]:
    """The test for the end of a line."""
    return lambda text, position: position == len(text) or text[position] in ends


def any_character(_: str) -> bool:
    """The test that every character passes."""
    return True


@cache
def within_line(ends: str) -> Test:
    """The test for a character that ends no line."""
    return lambda c: c not in ends


@lru_cache(maxsize=1024)
def literal(character: str) -> Test:
    """The test for one character."""
    return lambda c: c == character


def member(members: frozenset[str], negated: bool = False) -> Test:
    """The test for the characters of a set, or for all others."""
    return lambda c: (c in members) != negated


def between(low: str, high: str) -> Test:
    """The test for a range."""
    return lambda c: low <= c <= high


def one_of(tests: Sequence[Test], negated: bool = False) -> Test:
    """The test for what passes any of the tests, or none of them."""
    return lambda c: any(test(c) for test in tests) != negated


class Parser:
    """A recursive descent parser. A language says what its groups, classes and escapes are.

    Attributes:
        max_repeat: the largest count of a repeat; None where there is no limit.
        counts: what a counted repeat looks like: its least count, the comma with what follows, its most.
        strict_classes: whether a ``]`` in the first place of a class is an ordinary character, and a range that ends
            in a shorthand an error; otherwise such a range's ``-`` is an ordinary character.
        line_ends: the characters that end a line.
        flags: those in force, letters: ``m`` for lines, ``s`` for a dot that takes line ends, and the language's own.
    """

    max_repeat: int | None = None
    counts = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
    strict_classes = True
    line_ends = "\n"
    flags: Container[str] = frozenset()

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_LENGTH:
            raise TooLarge(f"the expression is longer than {MAX_LENGTH} characters")
        self.pattern = pattern
        self.position = 0

    def parse(self) -> Node:
        """The syntax tree of the whole expression.

        Raises:
            ValueError: it is malformed.
            TooLarge: it is too long, or nested too deeply.
        """
        node = self.alternatives(0)
        if self.position < len(self.pattern):
            raise ValueError(f"there is a ) without its ( at character {self.position + 1}")
        return node

    def atom(self, depth: int) -> Node:
        """What stands at the current place, up to a quantifier."""
        character = self.next()
        if character == "(":
            return self.group(depth)
        if character == "[":
            return self.character_class()
        if character == ".":
            return Character(any_character if "s" in self.flags else within_line(self.line_ends))
        if character == "^":
            return Assertion(line_start(self.line_ends) if "m" in self.flags else is_start)
        if character == "$":
            return Assertion(line_end(self.line_ends) if "m" in self.flags else is_end)
        if character == "\\":
            return self.escape()
        return self.literally(character)

    def group(self, depth: int) -> Node:
        """What follows a ``(``, with its ``)``."""
        raise NotImplementedError

    def character_class(self) -> Node:
        """What follows a ``[``, with its ``]``."""
        raise NotImplementedError

    def escape(self) -> Node:
        """What a backslash and what follows it stand for."""
        raise NotImplementedError

    def literally(self, character: str) -> Node:
        """An ordinary character."""
        raise NotImplementedError

    def may_repeat(self, node: Node) -> bool:
        """Whether a quantifier may follow a node."""
        return True

    def alternatives(self, depth: int) -> Node:
        """Branches up to the end of the group; ``depth`` counts the groups around them."""
        if depth > MAX_DEPTH:
            raise TooLarge("the expression is nested too deeply")
        branches = [self._sequence(depth)]
        while self.take("|"):
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else Alternatives(tuple(branches))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.position < len(self.pattern) and self.pattern[self.position] not in "|)":
            if self.pattern[self.position] in "*+?{" and self._bounds() is not None:
                raise self.nothing_to_repeat()
            parts.append(self._repeated(self.atom(depth)))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return node
        lazy = self.take("?")
        if self._bounds() is not None or not self.may_repeat(node):
            raise self.nothing_to_repeat()
        least, most = bounds
        if most is not None and most < least:
            raise ValueError(f"the repeat {{{least},{most}}} is the wrong way round")
        if self.max_repeat is not None and max(least, most or 0) > self.max_repeat:
            raise ValueError(f"a repeat count is at most {self.max_repeat}")
        return Repeat(node, least, most, lazy)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The quantifier at the current place, if there is one; a ``{`` that is none is an ordinary character."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(sign):
                return bounds
        found = self.match(self.counts)
        if found is None:
            return None
        least = int(found[1])
        if found[2] is None:
            return least, least
        return least, int(found[3]) if found[3] else None

    def class_part(self) -> str | Test:
        """One part of a class: a character, or the test of a shorthand such as ``\\d``."""
        raise NotImplementedError

    def class_tests(self) -> list[Test]:
        """The tests of a class, up to its ``]``, which is taken too."""
        tests: list[Test] = []
        while (self.strict_classes and not tests) or not self.take("]"):
            low = self.class_part()
            behind = self.pattern[self.position + 1 : self.position + 2]
            if self.peek() == "-" and behind not in ("]", "") and not (self.strict_classes and callable(low)):
                self.next()
                tests += self._range(low, self.class_part())
            else:
                tests.append(low if callable(low) else literal(low))
        return tests

    def _range(self, low: str | Test, high: str | Test) -> list[Test]:
        if isinstance(low, str) and isinstance(high, str) and low <= high:
            return [between(low, high)]
        if self.strict_classes or (isinstance(low, str) and isinstance(high, str)):
            raise ValueError(f"the range in the class before character {self.position + 1} is not one")
        return [part if callable(part) else literal(part) for part in (low, "-", high)]

    def peek(self) -> str:
        """The next character; nothing at the end."""
        return self.pattern[self.position : self.position + 1]

    def next(self) -> str:
        """The next character, which is taken."""
        if self.position >= len(self.pattern):
            raise ValueError("the expression ends too early")
        self.position += 1
        return self.pattern[self.position - 1]

    def take(self, character: str) -> bool:
        """Take a character if it comes next."""
        if self.pattern.startswith(character, self.position):
            self.position += 1
            return True
        return False

    def match(self, what: re.Pattern[str]) -> re.Match[str] | None:
        """Take what a pattern matches at the current place."""
        found = what.match(self.pattern, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def nothing_to_repeat(self) -> ValueError:
        """The error for a quantifier that follows nothing."""
        return ValueError(f"there is nothing to repeat at character {self.position}")
