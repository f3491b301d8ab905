"""Artifact Registry's documented rules for cleanup policies, one small function each with its source.

Sources, by the names used below:

- *overview*: https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview
- *configure*: https://docs.cloud.google.com/artifact-registry/docs/repositories/cleanup-policy
- *repositories*: https://docs.cloud.google.com/artifact-registry/docs/repositories
- *API*: https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from autograder.domain.retention.durations import cutoff
from autograder.domain.retention.model import Image


class Prefixes(tuple[str, ...]):
    """Prefixes in their order, asked in time that does not grow with their number: no source limits it."""

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(self)

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted({len(one) for one in self}))

    def begin(self, name: str) -> bool:
        """Whether a name begins with one of them."""
        return any(name[:length] in self._all for length in self._lengths if length <= len(name))


NO_PREFIXES = Prefixes()


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a policy. Every part that is set must hold (API: CleanupPolicyCondition)."""

    tag_state: str = "ANY"
    tag_prefixes: Prefixes = NO_PREFIXES
    version_prefixes: Prefixes = NO_PREFIXES
    package_prefixes: Prefixes = NO_PREFIXES
    older_than: timedelta | None = None
    newer_than: timedelta | None = None
    more_stale_than: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CleanupPolicy:
    """One cleanup policy: a Delete or a Keep with a condition, or a Keep of the most recent versions."""

    name: str
    keeps: bool
    condition: Condition | None
    keep_count: int = 0
    package_prefixes: Prefixes = NO_PREFIXES


@dataclass(frozen=True, slots=True)
class RepositoryPolicy:
    """The cleanup policies of a repository and the two settings of it that matter to them."""

    policies: tuple[CleanupPolicy, ...]
    dry_run: bool = False
    immutable_tags: bool = False


def meets(condition: Condition, image: Image, now: datetime) -> bool:
    """Whether an image meets a condition: all of its parts.

    Source: API ("If multiple entries are set, all must be satisfied").
    """
    return (
        has_tag_state(condition, image)
        and any_prefix(condition.tag_prefixes, image.tags)
        and any_prefix(condition.version_prefixes, (image.digest,))
        and any_prefix(condition.package_prefixes, (image.repository,))
        and is_older(condition, image, now)
        and is_newer(condition, image, now)
        and is_stale(condition, image, now)
    )


def has_tag_state(condition: Condition, image: Image) -> bool:
    """``tagged``, ``untagged`` or ``any``, which is also the default. Source: repositories (Tag state)."""
    return condition.tag_state == "ANY" or (condition.tag_state == "TAGGED") == bool(image.tags)


def any_prefix(prefixes: Prefixes, names: Sequence[str]) -> bool:
    """A prefix list is an *or*: one prefix of one name is enough; an empty list asks for nothing.

    Source: API ("Applied on any prefix match").
    """
    return not prefixes or any(prefixes.begin(name) for name in names)


def is_older(condition: Condition, image: Image, now: datetime) -> bool:
    """``olderThan``: the time since the upload, not since the last tag. Source: repositories (Older than)."""
    return condition.older_than is None or image.pushed < cutoff(now, condition.older_than)


def is_newer(condition: Condition, image: Image, now: datetime) -> bool:
    """``newerThan``: the time since the upload. Source: repositories (Newer than)."""
    return condition.newer_than is None or image.pushed > cutoff(now, condition.newer_than)


def is_stale(condition: Condition, image: Image, now: datetime) -> bool:
    """``moreStaleThan``: not pulled within the duration; an image that was never pulled counts from its upload.

    Source: API ("Match versions that have not been pulled in the duration").
    """
    return condition.more_stale_than is None or (image.pulled or image.pushed) < cutoff(now, condition.more_stale_than)


def concerns_package(policy: CleanupPolicy, package: str) -> bool:
    """``mostRecentVersions`` only keeps versions of packages with one of its prefixes, or of all without a list.

    Source: repositories (the caution on package prefixes).
    """
    return not policy.package_prefixes or policy.package_prefixes.begin(package)


def newest_first(images: Sequence[Image]) -> list[int]:
    """The positions of a package's versions by upload time, newest first; ties: the later listed is the newer.

    Source: overview (Keep most recent versions); how ties are broken is not documented.
    """
    return sorted(range(len(images)), key=lambda position: (images[position].pushed, position), reverse=True)


def most_recent(policy: CleanupPolicy, ranked: Sequence[int]) -> Sequence[int]:
    """The versions of one package that ``mostRecentVersions`` keeps: the newest ``keepCount``, counted per package.

    Source: API (CleanupPolicyMostRecentVersions), overview.
    """
    return ranked[: policy.keep_count]


def keep_beats_delete(kept: bool, deleted: bool) -> bool:
    """Whether an image goes, given that some Keep policy and some Delete policy match it.

    Source: overview ("If an artifact version matches criteria in both a delete policy and a keep policy, Artifact
    Registry applies the keep policy"); a Keep alone deletes nothing.
    """
    return deleted and not kept


def tag_forbids_delete(policy: RepositoryPolicy, image: Image) -> bool:
    """In a repository with immutable tags a tagged image cannot be deleted. Source: repositories (Tag state)."""
    return policy.immutable_tags and bool(image.tags)
