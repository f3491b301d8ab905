"""One student does the whole course: from `course start` to one submission a lab, graded in one command."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from autograder import paths
from autograder.grading import people
from autograder.labs import manifest
from autograder.quality import lab_runs, live
from autograder.quality.contract import SAMPLE_KEY

# An image or the packages of an environment would be more; what a machine says on its network meanwhile is less.
OFFLINE = 8 << 20


@pytest.mark.engine
@pytest.mark.timeout(4000)
def test_from_start_to_the_grades(done, tmp_path, capsys):
    labs = [manifest.find(slug) for slug in manifest.slugs()]
    handed_in = sorted(done.submissions.iterdir())
    assert [file.name for file in handed_in] == [f"{lab.slug}-{done.student}.zip" for lab in labs]

    people.write_course(tmp_path / "class" / people.COURSE_FILE, live.COURSE, SAMPLE_KEY)
    with lab_runs.at(tmp_path):
        people.register(people.parse_roster(f"id\n{done.student}\n".encode(), "roster"))
    began = time.monotonic()
    graded = subprocess.run(
        [sys.executable, "-m", "autograder.cli", "grade", str(done.submissions), "--json"],
        cwd=paths.ROOT,
        env=lab_runs.environment(tmp_path),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    seconds = time.monotonic() - began
    assert graded.returncode == 0, graded.stdout + graded.stderr
    earned = {row["lab"]: row["score"] for row in json.loads(graded.stdout)}
    by_check = {lab.slug: sum(lab.points[id] for id in lab.declared_checks()) for lab in labs}
    assert earned == by_check
    size = {file.name: file.stat().st_size for file in handed_in}
    with capsys.disabled():
        print("\n" + "\n".join(f"  {line}" for line in done.lines))
        print(f"  {len(labs)} submissions, {sum(size.values()):,} bytes, the largest {max(size.values()):,}")
        print(f"  graded in {seconds:.0f} s: {sum(earned.values()):g} of {sum(lab.total for lab in labs):g} points")
        print(f"  {done.outside:,} bytes to and from other machines while the labs were done")
    assert done.outside < OFFLINE, "\n".join(done.traffic)
