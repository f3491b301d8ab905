"""A GitLab pipeline in one file: which jobs a pipeline has, in which order they run, and what they do.

The data is what the YAML file says, aliases and ``!reference`` filled in.
Sources: https://docs.gitlab.com/ci/yaml/ , https://docs.gitlab.com/ci/docker/using_docker_build/ ,
https://docs.gitlab.com/ci/jobs/job_rules/
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from autograder.domain.github_actions.triggers import matches
from autograder.domain.metadata_action import WorkflowError
from autograder.pipelines import actions, commands, conditions, runners
from autograder.pipelines.job_state import (
    MAX_JOBS,
    MAX_VARIABLES,
    Finding,
    Issue,
    Record,
    Unsupported,
    Work,
)
from autograder.pipelines.machine import Machine, RunState
from autograder.pipelines.runners import name_of, tag_of
from autograder.pipelines.shell import Ended, adapted, joined, not_posix

# Keys at the top that are no jobs. Source: https://docs.gitlab.com/ci/yaml/#keywords
GLOBAL: Final = {
    *("default", "include", "stages", "variables", "workflow", "spec", "pages:deploy"),
    *("image", "services", "before_script", "after_script", "cache"),
}
DEPRECATED_TOP: Final = ("image", "services", "before_script", "after_script", "cache")
DEFAULTS: Final = ("image", "services", "before_script", "after_script", "cache", "artifacts", "retry", "tags")
STAGES: Final = (".pre", "build", "test", "deploy", ".post")
MAX_EXTENDS: Final = 11
MAX_PARENTS: Final = 50  # of one job: each is merged into what those before it gave
MAX_FILLED: Final = 20_000  # characters of a text, or of one place's variables together, with variables filled in
MAX_COMBINATIONS: Final = 12
REPOSITORY: Final = ("Dockerfile",)  # the files that the task says are there


@dataclass(frozen=True)
class Job:
    """A job of one pipeline.

    Attributes:
        name: its name.
        stage: number of its stage.
        data: its keys, with what it extends and the defaults filled in.
        variables: name -> value, as its scripts see them.
        when: ``on_success``, ``always``, ``on_failure``, ``manual`` …
        may_fail: whether the pipeline goes on when it fails.
        base: its name in the file, which those of a matrix share.
    """

    name: str
    stage: int
    data: Mapping[str, Any]
    variables: Mapping[str, str]
    when: str
    may_fail: bool
    base: str = ""


@dataclass
class Pipeline:
    """What happened: ``jobs`` by name, the record, the names of those that ran, whether the pipeline failed."""

    jobs: list[Job] = field(default_factory=list)
    record: Record = field(default_factory=Record)
    ran: list[str] = field(default_factory=list)
    failed: bool = False


def job_names(data: Mapping[str, Any]) -> list[str]:
    """The jobs of the file, hidden ones left out."""
    return [
        name for name, value in data.items() if name not in GLOBAL and name[:1] != "." and isinstance(value, Mapping)
    ]


def resolved(
    data: Mapping[str, Any], name: str, done: dict[str, dict[str, Any]] | None = None, path: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A job with what it extends merged in: mappings key by key, anything else replaced.

    Args:
        data: the file.
        name: the job.
        done: the jobs that are resolved already: a few lines can name one job millions of times.
        path: the jobs that extend this one.

    Raises:
        Unsupported: it extends what is not there, or in a circle.
    """
    done = {} if done is None else done
    if name in done:
        return done[name]
    job = data.get(name)
    if not isinstance(job, Mapping):
        raise Unsupported(f"{name} is extended, and the file has no such job")
    if name in path or len(path) > MAX_EXTENDS:
        raise Unsupported(f"{name} extends itself, or too many others")
    parents = job.get("extends") or []
    parents = [parents] if isinstance(parents, str) else parents
    if len(parents) > MAX_PARENTS:
        raise Unsupported(f"{name} extends more than {MAX_PARENTS} others")
    merged: dict[str, Any] = {}
    for parent in parents:
        merged = _merge(merged, resolved(data, str(parent), done, (*path, name)))
    done[name] = _merge(merged, {key: value for key, value in job.items() if key != "extends"})
    return done[name]


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(before, value) if both and isinstance(before, Mapping) else value
    return merged


def with_defaults(data: Mapping[str, Any], job: Mapping[str, Any]) -> dict[str, Any]:
    """A job with what ``default:`` (or the deprecated top of the file) says for it."""
    given = data.get("default")
    defaults = {key: data[key] for key in DEPRECATED_TOP if key in data}
    defaults |= dict(given) if isinstance(given, Mapping) else {}
    inherit = job.get("inherit")
    wanted = inherit.get("default", True) if isinstance(inherit, Mapping) else True
    if wanted is False:
        defaults = {}
    elif isinstance(wanted, list):
        defaults = {key: value for key, value in defaults.items() if key in wanted}
    return {**{key: value for key, value in defaults.items() if key in DEFAULTS}, **job}


def _variables(given: object, known: Mapping[str, str]) -> dict[str, str]:
    """A block of variables, each with the others filled in."""
    block: dict[str, str] = {}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        plain = value.get("value", "") if isinstance(value, Mapping) else value
        block[str(name)] = _plain(plain)
    if len(block) > MAX_VARIABLES:
        raise Unsupported(f"there are more than {MAX_VARIABLES} variables in one place")
    for _ in range(4):  # a variable may name another that names a third
        everything = {**known, **block}
        block = {
            name: value if "$" not in value else filled(value, {k: v for k, v in everything.items() if k != name})
            for name, value in block.items()
        }
        if sum(map(len, block.values())) > MAX_FILLED:
            raise Unsupported("the variables hold each other too often")
    return block


def _plain(value: object) -> str:
    """A scalar of YAML as the text that a variable gets."""
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def filled(text: str, variables: Mapping[str, str]) -> str:
    """A text with ``$NAME`` and ``${NAME}`` filled in where they are known.

    Raises:
        Unsupported: with them it is far longer than any that people write.
    """
    left = MAX_FILLED

    def value(name: re.Match[str]) -> str:
        nonlocal left
        found = variables.get(name[1] or name[2], name[0])
        left -= len(found)
        if left < 0:
            raise Unsupported(f"{text[:60]}… has more than {MAX_FILLED:,} characters with its variables filled in")
        return found

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text.replace("$$", "$"))


def _decision(
    rules: object, variables: Mapping[str, str], work: Work, when: str = "on_success", changed: Sequence[str] = ()
) -> tuple[str, bool, Mapping[str, Any]] | None:
    """What the first rule that holds says: when, whether it may fail, variables; None where none holds.

    A rule that says no ``when`` takes the job's. Source: https://docs.gitlab.com/ci/yaml/#ruleswhen
    """
    for rule in rules if isinstance(rules, list) else ():
        work.add(1)
        if isinstance(rule, list):
            decided = _decision(rule, variables, work, when, changed)
            if decided is not None:
                return decided
            continue
        if not isinstance(rule, Mapping):
            continue
        if "if" in rule and not conditions.holds(str(rule["if"]), variables, work):
            continue
        if not _files_fit(rule, variables, changed):
            continue
        return str(rule.get("when", when)), rule.get("allow_failure") is True, rule.get("variables") or {}
    return None


def _files_fit(rule: Mapping[str, Any], variables: Mapping[str, str], changed: Sequence[str]) -> bool:
    """Whether a rule's ``changes`` and ``exists`` hold.

    Sources: https://docs.gitlab.com/ci/yaml/#ruleschanges , https://docs.gitlab.com/ci/yaml/#rulesexists
    """
    for key, files in (("changes", changed), ("exists", REPOSITORY)):
        given = rule.get(key)
        if given is None or (key == "changes" and "CI_COMMIT_TAG" in variables):
            continue  # a pipeline for a tag has no commit before it to compare with
        paths = given.get("paths") if isinstance(given, Mapping) else given
        patterns = [filled(str(path), variables) for path in (paths if isinstance(paths, list) else [paths])]
        try:
            if not any(matches([pattern.replace("**/*", "**")], file) for pattern in patterns for file in files):
                return False
        except WorkflowError as problem:
            raise Unsupported(str(problem)) from None
    return True


def pipeline(
    data: Mapping[str, Any],
    predefined: Mapping[str, str],
    *,
    finding: Finding | None = None,
    changed: Sequence[str] = REPOSITORY,
) -> Pipeline:
    """Run a pipeline on virtual machines.

    Args:
        data: the file.
        predefined: GitLab's own variables.
        finding: what scanners find; nothing without it.
        changed: the files that the commit changed.

    Raises:
        Unsupported: it cannot be followed.
    """
    if "include" in data:
        raise Unsupported("it includes other files; this lab's pipeline is one file")
    known = {**predefined, **{k: v for k, v in _variables(data.get("variables"), predefined).items()}}
    workflow = data.get("workflow")
    rules = workflow.get("rules") if isinstance(workflow, Mapping) else None
    result = Pipeline()
    state = RunState(result.record, finding)
    try:
        if rules is not None:
            decided = _decision(rules, known, state.work, changed=changed)
            if decided is None or decided[0] == "never":
                return result
            known |= _variables(decided[2], known)
        result.jobs = _jobs(data, known, has_rules=rules is not None, work=state.work, changed=changed)
    except conditions.NotReadable as problem:
        raise Unsupported(str(problem)) from None
    _run(result, state)
    return result


def _jobs(
    data: Mapping[str, Any], known: Mapping[str, str], *, has_rules: bool, work: Work, changed: Sequence[str]
) -> list[Job]:
    given = data.get("stages")
    stages = [".pre", *map(str, given), ".post"] if isinstance(given, list) else list(STAGES)
    jobs = []
    if len(job_names(data)) > MAX_JOBS:
        raise Unsupported(f"it has more than {MAX_JOBS} jobs")
    for name in job_names(data):
        job = with_defaults(data, resolved(data, name))
        if "trigger" in job:
            raise Unsupported(f"{name} starts another pipeline, which is not in the file")
        stage = str(job.get("stage", "test"))
        if stage not in stages:
            raise Unsupported(f"{name} has the stage {stage}, which is not among stages")
        own = {**known, "CI_JOB_NAME": name, "CI_JOB_STAGE": stage}
        own |= _variables(job.get("variables"), own)
        when, may_fail = str(job.get("when", "on_success")), bool(job.get("allow_failure"))
        if "rules" in job:
            decided = _decision(job["rules"], own, work, when, changed)
            if decided is None or decided[0] == "never":
                continue
            own |= _variables(decided[2], own)
            when, may_fail = decided[0], may_fail or decided[1]
        elif "only" in job or "except" in job:
            raise Unsupported(f"{name} says when it runs with only or except; say it with rules")
        elif not has_rules and own.get("CI_PIPELINE_SOURCE") == "merge_request_event":
            continue  # https://docs.gitlab.com/ci/yaml/deprecated_keywords/: the default is branches and tags
        if when != "never":
            for number, values in enumerate(_combinations(name, job), 1):
                mine = own | {"CI_NODE_INDEX": str(number)} | _variables(values, own) if values else own
                full = f"{name}: [{', '.join(values.values())}]" if values else name
                jobs.append(Job(full, stages.index(stage), job, mine, when, may_fail, name))
    return sorted(jobs, key=lambda job: job.stage)


def _combinations(name: str, job: Mapping[str, Any]) -> list[dict[str, str]]:
    """The values of each job of a matrix. Source: https://docs.gitlab.com/ci/yaml/#parallelmatrix"""
    parallel = job.get("parallel")
    matrix = parallel.get("matrix") if isinstance(parallel, Mapping) else None
    if not isinstance(matrix, list):
        return [{}]
    found: list[dict[str, str]] = []
    for entry in matrix:
        if not isinstance(entry, Mapping):
            continue
        axes = {
            str(key): [_plain(one) for one in (value if isinstance(value, list) else [value])]
            for key, value in entry.items()
        }
        if math.prod(map(len, axes.values())) + len(found) > MAX_COMBINATIONS:
            raise Unsupported(f"{name} has a matrix of more than {MAX_COMBINATIONS} combinations")
        found += [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    return found or [{}]


def needs(job: Job) -> list[str] | None:
    """The jobs that a job waits for; None: all of the stages before."""
    given = job.data.get("needs")
    if not isinstance(given, list):
        return None
    names = [entry.get("job", "") if isinstance(entry, Mapping) else entry for entry in given]
    return [str(name) for name in names if name]


@dataclass
class _Kept:
    """What a job hands on: files by path, and variables of a dotenv report."""

    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)


def _run(result: Pipeline, state: RunState) -> None:
    results: dict[str, str] = {}
    kept: dict[str, _Kept] = {}
    waiting = list(result.jobs)
    while waiting:
        job = next((other for other in waiting if _ready(other, waiting, result.jobs)), None)
        if job is None:
            raise Unsupported(f"the jobs {', '.join(other.name for other in waiting[:4])} wait for each other")
        waiting.remove(job)
        if not _starts(job, result.jobs, results):
            results[job.name] = "skipped"
            continue
        result.ran.append(job.name)
        handed = [kept[name] for name in fetched(job, result.jobs) if name in kept]
        failed, found, kept[job.name] = _work(job, state, handed)
        results[job.name] = "failed" if failed and not job.may_fail else "done"
        if found and results[job.name] == "done":
            result.record.ignored.append(f"the job {job.name}")
    result.failed = "failed" in results.values()


def _work(job: Job, state: RunState, handed: Sequence[_Kept]) -> tuple[bool, bool, _Kept]:
    """Run a job: whether it fails, whether a scanner found something, and what it hands on.

    Source of the order: https://docs.gitlab.com/ci/yaml/#script , https://docs.gitlab.com/ci/yaml/#after_script
    """
    record, where = state.record, f"the job {job.name}"
    record.tell(f"{where}:")
    name, _ = _image(job)
    place = runners.place(name)
    main = "\n".join(lines(job.data, "before_script", "script"))
    after = "\n".join(lines(job.data, "after_script"))
    there = place.programs if place else runners.RUNNERS["ubuntu-latest"].programs | set(commands.MODELS)
    machine = Machine(
        state,
        commands.programs(there | commands.installed(f"{main}\n{after}")),
        place=where,
        folder=job.variables.get("CI_PROJECT_DIR", "/builds/o/r"),
        home="/root",
        no_engine=no_engine(job),
        commit=job.variables.get("CI_COMMIT_SHA", ""),
    )
    machine.local_registry = any(re.search(r"(^|/)registry(:|@|$)", image) for image in images(job)[1:])
    if job.variables.get("GIT_STRATEGY") not in ("none", "empty"):
        machine.check_out(machine.folder)
    variables = {"HOME": "/root", **job.variables, **_tokens(job)}
    for one in handed:
        variables |= one.variables
        for path, content in one.files.items():
            machine.shell.files.mkdir(f"{machine.folder}/{path}".rpartition("/")[0], recursive=True)
            machine.shell.files.write_file(f"{machine.folder}/{path}", content)
    entry = entry_point(job)
    if entry:
        record.lacks("shell", entry)
    if place is None and name and re.search(rf"\b({'|'.join(commands.MODELS)})\b", main + after):
        record.doubt(f"{where} runs in the image {name}, which is not in the table of images")
    issues = len(record.issues)
    if "run" in job.data:
        record.doubt(f"{where} has steps under run, which are not followed")
    ended = _script(machine, main, variables, place.shell if place else "bash")
    found = machine.found
    if ended.code and not found and not job.may_fail and len(record.issues) == issues:
        what = ended.said or "it printed nothing"
        record.lacks("script", f"{where} ends with exit code {ended.code}: {what}")
    if after:
        status = "failed" if ended.code else "success"
        _script(machine, after, variables | {"CI_JOB_STATUS": status}, place.shell if place else "bash")
    return ended.code != 0, found, _kept(job, machine, ended.code != 0)


def _script(machine: Machine, text: str, variables: Mapping[str, str], kind: str) -> Ended:
    strange = not_posix(text, kind)
    if kind == "busybox" and not strange and re.search(r"(?:^|[\n;&|])\s*bash\b", text) and "add" not in text:
        return Ended(127, "bash: not found")
    if strange:
        return Ended(2, f"this image has no bash, and its sh does not know {strange}")
    return machine.run(adapted(text, kind), variables, machine.folder, "-e", "-o", "pipefail")


def _tokens(job: Job) -> dict[str, str]:
    given = job.data.get("id_tokens")
    return {str(name): f"⟨{name}⟩" for name in given} if isinstance(given, Mapping) else {}


def _ready(job: Job, waiting: list[Job], jobs: list[Job]) -> bool:
    names = needs(job)
    there = {other.base for other in jobs}
    if names is None:
        return not any(other.stage < job.stage for other in waiting)
    optional = {
        str(entry.get("job")) for entry in job.data["needs"] if isinstance(entry, Mapping) and entry.get("optional")
    }
    for name in names:
        if name not in there and name not in optional:
            raise Unsupported(f"{job.name} needs {name}, and this pipeline has no such job")
        if any(other.base == name and other.stage > job.stage for other in jobs):
            raise Unsupported(f"{job.name} needs {name}, which is of a later stage")
    return not any(other.base in names for other in waiting)


def _starts(job: Job, jobs: list[Job], results: Mapping[str, str]) -> bool:
    names = needs(job)
    before = [other.name for other in jobs if (other.base in names if names is not None else other.stage < job.stage)]
    outcomes = [results[name] for name in before if name in results]
    if job.when == "always":
        return True
    if job.when == "on_failure":
        return "failed" in outcomes
    if job.when == "manual":
        return False
    if names is not None:
        return all(outcome == "done" for outcome in outcomes)
    return "failed" not in outcomes


def fetched(job: Job, jobs: list[Job]) -> list[str]:
    """The jobs whose artifacts a job gets.

    Source: https://docs.gitlab.com/ci/jobs/job_artifacts/#fetching-artifacts
    """
    given = job.data.get("needs")
    if isinstance(given, list):
        skipped = {
            str(entry.get("job")) for entry in given if isinstance(entry, Mapping) and entry.get("artifacts") is False
        }
        wanted = [name for name in needs(job) or [] if name not in skipped]
        return [other.name for other in jobs if other.base in wanted]
    listed = job.data.get("dependencies")
    before = [other for other in jobs if other.stage < job.stage]
    return [other.name for other in before if listed is None or other.base in listed]


def _kept(job: Job, machine: Machine, failed: bool) -> _Kept:
    """What a job hands on. Source: https://docs.gitlab.com/ci/yaml/#artifacts"""
    artifacts = job.data.get("artifacts")
    kept = _Kept()
    when = artifacts.get("when", "on_success") if isinstance(artifacts, Mapping) else ""
    if not isinstance(artifacts, Mapping) or (when == "on_success" and failed) or (when == "on_failure" and not failed):
        return kept
    given = artifacts.get("paths")
    left = [filled(str(path), job.variables) for path in given] if isinstance(given, list) else []
    for pattern in left:
        for path in actions.matching(machine, joined(machine.folder, pattern)):
            if path.startswith(f"{machine.folder}/") and "/.git/" not in path:
                kept.files[path.removeprefix(f"{machine.folder}/")] = machine.shell.files.read_file(path)
    reports = artifacts.get("reports")
    dotenv = reports.get("dotenv") if isinstance(reports, Mapping) else None
    for file in dotenv if isinstance(dotenv, list) else [dotenv] if dotenv else []:
        text = machine.shell.read(joined(machine.folder, filled(str(file), job.variables)))
        for line in (text or "")[:MAX_FILLED].splitlines():
            name, equals, value = line.partition("=")
            if equals and re.fullmatch(r"\w+", name):
                kept.variables[name] = value.strip("\"'")
    return kept


def _image(job: Job) -> tuple[str, Mapping[str, Any]]:
    given = job.data.get("image")
    details = given if isinstance(given, Mapping) else {}
    name = details.get("name", "") if details else given or ""
    return filled(str(name), job.variables), details


def images(job: Job) -> list[str]:
    """The image of a job and those of its services."""
    services = [
        service.get("name", "") if isinstance(service, Mapping) else service
        for service in job.data.get("services") or []
    ]
    return [_image(job)[0], *(filled(str(service), job.variables) for service in services)]


def entry_point(job: Job) -> str:
    """Why a job's container starts no shell, or nothing."""
    name, details = _image(job)
    place = runners.place(name)
    if place is not None and place.entry and ("entrypoint" not in details or not runners.has_shell(name)):
        why = "whose entry point is no shell" if runners.has_shell(name) else "an image without any shell"
        return f"The job {job.name} starts {name}, {why}, so its script is never read."
    return ""


def no_engine(job: Job) -> Issue | None:
    """Why no daemon can be reached from a job: there is none ("engine"), or no certificates for it ("tls")."""
    image, _ = _image(job)
    services = images(job)[1:]
    engines = [name for name in services if name_of(name) == "docker" and "dind" in tag_of(name)]
    if not image:
        return Issue(
            "engine", f"the job {job.name} names no image, so it gets the runner's own, which need not have docker."
        )
    if not engines:
        return Issue(
            "engine", f"the job {job.name} has no dind service. Each job starts with its own services and no others."
        )
    client, daemon = tag_of(image), tag_of(engines[0])
    stem = re.sub(r"-?dind(-rootless)?", "", daemon)
    if name_of(image) == "docker" and re.sub(r"-(cli|git)$", "", client) != stem:
        return Issue(
            "engine", f"the job {job.name} has the client docker:{client} and the daemon docker:{daemon}: two versions."
        )
    variables = job.variables
    folder, address = variables.get("DOCKER_TLS_CERTDIR"), variables.get("DOCKER_HOST", "")
    if folder is None:
        return Issue(
            "tls",
            f"nothing states DOCKER_TLS_CERTDIR for the job {job.name}, so the runner decides where certificates are.",
        )
    if not folder or address.endswith(":2375") or "--tls=false" in _service_commands(job):
        return Issue("tls", f"the job {job.name} talks to its daemon without TLS.")
    if address and not re.fullmatch(r"tcp://[\w-]+:2376", address):
        return Issue("engine", f"the job {job.name} looks for its daemon at {address}, where none is.")
    if address and not variables.get("DOCKER_TLS_VERIFY"):
        text = f"the job {job.name} sets DOCKER_HOST, and not DOCKER_TLS_VERIFY and DOCKER_CERT_PATH with it."
        return Issue("tls", text)
    return None


def _service_commands(job: Job) -> list[str]:
    """The words of the commands that the job's services are started with."""
    given = [service.get("command") for service in job.data.get("services") or [] if isinstance(service, Mapping)]
    return [str(word) for command in given for word in (command if isinstance(command, list) else [command])]


def lines(job: Mapping[str, Any], *keys: str) -> list[str]:
    """The lines of a job's scripts; lists in lists, as anchors and references make them, are one list."""
    texts: list[str] = []

    def add(value: object, depth: int) -> None:
        if isinstance(value, list) and depth < 11:
            for entry in value:
                add(entry, depth + 1)
        elif isinstance(value, str):
            texts.append(value)

    for key in keys:
        add(job.get(key) or [], 0)
    return texts
