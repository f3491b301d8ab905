"""The rules that an ECR lifecycle policy must meet as a whole, across its rules.

Each check takes the rules that are objects, with their paths, and yields errors; a rule that is wrong in itself is
judged as far as it can be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograder.domain.retention.model import PolicyError

Rules = Sequence[tuple[str, dict[str, Any]]]

ONE_UNTAGGED = "Only one rule can select Untagged images per storage class."
ANY_LAST = "Rule for tagStatus=ANY must have the lowest priority per storage class"


def check_unique_priorities(rules: Rules) -> Iterator[PolicyError]:
    """Every ``rulePriority`` is used once.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (rulePriority).
    """
    first: dict[int, str] = {}
    for path, rule in rules:
        priority = _priority(rule)
        if priority is None:
            continue
        if priority in first:
            text = f"rulePriority {priority} is already used by {first[priority]}; each rule needs its own"
            yield PolicyError(f"{path}.rulePriority", text)
        first.setdefault(priority, path)


def check_one_untagged(rules: Rules) -> Iterator[PolicyError]:
    """At most one rule of each storage class selects untagged images.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    first: dict[str, str] = {}
    for path, rule in rules:
        if _selection(rule).get("tagStatus") != "untagged":
            continue
        storage = _storage_class(rule)
        if storage in first:
            text = f"{first[storage]} already selects the untagged images of the {storage} class"
            yield PolicyError(f"{path}.selection.tagStatus", text, ONE_UNTAGGED)
        first.setdefault(storage, path)


def check_any_last(rules: Rules) -> Iterator[PolicyError]:
    """A rule with tagStatus ``any`` has the highest ``rulePriority`` of its storage class, so there is one at most.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html (rulePriority).
    """
    last: defaultdict[str, tuple[int, str]] = defaultdict(lambda: (0, ""))
    for path, rule in rules:
        priority = _priority(rule)
        if priority is not None:
            storage = _storage_class(rule)
            last[storage] = max(last[storage], (priority, path))
    for path, rule in rules:
        priority, storage = _priority(rule), _storage_class(rule)
        if _selection(rule).get("tagStatus") != "any" or priority is None or priority >= last[storage][0]:
            continue
        text = (
            f"a rule with tagStatus any must have the highest rulePriority of its storage class ({storage}), "
            f"but {last[storage][1]} has {last[storage][0]}"
        )
        yield PolicyError(f"{path}.rulePriority", text, ANY_LAST)


def check_unique_prefixes(rules: Rules) -> Iterator[PolicyError]:
    """No two rules of a storage class have the same set of tag prefixes.

    The documentation asks for "a unique set of tag prefixes" and leaves open whether overlaps are errors too; only
    equal sets are reported.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    """
    first: dict[tuple[str, frozenset[str]], str] = {}
    for path, rule in rules:
        prefixes = _selection(rule).get("tagPrefixList")
        if not isinstance(prefixes, list) or not prefixes or not all(isinstance(prefix, str) for prefix in prefixes):
            continue
        key = (_storage_class(rule), frozenset(prefixes))
        if key in first:
            text = f"{first[key]} has the same prefixes for the {key[0]} class; rules need different ones"
            yield PolicyError(f"{path}.selection.tagPrefixList", text)
        first.setdefault(key, path)


WHOLE_POLICY_CHECKS: list[Callable[[Rules], Iterator[PolicyError]]] = [
    check_unique_priorities,
    check_one_untagged,
    check_any_last,
    check_unique_prefixes,
]


def _priority(rule: dict[str, Any]) -> int | None:
    priority = rule.get("rulePriority")
    return priority if isinstance(priority, int) and not isinstance(priority, bool) else None


def _selection(rule: dict[str, Any]) -> dict[str, Any]:
    selection = rule.get("selection")
    return selection if isinstance(selection, dict) else {}


def _storage_class(rule: dict[str, Any]) -> str:
    return "archive" if _selection(rule).get("storageClass") == "archive" else "standard"
