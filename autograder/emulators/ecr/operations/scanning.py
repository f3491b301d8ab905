"""Scans of images. When one is due and what it finds is ``ecr/scanning.py``."""

from __future__ import annotations

from typing import Any

from autograder.emulators.ecr import scanning
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.request import ApiRequest


@operation(journal="scan")
def start_image_scan(request: ApiRequest) -> dict[str, Any]:
    repository, image = request.wanted_image()
    last = image.scan["at"] if image.scan else None
    scan_type = request.ecr_backend.registry_scanning_configuration["scanType"]
    scanning.check(image, repository.name, scan_type, request.registry.now(), last)
    request.registry.scan(repository.name, image)
    return {**_scanned(repository, image), "imageScanStatus": {"status": "IN_PROGRESS"}}


@operation(reader=True)
def describe_image_scan_findings(request: ApiRequest) -> dict[str, Any]:
    repository, image = request.wanted_image()
    if image.scan is None:
        wanted = request.get("imageId")
        digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
        raise scanning.missing(digest, tag, repository.name, repository.registry_id)
    findings, token = page(image.scan["findings"], request.get("maxResults"), request.get("nextToken"))
    return {**_scanned(repository, image), **scanning.describe(image.scan, findings), "nextToken": token}


def _scanned(repository: Any, image: StoredImage) -> dict[str, Any]:
    """What the answers about a scan have in common."""
    image_id = {"imageDigest": image.digest, **({"imageTag": image.image_tag} if image.image_tag else {})}
    return {"registryId": repository.registry_id, "repositoryName": repository.name, "imageId": image_id}
