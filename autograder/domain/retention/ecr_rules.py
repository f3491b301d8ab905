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


def counted(seen: list[int], claimed: Sequence[Rule | None]) -> list[int]:
    """The images that take part in a rule's ranking: all it sees, also those a higher rule has claimed.

    Args:
        seen: what the rule sees, newest first.
        claimed: for each image the higher rule that saw it first, if any; it changes nothing here.

    Source: LifecyclePolicies ("can still identify them as if they haven't been expired").
    """
    return seen


def over_count(rule: Rule, ranked: Sequence[int]) -> Sequence[int]:
    """What ``imageCountMoreThan`` marks: all but the newest N. Source: properties (countType)."""
    return ranked[rule.count_number :]


def is_older(moment: datetime, limit: datetime) -> bool:
    """Whether a moment lies before the limit N days ago: strictly, exactly N days is not "older than N days".

    Source: the printed result of examples, "Filtering on all images", Example B.
    """
    return moment < limit


def pushed_time(image: Image) -> datetime:
    """What ``sinceImagePushed`` counts from: the push, never a later tag.

    Source: LifecyclePolicies (pushed_at_time), https://github.com/aws/containers-roadmap/issues/2746
    """
    return image.pushed


def pull_time(image: Image) -> datetime:
    """What ``sinceImagePulled`` counts from: the last pull; restored since: the restore; never pulled: the push.

    Source: LifecyclePolicies (last_recorded_pulltime, last_activated_at).
    """
    times = [moment for moment in (image.pulled, image.restored) if moment is not None]
    return max(times, default=image.pushed)


def archive_time(image: Image) -> datetime | None:
    """What ``sinceImageTransitioned`` counts from: the last move to the archive. Source: LifecyclePolicies."""
    return image.archived


COUNTS_FROM: dict[str, Callable[[Image], datetime | None]] = {
    "sinceImagePushed": lambda image: pushed_time(image),
    "sinceImagePulled": lambda image: pull_time(image),
    "sinceImageTransitioned": lambda image: archive_time(image),
}


def over_age(rule: Rule, images: Sequence[Image], seen: Iterable[int], now: datetime) -> list[int]:
    """What the three ``since...`` kinds mark: the images seen whose time lies more than N days back.

    An image without that time (archived at an unknown moment) is not marked. Source: properties (countType).
    """
    since, limit = COUNTS_FROM[rule.count_type], days_before(now, rule.count_number)
    moments = ((position, since(images[position])) for position in seen)
    return [position for position, moment in moments if moment is not None and is_older(moment, limit)]


def shielded(seen: Sequence[int], marked: Sequence[int]) -> Sequence[int]:
    """The images that are out of reach for every lower rule: all that the rule has *seen*, also those it keeps.

    Args:
        seen: what the rule sees.
        marked: the part of it that its count condition marks; it changes nothing here.

    Source: LifecyclePolicies ("an image that matches the tagging requirements of a rule cannot be expired by a rule
    with a lower priority").
    """
    return seen


def protects_child(index: Image, action: Action) -> bool:
    """Whether an index keeps an image it refers to from ``action``.

    The index has to be deleted (or archived) first, so cleaning up a multi-platform image takes two rounds.

    Source: LifecyclePolicies ("If an image is referenced by a manifest list, it cannot be expired or archived without
    the manifest list being deleted or archived first").
    """
    return action is Action.EXPIRE or not index.archived_class


def follows_subject(image: Image) -> str | None:
    """The digest whose fate a reference artifact (signature, SBOM) shares within 24 hours; ``None``: its own fate.

    Source: LifecyclePolicies (reference artifacts).
    """
    return image.subject
