"""Every case: AWS's printed examples, and cases derived from one documented sentence each, in all three dialects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autograder.domain.retention import Action, Image, InvalidPolicy, ecr
from autograder.domain.retention.ecr_counts import COUNT_TYPES
from autograder.domain.retention.ecr_rules import Rule


def test_case_is_as_expected(case):
    assert case.problems() == []


def test_every_shipped_case_is_there(all_cases):
    ids = [name for name in all_cases if name.startswith(("aws-", "der-", "inv-"))]
    assert len(ids) == 47


def test_results_come_in_the_order_of_the_images(valid_case):
    results = valid_case.run().results
    assert [result.digest for result in results] == [image.digest for image in valid_case.read()]


def test_every_result_says_why_in_one_sentence(valid_case):
    for result in valid_case.run().results:
        assert result.why
        assert "\n" not in result.why
        assert not result.why.endswith(".")
        assert not result.undecided or result.note


def test_every_note_of_a_case_is_there(valid_case):
    notes = " | ".join(valid_case.run().notes)
    for part in valid_case.raw.get("notes", []) if isinstance(valid_case.raw.get("notes"), list) else []:
        assert part in notes


def test_errors_of_an_invalid_policy_have_a_place_and_a_message(invalid_case):
    with pytest.raises(InvalidPolicy) as caught:
        invalid_case.run()
    for error in caught.value.errors:
        assert error.path
        assert error.message


def test_the_clouds_own_wording_is_given_where_it_is_known(invalid_case):
    known = invalid_case.raw.get("aws_message") or invalid_case.raw.get("cloud_message")
    with pytest.raises(InvalidPolicy) as caught:
        invalid_case.run()
    if known:
        assert known in [error.cloud_message for error in caught.value.errors]


def test_the_ambiguous_case_is_reported_as_undecided_exactly_where_the_readings_differ(all_cases):
    case = all_cases["der-30-do-children-use-up-the-count"]
    outcome = case.run()
    undecided = {result.digest for result in outcome.results if result.undecided}
    assert undecided == set(case.raw["expected_expired"]) ^ set(case.raw["alternative_expired"])
    assert set(outcome.of("expire")) == set(case.raw["expected_expired"])


def test_a_shielded_image_names_both_rules(all_cases, digest_of):
    case = all_cases["der-03-shield-by-high-count"]
    result = next(result for result in case.run().results if result.digest == digest_of("A"))
    assert result.rule == 1
    assert "rule 2 would expire it" in result.why
    assert "rule 1 sees it first and shields it" in result.why


def test_a_count_rule_tells_the_place(all_cases, digest_of):
    case = all_cases["aws-02-multiple-rules-B"]
    whys = {result.digest: result.why for result in case.run().results}
    assert whys[digest_of("A")] == "rule 1 keeps the newest image tagged beta*; this is number 3"


def test_a_reference_artifact_names_the_subject_it_follows(all_cases, digest_of):
    for name, artifact in (
        ("ecr-reference-artifact-goes-with-its-subject", "S"),
        ("acr-purge-leaves-reference-artifacts-to-the-registry", "S"),
    ):
        results = {result.digest: result for result in all_cases[name].run().results}
        assert results[digest_of(artifact)].follows == digest_of("A")
        assert results[digest_of("A")].follows == ""
        assert results[digest_of(artifact)].as_json()["follows"] == digest_of("A")


def test_a_rule_that_sees_nothing_is_pointed_out(all_cases):
    (note,) = all_cases["der-04-and-trap"].run().notes
    assert note.startswith("rule 1 sees no image")
    assert "both latest and main" in note


DAY = timedelta(days=1)


WORDS = [
    ("imageCountMoreThan", Action.EXPIRE, {}, "rule 1 keeps the newest image; this is number 2"),
    (
        "imageCountMoreThan",
        Action.ARCHIVE,
        {},
        "rule 1 keeps the newest image; this is number 2 and moves to the archive",
    ),
    (
        "sinceImagePushed",
        Action.EXPIRE,
        {},
        "rule 1 expires images pushed more than 1 day ago; this one was pushed 9 days ago",
    ),
    (
        "sinceImagePulled",
        Action.ARCHIVE,
        {},
        "rule 1 archives images not pulled for more than 1 day; never pulled, this one was pushed 9 days ago",
    ),
    (
        "sinceImagePulled",
        Action.ARCHIVE,
        {"pulled": 5},
        "rule 1 archives images not pulled for more than 1 day; this one was pulled 5 days ago",
    ),
    (
        "sinceImagePulled",
        Action.ARCHIVE,
        {"pulled": 5, "restored": 3},
        "rule 1 archives images not pulled for more than 1 day; this one was restored 3 days ago",
    ),
    (
        "sinceImageTransitioned",
        Action.EXPIRE,
        {"archived": 4},
        "rule 1 expires images in the archive that moved there more than 1 day ago; this one moved 4 days ago",
    ),
    (
        "sinceImageTransitioned",
        Action.EXPIRE,
        {},
        "rule 1 expires images in the archive that moved there more than 1 day ago; when this one moved is not known",
    ),
]


@pytest.mark.parametrize(("count_type", "action", "moments", "why"), WORDS)
def test_every_count_type_has_its_words(now, digest_of, count_type, action, moments, why):
    archived = COUNT_TYPES[count_type].selects_archive
    rule = Rule(1, "any", count_type, 1, action, archived_class=archived)
    older = Image(
        digest_of("A"),
        now - 9 * DAY,
        archived_class=archived,
        **{name: now - days * DAY for name, days in moments.items()},
    )
    newer = Image(digest_of("B"), now, archived_class=archived, restored=now if "restored" in moments else None)
    assert ecr.evaluate([rule], [older, newer], now).results[0].why == why


def test_no_count_type_is_without_words():
    assert {count_type for count_type, *_ in WORDS} == set(COUNT_TYPES)
