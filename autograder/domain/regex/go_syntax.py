"""The syntax of the Go library regexp2 in its RE2 mode: RE2's words, and look-arounds, which RE2 itself has not.

Sources: https://github.com/dlclark/regexp2 and https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from typing import Final

from autograder.domain.regex.nodes import EMPTY, Assertion, Character, Look, Node
from autograder.domain.regex.syntax import (
    DIGIT,
    LOOKS,
    WORD,
    Parser,
    Test,
    is_boundary,
    is_end,
    is_inside,
    is_start,
    literal,
    member,
    one_of,
)

MAX_REPEAT: Final = 1000  # the limit of RE2

_SPACE: Final = frozenset(" \t\n\r\f\v")
_CLASSES: Final = {"d": DIGIT, "w": WORD, "s": _SPACE}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}
_ASSERTIONS: Final = {"b": is_boundary, "B": is_inside, "A": is_start, "z": is_end, "Z": is_end}
POSIX: Final[dict[str, Test]] = {
    "alpha": lambda c: c.isascii() and c.isalpha(),
    "digit": lambda c: c in DIGIT,
    "alnum": lambda c: c.isascii() and c.isalnum(),
    "lower": lambda c: c.isascii() and c.islower(),
    "upper": lambda c: c.isascii() and c.isupper(),
    "punct": lambda c: c.isascii() and c.isprintable() and not c.isalnum() and c != " ",
    "space": lambda c: c in _SPACE,
    "word": lambda c: c in WORD,
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}
_GROUP: Final = re.compile(
    r"\?(?P<look><?[=!])|\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?(?P<on>[imsU]*)(?:-(?P<off>[imsU]+))?(?P<end>[:)])"
)
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)([a-z]+):\]")


def parse(pattern: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        ValueError: it is malformed, too long, nested too deeply, or uses a back-reference.
    """
    return GoParser(pattern).parse()


class GoParser(Parser):
    """``flags`` are those in force: ``i`` for any case, ``m`` for lines, ``s`` for a dot that takes line ends."""

    max_repeat = MAX_REPEAT

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.flags: frozenset[str] = frozenset()

    def group(self, depth: int) -> Node:
        outer_flags = self.flags
        found = self.match(_GROUP)
        if found is None and self.peek() == "?":
            raise ValueError(f"the group at character {self.position} is of an unknown kind")
        if found is not None and found["end"]:
            self.flags = (self.flags | set(found["on"])) - set(found["off"] or "")
            if found["end"] == ")":
                return EMPTY  # flags for the rest of the enclosing group
        inner = self.alternatives(depth + 1)
        if not self.take(")"):
            raise ValueError("there is a ( without its )")
        self.flags = outer_flags
        return Look(inner, *LOOKS[found["look"]]) if found is not None and found["look"] else inner

    def escape(self) -> Node:
        name = self.next()
        if name in _ASSERTIONS:
            return Assertion(_ASSERTIONS[name])
        if name.lower() in _CLASSES:
            return Character(member(_CLASSES[name.lower()], name.isupper()))
        if name.isdigit() and name != "0":
            raise ValueError("back-references are not supported here")
        return self.literally(self._escaped_character(name))

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

    def literally(self, character: str) -> Node:
        if "i" in self.flags:
            folded = character.lower()
            return Character(lambda c: c.lower() == folded)
        return Character(literal(character))

    def character_class(self) -> Node:
        negated = self.take("^")
        tests = self.class_tests()
        if "i" in self.flags:
            return Character(lambda c: any(test(c.lower()) or test(c.upper()) for test in tests) != negated)
        return Character(one_of(tests, negated))

    def class_part(self) -> str | Test:
        posix = _POSIX_CLASS.match(self.pattern, self.position)
        if posix is not None and posix[2] in POSIX:
            self.position = posix.end()
            return one_of([POSIX[posix[2]]], negated=bool(posix[1]))
        character = self.next()
        if character != "\\":
            return character
        name = self.next()
        if name.lower() in _CLASSES:
            return member(_CLASSES[name.lower()], name.isupper())
        return "\b" if name == "b" else self._escaped_character(name)
