"""Hidden cases: solutions/NN-slug/hidden.py, drawn with the grading seed. Only the grader's side imports this."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder import paths
from autograder.checks.draw import Draw
from autograder.evidence.model import Case
from autograder.labs.manifest import Lab


def load_module(file: Path, name: str) -> ModuleType:
    """A Python file of ``solutions/``, which is no package, as a module called ``name``."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(lab: Lab, draw: Draw, parameters: dict[str, Any]) -> dict[str, list[Case]]:
    """Task name -> hidden cases; empty when the lab has no hidden.py.

    Args:
        lab: the lab.
        draw: seeded with the student's grading seed.
        parameters: the student's personal parameters.
    """
    file = paths.SOLUTIONS / lab.slug / "hidden.py"
    if not file.is_file():
        return {}
    module = load_module(file, f"hidden_{lab.module}")
    drawn: dict[str, list[Case]] = module.cases(draw, dict(parameters))
    return {task: [case.model_copy(update={"hidden": True}) for case in found] for task, found in drawn.items()}
