"""Lab 10, CI/CD: tags foreseen, an inherited GitHub workflow and GitLab pipeline repaired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from autograder.checks.api import Failure, check, require_answer
from autograder.checks.ci_cd.data import Event, Spec, events, predicted
from autograder.checks.ci_cd.data import parameters as parameters  # every lab's module has them
from autograder.checks.ci_cd.github import (
    KINDS,
    every_event,
    kept_away,
    names_under,
    shown_tag,
    tags_of_rules,
    unpinned,
    workflow_run,
)
from autograder.checks.ci_cd.gitlab import image_of, other_files, pipeline_run, require_fixed_images, require_retag
from autograder.checks.ci_cd.shared import (
    PIPELINE,
    SHOWN_ROWS,
    WORKFLOW,
    facts_of,
    listed,
    readable,
    require_gate,
    require_known,
    require_no_issue,
    require_ran,
    require_schema,
    sentence,
)
from autograder.evidence.model import Evidence
from autograder.pipelines import github, gitlab
from autograder.pipelines.job_state import Finding, Record, canonical, repository

UNPINNED = "unpinned-uses"  # zizmor's rule that the check of the pins is about


@check(
    "predictions",
    trust="recomputed",
    expected="For each event the tags that me.tag_rules give, no more and no fewer.",
    why="Each rule looks at the event and gives a tag or nothing. Whoever goes through them rule by rule is never "
    "surprised by a tag that moved.",
)
def predictions(e: Evidence) -> None:
    """You foresee the tags of four events"""
    given = require_answer(e, "predictions", "The tags of four events")
    wanted = predicted(e.parameters)
    if not isinstance(given, dict) or set(given) != set(wanted):
        raise Failure(
            f"You recorded a value of type {type(given).__name__}."
            if not isinstance(given, dict)
            else f"Your keys are {', '.join(sorted(given))[:200] or 'none'}.",
            'Record all four with answer("predictions", …); each value is a list of tags.',
            expected=f"A dict with the keys {', '.join(wanted)}.",
        )
    rows = []
    for key, event in wanted.items():
        value = given[key]
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise Failure(
                f"The value under {key} is no list of texts.",
                "Write the tags as texts in a list; an event without tags has an empty list.",
                expected="A list of tags for each event.",
            )
        right = set(tags_of_rules(e, event))
        mine = {str(tag).strip().removeprefix(f"{e.parameters['image']}:") for tag in value}
        if mine != right:
            rows.append((event.words, listed(mine), f"{len(mine - right)} too many, {len(right - mine)} missing"))
    if rows:
        raise Failure(
            f"{len(wanted) - len(rows)} of {len(wanted)} events are right.",
            "Take the first event in the table and go through the rules one by one: does this rule look at "
            "such an event, and what does it add before and behind? At the end ask whether latest comes by itself.",
            table=[("event", "yours", "compared"), *rows],
        )


@check(
    "workflow-valid",
    trust="recomputed",
    expected="No finding of zizmor of medium or high severity.",
    why="A schema finds what GitHub would refuse, and zizmor what it would run although it is dangerous. Both take a "
    "second, before anything is pushed.",
)
def workflow_valid(e: Evidence) -> None:
    """The workflow is valid, and zizmor finds nothing above low"""
    facts = facts_of(e, WORKFLOW)
    require_schema(facts, WORKFLOW, "GitHub's")
    findings = [row for row in facts.get("findings", ()) if row["rule"] != UNPINNED]
    if findings:
        raise Failure(
            f"{len(findings)} such finding{'s' if len(findings) != 1 else ''}; comments that silence it do not count.",
            "Run zizmor --offline github-build.yml in a terminal: it shows each line and a page that "
            "explains the rule. Lesson 10 reads the complete workflow part by part.",
            table=[
                ("line", "rule", "severity", "what"),
                *((str(row["line"]), row["rule"], row["severity"], row["what"]) for row in findings[:SHOWN_ROWS]),
            ],
        )


@check(
    "workflow-pinned",
    trust="recomputed",
    expected="OWNER/ACTION@ and 40 hexadecimal digits for every action (for docker:// a digest).",
    why="A tag of an action names whatever its owner, or whoever broke in, puts there next. A commit's SHA names one "
    "content for ever.",
)
def workflow_pinned(e: Evidence) -> None:
    """Every action is pinned to a full commit SHA"""
    data = readable(e, WORKFLOW)
    used = list(github.uses(data))
    rows = [(where, what, why) for where, what in used if (why := unpinned(what))]
    if rows:
        raise Failure(
            f"{len(rows)} of {len(used)} {'is' if len(rows) == 1 else 'are'} not pinned.",
            "Take the SHA of the release that you want from the action's repository; lesson 10 lists those "
            "it uses. Write the version behind it as a comment.",
            table=[("where", "uses", "what is wrong"), *((w, u[:90], y) for w, u, y in rows[:SHOWN_ROWS])],
        )
    if not used:
        raise Failure(
            "It uses none, so there is nothing to pin.",
            "Repair the inherited workflow; at least the checkout and the tags come from actions.",
            expected="A workflow that uses actions.",
        )


@check(
    "workflow-runs",
    trust="recomputed",
    why="A run begins with nothing: no login, no files, no rights but those that the job states. What it needs, it "
    "brings along or is given.",
)
def workflow_runs(e: Evidence) -> None:
    """The workflow could really run, for pull requests as well"""
    image = e.text("image")
    away = kept_away(readable(e, WORKFLOW))
    if away:
        raise Failure(
            f"{sentence(away)}.",
            "Take the filter away: what is built and scanned must not depend on which files a commit touches.",
            expected="A run for every push to main, every version tag and every pull request.",
        )
    for event in every_event(e):
        outcome = workflow_run(e, event)
        needed = event.kind in ("main", "release", "pull_request", "candidate")
        if outcome.failed:
            require_no_issue(outcome.record, event)
        if needed and (outcome.not_started or not outcome.record.builds):
            raise Failure(
                f"No run: {outcome.not_started}." if outcome.not_started else "The run builds nothing.",
                "Say under `on` which events start the workflow, and let the build run for each of them.",
                expected=f"A run that builds the image for {event.words}.",
            )
        if outcome.secrets:
            where, name = next(iter(outcome.secrets.items()))
            raise Failure(
                f"{sentence(where)} uses the secret {name}. Somebody has to store it, it does not end by "
                "itself, and a pull request from a fork never gets it.",
                "Log in to GitHub's own registry with the run's own token. Lesson 10, “A workflow that gates "
                "before it pushes”, has that login.",
                expected=f"No stored secret: {image} takes the token that each run has.",
            )
        require_known(outcome.record)
        if event.kind == "main" and not names_under(outcome.record, image):
            raise Failure(
                "Nothing is pushed."
                if not outcome.record.pushes
                else f"Pushed: {listed(push.name for push in outcome.record.pushes)}.",
                "Name the image as me.image does: registry, owner and image, in the metadata step or where you push.",
                expected=f"For {event.words}, a push of {image}.",
            )
        if event.kind == "pull_request" and event.fork and outcome.record.pushes:
            raise Failure(
                f"{sentence(outcome.record.pushes[0].where)} pushes, and a fork's run has a token that may only read.",
                "Let the push run only for events that are no pull request.",
                expected="A pull request from a fork pushes nothing.",
            )
        require_no_issue(outcome.record, event)


@check(
    "workflow-gate",
    trust="recomputed",
    expected="When the gate finds something, nothing of {image} is pushed.",
    why="Whatever comes after a step that fails is not run. So the place of the gate decides what a finding can still "
    "stop.",
)
def workflow_gate(e: Evidence) -> None:
    """Nothing is pushed before the gate has passed"""
    image, spec = e.text("image"), Spec.of(e.parameters)
    pushed = False
    for event in every_event(e):
        good = workflow_run(e, event)
        if good.not_started:
            continue
        require_ran(good.record, good.failed, event)
        pushed = pushed or bool(names_under(good.record, image))
        if good.record.builds or good.record.pushes:
            require_gate(
                good.record,
                partial(_ended, workflow_run, e, event),
                event,
                image,
                f"{image}:{spec.commit}{event.sha[:7]}",
            )
    if not pushed:
        require_known(workflow_run(e, events(e.parameters)[0]).record)
        raise Failure(
            "It never pushes that image.",
            "Repair the push: name the image that me.image gives.",
            expected=f"A workflow that pushes {image} once its gate has passed.",
        )


@check(
    "workflow-tags",
    trust="recomputed",
    expected="For each event the tags of {image} that me.rules ask for, and no other push.",
    why="The rules turn an event into tags, and no person has to. What a candidate must not move, no rule moves.",
)
def workflow_tags(e: Evidence) -> None:
    """Each event pushes the tags that your team's rules ask for"""
    image, spec = e.text("image"), Spec.of(e.parameters)
    rows: list[tuple[Event, set[str], set[str]]] = []
    hidden: list[tuple[Event, set[str], set[str]]] = []
    for event in every_event(e):
        outcome = workflow_run(e, event)
        require_ran(outcome.record, outcome.failed, event)
        require_known(outcome.record)
        names = [push.name for push in outcome.record.pushes]
        mine = {shown_tag(name, image) for name in names}
        right = spec.tags(event)
        if mine != right:
            (rows if event.shown else hidden).append((event, mine, right))
    if rows:
        raise Failure(
            f"{len(rows)} of the {len(predicted(e.parameters))} events push something else.",
            "`python3 course.py tags preview` with github-build.yml, the event and its ref shows which rule gave which "
            "tag. Lesson 10, “Which tags does it make?”.",
            table=[
                ("event", "asked for", "yours"),
                *((event.words, listed(right), listed(mine)) for event, mine, right in rows[:SHOWN_ROWS]),
            ],
        )
    if hidden:
        raise Failure(
            "Wrong for another event of this kind: "
            + "; ".join(dict.fromkeys(KINDS[event.kind] for event, _, _ in hidden))
            + ".",
            "Write rules for kinds of events, not for the commit and the versions that you see.",
            expected=f"The tags of {image} that me.rules ask for, for events that you were not shown as well.",
        )


@check(
    "pipeline-valid",
    trust="recomputed",
    expected="No keyword that GitLab has deprecated.",
    why="Deprecated keywords still work, until they do not, and two ways to say when a job runs are never mixed well.",
)
def pipeline_valid(e: Evidence) -> None:
    """The pipeline is valid and uses nothing deprecated"""
    facts = facts_of(e, PIPELINE)
    require_schema(facts, PIPELINE, "GitLab's")
    data = facts["data"]
    if not gitlab.job_names(data):
        raise Failure(
            "The file has none.",
            "Repair the inherited file; with a copy of it kept, the first cell writes it again.",
            expected="A pipeline with jobs.",
        )
    old = [("top of the file", key) for key in gitlab.DEPRECATED_TOP if key in data]
    jobs = [name for name, value in data.items() if isinstance(value, Mapping) and name not in gitlab.GLOBAL]
    old += [(f"the job {name}", key) for name in jobs for key in ("only", "except") if key in data[name]]
    if old:
        raise Failure(
            f"{len(old)} of them: {', '.join(dict.fromkeys(key for _, key in old))}.",
            "Lesson 10, “A pipeline that can run”, says where each belongs today.",
            table=[("where", "keyword"), *old[:SHOWN_ROWS]],
        )


@check(
    "pipeline-runs",
    trust="recomputed",
    why="Each job of GitLab is a new container beside new services. Daemon, login and files are there when the job "
    "brings them, and at no other time.",
)
def pipeline_runs(e: Evidence) -> None:
    """Each job of the pipeline could really run"""
    for event in events(e.parameters):
        done = pipeline_run(e, event)
        require_fixed_images(done)
        if done.failed:
            require_no_issue(done.record, event)
        if event.kind in ("main", "pull_request") and not done.record.builds:
            what = "merge request" if event.kind == "pull_request" else event.words
            raise Failure(
                "No job runs at all." if not done.ran else f"These jobs run: {', '.join(done.ran[:6])}.",
                "Look at the rules of the workflow and of the building job: one of them has to hold for such "
                "a pipeline.",
                expected=f"A pipeline for a {what} that builds the image."
                if event.kind == "pull_request"
                else f"A pipeline that builds the image for {what}.",
            )
        for file, other in other_files(e, event):
            if sorted(other.ran) != sorted(done.ran):
                left = sorted({*done.ran} ^ {*other.ran})
                raise Failure(
                    f"For {event.words} that changes {file} alone, other jobs run: not {', '.join(left[:6])}.",
                    "Take `changes` out of the rules: what is built and scanned must not depend on the files that a "
                    "commit touches.",
                    expected="The same jobs for every commit.",
                )
        require_no_issue(done.record, event)
        image = image_of(e, event)
        if event.kind == "main" and not any(repository(push.name) == image for push in done.record.pushes):
            raise Failure(
                "Nothing is pushed."
                if not done.record.pushes
                else f"Pushed: {listed(push.name for push in done.record.pushes)}.",
                "Let one job push it, in a pipeline for the default branch.",
                expected=f"For {event.words}, a push of me.gitlab_image, which is {image} there.",
            )


@check(
    "pipeline-gate",
    trust="recomputed",
    expected="When the gate finds something, nothing is pushed.",
    why="What was scanned is what gets the release's name: the same image under another tag, and no second build that "
    "might give another one.",
)
def pipeline_gate(e: Evidence) -> None:
    """The pipeline gates before it pushes, and releases without building again"""
    for event in events(e.parameters):
        done = pipeline_run(e, event)
        good = done.record
        image = image_of(e, event)
        commit = f"{image}:{e.parameters['gitlab_prefix']}{event.sha[:8]}"
        require_ran(good, done.failed, event)
        if event.kind in ("release", "candidate"):
            require_retag(good, event, f"{image}:{event.version}", commit)
            continue
        names = {canonical(push.name) for push in good.pushes}
        if event.kind == "main":
            if names != {canonical(commit)}:
                raise Failure(
                    "Nothing is pushed." if not names else f"Pushed: {listed(names)}.",
                    "The name is made of GitLab's variables, which each pipeline has: compare yours with "
                    "the task's, part by part.",
                    expected=f"For {event.words}, one push: me.gitlab_image with the tag me.gitlab_prefix and the "
                    "short commit id.",
                )
        elif names:
            raise Failure(
                f"Pushed: {listed(names)}.",
                "Give the pushing job rules that hold for the default branch alone.",
                expected=f"Nothing is pushed for {'a merge request' if event.kind == 'pull_request' else event.words}.",
            )
        if good.builds:
            require_gate(good, partial(_ended, pipeline_run, e, event), event, "", commit)


def _ended(
    follow: Callable[[Evidence, Event, Finding | None], github.Outcome | gitlab.Pipeline],
    e: Evidence,
    event: Event,
    finding: Finding,
) -> tuple[Record, bool]:
    """What happens in a run with a finding, and whether it fails."""
    run = follow(e, event, finding)
    return run.record, run.failed
