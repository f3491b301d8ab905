"""Lab 10's judgement of the GitLab pipeline; the checks themselves are in ci_cd.py."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from autograder.checks.api import Failure
from autograder.checks.ci_cd.data import Event, events
from autograder.checks.ci_cd.shared import (
    PIPELINE,
    SHOWN_ROWS,
    SWALLOWED,
    facts_of,
    listed,
    readable,
    refused,
    require_end,
    require_gate,
    require_no_issue,
    require_schema,
    sentence,
)
from autograder.evidence.model import Evidence
from autograder.pipelines import gitlab
from autograder.pipelines.job_state import Record, Unsupported, canonical, repository


def valid(e: Evidence) -> None:
    """The pipeline is valid and uses nothing deprecated.

    Raises:
        Failure: otherwise.
        NotGraded: the probe did not run.
    """
    facts = facts_of(e, PIPELINE)
    require_schema(facts, PIPELINE, "GitLab's")
    data = facts["data"]
    if not gitlab.job_names(data):
        raise Failure(
            expected="A pipeline with jobs.",
            found="The file has none.",
            next_step="Repair the inherited file; with a copy of it kept, the first cell writes it again.",
        )
    old = [("top of the file", key) for key in gitlab.DEPRECATED_TOP if key in data]
    jobs = [name for name, value in data.items() if isinstance(value, Mapping) and name not in gitlab.GLOBAL]
    old += [(f"the job {name}", key) for name in jobs for key in ("only", "except") if key in data[name]]
    if old:
        raise Failure(
            expected="No keyword that GitLab has deprecated.",
            found=f"{len(old)} of them: {', '.join(dict.fromkeys(key for _, key in old))}.",
            next_step="Lesson 10, “A pipeline that can run”, says where each belongs today.",
            table=[("where", "keyword"), *old[:SHOWN_ROWS]],
        )


def _pipeline_run(e: Evidence, event: Event, *, gates_fail: bool = False) -> gitlab.Pipeline:
    data = json.dumps(readable(e, PIPELINE))
    try:
        return _followed(data, event, str(e.parameters["team"]), str(e.parameters["model"]), gates_fail)
    except (Unsupported, RecursionError) as problem:
        raise refused(PIPELINE, problem) from None


@lru_cache(maxsize=64)  # two checks ask for the same pipelines
def _followed(data: str, event: Event, team: str, model: str, gates_fail: bool) -> gitlab.Pipeline:
    return gitlab.pipeline(json.loads(data), event.variables(team, model), gates_fail=gates_fail)


def image_of(e: Evidence, event: Event) -> str:
    """What me.gitlab_image is in a pipeline."""
    predefined = event.variables(str(e.parameters["team"]), str(e.parameters["model"]))
    return gitlab.filled(str(e.parameters["gitlab_image"]), predefined)


def runs(e: Evidence) -> None:
    """Each job of the pipeline could really run.

    Raises:
        Failure: otherwise.
        NotGraded: the probe did not run.
    """
    for event in events(e.parameters):
        done = _pipeline_run(e, event)
        _require_fixed_images(done)
        if event.kind in ("main", "pull_request") and not done.record.builds:
            what = "merge request" if event.kind == "pull_request" else event.words
            raise Failure(
                expected=f"A pipeline for a {what} that builds the image."
                if event.kind == "pull_request"
                else f"A pipeline that builds the image for {what}.",
                found="No job runs at all." if not done.ran else f"These jobs run: {', '.join(done.ran[:6])}.",
                next_step="Look at the rules of the workflow and of the building job: one of them has to hold for such "
                "a pipeline.",
            )
        require_no_issue(done.record, event)
        image = image_of(e, event)
        if event.kind == "main" and not any(repository(push.image) == image for push in done.record.pushes):
            raise Failure(
                expected=f"For {event.words}, a push of me.gitlab_image, which is {image} there.",
                found="Nothing is pushed."
                if not done.record.pushes
                else f"Pushed: {listed(push.image for push in done.record.pushes)}.",
                next_step="Let one job push it, in a pipeline for the default branch.",
            )


def _require_fixed_images(done: gitlab.Pipeline) -> None:
    for job in done.jobs:
        for image in gitlab.images(job):
            tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
            if "@sha256:" not in image and not re.search(r"\d", tag):
                raise Failure(
                    expected="Images and services of a fixed version.",
                    found=f"The job {job.name} uses {image or 'no image of its own'}, which is another one tomorrow."
                    if image
                    else f"The job {job.name} names no image.",
                    next_step="Write a version, the same one for the docker client and its dind service, or a digest.",
                )


def gate(e: Evidence) -> None:
    """The pipeline gates before it pushes, and releases without building again.

    Raises:
        Failure: otherwise.
        NotGraded: the probe did not run.
    """
    for event in events(e.parameters):
        good = _pipeline_run(e, event).record
        ended = _pipeline_run(e, event, gates_fail=True)
        bad = ended.record
        image = image_of(e, event)
        commit = f"{image}:{e.parameters['gitlab_prefix']}{event.sha[:8]}"
        if good.builds and event.kind not in ("release", "candidate"):
            require_gate(good, event)
        decided = [push for push in good.pushes if push.decides]
        if decided:
            raise Failure(
                expected="A push whose job decides with rules whether it runs.",
                found=f"{sentence(decided[0].where)} pushes inside the shell's {decided[0].decides}, which is not "
                "followed here.",
                next_step="Move the decision out of the script into the job's rules.",
            )
        if event.kind in ("release", "candidate"):
            _require_retag(good, event, f"{image}:{event.version}", commit)
            continue
        names = {canonical(push.image) for push in good.pushes}
        if event.kind == "main":
            if names != {canonical(commit)}:
                raise Failure(
                    expected=f"For {event.words}, one push: me.gitlab_image with the tag me.gitlab_prefix and the "
                    "short commit id.",
                    found="Nothing is pushed." if not names else f"Pushed: {listed(names)}.",
                    next_step="The name is made of GitLab's variables, which each pipeline has: compare yours with "
                    "the task's, part by part.",
                )
            late = {canonical(push.image) for push in bad.pushes}
            if late:
                raise Failure(
                    expected="When the gate finds something, nothing is pushed.",
                    found=f"For {event.words}, {sorted(late)[0]} is pushed all the same.",
                    next_step=SWALLOWED
                    if bad.ignored
                    else "Push in a job that comes after the gate: in a later stage, or with the gate among its needs.",
                )
        elif names:
            raise Failure(
                expected=f"Nothing is pushed for {'a merge request' if event.kind == 'pull_request' else event.words}.",
                found=f"Pushed: {listed(names)}.",
                next_step="Give the pushing job rules that hold for the default branch alone.",
            )
        require_end(good, bad, ended.failed, event)


def _require_retag(record: Record, event: Event, wanted: str, commit: str) -> None:
    expected = f"For {event.words}, the commit's image gets the tag {event.version} (no v), and nothing is built."
    if record.builds:
        raise Failure(
            expected=expected,
            found=f"{sentence(record.builds[0])} builds.",
            next_step="A second build may give another image than the one that was scanned. Keep the building job "
            "away from tags with rules, and copy by name inside the registry.",
        )
    names = {canonical(push.image) for push in record.pushes}
    if event.kind == "candidate" and not names:
        return  # a team may give names to releases alone
    if names != {canonical(wanted)}:
        raise Failure(
            expected=expected,
            found="Nothing is pushed." if not names else f"Pushed: {listed(names)}.",
            next_step="A job for tags pushes one name. ${NAME#v} in a shell is the value of NAME without a v in front.",
        )
    origins = {push.origin for push in record.pushes}
    if origins != {canonical(commit)}:
        raise Failure(
            expected=expected,
            found=f"The release is a copy of {listed(origins - {canonical(commit)})}.",
            next_step="Copy from the name that the push on main has given to this commit's image.",
        )
