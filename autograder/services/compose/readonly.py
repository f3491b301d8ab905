"""A small YAML file as plain data, as Compose reads it: aliases and merge keys are followed, and every value is a text.

PyYAML's own loader would expand aliases without end, turn ``no`` into False and let the last of two equal keys win.
Sources: https://yaml.org/spec/1.2.2/ , https://yaml.org/type/merge.html ,
https://docs.docker.com/reference/compose-file/fragments/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from autograder.errors import CourseError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_NODES = 5000  # with every alias written out
MERGE = "<<"
TAG = "tag:yaml.org,2002:"
PLAIN_TAGS = {f"{TAG}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}
# Unquoted these are no texts: https://yaml.org/spec/1.2.2/#103-core-schema
WORDS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
WORDS |= dict.fromkeys(("~", "null", "Null", "NULL"), "")


def load(text: str, name: str = "compose.yaml") -> Any:
    """The data of one YAML document: texts, lists and dicts with texts as keys.

    Raises:
        CourseError: too large, not YAML, or with something in it that a settings file does not need.
    """
    if len(text.encode("utf-8", errors="replace")) > MAX_BYTES:
        raise _unfit(name, f"it has more than {MAX_BYTES // 1024} KiB", "Keep what the registry needs.")
    try:
        _inspect(text, name)
        return yaml.load(text, Loader=_Texts)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _unfit(name, f"{where}{problem}", "Correct that line; blanks at its beginning count.") from None
    except (ValueError, RecursionError) as error:
        raise _unfit(name, str(error), "Write it anew, as lesson 05 shows it.") from None


def _unfit(name: str, found: str, next_step: str) -> CourseError:
    return CourseError(
        expected=f"{name} is a small YAML file with plain values", found=f"{name}: {found}.", next_step=next_step
    )


def _inspect(text: str, name: str) -> None:
    """Refuse by events, before anything is built. An alias counts as what it stands for."""
    open_: list[_Size] = [_Size()]  # the document, and each list or mapping that has begun
    known: dict[str | None, _Size] = {}  # of each anchor whose value has ended
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        where = f"line {event.start_mark.line + 1}" if event.start_mark else "it"
        tag = getattr(event, "tag", None)
        if tag and tag not in PLAIN_TAGS:
            raise _unfit(name, f"{where} has the tag {str(tag)[:40]}", "Write the value without ! before it.")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in {one.anchor for one in open_}:
                raise _unfit(name, f"{where}: an alias stands inside what it names", "Write the value out there.")
            open_[-1].add(known.get(event.anchor, _Size()))  # one that is not known is an error of the parser
        elif isinstance(event, yaml.ScalarEvent):
            open_[-1].add(_Size(event.anchor, 1))
            known[event.anchor] = _Size(event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append(_Size(event.anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            ended = open_.pop()
            open_[-1].add(ended)
            known[ended.anchor] = ended
        if len(open_) + open_[-1].height > MAX_DEPTH + 1 or sum(one.nodes for one in open_) > MAX_NODES:
            raise _unfit(name, f"{where}: nested too deep, or too long", "Keep what the registry needs.")


@dataclass
class _Size:
    """How many values a part of a file has when its aliases are written out, and how deep they lie."""

    anchor: str | None = None
    nodes: int = 0
    height: int = 0

    def add(self, inside: _Size) -> None:
        self.nodes += inside.nodes
        self.height = max(self.height, inside.height + 1)


class _Texts(yaml.BaseLoader):
    """BaseLoader makes a text of every value; this one merges as Compose does and refuses a key that is there twice."""

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        value = str(super().construct_scalar(node))
        return value if node.style else WORDS.get(value, value)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[str, Any] = {}
        merged: list[yaml.Node] = []
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key is not a text", problem_mark=key_node.start_mark)
            key = str(key_node.value)
            if key in seen:
                problem = f"{key[:60]} is there twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            seen.add(key)
            if key == MERGE and not key_node.style:
                merged = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            else:
                found[key] = self.construct_object(value_node, deep=True)
        for one in merged:  # what stands here goes before what is merged, and the first before the later ones
            if not isinstance(one, yaml.MappingNode):
                problem = f"{MERGE} merges mappings, and this is none"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=one.start_mark)
            found = {**self.construct_mapping(one), **found}
        return found


def _construct(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = loader.construct_mapping(node)
    return made


_Texts.add_constructor("tag:yaml.org,2002:map", _construct)
