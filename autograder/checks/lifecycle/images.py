"""The images of lab 08's fleet, byte for byte: small, real, and the same wherever they are made.

A check knows their digests and sizes from the personal parameters alone, whatever a submission says of them.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograder.checks.lifecycle import fleet as lifecycle_fleet
from autograder.checks.lifecycle.fleet import Entry
from autograder.oci.manifests import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, digest_of

LAYER = OCI_LAYER  # not compressed: two versions of zlib may pack the same file into different bytes
BASE_SIZE = 16 << 10  # bytes of the file in the layer that all images share
SMALLEST, STEP, STEPS = 2 << 10, 512, 80  # bytes of an image's own file: SMALLEST + 0 to STEPS times STEP
PLATFORMS = ("amd64", "arm64")


@dataclass(frozen=True)
class Manifest:
    """A manifest to be pushed, and what ECR reports as its size in bytes (of an index: its largest image's)."""

    content: bytes
    media_type: str
    size: int

    @property
    def digest(self) -> str:
        """Of the exact bytes."""
        return digest_of(self.content)


@dataclass(frozen=True)
class Built:
    """An image of the fleet with its bytes.

    Attributes:
        entry: what it is.
        blobs: configs and layers.
        manifests: the one that the tags are for, then those below it.
    """

    entry: Entry
    blobs: tuple[bytes, ...]
    manifests: tuple[Manifest, ...]

    @property
    def digests(self) -> tuple[str, ...]:
        """Of the manifests, in their order."""
        return tuple(part.digest for part in self.manifests)


def fleet(p: Mapping[str, Any]) -> list[Built]:
    """The student's own fleet."""
    return [_built(entry, n, p) for n, entry in enumerate(lifecycle_fleet.visible(p))]


def _built(entry: Entry, number: int, p: Mapping[str, Any]) -> Built:
    base = _layer("base.bin", b"base of every image", BASE_SIZE)
    made: list[Manifest] = []
    blobs: list[bytes] = [base]
    for architecture in PLATFORMS if entry.index else PLATFORMS[:1]:
        seed = f"{p['_fleet']}/{number}/{architecture}".encode()
        own = _layer("weights.bin", seed, SMALLEST + STEP * (hashlib.sha256(seed).digest()[0] % (STEPS + 1)))
        config = _json(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": {"course.owner": p["team"], "course.image": str(number)}},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(base), digest_of(own)]},
            }
        )
        blobs += [own, config]
        parts = [_descriptor(LAYER, part) for part in (base, own)]
        content = _json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": _descriptor(OCI_CONFIG, config),
                "layers": parts,
            }
        )
        made.append(Manifest(content, OCI_MANIFEST, len(base) + len(own) + len(config)))
    if entry.index:
        below = [
            _descriptor(OCI_MANIFEST, part.content) | {"platform": {"architecture": name, "os": "linux"}}
            for part, name in zip(made, PLATFORMS, strict=True)
        ]
        content = _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": below})
        made.insert(0, Manifest(content, OCI_INDEX, max(part.size for part in made)))
    return Built(entry, tuple(blobs), tuple(made))


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode()


def _descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def _layer(name: str, seed: bytes, size: int) -> bytes:
    """A tar with one file of that many bytes, which no compression makes smaller."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = size
        archive.addfile(entry, io.BytesIO(hashlib.shake_128(seed).digest(size)))
    return raw.getvalue()
