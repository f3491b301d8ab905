"""What a run on GitHub knows: the event, the commit, the repository. None means: not known here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from autograder.domain import instants
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.javascript import number
from autograder.domain.metadata_action.moment import format_date
from autograder.domain.metadata_action.render import Values, render

SOURCE: Final = "https://github.com/docker/metadata-action/blob/master/src/context.ts"
SHORT_SHA: Final = 7

# Events that only ever run for the last commit of the default branch. Source: ``is_default_branch`` in src/meta.ts,
# https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows
DEFAULT_BRANCH_EVENTS: Final = re.compile("create|discussion|issues|schedule")


@dataclass(frozen=True, slots=True)
class Repository:
    """What GitHub's API says about the repository; an empty text where it says nothing, None where unknown here."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    default_branch: str | None = None
    license: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """One run.

    Attributes:
        event_name: ``push``, ``pull_request``, ``schedule``, ``workflow_dispatch`` ...
        ref: ``refs/heads/main``, ``refs/tags/v1.2.3``, ``refs/pull/2/merge``.
        sha: full commit id; None where unknown.
        now: the time of the run, with a time zone.
        payload: the event's own document, as far as it is known.
        repository: the repository, as far as it is known.
        environment: the step's ``DOCKER_METADATA_...`` variables.
    """

    event_name: str
    ref: str
    sha: str | None
    now: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    repository: Repository = field(default_factory=Repository)
    environment: Mapping[str, str] = field(default_factory=dict)


def as_the_action_sees_it(context: Context) -> Context:
    """The ref and commit the action works with: the pull request's own ones where it is told or has to take them.

    Source: ``getContextFromWorkflow`` in SOURCE
    """
    if "pull_request_target" in context.event_name:
        if "number" not in context.payload:
            raise NotKnownHere("the number of the pull request, from the event file")
        context = replace(context, ref=f"refs/pull/{context.payload['number']}/merge")
    wants_head = re.search("true", context.environment.get("DOCKER_METADATA_PR_HEAD_SHA", ""), re.IGNORECASE)
    if wants_head and "pull_request" in context.event_name:
        head = _dig(context.payload, "pull_request", "head", "sha")
        if head is None and not context.payload:
            raise NotKnownHere("the head commit of the pull request, from the event file")
        if head is not None:
            context = replace(context, sha=str(head))
    return context


def _dig(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def commit_date(context: Context) -> datetime:
    """When the commit was made. Source: ``getCommitDateFromWorkflow`` in SOURCE

    Raises:
        NotKnownHere: where the event does not hold it; the action then asks GitHub.
    """
    commits = context.payload.get("commits")
    candidates = [*commits] if isinstance(commits, list) else []
    candidates.append(context.payload.get("head_commit"))
    for commit in candidates:
        if isinstance(commit, Mapping) and commit.get("id") == context.sha and commit.get("timestamp"):
            found = instants.read(str(commit["timestamp"]))
            if found is None:
                raise NotKnownHere(f"a readable time of the commit, not {str(commit['timestamp'])!r:.60}")
            return found if found.tzinfo else found.replace(tzinfo=context.now.tzinfo)
    raise NotKnownHere("the time of the commit, which the action asks of GitHub (or the event file of a push)")


def known_sha(context: Context) -> str:
    """The commit id, or NotKnownHere."""
    if context.sha is None:
        raise NotKnownHere("the commit id (--sha)")
    return context.sha


def short_sha(context: Context) -> str:
    """The commit id cut to 7 digits, or to ``DOCKER_METADATA_SHORT_SHA_LENGTH``. Source: ``shortSha`` in src/meta.ts"""
    sha, wanted = known_sha(context), context.environment.get("DOCKER_METADATA_SHORT_SHA_LENGTH", "")
    length = number(wanted) if wanted else SHORT_SHA
    if math.isnan(length):
        raise WorkflowError(f"DOCKER_METADATA_SHORT_SHA_LENGTH is not a valid number: {wanted}")
    return sha if length >= len(sha) else sha[: int(max(0, length))]


def dates(context: Context) -> Values:
    """The functions ``date`` and ``commit_date`` for templates."""

    def date(arguments: Sequence[object], options: Mapping[str, object]) -> str:
        return _formatted(context.now, arguments, options)

    def date_of_commit(arguments: Sequence[object], options: Mapping[str, object]) -> str:
        return _formatted(commit_date(context), arguments, options)

    return {"date": date, "commit_date": date_of_commit}


def _formatted(when: datetime, arguments: Sequence[object], options: Mapping[str, object]) -> str:
    for key in options:
        if key != "tz":
            raise WorkflowError(f"Unknown {key} attribute")
    zone = options.get("tz", "UTC")
    if not isinstance(zone, str) or not zone:
        raise WorkflowError(f"Time zone name must be a string, got {zone}")
    if not arguments or not isinstance(arguments[0], str):
        raise WorkflowError("a date needs a format in quotes, such as {{date 'YYYYMMDD'}}")
    return format_date(when, arguments[0], zone)


def is_default_branch(context: Context) -> bool:
    """Whether the run is for the default branch, as ``{{is_default_branch}}`` has it. Source: src/meta.ts"""
    branch = context.ref.removeprefix("refs/heads/")
    if not branch:
        return False
    certain = bool(DEFAULT_BRANCH_EVENTS.search(context.event_name))
    default = _dig(context.payload, "repository", "default_branch") or context.repository.default_branch
    if default is None and not certain and context.ref.startswith("refs/heads/"):
        raise NotKnownHere("the default branch (--default-branch, or the event file)")
    return default == branch or certain


def base_ref(context: Context) -> str:
    """The branch a tag or pull request starts from, as ``{{base_ref}}`` has it. Source: src/meta.ts"""
    if context.ref.startswith("refs/tags/") and context.payload.get("base_ref") is not None:
        return str(context.payload["base_ref"]).removeprefix("refs/heads/")
    base = _dig(context.payload, "pull_request", "base", "ref")
    if context.ref.startswith("refs/pull/") and base is not None:
        return str(base)
    if context.ref.startswith(("refs/tags/", "refs/pull/")) and not context.payload:
        raise NotKnownHere("the base branch, from the event file")
    return ""


def _after(prefix: str, ref: str) -> str:
    return ref.removeprefix(prefix) if ref.startswith(prefix) else ""


def global_values(context: Context) -> Values:
    """The functions of the global expressions. Source: ``setGlobalExp`` in src/meta.ts"""

    def said(condition: bool) -> str:
        return "true" if condition else "false"

    return {
        "branch": lambda *_: _after("refs/heads/", context.ref),
        "tag": lambda *_: _after("refs/tags/", context.ref),
        "sha": lambda *_: short_sha(context),
        "base_ref": lambda *_: base_ref(context),
        "is_default_branch": lambda *_: said(is_default_branch(context)),
        "is_not_default_branch": lambda *_: said(not is_default_branch(context)),
        **dates(context),
    }


def expand(template: str, context: Context) -> str:
    """Write a template with the global expressions."""
    return render(template, global_values(context))
