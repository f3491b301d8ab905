"""Groups of tests that share an engine: those of one stay in one process, and the longest groups come first.

A plugin of pytest: ``python3 course.py test`` runs the tests with an engine in two processes, by ``--dist loadgroup``.
The unit tests need no groups; those that wait come first, and there is a process more than processors.
"""

from __future__ import annotations

import os

import pytest

# Who builds with docker and looks at layers needs the builder's cache, which the lessons' desk tidies up.
BUILDS = "builds"
BUILDING = {"done", "desk", "desk_tools"}  # fixtures
BUILDING_FILES = (
    "tests/content/test_desk.py",
    "tests/content/test_instructor_guide.py",
    "tests/content/test_lesson_commands.py",
    "tests/docker/test_images.py",
    "tests/notebook/test_in_jupyterlab.py",
    "tests/quality/test_content_contract.py",
    "tests/quality/test_whole_course.py",
)
# The groups that take longest, so that no process is left alone with one; and last, what fetches from other machines,
# which would wait for the labs to be done (autograder/quality/network.py).
LONGEST = (
    BUILDS,
    "tests/site/test_browser.py",
    "tests/quality/test_sample_class.py",
    "tests/grading/test_gradebook.py",
    "tests/hostile/test_sandbox.py",
)
# Next come those that wait for a clock, or for a program that they start: they leave a processor to the others, and
# nobody waits for them at the end.
WAITING = (
    "tests/labs/test_meter.py",
    "tests/services/test_bounded.py",
    "tests/services/test_steps.py",
    "tests/test_groups.py",
    "tests/test_launcher.py",
    "tests/cli/test_machine.py",
)
FETCHING = ("tests/services/test_offline_images.py",)


def group(nodeid: str) -> str:
    """The group of a test where processes share the tests: its file, which has fixtures of its own, or ``BUILDS``."""
    file = nodeid.partition("::")[0]
    return BUILDS if file in BUILDING_FILES else file


def rank(group: str) -> int:
    """Where a group stands: those that take longest first, then those that wait, then in the order of files."""
    first = (*LONGEST, *WAITING)
    return first.index(group) if group in first else len(first) + (group in FETCHING)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """What ``-n auto`` means: a process more than there are processors, since some tests wait."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None  # xdist reads it
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With ``--dist loadgroup`` a group stays in one process.

    xdist's own scheduler, whose marks say the group, takes each test for a group of its own with pytest 9.2: it writes
    the group into an attribute that is not there any more. The groups are ours, so no marks are needed.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Groups(config, log) if config.getoption("dist") == "loadgroup" else None


def order(items: list[pytest.Item]) -> None:
    """Put tests into the order of their groups.

    Raises:
        UsageError: a test builds with docker and its file is not among those that do.
    """
    items.sort(key=lambda item: rank(group(item.nodeid)))  # stable
    for item in items:
        if BUILDING.intersection(getattr(item, "fixturenames", ())) and group(item.nodeid) != BUILDS:
            raise pytest.UsageError(f"{item.nodeid} builds with docker: add its file to BUILDING_FILES in {__file__}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As a plugin alone; among our tests conftest.py does it."""
    order(items)
