"""The archive storage class: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException

from autograder.emulators.ecr import images, problems
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.request import ApiRequest

STATUS = {"ARCHIVE": images.ARCHIVED, "STANDARD": images.ACTIVE}


@operation(journal="configure")
def update_image_storage_class(request: ApiRequest) -> dict[str, Any]:
    repository, image = request.wanted_image()
    status = STATUS.get(request.get("targetStorageClass"))
    if status is None:
        raise problems.invalid("targetStorageClass", "Member must satisfy enum value set: [STANDARD, ARCHIVE]")
    if status == image.image_status:
        text = f"The image with digest '{image.digest}' is in that storage class already."
        raise ServiceException("ImageStorageClassUpdateNotSupportedException", text)
    image.image_status = status
    if status == images.ARCHIVED:
        image.last_archived_at = request.registry.now()
    else:
        image.last_activated_at = request.registry.now()
    return {
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "imageId": {"imageDigest": image.digest},
        "imageStatus": status,
    }
