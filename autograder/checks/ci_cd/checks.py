"""Lab 10, CI/CD: tags foreseen, an inherited GitHub workflow and GitLab pipeline repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from autograder.checks.api import Failure, check, require_answer
from autograder.checks.ci_cd import data as ci_cd_data
from autograder.checks.ci_cd import gitlab as ci_cd_gitlab
from autograder.checks.ci_cd.data import KNOWN, Event, Spec, events, predicted
from autograder.checks.ci_cd.shared import (
    SHOWN_ROWS,
    SWALLOWED,
    WORKFLOW,
    facts_of,
    listed,
    readable,
    refused,
    require_end,
    require_gate,
    require_known,
    require_no_issue,
    require_schema,
    sentence,
)
from autograder.domain.metadata_action import NotKnownHere, WorkflowError, preview_step
from autograder.domain.metadata_action.steps import Step
from autograder.evidence.model import Evidence
from autograder.oci.manifests import is_digest
from autograder.pipelines import github
from autograder.pipelines.job_state import Record, Unsupported, canonical, repository

UNPINNED = "unpinned-uses"  # zizmor's rule that the check of the pins is about
MAX_BRANCHES = 8  # of a workflow's filter, that are looked at
SHA = re.compile(r"[0-9a-f]{40}")
parameters = ci_cd_data.parameters


# -- predictions -----------------------------------------------------------------------------------------------------


def tags_of_rules(e: Evidence, event: Event) -> list[str]:
    """What the inherited metadata step gives for an event."""
    rules: Any = e.parameters["tag_rules"]
    inputs = {"images": e.parameters["image"], "tags": "\n".join(rules)}
    run = event.run(str(e.parameters["repository"]))
    outputs = preview_step({"on": {event.run("a/b").event_name: None}}, Step("", "", "", inputs, (), ()), run).outputs
    return list(outputs.names) if outputs is not None else []


@check(
    "predictions",
    trust="recomputed",
    why="Each rule looks at the event and gives a tag or nothing. Whoever goes through them rule by rule is never "
    "surprised by a tag that moved.",
)
def predictions(e: Evidence) -> None:
    """You foresee the tags of four events"""
    given = require_answer(e, "predictions", "The tags of four events")
    wanted = predicted(e.parameters)
    if not isinstance(given, dict) or set(given) != set(wanted):
        raise Failure(
            expected=f"A dict with the keys {', '.join(wanted)}.",
            found=f"You recorded a value of type {type(given).__name__}."
            if not isinstance(given, dict)
            else f"Your keys are {', '.join(sorted(given))[:200] or 'none'}.",
            next_step='Record all four with answer("predictions", …); each value is a list of tags.',
        )
    rows = []
    for key, event in wanted.items():
        value = given[key]
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise Failure(
                expected="A list of tags for each event.",
                found=f"The value under {key} is no list of texts.",
                next_step="Write the tags as texts in a list; an event without tags has an empty list.",
            )
        right = set(tags_of_rules(e, event))
        mine = {str(tag).strip().removeprefix(f"{e.parameters['image']}:") for tag in value}
        if mine != right:
            rows.append((event.words, listed(mine), f"{len(mine - right)} too many, {len(right - mine)} missing"))
    if rows:
        raise Failure(
            expected="For each event the tags that me.tag_rules give, no more and no fewer.",
            found=f"{len(wanted) - len(rows)} of {len(wanted)} events are right.",
            next_step="Take the first event in the table and go through the rules one by one: does this rule look at "
            "such an event, and what does it add before and behind? At the end ask whether latest comes by itself.",
            table=[("event", "yours", "compared"), *rows],
        )


# -- the workflow ----------------------------------------------------------------------------------------------------


@check(
    "workflow-valid",
    trust="recomputed",
    why="A schema finds what GitHub would refuse, and zizmor what it would run although it is dangerous. Both take a "
    "second, before anything is pushed.",
)
def workflow_valid(e: Evidence) -> None:
    """The workflow is valid, and zizmor finds nothing above low"""
    facts = facts_of(e, WORKFLOW)
    require_schema(facts, WORKFLOW, "GitHub's")
    found = [row for row in facts.get("findings", ()) if row["rule"] != UNPINNED]
    if found:
        raise Failure(
            expected="No finding of zizmor of medium or high severity.",
            found=f"{len(found)} such finding{'s' if len(found) != 1 else ''}; comments that silence it do not count.",
            next_step="Run zizmor --offline github-build.yml in a terminal: it shows each line and a page that "
            "explains the rule. Lesson 10 reads the complete workflow part by part.",
            table=[
                ("line", "rule", "severity", "what"),
                *((str(row["line"]), row["rule"], row["severity"], row["what"]) for row in found[:SHOWN_ROWS]),
            ],
        )


@check(
    "workflow-pinned",
    trust="recomputed",
    why="A tag of an action names whatever its owner, or whoever broke in, puts there next. A commit's SHA names one "
    "content for ever.",
)
def workflow_pinned(e: Evidence) -> None:
    """Every action is pinned to a full commit SHA"""
    data = readable(e, WORKFLOW)
    used = list(github.uses(data))
    rows = [(where, what, why) for where, what in used if (why := _unpinned(what))]
    if rows:
        raise Failure(
            expected="OWNER/ACTION@ and 40 hexadecimal digits for every action (for docker:// a digest).",
            found=f"{len(rows)} of {len(used)} {'is' if len(rows) == 1 else 'are'} not pinned.",
            next_step="Take the SHA of the release that you want from the action's repository; lesson 10 lists those "
            "it uses. Write the version behind it as a comment.",
            table=[("where", "uses", "what is wrong"), *((w, u[:90], y) for w, u, y in rows[:SHOWN_ROWS])],
        )
    if not used:
        raise Failure(
            expected="A workflow that uses actions.",
            found="It uses none, so there is nothing to pin.",
            next_step="Repair the inherited workflow; at least the checkout and the tags come from actions.",
        )


def _unpinned(text: str) -> str:
    """Why a ``uses`` is not pinned; nothing where it is."""
    if text.startswith("./"):
        return ""
    if text.startswith("docker://"):
        return "" if is_digest(text.partition("@")[2]) else "an image by tag"
    name, at, version = text.partition("@")
    if not at:
        return "no version at all"
    if not SHA.fullmatch(version):
        short = re.fullmatch(r"[0-9a-f]{7,39}", version)
        return "a shortened SHA" if short else f"{version[:40]} is a tag or a branch, and can be moved"
    action = "/".join(name.lower().split("/")[:2])
    owner = next((other for other, known in KNOWN.items() if version in known), None)
    return f"that commit is {KNOWN[owner][version]} of {owner}" if owner is not None and owner != action else ""


def _workflow_run(e: Evidence, event: Event, *, gates_fail: bool = False) -> github.Outcome:
    data = json.dumps(readable(e, WORKFLOW))
    try:
        return _followed(data, event, str(e.parameters["repository"]), gates_fail)
    except (Unsupported, WorkflowError, NotKnownHere, RecursionError) as problem:
        raise refused(WORKFLOW, problem) from None


@lru_cache(maxsize=64)  # three checks ask for the same runs
def _followed(data: str, event: Event, repository: str, gates_fail: bool) -> github.Outcome:
    return github.run(json.loads(data), event.run(repository), gates_fail=gates_fail)


def _every_event(e: Evidence) -> list[Event]:
    """The events that a workflow is judged by, and a push to each other branch that its own file names."""
    found, on = events(e.parameters), readable(e, WORKFLOW).get("on")
    push = on.get("push") if isinstance(on, Mapping) else None
    given = push.get("branches") if isinstance(push, Mapping) else None
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    plain = [re.sub(r"\*+", "x", str(name)) for name in names[:MAX_BRANCHES]]
    sha = str(e.parameters["commit"])
    return found + [
        Event("branch", sha, branch=name, shown=False)
        for name in dict.fromkeys(plain)
        if name != ci_cd_data.MAIN and re.fullmatch(r"[\w./-]+", name)
    ]


def _to_image(record: Record, image: str) -> list[str]:
    """The names under an image that a run pushes."""
    return [push.image for push in record.pushes if repository(push.image) == repository(image)]


@check(
    "workflow-runs",
    trust="recomputed",
    why="A run begins with nothing: no login, no files, no rights but those that the job states. What it needs, it "
    "brings along or is given.",
)
def workflow_runs(e: Evidence) -> None:
    """The workflow could really run, for pull requests as well"""
    image = str(e.parameters["image"])
    for event in _every_event(e):
        outcome = _workflow_run(e, event)
        needed = event.kind in ("main", "release", "pull_request", "candidate")
        if needed and (outcome.not_started or not outcome.record.builds):
            raise Failure(
                expected=f"A run that builds the image for {event.words}.",
                found=f"No run: {outcome.not_started}." if outcome.not_started else "The run builds nothing.",
                next_step="Say under `on` which events start the workflow, and let the build run for each of them.",
            )
        if outcome.secrets:
            where, name = next(iter(outcome.secrets.items()))
            raise Failure(
                expected=f"No stored secret: {image} takes the token that each run has.",
                found=f"{sentence(where)} uses the secret {name}. Somebody has to store it, it does not end by "
                "itself, and a pull request from a fork never gets it.",
                next_step="Log in to GitHub's own registry with the run's own token. Lesson 10, “A workflow that gates "
                "before it pushes”, has that login.",
            )
        require_known(outcome.record)
        if event.kind == "main" and not _to_image(outcome.record, image):
            raise Failure(
                expected=f"For {event.words}, a push of {image}.",
                found="Nothing is pushed."
                if not outcome.record.pushes
                else f"Pushed: {listed(push.image for push in outcome.record.pushes)}.",
                next_step="Name the image as me.image does: registry, owner and image, in the metadata step or where "
                "you push.",
            )
        if event.kind == "pull_request" and event.fork and outcome.record.pushes:
            raise Failure(
                expected="A pull request from a fork pushes nothing.",
                found=f"{sentence(outcome.record.pushes[0].where)} pushes, and a fork's run has a token that "
                "may only read.",
                next_step="Let the push run only for events that are no pull request.",
            )
        require_no_issue(outcome.record, event)


@check(
    "workflow-gate",
    trust="recomputed",
    why="Whatever comes after a step that fails is not run. So the place of the gate decides what a finding can still "
    "stop.",
)
def workflow_gate(e: Evidence) -> None:
    """Nothing is pushed before the gate has passed"""
    image = str(e.parameters["image"])
    pushed = False
    for event in _every_event(e):
        good = _workflow_run(e, event)
        if good.not_started:
            continue
        if good.record.builds:
            require_gate(good.record, event)
        bad = _workflow_run(e, event, gates_fail=True)
        names = _to_image(bad.record, image)
        pushed = pushed or bool(_to_image(good.record, image))
        if names:
            raise Failure(
                expected=f"When the gate finds something, nothing of {image} is pushed.",
                found=f"For {event.words}, {names[0]} is pushed all the same.",
                next_step=SWALLOWED
                if bad.record.ignored
                else "Put the gate between a build that stays in the runner and the push: in the same job before "
                "it, or in a job that the pushing job needs. Conditions such as always() undo that.",
            )
        require_end(good.record, bad.record, bad.failed, event)
    if not pushed:
        require_known(_workflow_run(e, events(e.parameters)[0]).record)
        raise Failure(
            expected=f"A workflow that pushes {image} once its gate has passed.",
            found="It never pushes that image.",
            next_step="Repair the push: name the image that me.image gives.",
        )


@check(
    "workflow-tags",
    trust="recomputed",
    why="The rules turn an event into tags, and no person has to. What a candidate must not move, no rule moves.",
)
def workflow_tags(e: Evidence) -> None:
    """Each event pushes the tags that your team's rules ask for"""
    image, spec = str(e.parameters["image"]), Spec.of(e.parameters)
    rows: list[tuple[Event, set[str], set[str]]] = []
    hidden: list[tuple[Event, set[str], set[str]]] = []
    for event in _every_event(e):
        outcome = _workflow_run(e, event)
        require_known(outcome.record)
        names = [push.image for push in outcome.record.pushes]
        decided = [push for push in outcome.record.pushes if push.decides]
        if decided:
            raise Failure(
                expected="A push whose step decides with `if` whether it runs.",
                found=f"{sentence(decided[0].where)} pushes inside the shell's {decided[0].decides}, which is not "
                "followed here.",
                next_step="Move the decision out of the script into the step's or job's own `if`.",
            )
        mine = {_shown_tag(name, image) for name in names}
        right = spec.tags(event)
        if mine != right:
            (rows if event.shown else hidden).append((event, mine, right))
    if rows:
        raise Failure(
            expected=f"For each event the tags of {image} that me.rules ask for, and no other push.",
            found=f"{len(rows)} of the {len(predicted(e.parameters))} events push something else.",
            next_step="`python3 course.py tags preview` with github-build.yml, the event and its ref shows which rule "
            "gave which tag. Lesson 10, “Which tags does it make?”.",
            table=[
                ("event", "asked for", "yours"),
                *((event.words, listed(right), listed(mine)) for event, mine, right in rows[:SHOWN_ROWS]),
            ],
        )
    if hidden:
        raise Failure(
            expected=f"The tags of {image} that me.rules ask for, for events that you were not shown as well.",
            found="Wrong for another event of this kind: "
            + "; ".join(dict.fromkeys(KINDS[event.kind] for event, _, _ in hidden))
            + ".",
            next_step="Write rules for kinds of events, not for the commit and the versions that you see.",
        )


KINDS: Mapping[str, str] = {
    "main": "a push to main",
    "release": "a release",
    "candidate": "a candidate",
    "pull_request": "a pull request",
    "branch": "a push to another branch",
}


def _shown_tag(name: str, image: str) -> str:
    """The tag of a name under the image; the whole name elsewhere."""
    if repository(name) != repository(image):
        return name
    return canonical(name).removeprefix(f"{repository(name)}:")


# -- the pipeline ----------------------------------------------------------------------------------------------------


@check(
    "pipeline-valid",
    trust="recomputed",
    why="Deprecated keywords still work, until they do not, and two ways to say when a job runs are never mixed well.",
)
def pipeline_valid(e: Evidence) -> None:
    """The pipeline is valid and uses nothing deprecated"""
    ci_cd_gitlab.valid(e)


@check(
    "pipeline-runs",
    trust="recomputed",
    why="Each job of GitLab is a new container beside new services. Daemon, login and files are there when the job "
    "brings them, and at no other time.",
)
def pipeline_runs(e: Evidence) -> None:
    """Each job of the pipeline could really run"""
    ci_cd_gitlab.runs(e)


@check(
    "pipeline-gate",
    trust="recomputed",
    why="What was scanned is what gets the release's name: the same image under another tag, and no second build that "
    "might give another one.",
)
def pipeline_gate(e: Evidence) -> None:
    """The pipeline gates before it pushes, and releases without building again"""
    ci_cd_gitlab.gate(e)
