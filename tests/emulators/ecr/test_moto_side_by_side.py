"""moto's ECR behaviours that agree with AWS, asked of plain moto and of the emulator: the same answers.

Each line is one behaviour: calls that prepare it, then the call whose answer (or error, code and text) is compared.
What differs on purpose is in ``test_moto_fixes``; what a comparison leaves out is in ``DIFFERENT``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from autograder.oci.manifests import digest_of

from .emulator import Emulator, session

ARN = "arn:aws:ecr:us-east-1:123456789012:repository/app"
ZEROS = "sha256:" + "0" * 64
STATEMENT = {"Sid": "pull", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage"]}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
RULE = {
    "rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 5},
    "action": {"type": "expire"},
}
LIFECYCLE = json.dumps({"rules": [RULE]})
REGISTRY_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "replicate",
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                "Action": ["ecr:ReplicateImage"],
                "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/*",
            }
        ],
    }
)
# Fields that only AWS and the emulator fill truly: the address, times, and what moto derives wrongly or not at all.
DIFFERENT = {
    "ResponseMetadata",
    "artifactMediaType",
    "createdAt",
    "imagePushedAt",
    "imageSizeInBytes",
    "imageStatus",
    "lastEvaluatedAt",
    "nextToken",
    "repositoryUri",
}

Step = tuple[str, dict[str, Any]]
APP: dict[str, Any] = {"repositoryName": "app"}
NOPE: dict[str, Any] = {"repositoryName": "nope"}
CREATE: Step = ("create_repository", APP)
TAGS = [{"Key": "team", "Value": "ml"}, {"Key": "empty", "Value": ""}]
RULES = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "app", "filterType": "WILDCARD"}]}]


def put(seed: str, tag: str | None) -> Step:
    """An image of that seed under a tag; the manifest is filled in by :func:`perform`."""
    return "put_image", {**APP, "seed": seed, **({"imageTag": tag} if tag else {})}


BEHAVIOURS: list[tuple[str, list[Step]]] = [
    # repositories
    ("create", [CREATE]),
    ("create with tags", [("create_repository", {**APP, "tags": TAGS})]),
    ("create immutable", [("create_repository", {**APP, "imageTagMutability": "IMMUTABLE"})]),
    (
        "create with filters",
        [
            (
                "create_repository",
                {
                    **APP,
                    "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                    "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "latest"}],
                },
            )
        ],
    ),
    ("create with AES256", [("create_repository", {**APP, "encryptionConfiguration": {"encryptionType": "AES256"}})]),
    (
        "create with a key",
        [("create_repository", {**APP, "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "arn:k"}})],
    ),
    (
        "create with scan on push",
        [("create_repository", {**APP, "imageScanningConfiguration": {"scanOnPush": True}})],
    ),
    ("create twice", [CREATE, CREATE]),
    ("describe", [CREATE, ("describe_repositories", {})]),
    ("describe by name", [CREATE, ("describe_repositories", {"repositoryNames": ["app"]})]),
    ("describe unknown", [("describe_repositories", {"repositoryNames": ["nope"]})]),
    ("delete", [CREATE, ("delete_repository", APP)]),
    ("delete and look", [CREATE, ("delete_repository", APP), ("describe_repositories", {})]),
    ("delete unknown", [("delete_repository", NOPE)]),
    ("delete with images", [CREATE, put("one", "1"), ("delete_repository", APP)]),
    ("force delete", [CREATE, put("one", "1"), ("delete_repository", {**APP, "force": True})]),
    # resource tags
    ("list tags", [("create_repository", {**APP, "tags": TAGS}), ("list_tags_for_resource", {"resourceArn": ARN})]),
    ("tag", [CREATE, ("tag_resource", {"resourceArn": ARN, "tags": TAGS})]),
    (
        "tag and list",
        [
            CREATE,
            ("tag_resource", {"resourceArn": ARN, "tags": TAGS}),
            ("untag_resource", {"resourceArn": ARN, "tagKeys": ["empty"]}),
            ("list_tags_for_resource", {"resourceArn": ARN}),
        ],
    ),
    ("tags of unknown", [("list_tags_for_resource", {"resourceArn": ARN})]),
    ("tags of a wrong arn", [("list_tags_for_resource", {"resourceArn": "nonsense"})]),
    # images
    ("put", [CREATE, put("one", "1")]),
    ("put twice", [CREATE, put("one", "1"), put("one", "1")]),
    ("put under a second tag", [CREATE, put("one", "1"), put("one", "2"), ("describe_images", APP)]),
    ("list", [CREATE, put("one", "1"), put("two", "2"), ("list_images", APP)]),
    (
        "list untagged",
        [CREATE, put("one", None), put("two", "2"), ("list_images", {**APP, "filter": {"tagStatus": "UNTAGGED"}})],
    ),
    (
        "list tagged",
        [CREATE, put("one", None), put("two", "2"), ("list_images", {**APP, "filter": {"tagStatus": "TAGGED"}})],
    ),
    ("list of unknown", [("list_images", NOPE)]),
    ("describe images", [CREATE, put("one", "1"), put("two", "2"), ("describe_images", APP)]),
    ("describe by tag", [CREATE, put("one", "1"), ("describe_images", {**APP, "imageIds": [{"imageTag": "1"}]})]),
    ("describe unknown tag", [CREATE, ("describe_images", {**APP, "imageIds": [{"imageTag": "9"}]})]),
    ("describe unknown digest", [CREATE, ("describe_images", {**APP, "imageIds": [{"imageDigest": ZEROS}]})]),
    ("describe in unknown", [("describe_images", NOPE)]),
    ("get by tag", [CREATE, put("one", "1"), ("batch_get_image", {**APP, "imageIds": [{"imageTag": "1"}]})]),
    ("get unknown tag", [CREATE, ("batch_get_image", {**APP, "imageIds": [{"imageTag": "9"}]})]),
    ("get in unknown", [("batch_get_image", {**NOPE, "imageIds": [{"imageTag": "9"}]})]),
    ("delete by tag", [CREATE, put("one", "1"), ("batch_delete_image", {**APP, "imageIds": [{"imageTag": "1"}]})]),
    (
        "delete one of two tags",
        [
            CREATE,
            put("one", "1"),
            put("one", "2"),
            ("batch_delete_image", {**APP, "imageIds": [{"imageTag": "1"}]}),
            ("describe_images", APP),
        ],
    ),
    (
        "delete the last tag",
        [
            CREATE,
            put("one", "1"),
            ("batch_delete_image", {**APP, "imageIds": [{"imageTag": "1"}]}),
            ("list_images", APP),
        ],
    ),
    ("delete unknown tag", [CREATE, ("batch_delete_image", {**APP, "imageIds": [{"imageTag": "9"}]})]),
    ("delete unknown digest", [CREATE, ("batch_delete_image", {**APP, "imageIds": [{"imageDigest": ZEROS}]})]),
    ("delete malformed digest", [CREATE, ("batch_delete_image", {**APP, "imageIds": [{"imageDigest": "sha256:1"}]})]),
    ("delete nothing", [CREATE, ("batch_delete_image", {**APP, "imageIds": [{}]})]),
    (
        "delete with a tag of another image",
        [
            CREATE,
            put("one", "1"),
            ("batch_delete_image", {**APP, "imageIds": [{"imageDigest": ZEROS, "imageTag": "1"}]}),
        ],
    ),
    ("delete in unknown", [("batch_delete_image", {**NOPE, "imageIds": [{"imageTag": "9"}]})]),
    # settings of a repository
    ("mutability", [CREATE, ("put_image_tag_mutability", {**APP, "imageTagMutability": "IMMUTABLE"})]),
    ("mutability of unknown", [("put_image_tag_mutability", {**NOPE, "imageTagMutability": "IMMUTABLE"})]),
    (
        "scanning",
        [CREATE, ("put_image_scanning_configuration", {**APP, "imageScanningConfiguration": {"scanOnPush": True}})],
    ),
    (
        "scanning of unknown",
        [("put_image_scanning_configuration", {**NOPE, "imageScanningConfiguration": {"scanOnPush": True}})],
    ),
    ("set policy", [CREATE, ("set_repository_policy", {**APP, "policyText": POLICY})]),
    ("set a malformed policy", [CREATE, ("set_repository_policy", {**APP, "policyText": '{"Version": "2012-10-17"}'})]),
    ("set policy of unknown", [("set_repository_policy", {**NOPE, "policyText": POLICY})]),
    (
        "get policy",
        [CREATE, ("set_repository_policy", {**APP, "policyText": POLICY}), ("get_repository_policy", APP)],
    ),
    ("get no policy", [CREATE, ("get_repository_policy", APP)]),
    ("get policy of unknown", [("get_repository_policy", NOPE)]),
    (
        "delete policy",
        [CREATE, ("set_repository_policy", {**APP, "policyText": POLICY}), ("delete_repository_policy", APP)],
    ),
    ("delete no policy", [CREATE, ("delete_repository_policy", APP)]),
    ("put lifecycle", [CREATE, ("put_lifecycle_policy", {**APP, "lifecyclePolicyText": LIFECYCLE})]),
    ("put lifecycle of unknown", [("put_lifecycle_policy", {**NOPE, "lifecyclePolicyText": LIFECYCLE})]),
    (
        "get lifecycle",
        [CREATE, ("put_lifecycle_policy", {**APP, "lifecyclePolicyText": LIFECYCLE}), ("get_lifecycle_policy", APP)],
    ),
    ("get no lifecycle", [CREATE, ("get_lifecycle_policy", APP)]),
    (
        "delete lifecycle",
        [CREATE, ("put_lifecycle_policy", {**APP, "lifecyclePolicyText": LIFECYCLE}), ("delete_lifecycle_policy", APP)],
    ),
    ("delete no lifecycle", [CREATE, ("delete_lifecycle_policy", APP)]),
    # the registry
    ("registry", [("describe_registry", {})]),
    (
        "replication",
        [
            (
                "put_replication_configuration",
                {
                    "replicationConfiguration": {
                        "rules": [{"destinations": [{"region": "eu-west-1", "registryId": "123456789012"}]}]
                    }
                },
            ),
            ("describe_registry", {}),
        ],
    ),
    ("no registry policy", [("get_registry_policy", {})]),
    ("registry policy", [("put_registry_policy", {"policyText": REGISTRY_POLICY}), ("get_registry_policy", {})]),
    (
        "delete registry policy",
        [("put_registry_policy", {"policyText": REGISTRY_POLICY}), ("delete_registry_policy", {})],
    ),
    ("delete no registry policy", [("delete_registry_policy", {})]),
    ("registry scanning", [("get_registry_scanning_configuration", {})]),
    (
        "set registry scanning",
        [
            ("put_registry_scanning_configuration", {"scanType": "BASIC", "rules": RULES}),
            ("get_registry_scanning_configuration", {}),
        ],
    ),
    (
        "scanning of missing repositories",
        [("batch_get_repository_scanning_configuration", {"repositoryNames": ["nope"]})],
    ),
    # scans
    ("no scan", [CREATE, put("one", "1"), ("describe_image_scan_findings", {**APP, "imageId": {"imageTag": "1"}})]),
    ("scan", [CREATE, put("one", "1"), ("start_image_scan", {**APP, "imageId": {"imageTag": "1"}})]),
    (
        "scan twice a day",
        [
            CREATE,
            put("one", "1"),
            ("start_image_scan", {**APP, "imageId": {"imageTag": "1"}}),
            ("start_image_scan", {**APP, "imageId": {"imageTag": "1"}}),
        ],
    ),
    ("scan unknown", [CREATE, ("start_image_scan", {**APP, "imageId": {"imageTag": "9"}})]),
]


def perform(client: Any, steps: list[Step], manifest: Callable[[str], bytes]) -> Any:
    """The answer of the last step, or its error, without what differs on purpose."""
    answer: Any = None
    for number, (operation, given) in enumerate(steps):
        arguments = dict(given)
        if "seed" in arguments:
            body = manifest(arguments.pop("seed"))
            arguments |= {"imageManifest": body.decode(), "imageDigest": digest_of(body)}
        try:
            answer = without(getattr(client, operation)(**arguments))
        except ClientError as error:
            assert number == len(steps) - 1, f"{operation}: {error}"
            told = error.response["Error"]  # the emulator adds places in brackets behind AWS's own text
            answer = {"error": {**told, "Message": told["Message"].partition(" [")[0]}}
    return answer


@cache
def plain() -> Any:
    """A client of moto, whose state is a new one in each ``mock_aws``."""
    return session().client("ecr", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


def without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without(part) for key, part in value.items() if key not in DIFFERENT and part not in (None, [])}
    return [without(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "steps"), BEHAVIOURS, ids=[name for name, _ in BEHAVIOURS])
def test_the_same_as_moto(emulator: Emulator, name: str, steps: list[Step]) -> None:
    def manifest(seed: str) -> bytes:
        return emulator.manifest("app", seed)

    ours = perform(emulator.client(), steps, manifest)
    with mock_aws():
        theirs = perform(plain(), steps, manifest)
    assert ours == theirs
