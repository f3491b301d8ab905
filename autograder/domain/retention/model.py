"""The types that all three retention dialects share: an image, what happens to it, and an error in a policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

NO_TIMES: Mapping[str, datetime] = MappingProxyType({})


class Action(StrEnum):
    """What a policy does to an image."""

    EXPIRE = "expire"
    ARCHIVE = "archive"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Image:
    """One manifest in a registry, as the three clouds describe it. All times are aware datetimes.

    Attributes:
        digest: the manifest's digest, ``sha256:`` and 64 hex digits.
        pushed: when it was pushed (ECR ``imagePushedAt``, Artifact Registry ``createTime``, ACR ``createdTime``).
        tags: its tags; empty for an untagged image.
        repository: ECR and ACR: its repository; Artifact Registry: its package. Empty when not known.
        size: bytes as the registry reports them, ``None`` when not known. Layers that images share count in each.
        media_type: the manifest's media type, empty when not known.
        children: the digests an index refers to; empty for other images, ``None`` for an index of unknown content.
        subject: the digest this image refers to (a signature's or SBOM's ``subject``).
        updated: ACR ``lastUpdateTime``; ``None``: the push time.
        pulled: the last recorded pull; ``None``: never.
        archived_class: whether the image lies in ECR's archive storage class.
        archived: when it last moved to the archive.
        restored: when it last came back from the archive.
        deletable: ACR ``deleteEnabled`` of the manifest.
        writable: ACR ``writeEnabled`` of the manifest.
        locked_tags: ACR: tags whose own ``deleteEnabled`` or ``writeEnabled`` is false.
        tag_times: ACR: the ``lastUpdateTime`` of single tags, where known.
        deleted: ACR: when it was soft-deleted; ``None``: it was not.
    """

    digest: str
    pushed: datetime
    tags: tuple[str, ...] = ()
    repository: str = ""
    size: int | None = None
    media_type: str = ""
    children: tuple[str, ...] | None = ()
    subject: str | None = None
    updated: datetime | None = None
    pulled: datetime | None = None
    archived_class: bool = False
    archived: datetime | None = None
    restored: datetime | None = None
    deletable: bool = True
    writable: bool = True
    locked_tags: frozenset[str] = frozenset()
    tag_times: Mapping[str, datetime] = field(default_factory=lambda: NO_TIMES)
    deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What happens to one image, by which rule, and why.

    Attributes:
        digest: the image.
        action: expire, archive or keep.
        rule: ECR: a ``rulePriority``; otherwise a policy's name; ``None`` when no rule concerns the image. A kept
            image names the rule that keeps it.
        why: one sentence; a ``;`` divides what holds for all images of a rule from what holds for this one.
        undecided: the documentation leaves this image's fate open; ``action`` is its most literal reading.
        note: what is open, or what else to know; empty most of the time.
        tags_removed: tags that go although the image may stay (``acr purge``).
        follows: the subject whose fate a reference artifact shares here; no rule acts on the artifact itself.
        repository: as in :class:`Image`.
    """

    digest: str
    action: Action
    rule: int | str | None
    why: str
    undecided: bool = False
    note: str = ""
    tags_removed: tuple[str, ...] = ()
    repository: str = ""
    follows: str = ""

    def as_json(self) -> dict[str, object]:
        """The result as JSON data; what is empty is left out, except the five fields every result has."""
        data: dict[str, object] = {
            "digest": self.digest,
            "action": str(self.action),
            "rule": self.rule,
            "why": self.why,
            "undecided": self.undecided,
        }
        if self.note:
            data["note"] = self.note
        if self.tags_removed:
            data["tags_removed"] = list(self.tags_removed)
        if self.repository:
            data["repository"] = self.repository
        if self.follows:
            data["follows"] = self.follows
        return data


@dataclass(frozen=True, slots=True)
class Preview:
    """The results of one evaluation, in the order of the images that went in.

    Attributes:
        results: one result per image.
        dry_run: the policy itself says that nothing is to be deleted yet.
        notes: what concerns the policy as a whole (a rule that sees no image, what a mechanism cannot see).
    """

    results: tuple[Result, ...]
    dry_run: bool = False
    notes: tuple[str, ...] = ()

    def of(self, action: Action) -> list[str]:
        """The digests that meet ``action``."""
        return [result.digest for result in self.results if result.action == action]


@dataclass(frozen=True, slots=True)
class PolicyError:
    """One thing wrong with a policy.

    Attributes:
        path: where, such as ``rules[0].selection.countNumber``; ``$`` is the whole document.
        message: what is wrong and what would be right, as one sentence.
        cloud_message: the cloud's own wording where public records show it; empty otherwise.
    """

    path: str
    message: str
    cloud_message: str = ""

    def as_json(self) -> dict[str, str]:
        """The error as JSON data."""
        data = {"path": self.path, "message": self.message}
        if self.cloud_message:
            data["cloud_message"] = self.cloud_message
        return data


class InvalidPolicy(ValueError):
    """A policy that its cloud would refuse.

    Attributes:
        errors: every error found, at least one.
    """

    def __init__(self, errors: Sequence[PolicyError]) -> None:
        super().__init__("; ".join(f"{error.path}: {error.message}" for error in errors))
        self.errors = tuple(errors)


def summary(preview: Preview, images: Sequence[Image]) -> dict[str, object]:
    """Totals of a preview: counts and bytes by action.

    Args:
        preview: the outcome of evaluating ``images``.
        images: the same images in the same order.
    """
    counts = dict.fromkeys((str(action) for action in Action), 0)
    sizes = dict.fromkeys((str(action) for action in Action), 0)
    for result, image in zip(preview.results, images, strict=True):
        counts[result.action] += 1
        sizes[result.action] += image.size or 0
    return {
        "images": len(preview.results),
        **counts,
        "bytes": sizes,
        "sizes_unknown": sum(image.size is None for image in images),
        "undecided": sum(result.undecided for result in preview.results),
        "tags_removed": sum(len(result.tags_removed) for result in preview.results),
        "dry_run": preview.dry_run,
        "notes": list(preview.notes),
    }
