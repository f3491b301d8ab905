"""How long check() takes in a notebook, for each check of each lab, warm; goal: 95 of 100 calls within 300 ms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from autograder.labs import manifest, students
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun

GOAL_MS = 300.0
CALLS, LEAST, SECONDS = 20, 2, 0.3  # of each check: at most, at least, and between the two for so long
TOGETHER = 2  # labs that are done at the same time, before their checks are timed; what later labs do changes results

# Runs in a process of its own, as a kernel would: in the lab's folder, with the module imported once.
TIMED = """
import json, sys, time
from autograder.notebook import check
calls, least, seconds = json.loads(sys.argv[2])
rows = {}
for name in json.loads(sys.argv[1]):
    check(name)
    times, until = [], time.perf_counter() + seconds
    while len(times) < calls and (len(times) < least or time.perf_counter() < until):
        began = time.perf_counter()
        shown = check(name)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    p95 = times[max(0, -(-95 * len(times) // 100) - 1)]  # the smallest that 95 of 100 do not exceed
    rows[name] = {"calls": len(times), "p50": times[len(times) // 2], "p95": p95, "shown": repr(shown)[:9]}
print(json.dumps(rows))
"""


def run() -> list[dict[str, object]]:
    """Do the labs in one home, two at a time, and time the checks of each on their own.

    Returns:
        one row a check: lab, check, calls, median and 95th percentile in milliseconds, and whether that meets the goal.

    Raises:
        EnvironmentProblem: no engine.
    """
    rows: list[dict[str, object]] = []
    labs = manifest.slugs()
    with (
        tempfile.TemporaryDirectory(prefix="course-bench-") as place,
        lab_runs.services(Path(place)),
        ProcessPoolExecutor(TOGETHER, get_context("spawn")) as pool,
    ):
        for first in range(0, len(labs), TOGETHER):
            chosen = labs[first : first + TOGETHER]
            list(pool.map(_solve, [place] * len(chosen), chosen))
            rows += [row for slug in chosen for row in _timed(_lab_run(place), slug)]
    return rows


def _lab_run(home: str) -> LabRun:
    return LabRun(Path(home), students.issue(b"benchmark", "bench", "bench"))


def _solve(home: str, slug: str) -> None:
    """Do a lab; what its kernel has to say goes nowhere, since a benchmark prints figures."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 2)
    lab, lab_run = manifest.find(slug), _lab_run(home)
    lab_run.fresh(lab)
    lab_run.run(lab, lab_runs.solved(lab))


def _timed(lab_run: LabRun, slug: str) -> list[dict[str, object]]:
    lab = manifest.find(slug)
    done = subprocess.run(
        [sys.executable, "-c", TIMED, json.dumps(list(lab.points)), json.dumps([CALLS, LEAST, SECONDS])],
        cwd=lab_run.folder(lab),
        env=lab_run.environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return [
        {
            "lab": slug,
            "check": name,
            "shown": found["shown"],
            "calls": found["calls"],
            "p50_ms": round(found["p50"], 1),
            "p95_ms": round(found["p95"], 1),
            "goal_ms": GOAL_MS,
            "met": found["p95"] <= GOAL_MS,
        }
        for name, found in json.loads(done.stdout).items()
    ]
