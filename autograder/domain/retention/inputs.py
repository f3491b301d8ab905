"""Turns lists of images, as the clouds' own clients print them, into the one image type.

Each entry of a list may have its own format:

- ``aws ecr describe-images``: ``imageDigest``, ``imageTags``, ``imagePushedAt``, ...
- ``gcloud artifacts docker images list --include-tags --format=json``: ``package``, ``version``, ``createTime``, ...
- ``az acr manifest list-metadata``: ``digest``, ``createdTime``, ``lastUpdateTime``, ...
- the kit's own short form, with ages in days: ``digest``, ``pushed_days_ago``, ... (see ``SHORT_FORM``).

None of the three clients says what an index refers to. ``manifest_list_of``, a list of digests, may be added to any
entry; an index without it has unknown content. ``repository`` may be added too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from autograder.domain.retention.durations import cutoff
from autograder.domain.retention.fields import BadEntry, Entry
from autograder.domain.retention.jsontext import load_json
from autograder.domain.retention.model import NO_TIMES, Image
from autograder.errors import CourseError
from autograder.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST, INDEX_TYPES, OCI_MANIFEST

SHORT_FORM = (
    "digest, tags, pushed_days_ago, pulled_days_ago, storage_class, archived_days_ago, activated_days_ago, "
    "updated_days_ago, deleted_days_ago, manifest_list_of, subject, size, media_type, repository, locked, locked_tags"
)
FORMATS = (
    "the output of aws ecr describe-images, of gcloud artifacts docker images list --include-tags --format=json, or of "
    "az acr manifest list-metadata"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
# What `ListImages` answers are wrapped in: aws, the kit's own cases, ACR's REST API.
_WRAPPERS = ("imageDetails", "images", "manifests")


def read_images(text: str, now: datetime, repository: str = "") -> list[Image]:
    """Read a list of images from JSON text.

    Args:
        text: JSON in one of the formats of this module.
        now: the aware time that ages in days count from.
        repository: the repository of images that do not name theirs.

    Raises:
        CourseError: the text is not such a list; the message names the entry and the field.
    """
    try:
        document = load_json(text)
    except ValueError as problem:
        raise _unusable(f"the images are not JSON: {problem}") from problem
    return images_from(document, now, repository)


def images_from(document: object, now: datetime, repository: str = "") -> list[Image]:
    """Read a list of images that is JSON data already; as :func:`read_images`."""
    tags: Sequence[Any] = ()
    entries = document
    if isinstance(document, dict):
        wrapper = next((key for key in _WRAPPERS if key in document), None)
        if wrapper is None:
            raise _unusable(f"the images are an object with the keys {', '.join(map(str, document)) or '(none)'}")
        entries = document[wrapper]
        named = document.get("imageName")
        repository = repository or (named if isinstance(named, str) else "")
        tags = document.get("tags", ()) if wrapper == "manifests" else ()
    if not isinstance(entries, list):
        raise _unusable("the images are not a list")
    details = _tag_details(tags)
    images = []
    for number, entry in enumerate(entries):
        try:
            images.append(_image(Entry(entry), now, repository, details))
        except BadEntry as problem:
            raise _unusable(f"image {number + 1} of the list cannot be used: {problem}") from problem
    _refuse_duplicates(images)
    return images


def _image(entry: Entry, now: datetime, repository: str, tags: Mapping[str, Entry]) -> Image:
    """One image, by the format that the keys of its entry show."""
    if "imageDigest" in entry:
        fields = _from_ecr(entry)
    elif "version" in entry and "package" in entry:
        fields = _from_artifact_registry(entry)
    elif "pushed_days_ago" in entry:
        fields = _from_short_form(entry, now)
    elif "digest" in entry and ("createdTime" in entry or "lastUpdateTime" in entry):
        fields = _from_acr(entry, tags)
    else:
        raise BadEntry(f"its keys fit no known format: {entry.keys_text()}")
    if not _DIGEST.fullmatch(fields["digest"]):
        raise BadEntry(f"its digest must be sha256: and 64 hex digits, not {fields['digest']!r}")
    children = entry.texts("manifest_list_of") if "manifest_list_of" in entry else None
    if children is None and fields["media_type"] not in INDEX_TYPES:
        children = ()
    named = entry.text("repository") or fields.get("repository") or repository
    return Image(**{**fields, "children": children, "repository": named})


def _from_ecr(entry: Entry) -> dict[str, Any]:
    """Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html"""
    return {
        "digest": entry.text("imageDigest"),
        "tags": entry.texts("imageTags"),
        "pushed": entry.needed_time("imagePushedAt"),
        "repository": entry.text("repositoryName"),
        "size": entry.number("imageSizeInBytes"),
        "media_type": entry.text("imageManifestMediaType"),
        "subject": entry.text("subjectManifestDigest") or None,
        "pulled": entry.time("lastRecordedPullTime"),
        # ACTIVATING: on its way back, not in the standard class yet
        "archived_class": entry.text("imageStatus") in ("ARCHIVED", "ACTIVATING"),
        "archived": entry.time("lastArchivedAt"),
        "restored": entry.time("lastActivatedAt"),
    }


def _from_artifact_registry(entry: Entry) -> dict[str, Any]:
    """Source: ``GetDockerImages`` in the Google Cloud SDK's ``googlecloudsdk/command_lib/artifacts/docker_util.py``;
    older versions print the tags as one text."""
    metadata = entry.part("metadata")
    tags = entry.raw("tags")
    return {
        "digest": entry.text("version"),
        "tags": tuple(filter(None, re.split(r",\s*", tags))) if isinstance(tags, str) else entry.texts("tags"),
        "pushed": entry.needed_time("createTime"),
        "updated": entry.time("updateTime"),
        "repository": _package_name(entry.text("package")),
        "size": metadata.number("imageSizeBytes"),
        "media_type": metadata.text("mediaType"),
    }


def _from_acr(entry: Entry, tags: Mapping[str, Entry]) -> dict[str, Any]:
    """Source: https://learn.microsoft.com/rest/api/containerregistry/manifests/get-list"""
    created, updated = entry.time("createdTime"), entry.time("lastUpdateTime")
    attributes, names = entry.part("changeableAttributes"), entry.texts("tags")
    known = {name: tags[name] for name in names if name in tags}
    times = {name: tag.time("lastUpdateTime") for name, tag in known.items()}
    locks = {name: tag.part("changeableAttributes") for name, tag in known.items()}
    if created is None and updated is None:
        raise BadEntry("it has neither createdTime nor lastUpdateTime")
    return {
        "digest": entry.text("digest"),
        "tags": names,
        "pushed": created or updated,
        "updated": updated,
        "size": entry.number("imageSize"),
        "media_type": entry.text("mediaType"),
        "deletable": attributes.switch("deleteEnabled", True),
        "writable": attributes.switch("writeEnabled", True),
        "locked_tags": frozenset(
            name
            for name, lock in locks.items()
            if not (lock.switch("deleteEnabled", True) and lock.switch("writeEnabled", True))
        ),
        "tag_times": {name: time for name, time in times.items() if time is not None} or NO_TIMES,
    }


def _from_short_form(entry: Entry, now: datetime) -> dict[str, Any]:
    """The kit's own form; absent ages mean that it never happened."""

    def moment(key: str) -> datetime | None:
        days = entry.decimal(key)
        return None if days is None else cutoff(now, timedelta(days=days))

    pushed = moment("pushed_days_ago")
    if pushed is None:
        raise BadEntry("pushed_days_ago is missing")
    subject = entry.text("subject")
    usual = DOCKER_LIST if "manifest_list_of" in entry else OCI_MANIFEST if subject else DOCKER_MANIFEST
    locked = entry.switch("locked", False)
    storage = entry.text("storage_class") or "standard"
    if storage not in ("standard", "archive"):
        raise BadEntry(f"storage_class must be standard or archive, not {storage}")
    return {
        "digest": entry.text("digest"),
        "tags": entry.texts("tags"),
        "pushed": pushed,
        "updated": moment("updated_days_ago"),
        "size": entry.number("size"),
        "media_type": entry.text("media_type") or usual,
        "subject": subject or None,
        "pulled": moment("pulled_days_ago"),
        "archived_class": storage == "archive",
        "archived": moment("archived_days_ago"),
        "restored": moment("activated_days_ago"),
        "deleted": moment("deleted_days_ago"),
        "deletable": not locked,
        "writable": not locked,
        "locked_tags": frozenset(entry.texts("locked_tags")),
    }


def _package_name(package: str) -> str:
    """The package inside its repository: what follows HOST/PROJECT/REPOSITORY, or HOST/PROJECT on ``gcr.io``.

    A host with a port is the emulator's.
    """
    parts = package.replace("%2F", "/").split("/")
    emulator = parts[0].startswith("localhost:")
    before = 3 if emulator or parts[0].endswith("docker.pkg.dev") else 2 if parts[0].endswith("gcr.io") else 0
    return "/".join(parts[before:]) or package


def _tag_details(tags: object) -> dict[str, Entry]:
    """The output of ``az acr repository show-tags --detail``, by tag."""
    if not isinstance(tags, list | tuple):
        raise _unusable("tags beside manifests must be the list of az acr repository show-tags --detail")
    try:
        entries = [Entry(tag) for tag in tags]
        return {entry.text("name"): entry for entry in entries}
    except BadEntry as problem:
        raise _unusable(f"a tag beside the manifests cannot be used: {problem}") from problem


def _refuse_duplicates(images: Iterable[Image]) -> None:
    """A registry lists a manifest once in a repository, and a tag names one manifest of it."""
    digests: set[tuple[str, str]] = set()
    tags: set[tuple[str, str]] = set()
    for image in images:
        if (image.repository, image.digest) in digests:
            raise _unusable(f"the image {image.digest} is listed twice")
        digests.add((image.repository, image.digest))
        for tag in image.tags:
            if (image.repository, tag) in tags:
                raise _unusable(f"the tag {tag} is on two images of one repository")
            tags.add((image.repository, tag))


def _unusable(found: str) -> CourseError:
    return CourseError(
        expected=f"a list of images: {FORMATS}",
        found=found,
        next_step=f"Write the list again with one of these; an entry written by hand has the keys {SHORT_FORM}.",
    )
