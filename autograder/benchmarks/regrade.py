"""Stored evidence judged again, beside grading the same work from its zip; goal: a tenth of the time."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

from autograder.benchmarks import grading
from autograder.grading import batch, gradebook, people, regrade, store
from autograder.grading.verdict_file import VerdictFile
from autograder.labs import manifest
from autograder.quality import lab_runs, samples

CLASS = 360  # submissions: thirty students, twelve labs
GOAL = 10.0
OTHER = "0" * 16  # a fingerprint of rules that are not today's


def run() -> list[dict[str, object]]:
    """Grade sample submissions of one lab, then judge a class of their copies again, all by other rules than before.

    Every verdict file is written anew, since it says by which rules it was judged; no point changes.

    Returns:
        one row a part: seconds, of the whole class or of a submission; the last row has the ratio.

    Raises:
        EnvironmentProblem: no engine.
    """
    graded = grading.judging() + grading.syncing()
    judged, synced = _judged_again()
    again = (judged + synced) / CLASS
    return [
        {"part": "grading from the zip, gradebook and feedback included", "seconds_each": round(graded, 3)},
        {"part": f"judging stored evidence of {CLASS} again", "seconds": round(judged, 2)},
        {"part": "gradebook and feedback behind it, where no point changed", "seconds": round(synced, 2)},
        {"part": "course regrade, all", "seconds_each": round(again, 4)},
        {"part": "ratio", "times_faster": round(graded / again, 1), "goal": GOAL, "met": graded / again >= GOAL},
    ]


def _judged_again() -> tuple[float, float]:
    """Seconds for judging the class again, and for bringing the gradebook up to date behind it."""
    with tempfile.TemporaryDirectory(prefix="course-bench-") as place, lab_runs.at(Path(place)):
        lab = manifest.find(grading.LAB)
        zips = [file for file in samples.set_up(Path(place)) if file.parent.parent.name == lab.slug]
        course = people.load()
        batch.Batch(course, jobs=batch.default_jobs()).run(zips, lambda plan: None, lambda row: None)
        originals = [document for document in store.every() if document.evidence]
        for number in range(CLASS):
            _copy(originals[number % len(originals)], f"student-{number}")
        for document in originals:
            store.verdict_file(document.student, document.lab).unlink()
        gradebook.sync(course)
        for document in store.every():
            store.write(document.model_copy(update={"judged_by": OTHER}))
        began = time.perf_counter()
        rows = regrade.run(regrade.candidates([], [], course), course, lambda row: None, regrade.default_jobs())
        judged = time.perf_counter()
        assert len(rows) == CLASS and {row.remarks[0] for row in rows} == {"No change."}, rows
        gradebook.sync(course)
        return judged - began, time.perf_counter() - judged


def _copy(document: VerdictFile, student: str) -> None:
    """The same submission once more, as that of another student."""
    target = store.evidence_file(student, document.lab)
    target.parent.mkdir(parents=True)
    shutil.copyfile(store.evidence_file(document.student, document.lab), target)
    folder = store.notebook_file(student, document.lab).parent
    shutil.copytree(store.notebook_file(document.student, document.lab).parent, folder)
    store.write(document.model_copy(update={"student": student}))
