"""A GitLab pipeline in one file: which jobs a pipeline has, in which order they run, and what they do.

The data is what the YAML file says, aliases and ``!reference`` filled in.
Sources: https://docs.gitlab.com/ci/yaml/ , https://docs.gitlab.com/ci/docker/using_docker_build/ ,
https://docs.gitlab.com/ci/jobs/job_rules/
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from autograder.domain.regex.globs import fits, shell_pattern
from autograder.pipelines import conditions, shell
from autograder.pipelines.job_state import MAX_JOBS, MAX_VARIABLES, Issue, JobState, Record, Unsupported, Work
from autograder.pipelines.script import follow

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
MAX_NAME: Final = 255  # bytes of a file's name on Linux
# Client images whose entry point is the program itself: GitLab has to be told to start a shell instead.
_PROGRAMS: Final = ("trivy", "grype", "crane", "skopeo", "skopeo/stable", "executor", "regctl", "oras")
_NO_CLIENT: Final = (
    *("alpine", "ubuntu", "debian", "python", "node", "busybox", "golang", "ruby", "openjdk", "trivy", "crane"),
    *("fedora", "centos", "bash", "curl", "skopeo", "stable", "buildah", "grype"),
)


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
    """

    name: str
    stage: int
    data: Mapping[str, Any]
    variables: Mapping[str, str]
    when: str
    may_fail: bool


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
    rules: object, variables: Mapping[str, str], work: Work, when: str = "on_success"
) -> tuple[str, bool, Mapping[str, Any]] | None:
    """What the first rule that holds says: when, whether it may fail, variables; None where none holds.

    A rule that says no ``when`` takes the job's. Source: https://docs.gitlab.com/ci/yaml/#ruleswhen
    """
    for rule in rules if isinstance(rules, list) else ():
        work.add(1)
        if isinstance(rule, list):
            decided = _decision(rule, variables, work, when)
            if decided is not None:
                return decided
            continue
        if not isinstance(rule, Mapping):
            continue
        if "if" in rule and not conditions.holds(str(rule["if"]), variables, work):
            continue
        return str(rule.get("when", when)), rule.get("allow_failure") is True, rule.get("variables") or {}
    return None


def pipeline(data: Mapping[str, Any], predefined: Mapping[str, str], *, gates_fail: bool = False) -> Pipeline:
    """Follow a pipeline without running it.

    Args:
        data: the file.
        predefined: GitLab's own variables.
        gates_fail: whether every gate finds something.

    Raises:
        Unsupported: it cannot be followed.
    """
    if "include" in data:
        raise Unsupported("it includes other files; this lab's pipeline is one file")
    known = {**predefined, **{k: v for k, v in _variables(data.get("variables"), predefined).items()}}
    workflow = data.get("workflow")
    rules = workflow.get("rules") if isinstance(workflow, Mapping) else None
    result, work = Pipeline(), Work()
    try:
        if rules is not None:
            decided = _decision(rules, known, work)
            if decided is None or decided[0] == "never":
                return result
            known |= _variables(decided[2], known)
        result.jobs = _jobs(data, known, has_rules=rules is not None, work=work)
    except conditions.NotReadable as problem:
        raise Unsupported(str(problem)) from None
    _run(result, gates_fail, work)
    return result


def _jobs(data: Mapping[str, Any], known: Mapping[str, str], *, has_rules: bool, work: Work) -> list[Job]:
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
            decided = _decision(job["rules"], own, work, when)
            if decided is None or decided[0] == "never":
                continue
            own |= _variables(decided[2], own)
            when, may_fail = decided[0], may_fail or decided[1]
        elif "only" in job or "except" in job:
            raise Unsupported(f"{name} says when it runs with only or except; say it with rules")
        elif not has_rules and own.get("CI_PIPELINE_SOURCE") == "merge_request_event":
            continue  # https://docs.gitlab.com/ci/yaml/deprecated_keywords/: the default is branches and tags
        if when != "never":
            jobs.append(Job(name, stages.index(stage), job, own, when, may_fail))
    return sorted(jobs, key=lambda job: job.stage)


def needs(job: Job) -> list[str] | None:
    """The jobs that a job waits for; None: all of the stages before."""
    given = job.data.get("needs")
    if not isinstance(given, list):
        return None
    names = [entry.get("job", "") if isinstance(entry, Mapping) else entry for entry in given]
    return [str(name) for name in names if name]


def _run(result: Pipeline, gates_fail: bool, work: Work) -> None:
    results: dict[str, str] = {}
    kept: dict[str, dict[str, dict[str, str]]] = {}
    pushed: set[str] = set()
    waiting = list(result.jobs)
    while waiting:
        job = next((other for other in waiting if _ready(other, waiting, result.jobs)), None)
        if job is None:
            raise Unsupported(f"the jobs {', '.join(other.name for other in waiting[:4])} wait for each other")
        waiting.remove(job)
        if not _starts(job, result.jobs, results):
            results[job.name] = "skipped"
            continue
        state = JobState(result.record, no_engine(job), pushed)
        for name in fetched(job, result.jobs):
            state.files |= kept.get(name, {})
        entry = entry_point(job)
        if entry:
            state.lacks("shell", entry)
        result.ran.append(job.name)
        gates = len(result.record.gates)
        failed = _script(job, state, gates_fail, work)
        results[job.name] = "failed" if failed and not job.may_fail else "done"
        if gates_fail and len(result.record.gates) > gates and results[job.name] == "done":
            result.record.ignored.append(f"the job {job.name}")
        kept[job.name] = _kept(job, state, work)
    result.failed = "failed" in results.values()


def _ready(job: Job, waiting: list[Job], jobs: list[Job]) -> bool:
    names = needs(job)
    there = {other.name for other in jobs}
    if names is None:
        return not any(other.stage < job.stage for other in waiting)
    optional = {
        str(entry.get("job")) for entry in job.data["needs"] if isinstance(entry, Mapping) and entry.get("optional")
    }
    for name in names:
        if name not in there and name not in optional:
            raise Unsupported(f"{job.name} needs {name}, and this pipeline has no such job")
        if any(other.name == name and other.stage > job.stage for other in jobs):
            raise Unsupported(f"{job.name} needs {name}, which is of a later stage")
    return not any(other.name in names for other in waiting)


def _starts(job: Job, jobs: list[Job], results: Mapping[str, str]) -> bool:
    names = needs(job)
    before = names if names is not None else [other.name for other in jobs if other.stage < job.stage]
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
        return [name for name in needs(job) or [] if name not in skipped]
    wanted = job.data.get("dependencies")
    before = [other.name for other in jobs if other.stage < job.stage]
    return before if wanted is None else [name for name in before if name in wanted]


def _kept(job: Job, state: JobState, work: Work) -> dict[str, dict[str, str]]:
    artifacts = job.data.get("artifacts")
    given = artifacts.get("paths") if isinstance(artifacts, Mapping) else None
    paths = [filled(str(path), job.variables) for path in given or []]
    kept: dict[str, dict[str, str]] = {}
    for path in paths:
        last = path.rstrip("/").rpartition("/")[2]
        whole = path.endswith("/") or path in (".", "*", "**") or "." not in last
        for name in state.files.keys() - kept.keys():
            work.text.spend(1 + len(last))
            if whole or _fits(last, name):
                kept[name] = state.files[name]
    return kept


def _fits(pattern: str, name: str) -> bool:
    return max(len(pattern), len(name)) <= MAX_NAME and fits(shell_pattern(pattern), name)


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
    named = {_tail(name), "/".join(name.partition("@")[0].split("/")[-2:]).partition(":")[0]}
    if named & {*_PROGRAMS} and "entrypoint" not in details:
        return f"The job {job.name} starts {name}, whose entry point is no shell, so its script is never read."
    return ""


def _tail(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _tag(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def no_engine(job: Job) -> Issue | None:
    """Why no daemon can be reached from a job: there is none ("engine"), or no certificates for it ("tls")."""
    image, _ = _image(job)
    services = images(job)[1:]
    engines = [name for name in services if _tail(name) == "docker" and "dind" in _tag(name)]
    if not image:
        return Issue(
            "engine", f"the job {job.name} names no image, so it gets the runner's own, which need not have docker."
        )
    if _tail(image) in _NO_CLIENT:
        return Issue("engine", f"the image {image} of the job {job.name} has no docker client.")
    if not engines:
        return Issue(
            "engine", f"the job {job.name} has no dind service. Each job starts with its own services and no others."
        )
    client, daemon = _tag(image), _tag(engines[0])
    stem = re.sub(r"-?dind(-rootless)?", "", daemon)
    if _tail(image) == "docker" and re.sub(r"-(cli|git)$", "", client) != stem:
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


def _script(job: Job, state: JobState, gates_fail: bool, work: Work) -> bool:
    """Run a job's script; whether it fails."""
    text = "\n".join(lines(job.data, "before_script", "script"))
    try:
        commands = shell.commands(text, job.variables, pipefail=True, budget=work.text)
    except shell.NotReadable as problem:
        raise Unsupported(f"the script of {job.name}: {problem}") from None
    work.add(len(commands))
    return follow(commands, state, f"the job {job.name}", gates_fail, work.text)
