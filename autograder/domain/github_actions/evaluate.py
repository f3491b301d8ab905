"""GitHub's expressions ``${{ ... }}``: their values, where they can be known without GitHub.

Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions and the evaluator of
https://github.com/actions/languageservices/tree/main/expressions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from autograder.domain.github_actions.errors import NotKnownHere, PathNotKnown, WorkflowError
from autograder.domain.github_actions.expressions import (
    Comparison,
    Function,
    Index,
    Literal,
    Logical,
    Name,
    Node,
    Not,
    parse,
)
from autograder.domain.github_actions.javascript import number, to_float
from autograder.domain.limits import Budget

Value = Any  # None, bool, float, str, list, Mapping or Known


@dataclass(frozen=True, slots=True)
class Known:
    """A context of which only a part may be known.

    Attributes:
        name: what a person would write, ``github`` or ``steps.build.outputs``.
        values: what is known.
        complete: whether nothing else exists; then a missing key is null, as on GitHub.
    """

    name: str
    values: Mapping[str, Value] = field(default_factory=dict)
    complete: bool = False

    def get(self, key: str) -> Value:
        """The value under ``key``, whatever its case.

        Raises:
            NotKnownHere: where the context is incomplete and the key is missing.
        """
        found, value = _find(self.values, key)
        if not found and not self.complete:
            raise PathNotKnown(f"{self.name}.{key}")
        if isinstance(value, NotKnownHere):  # the key is there, its value is not
            raise NotKnownHere(f"{self.name}.{key}, which needs {value.what}")
        return value


@dataclass(frozen=True, slots=True)
class Status:
    """What the status functions answer; by default that of a job in which nothing has failed.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/expressions#status-check-functions

    Attributes:
        success: whether all before it succeeded.
        failure: whether something before it failed; what was only skipped is no failure.
        cancelled: whether the run was cancelled.
    """

    success: bool = True
    failure: bool = False
    cancelled: bool = False
    always: ClassVar[bool] = True


STATUS_FUNCTIONS: Final = ("success", "failure", "cancelled", "always")
FINE: Final = Status()


class _Filtered(list[Value]):
    """What ``.*`` gives: further keys apply to every item."""


def _find(values: Mapping[str, Value], key: str) -> tuple[bool, Value]:
    if key in values:
        return True, values[key]
    lowered = key.lower()
    return next(((True, value) for name, value in values.items() if str(name).lower() == lowered), (False, None))


def evaluate(expression: str, contexts: Mapping[str, Known], budget: Budget | None = None) -> Value:
    """The value of the inside of ``${{ }}``.

    Args:
        expression: the inside.
        contexts: what it can name.
        budget: what the run may still ask for; without it the expression is counted on its own.

    Raises:
        WorkflowError: where GitHub would refuse or stop, or where its texts get longer than any that people write.
        NotKnownHere: where the value depends on something that only a run has.
    """
    return value_of(parse(expression, contexts), contexts, budget=budget)


def value_of(node: Node, contexts: Mapping[str, Known], status: Status = FINE, budget: Budget | None = None) -> Value:
    """The value of an expression that is read already; as :func:`evaluate`."""
    return _Evaluation(contexts, status, (budget or Budget(error=WorkflowError)).spend).value(node)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """``spend`` counts each step, and the size of each value that is compared, handed on or made, before it is made."""

    contexts: Mapping[str, Known]
    status: Status
    spend: Callable[[int], None]

    def value(self, node: Node) -> Value:
        self.spend(1)
        match node:
            case Literal(value):
                return value
            case Name(name):
                return _find(self.contexts, name)[1]
            case Index():
                return self.indexed(node)
            case Not(operand):
                return not truthy(self.value(operand))
            case Logical(sign, operands):
                return self.logical(sign, operands)
            case Comparison(sign, left, right):
                values = self.value(left), self.value(right)
                self.spend(sum(map(_size, values)))
                return _compare(sign, *values)
            case Function():
                return self.call(node)

    def logical(self, sign: str, operands: Sequence[Node]) -> Value:
        """The first operand that decides, or the last one; what stands behind it is not asked."""
        for operand in operands[:-1]:
            value = self.value(operand)
            if truthy(value) == (sign == "||"):
                return value
        return self.value(operands[-1])

    def indexed(self, node: Index) -> Value:
        try:
            target = self.value(node.target)
        except PathNotKnown as missing:  # name the whole path, as far as it is written out
            key = node.key.value if isinstance(node.key, Literal) else "*"
            raise PathNotKnown(f"{missing.what}.{text_of(key)}") from None
        if node.key is None:
            if isinstance(target, Known) and not target.complete:
                raise NotKnownHere(f"{target.name}.*")
            whole = isinstance(target, Known | Mapping | list) and not isinstance(target, _Filtered)
            items = [target] if whole else target
            nested = [_children(item) for item in items] if isinstance(items, list) else []
            self.spend(sum(map(len, nested)))
            return _Filtered(child for children in nested for child in children)
        key = self.value(node.key)
        if isinstance(target, _Filtered):
            self.spend(len(target))
            parts = [_child(item, key) for item in target]
            return _Filtered(part for found, part in parts if found)
        return _child(target, key)[1]

    def call(self, node: Function) -> Value:
        name = node.name.lower()
        if name in STATUS_FUNCTIONS:
            _check_count(node, 0, 0)
            return getattr(self.status, name)
        if name not in _FUNCTIONS:
            raise WorkflowError(f"Unrecognized function: '{node.name}'")
        function, fewest, most = _FUNCTIONS[name]
        _check_count(node, fewest, most)
        values = [self.value(argument) for argument in node.arguments]
        self.spend(sum(map(_size, values)))
        if function in _GROWING:
            return function(self.spend, *values)
        if function is _contains and isinstance(values[0], list):
            self.spend(len(values[0]) * _size(values[1]) + sum(map(_size, values[0])))
        return function(*values)


def _size(value: Value) -> int:
    """Characters of a text, entries of a list or an object; 1 for anything else."""
    return len(value) if isinstance(value, str | list | Mapping) else 1


def _check_count(node: Function, fewest: int, most: int) -> None:
    if not fewest <= len(node.arguments) <= most:
        many = "few" if len(node.arguments) < fewest else "many"
        raise WorkflowError(f"Too {many} parameters supplied: {node.name}")


def _children(value: Value) -> list[Value]:
    if isinstance(value, Known):
        return list(value.values.values())
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _child(value: Value, key: Value) -> tuple[bool, Value]:
    if isinstance(value, Known):
        return True, value.get(text_of(key))
    if isinstance(value, Mapping):
        return _find(value, text_of(key))
    if isinstance(value, list):
        at = number_of(key)
        if math.isfinite(at) and 0 <= at < len(value):
            return True, value[int(at)]
    return False, None


def truthy(value: Value) -> bool:
    """False, 0, not-a-number, the empty text and null are false."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not None and value is not False and value != 0 and value != ""


def number_of(value: Value) -> float:
    """A value as a number: null 0, true 1, a text as JavaScript reads it, anything else not-a-number."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return to_float(value)
    return number(value) if isinstance(value, str) else math.nan


def text_of(value: Value) -> str:
    """A value as GitHub writes it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not math.isfinite(size := to_float(value)):
            return "NaN" if math.isnan(size) else ("Infinity" if size > 0 else "-Infinity")
        return str(int(value)) if value == int(value) else repr(round(value, 15))
    if isinstance(value, str):
        return value
    return "Array" if isinstance(value, list) else "Object"


def _compare(sign: str, left: Value, right: Value) -> bool:
    if sign in ("==", "!="):
        return _equal(left, right) == (sign == "==")
    if "=" in sign and _equal(left, right):
        return True
    if isinstance(left, str) and isinstance(right, str):
        a, b = left.upper(), right.upper()
        return a > b if sign[0] == ">" else a < b
    if any(isinstance(value, Known | Mapping | list) for value in (left, right)):
        return False
    x, y = number_of(left), number_of(right)
    return x > y if sign[0] == ">" else x < y


def _equal(left: Value, right: Value) -> bool:
    """Texts without regard to case; different kinds as numbers; objects only if they are the same."""
    if isinstance(left, str) and isinstance(right, str):
        return left.upper() == right.upper()
    if any(isinstance(value, Known | Mapping | list) for value in (left, right)):
        return left is right
    return number_of(left) == number_of(right)


def _is_plain(*values: Value) -> bool:
    return not any(isinstance(value, Known | Mapping | list) for value in values)


def _contains(search: Value, item: Value) -> bool:
    if isinstance(search, list):
        return any(_equal(item, entry) for entry in search)
    return _is_plain(search, item) and text_of(item).lower() in text_of(search).lower()


def _starts_with(search: Value, start: Value) -> bool:
    return _is_plain(search, start) and text_of(search).upper().startswith(text_of(start).upper())


def _ends_with(search: Value, end: Value) -> bool:
    return _is_plain(search, end) and text_of(search).upper().endswith(text_of(end).upper())


def _format(spend: Callable[[int], None], pattern: Value, *values: Value) -> str:
    text, texts = text_of(pattern), [text_of(value) for value in values]

    def replace(found: re.Match[str]) -> str:
        if found.group() in ("{{", "}}"):
            return found.group()[0]
        if found["index"] is None:
            raise WorkflowError(f"The following format string is invalid: {text}")
        if int(found["index"]) >= len(texts):
            raise WorkflowError(f"The following format string references more arguments than were supplied: {text}")
        spend(len(texts[int(found["index"])]))
        return texts[int(found["index"])]

    return re.sub(r"\{\{|\}\}|\{(?P<index>[0-9]{1,6})[^{}]*\}|[{}]", replace, text)


def _join(spend: Callable[[int], None], items: Value, separator: Value = ",") -> str:
    if isinstance(items, list):
        between, texts = text_of(separator) if _is_plain(separator) else ",", [text_of(item) for item in items]
        spend(len(between) * len(texts) + sum(map(len, texts)))
        return between.join(texts)
    return text_of(items) if _is_plain(items) else ""


def _to_json(spend: Callable[[int], None], value: Value) -> str:
    def plain(value: Value) -> Value:
        spend(_size(value))
        if isinstance(value, Known):
            if not value.complete:
                raise NotKnownHere(f"all of {value.name}")
            return plain(value.values)
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        if isinstance(value, float):
            return None if not math.isfinite(value) else int(value) if value.is_integer() else value
        return value

    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    spend(len(text))
    return text


def _from_json(text: Value) -> Value:
    try:
        return json.loads(text_of(text))
    except (ValueError, RecursionError):
        raise WorkflowError(f"Error parsing fromJson: {text_of(text)[:80]}") from None


def _case(*arguments: Value) -> Value:
    for condition, value in zip(arguments[:-1:2], arguments[1::2], strict=False):
        if not isinstance(condition, bool):
            raise WorkflowError("case predicate must evaluate to a boolean value")
        if condition:
            return value
    return arguments[-1]


def _hash_files(*_: Value) -> str:
    raise NotKnownHere("hashFiles(), which reads the files of a run")


# Those that can make more than they are given; they count what they make, before they make it where they can.
_GROWING: Final = frozenset({_format, _join, _to_json})

# Name -> (function, fewest arguments, most).
_FUNCTIONS: Final[dict[str, tuple[Callable[..., Value], int, int]]] = {
    "contains": (_contains, 2, 2),
    "startswith": (_starts_with, 2, 2),
    "endswith": (_ends_with, 2, 2),
    "format": (_format, 1, 255),
    "join": (_join, 1, 2),
    "tojson": (_to_json, 1, 1),
    "fromjson": (_from_json, 1, 1),
    "case": (_case, 3, 255),
    "hashfiles": (_hash_files, 1, 255),
}
