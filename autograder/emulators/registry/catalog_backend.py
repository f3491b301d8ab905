"""A backend whose repositories live in the catalog: what Docker Hub, Artifact Registry and ACR have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from autograder.domain.retention.model import Action as RetentionAction
from autograder.domain.retention.model import Image, Result
from autograder.emulators.backend import BaseBackend
from autograder.emulators.clock import stamp
from autograder.emulators.interface import Call, Caller, Context, Headers, Manifest
from autograder.emulators.registry.catalog import Catalog, Record, measure


class CatalogBackend(BaseBackend):
    """Pushes, pulls and deletions recorded in the catalog; subclasses add the rules."""

    def __init__(self, context: Context, catalog: Catalog) -> None:
        super().__init__(context)
        self.index = self.names = catalog

    def check_push(self, caller: Caller, manifest: Manifest) -> None:
        measure(manifest)

    def commit_push(self, caller: Caller, manifest: Manifest) -> Headers:
        self.names.push(manifest)
        return {}

    def commit_pull(self, caller: Caller, call: Call, digest: str, media_type: str) -> Headers:
        if call.method == "GET":
            self.names.pulled(call.repository, digest)
        return {}

    def commit_delete(self, caller: Caller, repository: str, tag: str | None, digest: str) -> None:
        if tag is not None:
            self.names.untag(repository, tag)
        else:
            self.names.remove(repository, digest)

    def reconcile(self) -> list[str]:
        """Delete from the store what a killed process had only struck off the catalog."""
        due = self.names.empty_trash(self.context.store.delete_manifest, self.context.lock)
        return [f"{self.service}: removed {repository}@{digest} from the store" for repository, digest in due]

    def forget(self, repository: str) -> bool:
        with self.context.lock(repository):
            there = self.names.exists(repository)
            if there:
                self.names.remove_repository(repository)
        if there:
            self.reconcile()
            self.context.journal.record(self.service, "owner", "reset", repository=repository)
        return there

    def snapshot(self) -> dict[str, Any]:
        return {
            "repositories": [
                {
                    "name": name,
                    "attributes": self.names.attributes(name),
                    "images": [as_json(record) for record in self.names.records(name)],
                }
                for name in self.names.repositories()
            ]
        }

    # retention

    def images(self, repository: str, package: str) -> list[Image]:
        """What the retention engine sees of a repository; ``package`` is the name it goes by there."""
        return [as_image(record, package) for record in self.names.records(repository)]

    def expire(self, repository: str, image: Image, result: Result, who: str) -> dict[str, Any] | None:
        """Carry out one result of a retention policy: single tags go, or the whole image.

        Call it under the repository's lock. None if nothing goes, also when the image was changed, locked or pulled
        since the policy was evaluated: the next night decides again.
        """
        record = self.names.record(repository, result.digest)
        if record is None or (result.action is not RetentionAction.EXPIRE and not result.tags_removed):
            return None
        if as_image(record, image.repository) != image:
            return None
        with self.names.together():
            for tag in result.tags_removed:
                self.names.untag(repository, tag)
            if result.action is RetentionAction.EXPIRE:
                self.names.remove(repository, result.digest)
        what = "expire" if result.action is RetentionAction.EXPIRE else "untag"
        gone: dict[str, Any] = {
            "what": what,
            "repository": repository,
            "digest": result.digest,
            "tags": list(image.tags if result.action is RetentionAction.EXPIRE else result.tags_removed),
            "rule": result.rule,
            "why": result.why,
        }
        detail = {key: gone[key] for key in ("tags", "rule", "why")}
        self.context.journal.record(self.service, who, what, repository=repository, digest=result.digest, detail=detail)
        return gone


def as_image(record: Record, package: str) -> Image:
    """A catalog record as the retention engine's image. Locks count as ACR's ``changeableAttributes`` do."""
    return Image(
        digest=record.digest,
        pushed=record.pushed,
        tags=tuple(tag.name for tag in record.tags),
        repository=package,
        size=record.size,
        media_type=record.media_type,
        children=record.children,
        subject=record.subject or None,
        updated=record.changed,
        pulled=record.pulled,
        deletable=bool(record.attributes.get("deleteEnabled", True)),
        writable=bool(record.attributes.get("writeEnabled", True)),
        locked_tags=frozenset(tag.name for tag in record.tags if is_locked(tag.attributes)),
        tag_times={tag.name: tag.changed for tag in record.tags},
    )


def is_locked(attributes: dict[str, Any]) -> bool:
    """Whether attributes forbid deletion or writing."""
    return attributes.get("deleteEnabled") is False or attributes.get("writeEnabled") is False


def as_json(record: Record) -> dict[str, Any]:
    """A record for snapshots and listings; times as ISO 8601 UTC."""
    return {
        "digest": record.digest,
        "mediaType": record.media_type,
        "size": record.size,
        "children": list(record.children),
        "subject": record.subject or None,
        "pushed": stamp(record.pushed),
        "changed": stamp(record.changed),
        "pulled": optional(record.pulled),
        "attributes": record.attributes,
        "tags": [
            {
                "name": tag.name,
                "created": stamp(tag.created),
                "changed": stamp(tag.changed),
                "attributes": tag.attributes,
            }
            for tag in record.tags
        ],
    }


def optional(when: datetime | None) -> str | None:
    """A time as text, or None."""
    return None if when is None else stamp(when)
