"""class/changes.jsonl: what a kill leaves of it is read and gone on with, and nothing is told twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import paths
from autograder.formats import Newer
from autograder.grading import journal
from autograder.grading.journal import Change, Journal

POINTS = st.none() | st.integers(0, 20) | st.floats(0, 20, allow_nan=False)
LINES = st.builds(
    Change,
    at=st.just("2026-01-01T10:00:00+00:00"),
    kit_version=st.just("0.2.0"),
    student=st.sampled_from(["ada", "ben"]),
    lab=st.just("90-tiny"),
    check=st.sampled_from(["pushed", "double"]),
    before=POINTS,
    before_of=POINTS,
    after=POINTS,
    after_of=POINTS,
    reason=st.text(max_size=20),
    by_hand=st.none() | st.integers(0, 3),
    submission_sha256=st.just("f" * 64),
    judged_before=st.none() | st.just("0" * 16),
    judged_by=st.just("1" * 16),
    replaced=st.sampled_from(["2025-12-01T10:00:00+00:00", "2025-12-02T10:00:00+00:00"]),
)


def change(**given_):
    made = {
        "at": "2026-01-01T10:00:00+00:00", "kit_version": "0.2.0", "student": "ada", "lab": "90-tiny",
        "check": "double", "before": 2, "before_of": 2, "after": 0.0, "after_of": 2, "reason": "because",
        "submission_sha256": "f" * 64, "judged_before": None, "judged_by": "1" * 16,
        "replaced": "2025-12-01T10:00:00+00:00",
    }  # fmt: skip
    return Change(**(made | given_))


def lines():
    return journal.read(journal.file().read_bytes())


@given(st.lists(LINES, max_size=6), st.data())
def test_of_a_torn_journal_every_whole_line_is_read(changes, data):
    content = b"".join(one.content() for one in changes)
    cut = data.draw(st.integers(0, len(content)))
    found = journal.read(content[:cut])
    whole = content[:cut].count(b"\n")
    assert found[:whole] == changes[:whole]
    assert len(found) <= whole + 1 and found == changes[: len(found)], "one more only where nothing but its end lacks"


@given(st.lists(LINES, min_size=1, max_size=6), st.data())
def test_a_run_that_is_repeated_after_a_kill_leaves_the_journal_as_without_one(changes, data):
    """A run tells each place once. However far it came, the same run behind it completes it."""
    run = list({one.place: one for one in changes}.values())
    content = b"".join(one.content() for one in run)
    cut = data.draw(st.integers(0, len(content)))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", folder)
        journal.file().parent.mkdir(parents=True)
        journal.file().write_bytes(content[:cut])
        Journal.opened().add(run)
        assert lines() == run
        assert Journal.opened().add(run) == [] and lines() == run
        journal.file().read_bytes().index(content[:cut])  # only added to


def test_a_line_that_was_torn_while_the_journal_was_open_spoils_none_behind_it(home):
    """As a full disk leaves one: the call fails half way, and the run goes on with the next student."""
    open_ = Journal.opened()
    open_.add([change()])
    with journal.file().open("ab") as out:
        out.write(change(student="ben").content()[:40])
    open_.add([change(student="cleo")])
    assert [one.student for one in lines()] == ["ada", "cleo"]


def test_a_repeated_line_is_read_as_it_stands_and_not_written_once_more(home):
    Journal.opened().add([change()])
    with journal.file().open("ab") as out:
        out.write(change().content())
    assert lines() == [change(), change()]
    assert Journal.opened().add([change(at="2027-01-01T00:00:00+00:00", reason="in other words")]) == []


def test_the_same_change_that_happens_again_is_told_again(home):
    """To other rules, back, and to them once more: three changes."""
    there, back = change(), change(before=0.0, after=2, judged_by="0" * 16, replaced="2026-01-01T10:00:00+00:00")
    again = change(replaced="2026-01-01T10:00:01+00:00")
    for one in (there, back, again):
        assert list(Journal.opened().add([one])) == [one]
    assert lines() == [there, back, again]
    assert list(Journal.opened().add([there])) == [there], "even within one second"


def test_a_line_of_a_newer_kit_stops_it(home):
    journal.file().parent.mkdir(parents=True)
    journal.file().write_bytes(change().content() + b'{"schema": 2}\n')
    with pytest.raises(Newer):
        Journal.opened()


def test_nothing_is_made_where_nothing_is_told(home):
    assert Journal.opened().add([]) == [] and not journal.file().exists()
    assert journal.file() == Path(paths.classroom(), "changes.jsonl")


@pytest.mark.parametrize(("given_", "says"), [
    ({}, "ada 90-tiny double: 2 of 2 → 0 of 2 points: because."),
    ({"before": None, "before_of": None}, "ada 90-tiny double: no such check → 0 of 2 points: because."),
    ({"after": None}, "ada 90-tiny double: 2 of 2 → – of 2 points: because."),
    ({"by_hand": 1.5}, "ada 90-tiny double: 2 of 2 → 0 of 2 points: because. "
     "The 1.5 points given by hand stay and count."),
])  # fmt: skip
def test_how_a_line_reads(given_, says):
    assert change(**given_).said() == says
