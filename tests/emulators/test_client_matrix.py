"""Five clients that are not Docker, against the local registry and the four emulators.

Each logs in, pushes or copies, pulls, lists, and deletes; artifacts are attached, images signed and verified with a key
of one's own; and what may not be pushed is refused in words.
"""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from autograder.oci.manifests import digest_of
from autograder.services.installation import Installation

from .matrix import MARKS, Shell, Target, target

pytestmark = MARKS
SERVICES = ("registry", "dockerhub", "ecr", "artifact-registry", "acr")
OFFLINE = ("--use-signing-config=false", "--tlog-upload=false")  # cosign 3 writes to a public log by itself
UNLOGGED = ("--insecure-ignore-tlog", "--private-infrastructure")


@pytest.fixture(params=SERVICES)
def place(request: pytest.FixtureRequest, running: Installation, registry: str) -> Target:
    """Each registry, with a repository of the test's own."""
    address = registry if request.param == "registry" else f"localhost:{running.ports[request.param]}"
    return target(request.param, address)


@pytest.fixture
def run(tmp_path: Path) -> Shell:
    """Runs commands of the clients."""
    return Shell(tmp_path)


@pytest.fixture
def image(place: Target, run: Shell) -> str:
    """An image of one layer, pushed by crane under the tag 1; with the login that the clients share."""
    if place.user:
        run("crane", "auth", "login", place.host, "-u", place.user, "--password-stdin", text=place.password)
    layer = run.folder / "layer.tar"
    (run.folder / "model.txt").write_text(place.repository)
    with tarfile.open(layer, "w") as archive:
        archive.add(run.folder / "model.txt", "model.txt")
    name = f"{place.repository}:1"
    run("crane", "append", "--platform", "linux/amd64", "-f", str(layer), "-t", name)
    run("crane", "mutate", name, "--set-platform", "linux/amd64", "-t", name)
    return name


def refused(place: Target, run: Shell, *words: str) -> None:
    """The command, about a repository that the login may not push to, fails and says why."""
    if place.refused:
        printed = run(*words, fails=True)
        assert re.search(place.words, printed.replace("\\", "")), printed


def test_crane(place: Target, run: Shell, image: str) -> None:
    digest = run("crane", "digest", image).strip()
    run("crane", "copy", image, f"{place.repository}:2")
    run("crane", "tag", image, "3")
    run("crane", "mutate", "--label", "stage=test", "-t", f"{place.repository}:4", image)
    assert sorted(run("crane", "ls", place.repository).split()) == ["1", "2", "3", "4"]
    run("crane", "pull", f"{place.repository}@{digest}", "image.tar")
    with tarfile.open(run.folder / "image.tar") as archive:
        assert "manifest.json" in archive.getnames()
    other = run("crane", "digest", f"{place.repository}:4").strip()
    run("crane", "delete", f"{place.repository}@{other}")
    assert sorted(run("crane", "ls", place.repository).split()) == ["1", "2", "3"]
    refused(place, run, "crane", "copy", image, f"{place.refused}:1")
    assert "MANIFEST_UNKNOWN" in run("crane", "manifest", f"{place.repository}:9", fails=True)


def test_skopeo(place: Target, run: Shell, image: str) -> None:
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    if place.user:
        run(
            "skopeo",
            "login",
            "--tls-verify=false",
            "-u",
            place.user,
            "--password-stdin",
            place.host,
            text=place.password,
        )
    digest = run("crane", "digest", image).strip()
    run("skopeo", "copy", "--all", *plain, f"docker://{image}", "oci:here:1")
    run("skopeo", "copy", "--all", *plain, "oci:here:1", f"docker://{place.repository}:2")
    run("skopeo", "copy", "--all", *plain, f"docker://{image}", f"docker://{place.repository}:3")
    told = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{place.repository}:3"))
    assert told["Digest"] == digest and sorted(told["RepoTags"]) == ["1", "2", "3"]
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{place.repository}"))
    assert sorted(listed["Tags"]) == ["1", "2", "3"]
    run("skopeo", "delete", "--tls-verify=false", f"docker://{place.repository}@{digest}")
    assert "manifest unknown" in run(
        "skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{place.repository}@{digest}", fails=True
    ).lower().replace("requested image not found", "manifest unknown")
    refused(place, run, "skopeo", "copy", *plain, "oci:here:1", f"docker://{place.refused}:1")


def test_oras(place: Target, run: Shell, image: str) -> None:
    plain = "--plain-http"
    if place.user:
        run("oras", "login", plain, "-u", place.user, "--password-stdin", place.host, text=place.password)
    (run.folder / "f.txt").write_text("hello")
    run("oras", "push", plain, f"{place.repository}:art", "--artifact-type", "application/vnd.x", "f.txt:text/plain")
    run("oras", "pull", plain, "-o", "out", f"{place.repository}:art")
    assert (run.folder / "out" / "f.txt").read_text() == "hello"
    run("oras", "attach", plain, "--artifact-type", "application/vnd.test", image, "f.txt:text/plain")
    found = json.loads(run("oras", "discover", plain, "--format", "json", image))
    [entry] = found.get("referrers") or found["manifests"]
    assert entry["artifactType"] == "application/vnd.test"
    fallback = run("crane", "digest", image).strip().replace(":", "-")
    assert (fallback in run("oras", "repo", "tags", plain, place.repository).split()) != place.referrers
    run("oras", "copy", "-r", "--from-plain-http", "--to-plain-http", image, f"{place.repository}:5")
    raw = run("oras", "manifest", "fetch", plain, f"{place.repository}:art")
    run("oras", "manifest", "delete", plain, "--force", f"{place.repository}@{digest_of(raw.encode())}")
    tags = run("oras", "repo", "tags", plain, place.repository).split()
    assert {"1", "5"} <= set(tags) and "art" not in tags
    refused(place, run, "oras", "push", plain, f"{place.refused}:1", "f.txt:text/plain")


def test_cosign_signs_and_verifies_with_a_key(place: Target, run: Shell, image: str) -> None:
    signed = f"{place.repository}@{run('crane', 'digest', image).strip()}"
    run("cosign", "generate-key-pair")
    (run.folder / "predicate.json").write_text('{"passed": true}')
    run("cosign", "sign", "--yes", "--key", "cosign.key", *OFFLINE, signed)
    verified = json.loads(run("cosign", "verify", "--key", "cosign.pub", *UNLOGGED, signed))
    assert signed.partition("@")[2] in json.dumps(verified)
    about = ("--type", "custom", signed)
    run("cosign", "attest", "--yes", "--key", "cosign.key", *OFFLINE, "--predicate", "predicate.json", *about)
    run("cosign", "verify-attestation", "--key", "cosign.pub", *UNLOGGED, *about)
    assert signed.partition("@")[2] in run("cosign", "tree", signed)
    (run.folder / "other").mkdir()
    run("cosign", "generate-key-pair", "--output-key-prefix", "other/key")
    run("cosign", "verify", "--key", "other/key.pub", *UNLOGGED, signed, fails=True)


def test_podman(place: Target, run: Shell, image: str) -> None:
    """As a client of registries; as an engine of the course it is not supported."""
    podman = ("podman", "--root", str(run.folder / "root"), "--runroot", str(run.folder / "runroot"))
    insecure = "--tls-verify=false"
    if place.user:
        run(*podman, "login", insecure, "-u", place.user, "--password-stdin", place.host, text=place.password)
    run(*podman, "pull", "-q", insecure, image)
    run(*podman, "tag", image, f"{place.repository}:2")
    run(*podman, "push", "-q", insecure, f"{place.repository}:2")
    listed = json.loads(run(*podman, "search", insecure, "--list-tags", "--format", "json", place.repository))
    assert sorted(listed[0]["Tags"]) == ["1", "2"]
    if place.refused:
        run(*podman, "tag", image, f"{place.refused}:1")
        refused(place, run, *podman, "push", "-q", insecure, f"{place.refused}:1")
    run(*podman, "image", "rm", "--all", "--force")
