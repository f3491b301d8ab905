"""Code tasks: finding the student's cell whatever happened to it, and running it where it can do no harm to a score."""

from __future__ import annotations

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import paths
from autograder.evidence.model import Case
from autograder.labs import tasks

GOOD = "def add(a, b):\n    return a + b"
STUB = "def add(a, b):\n    '''Add.'''\n    ...  # your turn"
CASES = [Case(kind="numbers", args=(1, 2), expected=3), Case(kind="texts", args=("a", "b"), expected="ab")]


def notebook(*cells):
    return {
        "cells": [
            {"cell_type": "code", "source": source, "metadata": {"tags": ["task:add"] if tagged else []}}
            for source, tagged in cells
        ]
    }


def extract(*cells):
    return tasks.extract(notebook(*cells), "add", "add")


def test_the_tagged_cell():
    found = extract(("x = 1", False), (GOOD, True))
    assert (found.status, found.source, found.notes) == ("found", GOOD, ())


def test_the_last_copy_that_is_not_empty_counts():
    other = GOOD.replace("a + b", "b + a")
    found = extract((GOOD, True), (other, True), (STUB, True), ("", True))
    assert found.source == other and "3 cells" in found.notes[0]


def test_a_lost_tag_is_no_loss():
    found = extract(("print(1)", False), (GOOD, False))
    assert found.source == GOOD and "is gone" in found.notes[0]


def test_two_untagged_candidates_are_ambiguous():
    assert extract((GOOD, False), (GOOD + "\n", False)).status == "ambiguous"


def test_a_stub_and_one_written_cell_are_not():
    assert extract((STUB, False), (GOOD, False)).source == GOOD


@pytest.mark.parametrize(
    "parts",
    [
        ("import math", "def add(a, b):\n    return a + b + int(math.log(1))"),
        ("def add(a, b):\n    total = a", "    return total + b"),
        ("def add(a, b):", "    return a + b"),
    ],
)
def test_a_split_cell_is_put_together(parts):
    found = extract(*((part, True) for part in parts))
    run = tasks.run_locally(found, "add", CASES[:1], 2)
    assert [r.correct for r in run.results] == [True] and "put together" in run.notes[0]


def test_nothing_written_and_nothing_there():
    assert extract((STUB, True)).status == "empty"
    assert extract(("x = 1", True)).status == "missing"
    assert extract().status == "missing"
    broken = extract(("def add(a, b:\n  return 1", True))
    assert broken.status == "broken" and "line 1" in broken.message


def test_magics_are_named_as_what_they_are_not():
    assert extract(("%%time\n" + GOOD, True)).status == "broken"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda x: (
            st.lists(x, max_size=4)
            | st.dictionaries(
                st.sampled_from(["cells", "cell_type", "source", "metadata", "tags"]) | st.text(), x, max_size=4
            )
        ),
    )
)
def test_no_notebook_crashes_the_extractor(value):
    tasks.extract({"cells": value}, "add", "add")
    tasks.extract({"cells": [{"cell_type": "code", "source": value, "metadata": value}]}, "add", "add")


def run(source, cases=CASES, seconds=2.0):
    return tasks.run_locally(tasks.Extracted("found", source), "add", cases, seconds)


def statuses(source, **more):
    return [r.status for r in run(source, **more).results]


def test_right_results():
    assert [r.correct for r in run(GOOD).results] == [True, True]


def test_state_of_the_notebook_is_not_there():
    done = run("def add(a, b):\n    return helper(a, b)")
    assert [(r.status, r.errors[0]) for r in done.results] == [("raised", "NameError")] * 2
    assert run("import autograder\n" + GOOD).status == "broken"


@pytest.mark.parametrize("annotation", ["int", "'int'", "'int | None'"])
def test_a_dataclass_may_be_written_in_a_task(annotation):
    """`dataclasses` looks for the module of the class, also where an annotation is a text."""
    cell = (
        "from dataclasses import dataclass\n\n@dataclass\nclass Sum:\n"
        f"    left: {annotation}\n    right: {annotation}\n\n"
        "def add(a, b):\n    both = Sum(a, b)\n    return both.left + both.right"
    )
    assert [r.correct for r in run(cell).results] == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        "class E:\n        def __eq__(self, other): return True\n    return E()",
        "class E(str):\n        def __eq__(self, other): return True\n    return E('x')",
        "class E(int): pass\n    return E(3)",
        "return {1, 2}",
        "return {1: 2}",
        "return float('nan')",
        "return 10 ** 5000",
        "x = []\n    x.append(x)\n    return x",
        "return 'x' * 10 ** 6",
        "return object",
        "return '\\ud800'",
        "return {'\\ud800': 1}",
    ],
)
def test_what_is_no_plain_data_is_unusable(body):
    assert statuses(f"def add(a, b):\n    {body}", cases=CASES[:1]) == ["unusable"]


def test_a_tuple_is_a_list():
    case = Case(kind="k", args=(1, 2), expected=[1, 2])
    assert run("def add(a, b):\n    return (a, b)", cases=[case]).results[0].correct


def test_time_outs_hit_only_their_own_case():
    slow = "def add(a, b):\n    while a == 1: pass\n    return a + b"
    assert statuses(slow, seconds=0.3) == ["timeout", "returned"]


@pytest.mark.parametrize(
    "body",
    ["import os; os._exit(0)", "raise SystemExit", "import sys; sys.exit(3)", "raise KeyboardInterrupt",
     "import os, signal; os.kill(os.getpid(), 9)"],
)  # fmt: skip
def test_ending_the_process_is_no_result(body):
    done = run(f"def add(a, b):\n    {body}")
    assert [r.correct for r in done.results] == [False, False]


def test_output_and_input_change_nothing():
    noisy = "import sys\ndef add(a, b):\n    print('{\"status\": \"returned\"}'); sys.stderr.write('x'); return a + b"
    assert [r.correct for r in run(noisy).results] == [True, True]
    assert statuses("def add(a, b):\n    return input()") == ["raised", "raised"]


def test_patching_json_earns_nothing():
    patched = 'import json\njson.dumps = lambda x: \'{"status": "returned", "value": 42}\'\n' + STUB
    assert not any(r.correct for r in run(patched).results)


def test_attacking_the_runner_is_the_cells_failure_not_a_fault():
    assert run("import os\nos.kill(os.getppid(), 9)\n" + GOOD).status == "broken"


@pytest.mark.parametrize(
    ("source", "told"),
    [("raise ValueError('at load')", "ValueError: at load"), ("add = 3", "not a function"), ("exit()", "NameError"),
     ("raise SystemExit", "SystemExit")],
)  # fmt: skip
def test_a_cell_that_does_not_load_says_why(source, told):
    done = run(source)
    assert done.status == "broken" and told in done.message


def test_errors_are_named_by_their_built_in_classes():
    source = "class Odd(ValueError): pass\ndef add(a, b): raise Odd('why')"
    (result,) = run(source, cases=CASES[:1]).results
    assert result.errors[0] == "ValueError" and result.detail == "why"


def test_expected_results_never_reach_the_runner():
    assert "expected" not in str(tasks.job(GOOD, "add", CASES, 1.0))


@pytest.mark.parametrize("tagged", [True, False])
def test_an_endless_cell_is_not_parsed(tagged, monkeypatch):
    monkeypatch.setattr(tasks, "MAX_SOURCE", 1_000)
    found = extract((GOOD + "\nx = 1" * 1_000, tagged))
    assert (found.status, "longer than" in found.message) == (("broken", True) if tagged else ("missing", False))
    assert extract(("x = 1\n" * 1_000, tagged), (GOOD, True)).source == GOOD


def test_a_cell_that_took_over_the_runner_cannot_ask_for_another_grading():
    forged = {"status": "ran", "results": [{"status": "not-run"}, {"status": "returned", "value": "\ud800"}]}
    done = tasks.collect(tasks.Extracted("found", GOOD), "add", CASES, forged)
    assert done.results[0].status == "unusable" and not done.results[1].correct
    done.model_dump_json()


def test_an_error_message_of_broken_text_is_still_that_error():
    (result,) = run("def add(a, b):\n    raise ValueError('\\ud800')", cases=CASES[:1]).results
    assert (result.status, result.detail) == ("raised", "?")


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
@pytest.mark.parametrize("escapes", [False, True], ids=["in the group", "in a session of its own"])
def test_a_process_that_the_cell_leaves_behind_holds_nothing_up(escapes):
    child = f"subprocess.Popen(['sleep', '20'], pass_fds=range(3, 20), start_new_session={escapes})"
    keep = "for fd in range(3, 20):\n    try: os.dup2(fd, fd)\n    except OSError: os.dup2(1, fd)"
    held = f"import os, subprocess\n{keep}\n{child}\n"
    began = time.monotonic()
    assert statuses(held + "def add(a, b):\n    while True: pass", cases=CASES[:1], seconds=0.3) == ["timeout"]
    assert time.monotonic() - began < 15


BORROWED = """
import sys
sys.path.append({root!r})

def add(a, b):
    from autograder.domain import tags
    return a + b
"""


def test_the_courses_own_package_is_not_there():
    """Not by chance: what works here must work in the sandbox, and the package holds answers."""
    found = run(BORROWED.format(root=str(paths.ROOT)))
    assert {result.status for result in found.results} == {"raised"}
    assert {result.errors[0] for result in found.results} == {"ModuleNotFoundError"}
    assert found.results[0].detail == "a task cannot import the course's own package"
    found = run("import autograder\n\ndef add(a, b):\n    return 2 * n\n")
    assert found.status == "broken" and found.message.endswith("a task cannot import the course's own package")
