"""Tests that share an engine: those of a group run in one process, one after the other, the longest groups first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import groups

pytestmark = pytest.mark.slow  # each starts programs

ROOT = Path(__file__).parent
TEST = """
import os
import pathlib
import time

import pytest

NOTES = pathlib.Path({notes!r})


@pytest.mark.parametrize("number", range(6))
def test_it(number):
    time.sleep(0.05)
    with NOTES.open("a", encoding="utf-8") as notes:
        notes.write(f"{{os.environ['PYTEST_XDIST_WORKER']}} {{pathlib.Path(__file__).name}}\\n")
"""


def test_a_group_stays_in_one_process(tmp_path):
    """Else labs would be done twice, and two tests of a file would each make the file's fixtures."""
    notes = tmp_path / "notes"
    folder = tmp_path / "tests"
    for name in ("quality/test_whole_course.py", "content/test_desk.py", "a/test_one.py", "b/test_two.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(TEST.format(notes=str(notes)), encoding="utf-8")
    options = ["-q", "-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-p", "xdist.plugin"]
    options += ["-p", "tests.groups", "--import-mode=importlib", "-p", "no:cacheprovider"]
    options += ["-c", os.devnull, "--rootdir=."]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = notes.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 24
    builds = [line for line in lines if line.endswith(("test_whole_course.py", "test_desk.py"))]
    assert len({line.split()[0] for line in builds}) == 1, "one process for all that builds"
    for file in ("test_one.py", "test_two.py"):
        assert len({line for line in lines if line.endswith(file)}) == 1, f"one process for {file}"
    assert len({line.split()[0] for line in lines}) == 2, "both processes have work"


def test_every_file_that_is_named_is_there():
    for file in (*groups.BUILDING_FILES, *groups.LONGEST, *groups.WAITING, *groups.FETCHING):
        assert file == groups.BUILDS or (ROOT.parent / file).is_file(), file


def test_who_builds_belongs_to_the_builds(request):
    function = pytest.Function.from_parent(request.node.parent, name="asking", callobj=lambda desk: None)
    with pytest.raises(pytest.UsageError, match="BUILDING_FILES"):
        groups.pytest_collection_modifyitems([function])


def test_what_waits_comes_early_and_there_is_a_process_more_than_processors(monkeypatch):
    order = ["tests/a.py", *reversed(groups.WAITING), groups.BUILDS, *groups.FETCHING]
    assert sorted(order, key=groups.rank) == [groups.BUILDS, *groups.WAITING, "tests/a.py", *groups.FETCHING]
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    assert groups.pytest_xdist_auto_num_workers() == 3
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    assert groups.pytest_xdist_auto_num_workers() is None
