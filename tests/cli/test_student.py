"""Commands for students: the names that they show and take."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from autograder.checks.api import Verdict
from autograder.cli import student
from autograder.errors import CourseError
from autograder.labs import manifest


@pytest.mark.parametrize(
    ("given", "next_step"), [("digest", "Run: course hint 01.digest"), ("nothing", "Run `course check`"), ("01", "Run")]
)
def test_a_hint_without_the_lab_says_what_to_type(given, next_step):
    with pytest.raises(CourseError) as refused:
        student.hint.main([given], standalone_mode=False)
    assert refused.value.next_step.startswith(next_step) and refused.value.expected.startswith("LAB.CHECK")


def test_the_terminal_shows_the_name_that_a_hint_is_asked_by(monkeypatch, capsys):
    lab = manifest.find("01")
    verdict = Verdict(check="digest", title="T", status="failed", points=0, max_points=1, trust="proved", found="f")
    live = SimpleNamespace(lab=lab, collect=lambda: SimpleNamespace(tasks={}))
    monkeypatch.setattr(student, "_live", lambda _: live)
    monkeypatch.setattr(student.api, "run", lambda *_: [verdict])
    monkeypatch.setattr(student.progress, "note", lambda *_: None)
    with pytest.raises(SystemExit):
        student.check.main(["01"], standalone_mode=False)
    assert capsys.readouterr().out.splitlines()[0] == "✗ Not yet: T (0 of 1 point) [01.digest]"
