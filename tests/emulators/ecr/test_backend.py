"""ECR's rules at /v2/: existence, tags that stay, deletions, pulls, and one story with the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.emulators.ecr.backend import PERMISSIONS
from autograder.emulators.interface import Action, Caller, Kind, RegistryError
from autograder.emulators.routes import METHODS
from autograder.oci.manifests import OCI_MANIFEST, digest_of

from .emulator import ADMIN, START, Emulator


def denial(function: Any, *arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(RegistryError) as caught:
        function(*arguments)
    return caught.value.status, caught.value.code, caught.value.message


def test_every_request_needs_a_permission() -> None:
    wanted = {(kind, method) for kind, methods in METHODS.items() for method in methods}
    assert wanted - PERMISSIONS.keys() == {(Kind.BASE, "GET"), (Kind.BASE, "HEAD")}


@pytest.mark.parametrize(
    ("method", "kind", "reference"),
    [("POST", Kind.UPLOAD, ""), ("PUT", Kind.MANIFEST, "1"), ("GET", Kind.MANIFEST, "1"), ("GET", Kind.TAGS, "")],
)
def test_a_repository_must_exist(emulator: Emulator, method: str, kind: Kind, reference: str) -> None:
    call = emulator.call(method, kind, "team/app", reference)
    assert denial(emulator.backend.authorise, ADMIN, call, Action.PUSH) == (
        404,
        "NAME_UNKNOWN",
        "The repository with name 'team/app' does not exist in the registry with id '123456789012'",
    )
    emulator.client().create_repository(repositoryName="team/app")
    if reference != "1" or method == "PUT":
        emulator.backend.authorise(ADMIN, call, Action.PUSH)
    else:
        assert denial(emulator.backend.authorise, ADMIN, call, Action.PULL) == (
            404,
            "MANIFEST_UNKNOWN",
            "Requested image not found",
        )


@pytest.mark.parametrize(
    ("mode", "filters", "refused"),
    [
        ("MUTABLE", [], set()),
        ("IMMUTABLE", [], {"1.0", "latest", "dev-3"}),
        ("IMMUTABLE_WITH_EXCLUSION", ["latest", "dev-*"], {"1.0"}),
        ("MUTABLE_WITH_EXCLUSION", ["*.0"], {"1.0"}),
    ],
)
def test_the_four_modes(emulator: Emulator, mode: str, filters: list[str], refused: set[str]) -> None:
    exclusions = [{"filterType": "WILDCARD", "filter": each} for each in filters]
    more: dict[str, Any] = {"imageTagMutabilityExclusionFilters": exclusions} if filters else {}
    emulator.client().create_repository(repositoryName="app", imageTagMutability=mode, **more)
    first, second = emulator.manifest("app", "one"), emulator.manifest("app", "two")
    for tag in ("1.0", "latest", "dev-3"):
        emulator.push("app", tag, first)
        for body in (first, second):
            if tag in refused:
                status, code, message = denial(emulator.push, "app", tag, body)
                assert (status, code) == (400, "TAG_INVALID")
                assert message.endswith("cannot be overwritten because the tag is immutable.")
            else:
                emulator.push("app", tag, body)
    emulator.push("app", None, second)  # by digest nothing is overwritten


def test_what_is_pushed_shows_in_the_api(emulator: Emulator, ecr: Any) -> None:
    body = emulator.manifest("app", "one")
    digest = emulator.push("app", "1.0", body)
    listed = ecr.list_images(repositoryName="app")["imageIds"]
    assert listed == [{"imageDigest": digest, "imageTag": "1.0"}]
    got = ecr.batch_get_image(repositoryName="app", imageIds=listed)["images"][0]
    assert got["imageManifest"].encode() == body and got["imageManifestMediaType"] == OCI_MANIFEST
    emulator.clock.pass_time(minutes=5)
    call = emulator.call("GET", Kind.MANIFEST, "app", "1.0")
    emulator.backend.commit_pull(ADMIN, emulator.call("HEAD", Kind.MANIFEST, "app", "1.0"), digest, OCI_MANIFEST)
    detail = ecr.describe_images(repositoryName="app")["imageDetails"][0]
    assert detail["imagePushedAt"] == START and "lastRecordedPullTime" not in detail
    emulator.backend.commit_pull(ADMIN, call, digest, OCI_MANIFEST)
    pulled = ecr.describe_images(repositoryName="app")["imageDetails"][0]["lastRecordedPullTime"]
    assert (pulled - START).total_seconds() == 300
    emulator.restart()
    found = emulator.client().describe_images(repositoryName="app")["imageDetails"][0]
    assert found["lastRecordedPullTime"] == pulled


def test_a_tag_on_a_known_image_does_not_make_it_younger(emulator: Emulator, ecr: Any) -> None:
    body = emulator.manifest("app", "one")
    emulator.push("app", "1.0", body)
    emulator.clock.pass_time(days=3)
    emulator.push("app", "stable", body)
    detail = ecr.describe_images(repositoryName="app")["imageDetails"][0]
    assert detail["imageTags"] == ["1.0", "stable"] and detail["imagePushedAt"] == START


def test_an_index_needs_its_children(emulator: Emulator, ecr: Any) -> None:
    child = emulator.manifest("app", "one")
    index = emulator.index(child)
    status, code, message = denial(emulator.push, "app", "all", index)
    assert (status, code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert message.startswith(f"Images with digests '[{digest_of(child)}]' required for pushing image")
    emulator.push("app", None, child)
    emulator.push("app", "all", index)
    assert emulator.backend.index.tags("app") == ["all"]


def test_what_is_no_manifest_is_refused(emulator: Emulator, ecr: Any) -> None:
    body = b'{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}'
    assert denial(emulator.push, "app", "1", body)[:2] == (400, "MANIFEST_INVALID")


def test_a_subject_is_confirmed_and_its_artifacts_listed(emulator: Emulator, ecr: Any) -> None:
    from autograder.emulators.interface import Manifest

    image = emulator.manifest("app", "one")
    emulator.push("app", "1", image)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    body = emulator.manifest("app", "sbom", subject=subject, artifactType="a/b")
    manifest = Manifest("app", None, digest_of(body), OCI_MANIFEST, body)
    emulator.backend.check_push(ADMIN, manifest)
    emulator.store.put_manifest("app", manifest.digest, OCI_MANIFEST, body)
    assert emulator.backend.commit_push(ADMIN, manifest) == {"OCI-Subject": digest_of(image)}
    assert emulator.backend.referrers(ADMIN, "app", digest_of(image)) == [
        {"mediaType": OCI_MANIFEST, "digest": digest_of(body), "size": len(body), "artifactType": "a/b"}
    ]
    assert emulator.backend.referrers(ADMIN, "app", digest_of(body)) == []


# Deletions


def delete(emulator: Emulator, tag: str | None, digest: str) -> None:
    emulator.backend.check_delete(ADMIN, "app", tag, digest)
    emulator.backend.commit_delete(ADMIN, "app", tag, digest)


def test_a_deletion_through_v2_shows_in_the_api_and_the_store(emulator: Emulator, ecr: Any) -> None:
    body = emulator.manifest("app", "one")
    for tag in ("1.0", "latest"):
        digest = emulator.push("app", tag, body)
    delete(emulator, "1.0", digest)
    assert emulator.backend.index.tags("app") == ["latest"] and emulator.store.manifests("app") == {digest}
    delete(emulator, None, digest)
    assert ecr.list_images(repositoryName="app")["imageIds"] == []
    assert emulator.store.manifests("app") == set()


def test_a_deletion_through_the_api_shows_at_v2_and_in_the_store(emulator: Emulator, ecr: Any) -> None:
    kept, gone = emulator.push_new("app", "1.0", "one"), emulator.push_new("app", "2.0", "two")
    answer = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "2.0"}, {"imageTag": "no"}])
    assert answer["imageIds"] == [{"imageDigest": gone, "imageTag": "2.0"}]
    assert answer["failures"][0]["failureCode"] == "ImageNotFound"
    assert emulator.backend.index.resolve("app", "2.0") is None and not emulator.backend.index.has("app", gone)
    assert emulator.store.manifests("app") == {kept}


def test_a_child_cannot_be_deleted_under_its_index(emulator: Emulator, ecr: Any) -> None:
    child = emulator.manifest("app", "one")
    emulator.push("app", "amd64", child)
    emulator.push("app", "second", child)
    index = emulator.index(child)
    emulator.push("app", "all", index)
    delete(emulator, "second", digest_of(child))  # a tag too many may go
    refused = denial(delete, emulator, "amd64", digest_of(child))
    assert refused == (405, "UNSUPPORTED", f"Requested image referenced by manifest list: [{digest_of(index)}]")
    assert denial(delete, emulator, None, digest_of(child)) == refused
    delete(emulator, None, digest_of(index))
    delete(emulator, None, digest_of(child))
    assert emulator.store.manifests("app") == set()


def test_a_repository_takes_its_images_with_it(emulator: Emulator, ecr: Any) -> None:
    from .emulator import refusal

    emulator.push_new("app", "1", "one")
    assert refusal(ecr.delete_repository, repositoryName="app") == "RepositoryNotEmptyException"
    assert ecr.delete_repository(repositoryName="app", force=True)["repository"]["repositoryName"] == "app"
    assert emulator.store.manifests("app") == set() and emulator.backend.index.tags("app") is None
    ecr.create_repository(repositoryName="app")
    assert emulator.backend.index.tags("app") == []


# The rest


def test_nothing_is_mounted_across_repositories(emulator: Emulator, ecr: Any) -> None:
    """ECR copies: mounting is an account setting that is off (GetAccountSetting BLOB_MOUNTING)."""
    assert emulator.backend.may_pull(ADMIN, "app") is False


def test_the_catalog_names_repositories(emulator: Emulator, ecr: Any) -> None:
    ecr.create_repository(repositoryName="team/b")
    assert emulator.backend.catalog(ADMIN) == ["app", "team/b"]


def test_the_snapshot_is_plain_data_without_secrets_or_ports(emulator: Emulator, ecr: Any) -> None:
    child = emulator.manifest("app", "one")
    emulator.push("app", None, child)
    emulator.push("app", "all", emulator.index(child))
    text = json.dumps(emulator.backend.snapshot())
    found = json.loads(text)["repositories"]["app"]
    assert [image["tags"] for image in found["images"]] == [[], ["all"]]
    assert found["images"][1]["children"] == [digest_of(child)]
    assert found["imageTagMutability"] == "MUTABLE" and found["lifecyclePolicy"] is None
    assert "5003" not in text
    for keys in emulator.context.credentials["profiles"].values():
        assert keys["secret_access_key"] not in text and keys["access_key_id"] not in text


def test_what_happens_is_in_the_journal(emulator: Emulator, ecr: Any) -> None:
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    ecr.put_image(repositoryName="app", imageManifest=emulator.manifest("app", "one").decode(), imageTag="1")
    ecr.get_authorization_token()
    ecr.describe_images(repositoryName="app")
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    ecr.delete_repository(repositoryName="app")
    said = [(line["who"], line["what"], line["repository"], line["tag"]) for line in emulator.context.journal.lines()]
    assert said == [
        ("admin", "create", "app", ""),
        ("admin", "configure", "app", ""),
        ("admin", "push", "app", "1"),
        ("admin", "login", "", ""),
        ("admin", "delete", "app", "1"),
        ("admin", "delete", "app", ""),
    ]


def test_a_caller_is_named_by_its_profile(emulator: Emulator) -> None:
    token = emulator.client(profile="reader").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    call = emulator.call("GET", Kind.BASE, headers={"authorization": f"Basic {token}"})
    assert emulator.backend.authenticate(call) == Caller("reader")
