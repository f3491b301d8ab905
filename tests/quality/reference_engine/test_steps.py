"""The steps of `course test`, with what they run replaced: which there are, in which order, and how they end."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from autograder.errors import EnvironmentProblem
from autograder.launcher import apt
from autograder.quality import steps
from autograder.quality.reference_engine import run


@pytest.fixture
def told(monkeypatch):
    """Steps on a machine with an old engine where nothing is really run; the commands that were."""
    commands, lines = [], []
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(run, "machines_engine", lambda: (False, "Engine 20.10.24, overlay2 graph driver"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(apt, "as_root", lambda: [])
    monkeypatch.setattr(steps.engine, "probe", lambda: (None, None))

    def call(command, **_):
        commands.append(command)
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(steps.subprocess, "run", call)
    made = steps.Steps(lines.append)
    made.lines, made.commands = lines, commands
    return made


def test_chosen_tests_run_inside(told):
    told.reference(["tests/content", "-k", "03"])
    (command,) = told.commands
    assert command[1:] == ["-m", "autograder.quality.reference_engine.run", "tests", "tests/content", "-k", "03"]
    told.reference([], suite="sid")
    assert told.commands[1][3:] == ["--suite", "sid", "tests", "-v", "-m", "reference or both_engines"]


def test_a_machine_whose_engine_is_the_reference_needs_no_other(told, monkeypatch):
    monkeypatch.setattr(run, "machines_engine", lambda: (True, "Engine 29.0.1, containerd image store"))
    told.reference(["tests/content"])
    told.everything()
    assert not any("reference_engine" in word for command in told.commands for word in command)
    assert told.commands[-1][1:] == ["-m", "pytest", "-v", "-m", f"not ({run.UNIT})"]


@pytest.mark.parametrize("ci", ["", "true"])
def test_without_root_it_is_said_and_fails_in_ci(told, monkeypatch, ci):
    monkeypatch.setattr(apt, "as_root", lambda: None)
    monkeypatch.setenv("CI", ci)
    told.everything()
    assert any("NOT RUN: it needs root or sudo" in line and "the lessons' blocks" in line for line in told.lines)
    assert bool(told.failed) is bool(ci)


@pytest.mark.parametrize(("status", "failed"), [(1, True), (steps.NO_TESTS, True), (run.UNAVAILABLE, False)])
def test_how_a_run_inside_ends(told, monkeypatch, status, failed):
    monkeypatch.setattr(steps.subprocess, "run", lambda command, **_: type("Done", (), {"returncode": status}))
    told.reference([])
    assert bool(told.failed) is failed
    assert any("NOT RUN" in line for line in told.lines) is not failed
    monkeypatch.setenv("CI", "true")
    told.reference([])
    assert told.failed


class Making:
    """A process that makes a file tree, as far as steps see it."""

    def __init__(self, status, ends=True):
        self.status, self.ends = status, ends

    def wait(self, seconds=None):
        if seconds is not None and not self.ends:
            raise subprocess.TimeoutExpired("sudo", seconds)
        self.ends = True
        return self.status

    def poll(self):
        return self.status if self.ends else None

    def terminate(self):
        raise PermissionError("sudo is root's")


@pytest.fixture
def making(told, monkeypatch, home):
    """Gives what says how the making of the file tree goes; its call is among the commands."""

    def goes(status, ends=True):
        def start(command, **_):
            told.commands.append(command)
            return Making(status, ends)

        monkeypatch.setattr(steps.subprocess, "Popen", start)

    return goes


def test_beside_an_old_engine_the_tree_is_made_first_and_tests_run_there_last(told, making):
    making(0, ends=False)
    told.everything("sid")
    inner = [command[1:] for command in told.commands]
    run_module = ["-m", "autograder.quality.reference_engine.run", "--suite", "sid"]
    assert inner[0] == [*run_module, "make"]
    assert [command[1] for command in inner[1:4]] == ["ruff", "ruff", "mypy"]
    assert inner[4] == ["-m", "pytest", *steps.UNIT_TESTS]
    assert inner[5] == ["-m", "pytest", "-v", "-m", f"not ({run.UNIT}) and not reference"]
    assert inner[6:] == [[*run_module, "tests", "-v", "-m", "reference or both_engines"]]
    assert told.lines[0] == "The machine's own engine: Engine 20.10.24, overlay2 graph driver."
    assert not told.failed and not any("NOT RUN" in line for line in told.lines)


@pytest.mark.parametrize("ci", ["", "true"])
def test_without_a_tree_it_is_said_and_fails_in_ci(told, making, monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    making(1)
    told.everything()
    assert not any("tests" in command for command in told.commands)
    assert any(
        "NOT RUN: its file tree could not be made" in line and "the lessons' blocks" in line for line in told.lines
    )
    assert bool(told.failed) is bool(ci)


def test_when_the_steps_break_off_the_making_is_not_waited_for_without_end(told, making, monkeypatch):
    making(0, ends=False)
    monkeypatch.setattr(told, "static", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        told.everything()
    assert "still being made" in told.lines[-1]


def test_without_an_engine_it_is_said_in_words(told, monkeypatch):
    monkeypatch.setattr(run, "machines_engine", lambda: (False, "no engine answers"))
    monkeypatch.setattr(apt, "as_root", lambda: None)
    told.everything()
    assert told.lines[0] == "The machine's own engine: no engine answers."


@pytest.mark.parametrize(("silent", "password", "runs"), [(0, 1, True), (1, 0, True), (1, 1, False)])
def test_sudo_is_asked_at_the_beginning_and_its_answer_counts(told, monkeypatch, silent, password, runs):
    def call(command, **_):
        told.commands.append(command)
        status = {("-n", "true"): silent, ("-v",): password}.get(tuple(command[1:]), 0)
        return type("Done", (), {"returncode": status})

    monkeypatch.setattr(steps.subprocess, "run", call)
    monkeypatch.setattr(apt, "as_root", lambda: ["sudo"])
    told.reference([])
    assert (["sudo", "-v"] in told.commands) is bool(silent)
    assert any("tests" in command for command in told.commands) is runs
    assert any("NOT RUN: sudo did not give root" in line for line in told.lines) is not runs


def test_sudo_is_kept_awake_while_steps_run(told, monkeypatch):
    answers = iter([["sudo"], None])  # what is found at first stays
    monkeypatch.setattr(apt, "as_root", lambda: next(answers))
    monkeypatch.setattr(steps, "SUDO_SECONDS", 0.01)

    def inside(suite, arguments):
        until = time.monotonic() + 30
        while told.commands.count(["sudo", "-n", "true"]) < 4 and time.monotonic() < until:
            time.sleep(0.01)

    monkeypatch.setattr(told, "_inside", inside)
    told.reference([])
    assert told.commands.count(["sudo", "-n", "true"]) >= 4
    time.sleep(0.1)
    count = len(told.commands)
    time.sleep(0.1)
    assert len(told.commands) == count


def test_base_images_are_got_by_the_user_before_the_run_as_root(told, monkeypatch):
    client = type("Client", (), {"close": lambda self: told.commands.append("closed")})()
    monkeypatch.setattr(steps.engine, "probe", lambda: (None, client))

    def ensure(client, tag, report):
        told.commands.append(tag)
        if tag == steps.images.PYTHON_BASE:
            raise EnvironmentProblem(expected="an image", found="no mirror", next_step="")

    monkeypatch.setattr(steps.images, "ensure", ensure)
    told.reference([])
    assert told.commands[:-1] == [*steps.images.BASES, "closed"] and "tests" in told.commands[-1]
    assert any("no mirror" in line for line in told.lines)
