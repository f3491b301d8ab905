"""Deadlines and what is taken off: the file, the rule, and what is done where nobody knows the time of receipt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.errors import CourseError
from autograder.grading import lateness
from autograder.grading.identity import Identity
from autograder.grading.lateness import Amount, Deadline, judged, late
from autograder.grading.receipts import Ledger, Receipt
from autograder.grading.verdict_file import VerdictFile
from autograder.labs.overlay import Overlay

DUE = datetime(2026, 11, 20, 23, 59, tzinfo=timezone(timedelta(hours=1)))
TENTH = Deadline(DUE, Amount(10, percent=True), Amount(50, percent=True), DUE + timedelta(days=30))
HEAD = "lab,student,due,penalty,cap,until\n"


def receipt(at, known="lms list", **more):
    return Receipt(sha256="0" * 64, received_at=at, known=known, **more)


@pytest.mark.parametrize(
    ("after", "days", "penalty"),
    [
        (timedelta(days=-3), 0, 0.0),
        (timedelta(0), 0, 0.0),
        (timedelta(seconds=1), 1, 0.8),
        (timedelta(days=1), 1, 0.8),
        (timedelta(days=1, seconds=1), 2, 1.6),
        (timedelta(days=5), 5, 4.0),
        (timedelta(days=9), 9, 4.0),  # the cap
    ],
)
def test_each_day_that_has_begun_costs_a_tenth_up_to_half(after, days, penalty):
    found = late(DUE + after, TENTH, 7.5, 8)
    assert (found.days, found.penalty, found.closed) == (days, penalty, False)


def test_after_until_nothing_is_left():
    found = late(DUE + timedelta(days=30, seconds=1), TENTH, 7.5, 8)
    assert found.closed and found.penalty == 7.5 and "no points" in found.remark
    assert not late(DUE + timedelta(days=30), TENTH, 7.5, 8).closed


def verdict(max_score):
    return VerdictFile(
        lab="04-tagging", lab_version=1, kit_version="1", student="ada", course="c", course_key="k", source="ada.zip",
        submission_sha256="0" * 64, written_at="", graded_at="2026-11-01T10:00:00+00:00", identity=Identity(),
        status="graded", checks={}, score=max_score, max_score=max_score, claimed=0, evidence=None,
    )  # fmt: skip


@pytest.mark.parametrize("extra", [-8, -3, 0, 1, 50])
@pytest.mark.parametrize(
    ("deadline", "days"),
    [(TENTH, 0), (TENTH, 2), (TENTH, 9), (TENTH, 31), (Deadline(DUE, Amount(3), Amount(20)), 5)],
    ids=["in time", "late", "cap", "closed", "cap above the maximum"],
)
def test_nbgrader_and_the_exports_take_off_the_same_also_of_extra_credit(deadline, days, extra):
    at = DUE + timedelta(days=days)
    when = lateness.Timing(Ledger([receipt(at)]), lateness.Deadlines({("04-tagging", "*"): deadline}))
    document, score = verdict(8), 8.0 + extra
    nbgraders = max(0.0, score - (when.penalty(document, score) or 0.0))
    assert nbgraders == pytest.approx(score - when.of(document, score).penalty)
    assert nbgraders == 0 or days < 31


def test_no_more_is_taken_off_than_there_is():
    assert late(DUE + timedelta(days=3), TENTH, 1.0, 8).penalty == 1.0
    assert late(DUE + timedelta(days=3), TENTH, 0.0, 8).penalty == 0.0


@given(
    seconds=st.integers(-(10**7), 10**7),
    offset=st.integers(-14 * 60, 14 * 60),
    score=st.floats(0, 100),
    share=st.floats(0, 100),
    cap=st.floats(0, 100),
)
def test_the_rule_depends_on_the_moment_alone_and_never_takes_more_than_the_score(seconds, offset, score, share, cap):
    deadline = Deadline(DUE, Amount(share, percent=True), Amount(cap))
    at = DUE + timedelta(seconds=seconds)
    found = late(at, deadline, score, 100.0)
    assert late(at.astimezone(timezone(timedelta(minutes=offset))), deadline, score, 100.0) == found
    assert 0 <= found.penalty <= score + 1e-4 and (found.days > 0) is (seconds > 0)
    later = late(at + timedelta(days=1), deadline, score, 100.0)
    assert later.penalty >= found.penalty - 1e-4


def test_a_day_later_is_never_cheaper_and_an_extension_decides_for_one():
    deadlines = lateness.parse(
        (HEAD + "04-tagging,*,2026-11-20T23:59+01:00,10%,50%,2026-11-27T23:59+01:00\n"
         "04-tagging,ada,2026-12-24T23:59+01:00,,,\n"
         "*,ben,2027-01-24T00:00Z,,,\n"
         "*,*,2026-12-31T00:00Z,0.5,,\n").encode(),
        Overlay(),
    )  # fmt: skip
    ada, ben = deadlines.of("04-tagging", "ada"), deadlines.of("04-tagging", "ben")
    assert ada.extended and ada.due > ben.due and ada.penalty == ben.penalty == Amount(10, percent=True)
    assert ada.until is None, "everybody's ends before the extension does"
    assert deadlines.of("01-first-push", "ada").penalty == Amount(0.5)
    assert deadlines.for_everybody("04-tagging") == ben, "which has a line of its own"
    assert deadlines.of("01-first-push", "ben").due.year == 2027
    assert deadlines.of("01-first-push", "ben").penalty == Amount(0.5)
    assert lateness.parse(b"lab;due\n02-names;2026-11-20T23:59Z\n", Overlay()).of("01-first-push", "ada") is None


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("04-tagging,*,2026-11-20T23:59,,,", "due '2026-11-20T23:59'"),
        ("04-tagging,*,20.11.2026,,,", "due '20.11.2026'"),
        ("04-tagging,ada,,10%,,", "due ''"),
        ("44-none,*,2026-11-20T23:59Z,,,", "the lab '44-none'"),
        ("04-tagging,Ada L,2026-11-20T23:59Z,,,", "the student 'Ada L'"),
        ("04-tagging,*,2026-11-20T23:59Z,ten,,", "penalty 'ten'"),
        ("04-tagging,*,2026-11-20T23:59Z,-1,,", "penalty '-1'"),
        ("04-tagging,*,2026-11-20T23:59Z,120%,,", "penalty '120%'"),
        ("04-tagging,*,2026-11-20T23:59Z,nan,,", "penalty 'nan'"),
        ("04-tagging,*,2026-11-20T23:59Z,,,2026-11-19T23:59Z", "is before due"),
        ("04-tagging,*,2026-11-20T23:59Z,,,,x", "7 cells"),
        ("04-tagging,*,2026-11-20T23:59Z,,,\n04-tagging,ada,2026-11-19T23:59Z,,,", "line 3: ada is due"),
        ("04-tagging,,2026-11-20T23:59Z,,,\n04-tagging,*,2026-11-21T23:59Z,,,", "line 3: 04-tagging and * a second"),
    ],
)
def test_a_slip_in_the_file_is_named_with_its_line(line, found):
    with pytest.raises(CourseError) as caught:
        lateness.parse((HEAD + line + "\n").encode(), Overlay())
    assert found in caught.value.found and "line" in caught.value.found and caught.value.next_step


def test_an_extension_for_nobody_on_the_roster_is_a_slip():
    content = (HEAD + "04-tagging,adaa,2026-11-20T23:59Z,,,\n").encode()
    assert lateness.parse(content, Overlay(), {"adaa"}).of("04-tagging", "adaa")
    with pytest.raises(CourseError) as caught:
        lateness.parse(content, Overlay(), {"ada"})
    assert caught.value.found == "line 2: adaa is not on the roster"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a,b\n1,2\n", b"lab,due,due\n", b"lab,student\n"])
def test_what_is_no_such_file_is_an_error(content):
    with pytest.raises(CourseError, match=r"deadlines\.csv"):
        lateness.parse(content, Overlay())


def test_what_was_only_seen_here_after_it_was_due_is_a_doubt_that_costs_nothing():
    after = DUE + timedelta(days=2)
    assert judged(receipt(after), TENTH, 8, 8).penalty == 1.6
    assert judged(receipt(after, "instructor"), TENTH, 8, 8).penalty == 1.6
    assert judged(receipt(DUE, "first seen"), TENTH, 8, 8) == lateness.Lateness(TENTH)
    seen = judged(receipt(after, "first seen"), TENTH, 8, 8)
    assert seen.penalty == 0 and "may have been received before" in seen.doubt and "--received" in seen.remark
    named = judged(receipt(after, "lms name", late=True), TENTH, 8, 8)
    assert named.penalty == 0 and "nobody knows how late" in named.doubt
    assert judged(None, TENTH, 8, 8).doubt and judged(receipt(after), None, 8, 8) == lateness.Lateness()


def test_the_words():
    assert late(DUE + timedelta(days=2), TENTH, 8, 8).remark == (
        "2 days late (due 2026-11-20T23:59+01:00): 1.6 points are taken off."
    )
    own = Deadline(DUE, extended=True)
    assert late(datetime(2026, 11, 21, tzinfo=UTC), own, 8, 8).remark == (
        "1 day late (due 2026-11-20T23:59+01:00, an extension): nothing is taken off."
    )
