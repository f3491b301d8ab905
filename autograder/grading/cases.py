"""All cases of a lab's code tasks: visible ones, hidden ones, and what a change of them means for a stored run."""

from __future__ import annotations

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case, TaskRun
from autograder.grading.people import Course
from autograder.labs import hidden
from autograder.labs.live import visible_cases
from autograder.labs.manifest import Lab, Parameters


def all_cases(lab: Lab, course: Course, student: str, parameters: Parameters) -> dict[str, list[Case]]:
    """Visible, then hidden cases of every task; the hidden ones are drawn with the student's grading seed.

    Raises:
        ValueError: hidden.py has cases for a task that lab.toml does not know.
    """
    drawn = hidden.cases(lab, SeededRandom(course.grading_seed(student, lab.slug)), parameters)
    unknown = sorted(set(drawn) - set(lab.tasks))
    if unknown:
        raise ValueError(f"solutions/{lab.slug}/hidden.py has cases for {', '.join(unknown)}, not in lab.toml")
    visible = visible_cases(lab, parameters)
    return {name: visible.get(name, []) + drawn.get(name, []) for name in lab.tasks}


def refreshed(run: TaskRun, cases: list[Case]) -> TaskRun | None:
    """A stored run with the present expected results.

    Returns:
        the run, with its cases replaced by the present ones of the same inputs; None when there is a present case
        whose inputs were never run, so that only running again can tell.
    """
    if run.status != "ran":
        return run
    done = {_inputs(result.case): result for result in run.results}
    if any(_inputs(case) not in done for case in cases):
        return None
    return run.model_copy(
        update={"results": tuple(done[_inputs(case)].model_copy(update={"case": case}) for case in cases)}
    )


def _inputs(case: Case) -> str:
    return Case(kind="", args=case.args, expected=None).model_dump_json()
