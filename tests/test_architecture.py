"""ARCHITECTURE.md held against the code: what it names exists, and its picture is the order of the layers."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.test_layers import LAYERS

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`([\w/]+\.py): ([\w.]+)`")
PLACES = sorted(set(NAMED.findall(TEXT)))


def defined(file: Path) -> set[str]:
    """What a module defines: functions, classes, ``Class.method`` and names that are assigned."""
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, ast.FunctionDef)}
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(("file", "name"), PLACES)
def test_every_place_on_the_page_is_there(file, name):
    path = ROOT / "autograder" / file
    assert path.is_file(), f"ARCHITECTURE.md names autograder/{file}, which is gone: say where it is now"
    assert name in defined(path), f"ARCHITECTURE.md names {name} in autograder/{file}, which has no such definition"


def test_the_walks_are_five_and_each_names_places():
    walks = re.split(r"^## ", TEXT, flags=re.MULTILINE)[2:]
    assert [walk.splitlines()[0].split()[0] for walk in walks] == ["From"] * 5
    assert all(len(NAMED.findall(walk)) >= 5 for walk in walks)


def test_the_picture_shows_the_layers_in_their_order():
    arrows = re.findall(r"^  ([\w &>-]+)$", TEXT, flags=re.MULTILINE)
    drawn: list[set[str]] = []
    for line in arrows:
        rows = [set(re.findall(r"\w+", row)) for row in line.split("-->")]
        drawn += rows[1:] if drawn else rows
    assert drawn == [layer for layer in LAYERS if "errors" not in layer]
