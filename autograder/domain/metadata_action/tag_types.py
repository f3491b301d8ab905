"""The types of tag rules: a table with one record per type, and how each gives its value in a run.

Source of all: https://github.com/docker/metadata-action/blob/master/src/meta.ts (6.0 to 6.2), the ``proc...`` methods,
and, for attributes and priorities, https://github.com/docker/metadata-action/blob/master/src/tag.ts
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.javascript import match, number
from autograder.domain.metadata_action.context import Context, dates, expand, known_sha, short_sha
from autograder.domain.metadata_action.render import is_single_name, render
from autograder.domain.metadata_action.versions import read_pep440, semver_values

BRANCH: Final = "refs/heads/"
TAG: Final = "refs/tags/"
PULL: Final = "refs/pull/"
_NO_TEXT: Final = "an empty value"


@dataclass(frozen=True, slots=True)
class TagValue:
    """A value before prefix, suffix and sanitising, and whether ``latest=auto`` follows from it."""

    value: str
    latest: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """No value.

    Attributes:
        why: one sentence.
        warning: whether the action itself warns about it.
    """

    why: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the ``tags`` input.

    Attributes:
        type: one of the keys of :data:`TAG_TYPES`.
        attributes: every attribute, defaults filled in.
        line: the line as it was written.
    """

    type: str
    attributes: dict[str, str]
    line: str


@dataclass(frozen=True, slots=True)
class TagType:
    """A type of tag rules.

    Attributes:
        value: the value that a rule gives in a run, or why it gives none. Raises WorkflowError where the action would
            stop, and NotKnownHere where only a run on GitHub can tell.
        priority: that of a rule that gives none. Higher ones come first, and the first tag is the version.
        defaults: attributes that are filled in where a rule does not give them.
        required: the attribute that a rule must have, if any.
        choices: attribute -> what it may be.
        finish: what else is checked or filled in; it gets the attributes and the line.
    """

    value: Callable[[Rule, Context], TagValue | Skipped]
    priority: str
    defaults: Mapping[str, str] = field(default_factory=dict)
    required: str = ""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finish: Callable[[dict[str, str], str], None] | None = None


def value_of(rule: Rule, context: Context) -> TagValue | Skipped:
    """The value of one rule.

    Raises:
        WorkflowError: where the action would stop.
        NotKnownHere: where only a run on GitHub can tell.
    """
    return TAG_TYPES[rule.type].value(rule, context)


def _schedule(rule: Rule, context: Context) -> TagValue | Skipped:
    if "schedule" not in context.event_name:
        return Skipped("no schedule event")
    return TagValue(render(rule.attributes["pattern"], dates(context)))


def _named_version(rule: Rule, context: Context) -> str | None:
    """What semver, pep440 and match read: the rule's own value, or the Git tag; None where there is neither."""
    if rule.attributes["value"]:
        return expand(rule.attributes["value"], context)
    return context.ref.removeprefix(TAG) if context.ref.startswith(TAG) else None


def _matched_part(rule: Rule, text: str) -> tuple[str, str | None]:
    """The part of ``text`` that the attribute ``match`` cuts out, slashes replaced, and a warning."""
    pattern, warning = rule.attributes["match"], None
    if pattern:
        groups = match(pattern, "", text)
        if groups is None:
            warning = f"{pattern} does not match {text}."
        elif len(groups) < 2 or groups[1] is None:
            raise WorkflowError(f"the match attribute {pattern} has no group that takes part in: {text}")
        else:
            text = groups[1]
    return text.replace("/", "-"), warning


def _semver(rule: Rule, context: Context) -> TagValue | Skipped:
    text = _named_version(rule, context)
    if text is None:
        return Skipped("no tag event, and no value attribute")
    text, warning = _matched_part(rule, text)
    values = semver_values(text)
    if values is None:
        return Skipped(" ".join(filter(None, [warning, f"{text or _NO_TEXT} is not a valid semver."])), warning=True)
    pattern = rule.attributes["pattern"]
    if values["prerelease"]:  # only the whole version: its parts would move tags that stable releases own
        return TagValue(render(pattern if is_single_name(pattern, "raw") else "{{version}}", values))
    return TagValue(render(pattern, values), latest=True)


def _pep440(rule: Rule, context: Context) -> TagValue | Skipped:
    text = _named_version(rule, context)
    if text is None:
        return Skipped("no tag event, and no value attribute")
    text, warning = _matched_part(rule, text)
    version = read_pep440(text)
    if version is None:
        return Skipped(
            " ".join(filter(None, [warning, f"{text or _NO_TEXT} does not conform to PEP 440."])), warning=True
        )
    pattern = rule.attributes["pattern"]
    if not version.final:
        return TagValue(text if is_single_name(pattern, "raw") else version.clean)
    parts = {
        "raw": lambda *_: text,
        "version": lambda *_: version.clean,
        "major": lambda *_: version.number(0),
        "minor": lambda *_: version.number(1),
        "patch": lambda *_: version.number(2),
    }
    return TagValue(render(pattern, parts), latest=True)


def _match(rule: Rule, context: Context) -> TagValue | Skipped:
    text = _named_version(rule, context)
    if text is None:
        return Skipped("no tag event, and no value attribute")
    pattern, group = rule.attributes["pattern"], rule.attributes["group"]
    literal = re.fullmatch(r"/(.+)/(.*)", pattern)
    groups = match(literal[1], literal[2], text) if literal else match(pattern, "", text)
    if groups is None:
        return Skipped(f"{pattern} does not match {text}.", warning=True)
    index = int(group) if re.fullmatch(r"0|[1-9][0-9]{0,5}", group) else len(groups)
    value = groups[index] if index < len(groups) else None
    if value is None:
        return Skipped(f"Group {group} does not exist for {pattern} pattern.", warning=True)
    return TagValue(value, latest=True)


def _edge(rule: Rule, context: Context) -> TagValue | Skipped:
    if not context.ref.startswith(BRANCH):
        return Skipped("no branch event")
    branch = rule.attributes["branch"] or context.repository.default_branch
    if branch is None:
        raise NotKnownHere("the default branch (--default-branch, or the event file)")
    if branch != context.ref.removeprefix(BRANCH):
        return Skipped(f"the branch is not {branch}")
    return TagValue("edge")


def _ref(rule: Rule, context: Context) -> TagValue | Skipped:
    event = rule.attributes["event"]
    prefix = {"branch": BRANCH, "tag": TAG, "pr": PULL}[event]
    if not context.ref.startswith(prefix):
        return Skipped({"branch": "no branch event", "tag": "no tag event", "pr": "no pull request event"}[event])
    value = context.ref.removeprefix(prefix)
    return TagValue(value.removesuffix("/merge") if event == "pr" else value, latest=event == "tag")


def _raw(rule: Rule, context: Context) -> TagValue | Skipped:
    return TagValue(expand(rule.attributes["value"], context))


def _sha(rule: Rule, context: Context) -> TagValue | Skipped:
    if not known_sha(context):
        return Skipped("no commit")
    return TagValue(short_sha(context) if rule.attributes["format"] == "short" else known_sha(context))


def _check_group(attributes: dict[str, str], line: str) -> None:
    if math.isnan(number(attributes["group"])):
        raise WorkflowError(f"Invalid match group for {line}")


def _prefix_pull_request(attributes: dict[str, str], line: str) -> None:
    if attributes["event"] == "pr":
        attributes.setdefault("prefix", "pr-")


TAG_TYPES: Final[dict[str, TagType]] = {
    "schedule": TagType(_schedule, "1000", {"pattern": "nightly"}),
    "semver": TagType(_semver, "900", {"value": "", "match": ""}, required="pattern"),
    "pep440": TagType(_pep440, "900", {"value": "", "match": ""}, required="pattern"),
    "match": TagType(_match, "800", {"group": "0", "value": ""}, required="pattern", finish=_check_group),
    "edge": TagType(_edge, "700", {"branch": ""}),
    "ref": TagType(
        _ref, "600", required="event", choices={"event": ("branch", "tag", "pr")}, finish=_prefix_pull_request
    ),
    "raw": TagType(_raw, "200", required="value"),
    "sha": TagType(_sha, "100", {"prefix": "sha-", "format": "short"}, choices={"format": ("short", "long")}),
}
