"""A class in which one is honest and all others attack: graded by the kit's own commands, in a process that is watched.

One run grades some submissions of one lab. It ends within the stated time and memory, the honest one has all points,
and each hostile row says in words what was wrong with it. The cases are in ``cases.py``.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from autograder.grading import spreadsheet

from . import cases, classroom
from .classroom import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

EVERY = [*cases.CASES, *cases.HARD]
RUNS = cases.runs()
RUN_OF = {case.id: name for name, held in RUNS.items() for case in held}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Gives a run by its name; each is made once."""
    made: dict[str, Run] = {}

    def run(name: str) -> Run:
        if name not in made:
            folder = tmp_path_factory.mktemp("hostile") / "class"
            folder.mkdir()
            made[name] = classroom.grade(folder, RUNS[name], *classroom.EXPORTS)
        return made[name]

    return run


def test_the_table_has_cases_of_every_kind() -> None:
    counts = Counter(case.kind for case in [*EVERY, *cases.WALLS, *cases.TASKS])
    assert len(EVERY) >= 60 and set(counts) == set(classroom.KINDS) and min(counts.values()) >= 3, counts


@pytest.mark.parametrize("name", RUNS)
def test_the_run_ends_in_time_and_memory_and_leaves_nothing(graded, name: str) -> None:
    run = graded(name)
    classroom.in_bounds(run, len(RUNS[name]))
    assert [one["command"] for one in run.ended] == ["grade", "export", "export"], run.said[-1500:]
    assert all(one["status"] == 0 for one in run.ended[1:]), run.ended


@pytest.mark.parametrize("name", RUNS)
def test_the_honest_neighbour_keeps_all_points(graded, name: str) -> None:
    classroom.neighbour(graded(name), RUNS[name][0].lab)


@pytest.mark.parametrize("case", EVERY, ids=lambda case: case.id)
def test_a_hostile_submission_gets_a_row_in_words(graded, case: classroom.Case) -> None:
    name = RUN_OF[case.id]
    student = next(id for id, one in classroom.attackers(RUNS[name]).items() if one is case)
    classroom.holds(graded(name), student, case)


@pytest.mark.parametrize("name", RUNS)
def test_no_export_holds_a_formula_and_no_page_a_script(graded, name: str) -> None:
    run = graded(name)
    table = (run.folder / "all.csv").read_bytes().decode("utf-8-sig")
    cells = [cell for line in csv.reader(io.StringIO(table, newline="")) for cell in line]
    assert cells and not [cell for cell in cells if spreadsheet.is_formula(cell)]
    assert json.loads((run.folder / "all.json").read_text(encoding="utf-8"))
    pages = [page.read_text(encoding="utf-8").lower() for page in (run.home / "class").rglob("*.html")]
    assert pages and not [page for page in pages if "<script>alert" in page or "<img src=x" in page]
