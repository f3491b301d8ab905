"""A grade by hand holds for the answer and the verdict that the person saw, and asks for a look when they change."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from nbgrader.api import Gradebook

from autograder import paths
from autograder.grading import by_hand, exports, gradebook, judge, nbgrader_steps, people, regrade, released, store
from autograder.grading.identity import Identity
from autograder.grading.judge import Tools
from autograder.labs import manifest

from .doubles import LocalRunner, kind_probe

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SLUG = "90-tiny"
WRONG = "def double(n):\n    return n\n"
OTHER_WRONG = "def double(n):\n    return n + 0\n"
RIGHT = "def double(n):\n    return n + n\n"


@pytest.fixture
def submit(course, lab, ada, tmp_path):
    """Hand in and judge, without the gradebook."""
    tools = Tools(course, sandbox=LocalRunner, probe=kind_probe)

    def one(source=WRONG, why="Because it **moves**."):
        outcome = judge.judge("ada.zip", ada.zip(tmp_path / "zips", ada.files(source, why=why)), tools)
        assert outcome.status == "graded", outcome.problems
        return store.record(outcome, Identity(), course, lab)

    return one


def save(cell, **values):
    """Points, extra credit or a comment as formgrader's handlers store them."""
    with Gradebook(released.database()) as book:
        row = book.find_submission_notebook(SLUG, SLUG, "ada")
        if "comment" in values:
            [comment] = [one for one in row.comments if one.cell.name == cell]
            comment.manual_comment = values["comment"]
        else:
            [grade] = [one for one in row.grades if one.cell.name == cell]
            grade.manual_score = values.get("points", grade.manual_score)
            grade.extra_credit = values.get("extra", grade.extra_credit)
            grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
        book.db.commit()


def held():
    """Cell -> automatic points, points and extra credit by hand, and whether to look at it."""
    with Gradebook(released.database()) as book:
        row = book.find_submission_notebook(SLUG, SLUG, "ada")
        return {g.cell.name: (g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade) for g in row.grades}


def comments():
    with Gradebook(released.database()) as book:
        row = book.find_submission_notebook(SLUG, SLUG, "ada")
        return {c.cell.name: c.manual_comment for c in row.comments if c.manual_comment}


def flagged():
    return {name for name, (*_, flag) in held().items() if flag}


def entry(course):
    [found] = [one for one in exports.entries(course) if (one.student, one.lab) == ("ada", SLUG)]
    return found


def page():
    return (paths.classroom() / "feedback/ada" / SLUG / f"{SLUG}.html").read_text("utf-8")


def nbgrader(*arguments):
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_same_answer_again_marks_nothing_and_another_one_does(course, submit):
    submit()
    gradebook.sync(course)
    assert flagged() == {"why"}
    save("why", points=1.25)
    save("why", comment="Well said.")
    submit(RIGHT)  # another submission, the same written answer
    gradebook.sync(course)
    assert flagged() == set() and held()["why"][1] == 1.25 and entry(course).status == "graded"
    assert "Graded by hand: why" in page() and "earlier submission" not in page()
    submit(RIGHT, why="I do not know.")
    gradebook.sync(course)
    assert flagged() == {"why"} and held()["why"][1] == 1.25 and comments() == {"why": "Well said."}
    found = entry(course)
    assert (found.status, found.ungraded, found.score) == (
        "needs review",
        ("why",),
        6.75,
    )  # the points stay in the score
    assert (
        "Needs review: why" in page() and page().count("Given for an earlier submission; to be looked at again.") == 1
    )
    assert "1.25 of these were given by hand for an earlier submission" in page()
    save("why", points=1.25)  # a person says that they hold
    assert gradebook.sync(course) == 1
    for _ in range(2):  # and it stays so
        assert flagged() == set() and entry(course).status == "graded" and "earlier submission" not in page()
        shutil.rmtree(paths.classroom() / "feedback")
        gradebook.sync(course)
    assert gradebook.sync(course) == 0
    submit(RIGHT)  # the answer that the points were first given for is another one now
    gradebook.sync(course)
    assert flagged() == {"why"}


def test_an_override_is_looked_at_when_the_verdict_or_the_task_changes(course, submit):
    submit()
    gradebook.sync(course)
    save("why", points=1)
    save("double", points=1.5)
    save("task-double", comment="Almost: see the hint.")
    gradebook.sync(course)
    assert "Graded by hand: double(n) is twice n" in page() and "not passed, 0 of 2" in page()
    assert page().count("Almost: see the hint.") == 2 and flagged() == set()  # at the code, and where it gave points
    submit()
    gradebook.sync(course)
    assert flagged() == set()
    submit(OTHER_WRONG)  # the same verdict, other code
    gradebook.sync(course)
    assert flagged() == {"double"} and held()["double"][:2] == (0, 1.5)
    save("double", points=1.5)
    submit(RIGHT)  # full points by the check, which the override would hide
    gradebook.sync(course)
    assert flagged() == {"double"} and held()["double"][:2] == (2, 1.5)
    assert entry(course).status == "needs review" and entry(course).ungraded == ("double",)
    assert "passed, 2 of 2" in page() and "Needs review: double(n) is twice n" in page()
    save("double", points=None)  # a person takes the override away
    gradebook.sync(course)
    assert flagged() == set() and entry(course).score == 6.5
    assert "double" not in by_hand.read("ada", SLUG).cells and "Passed: double(n) is twice n" in page()


def test_a_comment_alone_is_shown_for_what_it_was_given(course, submit):
    submit()
    gradebook.sync(course)
    save("task-double", comment="Return twice <n>.")
    gradebook.sync(course)
    assert "Comment on your code" in page() and "Return twice &lt;n&gt;." in page() and "return n" in page()
    assert flagged() == {"why"} and "earlier submission" not in page()
    submit(RIGHT)
    gradebook.sync(course)
    assert flagged() == {"why"} and "Given for an earlier submission" in page()  # no points of hers depend on it
    save("task-double", comment="Good now.")
    gradebook.sync(course)
    assert "Good now." in page() and "earlier submission" not in page()
    save("task-double", comment="")
    gradebook.sync(course)
    assert "Comment" not in page() and by_hand.read("ada", SLUG).cells == {}


def test_extra_credit_alone_is_looked_at_too(course, submit):
    submit(RIGHT)
    gradebook.sync(course)
    save("why", points=1.5)
    save("double", extra=0.5)
    submit(WRONG)
    gradebook.sync(course)
    assert flagged() == {"double"} and held()["double"] == (0, None, 0.5, True)
    assert entry(course).score == 3.5 + 1.5 + 0.5 and entry(course).ungraded == ("double",)
    save("double", extra=0.5)
    gradebook.sync(course)
    assert flagged() == set() and held()["double"] == (0, None, 0.5, False)


@pytest.fixture
def upgrade(kit, lab, course):
    """Version 2 has another check of the code task; ``gone``: and another task in its place."""

    def upgraded(gone):
        task = "triple" if gone else "double"
        toml, source = kit / "labs" / SLUG / "lab.toml", kit / "solutions" / SLUG / f"{SLUG}.py"
        changes = [
            ("version = 1", "version = 2"),
            ('id = "double"\ntasks = ["double"]\n', 'id = "double"\ntasks = ["double"]\nuntil = 1\n'),
            ('[[checks]]\nid = "engine"', f'[[checks]]\nid = "settings"\ntasks = ["{task}"]\nsince = 2\npoints = 2\n'
             'hints = ["1", "2", "3"]\n\n[[checks]]\nid = "engine"'),
        ]  # fmt: skip
        if gone:
            changes += [("seconds = 1\n", "seconds = 1\nuntil = 1\n\n"
                         '[tasks.triple]\nfunction = "triple"\nseconds = 1\nsince = 2\n')]  # fmt: skip
        edit(toml, *changes)
        edit(source, ('"grade_id": "double"', '"grade_id": "settings"'), ('check("double")', 'check("settings")'))
        if gone:
            edit(source, ("task-double", "task-triple"), ("task:double", "task:triple"), ("def double", "def triple"))
        checks = kit / "checks/tiny/checks.py"
        checks.write_text(checks.read_text() + '\n\n@check("settings", trust="recomputed")\ndef settings(e):\n'
                          '    """The settings are there"""\n')  # fmt: skip
        manifest._load.cache_clear()
        importlib.reload(lab.code())
        return people.load()

    return upgraded


def edit(file, *changes):
    text = file.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)


@pytest.mark.parametrize("gone", [False, True], ids=["check", "task"])
@pytest.mark.parametrize("way", ["sync", "autograde"])
def test_the_answer_to_a_check_of_an_earlier_version_is_looked_at_when_it_changes(
    upgrade, submit, gone, way, ada, tmp_path
):
    """Both submissions are of version 1, which has the check; the kit's newest version has not."""

    def sync():
        nbgrader("autograde", SLUG, "--force") if way == "autograde" else gradebook.sync(course)

    first, second = (ada.files(source, why="Because.") for source in (WRONG, OTHER_WRONG))
    tools = Tools(ada.course, sandbox=LocalRunner, probe=kind_probe)

    def hand_in(files):
        outcome = judge.judge("ada.zip", ada.zip(tmp_path / "zips", files), tools)
        assert outcome.status == "graded", outcome.problems
        store.record(outcome, Identity(), course, manifest.find(SLUG).at(1))

    course = upgrade(gone)
    hand_in(first)
    gradebook.sync(course)
    save("double", points=1.5)
    save("why", points=1)
    assert gradebook.behind(course) == set(), "only points by hand came since the last sync"
    sync()
    assert flagged() == set()
    hand_in(first)
    sync()
    assert flagged() == set()
    hand_in(second)
    assert gradebook.behind(course) == {("ada", SLUG)}
    sync()
    assert flagged() == {"double"}


def reworded(document):
    """The verdicts of a kit that says the same in other words."""
    verdicts = tuple(one.model_copy(update={"found": one.found + " So it is."}) for one in document.verdicts)
    return document.model_copy(update={"verdicts": verdicts, "kit_version": "9.9.9"})


def test_other_words_and_another_kit_mark_nothing(course, submit):
    document = submit()
    gradebook.sync(course)
    save("double", points=1)
    save("why", points=1)
    store.write(reworded(document))
    assert gradebook.sync(course) == 1
    assert flagged() == set() and "So it is." in page() and entry(course).status == "graded"


def as_by_0_1_0():
    """The class as version 0.1.0 left it: a digest for a mark, and no records."""
    by_hand.mark_file("ada", SLUG).write_text("0" * 64)
    shutil.rmtree(paths.classroom() / "by-hand", ignore_errors=True)


@pytest.mark.parametrize("way", ["sync", "autograde"])
def test_a_class_of_0_1_0_keeps_its_points_and_knows_what_was_seen(course, submit, way):
    submit()
    gradebook.sync(course)
    save("double", points=1)
    save("why", points=1)
    as_by_0_1_0()

    def again():
        nbgrader("autograde", SLUG, "--force") if way == "autograde" else gradebook.sync(course)

    again()
    assert flagged() == set() and held()["double"][:2] == (0, 1) and held()["why"][1] == 1
    as_by_0_1_0()
    submit(RIGHT, why="Something else.")
    again()
    assert flagged() == {"double", "why"} and held()["double"][:2] == (2, 1) and held()["why"][1] == 1


def test_nbgraders_own_command_marks_the_same(course, submit):
    submit()
    gradebook.sync(course)
    save("double", points=1)
    save("why", points=1)
    submit(OTHER_WRONG)
    nbgrader("autograde", SLUG, "--force")
    nbgrader("generate_feedback", SLUG, "--force")
    assert flagged() == {"double"} and "Needs review: double(n)" in page() and "Ada (ada)" in page()
    made = page()
    gradebook.sync(course)
    assert flagged() == {"double"} and page() == made
    save("double", points=1)
    nbgrader("autograde", SLUG, "--force")
    assert flagged() == set()
    gradebook.sync(course)
    assert flagged() == set() and gradebook.sync(course) == 0


class Killed(BaseException):
    """The process ends here."""


def steps(monkeypatch, number):
    """Let the given write to the disk be the last one that is not done (files and commits, counted together)."""
    left = [number]

    def counted(action):
        def wrapped(*arguments, **named):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return action(*arguments, **named)

        return wrapped

    for module in (by_hand, gradebook, released):
        monkeypatch.setattr(module, "replace", counted(module.replace))
    from sqlalchemy.orm import Session

    monkeypatch.setattr(Session, "commit", counted(Session.commit))
    return left


def test_a_kill_at_any_step_loses_nothing_and_the_next_run_mends(course, submit, tmp_path):
    submit()
    gradebook.sync(course)
    save("double", points=1)
    save("why", points=1)
    save("task-double", comment="See the hint.")
    submit(RIGHT)
    shutil.copytree(paths.classroom(), tmp_path / "before")
    for number in range(60):
        shutil.rmtree(paths.classroom())
        shutil.copytree(tmp_path / "before", paths.classroom())
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, number)
            try:
                gradebook.sync(course)
                break
            except Killed:
                pass
        assert held()["double"][1] == 1 and held()["why"][1] == 1 and comments() == {"task-double": "See the hint."}
        gradebook.sync(course)
        assert flagged() == {"double"} and held()["double"][:2] == (2, 1), number
        save("double", points=1)
        gradebook.sync(course)
        assert flagged() == set() and gradebook.sync(course) == 0, number
    assert number > 4


def test_what_was_given_while_a_run_was_dead_is_looked_at_again(course, submit):
    """Nobody knows which of both states was on the screen, so neither may be taken for it."""
    submit()
    gradebook.sync(course)
    submit(OTHER_WRONG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradebook, "_write_protected", lambda *a: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            gradebook.sync(course)
    save("double", points=1)
    save("why", points=1)  # its answer was the same before and after
    submit()
    gradebook.sync(course)
    assert flagged() == {"double"}


def new_cells(kit, lab):
    """Another version of the lab, with one more check."""
    toml = kit / "labs" / SLUG / "lab.toml"
    extra = '\n[[checks]]\nid = "extra"\npoints = 1\nhints = ["a", "b", "c"]\n'
    toml.write_text(toml.read_text().replace("version = 1", "version = 2") + extra)
    master = kit / "solutions" / SLUG / f"{SLUG}.py"
    head = next(line for line in master.read_text().splitlines() if '"pushed"' in line and line.startswith("# %%"))
    master.write_text(
        f'{master.read_text()}\n{head.replace("pushed", "extra").replace(": 2,", ": 1,")}\ncheck("extra")\n'
    )
    module = kit / "checks/tiny/checks.py"
    module.write_text(
        module.read_text() + '\n\n@check("extra", trust="proved")\ndef extra(e):\n    """Something new"""\n'
    )
    manifest._load.cache_clear()
    importlib.reload(lab.code())


def test_a_lab_with_other_cells_keeps_points_and_what_was_seen_even_if_it_is_killed(course, submit, kit, lab, tmp_path):
    submit()
    gradebook.sync(course)
    save("double", points=1)
    gradebook.sync(course)
    save("why", points=1)
    save("why", comment="Yes.")
    submit(RIGHT)
    gradebook.sync(course)
    assert flagged() == {"double"}
    save("double", points=1)  # confirmed, and not synced before the lab changes
    new_cells(kit, lab)
    [*_] = regrade.run(regrade.candidates([], [], course), course, lambda row: None)
    shutil.copytree(paths.classroom(), tmp_path / "before")
    for number in range(0, 60, 2):
        shutil.rmtree(paths.classroom())
        shutil.copytree(tmp_path / "before", paths.classroom())
        with pytest.MonkeyPatch.context() as patch:
            steps(patch, number)
            try:
                gradebook.sync(course)
                break
            except Killed:
                pass
        gradebook.sync(course)
        found = held()
        assert (found["double"][1], found["why"][1], comments()) == (1, 1, {"why": "Yes."}), number
        assert flagged() == set() and found["extra"][0] == 1, number
    assert number > 6 and flagged() == set()


def test_a_lost_gradebook_gets_its_points_back(course, submit):
    submit()
    gradebook.sync(course)
    save("double", points=1, extra=0.25)
    save("why", points=1)
    save("why", comment="Yes.")
    gradebook.sync(course)
    (paths.classroom() / "gradebook.db").unlink()
    submit(RIGHT)
    gradebook.sync(course)
    assert held()["double"] == (2, 1, 0.25, True) and held()["why"][1] == 1 and comments() == {"why": "Yes."}
    assert flagged() == {"double"}


def test_a_damaged_record_costs_a_second_look_and_no_points(course, submit):
    submit()
    gradebook.sync(course)
    save("why", points=1)
    gradebook.sync(course)
    by_hand.record_file("ada", SLUG).write_bytes(b"{")
    submit(RIGHT)
    gradebook.sync(course)
    assert flagged() == {"why"} and held()["why"][1] == 1


def test_the_page_says_whose_it_is_and_when(course, submit):
    submit()
    gradebook.sync(course)
    assert "<h1>Lab 90 · Tiny</h1>" in page() and "Ada (ada)" in page()
    assert re.search(r"Graded \d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?\+00:00", page()) and "Received" in page()
    people.register([people.Person("ada", "Ada King"), people.Person("ben")], "test-course")
    assert gradebook.sync(people.load()) == 1 and "Ada King (ada)" in page()


# -- any order of things ---------------------------------------------------------------------------------------------

CODE = {"x": "def double(n): return 1", "y": "def double(n): return 2"}
CELLS = ("why", "double")


def in_process_autograde(course):
    """What ``nbgrader autograde --force`` does to one submission, without its start."""
    import nbformat

    folder = paths.classroom() / "autograded/ada" / SLUG
    shutil.rmtree(folder, ignore_errors=True)
    known = {"notebook": SLUG, "assignment": SLUG, "student": "ada", "db_url": released.database()}
    resources = {"nbgrader": known}
    notebook = nbformat.read(store.notebook_file("ada", SLUG), 4)
    notebook, _ = nbgrader_steps.Rebuild().preprocess(notebook, resources)
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{SLUG}.ipynb")
    nbgrader_steps.VerdictGrades().preprocess(notebook, resources)


def step(name, **arguments):
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


# All in one rule: of several rules hypothesis leaves some out of each example, and with few examples that finds little.
STEP = st.one_of(
    step(
        "submit",
        why=st.sampled_from("ab"),
        code=st.sampled_from("xy"),
        passed=st.booleans(),
        words=st.sampled_from("pq"),
    ),
    step("enter_another", code=st.sampled_from("xy"), passed=st.booleans()),
    step("give", cells=st.sampled_from([CELLS, *((cell,) for cell in CELLS)]), points=st.sampled_from([0.5, 1.0])),
    step("confirm", cell=st.sampled_from(CELLS)),
    step("confirm_all_and_sync"),
    step("clear", cell=st.sampled_from(CELLS)),
    step("remark", text=st.sampled_from(["Good.", "Why?"])),
    step("sync"),
    step("autograde"),
    step("killed_and_run_again", number=st.integers(0, 6)),
)


def machine(course, document, template):
    class Grading(RuleBasedStateMachine):
        """The gradebook beside a model of what a person has seen."""

        @initialize()
        def begin(self):
            shutil.rmtree(paths.classroom())
            shutil.copytree(template, paths.classroom())
            self.submitted = self.shown = {"why": "a", "double": ("x", "failed", 0)}
            self.points = dict.fromkeys(CELLS)
            self.comment = None
            self.seen = {}
            self.fresh = True

        def submit(self, why, code, passed, words):
            status, score = ("passed", 2.0) if passed else ("failed", 0.0)
            self.submitted = {"why": why, "double": (code, status, score)}
            notebook = json.loads(store.notebook_file("ada", SLUG).read_bytes())
            for cell in notebook["cells"]:
                name = cell["metadata"].get("nbgrader", {}).get("grade_id")
                cell["source"] = {"why": why, "task-double": CODE[code]}.get(name, cell["source"])
            by_hand.replace(store.notebook_file("ada", SLUG), store.notebook_bytes(notebook))
            change = {"status": status, "points": score, "found": words}
            store.write(
                document.model_copy(
                    update={
                        "verdicts": tuple(
                            one.model_copy(update=change) if one.check == "double" else one for one in document.verdicts
                        ),
                        "checks": document.checks
                        | {"double": document.checks["double"].model_copy(update={"score": score})},
                    }
                )
            )
            self.fresh = False

        def give(self, cells, points):
            for cell in cells:
                save(cell, points=points)
                self.points[cell], self.seen[cell] = points, self.shown[cell]

        def confirm(self, cell):
            if self.points[cell] is not None:
                save(cell, points=self.points[cell])
                self.seen[cell] = self.shown[cell]

        def clear(self, cell):
            save(cell, points=None)
            self.points[cell] = None

        def remark(self, text):
            save("why", comment=text)
            self.comment = text

        def sync(self):
            gradebook.sync(course)
            assert gradebook.sync(course) == 0
            self.shown, self.fresh = self.submitted, True

        def enter_another(self, code, passed):
            self.submit({"a": "b", "b": "a"}[self.submitted["why"]], code, passed, "p")
            self.sync()

        def confirm_all_and_sync(self):
            for cell in CELLS:
                self.confirm(cell)
            self.sync()

        def autograde(self):
            in_process_autograde(course)
            self.shown, self.fresh = self.submitted, True

        def killed_and_run_again(self, number):
            with pytest.MonkeyPatch.context() as patch:
                steps(patch, number)
                with contextlib.suppress(Killed):
                    gradebook.sync(course)
            self.sync()

        @rule(step=STEP)
        def act(self, step):
            name, arguments = step
            getattr(self, name)(**arguments)

        @invariant()
        @precondition(lambda self: hasattr(self, "points"))
        def nothing_is_lost(self):
            found = held()
            assert {cell: found[cell][1] for cell in CELLS} == self.points
            assert comments() == ({"why": self.comment} if self.comment else {})

        @invariant()
        @precondition(lambda self: getattr(self, "fresh", False))
        def the_flag_says_what_the_model_says(self):
            expected = {c for c in CELLS if self.points[c] is not None and self.seen[c] != self.shown[c]}
            expected |= {"why"} if self.points["why"] is None else set()
            assert flagged() == expected
            assert set(entry(course).ungraded) == expected

    return Grading


def test_any_order_of_submissions_grades_and_runs(course, submit, tmp_path):
    document = submit()
    notebook = json.loads(store.notebook_file("ada", SLUG).read_bytes())
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = {"why": "a", "task-double": CODE["x"]}.get(name, cell["source"])
    by_hand.replace(store.notebook_file("ada", SLUG), store.notebook_bytes(notebook))
    gradebook.sync(course)
    shutil.copytree(paths.classroom(), tmp_path / "template")
    run_state_machine_as_test(
        lambda: machine(course, document, tmp_path / "template")(),
        settings=settings(
            max_examples=20,
            stateful_step_count=16,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
