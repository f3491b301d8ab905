"""Clocks of students that say what no calendar has: read or refused in words, and nobody else suffers."""

from __future__ import annotations

import pytest

from autograder.evidence import emulator_state
from autograder.evidence.submission_zip import moment
from autograder.grading import exports, store
from autograder.grading.batch import EARLIEST, Batch

ODD = [
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00",
    "2026-01-01T10:00:00+00:00:30",
    "2026-01-01T10:00:00-23:59:59.999999",
    "9999-12-31T23:59:59.999999",
    "0001-01-01",
    "2026-13-45T99:99:99Z",
    "",
    "\ud800",
    "9" * 40,
]
DAY = "2026-01-01T10:00:00+00:00"


@pytest.mark.parametrize("text", ODD)
def test_a_time_that_nothing_else_holds_is_none(text):
    assert moment(text) in (EARLIEST, moment(DAY)) or moment(text).tzinfo is not None
    assert moment(text).isoformat() and moment(text).astimezone(moment(DAY).tzinfo)


@pytest.mark.parametrize("written_at", ODD)
def test_a_submission_with_an_odd_clock_is_graded_beside_an_honest_one(no_engine, course, ada, ben, box, written_at):
    ben.header = {"written_at": written_at}
    for student in (ada, ben):
        student.zip(box)
    rows = {row.student: row for row in Batch(course, 1).run([box], lambda plan: None, lambda row: None)}
    assert rows["ada"].status == "graded" and rows["ada"].score == 5.5
    assert rows["ben"].status == "graded" and rows["ben"].score is not None
    ben.header = {"written_at": "9999-12-31T23:59:59-11:00"}
    ben.zip(box)  # and once more, against what is graded
    rows = {row.student: row for row in Batch(course, 1).run([box], lambda plan: None, lambda row: None)}
    assert rows["ada"].status == "unchanged" and "The grader failed" not in str(rows["ben"])
    assert store.read("ben", ben.lab.slug) is not None
    assert "ben" in exports.as_csv(exports.entries(course))


HUB = {"name": "t", "created": DAY, "changed": DAY, "attributes": {}}


@pytest.mark.parametrize("when", [text for text in ODD if text != "\ud800"])
def test_settings_and_journals_with_such_times_are_none(when):
    line = {
        "number": 1,
        "when": when,
        "service": "ecr",
        "who": "",
        "what": "",
        "repository": "",
        "tag": "",
        "digest": "",
    }
    assert emulator_state.problem_of_lines([line | {"detail": {}}]) is not None
    assert emulator_state.problem_of_lines([line | {"detail": {}, "when": DAY}]) is None
