"""Regular expressions for ``acr purge`` filters, matched in time linear in the text, so that no filter can run away.

``acr purge`` uses the Go library regexp2 in its RE2 mode (https://github.com/dlclark/regexp2), which backtracks. This
matcher answers the same yes or no for what tag filters are written with: literals, ``.``, classes, ``\\d \\w \\s``,
groups, alternation, ``* + ? {m,n}`` (greedy or lazy is the same here), ``^ $ \\b``, ``(?i)`` and lookarounds. It visits
each pair of program step and position once. Back-references are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from autograder.domain.retention.regex_parse import (
    Alternatives,
    Assertion,
    Character,
    Concatenation,
    Look,
    Node,
    Repeat,
    is_word,
    parse,
)

MAX_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a program: exactly one of the first three is set, or none for a plain jump.

    ``nexts`` are the steps to go on with; a step without any is the end of a match.
    """

    accepts: Callable[[str], bool] | None = None
    assertion: str = ""
    look: tuple[Regex, bool, bool] | None = None
    nexts: tuple[int, ...] = ()


@dataclass(slots=True)
class Regex:
    """A compiled expression."""

    steps: list[_Step] = field(default_factory=list)
    start: int = 0

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in the text."""
        visited: set[tuple[int, int]] = set()
        return any(self._run(text, begin, visited, None) for begin in range(len(text) + 1))

    def _run(self, text: str, begin: int, visited: set[tuple[int, int]], end: int | None) -> bool:
        """Whether a match starts at ``begin`` (and, when ``end`` is given, ends there)."""
        pending = [(self.start, begin)]
        while pending:
            state = pending.pop()
            if state in visited:
                continue
            visited.add(state)
            number, position = state
            step = self.steps[number]
            if not step.nexts:
                if end is None or position == end:
                    return True
                continue
            if step.accepts is not None:
                if position == len(text) or not step.accepts(text[position]):
                    continue
                position += 1
            elif (step.assertion and not _holds(step.assertion, text, position)) or (
                step.look is not None and not _looks(step.look, text, position)
            ):
                continue
            pending.extend((following, position) for following in reversed(step.nexts))
        return False


def compile_regex(pattern: str) -> Regex:
    """Compile an expression.

    Raises:
        ValueError: it is malformed, uses a back-reference, or is far larger than any tag filter.
    """
    return _Compiler().compile(parse(pattern))


class _Compiler:
    """Turns a syntax tree into a program, from its end to its beginning."""

    def __init__(self, budget: list[int] | None = None) -> None:
        self.steps: list[_Step] = []
        self.budget = budget if budget is not None else [MAX_STEPS]

    def compile(self, node: Node) -> Regex:
        end = self._add(_Step())
        start = self._emit(node, end)
        return Regex(self.steps, start)

    def _spend(self) -> None:
        self.budget[0] -= 1
        if self.budget[0] < 0:
            raise ValueError("the expression is too large")

    def _add(self, step: _Step) -> int:
        self._spend()
        self.steps.append(step)
        return len(self.steps) - 1

    def _emit(self, node: Node, after: int) -> int:
        """Add the steps of a node that go on with step ``after``; returns where they begin."""
        self._spend()  # also for what adds no step, so that repeats of nothing end too
        match node:
            case Character(accepts):
                return self._add(_Step(accepts=accepts, nexts=(after,)))
            case Assertion(kind):
                return self._add(_Step(assertion=kind, nexts=(after,)))
            case Look(inner, positive, behind):
                regex = _Compiler(self.budget).compile(inner)
                return self._add(_Step(look=(regex, positive, behind), nexts=(after,)))
            case Concatenation(parts):
                for part in reversed(parts):
                    after = self._emit(part, after)
                return after
            case Alternatives(branches):
                return self._add(_Step(nexts=tuple(self._emit(branch, after) for branch in branches)))
            case Repeat(inner, least, most):
                return self._repeat(inner, least, most, after)

    def _repeat(self, inner: Node, least: int, most: int | None, after: int) -> int:
        if most is None:
            loop = self._add(_Step())
            body = self._emit(inner, loop)
            self.steps[loop] = _Step(nexts=(body, after))
            after = loop
        else:
            for _ in range(most - least):
                after = self._add(_Step(nexts=(self._emit(inner, after), after)))
        for _ in range(least):
            after = self._emit(inner, after)
        return after


def _holds(assertion: str, text: str, position: int) -> bool:
    if assertion == "start":
        return position == 0
    if assertion == "end":
        return position == len(text)
    before = position > 0 and is_word(text[position - 1])
    behind = position < len(text) and is_word(text[position])
    return (before != behind) == (assertion == "boundary")


def _looks(look: tuple[Regex, bool, bool], text: str, position: int) -> bool:
    regex, positive, behind = look
    if behind:
        visited: set[tuple[int, int]] = set()
        found = any(regex._run(text, begin, visited, position) for begin in range(position + 1))
    else:
        found = regex._run(text, position, set(), None)
    return found == positive
