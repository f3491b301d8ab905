"""What lab 10's notebook says of the tools that are followed is what the code follows."""

from __future__ import annotations

import json

import pytest

from autograder.labs import manifest
from autograder.pipelines import actions, commands, followed, tools

LAB = manifest.find("10")
METADATA = "docker/metadata-action"  # read by a function of its own


def text() -> str:
    notebook = json.loads((LAB.folder / f"{LAB.slug}.ipynb").read_bytes())
    [cell] = [cell for cell in notebook["cells"] if cell["id"] == "followed"]
    return "".join(cell["source"])


def test_the_notebook_has_the_table_of_the_code():
    assert followed.table() in text(), "run: python3 course.py release"
    assert followed.PLACE not in text()


@pytest.mark.parametrize("name", [*tools.FOLLOWED, *actions.FOLLOWED])
def test_every_tool_and_action_has_a_row(name):
    assert sum(line.startswith(f"| `{name}` | ") for line in text().splitlines()) == 1


def test_the_table_names_all_that_the_code_reads_and_nothing_else():
    assert set(tools.FOLLOWED) == set(commands.MODELS)
    assert set(actions.FOLLOWED) == {*actions._MODELS, METADATA}


def test_no_cell_breaks_the_table():
    *lines, blank, shell = followed.table().splitlines()
    assert not blank and shell == followed.SHELL
    assert all(line.count("|") == 3 and line.startswith("| ") and line.endswith(" |") for line in lines)
