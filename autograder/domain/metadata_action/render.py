"""Handlebars templates: writing one out with values. Own properties only, HTML escapes included, as in Handlebars."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.javascript import text_of
from autograder.domain.metadata_action.template import parse
from autograder.domain.metadata_action.template_tree import Block, Call, Expression, Literal, Node, Output, Path, Text

# A function among the values: called with the arguments and the named options.
Function = Callable[[Sequence[object], Mapping[str, object]], object]
Values = Mapping[str, object]

# Source: https://github.com/handlebars-lang/handlebars.js/blob/4.x/lib/handlebars/utils.js
_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;", "`": "&#x60;", "=": "&#x3D;"}
)
_BLOCK_HELPERS: Final = ("if", "unless", "with", "each")
_HELPERS: Final = (*_BLOCK_HELPERS, "lookup", "log", "blockHelperMissing", "helperMissing")

_parsed = lru_cache(maxsize=256)(parse)


def render(template: str, values: Values) -> str:
    """Write ``template`` with ``values``.

    Raises:
        WorkflowError: where Handlebars would stop with an error (a missing helper, a wrong argument).
        NotKnownHere: where a value is not known here, or a construct is not evaluated.
    """
    if "{{" not in template:
        return template
    try:
        return _write(_parsed(template), _Frame(values, root=values))
    except RecursionError:
        raise WorkflowError("a template is nested too deeply") from None


def is_single_name(template: str, name: str) -> bool:
    """Whether the template is exactly one ``{{name}}``. Source: ``isRawStatement`` in the action's src/meta.ts"""
    try:
        nodes = _parsed(template)
    except (WorkflowError, NotKnownHere, RecursionError):
        return False
    if len(nodes) != 1 or not isinstance(node := nodes[0], Output):
        return False
    return isinstance(node.call.target, Path) and node.call.target.parts == (name,)


@dataclass(frozen=True, slots=True)
class _Frame:
    context: object
    root: object
    outer: _Frame | None = None
    data: Mapping[str, object] = field(default_factory=dict)

    def inner(self, context: object, data: Mapping[str, object] | None = None) -> _Frame:
        outer = self.outer if context is self.context else self
        return _Frame(context, self.root, outer, {**self.data, **(data or {})})


def _write(nodes: list[Node], frame: _Frame) -> str:
    return "".join(_write_node(node, frame) for node in nodes)


def _write_node(node: Node, frame: _Frame) -> str:
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Block):
        return _write_block(node, frame)
    text = text_of(_call(node.call, frame))
    return text.translate(_ESCAPES) if node.escaped else text


def _own(value: object, name: str) -> object:
    """An own property, or None. Source: ``lookupProperty`` in Handlebars' runtime"""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list | tuple):
        if name == "length":
            return len(value)
        # An index as JavaScript writes it: "01" is the name of nothing.
        at = int(name) if re.fullmatch(r"0|[1-9][0-9]{0,8}", name) else len(value)
        return value[at] if at < len(value) else None
    return None


def _look_up(path: Path, frame: _Frame) -> object:
    if path.data:
        if path.parts[:1] == ("root",):
            value, parts = frame.root, path.parts[1:]
        else:
            value, parts = frame.data, path.parts
    else:
        at: _Frame | None = frame
        for _ in range(path.depth):
            at = at.outer if at is not None else None
        value, parts = (at.context if at is not None else None), path.parts
    for part in parts:
        value = _own(value, part)
    return value


def _evaluate(expression: Expression, frame: _Frame) -> Any:
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Path):
        return _look_up(expression, frame)
    return _call(expression, frame)


def _call(call: Call, frame: _Frame) -> Any:
    """The value of a call outside a block."""
    path = (
        call.target if isinstance(call.target, Path) else Path((call.target.original,), original=call.target.original)
    )
    name = path.parts[0] if len(path.parts) == 1 and not path.depth and not path.data else None
    if name == "lookup":
        if len(call.arguments) < 2:
            raise WorkflowError("lookup needs an object and a name")
        target, key = (_evaluate(argument, frame) for argument in call.arguments[:2])
        return _own(target, text_of(key))
    if name in _HELPERS:
        raise WorkflowError(f"the helper {name} is used without a block, or not as it can be used")
    value = _look_up(path, frame)
    if callable(value):
        arguments = [_evaluate(argument, frame) for argument in call.arguments]
        return value(arguments, {key: _evaluate(option, frame) for key, option in call.options})
    if call.bare:
        return value
    if value is None:
        raise WorkflowError(f'Missing helper: "{path.original}"')
    raise WorkflowError(f"{path.original} is no function")


def _value_of(argument: Expression, frame: _Frame) -> Any:
    """An argument of a block helper: functions are called without arguments."""
    value = _evaluate(argument, frame)
    return value([], {}) if callable(value) else value


def _is_empty(value: object) -> bool:
    return (not value and value != 0) or value is False or value in ("", [], ())


def _write_block(block: Block, frame: _Frame) -> str:
    target = block.call.target
    name = target.parts[0] if isinstance(target, Path) and len(target.parts) == 1 and not target.depth else None
    if name in _BLOCK_HELPERS:
        if len(block.call.arguments) != 1:
            raise WorkflowError(f"#{name} requires exactly one argument")
        value = _value_of(block.call.arguments[0], frame)
        if name == "each":
            return _write_each(block, value, frame)
        if name == "with":
            return _write(block.inverse, frame) if _is_empty(value) else _write(block.body, frame.inner(value))
        options = {key: _evaluate(option, frame) for key, option in block.call.options}
        holds = not _is_empty(value) and (value != 0 or value is True or bool(options.get("includeZero")))
        return _write(block.body if holds == (name == "if") else block.inverse, frame)
    if name in _HELPERS:
        raise NotKnownHere(f"the helper {name} as a block, which the preview does not evaluate")
    return _write_section(block, _call(block.call, frame), frame)


def _write_section(block: Block, value: object, frame: _Frame) -> str:
    """``{{#name}}`` over a value. Source: lib/handlebars/helpers/block-helper-missing.js"""
    if value is None or value is False or value in ([], ()):
        return _write(block.inverse, frame)
    if value is True:
        return _write(block.body, frame)
    if isinstance(value, list | tuple):
        return _write_each(block, value, frame)
    return _write(block.body, frame.inner(value))


def _write_each(block: Block, value: object, frame: _Frame) -> str:
    if isinstance(value, Mapping):
        items: list[tuple[object, object]] = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list | tuple) else []
    if not items:
        return _write(block.inverse, frame)
    return "".join(
        _write(
            block.body,
            frame.inner(item, {"key": key, "index": i, "first": i == 0, "last": i == len(items) - 1}),
        )
        for i, (key, item) in enumerate(items)
    )
