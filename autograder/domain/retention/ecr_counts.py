"""The ``countType`` of a rule in an ECR lifecycle policy: a table with one record per type.

Sources, by the names used below: *LifecyclePolicies*, *properties* and *archive* of
:mod:`autograder.domain.retention.ecr_rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autograder.domain.retention.model import Image


@dataclass(frozen=True, slots=True)
class CountType:
    """What ``countNumber`` counts, and what a rule of this type may do.

    Attributes:
        source: where it is documented.
        since: for a number of days, the time of an image that they count from, None where it is not known. A type
            without it counts images, and takes no ``countUnit``.
        limit: which images a number of days selects, in words behind ``images``; ``{days}`` is the number.
        event: what happened to an image at that time, in words.
        selects_archive: whether it selects images of the archive, which needs ``storageClass``, instead of others.
        least_days: how long images stay in the archive before this type may select them.
        refused: an action's ``type`` that it may not have -> the reason, behind the type's name.
    """

    source: str
    since: Callable[[Image], datetime | None] | None = None
    limit: str = ""
    event: Callable[[Image], str] = field(default=lambda image: "")
    selects_archive: bool = False
    least_days: int = 1
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def counts_days(self) -> bool:
        """Whether ``countNumber`` is a number of days; otherwise it is one of images."""
        return self.since is not None


def last_use(image: Image) -> datetime:
    """The last pull; restored since: the restore; never pulled: the push.

    Source: LifecyclePolicies (last_recorded_pulltime, last_activated_at).
    """
    times = [moment for moment in (image.pulled, image.restored) if moment is not None]
    return max(times, default=image.pushed)


def last_use_in_words(image: Image) -> str:
    """What :func:`last_use` was. Source: LifecyclePolicies (last_recorded_pulltime, last_activated_at)."""
    if last_use(image) == image.pulled:
        return "this one was pulled"
    return "this one was restored" if image.restored else "never pulled, this one was pushed"


COUNT_TYPES: dict[str, CountType] = {
    "imageCountMoreThan": CountType(source="properties (countType)"),
    "sinceImagePushed": CountType(
        # From the push, never from a later tag: https://github.com/aws/containers-roadmap/issues/2746
        source="LifecyclePolicies (pushed_at_time)",
        since=lambda image: image.pushed,
        limit="pushed more than {days} ago",
        event=lambda image: "this one was pushed",
    ),
    "sinceImagePulled": CountType(
        source="LifecyclePolicies (last_recorded_pulltime, last_activated_at)",
        since=last_use,
        limit="not pulled for more than {days}",
        event=last_use_in_words,
        refused={
            "expire": "can only archive (transition): archive first, expire later with sinceImageTransitioned",
        },
    ),
    "sinceImageTransitioned": CountType(
        source="LifecyclePolicies; archive (at least 90 days)",
        since=lambda image: image.archived,
        limit="that moved there more than {days} ago",
        event=lambda image: "this one moved",
        selects_archive=True,
        least_days=90,
        refused={"transition": "can only expire"},
    ),
}
