"""What a check leaves to a person: needs review, until that person has given its points."""

from __future__ import annotations

import pytest

from autograder.checks.api import Check, NeedsReview, Verdict, run
from autograder.evidence.model import Evidence
from autograder.grading import exports, feedback, store
from autograder.grading.exports import ByHand
from autograder.grading.judge import status_of
from autograder.grading.verdict_file import Identity, VerdictFile

SAID = "a step uses some/action, which is not in the table of actions"


def leaves_it(evidence: Evidence) -> None:
    raise NeedsReview(SAID)


def evidence() -> Evidence:
    return Evidence(
        kit_version="1", lab="10-ci-cd", lab_version=1, student="ada", origin="submission", collected_at="",
        parameters={},
    )  # fmt: skip


@pytest.fixture
def left() -> Verdict:
    """The verdict of a check that leaves its points to a person."""
    (verdict,) = run({"gate": Check("gate", "Gated", "recomputed", (), "", "", leaves_it)}, evidence(), {"gate": 1})
    return verdict


def test_the_verdict_gives_no_points_and_takes_none(left: Verdict) -> None:
    assert (left.status, left.points, left.max_points, left.review, left.found) == ("not_graded", None, 1, True, SAID)
    assert store.message_of(left).startswith("Needs review. ")
    assert feedback.REVIEW == "Needs review"
    assert (
        "review"
        not in Verdict(check="a", title="a", status="passed", points=1, max_points=1, trust="proved").model_dump()
    )


def test_the_work_counts_as_graded_unless_something_failed(left: Verdict) -> None:
    assert status_of([left]) == "graded"
    assert status_of([left, left.model_copy(update={"review": None})]) == "not_graded"


def test_exports_name_it_until_a_person_has_given_points(left: Verdict) -> None:
    document = VerdictFile(
        lab="10-ci-cd", lab_version=1, kit_version="1", student="ada", course="c", course_key="k", source="ada.zip",
        submission_sha256="0" * 64, written_at="", graded_at="2026-11-01T10:00:00+00:00", identity=Identity(),
        status="graded", checks={}, score=0, max_score=8, claimed=0, evidence=None, verdicts=[left],
    )  # fmt: skip
    assert exports.to_review(document, ByHand()) == [f"gate: {SAID}"]
    assert exports.not_judged(document, ByHand()) == []
    assert exports.to_review(document, ByHand(settled=frozenset({"gate"}))) == []
