"""Lab 10: following the GitLab pipeline, and what it must not do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache

from autograder.checks.api import Failure, expecting
from autograder.checks.ci_cd.data import Event
from autograder.checks.ci_cd.github import FILES
from autograder.checks.ci_cd.shared import (
    PIPELINE,
    listed,
    readable,
    refused,
    require_clear,
    sentence,
)
from autograder.evidence.model import Evidence
from autograder.pipelines import gitlab, runners
from autograder.pipelines.job_state import Finding, Record, Unsupported, canonical


def pipeline_run(e: Evidence, event: Event, finding: Finding | None = None) -> gitlab.Pipeline:
    """What the pipeline does for an event.

    Args:
        e: the evidence.
        event: what starts it.
        finding: what the scanners find in it; nothing without it.

    Raises:
        Failure: the file cannot be read or followed.
        NeedsReview: it holds something that no table says anything of.
        NotGraded: the probe did not run.
    """
    data = json.dumps(readable(e, PIPELINE))
    try:
        done = _followed(data, event, e.text("team"), e.text("model"), finding, "Dockerfile")
    except (Unsupported, RecursionError) as problem:
        raise refused(PIPELINE, problem) from None
    require_clear(done.record, event)
    return done


@lru_cache(maxsize=128)  # two checks ask for the same pipelines
def _followed(data: str, event: Event, team: str, model: str, finding: Finding | None, changed: str) -> gitlab.Pipeline:
    return gitlab.pipeline(json.loads(data), event.variables(team, model), finding=finding, changed=[changed])


def other_files(e: Evidence, event: Event) -> Iterator[tuple[str, gitlab.Pipeline]]:
    """The pipelines of commits that change another file alone, where the file asks what was changed."""
    data = json.dumps(readable(e, PIPELINE))
    if '"changes"' not in data:
        return
    for file in FILES[1:]:
        yield file, _followed(data, event, e.text("team"), e.text("model"), None, file)


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
            if "@sha256:" not in image and not _is_fixed(image):
                raise Failure(
                    f"The job {job.name} uses {image or 'no image of its own'}, which is another one tomorrow."
                    if image
                    else f"The job {job.name} names no image.",
                    "Write a version, the same one for the docker client and its dind service, or a digest.",
                    expected="Images and services of a fixed version.",
                )


def _is_fixed(image: str) -> bool:
    """Whether a tag names one version: the tools' own images count with three numbers, and ``29`` moves on by itself.

    Source: https://github.com/docker-library/docs/blob/master/docker/README.md#supported-tags-and-respective-dockerfile-links
    """
    numbers = re.findall(r"\d+", runners.tag_of(image))
    place = runners.place(image)
    return len(numbers) >= (place.versions if place else 1) or any(len(number) >= 8 for number in numbers)


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
            f"{sentence(record.builds[0][0])} builds.",
            "A second build may give another image than the one that was scanned. Keep the building job "
            "away from tags with rules, and copy by name inside the registry.",
        )
    names = {canonical(push.name) for push in record.pushes}
    if event.kind == "candidate" and not names:
        return  # a team may give names to releases alone
    if names != {canonical(wanted)}:
        raise Failure(
            "Nothing is pushed." if not names else f"Pushed: {listed(names)}.",
            "A job for tags pushes one name. ${NAME#v} in a shell is the value of NAME without a v in front.",
        )
    origins = {push.image.origin or push.image.words for push in record.pushes}
    if origins != {canonical(commit)}:
        raise Failure(
            f"The release is a copy of {listed(origins - {canonical(commit)})}.",
            "Copy from the name that the push on main has given to this commit's image.",
        )
