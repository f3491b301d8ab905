"""ECR's refusals: one exception per documented error, its text, and what it becomes at ``/v2/``.

The names are those of the API reference (https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html
and its neighbours). The texts are those that public logs of real registries show; where none was found the text is the
reference's own description.
"""

from __future__ import annotations

import json

from moto.core.exceptions import ServiceException

from autograder.emulators.interface import RegistryError

JSON = "application/x-amz-json-1.1"
# API error -> HTTP status and distribution error code of the same refusal at /v2/.
AT_REGISTRY = {
    "AccessDeniedException": (403, "DENIED"),
    "ImageArchivedException": (404, "MANIFEST_UNKNOWN"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"),
    "ImageNotFoundException": (404, "MANIFEST_UNKNOWN"),
    "ImageReferencedByManifestList": (405, "UNSUPPORTED"),
    "ImageTagAlreadyExistsException": (400, "TAG_INVALID"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"),
    "LayersNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (400, "MANIFEST_BLOB_UNKNOWN"),
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"),
}


def as_registry_error(problem: ServiceException) -> RegistryError:
    """The same refusal for a client of ``/v2/``."""
    status, code = AT_REGISTRY.get(problem.code, (400, "UNKNOWN"))
    return RegistryError(status, code, str(problem.message))


def as_json(problem: ServiceException, status: int = 400) -> tuple[int, dict[str, str], bytes]:
    """The same refusal as an answer of the API: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"""
    headers = {"Content-Type": JSON, "x-amzn-ErrorType": str(problem.code)}
    return status, headers, json.dumps({"__type": problem.code, "message": str(problem.message)}).encode("utf-8")


def invalid(parameter: str, constraint: str) -> ServiceException:
    """InvalidParameterException in ECR's usual wording."""
    return ServiceException(
        "InvalidParameterException",
        f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'",
    )


def repository_missing(name: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{registry_id}'",
    )


def tag_exists(tag: str, repository: str) -> ServiceException:
    return ServiceException(
        "ImageTagAlreadyExistsException",
        f"The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten "
        "because the tag is immutable.",
    )


def image_exists(digest: str, tag: str | None, repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "ImageAlreadyExistsException",
        f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository with name "
        f"'{repository}' in registry with id '{registry_id}'",
    )


def image_missing(digest: str | None, tag: str | None, repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "ImageNotFoundException",
        f"The image with imageId {image_id(digest, tag)} does not exist within the repository with name "
        f"'{repository}' in the registry with id '{registry_id}'",
    )


def image_id(digest: str | None, tag: str | None) -> str:
    """An image identifier the way ECR's messages print it."""
    return f"{{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}}"


def digest_differs() -> ServiceException:
    return ServiceException(
        "ImageDigestDoesNotMatchException",
        "The specified image digest does not match the digest that Amazon ECR calculated for the image.",
    )


def layers_missing(digests: list[str], repository: str, registry_id: str) -> ServiceException:
    return _required("LayersNotFoundException", "Layers", digests, repository, registry_id)


def children_missing(digests: list[str], repository: str, registry_id: str) -> ServiceException:
    return _required("ReferencedImagesNotFoundException", "Images", digests, repository, registry_id)


def layer_missing(digest: str, repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "LayersNotFoundException",
        f"The layer with digest '{digest}' does not exist within the repository with name '{repository}' "
        f"in the registry with id '{registry_id}'",
    )


def referenced(indexes: list[str]) -> ServiceException:
    """The failure code of a deletion, as an exception for ``/v2/``; BatchDeleteImage reports it per image."""
    return ServiceException("ImageReferencedByManifestList", referenced_reason(indexes))


def referenced_reason(indexes: list[str]) -> str:
    return f"Requested image referenced by manifest list: [{', '.join(indexes)}]"


def archived(digest: str, repository: str) -> ServiceException:
    return ServiceException(
        "ImageArchivedException",
        f"The image with digest '{digest}' in the repository with name '{repository}' is archived; restore it first.",
    )


def preview_missing(repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "LifecyclePolicyPreviewNotFoundException",
        f"Lifecycle policy preview does not exist for the repository with name '{repository}' "
        f"in the registry with id '{registry_id}'",
    )


def policy_missing(repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        "LifecyclePolicyNotFoundException",
        f"Lifecycle policy does not exist for the repository with name '{repository}' "
        f"in the registry with id '{registry_id}'",
    )


def not_here(operation: str) -> ServiceException:
    """For what this emulator does not do: a plain client error, which no client retries."""
    return ServiceException(
        "NotInThisMockException",
        f"{operation} is not in this mock. It exists in AWS; the course's emulator does not imitate it.",
    )


def _required(code: str, what: str, digests: list[str], repository: str, registry_id: str) -> ServiceException:
    return ServiceException(
        code,
        f"{what} with digests '[{', '.join(digests)}]' required for pushing image into repository with name "
        f"'{repository}' in the registry with id '{registry_id}' do not exist",
    )
