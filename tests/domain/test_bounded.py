"""What is held against a pattern, or read by one, takes no longer for a text that is made for it.

The languages of patterns have their own tests in tests/domain/regex; here are the readers and matchers around them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autograder.domain import access_policy, references, tags
from autograder.domain.github_actions.javascript import match
from autograder.domain.metadata_action import Context, Inputs, preview, versions
from autograder.domain.metadata_action.rules import parse_rule
from autograder.domain.retention import Image, durations, gar_rules, patterns
from autograder.domain.retention.acr_command import split_filter
from autograder.emulators.hub import tag_rules
from autograder.pipelines import conditions, gitlab
from autograder.pipelines.job_state import Unsupported

A = "a" * 20_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)
IMAGES = [Image(f"sha256:{number:064x}", NOW - timedelta(days=1), (f"{'a' * 120}-{number}",)) for number in range(100)]


def index(entry: str) -> set[int]:
    return patterns.TagIndex(IMAGES).positions(entry, patterns.pattern_matcher(entry))


def metadata(rule: str) -> Any:
    run = Context("push", f"refs/tags/v{'1' * 200}", "a" * 40, NOW, {"repository": {"default_branch": "main"}})
    return preview(Inputs("app", rule), run)


COMPARISONS = "||".join(["$A=~$P"] * 60)


CASES: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("ECR tagPatternList", lambda: patterns.pattern_matcher("a*" * 4 + "b")(A), ()),
    ("ECR tagPatternList, longer", lambda: patterns.pattern_matcher("*" + "ab" * 500 + "*a*b")(A), ()),
    ("ECR tagPatternList, many tags", index, ("*a*a*a*b",)),
    ("ECR tagPrefixList", lambda: patterns.prefix_matcher(A + "b")(A), ()),
    ("Artifact Registry prefixes", gar_rules.any_prefix, (gar_rules.Prefixes(["a" * 999 + "b"] * 100), [A] * 100)),
    ("IAM wildcards", access_policy.wildcard, ("*a" * 50 + "b", A[:5_000])),
    ("acr purge: the colon", split_filter, ("a:" + "(?:a:" * 300,)),
    ("acr purge --ago", durations.go_duration, ("1" * 20_000,)),
    ("acr purge --ago, parts", durations.go_duration, ("1d" + "1h" * 5_000 + "x",)),
    ("olderThan", durations.gcloud_duration, ("1" * 20_000 + "x",)),
    ("olderThan, parts", durations.gcloud_duration, ("1d" * 5_000 + "!",)),
    ("semver", versions.semver_values, ("1.0.0-" + "1a" * 10_000 + "!",)),
    ("semver, numbers", versions.semver_values, ("1" * 200 + ".",)),
    ("PEP 440", versions.read_pep440, ("1" * 20_000 + "!",)),
    ("PEP 440, releases", versions.read_pep440, ("1." * 450 + "x",)),
    ("semver of the kit", tags.parse_version, ("1.0.0-" + "a." * 5_000 + "!",)),
    ("references", references.parse, ("a/" * 5_000 + "!",)),
    ("references, hosts", references.parse, ("a-" * 5_000 + "/a",)),
    ("type=match", match, ("(a|aa)+$", "", "a" * 900 + "!")),
    ("type=match in a rule", metadata, ("type=match,pattern=(1+)+x",)),
    ("type=semver,match", metadata, ("type=semver,pattern={{version}},match=v(1+1+)+x",)),
    ("many rules", metadata, ("type=match,pattern=(1*)*x\n" * 200,)),
    ("GitLab's rules:if", conditions.holds, (COMPARISONS, {"A": A[:1_000], "P": "/(?:(?:a?){30}){30}c/"})),
    ("GitLab's rules:if, a long text", conditions.holds, (COMPARISONS, {"A": A, "P": "/^(?:(?:a|b){1,60})*c/"})),
    ("GitLab's rules:if, a long pattern", conditions.holds, (COMPARISONS, {"A": "a", "P": f"/{A}/"})),
    ("Docker Hub's rules", tag_rules.fault, ("[" + "[:" * 20_000,)),
    ("Docker Hub's rules, stored", tag_rules.covers, ("[" + "[:" * 20_000, "v1")),
    ("a rule's fields", parse_rule, ("type=raw,value=" + '"a""' * 2_000,)),
]


@pytest.mark.parametrize(("call", "arguments"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_nothing_takes_long(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    began = time.process_time()
    try:
        call(*arguments)
    except ValueError as refused:  # refusing it is an answer too
        assert str(refused)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("ab" * 500, "^(?:(?:a|b){1,60})*c"),
        ("ab" * 500, "(?:(?:a|b){1,900})*c"),  # too large
        ("ab" * 500, "(?:(?:a?){30}){30}c"),
        ("".join(map(chr, range(200, 1_200))), "[" + "ab" * 490 + "]c"),  # one class, asked about every character
        ("".join(map(chr, range(200, 1_200))), "." * 990 + "$"),
        ("a" * 1_000, r"(\b|\B)" * 140 + "c"),
        ("", "a{900}b{900}c{900}"),
    ],
    ids=["a loop", "too large", "nothing repeated", "a large class", "many characters", "assertions", "no text"],
)
def test_no_pipeline_of_gitlab_takes_long(value: str, pattern: str) -> None:
    """The largest file: 40 jobs with 37 rules each, which hold 88,800 comparisons."""
    rules = [{"if": COMPARISONS}] * 37
    jobs = {f"job{number}": {"script": ["true"], "rules": rules} for number in range(40)}
    began = time.process_time()
    with pytest.raises(Unsupported):
        gitlab.pipeline({"variables": {"A": value, "P": f"/{pattern}/"}, **jobs}, {})
    assert time.process_time() - began < 5
