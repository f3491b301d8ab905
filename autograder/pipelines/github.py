"""A GitHub workflow in one file: its jobs are run step by step, each on a virtual machine of its own.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax ,
https://docs.github.com/actions/reference/workflows-and-actions/expressions#status-check-functions
"""

from __future__ import annotations

import itertools
import json
import math
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from autograder.domain.github_actions.conditions import holds
from autograder.domain.github_actions.contexts import CONTEXTS, Gap, build_contexts, interpolate, merged_environment
from autograder.domain.github_actions.evaluate import Known, Status, text_of
from autograder.domain.github_actions.expressions import Index, Literal, Name, parse, segments, walk
from autograder.domain.github_actions.triggers import why_no_run
from autograder.domain.limits import Budget
from autograder.domain.metadata_action import NotKnownHere, Run, WorkflowError
from autograder.pipelines import actions, commands, runners
from autograder.pipelines.job_state import (
    MAX_JOBS,
    MAX_STEPS,
    MAX_VARIABLES,
    Finding,
    Issue,
    Record,
    Unsupported,
)
from autograder.pipelines.machine import Machine, RunState
from autograder.pipelines.shell import Ended, is_known, joined, not_posix, unknown

MAX_COMBINATIONS: Final = 12
PATTERN_WORK: Final = 10  # of a pattern in a tag rule, counted as other work is by lines
MAX_LEFT: Final = 20_000  # characters that a step leaves in its environment files
_OWN_TOKEN: Final = "GITHUB_TOKEN"
_HOME: Final = "/home/runner"
_LEFT: Final = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_STATE")


@dataclass
class Outcome:
    """A run.

    Attributes:
        not_started: why the event starts no run; nothing where it does.
        record: what happened.
        jobs: the ids of the jobs that ran.
        secrets: secrets that a person stored, by the step that uses them.
        failed: whether the run ends as failed.
    """

    not_started: str = ""
    record: Record = field(default_factory=Record)
    jobs: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    failed: bool = False


@dataclass
class _Job:
    """A job that runs, with its status."""

    id: str
    data: Mapping[str, Any]
    machine: Machine
    kind: str
    given: dict[str, str]
    environment: dict[str, str]
    failed: bool = False


def jobs(workflow: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The jobs by id."""
    listed = workflow.get("jobs")
    return (
        {str(id): job for id, job in listed.items() if isinstance(job, Mapping)} if isinstance(listed, Mapping) else {}
    )


def steps(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The steps of a job."""
    listed = job.get("steps")
    return [step for step in listed if isinstance(step, Mapping)] if isinstance(listed, list) else []


def uses(workflow: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each ``uses`` of the file, with its place."""
    for id, job in jobs(workflow).items():
        if isinstance(job.get("uses"), str):
            yield f"the job {id}", job["uses"]
        for number, step in enumerate(steps(job), 1):
            if isinstance(step.get("uses"), str):
                yield place(id, step, number), step["uses"]


def place(job: str, step: Mapping[str, Any], number: int) -> str:
    """A step in words."""
    name = step.get("name") or step.get("id")
    if not name:
        what = str(step.get("uses") or step.get("run") or "").strip().partition("\n")[0].partition("@")[0]
        name = what if len(what) < 50 else what[:49] + "…"
    return f"the step “{name}” of the job {job}" if name else f"step {number} of the job {job}"


def run(workflow: Mapping[str, Any], event: Run, *, finding: Finding | None = None) -> Outcome:
    """Run a workflow on virtual machines.

    Args:
        workflow: the file's data.
        event: what starts it.
        finding: what scanners find; nothing without it.

    Raises:
        Unsupported: it cannot be followed.
    """
    outcome = Outcome()
    triggers = workflow.get("on")
    branch = ((event.payload or {}).get("pull_request") or {}).get("base", {}).get("ref")
    try:
        outcome.not_started = why_no_run(triggers, event.event_name, event.ref, branch) or ""
        if outcome.not_started:
            return outcome
        _Run(workflow, event, outcome, finding).all()
    except WorkflowError as problem:
        raise Unsupported(str(problem)) from None
    return outcome


def _judge_size(workflow: Mapping[str, Any], every_job: Mapping[str, Mapping[str, Any]]) -> None:
    every_step = [step for job in every_job.values() for step in steps(job)]
    if len(every_job) > MAX_JOBS or len(every_step) > MAX_STEPS:
        raise Unsupported(f"it has more than {MAX_JOBS} jobs or {MAX_STEPS} steps")
    for part in (workflow, *every_job.values(), *every_step):
        for key in ("env", "with", "outputs"):
            if isinstance(part.get(key), Mapping) and len(part[key]) > MAX_VARIABLES:
                raise Unsupported(f"there are more than {MAX_VARIABLES} entries in one {key}")


class _Run:
    def __init__(self, workflow: Mapping[str, Any], event: Run, outcome: Outcome, finding: Finding | None) -> None:
        self.workflow, self.event, self.outcome = workflow, event, outcome
        self.results: dict[str, str] = {}
        self.given: dict[str, str] = dict(event.given)
        self.state = RunState(outcome.record, finding)
        self.artifacts: dict[str, dict[str, bytes]] = {}
        self.work = self.state.work
        self.secrets: dict[int, list[str]] = {}  # those of a part of the file, by the part's identity

    def all(self) -> None:
        """Every job, those that are needed first."""
        waiting = jobs(self.workflow)
        if not waiting:
            raise Unsupported("there is no job")
        _judge_size(self.workflow, waiting)
        while waiting:
            id = next((id for id, job in waiting.items() if not any(n in waiting for n in _needs(job))), None)
            if id is None:
                raise Unsupported(f"the jobs {', '.join(list(waiting)[:4])} wait for each other")
            job = waiting.pop(id)
            missing = [name for name in _needs(job) if name not in self.results]
            if missing:
                raise Unsupported(f"the job {id} needs {missing[0]}, and there is no such job")
            self.results[id] = self._job(id, job)
            self.given[f"needs.{id}.result"] = self.results[id]
        self.outcome.failed = "failure" in self.results.values()

    def _job(self, id: str, job: Mapping[str, Any]) -> str:
        needed = [self.results[name] for name in _needs(job)]
        good = all(result == "success" for result in needed)
        contexts = build_contexts(replace(self.event, given=self.given), self.workflow, id)
        if not _starts(job.get("if"), contexts, Status(success=good, failure="failure" in needed), self.work.text):
            return "skipped"
        if "uses" in job:
            raise Unsupported(f"the job {id} calls another workflow, which is not in the file")
        self.outcome.jobs.append(id)
        failed = False
        for combination in self._combinations(job, contexts):
            failed = self._run_once(id, job, combination) or failed
        forgiven = failed and _forgives(job, contexts, self.work.text)
        if forgiven:
            self.outcome.record.ignored.append(f"the job {id}")
        return "failure" if failed and not forgiven else "success"

    def _combinations(self, job: Mapping[str, Any], contexts: Mapping[str, Known]) -> list[dict[str, str]]:
        """The values of each run of a matrix: ``include`` adds to them or makes new ones."""
        strategy = job.get("strategy")
        matrix = strategy.get("matrix") if isinstance(strategy, Mapping) else None
        if isinstance(matrix, str):
            raise Unsupported("a matrix that is an expression is not followed here: write its values")
        if not isinstance(matrix, Mapping):
            return [{}]
        axes = {str(k): v for k, v in matrix.items() if k not in ("include", "exclude") and isinstance(v, list)}
        if math.prod(map(len, axes.values())) > MAX_COMBINATIONS:
            raise Unsupported(f"a matrix of more than {MAX_COMBINATIONS} combinations")
        combined = (
            [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())] if axes else []
        )
        listed = {
            key: [entry for entry in matrix.get(key) or [] if isinstance(entry, Mapping)]
            for key in ("include", "exclude")
        }
        if any(isinstance(matrix.get(key), str) for key in listed):
            raise Unsupported("a matrix that is an expression is not followed here: write its values")
        for extra in listed["include"]:
            same = [values for values in combined if all(values.get(k, v) == v for k, v in extra.items() if k in axes)]
            for values in same:
                values.update(extra)
            if not same:
                combined.append(dict(extra))
        left = [
            values
            for values in combined
            if not any(all(values.get(k) == v for k, v in out.items()) for out in listed["exclude"])
        ]
        if len(left) > MAX_COMBINATIONS:
            raise Unsupported(f"a matrix of more than {MAX_COMBINATIONS} combinations")
        return [dict(_paths("matrix", values)) for values in left] or [{}]

    def _run_once(self, id: str, data: Mapping[str, Any], combination: Mapping[str, str]) -> bool:
        """One run of a job; whether it fails."""
        given = {**self.given, **combination, "runner.os": "Linux", "job.status": "success"}
        given |= {"runner.temp": f"{_HOME}/work/_temp", "runner.arch": "X64", "runner.name": "GitHub Actions 1"}
        contexts = build_contexts(replace(self.event, given=given), self.workflow, id)
        job = self._set_up(id, data, contexts, given)
        for number, step in enumerate(steps(data), 1):
            self._step(job, step, number)
        if isinstance(data.get("outputs"), Mapping):
            contexts = build_contexts(replace(self.event, given=job.given), self.workflow, id)
            for name, value in data["outputs"].items():
                self.given[f"needs.{id}.outputs.{name}"] = _text(value, contexts, self.work.text)
        return job.failed

    def _set_up(self, id: str, data: Mapping[str, Any], contexts: Mapping[str, Known], given: dict[str, str]) -> _Job:
        """A job's machine, with the programs that its runner or its container has."""
        runner = data.get("runs-on")
        if isinstance(runner, Mapping):
            runner = runner.get("labels")
        labels = [
            _text(item, contexts, self.work.text).lower()
            for item in (runner if isinstance(runner, list) else [runner]) if item
        ]  # fmt: skip
        place = next((runners.RUNNERS[label] for label in labels if label in runners.RUNNERS), None)
        no_engine = _no_engine(id, labels)
        if place is None and no_engine is None:
            shown = ", ".join(labels) or "nothing"
            self.outcome.record.doubt(f"the job {id} runs on {shown}, which is not in the table of runners")
        place = place or runners.RUNNERS["ubuntu-latest"]
        container = data.get("container")
        image = container.get("image") if isinstance(container, Mapping) else container
        if image:
            name = _text(image, contexts, self.work.text)
            inside = runners.place(name)
            if inside is None:
                self.outcome.record.doubt(f"the job {id} runs in the image {name}, which is not in the table of images")
            place = inside or place
        scripts = "\n".join(str(step.get("run", "")) for step in steps(data))
        there = place.programs | commands.installed(scripts)
        there |= {
            program for step in steps(data) for action, program in actions.SETUP.items()
            if str(step.get("uses", "")).partition("@")[0].lower() == action
        }  # fmt: skip
        repository = (self.event.repository or "o/r").partition("/")[2]
        machine = Machine(
            self.state,
            commands.programs(there),
            place=f"the job {id}",
            folder=f"{_HOME}/work/{repository}/{repository}",
            home=_HOME,
            no_engine=no_engine,
            commit=self.event.sha or "",
        )
        services = data.get("services")
        for service in services.values() if isinstance(services, Mapping) else ():
            name = service.get("image", "") if isinstance(service, Mapping) else service
            machine.local_registry = machine.local_registry or re.search(r"(^|/)registry(:|@|$)", str(name)) is not None
        environment = _runner_environment(self.event, machine.folder)
        machine.shell.write(environment["GITHUB_EVENT_PATH"], json.dumps(self.event.payload or {}))
        machine.shell.files.mkdir(environment["RUNNER_TEMP"], recursive=True)
        job = _Job(id, data, machine, place.shell, given, environment)
        machine.permits = partial(self._permit, data)
        return job

    def _step(self, job: _Job, step: Mapping[str, Any], number: int) -> None:
        contexts = build_contexts(replace(self.event, given=job.given), self.workflow, job.id)
        layers = [self.workflow.get("env"), job.data.get("env"), job.environment, step.get("env")]
        self.work.add(1 + sum(_size(part) for part in (*layers[:2], *layers[3:], step.get("with"), step.get("run"))))
        merged = merged_environment([layer for layer in layers if isinstance(layer, Mapping)], contexts, self.work.text)
        environment = {
            name: unknown(value.what) if isinstance(value, NotKnownHere) else str(value)
            for name, value in merged.items()
        }
        contexts["env"] = Known("env", environment, complete=True)
        where = place(job.id, step, number)
        id = str(step.get("id") or "")
        if not _starts(step.get("if"), contexts, Status(success=not job.failed, failure=job.failed), self.work.text):
            self._told(job, id, "skipped", "skipped")
            return
        self._note_secrets(job, step, where)
        job.machine.found, job.machine.place = False, where
        ended = None
        issues = len(self.outcome.record.issues)
        self.outcome.record.tell(f"{where}:")
        if isinstance(step.get("uses"), str):
            failed = self._action(job, step, contexts, environment, where)
        elif isinstance(step.get("run"), str):
            ended = self._script(job, step, contexts, environment, where)
            failed = ended is not None and ended.code != 0
        else:
            failed = False
        forgiven = failed and _forgives(step, contexts, self.work.text)
        self._told(job, id, "failure" if failed else "success", "failure" if failed and not forgiven else "success")
        if forgiven and not job.machine.found:
            del self.outcome.record.issues[issues:]  # what fails there is forgiven, so it is no obstacle
        if failed and not forgiven:
            job.failed = True
            if ended is not None and not job.machine.found and len(self.outcome.record.issues) == issues:
                what = ended.said or "it printed nothing"
                self.outcome.record.lacks("script", f"{where} ends with exit code {ended.code}: {what}")
        elif job.machine.found:
            self.outcome.record.ignored.append(where)

    def _told(self, job: _Job, id: str, outcome: str, conclusion: str) -> None:
        if id:
            job.given[f"steps.{id}.outcome"], job.given[f"steps.{id}.conclusion"] = outcome, conclusion

    def _note_secrets(self, job: _Job, step: Mapping[str, Any], where: str) -> None:
        for part in (self.workflow.get("env"), job.data.get("env"), step):
            if id(part) not in self.secrets:
                self.secrets[id(part)] = list(secrets(part))
            for name in self.secrets[id(part)]:
                if name.upper() != _OWN_TOKEN:
                    self.outcome.secrets.setdefault(where, name)

    def _script(
        self, job: _Job, step: Mapping[str, Any], contexts: Mapping[str, Known], env: dict[str, str], where: str
    ) -> Ended | None:
        """Run a script; None for one that is written for another kind of shell, and does nothing to images."""
        kind, folder = (
            _text(self._chosen(job, step, key) or "", contexts, self.work.text)
            for key in ("shell", "working-directory")
        )
        text = _text(step["run"], contexts, self.work.text)
        if kind and not kind.startswith(("bash", "sh")):
            if re.search(r"\b(docker|podman|buildah|crane|skopeo|trivy|grype|oras|regctl)\b", text):
                raise Unsupported(f"{where} is written for {kind}; scripts are run in bash and sh")
            self.outcome.record.doubt(f"{where} is written for {kind}, and is not followed")
            return None
        reader = job.kind if job.kind == "busybox" else "dash" if kind.startswith("sh") else "bash"
        strange = not_posix(text, reader)
        if strange:
            return Ended(2, f"{reader} does not know {strange}: syntax error")
        options = {"": ["-e"], "bash": ["-e", "-o", "pipefail"], "sh": ["-e"]}.get(kind)
        if options is None:
            options = [
                word for word in kind.split()[1:] if word not in ("{0}", "--noprofile", "--norc", "-l", "--login")
            ]
        for name in _LEFT:
            job.machine.shell.write(env[name], "")
        ended = job.machine.run(text, env, joined(job.machine.folder, folder), *options)
        self._note_left(job, env, str(step.get("id") or ""))
        return ended

    def _chosen(self, job: _Job, step: Mapping[str, Any], key: str) -> object:
        """What a step, or the defaults of its job or of the file, say about its shell."""
        defaults = [part.get("defaults") for part in (job.data, self.workflow)]
        chosen = [step.get(key)]
        chosen += [d["run"].get(key) for d in defaults if isinstance(d, Mapping) and isinstance(d.get("run"), Mapping)]
        return next(filter(None, chosen), None)

    def _note_left(self, job: _Job, env: Mapping[str, str], id: str) -> None:
        """What a script has left in its environment files, for the steps after it."""
        for name, value in _pairs(job.machine.shell.read(env["GITHUB_OUTPUT"]) or ""):
            self.work.text.spend(len(value))
            if id:
                job.given[f"steps.{id}.outputs.{name}"] = value
        for name, value in _pairs(job.machine.shell.read(env["GITHUB_ENV"]) or ""):
            self.work.text.spend(len(value))
            job.environment[name] = value
        if len(job.environment) > 10 * MAX_VARIABLES:
            raise Unsupported(f"the job {job.id} has more than {10 * MAX_VARIABLES} variables")

    def _action(
        self, job: _Job, step: Mapping[str, Any], contexts: Mapping[str, Known], env: Mapping[str, str], where: str
    ) -> bool:
        given = step.get("with")
        inputs = (
            {str(k): _text(v, contexts, self.work.text) for k, v in given.items()} if isinstance(given, Mapping) else {}
        )
        call = actions.Call(str(step["uses"]), inputs, env, where, self.artifacts)
        id = str(step.get("id") or "")
        if call.name == "docker/metadata-action":
            self.work.add(PATTERN_WORK * call.given("tags").lower().count("match"))
            layers = [self.workflow.get("env"), job.data.get("env"), job.environment, step.get("env")]
            event = replace(self.event, given=job.given)
            told = actions.metadata(self.workflow, job.id, step, layers, event, inputs, self.work.text)
            for name, value in told.items():
                if id:
                    job.given[f"steps.{id}.outputs.{name}"] = value
                job.environment[f"DOCKER_METADATA_OUTPUT_{name.upper().replace('-', '_')}"] = value
            return False
        if call.name == "actions/checkout" and not _allows(_permissions(self.workflow, job.data), "contents", "read"):
            self.outcome.record.lacks(
                "permissions", f"{where} may not read a private repository: contents: read is missing."
            )
        result = actions.act(job.machine, call)
        for name, value in (result.outputs or {}).items():
            if id:
                job.given[f"steps.{id}.outputs.{name}"] = value
        return result.failed

    def _permit(self, data: Mapping[str, Any], name: str, where: str) -> None:
        if name.startswith("ghcr.io/") and not _allows(_permissions(self.workflow, data), "packages", "write"):
            self.outcome.record.lacks("permissions", f"{where} pushes to ghcr.io, and its job lacks packages: write.")


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """``NAME=VALUE`` and ``NAME<<END``, as environment files have them.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
    """
    lines = iter(text[:MAX_LEFT].splitlines())
    for line in lines:
        long = re.fullmatch(r"([A-Za-z_][\w-]*)<<(\S+)", line)
        if long:
            value = list(itertools.takewhile(partial(operator.ne, long[2]), lines))
            yield long[1], "\n".join(value)
        elif "=" in line:
            name, _, rest = line.partition("=")
            if re.fullmatch(r"[A-Za-z_][\w-]*", name):
                yield name, rest


def _size(value: object) -> int:
    """How many lines and expressions a part of the file holds."""
    if isinstance(value, Mapping):
        return sum(map(_size, value.values()))
    return 1 + value.count("\n") + value.count("${{") if isinstance(value, str) else 1


def _forgives(part: Mapping[str, Any], contexts: Mapping[str, Known], budget: Budget) -> bool:
    """Whether a run goes on when this job or step fails; a value that is not known might be true."""
    text = _text(part.get("continue-on-error", False), contexts, budget)
    return text == "true" or not is_known(text)


def _needs(job: Mapping[str, Any]) -> list[str]:
    given = job.get("needs") or []
    return [given] if isinstance(given, str) else [str(name) for name in given] if isinstance(given, list) else []


def _paths(prefix: str, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, below in value.items():
        if isinstance(below, Mapping):
            yield from _paths(f"{prefix}.{key}", below)
        elif not isinstance(below, list):
            yield f"{prefix}.{key}", text_of(below)


def _text(value: object, contexts: Mapping[str, Known], budget: Budget) -> str:
    """A scalar with its expressions filled in; what only a run has stands between its signs."""
    gaps: dict[str, Gap] = {}
    text = interpolate(value, contexts, gaps, budget)
    for sign, gap in gaps.items():
        text = text.replace(sign, unknown(gap.expression.removeprefix("${{").removesuffix("}}").strip()))
    return text


def _starts(condition: object, contexts: Mapping[str, Known], status: Status, budget: Budget) -> bool:
    """Whether an ``if`` lets something run; where only a run can tell, it might, so what must not happen is seen."""
    try:
        return holds(condition, contexts, status, budget)
    except NotKnownHere:
        return True


def _runner_environment(event: Run, folder: str) -> dict[str, str]:
    """The variables that each runner sets. Source: https://docs.github.com/actions/reference/workflows-and-actions/variables"""
    kind, _, name = event.ref.removeprefix("refs/").partition("/")
    repository = event.repository or ""
    about = (event.payload or {}).get("pull_request") or {}
    temp = f"{_HOME}/work/_temp"
    return {
        "CI": "true",
        "HOME": _HOME,
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": folder,
        "GITHUB_SHA": event.sha or "",
        "GITHUB_REF": event.ref,
        "GITHUB_REF_NAME": name,
        "GITHUB_REF_TYPE": "tag" if kind == "tags" else "branch",
        "GITHUB_BASE_REF": str((about.get("base") or {}).get("ref") or ""),
        "GITHUB_HEAD_REF": str((about.get("head") or {}).get("ref") or ""),
        "GITHUB_REPOSITORY": repository,
        "GITHUB_REPOSITORY_OWNER": repository.partition("/")[0],
        "GITHUB_EVENT_NAME": event.event_name,
        "GITHUB_EVENT_PATH": f"{temp}/event.json",
        "GITHUB_ACTOR": event.github.get("actor", ""),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_API_URL": "https://api.github.com",
        "GITHUB_WORKFLOW": unknown("github.workflow"),
        "GITHUB_RUN_ID": event.github.get("run_id", ""),
        "GITHUB_RUN_NUMBER": event.github.get("run_number", ""),
        "GITHUB_RUN_ATTEMPT": event.github.get("run_attempt", ""),
        "RUNNER_OS": "Linux",
        "RUNNER_ARCH": "X64",
        "RUNNER_TEMP": temp,
        **{name: f"{temp}/{name.lower()}" for name in _LEFT},
    }


def secrets(part: object) -> Iterator[str]:
    """The names of the secrets that expressions in a part of the file ask for; ``*`` for one that is computed.

    Raises:
        WorkflowError: where GitHub would refuse an expression.
    """
    if isinstance(part, Mapping):
        for value in part.values():
            yield from secrets(value)
    elif isinstance(part, list):
        for value in part:
            yield from secrets(value)
    elif isinstance(part, str):
        for _, expression in segments(part):
            for node in walk(parse(expression, CONTEXTS)) if expression is not None else ():
                if isinstance(node, Index) and isinstance(node.target, Name) and node.target.name.lower() == "secrets":
                    yield str(node.key.value) if isinstance(node.key, Literal) else "*"


def _no_engine(id: str, labels: Sequence[str]) -> Issue | None:
    for label in labels:
        if label.startswith("macos"):
            return Issue("engine", f"the job {id} runs on {label}, and GitHub's macOS runners have none.")
        if label.startswith("windows"):
            return Issue("engine", f"the job {id} runs on {label}, whose engine builds and runs no Linux images.")
    return None


def _permissions(workflow: Mapping[str, Any], job: Mapping[str, Any]) -> object:
    return job["permissions"] if "permissions" in job else workflow.get("permissions", "unsaid")


def _allows(permissions: object, scope: str, level: str) -> bool:
    if isinstance(permissions, Mapping):
        return permissions.get(scope) in (("write",) if level == "write" else ("read", "write"))
    return permissions == "write-all" or (permissions in ("read-all", "unsaid") and level == "read")
