"""What a kernel needs to know of its notebook: the names of the first cell, and which answers are not begun.

After a restart a kernel knows nothing that cells defined, and the first cell of a notebook is easily forgotten. So when
a cell uses a name of the first cell and the kernel has none of that name, the first cell is run before it.

A cell such as ``answer("v1_digest", v1_digest)`` would end in a NameError while nothing gives ``v1_digest`` a value:
for such a cell the name stands for ``...``, which :func:`autograder.notebook.session.answer` calls not begun.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Iterator
from typing import Any

from autograder.errors import CourseError
from autograder.labs import workspace
from autograder.notebook import session

FIRST = "setup"  # the id of that cell in every notebook
ALWAYS = {"check", "me"}  # what it defines in every notebook
UNTOUCHED = "Not begun in this cell."  # instead of "Ellipsis"; in some labs the work is done in a file


def install() -> None:
    """Follow the cells of this kernel; does nothing outside one, and nothing a second time."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel") or getattr(shell, "course_follows", False):
        return
    shell.course_follows = True
    lent: set[str] = set()

    def before(info: Any) -> None:
        _run_first(shell, info.raw_cell)
        for name in _without_value(shell, info.raw_cell):
            lent.add(name)
            shell.user_ns[name] = ...

    def after(_: Any) -> None:
        for name in lent:
            if shell.user_ns.get(name) is ...:
                del shell.user_ns[name]
        lent.clear()

    shell.events.register("pre_run_cell", before)
    shell.events.register("post_run_cell", after)
    shell.display_formatter.formatters["text/plain"].singleton_printers[id(...)] = _say_untouched


def _say_untouched(value: object, printer: Any, cycle: bool) -> None:
    printer.text(UNTOUCHED)


def _run_first(shell: Any, cell: str) -> None:
    """Run the notebook's first cell, if this one needs a name that it defines and the kernel has not."""
    if shell.user_ns.keys() >= ALWAYS or "autograder.notebook" in cell:
        return
    source = _first()
    missing = set(_bound(shell.transform_cell(source))) - shell.user_ns.keys()
    if not missing & set(re.findall(r"\w+", cell)):
        return
    try:
        exec(compile(shell.transform_cell(source), "<first cell>", "exec"), shell.user_ns)
    except Exception as error:
        sys.stdout.write(
            f"The first cell of this notebook has to run before this one, and it failed: {error}\n"
            "Run the first cell (the one that imports check) to see all of it, then this cell again.\n"
        )
    else:
        sys.stdout.write("The kernel had not run the first cell of this notebook, so that was done first.\n")


def _first() -> str:
    """The source of the first cell of this kernel's notebook, as it comes with the kit: what runs unasked is ours.

    Empty where the notebook is no lab's.
    """
    try:
        lab, _ = session.place()
        cells = workspace.notebook(lab.slug, lab.folder)["cells"]
    except (CourseError, OSError):
        return ""
    return next("".join(cell["source"]) for cell in cells if cell.get("id") == FIRST)


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _bound(source: str) -> Iterator[str]:
    """The names that a cell gives a value, wherever in it."""
    for node in ast.walk(_tree(source)):
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _without_value(shell: Any, cell: str) -> list[str]:
    """The names that a cell hands to ``answer`` and that nothing has given a value."""
    if "answer(" not in cell:
        return []
    source = shell.transform_cell(cell)
    handed = [
        node.args[1].id
        for node in ast.walk(_tree(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "answer"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Name)
    ]
    known = {*shell.user_ns, *dir(builtins), *_bound(source)}
    return [name for name in dict.fromkeys(handed) if name not in known]
