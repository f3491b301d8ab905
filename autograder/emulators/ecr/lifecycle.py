"""Lifecycle policies at work: what a preview lists, and what goes overnight when the emulator's clock is moved on.

ECR acts within 24 hours; here every day that the clock is advanced ends with a night. The rules themselves are
:mod:`autograder.domain.retention.ecr`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autograder.domain.retention import ecr
from autograder.domain.retention.ecr_rules import Rule
from autograder.domain.retention.model import Action, Image
from autograder.emulators.ecr import images, validation
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.registry import Registry

WHO = "lifecycle"
FOLLOWS = "It was about an image that is gone; reference artifacts follow within 24 hours."


@dataclass(frozen=True)
class Outcome:
    """What happens to one image: EXPIRE or ARCHIVE, by which rule (None: it follows its subject), and why."""

    image: StoredImage
    action: Action
    rule: int | None
    why: str


def evaluate(rules: Sequence[Rule], stored: Sequence[StoredImage], sizes: Sequence[int], now: float) -> list[Outcome]:
    """What one evaluation at ``now`` (seconds since the epoch) acts on, in the order of the images."""
    candidates = [_as_domain(image, size) for image, size in zip(stored, sizes, strict=True)]
    results = ecr.evaluate(rules, candidates, _time(now)).results
    return [
        Outcome(image, result.action, result.rule if isinstance(result.rule, int) else None, result.why)
        for image, result in zip(stored, results, strict=True)
        if result.action is not Action.KEEP
    ]


def preview(registry: Registry, repository: str, policy_text: str) -> dict[str, Any]:
    """A preview's outcome in the form in which GetLifecyclePolicyPreview prints it, without paging."""
    rules = validation.lifecycle_policy(policy_text)
    now = registry.now()
    with registry.guard:
        outcomes = evaluate(rules, *_images(registry, repository), now)
        results = [
            {
                "imageTags": outcome.image.tags,
                "imageDigest": outcome.image.digest,
                "imagePushedAt": outcome.image.image_pushed_at,
                "action": _action(outcome.action),
                "appliedRulePriority": outcome.rule,
                "storageClass": "ARCHIVE" if outcome.image.image_status == images.ARCHIVED else "STANDARD",
            }
            for outcome in outcomes
        ]
    expiring = sum(outcome.action is Action.EXPIRE for outcome in outcomes)
    summary: dict[str, Any] = {"expiringImageTotalCount": expiring}
    if expiring < len(outcomes):
        archived = {"targetStorageClass": "ARCHIVE", "imageTotalCount": len(outcomes) - expiring}
        summary["transitioningImageTotalCounts"] = [archived]
    return {"lifecyclePolicyText": policy_text, "previewResults": results, "summary": summary}


def overnight(registry: Registry) -> list[dict[str, Any]]:
    """One night, at the clock's present: run every repository's policy; returns what went.

    Can be killed at any point and called again: each repository is saved as one step.
    """
    offset, now = registry.context.clock.offset().total_seconds(), registry.now()
    with registry.guard:
        names = sorted(registry.moto.repositories)
    gone: list[dict[str, Any]] = []
    for name in names:
        with registry.context.lock(name):
            gone += _night(registry, name, now)
    with registry.guard:
        registry.offset_done = offset
        registry.save()
    return gone


def finish(registry: Registry) -> list[dict[str, Any]]:
    """After a start: complete the night during which the last process ended; returns what went."""
    _write_pending_journal(registry)
    if registry.context.clock.offset().total_seconds() > registry.offset_done:
        return overnight(registry)
    return []


def _write_pending_journal(registry: Registry) -> None:
    """Write the journal lines of a night whose process was killed after it had saved the record."""
    if not registry.pending_journal:
        return
    written = {(line["repository"], line["digest"], line["detail"].get("night")) for line in _expired(registry)}
    for line in registry.pending_journal:
        if (line["repository"], line["digest"], line["when"]) not in written:
            _write_line(registry, line)
    with registry.guard:
        registry.pending_journal = []
        registry.save()


def _night(registry: Registry, name: str, now: float) -> list[dict[str, Any]]:
    """One repository's night: change the record, save, clear the store, write the journal."""
    with registry.guard:
        repository = registry.moto.repositories.get(name)
        if repository is None:
            return []
        repository.last_evaluated_at = now
        outcomes = _due(registry, name, now)
        if not outcomes:
            return []
        lines = [_line(name, outcome, now) for outcome in outcomes]
        expired = {outcome.image.digest for outcome in outcomes if outcome.action is Action.EXPIRE}
        for outcome in outcomes:
            if outcome.action is Action.EXPIRE:
                registry.moto.remove_image(name, outcome.image.digest)
            else:
                outcome.image.image_status, outcome.image.last_archived_at = images.ARCHIVED, now
        registry.pending_journal = lines
        registry.forget(name, expired)
    registry.erase(name, expired)
    for line in lines:
        _write_line(registry, line)
    with registry.guard:
        registry.pending_journal = []  # saved with the next change; until then the journal shows what was written
    return lines


def _due(registry: Registry, name: str, now: float) -> list[Outcome]:
    """What is to go on the night that ends at ``now``: by the policy, and artifacts whose subject was removed."""
    with registry.guard:
        stored, sizes = _images(registry, name)
        text = registry.moto.find(name).lifecycle_policy
        outcomes = evaluate(validation.lifecycle_policy(text), stored, sizes, now) if text else []
        known = {outcome.image.digest for outcome in outcomes}
        held = registry.moto.holders(name)
        outcomes += [
            Outcome(image, Action.EXPIRE, None, FOLLOWS)
            for image in stored
            if image.subject_removed and image.digest not in known and image.digest not in held
        ]
        return outcomes


def _images(registry: Registry, name: str) -> tuple[list[StoredImage], list[int]]:
    stored = list(registry.moto.find(name).images)
    return stored, [registry.moto.size(name, image) for image in stored]


def _line(name: str, outcome: Outcome, now: float) -> dict[str, Any]:
    return {
        "repository": name,
        "digest": outcome.image.digest,
        "tags": outcome.image.tags,
        "action": str(outcome.action),
        "rule": outcome.rule,
        "why": outcome.why,
        "when": _time(now).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _write_line(registry: Registry, line: dict[str, Any]) -> None:
    detail = {"night": line["when"], "rule": line["rule"], "tags": line["tags"], "why": line["why"]}
    registry.journal(WHO, line["action"], line["repository"], digest=line["digest"], **detail)


def _expired(registry: Registry) -> list[dict[str, Any]]:
    return [line for line in registry.context.journal.lines("ecr") if line["who"] == WHO]


def _action(action: Action) -> dict[str, str]:
    if action is Action.EXPIRE:
        return {"type": "EXPIRE"}
    return {"type": "TRANSITION", "targetStorageClass": "ARCHIVE"}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _as_domain(image: StoredImage, size: int) -> Image:
    return Image(
        digest=image.digest,
        pushed=_time(image.image_pushed_at),
        tags=tuple(image.image_tags),
        size=size,
        media_type=image.image_manifest_media_type,
        children=tuple(image.children),
        subject=image.subject,
        pulled=_time(image.last_recorded_pull_time) if image.last_recorded_pull_time else None,
        archived_class=image.image_status == images.ARCHIVED,
        archived=_time(image.last_archived_at) if image.last_archived_at else None,
        restored=_time(image.last_activated_at) if image.last_activated_at else None,
    )
