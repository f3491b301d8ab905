"""The steps of `course test`, with what they run replaced: which there are, in which order, and how they end."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import time
from unittest.mock import Mock

import pytest

from autograder.errors import EnvironmentProblem
from autograder.launcher import apt
from autograder.launcher.locks import exclusive
from autograder.quality import network, ready, steps
from autograder.quality.reference_engine import run


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Steps on a machine with an old engine where nothing is really run; the commands that were."""
    commands, lines = [], []
    monkeypatch.setattr(network, "REPORTS", tmp_path / "reports")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(run, "machines_engine", lambda: (False, "Engine 20.10.24, overlay2 graph driver"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(apt, "as_root", lambda: [])
    monkeypatch.setattr(ready.engine, "probe", lambda: (None, None))

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
    assert told.commands[1][3:] == ["--suite", "sid", "tests", *steps.ENGINE_TESTS, "-m", "reference or both_engines"]


def test_a_machine_whose_engine_is_the_reference_needs_no_other(told, monkeypatch):
    monkeypatch.setattr(run, "machines_engine", lambda: (True, "Engine 29.0.1, containerd image store"))
    told.reference(["tests/content"])
    told.everything()
    assert not any("reference_engine" in word for command in told.commands for word in command)
    junit = f"--junitxml={network.REPORTS / 'engine.xml'}"
    others = [*steps.ENGINE_TESTS, *(f"--ignore={file}" for file in steps.ALONE)]
    assert told.commands[-1][1:] == ["-m", "pytest", *others, "-m", f"not ({run.UNIT})", junit]


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


def test_a_run_that_waits_for_its_word_holds_nobody_up(monkeypatch, tmp_path):
    """The labs' step has the way to other machines for itself, and the word comes after it: waiting for it with a turn
    of one's own would never end."""
    monkeypatch.setattr(network, "REPORTS", tmp_path)
    target = Mock()
    target.start.return_value.wait.return_value = 0
    monkeypatch.setattr(run.root, "ensure", lambda *_: Mock())
    monkeypatch.setattr(run.instance, "up", lambda *_: contextlib.nullcontext(target))
    monkeypatch.setattr(run.pythons, "shown", lambda *_: [])
    monkeypatch.setattr(run.pythons, "prepare", lambda *_, own: "python3")
    monkeypatch.setattr(run.engine, "probe", lambda: (Mock(trouble="no engine"), None))
    monkeypatch.setattr(run, "versions", lambda *_: "")
    monkeypatch.setattr(run, "REPORTS", tmp_path)
    free = []

    def told():
        with exclusive(tmp_path / "network.lock", seconds=0):
            free.append(True)

    monkeypatch.setattr(run, "_told_to_go", told)
    assert run.inside(["-v"], pytest=True, suite=None, own=False, folder=".", paced=True) == 0
    assert free == [True]


class Process:
    """A run on the reference engine, as far as steps see it: told to go, it prints and ends with a status."""

    def __init__(self, status, ends, output):
        self.status, self.ends, self.output = status, ends, output
        self.stdin = io.BytesIO()

    def wait(self, seconds=None):
        if not self.ends:
            self.ends = seconds == steps.PROGRESS_SECONDS  # after the first word about how far it is
            raise subprocess.TimeoutExpired("sudo", seconds)
        return self.status

    def poll(self):
        return self.status if self.ends else None

    def terminate(self):
        raise PermissionError("sudo is root's")


@pytest.fixture
def beside(told, monkeypatch, home):
    """Gives what says how the run on the reference engine goes; its call is among the commands."""

    def goes(status, ends=True):
        def start(command, *, stdout, **_):
            stdout.write(b"reference engine: up\n98 passed")
            told.commands.append(command)
            told.process = Process(status, ends, stdout)
            return told.process

        monkeypatch.setattr(steps.subprocess, "Popen", start)

    return goes


def test_beside_an_old_engine_another_comes_up_first_and_its_tests_run_beside_the_machines(told, beside, monkeypatch):
    beside(0, ends=False)
    written = {}
    run_one = steps.subprocess.run

    def noted(command, **more):
        written[command[-1]] = told.process.stdin.getvalue()
        return run_one(command, **more)

    monkeypatch.setattr(steps.subprocess, "run", noted)
    told.everything("sid")
    inner = [command[1:] for command in told.commands]
    junit = {key: f"--junitxml={network.REPORTS / key}.xml" for key in ("unit", "labs", "engine", "reference")}
    reference = ["--suite", "sid", "--paced", "tests", "-v", "-m", "reference or both_engines", junit["reference"]]
    assert inner[0] == ["-m", "autograder.quality.reference_engine.run", *reference]
    assert [command[1] for command in inner[1:4]] == ["ruff", "ruff", "mypy"]
    assert inner[4] == ["-m", "pytest", *steps.UNIT_TESTS, junit["unit"]]
    machine = ["-m", f"not ({run.UNIT}) and not reference"]
    assert inner[5] == ["-m", "pytest", "-v", *machine, *steps.ALONE, junit["labs"]]
    others = [*steps.ENGINE_TESTS, *(f"--ignore={file}" for file in steps.ALONE)]
    assert inner[6:] == [["-m", "pytest", *others, *machine, junit["engine"]]]
    alone = (written[junit["unit"]], written[junit["labs"]])
    assert (alone, written[junit["engine"]]) == ((b"", b""), b"go\n"), "its tests leave unit tests and labs alone"
    assert told.lines[0] == "The machine's own engine: Engine 20.10.24, overlay2 graph driver."
    assert "   beside, on the reference engine: 98 passed" in told.lines, "a word while it is waited for"
    assert any(line.endswith("reference engine: up\n98 passed") for line in told.lines)
    assert not told.failed and not any("NOT RUN" in line for line in told.lines)


def test_a_failure_on_the_reference_engine_counts(told, beside):
    beside(1)
    told.everything()
    assert told.failed == [steps.REFERENCE]


@pytest.mark.parametrize("ci", ["", "true"])
def test_without_a_reference_engine_it_is_said_and_fails_in_ci(told, beside, monkeypatch, ci):
    monkeypatch.setenv("CI", ci)
    beside(run.UNAVAILABLE)
    told.everything()
    assert any("NOT RUN: see the error above" in line and "the lessons' blocks" in line for line in told.lines)
    assert bool(told.failed) is bool(ci)


def test_when_the_steps_break_off_the_reference_engine_is_not_waited_for_without_end(told, beside, monkeypatch):
    beside(0, ends=False)
    monkeypatch.setattr(told, "static", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        told.everything()
    assert told.process.stdin.closed, "which ends one that still waits"
    assert "still at work" in told.lines[-1]


CASE = '<testcase classname="tests.{}" name="test_it" time="{}" />'


def test_the_seconds_of_all_parts_are_told_at_the_end(told, monkeypatch):
    """Those of folders are from pytest's own report; of an earlier run's nothing is left."""
    network.REPORTS.mkdir()
    (network.REPORTS / "unit.xml").write_text("of another run", encoding="utf-8")
    cases = "".join(CASE.format(*one) for one in [("domain.test_a", 1.5), ("domain.b.test_c", 2), ("test_d", 40.25)])
    run_one = steps.subprocess.run

    def reports(command, **more):
        if "-q" in command:
            report = f"<testsuites><testsuite>{cases}</testsuite></testsuites>"
            (network.REPORTS / "unit.xml").write_text(report, encoding="utf-8")
        return run_one(command, **more)

    monkeypatch.setattr(steps.subprocess, "run", reports)
    monkeypatch.setattr(apt, "as_root", lambda: None)
    told.everything()
    lines = told.lines[-1].splitlines()
    assert [line.split() for line in lines[1:7]] == [
        ["==", "seconds"],
        ["seconds", "part"],
        ["0", "lint"],
        ["0", "format"],
        ["0", "types"],
        ["0", "unit", "tests"],
    ]
    assert [line.split() for line in lines[7:9]] == [
        ["40", "tests/test_d", "(1", "tests)"],
        ["4", "tests/domain", "(2", "tests)"],
    ]
    assert lines[9] == "      0  all labs, with nothing beside"
    assert lines[10].startswith("      0  tests with engine and browser (Engine 20.10.24")


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
    monkeypatch.setattr(ready.engine, "probe", lambda: (None, client))

    def ensure(client, tag, report):
        told.commands.append(tag)
        if tag == ready.images.PYTHON_BASE:
            raise EnvironmentProblem(expected="an image", found="no mirror", next_step="")

    monkeypatch.setattr(ready.images, "ensure", ensure)
    told.reference([])
    assert told.commands[:-1] == [*ready.images.BASES, "closed"] and "tests" in told.commands[-1]
    assert any("no mirror" in line for line in told.lines)
