"""What a regular expression consists of, whatever language it was written in.

Nodes are compared by identity: copies of a counted repeat share what is known of their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Character:
    """One character that passes a test."""

    accepts: Callable[[str], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Assertion:
    """A test of a position (0 to the length of the text) that consumes nothing: ``^``, ``$``, ``\\b``."""

    holds: Callable[[str, int], bool]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """``(?=…)``, ``(?!…)`` and, with ``behind``, ``(?<=…)``, ``(?<!…)``."""

    inner: Node
    positive: bool
    behind: bool


@dataclass(frozen=True, slots=True, eq=False)
class Concatenation:
    """The parts one behind the other; without parts it matches the empty text."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Alternatives:
    """One of the branches; an earlier one is preferred."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """``least`` to ``most`` times, as often as possible, or with ``lazy`` as seldom; ``most`` None is no limit."""

    inner: Node
    least: int
    most: int | None
    lazy: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A group whose text is wanted; groups count from 1."""

    number: int
    inner: Node


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A back-reference: the text that a group took."""

    number: int


Node = Character | Assertion | Look | Concatenation | Alternatives | Repeat | Group | Reference
EMPTY = Concatenation(())


def walk(node: Node) -> Iterator[Node]:
    """A node and everything in it."""
    yield node
    match node:
        case Concatenation(parts) | Alternatives(parts):
            for part in parts:
                yield from walk(part)
        case Look(inner) | Repeat(inner) | Group(_, inner):
            yield from walk(inner)
