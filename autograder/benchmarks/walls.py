"""What the walls cost: the same submissions judged in this process and in a child; goal: at most a tenth more."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from autograder.errors import EnvironmentProblem
from autograder.grading import batch, people, walled
from autograder.grading.walls import Calls, Open
from autograder.grading.workers import Candidate, Unit
from autograder.labs import manifest
from autograder.quality import lab_runs, samples

PAIRS = 150  # each submission is judged twice, once in each place
GOAL = 1.10


def run() -> list[dict[str, object]]:
    """Judge sample submissions of all labs, each in both places one after the other, the first place by turns.

    Returns:
        one row a place: seconds a submission; the last row has the ratio.

    Raises:
        EnvironmentProblem: no engine, or a sample is judged otherwise in one of the places.
    """
    spent = {"in this process": 0.0, "inside the walls": 0.0}
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place, lab_runs.at(Path(place)):
        zips = samples.set_up(Path(place))
        course = people.load()
        units = [_unit(file) for file in zips]
        labs = {unit.lab: manifest.find(unit.lab) for unit in units}
        work = batch.Batch(course, jobs=1)
        with work.ready(batch.Plan(units, [], labs)), work.crew.one() as child:
            places: dict[str, Calls] = {"in this process": Open(), "inside the walls": child}
            for walls in places.values():
                for unit in _one_of_each(units):  # modules loaded, scans kept, registries up
                    walled.work(unit, course.only(unit.student), walls)
            for number in range(PAIRS):
                unit = units[number % len(units)]
                found = {}
                for name in list(places)[:: 1 if number % 2 else -1]:
                    began = time.perf_counter()
                    found[name] = walled.work(unit, course.only(unit.student), places[name])
                    spent[name] += time.perf_counter() - began
                one, other = ([(o.status, o.verdicts) for o in outcomes] for outcomes in found.values())
                if one != other:
                    raise EnvironmentProblem(
                        expected="the same verdicts in both places",
                        found=f"others for {unit.student}'s {unit.lab}",
                        next_step="Report this with the submission.",
                    )
    ratio = spent["inside the walls"] / spent["in this process"]
    return [
        *({"part": f"judging {name}", "seconds_each": round(spent[name] / PAIRS, 4)} for name in spent),
        {"part": "ratio", "times_as_long": round(ratio, 3), "goal": GOAL, "met": ratio <= GOAL},
    ]


def _unit(file: Path) -> Unit:
    """A sample, ``NN-slug-STUDENT.zip``."""
    slug, _, student = file.stem.rpartition("-")
    return Unit(student, slug, (Candidate(file.name, file),))


def _one_of_each(units: list[Unit]) -> list[Unit]:
    return list({unit.lab: unit for unit in units}.values())
