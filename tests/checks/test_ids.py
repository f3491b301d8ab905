"""A check's id is written in lab.toml and in its ``@check``; every other place that names it is held against these.

The other places: the cell of the master notebook (``grade_id`` and ``check("ID")``; the released notebook is derived),
the scripted students, and each ``check("ID")`` or ``hint("ID")`` in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from autograder import paths
from autograder.labs import manifest
from autograder.labs.manifest import Lab
from autograder.quality import samples

CELL = re.compile(r'^# %% .*nbgrader={.*"grade": true, "grade_id": "([^"]+)".*}\n(?:check\("([^"]*)"\))?', re.MULTILINE)
MENTIONED = re.compile(r'\b(?:check|hint)\("([^"{}]+)"\)')


def to_do(
    lab: Lab,
    declared: Sequence[str],
    cells: Iterable[tuple[str, str]],
    students: Iterable[str],
    mentioned: Iterable[tuple[str, str]],
) -> list[str]:
    """What to do so that every place names the same checks; empty when they do.

    Args:
        lab: its lab.toml.
        declared: the ids of the lab's ``@check``, in their order.
        cells: ``grade_id`` of the master's graded cells, and the id in ``check("ID")`` there; "" of a written task.
        students: ids that scripted students are meant to pass, or to be told something of.
        mentioned: file and id of each ``check("ID")`` and ``hint("ID")`` in a text.
    """
    toml, module = f"labs/{lab.slug}/lab.toml", f"autograder/checks/{lab.module}/checks.py"
    master, script = f"solutions/{lab.slug}/{lab.slug}.py", f"solutions/{lab.slug}/students.py"
    written = [part.id for part in lab.checks if not part.by_hand]
    steps = [f'{module}: write @check("{id}", …), which {toml} has' for id in written if id not in declared]
    steps += [f"{toml}: write [[checks]] with id, points and hints of {id}" for id in declared if id not in written]
    if not steps and list(declared) != written:
        steps.append(f"{toml}: put [[checks]] in the order of {module}: {', '.join(declared)}")
    held = dict(cells)
    steps += [
        f"{master}: add the graded cell of {id}, then: python3 course.py release" for id in lab.points.keys() - held
    ]
    steps += [f"{master}: {id} is in no lab.toml: rename or remove the cell" for id in held.keys() - lab.points.keys()]
    steps += [
        f'{master}: the cell {id} holds check("{called}"); write check("{id}")'
        for id, called in held.items()
        if id in written and called != id
    ]
    steps += [f"{script}: {id} is no check of this lab" for id in sorted(set(students) - set(written))]
    steps += [f"{file}: {id} is no check of this lab" for file, id in mentioned if id != "all" and id not in lab.points]
    return steps


def cells_of(lab: Lab) -> list[tuple[str, str]]:
    text = (paths.SOLUTIONS / lab.slug / f"{lab.slug}.py").read_text(encoding="utf-8")
    return [(id, called) for id, called in CELL.findall(text)]


def mentioned_in(lab: Lab) -> list[tuple[str, str]]:
    """Only texts that belong to one lab: its master, lab.toml and checks."""
    files = [
        paths.SOLUTIONS / lab.slug / f"{lab.slug}.py",
        lab.folder / "lab.toml",
        *sorted(Path(lab.code().__file__ or "").parent.glob("*.py")),
    ]
    return [
        (file.relative_to(paths.ROOT).as_posix(), id)
        for file in files
        for id in MENTIONED.findall(file.read_text(encoding="utf-8"))
    ]


def told_to_students(lab: Lab) -> set[str]:
    scripted = samples.load(lab)
    return {id for one in scripted for id in (*one.passing(lab), *filter(None, one.says))}


@pytest.mark.parametrize("slug", manifest.slugs())
def test_every_place_that_names_a_check_names_one_of_the_lab(slug):
    lab = manifest.find(slug)
    steps = to_do(lab, list(lab.declared_checks()), cells_of(lab), told_to_students(lab), mentioned_in(lab))
    assert not steps, "What to do:\n" + "\n".join(f"- {step}" for step in steps)


LAB = manifest.find("02")
IDS = list(LAB.points)
CELLS = [(id, id) for id in IDS]


@pytest.mark.parametrize(
    ("declared", "cells", "students", "mentioned", "step"),
    [
        (IDS[1:], CELLS, [], [], '@check("full-names", …)'),
        ([*IDS, "new"], CELLS, [], [], "write [[checks]] with id, points and hints of new"),
        (IDS[::-1], CELLS, [], [], "put [[checks]] in the order of"),
        (IDS, CELLS[1:], [], [], "add the graded cell of full-names"),
        (IDS, [*CELLS, ("new", "new")], [], [], "new is in no lab.toml"),
        (IDS, [("full-names", "repair"), *CELLS[1:]], [], [], 'write check("full-names")'),
        (IDS, CELLS, ["new"], [], "students.py: new is no check"),
        (IDS, CELLS, [], [("a.py", "new"), ("a.py", "all")], "a.py: new is no check"),
    ],
)
def test_what_disagrees_is_told_with_what_to_do(declared, cells, students, mentioned, step):
    [told] = to_do(LAB, declared, cells, students, mentioned)
    assert step in told
