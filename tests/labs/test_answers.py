"""Recorded answers: JSON only, damaged files told, nothing half written."""

from __future__ import annotations

import pytest

from autograder.errors import CourseError
from autograder.evidence.model import Answer
from autograder.labs import answers


def record(folder, name, value):
    answers.record(folder, name, Answer(value=value, recorded_at="2026-01-01T00:00:00+00:00"))


def test_answers_are_kept_side_by_side(tmp_path):
    record(tmp_path, "b", [1, {"x": None}])
    record(tmp_path, "a", "é")
    record(tmp_path, "b", 2)
    assert {k: a.value for k, a in answers.read(tmp_path).items()} == {"a": "é", "b": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["answers.json"]


def test_none_recorded(tmp_path):
    assert answers.read(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1}', b"\xff", b'{"a": {"value": 1}}'])
def test_a_damaged_file_is_told_and_never_overwritten(tmp_path, content):
    (tmp_path / "answers.json").write_bytes(content)
    with pytest.raises(CourseError, match=r"answers\.json"):
        record(tmp_path, "a", 1)
    assert (tmp_path / "answers.json").read_bytes() == content


@pytest.mark.parametrize(
    ("value", "where"),
    [(b"x", "the value is a bytes"), ([1, {2}], r"the value\[1\] is a set"), ({1: 2}, "key of type int"),
     (float("nan"), "nan"), (object, "a type"), (["\udcff"], r"the value\[0\] is a text with bytes"),
     ({"\ud800": 1}, "a key of the value is a text with bytes")],
)  # fmt: skip
def test_only_json(value, where):
    with pytest.raises(CourseError, match=where):
        answers.plain(value)


def test_tuples_become_lists():
    assert answers.plain((1, (2,))) == [1, [2]]


def test_too_long(tmp_path):
    with pytest.raises(CourseError, match="a longer one"):
        record(tmp_path, "a", "x" * 70_000)


def test_kinds_of_text_become_plain_text():
    class Line(str):
        pass

    assert type(answers.plain(Line("x"))) is str
