"""The command `demo`: grade the sample class that comes with the kit, and say whether all got what they should."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from autograder import paths
from autograder.errors import CourseError, Exit


@click.command()
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the graded class in this folder.")
def demo(keep: Path | None) -> None:
    """Grade the sample class that comes with the kit and print the table.

    Scripted students did the labs for real: some perfectly, some in part, one copied, one attacks the grader. Their
    submissions are graded as any class's, in a folder of their own. At the end each student's points are compared
    with what the script was meant to earn.
    """
    from autograder.quality import lab_runs, samples

    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise CourseError(
            expected="an empty or new folder", found=f"{keep} holds files", next_step="Give --keep another folder."
        )
    with tempfile.TemporaryDirectory(prefix="course-demo-") if keep is None else nullcontext(str(keep)) as place:
        home = Path(place).resolve()
        zips = samples.set_up(home)
        graded = subprocess.run(
            [sys.executable, "-P", "-m", "autograder.cli", "grade", *([] if keep else ["--passing"]), *map(str, zips)],
            cwd=paths.ROOT,
            env=lab_runs.environment(home),
            check=False,
        )
        if graded.returncode not in (int(Exit.OK), int(Exit.NO)):
            sys.exit(graded.returncode)
        wrong = samples.differences(home)
        stories = samples.stories()
    click.echo("\nWho did what:")
    for lab, told in stories.items():
        click.echo(f"  {lab}")
        for student, story in told.items():
            click.echo(f"    {student:6} {story}")
    if keep is None:
        click.echo(
            "\nThe class was graded in a temporary folder, which is removed now; --keep DIR keeps it and its feedback."
        )
    if wrong:
        click.echo("\nNot as intended:")
        for line in wrong:
            click.echo(f"  - {line}")
        sys.exit(int(Exit.NO))
    click.echo("\nEvery student got what the work deserves, check by check.")
