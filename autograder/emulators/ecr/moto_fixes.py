"""moto's ECR backend with every deviation from AWS that the course would meet put right.

Written against moto 5.2.5; each correction has a test of its own, so that a newer moto shows what it changes. What
moto answers like AWS (descriptions, resource tags, policies' storage, registry settings) is inherited.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from moto.ecr.exceptions import RepositoryAlreadyExistsException
from moto.ecr.models import ECRBackend, Repository

from autograder.emulators.ecr import images, mutability, problems
from autograder.emulators.ecr.images import Facts, StoredImage

# botocore's pattern (API version 2015-09-21); the one moto uses is older and refuses "a--b".
NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
DIGEST = re.compile(r"[0-9a-zA-Z_+.-]+:[0-9a-fA-F]{64}")
ENCRYPTION = ("AES256", "KMS", "KMS_DSSE")

ImageId = dict[str, str]


class MotoBackend(ECRBackend):  # type: ignore[misc]
    """The ECR of one account and region.

    Args:
        region: an AWS region's name.
        account: the registry's id, twelve digits.
        now: the emulator's time, seconds since the epoch.
    """

    repositories: dict[str, Any]
    registry_scanning_configuration: dict[str, Any]

    def __init__(self, region: str, account: str, now: Callable[[], float]) -> None:
        super().__init__(region, account)
        self.now = now

    # Repositories

    def find(self, name: str) -> Any:
        """The repository. Raises RepositoryNotFoundException."""
        return self._get_repository(name)

    def create_repository(
        self,
        repository_name: str,
        registry_id: str | None,
        encryption_config: dict[str, str] | None,
        image_scan_config: Any,
        image_tag_mutability: str | None,
        tags: list[dict[str, str]],
        image_tag_mutability_exclusion_filters: list[dict[str, str]] | None = None,
    ) -> Any:
        if not 2 <= len(repository_name) <= 256 or not NAME.fullmatch(repository_name):
            raise problems.invalid("repositoryName", f"must satisfy regular expression '{NAME.pattern}'")
        mode = mutability.validate(image_tag_mutability, image_tag_mutability_exclusion_filters)
        if encryption_config and encryption_config.get("encryptionType") not in ENCRYPTION:
            where = "encryptionConfiguration.encryptionType"
            raise problems.invalid(where, f"Member must satisfy enum value set: [{', '.join(ENCRYPTION)}]")
        if repository_name in self.repositories:
            raise RepositoryAlreadyExistsException(repository_name, self.account_id)
        repository = Repository(
            account_id=self.account_id,
            region_name=self.region_name,
            repository_name=repository_name,
            registry_id=registry_id,
            encryption_config=encryption_config,
            image_scan_config=image_scan_config,
            image_tag_mutability=mode,
            image_tag_mutability_exclusion_filters=image_tag_mutability_exclusion_filters,
        )
        repository.image_tag_mutability = mode
        if repository.encryption_configuration == {"encryptionType": "KMS_DSSE"}:  # as moto does for KMS alone
            key = f"arn:aws:kms:{self.region_name}:{self.account_id}:key/{uuid.uuid4()}"
            repository.encryption_configuration["kmsKey"] = key
        repository.created_at = datetime.fromtimestamp(self.now(), UTC)
        repository.last_evaluated_at = None  # of its lifecycle policy, seconds since the epoch
        repository.preview = None
        self.repositories[repository_name] = repository
        self.tagger.tag_resource(repository.arn, tags)
        self._apply_scanning_rules([repository])
        return repository

    def put_image_tag_mutability(
        self,
        registry_id: str | None,
        repository_name: str,
        image_tag_mutability: str,
        image_tag_mutability_exclusion_filters: list[dict[str, str]] | None = None,
    ) -> dict[str, Any]:
        repository = self._get_repository(repository_name, registry_id)
        mode = mutability.validate(image_tag_mutability, image_tag_mutability_exclusion_filters)
        repository.image_tag_mutability = mode
        repository.image_tag_mutability_exclusion_filters = image_tag_mutability_exclusion_filters
        answer = {
            "registryId": repository.registry_id,
            "repositoryName": repository_name,
            "imageTagMutability": mode,
        }
        if image_tag_mutability_exclusion_filters:
            answer["imageTagMutabilityExclusionFilters"] = image_tag_mutability_exclusion_filters
        return answer

    # Images

    def image(self, repository_name: str, digest: str | None = None, tag: str | None = None) -> StoredImage | None:
        """The image with that digest and tag (whichever are given), or None."""
        for image in self.find(repository_name).images:
            if (digest is None or image.digest == digest) and (tag is None or tag in image.image_tags):
                return image  # type: ignore[no-any-return]
        return None

    def check_image(self, repository_name: str, tag: str | None, facts: Facts, *, again: bool) -> None:
        """Refuse what ECR refuses about a manifest, before anything is written.

        Args:
            again: whether the same manifest under the same tag may be put once more (docker push) or is an error
                (PutImage). An immutable tag is refused in both cases, even for the same manifest:
                https://github.com/aws/containers-roadmap/issues/2179
        """
        repository = self.find(repository_name)
        holder = self.image(repository_name, tag=tag) if tag else None
        filters = repository.image_tag_mutability_exclusion_filters
        if tag and holder and mutability.is_immutable(repository.image_tag_mutability, filters, tag):
            raise problems.tag_exists(tag, repository_name)
        known = self.image(repository_name, digest=facts.digest)
        if known and not again and (tag is None or known is holder):
            raise problems.image_exists(facts.digest, tag, repository_name, repository.registry_id)
        there = {image.digest for image in repository.images}
        missing = [child for child in facts.children if child not in there]
        if missing:
            raise problems.children_missing(missing, repository_name, repository.registry_id)

    def record_image(self, repository_name: str, manifest: str, tag: str | None, facts: Facts) -> StoredImage:
        """Put the image on record. A tag moves; the image that had it stays, untagged if that was its last tag.

        A manifest that is already there keeps its push time (https://github.com/aws/containers-roadmap/issues/2746).
        """
        repository = self.find(repository_name)
        image = self.image(repository_name, digest=facts.digest)
        if image is None:
            image = StoredImage(self.account_id, repository_name, manifest, facts, self.now())
            repository.images.append(image)
        elif image.image_status == images.ARCHIVED:
            image.image_status, image.last_activated_at = images.ACTIVE, self.now()
        for artifact in self.referrers(repository_name, facts.digest):
            artifact.subject_removed = False
        if tag:
            holder = self.image(repository_name, tag=tag)
            if holder is not None and holder is not image:
                holder.drop_tag(tag)
            image.add_tag(tag)
        return image

    def put_image(
        self,
        repository_name: str,
        image_manifest: str,
        image_tag: str | None,
        image_manifest_mediatype: str | None = None,
        digest: str | None = None,
    ) -> StoredImage:
        facts = self.read_image(repository_name, image_manifest, image_manifest_mediatype, digest)
        self.check_image(repository_name, image_tag, facts, again=False)
        return self.record_image(repository_name, image_manifest, image_tag, facts)

    def read_image(self, repository_name: str, manifest: str, media_type: str | None, digest: str | None) -> Facts:
        """Facts of a manifest that is to be put through the API. Raises the refusals that need no other image."""
        self.find(repository_name)
        facts = images.read(manifest.encode("utf-8"), media_type)
        if not media_type and "mediaType" not in json.loads(manifest):
            raise problems.invalid("imageManifestMediaType", "image manifest mediatype not provided")
        if digest is not None and digest != facts.digest:
            raise problems.digest_differs()
        return facts

    def size(self, repository_name: str, image: StoredImage) -> int:
        """Bytes: config and layers as stored; for an index the largest of its children."""
        if image.size is not None:
            return image.size
        by_digest = {other.digest: other for other in self.find(repository_name).images}
        return max((by_digest[child].size or 0 for child in image.children if child in by_digest), default=0)

    def referrers(self, repository_name: str, digest: str) -> list[StoredImage]:
        """Images whose ``subject`` is that digest, oldest first."""
        return [image for image in self.find(repository_name).images if image.subject == digest]

    def holders(self, repository_name: str) -> dict[str, list[str]]:
        """Child digest -> digests of the indexes that refer to it."""
        indexes: dict[str, list[str]] = {}
        for image in self.find(repository_name).images:
            for child in image.children:
                indexes.setdefault(child, []).append(image.digest)
        return indexes

    def remove_image(self, repository_name: str, digest: str) -> None:
        """Strike an image off the record; artifacts that are about it are marked, ECR collects them later."""
        repository = self.find(repository_name)
        repository.images = [image for image in repository.images if image.digest != digest]
        for artifact in self.referrers(repository_name, digest):
            artifact.subject_removed = True

    def batch_delete_image(
        self, repository_name: str, registry_id: str | None = None, image_ids: Sequence[ImageId] | None = None
    ) -> dict[str, Any]:
        """By tag: the tag goes, and with its last tag the image. By digest: the image with all its tags.

        References of indexes are those at the beginning of the call: an index and its children take two calls.
        """
        self._get_repository(repository_name, registry_id)
        held = self.holders(repository_name)
        gone: list[ImageId] = []
        failures: list[dict[str, Any]] = []
        for wanted in image_ids or ():
            digest, tag = wanted.get("imageDigest"), wanted.get("imageTag")
            failure = _malformed(digest, tag)
            image = None if failure else self.image(repository_name, digest, tag)
            if image is None:
                code, reason = failure or ("ImageNotFound", "Requested image not found")
                failures.append({"imageId": dict(wanted), "failureCode": code, "failureReason": reason})
                continue
            only_tag = digest is None and len(image.image_tags) > 1
            if image.digest in held and not only_tag:
                reason = problems.referenced_reason(held[image.digest])
                failures.append(
                    {"imageId": dict(wanted), "failureCode": "ImageReferencedByManifestList", "failureReason": reason}
                )
                continue
            removed = [tag] if only_tag else image.tags
            if only_tag:
                image.drop_tag(str(tag))
            else:
                self.remove_image(repository_name, image.digest)
            gone += [{"imageDigest": image.digest, "imageTag": str(name)} for name in removed]
            gone += [] if removed else [{"imageDigest": image.digest}]
        return {"imageIds": gone, "failures": failures}

    # Registry settings

    def put_registry_scanning_configuration(self, scan_type: str, rules: list[dict[str, Any]]) -> None:
        self.registry_scanning_configuration = {"scanType": scan_type, "rules": rules}
        self._apply_scanning_rules(self.repositories.values())

    def scan_frequency(self, name: str) -> tuple[str, list[dict[str, str]]]:
        """How often a repository is scanned and by which filters; a continuous rule wins over scan on push."""
        filters: dict[str, list[dict[str, str]]] = {}
        for rule in self.registry_scanning_configuration["rules"]:
            for entry in rule["repositoryFilters"]:
                if _matches(entry["filter"], name):
                    filters.setdefault(rule["scanFrequency"], []).append(entry)
        for frequency in ("CONTINUOUS_SCAN", "SCAN_ON_PUSH"):
            if frequency in filters:
                return frequency, filters[frequency]
        return "MANUAL", []

    def drop_scanning_filters(self, name: str) -> None:
        """Forget the filters that match this repository and none that is there, and the rules that are empty then."""
        others = self.repositories.keys() - {name}
        kept = []
        for rule in self.registry_scanning_configuration["rules"]:
            filters = [
                entry
                for entry in rule["repositoryFilters"]
                if not _matches(entry["filter"], name) or any(_matches(entry["filter"], other) for other in others)
            ]
            if filters:
                kept.append({**rule, "repositoryFilters": filters})
        self.put_registry_scanning_configuration(self.registry_scanning_configuration["scanType"], kept)

    def _apply_scanning_rules(self, repositories: Iterable[Any]) -> None:
        for repository in repositories:
            frequency, filters = self.scan_frequency(repository.name)
            repository.scanning_config |= {
                "scanFrequency": frequency,
                "scanOnPush": frequency != "MANUAL",
                "appliedScanFilters": filters,
            }


def _matches(pattern: str, name: str) -> bool:
    """Whether a scanning filter takes a repository; one without ``*`` takes any name that contains it.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning-filters.html
    """
    return fnmatchcase(name, pattern) if "*" in pattern else pattern in name


def _malformed(digest: str | None, tag: str | None) -> tuple[str, str] | None:
    if digest is None and tag is None:
        return "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
    if digest is not None and not DIGEST.fullmatch(digest):
        expected = "[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+"
        return "InvalidImageDigest", f"Invalid request parameters: image digest should satisfy the regex '{expected}'"
    return None
