"""Waiting that is bounded by work: load and stops change nothing, endless work and hanging come to an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from autograder.collect import pipeline_probe
from autograder.services import bounded, images, orphans
from autograder.services.bounded import TooLong
from autograder.services.throwaway import ProbeFault

pytestmark = pytest.mark.slow  # each starts programs

LOOP = "while True: pass"


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", program, *arguments]


def test_what_it_prints_and_its_status_are_kept(tmp_path):
    program = "import sys, os; print(os.getcwd(), os.environ['X'], sys.stdin.read()); sys.exit('e')"
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Python needs it on Windows
    done = bounded.run(python(program), 30.0, cwd=tmp_path, environment={**kept, "X": "y"})
    assert (done.returncode, done.stdout.decode().split()) == (1, [str(tmp_path), "y"])
    assert done.stderr.strip() == b"e"


def test_much_output_is_no_hindrance():
    assert len(bounded.run(python("print('x' * 5_000_000)"), 30.0).stdout) > 5_000_000


def test_endless_work_ends():
    with pytest.raises(TooLong, match="worked for more than 1 seconds of CPU time"):
        bounded.run(python(LOOP), 1.0)


def test_work_of_a_child_counts_and_ends_with_it():
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {LOOP!r}, sys.argv[1]])"
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    with pytest.raises(TooLong, match="worked"):
        bounded.run(python(program, mark), 1.0)
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or ())]


def test_what_hangs_ends_too():
    with pytest.raises(TooLong, match="hung: it used 0 seconds"):
        bounded.run(python("import time; time.sleep(600)"), 1.0, wall=1.5)
    assert bounded.backstop(1.0) >= 600 and bounded.backstop(120.0) >= 1800


def test_a_program_that_is_not_there():
    with pytest.raises(OSError):
        bounded.run(["/nowhere/at/all"], 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="signals that stop a process are POSIX")
def test_a_program_that_was_stopped_for_longer_than_its_limit_still_answers():
    program = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); print('here')"
    freed: list[float] = []

    def free() -> None:
        [stopped] = [p for p in psutil.Process().children() if p.status() == psutil.STATUS_STOPPED]
        freed.append(time.monotonic())
        os.kill(stopped.pid, signal.SIGCONT)

    timer, began = threading.Timer(3.0, free), time.monotonic()
    timer.start()
    assert bounded.run(python(program), 1.0).stdout == b"here\n"
    timer.join()
    assert freed and freed[0] - began >= 3.0


@pytest.mark.slow  # it takes every processor for some seconds
@pytest.mark.skipif(not hasattr(os, "nice"), reason="os.nice is POSIX")
def test_on_a_machine_that_is_busy_the_answer_is_the_same():
    others = [subprocess.Popen(python(LOOP)) for _ in range(4 * (os.cpu_count() or 1))]
    program = "import os, time\nos.nice(5)\nwhile time.process_time() < 0.6: pass\nprint(time.monotonic())"
    try:
        began = time.monotonic()
        assert bounded.run(python(program), 1.5).returncode == 0
        assert time.monotonic() - began > 1.5, "the machine was busy: by the clock on the wall it took longer"
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_tool_that_does_not_end_is_a_fault_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline_probe, "SECONDS", 0.5)
    with pytest.raises(ProbeFault, match="check_jsonschema gave no answer: it worked for more than"):
        pipeline_probe._tool("check_jsonschema", python(LOOP), str(tmp_path))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("command", "seconds", "wall", "told"),
    [
        ("exit 3", 30.0, None, 3),
        ("while :; do :; done", 1.0, None, "worked for more than 1 seconds of CPU time"),
        ("sleep 600", 1.0, 2.0, "hung: it used 0 seconds"),
    ],
)
def test_containers_are_measured_as_the_engine_counts(engine, command, seconds, wall, told):
    images.ensure(engine, images.REGISTRY)
    labels = orphans.labels("probe")
    made = engine.containers.run(
        images.REGISTRY, entrypoint=["sh", "-c", command], detach=True, labels=labels, network_mode="none"
    )
    try:
        if isinstance(told, int):
            assert bounded.wait(engine, made, seconds, wall=wall) == told
            assert bounded.container_seconds(engine, made.id) == 0.0
        else:
            with pytest.raises(TooLong, match=told):
                bounded.wait(engine, made, seconds, wall=wall)
    finally:
        made.remove(force=True, v=True)
    assert bounded.container_seconds(engine, made.id) == 0.0, "gone"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a program that runs already")
def test_memory_is_bounded_by_an_error_of_the_program_itself():
    words = [sys.executable, "-c", "import time; time.sleep(0.2); a = b'x' * (1 << 30); print(len(a))"]
    done = bounded.run(words, 30, memory=600 << 20)
    assert done.returncode != 0 and b"MemoryError" in done.stderr
    assert bounded.run([sys.executable, "-c", "print(1)"], 30, memory=600 << 20).stdout.strip() == b"1"
