"""The student notebook of a lab, derived from its master, byte for byte the same each time.

The master is ``solutions/NN-slug/NN-slug.py`` (jupytext percent). nbgrader's own release preprocessors take the
solutions out; nothing else is in reach of this step, so nothing else can leak. Needs jupytext and nbgrader, which are
part of the full lock only.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from functools import lru_cache
from typing import Any

from autograder import quick_jsonschema
from autograder.errors import CourseError
from autograder.labs import workspace
from autograder.labs.manifest import Lab
from autograder.labs.tasks import CODE_STUB
from autograder.pipelines import followed

quick_jsonschema.prepare()  # nbformat, jupytext and nbgrader import it

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    # no version of Python in it: it would change the bytes from machine to machine
    "language_info": {
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "pygments_lexer": "ipython3",
    },
}
TEXT_STUB = "*Your answer*"

# The end of each notebook's first cell.
TERMINAL = """
**In a terminal.** One that JupyterLab opens (*File*, *New*, *Terminal*) knows the same addresses and credentials as this
notebook, under the same names. Any other learns them in the folder of the course:
`eval "$(python3 course.py env)"`; in fish: `python3 course.py env --shell fish | source`; in PowerShell:
`python course.py env | Out-String | Invoke-Expression`.
In both, your own AWS settings and Docker logins have no effect.
"""


def source(lab: Lab) -> Any:
    """The instructor's notebook: the master with stable cell ids and the points of lab.toml.

    Raises:
        CourseError: two cells share an id, or the check cells are not those of lab.toml.
    """
    import nbformat

    notebook = deepcopy(_parsed(lab.source.master.read_text(encoding="utf-8")))
    ids: set[str] = set()
    graded = []
    for position, cell in enumerate(notebook.cells):
        for key in ("lines_to_next_cell", "lines_to_end_of_cell_marker"):
            cell.metadata.pop(key, None)
        grader = cell.metadata.get("nbgrader") or {}
        cell.id = (
            grader.get("grade_id")
            or cell.metadata.pop("id", None)
            or hashlib.sha256(f"{position}:{cell.source}".encode()).hexdigest()[:8]
        )
        if cell.id in ids:
            raise _disagreement(lab, f"the cell id {cell.id} is there twice")
        ids.add(cell.id)
        if position == 0:
            cell.source += f"\n\n{TERMINAL.strip()}"
        if followed.PLACE in cell.source:
            cell.source = cell.source.replace(followed.PLACE, followed.table())
        if grader.get("grade") and not grader.get("solution"):
            if cell.id not in lab.points:
                raise _disagreement(lab, f"the check cell {cell.id} is not in lab.toml")
            if cell.source.strip() != f'check("{cell.id}")':
                raise _disagreement(lab, f'the cell {cell.id} must hold check("{cell.id}") and nothing else')
            grader["points"] = lab.points[cell.id]
            graded.append(cell.id)
        elif grader.get("grade") and lab.points.get(cell.id, grader["points"]) != grader["points"]:
            grader["points"] = lab.points[cell.id]  # of a written task, in a class that gives others
    missing = [id for id in lab.points if id not in graded and not _is_written(notebook, id)]
    if missing:
        raise _disagreement(lab, f"lab.toml has {', '.join(missing)}, and the master has no such check cell")
    told = {} if lab.newest == 1 else {workspace.VERSION: lab.version}  # without: the first
    notebook.metadata, notebook.nbformat, notebook.nbformat_minor = nbformat.from_dict(METADATA | told), 4, 5
    return notebook


@lru_cache(maxsize=32)
def _parsed(master: str) -> Any:
    """The notebook of a master as it is written; for everybody, so nobody changes it."""
    import jupytext

    return jupytext.reads(master, fmt="py:percent")


def _is_written(notebook: Any, id: str) -> bool:
    """Whether ``id`` is a written task: a cell that is answered in words and graded by hand."""
    for cell in notebook.cells:
        grader = cell.metadata.get("nbgrader") or {}
        if cell.id == id and grader.get("grade") and grader.get("solution"):
            return True
    return False


def _disagreement(lab: Lab, found: str) -> CourseError:
    return CourseError(
        expected=f"solutions/{lab.slug}/{lab.slug}.py agrees with labs/{lab.slug}/lab.toml",
        found=found,
        next_step="Correct the one that is wrong, then run `python3 course.py release`.",
    )


def for_graders(notebook: Any) -> Any:
    """The notebook as nbgrader's gradebook keeps it: without solutions and outputs, checks locked, mark schemes in."""
    from nbgrader.nbgraderformat import common
    from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ClearSolutions, ComputeChecksums, LockCells
    from traitlets.config import Config

    quick_jsonschema.check_schemas_once(common)
    config = Config()
    config.ClearSolutions.code_stub = {"python": CODE_STUB}
    config.ClearSolutions.text_stub = TEXT_STUB
    for step in (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums):
        notebook, _ = step(config=config).preprocess(notebook, {})
    return notebook


def release(notebook: Any) -> Any:
    """The student's notebook from the instructor's: no solution, no mark scheme, no output; checks locked."""
    from nbgrader.preprocessors import CheckCellMetadata, ClearHiddenTests, ClearMarkScheme, ComputeChecksums
    from traitlets.config import Config

    config = Config()
    config.ClearMarkScheme.enforce_metadata = False  # the scheme stands in the text above an answer, not in a task cell
    notebook = for_graders(notebook)
    for step in (ClearHiddenTests, ClearMarkScheme, ComputeChecksums, CheckCellMetadata):
        notebook, _ = step(config=config).preprocess(notebook, {})
    return notebook


def content(notebook: Any) -> bytes:
    """The bytes of a notebook file."""
    import nbformat

    nbformat.validate(notebook)
    written: str = nbformat.writes(notebook)
    return (written + "\n").encode("utf-8")


def derived(lab: Lab) -> bytes:
    """The bytes that ``labs/NN-slug/NN-slug.ipynb`` must have."""
    return content(release(source(lab)))


def write(lab: Lab) -> bool:
    """Write the student's notebook; whether it changed."""
    file, new = lab.folder / f"{lab.slug}.ipynb", derived(lab)
    if file.is_file() and file.read_bytes() == new:
        return False
    file.write_bytes(new)
    return True
