"""The metadata steps of a workflow, and what one of them would give out in a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from autograder.domain.github_actions.conditions import holds
from autograder.domain.github_actions.contexts import Gap, build_contexts, interpolate, merged_environment
from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.evaluate import Known
from autograder.domain.github_actions.run import Run
from autograder.domain.github_actions.triggers import why_no_run
from autograder.domain.limits import Budget
from autograder.domain.metadata_action.context import Context, Repository
from autograder.domain.metadata_action.outputs import Inputs, Preview, preview

RULES_VERSION: Final = "6.2"
_ACTION: Final = re.compile(r"docker/metadata-action(?:@(?P<version>.*))?", re.IGNORECASE)
_INPUTS: Final = ("images", "tags", "flavor", "labels", "annotations")


@dataclass(frozen=True, slots=True)
class Step:
    """A metadata step.

    Attributes:
        job: id of its job; empty in a composite action.
        name: its id, else its name, else its place in the job, from 1.
        version: what stands behind the ``@``.
        inputs: its ``with:``.
        environments: the ``env:`` of workflow, job and step, in this order.
        conditions: the ``if:`` of job and step that are there.
    """

    job: str
    name: str
    version: str
    inputs: Mapping[str, Any]
    environments: tuple[Mapping[str, Any], ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What a step would give out.

    Attributes:
        outputs: None where the step is skipped.
        notes: what a reader should know about the answer, one sentence each.
    """

    outputs: Preview | None
    notes: tuple[str, ...]


def metadata_steps(workflow: object) -> list[Step]:
    """The steps of a workflow, or of a composite action, that use docker/metadata-action.

    Raises:
        ValueError: where the data is no workflow; the message names the place.
    """
    top = _mapping(workflow, "the workflow")
    if "jobs" not in top and "runs" in top:
        runs = _mapping(top["runs"], "runs")
        return list(_steps("", runs, [{}], []))
    found: list[Step] = []
    for name, value in _mapping(top.get("jobs"), "jobs").items():
        job = _mapping(value, f"jobs.{name}")
        environments = [_optional(top.get("env"), "env"), _optional(job.get("env"), f"jobs.{name}.env")]
        conditions = [str(job["if"])] if "if" in job else []
        found += _steps(str(name), job, environments, conditions)
    return found


def _steps(
    job: str, holder: Mapping[str, Any], environments: list[Mapping[str, Any]], conditions: list[str]
) -> list[Step]:
    place = f"jobs.{job}.steps" if job else "runs.steps"
    steps = holder.get("steps") or []
    if not isinstance(steps, list):
        raise ValueError(f"{place} is no list")
    found = []
    for number, value in enumerate(steps, start=1):
        step = _mapping(value, f"{place}[{number}]")
        action = _ACTION.fullmatch(str(step.get("uses") or "").strip())
        if action is None:
            continue
        found.append(
            Step(
                job,
                str(step.get("id") or step.get("name") or number),
                action["version"] or "",
                _optional(step.get("with"), f"{place}[{number}].with"),
                (*environments, _optional(step.get("env"), f"{place}[{number}].env")),
                (*conditions, *([str(step["if"])] if "if" in step else [])),
            )
        )
    return found


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{place} is no mapping")
    return value


def _optional(value: object, place: str) -> Mapping[str, Any]:
    return {} if value is None or value == "" else _mapping(value, place)


def preview_step(workflow: object, step: Step, run: Run, budget: Budget | None = None) -> StepPreview:
    """What ``step`` would give out in ``run``.

    Args:
        workflow: the file's data.
        step: the metadata step.
        run: what is known of the run.
        budget: what the run may still ask for; without it the step is counted on its own.

    Raises:
        WorkflowError: where the action, or GitHub before it, would stop with an error.
        NotKnownHere: where not even the run's ref can be told.
    """
    top = workflow if isinstance(workflow, Mapping) else {}
    budget = budget or Budget(error=WorkflowError)
    notes: list[str] = []
    contexts = build_contexts(run, top, step.job)
    environment = merged_environment(step.environments, contexts, budget)
    contexts["env"] = Known("env", {**environment, **contexts["env"].values})
    reason = why_no_run(top.get("on", top.get(True)), run.event_name, run.ref, _base_branch(run)) if step.job else None
    if reason:
        notes.append(reason)
    for condition in step.conditions:
        try:
            if not holds(condition, contexts, budget=budget):
                return StepPreview(None, (*notes, f"the step is skipped: if: {condition} is false"))
        except NotKnownHere as missing:
            notes.append(f"whether the step runs (if: {condition}) needs {missing.what}")
    gaps: dict[str, Gap] = {}
    texts = {name: interpolate(step.inputs.get(name), contexts, gaps, budget) for name in _INPUTS}
    notes += _version_notes(step)
    if str(step.inputs.get("context") or "") == "git":
        notes.append("context: git takes ref and commit from the checkout; the preview takes the ones it is given")
    settings: dict[str, str] = {}
    for name, value in {**run.environment, **environment}.items():
        if isinstance(value, NotKnownHere):
            if name.startswith("DOCKER_METADATA_"):
                notes.append(f"{name} needs {value.what}; the preview takes its default")
        else:
            settings[name] = str(value)
    context = Context(run.event_name, run.ref, run.sha, run.now, _payload(run), _repository(run, contexts), settings)
    return StepPreview(preview(Inputs(**texts, gaps=gaps), context), tuple(notes))


def _base_branch(run: Run) -> str | None:
    pull_request = (run.payload or {}).get("pull_request")
    base = pull_request.get("base") if isinstance(pull_request, Mapping) else None
    return str(base["ref"]) if isinstance(base, Mapping) and "ref" in base else None


def _payload(run: Run) -> Mapping[str, Any]:
    payload = dict(run.payload or {})
    if run.default_branch is not None:
        payload["repository"] = {**_repository_data(run), "default_branch": run.default_branch}
    return payload


def _repository_data(run: Run) -> Mapping[str, Any]:
    data = (run.payload or {}).get("repository")
    return data if isinstance(data, Mapping) else {}


def _repository(run: Run, contexts: Mapping[str, Known]) -> Repository:
    """From the event, which carries what the API says, else from the repository's name.

    Source: https://docs.github.com/webhooks/webhook-events-and-payloads#push
    """
    data = _repository_data(run)
    name = run.repository.rpartition("/")[2] if run.repository else None
    server = str(contexts["github"].values.get("server_url", "https://github.com"))
    known = Repository(
        name=name, url=f"{server}/{run.repository}" if run.repository else None, default_branch=run.default_branch
    )
    if not data:
        return known
    licence = data.get("license")
    spdx = licence.get("spdx_id") if isinstance(licence, Mapping) else None
    return replace(
        known,
        name=str(data["name"]) if data.get("name") else known.name,
        description=str(data["description"] or "") if "description" in data else None,
        url=str(data["html_url"]) if data.get("html_url") else known.url,
        default_branch=run.default_branch or (str(data["default_branch"]) if data.get("default_branch") else None),
        license=str(spdx or "") if "license" in data else None,
    )


def _version_notes(step: Step) -> list[str]:
    major = re.match(r"v?([0-9]+)(?:\.|\Z)", step.version)
    if major and len(major[1]) < 4 and int(major[1]) < 6:
        return [
            f"the step uses {step.version}; the preview applies the rules of {RULES_VERSION} "
            "(before 6.0 a # anywhere in an input line began a comment)"
        ]
    return []


__all__ = ["Step", "StepPreview", "metadata_steps", "preview_step"]
