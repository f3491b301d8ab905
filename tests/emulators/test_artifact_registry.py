"""Artifact Registry's rules."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from werkzeug.test import Client

from autograder.emulators.artifact_registry.backend import ArtifactRegistryBackend
from autograder.emulators.interface import Action, Call, Caller, Kind, RegistryError
from autograder.emulators.registry.bearer import Identity
from autograder.emulators.registry.catalog import Catalog

from .support import Bench, index, manifest

OWNER = Caller("owner", {"identity": Identity("owner", {"role": "roles/artifactregistry.repoAdmin"})})
PATH = "ml-course-1/models/app"
DELETE_OLD = {"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "30d", "tagState": "any"}}
KEEP_LAST = {"name": "last", "action": {"type": "Keep"}, "mostRecentVersions": {"keepCount": 1}}


@pytest.fixture
def backend(bench: Bench) -> ArtifactRegistryBackend:
    catalog = Catalog(bench.database, "artifact-registry", bench.clock)
    return ArtifactRegistryBackend(bench.context("artifact-registry", {}), catalog)


@pytest.fixture
def models(backend: ArtifactRegistryBackend) -> ArtifactRegistryBackend:
    create(backend)
    return backend


def create(backend: ArtifactRegistryBackend, repository: str = "models", **more: Any) -> Any:
    arguments = {"project": "ml-course-1", "location": "us-central1", "immutable_tags": False, **more}
    return backend.admin("repository-create", {"repository": repository, **arguments})


def asked(repository: str, method: str = "PUT") -> Call:
    return Call(method=method, kind=Kind.MANIFEST, repository=repository, reference="1", host="localhost:5004")


def refused(backend: ArtifactRegistryBackend, caller: Caller, repository: str, action: Action) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        backend.authorise(caller, asked(repository), action)
    return caught.value


def test_the_access_token_lives_an_hour(bench: Bench, backend: ArtifactRegistryBackend) -> None:
    token = backend.admin("token", {"account": "student@example.com"})["token"]
    identity = backend.identify("oauth2accesstoken", token + "\n")
    assert identity is not None and identity.name == "student@example.com"
    assert backend.identify("student", token) is None, "the user name is fixed"
    bench.advance(minutes=60)
    assert backend.identify("oauth2accesstoken", token) is None


@pytest.mark.parametrize(
    ("role", "rights"),
    [("reader", {"pull"}), ("writer", {"pull", "push"}), ("repoAdmin", {"pull", "push", "delete"})],
)
def test_keys_log_in_with_their_role(backend: ArtifactRegistryBackend, role: str, rights: set[str]) -> None:
    arguments = {"project": "ml-course-1", "account": "ci-runner", "role": f"roles/artifactregistry.{role}"}
    key = json.dumps(backend.admin("key-create", arguments))
    identity = backend.identify("_json_key", key)
    assert identity is not None and identity.name == "ci-runner@ml-course-1.iam.gserviceaccount.com"
    assert backend.rights(identity, PATH) == rights
    assert backend.identify("_json_key_base64", base64.b64encode(key.encode()).decode()) == identity
    assert backend.identify("_json_key_base64", key) is None
    changed = json.dumps({**json.loads(key), "private_key": "x"})
    assert backend.identify("_json_key", changed) is None
    assert json.loads(key)["private_key"] not in json.dumps(backend.snapshot())
    for nonsense in ("", "{", "[]", "{}", '{"private_key": 1}'):
        assert backend.identify("_json_key", nonsense) is None


def test_a_repository_must_exist_first(backend: ArtifactRegistryBackend) -> None:
    missing = refused(backend, OWNER, PATH, Action.PUSH)
    assert (missing.status, missing.code, missing.message) == (404, "NAME_UNKNOWN", 'Repository "models" not found')
    create(backend)
    backend.authorise(OWNER, asked(PATH), Action.PUSH)
    backend.authorise(OWNER, asked(f"{PATH}/deeper"), Action.PUSH)
    with pytest.raises(RegistryError, match="already exists"):
        create(backend)


@pytest.mark.parametrize("name", ["ml-course-1/app", "app", "gcr.io/ml-course-1/app", "eu.gcr.io/ml-course-1/a/b"])
def test_names_of_container_registry_meet_the_migration_hint(models: ArtifactRegistryBackend, name: str) -> None:
    found = refused(models, OWNER, name, Action.PULL)
    assert found.status == 412 and "Container Registry is deprecated and shutting down" in found.message
    if "/" in name:
        assert "--projects='ml-course-1'" in found.message


def test_missing_rights_are_told_as_google_tells_them(models: ArtifactRegistryBackend) -> None:
    reader = Caller("r", {"identity": Identity("r", {"role": "roles/artifactregistry.reader"})})
    models.authorise(reader, asked(PATH), Action.PULL)
    found = refused(models, reader, PATH, Action.PUSH)
    resource = '"projects/ml-course-1/locations/us-central1/repositories/models" (or it may not exist)'
    text = f'Permission "artifactregistry.repositories.uploadArtifacts" denied on resource {resource}'
    assert (found.status, found.code, found.message) == (403, "DENIED", text)
    assert refused(models, Caller(""), PATH, Action.PULL).message.startswith("Unauthenticated request.")


def token_request(backend: ArtifactRegistryBackend, *scopes: str, password: str = "") -> Any:
    encoded = base64.b64encode(f"oauth2accesstoken:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {encoded}"} if password else {}
    assert backend.api is not None
    return Client(backend.api).get("/v2/token", query_string={"scope": list(scopes)}, headers=headers)


@pytest.mark.parametrize(
    ("scopes", "permission"),
    [
        ([f"repository:{PATH}:pull"], "downloadArtifacts"),
        ([f"repository:{PATH}:pull,push"], "uploadArtifacts"),
        # containerd: the scope of the challenge to its HEAD, then that of the whole push
        ([f"repository:{PATH}:pull", f"repository:{PATH}:pull,push"], "uploadArtifacts"),
    ],
)
def test_the_token_endpoint_says_what_a_head_cannot(
    bench: Bench, models: ArtifactRegistryBackend, scopes: list[str], permission: str
) -> None:
    answer = token_request(models, *scopes)
    [error] = answer.json["errors"]
    assert (answer.status_code, error["code"]) == (403, "DENIED")
    assert error["message"].startswith("Unauthenticated request. Unauthenticated requests do not have permission ")
    assert f'"artifactregistry.repositories.{permission}"' in error["message"]
    lines = [line for line in bench.journal.lines() if line["what"] == "refuse"]
    assert [line["repository"] for line in lines] == ([PATH] if permission == "uploadArtifacts" else [])


def test_a_token_for_less_than_the_source_of_a_mount_is_a_token(models: ArtifactRegistryBackend) -> None:
    password = models.admin("token", {"account": "student@example.com"})["token"]
    other = "repository:library/python:pull"  # two parts: no name of this registry
    answer = token_request(models, other, f"repository:{PATH}:pull,push", password=password)
    assert answer.status_code == 200
    assert token_request(models, "repository:a b/c:pull,push", password=password).status_code == 200
    assert token_request(models).status_code == 200, "docker login asks for no scope"


def test_the_role_decides_whatever_a_token_was_asked_for(models: ArtifactRegistryBackend) -> None:
    password = models.admin("token", {"account": "student@example.com"})["token"]
    answer = token_request(models, f"repository:{PATH}:push,pull", password=password)
    headers = {"authorization": f"Bearer {answer.json['token']}"}
    caller = models.authenticate(Call(method="DELETE", kind=Kind.MANIFEST, repository=PATH, headers=headers))
    models.authorise(caller, asked(PATH, "DELETE"), Action.DELETE)
    stranger = {"authorization": f"Bearer {token_request(models).json['token']}"}
    nobody = models.authenticate(Call(method="GET", kind=Kind.MANIFEST, repository=PATH, headers=stranger))
    assert refused(models, nobody, PATH, Action.PULL).status == 403


def test_the_token_endpoint_speaks_for_container_registry(models: ArtifactRegistryBackend) -> None:
    password = models.admin("token", {"account": "student@example.com"})["token"]
    answer = token_request(models, "repository:gcr.io/shop-ml/app:pull,push", password=password)
    assert answer.status_code == 412 and "--projects='shop-ml'" in answer.json["errors"][0]["message"]


def test_immutable_tags_are_neither_moved_nor_deleted(backend: ArtifactRegistryBackend) -> None:
    create(backend, immutable_tags=True)
    first = manifest(PATH, "1", "a")
    backend.commit_push(OWNER, first)
    backend.check_push(OWNER, first)
    backend.check_push(OWNER, manifest(PATH, "2", "b"))
    with pytest.raises(RegistryError) as caught:
        backend.check_push(OWNER, manifest(PATH, "1", "b"))
    text = "cannot update tag 1. The repository has enabled tag immutability"
    assert (caught.value.status, caught.value.code, caught.value.message) == (400, "MANIFEST_INVALID", text)
    for tag in ("1", None):
        with pytest.raises(RegistryError, match="tag immutability"):
            backend.check_delete(OWNER, PATH, tag, first.digest)
    untagged = manifest(PATH, None, "c")
    backend.commit_push(OWNER, untagged)
    backend.check_delete(OWNER, PATH, None, untagged.digest)
    backend.admin("repository-immutable", {"name": "ml-course-1/models", "immutable_tags": False})
    backend.check_push(OWNER, manifest(PATH, "1", "b"))


def test_a_child_goes_after_its_index(models: ArtifactRegistryBackend) -> None:
    child = manifest(PATH, None, "a")
    both = index(PATH, "multi", child)
    models.commit_push(OWNER, child)
    models.commit_push(OWNER, both)
    with pytest.raises(RegistryError, match="manifest list"):
        models.check_delete(OWNER, PATH, None, child.digest)
    models.commit_delete(OWNER, PATH, None, both.digest)
    models.check_delete(OWNER, PATH, None, child.digest)


def set_policies(backend: ArtifactRegistryBackend, *policies: Any, dry_run: bool = False) -> Any:
    return backend.admin("cleanup-set", {"name": "ml-course-1/models", "policies": list(policies), "dry_run": dry_run})


def test_cleanup_runs_overnight_and_says_which_policy_took_what(bench: Bench, models: ArtifactRegistryBackend) -> None:
    old = [manifest(PATH, f"v{number}", str(number)) for number in range(3)]
    for image in old:
        models.commit_push(OWNER, image)
        bench.advance(hours=1)
    set_policies(models, DELETE_OLD, KEEP_LAST)
    assert models.overnight() == []
    bench.advance(days=31)
    gone = models.overnight()
    assert {entry["digest"] for entry in gone} == {old[0].digest, old[1].digest}
    assert {entry["rule"] for entry in gone} == {"old"} and gone[0]["tags"] in (["v0"], ["v1"])
    assert models.names.tags(PATH) == ["v2"]
    assert sorted(bench.store.deleted) == sorted((PATH, image.digest) for image in old[:2])
    lines = [line for line in bench.journal.lines() if line["what"] == "expire"]
    assert len(lines) == 2 and lines[0]["who"] == "cleanup" and lines[0]["detail"]["rule"] == "old"
    assert models.overnight() == [], "a second night finds nothing"


def test_a_dry_run_deletes_nothing_and_logs(bench: Bench, models: ArtifactRegistryBackend) -> None:
    models.commit_push(OWNER, manifest(PATH, "1"))
    set_policies(models, DELETE_OLD, dry_run=True)
    bench.advance(days=31)
    assert models.overnight() == [] and models.names.tags(PATH) == ["1"]
    assert [line["what"] for line in bench.journal.lines()][-1] == "would-expire"
    assert [entry["action"] for entry in models.admin("cleanup-preview", {"name": "ml-course-1/models"})] == ["expire"]


def test_an_index_goes_one_night_before_its_children(bench: Bench, models: ArtifactRegistryBackend) -> None:
    child = manifest(PATH, None, "a")
    models.commit_push(OWNER, child)
    models.commit_push(OWNER, index(PATH, "multi", child))
    set_policies(models, DELETE_OLD)
    bench.advance(days=31)
    assert [entry["tags"] for entry in models.overnight()] == [["multi"]]
    assert [entry["digest"] for entry in models.overnight()] == [child.digest]


def test_settings_survive_the_process_and_invalid_ones_are_refused(
    bench: Bench, models: ArtifactRegistryBackend
) -> None:
    set_policies(models, DELETE_OLD)
    catalog = Catalog(bench.database, "artifact-registry", bench.clock)
    again = ArtifactRegistryBackend(models.context, catalog)
    assert again.admin("repository-describe", {"name": "ml-course-1/models"})["cleanupPolicies"] == [DELETE_OLD]
    for wrong in ([{"name": "x"}], {}, [DELETE_OLD, {**DELETE_OLD, "condition": {}}] * 6):
        with pytest.raises(RegistryError):
            models.admin("cleanup-set", {"name": "ml-course-1/models", "policies": wrong, "dry_run": True})
    for project, repository, location in (
        ("P", "models2", "us"),
        ("ml-course-1", "A", "us"),
        ("ml-course-1", "a", "U"),
    ):
        with pytest.raises(RegistryError):
            create(models, repository, project=project, location=location)


def test_deleting_a_repository_takes_its_images(bench: Bench, models: ArtifactRegistryBackend) -> None:
    image = manifest(PATH, "1")
    models.commit_push(OWNER, image)
    models.admin("repository-delete", {"name": "ml-course-1/models"})
    assert models.names.tags(PATH) is None and bench.store.deleted == [(PATH, image.digest)]
    assert refused(models, OWNER, PATH, Action.PULL).code == "NAME_UNKNOWN"
