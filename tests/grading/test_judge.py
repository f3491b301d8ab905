"""From a zip to verdicts, with a sandbox and a probe that do what the real ones do, without an engine."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from autograder.grading import judge
from autograder.grading.judge import Tools
from autograder.labs import tasks


class LocalRunner:
    """The same runner program, as a process of this machine: for cells that the tests themselves wrote."""

    def __init__(self) -> None:
        self.calls = 0

    def run(self, jobs: Any) -> list[Any]:
        self.calls += 1
        return [
            json.loads(
                subprocess.run(
                    [sys.executable, "-I", "-S", str(tasks.RUNNER)], input=json.dumps(job).encode(), capture_output=True
                ).stdout
            )
            for job in jobs
        ]


class KindRegistry:
    """A probe whose registry takes everything."""

    def run(self, namespace: str, repositories: Any) -> dict[str, Any]:
        return {
            name: {
                "tags": {tag: {"digest": d, "pulled": True} for tag, d in found.tags.items()},
                "digests": dict.fromkeys(found.manifests, True),
                "error": None,
            }
            for name, (found, _) in repositories.items()
        }


@pytest.fixture
def tools(course):
    runner = LocalRunner()
    return Tools(course, sandbox=lambda: runner, probe=KindRegistry, pause=lambda seconds: None)


def points(outcome):
    return {verdict.check: verdict.points for verdict in outcome.verdicts}


def test_a_whole_submission_gets_all_points(ada, tools, tmp_path):
    outcome = judge.judge("ada.zip", ada.zip(tmp_path), tools)
    assert (outcome.status, outcome.problems) == ("graded", [])
    assert points(outcome) == {"pushed": 2, "round-trip": 1, "double": 2, "engine": 0.5}
    evidence = judge.unpacked(outcome.evidence)
    assert evidence.origin == "submission" and evidence.files["settings.txt"].text == "colour = blue\n"
    assert (
        len(evidence.tasks["double"].results) == 7 and sum(r.case.hidden for r in evidence.tasks["double"].results) == 5
    )
