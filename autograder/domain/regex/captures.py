"""Which match a backtracking matcher finds, with its groups: JavaScript's, in a bounded number of steps.

JavaScript tries the alternatives of an expression in order and takes the first way that leads to a match. So does this
module, with a memory of what it has tried: a step at a position leads to a match or does not, whatever came before.
Only a back-reference looks at what came before; such an expression is tried without memory, and given up after
:data:`MAX_TRIES`.

Source: https://tc39.es/ecma262/#sec-pattern-semantics
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from autograder.domain.regex.nodes import Character, Group, Look, Node, Reference, walk
from autograder.domain.regex.program import Around, Compiler, Positions, Regex, Step
from autograder.domain.regex.syntax import NotEvaluated, TooLarge

MAX_TEXT: Final = 1_000  # characters
MAX_TRIES: Final = 20_000  # a few hundredths of a second

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Begin:
    """A group begins here."""

    group: int


@dataclass(frozen=True, slots=True)
class End:
    """A group ends here."""

    group: int


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a repeat begins, which makes its groups undefined; ``optional`` ones must consume something."""

    groups: frozenset[int]
    optional: bool


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """An optional round of a repeat ends."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression with groups, ready to be matched."""

    regex: Regex
    groups: int
    has_references: bool


def compile_pattern(tree: Node, groups: int) -> Pattern:
    """Compile an expression with groups.

    Args:
        tree: its syntax tree.
        groups: how many groups it has.

    Raises:
        NotEvaluated: it is far larger than any that people write, or asks for the groups of a look-behind, or has a
            back-reference in a look-around.
    """
    references = any(isinstance(node, Reference) for node in walk(tree))
    for look in (node for node in walk(tree) if isinstance(node, Look)):
        inside = list(walk(look.inner))
        if look.behind and look.positive and any(isinstance(node, Group) for node in inside):
            raise NotEvaluated("a look-behind has groups")
        if any(isinstance(node, Reference) for node in inside):
            raise NotEvaluated("a look-around has a back-reference")
    return Pattern(_Compiler().compile(tree), groups, references)


class _Compiler(Compiler):
    """A compiler that marks where groups and rounds begin and end."""

    def emit(self, node: Node, after: int) -> int:
        if isinstance(node, Group):
            end = self.add(Step(None, (after,), End(node.number)))
            return self.add(Step(None, (self.emit(node.inner, end),), Begin(node.number)))
        if isinstance(node, Reference):
            return self.add(Step(None, (after,), node))
        return super().emit(node, after)

    def optional(self, inner: Node, after: int) -> int:
        end = self.add(Step(None, (after,), RoundEnd()))
        return self.add(Step(None, (self.emit(inner, end),), Round(_groups(inner), optional=True)))

    def obligatory(self, inner: Node, after: int) -> int:
        begin = self.emit(inner, after)
        groups = _groups(inner)
        return self.add(Step(None, (begin,), Round(groups, optional=False))) if groups else begin


def _groups(node: Node) -> frozenset[int]:
    return frozenset(part.number for part in walk(node) if isinstance(part, Group))


# What was noted on the way to a step, the newest first: a mark or a look-ahead with groups, its position, the rest.
_Trail = tuple["Begin | End | Round | Around", int, "_Trail"] | None


class Matcher:
    """The matches of an expression in one text.

    Attributes:
        tries: how many steps were tried.
    """

    def __init__(self, pattern: Pattern, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise TooLarge(f"a text of more than {MAX_TEXT} characters")
        self.pattern = pattern
        self.text = text
        self.tries = 0
        self._positions = Positions(text)
        regex, everywhere = pattern.regex, self._positions.everywhere
        # With back-references any position may be the beginning of a match.
        self._begins = everywhere if pattern.has_references else self._positions.begins(regex, everywhere)

    def match(self, begin: int) -> list[Span | None] | None:
        """The match that begins at a position: its span and those of its groups, None where there is none.

        Raises:
            TooLarge: it takes more than :data:`MAX_TRIES` steps.
        """
        if not self._begins >> begin & 1:
            return None
        way = self._way(self.pattern.regex, begin)
        return None if way is None else [(begin, way[1]), *self._spans(way[0])]

    def search(self, begin: int) -> list[Span | None] | None:
        """The first match from a position on; as :meth:`match`."""
        for position in range(begin, len(self.text) + 1):
            found = self.match(position)
            if found is not None:
                return found
        return None

    def _way(self, regex: Regex, begin: int) -> tuple[_Trail, int] | None:
        """The first way through a program from a position: what was noted on it, and where it ends."""
        seen: set[tuple[int, int, bool]] = set()
        pending: list[tuple[int, int, bool, _Trail]] = [(regex.start, begin, False, None)]
        while pending:
            # ``idle``: since its beginning the innermost optional round has consumed nothing
            number, position, idle, trail = pending.pop()
            step = regex.steps[number]
            if not step.nexts:
                return trail, position
            state = (number, position, idle)
            if state in seen:
                continue
            if not self.pattern.has_references:
                seen.add(state)
            self._count(1)
            condition = step.condition
            if condition is not None and not self._positions.where(condition) >> position & 1:
                continue
            if isinstance(condition, Character):
                position, idle = position + 1, False
            elif isinstance(condition, Around) and condition.positive:
                trail = (condition, position, trail)
            match step.mark:
                case RoundEnd() if idle:
                    continue
                case Round(groups, optional):
                    idle = idle or optional
                    trail = (step.mark, position, trail) if groups else trail
                case Begin() | End():
                    trail = (step.mark, position, trail)
                case Reference(number):
                    taken = self._taken(number, trail)
                    if not self.text.startswith(taken, position):
                        continue
                    position, idle = position + len(taken), idle and not taken
            pending.extend((following, position, idle, trail) for following in reversed(step.nexts))
        return None

    def _count(self, more: int) -> None:
        self.tries += more
        if self.tries > MAX_TRIES:
            raise TooLarge(f"matching takes more than {MAX_TRIES} steps")

    def _taken(self, group: int, trail: _Trail) -> str:
        span = self._spans(trail)[group - 1]
        return "" if span is None else self.text[span[0] : span[1]]

    def _spans(self, trail: _Trail) -> list[Span | None]:
        """The span of each group at the end of a way: what was noted last counts."""
        spans: dict[int, Span | None] = {}
        ends: dict[int, int] = {}
        for noted, position in self._notes(trail, spans):
            match noted:
                case Round(groups):
                    spans |= dict.fromkeys(groups - spans.keys())
                case End(group) if group not in spans:
                    ends.setdefault(group, position)
                case Begin(group) if group in ends and group not in spans:
                    spans[group] = (position, ends[group])
        return [spans.get(group) for group in range(1, self.pattern.groups + 1)]

    def _notes(self, trail: _Trail, spans: dict[int, Span | None]) -> Iterator[tuple[Begin | End | Round, int]]:
        """What a trail holds, the newest first, with the ways of look-aheads whose groups are not told yet."""
        while trail is not None:
            self._count(1)
            noted, position, trail = trail
            if not isinstance(noted, Around):
                yield noted, position
            elif not all(group in spans for group in _groups_of(noted.regex)):
                way = self._way(noted.regex, position)
                yield from self._notes(way[0] if way is not None else None, spans)


def _groups_of(regex: Regex) -> Iterator[int]:
    """The groups of a program, with those of its look-arounds."""
    for step in regex.steps:
        if isinstance(step.mark, Begin):
            yield step.mark.group
        elif isinstance(step.condition, Around):
            yield from _groups_of(step.condition.regex)
