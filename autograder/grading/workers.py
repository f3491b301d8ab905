"""What runs inside the walls: judge a submission, with tools that are made once a process."""

from __future__ import annotations

import atexit
import contextlib
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import CourseError
from autograder.evidence.submission_zip import Header
from autograder.grading import engine_calls, judge, probes, rules
from autograder.grading.judge import Outcome, Tools
from autograder.grading.people import Course
from autograder.grading.probes import RunsProbe
from autograder.grading.progress import Progress
from autograder.grading.sandbox import Allowance, Sandbox, SandboxFault, Timed, build
from autograder.labs.manifest import Lab
from autograder.services import engine, orphans
from autograder.services.throwaway import ProbeFault

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class Candidate:
    """A zip of a unit.

    Attributes:
        name: in the report.
        content: its path or (for other machines) its bytes.
        sha256: of the zip, hex; empty where nobody has read it yet.
        header: its submission.json, likewise.
    """

    name: str
    content: Path | bytes
    sha256: str = ""
    header: Header | None = None


@dataclass(frozen=True)
class Unit:
    """One student's submissions for one lab, the newest first. The first that is not refused counts."""

    student: str
    lab: str
    candidates: tuple[Candidate, ...]


@dataclass
class _Kit:
    """A process's engine client, sandbox and probes, each made at the first need."""

    client: DockerClient | None = None
    sandbox: Sandbox | None = None
    probes: dict[str, RunsProbe] = field(default_factory=dict)
    allowance: Allowance = field(default_factory=Allowance)  # of the submission that is being judged

    def get_sandbox(self) -> Timed:
        """The sandbox, for as long as the submission may have it.

        Raises:
            SandboxFault: the engine failed.
        """
        try:
            if self.client is None:
                self.client = engine.connect()
                orphans.sweep(self.client)  # of earlier workers on this machine, where no `grade` runs
            if self.sandbox is None:
                self.sandbox = Sandbox(self.client, build(self.client))
        except engine_calls.faults() as fault:  # whoever asks tries again
            raise SandboxFault(f"the engine failed: {engine_calls.words(fault)}") from None
        return Timed(self.sandbox, self.allowance)

    def get_probe(self, name: str) -> RunsProbe:
        if name not in self.probes:
            try:
                self.probes[name] = probes.PROBES[name].make()
            except engine_calls.faults() as fault:
                raise ProbeFault(engine_calls.words(fault)) from None
        return self.probes[name]


_kit = _Kit()


def judge_one(progress: Progress, candidate: Candidate, course: Course) -> Outcome:
    """Judge a zip, in this process. The outcome names the rules that this process has loaded.

    Args:
        progress: told of each step.
        candidate: the zip.
        course: the class, or as much of it as this student needs.
    """
    known = candidate.header.lab if candidate.header is not None else ""
    by = rules_by_lab(course, [known])[known] if known else None  # first: checks stay as they were when loaded
    _kit.allowance = Allowance()
    tools = Tools(course, sandbox=_kit.get_sandbox, probe=_kit.get_probe)
    outcome = judge.judge(candidate.name, candidate.content, tools, candidate.sha256, candidate.header, progress)
    outcome.place = f"process {os.getpid()} on {platform.node()}"
    if by is not None and outcome.judged_by not in (None, by):
        outcome.judged_by = f"{by} and {outcome.judged_by}"  # changed in between: files of the one, code of another
    return outcome


OTHER_RULES = (
    "It was judged by other checks than this kit's ({where} has the rules {theirs}, here they are {ours}), so nothing "
    "was kept. Bring the kit there to this version, start the worker anew, then run the same command again."
)
in_child = False  # set where checks are loaded once and kept, whatever happens to their files
_rules: dict[tuple[Path, tuple[tuple[str, float], ...]], str] = {}


def rules_of(lab: Lab) -> str:
    """The fingerprint of a lab's rules as this process has them.

    In a child checks are loaded once and stay as they were, whatever happens to their files: so it is taken at the
    first need.
    """
    if not in_child:
        return rules.fingerprint(lab)
    key = lab.source.manifest, tuple(lab.points.items())
    if key not in _rules:
        _rules[key] = rules.fingerprint(lab)
    return _rules[key]


def rules_by_lab(course: Course, slugs: Sequence[str]) -> dict[str, str]:
    """What :func:`rules_of` says for each lab; "" for one that this machine does not have."""
    found = {}
    for slug in slugs:
        try:
            found[slug] = rules_of(course.labs.find(slug))
        except CourseError:
            found[slug] = ""
    return found


def close() -> None:
    """Remove what this process started and let go of the engine; harmless to repeat."""
    global _kit
    kit, _kit = _kit, _Kit()
    for one in [*kit.probes.values(), kit.client]:
        if one is not None:
            with contextlib.suppress(*engine_calls.faults()):  # what it leaves has labels; the next sweep finds it
                one.close()


atexit.register(close)
