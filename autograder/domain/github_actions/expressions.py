"""GitHub's expressions ``${{ ... }}``: reading one into a tree.

Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions and the lexer and parser of
https://github.com/actions/languageservices/tree/main/expressions
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from autograder.domain.github_actions.errors import WorkflowError
from autograder.domain.github_actions.javascript import number

MAX_DEPTH: Final = 50
MAX_LENGTH: Final = 21_000  # characters
MAX_KEPT: Final = 2_000  # characters of an expression whose tree is kept: a run asks for the same ones again and again

_TOKEN: Final = re.compile(
    r"""\s+
    | (?P<string>'(?:[^']|'')*')
    | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<number>(?:[-+]|\.?[0-9])[^\s()\[\],!><=&|]*)
    | (?P<sign>&&|\|\||[=!><]=|[()\[\],.!><*])
    """,
    re.VERBOSE,
)
_KEYWORDS: Final[dict[str, bool | float | None]] = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": math.nan,
    "Infinity": math.inf,
}


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, truth value or null."""

    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A context: ``github``, ``env``, ``inputs`` ..."""

    name: str


@dataclass(frozen=True, slots=True)
class Index:
    """``target.key``, ``target[key]``; with key None ``target.*``."""

    target: Node
    key: Node | None


@dataclass(frozen=True, slots=True)
class Function:
    """``name(arguments)``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``!operand``."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """``left sign right`` with ==, !=, <, <=, >, >=."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical:
    """``a && b && …``, ``a || b || …``: gives one of its operands."""

    sign: str
    operands: tuple[Node, ...]


Node = Literal | Name | Index | Function | Not | Comparison | Logical

_LEVELS: Final[tuple[tuple[str, ...], ...]] = (("||",), ("&&",), ("==", "!="), (">", ">=", "<", "<="))


def segments(text: str) -> Iterator[tuple[str, str | None]]:
    """A text of the workflow in pieces: what stands before each ``${{ }}``, and what is inside it; the rest comes last.

    Yields:
        The text before an expression and the expression; behind the last one the rest of the text and None.

    Raises:
        WorkflowError: where an expression is not closed.
    """
    position = 0
    while (start := text.find("${{", position)) >= 0:
        end = _end_of_expression(text, start + 3)
        yield text[position:start], text[start + 3 : end]
        position = end + 2
    yield text[position:], None


def _end_of_expression(text: str, position: int) -> int:
    """Index of the ``}}`` that ends an expression: the first one outside a text in quotes."""
    quoted = False
    while position < len(text):
        if text[position] == "'":
            quoted = not quoted
        elif not quoted and text.startswith("}}", position):
            return position
        position += 1
    raise WorkflowError(f"The expression is not closed: {text}")


def walk(node: Node) -> Iterator[Node]:
    """A node and everything in it."""
    match node:
        case Index(target, key):
            parts: tuple[Node, ...] = (target,) if key is None else (target, key)
        case Function(_, parts) | Logical(_, parts):
            pass
        case Not(operand):
            parts = (operand,)
        case Comparison(_, left, right):
            parts = (left, right)
        case _:
            parts = ()
    yield node
    for part in parts:
        yield from walk(part)


def parse(text: str, contexts: Iterable[str]) -> Node:
    """Read the inside of ``${{ }}``, where ``contexts`` are the names that may stand at the front.

    Raises:
        WorkflowError: where GitHub would refuse it.
    """
    if len(text) > MAX_LENGTH:
        raise WorkflowError("an expression is too long")
    names = frozenset(name.lower() for name in contexts)
    return _kept(text, names) if len(text) <= MAX_KEPT else _parse(text, names)


def _parse(text: str, contexts: frozenset[str]) -> Node:
    reader = _Reader(text, contexts)
    node = reader.level(0)
    reader.expect_end()
    return node


_kept = lru_cache(maxsize=128)(_parse)


class _Reader:
    def __init__(self, text: str, contexts: frozenset[str]) -> None:
        self.text = text
        self.contexts = contexts
        self.depth = 0
        self.at = 0
        self.tokens: list[tuple[str, str]] = []  # kind, text
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise self.wrong(text[position:])
            kind, value = found.lastgroup, found.group()
            if kind == "number" and value.startswith(".") and self._after_value():
                kind, value = "sign", "."  # github.event.5x is refused below, as GitHub does
            if kind:
                self.tokens.append((kind, value))
            position += len(value)

    def _after_value(self) -> bool:
        return bool(self.tokens) and (self.tokens[-1][0] == "name" or self.tokens[-1][1] in ("]", ")", "*"))

    def wrong(self, what: str) -> WorkflowError:
        return WorkflowError(f"Unexpected symbol: '{what}' within expression: {self.text}")

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) and self.tokens[self.at][0] == "sign" else ""

    def take(self, sign: str) -> bool:
        taken = self.peek() == sign
        self.at += taken
        return taken

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self.unexpected()

    def unexpected(self) -> WorkflowError:
        if self.at >= len(self.tokens):
            return WorkflowError(f"Unexpected end of expression: {self.text}")
        return self.wrong(self.tokens[self.at][1])

    def expect_end(self) -> None:
        if self.at < len(self.tokens):
            raise self.unexpected()

    def deeper(self, depth: int) -> int:
        """One level more of nesting, or of a chain whose every part holds what stands before it."""
        if depth == MAX_DEPTH:
            raise WorkflowError(f"an expression is nested more than {MAX_DEPTH} levels deep")
        return depth + 1

    def nested(self, read: Callable[[], Node]) -> Node:
        self.depth = self.deeper(self.depth)
        try:
            return read()
        finally:
            self.depth -= 1

    def level(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        node = self.level(level + 1)
        if level < 2:
            operands = [node]
            while self.peek() in _LEVELS[level]:
                self.at += 1
                operands.append(self.level(level + 1))
            return node if len(operands) == 1 else Logical(_LEVELS[level][0], tuple(operands))
        depth = 0
        while (sign := self.peek()) in _LEVELS[level]:
            self.at += 1
            node = Comparison(sign, node, self.level(level + 1))
            depth = self.deeper(depth)
        return node

    def unary(self) -> Node:
        if self.take("!"):
            return Not(self.nested(self.unary))
        return self.indexed()

    def indexed(self) -> Node:
        grouped = self.peek() == "("
        node = self.primary()
        if isinstance(node, Literal) and not grouped:
            return node
        depth = 0
        while True:
            depth = self.deeper(depth)
            if self.take("["):
                key = None if self.take("*") else self.nested(lambda: self.level(0))
                self.expect("]")
                node = Index(node, key)
            elif self.take("."):
                if self.take("*"):
                    node = Index(node, None)
                else:
                    kind, name = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
                    if kind != "name":
                        raise self.unexpected()
                    self.at += 1
                    node = Index(node, Literal(name))
            else:
                return node

    def primary(self) -> Node:
        if self.take("("):
            node = self.nested(lambda: self.level(0))
            self.expect(")")
            return node
        if self.at >= len(self.tokens):
            raise self.unexpected()
        kind, value = self.tokens[self.at]
        if kind == "string":
            self.at += 1
            return Literal(value[1:-1].replace("''", "'"))
        if kind == "number":
            if math.isnan(found := number(value)):
                raise self.unexpected()
            self.at += 1
            return Literal(found)
        if kind == "name":
            self.at += 1
            if self.peek() == "(":
                return self.call(value)
            if value in _KEYWORDS:
                return Literal(_KEYWORDS[value])
            if value.lower() not in self.contexts:
                raise WorkflowError(f"Unrecognized named-value: '{value}' within expression: {self.text}")
            return Name(value)
        raise self.unexpected()

    def call(self, name: str) -> Node:
        self.expect("(")
        arguments: list[Node] = []
        while not self.take(")"):
            arguments.append(self.nested(lambda: self.level(0)))
            if self.peek() != ")":
                self.expect(",")
        return Function(name, tuple(arguments))
