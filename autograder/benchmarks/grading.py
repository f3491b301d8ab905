"""Submissions graded per second, beside plain nbgrader on the same machine in the same run; goal: 4 times faster."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from autograder.errors import EnvironmentProblem
from autograder.grading import batch, gradebook, people, released
from autograder.grading.lateness import Deadlines
from autograder.grading.workers import Candidate, Unit
from autograder.labs import manifest, release
from autograder.quality import lab_runs, samples

LAB = "01"
WHOLE = ("ada", "dina", "emil", "jun")  # complete submissions: sandbox and round trip included
JUDGED = 16
STOCK = 4
GOAL = 4.0
CELL = "task-bytes-to-push"


def run() -> list[dict[str, object]]:
    """Grade complete sample submissions, and let stock ``nbgrader autograde`` grade notebooks of the same lab.

    The stock notebooks have the code task solved and the cells that call docker left as shipped: run as handed in,
    they would build and push images on the instructor's machine, which no one would want and which takes far longer.
    So nbgrader's figure is a lower bound.

    Returns:
        one row a part: seconds a submission; the last row has the ratio and whether it meets the goal.

    Raises:
        EnvironmentProblem: no engine, or nbgrader failed.
    """
    judged = judging()
    synced = syncing()
    stock = _stock()
    ours = judged + synced
    return [
        {"part": f"judging (sandbox and round trip, {batch.default_jobs()} workers)", "seconds_each": round(judged, 3)},
        {"part": "gradebook, autograded notebook, feedback", "seconds_each": round(synced, 3)},
        {"part": "course grade, all", "seconds_each": round(ours, 3), "per_second": round(1 / ours, 2)},
        {"part": "plain nbgrader autograde", "seconds_each": round(stock, 3), "per_second": round(1 / stock, 2)},
        {"part": "ratio", "times_faster": round(stock / ours, 1), "goal": GOAL, "met": stock / ours >= GOAL},
    ]


def judging() -> float:
    """Seconds that judging a complete submission takes, with sandbox and round trip.

    Raises:
        EnvironmentProblem: no engine, or a sample is not graded.
    """
    lab = manifest.find(LAB)
    course = people.Course(samples.COURSE, samples.KEY, None)
    files = [samples.folder(lab) / f"{lab.slug}-{student}.zip" for student in WHOLE]
    units = [Unit(WHOLE[n % len(WHOLE)], lab.slug, (Candidate(str(n), files[n % len(WHOLE)]),)) for n in range(JUDGED)]
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place, lab_runs.at(Path(place)):
        work = batch.Batch(course, jobs=batch.default_jobs())
        with work.ready(batch.Plan(units, [], {lab.slug: lab})):
            list(work.results(units[: batch.default_jobs() * 2]))  # children up, images there
            began = time.perf_counter()
            outcomes = []
            for _, found in work.results(units):
                outcomes += found
            spent = time.perf_counter() - began
    bad = [outcome for outcome in outcomes if outcome.status != "graded"]
    if bad:
        raise EnvironmentProblem(
            expected="every sample graded", found=str(bad[0].problems), next_step="Run: python3 course.py demo"
        )
    return spent / len(units)


def syncing() -> float:
    """Seconds that gradebook, autograded notebook and feedback of a submission take."""
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place, lab_runs.at(Path(place)):
        lab = manifest.find(LAB)
        zips = [file for file in samples.set_up(Path(place)) if file.parent.parent.name == lab.slug]
        course = people.load()
        rows = batch.Batch(course, jobs=batch.default_jobs()).run(zips, lambda plan: None, lambda row: None)
        released.create(course)  # once a class, and on nbgrader's side done by generate_assignment, before its time
        released.enter(lab, course, Deadlines())
        began = time.perf_counter()
        gradebook.sync(course)
        return (time.perf_counter() - began) / len(rows)


def _stock() -> float:
    lab = manifest.find(LAB)
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place:
        home = Path(place)
        (home / "source" / lab.slug).mkdir(parents=True)
        (home / "source" / lab.slug / f"{lab.slug}.ipynb").write_bytes(release.content(release.source(lab)))
        notebook = release.content(lab_runs.mixed(lab, CELL))
        for n in range(STOCK):
            folder = home / "submitted" / f"student-{n}" / lab.slug
            folder.mkdir(parents=True)
            (folder / f"{lab.slug}.ipynb").write_bytes(notebook)
        _nbgrader(home, "generate_assignment", lab.slug)
        began = time.perf_counter()
        _nbgrader(home, "autograde", lab.slug)
        return (time.perf_counter() - began) / STOCK


def _nbgrader(home: Path, *arguments: str) -> None:
    # nbgrader calls alembic by name, so this environment's programs come first
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = lab_runs.environment(home) | {"JUPYTER_CONFIG_DIR": str(home), "PATH": search}
    options = ["--CourseDirectory.course_id=bench"]
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments, *options],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise EnvironmentProblem(
            expected=f"nbgrader {arguments[0]} to work", found=done.stderr[-600:], next_step="Run the unit tests."
        )
