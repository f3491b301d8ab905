"""ECR's documented evaluation rules for lifecycle policies, one small function each with its source.

The evaluator in :mod:`autograder.domain.retention.ecr` only puts these together. Sources, by the names used below:

- *LifecyclePolicies*: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
- *properties*: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
- *examples*: https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_examples.html
- *archive*: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from autograder.domain.retention import patterns
from autograder.domain.retention.durations import days_before
from autograder.domain.retention.model import Action, Image


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a valid lifecycle policy, with the names of the document.

    ``patterns`` and ``prefixes`` hold ``tagPatternList`` and ``tagPrefixList``; at most one of them is not empty.
    ``count_type`` is a key of :data:`autograder.domain.retention.ecr_counts.COUNT_TYPES`.
    """

    priority: int
    tag_status: str
    count_type: str
    count_number: int
    action: Action
    description: str = ""
    patterns: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    archived_class: bool = False


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """The rules as they are applied: by rising ``rulePriority``, whatever their order in the document.

    Source: properties (rulePriority: "lowest to highest").
    """
    return sorted(rules, key=lambda rule: rule.priority)


def ranking_time(image: Image) -> datetime:
    """The time by which images are ranked: the push, or the restore for an image that came back from the archive.

    Source: LifecyclePolicies (evaluation rules); adding a tag changes neither.
    """
    return image.restored or image.pushed


def newest_first(images: Sequence[Image]) -> list[int]:
    """The positions of the images from youngest to oldest; of two equally old ones the later listed is the younger.

    Source: LifecyclePolicies ("sorted from youngest to oldest"); the tie follows from the printed result of
    examples, "Filtering on all images", Example B.
    """
    return sorted(range(len(images)), key=lambda position: (ranking_time(images[position]), position), reverse=True)


def in_storage_class(rule: Rule, image: Image) -> bool:
    """Whether a rule looks at images of this image's storage class; without ``storageClass`` that is *standard*.

    Source: properties (storageClass).
    """
    return rule.archived_class == image.archived_class


def has_tag_status(rule: Rule, image: Image) -> bool:
    """Whether an image is tagged, untagged or either, as the rule asks. Source: properties (tagStatus)."""
    return rule.tag_status == "any" or (rule.tag_status == "tagged") == bool(image.tags)


def tag_tests(rule: Rule) -> list[tuple[str, patterns.Matcher]]:
    """The entries of a rule's tag list, each with the test a tag must pass. Source: properties (both lists)."""
    if rule.patterns:
        return [(entry, patterns.pattern_matcher(entry)) for entry in rule.patterns]
    return [(entry, patterns.prefix_matcher(entry)) for entry in rule.prefixes]


def match_all_entries(matches: Sequence[set[int]]) -> set[int]:
    """The images that meet a tag list, given those that meet each entry: a list is an *and*.

    Every entry must match some tag of the image; one tag may serve several entries.

    Source: LifecyclePolicies ("if all of the tags in the tagPatternList value are matched against any of the image's
    tags").
    """
    return set.intersection(*matches)


def over_count(rule: Rule, ranked: Sequence[int]) -> Sequence[int]:
    """What ``imageCountMoreThan`` marks: all but the newest N. Source: properties (countType)."""
    return ranked[rule.count_number :]


def is_older(moment: datetime, limit: datetime) -> bool:
    """Whether a moment lies before the limit N days ago: strictly, exactly N days is not "older than N days".

    Source: the printed result of examples, "Filtering on all images", Example B.
    """
    return moment < limit


def over_age(
    rule: Rule, since: Callable[[Image], datetime | None], images: Sequence[Image], seen: Iterable[int], now: datetime
) -> list[int]:
    """What the types that count days mark: the images seen whose time lies more than N days back.

    An image without that time (archived at an unknown moment) is not marked. Source: properties (countType).
    """
    limit = days_before(now, rule.count_number)
    moments = ((position, since(images[position])) for position in seen)
    return [position for position, moment in moments if moment is not None and is_older(moment, limit)]


def protects_child(index: Image, action: Action) -> bool:
    """Whether an index keeps an image it refers to from ``action``.

    The index has to be deleted (or archived) first, so cleaning up a multi-platform image takes two rounds.

    Source: LifecyclePolicies ("If an image is referenced by a manifest list, it cannot be expired or archived without
    the manifest list being deleted or archived first").
    """
    return action is Action.EXPIRE or not index.archived_class
