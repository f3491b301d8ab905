"""The ledger of what was received: it only grows, the best that is known counts, and a killed run costs nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder import paths
from autograder.formats import Newer, Unreadable
from autograder.grading import receipts
from autograder.grading.receipts import TRUST, Ledger, Receipt

A, B = "a" * 64, "b" * 64
T = datetime(2026, 11, 20, 12, tzinfo=UTC)


def line(days=0.0, known="first seen", sha=A, **more):
    return Receipt(sha256=sha, received_at=T + timedelta(days=days), known=known, **more)


@pytest.fixture(autouse=True)
def at_home(home):
    (home / "class").mkdir(exist_ok=True)


def written():
    return (paths.classroom() / receipts.FILE).read_bytes().splitlines()


def test_the_most_trusted_time_counts_and_the_rest_comes_from_who_knows_it():
    ledger = Ledger()
    for one in (
        line(5, "first seen", student="ada", lab="04-tagging", name="x.zip"),
        line(5, "lms name", student="ada", lab="04-tagging", submitter="lovelaceada", attempt=2, late=True),
        line(1, "instructor", student="ada", lab="04-tagging"),
    ):
        ledger.note(one)
    best = ledger.of(A)
    assert (best.received_at, best.known) == (T + timedelta(days=1), "instructor")
    assert (best.submitter, best.attempt, best.late) == ("lovelaceada", 2, True)
    ledger.note(line(2, "lms list", student="ada", lab="04-tagging"))
    assert ledger.of(A).received_at == T + timedelta(days=2) and ledger.of(B) is None


def test_lines_are_only_added_and_nothing_twice():
    ledger = receipts.load()
    for _ in range(3):
        ledger.note(line(1))
        ledger.note(line(9, "lms list"))
        ledger.write()
    first = written()
    assert len(first) == 2
    again = receipts.load()
    again.note(line(7))  # seen again later: it was seen first when it was
    again.note(line(8, "lms list"))  # the list was corrected
    again.write()
    assert written()[:2] == first and len(written()) == 3
    assert receipts.load().of(A).received_at == T + timedelta(days=8)


def test_bytes_that_came_twice_were_in_hand_when_they_came_first():
    ledger = Ledger()
    ledger.note(line(1, "lms list", name="a.zip"))
    ledger.note(line(6, "lms list", name="a-2.zip", attempt=3))
    assert ledger.of(A).received_at == T + timedelta(days=6)  # this attempt is the newest
    assert ledger.in_hand(A).received_at == T + timedelta(days=1)
    ledger.note(line(0.5))  # graded even before
    assert ledger.in_hand(A).received_at == T + timedelta(days=0.5)


def test_the_last_word_about_a_file_is_a_correction_also_to_a_later_time_and_back():
    ledger = Ledger()
    for days in (1, 9, 1, 9):
        ledger.note(line(days, "instructor"))
        assert ledger.of(A).received_at == ledger.in_hand(A).received_at == T + timedelta(days=days)
    assert len(ledger.lines) == 4


def test_refused_and_then_not():
    ledger = Ledger()
    ledger.note(line(refused="Not on the roster."))
    assert ledger.of(A).refused
    ledger.note(line(3))
    assert not ledger.of(A).refused and ledger.of(A).received_at == T
    ledger.refuse(A, "It is damaged.")
    assert ledger.of(A).refused == "It is damaged." and len(ledger.lines) == 3
    assert [one.refused for one in ledger.refused()] == ["It is damaged."]
    ledger.refuse(A, "It is damaged.")
    assert len(ledger.lines) == 3


def test_the_same_bytes_of_two_people_are_two_that_were_refused():
    ledger = Ledger()
    ledger.note(line(student="ada", name="Ada/lab.ipynb", refused="A notebook."))
    ledger.note(line(student="ben", name="Ben/lab.ipynb", refused="A notebook."))
    ledger.note(line(student="", name="lab.ipynb", refused="A notebook."))
    assert [(one.student, one.name) for one in ledger.refused()] == [
        ("ada", "Ada/lab.ipynb"),
        ("ben", "Ben/lab.ipynb"),
        ("", "lab.ipynb"),
    ]
    ledger.note(line(1, "instructor", student="cleo", name="lab.ipynb", refused="A notebook."))
    assert [one.student for one in ledger.refused()] == ["ada", "ben", "cleo"]
    ledger.note(line(student="ada", name="again/lab.ipynb"))  # say, a newer kit takes it
    assert [one.student for one in ledger.refused()] == ["ben", "cleo"]


def test_a_line_that_a_killed_run_left_half_is_passed_over_and_ended():
    ledger = receipts.load()
    ledger.note(line())
    ledger.write()
    file = paths.classroom() / receipts.FILE
    half = file.read_bytes()[: -len(b'"}\n') - 3]
    file.write_bytes(file.read_bytes() + half)
    found = receipts.load()
    assert len(found.lines) == 1
    found.note(line(sha=B))
    found.write()
    assert len(receipts.load().lines) == 2


def test_a_damaged_line_is_named_and_a_newer_one_is_not_guessed():
    file = paths.classroom() / receipts.FILE
    file.write_bytes(b'{"sha256": 5}\n')
    with pytest.raises(Unreadable) as caught:
        receipts.load()
    assert "line 1 of class/received.jsonl" in caught.value.found
    file.write_bytes(b'{"schema": 2, "sha256": "x"}\n')
    with pytest.raises(Newer):
        receipts.load()


LINES = st.builds(
    line,
    days=st.integers(0, 30),
    known=st.sampled_from(TRUST),
    sha=st.sampled_from([A, B]),
    student=st.sampled_from(["", "ada"]),
    attempt=st.one_of(st.none(), st.integers(1, 3)),
    late=st.sampled_from([None, True, False]),
    refused=st.sampled_from(["", "why"]),
)


@given(given_=st.lists(LINES, max_size=8))
def test_reading_what_was_written_gives_the_same_ledger(given_):
    ledger = Ledger()
    for one in given_:
        ledger.note(one)
    text = b"".join(receipts.RECEIPTS.to_json(one) + b"\n" for one in ledger.lines)
    (paths.classroom() / receipts.FILE).write_bytes(text)
    read = receipts.load()
    assert read.lines == ledger.lines and [read.of(sha) for sha in (A, B)] == [ledger.of(sha) for sha in (A, B)]
    for sha in (A, B):
        best = read.of(sha)
        if best is not None:
            assert read.in_hand(sha).received_at <= best.received_at
            known = {one.known for one in ledger.lines if one.sha256 == sha} - {"lms name"}
            assert best.known == min(known or {best.known}, key=TRUST.index)
            last = [one for one in ledger.lines if (one.sha256, one.known) == (sha, best.known)][-1]
            assert best.received_at == last.received_at
    before = len(read.lines)
    for one in given_[-1:]:
        read.note(one)
    assert len(read.lines) == before, "what was said last says nothing new"


def test_a_clock_that_is_off_is_named_only_where_it_shows():
    assert "clock is off" in receipts.clock_remark(T + timedelta(days=900), line(0, "lms list"))
    assert receipts.clock_remark(T - timedelta(days=900), line()) == ""
    assert receipts.clock_remark(T + timedelta(seconds=60), line()) == ""


def test_the_same_bytes_under_many_names_cost_no_more_than_their_number():
    began = time.process_time()
    ledger = Ledger()
    for number in range(10_000):
        ledger.note(line(name=f"{number}.zip", refused="It is damaged."))
        assert ledger.has_room(A, "one more.zip") is (number < receipts.MAX_NAMES - 1)
    assert ledger.has_room(A, "7.zip"), "what is known stays known"
    assert len(list(Ledger(ledger.lines).refused())) == 10_000
    assert time.process_time() - began < 5, "0.6 s; a walk over all names for each would be minutes"
