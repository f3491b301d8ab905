"""What ACR's three clean-up mechanisms do to images: ``acr purge``, the retention policy, soft delete.

The rules are in :mod:`autograder.domain.retention.acr_rules`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from autograder.domain.retention import acr_purge, acr_rules, graph
from autograder.domain.retention.acr_policy import AcrPolicy, Retention
from autograder.domain.retention.durations import age_text
from autograder.domain.retention.model import Action, Image, Preview, Result

RETENTION, SOFT_DELETE = "retentionPolicy", "softDeletePolicy"
DRY_RUN = "--dry-run is set: acr purge only lists what it would remove"
NO_TAG_DATA = (
    "the list holds no times and no locks of single tags: the manifests' lastUpdateTime stands for theirs, and a "
    "locked tag is not seen; add the output of az acr repository show-tags --detail"
)
NO_REPOSITORY = "the images come without a repository, so every filter is taken to name theirs"
TYPE_OPEN = "the media type is not known; the retention policy removes Docker media types only"
DELETED_OPEN = "it is soft-deleted, and the policy does not say for how many days such images are kept"


def evaluate(policy: AcrPolicy, images: Sequence[Image], now: datetime) -> Preview:
    """Evaluate a valid policy once.

    Args:
        policy: from :func:`autograder.domain.retention.acr_policy.parse`.
        images: the images; counts are per repository.
        now: the aware time of the evaluation.
    """
    live = [position for position, image in enumerate(images) if image.deleted is None]
    results = [_soft_deleted(policy, image, now) for image in images]
    if policy.purge is not None:
        purged = acr_purge.evaluate(policy.purge, [images[position] for position in live], now)
        for position, result in zip(live, purged, strict=True):
            results[position] = result
    missed: list[Image] = []
    if policy.retention is not None:
        for group in graph.by_repository(images):
            repository = [position for position in group if images[position].deleted is None]
            missed += _retain(policy, repository, images, results, now)
    if policy.soft_delete_days is not None:
        for position in live:
            if results[position].action is Action.EXPIRE:
                results[position] = _recoverable(results[position], policy.soft_delete_days)
    dry_run = policy.purge is not None and policy.purge.dry_run
    return Preview(tuple(results), dry_run, tuple(_notes(policy, images, missed)))


def _soft_deleted(policy: AcrPolicy, image: Image, now: datetime) -> Result:
    """The result of a soft-deleted image; for a live one what holds as long as no mechanism concerns it."""
    days = policy.soft_delete_days
    if image.deleted is None:
        return _result(image, Action.KEEP, None, "no mechanism of this policy removes it")
    if days is None:
        return _result(image, Action.KEEP, None, "it is soft-deleted", DELETED_OPEN)
    age = age_text(now, image.deleted)
    if acr_rules.soft_delete_is_over(image.deleted, days, now):
        return _result(
            image, Action.EXPIRE, SOFT_DELETE, f"it was deleted {age} ago, and soft delete keeps {days} days"
        )
    why = f"it was deleted {age} ago and can be restored until {days} days are over"
    return _result(image, Action.KEEP, SOFT_DELETE, why)


def _retain(
    policy: AcrPolicy, repository: Sequence[int], images: Sequence[Image], results: list[Result], now: datetime
) -> list[Image]:
    """Apply the retention policy to one repository; returns the images it would take but for their media type."""
    assert policy.retention is not None
    inside = [images[position] for position in repository]
    parents = graph.parents(inside)
    content_unknown = graph.has_unknown_children(inside)
    missed = []
    for number, position in enumerate(repository):
        if results[position].action is Action.EXPIRE or results[position].tags_removed:
            continue
        image = images[position]
        reason = _reason_to_stay(policy.retention, image, [inside[parent] for parent in parents.get(number, ())], now)
        if reason is None and image.media_type and not acr_rules.retention_sees(image):
            missed.append(image)
            reason = f"the retention policy does not see its media type, {image.media_type}"
        if reason is None and image.media_type:
            age, days = age_text(now, acr_rules.manifest_time(image)), policy.retention.days
            why = f"it is untagged and was updated {age} ago; the retention policy keeps such images for {days} days"
            note = graph.UNKNOWN_CHILDREN if content_unknown else ""
            results[position] = _result(image, Action.EXPIRE, RETENTION, why, note)
        elif reason is None:
            results[position] = _result(image, Action.KEEP, None, "it is untagged and old enough", TYPE_OPEN)
        elif policy.purge is None:
            results[position] = _result(image, Action.KEEP, None, reason)
    return missed


def _reason_to_stay(retention: Retention, image: Image, holders: Sequence[Image], now: datetime) -> str | None:
    """Why the retention policy leaves an image, media types aside; ``None`` when it is due."""
    if image.tags:
        return "it has tags, and the retention policy removes untagged images only"
    if holders:
        return f"the index {graph.index_name(holders)} refers to it"
    if acr_rules.retention_lock(image):
        return "it is locked against deletion"
    if not acr_rules.retention_concerns(image, retention.since):
        return "it was untagged before the retention policy was enabled, which leaves such images alone"
    if not acr_rules.retention_is_due(image, retention.days, now):
        age = age_text(now, acr_rules.manifest_time(image))
        return f"it was updated {age} ago, and the retention policy waits {retention.days} days"
    return None


def _recoverable(result: Result, days: int) -> Result:
    note = f"soft delete keeps it for {days} days: it can be restored, and is billed, until then"
    return replace(result, note=f"{result.note}; {note}" if result.note else note)


def _notes(policy: AcrPolicy, images: Sequence[Image], missed: Sequence[Image]) -> list[str]:
    notes = [DRY_RUN] if policy.purge is not None and policy.purge.dry_run else []
    if policy.purge is not None and policy.purge.filters and any(not image.repository for image in images):
        notes.append(NO_REPOSITORY)
    if policy.purge is not None and not policy.purge.untagged_only:
        tagged = [image for image in images if image.tags and image.updated is not None]
        if tagged and not any(image.tag_times for image in tagged):
            notes.append(NO_TAG_DATA)
    if missed:
        size = sum(image.size or 0 for image in missed)
        notes.append(
            f"{len(missed)} untagged image{'s' if len(missed) > 1 else ''} ({size:,} bytes) would be due, but the "
            "retention policy only removes Docker media types; acr purge --untagged removes OCI ones too"
        )
    if policy.soft_delete_days is not None and policy.purge is None:
        notes.append("soft delete removes no live image: it keeps deleted ones restorable, and billed")
    return notes


def _result(image: Image, action: Action, rule: str | None, why: str, note: str = "") -> Result:
    return Result(image.digest, action, rule, why, undecided=bool(note), note=note, repository=image.repository)
