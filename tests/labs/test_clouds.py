"""A lab about all four emulators: evidence is the same live and from a submission, whole, and holds no secret."""

from __future__ import annotations

import json
import re
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from autograder.domain.services import EMULATORS
from autograder.evidence import emulator_state
from autograder.grading import intake, probe
from autograder.grading.archive import Archive
from autograder.grading.people import Course
from autograder.labs import cloud_reset, manifest, students, submission
from autograder.labs.live import Live, Wanted
from autograder.labs.manifest import Lab, RepositoryPart
from autograder.oci.manifests import OCI_INDEX, OCI_MANIFEST, digest_of
from autograder.services import cloud_admin, cloud_credentials, cloud_variables
from autograder.services.installation import Installation
from tests.emulators.support import PLACES, PROJECT, RegistryHttp, amazon

KEY = b"key"


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Lab 01 with the four clouds in place of its registry; its names do not matter."""
    parts = [
        RepositoryPart(service="dockerhub", name="student/{name}", layers="all"),
        RepositoryPart(service="ecr", name="{name}", layers="all"),
        RepositoryPart(service="ecr", name="{name}/empty"),
        RepositoryPart(service="artifact-registry", name=PROJECT + "/models/{name}", layers="all"),
        RepositoryPart(service="acr", name="team/{name}", layers="all"),
        RepositoryPart(service="acr", name="*"),
    ]
    kept = {"answers": {}, "tasks": {}, "files": (), "catalog": ("ecr",), "probes": ("round-trip",)}
    return manifest.find("01").model_copy(update={"services": EMULATORS, "repositories": tuple(parts)} | kept)


@pytest.fixture
def live(lab: Lab, running: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Live:
    name = f"m{uuid4().hex[:10]}"
    monkeypatch.setattr(Lab, "drawn", lambda self, seed: {"name": name})
    monkeypatch.setattr(Course, "parameters", lambda self, student, lab: {"name": name})
    find = manifest.find
    monkeypatch.setattr(manifest, "find", lambda name: lab if name == lab.slug else find(name))
    (tmp_path / f"{lab.slug}.ipynb").write_text('{"cells": [], "nbformat": 4, "nbformat_minor": 5}')
    return Live(lab, students.issue(KEY, "c", "ada", [lab.slug]), tmp_path)


def fill(http: RegistryHttp, name: str) -> dict[str, str]:
    """An image that lost its tag, one that has two, an index over an untagged one, and an artifact about it."""
    made = {"old": http.push_image(name, "1.0", f"{name} old"), "new": http.push_image(name, "1.0", f"{name} new")}
    body = http.send("GET", f"/v2/{name}/manifests/{made['new']}", None, f"repository:{name}:pull").body
    assert http.push_manifest(name, "latest", body).status == 201
    made["child"] = http.push_image(name, "", f"{name} child")
    size = len(http.send("GET", f"/v2/{name}/manifests/{made['child']}", None, f"repository:{name}:pull").body)
    child = {"mediaType": OCI_MANIFEST, "digest": made["child"], "size": size}
    index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]}).encode()
    assert http.push_manifest(name, "both", index, OCI_INDEX).status == 201
    made["index"] = digest_of(index)
    made["artifact"] = http.push_image(name, "", f"{name} sbom", artifactType="text/sbom", subject=child)
    return made


@pytest.mark.engine
@pytest.mark.usefixtures("private_repository_free")
def test_a_submission_says_what_was_live(live: Live, running: Installation, tmp_path: Path) -> None:
    name = live.parameters()["name"]
    places = {service: f"localhost:{running.ports[service]}" for service in EMULATORS}
    cloud_admin.call("dockerhub", "repository-create", name=f"student/{name}", private=True)
    names = {"dockerhub": f"student/{name}", "ecr": name, "artifact-registry": f"{PROJECT}/models/{name}"}
    names["acr"] = f"team/{name}"
    made = {}
    in_ecr = amazon(places["ecr"], name, f"{name}/empty")
    for service, repository in names.items():
        http = (in_ecr if service == "ecr" else PLACES[service](places[service])).http()
        made[service] = fill(http, repository)
    others = PLACES["acr"](places["acr"]).http()
    others.push_image(f"other/{name}", "1")

    evidence = live.collect()
    for service, repository in names.items():
        found = evidence.repository(service, repository)
        assert found is not None and not found.problems
        digests = made[service]
        assert found.tags == {"1.0": digests["new"], "latest": digests["new"], "both": digests["index"]}
        assert set(found.manifests) == set(digests.values()), "untagged ones, children and artifacts travel"
        settings = evidence.services[service].settings
        assert emulator_state.problem(service, settings) is None
        assert set(emulator_state.images(service, settings)[repository]) == set(digests.values())
    assert evidence.repository("ecr", f"{name}/empty") is None and f"{name}/empty" in evidence.services["ecr"].catalog
    assert f"other/{name}" in evidence.services["acr"].repositories, "every repository of the service"
    assert {line["service"] for line in evidence.journal} == set(EMULATORS)

    text = evidence.model_dump_json()
    for secret in _texts(cloud_credentials.load()):
        assert secret in KNOWN or secret not in text
    assert not re.search(r"localhost:\d|127\.0\.0\.1", text)

    written = submission.write(live, tmp_path / "out")
    assert [said for said in written.missing if "kernel" not in said] == [f"Nothing is pushed to {name}/empty (ecr)."]
    with Archive(written.file) as archive:
        read = intake.read(archive, Course("c", KEY, None))
        assert read.problems == () and read.journal == evidence.journal
        assert {service: read.services[service].model_dump(exclude={"settings"}) for service in EMULATORS} == {
            service: evidence.services[service].model_dump(exclude={"settings"}) for service in EMULATORS
        }
        for service in EMULATORS:
            before, after = evidence.services[service].settings, read.services[service].settings
            assert {**before, "now": 0, "time": 0} == {**after, "now": 0, "time": 0}
        wanted = {}
        for service, repository in names.items():
            complete = read.services[service].repositories[repository]
            assert probe.complete(complete)
            wanted[f"{service}/{repository}"] = (complete, archive.folder(f"evidence/{service}/{repository}"))
        probes = probe.Probe()
        try:
            trips = probes.run(f"s{uuid4().hex[:8]}", wanted)
        finally:
            probes.close()
    for service, repository in names.items():
        trip = trips[f"{service}/{repository}"]
        assert trip["error"] is None and all(tag["pulled"] for tag in trip["tags"].values())
        assert trip["digests"] == dict.fromkeys(made[service].values(), True)

    told = cloud_reset.clear([live.lab], live.student)
    assert f"{names['acr']} (acr) is removed." in told and f"{PROJECT}/models (artifact-registry) is removed." in told
    again = live.collect()
    assert all(again.repository(service, repository) is None for service, repository in names.items())
    assert f"{name}/empty" not in again.services["ecr"].catalog
    assert f"other/{name}" in again.services["acr"].repositories, "what the lab does not name stays"


# What stands among the credentials and is no secret.
KNOWN = {"student", "publisher", "colleague", "mlregistry"}


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    return [value] if isinstance(value, str) else []


@pytest.mark.engine
def test_a_check_collects_no_more_than_it_rests_on(live: Live) -> None:
    found = live.collect(Wanted(frozenset({"acr"}), frozenset()))
    assert set(found.services) == {"acr"} and {line["service"] for line in found.journal} <= {"acr"}


@pytest.mark.engine
def test_profiles_work_in_the_aws_clients(
    running: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud_variables.hand_out(running).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    arns = {
        profile: boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Arn"]
        for profile in cloud_credentials.ECR_PROFILES
    }
    assert boto3.client("sts").get_caller_identity()["Arn"] == arns["admin"] and len(set(arns.values())) == 4
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    assert boto3.Session().client("sts").get_caller_identity()["Arn"] == arns["admin"]
    assert not (tmp_path / ".aws").exists()


@pytest.mark.engine
def test_a_reset_ends_the_accounts_of_the_lab_alone(live: Live, running: Installation) -> None:
    name = f"h{uuid4().hex[:8]}"
    assert cloud_admin.call("dockerhub", "account-create", name=name)["created"] is True
    cloud_admin.call("dockerhub", "token-create", owner=name, name="laptop", scope="repo:write", days=1)
    cloud_admin.call("dockerhub", "repository-create", name=f"{name}/own", private=True)
    owner = live.lab.model_copy(update={"hub_accounts": (name,), "services": ("dockerhub",), "repositories": ()})
    assert cloud_reset.clear([owner], live.student) == [
        f"The account {name} (dockerhub) is removed, with its repositories and tokens."
    ]
    state = cloud_admin.snapshot("dockerhub")["state"]
    assert name not in state["accounts"] and f"{name}/own" not in {one["name"] for one in state["repositories"]}
    assert name not in {one["owner"] for one in [*state["tokens"], *state["revoked"]]}
    assert cloud_reset.clear([owner], live.student) == []
