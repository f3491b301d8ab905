"""Break each documented rule in turn: at least one case must notice, or the cases do not cover the rule."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import pytest

from autograder.domain.retention import (
    acr_purge,
    acr_rules,
    artifact_registry,
    ecr,
    ecr_counts,
    ecr_rules,
    ecr_validate,
    ecr_whole,
    gar_rules,
    gar_validate,
    patterns,
)
from autograder.domain.retention.ecr_counts import COUNT_TYPES, CountType


def edited(function: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    """A function with one place of its source changed: rules that are a line of a function are broken there."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{function.__name__} has {old} {source.count(old)} times"
    names = dict(vars(sys.modules[function.__module__]))
    exec(compile(source.replace(old, new), inspect.getfile(function), "exec"), names)
    return names[function.__name__]


# (module, the rule's function, what breaks it, the broken function)
ECR: list[tuple[ModuleType, str, str, Callable[..., Any]]] = [
    (ecr_rules, "in_order", "document order", lambda rules: list(rules)),
    (ecr_rules, "in_order", "highest number first", lambda rules: sorted(rules, key=lambda rule: -rule.priority)),
    (ecr_rules, "ranking_time", "restores do not count", lambda image: image.pushed),
    (
        ecr_rules,
        "newest_first",
        "of a tie the earlier listed is newer",
        lambda images: sorted(range(len(images)), key=lambda p: (ecr_rules.ranking_time(images[p]), -p), reverse=True),
    ),
    (
        ecr_rules,
        "newest_first",
        "oldest first",
        lambda images: sorted(range(len(images)), key=lambda p: (ecr_rules.ranking_time(images[p]), p)),
    ),
    (ecr_rules, "in_storage_class", "every class", lambda rule, image: True),
    (ecr_rules, "in_storage_class", "always standard", lambda rule, image: not image.archived_class),
    (ecr_rules, "has_tag_status", "every status", lambda rule, image: True),
    (
        ecr_rules,
        "has_tag_status",
        "any means tagged",
        lambda rule, image: (rule.tag_status != "untagged") == bool(image.tags),
    ),
    (patterns, "pattern_matcher", "a beginning is enough", lambda p: lambda tag: tag.startswith(p.partition("*")[0])),
    (patterns, "pattern_matcher", "no wildcards", lambda pattern: lambda tag: tag == pattern),
    (patterns, "prefix_matcher", "the whole tag", lambda prefix: lambda tag: tag == prefix),
    (patterns, "prefix_matcher", "stars are wildcards", lambda prefix: patterns.pattern_matcher(f"{prefix}*")),
    (ecr_rules, "match_all_entries", "a list is an or", lambda matches: set.union(*matches)),
    (
        ecr,
        "apply_rules",
        "claimed images leave the ranking",
        edited(
            ecr.apply_rules,
            "marked = ecr_rules.over_count(rule, seen)",
            "marked = ecr_rules.over_count(rule, [p for p in seen if claimed[p] is None])",
        ),
    ),
    (ecr_rules, "over_count", "keeps one more", lambda rule, ranked: ranked[rule.count_number + 1 :]),
    (ecr_rules, "is_older", "exactly N days is older", lambda moment, limit: moment <= limit),
    (
        ecr,
        "apply_rules",
        "only marked images are out of reach",
        edited(ecr.apply_rules, "for position in seen:", "for position in marked:"),
    ),
    (
        ecr,
        "apply_rules",
        "nothing is out of reach",
        edited(ecr.apply_rules, "for position in seen:", "for position in ():"),
    ),
    (ecr_rules, "protects_child", "indexes protect nothing", lambda index, action: False),
    (ecr_rules, "protects_child", "archived ones protect all", lambda index, action: True),
    (ecr, "_decide", "artifacts follow nothing", edited(ecr._decide, "graph.subjects(images)", "{}")),
]
GAR: list[tuple[ModuleType, str, str, Callable[..., Any]]] = [
    (gar_rules, "has_tag_state", "every state", lambda condition, image: True),
    (gar_rules, "any_prefix", "every name", lambda prefixes, names: True),
    (
        gar_rules,
        "any_prefix",
        "all prefixes",
        lambda prefixes, names: all(any(name.startswith(prefix) for name in names) for prefix in prefixes),
    ),
    (
        gar_rules,
        "any_prefix",
        "anywhere in the name",
        lambda prefixes, names: not prefixes or any(prefix in name for name in names for prefix in prefixes),
    ),
    (gar_rules, "is_older", "every age", lambda condition, image, now: True),
    (
        gar_rules,
        "is_older",
        "the last tag counts",
        lambda condition, image, now: (
            condition.older_than is None or (image.updated or image.pushed) < now - condition.older_than
        ),
    ),
    (gar_rules, "is_newer", "every age", lambda condition, image, now: True),
    (gar_rules, "is_stale", "pulls do not count", lambda condition, image, now: True),
    (gar_rules, "concerns_package", "every package", lambda policy, package: True),
    (gar_rules, "newest_first", "in the order of the list", lambda images: list(range(len(images)))),
    (gar_rules, "most_recent", "one too few", lambda policy, ranked: ranked[: policy.keep_count - 1]),
    (gar_rules, "keep_beats_delete", "Delete wins", lambda kept, deleted: deleted),
    (gar_rules, "tag_forbids_delete", "tags may go", lambda policy, image: False),
    (
        artifact_registry,
        "_decide",
        "indexes protect nothing",
        edited(artifact_registry._decide, "elif holders:", "elif False:"),
    ),
]
ACR: list[tuple[ModuleType, str, str, Callable[..., Any]]] = [
    (acr_rules, "tag_matches", "every tag", lambda expressions, tag: True),
    (acr_rules, "tag_matches", "all filters", lambda expressions, tag: all(e.search(tag) for e in expressions)),
    (acr_rules, "is_old", "exactly --ago is old", lambda moment, now, ago: moment <= now - ago),
    (acr_rules, "is_old", "every age", lambda moment, now, ago: True),
    (acr_rules, "tag_is_locked", "locks do not count", lambda image, tag: False),
    (acr_rules, "keep_newest_tags", "none is spared", lambda eligible, keep: eligible),
    (acr_rules, "keep_newest_tags", "the oldest are spared", lambda eligible, keep: eligible[: len(eligible) - keep]),
    (acr_rules, "manifest_is_locked", "locks do not count", lambda image: False),
    (acr_rules, "loses_all_tags", "tags that go still hold", lambda image, removed: not image.tags),
    (acr_rules, "manifest_time", "the push counts", lambda image: image.pushed),
    (acr_rules, "refers_to_subject", "artifacts are as others", lambda image: False),
    (acr_rules, "protects_children", "indexes protect nothing", lambda image: False),
    (acr_rules, "keep_newest_manifests", "none is spared", lambda candidates, images, keep: candidates),
    (acr_rules, "retention_sees", "every media type", lambda image: True),
    (acr_rules, "retention_concerns", "from the beginning", lambda image, since: True),
    (acr_rules, "retention_is_due", "at once", lambda image, days, now: True),
    (acr_rules, "retention_lock", "locks do not count", lambda image: False),
    (acr_rules, "soft_delete_is_over", "at once", lambda deleted, days, now: True),
    (acr_rules, "soft_delete_is_over", "never", lambda deleted, days, now: False),
    (acr_purge, "repository_regex", "a part of the name", lambda item: acr_purge.compile_regex(item.repository)),
]
# count type -> what breaks its record, and the broken field
COUNTS: list[tuple[str, str, dict[str, Any]]] = [
    ("imageCountMoreThan", "it counts days", {"since": lambda image: image.pushed}),
    ("imageCountMoreThan", "it selects the archive", {"selects_archive": True}),
    ("sinceImagePushed", "it counts images", {"since": None}),
    ("sinceImagePushed", "the restore counts", {"since": lambda image: image.restored or image.pushed}),
    ("sinceImagePushed", "it selects the archive", {"selects_archive": True}),
    ("sinceImagePulled", "restores do not count", {"since": lambda image: image.pulled or image.pushed}),
    ("sinceImagePulled", "never pulled is as good as pulled", {"since": lambda image: image.pulled or image.restored}),
    ("sinceImagePulled", "it may expire", {"refused": {}}),
    ("sinceImageTransitioned", "the push counts", {"since": lambda image: image.pushed}),
    ("sinceImageTransitioned", "it selects what is not archived", {"selects_archive": False}),
    ("sinceImageTransitioned", "one day is enough", {"least_days": 1}),
    ("sinceImageTransitioned", "it may archive", {"refused": {}}),
]
LIMITS = [
    (ecr_validate, "MAX_WILDCARDS", 9),
    (gar_validate, "MAX_POLICIES", 99),
]
CHECKS = [("RULE_CHECKS", check) for check in ecr_validate.RULE_CHECKS] + [
    ("WHOLE_POLICY_CHECKS", check) for check in ecr_whole.WHOLE_POLICY_CHECKS
]


@pytest.mark.parametrize(
    ("module", "name", "how", "broken"),
    [*ECR, *GAR, *ACR],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_a_broken_rule_is_noticed(module, name, how, broken, monkeypatch, failing_cases):
    monkeypatch.setattr(module, name, broken)
    assert failing_cases() != []


@pytest.mark.parametrize(("name", "how", "broken"), COUNTS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_broken_count_type_is_noticed(name, how, broken, monkeypatch, failing_cases):
    monkeypatch.setitem(COUNT_TYPES, name, replace(COUNT_TYPES[name], **broken))
    assert failing_cases() != []


@pytest.mark.parametrize("name", COUNT_TYPES)
def test_a_missing_count_type_is_noticed(name, monkeypatch, failing_cases):
    monkeypatch.delitem(COUNT_TYPES, name)
    assert failing_cases() != []


@pytest.mark.parametrize(("table", "check"), CHECKS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_missing_check_of_a_policy_is_noticed(table, check, monkeypatch, failing_cases):
    remaining = [other for other in getattr(ecr_validate, table) if other is not check]
    monkeypatch.setattr(ecr_validate, table, remaining)
    assert failing_cases() != []


@pytest.mark.parametrize(("module", "name", "wrong"), LIMITS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_limit_is_noticed(module, name, wrong, monkeypatch, failing_cases):
    monkeypatch.setattr(module, name, wrong)
    assert failing_cases() != []


def test_without_a_break_no_case_fails(failing_cases):
    assert failing_cases() == []


def test_every_rule_is_broken_at_least_once():
    broken = {(module.__name__, name) for module, name, _, _ in [*ECR, *GAR, *ACR]}
    # meets() and the list of tag tests only combine other rules; tag_time is covered by the test of single tags' times.
    combined = {"meets", "tag_tests", "over_age", "tag_time"}
    for module in (ecr_rules, gar_rules, acr_rules):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and name not in combined:
                assert (module.__name__, name) in broken, name


def test_every_count_type_is_broken_wherever_it_says_something():
    """But for its words, which test_cases.py tests."""
    usual = CountType(source="")
    said = {
        (name, field.name)
        for name, count_type in COUNT_TYPES.items()
        for field in fields(CountType)
        if field.name not in ("source", "limit", "event")
        and getattr(count_type, field.name) != getattr(usual, field.name)
    }
    assert said <= {(name, field) for name, _, broken in COUNTS for field in broken}


def test_every_rule_names_its_source():
    functions = [
        function
        for module in (ecr_rules, ecr_counts, gar_rules, acr_rules, patterns)
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    ]
    assert len(functions) > 40
    for function in [*functions, *ecr_whole.WHOLE_POLICY_CHECKS]:
        assert "Source:" in (function.__doc__ or ""), function.__name__
    assert all(count_type.source for count_type in COUNT_TYPES.values())
    for module in (ecr_rules, gar_rules, acr_rules, ecr_validate, gar_validate):
        assert "https://" in (module.__doc__ or "")
