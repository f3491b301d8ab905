"""The live part of the content contract: do the lab with a real engine, registry and kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from autograder.checks.api import Verdict
from autograder.labs import students
from autograder.labs.manifest import Lab
from autograder.quality import rehearsal
from autograder.quality.contract import SAMPLE_KEY, Finding
from autograder.quality.rehearsal import Rehearsal


def verify(lab: Lab, report: Callable[[str], None]) -> list[Finding]:
    """Every breach that shows when the lab is done: as shipped, solved, and solved again.

    Raises:
        EnvironmentProblem: no engine.
    """
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="course-verify-") as folder:
        home = Path(folder)
        with rehearsal.services(home):
            desk = Rehearsal(home, students.issue(SAMPLE_KEY, "contract", "verifier"))
            desk.fresh(lab)
            report(f"{lab.slug}: as shipped")
            desk.run(lab, rehearsal.shipped(lab))
            found += _as_shipped(lab, desk.verdicts(lab))
            for time in ("solved", "solved again"):
                report(f"{lab.slug}: {time}")
                desk.run(lab, rehearsal.solved(lab))
                found += _solved(lab, desk.verdicts(lab), time)
    return found


def _as_shipped(lab: Lab, verdicts: Mapping[str, Verdict]) -> list[Finding]:
    rule = "as shipped, every check fails with a message that helps"
    found = []
    for id, verdict in verdicts.items():
        if verdict.status != "failed":
            found.append(Finding(lab.slug, rule, f"{id} is {verdict.status}: {verdict.found}", "make it need the work"))
        elif not (verdict.expected and verdict.found and verdict.next_step):
            found.append(Finding(lab.slug, rule, f"{id} leaves expected, found or next empty", "say all three"))
    return found


def _solved(lab: Lab, verdicts: Mapping[str, Verdict], time: str) -> list[Finding]:
    rule = f"{time}, every check passes"
    return [
        Finding(lab.slug, rule, f"{id} is {v.status}: {v.expected} / {v.found}", "repair the solution or the check")
        for id, v in verdicts.items()
        if v.status != "passed"
    ]
