"""The rules of ACR's clean-up mechanisms, one small function each with its source.

Sources, by the names used below:

- *retention*: https://learn.microsoft.com/azure/container-registry/container-registry-retention-policy
- *soft delete*: https://learn.microsoft.com/azure/container-registry/container-registry-soft-delete-policy
- *purge*: https://learn.microsoft.com/azure/container-registry/container-registry-auto-purge
- *lock*: https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
- *source*: ``acr purge`` 0.19, https://github.com/Azure/acr-cli/blob/main/cmd/acr/purge.go and
  https://github.com/Azure/acr-cli/blob/main/cmd/repository/image_functions.go
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from autograder.domain.regex import Regex
from autograder.domain.retention.durations import cutoff, days_before
from autograder.domain.retention.model import Image
from autograder.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST, DOCKER_SIGNED

DOCKER_TYPES = frozenset({DOCKER_MANIFEST, DOCKER_LIST, DOCKER_SIGNED})


def tag_matches(expressions: Sequence[Regex], tag: str) -> bool:
    """Whether a ``--filter`` of this repository matches a tag: anywhere in it, unless the expression has anchors.

    Several filters of one repository are joined by "or". Source: source (``CollectTagFilters``, ``MatchString``).
    """
    return any(expression.search(tag) for expression in expressions)


def tag_time(image: Image, tag: str) -> datetime:
    """When a tag was last updated; where that is not known, when its manifest was. Source: purge (--ago)."""
    return image.tag_times.get(tag) or image.updated or image.pushed


def is_old(moment: datetime, now: datetime, ago: timedelta) -> bool:
    """Whether something was last updated before ``--ago``, strictly. Source: source (``lastUpdateTime.Before``)."""
    return moment < cutoff(now, ago)


def tag_is_locked(image: Image, tag: str) -> bool:
    """Whether a tag's own lock keeps it: deletion or writing disabled. Source: purge (note on write-enabled), lock."""
    return tag in image.locked_tags


def keep_newest_tags(eligible: Sequence[tuple[int, str]], keep: int) -> Sequence[tuple[int, str]]:
    """What ``--keep`` leaves of the tags that would go, newest first: all but the newest ones, per repository.

    Source: purge (--keep), source (``getTagsToDelete``).
    """
    return eligible[keep:]


def manifest_is_locked(image: Image) -> bool:
    """Whether a manifest's own lock keeps it from ``acr purge``. Source: source (``GetUntaggedManifests``), lock."""
    return not (image.deletable and image.writable)


def loses_all_tags(image: Image, removed: int) -> bool:
    """Whether no tag is left on a manifest, also because ``removed`` of them go in this run. Source: source."""
    return len(image.tags) <= removed


def manifest_time(image: Image) -> datetime:
    """What ``--ago`` measures on an untagged manifest: its last update. Source: source (since 0.17)."""
    return image.updated or image.pushed


def refers_to_subject(image: Image) -> bool:
    """Whether a manifest is a reference artifact: purge leaves it, the registry removes it with its subject.

    Source: source (``checkOCIArtifactDeletability``).
    """
    return image.subject is not None


def protects_children(image: Image) -> bool:
    """Whether a manifest that stays keeps what it refers to: every index does. Source: purge, source.

    A *locked* index is skipped before its content is read, so in 0.19 it protects nothing; see ``LOCKED_INDEX``.
    """
    return bool(image.children)


def keep_newest_manifests(candidates: Sequence[int], images: Sequence[Image], keep: int) -> Sequence[int]:
    """What ``--keep`` leaves of the untagged manifests that would go: the number counts anew for them.

    Source: source (``purgeDanglingManifests``) and https://github.com/Azure/acr-cli/issues/644
    """
    newest_first = sorted(candidates, key=lambda position: images[position].digest)
    newest_first.sort(key=lambda position: manifest_time(images[position]), reverse=True)
    return newest_first[keep:]


def retention_sees(image: Image) -> bool:
    """Whether the retention policy can remove this kind of manifest: Docker media types only, never OCI ones.

    Source: retention (limitations).
    """
    return image.media_type in DOCKER_TYPES


def retention_concerns(image: Image, since: datetime | None) -> bool:
    """Only manifests untagged after the policy was enabled; the last update stands for that. Source: retention."""
    return since is None or manifest_time(image) >= since


def retention_is_due(image: Image, days: int, now: datetime) -> bool:
    """Whether the retention period of an untagged manifest is over. Source: retention (0 to 365 days)."""
    return manifest_time(image) < days_before(now, days)


def retention_lock(image: Image) -> bool:
    """Whether a lock keeps a manifest from the retention policy: ``delete-enabled`` alone. Source: retention."""
    return not image.deletable


def soft_delete_is_over(deleted: datetime, days: int, now: datetime) -> bool:
    """Whether a soft-deleted image's days are over, by the number of days set *now*.

    Source: soft delete (auto-purge).
    """
    return deleted < days_before(now, days)
