"""Nights: what a lifecycle policy takes goes from API and store, and the journal says which rule took it."""

from __future__ import annotations

import json
from typing import Any

from autograder.oci.manifests import OCI_MANIFEST, digest_of

from .emulator import START, Emulator


def expire(priority: int, status: str, kind: str, number: int, **selection: Any) -> dict[str, Any]:
    unit = {} if kind == "imageCountMoreThan" else {"countUnit": "days"}
    chosen = {"tagStatus": status, "countType": kind, "countNumber": number, **unit, **selection}
    return {"rulePriority": priority, "selection": chosen, "action": {"type": "expire"}}


def apply(ecr: Any, *rules: dict[str, Any]) -> None:
    ecr.put_lifecycle_policy(repositoryName="app", lifecyclePolicyText=json.dumps({"rules": rules}, indent=2))


def days(emulator: Emulator, count: int) -> list[dict[str, Any]]:
    """As `course clock advance` does: day by day, each with its night."""
    gone = []
    for _ in range(count):
        emulator.clock.advance(days=1)
        gone += emulator.backend.overnight()
    return gone


def images(ecr: Any) -> set[str]:
    return {each["imageDigest"] for each in ecr.describe_images(repositoryName="app")["imageDetails"]}


def test_an_image_goes_when_it_is_older_than_the_rule_allows(emulator: Emulator, ecr: Any) -> None:
    emulator.push_new("app", "1.0", "one")
    apply(ecr, expire(1, "any", "sinceImagePushed", 5))
    assert days(emulator, 5) == [], "exactly five days old is not older than five days"
    gone = days(emulator, 1)
    assert [(each["repository"], each["tags"], each["rule"], each["action"]) for each in gone] == [
        ("app", ["1.0"], 1, "expire")
    ]
    assert gone[0]["when"] == "2026-11-08T08:00:00Z" and "rule 1" in gone[0]["why"]
    assert images(ecr) == set() == emulator.store.manifests("app")
    line = emulator.context.journal.lines()[-1]
    assert (line["who"], line["what"], line["digest"]) == ("lifecycle", "expire", gone[0]["digest"])
    assert line["detail"]["rule"] == 1 and line["detail"]["tags"] == ["1.0"]
    assert (ecr.get_lifecycle_policy(repositoryName="app")["lastEvaluatedAt"] - START).days == 6


def test_a_higher_rule_shields_what_it_keeps(emulator: Emulator, ecr: Any) -> None:
    release = emulator.push_new("app", "1.0", "release")
    emulator.push_new("app", "dev-1", "dev")
    apply(
        ecr,
        expire(1, "tagged", "imageCountMoreThan", 10, tagPatternList=["1.*"]),
        expire(2, "any", "sinceImagePushed", 3),
    )
    days(emulator, 4)
    assert images(ecr) == {release} == emulator.store.manifests("app")


def test_children_go_a_night_after_their_index(emulator: Emulator, ecr: Any) -> None:
    child = emulator.manifest("app", "child")
    emulator.push("app", None, child)
    index = emulator.push("app", "all", emulator.index(child))
    apply(ecr, expire(1, "any", "sinceImagePushed", 1))
    assert [each["digest"] for each in days(emulator, 2)] == [index]
    assert images(ecr) == {digest_of(child)}
    assert [each["digest"] for each in days(emulator, 1)] == [digest_of(child)]


def test_artifacts_follow_their_subject(emulator: Emulator, ecr: Any) -> None:
    image = emulator.manifest("app", "image")
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    emulator.push("app", "1.0", image)
    artifact = emulator.push("app", None, emulator.manifest("app", "sbom", subject=subject, artifactType="a/b"))
    other = emulator.manifest("app", "other", subject={**subject, "digest": "sha256:" + "1" * 64}, artifactType="a/b")
    early = emulator.push("app", None, other)
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1.0"}])
    assert images(ecr) == {artifact, early}
    gone = days(emulator, 1)
    assert [(each["digest"], each["rule"]) for each in gone] == [(artifact, None)]
    assert images(ecr) == {early}, "its subject may still come"


def test_an_artifact_whose_subject_came_back_stays(emulator: Emulator, ecr: Any) -> None:
    image = emulator.manifest("app", "image")
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(image), "size": len(image)}
    emulator.push("app", "1.0", image)
    emulator.push("app", None, emulator.manifest("app", "sbom", subject=subject, artifactType="a/b"))
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "1.0"}])
    emulator.push("app", "1.0", image)
    assert days(emulator, 2) == [] and len(images(ecr)) == 2


def test_images_that_are_not_pulled_are_archived_and_their_bytes_stay(emulator: Emulator, ecr: Any) -> None:
    digest = emulator.push_new("app", "1.0", "one")
    selection = {"tagStatus": "any", "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 2}
    archive = {"type": "transition", "targetStorageClass": "archive"}
    apply(ecr, {"rulePriority": 1, "selection": selection, "action": archive})
    gone = days(emulator, 4)
    assert [(each["action"], each["rule"]) for each in gone] == [("archive", 1)]
    assert emulator.store.manifests("app") == {digest}
    found = ecr.describe_images(repositoryName="app", filter={"imageStatus": "ARCHIVED"})["imageDetails"]
    assert (found[0]["lastArchivedAt"] - START).days == 3


def test_what_the_preview_lists_is_what_goes_tonight(emulator: Emulator, ecr: Any) -> None:
    for number in range(12):
        emulator.push_new("app", f"dev-{number}" if number % 3 else None, str(number))
        emulator.clock.pass_time(hours=7)
    apply(
        ecr,
        expire(1, "untagged", "sinceImagePushed", 1),
        expire(2, "tagged", "imageCountMoreThan", 3, tagPrefixList=["dev-"]),
    )
    emulator.clock.advance(days=1)
    ecr.start_lifecycle_policy_preview(repositoryName="app")
    preview = ecr.get_lifecycle_policy_preview(repositoryName="app")["previewResults"]
    gone = emulator.backend.overnight()
    assert {each["imageDigest"]: each["appliedRulePriority"] for each in preview} == {
        each["digest"]: each["rule"] for each in gone
    }
    assert len(gone) == 4 + 5


def test_real_time_alone_expires_nothing(emulator: Emulator, ecr: Any) -> None:
    digest = emulator.push_new("app", "1.0", "one")
    apply(ecr, expire(1, "any", "sinceImagePushed", 1))
    emulator.clock.pass_time(days=30)
    emulator.restart()
    assert images(emulator.client()) == {digest}


def test_a_night_that_was_interrupted_is_finished_at_the_start(emulator: Emulator, ecr: Any) -> None:
    digest = emulator.push_new("app", "1.0", "one")
    apply(ecr, expire(1, "any", "sinceImagePushed", 1))
    emulator.clock.advance(days=2)  # the process ends before its night
    assert emulator.restart() == [f"finished a night that was interrupted: app@{digest}"]
    assert emulator.restart() == []


def test_tokens_expire_with_the_clock_and_the_tags_are_free_again(emulator: Emulator, ecr: Any) -> None:
    ecr.put_image_tag_mutability(repositoryName="app", imageTagMutability="IMMUTABLE")
    emulator.push_new("app", "1.0", "one")
    apply(ecr, expire(1, "any", "sinceImagePushed", 1))
    days(emulator, 2)
    assert emulator.push_new("app", "1.0", "two"), "what has expired no longer holds its tag"
