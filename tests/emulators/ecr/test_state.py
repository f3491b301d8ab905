"""The state file: complete, durable, closed against code; and pushes that race each other."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.emulators.ecr import snapshot
from autograder.emulators.ecr.snapshot import SnapshotProblem
from autograder.emulators.interface import Kind

from .emulator import ADMIN, Emulator


def everything(emulator: Emulator) -> Any:
    """What every reading operation answers."""
    client = emulator.client()
    names = [each["repositoryName"] for each in client.describe_repositories()["repositories"]]
    answers = [client.describe_repositories(), client.get_registry_scanning_configuration(), client.describe_registry()]
    for name in names:
        answers += [
            client.describe_images(repositoryName=name),
            client.list_images(repositoryName=name),
            client.list_tags_for_resource(resourceArn=f"arn:aws:ecr:us-east-1:123456789012:repository/{name}"),
        ]
        for operation in ("get_repository_policy", "get_lifecycle_policy", "get_lifecycle_policy_preview"):
            try:
                answers.append(getattr(client, operation)(repositoryName=name))
            except client.exceptions.ClientError as error:
                answers.append(error.response["Error"])
    for answer in answers:
        answer.pop("ResponseMetadata", None)
    return answers


def filled(emulator: Emulator) -> None:
    client = emulator.client()
    client.create_repository(repositoryName="app", tags=[{"Key": "team", "Value": "ml"}])
    client.create_repository(
        repositoryName="team/b",
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}],
        encryptionConfiguration={"encryptionType": "KMS"},
    )
    child = emulator.manifest("app", "one")
    emulator.push("app", None, child)
    emulator.push("app", "all", emulator.index(child))
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:ListImages"}]}
    client.set_repository_policy(repositoryName="app", policyText=json.dumps(policy))
    selection = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 9}
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    client.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=json.dumps({"rules": [rule]}))
    client.start_lifecycle_policy_preview(repositoryName="app")
    rules = [{"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filterType": "WILDCARD", "filter": "*"}]}]
    client.put_registry_scanning_configuration(scanType="BASIC", rules=rules)


def test_a_restart_changes_nothing(emulator: Emulator) -> None:
    filled(emulator)
    before = everything(emulator)
    assert emulator.restart() == []
    assert everything(emulator) == before


def test_what_is_refused_is_not_saved(emulator: Emulator, ecr: Any) -> None:
    path = emulator.context.state / "ecr.json"
    before = path.read_bytes()
    for call in (
        lambda: ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText="x" * 100),
        lambda: ecr.create_repository(repositoryName="app"),
        lambda: ecr.describe_repositories(),
    ):
        with contextlib.suppress(ecr.exceptions.ClientError):
            call()
    assert path.read_bytes() == before


def test_only_known_classes_are_made_from_the_file(emulator: Emulator, ecr: Any) -> None:
    path = emulator.context.state / "ecr.json"
    good = path.read_text(encoding="utf-8")
    for broken in (
        good.replace('"$class":"Repository"', '"$class":"Popen"'),
        good.replace('"schema":1', '"schema":2'),
        good[: len(good) // 2],
        "[]",
        "",
    ):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(SnapshotProblem, match=r"ecr\.json"):
            emulator.restart()


def test_a_file_from_before_a_setting_was_kept_is_read(emulator: Emulator, ecr: Any) -> None:
    path = emulator.context.state / "ecr.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["backend"]["replication_config"]
    path.write_text(json.dumps(document), encoding="utf-8")
    emulator.restart()
    answer = emulator.client().describe_registry()
    assert answer["replicationConfiguration"] == {"rules": []}
    del document["backend"]["repositories"]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(SnapshotProblem):
        emulator.restart()


def test_what_has_no_place_in_the_file_is_not_written(emulator: Emulator, ecr: Any) -> None:
    emulator.backend.registry.moto.find("app").strange = object()
    with pytest.raises(TypeError, match="no place"):
        snapshot.dump(emulator.backend.registry.moto, {})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["push", "untagged", "delete", "archive", "pull", "scan", "restart"]), st.integers(0, 4)
        ),
        max_size=12,
    )
)
def test_api_and_store_agree_after_any_steps(emulator: Emulator, steps: list[tuple[str, int]]) -> None:
    client = emulator.client()
    if emulator.backend.index.tags("prop") is None:
        client.create_repository(repositoryName="prop")
    for step, number in steps:
        if step == "push":
            emulator.push_new("prop", f"t{number % 3}", str(number))
        elif step == "untagged":
            emulator.push_new("prop", None, str(number))
        elif step == "delete":
            client.batch_delete_image(repositoryName="prop", imageIds=[{"imageTag": f"t{number % 3}"}])
        elif step in ("archive", "scan", "pull"):
            digest = emulator.backend.index.resolve("prop", f"t{number % 3}")
            change(emulator, client, step, digest)
        else:
            assert emulator.restart() == []
            client = emulator.client()
        moto = emulator.backend.registry.moto
        saved = snapshot.dump(moto, {})
        for image in moto.find("prop").images:
            image.saved = None
        assert snapshot.dump(moto, {}) == saved, "what was kept encoded is what would be encoded now"
        listed = client.list_images(repositoryName="prop")["imageIds"]
        assert emulator.store.manifests("prop") == {each["imageDigest"] for each in listed}
        tags = {each["imageTag"]: each["imageDigest"] for each in listed if "imageTag" in each}
        assert emulator.backend.index.tags("prop") == sorted(tags)
        assert all(emulator.backend.index.resolve("prop", tag) == digest for tag, digest in tags.items())


def change(emulator: Emulator, client: Any, step: str, digest: str | None) -> None:
    """Something about an image that is kept in the state file."""
    asked: dict[str, Any] = {"repositoryName": "prop", "imageId": {"imageDigest": digest}}
    with contextlib.suppress(client.exceptions.ClientError):
        if digest and step == "pull":
            emulator.clock.pass_time(minutes=2)
            emulator.backend.commit_pull(ADMIN, emulator.call("GET", Kind.MANIFEST, "prop", digest), digest, "")
        elif digest and step == "scan":
            client.start_image_scan(**asked)
        elif digest:
            client.update_image_storage_class(**asked, targetStorageClass="ARCHIVE")
            client.update_image_storage_class(**asked, targetStorageClass="STANDARD")


def test_an_image_whose_bytes_are_lost_is_struck_off(emulator: Emulator, ecr: Any) -> None:
    lost, kept = emulator.push_new("app", "1", "one"), emulator.push_new("app", "2", "two")
    emulator.store.delete_manifest("app", lost)
    assert emulator.restart() == [f"app@{lost} is no longer in the store and was struck off"]
    assert [each["imageDigest"] for each in emulator.client().list_images(repositoryName="app")["imageIds"]] == [kept]
    assert emulator.context.journal.lines()[-1]["what"] == "lost"


# Races


def together(*jobs: Any) -> list[Exception]:
    problems: list[Exception] = []

    def run(job: Any) -> None:
        try:
            job()
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems


@pytest.mark.parametrize("mode", ["MUTABLE", "IMMUTABLE"])
def test_pushes_of_one_tag_race_and_one_wins(emulator: Emulator, mode: str) -> None:
    client = emulator.client()
    client.create_repository(repositoryName="app", imageTagMutability=mode)
    bodies = [emulator.manifest("app", str(number)) for number in range(8)]
    problems = together(*(lambda body=body: emulator.push("app", "latest", body) for body in bodies))
    assert len(problems) == (0 if mode == "MUTABLE" else 7)
    listed = client.list_images(repositoryName="app")["imageIds"]
    tagged = [each for each in listed if "imageTag" in each]
    assert len(tagged) == 1
    assert emulator.backend.index.resolve("app", "latest") == tagged[0]["imageDigest"]
    recorded = {each["imageDigest"] for each in listed}
    assert len(recorded) == (8 if mode == "MUTABLE" else 1) and emulator.store.manifests("app") >= recorded
    assert emulator.restart() == []


def test_pushes_deletions_and_settings_race_and_all_agree(emulator: Emulator) -> None:
    client = emulator.client()
    client.create_repository(repositoryName="app")
    bodies = {f"t{n}": emulator.manifest("app", str(n)) for n in range(6)}

    def push_and_delete(tag: str, body: bytes) -> None:
        own = emulator.client()
        for _ in range(3):
            emulator.push("app", tag, body)
            own.put_image_tag_mutability(repositoryName="app", imageTagMutability="MUTABLE")
            own.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": tag}])
        emulator.push("app", tag, body)

    assert together(*(lambda t=tag, b=body: push_and_delete(t, b) for tag, body in bodies.items())) == []
    assert emulator.backend.index.tags("app") == sorted(bodies)
    assert len(emulator.store.manifests("app")) == 6
    before = everything(emulator)
    assert emulator.restart() == [] and everything(emulator) == before
