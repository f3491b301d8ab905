"""A master's own values become a student's: what stands in a task's cell must run without ``me``."""

from __future__ import annotations

import json

from autograder.checks.tagging.rules import Spec
from autograder.labs import live, manifest, students, tasks
from autograder.quality import lab_runs
from autograder.quality.lab_runs import LabRun


def test_the_solution_of_a_personal_task_holds_the_students_values(home):
    lab = manifest.find("04-tagging")
    for student in ("ada", "ben"):
        lab_run = LabRun(home, students.issue(b"lab run", "test", student))
        lab_run.folder(lab).mkdir(parents=True, exist_ok=True)
        lab_run.save(lab, lab_runs.solved(lab))
        saved = json.loads((lab_run.folder(lab) / f"{lab.slug}.ipynb").read_bytes())
        values = lab.drawn(lab_run.student.seed(lab.slug))
        extracted = tasks.extract(saved, "release_tags", "release_tags")
        assert repr(Spec.of(values).as_parameter()) in extracted.source and "me._spec" not in extracted.source
        run = tasks.run_locally(extracted, "release_tags", live.visible_cases(lab, values)["release_tags"], 2.0)
        assert run.results and all(result.correct for result in run.results)
        others = [cell["source"] for cell in saved["cells"] if cell["id"] == "release"]
        assert "me.repository" in "".join(others[0])  # outside tasks, names stay names


def test_a_kernel_has_nothing_to_warn_of(home, capfd):
    import nbformat

    lab = manifest.find("02-names")  # needs no service
    lab_run = LabRun(home, students.issue(b"lab run", "test", "ada"))
    lab_run.folder(lab).mkdir(parents=True)
    ran = lab_run.run(lab, nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("6 * 7")]))
    assert ran.cells[0].outputs[0]["data"]["text/plain"] == "42"
    assert "WARNING" not in capfd.readouterr().err
