"""nbval runs a lab's solved notebook against the live registry and compares what each check prints."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from autograder.checks.api import Verdict
from autograder.labs.manifest import Lab
from autograder.notebook.cards import Card, Cards
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun


def with_expected_outputs(lab: Lab) -> Any:
    """The solved notebook, each check's cell with the output of a pass, marked for comparison."""
    from nbformat.v4 import new_output

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


def run(lab_run: LabRun, lab: Lab) -> subprocess.CompletedProcess[str]:
    """Run the solved notebook of a lab under nbval, as the student's notebook in its folder."""
    lab_run.save(lab, with_expected_outputs(lab))
    settings = lab_run.folder(lab) / "pytest.ini"  # not the kit's own
    settings.write_text("[pytest]\n", encoding="utf-8")
    options = ["--nbval-lax", f"--nbval-cell-timeout={lab_runs.CELL_SECONDS}", "-q", "-p", "no:cacheprovider"]
    try:
        return subprocess.run(
            [sys.executable, "-m", "pytest", *options, f"{lab.slug}.ipynb"],
            cwd=lab_run.folder(lab),
            env=lab_run.environment(),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    finally:
        settings.unlink()
