"""What two images have in common, blob by blob."""

from __future__ import annotations

from autograder.evidence.model import Repository
from autograder.oci.manifests import ImageIndex, ImageManifest


def blobs(image: ImageManifest) -> dict[str, int]:
    """Digest -> size in bytes of config and layers, each once however often the manifest lists it."""
    return {part.digest: part.size for part in image.references}


def layer_sizes(image: ImageManifest) -> dict[str, int]:
    """Digest -> size in bytes of the layers."""
    return {layer.digest: layer.size for layer in image.layers}


def blobs_of_tag(held: Repository, tag: str) -> dict[str, int]:
    """Every blob that belongs to a tag: all platforms of an index, and attestations as well."""
    target = held.parsed(held.tags[tag])
    children = [child.digest for child in target.manifests] if isinstance(target, ImageIndex) else [held.tags[tag]]
    total: dict[str, int] = {}
    for child in children:
        parsed = held.parsed(child)
        if isinstance(parsed, ImageManifest):
            total |= blobs(parsed)
    return total


def layer_table(first: ImageManifest, second: ImageManifest, limit: int = 20) -> list[tuple[str, str, str, str]]:
    """The layers of two images side by side, with a header row."""
    before, after = layer_sizes(first), layer_sizes(second)
    rows = [
        (f"{digest[:19]}…", f"{size:,}", "yes" if digest in before else "no", "yes" if digest in after else "no")
        for digest, size in list((before | after).items())[:limit]
    ]
    return [("layer", "bytes", "in the first", "in the second"), *rows]


def compressed_again(held: Repository, first: ImageManifest, second: ImageManifest) -> int:
    """How many layers of the second image hold the first one's files under another digest (compressed differently).

    The config lists the digests of the uncompressed layers (``rootfs.diff_ids``), the manifest those of the blobs.
    Source: https://github.com/opencontainers/image-spec/blob/main/config.md#layer-diffid
    """

    def contents(image: ImageManifest) -> dict[str, str]:
        rootfs = (held.config(image) or {}).get("rootfs")
        diffs = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
        if not isinstance(diffs, list) or len(diffs) != len(image.layers):
            return {}
        return {str(diff): layer.digest for diff, layer in zip(diffs, image.layers, strict=True)}

    before, after = contents(first), contents(second)
    return sum(1 for diff, digest in after.items() if before.get(diff, digest) != digest)
