"""A small YAML file as plain data: every value a text, no aliases, no tags, no key twice, nothing deep.

PyYAML's own loader would expand aliases without end, turn ``no`` into False and let the last of two equal keys win.
Source of the form: https://yaml.org/spec/1.2.2/ ; what Compose makes of it:
https://docs.docker.com/reference/compose-file/
"""

from __future__ import annotations

from typing import Any

import yaml

from autograder.errors import CourseError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_NODES = 5000


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
    """Refuse by events, before anything is built."""
    depth = nodes = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        where = f"line {event.start_mark.line + 1}" if event.start_mark else "it"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _unfit(name, f"{where} uses an alias or anchor (* or &)", "Write the value out where it is needed.")
        tag = getattr(event, "tag", None)
        if tag:
            raise _unfit(name, f"{where} has the tag {str(tag)[:40]}", "Write the value without ! before it.")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise _unfit(name, f"{where}: nested too deep, or too long", "Keep what the registry needs.")


class _Texts(yaml.BaseLoader):
    """BaseLoader makes a text of every value; this one also refuses a key that is there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key is not a text", problem_mark=key_node.start_mark)
            key = str(key_node.value)
            if key in found:
                problem = f"{key[:60]} is there twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
            found[key] = self.construct_object(value_node, deep=True)
        return found


def _construct(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = loader.construct_mapping(node)
    return made


_Texts.add_constructor("tag:yaml.org,2002:map", _construct)
