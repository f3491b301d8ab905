"""``course tags preview``: the tags, version and labels that a workflow's metadata step would give out."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from autograder.domain.metadata_action import (
    NotKnownHere,
    Preview,
    Run,
    Step,
    StepPreview,
    WorkflowError,
    metadata_steps,
    preview_step,
)
from autograder.domain.references import is_tag
from autograder.errors import CourseError, Exit

FULL_REF = re.compile(r"refs/(heads|tags|pull)/.+")


@click.group()
def tags() -> None:
    """The tags docker/metadata-action would make."""


@tags.command("preview")
@click.argument("workflow", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--event", help="Event: push, pull_request, schedule, workflow_dispatch ...")
@click.option("--ref", help="Full ref: refs/heads/main, refs/tags/v1.2.3, refs/pull/2/merge.")
@click.option("--sha", help="Full commit id.")
@click.option("--event-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The event as JSON.")
@click.option("--default-branch", help="Name of the repository's default branch.")
@click.option("--repository", metavar="OWNER/NAME", help="Name of the repository.")
@click.option("--now", help="Time of the run, ISO 8601, UTC where no offset is given. Default: now.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="A value for an expression, repeatable.")
@click.option("--job", help="Job of the step, where several jobs have one.")
@click.option("--step", "step_name", help="Id or name of the step, where a job has several.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def preview_command(
    workflow: Path,
    event: str | None,
    ref: str | None,
    sha: str | None,
    event_file: Path | None,
    default_branch: str | None,
    repository: str | None,
    now: str | None,
    settings: tuple[str, ...],
    job: str | None,
    step_name: str | None,
    as_json: bool,
) -> None:
    """Print tags, version and labels of the metadata step in WORKFLOW, without running it.

    Without --event and --ref the run is the one described by the GITHUB_* variables, as inside Actions. What only
    GitHub can know (secrets, outputs of other steps, the repository's description) is named, and can be given with
    --set, for example --set vars.REGISTRY=ghcr.io. In the JSON an unknown label is null, and the list "unknown" is
    there only where something is missing. Exits with 1 where the action would stop with an error.
    """
    data = _read_workflow(workflow)
    run = _run(event, ref, sha, event_file, default_branch, repository, _time(now), settings)
    try:
        found = preview_step(data, _choose(data, workflow, job, step_name), run)
    except WorkflowError as wrong:
        click.echo(json.dumps({"error": str(wrong)}) if as_json else f"the action would fail: {wrong}", err=not as_json)
        sys.exit(int(Exit.NO))
    except NotKnownHere as missing:
        raise CourseError(
            expected="enough about the run to tell its ref",
            found=f"the preview needs {missing.what}",
            next_step="Give the event as JSON with --event-file.",
        ) from None
    if as_json:
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
        click.echo(json.dumps(_as_data(found), indent=2))
    else:
        click.echo(_as_text(found))


def _read_workflow(path: Path) -> Any:
    """Every scalar stays a text, as GitHub's own ``with:`` values are; ``on`` is no truth value."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as wrong:
        raise CourseError(
            expected=f"a workflow in YAML at {path}",
            found=f"the file cannot be read as YAML: {' '.join(str(wrong).split())}",
            next_step="Repair the file at the place named above.",
        ) from None


def _choose(data: object, path: Path, job: str | None, step_name: str | None) -> Step:
    try:
        steps = metadata_steps(data)
    except ValueError as wrong:
        raise CourseError(
            expected=f"a workflow at {path}",
            found=str(wrong),
            next_step="See https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax.",
        ) from None
    fitting = [s for s in steps if job in (None, s.job) and step_name in (None, s.name)]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"--job {s.job} --step '{s.name}'" if s.job else f"--step '{s.name}'" for s in steps)
    raise CourseError(
        expected="exactly one step that uses docker/metadata-action",
        found=f"{path} has {len(fitting)} of them" + (" that fit --job and --step" if job or step_name else ""),
        next_step=f"Choose one: {listed}" if steps else "Give a workflow that has one.",
    )


def _run(
    event: str | None,
    ref: str | None,
    sha: str | None,
    event_file: Path | None,
    default_branch: str | None,
    repository: str | None,
    now: datetime,
    settings: tuple[str, ...],
) -> Run:
    """The run from the options; from the environment where neither event nor ref is given."""
    github = {}
    if event is None and ref is None:
        github = {k.removeprefix("GITHUB_").lower(): v for k, v in os.environ.items() if k.startswith("GITHUB_")}
        event, ref = github.get("event_name"), github.get("ref")
        sha = sha or github.get("sha")
        if event_file is None and github.get("event_path"):
            event_file = Path(github["event_path"])
    if not ref:
        raise CourseError(
            expected="the ref of the run",
            found="neither --ref nor GITHUB_REF is there",
            next_step="Add for example --event push --ref refs/tags/v1.2.3 --sha COMMIT.",
        )
    if not FULL_REF.fullmatch(ref):
        raise CourseError(
            expected="a full ref",
            found=f"--ref is '{ref}'",
            next_step=f"Write refs/heads/{ref} for a branch or refs/tags/{ref} for a tag.",
        )
    return Run(
        event or ("pull_request" if ref.startswith("refs/pull/") else "push"),
        ref,
        sha,
        now,
        _read_event(event_file),
        default_branch,
        repository or os.environ.get("GITHUB_REPOSITORY") or None,
        github,
        {name: value for name, value in os.environ.items() if name.startswith("DOCKER_METADATA_")},
        _settings(settings),
    )


def _read_event(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as wrong:
        data, reason = None, str(wrong)
    else:
        reason = "the file holds no JSON object"
    if not isinstance(data, dict):
        raise CourseError(
            expected=f"the event as a JSON object at {path}",
            found=reason,
            next_step="Take it from a run (cat $GITHUB_EVENT_PATH), or leave --event-file out.",
        )
    return data


def _settings(settings: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals or "." not in path.strip("."):
            raise CourseError(
                expected="--set PATH=VALUE with a path such as vars.REGISTRY",
                found=f"--set {setting}",
                next_step="Write for example --set vars.REGISTRY=ghcr.io.",
            )
        found[path] = value
    return found


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CourseError(
            expected="a time in ISO 8601",
            found=f"--now is '{text}'",
            next_step="Write for example --now 2026-01-10T00:30:00Z.",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _as_data(found: StepPreview) -> dict[str, object]:
    outputs = found.outputs
    if outputs is None:
        return {"tags": [], "version": None, "labels": {}}
    data: dict[str, object] = {
        "tags": list(outputs.tags),
        "version": outputs.version,
        "labels": outputs.labels,
    }
    if outputs.unknown:
        data["unknown"] = [{"where": item.where, "needs": item.needs} for item in outputs.unknown]
    return data


def _as_text(found: StepPreview) -> str:
    sections = [*(_outputs(found.outputs) if found.outputs else [])]
    if found.notes:
        sections.append(["notes", *(f"  {note}" for note in found.notes)])
    return "\n\n".join("\n".join(section) for section in sections)


def _outputs(outputs: Preview) -> list[list[str]]:
    sections = [
        [f"version  {outputs.version if outputs.version is not None else 'none'}"],
        ["tags", *([f"  {tag}{_illegal(tag)}" for tag in outputs.tags] or ["  none"])],
        [
            "labels",
            *(f"  {key}{f'={v}' if v is not None else '  (not known here)'}" for key, v in outputs.labels.items()),
        ],
    ]
    width = max((len(outcome.rule) for outcome in outputs.outcomes), default=0)
    rules = [f"  {o.priority:>5}  {o.rule:<{width}}  {o.tag or f'- ({o.why})'}" for o in outputs.outcomes]
    sections.append(["rules, highest priority first", *rules])
    if outputs.warnings:
        sections.append(["warnings of the action", *(f"  {warning}" for warning in outputs.warnings)])
    if outputs.unknown:
        sections.append(["not known here", *(f"  {item.where}: needs {item.needs}" for item in outputs.unknown)])
    return sections


def _illegal(tag: str) -> str:
    """A mark for a tag that no registry takes: the action replaces characters, it checks neither start nor length."""
    return "" if is_tag(tag.rpartition(":")[2]) else "  (not a legal tag: docker would refuse it)"
