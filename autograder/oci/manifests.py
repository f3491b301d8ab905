"""Manifests and indexes: media types, digests, and what a manifest refers to. Pure: bytes in, data out.

Sources: OCI image specification 1.1, https://github.com/opencontainers/image-spec/blob/main/manifest.md,
image-index.md and media-types.md; Docker image manifest v2 schema 2,
https://distribution.github.io/distribution/spec/manifest-v2-2/.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"  # schema 1, which nothing here reads
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = f"{OCI_LAYER}+gzip"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
EMPTY = "application/vnd.oci.empty.v1+json"  # of a config that says nothing: the bytes {}

NO_PLATFORM = "unknown/unknown"  # of an attestation's entry in an index
STATEMENT = "application/vnd.in-toto"  # media types of an attestation's layers begin so

IMAGE_CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
ACCEPT = ", ".join(MANIFEST_TYPES + INDEX_TYPES)

# Bytes of a manifest that a registry takes at least, and registry:2 at most (maxManifestBodySize, 2.8).
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
MAX_MANIFEST = 4 << 20
ALGORITHM = "sha256:"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def json_object(content: bytes) -> dict[str, Any] | None:
    """The JSON object that a blob holds, a config for one; None where it holds none, or is nested too deep."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


class ManifestError(ValueError):
    """The bytes are not a manifest or index that the kit understands; the message says why."""


@dataclass(frozen=True)
class Descriptor:
    """What points at content: media type, digest, size in bytes.

    Source: https://github.com/opencontainers/image-spec/blob/main/descriptor.md
    """

    media_type: str
    digest: str
    size: int
    platform: str | None = None  # "linux/arm64/v8", only inside an index
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def is_attestation(self) -> bool:
        """Listed as one of BuildKit's attestation manifests: platform ``unknown/unknown``, or an annotation.

        Whoever writes an index can say both of any image: where it counts, see
        :meth:`autograder.evidence.model.Repository.images`.
        Source: https://docs.docker.com/build/metadata/attestations/attestation-storage/
        """
        return (
            self.annotations.get("vnd.docker.reference.type") == "attestation-manifest" or self.platform == NO_PLATFORM
        )


@dataclass(frozen=True)
class ImageManifest:
    """A single manifest: one config and its layers, in order from the base up."""

    media_type: str
    digest: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def references(self) -> tuple[Descriptor, ...]:
        """Config, then layers: everything a pull fetches for this manifest."""
        return (self.config, *self.layers)


@dataclass(frozen=True)
class ImageIndex:
    """An index (Docker's older name: manifest list): one manifest per platform, and perhaps attestations."""

    media_type: str
    digest: str
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None = None
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def platforms(self) -> tuple[Descriptor, ...]:
        """The children that are images for a platform, without attestations."""
        return tuple(child for child in self.manifests if not child.is_attestation)


def digest_of(content: bytes) -> str:
    """``sha256:`` and the 64 hex digits of the SHA-256 of ``content``."""
    return ALGORITHM + hashlib.sha256(content).hexdigest()


def digest_of_pieces(pieces: Iterable[bytes]) -> str:
    """The digest of content that is read a piece at a time."""
    seen = hashlib.sha256()
    for piece in pieces:
        seen.update(piece)
    return ALGORITHM + seen.hexdigest()


def descriptor(media_type: str, content: bytes, **more: Any) -> dict[str, Any]:
    """A descriptor as it stands in a document, of content that is at hand.

    Args:
        media_type: of the content.
        content: what is described.
        more: further fields, ``annotations`` for one.
    """
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def is_digest(text: object) -> bool:
    """Whether ``text`` is a well-formed SHA-256 digest string."""
    return isinstance(text, str) and DIGEST.match(text) is not None


def parse(content: bytes, media_type: str | None = None) -> ImageManifest | ImageIndex:
    """Read the exact bytes of a manifest or index.

    Args:
        content: the bytes as the registry served them.
        media_type: the ``Content-Type`` they came with; the document's own ``mediaType`` wins when both are there
            and agree, and a disagreement is an error (image-spec, "media type must match").

    Raises:
        ManifestError: not JSON, not an object, an unknown type, or a field that is missing or malformed.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ManifestError("not a JSON object")
    own = document.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise ManifestError("mediaType is not a string")
    if own and media_type and own != media_type:
        raise ManifestError(f"served as {media_type} but says it is {own}")
    kind = own or media_type or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    digest = digest_of(content)
    annotations = _annotations(document.get("annotations"))
    subject = _descriptor(document["subject"], "subject") if document.get("subject") is not None else None
    if kind in INDEX_TYPES:
        children = document.get("manifests")
        if not isinstance(children, list):
            raise ManifestError("an index without a list of manifests")
        found = tuple(_descriptor(child, f"manifests[{n}]") for n, child in enumerate(children))
        return ImageIndex(kind, digest, found, subject, annotations)
    if kind in MANIFEST_TYPES:
        layers = document.get("layers")
        if not isinstance(layers, list):
            raise ManifestError("a manifest without a list of layers")
        artifact_type = document.get("artifactType")
        return ImageManifest(
            kind,
            digest,
            _descriptor(document.get("config"), "config"),
            tuple(_descriptor(layer, f"layers[{n}]") for n, layer in enumerate(layers)),
            subject,
            artifact_type if isinstance(artifact_type, str) else None,
            annotations,
        )
    raise ManifestError(f"unknown media type {kind}")


def _annotations(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ManifestError("annotations are not a map of strings")
    return dict(value)


def _descriptor(value: Any, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestError(f"{where} is not a descriptor")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str):
        raise ManifestError(f"{where}.mediaType is missing or not a string")
    if not is_digest(digest):
        raise ManifestError(f"{where}.digest is not a sha256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ManifestError(f"{where}.size is not a non-negative integer")
    return Descriptor(
        media_type, str(digest), size, _platform(value.get("platform"), where), _annotations(value.get("annotations"))
    )


def _platform(value: Any, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ManifestError(f"{where}.platform is not an object")
    named = [value.get("os"), value.get("architecture")]
    if value.get("variant"):
        named.append(value["variant"])
    parts = [part for part in named if isinstance(part, str)]
    if len(parts) != len(named):
        raise ManifestError(f"{where}.platform needs os and architecture")
    return "/".join(parts)
