"""The arrows of the architecture: dependencies point downwards only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "autograder"

# From the top down. A part may import parts that stand lower, and itself.
LAYERS = [
    {"cli"},
    {"benchmarks"},
    {"quality"},
    {"notebook", "grading", "site"},
    {"labs", "content"},
    {"scanning"},
    {"collect"},
    {"services"},
    {"checks"},
    {"evidence"},
    {"domain"},
    {"launcher"},  # standard library only: it runs before anything is installed
    {"errors", "paths", ""},
]
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
FILES = sorted(PACKAGE.rglob("*.py"))


def part_of(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def imports(file: Path):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names) if module == "autograder" else [module]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_imports_point_downwards(file):
    own = file.relative_to(PACKAGE).with_suffix("").parts[0].replace("__init__", "")
    assert own in RANK, f"{own} has no place in the architecture; give it one in this test and in CONTRIBUTING.md"
    for module in imports(file):
        if module.split(".")[0] != "autograder":
            continue
        part = part_of(module)
        part = part if part in RANK else ""
        assert part == own or RANK[part] > RANK[own], f"{own} imports {module}, which stands beside or above it"


@pytest.mark.parametrize("file", [f for f in FILES if "domain" in f.parts], ids=lambda f: f.stem)
def test_the_domain_needs_nothing_but_the_standard_library(file):
    import sys

    allowed = sys.stdlib_module_names | {"autograder", "semver", "packaging"}
    for module in imports(file):
        assert module.split(".")[0] in allowed, f"{file.name} imports {module}"
