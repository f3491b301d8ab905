"""Regular expressions as programs of steps, and whether one matches, in time linear in the text.

No expression can run away. A program has at most :data:`MAX_STEPS` steps, look-arounds and written-out repeats
included, and :class:`Positions` works through each step at most once for each position of the text:

- The positions of a text are the bits of a whole number, so a step moves a set of them at a time.
- What a look-around says depends on the position alone. For each look-around of the expression, however deeply nested,
  the positions where it holds are found in one pass: a look-behind's forwards, a look-ahead's backwards.

Back-references cannot be matched like that; :mod:`autograder.domain.regex.captures` does it, and counts its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

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
)
from autograder.domain.regex.syntax import TooLarge

MAX_STEPS: Final = 4_000


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """A compiled look-around."""

    regex: Regex
    positive: bool
    behind: bool


Condition = Character | Assertion | Around


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a program.

    Attributes:
        condition: what it asks for, if anything.
        nexts: the steps to go on with, the preferred one first; without any it is the end of a match.
        mark: what :mod:`autograder.domain.regex.captures` notes here; it decides nothing about where matches begin.
    """

    condition: Condition | None = None
    nexts: tuple[int, ...] = ()
    mark: object = None


@dataclass(slots=True, eq=False)
class Regex:
    """A compiled expression. Step 0 is the end of a match; what follows a step has a lower number, but for loops."""

    steps: Sequence[Step]
    start: int
    before: list[list[int]] = field(init=False)  # of each step, the steps that lead to it

    def __post_init__(self) -> None:
        self.before = [[] for _ in self.steps]
        for number, step in enumerate(self.steps):
            for following in step.nexts:
                self.before[following].append(number)

    @property
    def size(self) -> int:
        """How many steps it has, look-arounds included."""
        around = {step.condition.regex for step in self.steps if isinstance(step.condition, Around)}
        return len(self.steps) + sum(regex.size for regex in around)

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in the text."""
        positions = Positions(text)
        return positions.ends(self, positions.everywhere) != 0


class Positions:
    """Where in one text the parts of expressions match. Sets of positions are whole numbers, a bit a position.

    Attributes:
        text: the text.
        everywhere: all its positions, from 0 to its length.
        work: how often a step was worked through, of all expressions that were asked about.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.everywhere = (1 << (len(text) + 1)) - 1
        self.work = 0
        self._where: dict[Condition, int] = {}
        self._passing: dict[Callable[[str], bool], int] = {}  # a dot may stand in an expression a thousand times
        self._characters: dict[str, int] = {}
        for position, character in enumerate(text):
            self._characters[character] = self._characters.get(character, 0) | 1 << position

    def ends(self, regex: Regex, begins: int) -> int:
        """Where the matches end that begin at one of the given positions."""
        steps, reached, fresh = regex.steps, [0] * len(regex.steps), [0] * len(regex.steps)
        reached[regex.start] = fresh[regex.start] = begins
        pending = 1 << regex.start if begins else 0  # steps with fresh positions; the highest comes first
        while pending:
            number = pending.bit_length() - 1
            pending ^= 1 << number
            moved, fresh[number] = fresh[number], 0
            self.work += 1
            step = steps[number]
            if step.condition is not None:
                moved &= self.where(step.condition)
                if isinstance(step.condition, Character):
                    moved <<= 1
            for following in step.nexts:
                if new := moved & ~reached[following]:
                    reached[following] |= new
                    fresh[following] |= new
                    pending |= 1 << following
        return reached[0]

    def begins(self, regex: Regex, ends: int) -> int:
        """Where the matches begin that end at one of the given positions."""
        steps, reached, fresh = regex.steps, [0] * len(regex.steps), [0] * len(regex.steps)
        reached[0] = fresh[0] = ends
        pending = 1 if ends else 0  # here the lowest comes first
        while pending:
            number = (pending & -pending).bit_length() - 1
            pending ^= 1 << number
            moved, fresh[number] = fresh[number], 0
            self.work += 1
            for earlier in regex.before[number]:
                condition, there = steps[earlier].condition, moved
                if condition is not None:
                    there = (moved >> isinstance(condition, Character)) & self.where(condition)
                if new := there & ~reached[earlier]:
                    reached[earlier] |= new
                    fresh[earlier] |= new
                    pending |= 1 << earlier
        return reached[regex.start]

    def where(self, condition: Condition) -> int:
        """The positions where a condition holds; found once for each."""
        if condition not in self._where:
            self._where[condition] = self._find(condition)
        return self._where[condition]

    def _find(self, condition: Condition) -> int:
        if isinstance(condition, Character):
            test = condition.accepts
            if test not in self._passing:
                self._passing[test] = sum(where for character, where in self._characters.items() if test(character))
            return self._passing[test]
        if isinstance(condition, Assertion):
            return sum(1 << p for p in range(len(self.text) + 1) if condition.holds(self.text, p))
        find = self.ends if condition.behind else self.begins
        found = find(condition.regex, self.everywhere)
        return found if condition.positive else self.everywhere & ~found


class Compiler:
    """Turns a syntax tree into a program, from its end to its beginning.

    Args:
        budget: how many steps are left, shared with the compilers of look-arounds.
    """

    def __init__(self, budget: list[int] | None = None) -> None:
        self.steps: list[Step] = []
        self.budget = budget if budget is not None else [MAX_STEPS]
        self._looks: dict[Look, Around] = {}

    def compile(self, node: Node) -> Regex:
        """The program of a whole expression.

        Raises:
            TooLarge: it has more than :data:`MAX_STEPS` steps.
        """
        end = self.add(Step())
        return Regex(self.steps, self.emit(node, end))

    def add(self, step: Step) -> int:
        """Add a step; returns its number."""
        self._spend()
        self.steps.append(step)
        return len(self.steps) - 1

    def _spend(self) -> None:
        self.budget[0] -= 1
        if self.budget[0] < 0:
            raise TooLarge(f"the expression is too large: written out it has more than {MAX_STEPS} steps")

    def emit(self, node: Node, after: int) -> int:
        """Add the steps of a node that go on with step ``after``; returns where they begin."""
        match node:
            case Character() | Assertion():
                return self.add(Step(node, (after,)))
            case Look():
                if node not in self._looks:
                    regex = type(self)(self.budget).compile(node.inner)
                    self._looks[node] = Around(regex, node.positive, node.behind)
                return self.add(Step(self._looks[node], (after,)))
            case Concatenation(parts):
                for part in reversed(parts):
                    after = self.emit(part, after)
                return after
            case Alternatives(branches):
                return self.add(Step(None, tuple(self.emit(branch, after) for branch in branches)))
            case Repeat():
                return self.repeat(node, after)
            case Group(_, inner):
                return self.emit(inner, after)
            case Reference():
                raise ValueError("back-references are not supported here")

    def repeat(self, node: Repeat, after: int) -> int:
        """Add a repeat, its obligatory rounds written out, then its optional ones.

        Each round is paid for, also where its part adds no step, so that repeats of nothing end too.
        """
        end = after
        if node.most is None:
            after = self.add(Step())
            self.steps[after] = self.choice(self.optional(node.inner, after), end, node.lazy)
        else:
            for _ in range(node.most - node.least):
                self._spend()
                after = self.add(self.choice(self.optional(node.inner, after), end, node.lazy))
        for _ in range(node.least):
            self._spend()
            after = self.obligatory(node.inner, after)
        return after

    def choice(self, round_: int, end: int, lazy: bool) -> Step:
        """The step between one more round and the end of a repeat."""
        return Step(None, (end, round_) if lazy else (round_, end))

    def optional(self, inner: Node, after: int) -> int:
        """Add an optional round of a repeat."""
        return self.emit(inner, after)

    def obligatory(self, inner: Node, after: int) -> int:
        """Add an obligatory round of a repeat."""
        return self.emit(inner, after)
