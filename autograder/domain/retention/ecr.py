"""What an Amazon ECR lifecycle policy does to images, in one evaluation (what a lifecycle policy preview lists).

The rules are in :mod:`autograder.domain.retention.ecr_rules`, the words in :mod:`autograder.domain.retention.ecr_why`.
Cost: each rule walks the images it sees once, so at most images x rules, in memory linear in the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from autograder.domain.retention import ecr_rules, ecr_why, graph
from autograder.domain.retention.ecr_counts import COUNT_TYPES
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.model import Image, Preview, Result
from autograder.domain.retention.patterns import TagIndex


@dataclass(slots=True)
class Verdicts:
    """What the rules say about the images of one repository, by position, before indexes and subjects are looked at.

    Attributes:
        claimed: the first rule that saw the image.
        acts: the rule that would act on it.
        place: its place in the ranking of the count rule that saw it first, from 1.
        blocked: the first lower rule that would have acted but for ``claimed``.
        count_open: images whose fate hangs on whether children of indexes and reference artifacts take places.
        idle: rules that see no image at all.
    """

    claimed: list[Rule | None]
    acts: dict[int, Rule] = field(default_factory=dict)
    place: dict[int, int] = field(default_factory=dict)
    blocked: dict[int, Rule] = field(default_factory=dict)
    count_open: set[int] = field(default_factory=set)
    idle: list[Rule] = field(default_factory=list)


def evaluate(rules: Sequence[Rule], images: Sequence[Image], now: datetime) -> Preview:
    """Evaluate a valid policy once.

    Args:
        rules: from :func:`autograder.domain.retention.ecr_validate.parse`.
        images: the images, oldest listed first where push times are equal; those of several repositories are
            evaluated apart, as each repository has its own policy.
        now: the aware time of the evaluation.

    Returns:
        One result per image. An image whose fate the documentation leaves open is marked ``undecided``.
    """
    results: dict[int, Result] = {}
    idle: list[set[int]] = []
    groups = graph.by_repository(images) or [[]]
    for group in groups:
        repository = [images[position] for position in group]
        verdicts = apply_rules(rules, repository, now)
        idle.append({rule.priority for rule in verdicts.idle})
        for position, result in zip(group, _decide(verdicts, repository, now), strict=True):
            results[position] = result
    idle_everywhere = set.intersection(*idle)
    notes = tuple(
        ecr_why.idle_note(rule) for rule in ecr_rules.in_order(rules) if images and rule.priority in idle_everywhere
    )
    return Preview(tuple(results[position] for position in range(len(images))), notes=notes)


def apply_rules(rules: Sequence[Rule], images: Sequence[Image], now: datetime) -> Verdicts:
    """Apply the rules to the images of one repository, by priority.

    Every rule is evaluated against the whole repository, so its ranking counts the images that a higher rule claimed
    as well ("can still identify them as if they haven't been expired"). Then it acts on what it marks, except on what
    a higher rule has *seen*, and be it to keep it ("an image that matches the tagging requirements of a rule cannot be
    expired by a rule with a lower priority").

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html (evaluation rules).
    """
    order = ecr_rules.newest_first(images)
    tags = TagIndex(images)
    unsure_places = graph.unsure_places(images)
    verdicts = Verdicts(claimed=[None] * len(images))
    claimed = verdicts.claimed
    for rule in ecr_rules.in_order(rules):
        seen = _sees(rule, images, order, tags)
        if not seen:
            verdicts.idle.append(rule)
            continue
        since = COUNT_TYPES[rule.count_type].since
        if since is not None:
            marked: Sequence[int] = ecr_rules.over_age(rule, since, images, seen, now)
        else:
            marked = ecr_rules.over_count(rule, seen)
            for place, position in enumerate(seen, 1):
                if claimed[position] is None:
                    verdicts.place[position] = place
            if marked and unsure_places:
                without = [position for position in seen if position not in unsure_places]
                surely = set(ecr_rules.over_count(rule, without))
                verdicts.count_open |= {p for p in marked if p not in surely and claimed[p] is None}
        for position in marked:
            if claimed[position] is None:
                verdicts.acts.setdefault(position, rule)
            else:
                verdicts.blocked.setdefault(position, rule)
        for position in seen:
            if claimed[position] is None:
                claimed[position] = rule
    return verdicts


def _sees(rule: Rule, images: Sequence[Image], order: Sequence[int], tags: TagIndex) -> list[int]:
    """The positions of the images that meet a rule's storage class and tag conditions, newest first."""
    if rule.patterns or rule.prefixes:
        by_entry = [tags.positions(entry, matches) for entry, matches in ecr_rules.tag_tests(rule)]
        fitting = ecr_rules.match_all_entries(by_entry)
        seen = [position for position in order if position in fitting]
    else:
        seen = [position for position in order if ecr_rules.has_tag_status(rule, images[position])]
    return [position for position in seen if ecr_rules.in_storage_class(rule, images[position])]


def _decide(verdicts: Verdicts, images: Sequence[Image], now: datetime) -> list[Result]:
    """The results for one repository: the rules' verdicts, then indexes protect and reference artifacts follow."""
    words = ecr_why.Words(verdicts.claimed, verdicts.place, verdicts.blocked, images, now)
    parents = graph.parents(images)
    content_unknown = graph.has_unknown_children(images)
    results: list[Result] = []
    for position, image in enumerate(images):
        rule = verdicts.acts.get(position)
        if rule is None:
            results.append(words.kept(position))
            continue
        holders = [images[p] for p in parents.get(position, ()) if ecr_rules.protects_child(images[p], rule.action)]
        if holders:
            results.append(words.held(position, rule, holders))
        elif content_unknown and not image.tags:
            results.append(words.acted(position, rule, graph.UNKNOWN_CHILDREN))
        elif position in verdicts.count_open:
            results.append(words.acted(position, rule, ecr_why.COUNT_OPEN))
        else:
            results.append(words.acted(position, rule))
    # A reference artifact (signature, SBOM) shares its subject's fate within 24 hours.
    # Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html (reference artifacts)
    graph.settle_followers(results, graph.subjects(images), words.follower)
    return results
