"""Code tasks that take their time: all of a submission have 60 seconds, and an engine that stutters ends no run."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from autograder import paths
from autograder.domain import limits
from autograder.errors import EnvironmentProblem
from autograder.grading import engine_calls, judge, sandbox, workers
from autograder.grading.judge import Tools
from autograder.grading.sandbox import Allowance, Clock, Disturbed, OutOfTime, Sandbox, SandboxFault, Timed
from autograder.labs import tasks
from autograder.services import endpoint, orphans

from ..grading.doubles import kind_probe
from ..grading.submissions import SOLVED
from .test_sandbox import CASES

ROOT = Path(__file__).resolve().parents[2]
JOB = tasks.job(SOLVED, "double", CASES, 1.0)


class Hangs:
    """A sandbox whose containers run until their clock has run out, or for ``seconds``."""

    def __init__(self, seconds: float = 1e9) -> None:
        self.seconds, self.given = seconds, list[float]()

    def run(self, jobs: Any, clock: Clock) -> list[Any]:
        self.given.append(clock.most)
        clock.spent = min(clock.most, self.seconds)
        if self.seconds > clock.most:
            raise OutOfTime
        raise Disturbed("it ended the program that runs it")


def test_whatever_the_tasks_do_all_containers_together_have_sixty_seconds():
    box, allowance = Hangs(), Allowance()
    timed = Timed(box, allowance)
    for jobs in ([JOB] * 3, [JOB], [JOB], [JOB]):
        with pytest.raises(OutOfTime, match="the tasks of this submission used up their 60 s"):
            timed.run(jobs)
    assert box.given == [30.0, 10.0, 10.0, 10.0] and allowance.left == 0.0
    with pytest.raises(OutOfTime):
        timed.run([JOB])
    assert len(box.given) == 4, "without time no container is started"


def test_a_single_task_may_have_all_of_it_and_try_again_with_the_rest():
    box, allowance = Hangs(seconds=50.0), Allowance()
    timed = Timed(box, allowance)
    with pytest.raises(Disturbed, match="ended the program"):
        timed.run([JOB])
    with pytest.raises(OutOfTime):
        timed.run([JOB])
    assert box.given == [60.0, 10.0]


def test_the_row_says_it(course, ada, tmp_path):
    left = Allowance()
    tools = Tools(course, sandbox=lambda: Timed(Hangs(), left), probe=kind_probe, pause=lambda seconds: None)
    outcome = judge.judge("x", ada.zip(tmp_path), tools)
    [verdict] = [verdict for verdict in outcome.verdicts if verdict.check == "double"]
    assert outcome.status == "graded" and verdict.status == "failed"
    assert verdict.found == "The cell was stopped: the tasks of this submission used up their 60 s."
    assert left.left == 0.0


class Processors:
    """How long the machine's processors had nothing to do."""

    def __init__(self) -> None:
        self.idle = 0.0


def test_while_no_processor_is_free_waiting_counts_a_third(monkeypatch):
    now, processors = [0.0], Processors()
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: now[0])

    def told() -> Processors:
        copy = Processors()
        copy.idle = processors.idle
        return copy

    monkeypatch.setattr(sandbox.psutil, "cpu_times", told)
    clock = Clock(60.0)
    assert clock.add() == 0.0, "nothing counts before it runs"
    clock.start()

    def later(seconds: float, idle: float, used: float | None, held_up: bool = True) -> float:
        now[0] += seconds
        processors.idle += idle
        return clock.add(used, lambda: held_up)

    assert later(3.0, 3.0, 0.0) == 3.0, "a processor is free: it sleeps, and that counts"
    assert later(3.0, 0.0, 0.0) == 4.0, "none is: it waits for one"
    assert later(3.0, 0.0, 3.0) == 7.0, "none is, and it works"
    assert later(3.0, 0.0, None) == 8.0
    assert later(3.0, 0.0, 3.0, held_up=False) == 11.0, "nothing in it wants one: it has stopped itself"


def test_the_limit_has_headroom_over_honest_tasks():
    assert limits.SANDBOX_SECONDS.most >= 30 * limits.SANDBOX_SECONDS.honest


# -- an engine that fails --------------------------------------------------------------------------------------------


class Stutters:
    """Fails so many times, then gives its value."""

    def __init__(self, times: int, error: Exception) -> None:
        self.left, self.error, self.calls = times, error, 0

    def __call__(self, *_: Any) -> str:
        self.calls += 1
        if self.calls <= self.left:
            raise self.error
        return "done"


def problem() -> EnvironmentProblem:
    return EnvironmentProblem(expected="an engine", found="no engine answers", next_step="Start it.")


@pytest.mark.parametrize("error", [ConnectionRefusedError("no"), problem()], ids=["refused", "in words"])
def test_a_call_is_tried_three_times_and_then_a_problem_in_words(error):
    pauses: list[float] = []
    assert engine_calls.answered(Stutters(2, error), pauses.append) == "done" and pauses == [1.0, 2.0]
    with pytest.raises(EnvironmentProblem) as told:
        engine_calls.answered(always := Stutters(99, error), pauses.append)
    assert always.calls == 3 and told.value.next_step


def test_a_worker_without_an_engine_is_a_fault_and_no_failure_of_the_grader(monkeypatch, course, ada, tmp_path):
    monkeypatch.setattr(workers.engine, "connect", Stutters(99, problem()))
    kit = workers._Kit()
    with pytest.raises(SandboxFault, match="no engine answers"):
        kit.get_sandbox()
    tools = Tools(course, sandbox=kit.get_sandbox, probe=kind_probe, pause=lambda seconds: None)
    outcome = judge.judge("x", ada.zip(tmp_path), tools)
    [verdict] = [verdict for verdict in outcome.verdicts if verdict.check == "double"]
    assert outcome.status == "not_graded" and verdict.status == "not_graded" and "no engine answers" in verdict.found
    assert not any("The grader failed" in line for line in outcome.problems)


class Proxy:
    """Stands before the engine's socket and closes every third connection before a byte has passed."""

    def __init__(self, path: Path, target: str) -> None:
        self.path, self.target, self.dropped = path, target, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        for number in itertools.count(1):
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if number % 3 == 0:
                self.dropped += 1
                client.close()
            else:
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, contextlib.suppress(OSError):
            server.connect(self.target)
            other = {client: server, server: client}
            while other:
                for one in select.select(list(other), [], [])[0]:
                    if chunk := one.recv(1 << 16):
                        other[one].sendall(chunk) if one in other else None
                    else:
                        with contextlib.suppress(OSError):
                            (server if one is client else client).shutdown(socket.SHUT_WR)
                        del other[one]

    def close(self) -> None:
        self._listener.close()


@pytest.mark.engine
@pytest.mark.walls
@pytest.mark.skipif(sys.platform == "win32", reason="the engine has no socket file there")
def test_an_engine_that_drops_every_third_connection_costs_nobody_anything(course, ada, ben, engine, box, tmp_path):
    url = endpoint.find().url
    if not url.startswith("unix://"):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the engine is not behind a socket file")
    for student in (ada, ben):
        student.zip(box)
    proxy = Proxy(tmp_path / "e.sock", url.removeprefix("unix://"))
    begun = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "autograder.cli", "grade", str(box), "--json"],
            capture_output=True, text=True, encoding="utf-8", timeout=600, cwd=ROOT,
            env={**os.environ, "DOCKER_HOST": f"unix://{proxy.path}"},
        )  # fmt: skip
    finally:
        proxy.close()
    assert "Traceback" not in done.stderr, done.stderr
    rows = {row["student"]: row for row in json.loads(done.stdout)}
    assert {student: (row["status"], row["score"]) for student, row in rows.items()} == {
        "ada": ("graded", 5.5), "ben": ("graded", 5.5)
    }, done.stdout  # fmt: skip
    assert proxy.dropped >= 2 and time.monotonic() - begun < 300
    until = time.monotonic() + 60
    while engine.api.containers(all=True, filters={"label": f"{orphans.HOME_LABEL}={paths.home()}"}):
        assert time.monotonic() < until, "a container was left"
        time.sleep(0.5)


STOPS = "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\ndef double(n): ...\n"


@pytest.mark.engine
def test_what_has_stopped_itself_is_not_kept_waiting_by_a_busy_machine(engine):
    """Also where others take every processor its clock is that on the wall."""
    loop = [sys.executable, "-I", "-S", "-c", "while True: pass"]
    others = [subprocess.Popen(loop) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        box, allowance, begun = Sandbox(engine, sandbox.build(engine)), Allowance(12.0), time.monotonic()
        with pytest.raises(OutOfTime):
            Timed(box, allowance).run([tasks.job(STOPS, "double", CASES, 1.0)])
        assert allowance.left <= 0.0 and time.monotonic() - begun < 30, "three times as long before"
        spin = "def double(n):\n    import time\n    while time.process_time() < 2.0: pass\n    return 2 * n\n"
        answer = Timed(box, Allowance()).run([tasks.job(spin, "double", CASES, 4.0)])
        assert answer[0]["status"] == "ran", "who computes may take its time"
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.mark.engine
def test_a_container_is_ended_by_its_clock(engine):
    box = Sandbox(engine, sandbox.build(engine))
    source = "import time\ntime.sleep(999)\ndef double(n): ...\n"
    begun, allowance = time.monotonic(), Allowance(8.0)
    timed = Timed(box, allowance)
    slow = [tasks.job(source, "double", CASES, 1.0), tasks.job(source, "double", CASES, 1.0)]
    with pytest.raises(OutOfTime):
        timed.run(slow)
    for job in slow:
        with contextlib.suppress(OutOfTime):
            timed.run([job])
    assert allowance.left <= 1.0 and time.monotonic() - begun < 60
    assert Timed(box, Allowance()).run([JOB])[0]["status"] == "ran", "an honest task beside it"
