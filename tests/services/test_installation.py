"""The installation's state: written in one step, one writer at a time, and a copied folder becomes its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.errors import EnvironmentProblem
from autograder.paths import ROOT
from autograder.services import installation


def test_before_the_first_start_there_is_nothing(home):
    assert installation.find() is None
    with pytest.raises(EnvironmentProblem) as error:
        installation.load()
    assert error.value.next_step == "Run: python3 course.py start"


def test_what_was_changed_is_there_again(home):
    with installation.change() as state:
        state.ports["registry"] = 5001
        first = state.id
    again = installation.load()
    assert (again.id, again.ports) == (first, {"registry": 5001})
    assert again.object_name("registry") == f"course-{first}-registry"


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_the_token_is_its_owners_alone(home):
    with installation.change():
        pass
    assert (home / ".course" / "state.json").stat().st_mode & 0o077 == 0


def test_a_change_that_fails_changes_nothing(home):
    with installation.change() as state:
        state.ports["registry"] = 5001
    with pytest.raises(RuntimeError), installation.change() as state:
        state.ports["registry"] = 1
        raise RuntimeError
    assert installation.load().ports == {"registry": 5001}
    assert [file.name for file in (home / ".course").glob("*.tmp")] == []


def test_a_broken_file_is_an_error_that_names_it(home):
    with installation.change():
        pass
    (home / ".course" / "state.json").write_text('{"schema": 1', encoding="utf-8")
    with pytest.raises(EnvironmentProblem, match="cannot be understood"):
        installation.load()


def test_a_copy_becomes_an_installation_of_its_own_and_a_moved_one_stays(home, tmp_path, monkeypatch):
    with installation.change() as state:
        state.ports["registry"] = 5001
        first = state.id
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    monkeypatch.setenv("COURSE_HOME", str(copy))
    with installation.change() as state:
        assert state.id != first and state.ports == {}
    moved = tmp_path / "moved"
    home.rename(moved)
    monkeypatch.setenv("COURSE_HOME", str(moved))
    with installation.change() as state:
        assert state.id == first and state.ports == {"registry": 5001}
    assert installation.load().home == str(moved)


def test_writers_wait_for_each_other(home):
    program = (
        "from autograder.services import installation\n"
        "for _ in range(25):\n"
        "    with installation.change() as state:\n"
        "        state.images['n'] = state.images.get('n', 0) + 1\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen([sys.executable, "-c", program], env=variables) for _ in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert json.loads(Path(home / ".course" / "state.json").read_text(encoding="utf-8"))["images"] == {"n": 100}


def test_a_lock_that_is_held_ends_in_an_error(home):
    said: list[str] = []
    refused = pytest.raises(EnvironmentProblem, match="another one has been running")
    with installation.locked("command"), refused, installation.locked("command", wait=0.2, report=said.append):
        pytest.fail("two had the lock")
    assert said == ["waiting for another command"]
