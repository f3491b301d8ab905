"""The derived cases: whatever differs by one from a rule is told apart, whatever agrees is not, within the limits."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograder.checks.shared import compared
from autograder.domain.retention import (
    acr_purge,
    artifact_registry,
    boundaries,
    boundaries_acr,
    ecr,
    ecr_validate,
    gar_validate,
)
from autograder.domain.retention.acr_command import parse_purge
from autograder.domain.retention.boundaries import Held

FOUND = (Phase.explicit, Phase.generate)  # an example is small as it is; to make it smaller would take minutes
NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
WORDS = st.permutations(["live-", "rel-", "rc-", "dev-", "v", "nightly."]).map(lambda words: words[:4])


def rule(number: int, patterns: list[str], **count: int) -> dict[str, Any]:
    selection: dict[str, Any] = (
        {"tagStatus": "tagged", "tagPatternList": patterns} if patterns else {"tagStatus": "untagged"}
    )
    for name, value in count.items():
        days = {"countUnit": "days"} if name == "days" else {}
        kind = "sinceImagePushed" if name == "days" else "imageCountMoreThan"
        selection |= {"countType": kind, "countNumber": value} | days
    return {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}


def fates(evaluate: Any, policy: Any, case: boundaries.Case) -> list[tuple[Any, ...]]:
    results = evaluate(policy, compared.images(case, NOW), NOW)
    return [(r.action, r.tags_removed) for r in getattr(results, "results", results)]


def ecr_apart(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> boundaries.Case | None:
    first, second = (ecr_validate.parse_document({"rules": rules}) for rules in (one, other))
    tried = boundaries.cases(boundaries.of_ecr(first), boundaries.of_ecr(second))
    assert len(tried.cases) <= boundaries.MAX_CASES and not tried.cut
    return next((c for c in tried.cases if fates(ecr.evaluate, first, c) != fates(ecr.evaluate, second, c)), None)


MUTATED_PATTERNS = [
    lambda p: p.removesuffix("*"),
    lambda p: f"*{p}",
    lambda p: p[1:],
    lambda p: p.replace("*", "x*"),
    lambda p: f"{p}x",
    lambda p: p.replace("*", "*.*"),
    lambda p: p.swapcase(),
    lambda p: f"x{p}",
]


@settings(max_examples=30, deadline=None, phases=FOUND)
@given(
    words=WORDS,
    days=st.lists(st.integers(2, 400), min_size=3, max_size=3),
    kept=st.integers(2, 25),
    which=st.integers(0, 4),
    change=st.sampled_from([-1, 1, *MUTATED_PATTERNS]),
)
def test_two_lifecycle_policies_that_differ_by_one_are_told_apart(words, days, kept, which, change):
    def made(patterns: list[str], numbers: list[int]) -> list[dict[str, Any]]:
        live, release, candidate, build = patterns
        return [
            rule(1, [live], count=numbers[0]),
            rule(2, [release], count=numbers[1]),
            rule(3, [candidate], days=numbers[2]),
            rule(4, [build], days=numbers[3]),
            rule(5, [], days=numbers[4]),
        ]

    patterns, numbers = [f"{word}*" for word in words], [20, kept, *days]
    if callable(change):
        other = [change(p) if n == min(which, 3) else p for n, p in enumerate(patterns)]
        assert ecr_apart(made(patterns, numbers), made(other, numbers)) is not None
    else:
        moved = [n + change * (place == which) for place, n in enumerate(numbers)]
        assert ecr_apart(made(patterns, numbers), made(patterns, moved)) is not None
    assert ecr_apart(made(patterns, numbers), made(patterns, numbers)[::-1]) is None


def test_lifecycle_policies_that_say_the_same_are_not_told_apart():
    plain = [rule(1, ["live-*"], count=1000), rule(2, ["dev-*"], days=30)]
    for other in (
        [rule(1, ["live-*"], days=36500), rule(2, ["dev-**"], days=30)],
        [rule(1, ["live-*"], count=700), rule(2, ["dev-*"], days=30), rule(3, ["dev-x*"], days=30)],
        [rule(1, ["live-*"], count=1000), rule(2, ["dev-*"], days=30), rule(3, ["dev-*", "rel-*"], days=2)],
    ):
        assert ecr_apart(plain, other) is None


def gar_apart(one: list[dict[str, Any]], other: list[dict[str, Any]], behind: int) -> boundaries.Case | None:
    first, second = gar_validate.parse_document(one), gar_validate.parse_document(other)
    rule_terms = boundaries.of_gar(first)
    tried = boundaries.cases(rule_terms, boundaries.of_gar(second), behind=behind, package="ml-model")
    assert not tried.cut
    evaluate = artifact_registry.evaluate
    return next((c for c in tried.cases if fates(evaluate, first, c) != fates(evaluate, second, c)), None)


def cleanup(prefix: str, keep: str, days: int, untagged: int, newest: int, **more: Any) -> list[dict[str, Any]]:
    old = {"tagState": "tagged", "tagPrefixes": [prefix], "olderThan": f"{days}d"}
    return [
        {"name": "a", "action": {"type": "Delete"}, "condition": old | more},
        {"name": "b", "action": {"type": "Delete"}, "condition": {"tagState": "untagged", "olderThan": f"{untagged}d"}},
        {"name": "c", "action": {"type": "Keep"}, "condition": {"tagState": "tagged", "tagPrefixes": [keep]}},
        {"name": "d", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": newest}},
    ]


@settings(max_examples=30, deadline=None, phases=FOUND)
@given(
    words=st.permutations(["exp-", "candidate-", "wip.", "v"]),
    numbers=st.tuples(st.integers(2, 400), st.integers(2, 400), st.integers(2, 20)),
    which=st.integers(0, 2),
    change=st.sampled_from([-1, 1, "shorter", "longer", "package", "digest", "stale"]),
)
def test_two_cleanup_policies_that_differ_by_one_are_told_apart(words, numbers, which, change):
    prefix, keep, *_ = words
    policy = cleanup(prefix, keep, *numbers)
    if isinstance(change, int):
        other = cleanup(prefix, keep, *(n + change * (place == which) for place, n in enumerate(numbers)))
    elif change in ("shorter", "longer"):
        changed = [w[:-1] if change == "shorter" and len(w) > 1 else f"{w}x" for w in (prefix, keep)]
        other = cleanup(*((changed[0], keep) if which else (prefix, changed[1])), *numbers)
    else:
        more: dict[str, Any] = {
            "package": {"packageNamePrefixes": ["ml-"]},
            "digest": {"versionNamePrefixes": ["sha256:abc"]},
            "stale": {"moreStaleThan": f"{numbers[0]}d"},
        }[change]
        other = cleanup(prefix, keep, *numbers, **more)
    assert gar_apart(policy, other, behind=numbers[2]) is not None
    assert gar_apart(policy, policy[::-1], behind=numbers[2]) is None


def purge_apart(one: str, other: str) -> boundaries.Case | None:
    first, second = parse_purge(one), parse_purge(other)
    tried = boundaries_acr.cases(first, second)
    assert not tried.cut
    evaluate = acr_purge.evaluate
    return next((c for c in tried.cases if fates(evaluate, first, c) != fates(evaluate, second, c)), None)


def purge(name: str = "team/ml", tag: str = "^exp-[0-9]+$", ago: str = "30d", more: str = "") -> str:
    return f"acr purge --filter '{name}:{tag}' --ago {ago} --untagged {more}"


@settings(max_examples=30, deadline=None, phases=FOUND)
@given(
    prefix=st.sampled_from(["exp-", "v", "ci.x_", "a"]),
    days=st.integers(2, 90),
    change=st.sampled_from(
        ["^P[0-9]*$", "P[0-9]+$", "^P[0-9]+", "^P[0-9]{1,4}$", "^P[0-9]{2,}$", "^P[1-9][0-9]*$", "^P[0-8]+$",
         "^P[0-9]+x?$", "^P[0-9.]+$", "^(?i)P[0-9]+$", "^P[0-9]+$|^x$", "^P(?!7$)[0-9]+$", "^P[0-9]+[^-]?$"]
    ),
)  # fmt: skip
def test_two_expressions_that_differ_are_told_apart(prefix, days, change):
    escaped = re.escape(prefix)
    plain = purge(tag=f"^{escaped}[0-9]+$", ago=f"{days}d")
    assert purge_apart(plain, purge(tag=change.replace("P", escaped), ago=f"{days}d")) is not None
    assert purge_apart(plain, purge(tag=f"^{escaped}[0-9][0-9]*$", ago=f"{days * 24}h")) is None


@pytest.mark.parametrize(
    "other",
    [
        purge(ago="29d"), purge(ago="31d"), purge(ago="30d1m"), purge("team/.*"), purge("team/ml.*"), purge(".*ml"),
        purge("team/ml|other/x"), purge(more="--keep 3"), purge(more="--include-locked"),
        purge(more="--filter 'other/x:^exp-[0-9]+$'"), purge().replace("--untagged", ""),
        purge().replace("--untagged", "--untagged-only"),
    ],
)  # fmt: skip
def test_two_purges_that_differ_are_told_apart(other):
    assert purge_apart(purge(), other) is not None


def test_a_repository_that_is_an_expression_only_between_its_anchors():
    assert purge_apart(purge(), purge("*a.*")) is not None


def test_ages_lie_just_beside_each_number():
    assert boundaries.ages([30, 365]) == [0.5, 29.5, 30.5, 364.5, 365.5]
    assert boundaries.ages([29, 30, 31]) == [0.5, 28.5, 29.5, 30.5, 31.5]
    assert boundaries.ages([30, 30 + 1 / 24])[2] == pytest.approx(30 + 1 / 48)
    assert boundaries.ages([36500]) == [1.0] == boundaries.ages([])


@pytest.mark.parametrize("days", [0.5, 1, 6 / 24, 30.5, 30 + 1 / 1440, 364.5])
def test_ages_are_told_as_exactly_as_they_matter(days):
    told = {0.5: "12 hours", 1: "1 day", 6 / 24: "6 hours", 30.5: "30.5 days", 364.5: "364.5 days"}
    assert compared.age(days) == told.get(days, "30 days and 1 minute")


def test_an_image_in_words():
    case = (Held(("v-7", "x"), 1), Held((), 2), Held(("dev-7",), 30.5, "team/ml", locked=True))
    assert compared.in_words(case, 2) == (
        "an image with the locked tag dev-7, 30.5 days old, in team/ml, behind 2 newer images (v-7 and x)"
    )
    assert compared.in_words(case, 1) == "an image without a tag, 2 days old, behind 1 newer image (v-7 and x)"


# -- limits ----------------------------------------------------------------------------------------------------------

LONG = [rule(n + 1, [f"{n:02}{'ab*' * 3}{k:03}" for k in range(25)], days=n + 1) for n in range(50)]
MANY = [rule(n + 1, [f"k{n}-*"], count=n + 400) for n in range(50)]


@pytest.mark.parametrize("rules", [LONG, MANY], ids=["many patterns", "large counts"])
def test_a_policy_that_names_too_much_is_cut_and_says_so(rules):
    theirs = ecr_validate.parse_document({"rules": rules})
    ours = ecr_validate.parse_document({"rules": [rule(1, ["dev-*"], days=30)]})
    began = time.process_time()
    tried = boundaries.cases(boundaries.of_ecr(ours), boundaries.of_ecr(theirs), indexes=True)
    for case in tried.cases:
        fates(ecr.evaluate, theirs, case)
    assert time.process_time() - began < 3
    assert len(tried.cases) <= boundaries.MAX_CASES and tried.cut
    assert tried.words.startswith("It names so much that not every case could be tried: ")


def test_a_purge_that_names_too_much_is_cut():
    filters = " ".join(f"-f 'team/ml:^exp-[0-9]{{{n}}}$'" for n in range(1, 50))
    theirs = parse_purge(f"acr purge {filters} --ago 30d --untagged")
    began = time.process_time()
    tried = boundaries_acr.cases(parse_purge(purge()), theirs)
    apart = [c for c in tried.cases if len(set(c[0].tags[-1:])) and len(c[0].tags[0]) > 53]
    assert tried.cut and apart, "fifty digits are what the filters leave out"
    assert time.process_time() - began < 2


CASES = """
from autograder.domain.retention import boundaries_acr
from autograder.domain.retention.acr_command import parse_purge
one, two = (parse_purge(f"acr purge --filter 'team/ml:{tag}' --ago 30d") for tag in ("^a-[0-9]+$", "a[-.x][0-8]*"))
print(boundaries_acr.cases(one, two))
"""


@pytest.mark.slow
def test_the_cases_are_the_same_everywhere():
    shown = {
        subprocess.run(
            [sys.executable, "-c", CASES], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(shown) == 1


def test_the_distance_of_ages_is_a_second_at_least():
    close = [30, 30 + timedelta(microseconds=5) / timedelta(days=1)]
    assert boundaries.ages(close) == [0.5, 29.5, 30.5]
