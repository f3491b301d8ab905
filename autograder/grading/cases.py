"""All cases of a lab's code tasks: visible ones, hidden ones, and what a change of them means for a stored run.

Hidden cases are drawn when a submission is graded, from lists that another version of the kit may have changed. So
the evidence keeps every case that was run, inputs and expected result, and judging again rests on these
(:func:`refreshed`); the values and fleets that the probe ``hidden`` drew are in the evidence as well. A word more in a
list changes no verdict of a class, nor asks for its submissions again.
"""

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
    return {name: lab.cases_of(name, visible.get(name, []) + drawn.get(name, [])) for name in lab.tasks}


def refreshed(run: TaskRun, cases: list[Case]) -> TaskRun | None:
    """A stored run with the present expected results.

    A case that was run with inputs that are drawn today too has today's expected result, so a correction reaches it.
    One whose inputs are not drawn any more, since lists have changed, stays as it was run, as long as there are cases
    of its kind. One of a kind that there is no more was taken out, and does not count.

    Returns:
        the run; None when there is a case of a kind that was never run, so that only running again can tell.
    """
    if run.status != "ran":
        return run
    present, kinds = {_inputs(case): case for case in cases}, {case.kind for case in cases}
    if kinds - {result.case.kind for result in run.results} - _known(run, present):
        return None
    kept = []
    for result in run.results:
        case = present.get(_inputs(result.case))
        if case is not None:
            kept.append(result.model_copy(update={"case": case}))
        elif result.case.kind in kinds:
            kept.append(result)
    return run.model_copy(update={"results": tuple(kept)})


def _known(run: TaskRun, present: dict[str, Case]) -> set[str]:
    """The kinds, as they are called today, of the inputs that were run: a kind may have got another name."""
    return {case.kind for result in run.results if (case := present.get(_inputs(result.case))) is not None}


def _inputs(case: Case) -> str:
    return Case(kind="", args=case.args, expected=None).model_dump_json()
