"""The real clients against each backend: docker, skopeo, trivy, oras (its SDK; its command where there is one)."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from autograder.evidence import emulator_state
from autograder.oci.manifests import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, digest_of
from autograder.services import cloud_admin

from .artifacts import COMMAND, Sdk
from .support import LAYER, Place

pytestmark = [pytest.mark.engine, pytest.mark.both_engines]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def login(docker: Cli, place: Place, password: str | None = None, check: bool = True) -> str:
    given = place.password if password is None else password
    done = docker("login", "-u", place.user, "--password-stdin", place.address, text=given, check=check)
    return done.stdout + done.stderr


@pytest.fixture
def repository(place: Place) -> str:
    """A repository name of its own for each test."""
    return f"{place.namespace}/t{uuid4().hex[:10]}"


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Makes small images from scratch with the engine; they are removed afterwards."""
    made: list[str] = []

    def run(docker: Cli, name: str, *files: str) -> None:
        context = tmp_path / f"context{len(made)}"
        context.mkdir()
        for number, content in enumerate(files):
            (context / f"file{number}").write_text(content)
        copies = "".join(f"COPY file{number} /\n" for number in range(len(files)))
        (context / "Dockerfile").write_text(f'FROM scratch\n{copies}CMD ["/none"]\n')
        subprocess.run(
            ["docker", "build", "-q", "-t", name, str(context)],
            check=True,
            capture_output=True,
            env={**os.environ, "DOCKER_BUILDKIT": "0"},
        )
        made.append(name)

    yield run
    subprocess.run(["docker", "rmi", "-f", *made], capture_output=True)


def test_docker_pushes_and_pulls_by_tag_and_digest(
    place: Place, repository: str, docker_cli: Cli, build: Callable[..., None]
) -> None:
    assert "Login Succeeded" in login(docker_cli, place)
    image = f"{place.address}/{repository}:1.0"
    build(docker_cli, image, "content of " + image)
    told = docker_cli("push", image).stdout
    digest = "sha256:" + told.rpartition("digest: sha256:")[2][:64]
    assert place.http().digest(repository, "1.0") == digest
    for reference in (image, f"{place.address}/{repository}@{digest}"):
        docker_cli("rmi", "-f", image, check=False)
        assert f"Digest: {digest}" in docker_cli("pull", reference).stdout
    docker_cli("logout", place.address)
    docker_cli("rmi", "-f", f"{place.address}/{repository}@{digest}", check=False)


def test_a_second_image_moves_only_what_is_new(
    place: Place, repository: str, docker_cli: Cli, build: Callable[..., None]
) -> None:
    login(docker_cli, place)
    first, second = f"{place.address}/{repository}:1", f"{place.address}/{repository}:2"
    build(docker_cli, first, f"base {repository}", "one")
    docker_cli("push", first)
    build(docker_cli, second, f"base {repository}", "two")
    lines = docker_cli("push", second).stdout
    assert lines.count("Layer already exists") == 1 and lines.count(": Pushed") == 1
    elsewhere = f"{place.address}/{repository}-copy:1"
    docker_cli("tag", first, elsewhere)
    assert "Mounted from" in docker_cli("push", elsewhere).stdout, "a mount from a repository one may pull"
    docker_cli("rmi", elsewhere)


def test_a_wrong_password_is_told_as_the_cloud_tells_it(place: Place, docker_cli: Cli) -> None:
    text = login(docker_cli, place, "wrong", check=False)
    assert "Login Succeeded" not in text and "unauthorized: " in text
    assert ("https://aka.ms/acr/authorization" in text) == (place.service == "acr")


# As the graph drivers print it and as the containerd image store does, which has words of its own for a 401.
WITHOUT_LOGIN = {
    "dockerhub": ("denied: requested access to the resource is denied", "insufficient_scope: authorization failed"),
    "artifact-registry": ('do not have permission "artifactregistry.repositories.uploadArtifacts" on resource',),
    "acr": ("authentication required, visit https://aka.ms/acr/authorization for more information.",),
}


def test_without_a_login_nothing_can_be_pushed(
    place: Place, repository: str, docker_cli: Cli, build: Callable[..., None]
) -> None:
    image = f"{place.address}/{repository}:1"
    build(docker_cli, image, "x")
    done = docker_cli("push", image, check=False)
    assert done.returncode == 1 and any(words in done.stderr for words in WITHOUT_LOGIN[place.service])
    login(docker_cli, place)
    assert place.http().digest(repository, "1") is None


def test_docker_pushes_a_manifest_list(
    place: Place, repository: str, docker_cli: Cli, build: Callable[..., None]
) -> None:
    login(docker_cli, place)
    names = [f"{place.address}/{repository}:{arch}" for arch in ("amd64", "arm64")]
    for name in names:
        build(docker_cli, name, name)
        docker_cli("push", name)
    both = f"{place.address}/{repository}:multi"
    docker_cli("manifest", "create", "--insecure", both, *names)
    docker_cli("manifest", "annotate", both, names[1], "--arch", "arm64")
    digest = docker_cli("manifest", "push", "--insecure", both).stdout.split()[-1]
    assert place.http().digest(repository, "multi") == digest
    listed = json.loads(docker_cli("manifest", "inspect", "--insecure", both).stdout)
    assert {entry["platform"]["architecture"] for entry in listed["manifests"]} == {"amd64", "arm64"}


def oci_layout(folder: Path, text: str) -> str:
    """An OCI layout with an index of two platforms; returns the index's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(content: bytes, media_type: str, **more: object) -> dict[str, object]:
        (blobs / digest_of(content)[7:]).write_bytes(content)
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}

    children = []
    for arch in ("amd64", "arm64"):
        platform = {"architecture": arch, "os": "linux"}
        layer = gzip.compress(f"{text} {arch}".encode(), mtime=0)  # skopeo compresses what is not, and digests change
        config = {**platform, "rootfs": {"type": "layers", "diff_ids": [digest_of(f"{text} {arch}".encode())]}}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": blob(json.dumps(config).encode(), OCI_CONFIG),
            "layers": [blob(layer, f"{LAYER}+gzip")],
        }
        children.append(blob(json.dumps(document).encode(), OCI_MANIFEST, platform=platform))
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()
    top = {"schemaVersion": 2, "manifests": [blob(index, OCI_INDEX)]}
    (folder / "index.json").write_text(json.dumps(top))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return digest_of(index)


def test_skopeo_copies_everything_inspects_and_deletes(place: Place, repository: str, tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    assert skopeo, "skopeo is needed: apt-get install skopeo"
    digest = oci_layout(tmp_path / "layout", repository)
    target = f"docker://{place.address}/{repository}:multi"
    creds = f"{place.user}:{place.password}"

    def run(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([skopeo, *words], capture_output=True, text=True, timeout=120)
        assert not check or done.returncode == 0, done.stderr
        return done

    secure = "--dest-tls-verify=false"
    run("copy", "--all", secure, f"--dest-creds={creds}", f"oci:{tmp_path / 'layout'}", target)
    assert place.http().digest(repository, "multi") == digest, "byte for byte the same index"
    raw = run("inspect", "--raw", "--tls-verify=false", f"--creds={creds}", target).stdout
    assert digest_of(raw.encode()) == digest
    assert json.loads(run("list-tags", "--tls-verify=false", f"--creds={creds}", target.removesuffix(":multi")).stdout)[
        "Tags"
    ] == ["multi"]
    back = f"oci:{tmp_path / 'back'}"
    run("copy", "--all", "--src-tls-verify=false", f"--src-creds={creds}", target, back)
    assert (tmp_path / "back" / "blobs" / "sha256" / digest[7:]).is_file()
    run("delete", "--tls-verify=false", f"--creds={creds}", target)
    assert place.http().digest(repository, "multi") is None
    again = run("inspect", "--raw", "--tls-verify=false", f"--creds={creds}", target, check=False)
    assert again.returncode and "manifest unknown" in again.stderr


def test_trivy_reads_an_image_from_the_registry(
    place: Place, repository: str, docker_cli: Cli, build: Callable[..., None], tmp_path: Path
) -> None:
    beside = Path(sys.executable).with_name("trivy")
    trivy = str(beside) if beside.exists() else shutil.which("trivy")
    assert trivy, "trivy is needed; it comes with requirements.txt on Linux x86_64"
    login(docker_cli, place)
    image = f"{place.address}/{repository}:1"
    build(docker_cli, image, "some content")
    docker_cli("push", image)
    done = subprocess.run(
        [
            trivy,
            "image",
            "--image-src",
            "remote",
            "--format",
            "cyclonedx",
            "--quiet",
            "--cache-dir",
            str(tmp_path),
            image,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "TRIVY_NON_SSL": "true",
            "TRIVY_INSECURE": "true",
            "TRIVY_USERNAME": place.user,
            "TRIVY_PASSWORD": place.password,
        },
    )
    assert done.returncode == 0, done.stderr
    properties = {
        entry["name"]: entry["value"] for entry in json.loads(done.stdout)["metadata"]["component"]["properties"]
    }
    digest = place.http().digest(repository, "1")
    assert properties["aquasecurity:trivy:RepoDigest"] == f"{place.address}/{repository}@{digest}"


def test_oras_attaches_an_artifact_and_falls_back_to_the_tag(place: Place, repository: str, tmp_path: Path) -> None:
    image = place.http().push_image(repository, "1.0", repository)
    sdk = Sdk(place.address, repository, place.user, place.password)
    artifact = sdk.attach("sbom", image, tmp_path)
    assert sdk.referrers(image) is None, "no endpoint, so clients use the tag"
    fallback = sdk.put_fallback(image, artifact)
    rights = f"repository:{repository}:pull,metadata_read"
    tags = place.http().send("GET", f"/v2/{repository}/tags/list", None, rights).json
    assert tags == {"name": repository, "tags": sorted(["1.0", "sbom", fallback])}
    found = emulator_state.images(place.service, cloud_admin.snapshot(place.service)["state"])[repository]
    assert found[artifact] == ("sbom",) and len(found) == 3


if COMMAND:  # an environment of the kit's own has none

    def test_the_oras_command_attaches_and_discovers(place: Place, repository: str, tmp_path: Path) -> None:
        image = place.http().push_image(repository, "1.0", repository)
        sdk = Sdk(place.address, repository, place.user, place.password)
        assert place.http().digest(repository, sdk.attach_by_command(image, tmp_path))
        assert place.http().digest(repository, image.replace(":", "-")), "the fallback tag"
