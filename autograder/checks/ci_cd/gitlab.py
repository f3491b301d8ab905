"""Lab 10: following the GitLab pipeline, and what it must not do."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from autograder.checks.api import Failure, expecting
from autograder.checks.ci_cd.data import Event
from autograder.checks.ci_cd.shared import (
    PIPELINE,
    listed,
    readable,
    refused,
    sentence,
)
from autograder.evidence.model import Evidence
from autograder.pipelines import gitlab
from autograder.pipelines.job_state import Record, Unsupported, canonical


def pipeline_run(e: Evidence, event: Event, *, gates_fail: bool = False) -> gitlab.Pipeline:
    """What the pipeline does for an event, when the gates find nothing or (``gates_fail``) something.

    Raises:
        Failure: the file cannot be read or followed.
        NotGraded: the probe did not run.
    """
    data = json.dumps(readable(e, PIPELINE))
    try:
        return _followed(data, event, e.text("team"), e.text("model"), gates_fail)
    except (Unsupported, RecursionError) as problem:
        raise refused(PIPELINE, problem) from None


@lru_cache(maxsize=64)  # two checks ask for the same pipelines
def _followed(data: str, event: Event, team: str, model: str, gates_fail: bool) -> gitlab.Pipeline:
    return gitlab.pipeline(json.loads(data), event.variables(team, model), gates_fail=gates_fail)


def image_of(e: Evidence, event: Event) -> str:
    """What me.gitlab_image is in a pipeline."""
    predefined = event.variables(e.text("team"), e.text("model"))
    return gitlab.filled(e.text("gitlab_image"), predefined)


def require_fixed_images(done: gitlab.Pipeline) -> None:
    """Every job and service names an image of a fixed version.

    Raises:
        Failure: one does not.
    """
    for job in done.jobs:
        for image in gitlab.images(job):
            tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and not re.search(r"\d", tag):
                raise Failure(
                    f"The job {job.name} uses {image or 'no image of its own'}, which is another one tomorrow."
                    if image
                    else f"The job {job.name} names no image.",
                    "Write a version, the same one for the docker client and its dind service, or a digest.",
                    expected="Images and services of a fixed version.",
                )


def require_retag(record: Record, event: Event, wanted: str, commit: str) -> None:
    """A release is the commit's image under another name.

    Args:
        record: what the pipeline does.
        event: the release or candidate.
        wanted: the name that it gets.
        commit: the name that the push on main gave to the image.

    Raises:
        Failure: something is built, or another image is pushed, or under another name.
    """
    with expecting(f"For {event.words}, the commit's image gets the tag {event.version} (no v), and nothing is built."):
        _require_copy(record, event, wanted, commit)


def _require_copy(record: Record, event: Event, wanted: str, commit: str) -> None:
    if record.builds:
        raise Failure(
            f"{sentence(record.builds[0])} builds.",
            "A second build may give another image than the one that was scanned. Keep the building job "
            "away from tags with rules, and copy by name inside the registry.",
        )
    names = {canonical(push.image) for push in record.pushes}
    if event.kind == "candidate" and not names:
        return  # a team may give names to releases alone
    if names != {canonical(wanted)}:
        raise Failure(
            "Nothing is pushed." if not names else f"Pushed: {listed(names)}.",
            "A job for tags pushes one name. ${NAME#v} in a shell is the value of NAME without a v in front.",
        )
    origins = {push.origin for push in record.pushes}
    if origins != {canonical(commit)}:
        raise Failure(
            f"The release is a copy of {listed(origins - {canonical(commit)})}.",
            "Copy from the name that the push on main has given to this commit's image.",
        )
