"""The syntax of the regular expressions that :mod:`autograder.domain.retention.regex` matches."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_LENGTH = 1000
MAX_DEPTH = 50
MAX_REPEAT = 1000  # the limit of RE2

_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGIT = frozenset("0123456789")
_SPACE = frozenset(" \t\n\r\f\v")
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_ASSERTIONS = {"b": "boundary", "B": "inside", "A": "start", "z": "end", "Z": "end"}
_POSIX: dict[str, Callable[[str], bool]] = {
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "digit": lambda c: c in _DIGIT,
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "lower": lambda c: c.isascii() and c.islower(),
    "upper": lambda c: c.isascii() and c.isupper(),
    "punct": lambda c: c.isascii() and c.isprintable() and not c.isalnum() and c != " ",
    "space": lambda c: c in _SPACE,
    "word": lambda c: c in _WORD,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
_LOOKS = {"?=": (True, False), "?!": (False, False), "?<=": (True, True), "?<!": (False, True)}
_GROUP = re.compile(r"\?(?P<look><?[=!])|\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?(?P<flags>[imsU]*(?:-[imsU]+)?)(?P<end>[:)])")
_POSIX_CLASS = re.compile(r"\[:(\^?)([a-z]+):\]")
_BOUNDS = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")


@dataclass(frozen=True, slots=True)
class Character:
    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Assertion:
    kind: str


@dataclass(frozen=True, slots=True)
class Look:
    inner: Node
    positive: bool
    behind: bool


@dataclass(frozen=True, slots=True)
class Concatenation:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    inner: Node
    least: int
    most: int | None


Node = Character | Assertion | Look | Concatenation | Alternatives | Repeat


def is_word(character: str) -> bool:
    """Whether ``\\w`` matches a character."""
    return character in _WORD


def parse(pattern: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        ValueError: it is malformed, too long, nested too deeply, or uses a back-reference.
    """
    if len(pattern) > MAX_LENGTH:
        raise ValueError(f"the expression is longer than {MAX_LENGTH} characters")
    parser = _Parser(pattern)
    node = parser.alternatives(0)
    if parser.position < len(pattern):
        raise ValueError(f"there is a ) without its ( at character {parser.position + 1}")
    return node


class _Parser:
    """A recursive descent parser; ``ignore_case`` is the state of the ``i`` flag."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.ignore_case = False

    def alternatives(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ValueError("the expression is nested too deeply")
        branches = [self._sequence(depth)]
        while self._take("|"):
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else Alternatives(tuple(branches))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.position < len(self.pattern) and self.pattern[self.position] not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        return Concatenation(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        bounds = self._bounds()
        if bounds is None:
            return node
        self._take("?")  # lazy: the same answer
        if self._bounds() is not None:
            raise ValueError(f"there is nothing to repeat at character {self.position}")
        least, most = bounds
        if most is not None and most < least:
            raise ValueError(f"the repeat {{{least},{most}}} is the wrong way round")
        if max(least, most or 0) > MAX_REPEAT:
            raise ValueError(f"a repeat count is at most {MAX_REPEAT}")
        return Repeat(node, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        """The quantifier at the current place, if there is one; a ``{`` that is none is an ordinary character."""
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        found = _BOUNDS.match(self.pattern, self.position)
        if found is None:
            return None
        self.position = found.end()
        least = int(found[1])
        if found[2] is None:
            return least, least
        return least, int(found[3]) if found[3] else None

    def _atom(self, depth: int) -> Node:
        character = self._next()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return self._class()
        if character == ".":
            return Character(lambda c: c != "\n")
        if character in "^$":
            return Assertion("start" if character == "^" else "end")
        if character == "\\":
            return self._escape()
        if character in "*+?":
            raise ValueError(f"there is nothing to repeat at character {self.position}")
        return self._literal(character)

    def _group(self, depth: int) -> Node:
        outer_case = self.ignore_case
        found = _GROUP.match(self.pattern, self.position)
        if found is None and self.pattern.startswith("?", self.position):
            raise ValueError(f"the group at character {self.position} is of an unknown kind")
        if found is not None:
            self.position = found.end()
            if found["flags"]:
                on, _, off = found["flags"].partition("-")
                self.ignore_case = (self.ignore_case or "i" in on) and "i" not in off
            if found["end"] == ")":
                return Concatenation(())  # flags for the rest of the enclosing group
        inner = self.alternatives(depth + 1)
        if not self._take(")"):
            raise ValueError("there is a ( without its )")
        self.ignore_case = outer_case
        if found is not None and found["look"]:
            positive, behind = _LOOKS[f"?{found['look']}"]
            return Look(inner, positive, behind)
        return inner

    def _escape(self) -> Node:
        name = self._next()
        if name in _ASSERTIONS:
            return Assertion(_ASSERTIONS[name])
        if name.lower() in _CLASSES:
            return Character(_member(_CLASSES[name.lower()], name.isupper()))
        if name.isdigit() and name != "0":
            raise ValueError("back-references are not supported here")
        return self._literal(self._escaped_character(name))

    def _escaped_character(self, name: str) -> str:
        if name == "x":
            digits = self.pattern[self.position : self.position + 2]
            if not re.fullmatch(r"[0-9a-fA-F]{2}", digits):
                raise ValueError(f"\\x needs two hex digits at character {self.position}")
            self.position += 2
            return chr(int(digits, 16))
        if name in _CONTROLS:
            return _CONTROLS[name]
        if name.isascii() and name.isalnum():
            raise ValueError(f"the escape \\{name} is not known")
        return name

    def _literal(self, character: str) -> Node:
        if self.ignore_case:
            folded = character.lower()
            return Character(lambda c: c.lower() == folded)
        return Character(lambda c: c == character)

    def _class(self) -> Node:
        negated = self._take("^")
        tests: list[Callable[[str], bool]] = []
        first = True
        while first or not self._take("]"):
            first = False
            posix = _POSIX_CLASS.match(self.pattern, self.position)
            if posix is not None and posix[2] in _POSIX:
                self.position = posix.end()
                tests.append(_negated(_POSIX[posix[2]], bool(posix[1])))
                continue
            low = self._class_character(tests)
            if low is None:
                continue
            high = low
            if (
                self.pattern.startswith("-", self.position)
                and self.pattern[self.position + 1 : self.position + 2] != "]"
            ):
                self._next()
                upper = self._class_character([])
                if upper is None or upper < low:
                    raise ValueError(f"the range in the class before character {self.position + 1} is not one")
                high = upper
            tests.append(_between(low, high))
        if self.ignore_case:
            return Character(lambda c: any(t(c.lower()) or t(c.upper()) for t in tests) != negated)
        return Character(lambda c: any(t(c) for t in tests) != negated)

    def _class_character(self, tests: list[Callable[[str], bool]]) -> str | None:
        """The next character of a class; ``None`` after adding a shorthand such as ``\\d`` to ``tests``."""
        character = self._next()
        if character != "\\":
            return character
        name = self._next()
        if name.lower() in _CLASSES:
            tests.append(_member(_CLASSES[name.lower()], name.isupper()))
            return None
        return "\b" if name == "b" else self._escaped_character(name)

    def _next(self) -> str:
        if self.position >= len(self.pattern):
            raise ValueError("the expression ends too early")
        self.position += 1
        return self.pattern[self.position - 1]

    def _take(self, character: str) -> bool:
        if self.pattern.startswith(character, self.position):
            self.position += 1
            return True
        return False


def _member(members: frozenset[str], negated: bool) -> Callable[[str], bool]:
    return lambda c: (c in members) != negated


def _negated(test: Callable[[str], bool], negated: bool) -> Callable[[str], bool]:
    return lambda c: test(c) != negated


def _between(low: str, high: str) -> Callable[[str], bool]:
    return lambda c: low <= c <= high
