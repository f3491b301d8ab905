"""Operations that moto lacks: previews, referrers, the archive, layers, scans; and a plain answer for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError
from werkzeug.test import Client

from autograder.emulators.ecr.api import TARGET
from autograder.emulators.ecr.operations import OPERATIONS
from autograder.emulators.ecr.scanning import CannotScan, Finding
from autograder.emulators.interface import Kind, RegistryError
from autograder.oci.manifests import OCI_MANIFEST, digest_of

from .emulator import ADMIN, START, Emulator, local_client, refusal

OLD = {
    "rulePriority": 1,
    "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 10},
    "action": {"type": "expire"},
}


def policy(*rules: dict[str, Any]) -> str:
    return json.dumps({"rules": rules}, indent=2)


# Lifecycle policies


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([OLD, {**OLD, "rulePriority": 2}], "Rule for tagStatus=ANY must have the lowest priority per storage class"),
        ([{**OLD, "selection": {**OLD["selection"], "tagStatus": "tagged"}}], "Must specify tagPrefixList or"),
        ([{**OLD, "selection": {**OLD["selection"], "countNumber": "1"}}], "does not match any allowed primitive type"),
        ([{**OLD, "action": {"type": "transition"}}], "targetStorageClass"),
    ],
)
def test_a_policy_is_checked_before_it_is_stored(ecr: Any, rules: list[Any], words: str) -> None:
    with pytest.raises(ecr.exceptions.InvalidParameterException) as caught:
        ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(*rules))
    text = caught.value.response["Error"]["Message"]
    where = "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
    assert text.startswith(where + "'Lifecycle policy validation failure: ")
    assert words in text
    assert refusal(ecr.get_lifecycle_policy, repositoryName="app") == "LifecyclePolicyNotFoundException"


def test_a_policy_that_archives_is_taken(ecr: Any) -> None:
    selection = {**OLD["selection"], "countType": "sinceImagePulled"}
    rule = {**OLD, "selection": selection, "action": {"type": "transition", "targetStorageClass": "archive"}}
    assert ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(rule))
    assert ecr.get_lifecycle_policy(repositoryName="app")["lastEvaluatedAt"].year == 1970, "never evaluated yet"
    assert ecr.delete_lifecycle_policy(repositoryName="app")["lifecyclePolicyText"] == policy(rule)
    assert refusal(ecr.delete_lifecycle_policy, repositoryName="app") == "LifecyclePolicyNotFoundException"


def test_a_preview_says_what_would_go_and_changes_nothing(ecr: Any, emulator: Emulator) -> None:
    old = emulator.push_new("app", "1.0", "one")
    emulator.clock.pass_time(days=11)
    emulator.push_new("app", "1.1", "two")
    assert refusal(ecr.start_lifecycle_policy_preview, repositoryName="app") == "LifecyclePolicyNotFoundException"
    missing = refusal(ecr.get_lifecycle_policy_preview, repositoryName="app")
    assert missing == "LifecyclePolicyPreviewNotFoundException"
    started = ecr.start_lifecycle_policy_preview(repositoryName="app", lifecyclePolicyText=policy(OLD))
    assert started["status"] == "IN_PROGRESS"
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName="app")
    preview = ecr.get_lifecycle_policy_preview(repositoryName="app")
    assert preview["previewResults"] == [
        {
            "imageTags": ["1.0"],
            "imageDigest": old,
            "imagePushedAt": START,
            "action": {"type": "EXPIRE"},
            "appliedRulePriority": 1,
            "storageClass": "STANDARD",
        }
    ]
    assert preview["summary"] == {"expiringImageTotalCount": 1}
    assert len(ecr.list_images(repositoryName="app")["imageIds"]) == 2


def test_a_preview_comes_in_pages_and_can_be_narrowed(ecr: Any, emulator: Emulator) -> None:
    pushed = [emulator.push_new("app", f"t{n}" if n % 2 else None, str(n)) for n in range(120)]
    emulator.clock.pass_time(days=11)
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=policy(OLD))
    ecr.start_lifecycle_policy_preview(repositoryName="app")
    pages = list(ecr.get_paginator("get_lifecycle_policy_preview").paginate(repositoryName="app"))
    assert [len(page["previewResults"]) for page in pages] == [100, 20]
    assert [each["imageDigest"] for page in pages for each in page["previewResults"]] == pushed
    by_tag = {"repositoryName": "app", "filter": {"tagStatus": "UNTAGGED"}}
    assert len(ecr.get_lifecycle_policy_preview(**by_tag)["previewResults"]) == 60
    by_id = {"repositoryName": "app", "imageIds": [{"imageTag": "t3"}, {"imageDigest": pushed[4]}]}
    found = ecr.get_lifecycle_policy_preview(**by_id)["previewResults"]
    assert [each["imageDigest"] for each in found] == [pushed[3], pushed[4]]


def test_a_preview_survives_a_restart(ecr: Any, emulator: Emulator) -> None:
    ecr.start_lifecycle_policy_preview(repositoryName="app", lifecyclePolicyText=policy(OLD))
    emulator.restart()
    assert emulator.client().get_lifecycle_policy_preview(repositoryName="app")["status"] == "COMPLETE"


# Referrers and the archive


def test_referrers_are_listed_by_type(ecr: Any, emulator: Emulator) -> None:
    image = emulator.manifest("app", "one")
    emulator.push("app", "1", image)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    sbom = emulator.manifest("app", "sbom", subject=subject, artifactType="a/sbom", annotations={"k": "v"})
    signature = emulator.manifest("app", "sig", subject=subject, artifactType="a/signature")
    for body in (sbom, signature):
        emulator.push("app", None, body)
    asked = {"repositoryName": "app", "subjectId": {"imageDigest": digest_of(image)}}
    assert [each["digest"] for each in ecr.list_image_referrers(**asked)["referrers"]] == [
        digest_of(sbom),
        digest_of(signature),
    ]
    found = ecr.list_image_referrers(**asked, filter={"artifactTypes": ["a/sbom"]})["referrers"]
    assert found == [
        {
            "digest": digest_of(sbom),
            "mediaType": OCI_MANIFEST,
            "artifactType": "a/sbom",
            "size": len(sbom),
            "annotations": {"k": "v"},
            "artifactStatus": "ACTIVE",
        }
    ]
    listed = emulator.backend.referrers(ADMIN, "app", digest_of(image))
    assert [each["digest"] for each in listed] == [digest_of(sbom), digest_of(signature)]


def test_an_archived_image_cannot_be_pulled_until_it_is_restored(ecr: Any, emulator: Emulator) -> None:
    digest = emulator.push_new("app", "1", "one")
    asked = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    answer = ecr.update_image_storage_class(**asked, targetStorageClass="ARCHIVE")
    assert answer["imageStatus"] == "ARCHIVED"
    assert refusal(ecr.update_image_storage_class, **asked, targetStorageClass="ARCHIVE") == (
        "ImageStorageClassUpdateNotSupportedException"
    )
    assert ecr.list_images(repositoryName="app")["imageIds"] == [], "without a filter only active images are listed"
    archived = ecr.describe_images(repositoryName="app", filter={"imageStatus": "ARCHIVED"})["imageDetails"]
    assert archived[0]["lastArchivedAt"] == START
    with pytest.raises(RegistryError) as caught:
        emulator.backend.check_pull(ADMIN, emulator.call("GET", Kind.MANIFEST, "app", "1"), digest)
    assert caught.value.status == 404
    emulator.clock.pass_time(hours=1)
    assert ecr.update_image_storage_class(**asked, targetStorageClass="STANDARD")["imageStatus"] == "ACTIVE"
    emulator.backend.check_pull(ADMIN, emulator.call("GET", Kind.MANIFEST, "app", "1"), digest)


def test_pushing_an_archived_image_again_restores_it(ecr: Any, emulator: Emulator) -> None:
    body = emulator.manifest("app", "one")
    emulator.push("app", "1", body)
    asked = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    ecr.update_image_storage_class(**asked, targetStorageClass="ARCHIVE")
    emulator.push("app", "1", body)
    assert ecr.describe_images(repositoryName="app")["imageDetails"][0]["imageStatus"] == "ACTIVE"


# Layers


def upload(client: Any, *parts: bytes, name: str = "app") -> str:
    upload_id = client.initiate_layer_upload(repositoryName=name)["uploadId"]
    first = 0
    for part in parts:
        last = first + len(part) - 1
        client.upload_layer_part(
            repositoryName=name, uploadId=upload_id, partFirstByte=first, partLastByte=last, layerPartBlob=part
        )
        first = last + 1
    return str(upload_id)


def test_an_image_put_through_the_api_alone_can_be_pulled(ecr: Any, emulator: Emulator) -> None:
    big, small = b"x" * (5 * 1024 * 1024), b"the rest"
    config = b'{"architecture": "amd64", "os": "linux"}'
    for parts in ((big, small), (config,)):
        digest = digest_of(b"".join(parts))
        done = ecr.complete_layer_upload(repositoryName="app", uploadId=upload(ecr, *parts), layerDigests=[digest])
        assert done["layerDigest"] == digest
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(big + small)}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest_of(config), "size": 40},
        "layers": [{**layer, "size": len(big + small)}],
    }
    body = json.dumps(document)
    put = ecr.put_image(repositoryName="app", imageManifest=body, imageTag="api")["image"]
    assert emulator.store.get_manifest("app", put["imageId"]["imageDigest"]) == (OCI_MANIFEST, body.encode())
    assert emulator.backend.index.resolve("app", "api") == digest_of(body.encode())
    assert not list((emulator.context.state / "uploads").iterdir()), "nothing is left of the parts"


def test_faults_of_a_layer_upload(ecr: Any, emulator: Emulator) -> None:
    part = {"repositoryName": "app", "partFirstByte": 0, "partLastByte": 2, "layerPartBlob": b"abc"}
    unknown = "11111111-1111-1111-1111-111111111111"
    assert refusal(ecr.upload_layer_part, **part, uploadId=unknown) == "UploadNotFoundException"
    empty = ecr.initiate_layer_upload(repositoryName="app")["uploadId"]
    end = {"repositoryName": "app", "layerDigests": [digest_of(b"abc")]}
    assert refusal(ecr.complete_layer_upload, **end, uploadId=empty) == "EmptyUploadException"
    assert refusal(ecr.upload_layer_part, **{**part, "partFirstByte": 1}, uploadId=empty) == "InvalidLayerPartException"
    wrong = {**end, "layerDigests": [digest_of(b"other")]}
    assert refusal(ecr.complete_layer_upload, **wrong, uploadId=upload(ecr, b"abc")) == "InvalidLayerException"
    short = refusal(ecr.complete_layer_upload, **end, uploadId=upload(ecr, b"ab", b"c"))
    assert short == "LayerPartTooSmallException"
    assert ecr.complete_layer_upload(**end, uploadId=upload(ecr, b"abc"))
    assert refusal(ecr.complete_layer_upload, **end, uploadId=upload(ecr, b"abc")) == "LayerAlreadyExistsException"
    ecr.create_repository(repositoryName="b2")
    elsewhere = upload(ecr, b"abc", name="b2")
    assert refusal(ecr.complete_layer_upload, **end, uploadId=elsewhere) == "UploadNotFoundException"


def test_availability_is_that_of_the_store(ecr: Any, emulator: Emulator) -> None:
    there = emulator.layer("app", b"layer")["digest"]
    missing = digest_of(b"missing")
    answer = ecr.batch_check_layer_availability(repositoryName="app", layerDigests=[there, missing, "sha256:12"])
    assert [(each["layerDigest"], each["layerSize"]) for each in answer["layers"]] == [(there, 5)]
    assert [each["failureCode"] for each in answer["failures"]] == ["MissingLayerDigest", "InvalidLayerDigest"]


def test_a_download_link_opens_one_layer_for_an_hour(ecr: Any, emulator: Emulator) -> None:
    layer = emulator.layer("app", b"layer")["digest"]
    answer = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=layer)
    http, link = Client(emulator.backend.api), answer["downloadUrl"].removeprefix("http://localhost:5003")
    assert http.get(link).data == b"layer"
    other = emulator.layer("app", b"secret")["digest"]
    assert http.get(link.replace(layer, other)).status_code == 403
    assert http.get(link.replace("app@", "b2@")).status_code == 403
    assert http.get("/layers/app@" + layer).status_code == 403
    emulator.clock.advance(hours=1)
    assert http.get(link).status_code == 403
    missing = refusal(ecr.get_download_url_for_layer, repositoryName="app", layerDigest=digest_of(b"no"))
    assert missing == "LayersNotFoundException"


# Scans


class OneFinding:
    """A scanner for tests: a finding an image, and nothing for what it cannot read."""

    def __init__(self) -> None:
        self.scanned: list[str] = []

    def updated_at(self) -> float:
        return 86_400.0

    def findings_for(self, repository: str, digest: str) -> list[Finding]:
        self.scanned.append(digest)
        if repository == "scratch":
            raise CannotScan("The operating system and/or package manager are not supported.")
        return [{"name": "CVE-2026-0001", "severity": "HIGH", "uri": "https://example.org/CVE-2026-0001"}] * 3


def test_a_scanner_is_asked_on_push_and_on_demand(ecr: Any, emulator: Emulator) -> None:
    scanner = OneFinding()
    emulator.backend.registry.scanner = scanner
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filterType": "WILDCARD", "filter": "app*"}]}]
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=rules)
    for name in ("scratch", "app-2"):
        ecr.create_repository(repositoryName=name)
    digest = emulator.push_new("app", "1", "one")
    assert scanner.scanned == [digest]
    asked: dict[str, Any] = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    ecr.get_waiter("image_scan_complete").wait(**asked)
    found = ecr.describe_image_scan_findings(**asked, maxResults=2)
    assert found["imageScanFindings"]["findingSeverityCounts"] == {"HIGH": 3}
    assert found["imageScanFindings"]["vulnerabilitySourceUpdatedAt"] == datetime(1970, 1, 2, tzinfo=UTC)
    assert len(found["imageScanFindings"]["findings"]) == 2 and found["nextToken"]
    assert refusal(ecr.start_image_scan, **asked) == "LimitExceededException", "the scan on push counts"
    emulator.clock.pass_time(hours=24)
    assert ecr.start_image_scan(**asked)["imageScanStatus"]["status"] == "IN_PROGRESS"
    emulator.push_new("scratch", "1", "one")
    asked = {"repositoryName": "scratch", "imageId": {"imageTag": "1"}}
    assert refusal(ecr.describe_image_scan_findings, **asked) == "ScanNotFoundException", "no rule covers it"
    ecr.start_image_scan(**asked)
    status = ecr.describe_image_scan_findings(**asked)["imageScanStatus"]
    assert status["status"] == "FAILED" and status["description"].startswith("UnsupportedImageError: The operating")
    with pytest.raises(WaiterError):
        ecr.get_waiter("image_scan_complete").wait(**asked)


def test_a_scan_that_takes_time_is_in_progress_and_is_taken_up_after_a_kill(tmp_path: Path) -> None:
    waiting: list[Callable[[], None]] = []
    emulator = Emulator(tmp_path, scanner=OneFinding(), run_later=waiting.append)
    ecr = emulator.client()
    ecr.create_repository(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})
    emulator.push_new("app", "1", "one")
    asked: dict[str, Any] = {"repositoryName": "app", "imageId": {"imageTag": "1"}}
    answer = ecr.describe_image_scan_findings(**asked)
    assert answer["imageScanStatus"] == {"status": "IN_PROGRESS"} and "imageScanFindings" not in answer
    assert refusal(ecr.start_image_scan, **asked) == "LimitExceededException"

    again: list[Callable[[], None]] = []
    after = Emulator(tmp_path, scanner=OneFinding(), run_later=again.append)
    [work] = again
    work()
    answer = after.client().describe_image_scan_findings(**asked)
    assert answer["imageScanStatus"]["status"] == "COMPLETE" and len(answer["imageScanFindings"]["findings"]) == 3


def test_an_image_that_is_deleted_while_it_is_scanned_stays_deleted(tmp_path: Path) -> None:
    waiting: list[Callable[[], None]] = []
    emulator = Emulator(tmp_path, scanner=OneFinding(), run_later=waiting.append)
    ecr = emulator.client()
    for name in ("app", "gone"):
        ecr.create_repository(repositoryName=name, imageScanningConfiguration={"scanOnPush": True})
        emulator.push_new(name, "1", name)
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    ecr.delete_repository(repositoryName="gone", force=True)
    for work in waiting:
        work()
    assert ecr.describe_images(repositoryName="app")["imageDetails"] == []


def test_of_a_push_with_attestations_the_image_is_scanned(tmp_path: Path) -> None:
    """What `docker push` sends with the containerd image store: an index of an image and of what attests it."""
    emulator = Emulator(tmp_path, scanner=OneFinding())
    ecr = emulator.client()
    ecr.create_repository(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})
    child, attestation = emulator.manifest("app", "one"), emulator.manifest("app", "in-toto")
    digest, other = emulator.push("app", None, child), emulator.push("app", None, attestation)
    index = emulator.push("app", "1", emulator.index(child, attestation))

    def asked(**image: str) -> dict[str, Any]:
        return {"repositoryName": "app", "imageId": image}

    assert refusal(ecr.describe_image_scan_findings, **asked(imageTag="1")) == "ScanNotFoundException"
    assert refusal(ecr.start_image_scan, **asked(imageTag="1")) == "UnsupportedImageTypeException"
    found = ecr.describe_image_scan_findings(**asked(imageDigest=digest))
    assert found["imageScanStatus"]["status"] == "COMPLETE" and found["imageId"] == {"imageDigest": digest}

    listed = {image["imageDigest"]: image for image in ecr.describe_images(repositoryName="app")["imageDetails"]}
    assert set(listed) == {digest, other, index} and listed[index]["imageTags"] == ["1"]
    assert "imageTags" not in listed[digest] and "imageTags" not in listed[other], "the parts have no tag of their own"
    assert listed[index]["imageSizeInBytes"] == max(listed[one]["imageSizeInBytes"] for one in (digest, other))
    untagged = ecr.list_images(repositoryName="app", filter={"tagStatus": "UNTAGGED"})["imageIds"]
    assert untagged and {image["imageDigest"] for image in untagged} == {digest, other}


def test_what_cannot_be_scanned_is_refused(ecr: Any, emulator: Emulator) -> None:
    child = emulator.manifest("app", "one")
    emulator.push("app", "child", child)
    emulator.push("app", "all", emulator.index(child))
    asked: dict[str, Any] = {"repositoryName": "app", "imageId": {"imageTag": "all"}}
    with pytest.raises(ClientError, match=r"application/vnd\.oci\.image\.index\.v1\+json' cannot be scanned") as caught:
        ecr.start_image_scan(**asked)
    assert caught.value.response["Error"]["Code"] == "UnsupportedImageTypeException"
    asked["imageId"] = {"imageTag": "child"}
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=[])
    assert refusal(ecr.start_image_scan, **asked) == "ValidationException"
    assert refusal(ecr.start_image_scan, repositoryName="app", imageId={"imageTag": "no"}) == "ImageNotFoundException"


@pytest.mark.parametrize(
    ("scan_type", "rules"),
    [
        ("BASIC", [("CONTINUOUS_SCAN", "*")]),
        ("ENHANCED", [("MANUAL", "*")]),
        ("BASIC", [("SCAN_ON_PUSH", "a"), ("SCAN_ON_PUSH", "b")]),
        ("BASIC", [("SCAN_ON_PUSH", "A[1]")]),
    ],
)
def test_a_scanning_configuration_must_be_possible(ecr: Any, scan_type: str, rules: list[tuple[str, str]]) -> None:
    made = [
        {"scanFrequency": frequency, "repositoryFilters": [{"filterType": "WILDCARD", "filter": name}]}
        for frequency, name in rules
    ]
    problem = refusal(ecr.put_registry_scanning_configuration, scanType=scan_type, rules=made)
    assert problem == "InvalidParameterException"


def test_continuous_scanning_wins_over_scan_on_push(ecr: Any) -> None:
    rules = [
        {"scanFrequency": frequency, "repositoryFilters": [{"filterType": "WILDCARD", "filter": name}]}
        for frequency, name in (("SCAN_ON_PUSH", "*"), ("CONTINUOUS_SCAN", "pp"))
    ]
    ecr.put_registry_scanning_configuration(scanType="ENHANCED", rules=rules)
    ecr.create_repository(repositoryName="other")
    answer = ecr.batch_get_repository_scanning_configuration(repositoryNames=["app", "other", "missing"])
    found = {each["repositoryName"]: each["scanFrequency"] for each in answer["scanningConfigurations"]}
    assert found == {"app": "CONTINUOUS_SCAN", "other": "SCAN_ON_PUSH"}
    assert answer["failures"][0]["failureCode"] == "REPOSITORY_NOT_FOUND"


# Everything else


def test_every_operation_of_aws_is_answered(emulator: Emulator, ecr: Any) -> None:
    """Each of botocore's operations is there, or says at once that it is not; none is a server error."""
    http = Client(emulator.backend.api)
    model = ecr.meta.service_model
    missing = set()
    for operation in model.operation_names:
        status, code = raw(http, emulator, operation, {})
        assert status in (200, 400), operation
        if code == "NotInThisMockException":
            missing.add(operation)
    assert set(model.operation_names) - missing == OPERATIONS.keys()
    assert missing == {
        "CreatePullThroughCacheRule",
        "CreateRepositoryCreationTemplate",
        "DeletePullThroughCacheRule",
        "DeleteRepositoryCreationTemplate",
        "DeleteSigningConfiguration",
        "DeregisterPullTimeUpdateExclusion",
        "DescribeImageReplicationStatus",
        "DescribeImageSigningStatus",
        "DescribePullThroughCacheRules",
        "DescribeReplicationBackfillResults",
        "DescribeRepositoryCreationTemplates",
        "GetAccountSetting",
        "GetSigningConfiguration",
        "ListPullTimeUpdateExclusions",
        "ListReplicationBackfills",
        "PutAccountSetting",
        "PutSigningConfiguration",
        "RegisterPullTimeUpdateExclusion",
        "StartReplicationBackfill",
        "StopReplicationBackfill",
        "UpdatePullThroughCacheRule",
        "UpdateRepositoryCreationTemplate",
        "ValidatePullThroughCacheRule",
    }


@pytest.mark.parametrize("body", [b"not json", b"[]", b"3", b'{"repositoryName": 3}', b'{"repositoryName": ["app"]}'])
def test_a_malformed_request_is_a_client_error(emulator: Emulator, ecr: Any, body: bytes) -> None:
    status, code = raw(Client(emulator.backend.api), emulator, "DescribeImages", body)
    assert status == 400 and code in ("SerializationException", "InvalidParameterException")


def test_what_is_no_operation_is_a_client_error(emulator: Emulator, ecr: Any) -> None:
    http = Client(emulator.backend.api)
    for name in ("Nonsense", "Dispatch", "SetupClass", "Repository", "WantedImage"):
        assert raw(http, emulator, name, {}) == (400, "UnknownOperationException")
    assert http.get("/").status_code == 400
    assert http.post("/elsewhere").status_code == 400


@pytest.mark.parametrize("spelling", ["localhost", "127.0.0.1", "[::1]"])
def test_addresses_of_repositories_say_localhost(emulator: Emulator, ecr: Any, spelling: str) -> None:
    answer = local_client(
        emulator.backend.api, emulator.context.credentials["profiles"]["admin"], "ecr", host=f"{spelling}:5003"
    ).describe_repositories()
    assert answer["repositories"][0]["repositoryUri"] == "localhost:5003/app"


def raw(http: Client, emulator: Emulator, operation: str, given: dict[str, Any] | bytes) -> tuple[int, str]:
    """Status and error code of a signed request with any body, as the admin."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    body = given if isinstance(given, bytes) else json.dumps(given).encode()
    keys = emulator.context.credentials["profiles"]["admin"]
    headers = {"X-Amz-Target": TARGET + operation, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", "http://localhost:5003/", data=body, headers=headers)
    SigV4Auth(Credentials(keys["access_key_id"], keys["secret_access_key"]), "ecr", "us-east-1").add_auth(request)
    answer = http.post("/", data=body, headers=dict(request.headers.items()), base_url="http://localhost:5003")
    return answer.status_code, str((answer.get_json(silent=True, force=True) or {}).get("__type", ""))


def test_a_reset_takes_the_scanning_filters_that_were_for_the_repository_alone(ecr: Any, emulator: Emulator) -> None:
    def rule(*filters: str) -> dict[str, Any]:
        made = [{"filterType": "WILDCARD", "filter": one} for one in filters]
        return {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": made}

    def rules() -> Any:
        return ecr.get_registry_scanning_configuration()["scanningConfiguration"]["rules"]

    for name in ("mine/app", "other"):
        ecr.create_repository(repositoryName=name)
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule("mine/*", "*", "nobody/*")])
    assert emulator.backend.forget("mine/app")
    assert rules() == [rule("*", "nobody/*")]
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule("mine/*")])
    assert not emulator.backend.forget("mine/app"), "it is gone already; what is left of it goes all the same"
    assert rules() == []
