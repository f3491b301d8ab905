"""Evidence and code tasks for the tests of checks: a lab's parameters, recorded answers, functions that were run."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.checks import api
from autograder.checks.api import Verdict
from autograder.evidence.model import Answer, Evidence, Service, TaskRun
from autograder.labs import live, tasks
from autograder.labs.manifest import Lab
from autograder.quality import contract

WHEN = "2026-01-01T00:00:00+00:00"


def evidence(
    lab: Lab,
    parameters: Mapping[str, Any],
    *,
    services: Mapping[str, Service] | None = None,
    answers: Mapping[str, Any] | None = None,
    runs: Mapping[str, TaskRun] | None = None,
    probes: Mapping[str, Any] | None = None,
    origin: str = "live",
) -> Evidence:
    """Evidence of a student whose answers are about the present state."""
    made = Evidence.model_validate(
        {
            "kit_version": "0",
            "lab": lab.slug,
            "lab_version": lab.version,
            "student": "ada",
            "origin": origin,
            "collected_at": WHEN,
            "parameters": dict(parameters),
            "services": dict(services or {}),
            "answer_inputs": live.answer_inputs(lab, parameters),
            "tasks": dict(runs or {}),
            "probes": dict(probes or {}),
        }
    )
    recorded = {
        name: Answer(value=value, recorded_at=WHEN, inputs=made.current_inputs(name))
        for name, value in (answers or {}).items()
    }
    return made.model_copy(update={"answers": recorded})


def verdicts(lab: Lab, found: Evidence, only: Sequence[str] | None = None) -> dict[str, Verdict]:
    """The lab's checks on evidence, or those that are named, by id."""
    return {verdict.check: verdict for verdict in api.run(lab.declared_checks(), found, lab.points, only)}


def source_of(function: Callable[..., Any], name: str) -> str:
    """A function of a test as the cell of a task, under the task's name."""
    written = textwrap.dedent(inspect.getsource(function))
    return "from __future__ import annotations\n" + written.replace(f"def {function.__name__}(", f"def {name}(", 1)


def run(lab: Lab, task: str, source: str, parameters: Mapping[str, Any], student: str = "ada") -> TaskRun:
    """A task's cell, run as the student's machine runs it, on the visible and the hidden cases."""
    part = lab.tasks[task]
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": [f"task:{task}"]}}
    extracted = tasks.extract({"cells": [cell]}, task, part.function)
    cases = live.visible_cases(lab, parameters).get(task, []) + contract.hidden_cases(lab, student).get(task, [])
    return tasks.run_locally(extracted, part.function, cases, part.seconds)


def failed(verdict: Verdict, found: str) -> None:
    """It failed, saying exactly this, with what was expected and what to do next."""
    assert (verdict.status, verdict.found) == ("failed", found)
    assert verdict.points == 0 and verdict.expected and verdict.next_step and verdict.blocked_by is None
