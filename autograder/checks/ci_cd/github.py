"""Lab 10: following the GitHub workflow, and what its actions and tags are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from autograder.checks.ci_cd.data import KNOWN, MAIN, Event, events
from autograder.checks.ci_cd.shared import WORKFLOW, readable, refused, require_clear
from autograder.domain.github_actions.triggers import matches
from autograder.domain.metadata_action import NotKnownHere, WorkflowError, preview_step
from autograder.domain.metadata_action.steps import Step
from autograder.evidence.model import Evidence
from autograder.pipelines import github
from autograder.pipelines.job_state import Finding, Record, Unsupported, canonical, repository

MAX_BRANCHES = 8  # of a workflow's filter, that are looked at
SHA = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
KINDS: Mapping[str, str] = {  # of events, as a message may name one that was not shown
    "main": "a push to main",
    "release": "a release",
    "candidate": "a candidate",
    "pull_request": "a pull request",
    "branch": "a push to another branch",
}


def tags_of_rules(e: Evidence, event: Event) -> list[str]:
    """What the inherited metadata step gives for an event."""
    inputs = {"images": e.text("image"), "tags": "\n".join(e.texts("tag_rules"))}
    run = event.run(e.text("repository"))
    outputs = preview_step({"on": {event.run("a/b").event_name: None}}, Step("", "", "", inputs, (), ()), run).outputs
    return list(outputs.names) if outputs is not None else []


def unpinned(text: str) -> str:
    """Why a ``uses`` is not pinned; nothing where it is."""
    if text.startswith("./"):
        return ""
    if text.startswith("docker://"):
        return "" if DIGEST.fullmatch(text.partition("@")[2]) else "an image by tag"
    name, at, version = text.partition("@")
    if not at:
        return "no version at all"
    if not SHA.fullmatch(version):
        short = re.fullmatch(r"[0-9a-f]{7,39}", version)
        return "a shortened SHA" if short else f"{version[:40]} is a tag or a branch, and can be moved"
    action = "/".join(name.lower().split("/")[:2])
    owner = next((other for other, known in KNOWN.items() if version in known), None)
    return f"that commit is {KNOWN[owner][version]} of {owner}" if owner is not None and owner != action else ""


def workflow_run(e: Evidence, event: Event, finding: Finding | None = None) -> github.Outcome:
    """What the workflow does for an event.

    Args:
        e: the evidence.
        event: what starts the run.
        finding: what the scanners find in it; nothing without it.

    Raises:
        Failure: the file cannot be read or followed.
        NeedsReview: it holds something that no table says anything of.
        NotGraded: the probe did not run.
    """
    data = json.dumps(readable(e, WORKFLOW))
    try:
        outcome = _followed(data, event, e.text("repository"), finding)
    except (Unsupported, WorkflowError, NotKnownHere, RecursionError) as problem:
        raise refused(WORKFLOW, problem) from None
    require_clear(outcome.record, event)
    return outcome


@lru_cache(maxsize=128)  # three checks ask for the same runs
def _followed(data: str, event: Event, repository: str, finding: Finding | None) -> github.Outcome:
    return github.run(json.loads(data), event.run(repository), finding=finding)


FILES: Final = ("Dockerfile", "README.md", "docs/notes.md")  # a commit may change one of them alone


def kept_away(data: Mapping[str, Any]) -> str:
    """Which of the task's events a filter for paths or types keeps away, in words; nothing where none does.

    Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax (paths, paths-ignore) ,
    https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows#pull_request
    """
    on = data.get("on")
    for name in ("push", "pull_request"):
        filters = on.get(name) if isinstance(on, Mapping) else None
        if not isinstance(filters, Mapping):
            continue
        what = "a push to main" if name == "push" else "a pull request"
        for file in FILES:
            given, ignored = (_texts(filters.get(key)) for key in ("paths", "paths-ignore"))
            if (given and not matches(given, file)) or (ignored and matches(ignored, file)):
                return (
                    f"{what} that changes {file} alone starts no run (on.{name}.{'paths' if given else 'paths-ignore'})"
                )
        types = _texts(filters.get("types"))
        missing = (
            [] if not types or name == "push" else [t for t in ("opened", "synchronize", "reopened") if t not in types]
        )
        if missing:
            return f"a pull request that is {_TYPES[missing[0]]} starts no run (on.pull_request.types)"
    return ""


_TYPES: Final = {"opened": "opened", "synchronize": "given new commits", "reopened": "opened again"}


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)] if value is not None else []


def every_event(e: Evidence) -> list[Event]:
    """The events that a workflow is judged by, and a push to each other branch that its own file names."""
    on = readable(e, WORKFLOW).get("on")
    push = on.get("push") if isinstance(on, Mapping) else None
    given = push.get("branches") if isinstance(push, Mapping) else None
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    plain = [re.sub(r"\*+", "x", str(name)) for name in names[:MAX_BRANCHES]]
    sha = e.text("commit")
    return events(e.parameters) + [
        Event("branch", sha, branch=name, shown=False)
        for name in dict.fromkeys(plain)
        if name != MAIN and re.fullmatch(r"[\w./-]+", name)
    ]


def names_under(record: Record, image: str) -> list[str]:
    """The names under an image that a run pushes."""
    return [push.name for push in record.pushes if repository(push.name) == repository(image)]


def shown_tag(name: str, image: str) -> str:
    """The tag of a name under the image; the whole name elsewhere."""
    if repository(name) != repository(image):
        return name
    return canonical(name).removeprefix(f"{repository(name)}:")
