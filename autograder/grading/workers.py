"""What runs in a worker: judge the submissions of one student for one lab, with tools that are made once a process."""

from __future__ import annotations

import atexit
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.errors import CourseError
from autograder.evidence.submission_zip import Header
from autograder.grading import judge, probes, rules
from autograder.grading.judge import Outcome, Tools
from autograder.grading.people import Course
from autograder.grading.probes import RunsProbe
from autograder.grading.sandbox import Sandbox, build
from autograder.labs.manifest import Lab
from autograder.services import engine, orphans
from autograder.services.orphans import Owner

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
    """A worker process's engine client, sandbox and probes, each made at the first need."""

    client: DockerClient | None = None
    sandbox: Sandbox | None = None
    probes: dict[str, RunsProbe] = field(default_factory=dict)

    def get_sandbox(self) -> Sandbox:
        if self.sandbox is None:
            if self.client is None:
                self.client = engine.connect()
                orphans.sweep(self.client)  # of earlier workers on this machine, where no `grade` runs
            self.sandbox = Sandbox(self.client, build(self.client))
        return self.sandbox

    def get_probe(self, name: str) -> RunsProbe:
        if name not in self.probes:
            self.probes[name] = probes.PROBES[name].make()
        return self.probes[name]


_kit = _Kit()


def work(unit: Unit, course: Course, master: Owner | None = None) -> tuple[Owner, list[Outcome]]:
    """Judge a unit.

    Args:
        unit: what to judge.
        course: the class.
        master: the process that this one works for, on the same machine (see ``orphans.act_for``).

    Returns:
        this process (for the clean-up), and the outcomes: refused ones, then the one that counts.
    """
    if master is not None:
        orphans.act_for(master)
    tools = Tools(course, sandbox=_kit.get_sandbox, probe=_kit.get_probe)
    outcomes: list[Outcome] = []
    for candidate in unit.candidates:
        outcomes.append(judge.judge(candidate.name, candidate.content, tools, candidate.sha256, candidate.header))
        if outcomes[-1].status != "refused":
            break
    return orphans.owner(), outcomes


OTHER_RULES = (
    "It was judged by other checks than this kit's ({where} has the rules {theirs}, here they are {ours}), so nothing "
    "was kept. Bring the kit there to this version, start the worker anew, then run the same command again."
)
_rules: dict[tuple[Path, tuple[tuple[str, float], ...]], str] = {}


def rules_of(lab: Lab) -> str:
    """The fingerprint of a lab's rules as this worker process has them.

    Checks are loaded once and stay as they were, whatever happens to their files: so it is taken at the first need.
    """
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


def work_elsewhere(unit: Unit, course: Course, master: Owner | None) -> tuple[Owner, list[Outcome]]:
    """:func:`work` in a process of its own. The outcomes name the rules that this process has loaded."""
    by = rules_by_lab(course, [unit.lab])[unit.lab]
    owner, outcomes = work(unit, course, master)
    for outcome in outcomes:
        outcome.place = f"process {os.getpid()} on {platform.node()}"
        if outcome.judged_by is not None and outcome.judged_by != by:
            outcome.judged_by = f"{by} and {outcome.judged_by}"  # changed in between: files of the one, code of another
    return owner, outcomes


def close() -> None:
    """Remove what this process started and let go of the engine; harmless to repeat."""
    global _kit
    kit, _kit = _kit, _Kit()
    for one in kit.probes.values():
        one.close()
    if kit.client is not None:
        kit.client.close()


atexit.register(close)
