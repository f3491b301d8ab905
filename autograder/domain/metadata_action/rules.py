"""The ``tags`` input: one rule per line, its attributes, its defaults and its priority."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Final

from autograder.domain.github_actions.errors import WorkflowError
from autograder.domain.github_actions.javascript import number, trim
from autograder.domain.metadata_action.lists import fields
from autograder.domain.metadata_action.tag_types import TAG_TYPES, Rule

SOURCE: Final = "https://github.com/docker/metadata-action/blob/master/src/tag.ts"

# What the action does where ``tags`` is empty.
DEFAULT_RULES: Final = ("type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr")


def parse_rule(line: str) -> Rule:
    """Read one rule. A line without ``type=`` is a raw tag.

    Raises:
        WorkflowError: in the action's own words where it has some.

    Source: ``Parse`` in SOURCE
    """
    kind = "raw"
    attributes: dict[str, str] = {}
    for item in fields(line):
        key, equals, value = item.partition("=")
        if not equals or not key:
            attributes["value"] = trim(item)
            continue
        key, value = trim(key).lower(), trim(value)
        if key != "type":
            attributes[key] = value
        elif value in TAG_TYPES:
            kind = value
        else:
            raise WorkflowError(f"Unknown tag type attribute: {value}")
    tag_type = TAG_TYPES[kind]
    if tag_type.required and tag_type.required not in attributes:
        raise WorkflowError(f"Missing {tag_type.required} attribute for {line}")
    attributes = {**tag_type.defaults, **attributes}
    for name, allowed in tag_type.choices.items():
        if attributes[name] not in allowed:
            raise WorkflowError(f"Invalid {name} for {line}")
    if tag_type.finish is not None:
        tag_type.finish(attributes, line)
    attributes.setdefault("enable", "true")
    attributes.setdefault("priority", tag_type.priority)
    return Rule(kind, attributes, line)


def by_priority(rules: Iterable[Rule]) -> list[Rule]:
    """Highest priority first; equal ones keep their order. Source: ``Transform`` in SOURCE"""

    def compare(left: Rule, right: Rule) -> int:
        a, b = number(left.attributes["priority"]), number(right.attributes["priority"])
        return int(a < b) - int(a > b)

    return sorted(rules, key=cmp_to_key(compare))


@dataclass(frozen=True, slots=True)
class Flavor:
    """The ``flavor`` input: what applies to every tag.

    Attributes:
        latest: ``auto``, ``true`` or ``false``.
        prefix, suffix: around every tag whose rule gives none itself.
        prefix_latest, suffix_latest: whether ``latest`` gets them too.
    """

    latest: str = "auto"
    prefix: str = ""
    prefix_latest: bool = False
    suffix: str = ""
    suffix_latest: bool = False


def parse_flavor(lines: Sequence[str]) -> Flavor:
    """Read the ``flavor`` input. ``onlatest`` belongs to the prefix or suffix in front of it on its line.

    Raises:
        WorkflowError: in the action's own words where it has some.

    Source: https://github.com/docker/metadata-action/blob/master/src/flavor.ts
    """
    settings: dict[str, str | bool] = {}
    for line in lines:
        before = ""
        for item in fields(line):
            parts = [trim(part) for part in item.split("=")]
            if len(parts) == 1:
                raise WorkflowError(f"Invalid flavor entry: {line}")
            key, value = parts[0].lower(), parts[1]
            if key == "latest":
                if value not in ("auto", "true", "false"):
                    raise WorkflowError(f"Invalid latest flavor entry: {line}")
                settings["latest"] = value
            elif key in ("prefix", "suffix"):
                settings[key] = value
                before = key
            elif key == "onlatest":
                if value not in ("true", "false"):
                    raise WorkflowError(f"Invalid value for onlatest attribute: {value}")
                if before:
                    settings[f"{before}_latest"] = value == "true"
            else:
                raise WorkflowError(f"Unknown flavor entry: {line}")
    return Flavor(**settings)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Image:
    """One entry of the ``images`` input."""

    name: str
    enabled: bool = True


def parse_images(lines: Sequence[str]) -> list[Image]:
    """Read the ``images`` input: one per line, or all on one line with commas between them.

    Raises:
        WorkflowError: in the action's own words where it has some.

    Source: https://github.com/docker/metadata-action/blob/master/src/image.ts
    """
    if len(lines) == 1 and not any("=" in item for item in fields(lines[0])):
        return [Image(trim(item)) for item in fields(lines[0])]
    return [_parse_image(line) for line in lines]


def _parse_image(line: str) -> Image:
    name, enabled = "", True
    for item in fields(line):
        parts = [trim(part) for part in item.split("=")]
        key = parts[0].lower()
        if len(parts) == 1:
            name = parts[0]
        elif key == "name":
            name = parts[1]
        elif key == "enable":
            if parts[1] not in ("true", "false"):
                raise WorkflowError(f"Invalid enable attribute value: {line}")
            enabled = parts[1] == "true"
        else:
            raise WorkflowError(f"Unknown image attribute: {line}")
    if not name:
        raise WorkflowError(f"Image name attribute empty: {line}")
    return Image(name, enabled)


def sanitize_tag(tag: str) -> str:
    """Every run of characters that a tag may not hold becomes one ``-``. Source: ``sanitizeTag`` in src/meta.ts"""
    return re.sub(r"[^a-zA-Z0-9._-]+", "-", tag)
