"""Hidden cases and values: solutions/NN-slug/hidden.py, drawn with the grading seed. Only the grader imports this."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from pydantic import JsonValue

from autograder.checks.shared.seeded_random import SeededRandom
from autograder.evidence.model import Case
from autograder.labs.manifest import Lab, Parameters


def load_module(file: Path, name: str) -> ModuleType:
    """A Python file of ``solutions/``, which is no package, as a module called ``name``."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases(lab: Lab, draw: SeededRandom, parameters: Parameters) -> dict[str, list[Case]]:
    """Task name -> hidden cases; empty when the lab has no hidden.py, or no cases in it.

    Kinds of cases that came with a later version of the lab stand in the file's ``SINCE``, kind -> version: those of
    hidden ones in lab.toml would tell students what is tried.

    Args:
        lab: the lab.
        draw: seeded with the student's grading seed.
        parameters: the student's personal parameters.
    """
    module = _module(lab)
    if module is None or not hasattr(module, "cases"):
        return {}
    drawn: dict[str, list[Case]] = module.cases(draw, dict(parameters))
    since: dict[str, int] = getattr(module, "SINCE", {})
    return {
        task: [case.model_copy(update={"hidden": True}) for case in found if since.get(case.kind, 1) <= lab.version]
        for task, found in drawn.items()
    }


def values(lab: Lab, draw: SeededRandom, parameters: Parameters) -> JsonValue:
    """What a lab draws for its checks in grading (the probe ``hidden``), as JSON data.

    Args:
        lab: a lab whose hidden.py has a function ``values``.
        draw: seeded with the student's grading seed.
        parameters: the student's personal parameters.
    """
    module = _module(lab)
    assert module is not None, f"{lab.slug} has no hidden.py"
    drawn: JsonValue = module.values(draw, dict(parameters))
    return drawn


def _module(lab: Lab) -> ModuleType | None:
    file = lab.source.hidden
    return load_module(file, f"hidden_{lab.module}") if file.is_file() else None
