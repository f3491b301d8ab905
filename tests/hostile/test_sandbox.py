"""Cells that attack the sandbox: none gets a point it does not deserve, none harms the machine or the grader."""

from __future__ import annotations

import time

import pytest

from autograder.evidence.model import Case
from autograder.grading import sandbox
from autograder.grading.sandbox import Disturbed, Sandbox
from autograder.labs import tasks
from autograder.services import orphans

pytestmark = pytest.mark.engine

CASES = [Case(kind="small", args=(n,), expected=2 * n, hidden=n > 2) for n in range(1, 6)]


@pytest.fixture(scope="module")
def box(engine):
    return Sandbox(engine, sandbox.build(engine))


@pytest.fixture(autouse=True)
def nothing_stays_behind(engine):
    yield
    until = time.monotonic() + 120
    label = f"{orphans.OWNER_LABEL}={orphans.owner().name}"
    while left := engine.api.containers(all=True, filters={"label": label}):
        assert time.monotonic() < until, left
        time.sleep(0.1)


def run(box, source, cases=CASES, seconds=1.0):
    """The task's evidence, as the grader would keep it."""
    extracted = tasks.Extracted("found", source)
    try:
        [answer] = box.run([tasks.job(source, "double", cases, seconds)])
    except Disturbed as reason:
        return str(reason)
    return tasks.collect(extracted, "double", cases, answer)


def right(found):
    """How many cases count as right."""
    return 0 if isinstance(found, str) else sum(result.correct for result in found.results)


def test_an_honest_cell_passes(box):
    assert right(run(box, "def double(n):\n    return 2 * n\n")) == 5


def test_the_standard_library_and_scratch_space_are_there(box):
    source = (
        "import tempfile, json, hashlib, re\ndef double(n):\n"
        "    with tempfile.TemporaryFile() as f:\n        f.write(b'x' * n)\n        return 2 * f.tell()\n"
    )
    assert right(run(box, source)) == 5


WRONG = {
    "an object equal to everything": """
class E:
    def __eq__(s, o): return True
    __hash__ = None
def double(n):
    return E()
""",
    "a subclass of int": """
class I(int):
    def __eq__(s, o): return True
    __hash__ = int.__hash__
def double(n):
    return I(7)
""",
    "a subclass of str": """
class S(str):
    def __eq__(s, o): return True
    __hash__ = str.__hash__
def double(n):
    return S('x')
""",
    "a dict that lies": """
class D(dict):
    def items(s): return [('a', 1)]
def double(n):
    return D()
""",
    "a huge integer": """
def double(n):
    return 10 ** 1_000_000
""",
    "NaN": """
def double(n):
    return float('nan')
""",
    "a list in itself": """
def double(n):
    a = []
    a.append(a)
    return a
""",
    "endless recursion": """
def double(n):
    return double(n)
""",
    "deep nesting": """
def double(n):
    a = 0
    for _ in range(10_000):
        a = [a]
    return a
""",
    "a long text": """
def double(n):
    return 'x' * 10_000_000
""",
    "a generator": """
def double(n):
    yield 2 * n
""",
    "a coroutine": """
async def double(n):
    return 2 * n
""",
    "os._exit": """
import os
def double(n):
    os._exit(0)
""",
    "sys.exit": """
import sys
def double(n):
    sys.exit(0)
""",
    "a segmentation fault": """
import ctypes
def double(n):
    ctypes.string_at(0)
""",
    "killing everybody": """
import os, signal
def double(n):
    os.kill(-1, signal.SIGKILL)
""",
    "killing its parent": """
import os, signal
def double(n):
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(1, signal.SIGKILL)
    return 0
""",
    "stopping its parent": """
import os, signal
def double(n):
    os.kill(1, signal.SIGSTOP)
    return 0
""",
    "an exception that lies": """
class V(BaseException):
    pass
def double(n):
    raise V()
""",
    "an exception without text": """
class V(Exception):
    def __str__(s): raise RuntimeError
def double(n):
    raise V()
""",
    "patched json": """
import json
json.dumps = lambda *a, **k: '{"status": "returned", "value": 42}'
def double(n):
    return 0
""",
    "patched builtins": """
import builtins
builtins.type = lambda v: int
builtins.len = lambda v: 0
def double(n):
    return object()
""",
    "patched runner": """
import sys
m = sys.modules['__main__']
m.plain = lambda v, depth=0: 42
m.call = lambda f, a: {'status': 'returned', 'value': 42}
def double(n):
    return 0
""",
    "reading standard input ahead": """
import sys
sys.stdin.buffer.read()
def double(n):
    return 0
""",
    "closed standard output": """
import os
for fd in range(3, 50):
    try: os.close(fd)
    except OSError: pass
def double(n):
    return 0
""",
    "sleeping in the cell": """
import time
time.sleep(1000)
def double(n):
    return 2 * n
""",
    "looping in the cell": """
while True: pass
""",
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG.keys())
def test_a_cell_that_is_wrong_in_a_clever_way_stays_wrong(box, source):
    assert right(run(box, source)) == 0


FORGED = """
import json, os
line = json.dumps({"status": "returned", "value": 99}) + "\\n"
for fd in range(3, 30):
    try: os.write(fd, line.encode() * 20)
    except OSError: pass
def double(n):
    return 0
"""

FORGED_OUTSIDE = """
import json, os
results = [{"status": "returned", "value": 2 * n} for n in range(1, 6)]
whole = json.dumps([{"status": "ran", "message": "", "results": results}])
for fd in range(0, 30):
    try:
        with open(f"/proc/1/fd/{fd}", "w") as f: f.write(whole + "\\n")
    except OSError: pass
def double(n):
    return 0
"""


def test_forged_result_lines_hold_no_expected_value_and_so_gain_nothing(box):
    assert right(run(box, FORGED)) == 0


def test_a_whole_forged_result_gains_at_most_what_knowing_the_answers_gives(box, engine):
    """Whoever can compute 2 * n may as well return it: a forged answer is no more than that, and none of it is believed
    when it is mixed with the runner's own."""
    found = run(box, FORGED_OUTSIDE)
    assert isinstance(found, str) or right(found) in (0, 5)


def test_expected_results_never_enter_the_container(box, monkeypatch):
    sent = []
    monkeypatch.setattr(Sandbox, "_contained", lambda self, line, *limits: sent.append(line) or b"[1]")
    cases = [Case(kind="secret kind", args=(3,), expected="the expected result", hidden=True)]
    box.run([tasks.job("def double(n): ...", "double", cases, 1.0)])
    assert b"the expected result" not in sent[0] and b"secret kind" not in sent[0] and b"hidden" not in sent[0]


LOOK = """
import os, socket, pathlib, importlib.util
def double(n):
    def tried(f):
        try:
            return repr(f())
        except BaseException as error:
            return type(error).__name__
    status = dict(l.split(":\\t") for l in open("/proc/self/status").read().splitlines() if ":\\t" in l)
    return {
        "uid": os.getuid(), "gid": os.getgid(), "groups": [g for g in os.getgroups() if g != 65534],
        "capabilities": [status[k].strip() for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privileges": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
        "write_root": tried(lambda: open("/x", "w")), "write_usr": tried(lambda: open("/usr/x", "w")),
        "write_runner": tried(lambda: open("/sandbox/runner.py", "a")),
        "write_var": tried(lambda: open("/var/tmp/x", "w")), "shm": tried(lambda: open("/dev/shm/x", "w")),
        "fill_tmp": tried(lambda: open("/tmp/x", "wb").write(b"x" * (64 << 20))),
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "connect": tried(lambda: socket.create_connection(("1.1.1.1", 80), 1)),
        "resolve": tried(lambda: socket.gethostbyname("example.org")),
        "docker": os.path.exists("/var/run/docker.sock"),
        "kit": tried(lambda: importlib.util.find_spec("autograder")),
        "course": [str(p) for p in pathlib.Path("/").glob("*/*autograder*")],
        "setuid": tried(lambda: os.setuid(0)), "chroot": tried(lambda: os.chroot("/tmp")),
        "environment": sorted(os.environ),
        "sandbox": sorted(p.name for p in pathlib.Path("/sandbox").iterdir() if p.suffix == ".py"),
    }
"""


def test_what_a_cell_sees_of_the_machine(box):
    found = run(box, LOOK, CASES[:1])
    seen = found.results[0].value
    assert seen["uid"] == seen["gid"] == 65534 and seen["groups"] == []
    assert set(seen["capabilities"]) == {"0000000000000000"}
    assert (seen["no_new_privileges"], seen["seccomp"]) == ("1", "2")
    for place in ("write_root", "write_usr", "write_runner", "write_var", "shm", "fill_tmp"):
        assert seen[place] in ("OSError", "PermissionError", "FileNotFoundError"), (place, seen[place])
    assert seen["interfaces"] == ["lo"] and seen["connect"] == "OSError" and seen["resolve"] == "gaierror"
    assert seen["docker"] is False and seen["kit"] == "ModuleNotFoundError" and seen["course"] == []
    assert seen["setuid"] == "PermissionError" and seen["chroot"] == "PermissionError"
    assert seen["sandbox"] == ["entry.py", "runner.py"]
    assert not any(word in " ".join(seen["environment"]) for word in ("COURSE", "KEY", "TOKEN", "SECRET"))


HOGS = {
    "memory": """
def double(n):
    a = []
    while True:
        a.append(bytearray(10 << 20))
""",
    "memory in the cell": """
a = bytearray(4 << 30)
def double(n):
    return 2 * n
""",
    "processes": """
import os
def double(n):
    while True:
        try: os.fork()
        except OSError: pass
""",
    "threads": """
import threading, time
def double(n):
    while True:
        threading.Thread(target=time.sleep, args=(99,)).start()
""",
    "files": """
def double(n):
    fs = []
    while True:
        fs.append(open('/dev/null'))
""",
    "scratch space": """
def double(n):
    with open('/tmp/x', 'wb') as f:
        while True:
            f.write(b'x' * (1 << 20))
""",
    "output": """
import os
def double(n):
    while True:
        print('x' * 100_000, flush=True)
        os.write(2, b'y' * 100_000)
""",
    "output outside": """
def double(n):
    f = open('/proc/1/fd/1', 'w')
    while True:
        f.write('x' * 100_000)
        f.flush()
""",
    "time": """
def double(n):
    while True:
        pass
""",
    "sleep": """
import time
def double(n):
    time.sleep(1000)
""",
    "a daemon that outlives the cell": """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        time.sleep(1)
def double(n):
    return 0
""",
}


@pytest.mark.parametrize("source", HOGS.values(), ids=HOGS.keys())
def test_a_hog_is_stopped_by_its_limits(box, source):
    begun = time.monotonic()
    assert right(run(box, source)) == 0
    assert time.monotonic() - begun < 120  # by its limits, not by the test's


def test_one_hog_does_not_cost_the_tasks_before_it(box):
    good = tasks.job("def double(n):\n    return 2 * n\n", "double", CASES, 1.0)
    bad = tasks.job(HOGS["sleep"], "double", CASES, 0.5)
    first, second = box.run([good, bad])
    assert right(tasks.collect(tasks.Extracted("found"), "double", CASES, first)) == 5
    assert right(tasks.collect(tasks.Extracted("found"), "double", CASES, second)) == 0


def test_what_one_task_leaves_running_is_gone_before_the_next(box):
    leaver = tasks.job(HOGS["a daemon that outlives the cell"], "double", CASES, 1.0)
    look = """
import os
def double(n):
    return sum(entry.isdigit() for entry in os.listdir("/proc"))
"""
    _, second = box.run([leaver, tasks.job(look, "double", CASES[:1], 1.0)])
    assert second["results"][0]["value"] == 2  # the runner and this cell


@pytest.mark.parametrize(
    ("body", "seconds", "wall"), [("import time\\ntime.sleep(999)", 99.0, 3.0), ("while True: pass", 3.0, 99.0)]
)
def test_more_work_or_time_than_all_may_take_is_killed(box, body, seconds, wall):
    job = f'[{{"source": "{body}", "function": "f", "seconds": 1, "cases": []}}]\n'
    with pytest.raises(Disturbed, match="did not come to an end"):
        box._contained(job.encode(), seconds, wall)
