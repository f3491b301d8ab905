"""What `az acr` shows and changes of images: locks, metadata, deletion, retention and `acr purge`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autograder.domain.retention.acr import evaluate
from autograder.domain.retention.acr_command import parse_purge
from autograder.domain.retention.acr_policy import AcrPolicy
from autograder.domain.retention.model import Action, Image, InvalidPolicy, Preview
from autograder.emulators.acr.settings import OWNER, AcrSettings
from autograder.emulators.clock import stamp
from autograder.emulators.interface import Caller, RegistryError
from autograder.emulators.registry.catalog_backend import CatalogBackend, is_locked

# https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
ATTRIBUTES = ("deleteEnabled", "writeEnabled", "readEnabled", "listEnabled")
LOCKS = ATTRIBUTES[:3]  # hiding an image from lists is not in this mock


class AcrImages:
    """The registry's repositories, tags and manifests as `az acr` sees them."""

    def __init__(self, backend: CatalogBackend, settings: AcrSettings) -> None:
        self._backend = backend
        self._settings = settings
        self._context = backend.context
        self._names = backend.names

    def commands(self) -> dict[str, Callable[..., Any]]:
        """The helper commands of this module. They raise RegistryError."""
        return {
            "repository-list": self._names.repositories,
            "repository-show": self._repository_show,
            "repository-update": self._repository_update,
            "repository-delete": self._repository_delete,
            "repository-untag": self._repository_untag,
            "manifest-list": self._manifests,
            "run": self._run,
        }

    # retention and purge

    def retain(self) -> list[dict[str, Any]]:
        """Run the retention policy for untagged manifests, if it is on."""
        retention = self._settings.retention()
        return self._clean(AcrPolicy(retention=retention), "retentionPolicy") if retention else []

    def _preview(self, policy: AcrPolicy) -> tuple[list[Image], Preview]:
        names = [name for name in self._names.repositories() if not is_locked(self._names.attributes(name))]
        images = [image for name in names for image in self._backend.images(name, name)]
        return images, evaluate(policy, images, self._context.clock.now())

    def _clean(self, policy: AcrPolicy, who: str) -> list[dict[str, Any]]:
        gone = []
        images, preview = self._preview(policy)
        for image, result in zip(images, preview.results, strict=True):
            if preview.dry_run:
                break
            with self._context.lock(image.repository):
                if is_locked(self._names.attributes(image.repository)):
                    continue
                done = self._backend.expire(image.repository, image, result, who)
            gone += [done] if done else []
        self._backend.reconcile()
        return gone

    def _repository_show(self, image: str) -> dict[str, Any]:
        repository, tag, digest = self._find(image)
        if tag:
            record = self._names.tag(repository, tag)
            assert record is not None
            times = {"createdTime": stamp(record.created), "lastUpdateTime": stamp(record.changed)}
            return {
                "name": tag,
                "digest": record.digest,
                **times,
                "changeableAttributes": attributes_of(record.attributes),
            }
        if digest:
            return next(entry for entry in self._manifests(repository) if entry["digest"] == digest)
        counts = {
            "manifestCount": len(self._names.records(repository)),
            "tagCount": len(self._names.tags(repository) or []),
        }
        attributes = attributes_of(self._names.attributes(repository))
        return {"imageName": repository, **counts, "changeableAttributes": attributes}

    def _repository_update(self, image: str, attributes: dict[str, bool]) -> dict[str, Any]:
        """Lock or unlock. https://learn.microsoft.com/azure/container-registry/container-registry-image-lock"""
        unknown = [key for key in attributes if key not in LOCKS]
        if unknown or not attributes:
            raise RegistryError(400, "INVALID_ARGUMENT", f"give at least one of {', '.join(LOCKS)}")
        with self._held(image) as (repository, tag, digest):
            self._names.change_attributes(repository, attributes, digest=digest or None, tag=tag or None)
        self._noted("repository-update", repository, image, **attributes)
        return self._repository_show(image)

    def _repository_delete(self, image: str) -> dict[str, Any]:
        """A repository, or the manifest behind a tag or digest with all its tags, as `az acr repository delete`."""
        with self._held(image) as (repository, tag, digest):
            target = digest or (self._names.resolve(repository, tag) or "" if tag else "")
            for record in self._names.records(repository):
                if target in ("", record.digest):
                    self._backend.check_delete(Caller(OWNER), repository, None, record.digest)
            if target:
                self._names.remove(repository, target)
            else:
                self._names.remove_repository(repository)
        self._backend.reconcile()
        self._noted("repository-delete", repository, image)
        return {"deleted": image}

    def _repository_untag(self, image: str) -> dict[str, Any]:
        with self._held(image) as (repository, tag, _):
            digest = self._names.resolve(repository, tag)
            if digest is None:
                raise RegistryError(400, "INVALID_ARGUMENT", "name an image with its tag: NAME:TAG")
            self._backend.check_delete(Caller(OWNER), repository, tag, digest)
            self._names.untag(repository, tag)
        self._noted("repository-untag", repository, image)
        return {"untagged": image, "digest": digest}

    def _manifests(self, repository: str) -> list[dict[str, Any]]:
        """Shaped as `az acr manifest list-metadata` prints it."""
        self._find(repository)
        return [
            {
                "digest": record.digest,
                "mediaType": record.media_type,
                "imageSize": record.size,
                "createdTime": stamp(record.pushed),
                "lastUpdateTime": stamp(record.changed),
                "tags": [tag.name for tag in record.tags],
                "changeableAttributes": attributes_of(record.attributes),
            }
            for record in self._names.records(repository)
        ]

    def _run(self, cmd: str) -> dict[str, Any]:
        """An `acr purge` command, as `az acr run --cmd "acr purge …"` runs it."""
        try:
            purge = parse_purge(cmd)
        except InvalidPolicy as error:
            raise RegistryError(400, "INVALID_ARGUMENT", str(error)) from None
        policy = AcrPolicy(purge=purge)
        _, preview = self._preview(policy)
        listed = [
            result.as_json() for result in preview.results if result.action is Action.EXPIRE or result.tags_removed
        ]
        done = [] if purge.dry_run else self._clean(policy, "acr purge")
        self._noted("run", "", "", cmd=cmd)
        return {"dryRun": purge.dry_run, "listed": listed, "gone": done, "notes": list(preview.notes)}

    # plumbing

    def _find(self, image: str) -> tuple[str, str, str]:
        """Repository, tag and digest of NAME, NAME:TAG or NAME@DIGEST. Raises RegistryError 404 unless it exists."""
        repository, tag, digest = _split(image)
        known = self._names.exists(repository) and (not digest or self._names.has(repository, digest))
        if not known or (tag and self._names.resolve(repository, tag) is None):
            raise RegistryError(404, "NAME_UNKNOWN", f"there is no {image} in this registry")
        return repository, tag, digest

    @contextmanager
    def _held(self, image: str) -> Iterator[tuple[str, str, str]]:
        """What :meth:`_find` finds, with the repository's lock held: nothing of it goes or moves meanwhile."""
        with self._context.lock(_split(image)[0]):
            yield self._find(image)

    def _noted(self, operation: str, repository: str, image: str, **detail: object) -> None:
        self._context.journal.record(
            "acr", OWNER, "configure", repository=repository, detail={"operation": operation, "image": image, **detail}
        )


def _split(image: str) -> tuple[str, str, str]:
    name, _, digest = image.partition("@")
    repository, _, tag = name.partition(":")
    return repository, tag, digest


def attributes_of(stored: dict[str, Any]) -> dict[str, bool]:
    """All four of ``changeableAttributes``; what was never changed is true."""
    return {name: bool(stored.get(name, True)) for name in ATTRIBUTES}
