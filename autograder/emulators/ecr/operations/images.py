"""Images: put, listed, described, fetched, deleted, and the artifacts about them."""

from __future__ import annotations

from typing import Any

from autograder.emulators.ecr import images
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.request import ApiRequest

NO_ID = ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")


@operation(locks="itself")
def put_image(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    tag = request.get("imageTag")
    image = request.registry.put_image(
        request.profile.name,
        repository.name,
        request.get("imageManifest"),
        tag,
        request.get("imageManifestMediaType"),
        request.get("imageDigest"),
    )
    return {"image": _with_manifest(repository, image, tag)}


@operation(reader=True)
def list_images(request: ApiRequest) -> dict[str, Any]:
    ids = [
        {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})}
        for image in _filtered(request, request.repository().images)
        for tag in image.image_tags or [None]
    ]
    ids, token = page(ids, request.get("maxResults"), request.get("nextToken"))
    return {"imageIds": ids, "nextToken": token}


@operation(reader=True)
def describe_images(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    token = None
    wanted = request.get("imageIds")
    if wanted:
        chosen = list(dict.fromkeys(request.image(repository, image_id) for image_id in wanted))
    else:
        chosen, token = page(_filtered(request, repository.images), request.get("maxResults"), request.get("nextToken"))
    return {"imageDetails": [_detail(request, repository, image) for image in chosen], "nextToken": token}


@operation(reader=True)
def batch_get_image(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    accepted = request.get("acceptedMediaTypes")
    fetched: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for wanted in request.get("imageIds"):
        digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
        image = request.ecr_backend.image(repository.name, digest, tag) if digest or tag else None
        if image is None or (accepted and image.image_manifest_media_type not in accepted):
            code, reason = ("ImageNotFound", "Requested image not found") if digest or tag else NO_ID
            failures.append({"imageId": wanted, "failureCode": code, "failureReason": reason})
        else:
            fetched.append(_with_manifest(repository, image, tag or image.image_tag))
    return {"images": fetched, "failures": failures}


@operation(locks="itself")
def batch_delete_image(request: ApiRequest) -> dict[str, Any]:
    name = request.repository().name
    answer = request.registry.delete_images(name, request.get("imageIds"))
    for image_id in answer["imageIds"]:
        tag, digest = image_id.get("imageTag", ""), image_id["imageDigest"]
        request.registry.journal(request.profile.name, "delete", name, tag, digest)
    return answer


# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ListImageReferrers.html
@operation(reader=True, allowed_by="ecr:BatchGetImage")
def list_image_referrers(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    asked = request.get("filter") or {}
    types, status = asked.get("artifactTypes"), asked.get("artifactStatus", images.ACTIVE)
    artifacts = [
        {
            "digest": image.digest,
            "mediaType": image.image_manifest_media_type,
            "artifactType": image.artifact_type,
            "size": len(image.image_manifest.encode("utf-8")),
            "annotations": image.annotations,
            "artifactStatus": image.image_status,
        }
        for image in request.ecr_backend.referrers(repository.name, request.get("subjectId")["imageDigest"])
        if (not types or image.artifact_type in types) and status in ("ANY", image.image_status)
    ]
    referrers, token = page(artifacts, request.get("maxResults"), request.get("nextToken"))
    return {"referrers": referrers, "nextToken": token}


def _filtered(request: ApiRequest, stored: list[StoredImage]) -> list[StoredImage]:
    """Those that ``filter`` asks for; without an image status only active ones."""
    asked = request.get("filter", {}) or {}
    status, tag_status = asked.get("imageStatus", images.ACTIVE), asked.get("tagStatus", "ANY")
    return [
        image
        for image in stored
        if status in ("ANY", image.image_status)
        and (tag_status == "ANY" or (tag_status == "TAGGED") == bool(image.image_tags))
    ]


def _with_manifest(repository: Any, image: StoredImage, tag: str | None) -> dict[str, Any]:
    """The shape Image."""
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})},
        "imageManifest": image.image_manifest,
        "imageManifestMediaType": image.image_manifest_media_type,
    }


def _detail(request: ApiRequest, repository: Any, image: StoredImage) -> dict[str, Any]:
    """The shape ImageDetail; what is not known is left out, as AWS does."""
    detail = {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageDigest": image.digest,
        "imageTags": image.tags or None,
        "imageSizeInBytes": request.ecr_backend.size(repository.name, image),
        "imagePushedAt": image.image_pushed_at,
        "imageManifestMediaType": image.image_manifest_media_type,
        "artifactMediaType": image.artifact_type,
        "lastRecordedPullTime": image.last_recorded_pull_time,
        "subjectManifestDigest": image.subject,
        "imageStatus": image.image_status,
        "lastArchivedAt": image.last_archived_at,
        "lastActivatedAt": image.last_activated_at,
    }
    return {name: value for name, value in detail.items() if value is not None}
