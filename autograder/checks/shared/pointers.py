"""Why a tag points elsewhere than it should: the ways by which another digest comes about."""

from __future__ import annotations

from autograder.evidence.model import Repository
from autograder.oci.manifests import ImageIndex, ImageManifest

IN_THE_REGISTRY = "Copy the manifest inside the registry, byte for byte: read it by digest and put it under the tag."
# Seen with Docker 28.5 and the containerd image store; the engine says "Not all multiplatform-content is present".
LEFT_BEHIND = (
    "docker pull fetches the image for its own platform and leaves the attestation behind, so a docker push after it "
    "sends that image alone, which has a digest of its own."
)


def images_of(held: Repository, digest: str) -> frozenset[str]:
    """The images behind a digest: itself, or what an index lists without the attestations.

    Two indexes may list one image, since a build that is taken from the cache as a whole gets a new attestation. And an
    engine that pulled an image and pushes it again sends the image alone, without the attestation. So two digests are
    the same image when these are equal; that they share one is not enough, since an engine may run another one of them.
    """
    return frozenset(child.digest for child in held.images(digest)) or frozenset({digest})


def difference(held: Repository, digest: str, wanted: str, origin: Repository | None = None) -> tuple[str, str] | None:
    """What one digest is to another, where that can be told.

    Args:
        held: the repository.
        digest: the digest that a tag points at.
        wanted: the digest that it should point at.
        origin: the repository that holds what is wanted, if it is another one.

    Returns:
        what ``digest`` is, to follow "points at", and what to do instead; None when the two have nothing in common.
    """
    origin = origin or held
    here, there = held.parsed(digest), origin.parsed(wanted)
    if isinstance(here, ImageIndex) and wanted in {child.digest for child in here.manifests}:
        return (
            "an index that a tool has put around the image",
            "A new index has a new digest. " + IN_THE_REGISTRY + " With docker buildx imagetools create, "
            "--prefer-index=false leaves a single manifest as it is.",
        )
    if isinstance(there, ImageIndex):
        for child in there.manifests:
            if child.digest == digest:
                what = "the attestation" if child.is_attestation else f"the manifest for {child.platform}"
                return (
                    f"{what} inside the index, not at the index",
                    f"{'' if child.is_attestation else LEFT_BEHIND + ' '}Copy the index as a whole, with all it lists.",
                )
    image, other = held.image(digest), origin.image(wanted)
    if image is None or other is None:
        return None
    if image.config.digest == other.config.digest or _content(held, image) == _content(origin, other):
        return (
            "the same image under another manifest",
            "The image went through an engine or a tool that wrote a new manifest, as docker pull, tag, push may do; "
            "or it was built again, which makes a new attestation even where all of the image comes from the cache. "
            + IN_THE_REGISTRY,
        )
    if _built_from(held, image) == _built_from(origin, other):
        return (
            "another build of the same release",
            "A second build is a second image, with a digest of its own. Build once, and let every tag point at that "
            "one digest.",
        )
    return None


def _content(held: Repository, image: ImageManifest) -> tuple[object, ...]:
    """What one build has given, in whatever form: layers uncompressed, labels, time of the build."""
    config = held.config(image) or {}
    rootfs = config.get("rootfs")
    layers = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    return (layers, held.labels(image), config.get("created")) if layers and "created" in config else (image.digest,)


def _built_from(held: Repository, image: ImageManifest) -> tuple[str | None, str | None]:
    labels = held.labels(image)
    version, revision = (labels.get(f"org.opencontainers.image.{key}") for key in ("version", "revision"))
    return (version, revision) if version or revision else (image.digest, None)
