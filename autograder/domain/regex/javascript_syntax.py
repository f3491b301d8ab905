"""The syntax of JavaScript's regular expressions, without the flags ``u`` and ``v``.

Source: https://tc39.es/ecma262/#sec-patterns and, for what browsers and Node read besides,
https://tc39.es/ecma262/#sec-regular-expressions-patterns
"""

from __future__ import annotations

import re
from typing import Final

from autograder.domain.regex.nodes import Assertion, Character, Concatenation, Group, Look, Node, Reference
from autograder.domain.regex.syntax import (
    DIGIT,
    LOOKS,
    WORD,
    NotEvaluated,
    Parser,
    Test,
    is_boundary,
    is_inside,
    literal,
    member,
    one_of,
)

# What String.prototype.trim removes and \s matches. Source: https://tc39.es/ecma262/#sec-trimstring
WHITE_SPACE: Final = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" + (
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_CLASSES: Final = {"d": DIGIT, "w": WORD, "s": frozenset(WHITE_SPACE)}
_CONTROLS: Final = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_GROUP: Final = re.compile(r"\?(?::|(?P<look><?[=!])|<(?P<name>[^>]*)>)")
_NAME: Final = re.compile(r"[^\W\d]\w*|[$_](?:\w|\$)*")
_MODIFIERS: Final = re.compile(r"\?[ims]*(?:-[ims]*)?:")
_DIGITS: Final = re.compile(r"[0-9]+")
_OCTAL: Final = re.compile(r"[0-3][0-7]{0,2}|[4-7][0-7]?")
_CODE: Final = {"x": re.compile(r"[0-9a-fA-F]{2}"), "u": re.compile(r"[0-9a-fA-F]{4}")}
_CONTROL_LETTER: Final = re.compile(r"[A-Za-z]")
_CLASS_CONTROL_LETTER: Final = re.compile(r"[A-Za-z0-9_]")
_REFERENCE: Final = re.compile(r"<([^>]*)>")
_GROUPS: Final = re.compile(r"\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]?|(?P<open>\()(?!\?)|\(\?<(?P<name>[^=!>][^>]*)>")


def parse(pattern: str, flags: str) -> tuple[Node, int]:
    """The syntax tree of an expression, and how many groups it has.

    Raises:
        ValueError: JavaScript refuses it.
        NotEvaluated: it is larger than any that people write, or has groups with flags of their own.
    """
    parser = _JavaScriptParser(pattern, flags)
    return parser.parse(), len(parser.names)


class _JavaScriptParser(Parser):
    """``names`` are the groups in order, with their names where they have some."""

    strict_classes = False
    line_ends = "\n\r\u2028\u2029"

    def __init__(self, pattern: str, flags: str) -> None:
        super().__init__(pattern)
        self.flags = flags
        groups = [found for found in _GROUPS.finditer(pattern) if found["open"] or found["name"]]
        self.names = [found["name"] or "" for found in groups]
        self.opened = 0
        given = [name for name in self.names if name]
        if len(set(given)) < len(given):
            raise NotEvaluated("two groups have one name")

    def may_repeat(self, node: Node) -> bool:
        return not isinstance(node, Assertion) and not (isinstance(node, Look) and node.behind)

    def group(self, depth: int) -> Node:
        number, look = 0, None
        if self.peek() == "?":
            found = self.match(_GROUP)
            if found is None:
                if self.match(_MODIFIERS):
                    raise NotEvaluated("a group has flags of its own")
                raise ValueError("Invalid group")
            look = found["look"]
            if found["name"] is not None:
                if not _NAME.fullmatch(found["name"]):
                    raise ValueError("Invalid capture group name")
                number = self._open()
        else:
            number = self._open()
        inner = self.alternatives(depth + 1)
        if not self.take(")"):
            raise ValueError("Unterminated group")
        if look is not None:
            return Look(inner, *LOOKS[look])
        return Group(number, inner) if number else Concatenation((inner,))  # whose inside may be repeated as a whole

    def _open(self) -> int:
        self.opened += 1
        return self.opened

    def escape(self) -> Node:
        name = self.next()
        if name in "bB":
            return Assertion(is_boundary if name == "b" else is_inside)
        if name in "123456789":
            digits = _DIGITS.match(self.pattern, self.position - 1)
            if digits is not None and int(digits.group()) <= len(self.names):
                self.position = digits.end()
                return Reference(int(digits.group()))
        if name == "k" and any(self.names):
            found = self.match(_REFERENCE)
            if found is None or not found[1] or found[1] not in self.names:
                raise ValueError("Invalid named reference")
            return Reference(self.names.index(found[1]) + 1)
        part = self._character_or_shorthand(name, _CONTROL_LETTER)
        return Character(part) if callable(part) else self.literally(part)

    def _character_or_shorthand(self, name: str, control: re.Pattern[str]) -> str | Test:
        """What ``\\NAME`` stands for, in a class or outside; ``control`` is what may follow ``\\c``."""
        if name.lower() in _CLASSES:
            return self._any_case(member(_CLASSES[name.lower()], name.isupper()))
        if name in "01234567":
            self.position -= 1
            octal = self.match(_OCTAL)
            assert octal is not None
            return chr(int(octal.group(), 8))
        if name in _CODE and (code := self.match(_CODE[name])):
            return chr(int(code.group(), 16))
        if name == "c":
            letter = self.match(control)
            if letter is None:
                self.position -= 1  # the backslash stands for itself, and the c comes next
                return "\\"
            return chr(ord(letter.group()) % 32)
        return _CONTROLS.get(name, name)

    def character_class(self) -> Node:
        negated = self.take("^")
        return Character(one_of([self._any_case(test) for test in self.class_tests()], negated))

    def class_part(self) -> str | Test:
        character = self.next()
        if character != "\\":
            return character
        name = self.next()
        if name == "k" and any(self.names):
            raise ValueError("Invalid escape")
        return "\b" if name == "b" else self._character_or_shorthand(name, _CLASS_CONTROL_LETTER)

    def literally(self, character: str) -> Node:
        return Character(self._any_case(literal(character)))

    def _any_case(self, test: Test) -> Test:
        """A test under the flag ``i``: what is written alike but for the case passes as well."""
        if "i" not in self.flags:
            return test
        return lambda c: any(test(other) for other in _same_letter(c))


def _canonical(character: str) -> str:
    """Source: https://tc39.es/ecma262/#sec-runtime-semantics-canonicalize-ch"""
    upper = character.upper()
    return character if len(upper) != 1 or (ord(character) >= 128 > ord(upper)) else upper


def _same_letter(character: str) -> set[str]:
    canonical = _canonical(character)
    others = {canonical, canonical.lower(), character.lower()}
    return {character, *(c for c in others if len(c) == 1 and _canonical(c) == canonical)}
