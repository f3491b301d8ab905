"""What happens while something else is under way: nobody is told of a change that does not hold, nothing is half gone.

Each test lets a second request begin at the worst moment of a first one. It goes through at once, or it waits for a
lock that the first one holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from autograder.emulators.acr.backend import AcrBackend
from autograder.emulators.artifact_registry.backend import ArtifactRegistryBackend
from autograder.emulators.hub.backend import HubBackend
from autograder.emulators.hub.limits import PullLimits
from autograder.emulators.interface import Caller, Manifest, RegistryError
from autograder.emulators.registry.catalog import Catalog
from autograder.emulators.registry.catalog_backend import CatalogBackend

from .support import Bench, Meanwhile, manifest, when_called

OWNER = Caller("owner")
IMAGE = "ml-course-1/models/app"


def push(backend: CatalogBackend, image: Manifest, before_commit: Callable[[], Any] | None = None) -> None:
    """What the proxy does for a manifest, and something just before the end of it."""
    with backend.context.lock(image.repository):
        backend.check_push(OWNER, image)
        if before_commit:
            before_commit()
        backend.commit_push(OWNER, image)


# Artifact Registry


@pytest.fixture
def google(bench: Bench) -> ArtifactRegistryBackend:
    catalog = Catalog(bench.database, "artifact-registry", bench.clock)
    backend = ArtifactRegistryBackend(bench.context("artifact-registry", {}), catalog)
    create(backend)
    return backend


def create(backend: ArtifactRegistryBackend, name: str = "models") -> None:
    more = {"location": "us-central1", "immutable_tags": False}
    backend.admin("repository-create", {"project": "ml-course-1", "repository": name, **more})


@pytest.mark.parametrize("known", [False, True])
def test_a_repository_is_deleted_with_what_is_being_pushed(google: ArtifactRegistryBackend, known: bool) -> None:
    if known:
        push(google, manifest(IMAGE, "0", "zero"))
    deletions: list[Meanwhile] = []

    def delete() -> None:
        deletions.append(Meanwhile(lambda: google.admin("repository-delete", {"name": "ml-course-1/models"})))

    try:
        push(google, manifest(IMAGE, "1"), delete)
    except RegistryError as refused:
        assert (refused.status, refused.code) == (404, "NAME_UNKNOWN")
    deletions[0].end()
    assert google.names.repositories() == [], "an image is left in a repository that is gone"
    with pytest.raises(RegistryError, match="not found"):
        google.check_push(OWNER, manifest(IMAGE, "1"))


def test_a_push_waits_no_longer_than_for_its_own_image(google: ArtifactRegistryBackend) -> None:
    with google.context.lock(IMAGE):
        Meanwhile(lambda: push(google, manifest("ml-course-1/models/other", "1"))).end()
        listing = Meanwhile(lambda: google.admin("repository-list", {}))
        assert [entry["packages"] for entry in listing.end()] == [["other"]]


def test_tags_that_were_told_to_be_immutable_are(google: ArtifactRegistryBackend) -> None:
    first = manifest(IMAGE, "1", "one")
    push(google, first)

    def set_immutable() -> None:
        google.admin("repository-immutable", {"name": "ml-course-1/models", "immutable_tags": True})

    with pytest.raises(RegistryError, match="tag immutability"):
        push(google, manifest(IMAGE, "1", "two"), lambda: Meanwhile(set_immutable).end())
    assert google.names.resolve(IMAGE, "1") == first.digest


def test_a_repository_is_deleted_during_its_cleanup(
    bench: Bench, google: ArtifactRegistryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "1d", "tagState": "any"}}
    create(google, "other")
    for name in ("ml-course-1/models", "ml-course-1/other"):
        google.admin("cleanup-set", {"name": name, "policies": [rule], "dry_run": False})
        push(google, manifest(f"{name}/app", "1"))
    bench.advance(days=2)
    deletion = when_called(
        monkeypatch, google, "images", lambda: google.admin("repository-delete", {"name": "ml-course-1/other"})
    )
    assert [entry["repository"] for entry in google.overnight()] == [IMAGE]
    deletion[0].end()
    assert google.names.repositories() == ["ml-course-1/models/app"]


def test_a_policy_that_is_taken_back_during_its_cleanup_takes_nothing_more(
    bench: Bench, google: ArtifactRegistryBackend
) -> None:
    rule = {"name": "old", "action": {"type": "Delete"}, "condition": {"olderThan": "1d", "tagState": "any"}}
    settings = {"name": "ml-course-1/models", "policies": [rule], "dry_run": False}
    google.admin("cleanup-set", settings)
    push(google, manifest(IMAGE, "1"))
    bench.advance(days=2)
    with google.context.lock(IMAGE):
        night = Meanwhile(google.overnight)
        Meanwhile(lambda: google.admin("cleanup-set", {**settings, "policies": []})).end()
    assert night.end() == [] and google.names.tags(IMAGE) == ["1"]


# Docker Hub


@pytest.fixture
def hub(bench: Bench) -> HubBackend:
    credentials = {"accounts": {"student": "pw"}, "publisher": "publisher"}
    catalog = Catalog(bench.database, "dockerhub", bench.clock)
    limits = PullLimits(bench.database, bench.clock, "publisher")
    return HubBackend(bench.context("dockerhub", credentials), catalog, limits)


@pytest.mark.parametrize("first", ["repository-privacy", "repository-immutable"])
def test_neither_setting_is_written_from_an_old_view(
    hub: HubBackend, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    hub.admin("repository-create", {"name": "student/app", "private": False})
    changes = {
        "repository-privacy": {"name": "student/app", "private": True},
        "repository-immutable": {"name": "student/app", "rules": ["^v"]},
    }
    [second] = changes.keys() - {first}
    other = when_called(monkeypatch, hub.names, "change_attributes", lambda: hub.admin(second, changes[second]))
    hub.admin(first, changes[first])
    other[0].end()
    assert hub.names.attributes("student/app") == {"private": True, "immutable": ["^v"]}


def test_immutability_is_not_told_before_an_older_push_has_ended(hub: HubBackend) -> None:
    push(hub, manifest("student/app", "v1", "one"))
    with hub.context.lock("student/app"):
        change = Meanwhile(lambda: hub.admin("repository-immutable", {"name": "student/app", "rules": ["^v"]}))
        assert change.waits
    change.end()


LEAVING = {"name": "heron1a2b"}
NEW_TOKEN = {"owner": "heron1a2b", "name": "laptop", "scope": "repo:write", "days": 30}
NEW_REPOSITORY = {"name": "heron1a2b/app", "private": False}


def forgotten(hub: HubBackend, *begun: Meanwhile) -> None:
    """All requests have ended, and nothing of the account is left."""
    for request in begun:
        request.end()
    assert hub.admin("account-forget", LEAVING)["gone"] is False
    assert hub.admin("token-list", {}) == [] and hub.snapshot()["revoked"] == []
    assert hub.names.repositories() == []


@pytest.mark.parametrize(
    ("operation", "arguments", "moment"),
    [("token-create", NEW_TOKEN, "tokens.create"), ("repository-create", NEW_REPOSITORY, "names.create")],
)
def test_an_account_goes_with_what_it_is_being_given(
    hub: HubBackend, monkeypatch: pytest.MonkeyPatch, operation: str, arguments: dict[str, Any], moment: str
) -> None:
    hub.admin("account-create", LEAVING)
    owner, _, method = moment.partition(".")
    forget = when_called(monkeypatch, getattr(hub, owner), method, lambda: hub.admin("account-forget", LEAVING))
    hub.admin(operation, arguments)
    forgotten(hub, *forget)


@pytest.mark.parametrize(
    ("operation", "arguments"), [("token-create", NEW_TOKEN), ("repository-create", NEW_REPOSITORY)]
)
def test_an_account_that_is_going_gets_nothing_more(
    hub: HubBackend, monkeypatch: pytest.MonkeyPatch, operation: str, arguments: dict[str, Any]
) -> None:
    hub.admin("account-create", LEAVING)
    late = when_called(monkeypatch, hub.tokens, "forget", lambda: hub.admin(operation, arguments))
    assert hub.admin("account-forget", LEAVING)["gone"] is True
    with pytest.raises(RegistryError, match="no account heron1a2b"):
        late[0].end()
    forgotten(hub)


def test_an_account_goes_with_what_is_being_pushed(hub: HubBackend) -> None:
    hub.admin("account-create", LEAVING)
    begun: list[Meanwhile] = []
    with pytest.raises(RegistryError, match="no account heron1a2b"):
        push(
            hub,
            manifest("heron1a2b/app", "1"),
            lambda: begun.append(Meanwhile(lambda: hub.admin("account-forget", LEAVING))),
        )
    forgotten(hub, *begun)
    push(hub, manifest("library/python", "3.11"))  # nobody's account


def test_who_signs_up_while_the_name_is_being_freed_has_an_account(
    hub: HubBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.admin("account-create", LEAVING)
    again = when_called(monkeypatch, hub.names, "repositories", lambda: hub.admin("account-create", LEAVING))
    hub.admin("account-forget", LEAVING)
    assert again[0].end() == {"name": "heron1a2b", "created": True}
    assert "heron1a2b" in hub.admin("account-list", {})
    assert hub.admin("token-create", NEW_TOKEN)["owner"] == "heron1a2b"


def test_an_account_whose_removal_broke_off_can_be_removed(hub: HubBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.admin("account-create", LEAVING)
    push(hub, manifest("heron1a2b/app", "1"))
    with monkeypatch.context() as patch:
        patch.setattr(hub, "forget", lambda repository: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            hub.admin("account-forget", LEAVING)
    hub.admin("token-create", NEW_TOKEN)  # it is an account as before
    assert hub.admin("account-forget", LEAVING)["gone"] is True
    forgotten(hub)


def test_a_repository_is_deleted_while_its_settings_change(hub: HubBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"privacy": {"private": True}, "immutable": {"rules": ["^v"]}}
    for name, arguments in settings.items():
        hub.admin("repository-create", {"name": "student/app", "private": False})
        deletion = when_called(
            monkeypatch, hub.names, "change_attributes", lambda: hub.admin("repository-delete", {"name": "student/app"})
        )
        assert hub.admin(f"repository-{name}", {"name": "student/app", **arguments})["name"] == "student/app"
        deletion[0].end()
        hub.admin("repository-create", {"name": "student/app", "private": False})
        with hub.context.lock("student/app"):
            change = Meanwhile(lambda n=name, a=arguments: hub.admin(f"repository-{n}", {"name": "student/app", **a}))
            hub.admin("repository-delete", {"name": "student/app"})
        with pytest.raises(RegistryError, match="no repository student/app"):
            change.end()


# Azure Container Registry


@pytest.fixture
def acr(bench: Bench) -> AcrBackend:
    credentials = {"registry": "r", "admin_password": "a", "entra_token": "e", "host": "localhost:5005"}
    return AcrBackend(bench.context("acr", credentials), Catalog(bench.database, "acr", bench.clock))


def test_deleting_a_tag_that_has_gone_leaves_the_repository(acr: AcrBackend) -> None:
    for tag in ("1", "2"):
        push(acr, manifest("app", tag, tag))
    with acr.context.lock("app"):
        deletion = Meanwhile(lambda: acr.admin("repository-delete", {"image": "app:1"}))
        acr.names.untag("app", "1")
    with pytest.raises(RegistryError) as caught:
        deletion.end()
    assert caught.value.status == 404
    assert acr.names.tags("app") == ["2"] and len(acr.names.records("app")) == 2


def test_an_untagged_image_is_the_one_that_had_the_tag(acr: AcrBackend) -> None:
    push(acr, manifest("app", "1", "one"))
    second = manifest("app", "1", "two")
    with acr.context.lock("app"):
        untag = Meanwhile(lambda: acr.admin("repository-untag", {"image": "app:1"}))
        acr.names.push(second)
    assert untag.end() == {"untagged": "app:1", "digest": second.digest}


def test_locking_an_image_that_has_gone_is_told_so(acr: AcrBackend) -> None:
    push(acr, manifest("app", "1", "one"))
    push(acr, manifest("app", "2", "two"))
    with acr.context.lock("app"):
        change = Meanwhile(
            lambda: acr.admin("repository-update", {"image": "app:1", "attributes": {"writeEnabled": False}})
        )
        acr.names.untag("app", "1")
    with pytest.raises(RegistryError) as caught:
        change.end()
    assert caught.value.status == 404 and acr.names.attributes("app") == {}


def test_two_scope_maps_are_both_kept(acr: AcrBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    def create_map(name: str) -> Any:
        return acr.admin("scope-map-create", {"name": name, "actions": ["repositories/app/content/read"]})

    other = when_called(monkeypatch, acr.settings, "_save", lambda: create_map("second"))
    create_map("first")
    other[0].end()
    names = {entry["name"] for entry in acr.admin("scope-map-list", {})}
    assert {"first", "second"} <= names


def test_a_name_is_one_tokens(acr: AcrBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"name": "ci-runner", "scope_map": "_repositories_pull", "repositories": [], "days": None}
    other = when_called(monkeypatch, acr.settings.tokens, "create", lambda: acr.admin("token-create", asked))
    acr.admin("token-create", asked)
    with pytest.raises(RegistryError) as caught:
        other[0].end()
    assert caught.value.status == 409 and len(acr.admin("token-list", {})) == 1


@pytest.mark.parametrize("image", ["app", "app:old"])
def test_what_was_locked_in_the_meantime_is_not_purged(bench: Bench, acr: AcrBackend, image: str) -> None:
    push(acr, manifest("app", "old"))
    bench.advance(days=2)
    lock = {"image": image, "attributes": {"deleteEnabled": False}}
    with acr.context.lock("app"):
        purge = Meanwhile(lambda: acr.admin("run", {"cmd": "acr purge --filter 'app:.*' --ago 1d"}))
        acr.admin("repository-update", lock)
    assert purge.end()["gone"] == []
    assert acr.names.tags("app") == ["old"]
