"""One submission from zip to verdicts, in three steps: read, engine (code tasks and probes), verdicts.

:func:`judge` is what happens inside the walls (:mod:`autograder.grading.walls`); it writes no file and returns plain
data, so it runs the same way in this process, in a child process and on a cluster. Each step is told before it begins;
one that was ended is not tried again: its price is said by :class:`Progress`, and the next try goes on after it.
:func:`rejudge` repeats only the judging, from stored evidence.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from autograder import __version__
from autograder.checks.api import Verdict, Watch, run
from autograder.evidence import leads
from autograder.evidence.model import EVIDENCE, Case, Evidence, TaskRun
from autograder.evidence.submission_zip import Header
from autograder.formats import JsonObject, Unreadable
from autograder.grading import cases, intake, limits, probes, rules
from autograder.grading.archive import Archive
from autograder.grading.engine_calls import TRIES, retried
from autograder.grading.intake import Submission
from autograder.grading.people import Course
from autograder.grading.probes import RunsProbe, Subject
from autograder.grading.problems import Refused
from autograder.grading.progress import Progress
from autograder.grading.sandbox import Disturbed, SandboxFault
from autograder.grading.sanitize import clean_notebook, plain_notebook
from autograder.grading.verdict_file import Status
from autograder.labs import live, tasks
from autograder.labs.manifest import Lab
from autograder.labs.tasks import Job
from autograder.services.throwaway import ProbeFault

STANDS = "That stands; to try it again, run `python3 course.py grade` with --force and this zip alone."


class RunsJobs(Protocol):
    """What the judge needs of a sandbox."""

    def run(self, jobs: Sequence[Job]) -> list[Any]:
        """One answer a job; raises SandboxFault or Disturbed."""


@dataclass(frozen=True)
class Tools:
    """What a worker brings along. Sandbox and probes (by name) are made at the first need: not every lab has them."""

    course: Course
    sandbox: Callable[[], RunsJobs]
    probe: Callable[[str], RunsProbe]
    pause: Callable[[float], None] = time.sleep


@dataclass
class Outcome:
    """What became of one submission.

    Attributes:
        source: what it is called in the report (a file name, or ``outer.zip: inner.zip``).
        sha256: of the zip, hex.
        status: graded; refused (``problems`` says why); not_graded (a fault of the infrastructure).
        evidence: gzip of the Evidence as JSON; None when it never came to that.
        notebook: the notebook as a grader may see it.
        claims: texts that tell whose work it is.
        retries: how often something of the engine had to be tried again.
        seconds: part -> wall time in seconds.
        judged_by: fingerprint of the rules, as the process that judged had them; None when it never came to that.
        probe_versions: as in the evidence.
        place: which process judged it.
        leads: signs that its evidence was written by hand.
    """

    source: str
    sha256: str
    status: Status = "not_graded"
    header: Header | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    evidence: bytes | None = None
    notebook: dict[str, Any] | None = None
    claims: frozenset[str] = frozenset()
    retries: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    judged_by: str | None = None
    probe_versions: dict[str, int] = field(default_factory=dict)
    place: str = "this process"
    leads: tuple[str, ...] = ()

    @property
    def student(self) -> str:
        """The student's id; empty when unknown."""
        return self.header.student if self.header else ""

    @property
    def lab(self) -> str:
        """The lab's slug; empty when unknown."""
        return self.header.lab if self.header else ""


def judge(
    name: str,
    content: Path | bytes,
    tools: Tools,
    sha256: str = "",
    header: Header | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Judge one submission. An unexpected error is an outcome that is not graded, with its trace.

    Args:
        name: what to call it in the report.
        content: the zip's path, or its bytes where the path means nothing (on another machine).
        tools: the worker's.
        sha256: of the zip, hex, where it is known already.
        header: its submission.json, likewise.
        progress: told of each step.

    Raises:
        MemoryError: it asks for more memory than there is; nothing else.
    """
    progress = progress or Progress()
    progress.step("read")
    outcome = Outcome(name, sha256, header=header)
    try:
        outcome.sha256 = outcome.sha256 or sha256_of(content)
        _judge(outcome, content if isinstance(content, Path) else io.BytesIO(content), tools, progress)
    except MemoryError:  # whoever watches says what that means, and the step
        raise
    except Refused as reason:
        outcome.status = "refused"
        outcome.problems.append(str(reason))
    except Exception as error:
        outcome.status = "not_graded"
        problem, trace = failure(error)
        outcome.problems.append(problem)
        outcome.notes.append(trace)
    return outcome


def failure(error: BaseException) -> tuple[str, str]:
    """An unexpected error as a sentence, and the end of its trace."""
    trace = "".join(traceback.format_exception(error, limit=-4))
    return f"The grader failed: {type(error).__name__}: {error}", trace


def sha256_of(content: Path | bytes) -> str:
    """SHA-256 (hex) of a file or of bytes."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _judge(outcome: Outcome, source: Path | BinaryIO, tools: Tools, progress: Progress) -> None:
    clock = _Clock(outcome.seconds)
    with Archive(source) as archive:
        outcome.header = outcome.header or intake.header_of(archive)
        submission = intake.read(archive, tools.course, outcome.header, lambda part: progress.step("read", part))
        outcome.judged_by = rules.fingerprint(submission.lab)  # first: what changes from here on did not judge
        outcome.problems += submission.problems
        outcome.notes += submission.notes
        outcome.claims = submission.claims
        outcome.notebook, note = _page(submission, progress)
        outcome.notes += [note] if note else []
        clock.lap("intake")
        runs, retries = _tasks(submission, tools, progress)
        clock.lap("sandbox")
        seed = tools.course.grading_seed(submission.header.student, submission.lab.slug)
        found, more = _probes(Subject(submission, archive, outcome.sha256, seed), tools, progress)
        outcome.retries = retries + more
        clock.lap("probe")
    evidence = evidence_of(submission, runs, found, outcome.sha256)
    outcome.probe_versions = evidence.probe_versions
    outcome.verdicts = verdicts(submission.lab, evidence, progress)
    outcome.notes += [f"{name}: {note}" for name, task in runs.items() for note in task.notes]
    outcome.notes += [f"{words} {STANDS}" for step, words in progress.over.items() if step != "page"]
    progress.step("write")
    outcome.leads = leads.found(evidence)
    outcome.evidence = packed(evidence)
    if len(outcome.evidence) > limits.EVIDENCE:
        size = len(outcome.evidence)
        outcome.evidence, outcome.verdicts = None, []
        raise Refused(too_much(size))
    outcome.status = status_of(outcome.verdicts)
    clock.lap("checks")


def _page(submission: Submission, progress: Progress) -> tuple[dict[str, Any], str]:
    """The notebook as a grader may see it, and a note where it is shown as plain text."""
    words = progress.over.get("page")
    if words is None:
        progress.step("page")
        return clean_notebook(submission.notebook or {}), ""
    return plain_notebook(submission.notebook or {}), f"The notebook is shown as plain text. {words}"


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds, self._last = seconds, time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._seconds[name], self._last = now - self._last, now


def too_much(size: int) -> str:
    """Why evidence that has ``size`` bytes when packed is not kept."""
    most = limits.EVIDENCE >> 20
    return f"Its evidence has {size >> 20} MiB when packed; at most {most} MiB are kept. Hand in what the lab asks for."


def evidence_of(submission: Submission, runs: dict[str, TaskRun], found: JsonObject, sha256: str) -> Evidence:
    """A submission as evidence, with its tasks' runs and the results of its probes."""
    header, lab = submission.header, submission.lab
    return Evidence(
        kit_version=__version__,
        lab=lab.slug,
        lab_version=lab.version,
        student=header.student,
        origin="submission",
        collected_at=header.written_at,
        parameters=submission.parameters,
        services=submission.services,
        answers=submission.answers,
        answer_inputs=live.answer_inputs(lab, submission.parameters),
        files=submission.files,
        tasks=runs,
        probes=found,
        probe_versions=probes.versions(lab),
        journal=submission.journal,
        engine=submission.engine,
        images=submission.images,
        submission_sha256=sha256,
    )


def _tasks(submission: Submission, tools: Tools, progress: Progress) -> tuple[dict[str, TaskRun], int]:
    """Every code task's run, and how many times the engine had to be asked again."""
    if progress.has("tasks"):
        known: tuple[dict[str, TaskRun], int] = progress.get("tasks")
        return known
    words = progress.over.get("tasks")
    if words is not None:
        parts = submission.lab.tasks.items()
        return {name: TaskRun(function=part.function, status="broken", message=words) for name, part in parts}, 0
    if submission.lab.tasks:
        progress.step("tasks")
    done = _run_tasks(submission, tools)
    if submission.lab.tasks:
        progress.keep("tasks", done)
    return done


def _run_tasks(submission: Submission, tools: Tools) -> tuple[dict[str, TaskRun], int]:
    lab = submission.lab
    every = cases.all_cases(lab, tools.course, submission.header.student, submission.parameters)
    done: dict[str, TaskRun] = {}
    ready: dict[str, tuple[tasks.Extracted, list[Case], Job]] = {}
    for name, part in lab.tasks.items():
        extracted = tasks.extract(submission.notebook or {}, name, part.function)
        not_run = tasks.without_run(extracted, part.function)
        if not_run is not None:
            done[name] = not_run
        else:
            job = tasks.job(extracted.source, part.function, every[name], part.seconds)
            ready[name] = (extracted, every[name], job)
    if not ready:
        return done, 0
    retries = 0
    every_job = [job for *_, job in ready.values()]
    try:
        answers, retries = retried(lambda: tools.sandbox().run(every_job), (SandboxFault,), tools.pause)
        for (name, (extracted, inputs, _)), answer in zip(ready.items(), answers, strict=True):
            done[name] = tasks.collect(extracted, lab.tasks[name].function, inputs, answer)
    except SandboxFault as fault:
        for name in ready:
            done[name] = TaskRun(function=lab.tasks[name].function, status="fault", message=str(fault))
        retries = TRIES - 1
    except Disturbed:  # once more, each in a container of its own: the others must not suffer, nor must bad luck count
        for name, (extracted, inputs, job) in ready.items():
            done[name], again = _alone(lab.tasks[name].function, extracted, inputs, job, tools)
            retries += again  # of the engine; what the student's code did is in the verdict
    return {name: done[name] for name in lab.tasks}, retries


def _alone(
    function: str, extracted: tasks.Extracted, inputs: list[Case], job: Job, tools: Tools
) -> tuple[TaskRun, int]:
    try:
        answers, retries = retried(lambda: tools.sandbox().run([job]), (SandboxFault,), tools.pause)
        return tasks.collect(extracted, function, inputs, answers[0]), retries
    except SandboxFault as fault:
        return TaskRun(function=function, status="fault", message=str(fault)), TRIES - 1
    except Disturbed as reason:
        message = f"The cell was stopped: {reason}."
        return TaskRun(function=function, status="broken", message=message, notes=extracted.notes), 0


def _probes(subject: Subject, tools: Tools, progress: Progress) -> tuple[JsonObject, int]:
    """The results of the probes that the lab asks for, and how many times one had to be tried again."""
    found: JsonObject = {}
    retries = 0
    for name in subject.submission.lab.probes:
        step = f"probe {name}"
        if progress.has(step):
            found[name] = progress.get(step)
        elif step in progress.over:
            found[name] = {"limit": progress.over[step]}
        else:
            progress.step(step)
            found[name], again = _probed(name, subject, tools)
            retries += again
            progress.keep(step, found[name])
    return found, retries


def _probed(name: str, subject: Subject, tools: Tools) -> tuple[Any, int]:
    try:
        result, retries = retried(lambda: tools.probe(name).run(subject), (ProbeFault,), tools.pause)
    except ProbeFault as fault:
        return {"fault": str(fault)}, TRIES - 1
    return _storable(result), retries


def _storable(result: Any) -> Any:
    """A result without halves of characters: names in a submission may hold them, and UTF-8 cannot."""
    return json.loads(json.dumps(result, ensure_ascii=False).encode("utf-8", errors="replace"))


def verdicts(lab: Lab, evidence: Evidence, progress: Progress | None = None) -> list[Verdict]:
    """One verdict a check of the lab, in order."""
    return run(lab.declared_checks(), evidence, lab.points, watch=_Watch(progress or Progress()))


class _Watch(Watch):
    """Tells of each check, and takes over what an earlier try has judged."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def before(self, id: str) -> Verdict | str | None:
        step = f"check {id}"
        if self._progress.has(step):
            verdict: Verdict = self._progress.get(step)
            return verdict
        if step in self._progress.over:
            return self._progress.over[step]
        self._progress.step(step)
        return None

    def after(self, verdict: Verdict) -> None:
        self._progress.keep(f"check {verdict.check}", verdict)


def status_of(given: Sequence[Verdict]) -> Status:
    """graded when every check was judged, or says itself that a person has to."""
    return "not_graded" if any(v.status == "not_graded" and not v.review for v in given) else "graded"


def packed(evidence: Evidence) -> bytes:
    """Evidence as it is stored: gzip over JSON, the same bytes for the same evidence."""
    return gzip.compress(evidence.model_dump_json().encode(), compresslevel=6, mtime=0)


def unpacked(content: bytes) -> Evidence:
    """Stored evidence.

    Raises:
        Unreadable: damaged, or of another form.
        Newer: a newer kit wrote it.
    """
    try:
        return EVIDENCE.from_json(gzip.decompress(content))
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise Unreadable(
            expected=f"{EVIDENCE.name} as gzip", detail=f"damaged: {error}", next_step=EVIDENCE.next_step
        ) from None


@dataclass(frozen=True)
class Rejudged:
    """What judging stored evidence again gives.

    Attributes:
        evidence: as it is to be stored now.
        verdicts: of every check.
        notes: what to know about it.
        steps: how the evidence changed, a part at a time: in words, and the evidence behind that change.
        on_old: the results of probes that are not of the present version and that checks rest on.
    """

    evidence: Evidence
    verdicts: list[Verdict]
    notes: list[str]
    steps: list[tuple[str, Evidence]]
    on_old: list[OldResult]


@dataclass(frozen=True)
class OldResult:
    """A result of a probe that is not of its present version, and could not be made anew from evidence.

    Attributes:
        probe: its name.
        checks: ids of the checks that rest on it.
        said: why, and what to do.
    """

    probe: str
    checks: tuple[str, ...]
    said: str


EVIDENCE_OF = "Evidence of version"
INPUTS_CHANGED = "Its inputs changed since it was run: grade the submission again with --force."
ON_OLD = "Judged on the result of version"
WITHOUT = "Judged without a result of the probe"


def is_of_judging(note: str) -> bool:
    """Whether a note is about judging stored evidence again, so that the next time makes it anew."""
    return note.startswith((EVIDENCE_OF, ON_OLD, WITHOUT)) or note.endswith(INPUTS_CHANGED)


def rejudge(lab: Lab, evidence: Evidence, course: Course, progress: Progress | None = None) -> Rejudged:
    """Judge stored evidence again with the present checks, cases and points.

    No task is run. Of the probes those whose version changed are run again, as far as they need nothing but evidence.
    """
    progress = progress or Progress()
    notes: list[str] = []
    if evidence.lab_version != lab.version:
        notes.append(f"{EVIDENCE_OF} {evidence.lab_version} of the lab, judged with {lab.version}.")
    steps: list[tuple[str, Evidence]] = []
    runs = _refreshed(lab, evidence, course, notes)
    if _differ(runs, evidence.tasks):
        steps.append(("expected results changed", evidence := evidence.model_copy(update={"tasks": runs})))
    missed: dict[str, str] = {}
    for name in lab.probes:
        have, want = _version_of(name, evidence), probes.version(name, lab)
        if have == want:
            continue
        fresh, reason = _probed_again(name, lab, evidence, course, progress)
        if fresh is None:
            said = f"{ON_OLD} {have} of the probe {name}" if have else f"{WITHOUT} {name}"
            missed[name] = f"{said}, {reason}; grade the submission again with --force for version {want}."
            continue
        words = f"version {want} of the probe {name}" + (f" instead of {have}" if have else "")
        steps.append((words, evidence := fresh))
    judged = verdicts(lab, evidence, progress)
    progress.step("reasons")
    on_old = [OldResult(name, _resting_on(name, lab, evidence, judged), said) for name, said in missed.items()]
    on_old = [one for one in on_old if one.checks]
    return Rejudged(evidence, judged, [*notes, *(one.said for one in on_old)], steps, on_old)


def _version_of(name: str, evidence: Evidence) -> int:
    """The version of a probe that gave what stored evidence has; 0 where it has nothing."""
    return evidence.probe_versions.get(name, 1) if name in evidence.probes else 0


def _refreshed(lab: Lab, evidence: Evidence, course: Course, notes: list[str]) -> dict[str, TaskRun]:
    """Stored runs with the present expected results; adds to the notes what could not be told without running."""
    if not evidence.tasks:
        return {}
    present = cases.all_cases(lab, course, evidence.student, dict(evidence.parameters))
    runs = dict(evidence.tasks)
    for name, task in evidence.tasks.items():
        fresh = cases.refreshed(task, present[name]) if name in present else task
        if fresh is None:
            fresh = TaskRun(function=task.function, status="fault", message=INPUTS_CHANGED)
            notes.append(f"{name}: {INPUTS_CHANGED}")
        runs[name] = fresh
    return runs


def _differ(runs: dict[str, TaskRun], others: Mapping[str, TaskRun]) -> bool:
    """Whether they would be stored otherwise. To Python True equals 1, so the models cannot simply be compared."""
    return any(run.model_dump_json() != others[name].model_dump_json() for name, run in runs.items())


def _probed_again(
    name: str, lab: Lab, evidence: Evidence, course: Course, progress: Progress
) -> tuple[Evidence | None, str]:
    """Evidence with a probe's present result; or None and why it cannot be had from evidence."""
    again = probes.PROBES[name].again
    if again is None:
        return None, "which needs the zip or an engine"
    step = f"probe {name}"
    try:
        if step in progress.over:
            return None, f"which could not be made anew ({progress.over[step]})"
        progress.step(step)
        result = _storable(again(lab, evidence, course.grading_seed(evidence.student, lab.slug)))
    except ProbeFault as fault:
        return None, f"which could not be run again ({fault})"
    others = {probe: number for probe, number in evidence.probe_versions.items() if probe != name}
    version = probes.version(name, lab)
    numbers = others | ({name: version} if version != 1 else {})
    return evidence.model_copy(update={"probes": {**evidence.probes, name: result}, "probe_versions": numbers}), ""


def _resting_on(probe: str, lab: Lab, evidence: Evidence, judged: Sequence[Verdict]) -> tuple[str, ...]:
    """Ids of the checks that rest on a probe: those that are not graded where it failed, or where it was not run."""
    failed = evidence.model_copy(update={"probes": {**evidence.probes, probe: {"fault": "to see who asks"}}})
    before = {verdict.check: verdict for verdict in judged}
    return tuple(v.check for v in verdicts(lab, failed) if v.status == "not_graded" and v != before[v.check])


def now() -> str:
    """The time, RFC 3339, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
