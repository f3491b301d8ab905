"""What moto lacks or only pretends: lifecycle previews, referrers, the archive, layers, scans, real tokens."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.iam.exceptions import MalformedPolicyDocument
from moto.iam.policy_validation import IAMPolicyDocumentValidator

from autograder.emulators.ecr import images, layers, lifecycle, problems, scanning, validation
from autograder.emulators.ecr.paging import page
from autograder.emulators.ecr.responses import ImageResponse
from autograder.emulators.ecr.tokens import USER


class Response(ImageResponse):
    """One request to the API; every operation of the emulator."""

    # Tokens

    def get_authorization_token(self) -> ActionResult:
        token, expires = self.registry.tokens.issue(self.profile.name, self.registry.now())
        encoded = base64.b64encode(f"{USER}:{token}".encode()).decode()
        data = {
            "authorizationToken": encoded,
            "expiresAt": datetime.fromtimestamp(expires, UTC),
            "proxyEndpoint": f"http://{self.host}",
        }
        return ActionResult({"authorizationData": [data]})

    # Lifecycle policies

    def put_lifecycle_policy(self) -> ActionResult:
        repository, text = self.repository(), self._get_param("lifecyclePolicyText")
        validation.lifecycle_policy(text)
        repository.lifecycle_policy = text
        return ActionResult(self._policy(repository, text))

    def get_lifecycle_policy(self) -> ActionResult:
        repository = self.repository()
        if not repository.lifecycle_policy:
            raise problems.policy_missing(repository.name, repository.registry_id)
        return ActionResult(self._policy(repository, repository.lifecycle_policy, evaluated=True))

    def delete_lifecycle_policy(self) -> ActionResult:
        answer = self.get_lifecycle_policy()
        self.repository().lifecycle_policy = None
        return answer

    def start_lifecycle_policy_preview(self) -> ActionResult:
        repository = self.repository()
        text = self._get_param("lifecyclePolicyText") or repository.lifecycle_policy
        if not text:
            raise problems.policy_missing(repository.name, repository.registry_id)
        repository.preview = lifecycle.preview(self.registry, repository.name, text)
        return ActionResult({**self._policy(repository, text), "status": "IN_PROGRESS"})

    def get_lifecycle_policy_preview(self) -> ActionResult:
        repository = self.repository()
        preview = repository.preview
        if preview is None:
            raise problems.preview_missing(repository.name, repository.registry_id)
        found = preview["previewResults"]
        wanted = self._get_param("imageIds")
        tag_status = (self._get_param("filter") or {}).get("tagStatus", "ANY")
        if wanted:
            found = [each for each in found if any(_is(each, image_id) for image_id in wanted)]
        if tag_status != "ANY":
            found = [each for each in found if (tag_status == "TAGGED") == bool(each["imageTags"])]
        results, token = page(found, self._get_param("maxResults"), self._get_param("nextToken"))
        answer = {**self._policy(repository, preview["lifecyclePolicyText"]), "status": "COMPLETE"}
        return ActionResult({**answer, "previewResults": results, "nextToken": token, "summary": preview["summary"]})

    def _policy(self, repository: Any, text: str, *, evaluated: bool = False) -> dict[str, Any]:
        answer = {
            "registryId": repository.registry_id,
            "repositoryName": repository.name,
            "lifecyclePolicyText": text,
        }
        if evaluated:  # a policy that has never run says 1970
            answer["lastEvaluatedAt"] = datetime.fromtimestamp(repository.last_evaluated_at or 0.0, UTC)
        return answer

    # Referrers and the archive

    def list_image_referrers(self) -> ActionResult:
        repository = self.repository()
        asked = self._get_param("filter") or {}
        types, status = asked.get("artifactTypes"), asked.get("artifactStatus", images.ACTIVE)
        found = [
            {
                "digest": image.digest,
                "mediaType": image.image_manifest_media_type,
                "artifactType": image.artifact_type,
                "size": len(image.image_manifest.encode("utf-8")),
                "annotations": image.annotations,
                "artifactStatus": image.image_status,
            }
            for image in self.ecr_backend.referrers(repository.name, self._get_param("subjectId")["imageDigest"])
            if (not types or image.artifact_type in types) and status in ("ANY", image.image_status)
        ]
        referrers, token = page(found, self._get_param("maxResults"), self._get_param("nextToken"))
        return ActionResult({"referrers": referrers, "nextToken": token})

    def update_image_storage_class(self) -> ActionResult:
        repository, image = self.wanted_image()
        status = {"ARCHIVE": images.ARCHIVED, "STANDARD": images.ACTIVE}.get(self._get_param("targetStorageClass"))
        if status is None:
            raise problems.invalid("targetStorageClass", "Member must satisfy enum value set: [STANDARD, ARCHIVE]")
        if status == image.image_status:
            text = f"The image with digest '{image.digest}' is in that storage class already."
            raise ServiceException("ImageStorageClassUpdateNotSupportedException", text)
        image.image_status = status
        if status == images.ARCHIVED:
            image.last_archived_at = self.registry.now()
        else:
            image.last_activated_at = self.registry.now()
        return ActionResult(
            {
                "registryId": repository.registry_id,
                "repositoryName": repository.name,
                "imageId": {"imageDigest": image.digest},
                "imageStatus": status,
            }
        )

    # Layers

    def initiate_layer_upload(self) -> ActionResult:
        upload_id = self.registry.uploads.start(self.repository().name)
        return ActionResult({"uploadId": upload_id, "partSize": layers.PART})

    def upload_layer_part(self) -> ActionResult:
        repository, upload_id = self.repository(), self._get_param("uploadId")
        blob = base64.b64decode(self._get_param("layerPartBlob"))
        first, last = self._get_param("partFirstByte"), self._get_param("partLastByte")
        received = self.registry.uploads.add(repository.name, upload_id, first, last, blob)
        return ActionResult({**self._uploading(repository, upload_id), "lastByteReceived": received})

    def complete_layer_upload(self) -> ActionResult:
        repository, upload_id = self.repository(), self._get_param("uploadId")
        store = self.registry.context.store
        digest = self.registry.uploads.complete(repository.name, upload_id, self._get_param("layerDigests"), store)
        return ActionResult({**self._uploading(repository, upload_id), "layerDigest": digest})

    def batch_check_layer_availability(self) -> ActionResult:
        store, digests = self.registry.context.store, self._get_param("layerDigests")
        return ActionResult(layers.availability(store, self.repository().name, digests))

    def get_download_url_for_layer(self) -> ActionResult:
        repository, digest = self.repository(), self._get_param("layerDigest")
        store = self.registry.context.store
        if not layers.DIGEST.fullmatch(digest) or store.blob_size(repository.name, digest) is None:
            raise problems.layer_missing(digest, repository.name, repository.registry_id)
        link = self.registry.tokens.link(repository.name, digest, self.registry.now())
        return ActionResult({"downloadUrl": f"http://{self.host}{link}", "layerDigest": digest})

    def _uploading(self, repository: Any, upload_id: str) -> dict[str, Any]:
        return {"registryId": repository.registry_id, "repositoryName": repository.name, "uploadId": upload_id}

    # Scanning

    def put_registry_scanning_configuration(self) -> ActionResult:
        scan_type, rules = self._get_param("scanType", "BASIC"), self._get_param("rules") or []
        validation.scanning(scan_type, rules)
        self.ecr_backend.put_registry_scanning_configuration(scan_type, rules)
        return ActionResult({"registryScanningConfiguration": {"scanType": scan_type, "rules": rules}})

    def start_image_scan(self) -> ActionResult:
        repository, image = self.wanted_image()
        last = image.scan["at"] if image.scan else None
        scan_type = self.ecr_backend.registry_scanning_configuration["scanType"]
        scanning.check(image, repository.name, scan_type, self.registry.now(), last)
        self.registry.scan(repository.name, image)
        return ActionResult({**self._scanned(repository, image), "imageScanStatus": {"status": "IN_PROGRESS"}})

    def describe_image_scan_findings(self) -> ActionResult:
        repository, image = self.wanted_image()
        if image.scan is None:
            wanted = self._get_param("imageId")
            digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
            raise scanning.missing(digest, tag, repository.name, repository.registry_id)
        found, token = page(image.scan["findings"], self._get_param("maxResults"), self._get_param("nextToken"))
        answer = {**self._scanned(repository, image), **scanning.describe(image.scan, found), "nextToken": token}
        return ActionResult(answer)

    def _scanned(self, repository: Any, image: images.StoredImage) -> dict[str, Any]:
        image_id = {"imageDigest": image.digest, **({"imageTag": image.image_tag} if image.image_tag else {})}
        return {"registryId": repository.registry_id, "repositoryName": repository.name, "imageId": image_id}

    # Policies and registry settings

    def set_repository_policy(self) -> ActionResult:
        repository, text = self.repository(), self._get_param("policyText")
        validation.repository_policy(text)
        repository.policy = text
        return self.get_repository_policy()

    def put_registry_policy(self) -> ActionResult:
        text = self._get_param("policyText")
        validation.registry_policy(text, _is_iam_policy)
        self.ecr_backend.registry_policy = text
        return ActionResult(self.ecr_backend.get_registry_policy())

    def put_replication_configuration(self) -> ActionResult:
        configuration = self._get_param("replicationConfiguration")
        validation.replication(configuration["rules"], self.ecr_backend.region_name, self.ecr_backend.account_id)
        self.ecr_backend.replication_config = configuration
        return ActionResult({"replicationConfiguration": configuration})


def _is(result: dict[str, Any], image_id: dict[str, str]) -> bool:
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    return (digest is None or digest == result["imageDigest"]) and (tag is None or tag in result["imageTags"])


def _is_iam_policy(text: str) -> bool:
    try:
        IAMPolicyDocumentValidator(text).validate()
    except MalformedPolicyDocument:
        return False
    return True
