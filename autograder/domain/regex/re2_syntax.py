"""The syntax of RE2: of Go's package regexp, with which Docker Hub reads its rules, and of GitLab's ``rules:if``.

Sources: https://github.com/google/re2/wiki/Syntax and https://pkg.go.dev/regexp/syntax. What only one of the two takes
(``\\C``) is refused. There are no look-arounds, back-references, possessive quantifiers or atomic groups.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from autograder.domain.regex.go_syntax import POSIX, GoParser
from autograder.domain.regex.nodes import EMPTY, Alternatives, Assertion, Character, Concatenation, Node, Repeat
from autograder.domain.regex.syntax import (
    DIGIT,
    MAX_LENGTH,
    WORD,
    NotEvaluated,
    Test,
    TooLarge,
    is_boundary,
    is_end,
    is_inside,
    is_start,
    member,
    one_of,
)

MAX_REPEAT: Final = 1000  # of counted repeats in one another, multiplied

_CLASSES: Final = {"d": DIGIT, "w": WORD, "s": frozenset(" \t\n\r\f")}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_ASSERTIONS: Final = {"b": is_boundary, "B": is_inside, "A": is_start, "z": is_end}
_POSIX: Final[dict[str, Test]] = {
    **POSIX,
    "ascii": str.isascii,
    "blank": lambda c: c in " \t",
    "cntrl": lambda c: c < " " or c == "\x7f",
    "graph": lambda c: "!" <= c <= "~",
    "print": lambda c: " " <= c <= "~",
}
_CATEGORIES: Final = (
    "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No",
    "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
)  # fmt: skip
_GROUP: Final = re.compile(r"\?P?<\w+>|\?(?P<on>[imsU]*)(?:-(?P<off>[imsU]+))?(?P<end>[:)])")
_POSIX_CLASS: Final = re.compile(r"\[:(\^?)(.*?):\]", re.DOTALL)
_CODE: Final = re.compile(r"\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2})")
_PROPERTY: Final = re.compile(r"\{(\^?)([^}]*)\}|()(.)", re.DOTALL)
_QUOTED_PARTS: Final = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:[^\]]*:\]|[^\]\\])*\]?|.", re.DOTALL
)


def parse(pattern: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        ValueError: RE2 refuses it.
        NotEvaluated: RE2 may take it, and it is not evaluated here: it is too long, nested too deeply, or names a
            script (``\\p{Greek}``).
    """
    if len(pattern) > MAX_LENGTH:  # before anything reads it: \Q...\E is looked for in more than linear time
        raise TooLarge(f"the expression is longer than {MAX_LENGTH} characters")
    if any(unicodedata.category(character) == "Cs" for character in pattern):
        raise ValueError("half a surrogate pair is no character")
    node = _Re2Parser(_QUOTED_PARTS.sub(_unquoted, pattern)).parse()
    _check_repeats(node, MAX_REPEAT)
    return node


def _unquoted(part: re.Match[str]) -> str:
    r"""``\Q…\E`` with every character in it escaped; anything else as it stands."""
    quoted = part["quoted"]
    if quoted is None:
        return part[0]
    return "".join(f"\\x{{{ord(character):x}}}" for character in quoted)


def _check_repeats(node: Node, left: int) -> None:
    match node:
        case Concatenation(parts) | Alternatives(parts):
            for part in parts:
                _check_repeats(part, left)
        case Repeat(inner, least, most):
            count = least if most is None else most
            if count > left:
                raise ValueError(f"repeats in one another make more than {MAX_REPEAT}")
            _check_repeats(inner, left // count if count else left)


class _Re2Parser(GoParser):
    max_repeat = MAX_REPEAT
    counts = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")  # others, such as {01}, are ordinary characters

    def may_repeat(self, node: Node) -> bool:
        if node is EMPTY:  # RE2 repeats what stands before the flags
            raise NotEvaluated("a repeat directly behind flags is not evaluated here")
        return True

    def group(self, depth: int) -> Node:
        outer_flags = self.flags
        head = self.match(_GROUP)
        if head is None and self.peek() == "?":
            raise ValueError(f"the group at character {self.position} is none of RE2's")
        if head is not None and head["end"]:
            self.flags = (self.flags | set(head["on"])) - set(head["off"] or "")
            if head["end"] == ")":
                return EMPTY  # flags for the rest of the enclosing group
        inner = self.alternatives(depth + 1)
        if not self.take(")"):
            raise ValueError("there is a ( without its )")
        self.flags = outer_flags
        return Concatenation(()) if inner is EMPTY else inner

    def escape(self) -> Node:
        name = self.next()
        if name in _ASSERTIONS:
            return Assertion(_ASSERTIONS[name])
        part = self._escaped(name)
        if isinstance(part, str):
            return self.literally(part)
        if "i" in self.flags:
            return Character(lambda c: part(c) or part(c.lower()) or part(c.upper()))
        return Character(part)

    def class_part(self) -> str | Test:
        posix = self.match(_POSIX_CLASS)
        if posix is not None:
            if posix[2] not in _POSIX:
                raise ValueError(f"there is no class {posix[0]}")
            return one_of([_POSIX[posix[2]]], negated=bool(posix[1]))
        character = self.next()
        return self._escaped(self.next()) if character == "\\" else character

    def _escaped(self, name: str) -> str | Test:
        """What stands behind a backslash: a character, or the test of a class."""
        if name.lower() in _CLASSES:
            return member(_CLASSES[name.lower()], name.isupper())
        if name in "pP":
            return self._property(name == "P")
        if name == "x":
            return self._code()
        if name in "01234567":
            return self._octal(name)
        if name in _CONTROLS:
            return _CONTROLS[name]
        if not name.isascii() or name.isalnum():
            raise ValueError(f"the escape \\{name} is none of RE2's")
        return name

    def _octal(self, first: str) -> str:
        r"""``\0`` to ``\777``; a single digit from 1 would be a back-reference."""
        digits = first
        while len(digits) < 3 and self.peek() and self.peek() in "01234567":
            digits += self.next()
        if first != "0" and len(digits) == 1:
            raise ValueError(f"RE2 has no back-references, so \\{first} means nothing")
        return chr(int(digits, 8))

    def _code(self) -> str:
        code = self.match(_CODE)
        if code is None or int(code[1] or code[2], 16) > 0x10FFFF:
            raise ValueError(f"\\x needs two hex digits, or some in braces, at character {self.position}")
        return chr(int(code[1] or code[2], 16))

    def _property(self, negated: bool) -> Test:
        found = self.match(_PROPERTY)
        if found is None:
            raise ValueError("a \\p needs the name of a property")
        name = found[2] if found[2] is not None else found[4]
        negated ^= bool(found[1])
        if name == "Any":
            return lambda c: not negated
        if name not in _CATEGORIES:
            raise NotEvaluated(
                f"the property \\p{{{name}}} is not evaluated here; general categories such as L and Nd are"
            )
        return lambda c: unicodedata.category(c).startswith(name) != negated
