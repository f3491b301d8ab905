"""nbval runs the solved notebook of every lab against the live registry and compares what each check prints."""

from __future__ import annotations

import subprocess
import sys

import pytest
from nbformat.v4 import new_output

from autograder.checks.api import Verdict
from autograder.labs import manifest, students
from autograder.notebook.cards import Card, Cards
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun

pytestmark = pytest.mark.engine


def with_expected_outputs(lab):
    """The solved notebook, each check's cell with the output of a pass, marked for comparison."""
    notebook, declared = lab_runs.solved(lab), lab.declared_checks()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.execution_count = 1
        if cell.id in declared:
            verdict = Verdict(
                check=cell.id,
                title=declared[cell.id].title,
                status="passed",
                points=lab.points[cell.id],
                max_points=lab.points[cell.id],
                trust=declared[cell.id].trust,
                why=declared[cell.id].why,
            )
            shown = Cards([Card.of(verdict)])
            data = {"text/plain": repr(shown), "text/html": shown._repr_html_()}
            cell.outputs = [new_output("execute_result", data, execution_count=1)]
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "nbval-check-output"]
    return notebook


@pytest.fixture(scope="module")
def lab_run(tmp_path_factory):
    """One lab_run for all labs: they do not disturb each other."""
    home = tmp_path_factory.mktemp("nbval home")
    with lab_runs.services(home):
        yield LabRun(home, students.issue(b"nbval", "test", "nbval"))


@pytest.mark.parametrize("slug", manifest.slugs())
def test_the_solution_passes_under_nbval(slug, lab_run):
    lab = manifest.find(slug)
    lab_run.fresh(lab)
    lab_run.save(lab, with_expected_outputs(lab))
    (lab_run.folder(lab) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # not the kit's own settings
    options = ["--nbval-lax", "--nbval-cell-timeout=300", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, f"{slug}.ipynb"]
    done = subprocess.run(
        command,
        cwd=lab_run.folder(lab),
        env=lab_run.environment(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "passed" in done.stdout and "failed" not in done.stdout
