"""A GitHub workflow in one file: its jobs are run step by step, each on a virtual machine of its own.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax ,
https://docs.github.com/actions/reference/workflows-and-actions/expressions#status-check-functions ;
what a runner does with scripts and the files that they leave: Handlers/ScriptHandler.cs and FileCommandManager.cs in
https://github.com/actions/runner/tree/258d6c857/src/Runner.Worker
"""

from __future__ import annotations

import itertools
import json
import math
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
from autograder.pipelines.shell import DEPENDS_IN_DASH, PATH, Ended, adapted, is_known, joined, not_posix, unknown

MAX_COMBINATIONS: Final = 12
PATTERN_WORK: Final = 10  # of a pattern in a tag rule, counted as other work is by lines
MAX_LEFT: Final = 20_000  # characters that a step leaves in its environment files
_OWN_TOKEN: Final = "GITHUB_TOKEN"
_HOME: Final = "/home/runner"
_PATH: Final = f"{_HOME}/.local/bin:{PATH}"
_TOOLS: Final = "/opt/hostedtoolcache"
_NO_OPTIONS: Final = ("{0}", "--noprofile", "--norc", "-l", "--login")  # of bash, that are none for a script here
_OPTIONS: Final = re.compile(r"(?:[-+](?:[euxv]+|[euxv]*o (?:pipefail|errexit|nounset|xtrace|verbose))(?: |\Z))*")
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
    given: dict[str, str]
    runner: dict[str, str]  # variables of the runner; the context env has none of them
    bash: bool  # whether there is a bash
    sh: str  # what ``sh`` is there
    shell: str  # what reads a script that names no shell
    path: str  # where it finds programs
    environment: dict[str, str] = field(default_factory=dict)  # what steps have left in GITHUB_ENV
    paths: list[str] = field(default_factory=list)  # what steps have left in GITHUB_PATH, the oldest first
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
        given |= {"runner.tool_cache": _TOOLS, "runner.environment": "github-hosted"}
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
        variables = _runner_environment(self.event, machine.folder) | {"GITHUB_JOB": id}
        machine.shell.write(variables["GITHUB_EVENT_PATH"], json.dumps(self.event.payload or {}))
        for name in ("RUNNER_TEMP", "RUNNER_TOOL_CACHE"):
            machine.shell.files.mkdir(variables[name], recursive=True)
        bash = place.shell != "busybox" or "bash" in there
        sh = "busybox" if place.shell == "busybox" else place.sh
        job = _Job(id, data, machine, given, variables, bash, sh, "sh" if image else "", PATH if image else _PATH)
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
        kept = {name: value for name, value in job.runner.items() if name.startswith(("GITHUB_", "RUNNER_"))}
        environment = {**job.runner, **environment, **kept}  # no step can set those
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
        """Run a script; None for one that is written for another kind of shell, and is not followed."""
        kind, folder = (
            _text(self._chosen(job, step, key) or "", contexts, self.work.text)
            for key in ("shell", "working-directory")
        )
        text = _text(step["run"], contexts, self.work.text)
        shell, _, arguments = kind.partition(" ")
        shell, arguments = shell.rpartition("/")[2] or job.shell, arguments.strip()
        if arguments and "{0}" not in arguments:
            return Ended(1, "Invalid shell option: behind a shell's name stands {0} among its options")
        if shell not in ("", "bash", "sh"):
            self.outcome.record.doubt(f"{where} is written for {shell}, and is not followed")
            return None
        if shell == "bash" and not job.bash:
            return Ended(127, "bash: not found")
        reader = "bash" if shell != "sh" else job.sh
        strange = not_posix(text, reader)
        if strange:
            return Ended(2, f"{reader} does not know {strange}")
        if reader == "dash" and DEPENDS_IN_DASH.search(text):
            self.outcome.record.doubt(f"{where} sets pipefail in dash, and not every version has that")
        options = ["-e", "-o", "pipefail"] if shell == "bash" else ["-e"]
        if arguments:
            options = [word for word in arguments.split() if word not in _NO_OPTIONS]
            if not _OPTIONS.fullmatch(" ".join(options)):
                self.outcome.record.doubt(f"{where} has a shell with {' '.join(options)[:60]}, which is not followed")
        for name in _LEFT:
            job.machine.shell.write(env[name], "")
        path = ":".join((*reversed(job.paths), env.get("PATH", job.path)))
        ended = job.machine.run(
            adapted(text, reader), {**env, "PATH": path}, joined(job.machine.folder, folder), *options
        )
        unread = self._note_left(job, env, str(step.get("id") or ""))
        return unread if unread and not ended.code else ended

    def _chosen(self, job: _Job, step: Mapping[str, Any], key: str) -> object:
        """What a step, or the defaults of its job or of the file, say about its shell."""
        defaults = [part.get("defaults") for part in (job.data, self.workflow)]
        chosen = [step.get(key)]
        chosen += [d["run"].get(key) for d in defaults if isinstance(d, Mapping) and isinstance(d.get("run"), Mapping)]
        return next(filter(None, chosen), None)

    def _note_left(self, job: _Job, env: Mapping[str, str], id: str) -> Ended | None:
        """Keep what a script has left in its environment files; how its step ends, where one of them is wrong."""
        left = {name: job.machine.shell.read(env[name]) or "" for name in _LEFT}
        if max(map(len, left.values())) > MAX_LEFT:
            raise Unsupported(f"a step leaves more than {MAX_LEFT:,} characters in an environment file")
        problem = ""
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV"):
            try:
                for key, value in _pairs(left[name]):
                    self.work.text.spend(len(value))
                    if name == "GITHUB_ENV" and (key not in job.runner or key in ("CI", "HOME")):
                        job.environment[key] = value
                    elif name == "GITHUB_OUTPUT" and id:
                        job.given[f"steps.{id}.outputs.{key}"] = value
            except ValueError as wrong:
                problem = f"the runner cannot read the file of ${name} that it leaves: {wrong}"
        for line in left["GITHUB_PATH"].splitlines():
            if line:
                job.paths = [*(path for path in job.paths if path != line), line]
        if len(job.environment) + len(job.paths) > 10 * MAX_VARIABLES:
            raise Unsupported(f"the job {job.id} has more than {10 * MAX_VARIABLES} variables")
        return Ended(1, problem) if problem else None

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

    Raises:
        ValueError: a line is neither, or the end never comes; the runner fails the step then.

    Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
    """
    lines = iter(re.split(r"\r\n|\n|\r", text))
    for line in filter(None, lines):
        name, sign, rest = re.fullmatch(r"(.*?)(?:(=|<<)(.*))?", line, re.DOTALL).groups("")  # type: ignore[union-attr]
        if not sign or (sign == "<<" and not (name and rest)):
            raise ValueError(f"Invalid format '{line[:60]}'")
        if sign == "=":
            yield name, rest
            continue
        value = []
        for part in lines:
            if part == rest:
                break
            value.append(part)
        else:
            raise ValueError(f"Matching delimiter not found '{rest[:60]}'")
        yield name, "\n".join(value)


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
        "RUNNER_NAME": "GitHub Actions 1",
        "RUNNER_ENVIRONMENT": "github-hosted",
        "RUNNER_TEMP": temp,
        "RUNNER_TOOL_CACHE": _TOOLS,
        "GITHUB_ACTION": "__run",
        "GITHUB_ACTOR_ID": unknown("github.actor_id"),
        "GITHUB_GRAPHQL_URL": "https://api.github.com/graphql",
        "GITHUB_REF_PROTECTED": unknown("github.ref_protected"),
        "GITHUB_REPOSITORY_ID": unknown("github.repository_id"),
        "GITHUB_REPOSITORY_OWNER_ID": unknown("github.repository_owner_id"),
        "GITHUB_RETENTION_DAYS": "90",
        "GITHUB_TRIGGERING_ACTOR": event.github.get("actor", ""),
        "GITHUB_WORKFLOW_REF": unknown("github.workflow_ref"),
        "GITHUB_WORKFLOW_SHA": event.sha or "",
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
