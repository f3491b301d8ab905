"""The real clients against the emulator over a real registry: docker, skopeo, trivy, oras, the AWS CLI, boto3."""

from __future__ import annotations

import gzip
import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from autograder.oci.manifests import DOCKER_LIST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of

from ..artifacts import COMMAND, Sdk
from ..support import RegistryHttp
from .live import Live, serve

pytestmark = [pytest.mark.engine, pytest.mark.both_engines]


@pytest.fixture(scope="module")
def live(registry_session: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One emulator for this file; each test takes a repository of its own."""
    with serve(registry_session, tmp_path_factory.mktemp("ecr")) as running:
        running.login()
        yield running


@pytest.fixture
def name(live: Live) -> str:
    """A fresh repository."""
    name = f"clients/r{secrets.token_hex(4)}"
    live.client().create_repository(repositoryName=name)
    return name


@pytest.fixture
def images(engine: Any) -> Iterator[list[str]]:
    """Two tiny images in the engine, the second on top of the first; removed with every tag given to them."""
    made: list[str] = []
    base = "scratch"
    for text in ("one", "two"):
        tag = f"course-ecr-test:{secrets.token_hex(6)}"
        engine.images.build(fileobj=context(base, text), custom_context=True, tag=tag, rm=True)
        made.append(tag)
        base = tag
    yield made
    for tag in reversed(made):
        engine.images.remove(engine.images.get(tag).id, force=True)  # by id: references by digest go too


def context(base: str, text: str) -> io.BytesIO:
    """A build context: one file on top of a base."""
    files = {"Dockerfile": f"FROM {base}\nCOPY {text} /{text}\n", text: f"{text} {secrets.token_hex(8)}"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content.encode()))
    buffer.seek(0)
    return buffer


def push(live: Live, image: str, name: str, tag: str) -> str:
    """`docker tag`, `docker push`; returns the digest docker prints."""
    reference = f"{live.address}/{name}:{tag}"
    live.ok("docker", "tag", image, reference)
    return live.ok("docker", "push", reference).partition("digest: ")[2].split()[0]


# AWS CLI and boto3


def test_the_cli_works_with_an_endpoint_url(live: Live) -> None:
    assert live.aws("sts", "get-caller-identity")["Arn"] == "arn:aws:iam::123456789012:user/admin"
    name = f"cli/r{secrets.token_hex(4)}"
    made = live.aws("ecr", "create-repository", "--repository-name", name)["repository"]
    assert made["repositoryUri"] == f"{live.address}/{name}"
    assert made["repositoryArn"] == f"arn:aws:ecr:us-east-1:123456789012:repository/{name}"
    assert name in [each["repositoryName"] for each in live.aws("ecr", "describe-repositories")["repositories"]]
    assert "RepositoryAlreadyExistsException" in live.fails(
        "aws", "ecr", "create-repository", "--repository-name", name
    )


def test_what_is_not_in_this_mock_is_said_at_once(live: Live) -> None:
    said = live.fails("aws", "ecr", "describe-pull-through-cache-rules")
    assert "NotInThisMockException" in said and "reached max retries" not in said


def test_waiters_and_pages_over_http(live: Live, name: str) -> None:
    token = live.client().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    http = Basic(live.address, token)
    for number in range(5):
        http.push_image(name, f"t{number}", str(number))
    client = live.client()
    pages = list(client.get_paginator("list_images").paginate(repositoryName=name, PaginationConfig={"PageSize": 2}))
    assert [len(page["imageIds"]) for page in pages] == [2, 2, 1]
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 3}
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    text = json.dumps({"rules": [rule]}, indent=4)
    live.aws("ecr", "start-lifecycle-policy-preview", "--repository-name", name, "--lifecycle-policy-text", text)
    live.ok("aws", "ecr", "wait", "lifecycle-policy-preview-complete", "--repository-name", name)
    preview = live.aws("ecr", "get-lifecycle-policy-preview", "--repository-name", name)
    assert preview["summary"] == {"expiringImageTotalCount": 2}
    live.aws("ecr", "start-image-scan", "--repository-name", name, "--image-id", "imageTag=t1")
    wait = ("aws", "ecr", "wait", "image-scan-complete", "--repository-name", name, "--image-id", "imageTag=t1")
    assert "terminal failure state" in live.fails(*wait), "a scan that cannot be made ends, nobody goes on asking"


class Basic(RegistryHttp):
    """Requests with a fixed authorization token."""

    def __init__(self, address: str, token: str) -> None:
        super().__init__(address)
        self._header = f"Basic {token}"

    def send(self, method: str, path: str, body: Any = None, scope: str = "", **headers: str) -> Any:
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.raw(method, path, body, {**sent, "Authorization": self._header})


# docker

CONTAINERD = "error from registry: "  # what an engine with the containerd image store says before the registry's words


def test_docker_pushes_and_pulls_by_tag_and_digest(live: Live, name: str, images: list[str]) -> None:
    first = push(live, images[0], name, "1.0")
    second = push(live, images[1], name, "1.1")
    found = {each["imageTags"][0]: each for each in live.client().describe_images(repositoryName=name)["imageDetails"]}
    assert found["1.0"]["imageDigest"] == first and found["1.1"]["imageDigest"] == second
    assert found["1.1"]["imageSizeInBytes"] > found["1.0"]["imageSizeInBytes"] > 0
    live.ok("docker", "rmi", f"{live.address}/{name}:1.0", f"{live.address}/{name}:1.1")
    live.ok("docker", "pull", f"{live.address}/{name}:1.0")
    live.ok("docker", "pull", f"{live.address}/{name}@{second}")
    # With the containerd image store that was a HEAD: the image's content is still here. This asks by GET.
    live.ok("docker", "manifest", "inspect", "--insecure", f"{live.address}/{name}@{second}")
    pulled = live.client().describe_images(repositoryName=name, imageIds=[{"imageDigest": second}])["imageDetails"][0]
    assert pulled["lastRecordedPullTime"] >= pulled["imagePushedAt"]
    live.ok("docker", "rmi", "-f", f"{live.address}/{name}:1.0", f"{live.address}/{name}@{second}")


def test_the_second_image_sends_only_what_is_new(live: Live, name: str, images: list[str]) -> None:
    push(live, images[0], name, "1.0")
    live.ok("docker", "tag", images[1], f"{live.address}/{name}:1.1")
    said = live.ok("docker", "push", f"{live.address}/{name}:1.1")
    assert said.count("Layer already exists") == 1 and said.count("Pushed") == 1


def test_docker_says_what_it_says_about_ecr(live: Live, name: str, images: list[str]) -> None:
    live.client().put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")
    push(live, images[0], name, "1.0")
    live.ok("docker", "tag", images[1], f"{live.address}/{name}:1.0")
    said = live.fails("docker", "push", f"{live.address}/{name}:1.0")
    taken = (
        f"The image tag '1.0' already exists in the '{name}' repository and cannot be overwritten because the tag is "
        "immutable."
    )
    assert f"tag invalid: {taken}" in said or f"{CONTAINERD}{taken}" in said
    live.ok("docker", "tag", images[0], f"{live.address}/no/such:1")
    said = live.fails("docker", "push", f"{live.address}/no/such:1")
    missing = "The repository with name 'no/such' does not exist in the registry with id '123456789012'"
    assert f"name unknown: {missing}" in said or f"{CONTAINERD}{missing}" in said
    said = live.fails("docker", "pull", f"{live.address}/{name}:9")
    assert "manifest unknown: Requested image not found" in said or f"{live.address}/{name}:9: not found" in said


def test_docker_needs_a_token_that_was_issued_and_is_not_expired(live: Live, name: str, images: list[str]) -> None:
    login = ("docker", "login", "--username", "AWS", "--password-stdin", live.address)
    assert "400 Bad Request" in live.fails(*login, profile="reader", text="wrong")
    live.ok("docker", "tag", images[0], f"{live.address}/{name}:1.0")
    assert "no basic auth credentials" in live.fails("docker", "push", f"{live.address}/{name}:1.0", profile="reader")
    live.emulators.clock.advance(timedelta(hours=12))
    try:
        said = live.fails("docker", "push", f"{live.address}/{name}:1.0")
        ended = "Your authorization token has expired. Reauthenticate and try again."
        assert f"denied: {ended}" in said or "unexpected status from HEAD request" in said  # ECR's 403, without a body
        inspect = ("docker", "manifest", "inspect", "--insecure", f"{live.address}/{name}:1.0")
        assert f"denied: {ended}" in live.fails(*inspect), "what asks by GET is told"
    finally:
        live.login()


def test_docker_manifest_makes_a_list(live: Live, name: str, images: list[str]) -> None:
    references = [f"{live.address}/{name}:{tag}" for tag in ("a", "b")]
    digests = [push(live, image, name, tag) for image, tag in zip(images, ("a", "b"), strict=True)]
    whole = f"{live.address}/{name}:all"
    live.ok("docker", "manifest", "create", "--insecure", whole, *references)
    live.ok("docker", "manifest", "annotate", whole, references[1], "--arch", "arm64")
    live.ok("docker", "manifest", "push", "--insecure", "--purge", whole)
    found = live.client().describe_images(repositoryName=name, imageIds=[{"imageTag": "all"}])["imageDetails"][0]
    assert found["imageManifestMediaType"] in (DOCKER_LIST, OCI_INDEX)
    answer = live.client().batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digests[0]}])
    assert answer["failures"][0]["failureCode"] == "ImageReferencedByManifestList"


def test_an_image_put_through_the_api_is_pulled_by_docker(live: Live, name: str, images: list[str]) -> None:
    push(live, images[0], name, "1.0")
    client = live.client()
    image = client.batch_get_image(repositoryName=name, imageIds=[{"imageTag": "1.0"}])["images"][0]
    client.put_image(repositoryName=name, imageManifest=image["imageManifest"], imageTag="prod")
    live.ok("docker", "pull", f"{live.address}/{name}:prod")
    live.ok("docker", "rmi", f"{live.address}/{name}:prod")


# skopeo and trivy


def compressed(http: RegistryHttp, name: str, architecture: str) -> dict[str, Any]:
    """An image with a gzipped layer, as builders make them; returns its descriptor for an index."""
    config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
    layer = gzip.compress(architecture.encode(), mtime=0)
    parts = [(OCI_CONFIG, config.encode()), ("application/vnd.oci.image.layer.v1.tar+gzip", layer)]
    found = [{"mediaType": kind, "digest": http.push_blob(name, part), "size": len(part)} for kind, part in parts]
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": found[0], "layers": found[1:]}
    body = json.dumps(document, separators=(",", ":")).encode()
    digest = digest_of(body)
    assert http.push_manifest(name, digest, body).status == 201
    platform = {"architecture": architecture, "os": "linux"}
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": len(body), "platform": platform}


def test_skopeo_copies_an_index_inspects_and_deletes(live: Live, name: str, registry: str) -> None:
    source = RegistryHttp(registry)
    entries = [compressed(source, "skopeo/source", architecture) for architecture in ("amd64", "arm64")]
    children = [str(entry["digest"]) for entry in entries]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    index = json.dumps(document, separators=(",", ":")).encode()
    assert source.push_manifest("skopeo/source", "all", index, OCI_INDEX).status == 201
    target, login = f"docker://{live.address}/{name}:all", ("--dest-creds", f"AWS:{live.password()}")
    copy = ("skopeo", "copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false", *login)
    live.ok(*copy, f"docker://{registry}/skopeo/source:all", target)
    details = {each["imageDigest"]: each for each in live.client().describe_images(repositoryName=name)["imageDetails"]}
    assert set(children) < set(details) and len(details) == 3
    top = next(each for each in details.values() if each.get("imageTags") == ["all"])
    sizes = [details[child]["imageSizeInBytes"] for child in children]
    assert top["imageManifestMediaType"] == OCI_INDEX and top["imageSizeInBytes"] == max(sizes)
    creds = ("--tls-verify=false", "--creds", f"AWS:{live.password()}")
    told = json.loads(
        live.ok("skopeo", "inspect", *creds, "--override-arch", "arm64", "--override-os", "linux", target)
    )
    assert told["Architecture"] == "arm64" and told["RepoTags"] == ["all"]
    assert live.ok("skopeo", "inspect", "--raw", *creds, target).encode() == index
    live.ok("skopeo", "delete", *creds, target)
    left = live.client().describe_images(repositoryName=name)["imageDetails"]
    assert sorted(each["imageDigest"] for each in left) == sorted(children), "the children are left, untagged"


def test_trivy_reads_the_image_from_the_registry(live: Live, name: str, images: list[str]) -> None:
    digest = push(live, images[1], name, "1.0")
    command = ("trivy", "image", "--image-src", "remote", "--insecure", "--quiet", "--format", "cyclonedx")
    bom = json.loads(live.ok(*command, "--cache-dir", str(live.home / "trivy"), f"{live.address}/{name}:1.0"))
    assert digest in json.dumps(bom["metadata"]["component"])
    said = live.fails(*command, "--cache-dir", str(live.home / "trivy"), f"{live.address}/{name}:9")
    assert "Requested image not found" in said


# Referrers, over plain HTTP


def test_the_referrers_endpoint_lists_artifacts(live: Live, name: str) -> None:
    token = live.client().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    http = Basic(live.address, token)
    digest = http.push_image(name, "1.0")
    subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}
    artifact = http.push_image(name, "", "sbom", subject=subject, artifactType="application/spdx+json")
    listed = http.send("GET", f"/v2/{name}/referrers/{digest}").json
    assert listed["mediaType"] == OCI_INDEX and [each["digest"] for each in listed["manifests"]] == [artifact]
    asked = {"repositoryName": name, "subjectId": {"imageDigest": digest}}
    assert live.client().list_image_referrers(**asked)["referrers"][0]["digest"] == artifact


def test_oras_attaches_an_artifact_and_the_endpoint_lists_it(live: Live, name: str, tmp_path: Path) -> None:
    token = live.client().get_authorization_token()["authorizationData"][0]["authorizationToken"]
    image = Basic(live.address, token).push_image(name, "1.0")
    sdk = Sdk(live.address, name, "AWS", live.password(), backend="basic")
    artifact = sdk.attach("sbom", image, tmp_path)
    assert sdk.referrers(image) == [artifact]
    asked = {"repositoryName": name, "subjectId": {"imageDigest": image}}
    assert live.client().list_image_referrers(**asked)["referrers"][0]["digest"] == artifact


if COMMAND:

    def test_the_oras_command_attaches_and_discovers(live: Live, name: str, tmp_path: Path) -> None:
        token = live.client().get_authorization_token()["authorizationData"][0]["authorizationToken"]
        image = Basic(live.address, token).push_image(name, "1.0")
        sdk = Sdk(live.address, name, "AWS", live.password(), backend="basic")
        assert sdk.referrers(image) == [] and sdk.attach_by_command(image, tmp_path) == sdk.referrers(image)[0]
