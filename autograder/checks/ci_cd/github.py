"""Lab 10: following the GitHub workflow, and what its actions and tags are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from autograder.checks.ci_cd.data import KNOWN, MAIN, Event, events
from autograder.checks.ci_cd.shared import WORKFLOW, readable, refused
from autograder.domain.metadata_action import NotKnownHere, WorkflowError, preview_step
from autograder.domain.metadata_action.steps import Step
from autograder.evidence.model import Evidence
from autograder.pipelines import github
from autograder.pipelines.job_state import Record, Unsupported, canonical, repository

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


def workflow_run(e: Evidence, event: Event, *, gates_fail: bool = False) -> github.Outcome:
    """What the workflow does for an event, when the gates find nothing or (``gates_fail``) something.

    Raises:
        Failure: the file cannot be read or followed.
        NotGraded: the probe did not run.
    """
    data = json.dumps(readable(e, WORKFLOW))
    try:
        return _followed(data, event, e.text("repository"), gates_fail)
    except (Unsupported, WorkflowError, NotKnownHere, RecursionError) as problem:
        raise refused(WORKFLOW, problem) from None


@lru_cache(maxsize=64)  # three checks ask for the same runs
def _followed(data: str, event: Event, repository: str, gates_fail: bool) -> github.Outcome:
    return github.run(json.loads(data), event.run(repository), gates_fail=gates_fail)


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
    return [push.image for push in record.pushes if repository(push.image) == repository(image)]


def shown_tag(name: str, image: str) -> str:
    """The tag of a name under the image; the whole name elsewhere."""
    if repository(name) != repository(image):
        return name
    return canonical(name).removeprefix(f"{repository(name)}:")
