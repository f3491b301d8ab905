"""The order of the architecture: imports point downwards only, and nothing imports itself on a way round."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "autograder"

# From the top down. A part may import parts that stand lower, and itself; parts of one line know nothing of each other.
LAYERS = [
    {"cli"},
    {"benchmarks"},
    {"quality"},
    {"notebook", "grading"},
    {"labs"},
    {"scanning"},
    {"collect"},
    {"services", "site"},
    {"checks", "emulators", "content"},
    {"evidence", "pipelines"},
    {"domain"},
    {"oci"},
    {"formats"},
    {"launcher"},  # standard library only: it runs before anything is installed
    {"errors", "network_errors", "paths", "quick_jsonschema", ""},
]
RANK = {part: rank for rank, layer in enumerate(LAYERS) for part in layer}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    """The module's full name; a package's is that of its folder."""
    parts = ["autograder", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in FILES}


def part_of(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def module_of(name: str) -> str:
    """The module of the kit that a dotted name lies in; "" for a name of another library."""
    while name and name not in MODULES:
        name = name.rpartition(".")[0]
    return name


@cache
def imports(file: Path) -> tuple[tuple[str, bool], ...]:
    """What a file imports, and whether that happens when it is loaded: inside a function it happens later, and below
    ``if TYPE_CHECKING`` never."""
    found: list[tuple[str, bool]] = []

    def visit(node: ast.AST, loaded: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, loaded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively, which these tests do not follow"
            found.extend((f"{node.module}.{alias.name}", loaded) for alias in node.names)
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        )
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):  # no expression holds an import statement
                visit(child, loaded and not later)

    visit(ast.parse(file.read_text(encoding="utf-8")), True)
    return tuple(found)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(PACKAGE).as_posix())
def test_imports_point_downwards(file):
    own = part_of(name_of(file))
    assert own in RANK, f"{own} has no place in the architecture; give it one in this test and in ARCHITECTURE.md"
    for name, _ in imports(file):
        if name.split(".")[0] != "autograder":
            continue
        part = part_of(module_of(name))
        assert part == own or RANK[part] > RANK[own], f"{own} imports {name}, which stands beside or above it"


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other (Tarjan's strongly connected components of two or more)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in arrows.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in arrows:
        if node not in number:
            visit(node)
    return found


def test_no_module_imports_itself_on_a_way_round():
    """Also not by an import in a function or for types alone: whoever reads one of them would have to read all."""
    arrows = {module: {module_of(name) for name, _ in imports(file)} - {"", module} for module, file in MODULES.items()}
    assert circles(arrows) == []


def test_no_folder_imports_itself_on_a_way_round():
    """What lies in a folder is one thing to a reader. Only what a folder shares with its subfolders lies in itself."""
    arrows: dict[str, set[str]] = {}
    for module, file in MODULES.items():
        own = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for name, _ in imports(file):
            target = module_of(name)
            if not target or (MODULES[target].name == "__init__.py" and target == "autograder"):
                continue
            folder = target if MODULES[target].name == "__init__.py" else target.rpartition(".")[0]
            if folder != own and not own.startswith(f"{folder}."):
                arrows.setdefault(own, set()).add(folder)
    assert circles(arrows) == []


# Whoever starts a module as a program names it in a string, which no import shows. Upwards that is allowed where the
# program is made there: the command itself, and what runs behind the walls.
STARTED = {
    "autograder.benchmarks.environment": {"autograder.cli"},
    "autograder.cli.demo": {"autograder.cli"},
    "autograder.grading.formgrader": {"autograder.grading.formgrader_pages"},
    "autograder.grading.walls": {"autograder.grading.child"},
    "autograder.launcher.main": {"autograder.cli"},
    "autograder.quality.lab_runs": {"autograder.cli"},
    "autograder.quality.contract": {"autograder.oci.client"},  # not started: no check may import it
    "autograder.scanning.trivy_cli": {"autograder.cli"},
    "autograder.services.jupyter": {"autograder.services.terminal"},
    "autograder.services.site_server": {"autograder.services.site_server"},
    "autograder.site": {"autograder.cli.helptext"},
}


def is_program(text: str) -> bool:
    """Whether a text names a module of the kit; a package without a program is named where its data files are read."""
    file = MODULES.get(text)
    return file is not None and (file.name != "__init__.py" or file.with_name("__main__.py").exists())


def test_what_is_started_by_its_name_is_known():
    named: dict[str, set[str]] = {}
    for module, file in MODULES.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and is_program(node.value):
                named.setdefault(module, set()).add(node.value)
            elif is_text and not node.value.startswith("from autograder import"):
                assert " from autograder" not in node.value, f"{module} imports in a text: {node.value[:80]}"
    assert named == STARTED


@pytest.mark.parametrize("part", ["domain", "oci", "launcher"])
def test_the_ground_needs_nothing_but_the_standard_library(part):
    """The emulators' image holds domain and oci, and the launcher runs before anything is installed."""
    allowed = sys.stdlib_module_names | {"autograder"}
    if part == "domain":
        allowed |= {"packaging"}
    for file in FILES:
        if part_of(name_of(file)) == part and name_of(file) != "autograder.oci.client":
            for name, _ in imports(file):
                assert name.split(".")[0] in allowed, f"{file.name} imports {name}"


def test_checks_see_no_client():
    """A check is a function of evidence: no engine, network, clock or file."""
    for file in FILES:
        if part_of(name_of(file)) in ("checks", "evidence", "pipelines", "domain"):
            assert all(module_of(name) != "autograder.oci.client" for name, _ in imports(file)), file
