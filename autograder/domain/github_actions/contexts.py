"""The contexts of GitHub's expressions for a previewed run: what is known, what a run alone would know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from autograder.domain.github_actions.errors import NotKnownHere, WorkflowError
from autograder.domain.github_actions.evaluate import Known, evaluate, text_of
from autograder.domain.github_actions.expressions import segments
from autograder.domain.github_actions.run import Run
from autograder.domain.limits import Budget

SOURCE: Final = "https://docs.github.com/actions/reference/workflows-and-actions/contexts"
_NAMES: Final = ("vars", "secrets", "steps", "needs", "matrix", "strategy", "job", "jobs", "runner")
CONTEXTS: Final = (*_NAMES, "env", "github", "inputs")
_FIRST_GAP: Final = 0xE000
_LAST_GAP: Final = 0xF8FF


@dataclass(frozen=True, slots=True)
class Gap:
    """An expression without a value here.

    Attributes:
        expression: as it was written, ``${{ secrets.USER }}``.
        needs: what it needs, as a noun phrase.
    """

    expression: str
    needs: str


def build_contexts(run: Run, workflow: Mapping[Any, Any], job: str) -> dict[str, Known]:
    """Every context a step's expressions can name; ``env`` holds only given values yet. Source: SOURCE"""
    given = _tree(run.given)
    contexts = {name: Known(name, given.get(name, {})) for name in _NAMES}
    contexts["env"] = Known("env", given.get("env", {}))
    contexts["github"] = Known("github", {**_github(run, workflow, job), **run.github, **given.get("github", {})})
    contexts["inputs"] = _inputs(run, workflow, given.get("inputs", {}))
    return contexts


def _tree(given: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
    """Dotted paths as contexts within contexts; of two that run into each other the longer one wins."""
    nested: dict[str, Any] = {}
    for path, value in sorted(given.items()):
        *keys, last = path.split(".")
        level = nested
        for key in keys:
            if not isinstance(level.get(key), dict):
                level[key] = {}
            level = level[key]
        level[last] = value

    def wrapped(name: str, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return Known(name, {key: wrapped(f"{name}.{key}", below) for key, below in value.items()})

    found = {name: wrapped(name, value) for name, value in nested.items()}
    return {name: known.values for name, known in found.items() if isinstance(known, Known)}


def _github(run: Run, workflow: Mapping[Any, Any], job: str) -> dict[str, Any]:
    kind, _, name = run.ref.removeprefix("refs/").partition("/")
    known: dict[str, Any] = {
        "event_name": run.event_name,
        "ref": run.ref,
        "ref_name": name,
        "ref_type": "tag" if kind == "tags" else "branch",
        "server_url": "https://github.com",
        "api_url": "https://api.github.com",
        "graphql_url": "https://api.github.com/graphql",
        "event": _event(run),
    }
    if job:
        known["job"] = job
    if "name" in workflow:
        known["workflow"] = str(workflow["name"])
    if run.sha is not None:
        known["sha"] = run.sha
    if run.repository is not None:
        known["repository"] = run.repository
        known["repository_owner"] = run.repository.partition("/")[0]
    return known | _pull_request_refs(run)


def _pull_request_refs(run: Run) -> dict[str, str]:
    """``head_ref`` and ``base_ref``: the branches of a pull request, empty in any other event."""
    if "pull_request" not in run.event_name:
        return {"head_ref": "", "base_ref": ""}
    pull_request = (run.payload or {}).get("pull_request")
    found = {}
    for name in ("head", "base"):
        side = pull_request.get(name) if isinstance(pull_request, Mapping) else None
        if isinstance(side, Mapping) and "ref" in side:
            found[f"{name}_ref"] = str(side["ref"])
    return found


def _event(run: Run) -> Known:
    values = dict(run.payload or {})
    if run.default_branch is not None:
        repository = values.get("repository")
        whole = isinstance(repository, Mapping)
        known = {**(repository if isinstance(repository, Mapping) else {}), "default_branch": run.default_branch}
        values["repository"] = Known("github.event.repository", known, complete=whole)
    return Known("github.event", values, complete=run.payload is not None)


def _inputs(run: Run, workflow: Mapping[Any, Any], given: Mapping[str, Any]) -> Known:
    """The inputs of workflow_dispatch: from the event, else their defaults; null in events that have none."""
    triggers = workflow.get("on", workflow.get(True))
    triggers = triggers if isinstance(triggers, Mapping) else {}
    if run.event_name != "workflow_dispatch":  # null, unless a caller gives them
        return Known("inputs", given, complete="workflow_call" not in triggers and "runs" not in workflow)
    dispatch = triggers.get("workflow_dispatch")
    declared = dispatch.get("inputs") if isinstance(dispatch, Mapping) else None
    settings = {str(name): value for name, value in declared.items()} if isinstance(declared, Mapping) else {}
    defaults = {name: value["default"] for name, value in settings.items() if _holds_default(value)}
    sent = (run.payload or {}).get("inputs")
    values = {**defaults, **(sent if isinstance(sent, Mapping) else {})}
    for name, value in values.items():
        if isinstance(settings.get(name), Mapping) and settings[name].get("type") == "boolean":
            values[name] = str(value).lower() == "true"
    return Known("inputs", {**values, **given})


def _holds_default(settings: object) -> bool:
    return isinstance(settings, Mapping) and "default" in settings


def merged_environment(
    layers: Sequence[Mapping[str, Any]], contexts: Mapping[str, Known], budget: Budget | None = None
) -> dict[str, Any]:
    """The ``env:`` blocks of workflow, job and step, later ones first. A value that is not known stays as the reason.

    Args:
        layers: the blocks.
        contexts: what their expressions can name.
        budget: as for :func:`interpolate`.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#env
    """
    budget = budget or Budget(error=WorkflowError)
    merged: dict[str, Any] = {}
    for layer in layers:
        visible = {**contexts, "env": Known("env", {**merged, **contexts["env"].values})}
        for name, value in layer.items():
            gaps: dict[str, Gap] = {}
            text = interpolate(value, visible, gaps, budget)
            merged[str(name)] = NotKnownHere(next(iter(gaps.values())).needs) if gaps else text
    return merged


def interpolate(
    value: object, contexts: Mapping[str, Known], gaps: dict[str, Gap], budget: Budget | None = None
) -> str:
    """A scalar of the workflow as text, each ``${{ }}`` replaced by its value or by a gap that is put into ``gaps``.

    Args:
        value: the scalar.
        contexts: what its expressions can name.
        gaps: where gaps are put.
        budget: what the run may still ask for; without it the scalar is counted on its own.

    Raises:
        WorkflowError: where an expression is not closed, or GitHub would refuse it, or it grows without measure.
    """
    budget = budget or Budget(error=WorkflowError)
    text = text_of(value)
    parts: list[str] = []
    for before, expression in segments(text):
        parts.append(before)
        if expression is None:
            break
        budget.spend(len(expression))
        try:
            parts.append(text_of(evaluate(expression, contexts, budget)))
            budget.spend(len(parts[-1]))
        except NotKnownHere as missing:
            parts.append(_gap(text, gaps, Gap(f"${{{{{expression}}}}}", missing.what)))
    return "".join(parts)


def _gap(text: str, gaps: dict[str, Gap], gap: Gap) -> str:
    """A character of the private use area that stands for ``gap`` and occurs nowhere else."""
    for code in range(_FIRST_GAP + len(gaps), _LAST_GAP):
        if chr(code) not in text and chr(code) not in gaps:
            gaps[chr(code)] = gap
            return chr(code)
    raise WorkflowError("too many expressions in one step")
