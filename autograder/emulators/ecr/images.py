"""An image as ECR lists it: moto's record, with the facts that follow from the manifest itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moto.ecr.models import Image

from autograder.emulators.ecr import problems
from autograder.oci import manifests

ACTIVE, ARCHIVED = "ACTIVE", "ARCHIVED"


@dataclass(frozen=True)
class Facts:
    """What a manifest says about its image.

    Attributes:
        digest: SHA-256 of the exact bytes.
        media_type: the manifest's.
        size: bytes of config and layers as stored (compressed); None for an index, whose size is that of its largest
            child (API reference, ImageDetail.imageSizeInBytes).
        parts: digests of config and layers; empty for an index.
        children: digests an index refers to.
        subject: digest of the image this one is about (OCI referrers), or None.
        artifact_type: media type of the artifact (``artifactType``, else the config's), or None for an index.
        annotations: the manifest's.
    """

    digest: str
    media_type: str
    size: int | None
    parts: tuple[str, ...]
    children: tuple[str, ...]
    subject: str | None
    artifact_type: str | None
    annotations: dict[str, str]


def read(body: bytes, media_type: str | None) -> Facts:
    """Facts of a manifest.

    Raises:
        ServiceException: InvalidParameterException if it is no manifest that ECR takes.
    """
    try:
        manifest = manifests.parse(body, media_type or None)
    except manifests.ManifestError as error:
        constraint = "Invalid JSON syntax" if str(error).startswith("not JSON") else f"Invalid image manifest: {error}"
        raise problems.invalid("ImageManifest", constraint) from None
    subject = manifest.subject.digest if manifest.subject else None
    if isinstance(manifest, manifests.ImageIndex):
        children = tuple(dict.fromkeys(child.digest for child in manifest.manifests))
        return Facts(manifest.digest, manifest.media_type, None, (), children, subject, None, manifest.annotations)
    size = sum(part.size for part in manifest.references)
    artifact_type = manifest.artifact_type or manifest.config.media_type
    parts = tuple(dict.fromkeys(part.digest for part in manifest.references))
    return Facts(manifest.digest, manifest.media_type, size, parts, (), subject, artifact_type, manifest.annotations)


class StoredImage(Image):  # type: ignore[misc]
    """moto's image with a true digest, size, push time (with fractions) and what newer ECR adds.

    Times are seconds since the epoch on the emulator's clock. Lists are never changed in place without setting an
    attribute afterwards: that is how ``saved``, the image's text in the state file, is known to be out of date.
    """

    saved: str | None = None

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__["saved"] = None
        super().__setattr__(name, value)

    def __init__(self, account: str, repository: str, manifest: str, facts: Facts, pushed_at: float) -> None:
        super().__init__(account, None, manifest, repository, facts.media_type, facts.digest)
        self.image_pushed_at: float = pushed_at
        self.size = facts.size
        self.children = list(facts.children)
        self.subject = facts.subject
        self.artifact_type = facts.artifact_type
        self.annotations = facts.annotations
        self.last_recorded_pull_time: float | None = None
        self.image_status = ACTIVE
        self.last_archived_at: float | None = None
        self.last_activated_at: float | None = None
        self.scan: dict[str, Any] | None = None
        self.subject_removed = False

    @property
    def digest(self) -> str:
        return str(self._image_digest)

    @property
    def tags(self) -> list[str]:
        return list(self.image_tags)

    def drop_tag(self, tag: str) -> None:
        """Take a tag away; moto's ``remove_tag`` leaves the last one behind in ``image_tag``."""
        self.image_tags.remove(tag)
        self.image_tag = self.image_tags[-1] if self.image_tags else None

    def add_tag(self, tag: str) -> None:
        if tag not in self.image_tags:
            self.image_tags.append(tag)
        self.image_tag = self.image_tags[-1]
