"""Lists of images as aws, gcloud and az print them, as a hand-written list, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from autograder.domain.retention import Action, acr_policy
from autograder.domain.retention.acr import evaluate
from autograder.domain.retention.fields import BadEntry, Entry
from autograder.domain.retention.inputs import images_from, read_images
from autograder.errors import CourseError

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"

# Version 2 of the AWS CLI writes times as text, version 1 as seconds since 1970.
DESCRIBE_IMAGES = {
    "imageDetails": [
        {
            "registryId": "123456789012",
            "repositoryName": "ml-model",
            "imageDigest": A,
            "imageTags": ["1.0.0", "latest"],
            "imageSizeInBytes": 31457280,
            "imagePushedAt": "2026-05-01T14:00:00.123000+02:00",
            "imageManifestMediaType": OCI,
            "artifactMediaType": "application/vnd.oci.image.config.v1+json",
            "lastRecordedPullTime": "2026-05-30T03:04:05.678000+02:00",
            "imageStatus": "ACTIVE",
        },
        {
            "registryId": "123456789012",
            "repositoryName": "ml-model",
            "imageDigest": B,
            "imagePushedAt": 1767225600.0,
            "imageManifestMediaType": OCI,
            "subjectManifestDigest": A,
            "imageStatus": "ARCHIVED",
            "lastArchivedAt": 1769904000,
        },
        {
            "registryId": "123456789012",
            "repositoryName": "ml-model",
            "imageDigest": C,
            "imagePushedAt": 1767225600,
            "imageManifestMediaType": INDEX,
        },
    ]
}
DOCKER_IMAGES = [
    {
        "createTime": "2026-05-01T12:00:00.123456Z",
        "metadata": {
            "buildTime": "2026-05-01T11:59:00Z",
            "imageSizeBytes": "31457280",
            "mediaType": OCI,
            "name": f"projects/p/locations/us-central1/repositories/ml-models/dockerImages/team%2Fml-model@{A}",
        },
        "package": "us-central1-docker.pkg.dev/p/ml-models/team/ml-model",
        "tags": ["1.0.0", "latest"],
        "updateTime": "2026-05-02T12:00:00.123456Z",
        "version": A,
    },
    {  # as older versions of gcloud print it
        "createTime": "2026-05-01T12:00:00",
        "package": "us-central1-docker.pkg.dev/p/ml-models/web",
        "tags": "1.0.0, latest",
        "updateTime": "2026-05-01T12:00:00",
        "version": B,
    },
    {
        "createTime": "2026-05-01T12:00:00",
        "metadata": {"imageSizeBytes": "None", "mediaType": None},
        "package": "gcr.io/p/old",
        "tags": "",
        "updateTime": "2026-05-01T12:00:00",
        "version": C,
    },
]
LIST_METADATA = [
    {
        "architecture": "amd64",
        "changeableAttributes": {
            "deleteEnabled": True,
            "listEnabled": True,
            "readEnabled": True,
            "writeEnabled": False,
        },
        "configMediaType": "application/vnd.oci.image.config.v1+json",
        "createdTime": "2026-05-01T12:00:00.1234567Z",
        "digest": A,
        "imageSize": 31457280,
        "lastUpdateTime": "2026-05-20T12:00:00.1234567Z",
        "mediaType": OCI,
        "os": "linux",
        "tags": ["1.0.0", "dev-1"],
    },
    {
        "createdTime": "2026-05-01T12:00:00.1Z",
        "digest": B,
        "imageSize": 0,
        "lastUpdateTime": "2026-05-01T12:00:00.1Z",
        "mediaType": INDEX,
    },
]
SHOW_TAGS = [
    {
        "changeableAttributes": {
            "deleteEnabled": True,
            "listEnabled": True,
            "readEnabled": True,
            "writeEnabled": False,
        },
        "createdTime": "2026-05-01T12:00:00.1Z",
        "digest": A,
        "lastUpdateTime": "2026-05-20T12:00:00.1Z",
        "name": "1.0.0",
        "signed": False,
    },
    {
        "changeableAttributes": {"deleteEnabled": True, "listEnabled": True, "readEnabled": True, "writeEnabled": True},
        "createdTime": "2026-05-01T12:00:00.1Z",
        "digest": A,
        "lastUpdateTime": "2026-05-01T12:00:00Z",
        "name": "dev-1",
        "signed": False,
    },
]


@pytest.mark.parametrize("document", [DESCRIBE_IMAGES, DESCRIBE_IMAGES["imageDetails"]])
def test_aws_ecr_describe_images(document):
    image, artifact, index = read_images(json.dumps(document), NOW)
    assert image.digest == A
    assert image.tags == ("1.0.0", "latest")
    assert image.repository == "ml-model"
    assert image.size == 31457280
    assert image.pushed == datetime(2026, 5, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert image.pulled == datetime(2026, 5, 30, 1, 4, 5, 678000, tzinfo=UTC)
    assert not image.archived_class
    assert artifact.tags == ()
    assert artifact.size is None
    assert artifact.subject == A
    assert artifact.pushed == datetime(2026, 1, 1, tzinfo=UTC)
    assert artifact.archived_class
    assert artifact.archived == datetime(2026, 2, 1, tzinfo=UTC)
    assert index.children is None
    assert image.children == ()


def test_gcloud_artifacts_docker_images_list():
    image, older, untagged = images_from(DOCKER_IMAGES, NOW)
    assert (image.digest, image.tags, image.repository) == (A, ("1.0.0", "latest"), "team/ml-model")
    assert image.pushed == datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert image.size == 31457280
    assert image.media_type == OCI
    assert (older.tags, older.repository, older.size) == (("1.0.0", "latest"), "web", None)
    assert (untagged.tags, untagged.repository, untagged.size) == ((), "old", None)
    [emulators] = images_from([{**DOCKER_IMAGES[1], "package": "localhost:5004/p/ml-models/team/web"}], NOW)
    assert emulators.repository == "team/web"


def test_az_acr_manifest_list_metadata():
    image, index = images_from(LIST_METADATA, NOW, repository="ml-model")
    assert (image.digest, image.tags, image.repository) == (A, ("1.0.0", "dev-1"), "ml-model")
    assert image.updated == datetime(2026, 5, 20, 12, 0, 0, 123456, tzinfo=UTC)
    assert (image.deletable, image.writable) == (True, False)
    assert (index.tags, index.children) == ((), None)


def test_az_with_the_details_of_tags():
    document = {"imageName": "ml-model", "manifests": LIST_METADATA, "tags": SHOW_TAGS}
    image, _ = images_from(document, NOW)
    assert image.repository == "ml-model"
    assert image.locked_tags == {"1.0.0"}
    assert image.tag_times["dev-1"] == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_tags_own_time_and_lock_decide():
    """The manifest was updated 12 days ago, but dev-1 a month ago; 1.0.0 is locked."""
    policy = acr_policy.parse("acr purge --filter '.*:.*' --ago 20d")
    with_details = evaluate(policy, images_from({"manifests": LIST_METADATA[:1], "tags": SHOW_TAGS}, NOW), NOW)
    assert with_details.results[0].tags_removed == ("dev-1",)
    without = evaluate(policy, images_from(LIST_METADATA[:1], NOW), NOW)
    assert without.results[0].tags_removed == ()
    assert any("show-tags --detail" in note for note in without.notes)
    assert not any("show-tags --detail" in note for note in with_details.notes)


def test_children_may_be_added_to_any_format():
    entry = {**DESCRIBE_IMAGES["imageDetails"][2], "manifest_list_of": [A]}
    assert images_from([entry], NOW)[0].children == (A,)


def test_the_short_form():
    entry = {
        "digest": A,
        "tags": ["v1"],
        "pushed_days_ago": 1.5,
        "pulled_days_ago": 1,
        "storage_class": "archive",
        "archived_days_ago": 0.5,
        "size": 7,
        "locked": True,
        "repository": "m",
    }
    (image,) = images_from({"images": [entry]}, NOW)
    assert image.pushed == NOW - timedelta(days=1.5)
    assert image.archived == NOW - timedelta(days=0.5)
    assert (image.archived_class, image.deletable, image.writable, image.repository, image.size) == (
        True,
        False,
        False,
        "m",
        7,
    )


def test_a_byte_order_mark_is_no_error():
    assert read_images("\ufeff[]", NOW) == []


SHORT = {"digest": A, "pushed_days_ago": 1}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("text", "not a list"),
        ({}, "an object with the keys (none)"),
        ({"cases": []}, "an object with the keys cases"),
        ({"images": {}}, "not a list"),
        ([3], "image 1 of the list cannot be used: it is not an object"),
        ([SHORT, {"name": "x"}], "image 2 of the list cannot be used: its keys fit no known format: name"),
        ([{**SHORT, "digest": "sha256:abc"}], "64 hex digits"),
        ([{**SHORT, "digest": 5}], "digest must be a text"),
        ([{**SHORT, "tags": "v1"}], "tags must be a list of texts"),
        ([{**SHORT, "tags": [1]}], "tags must be a list of texts"),
        ([{**SHORT, "pushed_days_ago": -1}], "pushed_days_ago must be a number"),
        ([{**SHORT, "pushed_days_ago": True}], "pushed_days_ago must be a number"),
        ([{**SHORT, "size": -1}], "size must be a whole number"),
        ([{**SHORT, "size": 1.5}], "size must be a whole number"),
        ([{**SHORT, "locked": "yes"}], "locked must be true or false"),
        ([{**SHORT, "storage_class": "glacier"}], "storage_class must be standard or archive"),
        ([SHORT, SHORT], "is listed twice"),
        ([{**SHORT, "tags": ["v1"]}, {**SHORT, "digest": B, "tags": ["v1"]}], "the tag v1 is on two images"),
        ([{"imageDigest": A}], "imagePushedAt is missing"),
        ([{"imageDigest": A, "imagePushedAt": "soon"}], "imagePushedAt must be a time"),
        ([{"imageDigest": A, "imagePushedAt": 1e300}], "imagePushedAt must be a time"),
        ([{"imageDigest": A, "imagePushedAt": []}], "imagePushedAt must be a time"),
        (
            [{"version": A, "package": "x", "createTime": "2026-05-01T12:00:00Z", "metadata": "x"}],
            "metadata must be an object",
        ),
        ({"manifests": [], "tags": {}}, "tags beside manifests must be the list"),
        ({"manifests": [], "tags": [1]}, "a tag beside the manifests cannot be used"),
    ],
)
def test_what_is_refused_is_named(document, part):
    with pytest.raises(CourseError) as caught:
        read_images(json.dumps(document), NOW)
    assert part in caught.value.found
    assert "aws ecr describe-images" in caught.value.expected
    assert caught.value.next_step


def test_text_that_is_not_json_is_refused():
    with pytest.raises(CourseError) as caught:
        read_images("imageDetails:", NOW)
    assert "not JSON" in caught.value.found


def test_one_tag_in_two_repositories_is_fine():
    entries = [{**SHORT, "tags": ["v1"], "repository": "a"}, {**SHORT, "tags": ["v1"], "repository": "b"}]
    assert len(images_from(entries, NOW)) == 2


def test_the_formats_mean_the_same():
    """One image, three ways to print it: the retention policy of ACR sees the same in each."""
    policy = acr_policy.parse('{"retentionPolicy": {"status": "enabled", "days": 7}}')
    docker = "application/vnd.docker.distribution.manifest.v2+json"
    forms = [
        {"imageDigest": A, "imagePushedAt": "2026-05-01T12:00:00Z", "imageManifestMediaType": docker},
        {"version": A, "package": "p", "createTime": "2026-05-01T12:00:00Z", "metadata": {"mediaType": docker}},
        {"digest": A, "createdTime": "2026-05-01T12:00:00Z", "mediaType": docker},
    ]
    for form in forms:
        (result,) = evaluate(policy, images_from([form], NOW), NOW).results
        assert result.action is Action.EXPIRE


@pytest.mark.parametrize("moment", [10**400, -(10**400), float("inf"), float("nan")], ids=["+", "-", "inf", "nan"])
def test_a_time_that_no_date_can_say_is_refused(moment: float) -> None:
    with pytest.raises(BadEntry, match="must be a time"):
        Entry({"when": moment}).time("when")
