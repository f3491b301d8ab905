"""Lifecycle policies and their previews. moto stores any text; what it would do is ``ecr/lifecycle.py``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from autograder.emulators.ecr import lifecycle, problems, validation
from autograder.emulators.ecr.operation import operation
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.request import ApiRequest


@operation(journal="configure")
def put_lifecycle_policy(request: ApiRequest) -> dict[str, Any]:
    repository, text = request.repository(), request.get("lifecyclePolicyText")
    validation.lifecycle_policy(text)
    repository.lifecycle_policy = text
    return _policy(repository, text)


@operation(reader=True)
def get_lifecycle_policy(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    if not repository.lifecycle_policy:
        raise problems.policy_missing(repository.name, repository.registry_id)
    # A policy that has never run says 1970.
    evaluated = datetime.fromtimestamp(repository.last_evaluated_at or 0.0, UTC)
    return {**_policy(repository, repository.lifecycle_policy), "lastEvaluatedAt": evaluated}


@operation(journal="configure")
def delete_lifecycle_policy(request: ApiRequest) -> dict[str, Any]:
    answer = get_lifecycle_policy(request)
    request.repository().lifecycle_policy = None
    return answer


@operation()
def start_lifecycle_policy_preview(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    text = request.get("lifecyclePolicyText") or repository.lifecycle_policy
    if not text:
        raise problems.policy_missing(repository.name, repository.registry_id)
    repository.preview = lifecycle.preview(request.registry, repository.name, text)
    return {**_policy(repository, text), "status": "IN_PROGRESS"}


@operation(reader=True)
def get_lifecycle_policy_preview(request: ApiRequest) -> dict[str, Any]:
    repository = request.repository()
    preview = repository.preview
    if preview is None:
        raise problems.preview_missing(repository.name, repository.registry_id)
    results = preview["previewResults"]
    wanted = request.get("imageIds")
    tag_status = (request.get("filter") or {}).get("tagStatus", "ANY")
    if wanted:
        results = [result for result in results if any(_is_about(result, image_id) for image_id in wanted)]
    if tag_status != "ANY":
        results = [result for result in results if (tag_status == "TAGGED") == bool(result["imageTags"])]
    results, token = page(results, request.get("maxResults"), request.get("nextToken"))
    answer = {**_policy(repository, preview["lifecyclePolicyText"]), "status": "COMPLETE"}
    return {**answer, "previewResults": results, "nextToken": token, "summary": preview["summary"]}


def _policy(repository: Any, text: str) -> dict[str, Any]:
    """What the answers about a policy have in common."""
    return {"registryId": repository.registry_id, "repositoryName": repository.name, "lifecyclePolicyText": text}


def _is_about(result: dict[str, Any], image_id: dict[str, str]) -> bool:
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    return (digest is None or digest == result["imageDigest"]) and (tag is None or tag in result["imageTags"])
