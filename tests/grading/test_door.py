"""What `submit` writes is never refused by `grade`: both read it by the same code, with the same limits."""

from __future__ import annotations

import dataclasses
import json

import pytest

from autograder.cli import student
from autograder.domain import limits
from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence.model import Evidence, File, Service
from autograder.evidence.submission_zip import MAX_ANSWERS, MAX_NOTEBOOK
from autograder.grading import door, judge
from autograder.grading.archive import Archive
from autograder.labs import answers, progress, submission, workspace
from autograder.labs.live import Live
from autograder.labs.students import issue

from ..evidence.images import js
from .doubles import LocalRunner, kind_probe
from .submissions import packed

SLUG = "90-tiny"
NOTEBOOK = f"{SLUG}.ipynb"


COLLECT = Live.collect  # as it is


def fewer(limit, most):
    return dataclasses.replace(limit, most=most)


@pytest.fixture
def live(course, ada, tmp_path, monkeypatch):
    """Ada's lab, as far as no service is needed."""
    monkeypatch.setattr(submission, "machine", type("M", (), {"describe": staticmethod(lambda: (None, {}))}))
    folder = tmp_path / SLUG
    folder.mkdir()
    (folder / NOTEBOOK).write_bytes(js(ada.notebook()))
    (folder / "settings.txt").write_bytes(b"colour = blue\n")
    made = Live(ada.lab, issue(course.key, course.id, "ada", [SLUG]), folder)

    def collected(self, left_out=None):
        files = {"settings.txt": File(size=14, sha256="0" * 64, text="")}
        return Evidence(
            kit_version="1", lab=SLUG, lab_version=1, student="ada", origin="live", collected_at="", journal=(),
            parameters=ada.parameters, services={"registry": Service()}, answers={}, answer_inputs={}, files=files,
            tasks={}, probes={}, engine=None, images={},
        )  # fmt: skip

    monkeypatch.setattr(Live, "collect", collected)
    return made


def written(live):
    out = live.folder.parent / "out"
    return submission.write(live, out, read_back=lambda file: door.read_back(file, live.lab, live.parameters()))


def graded(course, file):
    tools = judge.Tools(course, sandbox=LocalRunner, probe=kind_probe, pause=lambda seconds: None)
    return judge.judge("x", file, tools)


def test_what_is_honest_is_written_and_graded(live, course):
    made = written(live)
    assert not [said for said in made.missing if "grader" in said]
    assert graded(course, made.file).status == "graded"


def many_parts(live):
    (live.folder / NOTEBOOK).write_bytes(js({"cells": [], "metadata": {"x": [0] * 3_000}}))


def many_bytes(live):
    (live.folder / NOTEBOOK).write_bytes(js({"cells": [], "metadata": {"x": "a" * MAX_NOTEBOOK}}))


def no_number(live):
    (live.folder / NOTEBOOK).write_bytes(b'{"cells": [], "metadata": {"x": NaN}}')


def deep(live):
    (live.folder / NOTEBOOK).write_bytes(b'{"cells": [], "metadata": {"x": ' + b"[" * 70 + b"]" * 70 + b"}}")


def damaged(live):
    (live.folder / NOTEBOOK).write_bytes(b'{"cells": [')


def a_bomb(live):
    (live.folder / "settings.txt").write_bytes(bytes(40 << 20))


def too_much_evidence(live):
    (live.folder / "settings.txt").write_bytes(b"colour = blue\n" * 1_000)


@pytest.mark.parametrize(
    ("spoiled", "found", "then"),
    [
        (many_parts, "more than 2,000 lists, objects and values", "Clear the outputs"),
        (many_bytes, f"at most {MAX_NOTEBOOK} are read", "Clear the outputs"),
        (no_number, "NaN is not a JSON number", "Clear the outputs"),
        (deep, "nested too deeply", "Clear the outputs"),
        (damaged, "not valid JSON", "reset 90-tiny"),
        (a_bomb, "times its size, as a zip bomb does", "Take out what lab 90-tiny does not ask for"),
        (too_much_evidence, "MiB when packed", "Take out what lab 90-tiny does not ask for"),
    ],
)
def test_what_would_be_refused_is_an_error_and_nothing_is_written(live, spoiled, found, then, monkeypatch):
    monkeypatch.setattr(limits, "NOTEBOOK_PARTS", fewer(limits.NOTEBOOK_PARTS, 2_000))
    monkeypatch.setattr(limits, "JSON_PARTS", fewer(limits.JSON_PARTS, 1_000))
    if spoiled is too_much_evidence:
        monkeypatch.setattr(judge.limits, "EVIDENCE", 200)
    spoiled(live)
    with pytest.raises(CourseError) as error:
        written(live)
    assert found in error.value.found and error.value.next_step.startswith(("Clear", "Bring", "Take"))
    assert then in error.value.next_step and list((live.folder.parent / "out").glob("*")) == []


def test_a_notebook_in_a_cell_a_check_and_doctor_has_the_same_limits(live, monkeypatch):
    monkeypatch.setattr(limits, "NOTEBOOK_PARTS", fewer(limits.NOTEBOOK_PARTS, 2_000))
    monkeypatch.setattr(limits, "JSON_PARTS", fewer(limits.JSON_PARTS, 1_000))
    many_parts(live)
    with pytest.raises(CourseError, match="more than 2,000"):
        live.notebook()
    monkeypatch.setattr(workspace, "folder", lambda lab: live.folder)
    [problem] = [one for one in workspace.problems() if one.code == "notebook"]
    assert "more than 2,000" in problem.found and problem.fix.startswith("Clear the outputs")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"x": "' + b"a" * MAX_ANSWERS + b'"}', f"at most {MAX_ANSWERS} are read"),
        (b'{"x": NaN}', "NaN is not a JSON number"),
        (b'{"x": 1e999}', "a number that is too large"),
        (b'{"x": ' + b"[" * 70 + b"]" * 70 + b"}", "nested too deeply"),
    ],
)
def test_answers_that_the_grader_does_not_read_are_no_answers_here(live, content, found):
    (live.folder / answers.FILE).write_bytes(content)
    with pytest.raises(CourseError) as error:
        answers.read(live.folder)
    assert found in error.value.found
    [said] = [said for said in written(live).missing if "grader" in said]  # where nobody has asked for them
    assert said.startswith("The grader will not read all of it: answers.json") and found in said


@pytest.mark.parametrize("name", ["evidence/registry/con/index.json", "a" * 401, "files/a.", "FILES/settings.txt"])
def test_names_that_the_door_refuses_are_told_by_the_door(course, ada, name, tmp_path):
    file = tmp_path / "x.zip"
    file.write_bytes(packed(ada.signed(ada.files() | {name: b"x"})))
    outcome = graded(course, file)
    assert outcome.status == "refused"
    with pytest.raises(CourseError) as error:
        door.read_back(file, ada.lab, ada.parameters)
    assert error.value.found == outcome.problems[0]


# -- services that do not answer -------------------------------------------------------------------------------------


@pytest.fixture
def silent(live, monkeypatch):
    """A registry that does not answer."""
    monkeypatch.setattr(Live, "collect", COLLECT)

    def silence(self, name, parameters, journals):
        raise EnvironmentProblem(expected="a registry", found="none", next_step="Run: python3 course.py start")

    monkeypatch.setattr(Live, "service", silence)
    monkeypatch.setattr(student, "_live", lambda name: live)
    monkeypatch.setattr(progress, "note", lambda *a: None)
    return live


def test_where_a_service_is_silent_submit_says_what_to_do_and_writes_nothing(silent, tmp_path):
    with pytest.raises(EnvironmentProblem) as error:
        student.submit.main([SLUG, "--out", str(tmp_path / "out")], standalone_mode=False)
    assert error.value.next_step.startswith("Run: python3 course.py start. To hand in")
    assert error.value.next_step.endswith(f"python3 course.py submit {SLUG} --without-services")
    assert not (tmp_path / "out").exists()


def test_without_services_the_rest_is_handed_in_and_graded(silent, course, tmp_path, capsys):
    student.submit.main([SLUG, "--out", str(tmp_path / "out"), "--without-services"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "What you pushed to registry is not in it" in said and "Nothing is pushed" not in said
    [file] = (tmp_path / "out").glob("*.zip")
    with Archive(file) as archive:
        header = json.loads(archive.read("submission.json", 1 << 20))
        assert "evidence/registry.json" not in header["files"] and "notebook.ipynb" in header["files"]
    outcome = graded(course, file)
    assert outcome.status == "graded" and "evidence/registry.json is missing" in outcome.problems[0]
    assert {v.check for v in outcome.verdicts if v.status == "passed"} >= {"double"}
