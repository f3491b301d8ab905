"""Repositories: made, described, configured, removed; their resource tags and policies."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from autograder.emulators.ecr import validation
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.request import ApiRequest


@operation(journal="create", makes_repository=True)
def create_repository(request: ApiRequest) -> dict[str, Any]:
    request.ecr_backend.create_repository(
        repository_name=request.get("repositoryName"),
        registry_id=None,
        encryption_config=request.get("encryptionConfiguration"),
        image_scan_config=request.get("imageScanningConfiguration"),
        image_tag_mutability=request.get("imageTagMutability"),
        image_tag_mutability_exclusion_filters=request.get("imageTagMutabilityExclusionFilters"),
        tags=request.get("tags", []),
    )
    return {"repository": _described(request, request.repository())}


@operation(reader=True, resource="*")
def describe_repositories(request: ApiRequest) -> dict[str, Any]:
    names = request.get("repositoryNames")
    repositories = request.ecr_backend.describe_repositories(request.get("registryId"), names)
    token = None
    if not names:
        repositories, token = page(repositories, request.get("maxResults"), request.get("nextToken"))
    return {"repositories": [_described(request, repository) for repository in repositories], "nextToken": token}


@operation(locks="itself")
def delete_repository(request: ApiRequest) -> dict[str, Any]:
    described = _described(request, request.repository())
    request.registry.delete_repository(request.profile.name, described["repositoryName"], bool(request.get("force")))
    return {"repository": described}


@operation(journal="configure")
def put_image_tag_mutability(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def put_image_scanning_configuration(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(reader=True)
def list_tags_for_resource(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def tag_resource(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def untag_resource(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def set_repository_policy(request: ApiRequest) -> ActionResult:
    repository, text = request.repository(), request.get("policyText")
    validation.repository_policy(text)
    repository.policy = text
    return request.moto("GetRepositoryPolicy")


@operation(reader=True)
def get_repository_policy(request: ApiRequest) -> ActionResult:
    return request.moto()


@operation(journal="configure")
def delete_repository_policy(request: ApiRequest) -> ActionResult:
    return request.moto()


def _described(request: ApiRequest, repository: Any) -> dict[str, Any]:
    """The shape Repository."""
    described = {
        "repositoryArn": repository.arn,
        "registryId": repository.registry_id,
        "repositoryName": repository.name,
        "repositoryUri": f"{request.host}/{repository.name}",
        "createdAt": repository.created_at,
        "imageTagMutability": repository.image_tag_mutability,
        "imageScanningConfiguration": repository.image_scanning_configuration,
        "encryptionConfiguration": repository.encryption_configuration,
    }
    if repository.image_tag_mutability_exclusion_filters:
        filters = repository.image_tag_mutability_exclusion_filters
        described["imageTagMutabilityExclusionFilters"] = filters
    return described
