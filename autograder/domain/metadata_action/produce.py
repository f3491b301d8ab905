"""One function a rule type: the value a rule gives in a run, or why it gives none.

Source of all: https://github.com/docker/metadata-action/blob/master/src/meta.ts (6.0 to 6.2), the ``proc...`` methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.javascript import match
from autograder.domain.metadata_action.context import Context, dates, expand, known_sha, short_sha
from autograder.domain.metadata_action.render import is_single_name, render
from autograder.domain.metadata_action.rules import Rule
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


def produce(rule: Rule, context: Context) -> TagValue | Skipped:
    """The value of one rule.

    Raises:
        WorkflowError: where the action would stop.
        NotKnownHere: where only a run on GitHub can tell.
    """
    return _PRODUCERS[rule.type](rule, context)


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
        found = match(pattern, "", text)
        if found is None:
            warning = f"{pattern} does not match {text}."
        elif len(found) < 2 or found[1] is None:
            raise WorkflowError(f"the match attribute {pattern} has no group that takes part in: {text}")
        else:
            text = found[1]
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
    found = match(literal[1], literal[2], text) if literal else match(pattern, "", text)
    if found is None:
        return Skipped(f"{pattern} does not match {text}.", warning=True)
    index = int(group) if re.fullmatch(r"0|[1-9][0-9]{0,5}", group) else len(found)
    value = found[index] if index < len(found) else None
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


_PRODUCERS: Final[dict[str, Callable[[Rule, Context], TagValue | Skipped]]] = {
    "schedule": _schedule,
    "semver": _semver,
    "pep440": _pep440,
    "match": _match,
    "edge": _edge,
    "ref": _ref,
    "raw": _raw,
    "sha": _sha,
}
