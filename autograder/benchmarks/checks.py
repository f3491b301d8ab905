"""How long check() takes in a notebook, for each check of each lab, warm; goal: 95 of 100 calls within 300 ms."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from autograder.labs import manifest, students
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun

GOAL_MS = 300.0
CALLS = 20

# Runs in a process of its own, as a kernel would: in the lab's folder, with the module imported once.
TIMED = """
import json, sys, time
from autograder.notebook import check
import autograder.notebook.session as session
rows = {}
for name in json.loads(sys.argv[1]):
    check(name)
    times = []
    for _ in range(int(sys.argv[2])):
        began = time.perf_counter()
        shown = check(name)
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    rows[name] = {"p50": times[len(times) // 2], "p95": times[int(len(times) * 0.95) - 1], "shown": repr(shown)[:9]}
print(json.dumps(rows))
"""


def run() -> list[dict[str, object]]:
    """Do each lab once, then call each check :data:`CALLS` times.

    Returns:
        one row a check: lab, check, median and 95th percentile in milliseconds, and whether that meets the goal.

    Raises:
        EnvironmentProblem: no engine.
    """
    rows: list[dict[str, object]] = []
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        with tempfile.TemporaryDirectory(prefix="course-bench-") as place, lab_runs.services(Path(place)):
            lab_run = LabRun(Path(place), students.issue(b"benchmark", "bench", "bench", [slug]))
            lab_run.fresh(lab)
            lab_run.run(lab, lab_runs.solved(lab))
            done = subprocess.run(
                [sys.executable, "-c", TIMED, json.dumps(list(lab.points)), str(CALLS)],
                cwd=lab_run.folder(lab),
                env=lab_run.environment(),
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=True,
            )
        for name, found in json.loads(done.stdout).items():
            rows.append(
                {
                    "lab": slug,
                    "check": name,
                    "shown": found["shown"],
                    "p50_ms": round(found["p50"], 1),
                    "p95_ms": round(found["p95"], 1),
                    "goal_ms": GOAL_MS,
                    "met": found["p95"] <= GOAL_MS,
                }
            )
    return rows
