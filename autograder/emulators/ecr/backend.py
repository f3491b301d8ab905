"""ECR's rules at ``/v2/``: the repository must exist, the token must be valid, tags keep their mutability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.exceptions import ServiceException

from autograder.emulators.backend import BaseBackend
from autograder.emulators.ecr import images, lifecycle, policies, problems, view
from autograder.emulators.ecr.api import Api
from autograder.emulators.ecr.identity import PROFILES, Identities
from autograder.emulators.ecr.registry import SERVICE, Registry
from autograder.emulators.ecr.scanning import Scanner
from autograder.emulators.ecr.work_queue import Work, at_once
from autograder.emulators.interface import Action, Call, Caller, Context, Headers, Kind, Manifest, RegistryError

# What an IAM policy must allow for each request of the distribution API.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
PERMISSIONS = {
    (Kind.CATALOG, "GET"): "ecr:DescribeRepositories",
    (Kind.UPLOAD, "POST"): "ecr:InitiateLayerUpload",
    (Kind.UPLOAD, "PATCH"): "ecr:UploadLayerPart",
    (Kind.UPLOAD, "GET"): "ecr:UploadLayerPart",
    (Kind.UPLOAD, "HEAD"): "ecr:UploadLayerPart",
    (Kind.UPLOAD, "DELETE"): "ecr:UploadLayerPart",
    (Kind.UPLOAD, "PUT"): "ecr:CompleteLayerUpload",
    (Kind.BLOB, "HEAD"): "ecr:BatchCheckLayerAvailability",
    (Kind.BLOB, "GET"): "ecr:GetDownloadUrlForLayer",
    (Kind.MANIFEST, "PUT"): "ecr:PutImage",
    (Kind.MANIFEST, "GET"): "ecr:BatchGetImage",
    (Kind.MANIFEST, "HEAD"): "ecr:BatchGetImage",
    (Kind.MANIFEST, "DELETE"): "ecr:BatchDeleteImage",
    (Kind.TAGS, "GET"): "ecr:ListImages",
    (Kind.REFERRERS, "GET"): "ecr:ListImageReferrers",
}


class EcrBackend(BaseBackend):
    """The ECR emulator's part of the shared proxy.

    Args:
        scanner: finds vulnerabilities; None: scans end as failed, with the reason.
        run_later: runs a scan, after the answer that began it has gone out.
    """

    service = SERVICE

    def __init__(
        self, context: Context, scanner: Scanner | None = None, run_later: Callable[[Work], None] = at_once
    ) -> None:
        super().__init__(context)
        self.registry = Registry(context, scanner, run_later)
        self.index = self.registry
        self.api = Api(self.registry, Identities(context.credentials))

    def authenticate(self, call: Call) -> Caller:
        profile = self.registry.tokens.profile(call.headers.get("authorization", ""), call.host, self.registry.now())
        return Caller(profile)

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        name, arn = call.repository, self.registry.arn(call.repository)
        permission = PERMISSIONS[call.kind, call.method]
        try:
            policies.authorise(PROFILES[caller.name], permission, arn, self.registry.policy(arn))
            if self.registry.tags(name) is None:
                raise problems.repository_missing(name, self.registry.moto.account_id)
        except ServiceException as problem:
            raise problems.as_registry_error(problem) from None
        if call.kind is Kind.MANIFEST and call.method != "PUT" and not self._exists(call):
            raise RegistryError(404, "MANIFEST_UNKNOWN", "Requested image not found")

    def _exists(self, call: Call) -> bool:
        if ":" in call.reference:
            return self.registry.has(call.repository, call.reference)
        return self.registry.resolve(call.repository, call.reference) is not None

    # Manifests

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        try:
            facts = images.read(manifest.body, manifest.media_type)
            self.registry.before_push(manifest.repository, manifest.tag, facts, again=True)
        except ServiceException as problem:
            raise problems.as_registry_error(problem) from None

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        facts = images.read(manifest.body, manifest.media_type)
        self.registry.after_push(manifest.repository, manifest.tag, manifest.body.decode("utf-8"), facts)
        # The referrers endpoint answers, so clients need no fallback tag (distribution-spec, "Pushing Manifests with
        # Subject").
        return {"OCI-Subject": facts.subject} if facts.subject else {}

    def check_pull(self, caller: Caller, call: Call, digest: str) -> None:
        image = self.registry.image(call.repository, digest)
        if image is not None and image.image_status == images.ARCHIVED:
            raise problems.as_registry_error(problems.archived(digest, call.repository))

    def commit_pull(self, caller: Caller, call: Call, digest: str, media_type: str) -> Headers:
        if call.method == "GET":
            self.registry.pulled(call.repository, digest)
        return {}

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """An image that an index refers to stays (https://github.com/aws/containers-roadmap/issues/1567)."""
        with self.registry.guard:
            image = self.registry.moto.image(repository, digest)
            last = tag is None or (image is not None and image.image_tags == [tag])
            holders = self.registry.moto.holders(repository).get(digest)
        if holders and last:
            raise problems.as_registry_error(problems.referenced(holders))

    def commit_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        self.registry.delete_images(repository, [{"imageTag": tag} if tag else {"imageDigest": digest}])

    def referrers(self, caller: Caller, repository: str, digest: str) -> list[dict[str, Any]]:
        """Descriptors of the artifacts about an image, for ``/v2/NAME/referrers/DIGEST``."""
        with self.registry.guard:
            if self.registry.tags(repository) is None:  # it went after it was asked for
                missing = problems.repository_missing(repository, self.registry.moto.account_id)
                raise problems.as_registry_error(missing)
            return [view.descriptor(image) for image in self.registry.moto.referrers(repository, digest)]

    # Everything else

    def catalog(self, caller: Caller) -> list[str]:
        try:
            permission = PERMISSIONS[Kind.CATALOG, "GET"]
            policies.authorise(PROFILES[caller.name], permission, self.registry.arn("*"), None)
        except ServiceException as problem:
            raise problems.as_registry_error(problem) from None
        with self.registry.guard:
            return sorted(self.registry.moto.repositories)

    def reconcile(self) -> list[str]:
        repaired = self.registry.reconcile()
        finished = lifecycle.finish(self.registry)
        return repaired + [
            f"finished a night that was interrupted: {line['repository']}@{line['digest']}" for line in finished
        ]

    def overnight(self) -> list[dict[str, Any]]:
        return lifecycle.overnight(self.registry)

    def forget(self, repository: str) -> bool:
        with self.registry.changing() as moto:
            moto.drop_scanning_filters(repository)
        if self.registry.tags(repository) is None:
            return False
        try:
            self.registry.delete_repository("owner", repository, force=True)
        except ServiceException as problem:
            raise problems.as_registry_error(problem) from None
        return True

    def snapshot(self) -> dict[str, Any]:
        with self.registry.guard:
            return view.snapshot(self.registry)

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        """The one helper operation is ``backdate`` (``repository``, ``days``: digest -> age), for a lab's fleet."""
        if operation != "backdate":
            raise LookupError(operation)
        try:
            return {"changed": self.registry.backdate(**arguments)}
        except ServiceException as problem:
            raise problems.as_registry_error(problem) from None
