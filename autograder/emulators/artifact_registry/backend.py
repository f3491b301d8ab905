"""Artifact Registry's rules: PROJECT/REPOSITORY/IMAGE, repositories made first, roles, immutable tags, cleanup.

Sources: the pages named at each rule. Error texts are those that Docker users report; where Google documents none, the
comment says so.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from autograder.domain.retention.artifact_registry import evaluate
from autograder.domain.retention.gar_validate import parse_document, validate
from autograder.domain.retention.model import Action as RetentionAction
from autograder.domain.retention.model import Image, Preview
from autograder.emulators.clock import stamp
from autograder.emulators.interface import Action, Call, Caller, Context, Headers, Manifest, RegistryError
from autograder.emulators.json_store import read_json, write_json
from autograder.emulators.registry.access_tokens import AccessTokens
from autograder.emulators.registry.bearer import BearerBackend, Identity, Scope
from autograder.emulators.registry.catalog import Catalog

# https://docs.cloud.google.com/artifact-registry/docs/docker/authentication
TOKEN_USER = "oauth2accesstoken"
KEY_USERS = ("_json_key", "_json_key_base64")
TOKEN_LIFETIME = timedelta(hours=1)

# https://docs.cloud.google.com/artifact-registry/docs/access-control#roles
ROLES = {
    "roles/artifactregistry.reader": {"pull"},
    "roles/artifactregistry.writer": {"pull", "push"},
    "roles/artifactregistry.repoAdmin": {"pull", "push", "delete"},
}
OWNER = "roles/artifactregistry.repoAdmin"
PERMISSIONS = {Action.PULL: "downloadArtifacts", Action.PUSH: "uploadArtifacts", Action.DELETE: "deleteArtifacts"}

PROJECT = re.compile(
    r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
)  # https://cloud.google.com/resource-manager/docs/creating-managing-projects
REPOSITORY = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
LOCATION = re.compile(r"[a-z]+(?:-[a-z]+[0-9]+)?")  # us-central1, or a multi-region such as "europe"
GCR_HOSTS = ("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io")
# What gcr.io has answered since its end, with status 412. Its code there is unknown to Docker, which then retries for
# half a minute; ours is DENIED, which Docker reports at once. The text:
# https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar
MIGRATE = (
    "Container Registry is deprecated and shutting down, please use the auto migration tool to migrate to Artifact "
    "Registry (gcloud artifacts docker upgrade migrate --projects='{project}'). For more details see: "
    "https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar"
)


class ArtifactRegistryBackend(BearerBackend):
    """Docker repositories of Artifact Registry, all locations behind one address."""

    service = "artifact-registry"
    realm_path = "/v2/token"
    accepts_basic = True

    def __init__(self, context: Context, catalog: Catalog) -> None:
        super().__init__(context, catalog)
        self._file = context.state / "repositories.json"
        self.repositories: dict[str, dict[str, Any]] = read_json(self._file, {})
        self.keys = AccessTokens(context.state / "keys.json", context.clock)
        # Held around each change of the settings, and around each change of images by what the settings say. Who holds
        # the lock of an image may take it, never the other way round.
        self._guard = threading.RLock()

    # who

    def identify(self, user: str, password: str) -> Identity | None:
        if user == TOKEN_USER:
            claims = self.signer.read(password.strip(), "google")
            return Identity(claims["sub"], {"role": OWNER}) if claims else None
        if user in KEY_USERS:
            key = self.keys.find(_private_key(password, user == KEY_USERS[1]))
            return Identity(key.owner, {"role": key.scopes[0]}) if key else None
        return None

    def rights(self, identity: Identity | None, repository: str) -> set[str]:
        return ROLES[identity.facts["role"]] if identity else set()

    def allows(self, caller: Caller, repository: str, action: str) -> bool:
        """The role decides, whatever the token was asked for: Google's own `crane delete` asks for pull and push.

        https://github.com/google/go-containerregistry/blob/main/pkg/v1/remote/transport/scope.go
        """
        if "facts" not in caller.claims:
            return super().allows(caller, repository, action)
        identity = Identity(caller.name, caller.claims["facts"]) if caller.name else None
        return action in self.rights(identity, repository)

    def refused_scope(self, identity: Identity | None, scope: Scope) -> RegistryError | None:
        """The token endpoint refuses what the role does not hold, gcr.io's what it no longer takes: 403 and 412.

        So containerd, which asks by HEAD first and reads no body there, gets the reason with the token's refusal.
        https://github.com/docker/login-action/issues/606, https://github.com/docker/build-push-action/pull/1375
        """
        closed = _container_registry(scope.name)
        if closed is not None:
            return closed
        allowed = self.rights(identity, scope.name)
        missing = [action for action in PERMISSIONS if action in scope.actions and action not in allowed]
        if "*" in scope.actions and not allowed:
            missing.append(Action.PULL)
        return self._denied(identity.name if identity else "", scope.name, missing[-1]) if missing else None

    def authorise(self, caller: Caller, call: Call, action: Action) -> None:
        """The name's form first, then the role, then whether the repository exists."""
        closed = _container_registry(call.repository)
        if closed is not None:
            raise closed
        if not self.allows(caller, call.repository, action):
            raise self._denied(caller.name, call.repository, action)
        project, repository, *_ = call.repository.split("/")
        if f"{project}/{repository}" not in self.repositories:
            raise _not_found(repository)

    def _denied(self, who: str, name: str, action: Action) -> RegistryError:
        project, repository, *_ = name.split("/")
        settings = self.repositories.get(f"{project}/{repository}")
        location = settings["location"] if settings else "us-central1"
        permission = f'"artifactregistry.repositories.{PERMISSIONS[action]}"'
        resource = f'"projects/{project}/locations/{location}/repositories/{repository}" (or it may not exist)'
        if who:
            return RegistryError(403, "DENIED", f"Permission {permission} denied on resource {resource}")
        stranger = "Unauthenticated request. Unauthenticated requests do not have permission"
        return RegistryError(403, "DENIED", f"{stranger} {permission} on resource {resource}")

    # what

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        """https://cloud.google.com/artifact-registry/docs/docker/troubleshoot#push"""
        super().check_push(caller, manifest)
        immutable = self._immutable(manifest.repository)
        before = self.names.resolve(manifest.repository, manifest.tag) if manifest.tag else None
        if before not in (None, manifest.digest) and immutable:
            text = f"cannot update tag {manifest.tag}. The repository has enabled tag immutability"
            raise RegistryError(400, "MANIFEST_INVALID", text)

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        """Check again: the settings may have changed, or the repository gone, while the store took the bytes."""
        with self._guard:
            self.check_push(caller, manifest)
            return super().commit_push(caller, manifest)

    def check_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        """With immutable tags neither a tag nor a tagged image can be deleted; a child goes after its index.

        https://cloud.google.com/sdk/gcloud/reference/artifacts/repositories/create (``--immutable-tags``)
        """
        if self._immutable(repository):
            record = self.names.record(repository, digest)
            if tag is not None or (record and record.tags):
                text = f"cannot delete {tag or digest}. The repository has enabled tag immutability"
                raise RegistryError(400, "MANIFEST_INVALID", text)
        if tag is None and any(digest in other.children for other in self.names.records(repository)):
            raise RegistryError(
                400, "MANIFEST_INVALID", f"{digest} is still referenced by a manifest list; delete it first"
            )

    def commit_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        with self._guard:
            self.check_delete(caller, repository, tag, digest)
            super().commit_delete(caller, repository, tag, digest)

    def _immutable(self, repository: str) -> bool:
        """Raises RegistryError NAME_UNKNOWN if the repository has been deleted."""
        project, name, *_ = repository.split("/")
        settings = self.repositories.get(f"{project}/{name}")
        if settings is None:
            raise _not_found(name)
        return bool(settings["immutableTags"])

    # cleanup policies

    def overnight(self) -> list[dict[str, Any]]:
        """Background cleanup of every repository that has policies."""
        return [gone for name, settings in list(self.repositories.items()) for gone in self._clean(name, settings)]

    def _preview(self, name: str, settings: dict[str, Any]) -> tuple[list[Image], Preview]:
        images = [image for path in self._packages(name) for image in self.images(path, path.split("/", 2)[2])]
        policy = replace(
            parse_document(settings["cleanupPolicies"]),
            dry_run=settings["cleanupPolicyDryRun"],
            immutable_tags=settings["immutableTags"],
        )
        return images, evaluate(policy, images, self.context.clock.now())

    def _clean(self, name: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
        """Run the policies of a repository, for as long as its settings are these."""
        if not settings["cleanupPolicies"]:
            return []
        gone = []
        images, preview = self._preview(name, settings)
        for image, result in zip(images, preview.results, strict=True):
            path = f"{name}/{result.repository}"
            if result.action is not RetentionAction.EXPIRE:
                continue
            if preview.dry_run:  # Data Access audit logs show what a dry run would delete
                detail = {"rule": result.rule, "why": result.why, "dryRun": True}
                self.context.journal.record(
                    self.service, "cleanup", "would-expire", repository=path, digest=result.digest, detail=detail
                )
                continue
            with self.context.lock(path), self._guard:
                if self.repositories.get(name) is not settings:
                    break
                done = self.expire(path, image, result, "cleanup")
            gone += [done] if done else []
        self.reconcile()
        return gone

    def _packages(self, name: str) -> list[str]:
        return [path for path in self.names.repositories() if path.startswith(f"{name}/")]

    # helper commands

    def admin(self, operation: str, arguments: dict[str, Any]) -> Any:
        handlers: dict[str, Callable[..., Any]] = {
            "token": self._token,
            "key-create": self._key_create,
            "repository-create": self._create,
            "repository-list": self._list,
            "repository-describe": self._describe,
            "repository-delete": self._delete,
            "repository-immutable": self._set_immutable,
            "cleanup-set": self._set_cleanup,
            "cleanup-preview": self._show_preview,
        }
        if operation not in handlers:
            raise LookupError(operation)
        return handlers[operation](**arguments)

    def _token(self, account: str) -> dict[str, Any]:
        token = self.signer.issue(account, "google", TOKEN_LIFETIME)
        return {"account": account, "token": token, "seconds": int(TOKEN_LIFETIME.total_seconds())}

    def _key_create(self, project: str, account: str, role: str) -> dict[str, Any]:
        if role not in ROLES:
            raise RegistryError(400, "INVALID_ARGUMENT", f"a role is one of {', '.join(ROLES)}")
        if not PROJECT.fullmatch(project) or not PROJECT.fullmatch(account):
            raise RegistryError(400, "INVALID_ARGUMENT", "project and account are 6 to 30 of a-z, 0-9 and -")
        email = f"{account}@{project}.iam.gserviceaccount.com"
        key, secret = self.keys.create(email, account, [role], None, "")
        self._configured("key-create", account=email, role=role, key=key.id)
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key.id,
            "private_key": secret,
            "client_email": email,
        }

    def _create(self, project: str, repository: str, location: str, immutable_tags: bool) -> dict[str, Any]:
        """https://cloud.google.com/sdk/gcloud/reference/artifacts/repositories/create"""
        for text, form, what in (
            (project, PROJECT, "a project id is 6 to 30 of a-z, 0-9 and -, and begins with a letter"),
            (repository, REPOSITORY, "a repository is 1 to 63 of a-z, 0-9 and -, and begins with a letter"),
            (location, LOCATION, "a location is a region such as us-central1, or us, europe, asia"),
        ):
            if not form.fullmatch(text):
                raise RegistryError(400, "INVALID_ARGUMENT", f"{text!r}: {what}")
        name = f"{project}/{repository}"
        with self._guard:
            if name in self.repositories:
                raise RegistryError(409, "ALREADY_EXISTS", "the repository already exists")
            settings: dict[str, Any] = {
                "location": location,
                "format": "DOCKER",
                "mode": "STANDARD_REPOSITORY",
                "immutableTags": immutable_tags,
                "createTime": stamp(self.context.clock.now()),
                "cleanupPolicies": [],  # as in the policy file
                "cleanupPolicyDryRun": True,
            }
            self._save({**self.repositories, name: settings})
        self._configured("repository-create", repository=name, location=location, immutableTags=immutable_tags)
        return self._describe(name)

    def _list(self) -> list[dict[str, Any]]:
        return list(map(self._describe, sorted(self.repositories)))

    def _describe(self, name: str) -> dict[str, Any]:
        settings = self._settings(name)
        return {"name": name, **settings, "packages": [path.split("/", 2)[2] for path in self._packages(name)]}

    def _delete(self, name: str) -> dict[str, Any]:
        """Settings and images as one step: a push ends before it, or finds no repository when it would commit."""
        with self._guard:
            described = self._describe(name)
            for path in self._packages(name):
                self.names.remove_repository(path)
            self._save({other: value for other, value in self.repositories.items() if other != name})
        self.reconcile()
        self._configured("repository-delete", repository=name)
        return described

    def forget(self, repository: str) -> bool:
        """Of PROJECT/REPOSITORY/IMAGE the image, of PROJECT/REPOSITORY all images and the settings."""
        if repository not in self.repositories:
            return super().forget(repository)
        self._delete(repository)
        return True

    def _set_immutable(self, name: str, immutable_tags: bool) -> dict[str, Any]:
        return self._change(name, "repository-immutable", {"immutableTags": immutable_tags})

    def _set_cleanup(self, name: str, policies: object, dry_run: bool) -> dict[str, Any]:
        """https://cloud.google.com/sdk/gcloud/reference/artifacts/repositories/set-cleanup-policies"""
        self._settings(name)
        errors = validate(policies)
        if errors or not isinstance(policies, list):
            raise RegistryError(
                400, "INVALID_ARGUMENT", "; ".join(f"{error.path}: {error.message}" for error in errors)
            )
        return self._change(name, "cleanup-set", {"cleanupPolicies": policies, "cleanupPolicyDryRun": dry_run})

    def _show_preview(self, name: str) -> list[dict[str, object]]:
        return [result.as_json() for result in self._preview(name, self._settings(name))[1].results]

    def _change(self, name: str, operation: str, changed: dict[str, Any]) -> dict[str, Any]:
        with self._guard:
            self._save({**self.repositories, name: {**self._settings(name), **changed}})
        self._configured(operation, repository=name, **changed)
        return self._describe(name)

    def _settings(self, name: str) -> dict[str, Any]:
        if name not in self.repositories:
            raise RegistryError(404, "NOT_FOUND", f"there is no repository {name}")
        return self.repositories[name]

    def _save(self, repositories: dict[str, dict[str, Any]]) -> None:
        write_json(self._file, repositories)
        self.repositories = repositories

    def _configured(self, operation: str, repository: str = "", **detail: object) -> None:
        self.context.journal.record(
            self.service, "owner", "configure", repository=repository, detail={"operation": operation, **detail}
        )

    def snapshot(self) -> dict[str, Any]:
        return {**super().snapshot(), "settings": self._list(), "keys": [key.public() for key in self.keys.all()]}


def _not_found(repository: str) -> RegistryError:
    """https://cloud.google.com/artifact-registry/docs/docker/troubleshoot"""
    return RegistryError(404, "NAME_UNKNOWN", f'Repository "{repository}" not found')


def _container_registry(name: str) -> RegistryError | None:
    """The error for a name in Container Registry's form (HOST/PROJECT/…, or fewer than three parts), else None."""
    parts = name.split("/")
    if parts[0] not in GCR_HOSTS and len(parts) >= 3:
        return None
    project = parts[1] if parts[0] in GCR_HOSTS and len(parts) > 1 else parts[0]
    return RegistryError(412, "DENIED", MIGRATE.format(project=project))


def _private_key(password: str, encoded: bool) -> str:
    """The secret inside a key file; "" if it is none."""
    try:
        text = base64.b64decode(password, validate=True).decode() if encoded else password
        return str(json.loads(text)["private_key"])
    except (ValueError, KeyError, TypeError):
        return ""
