"""One YAML document of a student's as JSON data: plain types only, within limits, whatever the file holds.

Aliases are followed up to a size that is counted before anything is built, so a few lines cannot become gigabytes.
Texts such as ``on`` and ``yes`` stay texts, as in YAML 1.2; GitLab's ``!reference`` is filled in.
Sources: https://yaml.org/spec/1.2.2/#103-core-schema , https://docs.gitlab.com/ci/yaml/yaml_optimization/
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_CHARACTERS: Final = 64 << 10
MAX_NODES: Final = 20_000  # with every alias written out
MAX_DEPTH: Final = 40
MAX_ALIASES: Final = 100
REFERENCE: Final = "!reference"


class Refused(ValueError):
    """A file that is not read; the text says why."""


class _Loader(yaml.SafeLoader):
    """Null, booleans, integers and decimals of the core schema; anything else is text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  as PyYAML declares it


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]{1,15}", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"[-+]?(\.[0-9]{1,15}|[0-9]{1,15}\.[0-9]{0,15})", "-+.0123456789"),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), [*_first] + ([""] if "null" in _tag else []))


class _Reference(list[Any]):
    """Where a value stands that ``!reference`` names."""


def _integer(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))  # 010 is ten


def _decimal(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node))


def _reference(loader: Any, node: Any) -> _Reference:
    return _Reference(loader.construct_sequence(node, deep=True))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Loader.add_constructor(REFERENCE, _reference)


def read(text: str, *, merges: bool = True) -> dict[str, Any]:
    """The document.

    Args:
        text: the file.
        merges: whether merge keys (``<<``) are allowed. GitHub's own reader follows anchors and aliases, and has ``<<``
            for a key as any other, which its schema does not know: YamlObjectReader.cs and workflow-v1.0.json of
            2026-08-17 in https://github.com/actions/runner/tree/258d6c857/src/Sdk/WorkflowParser . Its manual has
            no merge keys either:
            https://docs.github.com/actions/reference/workflows-and-actions/reusing-workflow-configurations#yaml-anchors-and-aliases

    Raises:
        Refused: too large or too deep, no valid YAML, several documents, a key twice, no mapping, other types.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_CHARACTERS:
        raise Refused(f"It has more than {MAX_CHARACTERS >> 10} KiB.")
    try:
        _count_events(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise Refused("It is empty.")
            _measure(node, merges)
            built = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise Refused(_said(error)) from None
    except (RecursionError, ValueError, TypeError, AttributeError) as error:
        raise error if isinstance(error, Refused) else Refused(f"It cannot be read: {error}") from None
    if not isinstance(built, dict):
        raise Refused("At its top it is no mapping.")
    found = _plain(built, built, 0, [MAX_NODES])
    assert isinstance(found, dict)
    return found


def _count_events(text: str) -> None:
    """Depth and aliases, before a node is composed: composing follows the depth of the text."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise Refused(f"It nests more than {MAX_DEPTH} levels.")
        if aliases > MAX_ALIASES:
            raise Refused(f"It has more than {MAX_ALIASES} aliases.")


def _measure(top: Node, merges: bool) -> None:
    """Refuse what grows too large when its aliases are written out, loops, keys that are twice there, odd keys."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()

    def size(node: Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in open_:
            raise Refused("An alias stands inside what it names.")
        open_.add(id(node))
        total = 1
        if isinstance(node, SequenceNode):
            total += sum(size(child) for child in node.value)
        elif isinstance(node, MappingNode):
            _keys(node, merges)
            total += sum(size(key) + size(value) for key, value in node.value)
        if total > MAX_NODES:
            raise Refused(f"Written out, its aliases make more than {MAX_NODES} values.")
        open_.discard(id(node))
        sizes[id(node)] = total
        return total

    size(top)


def _keys(node: MappingNode, merges: bool) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, ScalarNode):
            raise Refused(f"Line {key.start_mark.line + 1}: a key is no text.")
        if key.tag == "tag:yaml.org,2002:merge" and not merges:
            raise Refused(f"Line {key.start_mark.line + 1}: GitHub takes anchors and aliases, and no merge key (<<).")
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            raise Refused(f"Line {key.start_mark.line + 1}: the key {key.value[:60]} is there twice.")
        seen.add(key.value)


def _said(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML"
    place = f"Line {mark.line + 1}: " if mark is not None else ""
    return f"{place}{problem}."[:300]


def _plain(value: Any, top: dict[str, Any], depth: int, left: list[int]) -> Any:
    """Keys as texts, references filled in."""
    left[0] -= 1
    if left[0] < 0 or depth > 2 * MAX_DEPTH:
        raise Refused("Written out, its references make too many values.")
    if isinstance(value, _Reference):
        return _plain(_referred(value, top), top, depth + 1, left)
    if isinstance(value, dict):
        return {_key(key): _plain(child, top, depth + 1, left) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child, top, depth + 1, left) for child in value]
    if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
        raise Refused("It holds half of a character.")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise Refused(f"It holds a value of the type {type(value).__name__}.")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return "" if key is None else str(key)


def _referred(path: _Reference, top: dict[str, Any]) -> Any:
    found: Any = top
    for part in path:
        if not isinstance(found, dict) or not isinstance(part, str) or part not in found:
            raise Refused(f"!reference names {', '.join(map(str, path))[:80]}, which is not there.")
        found = found[part]
    return found
