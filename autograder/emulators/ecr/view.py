"""The emulator's state as plain data, for Evidence and for the referrers endpoint. No port and no secret is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from autograder.emulators.ecr.identity import PROFILES
from autograder.emulators.ecr.images import StoredImage
from autograder.emulators.ecr.registry import Registry


def snapshot(registry: Registry) -> dict[str, Any]:
    """Registry settings, and every repository with its settings, policies and images. JSON-serialisable.

    Policies are given as data where their text is JSON. Times are ISO 8601 on the emulator's clock.
    """
    moto = registry.moto
    return {
        "account": moto.account_id,
        "region": moto.region_name,
        "time": _time(registry.now()),
        "profiles": {name: {"account": profile.account, "arn": profile.arn} for name, profile in PROFILES.items()},
        "scanning": moto.registry_scanning_configuration,
        "replication": moto.replication_config,
        "registryPolicy": _document(moto.registry_policy),
        "repositories": {name: _repository(registry, record) for name, record in sorted(moto.repositories.items())},
    }


def descriptor(image: StoredImage) -> dict[str, Any]:
    """An artifact as the referrers endpoint lists it (distribution-spec, "Listing Referrers")."""
    entry = {
        "mediaType": image.image_manifest_media_type,
        "digest": image.digest,
        "size": len(image.image_manifest.encode("utf-8")),
        "artifactType": image.artifact_type,
        "annotations": image.annotations,
    }
    return {name: value for name, value in entry.items() if value}


def _repository(registry: Registry, record: Any) -> dict[str, Any]:
    return {
        "arn": record.arn,
        "createdAt": record.created_at.isoformat(),
        "imageTagMutability": record.image_tag_mutability,
        "imageTagMutabilityExclusionFilters": record.image_tag_mutability_exclusion_filters or [],
        "imageScanningConfiguration": record.image_scanning_configuration,
        "scanFrequency": registry.moto.scan_frequency(record.name)[0],
        "encryptionConfiguration": record.encryption_configuration,
        "resourceTags": registry.moto.tagger.get_tag_dict_for_resource(record.arn),
        "policy": _document(record.policy),
        "lifecyclePolicy": _document(record.lifecycle_policy),
        "lifecycleEvaluatedAt": _time(record.last_evaluated_at),
        "images": [_image(registry, record.name, image) for image in record.images],
    }


def _image(registry: Registry, name: str, image: StoredImage) -> dict[str, Any]:
    return {
        "digest": image.digest,
        "tags": image.tags,
        "mediaType": image.image_manifest_media_type,
        "artifactType": image.artifact_type,
        "size": registry.moto.size(name, image),
        "pushedAt": _time(image.image_pushed_at),
        "lastPulledAt": _time(image.last_recorded_pull_time),
        "status": image.image_status,
        "archivedAt": _time(image.last_archived_at),
        "restoredAt": _time(image.last_activated_at),
        "children": image.children,
        "subject": image.subject,
        "scan": image.scan,
    }


def _document(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return text


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
