"""The walls: what costs too much is ended, in whatever it is doing; what is honest never meets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from autograder.grading import judge, limits, people, walls
from autograder.grading.judge import Tools
from autograder.grading.limits import StepLimit
from autograder.grading.progress import Progress
from autograder.grading.sandbox import SandboxFault
from autograder.grading.walled import Tries
from autograder.grading.walls import Over
from autograder.labs import manifest
from autograder.quality import lab_runs, samples
from autograder.services.throwaway import ProbeFault

pytestmark = pytest.mark.slow  # processes

STEPS = dict(limits.STEPS)
SMALL = StepLimit(0.5, 60.0, 0.0, "it was read", "for a test")
IMPATIENT = StepLimit(0.5, 2.0, 0.0, "it was read", "for a test")


# What a child does in these tests. It is in a module of the tests, which the child imports by its name.


def add(progress, a, b):
    return a + b


def compute(progress, step="read", subject=""):
    progress.step(step, subject)
    while True:
        sum(range(1000))


def backtrack(progress):
    """In C, holding the interpreter: nothing in the process can end it but the process's end."""
    progress.step("read", "a pattern")
    re.match("(a+)+$", "a" * 60 + "b")


def grow(progress):
    progress.step("check tags")
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 10) * 4096))


def grow_at_once(progress):
    progress.step("check tags")
    return len(bytearray(1 << 40))


def sleep(progress, step):
    progress.step(step)
    time.sleep(60)


def start_another(progress, file=os.devnull):
    progress.step("probe pipelines")
    code = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid()))\nwhile True: pass"
    subprocess.run([sys.executable, "-c", code, file], check=False)


def end_itself(progress, status):
    progress.step("check tags")
    print("the last words", file=sys.stderr, flush=True)
    os._exit(status)


def fail(progress):
    raise LookupError("as it is")


def print_much(progress):
    for _ in range(1000):
        print("x" * 100)
        os.write(1, b"y" * 100)
    return "done"


def keep_and_compute(progress):
    if progress.has("tasks"):
        return progress.get("tasks"), dict(progress.over)
    progress.step("tasks")
    progress.keep("tasks", {"kept": (1, "ü")})
    return compute(progress, "check tags")


def answer_much(progress):
    return bytes(limits.ANSWER + 1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    for name in limits.STEPS:
        monkeypatch.setitem(limits.STEPS, name, SMALL)


@pytest.fixture(scope="module")
def one():
    made = walls.Walls()
    yield made
    made.close()


def ended(one, function, *given):
    began = time.monotonic()
    with pytest.raises(Over) as caught:
        one.call(function, {}, {}, *given)
    assert time.monotonic() - began < 100
    return caught.value


def pid(progress):
    return os.getpid()


def test_a_call_travels_and_comes_back_and_the_child_is_used_again(one):
    assert one.call(add, {}, {}, "a", b="ü") == "aü"
    assert one.call(pid, {}, {}) == one.call(pid, {}, {}) != os.getpid()
    with pytest.raises(LookupError, match="as it is"):
        one.call(fail, {}, {})
    before = one.call(pid, {}, {})
    assert one.call(print_much, {}, {}) == "done" and one.call(pid, {}, {}) == before


@pytest.mark.parametrize(
    "work",
    [compute, backtrack, start_another],
    ids=["in Python", "in C", "in another process"],
)
def test_endless_work_is_ended(one, work):
    excess = ended(one, work)
    assert excess.cause == "time" and "more than 0 seconds of computing" in excess.words
    assert one.call(add, {}, {}, 1, 2) == 3, "and the next call has a new child"


def test_what_hangs_is_ended(one, monkeypatch):
    monkeypatch.setitem(limits.STEPS, "read", IMPATIENT)
    assert ended(one, sleep, "read").cause == "clock"


@pytest.mark.parametrize("work", [grow, grow_at_once])
def test_memory_without_end_is_ended(one, work, monkeypatch):
    monkeypatch.setattr(limits, "MEMORY", 300 << 20)
    excess = ended(one, work)
    assert (excess.cause, excess.step) == ("memory", "check tags") and "300 MiB of memory" in excess.words


def test_an_answer_without_end_is_ended(one, monkeypatch):
    excess = ended(one, answer_much)
    assert excess.cause == "answer" and "64 MiB" in excess.words


def test_what_ends_by_itself_is_told_with_its_last_words(one):
    excess = ended(one, end_itself, 9)
    assert (excess.cause, excess.step, excess.detail) == ("ended", "check tags", "the last words")


def test_nothing_that_was_started_goes_on(one, tmp_path):
    file = tmp_path / "pid"
    ended(one, start_another, str(file))
    number = int(file.read_text())
    assert psutil.wait_procs([psutil.Process(number)] if psutil.pid_exists(number) else [], timeout=10)[1] == []


def test_the_next_try_goes_on_after_what_was_ended(one):
    tries = Tries()
    excess = ended(one, keep_and_compute)
    assert excess.step == "check tags" and tries.goes_on(excess)
    kept, over = one.call(keep_and_compute, tries.over, tries.kept)
    assert kept == {"kept": (1, "ü")} and list(over) == ["check tags"]
    assert not tries.goes_on(excess), "the same step a second time"


def test_all_together_may_take_no_longer_than_the_total(one):
    tries = Tries()
    for name in ("a", "b", "c"):
        excess = Over(f"check {name}", "", "time", {}, work=limits.TOTAL / 2.5)
        assert tries.goes_on(excess) == (name != "c")


def test_all_together_in_one_try_is_told_as_that(one, monkeypatch):
    monkeypatch.setitem(limits.STEPS, "read", StepLimit(50.0, 60.0, 0.0, "it was read", "for a test"))
    monkeypatch.setattr(limits, "TOTAL", 0.5)
    excess = ended(one, compute)
    assert excess.cause == "total" and "all of it together" in excess.words and not Tries().goes_on(excess)


def test_nothing_is_imported_from_the_folder_in_which_it_is_started(tmp_path, monkeypatch):
    """Submissions may lie there."""
    for name in ("json.py", "autograder.py", "pickle.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    with walls.Crew(walls.Walls) as crew, crew.one() as child:
        assert child.call(add, {}, {}, 1, 2) == 3


def test_after_its_end_a_run_starts_nothing_more():
    crew = walls.Crew(walls.Walls)
    with crew, crew.one() as child:
        assert child.call(add, {}, {}, 1, 2) == 3
    with pytest.raises(RuntimeError, match="has ended"):
        child.call(add, {}, {}, 1, 2)
    with pytest.raises(RuntimeError, match="has ended"), crew.one():
        pass
    with crew, crew.one() as child:
        assert child.call(add, {}, {}, 1, 2) == 3


@pytest.mark.parametrize("step", ["tasks", "probe round-trip"])
def test_an_engine_that_hangs_is_no_fault_of_the_student(one, step, monkeypatch):
    monkeypatch.setitem(limits.STEPS, step.partition(" ")[0], IMPATIENT)
    tries = Tries()
    excess = ended(one, sleep, step)
    assert tries.goes_on(excess) and tries.over == {} and not tries.goes_on(excess), "once more, and no more"


def test_a_child_ends_with_its_parent(tmp_path):
    """Also in the middle of work, and where the parent was killed."""
    file = tmp_path / "pid"
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from autograder.grading import walls\nfrom tests.grading import test_walls\n"
        "one = walls.Walls(); print(one.call(test_walls.pid, {}, {}), flush=True)\n"
        "one.call(test_walls.sleep, {}, {}, 'tasks')\n"
    )
    root = str(psutil.Process().cwd())
    with subprocess.Popen([sys.executable, "-c", code, root], stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    file.write_text("")
    assert psutil.wait_procs([child], timeout=30)[1] == []


def test_every_limit_leaves_honest_work_plenty_of_room():
    every = [value for value in vars(limits).values() if isinstance(value, StepLimit)]
    assert len(every) == len(STEPS)
    for limit in every:
        assert limit.honest * 5 <= limit.work <= limit.wall and limit.does and limit.why, limit


def test_a_crew_gives_each_thread_its_own_and_ends_all():
    with walls.Crew(walls.Walls) as crew:
        with crew.one() as first, crew.one() as second:
            pids = {first.call(pid, {}, {}), second.call(pid, {}, {})}
        with crew.one() as again:
            assert again.call(pid, {}, {}) in pids and len(pids) == 2
        assert len(crew.owners) == 2
    assert not any(psutil.pid_exists(number) for number in pids)


class Measured(Progress):
    """How long each step computes."""

    def __init__(self):
        super().__init__()
        self.spent, self._last = {}, None

    def step(self, name, subject=""):
        now = time.process_time()
        if self._last is not None:
            before, began = self._last
            self.spent[before] = self.spent.get(before, 0.0) + now - began
        self._last = name.partition(" ")[0], now


class Absent:
    """An engine that answers nothing, so that what is measured needs none."""

    def run(self, given):
        raise (SandboxFault if isinstance(given, list) else ProbeFault)("no engine")


@pytest.fixture(scope="module")
def sample_class(tmp_path_factory):
    home = tmp_path_factory.mktemp("class")
    with lab_runs.at(home):
        yield samples.set_up(home), people.load()


@pytest.mark.parametrize("slug", manifest.slugs())
def test_the_samples_stay_far_below_the_limits(slug, sample_class):
    zips, course = sample_class
    tools = Tools(course, sandbox=Absent, probe=lambda name: Absent(), pause=lambda seconds: None)
    files = [file for file in zips if file.name.startswith(slug)]
    for number, file in enumerate(files[:3]):  # the first loads the lab's code, too
        progress = Measured()
        judge.judge(file.name, file, tools, progress=progress)
        progress.step("end")
        assert {"read", "page", "check", "write"} <= progress.spent.keys()
        for name, seconds in progress.spent.items() if number else ():
            assert seconds <= max(STEPS[name].honest, 0.2), (file.name, name, seconds)  # a clock may be coarse
