"""Whether a workflow's ``on:`` starts a run for an event and ref."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

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
    """Whether filter patterns take a name: the last one that matches decides, ``!`` excludes. Source: FILTERS"""
    taken = False
    for pattern in patterns:
        excluding = pattern.startswith("!")
        if re.fullmatch(_regex(pattern[1:] if excluding else pattern), value):
            taken = not excluding
    return taken


_PART: Final = re.compile(
    r"\\(?P<escaped>[\s\S])|(?P<any>\*\*)|(?P<star>\*)|(?P<repeat>[?+])|(?P<set>\[[^\]]+\])|(?P<char>[\s\S])"
)


def _set_items(inside: str) -> list[str]:
    """The characters and ranges of ``[...]``; a range that runs backwards is three characters."""
    items = []
    for found in re.finditer(r"([\s\S])-([\s\S])|([\s\S])", inside):
        first, last, single = found.groups()
        if first and first <= last:
            items.append(f"{re.escape(first)}-{re.escape(last)}")
        else:
            items.append("".join(re.escape(char) for char in (single or found.group())))
    return items


def _regex(pattern: str) -> str:
    """A filter pattern as a regular expression; ``?`` and ``+`` repeat the character in front of them."""
    parts: list[str] = []
    for found in _PART.finditer(pattern):
        if found["any"]:
            parts.append(".*")
        elif found["star"]:
            parts.append("[^/]*")
        elif found["set"]:
            parts.append(f"[{''.join(_set_items(found['set'][1:-1]))}]")
        elif found["repeat"] and parts and not parts[-1].endswith(("*", "?", "+")):
            parts.append(found["repeat"])
        else:
            parts.append(re.escape(found["escaped"] or found["char"] or found.group()))
    return "(?s:" + "".join(parts) + ")"
