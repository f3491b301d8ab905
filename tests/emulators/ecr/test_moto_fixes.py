"""Every deviation of the pinned moto that the emulator corrects: what plain moto does, and what AWS and we do."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from autograder.oci.manifests import DOCKER_LIST, DOCKER_MANIFEST, OCI_MANIFEST, digest_of

from .emulator import START, Emulator, refusal

ZEROS = "sha256:" + "0" * 64


@pytest.fixture
def moto() -> Any:
    """Plain moto, with a repository ``app``."""
    with mock_aws():
        client = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        client.create_repository(repositoryName="app")
        yield client


def text(body: bytes) -> str:
    return body.decode()


def test_the_corrections_were_written_against_this_moto() -> None:
    assert version("moto") == "5.2.5", "read this file again: what did the new version change?"


# Digests and sizes


def test_a_digest_that_is_not_the_manifests_is_refused(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = text(emulator.manifest("app", "one"))
    assert moto.put_image(repositoryName="app", imageManifest=body, imageDigest=ZEROS)
    assert refusal(ecr.put_image, repositoryName="app", imageManifest=body, imageDigest=ZEROS) == (
        "ImageDigestDoesNotMatchException"
    )


def test_without_a_digest_the_digest_is_that_of_the_bytes(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    invented = moto.put_image(repositoryName="app", imageManifest=text(body))["image"]["imageId"]["imageDigest"]
    assert invented != digest_of(body)
    put = ecr.put_image(repositoryName="app", imageManifest=text(body))["image"]
    assert put["imageId"]["imageDigest"] == digest_of(body)


def test_size_is_config_and_layers(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    document = json.loads(body)
    moto.put_image(repositoryName="app", imageManifest=text(body), imageTag="1")
    assert (
        moto.describe_images(repositoryName="app")["imageDetails"][0]["imageSizeInBytes"]
        == (document["config"]["size"])
    )
    emulator.push("app", "1", body)
    size = document["config"]["size"] + sum(layer["size"] for layer in document["layers"])
    assert ecr.describe_images(repositoryName="app")["imageDetails"][0]["imageSizeInBytes"] == size


def test_an_indexs_size_is_that_of_its_largest_child(moto: Any, ecr: Any, emulator: Emulator) -> None:
    small, large = emulator.manifest("app", "s"), emulator.manifest("app", "a much longer seed")
    index = emulator.index(small, large)
    moto.put_image(repositoryName="app", imageManifest=text(index), imageTag="all")
    assert "imageSizeInBytes" not in moto.describe_images(repositoryName="app")["imageDetails"][0]
    for body in (small, large):
        emulator.push("app", None, body)
    emulator.push("app", "all", index)
    sizes = {each["imageDigest"]: each["imageSizeInBytes"] for each in everything(ecr)}
    assert sizes[digest_of(index)] == sizes[digest_of(large)] > sizes[digest_of(small)]


def test_push_times_are_finer_than_a_second(ecr: Any, emulator: Emulator) -> None:
    for number in range(3):
        emulator.clock.pass_time(milliseconds=7)
        emulator.push_new("app", str(number), str(number))
    times = [each["imagePushedAt"] for each in everything(ecr)]
    assert times == sorted(set(times)) and all(moment > START for moment in times)


# Pushing


def test_a_pushed_over_image_stays_untagged(moto: Any, ecr: Any, emulator: Emulator) -> None:
    first, second = emulator.manifest("app", "one"), emulator.manifest("app", "two")
    for body in (first, second):
        moto.put_image(repositoryName="app", imageManifest=text(body), imageTag="latest", imageDigest=digest_of(body))
    assert len(moto.describe_images(repositoryName="app")["imageDetails"]) == 1
    emulator.push("app", "latest", first)
    emulator.clock.pass_time(hours=1)
    emulator.push("app", "latest", second)
    untagged = ecr.list_images(repositoryName="app", filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert untagged == [{"imageDigest": digest_of(first)}]
    old = ecr.describe_images(repositoryName="app", imageIds=untagged)["imageDetails"][0]
    assert old["imagePushedAt"] == START and "imageTags" not in old


def test_a_tag_that_is_taken_over_leaves_the_others(ecr: Any, emulator: Emulator) -> None:
    first, second = emulator.manifest("app", "one"), emulator.manifest("app", "two")
    for tag, body in (("1.0", first), ("latest", first), ("latest", second)):
        emulator.push("app", tag, body)
    assert tags(ecr) == {digest_of(first): ["1.0"], digest_of(second): ["latest"]}


@pytest.mark.parametrize("broken", ["not json", "[]", '{"mediaType": "x/y"}', "{}", '{"mediaType": 3}'])
def test_what_is_no_manifest_is_refused(ecr: Any, broken: str) -> None:
    problem = refusal(ecr.put_image, repositoryName="app", imageManifest=broken)
    assert problem == "InvalidParameterException"


def test_plain_moto_takes_what_is_no_manifest(moto: Any) -> None:
    assert moto.put_image(repositoryName="app", imageManifest='{"mediaType": "x/y"}', imageTag="1")


def test_layers_must_be_there(moto: Any, ecr: Any, emulator: Emulator) -> None:
    document = json.loads(emulator.manifest("app", "one"))
    document["layers"][0]["digest"] = ZEROS
    assert moto.put_image(repositoryName="app", imageManifest=json.dumps(document))
    with pytest.raises(ecr.exceptions.LayersNotFoundException) as caught:
        ecr.put_image(repositoryName="app", imageManifest=json.dumps(document))
    assert caught.value.response["Error"]["Message"] == (
        f"Layers with digests '[{ZEROS}]' required for pushing image into repository with name 'app' in the registry "
        "with id '123456789012' do not exist"
    )


def test_children_must_be_there(moto: Any, ecr: Any, emulator: Emulator) -> None:
    index = text(emulator.index(emulator.manifest("app", "one")))
    assert moto.put_image(repositoryName="app", imageManifest=index, imageTag="1")
    assert refusal(ecr.put_image, repositoryName="app", imageManifest=index) == "ReferencedImagesNotFoundException"


def test_an_unknown_repository_is_named(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = text(emulator.manifest("app", "one"))
    with pytest.raises(Exception, match="not a repository") as caught:
        moto.put_image(repositoryName="nope", imageManifest=body)
    assert not isinstance(caught.value, ClientError)
    assert refusal(ecr.put_image, repositoryName="nope", imageManifest=body) == "RepositoryNotFoundException"


# Mutability


def test_an_immutable_tag_has_its_own_exception(moto: Any, ecr: Any, emulator: Emulator) -> None:
    first, second = emulator.manifest("app", "one"), emulator.manifest("app", "two")
    for client in (moto, ecr):
        client.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
        client.put_image(repositoryName="app", imageManifest=text(first), imageTag="1.0")
    again = {"repositoryName": "app", "imageManifest": text(second), "imageTag": "1.0"}
    assert refusal(moto.put_image, **again) == "ImageAlreadyExistsException"
    for body in (first, second):  # the same image under the same tag is refused as well
        with pytest.raises(ecr.exceptions.ImageTagAlreadyExistsException) as caught:
            ecr.put_image(**{**again, "imageManifest": text(body)})
        assert caught.value.response["Error"]["Message"] == (
            "The image tag '1.0' already exists in the 'app' repository and cannot be overwritten because the tag is "
            "immutable."
        )


@pytest.mark.parametrize("other", ["latest-2", "devel", "1.0"])
def test_exclusion_filters_match_whole_tags(moto: Any, ecr: Any, emulator: Emulator, other: str) -> None:
    first, second = emulator.manifest("app", "one"), emulator.manifest("app", "two")
    filters = [{"filterType": "WILDCARD", "filter": each} for each in ("latest", "dev-*", "*-rc")]
    mode = "MUTABLE_WITH_EXCLUSION"
    ecr.put_image_tag_mutability(
        repositoryName="app", imageTagMutability=mode, imageTagMutabilityExclusionFilters=filters
    )
    for tag in ("latest", "dev-1", "1-rc", other):
        ecr.put_image(repositoryName="app", imageManifest=text(first), imageTag=tag)
    for tag in ("latest", "dev-1", "1-rc"):
        problem = refusal(ecr.put_image, repositoryName="app", imageManifest=text(second), imageTag=tag)
        assert problem == "ImageTagAlreadyExistsException"
    assert ecr.put_image(repositoryName="app", imageManifest=text(second), imageTag=other)
    moto.put_image_tag_mutability(
        repositoryName="app", imageTagMutability=mode, imageTagMutabilityExclusionFilters=filters[:1]
    )
    moto.put_image(repositoryName="app", imageManifest=text(first), imageTag="latest-2")
    assert refusal(moto.put_image, repositoryName="app", imageManifest=text(second), imageTag="latest-2")


def test_filters_and_mode_must_fit_when_they_are_changed(moto: Any, ecr: Any) -> None:
    wrong = {
        "repositoryName": "app",
        "imageTagMutability": "IMMUTABLE",
        "imageTagMutabilityExclusionFilters": [{"filterType": "WILDCARD", "filter": "latest"}],
    }
    assert moto.put_image_tag_mutability(**wrong)
    assert refusal(ecr.put_image_tag_mutability, **wrong) == "InvalidParameterException"
    missing = {"repositoryName": "app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}
    assert refusal(ecr.put_image_tag_mutability, **missing) == "InvalidParameterException"
    assert refusal(ecr.create_repository, **{**missing, "repositoryName": "b2"}) == "InvalidParameterException"


def test_names_follow_the_current_pattern(moto: Any, ecr: Any) -> None:
    for name in ("a--b", "team__a/ml-model"):
        assert refusal(moto.create_repository, repositoryName=name) == "InvalidParameterException"
        assert ecr.create_repository(repositoryName=name)["repository"]["repositoryName"] == name
    for name in ("Upper", "a..b", "/a", "a/", "a//b"):
        assert refusal(ecr.create_repository, repositoryName=name) == "InvalidParameterException"


@pytest.mark.parametrize("kind", ["KMS", "KMS_DSSE"])
def test_encryption_with_kms_names_a_key(moto: Any, ecr: Any, kind: str) -> None:
    asked = {"repositoryName": "secret", "encryptionConfiguration": {"encryptionType": kind}}
    named = moto.create_repository(**asked)["repository"]["encryptionConfiguration"]
    assert ("kmsKey" in named) == (kind == "KMS")
    key = ecr.create_repository(**asked)["repository"]["encryptionConfiguration"]["kmsKey"]
    assert key.startswith("arn:aws:kms:us-east-1:123456789012:key/")
    wrong = {**asked, "repositoryName": "other", "encryptionConfiguration": {"encryptionType": "ROT13"}}
    assert refusal(ecr.create_repository, **wrong) == "InvalidParameterException"


# Reading


def test_lists_come_in_pages(moto: Any, ecr: Any, emulator: Emulator) -> None:
    for number in range(7):
        body = emulator.manifest("app", str(number))
        emulator.push("app", f"t{number}", body)
        moto.put_image(repositoryName="app", imageManifest=text(body), imageTag=str(number))
    assert len(moto.list_images(repositoryName="app", maxResults=3)["imageIds"]) > 3
    for operation, key in (("list_images", "imageIds"), ("describe_images", "imageDetails")):
        pages = list(ecr.get_paginator(operation).paginate(repositoryName="app", PaginationConfig={"PageSize": 3}))
        assert [len(page[key]) for page in pages] == [3, 3, 1]
    ecr.create_repository(repositoryName="b2")
    assert len(ecr.describe_repositories(maxResults=1)["repositories"]) == 1
    assert refusal(ecr.list_images, repositoryName="app", nextToken="nonsense") == "InvalidParameterException"


def test_describe_images_filters_and_keeps_the_order_asked_for(moto: Any, ecr: Any, emulator: Emulator) -> None:
    pushed = [emulator.push_new("app", f"t{number}" if number % 2 else None, str(number)) for number in range(4)]
    tagged = ecr.describe_images(repositoryName="app", filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert [each["imageDigest"] for each in tagged] == [pushed[1], pushed[3]]
    wanted = [{"imageDigest": digest} for digest in reversed(pushed)]
    found = ecr.describe_images(repositoryName="app", imageIds=wanted)["imageDetails"]
    assert [each["imageDigest"] for each in found] == pushed[::-1]
    moto.put_image(repositoryName="app", imageManifest=text(emulator.manifest("app", "0")))
    assert moto.describe_images(repositoryName="app", filter={"tagStatus": "TAGGED"})["imageDetails"]


def test_details_name_the_artifact_type_the_subject_and_the_status(ecr: Any, emulator: Emulator) -> None:
    image = emulator.manifest("app", "one")
    emulator.push("app", "1", image)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    sbom = emulator.manifest("app", "sbom", subject=subject, artifactType="application/spdx+json")
    emulator.push("app", None, sbom)
    first, second = everything(ecr)
    assert first["artifactMediaType"] == "application/vnd.oci.image.config.v1+json"
    assert second["artifactMediaType"] == "application/spdx+json"
    assert second["subjectManifestDigest"] == digest_of(image) and second["imageStatus"] == "ACTIVE"


def test_batch_get_image_answers_with_the_tag_that_was_asked_for(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    for tag in ("1.0", "latest"):
        emulator.push("app", tag, body)
        moto.put_image(repositoryName="app", imageManifest=text(body), imageTag=tag)
    asked = {"repositoryName": "app", "imageIds": [{"imageTag": "1.0"}, {"imageTag": "no"}, {"imageDigest": ZEROS}]}
    assert moto.batch_get_image(**asked)["images"][0]["imageId"]["imageTag"] == "latest"
    answer = ecr.batch_get_image(**asked)
    assert answer["images"][0]["imageId"] == {"imageDigest": digest_of(body), "imageTag": "1.0"}
    assert answer["images"][0]["imageManifest"] == text(body)
    assert [each["imageId"] for each in answer["failures"]] == [{"imageTag": "no"}, {"imageDigest": ZEROS}]
    only = ecr.batch_get_image(**{**asked, "imageIds": [{"imageTag": "1.0"}]}, acceptedMediaTypes=[DOCKER_LIST])
    assert not only["images"] and only["failures"][0]["failureCode"] == "ImageNotFound"


# Deleting


def test_an_untagged_image_that_was_deleted_is_named(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    emulator.push("app", None, body)
    moto.put_image(repositoryName="app", imageManifest=text(body), imageDigest=digest_of(body))
    asked = {"repositoryName": "app", "imageIds": [{"imageDigest": digest_of(body)}]}
    assert moto.batch_delete_image(**asked)["imageIds"] == []
    assert ecr.batch_delete_image(**asked)["imageIds"] == asked["imageIds"]


def test_a_child_cannot_go_before_its_index(moto: Any, ecr: Any, emulator: Emulator) -> None:
    child = emulator.manifest("app", "one")
    index = emulator.index(child)
    for tag, body in ((None, child), ("all", index)):
        emulator.push("app", tag, body)
        more = {"imageTag": tag} if tag else {}
        moto.put_image(repositoryName="app", imageManifest=text(body), imageDigest=digest_of(body), **more)
    asked = {"repositoryName": "app", "imageIds": [{"imageDigest": digest_of(child)}]}
    assert moto.batch_delete_image(**asked)["failures"] == []
    failure = ecr.batch_delete_image(**asked)["failures"][0]
    assert failure["failureCode"] == "ImageReferencedByManifestList"
    assert failure["failureReason"] == f"Requested image referenced by manifest list: [{digest_of(index)}]"
    both = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "all"}, *asked["imageIds"]])
    assert len(both["imageIds"]) == len(both["failures"]) == 1, "an index and its child take two calls"
    assert ecr.batch_delete_image(**asked)["failures"] == [] and everything(ecr) == []


# Tokens, scans, registry settings


def test_a_token_is_good_for_twelve_hours(moto: Any, ecr: Any) -> None:
    assert moto.get_authorization_token()["authorizationData"][0]["expiresAt"].year == 2015
    data = ecr.get_authorization_token()["authorizationData"][0]
    assert (data["expiresAt"] - START).total_seconds() == 12 * 3600
    assert data["proxyEndpoint"] == "http://localhost:5003"


def test_no_finding_is_invented(moto: Any, ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    emulator.push("app", "1", body)
    moto.put_image(repositoryName="app", imageManifest=text(body), imageTag="1")
    asked = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    for client in (moto, ecr):
        assert refusal(client.describe_image_scan_findings, **asked) == "ScanNotFoundException"
        client.start_image_scan(**asked)
    invented = moto.describe_image_scan_findings(**asked)["imageScanFindings"]["findings"]
    assert invented[0]["name"] == "CVE-9999-9999"
    answer = ecr.describe_image_scan_findings(**asked)
    assert answer["imageScanStatus"]["status"] == "FAILED" and "imageScanFindings" not in answer
    assert "no scanner" in answer["imageScanStatus"]["description"]


def test_a_scanning_filter_with_a_wildcard_matches_the_whole_name(moto: Any, ecr: Any) -> None:
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filterType": "WILDCARD", "filter": "ap*x"}]}]
    for client in (moto, ecr):
        client.create_repository(repositoryName="apx-tools")
        client.put_registry_scanning_configuration(scanType="BASIC", rules=rules)
    asked = {"repositoryNames": ["apx-tools"]}
    found = moto.batch_get_repository_scanning_configuration(**asked)["scanningConfigurations"][0]
    assert found["scanFrequency"] == "SCAN_ON_PUSH"
    found = ecr.batch_get_repository_scanning_configuration(**asked)["scanningConfigurations"][0]
    assert found["scanFrequency"] == "MANUAL" and not found["scanOnPush"]


def test_a_registry_policy_may_allow_pull_through_imports(moto: Any, ecr: Any) -> None:
    statement = {
        "Sid": "cache",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["ecr:CreateRepository", "ecr:BatchImportUpstreamImage"],
        "Resource": "arn:aws:ecr:us-east-1:123456789012:repository/docker-hub/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refusal(moto.put_registry_policy, policyText=policy) == "InvalidParameterException"
    assert ecr.put_registry_policy(policyText=policy)["policyText"] == policy
    statement["Action"] = ["ecr:PutImage"]
    wrong = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refusal(ecr.put_registry_policy, policyText=wrong) == "InvalidParameterException"
    assert refusal(ecr.put_registry_policy, policyText="{}") == "InvalidParameterException"


def test_ten_replication_rules_are_allowed(moto: Any, ecr: Any) -> None:
    def rules(count: int) -> dict[str, Any]:
        return {"rules": [{"destinations": [{"region": "eu-west-1", "registryId": "123456789012"}]}] * count}

    assert refusal(moto.put_replication_configuration, replicationConfiguration=rules(2)) == "ValidationException"
    assert ecr.put_replication_configuration(replicationConfiguration=rules(10))
    too_many = refusal(ecr.put_replication_configuration, replicationConfiguration=rules(11))
    assert too_many == "InvalidParameterException"
    here = {"rules": [{"destinations": [{"region": "us-east-1", "registryId": "123456789012"}]}]}
    assert refusal(ecr.put_replication_configuration, replicationConfiguration=here) == "InvalidParameterException"


def test_a_docker_manifest_is_as_good_as_an_oci_one(ecr: Any, emulator: Emulator) -> None:
    document = json.loads(emulator.manifest("app", "one"))
    body = json.dumps(document | {"mediaType": DOCKER_MANIFEST}).encode()
    emulator.push("app", "1", body)
    assert everything(ecr)[0]["imageManifestMediaType"] == DOCKER_MANIFEST


def everything(client: Any) -> list[dict[str, Any]]:
    return list(client.describe_images(repositoryName="app")["imageDetails"])


def tags(client: Any) -> dict[str, list[str]]:
    return {each["imageDigest"]: each.get("imageTags", []) for each in everything(client)}
