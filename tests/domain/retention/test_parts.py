"""Durations, times, patterns and limits."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.domain.retention import Image, InvalidPolicy, acr_policy, ecr_validate
from autograder.domain.retention.acr import evaluate as evaluate_acr
from autograder.domain.retention.durations import age_text, cutoff, days_before, gcloud_duration, go_duration
from autograder.domain.retention.gar_rules import Prefixes
from autograder.domain.retention.patterns import pattern_matcher
from autograder.domain.retention.times import from_epoch, parse_time

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RULE = {
    "rulePriority": 1,
    "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
    "action": {"type": "expire"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("30D", timedelta(days=30)),
        ("2592000s", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("90m", timedelta(minutes=90)),
        ("1w", timedelta(days=7)),
        ("1d12h", timedelta(days=1, hours=12)),
        ("1.5d", timedelta(days=1.5)),
        ("P30D", timedelta(days=30)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("PT90M", timedelta(minutes=90)),
        ("P1M", timedelta(days=365.2422 / 12)),
    ],
)
def test_durations_of_gcloud(text, expected):
    assert abs(gcloud_duration(text) - expected) < timedelta(microseconds=10)


@pytest.mark.parametrize("text", ["", "30", "d", "P", "-30d", "30 d", "thirty", "30x", "1dd", "٣d", "PTT1H"])
def test_what_is_no_duration_of_gcloud(text):
    with pytest.raises(ValueError, match="30d"):
        gcloud_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0d", timedelta()),
        ("30d", timedelta(days=30)),
        ("2d3h6m", timedelta(days=2, hours=3, minutes=6)),
        ("1h15m", timedelta(hours=1, minutes=15)),
        ("10m", timedelta(minutes=10)),
        ("1.5h", timedelta(minutes=90)),
        ("0", timedelta()),
        ("999999999d", timedelta(days=150 * 365)),
    ],
)
def test_durations_of_acr_purge(text, expected):
    assert go_duration(text) == expected


@pytest.mark.parametrize("text", ["", "d", "abcd", "30days", "1.5d", "-1d", "3h2d", "30", "1d 2h", "00", "٣d", "1d1x"])
def test_what_is_no_duration_of_acr_purge(text):
    with pytest.raises(ValueError, match="30d"):
        go_duration(text)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 50), st.integers(0, 99), st.integers(0, 99))
def test_durations_add_up(days, hours, minutes, seconds):
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert go_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected
    assert gcloud_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected


@settings(deadline=None)
@given(st.integers(1, 10**40))
def test_no_number_of_days_is_too_large(days):
    assert days_before(NOW, days) <= NOW


def test_the_beginning_of_time_is_the_limit():
    assert cutoff(NOW, timedelta(days=999_999_999)).year == 1


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(days=45), "45 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=14, hours=12), "14.5 days"),
        (timedelta(days=14, hours=23, minutes=59), "14.9 days"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=59), "0 hours"),
        (timedelta(days=-3), "0 hours"),
    ],
)
def test_ages_in_words(ago, expected):
    assert age_text(NOW, NOW - ago) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-01T12:00:00Z",
        "2026-06-01T12:00:00+00:00",
        "2026-06-01T14:00:00.000000+02:00",
        "2026-06-01T12:00:00.0000000Z",
        "2026-06-01T12:00:00.000000000Z",
        " 2026-06-01T12:00:00 ",
        "20260601T120000Z",
    ],
)
def test_times_as_the_clients_print_them(text):
    assert parse_time(text) == NOW


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-06-01T25:00:00Z", "0001-01-01T00:00:00+23:00"])
def test_what_is_no_time(text):
    assert parse_time(text) is None


def test_times_as_numbers():
    assert from_epoch(NOW.timestamp()) == NOW
    assert from_epoch(1e300) is None


@settings(deadline=None)
@given(st.text("ab*", max_size=8).filter(lambda text: text.count("*") <= 4), st.text("ab", max_size=12))
def test_patterns_match_whole_tags(pattern, tag):
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert pattern_matcher(pattern)(tag) == (re.fullmatch(expression, tag) is not None)


NESTED = "'m:" + "(?=.*" * 50 + "a" + ")" * 50 + "'"
BEHIND = "'m:" + "(?<=.*" * 50 + "a" + ")" * 50 + "'"


@pytest.mark.parametrize("filters", [NESTED, BEHIND, "'m:(a+)+$'", "'m:((b?){99}){9}x'", "'m:(b*)*x' " * 60])
def test_no_filter_of_acr_purge_takes_long(filters):
    """Each tag is held against each filter; a lab takes commands of 2,000 characters."""
    tags = tuple(f"{'b' * 100}-{number}" for number in range(50))
    images = [Image("sha256:" + "0" * 64, NOW - timedelta(days=9), tags, "m")]
    began = time.process_time()
    policy = acr_policy.parse(f"acr purge --filter {' --filter '.join(filters.split())} --ago 1d")
    assert not evaluate_acr(policy, images, NOW).results[0].tags_removed
    assert time.process_time() - began < 1


def test_the_filters_of_a_command_have_a_size_together():
    with pytest.raises(InvalidPolicy) as caught:
        acr_policy.parse("acr purge --ago 1d " + "--filter 'm:(x?){500}' " * 9)
    assert [error.path for error in caught.value.errors] == ["--filter"]


def test_a_policy_has_at_most_50_rules():
    def policy(count: int) -> dict[str, object]:
        selection = {
            "tagStatus": "tagged",
            "tagPatternList": ["a*"],
            "countType": "imageCountMoreThan",
            "countNumber": 1,
        }
        return {"rules": [{**RULE, "rulePriority": n + 1, "selection": selection} for n in range(count)]}

    assert ecr_validate.validate(policy(50)) == []
    assert [error.path for error in ecr_validate.validate(policy(51))] == ["rules"]


def test_a_policy_has_at_most_30720_characters():
    def text(length: int) -> str:
        empty = json.dumps({"rules": [{**RULE, "description": ""}]})
        return json.dumps({"rules": [{**RULE, "description": "x" * (length - len(empty))}]})

    assert len(ecr_validate.parse(text(30_720))) == 1
    with pytest.raises(InvalidPolicy) as caught:
        ecr_validate.parse(text(30_721))
    assert "30720" in caught.value.errors[0].message


@pytest.mark.parametrize("text", ["{", '{"rules": NaN}', "[" * 100_000, '{"rules": ' + "9" * 5000 + "}"])
def test_broken_json_is_an_error_of_the_policy(text):
    with pytest.raises(InvalidPolicy) as caught:
        ecr_validate.parse(text)
    assert caught.value.errors[0].path == "$"


def test_the_answer_in_awss_words():
    errors = ecr_validate.validate({"rules": [{**RULE, "selection": {"tagStatus": "tagged"}}]})
    assert ecr_validate.aws_text(errors) == (
        "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
        "'Lifecycle policy validation failure: "
        'object has missing required properties (["countType"])\''
    )


@pytest.mark.parametrize(("prefixes", "name", "fits"), [
    (["v1", "v2."], "v2.3", True), (["v1", "v2."], "v2", False), ([""], "x", True), (["ü"], "übung", True),
    (["abc"], "abc", True), (["abcd"], "abc", False),
])  # fmt: skip
def test_a_name_begins_with_one_of_the_prefixes(prefixes, name, fits):
    assert Prefixes(prefixes).begin(name) is fits is name.startswith(tuple(prefixes))


def test_any_number_of_prefixes_is_asked_in_bounded_time():
    """A policy file of a megabyte holds 150,000 of them, no source limits that, and a check asks for every image."""
    many = Prefixes(f"q{n}" for n in range(150_000))
    began = time.process_time()
    assert not any(many.begin(f"x{n}") for n in range(5_000))
    assert time.process_time() - began < 3
