"""ECR's answers about repositories and images: moto's, corrected where AWS answers differently."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ecr.responses import ECRResponse

from autograder.emulators.ecr import images, problems
from autograder.emulators.ecr.identity import Profile
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.moto_fixes import MotoBackend
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.registry import Registry


class ImageResponse(ECRResponse):  # type: ignore[misc]
    """One request to the API.

    Args:
        registry: the emulator's state.
        profile: who calls.
        host: the address the client used; repository URIs begin with it, so that they can be pushed to.
    """

    def __init__(self, registry: Registry, profile: Profile, host: str) -> None:
        super().__init__()
        self.registry = registry
        self.profile = profile
        self.host = host

    @property
    def ecr_backend(self) -> MotoBackend:
        return self.registry.moto

    def get_current_account(self) -> str:
        return str(self.ecr_backend.account_id)

    def get_region_from_url(self, request: Any, full_url: str) -> str:
        return str(self.ecr_backend.region_name)

    def serialized(self, action_result: ActionResult) -> Any:
        """moto's serializer, except for the emulator's own refusals: moto looks errors up by their Python module."""
        problem = action_result.result
        if isinstance(problem, ServiceException) and not type(problem).__module__.startswith("moto.ecr."):
            return problems.as_json(problem)
        return super().serialized(action_result)

    def repository(self) -> Any:
        """The repository the request names. Raises RepositoryNotFoundException, also for another registry id."""
        return self.ecr_backend._get_repository(self._get_param("repositoryName"), self._get_param("registryId"))

    def wanted_image(self) -> tuple[Any, StoredImage]:
        """Repository and image that ``imageId`` names. Raises ImageNotFoundException."""
        repository, wanted = self.repository(), self._get_param("imageId")
        digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
        image = self.ecr_backend.image(repository.name, digest, tag) if digest or tag else None
        if image is None:
            raise problems.image_missing(digest, tag, repository.name, repository.registry_id)
        return repository, image

    # Repositories

    def create_repository(self) -> ActionResult:
        self.ecr_backend.create_repository(
            repository_name=self._get_param("repositoryName"),
            registry_id=None,
            encryption_config=self._get_param("encryptionConfiguration"),
            image_scan_config=self._get_param("imageScanningConfiguration"),
            image_tag_mutability=self._get_param("imageTagMutability"),
            image_tag_mutability_exclusion_filters=self._get_param("imageTagMutabilityExclusionFilters"),
            tags=self._get_param("tags", []),
        )
        return ActionResult({"repository": self._described(self.repository())})

    def describe_repositories(self) -> ActionResult:
        names = self._get_param("repositoryNames")
        found = self.ecr_backend.describe_repositories(self._get_param("registryId"), names)
        token = None
        if not names:
            found, token = page(found, self._get_param("maxResults"), self._get_param("nextToken"))
        return ActionResult({"repositories": [self._described(each) for each in found], "nextToken": token})

    def delete_repository(self) -> ActionResult:
        described = self._described(self.repository())
        self.registry.delete_repository(self.profile.name, described["repositoryName"], bool(self._get_param("force")))
        return ActionResult({"repository": described})

    def _described(self, repository: Any) -> dict[str, Any]:
        described = {
            "repositoryArn": repository.arn,
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "repositoryUri": f"{self.host}/{repository.name}",
            "createdAt": repository.created_at,
            "imageTagMutability": repository.image_tag_mutability,
            "imageScanningConfiguration": repository.image_scanning_configuration,
            "encryptionConfiguration": repository.encryption_configuration,
        }
        if repository.image_tag_mutability_exclusion_filters:
            filters = repository.image_tag_mutability_exclusion_filters
            described["imageTagMutabilityExclusionFilters"] = filters
        return described

    # Images

    def put_image(self) -> ActionResult:
        repository = self.repository()
        tag = self._get_param("imageTag")
        image = self.registry.put_image(
            self.profile.name,
            repository.name,
            self._get_param("imageManifest"),
            tag,
            self._get_param("imageManifestMediaType"),
            self._get_param("imageDigest"),
        )
        return ActionResult({"image": self._with_manifest(repository, image, tag)})

    def list_images(self) -> ActionResult:
        found = self._filtered(self.repository().images)
        ids = [
            {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})}
            for image in found
            for tag in image.image_tags or [None]
        ]
        ids, token = page(ids, self._get_param("maxResults"), self._get_param("nextToken"))
        return ActionResult({"imageIds": ids, "nextToken": token})

    def describe_images(self) -> ActionResult:
        repository = self.repository()
        token = None
        wanted = self._get_param("imageIds")
        if wanted:
            found = list(dict.fromkeys(self._by_id(repository, image_id) for image_id in wanted))
        else:
            found = self._filtered(repository.images)
            found, token = page(found, self._get_param("maxResults"), self._get_param("nextToken"))
        return ActionResult({"imageDetails": [self._detail(repository, each) for each in found], "nextToken": token})

    def batch_get_image(self) -> ActionResult:
        repository = self.repository()
        accepted = self._get_param("acceptedMediaTypes")
        found: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for wanted in self._get_param("imageIds"):
            digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
            image = self.ecr_backend.image(repository.name, digest, tag) if digest or tag else None
            if image is None or (accepted and image.image_manifest_media_type not in accepted):
                missing = ("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")
                code, reason = ("ImageNotFound", "Requested image not found") if digest or tag else missing
                failures.append({"imageId": wanted, "failureCode": code, "failureReason": reason})
            else:
                found.append(self._with_manifest(repository, image, tag or image.image_tag))
        return ActionResult({"images": found, "failures": failures})

    def batch_delete_image(self) -> ActionResult:
        name = self.repository().name
        answer = self.registry.delete_images(name, self._get_param("imageIds"))
        for image_id in answer["imageIds"]:
            self.registry.journal(
                self.profile.name, "delete", name, image_id.get("imageTag", ""), image_id["imageDigest"]
            )
        return ActionResult(answer)

    def _by_id(self, repository: Any, image_id: dict[str, str]) -> StoredImage:
        digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
        image = self.ecr_backend.image(repository.name, digest, tag) if digest or tag else None
        if image is None:
            raise problems.image_missing(digest, tag, repository.name, repository.registry_id)
        return image

    def _filtered(self, found: list[StoredImage]) -> list[StoredImage]:
        """Those that ``filter`` asks for; without an image status only active ones."""
        asked = self._get_param("filter", {}) or {}
        status, tag_status = asked.get("imageStatus", images.ACTIVE), asked.get("tagStatus", "ANY")
        return [
            image
            for image in found
            if status in ("ANY", image.image_status)
            and (tag_status == "ANY" or (tag_status == "TAGGED") == bool(image.image_tags))
        ]

    def _with_manifest(self, repository: Any, image: StoredImage, tag: str | None) -> dict[str, Any]:
        return {
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "imageId": {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})},
            "imageManifest": image.image_manifest,
            "imageManifestMediaType": image.image_manifest_media_type,
        }

    def _detail(self, repository: Any, image: StoredImage) -> dict[str, Any]:
        """The shape ImageDetail; what is not known is left out, as AWS does."""
        detail = {
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "imageDigest": image.digest,
            "imageTags": image.tags or None,
            "imageSizeInBytes": self.ecr_backend.size(repository.name, image),
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
