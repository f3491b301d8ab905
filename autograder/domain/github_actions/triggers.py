"""Whether a workflow's ``on:`` starts a run for an event and ref."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from autograder.domain.github_actions.errors import WorkflowError
from autograder.domain.regex.globs import ANYTHING, fits, set_tests
from autograder.domain.regex.nodes import Character, Concatenation, Node, Repeat
from autograder.domain.regex.program import Compiler, Regex
from autograder.domain.regex.syntax import literal, one_of

FILTERS: Final = (
    "https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet"
)
PUSH: Final = "https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#onpushbranchestagsbranches-ignoretags-ignore"


def why_no_run(triggers: object, event_name: str, ref: str, base_branch: str | None) -> str | None:
    """Why no run starts, as one sentence; None where one starts or where that cannot be told here.

    Args:
        triggers: the value of ``on:`` as plain data.
        event_name: for example ``push``.
        ref: full ref of the run.
        base_branch: the branch a pull request goes to, if known.

    Source: PUSH. Path filters and activity types are left out: they need the changed files and the payload.
    """
    if isinstance(triggers, str):
        triggers = [triggers]
    names = [str(name) for name in triggers] if isinstance(triggers, Mapping | list) else []
    if event_name not in names:
        listed = ", ".join(names) or "nothing"
        return f"the workflow has no trigger for {event_name} (on: {listed}), so this event never starts it"
    filters = triggers.get(event_name) if isinstance(triggers, Mapping) else None
    if not isinstance(filters, Mapping):
        return None
    if event_name == "push":
        return _push(filters, ref)
    if event_name in ("pull_request", "pull_request_target") and base_branch is not None:
        return _kind(filters, "branches", "branch", base_branch)
    return None


def _push(filters: Mapping[str, object], ref: str) -> str | None:
    for kind, prefix, name, other in (
        ("branches", "refs/heads/", "branch", "tags"),
        ("tags", "refs/tags/", "tag", "branches"),
    ):
        if not ref.startswith(prefix):
            continue
        has_own = kind in filters or f"{kind}-ignore" in filters
        has_other = other in filters or f"{other}-ignore" in filters
        if has_other and not has_own:
            return f"on.push filters {other} only, so a pushed {name} never starts the workflow"
        return _kind(filters, kind, name, ref.removeprefix(prefix))
    return None


def _kind(filters: Mapping[str, object], kind: str, name: str, value: str) -> str | None:
    if kind in filters and not matches(_patterns(filters[kind]), value):
        return f"no pattern under {kind} takes the {name} {value}"
    if f"{kind}-ignore" in filters and matches(_patterns(filters[f"{kind}-ignore"]), value):
        return f"a pattern under {kind}-ignore takes the {name} {value}"
    return None


def _patterns(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def matches(patterns: list[str], value: str) -> bool:
    """Whether filter patterns take a name: the last one that matches decides, ``!`` excludes. Source: FILTERS

    Raises:
        WorkflowError: a pattern is far larger than any that people write.
    """
    taken = False
    for pattern in patterns:
        excluding = pattern.startswith("!")
        if fits(_compiled(pattern[1:] if excluding else pattern), value):
            taken = not excluding
    return taken


_PART: Final = re.compile(
    r"\\(?P<escaped>[\s\S])|(?P<any>\*\*)|(?P<star>\*)|(?P<repeat>[?+])|\[(?P<set>[^\]]+)\]|(?P<char>[\s\S])"
)
_WITHOUT_SLASH: Final = Character(lambda c: c != "/")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Regex:
    """A filter pattern as a program; ``?`` and ``+`` repeat the character or set in front of them."""
    nodes: list[Node] = []
    for part in _PART.finditer(pattern):
        if part["any"]:
            nodes.append(ANYTHING)
        elif part["star"]:
            nodes.append(Repeat(_WITHOUT_SLASH, 0, None))
        elif part["set"]:
            nodes.append(Character(one_of(set_tests(part["set"]))))
        elif part["repeat"] and nodes and isinstance(nodes[-1], Character):
            nodes[-1] = Repeat(nodes[-1], 0, 1) if part["repeat"] == "?" else Repeat(nodes[-1], 1, None)
        else:
            nodes.append(Character(literal(part["escaped"] or part.group())))
    try:
        return Compiler().compile(Concatenation(tuple(nodes)))
    except ValueError as problem:
        raise WorkflowError(f"the filter {pattern[:60]}… cannot be evaluated: {problem}") from None
