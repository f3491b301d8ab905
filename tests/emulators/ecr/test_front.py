"""ECR's rules at /v2/: existence, tags that stay, deletions, pulls, and one story with the API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autograder.emulators.ecr.backend import PERMISSIONS
from autograder.emulators.interface import Action, Caller, Kind, Refusal
from autograder.emulators.routes import METHODS
from autograder.oci.manifests import OCI_MANIFEST, digest_of

from .emulator import ADMIN, START, Standin


def denial(function: Any, *arguments: Any) -> tuple[int, str, str]:
    with pytest.raises(Refusal) as caught:
        function(*arguments)
    return caught.value.status, caught.value.code, caught.value.message


def test_every_request_needs_a_permission() -> None:
    wanted = {(kind, method) for kind, methods in METHODS.items() for method in methods}
    wanted -= {(Kind.BASE, "GET"), (Kind.BASE, "HEAD"), (Kind.CATALOG, "GET"), (Kind.UPLOAD, "HEAD")}
    assert wanted <= PERMISSIONS.keys()


@pytest.mark.parametrize(
    ("method", "kind", "reference"),
    [("POST", Kind.UPLOAD, ""), ("PUT", Kind.MANIFEST, "1"), ("GET", Kind.MANIFEST, "1"), ("GET", Kind.TAGS, "")],
)
def test_a_repository_must_exist(standin: Standin, method: str, kind: Kind, reference: str) -> None:
    call = standin.call(method, kind, "team/app", reference)
    assert denial(standin.front.authorise, ADMIN, call, Action.PUSH) == (
        404,
        "NAME_UNKNOWN",
        "The repository with name 'team/app' does not exist in the registry with id '123456789012'",
    )
    standin.client().create_repository(repositoryName="team/app")
    if reference != "1" or method == "PUT":
        standin.front.authorise(ADMIN, call, Action.PUSH)
    else:
        assert denial(standin.front.authorise, ADMIN, call, Action.PULL) == (
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
def test_the_four_modes(standin: Standin, mode: str, filters: list[str], refused: set[str]) -> None:
    exclusions = [{"filterType": "WILDCARD", "filter": each} for each in filters]
    more: dict[str, Any] = {"imageTagMutabilityExclusionFilters": exclusions} if filters else {}
    standin.client().create_repository(repositoryName="app", imageTagMutability=mode, **more)
    first, second = standin.manifest("app", "one"), standin.manifest("app", "two")
    for tag in ("1.0", "latest", "dev-3"):
        standin.push("app", tag, first)
        for body in (first, second):
            if tag in refused:
                status, code, message = denial(standin.push, "app", tag, body)
                assert (status, code) == (400, "TAG_INVALID")
                assert message.endswith("cannot be overwritten because the tag is immutable.")
            else:
                standin.push("app", tag, body)
    standin.push("app", None, second)  # by digest nothing is overwritten


def test_what_is_pushed_shows_in_the_api(standin: Standin, ecr: Any) -> None:
    body = standin.manifest("app", "one")
    digest = standin.push("app", "1.0", body)
    listed = ecr.list_images(repositoryName="app")["imageIds"]
    assert listed == [{"imageDigest": digest, "imageTag": "1.0"}]
    got = ecr.batch_get_image(repositoryName="app", imageIds=listed)["images"][0]
    assert got["imageManifest"].encode() == body and got["imageManifestMediaType"] == OCI_MANIFEST
    standin.clock.pass_by(minutes=5)
    call = standin.call("GET", Kind.MANIFEST, "app", "1.0")
    standin.front.commit_pull(ADMIN, standin.call("HEAD", Kind.MANIFEST, "app", "1.0"), digest, OCI_MANIFEST)
    detail = ecr.describe_images(repositoryName="app")["imageDetails"][0]
    assert detail["imagePushedAt"] == START and "lastRecordedPullTime" not in detail
    standin.front.commit_pull(ADMIN, call, digest, OCI_MANIFEST)
    pulled = ecr.describe_images(repositoryName="app")["imageDetails"][0]["lastRecordedPullTime"]
    assert (pulled - START).total_seconds() == 300
    standin.restart()
    found = standin.client().describe_images(repositoryName="app")["imageDetails"][0]
    assert found["lastRecordedPullTime"] == pulled


def test_a_tag_on_a_known_image_does_not_make_it_younger(standin: Standin, ecr: Any) -> None:
    body = standin.manifest("app", "one")
    standin.push("app", "1.0", body)
    standin.clock.pass_by(days=3)
    standin.push("app", "stable", body)
    detail = ecr.describe_images(repositoryName="app")["imageDetails"][0]
    assert detail["imageTags"] == ["1.0", "stable"] and detail["imagePushedAt"] == START


def test_an_index_needs_its_children(standin: Standin, ecr: Any) -> None:
    child = standin.manifest("app", "one")
    index = standin.index(child)
    status, code, message = denial(standin.push, "app", "all", index)
    assert (status, code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert message.startswith(f"Images with digests '[{digest_of(child)}]' required for pushing image")
    standin.push("app", None, child)
    standin.push("app", "all", index)
    assert standin.front.index.tags("app") == ["all"]


def test_what_is_no_manifest_is_refused(standin: Standin, ecr: Any) -> None:
    body = b'{"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v1+json"}'
    assert denial(standin.push, "app", "1", body)[:2] == (400, "MANIFEST_INVALID")


def test_a_subject_is_confirmed_and_its_artifacts_listed(standin: Standin, ecr: Any) -> None:
    from autograder.emulators.interface import Manifest

    image = standin.manifest("app", "one")
    standin.push("app", "1", image)
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    body = standin.manifest("app", "sbom", subject=subject, artifactType="a/b")
    manifest = Manifest("app", None, digest_of(body), OCI_MANIFEST, body)
    standin.front.check_push(ADMIN, manifest)
    standin.store.put_manifest("app", manifest.digest, OCI_MANIFEST, body)
    assert standin.front.commit_push(ADMIN, manifest) == {"OCI-Subject": digest_of(image)}
    assert standin.front.referrers(ADMIN, "app", digest_of(image)) == [
        {"mediaType": OCI_MANIFEST, "digest": digest_of(body), "size": len(body), "artifactType": "a/b"}
    ]
    assert standin.front.referrers(ADMIN, "app", digest_of(body)) == []


# Deletions


def delete(standin: Standin, tag: str | None, digest: str) -> None:
    standin.front.check_delete(ADMIN, "app", tag, digest)
    standin.front.commit_delete(ADMIN, "app", tag, digest)


def test_a_deletion_through_v2_shows_in_the_api_and_the_store(standin: Standin, ecr: Any) -> None:
    body = standin.manifest("app", "one")
    for tag in ("1.0", "latest"):
        digest = standin.push("app", tag, body)
    delete(standin, "1.0", digest)
    assert standin.front.index.tags("app") == ["latest"] and standin.store.manifests("app") == {digest}
    delete(standin, None, digest)
    assert ecr.list_images(repositoryName="app")["imageIds"] == []
    assert standin.store.manifests("app") == set()


def test_a_deletion_through_the_api_shows_at_v2_and_in_the_store(standin: Standin, ecr: Any) -> None:
    kept, gone = standin.push_new("app", "1.0", "one"), standin.push_new("app", "2.0", "two")
    answer = ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "2.0"}, {"imageTag": "no"}])
    assert answer["imageIds"] == [{"imageDigest": gone, "imageTag": "2.0"}]
    assert answer["failures"][0]["failureCode"] == "ImageNotFound"
    assert standin.front.index.resolve("app", "2.0") is None and not standin.front.index.has("app", gone)
    assert standin.store.manifests("app") == {kept}


def test_a_child_cannot_be_deleted_under_its_index(standin: Standin, ecr: Any) -> None:
    child = standin.manifest("app", "one")
    standin.push("app", "amd64", child)
    standin.push("app", "second", child)
    index = standin.index(child)
    standin.push("app", "all", index)
    delete(standin, "second", digest_of(child))  # a tag too many may go
    refused = denial(delete, standin, "amd64", digest_of(child))
    assert refused == (405, "UNSUPPORTED", f"Requested image referenced by manifest list: [{digest_of(index)}]")
    assert denial(delete, standin, None, digest_of(child)) == refused
    delete(standin, None, digest_of(index))
    delete(standin, None, digest_of(child))
    assert standin.store.manifests("app") == set()


def test_a_repository_takes_its_images_with_it(standin: Standin, ecr: Any) -> None:
    from .emulator import refusal

    standin.push_new("app", "1", "one")
    assert refusal(ecr.delete_repository, repositoryName="app") == "RepositoryNotEmptyException"
    assert ecr.delete_repository(repositoryName="app", force=True)["repository"]["repositoryName"] == "app"
    assert standin.store.manifests("app") == set() and standin.front.index.tags("app") is None
    ecr.create_repository(repositoryName="app")
    assert standin.front.index.tags("app") == []


# The rest


def test_nothing_is_mounted_across_repositories(standin: Standin, ecr: Any) -> None:
    """ECR copies: mounting is an account setting that is off (GetAccountSetting BLOB_MOUNTING)."""
    assert standin.front.may_pull(ADMIN, "app") is False


def test_the_catalog_names_repositories(standin: Standin, ecr: Any) -> None:
    ecr.create_repository(repositoryName="team/b")
    assert standin.front.catalog(ADMIN) == ["app", "team/b"]


def test_the_snapshot_is_plain_data_without_secrets_or_ports(standin: Standin, ecr: Any) -> None:
    child = standin.manifest("app", "one")
    standin.push("app", None, child)
    standin.push("app", "all", standin.index(child))
    text = json.dumps(standin.front.snapshot())
    found = json.loads(text)["repositories"]["app"]
    assert [image["tags"] for image in found["images"]] == [[], ["all"]]
    assert found["images"][1]["children"] == [digest_of(child)]
    assert found["imageTagMutability"] == "MUTABLE" and found["lifecyclePolicy"] is None
    assert "5003" not in text
    for keys in standin.context.credentials["profiles"].values():
        assert keys["secret_access_key"] not in text and keys["access_key_id"] not in text


def test_what_happens_is_in_the_journal(standin: Standin, ecr: Any) -> None:
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    ecr.put_image(repositoryName="app", imageManifest=standin.manifest("app", "one").decode(), imageTag="1")
    ecr.get_authorization_token()
    ecr.describe_images(repositoryName="app")
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1"}])
    ecr.delete_repository(repositoryName="app")
    said = [(line["who"], line["what"], line["repository"], line["tag"]) for line in standin.context.journal.lines()]
    assert said == [
        ("admin", "create", "app", ""),
        ("admin", "configure", "app", ""),
        ("admin", "push", "app", "1"),
        ("admin", "login", "", ""),
        ("admin", "delete", "app", "1"),
        ("admin", "delete", "app", ""),
    ]


def test_a_caller_is_named_by_its_profile(standin: Standin) -> None:
    token = standin.client(profile="reader").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    call = standin.call("GET", Kind.BASE, headers={"authorization": f"Basic {token}"})
    assert standin.front.authenticate(call) == Caller("reader")
