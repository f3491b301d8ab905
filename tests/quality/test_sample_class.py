"""The sample class that comes with the kit: graded for real, each student gets what the script is meant to earn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograder import paths
from autograder.labs import manifest
from autograder.quality import samples


def test_every_scripted_student_has_handed_in():
    for slug in manifest.slugs():
        lab = manifest.find(slug)
        scripted = {f"{slug}-{one.student}.zip" for one in samples.load(lab)}
        assert scripted and scripted == {file.name for file in samples.folder(lab).glob("*.zip")}


def test_the_class_holds_every_sort_of_student():
    lab = manifest.find("01")
    points = [one.points(lab) for one in samples.load(lab)]
    assert lab.total in points and 0 in points and any(0 < p < lab.total for p in points)


@pytest.mark.engine
@pytest.mark.both_engines
def test_the_demo_grades_as_intended_and_leaves_nothing_behind():
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT), "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "demo"],
        cwd=paths.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every student got what the work deserves" in done.stdout
    assert "--keep DIR keeps it and its feedback" in done.stdout
    gone = [word for word in done.stdout.split() if "course-demo-" in word and not Path(word).exists()]
    assert gone == [], "it names what it has removed"
    assert "This is the work of ada, not of cem" in done.stdout
