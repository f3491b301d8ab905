"""Tasks that attack, in a class with an honest neighbour: graded in the sandbox by the kit's own commands."""

from __future__ import annotations

import time

import pytest

from autograder.services import orphans

from . import cases, classroom

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def run(engine, tmp_path_factory: pytest.TempPathFactory) -> classroom.Run:
    folder = tmp_path_factory.mktemp("hostile-tasks") / "class"
    folder.mkdir()
    return classroom.grade(folder, cases.TASKS, engine=True)


def test_the_run_ends_and_the_honest_neighbour_keeps_all_points(run: classroom.Run) -> None:
    classroom.neighbour(run, "02-names")
    assert not run.over and run.memory < classroom.MEMORY, (run.seconds, run.memory)


@pytest.mark.parametrize("case", cases.TASKS, ids=lambda case: case.id)
def test_a_hostile_task_gets_a_row_in_words(run: classroom.Run, case: classroom.Case) -> None:
    student = next(id for id, one in classroom.attackers(cases.TASKS).items() if one is case)
    classroom.holds(run, student, case)
    row = run.row(student)
    assert {"parse", "refuse"} <= set(row["failed"]) and row["score"] <= 2, row


def test_no_container_is_left(engine, run: classroom.Run) -> None:
    until = time.monotonic() + 60
    label = f"{orphans.HOME_LABEL}={run.home}"
    while left := engine.api.containers(all=True, filters={"label": label}):
        assert time.monotonic() < until, left
        time.sleep(0.5)
