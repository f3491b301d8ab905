"""The lab's profiles: what each may do, alone and by a repository's policy, at /v2/ and through the API."""

from __future__ import annotations

import io
import json
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from autograder.emulators.ecr.backend import PERMISSIONS
from autograder.emulators.ecr.identity import PROFILES
from autograder.emulators.interface import Action, Caller, Kind, RegistryError
from autograder.emulators.registry.proxy import Proxy
from autograder.oci.manifests import digest_of

from .emulator import Emulator, refusal

PUSH = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
]
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
ROLE = "arn:aws:iam::123456789012:role/ci-role"
LAB = [
    {"Sid": "ci", "Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": PUSH},
    {"Sid": "partner", "Effect": "Allow", "Principal": {"AWS": "210987654321"}, "Action": PULL},
]
REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/app"


def apply(emulator: Emulator, *statements: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    emulator.client().set_repository_policy(repositoryName="app", policyText=text)


def may(emulator: Emulator, profile: str, kind: Kind, method: str, reference: str = "") -> bool:
    """Whether a request to /v2/ gets past the backend."""
    call = emulator.call(method, kind, "app", reference)
    try:
        emulator.backend.authorise(Caller(profile), call, Action.PUSH)
    except RegistryError as refused:
        assert (refused.status, refused.code) == (403, "DENIED")
        return False
    return True


def may_push(emulator: Emulator, profile: str) -> bool:
    steps = [(Kind.BLOB, "HEAD"), (Kind.UPLOAD, "POST"), (Kind.UPLOAD, "PATCH"), (Kind.UPLOAD, "PUT")]
    return all(may(emulator, profile, kind, method) for kind, method in steps) and (
        may(emulator, profile, Kind.MANIFEST, "PUT", "2.0")
    )


def may_pull(emulator: Emulator, profile: str) -> bool:
    return may(emulator, profile, Kind.MANIFEST, "GET", "1.0") and may(emulator, profile, Kind.BLOB, "GET")


@pytest.fixture
def pushed(emulator: Emulator, ecr: Any) -> Emulator:
    emulator.push_new("app", "1.0", "one")
    return emulator


@pytest.mark.parametrize(
    ("statements", "pushers", "pullers"),
    [
        ([], {"admin"}, {"admin", "reader"}),
        (LAB, {"admin", "ci-role"}, {"admin", "reader", "other-account"}),
        ([{**LAB[0], "Action": "ecr:*"}], {"admin", "ci-role"}, {"admin", "reader", "ci-role"}),
        ([{**LAB[1], "Effect": "Deny", "Principal": "*", "Action": "ecr:PutImage"}], set(), {"admin", "reader"}),
        ([{**LAB[1], "Principal": "*"}], {"admin"}, set(PROFILES)),
    ],
    ids=["none", "the lab's", "everything to the role", "nobody puts", "everyone pulls"],
)
def test_who_pushes_and_who_pulls(
    pushed: Emulator, statements: list[dict[str, Any]], pushers: set[str], pullers: set[str]
) -> None:
    if statements:
        apply(pushed, *statements)
    assert {name for name in PROFILES if may_push(pushed, name)} == pushers
    assert {name for name in PROFILES if may_pull(pushed, name)} == pullers


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ("ci-role", "because no identity-based policy allows the ecr:PutImage action"),
        ("reader", "because no identity-based policy allows the ecr:PutImage action"),
        ("other-account", "because no resource-based policy allows the ecr:PutImage action"),
    ],
)
def test_a_refusal_is_worded_like_awss(pushed: Emulator, profile: str, reason: str) -> None:
    with pytest.raises(RegistryError) as caught:
        pushed.backend.authorise(Caller(profile), pushed.call("PUT", Kind.MANIFEST, "app", "2"), Action.PUSH)
    arn = PROFILES[profile].arn
    assert caught.value.message == (
        f"User: {arn} is not authorized to perform: ecr:PutImage on resource: {REPOSITORY} {reason}"
    )


def test_an_explicit_deny_is_worded_like_awss(pushed: Emulator) -> None:
    apply(pushed, {"Effect": "Deny", "Principal": "*", "Action": "ecr:BatchGetImage"})
    with pytest.raises(RegistryError) as caught:
        pushed.backend.authorise(Caller("admin"), pushed.call("GET", Kind.MANIFEST, "app", "1.0"), Action.PULL)
    assert caught.value.message.endswith("with an explicit deny in a resource-based policy")


def test_the_api_asks_the_same_policy(pushed: Emulator) -> None:
    role = pushed.client(profile="ci-role")
    body = pushed.manifest("app", "two").decode()
    put = {"repositoryName": "app", "imageManifest": body, "imageTag": "2.0"}
    with pytest.raises(ClientError) as caught:
        role.put_image(**put)
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "assumed-role/ci-role/build is not authorized to perform: ecr:PutImage" in str(caught.value)
    apply(pushed, *LAB)
    assert role.put_image(**put)
    assert refusal(role.describe_images, repositoryName="app") == "AccessDeniedException"
    assert refusal(role.batch_delete_image, repositoryName="app", imageIds=[{"imageTag": "2.0"}]) == (
        "AccessDeniedException"
    )
    reader = pushed.client(profile="reader")
    assert len(reader.describe_images(repositoryName="app")["imageDetails"]) == 2
    for call, arguments in (
        (reader.create_repository, {"repositoryName": "b2"}),
        (reader.delete_repository, {"repositoryName": "app"}),
        (reader.put_registry_scanning_configuration, {"scanType": "BASIC", "rules": []}),
        (reader.tag_resource, {"resourceArn": REPOSITORY, "tags": []}),
    ):
        assert refusal(call, **arguments) == "AccessDeniedException"


def test_another_account_names_the_registry_it_means(pushed: Emulator) -> None:
    partner = pushed.client(profile="other-account")
    wanted = {"repositoryName": "app", "imageIds": [{"imageTag": "1.0"}]}
    with pytest.raises(ClientError, match="does not exist in the registry with id '210987654321'"):
        partner.batch_get_image(**wanted)
    here = {**wanted, "registryId": "123456789012"}
    with pytest.raises(ClientError, match="no resource-based policy allows the ecr:BatchGetImage action"):
        partner.batch_get_image(**here)
    apply(pushed, *LAB)
    assert partner.batch_get_image(**here)["images"][0]["imageId"]["imageTag"] == "1.0"
    assert refusal(partner.create_repository, repositoryName="own") == "NotInThisMockException"
    assert refusal(partner.describe_images, repositoryName="app", registryId="123456789012") == "AccessDeniedException"
    assert partner.get_authorization_token()["authorizationData"]


def test_a_token_speaks_for_the_profile_that_asked_for_it(pushed: Emulator) -> None:
    apply(pushed, *LAB)
    for name in PROFILES:
        data = pushed.client(profile=name).get_authorization_token()["authorizationData"][0]
        header = {"authorization": f"Basic {data['authorizationToken']}"}
        assert pushed.backend.authenticate(pushed.call("GET", Kind.BASE, headers=header)).name == name


def test_refusals_are_in_the_journal(pushed: Emulator) -> None:
    refusal(pushed.client(profile="reader").delete_repository, repositoryName="app")
    refusal(pushed.client(profile="ci-role").describe_images, repositoryName="app")
    line = pushed.context.journal.lines()[-1]
    assert (line["who"], line["what"], line["repository"]) == ("reader", "refuse", "app")
    assert line["detail"]["operation"] == "DeleteRepository" and line["detail"]["code"] == "AccessDeniedException"


def test_a_push_with_a_token_that_has_ended_is_in_the_journal_and_one_without_is_not(pushed: Emulator) -> None:
    """A check tells the student of it; a challenge to log in is no refusal."""
    proxy = Proxy(pushed.backend, cast("Any", None), pushed.context.journal, cast("Any", None))
    token = pushed.client().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    before = len(pushed.context.journal.lines())
    request = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/v2/app/manifests/1.0",
        "RAW_URI": "/v2/app/manifests/1.0",
        "HTTP_HOST": "localhost:5003",
        "wsgi.input": io.BytesIO(),
        "CONTENT_LENGTH": "0",
    }
    pushed.clock.advance(hours=13)
    said: list[str] = []
    proxy(request, lambda status, _: said.append(status))
    assert len(pushed.context.journal.lines()) == before
    proxy(request | {"HTTP_AUTHORIZATION": f"Basic {token}"}, lambda status, _: said.append(status))
    assert [status[:3] for status in said] == ["401", "403"]
    [line] = pushed.context.journal.lines()[before:]
    assert (line["what"], line["repository"], line["tag"]) == ("refuse", "app", "1.0")
    assert line["detail"]["message"] == "Your authorization token has expired. Reauthenticate and try again."


def test_a_refused_put_image_names_tag_and_digest_in_the_journal(emulator: Emulator) -> None:
    client = emulator.client()
    client.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE")
    first, second = (emulator.manifest("app", name).decode() for name in ("one", "two"))
    client.put_image(repositoryName="app", imageManifest=first, imageTag="1.0")
    again = {"repositoryName": "app", "imageManifest": second, "imageTag": "1.0"}
    assert refusal(client.put_image, **again) == "ImageTagAlreadyExistsException"
    line = emulator.context.journal.lines()[-1]
    assert (line["what"], line["repository"], line["tag"]) == ("refuse", "app", "1.0")
    assert line["digest"] == digest_of(second.encode()) and "immutable" in line["detail"]["message"]
    assert refusal(client.put_image, repositoryName="none", imageManifest=second) == "RepositoryNotFoundException"
    line = emulator.context.journal.lines()[-1]
    assert (line["repository"], line["tag"], line["digest"]) == ("none", "", digest_of(second.encode()))


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"Statement": []}',
        json.dumps({"Statement": [{"Effect": "Maybe", "Principal": "*", "Action": "ecr:PutImage"}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "ci-role"}, "Action": "ecr:PutImage"}]}),
    ],
)
def test_a_policy_is_checked_before_it_is_stored(ecr: Any, text: str) -> None:
    with pytest.raises(ecr.exceptions.InvalidParameterException) as caught:
        ecr.set_repository_policy(repositoryName="app", policyText=text)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("Invalid parameter at 'PolicyText' failed to satisfy constraint: 'Invalid repository")
    assert refusal(ecr.get_repository_policy, repositoryName="app") == "RepositoryPolicyNotFoundException"


def test_the_catalog_is_not_for_everyone(pushed: Emulator) -> None:
    assert pushed.backend.catalog(Caller("reader")) == ["app"]
    with pytest.raises(RegistryError):
        pushed.backend.catalog(Caller("ci-role"))


def test_every_permission_is_an_action_of_ecr(ecr: Any) -> None:
    operations = {f"ecr:{name}" for name in ecr.meta.service_model.operation_names}
    assert set(PERMISSIONS.values()) <= operations
