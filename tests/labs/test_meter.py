"""The limits of a code task are of work: an endless cell and a sleeping one end, a starved or stopped one does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from autograder.labs import runner

pytestmark = pytest.mark.slow  # each starts programs

posix = pytest.mark.skipif(sys.platform == "win32", reason="process groups and signals are POSIX")
SPIN = """
import time
def f(n):
    until = time.process_time() + n
    while time.process_time() < until: pass
    return n
"""


def job(source: str, *inputs: object, seconds: float = 0.5) -> dict[str, object]:
    return {"source": source, "function": "f", "cases": [[one] for one in inputs], "seconds": seconds}


def statuses(found: dict[str, object]) -> list[str]:
    return [result["status"] for result in found["results"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        "while n: pass",
        "import time; time.sleep(600 * n)",
        "import threading; threading.Event().wait(600 * n)",
        "import os; os.fork() if n else 0\n    while n: pass",
        "import subprocess; subprocess.run(['sleep', str(600 * n)])",
    ],
    ids=["loop", "sleep", "deadlock", "fork", "child"],
)
@posix
def test_what_never_ends_gets_the_same_verdict_however_it_spends_its_time(body):
    began = time.monotonic()
    assert statuses(runner.run(job(f"def f(n):\n    {body}\n", 1, 0))) == ["timeout", "returned"]
    assert time.monotonic() - began < runner.longest(0.5), "not by the clock on the wall"


@pytest.mark.parametrize("line", ["while True: pass", "import time; time.sleep(600)"], ids=["loop", "sleep"])
def test_a_cell_that_never_loads(line, monkeypatch):
    monkeypatch.setattr(runner, "LOAD_SECONDS", 0.5)
    found = runner.run(job(line, 1))
    assert (found["status"], found["message"]) == ("broken", "the cell did not finish within 0.5 s")


@posix
def test_a_process_that_was_stopped_for_longer_than_its_limit_still_answers():
    process, message = runner.start(job(SPIN))
    assert process is not None, message
    try:
        os.kill(process.process.pid, signal.SIGSTOP)
        timer = threading.Timer(3.0, os.kill, (process.process.pid, signal.SIGCONT))
        timer.start()
        process.send([0.1])
        began = time.monotonic()
        assert process.receive(0.5) == {"status": "returned", "value": 0.1}
        assert time.monotonic() - began > 2.5
    finally:
        process.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody tells, or a look takes longer")
def test_a_cell_that_stops_itself_in_every_case_is_waited_for_once(monkeypatch):
    """Stopped, it costs nothing; a helper wakes it before the limit by the clock is over, so each case goes well."""
    stop = "import os, signal\ndef f(n):\n    if os.fork() == 0:\n        import time; time.sleep(1.2)\n"
    stop += "        os.kill(os.getppid(), signal.SIGCONT); os._exit(0)\n"
    stop += "    os.kill(os.getpid(), signal.SIGSTOP)\n    return n\n"
    monkeypatch.setattr(runner, "PATIENCE", 5.0)
    found = statuses(runner.run(job(stop, *range(12), seconds=0.3)))
    assert found[0] == "returned" and found[-1] == "timeout"


@pytest.mark.slow  # it takes every processor for some seconds
@posix
def test_on_a_machine_that_is_busy_the_verdict_is_the_same():
    loop = [sys.executable, "-I", "-S", "-c", "while True: pass"]
    others = [subprocess.Popen(loop) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        began = time.monotonic()
        found = runner.run(job("import os\nos.nice(5)\n" + SPIN, 0.4, 60, seconds=1.0))
        assert statuses(found) == ["returned", "timeout"]
        assert time.monotonic() - began > 1.0
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_most_answers_are_not_waited_for(monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("a quick answer needs no meter")

    monkeypatch.setattr(runner, "LOOK", 30.0)
    monkeypatch.setattr(runner, "Meter", never)
    assert statuses(runner.run(job("def f(n):\n    return n\n", 1, 2, seconds=60.0))) == ["returned"] * 2


@pytest.fixture
def group():
    """A process group with 0.6 s of CPU time behind it that sleeps, and one child of the group that does, too."""
    program = (
        SPIN
        + "import subprocess\nf(0.6)\nchild = subprocess.Popen(['sleep', '60'])\nprint(1, flush=True)\nchild.wait()"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", program], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None and process.stdout.readline() == b"1\n"
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc")
def test_linux_tells_work_and_state(group):
    time.sleep(0.1)
    used, asleep = runner.linux_seconds(group.pid)
    assert 0.5 < used < 2.0 and asleep
    os.kill(group.pid, signal.SIGSTOP)
    assert runner.Meter(group.pid).look()[1] is False, "who is stopped does not sleep by its own will"


@posix
def test_ps_tells_work_and_state(group, monkeypatch):
    """What macOS and others are asked; Linux's `ps` has whole seconds."""
    time.sleep(0.1)
    assert runner.posix_seconds(group.pid) == (pytest.approx(0.6, abs=0.7), True)
    shown = f"  {group.pid} Ss 1-02:03:04.50\n 1 Ss 9:00\n {group.pid} R+ 00:01.25\n"
    monkeypatch.setattr(runner.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, shown, ""))
    assert runner.posix_seconds(group.pid) == (86400 + 2 * 3600 + 3 * 60 + 4.5 + 1.25, False)


@posix
def test_where_nobody_tells_the_state_the_clock_counts_a_fifth(group, monkeypatch):
    meter = runner.Meter(group.pid)
    monkeypatch.setattr(meter, "look", lambda: (meter.used, None))
    time.sleep(meter.pause)
    assert 0 < meter.add() <= 2 * meter.pause / runner.UNSEEN
