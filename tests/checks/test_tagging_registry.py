"""Lab 04 on a real registry, by other routes than the lab's own: right ones pass, and wrong ones are named."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import requests

from autograder.checks.api import Verdict
from autograder.checks.shared.seeded_random import seed
from autograder.checks.tagging.checks import SERVICE
from autograder.checks.tagging.rules import Spec
from autograder.collect.registry import export, snapshot
from autograder.evidence import layout
from autograder.evidence.layout import FolderSource
from autograder.evidence.model import Service
from autograder.labs import manifest
from autograder.oci import manifests
from autograder.oci.client import RegistryClient

from .routes import as_docker_29, push
from .solved import evidence, verdicts

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine
LAB = manifest.find("04-tagging")
CHECKS = [id for id in LAB.declared_checks() if id != "release-tags"]
P: dict[str, Any] = LAB.drawn(seed(b"registry test", "student", "ada", LAB.slug))
NEW, RC, OLD = (release["version"] for release in P["releases"])


def tag_sets() -> dict[str, list[str]]:
    """Release -> its tags, the exact one first: the newest first, then the candidate, then the fix."""
    spec = Spec.of(P)
    kinds = (
        ["exact", "commit", "minor", "major", "newest"],
        ["exact", "commit", "pre-release"],
        ["exact", "commit", "minor"],
    )
    return {
        entry["version"]: spec.tags(names, entry["version"], entry["commit"])
        for entry, names in zip(P["releases"], kinds, strict=True)
    }


@pytest.fixture(scope="module")
def built(engine: DockerClient) -> Iterator[dict[str, str]]:
    """Release -> local name of its image, built with the docker SDK."""
    names, run = {}, uuid4().hex
    for entry in P["releases"]:
        names[entry["version"]] = name = f"course-test-{run}:{entry['version']}"
        keys = {"version": "version", "commit": "revision", "created": "created"}
        labels = {f"org.opencontainers.image.{keys[key]}": text for key, text in entry.items()}
        engine.images.build(rm=True, path=str(LAB.folder / "image"), tag=name, labels=labels)
    yield names
    for name in names.values():
        engine.images.remove(name, force=True)


def point(address: str, repository: str, tag: str, source: str) -> None:
    """Put what is under one tag or digest under another tag, inside the registry."""
    base = f"http://{address}/v2/{repository}/manifests"
    found = requests.get(f"{base}/{source}", headers={"Accept": manifests.ACCEPT}, timeout=10)
    kind = {"Content-Type": found.headers["Content-Type"]}
    done = requests.put(f"{base}/{tag}", data=found.content, headers=kind, timeout=10)
    assert done.status_code == 201, done.text


def deploy(address: str, repository: str) -> None:
    stays, back = P["region_stays"], P["region_back"]
    for tag, version in (
        ("staging", NEW), (stays, NEW), (f"{stays}-previous", OLD), (back, OLD), (f"{back}-previous", NEW)
    ):  # fmt: skip
        point(address, repository, tag, version)


def judged(address: str, repository: str, folder: Path | None = None) -> dict[str, Verdict]:
    """Live verdicts; with a folder, those of what a submission holds."""
    client, values = RegistryClient(address), P | {"repository": repository}
    held = snapshot(client, SERVICE, repository, layers="all")
    assert held is not None
    trip: dict[str, Any] = {}
    if folder is not None:
        export(client, held, folder)
        held = layout.verify(FolderSource(folder), service=SERVICE, name=repository, layers="all")
        assert held.problems == ()
        pulled = {tag: {"digest": digest, "pulled": True} for tag, digest in held.tags.items()}
        whole = {"tags": pulled, "digests": dict.fromkeys(held.tags.values(), True), "error": None}
        trip = {"round-trip": {f"{SERVICE}/{repository}": whole}}
    return verdicts(
        LAB,
        evidence(
            LAB,
            values,
            services={SERVICE: Service(repositories={repository: held})},
            answers={"tested": client.head(repository, "staging")},
            probes=trip,
            origin="live" if folder is None else "submission",
        ),
    )


def assert_passed(address: str, repository: str, folder: Path) -> None:
    for found in (judged(address, repository), judged(address, repository, folder)):
        assert {id: found[id].found for id in CHECKS if found[id].status != "passed"} == {}


def skopeo(*arguments: str) -> None:
    command = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_done_with_the_docker_sdk_in_another_order(
    engine: DockerClient, registry: str, built: dict[str, str], tmp_path: Path
) -> None:
    repository = "tagging-sdk/ml-model"
    for version in (OLD, RC, NEW):
        for tag in tag_sets()[version]:
            push(engine, built[version], registry, repository, tag)
    deploy(registry, repository)
    assert_passed(registry, repository, tmp_path / "layout")


def test_done_with_skopeo_and_oci_manifests(registry: str, built: dict[str, str], tmp_path: Path) -> None:
    repository = "tagging-skopeo/ml-model"
    target = f"docker://{registry}/{repository}"
    for version, (exact, *others) in tag_sets().items():
        skopeo("--format", "oci", f"docker-daemon:{built[version]}", f"{target}:{exact}")
        for tag in others:
            skopeo("--preserve-digests", "--all", f"{target}:{exact}", f"{target}:{tag}")
    deploy(registry, repository)
    assert_passed(registry, repository, tmp_path / "layout")


def test_done_with_an_engine_that_pushes_an_index(
    engine: DockerClient, registry: str, built: dict[str, str], tmp_path: Path
) -> None:
    repository = "tagging-docker29/ml-model"
    for version, (exact, *others) in tag_sets().items():
        push(engine, built[version], registry, repository, exact)
        as_docker_29(registry, repository, exact)
        for tag in others:
            point(registry, repository, tag, exact)
    deploy(registry, repository)
    assert_passed(registry, repository, tmp_path / "layout")


def test_a_promotion_in_another_form_is_named(
    engine: DockerClient, registry: str, built: dict[str, str], tmp_path: Path
) -> None:
    """Docker's own form of manifest and config where the OCI's was: what an older engine makes of a pull and a push."""
    repository, stays = "tagging-through/ml-model", P["region_stays"]
    target = f"docker://{registry}/{repository}"
    for version, (exact, *others) in tag_sets().items():
        skopeo("--format", "oci", f"docker-daemon:{built[version]}", f"{target}:{exact}")
        for tag in others:
            point(registry, repository, tag, exact)
    deploy(registry, repository)
    skopeo("--format", "v2s2", f"docker-daemon:{built[NEW]}", f"{target}:{stays}")
    verdict = judged(registry, repository)["promotion"]
    assert verdict.found == f"{stays} points at the same image under another manifest."
    point(registry, repository, stays, NEW)
    assert_passed(registry, repository, tmp_path / "layout")
