"""The live part of the content contract: do the labs with a real engine, registry and kernel, all at one lab_run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from autograder.checks.api import Verdict
from autograder.labs import students
from autograder.labs.manifest import Lab
from autograder.quality import lab_runs
from autograder.quality.contract import SAMPLE_KEY, Finding
from autograder.quality.lab_runs import LabRun

COURSE = "contract"
BEGINNING = "every check fails with a message that helps"


def run_solved(lab_run: LabRun, lab: Lab) -> None:
    """Run a lab's notebook with all its solutions."""
    lab_run.run(lab, lab_runs.solved(lab))


def verify(
    labs: Sequence[Lab],
    report: Callable[[str], None],
    submissions: Path | None = None,
    student: str = "verifier",
    first: Callable[[LabRun, Lab], object] = run_solved,
) -> list[Finding]:
    """Every breach that shows when the labs are done: as shipped, solved, solved again, and reset.

    All labs are done in one home: first in the given order, then backwards, so each meets what the others left behind,
    and the first and the last meet it in both directions. At the end each is reset, in the same state.

    Args:
        labs: in the order in which they are done first.
        report: told a line when everything is up, and after each lab.
        submissions: a folder for what `course submit` writes of each lab when it is solved for the first time.
        student: id of whoever does the labs, in the course ``contract`` with the key ``SAMPLE_KEY``.
        first: runs a solved notebook for the first time; the second time it is always :func:`run_solved`.

    Raises:
        EnvironmentProblem: no engine.
        CourseError: `course submit` failed.
    """
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="course-verify-") as folder:
        home = Path(folder)
        began = time.monotonic()
        with lab_runs.services(home, needed=any(lab.engine for lab in labs)):
            report(f"started ({time.monotonic() - began:.0f} s)")
            lab_run = LabRun(home, students.issue(SAMPLE_KEY, COURSE, student))
            for lab in labs:
                began = time.monotonic()
                lab_run.fresh(lab)
                lab_run.run(lab, lab_runs.shipped(lab))
                found += _at_its_beginning(lab, lab_run.verdicts(lab), "as shipped")
                first(lab_run, lab)
                found += _unsolved(lab, lab_run.verdicts(lab), "solved")
                if submissions is not None:
                    lab_run.submit(lab, submissions)
                report(f"{lab.slug}: as shipped, then solved ({time.monotonic() - began:.0f} s)")
            for lab in reversed(labs):
                began = time.monotonic()
                run_solved(lab_run, lab)
                found += _unsolved(lab, lab_run.verdicts(lab), "solved again")
                lab_run.course("reset", lab.slug, "--yes")
                found += _at_its_beginning(lab, lab_run.verdicts(lab), "after a reset")
                report(f"{lab.slug}: solved again, then reset ({time.monotonic() - began:.0f} s)")
    return found


def _at_its_beginning(lab: Lab, verdicts: Mapping[str, Verdict], when: str) -> list[Finding]:
    rule, found = f"{when}, {BEGINNING}", []
    for id, verdict in verdicts.items():
        if verdict.status != "failed":
            found.append(Finding(lab.slug, rule, f"{id} is {verdict.status}: {verdict.found}", "make it need the work"))
        elif not (verdict.expected and verdict.found and verdict.next_step):
            found.append(Finding(lab.slug, rule, f"{id} leaves expected, found or next empty", "say all three"))
    return found


def _unsolved(lab: Lab, verdicts: Mapping[str, Verdict], when: str) -> list[Finding]:
    return [
        Finding(
            lab.slug,
            f"{when}, every check passes",
            f"{id} is {verdict.status}: {verdict.expected} / {verdict.found}",
            "repair the solution or the check",
        )
        for id, verdict in verdicts.items()
        if verdict.status != "passed"
    ]
