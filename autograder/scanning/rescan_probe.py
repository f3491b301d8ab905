"""The "rescan" probe: every tagged image of the snapshots that hold an image's own layers, scanned anew.

The same on both sides: in grading from a submission, in the notebook from the registry. Which layers are a base's the
kit knows itself (:mod:`autograder.domain.bases`): a submission has no say in it, and neither has the engine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from autograder.checks.shared.scanned import IMAGE, TOO_MANY
from autograder.domain.advisories import sbom
from autograder.domain.bases import Bases, of_base
from autograder.domain.limits import PACKAGES, ROWS
from autograder.errors import CourseError, EnvironmentProblem
from autograder.evidence.layout import LayoutSource, blob_name
from autograder.evidence.model import Repository
from autograder.oci import layers
from autograder.oci.manifests import IMAGE_CONFIGS, ImageIndex, ImageManifest, digest_of
from autograder.scanning.artifact import SBOM_TYPES
from autograder.scanning.inventory import ImageProblem
from autograder.scanning.rescan import Rescan, Rescanner

VERSION = 2  # raise it when the same images would give other rows, by other advisories too
MAX_IMAGES = 12  # of one repository, those in indexes counted each: an image takes about a second
MAX_SBOM = 8 << 20  # bytes
SPDX = {"spdx-json", "spdx3-json"}  # for years SPDX 3 had no media type of its own
FALLBACK = re.compile(r"sha256-[0-9a-f]{64}")  # a tag that stands in for the referrers API is no image's
# Older kits left out the layers of the base that the student's engine had, and listed them; today's list none.
LEFT_OUT = (
    "{digest} stands on a base that this kit does not know (its layer {layer}), and its layers did not come along: the "
    "submission was written by an older version of the kit. With this version `python3 course.py submit` writes "
    "one that holds them; nothing has to be built or pushed again for that."
)


@dataclass(frozen=True)
class Snapshot:
    """A repository and where its files are."""

    repository: Repository
    source: LayoutSource


def run(rescanner: Rescanner, bases: Bases, snapshots: Mapping[str, Snapshot]) -> dict[str, JsonValue]:
    """Rescan.

    Args:
        rescanner: with its Trivy and its database.
        bases: the known bases.
        snapshots: "SERVICE/REPOSITORY" -> what is there; those that hold no layers are left out.

    Returns:
        "SERVICE/REPOSITORY" -> digest of what a tag points at -> one of

        - ``{"images": [...], "sboms": [...]}``: per platform what :meth:`Rescan.json` gives, a ``status`` in each
          finding, and as ``base`` the digests of the base's layers; the SBOMs that refer to the digest.
        - ``{"error": TEXT, "kind": KIND}``: the image cannot be rescanned as it is, for the student; what they can do
          depends on the kind (:mod:`autograder.checks.shared.scanned`).
        - ``{"fault": TEXT}``: it could not be judged, for the instructor.

    Raises:
        EnvironmentProblem: the engine failed.
    """
    found: dict[str, JsonValue] = {}
    for name, one in snapshots.items():
        if one.repository.layers != "none":
            rows: dict[str, JsonValue] = {}
            count = 0
            for digest in _tagged(one.repository):
                there = _count(one.repository, digest)
                if count + there > MAX_IMAGES:
                    rows[digest] = {"error": f"more than {MAX_IMAGES} images have tags here", "kind": TOO_MANY}
                    continue
                count += there
                rows[digest] = _image(rescanner, bases, one, digest)
            found[name] = rows
    return found


def _tagged(repository: Repository) -> list[str]:
    """Digests of the images that tags point at, in the order of the tags."""
    digests = [digest for tag, digest in sorted(repository.tags.items()) if not FALLBACK.fullmatch(tag)]
    return [digest for digest in dict.fromkeys(digests) if any(True for _ in _images(repository, digest))]


def _count(repository: Repository, digest: str) -> int:
    """How many images a rescan of a digest scans: one for each that an index lists."""
    return len({child.digest for child in repository.images(digest)}) or 1


def _images(repository: Repository, digest: str) -> Iterator[ImageManifest]:
    """The image of a digest, or those of an index; artifacts are none."""
    parsed = repository.parsed(digest)
    listed: Iterable[Any] = [parsed]
    if isinstance(parsed, ImageIndex):
        listed = map(repository.parsed, dict.fromkeys(child.digest for child in repository.images(digest)))
    for one in listed:
        if isinstance(one, ImageManifest) and one.config.media_type in IMAGE_CONFIGS:
            yield one


def _image(rescanner: Rescanner, bases: Bases, one: Snapshot, digest: str) -> JsonValue:
    try:
        for image in _images(one.repository, digest):
            stranger = _left_out(one, image, bases)
            if stranger:
                return {"fault": LEFT_OUT.format(digest=digest, layer=stranger)}
        scanned = rescanner.rescan(one.repository, one.source, digest, bases)
    except ImageProblem as problem:
        return {"error": str(problem), "kind": IMAGE}
    except EnvironmentProblem:
        raise
    except CourseError as problem:
        return {"fault": f"The scanner failed on {digest}: {problem.found}"}
    return {
        "images": [_row(one.repository, found, bases) for found in scanned],
        "sboms": list(_sboms(one, {digest, *(found.image for found in scanned)})),
    }


def _left_out(one: Snapshot, image: ImageManifest, bases: Bases) -> str:
    """The diff_id of a layer that an older kit left out as one of a base's, where the kit does not know that base.

    "" otherwise. What is missing above a whole known base is the submission's fault, and the rescan says so.
    """
    config = one.repository.config(image)
    if of_base(image, config, bases):
        return ""
    known = {digest for base in bases for digest in (*base.diff_ids, *base.layers)}
    for layer, tar in zip(image.layers, layers.diff_ids(config), strict=False):
        if one.source.size(blob_name(layer.digest)) is not None or layer.digest not in one.repository.base_layers:
            break
        if tar not in known and layer.digest not in known:
            return tar
    return ""


def _row(repository: Repository, found: Rescan, bases: Bases) -> JsonValue:
    image = repository.parsed(found.image)
    assert isinstance(image, ImageManifest)
    told = found.json()
    # Trivy's words: https://trivy.dev/docs/latest/guide/scanner/vulnerability/ (Status)
    findings = [one | {"status": "fixed" if one["fixed"] else "affected"} for one in told["findings"]]
    return told | {"findings": findings, "base": list(of_base(image, repository.config(image), bases))}


def _sboms(one: Snapshot, subjects: Collection[str]) -> Iterator[JsonValue]:
    """What the SBOMs say that refer to an image: kind and Python packages.

    What one manifest after the other refers to is read once, and with more of them than anybody attaches each says so.
    """
    kinds = {media_type: kind for kind, media_type in SBOM_TYPES.items()}
    read: dict[str, sbom.Sbom | str] = {}  # digest of the document -> what it says, or why it cannot be read
    rows = packages = 0
    for digest in sorted(one.repository.manifests):
        artifact = one.repository.parsed(digest)
        if not isinstance(artifact, ImageManifest) or artifact.subject is None:
            continue
        if artifact.subject.digest not in subjects or len(artifact.layers) != 1:
            continue
        kind = kinds.get(artifact.artifact_type or "") or kinds.get(artifact.layers[0].media_type)
        if kind is None:
            continue
        row: dict[str, JsonValue] = {"digest": digest, "subject": artifact.subject.digest, "kind": kind}
        rows += 1
        if rows > ROWS.most:
            yield row | {"error": f"more than {ROWS.most} {ROWS.unit} refer to the image; detach those you do not need"}
            return
        layer = artifact.layers[0].digest
        if layer not in read:
            try:
                read[layer] = sbom.read(_text(one, artifact))
            except sbom.SbomError as error:
                read[layer] = str(error)
        said = read[layer]
        if isinstance(said, str):
            yield row | {"error": said}
            continue
        packages += len(said.packages)
        if packages > PACKAGES.most:
            yield row | {"error": f"the SBOMs of the image name more than {PACKAGES.most:,} {PACKAGES.unit} together"}
        elif said.kind != kind and not {said.kind, kind} <= SPDX:
            yield row | {"error": f"it is {said.kind}, its media type says {kind}"}
        else:
            yield row | {"packages": {name: list(versions) for name, versions in said.packages.items()}}


def _text(one: Snapshot, artifact: ImageManifest) -> str:
    layer = artifact.layers[0]
    size = one.source.size(blob_name(layer.digest))
    if size is None or size > MAX_SBOM:
        raise sbom.SbomError("not in the snapshot" if size is None else f"it has more than {MAX_SBOM >> 20} MiB")
    with one.source.open(blob_name(layer.digest)) as file:
        content = file.read(size + 1)
    if digest_of(content) != layer.digest:
        raise sbom.SbomError("its bytes have another digest")
    return content.decode("utf-8", errors="replace")
