"""Attacks that would cost the others of their run most: each is a run of its own beside an honest neighbour."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import cases, classroom

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]


@pytest.mark.parametrize("case", cases.WALLS, ids=lambda case: case.id)
def test_it_holds(tmp_path: Path, case: classroom.Case) -> None:
    folder = tmp_path / "class"
    folder.mkdir()
    run = classroom.grade(folder, [case])
    classroom.neighbour(run, case.lab)
    classroom.in_bounds(run)
    classroom.holds(run, "m00", case)
