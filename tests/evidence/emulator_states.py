"""A small valid state of each emulator, as its snapshot gives it with ``now`` added."""

from __future__ import annotations

from typing import Any

from autograder.oci.manifests import OCI_MANIFEST, digest_of

NOW = "2026-11-02T08:00:00.000000Z"
DIGEST = digest_of(b"one")


def image(*tags: str, digest: str = DIGEST) -> dict[str, Any]:
    """An image of Docker Hub, Artifact Registry or ACR."""
    return {
        "digest": digest,
        "mediaType": OCI_MANIFEST,
        "size": 3,
        "children": [],
        "subject": None,
        "pushed": NOW,
        "changed": NOW,
        "pulled": None,
        "attributes": {},
        "tags": [{"name": tag, "created": NOW, "changed": NOW, "attributes": {}} for tag in tags],
    }


def repository(name: str, *images: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"name": name, "attributes": attributes, "images": list(images)}


def ecr_image(*tags: str, digest: str = DIGEST, **more: Any) -> dict[str, Any]:
    """An image of ECR."""
    return {
        "digest": digest,
        "tags": list(tags),
        "mediaType": OCI_MANIFEST,
        "artifactType": None,
        "size": 3,
        "pushedAt": NOW,
        "lastPulledAt": None,
        "status": "ACTIVE",
        "archivedAt": None,
        "restoredAt": None,
        "children": [],
        "subject": None,
        "scan": None,
    } | more


def ecr_repository(name: str, *images: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "arn": f"arn:aws:ecr:us-east-1:123456789012:repository/{name}",
        "createdAt": NOW,
        "imageTagMutability": "MUTABLE",
        "imageTagMutabilityExclusionFilters": [],
        "imageScanningConfiguration": {"scanOnPush": False},
        "scanFrequency": "MANUAL",
        "encryptionConfiguration": {"encryptionType": "AES256"},
        "resourceTags": {},
        "policy": None,
        "lifecyclePolicy": None,
        "lifecycleEvaluatedAt": None,
        "images": list(images),
    } | more


def state(service: str, name: str = "team/ml-model") -> dict[str, Any]:
    """The settings of a service that holds one image, tagged ``1.0``, in one repository."""
    if service == "ecr":
        return {
            "now": NOW,
            "account": "123456789012",
            "region": "us-east-1",
            "time": NOW,
            "profiles": {"admin": {"account": "123456789012", "arn": "arn:aws:iam::123456789012:user/admin"}},
            "scanning": {"scanType": "BASIC", "rules": []},
            "replication": {"rules": []},
            "registryPolicy": None,
            "repositories": {name: ecr_repository(name, ecr_image("1.0"))},
        }
    common = {"now": NOW, "repositories": [repository(name, image("1.0"))]}
    return (
        common
        | {
            "dockerhub": {"accounts": ["student"], "tokens": [], "revoked": []},
            "artifact-registry": {"settings": [], "keys": []},
            "acr": {
                "settings": {
                    "name": "mlregistry",
                    "adminUserEnabled": False,
                    "anonymousPullEnabled": False,
                    "retentionPolicy": {"status": "disabled", "days": 7, "lastUpdatedTime": None},
                },
                "scopeMaps": [],
                "tokens": [],
            },
        }[service]
    )


def line(number: int, **more: Any) -> dict[str, Any]:
    """A line of the journal."""
    fields = {"repository": "team/ml-model", "tag": "1.0", "digest": DIGEST, "detail": {}}
    return {"number": number, "when": NOW, "service": "ecr", "who": "admin", "what": "push"} | fields | more
