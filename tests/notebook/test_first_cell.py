"""A kernel after a restart, and a notebook as it was handed out: what a student sees of either, in a real kernel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from autograder import paths
from autograder.labs import manifest, students, tasks
from autograder.launcher.environment import Environment
from autograder.services import jupyter

LAB = manifest.find("02-names")
SHIPPED = json.loads((LAB.folder / f"{LAB.slug}.ipynb").read_bytes())
UNTOUCHED = [source for source, _ in tasks.sources(SHIPPED) if tasks.CODE_STUB in source]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A student's folder of lab 02, and a kernel's settings as the kit's JupyterLab has them."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(home))
        patch.delenv("JPY_SESSION_NAME", raising=False)
        patch.setenv("PYTHONPATH", str(paths.ROOT))
        startup = home / "ipython" / "profile_default" / "startup"
        startup.mkdir(parents=True)
        (startup / "00-course.py").write_text(jupyter.KERNEL, encoding="utf-8")
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        made = home / "work" / LAB.slug
        made.mkdir(parents=True)
        shutil.copy(LAB.folder / f"{LAB.slug}.ipynb", made)
        students.write(students.issue(b"key", "c", "ada", [LAB.slug]), made.parent / "student.toml")
        yield made


def run(folder: Path, *cells: str) -> list[str]:
    """What each cell prints and shows, in a fresh kernel."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    shown = []
    for cell in notebook.cells:
        parts = [
            part.get("text") or part.get("data", {}).get("text/plain") or f"{part.get('ename')}: {part.get('evalue')}"
            for part in cell.outputs
        ]
        shown.append("".join(parts))
    return shown


@pytest.mark.slow
def test_after_a_restart_a_cell_finds_the_names_of_the_first_one(folder):
    kept, again, unknown = run(folder, 'check("parse")', "hint", "chek")
    assert kept.startswith("The kernel had not run the first cell of this notebook, so that was done first.\n")
    assert "Not begun: parse_reference takes references apart" in kept
    assert again.startswith("<function"), "and it is said once"
    assert unknown == "NameError: name 'chek' is not defined"


@pytest.mark.slow
def test_a_first_cell_that_fails_is_named(folder):
    other = folder.parent / "06-ecr"  # its registry was never started here
    other.mkdir()
    said, plain = run(other, 'check("repository")', "1 + 1")
    assert "The first cell of this notebook has to run before this one, and it failed: no state.json" in said
    assert "python3 course.py start" in said
    assert said.endswith("NameError: name 'check' is not defined") and plain == "2"


@pytest.mark.slow
def test_what_runs_unasked_is_the_kits_own(folder):
    file, wanted = folder / f"{LAB.slug}.ipynb", "from autograder.notebook import"
    before = file.read_text(encoding="utf-8")
    try:
        file.write_text(before.replace(wanted, f"print('mine')\\n{wanted}"), encoding="utf-8")
        [said] = run(folder, 'check("parse")')
    finally:
        file.write_text(before, encoding="utf-8")
    assert "mine" not in said and "so that was done first" in said


@pytest.mark.slow
def test_a_notebook_as_it_was_handed_out_says_not_begun(folder):
    names, code, repair, alone, wrong, forgotten, left, called, recorded = run(
        folder,
        *UNTOUCHED,
        "...  # your turn",
        'full_names = []\nanswer("full_names", full_names)',
        '# mine\nfull_name = []\nanswer("repaired", repared)',
        "repared",
        "parse_reference('a')",
        'check("all")',
    )
    assert "Not begun: full_names" in names.splitlines()[1] and "as it was handed out" in names
    assert code == "" and "Not begun: repaired" in repair
    assert alone == "Not begun in this cell."
    assert wrong.startswith("• Recorded: full_names"), "an own cell, with whatever value"
    assert "repaired has no value" in forgotten and "Not begun" in forgotten
    assert left == "NameError: name 'repared' is not defined", "nothing stays behind"
    assert called == ""
    lines = recorded.splitlines()
    assert lines[0].startswith("✗ Not yet: You know in full what eight names stand for")
    assert lines[-2:] == ["Total: 0 of 4 points", "Not yet: full-names, refuse. Not begun: parse, repair."]


@pytest.mark.slow
def test_a_kernel_that_another_program_starts_knows_them_as_well(folder, tmp_path, monkeypatch):
    """As VS Code does: by the environment's Python, without the settings of the kit's JupyterLab."""
    environment = Environment(tmp_path)
    venv.create(environment.folder, system_site_packages=False, with_pip=False)
    environment._make_importable(environment._site_packages())
    site = next(Path(part) for part in sys.path if part.endswith("site-packages"))
    (environment._site_packages() / "others.pth").write_text(f"{site}\n{paths.ROOT}\n", encoding="utf-8")
    spec = tmp_path / "kernels" / "mine"
    spec.mkdir(parents=True)
    argv = [str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "mine", "language": "python"}), "utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = new_notebook(cells=[new_code_cell('check("parse")')])
    NotebookClient(notebook, timeout=60, kernel_name="mine", resources={"metadata": {"path": str(folder)}}).execute()
    assert "the first cell of this notebook" in notebook.cells[0].outputs[0]["text"]
    assert "Not begun: parse_reference" in notebook.cells[0].outputs[1]["data"]["text/plain"]


def test_every_first_cell_defines_what_is_looked_for():
    from autograder.notebook import first_cell

    for slug in manifest.slugs():
        cells = json.loads((manifest.find(slug).folder / f"{slug}.ipynb").read_bytes())["cells"]
        first = next(cell for cell in cells if cell["cell_type"] == "code")
        assert first["id"] == first_cell.FIRST
        assert set(first_cell._bound("".join(first["source"]))) >= first_cell.ALWAYS


def test_outside_a_kernel_nothing_is_followed():
    code = "import autograder.notebook, sys; assert 'IPython' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, check=True)
